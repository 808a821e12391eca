"""An auditor wants a good report of a ledger in which something forbidden was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from ledger import acts
from ledger.audit.outcome import read_replayed
from tests.ledger.auditdesk import AuditDesk, audit_desk
from tests.ledger.ledgers import Firm, collect_files
from tests.ledger.replayed import modified_client


@pytest.fixture
def forbidden(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    """Whoever collected a record reviews it, with a client that judges nothing; then an audit."""
    desk = audit_desk(firm, tmp_path, monkeypatch)
    with desk.firm.open() as ledger:
        admin = ledger.acting(desk.founder)
        (collected,) = collect_files(ledger, admin, desk.home / "合同")
        with modified_client(monkeypatch):
            ledger.act(admin, [acts.review(collected.record, ["accuracy"], "pass")])
    desk.opened()
    return desk


def test_nothing_is_left_out_of_the_replay(forbidden: AuditDesk) -> None:
    arguments = forbidden.report("--limitations", "x", opinion="disclaimer")
    file = forbidden.home / "replay.json"
    replayed = read_replayed(file.read_bytes())
    assert "not_permitted" in {one.code for one in replayed.findings}
    emptied = structs.replace(replayed, findings=(), law={})
    file.write_bytes(emptied.json())
    said = forbidden.error(*arguments, code=3)
    assert "lacks" in said["message"]
    assert not forbidden.shown()["report"]


def test_no_opinion_is_unqualified_while_a_grave_thing_was_replayed_and_not_raised(
    forbidden: AuditDesk,
) -> None:
    said = forbidden.error(*forbidden.report(opinion="unqualified"), code=2)
    assert "not_permitted" in said["message"]
    assert not forbidden.shown()["report"]


def test_what_was_raised_and_set_right_may_be_followed_by_an_unqualified_opinion(
    forbidden: AuditDesk,
) -> None:
    """Whether it was set right is for the auditors to confirm; then the opinion is theirs."""
    replay = forbidden.replayed()
    findings = read_replayed(replay.read_bytes()).findings
    for item, one in enumerate(findings, 1):
        if one.severity in ("critical", "high"):
            number = forbidden.found("--replay", str(replay), "--item", str(item))
            forbidden.remedied(number)
            forbidden.did("audit", "confirm", forbidden.audit, str(number), "--outcome",
                          "effective", "--as", forbidden.feng)  # fmt: skip
    assert forbidden.json(*forbidden.report(opinion="unqualified"))["report"]
