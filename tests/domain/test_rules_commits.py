"""Who signs, as what, having seen how much, and what every event must be."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.values import all_fit, later, malformed
from tests.domain.worlds import (
    ORIGIN,
    SEALED,
    START,
    Firm,
    classify,
    collect,
    correct,
    create_holding,
    enrol,
    grant,
    move,
    report,
    retain,
    review,
    revoke,
    rotate,
    void,
)


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


# -- signatures -------------------------------------------------------------------------------


def test_a_key_that_nobody_enrolled_signs_nothing(firm: Firm) -> None:
    record = firm.collect()
    stranger = firm.li.signing_with(firm.key_for(firm.li))
    assert firm.judge(stranger, "reviewer", review(record)) == ["unknown_key", "nobody_signs"]
    firm.does(firm.li, "reviewer", review(record))


def test_a_key_of_another_name_is_another_key(firm: Firm) -> None:
    record = firm.collect()
    key = firm.new_key("other.example/a/" + firm.li.actor, id=firm.li.key.id)
    assert "unknown_key" in firm.judge(firm.li.signing_with(key), "reviewer", review(record))


def test_a_reported_key_signs_nothing_more(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.li, "reviewer", report(firm.li, firm.li.key))
    (refusal,) = firm.refusals(firm.li, "reviewer", review(record))
    assert str(refusal) == f"I-05 compromised_key_stops (key_compromised): {firm.li.actor}"
    firm.does(firm.zhao, "reviewer", review(record))


def test_a_replaced_key_signs_nothing_more(firm: Firm) -> None:
    record = firm.collect()
    old, new = firm.li.key, firm.key_for(firm.li)
    firm.does(firm.li, "reviewer", rotate(firm.li, old, new), possession=[new])
    assert firm.judge(firm.li, "reviewer", review(record)) == ["key_rotated"]
    firm.does(firm.li.signing_with(new), "reviewer", review(record))


def test_a_revoked_key_signs_nothing_more(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.wang, "administrator", revoke(firm.li, firm.li.key))
    assert firm.judge(firm.li, "reviewer", review(record)) == ["key_revoked"]


def test_the_ledgers_own_key_signs_no_acts(firm: Firm) -> None:
    record = firm.collect()
    ledger = firm.wang.signing_with(firm.checkpoint_key)
    ledger.actor = firm.ledger
    details = firm.judge(ledger, "reviewer", review(record))
    assert details == ["key_not_for_acts"]


def test_a_key_for_cosigning_signs_no_acts(firm: Firm) -> None:
    record = firm.collect()
    key = firm.key_for(firm.li, "cosign")
    firm.does(firm.wang, "administrator", enrol(firm.li, key), possession=[key])
    cosigner = firm.li.signing_with(key)
    assert firm.judge(cosigner, "reviewer", review(record)) == ["key_not_for_acts"]


def test_one_person_with_two_keys_is_one_person(firm: Firm) -> None:
    """Scenario 16 in spirit: two approvals under two keys are one approval."""
    second = firm.key_for(firm.wang)
    firm.does(
        firm.wang, "administrator", enrol(firm.wang, second, "continuous"), possession=[second]
    )
    record = firm.collect()
    beside = [(firm.wang.signing_with(second), "archivist")]
    assert firm.judge(firm.wang, "collector", classify(record), beside=beside) == [
        "person_signs_twice"
    ]
    firm.does(firm.wang, "collector", classify(record), beside=[(firm.li, "approver")])


def test_two_names_for_one_public_key_do_not_make_two_signers(firm: Firm) -> None:
    """A line of possession and a line that counts, both under one public key."""
    party_actor = Firm.hire(firm, "collector")
    copied = firm.key_for(firm.wang, public=party_actor.key.public)
    said = enrol(firm.wang, copied, "continuous")
    details = firm.judge(
        firm.wang, "administrator", said,
        possession=[copied], beside=[(party_actor, "collector")],
    )  # fmt: skip
    assert details == ["key_signs_twice"]


def test_a_new_key_proves_that_somebody_holds_it(firm: Firm) -> None:
    key = firm.key_for(firm.li, "cosign")
    assert firm.judge(firm.wang, "administrator", enrol(firm.li, key)) == ["possession_not_proved"]
    firm.does(firm.wang, "administrator", enrol(firm.li, key), possession=[key])


def test_a_key_that_signs_no_notes_brings_its_proof_in_the_event(firm: Firm) -> None:
    key = firm.new_key(f"{ORIGIN}/a/{firm.li.actor}", "seal", proof="AA")
    bare = firm.new_key(f"{ORIGIN}/a/{firm.li.actor}", "cosign", kind="ed25519", proof="AA")
    assert firm.judge(firm.wang, "administrator", enrol(firm.li, bare), possession=[bare]) == [
        "possession_not_proved"
    ]
    firm.does(firm.wang, "administrator", enrol(firm.li, key))


def test_possession_is_not_a_way_to_sign_beside_others(firm: Firm) -> None:
    record = firm.collect()
    assert firm.judge(firm.li, "reviewer", review(record), possession=[firm.zhao.key]) == [
        "possession_not_asked_for"
    ]


def test_possession_alone_is_nobodys_signature(firm: Firm) -> None:
    record = firm.collect()
    details = firm.judge(firm.li, "reviewer", review(record), capacity="possession")
    assert details == ["possession_not_asked_for", "nobody_signs"]


def test_who_speaks_has_signed_and_in_the_role_that_is_claimed(firm: Firm) -> None:
    record = firm.collect()
    said = review(record)
    assert firm.judge(firm.li, "reviewer", said, by=firm.zhao.actor) == [
        "author_did_not_sign_in_role"
    ]
    assert firm.judge(firm.li, "reviewer", said, capacity="approver") == [
        "author_did_not_sign_in_role"
    ]
    firm.does(firm.li, "reviewer", said)


def test_a_role_is_held_or_it_is_not_used(firm: Firm) -> None:
    record = firm.collect()
    clerk = firm.hire("collector")
    assert firm.judge(clerk, "reviewer", review(record)) == ["role_not_held"]
    firm.does(firm.wang, "administrator", grant(clerk, "reviewer"))
    firm.does(clerk, "reviewer", review(record))


def test_nobody_grants_and_uses_a_role_in_one_commit(firm: Firm) -> None:
    record = firm.collect()
    said = (grant(firm.wang, "reviewer"), review(record).but(role="reviewer"))
    assert firm.judge(firm.wang, "administrator", *said) == [
        "author_did_not_sign_in_role", "role_not_held", "verifier_is_collector",
    ]  # fmt: skip


def test_nobody_enrols_and_uses_a_key_in_one_commit(firm: Firm) -> None:
    key = firm.key_for(firm.li)
    said = enrol(firm.li, key, "continuous")
    assert firm.judge(firm.li.signing_with(key), "reviewer", said) == [
        "unknown_key", "nobody_signs",
    ]  # fmt: skip


def test_a_role_out_of_its_days_is_not_held(firm: Firm) -> None:
    record = firm.collect()
    temp = firm.hire()
    said = grant(temp, "reviewer", valid_from="2026-11-22", valid_to="2026-11-22")
    firm.does(firm.wang, "administrator", said)
    assert firm.judge(temp, "reviewer", review(record)) == ["role_not_held"]
    firm.now = "2026-11-22T23:59:59.999Z"
    assert firm.judge(temp, "reviewer", review(record)) == []
    firm.now = "2026-11-23T00:00:00.000Z"
    assert firm.judge(temp, "reviewer", review(record)) == ["role_not_held"]


def test_a_role_for_one_engagement_does_not_reach_into_another(firm: Firm) -> None:
    record = firm.collect()
    temp = firm.hire()
    firm.does(firm.wang, "administrator", grant(temp, "reviewer", scope=firm.routine))
    assert firm.judge(temp, "reviewer", review(record)) == []
    other = firm.new("engagement")
    assert firm.judge(temp, "reviewer", review(record), engagement=other) == [
        "role_not_held", "unknown_engagement",
    ]  # fmt: skip


def test_an_act_belongs_to_an_engagement_that_is_open(firm: Firm) -> None:
    record = firm.collect()
    nowhere = firm.new("engagement")
    assert firm.judge(firm.li, "reviewer", review(record), engagement=nowhere) == [
        "unknown_engagement"
    ]


def test_an_act_is_done_in_a_role_that_is_for_it(firm: Firm) -> None:
    record = firm.collect()
    assert firm.judge(firm.li, "approver", review(record)) == ["role_does_not_permit"]


def test_whoever_signs_beside_holds_the_role_that_is_signed_in(firm: Firm) -> None:
    """An approver's line by somebody who is no approver would be a spoofed capacity."""
    record = firm.collect()
    clerk = firm.hire("collector")
    said = classify(record)
    assert firm.judge(firm.wang, "collector", said, beside=[(clerk, "approver")]) == [
        "capacity_not_held"
    ]
    firm.does(firm.wang, "collector", said, beside=[(firm.li, "approver")])


