"""`muniment disclose`: single sealed fields shown to somebody, and checked by whoever gets them.

`verify` needs no ledger and no passphrase: the file and the ledger's key are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, argument, group, option, pass_call
from ledger.cli.effects import Standing, effect_options
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import labelled, local, note, print_fields, print_json, receipt_fields
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.effects.disclosing import Disclosed
    from ledger.tlog.note import VerifierKey

FAILED = 3


def giving_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `give`."""

    @option("--purpose", required=True, type=CODE("AccessPurpose"), help=N_("What for."))
    @option("-o", "--out", required=True, type=PATH, metavar="FILE",
            help=N_("The file to write; there must be none of this name."))  # fmt: skip
    @option("--grant", metavar="GRANT", help=N_("Under which grant; one that fits if not given."))
    @option("--ticket", metavar="TEXT", help=N_("The number of the request or order; sealed."))
    @option("--reason", metavar="TEXT", help=N_("Why; sealed. An emergency must say it."))
    @effect_options
    @wraps(function)
    def giving(*args: Any, **rest: Any) -> Any:  # noqa: ANN401  what the command takes
        return function(*args, **rest)

    return giving


@group("disclose", N_("Show single sealed fields of an event to somebody, with their proof."))
def disclose() -> None:
    """Nothing by itself."""


@disclose.command(
    "export",
    help=N_(
        "Write fields of an event to a file that anybody can check with the ledger's key.\n\n"
        "This is an access to the record: it needs a grant for the mode export, and is recorded. "
        "What is not named stays hidden. Whoever has the file keeps the text for good."
    ),
)
@argument("event", metavar="EVENT")
@option("--field", "paths", multiple=True, required=True, metavar="PATH",
        help=N_("Which field, such as title; repeatable."))  # fmt: skip
@giving_options
@pass_call
def export(
    call: Call,
    /,
    *,
    event: str,
    paths: tuple[str, ...],
    **giving: Any,  # noqa: ANN401  as `give` takes it
) -> None:
    """Record `record.accessed`, then write the file; or record `record.access_denied`."""
    from ledger.effects.disclosing import disclose as run

    def disclosed(ledger: Ledger, acting: Acting, **how: Any) -> Disclosed:  # noqa: ANN401
        return run(ledger, acting, event, paths, **how)

    give(call, disclosed, (N_("fields"), ", ".join(paths)), {"fields": list(paths)}, **giving)


def give(
    call: Call,
    run: Callable[..., Disclosed],
    shown: tuple[str, object],
    told: Mapping[str, object],
    *,
    purpose: str,
    out: Path,
    grant: str | None,
    ticket: str | None,
    reason: str | None,
    standing: Standing,
) -> None:
    """Have `run` write a file that shows something of a record, and say what was recorded.

    `run` gets ledger, actor, `asked`, `out` and `grant`; `shown`, `told`: what is in the file, for
    people and in JSON. A refusal that went into the register is named.
    """
    from ledger.cli.ids import resolve
    from ledger.effects.disclosing import MODE
    from ledger.effects.handing_out import Asked, DeniedError

    checked_text(ticket, "--ticket")
    checked_text(reason, "--reason")
    with call.writing() as ledger:
        asked = Asked(purpose, MODE, ticket, reason, **standing.options(ledger))
        named = resolve(ledger, "grant", grant) if grant else None
        try:
            done = run(ledger, call.acting(ledger), asked=asked, out=out, grant=named)
        except DeniedError as error:
            if error.event is not None:
                note(call, _("The refusal is on record: {event}").format(event=error.event))
            raise
    line = {
        "of": done.event, "record": done.record, **told, "bytes": done.size, "sha256": done.digest,
    }  # fmt: skip
    if call.as_json:
        print_json({**line, **receipt_fields(done.receipt)})
        return
    print_fields([
        (N_("event"), done.event), shown, (N_("bytes"), done.size),
        (N_("SHA-256 of the file"), done.digest),
        (N_("recorded"), done.receipt.events[0].id),
    ])  # fmt: skip


@disclose.command(
    "verify",
    help=N_(
        "Check a file with disclosed fields against the ledger's key as you have it.\n\n"
        "Needs no ledger and no passphrase. Exit code 0: every field is what was committed to; 3: "
        "anything else."
    ),
)
@argument("file", type=PATH, metavar="FILE")
@option(
    "--trust", required=True, metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; not got with this file."),
)  # fmt: skip
@pass_call
def verify(call: Call, *, file: Path, trust: str) -> int:
    """Verify; the exit code is the verdict."""
    from ledger.disclosure import MAX_BYTES, verify_opening

    report = verify_opening(*read_with_key(file, trust, MAX_BYTES))
    if call.as_json:
        print_json({
            "event": report.event, "type": report.topic, "by": report.by, "entry": report.entry,
            "accepted": report.accepted, "valid": report.valid,
            "signers": [dict(zip(("name", "key", "capacity"), s, strict=True))
                        for s in report.signers],
            "fields": [{"path": f.path, "value": f.value, "valid": f.valid, "cause": f.cause}
                       for f in report.fields],
        })  # fmt: skip
        return 0 if report.valid else FAILED
    print_fields([
        (N_("event"), report.event), (N_("recorded"), labelled(report.topic)),
        (N_("accepted by the ledger"), local(report.accepted)),
        *((N_("signed by, as the commit says"), f"{name} {capacity}")
          for name, _key, capacity in report.signers),
    ])  # fmt: skip
    for field in report.fields:
        said = _("valid") if field.valid else _("INVALID: {cause}").format(cause=_(field.cause))
        print_fields([(field.path, field.value)])
        click.echo(f"  {said}")
    note(call, _("Whether the signers' keys were good is not checked here: ask for the evidence "
                 "bundle of the record."))  # fmt: skip
    return 0 if report.valid else FAILED


def read_with_key(file: Path, trust: str, limit: int) -> tuple[bytes, VerifierKey]:
    """What is in a file, up to one byte more than `limit`, and the ledger's key.

    Raises `UsageError` for what cannot be read, and for a key that is none.
    """
    from ledger.cli.evidence import check_readable
    from ledger.cli.verifierkeys import ledger_key

    key = ledger_key(trust, "--trust")
    check_readable(file)
    try:
        with file.open("rb") as opened:
            return opened.read(limit + 1), key
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None
