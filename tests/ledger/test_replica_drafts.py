"""Acts on a replica: drafts of one signer or of several, which only the ledger's keeper records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.values import later
from ledger import drafts
from ledger.application import Ledger
from ledger.drafts import Draft, read_draft, write_draft
from ledger.errors import RefusedError, VerificationError
from ledger.evidence import decode_event
from ledger.folder import Folder
from ledger.recorder import Submission
from ledger.signing import commit_note, now, sign_all
from ledger.tlog.commit import CommitNote
from tests.ledger.copies import another
from tests.ledger.ledgers import passphrase
from tests.ledger.replicas import (
    Sides,
    acted,
    sides_fixture,  # noqa: F401  fixtures are found by their names
)

COMPARED = "ledger.replica_compared"


@pytest.fixture
def ready(sides: Sides) -> Sides:
    """He has keys on the buyer's machine, and a replica that knows of them."""
    sides.enrolled(sides.he)
    return sides


def says(sides: Sides, name: str = "says.commit", *more: str, by: str | None = None) -> Path:
    """He says on the replica that it agrees with the copy it was taken from."""
    file = sides.home / name
    sides.machine.did(
        "ledger", "compare", str(sides.home / f"copy-{sides.copies}"), "--record", "--draft",
        str(file), "--as", by or sides.he, *more,
    )  # fmt: skip
    return file


def entries(sides: Sides) -> int:
    return int(sides.json("replica", "show")["entries"])


def refused(sides: Sides, file: Path, match: str, code: int) -> None:
    """The seller's machine does not record it."""
    before = entries(sides)
    said = sides.error("submit", str(file), code=code)
    assert match in said["message"], said["message"]
    assert entries(sides) == before


# -- keys -----------------------------------------------------------------------------------------


def test_keys_are_made_on_the_buyers_machine_and_never_leave_it(sides: Sides) -> None:
    sides.refresh()
    before = {path.name for path in (sides.firm.path / "identity").iterdir()}
    sides.enrolled(sides.he)
    (row,) = [row for row in sides.json("actor", "list") if row["actor"] == sides.he]
    assert len(row["keys"]) == 2
    own = {path.name.split(".")[0] for path in (sides.machine.path / "identity").iterdir()}
    ids = {path.name.split(".")[2] for path in (sides.machine.path / "identity").iterdir()}
    assert (own, ids) == ({sides.he}, set(row["keys"]))
    assert {path.name for path in (sides.firm.path / "identity").iterdir()} == before
    assert sides.json("verify")["verdict"] == "valid"


def test_a_first_key_needs_an_administrator_of_the_ledger(sides: Sides) -> None:
    sides.refresh()
    said = sides.machine.error(
        "key", "enrol", "--actor", sides.he, "--draft", str(sides.home / "x.commit"), code=2
    )
    assert "enrolled by an administrator" in said["message"]
    assert list((sides.machine.path / "identity").iterdir()) == []


def test_the_buyer_alone_enrols_nobody(sides: Sides) -> None:
    """A draft that no administrator signed is no enrolment, whoever submits it."""
    sides.refresh()
    draft = sides.home / "enrol.commit"
    sides.machine.did(
        "key", "enrol", "--actor", sides.he, "--with", f"{sides.founder}:administrator",
        "--draft", str(draft),
    )  # fmt: skip
    refused(sides, draft, "still lacks the signature", 2)


def test_the_seller_cannot_enrol_a_key_that_it_does_not_hold_in_the_buyers_name(
    sides: Sides,
) -> None:
    """Without the signature of the key itself an enrolment is none."""
    sides.refresh()
    draft = sides.home / "enrol.commit"
    sides.machine.did(
        "key", "enrol", "--actor", sides.he, "--with", f"{sides.founder}:administrator",
        "--draft", str(draft),
    )  # fmt: skip
    found = read_draft(draft)
    write_draft(draft, msgspec.structs.replace(found, signatures=[]))
    sides.did("sign", str(draft), "--yes")
    refused(sides, draft, "possession", 2)


