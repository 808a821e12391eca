"""Data keys in one erasable file: made in batches, found by id, destroyed one by one.

The folder `keystore/` lies beside the ledger, never inside its database or that one's backups:

    kek.json   the key-encryption key: a key file (`ledger.keyfile`) of kind `kek`, under the
               ledger's passphrase or a PKCS#11 token
    slots      every data key ever made, wrapped under the kek, or what is left of it

The slot file is written out in `ledger.slots`, which also says what erasing reaches.

>>> import tempfile, pathlib
>>> from ledger.keyfile import Argon2Cost
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "keystore"
>>> with Keystore.create(folder, b"correct horse", kdf=Argon2Cost(8, 1, 1)) as store:
...     (key_id, key), (other, _) = store.new_keys(2)
...     store.shred(other)
...     store.key(key_id) == key, store.state(other), (folder / "slots").stat().st_size
(True, 'erased', 184)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import KeyAccessError, MunimentError
from ledger.keyfile import (
    STANDARD_COST,
    Argon2Cost,
    TokenKdf,
    open_key,
    read_key_file,
    write_key,
    write_new_file,
)
from ledger.privatekey import generate
from ledger.slots import (
    ERASED,
    HEADER_BYTES,
    ID_BYTES,
    KEY_BYTES,
    MAGIC,
    NONCE_BYTES,
    RESERVED,
    SLOT_BYTES,
    SLOT_FILE,
    WRITTEN,
    Slots,
    damaged,
    header_of,
    id_bytes,
    id_text,
    offset,
    open_slots,
    write_all,
)

__all__ = ["HEADER_BYTES", "KEK_FILE", "SLOT_BYTES", "SLOT_FILE", "Keystore", "keeper_of"]

KEK_FILE: Final = "kek.json"
KEK_NAME: Final = "keystore/kek"

MAX_BATCH: Final = 10_000  # keys written and flushed together: 800 KB, whatever was asked for


def _now() -> int:
    return time.time_ns() // 1_000_000


def keeper_of(folder: Path) -> Literal["ledger", "token"]:
    """Whose secret opens the keystore in `folder`: the ledger's passphrase, or a token's PIN.

    Raises KeyAccessError: `kek.json` is missing or is no key file.
    """
    kdf = read_key_file(f"file:{KEK_FILE}", folder).kdf
    return "token" if isinstance(kdf, TokenKdf) else "ledger"


class Keystore(Slots):
    """The data keys of one ledger, open under its passphrase.

    Safe to use from several threads and beside other processes: writers take turns by a lock on
    the file, readers see whole batches. Keys are handed out and forgotten, never kept in memory.
    """

    def __init__(
        self,
        descriptor: int,
        kek: bytes,
        clock: Callable[[], int],
        randomness: Callable[[int], bytes],
    ) -> None:
        """Use `create` or `open`."""
        super().__init__(descriptor)
        self._cipher = AESGCM(kek)
        self._clock = clock
        self._randomness = randomness

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: bytes,
        kdf: Argon2Cost = STANDARD_COST,
        *,
        clock: Callable[[], int] = _now,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Make an empty keystore under a new key-encryption key, and open it.

        `clock`: Unix milliseconds. Raises KeyAccessError when the folder holds one already, or
        cannot be written; nothing is ever overwritten.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            cause = error.strerror
            raise KeyAccessError(
                "the keystore's folder cannot be made ({cause})",
                cause=cause,
            ) from None
        if os.path.lexists(folder / SLOT_FILE):  # a new kek beside old slots would orphan them all
            raise KeyAccessError("there is a keystore's slot file already; nothing was written")
        kek = generate("kek", "wrap", KEK_NAME, randomness)
        write_key(folder / KEK_FILE, kek, passphrase, kdf)
        write_new_file(folder / SLOT_FILE, header_of(0))
        return cls.open(folder, passphrase, clock=clock, randomness=randomness)

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: bytes,
        *,
        clock: Callable[[], int] = _now,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Open the keystore in `folder`.

        Raises KeyAccessError: a file is missing, the passphrase is wrong, or one is damaged.
        """
        kek = open_key(f"file:{KEK_FILE}", passphrase, folder)
        if kek.kind != "kek":
            raise KeyAccessError("the keystore's kek.json holds a key of another kind")
        store = cls(open_slots(folder), kek.wrapping_key(), clock, randomness)
        try:
            store._refresh()
        except BaseException:
            store.close()
            raise
        return store

    def __repr__(self) -> str:
        return f"<Keystore of {self._count} slots>"

    def __reduce__(self) -> str:
        raise TypeError("a keystore is not pickled")

    def new_keys(self, count: int) -> list[tuple[str, bytes]]:
        """Make `count` data keys: pairs of key id (`key-<UUIDv7>`) and key (32 bytes).

        They are on the disk when this returns: one write and one flush for each 10,000 of them.
        Raises MunimentError when they cannot be written; then none of them may be used.
        """
        made: list[tuple[str, bytes]] = []
        with self._lock, self._writing():
            while len(made) < count:
                made += self._append(min(count - len(made), MAX_BATCH))
        return made

    def key(self, key_id: str) -> bytes:
        """The data key, 32 bytes. Raises KeyAccessError: unknown, erased, or damaged."""
        raw = id_bytes(key_id)
        slot = self._slot(self._position(raw), raw)
        if slot[WRITTEN] == ERASED:
            raise KeyAccessError(
                "data key {key_id} is erased: its content is gone for good",
                key_id=key_id,
            )
        if slot[-4:] != RESERVED:
            raise damaged(key_id)
        nonce, wrapped = slot[ID_BYTES : ID_BYTES + NONCE_BYTES], slot[28:76]
        try:
            return self._cipher.decrypt(nonce, wrapped, MAGIC + raw)
        except InvalidTag:
            raise damaged(key_id) from None

    # -- inside ---------------------------------------------------------------------------------

    def _append(self, count: int) -> list[tuple[str, bytes]]:
        """One batch: ids, keys and slots from one block of randomness, one write, one flush."""
        ids = self._next_ids(count)
        random = self._randomness(count * (KEY_BYTES + NONCE_BYTES))
        nonces, keys = random[: count * NONCE_BYTES], random[count * NONCE_BYTES :]
        encrypt = self._cipher.encrypt
        made: list[tuple[str, bytes]] = []
        slots: list[bytes] = []
        for i, raw in enumerate(ids):
            key = keys[i * KEY_BYTES : (i + 1) * KEY_BYTES]
            nonce = nonces[i * NONCE_BYTES : (i + 1) * NONCE_BYTES]
            slots += (raw, nonce, encrypt(nonce, key, MAGIC + raw), RESERVED)
            made.append((id_text(raw), key))
        end = offset(self._count)
        try:
            write_all(self._descriptor, b"".join(slots), end)
            self._flush()
            os.pwrite(self._descriptor, header_of(self._count + count), 0)
        except OSError as error:
            self._seen_bytes = -1  # whatever is there now, look again
            with suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise MunimentError(
                "the keystore cannot be written ({cause}); no key was made", cause=error.strerror
            ) from None
        self._count += count
        self._last = ids[-1]
        self._seen_bytes = offset(self._count)
        return made

    def _next_ids(self, count: int) -> list[bytes]:
        """UUIDv7 above the last one; `tick` is milliseconds and counter as one 60-bit number."""
        last = int.from_bytes(self._last)
        tick = max(self._clock() << 12, ((last >> 80 << 12) | (last >> 64 & 0xFFF)) + 1)
        if tick + count >> 60:
            raise MunimentError("the clock is beyond what a UUIDv7 can say; no key was made")
        random = self._randomness(count * 8)
        ids = []
        for i in range(count):
            now = tick + i
            high = now >> 12 << 16 | 0x7000 | now & 0xFFF
            low = int.from_bytes(random[i * 8 : i * 8 + 8]) & 0x3FFF_FFFF_FFFF_FFFF
            ids.append((high << 64 | 0x8000_0000_0000_0000 | low).to_bytes(ID_BYTES))
        return ids
