"""Audits: by whom, of what, what they may say, and who sets right what they find (I-31, I-07)."""

from __future__ import annotations

from typing import Any

import pytest

from domain.audit import AuditState
from domain.listing import list_root
from domain.values import later
from tests.domain.audit_words import (
    BEGAN,
    ENDED,
    answer,
    draw,
    issue_report,
    open_audit,
    raise_finding,
    remediate,
    verify_remediation,
)
from tests.domain.deal_words import open_deal
from tests.domain.worlds import Firm, Person, Said, dismiss, grant, register_party

AUDITOR = "external_auditor"


class House:
    """A small firm, a firm of auditors that audits it, and an internal auditor."""

    def __init__(self) -> None:
        self.firm = firm = Firm.open()
        self.org, self.other = self.register("external_auditor"), self.register("external_auditor")
        self.lead = firm.hire(AUDITOR, party=self.org, function="external")
        self.deputy = firm.hire(AUDITOR, party=self.org, function="external")
        self.rival = firm.hire(AUDITOR, party=self.other, function="external")
        self.inside = firm.hire("internal_auditor")
        self.manager = firm.hire("dpo", "custodian")
        self.audit = firm.new("audit")

    def register(self, role: str) -> str:
        party = self.firm.new("party")
        said = register_party(party, party_role=role)
        self.firm.does(self.firm.wang, "administrator", said)
        return party

    @property
    def state(self) -> AuditState:
        state = self.firm.book.states[self.audit]
        assert isinstance(state, AuditState)
        return state

    def opening(self, lead: Person | None = None, **fields: Any) -> Said:
        """An external audit of the whole time until now, up to the last entry there is."""
        form = {
            "kind": "external", "auditor_org": (lead or self.lead).party, "period_from": BEGAN,
            "period_to": self.firm.now, "entry": len(self.firm.book.accepted) - 1,
        }  # fmt: skip
        return open_audit(self.audit, lead or self.lead, self.firm.party, **{**form, **fields})

    def inner(self, lead: Person | None = None, **fields: Any) -> Said:
        """An internal audit of the first minute."""
        entry = len(self.firm.book.accepted) - 1
        return open_audit(self.audit, lead or self.inside, self.firm.party, entry=entry, **fields)

    def opened(self, lead: Person | None = None, **fields: Any) -> House:
        """As `opening`, recorded under a new id."""
        self.audit = self.firm.new("audit")
        self.firm.does(lead or self.lead, AUDITOR, self.opening(lead, **fields))
        return self

    def says(self, said: Said, who: Person | None = None, role: Any = AUDITOR) -> list[str]:
        return self.firm.judge(who or self.lead, role, said)

    def does(self, said: Said, who: Person | None = None, role: Any = AUDITOR) -> House:
        self.firm.does(who or self.lead, role, said)
        return self

    def found(self, **fields: Any) -> House:
        said = raise_finding(self.audit, self.manager, **fields)
        return self.does(said)

    def remedied(self) -> House:
        return self.does(remediate(self.audit), self.manager, "dpo")

    def report(self, **fields: Any) -> Said:
        size = len(self.firm.book.accepted)
        return issue_report(self.audit, **{"checkpoint": size, **fields})

    def reported(self) -> House:
        return self.does(self.report())


@pytest.fixture
def house() -> House:
    return House()


# -- who may audit --------------------------------------------------------------------------------


def test_a_firm_of_auditors_audits_and_reports(house: House) -> None:
    assert house.says(house.opening()) == []
    assert house.says(house.opening(kind="ordered")) == []
    assert house.says(house.inner(), house.inside, "internal_auditor") == []
    assert house.opened().says(house.report()) == []


def test_an_audit_is_opened_once(house: House) -> None:
    house.opened()
    assert house.says(house.opening(consecutive=2)) == ["audit_already_opened"]


def test_a_custodian_opens_no_audit(house: House) -> None:
    said = house.opening(lead=house.firm.wang, auditor_org=house.org)
    assert "role_does_not_permit" in house.firm.judge(house.firm.wang, "custodian", said)


@pytest.mark.parametrize(("kind", "org"), [("internal", True), ("external", False),
                                           ("ordered", False)])  # fmt: skip
