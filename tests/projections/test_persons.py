"""People in records: the tables answer as a plain reading of events does, now and as of then."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.answers import Needs
from domain.clearing import PROVISION, SENSITIVE
from domain.copies import HoldingState
from domain.record import RecordState
from domain.values import later
from projections import clearance, consents, notices
from projections.view import Recorded
from tests.domain.people_words import (
    Crowd,
    consent,
    deliver,
    exempt,
    find,
    issue,
    suppress,
    withdraw,
)
from tests.domain.worlds import (
    SEALED,
    START,
    Said,
    classify,
    collect,
    correct,
    create_holding,
    reclassify,
)
from tests.projections.histories import empty_tables, project, rebuilt

SEEDS = st.integers(0, 2**32)
CATEGORIES = ("contract", "finance", "communication.sms", "communication")
STEPS = 40


class Bustle:
    """A deal in which people are found, told, agree and withdraw, in any order."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.crowd = Crowd.open(broker=True)
        bases = ("pipl_13_1_consent", "pipl_13_2_contract", "gdpr_6_a", "pipl_13_2_contract")
        self.records = [self.crowd.contract(basis, **self._axes()) for basis in bases]
        self.copy = self.crowd.new("holding")
        firm = self.crowd.firm
        inside = [self.crowd.new("record") for _ in range(3)]
        lying = [collect(r, self.copy, row=n, method="table_rows") for n, r in enumerate(inside, 1)]
        firm.does(firm.wang, "collector", create_holding(self.copy, firm.party), *lying)
        firm.does(firm.wang, "archivist", *(classify(r, **self._axes()) for r in inside[:2]))
        self.records += inside
        self.copies = [self.copy, *map(firm.holding_of, self.records)]
        self.people = [self.crowd.new("subject") for _ in range(5)]
        self.notices: list[str] = []
        for _ in range(STEPS):
            self._step()

    def _axes(self) -> dict[str, Any]:
        sensitivity = self.random.choice(
            ["general_pi", "general_pi", "sensitive_pi", "minor_pi", "non_personal", "anonymized"]
        )
        kinds = {"sensitive_pi": ["financial_account"], "minor_pi": ["minor_under_14"]}
        some = self.random.sample(CATEGORIES, self.random.choice([1, 1, 2]))
        opted = {"relationship": "opted_out"} if self.random.random() < 0.2 else {}
        return {
            "categories": some, "sensitivity": sensitivity,
            "sensitive_kinds": kinds.get(sensitivity, []), **opted,
        }  # fmt: skip

    def _step(self) -> None:
        crowd, pick = self.crowd, self.random.choice
        who, now = pick(self.people), crowd.now
        dated = max(START, later(now, seconds=-60 * pick([0, 0, 2, 9, 30])))  # told and recorded
        to = pick([crowd.buyer, crowd.buyer, crowd.broker])
        scope = self.random.sample(CATEGORIES, pick([0, 0, 1, 2]))
        kinds = ["separate_provision", "separate_sensitive", "written", "guardian", "general"]
        until = {"until": pick([now[:10], "2026-12-31"])} if self.random.random() < 0.3 else {}
        said: list[Said] = [
            find(who, *self.random.sample(self.records, pick([1, 2, 5])),
                 minor=self.random.random() < 0.1),
            consent(who, to, dated, kind=pick(kinds), categories=scope, **until),
            consent(who, to, dated, kind="separate_provision"),
            withdraw(who, to, now),
            suppress(who, reason=pick(["opted_out", "deceased"])),
            issue(crowd.new("notice"), to, kind=pick(["art_22", "art_23"])),
        ]  # fmt: skip
        if self.notices:
            status, channel = pick(
                [("delivered", "sms"), ("bounced", "sms"), ("bounced", "letter"),
                 ("delivered", "letter"), ("public_announcement", "announcement")]
            )  # fmt: skip
            some = self.random.sample(self.people, pick([1, 3]))
            told = deliver(pick(self.notices), dated, *some, status=status, channel=channel)
            said += [told.but(sealed=SEALED)] * 3
        one = pick(said)
        if not crowd.says(one):
            crowd.does(crowd.chen, "dpo", one)
            self.notices += [one.stream] if one.stream.startswith("notice-") else []
        self._other_work()

    def _other_work(self) -> None:
        crowd, firm = self.crowd, self.crowd.firm
        record = firm.record(self.random.choice(self.records))
        work = self.random.random()
        if work < 0.06:
            if not firm.judge(firm.wang, "collector", correct(record)):  # not one with copies
                firm.does(firm.wang, "collector", correct(record))
        elif work < 0.12 and record.classification:
            said = reclassify(record, **self._axes())
            firm.does(firm.wang, "archivist", said, beside=[(firm.li, "approver")])
        elif work < 0.15:
            opinion = crowd.opinion()
            scope = self.random.sample(CATEGORIES, self.random.choice([0, 1]))
            beside = [(firm.zhao, "approver")]
            crowd.does(crowd.chen, "dpo", exempt(crowd.engagement, opinion, *scope), beside=beside)
        elif work < 0.18:
            firm.now = later(firm.now, days=1)
        elif work < 0.26:
            self._copied(record)
        elif work < 0.32:
            typed = create_holding(crowd.new("holding"), firm.party, record=record.stream)
            firm.does(firm.wang, "custodian", typed, correct(record, holding=typed.stream))
            self.copies.append(typed.stream)

    def _copied(self, record: RecordState) -> None:
        """A copy is made of one of a record's, of that one record or whole."""
        firm, pick = self.crowd.firm, self.random.choice
        lying = [c for c in self.copies if record.stream in firm.book.inside(c)]
        source = pick(lying)
        state = firm.book.states[source]
        assert isinstance(state, HoldingState)
        of_one = {"record": record.stream} if state.record or pick([True, False]) else {}
        made = create_holding(self.crowd.new("holding"), firm.party, made_from=source, **of_one)
        if not firm.judge(firm.wang, "custodian", made):
            firm.does(firm.wang, "custodian", made)
            self.copies.append(made.stream)

    @property
    def recorded(self) -> list[Recorded]:
        """The events with their positions."""
        events = self.crowd.firm.book.events
        return [Recorded(n, *told) for n, told in enumerate(events, 1)]

    def needs(self) -> Iterator[Needs]:
        """Everything that may be asked, of both who may get something."""
        crowd = self.crowd
        for to in (crowd.buyer, crowd.broker):
            for notice in ("none", "art_22", "art_23"):
                for asked in range(5):
                    yield Needs(
                        crowd.engagement, to, crowd.now[:10], notice=notice,
                        consent=asked > 0, sensitive=SENSITIVE if asked > 1 else (),
                        guardian=asked > 2, marketing=asked in (0, 4),
                        exempt=self.random.choice([None, None, (), ("contract",), CATEGORIES[:2]]),
                    )  # fmt: skip


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    with empty_tables() as opened:
        yield opened


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_what_may_go_is_what_a_plain_reading_of_the_events_says(seed: int) -> None:
    bustle = Bustle(seed)
    with empty_tables() as connection:
        project(connection, bustle.recorded)
        book = bustle.crowd.firm.book
        for needs in bustle.needs():
            assert clearance.lacking(connection, bustle.records, needs) == book.lacking(
                bustle.records, needs
            )
            for copy in bustle.copies:
                found = clearance.lacking_in(connection, copy, needs)
                assert found == book.lacking_in(copy, needs)
        for party in (bustle.crowd.seller, bustle.crowd.buyer):
            assert clearance.elsewhere(connection, bustle.records, party) == book.elsewhere(
                bustle.records, party
            )
            assert clearance.undeclared(connection, bustle.people, party) == book.undeclared(
                bustle.people, party
            )


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [("general", {"consent_withdrawn"}), ("guardian", {"consent_withdrawn"}),
     ("separate_provision", set())],
)  # fmt: skip
def test_an_objection_is_lifted_by_the_one_consent_only(
    connection: sa.Connection, kind: str, reasons: set[str]
) -> None:
    crowd = Crowd.open("merger")
    record, person = crowd.contract(basis="pipl_13_1_consent"), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person, kind="art_22")
    crowd.withdrew(person)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.consented(person, kind)
    events = crowd.firm.book.events
    project(connection, [Recorded(n, *told) for n, told in enumerate(events, 1)])
    needs = Needs(crowd.engagement, crowd.buyer, crowd.now[:10], notice="art_22")
    assert clearance.lacking(connection, [record], needs).get(record, set()) == reasons