def test_somebody_with_a_key_rotates_it_from_the_replica(ready: Sides) -> None:
    draft = ready.home / "rotate.commit"
    ready.machine.did("key", "rotate", "--draft", str(draft), "--as", ready.he)
    ready.did("submit", str(draft))
    ready.refresh()
    assert len(list((ready.machine.path / "identity").iterdir())) == 3
    ready.did("submit", str(says(ready)))


# -- one signer -----------------------------------------------------------------------------------


def test_an_act_on_a_replica_is_a_draft_that_the_seller_submits(ready: Sides) -> None:
    file = says(ready)
    assert read_draft(file).commit_note.until is None
    ready.did("submit", str(file))
    rows = ready.json("show", ready.json("replica", "show")["ledger"])["events"]
    assert (rows[-1]["type"], rows[-1]["actor"]) == (COMPARED, ready.he)
    assert ready.json("verify")["verdict"] == "valid"


def test_a_draft_that_the_seller_could_not_record_is_not_written(ready: Sides) -> None:
    """The replica has what the rules ask for: nobody signs, sends and submits in vain."""
    file = ready.home / "vain.commit"
    for more in (("--in-role", "administrator"), ("--at", "2199-01-01")):
        said = ready.machine.error(
            "ledger", "compare", str(ready.home / f"copy-{ready.copies}"), "--record", "--draft",
            str(file), "--as", ready.he, *more, code=13,
        )  # fmt: skip
        assert {refusal["detail"] for refusal in said["refusals"]} & {
            "role_not_held", "claimed_time_in_future",
        }  # fmt: skip
        assert not file.exists()
    ready.did("submit", str(says(ready)))


def test_an_act_without_a_draft_is_refused_with_the_remedy(ready: Sides) -> None:
    said = ready.machine.error(
        "party", "register", "--name", "丙", "--party-role", "buyer", "--as", ready.he, code=2
    )
    assert "replica" in said["message"]
    assert "--draft FILE" in said["remedy"]


def test_on_a_ledger_of_ones_own_a_draft_is_for_several(ready: Sides) -> None:
    ready.error(
        "ledger", "compare", str(ready.home / "copy-1"), "--record", "--draft",
        str(ready.home / "own.commit"), code=2,
    )  # fmt: skip


def test_who_acts_on_a_replica_is_whoever_has_keys_there(ready: Sides) -> None:
    file = ready.home / "alone.commit"
    copy = str(ready.home / f"copy-{ready.copies}")
    ready.machine.did("ledger", "compare", copy, "--record", "--draft", str(file))
    assert [s.capacity for s in read_draft(file).commit_note.signers] == ["buyer_handler"]
    other = ready.registered("supervisor")
    ready.enrolled(other)
    said = ready.machine.error("ledger", "compare", copy, "--record", "--draft",
                               str(ready.home / "which.commit"), code=2)  # fmt: skip
    assert "2 actors have keys" in said["message"]


def test_sealed_texts_are_refused_on_a_replica_by_name(ready: Sides) -> None:
    file = ready.home / "text.commit"
    said = ready.machine.error(
        "party", "register", "--name", "丙公司", "--party-role", "buyer", "--draft", str(file),
        "--as", ready.he, code=2,
    )  # fmt: skip
    assert "nothing can be sealed on a replica" in said["message"]
    assert "name" in said["message"]
    assert "丙公司" not in str(said)
    assert not file.exists()


# -- attacks on a draft of the buyer --------------------------------------------------------------


def test_a_replayed_draft_is_recorded_once(ready: Sides) -> None:
    file = says(ready)
    ready.did("submit", str(file))
    before = entries(ready)
    assert '"repeated":true' in ready.did("submit", str(file), "--json")
    assert entries(ready) == before


def test_a_stripped_draft_is_refused(ready: Sides) -> None:
    """A seller that submits what nobody of the buyer signed."""
    file = says(ready)
    found = read_draft(file)
    write_draft(file, msgspec.structs.replace(found, signatures=[]))
    refused(ready, file, "still lacks the signature", 2)


