"""What must be open before anything is released: each gate, shut, by itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain import gates
from domain.judging import Case, World
from domain.policy import Policy, Training
from domain.transfer import Gates
from domain.values import Event, later
from tests.domain.deal_words import Dealing, assess, attach, close, end_nda, sign_nda, train
from tests.domain.words import OBJECT, drill_backup, make_backup, store_offsite, verify_backup
from tests.domain.worlds import Person, create_holding, policy, rotate


@pytest.fixture
def deal() -> Dealing:
    """Everything is signed; nothing is handed over yet."""
    return Dealing.open(broker=True).signed()


def case_of(deal: Dealing, pack: Policy, *signers: tuple[Person, str]) -> tuple[Case, Event]:
    """The commit by which `signers` would release under the deal, and an event of it."""
    (who, role), *beside = signers or [(deal.chen, "seller_handler")]
    said = train(deal.li)  # of the event, only the engagement is looked at
    statement, events = deal.firm.statement(
        who, role, [said], beside=beside, engagement=deal.engagement
    )
    return Case(World(deal.firm.book), pack, statement), events[0]


def release(deal: Dealing, *categories: str, pack: Policy | None = None, **how: Any) -> list[str]:
    """Which gates are shut for a release of records of these categories (a contract)."""
    case, event = case_of(deal, pack or policy())
    listed = categories or ("contract",)
    to_party = how.pop("to_party", deal.buyer)
    personal = how.pop("personal", listed)
    refusals = gates.against_release(case, event, deal.seller, to_party, listed, personal)
    return [refusal.detail for refusal in refusals]


def keys(deal: Dealing, *signers: tuple[Person, str]) -> list[str]:
    case, event = case_of(deal, policy(), *signers)
    return [refusal.detail for refusal in gates.against_keys(case, event)]


def blocking(**gate: Any) -> Policy:
    """The pack, with what it only shows made to block."""
    return replace(policy(), **gate)


def test_when_all_is_signed_the_gates_are_open(deal: Dealing) -> None:
    assert release(deal) == []
    assert keys(deal, *deal.everybody) == []


# -- keys ---------------------------------------------------------------------------------------


def test_a_key_that_the_agreement_does_not_name_acts_in_no_handover(deal: Dealing) -> None:
    other = deal.firm.hire("seller_handler")
    assert keys(deal, (other, "seller_handler")) == ["key_not_agreed"]


def test_a_key_named_for_one_role_does_not_act_in_another(deal: Dealing) -> None:
    assert keys(deal, (deal.chen, "supervisor")) == ["key_not_agreed"]


def test_every_cosigner_is_asked_for(deal: Dealing) -> None:
    stranger = deal.firm.hire("supervisor")
    assert keys(deal, *deal.handlers, (stranger, "supervisor")) == ["key_not_agreed"]


def test_a_new_key_of_a_named_person_is_not_agreed_by_itself(deal: Dealing) -> None:
    old, new = deal.chen.key, deal.firm.key_for(deal.chen)
    deal.firm.does(deal.chen, "seller_handler", rotate(deal.chen, old, new), possession=[new])
    deal.chen.keys.append(new)
    assert keys(deal, (deal.chen, "seller_handler")) == ["key_not_agreed"]


def test_without_an_agreement_no_key_acts() -> None:
    deal = Dealing.open()
    assert keys(deal, (deal.chen, "seller_handler")) == ["key_not_agreed"]


# -- confidentiality ----------------------------------------------------------------------------


def test_nothing_is_released_without_a_nda() -> None:
    deal = Dealing.open()
    deal.assessed()
    assert release(deal) == ["no_nda_in_force"]


def test_a_nda_with_the_buyer_is_none_with_the_broker(deal: Dealing) -> None:
    assert release(deal, to_party=deal.broker) == ["no_nda_in_force"]


def test_a_nda_by_which_the_buyer_discloses_lets_the_seller_disclose_nothing() -> None:
    deal = Dealing.open()
    deal.assessed()
    said = sign_nda(deal.engagement, deal.document("nda"), deal.buyer, deal.seller)
    deal.does(deal.chen, "seller_handler", said, beside=[(deal.sun, "buyer_handler")])
    assert release(deal) == ["no_nda_in_force"]


@pytest.mark.parametrize(
    ("days", "open_"),
    [
        ({"begins_on": "2026-11-22"}, False),
        ({"begins_on": "2026-11-21", "ends_on": "2026-11-21"}, True),
        ({"begins_on": "2026-11-01", "ends_on": "2026-11-20"}, False),
    ],
)
def test_a_nda_holds_from_its_first_to_its_last_day(days: dict[str, str], open_: bool) -> None:
    deal = Dealing.open()
    deal.assessed()
    deal.confidential(**days)
    assert deal.firm.now.startswith("2026-11-21")
    assert release(deal) == ([] if open_ else ["no_nda_in_force"])


def test_under_a_nda_that_was_ended_nothing_more_is_released(deal: Dealing) -> None:
    (paper,) = deal.state.ndas
    deal.does(deal.sun, "buyer_handler", end_nda(deal.engagement, paper, "2026-11-21"))
    assert release(deal) == ["no_nda_in_force"]


def test_a_nda_covers_the_categories_that_it_names_and_their_parts() -> None:
    deal = Dealing.open()
    deal.assessed()
    deal.confidential(categories=["communication"])
    assert release(deal, "communication.sms") == []
    assert release(deal, "communication.sms", "contract") == ["nda_does_not_cover"]
    deal.confidential(categories=["contract"])
    assert release(deal, "communication.sms", "contract") == [], "two together cover it"


# -- the impact assessment ----------------------------------------------------------------------


def confidential_only(mode: str = "asset_or_store_transfer") -> Dealing:
    deal = Dealing.open(mode)
    deal.confidential()
    return deal


def test_personal_data_are_not_released_without_an_assessment() -> None:
    deal = confidential_only()
    assert release(deal) == ["no_pipia"]
    assert release(deal, personal=[]) == [], "nothing in it is personal"
    assert release(deal, "contract", "goods", personal=["contract"]) == ["no_pipia"]


def test_what_was_found_not_acceptable_is_not_released() -> None:
    deal = confidential_only()
    deal.assessed(conclusion="not_acceptable")
    assert release(deal) == ["pipia_not_acceptable"]


def test_the_last_assessment_of_a_category_counts(deal: Dealing) -> None:
    deal.assessed(conclusion="not_acceptable", categories=["communication"])
    assert release(deal, "contract") == []
    assert release(deal, "communication.sms") == ["pipia_not_acceptable"]
    deal.assessed(conclusion="acceptable_with_measures", categories=["communication.sms"])
    assert release(deal, "communication.sms") == []
    assert release(deal, "communication.im") == ["pipia_not_acceptable"]


def test_an_assessment_of_other_categories_is_none_of_these() -> None:
    deal = confidential_only()
    deal.assessed(categories=["basic_info"])
    assert release(deal) == ["no_pipia"]


# -- the processing agreement -------------------------------------------------------------------


def entrusts(*parties: str, **fields: Any) -> list[str]:
    """A deal by which the broker processes for the seller, under an agreement of `parties`."""
    deal = Dealing.open("entrusted", broker=True)
    he = deal.firm.hire("broker", party=deal.broker)
    said = sign_nda(deal.engagement, deal.document("nda"), deal.seller, deal.broker)
    deal.does(deal.chen, "seller_handler", said, beside=[(he, "broker")])
    deal.assessed()
    if parties:
        said = attach(
            deal.firm.new("document"), "processing_agreement",
            *(getattr(deal, party) for party in parties), **fields,
        )  # fmt: skip
        beside = [(he, "broker"), (deal.sun, "buyer_handler")]
        deal.does(deal.chen, "seller_handler", said, beside=beside)
    return release(deal, to_party=deal.broker)


def test_processing_is_entrusted_under_an_agreement_that_both_signed() -> None:
    assert entrusts("seller", "broker") == []
    assert entrusts() == ["no_processing_agreement"]
    assert entrusts("seller", "buyer") == ["no_processing_agreement"]


def test_whoever_is_to_process_signs_that_it_does() -> None:
    """The seller's word alone, on a paper that is said to be signed, opens its own gate."""
    deal = Dealing.open("entrusted", broker=True)
    he = deal.firm.hire("broker", party=deal.broker)
    said = attach(deal.firm.new("document"), "processing_agreement", deal.seller, deal.broker)
    buyer = [(deal.sun, "buyer_handler")]
    assert deal.judge(deal.chen, "seller_handler", said) == ["processor_must_sign"]
    assert deal.judge(deal.chen, "seller_handler", said, beside=buyer) == ["processor_must_sign"]
    assert deal.judge(deal.chen, "seller_handler", said, beside=[(he, "broker")]) == []
    assert deal.judge(he, "broker", said) == []


