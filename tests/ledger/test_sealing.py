"""Sealed payloads: erasable text under commitments that nobody can bend."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from domain.values import SealedRef
from ledger.errors import EncodingError, KeyAccessError, VerificationError
from ledger.keyfile import Argon2Cost
from ledger.keystore import Keystore
from ledger.sealing import (
    Opening,
    Sealed,
    check_ciphertext,
    check_fields,
    check_opening,
    commitment,
    commitments_root,
    derived_seed,
    open_payload,
    open_sealed,
    opening,
    seal,
)

ORIGIN = "ledger.example/qingjie"
EVENT = "record-01890a5d-ac96-774b-bcce-b302099a8057/1"
OTHER = "record-01890a5d-ac96-774b-bcce-b302099a8057/2"
KEY_ID = "key-01890a5d-ac96-774b-bcce-b302099a8058"
KEY, SEED, NONCE = bytes(range(32)), bytes(range(32, 64)), bytes(range(12))
FIELDS = {"title": "保洁合同 2023", "source/person": "张三", "file": "合同.docx", "remark": ""}


def made(fields: dict[str, str] = FIELDS) -> Sealed:
    return seal(ORIGIN, EVENT, fields, KEY_ID, KEY, SEED, NONCE)


@dataclass
class Shown:
    """A sealed payload as the verifier meets it; an attack replaces one part."""

    origin: str = ORIGIN
    event_id: str = EVENT
    sealed: Sealed = field(default_factory=made)
    key: bytes = KEY

    def open(self) -> dict[str, str]:
        return open_sealed(
            self.origin, self.event_id, self.sealed.ref, self.sealed.ciphertext, self.key
        )


def resealed(payload: bytes, root: str | None = None, key: bytes = KEY) -> Sealed:
    """Any payload under a key the attacker has, with the digest made to fit."""
    ciphertext = NONCE + AESGCM(key).encrypt(NONCE, payload, EVENT.encode())
    digest = hashlib.sha256(ciphertext).hexdigest()
    return Sealed(SealedRef(key=KEY_ID, digest=digest, root=root or made().ref.root), ciphertext)


def test_what_was_sealed_is_opened_again() -> None:
    assert Shown().open() == FIELDS
    sealed = made()
    assert open_payload(ORIGIN, EVENT, sealed.ref, sealed.ciphertext, KEY).seed == SEED


def test_a_commitment_is_the_documented_concatenation() -> None:
    """By hand, so that a change of format cannot pass unnoticed."""
    r = hmac.new(SEED, b"title", hashlib.sha256).digest()
    text = "张三".encode()
    by_hand = (
        b"\x11muniment/field/v1"
        b"\x00\x16ledger.example/qingjie"
        b"\x00\x2d" b"record-01890a5d-ac96-774b-bcce-b302099a8057/1"
        b"\x00\x05title"
        + r
        + hashlib.sha256(text).digest()
    )  # fmt: skip
    expected = hashlib.sha256(by_hand).digest()
    assert commitment(ORIGIN, EVENT, "title", r, "张三") == expected
    leaf = hashlib.sha256(b"\x00" + expected).digest()
    assert commitments_root(ORIGIN, EVENT, {"title": "张三"}, SEED) == leaf


def test_a_commitment_has_the_known_value() -> None:
    value = commitment("a", "b", "c", bytes(32), "d")
    inner = "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4"  # sha256 of "d"
    frame = "116d756e696d656e742f6669656c642f7631000161000162000163"
    assert value == hashlib.sha256(bytes.fromhex(frame + "00" * 32 + inner)).digest()
    assert value.hex() == "3e560636bc9f3ee22d35be4330ef7b1950dbd6ec5367ded0bcc8f7f99c48bc71"


def test_the_root_is_an_rfc_6962_tree_sorted_by_the_bytes_of_the_paths() -> None:
    fields = {"b": "2", "甲": "4", "B": "1", "\U0001f600": "5", "c": "3"}
    paths = sorted(fields, key=str.encode)
    assert paths == ["B", "b", "c", "甲", "\U0001f600"]

    def leaf(path: str) -> bytes:
        r = hmac.new(SEED, path.encode(), hashlib.sha256).digest()
        c = commitment(ORIGIN, EVENT, path, r, fields[path])
        return hashlib.sha256(b"\x00" + c).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    a, b, c, d, e = map(leaf, paths)
    root = node(node(node(a, b), node(c, d)), e)
    assert commitments_root(ORIGIN, EVENT, fields, SEED) == root
    assert made(fields).ref.root == root.hex()


def test_the_ciphertext_is_the_documented_format_and_opens_without_our_code() -> None:
    sealed = made()
    assert sealed.ciphertext[:12] == NONCE
    payload = AESGCM(KEY).decrypt(NONCE, sealed.ciphertext[12:], EVENT.encode())
    assert payload[:32] == SEED
    text = json.dumps(FIELDS, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert payload[32:] == text.encode()
    assert sealed.ref.digest == hashlib.sha256(sealed.ciphertext).hexdigest()


def test_text_is_sealed_as_given_and_never_normalised() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    assert composed != decomposed
    assert made({"n": composed}).ref.root != made({"n": decomposed}).ref.root
    odd = {"n": 'a\nb\x00"\\\u2028\ufeff', "": "empty path"}
    assert Shown(sealed=made(odd)).open() == odd


def test_sealing_reveals_nothing_but_the_length() -> None:
    sealed = made()
    outside = sealed.ciphertext + msgspec.json.encode(sealed.ref) + repr(sealed).encode()
    for value in [SEED, KEY, *(v.encode() for v in FIELDS.values() if v)]:
        assert value not in outside
    payload = open_payload(ORIGIN, EVENT, sealed.ref, sealed.ciphertext, KEY)
    shown = opening(ORIGIN, EVENT, FIELDS, SEED, "title")
    assert "合同" not in repr(payload) + repr(shown)
    assert SEED.hex()[:8] not in repr(payload)


@pytest.mark.parametrize("path", FIELDS)
def test_one_field_is_shown_without_the_others(path: str) -> None:
    shown = opening(ORIGIN, EVENT, FIELDS, SEED, path)
    check_opening(ORIGIN, EVENT, made().ref.root, shown, size=len(FIELDS))
    encoded = msgspec.json.encode(shown)
    assert msgspec.json.decode(encoded, type=Opening) == shown
    assert SEED not in encoded
    assert not [v for p, v in FIELDS.items() if p != path and v and v.encode() in encoded]


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), min_size=1, max_size=12))
def test_any_fields_open_and_every_one_can_be_shown(fields: dict[str, str]) -> None:
    sealed = made(fields)
    assert Shown(sealed=sealed).open() == fields
    for path in fields:
        shown = opening(ORIGIN, EVENT, fields, SEED, path)
        check_opening(ORIGIN, EVENT, sealed.ref.root, shown, size=len(fields))


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"n": "\udcff"}, {"\udcff": "n"}])
def test_a_file_name_that_is_not_utf8_is_refused_without_being_quoted(
    fields: dict[str, str],
) -> None:
    with pytest.raises(EncodingError) as caught:
        made(fields)
    assert caught.value.code == "not_utf8"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {str(i): "" for i in range(4097)},
        {"n": "x" * (1 << 20)},
        {"p" * 65536: ""},
    ],
    ids=["none", "too many", "too large", "path too long"],
)
def test_a_payload_outside_the_limits_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(EncodingError) as caught:
        made(fields)
    assert caught.value.code == "too_large"


def test_keys_seeds_and_nonces_have_their_length() -> None:
    for key, seed, nonce in ((KEY[:16], SEED, NONCE), (KEY, b"", NONCE), (KEY, SEED, bytes(16))):
        with pytest.raises(ValueError, match="bytes, not"):
            seal(ORIGIN, EVENT, FIELDS, KEY_ID, key, seed, nonce)
    with pytest.raises(ValueError, match="bytes, not"):
        derived_seed(b"short", EVENT)


# -- attacks ------------------------------------------------------------------------------------


def test_attack_every_changed_byte_of_the_ciphertext() -> None:
    sealed = made()
    for i in range(len(sealed.ciphertext)):
        altered = bytearray(sealed.ciphertext)
        altered[i] ^= 1
        with pytest.raises(VerificationError, match=r"^sealed\.digest"):
            Shown(sealed=Sealed(sealed.ref, bytes(altered))).open()
        fitted = hashlib.sha256(altered).hexdigest()
        ref = SealedRef(key=KEY_ID, digest=fitted, root=sealed.ref.root)
        with pytest.raises(VerificationError, match=r"^sealed\.ciphertext"):
            Shown(sealed=Sealed(ref, bytes(altered))).open()


@pytest.mark.parametrize("length", [0, 11, 12, 27, 28, 60])
def test_attack_a_ciphertext_cut_short(length: int) -> None:
    cut = made().ciphertext[:length]
    ref = SealedRef(key=KEY_ID, digest=hashlib.sha256(cut).hexdigest(), root=made().ref.root)
    with pytest.raises(VerificationError, match=r"^sealed\.ciphertext"):
        Shown(sealed=Sealed(ref, cut)).open()


def test_attack_a_payload_moved_to_another_event() -> None:
    with pytest.raises(VerificationError, match=r"^sealed\.ciphertext"):
        Shown(event_id=OTHER).open()


def test_attack_a_payload_moved_to_another_ledger() -> None:
    with pytest.raises(VerificationError, match=r"^sealed\.root"):
        Shown(origin="ledger.example/other").open()


def test_attack_a_wrong_key() -> None:
    for key in (bytes(32), KEY[::-1], b"", KEY[:31]):
        with pytest.raises(VerificationError, match=r"^sealed\.ciphertext"):
            Shown(key=key).open()


def test_attack_other_fields_under_the_same_key_and_a_fitting_digest() -> None:
    """Who has the data key can make any ciphertext: the root, signed in the event, stands."""
    for fields in ({**FIELDS, "title": "x"}, {"title": FIELDS["title"]}, {**FIELDS, "more": ""}):
        payload = SEED + msgspec.json.encode(fields, order="sorted")
        with pytest.raises(VerificationError, match=r"^sealed\.root"):
            Shown(sealed=resealed(payload)).open()


def test_attack_another_payload_under_another_key() -> None:
    """Key and ciphertext exchanged together: decryption succeeds, and proves nothing."""
    payload = bytes(32) + msgspec.json.encode({"title": "李四"}, order="sorted")
    with pytest.raises(VerificationError, match=r"^sealed\.root"):
        Shown(sealed=resealed(payload, key=KEY[::-1]), key=KEY[::-1]).open()


def test_attack_the_same_fields_under_another_seed() -> None:
    payload = bytes(32) + msgspec.json.encode(FIELDS, order="sorted")
    with pytest.raises(VerificationError, match=r"^sealed\.root"):
        Shown(sealed=resealed(payload)).open()


def test_attack_a_ciphertext_that_opens_under_two_keys() -> None:
    """An "invisible salamander": one last block makes the GCM tag fit both keys (2017, Grubbs)."""
    other = KEY[::-1]
    ciphertext = salamander(KEY, other, EVENT.encode())
    opened = [AESGCM(k).decrypt(NONCE, ciphertext, EVENT.encode()) for k in (KEY, other)]
    assert opened[0] != opened[1]
    digest = hashlib.sha256(NONCE + ciphertext).hexdigest()
    ref = SealedRef(key=KEY_ID, digest=digest, root=made().ref.root)
    for key in (KEY, other):
        with pytest.raises(VerificationError, match=r"^sealed\.(payload|root)"):
            Shown(sealed=Sealed(ref, NONCE + ciphertext), key=key).open()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"a":1}',
        b'{"a":null}',
        b'{"a": "x"}',
        b'{"b":"x","a":"x"}',
        b'{"a":"x","a":"x"}',
        b'{"a":"x","a":"y"}',
        b'{"a":"\\u0078"}',
        b'{"a":"x"}\n',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b"[" * 5000,
    ],
)
def test_attack_a_payload_in_a_second_spelling(text: bytes) -> None:
    root = commitments_root(ORIGIN, EVENT, {"a": "x"}, SEED).hex()
    with pytest.raises(VerificationError, match=r"^sealed\.payload"):
        Shown(sealed=resealed(SEED + text, root)).open()


def test_attack_a_payload_too_large_to_look_at() -> None:
    huge = bytes((1 << 20) + 29)
    ref = SealedRef(key=KEY_ID, digest=hashlib.sha256(huge).hexdigest(), root=made().ref.root)
    with pytest.raises(VerificationError, match=r"^sealed\.digest"):
        check_ciphertext(EVENT, ref, huge)


def refused(shown: Opening, size: int = len(FIELDS), event_id: str = EVENT) -> None:
    with pytest.raises(VerificationError, match=r"^sealed\.opening"):
        check_opening(ORIGIN, event_id, made().ref.root, shown, size)


def test_attack_every_altered_part_of_an_opening() -> None:
    true = opening(ORIGIN, EVENT, FIELDS, SEED, "title")
    change = msgspec.structs.replace
    refused(change(true, value="保洁合同 2024"))
    refused(change(true, value=true.value + " "))
    refused(change(true, value="\udcff"))
    refused(change(true, path="titles"))
    refused(change(true, path="file"))
    refused(true, event_id=OTHER)
    refused(change(true, proof=true.proof[::-1]))
    refused(change(true, proof=true.proof[:-1]))
    refused(change(true, proof=(*true.proof, bytes(32))))
    refused(change(true, r=b""))
    for i in range(32):
        refused(change(true, r=flipped(true.r, i)))
        for j, part in enumerate(true.proof):
            proof = (*true.proof[:j], flipped(part, i), *true.proof[j + 1 :])
            refused(change(true, proof=proof))
    for index in {-1, 0, 1, 2, 3, 4} - {true.index}:
        refused(change(true, index=index))
    for size in (-1, 0, 1, 2, 5, 9):
        refused(true, size=size)


def test_attack_value_and_path_slid_against_each_other() -> None:
    """Length prefixes and fixed widths: no other split of the same bytes is the same commitment."""
    r = bytes(32)
    assert commitment(ORIGIN, EVENT, "ab", r, "c") != commitment(ORIGIN, EVENT, "a", r, "bc")
    assert commitment("a", "bc", "d", r, "") != commitment("ab", "c", "d", r, "")


def test_attack_the_root_from_anywhere_but_the_event() -> None:
    shown = opening(ORIGIN, EVENT, FIELDS, SEED, "title")
    for root in ("", "00" * 32, "zz", made({"title": FIELDS["title"]}).ref.root):
        with pytest.raises(VerificationError, match=r"^sealed\.opening"):
            check_opening(ORIGIN, EVENT, root, shown, len(FIELDS))


def test_attack_guessing_the_value_after_the_seed_is_gone() -> None:
    """Even the right guess finds nothing without r: two seeds, two unrelated roots."""
    guess = {"title": FIELDS["title"]}
    roots = {commitments_root(ORIGIN, EVENT, guess, bytes([i]) * 32) for i in range(50)}
    assert len(roots) == 50


def test_after_shredding_the_text_is_gone_and_the_event_still_checks(tmp_path: Path) -> None:
    with Keystore.create(tmp_path / "keystore", b"correct horse", Argon2Cost(8, 1, 1)) as store:
        ((key_id, key),) = store.new_keys(1)
        sealed = seal(ORIGIN, EVENT, FIELDS, key_id, key, SEED, NONCE)
        shown = opening(ORIGIN, EVENT, FIELDS, SEED, "title")
        store.shred(key_id)
        with pytest.raises(KeyAccessError, match="erased"):
            store.key(key_id)
    check_ciphertext(EVENT, sealed.ref, sealed.ciphertext)
    check_opening(ORIGIN, EVENT, sealed.ref.root, shown, len(FIELDS))


def test_rows_of_a_series_share_a_payload_and_not_their_seeds() -> None:
    rows = {OTHER: {"name": "张三"}, OTHER[:-1] + "3": {"name": "张三"}}
    refs = {}
    for event_id, fields in rows.items():
        seed = derived_seed(SEED, event_id)
        assert seed == hmac.new(SEED, event_id.encode(), hashlib.sha256).digest()
        root = commitments_root(ORIGIN, event_id, fields, seed)
        refs[event_id] = SealedRef(key=KEY_ID, root=root.hex())
    assert len({ref.root for ref in refs.values()}) == 2
    for event_id, fields in rows.items():
        check_fields(ORIGIN, event_id, refs[event_id], fields, derived_seed(SEED, event_id))
        for false in ({"name": "李四"}, {}, {"name": "\udcff"}):
            with pytest.raises(VerificationError, match=r"^sealed\.root"):
                check_fields(ORIGIN, event_id, refs[event_id], false, derived_seed(SEED, event_id))
        with pytest.raises(VerificationError, match=r"^sealed\.digest"):
            open_sealed(ORIGIN, event_id, refs[event_id], made().ciphertext, KEY)


# -- tools --------------------------------------------------------------------------------------


def flipped(data: bytes, i: int) -> bytes:
    return data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]


def times(x: int, y: int) -> int:
    """Multiplication in GHASH's field (NIST SP 800-38D, algorithm 1)."""
    z = 0
    for i in range(127, -1, -1):
        if x >> i & 1:
            z ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return z