def test_a_capacity_that_is_no_role_is_held_by_nobody(firm: Firm) -> None:
    record = firm.collect()
    assert firm.judge(firm.wang, "collector", classify(record), beside=[(firm.li, "boss")]) == [
        "capacity_not_held"
    ]


# -- seen, until, joint commits ---------------------------------------------------------------


def test_nobody_has_seen_what_is_not_there_yet(firm: Firm) -> None:
    record = firm.collect()
    ahead = len(firm.book.accepted) + 1
    assert firm.judge(firm.li, "reviewer", review(record), seen=ahead) == ["seen_out_of_range"]
    assert firm.judge(firm.li, "reviewer", review(record), seen=0) == ["seen_out_of_range"]


def test_a_signer_has_seen_the_own_previous_entry(firm: Firm) -> None:
    first, second = firm.collect(), firm.collect()
    firm.does(firm.li, "reviewer", review(first))
    own = len(firm.book.accepted) - 1
    assert firm.judge(firm.li, "reviewer", review(second), seen=own) == [
        "own_previous_entry_not_seen"
    ]
    firm.does(firm.li, "reviewer", review(second), seen=own + 1)


def test_what_a_signer_has_not_seen_is_at_most_a_week_old(firm: Firm) -> None:
    record = firm.collect()
    firm.collect()
    unseen = len(firm.book.accepted) - 1
    firm.now = later(firm.book.accepted[unseen], days=7)
    assert firm.judge(firm.li, "reviewer", review(record), seen=unseen) == []
    firm.now = later(firm.now, seconds=1)
    assert firm.judge(firm.li, "reviewer", review(record), seen=unseen) == ["seen_too_old"]
    assert firm.judge(firm.li, "reviewer", review(record)) == []


