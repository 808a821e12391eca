"""A ledger's states are cosigned under its policy, and what is missing is said."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ledger.cosigning import Enrolled, policy_of, set_policy
from ledger.errors import UsageError
from ledger.evidence import unb64url
from ledger.folder import Folder
from ledger.publishing import enrolled_keys
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.fork import read_head
from ledger.tlog.note import COSIGNATURE, Note, VerifierKey
from ledger.witness_client import check_url
from ledger.witness_state import open_folder
from tests.ledger.desk import Desk
from tests.ledger.published import House, house_fixture  # noqa: F401  found by its name
from tests.ledger.replicas import acted
from tests.ledger.signers import signer


def test_publishing_gathers_over_http_and_by_file_until_the_quorum_is_met(house: House) -> None:
    house.set()
    told = house.published("--files", "out", code=4)
    assert house.states(told) == {"buyer": "cosigned", "auditor": "by_file"}
    assert (told["quorum"], told["missing"]) == (False, ["auditor"])
    proof = f"out/{house.auditor.key.key_id.hex()}.proof"
    assert told["files"] == ["out/checkpoint.txt", proof]
    signed = house.by_file("out/checkpoint.txt", "--proof", proof)
    assert signed.exit_code == 0, signed.stderr
    taken = house.taken(signed.stdout)
    assert (taken["quorum"], taken["missing"]) == (True, [])
    again = house.published(code=0)
    assert house.states(again) == {"buyer": "had", "auditor": "had"}
    keys = [house.vkey, house.buyer.folder.key, house.auditor.key]
    assert len(open_checkpoint(again["note"].encode(), keys).cosignatures) == 2


def test_publishing_again_stores_nothing_new(house: House) -> None:
    house.set()
    house.published(code=4)
    before = house.rows()
    house.published(code=4)
    house.published(code=4)
    assert house.rows() == before


def test_a_grown_ledger_is_published_from_what_the_witness_knows(house: House) -> None:
    house.set(quorum="any")
    assert house.states(house.published(code=0))["buyer"] == "cosigned"
    acted(house.desk.firm, 3)
    assert house.states(house.published(code=0))["buyer"] == "cosigned"
    (house.desk.firm.path / "trust" / "policy").unlink()
    acted(house.desk.firm, 2)
    house.set(quorum="any")
    assert house.published(code=0)["size"] == 7


def test_a_witness_that_knows_more_than_is_stored_here_tells_from_where(house: House) -> None:
    """Its cosignature was lost on the way: 409, and asked again."""
    house.set(quorum="any")
    note = house.desk.did("checkpoint").encode()
    assert house.buyer.add(b"old 0\n\n" + note).status == 200
    acted(house.desk.firm, 4)
    told = house.published(code=0)
    assert (house.states(told)["buyer"], told["size"]) == ("cosigned", 6)


def test_by_file_the_next_proof_goes_on_from_what_was_taken(house: House) -> None:
    house.set()
    house.published("--files", "out", code=4)
    assert house.taken(house.by_file("out/checkpoint.txt").stdout)["quorum"]
    acted(house.desk.firm, 5)
    house.published("--files", "next", code=4)
    refused = house.by_file("next/checkpoint.txt")
    assert refused.exit_code == 2
    assert "needs the proof from the 2 entries" in refused.stderr
    proof = f"next/{house.auditor.key.key_id.hex()}.proof"
    assert house.taken(house.by_file("next/checkpoint.txt", "--proof", proof).stdout)["quorum"]
    acted(house.desk.firm)
    house.desk.did("checkpoint", "sign")
    Path("by-hand.proof").write_text(house.desk.did("checkpoint", "prove", "7"))
    Path("head.txt").write_text(house.desk.did("checkpoint"))
    assert house.by_file("head.txt", "--proof", "by-hand.proof").exit_code == 0


def test_a_cosignature_that_comes_late_is_taken_for_the_state_that_it_is_of(house: House) -> None:
    house.set()
    house.published("--files", "out", code=4)
    late = house.by_file("out/checkpoint.txt").stdout
    acted(house.desk.firm, 2)
    house.published(code=4)
    assert house.taken(late)["size"] == 2
    assert house.published(code=4)["size"] == 4
    shown = house.desk.json("status")["cosigned"]
    assert (shown["met"]["size"], shown["newest"]["size"]) == (2, 4)
    assert shown["newest"]["missing"] == ["auditor"]
    note = house.desk.did("checkpoint")
    assert read_head(note.encode()).size == 4


# -- what goes wrong on the way -------------------------------------------------------------------


@contextmanager
def answering(status: int, body: bytes, kind: str = "text/plain") -> Iterator[str]:
    """A server that always says the same: not a witness."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/prefix/"
        server.shutdown()


