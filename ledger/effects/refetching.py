"""Missing entries fetched from whoever holds them: another copy, a newer one, a party's replica.

    1  the other ledger is verified whole with the key that this folder trusts, in one snapshot;
       its tree must have this ledger's head, and every pin that it reaches, as a prefix
    2  how far it is believed: up to the largest state that the ledger's own key signed, or that
       this machine has pinned. What lies beyond has an accepted time that nobody signed, and could
       be an old draft under a false time: it is left there
    3  each missing entry goes through the recorder as it was accepted then: genuine, judged,
       re-read; some hundred entries in one transaction, so that a run that is killed is run again
    4  the signed states that came with them are kept, too, with the lines of keys that are known
       here: what nobody here can check would make this ledger one that cannot be verified
    5  what they say was destroyed is destroyed here (`reapplying`), and acts may follow again

Nothing is changed before 3. There only what was never permitted can be refused: entries before it
stay, for they are this ledger's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from domain.anchor import LedgerTimestampAnchored
from domain.ledger import PolicyAdopted
from ledger.acting import Passphrases
from ledger.cosigning import known_cosigners
from ledger.effects.ledgercopy import cause_of
from ledger.effects.ledgerrestore import BehindLedger, Missing, keys_of
from ledger.effects.reapplying import SAYING, Reapplied, reapply
from ledger.effects.recognising import Recognised, recognise
from ledger.errors import (
    MunimentError,
    NoLedgerError,
    NoteError,
    RefusedError,
    VerificationError,
)
from ledger.evidence import data_key, decode_event
from ledger.folder import Folder, write_atomically
from ledger.recorder import Readmission
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import Note, VerifierKey
from ledger.verification.database import StoredSource, connect
from ledger.verification.findings import Finding, Report
from ledger.verification.growth import split
from ledger.verification.rows import CommitRow, DamagedError
from ledger.verify import verify

MOST_ENTRIES: Final = 256
MOST_BYTES: Final = 2 << 20
"""So many entries, or bytes of events and ciphertexts, go into one transaction."""

Progress = Callable[[int], None]


class Refetched(NamedTuple):
    """What was fetched: `entries` with their `events`, signed `states`.

    `beyond`: entries that the other has and that nothing signed covers; `missing`: what this
    machine knows to be missing still; `going_on`: whether acts may follow now; `recognised`: None
    without a keystore.
    """

    entries: int
    events: int
    states: int
    beyond: int
    missing: Missing | None
    going_on: bool
    reapplied: Reapplied
    recognised: Recognised | None


def refetch(
    folder: Folder,
    passphrases: Passphrases,
    other: Path,
    *,
    wait: float = 10.0,
    progress: Progress | None = None,
) -> Refetched:
    """Fetch what is missing in `folder` from the ledger, copy or `ledger.db` at `other`.

    Raises `VerificationError` for one that is damaged, another ledger's or a fork (then nothing is
    changed), or naming the first entry that is not permitted; `NoLedgerError` where there is none.
    """
    database = other / "ledger.db" if other.is_dir() else other
    with _on_disk(), BehindLedger(folder, passphrases, wait=wait) as ledger:
        with closing(_connected(database)) as connection:
            source = StoredSource(connection)
            believed, size = _examine(ledger, source, progress)
            before, leaves = ledger.head.size, _leaves(ledger, source, believed)
            if leaves and not folder.restored.exists():
                write_atomically(folder.restored, ledger.head.format())
            events = _take(ledger, source, leaves, progress)
            states = _keep_states(ledger, source)
        entries = ledger.head.size - before
        reapplied = reapply(ledger)
        recognised = recognise(ledger, _known_before(ledger)) if reapplied.keystore else None
        missing, beyond = ledger.missing, max(0, size - ledger.head.size)
        shorter = folder.restored.exists() and size < before  # of what came later it knows nothing
        going_on = missing is None and not beyond and not shorter
        if going_on:
            ledger.go_on()
        return Refetched(entries, events, states, beyond, missing, going_on, reapplied, recognised)


def _known_before(ledger: BehindLedger) -> int:
    """The last position that this folder had before anything was fetched, by whichever run."""
    try:
        size = Checkpoint.parse(ledger.folder.restored.read_bytes()).size
    except FileNotFoundError:
        size = ledger.head.size
    with ledger.engine.connect() as connection:
        query = "SELECT first FROM commits WHERE entry = ?"
        first = connection.exec_driver_sql(query, (size,)).scalar()
    return ledger.log.refresh().events if first is None else int(first) - 1


@contextmanager
def _on_disk() -> Iterator[None]:
    """A disk that is full or fails, said so."""
    try:
        yield
    except (OSError, sa.exc.DBAPIError) as error:
        raise MunimentError(
            "the ledger cannot be written ({cause}); what was fetched so far stays",
            "free some space, or look at the disk; then run it again",
            cause=cause_of(error),
        ) from None


def _connected(database: Path) -> sqlite3.Connection:
    try:
        return connect(database)
    except NoLedgerError as error:
        raise NoLedgerError(
            "there is no ledger to fetch from; nothing was changed",
            "name a ledger's folder, a copy of it, or its ledger.db",
        ) from error
    except sqlite3.Error:
        raise _damaged("it is no database") from None


# -- is it this ledger's, and how far is it to be believed ------------------------------------


def _examine(
    ledger: BehindLedger, source: StoredSource, progress: Progress | None
) -> tuple[Checkpoint, int]:
    """The furthest state of the other that is believed, and how many entries it has."""
    head, trust = ledger.head, ledger.folder.pinned_key()
    try:
        source.check_format()
        there = source.head()
        first = next(iter(source.entries(0, 1)), b"")
        if first != ledger.zero:
            raise VerificationError(
                "that is another ledger: its entry 0 is not this one's; nothing was changed",
                "name a copy of this ledger",
            )
        size = there.entries if there is not None else 0
        pins = [pin for pin in (head, *ledger.pins) if pin.size <= size]
        cosigners = known_cosigners(ledger.folder)
        report = verify(source, trust, pins=pins, cosigners=cosigners, progress=progress)
        _check_report(ledger, source, report)
        if size < head.size:
            _check_prefix(ledger, source, size)
    except DamagedError as error:
        raise _damaged(error.message) from None
    signed = [Checkpoint.parse(report.checkpoint.encode())] if report.checkpoint else []
    return max([head, *pins, *signed], key=lambda state: state.size), size


def _check_report(ledger: BehindLedger, source: StoredSource, report: Report) -> None:
    """Refuse a fork by the index where it leaves this ledger, and whatever is damaged."""
    if any(finding.code == "forked" for finding in report.findings):
        raise _fork(_diverging(ledger, source))
    if report.verdict == "invalid":
        raise _damaged(_first_of(report.findings))
    if any(finding.code == "sealed_missing" for finding in report.findings):
        lacking = _lacking(source, ledger.log.refresh().events + 1)
        if lacking:
            raise _damaged(f"{lacking} sealed texts of missing entries are not in it")


def _lacking(source: StoredSource, first: int) -> int:
    """How many sealed texts are missing from position `first` on that nobody says were erased."""
    shredded: set[str] = set()
    for row in source.events(1):
        if row[3].decode("ascii", "replace") in SAYING:
            shredded.update(getattr(decode_event(row[5]), "keys", None) or ())
    there = {position for position, _ in source.sealed(first)}
    keys = ((row[0], data_key(row[5])) for row in source.events(first))
    return sum(1 for at, key in keys if key and at not in there and key not in shredded)


def _first_of(findings: tuple[Finding, ...]) -> str:
    first = findings[0]
    place = f" at position {first.position}" if first.position is not None else ""
    return f"{first.code}{place}"


def _damaged(cause: str) -> VerificationError:
    return VerificationError(
        "what is to be fetched from does not verify ({cause}); nothing was changed",
        "muniment verify there; fetch from another one",
        cause=cause,
    )


def _fork(index: int) -> VerificationError:
    return VerificationError(
        "that is a fork of this ledger: entry {index} (counted from 0) is another one there; "
        "nothing was changed",
        "somebody has changed one of the two: compare both with what others hold",
        index=index,
    )


def _check_prefix(ledger: BehindLedger, source: StoredSource, size: int) -> None:
    """That a shorter ledger is the beginning of this one."""
    at = _diverging(ledger, source)
    if at < size:
        raise _fork(at)


def _diverging(ledger: BehindLedger, source: StoredSource) -> int:
    """The first index at which the two have different entries; else where the shorter one ends.

    A pin may know of a fork in entries that this folder has lost: then it is the first of them.
    """
    with ledger.engine.connect() as connection:
        ours = connection.exec_driver_sql("SELECT data FROM commits ORDER BY entry")
        theirs = (row[4] for row in source.commits(0))
        index = 0
        for index, (row, data) in enumerate(zip_longest(ours, theirs)):
            if row is None or data is None or bytes(row[0]) != data:
                return index
    return index + 1


# -- entry by entry ---------------------------------------------------------------------------


def _leaves(ledger: BehindLedger, source: StoredSource, believed: Checkpoint) -> bytes:
    """The leaf hashes of the missing entries that lead to a state that is believed, one by one.

    What is read again later is held against them: the other file is in somebody else's hands.
    """
    start = ledger.log.refresh()
    rows = (row for row in source.commits(start.entries) if row[0] < believed.size)
    leaves = [leaf_hash(row[4]) for row in rows]
    frontier = ledger.log.tree.frontier
    frontier.extend(leaves)
    if (frontier.size, frontier.root()) != (believed.size, believed.root):
        raise _damaged("its entries do not lead to the state that was signed")
    return b"".join(leaves)


def _take(
    ledger: BehindLedger, source: StoredSource, leaves: bytes, progress: Progress | None
) -> int:
    """Record the missing entries again, in batches; how many events they hold."""
    before = ledger.log.refresh().events
    for batch in _batches(_missing(ledger, source, leaves)):
        try:
            ledger.log.readmit(batch)
        except RefusedError:
            ledger.log.refresh()
            _one_by_one(ledger, batch)
        if progress is not None:
            progress(ledger.log.refresh().events)
    return ledger.log.refresh().events - before


def _one_by_one(ledger: BehindLedger, batch: list[Readmission]) -> None:
    """Record what is permitted of a batch, and name the entry that is not."""
    for one in batch:
        index = ledger.log.refresh().entries
        try:
            ledger.log.readmit([one])
        except RefusedError as error:
            raise RefusedError(
                "entry {index} (counted from 0) is genuine and was never permitted; it and "
                "what follows were not fetched: {cause}",
                "muniment verify there; whoever kept that ledger has recorded it past its rules",
                index=index,
                cause=error.message,
            ) from None


def _batches(lost: Iterator[Readmission]) -> Iterator[list[Readmission]]:
    batch: list[Readmission] = []
    size = 0
    for one in lost:
        batch.append(one)
        size += sum(map(len, one.states)) + sum(map(len, one.ciphertexts.values()))
        if len(batch) >= MOST_ENTRIES or size >= MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _missing(ledger: BehindLedger, source: StoredSource, leaves: bytes) -> Iterator[Readmission]:
    """Every missing entry with what belongs to it, in order."""
    start = ledger.log.refresh()
    packs = {digest.hex(): data for digest, data in source.packs()}
    anchors = {sha256(reply).hexdigest(): (note, reply) for _, _, note, reply in source.anchors()}
    events, sealed = source.events(start.events + 1), source.sealed(start.events + 1)
    waiting = next(sealed, None)
    expected = iter(split(leaves))
    for row, leaf in zip(source.commits(start.entries), expected, strict=False):
        if leaf_hash(row[4]) != leaf:
            raise _damaged("an entry is another one than before")
        states = [next(events)[5] for _ in range(row[2])]
        texts: dict[int, bytes] = {}
        while waiting is not None and waiting[0] < row[1] + row[2]:
            texts[waiting[0] - row[1]] = waiting[1]
            waiting = next(sealed, None)
        yield _readmission(row, states, texts, packs, anchors)


def _readmission(
    row: CommitRow,
    states: list[bytes],
    texts: dict[int, bytes],
    packs: dict[str, bytes],
    anchors: dict[str, tuple[bytes, bytes]],
) -> Readmission:
    named, brought, stamps = set(), [], []
    for index, state in enumerate(states):
        event = decode_event(state)
        if event.sealed and isinstance(event.sealed.digest, str):
            named.add(index)
        if isinstance(event, PolicyAdopted) and event.digest in packs:
            brought.append(packs[event.digest])
        if isinstance(event, LedgerTimestampAnchored) and event.token in anchors:
            stamps.append(anchors[event.token])
    return Readmission(row[4], states, texts, brought, frozenset(named - set(texts)), stamps)


# -- signed states ----------------------------------------------------------------------------


def _keep_states(ledger: BehindLedger, source: StoredSource) -> int:
    """Keep the signed states of this ledger that it has not; how many.

    With the lines that can be checked here, and only if they hold: the table only grows, and a bad
    line in it would never go away. Whoever learns a cosigner's key later fetches again.
    """
    with ledger.engine.connect() as connection:
        notes = connection.exec_driver_sql("SELECT note FROM checkpoints").scalars()
        known = {sha256(note).digest() for note in notes}
    size, kept = ledger.head.size, 0
    keys = [*keys_of(ledger), *known_cosigners(ledger.folder)]
    for _, at, data in source.checkpoints(1):
        note = _checked(data, keys, ledger.origin) if at <= size else None
        if note is None or sha256(note).digest() in known:
            continue
        state = Checkpoint.parse(Note.parse(note).text)
        if (state.size, state.root) == (at, ledger.log.tree.root_at(at)):
            ledger.log.add_checkpoint(at, note)
            known.add(sha256(note).digest())
            kept += 1
    return kept


def _checked(data: bytes, keys: list[VerifierKey], origin: str) -> bytes | None:
    """A signed state with the lines of `keys` alone; None if one of them fails, or all lack."""
    try:
        note = open_checkpoint(data, keys, origin).note
    except NoteError:
        return None
    ours = {(key.name, key.key_id) for key in keys}
    lines = tuple(one for one in note.signatures if (one.name, one.key_id) in ours)
    return Note(note.text, lines).format()
