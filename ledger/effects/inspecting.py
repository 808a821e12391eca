"""Inspection of what arrived: every item's digest, and whether its content can be used.

    digest     match       its content has the digest that its line, or its record, names
               mismatch    it has another one
               unchecked   it is no file here: paper, or something out of reach
    readable   yes         a row of a table, or a document of a known kind that opens to its end
               no          it is not there, is protected by a password, damaged, or cut off
               unchecked   nobody here can tell: a picture, a recording, a document over the limits

What is opened is opened as documents of strangers are (`ledger.content`): by others' parsers only
in a process of its own with limits. Nothing of a content is kept or said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from domain.handover import HandoverState
from ledger import content
from ledger.application import Ledger
from ledger.effects import places
from ledger.effects.unpacking import Item, Package
from ledger.errors import UsageError
from ledger.handoverlist import Line
from ledger.sources import CHUNK, SourceFault, cause_of
from projections.arrivals import handover_outcomes
from projections.view import key_of

NO_FILE: Final = "not_a_file_here"
_UNUSABLE: Final = frozenset({
    "encrypted_document", "xml_bomb", "zip_bomb", "damaged_document", "malformed_table",
    "unknown_encoding",
})  # fmt: skip
_OPENED: Final = frozenset({"no_text"})
"""Read to the end, without a word in it: a scan."""
_row: Final = msgspec.json.Decoder(list[str])


class Seen(NamedTuple):
    """How an item arrived: codes of `DigestCheck` and `UsabilityCheck`."""

    digest: str
    readable: str

    @property
    def faulty(self) -> bool:
        """Whether something is wrong with it."""
        return self.digest == "mismatch" or self.readable == "no"

    @property
    def read(self) -> bool:
        """Whether its content was read."""
        return self.digest != "unchecked"


UNSEEN: Final = Seen("unchecked", "unchecked")
GONE: Final = Seen("unchecked", "no")


def in_package(package: Package, *, usability: bool = True) -> Iterator[tuple[str, Seen]]:
    """How every delivered item of a package is, in the order of the list.

    Raises `DamagedPackageError`, at the end at the latest: only then are these the items. Raises
    `UsageError` if what opens documents is not installed.
    """
    for item in package.items():
        if item.delivered:
            yield item.line.item, _delivered(package, item, usability=usability)


def _delivered(package: Package, item: Item, *, usability: bool) -> Seen:
    if item.content is not None:
        digest = sha256(item.content).hexdigest()
        readable = (
            usable(item.line, lambda: BytesIO(item.content or b"")) if usability else "unchecked"
        )
        return Seen(_compared(item.line, digest), readable)
    hashed = sha256()
    with package.content(item) as file:
        while piece := file.read(CHUNK):
            hashed.update(piece)
    readable = usable(item.line, lambda: package.content(item)) if usability else "unchecked"
    return Seen(_compared(item.line, hashed.hexdigest()), readable)


def _compared(line: Line, digest: str) -> str:
    return "match" if line.digest == digest else "mismatch"


def usable(line: Line, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> str:
    """Whether a content can be used: `yes`, `no`, or `unchecked`. Raises `UsageError`."""
    with opened() as file:
        if line.unit == "row" and line.quantity == 1 and _is_row(file):
            return "yes"
    with opened() as file:
        return _opens(file, "" if line.title is UNSET else line.title)


def _is_row(file: BinaryIO) -> bool:
    """Whether a content is a row as `ledger.sources.row_content` writes it."""
    data = file.read(_MOST_ROW + 1)
    try:
        return len(data) <= _MOST_ROW and bool(_row.decode(data))
    except (msgspec.MsgspecError, UnicodeError):
        return False


_MOST_ROW: Final = 1 << 24


def _opens(file: BinaryIO, name: str) -> str:
    try:
        for _piece in content.pieces(file, name):
            pass
    except SourceFault as fault:
        if fault.cause == "needs_ingest_extra":
            raise UsageError(
                "what opens documents is not installed; nothing was recorded",
                "pip install 'muniment[ingest]'",
            ) from None
        if fault.cause in _OPENED:
            return "yes"
        return "no" if fault.cause in _UNUSABLE else "unchecked"
    return "yes"


class Reread(NamedTuple):
    """What reading copies again gave: how each is, and (copy, stable cause) of what is wrong."""

    seen: Mapping[str, Seen]
    faults: list[tuple[str, str]]

    @property
    def read(self) -> int:
        """How many were read."""
        return sum(one.read for one in self.seen.values())

    @property
    def matched(self) -> int:
        """How many had their digests."""
        return sum(one.digest == "match" for one in self.seen.values())


def reread(ledger: Ledger, copies: Iterable[str], *, usability: bool = False) -> Reread:
    """Read every copy that is a file here, and compare it with the digest recorded for it.

    Needs the keystore; changes nothing. `usability`: look, besides, whether it opens.
    """
    seen: dict[str, Seen] = {}
    faults: list[tuple[str, str]] = []
    for copy in copies:
        try:
            place = places.place_of(ledger, copy)
            same = places.read_matches(place)
            readable = "unchecked"
            if usability and same:
                with places.content(ledger, place) as file:
                    readable = _opens(file, place.name)
            seen[copy] = Seen("match" if same else "mismatch", readable)
        except (SourceFault, OSError) as fault:
            cause = fault.cause if isinstance(fault, SourceFault) else cause_of(fault)
            seen[copy] = UNSEEN if cause == NO_FILE else GONE
            faults += [] if cause == NO_FILE else [(copy, cause)]
        else:
            faults += [] if same else [(copy, "changed_since_recorded")]
    return Reread(seen, faults)


# -- what is said of each item ------------------------------------------------------------------


def judged(
    items: Sequence[str],
    seen: Mapping[str, Seen],
    *,
    accepted: AbstractSet[str],
    rejected: AbstractSet[str],
    rest: bool,
) -> dict[str, Seen]:
    """The word on each item of which there is one, in the order of the list.

    What somebody looked at counts before what a program could not tell; a digest that differs stays
    one that differs. `rest`: whatever was not read is in order, too.
    """
    words: dict[str, Seen] = {}
    for item in items:
        found = seen.get(item, UNSEEN)
        if item in rejected:
            words[item] = found._replace(readable="no")
        elif item in accepted or (rest and found == UNSEEN):
            words[item] = found._replace(readable="yes")
        elif found != UNSEEN:
            words[item] = found
    return words


def to_record(
    ledger: Ledger, state: HandoverState, words: Mapping[str, Seen]
) -> Iterator[tuple[Seen, list[str]]]:
    """The items of which something new is to be said, together where it is the same.

    What was rejected by both sides stays rejected.
    """
    before = _said(ledger, state)
    groups: dict[Seen, list[str]] = {}
    for item, word in words.items():
        outcome = state.items[item]
        new = outcome in ("", "again")
        if outcome in ("rejected", "confirmed") or (not new and before.get(item) == word):
            continue
        groups.setdefault(word, []).append(item)
    yield from groups.items()


def _said(ledger: Ledger, state: HandoverState) -> dict[str, Seen]:
    """The last word on each item."""
    o = handover_outcomes.c
    query = (
        sa.select(o.item, o.digest, o.readable)
        .where(o.handover == key_of(state.stream), o.digest.is_not(None))
        .order_by(o.position)
    )
    with ledger.engine.connect() as connection:
        found = {bytes(item): Seen(*word) for item, *word in connection.execute(query)}
    return {item: found[key] for item in state.items if (key := key_of(item)) in found}
