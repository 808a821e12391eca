"""`muniment restriction`, `digitize`: what may not be used any more; paper that was scanned."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, argument, command, group, option, pass_call
from ledger.cli.files import read_file
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.recording import How, act_options
from ledger.cli.records import RECORDS, named


@group("restriction", N_("Records that are kept and protected, and not used any more."))
def restriction() -> None:
    """Nothing by itself."""


@restriction.command(
    "place",
    help=N_("Restrict the processing of records: only storage, protection and what the law asks."),
)
@RECORDS
@option("--reason", type=CODE("RestrictReason"), required=True, help=N_("Why."))
@option("--review-on", type=DAY, help=N_("The day on which somebody looks at it again."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def place(
    call: Call,
    *,
    records: tuple[str, ...],
    reason: str,
    review_on: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `record.processing_restricted`."""
    from ledger.custody import restrict

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        proposals = [
            restrict(record, reason, review_on, remark) for record in named(ledger, records)
        ]
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt)


@restriction.command(
    "lift",
    help=N_(
        "Lift the restriction of a record.\n\n"
        "An approver signs too: --with ACTOR:approver --draft FILE."
    ),
)
@argument("record", metavar="RECORD")
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def lift(call: Call, *, record: str, remark: str | None, how: How) -> None:
    """Record `record.restriction_lifted`; one record, as a joint commit writes one stream."""
    from ledger.custody import lift_restriction

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        (found,) = named(ledger, [record])
        proposal = lift_restriction(ledger, found, remark)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@command(
    "digitize",
    N_(
        "Record that a paper copy of a record was scanned.\n\n"
        "The file is registered as a copy made from the paper. Whoever scans does not review: "
        "somebody else does, before the paper may go."
    ),
)
@argument("record", metavar="RECORD")
@option("--paper", metavar="COPY", required=True, help=N_("The paper copy that was scanned."))
@option("--file", type=PATH, metavar="FILE", required=True, help=N_("The file that it became."))
@option(
    "--resolution",
    type=click.IntRange(1, 100_000),
    required=True,
    help=N_("Dots an inch."),
)
@option(
    "--result",
    type=click.Choice(["pass", "fail"]),
    required=True,
    help=N_("What looking at the result gave."),
)
@option(
    "--items",
    type=click.IntRange(0, 2**53 - 1),
    default=1,
    show_default=True,
    help=N_("How many things it is: sheets, rows, recordings."),
)
@option(
    "--medium",
    type=CODE("BackupMedium"),
    default="disk_internal",
    show_default=True,
    help=N_("What the file lies on."),
)
@option("--device", metavar="TEXT", help=N_("What it was scanned with; sealed."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def digitize(
    call: Call,
    *,
    record: str,
    paper: str,
    file: Path,
    resolution: int,
    result: str,
    items: int,
    medium: str,
    device: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `holding.created` and `record.digitized`, in one commit by one person."""
    from domain.holding import HoldingCreated
    from ledger.acts import texts
    from ledger.cli.files import place_of
    from ledger.cli.ids import resolve
    from ledger.custody import digitize as propose
    from ledger.signing import Proposal, new_ids

    sealed = texts(device=checked_text(device, "--device"), remark=checked_text(remark, "--remark"))
    with call.writing() as ledger:
        acting = call.acting(ledger)
        (found,) = named(ledger, [record])
        source = resolve(ledger, "holding", paper)
        scan = read_file(file)
        made = {
            "record": found, "made_from": source, "custodian": acting.state.party,
            "form": "digitized", "medium": medium, "size": scan.size, "items": items,
            "encrypted": False,
        }  # fmt: skip
        copy = Proposal(HoldingCreated, new_ids("holding")[0], made, place_of(scan))
        scanned = propose(
            found, source, copy.stream, resolution=resolution, result=result, sealed=sealed
        )
        receipt = how.record(ledger, acting, [copy, scanned])
    how.tell(call, receipt, holding=copy.stream)
