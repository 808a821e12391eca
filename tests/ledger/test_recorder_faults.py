"""Two writers, and whatever can go wrong inside the transaction: all or nothing, never a fork."""

from __future__ import annotations

import pkgutil
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import acts, rebuild
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.errors import ConflictError, MunimentError, RefusedError, VerificationError
from ledger.recorder import CustodyRecorder
from ledger.schema import APPEND_ONLY, engine_for
from ledger.tlog.merkle import leaf_hash, tree_root
from ledger.tree import StoredTree
from tests.ledger.ledgers import buyer, dump, sign_events, signed_by, small_act


def check_whole(ledger: Ledger) -> int:
    """Entries and positions are dense, the head is the tree's, the projections are the events'."""
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT entry, first, count, data FROM commits ORDER BY entry"
        ).all()
        tree = StoredTree(connection)
        positions = connection.exec_driver_sql("SELECT position FROM events ORDER BY position")
        assert [row[0] for row in rows] == list(range(tree.head.entries))
        assert list(positions.scalars()) == list(range(1, tree.head.events + 1))
        firsts = [1 + sum(row[2] for row in rows[:i]) for i in range(len(rows))]
        assert [row[1] for row in rows] == firsts
        assert tree.head.root == tree_root([leaf_hash(row[3]) for row in rows])
        assert rebuild.check(connection) == []
    return tree.head.entries


# -- append-only tables -------------------------------------------------------------------------


def row_of(table: str) -> str:
    """The SQL that puts a row in an append-only table that may be empty."""
    return {
        "tiles": "INSERT INTO tiles VALUES (9, 9, x'00')",
        "checkpoints": "INSERT INTO checkpoints VALUES (99, 1, x'00')",
        "anchors": "INSERT INTO anchors VALUES (99, 1, x'00', x'00')",
    }.get(table, "SELECT 1")


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "UPDATE OR IGNORE {table} SET {column} = {column}",
        """INSERT INTO {table} SELECT * FROM {table} WHERE true
        ON CONFLICT DO UPDATE SET {column} = excluded.{column}""",
    ],
)
def test_what_was_appended_is_not_changed(ledger: Ledger, table: str, statement: str) -> None:
    column = {"events": "state", "packs": "data", "commits": "data", "tiles": "data"}
    sql = statement.format(table=table, column=column.get(table, "note"))
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql(row_of(table))
        before = dump(connection)
        with pytest.raises(sa.exc.IntegrityError, match=f"{table} is append-only"):
            connection.exec_driver_sql(sql)
        assert dump(connection) == before


# -- two writers --------------------------------------------------------------------------------


@pytest.fixture
def rival(ledger: Ledger) -> Iterator[CustodyRecorder]:
    """Another recorder on the same database, as a process that ignores the writer's lock has."""
    engine = engine_for(ledger.folder.database)
    recorder = CustodyRecorder(engine, SystemClock())
    yield recorder
    recorder.close()
    engine.dispose()


def test_two_recorders_take_turns_on_one_head(
    ledger: Ledger, admin: Acting, second_person: Acting, rival: CustodyRecorder
) -> None:
    start = ledger.seen()[0]
    for number in range(5):
        _, mine = signed_by(ledger, admin, [small_act(number)])
        _, theirs = signed_by(ledger, second_person, [small_act(100 + number)])
        assert ledger.log.record(mine).entry == start + 2 * number
        assert rival.record(theirs).entry == start + 2 * number + 1
    assert check_whole(ledger) == start + 10


def test_one_note_given_to_two_recorders_is_recorded_once(
    ledger: Ledger, admin: Acting, rival: CustodyRecorder
) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    first, again = ledger.log.record(submission), rival.record(submission)
    assert (first.entry, first.repeated, again.entry, again.repeated) == (
        first.entry, False, first.entry, True,
    )  # fmt: skip
    check_whole(ledger)


