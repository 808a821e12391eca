"""After the receipt: inspection, discrepancies, the time that runs out, what the seller keeps."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.handover import Excluded
from domain.values import later
from tests.domain.estates import CUSTOMER, Estate
from tests.domain.people_words import withdraw
from tests.domain.words import (
    cancel,
    confirm,
    deem,
    freeze,
    inspect,
    plan_handover,
    propose,
    raise_discrepancy,
    receive,
    release,
    restrict,
    settle,
)
from tests.domain.worlds import Person, Said, correct, create_holding, enrol, grant, lose


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


@pytest.fixture
def records(estate: Estate) -> list[str]:
    """Two records that are ready; their contents are delivered in a package."""
    return [estate.ready() for _ in range(2)]


def selling(estate: Estate, *said: Said, **how: Any) -> list[str]:
    return estate.judge(estate.qian, "seller_handler", *said, **how)


def buying(estate: Estate, said: Said, who: Person | None = None, **how: Any) -> list[str]:
    return estate.judge(who or estate.he, "buyer_handler", said, **how)


def jointly(estate: Estate, said: Said) -> list[str]:
    """Both handlers sign."""
    return selling(estate, said, beside=[(estate.he, "buyer_handler")])


def settled(estate: Estate, handover: str, number: int, how: str) -> None:
    said = settle(handover, number, how)
    estate.under(estate.qian, said, beside=[(estate.he, "buyer_handler")])


def confirming(estate: Estate, *said: Said) -> list[str]:
    return selling(estate, *said, beside=estate.both_sides)


# -- records whose content is delivered --------------------------------------------------------


def test_a_record_is_delivered_and_the_sellers_copies_stay(
    estate: Estate, records: list[str]
) -> None:
    estate.handed_over(*records)
    assert {estate.copy(estate.holding_of(r)).custodian for r in records} == {estate.party}
    passed = estate.book.passed(records[0])
    assert passed is not None
    assert (passed.from_party, passed.to_party) == (estate.party, estate.he.party)


def test_records_go_in_a_package_and_copies_do_not(estate: Estate, records: list[str]) -> None:
    handover = estate.frozen(*records)
    said = release(handover, records)
    del said.fields["package"]
    assert selling(estate, said) == ["records_need_a_package"]
    assert selling(estate, release(handover, records)) == []
    copies = [estate.holding_of(estate.ready())]
    other = estate.frozen(*copies)
    said = release(other, copies, package="5" * 64)
    assert selling(estate, said) == ["package_without_records"]


def test_a_package_that_was_exchanged_on_its_way_is_not_received(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.released(*records)
    said = receive(handover, records)
    assert buying(estate, said.but(package="6" * 64)) == ["another_package_was_seen"]
    del said.fields["package"]
    assert buying(estate, said) == ["another_package_was_seen"]


def test_what_is_listed_was_collected_and_is_kept(estate: Estate, records: list[str]) -> None:
    nowhere, lost = estate.new("record"), records[1]
    assert "unknown_record" in selling(estate, freeze(estate.planned(), [records[0], nowhere]))
    estate.does(estate.wang, "custodian", lose(estate.holding_of(lost)))
    assert selling(estate, freeze(estate.planned(), [lost])) == ["no_copy_kept"]


def test_a_record_is_on_one_running_list_of_a_party(estate: Estate, records: list[str]) -> None:
    handover = estate.frozen(*records)
    assert selling(estate, freeze(estate.planned(), records[:1])) == ["record_is_in_a_handover"]
    estate.under(estate.qian, cancel(handover))
    assert selling(estate, freeze(estate.planned(), records[:1])) == []


def test_what_is_not_ready_is_not_delivered_either(estate: Estate) -> None:
    record = estate.collect(notice="missing")
    estate.introduce(record)
    said = freeze(estate.planned(), [record])
    assert selling(estate, said) == ["not_classified", "no_retention", "notice_missing"]


def test_what_was_restricted_after_the_freeze_is_not_released(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.frozen(*records)
    estate.does(estate.wang, "custodian", restrict(records[1]))
    assert selling(estate, release(handover, records)) == ["record_is_restricted"]


def test_the_content_of_a_listed_record_is_not_swapped(estate: Estate, records: list[str]) -> None:
    """A correction after the freeze is another content than the buyer was shown."""
    handover = estate.frozen(*records)
    other = estate.new("holding")
    changed = correct(estate.record(records[0]), holding=other)
    made = create_holding(other, estate.party, record=records[0])
    estate.does(estate.wang, "custodian", made, changed)
    estate.introduce(records[0])
    assert selling(estate, release(handover, records)) == ["record_was_corrected"]
    anew = freeze(handover, records, list_version=2)
    estate.under(estate.qian, anew)
    assert selling(estate, release(handover, records)) == []


def test_all_parts_of_a_list_have_the_same_lines_and_the_first_one_their_seed(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.planned()
    first, rest = freeze(handover, records[:1], records), freeze(handover, records[1:], records)
    bare = first.but()
    del bare.fields["sealed"]
    assert selling(estate, bare) == ["lines_without_seed"]
    assert selling(estate, first.but(lines=UNSET)) == ["lines_are_missing"]
    left_out = [Excluded(reason="no_consent", records=3, subjects=2)]
    assert selling(estate, first.but(excluded=left_out * 2)) == ["item_named_twice"]
    estate.under(estate.qian, first.but(excluded=left_out))
    assert selling(estate, rest.but(excluded=left_out)) == ["exclusions_come_first"]
    assert selling(estate, rest.but(lines="9" * 64)) == ["part_of_another_list"]
    assert selling(estate, rest, purpose="marketing") == ["part_of_another_list"]
    assert selling(estate, rest) == []


def test_the_buyer_does_not_sign_for_other_lines(estate: Estate, records: list[str]) -> None:
    handover = estate.released(*records)
    said = receive(handover, records)
    assert buying(estate, said.but(lines="9" * 64)) == ["another_list_was_seen"]
    handover = estate.inspected(*[estate.ready()])
    items = list(estate.handover(handover).items)
    said = confirm(handover, items, estate.he)
    assert confirming(estate, said.but(lines="9" * 64)) == ["another_list_was_seen"]


def test_a_listed_record_whose_copies_are_destroyed_is_not_released(estate: Estate) -> None:
    record = estate.ripe()
    handover, copy = estate.frozen(record), estate.holding_of(record)
    assert (
        estate.judge(estate.wang, "archivist", propose(estate.new("destruction_case"), [copy]))
        == []
    )
    estate.executed(copy)
    assert "no_copy_kept" in selling(estate, release(handover, [record]))


# -- the deal: I-09 -----------------------------------------------------------------------------


def test_a_handover_belongs_to_a_deal_between_its_parties(estate: Estate) -> None:
    plan = plan_handover(estate.new("handover"), estate.qian, estate.he)
    assert selling(estate, plan, engagement=estate.routine) == ["handover_needs_a_deal"]
    assert selling(estate, plan.but(mode="division")) == ["mode_of_another_deal"]
    assert selling(estate, plan) == []


def test_a_plan_agrees_on_the_time_for_inspection(estate: Estate) -> None:
    plan = plan_handover(estate.new("handover"), estate.qian, estate.he)
    assert selling(estate, plan.but(inspection_days=UNSET)) == ["no_time_for_inspection"]


@pytest.mark.parametrize("mode", ["equity_transfer", "due_diligence"])
def test_where_nobody_new_keeps_the_records_nothing_is_handed_over(mode: str) -> None:
    estate = Estate.open(mode=mode)
    plan = plan_handover(estate.new("handover"), estate.qian, estate.he, mode=mode)
    assert selling(estate, plan) == ["mode_hands_nothing_over"]


def test_what_is_only_entrusted_is_delivered_and_passes_to_nobody() -> None:
    """Whoever processes for another gives everything back at the end (PIPL 21)."""
    estate = Estate.open(mode="entrusted")
    record = estate.ready()
    copy = estate.holding_of(record)
    handover = estate.planned()
    assert selling(estate, freeze(handover, [copy])) == ["custody_does_not_pass"]
    assert selling(estate, freeze(handover, [record])) == []


def test_every_step_stands_under_the_deal_of_its_plan(estate: Estate, records: list[str]) -> None:
    handover = estate.planned()
    said = freeze(handover, records)
    assert selling(estate, said, engagement=estate.routine) == ["handover_of_another_deal"]


def test_a_key_that_was_not_agreed_on_signs_no_step(estate: Estate, records: list[str]) -> None:
    """Not even the handler's own, enrolled after the agreement (I-23)."""
    handover, key = estate.planned(), estate.key_for(estate.qian)
    own = enrol(estate.qian, key, "continuous")
    estate.does(estate.qian, "seller_handler", own, possession=[key])
    newer = estate.qian.signing_with(key)
    said = freeze(handover, records)
    assert estate.judge(newer, "seller_handler", said) == ["key_not_agreed"]
    assert selling(estate, said) == []


