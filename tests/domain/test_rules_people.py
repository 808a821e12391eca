"""Parties, actors, keys and roles: who may enrol, rotate, end, grant and revoke what."""

from __future__ import annotations

from typing import Any

import pytest

from domain.actor import ActorState
from domain.values import Key, later
from tests.domain.worlds import (
    ORIGIN,
    START,
    Firm,
    Person,
    Said,
    dismiss,
    enrol,
    grant,
    register,
    register_party,
    report,
    review,
    revoke,
    rotate,
)


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


def a_stranger(firm: Firm, party: str | None = None) -> Person:
    return Person(firm.new("actor"), party or firm.party)


# -- registering ------------------------------------------------------------------------------


def test_a_party_is_registered_once_and_its_name_is_sealed(firm: Firm) -> None:
    party = firm.new("party")
    bare = register_party(party)
    del bare.fields["sealed"]
    assert firm.judge(firm.wang, "administrator", bare) == ["name_must_be_sealed"]
    firm.does(firm.wang, "administrator", register_party(party))
    assert firm.judge(firm.wang, "administrator", register_party(party)) == ["already_registered"]


def test_an_actor_is_registered_once_and_the_name_is_sealed(firm: Firm) -> None:
    person = a_stranger(firm)
    bare = register(person)
    del bare.fields["sealed"]
    assert firm.judge(firm.wang, "administrator", bare) == ["name_must_be_sealed"]
    firm.does(firm.wang, "administrator", register(person))
    assert firm.judge(firm.wang, "administrator", register(person)) == ["already_registered"]


def test_an_actor_acts_for_a_registered_party(firm: Firm) -> None:
    stranger = a_stranger(firm, firm.new("party"))
    assert firm.judge(firm.wang, "administrator", register(stranger)) == ["unknown_party"]
    firm.does(firm.wang, "administrator", register_party(stranger.party), register(stranger))


def test_only_administrators_register(firm: Firm) -> None:
    person = a_stranger(firm)
    assert firm.judge(firm.li, "reviewer", register(person)) == ["role_does_not_permit"]
    assert firm.judge(firm.li, "administrator", register(person)) == ["role_not_held"]


@pytest.mark.parametrize("what", ["key", "role"])
def test_keys_and_roles_belong_to_registered_actors(firm: Firm, what: str) -> None:
    stranger = a_stranger(firm)
    key = firm.key_for(stranger)
    said = enrol(stranger, key) if what == "key" else grant(stranger, "collector")
    possession = [key] if what == "key" else []
    details = firm.judge(firm.wang, "administrator", said, possession=possession)
    assert details == ["unknown_actor"]
    firm.does(firm.wang, "administrator", register(stranger), said, possession=possession)


def test_keys_are_revoked_of_registered_actors_only(firm: Firm) -> None:
    stranger = a_stranger(firm)
    stranger.keys = [firm.key_for(stranger)]
    said = revoke(stranger, stranger.key)
    assert firm.judge(firm.wang, "administrator", said) == ["unknown_actor", "unknown_key"]


# -- enrolling --------------------------------------------------------------------------------


def enrolment(firm: Firm, key: Key, continuity: str = "first", **how: Any) -> list[str]:
    """What an administrator hears who enrols this key for Li."""
    said = enrol(firm.li, key, continuity)
    possession = [key] if key.kind == "ed25519" else []
    return firm.judge(firm.wang, "administrator", said, possession=possession, **how)


def test_a_first_key_for_a_purpose_is_said_by_an_administrator(firm: Firm) -> None:
    key = firm.key_for(firm.li, "cosign")
    said = enrol(firm.li, key)
    assert firm.judge(firm.li, "reviewer", said, possession=[key]) == ["administrator_must_enrol"]
    assert enrolment(firm, key) == []


def test_nobody_enrols_a_key_for_somebody_else(firm: Firm) -> None:
    key = firm.key_for(firm.li)
    said = enrol(firm.li, key, "continuous")
    assert firm.judge(firm.zhao, "reviewer", said, possession=[key]) == ["old_key_must_sign"]
    assert enrolment(firm, key, "continuous") == ["old_key_must_sign"]
    firm.does(firm.li, "reviewer", said, possession=[key])


