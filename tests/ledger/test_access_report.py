"""The access-review report: what it finds, what it does not, and that anybody gets the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessDenied, RecordAccessed
from domain.training import TrainingCompleted
from domain.values import later
from ledger import acts, custody
from ledger.accessreview import Report, Terms, access_report
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.recorder import Submission
from ledger.signing import Proposal, now, sign_all
from tests.ledger.copying import gather, records
from tests.ledger.ledgers import add_person

CODES = {"mode": "view", "purpose": "service_delivery"}


class Shop:
    """A shop on its working days: Monday is the first of them; times are the shop's own clock."""

    def __init__(
        self, ledger: Ledger, admin: Acting, clerk: Acting, approver: Acting, sources: Path
    ) -> None:
        self.ledger, self.admin, self.clerk, self.approver = ledger, admin, clerk, approver
        files = {f"王小明 {n}.txt".encode(): f"合同 {n}".encode() for n in range(4)}
        gather(ledger, admin, sources, files)
        self.contracts = records(ledger)
        calendar = ledger.policy().calendar
        day = date.fromisoformat(now()[:10]) + timedelta(days=2)
        while not all(calendar.worked(day + timedelta(days=n)) for n in (0, 1)):
            day += timedelta(days=1)
        self.monday = day
        self.officer = add_person(ledger, admin, admin.state.party, ("dpo", "security_officer"))
        ledger.clock.confirmed = True
        self.at("08:00")
        for record in self.contracts:
            self.classify(record)

    def time(self, clock: str, day: int = 0) -> str:
        """A time of a day, counted from Monday, as the ledger writes it (the shop is at +08:00)."""
        midnight = f"{self.monday.isoformat()}T00:00:00.000Z"
        hours, minutes = map(int, clock.split(":"))
        return later(midnight, days=day, hours=hours - 8, seconds=minutes * 60)

    def at(self, clock: str, day: int = 0) -> str:
        moment = self.time(clock, day)
        self.ledger.clock.now = lambda: moment
        return moment

    def act(self, who: Acting, *proposals: Proposal, **options: Any) -> None:
        """It is said when it happens."""
        self.ledger.act(who, list(proposals), at=self.ledger.clock.now(), **options)

    def together(self, *proposals: Proposal) -> None:
        """What an approver signs besides the officer."""
        moment = self.ledger.clock.now()
        events, ciphertexts = self.ledger.build(self.officer, list(proposals), at=moment)
        beside = [self.approver.cosigner("approver")]
        unsigned = self.ledger.note_over(
            self.officer, events, ciphertexts, until=later(moment, days=1), cosigners=beside
        )
        signed = sign_all(unsigned.note, [self.officer.key, self.approver.key])
        self.ledger.record(events, Submission(signed, unsigned.states, unsigned.ciphertexts))

    def classify(self, record: str, **axes: Any) -> None:
        usual = {
            "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
            "sensitive_kinds": [], "profile": self.ledger.policy().classification.profile,
        }  # fmt: skip
        self.act(self.admin, acts.classify(self.ledger, record, {**usual, **axes}))

    def grant(self, to: Acting, **terms: Any) -> str:
        usual = {
            "records": [], "categories": ["contract"], "modes": ["view"],
            "purposes": ["service_delivery"], "begins": "2020-01-01T00:00:00.000Z",
            "ends": "2099-01-01T00:00:00.000Z",
        }  # fmt: skip
        proposal = custody.grant_access(to.actor, **{**usual, **terms})
        self.act(self.admin, proposal)
        return proposal.stream

    def copy_of(self, record: str) -> str:
        return acts.record_state(self.ledger, record).holdings[-1]

    def look(self, record: str, grant: str, who: Acting | None = None, **fields: Any) -> None:
        form = {**CODES, "holding": self.copy_of(record), "grant": grant, "outcome": "allowed"}
        sealed = {"ticket": "工单 88"}
        proposal = Proposal(RecordAccessed, record, {**form, "intact": True, **fields}, sealed)
        self.act(who or self.clerk, proposal)

    def break_glass(self, record: str) -> None:
        form = {"holding": self.copy_of(record), "mode": "view", "purpose": "break_glass"}
        fields = {**form, "outcome": "break_glass", "intact": True}
        proposal = Proposal(RecordAccessed, record, fields, {"reason": "水管爆裂"})
        self.act(self.clerk, proposal)

    def refused(self, record: str, rule: str, **fields: Any) -> None:
        form = {**CODES, "holding": self.copy_of(record), "rule": rule, **fields}
        self.act(self.clerk, Proposal(AccessDenied, record, form))

    def report(self, first: int = 0, last: int = 7, **terms: Any) -> Report:
        """On the days from one up to, and without, another one."""
        entry = terms.pop("entry", None)
        span = (self.time("00:00", first), self.time("00:00", last))
        return access_report(self.ledger, span, None, terms=Terms(**terms), entry=entry)


