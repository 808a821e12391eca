"""`muniment restriction`, `digitize`: what may not be used any more; paper that was scanned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, argument, command, group, option, pass_call
from ledger.cli.files import read_file
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import print_json
from ledger.cli.recording import How, act_options
from ledger.cli.records import RECORDS, named

if TYPE_CHECKING:
    from ledger.application import Ledger


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
        "An approver signs too: --with ACTOR:approver --draft FILE. A record whose purpose has "
        "ended is used again only for a new purpose and on the basis of that: --purpose, --basis."
    ),
)
@argument("record", metavar="RECORD")
@option("--basis", type=CODE("LegalBasis"), help=N_("After the end of its purpose: the new basis."))
@option("--purpose", metavar="TEXT", help=N_("What it is used for from now on; sealed."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def lift(
    call: Call,
    *,
    record: str,
    basis: str | None,
    purpose: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `record.restriction_lifted`; one record, as a joint commit writes one stream."""
    from ledger.custody import lift_restriction

    checked_text(remark, "--remark")
    checked_text(purpose, "--purpose")
    if (basis is None) != (not purpose):
        raise click.UsageError(_("--basis and --purpose belong together"))
    with call.writing() as ledger:
        (found,) = named(ledger, [record])
        proposal = lift_restriction(ledger, found, remark, basis=basis, purpose=purpose)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@restriction.command(
    "end-purpose",
    help=N_(
        "Record that what records were kept for is over (PIPL 47).\n\n"
        "From then on they are only stored and protected, until they are destroyed. Where no "
        "minimum period runs they are due at once: muniment retention due."
    ),
)
@argument("records", nargs=-1, metavar="[RECORD]...")
@option(
    "--copy", "copies", multiple=True, metavar="COPY",
    help=N_("Every record in this copy, such as all rows of a table; repeatable."),
)  # fmt: skip
@option("--reason", type=CODE("PurposeEnd"), required=True, help=N_("How it ended."))
@option("--on", "day", type=DAY, help=N_("The day on which it ended; today if not given."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def end_purpose(
    call: Call,
    *,
    records: tuple[str, ...],
    copies: tuple[str, ...],
    reason: str,
    day: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `record.purpose_ended`; of many records in several commits."""
    from ledger.custody import end_purpose as propose
    from ledger.signing import now

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        ended = list(dict.fromkeys([*named(ledger, records), *_inside(ledger, copies)]))
        if not ended:
            raise click.UsageError(_("name records, or a copy with --copy"))
        on = day or ledger.policy().calendar.day_of(now())
        proposals = [propose(record, reason, on, remark) for record in ended]
        if len(proposals) <= _A_COMMIT:
            how.tell(call, how.record(ledger, acting, proposals))
            return
        if how.draft is not None:
            raise click.UsageError(_("so many records do not go into one draft"))
        for at in range(0, len(proposals), _A_COMMIT):
            how.record(ledger, acting, proposals[at : at + _A_COMMIT])
    if call.as_json:
        print_json({"records": len(ended)})
    else:
        click.echo(_("{count} records: their purpose has ended").format(count=len(ended)))


_A_COMMIT: Final = 1000


def _inside(ledger: Ledger, copies: Sequence[str]) -> list[str]:
    """The records that lie in copies and whose purpose has not ended yet."""
    from ledger.cli.ids import resolve
    from projections.selecting import still_with_purpose

    named = [resolve(ledger, "holding", copy) for copy in copies]
    with ledger.engine.connect() as connection:
        return [record for copy in named for record in still_with_purpose(connection, copy)]


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
