"""`muniment evidence request`, `show`, `approve`, `export`, `list`: evidence goes to others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, TIME, argument, command, option, pass_call
from ledger.cli.effects import Standing, effect_options
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    note,
    print_fields,
    print_json,
    print_rows,
    receipt_fields,
)
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.exporting import Exported, Request, Scope, Shown

_OBJECTS: Final = {
    "record": "record", "handover": "handover", "subject": "subject",
    "destruction": "destruction_case", "actor_id": "actor",
}  # fmt: skip
_ASKED: Final = (
    *_OBJECTS, "begins", "ends", "purpose", "recipient", "party", "name", "jurisdiction",
    "approval", "reason", "openings", "clear", "redacted", "sealed", "to", "because",
    "withheld",
)  # fmt: skip
_KINDS: Final = ("clear", "redacted", "sealed")
_AT_ONCE: Final = 500
STDOUT: Final = "-"
DECLINED: Final = 1


def asking_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a request says; the command gets it as `asked`, by the names of `_ASKED`."""

    @option("--record", metavar="RECORD", help=N_("Evidence of this record and its copies."))
    @option("--handover", metavar="HANDOVER", help=N_("Evidence of this handover."))
    @option("--subject", metavar="SUBJECT", help=N_("What a search for this person finds."))
    @option("--destruction", metavar="CASE", help=N_("Evidence of this case of destruction."))
    @option("--actor", "actor_id", metavar="ACTOR", help=N_("Evidence of what this person did."))
    @option("--from", "begins", type=TIME, help=N_("Everything accepted from this time on …"))
    @option("--until", "ends", type=TIME, help=N_("… and before this one."))
    @option("--purpose", type=CODE("AccessPurpose"), help=N_("What for; required."))
    @option("--recipient", type=CODE("EvidenceRecipient"), help=N_("Who is to get it; required."))
    @option("--party", metavar="PARTY", help=N_("The recipient, if it is a party registered here."))
    @option("--name", metavar="TEXT", help=N_("The recipient's name; sealed."))
    @option("--jurisdiction", type=CODE("Jurisdiction"), help=N_("Where it goes; required."))
    @option("--approval", metavar="DOCUMENT",
            help=N_("The authority's approval, for a recipient abroad."))  # fmt: skip
    @option("--reason", metavar="TEXT", help=N_("Why; sealed."))
    @option("--open", "openings", multiple=True, metavar="EVENT:FIELD",
            help=N_("Show this sealed field, with its proof; repeatable."))  # fmt: skip
    @option("--attach", "clear", multiple=True, metavar="EVENT=FILE",
            help=N_("Attach the content that this event names; repeatable."))  # fmt: skip
    @option(
        "--attach-redacted",
        "redacted",
        multiple=True,
        metavar="EVENT:REASON=FILE",
        help=N_("Attach that content with parts blacked out, and why; repeatable."),
    )
    @option(
        "--attach-sealed",
        "sealed",
        multiple=True,
        metavar="EVENT:REASON=FILE",
        help=N_("Attach that content encrypted to --to, and why; repeatable."),
    )
    @option("--to", multiple=True, metavar="age1…",
            help=N_("For whom sealed files are encrypted (age); repeatable."))  # fmt: skip
    @option(
        "--because",
        type=CODE("RedactionReason"),
        help=N_("Why other sealed fields are not shown; else not_needed."),
    )
    @option("--withhold", "withheld", multiple=True, metavar="EVENT=REASON",
            help=N_("Leave out what this event says, not its proof; repeatable."))  # fmt: skip
    @wraps(function)
    def asking(*args: Any, **rest: Any) -> Any:  # noqa: ANN401  what the command takes
        asked = {name: rest.pop(name) for name in _ASKED}
        return function(*args, asked=asked, **rest)

    return asking


@command(
    "request",
    N_(
        "Ask for evidence to be handed out: of what, to whom, what for.\n\n"
        "Fields and contents are shown only where you name them; another person approves that "
        "(evidence approve) before it goes (evidence export BUNDLE)."
    ),
)
@asking_options
@effect_options
@pass_call
def request(call: Call, *, asked: Mapping[str, Any], standing: Standing) -> None:
    """Record `bundle.requested`."""
    from ledger.exporting import request as run

    with call.writing() as ledger:
        said = _request(ledger, asked, standing)
        receipt = run(ledger, call.acting(ledger), said)
    bundle = receipt.events[0].stream
    in_clear = bool(said.shown.openings or said.shown.attachments)
    if call.as_json:
        print_json({"bundle": bundle, "needs_approval": in_clear, **receipt_fields(receipt)})
        return
    print_fields([(N_("bundle"), bundle), (N_("recorded"), receipt.events[0].id)])
    if in_clear:
        note(call, _("Another person approves it first: muniment --as OTHER evidence approve "
                     "{bundle}").format(bundle=bundle))  # fmt: skip


