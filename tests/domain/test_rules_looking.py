"""What the other side sees before anything passes: secrecy is no basis towards people (I-14)."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import later
from tests.domain.deal_words import assess, attach, sign_nda
from tests.domain.people_words import Crowd, deliver
from tests.domain.words import access, grant_access
from tests.domain.worlds import Person, create_holding, move


@pytest.fixture
def crowd() -> Crowd:
    return talks("due_diligence")


def talks(mode: str, *, broker: bool = False) -> Crowd:
    """A deal in which secrecy is agreed, and what is shown was assessed."""
    crowd = Crowd.open(mode, broker=broker)
    crowd.confidential()
    crowd.assessed()
    return crowd


def allows(
    crowd: Crowd, basis: str | None, *records: str, to: Person | None = None, **fields: Any
) -> list[str]:
    """What Chen hears who lets somebody of the other side look."""
    form = {"purposes": ["due_diligence"], **({"basis": basis} if basis else {}), **fields}
    said = grant_access(crowd.new("grant"), to or crowd.wu, *records, **form)
    return crowd.judge(crowd.chen, "custodian", said)


def allowed(crowd: Crowd, basis: str, **fields: Any) -> str:
    """A grant of all contracts to Wu, the buyer's."""
    form = {"purposes": ["due_diligence"], "categories": ["contract"], "basis": basis, **fields}
    said = grant_access(crowd.new("grant"), crowd.wu, **form)
    crowd.does(crowd.chen, "custodian", said)
    return said.stream


def looks(crowd: Crowd, grant: str, record: str) -> list[str]:
    """What Wu hears who looks."""
    copy = crowd.firm.holding_of(record)
    said = access(record, copy, purpose="due_diligence", grant=grant)
    return crowd.judge(crowd.wu, "supervisor", said)


def lends(crowd: Crowd, record: str, to: Person | None = None) -> list[str]:
    """What the seller's clerk hears who lends the copy to the buyer."""
    taker = to or crowd.sun
    said = move(crowd.firm.holding_of(record), custodian=taker.party)
    heard = crowd.judge(crowd.firm.wang, "custodian", said, beside=[(taker, "custodian")])
    return [detail for detail in heard if detail != "no_retention"]


# -- a basis is named ---------------------------------------------------------------------------


def test_secrecy_alone_is_no_basis_to_show_the_buyer_who_the_customers_are(crowd: Crowd) -> None:
    record = crowd.contract()
    assert allows(crowd, None, record) == ["grant_names_no_basis"]
    assert allows(crowd, None, categories=["contract"]) == ["grant_names_no_basis"]


def test_within_the_firm_a_grant_names_none(crowd: Crowd) -> None:
    assert allows(crowd, None, crowd.contract(), to=crowd.firm.wang) == []


# -- nobody is identified -----------------------------------------------------------------------


@pytest.mark.parametrize("sensitivity", ["deidentified", "non_personal", "anonymized"])
def test_what_tells_of_nobody_is_shown(crowd: Crowd, sensitivity: str) -> None:
    record = crowd.contract(sensitivity=sensitivity)
    assert allows(crowd, "nobody_identified", record) == []
    assert looks(crowd, allowed(crowd, "nobody_identified"), record) == []
    assert lends(crowd, record) == []


def test_a_list_of_customers_is_not_de_identified_by_saying_so(crowd: Crowd) -> None:
    """The label is the seller's; that somebody was found in it is on record."""
    record = crowd.contract(sensitivity="deidentified")
    grant = allowed(crowd, "nobody_identified")
    crowd.found(crowd.new("subject"), record)
    assert allows(crowd, "nobody_identified", record) == ["people_identified"]
    assert looks(crowd, grant, record) == ["people_identified"]
    assert lends(crowd, record) == ["not_notified", "no_consent"]


@pytest.mark.parametrize("sensitivity", ["deidentified", "non_personal"])
def test_who_was_told_and_agreed_is_identified_all_the_same(sensitivity: str) -> None:
    crowd = talks("asset_or_store_transfer")
    record = crowd.contract(sensitivity=sensitivity)
    grant = allowed(crowd, "nobody_identified")
    person = crowd.person(record)
    assert allows(crowd, "nobody_identified", record) == ["people_identified"]
    assert looks(crowd, grant, record) == ["people_identified"]
    assert allows(crowd, "people_cleared", record) == lends(crowd, record) == []
    crowd.withdrew(person)
    assert lends(crowd, record) == ["consent_withdrawn"]


def test_personal_data_are_not_shown_as_if_nobody_stood_in_them(crowd: Crowd) -> None:
    record = crowd.contract()
    assert allows(crowd, "nobody_identified", record) == ["people_identified"]
    assert looks(crowd, allowed(crowd, "nobody_identified"), record) == ["people_identified"]


# -- the people were told, and agreed -----------------------------------------------------------


