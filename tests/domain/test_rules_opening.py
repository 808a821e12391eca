"""Entry 0, which leans on nothing but itself; the ledger's own keys, policy, engagement, drafts."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from domain.engagement import EngagementOpened
from domain.ledger import LedgerInitialized, PolicyAdopted
from tests.domain.worlds import (
    ORIGIN,
    Firm,
    Person,
    Said,
    collect,
    create_holding,
    enrol,
    grant,
    register,
    register_party,
    rotate_ledger_key,
    void,
)


@pytest.fixture
def founder() -> Firm:
    """A firm whose ledger is not open yet."""
    return Firm()


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


def opens(firm: Firm, said: list[Said], **how: object) -> list[str]:
    """What the founder hears who opens the ledger with this."""
    return firm.judge(firm.wang, "administrator", *said, possession=[firm.checkpoint_key], **how)


def with_other(said: list[Said], kind: type, **fields: object) -> list[Said]:
    """The opening, with other fields in the events of one class."""
    return [one.but(**fields) if one.kind is kind else one for one in said]


def test_a_ledger_opens_with_everything_that_later_entries_lean_on(founder: Firm) -> None:
    assert opens(founder, founder.opening()) == []


def test_a_ledger_is_opened_once(firm: Firm) -> None:
    first = firm.opening()[0]
    again = Said(first.kind, firm.new("ledger"), first.fields)
    details = firm.judge(firm.wang, "administrator", again, possession=[firm.checkpoint_key])
    assert "ledger_already_initialized" in details


def test_the_first_entry_does_nothing_but_open(founder: Firm) -> None:
    copy = founder.new("holding")
    work = [
        create_holding(copy, founder.party).but(role="collector"),
        collect(founder.new("record"), copy).but(role="collector"),
    ]
    details = opens(founder, founder.opening() + work)
    assert details == ["entry_zero_only_opens", "entry_zero_only_opens"]


@pytest.mark.parametrize("kind", [LedgerInitialized, PolicyAdopted, EngagementOpened])
def test_the_first_entry_opens_one_ledger_with_one_policy_and_one_engagement(
    founder: Firm, kind: type
) -> None:
    said = founder.opening()
    (one,) = [s for s in said if s.kind is kind]
    twin = Said(kind, founder.new(one.stream.partition("-")[0]), one.fields)
    assert "entry_zero_opens_one_ledger" in opens(founder, [*said, twin])
    without = [s for s in said if s is not one]
    assert "entry_zero_opens_one_ledger" in opens(founder, without)


def test_the_ledger_comes_first(founder: Firm) -> None:
    first, *rest = founder.opening()
    assert opens(founder, [*rest, first]) == ["entry_zero_opens_one_ledger"]


def test_an_empty_opening_opens_nothing(founder: Firm) -> None:
    founder.opening()
    assert opens(founder, []) == ["entry_zero_opens_one_ledger"]


def test_keys_and_roles_in_the_first_entry_go_to_actors_registered_before(founder: Firm) -> None:
    """Folded unjudged, such an entry would have been a crash."""
    stranger = Person(founder.new("actor"), founder.party)
    said = founder.opening()
    assert opens(founder, [*said, grant(stranger, "dpo")]) == ["unknown_actor"]
    assert opens(founder, [*said, enrol(stranger, founder.key_for(stranger))]) == ["unknown_actor"]
    assert opens(founder, [*said, register(stranger), grant(stranger, "dpo")]) == []


def test_keys_in_the_first_entry_bear_the_origin_that_it_names(founder: Firm) -> None:
    founder.wang.keys = [founder.new_key(f"other.example/a/{founder.wang.actor}")]
    assert opens(founder, founder.opening()) == ["key_name_is_not_the_actors"]


def test_a_malformed_opening_is_refused_before_it_is_folded(founder: Firm) -> None:
    said = with_other(founder.opening(), LedgerInitialized, nonce="short")
    assert opens(founder, said) == ["malformed_field"]


def test_the_owner_of_a_ledger_is_registered_in_it(founder: Firm) -> None:
    said = with_other(founder.opening(), LedgerInitialized, owner=founder.new("party"))
    assert opens(founder, said) == ["unknown_party"]


def test_an_origin_has_no_segment_that_means_something_else(founder: Firm) -> None:
    for origin in ("clean.example/a", "clean.example/commit/x"):
        firm = Firm()
        firm.checkpoint_key = firm.new_key(origin, "checkpoint")
        firm.seal_key = firm.new_key(origin, "seal")
        firm.wang.keys = [firm.new_key(f"{origin}/a/{firm.wang.actor}")]
        said = with_other(firm.opening(), LedgerInitialized, origin=origin)
        assert "origin_reserved_segment" in opens(firm, said)


def test_an_origin_that_spells_a_telephone_number_is_refused(founder: Firm) -> None:
    said = with_other(founder.opening(), LedgerInitialized, software="13800138000")
    assert opens(founder, said) == ["code_looks_personal"]


def test_the_ledgers_keys_have_their_form(founder: Firm) -> None:
    for wrong in (
        founder.new_key(ORIGIN, "cosign"),
        founder.new_key("other.example", "checkpoint"),
        founder.new_key(ORIGIN, "checkpoint", kind="mldsa44"),
    ):
        founder.checkpoint_key = wrong
        details = opens(founder, founder.opening())
        assert "ledger_key_form" in details
    founder.checkpoint_key = founder.new_key(ORIGIN, "checkpoint")
    assert opens(founder, founder.opening()) == []


def test_the_checkpoint_key_proves_in_the_first_entry_that_it_is_held(founder: Firm) -> None:
    said = founder.opening()
    assert founder.judge(founder.wang, "administrator", *said) == ["possession_not_proved"]


def test_the_pack_adopted_is_the_pack_that_judges(founder: Firm) -> None:
    """A ledger that adopted a digest nobody has the bytes of could never be opened again."""
    for fields in (
        {"digest": "0" * 64}, {"pack": "lenient"}, {"pack_version": "9"},
        {"effective_from": "2020-01-01"},
    ):  # fmt: skip
        said = with_other(founder.opening(), PolicyAdopted, **fields)
        assert opens(founder, said) == ["unknown_policy_pack"]


def test_the_policy_stays(firm: Firm) -> None:
    said = next(one for one in Firm().opening() if one.kind is PolicyAdopted)
    again = Said(PolicyAdopted, firm.new("policy"), said.fields)
    assert firm.judge(firm.wang, "administrator", again) == ["policy_change_not_supported"]


# -- the ledger's key -------------------------------------------------------------------------


def test_the_ledgers_key_is_replaced_under_old_and_new(firm: Firm) -> None:
    old, new = firm.checkpoint_key, firm.new_key(ORIGIN, "checkpoint")
    said = rotate_ledger_key(firm, new)
    who, role = firm.wang, "administrator"
    assert firm.judge(who, role, said, possession=[new]) == ["old_key_must_sign"]
    assert firm.judge(who, role, said, possession=[old]) == ["possession_not_proved"]
    firm.does(who, role, said, possession=[old, new])
    again = rotate_ledger_key(firm, firm.new_key(ORIGIN, "checkpoint"))
    third = again.fields["key"]
    assert firm.judge(who, role, again, possession=[third]) == ["old_key_not_active"]


def test_one_commit_replaces_the_ledgers_key_once(firm: Firm) -> None:
    one, two = (firm.new_key(ORIGIN, "checkpoint") for _ in range(2))
    said = (rotate_ledger_key(firm, one), rotate_ledger_key(firm, two))
    possession = [firm.checkpoint_key, one, two]
    details = firm.judge(firm.wang, "administrator", *said, possession=possession)
    assert details == ["old_key_not_active"]


def test_the_ledgers_new_key_has_the_form_of_the_old(firm: Firm) -> None:
    for wrong in (firm.new_key("other.example", "checkpoint"), firm.new_key(ORIGIN, "cosign")):
        said = rotate_ledger_key(firm, wrong)
        possession = [firm.checkpoint_key, wrong]
        assert firm.judge(firm.wang, "administrator", said, possession=possession) == [
            "ledger_key_form"
        ]


def test_the_ledgers_new_key_was_never_enrolled(firm: Firm) -> None:
    """Somebody's act key as the ledger's key: one signature would then mean two things."""
    copied = firm.new_key(ORIGIN, "checkpoint", public=firm.li.key.public)
    same_id = firm.new_key(ORIGIN, "checkpoint", id=firm.seal_key.id)
    for key, detail in ((copied, "key_enrolled_before"), (same_id, "key_id_used_before")):
        said = rotate_ledger_key(firm, key)
        possession = [firm.checkpoint_key, key]
        assert firm.judge(firm.wang, "administrator", said, possession=possession) == [detail]


def test_the_ledgers_key_is_its_owners(firm: Firm) -> None:
    buyer = firm.hire("administrator", party=firm.another_firm())
    new = firm.new_key(ORIGIN, "checkpoint")
    said = rotate_ledger_key(firm, new)
    possession = [firm.checkpoint_key, new]
    assert firm.judge(buyer, "administrator", said, possession=possession) == [
        "not_the_administrators_party"
    ]
    deputy = firm.hire()
    firm.does(firm.wang, "administrator", grant(deputy, "administrator", scope=firm.routine))
    assert firm.judge(deputy, "administrator", said, possession=possession) == [
        "administrator_is_scoped"
    ]


# -- drafts -----------------------------------------------------------------------------------


def test_a_draft_is_voided_once(firm: Firm) -> None:
    said = void(firm.new("draft"), "ab" * 16)
    twice = void(firm.new("draft"), "ab" * 16)
    assert firm.judge(firm.li, "approver", said, twice) == ["draft_already_voided"]
    firm.does(firm.li, "approver", said)
    assert firm.judge(firm.li, "approver", twice) == ["draft_already_voided"]
    other = void(said.stream, "ac" * 16)
    assert firm.judge(firm.li, "approver", other) == ["draft_already_voided"]


def test_a_commit_does_not_void_itself(firm: Firm) -> None:
    said = void(firm.new("draft"), "ab" * 16)
    assert firm.judge(firm.li, "approver", said, commit="ab" * 16) == ["draft_voids_itself"]


def test_a_second_party_may_come_with_the_first_entry(founder: Firm) -> None:
    said = [*founder.opening(), register_party(founder.new("party"))]
    assert opens(founder, said) == []
    said[-1].fields["sealed"] = UNSET
    assert opens(founder, said) == ["name_must_be_sealed"]
