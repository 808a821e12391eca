"""What the parties to a deal sign and assess before anything is handed over.

The evidence agreement (电子数据与电子签名约定书) names whose key signs in which role: a key that it
does not name acts in no handover (Electronic Signature Law 3, 13; evidence rules 94(1)(5)). The
non-disclosure agreement says who may give what to whom (I-13), the impact assessment whether it
may be done at all (PIPL 55, 56; I-17). Each stands on a document that was attached before
(`domain.attached`), whose digest is sealed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, ClassVar, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from domain.actor import ActorState
from domain.attached import AttachedState, DocumentAttached
from domain.codes import AgreedExtraction, AgreedTimeSource, PipiaConclusion, RecordCategory, Role
from domain.engagement import EngagementOpened, EngagementState, Nda, Pipia
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.values import (
    ActorId,
    Count,
    Date,
    DocumentId,
    EngagementId,
    Event,
    KeyId,
    PartyId,
    is_day,
    later,
)

PIPIA_YEARS: Final = 3
"""So long an assessment is kept at least (PIPL 56)."""
NOTICE_DAYS: Final = 366
"""Within so many days an agreement that is terminated ends: no termination is a way to prolong."""
Categories = Annotated[list[RecordCategory], Meta(max_length=64)]


class AgreedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose key signs in which role, as the parties have agreed."""

    actor: ActorId
    role: Role
    key: KeyId


class EvidenceAgreementSigned(
    Event, frozen=True, kw_only=True, tag="engagement.evidence_agreement_signed"
):
    """电子数据与电子签名约定书签署: whose keys sign in which roles, how data are kept and taken.

    Signed in one commit by a handler of each side, with keys that it or an earlier one names. A
    later one adds signers: a key that replaced a named one is not named.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler", "buyer_handler"})
    ALONE: ClassVar[bool] = True

    stream: EngagementId
    document: DocumentId
    signers: Annotated[list[AgreedKey], Meta(min_length=1, max_length=32)]
    hash_alg: Literal["sha256"]
    sig_alg: Literal["ed25519"]
    time_source: AgreedTimeSource
    extraction: AgreedExtraction


class NdaSigned(Event, frozen=True, kw_only=True, tag="engagement.nda_signed"):
    """保密协议签署: who may disclose what to whom, and from when to when.

    `categories`: empty means all; `ends_on`: the last day, absent without end; secrecy survives by
    `survival_days` (Civil Code 501, 558). Signed in one commit by somebody of each party.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"administrator", "dpo", "counsel", "seller_handler", "buyer_handler", "broker"}
    )
    ALONE: ClassVar[bool] = True

    stream: EngagementId
    document: DocumentId
    disclosing_party: PartyId
    receiving_party: PartyId
    categories: Categories
    begins_on: Date
    ends_on: Date | UnsetType = UNSET
    survival_days: Count


class NdaTerminated(Event, frozen=True, kw_only=True, tag="engagement.nda_terminated"):
    """保密协议终止: from `terminated_on` on nothing more is given under it; secrecy survives.

    The first day said counts: a day that is earlier replaces a later one, never the other way.
    """

    ROLES: ClassVar[frozenset[str]] = NdaSigned.ROLES

    stream: EngagementId
    document: DocumentId
    terminated_on: Date


