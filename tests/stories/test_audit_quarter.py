"""Two quarters of an audit: found, answered, set right, confirmed, reported; and followed up.

Feng's firm audits the cleaning company. In the first quarter it finds a permission that nobody
needed any more and a table that nobody looked through. One is set right before the report, the
other not; the next quarter begins with what was left open.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.ledger.auditdesk import LONG_AGO, AuditDesk
from tests.ledger.desk import cheap_keys
from tests.ledger.ledgers import Firm, add_person


class Quarter(AuditDesk):
    """The desk, with records, somebody who may look at them, and what she did."""

    def __init__(self, firm: Firm, home: Path) -> None:
        super().__init__(firm, home)
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            self.zhou = add_person(ledger, admin, self.party, ("collector",)).actor
        self.records = [self.collect(f"合同{n}.txt", f"第 {n} 号合同") for n in range(3)]
        for record in self.records:
            self.did("classify", record, "--category", "contract", "--level", "general_3",
                     "--sensitivity", "general_pi")  # fmt: skip
        self.grant = str(self.json(
            "access", "grant", "--actor", self.zhou, "--category", "contract", "--mode", "view",
            "--purpose", "service_delivery", "--from", LONG_AGO, "--until",
            "2030-12-31T00:00:00+08:00",
        )["grant"])  # fmt: skip
        for number, record in enumerate(self.records):
            self.did("access", "record", record, "--mode", "view", "--purpose",
                     "service_delivery", "--out", str(home / f"shown{number}"), "--as",
                     self.zhou)  # fmt: skip

    def confirmed(self, finding: int, outcome: str = "effective") -> None:
        self.did("audit", "confirm", self.audit, str(finding), "--outcome", outcome, "--as",
                 self.gu)  # fmt: skip


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quarter:
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Quarter(firm, tmp_path)


def test_two_quarters_of_an_audit(desk: Quarter) -> None:
    first, unchecked = first_quarter(desk)
    second_quarter(desk, first, unchecked)
    # Both stand in the ledger, which is whole, and as of then the first was still open.
    assert [row["opinion"] for row in desk.json("audit", "list")] == ["qualified", "unqualified"]
    position = desk.json("show", f"{first}/1")["position"]
    (then,) = desk.json("audit", "list", "--as-of", f"position:{position}")
    assert (then["findings"], then["opinion"]) == (0, None)
    desk.did("verify")
    assert desk.json("rebuild", "--check")["equal"]


def first_quarter(desk: Quarter) -> tuple[str, int]:
    """The audit, and the number of the finding that it leaves open."""
    # Opened over everything so far, and a sample of all accesses drawn.
    first = desk.opened()
    sample = desk.json("audit", "sample", first, "--of", "accesses", "--size", "2", "--as",
                       desk.feng)  # fmt: skip
    assert (sample["count"], len(sample["drawn"])) == (3, 2)
    assert {one["stratum"] for one in sample["drawn"]} == {"record.accessed"}
    assert desk.json("audit", "sample", first, "--verify", "1")["equal"], "a colleague draws it"

    # Two findings: one with the sampled access as evidence, one on the whole.
    shown = sample["drawn"][0]["id"]
    needless = desk.found("--rule", "I-15", "--sample", "1", "--evidence", shown)
    unchecked = desk.found("--recommendation", "每月复核", severity="low")
    for finding, response in ((needless, "accepted"), (unchecked, "disputed")):
        desk.did("audit", "answer", first, str(finding), "--response", response, "--text",
                 "已阅", "--as", desk.zhao)  # fmt: skip

    # The permission goes, and the auditors see that it went; the other one is left.
    revoked = desk.json("access", "revoke", desk.grant, "--reason", "role_ended")
    (event,) = (one["event"] for one in revoked["events"])
    desk.remedied(needless, "--evidence", event)
    desk.confirmed(needless)

    # The report rests on a replay; its digest is on record, and its counts are the findings.
    issued = desk.json(*desk.report())
    data = (desk.home / "report" / "audit-report.json").read_bytes()
    assert sha256(data).hexdigest() == issued["report"]
    told = json.loads(data)
    assert [one["number"] for one in told["findings"]] == [1, 2]
    (row,) = desk.json("audit", "list")
    assert (row["findings"], row["open"], row["opinion"]) == (2, 1, "qualified")
    assert row["report"] == issued["report"]

    # After it nothing more is found, but what was found is still to be set right.
    assert desk.details(
        "audit", "finding", first, "--chapter", "backup", "--severity", "low", "--owner",
        desk.zhao, "--due", "2030-12-31", "--condition", "x", "--as", desk.feng,
    ) == {"audit_is_reported"}  # fmt: skip
    (left,) = desk.json("audit", "due")
    assert (left["audit"], left["finding"], left["response"]) == (first, unchecked, "disputed")

    return first, unchecked


def second_quarter(desk: Quarter, first: str, unchecked: int) -> None:
    # The same firm, the second time in a row, over what came since; what was left is set right.
    since = desk.json("status")["accepted"]
    assert desk.audit == first
    desk.remedied(unchecked)
    desk.confirmed(unchecked, "ineffective")
    desk.remedied(unchecked)
    desk.confirmed(unchecked)
    second = str(desk.json("audit", "open", "--kind", "external", "--from", since, "--as",
                           desk.feng)["audit"])  # fmt: skip
    desk.audit = second
    assert desk.json("audit", "due") == [], "what was left open is closed"
    shown_again = desk.shown()
    assert (shown_again["consecutive"], shown_again["period_from"]) == (2, since)
    said = desk.error("audit", "sample", second, "--of", "accesses", "--size", "1", "--as",
                      desk.feng, code=2)  # fmt: skip
    assert "nothing was drawn" in said["message"], "nobody looked at anything since"
    sampled = desk.json("audit", "sample", second, "--of", "events", "--size", "3", "--as",
                        desk.feng)  # fmt: skip
    assert sampled["count"] == 2, "two remediations; what the auditors said is not the audited's"
    desk.json(*desk.report(opinion="unqualified", out="second"))
