"""A witness that is asked during the whole run: it cosigns one history, and no second one."""

from __future__ import annotations

from pathlib import Path

from ledger.application import Ledger
from ledger.evidence import unb64url
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.note import ED25519, Note, VerifierKey
from ledger.tree import StoredTree
from ledger.witness import Answer, Request, Witness, open_witness
from tests.ledger.witnesses import PASSPHRASE, make_witness
from tests.simulation.chance import Chance


class Watch:
    """A witness of its own key, in a folder of its own, which pins the ledger's key."""

    def __init__(self, path: Path, ledger: Ledger, chance: Chance) -> None:
        make_witness(path).trust(ledger.folder.pinned_key())
        opened = open_witness(path, lambda: PASSPHRASE)
        self._chance = chance
        self._witness = Witness(opened.folder, opened._key, lambda: chance.clock.time / 1000)

    def learn(self, ledger: Ledger, public: str) -> None:
        """The ledger has another key from now on; its keeper says so by telephone."""
        key = VerifierKey.of(ledger.origin, ED25519, unb64url(public))
        self._witness.folder.trust(key, rotated=True)

    def asked(self, ledger: Ledger, note: bytes) -> Answer:
        """What it says to a checkpoint that was signed."""
        size = int(note.split(b"\n")[1])
        old = self._old(ledger)
        with ledger.engine.connect() as connection:
            proof = StoredTree(connection).consistency(old, size) if old else []
        return self._witness.answer(Request(old, tuple(proof), note).format())

    def lied_to(self, ledger: Ledger) -> Answer:
        """What it says to another history that the ledger's own key signed."""
        size, _ = ledger.seen()
        key = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
        head = Checkpoint(ledger.origin, size, self._chance.bytes(32))
        note = Note(head.format(), (sign_checkpoint(head, key),)).format()
        old = self._old(ledger)
        with ledger.engine.connect() as connection:
            proof = StoredTree(connection).consistency(old, size)
        return self._witness.answer(Request(old, tuple(proof), note).format())

    def _old(self, ledger: Ledger) -> int:
        """The size that it cosigned last."""
        last = self._witness.folder.last(ledger.origin)
        return last.head.size if last is not None else 0
