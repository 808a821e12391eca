"""How handovers are shown: both sides, every step with who signed it, every item on the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
    from ledger.facts import LedgerFacts
    from projections.arrivals import Raised
    from projections.handovers import Handover

_AT_ONCE: Final = 500

STEPS: Final = {
    "planned": N_("planned"),
    "list_frozen": N_("list frozen"),
    "released": N_("given away"),
    "received": N_("received"),
    "deemed_accepted": N_("deemed accepted"),
    "confirmed": N_("confirmed"),
    "residual_declared": N_("kept copies declared"),
    "cancelled": N_("cancelled"),
}


def shown_step(step: str) -> str:
    """How far a handover has come, in the language chosen."""
    return _(STEPS[step])


STATES: Final = {
    "open": N_("open"),
    "accepted": N_("accepted"),
    "faulty": N_("faulty"),
    "again": N_("to be inspected again"),
    "rejected": N_("rejected"),
    "confirmed": N_("confirmed"),
}


def _shown_state(state: str) -> str:
    return _(STATES[state])


KEYS: Final = (
    "handover", "engagement", "step", "mode", "from_party", "to_party", "seller_handler",
    "buyer_handler", "first_day", "last_day", "inspection_days", "list_version", "count",
    "records", "root", "lines", "marketing", "package", "rejected", "steps",
)  # fmt: skip
LISTED: Final = (
    Column("handover", N_("handover")),
    Column("step", N_("step"), shown_step),
    Column("mode", N_("kind of transfer"), coded("TransferMode")),
    Column("count", N_("items"), right=True),
    Column("first_day", N_("from")),
    Column("last_day", N_("to")),
    Column("from_party", N_("seller")),
    Column("to_party", N_("buyer")),
)
ITEM_KEYS: Final = (
    "item",
    "state",
    "digest",
    "readable",
    "condition",
    "custodian",
    "form",
    "items",
)
_ITEMS: Final = (
    Column("item", N_("item")),
    Column("state", N_("state"), _shown_state),
    Column("digest", N_("digest"), coded("DigestCheck")),
    Column("readable", N_("readable"), coded("UsabilityCheck")),
    Column("condition", N_("condition"), coded("HoldingState")),
    Column("form", N_("form"), coded("MediumForm")),
    Column("items", N_("items"), right=True),
    Column("custodian", N_("custodian")),
)
DISCREPANCY_KEYS: Final = ("number", "kind", "items", "resolution", "raised", "resolved")
DISCREPANCIES: Final = (
    Column("number", N_("number"), right=True),
    Column("kind", N_("what is wrong"), coded("DiscrepancyKind")),
    Column("items", N_("items"), several),
    Column("resolution", N_("settled as"), coded("DiscrepancyResolution")),
    Column("raised", N_("raised"), local),
    Column("resolved", N_("settled at"), local),
)
_LEFT_OUT: Final = (
    Column("reason", N_("not on the list because"), coded("ExclusionReason")),
    Column("records", N_("records"), right=True),
    Column("subjects", N_("people"), right=True),
)
_KEPT: Final = (
    Column("holding", N_("kept copy")),
    Column("basis", N_("basis"), coded("ResidualBasis")),
    Column("retain_until", N_("until")),
)
_REPLACED: Final = (
    Column("post", N_("role"), coded("Role")),
    Column("replaced", N_("until then")),
    Column("handler", N_("from then on")),
    Column("reason", N_("reason"), coded("ReplacementReason")),
    Column("at", N_("recorded at"), local),
)
_PLAN: Final = {"early": N_("before the days planned"), "late": N_("after the days planned")}
_STEPS: Final = (
    Column("type", N_("what"), labelled),
    Column("accepted", N_("recorded at"), local),
    Column("who", N_("signed by"), several),
    Column("event", N_("event")),
)


class Told(NamedTuple):
    """Everything that is shown of one handover; `names`: of parties and actors, where opened."""

    row: dict[str, Any]
    names: dict[str, str | None]
    steps: list[dict[str, Any]]
    items: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    replaced: list[dict[str, Any]]
    discrepancies: list[dict[str, Any]]
    kept: list[dict[str, Any]]


def handover_row(facts: LedgerFacts, found: Handover) -> dict[str, Any]:
    """A handover with its last step, and each step taken with its accepted time."""
    row = {key: getattr(found, key) for key in KEYS if key != "steps"}
    return {**row, "steps": {step: facts.accepted_at(at) for step, at in found.steps.items()}}


def discrepancy_row(facts: LedgerFacts, found: Raised) -> dict[str, Any]:
    """A discrepancy with the times at which it was raised and settled."""
    settled = found.resolved_entry
    return {
        "number": found.number,
        "kind": found.kind,
        "items": list(found.items),
        "resolution": found.resolution,
        "raised": facts.accepted_at(found.raised_entry),
        "resolved": None if settled is None else facts.accepted_at(settled),
    }


def told_of(call: Call, ledger: Ledger, handover: str, entry: int | None) -> Told | None:
    """One handover as it stands now, or stood then; None if it was not planned yet."""
    from msgspec import to_builtins

    from ledger.facts import LedgerFacts
    from projections.arrivals import discrepancies
    from projections.handovers import left_out, one, replacements

    with ledger.engine.connect() as connection:
        found = one(connection, handover, entry=entry)
        if found is None:
            return None
        facts, version = LedgerFacts(connection), found.list_version
        row = handover_row(facts, found)
        items = list(_items_listed(connection, handover, version, entry))
        excluded = left_out(connection, handover, version, entry=entry)
        replaced = [
            {
                "post": new.post, "replaced": new.replaced, "handler": new.handler,
                "reason": new.reason, "at": facts.accepted_at(new.entry),
            }
            for new in replacements(connection, handover, entry=entry)
        ]  # fmt: skip
        raised = discrepancies(connection, handover, entry=entry)
        wrong = [discrepancy_row(facts, one_) for one_ in raised]
        kept = list(_kept(connection, handover, entry))
    reader = Reader(call, ledger)
    sides = ("from_party", "to_party", "seller_handler", "buyer_handler")
    known = dict.fromkeys([*(row[side] for side in sides), *(new["replaced"] for new in replaced)])
    names = {who: reader.name_of(who) for who in known}
    steps = _steps_taken(call, ledger, handover, entry)
    for step in steps:
        step["planned"] = _against_plan(ledger, row, step.pop("done"))
    return Told(row, names, steps, items, to_builtins(excluded), replaced, wrong, kept)


def _against_plan(ledger: Ledger, row: Mapping[str, Any], done: str | None) -> str | None:
    """Whether something was done before or after the days planned; None: on one of them."""
    if done is None:
        return None
    day = ledger.policy().calendar.day_of(done)
    return "early" if day < row["first_day"] else "late" if day > row["last_day"] else None


def _steps_taken(
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
                "done": getattr(placed.event, "released_at", None)
                or getattr(placed.event, "received_at", None),
                "off_plan": getattr(placed.event, "off_plan", None) or None,
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


def _items_listed(
    connection: sa.Connection, handover: str, version: int, entry: int | None
) -> Iterator[dict[str, Any]]:
    """The items on one version of a list, each with what became of it, read in portions."""
    from projections.arrivals import items
    from projections.custody import one

    after = 0
    while found := items(connection, handover, version, limit=_AT_ONCE, after=after, entry=entry):
        for item in found:
            told: dict[str, Any] = dict.fromkeys(ITEM_KEYS)
            told |= {"item": item.item, "state": item.outcome or "open"}
            told |= {"digest": item.digest, "readable": item.readable}
            if item.item.startswith("holding-"):
                copy = one(connection, item.item, entry=entry)
                assert copy is not None  # it was there when it was listed
                of_copy = ("condition", "custodian", "form", "items")
                told |= {key: getattr(copy, key) for key in of_copy}
            yield told
        after = found[-1].place


def _kept(connection: sa.Connection, handover: str, entry: int | None) -> Iterator[dict[str, Any]]:
    """The copies that the giving party says it keeps, read in portions."""
    from projections.arrivals import declared

    after = None
    while found := declared(connection, handover, limit=_AT_ONCE, after=after, entry=entry):
        for one in found:
            kept = (one.holding, one.basis, one.retain_until)
            yield dict(zip(("holding", "basis", "retain_until"), kept, strict=True))
        after = found[-1].holding


def print_handover(call: Call, told: Told) -> None:
    """Print one handover."""
    if call.as_json:
        plain = {key: value for key, value in told.row.items() if key != "steps"}
        print_json({**plain, **{k: part for k, part in told._asdict().items() if k != "row"}})
        return
    print_fields(_fields(told.row, told.names))
    click.echo()
    shown = [{**step, "who": list(map(_signer, step["signers"]))} for step in told.steps]
    print_rows(call, shown, _STEPS, "table", ())
    for step in told.steps:
        if step["planned"] is not None:
            why = step["off_plan"]
            said = coded("PlanDeviation")(why) if why else _("no reason was given")
            click.echo(f"{labelled(step['type'])}: {_(_PLAN[step['planned']])}; {said}")
    for step in told.steps:
        if step["sealed"]:
            click.echo(f"\n{step['event']}")
            texts = step["sealed"].items()
            print_fields((f"  {field_label(path, language())}", text) for path, text in texts)
    _tables(call, told)


def _tables(call: Call, told: Told) -> None:
    tables: Sequence[tuple[Sequence[dict[str, Any]], Sequence[Column]]] = (
        (told.left_out, _LEFT_OUT), (_named(told), _REPLACED),
        (told.discrepancies, DISCREPANCIES), (told.kept, _KEPT), (told.items, _ITEMS),
    )  # fmt: skip
    for rows, columns in tables:
        if rows:
            click.echo()
            print_rows(call, rows, columns, "table", ())


def _named(told: Told) -> list[dict[str, Any]]:
    """Who replaced whom, by name where there is one here."""
    names = told.names
    return [
        {**one, **{who: names.get(one[who]) or one[who] for who in ("replaced", "handler")}}
        for one in told.replaced
    ]


def _fields(
    row: Mapping[str, Any], names: Mapping[str, str | None]
) -> list[tuple[str, str | int | None]]:
    def named(key: str) -> str:
        return " ".join(filter(None, (names.get(row[key]), row[key])))

    return [
        (N_("handover"), row["handover"]),
        (N_("engagement"), row["engagement"]),
        (N_("step"), shown_step(row["step"])),
        (N_("kind of transfer"), coded("TransferMode")(row["mode"])),
        (N_("seller"), named("from_party")),
        (N_("seller's handler"), named("seller_handler")),
        (N_("buyer"), named("to_party")),
        (N_("buyer's handler"), named("buyer_handler")),
        (N_("from"), row["first_day"]),
        (N_("to"), row["last_day"]),
        (N_("days for inspection"), row["inspection_days"]),
        (N_("version of the list"), row["list_version"] or None),
        (N_("items"), row["count"] or None),
        (N_("of them delivered in a package"), row["records"] or None),
        (N_("root of the list"), row["root"]),
        (N_("root of its lines"), row["lines"]),
        (N_("package"), row["package"]),
        (N_("rejected"), row["rejected"] or None),
    ]


def _signer(signer: Mapping[str, Any]) -> str:
    return f"{signer['name'] or signer['actor']} ({coded('Role')(signer['capacity'])})"