@pytest.fixture
def shop(
    ledger: Ledger, admin: Acting, clerk: Acting, second_person: Acting, sources: Path
) -> Shop:
    return Shop(ledger, admin, clerk, second_person, sources)


def kinds(report: Report) -> dict[str, int]:
    return {row["kind"]: row["count"] for row in report.anomalies}


def flags(report: Report, grant: str) -> list[str]:
    (row,) = (row for row in report.grants if row["grant"] == grant)
    return [flag for flag in row["flags"] if flag != "new"]


# -- what was done ------------------------------------------------------------------------------


def test_the_report_counts_what_the_register_counts(shop: Shop) -> None:
    one, other = shop.contracts[:2]
    grant = shop.grant(shop.clerk)
    shop.at("10:00")
    shop.look(one, grant)
    shop.look(other, grant)
    shop.refused(one, "no_grant")
    shop.at("14:00")
    shop.break_glass(one)
    report = shop.report()
    assert (report.allowed, report.denied, report.break_glass) == (2, 1, 1)
    assert report.counts["actor"] == {
        shop.clerk.actor: {"allowed": 2, "break_glass": 1, "denied": 1}
    }
    assert report.counts["hours"] == {
        "08-12": {"allowed": 2, "denied": 1}, "12-16": {"break_glass": 1},
    }  # fmt: skip
    assert report.counts["category"] == {"contract": {"allowed": 2, "break_glass": 1, "denied": 1}}
    assert set(report.counts["purpose"]) == {"service_delivery", "break_glass"}
    assert [(d["rule"], d["count"]) for d in report.denials] == [("no_grant", 1)]
    assert (kinds(report), report.anomalous) == ({}, 0)


def test_a_span_without_accesses_says_so_and_what_it_cannot_see(shop: Shop) -> None:
    report = shop.report(3, 4)
    assert report.coverage.none_recorded
    assert report.coverage.recorded == 0
    assert report.coverage.feeds == ("record.accessed", "record.access_denied")
    assert {"outside_muniment", "site_not_recorded", "no_staff_list"} <= set(report.coverage.limits)


def test_a_span_takes_its_first_moment_and_not_its_last(shop: Shop) -> None:
    grant = shop.grant(shop.clerk)
    first, last = shop.at("10:00"), shop.time("11:00")
    shop.look(shop.contracts[0], grant)
    shop.at("11:00")
    shop.look(shop.contracts[0], grant)
    for span, count in (((first, last), 1), ((last, later(last, seconds=1)), 1),
                        ((later(first, seconds=1), last), 0)):  # fmt: skip
        assert access_report(shop.ledger, span).allowed == count


# -- who may ------------------------------------------------------------------------------------


def test_a_grant_without_use_is_dormant_and_one_in_use_is_not(shop: Shop) -> None:
    used, unused = shop.grant(shop.clerk), shop.grant(shop.clerk)
    shop.at("10:00", 20)
    shop.look(shop.contracts[0], used)
    report = shop.report(20, 45)
    assert flags(report, unused) == ["dormant"]
    assert flags(report, used) == []
    assert flags(shop.report(0, 7), unused) == []


def test_a_grant_wider_than_its_use_is_excessive(shop: Shop) -> None:
    wide = shop.grant(shop.clerk, modes=["view", "export", "print"])
    shop.at("10:00", 1)
    shop.look(shop.contracts[0], wide)
    report = shop.report(1, 7)
    assert flags(report, wide) == ["excessive"]
    (row,) = report.grants
    assert row["unused_modes"] == ["export", "print"]
    assert [f["proposal"] for f in report.findings if f["subject"] == wide] == ["reduce"]


