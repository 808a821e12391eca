"""What an event is made of: the envelope, and a pattern for every kind of string in it.

An event holds codes, ids, counts, digests, dates and times, and nothing else (DESIGN 4.1): every
string field has a type from this module or an enumeration of `domain.codes`, so that a name, a
title or a remark has no place to stand in clear. Such text is sealed; the event carries a
`SealedRef` to it.

>>> from domain.ledger import DraftVoided
>>> envelope = {
...     "stream": "draft-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
...     "version": 1,
...     "by": "actor-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
...     "role": "collector",
...     "at": "2026-11-21T09:30:00.000Z",
...     "salt": "A" * 22,
...     "engagement": "engagement-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
... }
>>> malformed(DraftVoided(**envelope, commit="0" * 32))
[]
>>> malformed(DraftVoided(**envelope, commit="张三"))
['commit']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.codes import AccessPurpose, LateReason, Role

MAX_INTEGER = 2**53 - 1
LAST_MOMENT = "9999-12-31T23:59:59.999Z"


class Form(Struct, frozen=True):
    """The pattern that a kind of string has, whole.

    Kept apart from decoding: a decoder that ran a pattern for every string would halve the speed
    of verification, which needs to know who signed which bytes, not whether they were permitted.
    """

    pattern: str


_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

StreamId = Annotated[str, Form(rf"[a-z_]{{3,24}}-{_UUID7}")]
LedgerId = Annotated[str, Form(rf"ledger-{_UUID7}")]
PartyId = Annotated[str, Form(rf"party-{_UUID7}")]
ActorId = Annotated[str, Form(rf"actor-{_UUID7}")]
PolicyId = Annotated[str, Form(rf"policy-{_UUID7}")]
EngagementId = Annotated[str, Form(rf"engagement-{_UUID7}")]
DocumentId = Annotated[str, Form(rf"document-{_UUID7}")]
DraftId = Annotated[str, Form(rf"draft-{_UUID7}")]
RecordId = Annotated[str, Form(rf"record-{_UUID7}")]
HoldingId = Annotated[str, Form(rf"holding-{_UUID7}")]
GrantId = Annotated[str, Form(rf"grant-{_UUID7}")]
BackupId = Annotated[str, Form(rf"backup-{_UUID7}")]
KeyCopyId = Annotated[str, Form(rf"keycopy-{_UUID7}")]
MediumId = Annotated[str, Form(rf"medium-{_UUID7}")]
HandoverId = Annotated[str, Form(rf"handover-{_UUID7}")]
HoldId = Annotated[str, Form(rf"hold-{_UUID7}")]
RightsId = Annotated[str, Form(rf"rights-{_UUID7}")]
SearchId = Annotated[str, Form(rf"search-{_UUID7}")]
SubjectId = Annotated[str, Form(rf"subject-{_UUID7}")]
DestructionCaseId = Annotated[str, Form(rf"destruction_case-{_UUID7}")]
BundleId = Annotated[str, Form(rf"bundle-{_UUID7}")]
AuditId = Annotated[str, Form(rf"audit-{_UUID7}")]
NoticeId = Annotated[str, Form(rf"notice-{_UUID7}")]
ItemId = Annotated[str, Form(rf"(?:record|holding)-{_UUID7}")]
HeldId = Annotated[str, Form(rf"(?:record|holding|engagement)-{_UUID7}")]
DataKeyId = Annotated[str, Form(rf"key-{_UUID7}")]
SampledId = Annotated[str, Form(rf"[a-z_]{{3,24}}-{_UUID7}(/[1-9][0-9]{{0,15}})?")]
EventId = Annotated[str, Form(rf"[a-z_]{{3,24}}-{_UUID7}/[1-9][0-9]{{0,15}}")]

_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}"
Time = Annotated[str, Form(rf"[0-9]{{4}}-[01][0-9]-[0-3][0-9]T{_CLOCK}Z")]
Date = Annotated[str, Form(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")]
Code = Annotated[str, Form(r"[a-z][a-z0-9_.-]{0,63}")]
Version = Annotated[str, Form(r"[0-9][0-9A-Za-z.+-]{0,31}")]
Digest = Annotated[str, Form(r"[0-9a-f]{64}")]
CommitId = Annotated[str, Form(r"[0-9a-f]{32}")]
Seed = Annotated[str, Form(r"[0-9a-f]{32}")]
Salt = Annotated[str, Form(r"[A-Za-z0-9_-]{21}[AQgw]")]
Nonce = Annotated[str, Form(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")]
Base64Url = Annotated[str, Form(r"[A-Za-z0-9_-]{2,4000}")]
Origin = Annotated[str, Form(r"[a-z0-9.-]+(/[a-z0-9._-]+)*")]
KeyId = Annotated[str, Form(r"[0-9a-f]{8}")]
Oid = Annotated[str, Form(r"[0-2](\.(0|[1-9][0-9]{0,18})){1,20}")]
MAX_LISTED = 200
"""So many ids one event lists at most; longer lists take several events of one commit."""
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

    ALONE: ClassVar[bool] = False
    """Whether the event stands only in commits that write nothing but its own stream."""

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
    def mentions(self) -> tuple[str, ...]:
        """Other streams whose history this event belongs to, and whose state it may change."""
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        """Further streams whose history it belongs to, and whose state it leaves as it is.

        Judging does not load them, so an event of a list may name any number of records.
        """
        return ()

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


@lru_cache(maxsize=4096)  # the events of one commit share a few times
def moment(time: str) -> datetime:
    """The instant that a `Time` names.

    Raises `ValueError` for a string of the right shape that names no instant (30 February).
    """
    return datetime.fromisoformat(time)


def is_day(day: str) -> bool:
    """Whether a string of the form of a `Date` names a day (30 February does not)."""
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def timestamp(instant: datetime) -> str:
    """A `Time` for an aware `datetime`, cut (never rounded up) to milliseconds."""
    # Not strftime: on some systems it writes the years before 1000 with fewer digits.
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@lru_cache(maxsize=1024)
def later(time: str, *, days: int = 0, hours: int = 0, seconds: int = 0) -> str:
    """`time` moved on by a span; times of this form compare as strings.

    There is nothing later than the last millisecond of the year 9999.
    """
    try:
        return timestamp(moment(time) + timedelta(days=days, hours=hours, seconds=seconds))
    except OverflowError:
        return LAST_MOMENT


_Check = Callable[[Any], bool]
_E = TypeVar("_E", bound=Struct)
_FEW = 8
"""Up to so many are looked at one by one."""


def malformed(event: Event) -> list[str]:
    """The fields of an event whose strings do not have the form of their kind (I-02)."""
    if _fits(event):
        return []
    return [
        name
        for name, fits in _checks(type(event))
        if (value := getattr(event, name)) is not UNSET and not fits(value)
    ]


def all_fit(events: Sequence[Event]) -> bool:
    """Whether no event is `malformed`, told faster of many of a kind at once."""
    return all(_all_of(kind, those) for kind, those in by_kind(events).items())


def by_kind(events: Iterable[_E]) -> dict[type[_E], list[_E]]:
    """The events of each class, in order."""
    kinds: dict[type[_E], list[_E]] = {}
    for event in events:
        kinds.setdefault(type(event), []).append(event)
    return kinds


def _all_of(kind: type[Struct], those: Sequence[Struct]) -> bool:
    if len(those) <= _FEW:
        return all(map(_fits, those))
    forms = _forms(kind)
    for read, match in forms.columns:
        different = {*map(read, those)}  # most fields say the same of all rows of a table
        lines = "\n".join(different)
        if match(lines) is None or lines.count("\n") != len(different) - 1:
            return False
    for name, fits in forms.others:
        parts = [part for one in those if (part := getattr(one, name)) is not UNSET]
        if fits is _fits and len(inner := {type(part) for part in parts}) == 1:
            if not _all_of(inner.pop(), parts):
                return False
        elif not all(map(fits, parts)):
            return False
    return True


class _Forms(NamedTuple):
    """The forms of a class's strings, so that one look settles all that are always there.

    `strings`: the values of the fields that always hold one string; `match`: their patterns, one
    line each; `columns`: of each such field, what reads it and a pattern of any number of lines
    that each have its form; `others`: the checks of optional fields, lists and structures.
    """

    strings: Callable[[Any], tuple[str, ...]]
    match: Callable[[str], re.Match[str] | None]
    columns: tuple[tuple[Callable[[Any], str], Callable[[str], re.Match[str] | None]], ...]
    others: tuple[tuple[str, _Check], ...]


def _fits(value: Struct) -> bool:
    """Whether every string of a structure has the form of its kind."""
    forms = _forms(type(value))
    # No form matches a newline, so the joined lines match only if each of them does.
    if forms.match("\n".join(forms.strings(value))) is None:
        return False
    for name, fits in forms.others:
        part = getattr(value, name)
        if part is not UNSET and not fits(part):
            return False
    return True


@lru_cache(maxsize=256)
def _forms(kind: type[Struct]) -> _Forms:
    hints = get_type_hints(kind, include_extras=True)
    forms = {
        name: notes[0].pattern
        for name in kind.__struct_fields__
        if get_origin(hint := hints[name]) is Annotated
        and (notes := [note for note in hint.__metadata__ if isinstance(note, Form)])
    }
    return _Forms(
        _reader(tuple(forms)),
        re.compile("\n".join(f"(?:{pattern})" for pattern in forms.values())).fullmatch,
        tuple(
            (attrgetter(name), re.compile(f"(?:{pattern})(?:\n(?:{pattern}))*+").fullmatch)
            for name, pattern in forms.items()
        ),
        tuple((name, check) for name, check in _checks(kind) if name not in forms),
    )


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[str, ...]]:
    """Reads these fields as a tuple, as `attrgetter` does for two or more."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


@lru_cache(maxsize=256)
def _checks(kind: type[Struct]) -> tuple[tuple[str, _Check], ...]:
    """For each field that holds strings of a form: whether a value of it has that form."""
    hints = get_type_hints(kind, include_extras=True)
    found = ((name, _check_of(hints[name])) for name in kind.__struct_fields__)
    return tuple((name, check) for name, check in found if check is not None)


def _check_of(hint: Any) -> _Check | None:  # noqa: ANN401  a type hint
    if get_origin(hint) is Annotated:
        forms = [note for note in hint.__metadata__ if isinstance(note, Form)]
        if forms:
            return _matches(forms[0].pattern)
        return _check_of(hint.__origin__)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _fits
    inner = [check for arg in get_args(hint) if (check := _check_of(arg)) is not None]
    if not inner:
        return None
    (check,) = inner
    if get_origin(hint) is list:
        return lambda values: all(map(check, values))
    return check


@lru_cache(maxsize=64)
def _matches(pattern: str) -> _Check:
    fullmatch = re.compile(pattern).fullmatch
    return lambda text: fullmatch(text) is not None
