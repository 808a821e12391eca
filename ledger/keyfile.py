"""Private keys at rest: one file for one key, encrypted under a passphrase, named by a URI.

A key file is one line of canonical JSON (keys sorted, no spaces, bytes as base64, one newline at
the end), at most 8 KiB; exactly the bytes the writer prints are accepted:

    {"ciphertext":B64,"kdf":{"iterations":3,"lanes":4,"memory_kib":65536,"name":"argon2id",
     "salt":B64},"kind":"ed25519","muniment":"key/v1","name":"example.com/a/actor-1",
     "nonce":B64,"public":B64,"purpose":"act"}

    ciphertext = AES-256-GCM(Argon2id(passphrase, salt, kdf), nonce[12], secret, AAD) : 48 bytes
    AAD        = the line itself, without its newline, with an empty ciphertext

Kinds, purposes, secrets and public keys: `ledger.privatekey`.
A key file that a PKCS#11 token protects (`ledger.token`) has another `kdf`, and the token's answer
to the salt in place of Argon2's; the passphrase is then the token's PIN:

    "kdf":{"name":"pkcs11","salt":B64,"uri":"pkcs11:token=muniment;object=kek"}

So the tag covers every other field: a name, purpose, public key or cost that was altered is
noticed as surely as an altered ciphertext. A wrong passphrase and an altered file cannot be told
apart (only the right passphrase authenticates); a malformed file can, and is named as such.
The costs are bounded before Argon2 runs: a hostile file cannot ask for 64 GiB.

URIs: `file:` and a path, absolute or relative to the folder given by the caller, taken as it
stands (no percent-encoding, no host).

>>> import tempfile, pathlib
>>> from ledger.privatekey import generate
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> key = generate("ed25519", "act", "example.com/a/actor-1")
>>> write_key(folder / "actor-1.key", key, b"correct horse", kdf=Argon2Cost(8, 1, 1))
>>> again = open_key("file:actor-1.key", b"correct horse", base=folder)
>>> again.public == key.public, again
(True, PrivateKey(kind='ed25519', purpose='act', name='example.com/a/actor-1'))

Sources: RFC 9106 (Argon2id), NIST SP 800-38D (GCM), C2SP signed-note (names).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Final, Literal, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ledger.errors import KeyAccessError, UsageError
from ledger.privatekey import (
    PUBLIC_BYTES,
    PURPOSES,
    SECRET_BYTES,
    Kind,
    PrivateKey,
    Purpose,
    is_key_name,
)
from ledger.token import TokenKey

FORMAT: Final = "key/v1"
MAX_KEY_FILE_BYTES: Final = 8192
MAX_PASSPHRASE_BYTES: Final = 1024
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
CIPHERTEXT_BYTES: Final = SECRET_BYTES + 16

# What a file may ask of the machine that reads it: 1 GiB of memory, and about two seconds.
MAX_MEMORY_KIB: Final = 1 << 20
MAX_ITERATIONS: Final = 16
MAX_LANES: Final = 16
MAX_KIB_PASSES: Final = 4 << 20


class Argon2Cost(msgspec.Struct, frozen=True):
    """What guessing one passphrase costs: memory in KiB, passes over it, parallel lanes.

    The default is the second recommendation of RFC 9106 (64 MiB, 3 passes, 4 lanes; 0.1 s). It is
    the least that is written; only tests pass something cheaper.
    """

    memory_kib: int = 65536
    iterations: int = 3
    lanes: int = 4

    def check(self) -> None:
        """Refuse, before any memory is taken, costs that are impossible or absurd."""
        possible = (
            1 <= self.lanes <= MAX_LANES
            and 1 <= self.iterations <= MAX_ITERATIONS
            and 8 * self.lanes <= self.memory_kib <= MAX_MEMORY_KIB
            and self.memory_kib * self.iterations <= MAX_KIB_PASSES
        )
        if not possible:
            raise KeyAccessError("the key file asks for an Argon2id cost outside the limits")


STANDARD_COST: Final = Argon2Cost()


class Kdf(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="argon2id"
):
    """The key derivation as it stands in the file."""

    salt: bytes
    memory_kib: int
    iterations: int
    lanes: int

    def check(self) -> None:
        """Refuse costs outside the limits. Raises `KeyAccessError`."""
        Argon2Cost(self.memory_kib, self.iterations, self.lanes).check()

    def derive(self, passphrase: bytes) -> AESGCM:
        """The cipher under Argon2id(passphrase); costs are checked first (KeyAccessError)."""
        self.check()
        if not 0 < len(passphrase) <= MAX_PASSPHRASE_BYTES:
            raise KeyAccessError(
                "a passphrase has 1 to {most} bytes; none or a longer one was given",
                most=MAX_PASSPHRASE_BYTES,
            )
        kdf = Argon2id(
            salt=self.salt,
            length=32,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        try:
            return AESGCM(kdf.derive(passphrase))
        except MemoryError:
            raise KeyAccessError("not enough memory to derive the key of a key file") from None


class TokenKdf(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="pkcs11"
):
    """The derivation by a secret on a token, as it stands in the file."""

    salt: bytes
    uri: str

    def check(self) -> None:
        """Refuse what is no URI of a token's key. Raises `KeyAccessError`."""
        try:
            TokenKey.parse(self.uri)
        except UsageError as error:
            raise KeyAccessError(error.template) from None

    def derive(self, passphrase: bytes) -> AESGCM:
        """The cipher under the token's answer; `passphrase` is its PIN (KeyAccessError)."""
        return AESGCM(TokenKey.parse(self.uri).derive(passphrase, self.salt))


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key file as parsed: what it says of its key, not yet authenticated, and the ciphertext."""

    muniment: Literal["key/v1"] = FORMAT
    kind: Kind
    purpose: Purpose
    name: str
    public: bytes
    kdf: Kdf | TokenKdf
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the bytes of a key file; exactly what `format` writes is accepted.

        Raises KeyAccessError: too large, malformed, a newer format, or costs outside the limits.
        """
        if len(raw) > MAX_KEY_FILE_BYTES:
            raise KeyAccessError("too large to be a key file")
        try:
            parsed = msgspec.json.decode(raw, type=cls)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise KeyAccessError(_malformed(raw)) from None
        if parsed.format() != raw or not parsed.is_well_formed():
            raise KeyAccessError(_malformed(raw))
        parsed.kdf.check()
        return parsed

    def format(self) -> bytes:
        """The bytes of the file."""
        return _encode(self) + b"\n"

    def authenticated(self) -> bytes:
        """The AAD: everything but the ciphertext."""
        # `muniment` has a default but is always encoded, so the two forms differ in one field only
        return _encode(msgspec.structs.replace(self, ciphertext=b""))

    def is_well_formed(self) -> bool:
        """Whether lengths, name, and the purpose for the kind are possible."""
        return (
            self.purpose in PURPOSES[self.kind]
            and len(self.public) == PUBLIC_BYTES[self.kind]
            and is_key_name(self.name)
            and len(self.kdf.salt) == SALT_BYTES
            and len(self.nonce) == NONCE_BYTES
            and len(self.ciphertext) == CIPHERTEXT_BYTES
        )