def test_a_first_key_is_first_even_when_all_others_have_ended(firm: Firm) -> None:
    """Otherwise one administrator could hand the identity of whoever lost a key to anybody."""
    firm.does(firm.wang, "administrator", revoke(firm.li, firm.li.key))
    key = firm.key_for(firm.li)
    assert enrolment(firm, key) == ["not_the_first_key"]


def test_after_a_lost_key_two_administrators_enrol_another(firm: Firm) -> None:
    deputy = firm.hire("administrator")
    firm.does(firm.wang, "administrator", revoke(firm.li, firm.li.key))
    key = firm.key_for(firm.li)
    assert enrolment(firm, key, "broken") == ["broken_enrolment_needs_two_persons"]
    assert enrolment(firm, key, "broken", beside=[(firm.zhao, "approver")]) == [
        "broken_enrolment_needs_two_persons"
    ]
    assert enrolment(firm, key, "broken", beside=[(deputy, "administrator")]) == []


def test_one_administrator_under_two_keys_is_not_two(firm: Firm) -> None:
    second = firm.key_for(firm.wang)
    firm.does(
        firm.wang, "administrator", enrol(firm.wang, second, "continuous"), possession=[second]
    )
    beside = [(firm.wang.signing_with(second), "administrator")]
    details = enrolment(firm, firm.key_for(firm.li), "broken", beside=beside)
    assert details == ["person_signs_twice"]


def test_nothing_is_broken_where_nothing_was(firm: Firm) -> None:
    deputy = firm.hire("administrator")
    key = firm.key_for(firm.li, "cosign")
    beside = [(deputy, "administrator")]
    assert enrolment(firm, key, "broken", beside=beside) == ["no_key_before"]
    assert enrolment(firm, key, "first", beside=beside) == []


@pytest.mark.parametrize(
    "name",
    [
        "other.example/a/{li}", f"{ORIGIN}/a/{{zhao}}", f"{ORIGIN}/b/{{li}}", ORIGIN,
        f"{ORIGIN}/a/{{zhao}}/a/{{li}}",
    ],
)  # fmt: skip
def test_a_key_bears_its_actors_name_in_this_ledger(firm: Firm, name: str) -> None:
    name = name.format(li=firm.li.actor, zhao=firm.zhao.actor)
    key = firm.new_key(name, "cosign")
    assert enrolment(firm, key) == ["key_name_is_not_the_actors"]


def test_actors_have_no_checkpoint_keys(firm: Firm) -> None:
    assert enrolment(firm, firm.key_for(firm.li, "checkpoint")) == ["key_purpose_not_for_actors"]


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [("act", "p256"), ("act", "mldsa44"), ("seal", "ed25519"), ("seal", "mldsa44"),
     ("cosign", "p256")],
)  # fmt: skip
def test_a_kind_of_key_serves_its_purposes_only(firm: Firm, purpose: str, kind: str) -> None:
    clerk = a_stranger(firm)
    key = firm.key_for(clerk, purpose, kind=kind, **({"proof": "AA"} if kind != "ed25519" else {}))
    possession = [key] if kind == "ed25519" else []
    said = (register(clerk), enrol(clerk, key))
    assert firm.judge(firm.wang, "administrator", *said, possession=possession) == [
        "key_kind_not_for_purpose"
    ]


@pytest.mark.parametrize(
    ("purpose", "kind"), [("seal", "p256"), ("cosign", "ed25519"), ("cosign", "mldsa44")]
)
def test_the_kinds_that_serve(firm: Firm, purpose: str, kind: str) -> None:
    proof = {} if kind == "ed25519" else {"proof": "AA"}
    assert enrolment(firm, firm.key_for(firm.li, purpose, kind=kind, **proof)) == []


def test_a_public_key_is_enrolled_once_in_a_ledger(firm: Firm) -> None:
    for taken in (firm.zhao.key, firm.li.key, firm.checkpoint_key):
        copied = firm.key_for(firm.li, "cosign", public=taken.public)
        assert enrolment(firm, copied) == ["key_enrolled_before"]


def test_a_public_key_is_enrolled_once_in_a_commit(firm: Firm) -> None:
    one = firm.key_for(firm.li, "cosign")
    two = firm.key_for(firm.zhao, "cosign", public=one.public)
    said = (enrol(firm.li, one), enrol(firm.zhao, two))
    assert firm.judge(firm.wang, "administrator", *said, possession=[one, two]) == [
        "key_enrolled_before"
    ]