SIZE = "text/x.tlog.size"


@pytest.mark.parametrize(
    ("status", "body", "kind", "state"),
    [
        (200, b"", "text/plain", "unacceptable"),
        (200, b"hello\n", "text/plain", "unacceptable"),
        (200, "— buyer.example/witness AAAAAAAA\n".encode(), "text/plain", "unacceptable"),
        (200, b"\xff\xfe\n", "text/plain", "unacceptable"),
        (302, b"", "text/plain", "refused"),
        (403, b"", "text/plain", "refused"),
        (404, b"", "text/plain", "refused"),
        (409, b"1\n", "text/plain", "refused"),
        (409, b"01\n", SIZE, "refused"),
        (409, b"1\n", SIZE, "refused"),
        (409, b"0\n", SIZE, "refused"),
        (409, b"99\n", SIZE, "ahead"),
        (422, b"", "text/plain", "disagrees"),
        (500, b"", "text/plain", "refused"),
        (200, b"x" * 70_000, "text/plain", "unreachable"),
    ],
)
def test_an_answer_that_is_none_is_told_for_what_it_is(
    status: int, body: bytes, kind: str, state: str, house: House
) -> None:
    with answering(status, body, kind) as url:
        house.set(url=url)
        before = house.rows()
        told = house.published("--timeout", "5", code=4)
    assert house.states(told)["buyer"] == state
    assert set(house.rows()) - set(before) <= {house.rows()[-1]}
    assert len(Note.parse(house.rows()[-1]).signatures) == 1


def test_a_cosignature_of_another_state_or_by_another_key_is_not_kept(house: House) -> None:
    house.set(quorum="any")
    first = house.published(code=0)["note"].encode()
    line = Note.parse(first).signatures[-1].format().encode()
    acted(house.desk.firm)
    with answering(200, line) as url:
        house.set(url=url)
        assert house.states(house.published(code=4))["buyer"] == "unacceptable"
    assert house.desk.json("verify")["verdict"] == "valid"


