"""What is saved of damaged ledgers: all that is still proved, and nothing that is not."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.errors import LockedError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.privatekey import PrivateKey, generate
from ledger.salvage.export import salvage
from ledger.signing import Cosigner, commit_note, sign_all
from ledger.tlog.commit import Entry
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm, small_act
from tests.ledger.salvaged import Salvaged, read_salvaged
from tests.ledger.tampering import COLLECTED, LAST, REVIEWED, change, hand_in, value
from tests.ledger.test_verify_erased import executed
from tests.ledger.test_verify_tamper import postpone

PAGE = 16384


class Patient(NamedTuple):
    """A ledger to be damaged, and what its events and payloads were."""

    firm: Firm
    database: Path
    events: dict[int, bytes]
    sealed: dict[int, bytes]

    def saved(self, name: str = "saved", kept: tuple[bytes, ...] = ()) -> Salvaged:
        """Salvage, check what is claimed, and that the damaged folder is as it was."""
        folder = Folder(self.firm.path)
        out = self.firm.path.with_name(name)
        before = sorted((p, p.read_bytes()) for p in folder.path.rglob("*") if p.is_file())
        salvage(folder, out, kept=kept)
        after = sorted((p, p.read_bytes()) for p in folder.path.rglob("*") if p.is_file())
        assert before == after, "something in the damaged folder was changed"
        found = read_salvaged(out, folder.pinned_key())
        assert found.proved <= set(self.events.values()), "an event that never was"
        for path in (out / "sealed").glob("*"):
            assert self.sealed[int(path.name)] == path.read_bytes()
        return found

    @property
    def out(self) -> Path:
        return self.firm.path.with_name("saved")


@pytest.fixture
def patient(busy: Firm, database: Path) -> Patient:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        events = dict(connection.execute("SELECT position, state FROM events"))
        sealed = dict(connection.execute("SELECT position, ciphertext FROM sealed"))
    return Patient(busy, database, events, sealed)


def ranges(found: Salvaged, what: str, how: str) -> list[list[int]]:
    told: list[list[int]] = found.report[what][how]
    return told


def test_nothing_is_lost_of_a_ledger_that_nobody_damaged(patient: Patient) -> None:
    found = patient.saved()
    assert found.events == patient.events
    counts = found.report["entries"]
    assert (counts["lost"], counts["unproved"], counts["size"]) == ([], [], 7)
    # Five entries are in the last checkpoint; the sixth was seen by whoever signed the last.
    assert (counts["checkpoint"], counts["seen"], counts["signed"]) == (5, 1, 1)
    assert found.report["sealed"] == {"whole": len(patient.sealed)}
    assert found.report["vault"] == {}
    assert len(list((patient.out / "packs").glob("*.toml"))) == len(found.report["packs"]) == 1


def test_the_same_damage_gives_the_same_bytes(patient: Patient) -> None:
    change(patient.database, "events", "state", "position", COLLECTED, 100)
    patient.saved()
    patient.saved("again")
    first, second = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (patient.out, patient.out.with_name("again"))
    )
    assert first == second


def test_one_changed_byte_costs_one_event(patient: Patient) -> None:
    change(patient.database, "events", "state", "position", COLLECTED, 100)
    found = patient.saved()
    assert sorted(set(patient.events) - set(found.events)) == [COLLECTED]
    assert ranges(found, "events", "unproved") == [[COLLECTED, COLLECTED]]


def test_a_changed_note_costs_its_entry(patient: Patient) -> None:
    """The entries before it are in the checkpoints, those after it still have their signatures."""
    with hand_in(patient.database) as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = 3")
        forged = data.replace(b"\nclient muniment/0", b"\nclient muniment/9")
        connection.execute("UPDATE commits SET data = ? WHERE entry = 3", (forged,))
    found = patient.saved()
    assert ranges(found, "entries", "unproved") == [[3, 3]]
    assert REVIEWED not in found.events
    assert found.report["signatures"] == {"verified": 6}


def test_a_postponed_entry_keeps_its_events_and_loses_its_place(patient: Patient) -> None:
    postpone(patient.database, 3)
    found = patient.saved()
    assert found.degrees[REVIEWED] == "signed"
    assert found.degrees[COLLECTED] == "seen"  # by those who signed entry 3, that is before it
    assert found.degrees[REVIEWED + 1] == "checkpoint"  # the edge that the head keeps leads there


def test_two_events_that_changed_places_are_put_back(patient: Patient) -> None:
    with hand_in(patient.database) as connection:
        for old, new in ((18, 99), (20, 18), (99, 20)):
            connection.execute("UPDATE events SET position = ? WHERE position = ?", (new, old))
    assert patient.saved().events == patient.events


def test_sealed_texts_that_changed_places_are_not_kept(patient: Patient) -> None:
    with hand_in(patient.database) as connection:
        for old, new in ((18, 99), (20, 18), (99, 20)):
            connection.execute("UPDATE sealed SET position = ? WHERE position = ?", (new, old))
    found = patient.saved()
    assert found.report["sealed"] == {"changed": 2, "whole": len(patient.sealed) - 2}
    assert not {"18", "20"} & {path.name for path in (patient.out / "sealed").iterdir()}


def test_what_was_erased_does_not_come_back(crew: Crew, tmp_path: Path) -> None:
    """Its key was shredded; somebody has put the ciphertext back, or an old page still holds it."""
    database = crew.firm.path / "ledger.db"
    erased, staying, _ = executed(crew, tmp_path / "合同")
    with hand_in(database) as connection:
        for position in erased:
            connection.execute("INSERT INTO sealed VALUES (?, x'00')", (position,))
    salvage(Folder(crew.firm.path), tmp_path / "saved")
    kept = {int(path.name) for path in (tmp_path / "saved" / "sealed").iterdir()}
    assert staying in kept
    assert not set(erased) & kept
    report = json.loads((tmp_path / "saved" / "salvage.json").read_bytes())
    assert report["sealed"]["shredded"] >= len(erased)


@pytest.mark.slow
def test_a_tile_stands_in_for_entries_and_entries_for_a_tile(tiled: Firm) -> None:
    """Entry 100 deleted and entry 300 changed; then the first tile is overwritten as well."""
    database = tiled.path / "ledger.db"
    with tiled.open() as ledger:
        ledger.sign_checkpoint()
    trust = Folder(tiled.path).pinned_key()
    with hand_in(database) as connection:
        connection.execute("DELETE FROM commits WHERE entry = 100")
        data = value(connection, "SELECT data FROM commits WHERE entry = 300")
        forged = data.replace(b"\nclient muniment/0", b"\nclient muniment/9")
        connection.execute("UPDATE commits SET data = ? WHERE entry = 300", (forged,))
        size = value(connection, "SELECT max(size) FROM checkpoints")
    salvage(Folder(tiled.path), tiled.path.with_name("saved"))
    found = read_salvaged(tiled.path.with_name("saved"), trust)
    assert set(range(size)) - set(found.entries) == {100, 300}
    assert {found.report["entries"]["checkpoint"]} == {size - 2}
    with hand_in(database) as connection:
        connection.execute("UPDATE tiles SET data = zeroblob(8192) WHERE number = 0")
    salvage(Folder(tiled.path), tiled.path.with_name("again"))
    again = read_salvaged(tiled.path.with_name("again"), trust)
    degrees = again.report["entries"]
    assert set(again.entries) == set(found.entries)
    # Up to 98 later signers saw them. Those who saw 128 and 256 say what the lost parts of the tree
    # were, so that what lies behind is in the checkpoint; of 99 to 127 only the signers are known.
    assert (degrees["seen"], degrees["signed"]) == (98, 28)
    assert degrees["checkpoint"] == len(again.entries) - 98 - 28


def test_a_deleted_tail_is_said_by_the_checkpoint_that_was_kept(patient: Patient) -> None:
    with patient.firm.open() as ledger:
        kept = ledger.sign_checkpoint()
    with hand_in(patient.database) as connection:
        connection.execute("DELETE FROM checkpoints WHERE size > 5")
        connection.execute("DELETE FROM commits WHERE entry >= 5")
        connection.execute("DELETE FROM events WHERE position >= 26")
    found = patient.saved(kept=(kept,))
    assert found.report["checkpoints"][-1]["fits"] is True  # with the edge that the head still has
    assert ranges(found, "entries", "lost") == [[5, 6]]
    assert set(patient.events) - set(found.events) == {26, 27}


@pytest.mark.parametrize("table", ["events", "commits", "checkpoints", "sealed", "head", "packs"])
def test_a_table_that_was_deleted(patient: Patient, table: str) -> None:
    """Nothing of it is left (pages are overwritten); the others are still worth what they were."""
    with closing(sqlite3.connect(patient.database)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"DROP TABLE {table}")
    if table == "commits":
        found = patient.saved()
        assert (found.entries, found.events) == ({}, {})
        return
    found = patient.saved()
    without_keys = table == "events"  # then nobody but the ledger's own key can be believed
    assert set(found.entries) == set(range(5 if without_keys else 7))
    assert found.events == ({} if table == "events" else patient.events)
    if table == "events":
        assert ranges(found, "events", "lost") == [[1, 25]]
        assert found.report["claimed"] == [[7, LAST]]
        assert ranges(found, "entries", "unproved") == [[5, 6]]


def test_a_table_that_only_the_schema_lost(patient: Patient) -> None:
    """The rows are there and no SQL leads to them any more."""
    with closing(sqlite3.connect(patient.database)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("DELETE FROM sqlite_master WHERE tbl_name IN ('events', 'commits')")
        connection.commit()
    assert patient.saved().events == patient.events


def zero_pages(patient: Patient, starts: Iterable[int]) -> None:
    whole = patient.database.read_bytes()
    for start in starts:
        patient.database.write_bytes(whole[:start] + bytes(PAGE) + whole[start + PAGE :])
        found = patient.saved(f"page-{start // PAGE}")
        assert found.report["database"]["header"] is (start > 0)
        shutil.rmtree(patient.out.with_name(f"page-{start // PAGE}"))


def test_some_pages_zeroed(patient: Patient) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    pages = range(PAGE, patient.database.stat().st_size, PAGE)
    zero_pages(patient, [0, *random.Random(seed).sample(pages, 6)])


@pytest.mark.slow
def test_every_page_zeroed_in_turn(patient: Patient) -> None:
    zero_pages(patient, range(0, patient.database.stat().st_size, PAGE))


def test_a_truncated_file(patient: Patient) -> None:
    whole = patient.database.read_bytes()
    saved = []
    for part in range(8, 0, -1):
        patient.database.write_bytes(whole[: len(whole) * part // 8])
        found = patient.saved(f"part-{part}")
        saved.append(len(found.events))
    assert saved[0] == LAST
    assert saved == sorted(saved, reverse=True)


def test_a_write_ahead_log_is_read(busy: Firm, database: Path, tmp_path: Path) -> None:
    """What was recorded last is in the log alone; without it, what the file has is saved."""
    with busy.open() as ledger:
        ledger.act(ledger.acting(busy.second), [small_act(3)])
        copy = tmp_path / "copy"
        shutil.copytree(busy.path, copy)
    with closing(sqlite3.connect(database)) as connection:
        events = dict(connection.execute("SELECT position, state FROM events"))
    assert (copy / "ledger.db-wal").stat().st_size
    salvage(Folder(copy), tmp_path / "with")
    trust = Folder(copy).pinned_key()
    assert read_salvaged(tmp_path / "with", trust).events == events
    (copy / "ledger.db-wal").unlink()
    salvage(Folder(copy), tmp_path / "without")
    left = read_salvaged(tmp_path / "without", trust).events
    assert set(left.items()) < set(events.items())


def test_what_is_no_database_any_more(patient: Patient) -> None:
    patient.database.write_bytes(random.Random(3).randbytes(200_000))
    with pytest.raises(VerificationError, match="no SQLite database any more"):
        salvage(Folder(patient.firm.path), patient.out)
    assert not patient.out.exists()


def test_the_header_alone_is_gone(patient: Patient) -> None:
    whole = patient.database.read_bytes()
    patient.database.write_bytes(random.Random(5).randbytes(100) + whole[100:])
    found = patient.saved()
    assert found.events == patient.events
    assert found.report["database"]["header"] is False


def test_a_folder_that_is_there_is_left_alone(patient: Patient) -> None:
    patient.out.mkdir()
    (patient.out / "mine").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        salvage(Folder(patient.firm.path), patient.out)
    assert [path.name for path in patient.out.iterdir()] == ["mine"]


def test_not_while_somebody_writes(patient: Patient) -> None:
    with patient.firm.open(), pytest.raises(LockedError):
        salvage(Folder(patient.firm.path), patient.out)
    assert not patient.out.exists()


def add_entry(patient: Patient, state: bytes, key: PrivateKey, at: tuple[int, int]) -> None:
    """An entry over one event, behind the last; `at`: where its rows are put."""
    with closing(sqlite3.connect(patient.database)) as connection:
        root, accepted = connection.execute("SELECT root, accepted FROM head").fetchone()
    note = commit_note("jiejing.example/ledger", [state], (7, root),
                       [Cosigner(key.name, key.verifier.key_id, "administrator")])  # fmt: skip
    data = Entry(accepted, sign_all(note, [key])).format()
    entry, position = at
    with hand_in(patient.database) as connection:
        connection.execute(
            "INSERT INTO events SELECT ?, randomblob(16), 2, topic, ?, ? FROM events WHERE "
            "position = 27", (position, entry, state)
        )  # fmt: skip
        connection.execute("INSERT INTO commits VALUES (?, ?, 1, ?, ?, x'')",
                           (entry, position, bytes.fromhex(note.commit_id), data))  # fmt: skip


def forgers_key(patient: Patient) -> PrivateKey:
    return generate("ed25519", "act", f"jiejing.example/ledger/a/{patient.firm.founded.actor}")


def test_a_forged_entry_of_an_outsider_is_only_readable(patient: Patient) -> None:
    """Signed with a key that nobody enrolled, over an event of its own."""
    forged = patient.events[LAST].replace(b'"version":1', b'"version":2')
    add_entry(patient, forged, forgers_key(patient), (7, 28))
    found = patient.saved()
    assert found.events == patient.events
    assert ranges(found, "entries", "unproved") == [[7, 7]]
    told = (patient.out / "readable.jsonl").read_text().splitlines()
    assert [sorted(json.loads(line)) for line in told] == [
        ["bytes", "entry", "position"], ["bytes", "entry"],
    ]  # fmt: skip


def test_rows_with_absurd_numbers_cost_nothing(patient: Patient) -> None:
    """Nobody counts up to them, and nobody is told that so much was lost."""
    forged = patient.events[LAST].replace(b'"version":1', b'"version":2')
    add_entry(patient, forged, forgers_key(patient), (2**62, 2**61))
    with hand_in(patient.database) as connection:
        connection.execute("INSERT INTO tiles VALUES (0, ?, zeroblob(8192))", (2**39,))
        connection.execute("UPDATE head SET entries = ?, edge = zeroblob(32)", (2**60,))
    found = patient.saved()
    assert found.events == patient.events
    assert ranges(found, "entries", "lost") == ranges(found, "events", "lost") == []


def test_what_was_signed_and_is_no_event_is_kept_as_bytes(patient: Patient) -> None:
    """A line of its own making in the list of events would be taken for one of ours."""
    state = b'{}\n{"event":{"type":"record.destroyed"},"proof":"checkpoint"}'
    with patient.firm.open(writing=False) as ledger:
        key = ledger.acting(patient.firm.founded.actor).key
    patient.events[28] = state
    add_entry(patient, state, key, (7, 28))
    found = patient.saved()
    assert (found.events[28], found.degrees[28]) == (state, "signed")
    lines = (patient.out / "events.jsonl").read_text().splitlines()
    assert (len(lines), "event" in json.loads(lines[-1])) == (28, False)


def test_signed_states_are_kept_where_no_entry_is_left(patient: Patient) -> None:
    """Header, checkpoints and tiles are there: that is not nothing, and it is not silent."""
    with closing(sqlite3.connect(patient.database)) as connection:
        connection.executescript("DROP TABLE events; DROP TABLE commits; VACUUM")
    found = patient.saved()
    assert (found.events, found.entries) == ({}, {})
    assert ranges(found, "entries", "lost") == [[0, 4]], "five were signed to be there"
    assert found.report["claimed"] == [[7, LAST]]
    assert list((patient.out / "checkpoints").glob("*.note"))


def test_a_database_of_something_else_is_not_called_no_database(patient: Patient) -> None:
    patient.database.unlink()
    with closing(sqlite3.connect(patient.database)) as connection:
        connection.execute("CREATE TABLE other (a, b, c)")
        connection.execute("INSERT INTO other VALUES (1, 2, 3)")
        connection.commit()
    with pytest.raises(VerificationError, match="it begins as a SQLite database"):
        salvage(Folder(patient.firm.path), patient.out)


def test_a_checkpoint_that_is_none_is_refused_before_anything_is_written(patient: Patient) -> None:
    with closing(sqlite3.connect(patient.database)) as connection:
        (good,) = connection.execute("SELECT note FROM checkpoints LIMIT 1").fetchone()
    head, _, signatures = good.partition(b"\n\n")
    forged = head.replace(head.splitlines()[1], b"9") + b"\n\n" + signatures
    for bad in (b"", b"no checkpoint", forged, good.replace(b"jiejing", b"jiejinq")):
        with pytest.raises(UsageError) as caught:
            salvage(Folder(patient.firm.path), patient.out, kept=(good, bad))
        assert caught.value.values == {"number": 2}
        assert not patient.out.exists()
    patient.saved(kept=(good, good))


def test_a_pipe_in_the_place_of_the_database(patient: Patient) -> None:
    patient.database.unlink()
    os.mkfifo(patient.database)
    with pytest.raises(VerificationError):
        salvage(Folder(patient.firm.path), patient.out)


def test_a_copied_entry_proves_nothing_twice(patient: Patient) -> None:
    """A genuine entry put in once more at the end: its signatures hold, its place is another's."""
    with hand_in(patient.database) as connection:
        connection.execute(
            "INSERT INTO events SELECT 28, randomblob(16), version, topic, 7, state FROM events "
            "WHERE position = ?", (REVIEWED,)
        )  # fmt: skip
        connection.execute(
            'INSERT INTO commits SELECT 7, 28, "count", randomblob(16), data, leaves FROM commits '
            "WHERE entry = 3"
        )
    found = patient.saved()
    assert sorted(found.events) == list(range(1, LAST + 1))
    assert ranges(found, "entries", "unproved") == [[7, 7]]