# -- inspection ---------------------------------------------------------------------------------


def test_nothing_passes_that_nobody_looked_at(estate: Estate, records: list[str]) -> None:
    handover = estate.received(*records)
    said = confirm(handover, records, estate.he)
    assert confirming(estate, said) == ["item_not_inspected"]
    estate.under(estate.he, inspect(handover, records[0]))
    assert confirming(estate, said) == ["item_not_inspected"]
    estate.under(estate.he, inspect(handover, records[1], digest="unchecked", readable="yes"))
    assert confirming(estate, said) == []


@pytest.mark.parametrize("fault", [{"digest": "mismatch"}, {"readable": "no"}])
def test_a_fault_stops_the_confirmation_until_it_is_settled(
    estate: Estate, records: list[str], fault: dict[str, str]
) -> None:
    handover = estate.inspected(*records)
    estate.under(estate.he, inspect(handover, records[0], **fault))
    said = confirm(handover, records, estate.he)
    assert confirming(estate, said) == ["fault_is_not_settled"]
    estate.under(estate.he, inspect(handover, records[0]))
    assert confirming(estate, said) == [], "the last word counts"


def test_only_the_buyers_handler_inspects_and_only_what_is_listed(
    estate: Estate, records: list[str]
) -> None:
    handover, other = estate.received(*records), estate.ready()
    assert selling(estate, inspect(handover, *records)) == ["role_does_not_permit"]
    colleague = estate.another("buyer_handler", estate.he.party)
    assert buying(estate, inspect(handover, *records), colleague) == ["not_the_handler"]
    assert buying(estate, inspect(handover, other)) == ["not_on_the_list"]
    assert buying(estate, inspect(handover, *records[:1] * 2)) == ["item_named_twice"]
    early = estate.released(other)
    assert buying(estate, inspect(early, other)) == ["handover_is_released"]


