r"""Samples that anybody can draw again, in any language, from a seed and a list of ids.

`draw`: the seed is 32 lower-case hexadecimal digits (128 bits), an id printable ASCII. Each id has
the number

    SHA-256("muniment-sample/1\n" ‖ seed ‖ "\n" ‖ id)         all as ASCII, the seed as its digits

and the sample of n is the n ids with the lowest numbers, compared as 32 bytes, given in ascending
order of the ids. Whether an id is drawn does not depend on the order of the list, a larger sample
with the same seed holds the smaller one, and nobody can tell before the seed is known. In a shell:

    while read id; do
      printf 'muniment-sample/1\n%s\n%s' "$seed" "$id" | sha256sum | tr '\n' ' '; echo "$id"
    done < ids | LC_ALL=C sort | head -n "$n" | awk '{print $NF}' | LC_ALL=C sort

`draw_stratified`: each stratum gets its part of n in proportion to how many ids it has (largest
remainder: the whole parts first, then one more each to the largest remainders, the first stratum by
name where two are equal), and `draw` draws within it.

>>> ids = [f"record-019390a1-7e30-7c3a-8d5e-{n:012x}/1" for n in range(1, 11)]
>>> [one[-3:] for one in draw(ids, "0" * 32, 3)]
['2/1', '4/1', '5/1']
>>> parts({"record.accessed": 90, "record.access_denied": 10}, 15)
{'record.access_denied': 2, 'record.accessed': 13}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from heapq import nsmallest
from typing import Final

from ledger.errors import UsageError

_LABEL: Final = b"muniment-sample/1\n"
_SEED: Final = re.compile(r"[0-9a-f]{32}\Z")


def draw(ids: Iterable[str], seed: str, size: int) -> list[str]:
    """`size` of the ids, all if there are fewer, in ascending order; each id counts once.

    Raises `UsageError` for a seed that is not 32 lower-case hexadecimal digits.
    """
    if not _SEED.match(seed):
        raise UsageError("a seed is 32 hexadecimal digits, in lower case; nothing was drawn")
    before = sha256(_LABEL + seed.encode("ascii") + b"\n")

    def number(identifier: str) -> bytes:
        whole = before.copy()
        whole.update(identifier.encode("ascii"))
        return whole.digest()

    return sorted(nsmallest(size, set(ids), key=number))


def draw_stratified(strata: Mapping[str, Iterable[str]], seed: str, size: int) -> list[str]:
    """`size` of all ids, from each stratum in proportion; ascending. Raises as `draw`."""
    known = {stratum: set(ids) for stratum, ids in strata.items()}
    shares = parts({stratum: len(ids) for stratum, ids in known.items()}, size)
    return sorted(
        one for stratum, share in shares.items() for one in draw(known[stratum], seed, share)
    )


def parts(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of `size` each stratum gets, by stratum: by the largest remainder."""
    total = sum(counts.values())
    size = min(size, total)
    if not total:
        return dict.fromkeys(sorted(counts), 0)
    shares = {stratum: divmod(size * counts[stratum], total) for stratum in sorted(counts)}
    left = size - sum(whole for whole, _ in shares.values())
    first = sorted(shares, key=lambda stratum: (-shares[stratum][1], stratum))[:left]
    return {stratum: whole + (stratum in first) for stratum, (whole, _) in shares.items()}
