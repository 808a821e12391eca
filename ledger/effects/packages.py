"""What is given away in a handover: a list read again, and one digest over what was read.

A package is named by the SHA-256 over one line `<copy> <digest>` for each copy on the list, in
order of ids. The digest is that of the file as it was just read, if it is the one recorded; `-`
stands for what was not read (paper, for one) or did not match. Both sides seal the package that
they saw; if all was there and unchanged, it is the same.

>>> package_of({"holding-b": "12", "holding-a": None})[:16]
'c8903fdef5f434e4'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from ledger.application import Ledger
from ledger.effects.places import place_of, read_matches
from ledger.sources import SourceFault, cause_of


class Reread(NamedTuple):
    """What reading a list again gave: counts, the package, and (copy, stable cause) pairs.

    `faults`: copies that are files here and could not be read, or are not what was recorded.
    """

    read: int
    matched: int
    package: str
    faults: Sequence[tuple[str, str]]


def reread(ledger: Ledger, items: Iterable[str]) -> Reread:
    """Read every copy that is a file here, and compare it with the digest recorded for it.

    Needs the keystore; changes nothing.
    """
    digests: dict[str, str | None] = {}
    faults: list[tuple[str, str]] = []
    read = 0
    for item in items:
        digests[item] = None
        try:
            place = place_of(ledger, item)
            same = read_matches(place)
        except (SourceFault, OSError) as fault:
            cause = fault.cause if isinstance(fault, SourceFault) else cause_of(fault)
            if cause != "not_a_file_here":
                faults.append((item, cause))
            continue
        read += 1
        if same:
            digests[item] = place.digest
        else:
            faults.append((item, "changed_since_recorded"))
    matched = sum(digest is not None for digest in digests.values())
    return Reread(read, matched, package_of(digests), faults)


def package_of(digests: Mapping[str, str | None]) -> str:
    """The name of a package, in hex; `digests`: what each copy on the list was found to be."""
    lines = sorted(f"{item} {digest or '-'}\n" for item, digest in digests.items())
    return sha256("".join(lines).encode("ascii")).hexdigest()