def test_only_an_internal_audit_has_no_firm(house: House, kind: str, org: bool) -> None:
    said = house.opening(kind=kind)
    if not org:
        del said.fields["auditor_org"]
    assert "auditor_org_does_not_fit" in house.says(said)


def test_an_internal_auditor_does_no_external_audit(house: House) -> None:
    house.does(grant(house.lead, "internal_auditor"), house.firm.wang, "administrator")
    assert "auditor_role_does_not_fit" in house.says(house.opening(), role="internal_auditor")
    house.opened()
    assert house.says(draw(house.audit, house.audit + "/1"), role="internal_auditor") == [
        "auditor_role_does_not_fit"
    ]


def test_the_audited_does_not_audit_itself_as_a_firm(house: House) -> None:
    own = house.firm.hire(AUDITOR)
    said = house.opening(own, auditor_org=house.firm.party)
    assert house.says(said, own) == ["auditor_is_the_audited"]


def test_a_side_of_the_deal_does_not_audit_the_deal(house: House) -> None:
    """The buyer's people look at the seller's custody: a side, not an auditor."""
    deal = house.firm.new("engagement")
    said = open_deal(deal, house.firm.party, house.org)
    house.firm.does(house.firm.wang, "administrator", said)
    assert house.says(house.opening(scope_engagement=deal)) == ["auditor_is_the_audited"]
    assert house.says(house.opening(scope_engagement=house.firm.new("engagement"))) == [
        "unknown_engagement"
    ]
    assert house.says(house.opening(house.rival, scope_engagement=deal), house.rival) == []


def test_the_lead_is_an_auditor_of_the_firm_that_audits(house: House) -> None:
    for lead in (house.rival, house.manager):
        said = house.opening(lead=lead, auditor_org=house.org)
        assert "lead_of_another_party" in house.says(said)
    clerk = house.firm.hire("counsel", party=house.org)
    assert house.says(house.opening(lead=clerk)) == ["lead_is_no_auditor"]
    stranger = Person(house.firm.new("actor"), house.org)
    assert house.says(house.opening(lead=stranger)) == ["unknown_actor"]


def test_nobody_opens_an_audit_for_another_firm(house: House) -> None:
    assert house.says(house.opening(), house.rival) == ["auditor_of_another_party"]


@pytest.mark.parametrize("role", ["administrator", "dpo", "supervisor", "security_officer"])
def test_an_auditor_with_an_operational_role_is_no_auditor(house: House, role: str) -> None:
    """Whoever gives out permissions, or protects data, does not say whether that was done well."""
    house.does(grant(house.inside, role), house.firm.wang, "administrator")
    assert house.says(house.inner(), house.inside, "internal_auditor") == ["auditor_was_operator"]


def test_a_custodian_does_not_become_an_auditor_of_the_own_time(house: House) -> None:
    """The role was given back the day before: what was done in it lies in the period."""
    firm = house.firm
    clerk = firm.hire("custodian")
    house.does(dismiss(clerk, "custodian"), firm.wang, "administrator")
    house.does(grant(clerk, "internal_auditor"), firm.wang, "administrator")
    said = house.inner(clerk)
    assert house.says(said, clerk, "internal_auditor") == ["auditor_was_operator"]
    assert house.says(said, house.inside, "internal_auditor") == ["auditor_was_operator"]
    firm.now = later(firm.now, days=30)
    fresh = house.inner(clerk).but(period_from=later(firm.now, days=-9), period_to=firm.now)
    assert house.says(fresh, clerk, "internal_auditor") == []


def test_a_role_in_another_deal_does_not_make_an_auditor_partial(house: House) -> None:
    firm = house.firm
    one, two = firm.new("engagement"), firm.new("engagement")
    for deal in (one, two):
        firm.does(firm.wang, "administrator", open_deal(deal, firm.party, firm.another_firm()))
    house.does(grant(house.inside, "supervisor", scope=one), firm.wang, "administrator")
    for deal, heard in ((one, ["auditor_was_operator"]), (two, [])):
        said = house.inner(scope_engagement=deal)
        assert house.says(said, house.inside, "internal_auditor") == heard
    assert house.says(house.inner(), house.inside, "internal_auditor") == ["auditor_was_operator"]


