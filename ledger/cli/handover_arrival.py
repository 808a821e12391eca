"""`muniment handover receive`, `inspect` and `take`: the taking party's part of a handover."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, PATH, TIME, command, option, pass_call
from ledger.cli.handover_steps import HANDOVER, under
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import print_json
from ledger.cli.output import told as said
from ledger.cli.recording import How, act_options
from ledger.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from domain.handover import HandoverState
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.effects.inspecting import Seen
    from ledger.effects.taking import Over

_ROOT: Final = re.compile("[0-9a-f]{64}")
_PACKAGE: Final = option(
    "--package", type=PATH, metavar="DIR", help=N_("The package as it arrived.")
)


def _seen(
    ledger: Ledger,
    acting: Acting,
    state: HandoverState,
    package: Path | None,
    *,
    usability: bool,
) -> tuple[dict[str, Seen], str | None]:
    """How each item that can be read here is, and the package's digest.

    Everything in the package is checked before anything is said of it.
    """
    from domain.handover import copies_of
    from ledger.effects.delivering import open_delivered
    from ledger.effects.inspecting import in_package, reread

    found: dict[str, Seen] = {}
    digest = None
    if package is not None:
        # Those of a handler who was replaced, too, where they lie here: the package may be older.
        opened = open_delivered(ledger, state, package, [acting.actor, *sorted(state.former)])
        digest = opened.package
        found |= in_package(opened, usability=usability)
    if not ledger.folder.replica:  # what lies where is sealed, and not in a replica
        found |= reread(ledger, copies_of(state.items), usability=usability).seen
    return found, digest


@command(
    "receive",
    N_(
        "Record what was received: the buyer's own receipt.\n\n"
        "Every copy that is a file here is read again and compared with what was recorded, and "
        "every content of the package with its line; how many were read and how many matched "
        "stands in the receipt. A package that was changed on the way is refused, and nothing is "
        "recorded."
    ),
)
@HANDOVER
@_PACKAGE
@option("--root", metavar="HEX", help=N_("The root of the list that you have; else the present."))
@option("--seal", type=CODE("SealCondition"), help=N_("In what condition the seal was."))
@option("--place", metavar="TEXT", help=N_("Where; sealed."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@option("--received-at", type=TIME, help=N_("When, if not now."))
@option("--off-plan", type=CODE("PlanDeviation"), help=N_("Why on another day than was planned."))
@act_options
@pass_call
def receive(
    call: Call,
    *,
    handover: str,
    package: Path | None,
    root: str | None,
    seal: str | None,
    place: str | None,
    remark: str | None,
    received_at: str | None,
    off_plan: str | None,
    how: How,
) -> None:
    """Record `handover.received`."""
    from ledger.acts import texts
    from ledger.handovers import receive_handover

    if root is not None and not _ROOT.fullmatch(root):
        raise click.UsageError(_("--root takes 64 hexadecimal digits"))
    sealed = texts(place=checked_text(place, "--place"), remark=checked_text(remark, "--remark"))
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "received")
        acting = call.acting(ledger)
        if state.package and package is None:
            raise UsageError("a package was released; nothing was recorded",
                             "name it as it arrived: --package DIR")  # fmt: skip
        seen, digest = _seen(ledger, acting, state, package, usability=False)
        read = sum(one.read for one in seen.values())
        matched = sum(one.digest == "match" for one in seen.values())
        proposal = receive_handover(
            state, read=read, matched=matched, root=root, received_at=received_at, package=digest,
            seal=seal, off_plan=off_plan, sealed=sealed,
        )  # fmt: skip
        receipt = how.record(ledger, acting, [proposal])
    told: dict[str, str | int] = {} if digest is None else {"package": digest}
    how.tell(call, receipt, **told, read=read, matched=matched, items=len(state.items))


@command(
    "inspect",
    N_(
        "Record how each item arrived: whether its digest is the one listed, and whether it "
        "opens.\n\n"
        "What is no file here (paper) is accepted or rejected by whoever looked at it: --accept, "
        "--accept-rest, --reject. The last word on an item counts until the confirmation; what "
        "was said before and has not changed is not said again."
    ),
)
@HANDOVER
@_PACKAGE
@option("--accept", "accepted", multiple=True, metavar="ITEM", help=N_("Looked at, and in order."))
@option("--accept-rest", is_flag=True, help=N_("So is everything that is no file here."))
@option("--reject", "rejected", multiple=True, metavar="ITEM", help=N_("Looked at, and unusable."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def inspect(
    call: Call,
    *,
    handover: str,
    package: Path | None,
    accepted: tuple[str, ...],
    accept_rest: bool,
    rejected: tuple[str, ...],
    remark: str | None,
    how: How,
) -> None:
    """Record `handover.inspected`."""
    from ledger.effects.inspecting import judged, to_record
    from ledger.handovers import inspect_items, item_of

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how, "inspected")
        acting = call.acting(ledger)
        seen, _digest = _seen(ledger, acting, state, package, usability=True)
        words = judged(
            list(state.items), seen,
            accepted={item_of(state, item) for item in accepted},
            rejected={item_of(state, item) for item in rejected},
            rest=accept_rest,
        )  # fmt: skip
        proposals = [
            proposal
            for word, items in to_record(ledger, state, words)
            for proposal in inspect_items(state.stream, items, word.digest, word.readable, remark)
        ]
        counts = _counts(state, words)
        if not proposals:
            raise UsageError("there is nothing new to say of any item; nothing was recorded",
                             "--package DIR; or --accept, --accept-rest and --reject")  # fmt: skip
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt, **counts)


def _counts(state: HandoverState, words: dict[str, Seen]) -> dict[str, int]:
    faulty = sum(one.faulty for one in words.values())
    return {
        "inspected": len(words), "in_order": len(words) - faulty, "faulty": faulty,
        "left": sum(
            item not in words
            for item, outcome in state.items.items()
            if outcome in ("", "again")
        ),
    }  # fmt: skip


@command(
    "take",
    N_(
        "Take over what was delivered, once the handover is confirmed.\n\n"
        "The content of every item that passed is put into the vault as a copy of the buyer's. "
        "With --replica, in the buyer's own ledger: each becomes a record of it that continues "
        "the other ledger's, classified and with its period as listed. What was taken before is "
        "not taken twice."
    ),
)
@HANDOVER
@option("--package", type=PATH, metavar="DIR", required=True, help=N_("The package as it arrived."))
@option("--replica", type=PATH, metavar="DIR", help=N_("The other ledger's replica, verified."))
@option(
    "--medium", type=CODE("BackupMedium"), default="disk_internal", show_default=True,
    help=N_("What the vault lies on."),
)  # fmt: skip
@act_options
@pass_call
def take(
    call: Call,
    *,
    handover: str,
    package: Path,
    replica: Path | None,
    medium: str,
    how: How,
) -> None:
    """Record the copies, or the records, of what was delivered."""
    from ledger.cli.ids import resolve
    from ledger.effects.delivering import open_delivered
    from ledger.effects.taking import take_here

    if how.draft is not None or how.cosigners:
        raise UsageError("what is taken over is recorded by one person, and not in a draft")
    if replica is not None:
        _take_over(call, handover, package, replica, medium, how)
        return
    with call.writing() as ledger:
        state, how = under(call, ledger, handover, how)
        acting = call.acting(ledger)
        engagement = resolve(ledger, "engagement", str(how.engagement))
        keys = [acting.actor, state.handlers["buyer_handler"], *sorted(state.former)]
        opened = open_delivered(ledger, state, package, keys)
        over = take_here(
            ledger, acting, state, opened, medium, engagement=engagement, role=how.in_role
        )
    _tell_over(call, over)


def _take_over(
    call: Call, handover: str, package: Path, replica: Path, medium: str, how: How
) -> None:
    """Take over into the buyer's own ledger."""
    from contextlib import closing

    from domain.handover import HandoverState
    from ledger.application import Ledger
    from ledger.cli.ids import resolve
    from ledger.custody import case_state
    from ledger.effects.delivering import open_delivered
    from ledger.effects.taking import take_over
    from ledger.folder import Folder

    with call.writing() as ledger, closing(Ledger(Folder(replica), call.passphrases)) as other:
        other.has_seen(*other.seen())  # a continuation of what was seen before
        state = case_state(other, HandoverState, resolve(other, "handover", handover))
        keys = [state.handlers["buyer_handler"], *sorted(state.former)]
        opened = open_delivered(other, state, package, keys)
        options = {"role": how.in_role}
        if how.engagement is not None:
            options["engagement"] = resolve(ledger, "engagement", how.engagement)
        over = take_over(ledger, call.acting(ledger), other, state, opened, medium, **options)
    _tell_over(call, over)


def _tell_over(call: Call, over: Over) -> None:
    told = {
        "taken": over.taken, "before": over.before, "without_period": over.without,
        "faulty": list(over.faulty), "entries": [receipt.entry for receipt in over.receipts],
    }  # fmt: skip
    if call.as_json:
        print_json(told)
    else:
        for name in ("taken", "before", "without_period"):
            click.echo(said(name, told[name]))
    if over.faulty:
        raise IncompleteError(
            "{count} contents passed and are not what their lines say; they were not taken",
            "muniment handover discrepancy list HANDOVER",
            count=len(over.faulty),
        )


ARRIVAL: Sequence[click.Command] = (receive, inspect, take)
