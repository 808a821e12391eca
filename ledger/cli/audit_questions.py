"""`muniment audit access`, `unused`, `changes`, `late`, `reported-keys`, `disagree`: questions.

Each command asks one question of `ledger.audit.questions` and prints the answer: a table with
names, where they can be opened, or the whole answer as one JSON value of ids, codes and times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.audit_shown import (
    ACCESS,
    CHANGED,
    COUNTED,
    DISAGREED,
    KEYS,
    LATE,
    UNUSED,
    print_acts,
    print_answer,
    print_changes,
    said_limits,
    shown_rows,
)
from ledger.cli.call import Call
from ledger.cli.command import PATH, TIME, Command, argument, command, option, pass_call
from ledger.cli.language import N_, _, plural
from ledger.cli.output import local, note, print_fields, print_rows
from ledger.errors import UsageError, VerificationError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger
    from ledger.audit.questions.disagree import Disagreements
    from ledger.folder import Folder

FORKED: Final = 3
_ABOUT: Final = ("record", "holding", "engagement", "subject")
_DIGITS: Final = 9
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _span(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--from` and `--until`; the command gets `first` and `last`."""
    for add in (
        option("--until", "last", type=TIME,
               help=N_("The first moment after the span; now if not given.")),
        option("--from", "first", type=TIME,
               help=N_("The first moment; that of the ledger's first entry if not given.")),
    ):  # fmt: skip
        function = add(function)
    return function


def _times(
    call: Call, connection: sa.Connection, first: str | None, last: str | None
) -> tuple[str, str]:
    """The span that is asked about, as far as there was time for it; says what was cut off."""
    from ledger.facts import LedgerFacts
    from ledger.signing import now

    facts, present = LedgerFacts(connection), now()
    founded = facts.accepted_at(0)
    begins, ends = first or founded, last or present
    if last is not None and begins >= last:
        raise UsageError("--from is not before --until; nothing was asked")
    if begins >= present:
        raise UsageError("the span lies in the future; nothing was asked", "choose an earlier one")
    if ends > present:
        note(call, _("The span ends in the future; it is answered up to now."))
        ends = present
    if begins < founded:
        text = _("This ledger has entries from {time} on; nothing is known of what was before.")
        note(call, text.format(time=local(founded)))
    return begins, ends


@command(
    "access",
    N_(
        "Who had or could have had access to a record, copy, deal or person between two times.\n\n"
        "Accesses and refusals of the span, grants that covered it in any part of it, who kept "
        "copies or keys, what was handed over, shown or compared: each with from when until when, "
        "by whom, why, and the events that say so. What leaves no event is named below the table."
    ),
)
@argument("about", metavar="ID")
@_span
@as_of_option
@option("--format", "style", type=click.Choice(("table", "json", "ndjson", "csv")),
        help=N_("How rows are printed; --json prints the whole answer."))  # fmt: skip
@pass_call
def access(
    call: Call, *, about: str, first: str | None, last: str | None, as_of: str | None,
    style: str | None,
) -> None:  # fmt: skip
    """Print the answer of `questions.reach`."""
    from ledger.audit.questions.reach import reach
    from ledger.cli.ids import resolve

    with call.reading() as ledger, ledger.engine.connect() as connection:
        kind = about.partition("-")[0]
        found = resolve(ledger, kind if kind in _ABOUT else "record", about)
        entry = entry_of(call, ledger, as_of)
        begins, ends = _times(call, connection, first, last)
        answer = reach(connection, found, begins, ends, entry=entry)
        rows = shown_rows(call, ledger, answer.rows)
    if not answer.there:
        note(call, _("This ledger did not know it yet; so there is no answer."))
    print_answer(call, answer, rows, ACCESS, style)
    if style is None and not call.as_json:
        said_limits(call, answer.limits)


@command(
    "unused",
    N_(
        "Which grants, modes of grants, roles and keys nobody used in a span.\n\n"
        "A grant is used by an access, a role by an act in it, a key by signing an act. Says since "
        "when each is in force and when it was used last."
    ),
)
@_span
@as_of_option
@option("--format", "style", type=click.Choice(("table", "json", "ndjson", "csv")),
        help=N_("How rows are printed; --json is the same as --format json."))  # fmt: skip
