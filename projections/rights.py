"""The register of persons' requests: what was asked, by when to answer, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.rights import (
    RequesterIdentityVerified,
    RightsRequestClosed,
    RightsRequestDecided,
    RightsRequestFulfilled,
    RightsRequestReceived,
)
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import AS_OF, both
from projections.view import Prepared, Recorded, id_of, key_of, readable

requests = sa.Table(
    "requests",
    METADATA,
    key("rights", "rights", primary_key=True),
    text("request"),
    key("subject", "subject", index=True),
    text("channel"),
    text("received_at"),
    text("due_at"),
    key("receiver", "actor"),
    number("received_entry"),
    step("identified_entry"),
    step("decided_entry"),
    step("fulfilled_entry"),
    step("closed_entry"),
    step("answered_entry"),
    text("decision", nullable=True),
    text("ending", nullable=True),
    sqlite_with_rowid=False,
)
"""One row a request. `identified_entry`: of the first check that was passed; `answered_entry`: the
clock stops at a refusal, at the first fulfilment, or when it is closed, whichever comes first."""

sa.Index("requests_by_due_day", requests.c.answered_entry, requests.c.due_at, requests.c.rights)

requested = sa.Table(
    "requested",
    METADATA,
    key("record", "record", primary_key=True),
    key("rights", "rights", primary_key=True),
    number("named_entry"),
    sqlite_with_rowid=False,
)
"""The records that a request concerns."""

sa.Index("requested_by_request", requested.c.rights, requested.c.record)

STATES: Final = ("received", "identity_verified", "decided", "fulfilled", "closed")

_RECEIVE = Prepared(
    ("rights", "request", "subject", "channel", "received_at", "due_at", "receiver",
     "received_entry"),
    lambda insert: insert(requests).on_conflict_do_nothing(),
)  # fmt: skip
_NAME = Prepared(
    ("record", "rights", "named_entry"),
    lambda insert: insert(requested).on_conflict_do_nothing(),
)


def _taking(step: str, *named: str) -> Prepared:
    """The first time that a step is taken: its entry, and what is said with it."""

    def build(_: object) -> sa.Update:
        column = requests.columns[step]
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in (step, *named)}
        taken = sa.update(requests).where(requests.c.rights == sa.bindparam("key"))
        return taken.where(column.is_(None)).values(values)

    return Prepared(("key", f"new_{step}", *(f"new_{name}" for name in named)), build)


_IDENTIFY = _taking("identified_entry")
_DECIDE = _taking("decided_entry", "decision")
_FULFIL = _taking("fulfilled_entry")
_CLOSE = _taking("closed_entry", "ending")
_ANSWER = _taking("answered_entry")


class Rights:
    """The view behind `muniment rights list`, `due` and `show`."""

    name: str = "rights"
    tables: tuple[sa.Table, ...] = (requests, requested)
    kinds: frozenset[type[Event]] = frozenset({
        RightsRequestReceived, RequesterIdentityVerified, RightsRequestDecided,
        RightsRequestFulfilled, RightsRequestClosed,
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Take requests in and their steps, in order."""
        for _, entry, _, event in batch:
            request = key_of(event.stream)
            if isinstance(event, RightsRequestReceived):
                _received(connection, request, entry, event)
            elif isinstance(event, RequesterIdentityVerified):
                if event.result == "pass":
                    _IDENTIFY.run(connection, [(request, entry)])
            elif isinstance(event, RightsRequestDecided):
                _DECIDE.run(connection, [(request, entry, event.decision)])
                if event.decision == "refuse":
                    _ANSWER.run(connection, [(request, entry)])
            elif isinstance(event, RightsRequestFulfilled):
                _FULFIL.run(connection, [(request, entry)])
                _ANSWER.run(connection, [(request, entry)])
            elif isinstance(event, RightsRequestClosed):
                _CLOSE.run(connection, [(request, entry, event.ending)])
                _ANSWER.run(connection, [(request, entry)])


def _received(
    connection: sa.Connection, request: bytes, entry: int, event: RightsRequestReceived
) -> None:
    row = (
        request, event.request, key_of(event.subject), event.channel, event.received_at,
        event.due_at, key_of(event.by), entry,
    )  # fmt: skip
    _RECEIVE.run(connection, [row])
    _NAME.run(connection, [(key_of(record), request, entry) for record in event.records])


