"""Scenario 14: a redacted bundle verifies; a field opened with a wrong seed fails.

A court needs the title of one contract, and not that it was reclassified for a trade secret. The
title is opened, the event withheld; another person agrees, and the file goes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.bundle.order import canonical_json
from ledger.offline.bag import Bag
from tests.corpus.sealing import BOOK, PLACES
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm, add_person
from tests.stories.court import (
    Court,
    answers,
    codes,
    found,
    script_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.verifiers.browserscript import BrowserScript

COURT = ("--purpose", "dispute", "--recipient", "court", "--name", "某区人民法院",
         "--jurisdiction", "cn")  # fmt: skip
SPAN = ("--from", "2026-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z")
OPENINGS, ATTACHED = "data/30_附件/openings.json", "data/30_附件/attachments.json"
TITLE, SECRET = "合同.txt", "trade_secret"


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def record(deal: Deal) -> str:
    """A contract that Zhou may export for a dispute."""
    deal.did("role", "grant", deal.zhou, "custodian")
    record = deal.collect()
    deal.classify(record)
    deal.did("access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "export",
             "--purpose", "dispute", *SPAN)  # fmt: skip
    return record


@pytest.fixture
def court(deal: Deal, script: BrowserScript | None) -> Court:
    return Court(deal, script)


@pytest.fixture
def bag(court: Court, deal: Deal, record: str) -> Bag:
    """Requested, approved by somebody else, exported."""
    asked = deal.json("evidence", "request", "--record", record, *COURT,
                      "--open", f"{record}/1:title", "--withhold", f"{record}/2={SECRET}",
                      "--as", deal.zhou)  # fmt: skip
    with deal.firm.open() as ledger:
        admin = ledger.acting(deal.firm.founded.actor)
        dpo = add_person(ledger, admin, deal.seller, ["dpo"]).actor
    deal.did("evidence", "approve", asked["bundle"], "--yes", "--as", dpo)
    return court.evidence(asked["bundle"], by=deal.zhou)


def opened(bag: Bag, **other: str) -> bytes:
    """openings.json with parts of the one field changed."""
    rows = json.loads(bag.files[OPENINGS])
    ((field,),) = [row["fields"] for row in rows]
    field.update(other)
    return canonical_json(rows)


def test_what_was_opened_and_what_was_withheld_is_verified(
    court: Court, bag: Bag, record: str
) -> None:
    report = court.judged(bag)
    assert (report["verdict"], report["findings"]) == ("valid", [])
    assert answers(report)["disclosed"] == "holds"
    assert answers(report)["streams_unbroken"] == "undecided", "what is withheld is not looked into"
    (row,) = [row for row in report["events"] if "redacted" in row]
    assert (row["event"], row["redacted"]) == (f"{record}/2", SECRET)
    assert not {"type", "by", "at"} & row.keys(), "nothing is said of it but where it stands"


def test_nothing_of_the_withheld_event_or_of_other_fields_is_in_the_file(
    bag: Bag, record: str
) -> None:
    assert json.loads(bag.files[ATTACHED]) == []
    told = [json.loads(line) for line in bag.files[f"{BOOK}/events.jsonl"].splitlines()]
    assert f"{record}/2" not in {f"{event['stream']}/{event['version']}" for event in told}
    everything = b"".join(bag.files.values())
    for secret in ("张三", "甲方"):  # the source of the contract, and what stands in it
        assert secret.encode() not in everything
        assert json.dumps(secret)[1:-1].encode() not in everything


def test_a_field_opened_with_a_wrong_seed_fails(court: Court, bag: Bag, record: str) -> None:
    ((field,),) = [row["fields"] for row in json.loads(bag.files[OPENINGS])]
    assert field["value"] == TITLE
    wrong = ("0" if field["r"][0] != "0" else "1") + field["r"][1:]
    report = court.judged(bag, court.repacked(bag, {OPENINGS: opened(bag, r=wrong)}))
    assert [one["event"] for one in found(report, "opening_differs")] == [f"{record}/1"]
    assert answers(report)["disclosed"] == "fails"
    assert report["verdict"] == "invalid"


def test_a_field_opened_to_another_text_fails(court: Court, bag: Bag) -> None:
    for value in ("另一份合同.txt", TITLE + " ", TITLE.replace("合", "\u202e合"), ""):
        report = court.judged(bag, court.repacked(bag, {OPENINGS: opened(bag, value=value)}))
        assert "opening_differs" in codes(report), value


def test_a_field_opened_under_another_name_fails(court: Court, bag: Bag) -> None:
    report = court.judged(bag, court.repacked(bag, {OPENINGS: opened(bag, path="source")}))
    assert {"opening_differs", "selection_differs"} <= set(codes(report))


def test_a_withheld_event_cannot_be_another_than_was_signed(court: Court, bag: Bag) -> None:
    places = json.loads(bag.files[PLACES])
    hidden = next(place for place in places if "leaf" in place)
    hidden["leaf"] = "ab" * 32
    report = court.judged(bag, court.repacked(bag, {PLACES: canonical_json(places)}))
    assert [one["event"] for one in found(report, "event_not_in_commit")] == [hidden["event"]]


def test_nobody_withholds_more_than_was_recorded(court: Court, bag: Bag) -> None:
    """The export's event says what goes; whoever leaves out the opened field is found."""
    report = court.judged(bag, court.repacked(bag, {OPENINGS: b"[]\n"}))
    assert "selection_differs" in codes(report)
    assert report["verdict"] == "invalid"
