"""The process that `test_destroy_crash` strikes: it executes one case of destruction.

    python -m tests.faults.destroying LEDGER OPERATOR CASE

Prints `executed` once the execution was acknowledged, or `refused MESSAGE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ledger.application import Ledger
from ledger.effects.destroying import Terms, execute
from ledger.errors import MunimentError
from ledger.folder import Folder
from tests.ledger.ledgers import passphrase


def main(path: str, operator: str, case: str) -> None:
    try:
        with Ledger(Folder(Path(path)), passphrase, writing=True) as ledger:
            execute(ledger, ledger.acting(operator), case, Terms())
            say("executed")
    except MunimentError as error:
        say(f"refused {error}")


def say(line: str) -> None:
    """The one write that is no part of the act: struck, it is written again."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout.flush()  # what was buffered and not written is still there


if __name__ == "__main__":
    main(*sys.argv[1:])
