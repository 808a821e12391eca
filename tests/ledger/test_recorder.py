"""What the recorder refuses, and that a refusal changes no table: each attack by its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent

from domain.actor import ActorKeyEnrolled
from domain.judging import Case, Signer, Statement, World
from domain.ledger import LedgerKeyRotated, rotated_by_old_and_new
from domain.values import Key
from ledger import acts, rebuild
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import ConflictError, MunimentError, NoteError, RefusedError
from ledger.evidence import b64url, check_signers, possession_message
from ledger.founding import enrolment
from ledger.privatekey import PrivateKey, generate
from ledger.recorder import Submission
from ledger.signing import Cosigner, Proposal, commit_note, encode_all, new_ids, sign_all
from ledger.tlog.commit import SignedCommit
from ledger.tlog.merkle import EMPTY_ROOT
from tests.ledger.ledgers import (
    ORIGIN,
    Firm,
    buyer,
    dump,
    sign_events,
    signed_by,
    small_act,
)

Refuse = Callable[..., MunimentError]


@pytest.fixture
def refused(ledger: Ledger, firm: Firm) -> Iterator[Refuse]:
    """Submits what must be refused with an error of ours, and compares the whole database."""

    def submit(
        submission: Submission, kind: type[MunimentError], match: str | None = None
    ) -> MunimentError:
        before = dump(ledger.engine)
        with pytest.raises(kind, match=match) as caught:
            ledger.log.record(submission)
        assert dump(ledger.engine) == before
        return caught.value

    yield submit
    # Whatever was refused: the ledger goes on.
    assert not ledger.act(ledger.acting(firm.founded.actor), [small_act(2**64)]).repeated
    with ledger.engine.connect() as connection:
        assert rebuild.check(connection) == []


def resigned(submission: Submission, keys: Sequence[PrivateKey], **changes: Any) -> Submission:
    """The same events under a changed note that is signed anew."""
    note = dataclasses.replace(submission.signed.note, **changes)
    return submission._replace(signed=sign_all(note, keys))


# -- nothing without a signed commit of exactly these events ------------------------------------


def test_events_without_a_commit_are_refused(ledger: Ledger, admin: Acting) -> None:
    events, submission = signed_by(ledger, admin, [small_act()])
    stored = [
        StoredEvent(e.originator_id, e.version, "draft.voided", s)
        for e, s in zip(events, submission.states, strict=True)
    ]
    before = dump(ledger.engine)
    with pytest.raises(RefusedError, match="signed commit"):
        ledger.log.insert_events(stored)
    with pytest.raises(RefusedError, match="signed commit"):
        ledger.log.insert_events([])
    with pytest.raises(RefusedError, match="signed commit"):
        ledger.save(*events)
    assert dump(ledger.engine) == before


def test_a_commit_of_other_events_than_those_handed_over_is_refused(
    ledger: Ledger, admin: Acting
) -> None:
    events, _ = signed_by(ledger, admin, [small_act(1)])
    _, other = signed_by(ledger, admin, [small_act(2)])
    with pytest.raises(RefusedError, match="exactly these events"):
        ledger.save(*events, commit=other)


def test_an_event_changed_after_signing_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act(1)])
    changed = submission.states[0].replace(b"00001", b"00002")
    assert changed != submission.states[0]
    refused(submission._replace(states=[changed]), NoteError, "root that was signed")


def test_a_root_that_is_not_the_events_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    refused(resigned(submission, [admin.key], root=bytes(32)), NoteError, "root that was signed")


@pytest.mark.parametrize("count", [1, 3, 10_000])
def test_a_count_that_is_not_the_events_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse, count: int
) -> None:
    _, submission = signed_by(ledger, admin, [small_act(1), small_act(2)])
    refused(resigned(submission, [admin.key], count=count), NoteError, "there are 2")


def test_events_in_another_order_than_signed_are_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act(1), small_act(2)])
    backwards = list(reversed(submission.states))
    refused(submission._replace(states=backwards), NoteError, "root that was signed")


def test_no_events_at_all_are_refused(ledger: Ledger, admin: Acting, refused: Refuse) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    refused(submission._replace(states=[]), NoteError, "there are 0")


# -- who signs ----------------------------------------------------------------------------------


def test_the_signature_of_another_key_is_refused(
    ledger: Ledger, admin: Acting, second_person: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    line = submission.signed.signatures[0]
    forged = dataclasses.replace(
        line, signature=second_person.key.sign(submission.signed.note.text())
    )
    refused(
        submission._replace(signed=SignedCommit(submission.signed.note, (forged,))),
        NoteError,
        "signature of .* fails",
    )


def test_a_signature_over_another_note_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, first = signed_by(ledger, admin, [small_act(1)])
    _, second = signed_by(ledger, admin, [small_act(2)])
    moved = SignedCommit(first.signed.note, second.signed.signatures)
    refused(first._replace(signed=moved), NoteError, "signature of .* fails")


@pytest.mark.parametrize(
    "name",
    [
        f"{ORIGIN}/a/{new_ids('actor')[0]}",  # nobody of this id
        f"{ORIGIN}/a/nobody",  # no id at all
        f"{ORIGIN}/a/",
        f"{ORIGIN}/b/{new_ids('actor')[0]}",
        ORIGIN,  # the ledger itself, with a key it never had
        "other.example/ledger/a/" + new_ids("actor")[0],
    ],
    ids=["unknown", "no id", "empty", "other branch", "the ledger", "other ledger"],
)
def test_a_signer_that_is_not_enrolled_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse, name: str
) -> None:
    stranger = generate("ed25519", "act", name)
    events, _ = signed_by(ledger, admin, [small_act()])
    cosigner = Cosigner(name, stranger.verifier.key_id, "administrator")
    note = commit_note(ORIGIN, encode_all(events), ledger.seen(), [cosigner])
    signed = sign_all(note, [stranger])
    refused(Submission(signed, encode_all(events)), NoteError, "no key of")


def test_a_new_key_of_a_known_actor_is_refused_until_it_is_enrolled(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    mine = generate("ed25519", "act", admin.key.name)
    forger = Acting(admin.actor, mine, mine.verifier.key_id.hex(), admin.state)
    events, ciphertexts = ledger.build(admin, [small_act()])
    refused(sign_events(ledger, forger, events, ciphertexts), NoteError, "no key of")


def test_the_ledgers_own_key_does_not_act(
    ledger: Ledger, admin: Acting, refused: Refuse, firm: Firm
) -> None:
    vkey = ledger.folder.pinned_key()
    own = ledger.private_key(firm.founded.ledger, "checkpoint", vkey.key_id.hex())
    events, _ = ledger.build(admin, [small_act()])
    cosigner = Cosigner(own.name, vkey.key_id, "administrator")
    note = commit_note(ORIGIN, encode_all(events), ledger.seen(), [cosigner])
    refused(Submission(sign_all(note, [own]), encode_all(events)), RefusedError, "key_not_for_acts")


def test_a_seal_key_does_not_sign_commits(
    ledger: Ledger, admin: Acting, firm: Firm, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    state = admin.state.active_key("seal")
    assert state is not None
    line = submission.signed.note.signers[0]
    named = dataclasses.replace(line, key_id=bytes.fromhex(state.key.id))
    note = dataclasses.replace(submission.signed.note, signers=(named,))
    given = dataclasses.replace(submission.signed.signatures[0], key_id=named.key_id)
    refused(submission._replace(signed=SignedCommit(note, (given,))), NoteError, "no key of")


def test_a_role_that_the_signer_does_not_hold_is_refused(
    ledger: Ledger, second_person: Acting, refused: Refuse
) -> None:
    events, ciphertexts = ledger.build(second_person, [buyer()], role="administrator")
    submission = sign_events(ledger, second_person, events, ciphertexts)
    refused(submission, RefusedError, "I-09 engagement_scope .role_not_held")


def test_an_act_in_another_persons_name_is_refused(
    ledger: Ledger, admin: Acting, second_person: Acting, refused: Refuse
) -> None:
    events, ciphertexts = ledger.build(admin, [small_act()])
    submission = sign_events(ledger, second_person, events, ciphertexts)
    refused(submission, RefusedError, "author_did_not_sign_in_role")


def test_a_revoked_key_signs_nothing_more(
    ledger: Ledger, admin: Acting, second_person: Acting, refused: Refuse
) -> None:
    key_id = second_person.key_id.hex()
    ledger.act(admin, [acts.revoke_key(second_person.actor, key_id, "left")])
    _, submission = signed_by(ledger, second_person, [small_act()])
    refused(submission, RefusedError, "key_revoked")


# -- keys that are enrolled ---------------------------------------------------------------------


def enrolling(ledger: Ledger, key: Key, actor: str) -> Proposal:
    return Proposal(ActorKeyEnrolled, actor, {"key": key, "continuity": "continuous"})


def test_a_key_whose_possession_is_not_proved_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    key = generate("ed25519", "act", admin.key.name)
    proposal = enrolling(ledger, enrolment(key, ledger.seen()), admin.actor)
    _, submission = signed_by(ledger, admin, [proposal])
    refused(submission, RefusedError, "possession_not_proved")


def seal_key(ledger: Ledger, admin: Acting, **changes: Any) -> Key:
    fresh = generate("p256", "seal", admin.key.name)
    return msgspec.structs.replace(enrolment(fresh, ledger.seen()), **changes)


def forged_proofs(ledger: Ledger, admin: Acting) -> Mapping[str, Key]:
    other = generate("p256", "seal", admin.key.name)
    good = seal_key(ledger, admin)
    proof = str(good.proof)
    elsewhere = (ledger.seen()[0] - 1, ledger.seen()[1])
    return {
        "missing": seal_key(ledger, admin, proof=msgspec.UNSET),
        "empty": seal_key(ledger, admin, proof=""),
        "by another key": seal_key(
            ledger, admin, proof=b64url(other.sign(possession_message(good, *ledger.seen())))
        ),
        "over another state": enrolment(generate("p256", "seal", admin.key.name), elsewhere),
        "one bit changed": seal_key(
            ledger, admin, proof=proof[:-3] + ("B" if proof[-3] == "A" else "A") + proof[-2:]
        ),
        "no base64": seal_key(ledger, admin, proof="A"),
        "by the actor's act key": seal_key(
            ledger, admin, proof=b64url(admin.key.sign(possession_message(good, *ledger.seen())))
        ),
        "no point of the curve": seal_key(ledger, admin, public=b64url(b"\x04" + bytes(64))),
        "public key is no base64": seal_key(ledger, admin, public="A"),
        "another key's id": seal_key(ledger, admin, id="00000000"),
    }


@pytest.mark.parametrize(
    "attack",
    ["missing", "empty", "by another key", "over another state", "one bit changed", "no base64",
     "by the actor's act key", "no point of the curve", "public key is no base64",
     "another key's id"],
)  # fmt: skip
def test_a_seal_key_without_a_good_proof_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse, attack: str
) -> None:
    key = forged_proofs(ledger, admin)[attack]
    _, submission = signed_by(ledger, admin, [enrolling(ledger, key, admin.actor)])
    refused(submission, NoteError, "not (prove that it is held|have the id|base64url)")


def test_a_public_key_is_enrolled_once_even_under_another_actor(
    ledger: Ledger, admin: Acting, second_person: Acting, refused: Refuse
) -> None:
    again = PrivateKey("ed25519", "act", second_person.key.name, admin.key.secret_bytes())
    key = enrolment(again, ledger.seen())
    proposal = enrolling(ledger, key, second_person.actor)
    events, ciphertexts = ledger.build(second_person, [proposal])
    submission = sign_events(ledger, second_person, events, ciphertexts, possession=[again])
    refused(submission, RefusedError, "key_enrolled_before")


def test_a_public_key_is_enrolled_once_even_within_one_commit(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    key = generate("ed25519", "act", admin.key.name)
    proposals = [enrolling(ledger, enrolment(key, ledger.seen()), admin.actor)] * 2
    _, submission = signed_by(ledger, admin, proposals, possession=[key])
    refused(submission, RefusedError, "key_enrolled_before")


def test_a_recorded_key_is_never_replaced_by_one_that_the_commit_brings(
    ledger: Ledger, admin: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key ids have 32 bits: a forger can find a key with the id of somebody else's."""
    monkeypatch.setattr("ledger.tlog.commit.key_id", lambda *_: admin.key_id)
    monkeypatch.setattr("ledger.evidence.key_id_of", lambda *_: admin.key_id.hex())
    mine = generate("ed25519", "act", admin.key.name)
    fields = {"name": mine.name, "id": admin.key_id.hex(), "kind": "ed25519", "purpose": "act"}
    key = Key(**fields, public=b64url(mine.public))  # type: ignore[arg-type]
    events, _ = ledger.build(admin, [enrolling(ledger, key, admin.actor)])
    note = ledger.note_over(admin, events, {}).note
    line = sign_all(note, [admin.key]).signatures[0]
    forged = dataclasses.replace(line, signature=mine.sign(note.text()))
    with pytest.raises(NoteError, match="fails"):
        check_signers(SignedCommit(note, (forged,)), events, ledger.log.facts.key)


