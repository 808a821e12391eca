"""Copies of keys: enumerated, cleared, destroyed; what one of them may still hold is partial."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.keycopy import MAX_KEYS
from domain.values import SealedRef, later
from tests.domain.estates import Estate
from tests.domain.words import (
    certify,
    clear_key_copy,
    destroy_key_copy,
    escrow,
    execute,
    place_hold,
    register_key_copy,
    release_hold,
    restrict,
    verify_destruction,
)
from tests.domain.worlds import SEALED, START, Said, classify, collect, create_holding, retain

MEDIA = (
    "disk_internal", "disk_external", "ssd", "usb_flash", "tape", "optical_archival", "nas",
    "cloud_object", "microfilm", "paper_copy",
)  # fmt: skip
IN_PLACE = ("disk_internal", "disk_external")


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


class Gone:
    """A record, its copy and their two keys: approved to go, and shredded by `shred`."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.copy, record = estate.new("holding"), estate.new("record")
        self.record = record
        self.keys = [estate.new("key"), estate.new("key")]
        where, what = (
            {"sealed": SealedRef(key=key, root="0" * 64, digest="1" * 64)} for key in self.keys
        )
        said = (
            create_holding(self.copy, estate.party, **where),
            collect(record, self.copy, **what),
        )
        estate.does(estate.wang, "collector", *said)
        estate.does(estate.wang, "archivist", classify(record))
        estate.does(estate.wang, "archivist", retain(estate.record(record), day="2001-01-31"))
        self.case = estate.approved(self.copy)

    def shred(self) -> None:
        said = execute(self.case, [self.copy], keys=self.keys)
        self.estate.does(self.estate.chen, "destruction_operator", said)

    def verify(self) -> None:
        said = verify_destruction(self.case, [self.copy])
        self.estate.does(self.estate.li, "reviewer", said)

    def certifying(self, *key_copies: str, **fields: Any) -> list[str]:
        said = certify(self.case, [self.copy], key_copies=key_copies).but(**fields)
        return self.estate.judge(self.estate.wang, "archivist", said)


def registering(estate: Estate, *said: Said) -> list[str]:
    return estate.judge(estate.wang, "custodian", *said)


def a_copy(estate: Estate, through: str, **fields: Any) -> str:
    copy = estate.new("keycopy")
    estate.does(estate.wang, "custodian", register_key_copy(copy, estate.party, through, **fields))
    return copy


def an_escrow(estate: Estate, *keys: str, **fields: Any) -> str:
    copy = estate.new("keycopy")
    estate.does(estate.wang, "custodian", escrow(copy, estate.party, keys, **fields))
    return copy


def clearing(estate: Estate, copy: str, *keys: str) -> list[str]:
    said = clear_key_copy(copy, *keys)
    return estate.judge(estate.chen, "destruction_operator", said)


def clear(estate: Estate, copy: str, *keys: str) -> None:
    estate.does(estate.chen, "destruction_operator", clear_key_copy(copy, *keys))


# -- registering --------------------------------------------------------------------------------


def test_a_copy_says_which_keys_it_covers_and_where_it_is(estate: Estate) -> None:
    key = estate.new("key")
    said = register_key_copy(estate.new("keycopy"), estate.party, key)
    assert registering(estate, said) == []
    assert registering(estate, said.but(expires_on="2026-12-31")) == []
    assert registering(estate, said.but(kind="live", through=UNSET)) == []
    assert registering(estate, said.but(kind="escrow")) == []
    assert registering(estate, said.but(sealed=UNSET)) == ["location_must_be_sealed"]
    uncertain = ["key_copy_covers_nothing_certain"]
    for kind in ("backup", "escrow", "export"):
        assert registering(estate, said.but(kind=kind, through=UNSET)) == uncertain
    assert registering(estate, said.but(kind="live")) == uncertain
    assert registering(estate, said.but(keys=[key], count=1)) == uncertain
    assert registering(estate, said.but(through=UNSET, keys=[key], count=1)) == uncertain
    assert registering(estate, said.but(count=1)) == [*uncertain, "key_copy_not_listed_whole"][:1]


