"""`muniment key`: keys of actors, and who could sign what when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, TIME, argument, group, option, pass_call
from ledger.cli.keyfiles import NewKeys
from ledger.cli.language import N_
from ledger.cli.output import Column, coded, format_option, local, print_rows, several
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.acting import Author
    from ledger.application import Ledger

_NEW_PASSPHRASE = option(
    "--new-passphrase-file",
    metavar="FILE",
    help=N_("File with the new key's passphrase. Else MUNIMENT_NEW_PASSPHRASE_FILE."),
)
_ACTOR = option(
    "--actor", "whose", metavar="ACTOR", help=N_("Whose key it is; your own if not given.")
)


@group("key", N_("Keys of actors: enrol, rotate, revoke, report; and who could sign when."))
def key() -> None:
    """Nothing by itself."""


KEYS: Final = (
    "id", "holder", "purpose", "kind", "condition", "since", "until", "suspected_since", "name",
    "public",
)  # fmt: skip
_KEYS: Final = (
    Column("id", N_("key")),
    Column("holder", N_("holder")),
    Column("purpose", N_("purpose"), coded("KeyPurpose")),
    Column("condition", N_("state"), coded("KeyState")),
    Column("since", N_("since entry"), right=True),
    Column("until", N_("until entry"), right=True),
    Column("suspected_since", N_("suspected since"), local),
)


@key.command("list", help=N_("List every key ever enrolled, the ledger's own among them."))
@option("--actor", "whose", metavar="ACTOR", help=N_("Only the keys of this actor."))
@as_of_option
@format_option
@pass_call
def list_keys(call: Call, *, whose: str | None, as_of: str | None, style: str | None) -> None:
    """Every key, by name and id."""
    from ledger.cli.ids import resolve
    from projections import tables
    from projections.people import listed

    with call.reading() as ledger:
        column = tables.keys.c.holder
        where = [column == resolve(ledger, "actor", whose)] if whose else []
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            rows = list(listed(connection, tables.keys, *where, entry=entry))
    print_rows(call, rows, _KEYS, style, KEYS)


@key.command(
    "rotate",
    help=N_(
        "Replace your own key, or the ledger's, by a new one; both sign.\n\n"
        "The new key is written into identity/ under the passphrase of the old one, unless a new "
        "one is given. The old file is kept: what it signed is still checked by its public key."
    ),
)
@option(
    "--purpose",
    type=click.Choice(["act", "seal"]),
    default="act",
    show_default=True,
    help=N_("Which of your keys."),
)
@option(
    "--reason", type=CODE("RevocationReason"), default="rotated", show_default=True, help=N_("Why.")
)
@option("--of-ledger", is_flag=True, help=N_("The ledger's key, which signs checkpoints."))
@_NEW_PASSPHRASE
@act_options
@pass_call
def rotate(
    call: Call,
    *,
    purpose: str,
    reason: str,
    of_ledger: bool,
    new_passphrase_file: str | None,
    how: How,
) -> None:
    """Record `actor.key_rotated`, or `ledger.key_rotated`."""
    if of_ledger:
        _rotate_ledger_key(call, new_passphrase_file, how)
        return
    from ledger.acts import actor_state, rotate_key
    from ledger.cli.passphrases import new_passphrase
    from ledger.errors import KeyAccessError

    with call.writing() as ledger:
        acting = call.acting(ledger)
        old = actor_state(ledger, acting.actor).active_key(purpose)
        if old is None:
            raise KeyAccessError("you have no active key for this purpose", "muniment key enrol")
        secret = new_passphrase(new_passphrase_file, call.passphrases(acting.actor))
        with NewKeys(ledger, acting.actor, (purpose,), secret) as keys:
            new = keys.enrolments[0]
            proposal = rotate_key(acting.actor, old.key.id, new, reason)
            receipt = how.record(ledger, acting, [proposal], keys.possession)
    how.tell(call, receipt, key=new.id)
    keys.tell(call)


def _rotate_ledger_key(call: Call, new_passphrase_file: str | None, how: How) -> None:
    from ledger.acts import rotate_ledger_key
    from ledger.cli.passphrases import new_passphrase

    with call.writing() as ledger:
        old = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
        secret = new_passphrase(new_passphrase_file, call.passphrases("ledger"))
        with NewKeys(ledger, ledger.ledger_id, ("checkpoint",), secret) as keys:
            new = keys.enrolments[0]
            possession = [old, *keys.possession]
            acting = call.acting(ledger)
            receipt = how.record(ledger, acting, [rotate_ledger_key(ledger, new)], possession)
    how.tell(call, receipt, key=new.id)
    keys.tell(call)


@key.command(
    "enrol",
    help=N_(
        "Enrol new keys: a first one, one more, or one after a lost one.\n\n"
        "After a lost key two administrators must say so: --with ACTOR:administrator --draft FILE. "
        "On a replica the keys are made in its identity/ and never leave it; an administrator of "
        "the ledger, named by --with, compares the public keys with you, signs and submits the "
        "draft."
    ),
)
@_ACTOR
@option(
    "--purpose",
    "purposes",
    type=click.Choice(["act", "seal", "cosign"]),
    multiple=True,
    default=("act",),
    show_default=True,
    help=N_("What the key is for; repeat for several keys in one act."),
)
@_NEW_PASSPHRASE
@act_options
@pass_call
def enrol(
    call: Call,
    *,
    whose: str | None,
    purposes: tuple[str, ...],
    new_passphrase_file: str | None,
    how: How,
) -> None:
    """Record `actor.key_enrolled` for each purpose."""
    from ledger.acts import enrol_key
    from ledger.cli.passphrases import new_passphrase

    if len(set(purposes)) != len(purposes):
        raise UsageError("a purpose is named twice; nothing was recorded")
    secret = new_passphrase(new_passphrase_file)
    with call.writing() as ledger:
        actor = _whose(call, ledger, whose)
        author, how_signed = _enroller(call, ledger, actor, how)
        with NewKeys(ledger, actor, purposes, secret) as keys:
            proposals = [enrol_key(ledger, actor, key) for key in keys.enrolments]
            receipt = how_signed.record(ledger, author, proposals, keys.possession)
    ids = {f"{key.purpose}_key": key.id for key in keys.enrolments}
    how.tell(call, receipt, **({"key": keys.enrolments[0].id} if len(ids) == 1 else ids))
    keys.tell(call)


def _enroller(call: Call, ledger: Ledger, actor: str, how: How) -> tuple[Author, How]:
    """In whose name keys are enrolled, and who else signs.

    On a replica, where somebody without a key cannot sign, it is the first administrator named by
    `--with`. Raises `UsageError` if there is none.
    """
    from ledger.acts import actor_state
    from ledger.cli.ids import resolve
    from ledger.drafts import author

    if not ledger.folder.replica or actor_state(ledger, actor).active_key("act") is not None:
        return call.acting(ledger), how
    named = [text.rpartition(":") for text in how.cosigners]
    first = next((i for i, (_a, _c, role) in enumerate(named) if role == "administrator"), None)
    if first is None:
        raise UsageError(
            "a first key is enrolled by an administrator of the ledger; nothing was written",
            "name who is to sign: --with ACTOR:administrator --draft FILE",
        )
    others = (*how.cosigners[:first], *how.cosigners[first + 1 :])
    in_whose_name = author(ledger, resolve(ledger, "actor", named[first][0]))
    return in_whose_name, how._replace(cosigners=others, in_role="administrator")


@key.command("revoke", help=N_("Revoke a key: it signs nothing more, what it signed stays valid."))
@argument("key_id", metavar="KEY")
@_ACTOR
@option("--reason", type=CODE("RevocationReason"), required=True, help=N_("Why."))
@act_options
@pass_call
def revoke(call: Call, *, key_id: str, whose: str | None, reason: str, how: How) -> None:
    """Record `actor.key_revoked`."""
    from ledger.acts import revoke_key

    with call.writing() as ledger:
        actor, found = _find(ledger, key_id, whose)
        receipt = how.record(ledger, call.acting(ledger), [revoke_key(actor, found, reason)])
    how.tell(call, receipt, key=found)


@key.command(
    "compromised",
    help=N_(
        "Report that somebody else may have signed with a key.\n\n"
        "The key signs nothing more. What it signed since then, and what no outside witness shows "
        "to be older, is disputed from now on."
    ),
)
@argument("key_id", metavar="KEY")
@_ACTOR
@option("--since", type=TIME, required=True, help=N_("Since when it is suspected."))
@act_options
@pass_call
def compromised(call: Call, *, key_id: str, whose: str | None, since: str, how: How) -> None:
    """Record `actor.key_compromised`."""
    from ledger.acts import report_compromise

    with call.writing() as ledger:
        actor, found = _find(ledger, key_id, whose)
        receipt = how.record(ledger, call.acting(ledger), [report_compromise(actor, found, since)])
    how.tell(call, receipt, key=found)


def _whose(call: Call, ledger: Ledger, given: str | None) -> str:
    from ledger.cli.ids import resolve

    return resolve(ledger, "actor", given) if given else call.actor(ledger)


def _find(ledger: Ledger, key_id: str, whose: str | None) -> tuple[str, str]:
    """The actor that holds a key, and its id; the actor need only be named if ids collide."""
    import sqlalchemy as sa

    from ledger.cli.ids import resolve
    from projections import tables

    columns = tables.keys.c
    query = sa.select(columns.holder, columns.id).where(columns.id == key_id.lower())
    if whose:
        query = query.where(columns.holder == resolve(ledger, "actor", whose))
    with ledger.engine.connect() as connection:
        found = [row for row in connection.execute(query) if row.holder.startswith("actor-")]
    if len(found) != 1:
        raise UsageError(
            "no actor, or more than one, has a key of this id; nothing was recorded",
            "muniment key list; name the holder with --actor",
        )
    return found[0].holder, found[0].id


WHO: Final = (
    "holder", "party", "name", "key_id", "purpose", "kind", "suspected_since", "roles",
)  # fmt: skip
_WHO: Final = (
    Column("holder", N_("holder")),
    Column("key_id", N_("key")),
    Column("purpose", N_("purpose"), coded("KeyPurpose")),
    Column("roles", N_("roles"), lambda held: several(coded("Role")(r["role"]) for r in held)),
    Column("suspected_since", N_("suspected since"), local),
)


@key.command("who", help=N_("Who could sign what, now or at a position of the ledger."))
@option(
    "--at-position",
    "position",
    type=click.IntRange(1),
    metavar="POSITION",
    help=N_("When the event of this position was recorded; the next entry if not given."),
)
@format_option
@pass_call
def who(call: Call, *, position: int | None, style: str | None) -> None:
    """The keys and roles in force before an entry."""
    import msgspec

    from projections.people import could_sign

    with call.reading() as ledger, ledger.engine.connect() as connection:
        entry, day = _moment(ledger, connection, position)
        found: list[dict[str, Any]] = [
            msgspec.to_builtins(signatory) for signatory in could_sign(connection, entry, day=day)
        ]
    print_rows(call, found, _WHO, style, WHO)


def _moment(ledger: Ledger, connection: sa.Connection, position: int | None) -> tuple[int, str]:
    """The entry that is asked about, and its accepted day (of the next entry: today)."""
    from ledger.facts import LedgerFacts
    from ledger.signing import now

    if position is None:
        return ledger.seen()[0], now()[:10]
    entry = connection.exec_driver_sql(
        "SELECT entry FROM events WHERE position = ?", (position,)
    ).scalar()
    if entry is None:
        raise UsageError("there is no event at this position", "muniment status")
    return entry, LedgerFacts(connection).accepted_at(entry)[:10]
