"""What an auditor replays in tests: logs made of commits in memory, ledgers of modified clients.

A log made here has nobody's signatures: it is for judging alone, which asks for none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.commit import judgements
from domain.judging import Refusal, Statement, World
from domain.policy import Policy
from domain.values import Event, later, topic_of
from ledger import recorder
from ledger.audit.finding import Finding
from ledger.audit.judging import Judging
from ledger.audit.kept import Kept, Standing
from ledger.audit.outcome import Replayed
from ledger.audit.replay import Asked, replay
from ledger.audit.scratch import TABLES, reading, scratch
from ledger.folder import Folder
from ledger.schema import COMMITS, EVENTS, METADATA, PACKS
from ledger.signing import now
from ledger.tlog.commit import CommitNote, Entry, SignedCommit, SignerLine
from ledger.tlog.encoding import encode
from ledger.tlog.merkle import EMPTY_ROOT, leaf_hash, tree_root
from ledger.tlog.note import SignatureLine
from projections.comparison import digest
from projections.view import key_of
from tests.domain.books import Ledger as Book
from tests.domain.worlds import ORIGIN, policy

Commit = tuple[Statement, Sequence[Event]]
NOW = max("2026-12-24T12:00:00.000Z", later(now(), days=32))
"""Later than any entry of a test: some ledgers are of a fixed day, some of today."""


def write_log(path: Path, commits: Sequence[Commit]) -> Path:
    """A ledger's database with these commits and no projections.

    Raises `NoteError` or `EncodingError` for what cannot be written at all.
    """
    pack = (resources.files("domain") / "policies" / "cn-default-2026.toml").read_bytes()
    path.write_bytes(_empty())
    engine = sa.create_engine(f"sqlite:///{path}")
    first = 1
    with engine.begin() as log:
        log.execute(sa.insert(PACKS), {"digest": bytes.fromhex(policy().digest), "data": pack})
        for index, (statement, events) in enumerate(commits):
            states = [encode(event) for event in events]
            log.execute(sa.insert(EVENTS), [
                {"position": position, "stream": key_of(event.stream), "version": event.version,
                 "topic": topic_of(event), "entry": index, "state": state}
                for position, (event, state) in enumerate(zip(events, states, strict=True), first)
            ])  # fmt: skip
            log.execute(sa.insert(COMMITS), {
                "entry": index, "first": first, "count": len(events),
                "id": index.to_bytes(16, "big"), "data": _entry(statement, states), "leaves": b"",
            })  # fmt: skip
            first += len(events)
    engine.dispose()
    return path


@cache
def _empty() -> bytes:
    """A database with the tables of a log and no row."""
    with closing(sqlite3.connect(":memory:")) as memory:
        engine = sa.create_engine("sqlite://", creator=lambda: memory, poolclass=sa.pool.StaticPool)
        METADATA.create_all(engine)
        return memory.serialize()


def _entry(statement: Statement, states: Sequence[bytes]) -> bytes:
    signers = tuple(
        SignerLine(signer.name, bytes.fromhex(signer.key_id), signer.capacity)
        for signer in statement.signers
    )
    root = tree_root([leaf_hash(state) for state in states])
    seen_root = bytes(32) if statement.seen else EMPTY_ROOT
    note = CommitNote(
        ORIGIN, statement.commit, len(states), root, statement.seen, seen_root, statement.until,
        "muniment/0.1.0", signers,
    )  # fmt: skip
    lines = tuple(SignatureLine(one.name, one.key_id, bytes(64)) for one in signers)
    return Entry(statement.accepted, SignedCommit(note, lines)).format()


def judged(database: Path, entries: int) -> tuple[list[Finding], Standing]:
    """What judging a log anew finds, and where it stands then."""
    with scratch(database) as own:
        kept = Kept(own)
        standing = kept.begin("", 0)
        for _ in Judging(own, kept, standing).run(entries):
            pass
        return kept.findings(0), standing


def book_judged(book: Book, path: Path, *more: Commit) -> tuple[list[Finding], Standing]:
    """The same of a ledger in memory, and of commits that it did not permit."""
    commits = [*book.commits, *more]
    return judged(write_log(path, commits), len(commits))


def audited(folder: Folder | Path, **asked: object) -> Replayed:
    """A replay of a ledger's folder, as at `NOW`."""
    place = folder if isinstance(folder, Folder) else Folder(folder)
    return replay(place, None, Asked(**{"now": NOW, **asked}))  # type: ignore[arg-type]


def not_permitted(found: Replayed) -> list[tuple[str, str, int | None]]:
    """Rule, detail and position of all that was not permitted."""
    return [
        (one.rule, one.detail, one.position)
        for one in found.findings
        if one.code == "not_permitted" and one.chapter == "permitted"
    ]


@contextmanager
def modified_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A recorder whose rules were taken out: what is signed is recorded."""

    def nobody_judges(
        world: World, pack: Policy, statement: Statement, events: Sequence[Event]
    ) -> list[Refusal]:
        for _ in judgements(world, pack, statement, events):
            pass
        return []

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "judge_commit", nobody_judges)
        yield


def live_digest(database: Path) -> dict[str, str]:
    """The digests of the live tables."""
    with reading(database) as log:
        return digest(log, TABLES)
