"""`muniment status`: the ledger at a glance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.asof import as_of_option, moment_of
from ledger.cli.call import Call
from ledger.cli.command import command, pass_call
from ledger.cli.labels import finding_label
from ledger.cli.language import N_, _, language
from ledger.cli.output import coded, local, print_fields, print_json

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger
    from ledger.asof import Moment


@command("status", N_("The ledger at a glance: its head, what it holds, what is wrong with it."))
@as_of_option
@pass_call
def status(call: Call, *, as_of: str | None) -> None:
    """Print the head, the counters and the findings."""
    from ledger.cli.cosigned import cosigned_rows

    with call.reading() as ledger:
        found = _status(ledger, moment_of(call, ledger, as_of))
    if call.as_json:
        print_json(found)
        return
    records: dict[str, int] = found["records"]
    print_fields(
        [
            (N_("origin"), found["origin"]),
            (N_("ledger"), found["ledger"]),
            (N_("entries"), found["entries"]),
            (N_("events"), found["events"]),
            (N_("root"), found["root"]),
            (N_("last entry at"), local(found["accepted"])),
            (N_("last checkpoint over"), found["checkpoint"]),
            *cosigned_rows(found["cosigned"]),
            (N_("policy pack"), f"{found['pack']['id']} {found['pack']['version']}"),
            (N_("records"), sum(records.values())),
            *((f"  {coded('RecordState')(state)}", count) for state, count in records.items()),
            (N_("copies there"), found["copies"]),
        ]
    )
    for code, count in found["findings"].items():
        click.echo(f"! {finding_label(code, language())}: {count}")
    for stream in found["under_way"]:
        text = _("{stream} was begun, and is not recorded to its end: muniment doctor")
        click.echo(f"! {text.format(stream=stream)}")


def _status(ledger: Ledger, then: Moment | None) -> dict[str, Any]:
    from ledger.cli.cosigned import cosigned_in
    from ledger.effects import expiring, pending
    from ledger.tree import StoredTree
    from projections.custody import count_there
    from projections.inventory import counts

    pack = ledger.policy().header
    entry = then.entry if then else None
    folder = ledger.folder
    under_way = [] if then else [*pending.left_open(folder), *expiring.left_open(folder)]
    with ledger.engine.connect() as connection:
        tree = StoredTree(connection)
        head = tree.head
        entries = then.entry + 1 if then else head.entries
        records: Counter[str] = Counter()
        for count in counts(connection, entry=entry):
            records[count.state] += count.records
        return {
            "origin": ledger.origin,
            "ledger": ledger.ledger_id,
            "entries": entries,
            "events": then.position if then else head.events,
            "root": tree.root_at(entries).hex(),
            "accepted": then.accepted if then else head.accepted,
            "checkpoint": _checkpoint(connection, entries),
            "cosigned": cosigned_in(connection, folder, entries),
            "pack": {"id": pack.id, "version": pack.version},
            "records": dict(sorted(records.items())),
            "copies": count_there(connection, entry=entry),
            "findings": _findings(connection, entry) | _overdue(ledger, connection, then),
            "under_way": under_way,
        }


def _checkpoint(connection: sa.Connection, entries: int) -> int | None:
    """How many entries the last checkpoint covers that was signed over no more than `entries`."""
    from ledger.tlog.checkpoint import Checkpoint
    from ledger.tlog.note import Note

    note = connection.exec_driver_sql(
        "SELECT note FROM checkpoints WHERE size <= ? ORDER BY size DESC LIMIT 1", (entries,)
    ).scalar()
    return Checkpoint.parse(Note.parse(bytes(note)).text).size if note else None


def _overdue(ledger: Ledger, connection: sa.Connection, then: Moment | None) -> dict[str, int]:
    """How many findings of audits are past their day; nothing if none is."""
    from ledger import signing
    from projections.audits import overdue

    day = ledger.policy().calendar.day_of(then.accepted if then else signing.now())
    count = overdue(connection, day, entry=then.entry if then else None)
    return {"audit_finding_overdue": count} if count else {}


def _findings(connection: sa.Connection, entry: int | None) -> dict[str, int]:
    """How often each finding holds; only those that do."""
    import sqlalchemy as sa

    from projections.past import standing
    from projections.tables import holdings, inventory, keys

    questions = {
        "notice_missing": (inventory, "notice", "missing"),
        "retention_conflict": (inventory, "conflict", 1),
        "copy_lost": (holdings, "condition", "lost"),
        "key_compromised": (keys, "condition", "compromised"),
    }
    numbers = {}
    for code, (table, column, value) in questions.items():
        kept = standing(table, then=entry is not None)
        query = sa.select(sa.func.count()).select_from(kept.source)
        query = query.where(kept.stood, kept.columns[column] == value)
        numbers[code] = connection.execute(query, {"as_of": entry}).scalar_one()
    return {code: count for code, count in numbers.items() if count}
