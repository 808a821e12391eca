"""What is missing comes back from whoever holds it, and nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ledger import LedgerKeyRotated
from ledger import acts, rebuild, recorder
from ledger.application import Ledger
from ledger.cosigning import set_policy
from ledger.effects.ledgerrestore import BehindLedger
from ledger.effects.recognising import Recognised
from ledger.errors import NoLedgerError, RefusedError, VerificationError
from ledger.folder import Folder
from ledger.founding import enrolment
from ledger.privatekey import generate
from ledger.signing import Proposal
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint, sign_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.note import COSIGNATURE, Note, SignatureLine
from ledger.verification.database import StoredSource
from ledger.verification.rows import CommitRow
from ledger.verification.stored import verify_folder
from projections.view import id_of
from tests.ledger.copies import (
    Kept,
    Story,
    act,
    another,
    fetch,
    forget_pins,
    keep,
    put_back,
    rows,
    story_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.ledger.ledgers import FOUNDING, keep_key, passphrase, small_act
from tests.ledger.signers import ToySigner, signer
from tests.ledger.tampering import change, hand_in


@pytest.mark.parametrize("how", ["copy", "folder", "database"])
def test_what_is_missing_comes_back_to_the_byte(story: Story, how: str) -> None:
    put_back(story.early, story.path)
    other = {"copy": story.late.copy, "folder": story.lost, "database": story.lost / "ledger.db"}
    done = fetch(story.path, other[how])
    assert (done.entries, done.missing, done.beyond, done.going_on) == (3, None, 0, True)
    assert rows(story.path) == rows(story.lost)
    assert verify_folder(Folder(story.path)).verdict == "valid"
    act(story.firm)


def test_entries_keep_the_time_at_which_they_were_accepted(story: Story) -> None:
    put_back(story.early, story.path)
    fetch(story.path, story.late.copy)
    ours, theirs = rows(story.path)["commits"], rows(story.lost)["commits"]
    assert ours == theirs


def test_fetching_in_batches_gives_the_same(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.effects.refetching.MOST_ENTRIES", 1)
    put_back(story.early, story.path)
    assert fetch(story.path, story.late.copy).entries == 3
    assert rows(story.path) == rows(story.lost)


def test_fetching_again_finds_nothing_more(story: Story) -> None:
    put_back(story.early, story.path)
    fetch(story.path, story.late.copy)
    again = fetch(story.path, story.late.copy)
    assert (again.entries, again.states, again.going_on) == (0, 0, True)
    assert rows(story.path) == rows(story.lost)


def test_an_older_copy_brings_nothing_and_lifts_nothing(story: Story, state_home: Path) -> None:
    forget_pins(state_home)
    put_back(story.late, story.path)
    done = fetch(story.path, story.early.copy)
    assert (done.entries, done.going_on) == (0, False)
    with pytest.raises(VerificationError, match="put together from a copy"):
        act(story.firm)


def unchanged(story: Story, other: Path, said: str) -> None:
    """Fetching is refused in these words, and not a row is another one."""
    before = rows(story.path)
    with pytest.raises(VerificationError, match=said):
        fetch(story.path, other)
    assert rows(story.path) == before
    with pytest.raises(VerificationError):
        act(story.firm)


def forked(story: Story, at: Kept) -> Path:
    """Somebody put a copy together behind everybody's back, and acted on it."""
    fork = story.path.with_name("fork")
    put_back(at, fork, complete=True)
    with story.firm._replace(path=fork).open() as ledger:
        admin = ledger.acting(story.firm.founded.actor)
        for number in range(6):
            ledger.act(admin, [small_act(number + 70)])
        ledger.sign_checkpoint()
    return fork


def test_a_fork_is_named_by_the_entry_at_which_it_begins(story: Story, state_home: Path) -> None:
    size = put_back(story.late, story.path).manifest.entries
    forget_pins(state_home)
    fork = forked(story, story.early)
    forget_pins(state_home)
    begins = size - 3
    unchanged_by = f"entry {begins} "
    before = rows(story.path)
    with pytest.raises(VerificationError, match=unchanged_by):
        fetch(story.path, fork)
    assert rows(story.path) == before


