"""Evidence: asked for with a purpose, approved by another, kept at home. What a ledger anchors."""

from __future__ import annotations

from typing import Any

import pytest

from domain.bundle import NOTHING
from tests.domain.deal_words import attach, open_deal
from tests.domain.evidence_words import SELECTION, anchor, approve, export, index, request
from tests.domain.worlds import START, Firm, Said, register_party

EARLIER = "2020-01-01T00:00:00.000Z"
LATER = "2099-02-01T00:00:00.000Z"


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


class Asking:
    """A record, and a bundle about it that nobody has asked for yet."""

    def __init__(self, firm: Firm) -> None:
        self.firm, self.record, self.bundle = firm, firm.collect(), firm.new("bundle")
        self.selection = NOTHING

    def request(self, **fields: Any) -> Said:
        return request(self.bundle, self.record, **fields)

    def hears(self, said: Said | None = None, **envelope: Any) -> list[str]:
        """What Wang hears who asks for the evidence."""
        how = {"purpose": "dispute", **envelope}
        return self.firm.judge(self.firm.wang, "custodian", said or self.request(), **how)

    def asked(self, **fields: Any) -> Asking:
        said = self.request(**fields)
        self.firm.does(self.firm.wang, "custodian", said, purpose="dispute")
        self.selection = said.fields["selection"]
        return self

    def export(self, object_: str | None = None) -> Said:
        return export(self.bundle, self.selection, object_ or self.record)

    def approves(self, who: Any = None, said: Said | None = None) -> list[str]:
        person = who or self.firm.hire("dpo")
        return self.firm.judge(person, "dpo", said or approve(self.bundle, self.selection))

    def approved(self) -> Asking:
        self.firm.does(self.firm.hire("dpo"), "dpo", approve(self.bundle, self.selection))
        return self

    def exports(self, said: Said | None = None, who: Any = None) -> list[str]:
        asked = said or self.export()
        return self.firm.judge(who or self.firm.wang, "custodian", asked)


@pytest.fixture
def asking(firm: Firm) -> Asking:
    return Asking(firm)


# -- what is asked for ----------------------------------------------------------------------------


def test_evidence_of_a_record_is_asked_for_and_exported(asking: Asking) -> None:
    assert asking.hears() == []
    assert asking.asked().exports() == []


def test_request_and_export_may_stand_in_one_commit(asking: Asking) -> None:
    said = [asking.request(), asking.export()]
    assert asking.firm.judge(asking.firm.wang, "custodian", *said, purpose="dispute") == []


def test_evidence_is_asked_for_with_a_purpose(asking: Asking) -> None:
    said = asking.request()
    assert asking.firm.judge(asking.firm.wang, "custodian", said) == ["export_without_purpose"]


def test_a_bundle_is_asked_for_once(asking: Asking) -> None:
    asking.asked()
    assert asking.hears() == ["already_requested"]


@pytest.mark.parametrize("fields", [
    {"kind": "handover"}, {"kind": "period"}, {"begins": START}, {"ends": LATER},
    {"kind": "period", "begins": START, "ends": LATER},
])  # fmt: skip
def test_a_scope_is_one_thing(asking: Asking, fields: dict[str, Any]) -> None:
    assert asking.hears(asking.request(**fields)) == ["scope_does_not_fit"]


def test_a_scope_without_an_object_is_a_whole_span(asking: Asking) -> None:
    span = {"kind": "period", "begins": EARLIER, "ends": START}
    assert asking.hears(request(asking.bundle, **span)) == []
    assert asking.hears(request(asking.bundle, kind="record")) == ["scope_does_not_fit"]
    assert asking.hears(request(asking.bundle, kind="period", begins=START)) == [
        "scope_does_not_fit"
    ]
    for ends in (START, EARLIER):
        asked = request(asking.bundle, **{**span, "begins": START, "ends": ends})
        assert asking.hears(asked) == ["ended_before_started"]


def test_evidence_of_a_period_waits_until_it_is_over(asking: Asking) -> None:
    """What is accepted later would be missing, and a bundle that says complete would not be."""
    asked = request(asking.bundle, kind="period", begins=START, ends=LATER)
    assert asking.hears(asked) == ["period_not_over"]


