"""An execution that ends at a chosen point, as by `kill -9`: no exception, no clean-up.

    python -m tests.ledger.striking FOLDER OPERATOR CASE POINT NUMBER

ends before the NUMBERth passage of POINT (1-based): a name of `POINTS`. It prints `survived` if the
point was never reached.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ledger.effects.destroying
import ledger.effects.keycopies
import ledger.effects.pending
import ledger.effects.removing
import ledger.keystore
import ledger.recorder
from ledger.application import Ledger
from ledger.effects.destroying import Terms, execute
from ledger.folder import Folder
from tests.ledger.ledgers import passphrase

EXIT = 9

POINTS: dict[str, tuple[object, str]] = {
    "plan written": (ledger.effects.destroying, "_destroy"),
    "journal written": (ledger.effects.pending.Journal, "_append"),
    "overwriting": (ledger.effects.removing, "overwrite"),
    "writing zeros": (os, "pwrite"),
    "renaming": (os, "rename"),
    "unlinking": (os, "unlink"),
    "flushing": (os, "fsync"),
    "shredding": (ledger.keystore.Keystore, "shred"),
    "shredding in copies": (ledger.effects.keycopies, "shred_in"),
    "telling of copies": (ledger.effects.keycopies, "_clearing"),
    "looking for texts": (ledger.effects.destroying, "sealed_under"),
    "recording": (ledger.recorder.CustodyRecorder, "record"),
    "deleting texts": (ledger.recorder.CustodyRecorder, "_erase"),
    "rereading": (ledger.recorder.CustodyRecorder, "_reread"),
    "cleaning up": (ledger.effects.destroying, "_clean_up"),
    "marking recorded": (ledger.effects.pending.Journal, "mark_recorded"),
}


def strike(point: str, number: int) -> None:
    """From now on, the NUMBERth passage of a point is the end."""
    owner, name = POINTS[point]
    real: Callable[..., Any] = getattr(owner, name)
    left = [number]

    def struck(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os._exit(EXIT)
        return real(*args, **options)

    setattr(owner, name, struck)


def main() -> None:
    folder, operator, case, point, number = sys.argv[1:]
    with Ledger(Folder(Path(folder)), passphrase, writing=True) as opened:
        acting = opened.acting(operator)
        strike(point, int(number))
        execute(opened, acting, case, Terms())
    print("survived")


if __name__ == "__main__":
    main()