def inverse(x: int) -> int:
    result, power = 1 << 127, x
    for _ in range(127):
        power = times(power, power)
        result = times(result, power)
    return result


def salamander(first: bytes, second: bytes, aad: bytes) -> bytes:
    """Ciphertext ‖ tag of five blocks that AES-GCM accepts under both keys with NONCE."""

    def block(key: bytes, data: bytes) -> int:
        cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        return int.from_bytes(cipher.update(data))

    free = [int.from_bytes(hashlib.sha256(bytes([i])).digest()[:16]) for i in range(4)]
    padded = aad + bytes(-len(aad) % 16)
    head = [int.from_bytes(padded[i : i + 16]) for i in range(0, len(padded), 16)] + free
    lengths = len(aad) * 8 << 64 | 5 * 16 * 8

    def parts(key: bytes) -> tuple[int, int, int]:
        """The tag is `known` plus the last block times H squared."""
        h = block(key, bytes(16))
        y = 0
        for data in head:
            y = times(y ^ data, h)
        square = times(h, h)
        known = times(y, square) ^ times(lengths, h) ^ block(key, NONCE + b"\0\0\0\x01")
        return known, square, h

    known1, square1, _ = parts(first)
    known2, square2, _ = parts(second)
    last = times(known1 ^ known2, inverse(square1 ^ square2))
    tag = known1 ^ times(last, square1)
    return b"".join(n.to_bytes(16) for n in [*free, last, tag])
