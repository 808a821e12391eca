"""What one side of a deal, or somebody beside it, tries at the cost of the others."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.commit import judge_commit
from domain.judging import World
from domain.policy import Training
from domain.values import later
from tests.domain.deal_words import Dealing, close, dispose, open_deal, rekey, track, train
from tests.domain.estates import Estate, execute
from tests.domain.words import (
    approve,
    cancel,
    confirm,
    declare_residual,
    deem,
    inspect,
    raise_discrepancy,
    receive,
    release,
    settle,
)
from tests.domain.worlds import Person, Said, create_holding, enrol, policy, rotate


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def selling(estate: Estate, *said: Said, **how: Any) -> list[str]:
    return estate.judge(estate.qian, "seller_handler", *said, **how)


def closes(estate: Estate, *outcomes: Any) -> list[str]:
    """What the seller's handler hears who ends the deal, so often in one commit."""
    said = [close(estate.deal, outcome) for outcome in outcomes]
    return selling(estate, *said, engagement=estate.deal)


# -- the end of a deal that something was confirmed under ------------------------------------------


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled"])
def test_what_follows_a_confirmation_follows_it_whatever_the_deal_is_called(
    estate: Estate, outcome: str
) -> None:
    """By calling a deal failed, the seller would keep its copies undeclared, and nobody checks."""
    record = estate.ready()
    handover = estate.handed_over(record)
    assert closes(estate, outcome) == ["residual_not_declared", *["tracking_not_done"] * 3]
    said = declare_residual(handover, estate.holding_of(record))
    estate.does(estate.qian, "seller_handler", said)
    assert closes(estate, outcome) == ["tracking_not_done"] * 3
    (when,) = [one.confirmed for one in estate.book.handovers_of(estate.deal)]
    days = [later(when, days=days)[:10] for days in (30, 90, 180)]
    estate.now = later(when, days=181)
    for due in days:
        estate.under(estate.qian, track(estate.deal, due, estate.now))
    assert closes(estate, outcome) == []


def test_the_buyer_does_not_end_the_deal_under_which_the_seller_still_has_to_declare(
    estate: Estate,
) -> None:
    record = estate.ready()
    handover = estate.handed_over(record)
    said = close(estate.deal, "failed")
    details = estate.judge(estate.lin, "administrator", said, engagement=estate.deal)
    assert details[0] == "seller_ends_the_deal"
    assert selling(estate, declare_residual(handover, estate.holding_of(record))) == []


def test_a_deal_is_closed_once_in_a_commit_too(estate: Estate) -> None:
    assert closes(estate, "failed") == []
    assert closes(estate, "failed", "cancelled") == ["deal_was_closed"]


# -- a buyer who is silent -------------------------------------------------------------------------


def waited(estate: Estate, handover: str, **longer: Any) -> None:
    """The time for inspection passes, and `longer`; somebody says something in it."""
    state = estate.handover(handover)
    estate.now = later(state.received_at, days=state.inspection_days)
    estate.now = later(estate.now, **longer)
    estate.hire("collector")


def test_a_silent_buyer_does_not_hold_the_seller_to_the_deal_for_ever(estate: Estate) -> None:
    """It keeps the duty to give back or destroy what it received, and to say so."""
    handover = estate.received(estate.holding_of(estate.ready()))
    assert selling(estate, cancel(handover)) == ["handler_must_sign"]
    waited(estate, handover, seconds=-120)
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "the time runs"
    waited(estate, handover, seconds=1)
    assert estate.judge(estate.he, "buyer_handler", cancel(handover)) == ["handler_must_sign"]
    estate.does(estate.qian, "seller_handler", cancel(handover))
    assert closes(estate, "failed") == ["copies_not_disposed"]
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    assert closes(estate, "failed") == []


def test_who_has_silence_deemed_acceptance_is_held_to_it(estate: Estate) -> None:
    """The attack: the seller makes the buyer's silence an acceptance, and then calls it off."""
    handover = estate.received(*(estate.ready() for _ in range(2)))
    waited(estate, handover, seconds=1)
    assert selling(estate, cancel(handover)) == [], "either the one"
    said = deem(handover, estate.handover(handover).inspection_ends)
    assert selling(estate, said, cancel(handover)) == ["handler_must_sign"]
    estate.under(estate.qian, said)
    waited(estate, handover, days=300)
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "or the other"
    beside = [(estate.he, "buyer_handler")]
    assert selling(estate, cancel(handover), beside=beside) == []


