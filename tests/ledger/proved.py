"""What a bundle proves, asked in one word each."""

from __future__ import annotations

import time
from pathlib import Path

from ledger.application import Ledger
from ledger.bundle import Bundle
from ledger.offline.bag import Bag
from ledger.offline.check import check_bundle
from ledger.offline.report import Report
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import verify_consistency
from ledger.tlog.note import COSIGNATURE, Note, decode_base64
from tests.ledger.bundles import LEDGER, loaded
from tests.ledger.signers import ToySigner, signer


def cosigner(name: str, seed: str = "") -> ToySigner:
    return signer(name, COSIGNATURE, seed)


def checked(
    ledger: Ledger, bundle: Bundle, *cosigners: ToySigner, roots: tuple[bytes, ...] = ()
) -> Report:
    keys = [one.verifier.format() for one in cosigners]
    trust = parse_trust(ledger.folder.pinned_key().format(), keys, roots)
    return check_bundle(Bag(bundle.id, dict(bundle.files)), trust, ed25519.verify)


def claim(report: Report, name: str) -> tuple[str, tuple[str, ...]]:
    (found,) = [one for one in report.claims if one.claim == name]
    return found.answer, tuple(found.reasons)


def cosigned(ledger: Ledger, *cosigners: ToySigner) -> int:
    """The present state, signed by the ledger and by others; its size."""
    note = Note.parse(ledger.sign_checkpoint())
    head = Checkpoint.parse(note.text)
    lines = tuple(cosign_checkpoint(head, one, int(time.time())) for one in cosigners)
    ledger.log.add_checkpoint(head.size, Note(note.text, (*note.signatures, *lines)).format())
    return head.size


def head_of(data: bytes) -> Checkpoint:
    return Checkpoint.parse(Note.parse(data).text)


def other_states(bundle: Bundle) -> list[int]:
    names = (n for n in bundle.files if n.startswith(f"{LEDGER}/checkpoints/"))
    return sorted({int(Path(name).stem) for name in names} - {bundle.size})


def check_consistency(bundle: Bundle) -> set[int]:
    """Verify every proof between states with the tree's own verifier; the sizes proved."""
    head = head_of(bundle.files[f"{LEDGER}/checkpoints/{bundle.size}.txt"])
    roots: dict[int, bytes] = {}
    for name, data in bundle.files.items():
        if name.startswith(f"{LEDGER}/entries/"):
            note = Entry.parse(data).commit.note
            roots[note.seen_size] = note.seen_root
        elif ("/tokens/" in name and name.endswith(".note")) or "/checkpoints/" in name:
            roots[head_of(data).size] = head_of(data).root
    rows = loaded(bundle.files, f"{LEDGER}/consistency.json")
    assert [row["from"] for row in rows] == sorted({s for s in roots if 0 < s < head.size})
    for row in rows:
        hashes = [decode_base64(text, "a hash") for text in row["hashes"]]
        verify_consistency(row["from"], head.size, roots[row["from"]], head.root, hashes)
    return {row["from"] for row in rows}


def gaps(bundle: Bundle) -> list[str]:
    return list(loaded(bundle.files, "data/60_环境/software.json")["gaps"])
