"""A copy of the ledger by itself: what is in it, what is not, and that it is there whole or not."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger import rebuild, timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.cosigning import known_cosigners, set_policy
from ledger.effects import ledgercopy
from ledger.effects.ledgercopy import (
    BELIEVED,
    FILES,
    LEFT_OUT,
    LOG,
    NOTE,
    CopyMade,
    Manifest,
    check_signed,
    copy_ledger,
    made_whole,
    read_manifest,
)
from ledger.effects.ledgerrestore import restore_ledger
from ledger.errors import LockedError, NoteError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.schema import METADATA
from ledger.tlog.note import COSIGNATURE, Note
from ledger.verification.stored import verify_folder
from projections import METADATA as PROJECTIONS
from tests.ledger import tsa
from tests.ledger.ledgers import Firm, buyer, collect_files, dump, passphrase
from tests.ledger.signers import signer
from tests.ledger.stamping import stamped_at
from tests.ledger.tampering import flipped


@pytest.fixture
def copied(ledger: Ledger, admin: Acting, tmp_path: Path) -> CopyMade:
    """A ledger with three contracts and a sealed name, copied."""
    collect_files(ledger, admin, tmp_path / "合同", 3)
    ledger.act(admin, [buyer()])
    return copy_ledger(ledger, tmp_path / "盘" / "copy")


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def tables(database: Path) -> dict[str, list[tuple[object, ...]]]:
    from ledger.schema import engine_for

    engine = engine_for(database, read_only=True)
    try:
        return dump(engine)
    finally:
        engine.dispose()


def test_a_copy_holds_every_row_of_the_log_and_of_what_is_read_from_it(
    ledger: Ledger, copied: CopyMade
) -> None:
    ours, theirs = tables(ledger.folder.database), tables(copied.folder / "ledger.db")
    assert ours["tokens"]
    assert theirs["tokens"] == []
    assert {n: rows for n, rows in ours.items() if n != "tokens"} == {
        n: rows for n, rows in theirs.items() if n != "tokens"
    }
    assert len(theirs["events"]) == ledger.log.refresh().events
    assert theirs["sealed"]


def test_every_table_is_copied_or_said_to_be_left_out() -> None:
    assert {*LOG, *LEFT_OUT} == set(METADATA.tables)
    assert not {*LOG, *LEFT_OUT} & set(PROJECTIONS.tables)


def test_a_copy_is_four_files_and_a_note_without_any_key(copied: CopyMade) -> None:
    assert names(copied.folder) == sorted([*FILES, NOTE])
    assert not (copied.folder / "keystore").exists()
    assert not (copied.folder / "identity").exists()


def test_whom_the_keeper_believes_goes_along_in_a_copy_and_comes_back_with_it(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    """Policy, cosigners and authorities: what was cosigned and stamped still counts afterwards."""
    folder, witness = ledger.folder, signer("w.example/witness", COSIGNATURE)
    _, root = tsa.authority(tmp_path / "tsa")
    timestamps.trust(folder, root.pem)
    stamped_at(ledger, admin, root, "20260101000000Z", tmp_path / "made")
    lines = [f"log {folder.pinned_key().format()}", f"witness w {witness.verifier.format()}"]
    set_policy(folder, "\n".join([*lines, "quorum w", ""]).encode(), [])
    copied = copy_ledger(ledger, tmp_path / "copy")
    assert names(copied.folder) == sorted([*FILES, *BELIEVED, NOTE])
    restored = restore_ledger(copied.folder, tmp_path / "back", passphrase).folder
    for name in BELIEVED:
        assert (restored / name).read_bytes() == (folder.path / name).read_bytes()
    assert known_cosigners(Folder(restored)) == [witness.verifier]
    replica = copy_ledger(ledger, tmp_path / "replica", kind="replica")
    assert names(replica.folder) == sorted([*FILES, NOTE])


@pytest.mark.parametrize("attack", ["changed", "added", "listed"])
def test_whom_to_believe_cannot_be_put_into_a_copy_by_somebody_else(
    ledger: Ledger, tmp_path: Path, attack: str
) -> None:
    folder, witness = ledger.folder, signer("w.example/witness", COSIGNATURE)
    lines = [f"log {folder.pinned_key().format()}", f"witness w {witness.verifier.format()}"]
    set_policy(folder, "\n".join([*lines, "quorum w", ""]).encode(), [])
    copy = copy_ledger(ledger, tmp_path / "copy").folder
    if attack == "changed":
        (copy / "trust/policy").write_bytes(b"quorum none\n")
    _, root = tsa.authority(tmp_path / "tsa")
    (copy / "trust/tsa.pem").write_bytes(root.pem)
    if attack == "listed":
        _, manifest = ledgercopy.read_manifest(copy)
        files = (*manifest.files, ledgercopy.file_in(copy, "trust/tsa.pem"))
        note = Note.parse((copy / NOTE).read_bytes())
        text = manifest._replace(files=tuple(sorted(files))).format()
        (copy / NOTE).write_bytes(Note(text, note.signatures).format())
    if attack == "added":
        back = restore_ledger(copy, tmp_path / "back", passphrase).folder
        assert not (back / "trust/tsa.pem").exists()
        return
    with pytest.raises(VerificationError, match="nothing was changed"):
        restore_ledger(copy, tmp_path / "back", passphrase)
    assert not (tmp_path / "back").exists()


def test_a_copy_holds_no_name_no_data_key_and_no_token(
    ledger: Ledger, admin: Acting, copied: CopyMade
) -> None:
    wrapped = (ledger.folder.keystore / "slots").read_bytes()
    tokens = [row[0] for row in tables(ledger.folder.database)["tokens"]]
    whole = b"".join((copied.folder / name).read_bytes() for name in names(copied.folder))
    for text in ("买方公司", "洁净保洁", "王管理", "合同0", "店主", str(copied.folder.parent)):
        assert text.encode() not in whole, text
    for at in range(24, len(wrapped), 80):
        assert wrapped[at + 28 : at + 76] not in whole, "a wrapped key"
    assert tokens
    assert not any(token in whole for token in tokens if isinstance(token, bytes))
    for file in (ledger.folder.identity).iterdir():
        assert file.read_bytes() not in whole


def test_a_copy_verifies_by_itself_and_its_tables_follow_from_its_events(
    ledger: Ledger, copied: CopyMade
) -> None:
    assert copied.verdict == "valid"
    report = verify_folder(Folder(copied.folder), trust=ledger.folder.pinned_key())
    assert (report.verdict, report.events) == ("valid", ledger.log.refresh().events)
    from ledger.schema import engine_for

    engine = engine_for(copied.folder / "ledger.db", read_only=True)
    with engine.connect() as connection:
        assert rebuild.check(connection) == []
    engine.dispose()


def test_a_copy_is_one_file_that_can_lie_on_a_medium_that_is_only_read(copied: CopyMade) -> None:
    with closing(sqlite3.connect(copied.folder / "ledger.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)


def test_the_note_is_signed_by_the_ledgers_own_key_over_every_file(
    ledger: Ledger, copied: CopyMade
) -> None:
    note, manifest = read_manifest(copied.folder)
    assert manifest == copied.manifest
    assert (manifest.entries, manifest.root) == ledger.seen()
    check_signed(note, [ledger.folder.pinned_key()])
    changed = note.replace(b"made 2", b"made 3", 1)
    with pytest.raises(VerificationError, match="did not sign"):
        check_signed(changed, [ledger.folder.pinned_key()])


def test_every_changed_byte_of_the_note_is_noticed(ledger: Ledger, copied: CopyMade) -> None:
    """None of them gives another list that somebody would believe."""
    note = (copied.folder / NOTE).read_bytes()
    for at in range(len(note)):
        (copied.folder / NOTE).write_bytes(flipped(note, at))
        with pytest.raises((VerificationError, UsageError, NoteError)):
            check_signed(read_manifest(copied.folder)[0], [ledger.folder.pinned_key()])


@pytest.mark.parametrize("change", [
    b"", b"\n", b"x", b"a.example/copy\n", b"a.example/copy\nmuniment-ledger-copy 2\n",
])  # fmt: skip
def test_what_is_no_list_of_a_copy_is_refused(change: bytes) -> None:
    with pytest.raises(NoteError):
        Manifest.parse(change)


def test_a_second_copy_is_a_folder_of_its_own(ledger: Ledger, copied: CopyMade) -> None:
    before = {name: (copied.folder / name).read_bytes() for name in names(copied.folder)}
    with pytest.raises(UsageError, match="not empty"):
        copy_ledger(ledger, copied.folder)
    again = copy_ledger(ledger, copied.folder.with_name("again"))
    assert again.manifest.checkpoint == copied.manifest.checkpoint
    assert before == {name: (copied.folder / name).read_bytes() for name in names(copied.folder)}


def test_a_copy_does_not_go_into_the_ledgers_own_folder(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="inside the ledger's own folder"):
        copy_ledger(ledger, ledger.folder.path / "copy")
    assert not (ledger.folder.path / "copy").exists()


def test_a_copy_that_reads_back_differently_is_not_kept(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes a byte and gives another back: a real one, between writing and reading."""
    real = verify_folder

    def after_damage(folder: Folder, **options: object) -> object:
        database = folder.path / "ledger.db"
        data = database.read_bytes()
        database.write_bytes(flipped(data, data.index(b"ledger.initialized")))
        return real(folder, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ledgercopy, "verify_folder", after_damage)
    with pytest.raises(VerificationError, match="does not verify"):
        copy_ledger(ledger, tmp_path / "copy")
    assert os.listdir(tmp_path) == ["ledger"] or "copy" not in os.listdir(tmp_path)  # noqa: PTH208