@pytest.mark.parametrize("word", ["accepted", "rejected", "reserved"])
def test_a_buyer_who_has_finished_the_inspection_is_asked(estate: Estate, word: str) -> None:
    record = estate.ready()
    handover = estate.received(record)
    if word == "accepted":
        estate.does(estate.he, "buyer_handler", inspect(handover, record))
    else:
        estate.does(estate.he, "buyer_handler", raise_discrepancy(handover, 1, record))
        settled = settle(handover, 1, "item_rejected" if word == "rejected" else word)
        estate.under(estate.qian, settled, beside=[(estate.he, "buyer_handler")])
    waited(estate, handover, days=300)
    assert selling(estate, cancel(handover)) == ["handler_must_sign"]


@pytest.mark.parametrize("word", ["raised", "delivered_later", "corrected", "faulted"])
def test_a_buyer_who_said_one_word_about_everything_does_not_hold_the_deal_for_ever(
    estate: Estate, word: str
) -> None:
    """The attack: every item is spoken about once, and nothing is settled or looked at again."""
    records = [estate.ready() for _ in range(2)]
    handover = estate.received(*records)
    if word == "faulted":
        estate.does(estate.he, "buyer_handler", inspect(handover, *records, readable="no"))
    else:
        estate.does(estate.he, "buyer_handler", raise_discrepancy(handover, 1, *records))
    if word in ("delivered_later", "corrected"):
        settled = settle(handover, 1, word)
        estate.under(estate.qian, settled, beside=[(estate.he, "buyer_handler")])
    heard, days = estate.now, estate.handover(handover).inspection_days
    estate.now = later(heard, days=days - 1)
    estate.hire("collector")
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "the time runs"
    estate.now = later(heard, days=days + 1)
    estate.hire("collector")
    assert estate.judge(estate.he, "buyer_handler", cancel(handover)) == ["handler_must_sign"]
    assert selling(estate, cancel(handover)) == []
    estate.does(estate.he, "buyer_handler", inspect(handover, records[0]))
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "it speaks again"


@pytest.mark.parametrize("word", ["inspected", "faulted", "raised", "about nothing listed"])
def test_a_buyer_who_said_one_word_and_fell_silent_does_not_hold_the_deal_for_ever(
    estate: Estate, word: str
) -> None:
    """The attack: one of two items is spoken about, and then nobody answers any more."""
    records = [estate.ready() for _ in range(2)]
    handover = estate.received(*records)
    waited(estate, handover, days=-2)
    said = {
        "inspected": inspect(handover, records[0]),
        "faulted": inspect(handover, records[0], readable="no"),
        "raised": raise_discrepancy(handover, 1, records[0]),
        "about nothing listed": raise_discrepancy(handover, 1, kind="missing"),
    }[word]
    estate.does(estate.he, "buyer_handler", said)
    waited(estate, handover, days=12)
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "it spoke 14 days ago"
    assert estate.judge(estate.he, "buyer_handler", cancel(handover)) == ["handler_must_sign"]
    waited(estate, handover, days=14)
    assert selling(estate, cancel(handover)) == []
    estate.does(estate.he, "buyer_handler", inspect(handover, records[0]))
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "it speaks again"


def test_a_receipt_that_is_recorded_late_is_the_buyers_word_when_it_is_recorded(
    estate: Estate,
) -> None:
    """Received on the first day, recorded weeks later: whoever has just spoken is not silent."""
    handover = estate.frozen(*(records := [estate.ready() for _ in range(2)]))
    estate.does(estate.qian, "seller_handler", release(handover, records))
    arrived = estate.now
    estate.now = later(arrived, days=30)
    said = receive(handover, records, received_at=arrived)
    estate.does(estate.he, "buyer_handler", said, late_reason="offline")
    assert estate.handover(handover).inspection_ends < estate.now
    assert selling(estate, cancel(handover)) == ["handler_must_sign"], "it has just spoken"
    days = estate.handover(handover).inspection_days
    estate.now = later(estate.now, days=days, seconds=1)
    estate.hire("collector")
    assert selling(estate, cancel(handover)) == []


