"""Samples: reproducible by hand, by a shell, in any order; in proportion; nobody chooses them."""

from __future__ import annotations

import subprocess
from collections import Counter
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.sampling import draw, draw_stratified, parts
from ledger.errors import UsageError

SEEDS = st.text("0123456789abcdef", min_size=32, max_size=32)
IDS = st.lists(st.text("abcdefghij-/0123456789", min_size=1, max_size=40), max_size=60)
SIZES = st.integers(0, 80)
HAND = [f"record-019390a1-7e30-7c3a-8d5e-{n:012x}" for n in range(1, 7)]
SHELL = (
    'while read id; do printf \'muniment-sample/1\\n%s\\n%s\' "$seed" "$id" | sha256sum | '
    "tr '\\n' ' '; echo \"$id\"; done | LC_ALL=C sort | head -n \"$n\" | awk '{print $NF}' | "
    "LC_ALL=C sort"
)


@given(IDS, SEEDS, SIZES)
def test_a_sample_is_the_lowest_numbers(ids: list[str], seed: str, size: int) -> None:
    """Written out plainly: what the format says."""
    numbered = sorted(
        (sha256(f"muniment-sample/1\n{seed}\n{one}".encode()).digest(), one) for one in set(ids)
    )
    assert draw(ids, seed, size) == sorted(one for _, one in numbered[:size])


@given(IDS, SEEDS, SIZES, st.randoms())
def test_neither_order_nor_repetition_changes_a_sample(
    ids: list[str], seed: str, size: int, random: Random
) -> None:
    shuffled = [*ids, *ids[:3]]
    random.shuffle(shuffled)
    assert draw(shuffled, seed, size) == draw(ids, seed, size)


@given(IDS, SEEDS, SIZES)
def test_a_larger_sample_holds_the_smaller_one(ids: list[str], seed: str, size: int) -> None:
    assert set(draw(ids, seed, size)) <= set(draw(ids, seed, size + 1))
    assert len(draw(ids, seed, size)) == min(size, len(set(ids)))


@given(IDS, SEEDS, SIZES)
def test_what_was_not_drawn_may_go_without_changing_the_sample(
    ids: list[str], seed: str, size: int
) -> None:
    drawn = draw(ids, seed, size)
    assert draw(drawn, seed, size) == drawn


def test_a_shell_draws_the_same() -> None:
    """The recipe of the docstring, by programs that are not ours."""
    seed = "00112233445566778899aabbccddeeff"
    for size in (1, 2, 5, 6):
        result = subprocess.run(
            ["bash", "-c", SHELL], input="".join(f"{one}\n" for one in HAND), check=True,
            env={"seed": seed, "n": str(size), "PATH": "/usr/bin:/bin"}, capture_output=True,
            text=True, timeout=30,
        )  # fmt: skip
        assert result.stdout.split() == draw(HAND, seed, size)


def test_every_id_is_as_likely_as_another() -> None:
    """Over 2,000 seeds each of six ids is drawn about a third of the time."""
    seen = Counter(one for n in range(2_000) for one in draw(HAND, f"{n:032x}", 2))
    assert set(seen) == set(HAND)
    assert all(abs(count - 2_000 / 3) < 120 for count in seen.values()), seen


@pytest.mark.parametrize("seed", ["", "0" * 31, "0" * 33, "A" * 32, "0" * 31 + "\n", "g" * 32])
def test_a_seed_is_thirty_two_digits(seed: str) -> None:
    with pytest.raises(UsageError, match="seed"):
        draw(HAND, seed, 1)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 500)), SIZES)
def test_every_stratum_gets_its_part(counts: dict[str, int], size: int) -> None:
    total = sum(counts.values())
    shares = parts(counts, size)
    assert shares.keys() == counts.keys()
    assert sum(shares.values()) == min(size, total)
    for stratum, share in shares.items():
        exact = min(size, total) * counts[stratum] / total if total else 0
        assert abs(share - exact) < 1
        assert share <= counts[stratum]


@pytest.mark.parametrize(("counts", "size", "shares"), [
    ({"a": 90, "b": 10}, 10, {"a": 9, "b": 1}),
    ({"a": 1, "b": 1, "c": 1}, 2, {"a": 1, "b": 1, "c": 0}),  # equal remainders: by name
    ({"a": 6, "b": 3, "c": 1}, 5, {"a": 3, "b": 2, "c": 0}),  # 3, 1.5, 0.5: by name
    ({"a": 7, "b": 2, "c": 1}, 5, {"a": 4, "b": 1, "c": 0}),  # 3.5, 1, 0.5: by name
    ({"a": 3}, 9, {"a": 3}), ({}, 4, {}), ({"a": 0}, 4, {"a": 0}),
])  # fmt: skip
def test_shares_computed_by_hand(counts: dict[str, int], size: int, shares: dict[str, int]) -> None:
    assert parts(counts, size) == shares


@given(IDS, SEEDS, SIZES)
def test_a_stratified_sample_is_drawn_from_each_stratum(
    ids: list[str], seed: str, size: int
) -> None:
    strata = {name: [one for one in set(ids) if one[0] in name] for name in ("abcde", "fghij-/01")}
    drawn = draw_stratified(strata, seed, size)
    shares = parts({name: len(of) for name, of in strata.items()}, size)
    for name, of in strata.items():
        assert [one for one in drawn if one in of] == draw(of, seed, shares[name])
