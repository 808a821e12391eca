"""Lists of copies and records, longer than one event, fixed by one root.

A list goes into several events of its stream, at most 200 ids each; every one of them names how
many there are in all and their RFC 6962 root, with each id's ASCII bytes as leaf data. The list is
whole when the number is reached, and then its root must be the one named. Who approves, releases
or receives names the root: nobody can be shown one list and sign another (I-21, I-27).

>>> list_root(["holding-a", "holding-b", "holding-c"])[:16]
'29d78679a16f0e48'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Annotated, Final

from msgspec import Meta

from domain.copies import Claim
from domain.judging import Refusal, refuse
from domain.values import MAX_LISTED, Digest, Event, HoldingId, Ordinal

MAX_ITEMS: Final = 20_000
"""So many copies one list has at most: every step of a case goes through all of them."""
MAX_RECORDS: Final = 200_000
"""So many items a list of a handover has at most: no state is loaded for a record on it."""
Items = Annotated[list[HoldingId], Meta(min_length=1, max_length=MAX_LISTED)]


def list_root(items: Sequence[str]) -> str:
    """The RFC 6962 root over ids, in hex; the order matters."""
    return _root([sha256(b"\x00" + item.encode("ascii")).digest() for item in items]).hex()


def _root(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + _root(hashes[:split]) + _root(hashes[split:])).digest()


class Listing(Event, frozen=True, kw_only=True, tag=False):
    """A part of a list: `items` of it, `count` ids in all, `root` over all."""

    items: Items
    count: Ordinal
    root: Digest

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that are listed."""
        return tuple(self.items)


class ListState(Claim):
    """A case with a list: `items` maps each item to what became of it, empty at first."""

    count: int = 0
    root: str = ""

    @property
    def whole(self) -> bool:
        """Whether every part of the list is there."""
        return bool(self.count) and len(self.items) == self.count

    def listed(self, event: Listing) -> None:
        """Take a part in."""
        self.count, self.root = event.count, event.root
        self.items.update(dict.fromkeys(event.items, ""))


def continues(state: ListState | None, event: Listing, most: int = MAX_ITEMS) -> Iterator[Refusal]:
    """Whether a part fits the parts before it; the last one must bring the root about (I-21)."""
    before = state.items if state is not None else {}
    if event.count > most:
        yield refuse("I-21", "list_too_long", event.stream)
    if state is not None and state.count and (event.count, event.root) != (state.count, state.root):
        yield refuse("I-21", "part_of_another_list", event.stream)
        return
    if any(item in before for item in event.items) or len(set(event.items)) != len(event.items):
        yield refuse("I-06", "item_named_twice", event.stream)
    size = len(before) + len(event.items)
    if size > event.count:
        yield refuse("I-21", "list_is_longer_than_said", event.stream)
    elif size == event.count and list_root([*before, *event.items]) != event.root:
        yield refuse("I-21", "root_is_not_the_lists", event.stream)


def same_list(state: ListState, root: str) -> Iterator[Refusal]:
    """Whether somebody speaks of the whole list that stands (I-21)."""
    if not state.whole:
        yield refuse("I-21", "list_not_whole", state.stream)
    elif root != state.root:
        yield refuse("I-21", "another_list_was_seen", state.stream)
