"""What a cosigner of a draft learns, and what makes up a draft that cannot be trusted."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from ledger import acts, drafts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.drafts import Draft
from ledger.errors import KeyAccessError, MunimentError, VerificationError
from ledger.privatekey import PrivateKey
from ledger.tlog.commit import sign
from tests.ledger.test_drafts import AXES, Case, case, downgrade

__all__ = ["case"]


def fresh(ledger: Ledger, maker: Acting, approver: Acting, record: str) -> Draft:
    """A downgrade as the command line prepares it."""
    lower = acts.classify(ledger, record, {**AXES, "level": "general_1"}, "降级理由")
    events, ciphertexts = ledger.build(maker, [lower], fresh_keys=True)
    return drafts.make_draft(ledger, maker, events, ciphertexts, [(approver.actor, "approver")])


def seal_key(case: Case, who: Acting) -> PrivateKey:
    return case.seal_key(who)


def test_a_cosigner_gets_no_key_that_opens_anything_else(case: Case) -> None:
    draft = fresh(case.ledger, case.maker, case.approver, case.record)
    others = {
        event.sealed.key for _, _, event, _ in case.ledger.events_of(case.record) if event.sealed
    }
    assert set(draft.keys).isdisjoint(others)
    opened = drafts.open_draft(case.ledger, draft, seal_key(case, case.approver))
    assert opened.texts == {0: {"rationale": "降级理由"}}
    drafts.submit(case.ledger, drafts.add_signature(draft, case.approver.key))
    position, _, event, _ = case.ledger.events_of(case.record)[-1]
    assert case.ledger.unseal(position, event) == {"rationale": "降级理由"}


def test_a_wrapped_key_opens_no_other_draft(case: Case) -> None:
    one = downgrade(case.ledger, case.maker, case.approver, case.record)
    other = downgrade(case.ledger, case.maker, case.approver, case.record)
    (key_id,) = one.keys
    assert set(other.keys) == {key_id}, "both sealed under the record's key"
    moved = msgspec.structs.replace(other, keys=one.keys)
    with pytest.raises(KeyAccessError):
        drafts.open_draft(case.ledger, moved, seal_key(case, case.approver))


def test_a_state_that_never_was_is_not_signed(case: Case) -> None:
    note = case.draft.commit_note
    false = dataclasses.replace(note, seen_root=b"\1" * 32)
    line = sign(false, case.maker.key).format().removesuffix("\n")
    forged = msgspec.structs.replace(
        case.draft, note=false.text().decode(), signatures=[line], keys={}, ciphertexts={}
    )
    with pytest.raises(VerificationError, match="never had"):
        drafts.open_draft(case.ledger, forged, None)


def test_a_signature_given_before_is_checked_before_one_more_is_added(case: Case) -> None:
    line = case.draft.signatures[0]
    swapped = line[:-6] + ("AAAA" if line[-6:-2] != "AAAA" else "BBBB") + line[-2:]
    forged = msgspec.structs.replace(case.draft, signatures=[swapped])
    with pytest.raises(MunimentError):
        drafts.open_draft(case.ledger, forged, seal_key(case, case.approver))
