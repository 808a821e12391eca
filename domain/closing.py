"""The end of a deal: what was checked after it, what became of copies, and when it is over.

The seller ends it. A deal is completed when what was to pass has passed and nothing is left open,
and is failed or cancelled when every copy that the buyer or the broker got is back or destroyed
(PIPL 21; Civil Code 501, 558; I-22). What follows a confirmed handover follows it whatever the deal
is called at its end. A closed engagement takes no further act.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from domain.actor import ActorState
from domain.agreements import deal_of, said_in_its_deal
from domain.answers import CopiesOut, Handed
from domain.codes import CopyDisposal, EngagementOutcome, TrackingTopic
from domain.engagement import Disposal, EngagementState
from domain.gates import path_of
from domain.handover import HandoverState
from domain.handover_rules import SHOWN
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.values import ActorId, Count, Date, Digest, EngagementId, Event, PartyId, Time, later


class EngagementClosed(Event, frozen=True, kw_only=True, tag="engagement.closed"):
    """项目办结: nothing more is done under the deal. Sealed: `statement`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator", "dpo", "seller_handler"})
    ALONE: ClassVar[bool] = True

    stream: EngagementId
    outcome: EngagementOutcome


class CopiesDisposed(Event, frozen=True, kw_only=True, tag="engagement.copies_disposed"):
    """所获副本处置: a party says what became of everything that it had got until `disposed_at`.

    `count`: how many copies; none for `none_kept`; `certificate`: SHA-256 of the certificate, where
    its number cannot be sealed (on a replica). Sealed: `certificate` (its number), `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"buyer_handler", "broker", "custodian", "destruction_operator"}
    )
    ALONE: ClassVar[bool] = True

    stream: EngagementId
    party: PartyId
    how: CopyDisposal
    count: Count
    disposed_at: Time
    certificate: Digest | UnsetType = UNSET


class TrackingChecked(Event, frozen=True, kw_only=True, tag="engagement.tracking_checked"):
    """移交后跟踪: the check that was due on a day after a handover. Sealed: `note`."""

    ROLES: ClassVar[frozenset[str]] = frozenset(
        {"seller_handler", "buyer_handler", "supervisor", "dpo", "custodian"}
    )

    stream: EngagementId
    due: Date
    done_at: Time
    topics: Annotated[list[TrackingTopic], Meta(min_length=1, max_length=8)]
    findings: Count


class CredentialsReregistered(
    Event, frozen=True, kw_only=True, tag="engagement.credentials_reregistered"
):
    """凭据重新登记: these actors sign with keys enrolled after the deal was opened (I-41)."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: EngagementId
    actors: Annotated[list[ActorId], Meta(min_length=1, max_length=200)]


@evolves(EngagementClosed)
def _closed(state: EngagementState, event: EngagementClosed, _: int, __: str) -> EngagementState:
    state.open, state.outcome = False, event.outcome
    return state


@evolves(CopiesDisposed)
def _disposed(
    state: EngagementState, event: CopiesDisposed, _: int, accepted: str
) -> EngagementState:
    state.disposals[event.party] = Disposal(
        how=event.how, count=event.count, disposed_at=event.disposed_at, accepted=accepted
    )
    return state


@evolves(TrackingChecked)
def _tracked(state: EngagementState, event: TrackingChecked, _: int, __: str) -> EngagementState:
    state.tracked.add(event.due)
    return state


@evolves(CredentialsReregistered)
def _rekeyed(
    state: EngagementState, event: CredentialsReregistered, _: int, __: str
) -> EngagementState:
    state.rekeyed.update(event.actors)
    return state


@rule(EngagementClosed, CopiesDisposed, TrackingChecked, CredentialsReregistered)
def of_its_own_deal(case: Case, event: Event) -> Iterator[Refusal]:
    """What ends a deal is said under that deal, by one of its parties (I-09)."""
    yield from said_in_its_deal(case, event)


# -- what is said while it ends


