"""golang.org/x/mod/sumdb, the Go checksum database's note and tlog, on our notes and proofs."""

from __future__ import annotations

import base64
import json
import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint
from ledger.tlog.note import COSIGNATURE, Note, SignatureLine
from tests.interop.conftest import Bundle, Check, Shown
from tests.ledger.signers import signer
from tests.ledger.tampering import flipped


def written(folder: Path, data: bytes, name: str = "file") -> Path:
    place = folder / name
    place.write_bytes(data)
    return place


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def head(bundle: Bundle) -> tuple[int, str]:
    lines = bundle.head.read_text().split("\n")
    return int(lines[1]), lines[2]


# -- notes --------------------------------------------------------------------------------------


def test_go_opens_the_ledgers_checkpoints(go_check: Check, bundle: Bundle) -> None:
    found = sorted((bundle.ledger / "checkpoints").iterdir())
    assert found
    for checkpoint in found:
        assert go_check("note", checkpoint, bundle.vkey).stdout == "ok\n"


def test_go_opens_no_checkpoint_of_which_a_byte_is_changed(
    go_check: Check, bundle: Bundle, tmp_path: Path
) -> None:
    raw = bundle.head.read_bytes()
    # Go reads base64 leniently: the last digit's unused bits may be set, the signature is the same.
    spare = {len(raw) - len("?=\n")} if raw.endswith(b"=\n") else set[int]()
    for at in range(len(raw)):
        changed = written(tmp_path, flipped(raw, at))
        assert go_check("note", changed, bundle.vkey).returncode == 1 or at in spare, at


def test_go_opens_every_commit_note_under_all_its_signers_keys(
    go_check: Check, bundle: Bundle, tmp_path: Path
) -> None:
    entries = sorted((bundle.ledger / "entries").iterdir())
    assert entries
    signers = set()
    for entry in entries:
        note = entry.read_bytes().partition(b"\n")[2]
        vkeys = bundle.signed_by(note)
        signers |= set(vkeys)
        assert go_check("note", written(tmp_path, note), *vkeys).stdout == "ok\n"
        other = written(tmp_path, note.replace(b"\nseen ", b"\nseen 1", 1))
        assert go_check("note", other, *vkeys).returncode == 1
    assert len(signers) >= 3, "the ledger's own key, and those of two people"


def test_go_opens_the_exporters_note_and_it_names_the_manifests(
    go_check: Check, bundle: Bundle
) -> None:
    place = bundle.path / "exporter.note"
    (vkey,) = bundle.signed_by(place.read_bytes())
    assert go_check("note", place, vkey).stdout == "ok\n"
    for name in ("manifest", "tagmanifest"):
        digest = sha256((bundle.path / f"{name}-sha256.txt").read_bytes()).hexdigest()
        assert f"\n{name}-sha256 {digest}\n" in place.read_text()


def test_go_verifies_a_cosignature_and_no_changed_one(
    go_check: Check, bundle: Bundle, tmp_path: Path
) -> None:
    auditor = signer("auditor.example/index", COSIGNATURE)
    signed = Note.parse(bundle.head.read_bytes())
    line = cosign_checkpoint(Checkpoint.parse(signed.text), auditor, 1_795_000_000)
    vkeys = (bundle.vkey, auditor.verifier.format())

    def opened(one: SignatureLine) -> int:
        note = Note(signed.text, (*signed.signatures, one)).format()
        return go_check("note", written(tmp_path, note), *vkeys).returncode

    assert opened(line) == 0
    for at in range(len(line.signature)):
        changed = flipped(line.signature, at)
        assert opened(SignatureLine(line.name, line.key_id, changed)) == 1, at


def test_go_opens_nothing_under_another_key(go_check: Check, bundle: Bundle) -> None:
    other = signer("jiejing.example/ledger", 1).verifier.format()
    assert go_check("note", bundle.head, other).returncode == 1


# -- proofs -------------------------------------------------------------------------------------


def test_go_follows_both_proofs_of_every_event(
    go_check: Check, bundle: Bundle, tmp_path: Path
) -> None:
    """The event is in what people signed, and that is in the ledger."""
    events = bundle.events
    proofs = bundle.ledger / "proofs"
    checked = 0
    for place in bundle.json("places.json"):
        entry, index = place["entry"], place["index"]
        of_entry = proofs / f"{entry}.tlog-proof"
        leaf = bundle.ledger / "entries" / f"{entry}.entry"
        assert go_check("proof", of_entry, leaf, bundle.vkey).stdout == "ok\n"
        of_event = proofs / f"{entry}-{index}.tlog-proof"
        note = of_event.read_bytes().partition(b"\n\n")[2]
        event = written(tmp_path, events[place["event"]])
        vkeys = bundle.signed_by(note)
        assert go_check("proof", of_event, event, *vkeys).stdout == "ok\n"
        changed = written(tmp_path, flipped(events[place["event"]], 50))
        assert go_check("proof", of_event, changed, *vkeys).returncode == 1
        checked += 1
    assert checked == len(events) >= 8