def test_only_what_several_sign_has_a_term(firm: Firm) -> None:
    record = firm.collect()
    tomorrow = later(firm.now, days=1)
    assert firm.judge(firm.li, "reviewer", review(record), until=tomorrow) == [
        "until_is_for_joint_commits"
    ]


def test_a_draft_is_not_accepted_after_its_term(firm: Firm) -> None:
    record = firm.collect()
    term = firm.now
    beside = [(firm.li, "approver")]
    said = classify(record)
    assert firm.judge(firm.wang, "collector", said, beside=beside, until=term) == []
    firm.now = later(firm.now, seconds=1)
    assert firm.judge(firm.wang, "collector", said, beside=beside, until=term) == ["draft_expired"]


def test_a_draft_is_not_good_for_ever(firm: Firm) -> None:
    record = firm.collect()
    beside, said = [(firm.li, "approver")], classify(record)
    fortnight = later(firm.now, days=14)
    assert firm.judge(firm.wang, "collector", said, beside=beside, until=fortnight) == []
    for_ever = "9999-12-31T23:59:59.999Z"
    assert firm.judge(firm.wang, "collector", said, beside=beside, until=for_ever) == [
        "until_too_far"
    ]


def test_a_voided_draft_is_not_accepted(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.wang, "collector", void(firm.new("draft"), "ab" * 16))
    assert firm.judge(firm.wang, "collector", classify(record), commit="ab" * 16) == [
        "draft_voided"
    ]
    firm.does(firm.wang, "collector", classify(record), commit="ac" * 16)


