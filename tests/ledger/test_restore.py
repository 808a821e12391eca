"""Put together from a copy, and completed: promise 4, and I-20 for what was destroyed since."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from domain.record import RecordState
from ledger import custody, rebuild
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.doctor import examine
from ledger.effects import reapplying
from ledger.effects.destroying import copies_of
from ledger.effects.ledgercopy import NOTE, copy_ledger, file_in, read_manifest
from ledger.effects.ledgerrestore import BehindLedger, Missing
from ledger.effects.reapplying import reapply
from ledger.errors import RefusedError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.schema import engine_for
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from ledger.verification.stored import verify_folder
from tests.ledger.copies import (
    Kept,
    Story,
    act,
    another,
    fetch,
    forget_pins,
    keep,
    lose,
    put_back,
    story_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.ledgers import (
    FOUNDING,
    passphrase,
)
from tests.ledger.tampering import flipped

# -- restored ---------------------------------------------------------------------------------


def test_the_newest_copy_restored_where_it_was_made_goes_on_at_once(story: Story) -> None:
    done = put_back(story.late, story.path)
    assert (done.verdict, done.known, done.missing, done.waiting) == ("valid", True, None, False)
    act(story.firm)
    assert verify_folder(Folder(story.path)).verdict == "valid"
    with story.firm.open() as ledger:
        events = [e for at in range(1, 9) for e in [ledger.recorder.select_notifications(at, 1)]]
        assert events


def test_a_restored_folder_reads_names_again(story: Story) -> None:
    put_back(story.late, story.path)
    with story.firm.open(writing=False) as ledger:
        position, _, event, _ = ledger.events_of(story.firm.founded.party)[0]
        assert ledger.unseal(position, event) == {"name": FOUNDING.party}


def test_an_older_copy_is_verified_and_read_and_not_written(story: Story) -> None:
    done = put_back(story.early, story.path)
    assert (done.verdict, done.waiting) == ("valid", True)
    entries = done.manifest.entries
    assert done.missing is not None
    assert done.missing[:2] == (entries, entries + 2)
    with pytest.raises(VerificationError, match="put together from a copy"):
        act(story.firm)
    with story.firm.open(writing=False) as ledger:
        assert ledger.seen()[0] == entries


def test_an_older_copy_is_refused_although_its_marker_is_taken_away(story: Story) -> None:
    """And although somebody says that it is complete: this machine knows better."""
    put_back(story.early, story.path, complete=True)
    Folder(story.path).restored.unlink()
    with pytest.raises(VerificationError, match="is not its continuation"):
        act(story.firm)


def test_an_older_database_put_over_a_newer_one_is_refused(story: Story) -> None:
    put_back(story.late, story.path)
    shutil.copyfile(story.early.copy / "ledger.db", story.path / "ledger.db")
    with pytest.raises(VerificationError, match="is not its continuation"):
        act(story.firm)
    fetch(story.path, story.late.copy)
    act(story.firm)


def test_on_another_machine_it_waits_until_somebody_says_that_nothing_followed(
    story: Story, state_home: Path
) -> None:
    forget_pins(state_home)
    done = put_back(story.late, story.path)
    assert (done.known, done.missing, done.waiting) == (False, None, True)
    with pytest.raises(VerificationError, match="put together from a copy"):
        act(story.firm)
    shutil.rmtree(story.path)
    assert not put_back(story.late, story.path, complete=True).waiting
    act(story.firm)


@pytest.mark.parametrize("name", ["ledger.db", "muniment.toml", "trust/ledger.vkey",
                                  "checkpoint.txt"])  # fmt: skip
def test_a_copy_with_a_changed_byte_is_not_restored(story: Story, name: str) -> None:
    file = story.late.copy / name
    data = file.read_bytes()
    for at in (0, len(data) // 2, len(data) - 1):
        file.write_bytes(flipped(data, at))
        with pytest.raises(VerificationError, match="is not what was copied"):
            put_back(story.late, story.path)
    assert not story.path.exists()


def test_a_changed_copy_with_a_list_made_to_match_is_not_restored(story: Story) -> None:
    """The digests are right again; the ledger's key has signed others."""
    note, manifest = read_manifest(story.late.copy)
    settings = story.late.copy / "muniment.toml"
    settings.write_bytes(settings.read_bytes() + b"# more\n")
    files = tuple(file_in(story.late.copy, one.name) for one in manifest.files)
    text = manifest._replace(files=files).format()
    (story.late.copy / NOTE).write_bytes(Note(text, Note.parse(note).signatures).format())
    with pytest.raises(VerificationError, match="did not sign"):
        put_back(story.late, story.path)
    assert not story.path.exists()


