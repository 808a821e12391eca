"""`muniment rights`: what persons ask about their own data, on the clock (PIPL 44 to 50)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, TIME, argument, group, option, pass_call
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
from ledger.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.application import Ledger

_AT_ONCE = 500
_CHUNK = 1 << 20
_REQUEST = argument("request", metavar="REQUEST")
_LAST_DAY: Final = "9999-12-31"

STATES: Final = {
    "received": N_("received"),
    "identity_verified": N_("identity verified"),
    "decided": N_("decided"),
    "fulfilled": N_("fulfilled"),
    "closed": N_("closed"),
}


@group("rights", N_("What persons ask about their own data: on the clock, decided, fulfilled."))
def rights() -> None:
    """Nothing by itself."""


# -- acts -------------------------------------------------------------------------------------


@rights.command(
    "receive",
    help=N_(
        "Record that a person asks about their own data; prints by when to answer.\n\n"
        "The person is looked up by an identifier, which is never an argument: the records in "
        "which they were found are those that the request concerns. With --request an open "
        "request is extended by further records."
    ),
)
@option("--type", "kind", type=CODE("RightsRequestType"), help=N_("What is asked."))
@option("--channel", type=CODE("RequestChannel"), help=N_("By which way it came."))
@option("--received", "received_at", type=TIME, help=N_("When it arrived, if not now."))
@option("--subject", metavar="SUBJECT", help=N_("The person, as found before."))
@option(
    "--identifier-file", "file", metavar="FILE",
    help=N_("File with the person's identifiers, one a line; - for standard input."),
)  # fmt: skip
@option(
    "--record", "records", multiple=True, metavar="RECORD",
    help=N_("A further record that it concerns; repeatable."),
)  # fmt: skip
@option("--contact", metavar="TEXT", help=N_("How to reach the person; sealed."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@option("--request", metavar="REQUEST", help=N_("The open request to extend."))
@act_options
@pass_call
def receive(
    call: Call,
    *,
    kind: str | None,
    channel: str | None,
    received_at: str | None,
    subject: str | None,
    file: str | None,
    records: tuple[str, ...],
    contact: str | None,
    remark: str | None,
    request: str | None,
    how: How,
) -> None:
    """Record `rights.request_received`."""
    from ledger import requests
    from ledger.acts import texts
    from ledger.cli.ids import resolve

    if request is None and (kind is None or channel is None):
        raise click.UsageError(_("a new request needs --type and --channel"))
    if subject is not None and file is not None:
        raise click.UsageError(_("--subject and --identifier-file say the same thing"))
    sealed = texts(
        contact=checked_text(contact, "--contact"), remark=checked_text(remark, "--remark")
    )
    with call.writing() as ledger:
        who, found = _person(call, ledger, subject, file, alone=not (records or request))
        named = [*found, *(resolve(ledger, "record", text) for text in records)]
        named = list(dict.fromkeys(named))
        if request is not None:
            proposals = requests.widen(ledger, resolve(ledger, "rights", request), named)
        else:
            proposals = requests.receive(
                ledger, str(kind), subject=who, channel=str(channel), received_at=received_at,
                records=named, sealed=sealed,
            )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), proposals)
    fields = proposals[0].fields
    how.tell(call, receipt, rights=proposals[0].stream, subject=fields["subject"],
             due_at=fields["due_at"])  # fmt: skip


def _person(
    call: Call, ledger: Ledger, subject: str | None, file: str | None, *, alone: bool
) -> tuple[str | None, list[str]]:
    """The subject id of whoever asks (None: nobody knows them), and the records they are in.

    `alone`: nothing else says which records are meant, so an identifier is asked for.
    """
    from ledger.cli.ids import resolve
    from ledger.cli.subject import searched
    from ledger.subjects import places_of

    if subject is not None:
        name = resolve(ledger, "subject", subject)
        with ledger.engine.connect() as connection:
            return name, [place.record for place in places_of(connection, name)]
    if file is None and not alone:
        return None, []
    found = searched(call, ledger, file).subjects
    if not found:
        note(call, _("Nobody was found. Not everything may have been looked through: muniment "
                     "subject index --all"))  # fmt: skip
        return None, []
    return found[0].subject, [record for one in found for record in one.records]


@rights.command("identify", help=N_("Record that it was checked who asks, and with what result."))
@_REQUEST
@option("--method", required=True, type=CODE("IdentityMethod"), help=N_("How it was checked."))
@option(
    "--result", type=CODE("CheckResult"), default="pass", show_default=True,
    help=N_("Whether the person is who they say."),
)  # fmt: skip
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def identify(
    call: Call, *, request: str, method: str, result: str, remark: str | None, how: How
) -> None:
    """Record `rights.requester_identity_verified`."""
    from ledger import requests
    from ledger.cli.ids import resolve

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        named = resolve(ledger, "rights", request)
        proposal = requests.identify(ledger, named, method, result, remark)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@rights.command(
    "decide",
    help=N_(
        "Record the decision, and when the person was told.\n\n"
        "Whoever refuses, wholly or in part, says why (--reasons) and names what stands in the "
        "way (--rule): the code of a guard as muniment why names it, or a retention rule."
    ),
)
@_REQUEST
@option("--decision", required=True, type=CODE("RequestDecision"), help=N_("What was decided."))
@option("--reasons", metavar="TEXT", help=N_("Why, as the person was told; sealed."))
@option("--rule", "rules", multiple=True, metavar="RULE",
        help=N_("What stands in the way; repeatable."))  # fmt: skip
@option("--told", "notified_at", type=TIME, help=N_("When the person was told, if not now."))
@act_options
@pass_call
def decide(
    call: Call,
    *,
    request: str,
    decision: str,
    reasons: str | None,
    rules: tuple[str, ...],
    notified_at: str | None,
    how: How,
) -> None:
    """Record `rights.request_decided`."""
    from ledger import requests
    from ledger.cli.ids import resolve

    checked_text(reasons, "--reasons")
    with call.writing() as ledger:
        proposal = requests.decide(
            ledger, resolve(ledger, "rights", request), decision, rules=_rules(rules),
            notified_at=notified_at, reasons=reasons,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


def _rules(given: Sequence[str]) -> list[str]:
    """The codes of rules, where a person gave a number such as I-28."""
    from domain.judging import RULE_CODES

    return [RULE_CODES.get(name.upper(), name) for name in given]


@rights.command(
    "fulfil",
    help=N_(
        "Record that a request is fulfilled: by which acts, and what was handed over.\n\n"
        "An act is an event of a record that the request concerns, since it was received, or of a "
        "destruction case that lists a copy of one."
    ),
)
@_REQUEST
@option("--action", "actions", multiple=True, metavar="EVENT",
        help=N_("An event that fulfils it; repeatable."))  # fmt: skip
@option("--delivered", type=PATH, metavar="FILE",
        help=N_("What was handed over; its digest is sealed."))  # fmt: skip
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def fulfil(
    call: Call,
    *,
    request: str,
    actions: tuple[str, ...],
    delivered: Path | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `rights.request_fulfilled`."""
    from ledger import requests
    from ledger.cli.ids import resolve

    checked_text(remark, "--remark")
    digest = None if delivered is None else _digest(delivered)
    with call.writing() as ledger:
        proposals = requests.fulfil(
            ledger, resolve(ledger, "rights", request), list(dict.fromkeys(actions)),
            delivered=digest, remark=remark,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), proposals)
    how.tell(call, receipt)


