"""Verification in several processes: the same findings as in one, whatever is wrong."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.parallel import Executor, Pending, processes
from ledger.tlog.commit import Entry, SignedCommit, sign
from ledger.verification import ranges
from ledger.verification.database import StoredSource, connect, reopened
from ledger.verification.findings import Report
from ledger.verification.ranges import Passed, Span, examine, hinted_keys
from ledger.verification.stored import verify_folder
from ledger.verify import verify
from tests.ledger.ledgers import Firm, small_act
from tests.ledger.tampering import (
    COLLECTED,
    LAST,
    REVIEWED,
    busy,
    busy_template,
    change,
    database,
    flipped,
    hand_in,
    tiled,
    tiled_template,
)
from tests.ledger.test_verify_bytes import CONTENT, TEXTS, spots

__all__ = ["busy", "busy_template", "database", "tiled", "tiled_template"]


@pytest.fixture(scope="module")
def two() -> Iterator[Executor]:
    with processes(2) as executor:
        yield executor


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small ledger has several."""
    monkeypatch.setattr(ranges, "EVENTS", 4)


def both(firm: Firm, executor: Executor, **options: Any) -> Report:
    """What two processes find, which must be what one finds."""
    folder = Folder(firm.path)
    report = verify_folder(folder, executor=executor, **options)
    assert report == verify_folder(folder, **options)
    return report


def run(database: Path, sql: str, *values: object) -> None:
    with hand_in(database) as connection:
        connection.execute(sql, values)


def swap_events(database: Path) -> None:
    with hand_in(database) as connection:
        for old, new in ((COLLECTED, -1), (COLLECTED + 2, COLLECTED), (-1, COLLECTED + 2)):
            connection.execute("UPDATE events SET position = ? WHERE position = ?", (new, old))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "an event byte": lambda d: change(d, "events", "state", "position", COLLECTED, 50),
    "a byte of an event of its own": lambda d: change(
        d, "events", "state", "position", REVIEWED, 50
    ),
    "a note byte": lambda d: change(d, "commits", "data", "entry", 3, 100),
    "a signature byte": lambda d: change(d, "commits", "data", "entry", 3, -9),
    "the accepted time": lambda d: change(d, "commits", "data", "entry", 5, 20),
    "a leaf hash": lambda d: change(d, "commits", "leaves", "entry", 2, 40),
    "a sealed byte": lambda d: change(d, "sealed", "ciphertext", "position", COLLECTED, 30),
    "two events that changed places": swap_events,
    "a deleted event": lambda d: run(d, "DELETE FROM events WHERE position = ?", COLLECTED),
    "a deleted entry": lambda d: run(d, "DELETE FROM commits WHERE entry = 4"),
    "entry 0 deleted": lambda d: run(d, "DELETE FROM commits WHERE entry = 0"),
    "a deleted payload": lambda d: run(d, "DELETE FROM sealed WHERE position > 17"),
    "an event before the first": lambda d: run(
        d, "UPDATE events SET position = -4 WHERE position = ?", COLLECTED
    ),
    "an entry beyond the last": lambda d: run(d, "UPDATE commits SET entry = 4000 WHERE entry = 4"),
    "an entry before the first": lambda d: run(d, "UPDATE commits SET entry = -3 WHERE entry = 4"),
    "where an entry begins": lambda d: run(d, "UPDATE commits SET first = 3 WHERE entry = 3"),
    "whose entry an event is": lambda d: run(
        d, "UPDATE events SET entry = 6 WHERE position > ?", COLLECTED
    ),
    "a topic that hides an enrolment": lambda d: run(
        d, "UPDATE events SET topic = 'record.collected' WHERE topic = 'actor.registered'"
    ),
    "nobody has signed": lambda d: run(d, "DELETE FROM signers"),
    "no head": lambda d: run(d, "DELETE FROM head"),
    "a deleted tail": lambda d: run(d, "DELETE FROM commits WHERE entry > 4"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_is_found_alike(
    busy: Firm, database: Path, two: Executor, damage: str
) -> None:
    DAMAGES[damage](database)
    assert both(busy, two).verdict != "valid", damage


def test_two_of_them_at_once(busy: Firm, database: Path, two: Executor) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    for damage in random.Random(seed).sample(sorted(set(DAMAGES) - {"no head"}), 4):
        with suppress(ValueError, sqlite3.Error):  # another one took the row away
            DAMAGES[damage](database)
        assert both(busy, two).verdict != "valid", damage


def test_some_bytes_of_content(busy: Firm, database: Path, two: Executor) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with closing(sqlite3.connect(database)) as connection:
        within = [spot for spot in spots(connection) if spot[1] not in {spot[2], *TEXTS}]
    chosen = chance.sample(within, 25)
    for table, column, key, row, at in chosen:
        change(database, table, column, key, row, at)
        assert both(busy, two).verdict != "valid", (table, row, at)
        change(database, table, column, key, row, at)  # the same bit: as it was


def test_a_ledger_that_nobody_touched(tiled: Firm, two: Executor) -> None:
    report = both(tiled, two)
    assert (report.verdict, report.findings) == ("valid", ())


def test_most_entries_are_summed_up_and_none_that_others_are_judged_by(tiled: Firm) -> None:
    with closing(connect(tiled.path / "ledger.db")) as connection:
        source = StoredSource(connection)
        key = Folder(tiled.path).pinned_key()
        passed = examine(source, Span(0, 1 << 40, key.name, hinted_keys(source)))
        size = source.head()
        assert size is not None
        left = {*range(size.entries)} - {one.entry for one in passed}
        closely = {
            row[0] for row in connection.execute(
                "SELECT entry FROM events WHERE substr(topic, 1, 6) IN "
                "('ledger', 'policy', 'party.', 'actor.', 'engage', 'draft.')"
            )
        }  # fmt: skip
    assert 0 in left
    assert left == closely


def test_a_key_that_nobody_enrolled_is_no_hint_that_is_believed(busy: Firm) -> None:
    """A range examined with another key for the same name and id is looked at again."""
    with closing(connect(busy.path / "ledger.db")) as connection:
        source = StoredSource(connection)
        key = Folder(busy.path).pinned_key()
        false = {name: bytes(31) + b"\1" for name in hinted_keys(source)}
        passed = examine(source, Span(0, 1 << 40, key.name, false))
        assert passed == []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranges, "hinted_keys", lambda _: false)
            assert verify(source, key).verdict == "valid"


