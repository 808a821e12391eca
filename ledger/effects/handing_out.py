"""Content handed out: found, judged, recorded, and only then given.

Who asks is judged before any content is read; a refusal of an access is itself recorded (I-15).
Then the content is read for its digest, `record.accessed` is recorded with that digest sealed, and
the content is copied to its new file or to a stream, hashed again on the way: if it is not what
was recorded, a file is removed and nothing is handed out. A copy in the vault is read like a file,
decrypted piece by piece on its way to whoever gets it; where the file that was collected is gone
or has changed, it is what is read. A row of a table is handed out alone, as
the JSON array of its cells (`ledger.sources.row_content`); the table is never handed out as its
record.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from msgspec import UNSET, Struct

from domain.access import AccessDenied, GrantState, RecordAccessed
from domain.copies import HoldingState, copies_of_record
from domain.record import RecordCollected, RecordCorrected, RecordState
from ledger import sources
from ledger.acting import Acting
from ledger.acts import given, holding_state, record_state, texts
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, check_permitted
from ledger.effects.places import (
    Place,
    check_outside,
    created_fields,
    place_of,
    plain,
    table,
)
from ledger.errors import MunimentError, RefusedError, UsageError, VerificationError
from ledger.folder import sync_folder
from ledger.recorder import Receipt
from ledger.sealing import commitments_root, derived_seed
from ledger.signing import Proposal
from ledger.sources import SourceFault
from projections.access import grants_for

DENYING: Final = frozenset({"I-03", "I-09", "I-11", "I-13", "I-14", "I-15", "I-17", "I-33"})
"""The rules whose refusal of an access goes into the register."""
EMERGENCY: Final = "break_glass"

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DeniedError(RefusedError):
    """A rule denies the access. `event`: the id of the denial as recorded, if it could be."""

    event: str | None = None


class Asked(NamedTuple):
    """What somebody asks for: codes of `AccessPurpose` and `AccessMode`, and why in words.

    `role`, `engagement`: in which the actor says so, those of `Ledger.build`.
    """

    purpose: str
    mode: str
    ticket: str | None = None
    reason: str | None = None
    role: str | None = None
    engagement: str | None = None

    @property
    def envelope(self) -> dict[str, Any]:
        """The options of `Ledger.build`."""
        return {"role": self.role, "engagement": self.engagement}


class HandedOut(NamedTuple):
    """What was recorded and handed out. `intact`: None where there was nothing to compare.

    `passed_over`: copies that were to be read first and could not be, with the causes.
    """

    receipt: Receipt
    holding: str
    grant: str | None
    intact: bool | None
    size: int
    passed_over: Sequence[tuple[str, str]]


class _Content(Struct, frozen=True):
    """Content that was read once: its digest in hex, its size, whether it is as recorded.

    `row`: the bytes themselves for a row of a table; else they are read again from `place`.
    """

    place: Place
    digest: str
    size: int
    intact: bool | None
    row: bytes | None = None


def access(
    ledger: Ledger,
    acting: Acting,
    record: str,
    asked: Asked,
    out: Path | BinaryIO,
    *,
    grant: str | None = None,
    holding: str | None = None,
) -> HandedOut:
    """Hand out a record's content to whoever acts, and record it first.

    `out`: a file that does not exist yet, or an open stream; `grant`: else one that permits it is
    looked for; `holding`: which copy; else the one that holds the present content, or another one
    with the same digest. Raises `DeniedError` when a rule denies it, with the denial recorded;
    `UsageError`, `MunimentError` when there is nothing to read or nowhere to put it, with nothing
    recorded, unless the message says so.
    """
    if asked.purpose == EMERGENCY and not asked.reason:
        raise UsageError("an emergency access says why: --reason; nothing was recorded")
    state = record_state(ledger, record)
    candidates = _candidates(ledger, acting, state, holding)
    if isinstance(out, Path):
        check_out(ledger, out)
    grant = _permitted(ledger, acting, state, candidates[0], asked, grant)
    content, passed_over = _read_first(ledger, state, candidates, holding)
    with new_target(out) as target:
        fields = {**_fields(asked, content.place.holding, grant), **_outcome(asked)}
        fields |= given(intact=content.intact)
        sealed = texts(content=content.digest, ticket=asked.ticket, reason=asked.reason)
        proposal = Proposal(RecordAccessed, record, fields, sealed)
        receipt = ledger.act(acting, [proposal], **asked.envelope)
        event = receipt.events[0].id
        _pour(ledger, content, target.stream, event)
        with _on_out(event):
            target.keep()
    holding = content.place.holding
    return HandedOut(receipt, holding, grant, content.intact, content.size, passed_over)


def permit(
    ledger: Ledger, acting: Acting, record: str, asked: Asked, grant: str | None = None
) -> dict[str, Any]:
    """The fields of the `record.accessed` that permits an access now; nothing is recorded.

    For what is handed out of a record's event instead of its content. Raises `DeniedError`, the
    denial recorded.
    """
    if asked.purpose == EMERGENCY and not asked.reason:
        raise UsageError("an emergency access says why: --reason; nothing was recorded")
    state = record_state(ledger, record)
    (holding, *_) = _candidates(ledger, acting, state, None)
    grant = _permitted(ledger, acting, state, holding, asked, grant)
    return {**_fields(asked, holding, grant), **_outcome(asked)}


def _fields(asked: Asked, holding: str, grant: str | None) -> dict[str, Any]:
    return {
        "holding": holding, "mode": asked.mode, "purpose": asked.purpose, **given(grant=grant),
    }  # fmt: skip


def _outcome(asked: Asked) -> dict[str, str]:
    return {"outcome": EMERGENCY if asked.purpose == EMERGENCY else "allowed"}


# -- which copy, which grant -------------------------------------------------------------------


def _candidates(
    ledger: Ledger, acting: Acting, state: RecordState, holding: str | None
) -> list[str]:
    """The copies to try, best first; never empty, so that a rule can say what is wrong with it."""
    if holding is not None:
        holding_state(ledger, holding)
        return [holding]
    current = state.holdings[-1]
    with as_judged_now(ledger) as case:
        found = copies_of_record(case, state)
    there = [copy for copy in found if copy.there]
    mine = [copy for copy in there if copy.custodian == acting.state.party] or there
    ordered = sorted((copy.stream for copy in mine), key=lambda stream: (stream != current, stream))
    return ordered or [current]


def _permitted(
    ledger: Ledger,
    acting: Acting,
    state: RecordState,
    holding: str,
    asked: Asked,
    grant: str | None,
) -> str | None:
    """The grant under which the rules permit it (None: an emergency needs none).

    Raises `DeniedError`, the denial recorded, by the grant that comes closest.
    """
    refused: list[tuple[str | None, RefusedError]] = []
    for one in _grants(ledger, acting, state, asked, grant):
        fields = {**_fields(asked, holding, one), **_outcome(asked)}
        sealed = texts(ticket=asked.ticket, reason=asked.reason)
        proposal = Proposal(RecordAccessed, state.stream, fields, sealed)
        try:
            check_permitted(ledger, acting, [proposal], **asked.envelope)
        except RefusedError as error:
            refused.append((one, error))
        else:
            return one
    closest, refusal = min(refused, key=lambda pair: len(pair[1].refusals))
    denied = DeniedError(refusal.template, refusal.remedy_template, refusal.refusals)
    fields = _fields(asked, holding, closest)
    denied.event = _deny(ledger, acting, state.stream, fields, denied, asked)
    raise denied


def _grants(
    ledger: Ledger, acting: Acting, state: RecordState, asked: Asked, grant: str | None
) -> list[str | None]:
    """The grants to try, the newest first."""
    if grant is not None:
        case_state(ledger, GrantState, grant)
        return [grant]
    if asked.purpose == EMERGENCY:
        return [None]
    wide = {
        ".".join(parts[:length])
        for parts in (category.split(".") for category in state.categories)
        for length in range(1, len(parts) + 1)
    }
    with ledger.engine.connect() as connection:
        found = grants_for(connection, acting.actor, state.stream, sorted(wide))
    return [*reversed(found)] or [None]


def _deny(
    ledger: Ledger,
    acting: Acting,
    record: str,
    fields: Mapping[str, Any],
    error: RefusedError,
    asked: Asked,
) -> str | None:
    """Record what denied an access, by the first refusal that says something about it."""
    details = [r.detail for r in error.refusals if getattr(r, "rule", "") in DENYING]  # type: ignore[attr-defined]
    for detail in details:
        denial = Proposal(AccessDenied, record, {**fields, "rule": detail})
        with suppress(RefusedError):  # of somebody who may say nothing here, not even this
            return ledger.act(acting, [denial], **asked.envelope).events[0].id
    return None


# -- reading -----------------------------------------------------------------------------------


def _read_first(
    ledger: Ledger, state: RecordState, candidates: Sequence[str], named: str | None
) -> tuple[_Content, list[tuple[str, str]]]:
    """The content of the first copy that can be read, and what was passed over on the way."""
    wanted = created_fields(ledger, state.holdings[-1]).get("content")
    passed_over: list[tuple[str, str]] = []
    changed: _Content | None = None
    for holding in candidates:
        try:
            place = _place(ledger, holding, wanted if named is None else None)
            found = _read(ledger, state, place)
        except SourceFault as fault:
            passed_over.append((holding, fault.cause))
            continue
        if found.intact is not False:
            return found, passed_over
        changed = changed or found
        passed_over.append((holding, "changed_since_recorded"))
    if changed is not None:
        return changed, [one for one in passed_over if one[0] != changed.place.holding]
    raise MunimentError(
        "no copy of the record can be read here ({cause}); nothing was recorded",
        "muniment holding list --record RECORD; then name one with --holding",
        cause=passed_over[0][1],
    )


def _place(ledger: Ledger, holding: str, wanted: str | None) -> Place:
    """Where a copy lies; with `wanted`, only if that digest is the one recorded for it."""
    place = place_of(ledger, holding)
    if wanted not in (None, place.content):
        raise SourceFault("other_content")
    return place


def _read(ledger: Ledger, state: RecordState, place: Place) -> _Content:
    collected = _collected(ledger, state, holding_state(ledger, place.holding))
    if collected is None:
        whole, size = sha256(), 0
        for piece in plain(ledger, place):
            whole.update(piece)
            size += len(piece)
        found = whole.hexdigest()
        return _Content(place, found, size, found == place.content)
    position, event, number = collected
    row = _row(ledger, place, number)
    digest = sha256(row).hexdigest()
    return _Content(place, digest, len(row), _row_intact(ledger, position, event, digest), row)


def _collected(
    ledger: Ledger, state: RecordState, copy: HoldingState
) -> tuple[int, RecordCollected, int] | None:
    """Where a row of the table that a copy is was collected: position, event and row.

    None if all of the copy is the record's content.
    """
    if copy.record is not None:  # which is this record: a copy of another one was refused
        return None
    base = copy.stream if copy.stream in state.holdings else copy.made_from
    for position, _accepted, event, _raw in ledger.events_of(state.stream):
        if isinstance(event, RecordCorrected) and event.holding == base:
            return None
        if isinstance(event, RecordCollected) and event.holding == base:
            return None if event.row is UNSET else (position, event, event.row)
    raise SourceFault("other_content")


def _row(ledger: Ledger, place: Place, number: int) -> bytes:
    """The content of one data row (1-based) of a table."""
    content = None
    for at, cells in table(ledger, place):
        if at == number:
            content = sources.row_content(cells)
    if content is None:
        raise SourceFault("row_not_there")
    return content


def _row_intact(ledger: Ledger, position: int, event: RecordCollected, digest: str) -> bool | None:
    """Whether a row is the one recorded: by its digest, or by its commitment in the series."""
    sealed = ledger.unseal(position, event)
    if sealed is not None:
        return sealed.get("content") == digest
    seed = created_fields(ledger, event.holding).get("seed")
    if seed is None or event.sealed is UNSET:
        return None
    derived = derived_seed(bytes.fromhex(seed), event.id)
    root = commitments_root(ledger.origin, event.id, {"content": digest}, derived)
    return root.hex() == event.sealed.root


# -- handing out -------------------------------------------------------------------------------


def check_out(ledger: Ledger, out: Path) -> None:
    """Raise `UsageError` unless a new file can be made there, outside the ledger's folder."""
    check_outside(ledger, out)
    if os.path.lexists(out):
        raise UsageError("the file that --out names exists; nothing was recorded", "name a new one")
    if not out.parent.is_dir():
        raise UsageError("the folder for the file is not there; nothing was recorded",
                         "make the folder first")  # fmt: skip


