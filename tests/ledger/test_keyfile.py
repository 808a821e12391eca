"""Key files: what an owner can rely on, and what a thief or a saboteur gets."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import KeyAccessError, UsageError, VerificationError
from ledger.keyfile import (
    MAX_KEY_FILE_BYTES,
    STANDARD_COST,
    Argon2Cost,
    Kdf,
    KeyFile,
    open_key,
    read_key_file,
    write_key,
    write_new_file,
)
from ledger.privatekey import (
    Kind,
    PrivateKey,
    Purpose,
    check_possession,
    encrypt_to,
    generate,
)
from ledger.tlog.note import VerifierKey

CHEAP = Argon2Cost(8, 1, 1)
PASSPHRASE = "正确的马".encode()
NAME = "example.com/a/actor-1"
VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

KINDS: list[tuple[Kind, Purpose]] = [
    ("ed25519", "act"),
    ("ed25519", "cosign"),
    ("mldsa44", "checkpoint"),
    ("p256", "seal"),
    ("kek", "wrap"),
]


def kept(folder: Path, kind: Kind = "ed25519", purpose: Purpose = "act") -> PrivateKey:
    key = generate(kind, purpose, NAME)
    write_key(folder / "a.key", key, PASSPHRASE, kdf=CHEAP)
    return key


def rewritten(folder: Path, **changes: Any) -> Path:
    """The key file with some fields altered by someone who can write canonical JSON."""
    path = folder / "a.key"
    content = json.loads(path.read_bytes())
    for name, value in changes.items():
        if isinstance(value, dict):
            content[name].update(value)
        else:
            content[name] = value
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    path.write_text(text + "\n")
    return path


@pytest.mark.parametrize(("kind", "purpose"), KINDS)
def test_every_kind_of_key_comes_back_as_it_was_written(
    tmp_path: Path, kind: Kind, purpose: Purpose
) -> None:
    key = kept(tmp_path, kind, purpose)
    again = open_key("file:a.key", PASSPHRASE, tmp_path)
    assert (again.kind, again.purpose, again.name) == (kind, purpose, NAME)
    assert (again.public, again.secret_bytes()) == (key.public, key.secret_bytes())


def test_the_file_is_the_documented_format_and_opens_without_our_code(tmp_path: Path) -> None:
    key = kept(tmp_path)
    raw = (tmp_path / "a.key").read_bytes()
    content = json.loads(raw)
    assert raw == json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    b64 = base64.b64decode
    kdf = content["kdf"]
    derived = Argon2id(
        salt=b64(kdf["salt"]), length=32, iterations=1, lanes=1, memory_cost=8
    ).derive(PASSPHRASE)
    aad = json.dumps(content | {"ciphertext": ""}, sort_keys=True, separators=(",", ":")).encode()
    secret = AESGCM(derived).decrypt(b64(content["nonce"]), b64(content["ciphertext"]), aad)
    assert secret == key.secret_bytes()
    assert KeyFile.parse(raw).format() == raw


def test_a_signature_verifies_with_other_peoples_code(tmp_path: Path) -> None:
    signer = kept(tmp_path)
    Ed25519PublicKey.from_public_bytes(signer.public).verify(signer.sign(b"act"), b"act")
    post_quantum = generate("mldsa44", "checkpoint", NAME)
    signature = post_quantum.sign(b"act")
    MLDSA44PublicKey.from_public_bytes(post_quantum.public).verify(signature, b"act")


def test_verifier_keys_have_the_type_of_what_the_key_signs() -> None:
    act = generate("ed25519", "act", NAME)
    cosigner = generate("ed25519", "cosign", "witness.example")
    log = generate("mldsa44", "checkpoint", NAME)
    assert [k.verifier.type for k in (act, cosigner, log)] == [0x01, 0x04, 0x06]
    assert cosigner.verifier_of(0x01).type == 0x01
    assert VerifierKey.parse(act.verifier.format()) == act.verifier
    for key, kind in ((generate("p256", "seal", NAME), 0x01), (act, 0x06), (log, 0x01)):
        with pytest.raises(UsageError):
            key.verifier_of(kind)


def test_a_key_serves_only_purposes_of_its_kind() -> None:
    wrong: list[tuple[Kind, Purpose]] = [("ed25519", "seal"), ("p256", "act"), ("mldsa44", "act")]
    for kind, purpose in wrong:
        with pytest.raises(UsageError, match="purpose"):
            generate(kind, purpose, NAME)
    with pytest.raises(UsageError):
        generate("kek", "wrap", NAME).sign(b"")
    with pytest.raises(UsageError):
        generate("ed25519", "act", NAME).wrapping_key()
    with pytest.raises(UsageError):
        generate("ed25519", "act", NAME).decrypt(b"", b"")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "张三", "a\nb", "a" * 256, "a\x7f"])
def test_a_name_that_no_signed_note_can_carry_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="key name"):
        generate("ed25519", "act", name)


def test_a_sealed_part_opens_only_for_its_reader_and_its_draft() -> None:
    reader, other = generate("p256", "seal", NAME), generate("p256", "seal", NAME)
    sealed = encrypt_to(reader.public, "张三".encode(), b"draft 1")
    assert reader.decrypt(sealed, b"draft 1").decode() == "张三"
    altered = bytes([*sealed[:-1], sealed[-1] ^ 1])
    attempts = [
        (other, sealed, b"draft 1"),
        (reader, sealed, b"draft 2"),
        (reader, altered, b"draft 1"),
        (reader, sealed[:40], b"draft 1"),
        (reader, b"", b"draft 1"),
    ]
    for key, ciphertext, info in attempts:
        with pytest.raises(KeyAccessError, match="another key"):
            key.decrypt(ciphertext, info)


def test_public_keys_off_the_curve_or_in_another_spelling_are_refused() -> None:
    public = generate("p256", "seal", NAME).public
    off = bytes([*public[:-1], public[-1] ^ 1])
    compressed = bytes([2 + (public[-1] & 1)]) + public[1:33]
    for bad in (off, compressed, b"", bytes(65), b"\x06" + public[1:]):
        with pytest.raises(KeyAccessError, match="P-256"):
            encrypt_to(bad, b"", b"")


def test_possession_of_a_sealing_key_is_proved_by_one_form_of_signature_only() -> None:
    key = generate("p256", "seal", NAME)
    signature = key.sign(b"seen 7")
    check_possession(key.public, b"seen 7", signature)
    s = int.from_bytes(signature[32:])
    mirrored = signature[:32] + (P256_ORDER - s).to_bytes(32)
    forgeries = [
        (key.public, b"seen 8", signature),
        (generate("p256", "seal", NAME).public, b"seen 7", signature),
        (key.public, b"seen 7", mirrored),
        (key.public, b"seen 7", signature + b"\0"),
        (key.public, b"seen 7", signature[:63]),
        (key.public, b"seen 7", bytes(64)),
        (key.public[:64], b"seen 7", signature),
    ]
    for public, message, forged in forgeries:
        with pytest.raises(VerificationError):
            check_possession(public, message, forged)
    for i in range(64):
        with pytest.raises(VerificationError):
            check_possession(
                key.public,
                b"seen 7",
                bytes([*signature[:i], signature[i] ^ 1, *signature[i + 1 :]]),
            )


def test_a_p256_scalar_out_of_range_is_never_taken() -> None:
    draws = iter([bytes(32), b"\xff" * 32, bytes(31) + b"\x07"])
    assert generate("p256", "seal", NAME, lambda _: next(draws)).secret_bytes()[-1] == 7
    with pytest.raises(UsageError):
        PrivateKey("p256", "seal", NAME, bytes(32))


def test_nothing_shows_the_secret(tmp_path: Path) -> None:
    key = kept(tmp_path)
    secret = key.secret_bytes()
    raw = (tmp_path / "a.key").read_bytes()
    for shown in (raw, repr(key).encode(), str(key).encode(), repr(KeyFile.parse(raw)).encode()):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in shown
    with pytest.raises(TypeError):
        key.__reduce__()
    with pytest.raises((TypeError, AttributeError)):
        vars(key)


def test_a_key_file_is_for_its_owner_only_and_leaves_no_temporary(tmp_path: Path) -> None:
    kept(tmp_path)
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a.key"]


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    kept(tmp_path)
    before = (tmp_path / "a.key").read_bytes()
    with pytest.raises(KeyAccessError, match="exists already"):
        kept(tmp_path)
    with pytest.raises(KeyAccessError, match="exists already"):  # as if made in between
        write_new_file(tmp_path / "a.key", b"x")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(KeyAccessError, match="exists already"):
        write_new_file(tmp_path / "link", b"x")
    assert (tmp_path / "a.key").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.key", "link"]


def test_where_there_are_no_hard_links_a_key_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_new_file(tmp_path / "a.key", b"first")
    with pytest.raises(KeyAccessError, match="exists already"):
        write_new_file(tmp_path / "a.key", b"second")
    assert (tmp_path / "a.key").read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["a.key"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyAccessError, match="No space left"):
        kept(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_passphrase_is_told_from_a_malformed_file(tmp_path: Path) -> None:
    kept(tmp_path)
    for wrong in (b"guess", PASSPHRASE + b"\n", PASSPHRASE[:-1]):
        with pytest.raises(KeyAccessError, match="passphrase is wrong"):
            open_key("file:a.key", wrong, tmp_path)
    path = tmp_path / "a.key"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(KeyAccessError, match="malformed"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


@pytest.mark.parametrize("passphrase", [b"", b"x" * 1025])
def test_no_passphrase_or_an_endless_one_is_refused_both_ways(
    tmp_path: Path, passphrase: bytes
) -> None:
    with pytest.raises(KeyAccessError, match="passphrase"):
        write_key(tmp_path / "b.key", generate("ed25519", "act", NAME), passphrase, kdf=CHEAP)
    assert list(tmp_path.iterdir()) == []
    kept(tmp_path)
    with pytest.raises(KeyAccessError, match="1 to 1024 bytes"):
        open_key("file:a.key", passphrase, tmp_path)


def test_every_changed_byte_of_a_key_file_is_refused(tmp_path: Path) -> None:
    kept(tmp_path)
    path = tmp_path / "a.key"
    raw = path.read_bytes()
    for i in range(len(raw)):
        for change in (1, 0x20, 0x80):
            path.write_bytes(raw[:i] + bytes([raw[i] ^ change]) + raw[i + 1 :])
            with pytest.raises(KeyAccessError):
                open_key("file:a.key", PASSPHRASE, tmp_path)
        path.write_bytes(raw[:i] + raw[i + 1 :])
        with pytest.raises(KeyAccessError):
            open_key("file:a.key", PASSPHRASE, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "example.com/a/actor-2"},
        {"purpose": "cosign"},
        {"public": base64.b64encode(bytes(32)).decode()},
        {"nonce": base64.b64encode(bytes(12)).decode()},
        {"kdf": {"salt": base64.b64encode(bytes(16)).decode()}},
        {"kdf": {"memory_kib": 9}},
        {"kdf": {"iterations": 2}},
    ],
)
def test_a_well_formed_alteration_fails_under_the_right_passphrase(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    kept(tmp_path)
    KeyFile.parse(rewritten(tmp_path, **change).read_bytes())
    with pytest.raises(KeyAccessError, match="altered"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


@pytest.mark.parametrize(
    "cost",
    [
        {"memory_kib": 64 << 20},
        {"memory_kib": 2**63},
        {"memory_kib": 7},
        {"memory_kib": -8},
        {"iterations": 10**9},
        {"iterations": 0},
        {"lanes": 1000, "memory_kib": 8000},
        {"lanes": 0},
        {"memory_kib": 1 << 20, "iterations": 16},
    ],
)
def test_a_hostile_file_cannot_make_the_reader_spend_memory_or_hours(
    tmp_path: Path, cost: dict[str, int]
) -> None:
    kept(tmp_path)
    rewritten(tmp_path, kdf=cost)
    start = time.process_time()
    with pytest.raises(KeyAccessError, match=r"outside the limits|malformed"):
        open_key("file:a.key", PASSPHRASE, tmp_path)
    assert time.process_time() - start < 1


def test_too_little_memory_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Starved:
        def __init__(self, **_: object) -> None:
            pass

        def derive(self, _: bytes) -> bytes:
            raise MemoryError

    kept(tmp_path)
    monkeypatch.setattr("ledger.keyfile.Argon2id", Starved)
    with pytest.raises(KeyAccessError, match="not enough memory"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"muniment": "key/v0"},
        {"muniment": "note/v1"},
        {"kind": "rsa"},
        {"kind": "p256"},
        {"purpose": "seal"},
        {"name": "a b"},
        {"name": "张三"},
        {"public": "AAAA"},
        {"ciphertext": ""},
        {"kdf": {"name": "pbkdf2"}},
        {"kdf": {"salt": "AAAA"}},
        {"kdf": {"lanes": True}},
        {"kdf": {"lanes": 1.0}},
        {"kdf": {"extra": 1}},
    ],
)
def test_fields_that_no_writer_prints_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    kept(tmp_path)
    rewritten(tmp_path, **change)
    with pytest.raises(KeyAccessError, match=r"malformed|format"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


def test_a_newer_format_is_named_as_such(tmp_path: Path) -> None:
    kept(tmp_path)
    rewritten(tmp_path, muniment="key/v2", more=[1])
    with pytest.raises(KeyAccessError, match="does not know"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


def test_a_writer_who_lies_about_the_public_key_is_found_out(tmp_path: Path) -> None:
    """Whoever knows the passphrase can authenticate anything; public and secret must still fit."""
    key, other = generate("ed25519", "act", NAME), generate("ed25519", "act", NAME)
    key.public = other.public  # type: ignore[misc]
    write_key(tmp_path / "a.key", key, PASSPHRASE, kdf=CHEAP)
    with pytest.raises(KeyAccessError, match="belong together"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


def test_what_is_said_of_a_key_can_be_read_without_its_passphrase(tmp_path: Path) -> None:
    key = kept(tmp_path)
    file = read_key_file("file:a.key", tmp_path)
    assert (file.name, file.kind, file.purpose, file.public) == (NAME, "ed25519", "act", key.public)


def test_uris_name_files_relative_to_the_folder_or_absolute(tmp_path: Path) -> None:
    kept(tmp_path)
    assert open_key(f"file:{tmp_path}/a.key", PASSPHRASE, Path("/nowhere")).name == NAME
    (tmp_path / "sub").mkdir()
    assert open_key("file:../a.key", PASSPHRASE, tmp_path / "sub").name == NAME


def test_what_is_not_a_key_file_is_named_with_its_cause(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"{" * (MAX_KEY_FILE_BYTES + 1))
    (tmp_path / "deep").write_bytes(b"[" * MAX_KEY_FILE_BYTES)
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    causes = {
        "file:none": "no such key file",
        "file:pipe": "not a regular file",
        "file:/": "not a regular file",
        "file:huge": "too large",
        "file:deep": "malformed",
        "file:binary": "malformed",
        "file:a\0b": "cannot be read",
        "file:" + "x" * 300: "cannot be read",
        "file:\udcff": "no such key file",
        "pkcs11:token=a": "is not one itself",
    }
    for uri, cause in causes.items():
        with pytest.raises(KeyAccessError, match=cause):
            open_key(uri, PASSPHRASE, tmp_path)
    for uri in ("", "a.key", "file:", "file://host/a.key", "https://a", "FILE:a"):
        with pytest.raises(UsageError, match="file:PATH"):
            open_key(uri, PASSPHRASE, tmp_path)


def test_the_standard_cost_is_the_rfc_9106_recommendation(tmp_path: Path) -> None:
    assert Argon2Cost(65536, 3, 4) == STANDARD_COST
    write_key(tmp_path / "a.key", generate("ed25519", "act", NAME), PASSPHRASE)
    kdf = read_key_file("file:a.key", tmp_path).kdf
    assert isinstance(kdf, Kdf)
    assert (kdf.memory_kib, kdf.iterations, kdf.lanes) == (65536, 3, 4)
    assert open_key("file:a.key", PASSPHRASE, tmp_path).name == NAME


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_either_refused_or_a_canonical_key_file(raw: bytes) -> None:
    with contextlib.suppress(KeyAccessError):
        assert KeyFile.parse(raw).format() == raw


@given(st.dictionaries(st.sampled_from(["kind", "name", "kdf", "muniment"]), st.integers()))
def test_any_json_object_is_refused_without_a_traceback(content: dict[str, int]) -> None:
    with pytest.raises(KeyAccessError):
        KeyFile.parse(msgspec.json.encode(content))


def test_aes_gcm_answers_as_wycheproof_expects() -> None:
    """The cipher under key files, keystore and payloads; 96-bit nonces and 128-bit tags as ours."""
    groups = json.loads((VECTORS / "aes_gcm_test.json").read_bytes())["testGroups"]
    tried = 0
    for group in groups:
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        for test in group["tests"]:
            key, iv, aad = (bytes.fromhex(test[n]) for n in ("key", "iv", "aad"))
            message, sealed = bytes.fromhex(test["msg"]), bytes.fromhex(test["ct"] + test["tag"])
            tried += 1
            if test["result"] == "valid":
                assert AESGCM(key).encrypt(iv, message, aad) == sealed, test["tcId"]
                assert AESGCM(key).decrypt(iv, sealed, aad) == message, test["tcId"]
            else:
                with pytest.raises(InvalidTag):
                    AESGCM(key).decrypt(iv, sealed, aad)
    assert tried >= 60
