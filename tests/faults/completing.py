"""The process that the fault tests kill: it copies, restores or completes a ledger.

    python -m tests.faults.completing copy LEDGER TARGET
    python -m tests.faults.completing restore COPY INTO KEYSTORE IDENTITY
    python -m tests.faults.completing refetch LEDGER OTHER

Prints `done` when it is, or `refused MESSAGE`. Entries are fetched two at a time.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from ledger.application import Ledger
from ledger.effects import refetching
from ledger.effects.ledgercopy import copy_ledger
from ledger.effects.ledgerrestore import restore_ledger
from ledger.errors import MunimentError
from ledger.folder import Folder
from tests.ledger.ledgers import passphrase


def main(what: str, first: str, second: str, *more: str) -> None:
    here, there = Path(first), Path(second)
    try:
        if what == "copy":
            with Ledger(Folder(here), passphrase, writing=True) as ledger:
                copy_ledger(ledger, there)
        elif what == "restore":
            keystore, identity = map(Path, more)
            restore_ledger(here, there, passphrase, keystore=keystore, identity=identity)
        else:
            refetching.MOST_ENTRIES = 2  # type: ignore[misc]
            refetching.refetch(Folder(here), passphrase, there)
    except MunimentError as error:
        say(f"refused {error}")
    else:
        say("done")


def say(text: str) -> None:
    """One line; where the very saying is what fails, nothing."""
    with suppress(OSError):
        os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