def test_a_key_id_is_never_used_twice_for_one_person(firm: Firm) -> None:
    """Ids are four bytes: a second key with the id of a revoked one can be searched for."""
    collision = firm.key_for(firm.li, "cosign", id=firm.li.key.id)
    assert enrolment(firm, collision) == ["key_id_used_before"]


# -- rotating and ending ----------------------------------------------------------------------


def test_a_key_is_replaced_by_its_holder_under_its_own_signature(firm: Firm) -> None:
    old, new = firm.li.key, firm.key_for(firm.li)
    said = rotate(firm.li, old, new)
    assert firm.judge(firm.wang, "administrator", said, possession=[new]) == ["old_key_must_sign"]
    third = firm.key_for(firm.li)
    firm.does(firm.li, "reviewer", enrol(firm.li, third, "continuous"), possession=[third])
    other = firm.li.signing_with(third)
    assert firm.judge(other, "reviewer", said, possession=[new]) == ["old_key_must_sign"]
    firm.does(firm.li, "reviewer", said, possession=[new])


def test_a_key_that_ended_or_was_never_is_not_replaced(firm: Firm) -> None:
    seal, new = firm.key_for(firm.li, "seal"), firm.key_for(firm.li, "seal")
    said = rotate(firm.li, seal, new)
    assert firm.judge(firm.li, "reviewer", said) == ["old_key_not_active"]
    firm.does(firm.wang, "administrator", enrol(firm.li, seal))
    firm.does(firm.li, "reviewer", said)
    again = rotate(firm.li, seal, firm.key_for(firm.li, "seal"))
    assert firm.judge(firm.li, "reviewer", again) == ["old_key_not_active"]


def test_a_key_is_not_replaced_by_one_for_another_purpose(firm: Firm) -> None:
    seal = firm.key_for(firm.li, "seal")
    said = rotate(firm.li, firm.li.key, seal)
    assert firm.judge(firm.li, "reviewer", said) == ["old_key_not_active"]


def test_one_commit_replaces_a_key_once(firm: Firm) -> None:
    one, two = firm.key_for(firm.li), firm.key_for(firm.li)
    said = (rotate(firm.li, firm.li.key, one), rotate(firm.li, firm.li.key, two))
    assert firm.judge(firm.li, "reviewer", *said, possession=[one, two]) == ["old_key_not_active"]


def test_only_keys_that_exist_end(firm: Firm) -> None:
    said = revoke(firm.li, firm.key_for(firm.li))
    assert firm.judge(firm.wang, "administrator", said) == ["unknown_key"]


def test_a_key_is_revoked_once(firm: Firm) -> None:
    said = revoke(firm.li, firm.li.key)
    assert firm.judge(firm.wang, "administrator", said, said) == ["key_ended_before"]
    firm.does(firm.wang, "administrator", said)
    assert firm.judge(firm.wang, "administrator", said) == ["key_ended_before"]


def test_a_key_that_was_revoked_may_turn_out_to_be_compromised(firm: Firm) -> None:
    firm.does(firm.wang, "administrator", revoke(firm.li, firm.li.key))
    firm.does(firm.wang, "administrator", report(firm.li, firm.li.key))
    state = firm.book.states[firm.li.actor]
    assert isinstance(state, ActorState)
    assert state.keys[firm.li.key.id].condition == "compromised"


def test_a_key_is_ended_by_its_holder_or_an_administrator(firm: Firm) -> None:
    for said in (revoke(firm.li, firm.li.key), report(firm.li, firm.li.key)):
        assert firm.judge(firm.zhao, "reviewer", said) == ["holder_or_administrator_must_say"]
        assert firm.judge(firm.li, "reviewer", said) == []
        assert firm.judge(firm.wang, "administrator", said) == []


def test_a_suspicion_begins_before_it_is_reported(firm: Firm) -> None:
    said = report(firm.li, firm.li.key, later(firm.now, seconds=1))
    assert firm.judge(firm.li, "reviewer", said) == ["suspected_since_in_future"]
    assert firm.judge(firm.li, "reviewer", report(firm.li, firm.li.key, firm.now)) == []


