"""`muniment tiles`: the ledger's tree for monitors, as files or over HTTP."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import note, print_json

if TYPE_CHECKING:
    from ledger.application import Ledger


@group("tiles", N_("The ledger's tree as files for monitors: export, serve."))
def tiles() -> None:
    """Nothing by itself."""


@tiles.command(
    "export",
    help=N_(
        "Write the newest checkpoint, the tree's tiles and the entries into a folder.\n\n"
        "As C2SP tlog-tiles has it, so that other people's programs can follow the ledger. Run it "
        "again after each checkpoint: what is there stays, and only what is new is added. The "
        "entries show who signed with whom, in which capacity, when, and how many events; they "
        "show no event, no name and no content. Give them to the parties, not to the world."
    ),
)
@argument("folder", type=PATH, metavar="DIR")
@pass_call
def export(call: Call, *, folder: Path) -> None:
    """Bring a folder up to the newest checkpoint."""
    from ledger import tileview

    with call.reading() as ledger, ledger.engine.connect() as connection:
        view = tileview.StoredTiles(connection, _checkpoint(ledger))
        done = tileview.export(view, folder)
        behind = ledger.seen()[0] - done.size
    if call.as_json:
        print_json({**done._asdict(), "not_covered": behind})
        return
    text = _("{size} entries shown; {written} files written, {removed} partial ones removed")
    click.echo(text.format(**done._asdict()))
    note(call, _("The entries show who signed with whom, as what and when, and nothing else."))
    if behind:
        text = _("{count} entries are not shown yet: muniment checkpoint, then export again.")
        note(call, text.format(count=behind))


def _checkpoint(ledger: Ledger) -> bytes:
    from ledger.errors import UsageError

    newest = ledger.last_checkpoint()
    if newest is None:
        raise UsageError("no checkpoint was signed yet", "muniment checkpoint")
    return bytes(newest)


@tiles.command(
    "serve",
    help=N_(
        "Answer requests for checkpoint, tiles and entries over HTTP, until it is stopped.\n\n"
        "From the ledger itself, or with --from from a folder that tiles export wrote. The first "
        "line printed is the address. It is for this machine: for others put a proxy before it "
        "that knows who they are. With -v the status of every answer is told."
    ),
)
@option("--from", "exported", type=PATH, metavar="DIR",
        help=N_("A folder written by tiles export; else the ledger itself."))  # fmt: skip
@option("--listen", default="127.0.0.1:7381", show_default=True, metavar="ADDRESS:PORT",
        help=N_("Where to listen; port 0 takes any that is free."))  # fmt: skip
@pass_call
def serve(call: Call, *, exported: Path | None, listen: str) -> None:
    """Serve until SIGINT or SIGTERM."""
    from ledger.cli.witness import parse_address, run_server
    from ledger.errors import MunimentError, UsageError
    from ledger.tileserver import TileServer
    from ledger.tileview import CHECKPOINT, ExportedTiles, LiveTiles

    address = parse_address(listen)
    with ExitStack() as opened:
        if exported is None:
            ledger = opened.enter_context(call.reading())
            live = opened.enter_context(closing(LiveTiles(ledger.engine, ledger.last_checkpoint)))
            read = live.read
        else:
            read = ExportedTiles(exported).read
        if read(CHECKPOINT) is None:
            raise UsageError("there is no checkpoint to show", "muniment checkpoint, tiles export")
        try:
            server = TileServer(address, read, lambda status: call.tell_more(str(status)))
        except OSError as error:
            raise MunimentError(
                "the address cannot be used ({cause})", "--listen ADDRESS:PORT",
                cause=error.strerror,
            ) from None  # fmt: skip
        note(call, _("The entries show who signed with whom, as what and when, and nothing else."))
        run_server(call, server)
