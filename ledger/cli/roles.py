"""`muniment role`: who may do what."""

from __future__ import annotations

from typing import Final

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, argument, group, option, pass_call
from ledger.cli.language import N_
from ledger.cli.output import Column, coded, format_option, print_rows
from ledger.cli.recording import How, act_options


@group("role", N_("Who may do what: grant, revoke and list roles."))
def role() -> None:
    """Nothing by itself."""


@role.command("grant", help=N_("Grant a role; it can be used from the next entry on."))
@argument("actor", metavar="ACTOR")
@argument("role", type=CODE("Role"), metavar="ROLE")
@option("--scope", metavar="ENGAGEMENT", help=N_("Only for this engagement."))
@option("--from", "valid_from", type=DAY, help=N_("The first day."))
@option("--to", "valid_to", type=DAY, help=N_("The last day."))
@act_options
@pass_call
def grant(
    call: Call,
    *,
    actor: str,
    role: str,
    scope: str | None,
    valid_from: str | None,
    valid_to: str | None,
    how: How,
) -> None:
    """Record `actor.role_granted`."""
    from ledger.acts import grant_role
    from ledger.cli.ids import resolve

    with call.writing() as ledger:
        proposal = grant_role(
            resolve(ledger, "actor", actor),
            role,
            scope=resolve(ledger, "engagement", scope) if scope else None,
            valid_from=valid_from,
            valid_to=valid_to,
        )
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@role.command("revoke", help=N_("Revoke a role, from the next entry on."))
@argument("actor", metavar="ACTOR")
@argument("role", type=CODE("Role"), metavar="ROLE")
@option(
    "--reason",
    type=CODE("RevocationReason"),
    default="role_ended",
    show_default=True,
    help=N_("Why."),
)
@act_options
@pass_call
def revoke(call: Call, *, actor: str, role: str, reason: str, how: How) -> None:
    """Record `actor.role_revoked`."""
    from ledger.acts import revoke_role
    from ledger.cli.ids import resolve

    with call.writing() as ledger:
        proposal = revoke_role(resolve(ledger, "actor", actor), role, reason)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


KEYS: Final = (
    "actor", "role", "scope", "valid_from", "valid_to", "granted_position", "revoked_position",
)  # fmt: skip
_COLUMNS: Final = (
    Column("actor", N_("actor")),
    Column("role", N_("role"), coded("Role")),
    Column("scope", N_("engagement")),
    Column("valid_from", N_("from")),
    Column("valid_to", N_("to")),
    Column("granted_position", N_("granted at"), right=True),
    Column("revoked_position", N_("revoked at"), right=True),
)


@role.command("list", help=N_("List the roles granted, and those revoked since."))
@argument("actor", metavar="[ACTOR]", required=False)
@as_of_option
@format_option
@pass_call
def list_roles(call: Call, *, actor: str | None, as_of: str | None, style: str | None) -> None:
    """Every grant, in order of its position."""
    from ledger.cli.ids import resolve
    from projections import tables
    from projections.people import listed
    from projections.view import key_of

    with call.reading() as ledger:
        column = tables.roles.c.actor
        where = [column == key_of(resolve(ledger, "actor", actor))] if actor else []
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            rows = list(listed(connection, tables.roles, *where, entry=entry))
    print_rows(call, rows, _COLUMNS, style, KEYS)
