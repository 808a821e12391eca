"""`muniment handover`: what is listed passes from one party to another, signed by both sides.

Here is the giving party's part: list, package, release. `handover_arrival` has the taking party's,
`handover_steps` what needs nothing but the ledger.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, TIME, argument, group, option, pass_call
from ledger.cli.handover_arrival import ARRIVAL
from ledger.cli.handover_steps import HANDOVER, STEPS, under
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    led,
    print_json,
    print_rows,
    receipt_fields,
)
from ledger.cli.output import told as said
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from domain.handover import HandoverState
    from ledger.application import Ledger
    from ledger.effects.choosing import Chosen, LeftOut, Wanted
    from ledger.questions import Asking
    from ledger.recorder import Receipt
    from ledger.signing import Proposal

_SHOWN_AT_MOST: Final = 20


@group("handover", N_("Handovers: what is listed passes to another party, signed by both sides."))
def handover() -> None:
    """Nothing by itself."""


for _command in (*STEPS, *ARRIVAL):
    handover.add_command(_command)


# -- the list ----------------------------------------------------------------------------------


@handover.command(
    "freeze",
    help=N_(
        "Freeze the list of what is handed over; again, while nothing is released, to replace "
        "it.\n\n"
        "Of each record the copy in which it was collected or last corrected goes, no backups; "
        "--copy names others. With --packaged the content of the records is delivered in a "
        "package instead, and the copies stay. What is blocked, or not cleared as the people in it "
        "are concerned, refuses the whole list, or is left out with --skip-blocked and counted by "
        "reason."
    ),
)
@HANDOVER
@argument("records", nargs=-1, metavar="[RECORD...]")
@option("--all", "everything", is_flag=True, help=N_("Every record that your party keeps."))
@option("--packaged", is_flag=True, help=N_("Deliver the records' content in a package."))
@option("--copy", "copies", multiple=True, metavar="COPY", help=N_("This copy; repeatable."))
@option("--skip-blocked", is_flag=True, help=N_("Leave out what is blocked, and say why."))
@option("--marketing", is_flag=True, help=N_("The list is for marketing: who refused is left out."))
@act_options
@pass_call
def freeze(
    call: Call,
    *,
    handover: str,
    records: tuple[str, ...],
    everything: bool,
    packaged: bool,
    copies: tuple[str, ...],
    skip_blocked: bool,
    marketing: bool,
    how: How,
) -> None:
    """Record `handover.list_frozen`."""
    from ledger.effects.choosing import choose
    from ledger.questions import asking

    if not records and not copies and not everything:
        raise click.UsageError(_("name records, or copies with --copy, or --all"))
    if everything and (records or copies):
        raise click.UsageError(_("--all names every record; name none besides"))
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "list_frozen")
        acting = call.acting(ledger)
        with asking(ledger, acting.actor) as asked:
            wanted = _wanted(ledger, asked, state, records, copies, packaged=packaged)
            chosen = choose(asked, state, wanted, skip=skip_blocked, marketing=marketing)
        proposals, how = _frozen(ledger, state, chosen, how, marketing=marketing)
        receipt = how.record(ledger, acting, proposals)
    _tell_frozen(call, how, proposals, chosen, receipt)


def _wanted(
    ledger: Ledger,
    asked: Asking,
    state: HandoverState,
    records: Sequence[str],
    copies: Sequence[str],
    *,
    packaged: bool,
) -> Wanted:
    """What is to go; of records that are not packaged, the copies that they lie in.

    Everything, if neither records nor copies are named.
    """
    from ledger.cli.ids import resolve
    from ledger.cli.records import named
    from ledger.effects.choosing import Wanted, everything_of

    exact = [(copy, copy) for copy in (resolve(ledger, "holding", c) for c in copies)]
    if records or copies:
        chosen = named(ledger, records)
    else:
        chosen = everything_of(asked.connection, state.from_party)
    if packaged:
        return Wanted(exact, chosen, ordered=not (records or copies))
    return Wanted([*((asked.originals(record)[0], record) for record in chosen), *exact])


def _frozen(
    ledger: Ledger, state: HandoverState, chosen: Chosen, how: How, *, marketing: bool
) -> tuple[list[Proposal], How]:
    """The events of a list with its lines, and the act at the moment that the lines speak of."""
    from ledger.effects.listlines import Frozen, lines, sealed_persons
    from ledger.handoverlist import SEED_BYTES, lines_root
    from ledger.handovers import freeze_list
    from ledger.signing import now

    moment, seed = how.at or now(), os.urandom(SEED_BYTES)
    entries, _root = ledger.seen()
    frozen = Frozen(chosen.items, seed, moment[:10], entries, chosen.persons)
    root = lines_root(line.format() for line in lines(ledger, frozen))
    proposals = freeze_list(
        state, chosen.items, lines=root, seed=seed.hex(), excluded=chosen.excluded,
        marketing=marketing,
    )  # fmt: skip
    persons = sealed_persons(chosen.items, chosen.persons)
    with_persons = [
        proposal._replace(sealed={**(proposal.sealed or {}), "persons": part}) if part else proposal
        for proposal, part in zip(proposals, persons, strict=True)
    ]
    return with_persons, how._replace(at=moment)


def _tell_frozen(
    call: Call,
    how: How,
    proposals: Sequence[Proposal],
    chosen: Chosen,
    receipt: Receipt | None,
) -> None:
    import msgspec

    first = proposals[0]
    copies = sum(item.startswith("holding-") for item in chosen.items)
    told = {
        "handover": first.stream, "root": first.fields["root"], "lines": first.fields["lines"],
        "items": len(chosen.items), "copies": copies, "records": chosen.records,
    }  # fmt: skip
    if call.as_json:
        print_json({
            **told,
            "excluded": msgspec.to_builtins(list(chosen.excluded)),
            "left_out": [_left_out(one) for one in chosen.left_out],
            **({"draft": str(how.draft)} if receipt is None else receipt_fields(receipt)),
        })  # fmt: skip
        return
    how.tell(call, receipt, **told)
    _say_left_out(chosen)


def _left_out(left: LeftOut) -> dict[str, Any]:
    import msgspec

    record = left.name if left.name.startswith("record-") else None
    copy = left.item if left.item.startswith("holding-") else None
    refusals = msgspec.to_builtins(list(left.refusals))
    return {"record": record, "copy": copy, "reason": left.reason, "refusals": refusals}


def _say_left_out(chosen: Chosen) -> None:
    from ledger.cli.refusals import explain

    reason = coded("ExclusionReason")
    for one in chosen.excluded:
        click.echo(
            _("left out: {records} records about {subjects} people: {reason}").format(
                records=one.records, subjects=one.subjects, reason=reason(one.reason)
            )
        )
    for left in chosen.left_out[:_SHOWN_AT_MOST]:
        click.echo(f"{left.name}  {reason(left.reason)}")
        for refusal in left.refusals:
            sentence, remedy = explain(refusal.detail)
            click.echo(f"  {refusal}\n  {sentence}\n  {led(N_('Next:'), remedy)}")


# -- its lines ---------------------------------------------------------------------------------

LINE_KEYS: Final = (
    "seq", "item", "record", "copy", "archive_no", "title", "category", "form", "quantity", "unit",
    "bytes", "first_year", "last_year", "original", "level", "sensitivity", "sensitive_kinds",
    "customer_type", "business_area", "need", "relationship", "rules", "min_until", "max_until",
    "kept_months", "basis", "persons", "encrypted", "medium", "location", "digest", "holds",
    "restricted", "salt",
)  # fmt: skip
_LINES: Final = (
    Column("seq", N_("no."), right=True),
    Column("archive_no", N_("archive no.")),
    Column("title", N_("title")),
    Column("category", N_("category"), coded("RecordCategory")),
    Column("quantity", N_("quantity"), right=True),
    Column("unit", N_("unit")),
    Column("first_year", N_("from year"), right=True),
    Column("last_year", N_("to year"), right=True),
    Column("min_until", N_("keep through")),
    Column("kept_months", N_("months kept"), right=True),
    Column("sensitivity", N_("sensitivity"), coded("Sensitivity")),
    Column("item", N_("item")),
)


@handover.command(
    "lines",
    help=N_(
        "Show what the list says of each item, or write it to a file.\n\n"
        "The lines are made again from the ledger and compared with the root in the list's event. "
        "A .jsonl file has the very bytes that the root is over, a line each; a .csv file is for "
        "spreadsheets."
    ),
)
@HANDOVER
@option("--out", type=PATH, metavar="FILE", help=N_("A new file, .jsonl or .csv; in clear."))
@format_option
@pass_call
def lines(call: Call, *, handover: str, out: Path | None, style: str | None) -> None:
    """The lines of a list."""
    from ledger.cli.ids import resolve
    from ledger.effects.listlines import checked_lines, frozen_list

    with call.reading() as ledger:
        frozen = frozen_list(ledger, resolve(ledger, "handover", handover))
        made = checked_lines(ledger, frozen)
        if out is None:
            print_rows(call, _line_rows(made), _LINES, style, LINE_KEYS)
            return
        from ledger.effects.linefile import write_lines

        write_lines(ledger, out, made, LINE_KEYS)
        print_json({"lines": frozen.lines, "count": len(frozen.items)})


def _line_rows(made: Iterator[Any]) -> Iterator[dict[str, Any]]:
    import msgspec

    for line in made:
        yield msgspec.to_builtins(line)


# -- package and release -----------------------------------------------------------------------


@handover.command(
    "pack",
    help=N_(
        "Write the package of a list: the content of its records, encrypted to the buyer's "
        "handler.\n\n"
        "Every content is read and compared with its line; if one is missing or changed, nothing "
        "is packed. The package is a BagIt folder in which nothing is in clear."
    ),
)
@HANDOVER
@option("--out", type=PATH, metavar="DIR", required=True, help=N_("A new or empty folder."))
@pass_call
def pack_(call: Call, *, handover: str, out: Path) -> None:
    """Pack what the list names."""
    from domain.handover import HandoverState
    from ledger.cli.ids import resolve
    from ledger.custody import case_state
    from ledger.effects.delivering import pack

    with call.reading() as ledger:
        state = case_state(ledger, HandoverState, resolve(ledger, "handover", handover))
        written = pack(ledger, state, out)
    told = {"package": written.package, "items": written.count, "bytes": written.size}
    if call.as_json:
        print_json(told)
        return
    for name, value in told.items():
        click.echo(said(name, value))


@handover.command(
    "release",
    help=N_(
        "Record that what is on the list was given away.\n\n"
        "Every copy that is a file here is read again; if one is missing or changed, nothing is "
        "released. Where the list has records, --package names the folder that is given away with "
        "it; it is checked, and its digest recorded."
    ),
)
@HANDOVER
@option("--package", type=PATH, metavar="DIR", help=N_("The package that goes."))
@option("--channel", metavar="TEXT", help=N_("By which channel; sealed."))
@option("--seal-no", metavar="TEXT", help=N_("The number of its seal; sealed."))
@option("--released-at", type=TIME, help=N_("When, if not now."))
@option("--off-plan", type=CODE("PlanDeviation"), help=N_("Why on another day than was planned."))
@act_options
@pass_call
def release(
    call: Call,
    *,
    handover: str,
    package: Path | None,
    channel: str | None,
    seal_no: str | None,
    released_at: str | None,
    off_plan: str | None,
    how: How,
) -> None:
    """Record `handover.released`."""
    from domain.handover import copies_of
    from ledger.acts import texts
    from ledger.effects.delivering import faulty, package_digest
    from ledger.effects.inspecting import reread
    from ledger.handovers import release_handover

    checked_text(channel, "--channel")
    checked_text(seal_no, "--seal-no")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "released")
        acting = call.acting(ledger)
        if state.records and package is None:
            raise UsageError(
                "the list has records: name their package; nothing was recorded",
                "muniment handover pack HANDOVER --out DIR; then --package DIR",
            )
        digest = None if package is None else package_digest(ledger, state, package)
        seen = reread(ledger, copies_of(state.items))
        if seen.faults:
            raise faulty(seen.faults)
        sealed = texts(channel=channel, seal_no=seal_no)
        proposal = release_handover(
            state, released_at, package=digest, off_plan=off_plan, sealed=sealed
        )
        receipt = how.record(ledger, acting, [proposal])
    told: dict[str, str | int] = {} if digest is None else {"package": digest}
    how.tell(call, receipt, **told, read=seen.read)