# -- time ------------------------------------------------------------------------------------------


LONG_AGO = "2001-01-01T00:00:00.000Z"


def test_nothing_is_released_received_or_effective_before_the_step_before(estate: Estate) -> None:
    """A receipt of long ago would end the time for inspection before it began."""
    record = estate.ready()
    handover = estate.frozen(record)
    early = release(handover, [record], released_at=LONG_AGO)
    assert selling(estate, early) == ["before_the_step_before"]
    estate.does(estate.qian, "seller_handler", release(handover, [record]))
    early = receive(handover, [record], received_at=LONG_AGO)
    assert estate.judge(estate.he, "buyer_handler", early) == ["before_the_step_before"]
    estate.does(estate.he, "buyer_handler", receive(handover, [record]))
    estate.does(estate.he, "buyer_handler", inspect(handover, record))
    early = confirm(handover, [record], estate.he, effective_at=LONG_AGO)
    beside = estate.both_sides
    assert selling(estate, early, beside=beside) == ["before_the_step_before"]
    whole = confirm(handover, [record], estate.he)
    assert selling(estate, whole, beside=beside) == []


def test_a_receipt_that_is_recorded_late_tells_when_it_was(estate: Estate) -> None:
    """Released on Friday, received on Sunday, both recorded on Monday; clocks differ a little."""
    record = estate.ready()
    handover = estate.frozen(record)
    friday, sunday = later(estate.now, hours=1), later(estate.now, hours=48)
    estate.now = later(estate.now, hours=72)
    late: dict[str, Any] = {"late_reason": "offline"}
    said = release(handover, [record], released_at=friday)
    estate.does(estate.qian, "seller_handler", said, **late)
    for when, details in (
        (sunday, []), (later(friday, seconds=-300), []),
        (later(friday, seconds=-301), ["before_the_step_before"]),
    ):  # fmt: skip
        said = receive(handover, [record], received_at=when)
        assert estate.judge(estate.he, "buyer_handler", said, **late) == details, when


# -- training as a gate: I-08 ----------------------------------------------------------------------


def strictly(estate: Estate, who: Person, role: Any, said: Said, **how: Any) -> list[str]:
    """Who is refused as untrained under a pack that lets nobody act untrained."""
    pack = replace(policy(), training=Training(mode="block"))
    statement, events = estate.statement(who, role, [said], **how)
    refusals = judge_commit(World(estate.book), pack, statement, events)
    assert {refusal.detail for refusal in refusals} <= {"not_trained"}
    return [who for refusal in refusals for who in refusal.blocking]


def test_who_receives_and_who_confirms_is_trained_not_only_who_releases(estate: Estate) -> None:
    qian, he = estate.qian, estate.he
    record = estate.ready()
    handover = estate.frozen(record)
    out = release(handover, [record])
    assert strictly(estate, qian, "seller_handler", out) == [qian.actor]
    estate.does(qian, "seller_handler", out)
    in_ = receive(handover, [record])
    assert strictly(estate, he, "buyer_handler", in_) == [he.actor]
    estate.does(he, "buyer_handler", in_)
    estate.does(he, "buyer_handler", inspect(handover, record))
    whole = confirm(handover, [record], he)
    everybody = sorted(p.actor for p in (qian, he, estate.wu, estate.ma))
    found = strictly(estate, qian, "seller_handler", whole, beside=estate.both_sides)
    assert sorted(found) == everybody
    for person in (qian, he, estate.wu, estate.ma):
        estate.does(estate.wang, "administrator", train(person))
    assert strictly(estate, qian, "seller_handler", whole, beside=estate.both_sides) == []


def test_who_approves_is_trained_in_approving_and_who_destroys_in_destroying(
    estate: Estate,
) -> None:
    copy = estate.holding_of(estate.ripe())
    case = estate.appraised(copy)
    said = approve(case, [copy])
    assert strictly(estate, estate.li, "approver", said) == [estate.li.actor]
    estate.does(estate.wang, "administrator", train(estate.li, "destruction"))
    assert strictly(estate, estate.li, "approver", said) == [estate.li.actor]
    estate.does(estate.wang, "administrator", train(estate.li, "approval"))
    assert strictly(estate, estate.li, "approver", said) == []
    for who in (estate.li, estate.zhao):
        estate.does(who, "approver", approve(case, [copy]))
    said = execute(case, [copy])
    assert strictly(estate, estate.chen, "destruction_operator", said) == [estate.chen.actor]
    estate.does(estate.wang, "administrator", train(estate.chen, "destruction"))
    assert strictly(estate, estate.chen, "destruction_operator", said) == []


