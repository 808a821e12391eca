"""Rows by which people are found again, against what events vouch for: each change has a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from domain.search import PeopleIndexed
from ledger.acting import Acting
from ledger.acts import grant_role
from ledger.application import Ledger
from ledger.audit.finding import Finding
from ledger.deals import open_engagement
from ledger.doctor import examine
from ledger.effects import vouching as vouching_effects
from ledger.effects.destroying import copies_of
from ledger.effects.indexing import index
from ledger.effects.vouching import digest_of
from ledger.errors import RefusedError
from ledger.schema import transaction
from ledger.signing import Proposal, new_ids
from ledger.subjects import find, forget, identifiers_of
from projections.view import id_of, key_of
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    hire,
    site_fixture,  # noqa: F401
)
from tests.ledger.ledgers import buyer
from tests.ledger.replayed import audited, modified_client, not_permitted
from tests.ledger.test_subjects import (
    LI,
    ZHANG,
    collected,
    erasable,
    founder,
    looked,
    table_of,
    text_file,
)


@pytest.fixture
def records(ledger: Ledger, admin: Acting, tmp_path: Path) -> list[str]:
    """Two contracts that were looked through: in the first stand two people, in the second one."""
    found = collected(
        ledger, admin, text_file(tmp_path, "甲.txt", f"{ZHANG}\n{LI}"),
        text_file(tmp_path, "乙.txt", ZHANG),
    )  # fmt: skip
    looked(ledger)
    assert told(ledger) == []
    return found


def told(ledger: Ledger) -> list[Finding]:
    return [one for one in audited(ledger.folder).findings if one.code.startswith("people_")]


def by_hand(ledger: Ledger, statement: str, values: Sequence[Any] = ()) -> None:
    """Whoever administers the database writes into the tables."""
    with transaction(ledger.log.writer):
        ledger.log.writer.exec_driver_sql(statement, tuple(values))


def token_of(ledger: Ledger, given: str) -> bytes:
    (subject,) = find(ledger, identifiers_of(given)).subjects
    query = "SELECT token FROM subject_tokens WHERE subject = ?"
    key = (key_of(subject.subject),)
    return bytes(ledger.log.writer.exec_driver_sql(query, key).scalar_one())


def vouching(ledger: Ledger) -> list[PeopleIndexed]:
    query = "SELECT stream FROM events WHERE topic = 'search.people_indexed' ORDER BY position"
    streams = ledger.log.writer.exec_driver_sql(query).scalars()
    return [
        event
        for stream in dict.fromkeys(id_of("search", bytes(key)) for key in streams)
        for _, _, event, _ in ledger.events_of(stream)
        if isinstance(event, PeopleIndexed)
    ]


# -- attacks on the tables ----------------------------------------------------------------------

TAKEN_OUT = "DELETE FROM subject_places WHERE record = ? AND token = ?"
PUT_IN = "INSERT INTO subject_places VALUES (?, ?, 0, 0)"


def test_somebody_whose_row_was_taken_out_is_missed(ledger: Ledger, records: list[str]) -> None:
    """The person asks what is held about them, and would hear: nothing."""
    by_hand(ledger, TAKEN_OUT, (key_of(records[0]), token_of(ledger, LI)))
    assert [
        place for who in find(ledger, identifiers_of(LI)).subjects for place in who.places
    ] == []
    (one,) = told(ledger)
    assert (one.code, one.severity, one.subject) == ("people_rows_differ", "high", records[0])
    (event,) = vouching(ledger)
    assert one.evidence == (event.id,)
    said = {each.record: each.rows for each in event.records}
    assert one.expected == said[records[0]] != one.actual
    (check,) = [check for check in examine(ledger.folder) if check.code == "people"]
    assert (check.state, check.values) == ("failed", {"names": records[0]})


def test_somebody_who_was_put_into_a_record_is_noticed(ledger: Ledger, records: list[str]) -> None:
    by_hand(ledger, PUT_IN, (key_of(records[1]), token_of(ledger, LI)))
    assert [one.subject for one in told(ledger)] == [records[1]]


def test_a_token_that_leads_nowhere_or_to_somebody_else_is_noticed(
    ledger: Ledger, records: list[str]
) -> None:
    """In every record in which the token stands."""
    zhang, li = token_of(ledger, ZHANG), token_of(ledger, LI)
    query = "UPDATE subject_tokens SET subject = ? WHERE token = ?"
    by_hand(ledger, query, (key_of(new_ids("subject")[0]), zhang))
    assert {one.subject for one in told(ledger)} == set(records)
    by_hand(ledger, "DELETE FROM subject_tokens WHERE token IN (?, ?)", (zhang, li))
    assert {one.subject for one in told(ledger)} == set(records)


def test_an_old_content_is_not_passed_off_as_the_one_looked_through(
    ledger: Ledger, records: list[str]
) -> None:
    query = "UPDATE subject_coverage SET position = position + 1 WHERE record = ?"
    by_hand(ledger, query, (key_of(records[1]),))
    assert [one.subject for one in told(ledger)] == [records[1]]


def test_what_nobody_looked_through_is_not_made_to_count(
    ledger: Ledger, admin: Acting, records: list[str], tmp_path: Path
) -> None:
    (third,) = collected(ledger, admin, text_file(tmp_path, "丙.txt", LI))
    by_hand(ledger, "INSERT INTO subject_coverage VALUES (?, 1, 'indexed')", (key_of(third),))
    (one,) = told(ledger)
    assert (one.code, one.actual, one.evidence) == ("people_not_vouched", "1", (third,))
    (check,) = [check for check in examine(ledger.folder) if check.code == "people"]
    assert (check.state, check.values) == ("warning", {"count": 1})
    looked(ledger, third, again=True)
    assert told(ledger) == []


def test_tables_that_were_emptied_or_are_not_here_are_filled_anew(
    ledger: Ledger, records: list[str]
) -> None:
    """As after a restore: these tables are in no copy of a ledger."""
    for table in ("subject_tokens", "subject_places", "subject_coverage"):
        by_hand(ledger, f"DELETE FROM {table}")
    (one,) = told(ledger)
    assert (one.code, one.severity, one.actual) == ("people_not_indexed", "low", "2")
    assert one.evidence == tuple(sorted(records))
    (check,) = [check for check in examine(ledger.folder) if check.code == "people"]
    assert (check.state, check.values) == ("warning", {"count": 2})
    looked(ledger)
    assert told(ledger) == []


def test_whoever_asks_while_somebody_indexes_again_hears_of_no_tampering(
    ledger: Ledger, records: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events and rows are read as of one moment."""
    covered, begun = vouching_effects._covered, []

    def between(log: Connection) -> Iterator[tuple[bytes, int]]:
        begun.append(looked(ledger, *records, again=True))  # after events, before rows were read
        return covered(log)

    monkeypatch.setattr(vouching_effects, "_covered", between)
    assert [check for check in examine(ledger.folder) if check.code == "people"] == []
    assert begun, "somebody really wrote in between"


