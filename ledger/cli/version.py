"""What `--version` prints: the program's version and that of every format it writes.

>>> lines()[0].split()[0]
'muniment'
"""

from __future__ import annotations

from typing import Final

from ledger import VERSION

FORMATS: Final = {"event": "v1", "database": "0003", "key file": "key/v1", "keystore": "1"}
"""Kept beside the formats by a test: reading them there would load the database's libraries."""


def lines() -> list[str]:
    """One line for the program, one for the formats."""
    formats = ", ".join(f"{name} {version}" for name, version in FORMATS.items())
    return [f"muniment {VERSION}", f"formats: {formats}"]
