"""The vault: what is put in comes out again, whole or not at all, and nothing is there in clear."""

from __future__ import annotations

import io
import os
import random
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from domain.holding import HoldingCreated
from ledger import acts, sources
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Failed, Unchanged
from ledger.effects import vaulting
from ledger.effects.places import Place, content, place_of, plain
from ledger.errors import MunimentError, RefusedError
from ledger.sources import SourceFault
from ledger.stream import CHUNK_BYTES, HEADER_BYTES, TAG_BYTES
from ledger.vault import Storing, Vault
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import Firm, dump
from tests.ledger.vaults import (
    KEY,
    SECRET,
    TABLE,
    copies,
    everything_under,
    folder_fixture,  # noqa: F401  fixtures are found by their names
    objects,
    opened,
    records_in,
    store,
    taking_in,
)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault(tmp_path) as made:
        yield made


# -- objects ------------------------------------------------------------------------------------


def test_an_object_is_called_by_its_ciphertext_and_is_its_owners_alone(vault: Vault) -> None:
    (name,) = store(vault, SECRET)
    path = vault.path_of(name)
    assert path == vault.path / name[:2] / name[2:]
    assert sha256(path.read_bytes()).hexdigest() == name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for made in (path.parent, vault.path):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_the_same_content_twice_is_two_objects(vault: Vault) -> None:
    """Else a name would tell who has the same paper."""
    one, two = store(vault, SECRET, SECRET)
    assert one != two
    assert SECRET not in everything_under(vault.path)


@pytest.mark.parametrize("name", ["", "ab", "AB" * 32, "../" + "a" * 61, "ab" * 32 + "\n"])
def test_what_is_no_name_of_an_object_leads_nowhere(vault: Vault, name: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        vault.path_of(name)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1,
                                  2 * CHUNK_BYTES, 5 * CHUNK_BYTES + 7])  # fmt: skip
