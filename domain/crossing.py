"""Across a deal: what the seller may let the other side look at, and keep, before anything passes.

People of the buyer or the broker of an open deal look at the seller's records under the seller's
grant, while a non-disclosure agreement covers both parties and the records' categories (I-13), and
for what precedes a handover. A broker, and whoever works on the seller's behalf, may also do the
seller's work with them (PIPL 21). Everything ends with the deal, and with the agreement. A copy
goes to them by a move, by being copied, or by a "return" to whom it never came from, on the same
condition: `against_giving`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from domain import gates
from domain.copies import HoldingState, RecordLike, contents_of, holdings
from domain.engagement import EngagementState
from domain.gates import against_disclosure, path_of
from domain.guards import examples_of
from domain.judging import Case, Refusal, refuse
from domain.policy import Policy
from domain.values import Event

BEFORE_A_HANDOVER: Final = frozenset({"due_diligence", "inspection", "handover_prep"})
"""What the other side of a deal may look at records for."""
ON_BEHALF: Final = "service_delivery"
"""What a broker, or a party entrusted with the seller's work, may besides."""


def stays_bound(policy: Policy) -> frozenset[str]:
    """The modes of transfer in which whoever hands over goes on processing (PIPL 20, 21)."""
    return policy.stays_bound


def against_crossing(
    case: Case,
    engagement: str,
    sides: tuple[str, str],
    purposes: Iterable[str],
    categories: Iterable[str],
) -> Iterator[Refusal]:
    """Why people of one party may not look at what another one keeps (I-13).

    `sides`: the party that keeps it and gives the grant, the party whose people look. Asked when a
    grant is given and again at every access under it: deals are closed, agreements end, and
    records are classified anew.
    """
    deal = case.world.state(engagement, EngagementState)
    if deal is None or deal.kind != "deal" or not _sides(deal, *sides):
        yield refuse("I-13", "grantee_of_another_party", sides[1])
        return
    if not deal.open:
        yield refuse("I-13", "deal_is_over", engagement)
    if not set(purposes) <= _permitted(case, deal, sides[1]):
        yield refuse("I-13", "purpose_not_for_another_party", sides[1])
    yield from against_disclosure(case, deal, *sides, sorted(set(categories)))


def against_giving(case: Case, event: Event, copy: HoldingState, taker: str) -> Iterator[Refusal]:
    """Why a copy, or one made of it, may not go to another party than its keeper (I-13).

    It goes under an open deal, the event's engagement, from its seller to its buyer or broker,
    while a non-disclosure agreement between the two covers what lies in it. What goes back to
    where it came from is given to nobody.
    """
    if taker == copy.custodian or _came_from(case, copy, taker):
        return
    deal = gates.deal(case, event.engagement)
    if deal is None or not _sides(deal, copy.custodian, taker):
        yield refuse("I-13", "given_without_a_deal", copy.stream)
        return
    records = examples_of(case, contents_of(case, copy))
    named = {category for one in records for category in one.categories or (one.category,)}
    yield from against_disclosure(case, deal, copy.custodian, taker, sorted(named))


def _came_from(case: Case, copy: HoldingState, party: str) -> bool:
    """Whether a copy came from a party, or is a copy of one that is, or was first, that party's."""
    if party in copy.lent_by:
        return True
    sources = [] if copy.made_from is None else [copy.made_from]
    if not sources and copy.record is not None:
        record = case.world.state(copy.record, RecordLike)
        sources = [] if record is None else list(record.holdings)
    return any(source.owner == party for source in holdings(case, sources))


def _sides(deal: EngagementState, giver: str, taker: str) -> bool:
    """Whether one is the deal's seller and the other its buyer or broker."""
    return giver == deal.seller and taker in (deal.buyer, deal.broker)


def _permitted(case: Case, deal: EngagementState, taker: str) -> frozenset[str]:
    """What people of the taking party may look at records for."""
    asked = path_of(case, deal)
    entrusted = asked is not None and asked.path == "entrusted"
    return BEFORE_A_HANDOVER | ({ON_BEHALF} if entrusted or taker == deal.broker else frozenset())