def relabelled(draft: Draft, **fields: Any) -> Draft:
    """The same events and signatures under a note that says something else."""
    note = replace(draft.commit_note, **fields)
    return msgspec.structs.replace(draft, note=note.text().decode())


@pytest.mark.parametrize("fields", [
    {"commit_id": "0" * 32}, {"client": "muniment/9"}, {"seen_size": 1},
])  # fmt: skip
def test_a_draft_whose_note_was_rewritten_is_refused(ready: Sides, fields: dict[str, Any]) -> None:
    file = says(ready)
    write_draft(file, relabelled(read_draft(file), **fields))
    before = entries(ready)
    assert ready.run("submit", str(file)).exit_code != 0
    assert entries(ready) == before


def test_a_draft_whose_signer_was_relabelled_is_refused(ready: Sides) -> None:
    """The seller's own key under the buyer's name, and the buyer's signature under the seller's."""
    file = says(ready)
    found = read_draft(file)
    (line,) = found.commit_note.signers
    with ready.firm.open() as ledger:
        own = ledger.acting(ready.founder)
    other = replace(line, name=own.key.name, key_id=own.key_id, capacity="administrator")
    swapped = relabelled(found, signers=(other,))
    renamed = [text.replace(line.name, own.key.name) for text in found.signatures]
    for signatures in (found.signatures, renamed):
        write_draft(file, msgspec.structs.replace(swapped, signatures=signatures))
        before = entries(ready)
        assert ready.run("submit", str(file)).exit_code != 0
        assert entries(ready) == before
    promoted = relabelled(found, signers=(replace(line, capacity="supervisor"),))
    write_draft(file, promoted)
    assert ready.run("submit", str(file)).exit_code != 0


def test_a_receipt_signed_by_nobody_of_the_buyer_is_refused(ready: Sides) -> None:
    """The seller writes an event in the buyer's name and signs it with its own key."""
    found = read_draft(says(ready))
    with ready.firm.open() as ledger:
        own = ledger.acting(ready.founder)
        events = [decode_event(state) for state in found.states]
        note = commit_note(ledger.origin, found.states, ledger.seen(),
                           [own.cosigner("buyer_handler")])  # fmt: skip
        signed = sign_all(note, [own.key])
        with pytest.raises(RefusedError, match="author_did_not_sign_in_role"):
            ledger.record(events, Submission(signed, found.states, {}))


def test_a_changed_field_is_refused(ready: Sides) -> None:
    file = says(ready)
    found = read_draft(file)
    events = [text.replace('"agree"', '"ahead"') for text in found.events]
    assert events != found.events
    write_draft(file, msgspec.structs.replace(found, events=events))
    before = entries(ready)
    assert ready.run("submit", str(file)).exit_code != 0
    assert entries(ready) == before


def test_a_draft_for_another_ledger_is_refused(ready: Sides, tmp_path: Path) -> None:
    found = read_draft(says(ready))
    another(tmp_path, "other.example/ledger")
    with Ledger(Folder(tmp_path / "twin"), passphrase, writing=True) as other:
        with pytest.raises((RefusedError, VerificationError), match="another ledger"):
            drafts.submit(other, found)
        with pytest.raises(VerificationError, match="another ledger"):
            drafts.open_draft(other, found, None)


def test_what_the_signer_had_seen_must_hold_the_signers_own_last_act(ready: Sides) -> None:
    """Two drafts from one state: after the first, the second has not seen it (stale `seen`)."""
    first, second = says(ready, "one.commit"), says(ready, "two.commit")
    ready.did("submit", str(first))
    before = entries(ready)
    said = ready.error("submit", str(second), code=13)
    assert "own_previous_entry_not_seen" in str(said) or "version_gap" in str(said)
    assert entries(ready) == before
    ready.refresh()
    ready.did("submit", str(says(ready, "three.commit")))


def test_a_draft_that_saw_a_state_which_never_was_is_refused(ready: Sides, tmp_path: Path) -> None:
    """The seller changed its ledger after it had given a replica of it away."""
    file = says(ready)
    found = read_draft(file)
    seen = found.commit_note
    lied = relabelled(found, seen_root=bytes(32), seen_size=seen.seen_size)
    write_draft(file, lied)
    assert ready.run("submit", str(file)).exit_code != 0


