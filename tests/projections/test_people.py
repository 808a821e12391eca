"""Who is who, and who could sign what at which entry."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from projections.people import (
    RoleHeld,
    Signatory,
    commit_voided,
    could_sign,
    public_key_enrolled,
)
from projections.tables import actors, engagements, keys, parties, policies, roles
from projections.view import register
from tests.projections.histories import ORIGIN, History, empty_tables, project


def tables(history: History) -> sa.Connection:
    return project(empty_tables(), history.recorded, 2, 3, 1)


def signing(history: History, entry: int, actor: str, day: str | None = None) -> list[Signatory]:
    with tables(history) as connection:
        return [s for s in could_sign(connection, entry, day=day) if s.holder == actor]


def hired(history: History, number: int) -> str:
    """A new actor with a key, in an entry of its own."""
    history.begin()
    actor = history.register_actor(history.new("actor"), "sales")
    return history.enrol(actor, number)


def conditions(history: History) -> dict[int, tuple[str, int, int | None, str | None]]:
    """Each key's condition, first and last entry and suspicion, by the key's number."""
    with tables(history) as connection:
        return {
            int(key["id"], 16): (
                key["condition"],
                key["since"],
                key["until"],
                key["suspected_since"],
            )
            for key in register(connection, keys)
        }


def test_entry_0_registers_all_that_later_entries_lean_on() -> None:
    history = History().open()
    with tables(history) as connection:
        (party,) = register(connection, parties)
        (actor,) = register(connection, actors)
        (role,) = register(connection, roles)
        (engagement,) = register(connection, engagements)
        (policy,) = register(connection, policies)
    assert (party["party"], party["kind"], party["jurisdiction"]) == (
        history.party,
        "company",
        "cn",
    )
    assert (actor["actor"], actor["party"]) == (history.admin, history.party)
    assert (role["actor"], role["role"], role["granted_entry"]) == (
        history.admin,
        "administrator",
        0,
    )
    assert (role["scope"], role["valid_from"], role["revoked_entry"]) == (None, None, None)
    assert (engagement["engagement"], engagement["kind"]) == (history.routine, "routine")
    assert (policy["pack"], policy["digest"]) == ("cn-cleaning", "ab" * 32)


def test_entry_0_leans_on_itself() -> None:
    history = History().open()
    administrator = RoleHeld("administrator", None, None, None)
    with tables(history) as connection:
        assert could_sign(connection, 0) == [
            Signatory(history.ledger, None, ORIGIN, "00000001", "checkpoint", "ed25519", None, ()),
            Signatory(history.ledger, None, ORIGIN, "00000002", "seal", "p256", None, ()),
            Signatory(
                history.admin,
                history.party,
                f"{ORIGIN}/a/{history.admin}",
                "00000003",
                "act",
                "ed25519",
                None,
                (administrator,),
            ),
        ]


def test_a_key_signs_from_the_entry_after_its_enrolment_through_the_one_that_ends_it() -> None:
    history = History().open()
    actor = hired(history, 7)
    enrolled = history.entry
    history.begin()
    history.begin()
    history.rotate(actor, 7, 8)
    rotated = history.entry

    def ids(entry: int) -> list[str]:
        return [s.key_id for s in signing(history, entry, actor)]

    assert ids(enrolled) == []
    assert ids(enrolled + 1) == ids(rotated) == ["00000007"]
    assert ids(rotated + 1) == ids(rotated + 100) == ["00000008"]
    assert conditions(history)[7] == ("rotated", enrolled, rotated, None)


def test_a_role_counts_from_the_entry_after_its_grant_through_the_one_that_revokes_it() -> None:
    history = History().open()
    actor = hired(history, 7)
    history.begin()
    history.grant(actor, "collector")
    granted = history.entry
    history.begin()
    history.revoke_role(actor, "collector")
    revoked = history.entry
    history.begin()
    history.grant(actor, "collector", scope=history.routine)

    def held(entry: int) -> list[tuple[str, str | None]]:
        (key,) = signing(history, entry, actor)
        return [(role.role, role.scope) for role in key.roles]

    assert held(granted) == []
    assert held(revoked) == [("collector", None)]
    assert held(revoked + 1) == []
    assert held(history.entry + 1) == [("collector", history.routine)]


def test_a_role_of_some_days_counts_on_those_days_only() -> None:
    history = History().open()
    actor = hired(history, 7)
    history.grant(actor, "reviewer", valid_from="2026-12-01", valid_to="2026-12-31")
    later_entry = history.entry + 1

    def held(day: str | None) -> int:
        (key,) = signing(history, later_entry, actor, day)
        return len(key.roles)

    days = ["2026-11-30", "2026-12-01", "2026-12-31", "2027-01-01", None]
    assert [held(day) for day in days] == [0, 1, 1, 0, 1]


def test_a_revoked_key_reported_later_as_compromised_keeps_its_first_end() -> None:
    history = History().open()
    actor = hired(history, 7)
    history.begin()
    history.revoke_key(actor, 7)
    ended = history.entry
    history.begin()
    history.compromise(actor, 7, "2026-11-21T09:05:00.000Z")
    history.begin()
    history.compromise(actor, 7, "2026-11-21T09:01:00.000Z")
    history.begin()
    history.compromise(actor, 7, "2026-11-21T09:03:00.000Z")

    assert conditions(history)[7] == ("compromised", 1, ended, "2026-11-21T09:01:00.000Z")
    (key,) = signing(history, ended, actor)
    assert key.suspected_since == "2026-11-21T09:01:00.000Z"


def test_a_compromised_key_signs_nothing_after_the_report() -> None:
    history = History().open()
    actor = hired(history, 7)
    history.begin()
    history.compromise(actor, 7, "2026-11-21T09:00:30.000Z")
    assert conditions(history)[7] == ("compromised", 1, 2, "2026-11-21T09:00:30.000Z")
    assert len(signing(history, 2, actor)) == 1
    assert signing(history, 3, actor) == []


def test_the_ledgers_own_key_is_rotated() -> None:
    history = History().open()
    history.begin()
    history.rotate(history.ledger, 1, 9)
    found = conditions(history)
    assert (found[1], found[9]) == (("rotated", 0, 1, None), ("active", 1, None, None))
    assert found[2] == ("active", 0, None, None), "the seal key is another one"


def test_a_key_of_the_same_id_but_another_holder_is_left_alone() -> None:
    history = History().open()
    first, second = hired(history, 7), hired(history, 8)
    history.begin()
    history.revoke_key(second, 7)
    assert conditions(history)[7][0] == "active"
    assert len(signing(history, history.entry + 1, first)) == 1


def test_public_keys_are_known_for_ever() -> None:
    history = History().open()
    actor = hired(history, 7)
    history.revoke_key(actor, 7)
    with tables(history) as connection:
        known = [public_key_enrolled(connection, f"{number:043d}") for number in (1, 3, 7, 8)]
    assert known == [True, True, True, False]


def test_a_voided_draft_is_known_by_its_commit_id() -> None:
    history = History().open()
    history.begin()
    history.void("0a" * 16)
    with tables(history) as connection:
        voider = history.recorded[-1].event.by
        assert commit_voided(connection, "0a" * 16, voider)
        assert not commit_voided(connection, "0b" * 16, voider)
        assert not commit_voided(connection, "0a" * 16, history.new("actor"))


@pytest.mark.parametrize("size", [1, 2, 50])
def test_a_grant_a_revocation_and_a_grant_in_one_batch(size: int) -> None:
    history = History().open()
    actor = hired(history, 7)
    for act in (history.grant, history.revoke_role, history.grant):
        history.begin()
        act(actor, "collector")
    with project(empty_tables(), history.recorded, *[size] * 50) as connection:
        granted = [
            (row["granted_entry"], row["revoked_entry"])
            for row in register(connection, roles)
            if row["actor"] == actor
        ]
    assert granted == [(2, 3), (4, None)]
