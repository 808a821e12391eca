"""`muniment subject declare`: who stands in which record, said as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ledger.cli.call import Call
from ledger.cli.command import argument, command, option, pass_call
from ledger.cli.effects import INCOMPLETE
from ledger.cli.language import N_, _, plural
from ledger.cli.output import note
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from ledger.application import Ledger


@command(
    "declare",
    N_(
        "Say, as events, who stands in which record.\n\n"
        "From what subject index found: of the records named, or of --all that your party keeps. "
        "What was declared already is left out, so an interrupted run is repeated. Where the "
        "index finds nobody (names alone, a scan), look yourself: --subject SUBJECT, or --new for "
        "a person who has no id yet."
    ),
)
@argument("records", nargs=-1, metavar="[RECORD]...")
@option("--all", "everything", is_flag=True, help=N_("Every record that your party keeps."))
@option("--subject", metavar="SUBJECT", help=N_("This person stands in the records named."))
@option("--new", "fresh", is_flag=True, help=N_("A person without an id stands in them."))
@option("--minor", is_flag=True, help=N_("The person is under 14. With --subject or --new."))
@act_options
@pass_call
def declare(
    call: Call,
    *,
    records: tuple[str, ...],
    everything: bool,
    subject: str | None,
    fresh: bool,
    minor: bool,
    how: How,
) -> int:
    """Record `subject.found`; the exit code says whether somebody has still to look."""
    from ledger.cli.records import named

    if everything == bool(records):
        raise click.UsageError(_("name records, or say --all"))
    by_hand = fresh or subject is not None
    if (fresh and subject is not None) or (by_hand and everything) or (minor and not by_hand):
        raise click.UsageError(
            _("--subject or --new is for the records named, and --minor for such a person")
        )
    with call.writing() as ledger:
        if by_hand:
            _by_hand(call, ledger, how, subject, named(ledger, records), minor=minor)
            return 0
        return _from_index(call, ledger, how, named(ledger, records) if records else None)


def _by_hand(
    call: Call, ledger: Ledger, how: How, subject: str | None, records: list[str], *, minor: bool
) -> None:
    from ledger.declaring import found
    from ledger.signing import new_ids

    who = subject_of(ledger, subject) if subject else new_ids("subject")[0]
    receipt = how.record(ledger, call.acting(ledger), found(who, records, minor=minor))
    how.tell(call, receipt, subject=who)


def _from_index(call: Call, ledger: Ledger, how: How, records: Sequence[str] | None) -> int:
    from ledger.cli.bulk import record_all, tell_all
    from ledger.declaring import found, left, waiting

    acting = call.acting(ledger)
    party = acting.state.party
    proposals = [
        proposal
        for one in waiting(ledger, party, records)
        for proposal in found(one.subject, one.records)
    ]
    receipts = record_all(call, ledger, how, acting, proposals)
    figures = {
        "subjects": len({proposal.stream for proposal in proposals}),
        "found": sum(len(proposal.fields["records"]) for proposal in proposals),
    }
    rest = left(ledger, party, records)
    text = _("{subjects} people declared, found in records {found} times")
    tell_all(call, how, receipts, text, **figures, unread=rest.unread, nobody=rest.nobody)
    _say_rest(call, rest.unread, rest.nobody)
    return INCOMPLETE if rest.unread or rest.nobody else 0


def _say_rest(call: Call, unread: int, nobody: int) -> None:
    if unread:
        text = plural(
            "{count} record was not looked through as it is now: muniment subject index --all",
            "{count} records were not looked through as they are now: muniment subject index --all",
            unread,
        )
        note(call, text.format(count=unread))
    if nobody:
        text = plural(
            "in {count} record nobody was found: look yourself, or classify it as not personal",
            "in {count} records nobody was found: look yourself, or classify them as not personal",
            nobody,
        )
        note(call, text.format(count=nobody))


def subject_of(ledger: Ledger, given: str) -> str:
    """The subject id that somebody means: a whole id will do, whether it is in the index or not."""
    from ledger.cli.ids import is_whole, resolve

    return given if is_whole("subject", given) else resolve(ledger, "subject", given)