# -- discrepancies ------------------------------------------------------------------------------


def test_nothing_is_confirmed_while_a_discrepancy_is_open(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.inspected(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, kind="missing"))
    said = confirm(handover, records, estate.he)
    assert confirming(estate, said) == ["discrepancies_are_open"]
    settled(estate, handover, 1, "explained")
    assert confirming(estate, said) == []


def test_one_side_does_not_settle_a_discrepancy(estate: Estate, records: list[str]) -> None:
    handover = estate.inspected(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, records[0]))
    said = settle(handover, 1)
    assert selling(estate, said) == ["handler_must_sign"]
    assert buying(estate, said) == ["handler_must_sign"]
    assert jointly(estate, said) == []
    assert jointly(estate, settle(handover, 2)) == ["unknown_discrepancy"]
    settled(estate, handover, 1, "explained")
    assert jointly(estate, said) == ["discrepancy_is_settled"]


def test_discrepancies_are_numbered_and_about_something(estate: Estate, records: list[str]) -> None:
    handover = estate.inspected(*records)
    assert buying(estate, raise_discrepancy(handover, 2, records[0])) == ["number_is_not_the_next"]
    assert buying(estate, raise_discrepancy(handover, 1)) == ["discrepancy_of_no_item"]
    assert buying(estate, raise_discrepancy(handover, 1, kind="extra")) == []
    estate.under(estate.he, raise_discrepancy(handover, 1, kind="missing"))
    assert jointly(estate, settle(handover, 1, "item_rejected")) == ["discrepancy_of_no_item"]


def test_supervisors_of_both_sides_raise_and_others_do_not(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.inspected(*records)
    said = raise_discrepancy(handover, 1, records[0])
    for who in (estate.wu, estate.ma):
        assert estate.judge(who, "supervisor", said) == []
    third = estate.hire("supervisor", party=estate.another_firm())
    assert estate.judge(third, "supervisor", said) == ["not_of_either_side", "key_not_agreed"]


def test_what_was_rejected_does_not_pass_and_is_counted(estate: Estate, records: list[str]) -> None:
    handover = estate.inspected(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, records[0]))
    settled(estate, handover, 1, "item_rejected")
    assert buying(estate, inspect(handover, records[0])) == ["item_was_rejected"]
    whole = confirm(handover, records, estate.he, rejected=1)
    assert confirming(estate, whole) == ["not_an_open_item"]
    said = confirm(handover, records[1:], estate.he, records)
    assert confirming(estate, said) == ["counts_do_not_fit"]
    said = said.but(rejected=1)
    estate.under(estate.qian, said, beside=estate.both_sides)
    assert estate.handover(handover).step == "confirmed"
    assert estate.book.passed(records[0]) is None


