"""What goes on a handover list: what was named, or everything, without what may not go.

Whatever the rules would refuse is either refused with the whole list, or left out of it with the
reason: the list's event says how many records, about how many persons, were left out for each. A
record is counted under the first of its reasons, in this order:

    out_of_scope            the giving party keeps no copy of it, or the copy is none that passes
    in_another_case         another handover or a destruction has it
    restricted, not_ready   its processing is restricted; not classified, no period, no notice
    subjects_unknown … opted_out        of the people in it: `domain.clearing`

Records are asked about in parts, and judged by one example of each kind, so that 100,000 of them
are a matter of seconds. What is chosen is in the order in which it lies: a table's rows by number.

A list that goes into one event is refused by the rules, with all that they say of it. A longer one
would be refused with its first event, so it is looked through before: every reason is named, with
how many items it is about and the first few of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec.structs import replace

from domain.answers import Listed
from domain.clearing import REASONS, against_items, needs_of
from domain.codes import ExclusionReason
from domain.guards import not_ready
from domain.handover import Excluded, HandoverState
from domain.handover_rules import SHOWN
from domain.judging import Refusal, refuse
from domain.values import MAX_LISTED
from ledger.effects.streams import in_parts
from ledger.errors import RefusedError, UsageError
from ledger.handoverlist import Persons
from ledger.questions import Asking
from projections.clearance import Counted, people_in
from projections.contents import KIND
from projections.custody import THERE
from projections.selecting import GONE
from projections.tables import holdings, inventory
from projections.view import fetch, id_of, key_of, marked

_REASON_OF: Final[Mapping[str, ExclusionReason]] = {
    "unknown_record": "out_of_scope",
    "unknown_holding": "out_of_scope",
    "not_the_actors_party": "out_of_scope",
    "no_copy_kept": "out_of_scope",
    "encrypted_copy_stays": "out_of_scope",
    "copy_holds_no_record": "out_of_scope",
    "copy_of_unknown_origin": "out_of_scope",
    "record_has_passed": "out_of_scope",
    "copy_is_in_a_case": "in_another_case",
    "record_is_in_a_handover": "in_another_case",
    "record_is_restricted": "restricted",
    **{reason: reason for reason in REASONS},
}
_RULE_OF: Final = {"suppressed": "I-42", "opted_out": "I-42"}
"""Under which rule people keep a record back, where not under I-14."""
_ORDER: Final[tuple[ExclusionReason, ...]] = (
    "out_of_scope",
    "in_another_case",
    "restricted",
    "not_ready",
    *REASONS,
)


class LeftOut(NamedTuple):
    """Something that was left out: as it was named, the item, the reason, what the rules say."""

    name: str
    item: str
    reason: str
    refusals: Sequence[Refusal]


class Blocked(Refusal, frozen=True):
    """Why items of a long list may not go; `blocking`: the first few of what blocks `count`."""

    count: int = 0

    def __str__(self) -> str:
        """As `Refusal`, with how many there are where not all are named."""
        more = f" … ({self.count})" if self.count > len(self.blocking) else ""
        return f"{super().__str__()}{more}"


class Chosen(NamedTuple):
    """What goes on a list: items in order, how many records, and what was left out and why."""

    items: Sequence[str]
    records: int
    left_out: Sequence[LeftOut]
    excluded: Sequence[Excluded]
    persons: Mapping[str, Persons]


class Wanted(NamedTuple):
    """What is to go: pairs of a copy and what was named for it; records by content.

    `ordered`: the records are in the order in which they lie, each once, as of `everything_of`.
    """

    copies: Sequence[tuple[str, str]] = ()
    records: Sequence[str] = ()
    ordered: bool = False


def choose(
    asked: Asking,
    state: HandoverState,
    wanted: Wanted,
    *,
    skip: bool,
    marketing: bool = False,
) -> Chosen:
    """Choose what goes; `skip`: leave out what is blocked, else the rules refuse it.

    Raises `UsageError` if nothing is left, `RefusedError` for a list of several events of which
    something is blocked.
    """
    choosing = _Choosing(asked, state, marketing=marketing)
    copies = choosing.copies(wanted.copies, skip=skip)
    records = wanted.records if wanted.ordered else choosing.sorted(wanted.records)
    if skip:
        records = choosing.permitted(records)
    items = [*copies, *records]
    if not skip and len(items) > MAX_LISTED and (refused := choosing.refused(copies, records)):
        raise RefusedError(
            str(refused[0]), "muniment handover freeze HANDOVER ... --skip-blocked",
            refusals=tuple(refused),
        )  # fmt: skip
    if not items:
        raise UsageError(
            "everything named is blocked; nothing was recorded", "muniment why RECORD handover"
        )
    return Chosen(
        items,
        len(records) + asked.count_records(copies),
        choosing.left_out,
        choosing.excluded(),
        choosing.persons(records),
    )


def everything_of(connection: sa.Connection, party: str) -> list[str]:
    """Every record that is not over and was collected in a copy that a party keeps, as they lie."""
    c, h = inventory.c, holdings.c
    query = (
        sa.select(c.record)
        .join(holdings, h.holding == c.holding)
        .where(c.state.not_in(GONE), h.custodian == key_of(party), h.condition.in_(THERE))
        .order_by(c.holding, c.row, c.record)
    )
    return [id_of("record", key) for key in connection.execute(query).scalars()]


class _Tally:
    """How many items each reason is about, and the first few of them; flat, however many."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Refusal, list[str]]] = {}
        self._count: Counter[str] = Counter()

    def add(self, refusal: Refusal, item: str) -> None:
        _, named = self._found.setdefault(refusal.detail, (refusal, []))
        self._count[refusal.detail] += 1
        if len(named) < SHOWN:
            named.append(item)

    def counted(self) -> list[Blocked]:
        return [
            Blocked(one.rule, one.code, detail, tuple(named), self._count[detail])
            for detail, (one, named) in self._found.items()
        ]