class PipiaCompleted(Event, frozen=True, kw_only=True, tag="engagement.pipia_completed"):
    """影响评估完成: what the seller's assessment of this transfer has found (PIPL 55, 56).

    `categories`: empty means all; the latest assessment of a category counts. `retain_until`: the
    report is kept until then, three years at least.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"dpo", "counsel", "custodian", "seller_handler"})

    stream: EngagementId
    document: DocumentId
    categories: Categories
    conclusion: PipiaConclusion
    retain_until: Date


@evolves(EvidenceAgreementSigned)
def _agreed(
    state: EngagementState, event: EvidenceAgreementSigned, _: int, __: str
) -> EngagementState:
    state.agreed |= {(named.actor, named.role, named.key) for named in event.signers}
    state.documents.add(event.document)
    return state


@evolves(NdaSigned)
def _nda(state: EngagementState, event: NdaSigned, _: int, __: str) -> EngagementState:
    state.ndas[event.document] = Nda(
        document=event.document,
        disclosing_party=event.disclosing_party,
        receiving_party=event.receiving_party,
        categories=tuple(event.categories),
        begins_on=event.begins_on,
        ends_on=None if event.ends_on is UNSET else event.ends_on,
        survival_days=event.survival_days,
    )
    state.documents.add(event.document)
    return state


@evolves(NdaTerminated)
def _nda_over(state: EngagementState, event: NdaTerminated, _: int, __: str) -> EngagementState:
    if (nda := state.ndas.get(event.document)) is not None:
        state.ndas[event.document] = replace(nda, terminated_on=event.terminated_on)
    return state


@evolves(PipiaCompleted)
def _pipia(state: EngagementState, event: PipiaCompleted, _: int, __: str) -> EngagementState:
    state.pipias[event.document] = Pipia(
        document=event.document,
        categories=tuple(event.categories),
        conclusion=event.conclusion,
        retain_until=event.retain_until,
    )
    state.documents.add(event.document)
    return state


def deal_of(case: Case, event: Event) -> EngagementState | None:
    """The open deal on whose stream an event stands; None if it stands elsewhere."""
    state = case.world.state(event.stream, EngagementState)
    return state if state is not None and state.kind == "deal" else None


@rule(EngagementOpened)
def opened_by_one_of_its_parties(case: Case, event: EngagementOpened) -> Iterator[Refusal]:
    """Nobody opens a deal between others: whatever stands under it would bind them (I-09)."""
    actor = case.world.before(event.by, ActorState)
    parties = (event.seller, event.buyer, event.broker)
    if event.kind == "deal" and actor is not None and actor.party not in parties:
        yield refuse("I-09", "not_a_party_to_the_deal", actor.party)


@rule(EvidenceAgreementSigned, NdaSigned, NdaTerminated, PipiaCompleted)
def of_its_own_deal(case: Case, event: Event) -> Iterator[Refusal]:
    """What is said about a deal stands under that deal, by one of its parties (I-09)."""
    yield from said_in_its_deal(case, event)


def said_in_its_deal(case: Case, event: Event) -> Iterator[Refusal]:
    """Why an event on an engagement's stream has no place there (I-09)."""
    deal = deal_of(case, event)
    if deal is None:
        yield refuse("I-09", "not_a_deal", event.stream)
        return
    if not deal.open:  # by an earlier event of this commit; before it, the envelope is refused
        yield refuse("I-09", "deal_was_closed", event.stream)
    if event.engagement != event.stream:
        yield refuse("I-09", "under_another_engagement", event.engagement)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party not in deal.parties:
        yield refuse("I-09", "not_a_party_to_the_deal", actor.party)


def _document(
    case: Case, event: EvidenceAgreementSigned | NdaSigned | PipiaCompleted, kind: str,
    parties: Iterable[str],
) -> Iterator[Refusal]:  # fmt: skip
    """The document is of this kind and deal, is used once, and was signed by nobody else."""
    document = case.world.state(event.document, AttachedState)
    if document is None:
        yield refuse("I-00", "unknown_document", event.document)
        return
    if document.kind != kind:
        yield refuse("I-09", "document_of_another_kind", event.document)
    if document.engagement != event.stream:
        yield refuse("I-09", "document_of_another_deal", event.document)
    if document.parties and not set(parties) <= document.parties:
        yield refuse("I-09", "document_of_other_parties", event.document)
    deal = deal_of(case, event)
    if deal is not None and event.document in deal.documents:
        yield refuse("I-06", "document_used_before", event.document)


def _signed_for(case: Case, party: str, capacities: frozenset[str]) -> bool:
    """Whether somebody of a party signed the commit in one of these capacities."""
    return any(
        (actor := case.world.before(signer.holder, ActorState)) is not None
        and actor.party == party
        and signer.capacity in capacities
        for signer in case.statement.actors
    )


@rule(EvidenceAgreementSigned)
def agreed_by_both_sides(case: Case, event: EvidenceAgreementSigned) -> Iterator[Refusal]:
    """A handler of each side signs, and whoever signs is named, here or before (I-23)."""
    deal = deal_of(case, event)
    if deal is None:
        return
    yield from _document(case, event, "evidence_agreement", (deal.seller, deal.buyer))
    for party, role in ((deal.seller, "seller_handler"), (deal.buyer, "buyer_handler")):
        if not _signed_for(case, party, frozenset({role})):
            yield refuse("I-23", "handler_must_sign", party)
    named = deal.agreed | {(agreed.actor, agreed.role, agreed.key) for agreed in event.signers}
    for signer in case.statement.actors:
        if (signer.holder, signer.capacity, signer.key_id) not in named:
            yield refuse("I-23", "signer_is_not_named", signer.holder)


_SIDES: Final = {"seller_handler": ("seller",), "buyer_handler": ("buyer", "broker")}