def _digest(path: Path) -> str:
    """The SHA-256 (hex) of a file. Raises `UsageError` if it cannot be read."""
    digest = sha256()
    try:
        if not path.is_file():
            raise UsageError("the file cannot be read ({cause})", cause="not a file")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None
    return digest.hexdigest()


@rights.command("close", help=N_("Close a request that was answered, or that the person withdrew."))
@_REQUEST
@option("--ending", type=CODE("RequestEnding"), default="completed", show_default=True,
        help=N_("How it ended."))  # fmt: skip
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def close(call: Call, *, request: str, ending: str, remark: str | None, how: How) -> None:
    """Record `rights.request_closed`."""
    from ledger import requests
    from ledger.cli.ids import resolve

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        named = resolve(ledger, "rights", request)
        receipt = how.record(
            ledger, call.acting(ledger), [requests.close(ledger, named, ending, remark)]
        )
    how.tell(call, receipt)


# -- questions --------------------------------------------------------------------------------


def shown_state(state: str) -> str:
    """How far a request has come, in the language chosen."""
    return _(STATES[state])


def shown_clock(row: Mapping[str, Any]) -> str:
    """By when a request is to be answered, and whether it was."""
    if row["overdue"]:
        return _("due {day}, overdue").format(day=row["due_at"])
    if row["late"]:
        return _("due {day}, answered late").format(day=row["due_at"])
    if row["answered_at"] is not None:
        return _("answered {time}").format(time=local(row["answered_at"]))
    return _("due {day}").format(day=row["due_at"])


KEYS: Final = (
    "rights", "request", "state", "subject", "channel", "records", "received_at", "due_at",
    "overdue", "late", "decision", "ending", "identified_at", "decided_at", "fulfilled_at",
    "closed_at", "answered_at", "receiver",
)  # fmt: skip
_COLUMNS: Final = (
    Column("rights", N_("request")),
    Column("request", N_("what is asked"), coded("RightsRequestType")),
    Column("state", N_("state"), shown_state),
    Column("records", N_("records"), right=True),
    Column("received_at", N_("received at"), local),
    Column("due_at", N_("due")),
    Column("clock", N_("clock")),
    Column("decision", N_("decision"), coded("RequestDecision")),
)