def test_the_command_says_what_was_saved(desk: Desk, tmp_path: Path) -> None:
    desk.collect()
    out = desk.did("salvage", "--out", str(tmp_path / "saved"))
    assert "lost" not in out
    whole = (desk.firm.path / "ledger.db").read_bytes()
    with hand_in(desk.firm.path / "ledger.db") as connection:
        entries = value(connection, "SELECT entries FROM head") - 1
        connection.execute("DELETE FROM events WHERE entry = ?", (entries,))
        connection.execute("DELETE FROM commits WHERE entry = ?", (entries,))
    short = desk.run("salvage", "--out", str(tmp_path / "short"))
    assert (short.exit_code, f"{entries + 1} entries" in short.stdout) == (4, True)
    (desk.firm.path / "ledger.db").write_bytes(whole)
    with hand_in(desk.firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM events WHERE position = 5")
    result = desk.run("salvage", "--out", str(tmp_path / "again"))
    assert (result.exit_code, "lost: 5" in result.stdout) == (4, True)
    report = desk.run("salvage", "--out", str(tmp_path / "third"), "--json")
    assert json.loads(report.stdout)["events"]["lost"] == [[5, 5]]
    assert desk.error("salvage", "--out", str(tmp_path / "third"), code=2)["message"]
    bad = str(desk.passphrase)
    desk.error("salvage", "--out", str(tmp_path / "x"), "--checkpoint", bad, code=2)
    with hand_in(desk.firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM events")
        connection.execute("DELETE FROM commits")
    with closing(sqlite3.connect(desk.firm.path / "ledger.db")) as connection:
        connection.execute("VACUUM")
    result = desk.run("salvage", "--out", str(tmp_path / "none"))
    assert (result.exit_code, "No page of the events is left." in result.stdout) == (4, True)


# -- random damage -----------------------------------------------------------------------------


def hurt(whole: bytes, chance: random.Random) -> bytes:
    """Some bytes flipped, or pages zeroed, filled with garbage, swapped, or cut off."""
    data = bytearray(whole)
    size = PAGE
    for _ in range(chance.choice((1, 2, 5, 50))):
        start = chance.randrange(len(data) // size) * size
        other = chance.randrange(len(data) // size) * size
        match chance.randrange(6):
            case 0 | 1:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 2:
                data[start : start + size] = bytes(size)
            case 3:
                at = start + chance.randrange(size)
                data[at : start + size] = chance.randbytes(start + size - at)
            case 4:
                data[start : start + size], data[other : other + size] = (
                    data[other : other + size], data[start : start + size],
                )  # fmt: skip
            case _ if chance.random() < 0.2:
                del data[chance.randrange(size, len(data)) :]
            case _:
                data[start : start + 64] = chance.randbytes(64)
        if len(data) < 2 * size:
            break
    return bytes(data)


def sweep(patient: Patient, rounds: int) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    whole = patient.database.read_bytes()
    saved = 0
    for number in range(rounds):
        patient.database.write_bytes(hurt(whole, random.Random(f"{seed}/{number}")))
        try:
            found = patient.saved(f"round-{number}")
        except VerificationError:
            continue
        saved += len(found.events)
        shutil.rmtree(patient.out.with_name(f"round-{number}"))
    assert saved > rounds, "almost nothing was saved"


def test_some_random_damage(patient: Patient) -> None:
    sweep(patient, 12)


@pytest.mark.slow
def test_much_random_damage(patient: Patient) -> None:
    sweep(patient, 1000)
