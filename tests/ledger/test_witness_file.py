"""A witness is made, opened, and signs by file; one that certifies verifies everything first."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from domain.actor import ActorKeyCompromised
from domain.anchor import LedgerIndexPublished
from ledger import timestamps
from ledger.errors import KeyAccessError, NoLedgerError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.founding import found_ledger
from ledger.index.publishing import publish
from ledger.inspection import inspect
from ledger.signing import Proposal
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.fork import read_head
from ledger.tlog.note import COSIGNATURE, Note, VerifierKey
from ledger.witness import Request, Witness, init_witness, open_witness
from ledger.witness_file import sign_file
from ledger.witness_state import open_folder
from tests.ledger import tsa
from tests.ledger.ledgers import CHEAP, FOUNDING, Firm, passphrase, small_act
from tests.ledger.replicas import Fork as Second
from tests.ledger.replicas import acted, made, on_machine
from tests.ledger.signers import signer
from tests.ledger.stamping import stamped_at
from tests.ledger.tampering import change, hand_in
from tests.ledger.witnesses import (
    NAME,
    PASSPHRASE,
    Log,
    clock_fixture,  # noqa: F401  fixtures are found by their names
    log_fixture,  # noqa: F401
    make_witness,
    opened,
    signed_text,
    witness_fixture,  # noqa: F401
)


def test_a_witness_is_made_with_a_key_of_its_own(tmp_path: Path, state_home: Path) -> None:
    made_here = init_witness(tmp_path / "w", NAME, PASSPHRASE)
    assert made_here.key.type == COSIGNATURE
    assert not made_here.certifies
    assert open_folder(tmp_path / "w").key == made_here.key
    with pytest.raises(KeyAccessError):
        open_witness(tmp_path / "w", lambda: b"another")
    with pytest.raises(UsageError, match="not empty"):
        init_witness(tmp_path / "w", NAME, PASSPHRASE)
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "two words", "a+b", "审计", "x/a/y", "x/commit/y", "n\n"])
def test_a_name_that_is_no_witnesss_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        init_witness(tmp_path / "w", name, PASSPHRASE)
    assert not (tmp_path / "w").exists()


def test_a_folder_without_a_witness_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoLedgerError, match="no witness"):
        open_folder(tmp_path)


def test_a_key_that_was_put_in_the_place_of_the_witnesss_is_refused(
    tmp_path: Path, state_home: Path
) -> None:
    make_witness(tmp_path / "one")
    make_witness(tmp_path / "two", name="two.example/witness")
    shutil.copy(tmp_path / "two" / "witness.key", tmp_path / "one" / "witness.key")
    with pytest.raises(NoLedgerError, match="not the key"):
        open_folder(tmp_path / "one")


def test_by_file_the_note_comes_back_with_our_line(witness: Witness, log: Log) -> None:
    signed, _answer = sign_file(witness, log.note())
    assert [c.verifier for c in open_checkpoint(signed, [log.vkey, witness.folder.key]).cosignatures
            ] == [witness.folder.key]  # fmt: skip
    again, _answer = sign_file(witness, signed)
    assert len(Note.parse(again).signatures) == 2


def test_by_file_a_proof_is_asked_for_where_one_is_needed(witness: Witness, log: Log) -> None:
    sign_file(witness, log.note())
    log.add(3)
    with pytest.raises(UsageError, match="needs the proof from the 5 entries") as told:
        sign_file(witness, log.note())
    assert "checkpoint prove 5" in told.value.remedy
    with pytest.raises(UsageError, match="needs the proof from the 5 entries"):
        sign_file(witness, log.note(), (4, log.proof(4)))
    sign_file(witness, log.note(), (5, log.proof(5)))
    with pytest.raises(UsageError, match="has cosigned 8 entries already"):
        sign_file(witness, log.note(5))


def test_by_file_a_fork_is_refused_and_evidence_kept(witness: Witness, log: Log) -> None:
    sign_file(witness, log.note())
    other = log.fork(2, 7)
    with pytest.raises(VerificationError, match="two histories"):
        sign_file(witness, other.note(), (5, other.proof(5)))
    assert len(witness.folder.kept(log.origin, "forks")) == 1
    with pytest.raises(VerificationError, match="two histories"):
        sign_file(witness, other.note(5))


def test_by_file_a_commit_note_is_no_checkpoint(witness: Witness, firm: Firm) -> None:
    with firm.open() as ledger, ledger.engine.connect() as connection:
        entry = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = 0").scalar()
    commit = bytes(entry or b"").partition(b"\n")[2]
    Note.parse(commit)
    with pytest.raises(UsageError, match="no checkpoint"):
        sign_file(witness, commit)


def test_by_file_an_unknown_log_and_a_strangers_key_are_refused(witness: Witness, log: Log) -> None:
    with pytest.raises(UsageError, match="no key of this log"):
        sign_file(witness, Log("other.example/log", 2).note())
    with pytest.raises(VerificationError, match="no key that is pinned"):
        sign_file(witness, signed_text(signer("stranger.example/x"), log.head().format()))


# -- a key that certifies -------------------------------------------------------------------------


@pytest.fixture
def certifier(firm: Firm, tmp_path: Path) -> Witness:
    folder = make_witness(tmp_path / "certifier", name="auditor.example/index")
    folder.trust(VerifierKey.parse(firm.founded.vkey))
    return opened(tmp_path / "certifier")


def head_of(firm: Firm) -> bytes:
    with firm.open() as ledger:
        return ledger.sign_checkpoint()


def test_a_certifier_signs_only_with_a_whole_ledger_that_verifies(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    note = head_of(firm)
    with pytest.raises(UsageError, match="certifies"):
        sign_file(certifier, note)
    copy = made(firm, tmp_path / "copy").folder
    signed, _answer = sign_file(certifier, note, copy=copy)
    assert certifier.folder.key.name.encode() in signed


def test_a_certifier_signs_nothing_of_a_ledger_that_was_changed(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    note = head_of(firm)
    copy = made(firm, tmp_path / "copy").folder
    change(copy / "ledger.db", "events", "state", "position", 2, 60)
    with pytest.raises(VerificationError, match="does not verify"):
        sign_file(certifier, note, copy=copy)
    assert certifier.folder.origins() != []
    assert all(certifier.folder.last(origin) is None for origin in certifier.folder.origins())


def indexed(firm: Firm, **lie: object) -> bytes:
    """The present state, signed, after an index was published that may lie."""
    with firm.open() as ledger:
        acting = ledger.acting(firm.founded.actor)
        if lie:
            fields = {"size": ledger.seen()[0], "root": "1" * 64, "rows": 1, **lie}
            ledger.act(acting, [Proposal(LedgerIndexPublished, ledger.ledger_id, fields)])
        else:
            publish(ledger, acting)
        return ledger.sign_checkpoint()


def test_a_certifier_computes_every_published_index_again(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    true = indexed(firm)
    signed, _answer = sign_file(certifier, true, copy=made(firm, tmp_path / "copy").folder)
    assert read_head(signed).size == 3
    false = indexed(firm, rows=9)
    with pytest.raises(VerificationError, match="index_differs"):
        sign_file(certifier, false, copy=firm.path)


def test_a_certifier_signs_no_checkpoint_of_another_history(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    second = Second(firm, tmp_path)
    acted(firm)
    second.acted()
    copy = made(firm, tmp_path / "copy").folder
    with on_machine(tmp_path / "fork-state"):
        other = head_of(second.firm)
    with pytest.raises(VerificationError, match="not of the ledger there"):
        sign_file(certifier, other, copy=copy)


def test_a_certifier_asks_for_a_copy_that_has_the_entries(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    copy = made(firm, tmp_path / "copy").folder
    with firm.open() as ledger:
        ledger.act(ledger.acting(firm.founded.actor), [small_act(1)])
        note = ledger.sign_checkpoint()
    with pytest.raises(UsageError, match="the checkpoint 3"):
        sign_file(certifier, note, copy=copy)


def test_a_key_that_was_reported_as_compromised_forbids_no_certification(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    """It is a dispute about who held it then, not about what is in the ledger."""
    with firm.open() as ledger:
        second = ledger.acting(firm.second)
        ledger.act(second, [small_act(1)])
        fields = {"key": second.key_id.hex(), "suspected_since": "2000-01-01T00:00:00.000Z"}
        said = Proposal(ActorKeyCompromised, firm.second, fields)
        ledger.act(ledger.acting(firm.founded.actor), [said])
        note = ledger.sign_checkpoint()
    copy = made(firm, tmp_path / "copy").folder
    report = inspect(Folder(copy))
    assert {finding.code for finding in report.findings} >= {"key_compromised"}
    signed, _answer = sign_file(certifier, note, copy=copy)
    assert certifier.folder.key.name.encode() in signed


def test_which_authorities_the_copy_trusts_does_not_decide_whether_it_is_certified(
    certifier: Witness, firm: Firm, tmp_path: Path
) -> None:
    """A token of an authority that this copy does not know, and one that was lost."""
    _, known = tsa.authority(tmp_path / "known")
    other = tsa.issue(replace(tsa.ROOT, name="Another Root", which=2))
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        stamped_at(ledger, admin, known, "20260101000000Z", tmp_path / "made")
        note = ledger.sign_checkpoint()
    timestamps.trust(Folder(firm.path), other.pem)
    report = inspect(Folder(firm.path))
    assert {f.code for f in report.findings} == {"token_issuer_unknown"}
    sign_file(certifier, note, copy=firm.path)
    timestamps.trust(Folder(firm.path), known.pem)
    report = inspect(Folder(firm.path))
    assert {f.code for f in report.findings} == {"accepted_outside_interval"}
    sign_file(certifier, note, copy=firm.path)
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM anchors")
    assert {f.code for f in inspect(Folder(firm.path)).findings} == {"token_missing"}
    sign_file(certifier, note, copy=firm.path)


def test_a_certifier_signs_nothing_where_a_policy_of_the_log_is_missing(
    certifier: Witness, firm: Firm
) -> None:
    """What the rules were then, nobody can say without it."""
    note = head_of(firm)
    with hand_in(firm.path / "ledger.db") as connection:
        assert connection.execute("DELETE FROM packs").rowcount
    with pytest.raises(VerificationError, match="policy_missing"):
        sign_file(certifier, note, copy=firm.path)


def test_a_plain_witness_takes_the_proof_from_a_copy(
    firm: Firm, tmp_path: Path, state_home: Path
) -> None:
    folder = make_witness(tmp_path / "witness")
    folder.trust(VerifierKey.parse(firm.founded.vkey))
    witness = opened(tmp_path / "witness")
    sign_file(witness, head_of(firm))
    with firm.open() as ledger:
        for number in range(3):
            ledger.act(ledger.acting(firm.founded.actor), [small_act(number)])
        note = ledger.sign_checkpoint()
    signed, _answer = sign_file(witness, note, copy=firm.path)
    assert read_head(signed).size == 5
    assert Folder(firm.path).pinned_key().name == read_head(signed).origin


# -- made elsewhere -------------------------------------------------------------------------------

SPEC = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zh"
    "cyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49"
    "/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
)
"""The example request of C2SP tlog-witness."""


def test_the_example_of_the_specification_reads_and_is_written_the_same() -> None:
    request = Request.parse(SPEC.encode())
    assert (request.old, len(request.hashes)) == (20852014, 4)
    assert request.format() == SPEC.encode()
    assert read_head(request.note).size == 20852163


def test_its_signatures_are_of_keys_that_nobody_pinned(witness: Witness) -> None:
    assert witness.answer(SPEC.encode()).status == 404
    witness.folder.trust(signer("example.com/behind-the-sofa").verifier)
    assert witness.answer(SPEC.encode()).status == 403


# -- another ledger, by mistake -------------------------------------------------------------------


@pytest.mark.parametrize("certifies", [False, True])
def test_a_mistyped_ledger_is_told_and_the_genuine_checkpoint_is_not_kept_as_refused(
    firm: Firm, tmp_path: Path, *, certifies: bool
) -> None:
    """One of another name, and one of this name under another key; the right one is signed."""
    folder = make_witness(tmp_path / "w", name="w.example/index" if certifies else "w.example/w")
    vkey = VerifierKey.parse(firm.founded.vkey)
    folder.trust(vkey)
    witness = opened(tmp_path / "w")
    sign_file(witness, head_of(firm), copy=firm.path)
    acted(firm, 2)
    note = head_of(firm)
    for number, origin in enumerate(("other.example/ledger", vkey.name)):
        other = tmp_path / f"other-{number}"
        founding = FOUNDING._replace(origin=origin)
        with on_machine(tmp_path / f"state-{number}"):
            found_ledger(other, founding, passphrase, kdf=CHEAP)
        with pytest.raises(UsageError, match="another ledger"):
            sign_file(witness, note, copy=other)
        assert folder.kept(vkey.name, "refused") == []
        assert folder.kept(vkey.name, "forks") == []
    signed, _answer = sign_file(witness, note, copy=firm.path)
    assert folder.key.name.encode() in signed
