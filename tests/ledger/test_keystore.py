"""The keystore: keys that are found again, and keys that are gone for good."""

from __future__ import annotations

import os
import random
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.values import DataKeyId
from ledger import keystore
from ledger.errors import KeyAccessError, MunimentError
from ledger.keyfile import Argon2Cost, open_key, write_key
from ledger.keystore import HEADER_BYTES, SLOT_BYTES, Keystore
from ledger.privatekey import generate

CHEAP = Argon2Cost(8, 1, 1)
PASSPHRASE = b"correct horse"
DAMAGED = "damaged"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keystore"


@pytest.fixture
def store(folder: Path) -> Iterator[Keystore]:
    with Keystore.create(folder, PASSPHRASE, kdf=CHEAP) as made:
        yield made


def slots(folder: Path) -> bytes:
    return (folder / "slots").read_bytes()


def slot_at(position: int) -> slice:
    start = HEADER_BYTES + position * SLOT_BYTES
    return slice(start, start + SLOT_BYTES)


def reopened(folder: Path) -> Keystore:
    return Keystore.open(folder, PASSPHRASE)


def outcome(store: Keystore, key_id: str) -> bytes | str:
    """The key, or what is said instead."""
    try:
        return store.key(key_id)
    except KeyAccessError as error:
        return error.message


def forge(folder: Path, position: int, offset: int, new: bytes) -> None:
    """Overwrite bytes of one slot, as somebody with the disk in hand would."""
    with (folder / "slots").open("r+b") as file:
        file.seek(HEADER_BYTES + position * SLOT_BYTES + offset)
        file.write(new)


def test_keys_are_found_again_after_reopening(folder: Path, store: Keystore) -> None:
    made = store.new_keys(3) + store.new_keys(1)
    assert len({key for _, key in made}) == 4
    with reopened(folder) as again:
        assert again.size == 4
        assert [again.key(key_id) for key_id, _ in made] == [key for _, key in made]
        assert {again.state(key_id) for key_id, _ in made} == {"present"}


def test_every_key_among_thousands_is_found_by_search(folder: Path, store: Keystore) -> None:
    made = [pair for count in (1, 62, 63, 64, 65, 1000, 3) for pair in store.new_keys(count)]
    ids = [key_id for key_id, _ in made]
    assert ids == sorted(set(ids))
    assert all(store.key(key_id) == key for key_id, key in made)
    assert store.state("key-00000000-0000-7000-8000-000000000000") == "unknown"
    assert store.state("key-ffffffff-ffff-7fff-bfff-ffffffffffff") == "unknown"


def test_a_large_request_is_written_in_batches_and_none_is_no_write(
    folder: Path, store: Keystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keystore, "MAX_BATCH", 10)
    assert store.new_keys(0) == []
    assert len(store.new_keys(25)) == store.size == 25


def test_the_file_is_the_documented_format_and_opens_without_our_code(
    folder: Path, store: Keystore
) -> None:
    made = store.new_keys(2)
    kek = AESGCM(open_key("file:kek.json", PASSPHRASE, folder).wrapping_key())
    raw = slots(folder)
    assert raw[:24] == b"muniment-slots\x00\x01" + (2).to_bytes(8, "big")
    assert len(raw) == 24 + 2 * 80
    for position, (key_id, key) in enumerate(made):
        slot = raw[24 + position * 80 :][:80]
        assert slot[:16].hex() == key_id.removeprefix("key-").replace("-", "")
        assert slot[76:] == bytes(4)
        assert kek.decrypt(slot[16:28], slot[28:76], b"muniment-slots" + slot[:16]) == key


def test_key_ids_are_uuid7_and_fit_the_pattern_of_events(folder: Path) -> None:
    with Keystore.create(folder, PASSPHRASE, kdf=CHEAP, clock=lambda: 0x0123456789AB) as store:
        ids = [key_id for key_id, _ in store.new_keys(5000)]
    pattern = DataKeyId.__metadata__[0].pattern  # type: ignore[attr-defined]
    assert all(re.match(pattern, key_id) for key_id in ids)
    assert ids[0].startswith("key-01234567-89ab-7000-")
    assert ids[4095].startswith("key-01234567-89ab-7fff-")
    assert ids[4096].startswith("key-01234567-89ac-7000-")  # the counter runs over into time