@rule(EvidenceAgreementSigned)
def names_keys_of_the_parties(case: Case, event: EvidenceAgreementSigned) -> Iterator[Refusal]:
    """Only active act keys of the parties' own people are named, in a role of their side (I-09)."""
    deal = deal_of(case, event)
    if deal is None:
        return
    for agreed in event.signers:
        actor = case.world.before(agreed.actor, ActorState)
        if actor is None:
            yield refuse("I-09", "unknown_actor", agreed.actor)
            continue
        key = actor.keys.get(agreed.key)
        if key is None or not key.active or key.key.purpose != "act":
            yield refuse("I-01", "agreed_key_is_not_active", agreed.actor)
        sides = _SIDES.get(agreed.role, ("seller", "buyer", "broker"))
        if actor.party not in {getattr(deal, side) for side in sides} - {""}:
            yield refuse("I-09", "signer_of_another_party", agreed.actor)


@rule(NdaSigned)
def nda_between_parties(case: Case, event: NdaSigned) -> Iterator[Refusal]:
    """Two parties to the deal, both signing, and days that are days (I-13)."""
    deal = deal_of(case, event)
    if deal is None:
        return
    parties = (event.disclosing_party, event.receiving_party)
    yield from _document(case, event, "nda", parties)
    if event.disclosing_party == event.receiving_party:
        yield refuse("I-13", "nda_with_oneself", event.disclosing_party)
    for party in parties:
        if party not in deal.parties:
            yield refuse("I-13", "nda_of_another_party", party)
        elif not _signed_for(case, party, event.ROLES):
            yield refuse("I-13", "party_must_sign", party)
    yield from _days(event, event.begins_on, event.ends_on)
    if len(set(event.categories)) != len(event.categories):
        yield refuse("I-06", "code_named_twice", event.stream)


def _days(event: Event, first: str, last: str | UnsetType) -> Iterator[Refusal]:
    if not is_day(first) or (last is not UNSET and not is_day(last)):
        yield refuse("I-04", "no_such_day", event.stream)
    elif last is not UNSET and last < first:
        yield refuse("I-04", "ended_before_started", event.stream)


@rule(NdaTerminated)
def nda_ended_by_its_party(case: Case, event: NdaTerminated) -> Iterator[Refusal]:
    """One of its two parties ends it, soon, not before it began, and never later than was said.

    Neither of the two can hold the other one to it by being the first to name a day (I-13).
    """
    deal = deal_of(case, event)
    nda = deal.ndas.get(event.document) if deal is not None else None
    if nda is None:
        yield refuse("I-00", "unknown_nda", event.document)
        return
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party not in (nda.disclosing_party, nda.receiving_party):
        yield refuse("I-13", "not_a_party_to_the_nda", actor.party)
    if nda.terminated_on is not None and event.terminated_on >= nda.terminated_on:
        yield refuse("I-06", "nda_ended_before", event.document)
    latest = later(case.statement.accepted, days=NOTICE_DAYS)
    if event.terminated_on > case.policy.calendar.day_of(latest):
        yield refuse("I-13", "nda_ends_too_late", event.document)
    yield from _days(event, nda.begins_on, event.terminated_on)


@rule(DocumentAttached)
def processor_agrees_itself(case: Case, event: DocumentAttached) -> Iterator[Refusal]:
    """Whoever is to process data signs that a processing agreement binds it (PIPL 20, 21; I-13).

    The giving party's word alone would open its own gate; its consent is the release.
    """
    deal = case.world.state(event.engagement, EngagementState)
    if deal is None or deal.kind != "deal" or event.kind != "processing_agreement":
        return
    for party in sorted(deal.receiving & set(event.parties)):
        if not _signed_for(case, party, DocumentAttached.ROLES):
            yield refuse("I-13", "processor_must_sign", party)


@rule(PipiaCompleted)
def assessed_by_the_seller(case: Case, event: PipiaCompleted) -> Iterator[Refusal]:
    """Who hands over assesses, and keeps the report for three years at least (I-17, PIPL 56)."""
    deal = deal_of(case, event)
    if deal is None:
        return
    yield from _document(case, event, "pipia", (deal.seller,))
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != deal.seller:
        yield refuse("I-17", "seller_assesses", actor.party)
    if not is_day(event.retain_until):
        yield refuse("I-04", "no_such_day", event.stream)
    elif event.retain_until < _years_on(case.day, PIPIA_YEARS):
        yield refuse("I-17", "report_not_kept_long_enough", event.document)
    if len(set(event.categories)) != len(event.categories):
        yield refuse("I-06", "code_named_twice", event.stream)


def _years_on(day: str, years: int) -> str:
    """The same day some years later; 29 February becomes 1 March."""
    first = date.fromisoformat(day)
    try:
        return first.replace(year=first.year + years).isoformat()
    except ValueError:
        return first.replace(year=first.year + years, month=3, day=1).isoformat()
