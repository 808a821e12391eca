"""A list longer than one event that may not go: every reason is named and counted, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

ROWS = 230
"""More than one event of a list names."""


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def collected(deal: Deal) -> list[str]:
    """A table of customers, a record a row, in the order of its rows."""
    rows = "".join(f"{number},保洁合同{number}\n" for number in range(ROWS))
    file = deal.home / "客户.csv"
    file.write_text(f"编号,名称\n{rows}", encoding="utf-8")
    deal.did("collect", str(file), "--rows", "--shared-key", "--category", "contract", "--basis",
             "pipl_13_2_contract", "--source", "店主", "--notice", "N-1")  # fmt: skip
    found = {row["row"]: row["record"] for row in deal.json("inventory") if row["row"]}
    return [found[number] for number in sorted(found)]


def test_reasons_beyond_the_first_event_are_named_and_all_are_counted(deal: Deal) -> None:
    records = collected(deal)
    deal.did("classify", *records[:-3], "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    deal.did("retention", "assign", *records, "--trigger", "contract_ended", "--date",
             "2026-01-31")  # fmt: skip
    told = records[:-20]
    for at in range(0, len(told), 100):
        deal.introduce(*told[at : at + 100])
    deal.did("restriction", "place", records[-30], "--reason", "objection")
    freeze = ("handover", "freeze", deal.planned(), "--all", "--packaged", "--as", deal.qian)
    refusals = deal.error(*freeze, code=13)["refusals"]
    counts = {refusal["detail"]: refusal["count"] for refusal in refusals}
    assert counts == {"not_classified": 3, "record_is_restricted": 1, "subjects_unknown": 20}
    assert all(len(refusal["blocking"]) <= 8 for refusal in refusals)
    (restricted,) = (r["blocking"] for r in refusals if r["detail"] == "record_is_restricted")
    assert restricted == [records[-30]]
    said = deal.run(*freeze)
    assert "(20)" in said.stderr, "how many there are, where not all are named"
    made = deal.json(*freeze, "--skip-blocked")
    assert made["items"] == ROWS - 21