def test_a_copy_that_was_rejected_stays_with_the_seller_and_is_free(estate: Estate) -> None:
    copies = [estate.holding_of(estate.ready()) for _ in range(2)]
    handover = estate.inspected(*copies)
    estate.under(estate.he, raise_discrepancy(handover, 1, copies[0]))
    settled(estate, handover, 1, "item_rejected")
    said = confirm(handover, copies[1:], estate.he, copies, rejected=1)
    estate.under(estate.qian, said, beside=estate.both_sides)
    assert estate.copy(copies[0]).custodian == estate.party
    assert selling(estate, freeze(estate.planned(), copies[:1])) == []


def test_what_was_rejected_once_is_not_accepted_by_another_settlement(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.inspected(*records)
    for number in (1, 2):
        estate.under(estate.he, raise_discrepancy(handover, number, records[0]))
    settled(estate, handover, 1, "item_rejected")
    settled(estate, handover, 2, "accepted_as_is")
    state = estate.handover(handover)
    assert (state.items[records[0]], state.rejected) == ("rejected", 1)
    assert state.to_confirm == records[1:]


def test_what_was_restricted_after_the_release_does_not_pass(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.inspected(*records)
    estate.does(estate.wang, "custodian", restrict(records[1]))
    said = confirm(handover, records, estate.he)
    assert confirming(estate, said) == ["record_is_restricted"]


def test_what_comes_later_is_inspected_again(estate: Estate, records: list[str]) -> None:
    handover = estate.inspected(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, records[0], kind="missing"))
    settled(estate, handover, 1, "delivered_later")
    said = confirm(handover, records, estate.he)
    assert confirming(estate, said) == ["item_not_inspected"]
    estate.under(estate.he, inspect(handover, records[0]))
    assert confirming(estate, said) == []


def test_a_reservation_stands_on_the_confirmation(estate: Estate, records: list[str]) -> None:
    handover = estate.inspected(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, records[0]))
    settled(estate, handover, 1, "reserved")
    said = confirm(handover, records, estate.he)
    assert confirming(estate, said) == ["counts_do_not_fit"]
    assert confirming(estate, said.but(reservations=[1])) == []


@pytest.fixture
def sale() -> tuple[Estate, list[str]]:
    """A shop is sold: whoever has a customer's data needs that customer's consent (PIPL 23)."""
    estate = Estate.open(mode="asset_or_store_transfer")
    return estate, [estate.ready() for _ in range(2)]


def test_a_consent_withdrawn_after_the_release_keeps_the_item_from_passing(
    sale: tuple[Estate, list[str]],
) -> None:
    estate, records = sale
    handover = estate.inspected(*records)
    assert confirming(estate, confirm(handover, records, estate.he)) == []
    said = withdraw(CUSTOMER, estate.he.party, estate.now)
    estate.under(estate.qian, said)
    whole = confirm(handover, records, estate.he)
    assert confirming(estate, whole) == ["consent_withdrawn"]
    estate.under(estate.he, raise_discrepancy(handover, 1, *records, kind="no_consent_evidence"))
    settled(estate, handover, 1, "item_rejected")
    assert jointly(estate, cancel(handover)) == [], "nothing is left to confirm"


def test_a_consent_withdrawn_after_the_freeze_stops_the_release(
    sale: tuple[Estate, list[str]],
) -> None:
    estate, records = sale
    handover = estate.frozen(*records)
    estate.under(estate.qian, withdraw(CUSTOMER, estate.he.party, estate.now))
    assert selling(estate, release(handover, records)) == ["consent_withdrawn"]


# -- deemed acceptance: I-40 --------------------------------------------------------------------


def wait(estate: Estate, days: int) -> None:
    """Time passes; somebody says something, so that the ledger has been seen."""
    estate.now = later(estate.now, days=days)
    estate.hire("collector")