@pass_call
def unused(
    call: Call, *, first: str | None, last: str | None, as_of: str | None, style: str | None
) -> None:
    """Print the answer of `questions.unused`."""
    from ledger.audit.questions.span import span_of
    from ledger.audit.questions.unused import unused as ask

    with call.reading() as ledger, ledger.engine.connect() as connection:
        entry = entry_of(call, ledger, as_of)
        begins, ends = _times(call, connection, first, last)
        found = ask(connection, span_of(connection, begins, ends, entry))
        rows = shown_rows(call, ledger, found)
    print_answer(call, found, rows, UNUSED, style)


@command(
    "changes",
    N_(
        "What changed between two states of the ledger.\n\n"
        "A and B are times, position:NUMBER or checkpoint:FILE; B is the present if not given. "
        "First the consistency proof between the two is made and verified; two states of a fork "
        "are refused, with exit code 3."
    ),
)
@argument("older", metavar="A")
@argument("newer", metavar="[B]", required=False)
@option("--objects", is_flag=True, help=N_("List what was added, changed or ended, too."))
@pass_call
def changes(call: Call, *, older: str, newer: str | None, objects: bool) -> None:
    """Print the answer of `questions.changes`."""
    from ledger.audit.questions.changes import changed
    from ledger.audit.questions.changes import changes as ask

    with call.reading() as ledger, ledger.engine.connect() as connection:
        sizes = [_size(ledger, text) for text in (older, newer)]
        found = ask(connection, *sizes)
        rows = changed(connection, *sizes) if objects else iter(())
        if call.as_json:
            print_changes(found, rows if objects else None)
            return
        _say_states(found.before, found.after, len(found.proof))
        counted = [{"aggregate": name, **counts} for name, counts in found.counts.items()]
        print_rows(call, counted, COUNTED, "table", [])
        if objects:
            click.echo()
            print_rows(call, rows, CHANGED, "table", [])


def _size(ledger: Ledger, text: str | None) -> int:
    from ledger.asof import moment

    if text is None:
        return ledger.seen()[0]
    return moment(ledger, text).entry + 1


def _say_states(before: Mapping[str, Any], after: Mapping[str, Any], hashes: int) -> None:
    text = _("{entries} entries, {events} events, accepted {accepted}")
    for title, state in ((N_("from"), before), (N_("to"), after)):
        accepted = local(state["accepted"])
        print_fields([(title, text.format(**{**state, "accepted": accepted}))])
    proved = _("the first is a prefix of the second: proof of {hashes} hashes verified")
    click.echo(proved.format(hashes=hashes))
    entries, events = (after[name] - before[name] for name in ("entries", "events"))
    told = _("{entries} entries and {events} events lie between them")
    click.echo(told.format(entries=entries, events=events))


@command(
    "late",
    N_(
        "Which events were entered late: when they happened, it is said, and when they came in."
        "\n\n"
        "Late is what the policy then in force asked a reason for; with --by, whatever came in so "
        "much after its time."
    ),
)
@_span
@option("--by", metavar="NUMBER[smhd]",
        help=N_("Everything entered so much after its time: 30m, 12h, 3d."))  # fmt: skip
@as_of_option
@option("--format", "style", type=click.Choice(("table", "json", "ndjson", "csv")),
        help=N_("How rows are printed; --json is the same as --format json."))  # fmt: skip
@pass_call
def late(
    call: Call, *, first: str | None, last: str | None, by: str | None, as_of: str | None,
    style: str | None,
) -> None:  # fmt: skip
    """Print the answer of `questions.late`."""
    from ledger.audit.questions.late import late as ask
    from ledger.audit.questions.span import span_of

    least = None if by is None else _seconds(by)
    with call.reading() as ledger, ledger.engine.connect() as connection:
        entry = entry_of(call, ledger, as_of)
        span = span_of(connection, *_times(call, connection, first, last), entry)
        found = ask(connection, span, least_seconds=least)
        rows = shown_rows(call, ledger, found)
    print_answer(call, found, rows, LATE, style)


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _SECONDS or not (number.isascii() and number.isdigit()) or len(number) > _DIGITS:
        raise UsageError("--by is a number and one of s, m, h, d: 30m, 12h, 3d")
    return int(number) * _SECONDS[unit]