def test_what_can_no_longer_be_looked_through_is_named_with_its_cause(
    ledger: Ledger, records: list[str], tmp_path: Path
) -> None:
    """Nobody is asked for ever to index again what is not the content recorded."""
    (tmp_path / "甲.txt").write_text("别的内容", encoding="utf-8")
    looked(ledger, records[0], again=True)
    assert told(ledger) == []
    (check,) = [check for check in examine(ledger.folder) if check.code == "people"]
    values = {"count": 1, "cause": "changed_since_recorded"}
    assert (check.state, check.values) == ("ok", values)


# -- what a client says -------------------------------------------------------------------------


def test_a_digest_that_stands_for_other_rows_is_noticed(
    ledger: Ledger, admin: Acting, records: list[str]
) -> None:
    """A client that vouches for what is not there; and for what nobody collected."""
    said = [{"record": records[0], "rows": "ab" * 32}]
    ledger.act(admin, [Proposal(PeopleIndexed, new_ids("search")[0], {"records": said})])
    assert [(one.subject, one.expected) for one in told(ledger)] == [(records[0], "ab" * 32)]


def test_whoever_has_a_role_in_a_deal_only_looks_through_records_under_it(
    ledger: Ledger, admin: Acting, records: list[str]
) -> None:
    clerk, deal = handler(ledger, admin, "seller")
    done = list(index(ledger, clerk, records, again=True))
    assert [one.outcome for one in done] == ["indexed", "indexed"]
    assert {event.engagement for event in vouching(ledger)} == {ledger.routine(), deal}
    assert told(ledger) == []