class _Choosing:
    """One choice."""

    def __init__(
        self,
        asked: Asking,
        state: HandoverState,
        *,
        marketing: bool,
    ) -> None:
        self._connection = asked.connection
        self._case = case = asked.case
        self._asked = asked
        self._state = state
        needs = needs_of(case, state.engagement, state.to_party)
        self._needs = needs if needs is None else replace(needs, marketing=marketing)
        self._marketing = marketing
        self._persons: dict[str, Persons] = {}
        self._alike: dict[Counted, Persons] = {}
        self.left_out: list[LeftOut] = []

    # -- copies ----------------------------------------------------------------------------------

    def copies(self, pairs: Sequence[tuple[str, str]], *, skip: bool) -> list[str]:
        """Copies that themselves pass, each once."""
        items: dict[str, None] = {}
        blocked: dict[str, list[Refusal]] = {}
        for copy, name in pairs:
            if skip and copy not in blocked:
                blocked[copy] = [*self._against(copy)]
            if found := blocked.get(copy):
                self._leave_out(name, copy, found)
            else:
                items[copy] = None
        return list(items)

    def _against(self, copy: str) -> Iterator[Refusal]:
        """What stands in the way of a copy, the people in it included."""
        yield from self._asked.against_handover([copy], self._state.stream)
        yield from against_items(
            self._case, self._state.engagement, [copy],
            marketing=self._marketing, recipient=self._state.to_party,
        )  # fmt: skip

    def _leave_out(self, name: str, item: str, refusals: Sequence[Refusal]) -> None:
        reasons = {_REASON_OF.get(refusal.detail, "not_ready") for refusal in refusals}
        self.left_out.append(LeftOut(name, item, min(reasons, key=_ORDER.index), refusals))

    # -- records by content ----------------------------------------------------------------------

    def sorted(self, records: Iterable[str]) -> list[str]:
        """Records each once, in the order in which they lie; unknown ones come last."""
        places: dict[str, tuple[bytes, int]] = {}
        named = list(dict.fromkeys(records))
        c = inventory.c
        for part in in_parts(named):
            query = sa.select(c.record, c.holding, c.row).where(c.record.in_(map(key_of, part)))
            for record, holding, row in self._connection.execute(query):
                places[id_of("record", record)] = bytes(holding), row or 0
        return sorted(named, key=lambda record: (places.get(record, (b"\xff" * 17, 0)), record))

    def _listed(self, records: Sequence[str]) -> Listed:
        return self._case.world.source.listed(
            records, self._state.from_party, self._case.statement.entry,
            self._case.policy.stays_bound,
        )  # fmt: skip

    def refused(self, copies: Sequence[str], records: Sequence[str]) -> list[Blocked]:
        """Every reason why anything of a whole list may not go, with how many items it is about."""
        tally = _Tally()
        stream = self._state.stream
        if copies and (self._asked.against_handover(copies, stream) or self._lacking_in(copies)):
            for copy in copies:
                for refusal in self._against(copy):
                    tally.add(refusal, copy)
        listed = self._listed(records)
        for found, refusal in (
            (listed.unknown, refuse("I-00", "unknown_record")),
            (listed.not_kept, refuse("I-09", "no_copy_kept")),
            ([r for r, by in listed.claimed if by != stream],
             refuse("I-21", "record_is_in_a_handover")),
            (listed.passed, refuse("I-09", "record_has_passed")),
        ):  # fmt: skip
            for record in dict.fromkeys(found):
                tally.add(refusal, record)
        some_unready = any(self._unready(record) for _, record in listed.examples)
        by_kind: dict[tuple[Any, ...], list[Refusal]] = {}
        for part in in_parts(records):
            for record, kind in self._kinds(part).items() if some_unready else ():
                if kind not in by_kind:
                    by_kind[kind] = self._unready(record)
                for refusal in by_kind[kind]:
                    tally.add(refusal, record)
            for record, reasons in self._lacking(part).items():
                for reason in reasons:
                    tally.add(refuse(_RULE_OF.get(reason, "I-14"), reason), record)
        return tally.counted()

    def _lacking_in(self, copies: Sequence[str]) -> bool:
        state = self._state
        found = against_items(
            self._case, state.engagement, copies, marketing=self._marketing,
            recipient=state.to_party,
        )  # fmt: skip
        return next(found, None) is not None

    def permitted(self, records: Sequence[str]) -> list[str]:
        """Those that may go; the others are left out."""
        listed = self._listed(records)
        away = dict.fromkeys((*listed.unknown, *listed.not_kept, *listed.passed), "out_of_scope")
        claimed = {record for record, by in listed.claimed if by != self._state.stream}
        away |= dict.fromkeys(claimed, "in_another_case")
        by_kind: dict[tuple[Any, ...], list[Refusal]] = {(): []}
        some_unready = any(self._unready(record) for _, record in listed.examples)
        found: list[str] = []
        for part in in_parts(records):
            kinds = self._kinds(part) if some_unready else {}
            lacking = self._lacking(part)
            for record in part:
                if record in away:
                    self.left_out.append(LeftOut(record, record, away[record], ()))
                    continue
                kind = kinds[record] if some_unready else ()
                if kind not in by_kind:
                    by_kind[kind] = self._unready(record)
                if by_kind[kind]:
                    self._leave_out(record, record, by_kind[kind])
                elif record in lacking:
                    reason = min(lacking[record], key=_ORDER.index)
                    self.left_out.append(LeftOut(record, record, reason, ()))
                else:
                    found.append(record)
        return found

    def _unready(self, record: str) -> list[Refusal]:
        return list(not_ready(self._asked.record(record)))

    def _kinds(self, part: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        query = sa.select(inventory.c.record, *KIND).where(
            inventory.c.record.in_([key_of(record) for record in part])
        )
        return {id_of("record", key): tuple(kind) for key, *kind in self._connection.execute(query)}

    def _lacking(self, part: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Why some records are not cleared; only those are looked at that are not plainly so."""
        if self._needs is None or self._needs.nothing:
            return {}
        self._count(part)
        unclear = [r for r in part if r not in self._persons or self._persons[r].missing]
        return self._case.world.source.lacking(unclear, self._needs) if unclear else {}

    def _count(self, records: Sequence[str]) -> None:
        if self._needs is not None:
            counted = people_in(self._connection, records, self._needs)
            for record in records:  # nearly all of them are the same
                if (found := counted.get(record)) is not None:
                    self._persons[record] = self._alike.setdefault(found, Persons(*found))

    # -- people ----------------------------------------------------------------------------------

    def persons(self, records: Sequence[str]) -> dict[str, Persons]:
        """How the people in each record stand, where there are any; in those left out, too."""
        self._count([record for record in records if record not in self._persons])
        return self._persons

    def excluded(self) -> list[Excluded]:
        """How many were left out for each reason, about how many persons."""
        by_reason: dict[str, list[str]] = {}
        for one in self.left_out:
            by_reason.setdefault(one.reason, []).append(one.item)
        return [
            Excluded(reason=reason, records=self._records(items), subjects=self._subjects(items))
            for reason in _ORDER
            if (items := by_reason.get(reason))
        ]

    def _records(self, items: Sequence[str]) -> int:
        copies = [item for item in items if item.startswith("holding-")]
        return len(items) - len(copies) + self._asked.count_records(copies)

    def _subjects(self, items: Sequence[str]) -> int:
        """How many persons were found in records."""
        found: set[bytes] = set()
        for part in in_parts(item for item in items if item.startswith("record-")):
            marks = ", ".join(["{}"] * len(part))
            sql = f"SELECT DISTINCT subject FROM subject_records WHERE record IN ({marks})"  # noqa: S608  marks only
            rows = fetch(self._connection, marked(self._connection, sql), tuple(map(key_of, part)))
            found.update(bytes(row[0]) for row in rows)
        return len(found)
