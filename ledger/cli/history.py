"""`muniment history`, `muniment show`: the chain of custody of a record; one thing of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, command, option, pass_call
from ledger.cli.eventfields import field_name, field_value
from ledger.cli.labels import field_label, finding_label, topic_label
from ledger.cli.language import N_, language
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    labelled,
    local,
    print_fields,
    print_json,
    print_rows,
    several,
    topic,
)
from ledger.cli.reading import Placed, Reader

if TYPE_CHECKING:
    from pathlib import Path

    from domain.values import Event
    from ledger.application import Ledger

KEYS: Final = (
    "position", "entry", "accepted", "at", "event", "type", "type_zh", "type_en", "actor",
    "actor_name", "party", "role", "details", "sealed", "findings", "origin", "proved",
    "not_before", "not_after",
)  # fmt: skip
"""`origin`: of the ledger that the event is in; `proved`: of an event of another ledger, the state
of it, by entries and root, that the event was just proved to be in (`ledger.effects.following`);
`not_before`, `not_after`: the times of the trusted time-stamps between which it was recorded."""


COLUMNS: Final = (
    Column("position", N_("position"), right=True),
    Column("accepted", N_("recorded at"), local),
    Column("type", N_("what"), labelled),
    Column("who", N_("by")),
    Column("role", N_("as"), coded("Role")),
    Column("event", N_("event")),
    Column("findings", N_("findings"),
           lambda codes: several(finding_label(code, language()) for code in codes)),
)  # fmt: skip

AWAY: Final = (
    Column("origin", N_("ledger")),
    Column("proved", N_("proved"), lambda state: str(state["entries"]) if state else ""),
)

TIMES: Final = (
    Column("not_before", N_("provably not before"), local),
    Column("not_after", N_("provably not after"), local),
)

_ENVELOPE = frozenset({
    "type", "v", "stream", "version", "at", "by", "role", "engagement", "salt", "sealed",
})  # fmt: skip


@command(
    "history",
    N_(
        "The chain of custody of one record: every event about it and its copies, in order.\n\n"
        "What is sealed is shown when the ledger's passphrase is given by a file or command. Of a "
        "record that was taken over from another ledger the events of that ledger go first, each "
        "proved against the state that was seen then, as far as its replica is here."
    ),
)
@argument("record", metavar="RECORD")
@option(
    "--replica", "replica", type=PATH, metavar="DIR",
    help=N_("The replica of the ledger that the record came from, if it lies elsewhere now."),
)  # fmt: skip
@as_of_option
@format_option
@pass_call
def history(
    call: Call, *, record: str, replica: Path | None, as_of: str | None, style: str | None
) -> None:
    """Print the events by position; those of the ledger that the record came from go first."""
    from ledger.cli.ids import resolve
    from ledger.cli.passport import before
    from projections.custody import streams_of

    with call.reading() as ledger:
        found = resolve(ledger, "record", record)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            streams = streams_of(connection, found, entry=entry)
        rows = list(told(call, ledger, streams, entry=entry))
        if not rows:
            raise not_yet("record")
        rows = [*before(call, ledger, found, replica), *rows]
        away = any(row["proved"] for row in rows)
        timed = any(row["not_before"] or row["not_after"] for row in rows)
        columns = (*COLUMNS, *(AWAY if away else ()), *(TIMES if timed else ()))
        print_rows(call, rows, columns, style, KEYS)
    if style in (None, "table") and not call.as_json:
        _print_sealed(rows)


def _print_sealed(rows: Sequence[Mapping[str, Any]]) -> None:
    """What the events hold sealed, under the table: it is too long for a column."""
    for row in rows:
        if row["sealed"]:
            click.echo()
            click.echo(f"{row['position']}  {row['event']}")
            print_fields((f"  {field_label(p, language())}", t) for p, t in row["sealed"].items())


def told(
    call: Call, ledger: Ledger, streams: Sequence[str], *, entry: int | None = None
) -> Iterator[dict[str, Any]]:
    """The events of these streams by position, each with who said it, for whom, and findings.

    `entry`: only those up to this entry.
    """
    from domain.actor import ActorState
    from ledger.facts import LedgerFacts
    from ledger.timestamps import Times

    reader = Reader(call, ledger)
    events = [p for p in reader.of_streams(streams) if entry is None or p.entry <= entry]
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        actors = facts.load({placed.event.by for placed in events})
        accepted = {placed.entry: facts.accepted_at(placed.entry) for placed in events}
        times = Times(connection, ledger.ledger_id, ledger.folder.tsa_roots())
        proved = {entry: times.of(entry).says() for entry in accepted}
    for placed in events:
        actor = actors.get(placed.event.by)
        party = actor.party if isinstance(actor, ActorState) else None
        row = event_row(placed, accepted[placed.entry])
        name = reader.name_of(placed.event.by)
        yield {
            **row, "actor_name": name, "who": name or placed.event.by, "party": party,
            "origin": ledger.origin, "proved": None, **proved[placed.entry],
        }  # fmt: skip


def event_row(placed: Placed, accepted: str) -> dict[str, Any]:
    """One event as rows show it; names and party are the caller's to add."""
    event = placed.event
    kind = topic(event)
    fields = msgspec.to_builtins(event)
    return {
        "position": placed.position,
        "entry": placed.entry,
        "accepted": accepted,
        "at": event.at,
        "event": event.id,
        "type": kind,
        "type_zh": topic_label(kind, "zh"),
        "type_en": topic_label(kind, "en"),
        "actor": event.by,
        "role": event.role,
        "details": {name: value for name, value in fields.items() if name not in _ENVELOPE},
        "sealed": dict(placed.sealed) if placed.sealed else None,
        "findings": findings_of(event),
        "not_before": None,
        "not_after": None,
    }