def test_the_grant_of_somebody_who_left_is_found(shop: Shop) -> None:
    grant = shop.grant(shop.clerk)
    assert flags(shop.report(), grant) == []
    shop.act(shop.admin, acts.revoke_role(shop.clerk.actor, "counsel", "left"))
    assert flags(shop.report(), grant) == ["leaver"]
    (finding,) = (f for f in shop.report().findings if f["kind"] == "leaver")
    assert (finding["severity"], finding["proposal"]) == ("high", "revoke")
    assert (finding["subject"], finding["owner"]) == (grant, shop.admin.actor)


def test_a_grant_that_is_over_and_one_that_was_replaced(shop: Shop) -> None:
    short = shop.grant(shop.clerk, ends=shop.time("12:00", 1))
    ended = shop.grant(shop.clerk)
    shop.at("09:00", 2)
    shop.act(shop.admin, custody.revoke_access(shop.ledger, ended, "superseded"))
    shop.grant(shop.clerk)
    report = shop.report(2, 3)
    assert flags(report, short) == ["expired"]
    assert flags(report, ended) == ["ended", "replaced"]
    assert report.grant_counts["all"] == 3
    assert ended not in {row["grant"] for row in shop.report(3, 4).grants}


def test_somebody_not_on_the_firms_own_list_is_found(shop: Shop) -> None:
    grant = shop.grant(shop.clerk)
    assert flags(shop.report(staff=frozenset({shop.clerk.actor})), grant) == []
    report = shop.report(staff=frozenset({shop.admin.actor}))
    assert flags(report, grant) == ["not_on_staff_list"]
    assert "no_staff_list" not in report.coverage.limits


def test_the_matrix_says_which_role_may_what(shop: Shop) -> None:
    shop.grant(shop.clerk, modes=["view", "print"])
    shop.grant(shop.clerk, categories=[], records=[shop.contracts[0]])
    cells = {(r["role"], r["category"], r["mode"]): r["grants"] for r in shop.report().matrix}
    assert cells == {("counsel", "contract", "view"): 2, ("counsel", "contract", "print"): 1}


def test_whoever_accesses_without_training_is_named(shop: Shop) -> None:
    grant = shop.grant(shop.clerk)
    shop.at("10:00")
    shop.look(shop.contracts[0], grant)
    (row,) = shop.report().training
    assert row["missing"] == ["confidentiality", "security"]
    form = {
        "mode": "offline", "on": shop.time("09:00")[:10], "pass_mark": 60,
        "valid_to": shop.time("09:00", 6)[:10],
    }  # fmt: skip
    for topic, score in (("confidentiality", 90), ("security", 59)):
        fields = {"topic": topic, "score": score, **form}
        shop.act(shop.officer, Proposal(TrainingCompleted, shop.clerk.actor, fields))
    assert shop.report(0, 5).training[0]["missing"] == ["security"]
    again = Proposal(
        TrainingCompleted, shop.clerk.actor, {"topic": "confidentiality", "score": 10, **form}
    )
    shop.act(shop.officer, again)  # the last examination counts
    assert shop.report(0, 5).training[0]["missing"] == ["confidentiality", "security"]
    assert shop.report(0, 30).training[0]["missing"] == ["confidentiality", "security"]


# -- what is unusual ----------------------------------------------------------------------------


@pytest.mark.parametrize(("clock", "usual"), [
    ("07:59", False), ("08:00", True), ("19:59", True), ("20:00", False), ("23:30", False),
])  # fmt: skip
def test_at_night_is_out_of_hours(shop: Shop, clock: str, usual: bool) -> None:
    grant = shop.grant(shop.clerk)
    shop.at(clock, 1)
    shop.look(shop.contracts[0], grant)
    report = shop.report()
    assert kinds(report) == ({} if usual else {"out_of_hours": 1})
    assert report.anomalous == (0 if usual else 1)


def test_a_day_off_is_out_of_hours(shop: Shop) -> None:
    grant, calendar = shop.grant(shop.clerk), shop.ledger.policy().calendar
    free = next(n for n in range(9) if not calendar.worked(shop.monday + timedelta(days=n)))
    shop.at("10:00", free)
    shop.look(shop.contracts[0], grant)
    assert kinds(shop.report(0, 10)) == {"out_of_hours": 1}


