"""A desk with auditors from outside, an internal auditor, and those who answer for the house."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger import signing
from ledger.audit.replay import Asked, replay
from ledger.folder import Folder
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.ledgers import Firm, add_person, buyer

LONG_AGO = "2026-01-01T00:00:00+08:00"
DUE = "2030-12-31"


class AuditDesk(Desk):
    """Feng leads the audits of one firm with Gu as deputy, Shi those of another; Tang audits from
    inside; Zhao answers for the protection of data.
    """

    def __init__(self, firm: Firm, home: Path) -> None:
        super().__init__(firm, home)
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            one, other = buyer("正衡审计"), buyer("明鉴审计")
            ledger.act(admin, [one, other])
            self.org, self.other, own = one.stream, other.stream, firm.founded.party
            self.party = own

            def person(party: str, role: str) -> str:
                return add_person(ledger, admin, party, (role,)).actor

            self.feng = person(self.org, "external_auditor")
            self.gu = person(self.org, "external_auditor")
            self.shi = person(self.other, "external_auditor")
            self.tang = person(own, "internal_auditor")
            self.zhao = person(own, "dpo")
        self.audit = ""

    def opened(self, *more: str, who: str = "") -> str:
        """An external audit of everything so far."""
        said = self.json("audit", "open", "--kind", "external", "--from", LONG_AGO,
                         "--letter", "约定书 2026-07", *more, "--as", who or self.feng)  # fmt: skip
        self.audit = str(said["audit"])
        return self.audit

    def found(self, *more: str, severity: str = "high", due: str = DUE) -> int:
        said = self.json(
            "audit", "finding", self.audit, "--chapter", "permissions", "--severity", severity,
            "--owner", self.zhao, "--due", due, "--condition", "授权到期后仍未撤销", *more,
            "--as", self.feng,
        )  # fmt: skip
        return int(said["finding"])

    def remedied(self, finding: int, *more: str) -> None:
        self.did("audit", "remediate", self.audit, str(finding), "--action", "已撤销授权", *more,
                 "--as", self.zhao)  # fmt: skip

    def replayed(self) -> Path:
        """A replay of the ledger as it is now, as a file."""
        asked = Asked(signing.now(), None, None, (), Fraction(0), 0, None, [])
        file = self.home / "replay.json"
        file.write_bytes(replay(Folder(self.firm.path), None, asked).json())
        return file

    def report(self, *more: str, opinion: str = "qualified", out: str = "report") -> list[str]:
        """The arguments of `audit report` on a replay of now."""
        return ["audit", "report", self.audit, "--replay", str(self.replayed()), "--opinion",
                opinion, "--out", str(self.home / out), *more, "--as", self.feng]  # fmt: skip

    def details(self, *arguments: str) -> set[str]:
        """Why something was refused."""
        said = self.error(*arguments, code=13)
        return {str(one["detail"]) for one in said["refusals"]}

    def shown(self) -> Any:
        return self.json("audit", "show", self.audit)


def audit_desk(firm: Firm, home: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    """The desk, with key files that cost next to nothing."""
    monkeypatch.chdir(home)
    cheap_keys(monkeypatch)
    return AuditDesk(firm, home)
