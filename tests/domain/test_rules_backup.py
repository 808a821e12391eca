"""Backups: new copies of what lies where, counted when read again, let go where nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET, structs

from domain.listing import list_root
from domain.values import later
from tests.domain.estates import Estate
from tests.domain.words import (
    OBJECT,
    execute,
    expire_backup,
    make_backup,
    place_hold,
    verify_backup,
)
from tests.domain.worlds import (
    SEALED,
    START,
    Said,
    collect,
    correct,
    create_holding,
    lose,
)


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def backing_up(estate: Estate, *copies: str, **fields: Any) -> list[str]:
    """What the custodian hears who says that these copies are a backup."""
    return estate.judge(
        estate.wang, "custodian", make_backup(estate.new("backup"), copies, **fields)
    )


def a_copy(estate: Estate, medium: str = "disk_external") -> str:
    return estate.holding(made_from=estate.holding_of(estate.ready()), medium=medium, **OBJECT)


def expiring(estate: Estate, backup: str, *copies: str) -> list[str]:
    return estate.judge(estate.wang, "custodian", expire_backup(backup, *copies))


# -- making -----------------------------------------------------------------------------------


def test_a_backup_is_of_new_copies_on_its_medium(estate: Estate) -> None:
    assert backing_up(estate, a_copy(estate)) == []
    assert backing_up(estate, a_copy(estate, "tape")) == ["copy_on_another_medium"]
    original = estate.holding_of(estate.ready())
    assert backing_up(estate, original) == [
        "not_a_new_copy", "copy_on_another_medium", "copy_not_encrypted",
    ]  # fmt: skip
    assert backing_up(estate, estate.new("holding")) == ["unknown_holding"]


def test_a_copy_belongs_to_one_backup(estate: Estate) -> None:
    _, (copy,) = estate.copied(estate.holding_of(estate.ready()))
    assert backing_up(estate, copy) == ["not_a_new_copy"]


def test_a_lost_copy_is_no_backup(estate: Estate) -> None:
    copy = a_copy(estate)
    estate.does(estate.wang, "custodian", lose(copy))
    assert backing_up(estate, copy) == ["holding_is_lost", "not_a_new_copy"]


def test_nothing_destroyed_is_backed_up(estate: Estate) -> None:
    copy = estate.holding_of(estate.ripe())
    estate.executed(copy)
    said = create_holding(estate.new("holding"), estate.party, made_from=copy)
    assert estate.judge(estate.wang, "custodian", said) == ["holding_is_destroyed"]


def test_a_backup_was_made_where_and_when_it_says(estate: Estate) -> None:
    copy, ahead = a_copy(estate), later(estate.now, seconds=1)
    assert backing_up(estate, copy, sealed=UNSET) == ["location_must_be_sealed"]
    assert backing_up(estate, copy, ended_at=START) == ["ended_before_started"]
    assert backing_up(estate, copy, started_at=START, ended_at=ahead) == ["not_yet_happened"]


def test_a_long_list_comes_in_parts_that_bring_its_root_about(estate: Estate) -> None:
    copies = [a_copy(estate) for _ in range(4)]
    backup = estate.new("backup")
    parts = [make_backup(backup, copies[:2], copies), make_backup(backup, copies[2:], copies)]
    estate.does(estate.wang, "custodian", parts[0])

    def going_on(said: Said) -> list[str]:
        return estate.judge(estate.wang, "custodian", said)

    assert going_on(parts[1]) == []
    assert going_on(parts[0])[0] == "item_named_twice"
    assert going_on(make_backup(backup, copies[2:])) == ["part_of_another_list"]
    swapped = make_backup(backup, [copies[3], copies[2]], copies)
    assert going_on(swapped) == ["root_is_not_the_lists"]
    longer = make_backup(backup, [*copies[2:], a_copy(estate)], copies)
    assert going_on(longer) == ["list_is_longer_than_said"]
    estate.does(estate.wang, "custodian", parts[1])
    more = make_backup(backup, [a_copy(estate)], copies)
    assert going_on(more) == ["list_is_longer_than_said"]


def test_the_root_is_that_of_rfc_6962(estate: Estate) -> None:
    """Against a plain reading of RFC 6962, section 2.1, for lists of every small size."""
    from hashlib import sha256

    def tree(items: list[str]) -> bytes:
        if len(items) == 1:
            return sha256(b"\0" + items[0].encode()).digest()
        split = max(2**k for k in range(8) if 2**k < len(items))
        return sha256(b"\1" + tree(items[:split]) + tree(items[split:])).digest()

    for size in range(1, 40):
        items = [estate.new("holding") for _ in range(size)]
        assert list_root(items) == tree(items).hex()
        assert list_root(items) != list_root([*items, items[-1]])
    assert list_root([]) == sha256(b"").hexdigest()


def test_a_backup_is_encrypted_and_lists_what_lies_in_it(estate: Estate) -> None:
    """A client that leaves copies in clear, or does not say what it wrote, is not believed."""
    original = estate.holding_of(estate.ready())
    clear = estate.holding(made_from=original, medium="disk_external")
    assert backing_up(estate, clear) == ["copy_not_encrypted"]
    assert backing_up(estate, a_copy(estate), manifest=UNSET) == ["manifest_missing"]


# -- chains -----------------------------------------------------------------------------------


def test_an_incremental_backup_continues_one_of_ones_own(estate: Estate) -> None:
    base, copies = estate.copied(estate.holding_of(estate.ready()))
    new = a_copy(estate)

    def continuing(**fields: Any) -> list[str]:
        return backing_up(estate, new, kind="incremental", **fields)

    assert continuing(base=base) == []
    assert continuing() == ["incremental_needs_base"]
    assert continuing(base=(unknown := estate.new("backup"))) == ["unknown_backup"]
    assert unknown not in estate.book.states
    theirs = create_holding(estate.new("holding"), estate.lin.party)
    made = create_holding(
        estate.new("holding"), estate.lin.party, made_from=theirs.stream, medium="disk_external",
        **OBJECT,
    )  # fmt: skip
    said = make_backup(estate.new("backup"), [made.stream], kind="incremental", base=base)
    assert estate.judge(estate.lin, "custodian", theirs, made, said) == ["not_the_actors_party"]
    estate.does(estate.wang, "custodian", expire_backup(base, *copies))
    assert continuing(base=base) == ["backup_is_expired"]


def test_a_base_of_which_something_is_left_can_be_continued(estate: Estate) -> None:
    base, (first, _) = estate.copied(*(estate.holding_of(estate.ready()) for _ in range(2)))
    estate.does(estate.wang, "custodian", expire_backup(base, first))
    assert backing_up(estate, a_copy(estate), kind="incremental", base=base) == []


@pytest.mark.parametrize("field", ["base", "manifest"])
def test_all_parts_of_a_backup_have_one_base_and_one_list(estate: Estate, field: str) -> None:
    bases = [estate.copied(estate.holding_of(estate.ready()))[0] for _ in range(2)]
    copies = [a_copy(estate) for _ in range(2)]
    backup = estate.new("backup")
    first = make_backup(backup, copies[:1], copies, base=bases[0])
    second = make_backup(backup, copies[1:], copies, base=bases[0])
    other = second.but(**{field: bases[1] if field == "base" else "4" * 64})
    assert estate.judge(estate.wang, "custodian", first, second) == []
    assert estate.judge(estate.wang, "custodian", first, other) == ["part_of_another_list"]


# -- reading again ----------------------------------------------------------------------------


def test_a_verification_counts_what_is_there(estate: Estate) -> None:
    backup, copies = estate.copied(*(estate.holding_of(estate.ready()) for _ in range(3)))

    def checking(*counts: int, **fields: Any) -> list[str]:
        return estate.judge(estate.li, "reviewer", verify_backup(backup, *counts, **fields))

    assert checking(3) == []
    assert checking(3, 2) == []
    assert checking(0) == checking(4) == ["counts_do_not_fit"]
    assert checking(2, 3) == ["counts_do_not_fit"]
    assert checking(3, 2, result="pass") == ["result_does_not_fit_counts"]
    assert checking(3, 3, result="fail") == ["result_does_not_fit_counts"]
    assert checking(3, manifest=UNSET) == ["manifest_not_checked"]
    assert checking(3, manifest="fail") == ["result_does_not_fit_counts"]
    assert checking(3, manifest="fail", result="fail") == []
    estate.does(estate.wang, "custodian", lose(copies[0]))
    assert checking(3) == ["counts_do_not_fit"]


def test_a_backup_that_is_not_there_is_neither_checked_nor_let_go(estate: Estate) -> None:
    nowhere = estate.new("backup")
    assert estate.judge(estate.li, "reviewer", verify_backup(nowhere, 1)) == [
        "unknown_backup", "counts_do_not_fit",
    ]  # fmt: skip
    assert expiring(estate, nowhere, a_copy(estate)) == ["unknown_backup"]


def test_the_buyer_has_nothing_to_do_with_the_sellers_backup(estate: Estate) -> None:
    backup, (copy,) = estate.copied(estate.holding_of(estate.ready()))
    for said in (verify_backup(backup, 1), expire_backup(backup, copy)):
        assert "not_the_actors_party" in estate.judge(estate.lin, "custodian", said)


# -- letting go: I-03, I-26, I-28 -------------------------------------------------------------


def test_what_expired_is_gone(estate: Estate) -> None:
    original = estate.holding_of(estate.ready())
    backup, (copy,) = estate.copied(original)
    estate.does(estate.wang, "custodian", expire_backup(backup, copy))
    assert estate.copy(copy).condition == "destroyed"
    assert expiring(estate, backup, copy) == ["holding_is_destroyed"]
    assert estate.judge(estate.li, "reviewer", verify_backup(backup, 1)) == ["counts_do_not_fit"]


def test_only_copies_of_this_backup_expire_with_it(estate: Estate) -> None:
    backup, (copy,) = estate.copied(estate.holding_of(estate.ready()))
    other, _ = estate.copied(estate.holding_of(estate.ready()))
    assert expiring(estate, other, copy) == ["not_a_copy_of_the_backup"]
    assert expiring(estate, backup, copy, copy) == ["item_named_twice"]


def test_the_last_copy_does_not_go_with_a_backup(estate: Estate) -> None:
    """Not even one whose time has come: two persons have to approve that."""
    original = estate.holding_of(estate.ripe())
    backup, (copy,) = estate.copied(original)
    estate.does(estate.wang, "custodian", lose(original))
    assert expiring(estate, backup, copy) == ["last_copy_needs_a_case"]


def test_the_last_copy_of_ones_own_does_not_go_with_a_backup(estate: Estate) -> None:
    """What the buyer keeps, or what may be gone already, is no copy of one's own."""
    sold, doubted = (estate.holding_of(estate.ripe()) for _ in range(2))
    backup, (of_sold, of_doubted) = estate.copied(sold, doubted)
    for copy in (of_sold, of_doubted):
        assert expiring(estate, backup, copy) == []
    estate.handed_over(sold)
    case = estate.approved(doubted)
    tried = execute(case, [doubted], outcomes={doubted: "unknown"})
    estate.does(estate.chen, "destruction_operator", tried)
    assert estate.copy(doubted).there
    for copy in (of_sold, of_doubted):
        assert expiring(estate, backup, copy) == ["last_copy_needs_a_case"]


