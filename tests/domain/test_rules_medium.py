"""Media: one's own, described, of one kind, and bearing what is there."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.medium import MediumRegistered
from tests.domain.estates import Estate
from tests.domain.words import destroy_key_copy, register_key_copy
from tests.domain.worlds import SEALED, Said, lose


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def medium(stream: str, party: str, **fields: Any) -> Said:
    return Said(MediumRegistered, stream, {
        "kind": "disk_internal", "owner": party, "sealed": SEALED, **fields,
    })  # fmt: skip


def registering(estate: Estate, said: Said) -> list[str]:
    return estate.judge(estate.wang, "custodian", said)


def test_a_medium_is_ones_own_and_described(estate: Estate) -> None:
    said = medium(estate.new("medium"), estate.party)
    assert registering(estate, said) == []
    assert registering(estate, said.but(sealed=UNSET)) == ["medium_must_be_described"]
    assert registering(estate, said.but(owner=estate.lin.party)) == ["not_the_actors_party"]


def test_a_medium_bears_copies_of_its_kind_that_are_there(estate: Estate) -> None:
    copy, keys = estate.holding_of(estate.ready()), estate.new("keycopy")
    of_keys = register_key_copy(keys, estate.party, estate.new("key"))
    estate.does(estate.wang, "custodian", of_keys)
    said = medium(estate.new("medium"), estate.party, holdings=[copy])
    assert registering(estate, said) == []
    assert registering(estate, said.but(kind="ssd")) == ["copy_on_another_medium"]
    assert registering(estate, said.but(key_copies=[keys])) == ["copy_on_another_medium"]
    other = medium(estate.new("medium"), estate.party, kind="disk_external", key_copies=[keys])
    assert registering(estate, other) == []
    assert registering(estate, other.but(key_copies=[keys, keys])) == ["item_named_twice"]
    unknown = other.but(key_copies=[estate.new("keycopy")])
    assert registering(estate, unknown) == ["unknown_key_copy"]
    estate.does(estate.wang, "custodian", destroy_key_copy(keys))
    assert registering(estate, other) == ["key_copy_is_over"]
    estate.does(estate.wang, "custodian", lose(copy))
    assert registering(estate, said) == ["holding_is_lost"]


def test_a_medium_stays_what_it_was_when_more_is_put_on_it(estate: Estate) -> None:
    name = estate.new("medium")
    estate.does(estate.wang, "custodian", medium(name, estate.party))
    more = medium(name, estate.party, holdings=[estate.holding_of(estate.ready())])
    assert registering(estate, more.but(sealed=UNSET)) == []
    assert registering(estate, more.but(kind="tape", holdings=[])) == ["medium_is_another"]
