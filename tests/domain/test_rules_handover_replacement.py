"""A handler leaves in the middle of a deal: who takes the place, and what stands (I-07, I-23)."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import later
from tests.domain.deal_words import attach, close
from tests.domain.estates import Estate
from tests.domain.words import (
    cancel,
    confirm,
    freeze,
    inspect,
    plan_handover,
    raise_discrepancy,
    receive,
    release,
    replace_handler,
)
from tests.domain.worlds import Person, Said, enrol, grant, revoke


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


@pytest.fixture
def records(estate: Estate) -> list[str]:
    """Two records that are ready; their contents are delivered in a package."""
    return [estate.ready() for _ in range(2)]


@pytest.fixture
def fang(estate: Estate) -> Person:
    """Of the buyer, with a key that was agreed on for a handler of it."""
    return estate.another("buyer_handler", estate.he.party)


def replacing(
    estate: Estate, said: Said, new: Person, by: Person | None = None, role: str = "supervisor"
) -> list[str]:
    """A supervisor of the buyer (or `by`) and the new handler sign."""
    beside = [(new, str(said.fields["post"]))]
    return estate.judge(by or estate.ma, role, said, beside=beside)


def replaced(estate: Estate, handover: str, new: Person) -> None:
    """In the buyer's handler's place, by its supervisor."""
    said = replace_handler(handover, "buyer_handler", estate.he, new)
    estate.does(estate.ma, "supervisor", said, beside=[(new, "buyer_handler")])


def buying(estate: Estate, who: Person, *said: Said, **how: Any) -> list[str]:
    return estate.judge(who, "buyer_handler", *said, **how)


def test_somebody_else_of_the_party_goes_on_where_the_handler_left(
    estate: Estate, records: list[str], fang: Person
) -> None:
    """What the one before has received stands; the new one inspects and signs."""
    handover = estate.received(*records)
    replaced(estate, handover, fang)
    looked = inspect(handover, *records)
    assert buying(estate, estate.he, looked) == ["not_the_handler"]
    estate.does(fang, "buyer_handler", looked)
    said = confirm(handover, records, estate.he)
    watched = [(estate.wu, "supervisor"), (estate.ma, "supervisor")]
    old = [(estate.he, "buyer_handler"), *watched]
    assert estate.judge(estate.qian, "seller_handler", said, beside=old) == ["handler_must_sign"]
    new = [(fang, "buyer_handler"), *watched]
    assert estate.judge(estate.qian, "seller_handler", said, beside=new) == []


def test_the_giving_side_replaces_its_own_the_same_way(estate: Estate, records: list[str]) -> None:
    tang, handover = estate.another("seller_handler"), estate.frozen(*records)
    said = replace_handler(handover, "seller_handler", estate.qian, tang, reason="unable")
    assert replacing(estate, said, tang, estate.wu) == []
    assert replacing(estate, said, tang, estate.qian, "seller_handler") == [], "or who leaves"
    estate.does(estate.wu, "supervisor", said, beside=[(tang, "seller_handler")])
    goes = release(handover, records)
    assert estate.judge(estate.qian, "seller_handler", goes) == ["not_the_handler"]
    assert estate.judge(tang, "seller_handler", goes) == []


def test_one_side_does_not_choose_the_others_handler(
    estate: Estate, records: list[str], fang: Person
) -> None:
    """The attack: the seller puts somebody friendly in the place of the one who inspects."""
    handover = estate.received(*records)
    said = replace_handler(handover, "buyer_handler", estate.he, fang)
    assert replacing(estate, said, fang, estate.wu) == ["not_the_actors_party"]
    assert replacing(estate, said, fang, estate.qian, "seller_handler") == ["not_the_actors_party"]
    friend = estate.hire("buyer_handler")
    own = replace_handler(handover, "buyer_handler", estate.he, friend)
    assert replacing(estate, own, friend) == ["key_not_agreed", "handler_of_another_party"]


def test_nobody_takes_the_place_alone_or_is_put_in_it_unasked(
    estate: Estate, records: list[str], fang: Person
) -> None:
    handover = estate.received(*records)
    said = replace_handler(handover, "buyer_handler", estate.he, fang)
    assert buying(estate, fang, said) == ["not_the_handler"]
    assert estate.judge(estate.ma, "supervisor", said) == ["handler_must_sign"]
    assert buying(estate, estate.he, said) == ["handler_must_sign"]


def test_a_key_that_nobody_agreed_on_takes_no_place(estate: Estate, records: list[str]) -> None:
    """The other side has a say in whose key it relies on: it signs the agreement (I-23)."""
    handover = estate.received(*records)
    new = estate.hire("buyer_handler", party=estate.he.party)
    said = replace_handler(handover, "buyer_handler", estate.he, new)
    assert replacing(estate, said, new) == ["key_not_agreed"]


def test_who_holds_no_such_role_takes_no_place(estate: Estate, records: list[str]) -> None:
    handover = estate.received(*records)
    new = estate.hire("collector", party=estate.he.party)
    said = replace_handler(handover, "buyer_handler", estate.he, new)
    assert "capacity_not_held" in replacing(estate, said, new)


def test_the_one_named_is_the_handler_and_somebody_else_follows(
    estate: Estate, records: list[str], fang: Person
) -> None:
    handover = estate.received(*records)
    other = replace_handler(handover, "buyer_handler", fang, estate.he)
    assert replacing(estate, other, estate.he) == ["not_the_handler"]
    same = replace_handler(handover, "buyer_handler", estate.he, estate.he)
    assert replacing(estate, same, estate.he) == ["handler_is_the_same"]
    nobody = replace_handler(handover, "buyer_handler", estate.he, fang)
    nobody = nobody.but(handler=estate.new("actor"))
    assert replacing(estate, nobody, fang) == ["unknown_actor", "handler_must_sign"]
    unknown = estate.new("handover")
    assert replacing(estate, replace_handler(unknown, "buyer_handler", estate.he, fang), fang) == [
        "unknown_handover"
    ]


def test_no_person_is_in_two_roles_of_one_handover(
    estate: Estate, records: list[str], fang: Person
) -> None:
    """I-07: who has supervised does not handle, who has handled does not supervise."""
    handover = estate.inspected(*records)
    estate.does(estate.ma, "supervisor", raise_discrepancy(handover, 1, records[0]))
    both = grant(estate.ma, "buyer_handler"), grant(estate.he, "supervisor")
    estate.does(estate.wang, "administrator", *both)
    paper = estate.new("document")
    estate.under(estate.qian, attach(paper, "evidence_agreement"))
    signers = [(estate.qian, "seller_handler"), (estate.he, "buyer_handler")]
    estate.agree(paper, *signers, (estate.ma, "buyer_handler"), (estate.he, "supervisor"))
    said = replace_handler(handover, "buyer_handler", estate.he, estate.ma)
    found = replacing(estate, said, estate.ma, estate.he, "buyer_handler")
    assert found == ["handler_was_supervisor"]
    word = raise_discrepancy(handover, 2, records[1])
    assert estate.judge(estate.he, "supervisor", word) == ["supervisor_was_handler"]
    replaced(estate, handover, fang)
    assert estate.judge(estate.he, "supervisor", word) == ["supervisor_was_handler"], "still"


def test_nobody_is_replaced_who_has_signed_the_confirmation(
    estate: Estate, records: list[str], fang: Person
) -> None:
    handover = estate.handed_over(*records)
    said = replace_handler(handover, "buyer_handler", estate.he, fang)
    assert replacing(estate, said, fang) == ["handover_is_confirmed"]


def test_a_package_for_the_one_who_left_is_packed_and_released_anew(
    estate: Estate, records: list[str], fang: Person
) -> None:
    """It was encrypted to a key that the new handler may not have."""
    handover = estate.released(*records)
    anew, took = release(handover, records, package="6" * 64), receive(handover, records)
    assert estate.judge(estate.qian, "seller_handler", anew) == ["handover_is_released"]
    replaced(estate, handover, fang)
    assert buying(estate, fang, took) == [], "where the firm can open it still"
    estate.does(estate.qian, "seller_handler", anew)
    assert buying(estate, fang, took) == ["another_package_was_seen"], "the old one"
    assert buying(estate, fang, took.but(package="6" * 64)) == []
    third = release(handover, records, package="7" * 64)
    assert estate.judge(estate.qian, "seller_handler", third) == ["handover_is_released"]


def enrolled_anew(estate: Estate) -> None:
    """The buyer's handler's key is lost and revoked; there is another one, not agreed on yet."""
    he, key = estate.he, estate.key_for(estate.he)
    estate.does(estate.wang, "administrator", revoke(he, he.key))
    said, beside = enrol(he, key, "broken"), [(estate.lin, "administrator")]
    estate.does(estate.wang, "administrator", said, possession=[key], beside=beside)
    he.keys.append(key)


def agreed_anew(estate: Estate) -> None:
    """Both sides name the key that the buyer's handler has now."""
    paper = estate.new("document")
    estate.under(estate.qian, attach(paper, "evidence_agreement"))
    estate.agree(paper, (estate.qian, "seller_handler"), (estate.he, "buyer_handler"))


