"""`muniment audit`: what an auditor does: replay, ask, draw samples, find, follow up and report."""

from __future__ import annotations

from ledger.cli.audit_acts import ACTS
from ledger.cli.audit_pages import render, review
from ledger.cli.audit_questions import QUESTIONS
from ledger.cli.audit_register import REGISTER
from ledger.cli.audit_replay import replay
from ledger.cli.command import Command, group
from ledger.cli.language import N_


@group("audit", N_("Audits: open, replay, ask, sample, find, follow up and report."))
def audit() -> None:
    """Nothing by itself."""


_COMMANDS: tuple[Command, ...] = (
    *ACTS,
    *REGISTER,
    replay,
    render,
    review,
    *QUESTIONS,
)

for _one in _COMMANDS:
    audit.add_command(_one)
