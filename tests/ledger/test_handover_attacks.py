"""Attacks on a handover: each party tries to get more, or to give less, than both have signed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.handover import HandoverState
from domain.holding import HoldingCreated
from domain.judging import Refusal
from domain.record import RecordCorrected
from domain.values import later
from ledger import acts, custody, handovers
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.errors import MunimentError, RefusedError
from ledger.founding import enrolment
from ledger.recorder import Receipt, Submission
from ledger.signing import Cosigner, Proposal, new_ids, now, sign_all
from ledger.tlog.commit import SignedCommit
from ledger.tlog.note import ED25519, VerifierKey
from ledger.tree import StoredTree
from tests.ledger.deals import LONG_AGO, introduce, merge
from tests.ledger.ledgers import Firm, add_person, buyer, dump, new_keys
from tests.ledger.replayed import audited, modified_client, not_permitted

AXES = {
    "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
    "profile": "cn_strict",
}  # fmt: skip
LINES, SEED, PACKAGE = "1" * 64, "2" * 64, "3" * 64


class Shop:
    """A ledger under a merger: Qian hands over, He receives, Wu and Ma look on; two records."""

    def __init__(self, firm: Firm, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.wang = ledger, ledger.acting(firm.founded.actor)
        other = buyer()
        ledger.act(self.wang, [other])
        seller = firm.founded.party

        def person(party: str, role: str) -> Acting:
            return add_person(ledger, self.wang, party, (role,))

        self.qian, self.he = person(seller, "seller_handler"), person(other.stream, "buyer_handler")
        self.wu, self.ma = person(seller, "supervisor"), person(other.stream, "supervisor")
        folder.mkdir()
        for number in range(3):
            (folder / f"合同{number}.txt").write_text(f"第{number}号保洁合同", encoding="utf-8")
        terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), notice="N-1")
        found = collect(ledger, self.wang, [folder], terms)
        self.records = [one.record for one in found if isinstance(one, Collected)]
        for record in self.records:
            ledger.act(self.wang, [acts.classify(ledger, record, AXES)])
            period = acts.assign_retention(ledger, record, "contract_ended", LONG_AGO)
            ledger.act(self.wang, [period])
        others = [(self.wu.actor, "supervisor"), (self.ma.actor, "supervisor")]
        self.deal, notice = merge(ledger, self.wang, self.qian, self.he, others)
        introduce(ledger, self.qian, self.deal, new_ids("subject")[0], self.records, notice)
        planned = handovers.plan_handover(ledger, self.deal, {
            "from_party": seller, "seller_handler": self.qian.actor,
            "buyer_handler": self.he.actor, "first_day": "2026-01-01", "last_day": "2026-12-31",
            "inspection_days": 15,
        })  # fmt: skip
        self.handover = planned.stream
        self.says(self.qian, planned)

    @property
    def state(self) -> HandoverState:
        return custody.case_state(self.ledger, HandoverState, self.handover)

    def says(self, who: Acting, *said: Proposal, **options: Any) -> Receipt:
        return self.ledger.act(who, said, engagement=self.deal, **options)

    def freeze(self, *items: str) -> None:
        self.says(self.qian, *handovers.freeze_list(self.state, items, lines=LINES, seed=SEED))

    def release(self) -> None:
        self.says(self.qian, handovers.release_handover(self.state, None, package=PACKAGE))

    def receive(self) -> None:
        size = self.state.count
        said = handovers.receive_handover(self.state, read=size, matched=size, package=PACKAGE)
        self.says(self.he, said)

    def inspect(self) -> None:
        items = list(self.state.items)
        self.says(self.he, *handovers.inspect_items(self.handover, items, "match", "yes"))

    def ready(self) -> None:
        """Everything but the confirmation is done with the first two records."""
        self.freeze(*self.records[:2])
        self.release()
        self.receive()
        self.inspect()

    @property
    def everybody(self) -> list[tuple[Acting, str]]:
        return [(self.he, "buyer_handler"), (self.wu, "supervisor"), (self.ma, "supervisor")]

    def confirmation(
        self, said: Sequence[Proposal] | None = None, until: str | None = None, **note: Any
    ) -> Submission:
        """What all four sign; `note`: what its text says differently."""
        whole = said or handovers.confirm_handover(self.state, None)
        events, texts = self.ledger.build(self.qian, whole, engagement=self.deal)
        cosigners = [who.cosigner(role) for who, role in self.everybody]
        unsigned = self.ledger.note_over(
            self.qian, events, texts, cosigners=cosigners, until=until or later(now(), days=1)
        )
        changed = dataclasses.replace(unsigned.note, **note)
        keys = [self.qian.key, *(who.key for who, _ in self.everybody)]
        return Submission(sign_all(changed, keys), unsigned.states, unsigned.ciphertexts)

    def refuses(self, submission: Submission, *details: str) -> None:
        """It is refused for these reasons, and the database is as it was."""
        before = dump(self.ledger.engine)
        with pytest.raises(MunimentError) as caught:
            self.ledger.log.record(submission)
        assert dump(self.ledger.engine) == before
        if details:
            assert isinstance(caught.value, RefusedError)
            found = [r.detail for r in caught.value.refusals if isinstance(r, Refusal)]
            assert sorted(set(found)) == sorted(details)
        assert self.state.step != "confirmed"

    def refused(self, who: Acting, *said: Proposal, **options: Any) -> list[str]:
        with pytest.raises(RefusedError) as caught:
            self.says(who, *said, **options)
        return [r.detail for r in caught.value.refusals if isinstance(r, Refusal)]


@pytest.fixture
def shop(firm: Firm, ledger: Ledger, tmp_path: Path) -> Shop:
    return Shop(firm, ledger, tmp_path / "合同")


def changed(said: Sequence[Proposal], **fields: Any) -> list[Proposal]:
    return [one._replace(fields={**one.fields, **fields}) for one in said]


def test_all_four_sign_and_it_is_recorded(shop: Shop) -> None:
    shop.ready()
    shop.ledger.log.record(shop.confirmation())
    assert shop.state.step == "confirmed"


# -- another list ------------------------------------------------------------------------------


def test_the_buyer_signs_another_version_of_the_list(shop: Shop) -> None:
    """The list was changed after the buyer had seen it: the receipt names what was seen."""
    shop.freeze(*shop.records[:2])
    seen = shop.state
    shop.freeze(*shop.records[:1])
    shop.release()
    said = handovers.receive_handover(seen, read=2, matched=2, package=PACKAGE)
    assert "another_list_was_seen" in shop.refused(shop.he, said)
    same_count = handovers.receive_handover(seen, read=1, matched=1, package=PACKAGE)
    assert shop.refused(shop.he, same_count) == ["another_list_was_seen"]
    shop.receive()
    shop.inspect()
    whole = handovers.confirm_handover(shop.state, None)
    assert seen.root != shop.state.root
    shop.refuses(shop.confirmation(changed(whole, root=seen.root)), "another_list_was_seen")
    shop.refuses(shop.confirmation(changed(whole, lines="9" * 64)), "another_list_was_seen")


def test_the_seller_puts_another_item_in_the_place_of_one_that_was_frozen(shop: Shop) -> None:
    """Into the confirmation, or, under the frozen root, into the list itself."""
    shop.ready()
    first, second, third = shop.records
    whole = handovers.confirm_handover(shop.state, None)
    shop.refuses(shop.confirmation(changed(whole, items=[first, third])), "not_an_open_item")
    shop.refuses(shop.confirmation(changed(whole, items=[first])), "list_not_confirmed_whole")
    swapped = changed(
        handovers.freeze_list(shop.state, [first, third], lines=LINES, seed=SEED),
        root=shop.state.root,
    )
    found = shop.refused(shop.qian, *swapped)
    assert {"handover_is_received", "root_is_not_the_lists"} <= set(found)
    assert list(shop.state.items) == [first, second]


def test_the_seller_exchanges_the_content_of_a_frozen_record(shop: Shop, tmp_path: Path) -> None:
    """A correction after the freeze would put another content behind the same id."""
    first, second = shop.records[:2]
    shop.freeze(first, second)
    copy = new_ids("holding")[0]
    made = acts_of_a_swap(shop, first, copy)
    shop.ledger.act(shop.wang, made)
    introduce(shop.ledger, shop.qian, shop.deal, new_ids("subject")[0], [first])
    said = handovers.release_handover(shop.state, None, package=PACKAGE)
    assert "record_was_corrected" in shop.refused(shop.qian, said)


def acts_of_a_swap(shop: Shop, record: str, copy: str) -> list[Proposal]:
    """The seller's collector registers a new copy and corrects the record into it."""
    state = acts.record_state(shop.ledger, record)
    created = {
        "custodian": shop.wang.state.party, "form": "electronic_native", "medium": "disk_internal",
        "size": 9, "items": 1, "encrypted": False, "record": record,
    }  # fmt: skip
    correction = {
        "supersedes": state.content_event, "holding": copy, "size": 9, "items": 1,
        "reason": "content_updated",
    }  # fmt: skip
    return [
        Proposal(HoldingCreated, copy, created, {"content": "4" * 64}),
        Proposal(RecordCorrected, record, correction, {"content": "4" * 64}),
    ]


