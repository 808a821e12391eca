"""Documents (文书): what was issued about an act, under which number, and whether it still stands.

A document is a reading of events: its number, the digests of its twin (canonical JSON) and of its
pages are events, the document itself is not kept. Numbers are `<prefix>-<day>-<number>`: the prefix
says the kind, the day is the day of `issued_at` in China (UTC+8), the number runs from 0001 a
kind and day. The stream follows from the number, so no number is given twice, and each number
asks for the one before it, so none is left out.

>>> document_stream("XH-20261121-0001")
'document-01a1fb67-1801-7c9d-bca6-0d2d7c0cd953'
>>> number_of("destruction_certificate", "2026-11-20T16:30:00.000Z", 7)
'XH-20261121-0007'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, ClassVar, Final, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from domain.access import REVIEWERS
from domain.actor import ActorState
from domain.backup import BackupState
from domain.destruction import CaseState
from domain.engagement import EngagementState
from domain.handover import HandoverState
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.notice import NoticeState
from domain.values import Digest, DocumentId, Event, EventId, Form, Ordinal, Time, later

IssuedKind = Literal[
    "destruction_list",
    "destruction_certificate",
    "restore_drill_report",
    "handover_list",
    "handover_confirmation",
    "transfer_notice",
    "access_review",
    "closing_report",
]
PREFIXES: Final[Mapping[str, str]] = {
    "destruction_list": "QC",
    "destruction_certificate": "XH",
    "restore_drill_report": "YL",
    "handover_list": "YD",
    "handover_confirmation": "YQ",
    "transfer_notice": "GZ",
    "access_review": "FW",
    "closing_report": "BJ",
}
_KEEPERS: Final = frozenset({"custodian", "archivist", "dpo"})
_HANDLERS: Final = frozenset({"seller_handler", "buyer_handler", "supervisor"})
ISSUERS: Final[Mapping[str, frozenset[str]]] = {
    "destruction_list": _KEEPERS,
    "destruction_certificate": _KEEPERS,
    "restore_drill_report": _KEEPERS,
    "handover_list": _KEEPERS | _HANDLERS,
    "handover_confirmation": _KEEPERS | _HANDLERS,
    "transfer_notice": _KEEPERS | {"seller_handler"},
    "access_review": REVIEWERS,
    "closing_report": _KEEPERS | _HANDLERS | {"administrator"},
}
"""In which roles a document of each kind is issued."""
OF_ONE_EVENT: Final = ("restore_drill_report", "access_review")
"""Kinds of which there may be many about one stream, each about one event of it."""
MAX_A_DAY: Final = 9999
_ABOUT: Final[Mapping[str, type[State]]] = {
    "destruction_list": CaseState,
    "destruction_certificate": CaseState,
    "restore_drill_report": BackupState,
    "handover_list": HandoverState,
    "handover_confirmation": HandoverState,
    "transfer_notice": NoticeState,
    "access_review": EngagementState,
    "closing_report": EngagementState,
}
"""What a document of each kind is about."""
_PASSED: Final = ("confirmed", "residual_declared")
_DAY = "[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
DocumentNumber = Annotated[str, Form(rf"[A-Z]{{2}}-{_DAY}-[0-9]{{4}}")]
_CHINA: Final = 8


def number_of(kind: str, issued_at: str, number: int) -> str:
    """The number of the `number`th (1-based) document of a kind on the day of `issued_at`."""
    day = later(issued_at, hours=_CHINA)[:10].replace("-", "")
    return f"{PREFIXES[kind]}-{day}-{number:04}"


def document_stream(number: str) -> str:
    """The stream of the document with this number.

    A UUIDv7 whose time is the beginning of the number's day and as many milliseconds as documents
    of its kind, so that ids are in the order of numbers; its other bits are those of SHA-256 of
    `muniment/document/v1`, newline, number. Raises `ValueError` for a day that is none.
    """
    _, digits, running = number.split("-")
    day = datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC)
    raw = bytearray(sha256(f"muniment/document/v1\n{number}".encode("ascii")).digest()[:16])
    raw[:6] = (int(day.timestamp() * 1000) + int(running)).to_bytes(6, "big")
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return f"document-{UUID(bytes=bytes(raw))}"


class CertificateIssued(Event, frozen=True, kw_only=True, tag="document.certificate_issued"):
    """文书出具: this document says what the events of a stream up to `source` say.

    `issued_at`: the accepted time of `source`; `checkpoint`: the ledger size whose root is printed;
    `template_version`: of the kind's template; `twin`, `pdf`: SHA-256 of the canonical JSON and of
    the pages with it. Sealed: `nonce`, without which names in the twin could be guessed from its
    digest.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset().union(*ISSUERS.values())

    stream: DocumentId
    kind: IssuedKind
    number: DocumentNumber
    source: EventId
    issued_at: Time
    checkpoint: Ordinal
    template_version: Ordinal
    locale: Literal["zh_en"]
    twin: Digest
    pdf: Digest


class CertificateSuperseded(
    Event, frozen=True, kw_only=True, tag="document.certificate_superseded"
):
    """文书作废/更正: the document stands no more; `replaced_by` does, if there is one.

    Sealed: `reason`, without which nothing is withdrawn.
    """

    ROLES: ClassVar[frozenset[str]] = CertificateIssued.ROLES

    stream: DocumentId
    replaced_by: DocumentId | UnsetType = UNSET


class DocumentState(State):
    """A document, what it is about, and whether it stands."""

    kind: str
    number: str
    source: str
    by: str
    superseded: bool = False

    @property
    def subject(self) -> str:
        """What it is about: a whole case, or one drill, or one review."""
        return self.source if self.kind in OF_ONE_EVENT else self.source.rpartition("/")[0]


