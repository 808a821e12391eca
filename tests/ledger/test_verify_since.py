"""Forged identities, and what somebody hides before a checkpoint from which others verify on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from domain.actor import ActorKeyEnrolled
from domain.ledger import LedgerKeyRotated
from domain.values import Key
from ledger import acts, founding
from ledger.errors import NoteError
from ledger.evidence import b64url
from ledger.folder import Folder
from ledger.founding import enrolment
from ledger.privatekey import generate
from ledger.signing import Proposal, now
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.note import Note
from ledger.verification.findings import Report
from tests.ledger.ledgers import (
    CHEAP,
    FOUNDING,
    ORIGIN,
    Firm,
    keep_key,
    passphrase,
    small_act,
)
from tests.ledger.tampering import act, check, hand_in, places


def permit_all(world: object, policy: object, statement: object, events: object) -> list[object]:
    return []


def check_nobody(*_: object) -> None:
    return None


@pytest.fixture
def forged(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> tuple[Firm, int, bytes]:
    """The second person enrols a key for the founder with a recorder of their own, and uses it.

    The firm, the position of the enrolment, a checkpoint from after both.
    """
    with firm.open() as ledger:
        second, founder = ledger.acting(firm.second), firm.founded.actor
        key = generate("ed25519", "act", f"{ledger.origin}/a/{founder}")
        enrolled = enrolment(key, ledger.seen())
        fields = {"key": enrolled, "continuity": "broken"}
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        receipt = ledger.act(
            second, [Proposal(ActorKeyEnrolled, founder, fields)], possession=[key]
        )
        keep_key(ledger, founder, key)
    with firm.open() as ledger:
        as_founder = ledger.acting(founder)
        assert as_founder.key_id.hex() == enrolled.id
        ledger.act(as_founder, [small_act(1)])
        note = ledger.sign_checkpoint()
    return firm, receipt.first, note


def test_a_key_that_somebody_enrols_for_the_owner_signs_nothing(
    forged: tuple[Firm, int, bytes],
) -> None:
    firm, position, _ = forged
    report = check(firm)
    assert report.verdict == "invalid"
    assert ("not_permitted", position, firm.founded.actor, "event") in places(report)
    assert ("key_unknown", position + 1, firm.founded.actor, "key") in places(report)


def test_a_forged_enrolment_before_the_checkpoint_is_found_since(
    forged: tuple[Firm, int, bytes],
) -> None:
    firm, position, note = forged
    report = check(firm, since=note)
    assert report.verdict == "invalid"
    assert ("not_permitted", position, firm.founded.actor, "event") in places(report)


def test_a_role_that_somebody_gives_themselves(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    with firm.open() as ledger:
        second = ledger.acting(firm.second)
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        forged = ledger.act(second, [acts.grant_role(firm.second, "administrator")])
    report = check(firm)
    assert report.verdict == "invalid"
    assert ("not_permitted", forged.first, firm.second, "event") in places(report)


def test_without_the_policy_pack_nobody_can_say_who_was_permitted(firm: Firm) -> None:
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM packs")
    report = check(firm)
    assert report.verdict == "unverifiable"
    assert {finding.code for finding in report.findings} == {"policy_missing"}


# -- The checkpoint to begin after -----------------------------------------------------------------


def test_a_checkpoint_under_a_key_that_the_ledger_alone_vouches_for(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger key is replaced without the old one: the tree says so, the trusted key does not."""
    with firm.open() as ledger:
        admin, holder = ledger.acting(firm.founded.actor), firm.founded.ledger
        new = generate("ed25519", "checkpoint", ledger.origin)
        old = Folder(firm.path).pinned_key().key_id.hex()
        fields = {"old_key": old, "key": enrolment(new, ledger.seen())}
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        ledger.act(admin, [Proposal(LedgerKeyRotated, holder, fields)], possession=[new])
        size, root = ledger.seen()
        checkpoint = Checkpoint(ledger.origin, size, root)
    note = Note(checkpoint.format(), (sign_checkpoint(checkpoint, new),)).format()
    with pytest.raises(NoteError):
        check(firm, since=note)


