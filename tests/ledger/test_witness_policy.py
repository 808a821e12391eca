"""Trust policies: who must have cosigned, counted in one way only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NoteError
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint, sign_checkpoint
from ledger.tlog.note import COSIGNATURE, ED25519, MLDSA44, Note
from ledger.tlog.witness_policy import (
    MAX_DEFINITIONS,
    MAX_POLICY_BYTES,
    Group,
    Log,
    Quorum,
    QuorumReport,
    Witness,
    WitnessPolicy,
)
from tests.ledger.signers import one_byte_changes, signer

ORIGIN = "example.com/ledger"
WITNESSES = [f"{letter}{number}" for letter in "XY" for number in (1, 2, 3)]


def key(name: str, signature_type: int = COSIGNATURE) -> str:
    return signer(name, signature_type).verifier.format()


def cosigner(name: str) -> str:
    return f"{name.lower()}.example/cosigner"


LOG_LINE = f"log {key(ORIGIN, ED25519)} https://example.com/ledger/\n"
WITNESS_LINES = "".join(f"witness {name} {key(cosigner(name))}\n" for name in WITNESSES)
EXAMPLE = (
    LOG_LINE
    + WITNESS_LINES
    + "group X-witnesses 2 X1 X2 X3\n"
    + "group Y-witnesses any Y1 Y2 Y3\n"
    + "group X-and-Y all X-witnesses Y-witnesses\n"
    + "quorum X-and-Y\n"
)


def parse(text: str) -> WitnessPolicy:
    policy = WitnessPolicy.parse(text.encode())
    assert policy.format() == text.encode()
    return policy


@pytest.mark.parametrize(
    ("cosigned", "met"),
    [
        ({"X1", "X3", "Y2"}, True),
        (set(WITNESSES), True),
        ({"X1", "Y1", "Y2", "Y3"}, False),
        ({"X1", "X2", "X3"}, False),
        (set(), False),
        ({"X-and-Y"}, False),
        ({"X-witnesses", "Y-witnesses"}, False),
        ({"stranger", "X1", "Y1"}, False),
    ],
)
def test_the_published_example_is_judged_as_published(cosigned: set[str], *, met: bool) -> None:
    assert parse(EXAMPLE).satisfied(cosigned).met is met


def test_the_report_says_what_was_counted() -> None:
    policy = parse(EXAMPLE)
    assert policy.satisfied({"X1", "X2"}) == QuorumReport(
        met=False, reason="X-and-Y: 1 of 2 needed: X-witnesses"
    )
    assert policy.satisfied(set()).reason == "X-and-Y: 0 of 2 needed: nobody"


def test_one_witness_can_be_the_quorum() -> None:
    policy = parse(WITNESS_LINES + "quorum X1\n")
    assert policy.satisfied({"X1"}) == QuorumReport(met=True, reason="X1: cosigned")
    assert policy.satisfied({"X2"}) == QuorumReport(met=False, reason="X1: has not cosigned")


def test_quorum_none_needs_nobody() -> None:
    assert parse("quorum none\n").satisfied(set()).met


def test_a_checkpoint_is_opened_under_a_policy() -> None:
    policy = parse(EXAMPLE)
    checkpoint = Checkpoint(ORIGIN, 9, bytes(range(32)))

    def data(*names: str) -> bytes:
        cosigners = [signer(cosigner(name), COSIGNATURE) for name in names]
        lines = [cosign_checkpoint(checkpoint, toy, 1) for toy in cosigners]
        lines.insert(0, sign_checkpoint(checkpoint, signer(ORIGIN)))
        return Note(checkpoint.format(), tuple(lines)).format()

    opened, report = policy.open_checkpoint(data("Y3", "X2", "X1", "Z9"))
    assert opened.checkpoint == checkpoint
    assert report.met
    assert not policy.open_checkpoint(data("X1", "X1", "Y1"))[1].met
    unlisted = WitnessPolicy.parse(WITNESS_LINES.encode() + b"quorum none\n")
    with pytest.raises(NoteError, match="no signature by a known key of its log"):
        unlisted.open_checkpoint(data("X1"))


def test_a_witness_named_as_the_origin_is_not_the_log() -> None:
    checkpoint = Checkpoint(ORIGIN, 9, bytes(range(32)))
    posing = signer(ORIGIN, COSIGNATURE)
    policy = parse(f"witness w {posing.verifier.format()}\nquorum none\n")
    note = Note(checkpoint.format(), (cosign_checkpoint(checkpoint, posing, 1),))
    with pytest.raises(NoteError, match="not signed by a log of the policy"):
        policy.open_checkpoint(note.format())


def test_anybodys_policy_is_read_and_written_in_one_form() -> None:
    loose = (
        b"# who watches us\n\n \t\n"
        b"\twitness  X1\t " + key(cosigner("X1")).encode() + b"  https://x/ \n"
        b"  # \xff bytes that are no UTF-8\n"
        b"group g  any X1\n"
        b"quorum g\n"
    )
    policy = WitnessPolicy.read(loose)
    canonical = f"witness X1 {key(cosigner('X1'))} https://x/\ngroup g any X1\nquorum g\n"
    assert policy.format() == canonical.encode()
    assert policy == parse(canonical)
    with pytest.raises(NoteError, match="not in canonical form"):
        WitnessPolicy.parse(loose)


def test_names_are_bytes_not_letters() -> None:
    """A Kelvin sign is not a K, and what is no UTF-8 is still a name."""
    line = key(cosigner("X1")).encode()
    for name in ("\u212a".encode(), b"\xff\xfe"):
        data = b"witness " + name + b" " + line + b"\nquorum " + name + b"\n"
        assert WitnessPolicy.parse(data).format() == data
        with pytest.raises(NoteError, match="not defined before"):
            WitnessPolicy.parse(data.replace(b"quorum " + name, b"quorum K"))


def test_every_one_byte_change_is_refused_or_reads_as_written() -> None:
    """Only an URL, a word that defines a name or a threshold can change into another good one."""
    data = EXAMPLE.encode()
    original = WitnessPolicy.parse(data)
    for changed in one_byte_changes(data):
        try:
            policy = WitnessPolicy.parse(changed)
        except NoteError:
            continue
        assert policy.format() == changed
        assert policy != original
        assert [k.public for k in policy.logs] == [k.public for k in original.logs]
        assert list(policy.witnesses.values()) == list(original.witnesses.values())


X1, X2 = (f"witness {name} {key(cosigner(name))}\n" for name in ("X1", "X2"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        X1,
        "quorum none",
        "quorum none\nquorum none\n",
        "quorum\n",
        "quorum none none\n",
        "quorum X1\n" + X1,
        "quorum X9\n",
        "Quorum none\n",
        X1 + X1 + "quorum none\n",
        X1 + f"witness X1 {key(cosigner('X2'))}\nquorum none\n",
        X1 + f"witness other {key(cosigner('X1'))}\nquorum none\n",
        X1 + "group X1 any X1\nquorum X1\n",
        f"witness none {key(cosigner('X1'))}\nquorum none\n",
        X1 + "group none any X1\nquorum none\n",
        X1 + "group g any none\nquorum g\n",
        X1 + "group g any X2\n" + X2 + "quorum g\n",
        X1 + "group g any g\nquorum g\n",
        X1 + "group g any\nquorum g\n",
        X1 + "group g any X1 X1\nquorum g\n",
        X1 + "group g any X1\ngroup h any X1\nquorum g\n",
        X1 + X2 + "group g 0 X1 X2\nquorum g\n",
        X1 + X2 + "group g 3 X1 X2\nquorum g\n",
        X1 + X2 + "group g 01 X1 X2\nquorum g\n",
        X1 + X2 + "group g some X1 X2\nquorum g\n",
        f"log {key(ORIGIN)}\nquorum none\n",
        f"log {key(ORIGIN, ED25519)} url url\nquorum none\n",
        f"log {key(ORIGIN, ED25519)[:-1]}\nquorum none\n",
        f"log\nquorum none\n{LOG_LINE}",
        f"witness w {key('w.example', ED25519)}\nquorum w\n",
        f"witness w {key('w.example')} url url\nquorum w\n",
        "witness w\nquorum none\n",
        "oracle w\nquorum none\n",
        "quorum none\n\x7f\n",
        "quorum none\r\n",
        "quorum none\x00\n",
        "# comment\nquorum none\n",
        "quorum  none\n",
        "quorum\tnone\n",
        " quorum none\n",
        "quorum none \n",
        "\nquorum none\n",
    ],
)
def test_what_is_not_a_canonical_policy_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        WitnessPolicy.parse(text.encode())


def test_the_log_and_a_witness_do_not_share_a_public_key() -> None:
    same = signer("w.example", COSIGNATURE, seed=ORIGIN).verifier.format()
    with pytest.raises(NoteError, match="stands in the policy twice"):
        parse(f"{LOG_LINE}witness w {same}\nquorum w\n")


def test_hundreds_of_definitions_and_no_more_than_the_limit() -> None:
    logs = tuple(Log(signer(f"log{n}.example", MLDSA44).verifier) for n in range(32))
    witnesses = tuple(
        Witness(f"w{n}", signer(f"w{n}.example", MLDSA44).verifier) for n in range(32)
    )
    groups = [Group("g0", "any", ("w0",))]
    groups += [Group(f"g{n}", "all", (f"g{n - 1}", f"w{n}")) for n in range(1, 32)]
    policy = WitnessPolicy((*logs, *witnesses, *groups, Quorum("g31")))
    assert WitnessPolicy.parse(policy.format()) == policy
    everyone = {f"w{n}" for n in range(32)}
    assert policy.satisfied(everyone).met
    assert not policy.satisfied(everyone - {"w7"}).met
    with pytest.raises(NoteError, match="at most 1000 definitions"):
        WitnessPolicy((Quorum("none"),) * (MAX_DEFINITIONS + 1))
    with pytest.raises(NoteError, match="longer than"):
        WitnessPolicy.read(b" " * MAX_POLICY_BYTES + b"\n")


@pytest.mark.parametrize(
    "definition", [Quorum("a b"), Quorum(""), Quorum("none\n"), Quorum("no\tne"), Quorum("none#\n")]
)
def test_what_could_not_be_read_back_cannot_be_constructed(definition: Quorum) -> None:
    with pytest.raises(NoteError):
        WitnessPolicy((definition,))


words = st.text(
    st.characters(codec="utf-8", min_codepoint=0x21, exclude_characters="\x7f"), min_size=1
).filter(lambda word: word != "none")


@given(st.lists(words, min_size=4, max_size=4, unique=True), st.integers(1, 3))
def test_policies_are_read_as_written(words: list[str], threshold: int) -> None:
    group, *names = words
    keys = [signer(cosigner(name), COSIGNATURE).verifier for name in WITNESSES]
    witnesses = [Witness(name, key) for name, key in zip(names, keys[:3], strict=True)]
    members = Group(group, str(threshold), tuple(names))
    policy = WitnessPolicy((*witnesses, members, Quorum(group)))
    assert WitnessPolicy.parse(policy.format()) == policy


pieces = st.sampled_from([*EXAMPLE.splitlines(keepends=True), "quorum none\n", " ", "#", "\n"])


@given(st.lists(pieces, max_size=12))
def test_what_is_read_is_read_again_as_the_same(parts: list[str]) -> None:
    data = "".join(parts).encode()
    try:
        policy = WitnessPolicy.read(data)
    except NoteError:
        return
    assert WitnessPolicy.parse(policy.format()) == policy
