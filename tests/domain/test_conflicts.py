"""What rules leave open is found, whatever they are: against a naive count of days; and by name."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain
from domain.codes import RecordCategory
from domain.conflicts import Assigned, Finding, earliest_end, findings, latest_minimum
from domain.policy import Policy, parse_policy
from domain.retention import FOREVER, RetentionRule, Traits, retention_for, retention_window

PACK = (Path(domain.__file__).parent / "policies" / "cn-default-2026.toml").read_bytes()
TRIGGERS = ("created", "contract_ended", "purpose_achieved")
CATEGORIES: tuple[RecordCategory, ...] = (
    "contract", "transaction", "transaction.order", "communication",
)  # fmt: skip


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy(PACK)


# -- a naive lawyer with a calendar -------------------------------------------------------------


def last_day(start: date, period: str) -> date:
    """Counted off day by day and month by month, without any arithmetic of the product's."""
    amount, unit = int(period[:-1]), period[-1]
    if unit == "d":
        for _ in range(amount):
            start += timedelta(days=1)
        return start
    year, month = start.year, start.month
    for _ in range(amount * (12 if unit == "y" else 1)):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    day = start.day
    while day > monthrange(year, month)[1]:
        day -= 1
    return date(year, month, day)


periods = st.one_of(
    st.integers(0, 40).map(lambda n: f"{n}d"),
    st.integers(1, 30).map(lambda n: f"{n}m"),
    st.integers(1, 12).map(lambda n: f"{n}y"),
)


@st.composite
def rules_of(draw: st.DrawFn) -> list[RetentionRule]:
    """A small pack: any bases, triggers and categories, some chosen by hand, some replacing."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        low, high = draw(st.none() | periods), draw(st.none() | periods)
        if low is None and high is None:
            low = draw(periods)
        found.append(RetentionRule(
            id=f"r{number}", zh="规则", en="rule", action="destroy",
            basis=draw(st.sampled_from(["duty", "limitation", "policy"])),
            minimum=low, maximum=high, trigger=draw(st.sampled_from(TRIGGERS)),
            automatic=draw(st.sampled_from([True, True, False])),
            categories=tuple(draw(st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True))),
            instead_of=tuple(draw(st.sampled_from([(), (), (f"r{number - 1}",) * (number > 0)]))),
        ))  # fmt: skip
    return found


days = st.dates(min_value=date(1999, 1, 1), max_value=date(2040, 12, 31))
starts_of = st.dictionaries(st.sampled_from(TRIGGERS), days)
traits_of = st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=3, unique=True).map(
    lambda codes: Traits(categories=tuple(codes))
)


def applying(rules: Sequence[RetentionRule], codes: Sequence[str]) -> list[RetentionRule]:
    """Those that fit a code and that no other fitting one stands instead of, said twice over."""
    fit = [
        rule for rule in rules
        if rule.automatic
        and (not rule.categories
             or any(c == p or c.startswith(p + ".") for p in rule.categories for c in codes))
    ]  # fmt: skip
    return [rule for rule in fit if not any(rule.id in other.instead_of for other in fit)]


@given(rules_of(), starts_of)
@settings(max_examples=300)
def test_the_engine_keeps_on_the_days_on_which_a_rule_says_so(
    rules: list[RetentionRule], starts: dict[str, date]
) -> None:
    """The longest minimum and the shortest maximum, day by day, from ALL rules that apply."""
    window = retention_window(rules, starts)
    begun = [rule for rule in rules if rule.trigger in starts]
    lows = [last_day(starts[str(r.trigger)], r.minimum) for r in begun if r.minimum]
    highs = [last_day(starts[str(r.trigger)], r.maximum) for r in begun if r.maximum]
    waits = any(rule.minimum for rule in rules if rule not in begun)
    for day in {*lows, *highs, *(d + timedelta(1) for d in lows + highs), *starts.values()}:
        assert window.must_keep_on(day) == (waits or any(day <= low for low in lows)), day
    assert window.max_until == min(highs, default=None)
    assert window.conflict == bool(lows and highs and min(highs) < max(lows))
    assert set(window.waiting) == {rule.id for rule in rules if rule not in begun}


def assigning(rules: Sequence[RetentionRule], starts: dict[str, date]) -> dict[str, Assigned]:
    """An event for each start that somebody named."""
    found = {}
    for trigger, day in starts.items():
        named = [rule for rule in rules if rule.trigger == trigger]
        if named:
            lows = [last_day(day, rule.minimum) for rule in named if rule.minimum]
            highs = [last_day(day, rule.maximum) for rule in named if rule.maximum]
            found[trigger] = Assigned(
                rules=tuple(rule.id for rule in named),
                min_until=max(lows, default=None), max_until=min(highs, default=None),
            )  # fmt: skip
    return found


@given(rules_of(), traits_of, starts_of)
@settings(max_examples=300)
def test_every_contradiction_and_every_duty_left_out_is_found_and_nothing_else(
    rules: list[RetentionRule], traits: Traits, starts: dict[str, date]
) -> None:
    known = {rule.id: rule for rule in rules}
    apply = applying(rules, traits.categories)
    assert [rule.id for rule in retention_for(known, traits)] == [rule.id for rule in apply]
    assigned = assigning(apply, starts)
    found = {one.kind: one for one in findings(known, traits, assigned, classified=True)}

    lows = [one.min_until for one in assigned.values() if one.min_until]
    highs = [one.max_until for one in assigned.values() if one.max_until]
    assert ("minimum_after_maximum" in found) == bool(lows and highs and min(highs) < max(lows))
    if clash := found.get("minimum_after_maximum"):
        assert (clash.min_until, clash.max_until) == (max(lows), min(highs))
        assert any(known[name].minimum for name in clash.rules)
        assert any(known[name].maximum for name in clash.rules)

    started = set(assigned)
    duties = {r.id for r in apply if r.basis == "duty" and r.trigger not in started}
    others = {r.id for r in apply if r.basis != "duty" and r.trigger not in started}
    assert set(found.get("duty_not_assigned", NOTHING).rules) == duties
    assert set(found.get("start_not_assigned", NOTHING).rules) == (others if assigned else set())

    alone = [applying(rules, [code]) for code in traits.categories]
    ends = {
        (max((last_day(date(2001, 1, 1), r.minimum) for r in fit if r.minimum), default=None),
         min((last_day(date(2001, 1, 1), r.maximum) for r in fit if r.maximum), default=None))
        for fit in alone
    }  # fmt: skip
    assert ("categories_disagree" in found) == (len(ends) > 1)


NOTHING = Finding(kind="duty_not_assigned", rules=())


# -- by name, on the pack that ships ------------------------------------------------------------


def kinds(policy: Policy, traits: Traits, assigned: dict[str, Assigned], **how: bool) -> list[str]:
    how = {"classified": True, **how}
    return [one.kind for one in findings(policy.retention, traits, assigned, **how)]


def test_a_duty_with_another_start_is_missed_until_it_is_assigned(policy: Policy) -> None:
    """A broker's contract: the limitation period begins with its end, the duty with the deal."""
    broker = Traits(categories=("contract",), business_area="real_estate")
    ended = {"contract_ended": Assigned(
        rules=("contract-limitation", "contract-policy"), min_until=date(2036, 1, 31),
    )}  # fmt: skip
    (missed,) = findings(policy.retention, broker, ended, classified=True)
    assert (missed.kind, missed.rules) == ("duty_not_assigned", ("brokerage-records",))
    both = {**ended, "transaction_completed": Assigned(
        rules=("brokerage-records",), min_until=date(2031, 1, 31),
    )}  # fmt: skip
    assert kinds(policy, broker, both) == []


