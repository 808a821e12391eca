"""The data keys of what expires go with it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects import backup, expiring
from ledger.effects.expiring import expire, verify
from ledger.effects.places import place_of
from ledger.errors import RefusedError
from ledger.keystore import Keystore
from ledger.rebuild import check
from ledger.sources import SourceFault
from ledger.stream import decrypt
from ledger.verification.stored import verify_folder
from tests.ledger.copying import Copying, contents, gather, items, plain
from tests.ledger.ledgers import add_person


@pytest.fixture
def made(ledger: Ledger, admin: Acting, sources: Path, copying: Copying) -> backup.Made:
    """A backup of five contracts."""
    gather(ledger, admin, sources, plain(5))
    return copying().made[0]


def test_what_expired_cannot_be_read_even_where_a_medium_kept_it(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    """A snapshot of the disk still has the files: without their keys they are noise."""
    copies = items(ledger, made.backup)
    kept = {copy: (Path(made.place) / copy).read_bytes() for copy in copies}
    keys = {copy: acts.holding_state(ledger, copy).key for copy in copies}
    secret = ledger.keystore.key(keys[copies[0]])
    slots = ledger.folder.keystore / "slots"
    at = slots.read_bytes().index(bytes.fromhex(keys[copies[0]][4:].replace("-", "")))
    wrapped = slots.read_bytes()[at + 28 : at + 76]
    assert b"".join(decrypt(BytesIO(kept[copies[0]]), secret)).decode().endswith("号合同")
    done = expire(ledger, admin, made.backup)
    assert done.keys == tuple(sorted(keys.values()))
    for copy in copies:
        assert ledger.keystore.state(keys[copy]) == "erased"
    for path in ledger.folder.path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret not in data
            assert wrapped not in data, path.name
    (event,) = done.receipt.events if done.receipt else ()
    assert event.keys == list(done.keys)  # type: ignore[attr-defined]


def test_what_was_sealed_about_expired_copies_goes_and_everything_else_stays(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    copies = items(ledger, made.backup)
    originals = [str(acts.holding_state(ledger, copy).made_from) for copy in copies]
    expire(ledger, admin, made.backup)
    for copy in copies:
        with pytest.raises(SourceFault, match="erased"):
            place_of(ledger, copy)
    assert [place_of(ledger, original).path for original in originals]
    assert verify_folder(ledger.folder).verdict == "valid"
    with ledger.engine.connect() as connection:
        assert check(connection) == []


def test_one_copy_that_stays_keeps_its_key(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    foreign, *rest = items(ledger, made.backup)
    (Path(made.place) / foreign).write_bytes(b"something else")
    done = expire(ledger, admin, made.backup)
    assert len(done.keys) == len(rest)
    key = acts.holding_state(ledger, foreign).key
    assert key not in done.keys
    assert ledger.keystore.state(key) == "present"
    assert (Path(made.place) / "manifest.json").exists(), "while a copy is left"


@pytest.mark.parametrize("at", ["shred", "_record"])
def test_broken_off_around_the_shredding_it_is_taken_up_again(
    ledger: Ledger, admin: Acting, made: backup.Made, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    copies = items(ledger, made.backup)

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Keystore if at == "shred" else expiring, at, stop)
        with pytest.raises(KeyboardInterrupt):
            expire(ledger, admin, made.backup)
    assert all(acts.holding_state(ledger, copy).there for copy in copies)
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed, len(done.keys)) == (copies, [], 5)
    assert verify_folder(ledger.folder).verdict == "valid"


def test_a_hold_between_a_verification_and_the_expiry_keeps_files_and_keys(
    ledger: Ledger, admin: Acting, made: backup.Made, disk: Path
) -> None:
    assert verify(ledger, admin, made.backup).matched == 5
    holder = add_person(ledger, admin, admin.state.party, ("dpo", "security_officer"))
    (copy, *_) = items(ledger, made.backup)
    said = {"authority": "法院函"}
    ledger.act(holder, custody.place_hold("litigation", holdings=[copy], sealed=said))
    before = contents(disk)
    with pytest.raises(RefusedError, match="hold_in_force"):
        expire(ledger, admin, made.backup)
    assert contents(disk) == before
    assert verify(ledger, admin, made.backup, decrypt=True).matched == 5


def test_a_long_list_expires_with_the_key_of_every_copy(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(201))
    (long,) = copying().made
    done = expire(ledger, admin, long.backup)
    assert done.receipt is not None
    assert [len(e.keys) for e in done.receipt.events] == [100, 100, 1]  # type: ignore[attr-defined]
    assert len(set(done.keys)) == 201