def test_a_copy_that_nobody_read_is_no_copy_that_is_left(estate: Estate) -> None:
    """One person's word that there is another copy does not open the way past two approvals."""
    original = estate.holding_of(estate.ripe())
    backup, (copy,) = estate.copied(original)
    phantom = create_holding(
        estate.new("holding"), estate.party, made_from=original, medium="paper_copy", form="paper"
    )
    estate.does(estate.wang, "custodian", phantom)
    assert expiring(estate, backup, copy) == []
    estate.does(estate.wang, "custodian", lose(original))
    assert expiring(estate, backup, copy) == ["last_copy_needs_a_case"]


def test_two_backups_do_not_take_each_other_for_the_copy_that_is_left(estate: Estate) -> None:
    original = estate.holding_of(estate.ripe())
    one, (first,) = estate.copied(original)
    two, (second,) = estate.copied(original)
    estate.does(estate.wang, "custodian", lose(original))
    estate.does(estate.wang, "custodian", expire_backup(one, first))
    assert expiring(estate, two, second) == ["last_copy_needs_a_case"]


def test_copies_that_expire_together_do_not_save_each_other(estate: Estate) -> None:
    original = estate.holding_of(estate.ready())
    said = [
        create_holding(
            estate.new("holding"), estate.party, made_from=original, medium="tape", **OBJECT
        )
        for _ in range(2)
    ]
    backup, copies = estate.new("backup"), [one.stream for one in said]
    made = make_backup(backup, copies, medium="tape")
    estate.does(estate.wang, "custodian", *said, made)
    estate.does(estate.wang, "custodian", lose(original))
    details = expiring(estate, backup, *copies)
    assert details == ["minimum_period_runs"] * 2 + ["last_copy_needs_a_case"] * 2
    assert expiring(estate, backup, copies[0]) == []