# -- with others ----------------------------------------------------------------------------------


def test_a_joint_draft_begun_on_the_replica_is_signed_on_both_sides(ready: Sides) -> None:
    file = says(ready, "joint.commit", "--with", f"{ready.reviewer}:reviewer")
    assert read_draft(file).commit_note.until is not None
    ready.did("sign", str(file), "--yes", "--as", ready.reviewer)
    ready.did("submit", str(file))
    assert ready.json("verify")["verdict"] == "valid"


def joint(sides: Sides) -> Path:
    """A joint draft that the seller begins and He signs on the replica."""
    file = sides.home / "sellers.commit"
    sides.did(
        "ledger", "compare", str(sides.home / f"copy-{sides.copies}"), "--record", "--with",
        f"{sides.he}:buyer_handler", "--draft", str(file),
    )  # fmt: skip
    return file


def test_a_joint_draft_of_the_seller_is_signed_on_the_replica(ready: Sides) -> None:
    file = joint(ready)
    ready.machine.did("sign", str(file), "--yes", "--as", ready.he)
    ready.did("submit", str(file))


def test_a_replica_that_is_too_old_for_a_draft_says_so(ready: Sides) -> None:
    acted(ready.firm)
    file = joint(ready)
    said = ready.machine.error("sign", str(file), "--yes", "--as", ready.he, code=1)
    assert "this replica has" in said["message"]
    assert "replica take" in said["remedy"]
    ready.refresh()
    ready.machine.did("sign", str(file), "--yes", "--as", ready.he)


def test_an_expired_joint_draft_is_refused_on_both_sides(ready: Sides) -> None:
    file = joint(ready)
    found = read_draft(file)
    past = later(now(), days=-1)
    expired = relabelled(found, until=past)
    write_draft(file, msgspec.structs.replace(expired, signatures=[]))
    said = ready.machine.error("sign", str(file), "--yes", "--as", ready.he, code=1)
    assert "expired" in said["message"]
    assert CommitNote.parse(read_draft(file).note.encode()).until == past


def test_the_author_renews_a_stale_joint_draft_on_the_replica(ready: Sides) -> None:
    file = says(ready, "joint.commit", "--with", f"{ready.reviewer}:reviewer")
    ready.did("submit", str(says(ready, "other.commit")))  # the ledger's stream moves on
    said = ready.error("sign", str(file), "--yes", "--as", ready.reviewer, code=1)
    assert "stale" in said["message"]
    ready.refresh()
    ready.machine.did("draft", "renew", str(file), "--as", ready.he)
    ready.did("sign", str(file), "--yes", "--as", ready.reviewer)
    ready.did("submit", str(file))


def test_a_signer_on_the_replica_takes_its_signature_back(ready: Sides) -> None:
    """Who has signed and thinks better of it has it voided, before the others have signed."""
    file = says(ready, "joint.commit", "--with", f"{ready.reviewer}:reviewer")
    void = ready.home / "void.commit"
    ready.machine.did("draft", "void", str(file), "--draft", str(void), "--as", ready.he)
    ready.did("submit", str(void))
    ready.did("sign", str(file), "--yes", "--as", ready.reviewer)
    said = ready.error("submit", str(file), code=13)
    assert "draft_voided" in str(said) or "seen" in str(said)


def test_every_question_is_answered_on_a_replica(ready: Sides) -> None:
    """As on the ledger itself, without the texts."""
    for question in (
        "status", "inventory", "actor list", "party list", "key list", "key who", "handover list",
        "holding list", "engagement list", "access log", "access grants", "backup list",
        "hold list",
        "rights list", "document list", "medium list", "replica show", "verify",
        "rebuild --check", "doctor",
    ):  # fmt: skip
        theirs = ready.machine.did(*question.split())
        assert bool(ready.run(*question.split()).stdout) == bool(theirs), question
        assert "洁净保洁" not in theirs, question
        assert "何收" not in theirs, question
