"""The parsers in bundles accept what the ledger's own accept, byte for byte, and no more."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import DataError
from ledger.offline import events, notes
from ledger.offline.merkle import EMPTY_ROOT, leaf_hash, verify_inclusion
from ledger.tlog import encoding, merkle
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.commit import CommitNote, Entry, SignedCommit, SignerLine, sign
from ledger.tlog.note import Note, VerifierKey
from ledger.tlog.proof import TlogProof
from tests.ledger.signers import one_byte_changes, signer

VECTORS = Path(__file__).parents[1] / "vectors" / "json"
ORIGIN = "offline.example/ledger"


def accepts(parse: Callable[[bytes], object], data: bytes) -> bool:
    """Whether a parser takes these bytes; anything but a refusal of its own is a failure."""
    try:
        parse(data)
    except (DataError, ValueError):
        return False
    return True


def agree_on_changes(
    ours: Callable[[bytes], object], theirs: Callable[[bytes], object], data: bytes, step: int = 1
) -> None:
    assert accepts(ours, data)
    assert accepts(theirs, data)
    taken = 0
    for changed in one_byte_changes(data, step):
        answer = accepts(theirs, changed)
        assert accepts(ours, changed) == answer, changed
        taken += answer
    assert taken, "no change was taken: this compares refusals only"


def commit() -> SignedCommit:
    keys = [signer(f"{ORIGIN}/a/{name}") for name in ("anna", "bert")]
    note = CommitNote(
        ORIGIN, "00112233445566778899aabbccddeeff", 3, bytes(range(32)), 17, bytes(range(1, 33)),
        "2024-02-29T23:59:59.999Z", "muniment/0.1.0",
        tuple(SignerLine(k.verifier.name, k.verifier.key_id, "custodian") for k in keys),
    )  # fmt: skip
    return SignedCommit.assemble(note, [sign(note, key) for key in keys])


def checkpoint() -> bytes:
    head = Checkpoint(ORIGIN, 20, bytes(range(32)))
    return Note(head.format(), (sign_checkpoint(head, signer(ORIGIN)),)).format()


def test_entries_are_parsed_alike() -> None:
    data = Entry("2026-11-21T09:30:00.000Z", commit()).format()
    agree_on_changes(notes.parse_entry, Entry.parse, data)
    entry, theirs = notes.parse_entry(data), Entry.parse(data)
    assert (entry.accepted, entry.note) == (theirs.accepted, theirs.commit.format())
    note = theirs.commit.note
    assert entry.commit.text == note.text()
    assert entry.commit[:5] == (
        note.origin, note.count, note.root, note.seen_size, note.seen_root,
    )  # fmt: skip
    assert [tuple(s) for s in entry.commit.signers] == [
        (s.name, s.key_id, s.capacity) for s in note.signers
    ]


def test_checkpoints_are_parsed_alike() -> None:
    data = checkpoint()
    agree_on_changes(
        lambda raw: notes.parse_head(notes.parse_note(raw).text),
        lambda raw: Checkpoint.parse(Note.parse(raw).text),
        data,
    )
    head = notes.parse_head(notes.parse_note(data).text)
    assert head == (ORIGIN, 20, bytes(range(32)))


def test_notes_are_parsed_alike() -> None:
    key = signer(ORIGIN)
    line = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), key)
    data = Note("正文\n\nan empty line before\n".encode(), (line, line)).format()
    agree_on_changes(notes.parse_note, Note.parse, data)


def test_proofs_are_parsed_alike_but_for_extra_data_that_nothing_authenticates() -> None:
    plain = TlogProof(3, (bytes(32), bytes(range(32))), checkpoint()).format()
    top = plain[: plain.index(b"\n\n") + 2]

    def theirs(raw: bytes) -> object:
        if not raw.startswith(top[:40]) and b"\nextra " in raw:
            raise ValueError("ours has no extra data")
        return TlogProof.parse(raw)

    for changed in one_byte_changes(top):
        data = changed + plain[len(top) :]
        if accepts(theirs, data):
            assert accepts(notes.parse_proof, data), changed
    proof = notes.parse_proof(plain)
    assert proof == (3, [bytes(32), bytes(range(32))], checkpoint())
    with_extra = TlogProof(3, (), checkpoint(), b"extra").format()
    assert accepts(TlogProof.parse, with_extra)
    assert not accepts(notes.parse_proof, with_extra)


def test_verifier_keys_are_parsed_alike() -> None:
    text = signer(ORIGIN).verifier.format().encode()

    def decoded(parse: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda raw: parse(raw.decode("utf-8"))

    assert accepts(decoded(notes.parse_vkey), text)
    for changed in one_byte_changes(text):
        answer = accepts(decoded(VerifierKey.parse), changed)
        assert accepts(decoded(notes.parse_vkey), changed) == answer, changed


def test_keys_of_cosigners_are_not_taken_for_a_ledgers_key() -> None:
    """Nor the other way round: what a key means is told by its type."""
    with pytest.raises(ValueError, match="type that is needed"):
        notes.parse_vkey(signer(ORIGIN, 4).verifier.format())
    with pytest.raises(ValueError, match="type that is needed"):
        notes.parse_cosigner(signer(ORIGIN).verifier.format())
    assert notes.parse_cosigner(signer(ORIGIN, 4).verifier.format()).name == ORIGIN


@pytest.mark.parametrize(
    "path", sorted((VECTORS / "JSONTestSuite").rglob("*.json")), ids=lambda p: p.stem
)
def test_the_json_test_suite_is_judged_alike(path: Path) -> None:
    data = path.read_bytes()
    assert accepts(events.parse_object, data) == accepts(encoding.check, data)


def test_events_are_judged_alike_with_any_byte_changed() -> None:
    event = {
        "type": "record.collected", "v": 1, "stream": "record-1", "flags": [True, False, [], {}],
        "count": -(2**53) + 1, "text": 'a "quoted" \\ and / ~', "deep": {"a": {"b": [0, 10]}},
    }  # fmt: skip
    agree_on_changes(events.parse_object, encoding.check, encoding.encode(event))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1.0}', b'{"a":1e2}', b'{"a":NaN}', b'{"a":null}', b'{"a":-0}', b'{"a":01}',
        b'{"a":9007199254740992}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":"\\u0041"}',
        b'{"a":"\\/"}', b'{"b":1,"a":1}', b'{"a":1,"a":1}', b'{"a": 1}', b'{"a":1}\n', b"[]", b"",
        b'{"a":' * 9 + b"1" + b"}" * 9, b"[" * 16_000, b'{"a":' * 3000, b"\xff", b'{"a":"\x7f"}',
        b'{"a":"' + b"x" * 16_384 + b'"}',
    ],
    ids=range(22),
)  # fmt: skip
def test_what_lies_outside_the_profile_is_no_event(raw: bytes) -> None:
    assert not accepts(events.parse_object, raw)
    assert not accepts(encoding.check, raw)


def test_eight_levels_are_deep_enough_and_nine_are_not() -> None:
    for depth in range(1, 12):
        raw = b'{"a":' * depth + b"1" + b"}" * depth
        assert accepts(events.parse_object, raw) == accepts(encoding.check, raw) == (depth <= 8)


def test_inclusion_is_judged_alike_in_all_small_trees() -> None:
    for size in range(1, 18):
        leaves = [leaf_hash(bytes([number])) for number in range(size)]
        root, read = merkle.tree_root(leaves), merkle.leaf_reader(leaves)
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, read)
            verify_inclusion(index, size, leaves[index], proof, root)
            for other in range(size + 2):
                for claimed in range(size + 2):
                    if (other, claimed) == (index, size):
                        continue
                    case = (other, claimed, leaves[index], proof, root)
                    ours = accepts(lambda _, c=case: verify_inclusion(*c), b"")  # type: ignore[misc]
                    theirs = accepts(lambda _, c=case: merkle.verify_inclusion(*c), b"")  # type: ignore[misc]
                    assert ours == theirs, (size, index, other, claimed)


@pytest.mark.parametrize("damage", range(4))
def test_a_proof_with_a_hash_changed_missing_or_too_many_fails(damage: int) -> None:
    draw = random.Random(damage)
    leaves = [draw.randbytes(32) for _ in range(11)]
    proof = merkle.inclusion_proof(6, 11, merkle.leaf_reader(leaves))
    damaged = [proof[1:], [*proof, bytes(32)], [bytes(32), *proof[1:]], [proof[0][:31], *proof[1:]]]
    with pytest.raises(ValueError, match=r"proof|hash"):
        verify_inclusion(6, 11, leaves[6], damaged[damage], merkle.tree_root(leaves))


def test_the_exporters_note_is_read_in_its_one_form() -> None:
    key = signer(f"{ORIGIN}/a/anna")
    text = (
        f"{ORIGIN}/bundle/019390a17e307c3a8d5e2f1b6a9c0d4e\nmuniment-evidence 2\n"
        f"manifest-sha256 {'ab' * 32}\ntagmanifest-sha256 {'cd' * 32}\n"
        "checkpoint 20 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        "scope record record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e\n"
        "exported 2024-02-29T09:30:00.000Z\n"
        f"exporter {key.verifier.name} {key.verifier.key_id.hex()}\n"
    )
    line = f"— {key.verifier.name} {notes.encode_base64(key.verifier.key_id + bytes(64))}\n"
    note = notes.parse_exporter(f"{text}\n{line}".encode())
    assert note[:5] == (ORIGIN, "019390a17e307c3a8d5e2f1b6a9c0d4e", "ab" * 32, "cd" * 32, 20)
    assert note.exported == "2024-02-29T09:30:00.000Z"
    assert note.scope == "record record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    span = "2024-01-01T00:00:00.000Z/2025-01-01T00:00:00.000Z"
    period = text.replace(note.scope, f"period {span}")
    assert notes.parse_exporter(f"{period}\n{line}".encode()).scope == f"period {span}"
    other = "— somebody.example AAAAAAAA\n"
    for refused in (
        f"{text}\n{line}{line}", f"{text}\n{other}", f"{text}\n{line}{other}", f"{text}x\n\n{line}",
        f"\n{text}\n{line}", f"{text.replace('02-29', '02-30')}\n{line}", f"{text}\n{line}\n",
        f"{text.replace('evidence 2', 'evidence 1')}\n{line}", f"{text}",
        f"{text.replace('checkpoint 20', 'checkpoint 020')}\n{line}",
        f"{text.replace('scope record ', 'scope ')}\n{line}",
        f"{text.replace('scope record ', 'scope period ')}\n{line}",
    ):  # fmt: skip
        assert not accepts(notes.parse_exporter, refused.encode()), refused
