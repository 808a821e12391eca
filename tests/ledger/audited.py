"""What a replay finds of a test's ledger: whole, or one check over the ledger's own tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from domain.values import later
from ledger.audit.checks.located import WITHOUT
from ledger.audit.finding import Finding, Gap
from ledger.audit.outcome import Replayed
from ledger.audit.replay import Asked, replay
from ledger.audit.scope import Scope
from ledger.audit.scratch import reading
from ledger.facts import LedgerFacts
from ledger.folder import Folder
from ledger.signing import now

Check = Callable[..., Iterator[Finding | Gap]]


def replayed(path: Path, days: float = 0, **asked: Any) -> Replayed:
    """A ledger's folder, replayed so many days from now."""
    return replay(Folder(path), None, Asked(later(now(), hours=int(days * 24)), **asked))


class Looked:
    """What one check says: findings and gaps by code, in the order in which they came."""

    def __init__(self, found: list[Finding | Gap]) -> None:
        self.findings = [one for one in found if isinstance(one, Finding)]
        self.gaps = {(one.part, one.code): one.count for one in found if isinstance(one, Gap)}

    @property
    def codes(self) -> set[str]:
        """All codes, without notes."""
        return {one.code for one in self.findings if one.severity != "note"}

    def those(self, code: str) -> list[Finding]:
        """The findings of a code."""
        return [finding for finding in self.findings if finding.code == code]

    def one(self, code: str) -> Finding:
        """The only finding of a code."""
        (finding,) = self.those(code)
        return finding


def look(
    path: Path, check: Check, days: float = 0, *args: Any, since: int = 0, **more: Any
) -> Looked:
    """One check over a ledger as it stands: its tables are taken for those that replay makes."""
    with reading(Folder(path).database) as log:
        facts = LedgerFacts(log)
        entry = log.exec_driver_sql("SELECT max(entry) FROM commits").scalar_one()
        scope = Scope(
            log, log, facts, facts.policy(), entry, facts.accepted_at(entry),
            later(now(), hours=int(days * 24)), since, Folder(path),
        )  # fmt: skip
        looked = Looked(list(check(scope, *args, **more)))
        assert all(map(is_shown, looked.findings)), looked.findings
        return looked


def is_shown(finding: Finding) -> bool:
    """Whether a finding of what is missing or late names the event that shows it, and where."""
    if finding.chapter not in ("complete", "timely") or finding.code in WITHOUT:
        return True
    return finding.position is not None and any("/" in one for one in finding.evidence)
