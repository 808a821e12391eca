"""The register of media: what lies on which, and since when."""

from __future__ import annotations

from domain.medium import MediumRegistered
from projections import media
from tests.projections.histories import History, empty_tables, project, rebuilt


def test_a_copy_lies_on_the_medium_that_was_named_last() -> None:
    history = History()
    copy, other, keys = history.new("holding"), history.new("holding"), history.new("keycopy")
    first, second = history.new("medium"), history.new("medium")

    def said(medium: str, *holdings: str, **fields: object) -> None:
        history.begin()
        history.add(MediumRegistered, medium, kind="ssd", owner=history.party,
                    holdings=list(holdings), **fields)  # fmt: skip

    said(first, copy, capacity=5, serial_source="label")
    said(first, other)
    said(second, copy, key_copies=[keys])
    with project(empty_tables(), history.recorded, 1, 1) as connection:
        found = {entry: media.medium_of(connection, copy, entry=entry) for entry in (0, 1, 2)}
        assert found == {0: first, 1: first, 2: second}
        assert media.medium_of(connection, copy) == second
        assert media.medium_of(connection, other, entry=0) is None
        assert media.medium_of(connection, keys) == second
        told = {one.medium: one for one in media.listed(connection, limit=9)}
        assert set(told) == {first, second}
        assert (told[first].capacity, told[first].serial_source) == (5, "label")
        assert [one.medium for one in media.listed(connection, limit=9, entry=1)] == [first]
        assert media.one(connection, second, entry=1) is None
        page = media.listed(connection, limit=1)
        rest = media.listed(connection, limit=9, after=page[0].medium)
        assert len(rest) == 1
        assert {page[0].medium, rest[0].medium} == {first, second}
    assert rebuilt(history.recorded) == rebuilt(history.recorded, 1, 1, 1)
