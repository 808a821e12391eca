"""Sealed payloads: text that may be erased, under commitments that stay.

Names, titles, file names, remarks, digests of contents: whatever an event must not say in clear
is a field of its sealed payload, a text under a path such as `title` or `source/person`. The
ciphertext and the data key can be destroyed; the event keeps their `SealedRef`, and every proof
over the event goes on verifying.

    payload     seed[32] ‖ canonical JSON object {path: value}: keys sorted, no spaces, UTF-8
    ciphertext  nonce[12] ‖ AES-256-GCM(data key, nonce, payload, AAD event id) ; tag last
    r           HMAC-SHA-256(seed, path)
    commitment  SHA-256(u8len "muniment/field/v1" ‖ u16len origin ‖ u16len event id ‖ u16len path
                ‖ r[32] ‖ SHA-256(value))
    root        RFC 6962 tree over the commitments as leaf data, sorted by path
    SealedRef   key (of the keystore), digest = SHA-256(ciphertext), root

u8len x, u16len x: the length of x in bytes, in one or two bytes, big-endian, then x; all text is
UTF-8 as given, never normalised. A payload has 1 to 4,096 fields and at most 1 MiB.

One field is shown by its opening: path, value, r and the way to the root, nothing about the
others but their number. Without r, and the seed lies only inside the payload, a commitment does
not tell even a guessed value from another. AES-GCM does not bind its key, so a decryption proves
nothing by itself: only the root does, and it is checked at every opening.

Events that share one payload (the rows of a series) have no ciphertext of their own: each draws
its seed from the series' seed by `derived_seed`, and its ref has a root and no digest.

>>> event = "record-01890a5d-ac96-774b-bcce-b302099a8057/1"
>>> key_id = "key-01890a5d-ac96-774b-bcce-b302099a8058"
>>> fields = {"title": "保洁合同", "source": "张三"}
>>> sealed = seal("example.com", event, fields, key_id, bytes(32), seed=bytes(32), nonce=bytes(12))
>>> open_sealed("example.com", event, sealed.ref, sealed.ciphertext, bytes(32)) == fields
True
>>> shown = opening("example.com", event, fields, bytes(32), "title")
>>> check_opening("example.com", event, sealed.ref.root, shown, size=2)
>>> shown.value, shown.index, len(shown.proof), shown.r.hex()[:16]
('保洁合同', 1, 1, 'f64d1c63134ea6ae')

Sources: DESIGN section 6; RFC 6962 section 2.1; NIST SP 800-38D (GCM).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final, NoReturn

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.values import SealedRef
from ledger.errors import EncodingError, ProofError, VerificationError
from ledger.tlog.merkle import (
    inclusion_proof,
    leaf_hash,
    leaf_reader,
    node_hash,
    tree_root,
    verify_inclusion,
)

LABEL: Final = b"muniment/field/v1"
SEED_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
MAX_FIELDS: Final = 4096
MAX_LENGTH: Final = 0xFFFF  # what a u16len can say
MAX_PAYLOAD_BYTES: Final = 1 << 20
MAX_CIPHERTEXT_BYTES: Final = NONCE_BYTES + MAX_PAYLOAD_BYTES + TAG_BYTES

_PREFIX: Final = bytes([len(LABEL)]) + LABEL
_encoder: Final = msgspec.json.Encoder(order="sorted")
_decoder: Final = msgspec.json.Decoder(dict[str, str])


class Payload(msgspec.Struct, frozen=True):
    """What a payload holds. Its representation shows neither values nor seed."""

    fields: dict[str, str]
    seed: bytes

    def __repr__(self) -> str:
        return f"<Payload of {len(self.fields)} fields>"


class Sealed(msgspec.Struct, frozen=True):
    """A sealed payload: what the event carries, and what is stored beside it."""

    ref: SealedRef
    ciphertext: bytes


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field shown to somebody: `index` (0-based) of its commitment, `proof` up to the root."""

    path: str
    value: str
    r: bytes
    index: int
    proof: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<Opening of field {self.index}>"


