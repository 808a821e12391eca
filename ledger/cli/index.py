"""`muniment index`: what makes "all events about it" a claim that others can check."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from typing import Final

import click

from ledger.cli.call import Call
from ledger.cli.command import group, option, pass_call
from ledger.cli.effects import Standing, effect_options
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    format_option,
    note,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
)


@group("index", N_("The index that makes evidence complete: publish, show."))
def index() -> None:
    """Nothing by itself."""


@index.command(
    "publish",
    help=N_(
        "Compute which streams speak of what, over everything recorded, and record the result.\n\n"
        "With it a bundle can show that it holds all events about something, to those who trust "
        "somebody who has computed the index again. Every full verification computes each index "
        "again, so publish one when evidence is needed, not every day. The new state is signed, "
        "too."
    ),
)
@effect_options
@pass_call
def publish(call: Call, *, standing: Standing) -> None:
    """Record `ledger.index_published`; nothing is recorded if nothing happened since the last."""
    from ledger.index.publishing import publish as run

    with call.writing() as ledger:
        acting = call.acting(ledger)
        done = run(ledger, acting, _progress(call), **standing.options(ledger))
        ledger.sign_checkpoint()
    if done is None:
        note(call, _("Nothing was recorded since the last index; that one stands."))
        if call.as_json:
            print_json({"recorded": False})
        return
    told = {"size": done.size, "rows": done.rows, "root": done.root.hex()}
    if call.as_json:
        print_json({"index": done.receipt.events[0].id, **told, **receipt_fields(done.receipt)})
    else:
        recorded(call, done.receipt)
        click.echo(_("{rows} rows over {size} entries, root {root}").format(**told))


def _progress(call: Call) -> Callable[[int], None] | None:
    """Says how many rows were hashed, where somebody is looking."""
    if call.quiet or call.as_json or not sys.stderr.isatty():
        return None
    return lambda rows: click.echo(f"\r{rows} …", nl=False, err=True)


_KEYS: Final = ("index", "position", "entry", "size", "rows", "root")
_COLUMNS: Final = (
    Column("index", N_("index")),
    Column("size", N_("entries covered"), right=True),
    Column("rows", N_("rows"), right=True),
    Column("root", N_("root")),
)


@index.command(
    "show",
    help=N_(
        "List the published indexes, or with --of the rows of one object.\n\n"
        "A row says: something of this stream speaks of this object, and this is the stream's last "
        "event. With --json each row comes with its proof."
    ),
)
@option("--of", "name", metavar="ID", help=N_("Whose rows: a record, an actor, a case …"))
@option("--index", "event", metavar="EVENT", help=N_("In which index; the newest if not given."))
@format_option
@pass_call
def show(call: Call, *, name: str | None, event: str | None, style: str | None) -> None:
    """The indexes, or the rows of an object with the one before and the one after."""
    from ledger.cli.ids import is_whole, resolve_any
    from ledger.errors import UsageError
    from ledger.index import prove, published

    with call.reading() as ledger:
        with ledger.engine.connect() as connection:
            found = published(connection)
        if name is None:
            if event is not None:
                raise UsageError("--index says where to look for --of ID; nothing was asked for")
            rows = ({**one._asdict(), "index": one.event, "root": one.root.hex()} for one in found)
            print_rows(call, rows, _COLUMNS, style, _KEYS)
            return
        if not found:
            raise UsageError("no index was published yet", "muniment index publish")
        chosen = event or found[-1].event
        whole = is_whole(name.partition("-")[0], name)
        wanted = name if whole else resolve_any(ledger, name)
        proved = prove(ledger, chosen, wanted)
    if call.as_json:
        told = [
            {"row": one.row, "text": one.text, "hashes": [_base64(h) for h in one.hashes]}
            for one in proved
        ]
        print_json({"event": chosen, "rows": told})
        return
    of_it = [one for one in proved if one.text.startswith(f"{wanted} ")]
    for one in of_it:
        click.echo(f"{one.row} {one.text}")
    if not of_it:
        note(call, _("Nothing that the index covers speaks of it."))


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