def test_key_ids_count_on_when_the_clock_steps_back(folder: Path) -> None:
    now = [5_000_000]
    with Keystore.create(folder, PASSPHRASE, kdf=CHEAP, clock=lambda: now[0]) as store:
        ids = [store.new_keys(2)[1][0]]
        for time in (1_000_000, 0, 5_000_000, 5_000_001):
            now[0] = time
            ids.append(store.new_keys(2)[1][0])
    with Keystore.open(folder, PASSPHRASE, clock=lambda: 7) as store:
        ids.append(store.new_keys(1)[0][0])
        assert ids == sorted(set(ids))
        assert [store.state(key_id) for key_id in ids] == ["present"] * 6


def test_a_clock_beyond_all_uuids_makes_no_key(folder: Path) -> None:
    with Keystore.create(folder, PASSPHRASE, kdf=CHEAP, clock=lambda: 1 << 48) as store:
        with pytest.raises(MunimentError, match="clock"):
            store.new_keys(1)
        assert store.size == 0


def test_a_shredded_key_is_gone_and_says_so(folder: Path, store: Keystore) -> None:
    (first, kept), (second, _) = store.new_keys(2)
    before = slots(folder)[slot_at(1)]
    store.shred(second)
    after = slots(folder)[slot_at(1)]
    assert after == before[:16] + bytes(64)
    for opened in (store, reopened(folder)):
        assert (opened.state(first), opened.state(second)) == ("present", "erased")
        assert opened.key(first) == kept
        with pytest.raises(KeyAccessError, match="is erased"):
            opened.key(second)
    assert before[16:76] not in b"".join(p.read_bytes() for p in folder.iterdir())