def the_same(estate: Estate, handover: str, **fields: Any) -> Said:
    """The buyer's handler in the own place, because of a lost key."""
    form = {"reason": "key_lost", **fields}
    return replace_handler(handover, "buyer_handler", estate.he, estate.he, **form)


def test_a_handler_who_lost_the_key_gets_the_package_anew(
    estate: Estate, records: list[str]
) -> None:
    """A buyer with one trained handler is not stuck with a package that nobody opens."""
    handover = estate.released(*records)
    anew, took = release(handover, records, package="6" * 64), receive(handover, records)
    enrolled_anew(estate)
    said = the_same(estate, handover)
    assert replacing(estate, said, estate.he) == ["key_not_agreed"]
    agreed_anew(estate)
    assert estate.judge(estate.qian, "seller_handler", anew) == ["handover_is_released"]
    estate.does(estate.ma, "supervisor", said, beside=[(estate.he, "buyer_handler")])
    estate.does(estate.qian, "seller_handler", anew)
    assert buying(estate, estate.he, took) == ["another_package_was_seen"], "the old one"
    third = release(handover, records, package="7" * 64)
    assert estate.judge(estate.qian, "seller_handler", third) == ["handover_is_released"]
    estate.does(estate.he, "buyer_handler", took.but(package="6" * 64))
    estate.does(estate.he, "buyer_handler", inspect(handover, *records))
    whole = confirm(handover, records, estate.he)
    assert estate.judge(estate.qian, "seller_handler", whole, beside=estate.both_sides) == []


