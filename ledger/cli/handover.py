"""`muniment handover`: copies pass from one party to another, signed by both sides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, TIME, argument, group, option, pass_call
from ledger.cli.handover_shown import shown_step
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    print_json,
    print_rows,
    receipt_fields,
)
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from domain.judging import Refusal
    from ledger.application import Ledger
    from ledger.facts import LedgerFacts
    from ledger.questions import Asking
    from projections.handovers import Handover

_HANDOVER = argument("handover", metavar="HANDOVER")
_ROOT: Final = re.compile("[0-9a-f]{64}")
_NAMED_AT_MOST: Final = 5
_AT_ONCE: Final = 500


@group("handover", N_("Handovers: copies pass to another party, signed by both sides."))
def handover() -> None:
    """Nothing by itself."""


@handover.command(
    "plan",
    help=N_("Plan a handover. Whoever plans it hands over, for the party that they act for."),
)
@option("--to", "party", metavar="PARTY", required=True, help=N_("Who gets it."))
@option(
    "--buyer-handler", metavar="ACTOR", required=True, help=N_("Who receives it for that party.")
)
@option("--mode", type=CODE("TransferMode"), required=True, help=N_("In what kind of transfer."))
@option("--first-day", type=DAY, required=True, help=N_("The first day on which it may happen."))
@option("--last-day", type=DAY, required=True, help=N_("The last day on which it may happen."))
@option("--place", metavar="TEXT", help=N_("Where; sealed."))
@option("--method", metavar="TEXT", help=N_("How; sealed."))
@act_options
@pass_call
def plan(
    call: Call,
    *,
    party: str,
    buyer_handler: str,
    mode: str,
    first_day: str,
    last_day: str,
    place: str | None,
    method: str | None,
    how: How,
) -> None:
    """Record `handover.planned`."""
    from ledger.acts import texts
    from ledger.cli.ids import resolve
    from ledger.custody import plan_handover

    sealed = texts(place=checked_text(place, "--place"), method=checked_text(method, "--method"))
    with call.writing() as ledger:
        acting = call.acting(ledger)
        fields = {
            "mode": mode,
            "from_party": acting.state.party,
            "to_party": resolve(ledger, "party", party),
            "seller_handler": acting.actor,
            "buyer_handler": resolve(ledger, "actor", buyer_handler),
            "first_day": first_day,
            "last_day": last_day,
        }
        proposal = plan_handover(fields, sealed)
        receipt = how.record(ledger, acting, [proposal])
    how.tell(call, receipt, handover=proposal.stream)


# -- the list ----------------------------------------------------------------------------------


class _Chosen(NamedTuple):
    """What goes on a list: copies in order, records in them, and what was left out and why."""

    items: list[str]
    records: int
    left_out: list[tuple[str, str, list[Refusal]]]


@handover.command(
    "freeze",
    help=N_(
        "Freeze the list of what is handed over; again, while nothing is released, to replace "
        "it.\n\n"
        "Of each record the copy in which it was collected or last corrected goes, no backups; "
        "--copy names others. What is blocked refuses the whole list, or is left out with "
        "--skip-blocked."
    ),
)
@_HANDOVER
@argument("records", nargs=-1, metavar="[RECORD...]")
@option("--copy", "copies", multiple=True, metavar="COPY", help=N_("This copy; repeatable."))
@option("--skip-blocked", is_flag=True, help=N_("Leave out what is blocked, and say why."))
@act_options
@pass_call
def freeze(
    call: Call,
    *,
    handover: str,
    records: tuple[str, ...],
    copies: tuple[str, ...],
    skip_blocked: bool,
    how: How,
) -> None:
    """Record `handover.list_frozen`."""
    from ledger.cli.ids import resolve
    from ledger.cli.records import named
    from ledger.custody import freeze_list
    from ledger.questions import asking

    if not records and not copies:
        raise click.UsageError(_("name records, or copies with --copy"))
    with call.writing() as ledger:
        found = resolve(ledger, "handover", handover)
        acting = call.acting(ledger)
        exact = [resolve(ledger, "holding", copy) for copy in copies]
        with asking(ledger, acting.actor) as asked:
            wanted = [(asked.originals(record)[0], record) for record in named(ledger, records)]
            pairs = [*wanted, *((copy, copy) for copy in exact)]
            chosen = _choose(asked, found, pairs, skip_blocked=skip_blocked)
        proposals = freeze_list(ledger, found, chosen.items)
        receipt = how.record(ledger, acting, proposals)
    root = str(proposals[0].fields["root"])
    counts = {"root": root, "copies": len(chosen.items), "records": chosen.records}
    if receipt is not None and call.as_json:
        left = [_left_out(*one) for one in chosen.left_out]
        print_json({"handover": found, **counts, "left_out": left, **receipt_fields(receipt)})
        return
    how.tell(call, receipt, handover=found, **{name: str(v) for name, v in counts.items()})
    _say_left_out(chosen.left_out)


def _choose(
    asked: Asking, handover: str, pairs: Sequence[tuple[str, str]], *, skip_blocked: bool
) -> _Chosen:
    """Choose copies, each once; `pairs`: the copy and what was named for it."""
    items: dict[str, None] = {}
    left_out: list[tuple[str, str, list[Refusal]]] = []
    blocked: dict[str, list[Refusal]] = {}
    for copy, name in pairs:
        if skip_blocked and copy not in blocked:
            blocked[copy] = asked.against_handover([copy], handover)
        if blocked.get(copy):
            left_out.append((name, copy, blocked[copy]))
        else:
            items[copy] = None
    if not items:
        raise UsageError(
            "everything named is blocked; nothing was recorded", "muniment why RECORD handover"
        )
    return _Chosen(list(items), asked.count_records(list(items)), left_out)


def _left_out(name: str, copy: str, refusals: Iterable[Refusal]) -> dict[str, Any]:
    import msgspec

    record = name if name.startswith("record-") else None
    return {"record": record, "copy": copy, "refusals": msgspec.to_builtins(list(refusals))}


def _say_left_out(left_out: Sequence[tuple[str, str, list[Refusal]]]) -> None:
    from ledger.cli.refusals import explain

    for name, _copy, refusals in left_out:
        click.echo(_("left out: {name}").format(name=name))
        for refusal in refusals:
            sentence, remedy = explain(refusal.detail)
            click.echo(f"  {refusal}\n  {sentence}\n  {_('Next:')} {remedy}")


# -- release, receipt, confirmation ------------------------------------------------------------


def _list_of(ledger: Ledger, handover: str) -> tuple[str, list[str]]:
    """A handover's id, and the copies on its list."""
    from domain.handover import HandoverState
    from ledger.cli.ids import resolve
    from ledger.custody import case_state

    found = resolve(ledger, "handover", handover)
    return found, list(case_state(ledger, HandoverState, found).items)


