"""The plain append layer keeps the contract that `eventsourcing` asks of its recorders.

Their tests use versions from 0 and no commits, so they run on `EventRecorder`, on a file made by
our migration. `AggregateRecorderTestCase` is not among them: it asserts that `insert_events`
returns None, which is right for recorders of aggregates alone, whose events have no positions;
`ApplicationRecorderTestCase` asks for the positions instead. One recorder cannot do both, and a
ledger is nothing without positions. What else that case tests (select by version, both ways,
limits, atomic refusal of a repeated version) the other one tests too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from ledger.eventlog import EventRecorder
from ledger.migrations import upgrade
from ledger.schema import engine_for, transaction


def recorder_in(folder: Path) -> EventRecorder:
    engine = engine_for(folder / "ledger.db")
    with engine.connect() as connection, transaction(connection):
        upgrade(connection)
    return EventRecorder(engine)


class _OnAFile:
    """Gives each of the library's cases recorders on one new database, closed afterwards."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="muniment-contract-")
        self.recorders: list[EventRecorder] = []

    def tearDown(self) -> None:
        for recorder in self.recorders:
            recorder.close()
            recorder.engine.dispose()
        self.folder.cleanup()

    def create_recorder(self) -> Any:
        self.recorders.append(recorder_in(Path(self.folder.name)))
        return self.recorders[-1]


class TestApplicationRecorder(_OnAFile, ApplicationRecorderTestCase[EventRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestPositionsDoNotInterleave(_OnAFile, NonInterleavingNotificationIDsBaseCase):
    insert_num = 200


del ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase  # not to be run themselves


@pytest.fixture
def recorder(tmp_path: Path) -> Any:
    made = recorder_in(tmp_path)
    yield made
    made.close()
    made.engine.dispose()


def stored(stream: UUID, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "topic", b"state") for version in versions]


def positions(found: Sequence[Notification]) -> list[int]:
    return [notification.id for notification in found]


def test_a_repeated_version_leaves_no_gap_in_the_positions(recorder: EventRecorder) -> None:
    stream = uuid4()
    recorder.insert_events(stored(stream, 1, 2))
    with pytest.raises(IntegrityError):
        recorder.insert_events(stored(stream, 3, 2))
    assert list(recorder.insert_events(stored(stream, 3)) or ()) == [3]
    assert positions(recorder.select_notifications(1, 10)) == [1, 2, 3]


def test_events_of_a_stream_are_read_forwards_backwards_and_in_part(
    recorder: EventRecorder,
) -> None:
    stream = uuid4()
    recorder.insert_events(stored(stream, 1, 2, 3, 4))
    recorder.insert_events(stored(uuid4(), 1))

    def versions(**limits: Any) -> list[int]:
        return [e.originator_version for e in recorder.select_events(stream, **limits)]

    assert versions() == [1, 2, 3, 4]
    assert versions(desc=True, limit=2) == [4, 3]
    assert versions(gt=1, lte=3) == [2, 3]


def test_a_stopped_subscription_is_woken_no_more(recorder: EventRecorder) -> None:
    with recorder.subscribe(gt=None) as subscription:
        recorder.insert_events(stored(uuid4(), 1))
        assert next(subscription).id == 1
    assert recorder._subscriptions == []
