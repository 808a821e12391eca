"""The registers of deals say what the rules see, now and as of every entry."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa

from domain.actor import ActorState
from domain.engagement import EngagementState
from projections import agreements, backups, deals, people
from projections.agreements import NonDisclosure
from projections.comparison import digest
from projections.view import Recorded
from tests.domain import deal_book
from tests.domain.deal_words import (
    Dealing,
    close,
    dispose,
    end_nda,
    open_deal,
    rekey,
    sign_nda,
    track,
    train,
)
from tests.domain.estates import Estate
from tests.domain.words import drill_backup, store_offsite, verify_backup
from tests.domain.worlds import Firm, dismiss, rotate
from tests.projections.histories import Steps, empty_tables, project


def recorded(firm: Firm) -> list[Recorded]:
    """What a firm has recorded, as a ledger gives it to the views."""
    return [
        Recorded(position, entry, accepted, event)
        for position, (entry, accepted, event) in enumerate(firm.book.events, start=1)
    ]


@cache
def sold() -> Dealing:
    """An equity deal with a broker, from its opening to its end, with all that is said about it."""
    deal = Dealing.open("equity_transfer", broker=True)
    firm, wang = deal.firm, deal.firm.wang
    he = firm.hire("broker", party=deal.broker)
    firm.does(wang, "administrator", train(deal.chen), train(deal.li, "approval", score=10))
    deal.agreed()
    first = deal.confidential(categories=["contract", "communication"], ends_on="2027-06-30")
    said = sign_nda(deal.engagement, deal.document("nda"), deal.seller, deal.broker)
    deal.does(deal.chen, "seller_handler", said, beside=[(he, "broker")])
    deal.document("legal_opinion", deal.seller, begins_on="2026-11-01")
    deal.assessed(conclusion="not_acceptable")
    deal.assessed(categories=["contract"], conclusion="acceptable_with_measures")
    deal.does(deal.sun, "buyer_handler", end_nda(deal.engagement, first, "2026-12-24"))
    for who, role in ((wang, "administrator"), (deal.chen, "custodian")):
        old, new = who.key, firm.key_for(who)
        firm.does(who, role, rotate(who, old, new), possession=[new])
        who.keys.append(new)
    deal.does(wang, "administrator", rekey(deal.engagement, wang, deal.chen))
    for how in ("returned", "destroyed"):
        said = dispose(deal.engagement, deal.buyer, firm.now, how=how)
        deal.does(deal.sun, "buyer_handler", said)
    deal.does(deal.chen, "seller_handler", close(deal.engagement))
    return deal


@cache
def merged() -> Estate:
    """A merger by which a copy passed, with the check that fell due a month later."""
    estate = Estate.open()
    estate.handed_over(estate.holding_of(estate.ready()))
    estate.planned()
    firm_sold = estate.new("engagement")
    said = open_deal(firm_sold, estate.party, estate.he.party, transfer_mode="equity_transfer")
    estate.does(estate.wang, "administrator", said)
    estate.now = "2026-12-21T10:00:00.000Z"
    said = track(estate.deal, "2026-12-21", estate.now, findings=2)
    estate.under(estate.qian, said)
    return estate


def told(connection: sa.Connection, engagement: str, entry: int | None = None) -> dict[str, Any]:
    """Every answer about a deal."""
    return {
        "all": deals.listed(connection, limit=100, entry=entry),
        "deal": deals.one(connection, engagement, entry=entry),
        "documents": agreements.documents_of(connection, engagement, entry=entry),
        "one by one": [
            agreements.document(connection, one.document, entry=entry)
            for one in agreements.documents_of(connection, engagement, entry=entry)
        ],
        "agreed": agreements.agreed(connection, engagement, entry=entry),
        "ndas": agreements.ndas_of(connection, engagement, entry=entry),
        "pipias": agreements.pipias_of(connection, engagement, entry=entry),
        "trainings": agreements.trainings_of(connection, entry=entry),
        "disposals": deals.disposals_of(connection, engagement, entry=entry),
        "tracking": deals.tracking_of(connection, engagement, entry=entry),
        "rekeyed": deals.rekeyed_of(connection, engagement, entry=entry),
    }


Story = pytest.mark.parametrize("story", [sold, merged], ids=["sold", "merged"])


def of(story: Any) -> tuple[Firm, str]:
    subject = story()
    if isinstance(subject, Dealing):
        return subject.firm, subject.engagement
    return subject, subject.deal


@Story
def test_as_of_every_entry_the_answers_are_those_of_then(story: Any) -> None:
    firm, engagement = of(story)
    events = recorded(firm)
    then: dict[int, Any] = {}
    with empty_tables() as live:
        for entry in range(len(firm.book.accepted)):
            project(live, [one for one in events if one.entry == entry])
            then[entry] = told(live, engagement)
        for entry, answers in then.items():
            assert told(live, engagement, entry) == answers, f"entry {entry}"


@Story
def test_any_batching_gives_the_same_tables(story: Any) -> None:
    events = recorded(of(story)[0])
    seed = 20261121
    print("seed", seed)
    draw = random.Random(seed)
    with project(empty_tables(), events) as whole:
        for _ in range(5):
            sizes = [draw.randrange(1, 9) for _ in events]
            with project(empty_tables(), events, *sizes) as again:
                assert digest(again) == digest(whole)


@Story
def test_the_registers_say_what_the_rules_see(story: Any) -> None:
    firm, _ = of(story)
    with project(empty_tables(), recorded(firm)) as connection:
        states = [s for s in firm.book.states.values() if isinstance(s, EngagementState)]
        found = {one.engagement: one for one in deals.listed(connection, limit=100)}
        assert set(found) == {s.stream for s in states if s.kind == "deal"}
        for state in states:
            documents = agreements.documents_of(connection, state.stream)
            assert {d.document: d.kind for d in documents} == state.attached
            if state.kind == "deal":
                the_same(connection, found[state.stream], state)
        trained = {
            (one.actor, one.topic): (one.on_day, one.valid_to, one.passed)
            for one in agreements.trainings_of(connection)
        }
        assert trained == {
            (state.stream, topic): (last.on, last.valid_to, last.passed)
            for state in firm.book.states.values()
            if isinstance(state, ActorState)
            for topic, last in state.trained.items()
        }


def the_same(connection: sa.Connection, row: deals.Deal, state: EngagementState) -> None:
    """What the registers say of a deal is its fold."""
    deal = state.stream
    assert (row.mode, row.seller, row.buyer, row.broker or "") == (
        state.mode, state.seller, state.buyer, state.broker,
    )  # fmt: skip
    assert (row.opened_entry, row.opened_at) == (state.opened_entry, state.opened_at)
    assert (row.open, row.outcome or "") == (state.open, state.outcome)
    agreed = agreements.agreed(connection, deal)
    assert {(one.actor, one.role, one.key_id) for one in agreed} == state.agreed
    ndas = {one.document: one for one in agreements.ndas_of(connection, deal)}
    assert set(ndas) == set(state.ndas)
    for document, nda in state.ndas.items():
        for day in ("2026-11-20", "2026-11-21", "2026-12-23", "2026-12-24", "2027-06-30"):
            assert (ndas[document].condition(day) == "in_force") == nda.in_force(day)
        assert ndas[document].categories == nda.categories
    pipias = agreements.pipias_of(connection, deal)
    assert [one.document for one in pipias] == list(state.pipias)
    for one in pipias:
        assert state.pipias[one.document].conclusion == one.conclusion
    said = {one.party: (one.how, one.count, one.disposed_at)
            for one in deals.disposals_of(connection, deal)}  # fmt: skip
    assert said == {p: (d.how, d.count, d.disposed_at) for p, d in state.disposals.items()}
    assert {one.due for one in deals.tracking_of(connection, deal)} == state.tracked
    assert {one.actor for one in deals.rekeyed_of(connection, deal)} == state.rekeyed


def test_each_story_fills_each_register() -> None:
    """Or what is compared above would be empty."""
    with project(empty_tables(), recorded(sold().firm)) as connection:
        answers = told(connection, sold().engagement)
    empty = {name for name, answer in answers.items() if not answer}
    assert empty == {"tracking"}
    with project(empty_tables(), recorded(merged())) as connection:
        assert told(connection, merged().deal)["tracking"][0].findings == 2


def agreement(**fields: Any) -> NonDisclosure:
    form = {
        "engagement": "", "document": "", "disclosing_party": "", "receiving_party": "",
        "categories": (), "begins_on": "2026-11-21", "ends_on": None, "survival_days": 10,
        "signed_entry": 1, "terminated_on": None, "terminated_entry": None, "changed_entry": 1,
    }  # fmt: skip
    return NonDisclosure(**{**form, **fields})


@pytest.mark.parametrize(
    ("fields", "day", "condition"),
    [
        ({}, "2026-11-20", "pending"),
        ({}, "2026-11-21", "in_force"),
        ({}, "2099-12-31", "in_force"),
        ({"ends_on": "2026-12-31"}, "2026-12-31", "in_force"),
        ({"ends_on": "2026-12-31"}, "2027-01-01", "surviving"),
        ({"ends_on": "2026-12-31"}, "2027-01-10", "surviving"),
        ({"ends_on": "2026-12-31"}, "2027-01-11", "expired"),
        ({"terminated_on": "2026-12-31"}, "2026-12-30", "in_force"),
        ({"terminated_on": "2026-12-31"}, "2026-12-31", "surviving"),
        ({"terminated_on": "2026-12-31"}, "2027-01-11", "expired"),
        ({"terminated_on": "2026-12-31", "survival_days": 2**53 - 1}, "9999-12-31", "surviving"),
    ],
)
def test_a_nda_is_pending_in_force_survived_by_secrecy_and_expired(
    fields: dict[str, Any], day: str, condition: str
) -> None:
    assert agreement(**fields).condition(day) == condition


# -- what the rules ask the registers -----------------------------------------------------------


def test_which_handovers_a_deal_has_and_when_they_were_confirmed() -> None:
    estate = merged()
    with project(empty_tables(), recorded(estate)) as connection:
        for engagement in (estate.deal, estate.routine, estate.new("engagement")):
            expected = deal_book.handovers_of(estate.book.events, engagement)
            found = deals.handed(connection, engagement)
            accepted = estate.book.accepted
            assert [(h, "" if e is None else accepted[e]) for h, e in found] == [
                (one.handover, one.confirmed) for one in expected
            ]
        assert len(deals.handed(connection, estate.deal)) == 2


def protected(connection: sa.Connection, estate: Estate, party: str) -> Sequence[str]:
    made, *others = backups.protected(connection, party)
    backup = "" if made is None else estate.book.accepted[made]
    return [backup, *(other or "" for other in others)]


def test_how_the_copies_of_each_party_are_protected() -> None:
    estate = Estate.open()
    originals = [estate.holding_of(estate.ready()) for _ in range(2)]
    backup, _ = estate.copied(*originals)
    other, _ = estate.copied(originals[0])
    steps = [
        verify_backup(backup, 2), store_offsite(other, estate.wang), drill_backup(backup, 2),
        verify_backup(backup, 2, 1), verify_backup(other, 1), drill_backup(backup, 1, 1),
    ]  # fmt: skip
    seen = set()
    for said in steps:
        estate.does(estate.wang, "custodian", said)
        with project(empty_tables(), recorded(estate)) as connection:
            for party in (estate.party, estate.he.party):
                plain = deal_book.protection(estate.book.events, estate.book.states, party)
                expected = [plain.backup, plain.offsite, plain.verified, plain.drill]
                assert protected(connection, estate, party) == expected, said.kind
                seen.add(tuple(map(bool, expected)))
    assert len(seen) > 4, "each was there and was not"


def test_who_keeps_keys_and_copies_of_each_party() -> None:
    estate = Estate.open()
    for left in ("custodian", "administrator", None):
        with project(empty_tables(), recorded(estate)) as connection:
            for party in (estate.party, estate.he.party):
                expected = deal_book.keyholders(estate.book.states, party)
                assert people.keyholders(connection, party) == expected
            of_the_buyer = people.keyholders(connection, estate.he.party)
        assert (estate.lin.actor in of_the_buyer) == (left is not None)
        if left is not None:
            estate.does(estate.wang, "administrator", dismiss(estate.lin, left))


def test_one_deal_among_many_is_found_by_its_index() -> None:
    """What is asked about one deal costs its rows, however many others there are."""
    firm = Firm.open()
    buyer, many = firm.another_firm(), 400
    said = [open_deal(firm.new("engagement"), firm.party, buyer) for _ in range(many)]
    firm.does(firm.wang, "administrator", *said)
    last = said[-1].stream
    with project(empty_tables(), recorded(firm)) as connection:
        steps = Steps(connection)
        one = steps.of(lambda: told_of_one(connection, last))
        everything = steps.of(lambda: deals.listed(connection, limit=many))
        assert one * 3 < everything


def told_of_one(connection: sa.Connection, engagement: str) -> None:
    assert deals.one(connection, engagement, entry=10**6)
    assert agreements.documents_of(connection, engagement) == []
    assert agreements.agreed(connection, engagement) == []
    assert agreements.ndas_of(connection, engagement) == []
    assert deals.handed(connection, engagement) == []
