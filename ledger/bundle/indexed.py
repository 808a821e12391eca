"""What a bundle shows of a published index, in the form that `ledger.offline.complete` states.

Of each object that the bundle is about every row, with its neighbours; of each stream from which
keys follow its own row. An object with very many rows (a copy in which a table's rows all lie) is
left out: verifiers then say that it is open whether everything is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ledger.bundle.gathering import Gathered
from ledger.bundle.order import canonical_json
from ledger.index import IndexRow, Proofs, names
from ledger.offline.complete import COPY, HEADS, RECORD
from ledger.offline.contents import kind_of
from ledger.tlog.note import encode_base64

if TYPE_CHECKING:
    from domain.anchor import LedgerIndexPublished

_MOST: Final = 5_000
"""Rows of one object that a bundle shows."""
_MOST_IN_ALL: Final = 20_000


class _TooMany(Exception):  # noqa: N818  nobody else hears of it
    """An object has more rows than a bundle shows."""


class Indexed(NamedTuple):
    """Rows by object, and single rows of streams."""

    objects: Mapping[str, Sequence[IndexRow]] = {}
    heads: Sequence[IndexRow] = ()
    whole: bool = True
    """Whether no object was left out."""

    def streams(self, about: str) -> list[str]:
        """The streams that go along: those that name an object, but for other records' in a copy.

        `about`: the id of what the bundle is about.
        """
        return list(dict.fromkeys(
            stream
            for name, rows in self.objects.items()
            for stream in _naming(name, rows)
            if name == about or kind_of(stream) != RECORD
        ))  # fmt: skip

    def file(self, event: str) -> bytes:
        """`index.json`, about the index that this event published."""
        objects = [
            {"object": name, "rows": list(map(_row, self.objects[name]))}
            for name in sorted(self.objects)
        ]
        heads = [_row(row) for row in sorted(self.heads, key=lambda row: row.text)]
        return canonical_json({"event": event, "heads": heads, "objects": objects})


def _row(row: IndexRow) -> dict[str, Any]:
    return {"row": row.row, "text": row.text, "hashes": list(map(encode_base64, row.hashes))}


def _naming(name: str, rows: Iterable[IndexRow]) -> list[str]:
    """The streams that name an object, by its rows."""
    parts = [row.text.split(" ") for row in rows]
    return [stream for about, stream, *_ in parts if about == name]


def objects_of(proofs: Proofs, kind: str, about: str, own: Iterable[bytes]) -> Indexed:
    """The rows of what a bundle is about; of a record, those of its copies too.

    `own`: the bytes of the events of its stream that are shown.
    """
    record = kind == RECORD
    copies = {name.decode() for state in own for name in names(state)} if record else set[str]()
    waiting = [about, *sorted(name for name in copies if kind_of(name) == COPY)]
    found: dict[str, list[IndexRow]] = {}
    seen = set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        room = _MOST_IN_ALL - sum(map(len, found.values()))
        try:
            found[name] = proofs.rows(name, lambda rows: _check(rows, room))  # noqa: B023  at once
        except _TooMany:
            continue
        if record:
            waiting += [one for one in _naming(name, found[name]) if kind_of(one) == COPY]
    return Indexed(found, whole=seen == found.keys())


def _check(rows: int, room: int) -> None:
    if rows > min(_MOST, room):
        raise _TooMany


def heads_of(proofs: Proofs, gathered: Gathered, index: LedgerIndexPublished) -> list[IndexRow]:
    """The own rows of the streams from which keys and roles follow, of those begun below it."""
    streams = {
        one.event.stream
        for one in gathered.in_order()
        if one.entry < index.size and kind_of(one.event.stream) in HEADS
    }
    return [proofs.head(stream) for stream in sorted(streams)]
