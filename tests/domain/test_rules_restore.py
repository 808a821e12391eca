"""Backups that lie elsewhere, are drilled, and bring lost contents back, but not destroyed ones."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.backup_rules import seconds_between
from domain.values import later
from tests.domain.estates import Estate
from tests.domain.words import (
    certify,
    drill_backup,
    execute,
    expire_backup,
    restore_backup,
    restrict,
    store_offsite,
    take_off,
    verify_destruction,
)
from tests.domain.worlds import START, create_holding, give_back, lose


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def expiring(estate: Estate, backup: str, *copies: str) -> list[str]:
    return estate.judge(estate.wang, "custodian", expire_backup(backup, *copies))


# -- off-site ---------------------------------------------------------------------------------


def test_somebody_received_it_somewhere_else(estate: Estate) -> None:
    backup, copies = estate.copied(estate.holding_of(estate.ready()))

    def storing(receiver: Any = estate.li, **fields: Any) -> list[str]:
        return estate.judge(estate.wang, "custodian", store_offsite(backup, receiver, **fields))

    assert storing() == []
    assert storing(sealed=UNSET) == ["location_must_be_sealed"]
    assert storing(received_at=later(estate.now, seconds=1)) == ["not_yet_happened"]
    assert storing(received_by=estate.new("actor")) == ["unknown_actor"]
    assert storing(custodian=estate.new("party")) == [
        "unknown_party", "receiver_of_another_party", "receiver_must_sign",
    ]  # fmt: skip
    assert storing(received_by=estate.lin.actor) == ["receiver_of_another_party"]
    estate.does(estate.wang, "custodian", expire_backup(backup, *copies))
    assert storing() == ["backup_is_expired"]


def test_another_party_that_keeps_it_signs(estate: Estate) -> None:
    backup, _ = estate.copied(estate.holding_of(estate.ready()))
    said = store_offsite(backup, estate.lin)
    assert estate.judge(estate.wang, "custodian", said) == ["receiver_must_sign"]
    beside = [(estate.lin, "custodian")]
    assert estate.judge(estate.wang, "custodian", said, beside=beside) == []
    assert estate.judge(estate.lin, "custodian", said) == ["not_the_actors_party"]


# -- drills -----------------------------------------------------------------------------------


def drilling(estate: Estate, backup: str, *counts: int, **fields: Any) -> list[str]:
    return estate.judge(estate.li, "reviewer", drill_backup(backup, *counts, **fields))


def test_a_drill_passes_only_if_every_digest_matches(estate: Estate) -> None:
    backup, _ = estate.copied(*(estate.holding_of(estate.ready()) for _ in range(3)))
    assert drilling(estate, backup, 3) == []
    assert drilling(estate, backup, 2, 1) == []
    assert drilling(estate, backup, 2, failed=1) == []
    passes = {"result": "pass"}
    assert drilling(estate, backup, 2, 1, **passes) == ["result_does_not_fit_counts"]
    assert drilling(estate, backup, 2, failed=1, **passes) == ["result_does_not_fit_counts"]
    assert drilling(estate, backup, 0, failed=3, **passes) == ["result_does_not_fit_counts"]
    assert drilling(estate, backup, 3, result="fail") == ["result_does_not_fit_counts"]


def test_a_drill_deals_with_every_copy_of_the_chain(estate: Estate) -> None:
    base, _ = estate.copied(*(estate.holding_of(estate.ready()) for _ in range(2)))
    backup, _ = estate.copied(estate.holding_of(estate.ready()), base=base, kind="incremental")
    assert drilling(estate, backup, 3) == []
    assert drilling(estate, base, 2) == []
    for wrong in (1, 2, 4):
        assert drilling(estate, backup, wrong) == ["counts_do_not_fit"]
    assert drilling(estate, backup, 3, restored=2) == ["counts_do_not_fit"]
    assert drilling(estate, backup, 3, left_out=1) == [
        "left_out_does_not_fit", "counts_do_not_fit",
    ]  # fmt: skip


def test_a_drill_says_how_long_it_took_and_who_took_part(estate: Estate) -> None:
    backup, _ = estate.copied(estate.holding_of(estate.ready()))
    began = later(estate.now, seconds=-90)
    assert drilling(estate, backup, 1, started_at=began, rto_actual=90) == []
    assert drilling(estate, backup, 1, started_at=began, rto_actual=10) == ["duration_does_not_fit"]
    ends = later(estate.now, seconds=-100)
    assert drilling(estate, backup, 1, started_at=began, ended_at=ends) == ["ended_before_started"]
    ahead = later(estate.now, seconds=1)
    assert drilling(estate, backup, 1, ended_at=ahead, rto_actual=1) == ["not_yet_happened"]
    assert drilling(estate, backup, 1, participants=[estate.zhou.actor]) == []
    assert drilling(estate, backup, 1, participants=[estate.new("actor")]) == ["unknown_actor"]


def test_a_begun_second_counts() -> None:
    assert seconds_between(START, START) == 0
    assert seconds_between("2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00.000Z") == 1
    assert seconds_between("2026-11-21T09:00:00.000Z", "2026-11-23T09:00:00.001Z") == 172_801


def test_what_was_destroyed_since_is_left_out_of_a_drill(estate: Estate) -> None:
    """I-20: a backup does not bring back what two persons approved to be destroyed."""
    ripe, kept = (estate.holding_of(estate.ripe()) for _ in range(2))
    backup, (copy, _) = estate.copied(ripe, kept)
    assert drilling(estate, backup, 2) == []
    case = estate.approved(ripe)  # the backup's copy was forgotten, the certificate will say so
    estate.does(estate.chen, "destruction_operator", execute(case, [ripe]))
    assert drilling(estate, backup, 2) == ["left_out_does_not_fit"]
    assert drilling(estate, backup, 1, left_out=1) == []
    assert estate.copy(copy).there


def test_what_expired_was_lost_or_returned_is_left_out_of_a_drill(estate: Estate) -> None:
    originals = [estate.holding_of(estate.ready()) for _ in range(4)]
    backup, (expired, lost, *_) = estate.copied(*originals)
    estate.does(estate.wang, "custodian", expire_backup(backup, expired))
    estate.does(estate.wang, "custodian", lose(lost))
    beside = [(estate.lin, "custodian")]
    returned = give_back(originals[2], estate.lin.party)
    estate.does(estate.wang, "custodian", returned, beside=beside, engagement=estate.deal)
    assert drilling(estate, backup, 1, left_out=3) == []
    estate.does(estate.wang, "custodian", lose(originals[3]))
    assert drilling(estate, backup, 1, left_out=3) == [], "what was lost is what backups are for"


def test_what_was_handed_over_is_left_out_of_a_drill(estate: Estate) -> None:
    original = estate.holding_of(estate.ready())
    backup, _ = estate.copied(original, estate.holding_of(estate.ready()))
    estate.handed_over(original)
    assert drilling(estate, backup, 1, left_out=1) == []


def test_of_a_backup_that_is_not_there_nothing_is_drilled_or_restored(estate: Estate) -> None:
    nowhere = estate.new("backup")
    assert drilling(estate, nowhere, 0, left_out=0) == ["unknown_backup"]
    assert "unknown_backup" in estate.judge(estate.wang, "custodian", restore_backup(nowhere))


# -- restoring: I-20 --------------------------------------------------------------------------


def restoring(estate: Estate, backup: str, *originals: str, **fields: Any) -> list[str]:
    made = [create_holding(estate.new("holding"), estate.party, made_from=o) for o in originals]
    said = restore_backup(backup, *(copy.stream for copy in made), **fields)
    return estate.judge(estate.wang, "custodian", *made, said)


def test_a_lost_original_is_restored_from_its_backup_and_only_from_there(estate: Estate) -> None:
    original = estate.holding_of(estate.ready())
    elsewhere = estate.holding_of(estate.ready())
    estate.does(estate.wang, "custodian", lose(elsewhere))
    assert restoring(estate, estate.new("backup"), elsewhere) == ["holding_is_lost"]
    backup, copies = estate.copied(original)
    assert restoring(estate, backup, original) == []
    estate.does(estate.wang, "custodian", lose(original))
    assert restoring(estate, backup, original) == []
    estate.does(estate.wang, "custodian", lose(copies[0]))
    assert restoring(estate, backup, original) == ["holding_is_lost"]


def test_one_persons_word_does_not_let_a_lost_original_be_copied(estate: Estate) -> None:
    """A copy that was only said to be made is no source: a program has to have read it."""
    original = estate.holding_of(estate.ready())
    phantom = create_holding(estate.new("holding"), estate.party, made_from=original)
    estate.does(estate.wang, "custodian", phantom)
    estate.does(estate.wang, "custodian", lose(original))
    more = create_holding(estate.new("holding"), estate.party, made_from=original)
    assert estate.judge(estate.wang, "custodian", more) == ["holding_is_lost"]


def test_what_was_destroyed_is_not_restored(estate: Estate) -> None:
    ripe = estate.holding_of(estate.ripe())
    backup, (copy,) = estate.copied(ripe)
    case = estate.approved(ripe)
    estate.does(estate.chen, "destruction_operator", execute(case, [ripe]))
    assert restoring(estate, backup, ripe) == ["holding_is_destroyed"]
    assert restoring(estate, backup, left_out=[copy]) == []


def restored(estate: Estate, backup: str, original: str) -> str:
    """A copy that was restored of a lost original."""
    made = create_holding(estate.new("holding"), estate.party, made_from=original)
    estate.does(estate.wang, "custodian", made, restore_backup(backup, made.stream))
    return made.stream


def test_what_was_lost_restored_and_then_destroyed_does_not_come_back_again(
    estate: Estate,
) -> None:
    """I-20: the original is lost for good, so the restored copy was what was destroyed."""
    original = estate.holding_of(estate.ripe())
    backup, (copy,) = estate.copied(original)
    estate.does(estate.wang, "custodian", lose(original))
    again = restored(estate, backup, original)
    case = estate.approved(again)
    estate.does(estate.chen, "destruction_operator", execute(case, [again]))
    assert estate.copy(copy).there, "its disk was away, and nobody listed it"
    assert restoring(estate, backup, original) == ["holding_is_lost"]
    assert restoring(estate, backup, left_out=[copy]) == []
    assert drilling(estate, backup, 1) == ["left_out_does_not_fit"]
    assert drilling(estate, backup, 0, left_out=1, result="fail") == []


def test_one_copy_too_many_that_was_destroyed_keeps_a_lost_original_from_nothing(
    estate: Estate,
) -> None:
    original = estate.holding_of(estate.ripe())
    backup, (copy,) = estate.copied(original)
    again = restored(estate, backup, original)
    case = estate.approved(again, ground="redundant_copy")
    estate.does(estate.chen, "destruction_operator", execute(case, [again]))
    estate.does(estate.wang, "custodian", lose(original))
    assert restoring(estate, backup, original) == []
    assert restoring(estate, backup, left_out=[copy]) == ["left_out_without_reason"]


def test_a_copy_that_a_certificate_says_was_to_go_serves_nobody(estate: Estate) -> None:
    """The backup was on the list and out of reach; the original, in no case, is still there."""
    original = estate.holding_of(estate.ripe())
    backup, (gone, away) = estate.copied(original, original)
    listed = [gone, away]
    case = estate.approved(*listed)
    estate.does(
        estate.chen, "destruction_operator", execute(case, listed, outcomes={away: "unknown"})
    )
    estate.does(estate.li, "reviewer", verify_destruction(case, listed, [gone]))
    estate.does(estate.wang, "custodian", take_off(case, away))
    assert restoring(estate, backup, original) == [], "the case is not over"
    said = certify(case, listed, 1, [original, away])
    estate.does(estate.wang, "custodian", said)
    assert restoring(estate, backup, original) == ["copy_was_to_be_destroyed"]
    assert restoring(estate, backup, left_out=[away]) == []
    assert drilling(estate, backup, 0, left_out=2, result="fail") == []
    estate.does(estate.wang, "custodian", lose(original))
    assert restoring(estate, backup, original) == ["holding_is_lost"]


def test_of_a_lost_original_only_a_copy_that_was_to_go_is_left_and_nothing_is_made_of_it(
    estate: Estate,
) -> None:
    original, other = (estate.holding_of(estate.ripe()) for _ in range(2))
    _, (away,) = estate.copied(original)
    listed = [other, away]
    case = estate.approved(*listed)
    estate.does(
        estate.chen, "destruction_operator", execute(case, listed, outcomes={away: "unknown"})
    )
    estate.does(estate.li, "reviewer", verify_destruction(case, listed, [other]))
    estate.does(estate.wang, "custodian", take_off(case, away))
    estate.does(estate.wang, "custodian", certify(case, listed, 1))
    more = create_holding(estate.new("holding"), estate.party, made_from=original)
    assert estate.judge(estate.wang, "custodian", more) == [], "the original is there"
    estate.does(estate.wang, "custodian", lose(original))
    assert estate.judge(estate.wang, "custodian", more) == ["holding_is_lost"]


def test_nothing_is_left_out_without_a_reason(estate: Estate) -> None:
    original = estate.holding_of(estate.ready())
    backup, (copy,) = estate.copied(original)
    _, (other,) = estate.copied(original)
    assert restoring(estate, backup, original, left_out=[copy]) == ["left_out_without_reason"]
    assert restoring(estate, backup, original, left_out=[other]) == ["not_a_copy_of_the_backup"]


def test_a_restore_is_of_new_copies_of_what_lies_in_the_chain(estate: Estate) -> None:
    base_of, of, elsewhere = (estate.holding_of(estate.ready()) for _ in range(3))
    base, _ = estate.copied(base_of)
    backup, (copy,) = estate.copied(of, base=base, kind="incremental")
    estate.copied(elsewhere)
    assert restoring(estate, backup, of, base_of) == []
    assert restoring(estate, base, of) == ["not_in_the_backup"]
    assert restoring(estate, backup, elsewhere) == ["not_in_the_backup"]
    said = restore_backup(backup, copy)
    assert estate.judge(estate.wang, "custodian", said) == ["not_a_new_copy"]
    assert restoring(estate, backup, of, sealed=UNSET) == ["reason_must_be_sealed"]


def test_a_restored_copy_is_one_that_is_left_and_can_be_backed_up_again(estate: Estate) -> None:
    original = estate.holding_of(estate.ripe())
    backup, (copy,) = estate.copied(original)
    estate.does(estate.wang, "custodian", lose(original))
    assert expiring(estate, backup, copy) == ["last_copy_needs_a_case"]
    restored = create_holding(estate.new("holding"), estate.party, made_from=original)
    said = restore_backup(backup, restored.stream)
    estate.does(estate.wang, "custodian", restored, said)
    assert expiring(estate, backup, copy) == []
    estate.does(estate.wang, "custodian", expire_backup(backup, copy))
    _, (again,) = estate.copied(original)
    assert estate.copy(again).there


def test_a_restored_record_stays_restricted(estate: Estate) -> None:
    record = estate.ready()
    original = estate.holding_of(record)
    backup, _ = estate.copied(original)
    estate.does(estate.zhao, "dpo", restrict(record))
    estate.does(estate.wang, "custodian", lose(original))
    restored = create_holding(estate.new("holding"), estate.party, made_from=original)
    said = restore_backup(backup, restored.stream)
    estate.does(estate.wang, "custodian", restored, said)
    assert estate.record(record).restricted is not None