def test_days_and_times_of_a_copy_are_possible_ones(estate: Estate) -> None:
    said = register_key_copy(estate.new("keycopy"), estate.party, estate.new("key"))
    assert registering(estate, said.but(expires_on="2026-02-30")) == ["no_such_day"]
    assert registering(estate, said.but(expires_on=START[:10])) == []
    assert registering(estate, said.but(expires_on="2026-11-20")) == ["expires_before_it_was_made"]
    ahead = later(estate.now, seconds=1)
    assert registering(estate, said.but(made_at=ahead)) == ["not_yet_happened"]


def test_a_backup_is_ones_own_and_an_escrow_may_be_with_somebody_else(estate: Estate) -> None:
    said = register_key_copy(estate.new("keycopy"), estate.lin.party, estate.new("key"))
    assert registering(estate, said) == ["not_the_actors_party"]
    assert registering(estate, said.but(kind="live", through=UNSET)) == ["not_the_actors_party"]
    assert registering(estate, said.but(kind="escrow")) == []
    assert registering(estate, said.but(custodian=estate.new("party"))) == ["unknown_party"]


def test_a_key_of_what_is_restricted_is_not_given_away(estate: Estate) -> None:
    """Whoever opens a file of single keys reads, which is no longer permitted; a recovery may."""
    gone, other = Gone(estate), estate.new("key")
    made = [escrow(estate.new("keycopy"), estate.party, [key]) for key in (*gone.keys, other)]
    assert [registering(estate, said) for said in made] == [[]] * 3
    estate.does(estate.zhao, "dpo", restrict(gone.record))
    refused = ["record_is_restricted"]
    assert [registering(estate, said) for said in made] == [refused, refused, []]
    first = escrow(estate.new("keycopy"), estate.party, gone.keys[:1], count=2)
    rest = escrow(first.stream, estate.party, [other], count=2, sealed=UNSET)
    assert registering(estate, first, rest) == refused, "in whichever part of the list it stands"
    whole = register_key_copy(estate.new("keycopy"), estate.party, estate.new("key"))
    assert registering(estate, whole.but(kind="escrow")) == []


def test_a_list_longer_than_one_event_is_told_in_one_commit(estate: Estate) -> None:
    keys = [estate.new("key") for _ in range(5)]
    copy = estate.new("keycopy")
    first = escrow(copy, estate.party, keys[:3], count=5)
    rest = escrow(copy, estate.party, keys[3:], count=5, sealed=UNSET)
    assert registering(estate, first) == ["key_copy_not_listed_whole"]
    assert registering(estate, first, rest) == []
    assert registering(estate, first, rest.but(keys=keys[2:])) == ["item_named_twice"]
    for other in ({"medium": "ssd"}, {"count": 6}, {"made_at": later(START, seconds=1)}):
        assert registering(estate, first, rest.but(**other)) == ["part_of_another_list"]
    estate.does(estate.wang, "custodian", first, rest)
    more = rest.but(keys=[estate.new("key")])
    assert registering(estate, more) == ["part_of_another_list"]
    endless = escrow(estate.new("keycopy"), estate.party, keys, count=MAX_KEYS + 1)
    assert registering(estate, endless)[0] == "list_too_long"
    twice = escrow(estate.new("keycopy"), estate.party, [keys[0], keys[0]])
    assert registering(estate, twice) == ["item_named_twice"]


# -- what a certificate makes of it: I-29, scenario 19 ------------------------------------------