def rotation(ledger: Ledger, old: PrivateKey, new: PrivateKey) -> Proposal:
    key = enrolment(new, ledger.seen())
    fields = {"old_key": old.verifier.key_id.hex(), "key": key}
    return Proposal(LedgerKeyRotated, ledger.ledger_id, fields)


@pytest.fixture
def checkpoint_key(ledger: Ledger) -> PrivateKey:
    vkey = ledger.folder.pinned_key()
    return ledger.private_key(ledger.ledger_id, "checkpoint", vkey.key_id.hex())


def test_the_ledgers_key_is_rotated_by_old_and_new(
    ledger: Ledger, admin: Acting, checkpoint_key: PrivateKey, refused: Refuse
) -> None:
    new = generate("ed25519", "checkpoint", ORIGIN)
    proposal = rotation(ledger, checkpoint_key, new)
    _, alone = signed_by(ledger, admin, [proposal], possession=[new])
    refused(alone, RefusedError, "old_key_must_sign")
    ledger.act(admin, [proposal], possession=[checkpoint_key, new])
    back = rotation(ledger, new, checkpoint_key)
    _, again = signed_by(ledger, admin, [back], possession=[new, checkpoint_key])
    refused(again, RefusedError, "key_(enrolled|id_used)_before")


def test_the_ledgers_key_is_not_replaced_by_an_actors(
    ledger: Ledger,
    admin: Acting,
    second_person: Acting,
    checkpoint_key: PrivateKey,
    refused: Refuse,
) -> None:
    theirs = PrivateKey("ed25519", "checkpoint", ORIGIN, second_person.key.secret_bytes())
    proposal = rotation(ledger, checkpoint_key, theirs)
    _, submission = signed_by(ledger, admin, [proposal], possession=[checkpoint_key, theirs])
    refused(submission, RefusedError, "key_enrolled_before")