def test_an_agreement_that_no_longer_stands_entrusts_nothing() -> None:
    assert entrusts("seller", "broker", ends_on="2026-11-20") == ["no_processing_agreement"]
    assert entrusts("seller", "broker", begins_on="2026-11-22") == ["no_processing_agreement"]


def test_another_paper_entrusts_nothing(deal: Dealing) -> None:
    joint = Dealing.open("joint")
    joint.confidential()
    joint.assessed()
    joint.document("legal_opinion", joint.seller, joint.buyer)
    assert release(joint) == ["no_processing_agreement"]
    assert release(joint, personal=[]) == [], "nothing in it is personal"
    assert release(deal) == [], "a sale asks for none"


# -- what the pack may make a gate of -----------------------------------------------------------


def untrained(deal: Dealing, pack: Policy, *signers: tuple[Person, str]) -> list[str]:
    """Whom the pack does not let act in a handover, of those who sign."""
    case, _ = case_of(deal, pack, *signers)
    refusals = gates.against_untrained_signers(case, "handover")
    return [who for refusal in refusals for who in refusal.blocking]


def test_the_pack_as_it_ships_only_shows_who_is_not_trained(deal: Dealing) -> None:
    assert policy().training.mode == "warn"
    assert untrained(deal, policy()) == []
    strict = blocking(training=Training(mode="block"))
    assert untrained(deal, strict, *deal.handlers) == [deal.chen.actor, deal.sun.actor]
    deal.firm.does(deal.firm.wang, "administrator", train(deal.chen))
    assert untrained(deal, strict, *deal.handlers) == [deal.sun.actor]


