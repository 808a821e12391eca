"""The list: its lines and their root, what goes on it, what is left out, who can make it again."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from domain.listing import list_root
from ledger.errors import EncodingError
from ledger.handoverlist import Line, lines_root, parse_line, salt
from ledger.signing import new_ids
from tests.ledger.delivering import TABLE, Delivery, deal_fixture  # noqa: F401  a fixture
from tests.ledger.parcels import SEED, made_lines

# -- a line --------------------------------------------------------------------------------------


def a_line() -> Line:
    (line,) = made_lines([b"x"])
    return line


def test_a_line_is_read_as_it_was_written() -> None:
    line = a_line()
    assert parse_line(line.format()) == line
    assert "合同" not in repr(line)


@pytest.mark.parametrize(
    "spell",
    [
        lambda raw: raw + b"\n",
        lambda raw: b" " + raw,
        lambda raw: raw.replace(b":", b": ", 1),
        lambda raw: raw.replace(b'"seq":1', b'"seq":1.0'),
        lambda raw: raw.replace(b'"seq":1', b'"seq":0'),
        lambda raw: raw.replace(b'"seq":1', b'"seq":1,"seq":1'),
        lambda raw: raw.replace(b'"seq":1', b'"seq":1,"zzz":1'),
        lambda raw: raw.replace("合同".encode(), b"\\u5408\\u540c"),
        lambda raw: raw.replace(b'"digest":"', b'"digest":"A'),
        lambda raw: raw.replace(b"record-", b"record_"),
        lambda _: b"[]",
        lambda _: b"",
        lambda _: b"\xff",
        lambda _: b"[" * 60_000,
        lambda raw: raw.replace("合同".encode(), b"x" * 70_000),
    ],
)
def test_no_other_spelling_is_a_line(spell: object) -> None:
    raw = a_line().format()
    changed = spell(raw)  # type: ignore[operator]
    assert changed != raw
    with pytest.raises(EncodingError) as caught:
        parse_line(changed)
    assert "合同" not in str(caught.value)


def test_every_changed_byte_changes_the_root_or_is_no_line() -> None:
    raws = [line.format() for line in made_lines([b"1", b"2", b"3"])]
    root = lines_root(raws)
    for at in range(len(raws[1])):
        changed = raws[1][:at] + bytes([raws[1][at] ^ 1]) + raws[1][at + 1 :]
        assert lines_root([raws[0], changed, raws[2]]) != root
    assert lines_root(raws[::-1]) != root
    assert lines_root(raws[:2]) != root


def test_equal_lines_of_two_lists_have_nothing_in_common() -> None:
    item = new_ids("record")[0]
    assert salt(SEED, item) != salt(SEED[::-1], item)
    assert salt(SEED, item) != salt(SEED, new_ids("record")[0])
    with pytest.raises(ValueError, match="32 bytes"):
        salt(b"short", item)


def test_a_title_too_long_for_a_line_is_refused() -> None:
    with pytest.raises(EncodingError):
        msgspec.structs.replace(a_line(), title="长" * 30_000).format()


# -- what a line says ----------------------------------------------------------------------------


def lines_of(deal: Delivery, handover: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = deal.json("handover", "lines", handover)
    return found


def test_a_line_has_what_order_79_asks_for(deal: Delivery) -> None:
    record = deal.ready("保洁合同.txt", day="2025-01-31")
    deal.did("review", record, "--as", deal.reviewer)
    deal.did("archive", record, "--archive-no", "档-2026-1")
    (line,) = lines_of(deal, deal.listed(record))
    content = "保洁合同.txt 的内容".encode()
    expected = {
        "seq": 1, "item": record, "archive_no": "档-2026-1", "title": "保洁合同.txt",
        "category": "contract", "quantity": 1, "unit": "item", "bytes": len(content),
        "first_year": 2025, "last_year": 2025, "level": "general_3", "sensitivity": "general_pi",
        "min_until": "2035-01-31", "digest": sha256(content).hexdigest(), "original": False,
        "persons": {"granted": 0, "exempt": 1, "missing": 0}, "holds": 0, "restricted": False,
        "location": None, "basis": "pipl_13_2_contract",
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected
    assert int(str(line["kept_months"])) >= 21


def test_a_copy_that_passes_says_where_it_lies(deal: Delivery) -> None:
    record = deal.ready()
    handover = deal.frozen(record)
    (line,) = lines_of(deal, handover)
    assert (line["item"], line["copy"], line["record"]) == (
        deal.original(record), deal.original(record), record,
    )  # fmt: skip
    assert str(line["location"]).endswith("合同.txt")
    assert (line["original"], line["encrypted"], line["medium"]) == (True, False, "disk_internal")


def test_a_table_that_passes_is_one_line_for_its_rows(deal: Delivery) -> None:
    rows = deal.rows()
    handover = deal.frozen(*rows)
    (line,) = lines_of(deal, handover)
    assert (line["record"], line["quantity"], line["unit"], line["title"]) == (
        None, 3, "row", "客户.csv",
    )  # fmt: skip
    assert (line["level"], line["min_until"]) == ("general_3", "2036-01-31")
    assert line["digest"] == sha256(TABLE.encode()).hexdigest()


@pytest.mark.parametrize("more", [(), ("--shared-key",)])
def test_rows_have_a_line_each_in_the_order_of_the_table(
    deal: Delivery, more: tuple[str, ...]
) -> None:
    rows = deal.rows(*more)
    found = lines_of(deal, deal.listed(*rows[::-1]))
    assert [line["title"] for line in found] == [f"客户.csv #{n} {n}" for n in (1, 2, 3)]
    cells = [json.dumps(row.split(","), ensure_ascii=False, separators=(",", ":"))
             for row in TABLE.splitlines()[1:]]  # fmt: skip
    assert [line["digest"] for line in found] == [sha256(c.encode()).hexdigest() for c in cells]


def test_holds_and_restrictions_are_said(deal: Delivery) -> None:
    held = deal.ready("甲.txt")
    deal.did(
        "hold", "place", "--record", held, "--reason", "litigation", "--authority", "法院函1号"
    )
    (line,) = lines_of(deal, deal.listed(held))
    assert line["holds"] == 1


def test_the_lines_stay_those_of_the_day_of_the_freeze(deal: Delivery) -> None:
    record = deal.ready()
    handover = deal.listed(record)
    before = lines_of(deal, handover)
    deal.did(
        "hold", "place", "--record", record, "--reason", "litigation", "--authority", "法院函1号"
    )
    deal.did("classify", record, "--category", "contract", "--level", "general_4",
             "--sensitivity", "general_pi")  # fmt: skip
    deal.did("restriction", "place", record, "--reason", "objection")
    assert lines_of(deal, handover) == before


def test_the_root_in_the_event_is_over_the_very_lines(deal: Delivery) -> None:
    records = [deal.ready(f"{n}.txt") for n in range(3)]
    handover = deal.listed(*records)
    out = deal.home.with_name("lines.jsonl")
    deal.did("handover", "lines", handover, "--out", str(out))
    raws = out.read_bytes().splitlines()
    shown = deal.shown(handover)
    assert lines_root(raws) == shown["lines"]
    assert list_root([parse_line(raw).item for raw in raws]) == shown["root"]


def test_a_line_that_was_changed_in_the_ledgers_texts_is_noticed(
    deal: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.effects import listlines

    handover = deal.listed(deal.ready())
    real = listlines._Making._record

    def swapped(making: object, kept: object) -> dict[str, object]:
        return {**real(making, kept), "quantity": 2}  # type: ignore[arg-type]

    monkeypatch.setattr(listlines._Making, "_record", swapped)
    said = deal.error("handover", "lines", handover, code=3)
    assert "cannot be made again" in said["message"]
    deal.error("handover", "pack", handover, "--out", str(deal.home.with_name("p")), code=3)
    assert not deal.home.with_name("p").exists()


def test_the_table_for_spreadsheets_computes_nothing(deal: Delivery) -> None:
    record = deal.ready("=1+1.txt")
    handover = deal.listed(record)
    out = deal.home.with_name("清单.csv")
    deal.did("handover", "lines", handover, "--out", str(out))
    with out.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["title"] == "'=1+1.txt"
    assert row["item"] == record
    deal.error("handover", "lines", handover, "--out", str(out), code=2)
    deal.error("handover", "lines", handover, "--out", str(out.with_suffix(".doc")), code=2)
    inside = deal.firm.path / "清单.csv"
    deal.error("handover", "lines", handover, "--out", str(inside), code=2)
    assert not inside.exists()


# -- what goes on it -----------------------------------------------------------------------------


def test_everything_that_may_go_and_the_rest_counted_by_reason(deal: Delivery) -> None:
    good = [deal.ready(f"{n}.txt") for n in range(2)]
    raw = deal.collect("未分类.txt")
    limited = deal.ready("受限.txt")
    deal.did("restriction", "place", limited, "--reason", "objection")
    unknown = deal.collect("未查明.txt")
    deal.classify(unknown)
    deal.did("retention", "assign", unknown, "--trigger", "contract_ended", "--date", "2026-01-31")
    handover = deal.planned()
    made = deal.json("handover", "freeze", handover, "--all", "--packaged", "--skip-blocked",
                     "--as", deal.qian)  # fmt: skip
    assert made["excluded"] == [
        {"reason": "restricted", "records": 1, "subjects": 1},
        {"reason": "not_ready", "records": 1, "subjects": 0},
        {"reason": "subjects_unknown", "records": 1, "subjects": 0},
    ]
    assert {one["record"]: one["reason"] for one in made["left_out"]} == {
        raw: "not_ready", limited: "restricted", unknown: "subjects_unknown",
    }  # fmt: skip
    assert [line["item"] for line in lines_of(deal, handover)] == sorted(good)
    said = deal.shown(handover)["left_out"]
    assert {one["reason"]: one for one in said} == {one["reason"]: one for one in made["excluded"]}


def test_without_skipping_the_rules_refuse_the_whole_list(deal: Delivery) -> None:
    good, raw = deal.ready("甲.txt"), deal.collect("乙.txt")
    handover = deal.planned()
    said = deal.error("handover", "freeze", handover, good, raw, "--packaged", "--as", deal.qian,
                      code=13)  # fmt: skip
    assert "not_classified" in {refusal["detail"] for refusal in said["refusals"]}
    assert deal.shown(handover)["step"] == "planned"


def test_what_another_handover_delivers_is_left_out(deal: Delivery) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    deal.listed(first)
    other = deal.planned()
    made = deal.json("handover", "freeze", other, first, second, "--packaged", "--skip-blocked",
                     "--as", deal.qian)  # fmt: skip
    assert made["excluded"] == [{"reason": "in_another_case", "records": 1, "subjects": 1}]
    assert made["items"] == 1


def test_records_and_copies_go_on_one_list(deal: Delivery) -> None:
    record, other = deal.ready("甲.txt"), deal.ready("乙.txt")
    paper = deal.json("holding", "add", other, "--location", "三号柜", "--form", "paper",
                      "--medium", "paper_copy")["holding"]  # fmt: skip
    handover = deal.listed(record, more=("--copy", paper))
    assert [line["item"] for line in lines_of(deal, handover)] == [paper, record]
    package = deal.pack(handover)
    deal.did("handover", "release", handover, "--package", str(package), "--as", deal.qian)
    told = deal.json("handover", "receive", handover, "--package", str(package), "--seal", "intact",
                     "--as", deal.he)  # fmt: skip
    assert (told["read"], told["matched"], told["items"]) == (1, 1, 2)


def test_a_changed_original_is_not_packed(deal: Delivery) -> None:
    record = deal.ready()
    handover = deal.listed(record)
    (deal.home / "合同.txt").write_text("改过", encoding="utf-8")
    out = deal.home.with_name("p")
    said = deal.error("handover", "pack", handover, "--out", str(out), code=3)
    assert f"{record} (changed_since_recorded)" in said["message"]
    assert not out.exists()


def test_the_copy_in_the_vault_is_packed_where_the_original_was_changed(deal: Delivery) -> None:
    record = deal.ready()
    deal.did("vault", "put", deal.original(record))
    handover = deal.listed(record)
    (deal.home / "合同.txt").write_text("改过", encoding="utf-8")
    deal.pack(handover)


def test_a_package_is_not_made_inside_the_ledger(deal: Delivery) -> None:
    handover = deal.listed(deal.ready())
    deal.error("handover", "pack", handover, "--out", str(deal.firm.path / "p"), code=2)
    assert not Path(deal.firm.path / "p").exists()