def deadline(estate: Estate, handover: str) -> str:
    state = estate.handover(handover)
    return later(state.received_at, days=state.inspection_days)


def test_whoever_says_nothing_in_time_has_accepted_and_has_confirmed_nothing(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.received(*records)
    said = deem(handover, deadline(estate, handover))
    assert selling(estate, said) == ["time_for_inspection_runs"]
    wait(estate, 16)
    assert selling(estate, said.but(deadline=later(said.fields["deadline"], days=-1))) == [
        "another_deadline"
    ]
    estate.under(estate.qian, said)
    state = estate.handover(handover)
    assert (state.step, state.deemed) == ("received", True)
    assert selling(estate, said) == ["already_deemed_accepted"]
    whole = confirm(handover, records, estate.he)
    assert "handler_must_sign" in selling(estate, whole), "nobody confirms alone"
    assert confirming(estate, whole) == []


def test_nothing_is_deemed_accepted_that_was_found_wrong(
    estate: Estate, records: list[str]
) -> None:
    raised, faulty = estate.received(records[0]), estate.received(records[1])
    unlike = estate.released(third := estate.ready())
    estate.under(estate.he, receive(unlike, [third], matched=0))
    estate.under(estate.he, raise_discrepancy(raised, 1, kind="extra"))
    estate.under(estate.he, inspect(faulty, records[1], readable="no"))
    wait(estate, 16)
    for handover, detail in (
        (raised, "something_was_raised"),
        (faulty, "nothing_is_left_unsaid"),
        (unlike, "something_was_raised"),
    ):
        said = deem(handover, deadline(estate, handover))
        assert selling(estate, said) == [detail]


def test_who_looked_at_one_item_has_accepted_the_others_by_silence(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.received(*records)
    estate.under(estate.he, inspect(handover, records[0]))
    wait(estate, 16)
    estate.under(estate.qian, deem(handover, deadline(estate, handover)))
    assert confirming(estate, confirm(handover, records, estate.he)) == []


def test_a_fault_in_one_item_does_not_keep_silence_from_accepting_the_others(
    estate: Estate, records: list[str]
) -> None:
    """One word is a word about one item; it stays, and holds nothing else back."""
    handover = estate.received(*records)
    estate.under(estate.he, inspect(handover, records[0], readable="no"))
    estate.under(estate.he, raise_discrepancy(handover, 1, records[0], kind="unreadable"))
    wait(estate, 16)
    estate.under(estate.qian, deem(handover, deadline(estate, handover)))
    whole = confirm(handover, records, estate.he)
    assert confirming(estate, whole) == ["discrepancies_are_open", "fault_is_not_settled"]
    settled(estate, handover, 1, "item_rejected")
    rest = confirm(handover, records[1:], estate.he, records, rejected=1)
    assert confirming(estate, rest) == []


def test_what_was_raised_about_no_item_is_settled_before_silence_accepts(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.received(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, kind="missing"))
    wait(estate, 16)
    said = deem(handover, deadline(estate, handover))
    assert selling(estate, said) == ["something_was_raised"]
    settled(estate, handover, 1, "explained")
    assert selling(estate, said) == []


def test_an_item_that_was_raised_is_not_accepted_by_silence(
    estate: Estate, records: list[str]
) -> None:
    handover = estate.received(*records)
    estate.under(estate.he, raise_discrepancy(handover, 1, *records))
    wait(estate, 16)
    said = deem(handover, deadline(estate, handover))
    assert selling(estate, said) == ["nothing_is_left_unsaid"]


def test_a_supervisor_under_a_second_key_is_no_second_person(
    estate: Estate, records: list[str]
) -> None:
    """One person, two keys, two roles: the handler is not their own supervisor (I-07)."""
    key = estate.key_for(estate.he)
    estate.does(estate.wang, "administrator", grant(estate.he, "supervisor"))
    own = enrol(estate.he, key, "continuous")
    estate.does(estate.he, "buyer_handler", own, possession=[key])
    handover = estate.inspected(*records)
    said = confirm(handover, records, estate.he)
    beside = [
        (estate.he, "buyer_handler"), (estate.wu, "supervisor"),
        (estate.he.signing_with(key), "supervisor"),
    ]  # fmt: skip
    details = selling(estate, said, beside=beside)
    assert details[:1] == ["person_signs_twice"]
