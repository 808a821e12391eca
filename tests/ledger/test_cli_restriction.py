"""`muniment restriction` and `digitize` at the desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.deals import LONG_AGO, Deal, deal_at
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def details(deal: Deal, record: str, act: str, *more: str) -> list[str]:
    return [row["detail"] for row in deal.json("why", record, act, *more)]


# -- restriction ------------------------------------------------------------------------------


def test_a_restricted_record_is_neither_handed_over_nor_used_for_marketing(deal: Deal) -> None:
    record = deal.ready()
    deal.did("restriction", "place", record, "--reason", "objection", "--review-on", "2027-01-31",
             "--remark", "客户来函")  # fmt: skip
    assert "record_is_restricted" in details(deal, record, "handover")
    assert "record_is_restricted" in details(deal, record, "marketing")
    assert "record_is_restricted" not in details(deal, record, "access", "--purpose", "audit")
    said = deal.error("restriction", "place", record, "--reason", "objection", code=13)
    assert said["refusals"][0]["detail"] == "already_restricted"


def test_a_restriction_is_lifted_by_two_persons(deal: Deal) -> None:
    record = deal.ready()
    deal.did("restriction", "place", record, "--reason", "accuracy_disputed")
    said = deal.error("restriction", "lift", record, code=13)
    assert said["refusals"][0]["detail"] == "lifting_needs_second_person"
    deal.jointly("restriction", "lift", record, "--remark", "已核实", author=deal.founder,
                 others=[(deal.reviewer, "approver")])  # fmt: skip
    assert details(deal, record, "handover") == []
    assert deal.run("restriction", "lift", record).exit_code == 2


def test_several_records_are_restricted_in_one_commit(deal: Deal) -> None:
    records = [deal.collect(f"{name}.txt", name) for name in "甲乙"]
    receipt = deal.json("restriction", "place", *records, "--reason", "consent_withdrawn")
    assert [event["type"] for event in receipt["events"]] == ["record.processing_restricted"] * 2


# -- the end of a purpose -----------------------------------------------------------------------


def test_an_ended_purpose_needs_a_new_one_with_its_basis_and_two_persons(deal: Deal) -> None:
    record = deal.ready()
    deal.did("restriction", "end-purpose", record, "--reason", "purpose_achieved")
    assert "record_is_restricted" in details(deal, record, "handover")
    said = deal.error("restriction", "lift", record, code=2)
    assert "--basis" in said["remedy"]
    anew = ["restriction", "lift", record, "--basis", "pipl_13_2_contract", "--purpose", "续约"]
    said = deal.error(*anew, code=13)
    assert said["refusals"][0]["detail"] == "lifting_needs_second_person"
    deal.jointly(*anew, author=deal.founder, others=[(deal.reviewer, "approver")])
    assert details(deal, record, "handover") == []
    (row,) = deal.json("inventory")
    assert (row["restricted"], row["purpose_ended"]) == (False, None)
    lifted = deal.json("history", record)[-1]
    assert (lifted["details"]["basis"], lifted["sealed"]) == (
        "pipl_13_2_contract", {"purpose": "续约"},
    )  # fmt: skip


def test_a_restriction_that_was_placed_is_not_lifted_with_a_basis(deal: Deal) -> None:
    record = deal.ready()
    deal.did("restriction", "place", record, "--reason", "objection")
    assert deal.run("restriction", "lift", record, "--basis", "pipl_13_2_contract", "--purpose",
                    "续约").exit_code == 2  # fmt: skip


def test_the_purpose_of_a_whole_table_ends_in_commits_and_is_taken_up_again(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("客户.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(7)), encoding="utf-8")
    deal.did("collect", "客户.csv", "--rows", "--category", "contract", "--basis",
             "pipl_13_2_contract", "--source", "店主", "--notice", "N-2")  # fmt: skip
    rows = [row["record"] for row in deal.json("inventory")]
    deal.did("restriction", "end-purpose", rows[2], "--reason", "service_ended")
    monkeypatch.setattr("ledger.cli.restriction._A_COMMIT", 4)
    ended = ["restriction", "end-purpose", "--copy", deal.original(rows[0]), "--reason",
             "service_ended", "--on", "2026-11-01"]  # fmt: skip
    assert deal.json(*ended)["records"] == 6
    assert {row["restricted"] for row in deal.json("inventory")} == {True}
    assert deal.run(*ended).exit_code == 2, "nothing is left to end"


# -- digitising -------------------------------------------------------------------------------


def on_paper(deal: Deal) -> tuple[str, str]:
    """A record whose period is over, and a paper copy of it."""
    record = deal.ready(day=LONG_AGO)
    paper = deal.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                      "--medium", "paper_copy")["holding"]  # fmt: skip
    return record, paper


def scan(deal: Deal, record: str, paper: str, *more: str) -> list[str]:
    Path("扫描.pdf").write_bytes(b"%PDF-1.7 scanned")
    return ["digitize", record, "--paper", paper, "--file", "扫描.pdf", "--resolution", "300",
            "--result", "pass", "--device", "ScanStar 7", *more]  # fmt: skip


def test_a_scan_is_registered_and_recorded_in_one_commit(deal: Deal) -> None:
    record, paper = on_paper(deal)
    made = deal.json(*scan(deal, record, paper))
    assert [event["type"] for event in made["events"]] == ["holding.created", "record.digitized"]
    copy = next(c for c in deal.copies(record) if c["holding"] == made["holding"])
    assert (copy["made_from"], copy["form"], copy["original"]) == (paper, "digitized", False)
    assert copy["location"].endswith("扫描.pdf")
    digitised = next(e for e in deal.json("history", record) if e["type"] == "record.digitized")
    assert digitised["details"]["resolution"] == 300
    assert digitised["sealed"] == {"device": "ScanStar 7"}


def test_the_paper_stays_until_somebody_else_has_reviewed_the_scan(deal: Deal) -> None:
    record, paper = on_paper(deal)
    alone = [c["holding"] for c in deal.copies(record) if c["holding"] != paper]
    only = [part for copy in (paper, *alone) for part in ("--copy", copy)]
    assert details(deal, record, "destroy", "--copy", paper) == [], "its period is over"
    deal.did(*scan(deal, record, paper))
    assert details(deal, record, "destroy", "--copy", paper) == ["digital_copy_not_reviewed"]
    assert details(deal, record, "destroy", *only) == ["digital_copy_not_reviewed"]
    said = deal.error("review", record, code=13)
    assert {"role_does_not_permit", "verifier_is_collector"} <= {
        refusal["detail"] for refusal in said["refusals"]
    }
    deal.did("review", record, "--as", deal.reviewer)
    assert details(deal, record, "destroy", "--copy", paper) == []


def test_only_paper_is_digitised(deal: Deal) -> None:
    record = deal.ready()
    said = deal.error(*scan(deal, record, deal.original(record)), code=13)
    assert said["refusals"][0]["detail"] == "original_is_not_paper"
    assert len(deal.copies(record)) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (["restriction", "place", "RECORD"], 2),
        (["restriction", "place", "RECORD", "--reason", "nonsense"], 2),
        (["restriction", "place", "--reason", "objection"], 2),
        (["restriction", "place", "RECORD", "--reason", "objection", "--review-on", "2026-02-30"],
         2),
        (["restriction", "lift", "ffffffff"], 2),
        (["restriction", "lift", "RECORD"], 2),
        (["digitize", "RECORD", "--paper", "PAPER", "--file", "张三.pdf", "--resolution", "300",
          "--result", "pass"], 1),
        (["digitize", "RECORD", "--paper", "PAPER", "--file", "合同.txt", "--resolution", "0",
          "--result", "pass"], 2),
        (["digitize", "RECORD", "--paper", "PAPER", "--file", "合同.txt", "--resolution", "300",
          "--result", "maybe"], 2),
        (["digitize", "RECORD", "--paper", "ffffffff", "--file", "合同.txt", "--resolution", "300",
          "--result", "pass"], 2),
    ],
)  # fmt: skip
def test_bad_input_records_nothing(deal: Deal, wrong: list[str], code: int) -> None:
    record, paper = on_paper(deal)
    entries = deal.json("status")["entries"]
    names = {"RECORD": record, "PAPER": paper}
    for lang in ("zh", "en"):
        result = deal.run(*(names.get(part, part) for part in wrong), "--lang", lang)
        assert result.exit_code == code, (result.stdout, result.stderr)
        assert "张三" not in result.stderr
    assert deal.json("status")["entries"] == entries
