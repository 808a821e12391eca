"""`muniment access report` and `access review`: what the register shows, and who went through it.

The JSON of a report is its bytes: their SHA-256 is what a review records, and whoever asks again as
of the same entry, with the same terms, gets the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.access_shown import print_report
from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import PATH, TIME, command, option, pass_call
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.accessreview import Terms
    from ledger.application import Ledger

_MOST: Final = 2**53 - 1
_MOST_SAMPLED: Final = 10_000
_MOST_STAFF_BYTES: Final = 16 << 20


def terms_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a report is asked with; the command gets it as `bulk`, `sample`, `seed`, `staff`."""
    options = (
        option(
            "--bulk", type=click.IntRange(1, _MOST), default=50, show_default=True,
            metavar="NUMBER",
            help=N_("So many contents given out to one person in a day are a bulk export."),
        ),
        option(
            "--sample", type=click.IntRange(0, _MOST_SAMPLED), default=20, show_default=True,
            metavar="NUMBER", help=N_("How many accesses are drawn to be traced to their tickets."),
        ),
        option(
            "--seed", default="", metavar="TEXT",
            help=N_("What the sample is drawn by; the ledger's own state if not given."),
        ),
        option(
            "--staff", type=PATH, metavar="FILE",
            help=N_("The firm's own list of its people: a file with one actor id a line."),
        ),
    )  # fmt: skip
    for add in reversed(options):
        function = add(function)
    return function


@command(
    "report",
    N_(
        "What the register of accesses shows about a span: who may, who did, what is unusual.\n\n"
        "Grants without use or of people who left, counts, refusals, emergencies, accesses after "
        "a handover or out of hours, a sample to be traced, and what asks for a decision. The "
        "JSON has ids, codes and counts only; a review records its SHA-256."
    ),
)
@option("--engagement", metavar="ID", help=N_("Only accesses under this deal."))
@option("--from", "first", type=TIME, help=N_("The first moment; that of the last review's end."))
@option("--until", "last", type=TIME, help=N_("The first moment after the span; now if not given."))
@terms_options
@as_of_option
@pass_call
def report(
    call: Call,
    *,
    engagement: str | None,
    first: str | None,
    last: str | None,
    bulk: int,
    sample: int,
    seed: str,
    staff: Path | None,
    as_of: str | None,
) -> None:
    """Print the report of `ledger.accessreview`."""
    from ledger.accessreview import access_report
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        under = resolve(ledger, "engagement", engagement) if engagement else None
        entry = entry_of(call, ledger, as_of)
        span = span_of(ledger, under, first, last)
        terms = terms_of(ledger, bulk, sample, seed, staff)
        found = access_report(ledger, span, under, terms=terms, entry=entry)
        if call.as_json:
            click.echo(found.data.decode("ascii"))
        else:
            print_report(call, ledger, found)


@command(
    "review",
    N_(
        "Record that the register of accesses was gone through for a span of time.\n\n"
        "The counts are the register's. Whoever accessed something in that span cannot review it. "
        "How many need following up is what the report counts, if it is not said otherwise."
    ),
)
@option("--from", "first", type=TIME, help=N_("The first moment; that of the last review's end."))
@option("--until", "last", type=TIME, help=N_("The first moment after the span; now if not given."))
@option(
    "--anomalies", type=click.IntRange(0, _MOST), metavar="NUMBER",
    help=N_("How many accesses need following up."),
)  # fmt: skip
@option("--report", "found", metavar="TEXT", help=N_("What was found; sealed."))
@terms_options
@act_options
@pass_call
def review(
    call: Call,
    *,
    first: str | None,
    last: str | None,
    anomalies: int | None,
    found: str | None,
    bulk: int,
    sample: int,
    seed: str,
    staff: Path | None,
    how: How,
) -> None:
    """Record `engagement.access_reviewed`."""
    from ledger.accessreview import access_report
    from ledger.cli.ids import resolve
    from ledger.custody import review_access

    checked_text(found, "--report")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        named = how.engagement
        engagement = resolve(ledger, "engagement", named) if named else ledger.routine()
        span = span_of(ledger, engagement, first, last)
        terms = terms_of(ledger, bulk, sample, seed, staff)
        seen = access_report(ledger, span, engagement, terms=terms)
        counts = {"allowed": seen.allowed, "denied": seen.denied, "break_glass": seen.break_glass}
        many = seen.anomalous if anomalies is None else anomalies
        proposal = review_access(engagement, span, counts, many, found, seen.digest)
        receipt = how.record(ledger, acting, [proposal])
    if not call.as_json:
        text = _("{allowed} allowed, {denied} denied, {break_glass} emergencies")
        click.echo(text.format(**counts))
    how.tell(call, receipt, report=seen.digest)


def span_of(
    ledger: Ledger, engagement: str | None, first: str | None, last: str | None
) -> tuple[str, str]:
    """The span asked about; it begins where the last review ended, else with the ledger."""
    from ledger.facts import LedgerFacts
    from ledger.signing import now
    from projections.access import reviewed_until

    last = last or now()
    if first is None:
        with ledger.engine.connect() as connection:
            opened = LedgerFacts(connection).accepted_at(0)
            first = reviewed_until(connection, engagement or ledger.routine()) or opened
    if first >= last:
        raise UsageError("--from is not before --until; nothing was recorded")
    return first, last


def terms_of(ledger: Ledger, bulk: int, sample: int, seed: str, staff: Path | None) -> Terms:
    """What a report is asked with, from the options of `terms_options`."""
    from ledger.accessreview import Terms

    listed = None if staff is None else frozenset(_staff(ledger, staff))
    return Terms(bulk=bulk, sample=sample, seed=seed, staff=listed)


def _staff(ledger: Ledger, file: Path) -> Iterator[str]:
    """The actors that a file names, one a line; what follows a comma, and empty lines, are left."""
    from ledger.cli.ids import resolve
    from ledger.folder import read_limited

    try:
        text = read_limited(file, _MOST_STAFF_BYTES).decode("utf-8-sig")
    except (OSError, ValueError):
        raise UsageError(
            "the list of people cannot be read; nothing was recorded",
            "name a text file with one actor id a line",
        ) from None
    for line in text.splitlines():
        if actor := line.partition(",")[0].strip():
            yield resolve(ledger, "actor", actor)


REVIEWING: Final[Sequence[click.Command]] = (report, review)
"""The commands of `muniment access` that are written here."""
