"""`muniment init`: open a new ledger, and say which files must be backed up at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import coded, print_fields, print_json, receipt_fields, topic
from ledger.errors import NoteError, UsageError

if TYPE_CHECKING:
    from ledger.founding import Founded

MOST = 500
"""How many characters a name or another short text may have."""

KEYSTORE_TITLE = N_("medium of the keystore")
KEYSTORE_MEDIUM = option(
    "--keystore-medium",
    type=CODE("BackupMedium"),
    default="disk_internal",
    show_default=True,
    help=N_("What the keystore lies on; on flash a destroyed key may survive, and certificates "
            "say partial."),
)  # fmt: skip
FIRST_EVENTS = 1000
"""More than entry 0 can have."""


@command(
    "init",
    N_(
        "Open a new ledger in the folder that -L names (created if need be).\n\n"
        "Makes the keys of the ledger and of its first actor and records who keeps it, under "
        "which policy. Refuses a folder that holds a ledger, or a part of one."
    ),
)
@option(
    "--origin",
    required=True,
    metavar="NAME",
    help=N_("The ledger's own name, as example.com/ledger; it signs under it for ever."),
)
@option("--party", required=True, metavar="NAME", help=N_("The firm that keeps it; sealed."))
@option("--actor", required=True, metavar="NAME", help=N_("Who opens it; sealed."))
@option(
    "--party-kind",
    type=CODE("PartyKind"),
    default="company",
    show_default=True,
    help=N_("What kind of party the firm is."),
)
@option(
    "--function",
    type=CODE("ActorFunction"),
    default="management",
    show_default=True,
    help=N_("What the first actor does in the firm."),
)
@option("--position", default="", metavar="TEXT", help=N_("The first actor's position; sealed."))
@option(
    "--identifier", default="", metavar="TEXT", help=N_("The firm's registration number; sealed.")
)
@option(
    "--jurisdiction",
    type=CODE("Jurisdiction"),
    default="cn",
    show_default=True,
    help=N_("Whose law the firm is under."),
)
@option(
    "--pack",
    type=PATH,
    metavar="FILE",
    help=N_("The policy pack to adopt; the one that comes with the program if not given."),
)
@KEYSTORE_MEDIUM
@pass_call
def init(
    call: Call,
    *,
    origin: str,
    party: str,
    actor: str,
    party_kind: str,
    function: str,
    position: str,
    identifier: str,
    jurisdiction: str,
    pack: Path | None,
    keystore_medium: str,
) -> None:
    """Found the ledger, record what its keystore lies on, and print its ids."""
    from ledger.effects.keycopying import name_keystore
    from ledger.founding import Founding, found_ledger
    from ledger.tlog.checkpoint import check_origin

    for name, text in (("--party", party), ("--actor", actor)):
        checked_text(text, name, required=True)
    for name, text in (("--position", position), ("--identifier", identifier)):
        checked_text(text, name)
    try:
        check_origin(origin)
    except NoteError as error:
        raise UsageError(error.template, error.remedy_template, **error.values) from None
    founding = Founding(
        origin, party, actor, party_kind, function, position, identifier, jurisdiction
    )
    path = call.named_path or Path.cwd()
    call.passphrases.founding = True
    founded = found_ledger(path, founding, call.passphrases, pack=_pack(pack))
    call.ledger_folder = path
    with call.writing() as ledger:
        copy, receipt = name_keystore(ledger, ledger.acting(founded.actor), keystore_medium)
        ledger.sign_checkpoint()
    keystore = {"copy": copy, "medium": keystore_medium, **receipt_fields(receipt)}
    _tell(call, path, origin, founded, keystore)


def checked_text(text: str | None, name: str, *, required: bool = False) -> str | None:
    """A short text that a person gave for an option, fit to be sealed and shown again.

    Raises `UsageError` when it is blank though `required`, too long, or has control characters.
    """
    if text is None:
        return None
    if required and not text.strip():
        raise UsageError("{option} is empty; nothing was recorded", option=name)
    if len(text) > MOST:
        raise UsageError(
            "{option} is longer than {most} characters; nothing was recorded",
            option=name,
            most=MOST,
        )
    if not text.isprintable():
        raise UsageError(
            "{option} has control characters or is not Unicode text; nothing was recorded",
            option=name,
        )
    return text


def _pack(file: Path | None) -> bytes | None:
    from domain.policy import MAX_POLICY_BYTES, PolicyError, parse_policy

    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_POLICY_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "not a file name"
        raise UsageError(
            "the policy pack cannot be read ({cause}); nothing was made", cause=cause
        ) from None
    try:
        parse_policy(data)
    except PolicyError as error:
        raise UsageError(
            "{cause}; nothing was made", "docs/reference/policy.md", cause=error
        ) from None
    return data


def _tell(
    call: Call, path: Path, origin: str, founded: Founded, keystore: Mapping[str, Any]
) -> None:
    from ledger.evidence import decode_event

    with call.reading() as ledger:
        stored = ledger.recorder.select_notifications(1, FIRST_EVENTS)
        opened = [(n.id, decode_event(n.state)) for n in stored]
    named = keystore["events"][0]
    opened = [(at, event) for at, event in opened if at < named["position"]]
    events = [{"event": e.id, "position": at, "type": topic(e)} for at, e in opened]
    files = sorted(str(p) for p in (path / "identity").iterdir()) + [
        str(path / "keystore" / name) for name in ("kek.json", "slots")
    ]
    ids = {
        "ledger": founded.ledger,
        "party": founded.party,
        "actor": founded.actor,
        "engagement": founded.engagement,
        "origin": origin,
        "vkey": founded.vkey,
    }
    if call.as_json:
        print_json({**ids, "entry": 0, "events": events, "keystore": keystore, "backup": files})
        return
    titles = {
        "ledger": N_("ledger"), "party": N_("party"), "actor": N_("actor"),
        "engagement": N_("engagement"), "origin": N_("origin"), "vkey": N_("verifier key"),
    }  # fmt: skip
    medium = (KEYSTORE_TITLE, coded("BackupMedium")(keystore["medium"]))
    print_fields([*((titles[name], value) for name, value in ids.items()), medium])
    first, last = events[0], named
    told = _("recorded at positions {first} to {last}: {event} to {other}")
    click.echo(
        told.format(
            first=first["position"], last=last["position"], event=first["event"],
            other=last["event"],
        )
    )  # fmt: skip
    if call.quiet:
        return
    click.echo(err=True)
    click.echo(_("Do this now: copy these files to a medium that is kept elsewhere."), err=True)
    for file in files:
        click.echo(f"  {file}", err=True)
    click.echo(
        _("With them and the passphrase the keys can be restored: put them back where they were. "
          "Without either nobody can sign as this actor or read what is sealed. Copy the keystore "
          "again after each collection with muniment keystore backup, which records the copy: one "
          "that nobody knows of could undo a destruction."),
        err=True,
    )  # fmt: skip
