"""`muniment retention due`: what must be gone by a day or may go by then, and what blocks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ledger.cli.call import Call
from ledger.cli.command import DAY, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import Column, coded, format_option, print_rows, several, yes

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.questions import Asking, Row

_AT_ONCE = 500

KEYS: Final = (
    "record", "category", "min_until", "max_until", "action", "copies", "restricted", "blocked",
)  # fmt: skip


def _reasons(blocked: list[dict[str, object]]) -> str:
    return several(f"{one['rule']} {one['detail']}" for one in blocked) or _("nothing")


_COLUMNS: Final = (
    Column("record", N_("record")),
    Column("category", N_("category"), coded("RecordCategory")),
    Column("min_until", N_("keep through")),
    Column("max_until", N_("gone by")),
    Column("action", N_("then"), coded("DisposalAction")),
    Column("copies", N_("copies"), right=True),
    Column("restricted", N_("restricted"), yes),
    Column("blocked", N_("destruction is blocked by"), _reasons),
)


@command(
    "due",
    N_(
        "List the records that must be gone by a day, or may be destroyed by then, and what "
        "blocks that.\n\n"
        "A record is due when its longest permitted period ends by that day, or when its minimum "
        "is over and the rule says that it is to be destroyed."
    ),
)
@option("--until", type=DAY, help=N_("The day; today if not given."))
@format_option
@pass_call
def due(call: Call, *, until: str | None, style: str | None) -> None:
    """The records of which something is left, in order of their id."""
    from ledger.signing import now

    with call.reading() as ledger:
        rows = due_rows(ledger, call.actor(ledger), until or now()[:10])
        print_rows(call, rows, _COLUMNS, style, KEYS)


def due_rows(ledger: Ledger, actor: str, until: str) -> Iterator[Row]:
    """What is due by a day, and what stands in the way of destroying it now; read in portions."""
    from ledger.questions import asking
    from ledger.questions import due as answer

    after = None
    while True:
        with ledger.engine.connect() as connection:
            found = answer(connection, until, _AT_ONCE, after)
        with asking(ledger, actor) as asked:
            yield from (_blocked(asked, row) for row in found if not asked.over(row["record"]))
        if len(found) < _AT_ONCE:
            return
        after = found[-1]["record"]


def _blocked(asked: Asking, row: Row) -> Row:
    import msgspec

    copies = asked.all_copies(row["record"])
    refusals = asked.against_destruction(copies, "retention_expired")
    restricted = asked.restricted(row["record"])
    blocked = msgspec.to_builtins(refusals)
    return {**row, "copies": len(copies), "restricted": restricted, "blocked": blocked}
