"""Scenario 17: a court abroad asks for the records of a customer in China.

Nothing goes to it without the approval of the authority (PIPL 41, DSL 36): not with a jurisdiction
that is told, not to a party that is registered abroad, not under a lawyer's opinion or an approval
that is over, and not by a request that was made while one was in force. With the approval it goes,
and whoever gets it can see under which one.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ledger.rebuild import check
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

ASKED = ("--purpose", "dispute", "--recipient", "court")


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def attached(deal: Deal, kind: str, *more: str) -> str:
    """A paper that somebody gave the firm."""
    file = deal.home / f"{kind}.pdf"
    file.write_bytes(b"%PDF-1.7 " + kind.encode())
    said = deal.json("document", "attach", str(file), "--kind", kind, "--title", "批复", *more)
    return str(said["document"])


def exports(deal: Deal, record: str, *more: str) -> Any:
    out = deal.home / "证据.zip"
    out.unlink(missing_ok=True)
    result = deal.run("evidence", "export", "--record", record, *ASKED, *more, "--out", str(out),
                      "--without-documents", "--json")  # fmt: skip
    assert out.exists() == (result.exit_code == 0)
    return result


def test_nothing_goes_to_a_court_abroad_without_the_authoritys_approval(deal: Deal) -> None:
    record = deal.collect()
    abroad = ("--jurisdiction", "other")
    for more in (abroad, (*abroad, "--approval", attached(deal, "legal_opinion"))):
        result = exports(deal, record, *more)
        assert result.exit_code == 13
        assert "foreign_recipient_needs_approval" in result.stderr
    old = attached(deal, "foreign_approval", "--from", "2025-01-01", "--to", "2025-12-31")
    result = exports(deal, record, *abroad, "--approval", old)
    assert "foreign_approval_not_in_force" in result.stderr
    assert deal.json("evidence", "list") == []

    granted = attached(deal, "foreign_approval")
    assert exports(deal, record, *abroad, "--approval", granted).exit_code == 0
    (row,) = deal.json("evidence", "list")
    assert (row["jurisdiction"], row["approval"]) == ("other", granted)
    with zipfile.ZipFile(deal.home / "证据.zip") as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("events.jsonl")]
        events = [json.loads(line) for line in archive.read(name).splitlines()]
    (asked,) = [event for event in events if event["type"] == "bundle.requested"]
    assert (asked["jurisdiction"], asked["approval"]) == ("other", granted)
    with deal.firm.open() as ledger, ledger.engine.connect() as connection:
        assert check(connection) == []


def test_a_refusal_says_which_law_and_what_would_do(deal: Deal) -> None:
    record = deal.collect()
    out = str(deal.home / "out.zip")
    for language, words in (("zh", ("个保法41条", "foreign_approval")),
                            ("en", ("PIPL 41", "foreign_approval"))):  # fmt: skip
        result = deal.run("evidence", "export", "--record", record, *ASKED, "--jurisdiction", "eu",
                          "--out", out, "--lang", language)  # fmt: skip
        assert result.exit_code == 13
        assert "I-25" in result.stderr
        assert all(word in result.stderr for word in words)


def test_a_party_abroad_is_abroad_whatever_the_request_says(deal: Deal) -> None:
    record = deal.collect()
    party = deal.json("party", "register", "--name", "Acme Inc.", "--identifier", "X-1",
                      "--jurisdiction", "other", "--party-role", "buyer")["party"]  # fmt: skip
    result = exports(deal, record, "--party", party, "--jurisdiction", "cn")
    assert result.exit_code == 13
    assert "foreign_recipient_needs_approval" in result.stderr