def key(number: int) -> Any:
    """What is sealed under a data key of its own."""
    return structs.replace(SEALED, key=f"key-019390a1-7e30-7c3a-8d5e-{number:012x}")


def test_the_data_keys_of_expired_copies_go_with_them_and_no_others(estate: Estate) -> None:
    """I-29: an expiry does not take the key of anything that is still there."""
    originals = [estate.holding_of(estate.ready()) for _ in range(3)]
    made = [
        create_holding(
            estate.new("holding"), estate.party, made_from=original, medium="disk_external",
            sealed=key(number), **OBJECT,
        )
        for number, original in zip((1, 2, 2), originals, strict=True)
    ]  # fmt: skip
    backup, (one, two, three) = estate.new("backup"), [said.stream for said in made]
    said = make_backup(backup, [one, two, three], sealed=key(3))
    estate.does(estate.wang, "custodian", *made, said)

    def shredding(*numbers: int, of: tuple[str, ...] = (one,)) -> list[str]:
        keys = [key(number).key for number in numbers]
        return estate.judge(estate.wang, "custodian", expire_backup(backup, *of, keys=keys))

    assert shredding() == shredding(1) == []
    assert shredding(1, 1) == ["key_of_something_else"] * 2
    assert shredding(3) == ["key_of_something_else"], "the backup's own"
    assert shredding(2) == ["key_of_something_else"], "of copies that stay"
    assert shredding(2, of=(two,)) == ["key_of_something_else"], "of two, and one stays"
    assert shredding(2, of=(two, three)) == []
    other = create_holding(estate.new("holding"), estate.party, sealed=key(1))
    estate.does(estate.wang, "custodian", other)
    assert shredding(1) == ["key_of_something_else"], "something else was sealed under it since"
    alien = [SEALED.key]
    said = expire_backup(backup, one, keys=alien)
    assert estate.judge(estate.wang, "custodian", said) == ["key_of_something_else"]