@command(
    "show",
    N_("Show a request: of what, to whom, what for, and what exactly goes in clear."),
)
@argument("bundle", metavar="BUNDLE")
@pass_call
def show(call: Call, *, bundle: str) -> None:
    """A request as it was recorded; what is sealed of it needs the ledger's passphrase."""
    from ledger.cli.ids import resolve
    from ledger.exporting import requested

    with call.reading() as ledger:
        found = resolve(ledger, "bundle", bundle)
        asked = requested(ledger, found)
    if call.as_json:
        print_json(_told(found, asked))
    else:
        print_fields(_shown_fields(found, asked))


@command(
    "approve",
    N_(
        "Approve what a request shows in clear, as somebody else than who asked.\n\n"
        "Shows first what that is, to whom it goes and what for, and asks."
    ),
)
@argument("bundle", metavar="BUNDLE")
@option("--yes", is_flag=True, help=N_("Do not ask."))
@effect_options
@pass_call
def approve(call: Call, *, bundle: str, yes: bool, standing: Standing) -> int | None:
    """Record `bundle.approved`."""
    from ledger.cli.ids import resolve
    from ledger.exporting import approve as run
    from ledger.exporting import requested

    with call.writing() as ledger:
        found = resolve(ledger, "bundle", bundle)
        asked = requested(ledger, found)
        if not call.as_json:
            print_fields(_shown_fields(found, asked))
        if not yes and not click.confirm(_("Approve this?"), err=True):
            note(call, _("Nothing was recorded."))
            return DECLINED
        receipt = run(ledger, call.acting(ledger), found, **standing.options(ledger))
    if call.as_json:
        print_json({**_told(found, asked), **receipt_fields(receipt)})
    else:
        print_fields([(N_("recorded"), receipt.events[0].id)])
    return None


def _told(bundle: str, asked: Request) -> dict[str, Any]:
    scope, shown = asked.scope, asked.shown
    return {
        "bundle": bundle, "kind": scope.kind, "object": scope.object, "begins": scope.begins,
        "ends": scope.ends, "purpose": asked.purpose, "recipient": asked.recipient,
        "recipient_party": asked.party, "name": asked.name, "jurisdiction": asked.jurisdiction,
        "approval": asked.approval, "reason": asked.reason, "because": shown.because,
        "openings": [{"event": e, "field": path} for e, path in shown.selection.openings],
        "attachments": [
            {"event": one.event, "kind": one.kind, "sha256": one.digest,
             "reason": one.reason or None}
            for one in shown.attachments
        ],
        "withheld": [{"event": e, "reason": reason} for e, reason in shown.redactions],
    }  # fmt: skip


def _shown_fields(bundle: str, asked: Request) -> list[tuple[str, Any]]:
    scope, shown = asked.scope, asked.shown
    span = f"{local(scope.begins)} – {local(scope.ends)}" if scope.begins else None
    because = coded("RedactionReason")
    return [
        (N_("bundle"), bundle),
        (N_("scope"), f"{coded('BundleScope')(scope.kind)} {scope.object}".rstrip()),
        (N_("period"), span),
        (N_("purpose"), coded("AccessPurpose")(asked.purpose)),
        (N_("recipient"), coded("EvidenceRecipient")(asked.recipient)),
        (N_("recipient's name"), asked.name),
        (N_("recipient's party"), asked.party),
        (N_("jurisdiction"), coded("Jurisdiction")(asked.jurisdiction)),
        (N_("authority's approval"), asked.approval),
        (N_("reason"), asked.reason),
        *((N_("field opened"), f"{event} {path}") for event, path in shown.selection.openings),
        *((N_("file attached"), f"{one.event} {one.kind} {one.digest} {_why(one.reason)}".rstrip())
          for one in shown.attachments),
        *((N_("event withheld"), f"{event} {because(why)}") for event, why in shown.redactions),
        (N_("other sealed fields"), because(shown.because)),
    ]  # fmt: skip


def _why(reason: str) -> str:
    """Why a file does not go in clear, in words; nothing of one that does."""
    return coded("RedactionReason")(reason) if reason else ""


