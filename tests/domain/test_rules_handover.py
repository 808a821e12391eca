"""Handovers: a frozen list goes from one party to another, signed by both sides and overseers."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import later
from tests.domain.estates import Estate
from tests.domain.words import (
    cancel,
    confirm,
    freeze,
    inspect,
    plan_handover,
    propose,
    receive,
    release,
)
from tests.domain.worlds import (
    Person,
    Said,
    classify,
    collect,
    create_holding,
    dismiss,
    enrol,
    grant,
    lose,
    move,
    reclassify,
    retain,
)


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


@pytest.fixture
def copies(estate: Estate) -> list[str]:
    """Two files that are ready to go."""
    return [estate.holding_of(estate.ready()) for _ in range(2)]


def selling(estate: Estate, said: Said, who: Person | None = None, **how: Any) -> list[str]:
    return estate.judge(who or estate.qian, "seller_handler", said, **how)


def buying(estate: Estate, said: Said, who: Person | None = None) -> list[str]:
    return estate.judge(who or estate.he, "buyer_handler", said)


def freezing(estate: Estate, *copies: str) -> list[str]:
    """What is in the copies is about a customer who was told."""
    if records := sorted({record for copy in copies for record in estate.book.inside(copy)}):
        estate.introduce(*records)
    return selling(estate, freeze(estate.planned(), copies))


def test_a_copy_that_was_encrypted_here_stays_here(estate: Estate) -> None:
    """Its object and its key stay with the seller: another's custody would be a word."""
    copy, record = estate.new("holding"), estate.new("record")
    made = create_holding(copy, estate.party, encrypted=True, object="e" * 64)
    estate.does(estate.wang, "collector", made, collect(record, copy))
    estate.does(estate.wang, "archivist", classify(record))
    estate.does(estate.wang, "archivist", retain(estate.record(record)))
    assert freezing(estate, copy) == ["encrypted_copy_stays"]


# -- planning: I-07, I-09 ---------------------------------------------------------------------


def test_a_handover_is_between_two_parties_and_two_handlers(estate: Estate) -> None:
    plan = plan_handover(estate.new("handover"), estate.qian, estate.he)
    assert selling(estate, plan) == []
    assert selling(estate, plan.but(to_party=estate.party)) == [
        "handover_to_oneself", "handler_of_another_party", "parties_of_another_deal",
    ]  # fmt: skip
    assert selling(estate, plan.but(buyer_handler=estate.qian.actor)) == [
        "handler_of_both_sides", "handler_of_another_party",
    ]  # fmt: skip
    assert selling(estate, plan.but(seller_handler=estate.wu.actor)) == ["not_the_handler"]
    assert selling(estate, plan.but(buyer_handler=estate.new("actor"))) == ["unknown_actor"]
    assert selling(estate, plan.but(to_party=estate.new("party"))) == [
        "unknown_party", "handler_of_another_party", "parties_of_another_deal",
    ]  # fmt: skip


def test_nobody_hands_over_what_another_party_keeps_by_naming_it_the_seller(
    estate: Estate,
) -> None:
    plan = plan_handover(estate.new("handover"), estate.qian, estate.he)
    turned = plan.but(from_party=estate.he.party, to_party=estate.party)
    assert selling(estate, turned) == [
        "handler_of_another_party", "handler_of_another_party", "parties_of_another_deal",
    ]  # fmt: skip


def test_a_handover_is_planned_once_for_days_that_exist(estate: Estate) -> None:
    handover = estate.planned()
    plan = plan_handover(handover, estate.qian, estate.he)
    assert selling(estate, plan) == ["already_planned"]
    new = plan_handover(estate.new("handover"), estate.qian, estate.he)
    assert selling(estate, new.but(first_day="2026-12-32")) == ["malformed_field"]
    assert selling(estate, new.but(last_day="2027-02-29")) == ["no_such_day"]
    assert selling(estate, new.but(last_day="2026-11-30")) == ["ended_before_started"]


# -- the order of things: I-21 ----------------------------------------------------------------


