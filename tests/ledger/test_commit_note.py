"""Commit notes: exactly the named people sign exactly this text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NoteError
from ledger.tlog.commit import (
    MAX_COMMIT_BYTES,
    CommitNote,
    Entry,
    SignedCommit,
    SignerLine,
    check_time,
    sign,
)
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import COSIGNATURE, SignatureLine, encode_base64
from tests.ledger.signers import ToySigner, one_byte_changes, signer

ORIGIN = "example.com/ledger"
ROOT = bytes(range(32))
SEEN_ROOT = bytes(range(32, 64))
UNTIL = "2026-08-01T00:00:00.000Z"
ACCEPTED = "2026-07-29T09:30:00.125Z"
SELLER = signer(f"{ORIGIN}/a/0192")
BUYER = signer(f"{ORIGIN}/a/0193")
SUPERVISOR = signer(f"{ORIGIN}/a/0194")


def named(toy: ToySigner, capacity: str) -> SignerLine:
    return SignerLine(toy.verifier.name, toy.verifier.key_id, capacity)


def commit_note(**changes: Any) -> CommitNote:
    values: dict[str, Any] = {
        "origin": ORIGIN,
        "commit_id": "00112233445566778899aabbccddeeff",
        "count": 3,
        "root": ROOT,
        "seen_size": 17,
        "seen_root": SEEN_ROOT,
        "until": None,
        "client": "muniment/0.1.0",
        "signers": (named(SELLER, "custodian"),),
    }
    return CommitNote(**(values | changes))


JOINT = commit_note(until=UNTIL, signers=(named(SELLER, "seller"), named(BUYER, "buyer")))
KEYS = {
    (toy.verifier.name, toy.verifier.key_id): toy.verifier.public
    for toy in (SELLER, BUYER, SUPERVISOR)
}


def public_key(name: str, key_id: bytes) -> bytes:
    return KEYS[name, key_id]


def signed(note: CommitNote, *signers: ToySigner) -> SignedCommit:
    return SignedCommit.assemble(note, [sign(note, toy) for toy in signers])


JOINT_SIGNED = signed(JOINT, SELLER, BUYER)


def test_the_text_is_laid_out_as_designed() -> None:
    assert JOINT.text().decode() == (
        "example.com/ledger/commit/00112233445566778899aabbccddeeff\n"
        "3\n"
        f"{encode_base64(ROOT)}\n"
        f"seen 17 {encode_base64(SEEN_ROOT)}\n"
        "until 2026-08-01T00:00:00.000Z\n"
        "client muniment/0.1.0\n"
        f"signer {ORIGIN}/a/0192 {SELLER.verifier.key_id.hex()} seller\n"
        f"signer {ORIGIN}/a/0193 {BUYER.verifier.key_id.hex()} buyer\n"
    )
    assert CommitNote.parse(JOINT.text()) == JOINT
    assert SignedCommit.parse(JOINT_SIGNED.format()) == JOINT_SIGNED


def test_both_parties_sign_the_same_text() -> None:
    JOINT_SIGNED.verify_signatures(public_key)


def test_signatures_arrive_in_any_order_and_are_written_in_one() -> None:
    assert signed(JOINT, BUYER, SELLER) == JOINT_SIGNED


def test_an_entry_is_the_time_and_the_signed_note() -> None:
    entry = Entry(ACCEPTED, JOINT_SIGNED)
    data = entry.format()
    assert data == f"accepted {ACCEPTED}\n".encode() + JOINT_SIGNED.format()
    assert Entry.parse(data) == entry


# Attacks on the signatures.


def refused(data: bytes) -> bool:
    try:
        SignedCommit.parse(data).verify_signatures(public_key)
    except NoteError:
        return True
    return False


def test_every_one_byte_change_of_a_commit_note_is_refused() -> None:
    data = JOINT_SIGNED.format()
    assert not refused(data)
    for changed in one_byte_changes(data):
        assert refused(changed), changed


def test_every_one_byte_change_of_an_entry_is_refused_or_is_another_time() -> None:
    """The ledger's tree, not the signatures, covers the time: here it only must be a time."""
    data = Entry(ACCEPTED, JOINT_SIGNED).format()
    for changed in one_byte_changes(data):
        try:
            entry = Entry.parse(changed)
            entry.commit.verify_signatures(public_key)
        except NoteError:
            continue
        assert entry.format() == changed
        assert entry.commit == JOINT_SIGNED
        assert entry.accepted != ACCEPTED


