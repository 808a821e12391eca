"""Across a deal: what the seller may let the other side look at, and keep, before anything passes.

People of the buyer or the broker of an open deal look at the seller's records under the seller's
grant, while a non-disclosure agreement covers both parties and the records' categories (I-13), and
for what precedes a handover. A broker, and whoever works on the seller's behalf, may also do the
seller's work with them (PIPL 21). Everything ends with the deal, and with the agreement. A copy
goes to them by a move, by being copied, or by a "return" to whom it never came from, on the same
condition: `against_giving`.

Secrecy between two firms is no basis towards the people in the records. What the other side sees,
it is provided with (PIPL 23), or entrusted with (21), and sees no more than is needed (5, 6). So a
grant across names its basis, which is asked for when it is given and at every look under it (I-14):

    nobody_identified  what is looked at tells of nobody, or is de-identified, and nobody was found
                       in it: a label takes nobody away who was
    people_cleared     everybody in it has what the deal's mode asks for (`domain.clearing`), where
                       it hands nothing over what the pack's `[transfer.due_diligence]` does; and
                       its data were assessed (PIPL 55)
    on_behalf          a broker, or a party entrusted: a processing agreement of the two stands, and
                       its data were assessed

A copy that is given names none: it goes on whichever of them holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from domain import gates
from domain.answers import Needs
from domain.clearing import NOT_PERSONAL, against_items, reasons_of
from domain.copies import HoldingState, RecordLike, contents_of, holdings
from domain.engagement import EngagementState
from domain.gates import against_disclosure, against_no_agreement, against_unassessed, path_of
from domain.guards import examples_of
from domain.judging import Case, Refusal, refuse
from domain.policy import Policy
from domain.record import RecordState
from domain.transfer import Transfer
from domain.values import Event

BEFORE_A_HANDOVER: Final = frozenset({"due_diligence", "inspection", "handover_prep"})
"""What the other side of a deal may look at records for."""
ON_BEHALF: Final = "service_delivery"
"""What a broker, or a party entrusted with the seller's work, may besides."""
NOBODY: Final = NOT_PERSONAL | {"deidentified"}
"""The sensitivities of records in which nobody is identified, if nobody was found in them."""


def stays_bound(policy: Policy) -> frozenset[str]:
    """The modes of transfer in which whoever hands over goes on processing (PIPL 20, 21)."""
    return policy.stays_bound


def against_crossing(
    case: Case,
    engagement: str,
    sides: tuple[str, str],
    purposes: Iterable[str],
    basis: str,
    records: Sequence[RecordState],
    categories: Iterable[str] = (),
) -> Iterator[Refusal]:
    """Why people of one party may not look at what another one keeps (I-13, I-14, I-17).

    `sides`: the party that keeps it and gives the grant, the party whose people look; `basis`: on
    which, empty if none is named; `categories`: those granted besides the `records`. Asked when a
    grant is given and again at every access under it: deals are closed, agreements end, records
    are classified anew, people withdraw.
    """
    deal = case.world.state(engagement, EngagementState)
    if deal is None or deal.kind != "deal" or not _sides(deal, *sides):
        yield refuse("I-13", "grantee_of_another_party", sides[1])
        return
    if not deal.open:
        yield refuse("I-13", "deal_is_over", engagement)
    if not set(purposes) <= _permitted(case, deal, sides[1]):
        yield refuse("I-13", "purpose_not_for_another_party", sides[1])
    named = {category for one in records for category in _categories(one)}
    yield from against_disclosure(case, deal, *sides, sorted(named.union(categories)))
    if not basis:
        yield refuse("I-14", "grant_names_no_basis", sides[1])
    elif basis == "nobody_identified":
        for one in records:
            if _identifies(case, deal, one.stream, [one]):
                yield refuse("I-14", "people_identified", one.stream)
    elif basis == "on_behalf" and not _on_behalf(case, deal, sides[1]):
        yield refuse("I-14", "not_on_behalf", sides[1])
    else:
        items = [one.stream for one in records]
        yield from _on_basis(case, deal, sides, basis, items, [*_personal(records), *categories])


def _on_basis(
    case: Case,
    deal: EngagementState,
    sides: tuple[str, str],
    basis: str,
    items: Sequence[str],
    personal: Iterable[str],
) -> Iterator[Refusal]:
    """Why people in records or copies may not be seen on a basis; `personal`: their categories."""
    asked, about_people = _asked(case, deal), sorted(set(personal))
    if asked is not None and asked.pipia:
        yield from against_unassessed(deal, about_people)
    if basis == "people_cleared":
        yield from against_items(case, deal.stream, items, recipient=sides[1], path=asked)
    elif about_people:
        yield from against_no_agreement(case, deal, *sides)


def _asked(case: Case, deal: EngagementState) -> Transfer | None:
    """What the law asks for before the other side sees who stands in a record.

    Where nothing is handed over, the mode says nothing about that: the firm sold stays the
    processor of its data, whoever looks on before the sale is another one.
    """
    path = path_of(case, deal)
    if path is not None and not path.hands_over:
        return case.policy.transfer.get("due_diligence", path)
    return path


def _identifies(
    case: Case, deal: EngagementState, item: str, examples: Sequence[RecordState]
) -> bool:
    """Whether a record or copy tells who somebody is: by its label, or because one was found.

    Told and agreed or not: whoever was has said yes to a recipient, and is in it all the same.

    `examples`: the record, or one of each kind in the copy.
    """
    # No notice tells of the seller itself, so everybody who was found lacks this one.
    unmet = Needs(deal.stream, deal.seller, case.day, notice="art_23")
    found = {reason for _, reasons in reasons_of(case, [item], unmet) for reason in reasons}
    return bool(found - {"subjects_unknown"}) or any(e.sensitivity not in NOBODY for e in examples)


def _personal(records: Iterable[RecordState]) -> set[str]:
    """The categories of the records in which somebody may stand."""
    found = (one for one in records if one.sensitivity not in NOT_PERSONAL)
    return {category for one in found for category in _categories(one)}


def _categories(record: RecordState) -> Sequence[str]:
    return record.categories or (record.category,)


def against_giving(case: Case, event: Event, copy: HoldingState, taker: str) -> Iterator[Refusal]:
    """Why a copy, or one made of it, may not go to another party than its keeper (I-13).

    It goes under an open deal, the event's engagement, from its seller to its buyer or broker,
    while a non-disclosure agreement between the two covers what lies in it, and on a basis towards
    the people in it (I-14). What goes back to where it came from is given to nobody.
    """
    if taker == copy.custodian or _came_from(case, copy, taker):
        return
    deal = gates.deal(case, event.engagement)
    if deal is None or not _sides(deal, copy.custodian, taker):
        yield refuse("I-13", "given_without_a_deal", copy.stream)
        return
    records = examples_of(case, contents_of(case, copy))
    named = {category for one in records for category in _categories(one)}
    sides = (copy.custodian, taker)
    yield from against_disclosure(case, deal, *sides, sorted(named))
    if _identifies(case, deal, copy.stream, records):
        basis = "on_behalf" if _on_behalf(case, deal, taker) else "people_cleared"
        yield from _on_basis(case, deal, sides, basis, [copy.stream], _personal(records))


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
    return BEFORE_A_HANDOVER | ({ON_BEHALF} if _on_behalf(case, deal, taker) else frozenset())


def _on_behalf(case: Case, deal: EngagementState, taker: str) -> bool:
    """Whether a party of a deal works for its seller (PIPL 21): its broker, or who is entrusted."""
    asked = path_of(case, deal)
    return taker == deal.broker or (asked is not None and asked.path == "entrusted")
