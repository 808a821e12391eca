"""What several retention rules give together that no rule settles: findings for counsel (I-12).

Rules that start with the same trigger are assigned together, by one event; the longest minimum and
the shortest maximum of all assignments count. That leaves open:

    minimum_after_maximum          one rule asks to keep longer than another one allows
    duty_not_assigned              a statute keeps or deletes it from a start that nobody has named;
                                   where it sets a minimum, nothing is destroyed before that
    start_not_assigned             as before, of a limitation period or a rule of the pack
    categories_disagree            its categories ask for different periods; the longest minimum and
                                   the shortest maximum count for all of it
    assigned_for_other_categories  it was reclassified since, and the rules may be others

>>> from datetime import date
>>> low = Assigned(rules=("books",), min_until=date(2056, 12, 31))
>>> high = Assigned(rules=("leads",), max_until=date(2027, 1, 1))
>>> earliest_end([low, high]), latest_minimum([low, high])
(datetime.date(2027, 1, 1), datetime.date(2056, 12, 31))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, Literal

from msgspec import Struct, structs

from domain.retention import FOREVER, RetentionRule, Traits, add, retention_for

Kind = Literal[
    "minimum_after_maximum",
    "duty_not_assigned",
    "start_not_assigned",
    "categories_disagree",
    "assigned_for_other_categories",
]
_ANY_DAY: Final = date(2001, 1, 1)
"""Periods are compared as if they began on one day."""


class Assigned(Struct, frozen=True, kw_only=True):
    """What one assignment gave: its rules by id, and its days; permanent is `FOREVER`."""

    rules: tuple[str, ...]
    min_until: date | None = None
    max_until: date | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """What a lawyer must decide about a record.

    `rules`: the ids of those that contradict each other, or that were left out; `min_until`,
    `max_until`: what counts until then, None where nothing was assigned.
    """

    kind: Kind
    rules: tuple[str, ...]
    min_until: date | None = None
    max_until: date | None = None


def latest_minimum(assigned: Iterable[Assigned]) -> date | None:
    """The last day on which a record must be kept: the latest of all assignments."""
    return max((one.min_until for one in assigned if one.min_until), default=None)


def earliest_end(assigned: Iterable[Assigned]) -> date | None:
    """The last day on which a record may be kept: the earliest of all assignments."""
    return min((one.max_until for one in assigned if one.max_until), default=None)


def findings(
    known: Mapping[str, RetentionRule],
    traits: Traits,
    assigned: Mapping[str, Assigned],
    *,
    classified: bool,
    categories_changed: bool = False,
) -> Iterator[Finding]:
    """What is open about one record, the gravest first.

    `known`: the pack's rules by id; `assigned`: the latest assignment by trigger; `classified`:
    whether its codes were decided on (else nothing is said about rules that nobody assigned);
    `categories_changed`: whether that was done again after the last assignment.
    """
    low, high = latest_minimum(assigned.values()), earliest_end(assigned.values())
    if low is not None and high is not None and high < low:
        rules = tuple(_deciding(known, assigned.values(), low, high))
        yield Finding(kind="minimum_after_maximum", rules=rules, min_until=low, max_until=high)
    if classified:
        for kind, rules in _left_out(known, traits, assigned):
            yield Finding(kind=kind, rules=rules, min_until=low, max_until=high)
        if rules := _disagreeing(known, traits):
            yield Finding(kind="categories_disagree", rules=rules, min_until=low, max_until=high)
    if categories_changed and assigned:
        named = tuple(name for one in assigned.values() for name in one.rules)
        yield Finding(
            kind="assigned_for_other_categories", rules=named, min_until=low, max_until=high
        )


def _deciding(
    known: Mapping[str, RetentionRule], assigned: Iterable[Assigned], low: date, high: date
) -> Iterator[str]:
    """The rules that set the latest minimum, then those that set the earliest maximum."""
    assignments = list(assigned)
    for one in assignments:
        if one.min_until == low:
            periods = {n: known[n].minimum for n in one.rules if n in known and known[n].minimum}
            yield from _extreme(periods, longest=True)
    for one in assignments:
        if one.max_until == high:
            periods = {n: known[n].maximum for n in one.rules if n in known and known[n].maximum}
            yield from _extreme(periods, longest=False)


def _extreme(periods: Mapping[str, str | None], *, longest: bool) -> list[str]:
    lengths = {name: add(_ANY_DAY, period) for name, period in periods.items() if period}
    end = (max if longest else min)(lengths.values(), default=None)
    return [name for name, length in lengths.items() if length == end]


def _left_out(
    known: Mapping[str, RetentionRule], traits: Traits, assigned: Mapping[str, Assigned]
) -> Iterator[tuple[Kind, tuple[str, ...]]]:
    """Rules that fit by themselves and that no assignment names: duties, then the others.

    What a rule named stands instead of is not missing. Others than duties are only missed where
    something was assigned: before that, everything is still to be done.
    """
    named = {name for one in assigned.values() for name in one.rules}
    replaced = {n for name in named if name in known for n in known[name].instead_of}
    missing = [r for r in retention_for(known, traits) if r.id not in named | replaced]
    if duties := tuple(rule.id for rule in missing if rule.basis == "duty"):
        yield "duty_not_assigned", duties
    others = tuple(r.id for r in missing if r.basis != "duty" and r.trigger not in assigned)
    if assigned and others:
        yield "start_not_assigned", others


def _disagreeing(known: Mapping[str, RetentionRule], traits: Traits) -> tuple[str, ...]:
    """The rules of its categories, where one category alone would give other periods."""
    if len(traits.categories) == 1:
        return ()
    alone = [
        retention_for(known, structs.replace(traits, categories=(category,)))
        for category in traits.categories
    ]
    if len({_lengths(rules) for rules in alone}) == 1:
        return ()
    return tuple(dict.fromkeys(rule.id for rules in alone for rule in rules))


def _lengths(rules: Sequence[RetentionRule]) -> tuple[date | None, date | None]:
    """The longest minimum and the shortest maximum, as if all began on one day."""
    lows = [add(_ANY_DAY, rule.minimum) for rule in rules if rule.minimum]
    highs = [add(_ANY_DAY, rule.maximum) for rule in rules if rule.maximum]
    return max(lows, default=None), min(highs, default=None)


def as_assigned(
    rules: Sequence[str], min_until: str | None, max_until: str | None, *, permanent: bool
) -> Assigned:
    """An assignment as an event says it: days `YYYY-MM-DD`."""
    low = FOREVER if permanent else date.fromisoformat(min_until) if min_until else None
    high = date.fromisoformat(max_until) if max_until else None
    return Assigned(rules=tuple(rules), min_until=low, max_until=high)
