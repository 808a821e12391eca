"""`muniment index` and `muniment tiles`, as people give them."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ledger.tlog.merkle import leaf_hash, verify_inclusion
from tests.ledger.desk import Desk
from tests.ledger.monitor import checkpoint, follow


@pytest.fixture
def published(desk: Desk) -> dict[str, object]:
    """One record, and an index over it."""
    record = desk.collect()
    return {"record": record, **desk.json("index", "publish")}


def test_publish_says_what_it_recorded_and_signs_the_state(
    desk: Desk, published: dict[str, object]
) -> None:
    assert published["index"] == published["events"][0]["event"]  # type: ignore[index]
    note = desk.json("checkpoint")
    assert note["size"] == published["entry"] + 1  # type: ignore[operator]
    shown = desk.json("index", "show")
    assert [row["index"] for row in shown] == [published["index"]]
    assert {key: shown[0][key] for key in ("size", "rows", "root")} == {
        key: published[key] for key in ("size", "rows", "root")
    }


def test_an_index_is_named_only_to_ask_for_something_in_it(
    desk: Desk, published: dict[str, object]
) -> None:
    said = desk.error("index", "show", "--index", str(published["index"]), code=2)
    assert "--of" in said["message"]
    assert desk.json("index", "show", "--of", str(published["record"]), "--index",
                     str(published["index"]))["event"] == published["index"]  # fmt: skip


def test_publish_prints_the_same_for_people(desk: Desk) -> None:
    said = desk.did("index", "publish")
    assert "rows over" in said
    assert "/2" in said
    assert "that one stands" in desk.run("index", "publish").stderr
    assert desk.json("index", "publish") == {"recorded": False}
    assert len(desk.json("index", "show")) == 1


def test_the_rows_of_a_record_come_with_their_proofs(
    desk: Desk, published: dict[str, object]
) -> None:
    record = str(published["record"])
    told = desk.json("index", "show", "--of", record[-12:])
    assert told["event"] == published["index"]
    own = [row for row in told["rows"] if row["text"].startswith(record)]
    assert len(own) == 1, "the record's own stream"
    for row in told["rows"]:
        hashes = [base64.b64decode(one) for one in row["hashes"]]
        root = bytes.fromhex(str(published["root"]))
        leaf = leaf_hash(row["text"].encode())
        verify_inclusion(row["row"], int(str(published["rows"])), leaf, hashes, root)
    lines = desk.did("index", "show", "--of", record).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [row["text"] for row in own]


def test_what_nothing_speaks_of_is_said_to_be_so(desk: Desk, published: dict[str, object]) -> None:
    other = "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    result = desk.run("index", "show", "--of", other)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing" in result.stderr
    assert len(desk.json("index", "show", "--of", other)["rows"]) >= 1


def test_no_index_yet_is_said(desk: Desk) -> None:
    assert desk.json("index", "show") == []
    error = desk.error("index", "show", "--of", desk.founder, code=2)
    assert "index publish" in error["remedy"]
    named = desk.error("index", "show", "--of", desk.founder, "--index", "x", code=2)
    assert "no index" in named["message"]


def test_verify_says_that_it_computed_the_index_again(
    desk: Desk, published: dict[str, object]
) -> None:
    note = desk.home / "note"
    note.write_text(desk.did("checkpoint"))
    said = desk.json("verify")
    assert (said["verdict"], said["indexes"], said["indexes_left"]) == ("valid", 1, 0)
    assert "1 published index was computed again" in desk.did("verify")
    desk.collect("another.txt", "乙方")
    desk.did("index", "publish")
    said = desk.json("verify", "--since", str(note))
    assert (said["verdict"], said["indexes"], said["indexes_left"]) == ("valid", 0, 1)
    assert "not computed again" in desk.did("verify", "--since", str(note))


def test_a_reader_without_the_right_role_may_not_publish(desk: Desk) -> None:
    """A reviewer keeps nothing."""
    error = desk.error("--as", desk.reviewer, "index", "publish", code=13)
    assert "I-" in json.dumps(error)
    assert desk.json("index", "show") == []


# -- tiles --------------------------------------------------------------------------------------


def test_tiles_are_exported_and_say_what_they_show(desk: Desk) -> None:
    folder = desk.home / "tiles"
    desk.did("checkpoint")
    result = desk.run("tiles", "export", str(folder))
    assert result.exit_code == 0, result.stderr
    assert "who signed with whom" in result.stderr
    seen = follow(lambda path: (folder / path).read_bytes())
    desk.collect("another.txt", "乙方")
    assert "not shown yet" in desk.run("tiles", "export", str(folder)).stderr
    desk.did("checkpoint")
    said = desk.json("tiles", "export", str(folder))
    assert (said["size"], said["not_covered"]) == (seen.size + 1, 0)
    follow(lambda path: (folder / path).read_bytes(), seen)


@contextmanager
def program(desk: Desk, *arguments: str) -> Iterator[str]:
    """A server as a program of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ledger.cli", *arguments], env=desk.program_environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.mark.parametrize("exported", [False, True])
def test_a_monitor_follows_what_is_served(desk: Desk, exported: bool) -> None:
    desk.did("checkpoint")
    folder = desk.home / "tiles"
    desk.did("tiles", "export", str(folder))
    where = ("--from", str(folder)) if exported else ()
    with program(desk, "tiles", "serve", *where, "--listen", "127.0.0.1:0") as url:

        def fetch(path: str) -> bytes | None:
            with urllib.request.urlopen(f"{url}/{path}", timeout=10) as answer:
                return bytes(answer.read())

        assert url.startswith("http://127.0.0.1:")
        assert follow(fetch) == checkpoint(lambda path: (folder / path).read_bytes())


def test_serving_nothing_or_nowhere_is_refused(desk: Desk) -> None:
    empty = desk.home / "empty"
    empty.mkdir()
    assert desk.error("tiles", "serve", "--from", str(empty), code=2)
    assert desk.error("tiles", "serve", "--listen", "nonsense", code=2)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert desk.error("tiles", "serve", "--listen", f"127.0.0.1:{port}", code=1)


def test_the_help_says_what_tiles_show(desk: Desk) -> None:
    assert "who signed with whom" in " ".join(desk.did("tiles", "export", "--help").split())
    assert Path(desk.firm.path).exists()