def test_scenario_19_a_backup_of_the_keys_that_nobody_cleared_makes_it_partial(
    estate: Estate,
) -> None:
    gone = Gone(estate)
    copy = a_copy(estate, gone.keys[-1])
    gone.shred()
    gone.verify()
    assert gone.certifying() == ["key_copies_left_out", "verdict_does_not_fit"]
    assert gone.certifying(copy, verdict="destroyed") == ["verdict_does_not_fit"]
    assert gone.certifying(copy, key_copies_count=0) == ["key_copies_left_out"]
    assert gone.certifying(copy) == []


@pytest.mark.parametrize("medium", MEDIA)
def test_a_copy_that_was_cleared_counts_where_overwriting_reaches(
    estate: Estate, medium: str
) -> None:
    gone = Gone(estate)
    copy = a_copy(estate, gone.keys[-1], medium=medium)
    gone.shred()
    clear(estate, copy, *gone.keys)
    gone.verify()
    assert gone.certifying(*([] if medium in IN_PLACE else [copy])) == []


def test_one_key_that_was_not_cleared_is_one_too_many(estate: Estate) -> None:
    gone = Gone(estate)
    copy = a_copy(estate, gone.keys[-1])
    gone.shred()
    clear(estate, copy, gone.keys[0])
    gone.verify()
    assert gone.certifying(copy) == []
    clear(estate, copy, gone.keys[1])
    assert gone.certifying() == []


def test_a_copy_that_was_destroyed_as_a_whole_is_no_longer_in_the_way(estate: Estate) -> None:
    gone = Gone(estate)
    tape = a_copy(estate, gone.keys[-1], medium="tape")
    gone.shred()
    gone.verify()
    assert gone.certifying(tape) == []
    said = destroy_key_copy(tape, technique="incinerate", witnesses=[estate.sun.actor])
    estate.does(estate.wang, "custodian", said)
    assert gone.certifying() == []


@pytest.mark.parametrize("kind", ["escrow", "export"])
def test_an_escrow_or_export_with_one_of_the_keys_makes_it_partial(
    estate: Estate, kind: str
) -> None:
    gone = Gone(estate)
    other = an_escrow(estate, estate.new("key"), kind=kind)
    copy = an_escrow(estate, estate.new("key"), gone.keys[1], kind=kind)
    gone.shred()
    gone.verify()
    assert gone.certifying(copy) == [], "and not the other one"
    assert other in estate.book.key_copies()
    assert clearing(estate, copy, gone.keys[1]) == ["key_copy_cannot_be_cleared"]
    estate.does(estate.wang, "custodian", destroy_key_copy(copy))
    assert gone.certifying() == []


def test_a_copy_made_before_the_key_was_does_not_cover_it(estate: Estate) -> None:
    before = estate.new("key")
    copy = a_copy(estate, before)
    gone = Gone(estate)
    gone.shred()
    gone.verify()
    assert before < gone.keys[0]
    assert gone.certifying() == []
    assert clearing(estate, copy, gone.keys[0]) == ["key_is_not_in_the_copy"]


def test_a_copy_made_after_the_key_was_shredded_does_not_cover_it(estate: Estate) -> None:
    gone = Gone(estate)
    gone.shred()
    now = estate.now
    after = a_copy(estate, gone.keys[-1], made_at=now)
    gone.verify()
    assert gone.certifying() == []
    assert clearing(estate, after, gone.keys[0]) == ["key_is_not_in_the_copy"]


def test_an_old_copy_that_is_found_and_registered_late_counts(estate: Estate) -> None:
    """A stick in a drawer: it was made before, whenever somebody tells of it."""
    gone = Gone(estate)
    gone.shred()
    found = a_copy(estate, gone.keys[-1], made_at=START)
    gone.verify()
    assert gone.certifying(found) == []


@pytest.mark.parametrize("medium", MEDIA)
def test_the_keystores_own_medium_is_judged_where_it_is_named(estate: Estate, medium: str) -> None:
    """On flash a shredded key may survive in a block that nobody addresses any more."""
    live = a_copy(estate, UNSET, kind="live", medium=medium)  # type: ignore[arg-type]
    gone = Gone(estate)
    gone.shred()
    gone.verify()
    assert gone.certifying(*([] if medium in IN_PLACE else [live])) == []
    assert "key_copy_cannot_be_cleared" in clearing(estate, live, gone.keys[0])