# -- who signs -----------------------------------------------------------------------------------


def test_the_seller_forges_the_buyers_receipt(shop: Shop) -> None:
    """By saying that the buyer's handler said it, or by saying it in the buyer's role."""
    shop.freeze(*shop.records[:2])
    shop.release()
    receipt = handovers.receive_handover(shop.state, read=2, matched=2, package=PACKAGE)
    events, texts = shop.ledger.build(shop.he, [receipt], engagement=shop.deal)
    unsigned = shop.ledger.note_over(shop.qian, events, texts)
    forged = sign_all(unsigned.note, [shop.qian.key])
    shop.refuses(
        Submission(forged, unsigned.states, unsigned.ciphertexts),
        "author_did_not_sign_in_role", "key_not_agreed",
    )  # fmt: skip
    own = [replace(event, by=shop.qian.actor) for event in events]
    unsigned = shop.ledger.note_over(shop.qian, own, texts)
    forged = sign_all(unsigned.note, [shop.qian.key])
    with pytest.raises(MunimentError):
        shop.ledger.log.record(Submission(forged, unsigned.states, unsigned.ciphertexts))
    assert shop.state.step == "released"


def test_one_person_signs_in_two_roles_under_two_keys(shop: Shop) -> None:
    """The buyer's handler is given the role of a supervisor, and a second key to go with it."""
    shop.ready()
    ledger, he = shop.ledger, shop.he
    shop.ledger.act(shop.wang, [acts.grant_role(he.actor, "supervisor")])
    key = new_keys(ledger, he.actor)[0]
    ledger.act(
        he, [acts.enrol_key(ledger, he.actor, enrolment(key, ledger.seen()))], possession=[key]
    )
    second = Cosigner(key.name, key_id_of(key), "supervisor")
    whole = handovers.confirm_handover(shop.state, None)
    events, texts = ledger.build(shop.qian, whole, engagement=shop.deal)
    signers = [he.cosigner("buyer_handler"), second, shop.wu.cosigner("supervisor")]
    unsigned = ledger.note_over(
        shop.qian, events, texts, cosigners=signers, until=later(now(), days=1)
    )
    signed = sign_all(unsigned.note, [shop.qian.key, he.key, key, shop.wu.key])
    before = dump(ledger.engine)
    with pytest.raises(RefusedError) as caught:
        ledger.log.record(Submission(signed, unsigned.states, unsigned.ciphertexts))
    assert "person_signs_twice" in [
        r.detail for r in caught.value.refusals if isinstance(r, Refusal)
    ]
    assert dump(ledger.engine) == before