def answers(connection: sa.Connection, bustle: Bustle, entry: int | None) -> list[Any]:
    """Everything that can be asked about a moment."""
    found = notices.listed(connection, limit=99, entry=entry)
    told = [notices.one(connection, one.notice, entry=entry) for one in found]
    reached = [
        notices.reached(connection, one.notice, status=status, limit=99, entry=entry)
        for one in found
        for status in (None, "bounced")
    ]
    given = [
        consents.listed(connection, subject=who, recipient=to, limit=99, entry=entry)
        for who in (None, *bustle.people)
        for to in (None, bustle.crowd.broker)
    ]
    listed = consents.suppressed(connection, limit=99, entry=entry)
    freed = consents.exemptions_of(connection, bustle.crowd.engagement, entry=entry)
    return [found, told, reached, given, listed, freed]


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_every_past_moment_can_be_asked_for(seed: int) -> None:
    bustle = Bustle(seed)
    then: list[list[Any]] = []
    with empty_tables() as connection:
        recorded = bustle.recorded
        last = recorded[-1].entry
        for entry in range(last + 1):
            project(connection, [one for one in recorded if one.entry == entry])
            then.append(answers(connection, bustle, None))
        assert [answers(connection, bustle, entry) for entry in range(last + 1)] == then


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, size=st.integers(1, 50))
def test_however_events_are_batched_the_tables_are_equal(seed: int, size: int) -> None:
    recorded = Bustle(seed).recorded
    assert rebuilt(recorded, *[1] * len(recorded)) == rebuilt(recorded, *[size] * len(recorded))