def test_who_becomes_an_operator_during_the_audit_says_nothing_more(house: House) -> None:
    house.does(house.inner(), house.inside, "internal_auditor")
    house.does(grant(house.inside, "dpo"), house.firm.wang, "administrator")
    event = f"{house.audit}/1"
    for said in (
        draw(house.audit, event), raise_finding(house.audit, house.manager), house.report(),
    ):  # fmt: skip
        assert house.says(said, house.inside, "internal_auditor") == ["auditor_was_operator"]


# -- what is audited ------------------------------------------------------------------------------


def test_an_audit_is_about_a_known_party(house: House) -> None:
    said = house.opening(scope_party=house.firm.new("party"))
    assert house.says(said) == ["unknown_party"]


@pytest.mark.parametrize(("first", "last"), [
    (BEGAN, BEGAN), (ENDED, BEGAN), (BEGAN, "2027-01-01T00:00:00.000Z"),
])  # fmt: skip
def test_a_period_is_over_before_it_is_audited(house: House, first: str, last: str) -> None:
    said = house.opening(period_from=first, period_to=last)
    assert house.says(said) == ["period_is_not_over"]


def test_no_entry_of_the_period_is_left_out(house: House) -> None:
    """An auditor who stops before what is awkward covers another period than is said."""
    whole = len(house.firm.book.accepted) - 1
    assert house.says(house.opening(entry=whole - 1)) == ["entries_of_the_period_left_out"]
    assert house.says(house.opening(entry=whole + 1)) == ["audited_beyond_what_was_seen"]
    assert house.says(house.opening(entry=1, period_to=ENDED)) == []


# -- how often in a row ---------------------------------------------------------------------------


def test_a_fourth_audit_in_a_row_is_refused(house: House) -> None:
    for count in (1, 2, 3):
        house.opened(consecutive=count).reported()
    assert house.says(house.opening(consecutive=4)) == ["audit_already_opened", "auditor_in_a_row"]
    house.audit = house.firm.new("audit")
    assert house.says(house.opening(consecutive=4)) == ["auditor_in_a_row"]
    assert house.says(house.opening(consecutive=1)) == [
        "audits_in_a_row_miscounted", "auditor_in_a_row",
    ]  # fmt: skip


def test_another_lead_of_the_same_firm_is_the_same_auditor(house: House) -> None:
    for count, lead in ((1, house.lead), (2, house.deputy), (3, house.lead)):
        house.opened(lead, consecutive=count)
        house.does(house.report(), lead)
    house.audit = house.firm.new("audit")
    fourth = house.opening(house.deputy, consecutive=4)
    assert house.says(fourth, house.deputy) == ["auditor_in_a_row"]


def test_audits_that_are_not_reported_count_for_whoever_opened_them(house: House) -> None:
    """Three opened at once and a fourth beside them: the same as one after the other."""
    for count in (1, 2, 3):
        house.opened(consecutive=count)
    house.audit = house.firm.new("audit")
    assert house.says(house.opening(consecutive=4)) == ["auditor_in_a_row"]


def test_a_sham_audit_of_another_firm_breaks_no_row(house: House) -> None:
    for count in (1, 2, 3):
        house.opened(consecutive=count).reported()
    house.opened(house.rival, consecutive=1)
    sham = house.audit
    house.audit = house.firm.new("audit")
    assert house.says(house.opening(consecutive=4)) == ["auditor_in_a_row"]
    house.does(issue_report(sham, checkpoint=len(house.firm.book.accepted)), house.rival)
    assert house.says(house.opening(consecutive=1)) == []


def test_an_internal_audit_breaks_no_row_of_external_ones(house: House) -> None:
    for count in (1, 2, 3):
        house.opened(consecutive=count).reported()
    house.audit = house.firm.new("audit")
    house.does(house.inner(), house.inside, "internal_auditor")
    house.does(house.report(), house.inside, "internal_auditor")
    house.audit = house.firm.new("audit")
    assert house.says(house.opening(consecutive=4)) == ["auditor_in_a_row"]
    assert house.says(house.inner(consecutive=2), house.inside, "internal_auditor") == []


def test_audits_of_another_party_are_another_row(house: House) -> None:
    for count in (1, 2, 3):
        house.opened(consecutive=count).reported()
    house.audit = house.firm.new("audit")
    assert house.says(house.opening(scope_party=house.other, consecutive=1)) == []


