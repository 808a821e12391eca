"""Parsers meet what Hypothesis thinks of, and what becomes of good files by chance."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS, mutated, refuses


@pytest.mark.parametrize("name", PARSERS)
def test_what_a_good_bundle_holds_is_taken(name: str) -> None:
    parser = PARSERS[name]
    seeds = parser.seeds()
    assert seeds, "nothing in the corpus is read by this parser"
    assert not any(refuses(parser, seed) for seed in seeds)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60)
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(
    lambda text: text.encode("utf-8", "surrogatepass"))))  # fmt: skip
def test_whatever_comes_is_refused_or_understood(name: str, data: bytes) -> None:
    refuses(PARSERS[name], data)


@pytest.mark.parametrize("name", PARSERS)
def test_good_files_with_changes_are_refused_or_understood(name: str) -> None:
    changes(name, 120)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_good_files_with_very_many_changes_are_refused_or_understood(name: str) -> None:
    changes(name, 20_000)


def changes(name: str, count: int) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw, parser = random.Random(seed), PARSERS[name]
    seeds = parser.seeds()
    refused = 0
    for _ in range(count if len(seeds[0]) < 100_000 else count // 20):
        refused += refuses(parser, mutated(draw.choice(seeds), draw))
    assert refused, "no change was refused: this tries nothing"