def test_the_ledgers_new_key_does_not_take_the_id_of_its_old_one(
    ledger: Ledger, admin: Acting, checkpoint_key: PrivateKey
) -> None:
    """Else a key made to have that id would seem to be signed for by the old one."""
    new = generate("ed25519", "checkpoint", ORIGIN)
    (event,), _ = ledger.build(admin, [rotation(ledger, checkpoint_key, new)])
    assert isinstance(event, LedgerKeyRotated)
    twin = msgspec.structs.replace(event.key, id=event.old_key)
    signer = Signer(ORIGIN, event.old_key, "possession", ledger.ledger_id)
    said = Statement("0" * 32, 2, "2026-01-01T00:00:00.000Z", 2, None, (signer,))
    case = Case(World(ledger.log.facts), ledger.policy(), said)
    refusals = rotated_by_old_and_new(case, msgspec.structs.replace(event, key=twin))
    assert [refusal.detail for refusal in refusals] == ["key_id_used_before"]
    assert list(rotated_by_old_and_new(case, event)) == []


# -- for which ledger, having seen what ---------------------------------------------------------


def test_a_commit_signed_for_another_ledger_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    other = resigned(submission, [admin.key], origin="other.example/ledger")
    refused(other, RefusedError, "for another ledger")


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ("fork", "never had"),
        ("future", "never had"),
        ("nothing", "never had"),
        ("nothing, with its root", "seen_out_of_range"),
        ("too little", "own_previous_entry_not_seen"),
    ],
)
def test_what_the_signer_saw_must_be_a_state_of_this_ledger(
    ledger: Ledger, admin: Acting, refused: Refuse, seen: str, cause: str
) -> None:
    size, root = ledger.seen()
    states = {
        "fork": (size, bytes(32)),
        "future": (size + 1, root),
        "nothing": (0, root),
        "nothing, with its root": (0, EMPTY_ROOT),
        "too little": (1, ledger.log.tree.root_at(1)),
    }
    _, submission = signed_by(ledger, admin, [small_act()])
    try:
        changed = resigned(
            submission, [admin.key], seen_size=states[seen][0], seen_root=states[seen][1]
        )
    except NoteError:  # the note itself cannot say this
        assert seen == "nothing"
        return
    refused(changed, RefusedError, cause)


