"""An act that a modified client signed and recorded past its rules: genuine, and not permitted.

The bytes are what was signed, so verification has nothing to say; the replay says which rule did
not permit it, where it stands, and what blocked it. It says nothing of the acts around it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.access import RecordAccessed
from domain.keycopy import KeyCopyRegistered
from ledger import acts, custody
from ledger.effects.destroying import copies_of
from ledger.facts import LedgerFacts
from ledger.signing import Proposal, new_ids, now
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    ordered_hold,
    site_fixture,  # noqa: F401
)
from tests.ledger.replayed import audited, modified_client, not_permitted

Attack = Callable[[Site, Path], tuple[str, list[Proposal]]]


def look(record: str, copy: str, **fields: Any) -> Proposal:
    about = {"holding": copy, "mode": "view", "purpose": "audit", "outcome": "allowed"}
    return Proposal(RecordAccessed, record, {**about, **fields})


def held_is_proposed(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe(home)
    site.ledger.act(site.wang, ordered_hold(record))
    items = copies_of(site.ledger, [record])
    return "wang", custody.propose_destruction(
        items, "retention_expired", "clear", "overwrite", "期满"
    )


def unripe_is_proposed(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe(home)
    site.ledger.act(site.wang, [acts.assign_retention(site.ledger, record, "contract_ended",
                                                      "2026-01-31")])  # fmt: skip
    items = copies_of(site.ledger, [record])
    return "wang", custody.propose_destruction(
        items, "retention_expired", "clear", "overwrite", "期满"
    )


def one_person_approves_twice(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    case = site.proposed(copies_of(site.ledger, site.ripe(home)))
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", "可销")])
    site.ledger.act(site.person("li"), [custody.approve(site.ledger, case, None)])
    return "li", [custody.approve(site.ledger, case, None)]


def the_collector_reviews(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe(home)
    return "wang", [acts.review(record, ["accuracy"], "pass")]


def seen_without_a_grant(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe(home)
    return "luo", [look(record, site.copy(record))]


def seen_after_destruction(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe_in_vault(home)
    copy = site.copy(record)
    case = site.approved(copies_of(site.ledger, [record]))
    site.execute(case)
    site.verify(case)
    site.certify(case)
    return "luo", [look(record, copy)]


def used_while_restricted(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe(home)
    said = [custody.restrict(record, "objection", None, None)]
    site.ledger.act(site.person("zhao"), said)
    return "luo", [look(record, site.copy(record), purpose="service_delivery")]


def one_person_lowers_a_level(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe(home)
    return "luo", [acts.classify(site.ledger, record, {
        "categories": ["contract"], "level": "general_1", "sensitivity": "general_pi",
        "profile": "cn_strict",
    })]  # fmt: skip


def a_restricted_records_key_goes_into_escrow(site: Site, home: Path) -> tuple[str, list[Proposal]]:
    (record,) = site.ripe_in_vault(home)
    with site.ledger.engine.connect() as connection:
        keys = LedgerFacts(connection).keys(copies_of(site.ledger, [record])[-1]).copy
    site.ledger.act(site.wang, [custody.restrict(record, "objection", None, None)])
    own, copy = site.ledger.keystore.new_keys(1)[0][0], new_ids("keycopy")[0]
    fields = {
        "kind": "escrow", "medium": "usb_flash", "custodian": site.wang.state.party,
        "made_at": now(), "keys": sorted(keys), "count": len(keys),
    }  # fmt: skip
    return "wang", [Proposal(KeyCopyRegistered, copy, fields, {"location": "/media/u"}, own)]


ATTACKS: dict[Attack, tuple[str, str | None]] = {
    held_is_proposed: ("I-28", None),
    unripe_is_proposed: ("I-26", None),
    one_person_approves_twice: ("I-27", None),
    the_collector_reviews: ("I-07", "verifier_is_collector"),
    seen_without_a_grant: ("I-15", "no_grant"),
    seen_after_destruction: ("I-03", None),
    used_while_restricted: ("I-33", "record_is_restricted"),
    one_person_lowers_a_level: ("I-07", "downgrade_needs_second_person"),
    a_restricted_records_key_goes_into_escrow: ("I-33", "record_is_restricted"),
}


SLOW = {
    seen_after_destruction,
    unripe_is_proposed,
    one_person_lowers_a_level,
    the_collector_reviews,
}


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(attack, id=attack.__name__, marks=[pytest.mark.slow] if attack in SLOW else [])
        for attack in ATTACKS
    ],
)
def test_what_a_modified_client_records_is_found(
    attack: Attack, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, detail = ATTACKS[attack]
    who, said = attack(site, tmp_path / "合同")
    assert not_permitted(audited(site.ledger.folder)) == []
    with modified_client(monkeypatch):
        done = site.ledger.act(site.wang if who == "wang" else site.person(who), said)
    site.ledger.act(site.wang, ordered_hold(*_somebody(site, tmp_path)))  # life goes on
    found = audited(site.ledger.folder)
    assert found.verdict == "valid", "the bytes are what was signed"
    heard = not_permitted(found)
    assert (rule, done.first) in {(r, p) for r, d, p in heard if d == (detail or d)}, heard
    assert {position for _, _, position in heard} == {done.first}, "no other act is accused"
    (one, *_) = [one for one in found.findings if (one.rule, one.chapter) == (rule, "permitted")]
    assert done.events[0].id in one.evidence
    assert found.law[rule], "with the law behind it"
    assert found.projections.equal, "the ledger stands by what it recorded"
    assert found.exit_code == 3


def _somebody(site: Site, home: Path) -> list[str]:
    return site.ripe(home / "另一份")


def test_a_revoked_key_signs_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    luo = site.person("luo")
    (record,) = site.ripe(tmp_path / "合同")
    key = next(k for k in luo.state.keys.values() if k.key.purpose == "act")
    site.ledger.act(site.wang, [acts.revoke_key(luo.actor, key.key.id, "role_ended")])
    with modified_client(monkeypatch):
        done = site.ledger.act(luo, [acts.review(record, ["accuracy"], "pass")])
    found = audited(site.ledger.folder)
    assert not_permitted(found) == [("I-01", "key_revoked", done.first)]
    assert [one.code for one in found.findings if one.chapter == "genuine"], "verification says so"


def test_one_forbidden_event_does_not_hide_the_next_one_of_its_commit(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = site.ripe(tmp_path / "合同", 2)
    said = [acts.review(one, ["accuracy"], "pass"), look(other, site.copy(other))]
    with modified_client(monkeypatch):
        done = site.ledger.act(site.wang, said)
    heard = not_permitted(audited(site.ledger.folder))
    assert ("I-07", "verifier_is_collector", done.first) in heard
    assert ("I-15", "no_grant", done.first + 1) in heard


def test_what_stands_on_a_forbidden_act_is_judged_as_it_was(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forbidden approval counts, as the ledger counted it: what followed from it is permitted."""
    case = site.proposed(copies_of(site.ledger, site.ripe_in_vault(tmp_path / "合同")))
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", "可销")])
    site.ledger.act(site.person("li"), [custody.approve(site.ledger, case, None)])
    with modified_client(monkeypatch):
        done = site.ledger.act(site.wang, [custody.approve(site.ledger, case, None)])
    site.execute(case)
    heard = not_permitted(audited(site.ledger.folder))
    assert {position for _, _, position in heard} == {done.first}


def test_nothing_of_the_live_tables_is_believed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keeper who writes a grant into the tables has still shown content to somebody without."""
    (record,) = site.ripe(tmp_path / "合同")
    copy = site.copy(record)
    with modified_client(monkeypatch):
        done = site.ledger.act(site.person("luo"), [look(record, copy)])
        site.ledger.log.writer.exec_driver_sql("UPDATE accesses SET outcome = 'denied'")
        site.ledger.log.writer.exec_driver_sql("UPDATE inventory SET state = 'destroyed'")
    found = audited(site.ledger.folder)
    assert ("I-15", "no_grant", done.first) in not_permitted(found)
    assert found.projections.equal is False
    tables = {one.detail for one in found.findings if one.code == "projection_differs"}
    assert {"accesses", "inventory"} <= tables
