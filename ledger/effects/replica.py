"""Another's ledger, held to be read: a replica, made there and taken here.

Two firms that do not share a ledger exchange files. The one that keeps the ledger makes a copy
without its sealed texts (`make_replica`; the format is `ledgercopy`'s, kind `replica`), the other
takes it into a folder of its own (`take_replica`). The first time, the ledger's key must be named
as it was told on another way; from then on that key is pinned, and every newer copy must continue
the state that was taken before. A fork is refused, and the first entry that differs is named.

What lies where in a replica's folder, besides what every ledger's has (`ledger.folder`):

    muniment.toml    `replica = true`
    ledger.db        the log without sealed texts, and the projections; replaced whole
    trust/replica    copy.note of the copy that was taken last, signed by the ledger's key
    identity/        the keys of those who act from here: they never leave this folder
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from ledger.application import Ledger
from ledger.effects.comparing import divergence
from ledger.effects.ledgercopy import (
    DATABASE,
    LEFT_OUT,
    TEXTS,
    CopyMade,
    Manifest,
    cause_of,
    copy_ledger,
    file_in,
    made_whole,
    read_manifest,
    take_file,
)
from ledger.effects.ledgerrestore import verified
from ledger.effects.packing import check_new
from ledger.errors import (
    MunimentError,
    NoteError,
    UsageError,
    VerificationError,
)
from ledger.folder import Folder, read_limited, write_atomically
from ledger.schema import WriterLock, engine_for
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note, VerifierKey
from ledger.tree import StoredTree
from ledger.verification.findings import Verdict

TAKING: Final = ".taking"
_LIMIT: Final = 65_536
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int], None]


class Taken(NamedTuple):
    """A copy that was taken.

    `verdict`: of all that is in it; `vkey`: the ledger's key that it was verified with; `before`:
    how many entries were here before, None the first time.
    """

    folder: Path
    manifest: Manifest
    verdict: Verdict
    vkey: VerifierKey
    before: int | None


class Shown(NamedTuple):
    """What a replica is of, and who acts from it.

    `ledger`: its id; `made`: when the copy was made that was taken last, None for one that nobody
    took; `holders`: the actors whose keys are here.
    """

    origin: str
    ledger: str
    entries: int
    root: bytes
    made: str | None
    vkey: VerifierKey
    holders: list[str]


def fingerprint(key: VerifierKey) -> str:
    """SHA-256, in hex, of a verifier key's text: what two people can read to each other."""
    return sha256(key.format().encode("ascii")).hexdigest()


def make_replica(ledger: Ledger, target: Path, progress: Progress | None = None) -> CopyMade:
    """Copy a ledger that is open for writing for another party, without its sealed texts.

    Whoever gets it sees codes, ids, counts, digests and times of every event, and no name, title
    or content. As `ledgercopy.copy_ledger`, and raises as that does, and `UsageError` for a place
    inside a package or in a folder that is not there.
    """
    check_new(target)
    return copy_ledger(ledger, target, progress, kind="replica")


# -- taken ------------------------------------------------------------------------------------


def take_replica(
    copy: Path,
    into: Path,
    key: str | None = None,
    *,
    wait: float = 10.0,
    progress: Progress | None = None,
) -> Taken:
    """Take a copy made by `make_replica` into the folder `into`: a new replica, or a newer state.

    `key`: the ledger's verifier key, or its fingerprint, as its keeper told it on another way;
    needed the first time. Everything is verified before anything here is changed, and the newer
    database takes its place in one step; keys in `identity/` stay. Raises `UsageError` without a
    key or for another kind of copy, `VerificationError` for one that is not what its keeper signed,
    that carries texts, is older than what was taken, or forks from it.
    """
    note, manifest = read_manifest(copy, "replica")
    held = Folder(into)
    if not held.exists:
        return _take_first(copy, into, (note, manifest), key, progress)
    if not held.replica:
        raise UsageError(
            "there is a ledger in that folder, and it is no replica; nothing was changed",
            "name another folder",
        )
    trust = _pinned(held, copy, key)
    lock = WriterLock(into)
    lock.acquire(wait)
    part = into / TAKING
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        part.mkdir(mode=0o700)
        zero = _laid_out(part, copy, manifest, trust)
        _check_continues(part, held)
        verdict = _verified(part, note, manifest, trust, progress)
        before = _entries(held)
        with _on_disk():
            for log in ("ledger.db-wal", "ledger.db-shm"):  # somebody else's: we never write here
                (into / log).unlink(missing_ok=True)
            (part / DATABASE).replace(held.database)
            write_atomically(held.taken, note)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        lock.release()
    held.pin(zero, manifest.checkpoint)
    return Taken(into, manifest, verdict, trust, before)