@pytest.mark.parametrize("fields", [
    {"opened": 0, "selection": SELECTION}, {"opened": 1, "selection": NOTHING},
    {"withheld": 1, "selection": NOTHING},
])  # fmt: skip
def test_counts_fit_what_is_selected(asking: Asking, fields: dict[str, Any]) -> None:
    """Else something would be shown in clear that nobody was asked to approve."""
    assert asking.hears(asking.request(**fields)) == ["selection_does_not_fit"]


def test_nobody_asks_for_what_is_not_there(asking: Asking) -> None:
    said = request(asking.bundle, asking.firm.new("record"))
    assert asking.hears(said) == ["unknown_scope"]


def test_a_recipient_named_is_known(asking: Asking) -> None:
    said = asking.request(recipient_party=asking.firm.new("party"))
    assert asking.hears(said) == ["unknown_party"]


# -- nothing goes abroad without approval ---------------------------------------------------------


def approval(firm: Firm, kind: str = "foreign_approval", **fields: Any) -> str:
    document = firm.new("document")
    firm.does(firm.wang, "custodian", attach(document, kind, **fields))
    return document


@pytest.mark.parametrize("jurisdiction", ["cn_hk", "cn_mo", "cn_tw", "eu", "other"])
def test_a_foreign_court_needs_the_authoritys_approval(asking: Asking, jurisdiction: str) -> None:
    assert asking.hears(asking.request(jurisdiction=jurisdiction)) == [
        "foreign_recipient_needs_approval"
    ]
    granted = approval(asking.firm)
    assert asking.hears(asking.request(jurisdiction=jurisdiction, approval=granted)) == []


def test_a_foreign_party_is_foreign_wherever_the_file_is_sent(asking: Asking) -> None:
    party = asking.firm.new("party")
    abroad = register_party(party, jurisdiction="eu")
    asking.firm.does(asking.firm.wang, "administrator", abroad)
    said = asking.request(recipient_party=party, recipient="counterparty")
    assert asking.hears(said) == ["foreign_recipient_needs_approval"]


def test_another_paper_is_no_approval(asking: Asking) -> None:
    opinion = approval(asking.firm, "legal_opinion")
    for document in (opinion, asking.firm.new("document"), asking.record):
        said = asking.request(jurisdiction="eu").but(approval=document)
        assert asking.hears(said)[0] in {"foreign_recipient_needs_approval", "malformed_field"}


def test_an_approval_is_for_the_matter_that_it_was_attached_to(asking: Asking) -> None:
    firm = asking.firm
    document, deal = firm.new("document"), firm.new("engagement")
    buyer = firm.another_firm()
    firm.does(firm.wang, "administrator", open_deal(deal, firm.party, buyer))
    firm.does(firm.wang, "custodian", attach(document, "foreign_approval"), engagement=deal)
    said = asking.request(jurisdiction="eu", approval=document)
    assert asking.hears(said) == ["foreign_approval_of_another_matter"]


def test_an_approval_that_is_over_permits_nothing(asking: Asking) -> None:
    old = approval(asking.firm, begins_on="2025-01-01", ends_on="2025-12-31")
    said = asking.request(jurisdiction="eu", approval=old)
    assert asking.hears(said) == ["foreign_approval_not_in_force"]


# -- what is shown in clear -----------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"opened": 1}, {"attached": 1}])
def test_nothing_goes_in_clear_before_another_approved(
    asking: Asking, fields: dict[str, Any]
) -> None:
    asking.asked(**fields)
    assert asking.exports() == ["export_needs_approval"]
    assert asking.approved().exports() == []


def test_whoever_asks_does_not_approve(asking: Asking) -> None:
    asking.asked(opened=1)
    firm = asking.firm
    assert firm.judge(firm.wang, "administrator", approve(asking.bundle, asking.selection)) == [
        "approver_is_requester"
    ]


def test_a_request_is_approved_once(asking: Asking) -> None:
    assert asking.asked(opened=1).approved().approves() == ["already_approved"]


