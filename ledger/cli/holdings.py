"""`muniment holding`: copies of records, where they are and where they go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, TIME, argument, group, option, pass_call
from ledger.cli.files import place_of, read_file
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.output import Column, coded, format_option, print_rows, yes
from ledger.cli.people import show_row
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger

_HOLDING = argument("holding", metavar="COPY")


@group("holding", N_("Copies of records at a custodian, a place, on a medium."))
def holding() -> None:
    """Nothing by itself."""


KEYS: Final = (
    "holding", "record", "custodian", "form", "medium", "size", "items", "encrypted", "made_from",
    "condition", "created_position", "changed_position",
)  # fmt: skip
_COLUMNS: Final = (
    Column("holding", N_("copy")),
    Column("condition", N_("state"), coded("HoldingState")),
    Column("form", N_("form"), coded("MediumForm")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("size", N_("bytes"), right=True),
    Column("items", N_("items"), right=True),
    Column("encrypted", N_("encrypted"), yes),
    Column("custodian", N_("custodian")),
    Column("record", N_("record")),
)
_AT_ONCE = 500


@holding.command("list", help=N_("List the copies, gone ones included."))
@option("--record", metavar="RECORD", help=N_("Only copies that concern this record."))
@option("--state", type=CODE("HoldingState"), help=N_("Only copies in this state."))
@as_of_option
@format_option
@pass_call
def list_holdings(
    call: Call, *, record: str | None, state: str | None, as_of: str | None, style: str | None
) -> None:
    """Every copy, in order of its id; those of one record in order of creation."""
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        rows = _of_record(ledger, record, entry) if record else _all(ledger, entry)
        chosen = (row for row in rows if state in (None, row["condition"]))
        print_rows(call, chosen, _COLUMNS, style, KEYS)


def _of_record(ledger: Ledger, record: str, entry: int | None) -> Iterator[dict[str, Any]]:
    import msgspec

    from ledger.cli.ids import resolve
    from projections.custody import copies

    with ledger.engine.connect() as connection:
        for copy in copies(connection, resolve(ledger, "record", record), entry=entry):
            yield msgspec.to_builtins(copy)


def _all(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    """Every copy, read in portions: flat memory for any number."""
    import msgspec

    from projections.custody import listed

    after = None
    with ledger.engine.connect() as connection:
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from map(msgspec.to_builtins, found)
            after = found[-1].holding


@holding.command("show", help=N_("Show one copy, with what is sealed about it."))
@_HOLDING
@as_of_option
@pass_call
def show(call: Call, *, holding: str, as_of: str | None) -> None:
    """One copy as it stands now, or stood then."""
    import msgspec

    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from projections.custody import one

    with call.reading() as ledger:
        found = resolve(ledger, "holding", holding)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            copy = one(connection, found, entry=entry)
        if copy is None:
            raise not_yet("holding")
        placed = Reader(call, ledger).of_streams([found])
    texts = [p.sealed for p in placed if p.sealed and (entry is None or p.entry <= entry)]
    known = [place for text in texts if (place := text.get("to") or text.get("location"))]
    columns = (*_COLUMNS, Column("location", N_("place")))
    row = {key: value for key, value in msgspec.to_builtins(copy).items() if key in KEYS}
    show_row(call, {**row, "location": known[-1] if known else None}, columns, [])


@holding.command(
    "move",
    help=N_(
        "Record that a copy was moved.\n\n"
        "To another custodian, somebody of that party signs too: --with ACTOR:ROLE --draft FILE."
    ),
)
@_HOLDING
@option("--departed", type=TIME, required=True, help=N_("When it left."))
@option("--arrived", type=TIME, required=True, help=N_("When it arrived."))
@option("--from", "origin", metavar="TEXT", help=N_("The place it left; sealed."))
@option("--to", "target", metavar="TEXT", help=N_("The place it is now; sealed."))
@option("--carrier", metavar="TEXT", help=N_("Who carried it; sealed."))
@option("--seal-no", metavar="TEXT", help=N_("The number of its seal; sealed."))
@option("--condition", metavar="TEXT", help=N_("In what condition it arrived; sealed."))
@option("--medium", type=CODE("BackupMedium"), help=N_("What it lies on now, if that changed."))
@option("--custodian", metavar="PARTY", help=N_("Who keeps it now, if that changed."))
@act_options
@pass_call
def move(
    call: Call,
    /,
    *,
    holding: str,
    departed: str,
    arrived: str,
    medium: str | None,
    custodian: str | None,
    how: How,
    **texts: str | None,
) -> None:
    """Record `holding.moved`."""
    from ledger.acts import move_holding
    from ledger.cli.ids import resolve

    paths = {"origin": "from", "target": "to"}
    sealed = {paths.get(name, name): text for name, text in texts.items() if text}
    for name, text in sealed.items():
        checked_text(text, f"--{name.replace('_', '-')}")
    with call.writing() as ledger:
        proposal = move_holding(
            resolve(ledger, "holding", holding),
            departed_at=departed,
            arrived_at=arrived,
            medium=medium,
            custodian=resolve(ledger, "party", custodian) if custodian else None,
            sealed=sealed or None,
        )
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@holding.command(
    "return",
    help=N_("Record that a copy went back to its party; that party signs too (--with, --draft)."),
)
@_HOLDING
@option("--to", "party", metavar="PARTY", required=True, help=N_("Who got it back."))
@act_options
@pass_call
def give_back(call: Call, *, holding: str, party: str, how: How) -> None:
    """Record `holding.returned`."""
    from ledger.acts import return_holding
    from ledger.cli.ids import resolve

    with call.writing() as ledger:
        proposal = return_holding(
            resolve(ledger, "holding", holding), resolve(ledger, "party", party)
        )
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@holding.command("lost", help=N_("Record that a copy is lost."))
@_HOLDING
@option("--discovered", type=TIME, required=True, help=N_("When it was noticed."))
@option("--last-seen", metavar="TEXT", help=N_("Where and when it was last seen; sealed."))
@option("--circumstances", metavar="TEXT", help=N_("What is known about it; sealed."))
@act_options
@pass_call
def lost(
    call: Call,
    *,
    holding: str,
    discovered: str,
    last_seen: str | None,
    circumstances: str | None,
    how: How,
) -> None:
    """Record `holding.lost`."""
    from ledger.acts import lose_holding, texts
    from ledger.cli.ids import resolve

    checked_text(last_seen, "--last-seen")
    checked_text(circumstances, "--circumstances")
    sealed = texts(last_seen=last_seen, circumstances=circumstances)
    with call.writing() as ledger:
        proposal = lose_holding(resolve(ledger, "holding", holding), discovered, sealed)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@holding.command(
    "add",
    help=N_(
        "Register a further copy of a record.\n\n"
        "A file is read for its size and digest; of paper or a tape say where it is and what it "
        "holds."
    ),
)
@argument("record", metavar="RECORD")
@option("--file", type=PATH, metavar="FILE", help=N_("The copy, if it is a file here."))
@option("--location", metavar="TEXT", help=N_("Where it is, if it is no file here; sealed."))
@option("--form", type=CODE("MediumForm"), help=N_("Its form; a file's own if not given."))
@option("--medium", type=CODE("BackupMedium"), required=True, help=N_("What it lies on."))
@option("--size", type=click.IntRange(0, 2**53 - 1), help=N_("Bytes; a file's own if not given."))
@option(
    "--items",
    type=click.IntRange(0, 2**53 - 1),
    default=1,
    show_default=True,
    help=N_("How many things it is: sheets, rows, recordings."),
)
@option("--encrypted", is_flag=True, help=N_("It is encrypted."))
@option("--made-from", metavar="COPY", help=N_("The copy it was made from."))
@act_options
@pass_call
def add(
    call: Call,
    /,
    *,
    record: str,
    file: Path | None,
    location: str | None,
    made_from: str | None,
    how: How,
    **fields: Any,  # noqa: ANN401  what is said of the copy
) -> None:
    """Record `holding.created`."""
    from domain.holding import HoldingCreated
    from ledger.cli.ids import resolve
    from ledger.signing import Proposal, new_ids

    checked_text(location, "--location", required=file is None)
    sealed, known = _described(file, location, fields)
    with call.writing() as ledger:
        acting = call.acting(ledger)
        known["record"] = resolve(ledger, "record", record)
        known["custodian"] = acting.state.party
        if made_from:
            known["made_from"] = resolve(ledger, "holding", made_from)
        proposal = Proposal(HoldingCreated, new_ids("holding")[0], known, sealed)
        receipt = how.record(ledger, acting, [proposal])
    how.tell(call, receipt, holding=proposal.stream)


def _described(
    file: Path | None, location: str | None, fields: dict[str, Any]
) -> tuple[dict[str, str], dict[str, Any]]:
    """What is sealed and what is said of a copy: of a file, or as the options give it."""
    from ledger.sources import form_of

    if file is None:
        if location is None or fields["form"] is None:
            raise UsageError(
                "say what the copy is: --file, or --location with --form; nothing was recorded"
            )
        return {"location": location}, {**fields, "size": fields["size"] or 0}
    found = read_file(file)
    sealed = {**place_of(found), **({"location": location} if location else {})}
    size = found.size if fields["size"] is None else fields["size"]
    return sealed, {**fields, "form": fields["form"] or form_of(found), "size": size}