HELD = ("record", "copy", "original", "engagement")


@pytest.mark.parametrize("what", HELD)
def test_a_hold_keeps_a_backup_from_expiring(estate: Estate, what: str) -> None:
    record = estate.ready()
    original = estate.holding_of(record)
    backup, (copy,) = estate.copied(original)
    assert expiring(estate, backup, copy) == []
    held = {"record": record, "copy": copy, "original": original, "engagement": estate.routine}
    estate.does(estate.zhao, "dpo", place_hold(estate.new("hold"), held[what]))
    assert expiring(estate, backup, copy) == ["hold_in_force"]


def test_a_hold_on_one_row_keeps_every_backup_of_its_table(estate: Estate) -> None:
    table, rows = estate.table(3)
    backup, (copy,) = estate.copied(table)
    estate.does(estate.zhao, "dpo", place_hold(estate.new("hold"), rows[1]))
    assert expiring(estate, backup, copy) == ["hold_in_force"]


def test_a_backup_copy_in_a_destruction_case_is_not_let_go_behind_its_back(estate: Estate) -> None:
    """The case would then certify, or take off as still there, what went another way."""
    backup, (copy,) = estate.copied(estate.holding_of(estate.ready()))
    case = estate.proposed(copy, ground="redundant_copy")
    assert expiring(estate, backup, copy) == ["copy_is_in_a_case"]
    told = estate.told(estate.wang, "custodian", expire_backup(backup, copy))
    assert told == (case,)


