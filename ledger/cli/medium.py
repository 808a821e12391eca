"""`muniment medium`: the disks, tapes and boxes that copies lie on, by their serial numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, group, option, pass_call
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.output import Column, coded, format_option, print_rows
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from ledger.application import Ledger

_AT_ONCE: Final = 500
_TEXTS: Final = ("serial", "manufacturer", "model", "label")


@group("medium", N_("Media: what copies lie on, by maker, model and serial number."))
def medium() -> None:
    """Nothing by itself."""


@medium.command(
    "register",
    help=N_(
        "Record a medium, and which copies lie on it.\n\n"
        "A certificate of destruction then names it. Maker, model, serial number and label are "
        "sealed. With --medium further copies are put on one that is registered."
    ),
)
@option("--kind", type=CODE("BackupMedium"), required=True, help=N_("What kind of medium it is."))
@option("--copy", "copies", multiple=True, metavar="COPY", help=N_("A copy on it; repeatable."))
@option(
    "--key-copy", "key_copies", multiple=True, metavar="COPY",
    help=N_("A copy of keys on it; repeatable."),
)  # fmt: skip
@option("--serial", metavar="TEXT", help=N_("Its serial number; sealed."))
@option("--serial-source", type=CODE("SerialSource"), help=N_("Where the number was read."))
@option("--manufacturer", metavar="TEXT", help=N_("Who made it; sealed."))
@option("--model", metavar="TEXT", help=N_("The model; sealed."))
@option("--label", metavar="TEXT", help=N_("What is written on it; sealed."))
@option("--capacity", type=click.IntRange(min=0), metavar="BYTES", help=N_("How much it holds."))
@option("--medium", "known", metavar="MEDIUM", help=N_("One that is registered already."))
@act_options
@pass_call
def register(
    call: Call,
    /,
    *,
    kind: str,
    copies: tuple[str, ...],
    key_copies: tuple[str, ...],
    serial_source: str | None,
    capacity: int | None,
    known: str | None,
    how: How,
    **said: str | None,
) -> None:
    """Record `medium.registered`."""
    from domain.medium import MediumRegistered
    from ledger.acts import given, texts
    from ledger.cli.ids import resolve
    from ledger.signing import Proposal, new_ids

    for name in _TEXTS:
        checked_text(said[name], f"--{name}")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        stream = resolve(ledger, "medium", known) if known else new_ids("medium")[0]
        fields = {
            "kind": kind, "owner": acting.state.party,
            "holdings": [resolve(ledger, "holding", copy) for copy in copies],
            "key_copies": [resolve(ledger, "keycopy", copy) for copy in key_copies],
            **given(serial_source=serial_source, capacity=capacity),
        }  # fmt: skip
        proposal = Proposal(MediumRegistered, stream, fields, texts(**said))
        receipt = how.record(ledger, acting, [proposal])
    how.tell(call, receipt, medium=stream)


KEYS: Final = ("medium", "kind", "owner", "serial_source", "capacity", "registered_entry")
_COLUMNS: Final = (
    Column("medium", N_("medium")),
    Column("kind", N_("kind"), coded("BackupMedium")),
    Column("serial_source", N_("serial number"), coded("SerialSource")),
    Column("capacity", N_("bytes"), right=True),
)


@medium.command("list", help=N_("List the media that are registered."))
@as_of_option
@format_option
@pass_call
def list_media(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every medium, in order of its id."""
    with call.reading() as ledger:
        print_rows(call, _rows(ledger, entry_of(call, ledger, as_of)), _COLUMNS, style, KEYS)


def _rows(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    """The media, read in portions."""
    from projections.media import listed

    after = None
    with ledger.engine.connect() as connection:
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from map(asdict, found)
            after = found[-1].medium
