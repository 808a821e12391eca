"""The tree over entries: changed tiles and entries under full tiles, each where it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.merkle import leaf_hash, tree_root
from ledger.verification.findings import Findings
from ledger.verification.growth import Growth
from tests.ledger.ledgers import Firm
from tests.ledger.tampering import change, check, first_of, flipped, hand_in, only, places, value


@pytest.mark.parametrize("at", [0, 31, 32, 32 * 99 + 7, 8191])
@pytest.mark.parametrize("number", [0, 1])
def test_a_tile_byte(tiled: Firm, at: int, number: int) -> None:
    change(tiled.path / "ledger.db", "tiles", "data", "number", number, at)
    position = first_of(tiled, number * 256 + at // 32)
    report = check(tiled)
    assert places(report) == [("tile_changed", position, None, "tile")]
    assert only(report).cause == f"tile/0/00{number}, hash {at // 32}"


def test_a_tile_that_is_gone(tiled: Firm) -> None:
    with hand_in(tiled.path / "ledger.db") as connection:
        connection.execute("DELETE FROM tiles WHERE number = 1")
    position = first_of(tiled, 256)
    assert places(check(tiled)) == [("tile_missing", position, None, "tile")]


def test_a_tile_that_no_tree_of_this_size_has(tiled: Firm) -> None:
    with hand_in(tiled.path / "ledger.db") as connection:
        connection.execute("INSERT INTO tiles SELECT 1, 0, data FROM tiles WHERE number = 0")
    assert places(check(tiled)) == [("tile_unknown", None, None, "tile")]


def test_entries_under_a_full_tile_are_each_located_and_spoil_nothing_after(tiled: Firm) -> None:
    changed = (5, 100, 255, 300)
    with hand_in(tiled.path / "ledger.db") as connection:
        for entry in changed:
            data = value(connection, "SELECT data FROM commits WHERE entry = ?", entry)
            new = flipped(data, 31)  # the last digit of the accepted time
            connection.execute("UPDATE commits SET data = ? WHERE entry = ?", (new, entry))
    report = check(tiled)
    found = [finding for finding in report.findings if finding.code == "entry_changed"]
    assert [finding.position for finding in found] == [first_of(tiled, entry) for entry in changed]
    assert {f.code for f in report.findings} <= {"entry_changed", "clock_regression"}


def test_a_changed_note_under_a_full_tile_is_one_finding(tiled: Firm) -> None:
    with hand_in(tiled.path / "ledger.db") as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = 40")
        new = data.replace(b"client muniment/0", b"client muniment/8")
        connection.execute("UPDATE commits SET data = ? WHERE entry = 40", (new,))
    report = check(tiled)
    position = first_of(tiled, 40)
    assert places(report) == [("signature_invalid", position, tiled.founded.actor, "note")]


def test_a_missing_entry_under_a_full_tile_is_one_finding(tiled: Firm) -> None:
    position = first_of(tiled, 40)
    with hand_in(tiled.path / "ledger.db") as connection:
        connection.execute("DELETE FROM commits WHERE entry = 40")
        connection.execute("DELETE FROM events WHERE entry = 40")
    assert places(check(tiled)) == [("entry_missing", position, None, "entry")]


def test_since_a_checkpoint_below_a_full_tile(tiled: Firm, tiled_template: Firm) -> None:
    note = (tiled_template.path.parent / "at-202").read_bytes()
    report = check(tiled, since=note)
    assert (report.verdict, report.commits) == ("valid", 350)
    change(tiled.path / "ledger.db", "tiles", "data", "number", 0, 32 * 230)
    assert places(check(tiled, since=note))[0][0] == "tile_changed"


class Memory:
    """Entries in a list; tiles made from them."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._entries = entries

    def tile(self, level: int, number: int) -> bytes | None:
        width = 256 ** (level + 1)
        leaves = [leaf_hash(e) for e in self._entries[number * width : (number + 1) * width]]
        step = width // 256
        return b"".join(tree_root(leaves[at : at + step]) for at in range(0, width, step))

    def entries(self, first: int, end: int) -> Sequence[bytes]:
        return self._entries[first:end]

    def position_of(self, entry: int) -> int | None:
        return entry + 1


@given(st.integers(0, 1200), st.data())
def test_the_tree_knows_every_root_it_ever_had(size: int, data: st.DataObject) -> None:
    entries = [b"%d" % number for number in range(size)]
    findings = Findings()
    growth = Growth(Memory(entries), findings)
    for entry in entries:
        growth.append(leaf_hash(entry))
    for old in data.draw(st.lists(st.integers(0, size), max_size=5)):
        accused: list[bytes] = []
        root = tree_root([leaf_hash(entry) for entry in entries[:old]])
        growth.state(old, root, accused.append)
        assert not accused
        growth.state(old, bytes(32), accused.append)
        assert accused == [root]
    growth.finish()
    assert findings.sorted() == ()
