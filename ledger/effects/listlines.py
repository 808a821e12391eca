"""The lines of a handover list, made of what the ledger knows: 100,000 of them in flat memory.

A line says what was known when its list was frozen. It is not kept: it is made again from the same
events, those of entries before the list's, whenever somebody asks, and the root in the list's event
says whether it is the same. So no title outlives the erasure of its record in a list of somebody
else's. Kept with the list, sealed, are the seed and how the people in each record agreed.

Events are read many streams at a time, and what is known of many at once (holds, restrictions) is
asked once a part. A line of a copy that holds many records says of them what holds for all: the
category that they share, the highest level and sensitivity, the period that keeps the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from domain.codes import ENUMERATIONS
from domain.handover import HandoverListFrozen
from domain.holding import HoldingCreated, HoldingMoved
from domain.record import (
    RecordArchived,
    RecordClassified,
    RecordCollected,
    RecordCorrected,
    RecordReclassified,
    RetentionAssigned,
)
from domain.restriction import ProcessingRestricted, PurposeEnded, RestrictionLifted
from domain.values import MAX_LISTED
from ledger.application import Ledger
from ledger.effects.manycontents import RowDigests
from ledger.effects.streams import (
    AT_ONCE,
    Kept,
    Stored,
    Texts,
    events_in,
    events_of,
    stored_of,
)
from ledger.errors import UsageError, VerificationError
from ledger.handoverlist import Line, Persons, salt
from ledger.tlog.merkle import Frontier, leaf_hash
from projections.custody import RECORDS_IN, home_of
from projections.past import standing
from projections.tables import inventory
from projections.view import fetch, id_of, key_of, marked

SEED: Final = "seed"
PERSONS: Final = "persons"
"""The sealed fields of a list's events: of the first one the seed, of each the counts."""
_LEVELS: Final = ENUMERATIONS["DataLevel"].codes
_SENSITIVITIES: Final = (
    "non_personal", "business_secret", "anonymized", "deidentified", "general_pi",
    "private_info", "sensitive_pi", "minor_pi",
)  # fmt: skip
NOBODY: Final = Persons()
_HELD: Final = (
    "SELECT object, count(*) FROM held WHERE object IN (#) AND placed_entry < {} "
    "AND (released_entry IS NULL OR released_entry >= {}) GROUP BY object"
)


class Frozen(NamedTuple):
    """What the lines of one version of a list are made with.

    `day`: on which it was frozen; `before`: the entry of the list, or the next one; `persons`: by
    item, where there are any.
    """

    items: Sequence[str]
    seed: bytes
    day: str
    before: int
    persons: Mapping[str, Persons]
    root: str = ""
    lines: str = ""


def frozen_list(ledger: Ledger, handover: str, version: int | None = None) -> Frozen:
    """One version of a handover's list, the present one by default, with what was sealed with it.

    Raises `UsageError` if it has none, or that is not whole; `VerificationError` if what was
    sealed was erased, `KeyAccessError` if it cannot be opened here.
    """
    with ledger.engine.connect() as connection:
        kept = events_of(connection, [handover])[handover]
    told = [(one, one.event) for one in kept if isinstance(one.event, HandoverListFrozen)]
    wanted = version or max((event.list_version for _, event in told), default=0)
    parts = [(one, event) for one, event in told if event.list_version == wanted]
    items = [item for _, event in parts for item in event.items]
    if not parts or len(items) != parts[0][1].count:
        raise UsageError("the handover has no list yet; nothing was changed",
                         "muniment handover freeze HANDOVER RECORD...")  # fmt: skip
    seed, persons, texts = b"", dict[str, Persons](), Texts(ledger)
    for one, event in parts:
        sealed = texts.of(one) or {}
        if SEED in sealed:
            seed = bytes.fromhex(sealed[SEED])
        if PERSONS in sealed:
            persons.update(zip(event.items, _counts.decode(sealed[PERSONS]), strict=True))
    if not seed:
        raise VerificationError(
            "what was sealed with the list was erased: its lines cannot be made again",
            "the buyer's package has them",
        )
    first, event = parts[0]
    with ledger.engine.connect() as connection:
        query = marked(connection, "SELECT entry FROM events WHERE position = {}")
        ((before,),) = fetch(connection, query, (first.position,))
    return Frozen(items, seed, event.at[:10], before, persons, event.root, event.lines or "")


_counts: Final = msgspec.json.Decoder(list[Persons])


def sealed_persons(items: Sequence[str], persons: Mapping[str, Persons]) -> list[str | None]:
    """What each event of a list seals about the people in its items; None: there are none."""
    found: list[str | None] = []
    for at in range(0, len(items), MAX_LISTED):
        part = [persons.get(item, NOBODY) for item in items[at : at + MAX_LISTED]]
        some = any(one != NOBODY for one in part)
        found.append(msgspec.json.encode(part).decode("ascii") if some else None)
    return found


def lines(ledger: Ledger, frozen: Frozen) -> Iterator[Line]:
    """The lines of a list, in its order. Needs the keystore.

    Whether they are those of the event is for the caller: `checked_lines`.
    """
    making = _Making(ledger, frozen)
    for at in range(0, len(frozen.items), AT_ONCE):
        yield from making.part(frozen.items[at : at + AT_ONCE], at)