def _take_first(
    copy: Path,
    into: Path,
    signed: tuple[bytes, Manifest],
    key: str | None,
    progress: Progress | None,
) -> Taken:
    note, manifest = signed
    trust = _named(copy, key)
    with made_whole(into) as part:
        zero = _laid_out(part, copy, manifest, trust)
        _check_continues(part, None)
        verdict = _verified(part, note, manifest, trust, progress)
        folder = Folder(part)
        folder.identity.mkdir(mode=0o700)
        write_atomically(folder.taken, note)
        folder.pin_here(manifest.checkpoint)
    Folder(into).pin(zero, manifest.checkpoint)
    return Taken(into, manifest, verdict, trust, None)


def _named(copy: Path, key: str | None) -> VerifierKey:
    """The key that the reader names, or the one in the copy if it has the fingerprint named."""
    if key is None:
        raise UsageError(
            "whose ledger it is must be known from elsewhere than from the copy; nothing was "
            "changed",
            "ask its keeper for the verifier key or its fingerprint (muniment replica show) by "
            "telephone or letter: muniment replica take COPY DIR --key KEY",
        )
    if not _FINGERPRINT.fullmatch(key):
        try:
            return VerifierKey.parse(key.strip())
        except NoteError:
            raise UsageError(
                "that is neither a verifier key nor its fingerprint (64 hexadecimal digits)",
                "muniment replica show, where the ledger is",
            ) from None
    carried = Folder(copy).pinned_key()
    if fingerprint(carried) != key:
        raise VerificationError(
            "the key in the copy has another fingerprint than the one you know; nothing was "
            "changed",
            "do not use this copy; ask the ledger's keeper",
        )
    return carried


def _pinned(held: Folder, copy: Path, key: str | None) -> VerifierKey:
    """The key that is pinned here; one that is named again must be the same."""
    pinned = held.pinned_key()
    if key is not None and _named(copy, key) != pinned:
        raise VerificationError(
            "this replica was taken with another key; nothing was changed",
            "muniment replica show; ask the ledger's keeper which one is right",
        )
    return pinned


def _laid_out(part: Path, copy: Path, manifest: Manifest, trust: VerifierKey) -> bytes:
    """The copy's database, as listed, under our own settings and key; entry 0 as it has it.

    The other files are compared with the list, and what they say is not taken over.
    """
    folder = Folder(part)
    folder.trust.mkdir(mode=0o700)
    for listed in manifest.files:
        if listed.name == DATABASE:
            take_file(copy, listed, folder.database)
        elif file_in(copy, listed.name) != listed:
            raise VerificationError(
                "{name} in the copy is not what was copied; nothing was changed",
                "take another copy",
                name=listed.name,
            )
    folder.write_settings(manifest.origin, replica=True)
    write_atomically(folder.trust / "ledger.vkey", f"{trust.format()}\n".encode("ascii"))
    with _tree(folder.database) as (connection, tree):
        if Checkpoint(manifest.origin, tree.head.entries, tree.head.root) != manifest.checkpoint:
            raise VerificationError("copy.note names another state than the copy's")
        _check_bare(connection)
        zero = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = 0").scalar()
    return bytes(zero or b"")


def _check_bare(connection: sa.Connection) -> None:
    """Refuse texts and tokens that another party has no right to have, even encrypted."""
    for table in (TEXTS, *sorted(LEFT_OUT)):
        if connection.exec_driver_sql(f'SELECT EXISTS (SELECT 1 FROM "{table}")').scalar():  # noqa: S608
            raise VerificationError(
                "the copy carries sealed texts or tokens, which only the ledger's keeper may "
                "have; nothing was changed",
                "ask for one made by muniment replica make, and delete this one",
            )


