"""What becomes of an old copy on another machine, when the run is over.

It was put aside with the keystore that it had then. Completed from the ledger as it is now, it
forgets what was destroyed since; not completed, it goes on only under a new origin.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unittest import mock

from ledger.effects import ledgerrestore, refetching, renewing
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.slots import Slots
from tests.ledger.ledgers import CHEAP, passphrase
from tests.simulation.checks import promise
from tests.simulation.world import World

ANOTHER = "jiejing.example/second"


def elsewhere(world: World) -> bool:
    """Both ways with the oldest copy; whether there was one, and something was recorded since."""
    if not world.kept:
        return False
    copy = world.kept[0]
    size = _entries(copy)
    seen = [note for note in world.checkpoints if size < _size(note) <= _same_key(world, size)]
    if not seen:
        return False
    world.close()
    state = {"XDG_STATE_HOME": str(world.home / "another-state")}
    with mock.patch.dict(os.environ, state):
        _completed(world, copy)
    shutil.rmtree(world.home / "another-state", ignore_errors=True)
    with mock.patch.dict(os.environ, state):
        _renewed(world, copy, seen[-1])
    for name in ("another", "second", "another-state"):
        shutil.rmtree(world.home / name, ignore_errors=True)
    return True


def _restored(world: World, copy: Path) -> Folder:
    place = world.home / "another"
    shutil.rmtree(place, ignore_errors=True)
    ledgerrestore.restore_ledger(
        copy, place, passphrase, keystore=keystore_of(copy), identity=world.path / "identity"
    )
    return Folder(place)


def _completed(world: World, copy: Path) -> None:
    """What was destroyed after the copy was made is destroyed there, too (I-20)."""
    folder = _restored(world, copy)
    done = refetching.refetch(folder, passphrase, world.path)
    promise(done.missing is None, "a copy that was completed lacks something")
    shredded = {key for case in world.book.cases.values() for key in case.keys}
    with Slots.at(folder.keystore, reading=True) as slots:
        for key in sorted(shredded):
            promise(slots.state(key) != "present", "a key came back with an older keystore")


def _same_key(world: World, size: int) -> int:
    """Up to which size checkpoints are signed by the key that a copy of `size` entries knows."""
    return next((
        heard.entry for heard in world.book.known
        if heard.entry >= size and json.loads(heard.state)["type"] == "ledger.key_rotated"
    ), world.book.known[-1].entry + 1)  # fmt: skip


def _renewed(world: World, copy: Path, seen: bytes) -> None:
    """What is not completed goes on under a new origin, which says what was lost."""
    folder = _restored(world, copy)
    made = renewing.renew(
        folder, world.home / "second", ANOTHER, passphrase, seen=seen,
        keystore_medium="disk_internal", kdf=CHEAP,
    )  # fmt: skip
    promise(made.former.size == _entries(copy), "the new ledger says something else was left")
    last = _size(seen) - 1
    promise(made.former.lost_to == last, "the new ledger is silent on what was lost")
    promise(inspect(Folder(made.folder)).verdict == "valid", "the new ledger does not verify")


def keystore_of(copy: Path) -> Path:
    """The keystore that was put aside with a copy."""
    return copy.with_name(f"{copy.name}-keystore")


def _entries(copy: Path) -> int:
    from ledger.effects.ledgercopy import read_manifest

    return read_manifest(copy)[1].entries


def _size(checkpoint: bytes) -> int:
    return int(checkpoint.split(b"\n")[1])
