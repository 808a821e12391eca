"""`--as-of`: the questions that are answered for a past state, and which state that was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ledger.cli.call import Call
from ledger.cli.command import option
from ledger.cli.language import N_, _
from ledger.cli.output import local, note

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.asof import Moment
    from ledger.errors import UsageError

_F = TypeVar("_F", bound=Callable[..., Any])


def as_of_option(function: _F) -> _F:
    """Add `--as-of`; the command gets `as_of`, None if it was not given."""
    return option(
        "--as-of",
        metavar="MOMENT",
        help=N_(
            "As it stood then: a time such as 2026-11-21T09:30:00+08:00, position:NUMBER or "
            "checkpoint:FILE."
        ),
    )(function)


def moment_of(call: Call, ledger: Ledger, as_of: str | None) -> Moment | None:
    """The state that is asked about, None for now; says on standard error which it is."""
    if as_of is None:
        return None
    from ledger.asof import moment

    found = moment(ledger, as_of)
    text = _("As of entry {entry}, accepted {accepted}, with {events} events.")
    accepted = local(found.accepted)
    note(call, text.format(entry=found.entry, accepted=accepted, events=found.position))
    return found


def entry_of(call: Call, ledger: Ledger, as_of: str | None) -> int | None:
    """The entry of `moment_of`: what projections are asked with."""
    found = moment_of(call, ledger, as_of)
    return found.entry if found else None


def not_yet(aggregate: str) -> UsageError:
    """What a thing that came later is answered with."""
    from ledger.errors import UsageError

    return UsageError(
        "this {aggregate} was not in the ledger yet",
        "ask without --as-of, or for a later moment",
        aggregate=aggregate,
    )
