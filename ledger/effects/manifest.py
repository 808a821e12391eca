r"""What lies in a backup: a list beside the copies, whose digest is in the ledger.

`manifest.json` is one JSON object, its keys sorted, printable ASCII, without spaces, ended by a
newline; the copies in the order of their ids:

    backup    id of the backup
    base      id of the backup that it continues; absent if it continues none
    copies    [{"holding": id of the copy, "made_from": id of the original,
                "object": SHA-256 of its file, hex, "size": bytes of its file}, …]
    format    "muniment/backup/v1"
    origin    of the ledger

The file of a copy is called by its id. The event `backup.created` holds the SHA-256 of these bytes,
so its maker signed them; whoever has the folder and the event can check the folder without a key.

>>> copy = Listed("holding-b", "holding-a", "0" * 64, 76)
>>> made = Manifest("clean.example/ledger", "backup-1", "", (copy,))
>>> print(made.format().decode("ascii")[:71])
{"backup":"backup-1","copies":[{"holding":"holding-b","made_from":"hold
>>> Manifest.parse(made.format()) == made
True
"""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self

from ledger.errors import DataError

NAME: Final = "manifest.json"
MARKER: Final = ".muniment"
"""Lies beside it while a backup is unfinished: `ledger.effects.shelf`."""
FORMAT: Final = "muniment/backup/v1"
MAX_BYTES: Final = 4 << 20
"""So large a manifest is at most: 4,000 copies take about a quarter of it."""


class Listed(NamedTuple):
    """A copy as the manifest lists it; `object`, `size`: of the file, encrypted as it is."""

    holding: str
    made_from: str
    object: str
    size: int


class Manifest(NamedTuple):
    """What lies in a backup; `base` is empty if it continues none."""

    origin: str
    backup: str
    base: str
    copies: tuple[Listed, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of its bytes, in hex."""
        return sha256(self.format()).hexdigest()

    def format(self) -> bytes:
        """The bytes of the file."""
        whole: dict[str, Any] = {
            "backup": self.backup,
            "copies": [copy._asdict() for copy in sorted(self.copies)],
            "format": FORMAT,
            "origin": self.origin,
        }
        if self.base:
            whole["base"] = self.base
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return text.encode("ascii") + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a manifest. Raises `DataError` for anything that `format` does not write."""
        found: Self | None = None
        with suppress(AttributeError, KeyError, RecursionError, TypeError, ValueError):
            whole = json.loads(data[:MAX_BYTES].decode("ascii"))
            copies = tuple(Listed(**copy) for copy in whole["copies"])
            read = cls(whole["origin"], whole["backup"], whole.get("base", ""), copies)
            found = read if read.format() == data else None
        if found is None:
            raise DataError("the list beside the copies of a backup is not one of ours")
        return found