@rights.command("list", help=N_("List the requests, closed ones included."))
@option("--subject", metavar="SUBJECT", help=N_("Only those of this person."))
@option("--record", metavar="RECORD", help=N_("Only those that concern this record."))
@option("--state", type=click.Choice(list(STATES)), help=N_("Only requests in this state."))
@as_of_option
@format_option
@pass_call
def list_requests(
    call: Call,
    *,
    subject: str | None,
    record: str | None,
    state: str | None,
    as_of: str | None,
    style: str | None,
) -> None:
    """Every request, in order of its id."""
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        rows = _rows(ledger, subject, record, entry)
        wanted = (row for row in rows if state is None or row["state"] == state)
        print_rows(call, wanted, _COLUMNS, style, KEYS)


def _rows(
    ledger: Ledger, subject: str | None, record: str | None, entry: int | None
) -> Iterator[dict[str, Any]]:
    from ledger.cli.ids import resolve
    from ledger.facts import LedgerFacts
    from projections.rights import about, listed

    who = _subject_of(ledger, subject) if subject else None
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        if record is not None:
            named = resolve(ledger, "record", record)
            found = about(connection, named, entry=entry)
            yield from (_row(facts, one) for one in found if who in (None, one.subject))
            return
        after = None
        while found := listed(connection, subject=who, limit=_AT_ONCE, after=after, entry=entry):
            yield from (_row(facts, one) for one in found)
            after = found[-1].rights


def _subject_of(ledger: Ledger, given: str) -> str:
    """A subject whose requests are asked for: its records may be gone, so a whole id will do."""
    from ledger.cli.ids import is_whole, resolve

    return given if is_whole("subject", given) else resolve(ledger, "subject", given)


def _row(facts: Any, request: Any) -> dict[str, Any]:  # noqa: ANN401  of modules imported late
    from ledger.people import request_row

    row = request_row(facts, request)
    return {**row, "clock": shown_clock(row)}


@rights.command(
    "due",
    help=N_(
        "List the requests that are still to be answered, the earliest first.\n\n"
        "Exit code 1 if one is overdue."
    ),
)
@option("--until", type=DAY, help=N_("Only those due by this day."))
@format_option
@pass_call
def due(call: Call, *, until: str | None, style: str | None) -> int:
    """Open requests; the exit code says whether one is overdue."""
    from ledger.facts import LedgerFacts
    from projections.rights import due as due_by

    rows: list[dict[str, Any]] = []
    with call.reading() as ledger, ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        after = None
        while found := due_by(connection, until=until or _LAST_DAY, limit=_AT_ONCE, after=after):
            rows += (_row(facts, one) for one in found)
            after = (found[-1].due_at, found[-1].rights)
        print_rows(call, rows, _COLUMNS, style, KEYS)
    return int(any(row["overdue"] for row in rows))


@rights.command("show", help=N_("Show one request: what it concerns, and what was said of it."))
@_REQUEST
@as_of_option
@pass_call
def show(call: Call, *, request: str, as_of: str | None) -> None:
    """One request as it stands now, or stood then."""
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from ledger.facts import LedgerFacts
    from projections.rights import one

    with call.reading() as ledger:
        named = resolve(ledger, "rights", request)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            found = one(connection, named, entry=entry)
            if found is None:
                raise not_yet("request")
            row = _row(LedgerFacts(connection), found)
            records = list(_concerned(connection, named, entry))
        placed = Reader(call, ledger).of_streams([named])
    said = [p for p in placed if entry is None or p.entry <= entry]
    if call.as_json:
        shown = {key: row[key] for key in KEYS}
        sealed = [{"event": p.event.id, **p.sealed} for p in said if p.sealed]
        print_json({**shown, "concerns": records, "actions": _actions(said), "sealed": sealed})
        return
    print_fields((c.title, c.show(row[c.key])) for c in _COLUMNS if row[c.key] is not None)
    _print_rest(records, said)


def _concerned(connection: Any, named: str, entry: int | None) -> Iterator[str]:  # noqa: ANN401
    from projections.rights import records_of

    after = None
    while page := records_of(connection, named, limit=_AT_ONCE, after=after, entry=entry):
        yield from page
        after = page[-1]


def _actions(said: Sequence[Any]) -> list[str]:
    """The acts that fulfilled it, by their events."""
    return [action for placed in said for action in getattr(placed.event, "actions", ())]


def _print_rest(records: Sequence[str], said: Sequence[Any]) -> None:
    from ledger.cli.labels import field_label
    from ledger.cli.language import language

    for title, ids in ((_("concerns"), records), (_("fulfilled by"), _actions(said))):
        for number, one in enumerate(ids):
            click.echo(f"{'' if number else title + chr(10)}  {one}")
    for placed in said:
        if placed.sealed:
            click.echo(f"\n{placed.event.id}")
            print_fields(
                (f"  {field_label(path, language())}", text) for path, text in placed.sealed.items()
            )
