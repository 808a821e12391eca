"""People in records: declared by whoever keeps them, agreeing for themselves, let be on demand."""

from __future__ import annotations

import pytest

from domain.subject import SubjectState
from domain.values import later
from tests.domain.deal_words import Dealing, open_deal
from tests.domain.estates import CUSTOMER, Estate
from tests.domain.people_words import Crowd, consent, find, suppress, withdraw
from tests.domain.worlds import SEALED, Person, move
from tests.domain.worlds import grant as give_role


@pytest.fixture
def crowd() -> Crowd:
    return Crowd.open()


def state_of(crowd: Crowd, subject: str) -> SubjectState:
    state = crowd.firm.book.states[subject]
    assert isinstance(state, SubjectState)
    return state


# -- declared -----------------------------------------------------------------------------------


def test_a_person_stands_in_records_that_exist_each_once(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    assert crowd.says(find(person, record)) == []
    assert crowd.says(find(person, crowd.new("record"))) == ["unknown_record"]
    assert crowd.says(find(person, record, record)) == ["item_named_twice"]


def test_an_event_of_a_declaration_names_two_hundred_records_at_most() -> None:
    import msgspec

    from domain.subject import SubjectFound

    (hint,) = (f for f in msgspec.structs.fields(SubjectFound) if f.name == "records")
    assert hint.type.__metadata__[0].max_length == 200


def test_the_buyer_declares_nobody_in_the_sellers_records(crowd: Crowd) -> None:
    said = find(crowd.new("subject"), crowd.contract())
    assert crowd.judge(crowd.sun, "dpo", said) == ["not_the_actors_party"]


def test_when_the_only_copy_has_passed_whoever_keeps_it_now_declares(crowd: Crowd) -> None:
    record, person = crowd.firm.ready_of_nobody(), crowd.new("subject")
    taken = move(crowd.firm.holding_of(record), custodian=crowd.buyer)
    crowd.confidential()
    crowd.does(crowd.firm.wang, "custodian", taken, beside=[(crowd.sun, "custodian")])
    assert crowd.judge(crowd.sun, "dpo", find(person, record)) == []
    assert crowd.says(find(person, record)) == ["not_the_actors_party"]


def own_contract(crowd: Dealing, who: Person) -> str:
    """A contract that another firm has collected for itself."""
    crowd.firm.does(crowd.firm.wang, "administrator", give_role(who, "collector"))
    return crowd.firm.collect(by=who)


def test_a_stranger_makes_nobodys_customer_its_own(crowd: Crowd) -> None:
    """It declares him, as a child, in a contract of its own, and says that he withdraws."""
    person = crowd.person(crowd.contract())
    third = crowd.firm.another_firm()
    thief = crowd.firm.hire("collector", "custodian", "administrator", party=third)
    own = crowd.firm.collect(by=thief)
    for engagement in (crowd.firm.routine, crowd.engagement):
        found = crowd.judge(thief, "collector", find(person, own), engagement=engagement)
        assert found == ["subject_of_another_party"]
    assert crowd.judge(thief, "custodian", withdraw(person, crowd.buyer, crowd.now)) == [
        "not_the_actors_party"
    ]
    assert crowd.judge(thief, "custodian", withdraw(person, third, crowd.now)) == [
        "not_the_actors_party"  # it would stand on the seller's suppression list
    ]
    sham = crowd.new("engagement")  # the firm is named in a deal that it never signed
    said = open_deal(sham, third, crowd.seller)
    crowd.firm.does(thief, "administrator", said)
    found = crowd.judge(thief, "collector", find(person, own), engagement=sham)
    assert found == ["subject_of_another_party"]


def test_the_buyer_agrees_for_the_sellers_customer_by_no_detour(crowd: Crowd) -> None:
    """It declares the seller's customer in a contract of its own, under the deal, and goes on."""
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    own = own_contract(crowd, crowd.sun)
    said = find(person, own)
    assert crowd.judge(crowd.sun, "collector", said) == ["subject_of_another_party"]
    crowd.agreed()
    routine = crowd.judge(crowd.sun, "collector", said, engagement=crowd.firm.routine)
    assert routine == ["subject_of_another_party"]
    crowd.does(crowd.sun, "collector", said)
    to_itself = consent(person, crowd.buyer, crowd.now)
    assert crowd.judge(crowd.sun, "dpo", to_itself) == ["recipient_records_no_consent"]
    to_another = consent(person, crowd.firm.another_firm(), crowd.now)
    assert crowd.judge(crowd.sun, "dpo", to_another) == ["not_the_actors_party"]
    assert crowd.judge(crowd.sun, "collector", said, engagement=crowd.firm.routine) == [
        "subject_of_another_party"
    ]
    assert crowd.blocked(record) == ["no_consent"]


def test_a_broker_who_signed_for_confidentiality_declares_and_does_not_agree() -> None:
    crowd = Crowd.open(broker=True)
    person = crowd.person(crowd.contract())
    broker = crowd.firm.hire("broker", "collector", "dpo", party=crowd.broker)
    said = find(person, crowd.firm.collect(by=broker))
    crowd.agreed()
    assert crowd.judge(broker, "collector", said) == ["subject_of_another_party"]
    nda = crowd.nda(crowd.document("nda"), receiving_party=crowd.broker)
    crowd.does(crowd.chen, "seller_handler", nda, beside=[(broker, "broker")])
    crowd.does(broker, "collector", said)
    agreed = consent(person, crowd.buyer, crowd.now)
    assert crowd.judge(broker, "dpo", agreed) == ["not_the_actors_party"]


def test_the_seller_speaks_for_those_whom_the_buyer_knew_before(crowd: Crowd) -> None:
    """They are customers of both; the buyer had declared them first."""
    record, person = crowd.contract(), crowd.new("subject")
    crowd.does(crowd.sun, "dpo", find(person, own_contract(crowd, crowd.sun)))
    assert crowd.says(find(person, record)) == ["subject_of_another_party"]
    crowd.agreed()
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person)
    assert crowd.blocked(record) == []


