"""`muniment party`, `muniment actor`: who keeps, hands over, receives; and who acts for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, argument, group, option, pass_call
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    print_fields,
    print_json,
    print_rows,
    several,
)
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger


@group("party", N_("Firms and authorities that keep, hand over, receive or examine records."))
def party() -> None:
    """Nothing by itself."""


@party.command("register", help=N_("Register a party. Its name and number are sealed."))
@option("--name", required=True, metavar="TEXT", help=N_("The party's name."))
@option(
    "--kind",
    type=CODE("PartyKind"),
    default="company",
    show_default=True,
    help=N_("What kind of party it is."),
)
@option(
    "--party-role",
    type=CODE("Role"),
    required=True,
    help=N_("What the party is to this ledger: custodian, buyer, broker, regulator …"),
)
@option(
    "--jurisdiction",
    type=CODE("Jurisdiction"),
    default="cn",
    show_default=True,
    help=N_("Whose law the party is under."),
)
@option("--identifier", metavar="TEXT", help=N_("Its registration number."))
@act_options
@pass_call
def register_party(
    call: Call,
    *,
    name: str,
    kind: str,
    party_role: str,
    jurisdiction: str,
    identifier: str | None,
    how: How,
) -> None:
    """Record `party.registered`."""
    from ledger.acts import register_party as propose

    checked_text(name, "--name", required=True)
    proposal = propose(
        name,
        kind=kind,
        party_role=party_role,
        jurisdiction=jurisdiction,
        identifier=checked_text(identifier, "--identifier"),
    )
    with call.writing() as ledger:
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, party=proposal.stream)


PARTY_KEYS: Final = ("party", "name", "kind", "party_role", "jurisdiction", "registered_position")
_PARTIES: Final = (
    Column("party", N_("party")),
    Column("name", N_("name")),
    Column("kind", N_("kind"), coded("PartyKind")),
    Column("party_role", N_("role"), coded("Role")),
    Column("jurisdiction", N_("law"), coded("Jurisdiction")),
    Column("registered_position", N_("position"), right=True),
)


@party.command("list", help=N_("List the parties."))
@as_of_option
@format_option
@pass_call
def list_parties(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every party, in order of its id."""
    with call.reading() as ledger:
        rows = list(party_rows(call, ledger, entry=entry_of(call, ledger, as_of)))
        print_rows(call, rows, _PARTIES, style, PARTY_KEYS)


def party_rows(
    call: Call, ledger: Ledger, party: str | None = None, *, entry: int | None = None
) -> Iterator[dict[str, Any]]:
    """The parties (or one of them) with their names, where these can be opened.

    `entry`: as of that entry, instead of now.
    """
    from ledger.cli.reading import Reader
    from projections import tables
    from projections.people import listed
    from projections.view import key_of

    reader = Reader(call, ledger)
    where = [tables.parties.c.party == key_of(party)] if party else []
    with ledger.engine.connect() as connection:
        rows = list(listed(connection, tables.parties, *where, entry=entry))
    for row in rows:
        yield _only(PARTY_KEYS, {**row, "name": reader.name_of(row["party"])})


def _only(keys: tuple[str, ...], row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in keys}


@party.command("show", help=N_("Show one party."))
@argument("party", metavar="PARTY")
@as_of_option
@pass_call
def show_party(call: Call, *, party: str, as_of: str | None) -> None:
    """One party and the actors that act for it."""
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        found = resolve(ledger, "party", party)
        entry = entry_of(call, ledger, as_of)
        row = next(party_rows(call, ledger, found, entry=entry), None)
        if row is None:
            raise not_yet("party")
        actors = actor_rows(call, ledger, entry=entry)
        acting = [actor["actor"] for actor in actors if actor["party"] == found]
    show_row(call, {**row, "actors": acting}, _PARTIES, [("actors", N_("actors"))])


def show_row(
    call: Call, row: dict[str, Any], columns: tuple[Column, ...], more: list[tuple[str, str]]
) -> None:
    """Print one row: as JSON, or by title as its list would; `more`: keys of lists of ids."""
    if call.as_json:
        print_json(row)
        return
    fields = [(c.title, c.show(row[c.key])) for c in columns if row.get(c.key) is not None]
    print_fields([*fields, *((title, several(row[key])) for key, title in more if row[key])])


@group("actor", N_("Persons and systems that act for a party."))
def actor() -> None:
    """Nothing by itself."""