class Target:
    """Where content goes: a stream, or a file that has another name until it is whole."""

    def __init__(self, out: Path | BinaryIO) -> None:
        self._out = out if isinstance(out, Path) else None
        if isinstance(out, Path):
            with suppress(FileNotFoundError):
                os.lstat(out)  # a name that no file can have is told now, not after recording
            self._temporary = out.with_name(f".{os.urandom(8).hex()}.tmp")
            descriptor = os.open(self._temporary, _NEW, 0o600)
            self.stream: BinaryIO = os.fdopen(descriptor, "wb")
        else:
            self.stream = out

    def keep(self) -> None:
        """Make what was written durable, and give a file its name."""
        self.stream.flush()
        if self._out is not None:
            os.fsync(self.stream.fileno())
            if os.path.lexists(self._out):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            self._temporary.rename(self._out)
            sync_folder(self._out.parent)

    def close(self) -> None:
        """Remove a file that was not kept."""
        if self._out is not None:
            with suppress(OSError):  # what a full disk did not take is flushed once more here
                self.stream.close()
            self._temporary.unlink(missing_ok=True)


@contextmanager
def new_target(out: Path | BinaryIO) -> Iterator[Target]:
    """Where content goes: a stream, or a new file that is there whole or not at all, by `keep`."""
    try:
        target = Target(out)
    except OSError as error:
        raise MunimentError(
            "the file that --out names cannot be written ({cause}); nothing was recorded",
            "name a file in a folder that this user can write to",
            cause=error.strerror,
        ) from None
    try:
        yield target
    finally:
        target.close()


def _pour(ledger: Ledger, content: _Content, out: BinaryIO, event: str) -> None:
    """Copy what was recorded, and nothing else."""
    if content.row is not None:
        _write(out, content.row, event)
        return
    digest = sha256()
    try:
        for piece in plain(ledger, content.place):
            digest.update(piece)
            _write(out, piece, event)
        same = digest.hexdigest() == content.digest
    except SourceFault:
        same = False
    if not same:
        raise VerificationError(
            "the file changed after {event} was recorded: what was copied since is not what was "
            "recorded; a file that --out names was not written",
            "muniment access record RECORD, once nobody writes to it any more",
            event=event,
        )


def _write(out: BinaryIO, data: bytes, event: str) -> None:
    with _on_out(event):
        out.write(data)


@contextmanager
def _on_out(event: str) -> Iterator[None]:
    """Errors of what is written to, told apart from those of the source."""
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the content could not be written ({cause}); {event} stands, and no file was made",
            "make room and access it again",
            cause=error.strerror, event=event,
        ) from None  # fmt: skip
