"""Documents: numbered without a gap, about what has happened, replaced or withdrawn."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from msgspec import UNSET

from domain.codes import DocumentKind
from domain.document import (
    ISSUERS,
    PREFIXES,
    CertificateIssued,
    CertificateSuperseded,
    DocumentState,
    IssuedKind,
    document_stream,
    number_of,
)
from domain.values import later
from tests.domain.deal_words import close, dispose
from tests.domain.estates import Estate, certify
from tests.domain.words import freeze, review_access
from tests.domain.worlds import SEALED, START, Person, Said


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def certified(estate: Estate) -> str:
    """The certifying event of a case of one copy."""
    copy = estate.holding_of(estate.ripe())
    case = estate.verified(copy)
    estate.does(estate.wang, "archivist", certify(case, [copy]))
    return f"{case}/{estate.case(case).version}"


def issue(estate: Estate, source: str, nth: int = 1, **fields: Any) -> Said:
    """What Wang says who issues the `nth` certificate of the day."""
    kind = fields.get("kind", "destruction_certificate")
    issued_at = fields.get("issued_at", estate.now)
    named = fields.pop("number", number_of(kind, issued_at, nth))
    stream = fields.pop("stream", None) or document_stream(named)
    form = {
        "kind": kind, "number": named, "source": source, "issued_at": issued_at, "checkpoint": 1,
        "template_version": 1, "locale": "zh_en", "twin": "1" * 64, "pdf": "2" * 64,
        "sealed": SEALED,
    }  # fmt: skip
    return Said(CertificateIssued, stream, {**form, **fields})


def supersede(document: str, **fields: Any) -> Said:
    return Said(CertificateSuperseded, document, fields)


def issuing(estate: Estate, source: str, nth: int = 1, **fields: Any) -> list[str]:
    return estate.judge(estate.wang, "archivist", issue(estate, source, nth, **fields))


def issued(estate: Estate, source: str, nth: int = 1) -> str:
    said = issue(estate, source, nth)
    estate.does(estate.wang, "archivist", said)
    return said.stream


def superseding(estate: Estate, document: str, **fields: Any) -> list[str]:
    return estate.judge(estate.wang, "archivist", supersede(document, **fields))


# -- numbers ----------------------------------------------------------------------------------


def test_numbers_run_without_a_gap_and_none_is_given_twice(estate: Estate) -> None:
    source = certified(estate)
    assert issuing(estate, source, 2) == ["number_left_out"]
    first = issued(estate, source)
    assert issuing(estate, source, stream=first) == ["already_issued"]
    assert issuing(estate, source, 3) == ["number_left_out"]
    assert issuing(estate, source, 2) == []


def test_a_number_is_of_its_kind_and_of_the_day_in_china(estate: Estate) -> None:
    source = certified(estate)
    other = number_of("destruction_list", estate.now, 1)
    assert issuing(estate, source, number=other) == ["number_of_another_day_or_kind"]
    tomorrow = number_of("destruction_certificate", later(estate.now, days=1), 1)
    assert issuing(estate, source, number=tomorrow) == ["number_of_another_day_or_kind"]
    nought = number_of("destruction_certificate", estate.now, 0)
    assert issuing(estate, source, number=nought) == ["number_of_another_day_or_kind"]
    assert number_of("destruction_list", "2026-12-31T15:59:59.999Z", 1) == "QC-20261231-0001"
    assert number_of("destruction_list", "2026-12-31T16:00:00.000Z", 1) == "QC-20270101-0001"


def test_the_stream_follows_from_the_number(estate: Estate) -> None:
    source = certified(estate)
    assert issuing(estate, source, stream=estate.new("document")) == ["number_of_another_document"]
    streams = {document_stream(f"XH-20261121-{number:04}") for number in range(1, 2001)}
    assert len(streams) == 2000


# -- what it says -----------------------------------------------------------------------------


def test_a_certificate_is_of_a_certified_case_and_of_all_of_it(estate: Estate) -> None:
    copy = estate.holding_of(estate.ripe())
    case = estate.verified(copy)
    version = estate.case(case).version
    assert issuing(estate, f"{case}/{version}") == ["not_certified"]
    estate.does(estate.wang, "archivist", certify(case, [copy]))
    assert issuing(estate, f"{case}/{version}") == ["not_certified"]
    assert issuing(estate, f"{case}/{version + 1}") == []
    assert issuing(estate, f"{case}/{version + 2}") == ["unknown_source"]
    assert issuing(estate, f"{estate.new('destruction_case')}/1") == ["unknown_source"]


def test_a_list_is_of_an_approved_case(estate: Estate) -> None:
    copy = estate.holding_of(estate.ripe())
    case = estate.appraised(copy)
    source = f"{case}/{estate.case(case).version}"
    assert issuing(estate, source, kind="destruction_list") == ["not_approved"]
    case = estate.approved(estate.holding_of(estate.ripe()))
    source = f"{case}/{estate.case(case).version}"
    assert issuing(estate, source, kind="destruction_list") == []


def test_a_drill_report_is_of_a_backup(estate: Estate) -> None:
    backup, _ = estate.copied(estate.holding_of(estate.ready()))
    assert issuing(estate, f"{backup}/1", kind="restore_drill_report") == []
    assert issuing(estate, f"{backup}/9", kind="restore_drill_report") == ["unknown_source"]
    assert issuing(estate, certified(estate), kind="restore_drill_report") == ["unknown_source"]


def test_a_document_speaks_of_the_past_and_of_a_state_that_was_seen(estate: Estate) -> None:
    source = certified(estate)
    ahead = later(estate.now, seconds=1)
    assert issuing(estate, source, issued_at=ahead) == ["not_yet_happened"]
    assert issuing(estate, source, checkpoint=10_000) == ["state_was_not_seen"]
    assert issuing(estate, source, sealed=UNSET) == ["nonce_must_be_sealed"]


def test_nobody_issues_what_another_party_did(estate: Estate) -> None:
    source = certified(estate)
    said = issue(estate, source)
    assert estate.judge(estate.lin, "archivist", said) == ["not_the_actors_party"]
    document = issued(estate, source)
    said = supersede(document, sealed=SEALED)
    assert estate.judge(estate.lin, "archivist", said) == ["not_the_actors_party"]


# -- what is issued about a deal --------------------------------------------------------------


def judged(
    estate: Estate, kind: str, source: str, who: Person | None = None, role: Any = "seller_handler"
) -> list[str]:
    """What somebody hears, Qian if nobody is named, who issues the first document of a kind."""
    return estate.judge(who or estate.qian, role, issue(estate, source, kind=kind))


def last(estate: Estate, stream: str) -> str:
    """The last event of a stream."""
    return f"{stream}/{estate.state(stream).version}"


def test_every_kind_of_document_has_a_prefix_of_its_own() -> None:
    assert set(PREFIXES) == set(get_args(IssuedKind)) == set(ISSUERS)
    assert len(set(PREFIXES.values())) == len(PREFIXES)
    assert set(get_args(IssuedKind)) <= set(get_args(DocumentKind))


def test_a_handover_list_is_frozen_whole_and_a_confirmation_confirmed(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    planned = estate.planned()
    assert judged(estate, "handover_list", last(estate, planned)) == ["list_not_whole"]
    estate.does(estate.qian, "seller_handler", freeze(planned, [copy]))
    frozen = last(estate, planned)
    assert judged(estate, "handover_list", frozen) == []
    assert judged(estate, "handover_list", f"{planned}/9") == ["unknown_source"]
    assert judged(estate, "handover_confirmation", frozen) == ["handover_not_confirmed"]
    assert judged(estate, "handover_list", f"{estate.deal}/1") == ["unknown_source"]
    done = estate.handed_over(estate.holding_of(estate.ready()))
    assert judged(estate, "handover_confirmation", last(estate, done)) == []


def test_both_sides_and_nobody_else_issue_what_was_handed_over(estate: Estate) -> None:
    source = last(estate, estate.handed_over(estate.holding_of(estate.ready())))
    stranger = estate.hire("seller_handler", party=estate.another_firm())
    for who, role in ((estate.qian, "seller_handler"), (estate.he, "buyer_handler"),
                      (estate.ma, "supervisor"), (estate.wang, "archivist")):  # fmt: skip
        assert judged(estate, "handover_confirmation", source, who, role) == []
    assert judged(estate, "handover_confirmation", source, stranger) == ["not_the_actors_party"]


def test_a_role_issues_its_own_kinds_only(estate: Estate) -> None:
    """Whoever hands over does not certify a destruction, nor withdraws its certificate."""
    source = certified(estate)
    assert judged(estate, "destruction_certificate", source) == ["role_does_not_permit"]
    document = issued(estate, source)
    said = supersede(document, sealed=SEALED)
    assert estate.judge(estate.qian, "seller_handler", said) == ["role_does_not_permit"]
    assert judged(estate, "closing_report", source, estate.sun, "security_officer") == [
        "role_does_not_permit", "unknown_source"
    ]  # fmt: skip


def test_a_notice_is_the_one_that_was_issued(estate: Estate) -> None:
    estate.ready()  # its subject is told: the notice goes on with a delivery
    assert estate.state(estate.notice).version > 1
    assert judged(estate, "transfer_notice", f"{estate.notice}/1") == []
    assert judged(estate, "transfer_notice", f"{estate.notice}/2") == ["not_the_notice"]
    assert judged(estate, "transfer_notice", f"{estate.deal}/1") == ["unknown_source"]
    theirs = judged(estate, "transfer_notice", f"{estate.notice}/1", estate.lin, "custodian")
    assert theirs == ["not_the_actors_party"]


def test_an_access_review_is_of_accesses_that_were_reviewed(estate: Estate) -> None:
    sun = (estate.sun, "security_officer")
    assert judged(estate, "access_review", f"{estate.deal}/1", *sun) == ["nothing_was_reviewed"]
    said = review_access(estate.deal, START, estate.now, 0, 0, 0)
    estate.does(estate.sun, "security_officer", said, engagement=estate.deal)
    assert judged(estate, "access_review", last(estate, estate.deal), *sun) == []
    assert judged(estate, "access_review", f"{estate.deal}/1", *sun) == ["nothing_was_reviewed"]
    stranger = estate.hire("external_auditor", party=estate.another_firm())
    assert judged(
        estate, "access_review", last(estate, estate.deal), stranger, "external_auditor"
    ) == ["not_the_actors_party"]  # fmt: skip


def test_a_closing_report_is_of_a_deal_that_is_closed(estate: Estate) -> None:
    assert judged(estate, "closing_report", last(estate, estate.deal)) == ["engagement_is_open"]
    gone = dispose(estate.deal, estate.he.party, estate.now, how="none_kept", count=0)
    estate.does(estate.he, "buyer_handler", gone, engagement=estate.deal)
    said = close(estate.deal, "failed")
    estate.does(estate.qian, "seller_handler", said, engagement=estate.deal)
    assert judged(estate, "closing_report", last(estate, estate.deal)) == []


# -- what stands ------------------------------------------------------------------------------


def test_a_document_is_replaced_by_one_about_the_same_that_stands(estate: Estate) -> None:
    source, other = certified(estate), certified(estate)
    old, about_another = issued(estate, source), issued(estate, other, 2)
    for wrong in (about_another, old, estate.new("document")):
        assert superseding(estate, old, replaced_by=wrong) == ["not_a_replacement"]
    new = issued(estate, source, 3)
    estate.does(estate.wang, "archivist", supersede(old, replaced_by=new))
    assert superseding(estate, new, replaced_by=old) == ["not_a_replacement"]
    assert superseding(estate, old, replaced_by=new) == ["document_is_superseded"]
    state = estate.state(old)
    assert isinstance(state, DocumentState)
    assert state.superseded
    assert state.subject == source.rpartition("/")[0]


def test_a_document_is_withdrawn_with_a_reason(estate: Estate) -> None:
    assert superseding(estate, estate.new("document")) == ["unknown_document"]
    document = issued(estate, certified(estate))
    assert superseding(estate, document) == ["withdrawal_needs_reason"]
    assert superseding(estate, document, sealed=SEALED) == []