@handover.command(
    "release",
    help=N_(
        "Record that what is on the list was given away.\n\n"
        "Every copy that is a file here is read again; if one is missing or changed, nothing is "
        "released."
    ),
)
@_HANDOVER
@option("--channel", metavar="TEXT", help=N_("By which channel; sealed."))
@option("--seal-no", metavar="TEXT", help=N_("The number of its seal; sealed."))
@option("--released-at", type=TIME, help=N_("When, if not now."))
@act_options
@pass_call
def release(
    call: Call,
    *,
    handover: str,
    channel: str | None,
    seal_no: str | None,
    released_at: str | None,
    how: How,
) -> None:
    """Record `handover.released`."""
    from ledger.acts import texts
    from ledger.custody import release_handover
    from ledger.effects.packages import reread

    checked_text(channel, "--channel")
    checked_text(seal_no, "--seal-no")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        found, items = _list_of(ledger, handover)
        seen = reread(ledger, items)
        if seen.faults:
            raise _changed(seen.faults)
        sealed = texts(package=seen.package, channel=channel, seal_no=seal_no)
        proposal = release_handover(ledger, found, released_at, sealed)
        receipt = how.record(ledger, acting, [proposal])
    how.tell(call, receipt, package=seen.package, read=str(seen.read))


def _changed(faults: Sequence[tuple[str, str]]) -> VerificationError:
    named = [f"{copy} ({cause})" for copy, cause in faults[:_NAMED_AT_MOST]]
    return VerificationError(
        "{count} copies on the list are missing or are not what was recorded: {copies}; "
        "nothing was released",
        "bring them back, or record what changed: muniment correct RECORD; then freeze the list "
        "anew",
        count=len(faults),
        copies=", ".join([*named, *(["…"] if len(faults) > _NAMED_AT_MOST else [])]),
    )


@handover.command(
    "receive",
    help=N_(
        "Record what was received: the buyer's own receipt.\n\n"
        "Every copy that is a file here is read again and compared with what was recorded; how "
        "many were read and how many matched stands in the receipt."
    ),
)
@_HANDOVER
@option("--root", metavar="HEX", help=N_("The root of the list that you have; else the present."))
@option("--seal-state", metavar="TEXT", help=N_("In what state the seal was; sealed."))
@option("--place", metavar="TEXT", help=N_("Where; sealed."))
@option("--received-at", type=TIME, help=N_("When, if not now."))
@act_options
@pass_call
def receive(
    call: Call,
    *,
    handover: str,
    root: str | None,
    seal_state: str | None,
    place: str | None,
    received_at: str | None,
    how: How,
) -> None:
    """Record `handover.received`."""
    from domain.handover import HandoverState
    from ledger.acts import texts
    from ledger.custody import case_state, receive_handover
    from ledger.effects.packages import reread

    if root is not None and not _ROOT.fullmatch(root):
        raise click.UsageError(_("--root takes 64 hexadecimal digits"))
    checked_text(seal_state, "--seal-state")
    checked_text(place, "--place")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        found, items = _list_of(ledger, handover)
        seen = reread(ledger, items)
        proposal = receive_handover(
            found,
            root or case_state(ledger, HandoverState, found).root,
            read=seen.read,
            matched=seen.matched,
            received_at=received_at,
            sealed=texts(package=seen.package, seal_state=seal_state, place=place),
        )
        receipt = how.record(ledger, acting, [proposal])
    counts = {"read": str(seen.read), "matched": str(seen.matched), "items": str(len(items))}
    how.tell(call, receipt, package=seen.package, **counts)