@rule(CopiesDisposed)
def disposed_of_by_its_party(case: Case, event: CopiesDisposed) -> Iterator[Refusal]:
    """Whoever got copies says so for itself, with a certificate, when none is there (I-22)."""
    deal = deal_of(case, event)
    if deal is None:
        return
    if event.party not in deal.receiving:
        yield refuse("I-22", "party_got_nothing", event.party)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != event.party:
        yield refuse("I-09", "not_the_actors_party", event.party)
    if event.disposed_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if (event.how == "none_kept") != (event.count == 0):
        yield refuse("I-22", "counts_do_not_fit", event.stream)
    if event.how != "none_kept" and event.sealed is UNSET and event.certificate is UNSET:
        yield refuse("I-22", "certificate_must_be_sealed", event.stream)
    yield from _still_there(_got(case, deal, event.party))


def tracking_days(case: Case, deal: EngagementState) -> list[str]:
    """The days on which checks fall due: the pack's intervals after each confirmation, in order."""
    days = {
        case.policy.calendar.day_of(later(one.confirmed, days=interval))
        for one in case.world.source.handovers_of(deal.stream)
        if one.confirmed
        for interval in case.policy.cadence.tracking_days
    }
    return sorted(days)


@rule(TrackingChecked)
def tracked_when_due(case: Case, event: TrackingChecked) -> Iterator[Refusal]:
    """A check that fell due after a confirmation, done then or later, and once (I-16)."""
    deal = deal_of(case, event)
    if deal is None:
        return
    if event.due not in tracking_days(case, deal):
        yield refuse("I-16", "no_check_is_due", event.due)
    if event.due in deal.tracked:
        yield refuse("I-06", "tracked_before", event.due)
    if case.policy.calendar.day_of(event.done_at) < event.due:
        yield refuse("I-16", "checked_before_due", event.due)
    if event.done_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if len(set(event.topics)) != len(event.topics):
        yield refuse("I-06", "code_named_twice", event.stream)


@rule(CredentialsReregistered)
def keys_are_new(case: Case, event: CredentialsReregistered) -> Iterator[Refusal]:
    """In an equity deal, people of the firm sold, with no key of before the deal left (I-41).

    Whatever the key is for: an old one that opens sealed texts is as good as one that signs.
    """
    deal = deal_of(case, event)
    if deal is None:
        return
    path = path_of(case, deal)
    if path is None or not path.rekey:
        yield refuse("I-41", "deal_asks_for_no_new_keys", event.stream)
    for name in event.actors:
        actor = case.world.before(name, ActorState)
        if actor is None:
            yield refuse("I-09", "unknown_actor", name)
            continue
        if actor.party != deal.seller:
            yield refuse("I-41", "not_of_the_firm_sold", name)
        keys = [key for key in actor.keys.values() if key.active]
        signs = any(key.key.purpose == "act" for key in keys)
        if not signs or any(key.since <= deal.opened_entry for key in keys):
            yield refuse("I-41", "key_is_older_than_the_deal", name)


# -- the end


@rule(EngagementClosed)
def ended_by_the_seller(case: Case, event: EngagementClosed) -> Iterator[Refusal]:
    """Whoever hands over ends the deal: the other side could cut off what it still owes (I-09)."""
    deal = deal_of(case, event)
    actor = case.world.before(event.by, ActorState)
    if deal is not None and actor is not None and actor.party in deal.receiving:
        yield refuse("I-09", "seller_ends_the_deal", actor.party)


@rule(EngagementClosed)
def nothing_runs(case: Case, event: EngagementClosed) -> Iterator[Refusal]:
    """Every handover of the deal is confirmed or cancelled (I-22)."""
    for one in _handovers(case, deal_of(case, event)):
        if one.step not in ("confirmed", "residual_declared", "cancelled"):
            yield refuse("I-22", "handover_is_open", one.stream)


@rule(EngagementClosed)
def completed_with_what_it_was_for(case: Case, event: EngagementClosed) -> Iterator[Refusal]:
    """What was to pass has passed; where a firm was sold, keys are new (I-23, I-41)."""
    deal = deal_of(case, event)
    path = path_of(case, deal) if deal is not None else None
    if deal is None or path is None or event.outcome != "completed":
        return
    if path.hands_over and not _confirmed(case, deal):
        yield refuse("I-23", "nothing_was_confirmed", event.stream)
    if path.rekey:
        for actor in sorted(case.world.source.keyholders(deal.seller) - deal.rekeyed):
            yield refuse("I-41", "credentials_not_reregistered", actor)