def lines_of(signed_commit: SignedCommit) -> list[bytes]:
    return [line.format().encode() for line in signed_commit.signatures]


def test_a_stripped_line_is_refused() -> None:
    seller, buyer = lines_of(JOINT_SIGNED)
    text = JOINT.text() + b"\n"
    assert not refused(text + seller + buyer)
    for lines in (seller, buyer, b""):
        assert refused(text + lines)


def test_an_added_line_is_refused() -> None:
    data = JOINT_SIGNED.format()
    key = SUPERVISOR.verifier
    extra = SignatureLine(key.name, key.key_id, SUPERVISOR.sign(JOINT.text())).format().encode()
    assert refused(data + extra)
    assert refused(JOINT.text() + b"\n" + extra + b"".join(lines_of(JOINT_SIGNED)))


def test_a_repeated_line_is_refused() -> None:
    seller, buyer = lines_of(JOINT_SIGNED)
    assert refused(JOINT.text() + b"\n" + seller + seller)
    assert refused(JOINT_SIGNED.format() + buyer)


def test_reordered_lines_are_refused() -> None:
    seller, buyer = lines_of(JOINT_SIGNED)
    assert refused(JOINT.text() + b"\n" + buyer + seller)


def test_a_relabelled_line_is_refused() -> None:
    """Type 0x01 does not cover the name on the line; the text does."""
    seller, buyer = JOINT_SIGNED.signatures
    swapped = (replace(seller, signature=buyer.signature), buyer)
    assert refused(SignedCommit(JOINT, swapped).format())
    with pytest.raises(NoteError, match="not those of the named signers"):
        SignedCommit(JOINT, (replace(seller, name=buyer.name), buyer))
    with pytest.raises(NoteError, match="not those of the named signers"):
        SignedCommit(JOINT, (replace(seller, key_id=buyer.key_id), buyer))


def test_a_signature_of_another_note_is_refused() -> None:
    other = replace(JOINT, commit_id="f" * 32)
    with pytest.raises(NoteError, match=f"signature of {SELLER.verifier.name} fails"):
        SignedCommit(JOINT, signed(other, SELLER, BUYER).signatures).verify_signatures(public_key)


def test_a_cosignature_line_does_not_sign_a_commit() -> None:
    seller, buyer = JOINT_SIGNED.signatures
    with pytest.raises(NoteError, match="64 bytes"):
        SignedCommit(JOINT, (replace(seller, signature=bytes(8) + seller.signature), buyer))


def test_an_unknown_key_is_refused() -> None:
    enrolled = {(SELLER.verifier.name, SELLER.verifier.key_id): SELLER.verifier.public}
    with pytest.raises(NoteError, match=f"no key of {BUYER.verifier.name}"):
        JOINT_SIGNED.verify_signatures(lambda name, key_id: enrolled[name, key_id])


def test_a_key_that_does_not_have_the_id_is_refused() -> None:
    with pytest.raises(NoteError, match="does not have the id"):
        JOINT_SIGNED.verify_signatures(lambda name, key_id: SUPERVISOR.verifier.public)


def test_two_names_with_one_public_key_are_not_two_signers() -> None:
    one, two = (signer(f"{ORIGIN}/a/{n}", seed="one person") for n in ("one", "two"))
    note = commit_note(signers=(named(one, "requester"), named(two, "approver")))
    with pytest.raises(NoteError, match="public key of another signer"):
        signed(note, one, two).verify_signatures(lambda name, key_id: one.verifier.public)


def test_only_a_parsed_commit_note_is_signed() -> None:
    """A signer of any text could be made to sign `cosignature/v1...`, a good 0x04 message."""
    for text in (JOINT.text(), b"cosignature/v1\ntime 1\nexample.com\n0\n"):
        with pytest.raises(NoteError, match="only a parsed commit note"):
            sign(text, SELLER)  # type: ignore[arg-type]


def test_only_a_named_key_signs() -> None:
    with pytest.raises(NoteError, match="does not name the key"):
        sign(JOINT, SUPERVISOR)
    with pytest.raises(NoteError, match="does not name the key"):
        sign(JOINT, signer(SELLER.verifier.name, COSIGNATURE, seed="another"))


