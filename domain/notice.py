"""Notices of a transfer (PIPL 22, 23), how each reached whom, and consents that are not needed.

A notice is issued once for many people: its text by digest, sealed; to whom, only the list of
whoever sends it says. What became of it is recorded by subject ids, at most 200 an event; the last
word on a person and a channel counts. A public announcement is the fallback and needs a reason.

An exemption frees of consent and never of notice: it names the statute, counsel's opinion and the
categories, and an approver of the seller signs it together with its author.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

from msgspec import UNSET, Meta

from domain.actor import ActorState
from domain.attached import AttachedState
from domain.codes import (
    DeliveryStatus,
    ExemptionBasis,
    NoticeChannel,
    NoticeKind,
    RecordCategory,
)
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.record import approved
from domain.subject import by_now
from domain.values import (
    MAX_LISTED,
    Code,
    Count,
    DocumentId,
    EngagementId,
    Event,
    NoticeId,
    Ordinal,
    PartyId,
    SubjectId,
    Time,
)

_SHOWN: Final = 8


class NoticeIssued(Event, frozen=True, kw_only=True, tag="notice.issued"):
    """告知发出: under a deal, about one recipient, to `count` persons.

    Sealed: `content` (SHA-256 of the text that they are sent), `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"dpo", "custodian", "seller_handler"})

    stream: NoticeId
    kind: NoticeKind
    recipient: PartyId
    channel: NoticeChannel
    template_version: Ordinal
    count: Count


class NoticeDelivered(Event, frozen=True, kw_only=True, tag="notice.delivered"):
    """告知送达, or not: the same for all these persons. Sealed: `proof`, `reason`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"dpo", "custodian", "seller_handler"})

    stream: NoticeId
    subjects: Annotated[list[SubjectId], Meta(min_length=1, max_length=MAX_LISTED)]
    status: DeliveryStatus
    channel: NoticeChannel
    delivered_at: Time

    @property
    def names(self) -> tuple[str, ...]:
        """The persons."""
        return tuple(self.subjects)


class ConsentExempted(Event, frozen=True, kw_only=True, tag="engagement.consent_exempted"):
    """不需取得同意的依据, of these categories (none named: of all). Sealed: `remark`.

    `statute`: as the adopted pack names it; `opinion`: counsel's, attached before.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"dpo", "counsel", "seller_handler"})

    stream: EngagementId
    basis: ExemptionBasis
    statute: Code
    opinion: DocumentId
    categories: Annotated[list[RecordCategory], Meta(max_length=16)] = []  # noqa: RUF012


class NoticeState(State):
    """A notice: `first` is how it was issued."""

    first: NoticeIssued


@evolves(NoticeIssued)
def _issued(_: NoticeState | None, event: NoticeIssued, __: int, ___: str) -> NoticeState:
    return NoticeState(event.stream, event.version, event)


@evolves(NoticeDelivered)
def _delivered(state: NoticeState, _: NoticeDelivered, __: int, ___: str) -> NoticeState:
    return state


@evolves(ConsentExempted)
def _exempted(state: EngagementState, event: ConsentExempted, _: int, __: str) -> EngagementState:
    state.exempted.append(tuple(event.categories))
    return state


def _seller_only(case: Case, event: Event, engagement: str) -> Iterator[Refusal]:
    """What the seller owes the people whose data it holds, the seller's own people record."""
    state = case.world.state(engagement, EngagementState)
    if state is None or state.kind != "deal":
        yield refuse("I-09", "needs_a_deal", engagement)
        return
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != state.seller:
        yield refuse("I-09", "not_the_actors_party", state.seller)


@rule(NoticeIssued)
def issued_once_about_a_recipient(case: Case, event: NoticeIssued) -> Iterator[Refusal]:
    """A notice has a text, and tells of a recipient that is a party to the deal (PIPL 22, 23)."""
    if event.version != 1:
        yield refuse("I-06", "notice_issued_once", event.stream)
    yield from _seller_only(case, event, event.engagement)
    deal = case.world.state(event.engagement, EngagementState)
    if deal is not None and deal.kind == "deal" and event.recipient not in deal.receiving:
        yield refuse("I-14", "recipient_is_not_of_the_deal", event.recipient)
    if event.sealed is UNSET:
        yield refuse("I-14", "notice_without_text", event.stream)


@rule(NoticeDelivered)
def delivered_of_this_notice(case: Case, event: NoticeDelivered) -> Iterator[Refusal]:
    """A notice is delivered after it was issued, under its deal, by the party that issued it."""
    state = case.world.state(event.stream, NoticeState)
    if state is None:
        yield refuse("I-00", "unknown_notice", event.stream)
        return
    if event.engagement != state.first.engagement:
        yield refuse("I-09", "notice_of_another_deal", state.first.engagement)
    yield from _seller_only(case, event, state.first.engagement)
    yield from by_now(case, event, event.delivered_at)
    if event.delivered_at < state.first.at:
        yield refuse("I-14", "delivered_before_issued", event.stream)


@rule(NoticeDelivered)
def delivered_to_people_declared(case: Case, event: NoticeDelivered) -> Iterator[Refusal]:
    """Each person once, known by a declaration of the author's party; a fallback has a reason."""
    if len(set(event.subjects)) != len(event.subjects):
        yield refuse("I-06", "item_named_twice", event.stream)
    public = event.status == "public_announcement"
    if public != (event.channel == "announcement") and event.status != "bounced":
        yield refuse("I-14", "announcement_is_told_as_one", event.stream)
    if public and event.sealed is UNSET:
        yield refuse("I-14", "announcement_needs_reason", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is not None:
        unknown = sorted(case.world.source.undeclared(event.subjects, actor.party))
        if unknown:
            yield refuse("I-00", "unknown_subject", *unknown[:_SHOWN])


@rule(ConsentExempted)
def exempted_with_an_opinion(case: Case, event: ConsentExempted) -> Iterator[Refusal]:
    """A statute of the pack, counsel's opinion, and two persons of the seller (I-14)."""
    if event.stream != event.engagement:
        yield refuse("I-09", "exemption_of_another_deal", event.stream)
    yield from _seller_only(case, event, event.stream)
    if len(set(event.categories)) != len(event.categories):
        yield refuse("I-06", "item_named_twice", event.stream)
    if event.statute not in case.policy.statutes:
        yield refuse("I-14", "no_such_statute", event.stream)
    opinion = case.world.state(event.opinion, AttachedState)
    day = case.day
    if (
        opinion is None
        or opinion.kind != "legal_opinion"
        or opinion.engagement != event.stream
        or not opinion.stands(day)
    ):
        yield refuse("I-14", "opinion_is_not_attached", event.opinion)
    if not approved(case, event):
        yield refuse("I-14", "exemption_needs_approver", event.stream)