def _verified(
    part: Path, note: bytes, manifest: Manifest, trust: VerifierKey, progress: Progress | None
) -> Verdict:
    """The verdict over all of it: genuine, permitted, and its tables as the events make them."""
    verdict = verified(Folder(part), note, trust, progress)
    with _tree(part / DATABASE) as (_connection, tree):
        if tree.head.root != manifest.root:  # of a database that was brought up to date
            raise VerificationError("copy.note names another state than the copy's")
    return verdict


def _check_continues(part: Path, held: Folder | None) -> None:
    """Refuse a copy that is older than what this machine has seen of the ledger, or a fork of it.

    The states that were seen are pinned: in the replica that is here, and outside of it.
    """
    with _tree(part / DATABASE) as (connection, tree):
        zero = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = 0").scalar()
        for pin in (held or Folder(part)).pins(bytes(zero or b"")):
            same = pin.size <= tree.head.entries and tree.root_at(pin.size) == pin.root
            if same:
                continue
            at = _divergence(held, tree)
            if at is not None or pin.size <= tree.head.entries:
                raise _fork(at, pin)
            raise VerificationError(
                "the copy is older than what was taken before: it has {size} entries, and "
                "{pinned} were seen; nothing was changed",
                "ask for a newer one",
                size=tree.head.entries,
                pinned=pin.size,
            )


def _divergence(held: Folder | None, tree: StoredTree) -> int | None:
    """Where the replica that is here and a copy differ, None if that cannot be seen."""
    if held is None:
        return None
    try:
        with _tree(held.database) as (_connection, own):
            size = min(own.head.entries, tree.head.entries)
            return divergence(own.root_at, tree.root_at, size)
    except MunimentError:
        return None


def _fork(at: int | None, pin: Checkpoint) -> VerificationError:
    if at is None:
        return VerificationError(
            "the copy is a fork of what was taken before: one of the first {size} entries is "
            "another one there; nothing was changed",
            "keep both and show them to the other parties: what was signed twice proves it",
            size=pin.size,
        )
    return VerificationError(
        "the copy is a fork of what was taken before: entry {index} (counted from 0) is another "
        "one there; nothing was changed",
        "keep both and show them to the other parties: what was signed twice proves it",
        index=at,
    )


def _entries(held: Folder) -> int | None:
    """How many entries are here; None if that cannot be read."""
    try:
        with _tree(held.database) as (_connection, tree):
            return tree.head.entries
    except MunimentError:
        return None


@contextmanager
def _tree(database: Path) -> Iterator[tuple[sa.Connection, StoredTree]]:
    """A database, to be read, with the tree that it stores."""
    engine = engine_for(database, read_only=True)
    try:
        with engine.connect() as connection:
            yield connection, StoredTree(connection)
    except (sa.exc.DBAPIError, TypeError, ValueError):
        raise VerificationError(
            "ledger.db in the copy cannot be read; nothing was changed", "take another copy"
        ) from None
    finally:
        engine.dispose()


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the replica cannot be written ({cause}); it is what it was before",
            "free some space, or look at the disk",
            cause=cause_of(error),
        ) from None


def shown(ledger: Ledger) -> Shown:
    """What a replica, or a ledger of one's own, is and stands at."""
    folder = ledger.folder
    made = None
    if folder.taken.exists():
        _note, manifest = read_manifest_of(folder)
        made = manifest.made
    size, root = ledger.seen()
    return Shown(
        ledger.origin, ledger.ledger_id, size, root, made, folder.pinned_key(), folder.holders()
    )


def read_manifest_of(folder: Folder) -> tuple[bytes, Manifest]:
    """The signed note of the copy that a replica was taken from last."""
    try:
        note = read_limited(folder.taken, _LIMIT)
        return note, Manifest.parse(Note.parse(note).text)
    except (OSError, NoteError):
        raise VerificationError(
            "trust/replica is damaged", "muniment replica take COPY DIR"
        ) from None