def test_a_fork_of_what_was_lost_is_known_by_the_pin(story: Story, state_home: Path) -> None:
    """What is left agrees with both; only the pin tells which of them went on truly."""
    pins = state_home / "muniment" / "pins"
    shutil.copytree(pins, state_home / "kept")
    forget = pins
    shutil.rmtree(forget)
    fork = forked(story, story.early)
    shutil.rmtree(pins)
    shutil.copytree(state_home / "kept", pins)
    put_back(story.early, story.path)
    unchanged(story, fork, "fork of this ledger")


def test_another_ledger_of_the_same_origin_is_refused(story: Story, tmp_path: Path) -> None:
    put_back(story.early, story.path)
    unchanged(story, another(tmp_path, FOUNDING.origin).copy, "another ledger")


@pytest.mark.parametrize(("table", "column", "key", "at"), [
    ("events", "state", "position", -1), ("commits", "data", "entry", -1),
    ("sealed", "ciphertext", "position", -1), ("events", "state", "position", 3),
])  # fmt: skip
def test_a_tampered_ledger_is_refused(
    story: Story, table: str, column: str, key: str, at: int
) -> None:
    put_back(story.early, story.path)
    found = rows(story.lost)[table]
    number = found[at][0]
    assert isinstance(number, int)
    change(story.lost / "ledger.db", table, column, key, number, 60)
    unchanged(story, story.lost, "does not verify|another ledger")


def test_a_truncated_file_is_refused(story: Story) -> None:
    put_back(story.early, story.path)
    database = story.late.copy / "ledger.db"
    whole = database.read_bytes()
    for length in (0, 100, 20_000, len(whole) // 2, len(whole) - 16_384):
        database.write_bytes(whole[:length])
        before = rows(story.path)
        with pytest.raises((VerificationError, NoLedgerError)):
            fetch(story.path, story.late.copy)
        assert rows(story.path) == before


def test_a_ledger_without_its_last_entries_brings_those_that_it_has(story: Story) -> None:
    """Cut off cleanly, with a head to match: what is left is this ledger's, and not all of it."""
    put_back(story.early, story.path)
    middle = story.path.with_name("middle")
    put_back(story.early, middle)
    fetch(middle, story.late.copy)
    done = fetch(story.path, middle)
    assert done.going_on
    with pytest.raises(NoLedgerError, match="no ledger to fetch from"):
        fetch(story.path, middle / "nothing")


def test_a_replica_without_the_sealed_texts_is_no_replacement(story: Story) -> None:
    put_back(story.early, story.path)
    last = max(number for number, _ in rows(story.lost)["sealed"])  # type: ignore[type-var]
    with hand_in(story.lost / "ledger.db") as connection:
        connection.execute("DELETE FROM sealed WHERE position = ?", (last,))
    unchanged(story, story.lost, "1 sealed texts of missing entries are not in it")


def test_what_no_signed_state_covers_is_left_where_it_is(story: Story, state_home: Path) -> None:
    """The accepted time of such an entry is nobody's word: an old draft could be under it."""
    put_back(story.late, story.path)
    act(story.firm)
    forget_pins(state_home)
    tail = story.path
    fresh = story.firm._replace(path=story.path.with_name("fresh"))
    put_back(story.early, fresh.path)
    done = fetch(fresh.path, tail)
    assert (done.entries, done.beyond, done.going_on) == (3, 1, False)
    with pytest.raises(VerificationError, match="put together from a copy"):
        act(fresh)
    with story.firm.open() as ledger:
        ledger.sign_checkpoint()
    done = fetch(fresh.path, tail)
    assert (done.entries, done.beyond, done.going_on) == (1, 0, True)
    act(fresh)


def test_an_act_that_was_never_permitted_is_not_taken_although_the_ledger_signed_it(
    story: Story, monkeypatch: pytest.MonkeyPatch, state_home: Path
) -> None:
    """Whoever holds the keys of ledger and actor went past the rules on another machine."""
    forget_pins(state_home)
    rogue = story.firm._replace(path=story.path.with_name("rogue"))
    put_back(story.early, rogue.path, complete=True)
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "judge_commit", lambda *_: [])
        with rogue.open() as ledger:
            admin = ledger.acting(rogue.founded.actor)
            ledger.act(admin, [small_act(1)])
            ledger.act(admin, [acts.archive(first_record(ledger))])
            ledger.act(admin, [small_act(2)])
            ledger.sign_checkpoint()
    assert verify_folder(Folder(rogue.path)).verdict == "valid", "it is genuine"
    forget_pins(state_home)
    entries = put_back(story.early, story.path).manifest.entries
    with pytest.raises(RefusedError, match=f"entry {entries + 1} .* was never permitted"):
        fetch(story.path, rogue.path)
    with BehindLedger(Folder(story.path), passphrase) as ledger:
        assert ledger.head.size == entries + 1, "what came before it was permitted"
    with pytest.raises(VerificationError, match="put together from a copy"):
        act(story.firm)


