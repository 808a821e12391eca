"""Entries lost for good: the ledger goes on under a new origin, and says what was lost."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from domain.ledger import Former, LedgerInitialized
from ledger.application import Ledger
from ledger.effects.ledgerrestore import BehindLedger
from ledger.effects.renewing import Names, Renewed, renew
from ledger.errors import MunimentError, RefusedError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.verification.stored import verify_folder
from tests.ledger.bundles import evidence
from tests.ledger.copies import (
    Story,
    act,
    fetch,
    forget_pins,
    put_back,
    story_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.ledger.ledgers import CHEAP, FOUNDING, collect_files, passphrase, small_act
from tests.ledger.tampering import change

NEW = "jiejing.example/ledger-2"


def renewed(story: Story, into: Path, **options: Any) -> Renewed:
    origin = options.pop("origin", NEW)
    return renew(Folder(story.path), into, origin, passphrase, kdf=CHEAP, **options)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "neu"


def opened(path: Path) -> Ledger:
    return Ledger(Folder(path), passphrase, writing=True)


def first_event(path: Path) -> LedgerInitialized:
    with opened(path) as ledger:
        event = ledger.events_of(ledger.ledger_id)[0][2]
    assert isinstance(event, LedgerInitialized)
    return event


def test_the_first_event_names_the_old_head_and_the_lost_entries(story: Story, into: Path) -> None:
    left = put_back(story.early, story.path)
    renewed(story, into)
    with BehindLedger(Folder(story.lost), passphrase) as lost:
        head, zero = lost.head, lost.zero
    event = first_event(into)
    assert (event.stream, event.version) == (event.id.partition("/")[0], 1)
    assert event.former == Former(
        origin=FOUNDING.origin,
        ledger=story.firm.founded.ledger,
        zero=sha256(zero).hexdigest(),
        size=left.manifest.entries,
        root=left.manifest.root.hex(),
        lost_to=head.size - 1,
        lost_root=head.root.hex(),
    )


def test_the_new_ledger_is_a_ledger_that_verifies_and_goes_on(story: Story, into: Path) -> None:
    put_back(story.early, story.path)
    made = renewed(story, into)
    with opened(into) as ledger:
        ledger.act(ledger.acting(made.founded.actor), [small_act(1)])
        party = ledger.events_of(made.founded.party)[0]
        actor = ledger.events_of(made.founded.actor)[0]
        assert ledger.unseal(party[0], party[2]) == {"name": FOUNDING.party}
        assert ledger.unseal(actor[0], actor[2]) == {"name": FOUNDING.actor}
    report = verify_folder(Folder(into))
    assert (report.verdict, report.findings) == ("valid", ())


def test_the_old_folder_is_read_and_never_written_again(story: Story, into: Path) -> None:
    put_back(story.early, story.path)
    renewed(story, into)
    with pytest.raises(VerificationError, match="goes on under a new origin"):
        act(story.firm)
    fetch(story.path, story.late.copy)
    with pytest.raises(VerificationError, match="goes on under a new origin"):
        act(story.firm)
    with story.firm.open(writing=False) as ledger:
        assert ledger.seen()[0] > 1
    assert verify_folder(Folder(story.path)).verdict == "valid"
    said = Folder(story.path).continued.read_text("ascii").splitlines()
    with BehindLedger(Folder(into), passphrase) as new:
        assert said == [NEW, sha256(new.zero).hexdigest()]


def test_the_new_folder_names_no_place_of_the_old_one(story: Story, into: Path) -> None:
    """A path in clear may be personal data; which ledger it continues is said by its events."""
    put_back(story.early, story.path)
    renewed(story, into)
    for file in (path for path in into.rglob("*") if path.is_file()):
        assert os.fsencode(story.path) not in file.read_bytes(), file.name


def test_on_another_machine_how_many_are_lost_is_not_known(
    story: Story, into: Path, state_home: Path
) -> None:
    forget_pins(state_home)
    put_back(story.early, story.path)
    former = renewed(story, into).former
    assert (former.lost_to, former.lost_root) == (UNSET, UNSET)


def test_what_another_party_holds_says_how_many_are_lost(
    story: Story, into: Path, state_home: Path
) -> None:
    forget_pins(state_home)
    left = put_back(story.early, story.path).manifest.entries
    seen = (story.late.copy / "checkpoint.txt").read_bytes()
    former = renewed(story, into, seen=seen).former
    assert (former.size, former.lost_to) == (left, left + 2)


def test_a_checkpoint_that_the_ledgers_key_did_not_sign_says_nothing(
    story: Story, into: Path
) -> None:
    put_back(story.early, story.path)
    seen = (story.late.copy / "checkpoint.txt").read_bytes().replace(b"\n6\n", b"\n9\n")
    with pytest.raises(UsageError, match="no checkpoint of the old ledger"):
        renewed(story, into, seen=seen)
    assert not into.exists()


def test_a_ledger_that_lacks_nothing_is_not_renewed(story: Story, into: Path) -> None:
    put_back(story.late, story.path)
    with pytest.raises(UsageError, match="goes on as it is"):
        renewed(story, into)
    act(story.firm)
    assert not into.exists()


def test_the_new_origin_is_another_one(story: Story, into: Path) -> None:
    put_back(story.early, story.path)
    with pytest.raises(RefusedError, match="ledger_continues_itself"):
        renewed(story, into, origin=FOUNDING.origin)
    with pytest.raises(UsageError):
        renewed(story, into, origin="x/commit")
    assert not into.exists()
    assert not Folder(story.path).continued.exists()
    assert fetch(story.path, story.late.copy).going_on


def test_a_ledger_is_continued_once(story: Story, into: Path, tmp_path: Path) -> None:
    put_back(story.early, story.path)
    renewed(story, into)
    with pytest.raises(UsageError, match="continued already"):
        renewed(story, tmp_path / "third", origin="jiejing.example/ledger-3")


def test_nobody_vouches_for_an_old_ledger_that_was_changed(story: Story, into: Path) -> None:
    put_back(story.early, story.path)
    change(story.path / "ledger.db", "events", "state", "position", 18, 60)
    with pytest.raises(VerificationError, match="does not verify"):
        renewed(story, into)
    assert not into.exists()


def test_without_the_keystore_the_names_are_given_again(story: Story, into: Path) -> None:
    put_back(story.early, story.path)
    shutil.rmtree(story.path / "keystore")
    with pytest.raises(UsageError, match="names of firm and person"):
        renewed(story, into)
    made = renewed(story, into, names=Names("洁净保洁", "王管理"))
    assert made.founded.ledger != story.firm.founded.ledger


def test_a_new_ledger_does_not_go_where_something_lies(story: Story) -> None:
    put_back(story.early, story.path)
    with pytest.raises(MunimentError, match="there is a ledger"):
        renewed(story, story.lost)
    assert not Folder(story.path).continued.exists()


def test_evidence_from_a_renewed_ledger_verifies(story: Story, into: Path, tmp_path: Path) -> None:
    """Its entry 0 goes into every bundle; exporting checks it with the bundle's own verifier."""
    put_back(story.early, story.path)
    made = renewed(story, into)
    with opened(into) as ledger:
        admin = ledger.acting(made.founded.actor)
        (one,) = collect_files(ledger, admin, tmp_path / "更新")
        bundle = evidence(ledger, admin, "record", one.record)
    assert any(b'"former":' in data for data in bundle.files.values())
