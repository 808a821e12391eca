"""The Library of Congress' bagit, and `sha256sum`, on an unpacked bundle."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.conftest import Bundle
from tests.ledger.tampering import flipped


@pytest.fixture(autouse=True)
def tools() -> None:
    if importlib.util.find_spec("bagit") is None:
        pytest.skip("NO BAGIT: bundles are NOT checked by it: pip install bagit")
    if shutil.which("sha256sum") is None:
        pytest.skip("NO SHA256SUM: manifests are NOT checked by it: apt-get install coreutils")


def bagit(path: Path) -> bool:
    call = [sys.executable, "-m", "bagit", "--validate", "--quiet", str(path)]
    return subprocess.run(call, capture_output=True, check=False, timeout=120).returncode == 0


def summed(path: Path, manifest: str) -> bool:
    call = ["sha256sum", "--check", "--strict", "--quiet", manifest]
    done = subprocess.run(call, cwd=path, capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def test_bagit_validates_a_bundle(bundle: Bundle) -> None:
    assert bagit(bundle.path)


def test_sha256sum_agrees_with_both_manifests(bundle: Bundle) -> None:
    assert summed(bundle.path, "manifest-sha256.txt")
    assert summed(bundle.path, "tagmanifest-sha256.txt")


def test_bagit_and_sha256sum_notice_one_changed_byte(bundle: Bundle) -> None:
    for name in ("data/10_账本/events.jsonl", "verify/verify.pyz"):
        place = bundle.path / name
        raw = place.read_bytes()
        place.write_bytes(flipped(raw, len(raw) // 2))
        listed = "manifest-sha256.txt" if name.startswith("data/") else "tagmanifest-sha256.txt"
        assert not summed(bundle.path, listed)
        assert not bagit(bundle.path)
        place.write_bytes(raw)
    assert bagit(bundle.path)


def test_bagit_notices_a_file_more_and_a_file_less(bundle: Bundle) -> None:
    more = bundle.path / "data" / "more.txt"
    more.write_text("more")
    assert not bagit(bundle.path)
    more.unlink()
    assert bagit(bundle.path)
    bundle.head.unlink()
    assert not bagit(bundle.path)
