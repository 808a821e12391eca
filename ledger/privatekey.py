"""Private keys in memory: what each kind can do, and what it is made of.

    kind      secret, 32 bytes        public                    purpose
    ed25519   seed (RFC 8032)         32 bytes                  act, checkpoint, cosign
    mldsa44   seed (FIPS 204)         1,312 bytes               checkpoint, cosign
    p256      scalar, big-endian      65 bytes, uncompressed    seal
    kek       the key itself          none                      wrap

A key has one kind, one purpose and one name. At rest it lies in a key file (`ledger.keyfile`).

>>> seal = generate("p256", "seal", "example.com/a/actor-1")
>>> sealed = encrypt_to(seal.public, "张三".encode(), b"draft 7")
>>> seal.decrypt(sealed, b"draft 7").decode(), len(sealed)
('张三', 87)
>>> check_possession(seal.public, b"seen", seal.sign(b"seen"))

Sources: RFC 8032 (Ed25519), FIPS 204 (ML-DSA), FIPS 186-5 (ECDSA), RFC 9180 (HPKE), C2SP
signed-note (names, verifier keys).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import KeyAccessError, UsageError, VerificationError
from ledger.tlog.note import COSIGNATURE, ED25519, MLDSA44, VerifierKey

Kind = Literal["ed25519", "p256", "mldsa44", "kek"]
Purpose = Literal["act", "checkpoint", "cosign", "seal", "wrap"]

MAX_NAME_LENGTH: Final = 255
SECRET_BYTES: Final = 32
P256_SIGNATURE_BYTES: Final = 64

PURPOSES: Final[dict[str, frozenset[str]]] = {
    "ed25519": frozenset({"act", "checkpoint", "cosign"}),
    "mldsa44": frozenset({"checkpoint", "cosign"}),
    "p256": frozenset({"seal"}),
    "kek": frozenset({"wrap"}),
}
PUBLIC_BYTES: Final[dict[str, int]] = {"ed25519": 32, "mldsa44": 1312, "p256": 65, "kek": 0}

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_NAME: Final = re.compile(r"[!-*,-~]+")  # printable ASCII without space and '+' (signed-note)
_SUITE: Final = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

_Secret = Ed25519PrivateKey | MLDSA44PrivateKey | ec.EllipticCurvePrivateKey | bytes


def is_key_name(name: str) -> bool:
    """Whether `name` can name a key in a signed note (C2SP), in at most 255 printable ASCII."""
    return len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name) is not None


class PrivateKey:
    """One private key in memory; its representation, and every error it raises, is free of it.

    `public`: the bytes that are enrolled (module docstring; empty for a kek).
    """

    __slots__ = ("_secret", "kind", "name", "public", "purpose")

    def __init__(self, kind: Kind, purpose: Purpose, name: str, secret: bytes) -> None:
        """Build the key of `kind` from its 32 secret bytes.

        Raises UsageError: a purpose that the kind does not serve, a name that is no key name,
        bytes that are no secret of this kind.
        """
        if purpose not in PURPOSES.get(kind, ()):
            raise UsageError(
                "a key of kind {kind} does not serve the purpose {purpose}",
                kind=kind,
                purpose=purpose,
            )
        if not is_key_name(name):
            raise UsageError("a key name is printable ASCII without space and '+', at most 255")
        if len(secret) != SECRET_BYTES:
            raise UsageError("a private key is made of 32 bytes")
        self.kind: Final[Kind] = kind
        self.purpose: Final[Purpose] = purpose
        self.name: Final = name
        self._secret: Final = _load(kind, secret)
        self.public: Final = _public(self._secret)

    def __repr__(self) -> str:
        return f"PrivateKey(kind={self.kind!r}, purpose={self.purpose!r}, name={self.name!r})"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled")

    @property
    def verifier(self) -> VerifierKey:
        """The verifier key under which this key's signed notes are checked.

        Its type is 0x01 for an Ed25519 key, 0x04 for one of purpose `cosign`, 0x06 for ML-DSA-44.
        Raises UsageError for kinds that sign no notes.
        """
        if self.kind == "mldsa44":
            return self.verifier_of(MLDSA44)
        return self.verifier_of(COSIGNATURE if self.purpose == "cosign" else ED25519)

    def verifier_of(self, signature_type: int) -> VerifierKey:
        """The verifier key for one signature type: a cosigner's possession is proved as 0x01.

        Raises UsageError when this kind of key makes no signatures of that type.
        """
        types = {"ed25519": (ED25519, COSIGNATURE), "mldsa44": (MLDSA44,)}.get(self.kind, ())
        if signature_type not in types:
            raise UsageError("a {kind} key makes no note signature of this type", kind=self.kind)
        return _verifier(self.name, signature_type, self.public)

    def sign(self, message: bytes) -> bytes:
        """Sign `message` as it stands.

        Ed25519: 64 bytes. ML-DSA-44 with the empty context: 2,420 bytes. P-256, only to prove
        possession: ECDSA over SHA-256, r ‖ s in 64 bytes, s in the lower half.
        """
        secret = self._secret
        if isinstance(secret, Ed25519PrivateKey | MLDSA44PrivateKey):
            return secret.sign(message)
        if isinstance(secret, bytes):
            raise UsageError("a key-encryption key does not sign")
        r, s = decode_dss_signature(secret.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + min(s, _P256_ORDER - s).to_bytes(32)

    def decrypt(self, ciphertext: bytes, info: bytes) -> bytes:
        """Open what `encrypt_to` made for this key and the same `info` (purpose `seal`).

        Raises KeyAccessError when it was made for another key or another `info`, or was altered.
        """
        if not isinstance(self._secret, ec.EllipticCurvePrivateKey):
            raise UsageError("a {kind} key does not decrypt", kind=self.kind)
        try:
            return _SUITE.decrypt(ciphertext, self._secret, info)
        except (InvalidTag, ValueError):
            raise KeyAccessError(
                "the sealed part was made for another key or another draft, or was altered"
            ) from None

    def secret_bytes(self) -> bytes:
        """The 32 bytes that the key is made of: for the writer of a key file, nobody else."""
        secret = self._secret
        if isinstance(secret, bytes):
            return secret
        if isinstance(secret, ec.EllipticCurvePrivateKey):
            return secret.private_numbers().private_value.to_bytes(SECRET_BYTES)
        return secret.private_bytes_raw()

    def wrapping_key(self) -> bytes:
        """The 32 bytes of a key-encryption key. Raises UsageError for every other kind."""
        if not isinstance(self._secret, bytes):
            raise UsageError("a {kind} key wraps no keys", kind=self.kind)
        return self._secret


_verifier = lru_cache(maxsize=64)(VerifierKey.of)  # asked for at every signature


def generate(
    kind: Kind, purpose: Purpose, name: str, randomness: Callable[[int], bytes] = os.urandom
) -> PrivateKey:
    """Make a new private key; nothing is written. Raises UsageError as `PrivateKey` does."""
    secret = randomness(SECRET_BYTES)
    while kind == "p256" and not 0 < int.from_bytes(secret) < _P256_ORDER:
        secret = randomness(SECRET_BYTES)  # once in 2**32
    return PrivateKey(kind, purpose, name, secret)


def encrypt_to(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Encrypt to the holder of a `seal` key; `info` says what for and must be given to decrypt.

    Returns encapsulated key ‖ ciphertext of HPKE base mode with DHKEM(P-256, HKDF-SHA256),
    HKDF-SHA256 and AES-256-GCM: 81 bytes more than `plaintext`.
    Raises KeyAccessError when `public` is not a P-256 point of 65 bytes.
    """
    return _SUITE.encrypt(plaintext, _p256_public(public), info)


