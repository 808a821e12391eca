"""Destruction cases and their certificates: what is to go, who agreed, what became of each copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec import Struct

from domain.destruction import (
    DestructionApproved,
    DestructionCertified,
    DestructionExecuted,
    DestructionFailed,
    DestructionProposed,
    DestructionRejected,
    DestructionVerified,
    DisposalAppraised,
)
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import Change, both, past_of, standing
from projections.view import Prepared, Recorded, id_of, key_of, readable

cases = sa.Table(
    "cases",
    METADATA,
    key("case", "destruction_case", primary_key=True),
    text("ground"),
    text("method"),
    text("technique"),
    key("proposer", "actor"),
    number("count"),
    text("root"),
    number("approvals", server_default=sa.text("0")),
    number("taken_off", server_default=sa.text("0")),
    text("appraisal", nullable=True),
    text("verdict", nullable=True),
    number("destroyed", nullable=True),
    number("failed", nullable=True),
    number("remaining", nullable=True),
    number("proposed_entry"),
    step("appraised_entry"),
    step("approved_entry"),
    step("rejected_entry"),
    step("executed_entry"),
    step("verified_entry"),
    step("failed_entry"),
    step("certified_entry"),
    number("changed_entry"),
)
"""One row a case; the steps say at which entry each was last taken, `failed_entry` when the last
item was taken off. `approvals`: persons, not signatures; `taken_off`: items; `destroyed`, `failed`,
`remaining`: as certified."""

cases_past = past_of(
    cases,
    "approvals", "taken_off", "appraisal", "verdict", "destroyed", "failed", "remaining",
    "appraised_entry", "approved_entry", "rejected_entry", "executed_entry", "verified_entry",
    "failed_entry", "certified_entry",
)  # fmt: skip

case_approvals = sa.Table(
    "case_approvals",
    METADATA,
    key("case", "destruction_case", primary_key=True),
    key("approver", "actor", primary_key=True),
    number("entry", primary_key=True),
    sqlite_with_rowid=False,
)
"""Who approved at which entry; an approval that has expired may be given anew."""

case_items = sa.Table(
    "case_items",
    METADATA,
    key("case", "destruction_case", primary_key=True),
    key("holding", "holding", primary_key=True),
    number("listed_entry"),
    text("outcome", nullable=True),
    text("verified", nullable=True),
    step("executed_entry"),
    step("verified_entry"),
    step("taken_off_entry"),
    number("changed_entry"),
    sqlite_with_rowid=False,
)
"""What a case lists, and what became of each copy: the last outcome, and what was found since."""

case_items_past = past_of(
    case_items,
    "outcome", "verified", "executed_entry", "verified_entry", "taken_off_entry",
)  # fmt: skip

_PROPOSE = Prepared(
    ("case", "ground", "method", "technique", "proposer", "count", "root", "proposed_entry",
     "changed_entry"),
    lambda insert: insert(cases).on_conflict_do_nothing(),
)  # fmt: skip
_ITEM = Prepared(
    ("case", "holding", "listed_entry", "changed_entry"),
    lambda insert: insert(case_items).on_conflict_do_nothing(),
)
_APPROVAL = Prepared(
    ("case", "approver", "entry"), lambda insert: insert(case_approvals).on_conflict_do_nothing()
)


def _counted(counted: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> Any:  # noqa: ANN401
    """How many rows beside `cases` belong to a case."""
    query = sa.select(sa.func.count(counted.distinct())).where(*where)
    return query.correlate(cases).scalar_subquery()


_TAKEN_OFF = _counted(
    case_items.c.holding,
    case_items.c.case == cases.c.case,
    case_items.c.taken_off_entry.is_not(None),
)
_APPRAISE = Change(cases, "appraised_entry", "appraisal")
_APPROVE = Change(
    cases,
    "approved_entry",
    approvals=_counted(case_approvals.c.approver, case_approvals.c.case == cases.c.case),
)
_REJECT = Change(cases, "rejected_entry")
_EXECUTE = Change(cases, "executed_entry")
_VERIFY = Change(cases, "verified_entry")
_CERTIFY = Change(cases, "certified_entry", "verdict", "destroyed", "failed", "remaining")
_COUNT_TAKEN_OFF = Change(cases, taken_off=_TAKEN_OFF)
_FAIL = Change(cases, "failed_entry", where=[cases.c.taken_off >= cases.c["count"]])
_OUTCOME = Change(
    case_items, "executed_entry", "outcome", verified=sa.null(), verified_entry=sa.null()
)
_RESULT = Change(case_items, "verified_entry", "verified")
_FOUND = Change(case_items, outcome=sa.literal_column("'failed'"))
"""A copy that was there when it was looked for was not destroyed, whatever was said before."""
_TAKE_OFF = Change(
    case_items,
    "taken_off_entry",
    # Whoever takes a copy off the list withdraws the word that it is gone.
    outcome=sa.case(
        (
            case_items.c.outcome == sa.literal_column("'destroyed'"),
            sa.literal_column("'unknown'"),
        ),
        else_=case_items.c.outcome,
    ),
)


def _proposed(connection: sa.Connection, entry: int, event: DestructionProposed) -> None:
    case = key_of(event.stream)
    _PROPOSE.run(connection, [(
        case, event.ground, event.method, event.technique, key_of(event.by), event.count,
        event.root, entry, entry,
    )])  # fmt: skip
    _ITEM.run(connection, [(case, key_of(item), entry, entry) for item in event.items])


def _appraised(connection: sa.Connection, entry: int, event: DisposalAppraised) -> None:
    _APPRAISE.run(connection, entry, [(key_of(event.stream), entry, event.result)])


def _approved(connection: sa.Connection, entry: int, event: DestructionApproved) -> None:
    case = key_of(event.stream)
    _APPROVAL.run(connection, [(case, key_of(event.by), entry)])
    _APPROVE.run(connection, entry, [(case, entry)])


def _rejected(connection: sa.Connection, entry: int, event: DestructionRejected) -> None:
    _REJECT.run(connection, entry, [(key_of(event.stream), entry)])


def _executed(connection: sa.Connection, entry: int, event: DestructionExecuted) -> None:
    case = key_of(event.stream)
    _EXECUTE.run(connection, entry, [(case, entry)])
    done = [(case, key_of(r.holding), entry, r.outcome) for r in event.results]
    _OUTCOME.run(connection, entry, done)


def _verified(connection: sa.Connection, entry: int, event: DestructionVerified) -> None:
    case = key_of(event.stream)
    _VERIFY.run(connection, entry, [(case, entry)])
    read = [(case, key_of(r.holding), entry, r.result) for r in event.results]
    _RESULT.run(connection, entry, read)
    there = [(case, key_of(r.holding), entry) for r in event.results if r.result == "fail"]
    _FOUND.run(connection, entry, there)


def _failed(connection: sa.Connection, entry: int, event: DestructionFailed) -> None:
    case = key_of(event.stream)
    _TAKE_OFF.run(connection, entry, [(case, key_of(item), entry) for item in event.items])
    _COUNT_TAKEN_OFF.run(connection, entry, [(case,)])
    _FAIL.run(connection, entry, [(case, entry)])


def _certified(connection: sa.Connection, entry: int, event: DestructionCertified) -> None:
    _CERTIFY.run(connection, entry, [(
        key_of(event.stream), entry, event.verdict, event.destroyed, event.failed,
        event.remaining_count,
    )])  # fmt: skip


_TAKE: Final[Mapping[type[Event], Callable[[sa.Connection, int, Any], None]]] = {
    DestructionProposed: _proposed,
    DisposalAppraised: _appraised,
    DestructionApproved: _approved,
    DestructionRejected: _rejected,
    DestructionExecuted: _executed,
    DestructionVerified: _verified,
    DestructionFailed: _failed,
    DestructionCertified: _certified,
}


class Certificates:
    """The view behind `muniment destroy list` and `muniment certificate`."""

    name: str = "certificates"
    tables: tuple[sa.Table, ...] = (cases, cases_past, case_approvals, case_items, case_items_past)
    kinds: frozenset[type[Event]] = frozenset(_TAKE)

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Take each step in order."""
        for _, entry, _, event in batch:
            if (take := _TAKE.get(type(event))) is not None:
                take(connection, entry, event)