def test_go_follows_no_proof_of_which_a_line_is_changed(
    go_check: Check, bundle: Bundle, tmp_path: Path
) -> None:
    for entry in (0, bundle.json("places.json")[-1]["entry"]):
        raw = (bundle.ledger / "proofs" / f"{entry}.tlog-proof").read_bytes()
        leaf = bundle.ledger / "entries" / f"{entry}.entry"
        lines = raw.split(b"\n")
        for at in range(1, raw.partition(b"\n\n")[0].count(b"\n") + 1):
            changed = lines[at].translate(bytes.maketrans(b"0123456789ABCDEF", b"123456789aBCDEFA"))
            # Of the last digit of a hash Go reads four bits; the other two may be anything.
            told = len(changed) - 2 * changed.endswith(b"=")
            if changed[:told] != lines[at][:told]:
                other = b"\n".join([*lines[:at], changed, *lines[at + 1 :]])
                place = written(tmp_path, other)
                assert go_check("proof", place, leaf, bundle.vkey).returncode == 1, at
            shorter = written(tmp_path, b"\n".join([*lines[:at], *lines[at + 1 :]]))
            assert go_check("proof", shorter, leaf, bundle.vkey).returncode == 1, at


def test_go_follows_the_consistency_proofs_to_what_people_had_seen(
    go_check: Check, bundle: Bundle
) -> None:
    size, root = head(bundle)
    roots = {}
    for entry in (bundle.ledger / "entries").iterdir():
        (seen,) = re.findall(r"^seen (\d+) (\S+)$", entry.read_text(), re.MULTILINE)
        roots[int(seen[0])] = seen[1]
    for checkpoint in (bundle.ledger / "checkpoints").iterdir():
        lines = checkpoint.read_text().split("\n")
        roots[int(lines[1])] = lines[2]
    proofs = bundle.json("consistency.json")
    assert len(proofs) >= 3
    for proof in proofs:
        old = proof["from"]
        call = ("tree", old, roots[old], size, root, *proof["hashes"])
        assert go_check(*call).stdout == "ok\n", old
        assert go_check(*call[:2], b64(bytes(32)), *call[3:]).returncode == 1
        assert go_check(*call[:-1]).returncode == 1
        assert go_check(*call, proof["hashes"][0]).returncode == 1


def test_go_follows_the_proofs_of_the_index(
    go_check: Check, bundle: Bundle, tmp_path: Path
) -> None:
    told = bundle.json("index.json")
    said = json.loads(bundle.events[told["event"]])
    root = b64(bytes.fromhex(said["root"]))
    rows = [row for one in told["objects"] for row in one["rows"]] + told["heads"]
    assert len(told["objects"]) >= 2
    assert len(told["heads"]) >= 4
    for row in rows:
        text = written(tmp_path, row["text"].encode())
        call = ("record", said["rows"], root, row["row"], text, *row["hashes"])
        assert go_check(*call).stdout == "ok\n"
        other = written(tmp_path, row["text"].encode().replace(b" 1 ", b" 2 "), "other")
        if other.read_bytes() != text.read_bytes():
            assert go_check(*call[:4], other, *call[5:]).returncode == 1
        assert go_check(*call[:3], row["row"] ^ 1, *call[4:]).returncode == 1


# -- tiles --------------------------------------------------------------------------------------


def test_go_reads_our_tiles_and_proves_every_entry_from_them(go_check: Check, tiles: Shown) -> None:
    assert go_check("tiles", tiles.folder, tiles.vkey).stdout == "552 entries\n"


def test_go_proves_from_tiles_that_an_earlier_checkpoint_is_a_prefix(
    go_check: Check, tiles: Shown
) -> None:
    _, size, root, *_ = tiles.earlier.decode().split("\n")
    assert go_check("tiles", tiles.folder, tiles.vkey, size, root).stdout == "552 entries\n"
    assert go_check("tiles", tiles.folder, tiles.vkey, "203", root).returncode == 1


@pytest.mark.parametrize(
    "name",
    ["checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/40", "tile/1/000.p/2",
     "tile/entries/000", "tile/entries/002.p/40"],
)  # fmt: skip
def test_go_notices_a_changed_file(
    go_check: Check, tiles: Shown, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiles.folder, copy)
    raw = (copy / name).read_bytes()
    for at in (0, len(raw) // 2, len(raw) - 33):
        (copy / name).write_bytes(flipped(raw, at))
        assert go_check("tiles", copy, tiles.vkey).returncode == 1, at
    (copy / name).unlink()
    assert go_check("tiles", copy, tiles.vkey).returncode == 1