def test_each_step_follows_the_one_before(estate: Estate, copies: list[str]) -> None:
    handover = estate.planned()
    sealed = [
        (estate.qian, "seller_handler", freeze(handover, copies)),
        (estate.qian, "seller_handler", release(handover, copies)),
        (estate.he, "buyer_handler", receive(handover, copies)),
        (estate.qian, "seller_handler", confirm(handover, copies, estate.he)),
    ]
    steps = (
        "handover_is_planned", "handover_is_list_frozen", "handover_is_released",
        "handover_is_received", "handover_is_confirmed",
    )  # fmt: skip
    for done in range(5):
        for at, (who, role, said) in enumerate(sealed):
            beside = estate.both_sides if at == 3 else []
            details = estate.judge(who, role, said, beside=beside)
            again = at == 0 and done == 1
            assert (details == []) == (at == done), (at, done, details)
            assert again or at == done or steps[done] in details
        if done < 4:
            who, role, said = sealed[done]
            estate.does(who, role, said, beside=estate.both_sides if done == 3 else [])
        if done == 2:
            estate.does(estate.he, "buyer_handler", inspect(handover, *copies))
    assert [estate.copy(copy).custodian for copy in copies] == [estate.he.party] * 2


def test_a_handover_that_nobody_planned_goes_nowhere(estate: Estate, copies: list[str]) -> None:
    nowhere = estate.new("handover")
    for said in (freeze(nowhere, copies), release(nowhere, copies), cancel(nowhere)):
        assert selling(estate, said) == ["unknown_handover"]
    assert buying(estate, receive(nowhere, copies)) == ["unknown_handover"]
    said = confirm(nowhere, copies, estate.he)
    assert selling(estate, said, beside=estate.both_sides) == ["unknown_handover"]


def test_only_the_handler_of_a_side_speaks_for_it(estate: Estate, copies: list[str]) -> None:
    handover = estate.frozen(*copies)
    other = estate.another("seller_handler")
    assert selling(estate, release(handover, copies), other) == ["not_the_handler"]
    assert selling(estate, cancel(handover), other) == ["not_the_handler"]
    estate.does(estate.qian, "seller_handler", release(handover, copies))
    other = estate.another("buyer_handler", estate.he.party)
    assert buying(estate, receive(handover, copies), other) == ["not_the_handler"]


def test_one_side_cancels_until_it_is_received(estate: Estate, copies: list[str]) -> None:
    for handover in (estate.planned(), estate.frozen(*copies)):
        estate.does(estate.qian, "seller_handler", cancel(handover))
        assert "handover_is_cancelled" in selling(estate, freeze(handover, copies))
    handover = estate.released(*copies)
    estate.does(estate.he, "buyer_handler", cancel(handover))
    handover = estate.handed_over(*copies)
    assert selling(estate, cancel(handover)) == ["handover_is_confirmed"]


def test_both_handlers_cancel_what_was_received(estate: Estate, copies: list[str]) -> None:
    handover = estate.received(*copies)
    colleague = estate.another("buyer_handler", estate.he.party)
    assert selling(estate, cancel(handover)) == ["handler_must_sign"]
    assert buying(estate, cancel(handover)) == ["handler_must_sign"]
    for beside in ([(colleague, "buyer_handler")], [(estate.ma, "supervisor")]):
        assert selling(estate, cancel(handover), beside=beside) == ["handler_must_sign"]
    estate.does(
        estate.qian, "seller_handler", cancel(handover), beside=[(estate.he, "buyer_handler")]
    )
    assert [estate.copy(copy).custodian for copy in copies] == [estate.party] * 2
    assert freezing(estate, *copies) == [], "they are free again"


# -- the list: I-11, I-12, I-21 ---------------------------------------------------------------


def test_what_goes_is_classified_has_a_period_and_was_told_to_the_people(estate: Estate) -> None:
    record = estate.collect(notice="missing")
    copy = estate.holding_of(record)
    assert freezing(estate, copy) == ["not_classified", "no_retention", "notice_missing"]
    estate.does(estate.wang, "archivist", classify(record))
    assert freezing(estate, copy) == ["no_retention", "notice_missing"]
    estate.does(estate.wang, "archivist", retain(estate.record(record)))
    assert freezing(estate, copy) == ["notice_missing"]