def test_a_draft_voided_by_somebody_who_is_not_to_sign_it_stands(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.li, "approver", void(firm.new("draft"), "ab" * 16))
    firm.does(firm.wang, "collector", classify(record), commit="ab" * 16)


def test_what_several_sign_is_about_one_thing(firm: Firm) -> None:
    one, two = firm.collect(), firm.collect()
    beside = [(firm.li, "approver")]
    both = (classify(one), classify(two))
    assert firm.judge(firm.wang, "collector", *both, beside=beside) == [
        "joint_commit_writes_one_stream"
    ]
    firm.does(firm.wang, "collector", *both)


# -- every event ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 3])
def test_versions_have_no_gap_and_no_repeat(firm: Firm, version: int) -> None:
    record = firm.collect()
    said = review(record).but(version=version)
    assert firm.judge(firm.li, "reviewer", said) == ["version_gap_or_repeat"]
    assert firm.judge(firm.li, "reviewer", review(record).but(version=2)) == []


PERSONAL = {
    "an identity number": "r.11010519491231002x",
    "a mobile number": "tel.13800138000",
    "a bank card": "card.6222021234567890128",
}


@pytest.mark.parametrize("code", PERSONAL.values(), ids=PERSONAL)
def test_a_code_that_spells_personal_data_is_refused(firm: Firm, code: str) -> None:
    """Scenario 12: an identity number in a code field."""
    record = firm.collect()
    said = retain(firm.record(record), rules=[code])
    details = firm.judge(firm.wang, "archivist", said)
    assert "code_looks_personal" in details
    assert firm.judge(firm.wang, "archivist", retain(firm.record(record))) == []


def test_names_chinese_and_numbers_do_not_fit_where_an_id_stands(firm: Firm) -> None:
    """Scenario 12: an identity number in an id field; a name in any."""
    for wrong in ("张三", "record-11010519491231002x", "11010519491231002X", "record-", ""):
        said = review(firm.collect()).but(stream=wrong)
        assert firm.judge(firm.li, "reviewer", said) == ["malformed_field"]
    for code in ("张三", "zhang.san@example.com", "Zhang San", "a\n"):
        said = retain(firm.record(firm.collect()), rules=[code])
        assert firm.judge(firm.wang, "archivist", said) == ["malformed_field"]


def test_one_row_of_many_with_a_wrong_field_is_found(firm: Firm) -> None:
    """Many events of a kind are looked at field by field, and the answer is that of each alone."""
    copy, bare = firm.new("holding"), type(SEALED)(key=SEALED.key, root=SEALED.root)
    rows = [collect(firm.new("record"), copy, sealed=bare, row=row) for row in range(1, 31)]
    _, events = firm.statement(firm.wang, "collector", [create_holding(copy, firm.party), *rows])
    assert firm.judge(firm.wang, "collector", create_holding(copy, firm.party), *rows) == []
    assert all_fit(events)
    for name in ("stream", "at", "by", "engagement", "salt", "holding", "sealed"):
        row = events[17]
        right = row.sealed.root if name == "sealed" and row.sealed else getattr(row, name)
        for wrong in ("", "\n", f"{right}\n", f"{right}\n{right}", f"\n{right}", right[:-1] + "张"):
            value = structs.replace(bare, root=wrong) if name == "sealed" else wrong
            events[17] = structs.replace(row, **{name: value})
            assert malformed(events[17]) == [name]
            assert not all_fit(events), (name, wrong)
        events[17] = row
    assert all_fit(events)


