"""Scenario 05: somebody wants a voucher deleted that the law keeps for thirty years.

It is not deleted, and it is not used either: the request is refused with reasons and the rule that
stands in the way (PIPL 50), and what remains is storage and protection (PIPL 47).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.record import RecordState
from ledger import acts, custody, requests
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.errors import RefusedError
from tests.ledger.crews import (
    AXES,
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.tampering import check

RULE = "accounting-books"


def a_voucher(site: Site, folder: Path) -> str:
    """A payment voucher of last year, with a copy in the vault: kept until the year 2056."""
    (record,) = site.ripe_in_vault(folder)
    axes = {**AXES, "categories": ["accounting"]}
    site.ledger.act(site.wang, [acts.classify(site.ledger, record, axes, "会计凭证")])
    said = acts.assign_retention(site.ledger, record, "fiscal_year_end", "2025-12-31")
    assert said.fields["min_until"] > "2055"
    site.ledger.act(site.wang, [said])
    return record


def asked(site: Site, record: str) -> str:
    """王小明 wants it deleted, and showed who he is."""
    said = requests.receive(
        site.ledger, "delete", subject=None, channel="in_person", received_at=None,
        records=[record],
    )  # fmt: skip
    site.ledger.act(site.wang, said)
    who = requests.identify(site.ledger, said[0].stream, "document_seen", "pass", None)
    site.ledger.act(site.person("zhao"), [who])
    return said[0].stream


def deciding(site: Site, request: str, decision: str, rules: list[str], why: str | None) -> None:
    said = requests.decide(
        site.ledger, request, decision, rules=rules, notified_at=None, reasons=why
    )
    site.ledger.act(site.person("zhao"), [said])


def test_the_request_is_refused_with_reasons_and_the_voucher_is_only_kept(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        record = a_voucher(site, tmp_path / "凭证")
        request = asked(site, record)
        for ground in ("purpose_achieved", "retention_expired"):
            with pytest.raises(RefusedError, match=r"I-26 .*minimum_period_runs"):
                site.proposed(copies_of(site.ledger, [record]), ground)
        with pytest.raises(RefusedError, match="refusal_needs_reasons"):
            deciding(site, request, "refuse", [RULE], None)
        with pytest.raises(RefusedError, match="no_such_rule"):
            deciding(site, request, "refuse", ["because.we.say.so"], "就是不删")
        deciding(site, request, "refuse", [RULE], "会计凭证须保管三十年, 期满后销毁")
        said = custody.restrict(record, "statutory_retention", None, "个人要求删除")
        site.ledger.act(site.wang, [said])
        site.ledger.act(site.person("zhao"), [
            requests.close(site.ledger, request, "completed", None)
        ])  # fmt: skip
        state = site.ledger.state(record)
        assert isinstance(state, RecordState)
        assert state.restricted
        places = [place_of(site.ledger, item) for item in copies_of(site.ledger, [record])]
        assert {bool(place.object) for place in places} == {False, True}, "file and object stay"
        assert {site.ledger.keystore.state(p.key) for p in places if p.object} == {"present"}
    assert check(crew.firm).findings == ()


def test_what_is_only_kept_does_not_go_to_the_buyer(crew: Crew, tmp_path: Path) -> None:
    """Restricted is storage, protection, audit, legal duty and dispute, and nothing else (I-33)."""
    with crew.open() as site:
        record = a_voucher(site, tmp_path / "凭证")
        said = custody.restrict(record, "statutory_retention", None, None)
        site.ledger.act(site.wang, [said])
        with site.asking() as asked_of:
            refusals = asked_of.against_handover([site.copy(record)])
        assert "record_is_restricted" in {refusal.detail for refusal in refusals}


def test_when_the_years_are_over_the_request_has_its_way(crew: Crew, tmp_path: Path) -> None:
    """The same voucher of a year long gone: nothing keeps it, and it goes, keys and all."""
    with crew.open() as site:
        (record,) = site.ripe_in_vault(tmp_path / "凭证")
        request = asked(site, record)
        deciding(site, request, "fulfil", [], None)
        case = site.approved(copies_of(site.ledger, [record]), "purpose_achieved")
        done = site.execute(case)
        site.verify(case)
        site.certify(case)
        certified = site.ledger.events_of(case)[-1][2].id
        said = requests.fulfil(site.ledger, request, [certified], delivered=None, remark=None)
        site.ledger.act(site.person("zhao"), said)
        assert {site.ledger.keystore.state(key) for key in done.keys} == {"erased"}
