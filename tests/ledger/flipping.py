"""A small ledger of which every byte is flipped in turn, and what came of each.

The database is made as small as SQLite can: pages of 512 bytes, no free space. A flipped byte of
the file is looked at in memory first: SQLite's check of the file and every row of every table. If
all of that is as it was, every answer is: they are read from nothing else. If SQLite's check fails,
`verify` reports just that. What is left has changed rows, and must be found by what reads them.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.schema import APPEND_ONLY
from ledger.tlog.checkpoint import Checkpoint
from ledger.verification.database import StoredSource
from ledger.verification.rows import DamagedError
from ledger.verify import verify
from tests.ledger.ledgers import Firm

HEADER: Final = 100
LOG: Final = {*APPEND_ONLY, "sealed", "head", "signers"}
UNSIGNED: Final = {"tokens", "subject_tokens", "subject_places", "subject_coverage"}
"""By which people, and what was collected, are found again: erasable, and nothing to verification.
A replay compares those of people with the digests that events hold (`test_people_vouched`)."""
EVERY: Final = 20
"""Of bytes whose finding follows from another test, each so many-th is looked at all the same."""

Rows = dict[str, list[tuple[object, ...]]]


class Small(NamedTuple):
    """The ledger, its database's bytes and rows."""

    firm: Firm
    raw: bytes
    rows: Rows

    @property
    def database(self) -> Path:
        return self.firm.path / "ledger.db"


def made_small(firm: Firm) -> Small:
    """Pack a ledger's database as densely as it goes."""
    database = firm.path / "ledger.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA page_size=512")
        connection.execute("VACUUM")
    raw = database.read_bytes()
    rows = look(raw)
    assert rows is not None
    return Small(firm, raw, rows)


def look(raw: bytes) -> Rows | None:
    """Every row of every table, the schema's too; None if SQLite finds damage."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = bytes
        try:
            connection.deserialize(raw)
            sql = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master"
            rows = {"sqlite_master": connection.execute(sql).fetchall()}
            if connection.execute("PRAGMA integrity_check(1)").fetchall() != [(b"ok",)]:
                return None
            for kind, name, *_ in rows["sqlite_master"]:
                if kind.lower() == b"table":
                    table = name.decode()
                    rows[table.lower()] = connection.execute(f'SELECT * FROM "{table}"').fetchall()
        except (sqlite3.Error, UnicodeDecodeError, AttributeError, OverflowError):
            return None
    return rows


def unused(raw: bytes) -> set[int]:
    """The offsets that belong to no cell: free space within pages, and the ends of overflows."""
    size, found = int.from_bytes(raw[16:18]), set[int]()
    for start in range(0, len(raw), size):
        head = start + (HEADER if start == 0 else 0)
        kind = raw[head]
        if kind in (2, 5, 10, 13):
            cells = int.from_bytes(raw[head + 3 : head + 5])
            first = head + (8 if kind > 5 else 12) + 2 * cells
            found.update(range(first, start + int.from_bytes(raw[head + 5 : head + 7])))
    return found


def flip(small: Small, at: int, bits: random.Random) -> bytes:
    raw = bytearray(small.raw)
    raw[at] ^= 1 << bits.randrange(8)
    return bytes(raw)


def outcome(small: Small, at: int, raw: bytes, number: int) -> str:
    """`damage`, `found`, `identical`, `unsigned`, or `missed: ` and what was changed."""
    rows = look(raw) if at >= HEADER else None
    thorough = number % EVERY == 0 or at < HEADER
    if rows is None:
        return _inspected(small, raw, "damage") if thorough else _survived(small, raw)
    changed = [t for t in {*rows, *small.rows} if rows.get(t) != small.rows.get(t)]
    if not changed:
        return "identical"
    if set(changed) <= UNSIGNED:
        return "unsigned"
    if changed == ["sqlite_master"] and not thorough and _means(raw) == _means(small.raw):
        return "identical"
    if LOG.isdisjoint(changed) or thorough:
        return _inspected(small, raw, "found") if thorough or not _derived(changed) else "found"
    return "found" if _log_is_refused(small, raw) else f"missed: {sorted(changed)} at {at}"


def _derived(changed: Sequence[str]) -> bool:
    """Whether only rows of projections differ: `rebuild.check` compares each, here at times."""
    from projections import METADATA

    return set(changed) <= set(METADATA.tables)


def _survived(small: Small, raw: bytes) -> str:
    """`damage`: SQLite's check names it, and what is read besides ends in no fault of ours."""
    with suppress(DamagedError, sqlite3.Error):
        _log_is_refused(small, raw)
    return "damage"


def _log_is_refused(small: Small, raw: bytes) -> bool:
    folder = Folder(small.firm.path)
    pins = [Checkpoint.parse((folder.trust / "pin").read_bytes())]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(raw)
        connection.text_factory = bytes
        return verify(StoredSource(connection), folder.pinned_key(), pins=pins).verdict != "valid"


def _inspected(small: Small, raw: bytes, name: str) -> str:
    """What the whole inspection of the folder says with this file in it."""
    small.database.write_bytes(raw)
    try:
        report = inspect(Folder(small.firm.path))
    except MunimentError:
        return name
    finally:
        small.database.write_bytes(small.raw)
    if report.verdict != "valid":
        return name
    rows = look(raw)
    changed = rows and [t for t in {*rows, *small.rows} if rows.get(t) != small.rows.get(t)]
    if not changed or (changed == ["sqlite_master"] and _means(raw) == _means(small.raw)):
        return "identical" if changed is not None else "missed: unreadable"
    return f"missed: {changed}"


def _means(raw: bytes) -> object:
    """What SQLite has understood of the schema: a keyword may be written in small letters."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = bytes
        connection.deserialize(raw)
        listed = "SELECT schema, lower(name), type, ncol, wr, strict FROM pragma_table_list"
        tables = connection.execute(f"{listed} ORDER BY 2").fetchall()
        sql = "SELECT * FROM pragma_{}(?)"
        kinds = ("table_xinfo", "index_list", "foreign_key_list")
        found = [
            (table, [connection.execute(sql.format(k), (name,)).fetchall() for k in kinds])
            for table in tables
            for name in [table[1].decode("utf-8", "replace")]
        ]
        return repr(found).lower()


def shard() -> tuple[int, int]:
    """Which part of a whole run this is: MUNIMENT_SHARD=2/8 is the third of eight."""
    which, _, many = os.environ.get("MUNIMENT_SHARD", "0/1").partition("/")
    return int(which), int(many)


def flip_each(small: Small, chosen: Iterable[int], seed: int) -> Counter[str]:
    """Flip a bit of each of these bytes of the file; how many came to what."""
    counts: Counter[str] = Counter()
    spare = unused(small.raw)
    for number, at in enumerate(chosen):
        if at in spare:
            counts["unused"] += 1
            continue
        try:
            said = outcome(small, at, flip(small, at, random.Random(f"{seed}/{at}")), number)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            said = f"missed: {type(error).__name__}"  # no verdict at all
        counts[said] += 1
        if said.startswith("missed"):
            print(said, "at", at, "seed", seed)
    return counts


def spoil_unused(small: Small) -> bool:
    """Whether all rows are the same with every unused byte flipped at once."""
    raw = bytearray(small.raw)
    for at in unused(small.raw):
        raw[at] ^= 0xFF
    return look(bytes(raw)) == small.rows
