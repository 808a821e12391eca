"""`muniment training`: who was trained in what, and until when it holds."""

from __future__ import annotations

from typing import Final

import click

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, argument, group, option, pass_call
from ledger.cli.language import N_
from ledger.cli.output import Column, coded, format_option, print_rows, yes
from ledger.cli.recording import How, act_options

_MOST: Final = 1_000_000


@group("training", N_("Training of those who hand over, approve, destroy: record, list."))
def training() -> None:
    """Nothing by itself."""


@training.command(
    "record",
    help=N_(
        "Record that somebody was trained and examined. Another person says so.\n\n"
        "Passed is who has at least the pass mark; it holds until the day given, itself included."
    ),
)
@argument("actor", metavar="ACTOR")
@option("--topic", type=CODE("TrainingTopic"), required=True, help=N_("In what."))
@option("--mode", type=CODE("TrainingMode"), required=True, help=N_("On line or in a room."))
@option("--on", "day", type=DAY, required=True, help=N_("On which day."))
@option(
    "--score", type=click.IntRange(0, _MOST), required=True, metavar="NUMBER",
    help=N_("What was reached in the examination."),
)  # fmt: skip
@option(
    "--pass-mark", type=click.IntRange(0, _MOST), required=True, metavar="NUMBER",
    help=N_("What had to be reached."),
)  # fmt: skip
@option("--valid-to", type=DAY, required=True, help=N_("The last day on which it holds."))
@act_options
@pass_call
def record(
    call: Call,
    *,
    actor: str,
    topic: str,
    mode: str,
    day: str,
    score: int,
    pass_mark: int,
    valid_to: str,
    how: How,
) -> None:
    """Record `actor.training_completed`."""
    from ledger.cli.ids import resolve
    from ledger.deals import complete_training

    fields = {
        "topic": topic, "mode": mode, "on": day, "score": score, "pass_mark": pass_mark,
        "valid_to": valid_to,
    }  # fmt: skip
    with call.writing() as ledger:
        proposal = complete_training(resolve(ledger, "actor", actor), fields)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


KEYS: Final = (
    "actor", "topic", "mode", "on", "score", "pass_mark", "passed", "valid_to", "holds",
    "recorded_at",
)  # fmt: skip
_COLUMNS: Final = (
    Column("actor", N_("actor")),
    Column("topic", N_("topic"), coded("TrainingTopic")),
    Column("mode", N_("mode"), coded("TrainingMode")),
    Column("on", N_("day")),
    Column("score", N_("score"), right=True),
    Column("pass_mark", N_("pass mark"), right=True),
    Column("passed", N_("passed"), yes),
    Column("valid_to", N_("holds until")),
    Column("holds", N_("holds"), yes),
)


@training.command("list", help=N_("List who was trained in what, and whether it still holds."))
@option("--actor", metavar="ACTOR", help=N_("Only this person's."))
@as_of_option
@format_option
@pass_call
def list_training(call: Call, *, actor: str | None, as_of: str | None, style: str | None) -> None:
    """Every training, lapsed ones included, in order of recording."""
    from ledger.cli.ids import resolve
    from ledger.dealfile import trainings

    with call.reading() as ledger:
        found = resolve(ledger, "actor", actor) if actor else None
        rows = trainings(ledger, found, entry_of(call, ledger, as_of))
        print_rows(call, rows, _COLUMNS, style, KEYS)
