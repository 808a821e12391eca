"""A copy read, made anonymous, tested, written beside, and recorded as a record of its own.

What stands in the way is asked before anything is read; the bytes are tested again as they were
made before they are written; a file that is not recorded is removed. The identified copies are left
as they are: they go through a destruction case, under the guard of every destruction.

Causes for which a copy is not made anonymous, besides those of `ledger.effects.places` and of
`ledger.content`: `not_a_table` (it holds text, or nothing), `several_sheets`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
from msgspec import UNSET

from domain.anonymization import RecordAnonymized, made_of_ones_own_copy
from domain.codes import DataLevel, RecordCategory
from domain.copies import contents_of
from domain.holding import HoldingCreated
from domain.judging import Case
from domain.record import RecordClassified, RecordCollected, RecordState
from ledger import sources
from ledger.acting import Acting
from ledger.acts import holding_state
from ledger.application import Ledger
from ledger.content import Piece, pieces
from ledger.custody import as_judged_now, check_permitted
from ledger.effects.generalising import Examined, Made, Plan, examine, generalise
from ledger.effects.places import (
    Place,
    check_outside,
    content,
    place_fields,
    place_of,
    read_matches,
)
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.folder import sync_folder
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids, now
from ledger.sources import SourceFault

_NO_SALT: Final = "A" * 22
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LEVELS: Final[Sequence[DataLevel]] = (
    "general_1", "general_2", "general_3", "general_4", "important", "core",
)  # fmt: skip
_MOST_CATEGORIES: Final = 8


class Anonymised(NamedTuple):
    """What was made: the record and copy recorded, their receipt, and what is to be approved.

    `approval`: the proposal of `record.anonymized`, for a draft that an approver signs too.
    """

    record: str
    holding: str
    receipt: Receipt
    approval: Proposal
    made: Made
    examined: Examined


def anonymise(
    ledger: Ledger,
    acting: Acting,
    source: str,
    plan: Plan,
    target: Path,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Anonymised:
    """Make what is in the copy `source` anonymous, in the new csv file `target`.

    `options`: those of `Ledger.build`, the role left out. Raises `RefusedError` if a rule is in the
    way of it, `UsageError` for a plan that does not fit or a result that does not pass its test,
    `MunimentError` if the copy cannot be read; then nothing was written or recorded.
    """
    check_outside(ledger, target)
    if target.suffix.lower() != ".csv":
        raise UsageError("the anonymous table is written as csv; nothing was written",
                         "name a file that ends in .csv")  # fmt: skip
    categories, level = _judged(ledger, acting, source)
    made = _made(ledger, source, plan)
    examined = examine(made.data, plan)
    if examined.flaws:
        raise UsageError(
            "what came out can still be told apart ({flaws}); nothing was written",
            "drop or generalise more columns, or raise --k", flaws=", ".join(examined.flaws),
        )  # fmt: skip
    path = os.fsencode(target.absolute())
    said = _collected(path, source, made, acting.state.party, categories, level)
    holding, record = said[0].stream, said[1].stream
    options = {**options, "role": "collector"}
    check_permitted(ledger, acting, said, **options)
    _write(target, made.data)
    try:
        receipt = ledger.act(acting, said, **options)
    except BaseException:
        _undo(ledger, holding, target)
        raise
    approval = _approval(record, source, plan, made, examined)
    return Anonymised(record, holding, receipt, approval, made, examined)


def _undo(ledger: Ledger, holding: str, target: Path) -> None:
    """Remove what was written, unless the ledger has recorded it all the same."""
    try:
        recorded = ledger.state(holding) is not None
    except Exception:  # noqa: BLE001  a ledger that cannot answer now: better a file too many
        return
    if not recorded:
        with suppress(OSError):
            target.unlink()


# -- before anything is read ------------------------------------------------------------------


def _judged(ledger: Ledger, acting: Acting, source: str) -> tuple[list[RecordCategory], DataLevel]:
    """Refuse what a rule would refuse later; the categories and level of what is in the copy."""
    with as_judged_now(ledger) as case:
        event = RecordAnonymized(
            stream=new_ids("record")[0], version=1, at=now(), by=acting.actor, role="custodian",
            engagement=ledger.routine(), salt=_NO_SALT, source=source, result="pass",
            techniques=["sort_rows"], k=2, smallest=2, rows=2, kept=2, suppressed=0,
        )  # fmt: skip
        if refusals := tuple(made_of_ones_own_copy(case, event)):
            raise RefusedError(str(refusals[0]), "muniment why RECORD destroy", refusals=refusals)
        return _codes(case, ledger, source)


def _codes(case: Case, ledger: Ledger, source: str) -> tuple[list[RecordCategory], DataLevel]:
    """What the records in a copy are: the categories of all kinds of them, the highest level."""
    inside = contents_of(case, holding_state(ledger, source)).examples
    case.world.preload(inside)
    found = [state for name in inside if (state := case.world.state(name, RecordState))]
    codes = dict.fromkeys(code for state in found for code in state.categories)
    levels = [_LEVELS.index(state.level) for state in found if state.level is not None]
    return list(codes)[:_MOST_CATEGORIES], _LEVELS[max(levels, default=0)]


# -- reading and writing ----------------------------------------------------------------------


def _made(ledger: Ledger, source: str, plan: Plan) -> Made:
    """The table in a copy, made anonymous. Raises `MunimentError` with a stable cause."""
    try:
        with content_of(ledger, source) as (stream, name):
            made = generalise(_table(pieces(stream, name)), plan)
    except SourceFault as fault:
        raise MunimentError(
            "the copy could not be made anonymous ({cause}); nothing was written",
            "muniment where RECORD", cause=fault.cause,
        ) from None  # fmt: skip
    return made


@contextmanager
def content_of(ledger: Ledger, source: str) -> Iterator[tuple[BinaryIO, str]]:
    """The plain bytes of a copy, which are those recorded, and what their file was called.

    Raises `SourceFault` if neither it nor what was encrypted of it can be read.
    """
    place = _readable(ledger, source)
    with content(ledger, place) as stream:
        yield stream, place.name


def _readable(ledger: Ledger, source: str) -> Place:
    """Where the content of a copy is read: itself, or what was encrypted of it where it is not.

    Raises `SourceFault` for the copy itself if neither can be read.
    """
    try:
        place = place_of(ledger, source)
        if not place.object and not read_matches(place):
            raise SourceFault("changed_since_recorded")  # noqa: TRY301  caught here or let through
    except SourceFault:
        for name in holding_state(ledger, source).copies:
            copy = holding_state(ledger, name)
            if copy.object and copy.there:
                with suppress(SourceFault):
                    place = place_of(ledger, name)
                    if read_matches(place):
                        return place
        raise
    return place


def _table(found: Iterator[Piece]) -> Iterator[Sequence[str]]:
    """The rows of the one sheet of a document, the header first."""
    sheet: str | None = None
    for piece in found:
        if not piece.row:
            if piece.text.strip():
                raise SourceFault("not_a_table")
            continue
        if sheet is None:
            sheet = piece.sheet
        if piece.sheet != sheet:
            raise SourceFault("several_sheets")
        yield piece.cells
    if sheet is None:
        raise SourceFault("not_a_table")


def _write(target: Path, data: bytes) -> None:
    """The whole file, on the device when this returns, or nothing."""
    spare = target.with_name(f".{os.urandom(8).hex()}.part")
    if os.path.lexists(target):
        raise UsageError("the file that -o names exists; nothing was changed", "name a new one")
    try:
        with open(os.open(spare, _NEW, 0o600), "wb") as file:  # noqa: PTH123  the descriptor's
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        spare.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        spare.unlink(missing_ok=True)
        raise MunimentError(
            "the anonymous table could not be written ({cause}); nothing was recorded",
            "name a folder that is there and has room",
            cause=errno.errorcode.get(error.errno or 0, "EIO"),
        ) from None


# -- what is recorded -------------------------------------------------------------------------


def _collected(
    path: bytes, source: str, made: Made, party: str, categories: Sequence[str], level: str
) -> list[Proposal]:
    """The new copy, the new record in it, and what it is: another content, nobody's data."""
    digest = sha256(made.data).hexdigest()
    copy, record = new_ids("holding")[0], new_ids("record")[0]
    lies = {
        "custodian": party, "form": "database_rows", "medium": "disk_internal",
        "size": len(made.data), "items": made.kept, "encrypted": False,
    }  # fmt: skip
    taken = {
        "holding": copy, "category": categories[0], "form": "database_rows",
        "size": len(made.data), "items": made.kept, "basis": "not_personal",
        "notice": "not_applicable", "method": "table_series",
    }  # fmt: skip
    known = {
        "categories": list(categories), "level": level, "sensitivity": "anonymized",
        "profile": "cn_strict",
    }  # fmt: skip
    texts = {"title": sources.name_of(path), "source": source, "content": digest}
    return [
        Proposal(HoldingCreated, copy, lies, place_fields(path, digest)),
        Proposal(RecordCollected, record, taken, texts),
        Proposal(RecordClassified, record, known),
    ]


