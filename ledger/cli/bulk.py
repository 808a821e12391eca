"""Many events of one act: in as few commits as they fit into, and said in one line.

A commit holds at most 10,000 events, and as many as name 100,000 things, so that its bytes stay
small. Each is recorded whole or not at all; what is interrupted is said again, and what was
recorded is left out by whoever proposes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.language import _
from ledger.cli.output import note, print_json

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.cli.call import Call
    from ledger.cli.recording import How
    from ledger.recorder import Receipt
    from ledger.signing import Proposal

MAX_EVENTS: Final = 10_000
MAX_NAMED: Final = 100_000


def portions(proposals: Sequence[Proposal]) -> Iterator[list[Proposal]]:
    """The proposals, cut into what one commit holds."""
    portion: list[Proposal] = []
    named = 0
    for proposal in proposals:
        size = 1 + sum(len(v) for v in proposal.fields.values() if isinstance(v, list))
        if portion and (len(portion) == MAX_EVENTS or named + size > MAX_NAMED):
            yield portion
            portion, named = [], 0
        portion.append(proposal)
        named += size
    if portion:
        yield portion


def record_all(
    call: Call, ledger: Ledger, how: How, acting: Acting, proposals: Sequence[Proposal]
) -> list[Receipt | None]:
    """Record proposals in as many commits as they need; says on standard error how far it is.

    Raises a usage error for a draft that would be more than one commit.
    """
    parts = list(portions(proposals))
    if how.draft is not None and len(parts) > 1:
        raise click.UsageError(_("so many events do not go into one draft"))
    receipts: list[Receipt | None] = []
    done = 0
    for part in parts:
        receipts.append(how.record(ledger, acting, part))
        done += len(part)
        if len(parts) > 1:
            text = _("{done} of {total} events recorded")
            note(call, text.format(done=done, total=len(proposals)))
    return receipts


def tell_all(
    call: Call, how: How, receipts: Sequence[Receipt | None], text: str, **figures: int | str
) -> None:
    """Print what came of it: `text`, a translated template over `figures`."""
    if how.draft is not None and receipts:
        how.tell(call, None, **figures)
    elif call.as_json:
        entries = [receipt.entry for receipt in receipts if receipt is not None]
        print_json({**figures, "entries": entries})
    else:
        click.echo(text.format(**figures))
