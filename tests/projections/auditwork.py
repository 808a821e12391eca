"""Random audits beside everything else: opened, sampled, found, answered, set right, reported."""

from __future__ import annotations

import random
from typing import Any

from domain.audit import AuditState
from domain.audit_rules import in_a_row
from domain.record import RecordState
from domain.values import later
from tests.domain.audit_words import (
    answer,
    draw,
    issue_report,
    open_audit,
    raise_finding,
    remediate,
    verify_remediation,
)
from tests.domain.worlds import START, Person, Said
from tests.projections.dealwork import DealWalk


class AuditWalk(DealWalk):
    """Auditors of two firms and of the house, and those whom they audit."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        self.auditors = [self._auditor("external_auditor", party) for party in self._firms()]
        self.auditors.append(self._auditor("internal_auditor", self.history.party))
        self.acts += [self.open_audit, *[self.audit] * 3]

    def _firms(self) -> list[str]:
        return [self.history.register_party(self.history.new("party")) for _ in range(2)]

    def _auditor(self, role: Any, party: str) -> Person:
        person = self._person("external", party)
        self.history.grant(person.actor, role)
        return person

    def open_audit(self) -> None:
        """An audit of all work up to the entry before."""
        lead = self.draw.choice(self.auditors)
        inner = lead.party == self.history.party
        kind, org = ("internal", "") if inner else ("external", lead.party)
        more = {} if inner else {"auditor_org": org}
        row = in_a_row(self.case.world, self.history.party, kind, org, lead.actor)
        said = open_audit(
            self.history.new("audit"), lead, self.history.party, kind=kind, consecutive=row,
            period_from=START, period_to=later(START, seconds=60 * self.history.entry),
            entry=self.history.entry - 1, **more,
        )  # fmt: skip
        self.tries(lead, _role(lead, self.history.party), said)

    def audit(self) -> None:
        """The next thing in one that is under way."""
        state = self.one(AuditState)
        if state is None:
            return
        lead = next(one for one in self.auditors if one.actor == state.lead)
        if state.findings and self.draw.random() < 0.6:
            self._follow_up(state, lead)
        else:
            self.tries(lead, _role(lead, self.history.party), self._next(state))

    def _next(self, state: AuditState) -> Said:
        sort, records = self.draw.random(), self.some(RecordState, 3)
        if records and sort < 0.4:
            return draw(state.stream, *(f"{record}/1" for record in records),
                        number=state.samples + 1, population="records")  # fmt: skip
        if sort < 0.85:
            severity = self.draw.choice(["critical", "high", "medium", "low"])
            return raise_finding(
                state.stream, self.wang, *(f"{record}/1" for record in records),
                finding=len(state.findings) + 1, severity=severity,
            )  # fmt: skip
        left = len(state.findings) - state.closed
        opinion = self.draw.choice(["unqualified", "qualified", "adverse", "disclaimer"])
        return issue_report(state.stream, open=left, closed=state.closed, opinion=opinion,
                            checkpoint=self.history.entry)  # fmt: skip

    def _follow_up(self, state: AuditState, lead: Person) -> None:
        number = self.draw.choice(sorted(state.findings))
        if state.findings[number].pending:
            outcome = self.draw.choice(["effective", "effective", "ineffective"])
            said = verify_remediation(state.stream, outcome, finding=number)
            self.tries(lead, _role(lead, self.history.party), said)
        elif self.draw.random() < 0.5:
            response = self.draw.choice(["accepted", "disputed"])
            said = answer(state.stream, finding=number, response=response)
            self.tries(self.zhao, "dpo", said)
        else:
            said = remediate(state.stream, finding=number, done_at=self.history.accepted)
            self.tries(self.wang, "custodian", said)


def _role(auditor: Person, audited: str) -> str:
    return "internal_auditor" if auditor.party == audited else "external_auditor"
