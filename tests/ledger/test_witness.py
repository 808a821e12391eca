"""A witness cosigns one history only: whatever is asked, in whatever order, however often."""

from __future__ import annotations

import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from ledger.errors import (
    NoteError,
    UsageError,
)
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, verify_line
from ledger.tlog.fork import Fork, read_head
from ledger.tlog.note import COSIGNATURE, Note, SignatureLine, VerifierKey, encode_base64
from ledger.witness import Answer, Request, Witness
from ledger.witness_state import MOST_KEPT, name_of
from tests.ledger.signers import one_byte_changes, signer
from tests.ledger.witnesses import (
    NAME,
    Clock,
    Log,
    clock_fixture,  # noqa: F401  fixtures are found by their names
    log_fixture,  # noqa: F401
    make_witness,
    opened,
    signed_text,
    witness_fixture,  # noqa: F401
)


def time_of(witness: Witness, log: Log, size: int, answer: Answer) -> int:
    """The time in a cosignature, verified."""
    line = SignatureLine.parse(answer.lines.decode().removesuffix("\n"))
    found = verify_line(log.head(size), witness.folder.key, line)
    assert found is not None
    return found


# -- what is cosigned ---------------------------------------------------------------------------


def test_a_first_checkpoint_is_cosigned_and_kept_with_the_logs_signature(
    witness: Witness, log: Log, clock: Clock
) -> None:
    answer = witness.answer(log.request(0))
    assert answer.status == 200
    assert time_of(witness, log, 5, answer) == int(clock.now)
    last = witness.folder.last(log.origin)
    assert last is not None
    kept = open_checkpoint(last.note, [log.vkey, witness.folder.key])
    assert (kept.log_signatures, [c.verifier for c in kept.cosignatures]) == (
        (log.vkey,), [witness.folder.key],
    )  # fmt: skip


def test_every_growth_is_cosigned(witness: Witness) -> None:
    log = Log("grows.example/log")
    witness.folder.trust(log.vkey)
    for size in range(40):
        assert witness.answer(log.request(max(size - 1, 0))).status == 200
        log.add()


def test_the_same_checkpoint_is_cosigned_again_with_a_newer_time(
    witness: Witness, log: Log, clock: Clock
) -> None:
    first = witness.answer(log.request(0))
    clock.now += 60
    again = witness.answer(log.request(5))
    assert time_of(witness, log, 5, again) == time_of(witness, log, 5, first) + 60


def test_a_clock_that_goes_back_takes_no_time_back(
    witness: Witness, log: Log, clock: Clock
) -> None:
    first = time_of(witness, log, 5, witness.answer(log.request(0)))
    clock.now -= 86_400
    assert time_of(witness, log, 5, witness.answer(log.request(5))) == first
    log.add(3)
    assert time_of(witness, log, 8, witness.answer(log.request(5))) == first
    restarted = opened(witness.folder.path, clock)
    assert time_of(witness, log, 8, restarted.answer(log.request(8))) == first


def test_an_empty_log_is_cosigned_and_grows(witness: Witness) -> None:
    log = Log("empty.example/log")
    witness.folder.trust(log.vkey)
    assert witness.answer(log.request(0)).status == 200
    assert witness.answer(log.request(0)).status == 200
    log.add(7)
    assert witness.answer(log.request(0)).status == 200


def test_lines_of_others_are_ignored_and_not_kept(witness: Witness, log: Log) -> None:
    stranger = signer("stranger.example/log")
    head = log.head()
    note = Note.parse(log.note())
    line = SignatureLine(stranger.verifier.name, stranger.verifier.key_id, bytes(64))
    more = Note(head.format(), (line, *note.signatures, line)).format()
    assert witness.answer(Request(0, (), more).format()).status == 200
    last = witness.folder.last(log.origin)
    assert last is not None
    assert b"stranger" not in last.note


def test_a_log_with_two_keys_is_believed_under_either(witness: Witness, log: Log) -> None:
    newer = signer(log.origin, seed="newer key")
    with pytest.raises(UsageError, match="another key of this log"):
        witness.folder.trust(newer.verifier)
    witness.folder.trust(newer.verifier, rotated=True)
    assert witness.answer(log.request(0)).status == 200
    log.add()
    note = signed_text(newer, log.head().format())
    assert witness.answer(Request(5, log.proof(5), note).format()).status == 200


# -- what is not --------------------------------------------------------------------------------


