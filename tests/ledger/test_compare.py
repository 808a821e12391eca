"""Two copies of one ledger: they agree, one is ahead, or the first entry that differs is named."""

from __future__ import annotations

import random
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.effects.comparing import compare, divergence
from ledger.errors import VerificationError
from ledger.folder import Folder
from ledger.tlog.merkle import EMPTY_ROOT, leaf_hash, tree_root
from tests.ledger.copies import another
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm
from tests.ledger.replicas import (
    Fork,
    Machine,
    acted,
    key_of,
    machine_fixture,  # noqa: F401  fixtures are found by their names
    made,
)
from tests.ledger.tampering import change

SEED = 20261122


def roots(leaves: list[bytes]) -> list[bytes]:
    return [EMPTY_ROOT, *(tree_root(leaves[:size]) for size in range(1, len(leaves) + 1))]


def test_every_place_of_a_fork_is_found_in_every_small_tree() -> None:
    for size in range(1, 34):
        leaves = [leaf_hash(bytes([index])) for index in range(size)]
        ours = roots(leaves)
        for at in range(size):
            other = [*leaves[:at], *(leaf_hash(b"x%d" % i) for i in range(at, size))]
            theirs = roots(other)
            assert divergence(ours.__getitem__, theirs.__getitem__, size) == at
        assert divergence(ours.__getitem__, ours.__getitem__, size) is None


def test_one_entry_that_differs_is_enough() -> None:
    """Only one leaf is another one; all roots from it on are."""
    print("seed", SEED)
    chosen = random.Random(SEED)
    leaves = [sha256(bytes([n % 256, n // 256])).digest() for n in range(700)]
    ours = roots(leaves)
    for at in chosen.sample(range(700), 12):
        theirs = roots([*leaves[:at], bytes(32), *leaves[at + 1 :]])
        assert divergence(ours.__getitem__, theirs.__getitem__, 700) == at


def test_the_search_reads_a_few_roots_only() -> None:
    asked: list[int] = []

    def root(size: int) -> bytes:
        asked.append(size)
        return size.to_bytes(8, "big") + bytes([size > 123_456])

    assert divergence(root, lambda size: size.to_bytes(8, "big") + b"\0", 10**6) == 123_456
    assert len(asked) < 25


def test_two_copies_agree_or_one_is_ahead(firm: Firm, machine: Machine, tmp_path: Path) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    trust = Folder(machine.path).pinned_key()
    same = compare(tmp_path / "one", machine.path, trust)
    assert (same.result, same.diverged_at) == ("agree", None)
    acted(firm, 260)
    later = compare(made(firm, tmp_path / "two").folder, machine.path, trust)
    assert (later.result, later.first.size - later.second.size) == ("ahead", 260)
    assert compare(machine.path, firm.path, trust).result == "behind"


def test_a_fork_is_located_however_long_both_have_gone_on(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    acted(firm, 255)
    fork = Fork(firm, tmp_path)
    acted(firm, 7)
    fork.acted(300)
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    found = compare(fork.made(tmp_path / "two"), machine.path, Folder(machine.path).pinned_key())
    assert (found.result, found.diverged_at) == ("fork", 257)


def test_a_copy_that_was_changed_is_damaged_and_no_fork(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    change(tmp_path / "one" / "ledger.db", "events", "state", "position", 2, 60)
    with pytest.raises(VerificationError, match="does not verify"):
        compare(tmp_path / "one", machine.path, Folder(machine.path).pinned_key())


def test_two_ledgers_are_not_compared(firm: Firm, machine: Machine, tmp_path: Path) -> None:
    """Of the same origin, under the other's key: what a copy carries is no key to trust."""
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    twin = another(tmp_path, "jiejing.example/ledger").copy
    with pytest.raises(VerificationError):
        compare(twin, machine.path, Folder(machine.path).pinned_key())
    with pytest.raises(VerificationError):
        compare(twin, machine.path, Folder(twin).pinned_key())


# -- as it is typed -------------------------------------------------------------------------------


def test_comparing_says_it_and_ends_with_three_for_a_fork(desk: Desk, tmp_path: Path) -> None:
    desk.did("replica", "make", str(tmp_path / "one"))
    fork = Fork(desk.firm, tmp_path)
    said = desk.json("ledger", "compare", str(tmp_path / "one"))
    assert (said["result"], said["diverged_at"]) == ("agree", None)
    assert said["first"] == said["second"]
    acted(desk.firm)
    assert desk.json("ledger", "compare", str(tmp_path / "one"))["result"] == "behind"
    fork.acted(2)
    result = desk.run("ledger", "compare", str(fork.made(tmp_path / "two")))
    assert result.exit_code == 3
    assert "entry 2" in result.stdout


def test_a_comparison_is_recorded_if_asked(desk: Desk, tmp_path: Path) -> None:
    desk.did("replica", "make", str(tmp_path / "one"))
    fork = Fork(desk.firm, tmp_path)
    desk.did("ledger", "compare", str(tmp_path / "one"), "--record")
    fork.acted(2)
    two = str(fork.made(tmp_path / "two"))
    assert desk.run("ledger", "compare", two, "--record").exit_code == 3
    own = desk.json("replica", "show")["ledger"]
    rows = desk.json("show", own)["events"]
    assert [(row["details"]["result"], row["details"].get("diverged_at")) for row in rows[-2:]] == [
        ("agree", None), ("fork", 2),
    ]  # fmt: skip
    assert desk.json("verify")["verdict"] == "valid"


def test_copies_alone_are_compared_under_a_key_that_is_named(desk: Desk, tmp_path: Path) -> None:
    for name in ("one", "two"):
        desk.did("replica", "make", str(tmp_path / name))
    both = (str(tmp_path / "one"), str(tmp_path / "two"))
    said = desk.error("ledger", "compare", *both, code=2)
    assert "neither of the two pins a key" in said["message"]
    vkey = desk.json("replica", "show")["vkey"]
    assert desk.json("ledger", "compare", *both, "--key", vkey)["result"] == "agree"
    desk.error("ledger", "compare", *both, "--key", "x", code=2)
    shutil.rmtree(tmp_path / "two")
    desk.error("ledger", "compare", *both, "--key", vkey, code=10)
