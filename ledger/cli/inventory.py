"""`muniment inventory`: what is held, what it is, how far it has come, how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, command, option, pass_call
from ledger.cli.labels import finding_label
from ledger.cli.language import N_, _, language
from ledger.cli.output import Column, coded, format_option, note, print_rows, several, yes
from ledger.cli.reading import Reader

if TYPE_CHECKING:
    from ledger.application import Ledger
    from projections.inventory import InventoryRow

_AT_ONCE = 500

KEYS: Final = (
    "record", "title", "category", "state", "reviewed", "level", "sensitivity", "form", "items",
    "size", "basis", "notice", "engagement", "holding", "row", "holdings", "min_until",
    "max_until", "permanent", "action", "conflict", "restricted", "purpose_ended", "anonymous",
    "findings", "collected_position", "changed_position", "changed_entry",
)  # fmt: skip


def _findings(codes: list[str]) -> str:
    return several(finding_label(code, language()) for code in codes)


COLUMNS: Final = (
    Column("record", N_("record")),
    Column("title", N_("title")),
    Column("category", N_("category"), coded("RecordCategory")),
    Column("state", N_("state"), coded("RecordState")),
    Column("reviewed", N_("reviewed"), yes),
    Column("level", N_("level"), coded("DataLevel")),
    Column("sensitivity", N_("sensitivity"), coded("Sensitivity")),
    Column("items", N_("items"), right=True),
    Column("size", N_("bytes"), right=True),
    Column("holdings", N_("copies"), right=True),
    Column("min_until", N_("keep through")),
    Column("max_until", N_("gone by")),
    Column("restricted", N_("restricted"), yes),
    Column("findings", N_("findings"), _findings),
)

COUNT_KEYS: Final = ("category", "level", "sensitivity", "state", "records", "items", "size")
_COUNTS: Final = (
    Column("category", N_("category"), coded("RecordCategory")),
    Column("level", N_("level"), coded("DataLevel")),
    Column("sensitivity", N_("sensitivity"), coded("Sensitivity")),
    Column("state", N_("state"), coded("RecordState")),
    Column("records", N_("records"), right=True),
    Column("items", N_("items"), right=True),
    Column("size", N_("bytes"), right=True),
)
STATES: Final = ("registered", "classified", "verified", "archived")


@command(
    "inventory",
    N_(
        "What is held: every record, what it is, how far it has come, how long it is kept.\n\n"
        "Titles are sealed; they are shown when the ledger's passphrase is given by a file or "
        "command, nobody is asked for it."
    ),
)
@option("--category", type=CODE("RecordCategory"), help=N_("Only this category and its parts."))
@option("--state", type=click.Choice(STATES), help=N_("Only records in this state."))
@option("--counts", is_flag=True, help=N_("Count them instead of listing them."))
@as_of_option
@format_option
@pass_call
def inventory(
    call: Call,
    *,
    category: str | None,
    state: str | None,
    counts: bool,
    as_of: str | None,
    style: str | None,
) -> None:
    """List or count the records."""
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        if counts:
            counted = list(_counted(ledger, category, state, entry))
            print_rows(call, counted, _COUNTS, style, COUNT_KEYS)
            return
        rows = record_rows(call, ledger, category, state, entry=entry)
        columns = [c for c in COLUMNS if c.key != "title" or call.passphrases.unattended]
        print_rows(call, rows, columns, style, KEYS)
        if not call.passphrases.unattended and style is None and not call.as_json:
            note(call, _("Titles are sealed; --ledger-passphrase-file FILE shows them."))


def record_rows(
    call: Call,
    ledger: Ledger,
    category: str | None,
    state: str | None,
    *,
    entry: int | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows of the inventory with titles, read in portions: flat memory for any number."""
    from projections.inventory import rows

    reader = Reader(call, ledger)
    after = None
    while True:
        with ledger.engine.connect() as connection:
            found = rows(
                connection,
                category=category,
                state=state,
                limit=_AT_ONCE,
                after=after,
                entry=entry,
            )
        yield from titled(reader, found)
        if len(found) < _AT_ONCE:
            return
        after = found[-1].record


def titled(reader: Reader, rows: list[InventoryRow]) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries, with title and findings."""
    titles: dict[str, str] = {}
    if reader.opens:
        for placed in reader.placed(row.collected_position for row in rows):
            if placed.sealed and "title" in placed.sealed:
                titles[placed.event.stream] = placed.sealed["title"]
    for row in rows:
        fields = msgspec.to_builtins(row)
        title = titles.get(row.record)
        yield {"record": row.record, "title": title, **fields, "findings": list(row.findings)}


def _counted(
    ledger: Ledger, category: str | None, state: str | None, entry: int | None
) -> Iterator[dict[str, Any]]:
    from domain.codes import covers
    from projections.inventory import counts

    with ledger.engine.connect() as connection:
        found = counts(connection, entry=entry)
    for count in found:
        fits = category is None or covers(category, count.category)
        if fits and state in (None, count.state):
            yield msgspec.to_builtins(count)
