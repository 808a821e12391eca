"""A keystore in which one slot is damaged: whatever goes through many copies reports that one."""

from __future__ import annotations

from pathlib import Path

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects.backup import Failed
from ledger.effects.inspecting import reread
from tests.ledger.copying import Copying, copies_in, gather, plain
from tests.ledger.damaging import damage_key_of


def test_a_backup_leaves_out_the_copy_and_takes_the_others(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    damaged, *_others = gather(ledger, admin, sources, plain(4))
    damage_key_of(ledger, damaged)
    done = copying()
    assert done.failed == [Failed(damaged, "key_not_here")]
    (made,) = done.made
    assert made.copies == len(copies_in(made)) == 3


def test_a_package_is_read_again_but_for_the_copy(
    ledger: Ledger, admin: Acting, sources: Path
) -> None:
    damaged, *others = gather(ledger, admin, sources, plain(4))
    damage_key_of(ledger, damaged)
    found = reread(ledger, [damaged, *others])
    assert (found.read, found.matched, found.faults) == (3, 3, [(damaged, "key_not_here")])