@evolves(CertificateIssued)
def _issued(_: None, event: CertificateIssued, __: int, ___: str) -> DocumentState:
    return DocumentState(
        event.stream, event.version, event.kind, event.number, event.source, event.by
    )


@evolves(CertificateSuperseded)
def _superseded(state: DocumentState, _: CertificateSuperseded, __: int, ___: str) -> DocumentState:
    state.superseded = True
    return state


@rule(CertificateIssued)
def numbered_in_sequence(case: Case, event: CertificateIssued) -> Iterator[Refusal]:
    """Each number once, of the right kind and day, and after the one before it (I-04, I-06)."""
    if event.version != 1:
        yield refuse("I-06", "already_issued", event.stream)
    number = int(event.number[-4:])
    if event.number != number_of(event.kind, event.issued_at, number) or not number:
        yield refuse("I-04", "number_of_another_day_or_kind", event.stream)
    elif event.stream != document_stream(event.number):
        yield refuse("I-06", "number_of_another_document", event.stream)
    elif number > 1:
        before = document_stream(number_of(event.kind, event.issued_at, number - 1))
        if case.world.state(before, DocumentState) is None:
            yield refuse("I-04", "number_left_out", before)


@rule(CertificateIssued)
def says_what_was_seen(case: Case, event: CertificateIssued) -> Iterator[Refusal]:
    """It speaks of the past, of a state that its signer had seen, and cannot be guessed from."""
    if event.issued_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if event.checkpoint > case.statement.seen:
        yield refuse("I-04", "state_was_not_seen", event.stream)
    if event.sealed is UNSET:
        yield refuse("I-02", "nonce_must_be_sealed", event.stream)


@rule(CertificateIssued)
def source_bears_it(case: Case, event: CertificateIssued) -> Iterator[Refusal]:
    """Enough has happened for a document of this kind, and its author may say so (I-30)."""
    if event.role not in ISSUERS[event.kind]:
        yield refuse("I-09", "role_does_not_permit", event.role)
    stream, _, version = event.source.rpartition("/")
    state = case.world.state(stream, _ABOUT[event.kind])
    if state is None or state.version < int(version):
        yield refuse("I-00", "unknown_source", event.source)
    elif isinstance(state, CaseState):
        yield from _of_the_party(case, event, state.proposer)
        yield from _so_far(case, event, state)
    elif isinstance(state, HandoverState):
        yield from _handed_over(event, state)
        yield from _among(case, event, (state.from_party, state.to_party))
    elif isinstance(state, NoticeState):
        yield from _of_the_party(case, event, state.first.by)
        if version != "1":
            yield refuse("I-30", "not_the_notice", event.source)
    elif isinstance(state, EngagementState):
        yield from _worked_on(event, state, int(version))
        if state.parties:
            yield from _among(case, event, tuple(sorted(state.parties)))


def _so_far(case: Case, event: CertificateIssued, state: CaseState) -> Iterator[Refusal]:
    """A list is approved, a certificate certified."""
    version = int(event.source.rpartition("/")[2])
    if event.kind == "destruction_certificate" and (
        state.ended != "certified" or state.version != version
    ):
        yield refuse("I-30", "not_certified", state.stream)
    if len(state.approvals) < case.policy.thresholds.approvers:
        yield refuse("I-27", "not_approved", state.stream)


def _handed_over(event: CertificateIssued, state: HandoverState) -> Iterator[Refusal]:
    """A handover list is frozen whole; a confirmation is signed by both sides (I-21, I-23)."""
    if not state.whole:
        yield refuse("I-21", "list_not_whole", state.stream)
    if event.kind == "handover_confirmation" and state.step not in _PASSED:
        yield refuse("I-23", "handover_not_confirmed", state.stream)


def _worked_on(event: CertificateIssued, state: EngagementState, version: int) -> Iterator[Refusal]:
    """The source is a review of the accesses; the engagement is closed (I-16, I-30)."""
    if event.kind == "access_review" and version not in state.reviews:
        yield refuse("I-16", "nothing_was_reviewed", state.stream)
    if event.kind == "closing_report" and state.open:
        yield refuse("I-30", "engagement_is_open", state.stream)


@rule(CertificateSuperseded)
def stands_and_is_replaced(case: Case, event: CertificateSuperseded) -> Iterator[Refusal]:
    """A document that stands, replaced by another about the same, or withdrawn with a reason."""
    state = case.world.state(event.stream, DocumentState)
    if state is None:
        yield refuse("I-00", "unknown_document", event.stream)
        return
    if state.superseded:
        yield refuse("I-06", "document_is_superseded", event.stream)
    if event.role not in ISSUERS[state.kind]:
        yield refuse("I-09", "role_does_not_permit", event.role)
    yield from _of_the_party(case, event, state.by)
    if event.replaced_by is UNSET:
        if event.sealed is UNSET:
            yield refuse("I-02", "withdrawal_needs_reason", event.stream)
        return
    new = case.world.state(event.replaced_by, DocumentState)
    if (
        new is None
        or new.stream == state.stream
        or new.superseded
        or (new.kind, new.subject) != (state.kind, state.subject)
    ):
        yield refuse("I-06", "not_a_replacement", event.replaced_by)


def _of_the_party(case: Case, event: Event, other: str) -> Iterator[Refusal]:
    """The author acts for the party of another actor (I-09)."""
    first, actor = (case.world.before(who, ActorState) for who in (other, event.by))
    if first is not None and actor is not None and first.party != actor.party:
        yield refuse("I-09", "not_the_actors_party", first.party)


def _among(case: Case, event: Event, parties: tuple[str, ...]) -> Iterator[Refusal]:
    """The author acts for one of the parties (I-09)."""
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party not in parties:
        yield refuse("I-09", "not_the_actors_party", *parties)
