"""`muniment engagement`: one deal from its opening to its closing report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, TIME, argument, group, option, pass_call
from ledger.cli.engagement_shown import (
    LIST_COLUMNS,
    LIST_KEYS,
    print_engagement,
    print_report,
    print_status,
)
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import format_option, print_json, print_rows
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.application import Ledger
    from ledger.signing import Proposal

_ENGAGEMENT: Final = argument("deal", metavar="ENGAGEMENT")
_MOST_COUNT: Final = 2**53 - 1


@group("engagement", N_("Deals: open, the seventeen gates, track, close, closing report."))
def engagement() -> None:
    """Nothing by itself."""


def within(ledger: Ledger, how: How, deal: str) -> tuple[str, How]:
    """The id of a deal, and an act under it; `--engagement` may only say the same again."""
    from ledger.cli.ids import resolve

    found = resolve(ledger, "engagement", deal)
    if how.engagement is not None and resolve(ledger, "engagement", how.engagement) != found:
        raise click.UsageError(_("--engagement names another deal than ENGAGEMENT"))
    return found, how._replace(engagement=found)


def _record(call: Call, deal: str, how: How, propose: Callable[[Ledger, str], Proposal]) -> None:
    """Record one proposal about a deal, under it."""
    with call.writing() as ledger:
        found, how = within(ledger, how, deal)
        acting = call.acting(ledger)
        receipt = how.record(ledger, acting, [propose(ledger, found)])
    how.tell(call, receipt)


@engagement.command(
    "open",
    help=N_(
        "Open a deal.\n\n"
        "How the business changes hands decides which law applies, and with it which gates stand: "
        "muniment engagement status shows them."
    ),
)
@option("--mode", type=CODE("TransferMode"), required=True, help=N_("In what kind of transfer."))
@option("--seller", metavar="PARTY", required=True, help=N_("Who hands over."))
@option("--buyer", metavar="PARTY", required=True, help=N_("Who gets it."))
@option("--broker", metavar="PARTY", help=N_("Who is between them, if anybody."))
@option("--title", metavar="TEXT", required=True, help=N_("What the deal is called; sealed."))
@option("--dates", metavar="TEXT", help=N_("When it is planned; sealed."))
@act_options
@pass_call
def open_(
    call: Call,
    *,
    mode: str,
    seller: str,
    buyer: str,
    broker: str | None,
    title: str,
    dates: str | None,
    how: How,
) -> None:
    """Record `engagement.opened`."""
    from ledger.cli.ids import resolve
    from ledger.deals import open_engagement

    checked_text(title, "--title", required=True)
    checked_text(dates, "--dates")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        proposal = open_engagement(
            mode,
            resolve(ledger, "party", seller),
            resolve(ledger, "party", buyer),
            resolve(ledger, "party", broker) if broker else None,
            title=title,
            dates=dates,
        )
        receipt = how.record(ledger, acting, [proposal])
    how.tell(call, receipt, engagement=proposal.stream)


# -- looking ----------------------------------------------------------------------------------


@engagement.command("list", help=N_("List the deals, ended ones included."))
@as_of_option
@format_option
@pass_call
def list_engagements(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every deal, in order of its id."""
    from ledger.cli.engagement_shown import engagement_rows

    with call.reading() as ledger:
        rows = engagement_rows(call, ledger, entry_of(call, ledger, as_of))
        print_rows(call, rows, LIST_COLUMNS, style, LIST_KEYS)


@engagement.command(
    "show", help=N_("Show one deal: who, what was signed, attached and told, how far it is.")
)
@_ENGAGEMENT
@as_of_option
@pass_call
def show(call: Call, *, deal: str, as_of: str | None) -> None:
    """One engagement with what belongs to it."""
    from ledger.cli.engagement_shown import engagement_row
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        found = resolve(ledger, "engagement", deal)
        row = engagement_row(call, ledger, found, entry_of(call, ledger, as_of))
    if row is None:
        raise not_yet("engagement")
    print_engagement(call, row)


@engagement.command(
    "status",
    help=N_(
        "The seventeen gates of a deal: green, red or not needed.\n\n"
        "A red one says what it waits for, and which command comes next. Judged by what events "
        "say, now."
    ),
)
@_ENGAGEMENT
@pass_call
def status(call: Call, *, deal: str) -> None:
    """The ladder of gates."""
    import msgspec

    from ledger.cli.ids import resolve
    from ledger.gates import ladder

    with call.reading() as ledger:
        found = ladder(ledger, resolve(ledger, "engagement", deal))
    if call.as_json:
        print_json(msgspec.to_builtins(found))
    else:
        print_status(found)


@engagement.command(
    "report",
    help=N_(
        "The closing report of a deal, computed from the ledger: gates with dates, durations, "
        "discrepancies, what is overdue, what the seller still keeps, tracking."
    ),
)
@_ENGAGEMENT
@pass_call
def report(call: Call, *, deal: str) -> None:
    """The report as it stands now, whether the deal is closed or not."""
    from ledger.cli.ids import resolve
    from ledger.closingreport import closing_report

    with call.reading() as ledger:
        told = closing_report(ledger, resolve(ledger, "engagement", deal))
    if call.as_json:
        print_json(told)
    else:
        print_report(call, told)