def test_a_hold_placed_in_the_same_commit_does_not_come_too_late(estate: Estate) -> None:
    """Nothing stands beside an expiry in a commit, so nothing is judged by an old state."""
    record = estate.ready()
    backup, (copy,) = estate.copied(estate.holding_of(record))
    said = (expire_backup(backup, copy), collect(estate.new("record"), estate.holding()))
    assert estate.judge(estate.wang, "collector", *said) == ["case_writes_one_stream"]


# -- what a modified client might send --------------------------------------------------------


def test_nothing_is_collected_into_a_copy_of_something_else(estate: Estate) -> None:
    """A record that lay only in a backup copy would be neither held nor kept: it would expire
    with the copy, on the word of one person.
    """
    original = estate.holding_of(estate.ready())
    _, (copy,) = estate.copied(original)
    said = collect(estate.new("record"), copy)
    assert estate.judge(estate.wang, "collector", said) == ["holding_of_another_record"]
    other = estate.record(estate.ready())
    assert estate.judge(estate.wang, "collector", correct(other, copy)) == [
        "holding_of_another_record"
    ]
    own = estate.holding(record=other.stream, made_from=other.holdings[0])
    assert estate.judge(estate.wang, "collector", correct(other, own)) == []


# -- locks ------------------------------------------------------------------------------------


def test_what_a_store_keeps_locked_has_not_gone(estate: Estate) -> None:
    """Neither an expiry nor an execution says so before the day has ended that the backup named."""
    original = estate.holding_of(estate.ripe())
    copy = estate.holding(made_from=original, medium="cloud_object", **OBJECT)
    backup = estate.new("backup")
    said = make_backup(backup, [copy], medium="cloud_object", locked_until="2026-11-30")
    assert estate.judge(estate.wang, "custodian", said.but(locked_until="2026-11-31")) == [
        "no_such_day"
    ]
    estate.does(estate.wang, "custodian", said)
    case = estate.approved(original, copy)
    assert expiring(estate, backup, copy) == ["copy_is_locked", "copy_is_in_a_case"]
    executed = execute(case, [original, copy])
    operator = (estate.chen, "destruction_operator")
    assert estate.judge(*operator, executed) == ["copy_is_locked"]
    failed = execute(case, [original, copy], outcomes={copy: "failed"})
    assert estate.judge(*operator, failed) == [], "what stays is said to stay"
    estate.now = "2026-11-30T23:59:59.999Z"
    assert estate.judge(*operator, executed) == ["copy_is_locked"]
    estate.now = "2026-12-01T00:00:00.000Z"
    assert estate.judge(*operator, executed) == []


def test_a_lock_has_bounds(estate: Estate) -> None:
    """What nobody can shorten keeps from destruction what must be destroyed (PIPL 47)."""
    copy = a_copy(estate, "cloud_object")

    def until(day: str) -> list[str]:
        return backing_up(estate, copy, medium="cloud_object", locked_until=day)

    made = estate.now[:10]
    assert made == "2026-11-21"
    assert until("2026-11-20") == ["lock_ended_before_the_backup"]
    assert until("2026-11-21") == until("2036-11-21") == []
    assert until("2036-11-22") == until("9999-12-31") == ["lock_runs_too_long"]


def test_only_a_store_locks_and_all_parts_of_a_backup_say_the_same(estate: Estate) -> None:
    copy = a_copy(estate)
    assert backing_up(estate, copy, locked_until="2026-11-30") == ["lock_is_of_a_store"]
    copies = [a_copy(estate, "cloud_object") for _ in range(2)]
    backup, fields = estate.new("backup"), {"medium": "cloud_object"}
    first = make_backup(backup, copies[:1], copies, locked_until="2026-11-30", **fields)
    estate.does(estate.wang, "custodian", first)
    rest = make_backup(backup, copies[1:], copies, **fields)
    assert estate.judge(estate.wang, "custodian", rest) == ["part_of_another_list"]
    same = rest.but(locked_until="2026-11-30")
    assert estate.judge(estate.wang, "custodian", same) == []