def test_scenario_09_a_reported_key_does_not_act_under_an_earlier_time(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.wang, "administrator", report(firm.li, firm.li.key, firm.now))
    backdated = review(record).but(at=START)
    assert firm.judge(firm.li, "reviewer", backdated) == ["key_compromised"]
    assert firm.judge(firm.zhao, "reviewer", backdated) == []


# -- roles ------------------------------------------------------------------------------------


def test_nobody_audits_what_the_same_person_does(firm: Firm) -> None:
    clerk = firm.hire("collector")
    said = grant(clerk, "internal_auditor")
    assert firm.judge(firm.wang, "administrator", said) == ["auditor_is_operator"]
    auditor = firm.hire("external_auditor")
    said = grant(auditor, "collector")
    assert firm.judge(firm.wang, "administrator", said) == ["auditor_is_operator"]
    assert firm.judge(firm.wang, "administrator", grant(auditor, "counsel")) == []


def test_a_role_ends_no_earlier_than_it_begins(firm: Firm) -> None:
    days = {"valid_from": "2026-12-02", "valid_to": "2026-12-01"}
    assert firm.judge(firm.wang, "administrator", grant(firm.li, "dpo", **days)) == [
        "valid_to_before_valid_from"
    ]
    days["valid_to"] = "2026-12-02"
    assert firm.judge(firm.wang, "administrator", grant(firm.li, "dpo", **days)) == []


def test_a_role_is_for_days_that_exist(firm: Firm) -> None:
    said = grant(firm.li, "dpo", valid_to="2027-02-29")
    assert firm.judge(firm.wang, "administrator", said) == ["no_such_day"]


def test_a_role_is_for_an_engagement_that_exists(firm: Firm) -> None:
    said = grant(firm.li, "dpo", scope=firm.new("engagement"))
    assert firm.judge(firm.wang, "administrator", said) == ["unknown_engagement"]


def test_a_role_is_not_granted_twice(firm: Firm) -> None:
    wide, narrow = grant(firm.li, "dpo"), grant(firm.li, "dpo", scope=firm.routine)
    assert firm.judge(firm.wang, "administrator", narrow, narrow) == ["role_already_held"]
    assert firm.judge(firm.wang, "administrator", wide, narrow) == ["role_already_held"]
    firm.does(firm.wang, "administrator", narrow, wide)


def test_a_role_that_ran_out_is_granted_again(firm: Firm) -> None:
    firm.does(firm.wang, "administrator", grant(firm.li, "dpo", valid_to="2026-11-30"))
    again = grant(firm.li, "dpo", valid_to="2026-11-30")
    assert firm.judge(firm.wang, "administrator", again) == ["role_already_held"]
    firm.now = "2026-12-01T09:00:00.000Z"
    firm.does(firm.wang, "administrator", grant(firm.li, "dpo", valid_to="2026-12-31"))


def test_a_role_that_is_not_held_is_not_revoked(firm: Firm) -> None:
    assert firm.judge(firm.wang, "administrator", dismiss(firm.li, "collector")) == [
        "role_not_held"
    ]
    firm.does(firm.wang, "administrator", dismiss(firm.li, "reviewer"))
    record = firm.collect()
    assert firm.judge(firm.li, "reviewer", review(record)) == ["role_not_held"]


def test_the_last_administrator_stays(firm: Firm) -> None:
    said = dismiss(firm.wang, "administrator")
    assert firm.judge(firm.wang, "administrator", said) == ["administrator_cannot_resign_alone"]
    deputy = firm.hire("administrator")
    firm.does(deputy, "administrator", said)


def test_only_administrators_grant_and_they_sign_as_such(firm: Firm) -> None:
    said = grant(firm.li, "administrator")
    assert firm.judge(firm.li, "reviewer", said) == ["role_does_not_permit"]
    assert firm.judge(firm.li, "administrator", said) == ["role_not_held"]


def test_an_administrator_whose_time_is_over_grants_nothing(firm: Firm) -> None:
    deputy = firm.hire()
    firm.does(firm.wang, "administrator", grant(deputy, "administrator", valid_to="2026-11-30"))
    assert firm.judge(deputy, "administrator", grant(firm.li, "dpo")) == []
    firm.now = "2026-12-01T09:00:00.000Z"
    assert firm.judge(deputy, "administrator", grant(firm.li, "dpo")) == ["role_not_held"]


