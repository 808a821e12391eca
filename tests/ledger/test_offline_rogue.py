"""A ledger whose keeper lies: entries are made up, and proved under a checkpoint rightly signed.

What stands against the keeper are the people's own keys, the history of these keys, and what the
signers saw.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.evidence import b64url
from ledger.founding import enrolment
from ledger.privatekey import PrivateKey, generate
from ledger.tlog.commit import Entry, SignedCommit
from ledger.tlog.encoding import encode
from ledger.tlog.note import SignatureLine
from tests.ledger.bundles import EARLIER
from tests.ledger.ledgers import keep_key
from tests.ledger.offline_forger import (
    Rogue,
    answer_of,
    answers,
    as_enrolled,
    check,
    codes,
    export,
    key_for,
    next_of,
    next_review,
    reviewed,
)

LONG_AGO = "2020-01-01T00:00:00.000Z"
NEVER = "9999-01-01T00:00:00.000Z"


@pytest.fixture
def record(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> str:
    return reviewed(ledger, admin, second_person, tmp_path / "合同")


@pytest.fixture
def rogue(ledger: Ledger, admin: Acting, record: str) -> Rogue:
    return Rogue(ledger, export(ledger, admin, record))


def test_the_whole_ledger_as_it_is_makes_a_valid_bundle(rogue: Rogue) -> None:
    report = check(rogue.bundle(), rogue.case.vkey)
    assert report.verdict == "valid", report.findings


def test_an_act_signed_by_its_author_after_the_export_is_valid_too(
    rogue: Rogue, second_person: Acting
) -> None:
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event)
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"


def test_an_act_in_the_name_of_another_person_fails(rogue: Rogue, admin: Acting) -> None:
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(admin.key, "reviewer")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert "author_did_not_sign" in codes(report)
    assert report.verdict == "invalid"


def test_an_act_in_another_role_than_was_signed_for_fails(
    rogue: Rogue, second_person: Acting
) -> None:
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(second_person.key, "approver")]), event)
    assert "author_did_not_sign" in codes(check(rogue.bundle(), rogue.case.vkey))


def test_a_key_that_nobody_enrolled_makes_the_act_unverifiable(
    rogue: Rogue, second_person: Acting
) -> None:
    event = next_review(rogue)
    stranger = key_for(rogue, second_person.actor)
    rogue.accept(rogue.said(event, by=[(stranger, "reviewer")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"key_unknown"}
    assert report.verdict == "unverifiable"


def test_a_key_enrolled_after_the_act_is_too_late(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    event, late = next_review(rogue), key_for(rogue, second_person.actor)
    rogue.accept(rogue.said(event, by=[(late, "reviewer")]), event)
    enrolled = next_of(
        rogue, second_person.actor, type="actor.key_enrolled", key=as_enrolled(late),
        continuity="broken",
    )  # fmt: skip
    signed = rogue.said(enrolled, by=[(admin.key, "administrator"), (late, "possession")])
    rogue.accept(signed, enrolled)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert "key_not_yet_enrolled" in codes(report)
    assert report.verdict == "invalid"


def test_one_administrator_alone_cannot_give_somebody_a_new_key(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    for continuity in ("broken", "first", "continuous", "whatever"):
        fresh = key_for(rogue, second_person.actor)
        event = next_of(
            rogue, second_person.actor, type="actor.key_enrolled", key=as_enrolled(fresh),
            continuity=continuity,
        )  # fmt: skip
        signed = rogue.said(event, by=[(admin.key, "administrator"), (fresh, "possession")])
        rogue.accept(signed, event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert [f.code for f in report.findings].count("key_act_not_permitted") == 4


def test_somebody_without_the_role_cannot_enrol_keys_for_others(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    fresh = key_for(rogue, admin.actor)
    event = next_of(
        rogue, admin.actor, type="actor.key_enrolled", key=as_enrolled(fresh), continuity="broken",
        by=second_person.actor,
    )  # fmt: skip
    signed = rogue.said(event, by=[(second_person.key, "administrator"), (fresh, "possession")])
    rogue.accept(signed, event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"key_act_not_permitted"}


def test_nobody_makes_themselves_an_administrator(rogue: Rogue, second_person: Acting) -> None:
    event = next_of(
        rogue, second_person.actor, type="actor.role_granted", granted="administrator",
        by=second_person.actor,
    )  # fmt: skip
    rogue.accept(rogue.said(event, by=[(second_person.key, "administrator")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"key_act_not_permitted"}
    assert answers(report)["events_genuine"] == "fails"


def test_a_key_that_its_holder_did_not_prove_to_hold_is_not_enrolled(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    stolen = key_for(rogue, second_person.actor)
    event = next_of(
        rogue, second_person.actor, type="actor.key_rotated", key=as_enrolled(stolen),
        old_key=second_person.key_id.hex(), reason="rotated", by=second_person.actor,
        role="reviewer",
    )  # fmt: skip
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"enrolment_invalid"}


def test_a_replacement_that_the_old_key_did_not_sign_fails(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    fresh = key_for(rogue, second_person.actor)
    event = next_of(
        rogue, second_person.actor, type="actor.key_rotated", key=as_enrolled(fresh),
        old_key=second_person.key_id.hex(), reason="rotated",
    )  # fmt: skip
    signed = rogue.said(event, by=[(admin.key, "administrator"), (fresh, "possession")])
    rogue.accept(signed, event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"rotation_not_signed"}


def test_a_ledger_key_put_in_without_the_old_ones_signature_is_not_followed(
    rogue: Rogue, ledger: Ledger, admin: Acting
) -> None:
    usurper = generate("ed25519", "checkpoint", rogue.origin)
    key = {**as_enrolled(usurper), "purpose": "checkpoint"}
    event = next_of(
        rogue, ledger.ledger_id, type="ledger.key_rotated", key=key,
        old_key=ledger.checkpoint_key(),
    )  # fmt: skip
    signed = rogue.said(event, by=[(admin.key, "administrator"), (usurper, "possession")])
    rogue.accept(signed, event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"rotation_not_signed"}
    assert report.verdict == "invalid"
    rogue.key = usurper
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"checkpoint_key_unknown"}
    assert answers(report)["checkpoint_trusted"] == "undecided"
    assert report.verdict == "unverifiable"


def named(secret: bytes, name: str) -> PrivateKey:
    """The key made of these 32 bytes, under a name: one secret may bear two."""
    return PrivateKey("ed25519", "act", name, secret)


def second_key(rogue: Rogue, person: Acting, key: PrivateKey) -> dict[str, Any]:
    """A person enrols one more act key of their own, as they may."""
    return next_of(
        rogue, person.actor, type="actor.key_enrolled", key=as_enrolled(key),
        continuity="continuous", by=person.actor, role="reviewer",
    )  # fmt: skip


def test_a_further_key_is_enrolled_by_its_holder(rogue: Rogue, second_person: Acting) -> None:
    fresh = key_for(rogue, second_person.actor)
    event = second_key(rogue, second_person, fresh)
    signed = rogue.said(event, by=[(second_person.key, "reviewer"), (fresh, "possession")])
    rogue.accept(signed, event)
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"
    review = next_review(rogue)
    rogue.accept(rogue.said(review, by=[(fresh, "reviewer")]), review)
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"


def test_one_key_under_two_names_does_not_sign_for_two(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    one = named(bytes(range(32)), second_person.key.name)
    other = named(bytes(range(32)), admin.key.name)
    event = second_key(rogue, second_person, one)
    signers = [(second_person.key, "reviewer"), (one, "possession")]
    rogue.accept(rogue.said(event, by=signers), event)
    again = next_of(
        rogue, admin.actor, type="actor.key_enrolled", key=as_enrolled(other),
        continuity="continuous", by=admin.actor,
    )  # fmt: skip
    signers = [(admin.key, "administrator"), (other, "possession"), (one, "reviewer")]
    rogue.accept(rogue.said(again, by=signers), again)
    assert "key_signs_twice" in codes(check(rogue.bundle(), rogue.case.vkey))


def test_a_public_key_is_enrolled_once(rogue: Rogue, admin: Acting, second_person: Acting) -> None:
    for person, role in ((second_person, "reviewer"), (admin, "administrator")):
        key = named(bytes(range(32)), person.key.name)
        event = {**second_key(rogue, person, key), "role": role}
        rogue.accept(rogue.said(event, by=[(person.key, role), (key, "possession")]), event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"key_enrolled_before"}


def test_a_key_under_another_persons_name_is_not_enrolled(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    disguised = key_for(rogue, admin.actor)
    event = second_key(rogue, second_person, disguised)
    signed = rogue.said(event, by=[(second_person.key, "reviewer"), (disguised, "possession")])
    rogue.accept(signed, event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"enrolment_invalid"}


def test_a_key_with_an_id_that_is_not_its_own_is_not_enrolled(
    rogue: Rogue, second_person: Acting
) -> None:
    fresh = key_for(rogue, second_person.actor)
    event = second_key(rogue, second_person, fresh)
    event["key"] = {**event["key"], "public": b64url(second_person.key.public)}
    signed = rogue.said(event, by=[(second_person.key, "reviewer"), (fresh, "possession")])
    rogue.accept(signed, event)
    assert "enrolment_invalid" in codes(check(rogue.bundle(), rogue.case.vkey))


def test_the_ledgers_own_key_acts_for_nobody(rogue: Rogue, second_person: Acting) -> None:
    event = next_review(rogue)
    signers = [(second_person.key, "reviewer"), (rogue.key, "reviewer")]
    rogue.accept(rogue.said(event, by=signers), event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"key_not_for_acts"}


def test_nobody_but_holder_and_administrators_ends_a_key(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    event = next_of(
        rogue, admin.actor, type="actor.key_revoked", key=admin.key_id.hex(), reason="lost",
        by=second_person.actor,
    )  # fmt: skip
    rogue.accept(rogue.said(event, by=[(second_person.key, "administrator")]), event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"key_act_not_permitted"}


def test_the_end_of_a_key_that_is_not_there_is_found(rogue: Rogue, admin: Acting) -> None:
    event = next_of(rogue, admin.actor, type="actor.key_revoked", key="00000000", reason="lost")
    rogue.accept(rogue.said(event, by=[(admin.key, "administrator")]), event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"key_event_without_key"}


def test_hostile_events_are_findings_and_never_a_crash(rogue: Rogue, admin: Acting) -> None:
    """Everything that the key history looks into, as something else than it is."""
    odd: list[Any] = [0, True, "", "x" * 300, [], {}, [[]], {"a": {}}]
    kinds = {
        "ledger.initialized": ("origin", "checkpoint_key", "seal_key"),
        "ledger.key_rotated": ("old_key", "key"),
        "policy.adopted": ("digest",),
        "actor.registered": ("party",),
        "actor.key_enrolled": ("continuity", "key"),
        "actor.key_rotated": ("old_key", "key"),
        "actor.key_revoked": ("key",),
        "actor.key_compromised": ("key", "suspected_since"),
        "actor.role_granted": ("granted", "scope", "valid_from", "valid_to", "engagement"),
        "actor.role_revoked": ("revoked",),
    }
    for kind, fields in kinds.items():
        for field in fields:
            for value in odd:
                event = next_of(rogue, admin.actor, type=kind, **{field: value})
                rogue.accept(rogue.said(event, by=[(admin.key, "administrator")]), event)
        event = next_of(rogue, admin.actor, type=kind)
        rogue.accept(rogue.said(event, by=[(admin.key, "administrator")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert report.verdict == "invalid"
    assert report.as_text("zh")


def test_a_revoked_key_signs_nothing_more(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    ledger.act(admin, [acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")])
    rogue = Rogue(ledger, export(ledger, admin, record))
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"key_ended_before"}
    assert report.verdict == "invalid"


def test_a_key_used_after_its_compromise_was_reported_is_invalid_and_before_it_disputed(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    theft = acts.report_compromise(second_person.actor, second_person.key_id.hex(), LONG_AGO)
    ledger.act(admin, [theft])
    rogue = Rogue(ledger, export(ledger, admin, record))
    disputed = check(rogue.bundle(), rogue.case.vkey)
    assert (disputed.verdict, codes(disputed)) == ("disputed", {"key_compromised"})
    assert answers(disputed)["events_genuine"] == "undecided"
    assert answer_of(disputed, "record.verified") == {"undecided"}
    assert answer_of(disputed, "record.collected") == {"holds"}
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"key_compromised", "key_ended_before"}
    assert report.verdict == "invalid"


def test_what_was_accepted_before_the_suspicion_stands(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    event = next_of(
        rogue, second_person.actor, type="actor.key_compromised", key=second_person.key_id.hex(),
        suspected_since=NEVER,
    )  # fmt: skip
    rogue.accept(rogue.said(event, by=[(admin.key, "administrator")]), event)
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"


def test_the_exporter_signs_with_a_key_that_has_not_ended(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    ledger.act(admin, [acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")])
    rogue = Rogue(ledger, export(ledger, admin, record)._replace(exporter=second_person.key))
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"exporter_key_unfit"}
    assert answers(report)["package_intact"] == "fails"
    rogue.case = rogue.case._replace(exporter=key_for(rogue, admin.actor))
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"exporter_key_unknown"}


def test_a_rotated_act_key_carries_on_and_the_old_one_does_not(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    fresh = generate("ed25519", "act", second_person.key.name)
    keep_key(ledger, second_person.actor, fresh)
    key = enrolment(fresh, ledger.seen())
    proposal = acts.rotate_key(second_person.actor, second_person.key_id.hex(), key, "rotated")
    ledger.act(second_person, [proposal], possession=[fresh])
    rogue = Rogue(ledger, export(ledger, admin, record))
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(fresh, "reviewer")]), event)
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"key_ended_before"}


def test_an_entry_of_another_ledger_does_not_fit_in(rogue: Rogue, admin: Acting) -> None:
    """A fork: the same people signed it, for a ledger of another name."""
    event, here = next_review(rogue), rogue.origin
    rogue.origin = "other.example/ledger"
    signed = rogue.said(event, by=[(admin.key, "reviewer")])
    rogue.origin = here
    rogue.accept(signed, event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert "entry_foreign" in codes(report)
    assert report.verdict == "invalid"


def test_swapped_signatures_of_two_entries_fail(rogue: Rogue) -> None:
    """Each line stands under the right name, but over the other commit."""
    parsed = [Entry.parse(data) for data in rogue.entries]
    one, two, *_ = (
        n for n, entry in enumerate(parsed) if n and len(entry.commit.signatures) == 1
    )  # fmt: skip
    for at, other in ((one, two), (two, one)):
        mine, theirs = parsed[at].commit.signatures[0], parsed[other].commit.signatures[0]
        line = SignatureLine(mine.name, mine.key_id, theirs.signature)
        rogue.entries[at] = Entry(
            parsed[at].accepted, SignedCommit(parsed[at].commit.note, (line,))
        ).format()
    report = check(rogue.bundle(), rogue.case.vkey)
    assert "signature_fails" in codes(report)
    assert report.verdict == "invalid"


def test_a_clock_that_went_back_is_found(rogue: Rogue, second_person: Acting) -> None:
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event, at=LONG_AGO)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"clock_regression"}


def test_two_signers_who_saw_different_ledgers_of_one_size_show_the_fork(
    rogue: Rogue, admin: Acting, second_person: Acting
) -> None:
    event = next_review(rogue)
    first = rogue.said(event, by=[(second_person.key, "reviewer")])
    rogue.entries[-1], kept = rogue.entries[0], rogue.entries[-1]
    other = {**event, "version": event["version"] + 1}
    second = rogue.said(other, by=[(second_person.key, "reviewer")])
    rogue.entries[-1] = kept
    rogue.accept(first, event)
    rogue.accept(second, other)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"seen_contradicts", "state_not_prefix"}
    assert report.verdict == "invalid"


def test_nobody_has_seen_what_was_not_there_yet(rogue: Rogue, second_person: Acting) -> None:
    event = next_review(rogue)
    rogue.entries += [b"x", b"y"]
    signed = rogue.said(event, by=[(second_person.key, "reviewer")])
    del rogue.entries[-2:]
    rogue.accept(signed, event)
    assert codes(check(rogue.bundle(), rogue.case.vkey)) == {"seen_out_of_range"}


def test_a_repeated_version_is_found(rogue: Rogue, second_person: Acting) -> None:
    event = rogue.last("record.verified")
    rogue.accept(rogue.said(event, by=[(second_person.key, "reviewer")]), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"version_gap"}
    assert answers(report)["streams_unbroken"] == "fails"


def test_a_ledger_opened_anew_under_the_same_name_is_not_the_one_trusted(
    rogue: Rogue, ledger: Ledger, admin: Acting
) -> None:
    """Entry 0 is written again with another ledger key, everything after it is as it was."""
    usurper = generate("ed25519", "checkpoint", rogue.origin)
    events = [json.loads(raw) for raw in rogue.events[0]]
    events[0]["checkpoint_key"] = {**as_enrolled(usurper), "purpose": "checkpoint"}
    later, rogue.entries = rogue.entries[1:], []
    signed = rogue.said(*events, by=[(admin.key, "administrator"), (usurper, "possession")])
    rogue.entries = [Entry(EARLIER, signed).format(), *later]
    rogue.events[0] = [encode(event) for event in events]
    honest, rogue.key = rogue.key, usurper
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"checkpoint_key_unknown"}
    rogue.key = honest
    report = check(rogue.bundle(), rogue.case.vkey)
    assert "trust_not_of_ledger" in codes(report), "the first entry names another key"
    assert report.verdict == "invalid"


def test_events_of_a_commit_that_is_not_shown_whole_are_genuine_one_by_one(rogue: Rogue) -> None:
    """The exported bundle itself: of entry 0 it shows only what proves the keys."""
    shown = json.loads(rogue.case.files["data/10_账本/places.json"])
    assert sum(place["entry"] == 0 for place in shown) < len(rogue.events[0])
    assert check(rogue.case.files, rogue.case.vkey).verdict == "valid"