def test_whoever_got_a_record_speaks_for_the_people_in_it() -> None:
    """They go on to the next firm: the buyer sells what it bought."""
    estate = Estate.open()
    record, next_firm = estate.ready(), estate.another_firm()
    copy, other = estate.holding_of(record), estate.ready()
    keeper = estate.hire("custodian", party=estate.he.party)
    said, agreed = find(CUSTOMER, record), consent(CUSTOMER, next_firm, estate.now)
    in_the_other = estate.new("subject")
    estate.under(estate.qian, find(in_the_other, other))
    estate.handed_over(copy)
    assert estate.judge(keeper, "custodian", agreed) == ["not_the_actors_party"]
    not_passed = find(in_the_other, record)
    assert estate.judge(keeper, "custodian", not_passed) == ["subject_of_another_party"]
    estate.does(keeper, "custodian", said)
    assert estate.judge(keeper, "custodian", agreed) == []


def test_once_said_to_be_a_child_a_person_stays_one(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract(), minor=True)
    crowd.found(person, crowd.contract())
    assert state_of(crowd, person).minor


# -- agreed -------------------------------------------------------------------------------------


def test_nobody_agrees_whom_nobody_has_found(crowd: Crowd) -> None:
    stranger = crowd.new("subject")
    assert crowd.says(consent(stranger, crowd.buyer, crowd.now)) == ["unknown_subject"]
    assert crowd.says(withdraw(stranger, crowd.buyer, crowd.now)) == ["unknown_subject"]
    crowd.does(crowd.chen, "dpo", suppress(stranger))  # found on no record, only on the list
    assert crowd.says(consent(stranger, crowd.buyer, crowd.now)) == ["unknown_subject"]


def test_the_buyer_does_not_record_that_the_sellers_customers_agree(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    said = consent(person, crowd.buyer, crowd.now)
    assert crowd.says(said) == []
    assert crowd.judge(crowd.sun, "dpo", said) == ["recipient_records_no_consent"]
    to_another = consent(person, crowd.firm.another_firm(), crowd.now)
    assert crowd.judge(crowd.sun, "dpo", to_another) == ["not_the_actors_party"]


def test_the_buyer_records_that_a_person_withdraws_from_it(crowd: Crowd) -> None:
    person = crowd.person(crowd.contract())
    said = withdraw(person, crowd.buyer, crowd.now)
    assert crowd.judge(crowd.sun, "buyer_handler", said) == []
    of_another = withdraw(person, crowd.firm.another_firm(), crowd.now)
    assert crowd.judge(crowd.sun, "buyer_handler", of_another) == ["not_the_actors_party"]


def test_a_consent_is_one_and_not_the_lack_of_it(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    said = consent(person, crowd.buyer, crowd.now, kind="exempt_recorded")
    assert crowd.says(said) == ["exemption_is_no_consent"]


def test_a_consent_is_to_a_firm_that_is_known(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    nobody = crowd.new("party")
    assert crowd.says(consent(person, nobody, crowd.now)) == ["unknown_party"]
    assert crowd.says(withdraw(person, nobody, crowd.now)) == ["unknown_party"]


def test_nobody_agrees_or_withdraws_tomorrow(crowd: Crowd) -> None:
    person, tomorrow = crowd.new("subject"), later(crowd.now, days=1)
    crowd.found(person, crowd.contract())
    assert crowd.says(consent(person, crowd.buyer, tomorrow)) == ["claimed_time_in_future"]
    assert crowd.says(withdraw(person, crowd.buyer, tomorrow)) == ["claimed_time_in_future"]


def test_a_consent_ends_on_a_day_and_after_it_began(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    said = consent(person, crowd.buyer, crowd.now)
    assert crowd.says(said.but(until=crowd.now[:10])) == []
    assert crowd.says(said.but(until="2026-02-30")) == ["no_such_day"]
    yesterday = later(crowd.now, days=-1)[:10]
    assert crowd.says(said.but(until=yesterday)) == ["consent_ends_before_it_begins"]


def test_a_category_is_agreed_to_once(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    said = consent(person, crowd.buyer, crowd.now, categories=["contract", "contract"])
    assert crowd.says(said) == ["item_named_twice"]


# -- let be -------------------------------------------------------------------------------------


def test_whoever_withdraws_is_on_the_suppression_list(crowd: Crowd) -> None:
    person = crowd.person(crowd.contract())
    crowd.withdrew(person)
    assert state_of(crowd, person).suppressed == {"withdrawn"}


def test_a_person_is_put_on_the_list_once_a_reason(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    crowd.does(crowd.chen, "dpo", suppress(person))
    assert crowd.says(suppress(person)) == ["already_suppressed"]
    assert crowd.says(suppress(person, reason="deceased", sealed=SEALED)) == []


def test_the_list_begins_on_a_day_that_has_begun(crowd: Crowd) -> None:
    said = suppress(crowd.new("subject"))
    assert crowd.says(said.but(since="2026-02-30")) == ["no_such_day"]
    assert crowd.says(said.but(since=later(crowd.now, days=2)[:10])) == ["suppression_begins_later"]


def test_a_strangers_clerk_puts_none_of_my_customers_on_the_list(crowd: Crowd) -> None:
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    assert crowd.judge(crowd.sun, "buyer_handler", suppress(person)) == ["not_the_actors_party"]
