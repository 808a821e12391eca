"""Joint commits as files: a downgrade that needs a second person, and everything a forger tries."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from domain.ledger import DraftVoided
from domain.values import later
from ledger import acts, drafts, rebuild
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.drafts import MAX_DRAFT_BYTES, Draft
from ledger.errors import (
    ConflictError,
    DataError,
    KeyAccessError,
    MunimentError,
    NoteError,
    RefusedError,
    UsageError,
    VerificationError,
)
from ledger.founding import enrolment
from ledger.privatekey import PrivateKey, encrypt_to, generate
from ledger.signing import Proposal, new_ids, now
from ledger.tlog.commit import CommitNote, SignerLine
from ledger.tlog.note import SignatureLine, encode_base64
from tests.ledger.ledgers import (
    Firm,
    add_person,
    collect_files,
    dump,
    keep_key,
    small_act,
)
from tests.ledger.signers import one_byte_changes

AXES = {
    "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
    "profile": "cn_strict",
}  # fmt: skip


class Case(NamedTuple):
    """A classified record, and a draft of its downgrade that lacks the approver's signature."""

    ledger: Ledger
    maker: Acting
    approver: Acting
    record: str
    draft: Draft

    def seal_key(self, who: Acting) -> PrivateKey:
        state = who.state.active_key("seal")
        assert state is not None
        return self.ledger.private_key(who.actor, "seal", state.key.id)

    def signed(self) -> Draft:
        return drafts.add_signature(self.draft, self.approver.key)


def downgrade(ledger: Ledger, maker: Acting, approver: Acting, record: str) -> Draft:
    lower = acts.classify(ledger, record, {**AXES, "level": "general_1"}, "降级理由")
    events, ciphertexts = ledger.build(maker, [lower])
    return drafts.make_draft(ledger, maker, events, ciphertexts, [(approver.actor, "approver")])


