"""`muniment hold`: what may not be destroyed, since when, on whose order, until released by two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, argument, group, option, pass_call
from ledger.cli.effects import INCOMPLETE
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
)
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.facts import LedgerFacts
    from ledger.recorder import Receipt
    from ledger.signing import Proposal
    from projections.holds import Hold

_AT_ONCE = 500
_A_COMMIT: Final = 100  # events, of 200 ids each
_HOLD = argument("hold", metavar="HOLD")
STATES: Final = {"active": N_("active"), "released": N_("released")}


@group("hold", N_("Holds: what may not be destroyed, whatever else permits it."))
def hold() -> None:
    """Nothing by itself."""


@hold.command(
    "place",
    help=N_(
        "Place a hold on records, copies or engagements: nothing of them is destroyed.\n\n"
        "What a query finds, or is held about a person, is placed as the records found now; what "
        "comes later is not held by it: muniment hold check. With --hold a hold that is active is "
        "widened. A hold gives no right to use anything."
    ),
)
@option("--record", "records", multiple=True, metavar="RECORD", help=N_("A record; repeatable."))
@option(
    "--holding", "holdings", multiple=True, metavar="COPY",
    help=N_("A copy and whole copies made of it, not the one it was made from; repeatable."),
)  # fmt: skip
@option(
    "--of-engagement",
    "engagements",
    multiple=True,
    metavar="ID",
    help=N_("Everything collected under an engagement; repeatable."),
)
@option(
    "--subject", multiple=True, metavar="SUBJECT",
    help=N_("What is held about a person; repeat for several subjects of one person."),
)  # fmt: skip
@option("--category", type=CODE("RecordCategory"), help=N_("Every record of a category."))
@option(
    "--query",
    metavar="EXPR",
    help=N_(
        "Every record that fits: category=, level=, sensitivity=, state=, party=, engagement=, "
        "after=DAY, before=DAY, with spaces between, several values with commas."
    ),
)
@option("--reason", type=CODE("HoldReason"), help=N_("Why; a widened hold's own if not given."))
@option("--authority", metavar="TEXT", help=N_("On whose order, under which number; sealed."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@option("--hold", "widened", metavar="HOLD", help=N_("The hold to widen."))
@act_options
@pass_call
def place(
    call: Call,
    /,
    *,
    reason: str | None,
    authority: str | None,
    remark: str | None,
    widened: str | None,
    how: How,
    **about: Any,  # noqa: ANN401  what it is placed on, as `Asked` has it
) -> int:
    """Record `hold.legal_hold_placed`; says by its exit code whether a person may be missed."""
    from ledger.acts import texts
    from ledger.cli.holdscope import asked_for, shown_unsearched
    from ledger.cli.ids import resolve
    from ledger.custody import place_hold

    if reason is None and widened is None:
        raise click.UsageError(_("a new hold needs --reason"))
    if not checked_text(authority, "--authority", required=True) and widened is None:
        raise click.UsageError(_("a new hold needs --authority: on whose order it is placed"))
    checked_text(remark, "--remark")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        asked = asked_for(ledger, acting, how, about)
        found = resolve(ledger, "hold", widened) if widened else None
        proposals = place_hold(
            reason or _reason(ledger, str(found)), records=asked.records,
            holdings=asked.holdings, engagements=asked.engagements, hold=found,
            scope=asked.scope,
            sealed=texts(authority=authority, remark=remark, scope=asked.description),
        )  # fmt: skip
        receipts = list(_recorded(ledger, acting, how, proposals))
    left = asked.unsearched
    fields = left._asdict() if left is not None and call.as_json else {}
    how.tell(call, receipts[-1], hold=proposals[0].stream, **fields)
    if asked.scope in ("query", "subject") and not call.as_json:
        note(call, _("{count} records are held; what fits later is not: muniment hold check HOLD")
             .format(count=len(asked.records)))  # fmt: skip
    if left is not None and any(left):
        note(call, shown_unsearched(left))
        return INCOMPLETE
    return 0


def _recorded(
    ledger: Ledger, acting: Acting, how: How, proposals: Sequence[Proposal]
) -> Iterator[Receipt | None]:
    """One commit, or several where the list is so long that it would not fit into memory."""
    if how.draft is not None and len(proposals) > _A_COMMIT:
        raise click.UsageError(_("so many records do not go into one draft"))
    for at in range(0, len(proposals), _A_COMMIT):
        yield how.record(ledger, acting, proposals[at : at + _A_COMMIT])


def _each(ledger: Ledger, aggregate: str, given: Sequence[str]) -> list[str]:
    from ledger.cli.ids import resolve

    return list(dict.fromkeys(resolve(ledger, aggregate, text) for text in given))


def _reason(ledger: Ledger, found: str) -> str:
    from domain.hold import HoldState
    from ledger.custody import case_state

    return case_state(ledger, HoldState, found).reason


@hold.command(
    "release",
    help=N_(
        "Release a hold, or a part of what it covers.\n\n"
        "An approver signs too: --with ACTOR:approver --draft FILE."
    ),
)
@_HOLD
@option(
    "--record", "records", multiple=True, metavar="RECORD", help=N_("Only this record; repeatable.")
)
@option(
    "--holding", "holdings", multiple=True, metavar="COPY", help=N_("Only this copy; repeatable.")
)
@option(
    "--of-engagement",
    "engagements",
    multiple=True,
    metavar="ID",
    help=N_("Only this engagement; repeatable."),
)
@option("--reason", metavar="TEXT", help=N_("Why; sealed."))
@act_options
@pass_call
def release(
    call: Call,
    *,
    hold: str,
    records: tuple[str, ...],
    holdings: tuple[str, ...],
    engagements: tuple[str, ...],
    reason: str | None,
    how: How,
) -> None:
    """Record `hold.legal_hold_released`."""
    from ledger.cli.ids import resolve
    from ledger.custody import release_hold

    checked_text(reason, "--reason")
    with call.writing() as ledger:
        objects = [
            *_each(ledger, "record", records),
            *_each(ledger, "holding", holdings),
            *_each(ledger, "engagement", engagements),
        ]
        proposals = release_hold(ledger, resolve(ledger, "hold", hold), objects, reason)
        if not proposals:
            raise UsageError("the hold was released before; nothing was recorded",
                             "muniment hold list")  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), proposals)
    how.tell(call, receipt)


def shown_state(state: str) -> str:
    """Whether a hold is active, in the language chosen."""
    return _(STATES[state])


KEYS: Final = (
    "hold", "state", "reason", "scope", "objects", "covered", "placer", "placed_at", "released_at",
)  # fmt: skip
_COLUMNS: Final = (
    Column("hold", N_("hold")),
    Column("state", N_("state"), shown_state),
    Column("reason", N_("reason"), coded("HoldReason")),
    Column("scope", N_("placed on"), coded("HoldScope")),
    Column("covered", N_("covers"), right=True),
    Column("objects", N_("covered in all"), right=True),
    Column("placed_at", N_("placed at"), local),
    Column("released_at", N_("released at"), local),
    Column("placer", N_("placed by")),
)


@hold.command("list", help=N_("List the holds, released ones included."))
@option("--state", type=click.Choice(list(STATES)), help=N_("Only holds in this state."))
@as_of_option
@format_option
@pass_call
def list_holds(call: Call, *, state: str | None, as_of: str | None, style: str | None) -> None:
    """Every hold, in order of its id."""
    active = None if state is None else state == "active"
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        print_rows(call, _rows(ledger, active=active, entry=entry), _COLUMNS, style, KEYS)


def _rows(ledger: Ledger, *, active: bool | None, entry: int | None) -> Iterator[dict[str, Any]]:
    """The holds, read in portions."""
    from ledger.facts import LedgerFacts
    from projections.holds import listed

    after = None
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        while found := listed(connection, active=active, limit=_AT_ONCE, after=after, entry=entry):
            yield from (_row(facts, hold) for hold in found)
            after = found[-1].hold


def _row(facts: LedgerFacts, hold: Hold) -> dict[str, Any]:
    released = hold.released_entry
    return {
        "hold": hold.hold, "state": "active" if hold.active else "released",
        "reason": hold.reason, "scope": hold.scope, "placer": hold.placer, "objects": hold.objects,
        "covered": hold.covered, "placed_at": facts.accepted_at(hold.placed_entry),
        "released_at": None if released is None else facts.accepted_at(released),
    }  # fmt: skip


def _covered(
    connection: sa.Connection, facts: LedgerFacts, hold: str, entry: int | None
) -> Iterator[dict[str, Any]]:
    """What a hold covers or covered, and since and until when."""
    from projections.holds import covered

    after = None
    while found := covered(connection, hold, limit=_AT_ONCE, after=after, entry=entry):
        for one in found:
            released = one.released_entry
            yield {
                "object": one.object,
                "placed_at": facts.accepted_at(one.placed_entry),
                "released_at": None if released is None else facts.accepted_at(released),
            }
        after = (found[-1].object, found[-1].placed_entry)


@hold.command(
    "check",
    help=N_(
        "What now fits the queries or persons that a hold was placed on, and is not held by it.\n\n"
        "The exit code is 0 also when there is some, and 4 where records were not searched for a "
        "person; muniment hold place --hold HOLD holds what is missing, too."
    ),
)
@_HOLD
@format_option
@pass_call
def check(call: Call, *, hold: str, style: str | None) -> int:
    """Needs the ledger's passphrase: what a hold was placed on is sealed."""
    from ledger.cli.holdscope import PERSONS, shown_unsearched, unsearched
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        named = resolve(ledger, "hold", hold)
        scopes = _scopes(ledger, named)
        rows = list(_not_held(ledger, named, scopes))
        print_rows(call, rows, _MISSED, style, ("record", "scope"))
        persons = any(scope.startswith(PERSONS) for scope in scopes)
        left = unsearched(ledger) if persons else None
    if left is not None and any(left):
        note(call, shown_unsearched(left))
        return INCOMPLETE
    if not rows and style is None and not call.as_json:
        note(call, _("Everything that fits is held."))
    return 0