def seal(
    origin: str,
    event_id: str,
    fields: Mapping[str, str],
    key_id: str,
    key: bytes,
    seed: bytes,
    nonce: bytes,
) -> Sealed:
    """Seal `fields` for one event of the ledger `origin` under the data key `key_id` (32 bytes).

    `seed` (32 bytes) is new for every payload, `nonce` (12 bytes) for every use of the key, both
    random. Raises EncodingError: no fields, too many, too large, or text that is not UTF-8.
    """
    _check_length(key, KEY_BYTES, "a data key")
    _check_length(nonce, NONCE_BYTES, "a nonce")
    root = commitments_root(origin, event_id, fields, seed)
    payload = seed + _encoder.encode(fields)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise EncodingError("too_large", f"a sealed payload is over {MAX_PAYLOAD_BYTES} bytes")
    ciphertext = nonce + AESGCM(key).encrypt(nonce, payload, event_id.encode())
    digest = sha256(ciphertext).hexdigest()
    return Sealed(SealedRef(key=key_id, digest=digest, root=root.hex()), ciphertext)


def open_sealed(
    origin: str, event_id: str, ref: SealedRef, ciphertext: bytes, key: bytes
) -> dict[str, str]:
    """The fields of a sealed payload; see `open_payload`."""
    return open_payload(origin, event_id, ref, ciphertext, key).fields


def open_payload(
    origin: str, event_id: str, ref: SealedRef, ciphertext: bytes, key: bytes
) -> Payload:
    """The fields and the seed that the event committed to, and nothing else.

    Raises VerificationError, its message beginning with the part that is wrong: `sealed.digest`
    (not the stored ciphertext), `sealed.ciphertext` (another key, another event, altered),
    `sealed.payload` (not of this form) or `sealed.root` (not what the event committed to).
    """
    check_ciphertext(event_id, ref, ciphertext)
    try:
        nonce, sealed = ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:]
        payload = AESGCM(key).decrypt(nonce, sealed, event_id.encode())
    except (InvalidTag, ValueError):
        _refuse("ciphertext", event_id, "does not open for this event under this key")
    opened = _parse(event_id, payload)
    check_fields(origin, event_id, ref, opened.fields, opened.seed)
    return opened


def check_ciphertext(event_id: str, ref: SealedRef, ciphertext: bytes) -> None:
    """Check, without any key, that this is the ciphertext the event names.

    Raises VerificationError, its message beginning with `sealed.digest`.
    """
    if len(ciphertext) > MAX_CIPHERTEXT_BYTES or sha256(ciphertext).hexdigest() != ref.digest:
        _refuse("digest", event_id, "is not the ciphertext that the event names")


def check_fields(
    origin: str, event_id: str, ref: SealedRef, fields: Mapping[str, str], seed: bytes
) -> None:
    """Check that the event committed to exactly these fields under this seed.

    Raises VerificationError, its message beginning with `sealed.root`.
    """
    try:
        root = commitments_root(origin, event_id, fields, seed)
    except EncodingError:
        root = b""
    if root.hex() != ref.root:
        _refuse("root", event_id, "holds other fields than the event committed to")


def commitments_root(origin: str, event_id: str, fields: Mapping[str, str], seed: bytes) -> bytes:
    """The root over the blinded commitments to `fields`, 32 bytes.

    Raises EncodingError: no fields, too many, or text that is not UTF-8.
    """
    leaves = _leaves(origin, event_id, fields, seed)
    match len(leaves):  # one or two fields are what every row of a table has
        case 1:
            return leaves[0]
        case 2:
            return node_hash(*leaves)
    return tree_root(leaves)


def commitment(origin: str, event_id: str, path: str, r: bytes, value: str) -> bytes:
    """The blinded commitment to one field, 32 bytes; `r`: 32 bytes.

    Raises EncodingError for text that is not UTF-8 or an origin, id or path over 65,535 bytes.
    """
    _check_length(r, SEED_BYTES, "a blinding value")
    return _commit(_context(origin, event_id), _utf8(path), r, _utf8(value))


def opening(
    origin: str, event_id: str, fields: Mapping[str, str], seed: bytes, path: str
) -> Opening:
    """The opening of one field of an opened payload. Raises KeyError when it has no such path."""
    value = fields[path]
    index = sorted(map(_utf8, fields)).index(_utf8(path))
    node = leaf_reader(_leaves(origin, event_id, fields, seed))
    proof = inclusion_proof(index, len(fields), node)
    return Opening(path, value, _blind(seed, _utf8(path)), index, tuple(proof))


