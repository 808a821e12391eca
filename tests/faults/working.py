"""A process that stands ready to work on ledgers, in children that wait to be traced.

    python -m tests.faults.working

Reads one JSON object a line: `work` (one of `WORKS`), `ledger`, `actor`, `draft`, `files`, `state`,
`said`. For each it forks a child that has everything imported, stops it, and prints its process
id; a tracer that is attached to it then counts the calls of the work and nothing before. The child
writes what it has to say into the file `said`: `ack FIRST COUNT DIGEST` (SHA-256 of the events'
bytes), `collected POSITION`, `left` (a file that could not be taken in), `checkpoint DIGEST`,
`done`, `refused MESSAGE`. When it has ended, its status is printed: 0, or the number of the signal
that ended it, negative; 1 for anything that the command line would call an unexpected fault.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import alembic.command  # noqa: F401  imported late by a migration; here before anything forks
from sqlalchemy.exc import DBAPIError

from ledger import rebuild as rebuilding
from ledger.application import Ledger
from ledger.cli.ending import understood
from ledger.collecting import Collected, Terms, collect
from ledger.drafts import read_draft, submit
from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.recorder import Receipt
from ledger.tlog.encoding import encode
from tests.ledger.ledgers import buyer, passphrase, small_act

Job = Mapping[str, str]


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def opened(job: Job) -> Ledger:
    return Ledger(Folder(Path(job["ledger"])), passphrase, writing=True)


def acknowledge(receipt: Receipt) -> None:
    digest = sha256(b"".join(encode(event) for event in receipt.events)).hexdigest()
    say("ack", receipt.first, len(receipt.events), digest)


def append(job: Job) -> None:
    """A small act, one with a sealed part, a file taken in, a checkpoint."""
    with opened(job) as ledger:
        acting = ledger.acting(job["actor"])
        acknowledge(ledger.act(acting, [small_act(7)]))
        acknowledge(ledger.act(acting, [buyer(), small_act(8)]))
        terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine())
        for one in collect(ledger, acting, [Path(job["files"])], terms):
            say(*(("collected", one.position) if isinstance(one, Collected) else ("left",)))
        say("checkpoint", sha256(ledger.sign_checkpoint()).hexdigest())


def submitting(job: Job) -> None:
    """A draft that everybody has signed."""
    with opened(job) as ledger:
        acknowledge(submit(ledger, read_draft(Path(job["draft"]))))


def rebuild(job: Job) -> None:
    """Every table made anew from the events."""
    with opened(job) as ledger:
        rebuilding.rebuild(ledger.log.writer)


def migrate(job: Job) -> None:
    """A database of an earlier format, brought up to date by opening it for writing."""
    opened(job).close()


WORKS: Final[Mapping[str, Callable[[Job], None]]] = {
    "append": append, "submit": submitting, "rebuild": rebuild, "migrate": migrate,
}  # fmt: skip


def work(job: Job) -> None:
    """Do one thing, in this process."""
    try:
        WORKS[job["work"]](job)
        say("done")
    except MunimentError as error:
        say("refused", error)
    except (OSError, DBAPIError) as error:  # said by the command line as the same words
        say("refused", understood(error))


def _child(job: Job) -> None:
    said = os.open(job["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.environ["XDG_STATE_HOME"] = job["state"]
    os.kill(os.getpid(), signal.SIGSTOP)
    work(job)


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _child(job)
                code = 0
            except Exception:  # noqa: BLE001  a child never goes on as its parent
                traceback.print_exc()
            finally:
                os._exit(code)
        os.waitpid(child, os.WUNTRACED)
        print(child, flush=True)
        ended = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(ended), flush=True)


if __name__ == "__main__":
    main()
