"""An authority asked over HTTP, and `muniment timestamp` at the desk."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import timestamps
from ledger.application import Ledger
from ledger.errors import (
    IncompleteError,
    UsageError,
)
from ledger.folder import Folder
from ledger.offline.der import MAX_BYTES
from ledger.offline.token import Token
from ledger.timestamp_client import QUERY, ask
from ledger.timestamps import Request
from tests.ledger import tsa
from tests.ledger.desk import Desk
from tests.ledger.stamping import serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[tsa.Authority, tsa.Issued]:
    return tsa.authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamping(authority: tuple[tsa.Authority, tsa.Issued]) -> tsa.Authority:
    return authority[0]


@pytest.fixture(scope="module")
def root(authority: tuple[tsa.Authority, tsa.Issued]) -> tsa.Issued:
    return authority[1]


# -- over HTTP -------------------------------------------------------------------------------------


def test_an_authority_is_asked_over_http(
    ledger: Ledger, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    asking = Request.over(timestamps.newest(ledger))
    with serving(stamping) as server:
        reply = ask(server.url, asking.query())
    assert server.heard == [("/tsr?a=1", QUERY, asking.query())]
    assert isinstance(timestamps.check(asking, reply, [root.der]), Token)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("status", 500, "status 500"), ("status", 404, "status 404"), ("status", 302, "status 302"),
        ("kind", "text/html", "something else"), ("kind", "application/octet-stream", "something"),
        ("change", lambda _: bytes(MAX_BYTES + 1), "too much"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_reply_is_refused(
    stamping: tsa.Authority, field: str, value: object, why: str
) -> None:
    query = Request(b"note", 2**62).query()
    with serving(stamping) as server:
        setattr(server, field, value)
        with pytest.raises(IncompleteError, match=why):
            ask(server.url, query)
    assert len(server.heard) == 1  # no redirect is followed


def test_an_authority_that_answers_drop_by_drop_is_cut_off(stamping: tsa.Authority) -> None:
    with serving(stamping) as server:
        server.drip = True
        before = time.monotonic()
        with pytest.raises(IncompleteError):
            ask(server.url, Request(b"note", 2**62).query(), 1.0)
        assert time.monotonic() - before < 20


def test_an_authority_that_is_not_there_is_named() -> None:
    with pytest.raises(IncompleteError, match="did not answer"):
        ask("http://127.0.0.1:1/", b"", 2.0)


@pytest.mark.parametrize(
    "url", ["", "ftp://a/", "file:///etc/passwd", "http://", "http://a b/", "http://u:p@a/",
            "http://a/#x", "http://a:0/", "http://a:99999/", "//a/", "http://例.com/"],
)  # fmt: skip
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(UsageError, match="no authority's address"):
        ask(url, b"")


# -- at the desk -----------------------------------------------------------------------------------


@pytest.fixture
def trusting(desk: Desk, root: tsa.Issued, tmp_path: Path) -> Desk:
    (tmp_path / "root.pem").write_bytes(root.pem)
    desk.did("timestamp", "trust", str(tmp_path / "root.pem"))
    return desk


def test_by_file_request_add_list_show_and_verify(
    trusting: Desk, stamping: tsa.Authority, root: tsa.Issued, tmp_path: Path
) -> None:
    record = trusting.collect()
    asked = trusting.json("timestamp", "request", "--out", str(tmp_path / "a.tsq"))
    reply = stamping.reply((tmp_path / "a.tsq").read_bytes())
    (tmp_path / "a.tsr").write_bytes(reply)
    added = trusting.json("timestamp", "add", str(tmp_path / "a.tsr"))
    (row,) = trusting.json("timestamp", "list")
    assert (row["timestamp"], row["size"]) == (added["timestamp"], asked["entries"])
    assert (row["trusted"], row["imprint"]) == (True, asked["imprint"])
    shown = trusting.json("show", f"{record}/1")
    assert (shown["not_before"], shown["not_after"]) == (None, added["gen_time"])
    assert "provably not after" in trusting.did("show", f"{record}/1", MUNIMENT_LANG="en")
    assert "provably not after" in trusting.did("history", record, MUNIMENT_LANG="en")
    assert {r["not_after"] for r in trusting.json("history", record)} == {added["gen_time"]}
    trusting.did("verify")
    before = trusting.json("status")["events"]
    again = trusting.json("timestamp", "add", str(tmp_path / "a.tsr"))
    assert again == {"timestamp": added["timestamp"], "recorded": False}
    said = trusting.did("timestamp", "add", str(tmp_path / "a.tsr"), MUNIMENT_LANG="en")
    assert added["timestamp"] in said
    assert "recorded already" in said
    assert trusting.json("status")["events"] == before


def test_two_files_are_written_that_openssl_verifies(
    trusting: Desk, stamping: tsa.Authority, tmp_path: Path
) -> None:
    with serving(stamping) as server:
        got = trusting.json("timestamp", "get", "--url", server.url)
    note, reply = str(tmp_path / "note"), str(tmp_path / "reply")
    trusting.did("timestamp", "export", got["timestamp"], "--note", note, "--reply", reply)
    tsa.run("ts", "-verify", "-data", note, "-in", reply, "-CAfile", str(tmp_path / "root.pem"))


def test_over_http_nothing_is_asked_before_somebody_is_trusted(
    desk: Desk, stamping: tsa.Authority
) -> None:
    with serving(stamping) as server:
        said = desk.error("timestamp", "get", "--url", server.url, code=2)
    assert "no time-stamping authority is trusted" in said["message"]
    assert server.heard == []


def test_a_foreign_reply_leaves_nothing(trusting: Desk, tmp_path: Path) -> None:
    """Exit code 3 for a reply that does not hold; the ledger is as it was."""
    before = trusting.json("status")
    other = tsa.issue(replace(tsa.ROOT, which=9))  # of the same name, with another key
    forger = tsa.Authority(tmp_path / "forger", tsa.issue(tsa.SIGNER, other))
    with serving(forger) as server:
        said = trusting.error("timestamp", "get", "--url", server.url, code=3)
    assert "vouches for who signed" in said["message"]
    assert trusting.json("timestamp", "list") == []
    assert trusting.json("status")["events"] == before["events"]
    assert not list((trusting.firm.path / "trust").glob("timestamps/*"))


def test_roots_are_pinned_once_and_only_certificates(
    desk: Desk, root: tsa.Issued, tmp_path: Path
) -> None:
    file = tmp_path / "root"
    file.write_bytes(root.der)
    assert desk.json("timestamp", "trust", str(file)) == {"pinned": [sha256(root.der).hexdigest()]}
    assert desk.json("timestamp", "trust", str(file)) == {"pinned": []}
    file.write_bytes(root.private_pem)
    desk.error("timestamp", "trust", str(file), code=2)
    assert Folder(desk.firm.path).tsa_roots() == (root.der,)


def test_an_existing_file_is_not_written_over(trusting: Desk, tmp_path: Path) -> None:
    trusting.error("timestamp", "request", "--out", str(tmp_path / "root.pem"), code=2)
    assert not list((trusting.firm.path / "trust").glob("timestamps/*"))


def waiting(desk: Desk) -> list[Path]:
    """The requests that wait for a reply."""
    return list((desk.firm.path / "trust").glob("timestamps/*"))


def test_a_request_waits_only_if_its_file_was_written(desk: Desk, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    for out in (tmp_path / "nowhere" / "a.tsq", long):
        said = desk.error("timestamp", "request", "--out", str(out), code=2)
        assert "nothing was changed" in said["message"]
    assert waiting(desk) == []
    desk.error("timestamp", "request", "--out", " ", code=2)
    assert not Path(" ").exists()


def test_a_request_goes_to_standard_output(desk: Desk) -> None:
    result = desk.run("timestamp", "request", "--out", "-", MUNIMENT_LANG="en")
    (kept,) = waiting(desk)
    assert result.exit_code == 0
    assert result.stdout_bytes == Request.parse(kept.read_bytes()).query()
    assert "asked for: " in result.stderr
    assert not Path("-").exists()
    desk.error("timestamp", "request", "--out", "-", code=2)  # JSON would stand in its midst


@pytest.mark.parametrize("refused", ["nowhere/reply", "x" * 300])
def test_both_files_of_a_time_stamp_are_written_or_none(
    trusting: Desk, stamping: tsa.Authority, tmp_path: Path, refused: str
) -> None:
    with serving(stamping) as server:
        got = trusting.json("timestamp", "get", "--url", server.url)["timestamp"]
    note = tmp_path / "note"
    for pair in ((note, tmp_path / refused), (note, note)):
        asked = ("--note", str(pair[0]), "--reply", str(pair[1]))
        said = trusting.error("timestamp", "export", got, *asked, code=2)
        assert "nothing was changed" in said["message"]
        assert not note.exists()


def test_a_file_that_is_no_reply_is_a_wrong_call(trusting: Desk, tmp_path: Path) -> None:
    for content in (b"", b"no reply", bytes(70_000)):
        (tmp_path / "x.tsr").write_bytes(content)
        said = trusting.error("timestamp", "add", str(tmp_path / "x.tsr"), code=2)
        assert "no time-stamp reply" in said["message"]


def test_a_certificate_out_of_its_time_is_named_as_that(
    trusting: Desk, root: tsa.Issued, tmp_path: Path
) -> None:
    """The reply is sound but for this: it states a time at which its signer's had expired."""
    trusting.did("timestamp", "request", "--out", str(tmp_path / "a.tsq"))
    (kept,) = waiting(trusting)
    asking = Request.parse(kept.read_bytes())
    for when in ("20990101000000Z", "20010101000000Z"):
        content = tsa.tst_info(asking.imprint, when, nonce=asking.nonce)
        reply = tsa.cms(tmp_path, content, tsa.issue(tsa.SIGNER, root))
        (tmp_path / "a.tsr").write_bytes(reply)
        said = trusting.error("timestamp", "add", str(tmp_path / "a.tsr"), code=3)
        assert "had expired, or was not valid yet" in said["message"], when


def test_who_pins_what_is_no_authoritys_root_is_told(
    desk: Desk, root: tsa.Issued, tmp_path: Path
) -> None:
    (tmp_path / "root.der").write_bytes(root.der)
    (tmp_path / "signer.der").write_bytes(tsa.issue(tsa.SIGNER, root).der)
    good = desk.run("timestamp", "trust", str(tmp_path / "root.der"), MUNIMENT_LANG="en")
    odd = desk.run("timestamp", "trust", str(tmp_path / "signer.der"), MUNIMENT_LANG="en")
    assert (good.exit_code, odd.exit_code, good.stderr) == (0, 0, "")
    assert "no certificate of an authority (CA)" in odd.stderr