_MISSED: Final = (Column("record", N_("record")), Column("scope", N_("placed on")))


def _scopes(ledger: Ledger, hold: str) -> list[str]:
    """What a hold was placed on, each query and person once."""
    from domain.hold import LegalHoldPlaced

    found: dict[str, None] = {}
    for position, _accepted, event, _raw in ledger.events_of(hold):
        if isinstance(event, LegalHoldPlaced) and event.scope in ("query", "subject"):
            sealed = ledger.unseal(position, event)
            if sealed is not None and "scope" in sealed:
                found[sealed["scope"]] = None
    return list(found)


def _not_held(ledger: Ledger, hold: str, scopes: Sequence[str]) -> Iterator[dict[str, Any]]:
    from domain.hold import HoldState
    from ledger.cli.holdscope import matches
    from ledger.custody import case_state

    state = case_state(ledger, HoldState, hold)
    if not state.active:
        raise UsageError("the hold was released; it holds nothing", "muniment hold list")
    for scope in scopes:
        for record in matches(ledger, scope):
            if record not in state.covered:
                yield {"record": record, "scope": scope}


@hold.command("show", help=N_("Show one hold: what it covers, and on whose order."))
@_HOLD
@as_of_option
@pass_call
def show(call: Call, *, hold: str, as_of: str | None) -> None:
    """One hold as it stands now, or stood then."""
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from ledger.facts import LedgerFacts
    from projections.holds import one

    with call.reading() as ledger:
        named = resolve(ledger, "hold", hold)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            facts = LedgerFacts(connection)
            found = one(connection, named, entry=entry)
            if found is None:
                raise not_yet("hold")
            row, covered = _row(facts, found), list(_covered(connection, facts, named, entry))
        placed = Reader(call, ledger).of_streams([named])
    said = [p for p in placed if p.sealed and (entry is None or p.entry <= entry)]
    sealed = [{"event": p.event.id, **dict(p.sealed or {})} for p in said]
    if call.as_json:
        print_json({**row, "covering": covered, "sealed": sealed})
        return
    print_fields((c.title, c.show(row[c.key])) for c in _COLUMNS if row[c.key] is not None)
    _print_covering(covered, sealed)


def _print_covering(covered: Sequence[dict[str, Any]], sealed: Sequence[dict[str, str]]) -> None:
    from ledger.cli.labels import field_label
    from ledger.cli.language import language

    for one in covered:
        released = one["released_at"]
        text = _("released {time}").format(time=local(released)) if released else _("held")
        click.echo(f"  {one['object']}  {text}")
    for texts in sealed:
        click.echo(f"\n{texts['event']}")
        print_fields(
            (f"  {field_label(path, language())}", text)
            for path, text in texts.items()
            if path != "event"
        )
