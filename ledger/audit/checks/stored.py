"""Is what is stored what the events say: vault objects, files, backups, data keys, journals.

Presence and sizes are always compared. With a `part` of 1/4, every content is read with a chance of
1/4 and compared with its digest; which ones, `is_drawn` says, from the seed and the digest alone:
anybody who knows the seed draws the same ones again, in whatever order and wherever they lie.
Ciphertext is compared without a key, since the events name its digest: vault objects, and backups
in folders that are named (`places`). Where files lie is sealed: they take a ledger whose keystore
can be opened, else they are a `Gap`.

>>> from fractions import Fraction
>>> sum(is_drawn(f"{n:064x}", Fraction(1, 4), seed=7) for n in range(4000))
1034
>>> is_drawn("ab" * 32, Fraction(0), seed=7), is_drawn("ab" * 32, Fraction(1), seed=7)
(False, True)
"""

from __future__ import annotations

import os
import stat
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.audit.catalogue import raised
from ledger.audit.checks.anonymous import anonymous
from ledger.audit.checks.parts import Part, looked
from ledger.audit.checks.stored_elsewhere import backups_in, files_of, unreached
from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.effects import expiring, pending
from ledger.effects.places import digest_of
from ledger.effects.vaulting import Object, encrypted_copies
from ledger.effects.vouching import Differing, Missing, Unreadable, Unvouched, compared
from ledger.errors import KeyAccessError
from ledger.evidence import data_key, decode_event
from ledger.folder import Folder
from ledger.schema import trigger_names
from ledger.slots import SLOT_FILE, Slots
from ledger.sources import SourceFault, opened
from ledger.stream import object_size
from ledger.vault import Vault
from projections.keycopies import all_shredded

if TYPE_CHECKING:
    from ledger.application import Ledger

Progress = Callable[[int, int], None]
"""`progress(done, of)` after each copy in the vault."""
Draw = Callable[[str], bool]
"""Whether the content with this digest is read."""

_PRIVATE: Final = stat.S_IRWXG | stat.S_IRWXO
_NOT_VOUCHED: Final = "tokens"
"""The table by which what was collected is recognised: no event names its rows."""
_ROWS: Final = 5_000
_SPAN: Final = 1 << 64


def is_drawn(digest: str, part: Fraction, seed: int) -> bool:
    """Whether a content is read in a draw: its chance is `part`, independent of all others."""
    number = int.from_bytes(sha256(f"{seed}/{digest}".encode("ascii")).digest()[:8])
    return number * part.denominator < part.numerator * _SPAN


def check(
    scope: Scope,
    part: Fraction = Fraction(0),
    seed: int = 0,
    progress: Progress | None = None,
    *,
    places: Sequence[Path] = (),
    ledger: Ledger | None = None,
) -> Iterator[Finding | Gap]:
    """What is stored and is not as recorded, what is not and should be, and the other way round.

    `part`: the share of contents that is read; `places`: folders in which backups lie; `ledger`:
    open, with a keystore that can be opened, to look for files and backups where they were put.
    """
    yield from looked("consistent", {"database": _database, "checkpoints": _signed}, scope)
    yield Gap("consistent", "not_vouched", subject=_NOT_VOUCHED)
    folder = scope.folder
    if folder is None:
        yield Gap("consistent", "no_folder")
        return
    if scope.log.exec_driver_sql("SELECT max(entry) FROM commits").scalar() != scope.entry:
        yield Gap("consistent", "stored_is_newer")  # what lies there now is of a later state
        return

    def draw(digest: str) -> bool:
        return is_drawn(digest, part, seed)

    if not part and scope.scratch.exec_driver_sql("SELECT 1 FROM holdings LIMIT 1").first():
        yield Gap("consistent", "contents_not_read")
    parts: dict[str, Part] = {
        "folder": lambda _: _exposed(folder), "executions": lambda _: _unfinished(folder),
    }  # fmt: skip
    if not folder.replica:
        parts["vault"] = lambda scope: _vault(scope, Vault(folder.path), draw, progress)
        parts["keystore"] = lambda scope: _keystore(scope, folder)
        parts["people"] = _people
    reached: set[str] = set()
    for number, place in enumerate(places, 1):
        parts[f"backups:{number}"] = partial(backups_in, place=place, draw=draw, reached=reached)
    if ledger is not None:
        parts["files"] = partial(files_of, ledger=ledger, draw=draw, reached=reached)
        parts["anonymous"] = partial(anonymous, ledger=ledger, draw=draw)
    else:
        parts["files"] = partial(unreached, reached=reached)
    yield from looked("consistent", parts, scope)


def _database(scope: Scope) -> Iterator[Finding]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    found = {str(name) for (name,) in scope.log.exec_driver_sql(query)}
    if missing := sorted(trigger_names() - found):
        yield raised("triggers_missing", evidence=tuple(missing), actual=str(len(missing)))


def _signed(scope: Scope) -> Iterator[Finding]:
    """Whether a stored checkpoint, which verification reads, signs for all that is here."""
    covered = scope.log.exec_driver_sql("SELECT max(size) FROM checkpoints").scalar() or 0
    if covered <= scope.entry:
        query = "SELECT first FROM commits WHERE entry = ?"
        position = scope.scratch.exec_driver_sql(query, (covered,)).scalar()
        yield raised(
            "no_signed_state", position=position, entry=covered,
            actual=str(scope.entry - covered + 1), cause="entries beyond the newest checkpoint",
        )  # fmt: skip


def _exposed(folder: Folder) -> Iterator[Finding]:
    """Folders of keys and contents in which others on this machine may read or write."""
    for part in (folder.identity, folder.keystore, Vault(folder.path).path):
        count = 0
        for path, _, names in os.walk(part):
            for name in (".", *names):
                with suppress(OSError):
                    mode = os.lstat(Path(path, name)).st_mode
                    count += bool(mode & _PRIVATE) and not stat.S_ISLNK(mode)
        if count:
            yield raised("exposed", detail=part.name, actual=str(count))


