"""Access: under a grant that covers it, refused for a reason, reviewed by somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.engagement import EngagementState
from domain.values import later
from tests.domain.estates import Estate
from tests.domain.words import (
    access,
    break_glass,
    deny,
    execute,
    grant_access,
    lift,
    restrict,
    review_access,
    revoke_grant,
)
from tests.domain.worlds import START, Person, classify, create_holding, enrol, lose, move
from tests.domain.worlds import grant as give_role


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def granting(estate: Estate, *records: str, **fields: Any) -> list[str]:
    """What Wang hears who lets Zhou see something."""
    said = grant_access(estate.new("grant"), estate.zhou, *records, **fields)
    return estate.judge(estate.wang, "custodian", said)


def seeing(estate: Estate, record: str, who: Person | None = None, **fields: Any) -> list[str]:
    """What Zhou hears who looks at a record in its own copy."""
    said = access(record, estate.holding_of(record), **fields)
    return estate.judge(who or estate.zhou, "collector", said)


# -- granting: I-07, I-13, I-15 ---------------------------------------------------------------


def test_nobody_grants_to_themselves(estate: Estate) -> None:
    said = grant_access(estate.new("grant"), estate.wang, estate.ready())
    assert estate.judge(estate.wang, "custodian", said) == ["grants_to_self"]


def test_a_second_key_does_not_make_somebody_else_of_the_granter(estate: Estate) -> None:
    key = estate.key_for(estate.wang)
    said = enrol(estate.wang, key, "continuous")
    estate.does(estate.wang, "custodian", said, possession=[key])
    grant = grant_access(estate.new("grant"), estate.wang, estate.ready())
    assert estate.judge(estate.wang.signing_with(key), "custodian", grant) == ["grants_to_self"]


def test_nobody_of_another_party_gets_a_grant_before_the_deal_has_its_gates(estate: Estate) -> None:
    said = grant_access(estate.new("grant"), estate.he, estate.ready())
    assert estate.judge(estate.wang, "custodian", said) == ["grantee_of_another_party"]
    said = grant_access(estate.new("grant"), Person(estate.new("actor"), estate.party))
    assert estate.judge(estate.wang, "custodian", said) == ["unknown_actor", "grant_covers_nothing"]


def test_a_grant_says_what_it_covers_and_says_it_once(estate: Estate) -> None:
    record = estate.ready()
    assert granting(estate) == ["grant_covers_nothing"]
    assert granting(estate, estate.new("record")) == ["unknown_record"]
    assert granting(estate, record, record) == ["item_named_twice"]
    assert granting(estate, record, modes=["view", "view"]) == ["item_named_twice"]
    assert granting(estate, record, begins=later(START, days=1), ends=START) == [
        "ended_before_started"
    ]
    assert granting(estate, categories=["contract"]) == []


def test_an_emergency_is_not_granted_in_advance(estate: Estate) -> None:
    assert granting(estate, estate.ready(), purposes=["break_glass"]) == [
        "break_glass_is_not_granted"
    ]


def test_a_grant_is_given_once_and_revoked_once(estate: Estate) -> None:
    record = estate.ready()
    grant = estate.granted(estate.zhou, record)
    assert estate.judge(estate.wang, "custodian", grant_access(grant, estate.zhou, record)) == [
        "already_granted"
    ]
    estate.does(estate.wang, "custodian", revoke_grant(grant))
    assert estate.judge(estate.wang, "custodian", revoke_grant(grant)) == ["grant_is_revoked"]
    assert estate.judge(estate.wang, "custodian", revoke_grant(estate.new("grant"))) == [
        "unknown_grant"
    ]


def test_the_buyer_does_not_revoke_what_the_seller_granted(estate: Estate) -> None:
    grant = estate.granted(estate.zhou, estate.ready())
    assert estate.judge(estate.lin, "custodian", revoke_grant(grant)) == ["not_the_actors_party"]


# -- accessing: I-03, I-11, I-15, I-33 --------------------------------------------------------


def test_content_is_seen_under_a_grant_that_covers_it(estate: Estate) -> None:
    record = estate.ready()
    assert seeing(estate, record) == ["no_grant"]
    grant = estate.granted(estate.zhou, record)
    assert seeing(estate, record, grant=grant) == []
    assert seeing(estate, record, grant=estate.new("grant")) == ["grant_of_another"]
    assert seeing(estate, estate.ready(), grant=grant) == ["grant_does_not_cover_record"]
    assert seeing(estate, record, grant=grant, mode="export") == ["grant_does_not_cover_mode"]
    assert seeing(estate, record, grant=grant, purpose="marketing") == [
        "grant_does_not_cover_purpose"
    ]
    assert seeing(estate, record, grant=grant, purpose=UNSET) == [
        "no_purpose", "grant_does_not_cover_purpose",
    ]  # fmt: skip


def test_a_grant_is_not_passed_on(estate: Estate) -> None:
    record = estate.ready()
    grant = estate.granted(estate.zhou, record)
    assert seeing(estate, record, estate.wang, grant=grant) == ["grant_of_another"]


def test_a_grant_holds_from_its_first_moment_to_its_last(estate: Estate) -> None:
    record = estate.ready()
    begins, ends = later(estate.now, hours=1), later(estate.now, hours=2)
    grant = estate.granted(estate.zhou, record, begins=begins, ends=ends)
    for now, details in (
        (later(begins, seconds=-1), ["grant_not_in_force"]), (begins, []), (ends, []),
        (later(ends, seconds=1), ["grant_not_in_force"]),
    ):  # fmt: skip
        estate.now = now
        assert seeing(estate, record, grant=grant) == details


def test_a_revoked_grant_opens_nothing(estate: Estate) -> None:
    record = estate.ready()
    grant = estate.granted(estate.zhou, record)
    estate.does(estate.wang, "custodian", revoke_grant(grant))
    assert seeing(estate, record, grant=grant) == ["grant_is_revoked"]


def test_a_category_covers_its_parts_and_not_its_parent(estate: Estate) -> None:
    part = estate.collect(category="communication.email")
    estate.does(estate.wang, "archivist", classify(part, categories=["communication.email"]))
    wide = estate.granted(estate.zhou, categories=["communication"])
    narrow = estate.granted(estate.zhou, categories=["communication.sms"])
    assert seeing(estate, part, grant=wide) == []
    assert seeing(estate, part, grant=narrow) == ["grant_does_not_cover_record"]


def test_before_classification_only_the_collector_looks(estate: Estate) -> None:
    record = estate.collect()
    other = estate.granted(estate.zhou, record)
    assert seeing(estate, record, grant=other) == ["not_classified"]
    own = estate.new("grant")
    estate.does(estate.zhao, "dpo", grant_access(own, estate.wang, record))
    assert seeing(estate, record, estate.wang, grant=own) == []


def test_what_was_destroyed_is_not_accessed(estate: Estate) -> None:
    record = estate.ripe()
    copy, grant = estate.holding_of(record), estate.granted(estate.zhou, record)
    estate.executed(copy)
    assert seeing(estate, record, grant=grant) == ["record_is_over", "holding_is_destroyed"]


def test_a_destroyed_copy_is_not_accessed_while_another_one_lives(estate: Estate) -> None:
    record = estate.ripe()
    grant, old = estate.granted(estate.zhou, record), estate.holding_of(record)
    new = estate.holding(record=record, made_from=old)
    estate.executed(old)
    assert seeing(estate, record, grant=grant) == ["holding_is_destroyed"]
    assert estate.judge(estate.zhou, "collector", access(record, new, grant=grant)) == []


def test_a_lost_copy_is_not_accessed(estate: Estate) -> None:
    record = estate.ready()
    grant = estate.granted(estate.zhou, record)
    estate.does(estate.wang, "custodian", lose(estate.holding_of(record)))
    assert seeing(estate, record, grant=grant) == ["holding_is_lost"]


def test_a_record_is_seen_in_a_copy_of_it_that_the_own_party_keeps(estate: Estate) -> None:
    record = estate.ready()
    grant = estate.granted(estate.zhou, record)
    unknown = access(record, estate.new("holding"), grant=grant)
    assert estate.judge(estate.zhou, "collector", unknown) == ["unknown_holding"]
    other = access(record, estate.holding_of(estate.ready()), grant=grant)
    assert estate.judge(estate.zhou, "collector", other) == ["holding_of_another_record"]
    estate.handed_over(estate.holding_of(record))
    assert seeing(estate, record, grant=grant) == [
        "not_the_actors_party", "grant_ended_with_handover",
    ]  # fmt: skip
    nothing = access(estate.new("record"), estate.holding_of(record), grant=grant)
    assert estate.judge(estate.zhou, "collector", nothing) == ["unknown_record"]


def test_a_grant_for_one_row_does_not_open_the_copy_of_another(estate: Estate) -> None:
    """Both copies were made of one table; the content of each is its own record's only."""
    table, (first, second) = estate.table(2)
    others = estate.holding(record=second, made_from=table)
    whole = estate.holding(made_from=table)
    grant = estate.granted(estate.zhou, first)
    assert estate.judge(estate.zhou, "collector", access(first, others, grant=grant)) == [
        "holding_of_another_record"
    ]
    for copy in (table, whole):
        assert estate.judge(estate.zhou, "collector", access(first, copy, grant=grant)) == []