def test_a_signer_who_counts_more_events_than_there_are(busy: Firm, database: Path) -> None:
    """Six events under a signed root, and a seventh that the same signature only counts."""
    with busy.open() as ledger:
        key = ledger.acting(busy.founded.actor).key
    with hand_in(database) as connection:
        sql = "SELECT data, entry FROM commits WHERE first = ?"
        data, entry = connection.execute(sql, (COLLECTED - 1,)).fetchone()
        told = Entry.parse(data)
        note = replace(told.commit.note, count=7)
        forged = Entry(told.accepted, SignedCommit.assemble(note, [sign(note, key)])).format()
        sql = 'UPDATE commits SET data = ?, "count" = 7 WHERE entry = ?'
        connection.execute(sql, (forged, entry))
    with closing(connect(database)) as connection:
        source, ours = StoredSource(connection), Folder(busy.path).pinned_key()
        passed = examine(source, Span(0, 1 << 40, ours.name, hinted_keys(source)))
    assert entry not in {one.entry for one in passed}
    assert verify_folder(Folder(busy.path)).verdict == "invalid"


class Remembering:
    """An executor whose ranges say what was so before the damage, and a little more."""

    width = 2

    def __init__(self, before: Sequence[Passed], told: Callable[[Passed], Passed]) -> None:
        self._before = before
        self._told = told

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Pending[Any]:
        if isinstance(span := arguments[0], Span):
            entries = range(span.first, span.end)
            return _Told([self._told(one) for one in self._before if one.entry in entries])
        return _Told(function(*arguments))


class _Told(Pending[Any]):
    def __init__(self, found: object) -> None:
        self._found = found

    def result(self) -> Any:
        return self._found


def remembered(firm: Firm, told: Callable[[Passed], Passed]) -> str:
    """The verdict over a damaged event, by ranges that were examined before."""
    database, key = firm.path / "ledger.db", Folder(firm.path).pinned_key()
    with closing(connect(database)) as connection:
        source = StoredSource(connection)
        before = examine(source, Span(0, 1 << 40, key.name, hinted_keys(source)))
    change(database, "events", "state", "position", COLLECTED, 50)
    with closing(connect(database)) as connection:
        return verify(
            StoredSource(connection), key, executor=Remembering(before, told),
            reopen=_Again(database),
        ).verdict  # fmt: skip


def test_a_summary_is_what_an_entry_is_judged_by(busy: Firm) -> None:
    assert remembered(busy, lambda one: one) == "valid"


@pytest.mark.parametrize(
    "told",
    [
        lambda one: one._replace(first=one.first + 1),
        lambda one: one._replace(entry=one.entry + 1),
        lambda one: one._replace(authors=frozenset({("actor-7", "custodian")})),
        lambda one: one._replace(missing=((COLLECTED, "key-7"),)),
        lambda one: one._replace(
            signatures=tuple(s._replace(public=bytes(32)) for s in one.signatures)
        ),
        lambda one: one._replace(
            signatures=tuple(s._replace(name="example.com/a/nobody") for s in one.signatures)
        ),
    ],
    ids=["position", "entry", "author", "payload", "key", "nobody"],
)
def test_a_summary_that_does_not_fit_is_not_believed(
    busy: Firm, told: Callable[[Passed], Passed]
) -> None:
    """Where it does not join, or says what cannot be seen from here, the entry is looked at."""
    assert remembered(busy, told) == "invalid"


