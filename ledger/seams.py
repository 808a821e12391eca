"""Where `eventsourcing` takes parts of our own: how events become bytes, and which recorder."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    Mapper,
    StoredEvent,
    TrackingRecorder,
)

from domain import TOPICS
from domain.values import topic_of
from ledger.errors import VerificationError
from ledger.evidence import decode_event
from ledger.recorder import CustodyRecorder
from ledger.tlog.encoding import encode


class CanonicalMapper(Mapper[UUID]):
    """Canonical event bytes under frozen topics; nothing is re-serialised."""

    def __init__(self) -> None:
        """Needs no transcoder."""

    def to_stored_event(self, domain_event: Any) -> StoredEvent:  # noqa: ANN401
        """The bytes that are stored, under the event's topic."""
        return StoredEvent(
            domain_event.originator_id,
            domain_event.version,
            topic_of(domain_event),
            encode(domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:  # noqa: ANN401
        """The event that stored bytes hold."""
        if stored_event.topic not in TOPICS:
            msg = "an event has the unknown topic {topic!r}"
            raise VerificationError(msg, "muniment verify", topic=stored_event.topic[:64])
        return decode_event(stored_event.state)


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Hands out the recorder of one ledger."""

    recorder: CustodyRecorder

    def application_recorder(self) -> ApplicationRecorder:
        """The ledger's recorder."""
        return self.recorder

    def aggregate_recorder(self, purpose: str = "events") -> Any:  # noqa: ANN401
        """There is none: no snapshots."""
        raise NotImplementedError(purpose)

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> Any:  # noqa: ANN401
        """There is none: projections are in the recording transaction."""
        raise NotImplementedError

    def process_recorder(self) -> Any:  # noqa: ANN401
        """There is none, as `tracking_recorder`."""
        raise NotImplementedError
