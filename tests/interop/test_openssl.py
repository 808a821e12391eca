"""`openssl pkeyutl` on Ed25519 signatures of notes: the raw public key, put into a SPKI by hand."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.conftest import Bundle
from tests.ledger.tampering import flipped

SPKI = bytes.fromhex("302a300506032b6570032100")
"""RFC 8410: SubjectPublicKeyInfo of an Ed25519 key, up to its 32 bytes."""


@pytest.fixture(name="openssl")
def openssl_fixture() -> str:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("NO OPENSSL: signatures are NOT checked by it: apt-get install openssl")
    return program


def verified(openssl: str, folder: Path, public: bytes, text: bytes, signature: bytes) -> bool:
    for name, data in (("key", SPKI + public), ("text", text), ("signature", signature)):
        (folder / name).write_bytes(data)
    call = [openssl, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin",
            "-in", "text", "-sigfile", "signature"]  # fmt: skip
    done = subprocess.run(call, cwd=folder, capture_output=True, check=False, timeout=30)
    return done.returncode == 0 and b"Verified Successfully" in done.stdout


def parts(bundle: Bundle, note: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Public key, text and signature of every line of a note."""
    text, _, lines = note.rpartition(b"\n\n")
    vkeys = {**bundle.vkeys()}
    name, key_id, _ = bundle.vkey.split("+", 2)
    vkeys[name, key_id] = bundle.vkey
    found = []
    for line in lines.decode().splitlines():
        _, name, blob = line.split(" ")
        raw = base64.b64decode(blob)
        public = base64.b64decode(vkeys[name, raw[:4].hex()].split("+", 2)[2])[1:]
        found.append((public, text + b"\n", raw[4:]))
    return found


def test_openssl_verifies_checkpoint_commit_notes_and_exporters_note(
    openssl: str, bundle: Bundle, tmp_path: Path
) -> None:
    entries = [path.read_bytes() for path in sorted((bundle.ledger / "entries").iterdir())]
    notes = [bundle.head.read_bytes(), (bundle.path / "exporter.note").read_bytes()]
    notes += [entry.partition(b"\n")[2] for entry in entries]
    signatures = [one for note in notes for one in parts(bundle, note)]
    assert len(signatures) > len(notes) >= 5
    for public, text, signature in signatures:
        assert verified(openssl, tmp_path, public, text, signature)


def test_openssl_refuses_changed_text_signature_and_key(
    openssl: str, bundle: Bundle, tmp_path: Path
) -> None:
    ((public, text, signature),) = parts(bundle, (bundle.path / "exporter.note").read_bytes())
    ((other, _, _),) = parts(bundle, bundle.head.read_bytes())
    assert verified(openssl, tmp_path, public, text, signature)
    for at in range(0, len(text), 29):
        assert not verified(openssl, tmp_path, public, flipped(text, at), signature)
    for at in range(0, 64, 7):
        assert not verified(openssl, tmp_path, public, text, flipped(signature, at))
    assert not verified(openssl, tmp_path, other, text, signature)