def test_a_cosigners_key_proves_possession_with_a_plain_signature() -> None:
    as_cosigner = signer(SELLER.verifier.name, COSIGNATURE)
    assert sign(JOINT, as_cosigner) == sign(JOINT, SELLER)


def test_a_draft_that_still_lacks_a_signature_is_not_a_commit() -> None:
    with pytest.raises(NoteError, match="not those of the named signers"):
        signed(JOINT, SELLER)


# What the text may say.


def test_until_stands_in_joint_commits_only() -> None:
    assert JOINT.is_joint
    assert not commit_note().is_joint
    assert commit_note(signers=JOINT.signers).until is None  # may be absent, judged elsewhere
    with pytest.raises(NoteError, match="not joint"):
        commit_note(until=UNTIL)
    possession = (named(SELLER, "custodian"), named(BUYER, "possession"))
    assert not commit_note(signers=possession).is_joint
    with pytest.raises(NoteError, match="not joint"):
        commit_note(until=UNTIL, signers=possession)


def test_seen_0_goes_with_the_empty_root_only() -> None:
    assert commit_note(seen_size=0, seen_root=EMPTY_ROOT).seen_size == 0
    with pytest.raises(NoteError, match="empty root"):
        commit_note(seen_size=0)


def test_one_person_may_sign_with_an_old_and_a_new_key() -> None:
    old, new = (signer(SELLER.verifier.name, seed=seed) for seed in ("old", "new"))
    pair = tuple(
        sorted((named(old, "owner"), named(new, "possession")), key=lambda line: line.key_id)
    )
    note = commit_note(signers=pair)
    keys = {toy.verifier.key_id: toy.verifier.public for toy in (old, new)}
    signed(note, old, new).verify_signatures(lambda name, key_id: keys[key_id])


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "example.com/commit"},
        {"origin": f"{ORIGIN}/commit/x"},
        {"origin": f"{ORIGIN}/a/0192"},
        {"origin": "Example.com"},
        {"origin": ""},
        {"commit_id": "0" * 31},
        {"commit_id": "A" * 32},
        {"commit_id": "x/commit/" + "0" * 32},
        {"count": 0},
        {"count": -1},
        {"count": 10_001},
        {"count": 99_999},
        {"root": ROOT[1:]},
        {"root": b""},
        {"seen_size": -1},
        {"seen_size": 2**63},
        {"seen_root": ROOT + b"x"},
        {"until": "2026-08-01", "signers": JOINT.signers},
        {"until": "2026-02-30T00:00:00.000Z", "signers": JOINT.signers},
        {"until": "", "signers": JOINT.signers},
        {"client": "0.1.0"},
        {"client": "muniment/"},
        {"client": "muniment/" + "1" * 33},
        {"client": "muniment/0.1 beta"},
        {"client": "muniment/1\nsigner x 00000000 y"},
        {"signers": ()},
        {"signers": JOINT.signers[::-1]},
        {"signers": JOINT.signers[:1] * 2},
        {"signers": (SignerLine("x", bytes(4), "buyer"), SignerLine("x", bytes(4), "seller"))},
        {"signers": (SignerLine("", bytes(4), "buyer"),)},
        {"signers": (SignerLine("x y", bytes(4), "buyer"),)},
        {"signers": (SignerLine("x+y", bytes(4), "buyer"),)},
        {"signers": (SignerLine("甲", bytes(4), "buyer"),)},
        {"signers": (SignerLine("x", bytes(3), "buyer"),)},
        {"signers": (SignerLine("x", bytes(4), ""),)},
        {"signers": (SignerLine("x", bytes(4), "Buyer"),)},
        {"signers": (SignerLine("x", bytes(4), "b" * 33),)},
        {"signers": (SignerLine("x", bytes(4), "b\nsigner y 00000000 c"),)},
        {"signers": (SignerLine("x" * MAX_COMMIT_BYTES, bytes(4), "buyer"),)},
    ],
    ids=str,
)
def test_a_note_that_could_not_be_read_back_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(NoteError):
        commit_note(**changes)