def test_a_witness_that_is_not_there_is_waited_for_no_longer_than_asked(house: House) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        house.set(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        told = house.published("--timeout", "0.5", code=4)
    assert house.states(told)["buyer"] == "unreachable"
    told = house.published(code=4)
    assert house.states(told)["buyer"] == "unreachable"
    assert house.desk.run("checkpoint", "publish").exit_code == 4


def test_nobody_waits_for_the_lock_while_a_witness_is_waited_for(house: House) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        house.set(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        done = []

        def publish() -> None:
            done.append(house.desk.program("checkpoint", "publish", "--timeout", "4"))

        thread = threading.Thread(target=publish)
        thread.start()
        connection, _address = silent.accept()
        with connection:
            acted(house.desk.firm)  # takes the lock at once, or fails
            thread.join()
    assert done[0].returncode == 4


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "x", "http://", "http://u:p@x", "http://x?q", "http://x#f", "http://x:0",
     "http://x:99999", "http://é", "//x"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        check_url(url)


# -- the policy -----------------------------------------------------------------------------------


def test_a_policy_is_read_strictly(house: House) -> None:
    good = house.policy().read_text()
    for bad in (
        good.replace("log ", "log  "), good + "\n", good + "# who is who\n",
        good.replace("quorum both", "quorum nobody"), good.removesuffix("\n"),
        good + good, good.replace(house.buyer.folder.key.format(), house.auditor.key.format()),
        good.replace(f"log {house.vkey.format()}\n", ""),
        good.replace(house.vkey.format(), signer("other.example/ledger").verifier.format()),
        good.replace(house.vkey.format(), signer(house.vkey.name, seed="z").verifier.format()),
        f"log {signer(house.vkey.name, seed='z').verifier.format()}\n{good}",
        good.replace("group both all", "group both 3"), "", "quorum none\n",
    ):  # fmt: skip
        file = house.desk.home / "bad.txt"
        file.write_text(bad)
        assert house.desk.run("checkpoint", "policy", str(file)).exit_code == 2, bad
    assert policy_of(Folder(house.desk.firm.path)) is None
    house.set()
    assert house.desk.did("checkpoint", "policy") == good


def test_a_key_that_the_ledger_enrolled_is_no_witnesss(house: House) -> None:
    """Neither the ledger's own nor an actor's: they would say nothing that is not said already."""
    folder = Folder(house.desk.firm.path)
    with house.desk.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        enrolled = enrolled_keys(connection)
        rows = connection.exec_driver_sql(
            "SELECT public FROM keys WHERE kind = 'ed25519'"
        ).scalars()
        publics = [unb64url(row) for row in rows]
    assert house.vkey.public in publics
    assert len(publics) >= 3
    for public in publics:
        key = VerifierKey.of("somebody.example/witness", COSIGNATURE, public)
        data = f"log {house.vkey.format()}\nwitness w {key.format()}\nquorum w\n".encode()
        with pytest.raises(UsageError, match=r"who acts in it|in the policy twice"):
            set_policy(folder, data, enrolled)
    for name in (house.vkey.name, f"{house.vkey.name}/a/somebody"):
        key = signer(name, COSIGNATURE, seed="fresh").verifier
        data = f"log {house.vkey.format()}\nwitness w {key.format()}\nquorum w\n".encode()
        with pytest.raises(UsageError, match="who acts in it"):
            set_policy(folder, data, enrolled)


def _policy_with(house: House, key: VerifierKey) -> bytes:
    return f"log {house.vkey.format()}\nwitness w {key.format()}\nquorum w\n".encode()


def test_a_party_with_a_key_enrolled_to_cosign_is_a_witness_and_its_cosignature_counts(
    house: House, tmp_path: Path
) -> None:
    desk = house.desk
    secret = str(house.secret)
    enrolled = desk.json("key", "enrol", "--purpose", "cosign", "--new-passphrase-file", secret)
    (key_file,) = (desk.firm.path / "identity").glob(f"*.cosign.{enrolled['key']}.key")
    mine = {"MUNIMENT_PASSPHRASE_FILE": secret}
    desk.did("witness", "init", str(tmp_path / "own"), "--key", str(key_file), **mine)
    own = open_folder(tmp_path / "own")
    assert own.key.name.startswith(f"{house.vkey.name}/a/actor-")
    own.trust(house.vkey)
    policy = desk.home / "own-policy"
    policy.write_bytes(_policy_with(house, own.key))
    desk.did("checkpoint", "policy", str(policy))
    (desk.home / "now.txt").write_text(desk.did("checkpoint"), encoding="utf-8")
    signed = desk.did("witness", "sign", str(own.path), str(desk.home / "now.txt"), **mine)
    assert house.taken(signed)["quorum"]
    assert desk.json("verify")["cosigned"]["met"]["size"]
    assert desk.json("verify")["verdict"] == "valid"


@pytest.mark.parametrize("purpose", ["act", "seal", "checkpoint"])
def test_a_key_of_another_purpose_is_no_witnesss(house: House, purpose: str) -> None:
    desk = house.desk
    key_file = next((desk.firm.path / "identity").glob(f"*.{purpose}.*.key"))
    told = desk.error("witness", "init", str(desk.home / "other"), "--key", str(key_file), code=2)
    assert "not one to cosign with" in told["message"]
    assert not (desk.home / "other").exists()


def test_a_witness_has_a_new_key_or_an_enrolled_one(house: House) -> None:
    assert house.desk.error("witness", "init", "new", code=2)["message"].startswith("either --name")


def test_a_key_enrolled_to_cosign_certifies_no_index_and_stands_under_no_other_actors_name(
    house: House,
) -> None:
    folder, public = Folder(house.desk.firm.path), bytes(signer("a", COSIGNATURE).verifier.public)
    name = f"{house.vkey.name}/a/actor-one"
    cosign = Enrolled(public, "cosign", name)

    def judged(called: str, *enrolled: Enrolled) -> bool:
        key = VerifierKey.of(called, COSIGNATURE, public)
        try:
            set_policy(folder, _policy_with(house, key), enrolled)
        except UsageError as error:
            return "who acts in it" not in error.message
        return True

    assert judged("party.example/witness", cosign)
    assert judged(name, cosign)
    assert not judged("party.example/index", cosign)
    assert judged("party.example/index")
    assert not judged(f"{house.vkey.name}/a/actor-two", cosign)
    assert not judged(house.vkey.name, cosign)
    for purpose in ("act", "checkpoint", "seal"):
        assert not judged("party.example/witness", Enrolled(public, purpose, name))
        assert not judged("party.example/witness", cosign, Enrolled(public, purpose, name))


def test_without_a_policy_nothing_is_published_and_nothing_is_said(desk: Desk) -> None:
    said = desk.error("checkpoint", "publish", code=2)
    assert "checkpoint policy FILE" in said["remedy"]
    assert desk.json("status")["cosigned"] is None
    assert desk.json("verify")["cosigned"] is None
    assert desk.run("checkpoint", "show").exit_code == 0


def test_a_quorum_of_none_is_met_by_nobody(house: House) -> None:
    file = house.desk.home / "none.txt"
    file.write_text(f"log {house.vkey.format()}\nquorum none\n")
    house.desk.did("checkpoint", "policy", str(file))
    assert house.published(code=0)["witnesses"] == []
