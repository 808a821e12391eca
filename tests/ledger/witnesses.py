"""A log whose tree is in memory, and a witness to ask: in this process, or one that serves."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.keyfile import write_key
from ledger.privatekey import generate
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.merkle import consistency_proof, leaf_hash, leaf_reader, tree_root
from ledger.tlog.note import COSIGNATURE, Note, VerifierKey
from ledger.witness import Request, Witness, open_witness
from ledger.witness_http import WitnessServer
from ledger.witness_state import FORMAT, KEY, MARKER, WitnessFolder
from tests.ledger.ledgers import CHEAP
from tests.ledger.signers import ToySigner, signer

ROOT = Path(__file__).parent.parent.parent
NAME = "auditor.example/witness"
PASSPHRASE = b"correct horse"


class Log:
    """What a log signs: `fork` gives it another history that shares the first leaves."""

    def __init__(self, origin: str = "example.com/log", size: int = 0) -> None:
        self.origin = origin
        self.leaves: list[bytes] = []
        self.add(size)

    @property
    def key(self) -> ToySigner:
        return signer(self.origin)

    @property
    def vkey(self) -> VerifierKey:
        return self.key.verifier

    def add(self, count: int = 1, word: bytes = b"leaf") -> Log:
        start = len(self.leaves)
        self.leaves += [leaf_hash(b"%s %d" % (word, start + n)) for n in range(count)]
        return self

    def fork(self, at: int, count: int, word: bytes = b"other") -> Log:
        other = Log(self.origin)
        other.leaves = self.leaves[:at]
        return other.add(count, word)

    def head(self, size: int | None = None) -> Checkpoint:
        leaves = self.leaves[: len(self.leaves) if size is None else size]
        return Checkpoint(self.origin, len(leaves), tree_root(leaves))

    def note(self, size: int | None = None) -> bytes:
        head = self.head(size)
        return Note(head.format(), (sign_checkpoint(head, self.key),)).format()

    def proof(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        size = len(self.leaves) if size is None else size
        return tuple(consistency_proof(old, size, leaf_reader(self.leaves[:size])))

    def request(self, old: int, size: int | None = None) -> bytes:
        """What an honest log asks."""
        return Request(old, self.proof(old, size), self.note(size)).format()


def signed_text(key: ToySigner, text: bytes) -> bytes:
    """A note over any text, as only a hostile signer makes it."""
    from ledger.tlog.note import SignatureLine

    line = SignatureLine(key.verifier.name, key.verifier.key_id, key.sign(text))
    return Note(text, (line,)).format()


def make_witness(path: Path, *logs: Log, name: str = NAME) -> WitnessFolder:
    """A witness whose key costs nothing to open, which knows some logs."""
    key = generate("ed25519", "cosign", name)
    path.mkdir(parents=True, exist_ok=True)
    write_key(path / KEY, key, PASSPHRASE, CHEAP)
    (path / MARKER).write_text(f'format = "{FORMAT}"\nname = "{name}"\n')
    folder = WitnessFolder(path, VerifierKey.of(name, COSIGNATURE, key.public))
    for log in logs:
        folder.trust(log.vkey)
    return folder


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def opened(path: Path, clock: Clock | None = None) -> Witness:
    witness = open_witness(path, lambda: PASSPHRASE)
    return witness if clock is None else Witness(witness.folder, witness._key, clock)


class Reply(NamedTuple):
    status: int
    kind: str | None
    body: bytes


class Served:
    """A server, and how to ask it."""

    def __init__(self, folder: WitnessFolder, url: str) -> None:
        self.folder = folder
        self.url = url
        self.host, _, port = url.removeprefix("http://").rpartition(":")
        self.port = int(port)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Reply(response.status, response.headers["Content-Type"], response.read())
        finally:
            connection.close()

    def add(self, body: bytes) -> Reply:
        return self.ask("POST", "/add-checkpoint", body)


@contextmanager
def serving_here(folder: WitnessFolder) -> Iterator[Served]:
    """The same server in a thread of this process."""
    server = WitnessServer(("127.0.0.1", 0), opened(folder.path))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Served(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Process(Served):
    """A server process of its own."""

    def __init__(self, folder: WitnessFolder, process: subprocess.Popen[str], url: str) -> None:
        super().__init__(folder, url)
        self.process = process


@contextmanager
def serving(folder: WitnessFolder, state: Path) -> Iterator[Process]:
    """`muniment witness serve` as a program, until the test is done."""
    secret = folder.path.parent / "witness-passphrase"
    secret.write_bytes(PASSPHRASE)
    environment = {
        **os.environ, "XDG_STATE_HOME": str(state), "MUNIMENT_PASSPHRASE_FILE": str(secret),
        "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "ledger.cli", "witness", "serve", str(folder.path)]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), process.communicate()
        yield Process(folder, process, url)
    finally:
        process.terminate()
        _out, errors = process.communicate(timeout=30)
        assert errors == ""
        assert process.returncode == 0


@pytest.fixture(name="log")
def log_fixture() -> Log:
    """A log of five leaves."""
    return Log(size=5)


@pytest.fixture(name="clock")
def clock_fixture() -> Clock:
    return Clock()


@pytest.fixture(name="witness")
def witness_fixture(log: Log, clock: Clock, tmp_path: Path, state_home: Path) -> Witness:
    """A witness that knows the log and has cosigned nothing."""
    make_witness(tmp_path / "witness", log)
    return opened(tmp_path / "witness", clock)
