"""`muniment retention`: how long records are kept, by the rules of the adopted pack."""

from __future__ import annotations

from typing import Any, Final

from ledger.cli.call import Call
from ledger.cli.citations import cited, shown_citation, warn
from ledger.cli.command import CODE, DAY, group, option, pass_call
from ledger.cli.conflicts import conflicts
from ledger.cli.due import due
from ledger.cli.language import N_, language
from ledger.cli.output import Column, coded, format_option, print_rows, several
from ledger.cli.recording import How, act_options
from ledger.cli.records import RECORDS, named


@group("retention", N_("How long records are kept: assign periods, list the pack's rules."))
def retention() -> None:
    """Nothing by itself."""


retention.add_command(due)
retention.add_command(conflicts)


@retention.command(
    "assign",
    help=N_(
        "Assign a retention period from the rules of the adopted pack.\n\n"
        "Without --rule all rules apply that fit the record and start with this trigger; the "
        "longest minimum and the shortest maximum count."
    ),
)
@RECORDS
@option(
    "--trigger", type=CODE("RetentionTrigger"), required=True, help=N_("What starts the period.")
)
@option("--date", "day", type=DAY, required=True, help=N_("The day on which it happened."))
@option(
    "--rule",
    "rules",
    multiple=True,
    metavar="ID",
    help=N_("A rule of the pack; repeat for several."),
)
@act_options
@pass_call
def assign(
    call: Call,
    *,
    records: tuple[str, ...],
    trigger: str,
    day: str,
    rules: tuple[str, ...],
    how: How,
) -> None:
    """Record `record.retention_assigned`."""
    from ledger.acts import assign_retention

    with call.writing() as ledger:
        acting = call.acting(ledger)
        proposals = [
            assign_retention(ledger, record, trigger, day, list(rules) or None)
            for record in named(ledger, records)
        ]
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt)


KEYS: Final = (
    "id", "name", "trigger", "minimum", "maximum", "action", "basis", "automatic", "categories",
    "citations", "pack", "pack_version", "signed_off_by_counsel",
)  # fmt: skip
_COLUMNS: Final = (
    Column("id", N_("rule")),
    Column("name", N_("name")),
    Column("trigger", N_("starts with"), coded("RetentionTrigger")),
    Column("minimum", N_("at least")),
    Column("maximum", N_("at most")),
    Column("action", N_("then"), coded("DisposalAction")),
    Column("categories", N_("for"), lambda codes: several(map(coded("RecordCategory"), codes))),
    Column("citations", N_("law"), lambda cited: several(map(shown_citation, cited))),
)


@retention.command(
    "rules",
    help=N_(
        "List the retention rules of the adopted pack, with the law behind each.\n\n"
        "Marks: V the text cited was read, S a secondary source, M measured, K unconfirmed. A pack "
        "that no counsel has signed off says so, in both languages."
    ),
)
@option("--category", type=CODE("RecordCategory"), help=N_("Only rules for this category."))
@format_option
@pass_call
def rules(call: Call, *, category: str | None, style: str | None) -> None:
    """The rules, in the pack's order."""
    from domain.codes import covers

    with call.reading() as ledger:
        policy = ledger.policy()
    found = policy.retention.values()
    rows: list[dict[str, Any]] = [
        {
            "id": rule.id,
            "name": rule.zh if language() == "zh" and not call.as_json else rule.en,
            "trigger": rule.trigger,
            "minimum": rule.minimum,
            "maximum": rule.maximum,
            "action": rule.action,
            "basis": rule.basis,
            "automatic": rule.automatic,
            "categories": list(rule.categories),
            "citations": cited(policy, [rule.id]),
            "pack": policy.header.id,
            "pack_version": policy.header.version,
            "signed_off_by_counsel": policy.header.signed_off_by_counsel,
        }
        for rule in found
        if category is None
        or not rule.categories
        or any(covers(parent, category) for parent in rule.categories)
    ]
    print_rows(call, rows, _COLUMNS, style, KEYS)
    warn(call, policy)
