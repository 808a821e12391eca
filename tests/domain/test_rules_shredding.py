"""Data keys are shredded with what is gone, and only those under which nothing else is (I-29)."""

from __future__ import annotations

from typing import Any

import pytest

from domain.judging import World
from domain.values import SealedRef
from tests.domain.estates import Estate
from tests.domain.words import break_glass, certify, execute, take_off, verify_destruction
from tests.domain.worlds import (
    SEALED,
    classify,
    collect,
    correct,
    create_holding,
    register_party,
    retain,
    review,
)


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def sealed(estate: Estate) -> dict[str, SealedRef]:
    return {"sealed": SealedRef(key=estate.new("key"), root="0" * 64, digest="1" * 64)}


def a_sealed_record(estate: Estate) -> tuple[str, str, str, str]:
    """A record and its copy, each told under a data key of its own."""
    copy, record = estate.new("holding"), estate.new("record")
    where, what = sealed(estate), sealed(estate)
    said = (create_holding(copy, estate.party, **where), collect(record, copy, **what))
    estate.does(estate.wang, "collector", *said)
    estate.does(estate.li, "reviewer", review(record))
    estate.does(estate.wang, "archivist", classify(record))
    estate.does(estate.wang, "archivist", retain(estate.record(record), day="2001-01-31"))
    return record, copy, what["sealed"].key, where["sealed"].key


def shredding_of(estate: Estate, case: str, copy: str, *keys: str) -> list[str]:
    """What Chen hears who has destroyed a copy, and comes back for keys."""
    said = execute(case, [copy], [], keys=list(keys))
    return estate.judge(estate.chen, "destruction_operator", said)


def shredding(estate: Estate, copy: str, *keys: str, **fields: Any) -> list[str]:
    case = estate.approved(copy)
    said = execute(case, [copy], keys=list(keys), **fields)
    return estate.judge(estate.chen, "destruction_operator", said)


def test_the_keys_of_what_is_gone_are_shredded(estate: Estate) -> None:
    _, copy, of_record, of_copy = a_sealed_record(estate)
    assert shredding(estate, copy, of_record, of_copy) == []


def test_a_key_is_named_once_and_is_not_that_of_something_else(estate: Estate) -> None:
    _, copy, key, _ = a_sealed_record(estate)
    _, _, other, _ = a_sealed_record(estate)
    case = estate.approved(copy)
    for keys in ([other], [key, other], [key, key], [SEALED.key], [estate.new("key")]):
        said = execute(case, [copy], keys=keys)
        details = estate.judge(estate.chen, "destruction_operator", said)
        assert set(details) == {"key_of_something_else"}


def test_a_record_that_lives_on_keeps_its_key(estate: Estate) -> None:
    record, copy, of_record, of_copy = a_sealed_record(estate)
    estate.holding(record=record, made_from=copy)
    case = estate.approved(copy)
    for keys, details in (([of_copy], []), ([of_record], ["key_of_something_else"])):
        said = execute(case, [copy], keys=keys)
        assert estate.judge(estate.chen, "destruction_operator", said) == details


def test_a_record_whose_content_lies_elsewhere_keeps_its_key(estate: Estate) -> None:
    """The old file goes; the title and the digests of the corrected content stay readable."""
    record, copy, of_record, of_copy = a_sealed_record(estate)
    estate.does(estate.wang, "collector", correct(estate.record(record), estate.holding()))
    case = estate.approved(copy)
    for keys, details in (([of_copy], []), ([of_record], ["key_of_something_else"])):
        said = execute(case, [copy], keys=keys)
        assert estate.judge(estate.chen, "destruction_operator", said) == details


def test_a_row_that_lives_on_in_a_copy_keeps_its_key(estate: Estate) -> None:
    """The table goes, with it all rows but the one that was copied out."""
    table, refs = estate.new("holding"), [sealed(estate) for _ in range(3)]
    rows = [collect(estate.new("record"), table, **ref) for ref in refs]
    where = create_holding(table, estate.party, **sealed(estate))
    estate.does(estate.wang, "collector", where, *rows)
    for row in rows:
        estate.does(estate.wang, "archivist", classify(row.stream))
        kept = retain(estate.record(row.stream), day="2001-01-31")
        estate.does(estate.wang, "archivist", kept)
    estate.holding(record=rows[1].stream, made_from=table)
    case = estate.approved(table)
    for ref, details in zip(refs, ([], ["key_of_something_else"], []), strict=True):
        said = execute(case, [table], keys=[ref["sealed"].key])
        assert estate.judge(estate.chen, "destruction_operator", said) == details


def test_the_keys_of_a_record_go_with_its_last_copy_whichever_that_is(estate: Estate) -> None:
    _, copy, of_record, of_copy = a_sealed_record(estate)
    where = sealed(estate)
    backup = estate.holding(made_from=copy, sealed=where["sealed"])
    case = estate.executed(copy)
    assert shredding_of(estate, case, copy, of_record) == ["key_of_something_else"]
    case = estate.executed(backup)
    assert shredding_of(estate, case, backup, of_record, where["sealed"].key) == []
    assert shredding_of(estate, case, backup, of_copy) == ["key_of_something_else"]