def test_contents_of_every_size_come_out_as_they_went_in(
    ledger: Ledger, admin: Acting, folder: Path, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    (folder / "录音.wav").write_bytes(data)
    taking_in(ledger, admin, folder)
    (copy,) = copies(ledger)
    assert opened(ledger, copy.holding) == data
    with content(ledger, place_of(ledger, copy.holding)) as file:
        assert file.read() == data


def test_a_source_that_fails_leaves_nothing_behind(vault: Vault) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 4 * CHUNK_BYTES:
                raise SourceFault("input_output_error")
            return super().read(size)

    with pytest.raises(SourceFault, match="input_output_error"):
        vault.stage(Failing(bytes(9 * CHUNK_BYTES)), KEY)
    assert list(vault.path.iterdir()) == []


@pytest.mark.parametrize("size", [100, 8 * CHUNK_BYTES])
def test_a_disk_that_is_full_is_said_clearly_and_leaves_nothing_behind(
    vault: Vault, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(MunimentError, match="No space left"):
        vault.stage(io.BytesIO(bytes(size)), KEY)
    assert list(vault.path.iterdir()) == []


def test_an_error_of_the_one_flush_takes_everything_back(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says in `syncfs` counts: some of it may not be on the disk."""

    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("ledger.vault.syncfs", lambda: failing)
    with pytest.raises(MunimentError, match="Input/output error"):
        store(vault, *([SECRET] * 20))
    assert list(vault.objects()) == []


def test_many_objects_are_flushed_once_and_few_one_by_one(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    real = os.fsync

    def counted(descriptor: int) -> None:
        flushed.append("fsync")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    monkeypatch.setattr("ledger.vault.syncfs", lambda: lambda _: flushed.append("syncfs"))
    store(vault, SECRET)
    assert flushed.count("syncfs") == 0
    assert flushed.count("fsync") >= 3  # the object, its folder, the vault
    flushed.clear()
    store(vault, *([SECRET] * 200))
    assert flushed == ["syncfs"]
    monkeypatch.setattr("ledger.vault.syncfs", lambda: None)  # another system
    flushed.clear()
    store(vault, *([SECRET] * 20))
    assert flushed.count("fsync") > 20


def test_what_is_taken_and_not_recorded_is_taken_out_again(firm: Firm, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(3 * CHUNK_BYTES))
    with firm.open() as ledger:
        with Storing(firm.path, ledger.keystore) as storing:
            _, big = storing.read(os.fsencode(file))
            small = storing.take(io.BytesIO(SECRET))
            storing.keep([big, small])
            assert len(objects(ledger)) == 2
        assert objects(ledger) == []
        with Storing(firm.path, ledger.keystore) as storing:
            (kept,) = storing.keep([storing.take(io.BytesIO(SECRET))])
            with pytest.raises(KeyboardInterrupt), storing.recording(lambda: True):
                raise KeyboardInterrupt  # just after it was recorded
        assert len(objects(ledger)) == 1
        assert ledger.keystore.state(kept.key[0]) == "present"


@pytest.mark.parametrize("blow", [KeyboardInterrupt, SystemExit, RefusedError])
def test_what_an_interrupt_kept_from_being_recorded_goes_with_its_key(
    firm: Firm, blow: type[BaseException]
) -> None:
    with firm.open() as ledger, Storing(firm.path, ledger.keystore) as storing:
        (kept,) = storing.keep([storing.take(io.BytesIO(SECRET))])
        with pytest.raises(blow), storing.recording(lambda: False):
            raise blow("x")
        assert objects(ledger) == []
        assert ledger.keystore.state(kept.key[0]) == "erased"


def test_while_nobody_knows_whether_it_is_recorded_nothing_is_taken_out(firm: Firm) -> None:
    def nobody() -> bool:
        raise MunimentError("no answer")

    blows = [MunimentError("its disk"), OSError(5, "its disk"), KeyboardInterrupt()]
    with firm.open() as ledger:
        for number, blow in enumerate(blows, 1):
            with Storing(firm.path, ledger.keystore) as storing:
                (kept,) = storing.keep([storing.take(io.BytesIO(SECRET))])
                with pytest.raises(type(blow)), storing.recording(nobody):
                    raise blow
            assert len(objects(ledger)) == number
            assert ledger.keystore.state(kept.key[0]) == "present"


# -- one byte changed ---------------------------------------------------------------------------


def flips(size: int, dice: random.Random) -> list[int]:
    """Where to change a byte: the header, both sides of every boundary, and anywhere."""
    sealed = CHUNK_BYTES + TAG_BYTES
    edges = [HEADER_BYTES + n * sealed + d for n in range(size // sealed + 1) for d in (-1, 0)]
    fixed = [0, 15, 16, HEADER_BYTES - 1, size - 1, size - TAG_BYTES]
    return sorted({at for at in [*fixed, *edges, *(dice.randrange(size) for _ in range(12))]
                   if 0 <= at < size})  # fmt: skip


def given_out(ledger: Ledger, place: Place) -> tuple[bytes, str]:
    """What reading a copy gives out, and why it ended; no cause if it was whole."""
    given = bytearray()
    try:
        for piece in plain(ledger, place):
            given += piece
    except SourceFault as fault:
        return bytes(given), fault.cause
    return bytes(given), ""


def test_a_changed_byte_is_always_found_and_nothing_is_given_out_from_its_chunk_on(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    data = dice.randbytes(2 * CHUNK_BYTES + 4321)
    (folder / "扫描件.bin").write_bytes(data)
    taking_in(ledger, admin, folder)
    (copy,) = copies(ledger)
    place = place_of(ledger, copy.holding)
    path = Path(os.fsdecode(place.path))
    whole = path.read_bytes()
    for at in flips(len(whole), dice):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << dice.randrange(8))])
                         + whole[at + 1 :])  # fmt: skip
        given, cause = given_out(ledger, place)
        assert cause == "changed_since_recorded"
        chunk = max(0, at - HEADER_BYTES) // (CHUNK_BYTES + TAG_BYTES)
        assert given == data[: len(given)]
        assert len(given) <= chunk * CHUNK_BYTES, at
        assert vaulting.check(ledger).failed == [(copy.holding, "changed_since_recorded")]
    path.write_bytes(whole)
    assert vaulting.check(ledger, read_data=True).failed == []


@pytest.mark.parametrize("change", ["cut", "cut_at_chunk", "longer", "swapped", "empty"])
def test_an_object_with_chunks_left_out_added_or_moved_does_not_open(
    ledger: Ledger, admin: Acting, folder: Path, change: str
) -> None:
    (folder / "a.bin").write_bytes(random.Random(1).randbytes(3 * CHUNK_BYTES))
    taking_in(ledger, admin, folder)
    (copy,) = copies(ledger)
    path = Path(os.fsdecode(place_of(ledger, copy.holding).path))
    whole, sealed = path.read_bytes(), CHUNK_BYTES + TAG_BYTES
    one, two = whole[HEADER_BYTES : HEADER_BYTES + sealed], whole[HEADER_BYTES + sealed :][:sealed]
    path.write_bytes({
        "cut": whole[:-1], "cut_at_chunk": whole[:-sealed], "longer": whole + whole[-sealed:],
        "swapped": whole[:HEADER_BYTES] + two + one + whole[HEADER_BYTES + 2 * sealed :],
        "empty": b"",
    }[change])  # fmt: skip
    with pytest.raises(SourceFault, match="changed_since_recorded"):
        opened(ledger, copy.holding)
    assert [f.cause for f in vaulting.check(ledger).failed] == ["changed_since_recorded"]


def test_an_object_that_is_another_copys_does_not_open(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    for name in ("甲", "乙"):
        (folder / f"{name}.txt").write_text(name, encoding="utf-8")
    taking_in(ledger, admin, folder)
    one, two = (place_of(ledger, copy.holding) for copy in copies(ledger))
    Path(os.fsdecode(two.path)).replace(os.fsdecode(one.path))
    with pytest.raises(SourceFault, match="changed_since_recorded"):
        opened(ledger, one.holding)
    assert set(vaulting.check(ledger, read_data=True).failed) == {
        (one.holding, "changed_since_recorded"), (two.holding, "vanished")
    }  # fmt: skip


# -- collected into it --------------------------------------------------------------------------


def test_beside_the_file_found_a_copy_lies_in_the_vault(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "合同.txt").write_bytes(SECRET)
    (record,) = records_in(taking_in(ledger, admin, folder, medium="disk_external"))
    found = acts.record_state(ledger, record).holdings[0]
    (copy,) = copies(ledger)
    (_, _, original, _), (_, _, made, _) = (
        ledger.events_of(holding)[0] for holding in (found, copy.holding)
    )
    assert isinstance(original, HoldingCreated)
    assert isinstance(made, HoldingCreated)
    assert (original.encrypted, original.object, original.medium) == (
        False, UNSET, "disk_external",
    )  # fmt: skip
    assert (made.encrypted, made.made_from, made.medium) == (True, found, "ssd")
    assert (made.size, made.items, made.form) == (original.size, original.items, original.form)
    assert made.sealed
    assert original.sealed
    assert made.sealed.key != original.sealed.key
    place = place_of(ledger, copy.holding)
    assert place.digest == place.object == sha256(Path(os.fsdecode(place.path)).read_bytes()
                                                  ).hexdigest()  # fmt: skip
    assert place.content == place_of(ledger, found).digest == sha256(SECRET).hexdigest()
    assert (place.name, place.key) == ("合同.txt", made.sealed.key)
    assert verify_folder(ledger.folder).verdict == "valid"


def test_nothing_of_the_content_is_in_clear_anywhere_in_the_folder(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "张三的合同.txt").write_bytes(SECRET * 3)
    (folder / "大的.bin").write_bytes(SECRET * 60_000)
    taking_in(ledger, admin, folder)
    stored = everything_under(ledger.folder.path)
    digest = sha256(SECRET * 3)
    names = ["张三的合同".encode(), "吴家大院店".encode()]
    for needle in (SECRET, *names, digest.digest(), digest.hexdigest().encode()):
        assert needle not in stored
        assert needle.hex().encode() not in stored


def test_a_file_is_read_once(
    ledger: Ledger, admin: Acting, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digest is that of the very bytes encrypted; between two readings it could change."""
    (folder / "小.txt").write_bytes(SECRET)
    (folder / "大.bin").write_bytes(bytes(3 * CHUNK_BYTES))
    times: list[bytes] = []
    real = sources.opened

    def counted(path: bytes) -> Any:
        times.append(path)
        return real(path)

    monkeypatch.setattr(sources, "opened", counted)
    assert len(records_in(taking_in(ledger, admin, folder))) == 2
    assert len(times) == len(set(times)) == 2


@pytest.mark.parametrize("size", [1000, 5 * CHUNK_BYTES])
def test_a_file_that_changes_while_it_is_encrypted_is_named_and_not_in_the_vault(
    ledger: Ledger, admin: Acting, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = folder / "a.bin"
    path.write_bytes(bytes(size))
    real = sources.Reading.read

    def moving(self: sources.Reading, wanted: int, /) -> bytes:
        data = real(self, wanted)
        if self.size == size and data:
            with path.open("r+b") as file:
                file.write(b"y")
        return data

    monkeypatch.setattr(sources.Reading, "read", moving)
    (outcome,) = taking_in(ledger, admin, folder)
    assert isinstance(outcome, Failed)
    assert outcome.cause == "changed_while_read"
    assert list((ledger.folder.path / "vault").rglob("*.tmp")) == []
    assert objects(ledger) == []


def test_what_was_collected_before_is_not_stored_again(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "小.txt").write_bytes(SECRET)
    (folder / "大.bin").write_bytes(bytes(3 * CHUNK_BYTES))
    taking_in(ledger, admin, folder)
    before = objects(ledger)
    assert len(before) == 2
    assert [type(o) for o in taking_in(ledger, admin, folder)] == [Unchanged, Unchanged]
    (folder / "新.txt").write_bytes(SECRET)
    assert len(records_in(taking_in(ledger, admin, folder))) == 1
    assert len(objects(ledger)) == 3
    assert set(before) < set(objects(ledger))
    assert vaulting.check(ledger, read_data=True) == (3, [], [])


def test_more_than_a_commit_holds_and_more_than_memory_may(
    ledger: Ledger, admin: Acting, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.collecting.HELD_BYTES", 100_000)
    for number in range(700):
        (folder / f"{number}.txt").write_bytes(b"%d" % number * (3000 if number < 100 else 1))
    assert len(records_in(taking_in(ledger, admin, folder))) == 700
    assert vaulting.check(ledger, read_data=True) == (700, [], [])
    with ledger.engine.connect() as connection:
        events = connection.exec_driver_sql("SELECT max(count) FROM commits").scalar_one()
    assert events <= 1000


def test_a_refused_collection_leaves_nothing_in_the_vault(firm: Firm, folder: Path) -> None:
    (folder / "小.txt").write_bytes(SECRET)
    (folder / "大.bin").write_bytes(bytes(3 * CHUNK_BYTES))
    with firm.open() as ledger:
        with pytest.raises(RefusedError):
            taking_in(ledger, ledger.acting(firm.second), folder)
        assert objects(ledger) == []
        assert not any(p.is_file() for p in (firm.path / "vault").rglob("*"))


# -- tables -------------------------------------------------------------------------------------


def test_a_table_of_which_all_rows_are_known_is_not_stored_again(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    rows = "".join(f"{n},{'x' * 200}\n" for n in range(12_000))  # more than one chunk
    (folder / "大.csv").write_text(f"a,b\n{rows}", encoding="utf-8")
    (folder / "小.csv").write_text(TABLE, encoding="utf-8")
    assert len(records_in(taking_in(ledger, admin, folder, rows=True, shared_key=True))) == 12_003
    assert len(objects(ledger)) == 2
    again = taking_in(ledger, admin, folder, rows=True, shared_key=True)
    assert sum(o.count for o in again if isinstance(o, Unchanged)) == 12_003
    assert vaulting.check(ledger, read_data=True) == (2, [], [])


def test_a_series_lies_in_the_vault_as_one_file(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "名单.csv").write_text(TABLE, encoding="utf-8")
    taking_in(ledger, admin, folder)
    (copy,) = copies(ledger)
    assert opened(ledger, copy.holding) == TABLE.encode()


def test_a_table_that_is_none_is_named_and_not_in_the_vault(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "坏.csv").write_bytes(b'a,b\n1,"x\n')
    (folder / "空.csv").write_bytes(b"")
    (folder / "合同.txt").write_bytes(SECRET)
    outcomes = taking_in(ledger, admin, folder, rows=True)
    assert sorted(o.cause for o in outcomes if isinstance(o, Failed)) == [
        "malformed_table", "no_rows"
    ]  # fmt: skip
    assert len(objects(ledger)) == len(copies(ledger)) == 1


def test_the_vault_holds_nothing_that_the_database_holds(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    """No key, no object lies in ledger.db; what is erased elsewhere would survive there."""
    (folder / "a.txt").write_bytes(SECRET)
    taking_in(ledger, admin, folder)
    (copy,) = copies(ledger)
    key = ledger.keystore.key(place_of(ledger, copy.holding).key)
    data = Vault(ledger.folder.path).path_of(copy.object).read_bytes()
    stored = repr(dump(ledger.engine))
    assert repr(key)[2:-1] not in stored
    assert repr(data[HEADER_BYTES:])[2:-1] not in stored
    assert key not in everything_under(ledger.folder.path)