@command(
    "export",
    N_(
        "Write evidence to a file that anybody can check with the ledger's key.\n\n"
        "The file is a zip with every event of the scope, the proofs that they were signed and "
        "accepted, the keys, reports for people, and two programs that check all of it. It holds "
        "no names, titles or contents, unless a request opened them: then name the BUNDLE that "
        "was requested, and give the same files again. You sign for it with your key, and that "
        "it went is recorded. A BUNDLE whose file was lost is written again by who exported it."
    ),
)
@argument("bundle", metavar="[BUNDLE]", required=False)
@asking_options
@option("--out", required=True, type=PATH, metavar="FILE",
        help=N_("The zip file to write, a new one; - for standard output."))  # fmt: skip
@option("--without-documents", is_flag=True, help=N_("Leave out the PDF files."))
@option("--grant", metavar="GRANT", help=N_("Under which grant; one that fits if not given."))
@effect_options
@pass_call
def export(
    call: Call,
    *,
    bundle: str | None,
    asked: Mapping[str, Any],
    out: Path,
    without_documents: bool,
    grant: str | None,
    standing: Standing,
) -> None:
    """Record `bundle.exported`; the file is there whole or not at all."""
    from ledger.cli.ids import resolve
    from ledger.effects.handing_out import DeniedError
    from ledger.exporting import export as run

    target: Path | BinaryIO = out
    if str(out) == STDOUT:
        target = sys.stdout.buffer
    else:
        _check_free(out)

    with call.writing() as ledger:
        named: Request | str
        if bundle is None:
            named, files = _request(ledger, asked, standing), {}
        else:
            named, files = resolve(ledger, "bundle", bundle), _only_files(asked)
        held = resolve(ledger, "grant", grant) if grant else None
        try:
            done = run(
                ledger, call.acting(ledger), named, files, target, documents=not without_documents,
                grant=held, **standing.options(ledger),
            )  # fmt: skip
        except DeniedError as error:
            if error.event is not None:
                note(call, _("The refusal is on record: {event}").format(event=error.event))
            raise
    _tell(call, done, str(out))


def _tell(call: Call, done: Exported, out: str) -> None:
    bundle = done.bundle
    line = {
        "bundle": bundle.id, "own": bundle.own, "identity": bundle.identity,
        "checkpoint": bundle.size, "bytes": done.size, "sha256": done.digest,
        "recorded": done.event,
    }  # fmt: skip
    if out == STDOUT:
        note(call, _("Recorded: {event}").format(event=done.event))
    elif call.as_json:
        print_json({**line, **(receipt_fields(done.receipt) if done.receipt else {})})
    else:
        print_fields((title, line[key]) for key, title in _EXPORTED)


_EXPORTED: Final = (
    ("bundle", N_("bundle")),
    ("own", N_("events about it")),
    ("identity", N_("events that prove the keys")),
    ("checkpoint", N_("entries covered")),
    ("bytes", N_("bytes")),
    ("sha256", N_("SHA-256 of the file")),
    ("recorded", N_("recorded")),
)


def _check_free(out: Path) -> None:
    """Refuse a file that is there, a folder that is not, and a name of nothing but spaces."""
    if not out.name.strip():
        raise UsageError("the file needs a name; nothing was exported", "name it with --out")
    if os.path.lexists(out):
        raise UsageError("there is a file of this name already; nothing was exported",
                         "name another file with --out")  # fmt: skip
    if not out.parent.is_dir():
        raise UsageError("the folder for the file is not there; nothing was exported",
                         "make the folder first")  # fmt: skip


# -- what was asked for -------------------------------------------------------------------------


def _request(ledger: Ledger, asked: Mapping[str, Any], standing: Standing) -> Request:
    """The request that the options make."""
    from ledger.cli.ids import resolve
    from ledger.exporting import Request

    checked_text(asked["name"], "--name")
    checked_text(asked["reason"], "--reason")
    if None in (asked["purpose"], asked["recipient"], asked["jurisdiction"]):
        raise click.UsageError(_(
            "evidence goes for a purpose, to somebody, somewhere: --purpose, --recipient, "
            "--jurisdiction"
        ))  # fmt: skip
    party, approval = asked["party"], asked["approval"]
    return Request(
        _scope(ledger, asked), _shown(asked), asked["purpose"], asked["recipient"],
        asked["jurisdiction"], resolve(ledger, "party", party) if party else None,
        resolve(ledger, "document", approval) if approval else None, asked["name"],
        asked["reason"], **standing.options(ledger),
    )  # fmt: skip


