"""A day is one of the pack's calendar: in China it begins at 16:00 UTC, and its last hour counts.

Civil Code 201 to 203: the day of the event is not counted, the last day ends at midnight.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain import gates
from domain.policy import Training
from domain.transfer import Gates
from domain.values import later
from domain.workdays import Calendar
from tests.domain.audit_words import raise_finding
from tests.domain.deal_words import Dealing, assess, end_nda, track, train
from tests.domain.estates import Estate
from tests.domain.people_words import Crowd, consent
from tests.domain.test_rules_audit import House
from tests.domain.test_rules_deal_end import closes
from tests.domain.test_rules_deal_gates import ALL_OVERDUE, case_of, protected, release
from tests.domain.words import confirm, declare_residual, propose, register_key_copy
from tests.domain.worlds import policy

EVENING = "2026-11-22T15:59:59.000Z"
MIDNIGHT = "2026-11-22T16:00:00.000Z"
MORNING = "2026-11-22T23:59:00.000Z"
LAST, NEXT = "2026-11-22", "2026-11-23"
NIGHT = pytest.mark.parametrize(
    ("now", "day"), [(EVENING, LAST), (MIDNIGHT, NEXT), (MORNING, NEXT)]
)


@NIGHT
def test_an_agreement_stands_on_its_last_day_until_midnight(now: str, day: str) -> None:
    deal = Dealing.open()
    deal.assessed()
    deal.confidential(begins_on="2026-11-01", ends_on=LAST)
    deal.firm.now = now
    assert release(deal) == ([] if day == LAST else ["no_nda_in_force"])


@NIGHT
def test_an_agreement_begins_at_midnight(now: str, day: str) -> None:
    deal = Dealing.open()
    deal.assessed()
    deal.confidential(begins_on=NEXT)
    deal.firm.now = now
    assert release(deal) == ([] if day == NEXT else ["no_nda_in_force"])


def test_the_calendar_says_where_midnight_is() -> None:
    """A firm in New York whose pack says so has its own evening."""
    deal = Dealing.open()
    deal.assessed()
    deal.confidential(begins_on="2026-11-01", ends_on=LAST)
    there = replace(policy(), calendar=Calendar(utc_offset_minutes=-300))
    deal.firm.now = "2026-11-23T04:59:59.000Z"
    assert release(deal, pack=there) == []
    assert release(deal) == ["no_nda_in_force"]
    deal.firm.now = "2026-11-23T05:00:00.000Z"
    assert release(deal, pack=there) == ["no_nda_in_force"]


@NIGHT
def test_training_counts_on_its_last_day_until_midnight(now: str, day: str) -> None:
    deal = Dealing.open().signed()
    said = train(deal.chen, on="2026-01-01", valid_to=LAST)
    deal.firm.does(deal.firm.wang, "administrator", said)
    deal.firm.now = now
    strict = replace(policy(), training=Training(mode="block"))
    case, _ = case_of(deal, strict)
    found = [one.detail for one in gates.against_untrained_signers(case, "handover")]
    assert found == ([] if day == LAST else ["not_trained"])


@NIGHT
def test_an_examination_of_this_morning_is_said_this_morning(now: str, day: str) -> None:
    deal = Dealing.open()
    deal.firm.now = now
    details = deal.firm.judge(deal.firm.wang, "administrator", train(deal.chen, on=NEXT))
    assert details == ([] if day == NEXT else ["not_yet_happened"])


@NIGHT
def test_a_consent_holds_on_its_last_day_until_midnight(now: str, day: str) -> None:
    crowd = Crowd.open()
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person, until=LAST)
    crowd.firm.now = now
    assert crowd.blocked(record) == ([] if day == LAST else ["no_consent"])


@NIGHT
def test_a_consent_does_not_end_on_the_day_before_it_was_given(now: str, day: str) -> None:
    crowd = Crowd.open()
    person = crowd.new("subject")
    crowd.found(person, crowd.contract())
    crowd.firm.now = now
    said = consent(person, crowd.buyer, now, until=LAST)
    assert crowd.says(said) == ([] if day == LAST else ["consent_ends_before_it_begins"])


@NIGHT
def test_what_must_be_kept_until_a_day_is_kept_until_its_midnight(now: str, day: str) -> None:
    estate = Estate.open()
    copy = estate.holding_of(estate.ready(day="2016-11-22"))
    estate.now = now
    said = propose(estate.new("destruction_case"), [copy])
    details = estate.judge(estate.wang, "archivist", said)
    assert details == (["minimum_period_runs"] if day == LAST else [])


@NIGHT
def test_a_day_to_come_is_not_over_before_its_midnight(now: str, day: str) -> None:
    """The end of a declared keeping, the term of a finding, of a copy of keys, and of a report."""
    estate, house, deal = Estate.open(), House(), Dealing.open()
    handover = estate.handed_over(estate.ready())
    (kept,) = estate.book.residual(handover, estate.party)
    house.opened()
    estate.now = house.firm.now = now
    over = day > LAST
    said = declare_residual(handover, kept).but(retain_until=LAST)
    details = estate.judge(estate.qian, "seller_handler", said)
    assert details == (["kept_until_a_day_gone_by"] if over else [])
    finding = raise_finding(house.audit, house.manager).but(due=LAST)
    assert house.says(finding) == (["due_day_is_past"] if over else [])
    keys = register_key_copy(estate.new("keycopy"), estate.party, estate.new("key"))
    details = estate.judge(estate.wang, "custodian", keys.but(expires_on=LAST, made_at=now))
    assert details == (["expires_before_it_was_made"] if over else [])
    document = deal.document("pipia")
    deal.firm.now = now
    report = assess(deal.engagement, document).but(retain_until="2029-11-22")
    details = deal.judge(deal.chen, "seller_handler", report)
    assert details == (["report_not_kept_long_enough"] if over else [])


@NIGHT
def test_a_year_of_notice_ends_on_a_day_of_the_calendar(now: str, day: str) -> None:
    deal = Dealing.open()
    paper = deal.confidential()
    deal.firm.now = now
    said = end_nda(deal.engagement, paper, "2027-11-24")
    details = deal.judge(deal.sun, "buyer_handler", said)
    assert details == ([] if day == NEXT else ["nda_ends_too_late"])


@NIGHT
def test_checks_fall_due_by_the_day_of_the_confirmation(now: str, day: str) -> None:
    """30, 90 and 180 days on; who checks on the last evening, by UTC, is in time."""
    estate = Estate.open()
    copy = estate.holding_of(estate.ready())
    handover = estate.inspected(copy)
    estate.now = now
    said = confirm(handover, [copy], estate.he)
    estate.does(estate.qian, "seller_handler", said, beside=estate.both_sides)
    due = sorted(later(f"{day}T00:00:00.000Z", days=days)[:10] for days in (30, 90, 180))
    for one in due:
        begins = later(f"{one}T00:00:00.000Z", hours=-8)
        estate.now = later(begins, seconds=-1)
        said = track(estate.deal, one, estate.now)
        hears = {"engagement": estate.deal}
        assert estate.judge(estate.qian, "seller_handler", said, **hears) == ["checked_before_due"]
        estate.now = begins
        assert closes(estate)[-1] == "tracking_not_done"
        estate.under(estate.qian, track(estate.deal, one, begins))
    assert "tracking_not_done" not in closes(estate)


@NIGHT
def test_a_backup_is_overdue_from_the_day_after_its_last_one(now: str, day: str) -> None:
    deal = Dealing.open().signed()
    protected(deal)
    strict = replace(policy(), gates=Gates(backup="block"))
    deal.firm.now = later(now, days=6)
    assert release(deal, pack=strict) == ([] if day == LAST else ALL_OVERDUE[:1])