def test_nobody_takes_the_own_place_without_a_supervisor_of_the_own_side(
    estate: Estate, records: list[str]
) -> None:
    """The attack: the handler alone has a package made anew, or with a friend of the other side."""
    said = the_same(estate, estate.released(*records))
    assert buying(estate, estate.he, said) == ["supervisor_must_sign"]
    friend = [(estate.wu, "supervisor")]
    assert buying(estate, estate.he, said, beside=friend) == ["supervisor_must_sign"]
    assert estate.judge(estate.ma, "supervisor", said) == ["handler_must_sign"]
    assert buying(estate, estate.he, said, beside=[(estate.ma, "supervisor")]) == []


def test_the_own_place_is_taken_only_for_a_package_that_is_on_its_way(
    estate: Estate, records: list[str]
) -> None:
    """Anywhere else the new key, once agreed on, signs as it is; and nobody gains time by it."""
    released = estate.released(*records)
    left = the_same(estate, released, reason="left")
    assert replacing(estate, left, estate.he) == ["handler_is_the_same"]
    seller = replace_handler(
        released, "seller_handler", estate.qian, estate.qian, reason="key_lost"
    )
    assert replacing(estate, seller, estate.qian, estate.wu) == ["handler_is_the_same"]
    copies = estate.released(estate.holding_of(estate.ready()))
    assert replacing(estate, the_same(estate, copies), estate.he) == ["handler_is_the_same"]
    received = estate.received(estate.ready())
    assert replacing(estate, the_same(estate, received), estate.he) == ["handler_is_the_same"]


def test_copies_that_are_on_their_way_do_not_hinder_a_second_package(
    estate: Estate, records: list[str], fang: Person
) -> None:
    items = [estate.holding_of(estate.ready()), *records]
    handover = estate.released(*items)
    replaced(estate, handover, fang)
    anew = release(handover, items, package="6" * 64)
    assert estate.judge(estate.qian, "seller_handler", anew) == []


def test_a_buyer_that_changes_its_handler_still_owes_what_was_released(
    estate: Estate, records: list[str], fang: Person
) -> None:
    """The attack: a package goes out, a new handler is put in, and nothing was given (I-22)."""
    handover = estate.released(*records)
    replaced(estate, handover, fang)
    estate.does(estate.qian, "seller_handler", cancel(handover))
    closed = estate.judge(estate.qian, "seller_handler", close(estate.deal, "failed"),
                          engagement=estate.deal)  # fmt: skip
    assert "copies_not_disposed" in closed


def test_copies_that_were_given_away_without_a_package_stay_given_away(
    estate: Estate, fang: Person
) -> None:
    copies = [estate.holding_of(estate.ready())]
    handover = estate.released(*copies)
    replaced(estate, handover, fang)
    assert buying(estate, fang, receive(handover, copies)) == []


def test_a_new_handler_has_no_longer_time_to_inspect(
    estate: Estate, records: list[str], fang: Person
) -> None:
    """The attack: a buyer changes its handlers so that the time never runs out (I-40)."""
    handover = estate.received(*records)
    ends = estate.handover(handover).inspection_ends
    estate.now = later(ends, days=-1)
    replaced(estate, handover, fang)
    assert estate.handover(handover).inspection_ends == ends


def test_a_plan_is_taken_over_before_there_is_a_list(estate: Estate, records: list[str]) -> None:
    tang, handover = estate.another("seller_handler"), estate.new("handover")
    plan = plan_handover(handover, estate.qian, estate.he)
    estate.does(estate.qian, "seller_handler", plan)
    said = replace_handler(handover, "seller_handler", estate.qian, tang)
    estate.does(estate.wu, "supervisor", said, beside=[(tang, "seller_handler")])
    assert estate.judge(tang, "seller_handler", freeze(handover, records)) == []