@handover.command(
    "confirm",
    help=N_(
        "Confirm a handover: custody passes.\n\n"
        "Both handlers and a supervisor of each side sign one draft: --with BUYER:buyer_handler "
        "--with ACTOR:supervisor --with ACTOR:supervisor --draft FILE."
    ),
)
@_HANDOVER
@option("--effective-at", type=TIME, help=N_("When custody passes, if not now."))
@act_options
@pass_call
def confirm(call: Call, *, handover: str, effective_at: str | None, how: How) -> None:
    """Record `handover.confirmed`."""
    from ledger.cli.ids import resolve
    from ledger.custody import confirm_handover

    with call.writing() as ledger:
        proposals = confirm_handover(ledger, resolve(ledger, "handover", handover), effective_at)
        if not proposals:
            raise UsageError("the handover has no list yet; nothing was recorded",
                             "muniment handover freeze HANDOVER RECORD...")  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), proposals)
    how.tell(call, receipt)


@handover.command(
    "cancel",
    help=N_(
        "Cancel a handover: nothing passes. Once it was received, both handlers sign (--with, "
        "--draft)."
    ),
)
@_HANDOVER
@option("--reason", metavar="TEXT", help=N_("Why; sealed."))
@act_options
@pass_call
def cancel(call: Call, *, handover: str, reason: str | None, how: How) -> None:
    """Record `handover.cancelled`."""
    from ledger.cli.ids import resolve
    from ledger.custody import cancel_handover

    checked_text(reason, "--reason")
    with call.writing() as ledger:
        proposal = cancel_handover(resolve(ledger, "handover", handover), reason)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


# -- looking -----------------------------------------------------------------------------------

KEYS: Final = (
    "handover", "step", "mode", "from_party", "to_party", "seller_handler", "buyer_handler",
    "first_day", "last_day", "list_version", "count", "root", "steps",
)  # fmt: skip
_COLUMNS: Final = (
    Column("handover", N_("handover")),
    Column("step", N_("step"), shown_step),
    Column("mode", N_("kind of transfer"), coded("TransferMode")),
    Column("count", N_("copies"), right=True),
    Column("first_day", N_("from")),
    Column("last_day", N_("to")),
    Column("from_party", N_("seller")),
    Column("to_party", N_("buyer")),
)


@handover.command("list", help=N_("List the handovers, cancelled ones included."))
@as_of_option
@format_option
@pass_call
def list_handovers(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every handover, in order of its id."""
    with call.reading() as ledger:
        rows = _rows(ledger, entry_of(call, ledger, as_of))
        print_rows(call, rows, _COLUMNS, style, KEYS)


def _rows(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    """The handovers, read in portions."""
    from ledger.facts import LedgerFacts
    from projections.handovers import listed

    after = None
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from (_row(facts, one) for one in found)
            after = found[-1].handover


def _row(facts: LedgerFacts, found: Handover) -> dict[str, Any]:
    """A handover with its last step, and each step taken with its accepted time."""
    row = {key: getattr(found, key) for key in KEYS if key != "steps"}
    return {**row, "steps": {step: facts.accepted_at(at) for step, at in found.steps.items()}}


@handover.command("show", help=N_("Show one handover: both sides, every step, every copy."))
@_HANDOVER
@as_of_option
@pass_call
def show(call: Call, *, handover: str, as_of: str | None) -> None:
    """One handover as it stands now, or stood then."""
    from ledger.cli.handover_shown import copies_listed, print_handover, steps_taken
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from ledger.facts import LedgerFacts
    from projections.handovers import one

    with call.reading() as ledger:
        named = resolve(ledger, "handover", handover)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            found = one(connection, named, entry=entry)
            if found is None:
                raise not_yet("handover")
            row = _row(LedgerFacts(connection), found)
            items = list(copies_listed(connection, named, found.list_version, entry))
        steps = steps_taken(call, ledger, named, entry)
        reader = Reader(call, ledger)
        sides = ("from_party", "to_party", "seller_handler", "buyer_handler")
        names = {row[side]: reader.name_of(row[side]) for side in sides}
    print_handover(call, row, names, steps, items)
