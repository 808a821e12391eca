"""Tiles over HTTP: what a monitor asks for, and what strangers try."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from ledger import tileserver
from ledger.errors import MunimentError
from ledger.tileserver import TileServer
from ledger.tileview import ExportedTiles, LiveTiles
from tests.ledger.ledgers import Firm
from tests.ledger.monitor import Fetch, follow
from tests.ledger.tampering import act
from tests.ledger.tiling import checkpointed, files


@contextmanager
def serving(read: Fetch) -> Iterator[tuple[int, list[int]]]:
    """A server on a free port; the statuses it told."""
    told: list[int] = []
    with TileServer(("127.0.0.1", 0), read, told.append) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1], told
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def fetcher(port: int) -> Fetch:
    def read(path: str) -> bytes | None:
        status, _, data = ask(port, f"/{path}")
        return data if status == 200 else None

    return read


def test_a_monitor_follows_a_ledger_over_http_while_it_grows(tiled: Firm) -> None:
    checkpointed(tiled)
    with tiled.open(writing=False) as ledger:
        live = LiveTiles(ledger.engine, ledger.last_checkpoint)
        with closing(live), serving(live.read) as (port, _):
            seen = follow(fetcher(port))
            act(tiled, 7)
            assert follow(fetcher(port), seen) == seen
            checkpointed(tiled)
            assert follow(fetcher(port), seen).size == 559


def test_an_exported_folder_is_served_as_it_is(shown: Path) -> None:
    with serving(ExportedTiles(shown).read) as (port, _):
        for name, data in files(shown).items():
            assert ask(port, f"/{name}")[2] == data
        assert follow(fetcher(port)).size == 552


def test_types_and_caching_are_those_of_the_specification(shown: Path) -> None:
    with serving(ExportedTiles(shown).read) as (port, _):
        status, headers, data = ask(port, "/checkpoint")
        assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert headers["Cache-Control"] == "no-store"
        for path in ("/tile/0/000", "/tile/0/002.p/40", "/tile/entries/000"):
            status, headers, data = ask(port, path)
            assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
            assert "immutable" in headers["Cache-Control"]
            assert headers["Content-Length"] == str(len(data))
            assert ask(port, path, "HEAD")[1]["Content-Length"] == str(len(data))
            assert ask(port, path, "HEAD")[2] == b""


@pytest.mark.parametrize(
    "path",
    ["/", "/tile", "/tile/0/000/", "/tile/0/003", "/tile/0/002.p/41", "/tile/0/002", "/tile/2/000",
     "/tile/0/../0/000", "/../secret", "/tile/0/%2e%2e/secret", "/etc/passwd", "/checkpoint?x=1",
     "/checkpoint/", "/.hidden", "/tile/entries/000.p/256", "/tile/00/000", "/%63heckpoint"],
)  # fmt: skip
def test_other_paths_are_not_there(shown: Path, path: str) -> None:
    (shown.parent / "secret").write_text("secret")
    with serving(ExportedTiles(shown).read) as (port, _):
        assert ask(port, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "X"])
def test_nothing_can_be_written(shown: Path, method: str) -> None:
    before = files(shown)
    with serving(ExportedTiles(shown).read) as (port, _):
        assert ask(port, "/checkpoint", method)[0] == 405
    assert files(shown) == before


@pytest.mark.parametrize(
    "sent",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"GET /checkpoint HTTP/9.9\r\n\r\n", b"\x16\x03\x01\n\n",
     b"GET /checkpoint HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"x" * 100_000,
     b"GET /" + b"a" * 7000 + b" HTTP/1.1\r\n\r\n", b"GET \xff\xfe HTTP/1.1\r\n\r\n", b""],
)  # fmt: skip
def test_what_is_no_request_harms_nothing(shown: Path, sent: bytes) -> None:
    with serving(ExportedTiles(shown).read) as (port, _):
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while answer := connection.recv(65_536):
                    assert b"200" not in answer.split(b"\r\n")[0]
            except OSError:
                pass
        assert ask(port, "/checkpoint")[0] == 200


def test_a_request_that_drips_is_cut_off(shown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tileserver, "HEAD_SECONDS", 0.5)
    with serving(ExportedTiles(shown).read) as (port, _):
        started = time.monotonic()
        with (
            closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection,
            suppress(OSError),  # it was closed at the other end
        ):
            while time.monotonic() - started < 20:
                connection.sendall(b"G")
                time.sleep(0.1)
        assert time.monotonic() - started < 15


def test_too_many_at_once_are_told_so_and_the_rest_is_served(
    shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tileserver, "MOST_CONNECTIONS", 2)
    with serving(ExportedTiles(shown).read) as (port, told):
        # They are accepted in the order in which they came.
        idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(2)]
        assert ask(port, "/checkpoint")[0] == 503
        for connection in idle:
            connection.close()
        until = time.monotonic() + 30
        while ask(port, "/checkpoint")[0] == 503 and time.monotonic() < until:
            time.sleep(0.05)  # that two are gone is noticed in threads of their own
        assert {*told[:-1]} == {503}
        assert told[-1] == 200


def test_damage_is_told_as_500_and_no_more(tiled: Firm) -> None:
    def read(path: str) -> bytes | None:
        raise MunimentError("a secret of the machine")

    with serving(read) as (port, _):
        status, _, data = ask(port, "/checkpoint")
    assert (status, data) == (500, b"")
