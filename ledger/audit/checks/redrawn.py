"""What audits say of the ledger, looked at again: roots of the states they cover, samples drawn.

No rule can hold a root against the tree, nor a population against the events: an act is judged by
what came before it, within one transaction. So an audit that was opened over a state which this
ledger never had, a report that was issued on one, and a sample that its seed does not draw are
found here. Every recorded sample is drawn again, by `ledger.audit.population` and
`ledger.audit.conducting`: one pass over the events for every `_AT_ONCE` populations, however many
samples were drawn of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import sqlalchemy as sa

from domain.audit import AuditOpened, AuditReportIssued, AuditSampleDrawn
from domain.listing import list_root
from domain.values import Event
from ledger.audit.catalogue import raised
from ledger.audit.checks.parts import looked
from ledger.audit.conducting import compare
from ledger.audit.edge import tree_of
from ledger.audit.finding import Finding, Gap
from ledger.audit.population import Population, Wanted, populations
from ledger.audit.scope import Scope
from ledger.evidence import decode_event
from projections.audits import audits

_AT_ONCE: Final = 32
_SAID: Final = (
    "SELECT position, entry, state FROM events WHERE stream = ? AND topic IN "
    "('audit.opened', 'audit.sample_drawn', 'audit.report_issued') ORDER BY version"
)


class _Said(NamedTuple):
    """An event of an audit, and the one that opened it."""

    position: int
    entry: int
    event: Event
    order: AuditOpened


class _Drawn(NamedTuple):
    """A recorded sample."""

    position: int
    entry: int
    event: AuditSampleDrawn


def check(scope: Scope) -> Iterator[Finding | Gap]:
    """Audits over states that never were, and samples that are not drawn again."""
    yield from looked("consistent", {"audits": _roots, "samples": _samples}, scope)


def _said(scope: Scope) -> Iterator[_Said]:
    """What audits said, from the first entry on: a false root and a false sample stay so."""
    for (stream,) in scope.scratch.execute(sa.select(audits.c.audit).order_by(audits.c.audit)):
        order: AuditOpened | None = None
        for position, entry, state in scope.scratch.exec_driver_sql(_SAID, (stream,)):
            event = decode_event(bytes(state))
            if isinstance(event, AuditOpened):
                order = order or event
            if order is not None:
                yield _Said(position, entry, event, order)


def _roots(scope: Scope) -> Iterator[Finding]:
    tree = tree_of(scope.log)
    for position, entry, event, _ in _said(scope):
        if isinstance(event, AuditOpened):
            size, detail = event.entry + 1, "opened"
        elif isinstance(event, AuditReportIssued):
            size, detail = event.checkpoint, "report_issued"
        else:
            continue
        # What is said of entries that came with it or later, nobody can have seen.
        root = tree.root_at(size).hex() if size <= entry else ""
        if event.root != root:
            yield raised(
                "audit_root_false", position=position, entry=entry, subject=event.stream,
                detail=detail, evidence=(event.id,), expected=root, actual=event.root,
            )  # fmt: skip


def _samples(scope: Scope) -> Iterator[Finding]:
    drawn: dict[Wanted, list[_Drawn]] = {}
    for one in _said(scope):
        if isinstance(event := one.event, AuditSampleDrawn):
            wanted = Wanted(one.order, event.population, event.acts_of or None)
            drawn.setdefault(wanted, []).append(_Drawn(one.position, one.entry, event))
    keys = list(drawn)
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        for wanted, found in zip(some, populations(scope.log, some), strict=True):
            for sample in drawn[wanted]:
                yield from _redrawn(sample, found)


def _redrawn(one: _Drawn, found: Population) -> Iterator[Finding]:
    event = one.event
    again = compare(event, found)
    for part in again.differs:
        ids, count, root = (
            (found.ids, event.count, event.digest) if part == "population"
            else (again.drawn, event.sample_size, event.drawn_digest)
        )  # fmt: skip
        yield raised(
            "sample_differs", position=one.position, entry=one.entry, subject=event.stream,
            detail=part, evidence=(event.id,), expected=f"{len(ids)} {list_root(ids)}",
            actual=f"{count} {root}",
        )  # fmt: skip