# -- samples --------------------------------------------------------------------------------------


def test_a_sample_is_numbered_and_no_larger_than_what_there_is(house: House) -> None:
    house.opened()
    event = f"{house.audit}/1"
    assert house.says(draw(house.audit, event)) == []
    assert house.says(draw(house.audit, event, number=2)) == ["number_gap_or_repeat"]
    assert house.says(draw(house.audit, event, house.lead.actor, count=1)) == [
        "sample_exceeds_population"
    ]
    house.does(draw(house.audit, event))
    assert house.says(draw(house.audit, event)) == ["number_gap_or_repeat"]
    assert house.says(draw(house.audit, event, number=2)) == []
    assert house.state.samples == 1


def test_what_is_listed_as_drawn_is_what_its_digest_says(house: House) -> None:
    house.opened()
    one, two = f"{house.audit}/1", f"{house.lead.actor}/1"
    good = draw(house.audit, one, two)
    backwards = sorted((one, two), reverse=True)
    wrong: tuple[dict[str, Any], ...] = (
        {"drawn": backwards, "drawn_digest": list_root(backwards)}, {"drawn": [two]},
        {"sample_size": 3}, {"drawn": []},
    )  # fmt: skip
    for fields in wrong:
        assert house.says(good.but(**fields)) == ["drawn_do_not_fit"], fields
    assert house.says(good.but(drawn_digest="7" * 64)) == ["drawn_do_not_fit"]
    assert house.says(good.but(drawn=[two, two], drawn_digest=list_root([two, two]))) == [
        "drawn_do_not_fit"
    ]
    many = good.but(sample_size=201, drawn=[], drawn_digest="7" * 64)
    assert house.says(many) == []
    assert house.says(many.but(drawn=[two])) == ["drawn_do_not_fit"]


def test_acts_are_somebodys(house: House) -> None:
    house.opened()
    said = draw(house.audit, f"{house.audit}/1")
    assert house.says(said.but(population="acts")) == ["population_does_not_fit"]
    assert house.says(said.but(acts_of=house.manager.actor)) == ["population_does_not_fit"]
    assert house.says(said.but(population="acts", acts_of=house.manager.actor)) == []
    assert house.says(said.but(population="acts", acts_of=house.firm.new("actor"))) == [
        "unknown_actor"
    ]


# -- findings -------------------------------------------------------------------------------------


def test_the_audited_raise_no_findings(house: House) -> None:
    """Neither in their own role nor as internal auditors of the same house."""
    house.opened()
    said = raise_finding(house.audit, house.manager)
    assert house.says(said, house.firm.wang, "custodian") == [
        "role_does_not_permit", "auditor_of_another_party", "auditor_was_operator",
    ]  # fmt: skip
    assert house.says(said, house.inside, "internal_auditor") == [
        "auditor_role_does_not_fit", "auditor_of_another_party",
    ]  # fmt: skip
    assert house.says(said, house.rival) == ["auditor_of_another_party"]
    assert house.says(said, house.deputy) == []


def test_a_finding_is_numbered_and_says_what_it_found(house: House) -> None:
    house.opened()
    good = raise_finding(house.audit, house.manager)
    assert house.says(good.but(finding=2)) == ["number_gap_or_repeat"]
    without = Said(good.kind, good.stream, {k: v for k, v in good.fields.items() if k != "sealed"})
    assert house.says(without) == ["text_must_be_sealed"]
    assert house.says(good.but(sample=1)) == ["unknown_sample"]
    assert house.says(good.but(rule="no_rule_of_ours")) == ["no_such_rule"]
    assert house.says(good.but(rule="access_needs_grant_and_purpose")) == []
    house.does(good)
    assert house.says(good) == ["number_gap_or_repeat"]


def test_a_finding_is_for_somebody_of_the_audited(house: House) -> None:
    house.opened()
    assert house.says(raise_finding(house.audit, house.rival)) == ["owner_is_not_of_the_audited"]
    nobody = Person(house.firm.new("actor"), house.firm.party)
    assert house.says(raise_finding(house.audit, nobody)) == ["unknown_actor"]