def test_a_checkpoint_of_another_ledger_that_claims_the_trusted_key(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entry 0 names the trusted public key and, as the seal key, a checkpoint key of theirs."""
    trust = Folder(firm.path).pinned_key()
    theirs = generate("ed25519", "checkpoint", ORIGIN)
    claimed = Key(
        name=ORIGIN, id=trust.key_id.hex(), kind="ed25519", purpose="checkpoint",
        public=b64url(trust.public),
    )  # fmt: skip
    real = founding.enrolment

    def enrol(key: Any, seen: tuple[int, bytes]) -> Key:
        if key.name == ORIGIN:
            is_first = key.purpose == "checkpoint"
            return claimed if is_first else real(theirs, seen)
        return real(key, seen)

    monkeypatch.setattr(founding, "enrolment", enrol)
    monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
    monkeypatch.setattr("ledger.recorder.check_signers", check_nobody)
    monkeypatch.setattr(founding, "Ledger", MagicMock())  # it would not open such a ledger
    founding.found_ledger(tmp_path / "evil", FOUNDING, passphrase, kdf=CHEAP)
    evil = firm._replace(path=tmp_path / "evil")
    with closing(sqlite3.connect(evil.path / "ledger.db")) as connection:
        size, root = connection.execute("SELECT entries, root FROM head").fetchone()
    checkpoint = Checkpoint(ORIGIN, size, root)
    note = Note(checkpoint.format(), (sign_checkpoint(checkpoint, theirs),)).format()
    with pytest.raises(NoteError):
        check(evil, since=note, trust=trust)


# -- What is hidden before it ----------------------------------------------------------------------


@pytest.fixture
def revoked(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> tuple[Firm, int, bytes]:
    """The second person's key is revoked, a checkpoint is signed, and the key goes on to sign.

    The firm, the position of the revocation, the checkpoint.
    """
    act(firm, 1, second=True)
    with firm.open() as ledger:
        second, admin = ledger.acting(firm.second), ledger.acting(firm.founded.actor)
        end = ledger.act(admin, [acts.revoke_key(firm.second, second.key_id.hex(), "left")])
        note = ledger.sign_checkpoint()
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        ledger.act(second, [small_act(7)])
    return firm, end.first, note


def test_a_revocation_whose_row_was_deleted(revoked: tuple[Firm, int, bytes]) -> None:
    firm, position, note = revoked
    assert check(firm, since=note).verdict == "invalid"
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM events WHERE position = ?", (position,))
    report = check(firm, since=note)
    assert report.verdict == "invalid"
    assert "event_missing" in {finding.code for finding in report.findings}


@pytest.mark.parametrize("change", ["entry = 10000", "entry = 1", "entry = NULL", "version = 99"])
def test_a_revocation_whose_row_says_that_it_is_elsewhere(
    revoked: tuple[Firm, int, bytes], change: str
) -> None:
    firm, position, note = revoked
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute(f"UPDATE events SET {change} WHERE position = ?", (position,))
    report = check(firm, since=note)
    assert report.verdict == "invalid"
    assert {"column_changed", "event_unknown", "version_gap", "database_damaged"} & {
        finding.code for finding in report.findings
    }


def test_a_revocation_that_was_made_to_be_of_another_key(
    revoked: tuple[Firm, int, bytes],
) -> None:
    firm, position, note = revoked
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute(
            "UPDATE events SET state = CAST(replace(state, 'left', 'lost') AS BLOB)"
            " WHERE position = ?", (position,),
        )  # fmt: skip
    report = check(firm, since=note)
    assert report.verdict == "invalid"
    assert "event_changed" in {finding.code for finding in report.findings}


def test_an_entry_before_it_that_is_gone(revoked: tuple[Firm, int, bytes]) -> None:
    firm, _, note = revoked
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM commits WHERE entry = 2")
    assert "entry_missing" in {finding.code for finding in check(firm, since=note).findings}


# -- Keys that ended -------------------------------------------------------------------------------


def both(firm: Firm, note: bytes) -> tuple[Report, Report]:
    return check(firm), check(firm, since=note)


@pytest.mark.parametrize("after", [True, False])
def test_a_key_compromised_after_it_signed_disputes_what_lies_before(
    firm: Firm, after: bool
) -> None:
    act(firm, 3, second=True)
    with firm.open() as ledger:
        key = ledger.acting(firm.second).key_id.hex()
        note = ledger.sign_checkpoint() if after else b""
        admin = ledger.acting(firm.founded.actor)
        said = ledger.act(admin, [acts.report_compromise(firm.second, key, now())])
        note = note or ledger.sign_checkpoint()
        ledger.act(admin, [small_act(9)])
    full, since = both(firm, note)
    assert (full.verdict, since.verdict) == ("disputed", "disputed")
    assert places(since) == [("key_compromised", said.first, firm.second, "key")]


@pytest.mark.parametrize("after", [True, False])
def test_a_key_revoked_after_it_signed_is_named(firm: Firm, after: bool) -> None:
    act(firm, 3, second=True)
    with firm.open() as ledger:
        key = ledger.acting(firm.second).key_id.hex()
        note = ledger.sign_checkpoint() if after else b""
        admin = ledger.acting(firm.founded.actor)
        ledger.act(admin, [acts.revoke_key(firm.second, key, "left")])
        note = note or ledger.sign_checkpoint()
        ledger.act(admin, [small_act(9)])
    full, since = both(firm, note)
    assert (full.verdict, since.verdict) == ("valid-but-since-revoked", "valid-but-since-revoked")
    assert places(full) == places(since)