def test_a_checkpoint_of_the_same_size_and_another_root_is_evidence(
    witness: Witness, log: Log
) -> None:
    assert witness.answer(log.request(0)).status == 200
    other = log.fork(4, 1)
    answer = witness.answer(other.request(5))
    assert (answer.status, answer.lines) == (422, b"")
    (path,) = witness.folder.kept(log.origin, "forks")
    first, second = Fork.parse(path.read_bytes()).check([log.vkey])
    assert {first, second} == {log.head(), other.head()}
    assert len(witness.folder.kept(log.origin, "refused")) == 1


def test_the_same_size_and_another_root_is_evidence_whatever_old_size_is_claimed(
    witness: Witness, log: Log
) -> None:
    assert witness.answer(log.request(0)).status == 200
    assert witness.answer(log.fork(2, 3).request(0)).status == 422
    assert len(witness.folder.kept(log.origin, "forks")) == 1


def test_a_forks_own_proof_convicts_it_at_another_size(witness: Witness, log: Log) -> None:
    assert witness.answer(log.request(0)).status == 200
    other = log.fork(3, 9)
    answer = witness.answer(other.request(5))
    assert (answer.status, bool(answer.fork)) == (422, True)
    (path,) = witness.folder.kept(log.origin, "forks")
    assert path.name == answer.fork
    heads = Fork.parse(path.read_bytes()).check([log.vkey])
    assert [head.size for head in heads] == [5, 12]


def test_where_the_proof_begins_at_our_own_root_the_fork_is_kept_and_not_yet_proved(
    witness: Witness,
) -> None:
    """Of a power of two the proof leaves out what would show the other history."""
    log = Log("power.example/log", 4)
    witness.folder.trust(log.vkey)
    assert witness.answer(log.request(0)).status == 200
    other = log.fork(2, 6)
    answer = witness.answer(other.request(4))
    assert (answer.status, answer.fork) == (422, None)
    (refused,) = witness.folder.kept(log.origin, "refused")
    assert read_head(refused.read_bytes()) == other.head()
    last = witness.folder.last(log.origin)
    assert last is not None
    fork = Fork.between(last.note, refused.read_bytes(), other.head(4).root, other.proof(4))
    assert [head.size for head in fork.check([log.vkey])] == [4, 8]


def test_a_proof_of_nonsense_is_no_evidence(witness: Witness, log: Log) -> None:
    assert witness.answer(log.request(0)).status == 200
    log.add(4)
    wrong = Request(5, tuple(bytes([n]) * 32 for n in range(len(log.proof(5)))), log.note())
    answer = witness.answer(wrong.format())
    assert (answer.status, answer.fork) == (422, None)
    assert witness.folder.kept(log.origin, "forks") == []
    assert witness.answer(log.request(5)).status == 200