@command(
    "reported-keys",
    N_(
        "Who acted with a key that was later reported as compromised, and what is in dispute.\n\n"
        "Acts that a trusted time-stamp covers from before the suspicion stay valid; the others up "
        "to the report are disputed."
    ),
)
@option("--acts", is_flag=True, help=N_("List the acts, too."))
@as_of_option
@pass_call
def reported_keys(call: Call, *, acts: bool, as_of: str | None) -> None:
    """Print the answer of `questions.reported`."""
    from ledger.audit.questions.reported import reported_keys as ask
    from ledger.timestamps import Times

    with call.reading() as ledger, ledger.engine.connect() as connection:
        entry = entry_of(call, ledger, as_of)
        roots = ledger.folder.tsa_roots()
        found = ask(connection, Times(connection, ledger.ledger_id, roots), entry=entry)
        rows = shown_rows(call, ledger, found)
    print_answer(call, found, rows, KEYS, None)
    if call.as_json:
        return
    if found and not roots:
        note(call, _("No authority of time is trusted here: nothing shows what came before."))
    for one in found if acts else ():
        print_acts(one)


@command(
    "disagree",
    N_(
        "What two ledgers say differently: two firms' own ones, or two copies of one.\n\n"
        "A and B are folders of ledgers, copies or replicas, whole with trust/ledger.vkey; B is "
        "this call's ledger if not given. Both are verified first. Each row has the events of both "
        "sides. Exit code 3 if there is any, or if the two have nothing in common, so that nothing "
        "was compared."
    ),
)
@argument("first", type=PATH, metavar="A")
@argument("second", type=PATH, metavar="[B]", required=False)
@option("--format", "style", type=click.Choice(("table", "json", "ndjson", "csv")),
        help=N_("How rows are printed; --json prints the whole answer."))  # fmt: skip
@pass_call
def disagree(call: Call, *, first: Path, second: Path | None, style: str | None) -> int:
    """Print the answer of `questions.disagree`."""
    from ledger.audit.questions.disagree import disagree as ask
    from ledger.folder import Folder
    from ledger.schema import engine_for

    folders = [Folder(path) for path in (first, second or call.path)]
    for folder in folders:
        _verified(folder)
    engines = [engine_for(folder.database, read_only=True) for folder in folders]
    try:
        with engines[0].connect() as one, engines[1].connect() as other:
            found = ask(one, other)
    finally:
        for engine in engines:
            engine.dispose()
    print_answer(call, found, found.rows, DISAGREED, style)
    if not call.as_json and style in (None, "table"):
        if not found.rows:
            click.echo(_alike(found))
        if found.relation == "two_ledgers":
            said_limits(call, found.limits)
    return FORKED if found.rows or found.relation == "unrelated" else 0


def _alike(found: Disagreements) -> str:
    """What it means that no row was found."""
    a, b = (int(side["entries"]) for side in (found.a, found.b))
    match found.relation:
        case "agree":
            return _("two copies of one ledger, both of {entries} entries, and equal").format(
                entries=a
            )
        case "ahead" | "behind":
            more = abs(a - b)
            if a > b:
                text = plural(
                    "two copies of one ledger: A has {more} entry more than B; equal up to there",
                    "two copies of one ledger: A has {more} entries more than B; equal up to there",
                    more,
                )
            else:
                text = plural(
                    "two copies of one ledger: B has {more} entry more than A; equal up to there",
                    "two copies of one ledger: B has {more} entries more than A; equal up to there",
                    more,
                )
            return text.format(more=more)
        case "unrelated":
            return _(
                "the two have nothing in common: other origins, no key that both know, and neither "
                "took over anything from the other; nothing was compared"
            )
        case _:
            return _("nothing that both say is said differently")


def _verified(folder: Folder) -> None:
    """Refuse a ledger that is not what was signed: nothing can be compared with it."""
    from ledger.verification.stored import verify_folder

    folder.check()
    report = verify_folder(folder, trust=folder.pinned_key())
    for known in ("sealed_missing", "rolled_back", "forked"):  # what comparing is for
        report = report.without(known)
    if report.verdict == "invalid":
        found = report.findings[0]
        raise VerificationError(
            "one of the two does not verify ({code}: {cause}); nothing was compared",
            "muniment -L DIR verify, for each of them",
            code=found.code,
            cause=found.cause,
        )


QUESTIONS: Final[Sequence[Command]] = (
    access, unused, changes, late, reported_keys, disagree,
)  # fmt: skip
"""The commands of `muniment audit` that are written here."""
