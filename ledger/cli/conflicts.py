"""`muniment retention conflicts`: what rules leave open, for counsel to decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.citations import cited, shown_citation, warn
from ledger.cli.command import command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import Column, format_option, print_rows, several

if TYPE_CHECKING:
    from domain.conflicts import Finding
    from domain.policy import Policy
    from ledger.application import Ledger
    from ledger.retaining import Open

Row = dict[str, Any]

KINDS: Final = {
    "minimum_after_maximum": N_("must be kept longer than it may be"),
    "duty_not_assigned": N_("a statutory period was not assigned"),
    "start_not_assigned": N_("a period with another start was not assigned"),
    "categories_disagree": N_("its categories ask for different periods"),
    "assigned_for_other_categories": N_("reclassified since its period was assigned"),
}
DECIDE: Final = {
    "minimum_after_maximum": N_(
        "Which rule prevails; until then it is kept for the longer one, restricted to storage and "
        "protection (PIPL 47)."
    ),
    "duty_not_assigned": N_(
        "Whether the duty applies, and when its period began: muniment retention assign RECORD "
        "--trigger CODE --date DAY. Where it sets a minimum, nothing is destroyed before."
    ),
    "start_not_assigned": N_(
        "Whether this period is wanted, and when it began: muniment retention assign RECORD "
        "--trigger CODE --date DAY."
    ),
    "categories_disagree": N_(
        "Whether the parts are kept apart; while they are one record, the longest minimum and the "
        "shortest maximum count for all of it."
    ),
    "assigned_for_other_categories": N_(
        "Nothing if the rules stay the same; assign the period anew: muniment retention assign "
        "RECORD --trigger CODE --date DAY."
    ),
}

KEYS: Final = (
    "record", "holding", "records", "finding", "rules", "triggers", "min_until", "max_until",
    "permanent", "citations", "decide",
)  # fmt: skip


def _shown_kind(kind: str) -> str:
    return _(KINDS[kind])


_COLUMNS: Final = (
    Column("record", N_("record")),
    Column("records", N_("records"), right=True),
    Column("finding", N_("finding"), _shown_kind),
    Column("rules", N_("rules"), several),
    Column("min_until", N_("keep through")),
    Column("max_until", N_("gone by")),
    Column("citations", N_("law"), lambda found: several(map(shown_citation, found))),
    Column("question", N_("counsel decides")),
)


@command(
    "conflicts",
    N_(
        "List the records whose retention rules contradict each other or were left out, with the "
        "rules, the dates, the law, and what counsel must decide.\n\n"
        "Rows of one table that are alike are one line. The exit code is 0 also when there are "
        "some."
    ),
)
@option("--finding", type=click.Choice(list(KINDS)), help=N_("Only this finding."))
@format_option
@pass_call
def conflicts(call: Call, *, finding: str | None, style: str | None) -> None:
    """In order of the first record; the gravest finding of each first."""
    with call.reading() as ledger:
        policy = ledger.policy()
        rows = (row for row in _found(ledger, policy) if finding in (None, row["finding"]))
        print_rows(call, rows, _COLUMNS, style, KEYS)
    warn(call, policy)


def _found(ledger: Ledger, policy: Policy) -> Iterator[Row]:
    from ledger.retaining import conflicts as answer

    for found in answer(ledger):
        yield from (_row(policy, found, finding) for finding in found.findings)


def _row(policy: Policy, found: Open, finding: Finding) -> Row:
    from domain.retention import FOREVER

    permanent = finding.min_until == FOREVER
    return {
        "record": found.record, "holding": found.holding, "records": found.records,
        "finding": finding.kind, "rules": list(finding.rules),
        "triggers": {name: policy.retention[name].trigger for name in finding.rules},
        "min_until": None if permanent else _day(finding.min_until),
        "max_until": _day(finding.max_until), "permanent": permanent,
        "citations": cited(policy, finding.rules), "decide": DECIDE[finding.kind],
        "question": _(DECIDE[finding.kind]),
    }  # fmt: skip


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