def test_what_is_refused_is_kept_once_and_not_without_limit(witness: Witness, log: Log) -> None:
    assert witness.answer(log.request(0)).status == 200
    for number in range(MOST_KEPT + 5):
        other = log.fork(4, 1, b"other %d" % (number // 2))
        assert witness.answer(other.request(5)).status == 422
    assert len(witness.folder.kept(log.origin, "forks")) == (MOST_KEPT + 5 + 1) // 2
    for number in range(2 * MOST_KEPT):
        assert witness.answer(log.fork(4, 1, b"more %d" % number).request(5)).status == 422
    assert len(witness.folder.kept(log.origin, "refused")) == MOST_KEPT
    assert len(witness.folder.kept(log.origin, "forks")) == MOST_KEPT


def test_an_older_checkpoint_is_not_cosigned_again(witness: Witness, log: Log) -> None:
    assert witness.answer(log.request(0)).status == 200
    answer = witness.answer(log.request(0, 3))
    assert (answer.status, answer.last) == (409, 5)
    assert witness.answer(log.request(3, 3)).status == 409


def test_every_changed_byte_of_a_request_is_refused_and_changes_nothing(
    witness: Witness, log: Log
) -> None:
    assert witness.answer(log.request(0)).status == 200
    before = witness.folder.last(log.origin)
    log.add(4)
    good = log.request(5)
    for changed in one_byte_changes(good):
        answer = witness.answer(changed)
        assert answer.status in (400, 403, 404, 409, 422), changed
        assert witness.folder.last(log.origin) == before
    assert witness.answer(good).status == 200


def hostile(log: Log) -> dict[str, tuple[bytes, int]]:
    """Requests by the name of the attack, with the status that each deserves."""
    note, text = log.note(), log.head().format()
    line = note.partition(b"\n\n")[2]
    hashes = encode_base64(bytes(32)).encode() + b"\n"
    other, stranger = Log("other.example/log", 5), signer("stranger.example/log")
    three = f"{log.origin}/commit/{'0' * 32}\n1\n{encode_base64(bytes(32))}\n"
    commit = f"{three}seen 0 {'A' * 43}=\n"
    zero = f"{log.origin}\n0\n{encode_base64(bytes(32))}\n".encode()
    wrong = SignatureLine(log.vkey.name, log.vkey.key_id, bytes(64)).format().encode()
    short = SignatureLine(log.vkey.name, log.vkey.key_id, log.key.sign(text)[:63])
    return {
        "nothing": (b"", 400),
        "no empty line": (b"old 0\n" + note.replace(b"\n\n", b"\n"), 400),
        "no old size": (b"\n" + note, 400),
        "a size with leading zeros": (b"old 00\n\n" + note, 400),
        "a size with a sign": (b"old +0\n\n" + note, 400),
        "a negative size": (b"old -1\n\n" + note, 400),
        "a size beyond 2**63": (b"old 9223372036854775808\n\n" + note, 400),
        "a size with a space behind": (b"old 0 \n\n" + note, 400),
        "CRLF": ((b"old 0\n\n" + note).replace(b"\n", b"\r\n"), 400),
        "CRLF in the first part only": (b"old 0\r\n\r\n" + note, 400),
        "64 proof lines": (b"old 0\n" + hashes * 64 + b"\n" + note, 400),
        "63 proof lines": (b"old 0\n" + hashes * 63 + b"\n" + note, 422),
        "a hash of 31 bytes": (b"old 0\n" + encode_base64(bytes(31)).encode() + b"\n\n" + note,
                               400),
        "base64 with stray bits": (b"old 0\n" + b"A" * 42 + b"B=\n\n" + note, 400),
        "base64 without padding": (b"old 0\n" + b"A" * 43 + b"\n\n" + note, 400),
        "an old size above the checkpoint's": (b"old 6\n\n" + note, 400),
        "not UTF-8": (b"old 0\n\n" + note.replace(b"example", b"ex\xffmple"), 400),
        "a NUL": (b"old 0\n\n" + note.replace(b"example", b"ex\0mple"), 400),
        "no signature": (b"old 0\n\n" + text, 400),
        "an extension line": (b"old 0\n\n" + signed_text(log.key, text + b"more\n"), 400),
        "a commit note": (b"old 0\n\n" + signed_text(log.key, commit.encode()), 400),
        "a checkpoint of an origin with /commit/": (
            b"old 0\n\n" + signed_text(signer(three.partition("\n")[0]), three.encode()), 404,
        ),
        "an unknown origin": (other.request(0), 404),
        "signed by a stranger": (b"old 0\n\n" + signed_text(stranger, text), 403),
        "signed by nobody": (b"old 0\n\n" + text + b"\n" + wrong, 403),
        "one good and one bad signature of the log": (b"old 0\n\n" + note + wrong, 403),
        "another text under the signature": (
            b"old 0\n\n" + log.head(4).format() + b"\n" + line, 403),
        "a signature cut short": (b"old 0\n\n" + Note(text, (short,)).format(), 403),
        "size 0 with a root that is not the empty one": (
            b"old 0\n\n" + signed_text(log.key, zero), 422),
        "a proof from nothing": (b"old 0\n" + hashes + b"\n" + note, 422),
        "101 signatures": (b"old 0\n\n" + text + b"\n" + line * 101, 400),
        "a name with a plus": (b"old 0\n\n" + note.replace(b"\xe2\x80\x94 ex", b"\xe2\x80\x94 e+"),
                               400),
        "more than 64 KiB": (b"old 0\n" + hashes * 2000 + b"\n" + note, 400),
    }  # fmt: skip


@pytest.mark.parametrize("attack", hostile(Log(size=5)))
def test_attack_refused_with_its_status_and_nothing_is_signed(
    attack: str, witness: Witness, log: Log
) -> None:
    body, status = hostile(log)[attack]
    answer = witness.answer(body)
    assert (answer.status, answer.lines) == (status, b"")
    assert witness.folder.last(log.origin) is None


def test_a_key_of_small_order_an_actors_and_our_own_are_no_logs(witness: Witness) -> None:
    with pytest.raises(NoteError, match="small order"):
        VerifierKey.of("example.com/small", 1, bytes(32))
    for name in ("example.com/a/actor-1", "example.com/commit/x"):
        with pytest.raises(UsageError, match="not the key of a log"):
            witness.folder.trust(signer(name).verifier)
    with pytest.raises(UsageError, match="not the key of a log"):
        witness.folder.trust(signer("example.com/log", COSIGNATURE).verifier)
    own = VerifierKey.of("example.com/log-2", 1, witness.folder.key.public)
    with pytest.raises(UsageError, match="own key"):
        witness.folder.trust(own)
    with pytest.raises(UsageError, match="own key"):
        witness.folder.trust(signer(NAME).verifier)


def test_a_request_that_reads_is_written_the_same(log: Log) -> None:
    for old in range(6):
        data = log.request(old)
        assert Request.parse(data).format() == data


# -- any order of requests --------------------------------------------------------------------


class TwoHistories(RuleBasedStateMachine):
    """A log with two histories asks in any order, and restarts and rolls the folder back.

    Whatever was cosigned is one history: each cosigned head is a prefix of every larger one.
    """

    requests = Bundle("requests")

    @initialize(shared=st.integers(0, 9), lengths=st.tuples(st.integers(1, 12), st.integers(1, 12)))
    def begin(self, shared: int, lengths: tuple[int, int]) -> None:
        import tempfile

        self.home = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        self.patch.setenv("XDG_STATE_HOME", str(self.home / "state"))
        first = Log("two.example/log", shared)
        self.histories = (
            first.fork(shared, lengths[0], b"one"), first.fork(shared, lengths[1], b"two"),
        )  # fmt: skip
        make_witness(self.home / "witness", first)
        self.clock = Clock()
        self.restart()
        self.cosigned: list[tuple[Checkpoint, int]] = []
        self.saved = False

    @rule()
    def restart(self) -> None:
        self.witness = opened(self.home / "witness", self.clock)

    @rule()
    def save(self) -> None:
        shutil.rmtree(self.home / "saved", ignore_errors=True)
        shutil.copytree(self.home / "witness", self.home / "saved")
        self.saved = True

    @rule()
    def roll_back(self) -> None:
        if self.saved:
            shutil.rmtree(self.home / "witness")
            shutil.copytree(self.home / "saved", self.home / "witness")
            self.restart()

    @rule(seconds=st.integers(-5000, 5000))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(
        which=st.booleans(), proof_of=st.booleans(), sizes=st.tuples(st.integers(0, 21),
        st.integers(0, 21)), honest=st.booleans(),
    )  # fmt: skip
    def ask(
        self,
        which: bool,
        proof_of: bool,
        sizes: tuple[int, int],
        honest: bool,
    ) -> None:
        log, other = self.histories[which], self.histories[proof_of]
        size = min(sizes[0], len(log.leaves))
        last = self.witness.folder.last(log.origin)
        known = last.head.size if last else 0
        old = min(known if honest else sizes[1], size)
        length = min(size, len(other.leaves))
        proof = other.proof(old, length) if old <= length else ()
        answer = self.witness.answer(Request(old, proof, log.note(size)).format())
        if answer.status == 200:
            line = SignatureLine.parse(answer.lines.decode().removesuffix("\n"))
            time = verify_line(log.head(size), self.witness.folder.key, line)
            assert time is not None
            self.cosigned.append((log.head(size), time))
        elif answer.fork:
            path = self.witness.folder.path / "logs" / name_of(log.origin) / "forks" / answer.fork
            Fork.parse(path.read_bytes()).check([log.vkey])

    @invariant()
    def one_history(self) -> None:
        found = getattr(self, "cosigned", [])
        assert [time for _, time in found] == sorted(time for _, time in found)
        assert all(one.size <= later.size for (one, _), (later, _) in pairwise(found))
        heads = {head for head, _ in found}
        assert any(
            all(head == log.head(head.size) for head in heads if head.size <= len(log.leaves))
            and all(head.size <= len(log.leaves) for head in heads)
            for log in getattr(self, "histories", [Log()])
        )

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.home)


TwoHistories.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, print_blob=True
)
test_any_order_of_requests_cosigns_one_history = TwoHistories.TestCase


def test_every_pair_of_sizes_of_a_small_log(witness: Witness) -> None:
    """Each old and new size of two histories: what is cosigned continues, all else is refused."""
    for old in range(1, 9):
        for new in range(old, 9):
            log = Log(f"pairs.example/{old}-{new}", 8)
            other = log.fork(old - 1, 9)
            witness.folder.trust(log.vkey)
            assert witness.answer(log.request(0, old)).status == 200
            assert witness.answer(other.request(old, new)).status == 422
            assert witness.answer(log.request(old, new)).status == 200


def test_random_bodies_have_a_status_and_break_nothing(witness: Witness) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    good = Log(size=5).request(0)
    for _ in range(400):
        body = bytearray(good)
        for _ in range(dice.randrange(1, 8)):
            at = dice.randrange(len(body))
            body[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
        assert witness.answer(bytes(body)).status in (200, 400, 403, 404, 409, 422)