@pytest.mark.parametrize("mode", ["due_diligence", "equity_transfer", "asset_or_store_transfer"])
def test_people_are_told_and_agree_before_the_buyer_looks(mode: str) -> None:
    """Whoever buys the shares is another firm than the one sold, as long as it only looks."""
    crowd = talks(mode)
    record, person = crowd.contract(), crowd.new("subject")
    grant = allowed(crowd, "people_cleared")
    assert looks(crowd, grant, record) == ["subjects_unknown"]
    crowd.found(person, record)
    missing = ["not_notified", "no_consent"]
    assert looks(crowd, grant, record) == lends(crowd, record) == missing
    assert allows(crowd, "people_cleared", record) == missing
    crowd.told(person)
    crowd.consented(person)
    assert looks(crowd, grant, record) == lends(crowd, record) == []
    assert allows(crowd, "people_cleared", record) == []


def test_a_consent_that_is_withdrawn_ends_the_looking(crowd: Crowd) -> None:
    record = crowd.contract()
    person, grant = crowd.person(record), allowed(crowd, "people_cleared")
    assert looks(crowd, grant, record) == []
    crowd.withdrew(person)
    assert looks(crowd, grant, record) == ["consent_withdrawn"]


def test_asked_before_they_were_told_people_have_not_agreed_to_a_look(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.consented(person)
    notice = crowd.issued()
    crowd.does(crowd.chen, "dpo", deliver(notice, crowd.now, person))
    assert looks(crowd, allowed(crowd, "people_cleared"), record) == ["consent_before_notice"]


def test_with_an_opinion_people_are_told_and_not_asked(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    grant = allowed(crowd, "people_cleared")
    assert looks(crowd, grant, record) == ["no_consent"]
    crowd.exempted("contract")
    assert looks(crowd, grant, record) == []


def test_in_a_merger_whoever_was_told_is_shown_to_the_successor() -> None:
    crowd = talks("merger")
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    grant = allowed(crowd, "people_cleared")
    assert looks(crowd, grant, record) == ["not_notified"]
    crowd.told(person, kind="art_22")
    assert looks(crowd, grant, record) == []


def test_nobody_looks_at_what_was_not_assessed() -> None:
    crowd = Crowd.open("due_diligence")
    crowd.confidential()
    record = crowd.contract()
    crowd.person(record)
    assert allows(crowd, "people_cleared", record) == lends(crowd, record) == ["no_pipia"]
    assert allows(crowd, "people_cleared", categories=["contract"]) == ["no_pipia"]
    document = crowd.document("pipia")
    refused = assess(crowd.engagement, document, conclusion="not_acceptable")
    crowd.does(crowd.chen, "dpo", refused)
    assert allows(crowd, "people_cleared", record) == ["pipia_not_acceptable"]


# -- on the seller's behalf ---------------------------------------------------------------------


def brokered() -> tuple[Crowd, Person]:
    """A broker has signed that it keeps silent, and nothing else."""
    crowd = talks("asset_or_store_transfer", broker=True)
    broker = crowd.firm.hire("broker", "custodian", party=crowd.broker)
    said = sign_nda(crowd.engagement, crowd.document("nda"), crowd.seller, crowd.broker)
    crowd.does(crowd.chen, "seller_handler", said, beside=[(broker, "broker")])
    return crowd, broker


def test_a_broker_works_with_customers_under_an_agreement_on_processing() -> None:
    crowd, broker = brokered()
    record, without = crowd.contract(), ["no_processing_agreement"]
    assert allows(crowd, "on_behalf", record, to=broker) == without
    assert lends(crowd, record, to=broker) == without
    document = crowd.new("document")
    agreed = attach(document, "processing_agreement", crowd.seller, crowd.broker)
    crowd.does(broker, "broker", agreed)
    assert allows(crowd, "on_behalf", record, to=broker) == []
    assert lends(crowd, record, to=broker) == []


def test_the_buyer_does_not_look_on_the_sellers_behalf() -> None:
    crowd, _ = brokered()
    assert allows(crowd, "on_behalf", crowd.contract()) == ["not_on_behalf"]


def test_whoever_is_entrusted_needs_the_agreement_and_asks_nobody() -> None:
    crowd = talks("entrusted")
    record = crowd.contract()
    assert allows(crowd, "on_behalf", record) == ["no_processing_agreement"]
    document = crowd.new("document")
    agreed = attach(document, "processing_agreement", crowd.seller, crowd.buyer)
    crowd.does(crowd.sun, "buyer_handler", agreed)
    assert allows(crowd, "on_behalf", record) == lends(crowd, record) == []


# -- copies -------------------------------------------------------------------------------------


def test_a_copy_made_for_the_buyer_is_no_way_around_the_people_in_it(crowd: Crowd) -> None:
    record, copy = crowd.contract(), crowd.new("holding")
    made = create_holding(copy, crowd.buyer, record=record, made_from=crowd.firm.holding_of(record))
    ours = [(crowd.firm.wang, "custodian")]
    assert "subjects_unknown" in crowd.judge(crowd.sun, "custodian", made, beside=ours)
    crowd.person(record)
    heard = crowd.judge(crowd.sun, "custodian", made, beside=ours)
    assert heard == ["no_retention"], "and nothing else"


def test_days_after_the_end_of_a_consent_nobody_looks(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person, until=crowd.now[:10])
    grant = allowed(crowd, "people_cleared")
    assert looks(crowd, grant, record) == []
    crowd.firm.now = later(crowd.now, days=1)
    assert looks(crowd, grant, record) == ["no_consent"]
