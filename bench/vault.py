"""The vault's part of P12: contents encrypted into it and read back, big ones and many small ones.

Big contents are 100 MB (10^8 bytes) of random bytes, read from the page cache: what is measured is
encryption, two digests, writing and flushing, beside what this machine's processor and disk do in
the same run. Small ones are text files of some hundred bytes, taken in by `collect --vault` in a
program of its own whose memory is read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import ours
from bench.alone import alone, can_tell
from bench.measuring import Result, Run, Size, folder, interleaved, result, skipped
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.effects import vaulting
from ledger.effects.places import Place, place_of, plain
from ledger.folder import Folder
from ledger.sources import opened
from ledger.stream import CHUNK_BYTES
from ledger.vault import Vault

BIG: Final = 100_000_000
_GIGA: Final = 1e9
_UNIT: Final = "GB/s"
_MOST_MEMORY: Final = 200


def contents(size: Size) -> Iterator[Result]:
    """P12: put and read, on contents of 100 MB."""
    with folder("vault") as path:
        source = path / "录音.wav"
        source.write_bytes(os.urandom(BIG))
        with ours.opened(path / "ledger") as (ledger, acting):
            _collect(ledger, acting, source)
            place = _place(ledger)
            runs: dict[str, Run] = {
                "put": partial(_put, ledger, source),
                "read": partial(_read, ledger, place),
                "hash": partial(_hashed, source),
                "copy": partial(_copied, source, path / "copy"),
                "aes": _sealed,
            }
            rates = interleaved(runs, 2 * size.rounds + 1)
    hashed, copied = ("read + SHA-256", rates["hash"]), ("read, written, flushed", rates["copy"])
    sealed = ("AES-256-GCM of 1 MiB, in memory", rates["aes"])
    yield result("P12", "vault put, 100 MB", rates["put"], _UNIT, peer=hashed, least=0.4)
    yield result("P12", "vault put, 100 MB", rates["put"], _UNIT, peer=copied)
    yield result("P12", "vault read, 100 MB", rates["read"], _UNIT, peer=hashed, least=1)
    yield result("P12", "vault read, 100 MB", rates["read"], _UNIT, peer=sealed)


def _collect(ledger: Ledger, acting: Acting, source: Path) -> None:
    terms = Terms(ours.CATEGORY, ours.BASIS, "店主", ledger.routine(), vault="disk_internal")
    for outcome in collect(ledger, acting, [source], terms):
        if not isinstance(outcome, Collected):
            raise SystemExit(f"the measured file was not taken: {outcome}")


def _place(ledger: Ledger) -> Place:
    """Where the one copy in the vault lies."""
    with ledger.engine.connect() as connection:
        (copy,) = vaulting.encrypted_copies(connection)
    return place_of(ledger, copy.holding)


def _put(ledger: Ledger, source: Path) -> float:
    start = time.perf_counter()
    with Vault(ledger.folder.path) as vault, opened(os.fsencode(source)) as file:
        staged = vault.stage(file, bytes(32))
        vault.keep([staged])
    seconds = time.perf_counter() - start
    Vault(ledger.folder.path).drop([staged])
    return BIG / _GIGA / seconds


def _read(ledger: Ledger, place: Place) -> float:
    start = time.perf_counter()
    size = sum(map(len, plain(ledger, place)))
    seconds = time.perf_counter() - start
    if size != BIG:
        raise SystemExit(f"{size} bytes were read of {BIG}")
    return size / _GIGA / seconds


def _hashed(source: Path) -> float:
    start = time.perf_counter()
    digest = sha256()
    with source.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    digest.hexdigest()
    return BIG / _GIGA / (time.perf_counter() - start)


def _copied(source: Path, target: Path) -> float:
    start = time.perf_counter()
    with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as out:
        while chunk := file.read(CHUNK_BYTES):
            out.write(chunk)
        os.fsync(out.fileno())
    seconds = time.perf_counter() - start
    target.unlink()
    return BIG / _GIGA / seconds


def _sealed() -> float:
    cipher, chunk = AESGCM(bytes(32)), bytes(CHUNK_BYTES)
    start = time.perf_counter()
    for number in range(BIG // CHUNK_BYTES):
        cipher.encrypt(number.to_bytes(12), chunk, None)
    return BIG // CHUNK_BYTES * CHUNK_BYTES / _GIGA / (time.perf_counter() - start)


def many(size: Size) -> Iterator[Result]:
    """P12: small files through `collect --vault`, and the memory that it takes."""
    with folder("many") as path:
        source = path / "files"
        for number in range(size.files):
            shelf = source / f"{number // 1000:03}"
            shelf.mkdir(parents=True, exist_ok=True)
            (shelf / f"合同{number}.txt").write_text(f"第{number}号保洁合同\n" * 10, "utf-8")
        seconds, peak = alone("store", path / "ledger", source)
        (source / "录音.wav").write_bytes(os.urandom(BIG))
        _, peak_big = alone("store", path / "other", source / "录音.wav")
    measure = f"{size.files:,} small files, collect --vault"
    yield result("P12", measure, size.files / seconds, "files/s", least=2_000)
    if not can_tell():
        yield skipped("P12", f"{measure}, memory", "the system does not say", "<= 200 MB")
        return
    yield result("P12", f"{measure}, memory", peak, "MB", most=_MOST_MEMORY)
    yield result("P12", "a file of 100 MB, collect --vault, memory", peak_big, "MB",
                 most=_MOST_MEMORY)  # fmt: skip


def store(path: Path, source: Path) -> float:
    """Seconds of collecting a folder into a new ledger with a vault; run alone."""
    actor = ours.found(path)
    with Ledger(Folder(path), ours.passphrase, writing=True) as ledger:
        acting = ledger.acting(actor)
        start = time.perf_counter()
        _collect(ledger, acting, source)
        return time.perf_counter() - start