NOT_NAMED = {"key_copies_count": 1, "verdict": "partial"}


def certain(medium: str | None) -> tuple[Estate, Gone]:
    """Everything shredded and read back, with the keystore on such a medium, or on none named."""
    estate = Estate.open(keystore=medium)
    gone = Gone(estate)
    gone.shred()
    gone.verify()
    return estate, gone


def test_while_nobody_named_what_the_keystore_lies_on_it_is_partial() -> None:
    estate, gone = certain(None)
    assert gone.certifying(**NOT_NAMED) == []
    live = estate.name_keystore("ssd")
    assert gone.certifying(**NOT_NAMED) == ["key_copies_left_out"]
    assert gone.certifying(live) == [], "on flash it is the one copy that is left"
    _, gone = certain("disk_internal")
    assert gone.certifying(verdict="destroyed") == []
    assert gone.certifying(**NOT_NAMED) == ["key_copies_left_out", "verdict_does_not_fit"]


def test_attack_destroyed_is_certified_though_the_keystores_medium_was_never_named() -> None:
    _, gone = certain(None)
    assert gone.certifying() == ["key_copies_left_out", "verdict_does_not_fit"]
    assert gone.certifying(**{**NOT_NAMED, "verdict": "destroyed"}) == ["verdict_does_not_fit"]
    assert gone.certifying(verdict="partial") == ["key_copies_left_out"]


def test_attack_another_party_names_a_keystore_of_its_own() -> None:
    estate, gone = certain(None)
    other = register_key_copy(estate.new("keycopy"), estate.lin.party, "", kind="live")
    estate.does(estate.lin, "custodian", other.but(through=UNSET))
    assert gone.certifying()[0] == "key_copies_left_out"
    assert gone.certifying(**NOT_NAMED) == []


def test_where_no_key_was_shredded_the_keystores_medium_does_not_matter() -> None:
    estate = Estate.open(keystore=None)
    copy = estate.holding_of(estate.ripe())
    case = estate.verified(copy)
    assert estate.judge(estate.wang, "archivist", certify(case, [copy])) == []


def test_copies_of_other_keys_are_not_this_cases_business(estate: Estate) -> None:
    first, second = Gone(estate), Gone(estate)
    copy = an_escrow(estate, *second.keys)
    for gone in (first, second):
        gone.shred()
        gone.verify()
    assert first.certifying() == []
    assert second.certifying(copy) == []


def test_a_certificate_says_destroyed_or_partial_and_nothing_else(estate: Estate) -> None:
    gone = Gone(estate)
    gone.shred()
    gone.verify()
    for verdict in ("failed", "unknown", "partial"):
        assert gone.certifying(verdict=verdict) == ["verdict_does_not_fit"]
    assert gone.certifying(verdict="destroyed") == []


def test_many_copies_are_named_up_to_the_limit_and_all_are_counted(estate: Estate) -> None:
    gone = Gone(estate)
    copies = [a_copy(estate, gone.keys[-1]) for _ in range(203)]
    gone.shred()
    gone.verify()
    assert gone.certifying(*copies) == []
    assert gone.certifying(*copies, key_copies=sorted(copies)[1:201]) == ["key_copies_left_out"]


# -- clearing and destroying --------------------------------------------------------------------


def test_only_what_was_shredded_is_cleared_and_only_once(estate: Estate) -> None:
    gone = Gone(estate)
    copy = a_copy(estate, gone.keys[-1])
    assert clearing(estate, copy, *gone.keys) == ["key_is_not_shredded"] * 2
    gone.shred()
    assert clearing(estate, copy, gone.keys[0], gone.keys[0])[:1] == ["item_named_twice"]
    clear(estate, copy, gone.keys[0])
    assert clearing(estate, copy, *gone.keys) == ["key_is_not_in_the_copy"]
    assert clearing(estate, estate.new("keycopy"), gone.keys[1]) == ["unknown_key_copy"]


