"""What keys signed, as the commit notes say: the one question for which every note is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from ledger.tlog.commit import POSSESSION

if TYPE_CHECKING:
    import sqlalchemy as sa

_SIGNER: Final = re.compile(rb"^signer ([!-*,-~]+) ([0-9a-f]{8}) ([a-z_]{1,32})$", re.MULTILINE)
_PORTION: Final = 2_000


class Signed(NamedTuple):
    """That a key signed an entry in a capacity; `first`: its first position, `events`: how many."""

    entry: int
    first: int
    events: int
    name: str
    key_id: str
    capacity: str


def signed(
    connection: sa.Connection, begin: int, last: int, key: tuple[str, str] | None = None
) -> Iterator[Signed]:
    """Who signed the entries from `begin` to `last`, in order, in flat memory.

    `key`: only of this one, by name and id. Proofs of possession are left out: nobody acts by one.
    The text of a note ends at its first empty line; a signature line is never read as a signer's.
    """
    sql = "SELECT entry, first, count, data FROM commits WHERE entry BETWEEN ? AND ?"
    values: tuple[object, ...] = (begin, last)
    if key is not None:
        sql += " AND instr(data, ?) > 0"
        values += (f"\nsigner {key[0]} {key[1]} ".encode("ascii"),)
    options = {"yield_per": _PORTION}
    with connection.exec_driver_sql(
        f"{sql} ORDER BY entry", values, execution_options=options
    ) as rows:  # fmt: skip
        for entry, first, count, data in rows:
            text = bytes(data).partition(b"\n\n")[0]
            for name, identity, capacity in _SIGNER.findall(text):
                one = Signed(
                    entry, first, count, name.decode(), identity.decode(), capacity.decode()
                )
                if one.capacity != POSSESSION and key in (None, (one.name, one.key_id)):
                    yield one