def _approval(record: str, source: str, plan: Plan, made: Made, examined: Examined) -> Proposal:
    """匿名化, to be signed by an approver, too."""
    done = [("drop_columns", bool(plan.drop)), ("generalize", bool(plan.rules)),
            ("suppress_rows", made.suppressed > 0), ("sort_rows", True)]  # fmt: skip
    fields = {
        "source": source, "techniques": [code for code, holds in done if holds],
        "result": "fail" if examined.flaws else "pass", "k": plan.k,
        "smallest": examined.smallest, "l": plan.l if plan.sensitive else UNSET,
        "rows": made.rows, "kept": made.kept, "suppressed": made.suppressed,
    }  # fmt: skip
    columns = {"drop": plan.drop, "generalize": dict(plan.rules), "sensitive": plan.sensitive}
    found = {
        "groups": examined.groups, "smallest": examined.smallest, "values": examined.values,
        "flaws": examined.flaws,
    }  # fmt: skip
    sealed = {"columns": _json(columns), "report": _json(found)}
    return Proposal(RecordAnonymized, record, fields, sealed)


def plan_of(event: RecordAnonymized, sealed: Mapping[str, str]) -> Plan:
    """What was done by an event, by its sealed `columns`. Raises `SourceFault` if they are none."""
    try:
        told = msgspec.json.decode(sealed.get("columns", ""), type=_Columns)
    except msgspec.MsgspecError:
        raise SourceFault("no_columns") from None
    return Plan(told.drop, told.generalize, told.sensitive, event.k, event.l or 1)


class _Columns(msgspec.Struct, frozen=True):
    drop: tuple[str, ...]
    generalize: dict[str, str]
    sensitive: tuple[str, ...]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode("utf-8")
