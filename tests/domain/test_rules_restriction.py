"""Restriction: stored and protected and nothing else, until two persons lift it (I-33)."""

from __future__ import annotations

import pytest

from tests.domain.estates import Estate
from tests.domain.words import freeze, lift, make_backup, release, restrict
from tests.domain.worlds import Person, create_holding, enrol, give_back, lose, move, review


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def test_a_restriction_is_lifted_before_another_one_is_recorded(estate: Estate) -> None:
    record = estate.ready()
    estate.does(estate.zhao, "dpo", restrict(record, review_on="2027-01-31"))
    assert estate.judge(estate.zhao, "dpo", restrict(record)) == ["already_restricted"]


def test_it_is_looked_at_again_on_a_day_that_exists(estate: Estate) -> None:
    said = restrict(estate.ready(), review_on="2027-02-30")
    assert estate.judge(estate.zhao, "dpo", said) == ["no_such_day"]


def test_nobody_lifts_alone_what_a_person_objected_to(estate: Estate) -> None:
    record = estate.ready()
    estate.does(estate.zhao, "dpo", restrict(record))
    said = lift(estate.record(record))
    assert estate.judge(estate.zhao, "dpo", said) == ["lifting_needs_second_person"]
    beside = [(estate.li, "reviewer")]
    assert estate.judge(estate.zhao, "dpo", said, beside=beside) == ["lifting_needs_second_person"]
    estate.does(estate.zhao, "dpo", said, beside=[(estate.li, "approver")])
    assert estate.record(record).restricted is None


def test_the_second_person_is_not_a_second_key(estate: Estate) -> None:
    record, key = estate.ready(), estate.key_for(estate.zhao)
    said = enrol(estate.zhao, key, "continuous")
    estate.does(estate.zhao, "dpo", said, possession=[key])
    estate.does(estate.zhao, "dpo", restrict(record))
    beside = [(estate.zhao.signing_with(key), "approver")]
    details = estate.judge(estate.zhao, "dpo", lift(estate.record(record)), beside=beside)
    assert details == ["person_signs_twice"]


def test_lifting_names_the_restriction_that_stands(estate: Estate) -> None:
    record, beside = estate.ready(), [(estate.li, "approver")]
    said = lift(estate.record(record))
    assert estate.judge(estate.zhao, "dpo", said, beside=beside) == ["supersedes_not_current"]
    estate.does(estate.zhao, "dpo", restrict(record))
    first = lift(estate.record(record))
    estate.does(estate.zhao, "dpo", first, beside=beside)
    estate.does(estate.zhao, "dpo", restrict(record))
    assert estate.judge(estate.zhao, "dpo", first, beside=beside) == ["supersedes_not_current"]


def test_nothing_is_restricted_that_is_not_there_or_is_over(estate: Estate) -> None:
    assert estate.judge(estate.zhao, "dpo", restrict(estate.new("record"))) == ["unknown_record"]
    record = estate.ripe()
    estate.executed(estate.holding_of(record))
    assert estate.judge(estate.zhao, "dpo", restrict(record)) == ["record_is_over"]


def test_a_restricted_record_is_still_backed_up(estate: Estate) -> None:
    """Storing and protecting it is what a restriction asks for."""
    record = estate.ready()
    estate.does(estate.zhao, "dpo", restrict(record))
    estate.copied(estate.holding_of(record))


def test_a_restricted_record_goes_to_nobody_on_any_way(estate: Estate) -> None:
    record = estate.ready()
    copy, party = estate.holding_of(record), estate.lin.party
    beside = [(estate.lin, "custodian")]
    handover = estate.planned()
    moved = move(copy, custodian=party)
    copied = create_holding(estate.new("holding"), party, record=record, made_from=copy)

    def ways(estate: Estate) -> list[list[str]]:
        return [
            estate.judge(estate.qian, "seller_handler", freeze(handover, [copy])),
            estate.judge(estate.wang, "custodian", moved, beside=beside),
            estate.judge(estate.lin, "custodian", copied, beside=[(estate.wang, "custodian")]),
        ]

    assert ways(estate) == [[], [], []]
    estate.does(estate.zhao, "dpo", restrict(record))
    assert ways(estate) == [["record_is_restricted"]] * 3


