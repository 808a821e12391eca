"""Restriction: stored and protected and nothing else, until two persons lift it (I-33)."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from tests.domain.estates import Estate
from tests.domain.words import (
    OBJECT,
    access,
    anonymize,
    close_request,
    decide,
    digitize,
    end_purpose,
    freeze,
    grant_access,
    identify,
    lift,
    make_backup,
    propose,
    receive_request,
    release,
    restore_backup,
    restrict,
)
from tests.domain.worlds import (
    SEALED,
    Person,
    classify,
    collect,
    correct,
    create_holding,
    enrol,
    give_back,
    lose,
    move,
    review,
)


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
    beside, wang = [(estate.lin, "custodian")], [(estate.wang, "custodian")]
    handover, under = estate.planned(), {"engagement": estate.deal}
    moved = move(copy, custodian=party)
    copied = create_holding(estate.new("holding"), party, record=record, made_from=copy)

    def ways(estate: Estate) -> list[list[str]]:
        return [
            estate.judge(estate.qian, "seller_handler", freeze(handover, [copy])),
            estate.judge(estate.wang, "custodian", moved, beside=beside, **under),
            estate.judge(estate.lin, "custodian", copied, beside=wang, **under),
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


# -- the end of a purpose: PIPL 47 ------------------------------------------------------------


def test_whose_purpose_has_ended_is_restricted_while_a_duty_keeps_it(estate: Estate) -> None:
    """Scenario 5: a minimum runs for years, so nothing is deleted, and nothing is used."""
    record = estate.ready()
    copy, grant = estate.holding_of(record), estate.new("grant")
    said = grant_access(grant, estate.zhou, record, purposes=["marketing", "audit"])
    estate.does(estate.wang, "custodian", said)

    def use(purpose: str) -> list[str]:
        asked = access(record, copy, purpose=purpose, grant=grant)
        return estate.judge(estate.zhou, "collector", asked)

    assert use("marketing") == use("audit") == []
    estate.does(estate.zhao, "dpo", end_purpose(record, reason="service_ended"))
    assert use("marketing") == ["record_is_restricted"]
    assert use("audit") == []
    case = estate.new("destruction_case")
    said = propose(case, [copy], ground="purpose_achieved")
    assert estate.judge(estate.wang, "archivist", said) == ["minimum_period_runs"]


def test_the_end_of_its_purpose_makes_a_record_due_where_no_duty_keeps_it(estate: Estate) -> None:
    """Nobody has assigned a period, and no statute asks for one: it may go."""
    record = estate.collect(category="communication.im")
    copy = estate.holding_of(record)
    said = propose(estate.new("destruction_case"), [copy], ground="purpose_achieved")
    messages = classify(record, categories=["communication.im"])
    estate.does(estate.zhao, "dpo", end_purpose(record))
    assert estate.judge(estate.wang, "archivist", said) == ["no_period_assigned"]
    estate.does(estate.wang, "archivist", messages)
    assert estate.judge(estate.wang, "archivist", said) == []


def test_a_duty_that_nobody_assigned_still_keeps_it(estate: Estate) -> None:
    record = estate.collect(category="accounting")
    estate.does(estate.wang, "archivist", classify(record, categories=["accounting"]))
    estate.does(estate.zhao, "dpo", end_purpose(record))
    said = propose(estate.new("destruction_case"), [estate.holding_of(record)])
    assert estate.judge(estate.wang, "archivist", said) == ["period_has_not_begun"]


def test_a_purpose_ends_once_on_a_day_that_has_begun_somewhere(estate: Estate) -> None:
    record = estate.ready()
    wrong = end_purpose(record, ended_on="2026-02-30")
    assert estate.judge(estate.zhao, "dpo", wrong) == ["no_such_day"]
    tomorrow = end_purpose(record, ended_on="2026-11-22")  # of the 21st, 9 o'clock
    assert estate.judge(estate.zhao, "dpo", tomorrow) == ["purpose_ends_later"]
    estate.now = "2026-11-21T16:30:00.000Z"  # half past midnight of the 22nd in Shanghai
    assert estate.judge(estate.zhao, "dpo", tomorrow) == []
    estate.does(estate.zhao, "dpo", end_purpose(record))
    assert estate.judge(estate.zhao, "dpo", end_purpose(record)) == ["purpose_has_ended"]


def test_it_is_used_again_only_for_a_new_purpose_on_a_new_basis_by_two(estate: Estate) -> None:
    record, beside = estate.ready(), [(estate.li, "approver")]
    estate.does(estate.zhao, "dpo", end_purpose(record))
    said = lift(estate.record(record))
    for wrong in (said.but(basis=UNSET), said.but(sealed=UNSET)):
        assert estate.judge(estate.zhao, "dpo", wrong, beside=beside) == ["new_basis_is_missing"]
    assert estate.judge(estate.zhao, "dpo", said) == ["lifting_needs_second_person"]
    estate.does(estate.zhao, "dpo", said, beside=beside)
    assert estate.record(record).restricted is None
    estate.does(estate.zhao, "dpo", end_purpose(record, reason="consent_withdrawn"))


def test_an_objection_that_is_lifted_does_not_bring_an_ended_purpose_back(estate: Estate) -> None:
    record, beside = estate.ready(), [(estate.li, "approver")]
    estate.does(estate.zhao, "dpo", restrict(record))
    estate.does(estate.zhao, "dpo", end_purpose(record))
    said = lift(estate.record(record))
    wrong = said.but(basis="pipl_13_2_contract", sealed=SEALED)
    assert estate.judge(estate.zhao, "dpo", wrong, beside=beside) == ["basis_is_not_asked_for"]
    estate.does(estate.zhao, "dpo", said, beside=beside)
    assert estate.record(record).restricted == estate.record(record).ended is not None
    handover = estate.planned()
    frozen = freeze(handover, [estate.holding_of(record)])
    assert estate.judge(estate.qian, "seller_handler", frozen) == ["record_is_restricted"]


def test_an_objection_is_recorded_though_the_purpose_has_ended(estate: Estate) -> None:
    """Else a new purpose would bring back what somebody objected to."""
    record, beside = estate.ready(), [(estate.li, "approver")]
    estate.does(estate.zhao, "dpo", end_purpose(record))
    ended = lift(estate.record(record))
    estate.does(estate.zhao, "dpo", restrict(record))
    estate.does(estate.zhao, "dpo", ended, beside=beside)
    assert estate.record(record).restricted == estate.record(record).limited is not None


# -- storage and protection, and nothing else: PIPL 47 -------------------------------------------


def ended(estate: Estate, reason: str = "purpose_achieved") -> str:
    record = estate.ready()
    estate.does(estate.zhao, "dpo", end_purpose(record, reason=reason))
    return record


def correcting(estate: Estate, record: str) -> list[str]:
    return estate.judge(estate.wang, "collector", correct(estate.record(record)))


def test_other_data_are_not_put_into_a_restricted_record(estate: Estate) -> None:
    record = estate.ready()
    assert correcting(estate, record) == []
    estate.does(estate.zhao, "dpo", restrict(record))
    assert correcting(estate, record) == ["record_is_restricted"]
    assert correcting(estate, ended(estate)) == ["record_is_restricted"]


def test_a_restricted_record_is_corrected_while_the_person_asks_for_it(estate: Estate) -> None:
    record = ended(estate)
    estate.does(
        estate.zhou, "collector", receive_request(estate.new("rights"), record, request="delete")
    )
    assert correcting(estate, record) == ["record_is_restricted"]
    request = estate.new("rights")
    estate.does(estate.zhou, "collector", receive_request(request, record, request="correct"))
    assert correcting(estate, record) == []
    estate.does(estate.zhao, "dpo", close_request(request, "withdrawn"))
    assert correcting(estate, record) == ["record_is_restricted"]
    refused = estate.new("rights")
    estate.does(estate.zhou, "collector", receive_request(refused, record, request="correct"))
    estate.does(estate.zhao, "dpo", identify(refused))
    estate.does(estate.zhao, "dpo", decide(refused, "refuse", notified_at=estate.now))
    assert correcting(estate, record) == ["record_is_restricted"]


def test_what_the_person_wants_corrected_is_registered_with_its_correction(estate: Estate) -> None:
    """The file with the corrected content is a copy of the record, said in the same commit."""
    record, copy = ended(estate), estate.new("holding")
    both = (
        create_holding(copy, estate.party, record=record), correct(estate.record(record), copy),
    )  # fmt: skip
    assert set(estate.judge(estate.wang, "collector", *both)) == {"record_is_restricted"}
    request = estate.new("rights")
    estate.does(estate.zhou, "collector", receive_request(request, record, request="correct"))
    assert estate.judge(estate.wang, "collector", both[0]) == ["record_is_restricted"]
    assert estate.judge(estate.wang, "collector", *both) == []


def test_no_further_copy_is_made_of_a_restricted_record(estate: Estate) -> None:
    record = ended(estate)
    copy, party = estate.holding_of(record), estate.party

    def copying(**fields: object) -> list[str]:
        made = create_holding(estate.new("holding"), party, **fields)
        return estate.judge(estate.wang, "custodian", made)

    assert copying(record=record, made_from=copy) == ["record_is_restricted"]
    assert copying(record=record) == ["record_is_restricted"]
    assert copying(made_from=copy) == ["record_is_restricted"]
    assert copying(made_from=copy, **OBJECT) == [], "into the vault"
    assert copying() == [], "of something else"


def test_no_further_copy_is_made_of_a_table_with_a_restricted_row(estate: Estate) -> None:
    table, rows = estate.table(3)
    made = create_holding(estate.new("holding"), estate.party, made_from=table)
    other = create_holding(estate.new("holding"), estate.party, record=rows[0], made_from=table)
    estate.does(estate.zhao, "dpo", end_purpose(rows[1]))
    assert estate.judge(estate.wang, "custodian", made) == ["record_is_restricted"]
    assert estate.judge(estate.wang, "custodian", other) == []


def test_what_was_lost_is_restored_though_it_is_restricted(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    backup, _ = estate.copied(copy)
    estate.does(estate.zhao, "dpo", end_purpose(record))
    estate.does(estate.wang, "custodian", lose(copy))
    new = estate.new("holding")
    made = create_holding(new, estate.party, made_from=copy)
    assert estate.judge(estate.wang, "custodian", made) == ["record_is_restricted"]
    estate.does(estate.wang, "custodian", made, restore_backup(backup, new))


def test_a_restricted_paper_is_scanned_to_be_preserved(estate: Estate) -> None:
    paper, record, scan = (estate.new(kind) for kind in ("holding", "record", "holding"))
    lies = create_holding(paper, estate.party, form="paper", medium="paper_copy")
    estate.does(estate.wang, "collector", lies, collect(record, paper, form="paper"))
    estate.does(estate.zhao, "dpo", restrict(record))
    made = create_holding(scan, estate.party, record=record, made_from=paper)
    assert estate.judge(estate.wang, "custodian", made) == ["record_is_restricted"]
    said = (made, digitize(record, paper, scan))
    assert estate.judge(estate.wang, "custodian", *said) == []


def test_what_nobody_consents_to_any_more_is_not_read_to_be_made_anonymous(estate: Estate) -> None:
    """Making it anonymous serves deletion, but not against the person's word."""
    table, rows = estate.table(3)
    twin, lies = estate.new("record"), estate.new("holding")
    form = {"basis": "not_personal", "notice": "not_applicable"}
    made = create_holding(lies, estate.party, form="database_rows")
    known = classify(twin, sensitivity="anonymized")
    estate.does(estate.wang, "collector", made, collect(twin, lies, **form), known)

    def judged() -> list[str]:
        beside = [(estate.li, "approver")]
        return estate.judge(estate.wang, "custodian", anonymize(twin, table), beside=beside)

    estate.does(estate.zhao, "dpo", end_purpose(rows[0], reason="purpose_achieved"))
    assert judged() == []
    estate.does(estate.zhao, "dpo", end_purpose(rows[2], reason="consent_withdrawn"))
    assert judged() == ["record_is_restricted"]
    again = lift(estate.record(rows[2]))
    estate.does(estate.zhao, "dpo", again, beside=[(estate.li, "approver")])
    assert judged() == []


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
    beside = [(estate.wang, "custodian")]
    estate.does(estate.lin, "custodian", theirs, beside=beside, engagement=estate.deal)
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
    beside = [(estate.lin, "custodian")]
    estate.does(estate.wang, "custodian", returned, beside=beside, engagement=estate.deal)
    assert estate.judge(estate.zhao, "dpo", restrict(record)) == ["record_is_over"]


def a_backup_of(estate: Estate, copy: str, who: Person) -> list[str]:
    new = estate.new("holding")
    made = create_holding(new, who.party, made_from=copy, medium="disk_external", **OBJECT)
    said = (made, make_backup(estate.new("backup"), [new]))
    return estate.judge(who, "custodian", *said, engagement=estate.deal)


def test_the_buyer_does_not_back_up_what_the_seller_keeps(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    assert a_backup_of(estate, copy, estate.wang) == []
    assert a_backup_of(estate, copy, estate.lin) == ["source_custodian_must_sign"]
