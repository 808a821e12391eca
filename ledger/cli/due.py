"""`muniment retention due`: what must be gone by a day, what blocks it, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import DAY, ParamType, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import Column, coded, format_option, print_rows, several, yes

if TYPE_CHECKING:
    import sqlalchemy as sa

    from domain.judging import Refusal
    from ledger.application import Ledger
    from ledger.questions import Asking, Row

_AT_ONCE = 500
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\Z")

KEYS: Final = (
    "record", "category", "due", "since", "min_until", "max_until", "purpose_ended", "action",
    "conflict", "copies", "holdings", "restricted", "blocked", "requests", "next",
)  # fmt: skip


def _reasons(blocked: list[dict[str, object]]) -> str:
    return several(f"{one['rule']} {one['detail']}" for one in blocked) or _("nothing")


_COLUMNS: Final = (
    Column("record", N_("record")),
    Column("category", N_("category"), coded("RecordCategory")),
    Column("due", N_("due"), coded("DisposalAction")),
    Column("since", N_("since")),
    Column("min_until", N_("keep through")),
    Column("max_until", N_("gone by")),
    Column("purpose_ended", N_("purpose ended")),
    Column("copies", N_("copies"), right=True),
    Column("restricted", N_("restricted"), yes),
    Column("blocked", N_("destruction is blocked by"), _reasons),
    Column("requests", N_("open requests"), several),
    Column("next", N_("next")),
)


class _Month(ParamType):
    """A month, `YYYY-MM`."""

    name = "YYYY-MM"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        if not isinstance(value, str) or not _MONTH.match(value) or value < "0001":
            self.fail(_("not a month: write YYYY-MM"), param, ctx)
        return value


@command(
    "due",
    N_(
        "List the records that must be gone by a day, or are to be reviewed, anonymised or "
        "destroyed by then, what blocks that, which copies would have to go, and what to do next."
        "\n\n"
        "A record is due when its longest permitted period ends by that day; when its minimum is "
        "over and its rule says what is to be done; and, its purpose having ended, as soon as no "
        "minimum runs any more."
    ),
)
@option("--until", type=DAY, help=N_("The day, itself included; today if not given."))
@option("--before", type=DAY, help=N_("The day, itself not included."))
@option("--month", type=_Month(), help=N_("Everything up to the end of this month."))
@format_option
@pass_call
def due(
    call: Call,
    *,
    until: str | None,
    before: str | None,
    month: str | None,
    style: str | None,
) -> None:
    """The records of which something is left, in order of their id."""
    if sum(given is not None for given in (until, before, month)) > 1:
        raise click.UsageError(_("give one of --until, --before and --month"))
    with call.reading() as ledger:
        rows = due_rows(ledger, call.actor(ledger), _last_day(ledger, until, before, month))
        print_rows(call, rows, _COLUMNS, style, KEYS)


def _last_day(ledger: Ledger, until: str | None, before: str | None, month: str | None) -> str:
    from datetime import date

    from ledger.retaining import last_day_of
    from ledger.signing import now

    if month is not None:
        return last_day_of(month)
    if before is not None:
        return date.fromordinal(max(date.fromisoformat(before).toordinal() - 1, 1)).isoformat()
    return until or ledger.policy().calendar.day_of(now())


def due_rows(ledger: Ledger, actor: str, until: str) -> Iterator[Row]:
    """What is due by a day, and what stands in the way of destroying it now; read in portions."""
    from ledger.questions import asking
    from ledger.retaining import due as answer

    after = None
    while True:
        with ledger.engine.connect() as connection:
            found = answer(connection, until, _AT_ONCE, after)
            with asking(ledger, actor) as asked:
                for row in found:
                    if not asked.over(row["record"]):
                        yield _blocked(connection, asked, row)
        if len(found) < _AT_ONCE:
            return
        after = found[-1]["record"]


def _blocked(connection: sa.Connection, asked: Asking, row: Row) -> Row:
    import msgspec

    from projections.rights import about

    record = row["record"]
    copies = asked.all_copies(record)
    ground = "retention_expired" if row["purpose_ended"] is None else "purpose_achieved"
    refusals = asked.against_destruction(copies, ground)
    return {
        **row,
        "copies": len(copies),
        "holdings": copies,
        "blocked": msgspec.to_builtins(refusals),
        "requests": [request.rights for request in about(connection, record, only_open=True)],
        "next": _next(row, refusals, ground),
    }


def _next(row: Mapping[str, Any], refusals: Sequence[Refusal], ground: str) -> str:
    """The command that goes next: what unblocks it, or what takes the first step."""
    from ledger.cli.refusals import EXPLANATIONS

    if refusals:
        first = refusals[0]
        if first.detail == "hold_in_force":
            return f"muniment hold show {first.blocking[0]}"
        return EXPLANATIONS.get(first.detail, ("", "muniment why RECORD destroy"))[1].replace(
            "RECORD", row["record"]
        )
    if row["conflict"]:
        return "muniment retention conflicts"
    if row["due"] == "anonymize":
        return f"muniment anonymise {row['record']}"
    return f"muniment destroy propose {row['record']} --ground {ground}"