class _Again:
    def __init__(self, database: Path) -> None:
        self._database = database

    def __call__(self) -> Any:
        return reopened(self._database)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.sets(st.integers(-2, 9)), at=st.integers(0, 1 << 20), table=st.integers(0, 4))
def test_any_cut_into_ranges(
    busy: Firm, database: Path, cuts: set[int], at: int, table: int
) -> None:
    """Ranges may begin anywhere, and end before the last entry or beyond it."""
    content, column, key = CONTENT[table]
    with hand_in(database) as connection:
        row, data = connection.execute(
            f"SELECT {key}, {column} FROM {content} WHERE length({column}) > 0 "
            f"ORDER BY ({key} * 7919) % 1009 LIMIT 1"
        ).fetchone()
        sql = f"UPDATE {content} SET {column} = ? WHERE {key} = ?"
        connection.execute(sql, (flipped(data, at % len(data)), row))
    whole = verify_folder(Folder(busy.path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredSource, "ranges", lambda *_: sorted(cuts - {0}))
        assert verify_folder(Folder(busy.path)) == whole
    with hand_in(database) as connection:
        connection.execute(sql, (data, row))


def test_what_is_new_since_a_checkpoint(tiled: Firm, database: Path, two: Executor) -> None:
    since = (tiled.path.parent / "since").resolve()
    with tiled.open() as ledger:
        since.write_bytes(ledger.sign_checkpoint())
        admin = ledger.acting(tiled.founded.actor)
        for _ in range(30):
            ledger.act(admin, [small_act(ledger.seen()[0])])
    report = both(tiled, two, since=since.read_bytes())
    assert (report.verdict, report.commits) == ("valid", 30)
    change(tiled.path / "ledger.db", "events", "state", "position", LAST + 400, 60)
    assert both(tiled, two, since=since.read_bytes()).verdict == "valid"  # it lies before
    assert both(tiled, two).verdict == "invalid"


def test_a_payload_that_is_erased_meanwhile(busy: Firm, database: Path, two: Executor) -> None:
    """It was there when the reading began, and so does nobody miss it yet."""
    with closing(connect(database)) as connection:
        source = StoredSource(connection)
        assert source.head() is not None
        run(database, "DELETE FROM sealed WHERE position >= ?", COLLECTED)
        report = verify(
            source, Folder(busy.path).pinned_key(), executor=two, reopen=_Again(database)
        )  # fmt: skip
    assert (report.verdict, report.findings) == ("valid", ())
    assert {one.code for one in both(busy, two).findings} == {"sealed_missing"}


def test_a_ledger_that_grows_meanwhile(tiled: Firm, two: Executor) -> None:
    """Every reading ends where the first one found the head."""
    folder = Folder(tiled.path)
    with closing(connect(folder.database)) as connection:
        source = StoredSource(connection)
        before = source.head()
        assert before is not None
        with tiled.open() as ledger:
            admin = ledger.acting(tiled.founded.actor)
            for _ in range(20):
                ledger.act(admin, [small_act(ledger.seen()[0])])
        report = verify(
            source, folder.pinned_key(), executor=two, reopen=_Again(folder.database)
        )  # fmt: skip
    assert (report.verdict, report.findings, report.commits) == ("valid", (), before.entries)
    assert both(tiled, two).commits == before.entries + 20


def test_the_tables_are_looked_at_meanwhile(busy: Firm, database: Path, two: Executor) -> None:
    folder = Folder(busy.path)
    assert inspect(folder, executor=two) == inspect(folder)
    run(database, "UPDATE inventory SET state = 'destroyed'")
    found = inspect(folder, executor=two)
    assert found == inspect(folder)
    assert {one.code for one in found.findings} == {"projection_differs"}
    change(database, "events", "state", "position", COLLECTED, 50)
    assert inspect(folder, executor=two) == inspect(folder)


def test_a_folder_that_is_gone_meanwhile(busy: Firm, two: Executor, tmp_path: Path) -> None:
    with pytest.raises(MunimentError, match=r"there is no ledger\.db"):
        two.submit(
            ranges.examine_reopened, _Again(tmp_path / "none" / "ledger.db"), _nothing()
        ).result()


def _nothing() -> Span:
    return Span(0, 1, "example.com/ledger", {})