class Request(Struct, frozen=True, kw_only=True):
    """A request: what, by whom, when received, by when to answer, and when each step was taken.

    `records`: how many it concerns; the steps: the entry at which each was first taken, None if it
    was not. `answered_entry` is where the clock stopped.
    """

    rights: str
    request: str
    subject: str
    channel: str
    received_at: str
    due_at: str
    receiver: str
    received_entry: int
    identified_entry: int | None
    decided_entry: int | None
    fulfilled_entry: int | None
    closed_entry: int | None
    answered_entry: int | None
    decision: str | None
    ending: str | None
    records: int

    @property
    def state(self) -> str:
        """The last step that was taken: one of `STATES`."""
        steps = (
            self.received_entry, self.identified_entry, self.decided_entry, self.fulfilled_entry,
            self.closed_entry,
        )  # fmt: skip
        taken = [state for state, entry in zip(STATES, steps, strict=True) if entry is not None]
        return taken[-1]

    @property
    def open(self) -> bool:
        """Whether the clock still runs."""
        return self.answered_entry is None


def listed(
    connection: sa.Connection,
    *,
    subject: str | None = None,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[Request]:
    """At most `limit` requests in order of their id, from the one after `after` on.

    `subject`: only those of this person. `entry`: as of that entry, instead of now.
    """
    query = _REQUESTS[entry is not None].order_by(requests.c.rights).limit(limit)
    if subject is not None:
        query = query.where(requests.c.subject == key_of(subject))
    if after is not None:
        query = query.where(requests.c.rights > key_of(after))
    return _read(connection, query, entry)


def due(
    connection: sa.Connection, *, until: str, limit: int, after: tuple[str, str] | None = None
) -> list[Request]:
    """At most `limit` requests whose clock runs and that are due by a day, the earliest first.

    `until`: `YYYY-MM-DD`; `after`: `due_at` and id of the last one told.
    """
    r = requests.c
    query = _REQUESTS[False].where(r.answered_entry.is_(None), r.due_at <= until)
    if after is not None:
        query = query.where(sa.tuple_(r.due_at, r.rights) > (after[0], key_of(after[1])))
    return _read(connection, query.order_by(r.due_at, r.rights).limit(limit), None)


def one(connection: sa.Connection, rights: str, *, entry: int | None = None) -> Request | None:
    """One request, or None if it was never received (`entry`: by that entry)."""
    query = _REQUESTS[entry is not None].where(requests.c.rights == key_of(rights))
    return next(iter(_read(connection, query, entry)), None)


def about(
    connection: sa.Connection, record: str, *, only_open: bool = False, entry: int | None = None
) -> list[Request]:
    """The requests that concern a record, in order of their id.

    `only_open`: only those whose clock still runs. `entry`: as of that entry, instead of now.
    """
    named = sa.select(requested.c.rights).where(requested.c.record == key_of(record))
    if entry is not None:
        named = named.where(requested.c.named_entry <= AS_OF)
    query = _REQUESTS[entry is not None].where(requests.c.rights.in_(named))
    found = _read(connection, query.order_by(requests.c.rights), entry)
    return [request for request in found if request.open or not only_open]


def records_of(
    connection: sa.Connection,
    rights: str,
    *,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[str]:
    """At most `limit` records that a request concerns, in order of their id; as `listed`."""
    query = sa.select(requested.c.record).where(requested.c.rights == key_of(rights))
    if after is not None:
        query = query.where(requested.c.record > key_of(after))
    if entry is not None:
        query = query.where(requested.c.named_entry <= entry)
    found = connection.execute(query.order_by(requested.c.record).limit(limit)).scalars()
    return [id_of("record", record) for record in found]


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Request]:
    width = len(requests.columns)
    return [
        Request(**readable(requests, row[:width]), records=row[width])
        for row in connection.execute(query, {"as_of": entry})
    ]


def _requests(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    counted = sa.select(sa.func.count()).where(requested.c.rights == requests.c.rights)
    if not then:
        return sa.select(*requests.columns, counted.correlate(requests).scalar_subquery())
    r = requests.c
    taken = {
        column.name: sa.case((column <= AS_OF, column), else_=None)
        for column in (r.identified_entry, r.decided_entry, r.fulfilled_entry, r.closed_entry,
                       r.answered_entry)
    }  # fmt: skip
    taken["decision"] = sa.case((r.decided_entry <= AS_OF, r.decision), else_=None)
    taken["ending"] = sa.case((r.closed_entry <= AS_OF, r.ending), else_=None)
    counted = counted.where(requested.c.named_entry <= AS_OF)
    columns = (taken.get(column.name, column) for column in requests.columns)
    query = sa.select(*columns, counted.correlate(requests).scalar_subquery())
    return query.where(r.received_entry <= AS_OF)


_REQUESTS = both(_requests)
