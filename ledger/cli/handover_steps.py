"""`muniment handover plan`, `discrepancy`, `deem`, `confirm`, `residual`, `cancel`, `list`, `show`.

The steps of a handover that need nothing but the ledger; `handover` has those that read and write
lists, packages and copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, TIME, argument, command, group, option, pass_call
from ledger.cli.handover_shown import (
    DISCREPANCIES,
    DISCREPANCY_KEYS,
    KEYS,
    LISTED,
    discrepancy_row,
    handover_row,
    print_handover,
    told_of,
)
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.output import format_option, print_rows
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from domain.handover import HandoverState
    from ledger.application import Ledger

HANDOVER: Final = argument("handover", metavar="HANDOVER")
_AT_ONCE: Final = 500


def under(
    call: Call, ledger: Ledger, handover: str, how: How, step: str | None = None
) -> tuple[HandoverState, How]:
    """The handover that is named, and an act under its deal if no other engagement is given.

    `step`: what is said of the handover, as its topic ends; whoever hands over or takes over in it
    says that as its handler, if no other role is given and the step is a handler's.
    """
    from domain.handover import HandoverState
    from ledger.cli.ids import resolve
    from ledger.custody import case_state

    state = case_state(ledger, HandoverState, resolve(ledger, "handover", handover))
    how = how if how.engagement else how._replace(engagement=state.engagement)
    if step is None or how.in_role is not None:
        return state, how
    return state, how._replace(in_role=_as_handler(ledger, call.actor(ledger), state, step))


def _as_handler(ledger: Ledger, actor: str, state: HandoverState, step: str) -> str | None:
    """The role in which an actor is a handler of a handover, if it is held and permits the step."""
    from domain import TOPICS
    from domain.actor import ActorState
    from ledger.signing import now

    permitted, known = TOPICS[f"handover.{step}"].ROLES, ledger.state(actor)
    for role, handler in state.handlers.items():
        if handler == actor and role in permitted and isinstance(known, ActorState):
            return role if known.holds(role, state.engagement, now()) else None
    return None


@command(
    "plan",
    N_(
        "Plan a handover under a deal: --engagement.\n\n"
        "Whoever plans it hands over, for the party that they act for; who gets it, and in which "
        "kind of transfer, the deal says."
    ),
)
@option("--to", "party", metavar="PARTY", help=N_("Who gets it, if not the deal's buyer."))
@option(
    "--buyer-handler", metavar="ACTOR", required=True, help=N_("Who receives it for that party.")
)
@option("--first-day", type=DAY, required=True, help=N_("The first day on which it may happen."))
@option("--last-day", type=DAY, required=True, help=N_("The last day on which it may happen."))
@option(
    "--inspection-days",
    type=click.IntRange(1, 3650),
    default=15,
    show_default=True,
    metavar="N",
    help=N_("In how many days from the receipt it is inspected, as agreed."),
)
@option("--place", metavar="TEXT", help=N_("Where; sealed."))
@option("--method", metavar="TEXT", help=N_("How; sealed."))
@act_options
@pass_call
def plan(
    call: Call,
    *,
    party: str | None,
    buyer_handler: str,
    first_day: str,
    last_day: str,
    inspection_days: int,
    place: str | None,
    method: str | None,
    how: How,
) -> None:
    """Record `handover.planned`."""
    from ledger.acts import texts
    from ledger.cli.ids import resolve
    from ledger.handovers import plan_handover

    sealed = texts(place=checked_text(place, "--place"), method=checked_text(method, "--method"))
    if how.engagement is None:
        raise UsageError("a handover belongs to a deal; nothing was recorded",
                         "muniment handover plan --engagement DEAL ...")  # fmt: skip
    with call.writing() as ledger:
        acting = call.acting(ledger)
        proposal = plan_handover(
            ledger,
            resolve(ledger, "engagement", how.engagement),
            {
                "from_party": acting.state.party,
                "seller_handler": acting.actor,
                "buyer_handler": resolve(ledger, "actor", buyer_handler),
                "first_day": first_day,
                "last_day": last_day,
                "inspection_days": inspection_days,
            },
            to_party=resolve(ledger, "party", party) if party else None,
            sealed=sealed,
        )
        receipt = how.record(ledger, acting, [proposal])
    how.tell(call, receipt, handover=proposal.stream)


@command(
    "replace",
    N_(
        "Put somebody else in the place of a handler who left, cannot act or lost the key.\n\n"
        "ACTOR is of the same party, holds the handler's role, and has a key that the agreement on "
        "signatures names. A supervisor of that side, or the one who leaves, starts the draft; "
        "ACTOR signs it too: --draft FILE. What the handler before has done stands; a draft that "
        "is still open is made again. A package that was not received yet may be packed and "
        "released once more, for a new handler of the buyer, or for the same one who lost the key: "
        "ACTOR is then who it was, --reason key_lost, and a supervisor of the buyer signs."
    ),
)
@HANDOVER
@argument("actor", metavar="ACTOR")
@option(
    "--reason", type=CODE("ReplacementReason"), required=True, help=N_("Why the other one goes.")
)
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def replace(
    call: Call, *, handover: str, actor: str, reason: str, remark: str | None, how: How
) -> None:
    """Record `handover.handler_replaced`."""
    from ledger.cli.ids import resolve
    from ledger.handovers import replace_handler

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "handler_replaced")
        new = resolve(ledger, "actor", actor)
        proposal = replace_handler(ledger, state, new, reason, remark)
        named = any(other.startswith(f"{new}:") for other in how.cosigners)
        if new != call.actor(ledger) and not named:
            signs = f"{new}:{proposal.fields['post']}"
            how = how._replace(cosigners=(*how.cosigners, signs))
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, handler=new)


# -- what did not fit --------------------------------------------------------------------------


@group("discrepancy", N_("What did not fit on arrival: raise, resolve and list it."))
def discrepancy() -> None:
    """Nothing by itself."""


@discrepancy.command(
    "raise",
    help=N_(
        "Raise a discrepancy.\n\nUntil both handlers have settled it the handover is not confirmed."
    ),
)
@HANDOVER
@argument("items", nargs=-1, metavar="[ITEM...]")
@option("--kind", type=CODE("DiscrepancyKind"), required=True, help=N_("What is wrong."))
@option("--description", metavar="TEXT", help=N_("In words; sealed."))
@act_options
@pass_call
def raise_(
    call: Call,
    *,
    handover: str,
    items: tuple[str, ...],
    kind: str,
    description: str | None,
    how: How,
) -> None:
    """Record `handover.discrepancy_raised`."""
    from ledger.handovers import item_of, raise_discrepancy

    checked_text(description, "--description")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "discrepancy_raised")
        named = [item_of(state, item) for item in items]
        proposal = raise_discrepancy(state, kind, named, description)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, number=int(proposal.fields["number"]))


@discrepancy.command(
    "resolve",
    help=N_(
        "Settle a discrepancy; both handlers sign: --with ACTOR:buyer_handler --draft FILE.\n\n"
        "delivered_later and corrected: the items are inspected again. item_rejected: they do not "
        "pass. reserved: they pass, and the confirmation names the reservation. explained and "
        "accepted_as_is: they pass."
    ),
)
@HANDOVER
@argument("number", type=click.IntRange(1), metavar="NUMBER")
@option(
    "--resolution", "settled", type=CODE("DiscrepancyResolution"), required=True,
    help=N_("How it is settled."),
)  # fmt: skip
@option("--description", metavar="TEXT", help=N_("In words; sealed."))
@act_options
@pass_call
def resolve_(
    call: Call,
    *,
    handover: str,
    number: int,
    settled: str,
    description: str | None,
    how: How,
) -> None:
    """Record `handover.discrepancy_resolved`."""
    from ledger.handovers import resolve_discrepancy

    checked_text(description, "--description")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "discrepancy_resolved")
        proposal = resolve_discrepancy(state.stream, number, settled, description)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@discrepancy.command("list", help=N_("List the discrepancies of a handover and their settlement."))
@HANDOVER
@as_of_option
@format_option
@pass_call
def list_discrepancies(call: Call, *, handover: str, as_of: str | None, style: str | None) -> None:
    """Every discrepancy, by number."""
    from ledger.cli.ids import resolve
    from ledger.facts import LedgerFacts
    from projections.arrivals import discrepancies

    with call.reading() as ledger:
        named = resolve(ledger, "handover", handover)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            facts = LedgerFacts(connection)
            found = discrepancies(connection, named, entry=entry)
            rows = [discrepancy_row(facts, one) for one in found]
        print_rows(call, rows, DISCREPANCIES, style, DISCREPANCY_KEYS)


# -- the end -----------------------------------------------------------------------------------


@command(
    "deem",
    N_(
        "Record that the time for inspection ran out and nothing was said of some items.\n\n"
        "Those are then accepted (Civil Code 621); what the buyer said of others stands. It is no "
        "confirmation."
    ),
)
@HANDOVER
@act_options
@pass_call
def deem(call: Call, *, handover: str, how: How) -> None:
    """Record `handover.deemed_accepted`."""
    from ledger.handovers import deem_accepted

    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "deemed_accepted")
        receipt = how.record(ledger, call.acting(ledger), [deem_accepted(state)])
    how.tell(call, receipt)


@command(
    "confirm",
    N_(
        "Confirm a handover: what was accepted passes.\n\n"
        "Both handlers and a supervisor of each side sign one draft: --with BUYER:buyer_handler "
        "--with ACTOR:supervisor --with ACTOR:supervisor --draft FILE."
    ),
)
@HANDOVER
@option("--effective-at", type=TIME, help=N_("When custody passes, if not now."))
@act_options
@pass_call
def confirm(call: Call, *, handover: str, effective_at: str | None, how: How) -> None:
    """Record `handover.confirmed`."""
    from ledger.handovers import confirm_handover

    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "confirmed")
        proposals = confirm_handover(state, effective_at)
        if not proposals:
            raise UsageError("no item was accepted yet; nothing was recorded",
                             "muniment handover inspect HANDOVER")  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), proposals)
    how.tell(call, receipt)


@command(
    "residual",
    N_(
        "Declare which copies the giving party keeps of what it has handed over.\n\n"
        "Without COPY: all of them. What is not kept is destroyed first."
    ),
)
@HANDOVER
@argument("copies", nargs=-1, metavar="[COPY...]")
@option("--basis", type=CODE("ResidualBasis"), required=True, help=N_("Why they are kept."))
@option("--retain-until", type=DAY, required=True, help=N_("Until when, that day included."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def residual(
    call: Call,
    *,
    handover: str,
    copies: tuple[str, ...],
    basis: str,
    retain_until: str,
    remark: str | None,
    how: How,
) -> None:
    """Record `handover.residual_declared`."""
    from ledger.cli.ids import resolve
    from ledger.handovers import declare_residual

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "residual_declared")
        named = [resolve(ledger, "holding", copy) for copy in copies] or None
        proposals = declare_residual(ledger, state, named, basis, retain_until, remark)
        receipt = how.record(ledger, call.acting(ledger), proposals)
    count = sum(len(proposal.fields["items"]) for proposal in proposals)
    how.tell(call, receipt, copies=count)


@command(
    "cancel",
    N_("Cancel a handover: nothing passes. Once it was received, both handlers sign (--with, "
       "--draft), unless the buyer left something to inspect or to settle, was silent for as long "
       "as was agreed for inspection, counted from its last word, and nothing was deemed "
       "accepted."),
)  # fmt: skip
@HANDOVER
@option("--reason", metavar="TEXT", help=N_("Why; sealed."))
@act_options
@pass_call
def cancel(call: Call, *, handover: str, reason: str | None, how: How) -> None:
    """Record `handover.cancelled`."""
    from ledger.handovers import cancel_handover

    checked_text(reason, "--reason")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "cancelled")
        proposal = cancel_handover(state.stream, reason)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


# -- looking -----------------------------------------------------------------------------------


@command("list", N_("List the handovers, cancelled ones included."))
@as_of_option
@format_option
@pass_call
def list_handovers(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every handover, in order of its id."""
    with call.reading() as ledger:
        rows = _rows(ledger, entry_of(call, ledger, as_of))
        print_rows(call, rows, LISTED, style, KEYS)


def _rows(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    """The handovers, read in portions."""
    from ledger.facts import LedgerFacts
    from projections.handovers import listed

    after = None
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from (handover_row(facts, one) for one in found)
            after = found[-1].handover


@command("show", N_("Show one handover: both sides, every step, every item."))
@HANDOVER
@as_of_option
@pass_call
def show(call: Call, *, handover: str, as_of: str | None) -> None:
    """One handover as it stands now, or stood then."""
    from ledger.cli.ids import resolve

    with call.reading() as ledger:
        named = resolve(ledger, "handover", handover)
        told = told_of(call, ledger, named, entry_of(call, ledger, as_of))
    if told is None:
        raise not_yet("handover")
    print_handover(call, told)


STEPS: Final = (plan, replace, discrepancy, deem, confirm, residual, cancel, list_handovers, show)
"""The commands that the group `muniment handover` takes from here."""
