"""Trusted time: states of the ledger stamped by an authority, kept, and what they prove of acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from domain.anchor import LedgerTimestampAnchored
from ledger import timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import (
    MunimentError,
    RefusedError,
    UsageError,
    VerificationError,
)
from ledger.folder import Folder
from ledger.recorder import Submission
from ledger.signing import Proposal, sign_all
from ledger.timestamps import Request, Times
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from ledger.verification.stored import verify_folder
from tests.ledger import tsa
from tests.ledger.ledgers import Firm, small_act
from tests.ledger.stamping import act, rows, stamped_at, tampered


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[tsa.Authority, tsa.Issued]:
    return tsa.authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamping(authority: tuple[tsa.Authority, tsa.Issued]) -> tsa.Authority:
    return authority[0]


@pytest.fixture(scope="module")
def root(authority: tuple[tsa.Authority, tsa.Issued]) -> tsa.Issued:
    return authority[1]


@pytest.fixture
def admin(ledger: Ledger, firm: Firm) -> Acting:
    return ledger.acting(firm.founded.actor)


# -- recorded --------------------------------------------------------------------------------------


def test_the_stamped_bytes_and_the_whole_reply_are_kept_with_the_event(
    ledger: Ledger, admin: Acting, stamping: tsa.Authority, root: tsa.Issued, firm: Firm
) -> None:
    asking = Request.over(timestamps.newest(ledger))
    reply = stamping.reply(asking.query())
    found = timestamps.check(asking, reply, [root.der])
    (event,) = timestamps.anchor(ledger, admin, asking, reply, found).events
    assert isinstance(event, LedgerTimestampAnchored)
    state = Checkpoint.parse(Note.parse(asking.note).text)
    assert (event.size, event.root) == (state.size, state.root.hex())
    assert event.imprint == sha256(asking.note).hexdigest()
    assert event.token == sha256(reply).hexdigest()
    assert (event.gen_time, event.policy) == (f"{found.gen_time[:-1]}.000Z", tsa.POLICY)
    assert rows(firm.path, "SELECT size, note, reply FROM anchors") == [
        (state.size, asking.note, reply)
    ]
    assert verify_folder(Folder(firm.path), tsa_roots=[root.der]).verdict == "valid"
    assert tsa.run("ts", "-reply", "-in", written(firm.path.parent, reply), "-text")


def written(folder: Path, data: bytes) -> str:
    (folder / "file").write_bytes(data)
    return str(folder / "file")


def test_a_state_is_stamped_with_the_signatures_that_it_had_then(
    ledger: Ledger, admin: Acting, stamping: tsa.Authority, root: tsa.Issued, firm: Firm
) -> None:
    """A cosignature that comes later makes another note; the stamped one is kept as it was."""
    note = timestamps.newest(ledger)
    asking = Request.over(note)
    reply = stamping.reply(asking.query())
    ledger.log.add_checkpoint(Checkpoint.parse(Note.parse(note).text).size, note + b"")
    found = timestamps.check(asking, reply, [root.der])
    timestamps.anchor(ledger, admin, asking, reply, found)
    assert rows(firm.path, "SELECT note FROM anchors") == [(note,)]


def test_a_request_asks_for_sha256_a_certificate_and_a_nonce(
    tmp_path: Path, ledger: Ledger
) -> None:
    asking = Request.over(timestamps.newest(ledger))
    said = tsa.run("ts", "-query", "-in", written(tmp_path, asking.query()), "-text").decode()
    assert "Hash Algorithm: sha256" in said
    assert "Certificate required: yes" in said
    assert f"Nonce: 0x{asking.nonce:X}" in said
    assert Request.over(asking.note).nonce != asking.nonce


def test_a_request_by_file_waits_for_its_reply(
    ledger: Ledger, stamping: tsa.Authority, root: tsa.Issued, firm: Firm
) -> None:
    """What was imprinted is kept, whatever is recorded and signed in between."""
    folder = Folder(firm.path)
    first, second = (Request.over(timestamps.newest(ledger)) for _ in range(2))
    for one in (first, second):
        timestamps.keep(folder, one)
    reply = stamping.reply(second.query())
    assert timestamps.asked(folder, reply) == second
    timestamps.check(second, reply, [root.der])
    timestamps.forget(folder, second)
    with pytest.raises(VerificationError, match="no request that waits"):
        timestamps.asked(folder, reply)
    assert timestamps.asked(folder, stamping.reply(first.query())) == first


def test_no_more_than_a_hundred_requests_wait(ledger: Ledger, firm: Firm) -> None:
    note, folder = timestamps.newest(ledger), Folder(firm.path)
    for _ in range(timestamps.MOST_WAITING):
        timestamps.keep(folder, Request.over(note))
    with pytest.raises(UsageError, match="wait for their reply"):
        timestamps.keep(folder, Request.over(note))


@pytest.mark.parametrize("data", [b"", b"muniment-timestamp-request 1\n", b"\x00" * 40])
def test_a_request_that_was_changed_is_not_read(data: bytes) -> None:
    with pytest.raises(MunimentError, match="no request"):
        Request.parse(data)


# -- refused, and nothing kept ---------------------------------------------------------------------


@pytest.fixture
def untouched(ledger: Ledger, firm: Firm) -> Iterator[None]:
    """Whatever the test does, nothing is recorded and no reply is kept."""
    timestamps.newest(ledger)
    before = (ledger.seen(), list(ledger.engine.connect().exec_driver_sql("SELECT * FROM anchors")))
    yield
    after = (ledger.seen(), rows(firm.path, "SELECT * FROM anchors"))
    assert after == before


@pytest.mark.usefixtures("untouched")
class TestRefused:
    """Of what is refused nothing is kept."""

    def test_a_reply_with_another_nonce(
        self, ledger: Ledger, stamping: tsa.Authority, root: tsa.Issued
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        other = stamping.reply(asking._replace(nonce=asking.nonce ^ 1).query())
        with pytest.raises(VerificationError, match="nonce"):
            timestamps.check(asking, other, [root.der])

    def test_a_reply_without_a_nonce(
        self, ledger: Ledger, tmp_path: Path, root: tsa.Issued
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        reply = tsa.cms(tmp_path, tsa.tst_info(asking.imprint), tsa.issue(tsa.SIGNER, root))
        with pytest.raises(VerificationError, match="nonce"):
            timestamps.check(asking, reply, [root.der])

    def test_a_reply_over_another_checkpoint(
        self, ledger: Ledger, admin: Acting, stamping: tsa.Authority, root: tsa.Issued
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        other = Request(asking.note.replace(b"\n", b"\n\n", 1), asking.nonce)
        with pytest.raises(VerificationError, match="over something else"):
            timestamps.check(asking, stamping.reply(other.query()), [root.der])

    def test_a_reply_that_says_no(
        self, ledger: Ledger, stamping: tsa.Authority, root: tsa.Issued
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        weak = bytes.fromhex("30330201013021300906052b0e03021a05000414") + bytes(20)
        no = stamping.reply(weak + bytes.fromhex("0208") + asking.nonce.to_bytes(8, "big")
                            + bytes.fromhex("0101ff"))  # fmt: skip
        with pytest.raises(VerificationError, match=r"refused to stamp \(status 2, bad_algorithm"):
            timestamps.check(asking, no, [root.der])

    def test_an_authority_that_nobody_trusts(
        self, ledger: Ledger, stamping: tsa.Authority, root: tsa.Issued
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        reply = stamping.reply(asking.query())
        other = tsa.issue(replace(tsa.ROOT, which=9))
        with pytest.raises(VerificationError, match="vouches for who signed"):
            timestamps.check(asking, reply, [other.der])
        with pytest.raises(UsageError, match="no time-stamping authority is trusted"):
            timestamps.check(asking, reply, [])
        timestamps.check(asking, reply, [other.der, root.der])

    def test_a_reply_that_was_changed(
        self, ledger: Ledger, stamping: tsa.Authority, root: tsa.Issued
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        reply = bytearray(stamping.reply(asking.query()))
        reply[-5] ^= 1
        with pytest.raises(VerificationError, match="does not hold"):
            timestamps.check(asking, bytes(reply), [root.der])

    def test_a_token_that_no_event_records(self, ledger: Ledger, admin: Acting) -> None:
        """A modified client hands a time-stamp in beside another event."""
        events, ciphertexts = ledger.build(admin, [small_act(1)])
        unsigned = ledger.note_over(admin, events, ciphertexts)
        signed = sign_all(unsigned.note, [admin.key])
        note = timestamps.newest(ledger)
        with pytest.raises(RefusedError, match="not as it is written"):
            ledger.record(events, Submission(signed, unsigned.states, anchors=[(note, b"junk")]))

    def test_an_event_without_its_token(self, ledger: Ledger, admin: Acting) -> None:
        size, state = ledger.seen()
        fields = {
            "size": size, "root": state.hex(), "imprint": "00" * 32, "token": "11" * 32,
            "gen_time": "2026-01-01T00:00:00.000Z", "policy": tsa.POLICY,
        }  # fmt: skip
        proposal = Proposal(LedgerTimestampAnchored, ledger.ledger_id, fields)
        with pytest.raises(RefusedError, match="a time-stamp is missing"):
            ledger.act(admin, [proposal])

    @pytest.mark.parametrize("field", ["root", "imprint", "token", "gen_time", "policy", "size"])
    def test_an_event_that_says_something_else_than_its_token(
        self, ledger: Ledger, admin: Acting, stamping: tsa.Authority, field: str
    ) -> None:
        asking = Request.over(timestamps.newest(ledger))
        reply = stamping.reply(asking.query())
        said = {
            "root": "00" * 32, "imprint": "00" * 32, "token": "00" * 32, "size": 1,
            "gen_time": "2020-01-01T00:00:00.000Z", "policy": "1.2.3",
        }[field]  # fmt: skip
        with pytest.raises(RefusedError, match="is not one that the events record"):
            tampered(ledger, admin, asking, reply, {field: said})

    def test_a_token_over_a_state_of_a_fork(
        self, ledger: Ledger, admin: Acting, stamping: tsa.Authority
    ) -> None:
        size, _ = ledger.seen()
        forked = Checkpoint(ledger.origin, size, bytes(32))
        note = forked.format() + timestamps.newest(ledger).partition(b"\n\n")[2].join([b"\n", b""])
        asking = Request.over(note)
        reply = stamping.reply(asking.query())
        with pytest.raises(RefusedError, match="a state that this ledger never had"):
            tampered(ledger, admin, asking, reply, {"root": bytes(32).hex()})


def test_a_token_is_recorded_once(
    ledger: Ledger, admin: Acting, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    asking = Request.over(timestamps.newest(ledger))
    reply = stamping.reply(asking.query())
    found = timestamps.check(asking, reply, [root.der])
    timestamps.anchor(ledger, admin, asking, reply, found)
    with pytest.raises(RefusedError) as refused:
        timestamps.anchor(ledger, admin, asking, reply, found)
    assert "already_anchored" in refused.value.message


# -- what is proved --------------------------------------------------------------------------------


def interval(ledger: Ledger, roots: list[bytes], entry: int) -> dict[str, str]:
    with ledger.engine.connect() as connection:
        return Times(connection, ledger.ledger_id, roots).of(entry).says()


def test_an_act_lies_between_the_token_its_signer_had_seen_and_the_one_over_it(
    ledger: Ledger, admin: Acting, root: tsa.Issued, tmp_path: Path
) -> None:
    first = act(ledger, admin)
    stamped_at(ledger, admin, root, "20260101000000Z", tmp_path)
    second = act(ledger, admin)
    stamped_at(ledger, admin, root, "20260201000000Z", tmp_path)
    stamped_at(ledger, admin, root, "20260301000000Z", tmp_path)
    third = act(ledger, admin)
    roots = [root.der]
    january, february, march = (f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3))
    assert interval(ledger, roots, first) == {"not_after": january}
    assert interval(ledger, roots, second) == {"not_before": january, "not_after": february}
    assert interval(ledger, roots, third) == {"not_before": march}
    assert interval(ledger, [], second) == {}


def test_the_act_that_records_a_token_is_not_proved_to_follow_it(
    ledger: Ledger, admin: Acting, root: tsa.Issued, tmp_path: Path
) -> None:
    """Its signer had not seen the ledger with the token in it."""
    receipt = stamped_at(ledger, admin, root, "20260101000000Z", tmp_path)
    assert interval(ledger, [root.der], receipt.entry) == {}


def test_tokens_of_authorities_that_are_not_trusted_prove_nothing(
    ledger: Ledger, admin: Acting, root: tsa.Issued, tmp_path: Path
) -> None:
    other = tsa.issue(replace(tsa.ROOT, name="Other", which=9))
    entry = act(ledger, admin)
    stamped_at(ledger, admin, root, "20260201000000Z", tmp_path)
    stamped_at(ledger, admin, other, "20260101000000Z", tmp_path)
    assert interval(ledger, [root.der], entry) == {"not_after": "2026-02-01T00:00:00Z"}
    assert interval(ledger, [other.der], entry) == {"not_after": "2026-01-01T00:00:00Z"}