@pytest.fixture
def case(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> Case:
    (found,) = collect_files(ledger, admin, tmp_path / "files")
    ledger.act(admin, [acts.classify(ledger, found.record, AXES, "常规合同")])
    draft = downgrade(ledger, admin, second_person, found.record)
    return Case(ledger, admin, second_person, found.record, draft)


def replaced(draft: Draft, **fields: Any) -> Draft:
    return msgspec.structs.replace(draft, **fields)


def refused(case: Case, draft: Draft, kind: type[Exception], match: str | None = None) -> None:
    """Submitting fails as said and changes nothing; the good draft still goes through."""
    before = dump(case.ledger.engine)
    with pytest.raises(kind, match=match):
        drafts.submit(case.ledger, Draft.parse(draft.format()))
    assert dump(case.ledger.engine) == before
    assert not drafts.submit(case.ledger, case.signed()).repeated
    with case.ledger.engine.connect() as connection:
        assert rebuild.check(connection) == []


# -- the life of a draft ------------------------------------------------------------------------


def test_a_draft_is_made_here_signed_there_and_submitted(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "downgrade.commit"
    drafts.write_draft(path, case.draft)
    assert path.stat().st_mode & 0o077 == 0

    there = drafts.read_draft(path)  # the approver's side
    assert there == case.draft
    opened = drafts.open_draft(case.ledger, there, case.seal_key(case.approver))
    assert opened.texts == {0: {"rationale": "降级理由"}}
    drafts.check_current(case.ledger, opened)
    drafts.write_draft(path, drafts.add_signature(there, case.approver.key))

    back = drafts.read_draft(path)
    assert back.missing() == []
    receipt = drafts.submit(case.ledger, back)
    state = case.ledger.state(case.record)
    assert state.level == "general_1"  # type: ignore[union-attr]
    assert case.ledger.unseal(receipt.first, receipt.events[0]) == {"rationale": "降级理由"}


def test_the_file_shows_nothing_in_clear(case: Case) -> None:
    assert "降级" not in case.draft.format().decode()
    closed = drafts.open_draft(case.ledger, case.draft, None)
    assert closed.texts == {}


def test_a_draft_lacks_whoever_has_not_signed(case: Case) -> None:
    assert [capacity for _, capacity in case.draft.missing()] == ["approver"]
    refused(case, case.draft, UsageError, "lacks the signature of .*approver")


def test_signing_twice_changes_nothing(case: Case) -> None:
    assert drafts.add_signature(case.signed(), case.approver.key) == case.signed()


def test_a_key_that_the_draft_does_not_name_cannot_sign_it(case: Case, firm: Firm) -> None:
    third = add_person(case.ledger, case.maker, firm.founded.party, ["approver"])
    with pytest.raises(NoteError, match="does not name"):
        drafts.add_signature(case.draft, third.key)


def test_a_submitted_draft_submitted_again_is_the_same_entry(case: Case) -> None:
    first = drafts.submit(case.ledger, case.signed())
    before = dump(case.ledger.engine)
    again = drafts.submit(case.ledger, case.signed())
    assert (again.entry, again.repeated) == (first.entry, True)
    assert dump(case.ledger.engine) == before


def test_a_stale_draft_is_refused_by_name_and_renewed(case: Case) -> None:
    other = downgrade(case.ledger, case.maker, case.approver, case.record)
    drafts.submit(case.ledger, drafts.add_signature(other, case.approver.key))
    opened = drafts.open_draft(case.ledger, case.draft, None)
    with pytest.raises(ConflictError, match="stale"):
        drafts.check_current(case.ledger, opened)
    with pytest.raises(RefusedError, match="I-04"):
        drafts.submit(case.ledger, case.signed())
    renewed = drafts.renew(case.ledger, case.maker, case.draft, case.seal_key(case.maker))
    assert [capacity for _, capacity in renewed.missing()] == ["approver"]
    assert renewed.commit_note.commit_id != case.draft.commit_note.commit_id
    reopened = drafts.open_draft(case.ledger, renewed, case.seal_key(case.approver))
    assert reopened.texts == {0: {"rationale": "降级理由"}}
    drafts.check_current(case.ledger, reopened)


def test_only_the_author_renews(case: Case) -> None:
    with pytest.raises(UsageError, match="author"):
        drafts.renew(case.ledger, case.approver, case.draft, case.seal_key(case.approver))


def test_a_voided_draft_is_never_accepted(case: Case) -> None:
    commit = case.draft.commit_note.commit_id
    void = Proposal(DraftVoided, new_ids("draft")[0], {"commit": commit})
    case.ledger.act(case.approver, [void])
    before = dump(case.ledger.engine)
    with pytest.raises(RefusedError, match="draft_voided"):
        drafts.submit(case.ledger, case.signed())
    assert dump(case.ledger.engine) == before


def test_an_expired_draft_is_refused(case: Case) -> None:
    until = case.draft.commit_note.until
    assert until is not None
    case.ledger.clock.confirmed = True
    shown = later(until, seconds=1)
    case.ledger.clock.now = lambda: shown
    before = dump(case.ledger.engine)
    with pytest.raises(RefusedError, match="draft_expired"):
        drafts.submit(case.ledger, case.signed())
    assert dump(case.ledger.engine) == before


def test_a_draft_of_another_ledger_is_refused(case: Case) -> None:
    other = replaced(case.draft, note=case.draft.note.replace("jiejing", "others1"))
    with pytest.raises(VerificationError, match="another ledger"):
        drafts.open_draft(case.ledger, other, None)
    refused(case, other, MunimentError)


# -- signatures ---------------------------------------------------------------------------------


def test_a_stripped_signature_is_missed(case: Case) -> None:
    signed = case.signed()
    refused(case, replaced(signed, signatures=signed.signatures[1:]), UsageError, "lacks")


def relabelled(line: str, name: str, key_id: bytes) -> str:
    parsed = SignatureLine.parse(line)
    return SignatureLine(name, key_id, parsed.signature).format().removesuffix("\n")


def test_a_relabelled_signature_fails(case: Case) -> None:
    mine = case.draft.signatures[0]
    forged = relabelled(mine, case.approver.key.name, case.approver.key_id)
    refused(case, replaced(case.draft, signatures=[mine, forged]), NoteError, "fails")


def test_swapped_signatures_fail(case: Case) -> None:
    one, two = case.signed().signatures
    names = [
        (case.maker.key.name, case.maker.key_id),
        (case.approver.key.name, case.approver.key_id),
    ]
    swapped = [relabelled(two, *names[0]), relabelled(one, *names[1])]
    refused(case, replaced(case.draft, signatures=swapped), NoteError, "fails")


def test_the_order_of_the_signatures_in_the_file_does_not_matter(case: Case) -> None:
    signed = case.signed()
    backwards = replaced(signed, signatures=signed.signatures[::-1])
    assert not drafts.submit(case.ledger, backwards).repeated


@pytest.mark.parametrize("extra", ["the same again", "a stranger's"])
def test_a_signature_too_many_is_refused(case: Case, extra: str) -> None:
    stranger = generate("ed25519", "act", f"{case.ledger.origin}/a/{new_ids('actor')[0]}")
    text = case.draft.commit_note.text()
    line = SignatureLine(stranger.name, stranger.verifier.key_id, stranger.sign(text)).format()
    lines = {"the same again": case.signed().signatures[0], "a stranger's": line[:-1]}
    signed = case.signed()
    refused(case, replaced(signed, signatures=[*signed.signatures, lines[extra]]), NoteError)


def test_a_signature_by_another_key_of_nobody_fails(case: Case) -> None:
    stranger = generate("ed25519", "act", case.approver.key.name)
    bad = stranger.sign(case.draft.commit_note.text())
    line = SignatureLine(case.approver.key.name, case.approver.key_id, bad).format()[:-1]
    refused(case, replaced(case.draft, signatures=[*case.draft.signatures, line]), NoteError)


@pytest.mark.parametrize(
    "line", ["", "— ", "— x y", "\n", "— x " + encode_base64(b"1234"), "é" * 99]
)
def test_a_malformed_signature_line_is_refused(case: Case, line: str) -> None:
    signed = case.signed()
    refused(case, replaced(signed, signatures=[*signed.signatures, line]), NoteError)


def resigned(case: Case, note: CommitNote, keys: list[PrivateKey], **fields: Any) -> Draft:
    lines = [
        SignatureLine(k.name, k.verifier.key_id, k.sign(note.text())).format()[:-1] for k in keys
    ]
    return replaced(case.draft, note=note.text().decode(), signatures=lines, **fields)


def test_one_person_under_two_keys_is_one_person(case: Case) -> None:
    """The maker enrols a second key and approves his own downgrade with it."""
    ledger, maker = case.ledger, case.maker
    second = generate("ed25519", "act", maker.key.name)
    keep_key(ledger, maker.actor, second)
    ledger.act(maker, [acts.enrol_key(ledger, maker.actor, enrolment(second, ledger.seen()))],
               possession=[second])  # fmt: skip
    assert len({k.key.id for k in ledger.state(maker.actor).keys.values()}) == 3  # type: ignore[union-attr]
    draft = case.draft.commit_note
    mine, other = sorted(
        ((maker.key, "collector"), (second, "approver")), key=lambda k: k[0].verifier.key_id
    )
    signers = tuple(SignerLine(k.name, k.verifier.key_id, c) for k, c in (mine, other))
    events = drafts.open_draft(ledger, case.draft, None).events
    note = dataclasses.replace(
        draft, signers=tuple(
            dataclasses.replace(s, capacity=events[0].role) if s.key_id == maker.key_id else s
            for s in signers
        )
    )  # fmt: skip
    forged = resigned(case, note, [mine[0], other[0]])
    refused(case, forged, RefusedError, "person_signs_twice")


def test_an_approver_without_the_role_does_not_count(case: Case, firm: Firm) -> None:
    third = add_person(case.ledger, case.maker, firm.founded.party, ["reviewer"])
    draft = downgrade(case.ledger, case.maker, third, case.record)
    refused(case, drafts.add_signature(draft, third.key), RefusedError)


def test_a_longer_validity_than_the_policy_allows_is_refused(case: Case) -> None:
    """`until` bounds a joint commit only if it is itself bounded."""
    note = dataclasses.replace(case.draft.commit_note, until=later(now(), days=3650))
    forged = resigned(case, note, [case.maker.key, case.approver.key])
    refused(case, forged, RefusedError, "I-04")


# -- events and sealed parts --------------------------------------------------------------------


def test_a_changed_event_is_refused(case: Case) -> None:
    signed = case.signed()
    event = signed.events[0].replace("general_1", "general_2")
    assert event != signed.events[0]
    forged = replaced(signed, events=[event])
    with pytest.raises(NoteError, match="root"):
        drafts.open_draft(case.ledger, forged, None)
    refused(case, forged, NoteError, "root")


@pytest.mark.parametrize("events", [[], ["{}"], [""], ["\ufffd"], ["é"], ["[" * 5000]])
def test_events_that_are_none_are_refused(case: Case, events: list[str]) -> None:
    forged = replaced(case.signed(), events=events)
    with pytest.raises(DataError):
        drafts.open_draft(case.ledger, forged, None)
    refused(case, forged, DataError)


def sealed_attacks(draft: Draft) -> dict[str, dict[str, bytes]]:
    data = draft.ciphertexts["0"]
    return {
        "changed": {"0": data[:-1] + bytes([data[-1] ^ 1])},
        "emptied": {"0": b""},
        "removed": {},
        "moved": {"1": data},
        "doubled": {"0": data, "1": data},
        "not numbered": {"zero": data},
        "numbered 00": {"00": data},
        "numbered in Arabic": {"٠": data},
        "numbered beyond sense": {"9" * 5000: data},
        "negative": {"-1": data},
    }


@pytest.mark.parametrize(
    "attack",
    ["changed", "emptied", "removed", "moved", "doubled", "not numbered", "numbered 00",
     "numbered in Arabic", "numbered beyond sense", "negative"],
)  # fmt: skip
def test_a_sealed_part_that_was_tampered_with_is_refused(case: Case, attack: str) -> None:
    forged = replaced(case.signed(), ciphertexts=sealed_attacks(case.draft)[attack])
    with pytest.raises((VerificationError, DataError)):
        drafts.open_draft(case.ledger, forged, case.seal_key(case.approver))
    refused(case, forged, MunimentError)


def wrapped(case: Case, key: bytes, recipient: Acting, info: str) -> dict[str, dict[str, bytes]]:
    ((key_id, keys),) = case.draft.keys.items()
    seal = recipient.state.active_key("seal")
    assert seal is not None
    public = case.seal_key(recipient).public
    return {key_id: {**keys, seal.key.id: encrypt_to(public, key, info.encode())}}


@pytest.mark.parametrize("attack", ["for another", "another key", "another info", "cut", "gone"])
def test_a_wrapped_key_that_was_tampered_with_opens_nothing(case: Case, attack: str) -> None:
    ((key_id, keys),) = case.draft.keys.items()
    mine = case.approver.state.active_key("seal")
    theirs = case.maker.state.active_key("seal")
    assert mine is not None
    assert theirs is not None
    info = f"muniment/draft/v1 {key_id}"
    right = case.ledger.keystore.key(key_id)
    attacks: dict[str, dict[str, dict[str, bytes]]] = {
        "for another": {key_id: {**keys, mine.key.id: keys[theirs.key.id]}},
        "another key": wrapped(case, bytes(32), case.approver, info),
        "another info": wrapped(case, right, case.approver, info + "x"),
        "cut": {key_id: {**keys, mine.key.id: keys[mine.key.id][:40]}},
        "gone": {key_id: {theirs.key.id: keys[theirs.key.id]}},
    }
    forged = replaced(case.draft, keys=attacks[attack])
    with pytest.raises((VerificationError, KeyAccessError)):
        drafts.open_draft(case.ledger, forged, case.seal_key(case.approver))


def test_a_wrapped_key_of_the_wrong_length_is_refused(case: Case) -> None:
    ((key_id, _),) = case.draft.keys.items()
    forged = wrapped(case, b"short", case.approver, f"muniment/draft/v1 {key_id}")
    with pytest.raises((VerificationError, KeyAccessError)):
        drafts.open_draft(
            case.ledger, replaced(case.draft, keys=forged), case.seal_key(case.approver)
        )


# -- the file -----------------------------------------------------------------------------------


def respelled(draft: Draft) -> dict[str, bytes]:
    raw = draft.format()
    loose = json.loads(raw)
    first = next(iter(loose))
    return {
        "spaces": json.dumps(loose, sort_keys=True).encode() + b"\n",
        "another order": json.dumps(
            dict(reversed(loose.items())), separators=(",", ":"), ensure_ascii=False
        ).encode() + b"\n",
        "no newline": raw[:-1],
        "two newlines": raw + b"\n",
        "carriage return": raw[:-1] + b"\r\n",
        "byte order mark": b"\xef\xbb\xbf" + raw,
        "escaped": raw.replace(b'"draft/v1"', b'"draft\\/v1"'),
        "a field twice": raw[:-2] + b"," + raw[1:-1].split(b",")[0] + b"}\n",
        "a field more": raw[:-2] + b',"x":1}\n',
        "a field less": json.dumps({k: v for k, v in loose.items() if k != first}).encode() + b"\n",
        "another version": raw.replace(b"draft/v1", b"draft/v2"),
        "base64 without padding": raw.replace(b"=", b"", 1),
        "not UTF-8": raw.replace(b"jiejing", b"\xffiejing"),
        "half a pair": raw.replace(b"jiejing", b"\\ud800"),
        "deep": b"[" * 100_000,
        "empty": b"",
        "null": b"null\n",
    }  # fmt: skip


@pytest.mark.parametrize("way", sorted(respelled(
    Draft(note="jiejing", events=[], ciphertexts={"0": b""}, keys={}, signatures=[]))))  # fmt: skip
def test_a_file_that_no_writer_prints_is_refused(case: Case, way: str) -> None:
    raw = respelled(case.signed())[way]
    assert raw != case.signed().format(), way
    with pytest.raises(NoteError):
        Draft.parse(raw)


def test_an_oversized_file_is_refused_before_it_is_read_whole(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoteError, match="longer"):
        Draft.parse(b"x" * (MAX_DRAFT_BYTES + 1))
    path = tmp_path / "huge.commit"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(NoteError, match="longer"):
        drafts.read_draft(path)


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, what: str) -> None:
    path = tmp_path if what == "folder" else tmp_path / what
    with pytest.raises(UsageError, match="cannot be read"):
        drafts.read_draft(path)


def test_every_changed_byte_is_refused_or_changes_nothing(case: Case) -> None:
    """Nothing crashes, and whatever is accepted is what was signed and nothing else.

    The wrapped keys are not signed (they are for the readers), so only those may differ.
    """
    good = case.signed()
    before = dump(case.ledger.engine)
    survivors = 0
    for raw in one_byte_changes(good.format(), step=41):
        try:
            draft = Draft.parse(raw)
        except NoteError:
            continue
        accepted = opens(case, draft)
        if replaced(draft, keys=good.keys) == good:
            survivors += 1
            continue
        with pytest.raises(MunimentError):
            drafts.submit(case.ledger, draft)
        if accepted:  # signatures are checked when it is submitted
            assert (draft.events, draft.ciphertexts) == (good.events, good.ciphertexts)
    assert survivors
    assert dump(case.ledger.engine) == before
    assert not drafts.submit(case.ledger, good).repeated


def opens(case: Case, draft: Draft) -> bool:
    try:
        drafts.open_draft(case.ledger, draft, case.seal_key(case.approver))
    except MunimentError:
        return False
    return True


def test_a_joint_commit_writes_one_stream(case: Case) -> None:
    events, ciphertexts = case.ledger.build(case.maker, [small_act(1), small_act(2)])
    draft = drafts.make_draft(
        case.ledger, case.maker, events, ciphertexts, [(case.approver.actor, "approver")]
    )
    forged = drafts.add_signature(draft, case.approver.key)
    refused(case, forged, RefusedError, "joint_commit_writes_one_stream")
