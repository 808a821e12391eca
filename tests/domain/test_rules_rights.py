"""Requests of persons: on the clock, by somebody who is who they say, refused with reasons."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest

from domain.policy import PolicyError, parse_policy
from domain.rights import RequestState
from domain.values import later
from domain.workdays import Calendar
from tests.domain.estates import Estate
from tests.domain.words import (
    PERSON,
    access,
    approve,
    close_request,
    decide,
    execute,
    fulfil,
    identify,
    lift,
    place_hold,
    propose,
    receive_request,
    restrict,
)
from tests.domain.worlds import SEALED, START, correct, lose, policy, review


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def asked(estate: Estate, *records: str, **fields: Any) -> str:
    """A request that Zhou took on the telephone."""
    request = estate.new("rights")
    estate.does(estate.zhou, "collector", receive_request(request, *records, **fields))
    return request


def decided(estate: Estate, *records: str, decision: str = "fulfil", **fields: Any) -> str:
    request = asked(estate, *records, **fields)
    estate.does(estate.zhao, "dpo", identify(request))
    estate.does(estate.zhao, "dpo", decide(request, decision, notified_at=estate.now))
    return request


def told(estate: Estate, *said: Any, role: str = "dpo") -> list[str]:
    return estate.judge(estate.zhao, role, *said)


# -- received: the clock, I-38 ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received_at", "due"),
    [
        ("2026-09-17T02:00:00.000Z", "2026-10-14"),  # two holidays, and two weekends made up
        ("2026-11-20T15:59:59.999Z", "2026-12-11"),  # one minute before midnight in Beijing
        ("2026-11-20T16:00:00.000Z", "2026-12-11"),  # a Saturday there
        ("2026-11-22T16:00:00.000Z", "2026-12-14"),  # a Monday there
    ],
)
def test_a_request_is_due_after_fifteen_working_days(
    estate: Estate, received_at: str, due: str
) -> None:
    estate.now = later(received_at, seconds=1)
    said = receive_request(estate.new("rights"), received_at=received_at)
    assert said.fields["due_at"] == due
    assert estate.judge(estate.zhou, "collector", said) == []
    for wrong in ("2026-12-31", "2026-11-23"):
        assert estate.judge(estate.zhou, "collector", said.but(due_at=wrong)) == [
            "due_day_does_not_follow_policy"
        ]


def test_a_request_of_tomorrow_was_not_received(estate: Estate) -> None:
    said = receive_request(estate.new("rights"), received_at=later(estate.now, days=1))
    assert estate.judge(estate.zhou, "collector", said) == ["claimed_time_in_future"]


def test_a_request_concerns_records_that_exist_each_once(estate: Estate) -> None:
    record = estate.ready()
    said = receive_request(estate.new("rights"), estate.new("record"))
    assert estate.judge(estate.zhou, "collector", said) == ["unknown_record"]
    said = receive_request(estate.new("rights"), record, record)
    assert estate.judge(estate.zhou, "collector", said) == ["item_named_twice"]


def test_a_request_about_nobody_known_is_a_request(estate: Estate) -> None:
    request = decided(estate)
    estate.does(estate.zhao, "dpo", fulfil(request, sealed=SEALED))
    estate.does(estate.zhao, "dpo", close_request(request))


def test_the_buyer_takes_no_request_about_the_sellers_records(estate: Estate) -> None:
    said = receive_request(estate.new("rights"), estate.ready())
    assert estate.judge(estate.lin, "custodian", said) == ["not_the_actors_party"]


def test_further_records_follow_until_it_is_decided(estate: Estate) -> None:
    one, two, three = estate.ready(), estate.ready(), estate.ready()
    request = asked(estate, one)
    estate.does(estate.zhou, "collector", receive_request(request, two))
    state = estate.state(request)
    assert isinstance(state, RequestState)
    assert state.records == {one, two}
    for said, detail in (
        (receive_request(request, one), "item_named_twice"),
        (receive_request(request, three, request="delete"), "part_of_another_request"),
        (receive_request(request, three, subject=PERSON[:-4] + "beef"), "part_of_another_request"),
    ):
        assert estate.judge(estate.zhou, "collector", said) == [detail]
    estate.does(estate.zhao, "dpo", identify(request))
    estate.does(estate.zhao, "dpo", decide(request, notified_at=estate.now))
    said = receive_request(request, three)
    assert estate.judge(estate.zhou, "collector", said) == ["request_is_decided"]


def test_a_record_knows_who_asked_about_it(estate: Estate) -> None:
    record = estate.ready()
    request = asked(estate, record)
    assert set(estate.record(record).requests) == {request}


# -- who asks, and the decision: PIPL 50 ----------------------------------------------------------


def test_nothing_is_said_of_a_request_that_never_was(estate: Estate) -> None:
    request = estate.new("rights")
    for said in (identify(request), decide(request), fulfil(request), close_request(request)):
        assert told(estate, said) == ["unknown_request"]


def test_nobody_gets_anything_before_the_person_is_known(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    assert told(estate, decide(request)) == ["identity_not_checked"]
    estate.does(estate.zhao, "dpo", identify(request, "fail"))
    for decision in ("fulfil", "partial"):
        assert told(estate, decide(request, decision)) == ["identity_not_verified"]
    unknown = decide(request, "refuse", rules=[])
    assert told(estate, unknown) == []  # that nobody knows the person is a reason by itself
    estate.does(estate.zhao, "dpo", identify(request, method="power_of_attorney"))
    assert told(estate, decide(request)) == []
    assert told(estate, unknown) == ["rules_do_not_fit_decision"]


def test_a_refusal_needs_reasons_and_the_rule_that_stands_in_the_way(estate: Estate) -> None:
    request = asked(estate, estate.ready(), request="delete")
    estate.does(estate.zhao, "dpo", identify(request))
    for decision in ("refuse", "partial"):
        silent = decide(request, decision)
        silent.fields.pop("sealed")
        assert told(estate, silent) == ["refusal_needs_reasons"]
        assert told(estate, decide(request, decision, rules=[])) == ["rules_do_not_fit_decision"]
        for rules in (["i_do_not_like_it"], ["hold_blocks_destruction"] * 2):
            details = told(estate, decide(request, decision, rules=rules))
            assert set(details) == {"no_such_rule"}
        named = decide(request, decision, rules=["accounting-books", "hold_blocks_destruction"])
        assert told(estate, named) == []
    assert told(estate, decide(request, rules=["hold_blocks_destruction"])) == [
        "rules_do_not_fit_decision"
    ]


def test_the_person_is_told_after_asking_and_not_tomorrow(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    estate.does(estate.zhao, "dpo", identify(request))
    for moment in (later(START, seconds=-1), later(estate.now, days=1)):
        assert told(estate, decide(request, notified_at=moment)) == ["told_at_another_time"]


def test_a_decision_stands(estate: Estate) -> None:
    request = decided(estate, estate.ready())
    assert told(estate, decide(request, "refuse")) == ["request_is_decided"]
    assert told(estate, identify(request, "fail")) == ["request_is_decided"]


def test_a_clerk_takes_requests_and_decides_none(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    estate.does(estate.zhou, "collector", identify(request))
    assert estate.judge(estate.zhou, "collector", decide(request)) == ["role_does_not_permit"]


def test_the_other_side_does_not_answer_for_us(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    for said in (identify(request), close_request(request, "withdrawn")):
        assert estate.judge(estate.lin, "custodian", said) == ["not_the_actors_party"]


# -- fulfilled ----------------------------------------------------------------------------------


def test_a_copy_is_delivered_with_its_digest_sealed(estate: Estate) -> None:
    record = estate.ready()
    request = decided(estate, record)
    grant = estate.granted(estate.zhou, record)
    seen = access(record, estate.holding_of(record), grant=grant)
    estate.does(estate.zhou, "collector", seen)
    event = f"{record}/{estate.record(record).version}"
    assert told(estate, fulfil(request, event)) == ["delivery_not_sealed"]
    estate.does(estate.zhao, "dpo", fulfil(request, event, sealed=SEALED))
    assert told(estate, fulfil(request, event)) == ["item_named_twice"]
    estate.does(estate.zhao, "dpo", fulfil(request))  # a further part
    estate.does(estate.zhao, "dpo", close_request(request))


def test_what_fulfils_a_request_is_on_record_and_about_its_records_since(estate: Estate) -> None:
    record, other = estate.ready(), estate.ready()
    before = f"{record}/{estate.record(record).version}"
    request = decided(estate, record, request="correct")
    copy = estate.holding_of(other)
    case = estate.proposed(estate.holding_of(estate.ripe()))
    for action in (
        before, f"{record}/99", f"{estate.new('record')}/1", f"{other}/1", f"{copy}/1",
        f"{case}/1", f"{request}/1",
    ):  # fmt: skip
        assert told(estate, fulfil(request, action)) == ["action_is_about_something_else"], action
    assert told(estate, fulfil(request)) == ["fulfilled_by_nothing"]
    estate.does(estate.wang, "collector", correct(estate.record(record)))
    done = estate.record(record).content_event
    assert told(estate, fulfil(request, done, done)) == ["item_named_twice"]
    estate.does(estate.zhao, "dpo", fulfil(request, done))


def test_a_request_is_fulfilled_as_it_was_decided(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    said = fulfil(request, sealed=SEALED)
    assert told(estate, said) == ["request_not_decided"]
    refused = decided(estate, estate.ready(), decision="refuse")
    assert told(estate, fulfil(refused, sealed=SEALED)) == ["request_was_refused"]


def test_a_deletion_is_fulfilled_when_nothing_is_left(estate: Estate) -> None:
    record = estate.ready(day="2026-11-20")  # its period runs: only a statute breaks it
    copy = estate.holding_of(record)
    request = decided(estate, record, request="delete")
    case = estate.approved(copy, ground="statute_orders_deletion", sealed=SEALED)
    proposed = f"{case}/1"
    assert told(estate, fulfil(request, proposed)) == ["record_not_deleted"]
    estate.does(estate.chen, "destruction_operator", execute(case, [copy]))
    executed = f"{case}/{estate.case(case).version}"
    estate.does(estate.zhao, "dpo", fulfil(request, executed))


def test_a_corrected_series_without_the_person_fulfils_a_deletion(estate: Estate) -> None:
    record = estate.ready()
    request = decided(estate, record, request="delete")
    estate.does(estate.li, "reviewer", review(record))
    reviewed = f"{record}/{estate.record(record).version}"
    assert told(estate, fulfil(request, reviewed)) == ["record_not_deleted"]
    estate.does(estate.wang, "collector", correct(estate.record(record)))
    estate.does(estate.zhao, "dpo", fulfil(request, estate.record(record).content_event))


def test_a_correction_beside_the_old_content_deletes_nothing(estate: Estate) -> None:
    """What was asked to go lies in the old file, in its backup and in a loose copy."""
    record, new = estate.ripe(), estate.holding()
    old = estate.holding_of(record)
    _, (backup,) = estate.copied(old)
    request = decided(estate, record, request="delete")
    estate.does(estate.wang, "collector", correct(estate.record(record), new))
    loose = estate.holding(record=record)
    done = estate.record(record).content_event
    for copy in (old, backup, loose):
        assert told(estate, fulfil(request, done)) == ["earlier_content_left"]
        estate.executed(copy)
    estate.holding(record=record, made_from=new)  # of the corrected content: it may stay
    estate.does(estate.zhao, "dpo", fulfil(request, done))


def test_earlier_content_that_was_lost_is_not_deleted(estate: Estate) -> None:
    record, new = estate.ready(), estate.holding()
    request = decided(estate, record, request="delete")
    estate.does(estate.wang, "collector", correct(estate.record(record), new))
    estate.does(estate.wang, "custodian", lose(estate.record(record).holdings[0]))
    done = estate.record(record).content_event
    assert told(estate, fulfil(request, done)) == ["earlier_content_left"]


def test_where_a_period_runs_the_record_is_restricted_and_the_person_told_why(
    estate: Estate,
) -> None:
    record = estate.ready()
    whole = decided(estate, record, request="delete")
    part = decided(estate, record, request="delete", decision="partial")
    assert told(estate, fulfil(part)) == ["fulfilled_by_nothing", "record_not_deleted"]
    estate.does(estate.zhao, "dpo", restrict(record, reason="statutory_retention"))
    event = estate.record(record).restricted
    assert event is not None
    assert told(estate, fulfil(whole, event)) == ["record_not_deleted"]
    estate.does(estate.zhao, "dpo", fulfil(part, event))


def test_an_objection_is_fulfilled_by_a_restriction_that_stands(estate: Estate) -> None:
    record = estate.ready()
    request = decided(estate, record, request="restrict")
    estate.does(estate.zhao, "dpo", restrict(record))
    event = estate.record(record).restricted
    assert event is not None
    state = estate.record(record)
    estate.does(estate.zhao, "dpo", lift(state), beside=[(estate.li, "approver")])
    assert told(estate, fulfil(request, event)) == ["record_not_restricted"]
    estate.does(estate.zhao, "dpo", restrict(record))
    assert told(estate, fulfil(request, event)) == []


def test_a_deletion_request_does_not_get_around_a_hold(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    decided(estate, record, request="delete")
    estate.does(estate.zhao, "dpo", place_hold(estate.new("hold"), record, sealed=SEALED))
    said = propose(
        estate.new("destruction_case"), [copy], ground="statute_orders_deletion", sealed=SEALED
    )
    assert estate.judge(estate.wang, "archivist", said) == ["hold_in_force"]


def test_a_request_blocks_nothing_by_itself(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    case = estate.appraised(copy)
    asked(estate, record, request="copy")
    assert estate.judge(estate.li, "approver", approve(case, [copy])) == []


# -- closed -------------------------------------------------------------------------------------


def test_completed_is_what_was_answered(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    assert told(estate, close_request(request)) == ["ending_does_not_fit"]
    refused = decided(estate, estate.ready(), decision="refuse")
    assert told(estate, close_request(refused, "withdrawn")) == ["ending_does_not_fit"]
    estate.does(estate.zhao, "dpo", close_request(refused))


def test_a_person_may_withdraw_a_request_and_then_it_is_over(estate: Estate) -> None:
    request = asked(estate, estate.ready())
    estate.does(estate.zhao, "dpo", close_request(request, "withdrawn"))
    for said in (identify(request), decide(request), close_request(request, "withdrawn")):
        assert "request_is_closed" in told(estate, said)
    said = receive_request(request, estate.ready())
    assert estate.judge(estate.zhou, "collector", said) == ["request_is_closed"]


# -- the calendar of the pack ---------------------------------------------------------------------


def test_a_calendar_that_contradicts_itself_is_no_policy() -> None:
    pack = (resources.files("domain") / "policies" / "cn-default-2026.toml").read_text("utf-8")
    for right, wrong, cause in (
        ("[2026-10-01, 2026-10-07]", "[2026-10-07, 2026-10-01]", "end before they begin"),
        ("2026-10-10,", "2026-10-06,", "made up for others"),
        ("utc_offset_minutes = 480", "utc_offset_minutes = 900", "calendar.utc_offset_minutes"),
    ):
        assert right in pack
        with pytest.raises(PolicyError, match=cause):
            parse_policy(pack.replace(right, wrong).encode())


def test_a_pack_without_a_calendar_counts_every_weekday() -> None:
    calendar = Calendar()
    assert calendar.after("2026-09-29T01:00:00.000Z", 3) == "2026-10-02"
    assert policy().calendar.after("2026-09-29T01:00:00.000Z", 3) == "2026-10-09"
