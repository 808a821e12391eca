"""The plain append layer: `eventsourcing.persistence.ApplicationRecorder` on SQLAlchemy Core.

Dense positions in one sequence, nothing judged; `ledger.recorder` stands on it. It passes the
contract tests that the library ships.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    StoredEvent,
    Subscription,
)

from ledger.schema import EVENTS, transaction
from projections.view import Prepared

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine


def adding(table: sa.Table) -> Prepared:
    """An insert of whole rows, values in the order of the table's columns."""
    return Prepared([c.name for c in table.columns], lambda insert: insert(table))


ADD_EVENT = adding(EVENTS)


class EventRecorder(ApplicationRecorder):
    """Appends stored events at dense positions and reads them back.

    One connection writes, guarded by a lock: there is one sequencer. Readers have their own.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = RLock()
        self._writer: Connection | None = None
        self._subscriptions: list[_Subscription] = []

    @property
    def writer(self) -> Connection:
        """The connection that writes; opened when first needed."""
        if self._writer is None:
            self._writer = self.engine.connect()
        return self._writer

    def close(self) -> None:
        """Give the writing connection back."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        **_: Any,  # noqa: ANN401  the library's
    ) -> Sequence[int] | None:
        """Append events in one transaction; returns their positions.

        Raises `IntegrityError` if one of them has a (stream, version) that exists.
        """
        with self._lock:
            if not stored_events:
                return []
            try:
                with transaction(self.writer):
                    first = (self._max_position() or 0) + 1
                    self._append(stored_events, first, None)
            except sa.exc.IntegrityError as error:
                raise IntegrityError(str(error.orig)) from error
        self._notify()
        return list(range(first, first + len(stored_events)))

    def _append(self, stored_events: Sequence[StoredEvent], first: int, entry: int | None) -> None:
        ADD_EVENT.run(
            self.writer,
            [
                (position, e.originator_id.bytes, e.originator_version, e.topic, entry, e.state)  # type: ignore[union-attr]
                for position, e in enumerate(stored_events, first)
            ],
        )

    def _max_position(self) -> int | None:
        return self.writer.exec_driver_sql("SELECT max(position) FROM events").scalar()

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one stream, by version."""
        key = originator_id if isinstance(originator_id, UUID) else UUID(originator_id[-36:])
        order = EVENTS.c.version.desc() if desc else EVENTS.c.version
        query = (
            sa.select(EVENTS.c.version, EVENTS.c.topic, EVENTS.c.state)
            .where(EVENTS.c.stream == key.bytes)
            .order_by(order)
            .limit(limit)
        )
        if gt is not None:
            query = query.where(EVENTS.c.version > gt)
        if lte is not None:
            query = query.where(EVENTS.c.version <= lte)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in the order of their positions."""
        columns = EVENTS.c
        query = (
            sa.select(
                columns.position, columns.stream, columns.version, columns.topic, columns.state
            )
            .order_by(columns.position)
            .limit(limit)
        )
        if start is not None:
            after = columns.position >= start if inclusive_of_start else columns.position > start
            query = query.where(after)
        if stop is not None:
            query = query.where(columns.position <= stop)
        if topics:
            query = query.where(columns.topic.in_(topics))
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Notification(UUID(bytes=stream), version, topic, state, position)
            for position, stream, version, topic, state in rows
        ]

    def max_notification_id(self) -> int | None:
        """The last position, or None before the first event."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.max(EVENTS.c.position))).scalar()

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Notifications as they are recorded through this recorder."""
        return _Subscription(self, gt, topics)

    def _notify(self) -> None:
        for subscription in list(self._subscriptions):
            subscription.wake()


class _Subscription(ListenNotifySubscription[EventRecorder]):
    """Wakes up when its recorder has appended something."""

    def __init__(self, recorder: EventRecorder, gt: int | None, topics: Sequence[str]) -> None:
        recorder._subscriptions.append(self)  # noqa: SLF001  the two are one mechanism
        super().__init__(recorder, gt, topics)

    def wake(self) -> None:
        self._has_been_notified.set()

    def stop(self) -> None:
        super().stop()
        if self in self._recorder._subscriptions:  # noqa: SLF001
            self._recorder._subscriptions.remove(self)  # noqa: SLF001