def test_shredding_twice_is_harmless_and_shredding_many_is_one_flush(
    store: Keystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes: list[int] = []
    ids = [key_id for key_id, _ in store.new_keys(100)]
    monkeypatch.setattr("ledger.slots._flush", flushes.append)
    store.shred(*ids[:50], ids[0])
    store.shred(ids[0])
    assert len(flushes) == 2
    assert [store.state(key_id) for key_id in ids] == ["erased"] * 50 + ["present"] * 50


def test_shredding_an_unknown_key_touches_none(folder: Path, store: Keystore) -> None:
    ((known, _),) = store.new_keys(1)
    before = slots(folder)
    for unknown in ("key-01890a5d-ac96-774b-bcce-b302099a8057", "nonsense", known.upper()):
        with pytest.raises(KeyAccessError, match="unknown"):
            store.shred(known, unknown)
    assert slots(folder) == before


def test_a_shred_that_does_not_read_back_is_not_reported_as_done(
    store: Keystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((key_id, key),) = store.new_keys(1)
    monkeypatch.setattr(os, "pwrite", lambda _fd, data, _offset: len(data))
    with pytest.raises(KeyAccessError, match="does not read back"):
        store.shred(key_id)
    assert store.key(key_id) == key


@pytest.mark.parametrize(
    "key_id",
    [
        "",
        "key-",
        "key-01890a5d-ac96-774b-bcce-b302099a8057",
        "key-01890A5D-ac96-774b-bcce-b302099a8057",
        "key-01890a5d-ac96-474b-bcce-b302099a8057",
        "record-01890a5d-ac96-774b-bcce-b302099a8057",
        "key-01890a5d-ac96-774b-bcce-b302099a8057\n",
    ],
)
def test_an_unknown_key_is_told_from_an_erased_one(store: Keystore, key_id: str) -> None:
    store.new_keys(1)
    assert store.state(key_id) == "unknown"
    with pytest.raises(KeyAccessError, match="unknown"):
        store.key(key_id)


def test_no_key_stands_in_clear_in_any_file_or_representation(
    folder: Path, store: Keystore
) -> None:
    made = store.new_keys(50)
    kek = open_key("file:kek.json", PASSPHRASE, folder).wrapping_key()
    everything = b"".join(p.read_bytes() for p in folder.iterdir()) + repr(store).encode()
    for secret in [kek, *(key for _, key in made)]:
        assert secret not in everything
        assert secret.hex().encode() not in everything
    with pytest.raises(TypeError):
        store.__reduce__()


# -- attacks ------------------------------------------------------------------------------------


def test_attack_wrong_passphrase(folder: Path, store: Keystore) -> None:
    with pytest.raises(KeyAccessError, match="passphrase is wrong"):
        Keystore.open(folder, b"guess")


def test_attack_another_keystores_kek(folder: Path, store: Keystore) -> None:
    ((key_id, _),) = store.new_keys(1)
    (folder / "kek.json").unlink()
    write_key(folder / "kek.json", generate("kek", "wrap", "x"), PASSPHRASE, kdf=CHEAP)
    with reopened(folder) as swapped, pytest.raises(KeyAccessError, match="another's"):
        swapped.key(key_id)


def test_attack_a_signing_key_in_place_of_the_kek(folder: Path, store: Keystore) -> None:
    (folder / "kek.json").unlink()
    write_key(folder / "kek.json", generate("ed25519", "act", "x"), PASSPHRASE, kdf=CHEAP)
    with pytest.raises(KeyAccessError, match="another kind"):
        reopened(folder)


def test_attack_one_slots_content_under_another_slots_id(folder: Path, store: Keystore) -> None:
    (first, _), (second, _) = store.new_keys(2)
    raw = slots(folder)
    forge(folder, 0, 16, raw[slot_at(1)][16:])
    forge(folder, 1, 16, raw[slot_at(0)][16:])
    for key_id in (first, second):
        with pytest.raises(KeyAccessError, match=DAMAGED):
            store.key(key_id)


def test_attack_two_whole_slots_exchanged(folder: Path, store: Keystore) -> None:
    """Never another key under an id: the right one, or damage."""
    made = store.new_keys(300)
    raw = slots(folder)
    forge(folder, 40, 0, raw[slot_at(200)])
    forge(folder, 200, 0, raw[slot_at(40)])
    right = 0
    for position, (key_id, key) in enumerate(made):
        said = outcome(store, key_id)
        right += said == key
        assert said == key or DAMAGED in str(said) or position in (40, 200)
    assert right > 200


def test_attack_every_changed_byte_of_a_slot(folder: Path, store: Keystore) -> None:
    (first, first_key), (second, _) = store.new_keys(2)
    raw = slots(folder)[slot_at(1)]
    for i in range(SLOT_BYTES):
        forge(folder, 1, i, bytes([raw[i] ^ 0x01]))
        with pytest.raises(KeyAccessError, match=r"damaged|unknown"):
            store.key(second)
        assert store.key(first) == first_key
        forge(folder, 1, i, raw[i : i + 1])
    assert store.state(second) == "present"


def test_attack_erasure_marked_but_half_done(folder: Path, store: Keystore) -> None:
    """A shred that a crash interrupted: not erased, not usable, and shredding again finishes it."""
    ((key_id, _),) = store.new_keys(1)
    forge(folder, 0, 16, bytes(40))
    assert store.state(key_id) == "present"
    with pytest.raises(KeyAccessError, match=DAMAGED):
        store.key(key_id)
    store.shred(key_id)
    assert store.state(key_id) == "erased"


def test_attack_a_truncated_slot_file_is_refused_not_continued(
    folder: Path, store: Keystore
) -> None:
    store.new_keys(5)
    raw = slots(folder)
    for length in (0, 10, HEADER_BYTES, HEADER_BYTES + 79, len(raw) - 80, len(raw) - 1):
        (folder / "slots").write_bytes(raw[:length])
        with pytest.raises(KeyAccessError, match=r"truncated|damaged"):
            reopened(folder)
        with pytest.raises(KeyAccessError, match=r"truncated|damaged"):
            store.new_keys(1)
        assert slots(folder) == raw[:length]


def test_attack_every_changed_byte_of_the_header(folder: Path, store: Keystore) -> None:
    """Refused, or every answer stays the same (a smaller number of flushed slots is only less)."""
    ((key_id, key),) = store.new_keys(1)
    raw = slots(folder)
    for i in range(HEADER_BYTES):
        (folder / "slots").write_bytes(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :])
        if i == HEADER_BYTES - 1:
            with reopened(folder) as again:
                assert again.key(key_id) == key
        else:
            with pytest.raises(KeyAccessError, match=r"truncated|damaged"):
                reopened(folder)


def test_attack_a_damaged_id_never_makes_another_key_unknown(folder: Path, store: Keystore) -> None:
    """A wrong turn in the search is found out: `unknown` would let somebody call it erased."""
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    made = store.new_keys(1000)
    raw = slots(folder)
    for victim in (chance.randrange(1000) for _ in range(40)):
        old = raw[slot_at(victim)][:16]
        damaged = (old[0] ^ 0x80, 0)[victim % 2]  # too high, too low
        forge(folder, victim, 0, bytes([damaged]))
        for position in (chance.randrange(1000) for _ in range(50)):
            if position != victim:
                said = outcome(store, made[position][0])
                assert said == made[position][1] or DAMAGED in str(said)
        forge(folder, victim, 0, old)


# -- crashes and other writers ------------------------------------------------------------------


@pytest.mark.parametrize("torn", [1, 79, 80, 81, 200, 240])
@pytest.mark.parametrize("left", ["zeros", "data"])
def test_an_unfinished_batch_is_ignored_and_then_cut_off(
    folder: Path, store: Keystore, torn: int, left: str
) -> None:
    """The machine stopped in `new_keys`: length grown, data not yet there, or there in part."""
    made = store.new_keys(3)
    acknowledged = slots(folder)
    lost = store.new_keys(3)
    tail = slots(folder)[len(acknowledged) :][:torn]
    store.close()
    (folder / "slots").write_bytes(acknowledged + (bytes(torn) if left == "zeros" else tail))
    with reopened(folder) as again:
        assert again.size == 3 + (0 if left == "zeros" else torn // SLOT_BYTES)
        made += again.new_keys(2)
        assert all(again.key(key_id) == key for key_id, key in made)
        assert (again.state(lost[2][0]) == "present") == (torn == 240 and left == "data")
        assert (len(slots(folder)) - HEADER_BYTES) % SLOT_BYTES == 0
    with reopened(folder) as again:
        assert all(again.key(key_id) == key for key_id, key in made)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([b"zero", b"kept"]), min_size=1, max_size=6))
