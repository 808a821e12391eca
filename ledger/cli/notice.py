"""`muniment notice`: people are told of a transfer; whom it reached, and who is still to be told.

People appear by random subject id only. Whoever sends keeps the list of who they are; what comes
back is a list of ids, `ledger.subjectlists`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ledger.cli.agreement import deal_of
from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, argument, group, option, pass_call
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    note,
    print_fields,
    print_json,
    print_rows,
)
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from ledger.application import Ledger

_AT_ONCE: Final = 500
_NOTICE = argument("notice", metavar="NOTICE")


@group("notice", N_("People are told of a transfer: issued, delivered, who was not reached."))
def notice() -> None:
    """Nothing by itself."""


@notice.command(
    "issue",
    help=N_(
        "Record that a notice of a deal's transfer goes out.\n\n"
        "The text that people are sent is named by its file, of which the digest is sealed; "
        "document template makes it. Who is sent it: notice recipients."
    ),
)
@option(
    "--kind", type=CODE("NoticeKind"), help=N_("What it says; what the deal's mode asks for if "
                                               "not given."),
)  # fmt: skip
@option("--channel", type=CODE("NoticeChannel"), required=True, help=N_("How it is sent."))
@option(
    "--text", "file", type=PATH, metavar="FILE", required=True, help=N_("What people are sent.")
)
@option("--recipient", metavar="PARTY", help=N_("Who gets the records; the buyer if not given."))
@option(
    "--count", type=click.IntRange(0, 2**53 - 1),
    help=N_("How many people it is sent to; those of notice recipients if not given."),
)  # fmt: skip
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def issue(
    call: Call,
    *,
    kind: str | None,
    channel: str,
    file: Path,
    recipient: str | None,
    count: int | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `notice.issued`."""
    from ledger import notifying
    from ledger.cli.files import read_file
    from ledger.cli.ids import resolve
    from ledger.deals import deal_state

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        deal = deal_of(ledger, how)
        buyer = deal_state(ledger, deal).buyer
        party = resolve(ledger, "party", recipient) if recipient else buyer
        said = kind or notifying.asked_kind(ledger, deal)
        if said == "none":
            raise click.UsageError(_("this deal's mode asks for no notice; name one with --kind"))
        if count is None:
            count = sum(1 for _person in notifying.recipients(ledger, deal, party))
        proposal = notifying.issue(
            notifying.new_notice(), kind=said, recipient=party, channel=channel, count=count,
            content=read_file(file).digest.hex(), remark=remark,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, notice=proposal.stream, count=count)


@notice.command(
    "recipients",
    help=N_(
        "List who has to be told, by subject id, for whoever sends.\n\n"
        "Those in records with personal data whom no notice of the deal has reached."
    ),
)
@option("--engagement", metavar="ID", required=True, help=N_("The deal."))
@option("--recipient", metavar="PARTY", help=N_("Who gets the records; the buyer if not given."))
@option("--everybody", is_flag=True, help=N_("Those too whom a notice has reached."))
@format_option
@pass_call
def recipients(
    call: Call, *, engagement: str, recipient: str | None, everybody: bool, style: str | None
) -> None:
    """Subject ids, as CSV if nothing else is asked for."""
    from ledger import notifying
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        party = resolve(ledger, "party", recipient) if recipient else None
        deal = resolve(ledger, "engagement", engagement)
        found = notifying.recipients(ledger, deal, party, everybody=everybody)
        chosen = style or ("json" if call.as_json else "csv")
        columns = (Column("subject", N_("person")),)
        print_rows(call, ({"subject": who} for who in found), columns, chosen, ("subject",))


@notice.command(
    "deliver",
    help=N_(
        "Record whom a notice reached, from a list.\n\n"
        "A CSV file with the columns subject, status (delivered, bounced, public_announcement), "
        "delivered_at (a day or a time) and, if it is another one than the notice's, channel. A "
        "list with a fault is refused whole. One that was recorded in part is given again: what "
        "is recorded already is left out."
    ),
)
@_NOTICE
@option("--from", "file", type=PATH, metavar="FILE", required=True, help=N_("The list."))
@option("--reason", metavar="TEXT", help=N_("Why it was announced in public; sealed."))
@option("--proof", type=PATH, metavar="FILE", help=N_("What shows it; its digest is sealed."))
@act_options
@pass_call
def deliver(
    call: Call,
    *,
    notice: str,
    file: Path,
    reason: str | None,
    proof: Path | None,
    how: How,
) -> None:
    """Record `notice.delivered`, at most 200 people an event."""
    from ledger.cli.bulk import record_all, tell_all
    from ledger.cli.files import read_file
    from ledger.cli.ids import resolve
    from ledger.notifying import deliveries, notice_state
    from ledger.subjectlists import read

    checked_text(reason, "--reason")
    data = read(file)
    digest = read_file(proof).digest.hex() if proof else None
    with call.writing() as ledger:
        named = resolve(ledger, "notice", notice)
        if how.engagement is None:
            how = how._replace(engagement=notice_state(ledger, named).first.engagement)
        acting = call.acting(ledger)
        party = acting.state.party
        made = deliveries(ledger, named, data, party=party, reason=reason, proof=digest)
        receipts = record_all(call, ledger, how, acting, made.proposals)
    text = _("{people} deliveries recorded, {known} were recorded before")
    tell_all(call, how, receipts, text, people=made.people, known=made.known)