def test_the_other_party_does_not_approve(asking: Asking) -> None:
    stranger = asking.firm.hire("dpo", party=asking.firm.another_firm())
    assert asking.asked(opened=1).approves(stranger) == ["approver_of_another_party"]


def test_an_approval_is_of_what_was_asked_for(asking: Asking) -> None:
    asking.asked(opened=1)
    assert asking.approves(said=approve(asking.bundle, "6" * 64)) == ["another_selection"]
    assert asking.approves(said=approve(asking.firm.new("bundle"))) == ["unknown_request"]


def test_a_reviewer_approves_nothing(asking: Asking) -> None:
    asking.asked(opened=1)
    said = approve(asking.bundle)
    assert asking.firm.judge(asking.firm.li, "reviewer", said) == ["role_does_not_permit"]


# -- what goes ------------------------------------------------------------------------------------


def test_what_goes_is_what_was_asked_for(asking: Asking) -> None:
    asking.asked()
    other = asking.firm.collect()
    for said in (
        export(asking.bundle, "6" * 64, asking.record), asking.export(other),
        export(asking.bundle, asking.selection, kind="period", begins=START, ends=LATER),
    ):  # fmt: skip
        assert asking.exports(said) == ["another_selection"]


def test_nothing_goes_that_nobody_asked_for(asking: Asking) -> None:
    assert asking.exports() == ["unknown_request"]


def test_a_bundle_goes_once_and_is_not_approved_afterwards(asking: Asking) -> None:
    asking.asked(opened=1).approved()
    asking.firm.does(asking.firm.wang, "custodian", asking.export())
    assert asking.exports() == ["already_exported"]
    assert asking.approves() == ["already_exported"]


def test_another_party_exports_nothing_for_whoever_asked(asking: Asking) -> None:
    stranger = asking.firm.hire("custodian", party=asking.firm.another_firm())
    assert asking.asked().exports(who=stranger) == ["exporter_of_another_party"]


def test_an_approval_that_ends_before_the_export_stops_it(asking: Asking) -> None:
    firm = asking.firm
    granted = approval(firm, ends_on=firm.now[:10])
    asking.asked(jurisdiction="eu", approval=granted)
    firm.now = "2027-01-01T00:00:00.000Z"
    assert asking.exports() == ["foreign_approval_not_in_force"]


# -- what the ledger anchors ----------------------------------------------------------------------


def test_an_index_is_published_over_what_was_seen(firm: Firm) -> None:
    assert firm.judge(firm.wang, "administrator", index(firm.ledger)) == []
    assert firm.judge(firm.wang, "administrator", index(firm.ledger, size=10_000)) == [
        "indexed_beyond_what_was_seen"
    ]
    assert firm.judge(firm.wang, "administrator", index(firm.new("ledger"))) == ["unknown_ledger"]


def test_an_index_covers_more_than_the_one_before(firm: Firm) -> None:
    firm.collect()
    firm.does(firm.wang, "administrator", index(firm.ledger, size=2))
    for size in (1, 2):
        assert firm.judge(firm.wang, "administrator", index(firm.ledger, size=size)) == [
            "already_indexed"
        ]
    assert firm.judge(firm.wang, "administrator", index(firm.ledger, size=3)) == []


def test_a_time_stamp_is_over_what_was_seen_and_recorded_once(firm: Firm) -> None:
    assert firm.judge(firm.wang, "administrator", anchor(firm.new("ledger"))) == ["unknown_ledger"]
    assert firm.judge(firm.wang, "administrator", anchor(firm.ledger, size=10_000)) == [
        "anchored_beyond_what_was_seen"
    ]
    firm.does(firm.wang, "administrator", anchor(firm.ledger))
    assert firm.judge(firm.wang, "administrator", anchor(firm.ledger)) == ["already_anchored"]
    assert firm.judge(firm.wang, "administrator", anchor(firm.ledger, token="4" * 64)) == []


def test_a_time_stamp_has_a_time(firm: Firm) -> None:
    said = anchor(firm.ledger, gen_time="2026-02-30T00:00:00.000Z")
    assert firm.judge(firm.wang, "administrator", said) == ["not_a_time"]