def key_id_of(key: Any) -> bytes:
    return VerifierKey.of(key.name, ED25519, key.public).key_id


def test_a_signature_line_is_stripped(shop: Shop) -> None:
    """Without a supervisor's signature the note is none, whatever its text says."""
    shop.ready()
    whole = shop.confirmation()
    for at in range(len(whole.signed.signatures)):
        kept = (*whole.signed.signatures[:at], *whole.signed.signatures[at + 1 :])
        with pytest.raises(MunimentError):
            SignedCommit.parse(dataclasses.replace(whole.signed, signatures=kept).format())


def test_a_signer_is_named_in_another_role_than_they_signed_in(shop: Shop) -> None:
    """The text says supervisor of the buyer where the signature was given over something else."""
    shop.ready()
    whole = shop.confirmation()
    note = whole.signed.note
    lines = [
        dataclasses.replace(line, capacity="approver" if line.capacity == "supervisor" else
                            line.capacity)
        for line in note.signers
    ]  # fmt: skip
    relabelled = dataclasses.replace(note, signers=tuple(lines))
    shop.refuses(whole._replace(signed=dataclasses.replace(whole.signed, note=relabelled)))
    shop.ledger.log.record(whole)
    assert shop.state.step == "confirmed"


# -- when ----------------------------------------------------------------------------------------


