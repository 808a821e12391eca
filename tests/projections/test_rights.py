"""The register of requests says what the rules see, is asked by index, and keeps its past."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.record import RecordState
from domain.rights import RequestState
from projections import rights
from projections.rights import Request
from tests.domain.words import close_request, decide, fulfil, identify, receive_request
from tests.domain.worlds import SEALED
from tests.projections.casework import random_walk
from tests.projections.histories import History, Steps, empty_tables, project

ALL = 1000


@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_requests_are_as_the_rules_see_them(seed: int) -> None:
    walk = random_walk(seed, 120)
    states = walk.book.states
    with project(empty_tables(), walk.recorded, 7, 3) as connection:
        told = {request.rights: request for request in rights.listed(connection, limit=ALL)}
        seen = {s.stream: s for s in states.values() if isinstance(s, RequestState)}
        assert told.keys() == seen.keys()
        for name, state in seen.items():
            request = told[name]
            assert request == rights.one(connection, name)
            assert set(rights.records_of(connection, name, limit=ALL)) == state.records
            assert request.records == len(state.records)
            assert request.decision == state.decision
            assert (request.fulfilled_entry is not None) == state.fulfilled
            assert (request.state == "closed") == state.closed
            answered = state.fulfilled or state.closed or state.decision == "refuse"
            assert request.open == (not answered)
        for record in (s for s in states.values() if isinstance(s, RecordState)):
            about = [request.rights for request in rights.about(connection, record.stream)]
            assert sorted(about) == sorted(record.requests)
        still = sorted((r.due_at, r.rights) for r in told.values() if r.open)
        due = rights.due(connection, until="9999-12-31", limit=ALL)
        assert [(r.due_at, r.rights) for r in due] == still


def told(history: History) -> Request:
    with project(empty_tables(), history.recorded, 2) as connection:
        (request,) = rights.listed(connection, limit=9)
    return request


def test_a_request_passes_through_its_states_and_the_clock_stops_when_it_is_answered() -> None:
    history = History().open()
    record, _ = history.collect()
    request = history.new("rights")
    steps = [
        (receive_request(request, record), "received", True),
        (identify(request, "fail"), "received", True),
        (identify(request), "identity_verified", True),
        (decide(request), "decided", True),
        (fulfil(request, sealed=SEALED), "fulfilled", False),
        (close_request(request), "closed", False),
    ]
    for said, state, runs in steps:
        history.says(said)
        found = told(history)
        assert (found.state, found.open) == (state, runs)


@pytest.mark.parametrize("refused", [True, False])
def test_a_refusal_and_a_withdrawal_stop_the_clock(refused: bool) -> None:
    history = History().open()
    request = history.new("rights")
    said = decide(request, "refuse") if refused else close_request(request, "withdrawn")
    history.says(receive_request(request), said)
    assert told(history).answered_entry == history.entry


def test_what_is_due_comes_in_pages_the_earliest_first() -> None:
    history = History().open()
    days = ["2026-11-20", "2026-11-18", "2026-11-19", "2026-11-18", "2027-03-01"]
    for day in days:
        said = receive_request(history.new("rights"), received_at=f"{day}T01:00:00.000Z")
        history.says(said)
    with project(empty_tables(), history.recorded) as connection:
        found: list[Request] = []
        after = None
        while page := rights.due(connection, until="2026-12-31", limit=2, after=after):
            found += page
            after = (page[-1].due_at, page[-1].rights)
        assert [r.received_at[:10] for r in found] == sorted(days)[:4]
        assert rights.due(connection, until="2026-12-08", limit=9) == []


def test_a_person_has_several_requests_and_others_are_not_shown() -> None:
    history = History().open()
    subject, other = history.new("subject"), history.new("subject")
    for who in (subject, other, subject):
        history.says(receive_request(history.new("rights"), subject=who))
    with project(empty_tables(), history.recorded) as connection:
        assert len(rights.listed(connection, subject=subject, limit=9)) == 2


def test_only_open_requests_stand_in_the_way_of_a_question() -> None:
    history = History().open()
    record, _ = history.collect()
    first, second = history.new("rights"), history.new("rights")
    history.says(receive_request(first, record), receive_request(second, record))
    history.says(close_request(first, "withdrawn"))
    with project(empty_tables(), history.recorded) as connection:
        assert {r.rights for r in rights.about(connection, record)} == {first, second}
        assert [r.rights for r in rights.about(connection, record, only_open=True)] == [second]
        assert rights.about(connection, record, entry=1) == []


def costs_beside(many: int) -> list[int]:
    """What every question costs, beside so many requests about something else."""
    history = History().open()
    record, _ = history.collect()
    subject = history.new("subject")
    history.says(receive_request(history.new("rights"), record, subject=subject))
    for _ in range(many):
        request = history.new("rights")
        history.begin()
        for said in (receive_request(request, subject=history.new("subject")),
                     close_request(request, "withdrawn")):  # fmt: skip
            history.add(said.kind, said.stream, **said.fields)
    with project(empty_tables(), history.recorded) as connection:
        steps = Steps(connection)
        return [
            steps.of(lambda: rights.about(connection, record)),
            steps.of(lambda: rights.about(connection, record, entry=history.entry)),
            steps.of(lambda: rights.due(connection, until="9999-12-31", limit=9)),
            steps.of(lambda: rights.listed(connection, subject=subject, limit=9)),
            steps.of(lambda: rights.listed(connection, limit=3)),
        ]


def test_questions_cost_what_they_answer_however_many_requests_there_are() -> None:
    costs = [costs_beside(many) for many in (50, 1500)]
    assert [late <= early + 1 for early, late in zip(*costs, strict=True)] == [True] * 5, costs
