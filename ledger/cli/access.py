"""`muniment access`: who may look at what, who did, who was refused, and who went through it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ledger.cli.access_report import REVIEWING
from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, TIME, argument, group, option, pass_call
from ledger.cli.effects import CAUSES, Standing, effect_options
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    dumps,
    format_option,
    local,
    note,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
    several,
)
from ledger.cli.recording import How, act_options
from ledger.cli.refusals import refusal_name

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger
    from ledger.effects.handing_out import HandedOut

STDOUT: Final = "-"


@group("access", N_("Access to content: grant it, use it, look through it."))
def access() -> None:
    """Nothing by itself."""


for _command in REVIEWING:
    access.add_command(_command)


@access.command(
    "grant",
    help=N_(
        "Let somebody access records: which, how, what for, from when until when.\n\n"
        "A category covers its parts. Nobody grants access to themselves. Across a deal, --basis "
        "says on what the other side may see who stands in them."
    ),
)
@option("--actor", required=True, metavar="ACTOR", help=N_("Who may."))
@option("--record", "records", multiple=True, metavar="RECORD", help=N_("A record; repeatable."))
@option(
    "--category", "categories", multiple=True, type=CODE("RecordCategory"),
    help=N_("Every record of this category; repeatable."),
)  # fmt: skip
@option(
    "--mode", "modes", multiple=True, required=True, type=CODE("AccessMode"),
    help=N_("How; repeatable."),
)  # fmt: skip
@option(
    "--purpose", "purposes", multiple=True, required=True, type=CODE("AccessPurpose"),
    help=N_("What for; repeatable."),
)  # fmt: skip
@option("--from", "begins", type=TIME, required=True, help=N_("The first moment."))
@option("--until", "ends", type=TIME, required=True, help=N_("The last moment."))
@option(
    "--basis", type=CODE("LookBasis"),
    help=N_("Across a deal: on what the other side may see the people in the records."),
)  # fmt: skip
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def grant(
    call: Call,
    *,
    actor: str,
    records: tuple[str, ...],
    categories: tuple[str, ...],
    modes: tuple[str, ...],
    purposes: tuple[str, ...],
    begins: str,
    ends: str,
    basis: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `grant.access_granted`."""
    from ledger.cli.ids import resolve
    from ledger.custody import grant_access

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        proposal = grant_access(
            resolve(ledger, "actor", actor),
            records=[resolve(ledger, "record", record) for record in records],
            categories=list(categories), modes=list(modes), purposes=list(purposes),
            begins=begins, ends=ends, basis=basis, remark=remark,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, grant=proposal.stream)


@access.command("revoke", help=N_("Revoke a grant, from the next entry on."))
@argument("grant", metavar="GRANT")
@option(
    "--reason", type=CODE("RevocationReason"), default="role_ended", show_default=True,
    help=N_("Why."),
)  # fmt: skip
@act_options
@pass_call
def revoke(call: Call, *, grant: str, reason: str, how: How) -> None:
    """Record `grant.access_revoked`."""
    from ledger.cli.ids import resolve
    from ledger.custody import revoke_access

    with call.writing() as ledger:
        proposal = revoke_access(ledger, resolve(ledger, "grant", grant), reason)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


GRANT_KEYS: Final = (
    "grant", "actor", "giver", "records", "categories", "modes", "purposes", "begins", "ends",
    "basis", "granted_entry", "revoked_entry",
)  # fmt: skip


def _codes(enumeration: str) -> Any:  # noqa: ANN401  what shows a list of codes
    shown = coded(enumeration)
    return lambda codes: several(map(shown, codes))


_GRANTS: Final = (
    Column("grant", N_("grant")),
    Column("actor", N_("actor")),
    Column("records", N_("records"), several),
    Column("categories", N_("categories"), _codes("RecordCategory")),
    Column("modes", N_("how"), _codes("AccessMode")),
    Column("purposes", N_("what for"), _codes("AccessPurpose")),
    Column("begins", N_("from"), local),
    Column("ends", N_("until"), local),
    Column("basis", N_("basis"), coded("LookBasis")),
    Column("revoked_entry", N_("revoked at entry"), right=True),
)


@access.command("grants", help=N_("List the grants, revoked ones included."))
@option("--actor", metavar="ACTOR", help=N_("Only those given to this actor."))
@option("--record", metavar="RECORD", help=N_("Only those that name this record."))
@as_of_option
@format_option
@pass_call
def list_grants(
    call: Call, *, actor: str | None, record: str | None, as_of: str | None, style: str | None
) -> None:
    """Every grant, in order of its id."""
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        rows = list(_grant_rows(ledger, actor, record, entry))
        print_rows(call, rows, _GRANTS, style, GRANT_KEYS)


def _grant_rows(
    ledger: Ledger, actor: str | None, record: str | None, entry: int | None
) -> Iterator[dict[str, Any]]:
    import sqlalchemy as sa

    from ledger.cli.ids import resolve
    from projections.access import grant_records, grants
    from projections.view import key_of, register

    where: list[sa.ColumnElement[bool]] = []
    if actor is not None:
        where.append(grants.c.actor == key_of(resolve(ledger, "actor", actor)))
    if record is not None:
        named = grant_records.c.record == key_of(resolve(ledger, "record", record))
        where.append(grants.c.grant.in_(sa.select(grant_records.c.grant).where(named)))
    if entry is not None:
        where.append(grants.c.granted_entry <= entry)
    with ledger.engine.connect() as connection:
        for row in list(register(connection, grants, *where)):
            lists = {key: row[key].split() for key in ("categories", "modes", "purposes")}
            of_grant = grant_records.c.grant == key_of(row["grant"])
            names = [named["record"] for named in register(connection, grant_records, of_grant)]
            revoked = row["revoked_entry"]
            if entry is not None and revoked is not None and revoked > entry:
                revoked = None
            yield {**row, **lists, "records": names, "revoked_entry": revoked}


