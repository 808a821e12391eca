"""`muniment row`: one row of a series shown to somebody, and checked by whoever gets it.

`verify` needs no ledger and no passphrase: the file and the ledger's key are enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.disclose import give, giving_options, read_with_key
from ledger.cli.language import N_, _
from ledger.cli.output import local, note, print_fields, print_json

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.effects.disclosing import Disclosed


@group("row", N_("Show one row of a series to somebody, with its proof."))
def row() -> None:
    """Nothing by itself."""


@row.command(
    "prove",
    help=N_(
        "Write one row of a series to a file that anybody can check with the ledger's key.\n\n"
        "Rows are numbered from 1, without the header row. This is an access to the record: it "
        "needs a grant for the mode export, and is recorded. The other rows stay hidden."
    ),
)
@argument("record", metavar="RECORD")
@argument("number", type=click.IntRange(1, 2**53 - 1), metavar="NUMBER")
@giving_options
@pass_call
def prove(
    call: Call,
    /,
    *,
    record: str,
    number: int,
    **giving: Any,  # noqa: ANN401  as `give` takes it
) -> None:
    """Record `record.accessed`, then write the file; or record `record.access_denied`."""
    from ledger.cli.ids import resolve
    from ledger.effects.rowproof import prove_row

    def proved(ledger: Ledger, acting: Acting, **how: Any) -> Disclosed:  # noqa: ANN401
        return prove_row(ledger, acting, resolve(ledger, "record", record), number, **how)

    give(call, proved, (N_("row"), number), {"number": number}, **giving)


@row.command(
    "verify",
    help=N_(
        "Check a file with one row of a series against the ledger's key as you have it.\n\n"
        "Needs no ledger and no passphrase. Exit code 0: this was that row; 3: anything else."
    ),
)
@argument("file", type=PATH, metavar="FILE")
@option(
    "--trust", required=True, metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; not got with this file."),
)  # fmt: skip
@pass_call
def verify(call: Call, *, file: Path, trust: str) -> None:
    """Verify; raises what is wrong."""
    from ledger.rowfile import MAX_BYTES, verify_row

    report = verify_row(*read_with_key(file, trust, MAX_BYTES))
    opening = report.opening
    if call.as_json:
        print_json({
            "event": opening.event, "type": opening.topic, "by": opening.by,
            "entry": opening.entry, "accepted": opening.accepted, "number": report.number,
            "rows": report.size, "cells": list(report.cells), "valid": True,
            "signers": [dict(zip(("name", "key", "capacity"), s, strict=True))
                        for s in opening.signers],
        })  # fmt: skip
        return
    print_fields([
        (N_("event"), opening.event), (N_("accepted by the ledger"), local(opening.accepted)),
        *((N_("signed by, as the commit says"), f"{name} {capacity}")
          for name, _key, capacity in opening.signers),
        (N_("row"), f"{report.number} / {report.size}"),
    ])  # fmt: skip
    for cell in report.cells:
        print_fields([("", cell)])
    click.echo(_("valid"))
    note(call, _("Whether the signers' keys were good is not checked here: ask for the evidence "
                 "bundle of the record."))  # fmt: skip
