"""What a report repeats and what it does not, and events read together."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from domain import TOPICS
from ledger.errors import EncodingError
from ledger.evidence import decode_event
from ledger.verification.findings import LIMIT, Finding, Findings
from ledger.verification.reading import Reader
from tests.ledger.ledgers import Firm
from tests.ledger.tampering import act, flipped


def test_events_read_together_are_those_read_one_by_one(firm: Firm) -> None:
    """Every bit of every event flipped: both ways accept the same bytes."""
    act(firm)
    reader = Reader(())
    with closing(sqlite3.connect(firm.path / "ledger.db")) as connection:
        rows = connection.execute("SELECT state, topic FROM events").fetchall()
    for state, topic in rows[-8:]:
        for at in range(len(state)):
            for bits in (1, 0x20, 0x80):
                changed = flipped(state, at, bits)
                try:
                    expected = decode_event(changed)
                except EncodingError:
                    expected = None
                found = reader._fast([changed], [topic.encode()])
                if found is not None:
                    assert expected is not None
                    assert found[0].stream == expected.stream
                    assert found[0].version == expected.version
                elif expected is not None:
                    assert expected.__struct_config__.tag != topic


def test_every_event_class_has_a_twin(firm: Firm) -> None:
    reader = Reader(())
    with closing(sqlite3.connect(firm.path / "ledger.db")) as connection:
        rows = connection.execute("SELECT state, topic FROM events").fetchall()
    assert reader._fast([r[0] for r in rows], [r[1].encode() for r in rows]) is not None
    reader._prepare({topic.encode() for topic in TOPICS})
    assert len(reader.topic_of) == 2 * len(TOPICS)


def test_of_one_code_a_limited_number_is_listed_and_the_rest_counted() -> None:
    findings = Findings()
    for position in range(LIMIT + 7):
        findings.add("event_changed", "event", position=position)
    findings.add("sealed_missing", "sealed", position=1)
    listed = findings.sorted()
    assert len(listed) == LIMIT + 2
    assert listed[-1] == Finding("more_findings", None, None, "file", None, "7", "of event_changed")


@pytest.mark.parametrize(
    "text", ["张三", "Zhang San", "13800138000", "a@b.cn", "r.11010519491231002x"]
)
def test_what_is_no_id_code_digest_or_time_is_not_repeated(text: str) -> None:
    findings = Findings()
    findings.add("author_did_not_sign", "event", stream=text, actual=text)
    (finding,) = findings.sorted()
    assert finding.actual is not None
    assert text not in str(finding)
    assert finding.actual.startswith("sha256:")
