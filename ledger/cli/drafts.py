"""`muniment sign`, `submit`, `draft`: commits that need several persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import PATH, argument, command, group, option, pass_call
from ledger.cli.eventfields import field_value, own_fields
from ledger.cli.labels import field_label
from ledger.cli.language import N_, _, language
from ledger.cli.output import labelled, named, several
from ledger.cli.recording import How, act_options
from ledger.errors import KeyAccessError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.application import Ledger
    from ledger.drafts import Draft, Opened
    from ledger.privatekey import PrivateKey

_FILE = argument("file", type=PATH, metavar="FILE")
_ENVELOPE = frozenset({"v", "stream", "version", "salt", "sealed"})


@command(
    "sign",
    N_(
        "Sign a draft that needs several persons.\n\n"
        "Opens the draft, checks it against its root and commitments, shows every field and asks. "
        "The signature is added to the file; nothing is recorded yet."
    ),
)
@_FILE
@option("--yes", is_flag=True, help=N_("Do not ask."))
@pass_call
def sign(call: Call, file: Path, *, yes: bool) -> int:
    """Add the acting actor's signature."""
    from ledger.drafts import add_signature, check_current, read_draft, write_draft

    draft = read_draft(file)
    with call.reading() as ledger:
        acting = call.acting(ledger)
        opened = _open(ledger, draft, acting.actor)
        check_current(ledger, opened)
        _show(call, draft, opened)
        if not yes and not click.confirm(_("Sign this?"), err=True):
            click.echo(_("not signed"), err=True)
            return 1
        signed = add_signature(draft, acting.key)
    write_draft(file, signed)
    missing = signed.missing()
    _say(call, {"signed": True, "missing": [name for name, _capacity in missing]},
         _("signed; everybody has signed: muniment submit FILE") if not missing
         else _("signed; still to sign: {names}").format(
             names=several(_awaited(name, role) for name, role in missing)))  # fmt: skip
    return 0


@command(
    "submit",
    N_(
        "Record a draft that everybody has signed.\n\n"
        "The rules judge it now, as they judge every act. Submitting the same draft twice records "
        "it once."
    ),
)
@_FILE
@pass_call
def submit(call: Call, file: Path) -> None:
    """Record the draft."""
    from ledger.drafts import read_draft
    from ledger.drafts import submit as record

    draft = read_draft(file)
    with call.writing(acting=False) as ledger:
        receipt = record(ledger, draft)
        raw = [_raw(state) for state in draft.states]
        events = [f"{event['stream']}/{event['version']}" for event in raw]
    for position, event in enumerate(events, receipt.first):
        line = {"event": event, "position": position, "entry": receipt.entry,
                "repeated": receipt.repeated}  # fmt: skip
        if call.as_json:
            click.echo(msgspec.json.encode(line))
        else:
            again = f"  {_('recorded before')}" if receipt.repeated else ""
            click.echo(f"{position}  {event}{again}")


def _raw(state: bytes) -> dict[str, object]:
    return msgspec.json.decode(state, type=dict)


@group("draft", N_("Drafts: show, renew, void."))
def draft() -> None:
    """Nothing by itself."""


@draft.command("show", help=N_("Check a draft and show every field of it."))
@_FILE
@pass_call
def show(call: Call, file: Path) -> None:
    """Show a draft without signing it."""
    from ledger.drafts import read_draft

    found = read_draft(file)
    with call.reading() as ledger:
        _show(call, found, _open(ledger, found, call.actor(ledger)))


@draft.command(
    "renew",
    help=N_(
        "Make a stale or expired draft anew: same events, new versions, no signatures but yours."
    ),
)
@_FILE
@pass_call
def renew(call: Call, file: Path) -> None:
    """Renew a draft in its file."""
    from ledger.drafts import read_draft, refuse_early, write_draft
    from ledger.drafts import renew as make_anew

    found = read_draft(file)
    call.drafting = True  # on a replica, too: nothing is recorded
    with call.writing() as ledger:
        acting = call.acting(ledger)
        seal_key = _seal_key(ledger, acting.actor)
        if seal_key is None:
            raise KeyAccessError("the seal key that opens the draft is not here")
        renewed = make_anew(ledger, acting, found, seal_key)
        refuse_early(ledger, renewed)
    write_draft(file, renewed)
    _say(call, {"renewed": True}, _("renewed; the others sign again"))


@draft.command("void", help=N_("Record that a draft will never be accepted."))
@_FILE
@act_options
@pass_call
def void(call: Call, file: Path, *, how: How) -> None:
    """Void a draft by an event; on a replica, by a draft that says so."""
    from ledger.acts import void_draft
    from ledger.drafts import read_draft

    note = read_draft(file).commit_note
    commit = note.commit_id
    with call.writing() as ledger:
        if note.origin != ledger.origin:
            raise UsageError("the draft is for another ledger; nothing was recorded")
        if ledger.log.entry_of(commit) is not None:
            raise UsageError("the draft was recorded already; nothing was changed")
        receipt = how.record(ledger, call.acting(ledger), [void_draft(commit)])
    if receipt is None:
        how.tell(call, receipt)
        return
    event = receipt.events[0].id
    _say(call, {"event": event, "position": receipt.first}, f"{receipt.first}  {event}")


def _seal_key(ledger: Ledger, actor: str) -> PrivateKey | None:
    """The actor's seal key, if it is here."""
    from domain.actor import ActorState

    state = ledger.state(actor)
    active = state.active_key("seal") if isinstance(state, ActorState) else None
    return ledger.private_key(actor, "seal", active.key.id) if active else None


def _open(ledger: Ledger, found: Draft, actor: str) -> Opened:
    from ledger.drafts import open_draft

    return open_draft(ledger, found, _seal_key(ledger, actor))


def _show(call: Call, found: Draft, opened: Opened) -> None:
    if call.as_json:
        line = {
            "commit": opened.note.commit_id,
            "until": opened.note.until,
            "signers": [{"name": s.name, "capacity": s.capacity} for s in opened.note.signers],
            "missing": [name for name, _capacity in found.missing()],
            "events": [_raw(state) for state in found.states],
            "sealed": {str(index): fields for index, fields in opened.texts.items()},
        }
        click.echo(msgspec.json.encode(line))
        return
    for index, state in enumerate(found.states):
        event = _raw(state)
        click.echo(f"{_topic(str(event['type']))}  {event['stream']}/{event['version']}")
        for name, value in own_fields(event, _ENVELOPE | {"type"}):
            click.echo("  " + named(name, value))
        for path, text in opened.texts.get(index, {}).items():
            title = path if language() == "en" else field_label(path, "zh")
            click.echo("  " + named(_("{name} (sealed)").format(name=title), printable(text)))
    for signer in opened.note.signers:
        done = (signer.name, signer.capacity) not in found.missing()
        click.echo(f"{'✓' if done else '·'} {signer.name}  {_capacity(signer.capacity)}")
    seen = _("the signers have seen {entries} entries, root {root}")
    click.echo(seen.format(entries=opened.note.seen_size, root=opened.note.seen_root.hex()))
    if opened.note.until:
        click.echo(_("valid until {time}").format(time=opened.note.until))


def _topic(topic: str) -> str:
    return topic if language() == "en" else f"{labelled(topic)}（{topic}）"


def _awaited(name: str, capacity: str) -> str:
    return f"{name} ({capacity})" if language() == "en" else f"{name} {_capacity(capacity)}"


def _capacity(capacity: str) -> str:
    return field_value("", "role", capacity)


def _say(call: Call, line: dict[str, object], text: str) -> None:
    click.echo(msgspec.json.encode(line) if call.as_json else text)
