"""What a sample is drawn from: the audited party's own, in the span, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.actor import ActorRegistered
from domain.audit import AuditOpened
from domain.codes import ENUMERATIONS
from domain.listing import list_root
from domain.values import later
from ledger.audit.population import Population, counted
from tests.domain.words import access, break_glass, deny, grant_access, revoke_grant
from tests.domain.worlds import Person, Said, collect, create_holding
from tests.projections.casework import random_history
from tests.projections.histories import START, History

FAR = "2099-01-01T00:00:00.000Z"


def order(history: History, **fields: Any) -> AuditOpened:
    """An audit of the history's own party over all time."""
    form: dict[str, Any] = {
        "kind": "internal", "lead": history.admin, "scope_party": history.party,
        "period_from": START, "period_to": FAR, "entry": history.entry, "root": "0" * 64,
        "consecutive": 1, "role": "internal_auditor", **fields,
    }  # fmt: skip
    event = history.event(AuditOpened, history.new("audit"), **form)
    assert isinstance(event, AuditOpened)
    return event


class House:
    """Wang keeps a contract; Chen may look at it under a grant, and a stranger of another firm."""

    def __init__(self) -> None:
        self.history = history = History().open()
        self.wang = Person(history.admin, history.party)
        self.chen = self._person(history.party)
        self.other = history.register_party(history.new("party"))
        self.stranger = self._person(self.other)
        self.copy, self.record = history.new("holding"), history.new("record")
        self.says(create_holding(self.copy, history.party), collect(self.record, self.copy))
        self.grants = [history.new("grant") for _ in range(2)]
        for grant, who in zip(self.grants, (self.chen, self.stranger), strict=True):
            self.says(grant_access(grant, who, self.record))

    def _person(self, party: str) -> Person:
        history = self.history
        return Person(history.register_actor(history.new("actor"), "service", party), party)

    def says(self, *said: Said, who: Person | None = None, **envelope: Any) -> None:
        """Each in an entry of its own."""
        for one in said:
            self.history.begin()
            by = {"by": (who or self.wang).actor, "role": "custodian", **envelope}
            self.history.add(one.kind, one.stream, **{**one.fields, **by})

    def of(self, code: str, acts_of: str | None = None, **fields: Any) -> Population:
        return counted(self.history.recorded, order(self.history, **fields), code, acts_of)


@pytest.fixture
def house() -> House:
    return House()


def test_accesses_of_others_count_under_the_audited_partys_grant(house: House) -> None:
    """A buyer's people who look at the seller's contracts are what the seller is audited for."""
    first, second = house.grants
    house.says(access(house.record, house.copy, grant=first), who=house.chen)
    house.says(access(house.record, house.copy, grant=second), who=house.stranger)
    house.says(deny(house.record, house.copy, "no_grant"), who=house.stranger)
    house.says(break_glass(house.record, house.copy), who=house.chen)
    found = house.of("accesses")
    assert len(found.members) == 3, "not the denial of a stranger without a grant"
    assert set(found.members.values()) == {"record.accessed"}
    assert len(house.of("emergency_accesses").members) == 1
    theirs = house.of("accesses", scope_party=house.other)
    assert sorted(theirs.members.values()) == ["record.access_denied", "record.accessed"]


def test_grants_are_those_in_force_in_the_span(house: House) -> None:
    middle = later(house.history.accepted, seconds=1)
    house.says(revoke_grant(house.grants[0]))
    after = later(house.history.accepted, seconds=1)
    assert house.of("grants").ids == sorted(house.grants)
    assert house.of("grants", period_from=middle).ids == sorted(house.grants)
    assert house.of("grants", period_from=after).ids == [house.grants[1]]
    never = {"period_from": "9998-01-01T00:00:00.000Z", "period_to": "9999-01-01T00:00:00.000Z"}
    assert house.of("grants", **never).ids == []
    assert house.of("grants", period_to=START).ids == []


def test_acts_are_one_persons_and_late_entries_have_a_reason(house: House) -> None:
    house.says(access(house.record, house.copy, grant=house.grants[0]), who=house.chen,
               late_reason="offline")  # fmt: skip
    (late,) = house.of("late_entries").ids
    assert house.of("acts", house.chen.actor).ids == [late]
    assert late in house.of("events").ids
    assert house.of("acts", house.stranger.actor).ids == []


def test_a_deal_is_audited_by_what_was_done_under_it(house: House) -> None:
    deal = house.history.new("engagement")
    grant = house.history.new("grant")
    house.says(grant_access(grant, house.chen, house.record), engagement=deal)
    assert house.of("grants", scope_engagement=deal).ids == [grant]
    assert house.of("records", scope_engagement=deal).ids == []
    assert house.of("records").ids == [house.record]
    assert house.of("holdings").members == {house.copy: "disk_internal"}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_population_holds_what_its_plain_words_say(seed: int) -> None:
    """Against the list of events, over histories in which everything happens."""
    history = History().open()
    recorded = random_history(seed, 300)
    party = next(r.event.owner for r in recorded if hasattr(r.event, "owner"))  # entry 0
    asked = order(history, scope_party=party, period_from=START)
    parties = {
        r.event.stream: r.event.party for r in recorded if isinstance(r.event, ActorRegistered)
    }
    own = [r.event for r in recorded if parties.get(r.event.by) == party]
    found = {code: counted(recorded, asked, code) for code in ENUMERATIONS["AuditPopulation"].codes}
    assert found["events"].ids == sorted(event.id for event in own)
    for code, prefix in (("handovers", "handover-"), ("destructions", "destruction_case-"),
                         ("backups", "backup-"), ("rights_requests", "rights-")):  # fmt: skip
        assert found[code].ids == sorted({e.stream for e in own if e.stream.startswith(prefix)})
    assert found["late_entries"].ids == sorted(e.id for e in own if e.late_reason is not UNSET)
    for population in found.values():
        assert population.digest == list_root(population.ids)
        strata = [one for ids in population.strata.values() for one in ids]
        assert sorted(strata) == population.ids


def test_the_span_is_half_open(house: House) -> None:
    """What two quarters share is the moment at which one ends and the next begins: in one only."""
    house.says(revoke_grant(house.grants[0]))
    moment, event = house.history.accepted, f"{house.grants[0]}/2"
    assert event not in house.of("events", period_to=moment).members
    assert event in house.of("events", period_from=moment).members