def test_a_stale_head_never_forks_the_ledger(
    ledger: Ledger,
    admin: Acting,
    second_person: Acting,
    rival: CustodyRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even a recorder that does not look at the head again is stopped by the database."""
    _, theirs = signed_by(ledger, second_person, [small_act(1)])
    assert rival.tree.head.entries == ledger.seen()[0]
    ledger.act(admin, [small_act(2)])
    before = dump(ledger.engine)
    monkeypatch.setattr(rival.tree, "refresh", lambda: False)
    with pytest.raises(ConflictError):
        rival.record(theirs)
    assert dump(ledger.engine) == before
    assert rival.record(theirs).entry == ledger.seen()[0] - 1
    check_whole(ledger)


def test_the_head_advances_by_compare_and_swap(ledger: Ledger) -> None:
    other = engine_for(ledger.folder.database)
    with other.connect() as one, ledger.engine.connect() as two:
        mine, theirs = StoredTree(one), StoredTree(two)
        mine.advance(bytes(32), 1, "2999-01-01T00:00:00.000Z")
        with pytest.raises(ConflictError, match="moved on"):
            theirs.advance(bytes([1]) * 32, 1, "2999-01-01T00:00:00.000Z")
    other.dispose()


def test_what_another_writer_revoked_is_known_even_after_a_look_at_the_head(
    ledger: Ledger, admin: Acting, second_person: Acting, rival: CustodyRecorder
) -> None:
    """Reading the head must not hide that it moved: cached keys and roles go with it."""
    ledger.act(second_person, [small_act(1)])  # now the second person's keys are cached
    revoke = acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")
    _, revoking = signed_by(ledger, admin, [revoke])
    rival.record(revoking)
    ledger.seen()
    with pytest.raises(RefusedError, match="key_revoked"):
        ledger.act(second_person, [small_act(2)])


def test_threads_with_recorders_of_their_own_write_one_line(
    ledger: Ledger, admin: Acting, second_person: Acting, rival: CustodyRecorder
) -> None:
    rounds, start = 15, ledger.seen()[0]
    recorded: list[int] = []
    failures: list[BaseException] = []

    def write(acting: Acting, recorder: CustodyRecorder, first: int) -> None:
        try:
            for number in range(first, first + rounds):
                events, _ = ledger.build(acting, [small_act(number)])
                recorded.append(persist(acting, recorder, events))
        except BaseException as error:  # noqa: BLE001  shown by the test's thread
            failures.append(error)

    def persist(acting: Acting, recorder: CustodyRecorder, events: list[Any]) -> int:
        while True:
            try:
                return recorder.record(sign_events(ledger, acting, events, {})).entry
            except ConflictError:
                continue

    threads = [
        threading.Thread(target=write, args=(admin, ledger.log, 1_000)),
        threading.Thread(target=write, args=(second_person, rival, 2_000)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(recorded) == list(range(start, start + 2 * rounds))
    assert check_whole(ledger) == start + 2 * rounds


def test_threads_of_one_ledger_take_turns(
    ledger: Ledger, admin: Acting, second_person: Acting
) -> None:
    start, failures = ledger.seen()[0], []

    def write(acting: Acting, first: int) -> None:
        try:
            for number in range(first, first + 15):
                ledger.act(acting, [small_act(number)])
                if number % 5 == 0:
                    ledger.sign_checkpoint()
        except BaseException as error:  # noqa: BLE001  shown by the test's thread
            failures.append(error)

    threads = [
        threading.Thread(target=write, args=(who, first))
        for who, first in ((admin, 1_000), (second_person, 2_000))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert check_whole(ledger) == start + 30


# -- faults inside the transaction --------------------------------------------------------------


class Injected(Exception):  # noqa: N818  it is no error of ours
    """What the tests throw into the works."""


class Tripwire:
    """Fails before or after the `number`-th statement that a database is given."""

    def __init__(self) -> None:
        self.number, self.when, self.run = 0, "", list[str]()

    def set(self, number: int, when: str) -> None:
        self.number, self.when, self.run = number, when, []

    def watch(self, when: str, statement: str) -> None:
        if when == "before":
            self.run.append(statement)
        if when == self.when and len(self.run) == self.number:
            self.number = 0
            raise Injected(statement)


@pytest.fixture
def tripwire(monkeypatch: pytest.MonkeyPatch) -> Tripwire:
    """To be asked for before the ledger: its connections stumble over it."""
    wire, connect = Tripwire(), sqlite3.connect

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = ()) -> Any:
            wire.watch("before", sql)
            super().execute(sql, values)
            wire.watch("after", sql)
            return self

        def executemany(self, sql: str, rows: Any) -> Any:
            wire.watch("before", sql)
            super().executemany(sql, rows)
            wire.watch("after", sql)
            return self

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Connection))
    return wire


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failure_at_any_statement_changes_nothing_and_the_act_can_be_repeated(
    tripwire: Tripwire, ledger: Ledger, admin: Acting, when: str
) -> None:
    """{statement} x {failed and not done, failed but done}: the answer may be lost, never half."""
    _, submission = signed_by(ledger, admin, [buyer(), small_act()])
    before, start = dump(ledger.engine), ledger.seen()[0]
    number, done = 0, False
    while not done:
        number += 1
        tripwire.set(number, when)
        try:
            done = not ledger.log.record(submission).repeated
        except Injected:
            tripwire.set(0, "")
            if when == "after" and has_grown(ledger, start):
                assert ledger.log.record(submission).repeated  # recorded, the answer was lost
                done = True
            else:
                assert dump(ledger.engine) == before
    tripwire.set(0, "")
    assert number > 10
    assert check_whole(ledger) == start + 1
    ledger.act(admin, [small_act(2)])


def has_grown(ledger: Ledger, start: int) -> bool:
    with ledger.engine.connect() as connection:
        return StoredTree(connection).head.entries > start


STEPS = [
    "ledger.recorder.check_events",
    "ledger.recorder.check_signers",
    "ledger.recorder.judge_commit",
    "ledger.recorder.CustodyRecorder._insert_all",
    "ledger.recorder.CustodyRecorder._reread",
    "ledger.facts.LedgerFacts.signed",
    "ledger.facts.LedgerFacts.keep",
    "ledger.facts.LedgerFacts.policy",
    "ledger.recorder.project",
    "projections.people.People.apply",
    "ledger.tree.StoredTree.advance",
]


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_in_any_step_changes_nothing_and_the_next_act_works(
    ledger: Ledger,
    admin: Acting,
    second_person: Acting,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    persisted: bool,
) -> None:
    revoke = acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")
    _, submission = signed_by(ledger, admin, [revoke])
    before, real = dump(ledger.engine), resolve(step)

    def fail(*args: Any, **options: Any) -> Any:
        if persisted:
            real(*args, **options)
        raise Injected(step)

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        with pytest.raises(Injected):
            ledger.log.record(submission)
    assert dump(ledger.engine) == before
    ledger.act(second_person, [small_act(1)])  # nothing of the failed act is remembered
    check_whole(ledger)


def resolve(path: str) -> Callable[..., Any]:
    parts = path.split(".")
    found: Callable[..., Any] = pkgutil.resolve_name(f"{'.'.join(parts[:2])}:{'.'.join(parts[2:])}")
    return found


def test_an_interrupt_is_passed_on_and_changes_nothing(
    ledger: Ledger, admin: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(ledger.engine)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ledger.tree.StoredTree.advance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ledger.act(admin, [small_act()])
    assert dump(ledger.engine) == before
    ledger.act(admin, [small_act()])


@pytest.mark.parametrize("part", ["events", "commits", "sealed"])
def test_what_reads_back_differently_is_not_acknowledged(
    ledger: Ledger, admin: Acting, part: str
) -> None:
    """A disk that keeps something else than it was given: here, a trigger that changes it."""
    column = {"events": "state", "commits": "data", "sealed": "ciphertext"}[part]
    run = ledger.log.writer.exec_driver_sql
    if part != "sealed":
        run(f"DROP TRIGGER {part}_no_update")
    run(
        f"CREATE TEMP TRIGGER liar AFTER INSERT ON main.{part} BEGIN UPDATE {part} SET {column} = "
        f"CAST(substr({column}, 1, length({column}) - 1) || x'00' AS BLOB) "
        "WHERE rowid = NEW.rowid; END"
    )
    before = dump(ledger.engine)
    with pytest.raises(VerificationError, match="reads back differently"):
        ledger.act(admin, [buyer()])
    assert dump(ledger.engine) == before
    run("DROP TRIGGER liar")
    ledger.act(admin, [buyer()])
    check_whole(ledger)


@pytest.mark.parametrize("spare", range(4))
def test_a_full_database_is_said_clearly_and_nothing_is_half_written(
    ledger: Ledger, admin: Acting, spare: int
) -> None:
    run = ledger.log.writer.exec_driver_sql
    pages = run("PRAGMA page_count").scalar() or 0
    run(f"PRAGMA max_page_count = {pages + spare}")
    proposal = [buyer("很长的名字" * 2_000 * (1 + spare))]
    before = dump(ledger.engine)
    with pytest.raises(MunimentError, match="database or disk is full") as caught:
        ledger.act(admin, proposal)
    assert "nothing was recorded" in caught.value.message
    assert caught.value.remedy
    assert dump(ledger.engine) == before
    run("PRAGMA max_page_count = 1000000")
    ledger.act(admin, proposal)
    check_whole(ledger)


def test_random_faults_and_random_acts_leave_one_line(
    tripwire: Tripwire, ledger: Ledger, admin: Acting
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    start, recorded = ledger.seen()[0], 0
    for number in range(40):
        tripwire.set(dice.randint(1, 60), dice.choice(["before", "after"]))
        try:
            ledger.act(admin, [buyer() if dice.random() < 0.5 else small_act(number)])
            recorded += 1
        except (Injected, MunimentError):  # a fault while a connection is being set up is told
            recorded += has_grown(ledger, start + recorded)
        tripwire.set(0, "")
        assert ledger.seen()[0] == start + recorded
    assert 0 < recorded < 40
    check_whole(ledger)