# -- administrators with a smaller reach ------------------------------------------------------


@pytest.fixture
def scoped(firm: Firm) -> Person:
    """An administrator of one engagement."""
    person = firm.hire()
    firm.does(firm.wang, "administrator", grant(person, "administrator", scope=firm.routine))
    return person


def test_an_administrator_of_one_engagement_grants_roles_in_it_only(
    firm: Firm, scoped: Person
) -> None:
    """Otherwise the first act of a deal's administrator would be to become everybody's."""
    for role in ("administrator", "dpo"):
        wide, narrow = grant(scoped, role), grant(firm.li, role, scope=firm.routine)
        assert firm.judge(scoped, "administrator", wide) == ["administrator_exceeds_own_reach"]
        assert firm.judge(scoped, "administrator", narrow) == []


def test_an_administrator_makes_no_administrator_for_longer(firm: Firm) -> None:
    temp = firm.hire()
    firm.does(firm.wang, "administrator", grant(temp, "administrator", valid_to="2026-12-31"))
    assert firm.judge(temp, "administrator", grant(temp, "administrator")) == [
        "administrator_exceeds_own_reach"
    ]
    within = grant(firm.li, "administrator", valid_to="2026-12-31")
    assert firm.judge(temp, "administrator", within) == []
    assert firm.judge(temp, "administrator", grant(firm.li, "dpo")) == []


def test_what_holds_for_the_whole_ledger_needs_an_administrator_of_all(
    firm: Firm, scoped: Person
) -> None:
    person = a_stranger(firm)
    acts: list[Said] = [
        register(person), register_party(firm.new("party")), revoke(firm.li, firm.li.key),
        report(firm.li, firm.li.key), dismiss(firm.li, "reviewer"),
    ]  # fmt: skip
    for said in acts:
        assert firm.judge(scoped, "administrator", said) == ["administrator_is_scoped"]
        assert firm.judge(firm.wang, "administrator", said) == []


def test_an_administrator_of_one_engagement_takes_over_nobody(firm: Firm, scoped: Person) -> None:
    key = firm.key_for(firm.wang)
    said = enrol(firm.wang, key, "broken")
    deputy = firm.hire("administrator")
    beside = [(deputy, "administrator")]
    assert firm.judge(scoped, "administrator", said, possession=[key], beside=beside) == [
        "administrator_is_scoped", "broken_enrolment_needs_two_persons",
    ]  # fmt: skip


def test_an_administrator_of_one_engagement_still_sees_to_the_own_keys(
    firm: Firm, scoped: Person
) -> None:
    assert firm.judge(scoped, "administrator", revoke(scoped, scoped.key)) == []


# -- two parties ------------------------------------------------------------------------------


@pytest.fixture
def buyer(firm: Firm) -> Person:
    """The buyer's administrator."""
    return firm.hire("administrator", party=firm.another_firm())


def test_an_administrator_acts_for_the_own_party(firm: Firm, buyer: Person) -> None:
    """The buyer's administrator neither ends the seller's keys nor makes sellers."""
    acts = [
        register(a_stranger(firm)), revoke(firm.li, firm.li.key), report(firm.li, firm.li.key),
        grant(firm.li, "dpo"), dismiss(firm.li, "reviewer"),
    ]  # fmt: skip
    for said in acts:
        assert firm.judge(buyer, "administrator", said) == ["not_the_administrators_party"]
    own = a_stranger(firm, buyer.party)
    firm.does(buyer, "administrator", register(own), grant(own, "collector"))


def test_a_party_is_helped_by_the_one_that_brought_it_in(firm: Firm, buyer: Person) -> None:
    own = a_stranger(firm, buyer.party)
    firm.does(firm.wang, "administrator", register(own))


def test_two_administrators_of_the_buyer_do_not_take_over_a_seller(
    firm: Firm, buyer: Person
) -> None:
    second = firm.hire("administrator", party=buyer.party, by=buyer)
    key = firm.key_for(firm.wang)
    said = enrol(firm.wang, key, "broken")
    details = firm.judge(
        buyer, "administrator", said, possession=[key], beside=[(second, "administrator")]
    )
    assert details == ["not_the_administrators_party", "broken_enrolment_needs_two_persons"]