def test_much_given_out_in_a_day_is_a_bulk_export(shop: Shop) -> None:
    grant = shop.grant(shop.clerk, modes=["view", "export"])
    for day in (0, 1):
        shop.at("10:00", day)
        for record in shop.contracts[: 3 - day]:
            shop.look(record, grant, mode="export")
            shop.look(record, grant)  # only looked at
    report = shop.report(bulk=3)
    assert kinds(report) == {"bulk_export": 1}
    (row,) = report.anomalies[0]["rows"]
    assert (row["actor"], row["count"]) == (shop.clerk.actor, 3)
    assert report.anomalous == 3
    assert kinds(shop.report(bulk=4)) == {}


def test_restricted_and_held_are_as_of_the_access(shop: Shop) -> None:
    record = shop.contracts[0]
    grant = shop.grant(shop.clerk, purposes=["service_delivery", "dispute"])
    shop.at("10:00")
    shop.look(record, grant)
    shop.act(shop.officer, custody.restrict(record, "objection", None, None))
    sealed = {"authority": "法院"}
    hold = custody.place_hold("litigation", records=[record], scope="ids", sealed=sealed)
    shop.act(shop.officer, *hold)
    shop.look(record, grant, purpose="dispute")
    shop.refused(record, "record_is_restricted", grant=grant)
    shop.together(*custody.release_hold(shop.ledger, hold[0].stream, [record], "案结"))
    shop.look(record, grant, purpose="dispute")
    assert kinds(shop.report()) == {"restricted": 3, "held": 1}


def test_a_purpose_that_the_grant_does_not_have_is_a_mismatch(shop: Shop) -> None:
    grant = shop.grant(shop.clerk)
    shop.at("10:00")
    form = {"grant": grant, "purpose": "marketing"}
    shop.refused(shop.contracts[0], "grant_does_not_cover_purpose", **form)
    assert kinds(shop.report()) == {"purpose_mismatch": 1}


def test_sensitive_data_wants_a_customers_business(shop: Shop) -> None:
    record = shop.contracts[0]
    more = {"sensitivity": "sensitive_pi", "sensitive_kinds": ["financial_account"]}
    state = acts.record_state(shop.ledger, record)
    assert state.classification is not None
    purposes = ["service_delivery", "analysis"]
    wide = shop.grant(shop.clerk, purposes=purposes)
    exact = shop.grant(shop.clerk, purposes=purposes, records=[record], categories=[])
    shop.at("10:00")
    shop.look(record, wide, purpose="analysis")
    assert kinds(shop.report()) == {}
    shop.classify(record, **more)
    assert kinds(shop.report()) == {"sensitive_unlinked": 1}
    shop.look(record, exact, purpose="analysis")
    shop.look(record, wide)
    assert kinds(shop.report()) == {"sensitive_unlinked": 1}
    before = shop.report(entry=shop.ledger.seen()[0] - 4)
    assert kinds(before) == {}


def test_content_that_had_changed_is_named(shop: Shop) -> None:
    grant = shop.grant(shop.clerk)
    shop.at("10:00")
    shop.look(shop.contracts[0], grant, intact=False)
    assert kinds(shop.report()) == {"changed_content": 1}


def test_somebody_asked_for_what_is_gone(shop: Shop) -> None:
    record = shop.contracts[0]
    lost = acts.lose_holding(shop.copy_of(record), shop.at("09:00"), {"circumstances": "硬盘损坏"})
    shop.act(shop.admin, lost)
    shop.refused(record, "holding_is_lost")
    assert kinds(shop.report()) == {"gone": 1}


def test_an_emergency_is_late_until_somebody_has_reviewed_it(shop: Shop) -> None:
    happened = shop.at("10:00")
    shop.break_glass(shop.contracts[0])
    reviewed(shop, shop.time("00:00"), happened, (0, 0, 0))  # of what was before
    (row,) = shop.report().emergencies
    assert (row["late"], row["reviewed_at"], row["reason"]) == (False, None, "sealed")
    shop.at("10:00", 1)
    shop.classify(shop.contracts[1])
    assert not shop.report().emergencies[0]["late"]
    shop.at("10:01", 1)
    shop.classify(shop.contracts[2])
    assert shop.report().emergencies[0]["late"]
    assert "break_glass_unreviewed" in {f["kind"] for f in shop.report().findings}
    reviewed(shop, happened, shop.at("10:02", 1), (0, 0, 1))
    (row,) = shop.report().emergencies
    assert (row["reviewed_at"], row["late"]) == (shop.time("10:02", 1), True)


