"""`muniment review`, `classify`, `archive`, `correct`: what is done with records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.call import Call
from ledger.cli.classify_auto import Auto, auto_options
from ledger.cli.command import CODE, PATH, argument, command, option, pass_call
from ledger.cli.files import content_of, place_of, read_file
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.recording import How, act_options
from ledger.errors import MunimentError, UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.signing import Proposal
    from ledger.sources import Found

RECORDS = argument("records", nargs=-1, required=True, metavar="RECORD...")


def named(ledger: Ledger, records: Sequence[str]) -> list[str]:
    """The ids of the records named, each once."""
    from ledger.cli.ids import resolve

    return list(dict.fromkeys(resolve(ledger, "record", record) for record in records))


@command(
    "review",
    N_(
        "Record that records were checked by somebody else than their collector.\n\n"
        "Several records are one commit. With --file the content is read again and compared with "
        "what was collected."
    ),
)
@RECORDS
@option(
    "--result",
    type=click.Choice(["pass", "fail"]),
    default="pass",
    show_default=True,
    help=N_("The result."),
)
@option(
    "--check",
    "checks",
    multiple=True,
    type=CODE("ReviewCheck"),
    default=("accuracy", "completeness", "readability", "safety"),
    help=N_("What was checked; repeat for several. All four if not given."),
)
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@option(
    "--file", type=PATH, metavar="FILE", help=N_("The file of the one record, to be read again.")
)
@act_options
@pass_call
def review(
    call: Call,
    *,
    records: tuple[str, ...],
    result: str,
    checks: tuple[str, ...],
    remark: str | None,
    file: Path | None,
    how: How,
) -> None:
    """Record `record.verified`."""
    from ledger.acts import record_state
    from ledger.acts import review as propose

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        ids = named(ledger, records)
        matched = None
        if file is not None:
            if len(ids) != 1:
                raise UsageError("--file goes with one record; nothing was recorded")
            content = content_of(ledger, record_state(ledger, ids[0]))
            matched = read_file(file).digest.hex() == content
        proposals = [
            propose(record, list(checks), result, content_matched=matched, remark=remark)
            for record in ids
        ]
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt)


@command(
    "classify",
    N_(
        "Give records their categories, level and sensitivity.\n\n"
        "A record that is classified already is reclassified. A lower level or sensitivity needs "
        "a second person: --with ACTOR:approver --draft FILE.\n\n"
        "With --auto the contents are read and a classification is proposed, with what was found "
        "and how often; nothing is recorded that a person has not confirmed."
    ),
)
@argument("records", nargs=-1, metavar="[RECORD]...")
@auto_options
@option(
    "--category",
    "categories",
    multiple=True,
    type=CODE("RecordCategory"),
    help=N_("What it is; the main category first, repeat for more."),
)
@option("--level", type=CODE("DataLevel"), help=N_("How important the data is."))
@option(
    "--sensitivity",
    type=CODE("Sensitivity"),
    help=N_("How sensitive it is to the persons concerned."),
)
@option(
    "--kind",
    "kinds",
    multiple=True,
    type=CODE("SensitivePiKind"),
    help=N_("Which sensitive personal data; repeat for several."),
)
@option(
    "--profile",
    type=CODE("ClassificationProfile"),
    help=N_("Which reading of the standards; the adopted pack's if not given."),
)
@option("--customer-type", type=CODE("CustomerType"), help=N_("What kind of customer."))
@option("--business-area", type=CODE("BusinessArea"), help=N_("In which business."))
@option("--need", type=CODE("CustomerNeed"), help=N_("What the customer wanted."))
@option("--relationship", type=CODE("Relationship"), help=N_("How the customer stands to us."))
@option("--rationale", metavar="TEXT", help=N_("Why so; sealed."))
@act_options
@pass_call
def classify(
    call: Call,
    /,
    *,
    records: tuple[str, ...],
    auto: Auto,
    categories: tuple[str, ...],
    level: str | None,
    sensitivity: str | None,
    kinds: tuple[str, ...],
    profile: str | None,
    rationale: str | None,
    how: How,
    **optional: str | None,
) -> int:
    """Record `record.classified` or `record.reclassified`."""
    from ledger.acts import classify as propose
    from ledger.acts import given

    checked_text(rationale, "--rationale")
    if auto.asked(records):
        if categories or level or sensitivity or kinds or rationale:
            raise UsageError("--auto proposes what the other options would say; nothing was read")
        return auto.run(call, records, profile, given(**optional), how)
    if not (records and categories and level and sensitivity):
        raise UsageError(
            "records are classified by --category, --level and --sensitivity, or with --auto; "
            "nothing was recorded"
        )
    with call.writing() as ledger:
        acting = call.acting(ledger)
        axes = {
            "categories": list(categories),
            "level": level,
            "sensitivity": sensitivity,
            "sensitive_kinds": list(kinds),
            "profile": profile or ledger.policy().classification.profile,
            **given(**optional),
        }
        proposals = [propose(ledger, record, axes, rationale) for record in named(ledger, records)]
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt)
    return 0


@command(
    "archive",
    N_("Put records into the archive: classified, reviewed and with a retention period."),
)
@RECORDS
@option("--archive-no", metavar="TEXT", help=N_("The archive number; sealed."))
@option("--series", metavar="TEXT", help=N_("The series or file it belongs to; sealed."))
@option("--location", metavar="TEXT", help=N_("Where it stands; sealed."))
@act_options
@pass_call
def archive(
    call: Call,
    *,
    records: tuple[str, ...],
    archive_no: str | None,
    series: str | None,
    location: str | None,
    how: How,
) -> None:
    """Record `record.archived`."""
    from ledger.acts import archive as propose

    texts = {"archive_no": archive_no, "series": series, "location": location}
    for name, text in texts.items():
        checked_text(text, f"--{name.replace('_', '-')}")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        proposals = [propose(record, **texts) for record in named(ledger, records)]
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt)


@command(
    "correct",
    N_(
        "Record a new state of a record's content.\n\n"
        "The old state stays in the record's history; the new one must be reviewed again. The file "
        "is registered as a new copy of the record where it lies."
    ),
)
@argument("record", metavar="RECORD")
@option(
    "--file", type=PATH, metavar="FILE", required=True, help=N_("The file with the new content.")
)
@option("--reason", type=CODE("CorrectionReason"), required=True, help=N_("Why."))
@option(
    "--items",
    type=click.IntRange(0, 2**53 - 1),
    default=1,
    show_default=True,
    help=N_("How many things the record is now."),
)
@option(
    "--medium",
    type=CODE("BackupMedium"),
    default="disk_internal",
    show_default=True,
    help=N_("What the file lies on."),
)
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def correct(
    call: Call,
    *,
    record: str,
    file: Path,
    reason: str,
    items: int,
    medium: str,
    remark: str | None,
    how: How,
) -> None:
    """Record `holding.created` and `record.corrected`, in one commit."""
    from ledger.acts import correct as propose
    from ledger.acts import texts

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        (found,) = named(ledger, [record])
        new = read_file(file)
        copy = _copy(found, acting.state.party, medium, items, new)
        sealed = texts(content=new.digest.hex(), remark=remark, **_rows(new))
        correction = propose(
            ledger, found, holding=copy.stream, size=new.size, items=items, reason=reason,
            sealed=sealed or {},
        )  # fmt: skip
        receipt = how.record(ledger, acting, [copy, correction])
    how.tell(call, receipt, holding=copy.stream)


def _rows(new: Found) -> Mapping[str, str]:
    """What is sealed so that one row of a corrected table can be proved."""
    from ledger.rowtree import series
    from ledger.sources import SourceFault

    try:
        return series(new).sealed
    except SourceFault as fault:
        raise MunimentError(
            "the file could not be read ({cause}); nothing was recorded", cause=fault.cause
        ) from None


def _copy(record: str, custodian: str, medium: str, items: int, found: Found) -> Proposal:
    """The copy in which a corrected content lies."""
    from domain.holding import HoldingCreated
    from ledger.signing import Proposal, new_ids
    from ledger.sources import form_of

    fields = {
        "record": record,
        "custodian": custodian,
        "form": form_of(found),
        "medium": medium,
        "size": found.size,
        "items": items,
        "encrypted": False,
    }
    return Proposal(HoldingCreated, new_ids("holding")[0], fields, place_of(found))