# -- keys of a firm that was sold: I-41 ------------------------------------------------------------


def test_an_old_key_that_opens_sealed_texts_is_an_old_key() -> None:
    """The signing key is new; whoever kept the sealing key still reads everything."""
    deal = Dealing.open("equity_transfer")
    firm, chen = deal.firm, deal.chen
    seal = firm.key_for(chen, "seal")
    firm.does(firm.wang, "administrator", enrol(chen, seal))
    other = firm.new("engagement")
    said = open_deal(other, deal.seller, deal.buyer, transfer_mode="equity_transfer")
    firm.does(firm.wang, "administrator", said)
    old, new = chen.key, firm.key_for(chen)
    firm.does(chen, "seller_handler", rotate(chen, old, new), possession=[new])
    chen.keys.append(new)
    said = rekey(other, chen)
    rekeys = {"engagement": other}
    assert firm.judge(firm.wang, "administrator", said, **rekeys) == ["key_is_older_than_the_deal"]
    firm.does(chen, "seller_handler", rotate(chen, seal, firm.key_for(chen, "seal")))
    assert firm.judge(firm.wang, "administrator", said, **rekeys) == []


# -- without end -----------------------------------------------------------------------------------


def test_what_lies_with_a_party_is_looked_up_once_a_commit(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = estate.book.copies_out

    def counted(engagement: str, party: str, **how: bool) -> Any:
        asked.append(party)
        return real(engagement, party, **how)

    monkeypatch.setattr(estate.book, "copies_out", counted)
    said = [dispose(estate.deal, estate.he.party, estate.now) for _ in range(500)]
    details = estate.judge(estate.he, "buyer_handler", *said, engagement=estate.deal)
    assert (details, asked) == ([], [estate.he.party])


def test_a_disposal_stands_in_a_commit_of_its_own(estate: Estate) -> None:
    """It is judged by what lay with the party before the commit: nothing else happens in it."""
    said = dispose(estate.deal, estate.he.party, estate.now, how="none_kept", count=0)
    lies = create_holding(estate.new("holding"), estate.he.party)
    both = estate.hire("custodian", party=estate.he.party)
    details = estate.judge(both, "custodian", said, lies, engagement=estate.deal)
    assert details == ["case_writes_one_stream"]


def test_of_many_copies_that_are_still_there_a_refusal_names_the_first(estate: Estate) -> None:
    record = estate.ready()
    original = estate.holding_of(record)
    for _ in range(10):
        lies = create_holding(
            estate.new("holding"), estate.he.party, record=record, made_from=original
        )
        how = {"engagement": estate.deal, "beside": [(estate.wang, "custodian")]}
        estate.does(estate.lin, "custodian", lies, **how)
    said = close(estate.deal, "failed")
    (refusal,) = estate.refusals(estate.qian, "seller_handler", said, engagement=estate.deal)
    assert (refusal.detail, len(refusal.blocking)) == ("copy_is_still_there", 8)


def test_discrepancies_and_reservations_have_an_end(estate: Estate) -> None:
    record = estate.ready()
    handover = estate.received(record)
    raised = [raise_discrepancy(handover, number, record) for number in range(1, 1002)]
    assert estate.judge(estate.he, "buyer_handler", *raised) == ["too_many_discrepancies"]
    estate.does(estate.he, "buyer_handler", *raised[:1000])
    beside = [(estate.he, "buyer_handler")]
    left = [settle(handover, number, "reserved") for number in range(1, 202)]
    assert selling(estate, *left, beside=beside) == ["too_many_reservations"]
    estate.does(estate.qian, "seller_handler", *left[:200], beside=beside)
    others = [settle(handover, number) for number in range(201, 1001)]
    estate.does(estate.qian, "seller_handler", *others, beside=beside)
    whole = confirm(handover, [record], estate.he, reservations=list(range(1, 201)))
    assert selling(estate, whole, beside=estate.both_sides) == []