@actor.command(
    "register",
    help=N_(
        "Register an actor with new keys and roles.\n\n"
        "Makes a key for signing and one for sealing, writes them into identity/ under a new "
        "passphrase, and enrols them. If the act is refused, the files are removed again. With "
        "--without-keys the actor makes the keys elsewhere, on a replica: muniment key enrol."
    ),
)
@option("--name", required=True, metavar="TEXT", help=N_("The actor's name; sealed."))
@option(
    "--party",
    metavar="PARTY",
    help=N_("For whom the actor acts; the ledger's own party if not given."),
)
@option(
    "--function",
    type=CODE("ActorFunction"),
    default="other",
    show_default=True,
    help=N_("What the actor does there."),
)
@option("--position", metavar="TEXT", help=N_("The actor's position; sealed."))
@option(
    "--identity-proof",
    metavar="TEXT",
    help=N_("How the person's identity was established; sealed."),
)
@option(
    "--role",
    "roles",
    multiple=True,
    type=CODE("Role"),
    help=N_("A role to grant; repeat for several."),
)
@option(
    "--without-keys",
    is_flag=True,
    help=N_("No keys yet: the actor of another party makes them on a replica."),
)
@option(
    "--new-passphrase-file",
    metavar="FILE",
    help=N_("File with the new keys' passphrase. Else MUNIMENT_NEW_PASSPHRASE_FILE."),
)
@act_options
@pass_call
def register_actor(
    call: Call,
    *,
    name: str,
    party: str | None,
    function: str,
    position: str | None,
    identity_proof: str | None,
    roles: tuple[str, ...],
    without_keys: bool,
    new_passphrase_file: str | None,
    how: How,
) -> None:
    """Record `actor.registered` with key enrolments and role grants, in one commit."""
    from ledger.acts import register_actor as propose
    from ledger.acts import texts
    from ledger.cli.keyfiles import NewKeys
    from ledger.cli.passphrases import new_passphrase
    from ledger.signing import new_ids

    checked_text(name, "--name", required=True)
    sealed = texts(
        name=name,
        position=checked_text(position, "--position"),
        identity_proof=checked_text(identity_proof, "--identity-proof"),
    )
    purposes = () if without_keys else ("act", "seal")
    secret = new_passphrase(new_passphrase_file) if purposes else b""
    with call.writing() as ledger:
        acting = call.acting(ledger)
        new = new_ids("actor")[0]
        for_party = _party_of(ledger, party)
        with NewKeys(ledger, new, purposes, secret) as keys:
            proposals = propose(
                new, for_party, keys.enrolments, roles, function=function, sealed=sealed
            )
            receipt = how.record(ledger, acting, proposals, keys.possession)
    how.tell(call, receipt, actor=new)
    keys.tell(call)


def _party_of(ledger: Ledger, given: str | None) -> str:
    """The party that was named, or the one that keeps the ledger."""
    from domain.ledger import LedgerState
    from ledger.cli.ids import resolve

    if given:
        return resolve(ledger, "party", given)
    state = ledger.state(ledger.ledger_id)
    assert isinstance(state, LedgerState)
    return state.owner


ACTOR_KEYS: Final = (
    "actor", "name", "party", "function", "roles", "keys", "registered_position",
)  # fmt: skip
_ACTORS: Final = (
    Column("actor", N_("actor")),
    Column("name", N_("name")),
    Column("function", N_("function"), coded("ActorFunction")),
    Column("roles", N_("roles"), lambda roles: several(map(coded("Role"), roles))),
    Column("keys", N_("active keys"), several),
    Column("party", N_("party")),
)


@actor.command("list", help=N_("List the actors with the roles and keys they hold now."))
@as_of_option
@format_option
@pass_call
def list_actors(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every actor, in order of its id."""
    with call.reading() as ledger:
        rows = list(actor_rows(call, ledger, entry=entry_of(call, ledger, as_of)))
        print_rows(call, rows, _ACTORS, style, ACTOR_KEYS)


def actor_rows(
    call: Call, ledger: Ledger, actor: str | None = None, *, entry: int | None = None
) -> Iterator[dict[str, Any]]:
    """The actors (or one of them) with names where these can be opened, roles and active keys.

    `entry`: as of that entry, instead of now.
    """
    from ledger.cli.reading import Reader
    from projections import tables
    from projections.people import listed
    from projections.view import key_of

    reader = Reader(call, ledger)
    where = [tables.actors.c.actor == key_of(actor)] if actor else []
    with ledger.engine.connect() as connection:
        rows = list(listed(connection, tables.actors, *where, entry=entry))
        roles, keys = _held(connection, entry)
    for row in rows:
        actor = row["actor"]
        held = {"roles": roles.get(actor, []), "keys": keys.get(actor, [])}
        yield _only(ACTOR_KEYS, {**row, **held, "name": reader.name_of(actor)})


def _held(
    connection: sa.Connection, entry: int | None
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Roles in force and ids of active keys, by holder."""
    from projections import tables
    from projections.people import listed

    roles: dict[str, list[str]] = {}
    for row in listed(connection, tables.roles, entry=entry):
        if row["revoked_position"] is None:
            roles.setdefault(row["actor"], []).append(row["role"])
    keys: dict[str, list[str]] = {}
    for row in listed(connection, tables.keys, entry=entry):
        if row["condition"] == "active":
            keys.setdefault(row["holder"], []).append(row["id"])
    return roles, keys


@actor.command("show", help=N_("Show one actor."))
@argument("actor", metavar="ACTOR")
@as_of_option
@pass_call
def show_actor(call: Call, *, actor: str, as_of: str | None) -> None:
    """One actor, with roles and keys."""
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        found = resolve(ledger, "actor", actor)
        row = next(actor_rows(call, ledger, found, entry=entry_of(call, ledger, as_of)), None)
        if row is None:
            raise not_yet("actor")
    show_row(call, row, _ACTORS, [])