def test_a_key_that_two_cases_have_in_common_goes_with_the_last_copy(estate: Estate) -> None:
    """The collected copy is told under its record's key, and is destroyed a case earlier."""
    copy, record, ref = estate.new("holding"), estate.new("record"), sealed(estate)
    key = ref["sealed"].key
    said = (create_holding(copy, estate.party, **ref), collect(record, copy, **ref))
    estate.does(estate.wang, "collector", *said)
    estate.does(estate.wang, "archivist", classify(record))
    estate.does(estate.wang, "archivist", retain(estate.record(record), day="2001-01-31"))
    backup = estate.holding(made_from=copy)
    assert shredding_of(estate, estate.executed(copy), copy, key) == ["key_of_something_else"]
    assert shredding_of(estate, estate.executed(backup), backup, key) == []


def test_nobody_shreds_a_victims_key_with_junk_sealed_under_it(estate: Estate) -> None:
    """A junk record under the key of another one is destroyed, and the key with it."""
    victim, copy, of_victim, _ = a_sealed_record(estate)
    stolen = {"sealed": SealedRef(key=of_victim, root="2" * 64, digest="3" * 64)}
    junk, drawer = estate.new("record"), estate.new("holding")
    said = (create_holding(drawer, estate.party, **stolen), collect(junk, drawer, **stolen))
    estate.does(estate.wang, "collector", *said)
    estate.does(estate.wang, "archivist", classify(junk))
    estate.does(estate.wang, "archivist", retain(estate.record(junk), day="2001-01-31"))
    case = estate.approved(drawer)
    both = execute(case, [drawer], keys=[of_victim])
    assert estate.judge(estate.chen, "destruction_operator", both) == ["key_of_something_else"]
    assert estate.told(estate.chen, "destruction_operator", both) == (of_victim,)
    estate.does(estate.chen, "destruction_operator", execute(case, [drawer]))
    later_on = execute(case, [drawer], [], keys=[of_victim])
    assert estate.judge(estate.chen, "destruction_operator", later_on) == ["key_of_something_else"]
    assert estate.copy(copy).there
    assert estate.record(victim).holdings == (copy,)


def test_nobody_shreds_a_key_that_anything_else_is_sealed_under(estate: Estate) -> None:
    """A party's name, a hold's authority, a case's reason: whatever stream it is in."""
    record, copy, of_record, _ = a_sealed_record(estate)
    case = estate.approved(copy)
    said = execute(case, [copy], keys=[of_record])
    assert estate.judge(estate.chen, "destruction_operator", said) == []
    stolen = {"sealed": SealedRef(key=of_record, root="2" * 64, digest="3" * 64)}
    estate.does(estate.wang, "custodian", break_glass(record, copy, **stolen))
    assert estate.judge(estate.chen, "destruction_operator", said) == [], "of the record itself"
    party = register_party(estate.new("party"), **stolen)
    estate.does(estate.wang, "administrator", party)
    assert estate.judge(estate.chen, "destruction_operator", said) == ["key_of_something_else"]


def test_many_keys_are_looked_up_once_a_commit(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding out what else is sealed under a key goes through the whole ledger."""
    _, copy, of_record, of_copy = a_sealed_record(estate)
    case, asked = estate.executed(copy), []
    look = estate.book.keys_elsewhere

    def counting(keys: frozenset[str], streams: frozenset[str]) -> frozenset[str]:
        asked.append(keys)
        return look(keys, streams)

    monkeypatch.setattr(estate.book, "keys_elsewhere", counting)
    parts = [execute(case, [copy], [], keys=[key]) for key in (of_record, of_copy)]
    assert estate.judge(estate.chen, "destruction_operator", *parts) == []
    assert asked == [frozenset([of_record, of_copy])]


def test_what_was_looked_up_for_one_commit_is_not_believed_for_the_next(estate: Estate) -> None:
    world, found = World(estate.book), iter("abc")
    assert [world.once("x", lambda: next(found)) for _ in range(3)] == ["a", "a", "a"]
    assert world.once("y", lambda: next(found)) == "b"
    world.begin_commit()
    assert world.once("x", lambda: next(found)) == "c"


def test_what_could_not_be_destroyed_keeps_its_keys(estate: Estate) -> None:
    _, copy, of_record, _ = a_sealed_record(estate)
    details = shredding(estate, copy, of_record, outcomes={copy: "unknown"})
    assert details == ["key_of_something_else"]


def test_what_was_taken_off_the_list_keeps_its_keys(estate: Estate) -> None:
    """An operator's word that it is gone was withdrawn; its keys must not go on that word."""
    _, copy, of_record, of_copy = a_sealed_record(estate)
    other = estate.holding_of(estate.ripe())
    case, both = estate.executed(copy, other), [copy, other]
    said = execute(case, both, [], keys=[of_record])
    assert estate.judge(estate.chen, "destruction_operator", said) == []
    estate.does(estate.wang, "archivist", take_off(case, copy))
    assert estate.copy(copy).there
    for key in (of_record, of_copy):
        said = execute(case, both, [], keys=[key])
        details = estate.judge(estate.chen, "destruction_operator", said)
        assert details == ["key_of_something_else"]


def test_keys_may_be_shredded_after_the_copies(estate: Estate) -> None:
    _, copy, of_record, of_copy = a_sealed_record(estate)
    case = estate.executed(copy)
    said = execute(case, [copy], [], keys=[of_record, of_copy])
    estate.does(estate.chen, "destruction_operator", said)
    estate.does(estate.li, "reviewer", verify_destruction(case, [copy]))
    estate.does(estate.wang, "archivist", certify(case, [copy]))
