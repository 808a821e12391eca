"""The register of audits: what the rules see, now and as of any entry."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.audit import AuditState
from projections import audits
from projections.past import AS_OF
from tests.domain.audit_words import (
    answer,
    draw,
    issue_report,
    open_audit,
    raise_finding,
    remediate,
    verify_remediation,
)
from tests.domain.worlds import Person
from tests.projections.casework import random_walk
from tests.projections.histories import START, History, Steps, empty_tables, project

SEEDS = st.integers(0, 2**32)
ALL = 10_000


@given(SEEDS)
@settings(max_examples=15)
def test_the_register_says_what_the_rules_see(seed: int) -> None:
    history = random_walk(seed, 160)
    states = {s.stream: s for s in history.book.states.values() if isinstance(s, AuditState)}
    with project(empty_tables(), history.recorded, 7, 7, 7) as connection:
        rows = {row.audit: row for row in audits.listed(connection, limit=ALL)}
        assert rows.keys() == states.keys()
        for name, state in states.items():
            row = rows[name]
            assert audits.one(connection, name) == row
            assert (row.kind, row.org or "", row.lead, row.party, row.entry) == (
                state.kind, state.org, state.lead, state.party, state.entry,
            )  # fmt: skip
            assert (row.reported_entry is not None) == state.reported
            assert len(audits.samples(connection, name)) == state.samples
            found = {one.finding: one for one in audits.findings(connection, name)}
            assert found.keys() == state.findings.keys()
            for number, finding in state.findings.items():
                one = found[number]
                assert (one.closed_entry is not None) == finding.closed == (one.state == "closed")
                assert (one.response or "", one.owner) == (finding.response, finding.owner)
                assert finding.pending == (one.state == "remedied")


@given(SEEDS)
@settings(max_examples=10)
def test_as_of_an_entry_the_register_is_what_it_was_then(seed: int) -> None:
    history = random_walk(seed, 120)
    last = history.recorded[-1].entry
    with project(empty_tables(), history.recorded) as now:
        for entry in range(0, last + 1, max(1, last // 7)):
            earlier = [one for one in history.recorded if one.entry <= entry]
            with project(empty_tables(), earlier) as then:
                for told, stood in zip(
                    audits.listed(now, limit=ALL, entry=entry), audits.listed(then, limit=ALL),
                    strict=True,
                ):  # fmt: skip
                    assert told == stood
                    assert audits.one(now, told.audit, entry=entry) == stood
                    for reading in (audits.findings, audits.samples):
                        assert reading(now, told.audit, entry=entry) == reading(then, told.audit)


def audited() -> tuple[History, str, list[str]]:
    """Two audits: one with three findings, of which one is closed, and one without any."""
    history = History().open()
    lead, owner = Person(history.new("actor"), history.party), Person(history.admin, history.party)
    history.register_actor(lead.actor, "external")
    first, second = history.new("audit"), history.new("audit")
    history.says(
        open_audit(first, lead, history.party), draw(first, f"{history.admin}/1"),
        raise_finding(first, owner, due="2027-01-31"),
        raise_finding(first, owner, finding=2, due="2026-12-31", severity="low"),
        raise_finding(first, owner, finding=3, due="2027-06-30"),
        answer(first, finding=2, response="disputed"), remediate(first, finding=2),
        verify_remediation(first, "ineffective", finding=2), remediate(first, finding=2),
        verify_remediation(first), issue_report(first, opinion="qualified", open=2, closed=1),
        open_audit(second, lead, history.party, consecutive=2),
    )  # fmt: skip
    return history, first, [first, second]


def test_findings_that_are_due_come_the_earliest_first() -> None:
    history, first, _ = audited()
    with project(empty_tables(), history.recorded) as connection:
        told = audits.due(connection, until="9999-12-31", limit=9)
        assert [(one.finding, one.due, one.state) for one in told] == [
            (2, "2026-12-31", "remedied"), (3, "2027-06-30", "open"),
        ]  # fmt: skip
        assert audits.due(connection, until="2026-12-31", limit=9) == told[:1]
        last = (told[0].due, first, told[0].finding)
        assert audits.due(connection, until="9999-12-31", limit=9, after=last) == told[1:]
        assert [one.overdue("2027-01-01") for one in told] == [True, False]
        assert audits.overdue(connection, "2027-01-01") == 1
        assert audits.overdue(connection, "2026-12-31") == 0, "the last day is not over"


def test_an_answer_after_a_remediation_changes_nothing_of_it() -> None:
    history, first, _ = audited()
    history.says(answer(first, finding=2))
    with project(empty_tables(), history.recorded) as connection:
        state = {one.finding: (one.state, one.response) for one in
                 audits.findings(connection, first)}  # fmt: skip
    assert state == {1: ("closed", None), 2: ("remedied", "accepted"), 3: ("open", None)}


def test_audits_of_one_party_and_pages_of_a_list() -> None:
    history, first, both = audited()
    with project(empty_tables(), history.recorded) as connection:
        assert [one.audit for one in audits.of_party(connection, history.party)] == sorted(both)
        assert audits.of_party(connection, history.new("party")) == []
        (one,) = audits.listed(connection, limit=1)
        assert [row.audit for row in audits.listed(connection, limit=9, after=one.audit)] == [
            max(both)
        ]
        assert audits.one(connection, history.new("audit")) is None
        shown = audits.one(connection, first)
        assert shown is not None
        assert (shown.opinion, shown.consecutive, shown.org) == ("qualified", 1, None)


@pytest.mark.parametrize("reading", [
    audits.one, audits.findings, audits.samples,
    lambda c, _: audits.due(c, until="9999-12-31", limit=20),
])  # fmt: skip
def test_a_reading_costs_what_it_finds(reading: object) -> None:
    """Not the number of audits that there are."""
    history, first, _ = audited()
    with project(empty_tables(), history.recorded) as connection:
        few = Steps(connection).of(lambda: reading(connection, first))  # type: ignore[operator]
        lead, owner = Person(history.admin, history.party), Person(history.admin, history.party)
        before = len(history.recorded)
        for _ in range(200):
            audit = history.new("audit")
            history.says(open_audit(audit, lead, history.party), remediate(audit),
                         raise_finding(audit, owner, due="2029-01-01"))  # fmt: skip
        project(connection, history.recorded[before:])
        connection.execute(sa.text("ANALYZE"))
        assert Steps(connection).of(lambda: reading(connection, first)) <= few + 2  # type: ignore[operator]


def test_as_of_is_a_parameter_of_the_queries() -> None:
    history, first, _ = audited()
    assert AS_OF.key == "as_of"
    with project(empty_tables(), history.recorded) as connection:
        then = audits.findings(connection, first, entry=4)
    assert [(one.finding, one.state) for one in then] == [(1, "open"), (2, "open")]
    assert history.accepted > START