def first_record(ledger: Ledger) -> str:
    with ledger.engine.connect() as connection:
        key = connection.exec_driver_sql("SELECT record FROM inventory").scalars().first()
    assert key is not None
    return id_of("record", key)


def test_tables_read_from_the_events_are_right_after_fetching(story: Story) -> None:
    put_back(story.early, story.path)
    fetch(story.path, story.late.copy)
    with story.firm.open() as ledger, ledger.engine.connect() as connection:
        assert rebuild.check(connection) == []


def test_a_ledger_key_that_was_replaced_meanwhile_is_followed(story: Story, tmp_path: Path) -> None:
    put_back(story.late, story.path)
    with story.firm.open() as ledger:
        admin = ledger.acting(story.firm.founded.actor)
        old = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
        new = generate("ed25519", "checkpoint", ledger.origin)
        keep_key(ledger, ledger.ledger_id, new)
        fields = {"old_key": old.verifier.key_id.hex(), "key": enrolment(new, ledger.seen())}
        rotated = Proposal(LedgerKeyRotated, ledger.ledger_id, fields)
        ledger.act(admin, [rotated], possession=[old, new])
        ledger.act(admin, [small_act(99)])
        newest = keep(ledger, tmp_path / "später")
    behind = story.firm._replace(path=tmp_path / "behind")
    put_back(story.early, behind.path)
    done = fetch(behind.path, newest.copy)
    assert (done.entries, done.going_on) == (5, True)
    assert verify_folder(Folder(behind.path)).verdict == "valid"
    again = behind._replace(path=tmp_path / "again")
    put_back(newest, again.path)
    act(again)


def test_a_state_that_another_key_signed_is_not_believed(story: Story, state_home: Path) -> None:
    """A checkpoint over the tail, under a key that is not the ledger's."""
    put_back(story.late, story.path)
    act(story.firm)
    forget_pins(state_home)
    with story.firm.open(writing=False) as ledger:
        size, root = ledger.seen()
    state = Checkpoint(FOUNDING.origin, size, root)
    rogue = generate("ed25519", "checkpoint", FOUNDING.origin)
    note = Note(state.format(), (sign_checkpoint(state, rogue),)).format()
    with hand_in(story.path / "ledger.db") as connection:
        connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (size, note))
    fresh = story.firm._replace(path=story.path.with_name("fresh"))
    put_back(story.early, fresh.path)
    before = rows(fresh.path)
    with pytest.raises(VerificationError, match="checkpoint_changed"):
        fetch(fresh.path, story.path)
    assert rows(fresh.path) == before


def with_witness(story: Story, witness: ToySigner) -> None:
    """Put back, and a witness is believed there."""
    put_back(story.early, story.path)
    folder = Folder(story.path)
    lines = [f"log {folder.pinned_key().format()}", f"witness w {witness.verifier.format()}"]
    set_policy(folder, "\n".join([*lines, "quorum w", ""]).encode(), [])


def append_note(database: Path, line: SignatureLine) -> Note:
    """A line under the newest state, as whoever holds the other file writes it; the note."""
    with hand_in(database) as connection:
        query = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"
        size, data = connection.execute(query).fetchone()
        note = Note.parse(data)
        signed = Note(note.text, (*note.signatures, line))
        statement = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
        connection.execute(statement, (size, signed.format()))
    return signed


def head_there(database: Path) -> Checkpoint:
    with hand_in(database) as connection:
        query = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
        return Checkpoint.parse(Note.parse(connection.execute(query).fetchone()[0]).text)