class _Format(msgspec.Struct):
    muniment: str = ""


def write_key(
    path: Path, key: PrivateKey, passphrase: bytes, kdf: Argon2Cost | TokenKey = STANDARD_COST
) -> None:
    """Write `key` under `passphrase` to a new file at `path`, whole or not at all, mode 0600.

    `kdf`: what a guess costs, or the token's key that is asked; then `passphrase` is its PIN.
    On return the file is on the disk and was read back. An existing file is never overwritten.
    Raises KeyAccessError: the file exists, cannot be written, or the passphrase is empty.
    """
    if os.path.lexists(path):
        raise _exists(path)
    write_new_file(path, key_file(key, passphrase, kdf))


def key_file(key: PrivateKey, passphrase: bytes, kdf: Argon2Cost | TokenKey) -> bytes:
    """The bytes of a key file for `key`, as `write_key` writes them."""
    salt = os.urandom(SALT_BYTES)
    file = KeyFile(
        kind=key.kind,
        purpose=key.purpose,
        name=key.name,
        public=key.public,
        kdf=TokenKdf(salt, kdf.uri)
        if isinstance(kdf, TokenKey)
        else Kdf(salt, kdf.memory_kib, kdf.iterations, kdf.lanes),
        nonce=os.urandom(NONCE_BYTES),
        ciphertext=b"",
    )
    cipher = file.kdf.derive(passphrase)
    sealed = cipher.encrypt(file.nonce, key.secret_bytes(), file.authenticated())
    raw = msgspec.structs.replace(file, ciphertext=sealed).format()
    KeyFile.parse(raw)
    return raw