def test_an_internal_auditor_is_not_to_set_right_what_he_finds(house: House) -> None:
    house.does(house.inner(), house.inside, "internal_auditor")
    said = raise_finding(house.audit, house.inside)
    assert house.says(said, house.inside, "internal_auditor") == ["owner_is_the_auditor"]
    second = house.firm.hire("internal_auditor")
    assert house.says(said, second, "internal_auditor") == ["owner_is_the_auditor"]


def test_a_finding_is_due_on_a_day_to_come(house: House) -> None:
    house.opened()
    said = raise_finding(house.audit, house.manager)
    assert house.says(said.but(due="2026-11-20")) == ["due_day_is_past"]
    assert house.says(said.but(due="2027-02-30")) == ["no_such_day"]
    assert house.says(said.but(due=house.firm.now[:10])) == []


def test_a_finding_stands_on_events_that_there_are(house: House) -> None:
    house.opened()
    record = house.firm.collect()
    assert house.says(raise_finding(house.audit, house.manager, f"{record}/1")) == []
    for evidence in (f"{record}/2", f"{house.firm.new('record')}/1"):
        said = raise_finding(house.audit, house.manager, evidence)
        assert house.says(said) == ["unknown_evidence"]
    twice = raise_finding(house.audit, house.manager, f"{record}/1", f"{record}/1")
    assert house.says(twice) == ["item_named_twice"]


# -- what becomes of them -------------------------------------------------------------------------


def test_the_audited_answer_and_set_right_and_the_auditors_confirm(house: House) -> None:
    house.opened().found()
    house.does(answer(house.audit, response="disputed"), house.manager, "dpo")
    house.does(answer(house.audit), house.manager, "dpo")
    house.remedied().does(verify_remediation(house.audit, "ineffective"))
    assert (house.state.closed, house.state.findings[1].response) == (0, "accepted")
    house.remedied().does(verify_remediation(house.audit), house.deputy)
    assert house.state.closed == 1
    for said, who, role in (
        (answer(house.audit), house.manager, "dpo"),
        (remediate(house.audit), house.manager, "dpo"),
        (verify_remediation(house.audit), house.lead, AUDITOR),
    ):
        assert house.says(said, who, role) == ["finding_is_closed"]


def test_nobody_answers_for_another_party(house: House) -> None:
    house.opened().found()
    stranger = house.firm.hire("dpo", party=house.other)
    for said in (answer(house.audit), remediate(house.audit)):
        assert house.says(said, stranger, "dpo") == ["answer_of_another_party"]


def test_the_auditors_do_not_answer_their_own_findings(house: House) -> None:
    house.opened().found()
    for said in (answer(house.audit), remediate(house.audit)):
        assert "role_does_not_permit" in house.says(said)


def test_an_answer_says_something_about_a_finding_that_there_is(house: House) -> None:
    house.opened().found()
    for said in (answer(house.audit), remediate(house.audit)):
        empty = Said(said.kind, said.stream,
                     {k: v for k, v in said.fields.items() if k != "sealed"})  # fmt: skip
        assert house.says(empty, house.manager, "dpo") == ["text_must_be_sealed"]
        assert house.says(said.but(finding=2), house.manager, "dpo") == ["unknown_finding"]
    assert house.says(verify_remediation(house.audit, finding=2)) == ["unknown_finding"]


def test_nothing_is_confirmed_before_something_was_done(house: House) -> None:
    house.opened().found()
    assert house.says(verify_remediation(house.audit)) == ["nothing_to_verify"]
    house.remedied().does(verify_remediation(house.audit, "ineffective"))
    assert house.says(verify_remediation(house.audit)) == ["nothing_to_verify"]


def test_what_is_done_is_done_by_now_and_on_record(house: House) -> None:
    house.opened().found()
    tomorrow = remediate(house.audit, done_at=later(house.firm.now, days=1))
    assert house.says(tomorrow, house.manager, "dpo") == ["claimed_time_in_future"]
    unknown = remediate(house.audit, f"{house.firm.new('record')}/1")
    assert house.says(unknown, house.manager, "dpo") == ["unknown_evidence"]