class DestructionCase(Struct, frozen=True, kw_only=True):
    """A destruction case: its list, who proposed it, how far it has come, what was certified.

    `count`: copies on the whole list, `taken_off` those that are not to be destroyed any more;
    `approvals`: how many persons approved, expired approvals included; `appraisal`: the last
    opinion; `destroyed`, `failed`, `remaining`: the certificate's counts; the steps: the entry at
    which each was last taken, None if it was not.
    """

    case: str
    ground: str
    method: str
    technique: str
    proposer: str
    count: int
    root: str
    approvals: int
    taken_off: int
    appraisal: str | None
    verdict: str | None
    destroyed: int | None
    failed: int | None
    remaining: int | None
    proposed_entry: int
    appraised_entry: int | None
    approved_entry: int | None
    rejected_entry: int | None
    executed_entry: int | None
    verified_entry: int | None
    failed_entry: int | None
    certified_entry: int | None
    changed_entry: int

    @property
    def steps(self) -> dict[str, int]:
        """The steps taken, in the order of their last entries."""
        taken = [(getattr(self, f"{name}_entry"), name) for name in _STEPS]
        order = sorted((entry, _STEPS.index(name)) for entry, name in taken if entry is not None)
        return {_STEPS[place]: entry for entry, place in order}

    @property
    def step(self) -> str:
        """The last step taken."""
        return list(self.steps)[-1]

    @property
    def running(self) -> bool:
        """Whether its copies are bound by it, as `domain.destruction.CaseState.running`."""
        return not {"rejected", "failed", "certified"} & self.steps.keys()