def test_a_restricted_record_is_accessed_for_what_the_law_asks_only(estate: Estate) -> None:
    record = estate.ready()
    purposes = ["service_delivery", "marketing", "analysis", "dispute", "audit", "legal_duty"]
    grant = estate.granted(estate.zhou, record, purposes=purposes)
    for purpose in purposes:
        assert seeing(estate, record, grant=grant, purpose=purpose) == []
    estate.does(estate.zhao, "dpo", restrict(record))
    for purpose in purposes[:3]:
        assert seeing(estate, record, grant=grant, purpose=purpose) == ["record_is_restricted"]
    for purpose in purposes[3:]:
        assert seeing(estate, record, grant=grant, purpose=purpose) == []
    said = lift(estate.record(record))
    estate.does(estate.zhao, "dpo", said, beside=[(estate.li, "approver")])
    assert seeing(estate, record, grant=grant) == []


# -- emergencies ------------------------------------------------------------------------------


def test_an_emergency_needs_a_reason_and_no_grant(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)

    def breaking(**fields: Any) -> list[str]:
        return estate.judge(estate.zhou, "collector", break_glass(record, copy, **fields))

    assert breaking() == []
    assert breaking(sealed=UNSET) == ["break_glass_needs_reason"]
    grant = estate.granted(estate.zhou, record)
    assert breaking(grant=grant) == ["break_glass_is_not_granted"]
    assert breaking(outcome="allowed") == ["outcome_does_not_fit_purpose"]
    assert seeing(estate, record, grant=grant, outcome="break_glass") == [
        "outcome_does_not_fit_purpose", "break_glass_needs_reason", "break_glass_is_not_granted",
    ]  # fmt: skip


