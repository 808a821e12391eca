"""`muniment status`: the ledger at a glance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import command, pass_call
from ledger.cli.labels import finding_label
from ledger.cli.language import N_, language
from ledger.cli.output import coded, local, print_fields, print_json

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger


@command("status", N_("The ledger at a glance: its head, what it holds, what is wrong with it."))
@pass_call
def status(call: Call) -> None:
    """Print the head, the counters and the findings."""
    with call.reading() as ledger:
        found = _status(ledger)
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
            (N_("policy pack"), f"{found['pack']['id']} {found['pack']['version']}"),
            (N_("records"), sum(records.values())),
            *((f"  {coded('RecordState')(state)}", count) for state, count in records.items()),
            (N_("copies there"), found["copies"]),
        ]
    )
    for code, count in found["findings"].items():
        click.echo(f"! {finding_label(code, language())}: {count}")


def _status(ledger: Ledger) -> dict[str, Any]:
    from ledger.tlog.checkpoint import Checkpoint
    from ledger.tlog.note import Note
    from ledger.tree import StoredTree
    from projections.inventory import counts

    note = ledger.last_checkpoint()
    pack = ledger.policy().header
    with ledger.engine.connect() as connection:
        head = StoredTree(connection).head
        records: Counter[str] = Counter()
        for count in counts(connection):
            records[count.state] += count.records
        return {
            "origin": ledger.origin,
            "ledger": ledger.ledger_id,
            "entries": head.entries,
            "events": head.events,
            "root": head.root.hex(),
            "accepted": head.accepted,
            "checkpoint": Checkpoint.parse(Note.parse(bytes(note)).text).size if note else None,
            "pack": {"id": pack.id, "version": pack.version},
            "records": dict(sorted(records.items())),
            "copies": _copies(connection),
            "findings": _findings(connection),
        }


def _copies(connection: sa.Connection) -> int:
    import sqlalchemy as sa

    from projections.custody import THERE
    from projections.tables import holdings

    query = sa.select(sa.func.count()).select_from(holdings)
    return connection.execute(query.where(holdings.c.condition.in_(THERE))).scalar_one()


def _findings(connection: sa.Connection) -> dict[str, int]:
    """How often each finding holds now; only those that do."""
    import sqlalchemy as sa

    from projections.tables import holdings, inventory, keys

    questions = {
        "notice_missing": (inventory, inventory.c.notice == "missing"),
        "retention_conflict": (inventory, inventory.c.conflict != 0),
        "copy_lost": (holdings, holdings.c.condition == "lost"),
        "key_compromised": (keys, keys.c.condition == "compromised"),
    }
    found = {
        code: connection.execute(sa.select(sa.func.count()).select_from(table).where(where))
        for code, (table, where) in questions.items()
    }
    numbers = {code: result.scalar_one() for code, result in found.items()}
    return {code: count for code, count in numbers.items() if count}