def test_a_confirmation_that_is_submitted_again_is_recorded_once(shop: Shop) -> None:
    shop.ready()
    whole = shop.confirmation()
    shop.ledger.log.record(whole)
    before = dump(shop.ledger.engine)
    assert shop.ledger.log.record(whole).repeated
    assert dump(shop.ledger.engine) == before


def test_an_old_confirmation_is_replayed_after_the_handover_was_ended(shop: Shop) -> None:
    """What all four signed before both handlers cancelled it confirms nothing afterwards."""
    shop.ready()
    kept_back = shop.confirmation()
    said = [handovers.cancel_handover(shop.handover, "退出")]
    events, texts = shop.ledger.build(shop.qian, said, engagement=shop.deal)
    unsigned = shop.ledger.note_over(
        shop.qian, events, texts, cosigners=[shop.he.cosigner("buyer_handler")],
        until=later(now(), days=1),
    )  # fmt: skip
    signed = sign_all(unsigned.note, [shop.qian.key, shop.he.key])
    shop.ledger.log.record(Submission(signed, unsigned.states, unsigned.ciphertexts))
    before = dump(shop.ledger.engine)
    with pytest.raises(MunimentError):
        shop.ledger.log.record(kept_back)
    assert dump(shop.ledger.engine) == before
    assert shop.state.step == "cancelled"


def test_the_buyer_puts_what_it_received_into_the_vault_before_it_is_confirmed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Received, inspected, and not confirmed: the seller's still, whatever the buyer's client says.

    Refused in the shared ledger, and found by a replay; confirmed, it is the buyer's to keep.
    """
    keeper = add_person(shop.ledger, shop.wang, shop.he.state.party, ("custodian",))
    shop.ready()

    def taking(record: str) -> Proposal:
        fields = {
            "custodian": keeper.state.party, "form": "electronic_native", "medium": "ssd",
            "size": 30, "items": 1, "encrypted": True, "object": "4" * 64, "record": record,
        }  # fmt: skip
        return Proposal(HoldingCreated, new_ids("holding")[0], fields, {"location": "vault"})

    first, second = shop.records[:2]
    with pytest.raises(RefusedError, match=r"I-23 .*record_has_not_passed"):
        shop.says(keeper, taking(first))
    with modified_client(monkeypatch):
        done = shop.says(keeper, taking(first))
    shop.ledger.log.record(shop.confirmation())
    shop.says(keeper, taking(second))
    found = not_permitted(audited(shop.ledger.folder))
    assert found == [("I-23", "record_has_not_passed", done.first)]


def test_an_expired_confirmation_is_submitted(shop: Shop) -> None:
    shop.ready()
    whole = shop.confirmation(until=later(now(), seconds=-1))
    shop.refuses(whole, "draft_expired")


def test_a_confirmation_whose_signers_have_not_looked_for_long(shop: Shop) -> None:
    """`seen` is older than the policy lets it be: nobody signs what stood a month ago."""
    old = (1, root_at(shop.ledger, 1))
    shop.ready()
    days = shop.ledger.policy().limits.seen_days + 1
    shown = later(now(), days=days)
    shop.ledger.clock.confirmed = True
    shop.ledger.clock.now = lambda: shown
    whole = shop.confirmation(until=later(shown, days=1), seen_size=old[0], seen_root=old[1])
    before = dump(shop.ledger.engine)
    with pytest.raises(RefusedError) as caught:
        shop.ledger.log.record(whole)
    found = {r.detail for r in caught.value.refusals if isinstance(r, Refusal)}
    assert "seen_too_old" in found
    assert dump(shop.ledger.engine) == before


def root_at(ledger: Ledger, size: int) -> bytes:
    """The root of the ledger when it had so many entries."""
    with ledger.engine.connect() as connection:
        return StoredTree(connection).root_at(size)


# -- what is not settled -------------------------------------------------------------------------


def test_a_confirmation_with_an_open_discrepancy(shop: Shop) -> None:
    shop.ready()
    whole = shop.confirmation()
    raised = handovers.raise_discrepancy(shop.state, "damaged", [shop.records[0]], "破损")
    shop.says(shop.he, raised)
    with pytest.raises(MunimentError):
        shop.ledger.log.record(whole)
    shop.refuses(shop.confirmation(), "discrepancies_are_open")
