"""Verification of a ledger in which something was erased: what was, what should have been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.destruction import DestructionExecuted
from ledger.effects.destroying import copies_of
from ledger.evidence import decode_event
from ledger.signing import Proposal, now
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.tampering import check, hand_in, places, value


def executed(crew: Crew, folder: Path, *, checkpoint: str = "") -> tuple[list[int], int, bytes]:
    """Two records of which the first is destroyed.

    The positions of the erased payloads, that of one which stays, and a checkpoint from `before`
    the records, `between` their collection and the destruction, or `after` it.
    """
    note = b""
    with crew.open() as site:
        note = site.ledger.sign_checkpoint() if checkpoint == "before" else note
        gone, kept = site.ripe(folder, 2)
        note = site.ledger.sign_checkpoint() if checkpoint == "between" else note
        case = site.approved(copies_of(site.ledger, [gone]))
        streams = (gone, site.copy(gone))
        positions = [row[0] for s in streams for row in site.ledger.events_of(s) if row[2].sealed]
        staying = site.ledger.events_of(kept)[0][0]
        site.execute(case)
        note = site.ledger.sign_checkpoint() if checkpoint == "after" else note
    return sorted(positions), staying, note


def codes(report: Any) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.position) for finding in report.findings]


def test_what_a_recorded_destruction_erased_is_not_missing(crew: Crew, tmp_path: Path) -> None:
    erased, staying, _ = executed(crew, tmp_path / "合同")
    with hand_in_reading(crew) as connection:
        rows = connection.execute("SELECT position FROM sealed").fetchall()
    assert not {(position,) for position in erased} & set(rows)
    assert (staying,) in rows
    report = check(crew.firm)
    assert (report.verdict, report.findings) == ("valid", ())


@pytest.mark.parametrize("checkpoint", ["before", "between", "after"])
def test_verification_since_a_checkpoint_knows_it_too(
    crew: Crew, tmp_path: Path, checkpoint: str
) -> None:
    *_, note = executed(crew, tmp_path / "合同", checkpoint=checkpoint)
    report = check(crew.firm, since=note)
    assert (report.verdict, report.findings) == ("valid", ())


def test_another_payload_that_was_taken_away_is_still_missing(crew: Crew, tmp_path: Path) -> None:
    _, staying, _ = executed(crew, tmp_path / "合同")
    with hand_in(crew.firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM sealed WHERE position = ?", (staying,))
    report = check(crew.firm)
    assert report.verdict == "unverifiable"
    assert codes(report) == [("sealed_missing", staying)]
    assert report.findings[0].expected
    assert report.findings[0].stream


def test_a_payload_that_was_put_back_is_found(crew: Crew, tmp_path: Path) -> None:
    """From a backup of the database: the key is gone, but so should be the ciphertext."""
    with crew.open() as site:
        (record,) = site.ripe(tmp_path / "合同")
        ((position, _, event, _), *_) = site.ledger.events_of(record)
        with hand_in_reading(crew) as connection:
            data = value(connection, "SELECT ciphertext FROM sealed WHERE position = ?", position)
        site.execute(site.approved(copies_of(site.ledger, [record])))
    with hand_in(crew.firm.path / "ledger.db") as connection:
        connection.execute("INSERT INTO sealed VALUES (?, ?)", (position, data))
    report = check(crew.firm)
    assert report.verdict == "invalid"
    assert places(report) == [("sealed_not_erased", position, event.stream, "sealed")]


def hand_in_reading(crew: Crew) -> Any:
    import sqlite3
    from contextlib import closing

    return closing(sqlite3.connect(crew.firm.path / "ledger.db"))


def test_texts_left_by_a_client_that_did_not_delete_them(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.effects.destroying.sealed_under", lambda *_: [])
    erased, *_ = executed(crew, tmp_path / "合同")
    report = check(crew.firm)
    assert report.verdict == "invalid"
    assert codes(report) == [("sealed_not_erased", position) for position in erased]


def test_a_destruction_that_nobody_signed_excuses_nothing(crew: Crew, tmp_path: Path) -> None:
    """Its note was changed, so its word about what was erased is nobody's."""
    erased, *_ = executed(crew, tmp_path / "合同")
    with hand_in(crew.firm.path / "ledger.db") as connection:
        entry = value(
            connection, "SELECT max(entry) FROM events WHERE topic = ?",
            "destruction_case.destruction_executed",
        )  # fmt: skip
        data = value(connection, "SELECT data FROM commits WHERE entry = ?", entry)
        changed = data.replace(b"client muniment/", b"client muniment/9")
        connection.execute("UPDATE commits SET data = ? WHERE entry = ?", (changed, entry))
    found = codes(check(crew.firm))
    assert {position for code, position in found if code == "sealed_missing"} == set(erased)
    assert any(code != "sealed_missing" for code, _ in found)


def test_a_row_that_no_entry_covers_excuses_nothing(crew: Crew, tmp_path: Path) -> None:
    """Somebody deletes a payload and slips in a row that says its key was shredded."""
    with crew.open() as site:
        gone, kept = site.ripe(tmp_path / "合同", 2)
        site.execute(site.approved(copies_of(site.ledger, [gone])))
        ((position, _, event, _), *_) = site.ledger.events_of(kept)
        assert event.sealed
        key = event.sealed.key
    with hand_in(crew.firm.path / "ledger.db") as connection:
        row = connection.execute(
            "SELECT position, stream, version, topic, entry, state FROM events WHERE topic = ?",
            ("destruction_case.destruction_executed",),
        ).fetchone()
        last = value(connection, "SELECT max(position) FROM events")
        old = decode_event(row[5])
        assert isinstance(old, DestructionExecuted)
        state = row[5].replace(old.keys[0].encode(), key.encode())
        connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
            (last + 1, row[1], row[2] + 1, row[3], row[4], state),
        )
        connection.execute("DELETE FROM sealed WHERE position = ?", (position,))
    found = codes(check(crew.firm))
    assert ("sealed_missing", position) in found
    assert ("event_unknown", last + 1) in found


def test_a_signed_statement_that_another_key_was_shredded_is_believed_and_shows_its_payloads(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder without rules: what it says is genuine, and its payloads are still there."""
    with crew.open() as site:
        gone, kept = site.ripe(tmp_path / "合同", 2)
        case = site.approved(copies_of(site.ledger, [gone]))
        event = site.ledger.events_of(kept)[0][2]
        assert event.sealed
        fields = {
            "root": site.state(case).root, "technique": "overwrite", "started_at": now(),
            "ended_at": now(), "keys": [event.sealed.key],
        }  # fmt: skip
        monkeypatch.setattr("ledger.recorder.judge_commit", lambda *_: [])
        site.ledger.act(site.person("chen"), [Proposal(DestructionExecuted, case, fields)])
    report = check(crew.firm)
    assert {finding.code for finding in report.findings} == {"sealed_not_erased"}
