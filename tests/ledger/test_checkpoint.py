"""Checkpoints: who signed which head, when, and what does not count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NoteError
from ledger.tlog.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    OpenedCheckpoint,
    check_origin,
    cosign_checkpoint,
    cosignature_message,
    open_checkpoint,
    sign_checkpoint,
    subtree_message,
    verify_line,
)
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import COSIGNATURE, ED25519, MLDSA44, Note, SignatureLine, VerifierKey
from tests.ledger.signers import ToySigner, one_byte_changes, signer

ORIGIN = "example.com/ledger"
ROOT = bytes(range(32))
CHECKPOINT = Checkpoint(ORIGIN, 20852163, ROOT)
LOG = signer(ORIGIN)
LOG_MLDSA = signer(ORIGIN, MLDSA44)
BUYER = signer("buyer.example/cosigner", COSIGNATURE)
AUDITOR = signer("auditor.example/cosigner", MLDSA44)
TIME = 1679315147


def note_of(*lines: SignatureLine, checkpoint: Checkpoint = CHECKPOINT) -> bytes:
    return Note(checkpoint.format(), lines).format()


def keys_of(*signers: ToySigner) -> list[VerifierKey]:
    return [toy.verifier for toy in signers]


def names(opened: OpenedCheckpoint) -> tuple[list[str], list[tuple[str, int]]]:
    return (
        [key.name for key in opened.log_signatures],
        [(cosigner.verifier.name, cosigner.time) for cosigner in opened.cosignatures],
    )


LOG_LINE = sign_checkpoint(CHECKPOINT, LOG)
BUYER_LINE = cosign_checkpoint(CHECKPOINT, BUYER, TIME)
AUDITOR_LINE = cosign_checkpoint(CHECKPOINT, AUDITOR, TIME + 1)


def test_log_witness_and_auditor_are_told_apart() -> None:
    own = cosign_checkpoint(CHECKPOINT, LOG_MLDSA, TIME)
    data = note_of(LOG_LINE, own, BUYER_LINE, AUDITOR_LINE)
    opened = open_checkpoint(data, keys_of(LOG, LOG_MLDSA, BUYER, AUDITOR))
    assert opened.checkpoint == CHECKPOINT
    assert opened.note.format() == data
    assert [key.type for key in opened.log_signatures] == [ED25519, MLDSA44]
    assert names(opened) == (
        [ORIGIN, ORIGIN],
        [("buyer.example/cosigner", TIME), ("auditor.example/cosigner", TIME + 1)],
    )


def test_the_published_cosignature_example_has_the_published_message() -> None:
    text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert checkpoint.format() == text
    message = b"cosignature/v1\ntime 1679315147\n" + text
    assert cosignature_message(checkpoint, 1679315147) == message


def test_the_mldsa_message_is_laid_out_as_published() -> None:
    assert subtree_message("w.example", 5, "o.example", 0, 9, ROOT) == (
        b"subtree/v1\n\x00"
        b"\x09w.example"
        b"\x00\x00\x00\x00\x00\x00\x00\x05"
        b"\x09o.example"
        b"\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\x00\x09" + ROOT
    )


@pytest.mark.parametrize(
    ("cosigner", "time", "origin", "start", "end", "root"),
    [
        ("", 0, "o", 0, 1, ROOT),
        ("w" * 256, 0, "o", 0, 1, ROOT),
        ("w", 0, "", 0, 1, ROOT),
        ("w", 0, "o" * 256, 0, 1, ROOT),
        ("w", -1, "o", 0, 1, ROOT),
        ("w", 2**63, "o", 0, 1, ROOT),
        ("w", 1, "o", 4, 8, ROOT),
        ("w", 0, "o", 8, 4, ROOT),
        ("w", 0, "o", 0, 2**63, ROOT),
        ("w", 0, "o", 0, 1, ROOT[1:]),
    ],
)
def test_a_subtree_message_has_limits(
    cosigner: str, time: int, origin: str, start: int, end: int, root: bytes
) -> None:
    with pytest.raises(NoteError):
        subtree_message(cosigner, time, origin, start, end, root)


def test_every_one_byte_change_is_refused_or_makes_one_line_unknown() -> None:
    data = note_of(LOG_LINE, BUYER_LINE, AUDITOR_LINE)
    keys = keys_of(LOG, BUYER, AUDITOR)
    dense = len(CHECKPOINT.format()) + 300  # beyond lies one long ML-DSA signature
    changes = list(one_byte_changes(data[:dense]))
    changed_notes = [change + data[dense:] for change in changes]
    changed_notes += [data[:dense] + change for change in one_byte_changes(data[dense:], step=97)]
    for changed in changed_notes:
        if changed == data:
            continue
        try:
            opened = open_checkpoint(changed, keys)
        except NoteError:
            continue
        assert opened.checkpoint == CHECKPOINT
        assert len(opened.log_signatures) + len(opened.cosignatures) == 2
        assert opened.note.format() == changed


def test_unknown_lines_are_kept_and_do_not_count() -> None:
    stranger = cosign_checkpoint(CHECKPOINT, signer("stranger.example", COSIGNATURE), TIME)
    data = note_of(stranger, LOG_LINE)
    opened = open_checkpoint(data, keys_of(LOG, BUYER))
    assert names(opened) == ([ORIGIN], [])
    assert opened.note.signatures[0] == stranger


def test_a_failing_known_cosigner_spoils_the_whole_note() -> None:
    earlier = Checkpoint(ORIGIN, 1, ROOT)
    stale = cosign_checkpoint(earlier, BUYER, TIME)
    with pytest.raises(NoteError, match=r"signature of buyer\.example/cosigner fails"):
        open_checkpoint(note_of(LOG_LINE, stale), keys_of(LOG, BUYER))
    assert names(open_checkpoint(note_of(LOG_LINE, stale), keys_of(LOG))) == ([ORIGIN], [])


def test_a_changed_time_spoils_the_cosignature() -> None:
    for line, toy in ((BUYER_LINE, BUYER), (AUDITOR_LINE, AUDITOR)):
        later = (TIME + 9).to_bytes(8, "big") + line.signature[8:]
        moved = SignatureLine(line.name, line.key_id, later)
        with pytest.raises(NoteError, match="fails"):
            open_checkpoint(note_of(LOG_LINE, moved), keys_of(LOG, toy))


@pytest.mark.parametrize("size", [0, 8, 71, 73])
def test_a_cosignature_of_another_length_is_refused(size: int) -> None:
    line = SignatureLine(BUYER_LINE.name, BUYER_LINE.key_id, bytes(size) or b"x")
    with pytest.raises(NoteError):
        verify_line(CHECKPOINT, BUYER.verifier, line)


def test_a_time_beyond_the_limit_is_refused() -> None:
    line = SignatureLine(BUYER_LINE.name, BUYER_LINE.key_id, b"\xff" * 72)
    with pytest.raises(NoteError, match="time is not between"):
        verify_line(CHECKPOINT, BUYER.verifier, line)
    with pytest.raises(NoteError, match="time is not between"):
        cosign_checkpoint(CHECKPOINT, BUYER, 2**63)


def test_a_line_is_checked_only_against_its_own_key() -> None:
    with pytest.raises(NoteError, match="another key"):
        verify_line(CHECKPOINT, LOG.verifier, BUYER_LINE)
    assert verify_line(CHECKPOINT, LOG.verifier, LOG_LINE) is None
    assert verify_line(CHECKPOINT, BUYER.verifier, BUYER_LINE) == TIME


def test_cosigners_alone_make_no_checkpoint() -> None:
    with pytest.raises(NoteError, match="no signature by a known key of its log"):
        open_checkpoint(note_of(BUYER_LINE), keys_of(LOG, BUYER))


def test_one_public_key_under_two_names_counts_once() -> None:
    one, two = (signer(f"{n}.example", COSIGNATURE, seed="shared") for n in ("one", "two"))
    lines = [cosign_checkpoint(CHECKPOINT, toy, TIME) for toy in (one, two)]
    opened = open_checkpoint(note_of(LOG_LINE, *lines), keys_of(LOG, one, two))
    assert names(opened) == ([ORIGIN], [("one.example", TIME)])


def test_the_logs_own_key_is_no_witness_of_itself() -> None:
    double = signer("independent.example", COSIGNATURE, seed=ORIGIN)
    assert double.verifier.public == LOG.verifier.public
    line = cosign_checkpoint(CHECKPOINT, double, TIME)
    opened = open_checkpoint(note_of(line, LOG_LINE), keys_of(LOG, double))
    assert names(opened) == ([ORIGIN], [])


def test_another_logs_key_does_not_sign_for_this_one() -> None:
    """A policy may list several logs; each speaks for its own origin only."""
    other = signer("other.example/ledger")
    line = SignatureLine(
        other.verifier.name, other.verifier.key_id, other.sign(CHECKPOINT.format())
    )
    with pytest.raises(NoteError, match="no signature by a known key of its log"):
        open_checkpoint(note_of(line), keys_of(LOG, other))


def test_a_log_that_signs_under_another_name_needs_its_origin_given() -> None:
    gosum = Checkpoint("go.sum database tree", 3, ROOT)
    toy = signer("sum.golang.org")
    line = SignatureLine("sum.golang.org", toy.verifier.key_id, toy.sign(gosum.format()))
    data = note_of(line, checkpoint=gosum)
    with pytest.raises(NoteError, match="no signature by a known key of its log"):
        open_checkpoint(data, keys_of(toy))
    opened = open_checkpoint(data, keys_of(toy), origin="go.sum database tree")
    assert names(opened) == (["sum.golang.org"], [])
    with pytest.raises(NoteError, match="another origin"):
        open_checkpoint(data, keys_of(toy), origin=ORIGIN)


def test_a_log_key_signs_only_under_its_own_origin() -> None:
    for checkpoint in (Checkpoint("other.example", 3, ROOT), Checkpoint("a b", 3, ROOT)):
        with pytest.raises(NoteError):
            sign_checkpoint(checkpoint, LOG)
    with pytest.raises(NoteError, match="Ed25519 key named as its origin"):
        sign_checkpoint(CHECKPOINT, signer(ORIGIN, COSIGNATURE))
    with pytest.raises(NoteError, match="type 04 or 06"):
        cosign_checkpoint(CHECKPOINT, LOG, TIME)


@pytest.mark.parametrize(
    "origin", ["example.com", "example.com/ledger", "a.example/x_1/y-2.z", "b", "127.0.0.1/ab"]
)
def test_origins_that_a_ledger_may_have(origin: str) -> None:
    check_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "Example.com",
        "example.com/",
        "/ledger",
        "example.com//x",
        "https://example.com",
        "example_x.com",
        "example.com/a b",
        "example.com/账",
        "example.com\n",
        "example.com/commit",
        "example.com/commit/x",
        "commit",
        "example.com/a/0192",
        "a/ledger",
        "e" * 256,
    ],
)
def test_origins_that_a_ledger_may_not_have(origin: str) -> None:
    with pytest.raises(NoteError):
        check_origin(origin)


@pytest.mark.parametrize("origin", ["go.sum database tree", "example.com/commit/x", "日志", "A+B"])
def test_other_peoples_origins_are_read(origin: str) -> None:
    checkpoint = Checkpoint(origin, 1, ROOT)
    assert Checkpoint.parse(checkpoint.format()) == checkpoint


GOOD = Checkpoint("example.com", 7, ROOT).format()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n\n\n",
        GOOD[:-1],
        GOOD + b"\n",
        GOOD + b"extension\n",
        GOOD.replace(b"\n7\n", b"\n07\n"),
        GOOD.replace(b"\n7\n", b"\n+7\n"),
        GOOD.replace(b"\n7\n", b"\n-7\n"),
        GOOD.replace(b"\n7\n", b"\n7 \n"),
        GOOD.replace(b"\n7\n", b"\n\n"),
        GOOD.replace(b"\n7\n", b"\n7_0\n"),
        GOOD.replace(b"\n7\n", "\n٧\n".encode()),
        GOOD.replace(b"\n7\n", b"\n9223372036854775808\n"),
        GOOD.replace(b"\n7\n", b"\n" + b"9" * 5000 + b"\n"),
        GOOD.replace(b"\n7\n", b"\n0\n"),
        GOOD.replace(b"example.com", b""),
        GOOD.replace(b"example.com", b"exam\tple.com"),
        GOOD.replace(b"example.com", b"exam\xffple.com"),
        GOOD.replace(b"Hh8=", b"Hh9="),
        GOOD.replace(b"Hh8=", b"Hh8"),
        GOOD.replace(b"Hh8=", b"Hg=="),
        GOOD.replace(b"\n", b"\r\n"),
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: bytes) -> None:
    assert Checkpoint.parse(GOOD).size == 7
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_size_0_goes_with_the_empty_root_only() -> None:
    assert Checkpoint.parse(Checkpoint("example.com", 0, EMPTY_ROOT).format()).size == 0
    with pytest.raises(NoteError, match="empty root"):
        Checkpoint("example.com", 0, ROOT)


def test_what_could_not_be_read_back_cannot_be_constructed() -> None:
    for origin, size, root in (
        ("a\nb", 1, ROOT),
        ("", 1, ROOT),
        ("\udc80", 1, ROOT),
        ("a", -1, ROOT),
        ("a", MAX_SIZE + 1, ROOT),
        ("a", 1, ROOT[1:]),
    ):
        with pytest.raises(NoteError):
            Checkpoint(origin, size, root)


def test_a_cosignature_message_is_never_a_checkpoint() -> None:
    """Else the 0x04 signature of a witness could be shown as an 0x01 signature of a log."""
    with pytest.raises(NoteError):
        Checkpoint.parse(cosignature_message(CHECKPOINT, TIME))
    assert not CHECKPOINT.format().startswith(b"cosignature/v1\ntime ")


@given(
    st.text(st.characters(codec="utf-8", min_codepoint=0x20), min_size=1),
    st.integers(1, MAX_SIZE),
    st.binary(min_size=32, max_size=32),
)
def test_checkpoints_are_read_as_written(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert Checkpoint.parse(checkpoint.format()) == checkpoint


@given(st.lists(st.sampled_from([*GOOD.splitlines(), b"0", b"01", b"x", b""]), max_size=5))
def test_what_the_parser_accepts_it_writes_back(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    try:
        checkpoint = Checkpoint.parse(text)
    except NoteError:
        return
    assert checkpoint.format() == text