HOSTILE = {
    "trigger": "CREATE TRIGGER later AFTER DELETE ON signers BEGIN DELETE FROM sealed; END",
    "trigger of the log": "CREATE TRIGGER later AFTER INSERT ON events BEGIN DELETE FROM head; END",
    "view": "CREATE VIEW later AS SELECT * FROM sealed",
    "table": "CREATE TABLE later (x)",
}


def with_own_list(copy: Path, *statements: str) -> None:
    """Somebody changes the database of a copy, and makes its list fit; the signatures stay."""
    note, manifest = read_manifest(copy)
    with closing(sqlite3.connect(copy / "ledger.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    files = tuple(file_in(copy, one.name) for one in manifest.files)
    text = manifest._replace(files=files).format()
    (copy / NOTE).write_bytes(Note(text, Note.parse(note).signatures).format())


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_strangers_database_is_not_opened_for_writing_while_it_holds_what_would_act(
    story: Story, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With an older layout, which would be made anew: that is what would set the trigger off."""
    with_own_list(story.late.copy, HOSTILE[kind], "PRAGMA user_version = 1")
    writing = watched(monkeypatch)
    with pytest.raises(VerificationError, match="what Muniment does not make"):
        put_back(story.late, story.path)
    assert writing == []
    assert not story.path.exists()


@pytest.mark.parametrize("change", ["PRAGMA user_version = 1", "DELETE FROM sealed"])
def test_a_strangers_database_is_not_opened_for_writing_before_its_list_is_signed(
    story: Story, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    with_own_list(story.late.copy, change)
    writing = watched(monkeypatch)
    with pytest.raises(VerificationError, match=r"did not sign|does not verify"):
        put_back(story.late, story.path)
    assert writing == []
    assert not story.path.exists()


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The databases that are opened for writing from now on."""
    found: list[Path] = []

    def opened(database: Path, *, read_only: bool = False) -> sa.Engine:
        found.extend([] if read_only else [database])
        return engine_for(database, read_only=read_only)

    for module in ("effects.ledgerrestore", "inspection", "application"):
        monkeypatch.setattr(f"ledger.{module}.engine_for", opened)
    return found


def test_a_copy_made_by_an_earlier_version_is_brought_up_to_date(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own key has signed it: it is verified first, and made anew then."""
    now = rebuild.LAYOUT
    shutil.rmtree(story.late.copy)
    with monkeypatch.context() as earlier:
        earlier.setattr(rebuild, "LAYOUT", 1)
        story.lost.rename(story.path)
        with story.firm.open() as ledger:
            copy_ledger(ledger, story.late.copy)
        lose(story.firm)
    done = put_back(story.late, story.path)
    assert (done.verdict, done.waiting) == ("valid", False)
    with closing(sqlite3.connect(story.path / "ledger.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (now,)


def test_a_copy_of_another_ledger_of_the_same_origin_is_known_by_its_key(
    story: Story, tmp_path: Path
) -> None:
    twin, trust = another(tmp_path, FOUNDING.origin), Folder(story.lost).pinned_key()
    with pytest.raises(VerificationError, match="ledger_key_untrusted"):
        put_back(twin, story.path, trust=trust)
    mixed = twin._replace(keystore=story.late.keystore, identity=tmp_path / "nothing")
    mixed.identity.mkdir()
    with pytest.raises(UsageError, match="keystore is another ledger's"):
        put_back(mixed, story.path)
    with pytest.raises(UsageError, match="key files are those of another ledger"):
        put_back(twin._replace(identity=story.late.identity), story.path)
    assert not story.path.exists()


def test_nothing_is_restored_into_a_folder_that_holds_something(story: Story) -> None:
    story.path.mkdir()
    (story.path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        put_back(story.late, story.path)
    assert [p.name for p in story.path.iterdir()] == ["notes.txt"]


def test_what_is_no_copy_is_not_restored(story: Story, tmp_path: Path) -> None:
    (tmp_path / "leer").mkdir()
    with pytest.raises(UsageError, match="no copy of a ledger"):
        put_back(story.late._replace(copy=tmp_path / "leer"), story.path)
    story.late.keystore.joinpath("slots").unlink()
    with pytest.raises(UsageError, match="slots cannot be read"):
        put_back(story.late, story.path)
    assert not story.path.exists()


# -- I-20: what was destroyed and restricted since --------------------------------------------


class Destroyed(NamedTuple):
    """A record destroyed after a copy was kept; its keys, and another record that stays."""

    crew: Crew
    early: Kept
    late: Kept
    keys: Sequence[str]
    gone: str
    left: str


@pytest.fixture
def destroyed(crew: Crew, tmp_path: Path) -> Destroyed:
    with crew.open() as site:
        gone, left = site.ripe(tmp_path / "合同", 2)
        early = keep(site.ledger, tmp_path / "早")
        case = site.approved([site.copy(gone)])
        keys = site.execute(case).keys
        site.verify(case)
        site.certify(case)
        late = keep(site.ledger, tmp_path / "晚")
    lose(crew.firm)
    return Destroyed(crew, early, late, keys, gone, left)


def texts(ledger: Ledger, record: str) -> object:
    position, _, event, _ = ledger.events_of(record)[0]
    return ledger.unseal(position, event)


def check_destroyed(story: Destroyed, path: Path) -> None:
    """Nobody reads the destroyed record any more; the other one is as it was."""
    with story.crew.firm._replace(path=path).open(writing=False) as ledger:
        assert {ledger.keystore.state(key) for key in story.keys} == {"erased"}
        assert texts(ledger, story.gone) is None
        found = texts(ledger, story.left)
        assert isinstance(found, dict)
        assert found["title"].endswith(".txt")
    report = verify_folder(Folder(path))
    assert (report.verdict, report.findings) == ("valid", ())


def test_an_old_copy_and_an_old_keystore_do_not_bring_destroyed_content_back(
    destroyed: Destroyed,
) -> None:
    path = destroyed.crew.firm.path
    put_back(destroyed.early, path)
    with destroyed.crew.firm.open(writing=False) as ledger:
        assert texts(ledger, destroyed.gone), "until the later entries are there"
    done = fetch(path, destroyed.late.copy)
    assert done.reapplied.shredded == len(destroyed.keys) > 0
    assert done.reapplied.payloads > 0
    check_destroyed(destroyed, path)


def test_an_old_keystore_beside_the_newest_copy_is_cleaned_before_it_counts(
    destroyed: Destroyed,
) -> None:
    path = destroyed.crew.firm.path
    done = put_back(destroyed.late._replace(keystore=destroyed.early.keystore), path)
    assert done.reapplied is not None
    assert (done.reapplied.shredded, done.reapplied.payloads) == (len(destroyed.keys), 0)
    check_destroyed(destroyed, path)


def test_no_byte_of_the_destroyed_keys_or_texts_is_left_in_the_folder(
    destroyed: Destroyed,
) -> None:
    """The wrapped keys and the ciphertexts, as they lie in the early copy."""
    path = destroyed.crew.firm.path
    slots = (destroyed.early.keystore / "slots").read_bytes()
    wanted = []
    for key in destroyed.keys:
        at = slots.index(bytes.fromhex(key[4:].replace("-", "")))
        wanted.append(slots[at + 28 : at + 76])
    put_back(destroyed.early, path)
    with destroyed.crew.firm.open(writing=False) as ledger:
        position = ledger.events_of(destroyed.gone)[0][0]
        with ledger.engine.connect() as connection:
            query = "SELECT ciphertext FROM sealed WHERE position = ?"
            wanted.append(bytes(connection.exec_driver_sql(query, (position,)).scalar_one()))
    fetch(path, destroyed.late.copy)
    for file in (p for p in path.rglob("*") if p.is_file()):
        data = file.read_bytes()
        assert not any(one in data for one in wanted), file.name


def test_a_keystore_put_back_by_hand_is_cleaned_by_reapply(destroyed: Destroyed) -> None:
    path = destroyed.crew.firm.path
    put_back(destroyed.late, path)
    for name in ("slots", "kek.json"):
        shutil.copyfile(destroyed.early.keystore / name, path / "keystore" / name)
    with destroyed.crew.firm.open() as ledger:
        done = reapply(ledger)
        assert (done.shredded, done.erased) == (len(destroyed.keys), 0)
        again = reapply(ledger)
        assert (again.shredded, again.erased) == (0, len(destroyed.keys))
    check_destroyed(destroyed, path)


def test_without_a_keystore_no_key_is_looked_for_and_that_is_said(destroyed: Destroyed) -> None:
    from ledger.effects.ledgerrestore import restore_ledger

    path = destroyed.crew.firm.path
    early = destroyed.early
    restored = restore_ledger(early.copy, path, passphrase, identity=early.identity)
    assert restored.reapplied is None
    done = fetch(path, destroyed.late.copy).reapplied
    assert (done.keystore, done.elsewhere) == (False, len(destroyed.keys))
    assert done.payloads > 0
    assert verify_folder(Folder(path)).verdict == "valid"


def test_a_restriction_placed_after_the_copy_holds_after_the_restore(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        (record,) = site.ripe(tmp_path / "合同")
        early = keep(site.ledger, tmp_path / "早")
        zhao = site.person("zhao")
        site.ledger.act(zhao, [custody.restrict(record, "objection", None, None)])
        held = custody.place_hold("litigation", records=[record], sealed={"authority": "案号"})
        site.ledger.act(zhao, held)
        late = keep(site.ledger, tmp_path / "晚")
    lose(crew.firm)
    put_back(early, crew.firm.path)
    fetch(crew.firm.path, late.copy)
    with crew.open() as site:
        state = site.ledger.state(record)
        assert isinstance(state, RecordState)
        assert state.restricted is not None
        assert state.holds == {held[0].stream}
        with pytest.raises(RefusedError, match="I-28"):
            site.approved([site.copy(record)])


def test_what_a_pin_knows_is_named_by_its_entries(story: Story) -> None:
    done = put_back(story.early, story.path)
    with BehindLedger(Folder(story.lost), passphrase) as ledger:
        head = ledger.head
    assert done.missing == Missing(done.manifest.entries, head.size - 1, head.root)
    assert Folder(story.path).pins(b"")[0] == Checkpoint(
        FOUNDING.origin, done.manifest.entries, done.manifest.root
    )


def test_a_copy_made_after_restoring_is_a_copy_like_any_other(story: Story, tmp_path: Path) -> None:
    put_back(story.late, story.path)
    with story.firm.open() as ledger:
        made = copy_ledger(ledger, tmp_path / "again")
    assert made.verdict == "valid"


def checks(path: Path, code: str) -> list[tuple[str, str]]:
    return [(one.state, one.remedy) for one in examine(Folder(path)) if one.code == code]


def test_the_doctor_sees_destroyed_keys_that_came_back_without_a_passphrase(
    destroyed: Destroyed,
) -> None:
    path = destroyed.crew.firm.path
    put_back(destroyed.late, path)
    assert checks(path, "destroyed") == []
    shutil.copyfile(destroyed.early.keystore / "slots", path / "keystore" / "slots")
    assert checks(path, "destroyed") == [("failed", "muniment ledger reapply")]


def test_the_doctor_counts_the_keys_of_every_case_and_does_not_walk_the_log(
    destroyed: Destroyed,
) -> None:
    """What the register answers is what the events say."""
    path = destroyed.crew.firm.path
    put_back(destroyed.late, path)
    shutil.copyfile(destroyed.early.keystore / "slots", path / "keystore" / "slots")
    asked: list[str] = []
    with destroyed.crew.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        keys, _ = reapplying._destroyed(connection)
        sa.event.listen(ledger.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
        assert reapplying.come_back(connection, path / "keystore") == len(keys)
    assert asked
    assert not any("FROM events" in statement for statement in asked)


def test_the_doctor_names_a_damaged_slot_file_and_looks_at_the_vault_all_the_same(
    destroyed: Destroyed,
) -> None:
    path = destroyed.crew.firm.path
    put_back(destroyed.late, path)
    slots = path / "keystore" / "slots"
    slots.write_bytes(b"nothing like slots")
    found = list(examine(Folder(path)))
    (check,) = [one for one in found if one.code == "keystore"]
    assert check.state == "failed"
    assert [one.state for one in found if one.code == "vault"] == ["ok"]
    assert [one for one in found if one.code == "database"] == []


def test_the_doctor_says_that_a_restored_folder_waits(story: Story) -> None:
    put_back(story.early, story.path)
    assert checks(story.path, "restored") == [("warning", "muniment ledger refetch --from OTHER")]
    fetch(story.path, story.late.copy)
    assert checks(story.path, "restored") == []


def test_vault_objects_of_destroyed_copies_are_removed_again(crew: Crew, tmp_path: Path) -> None:
    """The vault was put back as it was before the destruction."""
    folder = tmp_path / "合同"
    folder.mkdir()
    (folder / "合同.txt").write_text("保洁合同", encoding="utf-8")
    with crew.open() as site:
        terms = Terms(
            "contract", "pipl_13_2_contract", "店主", site.ledger.routine(), vault="disk_internal"
        )
        (one,) = [*collect(site.ledger, site.wang, [folder], terms)]
        assert isinstance(one, Collected)
        site.ripen([one.record])
        shutil.copytree(site.ledger.folder.path / "vault", tmp_path / "vault")
        case = site.approved(copies_of(site.ledger, [one.record]))
        site.execute(case)
        late = keep(site.ledger, tmp_path / "晚")
    lose(crew.firm)
    put_back(late, crew.firm.path)
    shutil.copytree(tmp_path / "vault", crew.firm.path / "vault")
    objects = [p for p in (crew.firm.path / "vault").rglob("*") if p.is_file()]
    assert len(objects) == 1
    with crew.open() as site:
        assert reapply(site.ledger).objects == 1
        assert reapply(site.ledger).objects == 0
    assert not objects[0].exists()