def test_whoever_did_it_does_not_confirm_that_it_works(house: House) -> None:
    """The protection officer of then is an internal auditor now: the own remediation stays own."""
    firm = house.firm
    house.does(house.inner(), house.inside, "internal_auditor")
    clerk = firm.hire("dpo")
    said = raise_finding(house.audit, house.manager)
    house.does(said, house.inside, "internal_auditor")
    house.does(remediate(house.audit), clerk, "dpo")
    house.does(dismiss(clerk, "dpo"), firm.wang, "administrator")
    house.does(grant(clerk, "internal_auditor"), firm.wang, "administrator")
    heard = house.says(verify_remediation(house.audit), clerk, "internal_auditor")
    assert heard == ["auditor_was_operator", "verifier_remediated"]
    assert house.says(verify_remediation(house.audit), house.inside, "internal_auditor") == []


def test_the_owner_of_a_finding_does_not_confirm_it(house: House) -> None:
    firm = house.firm
    house.does(house.inner(), house.inside, "internal_auditor")
    owner = firm.hire("internal_auditor")
    house.does(raise_finding(house.audit, owner), house.inside, "internal_auditor")
    house.does(remediate(house.audit), house.manager, "dpo")
    heard = house.says(verify_remediation(house.audit), owner, "internal_auditor")
    assert heard == ["verifier_remediated"]


# -- the report -----------------------------------------------------------------------------------


def test_after_the_report_nothing_happens_but_remediation(house: House) -> None:
    house.opened().found()
    house.does(house.report(open=1, opinion="qualified"))
    event = f"{house.audit}/1"
    for said in (
        draw(house.audit, event), raise_finding(house.audit, house.manager, finding=2),
        house.report(open=1, opinion="adverse"),
    ):  # fmt: skip
        assert house.says(said) == ["audit_is_reported"]
    assert house.says(answer(house.audit), house.manager, "dpo") == ["audit_is_reported"]
    house.remedied()
    assert house.says(verify_remediation(house.audit)) == []


def test_the_lead_signs_the_report(house: House) -> None:
    assert house.opened().says(house.report(), house.deputy) == ["report_is_the_leads"]


def test_a_report_rests_on_a_replay_of_what_was_audited(house: House) -> None:
    size = len(house.opened().firm.book.accepted)
    assert house.says(house.report(checkpoint=size + 1)) == ["reported_beyond_what_was_seen"]
    assert house.says(house.report(checkpoint=house.state.entry)) == ["replay_covers_less"]
    assert house.says(house.report(checkpoint=house.state.entry + 1)) == []


def test_a_report_counts_the_findings_that_there_are(house: House) -> None:
    """A report that says one finding less would be another audit's."""
    house.opened().found(severity="low").found(finding=2, severity="medium").remedied()
    house.does(verify_remediation(house.audit))
    for counts in ((2, 0), (0, 1), (1, 0), (0, 0)):
        said = house.report(open=counts[0], closed=counts[1])
        assert house.says(said) == ["counts_are_not_the_findings"]
    assert house.says(house.report(open=1, closed=1)) == []


@pytest.mark.parametrize("severity", ["critical", "high"])
def test_no_opinion_is_unqualified_while_a_grave_finding_is_open(
    house: House, severity: str
) -> None:
    house.opened().found(severity=severity)
    assert house.says(house.report(open=1)) == ["opinion_does_not_fit_findings"]
    for opinion in ("qualified", "adverse", "disclaimer"):
        assert house.says(house.report(open=1, opinion=opinion)) == []
    house.remedied().does(verify_remediation(house.audit))
    assert house.says(house.report(closed=1)) == []


def test_without_a_finding_no_opinion_is_qualified(house: House) -> None:
    house.opened()
    for opinion in ("qualified", "adverse"):
        assert house.says(house.report(opinion=opinion)) == ["opinion_does_not_fit_findings"]
    assert house.says(house.report(opinion="disclaimer")) == []


def test_nothing_is_said_about_an_audit_that_is_not_there(house: House) -> None:
    event = f"{house.lead.actor}/1"
    for said in (draw(house.audit, event), raise_finding(house.audit, house.manager),
                 house.report()):  # fmt: skip
        assert house.says(said) == ["unknown_audit"]
    for said in (answer(house.audit), remediate(house.audit)):
        heard = house.says(said, house.manager, "dpo")
        assert heard == ["unknown_audit", "unknown_finding"]
    assert "unknown_audit" in house.says(verify_remediation(house.audit))