def test_a_period_for_other_categories_does_not_let_a_record_go_to_others(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    said = reclassify(estate.record(record), categories=["feedback"])
    estate.does(estate.wang, "archivist", said)
    assert freezing(estate, copy) == ["retention_for_other_categories"]
    moved = move(copy, custodian=estate.lin.party)
    beside = [(estate.lin, "custodian")]
    how = {"beside": beside, "engagement": estate.deal}
    assert estate.judge(estate.wang, "custodian", moved, **how) == [
        "retention_for_other_categories"
    ]


def test_what_goes_holds_something(estate: Estate) -> None:
    assert freezing(estate, estate.holding()) == ["copy_holds_no_record"]


def test_what_goes_is_ones_own_and_there(estate: Estate, copies: list[str]) -> None:
    assert freezing(estate, estate.new("holding")) == ["unknown_holding"]
    theirs = estate.holding(estate.lin, record=estate.inside(copies[0]))
    assert freezing(estate, theirs) == ["not_the_actors_party", "copy_of_unknown_origin"]
    estate.does(estate.wang, "custodian", lose(copies[1]))
    assert freezing(estate, copies[1]) == ["holding_is_lost"]


def test_a_copy_is_in_one_case(estate: Estate, copies: list[str]) -> None:
    estate.frozen(copies[0])
    assert freezing(estate, copies[0]) == ["copy_is_in_a_case"]
    ripe = estate.holding_of(estate.ripe())
    estate.proposed(ripe)
    assert freezing(estate, ripe) == ["copy_is_in_a_case"]
    listed = estate.holding_of(estate.ripe())
    estate.frozen(listed)
    said = propose(estate.new("destruction_case"), [listed])
    assert estate.judge(estate.wang, "archivist", said) == ["copy_is_in_a_case"]


def test_a_destroyed_copy_is_not_handed_over(estate: Estate) -> None:
    ripe = estate.holding_of(estate.ripe())
    estate.executed(ripe)
    assert "holding_is_destroyed" in freezing(estate, ripe)


def test_a_changed_list_is_a_new_version_of_it(estate: Estate, copies: list[str]) -> None:
    handover = estate.frozen(*copies)
    one = copies[:1]
    assert "list_is_whole" in selling(estate, freeze(handover, one))
    assert selling(estate, freeze(handover, one, list_version=3)) == ["list_version_gap"]
    estate.does(estate.qian, "seller_handler", freeze(handover, one, list_version=2))
    assert selling(estate, release(handover, copies)) == ["another_list_was_seen"]
    assert selling(estate, release(handover, one)) == []
    assert freezing(estate, copies[1]) == [], "what was taken off the list is free"


def test_a_list_in_parts_is_whole_before_it_goes_or_changes(
    estate: Estate, copies: list[str]
) -> None:
    handover = estate.planned()
    estate.does(estate.qian, "seller_handler", freeze(handover, copies[:1], copies))
    assert "list_not_whole" in selling(estate, release(handover, copies))
    assert selling(estate, freeze(handover, copies, list_version=2)) == ["list_not_whole"]
    estate.does(estate.qian, "seller_handler", freeze(handover, copies[1:], copies))
    assert selling(estate, release(handover, copies)) == []


def test_the_list_is_the_one_that_its_root_names(estate: Estate, copies: list[str]) -> None:
    said = freeze(estate.planned(), copies)
    assert selling(estate, said.but(root="0" * 64)) == ["root_is_not_the_lists"]
    assert selling(estate, said.but(items=copies[::-1])) == ["root_is_not_the_lists"]
    assert selling(estate, said.but(count=1)) == ["list_is_longer_than_said"]
    part = freeze(said.stream, copies[:1], copies)
    estate.does(estate.qian, "seller_handler", part)
    rest = freeze(said.stream, copies[1:], copies)
    assert selling(estate, rest.but(root="0" * 64)) == ["part_of_another_list"]
    assert selling(estate, rest) == []


def test_a_copy_that_was_lost_after_the_list_was_frozen_is_not_released(
    estate: Estate, copies: list[str]
) -> None:
    handover = estate.frozen(*copies)
    estate.does(estate.wang, "custodian", lose(copies[0]))
    assert selling(estate, release(handover, copies)) == ["holding_is_lost"]


def test_nothing_is_added_to_a_copy_after_its_list_was_frozen(
    estate: Estate, copies: list[str]
) -> None:
    """After the release it would reach the buyer without notice, class or period."""
    handover = estate.released(*copies)
    said = collect(estate.new("record"), copies[0], notice="missing")
    assert estate.judge(estate.wang, "collector", said) == ["copy_is_in_a_case"]
    assert estate.told(estate.wang, "collector", said) == (handover,)


def test_what_arrives_is_what_the_list_names(estate: Estate, copies: list[str]) -> None:
    handover = estate.released(*copies)
    assert buying(estate, receive(handover, copies[::-1])) == ["another_list_was_seen"]
    assert buying(estate, receive(handover, copies, read=3)) == ["counts_do_not_fit"]
    assert buying(estate, receive(handover, copies, read=1)) == ["counts_do_not_fit"]
    assert buying(estate, receive(handover, copies, matched=0)) == []


def test_nothing_is_released_or_received_in_advance(estate: Estate, copies: list[str]) -> None:
    handover = estate.frozen(*copies)
    ahead = later(estate.now, seconds=1)
    assert selling(estate, release(handover, copies, released_at=ahead)) == ["not_yet_happened"]
    estate.does(estate.qian, "seller_handler", release(handover, copies))
    ahead = later(estate.now, seconds=1)
    assert buying(estate, receive(handover, copies, received_at=ahead)) == ["not_yet_happened"]


# -- the confirmation: I-23 -------------------------------------------------------------------


def test_nobody_is_missing_under_a_confirmation(estate: Estate, copies: list[str]) -> None:
    handover = estate.inspected(*copies)
    said = confirm(handover, copies, estate.he)
    everybody = estate.both_sides
    assert selling(estate, said) == [
        "handler_must_sign", "supervisor_must_sign", "supervisor_must_sign",
    ]  # fmt: skip
    for missing, detail in enumerate(("handler_must_sign", *["supervisor_must_sign"] * 2)):
        beside = everybody[:missing] + everybody[missing + 1 :]
        assert selling(estate, said, beside=beside) == [detail]
    assert selling(estate, said, beside=everybody) == []
    by_buyer = [(estate.qian, "seller_handler"), *everybody[1:]]
    assert estate.judge(estate.he, "buyer_handler", said, beside=by_buyer) == []


def test_two_supervisors_of_one_side_do_not_stand_for_the_other(
    estate: Estate, copies: list[str]
) -> None:
    handover = estate.inspected(*copies)
    second = estate.another("supervisor")
    beside = [(estate.he, "buyer_handler"), (estate.wu, "supervisor"), (second, "supervisor")]
    said = confirm(handover, copies, estate.he)
    assert selling(estate, said, beside=beside) == ["supervisor_must_sign"]


def test_the_handler_is_not_the_supervisor_under_another_key(
    estate: Estate, copies: list[str]
) -> None:
    handover, key = estate.inspected(*copies), estate.key_for(estate.qian)
    estate.does(estate.wang, "administrator", grant(estate.qian, "supervisor"))
    own = enrol(estate.qian, key, "continuous")
    estate.does(estate.qian, "seller_handler", own, possession=[key])
    beside = [
        (estate.he, "buyer_handler"), (estate.qian.signing_with(key), "supervisor"),
        (estate.ma, "supervisor"),
    ]  # fmt: skip
    said = confirm(handover, copies, estate.he)
    assert "person_signs_twice" in selling(estate, said, beside=beside)


def test_a_supervisor_whose_role_ended_does_not_count(estate: Estate, copies: list[str]) -> None:
    handover = estate.inspected(*copies)
    estate.does(estate.wang, "administrator", dismiss(estate.wu, "supervisor"))
    said = confirm(handover, copies, estate.he)
    assert selling(estate, said, beside=estate.both_sides) == ["capacity_not_held"]


def test_what_is_confirmed_is_on_the_list_and_goes_to_the_one_recipient(
    estate: Estate, copies: list[str]
) -> None:
    handover, third = estate.inspected(*copies), estate.another_firm()
    said, beside = confirm(handover, copies, estate.he), estate.both_sides
    other = estate.holding_of(estate.ready())
    assert selling(estate, said.but(to_party=third), beside=beside) == ["another_recipient"]
    for items in ([*copies, other], [other]):
        details = selling(estate, said.but(items=items), beside=beside)
        assert details == ["not_an_open_item"]
    twice = selling(estate, said.but(items=copies[:1] * 2), beside=beside)
    assert twice == ["item_named_twice"]
    for part in (copies[:1], copies[1:]):
        details = selling(estate, said.but(items=part), beside=beside)
        assert details == ["list_not_confirmed_whole"]
    assert selling(estate, said.but(root="0" * 64), beside=beside) == ["another_list_was_seen"]


@pytest.fixture
def long_list(estate: Estate) -> tuple[str, list[str]]:
    """A handover of more copies than an event has room for, received."""
    table = estate.holding_of(estate.ready())
    copies = [estate.new("holding") for _ in range(201)]
    made = [create_holding(copy, estate.party, made_from=table) for copy in copies]
    estate.does(estate.wang, "custodian", *made)
    handover = estate.planned()
    for part in (copies[:200], copies[200:]):
        estate.does(estate.qian, "seller_handler", freeze(handover, part, copies))
    estate.does(estate.qian, "seller_handler", release(handover, copies))
    estate.does(estate.he, "buyer_handler", receive(handover, copies))
    for part in (copies[:200], copies[200:]):
        estate.does(estate.he, "buyer_handler", inspect(handover, *part))
    return handover, copies


def test_a_long_confirmation_takes_several_events_of_one_commit(
    estate: Estate, long_list: tuple[str, list[str]]
) -> None:
    handover, copies = long_list
    said, beside = confirm(handover, copies, estate.he), estate.both_sides
    parts = [said.but(items=copies[:200]), said.but(items=copies[200:])]

    def confirming(*events: Said) -> list[str]:
        return estate.judge(estate.qian, "seller_handler", *events, beside=beside)

    assert confirming(parts[0], parts[0]) == ["not_an_open_item"]
    assert confirming(parts[0]) == ["list_not_confirmed_whole"]
    estate.does(estate.qian, "seller_handler", *parts, beside=beside)
    assert estate.handover(handover).step == "confirmed"
    assert {estate.copy(copy).custodian for copy in copies} == {estate.he.party}


def test_nobody_takes_a_part_of_what_both_sides_signed(
    estate: Estate, long_list: tuple[str, list[str]]
) -> None:
    """Neither by leaving the rest for later, nor by ending the handover behind the part."""
    handover, copies = long_list
    part = confirm(handover, copies, estate.he).but(items=copies[:200])
    for said in ([part], [part, cancel(handover)]):
        details = estate.judge(estate.qian, "seller_handler", *said, beside=estate.both_sides)
        assert details == ["list_not_confirmed_whole"]


def test_what_did_not_match_is_not_confirmed(estate: Estate, copies: list[str]) -> None:
    """Whoever saw that something did not match says what, and both settle it."""
    handover = estate.released(*copies)
    estate.does(estate.he, "buyer_handler", receive(handover, copies, matched=1))
    estate.does(estate.he, "buyer_handler", inspect(handover, *copies))
    said = confirm(handover, copies, estate.he)
    assert selling(estate, said, beside=estate.both_sides) == ["receipt_did_not_match"]
    beside = [(estate.he, "buyer_handler")]
    assert selling(estate, cancel(handover), beside=beside) == []


def test_what_was_lost_after_the_receipt_is_not_confirmed(
    estate: Estate, copies: list[str]
) -> None:
    handover = estate.inspected(*copies)
    estate.does(estate.wang, "custodian", lose(copies[1]))
    said = confirm(handover, copies, estate.he)
    assert selling(estate, said, beside=estate.both_sides) == ["holding_is_lost"]
    assert estate.told(estate.qian, "seller_handler", said, beside=estate.both_sides) == (
        copies[1],
    )


def test_custody_does_not_pass_in_advance(estate: Estate, copies: list[str]) -> None:
    handover = estate.inspected(*copies)
    said, ahead = confirm(handover, copies, estate.he), later(estate.now, seconds=1)
    details = selling(estate, said.but(effective_at=ahead), beside=estate.both_sides)
    assert details == ["not_yet_happened"]
    assert selling(estate, said.but(effective_at=estate.now), beside=estate.both_sides) == []


def test_custody_follows_the_confirmation(estate: Estate, copies: list[str]) -> None:
    estate.handed_over(*copies)
    assert estate.judge(estate.wang, "custodian", move(copies[0])) == ["not_the_actors_party"]
    assert estate.judge(estate.lin, "custodian", move(copies[0])) == []