def test_an_emergency_is_no_way_around_anything_but_the_grant(estate: Estate) -> None:
    unclassified = estate.collect()
    said = break_glass(unclassified, estate.holding_of(unclassified))
    assert estate.judge(estate.zhou, "collector", said) == ["not_classified"]
    record = estate.ripe()
    said = break_glass(record, estate.holding_of(record))
    estate.does(estate.zhao, "dpo", restrict(record))
    assert estate.judge(estate.zhou, "collector", said) == ["record_is_restricted"]
    assert estate.judge(estate.lin, "custodian", said) == [
        "not_the_actors_party", "record_is_restricted",
    ]  # fmt: skip
    estate.executed(estate.holding_of(record))
    assert "record_is_over" in estate.judge(estate.zhou, "collector", said)


# -- denying ----------------------------------------------------------------------------------


def test_a_denial_names_a_rule_that_denies_it(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    estate.does(estate.zhou, "collector", deny(record, copy, "no_grant"))
    said = deny(record, copy, "record_is_over")
    assert estate.judge(estate.zhou, "collector", said) == ["nothing_denies_this"]
    granted = deny(record, copy, "no_grant", grant=estate.granted(estate.zhou, record))
    assert estate.judge(estate.zhou, "collector", granted) == ["nothing_denies_this"]
    nowhere = deny(estate.new("record"), copy, "unknown_record")
    assert estate.judge(estate.zhou, "collector", nowhere) == ["unknown_record"]


def test_a_denial_says_that_somebody_came_for_what_is_gone(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    estate.executed(copy)
    estate.does(estate.zhou, "collector", deny(record, copy, "record_is_over"))


# -- reviewing: I-16 --------------------------------------------------------------------------


def test_the_review_counts_what_the_register_counts(estate: Estate) -> None:
    record, first = estate.ready(), estate.now
    copy, grant = estate.holding_of(record), estate.granted(estate.zhou, record)
    estate.does(estate.zhou, "collector", access(record, copy, grant=grant))
    estate.does(estate.zhou, "collector", deny(record, copy, "no_grant"))
    estate.does(estate.zhou, "collector", break_glass(record, copy))
    last = estate.now

    def reviewing(*counts: int, **fields: Any) -> list[str]:
        said = review_access(estate.routine, first, last, *counts, **fields)
        return estate.judge(estate.sun, "security_officer", said)

    assert reviewing(1, 1, 1) == []
    assert reviewing(1, 1, 1, anomalies=3) == []
    for counts in ((0, 1, 1), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        assert reviewing(*counts) == ["counts_are_not_the_registers"]
    assert reviewing(1, 1, 1, anomalies=4) == ["counts_are_not_the_registers"]


def test_nobody_reviews_a_span_in_which_they_accessed_or_tried(estate: Estate) -> None:
    record, first = estate.ready(), estate.now
    copy = estate.holding_of(record)
    estate.does(estate.sun, "security_officer", deny(record, copy, "no_grant"))
    said = review_access(estate.routine, first, estate.now, 0, 1, 0)
    assert estate.judge(estate.sun, "security_officer", said) == ["reviewer_is_reviewed"]
    assert estate.judge(estate.wu, "supervisor", said) == []


def test_a_review_is_of_a_span_that_is_over_and_of_its_own_engagement(estate: Estate) -> None:
    now = estate.now
    for first, last in ((now, now), (now, later(now, seconds=1)), (now, START)):
        said = review_access(estate.routine, first, last, 0, 0, 0)
        assert estate.judge(estate.wu, "supervisor", said) == ["period_is_not_over"]
    said = review_access(estate.new("engagement"), START, now, 0, 0, 0)
    assert estate.judge(estate.wu, "supervisor", said) == ["review_of_another_engagement"]


def test_a_glance_at_the_last_second_does_not_review_what_was_before(estate: Estate) -> None:
    """The state remembers how far reviews reach; it must not jump over an access."""
    record = estate.ready()
    estate.does(estate.zhou, "collector", deny(record, estate.holding_of(record), "no_grant"))
    after, first = estate.now, later(estate.now, seconds=-90)
    estate.now = later(after, seconds=60)
    glance = review_access(estate.routine, after, estate.now, 0, 0, 0)
    assert estate.judge(estate.wu, "supervisor", glance) == ["period_leaves_a_gap"]
    estate.does(estate.wu, "supervisor", review_access(estate.routine, first, after, 0, 1, 0))
    estate.does(estate.wu, "supervisor", glance)
    state = estate.state(estate.routine)
    assert isinstance(state, EngagementState)
    assert state.reviewed_until == glance.fields["period_to"]


# -- what a modified client might send --------------------------------------------------------


def test_a_grant_is_not_used_in_the_commit_that_gives_it(estate: Estate) -> None:
    record, grant = estate.ready(), estate.new("grant")
    said = (
        grant_access(grant, estate.zhou, record),
        access(record, estate.holding_of(record), grant=grant).but(
            by=estate.zhou.actor, role="collector"
        ),
    )
    beside = [(estate.zhou, "collector")]
    assert estate.judge(estate.wang, "custodian", *said, beside=beside) == [
        "joint_commit_writes_one_stream"
    ]


def test_a_copy_that_says_it_is_of_a_record_is_of_no_use_to_the_buyer(estate: Estate) -> None:
    """The buyer registers a copy out of nothing; what it holds is the buyer's own business."""
    record, fake = estate.ready(), estate.new("holding")
    said = create_holding(fake, estate.lin.party, record=record)
    estate.does(estate.lin, "custodian", said)
    grant = estate.granted(estate.zhou, record)
    assert estate.judge(estate.zhou, "collector", access(record, fake, grant=grant)) == [
        "not_the_actors_party"
    ]
    assert estate.judge(estate.wang, "custodian", move(fake)) == ["not_the_actors_party"]


def test_execution_and_access_do_not_share_a_commit(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    case = estate.approved(copy)
    estate.does(estate.wang, "administrator", give_role(estate.chen, "collector"))
    said = (execute(case, [copy]), break_glass(record, copy))
    assert estate.judge(estate.chen, "destruction_operator", *said) == ["case_writes_one_stream"]


def test_nobody_grants_access_to_what_another_party_keeps(estate: Estate) -> None:
    record = estate.ready()
    keeper = estate.hire("custodian", party=estate.he.party)
    said = grant_access(estate.new("grant"), estate.he, record)
    assert estate.judge(keeper, "custodian", said) == ["not_the_actors_party"]
