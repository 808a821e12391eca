"""What a hold is placed on, as somebody typed it: things, a person, an engagement or a query."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ledger.cli.language import _
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.cli.recording import How

PERSONS: Final = "subject="
"""How what is sealed about a hold over a person begins."""

_SUBJECT: Final = re.compile(
    "subject-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\Z"
)


class Unsearched(NamedTuple):
    """How many records nobody looked for a person in, so that a hold over the person misses them.

    `never_indexed`: never looked through; `stale`: corrected since; `unreadable`: not to be read.
    """

    never_indexed: int = 0
    stale: int = 0
    unreadable: int = 0


class Asked(NamedTuple):
    """The ids that a hold is placed on, its `HoldScope`, and what is sealed about that.

    `unsearched`: what a hold over a person may miss, None for every other scope.
    """

    records: Sequence[str] = ()
    holdings: Sequence[str] = ()
    engagements: Sequence[str] = ()
    scope: str = "ids"
    description: str | None = None
    unsearched: Unsearched | None = None


def asked_for(ledger: Ledger, acting: Acting, how: How, about: Mapping[str, Any]) -> Asked:
    """What the options of `hold place` amount to now.

    `about`: records, holdings, engagements and subject (lists), category and query (or None).
    Raises `UsageError` if they say nothing, or two different things.
    """
    things = [name for name in ("records", "holdings") if about[name]]
    kinds = [name for name in ("engagements", "subject", "category", "query") if about[name]]
    if not things and not kinds:
        raise click.UsageError(
            _("say what it covers: --record, --holding, --of-engagement, --subject, --category or "
              "--query")
        )  # fmt: skip
    wide = set(kinds) - {"engagements"}
    if len(wide) > 1 or (wide and (things or "engagements" in kinds)):
        raise click.UsageError(
            _("--subject, --category and --query are each said alone; widen the hold by the rest")
        )
    if about["subject"]:
        persons = f"{PERSONS}{','.join(sorted(set(map(_subject, about['subject']))))}"
        return _placed_on(ledger, "subject", persons)
    if wide:
        return _found(ledger, acting, how, about["query"] or f"category={about['category']}")
    ids = {
        name: tuple(dict.fromkeys(_resolve(ledger, aggregate, text) for text in about[name]))
        for name, aggregate in (
            ("records", "record"), ("holdings", "holding"), ("engagements", "engagement"),
        )
    }  # fmt: skip
    return Asked(**ids, scope="ids" if things else "engagement")  # type: ignore[arg-type]


def _resolve(ledger: Ledger, aggregate: str, text: str) -> str:
    from ledger.cli.ids import resolve

    return resolve(ledger, aggregate, text)


def _found(ledger: Ledger, acting: Acting, how: How, text: str) -> Asked:
    """What a query finds now; whoever keeps things holds what their own party keeps."""
    from ledger.scopes import canonical

    query = canonical(text, partial(_resolve, ledger))
    if not _from_outside(ledger, acting, how) and "party=" not in query:
        query = canonical(f"{query} party={acting.state.party}", partial(_resolve, ledger))
    return _placed_on(ledger, "query", query)


def _placed_on(ledger: Ledger, scope: str, description: str) -> Asked:
    found = matches(ledger, description)
    left = unsearched(ledger) if scope == "subject" else None
    if not found and left is not None and any(left):
        raise UsageError(
            "nothing is known about this person, and {count} records were not searched; nothing "
            "was recorded", "muniment subject index --all", count=sum(left),
        )  # fmt: skip
    if not found:
        raise UsageError("nothing fits; nothing was recorded", "muniment inventory")
    return Asked(found, scope=scope, description=description, unsearched=left)


def unsearched(ledger: Ledger) -> Unsearched:
    """What of all that is here was not searched for people as it is now."""
    from ledger.people import coverage

    with ledger.engine.connect() as connection:
        told = coverage(connection)
    return Unsearched(told["never"], told["stale"], sum(told["failed"].values()))


def shown_unsearched(left: Unsearched) -> str:
    """What was not searched, and what to do, for people."""
    return _(
        "{count} records were not searched for this person and are held only if something else "
        "says so: {never} never looked through, {stale} corrected since, {unreadable} unreadable. "
        "muniment subject index --all, then muniment hold check HOLD"
    ).format(count=sum(left), never=left.never_indexed, stale=left.stale,
             unreadable=left.unreadable)  # fmt: skip


def _subject(text: str) -> str:
    """A whole subject id: persons have no list to look a part of an id up in."""
    if not _SUBJECT.match(text):
        raise UsageError("a subject is named by its whole id; nothing was changed",
                         "muniment subject find")  # fmt: skip
    return text


def _from_outside(ledger: Ledger, acting: Acting, how: How) -> bool:
    """Whether somebody acts as counsel, auditor, court or regulator: they hold what others keep."""
    from domain.hold import OUTSIDE, LegalHoldPlaced
    from ledger.signing import now

    engagement = _resolve(ledger, "engagement", how.engagement) if how.engagement else None
    moment = how.at or now()
    role = acting.role_for(LegalHoldPlaced, how.in_role, engagement or ledger.routine(), moment)
    return role in OUTSIDE


def matches(ledger: Ledger, description: str) -> list[str]:
    """The records that what is sealed about a hold describes now: a query, or a person."""
    from ledger.facts import LedgerFacts
    from ledger.scopes import matching
    from ledger.subjects import places_of

    with ledger.engine.connect() as connection:
        if description.startswith(PERSONS):
            persons = description.removeprefix(PERSONS).split(",")
            about = (place.record for person in persons for place in places_of(connection, person))
            return sorted(set(about))
        return list(matching(connection, LedgerFacts(connection), description))
