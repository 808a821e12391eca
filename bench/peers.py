"""The peers, each as its own documentation shows it, on events of the same content.

`sqlite chain` is written here: what most audit trails are, a hash chain with a signature an event
in SQLite (WAL, synchronous=FULL). pymerkle is left out: GPL, and a tree only. Peers on other
platforms (Go, git, journald) are not installed by `make bench`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import closing
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
from auditchain import AuditLog, SqliteBackend, generate_keypair
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from bench.measuring import folder, rate
from ledger.tlog import ed25519

BATCH = 1_000
_encode = msgspec.json.Encoder(order="sorted").encode
_LOG = """CREATE TABLE log (position INTEGER PRIMARY KEY, state BLOB NOT NULL, hash BLOB NOT NULL,
    signature BLOB NOT NULL) STRICT"""
_GENESIS = bytes(32)


def event_of(number: int) -> dict[str, Any]:
    """The content of a `record.collected` with one sealed field, about 610 bytes."""
    return {
        "type": "record.collected", "v": 1, "version": 1, "stream": f"record-{uuid4()}",
        "at": "2026-11-21T09:30:00.000Z", "by": "actor-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
        "role": "collector", "engagement": "engagement-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
        "salt": os.urandom(16).hex(), "category": "transaction.order", "form": "database_rows",
        "basis": "pipl_13_2_contract", "notice": "missing", "method": "table_rows",
        "holding": "holding-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e", "size": 0, "items": 1,
        "row": number, "sealed": {"key": f"key-{uuid4()}", "root": "0" * 64, "digest": "0" * 64},
    }  # fmt: skip


def _batches(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    rest = iter(numbers)
    while batch := list(islice(rest, size)):
        yield batch


class Chain:
    """A hash chain in SQLite; `signed`: with an Ed25519 signature over each hash."""

    def __init__(self, path: Path, *, signed: bool = True) -> None:
        self.database = path / "chain.db"
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key().public_bytes_raw()
        self._signed = signed
        self._last = _GENESIS
        self.connection = sqlite3.connect(self.database, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32768"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute(_LOG)

    def append(self, numbers: Iterable[int]) -> None:
        """One transaction: the events, chained and signed."""
        rows = []
        for number in numbers:
            state = _encode(event_of(number))
            if self._signed:
                self._last = sha256(self._last + state).digest()
                rows.append((number, state, self._last, self._key.sign(self._last)))
            else:
                rows.append((number, state, b"", b""))
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", rows)
        self.connection.execute("COMMIT")

    def verify(self) -> int:
        """Every link and every signature, with the verifier that Muniment uses."""
        last, number = _GENESIS, 0
        rows = self.connection.execute("SELECT state, hash, signature FROM log ORDER BY position")
        for state, stored, signature in rows:
            last = sha256(last + state).digest()
            if last != stored:
                raise SystemExit("the chain is broken")
            ed25519.verify(self._public, signature, last)
            number += 1
        return number


def chain(total: int, size: int, *, signed: bool = True) -> float:
    """Events a second appended, `size` a transaction; unsigned: rows only, the floor."""
    with folder("chain") as path:
        log = Chain(path, signed=signed)
        with closing(log.connection):

            def work() -> int:
                for batch in _batches(range(1, total + 1), size):
                    log.append(batch)
                return total

            return rate(work)


def signature_each(total: int) -> float:
    """Events a second of checking one Ed25519 signature an event."""
    with folder("verify") as path:
        log = Chain(path)
        with closing(log.connection):
            for batch in _batches(range(1, total + 1), BATCH):
                log.append(batch)
            return rate(log.verify)


def hashed(database: Path, sql: str) -> float:
    """Events a second of reading stored events and hashing each: the floor of verification."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:

        def work() -> int:
            number = 0
            for (state,) in connection.execute(sql):
                sha256(state).digest()
                number += 1
            return number

        return rate(work)


def auditchain(total: int, size: int) -> float:
    """Records a second of auditchain, signed with Ed25519, one by one or `append_many`."""

    async def work(path: Path) -> float:
        seed, _ = generate_keypair()
        async with AuditLog(SqliteBackend(path / "audit.db"), signing_key=seed) as log:
            entries = [_entry(event_of(number)) for number in range(total)]
            start = time.perf_counter()
            for batch in _batches(range(total), size):
                if size == 1:
                    actor, action, subject, metadata = entries[batch[0]]
                    await log.append(actor, action, subject, metadata=metadata)
                else:
                    await log.append_many([entries[number] for number in batch])
            return total / (time.perf_counter() - start)

    return _with_folder("auditchain", work)


def auditchain_verify(total: int) -> float:
    """Records a second of auditchain's own verification of signed records."""

    async def work(path: Path) -> float:
        seed, _ = generate_keypair()
        async with AuditLog(SqliteBackend(path / "audit.db"), signing_key=seed) as log:
            await log.append_many([_entry(event_of(number)) for number in range(total)])
            start = time.perf_counter()
            if not (await log.verify()).ok:
                raise SystemExit("auditchain does not verify its own log")
            return total / (time.perf_counter() - start)

    return _with_folder("auditchain", work)


def _entry(content: dict[str, Any]) -> tuple[str, str, str, dict[str, Any]]:
    return content["by"], content["type"], content["stream"], content


def _with_folder(name: str, work: Callable[[Path], Coroutine[Any, Any, float]]) -> float:
    with folder(name) as path:
        return asyncio.run(work(path))


class CollectedRecord(Aggregate):
    """A record as eventsourcing's own documentation would write it."""

    @event("Collected")
    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content


class Records(Application[UUID]):
    """eventsourcing's own application on its own SQLite recorder: unsigned, not judged."""


def _records(path: Path) -> Records:
    return Records(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(path / "records.db"),
        }
    )


def _collect(application: Records, total: int, size: int) -> int:
    for batch in _batches(range(total), size):
        application.save(*(CollectedRecord(event_of(number)) for number in batch))
    return total


def eventsourcing(total: int, size: int) -> float:
    """Events a second of eventsourcing's own application, unsigned."""
    with folder("eventsourcing") as path, _records(path) as application:
        return rate(partial(_collect, application, total, size))


def eventsourcing_reads(total: int) -> float:
    """Events a second of reading and decoding, which any of its projections must do first."""
    with folder("eventsourcing") as path, _records(path) as application:
        _collect(application, total, BATCH)

        def work() -> int:
            done, start = 0, 1
            while found := application.recorder.select_notifications(start, BATCH):
                for notification in found:
                    application.mapper.to_domain_event(notification)
                done, start = done + len(found), start + len(found)
            return done

        return rate(work)