def test_whatever_pages_of_a_batch_were_written_the_order_holds(pages: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "keystore"
        with Keystore.create(folder, PASSPHRASE, kdf=CHEAP) as store:
            made = store.new_keys(2)
            before = slots(folder)
            store.new_keys(len(pages))
            after = slots(folder)
            with (folder / "slots").open("r+b") as file:
                file.write(before)
                for i, page in enumerate(pages):
                    kept = after[slot_at(2 + i)]
                    file.write(kept if page == b"kept" else bytes(SLOT_BYTES))
        with reopened(folder) as again:
            made += again.new_keys(3)
            assert all(again.key(key_id) == key for key_id, key in made)
        ids = [slots(folder)[slot_at(i)][:16] for i in range(again._count)]
        assert ids == sorted(set(ids))


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_failing_disk_gives_out_no_key_and_breaks_nothing(
    folder: Path, store: Keystore, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    made = store.new_keys(2)

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite" if call == "pwrite" else "ledger.slots._flush", fail)
        with pytest.raises(MunimentError, match="no key was made"):
            store.new_keys(5)
        with pytest.raises(MunimentError, match="none of the keys"):
            store.shred(made[0][0])
    made += store.new_keys(1)
    assert store.size == 3
    assert store.key(made[2][0]) == made[2][1]


def test_two_processes_take_turns_and_see_each_others_keys(folder: Path, store: Keystore) -> None:
    with reopened(folder) as other:
        made = []
        for _ in range(20):
            made += store.new_keys(3)
            made += other.new_keys(2)
            assert store.key(made[-1][0]) == made[-1][1]
            assert other.key(made[0][0]) == made[0][1]
        other.shred(made[7][0])
        assert store.state(made[7][0]) == "erased"
    ids = [key_id for key_id, _ in made]
    assert ids == sorted(set(ids))


def test_threads_share_one_keystore(store: Keystore) -> None:
    made: list[tuple[str, bytes]] = []
    wrong: list[str] = []

    def work() -> None:
        for _ in range(10):
            mine = store.new_keys(7)
            wrong.extend(key_id for key_id, key in mine if store.key(key_id) != key)
            made.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.size == len({key_id for key_id, _ in made}) == 280


def test_a_keystore_is_never_made_over_another(folder: Path, store: Keystore) -> None:
    ((key_id, key),) = store.new_keys(1)
    with pytest.raises(KeyAccessError, match="already"):
        Keystore.create(folder, b"other", kdf=CHEAP)
    (folder / "kek.json").rename(folder / "kek.lost")
    with pytest.raises(KeyAccessError, match="already"):
        Keystore.create(folder, b"other", kdf=CHEAP)
    (folder / "kek.lost").rename(folder / "kek.json")
    assert reopened(folder).key(key_id) == key


def test_missing_parts_are_named(folder: Path, store: Keystore) -> None:
    (folder / "slots").unlink()
    with pytest.raises(KeyAccessError, match="slot file"):
        reopened(folder)
    os.mkfifo(folder / "slots")
    with pytest.raises(KeyAccessError, match="cannot be read"):
        reopened(folder)
    (folder / "kek.json").unlink()
    with pytest.raises(KeyAccessError, match=r"kek\.json: no such"):
        reopened(folder)
    (folder.parent / "file").write_bytes(b"")
    with pytest.raises(KeyAccessError, match="folder"):
        Keystore.create(folder.parent / "file" / "keystore", PASSPHRASE, kdf=CHEAP)