def test_a_hold_placed_after_the_execution_stops_the_clearing(estate: Estate) -> None:
    gone, hold = Gone(estate), estate.new("hold")
    copy = a_copy(estate, gone.keys[-1])
    gone.shred()
    estate.does(estate.wang, "custodian", place_hold(hold, gone.copy, sealed=SEALED))
    assert clearing(estate, copy, *gone.keys) == ["hold_in_force"]
    said = release_hold(hold, gone.copy)
    estate.does(estate.wang, "custodian", said, beside=[(estate.li, "approver")])
    assert clearing(estate, copy, *gone.keys) == []


def test_whoever_acts_for_its_keeper_says_that_a_copy_is_gone(estate: Estate) -> None:
    copy = an_escrow(estate, estate.new("key"), custodian=estate.lin.party)
    said = destroy_key_copy(copy)
    assert estate.judge(estate.wang, "custodian", said) == ["not_the_actors_party"]
    assert estate.judge(estate.lin, "custodian", said) == []
    estate.does(estate.lin, "custodian", said)
    assert estate.judge(estate.lin, "custodian", said) == ["key_copy_is_over"]
    unknown = destroy_key_copy(estate.new("keycopy"))
    assert estate.judge(estate.lin, "custodian", unknown) == ["unknown_key_copy"]


@pytest.mark.parametrize("medium", MEDIA)
def test_a_technique_must_reach_what_is_on_the_medium(estate: Estate, medium: str) -> None:
    copy = a_copy(estate, estate.new("key"), medium=medium)
    leaves = ["technique_leaves_the_keys"]
    for technique in ("overwrite", "db_delete_vacuum"):
        said = destroy_key_copy(copy, technique=technique)
        said = said.but(witnesses=[estate.sun.actor])
        assert registering(estate, said) == ([] if medium in IN_PLACE else leaves)
    seen = {"witnesses": [estate.sun.actor]}
    returned = destroy_key_copy(copy, technique="return_to_owner", **seen)
    assert registering(estate, returned) == leaves
    assert registering(estate, destroy_key_copy(copy, technique="shred_media", **seen)) == []


def test_one_person_alone_does_not_say_that_a_medium_was_destroyed(estate: Estate) -> None:
    copy = a_copy(estate, estate.new("key"))
    for technique in ("shred_media", "incinerate", "db_delete_vacuum"):
        said = destroy_key_copy(copy, technique=technique)
        assert registering(estate, said) == ["nobody_watched"]
        assert registering(estate, said.but(witnesses=[estate.sun.actor])) == []
    assert registering(estate, destroy_key_copy(copy, technique="overwrite")) == []


@pytest.mark.parametrize("technique", ["overwrite", "shred_media"])
def test_nobody_says_that_the_keystore_itself_is_gone(estate: Estate, technique: str) -> None:
    """One person would be rid of every key, whatever is held."""
    live = a_copy(estate, UNSET, kind="live")  # type: ignore[arg-type]
    said = destroy_key_copy(live, technique=technique, witnesses=[estate.sun.actor])
    assert registering(estate, said) == ["keystore_is_no_copy"]


def test_whoever_destroys_a_copy_of_keys_does_not_watch_it(estate: Estate) -> None:
    copy = a_copy(estate, estate.new("key"))
    said = destroy_key_copy(copy, witnesses=[estate.wang.actor])
    assert registering(estate, said) == ["operator_is_witness", "role_not_held"]
    twice = destroy_key_copy(copy, witnesses=[estate.sun.actor] * 2)
    assert set(registering(estate, twice)) == {"person_signs_twice"}
    assert registering(estate, destroy_key_copy(copy, witnesses=[estate.sun.actor])) == []