@access.command(
    "record",
    help=N_(
        "Hand out a record's content under a grant, and record it first.\n\n"
        "A refusal is recorded, too. An emergency needs no grant but a reason: --purpose "
        "break_glass --reason TEXT; somebody else goes through it. A row of a table is handed out "
        "as the JSON list of its cells."
    ),
)
@argument("record", metavar="RECORD")
@option("--purpose", required=True, type=CODE("AccessPurpose"), help=N_("What for."))
@option(
    "--mode", type=CODE("AccessMode"), default="view", show_default=True, help=N_("How."),
)  # fmt: skip
@option(
    "--out", required=True, type=PATH, metavar="FILE",
    help=N_("The new file for the content; - for standard output."),
)  # fmt: skip
@option("--grant", metavar="GRANT", help=N_("Under which grant; one that fits if not given."))
@option("--holding", metavar="COPY", help=N_("Which copy; the present content if not given."))
@option("--ticket", metavar="TEXT", help=N_("The number of the request or order; sealed."))
@option("--reason", metavar="TEXT", help=N_("Why; sealed. An emergency must say it."))
@effect_options
@pass_call
def record(
    call: Call,
    *,
    record: str,
    purpose: str,
    mode: str,
    out: Path,
    grant: str | None,
    holding: str | None,
    ticket: str | None,
    reason: str | None,
    standing: Standing,
) -> None:
    """Record `record.accessed`, then hand out; or record `record.access_denied`."""
    from ledger.cli.ids import resolve
    from ledger.effects.handing_out import Asked, DeniedError
    from ledger.effects.handing_out import access as run

    checked_text(ticket, "--ticket")
    checked_text(reason, "--reason")
    target: Path | BinaryIO = out
    if str(out) == STDOUT:
        target = sys.stdout.buffer
    with call.writing() as ledger:
        asked = Asked(purpose, mode, ticket, reason, **standing.options(ledger))
        try:
            done = run(
                ledger, call.acting(ledger), resolve(ledger, "record", record), asked, target,
                grant=resolve(ledger, "grant", grant) if grant else None,
                holding=resolve(ledger, "holding", holding) if holding else None,
            )  # fmt: skip
        except DeniedError as error:
            if error.event is not None:
                note(call, _("The refusal is on record: {event}").format(event=error.event))
            raise
    _tell(call, done, str(out))


def _tell(call: Call, done: HandedOut, out: str) -> None:
    """Say what was handed out: where standard output is the content, on standard error."""
    for holding, cause in done.passed_over:
        text = _("{holding}: {cause}; another copy of the same content was read.")
        note(call, text.format(holding=holding, cause=_(CAUSES.get(cause, cause))))
    if done.intact is False:
        text = _("warning: the content is not what was recorded; the register says so, too.")
        note(call, text)
    fields = {
        "holding": done.holding, "grant": done.grant, "intact": done.intact, "size": done.size,
        **receipt_fields(done.receipt),
    }  # fmt: skip
    if out == STDOUT:
        event = done.receipt.events[0].id
        note(call, dumps(fields) if call.as_json else _("Recorded: {event}").format(event=event))
    elif call.as_json:
        print_json(fields)
    else:
        ids = {"holding": done.holding, **({"grant": done.grant} if done.grant else {})}
        recorded(call, done.receipt, **ids)


LOG_KEYS: Final = (
    "position", "entry", "accepted", "record", "holding", "actor", "grant", "engagement", "mode",
    "purpose", "outcome", "rule", "intact",
)  # fmt: skip
_LOG: Final = (
    Column("position", N_("position"), right=True),
    Column("accepted", N_("recorded at"), local),
    Column("actor", N_("by")),
    Column("record", N_("record")),
    Column("mode", N_("how"), coded("AccessMode")),
    Column("purpose", N_("what for"), coded("AccessPurpose")),
    Column("outcome", N_("outcome"), coded("AccessOutcome")),
    Column("rule", N_("refused because"), refusal_name),
    Column("intact", N_("as recorded"), lambda intact: _("yes") if intact else _("no")),
)


@access.command("log", help=N_("The register of accesses, refusals included."))
@option("--record", metavar="RECORD", help=N_("Only accesses to this record."))
@option("--actor", metavar="ACTOR", help=N_("Only accesses by this actor."))
@option("--outcome", type=CODE("AccessOutcome"), help=N_("Only accesses that ended so."))
@as_of_option
@format_option
@pass_call
def log(
    call: Call,
    *,
    record: str | None,
    actor: str | None,
    outcome: str | None,
    as_of: str | None,
    style: str | None,
) -> None:
    """Every access, in order of its position."""
    from ledger.cli.ids import resolve
    from projections.access import accesses
    from projections.view import key_of, register

    with call.reading() as ledger:
        where: list[sa.ColumnElement[bool]] = []
        if record is not None:
            where.append(accesses.c.record == key_of(resolve(ledger, "record", record)))
        if actor is not None:
            where.append(accesses.c.actor == key_of(resolve(ledger, "actor", actor)))
        if outcome is not None:
            where.append(accesses.c.outcome == outcome)
        if (entry := entry_of(call, ledger, as_of)) is not None:
            where.append(accesses.c.entry <= entry)
        with ledger.engine.connect() as connection:
            rows = (
                {**row, "intact": None if row["intact"] is None else bool(row["intact"])}
                for row in register(connection, accesses, *where)
            )
            print_rows(call, rows, _LOG, style, LOG_KEYS)