def test_a_ledger_that_is_damaged_is_not_copied_as_if_it_were_whole(
    busy: Firm, database: Path, tmp_path: Path
) -> None:
    from tests.ledger.tampering import change

    change(database, "events", "state", "position", 18, 40)
    with busy.open() as ledger, pytest.raises(VerificationError, match="does not verify"):
        copy_ledger(ledger, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_a_killed_run_left_is_replaced(ledger: Ledger, tmp_path: Path) -> None:
    left = tmp_path / ".copy.unfinished"
    (left / "trust").mkdir(parents=True)
    (left / "ledger.db").write_bytes(b"half")
    made = copy_ledger(ledger, tmp_path / "copy")
    assert made.verdict == "valid"
    assert not left.exists()


def test_two_runs_do_not_fill_one_folder(tmp_path: Path) -> None:
    with made_whole(tmp_path / "copy") as part:
        (part / "file").write_bytes(b"1")
        with pytest.raises(LockedError), made_whole(tmp_path / "copy"):
            pass
        assert (part / "file").read_bytes() == b"1"
    assert (tmp_path / "copy" / "file").read_bytes() == b"1"


def test_a_folder_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    def fill() -> None:
        with made_whole(tmp_path / "copy") as part:
            (part / "file").write_bytes(b"1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_no_folder_to_fill(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "copy").symlink_to(tmp_path / "there")
    with pytest.raises(UsageError, match="no folder"), made_whole(tmp_path / "copy"):
        pass


def test_a_place_that_can_hold_no_folder_is_said(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be made there"):
        copy_ledger(ledger, tmp_path / "file" / "copy")