def test_a_forged_line_of_a_witness_whom_we_know_is_not_taken_into_a_table_that_only_grows(
    story: Story,
) -> None:
    witness = signer("w.example/witness", COSIGNATURE)
    with_witness(story, witness)
    database = story.late.copy / "ledger.db"
    forged = SignatureLine(
        witness.verifier.name, witness.verifier.key_id, (1).to_bytes(8) + bytes(64)
    )
    append_note(database, forged)
    unchanged(story, story.late.copy, "checkpoint_changed")
    fetch(story.path, story.lost)
    assert verify_folder(Folder(story.path)).verdict == "valid"


def test_a_note_that_is_exchanged_after_it_was_examined_is_not_kept(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other file is in somebody else's hands, also between examining and keeping."""
    witness = signer("w.example/witness", COSIGNATURE)
    with_witness(story, witness)
    forged = SignatureLine(
        witness.verifier.name, witness.verifier.key_id, (1).to_bytes(8) + bytes(64)
    )
    genuine = StoredSource.checkpoints
    asked: list[int] = []

    def exchanged(source: StoredSource, size: int) -> Iterator[tuple[int, int, bytes]]:
        asked.append(size)
        for number, at, data in genuine(source, size):
            note = Note.parse(data)
            bad = Note(note.text, (*note.signatures, forged)).format()
            yield (number, at, bad if len(asked) > 1 else data)

    monkeypatch.setattr(StoredSource, "checkpoints", exchanged)
    done = fetch(story.path, story.late.copy)
    monkeypatch.undo()
    assert (done.entries, done.states) == (3, 0)
    assert verify_folder(Folder(story.path)).verdict == "valid"


def test_a_line_of_nobody_who_is_known_here_stays_there_and_a_witnesss_comes(
    story: Story,
) -> None:
    witness, stranger = (
        signer(f"{name}.example/witness", COSIGNATURE) for name in ("w", "stranger")
    )
    with_witness(story, witness)
    database = story.late.copy / "ledger.db"
    head = head_there(database)
    append_note(database, cosign_checkpoint(head, stranger, 1))
    good = append_note(database, cosign_checkpoint(head, witness, 2))
    done = fetch(story.path, story.late.copy)
    assert done.going_on
    assert verify_folder(Folder(story.path)).verdict == "valid"
    with hand_in(story.path / "ledger.db") as connection:
        kept = [row[0] for row in connection.execute("SELECT note FROM checkpoints")]
    names = {line.name for data in kept for line in Note.parse(data).signatures}
    assert names == {FOUNDING.origin, "w.example/witness"}
    ours = [line for line in good.signatures if line.name != "stranger.example/witness"]
    assert Note(good.text, tuple(ours)).format() in kept
    assert fetch(story.path, story.late.copy).states == 0


def test_an_entry_that_is_exchanged_while_it_is_fetched_is_not_recorded(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other file lies on somebody else's disk: read twice, it may be another one."""
    put_back(story.early, story.path)
    entries: dict[int, int] = {}

    class Exchanging(StoredSource):
        """Gives the last entry a later time when it is read to be recorded."""

        def commits(self, first: int) -> Iterator[CommitRow]:
            for row in super().commits(first):
                entries[row[0]] = entries.get(row[0], 0) + 1
                if entries[row[0]] > 3:  # verified: examined and looked at closely; hashed
                    entry = Entry.parse(row[4])
                    later = Entry("2099-01-01T00:00:00.000Z", entry.commit).format()
                    yield (*row[:4], later, row[5])
                else:
                    yield row

    monkeypatch.setattr("ledger.effects.refetching.StoredSource", Exchanging)
    before = rows(story.path)
    with pytest.raises(VerificationError, match="another one than before"):
        fetch(story.path, story.late.copy)
    assert rows(story.path) == before


def test_a_run_that_was_broken_off_is_recognised_whole_when_it_ends(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back(story.early._replace(keystore=story.late.keystore), story.path)
    monkeypatch.setattr("ledger.effects.refetching.MOST_ENTRIES", 1)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.effects.refetching._keep_states", broken_off)
        with pytest.raises(KeyboardInterrupt):
            fetch(story.path, story.late.copy)
    done = fetch(story.path, story.late.copy)
    assert (done.entries, done.going_on) == (0, True)
    assert done.recognised == Recognised(3, 0)


def broken_off(*_: object) -> int:
    raise KeyboardInterrupt