def test_a_restriction_after_the_list_was_frozen_stops_the_release(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    handover = estate.frozen(copy)
    estate.does(estate.zhao, "dpo", restrict(record))
    said = release(handover, [copy])
    assert estate.judge(estate.qian, "seller_handler", said) == ["record_is_restricted"]


# -- one's own records: I-09 ------------------------------------------------------------------


def test_the_buyer_says_nothing_about_the_sellers_records(estate: Estate) -> None:
    """Neither restricts nor lifts, alone or with an approver of its own."""
    record = estate.ready()
    reviewer = estate.hire("reviewer", "approver", party=estate.lin.party)
    assert estate.judge(estate.lin, "custodian", restrict(record)) == ["not_the_actors_party"]
    assert estate.judge(reviewer, "reviewer", review(record)) == ["not_the_actors_party"]
    estate.does(estate.zhao, "dpo", restrict(record))
    said = lift(estate.record(record))
    details = estate.judge(estate.lin, "custodian", said, beside=[(reviewer, "approver")])
    assert details == ["not_the_actors_party"]


def test_a_copy_made_of_nothing_gives_the_buyer_no_say(estate: Estate) -> None:
    record, fake = estate.ready(), estate.new("holding")
    theirs = create_holding(fake, estate.lin.party, record=record)
    estate.does(estate.lin, "custodian", theirs)
    again = create_holding(estate.new("holding"), estate.lin.party, record=record, made_from=fake)
    estate.does(estate.lin, "custodian", again)
    assert estate.judge(estate.lin, "custodian", restrict(record)) == ["not_the_actors_party"]


def test_a_copy_that_the_seller_let_the_buyer_make_gives_the_buyer_a_say(estate: Estate) -> None:
    record, copy = estate.ready(), estate.new("holding")
    origin = estate.holding_of(record)
    theirs = create_holding(copy, estate.lin.party, record=record, made_from=origin)
    estate.does(estate.lin, "custodian", theirs, beside=[(estate.wang, "custodian")])
    assert estate.judge(estate.lin, "custodian", restrict(record)) == []


def test_what_was_handed_over_is_the_buyers_to_restrict(estate: Estate) -> None:
    record = estate.ready()
    estate.handed_over(estate.holding_of(record))
    assert estate.judge(estate.zhao, "dpo", restrict(record)) == ["not_the_actors_party"]
    estate.does(estate.lin, "custodian", restrict(record))


def test_a_record_whose_only_copy_is_lost_still_belongs_to_somebody(estate: Estate) -> None:
    record = estate.ready()
    estate.does(estate.wang, "custodian", lose(estate.holding_of(record)))
    estate.does(estate.zhao, "dpo", restrict(record))


def test_a_returned_record_is_over_for_everybody(estate: Estate) -> None:
    record = estate.ready()
    returned = give_back(estate.holding_of(record), estate.lin.party)
    estate.does(estate.wang, "custodian", returned, beside=[(estate.lin, "custodian")])
    assert estate.judge(estate.zhao, "dpo", restrict(record)) == ["record_is_over"]


def a_backup_of(estate: Estate, copy: str, who: Person) -> list[str]:
    new = estate.new("holding")
    made = create_holding(new, who.party, made_from=copy, medium="disk_external")
    said = (made, make_backup(estate.new("backup"), [new]))
    return estate.judge(who, "custodian", *said)


def test_the_buyer_does_not_back_up_what_the_seller_keeps(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    assert a_backup_of(estate, copy, estate.wang) == []
    assert a_backup_of(estate, copy, estate.lin) == ["source_custodian_must_sign"]
