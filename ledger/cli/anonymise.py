"""`muniment anonymise`: a table without anybody in it, beside the one that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import note, print_fields, print_json
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.effects.anonymising import Anonymised
    from ledger.effects.generalising import Plan


@command(
    "anonymise",
    N_(
        "Make an anonymous table of a record or copy that is a table, and test it.\n\n"
        "Every column that is not dropped and not named as sensitive counts as telling people "
        "apart. Rows of which fewer than --k are alike are left out, so are groups with fewer than "
        "--l different sensitive values. The result is a record of its own; an approver signs that "
        "it is anonymous: --with ACTOR:approver --draft FILE. The identified copies stay until "
        "they are destroyed: muniment destroy propose RECORD --method anonymize."
    ),
)
@argument("target", metavar="RECORD|COPY")
@option(
    "--drop", "dropped", multiple=True, metavar="COLUMN",
    help=N_("A column that is left out: names, numbers, remarks; repeatable."),
)  # fmt: skip
@option(
    "--generalise", "rules", multiple=True, metavar="COLUMN:RULE",
    help=N_("A column that becomes coarser: decade, year, month, district, city or band:NUMBER; "
            "repeatable."),
)  # fmt: skip
@option(
    "--sensitive", multiple=True, metavar="COLUMN",
    help=N_("A column that is kept and by which nobody can be told apart; repeatable."),
)  # fmt: skip
@option(
    "--k", type=click.IntRange(2, 1_000_000), default=5, show_default=True,
    help=N_("So many rows are alike, at least."),
)  # fmt: skip
@option(
    "--l", type=click.IntRange(2, 1_000_000), default=2, show_default=True,
    help=N_("So many different values of each sensitive column a group has, at least."),
)  # fmt: skip
@option(
    "-o", "--output", type=PATH, required=True, metavar="FILE",
    help=N_("The new csv file; it must not exist."),
)  # fmt: skip
@act_options
@pass_call
def anonymise(
    call: Call,
    /,
    *,
    target: str,
    output: Path,
    how: How,
    **plan: Any,  # noqa: ANN401  as `_plan` reads it
) -> None:
    """Record the new copy and record, and a draft of `record.anonymized`."""
    from ledger.cli.ids import resolve
    from ledger.effects.anonymising import anonymise as make

    planned = _plan(**plan)
    if how.draft is None or not how.cosigners:
        raise UsageError("an approver signs that it is anonymous; nothing was written",
                         "--with ACTOR:approver --draft FILE")  # fmt: skip
    if how.draft.exists():
        raise UsageError("the file that --draft names exists; nothing was changed",
                         "name a new one")  # fmt: skip
    with call.writing() as ledger:
        acting = call.acting(ledger)
        options = {"at": how.at, "late_reason": how.late_reason}
        if how.engagement is not None:
            options["engagement"] = resolve(ledger, "engagement", how.engagement)
        done = make(ledger, acting, _source(ledger, target), planned, output, **options)
        how.record(ledger, acting, [done.approval], early=False)  # its record is there
    _tell(call, how, done)


def _plan(
    *,
    dropped: tuple[str, ...],
    rules: tuple[str, ...],
    sensitive: tuple[str, ...],
    k: int,
    l: int,  # noqa: E741  as the option is called
) -> Plan:
    from ledger.effects.generalising import Plan, checked_rule

    coarser = {}
    for text in rules:
        column, colon, rule = text.partition(":")
        if not colon or column in coarser:
            raise UsageError(
                "--generalise takes COLUMN:RULE, each column once; nothing was written"
            )
        coarser[column] = checked_rule(rule)
    if set(dropped) & (set(coarser) | set(sensitive)):
        raise UsageError("a column is either dropped or kept; nothing was written")
    return Plan(dropped, coarser, sensitive, k, l)


def _source(ledger: Ledger, target: str) -> str:
    """The copy that is named, or the one with the present content of the record that is."""
    from ledger.acts import record_state
    from ledger.cli.ids import resolve_any

    found = resolve_any(ledger, target)
    if found.startswith("record-"):
        return record_state(ledger, found).holdings[-1]
    if found.startswith("holding-"):
        return found
    raise UsageError("name a record or a copy; nothing was written", "muniment inventory")


def _tell(call: Call, how: How, done: Anonymised) -> None:
    said = {
        "record": done.record, "holding": done.holding, "rows": done.made.rows,
        "kept": done.made.kept, "suppressed": done.made.suppressed,
        "groups": done.examined.groups, "smallest": done.examined.smallest,
        "values": done.examined.values, "draft": str(how.draft), "recorded": False,
    }  # fmt: skip
    if call.as_json:
        print_json(said)
        return
    print_fields([
        (N_("record"), done.record), (N_("copy"), done.holding), (N_("rows"), done.made.rows),
        (N_("kept"), done.made.kept), (N_("left out"), done.made.suppressed),
        (N_("smallest group"), done.examined.smallest),
    ])  # fmt: skip
    note(
        call,
        _("It passed its test; that it is anonymous is recorded when the approver has signed the "
          "draft: muniment sign FILE, then muniment submit FILE."),
    )  # fmt: skip
