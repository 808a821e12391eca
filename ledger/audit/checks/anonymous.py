"""Whether what was made anonymous is so: each content that is drawn is read and tested again.

The event says that the test was passed, and no rule sees a content. So the bytes that were recorded
are examined anew (`ledger.effects.generalising.examine`), by the plan that the event has sealed: an
identifier, a column of names, a group that is too small. It takes the keystore, and a share of
contents that is read. What people are called in running text nobody finds who does not know them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from domain.anonymization import RecordAnonymized
from domain.record import RecordState
from ledger.audit.catalogue import raised
from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.effects.anonymising import content_of, plan_of
from ledger.effects.generalising import MOST_WRITTEN, examine
from ledger.effects.vouching import NOT_HERE
from ledger.errors import KeyAccessError, MunimentError
from ledger.evidence import decode_event
from ledger.schema import EVENTS
from ledger.sources import SourceFault
from projections.tables import inventory
from projections.view import key_of

if TYPE_CHECKING:
    from ledger.application import Ledger

_PART: Final = "anonymous"


def anonymous(scope: Scope, ledger: Ledger, draw: Callable[[str], bool]) -> Iterator[Finding | Gap]:
    """Every anonymous content that is drawn by the id of its record and that does not pass."""
    gaps: Counter[str] = Counter()
    query = sa.select(EVENTS.c.position, EVENTS.c.entry, EVENTS.c.state)
    query = query.where(EVENTS.c.topic == "record.anonymized").order_by(EVENTS.c.position)
    for position, entry, state in scope.scratch.execute(query):
        event = decode_event(bytes(state))
        if not isinstance(event, RecordAnonymized) or not draw(event.stream):
            continue
        there = sa.select(inventory.c.state).where(inventory.c.record == key_of(event.stream))
        if scope.scratch.execute(there).scalar() in NOT_HERE:
            continue
        try:
            flaws = _flaws(ledger, position, event)
        except (SourceFault, KeyAccessError, MunimentError) as fault:
            known = fault.cause if isinstance(fault, SourceFault) else ""
            gaps["needs_key" if known in ("", "key_not_here") else "not_examined"] += 1
            continue
        if flaws:
            yield raised("not_anonymous", position=position, entry=entry, subject=event.stream,
                         evidence=(event.id,), actual=" ".join(flaws))  # fmt: skip
    for code, count in sorted(gaps.items()):
        yield Gap(_PART, code, count)


def _flaws(ledger: Ledger, position: int, event: RecordAnonymized) -> tuple[str, ...]:
    """The flaws that the test finds now, as `examine` names them."""
    plan = plan_of(event, ledger.unseal(position, event) or {})
    state = ledger.state(event.stream)
    if not isinstance(state, RecordState):
        raise SourceFault("no_copy_here")
    with content_of(ledger, state.holdings[-1]) as (stream, _):
        data = stream.read(MOST_WRITTEN + 1)
    if len(data) > MOST_WRITTEN:
        raise SourceFault("too_large")
    try:
        return examine(data, plan).flaws
    except ValueError:  # no text, or no table: never written by this program
        return ("not_a_table",)
