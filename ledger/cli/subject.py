"""`muniment subject`: people found again by an identifier, and what is held about them.

An identifier is never an argument: it would stay in the shell's history and in the list of
processes. It comes from a file, from standard input, or from somebody who types it.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import argument, group, option, pass_call
from ledger.cli.declare import declare
from ledger.cli.effects import CAUSES, INCOMPLETE
from ledger.cli.language import N_, _, plural
from ledger.cli.output import Column, format_option, note, print_rows
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.subjects import Search

ENVIRONMENT: Final = "MUNIMENT_IDENTIFIER_FILE"
_MOST = 4_096
_identifier_file = option(
    "--identifier-file", "file", metavar="FILE",
    help=N_("File with the identifiers, one a line; - for standard input. Else "
            "MUNIMENT_IDENTIFIER_FILE, else they are asked for."),
)  # fmt: skip


@group("subject", N_("People: found again by an identifier, and what is held about them."))
def subject() -> None:
    """Nothing by itself."""


def given_identifiers(file: str | None) -> str:
    """What somebody typed or a file holds: identifiers, one a line.

    Raises `UsageError` if there is nothing to read and nobody to ask; never repeats any of it.
    """
    named = file or os.environ.get(ENVIRONMENT)
    if named:
        return _from_file(named)
    if not sys.stdin.isatty():
        raise UsageError(
            "an identifier is needed, and there is nobody to ask for it",
            "--identifier-file FILE, or - for standard input; never on the command line",
        )
    return str(click.prompt(_("Identifier (telephone, identity number, e-mail …)"), err=True))


def _from_file(named: str) -> str:
    try:
        if named == "-":
            raw = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(named).open("rb") as opened:
                raw = opened.read(_MOST + 1)
        if len(raw) > _MOST:
            raise UsageError("the identifiers are more than {most} bytes", most=_MOST)
        return raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(
            "the file with the identifiers cannot be read ({cause})",
            cause=getattr(error, "strerror", None) or "not UTF-8",
        ) from None


def searched(call: Call, ledger: Ledger, file: str | None) -> Search:
    """Who the identifiers given belong to; says on standard error where nobody can be found."""
    from ledger.subjects import find, identifiers_of

    found = find(ledger, identifiers_of(given_identifiers(file)))
    if count := len(found.unreached):
        text = plural(
            "warning: the key of {count} engagement is gone; nobody is found under it",
            "warning: the keys of {count} engagements are gone; nobody is found under them",
            count,
        )
        note(call, text.format(count=count))
    return found


subject.add_command(declare)


# -- index ------------------------------------------------------------------------------------


INDEX_KEYS: Final = ("record", "count", "outcome", "found")


def shown_outcome(outcome: str) -> str:
    """What came of looking through a record, in the language chosen."""
    from ledger.subjects import INDEXED

    if outcome == INDEXED:
        return _("looked through")
    return _({**CAUSES, **_CAUSES}.get(outcome, outcome))


_CAUSES: Final = {
    "no_copy_here": N_("no copy of it is here"),
    "no_pepper": N_("the key of its engagement is gone"),
    "encrypted_document": N_("it opens with a password only"),
    "xml_bomb": N_("hostile XML"),
    "zip_bomb": N_("a hostile archive"),
    "damaged_document": N_("damaged"),
    "malformed_table": N_("a malformed table"),
    "unknown_encoding": N_("an unknown encoding"),
    "unknown_type": N_("a kind of document that is not read: pictures, sound, archives"),
    "no_text": N_("no text in it: a scan, or empty"),
    "too_large": N_("too large"),
    "too_long": N_("it took too long to read"),
    "too_much_memory": N_("it took too much memory to read"),
    "needs_ingest_extra": N_("pip install 'muniment[ingest]' reads it"),
}


def _short_outcome(outcome: str) -> str:
    """In a table, a cause by its code: what it means is said once, below."""
    from ledger.subjects import INDEXED

    return shown_outcome(outcome) if outcome == INDEXED else outcome


_INDEX: Final = (
    Column("record", N_("record")),
    Column("count", N_("records"), right=True),
    Column("outcome", N_("outcome"), _short_outcome),
    Column("found", N_("identifiers found"), right=True),
)


@subject.command(
    "index",
    help=N_(
        "Look through the content of records for the people in them.\n\n"
        "What identifies somebody is kept as a keyed hash only, in tables of this ledger that are "
        "erased with the record; events name nobody, and vouch for these tables by digests. Names "
        "alone identify nobody and are not looked for."
    ),
)
@argument("records", nargs=-1, metavar="[RECORD]...")
@option("--all", "everything", is_flag=True, help=N_("Every record that was not looked through."))
@option("--again", is_flag=True, help=N_("Those too that were looked through before."))
@format_option
@pass_call
def index(
    call: Call,
    *,
    records: tuple[str, ...],
    everything: bool,
    again: bool,
    style: str | None,
) -> int:
    """Index; says by its exit code whether something could not be read."""
    from ledger.cli.ids import resolve
    from ledger.effects.indexing import index as run
    from ledger.subjects import INDEXED

    if everything == bool(records):
        raise click.UsageError(_("name records, or say --all"))
    tabular = _is_table(call, style)
    shown_all = call.verbose or not tabular

    with call.writing() as ledger:
        acting = call.acting(ledger)
        named = None if everything else [resolve(ledger, "record", text) for text in records]

        seen = Counter[str]()

        def rows() -> Iterator[dict[str, Any]]:
            for one in run(ledger, acting, named, again=again):
                seen[one.outcome] += one.count
                seen["found"] += one.found
                if shown_all or one.found or one.outcome != INDEXED:
                    yield one._asdict()

        if tabular:
            _print_some(call, rows(), _INDEX)
        else:
            print_rows(call, rows(), _INDEX, style, INDEX_KEYS)
    found = seen.pop("found", 0)
    if tabular:
        _sum_up(call, seen, found)
    return INCOMPLETE if set(seen) - {INDEXED} else 0


def _is_table(call: Call, style: str | None) -> bool:
    return style == "table" or (style is None and not call.as_json)


def _print_some(call: Call, rows: Iterable[dict[str, Any]], columns: Sequence[Column]) -> None:
    """A table, or nothing at all where it would be empty."""
    waiting = iter(rows)
    first = next(waiting, None)
    if first is not None:
        print_rows(call, chain([first], waiting), columns, "table", ())


def _sum_up(call: Call, seen: Mapping[str, int], found: int) -> None:
    """How much was looked through, and what each cause in the table means."""
    from ledger.subjects import INDEXED

    causes = {cause: count for cause, count in seen.items() if cause != INDEXED}
    text = _("{records} records looked through, {found} identifiers found, {failed} not to be read")
    note(call, text.format(records=seen.get(INDEXED, 0), found=found, failed=sum(causes.values())))
    for cause in sorted(causes):
        note(call, f"{cause}: {shown_outcome(cause)}")


# -- find -------------------------------------------------------------------------------------


FIND_KEYS: Final = ("subject", "record", "number", "rows")
_SHOWN_ROWS: Final = 5


def shown_rows(rows: Sequence[tuple[int, int]]) -> str:
    """The first rows of a table, by their numbers."""
    first = (f"{sheet}:{row}" if sheet > 1 else str(row) for sheet, row in rows[:_SHOWN_ROWS])
    return ", ".join(first) + (" …" if len(rows) > _SHOWN_ROWS else "")


_FIND: Final = (
    Column("subject", N_("person")),
    Column("record", N_("record")),
    Column("number", N_("row"), right=True),
    Column("rows", N_("rows"), shown_rows),
)


@subject.command(
    "find",
    help=N_(
        "Find the records in which somebody was found, by an identifier.\n\n"
        "The identifier is never an argument: --identifier-file FILE, - for standard input, or "
        "you are asked. Several lines are asked for together."
    ),
)
@_identifier_file
@format_option
@pass_call
def find(call: Call, *, file: str | None, style: str | None) -> None:
    """Find; nothing is recorded."""
    with call.reading() as ledger:
        found = searched(call, ledger, file)
        rows = list(_found(ledger, found))
        if rows or not _is_table(call, style):
            print_rows(call, rows, _FIND, style, FIND_KEYS)
        if not rows:
            note(call, _("Nobody was found. Not everything may have been looked through: muniment "
                         "subject index --all"))  # fmt: skip


def _found(ledger: Ledger, search: Search) -> Iterator[dict[str, Any]]:
    from projections.inventory import one

    with ledger.engine.connect() as connection:
        for found in search.subjects:
            for place in found.places:
                shown = one(connection, place.record)
                yield {
                    "subject": found.subject, "record": place.record,
                    "number": shown.row if shown else None, "rows": list(place.rows),
                }  # fmt: skip


# -- report -----------------------------------------------------------------------------------


@subject.command(
    "report",
    help=N_(
        "Say what is held about a person, who had it, who saw it and who got it.\n\n"
        "Of a subject id as found before, or of an identifier, which is never an argument. The "
        "report says what it does not cover."
    ),
)
@argument("subject", metavar="[SUBJECT]", required=False)
@_identifier_file
@pass_call
def report(call: Call, *, subject: str | None, file: str | None) -> None:
    """Report; nothing is recorded."""
    from ledger.cli.ids import resolve
    from ledger.cli.output import print_json
    from ledger.cli.subject_shown import print_report
    from ledger.people import report as made
    from ledger.subjects import places_of

    if subject is not None and not subject.startswith("subject-"):
        raise UsageError(
            "that is not the id of a subject; an identifier is never an argument",
            "muniment subject report --identifier-file FILE",
        )
    with call.reading() as ledger:
        if subject is not None:
            names = [resolve(ledger, "subject", subject)]
            with ledger.engine.connect() as connection:
                places = places_of(connection, names[0])
        else:
            search = searched(call, ledger, file)
            names = [found.subject for found in search.subjects]
            places = tuple(place for found in search.subjects for place in found.places)
        told = made(ledger, names, places)
        if call.as_json:
            print_json(told)
        else:
            print_report(call, ledger, told)
