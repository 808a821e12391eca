"""The moment that a question is about: a time, a position or a checkpoint, as an entry of the tree.

    2026-11-21T09:30:00+08:00   RFC 3339 with `Z` or an offset: the last entry accepted by then
    position:4711               the entry that brought the event of this position (1-based)
    checkpoint:FILE             the last entry that a checkpoint of this ledger covers

The answer is always the state right after one whole entry: a commit is atomic. Times are accepted
times, the ledger's own, not the claimed times of events; they never decrease, so the entry is
found by halving, with as many reads as the number of entries has binary digits.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, overload

from domain.ledger import LedgerState
from domain.values import timestamp
from ledger.errors import NoteError, UsageError, VerificationError
from ledger.evidence import unb64url
from ledger.facts import LedgerFacts
from ledger.folder import read_limited
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.note import ED25519, MAX_NOTE_BYTES, Note, VerifierKey
from ledger.tree import StoredTree

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ledger.application import Ledger

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-]\d\d:\d\d))", re.ASCII
)
_POSITION: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class Moment(NamedTuple):
    """A state that the ledger had: right after `entry` (0-based), accepted at `accepted`.

    `position`: of the last event that this state holds.
    """

    entry: int
    accepted: str
    position: int


def moment(ledger: Ledger, text: str) -> Moment:
    """The state that `text` names, in one of the three forms of this module.

    Raises `UsageError` for another form, for what lies before the first entry and for a position
    that the ledger does not have; `VerificationError` for a checkpoint that is not one of this
    ledger's own states, signed by its key.
    """
    kind, _, rest = text.partition(":")
    with ledger.engine.connect() as connection:
        if kind == "position":
            entry = _of_position(connection, rest)
        elif kind == "checkpoint":
            entry = _of_checkpoint(ledger, connection, rest)
        else:
            entry = _of_time(connection, text, StoredTree(connection))
        accepted = LedgerFacts(connection).accepted_at(entry)
        last = connection.exec_driver_sql(
            "SELECT first + count - 1 FROM commits WHERE entry = ?", (entry,)
        ).scalar_one()
    return Moment(entry, accepted, last)


def entry_in(
    connection: Connection, text: str | None, tree: StoredTree | None = None
) -> tuple[int, int]:
    """The last entry and position of the state that `text` names, of a log without a folder.

    None: of the newest state. A checkpoint is believed for the state that it names, which must be
    one of this tree, whoever signed it. `tree`: of this log, where it is known. Raises as `moment`
    does.
    """
    tree = tree or StoredTree(connection)
    if text is None:
        stored = connection.exec_driver_sql("SELECT max(position) FROM events").scalar()
        return tree.head.entries - 1, max(tree.head.events, stored or 0)
    kind, _, rest = text.partition(":")
    if kind == "position":
        entry = _of_position(connection, rest)
    elif kind == "checkpoint":
        try:
            stated = Checkpoint.parse(Note.parse(_read(rest)).text)
        except NoteError as error:
            raise VerificationError("this is not a checkpoint") from error
        entry = _checked(tree, LedgerFacts(connection).origin, stated)
    else:
        entry = _of_time(connection, text, tree)
    last = connection.exec_driver_sql(
        "SELECT first + count - 1 FROM commits WHERE entry = ?", (entry,)
    ).scalar()
    return entry, int(last or 0)


def stated_time(text: str) -> str | None:
    """The time that `text` names, as entries write it; None for the other two forms.

    Raises `UsageError` for what is none of the three.
    """
    return None if text.startswith(("position:", "checkpoint:")) else _accepted_form(text)


def _of_position(connection: Connection, text: str) -> int:
    found = None
    if _POSITION.fullmatch(text) and int(text) < 2**63:
        found = connection.exec_driver_sql(
            "SELECT entry FROM events WHERE position = ?", (int(text),)
        ).scalar()
    if found is None:
        raise UsageError("there is no event at this position", "muniment status")
    return int(found)


# -- by time ----------------------------------------------------------------------------------


class _AcceptedTimes(Sequence[str]):
    """The accepted time of every entry, each read when it is asked for."""

    def __init__(self, connection: Connection, tree: StoredTree) -> None:
        self._facts = LedgerFacts(connection)
        self._entries = tree.head.entries

    def __len__(self) -> int:
        return self._entries

    @overload
    def __getitem__(self, entry: int) -> str: ...

    @overload
    def __getitem__(self, entry: slice) -> Sequence[str]: ...

    def __getitem__(self, entry: int | slice) -> str | Sequence[str]:
        if isinstance(entry, slice):
            return [self[index] for index in range(*entry.indices(len(self)))]
        return self._facts.accepted_at(entry)


def _of_time(connection: Connection, text: str, tree: StoredTree) -> int:
    following = bisect_right(_AcceptedTimes(connection, tree), _accepted_form(text))
    if following == 0:
        raise UsageError(
            "the ledger had no entry yet at this time",
            "muniment show ID/1, with the ledger's id of muniment status, says when it was opened",
        )
    return following - 1


def _accepted_form(text: str) -> str:
    """A time as entries write it: UTC, cut to milliseconds."""
    found = _TIME.fullmatch(text)
    if found is not None:
        day, clock, fraction, _, offset = found.groups()
        millis = (fraction or "").ljust(3, "0")[:3]
        try:
            return timestamp(datetime.fromisoformat(f"{day}T{clock}.{millis}{offset or '+00:00'}"))
        except (ValueError, OverflowError):
            pass
    raise UsageError(
        "not a moment: a time with its offset, position:NUMBER or checkpoint:FILE",
        "2026-11-21T09:30:00+08:00, position:4711, checkpoint:head.note",
    )


# -- by checkpoint ----------------------------------------------------------------------------


def _of_checkpoint(ledger: Ledger, connection: Connection, name: str) -> int:
    """The last entry under a checkpoint that a key of this ledger signed, and whose tree is ours.

    Whose key that is says the folder: the ledger's stream must hold the key that it trusts.
    """
    data = _read(name)
    try:
        stated = open_checkpoint(data, _trusted_keys(ledger)).checkpoint
    except NoteError as error:
        raise VerificationError(
            "this is not a checkpoint signed by the key of this ledger",
            "muniment checkpoint makes one; a file of another ledger says nothing about this one",
        ) from error
    return _checked(StoredTree(connection), ledger.origin, stated)


def _checked(tree: StoredTree, origin: str, stated: Checkpoint) -> int:
    if stated.size > tree.head.entries:
        raise VerificationError(
            "the checkpoint covers {size} entries; the ledger here has {entries}",
            "fetch the missing entries from whoever holds them; muniment verify",
            size=stated.size,
            entries=tree.head.entries,
        )
    if stated.origin != origin or tree.root_at(stated.size) != stated.root:
        raise VerificationError(
            "the checkpoint was signed for a state that this ledger never had",
            "compare the two ledgers: one of them is not the original",
        )
    if stated.size == 0:
        raise UsageError("the checkpoint covers no entry")
    return stated.size - 1


def _read(name: str) -> bytes:
    try:
        return read_limited(Path(name), MAX_NOTE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            "the checkpoint's file cannot be read ({kind})",
            "checkpoint:FILE names a file with a checkpoint, as muniment checkpoint prints it",
            kind=type(error).__name__,
        ) from error


def _trusted_keys(ledger: Ledger) -> list[VerifierKey]:
    """Every key that ever signed checkpoints here, if the key that the folder trusts is one."""
    state = ledger.state(ledger.ledger_id)
    enrolled = [k.key for k in state.keys.values()] if isinstance(state, LedgerState) else []
    keys = [
        VerifierKey.of(key.name, ED25519, unb64url(key.public))
        for key in enrolled
        if key.purpose == "checkpoint"
    ]
    if ledger.folder.pinned_key() not in keys:
        raise VerificationError(
            "ledger.db is not the ledger that trust/ledger.vkey names", "muniment verify"
        )
    return keys