# -- after the confirmation, and the end ------------------------------------------------------


@engagement.command(
    "track",
    help=N_("Record a tracking check after the handover: how things stand with the buyer."),
)
@_ENGAGEMENT
@option("--due", type=DAY, required=True, help=N_("The day on which it was due."))
@option(
    "--topic", "topics", type=CODE("TrackingTopic"), multiple=True, required=True,
    help=N_("What was looked at; repeatable."),
)  # fmt: skip
@option(
    "--findings", type=click.IntRange(0, _MOST_COUNT), required=True, metavar="NUMBER",
    help=N_("How many things were found wrong."),
)  # fmt: skip
@option("--done-at", type=TIME, help=N_("When it was done, if not now."))
@option("--note", metavar="TEXT", help=N_("What was found; sealed."))
@act_options
@pass_call
def track(
    call: Call,
    *,
    deal: str,
    due: str,
    topics: tuple[str, ...],
    findings: int,
    done_at: str | None,
    note: str | None,
    how: How,
) -> None:
    """Record `engagement.tracking_checked`."""
    from ledger.deals import track as propose

    checked_text(note, "--note")
    _record(
        call, deal, how,
        lambda _ledger, found: propose(found, due, done_at, topics, findings, note),
    )  # fmt: skip


@engagement.command(
    "dispose",
    help=N_(
        "Record that a party gave back or destroyed what it had got, or kept nothing.\n\n"
        "Said by somebody of that party. A deal that came to nothing ends only when buyer and "
        "broker have said so, after their last access."
    ),
)
@_ENGAGEMENT
@option("--party", metavar="PARTY", required=True, help=N_("Whose copies they were."))
@option(
    "--how", "manner", type=CODE("CopyDisposal"), required=True,
    help=N_("Returned, destroyed, or nothing was kept."),
)  # fmt: skip
@option(
    "--count", type=click.IntRange(0, _MOST_COUNT), required=True, metavar="NUMBER",
    help=N_("How many copies."),
)  # fmt: skip
@option("--disposed-at", type=TIME, help=N_("When, if not now."))
@option("--certificate", metavar="TEXT", help=N_("The number of its certificate; sealed."))
@option(
    "--certificate-file", type=PATH, metavar="FILE",
    help=N_(
        "The certificate itself: its SHA-256 is recorded. On a replica, where nothing is sealed."
    ),
)  # fmt: skip
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def dispose(
    call: Call,
    *,
    deal: str,
    party: str,
    manner: str,
    count: int,
    disposed_at: str | None,
    certificate: str | None,
    certificate_file: Path | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `engagement.copies_disposed`."""
    from ledger.acts import texts
    from ledger.cli.ids import resolve
    from ledger.deals import dispose_copies, read_document

    digest = read_document(certificate_file)[0] if certificate_file else None

    sealed = texts(
        certificate=checked_text(certificate, "--certificate"),
        remark=checked_text(remark, "--remark"),
    )

    def propose(ledger: Ledger, found: str) -> Proposal:
        whose = resolve(ledger, "party", party)
        return dispose_copies(found, whose, manner, count, disposed_at, sealed, digest)

    _record(call, deal, how, propose)


@engagement.command(
    "rekey",
    help=N_(
        "Record, in a sale of shares, that persons have new keys: the firm stays, who acts for it "
        "does not."
    ),
)
@_ENGAGEMENT
@option(
    "--actor", "actors", metavar="ACTOR", multiple=True, required=True,
    help=N_("Whose key was enrolled since the deal was opened; repeatable."),
)  # fmt: skip
@act_options
@pass_call
def rekey(call: Call, *, deal: str, actors: tuple[str, ...], how: How) -> None:
    """Record `engagement.credentials_reregistered`."""
    from ledger.cli.ids import resolve
    from ledger.deals import reregister

    def propose(ledger: Ledger, found: str) -> Proposal:
        return reregister(found, [resolve(ledger, "actor", actor) for actor in actors])

    _record(call, deal, how, propose)


@engagement.command(
    "close",
    help=N_(
        "Close a deal: completed, failed or cancelled.\n\n"
        "Completed needs every handover confirmed or cancelled, what the seller keeps declared, "
        "and the tracking checks done. Otherwise nothing of the seller's may be left with buyer "
        "or broker. Nothing is recorded under a closed deal any more."
    ),
)
@_ENGAGEMENT
@option(
    "--outcome", type=CODE("EngagementOutcome"), required=True, help=N_("What came of it."),
)  # fmt: skip
@option("--statement", metavar="TEXT", help=N_("What is to be said about it; sealed."))
@act_options
@pass_call
def close(call: Call, *, deal: str, outcome: str, statement: str | None, how: How) -> None:
    """Record `engagement.closed`."""
    from ledger.deals import close_engagement

    checked_text(statement, "--statement")
    _record(call, deal, how, lambda _ledger, found: close_engagement(found, outcome, statement))