# -- looking ----------------------------------------------------------------------------------


KEYS: Final = (
    "notice", "kind", "engagement", "recipient", "channel", "template_version", "count", "reached",
    "announced", "bounced", "issuer", "issued_at", "issued_entry",
)  # fmt: skip
_COLUMNS: Final = (
    Column("notice", N_("notice")),
    Column("kind", N_("kind"), coded("NoticeKind")),
    Column("channel", N_("channel"), coded("NoticeChannel")),
    Column("issued_at", N_("issued"), local),
    Column("count", N_("sent to"), right=True),
    Column("reached", N_("delivered"), right=True),
    Column("announced", N_("announced"), right=True),
    Column("bounced", N_("bounced"), right=True),
    Column("recipient", N_("about")),
)


def _plain(one: Any) -> dict[str, Any]:  # noqa: ANN401  a structure of a module imported late
    from msgspec import structs

    return structs.asdict(one)


@notice.command("list", help=N_("List the notices, and how many people each reached."))
@option("--engagement", metavar="ID", help=N_("Only those of this deal."))
@as_of_option
@format_option
@pass_call
def list_notices(
    call: Call, *, engagement: str | None, as_of: str | None, style: str | None
) -> None:
    """Every notice, in order of its id."""
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        deal = resolve(ledger, "engagement", engagement) if engagement else None
        rows = _notices(ledger, deal, entry_of(call, ledger, as_of))
        print_rows(call, rows, _COLUMNS, style, KEYS)


def _notices(ledger: Ledger, deal: str | None, entry: int | None) -> Iterator[dict[str, Any]]:
    from projections.notices import listed

    after = None
    with ledger.engine.connect() as connection:
        while found := listed(
            connection, engagement=deal, limit=_AT_ONCE, after=after, entry=entry
        ):
            yield from map(_plain, found)
            after = found[-1].notice


DELIVERY_KEYS: Final = ("subject", "status", "channel", "delivered_at", "entry")
_DELIVERIES: Final = (
    Column("subject", N_("person")),
    Column("status", N_("status"), coded("DeliveryStatus")),
    Column("channel", N_("channel"), coded("NoticeChannel")),
    Column("delivered_at", N_("when"), local),
)


class _Asked(NamedTuple):
    """Which deliveries of a notice are asked for, and as of which entry."""

    notice: str
    status: str | None
    entry: int | None


@notice.command(
    "show",
    help=N_(
        "Show a notice, and whom it did not reach, by subject id.\n\n"
        "With --status those of whom that was the last word; with --everybody all of them."
    ),
)
@_NOTICE
@option(
    "--status", type=CODE("DeliveryStatus"), default="bounced", show_default=True,
    help=N_("Whose deliveries are listed."),
)  # fmt: skip
@option("--everybody", is_flag=True, help=N_("Every delivery."))
@as_of_option
@pass_call
def show(call: Call, *, notice: str, status: str, everybody: bool, as_of: str | None) -> None:
    """One notice as it stands now, or stood then."""
    from ledger.cli.ids import resolve
    from projections.notices import one

    with call.reading() as ledger:
        named = resolve(ledger, "notice", notice)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            found = one(connection, named, entry=entry)
        if found is None:
            raise not_yet("notice")
        rows = _deliveries(ledger, _Asked(named, None if everybody else status, entry))
        fields = _plain(found)
        if call.as_json:
            kept = [{key: row[key] for key in DELIVERY_KEYS} for row in rows]
            print_json({**{key: fields[key] for key in KEYS}, "deliveries": kept})
            return
        print_fields((c.title, c.show(fields[c.key])) for c in _COLUMNS)
        first = next(rows, None)
        if first is None:
            note(call, _("Nobody is listed."))
            return
        click.echo()
        print_rows(call, _again(first, rows), _DELIVERIES, "table", DELIVERY_KEYS)


def _again(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _deliveries(ledger: Ledger, asked: _Asked) -> Iterator[dict[str, Any]]:
    from projections.notices import reached

    after = None
    with ledger.engine.connect() as connection:
        while found := reached(
            connection, asked.notice, status=asked.status, limit=_AT_ONCE, after=after,
            entry=asked.entry,
        ):  # fmt: skip
            yield from map(_plain, found)
            after = (found[-1].subject, found[-1].channel)