def asked_now(crowd: Crowd, record: str, *, consent: bool = True) -> set[str]:
    """Why a record may not go, from the tables made of everything said so far."""
    with empty_tables() as connection:
        events = crowd.firm.book.events
        project(connection, [Recorded(n, *told) for n, told in enumerate(events, 1)])
        needs = Needs(
            crowd.engagement, crowd.buyer, crowd.now[:10], notice="art_23", consent=consent
        )
        found = clearance.lacking(connection, [record], needs)
    assert found == crowd.firm.book.lacking([record], needs)
    return set(found.get(record, ()))


def test_the_tables_know_the_last_word_on_a_channel() -> None:
    crowd = Crowd.open()
    record, person, notice = crowd.contract(), crowd.new("subject"), crowd.issued()
    crowd.found(person, record)
    for status, lacking in (("delivered", set()), ("bounced", {"not_notified"})):
        crowd.does(crowd.chen, "dpo", deliver(notice, crowd.now, person, status=status))
        crowd.consented(person)
        assert asked_now(crowd, record) == lacking


def test_the_tables_know_which_came_first_the_notice_or_the_consent() -> None:
    crowd = Crowd.open()
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    for scope, lacking in (([], {"consent_before_notice"}), (["contract"], set()), ([], set())):
        crowd.consented(person, categories=scope)
        if lacking:
            crowd.told(person)
        assert asked_now(crowd, record) == lacking


def test_the_tables_know_who_objects_to_what_was_collected_on_consent() -> None:
    crowd = Crowd.open("merger")
    records = [crowd.contract("pipl_13_1_consent"), crowd.contract()]
    person = crowd.new("subject")
    crowd.found(person, *records)
    crowd.told(person)
    for lacking in (set(), {"consent_withdrawn"}, set()):
        assert [asked_now(crowd, one, consent=False) for one in records] == [lacking, set()]
        (crowd.consented if lacking else crowd.withdrew)(person)


def test_the_tables_know_when_a_plain_consent_is_over() -> None:
    crowd = Crowd.open()
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person, until=crowd.now[:10])
    assert asked_now(crowd, record) == set()
    crowd.firm.now = later(crowd.now, days=1)
    assert asked_now(crowd, record) == {"no_consent"}


def test_whoever_sends_gets_those_whom_nothing_reached_page_by_page(
    connection: sa.Connection,
) -> None:
    crowd = Crowd.open()
    records = [crowd.contract(), crowd.contract(), crowd.contract(sensitivity="non_personal")]
    people = sorted(crowd.new("subject") for _ in range(4))
    for who, record in zip(people, [*records, records[0]], strict=True):
        crowd.found(who, record)
    crowd.told(people[0])
    notice = crowd.issued()
    bounced = deliver(notice, crowd.now, people[1], status="bounced")
    crowd.does(crowd.chen, "dpo", bounced)
    events = crowd.firm.book.events
    project(connection, [Recorded(n, *told) for n, told in enumerate(events, 1)])

    def asked(**how: Any) -> list[str]:
        form = {
            "engagement": crowd.engagement, "recipient": crowd.buyer, "kinds": ("art_23",),
            "keeper": crowd.seller, "limit": 10,
        }  # fmt: skip
        return notices.to_tell(connection, **{**form, **how})

    assert asked() == [people[1], people[3]]  # the third stands in nothing personal
    assert asked(everybody=True) == [people[0], people[1], people[3]]
    assert asked(everybody=True, keeper=crowd.buyer) == []  # who does not keep these records
    assert asked(limit=1) == [people[1]]
    assert asked(after=people[1]) == [people[3]]


def test_people_in_a_record_are_counted_for_its_line(connection: sa.Connection) -> None:
    crowd = Crowd.open()
    record, exempt_one = crowd.contract(), crowd.contract(categories=["finance"])
    crowd.person(record)
    other = crowd.new("subject")
    crowd.found(other, record, exempt_one)
    crowd.told(other)
    events = crowd.firm.book.events
    project(connection, [Recorded(n, *told) for n, told in enumerate(events, 1)])
    needs = Needs(
        crowd.engagement, crowd.buyer, crowd.now[:10], notice="art_23", consent=bool(PROVISION),
        exempt=("finance",),
    )  # fmt: skip
    found = clearance.people_in(connection, [record, exempt_one], needs)
    assert found == {record: (1, 0, 1), exempt_one: (0, 1, 0)}
