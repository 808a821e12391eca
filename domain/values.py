"""What an event is made of: the envelope, and a pattern for every kind of string in it.

An event holds codes, ids, counts, digests, dates and times, and nothing else (DESIGN 4.1): every
string field has a type from this module or an enumeration of `domain.codes`, so that a name, a
title or a remark has no place to stand in clear. Such text is sealed; the event carries a
`SealedRef` to it.

>>> import msgspec
>>> msgspec.json.decode(b'"2026-11-21T09:30:00.000Z"', type=Time)
'2026-11-21T09:30:00.000Z'
>>> msgspec.json.decode('"张三"'.encode(), type=Code)
Traceback (most recent call last):
    ...
msgspec.ValidationError: Expected `str` matching regex '^[a-z][a-z0-9_.-]{0,63}\\\\Z'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.codes import AccessPurpose, LateReason, Role

MAX_INTEGER = 2**53 - 1

_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

StreamId = Annotated[str, Meta(pattern=rf"^[a-z_]{{3,24}}-{_UUID7}\Z")]
LedgerId = Annotated[str, Meta(pattern=rf"^ledger-{_UUID7}\Z")]
PartyId = Annotated[str, Meta(pattern=rf"^party-{_UUID7}\Z")]
ActorId = Annotated[str, Meta(pattern=rf"^actor-{_UUID7}\Z")]
PolicyId = Annotated[str, Meta(pattern=rf"^policy-{_UUID7}\Z")]
EngagementId = Annotated[str, Meta(pattern=rf"^engagement-{_UUID7}\Z")]
DocumentId = Annotated[str, Meta(pattern=rf"^document-{_UUID7}\Z")]
DraftId = Annotated[str, Meta(pattern=rf"^draft-{_UUID7}\Z")]
RecordId = Annotated[str, Meta(pattern=rf"^record-{_UUID7}\Z")]
HoldingId = Annotated[str, Meta(pattern=rf"^holding-{_UUID7}\Z")]
DataKeyId = Annotated[str, Meta(pattern=rf"^key-{_UUID7}\Z")]
EventId = Annotated[str, Meta(pattern=rf"^[a-z_]{{3,24}}-{_UUID7}/[1-9][0-9]{{0,15}}\Z")]

Time = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z\Z")
]
Date = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.-]{0,63}\Z")]
Version = Annotated[str, Meta(pattern=r"^[0-9][0-9A-Za-z.+-]{0,31}\Z")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
CommitId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Salt = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{21}[AQgw]\Z")]
Nonce = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
Base64Url = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{2,4000}\Z")]
Origin = Annotated[str, Meta(pattern=r"^[a-z0-9.-]+(/[a-z0-9._-]+)*\Z", max_length=128)]
KeyId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Ordinal = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]


class SealedRef(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an event's sealed payload is, and what it commits to (DESIGN 6).

    `key`: the data key; `digest`: SHA-256 of the ciphertext, absent where the event's fields are
    sealed under another payload's seed (rows of one series); `root`: RFC 6962 root over the
    blinded commitments to the fields, sorted by path.
    """

    key: DataKeyId
    root: Digest
    digest: Digest | UnsetType = UNSET


class Key(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public key as an event enrols it (DESIGN 4.6).

    `name` and `id` are those of its verifier key; `public`: base64url without padding of the raw
    bytes (Ed25519 32, ML-DSA-44 1,312, P-256 uncompressed point 65); `proof`: for kinds other
    than Ed25519, a signature by this key over the `seen` line of the commit that enrols it.
    """

    name: Origin
    id: KeyId
    kind: Literal["ed25519", "mldsa44", "p256"]
    purpose: Literal["act", "checkpoint", "cosign", "seal"]
    public: Base64Url
    proof: Base64Url | UnsetType = UNSET


class Event(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag=False
):
    """The envelope of every event (DESIGN 4.1); an event's own class adds its fields.

    `stream`, `version`: the aggregate and the 1-based, gap-free number of the event in it; `at`:
    when it happened, as claimed; `by`, `role`: who says so and in which role; `salt`: 16 random
    bytes, without which a redacted event could be guessed from its hash.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset()
    """The roles in which this event may be recorded; empty: any role that the actor holds."""

    v: Literal[1] = 1
    stream: StreamId
    version: Ordinal
    at: Time
    by: ActorId
    role: Role
    engagement: EngagementId
    salt: Salt
    purpose: AccessPurpose | UnsetType = UNSET
    authority: EventId | UnsetType = UNSET
    late_reason: LateReason | UnsetType = UNSET
    sealed: SealedRef | UnsetType = UNSET

    @property
    def id(self) -> str:
        """`<stream>/<version>`: the event's id."""
        return f"{self.stream}/{self.version}"

    @property
    def originator_id(self) -> UUID:
        """The stream's UUID, as `eventsourcing` asks for it."""
        return UUID(self.stream[-36:])

    @property
    def originator_version(self) -> int:
        """The event's version, as `eventsourcing` asks for it."""
        return self.version


def topic_of(event: Event | type[Event]) -> str:
    """The frozen topic of an event or event class, such as `record.collected`."""
    return str(event.__struct_config__.tag)


def moment(time: str) -> datetime:
    """The instant that a `Time` names.

    Raises `ValueError` for a string of the right shape that names no instant (30 February).
    """
    return datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def timestamp(instant: datetime) -> str:
    """A `Time` for an aware `datetime`, cut (never rounded up) to milliseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def later(time: str, *, days: int = 0, hours: int = 0, seconds: int = 0) -> str:
    """`time` moved on by a span; times of this form compare as strings."""
    return timestamp(moment(time) + timedelta(days=days, hours=hours, seconds=seconds))
