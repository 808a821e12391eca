"""`muniment where`, `who`, `why` at the desk."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from ledger import custody
from ledger.signing import Proposal
from tests.ledger.deals import Deal, accessing, deal_at, denied, granting
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


# -- where ------------------------------------------------------------------------------------


def test_where_names_every_copy_its_place_and_keeper(deal: Deal) -> None:
    record = deal.ready()
    paper = deal.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                      "--medium", "paper_copy")["holding"]  # fmt: skip
    deal.did("holding", "move", paper, "--departed", "2026-01-01T08:00Z", "--arrived",
             "2026-01-01T09:00Z", "--to", "五号柜")  # fmt: skip
    original, moved = deal.copies(record[-12:])
    assert original["original"] is True
    assert original["location"].endswith("/合同.txt")
    assert original["custodian_name"] == "洁净保洁"
    assert (moved["holding"], moved["location"], moved["original"]) == (paper, "五号柜", False)
    table = deal.did("where", record, "--lang", "zh")
    assert "五号柜" in table
    rows = list(csv.DictReader(io.StringIO(deal.did("where", record, "--format", "csv"))))
    assert [row["holding"] for row in rows] == [original["holding"], paper]


def test_where_leaves_places_sealed_without_the_passphrase(deal: Deal) -> None:
    record = deal.ready()
    result = deal.run("where", record, MUNIMENT_PASSPHRASE_FILE=None)
    assert result.exit_code == 0
    assert "合同" not in result.stdout
    assert "--ledger-passphrase-file" in result.stderr


def test_where_answers_for_a_past_state(deal: Deal) -> None:
    record = deal.ready()
    before = deal.json("status")["events"]
    paper = deal.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                      "--medium", "paper_copy")["holding"]  # fmt: skip
    there = deal.json("status")["events"]
    deal.did("holding", "lost", paper, "--discovered", "2026-02-01T08:00Z")
    assert len(deal.json("where", record, "--as-of", f"position:{before}")) == 1
    then = deal.json("where", record, "--as-of", f"position:{there}")[1]
    assert (then["condition"], then["location"]) == ("present", "三号柜")
    assert deal.copies(record)[1]["condition"] == "lost"
    assert deal.run("where", record, "--as-of", "position:1").exit_code == 2


def test_where_finds_backups_of_a_whole_table(deal: Deal) -> None:
    Path("客户.csv").write_text("name,phone\n甲,1\n乙,2\n", encoding="utf-8")
    deal.did("collect", "客户.csv", "--rows", "--category", "contract", "--basis",
             "pipl_13_2_contract", "--source", "店主", "--notice", "N-2")  # fmt: skip
    first, second = [row["record"] for row in deal.json("inventory")]
    table = deal.original(first)
    with deal.firm.open() as ledger:
        from domain.holding import HoldingCreated
        from ledger.signing import new_ids

        fields = {
            "custodian": deal.seller, "form": "database_rows", "medium": "disk_external",
            "size": 20, "items": 2, "encrypted": False, "made_from": table,
        }  # fmt: skip
        copy = Proposal(HoldingCreated, new_ids("holding")[0], fields, {"location": "保险柜"})
        ledger.act(ledger.acting(deal.founder), [copy])
    for record in (first, second):
        found = {c["holding"]: c["made_from"] for c in deal.copies(record)}
        assert found == {table: None, copy.stream: table}


# -- who --------------------------------------------------------------------------------------


def rows_of(deal: Deal, record: str, kind: str, *more: str) -> list[dict[str, object]]:
    return [row for row in deal.json("who", record, *more) if row["kind"] == kind]


def test_who_names_keepers_grants_accesses_and_refusals(deal: Deal) -> None:
    record = deal.ready()
    copy = deal.original(record)
    with deal.firm.open() as ledger:
        founder, zhou = ledger.acting(deal.founder), ledger.acting(deal.zhou)
        used, unused = granting(deal.zhou, record), granting(deal.wu, record)
        ledger.act(founder, [used])
        ledger.act(founder, [unused])
        ledger.act(zhou, [accessing(copy, record, used.stream)])
        ledger.act(ledger.acting(deal.qian), [denied(copy, record, "no_grant")])
    (keeper,) = rows_of(deal, record, "keeps")
    assert (keeper["party"], keeper["copies"]) == (deal.seller, 1)
    may = {row["grant"]: row for row in rows_of(deal, record, "may")}
    assert (may[used.stream]["used"], may[unused.stream]["used"]) == (1, 0)
    assert may[used.stream]["condition"] == "in_force"
    (access,) = rows_of(deal, record, "allowed")
    assert (access["actor"], access["reason"]) == (deal.zhou, "T-17")
    (refused,) = rows_of(deal, record, "denied")
    assert (refused["actor"], refused["rule"]) == (deal.qian, "no_grant")
    said = deal.did("who", record, "--lang", "en")
    assert "accessed" in said
    assert "Nobody accesses a record without a grant" in said
    assert deal.did("who", record, "--lang", "zh")


def test_who_knows_grants_that_are_over_not_begun_or_revoked(deal: Deal) -> None:
    record = deal.ready()
    with deal.firm.open() as ledger:
        founder = ledger.acting(deal.founder)
        ended = granting(deal.zhou, record, ends="2026-02-01T00:00:00.000Z")
        revoked = granting(deal.zhou, record)
        later = custody.grant_access(
            deal.wu, records=[], categories=["contract"], modes=["view"], purposes=["audit"],
            begins="2098-01-01T00:00:00.000Z", ends="2099-01-01T00:00:00.000Z",
        )  # fmt: skip
        for grant in (ended, revoked, later):
            ledger.act(founder, [grant])
        before = ledger.seen()[0]
        ledger.act(founder, [custody.revoke_access(ledger, revoked.stream, "role_ended")])
        at = ledger.events_of(revoked.stream)[0][0]
    assert before
    conditions = {row["grant"]: row["condition"] for row in rows_of(deal, record, "may")}
    assert conditions == {
        ended.stream: "over", revoked.stream: "revoked", later.stream: "not_begun",
    }  # fmt: skip
    then = rows_of(deal, record, "may", "--as-of", f"position:{at}")
    assert {row["grant"]: row["condition"] for row in then} == {
        ended.stream: "over", revoked.stream: "in_force",
    }  # fmt: skip


def test_who_counts_a_grant_of_a_category_only_while_the_record_is_in_it(deal: Deal) -> None:
    record = deal.ready()
    with deal.firm.open() as ledger:
        grant = custody.grant_access(
            deal.zhou, records=[], categories=["accounting"], modes=["view"], purposes=["audit"],
            begins="2026-01-01T00:00:00.000Z", ends="2099-01-01T00:00:00.000Z",
        )  # fmt: skip
        ledger.act(ledger.acting(deal.founder), [grant])
    at = deal.json("status")["events"]
    assert rows_of(deal, record, "may") == []
    deal.did("classify", record, "--category", "accounting", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    assert [row["grant"] for row in rows_of(deal, record, "may")] == [grant.stream]
    assert rows_of(deal, record, "may", "--as-of", f"position:{at}") == []


# -- why --------------------------------------------------------------------------------------


def test_why_says_what_unblocks_in_both_languages_and_ends_with_0(deal: Deal) -> None:
    record = deal.collect()
    english = deal.did("why", record, "archive", "--lang", "en")
    assert "I-18 verify_before_archive (not_reviewed)" in english
    assert "muniment --as OTHER review RECORD" in english
    assert deal.did("why", record, "archive", "--lang", "zh") != english
    rows = deal.json("why", record, "archive")
    assert {row["detail"] for row in rows} == {"not_classified", "no_retention", "not_reviewed"}
    assert all(row["sentence"] and row["remedy"] for row in rows)


def test_why_without_an_act_asks_about_all(deal: Deal) -> None:
    record = deal.ready()
    asked = {row["act"] for row in deal.json("why", record)}
    assert asked == {"access", "marketing", "archive", "destroy"}
    assert "hand over: nothing stands in the way" in deal.did("why", record, "--lang", "en")


def test_why_formats_are_the_same_rows_and_never_translated(deal: Deal) -> None:
    record = deal.collect()
    as_json = deal.json("why", record, "archive")
    text = deal.did("why", record, "archive", "--format", "csv", "--lang", "zh")
    as_csv = list(csv.DictReader(io.StringIO(text)))
    assert [row["sentence"] for row in as_csv] == [row["sentence"] for row in as_json]


def test_why_asks_for_the_person_who_asks(deal: Deal) -> None:
    record = deal.ready()
    with deal.firm.open() as ledger:
        ledger.act(ledger.acting(deal.founder), [granting(deal.zhou, record)])
    assert deal.json("why", record, "access", "--as", deal.zhou) == []
    (blocked,) = deal.json("why", record, "access", "--as", deal.zhou, "--mode", "export")
    assert blocked["detail"] == "grant_does_not_cover_mode"
    (blocked,) = deal.json("why", record, "marketing", "--as", deal.zhou)
    assert blocked["detail"] == "grant_does_not_cover_purpose"
    (blocked,) = deal.json("why", record, "access", "--as", deal.qian)
    assert blocked["detail"] == "no_grant"
    assert "not_the_actors_party" in {
        row["detail"] for row in deal.json("why", record, "access", "--as", deal.he)
    }


def test_a_statute_that_orders_deletion_breaks_retention_but_no_hold(deal: Deal) -> None:
    record = deal.ready()
    assert deal.json("why", record, "destroy")[0]["detail"] == "minimum_period_runs"
    ordered = ["why", record, "destroy", "--ground", "statute_orders_deletion"]
    assert deal.json(*ordered) == []
    deal.did("hold", "place", "--record", record, "--reason", "litigation",
             "--authority", "律师函")  # fmt: skip
    assert [row["detail"] for row in deal.json(*ordered)] == ["hold_in_force"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["where", "ffffffff"],
        ["where", "张三"],
        ["where"],
        ["who", "ffffffff"],
        ["who", "RECORD", "--as-of", "yesterday"],
        ["why", "RECORD", "publish"],
        ["why", "RECORD", "access", "--purpose", "nonsense"],
        ["why", "RECORD", "destroy", "--copy", "ffffffff"],
        ["why", "RECORD", "--as", "ffffffff"],
    ],
)
def test_bad_input_is_a_usage_error(deal: Deal, wrong: list[str]) -> None:
    record = deal.collect()
    for lang in ("zh", "en"):
        arguments = [record if part == "RECORD" else part for part in wrong]
        result = deal.run(*arguments, "--lang", lang)
        assert result.exit_code == 2, (result.stdout, result.stderr)
        assert "张三" not in result.stderr