def _unfinished(folder: Folder) -> Iterator[Finding]:
    for stream in (*pending.left_open(folder), *expiring.left_open(folder)):
        yield raised("execution_unfinished", subject=stream)


_PEOPLE: Final[dict[type, str]] = {Unvouched: "people_not_vouched", Missing: "people_not_indexed"}


def _people(scope: Scope) -> Iterator[Finding]:
    """Rows by which people are found again that are not those that events vouch for."""
    for one in compared(scope.log, scope.scratch):
        if isinstance(one, Differing):
            yield raised("people_rows_differ", subject=one.record, evidence=(one.event,),
                         expected=one.expected, actual=one.actual)  # fmt: skip
        elif not isinstance(one, Unreadable):  # which the report of people names with its cause
            yield raised(_PEOPLE[type(one)], evidence=one.records, actual=str(one.count))


# -- the vault --------------------------------------------------------------------------------


def _vault(
    scope: Scope, vault: Vault, draw: Draw, progress: Progress | None
) -> Iterator[Finding | Gap]:
    query = "SELECT count(*) FROM holdings WHERE encrypted = 1"
    total = int(scope.scratch.exec_driver_sql(query).scalar_one())
    known: set[bytes] = set()
    wanted = {copy.object for copy in encrypted_copies(scope.scratch) if copy.there}
    for done, copy in enumerate(encrypted_copies(scope.scratch), 1):
        known.add(bytes.fromhex(copy.object))
        yield from _object(vault, copy, draw, shared=copy.object in wanted)
        if progress is not None:
            progress(done, total)
    try:
        for stray in vault.strays(lambda name: bytes.fromhex(name) in known):
            yield raised("object_foreign", subject=stray.object, actual=str(stray.size))
    except OSError:
        yield Gap("consistent", "not_listed", subject="vault")


def _object(vault: Vault, copy: Object, draw: Draw, *, shared: bool) -> Iterator[Finding]:
    """What is wrong with the object of one copy; `shared`: a copy that is there has it."""
    path = vault.path_of(copy.object)
    evidence = (f"{copy.holding}/1",)
    try:
        found = path.lstat()
    except FileNotFoundError:
        if copy.there and not copy.elsewhere:
            yield raised("object_missing", subject=copy.holding, evidence=evidence,
                         expected=copy.object)  # fmt: skip
        return
    except OSError as error:
        yield raised("object_unreadable", subject=copy.holding, cause=type(error).__name__)
        return
    if not copy.there:
        if not shared:
            yield raised("object_still_there", subject=copy.holding, evidence=evidence,
                         detail=copy.condition, actual=copy.object)  # fmt: skip
        return
    size = object_size(copy.size)
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        yield raised("object_size_differs", subject=copy.holding, evidence=evidence,
                     expected=str(size), actual=str(found.st_size))  # fmt: skip
    elif draw(copy.object):
        yield from _read(path, copy, evidence)


def _read(path: Path, copy: Object, evidence: tuple[str, ...]) -> Iterator[Finding]:
    try:
        with opened(os.fsencode(path)) as file:
            digest = digest_of(file)
    except SourceFault as fault:
        yield raised(
            "object_unreadable", subject=copy.holding, evidence=evidence, cause=fault.cause
        )
        return
    if digest != copy.object:
        yield raised("object_changed", subject=copy.holding, evidence=evidence,
                     expected=copy.object, actual=digest)  # fmt: skip


# -- the keystore -----------------------------------------------------------------------------


def _keystore(scope: Scope, folder: Folder) -> Iterator[Finding]:
    """Keys that should be gone and are there, and the other way round; takes no passphrase."""
    try:
        with Slots.at(folder.keystore, reading=True) as slots:
            for key in all_shredded(scope.scratch):
                if slots.state(key) == "present":
                    yield raised("key_still_there", subject=key)
            yield from _needed(scope, slots)
    except KeyAccessError as error:
        missing = not (folder.keystore / SLOT_FILE).is_file()
        yield raised("keystore_damaged", detail="missing" if missing else "damaged",
                     cause=type(error).__name__)  # fmt: skip


def _needed(scope: Scope, slots: Slots) -> Iterator[Finding]:
    """Data keys of sealed texts and objects that are there; whether one may be gone, events say."""
    shredded = set(all_shredded(scope.scratch))
    query = (
        "SELECT e.position, e.entry, e.state FROM sealed s JOIN events e "
        "ON e.position = s.position ORDER BY s.position"
    )
    present = array("Q", map(_begins, slots.present()))  # in order, and no two begin alike
    last, told = "", set[str]()
    for rows in scope.log.exec_driver_sql(query).partitions(_ROWS):
        for position, entry, state in rows:
            key = data_key(bytes(state))
            if not key or key == last:
                continue
            last, begins = key, _begins(key)
            at = bisect_left(present, begins)
            if (at < len(present) and present[at] == begins) or key in shredded or key in told:
                continue  # a text that is there under a shredded key is `sealed_not_erased`
            told.add(key)
            yield raised(
                "key_missing", position=position, entry=entry, subject=key,
                detail=slots.state(key), evidence=(_stream(bytes(state)),),
            )  # fmt: skip


def _begins(key: str) -> int:
    """Time and counter of a key's id: of no other key of a keystore (`ledger.slots`)."""
    return int(key[4:12] + key[13:17] + key[18:22], 16)


def _stream(state: bytes) -> str:
    event = decode_event(state)
    return event.id


__all__ = ["check", "is_drawn"]
