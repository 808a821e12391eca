"""What no rule can reckon with: days that do not exist, and things that nobody began.

Only a client without our rules sends these. They are refused in so many words, never by a crash,
and what was found before is not lost.
"""

from __future__ import annotations

import pytest

from domain.commit import judgements
from domain.copies import HoldingState, offspring, original, survivors
from domain.judging import Case, World
from domain.values import LAST_MOMENT, later
from domain.workdays import Calendar
from tests.domain.audit_words import issue_report
from tests.domain.estates import Estate
from tests.domain.words import receive_request
from tests.domain.worlds import Firm, create_holding, policy, review


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def test_a_request_received_at_the_end_of_time_is_refused(estate: Estate) -> None:
    """The working days after it do not exist; what was found before that is not lost."""
    said = receive_request(estate.new("rights"), received_at="2026-11-20T02:00:00.000Z")
    details = estate.judge(
        estate.zhou, "collector", said.but(received_at=LAST_MOMENT, due_at="9999-12-31")
    )
    assert details == ["claimed_time_in_future", "rule_failed"]


@pytest.mark.parametrize("day", ["2026-02-30", "2026-11-31", "0000-01-01"])
def test_a_day_that_does_not_exist_is_refused_before_anybody_counts_with_it(
    estate: Estate, day: str
) -> None:
    said = receive_request(estate.new("rights"), received_at="2026-11-20T02:00:00.000Z")
    time = f"{day}T09:00:00.000Z"
    assert estate.judge(estate.zhou, "collector", said.but(due_at=day)) == ["no_such_day"]
    assert estate.judge(estate.zhou, "collector", said.but(received_at=time)) == ["not_a_time"]


def test_an_act_on_what_nobody_began_does_not_hide_the_next_of_its_commit() -> None:
    firm = Firm.open()
    audit, record = firm.new("audit"), firm.collect()
    said = (issue_report(audit), review(record))
    statement, events = firm.statement(firm.wang, "internal_auditor", said)
    found = {
        (judgement.at, refusal.detail)
        for judgement in judgements(World(firm.book), policy(), statement, events)
        for refusal in judgement.refusals
    }
    assert (0, "unknown_audit") in found
    assert (1, "verifier_is_collector") in found


def test_a_copy_made_of_itself_ends_every_way_up() -> None:
    firm = Firm.open()
    copy = firm.new("holding")
    said = create_holding(copy, firm.party, made_from=copy)
    firm.refusals(firm.wang, "custodian", said)
    statement, events = firm.statement(firm.wang, "custodian", (said,))
    world = World(firm.book)
    for _ in judgements(world, policy(), statement, events):
        pass
    case = Case(world, policy(), statement)
    state = world.state(copy, HoldingState)
    assert state is not None
    assert original(case, state).stream == copy
    assert [one.stream for one in offspring(case, state)] == [copy]
    assert [one.stream for one in survivors(case, state, set())] == [copy]


def test_nothing_is_later_than_the_last_moment() -> None:
    assert later(LAST_MOMENT, days=1) == LAST_MOMENT
    assert Calendar().day_of(LAST_MOMENT) == "9999-12-31"


def test_the_last_years_that_can_be_written_are_no_time_to_record_at() -> None:
    firm = Firm.open()
    record = firm.collect()
    firm.now = "9000-01-01T00:00:00.000Z"
    assert "accepted_past_all_deadlines" in firm.judge(firm.li, "reviewer", review(record))