@rule(EngagementClosed)
def ended_with_all_that_follows(case: Case, event: EngagementClosed) -> Iterator[Refusal]:
    """What has passed is declared and checked, however the deal ends (I-16, I-24).

    A deal that failed after a part of it was confirmed owes as much for that part.
    """
    deal = deal_of(case, event)
    path = path_of(case, deal) if deal is not None else None
    if deal is None or path is None:
        return
    for one in _confirmed(case, deal) if path.gives_up else ():
        left = case.world.source.residual(one.stream, one.from_party) - one.declared
        if left or (one.records and one.step == "confirmed"):
            yield refuse("I-24", "residual_not_declared", one.stream)
    for day in tracking_days(case, deal):
        if day not in deal.tracked:
            yield refuse("I-16", "tracking_not_done", day)


@rule(EngagementClosed)
def copies_are_gone(case: Case, event: EngagementClosed) -> Iterator[Refusal]:
    """What the buyer or broker got and may not keep is back or destroyed, and they say so (I-22).

    After a completed deal they keep what passed; what was delivered, or taken in a look before it,
    and did not pass goes, and where the path returns copies, all of it.
    """
    deal = deal_of(case, event)
    if deal is None:
        return
    for party in sorted(deal.receiving):
        completed = event.outcome == "completed"
        got = _got(case, deal, party, unpassed=completed)
        yield from _still_there(got)
        kept = completed and not got.returns
        last = max(got.delivered, got.unpassed) if kept else got.last
        said = deal.disposals.get(party)
        if last and (said is None or said.disposed_at < last):
            yield refuse("I-22", "copies_not_disposed", party)


class _Got(CopiesOut, frozen=True):
    """What a party got and may not keep; `returns`: whatever it got, as the path says."""

    returns: bool = False


def _still_there(got: _Got) -> Iterator[Refusal]:
    """That copies are still with a party, the first few of them named (I-22)."""
    if got.holdings:
        yield refuse("I-22", "copy_is_still_there", *sorted(got.holdings)[:SHOWN])


def _got(case: Case, deal: EngagementState, party: str, *, unpassed: bool = False) -> _Got:
    """What a party got under a deal and may not keep at its end, looked up once a commit.

    Where the path returns copies (PIPL 21), what was delivered and confirmed goes back, too.
    `unpassed`: whether it matters what else of that it looked at did not pass.
    """
    asked = ("got", deal.stream, party, unpassed)
    return case.world.once(asked, lambda: _look_up(case, deal, party, unpassed=unpassed))


def _look_up(case: Case, deal: EngagementState, party: str, *, unpassed: bool) -> _Got:
    source, path = case.world.source, path_of(case, deal)
    returns = path is None or path.returns
    out = source.copies_out(deal.stream, party, unpassed=unpassed and not returns)
    delivered, holdings = out.delivered, set(out.holdings)
    if returns:
        for one in source.handovers_of(deal.stream):
            state = case.world.state(one.handover, HandoverState)
            if one.confirmed and state is not None and state.to_party == party:
                delivered = max(delivered, one.confirmed)
                holdings |= source.residual(one.handover, party)
    return _Got(out.accessed, delivered, frozenset(holdings), out.unpassed, returns)


def _confirmed(case: Case, deal: EngagementState) -> list[HandoverState]:
    """The handovers of a deal that were not cancelled; at its end, those are confirmed."""
    return [one for one in _handovers(case, deal) if one.step != "cancelled"]


def _handovers(case: Case, deal: EngagementState | None) -> list[HandoverState]:
    """The handovers of a deal."""
    known: Iterable[Handed] = case.world.source.handovers_of(deal.stream) if deal else ()
    streams = [one.handover for one in known]
    case.world.preload(streams)
    states = (case.world.state(stream, HandoverState) for stream in streams)
    return [state for state in states if state is not None]