def checked_lines(ledger: Ledger, frozen: Frozen) -> Iterator[Line]:
    """The lines of a list that is frozen; whoever reads to the end knows that they are its lines.

    Raises `VerificationError` at the end if the list's event names another root.
    """
    edge = Frontier()
    for line in lines(ledger, frozen):
        edge.append(leaf_hash(line.format()))
        yield line
    if edge.root().hex() != frozen.lines:
        raise VerificationError(
            "the lines of the list cannot be made again: something that they say was erased, or a "
            "table that rows lie in is not there; nothing was changed",
            "freeze the list anew, or take the lines from the buyer's package",
        )


class _Making:
    """One run over a list."""

    def __init__(self, ledger: Ledger, frozen: Frozen) -> None:
        self._ledger = ledger
        self._frozen = frozen
        self._texts = Texts(ledger)
        self._rows = RowDigests(ledger)

    def part(self, items: Sequence[str], first: int) -> Iterator[Line]:
        """The lines of some items, of which the first is at this index."""
        frozen = self._frozen
        with self._ledger.engine.connect() as connection:
            within = {
                item: _records_in(connection, item) for item in items if item.startswith("holding-")
            }
            alone = [records[0] for records in within.values() if len(records) == 1]
            named = dict.fromkeys([*items, *alone])
            stored = dict[str, list[Stored]]()
            for at in range(0, len(named), AT_ONCE):
                stored |= stored_of(connection, list(named)[at : at + AT_ONCE], frozen.before)
            holds = self._holds(connection, list(named))
            for index, item in enumerate(items, first):
                fields: dict[str, Any] = {"holds": holds.get(item, 0), "restricted": False}
                if item in within:
                    records = within[item]
                    fields |= self._copy(connection, item, records, stored)
                    fields["holds"] += holds.get(records[0], 0) if len(records) == 1 else 0
                else:
                    fields |= self._record(events_in(stored[item]))
                    fields |= {"record": item, "original": False}
                if (people := frozen.persons.get(item, NOBODY)) != NOBODY:
                    fields["persons"] = people
                yield Line(seq=index + 1, item=item, salt=salt(frozen.seed, item), **fields)

    def _holds(self, connection: sa.Connection, streams: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        by_key = {key_of(stream): stream for stream in streams}
        keys = list(by_key)
        for at in range(0, len(keys), AT_ONCE):
            part = keys[at : at + AT_ONCE]
            query = marked(connection, _HELD.replace("#", ", ".join(["{}"] * len(part))))
            bounds = (self._frozen.before, self._frozen.before)
            rows = fetch(connection, query, (*part, *bounds))
            found |= {by_key[bytes(key)]: count for key, count in rows}
        return found

    # -- a record --------------------------------------------------------------------------------

    def _record(self, kept: Sequence[Kept]) -> dict[str, Any]:
        """What is said of one record."""
        fields: dict[str, Any] = {}
        periods: dict[str, RetentionAssigned] = {}
        limited = ended = ""
        for one in kept:
            event = one.event
            match event:
                case RecordCollected():
                    fields |= self._collected(one, event)
                case RecordClassified() | RecordReclassified():
                    fields |= _classified(event)
                case RetentionAssigned():
                    periods[event.trigger] = event
                case RecordCorrected():
                    fields |= {"quantity": event.items, "size": event.size}
                    fields |= _given(digest=(self._open(one) or {}).get("content"))
                case RecordArchived():
                    fields |= _given(archive_no=(self._open(one) or {}).get("archive_no"))
                case ProcessingRestricted():
                    limited = event.id
                case PurposeEnded():
                    ended = event.id
                case RestrictionLifted():
                    limited, ended = (limited, "") if event.restricted == ended else ("", ended)
        fields["restricted"] = bool(limited or ended)
        if periods:
            fields |= _kept(tuple(map(_period, periods.values())), self._frozen.day)
        return fields

    def _collected(self, kept: Kept, event: RecordCollected) -> dict[str, Any]:
        sealed = self._open(kept) or {}
        title, digest = sealed.get("title"), sealed.get("content")
        if event.row is not UNSET and digest is None:
            title, digest = self._rows.of(event)
        row = event.row is not UNSET or event.items > 1
        fields = {
            "category": event.category, "form": event.form, "quantity": event.items,
            "unit": "row" if row else "item", "size": event.size, "basis": event.basis,
        }  # fmt: skip
        return fields | _given(title=title, digest=digest)

    def _open(self, kept: Kept) -> Mapping[str, str] | None:
        return self._texts.of(kept)

    # -- a copy ----------------------------------------------------------------------------------

    def _copy(
        self,
        connection: sa.Connection,
        copy: str,
        records: Sequence[str],
        stored: Mapping[str, Sequence[Stored]],
    ) -> dict[str, Any]:
        """What is said of a copy that itself passes, and of what lies in it."""
        fields: dict[str, Any] = {}
        if len(records) == 1:
            fields |= {**self._record(events_in(stored[records[0]])), "record": records[0]}
            fields.pop("digest", None)  # that of the copy is its own, and of paper there is none
        elif records:
            fields |= _of_all(connection, copy, self._frozen.before)
        for one in events_in(stored[copy]):
            event, sealed = one.event, self._open(one) or {}
            if isinstance(event, HoldingCreated):
                many = event.items > 1
                fields |= {
                    "copy": event.stream, "form": event.form, "medium": event.medium,
                    "size": event.size, "quantity": event.items, "encrypted": event.encrypted,
                    "unit": "item" if not many else "sheet" if event.form == "paper" else "row",
                    "original": event.made_from is UNSET and event.record is UNSET,
                    **_given(location=sealed.get("location"), digest=sealed.get("content")),
                }  # fmt: skip
                if "title" not in fields:
                    fields |= _given(title=sealed.get("title"))
            elif isinstance(event, HoldingMoved):
                fields |= _given(location=sealed.get("to"))
                if event.medium is not UNSET:
                    fields["medium"] = event.medium
        return fields


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _classified(event: RecordClassified | RecordReclassified) -> dict[str, Any]:
    """The axes; those that are unknown now are, whatever they were before."""
    return {
        "category": event.categories[0], "level": event.level, "sensitivity": event.sensitivity,
        "sensitive_kinds": tuple(event.sensitive_kinds) or UNSET,
        "customer_type": event.customer_type, "business_area": event.business_area,
        "need": event.need, "relationship": event.relationship,
    }  # fmt: skip


class _Period(NamedTuple):
    """What counts of a period of retention; the days as in its event."""

    rules: tuple[str, ...]
    since: str
    min_until: str | UnsetType
    max_until: str | UnsetType


def _period(event: RetentionAssigned) -> _Period:
    return _Period(tuple(event.rules), event.trigger_date, event.min_until, event.max_until)


@lru_cache(maxsize=4096)  # thousands of records have the same few periods
def _kept(periods: tuple[_Period, ...], day: str) -> Mapping[str, Any]:
    """How long it is to be kept, since when it is, and of which years it is."""
    days = sorted(period.since for period in periods)
    minima = [p.min_until for p in periods if p.min_until is not UNSET]
    maxima = [p.max_until for p in periods if p.max_until is not UNSET]
    found: dict[str, Any] = {
        "rules": tuple(sorted({rule for period in periods for rule in period.rules})),
        "first_year": int(days[0][:4]), "last_year": int(days[-1][:4]),
        "kept_months": months_between(days[0], day),
    }  # fmt: skip
    if minima:
        found["min_until"] = max(minima)
    if maxima:
        found["max_until"] = min(maxima)
    return found


def months_between(first: str, last: str) -> int:
    """Whole months from one day to another; 0 if it has not come yet.

    >>> months_between("2025-01-31", "2026-11-22"), months_between("2027-01-01", "2026-11-22")
    (21, 0)
    """
    (y, m, d), (year, month, day) = (map(int, text.split("-")) for text in (first, last))
    return max((year - y) * 12 + month - m - (day < d), 0)


# -- what lies in a copy -------------------------------------------------------------------------


def _records_in(connection: sa.Connection, holding: str) -> list[str]:
    """The record in a copy; two of them if there are more."""
    copy = home_of(connection, key_of(holding))
    rows = connection.execute(sa.select(RECORDS_IN.subquery()).limit(2), {"copy": copy})
    return [id_of("record", record) for record in rows.scalars()]


def _aggregate() -> sa.Select[Any]:
    then = standing(inventory, then=True)
    c, inside = then.columns, RECORDS_IN.subquery("inside")
    return (
        sa.select(
            c["category"], c["level"], c["sensitivity"],
            sa.func.max(c["min_until"]), sa.func.min(c["max_until"]),
            sa.func.max(c["restricted"]), sa.func.count(c["purpose_ended"]),
        )
        .select_from(then.source.join(inside, inside.c[inside.c.keys()[0]] == inventory.c.record))
        .where(then.stood)
        .group_by(c["category"], c["level"], c["sensitivity"])
    )  # fmt: skip


_ALL: Final = _aggregate()


def _of_all(connection: sa.Connection, holding: str, before: int) -> dict[str, Any]:
    """What holds for all records in a copy, as of the entry before the list's."""
    copy = home_of(connection, key_of(holding))
    rows = connection.execute(_ALL, {"copy": copy, "as_of": before - 1}).all()
    categories, levels, sensitivities, minima, maxima, limited, ended = (
        [value for value in column if value is not None] for column in zip(*rows, strict=True)
    )
    found: dict[str, Any] = {"restricted": any(limited) or any(ended)}
    if len(set(categories)) == 1:
        found["category"] = categories[0]
    if levels:
        found["level"] = max(levels, key=_LEVELS.index)
    if sensitivities:
        found["sensitivity"] = max(sensitivities, key=_SENSITIVITIES.index)
    if minima:
        found["min_until"] = max(minima)
    if maxima:
        found["max_until"] = min(maxima)
    return found