def protect_anew(
    path: Path, old: bytes, new: bytes, kdf: Argon2Cost | TokenKey = STANDARD_COST
) -> None:
    """Put the key in the file at `path` under another passphrase, or a token.

    The file is replaced whole or not at all, and was opened under `new` before that. Copies of the
    old file still open under `old`: the key itself is the same. Raises as `open_key` does.
    """
    key = open_key(f"file:{path.name}", old, path.parent)
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}.new")
    write_key(fresh, key, new, kdf)
    try:
        if open_key(f"file:{fresh.name}", new, path.parent).secret_bytes() != key.secret_bytes():
            raise KeyAccessError("{file}: what was written does not read back", file=path.name)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    _sync_folder(path.parent)


def open_key(uri: str, passphrase: bytes, base: Path) -> PrivateKey:
    """Open the private key that `uri` names, a relative path starting from the folder `base`.

    Guarantees that name, kind, purpose and public key are those under which it was written.
    Raises KeyAccessError, always with the URI: no such file, not readable, malformed, costs
    outside the limits, or not authentic under this passphrase. UsageError: an unknown scheme.
    """
    file = read_key_file(uri, base)
    try:
        secret = file.kdf.derive(passphrase).decrypt(
            file.nonce, file.ciphertext, file.authenticated()
        )
    except InvalidTag:
        raise KeyAccessError(
            "{uri}: the passphrase is wrong, or the key file was altered",
            "try the passphrase again; if it is right, restore the file from its backup",
            uri=uri,
        ) from None
    except KeyAccessError as error:
        raise _about(uri, error) from None
    try:
        key = PrivateKey(file.kind, file.purpose, file.name, secret)
    except UsageError:
        raise KeyAccessError("{uri}: the file holds no secret of its kind", uri=uri) from None
    if key.public != file.public:
        raise KeyAccessError("{uri}: public and private key do not belong together", uri=uri)
    return key


def read_key_file(uri: str, base: Path) -> KeyFile:
    """What the file says of its key, without a passphrase and so without authentication.

    Raises as `open_key` does.
    """
    path = base / _path_of(uri)
    try:
        raw = _read_regular(path)
    except FileNotFoundError:
        raise KeyAccessError("{uri}: no such key file", uri=uri) from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "not a file name"
        raise KeyAccessError(
            "{uri}: the key file cannot be read ({cause})",
            uri=uri,
            cause=cause,
        ) from None
    try:
        return KeyFile.parse(raw)
    except KeyAccessError as error:
        raise _about(uri, error) from None


def write_new_file(path: Path, raw: bytes) -> None:
    """Write `raw` to a new file: whole or not at all, mode 0600, on the disk when this returns.

    Raises KeyAccessError when the file exists or cannot be written; then nothing was changed.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            _rename_to_new(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
        if path.read_bytes() != raw:
            raise KeyAccessError("{file}: what was written does not read back", file=path.name)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise KeyAccessError(
            "{file}: cannot be written ({cause})",
            file=path.name,
            cause=error.strerror,
        ) from None


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Give the finished file its name; unlike rename, link fails when the name is taken."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # No hard links here (FAT, some shares): take the name first, so the rename replaces only
        # our own empty file.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_regular(path: Path) -> bytes:
    """At most one byte more than a key file may have; never waits on a pipe or a device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.read(descriptor, MAX_KEY_FILE_BYTES + 1)
    finally:
        os.close(descriptor)


def _path_of(uri: str) -> str:
    scheme, colon, path = uri.partition(":")
    if colon and scheme == "pkcs11":
        raise KeyAccessError(
            "pkcs11: a token protects key files, it is not one itself",
            "name the key file: file:PATH",
        )
    if scheme != "file" or not path or path.startswith("//"):
        raise UsageError("a key is named file:PATH, with one path and no host")
    return path


def _encode(file: KeyFile) -> bytes:
    return msgspec.json.encode(file, order="sorted")


def _about(uri: str, error: KeyAccessError) -> KeyAccessError:
    """The same error, saying which key it is about."""
    template = "{uri}: " + error.template
    return KeyAccessError(template, error.remedy_template, **{**error.values, "uri": uri})


def _malformed(raw: bytes) -> str:
    try:
        version = msgspec.json.decode(raw, type=_Format).muniment
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return "the key file is malformed: not JSON of this form"
    if version != FORMAT and re.fullmatch(r"key/v[1-9][0-9]{0,3}", version):
        return "the key file has a format that this version of Muniment does not know"
    return "the key file is malformed: not as a writer of this format prints it"


def _exists(path: Path) -> KeyAccessError:
    return KeyAccessError("{file}: the file exists already; nothing was written", file=path.name)