def test_limits_of_a_commit_note() -> None:
    assert commit_note(count=1).count == 1
    assert commit_note(count=10_000).count == 10_000
    assert commit_note(seen_size=2**63 - 1).seen_size == 2**63 - 1
    with pytest.raises(NoteError, match="longer than 16384 bytes"):
        SignedCommit.parse(b"\xff" * (MAX_COMMIT_BYTES + 1))
    with pytest.raises(NoteError, match="longer than 16384 bytes"):
        CommitNote.parse(b"\xff" * (MAX_COMMIT_BYTES + 1))


def test_sixteen_kibibytes_bound_the_whole_signed_note() -> None:
    lines = tuple(SignerLine(f"{n:0120}", bytes(4), "c" * 32) for n in range(50))
    note = commit_note(signers=lines)
    assert len(note.text()) < MAX_COMMIT_BYTES
    claims = tuple(SignatureLine(line.name, line.key_id, bytes(64)) for line in lines)
    with pytest.raises(NoteError, match="longer than 16384 bytes"):
        SignedCommit(note, claims)


@pytest.mark.parametrize(
    ("old", "new", "named_part"),
    [
        (b"/commit/", b"/comm1t/", "origin line"),
        (b"\n3\n", b"\n 3\n", "count of events"),
        (b"\nseen ", b"\nSeen ", "seen line"),
        (b"seen 17", b"seen 017", "seen line"),
        (b"client ", b"agent ", "client line"),
        (b"signer ", b"signed ", "list of signers"),
        (b" seller\n", b" seller \n", "list of signers"),
        (b" buyer\n", b" buyer\n\n", "list of signers"),
    ],
)
def test_the_first_part_out_of_form_is_named(old: bytes, new: bytes, named_part: str) -> None:
    with pytest.raises(NoteError, match=f"commit note's {named_part}"):
        CommitNote.parse(JOINT.text().replace(old, new))


@pytest.mark.parametrize(
    "time",
    [
        "",
        "2026-07-29T09:30:00Z",
        "2026-07-29T09:30:00.1Z",
        "2026-07-29 09:30:00.125Z",
        "2026-07-29T09:30:00.125",
        "2026-07-29T09:30:00.125+00:00",
        "2026-07-29T09:30:60.000Z",
        "2026-07-29T24:00:00.000Z",
        "2026-02-29T00:00:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "2026-13-01T00:00:00.000Z",
        "٢٠٢٦-07-29T09:30:00.125Z",
        "2026-07-29T09:30:00.125Z\n",
    ],
)
def test_times_have_one_form(time: str) -> None:
    check_time(ACCEPTED)
    with pytest.raises(NoteError, match="moment"):
        check_time(time)
    with pytest.raises(NoteError):
        Entry(time, JOINT_SIGNED)


signer_lines = st.lists(
    st.builds(
        SignerLine,
        st.text("abcXYZ019./-_~!", min_size=1, max_size=20),
        st.binary(min_size=4, max_size=4),
        st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=32),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda line: (line.name, line.key_id),
).map(lambda lines: tuple(sorted(lines, key=lambda line: (line.name, line.key_id))))
notes = st.builds(
    commit_note,
    origin=st.sampled_from([ORIGIN, "b", "x.example/a1/commits"]),
    commit_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    count=st.integers(1, 10_000),
    root=st.binary(min_size=32, max_size=32),
    seen_size=st.integers(1, 2**63 - 1),
    seen_root=st.binary(min_size=32, max_size=32),
    client=st.text("09azAZ.+-", min_size=1, max_size=32).map("muniment/".__add__),
    signers=signer_lines,
)


@given(notes, st.binary(min_size=64, max_size=64))
def test_commits_and_entries_are_read_as_written(note: CommitNote, signature: bytes) -> None:
    assert CommitNote.parse(note.text()) == note
    lines = tuple(SignatureLine(s.name, s.key_id, signature) for s in note.signers)
    entry = Entry(ACCEPTED, SignedCommit(note, lines))
    assert Entry.parse(entry.format()) == entry


@given(st.data())
def test_what_the_parser_accepts_it_writes_back(data: st.DataObject) -> None:
    pieces = data.draw(st.permutations(JOINT.text().splitlines(keepends=True)))
    text = b"".join(pieces[: data.draw(st.integers(0, len(pieces)))])
    try:
        note = CommitNote.parse(text)
    except NoteError:
        return
    assert note.text() == text