def findings_of(event: Event) -> list[str]:
    """What an event itself says is wrong, as codes (labels: `ledger.cli.labels`)."""
    field = {name: getattr(event, name, None) for name in (
        "notice", "conflict", "result", "content_matched", "late_reason", "continuity",
    )}  # fmt: skip
    kind = topic(event)
    found = {
        "notice_missing": field["notice"] == "missing",
        "retention_conflict": field["conflict"] is True,
        "review_failed": field["result"] == "fail",
        "content_does_not_match": field["content_matched"] is False,
        "recorded_late": isinstance(field["late_reason"], str),
        "continuity_broken": field["continuity"] == "broken",
        "copy_lost": kind == "holding.lost",
        "key_compromised": kind == "actor.key_compromised",
    }
    return [code for code, holds in found.items() if holds]


@command(
    "show",
    N_(
        "Show one event with everything it says, or everything about one id.\n\n"
        "An event's id is that of its stream, a slash and a number: record-…/1."
    ),
)
@argument("wanted", metavar="ID")
@option(
    "--receipt", is_flag=True,
    help=N_("Of an event: print the proof that its entry is in the newest checkpoint."),
)  # fmt: skip
@as_of_option
@pass_call
def show(call: Call, *, wanted: str, receipt: bool, as_of: str | None) -> None:
    """Print one event, the events of one stream, or an act's receipt."""
    from ledger.cli.ids import resolve_any
    from ledger.errors import UsageError

    stream, slash, version = wanted.partition("/")
    with call.reading() as ledger:
        found = resolve_any(ledger, stream)
        rows = list(told(call, ledger, [found], entry=entry_of(call, ledger, as_of)))
        if slash:
            rows = [row for row in rows if row["event"] == f"{found}/{version}"]
            if not rows:
                raise UsageError("there is no event of this number", "muniment show ID")
            rows[0]["commit"] = _commit(ledger, rows[0]["entry"])
        elif not rows:
            raise not_yet(found.partition("-")[0])
        if receipt:
            if not slash:
                raise UsageError("a receipt is of one event", "muniment show ID/NUMBER --receipt")
            click.echo(ledger.receipt(rows[0]["entry"]), nl=False)
            return
    _print_events(call, found, rows, one=bool(slash))


def _commit(ledger: Ledger, entry: int) -> dict[str, Any]:
    """Who signed the commit of an entry, and what they had seen."""
    from ledger.tlog.commit import Entry

    with ledger.engine.connect() as connection:
        data = connection.exec_driver_sql(
            "SELECT data FROM commits WHERE entry = ?", (entry,)
        ).scalar()
    note = Entry.parse(bytes(data or b"")).commit.note
    return {
        "id": note.commit_id,
        "events": note.count,
        "seen": note.seen_size,
        "until": note.until,
        "client": note.client,
        "signers": [
            {"name": s.name, "key": s.key_id.hex(), "capacity": s.capacity} for s in note.signers
        ],
    }


def _print_events(call: Call, stream: str, rows: list[dict[str, Any]], *, one: bool) -> None:
    for row in rows:
        row.pop("who")
    if call.as_json:
        print_json(rows[0] if one else {"id": stream, "events": rows})
        return
    for row in rows:
        click.echo(f"{row['event']}  {labelled(row['type'])} ({row['type']})")
        print_fields(_shown(row))
        click.echo()


def _shown(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """An event's fields as people read them, one a line."""
    yield "  " + N_("position"), row["position"]
    yield "  " + N_("recorded at"), local(row["accepted"])
    yield "  " + N_("happened at"), local(row["at"])
    for name, label in (
        ("not_before", N_("provably not before")), ("not_after", N_("provably not after")),
    ):  # fmt: skip
        if row[name]:
            yield "  " + label, local(row[name])
    yield "  " + N_("by"), " ".join(filter(None, (row["actor_name"], row["actor"])))
    yield "  " + N_("as"), coded("Role")(row["role"])
    for name, value in row["details"].items():
        yield f"  {field_name(name, value)}", field_value(row["type"], name, value)
    for path, text in (row["sealed"] or {}).items():
        yield f"  {field_label(path, language())}", text
    commit = row.get("commit")
    if commit:
        yield "  " + N_("commit"), commit["id"]
        for signer in commit["signers"]:
            yield (
                "  " + N_("signed by"),
                f"{signer['name']} {signer['key']} " + field_value("", "role", signer["capacity"]),
            )
