"""What the gates of a deal are called, and what a red one waits for, in a sentence each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.columns import pad, printable, width
from ledger.cli.language import N_, _, language
from ledger.cli.output import led, local, named, several
from ledger.cli.refusals import explain

if TYPE_CHECKING:
    from ledger.gates import Gate, Waiting

GATES: Final[Mapping[str, str]] = {
    "parties": N_("parties, keys, letters of authority"),
    "evidence_agreement": N_("agreement on electronic data and signatures"),
    "nda": N_("confidentiality agreement"),
    "legal_path": N_("kind of transfer and its legal path"),
    "inventory": N_("inventory classified, reviewed, with periods"),
    "pipia": N_("impact assessment"),
    "notices": N_("notices, consents, exemptions"),
    "backup": N_("backup, off-site copy, drill"),
    "list_frozen": N_("list frozen"),
    "released": N_("given away"),
    "received": N_("received"),
    "inspected": N_("inspected"),
    "discrepancies": N_("discrepancies settled"),
    "confirmed": N_("confirmed by both sides"),
    "residual": N_("what the seller keeps is declared"),
    "tracking": N_("tracking checks"),
    "closing_report": N_("closed, with closing report"),
}
"""The seventeen gates, in their order."""

WAITING: Final[Mapping[str, str]] = {
    # -- 1 parties
    "no_handler_of_seller": N_("Nobody of the seller is a handler."),
    "no_handler_of_buyer": N_("Nobody of the buyer is a handler."),
    "no_supervisor_of_seller": N_("The seller has too few supervisors."),
    "no_supervisor_of_buyer": N_("The buyer has too few supervisors."),
    "handler_cannot_act": N_("A handler of a handover no longer holds the role or has no key."),
    "no_authority_letter": N_("A party's letter of authority is not attached."),
    # -- 2 evidence agreement
    "no_agreement": N_("No agreement is signed."),
    "handler_not_agreed": N_("A handler is not named with the present key."),
    "supervisor_not_agreed": N_("A side has no supervisor named with the present key."),
    # -- 4 legal path
    "no_legal_opinion": N_("No legal opinion is attached."),
    # -- 5 inventory
    "nothing_to_hand_over": N_("Nothing is there to be handed over."),
    "retention_conflict": N_("Periods contradict each other."),
    # -- 7 notices
    "people_objected": N_(
        "People objected. No consent is asked for here (PIPL 22): only what was collected on "
        "consent stops. Take each as a request to restrict: muniment rights receive (PIPL 44)."
    ),
    # -- 8 backup
    "never_backed_up": N_("Contents without a backup."),
    "no_offsite_copy": N_("Contents without an off-site copy."),
    "no_drill": N_("Contents from whose backup nobody practised to restore."),
    # -- 9 to 14 the handover
    "no_handover": N_("No handover is planned."),
    "list_not_frozen": N_("A list is not frozen."),
    "not_released": N_("A handover is not released."),
    "not_received": N_("A handover is not received."),
    "not_inspected": N_("Items are not inspected."),
    "inspection_overdue": N_("The days for inspection are over, and items are not inspected."),
    "fault_not_raised": N_("Items arrived with a fault that nobody has raised."),
    "discrepancy_open": N_("Discrepancies are open."),
    "not_confirmed": N_("A handover is not confirmed."),
    # -- 15 residual
    "residual_overdue": N_("Copies that the seller keeps should have been declared."),
    "residual_period_over": N_("Copies are kept beyond the day that was declared."),
    # -- 16 tracking
    "tracking_to_come": N_("The next check is still to come."),
    "tracking_overdue": N_("Checks are overdue."),
    # -- 17 end
    "not_closed": N_("The deal is not closed."),
    "no_closing_report": N_("The closing report is not issued."),
}
"""What a red gate waits for, by its code; where a rule refuses for the same reason, it is said in
the rule's words."""

_MARKS: Final = {"green": "✓", "red": "✗", "not_needed": "–"}
_NAMED: Final = 3
_ID: Final = re.compile(r"[a-z_]{3,24}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-([0-9a-f]{12})")


def gate_name(code: str) -> str:
    """A gate in the language chosen."""
    return _(GATES[code])


def print_ladder(ladder: Sequence[Gate]) -> None:
    """The gates, a line each; under a red one what it waits for, and the next command."""
    column = max(width(gate_name(gate.code)) for gate in ladder)
    said: dict[tuple[str, str], int] = {}
    for gate in ladder:
        name = pad(gate_name(gate.code), column)
        line = f"{gate.number:>2} {_MARKS[gate.state]} {name}  {_said(gate)}"
        click.echo(line.rstrip())
        for waiting in gate.waiting:
            before = said.setdefault((waiting.detail, waiting.command), gate.number)
            if before != gate.number:
                click.echo(f"     {_('as gate {number}').format(number=before)}")
                continue
            click.echo(printable(f"     {waited(waiting)}"))
            click.echo(printable("     " + led(N_("Next:"), _shorter(waiting.command))))
    red = [gate for gate in ladder if gate.state == "red"]
    if not red:
        click.echo(_("No gate is red."))
        return
    click.echo(_("Red gates: {count}").format(count=len(red)))


def _shorter(command: str) -> str:
    """A command in which ids are the last twelve digits: enough, and it fits the line.

    >>> _shorter("muniment handover receive handover-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e")
    'muniment handover receive 2f1b6a9c0d4e'
    """
    return _ID.sub(r"\1", command)


def _said(gate: Gate) -> str:
    if gate.state == "not_needed":
        return _("not needed")
    since = local(gate.since) if gate.since else ""
    if not gate.unchecked:
        return since
    many = _("items that nobody could check: {count}").format(count=gate.unchecked)
    return f"{since}  {many}".lstrip()


def waited(waiting: Waiting) -> str:
    """What a gate waits for: the sentence, the day if one is set, the first things it is about."""
    said = WAITING.get(waiting.detail)
    text = _(said) if said is not None else explain(waiting.detail)[0]
    if waiting.due:
        text = _("{text} ({counts})").format(text=text.rstrip("。"), counts=waiting.due)
    those = several(waiting.ids[:_NAMED])
    more = f" … ({waiting.count})" if waiting.count > _NAMED else ""
    if those and language() == "zh":
        return named(text.rstrip("。"), those + more)
    return f"{text} {those}{more}".rstrip()
