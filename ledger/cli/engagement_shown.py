"""How a deal is shown: in the list, by itself, as a ladder of gates, as a closing report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.agreement import CONDITIONS, categories_shown
from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.gates_shown import gate_name, print_ladder, waited
from ledger.cli.handover_shown import shown_step
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    local,
    print_fields,
    print_json,
    print_rows,
    several,
)

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.cli.reading import Reader
    from ledger.dealfile import Row
    from ledger.gates import Ladder
    from projections.deals import Deal

_AT_ONCE: Final = 500

LIST_KEYS: Final = (
    "engagement", "title", "mode", "path", "seller", "buyer", "broker", "opened_at", "outcome",
    "closed_at",
)  # fmt: skip
LIST_COLUMNS: Final = (
    Column("engagement", N_("engagement")),
    Column("title", N_("title")),
    Column("mode", N_("kind of transfer"), coded("TransferMode")),
    Column("opened_at", N_("opened"), local),
    Column("outcome", N_("outcome"), coded("EngagementOutcome")),
    Column("seller", N_("seller")),
    Column("buyer", N_("buyer")),
)


def engagement_rows(call: Call, ledger: Ledger, entry: int | None) -> Iterator[Row]:
    """The deals in order of their id, with titles where these can be opened."""
    from ledger.cli.reading import Reader
    from projections.deals import listed

    reader = Reader(call, ledger)
    after = None
    with ledger.engine.connect() as connection:
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from (_row(ledger, reader, deal) for deal in found)
            after = found[-1].engagement


def _row(ledger: Ledger, reader: Reader, deal: Deal) -> Row:
    from ledger.facts import LedgerFacts

    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        closed = None if deal.closed_entry is None else facts.accepted_at(deal.closed_entry)
        path = facts.policy().transfer.get(deal.mode)  # type: ignore[call-overload]
    opened = reader.placed([deal.opened_position])[0].sealed if reader.opens else None
    return {
        "engagement": deal.engagement, "title": (opened or {}).get("title"), "mode": deal.mode,
        "path": path.path if path else None, "seller": deal.seller, "buyer": deal.buyer,
        "broker": deal.broker, "opened_at": deal.opened_at, "outcome": deal.outcome,
        "closed_at": closed, "dates": (opened or {}).get("dates"),
    }  # fmt: skip


# -- one deal ---------------------------------------------------------------------------------


def engagement_row(
    call: Call, ledger: Ledger, engagement: str, entry: int | None
) -> dict[str, Any] | None:
    """One deal with what belongs to it; None if it was not there yet, or is no deal."""
    from ledger.cli.reading import Reader
    from ledger.dealfile import deal_papers
    from projections.deals import one

    reader = Reader(call, ledger)
    with ledger.engine.connect() as connection:
        deal = one(connection, engagement, entry=entry)
    if deal is None:
        return None
    parties = [party for party in (deal.seller, deal.buyer, deal.broker) if party]
    names = {party: reader.name_of(party) for party in parties} if reader.opens else {}
    papers = deal_papers(ledger, engagement, entry)
    titles = _titles(reader, papers["documents"])
    for document in papers["documents"]:
        document["title"] = titles.get(document["document"])
    return {**_row(ledger, reader, deal), "names": names, **papers}


def _titles(reader: Reader, documents: Sequence[Row]) -> dict[str, str]:
    if not reader.opens or not documents:
        return {}
    placed = reader.placed(document["attached_position"] for document in documents)
    return {p.event.stream: p.sealed["title"] for p in placed if p.sealed and "title" in p.sealed}


_DOCUMENTS: Final = (
    Column("document", N_("document")),
    Column("kind", N_("kind"), coded("DocumentKind")),
    Column("title", N_("title")),
    Column("begins_on", N_("from")),
    Column("ends_on", N_("to")),
    Column("parties", N_("signed by"), several),
)
_NDAS: Final = (
    Column("document", N_("confidentiality agreement")),
    Column("condition", N_("state"), lambda code: _(CONDITIONS[code])),
    Column("categories", N_("categories"), categories_shown),
    Column("disclosing_party", N_("discloses")),
    Column("receiving_party", N_("keeps secret")),
)
_PIPIAS: Final = (
    Column("document", N_("impact assessment")),
    Column("conclusion", N_("conclusion"), coded("PipiaConclusion")),
    Column("categories", N_("categories"), categories_shown),
    Column("retain_until", N_("kept until")),
)
_HANDOVERS: Final = (
    Column("handover", N_("handover")),
    Column("step", N_("step"), shown_step),
    Column("count", N_("items"), right=True),
    Column("confirmed", N_("confirmed"), right=True),
    Column("rejected", N_("rejected"), right=True),
)
TRACKING: Final = (
    Column("due", N_("check due on")),
    Column("done_at", N_("done"), local),
    Column("topics", N_("topics"), lambda codes: several(map(coded("TrackingTopic"), codes))),
    Column("findings", N_("findings"), right=True),
)
DISPOSALS: Final = (
    Column("party", N_("party")),
    Column("how", N_("what became of its copies"), coded("CopyDisposal")),
    Column("count", N_("copies"), right=True),
    Column("disposed_at", N_("when"), local),
)
_PARTS: Final = {
    "documents": _DOCUMENTS, "ndas": _NDAS, "pipias": _PIPIAS, "handovers": _HANDOVERS,
    "tracking": TRACKING, "disposals": DISPOSALS,
}  # fmt: skip


def print_engagement(call: Call, row: Mapping[str, Any]) -> None:
    """One deal: as JSON, or its fields and a table for each kind of thing that belongs to it."""
    if call.as_json:
        print_json(row)
        return
    names: Mapping[str, str | None] = row["names"]

    def named(key: str) -> str | None:
        return " ".join(filter(None, (names.get(row[key]), row[key]))) if row[key] else None

    print_fields([
        (N_("engagement"), row["engagement"]),
        (N_("title"), row["title"]),
        (N_("dates"), row["dates"]),
        (N_("kind of transfer"), coded("TransferMode")(row["mode"])),
        (N_("path in law"), row["path"] and coded("TransferPath")(row["path"])),
        (N_("seller"), named("seller")), (N_("buyer"), named("buyer")),
        (N_("broker"), named("broker")), (N_("opened"), local(row["opened_at"])),
        (N_("outcome"), row["outcome"] and coded("EngagementOutcome")(row["outcome"])),
        (N_("closed"), row["closed_at"] and local(row["closed_at"])),
    ])  # fmt: skip
    for key, columns in _PARTS.items():
        if row[key]:
            click.echo()
            print_rows(call, row[key], columns, "table", ())


# -- ladder and report ------------------------------------------------------------------------


def print_status(ladder: Ladder) -> None:
    """The seventeen gates of a deal."""
    print_fields([
        (N_("engagement"), ladder.engagement),
        (N_("kind of transfer"), coded("TransferMode")(ladder.mode)),
        (N_("path in law"), ladder.path and coded("TransferPath")(ladder.path)),
        (N_("outcome"), ladder.outcome and coded("EngagementOutcome")(ladder.outcome)),
    ])  # fmt: skip
    click.echo()
    print_ladder(ladder.gates)


_REPORT: Final = (
    Column("number", N_("no."), right=True),
    Column("gate", N_("gate")),
    Column("state", N_("state"), lambda state: _(STATES[state])),
    Column("since", N_("since"), local),
    Column("days", N_("day"), right=True),
)
STATES: Final[Mapping[str, str]] = {
    "green": N_("green"), "red": N_("red"), "not_needed": N_("not needed"),
}  # fmt: skip
_DONE: Final = (
    Column("handover", N_("handover")),
    Column("step", N_("step"), shown_step),
    Column("items", N_("items"), right=True),
    Column("confirmed", N_("confirmed"), right=True),
    Column("rejected", N_("rejected"), right=True),
    Column("discrepancies", N_("discrepancies"), right=True),
    Column("rate", N_("per 10,000 items"), right=True),
    Column("days", N_("days from list to confirmation"), right=True),
)
_RESIDUAL: Final = (
    Column("holding", N_("copy kept by the seller")),
    Column("basis", N_("basis"), coded("ResidualBasis")),
    Column("retain_until", N_("kept until")),
    Column("there", N_("there"), lambda there: _("yes") if there else _("gone")),
)


def print_report(call: Call, report: Mapping[str, Any]) -> None:
    """The closing report, in parts."""
    print_fields([
        (N_("engagement"), report["engagement"]),
        (N_("kind of transfer"), coded("TransferMode")(report["mode"])),
        (N_("opened"), local(report["opened_at"])),
        (N_("outcome"), report["outcome"] and coded("EngagementOutcome")(report["outcome"])),
        (N_("closed"), report["closed_at"] and local(report["closed_at"])),
        (N_("days"), report["days"]),
        (N_("entries"), report["checkpoint"]["size"]),
        (N_("root"), report["checkpoint"]["root"]),
    ])  # fmt: skip
    click.echo()
    rows = [{**gate, "gate": gate_name(gate["code"])} for gate in report["gates"]]
    print_rows(call, rows, _REPORT, "table", ())
    parts = (
        ("handovers", _DONE), ("residual", _RESIDUAL), ("tracking", TRACKING),
        ("disposals", DISPOSALS),
    )  # fmt: skip
    for key, columns in parts:
        if report[key]:
            click.echo()
            print_rows(call, report[key], columns, "table", ())
    _print_overdue(report["overdue"])


def _print_overdue(overdue: Sequence[Mapping[str, Any]]) -> None:
    from ledger.gates import Waiting

    for late in overdue:
        told = Waiting(late["detail"], tuple(late["ids"]), "", late["count"], late["due"])
        click.echo(printable(f"! {waited(told)}"))
