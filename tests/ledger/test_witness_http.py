"""The witness as a server: every status of tlog-witness, limits, and two processes at once.

Each status is asked of a real server process, with the log that the test makes for itself.
"""

from __future__ import annotations

import http.client
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ledger.tlog.checkpoint import open_checkpoint, verify_line
from ledger.tlog.fork import Fork
from ledger.tlog.note import Note, SignatureLine
from ledger.witness import MAX_REQUEST_BYTES
from ledger.witness_http import IDLE_SECONDS, MOST_CONNECTIONS, MOST_REQUESTS, REQUEST_SECONDS
from ledger.witness_state import name_of
from tests.ledger.desk import Desk
from tests.ledger.signers import signer
from tests.ledger.test_witness import hostile
from tests.ledger.witnesses import Log, Served, make_witness, opened, serving, signed_text


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all: each test has a log of its own."""
    home = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        folder = make_witness(home / "witness")
        with serving(folder, home / "state") as server:
            yield server


@pytest.fixture
def log(served: Served, request: pytest.FixtureRequest) -> Log:
    """Pinned while the server runs: it is known at once."""
    name = re.sub("[^a-z0-9]", "-", request.node.name.lower())[:80]
    made = Log(f"example.com/{name}", 5)
    served.folder.trust(made.vkey)
    return made


# -- every status -------------------------------------------------------------------------------


def test_200_cosigned(served: Served, log: Log) -> None:
    reply = served.add(log.request(0))
    assert (reply.status, reply.kind) == (200, "text/plain; charset=utf-8")
    line = SignatureLine.parse(reply.body.decode().removesuffix("\n"))
    moment = verify_line(log.head(), served.folder.key, line)
    assert moment is not None
    assert abs(moment - time.time()) < 60


def test_200_again_for_the_same_checkpoint(served: Served, log: Log) -> None:
    assert served.add(log.request(0)).status == 200
    assert served.add(log.request(5)).status == 200


def test_400_malformed(served: Served, log: Log) -> None:
    for body in (b"", b"old 0\n", b"old x\n\n" + log.note(), b"\0" * 100):
        assert served.add(body).status == 400


def test_400_old_above_the_checkpoints_size(served: Served, log: Log) -> None:
    assert served.add(b"old 6\n\n" + log.note()).status == 400


def test_403_no_signature_of_a_trusted_key(served: Served, log: Log) -> None:
    text = log.head().format()
    assert served.add(b"old 0\n\n" + signed_text(signer("x.example/y"), text)).status == 403


def test_403_a_trusted_keys_signature_fails(served: Served, log: Log) -> None:
    line = SignatureLine(log.vkey.name, log.vkey.key_id, bytes(64))
    note = Note(log.head().format(), (line,)).format()
    assert served.add(b"old 0\n\n" + note).status == 403


def test_404_unknown_origin(served: Served) -> None:
    assert served.add(Log("unknown.example/log", 3).request(0)).status == 404


def test_404_another_path(served: Served) -> None:
    assert served.ask("GET", "/").status == 404
    assert served.ask("POST", "/add-checkpoints", b"").status == 404
    assert served.ask("GET", "/../../witness.key").status == 404
    assert served.ask("GET", f"/{'0' * 64}/checkpoint").status == 404


def test_405_another_method(served: Served) -> None:
    assert served.ask("GET", "/add-checkpoint").status == 405
    assert served.ask("PUT", "/add-checkpoint", b"x").status == 405
    assert served.ask("DELETE", "/").status == 405


def test_409_says_the_size_cosigned_last(served: Served, log: Log) -> None:
    assert served.add(log.request(0)).status == 200
    log.add(4)
    reply = served.add(log.request(3))
    assert (reply.status, reply.kind, reply.body) == (409, "text/x.tlog.size", b"5\n")


def test_409_says_0_where_nothing_was_cosigned(served: Served, log: Log) -> None:
    reply = served.add(log.request(3))
    assert (reply.status, reply.kind, reply.body) == (409, "text/x.tlog.size", b"0\n")


def test_411_no_length(served: Served) -> None:
    said = raw(served, b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 411 ")
    chunked = b"Transfer-Encoding: chunked\r\n\r\n5\r\nold 0\r\n0\r\n\r\n"
    said = raw(served, b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n" + chunked)
    assert said.startswith(b"HTTP/1.1 411 ")


def test_413_a_longer_body(served: Served) -> None:
    assert served.add(b"x" * (MAX_REQUEST_BYTES + 1)).status == 413
    length = b"Content-Length: 999999999\r\n\r\n"
    assert raw(served, b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n" + length).startswith(
        b"HTTP/1.1 413 "
    )


def test_422_a_bad_proof(served: Served, log: Log) -> None:
    assert served.add(log.request(0)).status == 200
    log.add(2)
    hashes = b"A" * 43 + b"=\n"
    assert served.add(b"old 5\n" + hashes + b"\n" + log.note()).status == 422
    assert served.add(b"old 5\n\n" + log.note()).status == 422


def test_422_the_same_size_with_another_root(served: Served, log: Log) -> None:
    assert served.add(log.request(0)).status == 200
    reply = served.add(log.fork(1, 4).request(5))
    assert reply.status == 422
    assert b"two histories" in reply.body
    (path,) = served.folder.kept(log.origin, "forks")
    Fork.parse(path.read_bytes()).check([log.vkey])


def test_422_size_0_with_a_root_that_is_not_the_empty_one(served: Served, log: Log) -> None:
    text = f"{log.origin}\n0\n{'A' * 43}=\n".encode()
    assert served.add(b"old 0\n\n" + signed_text(log.key, text)).status == 422


def test_500_when_what_was_cosigned_is_damaged(served: Served, log: Log) -> None:
    assert served.add(log.request(0)).status == 200
    place = served.folder.path / "logs" / name_of(log.origin) / "checkpoint"
    good = place.read_bytes()
    place.write_bytes(b"damaged")
    log.add()
    reply = served.add(log.request(5))
    assert reply.status == 500
    assert str(served.folder.path).encode() not in reply.body
    assert served.ask("GET", f"/{name_of(log.origin)}/checkpoint").status == 500
    place.write_bytes(good)
    assert served.add(log.request(5)).status == 200


@pytest.mark.parametrize("attack", hostile(Log(size=5)))
def test_attack_over_http(attack: str, served: Served, log: Log) -> None:
    body, status = hostile(log)[attack]
    expected = 413 if len(body) > MAX_REQUEST_BYTES else status
    assert served.add(body).status == expected
    assert served.folder.last(log.origin) is None


# -- monitoring ---------------------------------------------------------------------------------


def test_the_latest_checkpoint_is_served_with_both_signatures(served: Served, log: Log) -> None:
    path = f"/{name_of(log.origin)}/checkpoint"
    assert served.ask("GET", path).status == 404
    assert served.add(log.request(0)).status == 200
    log.add(3)
    assert served.add(log.request(5)).status == 200
    reply = served.ask("GET", path)
    assert (reply.status, reply.kind) == (200, "text/plain; charset=utf-8")
    kept = open_checkpoint(reply.body, [log.vkey, served.folder.key])
    assert kept.checkpoint == log.head()
    assert [c.verifier for c in kept.cosignatures] == [served.folder.key]
    head = served.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")


# -- limits -------------------------------------------------------------------------------------


def raw(served: Served, data: bytes, seconds: float = 30.0) -> bytes:
    """What comes back for bytes that no library would send."""
    with socket.create_connection((served.host, served.port), timeout=seconds) as connection:
        connection.sendall(data)
        said = b""
        try:
            while chunk := connection.recv(65_536):
                said += chunk
                head, _, body = said.partition(b"\r\n\r\n")
                found = re.search(rb"Content-Length: (\d+)", head)
                if found and len(body) >= int(found[1]):
                    return said
        except ConnectionResetError:
            pass
        return said


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 1000 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_not_http_gets_an_error_or_nothing(data: bytes, served: Served) -> None:
    said = raw(served, data)
    assert said == b"" or re.match(rb"HTTP/1\.1 (4\d\d|505) ", said) or b" 400 " in said[:20]
    assert served.ask("GET", "/").status == 404


def test_headers_without_end_are_cut_off(served: Served) -> None:
    with socket.create_connection((served.host, served.port), timeout=30) as connection:
        sent = 0
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with suppress(OSError):  # reset or broken pipe, as it happens
            while sent < 50_000_000:
                sent += connection.send(b"X: " + b"y" * 60_000 + b"\r\n")
        assert sent < 5_000_000


@pytest.mark.slow
def test_a_slow_request_is_cut_off_and_holds_nobody_up(served: Served, log: Log) -> None:
    """One byte at a time, with pauses that no time limit on a single read would notice."""
    body = log.request(0)
    start = time.monotonic()
    with socket.create_connection((served.host, served.port), timeout=30) as connection:
        connection.sendall(
            b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert served.add(body).status == 200  # somebody else, meanwhile
        try:
            for byte in body:
                connection.sendall(bytes([byte]))
                time.sleep(0.2)
                if time.monotonic() - start > REQUEST_SECONDS + 10:
                    break
        except OSError:
            pass
    assert time.monotonic() - start < REQUEST_SECONDS + 5


def test_a_connection_is_kept_for_several_requests(served: Served) -> None:
    connection = http.client.HTTPConnection(served.host, served.port, timeout=30)
    for number in range(MOST_REQUESTS):
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 404
        response.read()
        closed = response.headers["Connection"] == "close"
        assert closed == (number == MOST_REQUESTS - 1)
    connection.close()


def test_more_connections_than_there_are_places_get_503(served: Served) -> None:
    place = (served.host, served.port)
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(socket.create_connection(place, timeout=30))
        # They are accepted in the order in which they came.
        with socket.create_connection(place, timeout=30) as one_more:
            assert one_more.recv(1000).startswith(b"HTTP/1.1 503 ")
    until = time.monotonic() + 30
    while (status := served.ask("GET", "/").status) == 503 and time.monotonic() < until:
        time.sleep(0.05)  # that they are gone is noticed in threads of their own
    assert status == 404
    assert IDLE_SECONDS < REQUEST_SECONDS


# -- at once --------------------------------------------------------------------------------------


def race(servers: list[Served], log: Log, branches: int) -> list[tuple[Log, int]]:
    """Many branches of one log ask at once; those that got a cosignature."""
    others = [log.fork(5, 1 + n % 3, b"branch %d" % n) for n in range(branches)]

    def ask(number: int) -> int:
        return servers[number % len(servers)].add(others[number].request(5)).status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(ask, range(branches)))
    return [(others[n], n) for n, status in enumerate(statuses) if status == 200]


def test_of_many_branches_that_ask_at_once_one_is_cosigned(served: Served, log: Log) -> None:
    assert served.add(log.request(0)).status == 200
    ((branch, _number),) = race([served], log, 24)
    last = served.folder.last(log.origin)
    assert last is not None
    assert last.head == branch.head()
    assert race([served], log, 24) == []


def test_two_processes_over_one_folder_cosign_one_branch(served: Served, log: Log) -> None:
    state = served.folder.path.parent / "state"
    assert served.add(log.request(0)).status == 200
    with serving(served.folder, state) as second:
        won = race([served, second], log, 40)
        assert len(won) == 1
        path = f"/{name_of(log.origin)}/checkpoint"
        assert served.ask("GET", path).body == second.ask("GET", path).body
        (branch, _number), *_ = won
        branch.add()
        assert second.add(branch.request(len(branch.leaves) - 1)).status == 200


# -- the program ----------------------------------------------------------------------------------


def test_a_certifier_answers_no_requests(desk: Desk, tmp_path: Path) -> None:
    make_witness(tmp_path / "w", name="auditor.example/index")
    said = desk.error("witness", "serve", str(tmp_path / "w"), "--listen", "127.0.0.1:0", code=2)
    assert "certifies" in said["message"]


@pytest.mark.parametrize("address", ["", "x", ":80", "127.0.0.1:", "127.0.0.1:65536", "h:-1"])
def test_an_address_that_is_none_is_refused(address: str, desk: Desk, tmp_path: Path) -> None:
    make_witness(tmp_path / "w")
    said = desk.error("witness", "serve", str(tmp_path / "w"), "--listen", address, code=2)
    assert "HOST:PORT" in said["message"]


def test_an_address_that_is_taken_is_said(served: Served, desk: Desk, tmp_path: Path) -> None:
    make_witness(tmp_path / "w")
    address = f"127.0.0.1:{served.port}"
    said = desk.error("witness", "serve", str(tmp_path / "w"), "--listen", address, code=1)
    assert "cannot be used" in said["message"]


def test_a_stopped_server_leaves_what_it_cosigned(
    tmp_path: Path, state_home: Path, log: Log
) -> None:
    other = Log("stops.example/log", 5)
    folder = make_witness(tmp_path / "w", other)
    with serving(folder, state_home) as server:
        assert server.add(other.request(0)).status == 200
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.process.returncode = 0  # meant
    last = opened(tmp_path / "w").folder.last(other.origin)
    assert last is not None
    assert last.head == other.head()
