"""States of a ledger that are stamped, by file, over HTTP, or as an attack has it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from domain.anchor import LedgerTimestampAnchored
from ledger import timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.offline.token import read_info
from ledger.recorder import Receipt, Submission
from ledger.signing import Proposal, sign_all
from ledger.timestamp_client import REPLY
from ledger.timestamps import Request
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from tests.ledger import tsa
from tests.ledger.ledgers import small_act

Changed = Callable[[bytes], bytes]


def stamp(ledger: Ledger, admin: Acting, stamping: tsa.Authority, root: tsa.Issued) -> Receipt:
    """The present state stamped now, and recorded."""
    asking = Request.over(timestamps.newest(ledger))
    reply = stamping.reply(asking.query())
    found = timestamps.check(asking, reply, [root.der])
    return timestamps.anchor(ledger, admin, asking, reply, found)


def stamped_at(ledger: Ledger, admin: Acting, root: tsa.Issued, when: str, folder: Path) -> Receipt:
    """The present state stamped at any time (`YYYYMMDDHHMMSSZ`), and recorded."""
    asking = Request.over(timestamps.newest(ledger))
    content = tsa.tst_info(asking.imprint, when, nonce=asking.nonce)
    reply = tsa.cms(folder, content, tsa.issue(tsa.SIGNER, root))
    found = timestamps.check(asking, reply, [root.der])
    return timestamps.anchor(ledger, admin, asking, reply, found)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path / "ledger.db")) as connection:
        return connection.execute(sql).fetchall()


def act(ledger: Ledger, admin: Acting) -> int:
    """One act; its entry."""
    return ledger.act(admin, [small_act(ledger.seen()[0])]).entry


def tampered(
    ledger: Ledger, admin: Acting, asking: Request, reply: bytes, changes: dict[str, Any]
) -> Receipt:
    """Record a reply with an event that says something else; nothing is verified before."""
    state = Checkpoint.parse(Note.parse(asking.note).text)
    said = read_info(reply)
    fields = {
        "size": state.size, "root": state.root.hex(), "imprint": asking.imprint.hex(),
        "token": sha256(reply).hexdigest(), "gen_time": f"{said.gen_time[:-1]}.000Z",
        "policy": said.policy, **changes,
    }  # fmt: skip
    proposal = Proposal(LedgerTimestampAnchored, ledger.ledger_id, fields)
    events, _ = ledger.build(admin, [proposal])
    unsigned = ledger.note_over(admin, events, {})
    signed = sign_all(unsigned.note, [admin.key])
    stamps = [(asking.note, reply)]
    return ledger.record(events, Submission(signed, unsigned.states, anchors=stamps))


class Server:
    """An authority on loopback that answers with `openssl ts`, or as an attack has it."""

    def __init__(self, stamping: tsa.Authority) -> None:
        self.stamping = stamping
        self.kind = REPLY
        self.status = 200
        self.change: Changed = lambda reply: reply
        self.drip = False
        self.heard: list[tuple[str, str, bytes]] = []
        self.url = ""


@contextmanager
def serving(stamping: tsa.Authority) -> Iterator[Server]:
    said = Server(stamping)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said.heard.append((self.path, self.headers["Content-Type"], body))
            data = said.change(stamping.reply(body))
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Location", "/elsewhere")
            if not said.drip:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for at in range(0, len(data), 1 if said.drip else len(data)):
                self.wfile.write(data[at : at + 1] if said.drip else data)
                if said.drip:
                    self.wfile.flush()
                    time.sleep(0.2)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said.url = f"http://127.0.0.1:{server.server_port}/tsr?a=1"
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
