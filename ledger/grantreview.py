"""What a review of accesses says of grants: who may, who still needs to, who is trained for it.

Flags of a grant, by stable code: `new`, `ended`, `replaced` (ended in the span, and another one was
given to the same person), `across` (to another party), `expired` (over, and nobody revoked it),
`dormant` (in force, and not used for so many days), `excessive` (in force and used, never in some
of its modes), `leaver` (in force, to somebody without a role or a key), `not_on_staff_list`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from domain.values import later
from ledger.facts import LedgerFacts
from projections import access, agreements, reviewing
from projections.reviewing import Span, Staff, Use

if TYPE_CHECKING:
    import sqlalchemy as sa

    from domain.policy import Policy

Row = dict[str, Any]

TRAINED: Final = ("confidentiality", "security")
"""What whoever may access content is trained in (PIPL 51(4))."""
_AT_ONCE: Final = 500


def grants(
    connection: sa.Connection,
    span: Span,
    staff: Mapping[str, Staff],
    dormant_days: int,
    listed: frozenset[str] | None = None,
) -> list[Row]:
    """The grants that concern a span, by id: in force at its end, given or ended in it, or over.

    `listed`: the actors that the firm's own list of people has. What was revoked before the span is
    left out.
    """
    facts = LedgerFacts(connection)
    used = reviewing.uses(connection, span)
    named = reviewing.named_categories(connection, span.entry)
    rows: list[Row] = []
    for grant in _all(connection, span.entry):
        if grant.revoked_entry is not None and grant.revoked_entry < span.begin:
            continue
        use = used.get(grant.grant, Use(0, None, frozenset()))
        rows.append({
            "grant": grant.grant, "actor": grant.actor, "giver": grant.giver,
            "engagement": grant.engagement, "records": grant.records,
            "categories": sorted({*grant.categories, *named.get(grant.grant, ())}),
            "modes": list(grant.modes), "purposes": list(grant.purposes),
            "begins": grant.begins, "ends": grant.ends, "condition": _condition(grant, span),
            "granted_at": facts.accepted_at(grant.granted_entry), "uses": use.uses,
            "last_used": use.last, "unused_modes": sorted(set(grant.modes) - use.modes),
        })  # fmt: skip
    given: Counter[str] = Counter(row["actor"] for row in rows if row["granted_at"] >= span.first)
    for row in rows:
        row["flags"] = list(_flags(row, span, staff, dormant_days, given, listed))
    return rows


def _all(connection: sa.Connection, entry: int) -> Iterator[access.Grant]:
    after = None
    while found := access.granted(connection, limit=_AT_ONCE, after=after, entry=entry):
        yield from found
        after = found[-1].grant


def _condition(grant: access.Grant, span: Span) -> str:
    """As it was at the end of the span."""
    if grant.revoked_entry is not None and grant.revoked_entry < span.end:
        return "revoked"
    if span.last < grant.begins:
        return "not_begun"
    return "in_force" if span.last <= grant.ends else "over"


def _flags(
    row: Row,
    span: Span,
    staff: Mapping[str, Staff],
    dormant_days: int,
    given: Mapping[str, int],
    listed: frozenset[str] | None,
) -> Iterator[str]:
    new, condition = row["granted_at"] >= span.first, row["condition"]
    person, giver = staff.get(row["actor"]), staff.get(row["giver"])
    if new:
        yield "new"
    if condition == "revoked":
        yield "ended"
        if given.get(row["actor"], 0) > new:
            yield "replaced"
        return
    if person is not None and giver is not None and person.party != giver.party:
        yield "across"
    if condition == "over":
        yield "expired"
        return
    since = max(row["last_used"] or "", row["granted_at"], row["begins"])
    if since < later(span.last, days=-dormant_days):
        yield "dormant"
    if row["last_used"] and row["unused_modes"] and not new:
        yield "excessive"
    if person is None or not person.active:
        yield "leaver"
    if listed is not None and row["actor"] not in listed:
        yield "not_on_staff_list"


def matrix(grants: Sequence[Row], staff: Mapping[str, Staff]) -> list[Row]:
    """How many grants in force let holders of a role access a category in a mode.

    A person with several roles stands under each; one without any under an empty one.
    """
    counted = Counter(
        (role, category, mode)
        for row in grants
        if row["condition"] == "in_force"
        for role in (staff[row["actor"]].roles if row["actor"] in staff else ()) or ("",)
        for category in row["categories"] or ("",)
        for mode in row["modes"]
    )
    names = ("role", "category", "mode")
    return [
        {**dict(zip(names, key, strict=True)), "grants": count}
        for key, count in sorted(counted.items())
    ]


def training(
    connection: sa.Connection, policy: Policy, staff: Mapping[str, Staff], span: Span
) -> list[Row]:
    """Of everybody who accessed or tried in the span: what they are trained in, what is missing.

    `until`: by topic, the last day on which the latest training that was passed counts.
    """
    day = policy.calendar.day_of(span.last)
    until: dict[str, dict[str, str]] = {}
    for one in agreements.trainings_of(connection, entry=span.entry):
        topics = until.setdefault(one.actor, {})
        topics.pop(one.topic, None)  # the last examination counts, passed or not
        if one.passed:
            topics[one.topic] = one.valid_to
    return [
        {
            "actor": actor,
            "party": staff[actor].party if actor in staff else None,
            "until": dict(sorted(until.get(actor, {}).items())),
            "missing": [t for t in TRAINED if until.get(actor, {}).get(t, "") < day],
        }
        for actor in reviewing.accessors(connection, span)
    ]
