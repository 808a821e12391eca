"""The process that the fault tests kill: it acts on a ledger and says what was acknowledged.

    python -m tests.faults.acting LEDGER ACTOR FIRST COUNT FILES

Prints one line for each thing that happened, when it happened: `open`, `ack ENTRY FIRST DIGEST`
(SHA-256 of the commit's events), `checkpoint SIZE`, `refused MESSAGE`, `closed`. Anything that is
not an error of Muniment's own ends it with a traceback.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.tlog.encoding import encode
from tests.ledger.ledgers import buyer, collect_files, passphrase, small_act


def say(*words: object) -> None:
    print(*words, flush=True)


def act(ledger: Ledger, acting: Acting, number: int, files: Path) -> None:
    """Every kind of write in turn: small, sealed, bulk, a checkpoint."""
    kind = number % 4
    if kind == 3:
        say("checkpoint", sha256(ledger.sign_checkpoint()).hexdigest())
    elif kind == 2:
        found = collect_files(ledger, acting, files / str(number), 2)
        say("collected", *(one.position for one in found))
    else:
        proposals = [small_act(number)] if kind else [buyer(), small_act(number)]
        receipt = ledger.act(acting, proposals)
        digest = sha256(b"".join(encode(event) for event in receipt.events)).hexdigest()
        say("ack", receipt.entry, receipt.first, len(receipt.events), digest)


def main(path: str, actor: str, first: str, count: str, files: str) -> None:
    try:
        with Ledger(Folder(Path(path)), passphrase, writing=True) as ledger:
            acting = ledger.acting(actor)
            say("open")
            for number in range(int(first), int(first) + int(count)):
                try:
                    act(ledger, acting, number, Path(files))
                except MunimentError as error:
                    say("refused", error)
    except MunimentError as error:
        say("refused", error)
    say("closed")


if __name__ == "__main__":
    main(*sys.argv[1:])