@pytest.mark.parametrize("rows", [True, False])
def test_the_buyers_people_leave_the_sellers_rows_alone(
    ledger: Ledger, admin: Acting, tmp_path: Path, rows: bool
) -> None:
    """Those that were looked through stand, the others wait for whoever keeps them."""
    first, second = table_of(tmp_path, ("张三", ZHANG, "")), tmp_path / "乙.csv"
    collected(ledger, admin, first, rows=rows)
    looked(ledger)
    second.write_text(f"姓名,电话\n李四,{LI}\n", encoding="utf-8")
    collected(ledger, admin, second, rows=rows)
    (clerk, _), before = handler(ledger, admin, "buyer"), erasable(ledger)["subject_places"]
    done = list(index(ledger, clerk, again=True))
    assert {one.outcome for one in done} == {"kept_by_another"}
    assert erasable(ledger)["subject_places"] == before
    assert told(ledger) == []
    assert [one.outcome for one in looked(ledger)] == ["indexed"]


def handler(ledger: Ledger, admin: Acting, side: str) -> tuple[Acting, str]:
    """Somebody of the `seller` or the `buyer` with a role in one deal only; and the deal."""
    bought = buyer()
    ledger.act(admin, [bought])
    opened = open_engagement("merger", admin.state.party, bought.stream, None, title="项目")
    ledger.act(admin, [opened])
    party = bought.stream if side == "buyer" else admin.state.party
    clerk = hire(ledger, admin, party, "sales", [])
    ledger.act(admin, [grant_role(clerk, f"{side}_handler", scope=opened.stream)])
    return ledger.acting(clerk), opened.stream


def test_nobody_vouches_for_what_was_never_collected(
    ledger: Ledger, admin: Acting, records: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [{"record": new_ids("record")[0], "rows": "ab" * 32}]
    proposal = Proposal(PeopleIndexed, new_ids("search")[0], {"records": said})
    with pytest.raises(RefusedError, match="unknown_record"):
        ledger.act(admin, [proposal])
    with modified_client(monkeypatch):
        done = ledger.act(admin, [proposal])
    assert not_permitted(audited(ledger.folder)) == [("I-00", "unknown_record", done.first)]


# -- what is erased, and what is broken off -----------------------------------------------------


def test_whoever_is_erased_leaves_rows_that_nobody_misses(site: Site, tmp_path: Path) -> None:
    records = site.ripe(tmp_path / "合同", 2)
    looked(site.ledger)
    case = site.approved(copies_of(site.ledger, records[:1]))
    site.execute(case)
    site.verify(case)
    site.certify(case)
    found = audited(site.ledger.folder)
    assert not any(one.code.startswith("people_") for one in found.findings)
    (event,) = vouching(site.ledger)
    assert {one.record for one in event.records} == set(records), "the event still stands"


def test_after_a_record_is_forgotten_nobody_tries_out_who_stood_in_it(
    ledger: Ledger, records: list[str]
) -> None:
    """Whoever has the pepper knows every token; the row of nobody is what he lacks."""
    key, query = key_of(records[0]), "SELECT position FROM subject_coverage WHERE record = ?"
    position = ledger.log.writer.exec_driver_sql(query, (key,)).scalar_one()
    query = (
        "SELECT p.token, p.sheet, p.row, t.subject FROM subject_places p LEFT JOIN "
        "subject_tokens t ON t.token = p.token WHERE p.record = ? ORDER BY p.token"
    )
    rows = ledger.log.writer.exec_driver_sql(query, (key,)).all()
    (event,) = vouching(ledger)
    (said,) = [one.rows for one in event.records if one.record == records[0]]
    assert digest_of(key, position, rows) == said
    assert len(rows) == 3
    known = [row for row in rows if row[3] is not None]
    assert len(known) == 2
    assert digest_of(key, position, known) != said
    with transaction(ledger.log.writer):
        forget(ledger.log.writer, [records[0]])
    assert ledger.log.writer.exec_driver_sql(query, (key,)).all() == []


def test_what_was_found_counts_once_an_event_vouches_for_it(
    ledger: Ledger, admin: Acting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is broken off between the two begins anew with those records."""
    rows = [("张三", ZHANG, ""), ("李四", LI, "")]
    collected(ledger, admin, table_of(tmp_path, *rows), rows=True)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.effects.indexing.vouch", _killed)
        with pytest.raises(KeyboardInterrupt):
            list(index(ledger, founder(ledger)))
    assert told(ledger) == []
    assert [(one.count, one.found) for one in looked(ledger)] == [(2, 2)]
    assert told(ledger) == []
    query = "SELECT count(*) FROM subject_places"
    assert ledger.log.writer.exec_driver_sql(query).scalar_one() == 4, "two people, two of nobody"


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