def test_a_record_is_looked_at_in_the_commit_that_collects_it(firm: Firm) -> None:
    """It is folded when somebody asks: what is asked of it is as if it had long been there."""
    copy, record = firm.new("holding"), firm.new("record")
    file = (create_holding(copy, firm.party), collect(record, copy))
    assert firm.judge(firm.wang, "collector", *file, collect(record, copy)) == ["already_collected"]
    assert firm.judge(firm.wang, "collector", *file, correct(firm.record(firm.collect())).but(
        stream=record, version=2
    )) == ["supersedes_not_current"]  # fmt: skip
    firm.does(firm.wang, "collector", *file, classify(record))
    assert firm.record(record).level is not None


def test_what_is_sealed_has_its_payload_unless_it_is_a_row_of_a_series(firm: Firm) -> None:
    copy, one, two = firm.new("holding"), firm.new("record"), firm.new("record")
    bare = type(SEALED)(key=SEALED.key, root=SEALED.root)
    file = (create_holding(copy, firm.party), collect(one, copy, sealed=bare))
    assert firm.judge(firm.wang, "collector", *file) == ["sealed_without_payload"]
    row = (create_holding(copy, firm.party), collect(two, copy, sealed=bare, row=1))
    firm.does(firm.wang, "collector", *row)


# -- times: scenario 15 -----------------------------------------------------------------------


def test_a_late_entry_says_why_it_is_late(firm: Firm) -> None:
    record = firm.collect()
    firm.now = later(START, days=3)
    yesterday = later(firm.now, hours=-24)
    before = later(yesterday, seconds=-1)
    assert firm.judge(firm.li, "reviewer", review(record), at=yesterday) == []
    assert firm.judge(firm.li, "reviewer", review(record), at=before) == ["late_without_reason"]
    firm.does(firm.li, "reviewer", review(record), at=before, late_reason="paper_first")


def test_nothing_is_recorded_before_it_happens(firm: Firm) -> None:
    record = firm.collect()
    allowed = later(firm.now, seconds=300)
    assert firm.judge(firm.li, "reviewer", review(record), at=allowed) == []
    ahead = later(allowed, seconds=1)
    assert firm.judge(firm.li, "reviewer", review(record), at=ahead) == ["claimed_time_in_future"]


@pytest.mark.parametrize("at", ["2026-02-30T00:00:00.000Z", "0000-01-01T00:00:00.000Z"])
def test_a_time_is_a_moment_of_the_calendar(firm: Firm, at: str) -> None:
    record = firm.collect()
    details = firm.judge(firm.li, "reviewer", review(record), at=at, late_reason="other")
    assert details == ["not_a_time"]


def test_a_time_at_the_end_of_the_calendar_is_refused_not_a_crash(firm: Firm) -> None:
    record = firm.collect()
    said = review(record).but(at="9999-12-31T23:59:59.999Z")
    assert firm.judge(firm.li, "reviewer", said) == ["claimed_time_in_future"]


def test_there_is_no_twenty_fourth_hour(firm: Firm) -> None:
    """Python reads 24:00 from 3.13 on and not before: no verdict may depend on that."""
    record = firm.collect()
    said = review(record).but(at="2026-11-20T24:00:00.000Z")
    assert firm.judge(firm.li, "reviewer", said) == ["malformed_field"]


def test_an_own_time_of_an_event_is_a_moment_too(firm: Firm) -> None:
    copy = firm.holding()
    said = move(copy, departed_at="2026-11-31T00:00:00.000Z", arrived_at=START)
    assert "not_a_time" in firm.judge(firm.wang, "custodian", said)


def test_the_first_refused_event_is_named_and_the_rest_is_not_looked_at(firm: Firm) -> None:
    record = firm.collect()
    said = (review(record, checks=["accuracy", "accuracy"]), review("张三"))
    assert firm.judge(firm.li, "reviewer", *said) == ["check_named_twice"]