def test_keeping_ten_years_what_must_go_when_its_purpose_is_achieved(policy: Policy) -> None:
    """Scenario 5, before it happens: a bank's duty and a child's data in one record."""
    traits = Traits(
        categories=("basic_info",), business_area="finance", sensitivity="minor_pi",
        sensitive_kinds=("minor_under_14",),
    )  # fmt: skip
    assigned = {
        "relationship_ended": Assigned(rules=("aml-identity",), min_until=date(2036, 1, 31)),
        "purpose_achieved": Assigned(
            rules=("under-14-kind", "under-14-sensitivity"), max_until=date(2026, 1, 31)
        ),
    }
    (clash,) = findings(policy.retention, traits, assigned, classified=True)
    assert clash.kind == "minimum_after_maximum"
    assert clash.rules == ("aml-identity", "under-14-kind", "under-14-sensitivity")
    assert (clash.min_until, clash.max_until) == (date(2036, 1, 31), date(2026, 1, 31))


def test_a_permanent_period_contradicts_every_maximum(policy: Policy) -> None:
    assigned = {
        "created": Assigned(rules=("destruction-lists",), min_until=FOREVER),
        "last_interaction": Assigned(rules=("leads",), max_until=date(2030, 1, 1)),
    }
    assert latest_minimum(assigned.values()) == FOREVER
    assert earliest_end(assigned.values()) == date(2030, 1, 1)
    traits = Traits(categories=("other",))
    assert kinds(policy, traits, assigned) == ["minimum_after_maximum"]


def test_several_categories_ask_for_several_periods(policy: Policy) -> None:
    mixed = Traits(categories=("contract", "communication.call_recording"))
    assert kinds(policy, mixed, {}) == ["categories_disagree"]
    alike = Traits(categories=("transaction.order", "transaction.payment"))
    assert kinds(policy, alike, {}) == []


def test_a_rule_chosen_in_place_of_another_is_not_missed(policy: Policy) -> None:
    books = Traits(categories=("accounting",))
    chosen = {"fiscal_year_end": Assigned(
        rules=("accounting-statements",), min_until=date(2036, 12, 31),
    )}  # fmt: skip
    assert kinds(policy, books, chosen) == []
    assert kinds(policy, books, {}) == ["duty_not_assigned"]


def test_before_anybody_classified_it_nothing_is_missed(policy: Policy) -> None:
    books = Traits(categories=("accounting",))
    assert kinds(policy, books, {}, classified=False) == []


def test_reclassified_after_its_period_was_assigned(policy: Policy) -> None:
    order = Traits(categories=("transaction.order",))
    assigned = {"transaction_completed": Assigned(
        rules=("transaction-records",), min_until=date(2029, 1, 1), max_until=date(2046, 1, 1),
    )}  # fmt: skip
    assert kinds(policy, order, assigned, categories_changed=True) == [
        "assigned_for_other_categories"
    ]
    assert kinds(policy, order, {}, categories_changed=True) == []