def test_an_emergency_that_was_reviewed_in_time_is_not_late(shop: Shop) -> None:
    happened = shop.at("10:00")
    shop.break_glass(shop.contracts[0])
    reviewed(shop, happened, shop.at("12:00"), (0, 0, 1))
    shop.at("10:00", 5)
    shop.classify(shop.contracts[1])
    (row,) = shop.report().emergencies
    assert (row["reviewed_at"], row["late"]) == (shop.time("12:00"), False)


def reviewed(shop: Shop, first: str, last: str, counts: Sequence[int]) -> None:
    names = ("allowed", "denied", "break_glass")
    counted = dict(zip(names, counts, strict=True))
    proposal = custody.review_access(shop.ledger.routine(), (first, last), counted, 0, "看过")
    shop.act(shop.officer, proposal)


# -- the same for everybody ---------------------------------------------------------------------


def busy(shop: Shop) -> None:
    grant = shop.grant(shop.clerk, modes=["view", "export"])
    for day in range(3):
        for clock in ("09:00", "12:30", "21:00"):
            shop.at(clock, day)
            shop.look(shop.contracts[day], grant, mode="export" if day else "view")
    shop.refused(shop.contracts[0], "no_grant")


def test_whoever_asks_again_as_of_the_same_entry_gets_the_same_bytes(shop: Shop) -> None:
    busy(shop)
    entry = shop.ledger.seen()[0] - 1
    first = shop.report()
    assert first.entry == entry
    shop.at("23:00", 2)
    shop.refused(shop.contracts[1], "no_grant")
    shop.grant(shop.clerk)
    shop.classify(shop.contracts[0], categories=["transaction"])
    assert shop.report().digest != first.digest
    assert shop.report(entry=entry).data == first.data
    assert sha256(first.data).hexdigest() == first.digest


def test_the_sample_is_drawn_by_its_seed_and_by_nobody(shop: Shop) -> None:
    busy(shop)
    drawn = {tuple(r["position"] for r in shop.report(sample=4, seed=s).sample) for s in "abcdef"}
    assert len(drawn) > 1
    again = [shop.report(sample=4, seed="a").sample for _ in range(2)]
    assert again[0] == again[1]
    assert {row["outcome"] for row in shop.report(sample=50).sample} == {"allowed"}
    assert len(shop.report(sample=50).sample) == 9
    assert shop.report(sample=4).method["seed"] == shop.report(sample=4).method["seed"]


def test_the_report_names_nobody_and_quotes_nothing(shop: Shop) -> None:
    busy(shop)
    shop.break_glass(shop.contracts[0])
    data = shop.report().data
    assert data.isascii()
    text = json.dumps(json.loads(data), ensure_ascii=False)
    for word in ("王小明", "李审核", "水管爆裂", "工单", ".txt"):
        assert word not in text


def test_of_many_anomalies_some_are_shown_and_all_are_counted(shop: Shop) -> None:
    busy(shop)
    report = shop.report(listed=1)
    assert kinds(report) == {"out_of_hours": 4}
    assert len(report.anomalies[0]["rows"]) == 1
    (finding,) = (f for f in report.findings if f["kind"] == "out_of_hours")
    assert finding["count"] == 4


# -- the review before --------------------------------------------------------------------------


def test_what_the_last_review_found_is_followed_up(shop: Shop) -> None:
    assert shop.report().follow_up is None
    unused = [shop.grant(shop.clerk) for _ in range(3)]
    first, last = shop.time("00:00"), shop.at("10:00", 40)
    reviewed(shop, first, last, (0, 0, 0))
    shop.at("11:00", 40)
    shop.act(shop.admin, custody.revoke_access(shop.ledger, unused[0], "role_ended"))
    shop.look(shop.contracts[0], unused[2])
    follow_up = shop.report(40, 42).follow_up
    assert follow_up is not None
    assert follow_up["flagged_grants"] == 3
    assert follow_up["still_open"] == [{"grant": unused[1], "flags": ["dormant"]}]
