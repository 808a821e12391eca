"""Signed notes: what is read is what was written, and nothing unsigned looks signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NoteError
from ledger.tlog.note import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    MLDSA44,
    Note,
    SignatureLine,
    VerifierKey,
    decode_base64,
    encode_base64,
    key_id,
    known_lines,
    open_note,
)
from tests.ledger.signers import one_byte_changes, signer

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = b"This is an example message.\n"
SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
NOTE = TEXT + b"\n" + f"— example.com/foo {SIGNATURE}\n".encode()

names = st.text(
    st.characters(codec="utf-8", exclude_characters="+", min_codepoint=0x21), min_size=1
).filter(lambda name: not any(c.isspace() for c in name))
lines = st.builds(
    SignatureLine, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90)
)
texts = st.text(st.characters(codec="utf-8", min_codepoint=0x20) | st.just("\n"))


def note_by(name: str, text: bytes = TEXT) -> bytes:
    toy = signer(name)
    line = SignatureLine(name, toy.verifier.key_id, toy.sign(text))
    return Note(text, (line,)).format()


def test_the_published_example_opens() -> None:
    key = VerifierKey.parse(VKEY)
    assert key.format() == VKEY
    assert key.key_id.hex() == "530d903a"
    assert key_id("example.com/foo", ED25519, key.public) == key.key_id
    opened = open_note(NOTE, [key])
    assert opened.text == TEXT
    assert opened.verified == (key,)
    assert opened.note.format() == NOTE


def test_the_poem_of_the_specification_keeps_its_empty_lines() -> None:
    poem = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n"
        "ed è subito sera.\n"
    ).encode()
    signature = (
        "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRw"
        "NtIc="
    )
    note = Note.parse(poem + f"\n— quasimodo.example/salvatore {signature}\n".encode())
    assert note.text == poem
    assert note.signatures[0].name == "quasimodo.example/salvatore"


def test_every_one_byte_change_of_a_verifier_key_is_refused() -> None:
    for changed in one_byte_changes(VKEY.encode()):
        with pytest.raises(NoteError):
            VerifierKey.parse(changed.decode("utf-8", "surrogateescape"))


def test_every_one_byte_change_of_a_note_is_refused() -> None:
    """A change in name or key id makes the line unknown; then no known key signed."""
    key = VerifierKey.parse(VKEY)
    for changed in one_byte_changes(NOTE):
        with pytest.raises(NoteError):
            open_note(changed, [key])


def test_a_changed_line_of_one_signer_does_not_count_for_another() -> None:
    first, second = note_by("example.com/one"), note_by("example.com/two")
    both = first + second.removeprefix(TEXT + b"\n")
    keys = [signer("example.com/one").verifier, signer("example.com/two").verifier]
    assert open_note(both, keys).verified == tuple(keys)
    for changed in one_byte_changes(both):
        try:
            opened = open_note(changed, keys)
        except NoteError:
            continue
        assert opened.text == TEXT
        assert len(opened.verified) == 1
        assert opened.note.format() == changed


def test_a_known_key_that_fails_spoils_the_whole_note() -> None:
    good, other = note_by("example.com/one"), note_by("example.com/two", b"another text\n")
    mixed = good + other.removeprefix(b"another text\n\n")
    keys = [signer("example.com/one").verifier, signer("example.com/two").verifier]
    assert open_note(mixed, keys[:1]).verified == (keys[0],)
    with pytest.raises(NoteError, match=r"signature of example\.com/two fails"):
        open_note(mixed, keys)


def test_a_second_line_of_a_known_key_must_hold_too() -> None:
    good = note_by("example.com/one")
    bad = SignatureLine("example.com/one", signer("example.com/one").verifier.key_id, bytes(64))
    with pytest.raises(NoteError, match="fails"):
        open_note(good + bad.format().encode(), [signer("example.com/one").verifier])


def test_no_known_key_no_note() -> None:
    with pytest.raises(NoteError, match="no signature by a known key"):
        open_note(NOTE, [])
    with pytest.raises(NoteError, match="no signature by a known key"):
        open_note(NOTE, [signer("example.com/foo").verifier])


def test_one_public_key_under_two_names_counts_once() -> None:
    one, two = signer("example.com/one", seed="same"), signer("example.com/two", seed="same")
    signatures = tuple(
        SignatureLine(s.verifier.name, s.verifier.key_id, s.sign(TEXT)) for s in (one, two)
    )
    opened = open_note(Note(TEXT, signatures).format(), [one.verifier, two.verifier])
    assert opened.verified == (one.verifier,)


def test_two_keys_that_share_name_and_id_are_refused() -> None:
    key = VerifierKey.parse(VKEY)
    twin = VerifierKey.parse(VKEY)
    assert known_lines(Note.parse(NOTE), [key, twin]) == [(Note.parse(NOTE).signatures[0], key)]
    other = signer("example.com/foo").verifier
    object.__setattr__(other_key := VerifierKey.parse(other.format()), "key_id", key.key_id)
    with pytest.raises(NoteError, match="share a key id"):
        known_lines(Note.parse(NOTE), [key, other_key])


def test_a_cosignature_shown_as_a_plain_signature_is_refused() -> None:
    """The 0x04 message of a witness is text; its signature must not pass as an 0x01 note."""
    text = b"cosignature/v1\ntime 1\nexample.com\n0\n"
    with pytest.raises(NoteError, match="message of a cosignature"):
        open_note(note_by("example.com/w", text), [signer("example.com/w").verifier])


@pytest.mark.parametrize("signature_type", [COSIGNATURE, MLDSA44])
def test_a_cosigners_key_opens_no_plain_note(signature_type: int) -> None:
    toy = signer("example.com/w", signature_type)
    line = SignatureLine("example.com/w", toy.verifier.key_id, toy.sign(TEXT))
    with pytest.raises(NoteError, match="checkpoints only"):
        open_note(Note(TEXT, (line,)).format(), [toy.verifier])


@pytest.mark.parametrize("signature_type", [ED25519, COSIGNATURE, MLDSA44])
def test_verifier_keys_of_all_types_are_read_as_written(signature_type: int) -> None:
    key = signer("example.com/key", signature_type).verifier
    assert VerifierKey.parse(key.format()) == key


@pytest.mark.parametrize("signature_type", [0x00, 0x02, 0x05, 0xFA, 0xFF])
def test_an_unknown_type_of_key_is_refused_by_name(signature_type: int) -> None:
    with pytest.raises(NoteError, match=f"type {signature_type:02x}"):
        VerifierKey.of("example.com", signature_type, bytes(32))


def test_a_key_without_a_public_part_is_refused() -> None:
    name = "example.com"
    blob = encode_base64(b"\x01")
    with pytest.raises(NoteError, match="32 bytes"):
        VerifierKey.parse(f"{name}+{key_id(name, 1, b'').hex()}+{blob}")


@pytest.mark.parametrize("encoding", ["00" * 32, "01" + "00" * 31, "ff" * 32])
def test_a_weak_key_cannot_become_a_verifier_key(encoding: str) -> None:
    with pytest.raises(NoteError, match=r"small order|canonical"):
        VerifierKey.of("example.com", ED25519, bytes.fromhex(encoding))


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a+b", "a\tb", "a\nb", "a\u00a0b", "a\u2003b", "a\u3000b", "a\u0085b", "a\x00b"],
)
def test_a_name_with_a_space_plus_or_control_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        SignatureLine(name, bytes(4), b"x")


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", " QQ==", "QQ=", "QUI", "Q-==", "é"])
def test_base64_that_another_encoder_would_not_write_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="canonical base64"):
        decode_base64(text, "this")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        TEXT,
        TEXT + b"\n",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace("—".encode(), b"-"),
        NOTE.replace(b"This", b"Th\xffs"),
        NOTE.replace(b"This", b"Th\x1bs"),
        NOTE.replace(b"foo", b"fo\xff"),
        TEXT + b"\n" + "— name AAAAAA==\n".encode(),  # four bytes: an id and no signature
    ],
)
def test_what_is_not_a_note_is_refused(data: bytes) -> None:
    with pytest.raises(NoteError):
        Note.parse(data)


def test_limits_are_checked_before_anything_is_decoded() -> None:
    with pytest.raises(NoteError, match="longer than"):
        Note.parse(b"\xff" * (MAX_NOTE_BYTES + 1))
    with pytest.raises(NoteError, match="longer than 100 bytes"):
        Note.parse(NOTE, limit=100)
    line = SignatureLine("n", bytes(4), b"s")
    full = Note(TEXT, (line,) * MAX_SIGNATURES).format()
    assert len(Note.parse(full).signatures) == MAX_SIGNATURES
    with pytest.raises(NoteError, match="signature lines"):
        Note.parse(full + line.format().encode())
    with pytest.raises(NoteError, match="longer than"):
        Note(b"x" * MAX_NOTE_BYTES + b"\n", (line,))


@given(texts, st.lists(lines, min_size=1, max_size=20))
def test_notes_are_read_as_written(text: str, signatures: list[SignatureLine]) -> None:
    note = Note(text.encode() + b"\n", tuple(signatures))
    assert Note.parse(note.format()) == note


@given(st.binary(max_size=60), st.sampled_from([b"", b"\n\n", b"\n\n\xe2\x80\x94 n AAAAAAA=\n"]))
def test_what_a_note_parser_accepts_it_writes_back(data: bytes, end: bytes) -> None:
    try:
        note = Note.parse(data + end)
    except NoteError:
        return
    assert note.format() == data + end


@given(names, st.sampled_from([ED25519, COSIGNATURE, MLDSA44]))
def test_verifier_keys_are_read_as_written(name: str, signature_type: int) -> None:
    public = signer("example.com/any", signature_type).verifier.public
    key = VerifierKey.of(name, signature_type, public)
    assert VerifierKey.parse(key.format()) == key