_STEPS: Final = (
    "proposed", "appraised", "approved", "rejected", "executed", "verified", "failed", "certified",
)  # fmt: skip


class CaseItem(Struct, frozen=True, kw_only=True):
    """A copy on a case's list: what became of it, and what reading it back gave since then.

    `outcome`: as `domain.destruction.CaseState.items`; `failed` once the copy was found again,
    `unknown` once it was taken off the list as one that was said to be gone.
    """

    holding: str
    listed_entry: int
    outcome: str | None
    verified: str | None
    executed_entry: int | None
    verified_entry: int | None
    taken_off_entry: int | None


class Tally(NamedTuple):
    """Of the copies still on a case's list: how many were destroyed, and what was found since.

    `verified`: how many passed; `failed`, `unknown`: how many did not.
    """

    destroyed: int = 0
    verified: int = 0
    failed: int = 0
    unknown: int = 0


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[DestructionCase]:
    """At most `limit` cases in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _CASES[entry is not None].order_by(cases.c.case).limit(limit)
    if after is not None:
        query = query.where(cases.c.case > key_of(after))
    return _read(connection, query, entry)


def one(
    connection: sa.Connection, case: str, *, entry: int | None = None
) -> DestructionCase | None:
    """One case, or None if it was never proposed (`entry`: by that entry)."""
    query = _CASES[entry is not None].where(cases.c.case == key_of(case))
    return next(iter(_read(connection, query, entry)), None)


def items(
    connection: sa.Connection,
    case: str,
    *,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[CaseItem]:
    """At most `limit` copies on a case's list, in order of their id, as `listed`."""
    query = _ITEMS[entry is not None].where(case_items.c.case == key_of(case))
    query = query.order_by(case_items.c.holding).limit(limit)
    if after is not None:
        query = query.where(case_items.c.holding > key_of(after))
    found = []
    for row in connection.execute(query, {"as_of": entry}):
        shown = readable(case_items, row)
        found.append(CaseItem(**{name: shown[name] for name in CaseItem.__struct_fields__}))
    return found


def tallies(
    connection: sa.Connection, named: Sequence[str], *, entry: int | None = None
) -> dict[str, Tally]:
    """The tally of each of these cases that was there (`entry`: as of that entry)."""
    query = _TALLIES[entry is not None]
    asked = {"named": [key_of(case) for case in named], "as_of": entry}
    rows = connection.execute(query, asked)
    return {id_of("destruction_case", case): Tally(*told) for case, *told in rows}


def _read(
    connection: sa.Connection, query: sa.Select[Any], entry: int | None
) -> list[DestructionCase]:
    rows = connection.execute(query, {"as_of": entry})
    return [DestructionCase(**readable(cases, row)) for row in rows]


_CASES = both(lambda then: standing(cases, then=then).rows)
_ITEMS = both(lambda then: standing(case_items, then=then).rows)


def _tallies(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    kept = standing(case_items, then=then)
    c = kept.columns
    on_list = c["taken_off_entry"].is_(None)
    counted = (
        sa.func.count(sa.case((sa.and_(on_list, c[name] == code), 1)))
        for name, code in (
            ("outcome", "destroyed"),
            ("verified", "pass"),
            ("verified", "fail"),
            ("verified", "unknown"),
        )
    )
    named: sa.BindParameter[Sequence[bytes]] = sa.bindparam("named", expanding=True)
    query = sa.select(case_items.c.case, *counted).select_from(kept.source)
    return query.where(kept.stood, case_items.c.case.in_(named)).group_by(case_items.c.case)


_TALLIES = both(_tallies)