def check_possession(public: bytes, message: bytes, signature: bytes) -> None:
    """Check what a P-256 key signed to prove that its holder has it (`PrivateKey.sign`).

    One signature has one form: 64 bytes, r and s in range, s in the lower half.
    Raises VerificationError.
    """
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if (
        len(signature) != P256_SIGNATURE_BYTES
        or not 0 < r < _P256_ORDER
        or not 0 < s <= _P256_ORDER // 2
    ):
        raise VerificationError("the proof of possession is not a canonical P-256 signature")
    try:
        key = _p256_public(public)
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, KeyAccessError):
        raise VerificationError("the proof of possession does not verify under the key") from None


def _load(kind: Kind, secret: bytes) -> _Secret:
    if kind == "ed25519":
        return Ed25519PrivateKey.from_private_bytes(secret)
    if kind == "mldsa44":
        try:
            return MLDSA44PrivateKey.from_seed_bytes(secret)
        except UnsupportedAlgorithm:
            raise KeyAccessError(
                "ML-DSA-44 keys cannot be used here",
                "install a build of cryptography that has ML-DSA",
            ) from None
    if kind == "kek":
        return bytes(secret)
    number = int.from_bytes(secret)
    if not 0 < number < _P256_ORDER:
        raise UsageError("these bytes are no P-256 private key")
    return ec.derive_private_key(number, ec.SECP256R1())


def _public(secret: _Secret) -> bytes:
    if isinstance(secret, bytes):
        return b""
    if isinstance(secret, ec.EllipticCurvePrivateKey):
        return secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return secret.public_key().public_bytes_raw()


def _p256_public(public: bytes) -> ec.EllipticCurvePublicKey:
    """The point, checked to be on the curve; compressed forms are a second spelling, refused."""
    if len(public) == PUBLIC_BYTES["p256"]:
        with suppress(ValueError):
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    raise KeyAccessError("not a P-256 public key of 65 bytes")