# -- the same again -----------------------------------------------------------------------------


def test_the_same_note_twice_is_recorded_once(ledger: Ledger, admin: Acting) -> None:
    _, submission = signed_by(ledger, admin, [buyer()])
    first = ledger.log.record(submission)
    before = dump(ledger.engine)
    again = ledger.log.record(submission)
    assert (again.entry, again.first, again.accepted) == first[:3]
    assert again.repeated
    assert not first.repeated
    assert dump(ledger.engine) == before


def test_a_recorded_note_is_no_answer_for_other_events(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act(1)])
    ledger.log.record(submission)
    changed = submission.states[0].replace(b"00001", b"00002")
    refused(submission._replace(states=[changed]), NoteError, "root that was signed")


def test_a_commit_id_is_taken_by_the_first_note(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act(1)])
    ledger.log.record(submission)
    _, other = signed_by(ledger, admin, [small_act(2)])
    taken = resigned(other, [admin.key], commit_id=submission.signed.note.commit_id)
    refused(taken, ConflictError, "another commit with this id")


def test_the_same_event_under_another_note_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    events, submission = signed_by(ledger, admin, [small_act(1)])
    ledger.log.record(submission)
    refused(sign_events(ledger, admin, events, {}), RefusedError, "version_gap_or_repeat")


# -- what travels beside the events -------------------------------------------------------------


@pytest.mark.parametrize("attack", ["missing", "changed", "moved", "extra", "out of range"])
def test_a_sealed_part_that_its_event_does_not_name_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse, attack: str
) -> None:
    _, submission = signed_by(ledger, admin, [buyer("甲"), buyer("乙"), small_act()])
    sealed = dict(submission.ciphertexts)
    attacks: dict[str, dict[int, bytes]] = {
        "missing": {0: sealed[0]},
        "changed": {**sealed, 0: sealed[0][:-1] + bytes([sealed[0][-1] ^ 1])},
        "moved": {0: sealed[1], 1: sealed[0]},
        "extra": {**sealed, 2: sealed[0]},
        "out of range": {**sealed, 7: sealed[0]},
    }
    refused(submission._replace(ciphertexts=attacks[attack]), RefusedError, "sealed payload")


def test_a_pack_that_no_event_adopts_is_refused(
    ledger: Ledger, admin: Acting, refused: Refuse
) -> None:
    _, submission = signed_by(ledger, admin, [small_act()])
    refused(submission._replace(packs=[b"free text for ever"]), RefusedError, "pack")
