"""Documents: numbered without a gap, about what has happened, replaced or withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.document import (
    CertificateIssued,
    CertificateSuperseded,
    DocumentState,
    document_stream,
    number_of,
)
from domain.values import later
from tests.domain.estates import Estate, certify
from tests.domain.worlds import SEALED, Said


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
