"""Documents that were made elsewhere: agreements, opinions, letters, reports (附件).

The paper or file stays with whoever attaches it. The ledger keeps its kind, size and who signed it,
and seals its SHA-256 and title, so that whoever shows it later can prove that it is the one.
Documents that Muniment issues itself are `domain.document`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from domain.actor import ActorState
from domain.codes import DocumentKind
from domain.engagement import Agreement, EngagementState
from domain.judging import Case, Refusal, State, affects, evolves, refuse, rule
from domain.party import PartyState
from domain.values import Code, Date, DocumentId, Event, Ordinal, PartyId, is_day


class DocumentAttached(Event, frozen=True, kw_only=True, tag="document.attached"):
    """文书登记: a document made elsewhere, of `size` bytes.

    `media_type`: a code such as `application.pdf`; `parties`: who signed it, by hand or seal;
    `begins_on`, `ends_on`: from when to when it says that it stands. Sealed: `content` (its
    SHA-256), `title`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"administrator", "dpo", "counsel", "custodian", "archivist", "seller_handler",
         "buyer_handler", "broker"}
    )  # fmt: skip

    stream: DocumentId
    kind: DocumentKind
    size: Ordinal
    media_type: Code
    parties: Annotated[list[PartyId], Meta(max_length=32)]
    begins_on: Date | UnsetType = UNSET
    ends_on: Date | UnsetType = UNSET

    @property
    def mentions(self) -> tuple[str, ...]:
        """The engagement that it was attached to."""
        return (self.engagement,)


class AttachedState(State):
    """An attached document: of what kind, under which engagement, signed by whom."""

    kind: str
    engagement: str
    by: str
    parties: frozenset[str] = frozenset()
    begins_on: str | None = None
    ends_on: str | None = None

    def stands(self, day: str) -> bool:
        """Whether it says that it stands on a day."""
        return (self.begins_on is None or self.begins_on <= day) and (
            self.ends_on is None or day <= self.ends_on
        )


@evolves(DocumentAttached)
def _attached(_: None, event: DocumentAttached, __: int, ___: str) -> AttachedState:
    return AttachedState(
        event.stream, event.version, event.kind, event.engagement, event.by,
        frozenset(event.parties),
        None if event.begins_on is UNSET else event.begins_on,
        None if event.ends_on is UNSET else event.ends_on,
    )  # fmt: skip


@affects(DocumentAttached)
def _kept(state: State, event: DocumentAttached) -> None:
    if isinstance(state, EngagementState):
        state.attached[event.stream] = event.kind
        if event.kind == "processing_agreement":
            state.processing.append(Agreement(
                frozenset(event.parties),
                "" if event.begins_on is UNSET else event.begins_on,
                "9999-12-31" if event.ends_on is UNSET else event.ends_on,
            ))  # fmt: skip


@rule(DocumentAttached)
def attached_once(_: Case, event: DocumentAttached) -> Iterator[Refusal]:
    """One document a stream, with its digest sealed, and days that are days (I-02, I-04)."""
    if event.version != 1:
        yield refuse("I-06", "already_attached", event.stream)
    if event.sealed is UNSET:
        yield refuse("I-02", "content_must_be_sealed", event.stream)
    days = [day for day in (event.begins_on, event.ends_on) if day is not UNSET]
    if not all(map(is_day, days)):
        yield refuse("I-04", "no_such_day", event.stream)
    elif days != sorted(days):
        yield refuse("I-04", "ended_before_started", event.stream)


@rule(DocumentAttached)
def attached_by_a_party(case: Case, event: DocumentAttached) -> Iterator[Refusal]:
    """Who signed it is known and named once; a deal's documents come from its parties (I-09)."""
    for party in dict.fromkeys(event.parties):
        if case.world.state(party, PartyState) is None:
            yield refuse("I-09", "unknown_party", party)
        if event.parties.count(party) != 1:
            yield refuse("I-06", "party_named_twice", party)
    deal = case.world.state(event.engagement, EngagementState)
    actor = case.world.before(event.by, ActorState)
    if deal is not None and deal.kind == "deal" and actor and actor.party not in deal.parties:
        yield refuse("I-09", "not_a_party_to_the_deal", actor.party)