def _scope(ledger: Ledger, asked: Mapping[str, Any]) -> Scope:
    from ledger.cli.ids import resolve
    from ledger.exporting import Scope

    named = [(kind, asked[name]) for name, kind in _OBJECTS.items() if asked[name]]
    span = asked["begins"], asked["ends"]
    if len(named) == 1 and span == (None, None):
        kind, text = named[0]
        return Scope(kind, resolve(ledger, kind, text))
    if not named and None not in span:
        return Scope("period", "", *span)
    raise click.UsageError(
        _("name one thing that the evidence is about, or a period with --from and --until")
    )


def _shown(asked: Mapping[str, Any]) -> Shown:
    from ledger.bundle import NOT_NEEDED
    from ledger.exporting import File, Shown, digest_of

    reasons = _reasons(asked)
    attached = [
        File(event, kind, digest_of(path), reasons[event, kind])
        for (event, kind), path in _files(asked).items()
    ]
    openings = [_pair(text, ":", "--open") for text in asked["openings"]]
    withheld = [_pair(text, "=", "--withhold") for text in asked["withheld"]]
    because = asked["because"] or NOT_NEEDED
    return Shown(tuple(openings), tuple(attached), tuple(withheld), tuple(asked["to"]), because)


def _files(asked: Mapping[str, Any]) -> dict[tuple[str, str], Path]:
    """The files named, by the event that names their content and by kind."""
    found: dict[tuple[str, str], Path] = {}
    for kind in _KINDS:
        for text in asked[kind]:
            named, path = _pair(text, "=", "--attach")
            event = named.partition(":")[0]
            if (event, kind) in found:
                raise click.UsageError(_("an event has one file of a kind attached"))
            found[event, kind] = Path(path)
    return found


def _reasons(asked: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Why files do not go in clear, by event and kind: EVENT:REASON=FILE; else empty."""
    named = [(kind, text.partition("=")[0]) for kind in _KINDS for text in asked[kind]]
    return {(name.partition(":")[0], kind): name.partition(":")[2] for kind, name in named}


def _only_files(asked: Mapping[str, Any]) -> dict[tuple[str, str], Path]:
    """The files for a request that was made: nothing else can be said again."""
    again = [name for name in _ASKED if name not in _KINDS]
    if any(asked[name] for name in again) or any(_reasons(asked).values()):
        raise click.UsageError(_("what was requested is not said again; name the bundle alone"))
    return _files(asked)


def _pair(text: str, between: str, name: str) -> tuple[str, str]:
    first, found, second = text.partition(between)
    if not (first and found and second):
        shape = f"EVENT{between}…"
        raise click.UsageError(_("{option} is written {shape}").format(option=name, shape=shape))
    return first, second


# -- the register -------------------------------------------------------------------------------

_KEYS: Final = (
    "bundle", "kind", "object", "begins", "ends", "purpose", "recipient", "recipient_party",
    "jurisdiction", "approval", "opened", "attached", "withheld", "requester", "approver",
    "requested_entry", "requested_at", "approved_entry", "exported_entry",
)  # fmt: skip
_COLUMNS: Final = (
    Column("bundle", N_("bundle")),
    Column("kind", N_("scope"), coded("BundleScope")),
    Column("recipient", N_("recipient"), coded("EvidenceRecipient")),
    Column("purpose", N_("purpose"), coded("AccessPurpose")),
    Column("object", N_("about")),
    Column("jurisdiction", N_("jurisdiction"), coded("Jurisdiction")),
    Column("opened", N_("fields opened"), right=True),
    Column("attached", N_("files attached"), right=True),
    Column("withheld", N_("events withheld"), right=True),
    Column("requested_at", N_("requested"), local),
    Column("state", N_("state"), _),
)


@command("list", N_("List the evidence that was requested, approved and handed out."))
@as_of_option
@format_option
@pass_call
def list_bundles(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every request, in order of its id."""
    with call.reading() as ledger:
        rows = _bundles(ledger, entry_of(call, ledger, as_of))
        print_rows(call, rows, _COLUMNS, style, _KEYS)


def _bundles(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    from msgspec import structs

    from ledger.facts import LedgerFacts
    from projections.bundles import listed

    after = None
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            for one in found:
                state = N_("exported") if one.exported_entry is not None else (
                    N_("approved") if one.approved_entry is not None else N_("requested")
                )  # fmt: skip
                at = facts.accepted_at(one.requested_entry)
                yield {**structs.asdict(one), "requested_at": at, "state": state}
            after = found[-1].bundle


EXPORTING: Final = (request, show, approve, export, list_bundles)
"""The commands of this module, for the group."""
