"""How one handover is shown: both sides, every step with who signed it, every copy on the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.labels import field_label
from ledger.cli.language import N_, _, language
from ledger.cli.output import (
    Column,
    coded,
    labelled,
    local,
    print_fields,
    print_json,
    print_rows,
    several,
    topic,
)
from ledger.cli.reading import Reader

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger

_AT_ONCE = 500

STEPS: Final = {
    "planned": N_("planned"),
    "list_frozen": N_("list frozen"),
    "released": N_("given away"),
    "received": N_("received"),
    "confirmed": N_("confirmed"),
    "cancelled": N_("cancelled"),
}


def shown_step(step: str) -> str:
    """How far a handover has come, in the language chosen."""
    return _(STEPS[step])


STATES: Final = {"open": N_("open"), "confirmed": N_("confirmed")}


def _shown_state(state: str) -> str:
    return _(STATES[state])


ITEM_KEYS: Final = ("holding", "state", "condition", "custodian", "form", "items")
_ITEMS: Final = (
    Column("holding", N_("copy")),
    Column("state", N_("state"), _shown_state),
    Column("condition", N_("condition"), coded("HoldingState")),
    Column("form", N_("form"), coded("MediumForm")),
    Column("items", N_("items"), right=True),
    Column("custodian", N_("custodian")),
)
_STEPS: Final = (
    Column("type", N_("what"), labelled),
    Column("accepted", N_("recorded at"), local),
    Column("who", N_("signed by"), several),
    Column("event", N_("event")),
)


def steps_taken(
    call: Call, ledger: Ledger, handover: str, entry: int | None
) -> list[dict[str, Any]]:
    """Every step in order: when it was recorded, who signed as what, and what is sealed about it.

    A list in several events is one step; `event` is its first.
    """
    from ledger.facts import LedgerFacts

    reader = Reader(call, ledger)
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        for placed in reader.of_streams([handover]):
            kind = (placed.entry, topic(placed.event))
            if kind in rows or (entry is not None and placed.entry > entry):
                continue
            signers = [
                {"actor": actor, "name": reader.name_of(actor), "capacity": capacity}
                for actor, capacity in _signers_of(connection, placed.entry)
            ]
            rows[kind] = {
                "type": kind[1],
                "event": placed.event.id,
                "position": placed.position,
                "at": placed.event.at,
                "accepted": facts.accepted_at(placed.entry),
                "signers": signers,
                "sealed": dict(placed.sealed) if placed.sealed else None,
            }
    return list(rows.values())


def _signers_of(connection: sa.Connection, entry: int) -> list[tuple[str, str]]:
    """Who signed the commit of an entry, and as what: (actor, capacity)."""
    from ledger.tlog.commit import Entry

    data = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = ?", (entry,)).scalar()
    signers = Entry.parse(bytes(data or b"")).commit.note.signers
    return [(signer.name.rpartition("/a/")[2], signer.capacity) for signer in signers]


def copies_listed(
    connection: sa.Connection, handover: str, version: int, entry: int | None
) -> Iterator[dict[str, Any]]:
    """The copies on one version of a list, each with what became of it, read in portions."""
    from projections.custody import one
    from projections.handovers import items

    after = None
    while found := items(connection, handover, version, limit=_AT_ONCE, after=after, entry=entry):
        for item in found:
            copy = one(connection, item.holding, entry=entry)
            assert copy is not None  # it was there when it was listed
            state = "open" if item.confirmed_entry is None else "confirmed"
            told = {key: getattr(copy, key) for key in ("condition", "custodian", "form", "items")}
            yield {"holding": item.holding, "state": state, **told}
        after = found[-1].holding


def print_handover(
    call: Call,
    row: Mapping[str, Any],
    names: Mapping[str, str | None],
    steps: Sequence[dict[str, Any]],
    items: Sequence[dict[str, Any]],
) -> None:
    """Print one handover; `names`: of parties and actors, where they could be opened."""
    if call.as_json:
        plain = {key: value for key, value in row.items() if key != "steps"}
        print_json({**plain, "names": dict(names), "steps": list(steps), "items": list(items)})
        return
    print_fields(_fields(row, names))
    click.echo()
    shown = [{**step, "who": list(map(_signer, step["signers"]))} for step in steps]
    print_rows(call, shown, _STEPS, "table", ())
    for step in steps:
        if step["sealed"]:
            click.echo(f"\n{step['event']}")
            texts = step["sealed"].items()
            print_fields((f"  {field_label(path, language())}", text) for path, text in texts)
    if items:
        click.echo()
        print_rows(call, items, _ITEMS, "table", ITEM_KEYS)


def _fields(
    row: Mapping[str, Any], names: Mapping[str, str | None]
) -> list[tuple[str, str | int | None]]:
    def named(key: str) -> str:
        return " ".join(filter(None, (names.get(row[key]), row[key])))

    return [
        (N_("handover"), row["handover"]),
        (N_("step"), shown_step(row["step"])),
        (N_("kind of transfer"), coded("TransferMode")(row["mode"])),
        (N_("seller"), named("from_party")),
        (N_("seller's handler"), named("seller_handler")),
        (N_("buyer"), named("to_party")),
        (N_("buyer's handler"), named("buyer_handler")),
        (N_("from"), row["first_day"]),
        (N_("to"), row["last_day"]),
        (N_("version of the list"), row["list_version"] or None),
        (N_("copies"), row["count"] or None),
        (N_("root of the list"), row["root"]),
    ]


def _signer(signer: Mapping[str, Any]) -> str:
    return f"{signer['name'] or signer['actor']} ({coded('Role')(signer['capacity'])})"