def check_opening(origin: str, event_id: str, root: str, opening: Opening, size: int) -> None:
    """Check that an event committed to the field shown: this value under this path.

    `root`: hex, from the event itself; `size`: how many fields the payload has, as the shower
    says (a false number only makes the check fail). Raises VerificationError beginning with
    `sealed.opening`.
    """
    try:
        leaf = leaf_hash(commitment(origin, event_id, opening.path, opening.r, opening.value))
        verify_inclusion(opening.index, size, leaf, opening.proof, bytes.fromhex(root))
    except (EncodingError, ProofError, ValueError):
        _refuse("opening", event_id, "is not a field that the event committed to")


def derived_seed(series_seed: bytes, event_id: str) -> bytes:
    """The seed of one event among those that share a payload: HMAC-SHA-256(series seed, event id).

    Who is shown one derived seed learns nothing about the series' or another event's.
    """
    _check_length(series_seed, SEED_BYTES, "a seed")
    return hmac.digest(series_seed, event_id.encode(), "sha256")


def _leaves(origin: str, event_id: str, fields: Mapping[str, str], seed: bytes) -> list[bytes]:
    """The leaf hashes of all commitments, sorted by the bytes of their paths."""
    _check_length(seed, SEED_BYTES, "a seed")
    if not 0 < len(fields) <= MAX_FIELDS:
        raise EncodingError("too_large", f"a sealed payload has 1 to {MAX_FIELDS} fields")
    context = _context(origin, event_id)
    # Written out and not calling `_commit`, `_blind`, `leaf_hash`: every row of a table is sealed.
    leaves = []
    for path in sorted(fields) if len(fields) > 1 else fields:
        plain, prefixed = _path(path)
        try:
            value = sha256(fields[path].encode()).digest()
        except UnicodeEncodeError:
            raise _not_utf8() from None
        committed = context + prefixed + hmac.digest(seed, plain, "sha256") + value
        leaves.append(sha256(b"\x00" + sha256(committed).digest()).digest())
    return leaves


def _commit(context: bytes, path: bytes, r: bytes, value: bytes) -> bytes:
    return sha256(context + _u16len(path) + r + sha256(value).digest()).digest()


def _context(origin: str, event_id: str) -> bytes:
    return _before_event(origin) + _u16len(_utf8(event_id))


@lru_cache(maxsize=64)  # a ledger has one origin
def _before_event(origin: str) -> bytes:
    return _PREFIX + _u16len(_utf8(origin))


@lru_cache(maxsize=256)  # fields have few names
def _path(path: str) -> tuple[bytes, bytes]:
    """A path's bytes, and the same with their length before them."""
    plain = _utf8(path)
    return plain, _u16len(plain)


def _blind(seed: bytes, path: bytes) -> bytes:
    return hmac.digest(seed, path, "sha256")


def _u16len(data: bytes) -> bytes:
    if len(data) > MAX_LENGTH:
        raise EncodingError("too_large", "an origin, event id or path is over 65,535 bytes")
    return len(data).to_bytes(2) + data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _not_utf8() from None


def _not_utf8() -> EncodingError:
    """Python's own message would quote the text."""
    return EncodingError("not_utf8", "a sealed field is not UTF-8 text")


def _parse(event_id: str, payload: bytes) -> Payload:
    seed, text = payload[:SEED_BYTES], payload[SEED_BYTES:]
    try:
        fields = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fields = {}
    # encoded again: a second spelling, a path given twice and bytes left over are all refused
    if not fields or _encoder.encode(fields) != text:
        _refuse("payload", event_id, "is not a seed and a canonical object of texts")
    return Payload(fields, seed)


def _check_length(data: bytes, length: int, what: str) -> None:
    if len(data) != length:
        raise ValueError(f"{what} has {length} bytes, not {len(data)}")


def _refuse(part: str, event_id: str, cause: str) -> NoReturn:
    raise VerificationError(
        "sealed.{part}: the sealed payload of {event} {cause}",
        part=part,
        event=event_id,
        cause=cause,
    ) from None