def test_training_in_something_else_or_of_long_ago_does_not_count(deal: Dealing) -> None:
    strict = blocking(training=Training(mode="block"))
    deal.firm.does(deal.firm.wang, "administrator", train(deal.chen, "approval"))
    old = train(deal.chen, on="2025-01-01", valid_to="2026-11-20")
    deal.firm.does(deal.firm.wang, "administrator", old)
    assert untrained(deal, strict) == [deal.chen.actor]


ALL_OVERDUE = ["backup_overdue", "offsite_overdue", "backup_check_overdue", "drill_overdue"]


def protected(deal: Dealing) -> str:
    """A copy of the seller's is backed up, elsewhere, checked and drilled; which backup it is."""
    firm = deal.firm
    original = firm.holding_of(firm.ready())
    backup, copy_ = firm.new("backup"), firm.new("holding")
    lies = create_holding(copy_, deal.seller, made_from=original, medium="disk_external", **OBJECT)
    firm.does(firm.wang, "custodian", lies, make_backup(backup, [copy_]))
    firm.does(firm.wang, "custodian", verify_backup(backup, 1))
    firm.does(firm.wang, "custodian", store_offsite(backup, firm.wang))
    firm.does(firm.wang, "custodian", drill_backup(backup, 1))
    return backup


def test_the_pack_as_it_ships_only_shows_what_is_not_backed_up(deal: Dealing) -> None:
    assert policy().gates.backup == "warn"
    strict = blocking(gates=Gates(backup="block"))
    assert release(deal, pack=strict) == ALL_OVERDUE
    protected(deal)
    assert release(deal, pack=strict) == []


def test_each_interval_of_the_pack_is_kept(deal: Dealing) -> None:
    strict = blocking(gates=Gates(backup="block"))
    protected(deal)
    done = deal.firm.now
    for days, overdue in ((7, []), (8, ALL_OVERDUE[:1]), (31, ALL_OVERDUE[:3]), (181, ALL_OVERDUE)):
        deal.firm.now = later(done, days=days, seconds=-3600)
        assert release(deal, pack=strict) == overdue, days


def test_a_check_or_drill_that_failed_protects_nothing(deal: Dealing) -> None:
    strict = blocking(gates=Gates(backup="block"))
    backup = protected(deal)
    deal.firm.does(deal.firm.wang, "custodian", verify_backup(backup, 1, 0))
    deal.firm.does(deal.firm.wang, "custodian", drill_backup(backup, 0, 1))
    assert release(deal, pack=strict) == ALL_OVERDUE[2:]


def test_the_backups_of_another_party_protect_nothing(deal: Dealing) -> None:
    strict = blocking(gates=Gates(backup="block"))
    protected(deal)
    case, _ = case_of(deal, strict)
    found = [refusal.detail for refusal in gates.against_no_backup(case, deal.buyer)]
    assert found == ALL_OVERDUE


def test_the_gates_are_those_of_a_deal(deal: Dealing) -> None:
    """That a handover needs a deal at all is judged with its plan."""
    case, event = case_of(deal, policy())
    assert gates.deal(case, event.engagement) is not None
    assert gates.deal(case, deal.firm.routine) is None
    assert gates.deal(case, deal.firm.new("engagement")) is None
    deal.does(deal.chen, "seller_handler", close(deal.engagement, "cancelled"))
    case, event = case_of(deal, policy())
    assert gates.deal(case, event.engagement) is None, "it is over"


def test_attached_papers_are_known_to_the_deal(deal: Dealing) -> None:
    paper = deal.firm.new("document")
    deal.does(deal.chen, "dpo", attach(paper, "legal_opinion"))
    assert deal.state.attached[paper] == "legal_opinion"
    assert set(assess(deal.engagement, paper).fields) >= {"document"}
