"""What a hold is placed on besides single things: a closed query over the inventory.

A query is terms with spaces between them; a record must fit all of them, and of each one of its
values. What is not listed here is refused, so that nobody believes a hold that is narrower:

    category=CODE[,CODE…]      with their parts           level=CODE[,…]   sensitivity=CODE[,…]
    state=CODE[,…]             if not given: whatever is still there
    party=ID[,…]               keeps a copy that is there
    engagement=ID[,…]          collected under it
    after=DAY   before=DAY     collected on that day or later; before that day (UTC)

>>> canonical("state=archived  category=contract,accounting", lambda _aggregate, text: text)
'category=accounting,contract state=archived'
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from domain.codes import ENUMERATIONS
from domain.values import is_day
from ledger.errors import UsageError
from projections.selecting import Terms, selected

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.facts import LedgerFacts

Resolve = Callable[[str, str], str]
"""(aggregate, what a person typed) → the whole id."""

_CODES: Final[Mapping[str, str]] = {
    "category": "RecordCategory", "level": "DataLevel", "sensitivity": "Sensitivity",
    "state": "RecordState",
}  # fmt: skip
_IDS: Final = ("party", "engagement")
_DAYS: Final = ("after", "before")
_KEYS: Final = (*_CODES, *_IDS, *_DAYS)
_NEXT: Final = "muniment hold place --help"
_AT_ONCE: Final = 1000


def canonical(text: str, resolve: Resolve) -> str:
    """A query in the form in which it is sealed: whole ids, terms and values in order.

    Raises `UsageError` for a term that is not known, said twice or without a known value.
    """
    terms: dict[str, list[str]] = {}
    for part in text.split():
        key, equals, values = part.partition("=")
        if key not in _KEYS or not equals or key in terms:
            msg = "a query has terms like category=contract, each once; nothing was changed"
            raise UsageError(msg, _NEXT)
        terms[key] = [_value(key, value, resolve) for value in values.split(",")]
        if key in _DAYS and len(terms[key]) != 1:
            raise UsageError("a query names one day after and one before", _NEXT)
    if not terms:
        raise UsageError("the query is empty; nothing was changed", _NEXT)
    return " ".join(f"{key}={','.join(sorted(set(terms[key])))}" for key in _KEYS if key in terms)


def _value(key: str, value: str, resolve: Resolve) -> str:
    if key in _IDS:
        return resolve(key, value)
    known = is_day(value) if key in _DAYS else value in ENUMERATIONS[_CODES[key]].codes
    if not known:
        msg = "a query asks for {key} with a value that there is not; nothing was changed"
        raise UsageError(msg, _NEXT, key=key)
    return value


def matching(connection: sa.Connection, facts: LedgerFacts, query: str) -> Iterator[str]:
    """The ids of the records that a canonical query describes now, in order, read in portions."""
    terms = _terms(connection, facts, query)
    after = None
    while found := selected(connection, terms, limit=_AT_ONCE, after=after):
        yield from found
        after = found[-1]


def _terms(connection: sa.Connection, facts: LedgerFacts, query: str) -> Terms:
    said = {key: tuple(values.split(",")) for key, _, values in
            (part.partition("=") for part in query.split())}  # fmt: skip
    first, before = (
        _first_position(connection, facts, said[key][0]) if key in said else None for key in _DAYS
    )
    return Terms(
        categories=said.get("category", ()), levels=said.get("level", ()),
        sensitivities=said.get("sensitivity", ()), states=said.get("state", ()),
        parties=said.get("party", ()), engagements=said.get("engagement", ()),
        first=first, last=None if before is None else before - 1,
    )  # fmt: skip


def _first_position(connection: sa.Connection, facts: LedgerFacts, day: str) -> int:
    """The position of the first event accepted on a day or later, or the one after the last."""
    entries, events = connection.exec_driver_sql("SELECT entries, events FROM head").one()
    entry = bisect_left(range(entries), day, key=facts.accepted_at)  # accepted times never go back
    if entry == entries:
        return int(events) + 1
    row = connection.exec_driver_sql("SELECT first FROM commits WHERE entry = ?", (entry,))
    return int(row.scalar_one())
