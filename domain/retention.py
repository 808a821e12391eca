"""How long something must or may be kept: periods, rules, and what several rules give together.

The rules themselves are data of the policy pack (`domain.policy`). Several apply to one record:
the longest minimum and the shortest maximum win; where they contradict each other, the result
says so and a lawyer decides (I-12). Periods are `<n>d`, `<n>m`, `<n>y` or `permanent`.

>>> from datetime import date
>>> add(date(2024, 2, 29), "1y"), add(date(2025, 8, 31), "6m")
(datetime.date(2025, 2, 28), datetime.date(2026, 2, 28))
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from domain.codes import (
    BusinessArea,
    DataLevel,
    DisposalAction,
    DocumentKind,
    RecordCategory,
    Relationship,
    RetentionTrigger,
    SensitivePiKind,
    Sensitivity,
    covers,
)
from domain.statutes import Citation, Name, Text

PERMANENT: Final = "permanent"
FOREVER: Final = date.max
"""The last day of a permanent period; it compares as later than any day that can come."""

_PERIOD: Final = r"^(?:permanent|0d|[1-9][0-9]{0,3}d|[1-9][0-9]{0,2}[my])\Z"
_IS_PERIOD: Final = re.compile(_PERIOD)
_MONTHS_A_YEAR: Final = 12

Period = Annotated[str, Meta(pattern=_PERIOD)]
Basis = Literal["duty", "limitation", "policy"]
"""Why a period is what it is: a statute orders it, a limitation period suggests it, or we chose."""


class RetentionError(ValueError):
    """A rule was chosen that cannot be applied; the message names it and says why."""


class RetentionRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long something must or may be kept.

    It applies to a record that has one of `categories` (a parent covers its parts) and, for each
    further list that is not empty, one of its codes. `automatic = false`: codes cannot tell, so a
    person chooses it by id. `instead_of`: rules that do not apply where this one does. `trigger`:
    what starts both periods; absent only where `minimum` is permanent and needs no start.
    """

    id: Name
    zh: Text
    en: Text
    action: DisposalAction
    basis: Basis
    automatic: bool = True
    minimum: Period | None = None
    maximum: Period | None = None
    trigger: RetentionTrigger | None = None
    categories: tuple[RecordCategory, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    business_areas: tuple[BusinessArea, ...] = ()
    data_levels: tuple[DataLevel, ...] = ()
    sensitivities: tuple[Sensitivity, ...] = ()
    sensitive_kinds: tuple[SensitivePiKind, ...] = ()
    document_kinds: tuple[DocumentKind, ...] = ()
    citations: tuple[Citation, ...] = ()
    instead_of: tuple[Name, ...] = ()

    def applies_to(self, traits: Traits) -> bool:
        """Whether the record's codes fit, leaving aside who chooses and what is replaced."""
        return (
            _covered(self.categories, traits.categories)
            and _listed(self.relationships, (traits.relationship,))
            and _listed(self.business_areas, (traits.business_area,))
            and _listed(self.data_levels, (traits.data_level,))
            and _listed(self.sensitivities, (traits.sensitivity,))
            and _listed(self.sensitive_kinds, traits.sensitive_kinds)
            and _listed(self.document_kinds, (traits.document_kind,))
        )


class Traits(Struct, frozen=True, kw_only=True):
    """What is known about a record when its retention is decided; fields as in classification."""

    categories: tuple[RecordCategory, ...]
    relationship: Relationship | None = None
    business_area: BusinessArea | None = None
    data_level: DataLevel | None = None
    sensitivity: Sensitivity | None = None
    sensitive_kinds: tuple[SensitivePiKind, ...] = ()
    document_kind: DocumentKind | None = None


class Window(Struct, frozen=True, kw_only=True):
    """From when a record may, and until when it must, be disposed of.

    `min_until`: the last day on which it must be kept; `max_until`: the last day on which it may
    be; None where no rule sets one or its start is not known yet. `minimum_rule`, `maximum_rule`:
    the ids that decided. `waiting`: rules whose start has not happened. `open_minimum`: one of
    those sets a minimum, so the record must be kept, whatever `min_until` says.
    """

    action: DisposalAction
    min_until: date | None = None
    max_until: date | None = None
    minimum_rule: str | None = None
    maximum_rule: str | None = None
    waiting: tuple[str, ...] = ()
    open_minimum: bool = False

    @property
    def conflict(self) -> bool:
        """Whether the law asks to keep longer than it allows: a finding for counsel (I-12)."""
        if self.min_until is None or self.max_until is None:
            return False
        return self.max_until < self.min_until

    def must_keep_on(self, day: date) -> bool:
        """Whether a minimum still runs on that day, its last day included (I-26)."""
        return self.open_minimum or (self.min_until is not None and day <= self.min_until)


class Assignment(Struct, frozen=True, kw_only=True):
    """What an event that assigns retention must state; dates as in events, absent ones None.

    `permanent`: kept for ever, and then without `min_until`.
    """

    action: DisposalAction
    min_until: str | None
    max_until: str | None
    permanent: bool
    conflict: bool


def add(day: date, period: str) -> date:
    """The last day of a period that starts with the event of `day`.

    The day itself does not count; months and years end on the day of the same number or, where
    there is none, on the month's last (Civil Code, articles 201 and 202; article 203's shift from
    holidays to the next working day is left out). Permanent, or past the calendar, is `FOREVER`.

    Raises `ValueError` for a malformed period.
    """
    if not _IS_PERIOD.match(period):
        message = f"not a period: {period!r}"
        raise ValueError(message)
    if period == PERMANENT:
        return FOREVER
    amount, unit = int(period[:-1]), period[-1]
    if unit == "d":
        return day + timedelta(days=amount) if amount <= (FOREVER - day).days else FOREVER
    months = day.month - 1 + amount * (_MONTHS_A_YEAR if unit == "y" else 1)
    year, month = day.year + months // _MONTHS_A_YEAR, months % _MONTHS_A_YEAR + 1
    if year > FOREVER.year:
        return FOREVER
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def retention_for(
    known: Mapping[str, RetentionRule], traits: Traits, chosen: Iterable[str] = ()
) -> tuple[RetentionRule, ...]:
    """The retention rules that apply to a record, in the order of `known`.

    `known`: the pack's rules by id. Automatic rules apply where the record's codes fit; `chosen`
    names the ids that a person picked besides. A rule that another applying one stands instead
    of is left out.

    Raises `RetentionError` when a chosen rule is unknown or does not fit the record.
    """
    picked = frozenset(chosen)
    for name in sorted(picked):
        rule = known.get(name)
        if rule is None or not rule.applies_to(traits):
            why = "is unknown" if rule is None else "does not fit the record"
            message = f"retention rule {name} {why}"
            raise RetentionError(message)
    fitting = [
        rule
        for rule in known.values()
        if rule.id in picked or (rule.automatic and rule.applies_to(traits))
    ]
    replaced = {name for rule in fitting for name in rule.instead_of}
    return tuple(rule for rule in fitting if rule.id not in replaced)


def retention_window(rules: Sequence[RetentionRule], starts: Mapping[str, date]) -> Window:
    """The longest minimum and the shortest maximum of `rules`, and what happens then.

    `starts`: the day of every `RetentionTrigger` that has happened. Among equal days the rule
    named first decides.
    """
    minimum: tuple[date, RetentionRule] | None = None
    maximum: tuple[date, RetentionRule] | None = None
    waiting: list[RetentionRule] = []
    for rule in rules:
        start = FOREVER if rule.trigger is None else starts.get(rule.trigger)
        if rule.minimum == PERMANENT:
            minimum = _later(minimum, (FOREVER, rule))
        if start is None:
            waiting.append(rule)
            continue
        if rule.minimum is not None:
            minimum = _later(minimum, (add(start, rule.minimum), rule))
        if rule.maximum is not None:
            end = add(start, rule.maximum)
            maximum = (end, rule) if maximum is None or end < maximum[0] else maximum
    window = Window(
        action="review",
        min_until=minimum[0] if minimum else None,
        max_until=maximum[0] if maximum else None,
        minimum_rule=minimum[1].id if minimum else None,
        maximum_rule=maximum[1].id if maximum else None,
        waiting=tuple(rule.id for rule in waiting),
        open_minimum=any(rule.minimum is not None for rule in waiting),
    )
    binding = [found[1] for found in (maximum, minimum) if found]
    return msgspec.structs.replace(window, action=_action(window, rules, binding or waiting))


def assignment_for(
    known: Mapping[str, RetentionRule],
    names: Sequence[str],
    categories: Sequence[str],
    start: tuple[str, str],
) -> Assignment | str:
    """What the named rules give from one start, or the code of why they give nothing.

    `start`: the `RetentionTrigger` and its day (`YYYY-MM-DD`). Rules with different starts are
    assigned by an event each. Of the codes a rule asks for, only the category is looked at. Codes:
    `unknown_retention_rule`, `rule_named_twice`, `rule_does_not_fit_category`, `rule_is_replaced`
    (by another one named), `rule_starts_otherwise`, `no_such_day`.
    """
    if len(set(names)) != len(names):
        return "rule_named_twice"
    rules = [known[name] for name in names if name in known]
    if not names or len(rules) != len(names):
        return "unknown_retention_rule"
    if not all(_covered(rule.categories, categories) for rule in rules):
        return "rule_does_not_fit_category"
    if any(name in names for rule in rules for name in rule.instead_of):
        return "rule_is_replaced"
    trigger, day = start
    if any(rule.trigger not in {None, trigger} for rule in rules):
        return "rule_starts_otherwise"
    try:
        window = retention_window(rules, {trigger: date.fromisoformat(day)})
    except ValueError:
        return "no_such_day"
    permanent = window.min_until == FOREVER
    return Assignment(
        action=window.action,
        min_until=None if permanent or not window.min_until else window.min_until.isoformat(),
        max_until=window.max_until.isoformat() if window.max_until else None,
        permanent=permanent,
        conflict=window.conflict,
    )


def _later(
    best: tuple[date, RetentionRule] | None, other: tuple[date, RetentionRule]
) -> tuple[date, RetentionRule]:
    return other if best is None or other[0] > best[0] else best


def _action(
    window: Window, rules: Sequence[RetentionRule], binding: Sequence[RetentionRule]
) -> DisposalAction:
    """Review wins over anything irreversible; else the rule that binds decides."""
    if window.conflict or not binding:
        return "review"
    if window.min_until == FOREVER:
        return "retain_permanently"
    if any(rule.action == "review" for rule in rules):
        return "review"
    return binding[0].action


def _covered(categories: Sequence[str], codes: Sequence[str]) -> bool:
    return not categories or any(covers(parent, code) for parent in categories for code in codes)


def _listed(wanted: Sequence[str], codes: Sequence[str | None]) -> bool:
    return not wanted or any(code in wanted for code in codes)


def period_flaws(rule: RetentionRule) -> Iterator[str]:
    """What is wrong with a rule's own periods, which the types cannot say."""
    if rule.minimum is None and rule.maximum is None:
        yield "neither minimum nor maximum"
    if rule.maximum == PERMANENT:
        yield "a maximum cannot be permanent"
    if rule.trigger is None and (rule.minimum != PERMANENT or rule.maximum is not None):
        yield "no trigger starts its period"
    if rule.minimum and rule.maximum:
        start = date(2001, 1, 1)
        if add(start, rule.maximum) < add(start, rule.minimum):
            yield f"maximum {rule.maximum} is shorter than minimum {rule.minimum}"
