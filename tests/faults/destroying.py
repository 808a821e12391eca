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
            print("executed", flush=True)
    except MunimentError as error:
        print("refused", error, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
