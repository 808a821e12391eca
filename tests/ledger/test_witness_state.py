"""What a witness remembers: put back, copied, damaged or unwritable, it signs one history."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.errors import MunimentError, VerificationError
from ledger.witness import Witness
from ledger.witness_state import name_of
from tests.ledger.signers import one_byte_changes
from tests.ledger.witnesses import (
    Clock,
    Log,
    clock_fixture,  # noqa: F401  fixtures are found by their names
    log_fixture,  # noqa: F401
    opened,
    witness_fixture,  # noqa: F401
)


def test_a_folder_put_back_from_an_older_copy_goes_on_from_where_it_was(
    witness: Witness, log: Log, clock: Clock, tmp_path: Path
) -> None:
    assert witness.answer(log.request(0)).status == 200
    shutil.copytree(witness.folder.path, tmp_path / "older")
    honest = Log(log.origin)
    honest.leaves = list(log.leaves)
    honest.add(5)
    assert witness.answer(honest.request(5)).status == 200
    shutil.rmtree(witness.folder.path)
    (tmp_path / "older").rename(witness.folder.path)
    restored = opened(witness.folder.path, clock)
    assert restored.folder.behind(log.origin)
    fork = log.fork(5, 5)  # consistent with what the restored folder holds
    assert restored.answer(fork.request(5)).status == 422
    assert len(restored.folder.kept(log.origin, "forks")) == 1
    assert restored.answer(honest.request(10)).status == 200
    assert not restored.folder.behind(log.origin)


def test_a_copy_of_the_folder_used_beside_it_takes_the_same_turn(
    witness: Witness, log: Log, clock: Clock, tmp_path: Path
) -> None:
    assert witness.answer(log.request(0)).status == 200
    shutil.copytree(witness.folder.path, tmp_path / "twin")
    twin = opened(tmp_path / "twin", clock)
    fork = log.fork(5, 2)
    log.add(2)
    assert witness.answer(log.request(5)).status == 200
    assert twin.answer(fork.request(5)).status == 422


def test_without_the_second_file_an_older_copy_is_not_noticed(
    witness: Witness, log: Log, clock: Clock, tmp_path: Path, state_home: Path
) -> None:
    """The limit that the documents name: both put back, and only others see it."""
    assert witness.answer(log.request(0)).status == 200
    shutil.copytree(witness.folder.path, tmp_path / "older")
    fork = log.fork(5, 2)
    log.add(2)
    assert witness.answer(log.request(5)).status == 200
    shutil.rmtree(state_home / "muniment" / "witness")
    assert opened(tmp_path / "older", clock).answer(fork.request(5)).status == 200


def test_two_states_of_one_size_end_the_witness(
    witness: Witness, log: Log, clock: Clock, tmp_path: Path, state_home: Path
) -> None:
    assert witness.answer(log.request(0, 4)).status == 200
    shutil.copytree(witness.folder.path, tmp_path / "twin")
    shutil.copytree(state_home, tmp_path / "kept")
    assert witness.answer(log.request(4)).status == 200
    shutil.rmtree(state_home)
    (tmp_path / "kept").rename(state_home)
    twin = opened(tmp_path / "twin", clock)
    assert twin.answer(log.fork(4, 1).request(4)).status == 200  # as if on another machine
    shutil.rmtree(tmp_path / "twin")
    log.add()
    with pytest.raises(VerificationError, match="two checkpoints of one size"):
        opened(witness.folder.path, clock).answer(log.request(5))


def test_every_changed_byte_of_what_was_cosigned_stops_the_witness(
    witness: Witness, log: Log, clock: Clock
) -> None:
    assert witness.answer(log.request(0)).status == 200
    place = witness.folder.path / "logs" / name_of(log.origin) / "checkpoint"
    good = place.read_bytes()
    log.add(2)
    for changed in one_byte_changes(good, step=9):
        place.write_bytes(changed)
        with pytest.raises(VerificationError, match="damaged"):
            witness.answer(log.request(5))
    place.write_bytes(good)
    assert witness.answer(log.request(5)).status == 200


@pytest.mark.parametrize("damage", [b"", b"\0" * 300, b"old 0\n", b"x" * 100_000])
def test_a_damaged_state_is_never_taken_for_none(damage: bytes, witness: Witness, log: Log) -> None:
    assert witness.answer(log.request(0)).status == 200
    place = witness.folder.path / "logs" / name_of(log.origin) / "checkpoint"
    place.write_bytes(damage)
    with pytest.raises(VerificationError, match="damaged"):
        witness.answer(log.fork(2, 7).request(0))
    place.unlink()  # then the second file speaks
    assert witness.answer(log.fork(2, 7).request(5)).status == 422


def test_the_state_of_another_log_is_not_taken_for_this_ones(witness: Witness, log: Log) -> None:
    other = Log("other.example/log", 9)
    witness.folder.trust(other.vkey)
    assert witness.answer(log.request(0)).status == 200
    assert witness.answer(other.request(0)).status == 200
    places = [witness.folder.path / "logs" / name_of(one.origin) for one in (log, other)]
    shutil.copy(places[0] / "checkpoint", places[1] / "checkpoint")
    other.add()
    with pytest.raises(VerificationError, match="damaged"):
        witness.answer(other.request(5))


def test_nothing_is_cosigned_when_it_cannot_be_written_down(
    witness: Witness, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import witness_state

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(witness_state, "write_atomically", full)
        with pytest.raises(MunimentError, match="cannot be written down"):
            witness.answer(log.request(0))
    assert witness.folder.last(log.origin) is None
    assert witness.answer(log.request(0)).status == 200
