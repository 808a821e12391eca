"""Inspection: digests and usability by programs that cannot be hurt, the rest by people."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

import msgspec
import pytest

from ledger.effects.inspecting import Seen, in_package, usable
from ledger.effects.unpacking import DamagedPackageError, open_package
from ledger.errors import UsageError
from ledger.sample.pdf import pdf
from ledger.sources import SourceFault
from tests.ledger.delivering import Delivery, deal_fixture  # noqa: F401  a fixture
from tests.ledger.parcels import as_entries, b64, entries_of, made_lines, parcel, with_entries


def said(content: bytes, name: str, **members: object) -> str:
    (line,) = made_lines([content])
    line = msgspec.structs.replace(line, title=name, **members)

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        yield io.BytesIO(content)

    return usable(line, opened)


def zipped(name: str, data: bytes) -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w") as file:
        file.writestr(name, data)
    return made.getvalue()


# -- whether a content can be used ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "answer"),
    [
        ("保洁合同".encode(), "合同.txt", "yes"),
        ("保洁合同".encode("gb18030"), "合同.txt", "yes"),
        ("姓名,电话\n张三,1\n".encode(), "客户.csv", "yes"),
        (b"", "leer.txt", "yes"),
        (b"%PDF-1.7 and nothing of one", "合同.pdf", "no"),
        (b"PK\x03\x04 and nothing of one", "合同.docx", "no"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "合同.xls", "unchecked"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a.xml", "no"),
        (b"\xff\xd8\xff\xe0 a picture", "照片.jpg", "unchecked"),
        (b"RIFF a recording", "录音.wav", "unchecked"),
        (zipped("word/document.xml", b"x" * 1000), "a.docx", "no"),
        (zipped("a.txt", b"x" * 1000), "a.zip", "unchecked"),
    ],
)
def test_what_opens_and_what_does_not(content: bytes, name: str, answer: str) -> None:
    assert said(content, name) == answer


def test_a_pdf_opens_and_half_of_one_does_not() -> None:
    whole = pdf("合同", ["保洁合同"], "20260101000000")
    assert said(whole, "合同.pdf") == "yes"
    assert said(whole[: len(whole) // 3], "合同.pdf") == "no"


def test_a_row_of_a_table_is_read_as_one() -> None:
    assert said('["1","张三"]'.encode(), "客户.csv #1 1", unit="row") == "yes"
    assert said(b'["1",2]', "x.csv #1 1", unit="row") == "yes"  # no row, and text all the same
    assert said(b"\0\1\2", "x.csv #1 1", unit="row") == "unchecked"


def test_a_reader_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Iterator[object]:
        for cause in ("needs_ingest_extra",):
            raise SourceFault(cause)
        yield None

    monkeypatch.setattr("ledger.content.pieces", missing)
    with pytest.raises(UsageError) as caught:
        said(b"x", "a.txt")
    assert "muniment[ingest]" in caught.value.remedy


# -- a package -----------------------------------------------------------------------------------


def test_every_content_is_compared_with_its_line(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包", ["甲".encode(), "乙".encode(), b"x" * 70_000, None])
    lines = [entry["line"]["item"] for entry in entries_of(made)]
    seen = dict(in_package(open_package(made.folder, [made.key])))
    assert list(seen) == lines[:3]
    assert set(seen.values()) == {Seen("match", "yes")}
    entries = entries_of(made)
    with_entries(made, as_entries([{**entries[0], "content": b64(b"forged")}, *entries[1:]]))
    seen = dict(in_package(open_package(made.folder, [made.key])))
    assert [seen[item].digest for item in lines[:3]] == ["mismatch", "match", "match"]


def test_what_is_not_the_list_is_not_inspected_to_the_end(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包", ["甲".encode(), "乙".encode()])
    entries = entries_of(made)
    with_entries(made, as_entries(entries[::-1]))
    with pytest.raises(DamagedPackageError, match="list_differs"):
        list(in_package(open_package(made.folder, [made.key])))


# -- at the desk ---------------------------------------------------------------------------------


def outcomes(deal: Delivery, handover: str) -> dict[str, str]:
    return {item["item"]: item["state"] for item in deal.shown(handover)["items"]}


def test_each_item_of_a_package_is_accepted_by_the_program(deal: Delivery) -> None:
    records = [deal.ready("甲.txt"), deal.ready("乙.txt")]
    handover, package = deal.arrived(*records)
    told = deal.json("handover", "inspect", handover, "--package", str(package), "--as", deal.he)
    assert (told["inspected"], told["in_order"], told["faulty"], told["left"]) == (2, 2, 0, 0)
    assert set(outcomes(deal, handover).values()) == {"accepted"}


def test_a_damaged_document_is_faulty_although_its_digest_matches(deal: Delivery) -> None:
    file = deal.home / "坏.pdf"
    file.write_bytes(b"%PDF-1.7 and nothing of one")
    deal.did("collect", str(file), "--category", "contract", "--basis", "pipl_13_2_contract",
             "--source", "店主", "--notice", "N-1")  # fmt: skip
    record = str(deal.json("inventory")[-1]["record"])
    deal.classify(record)
    deal.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-01-31")
    deal.introduce(record)
    handover, package = deal.arrived(record)
    told = deal.json("handover", "inspect", handover, "--package", str(package), "--as", deal.he)
    assert (told["in_order"], told["faulty"]) == (0, 1)
    assert outcomes(deal, handover) == {record: "faulty"}


def test_what_was_said_is_not_said_again_unless_it_changed(deal: Delivery) -> None:
    record = deal.ready()
    handover, package = deal.accepted(record)
    inspect = ["handover", "inspect", handover, "--package", str(package), "--as", deal.he]
    deal.error(*inspect, code=2)
    deal.did(*inspect, "--reject", record)
    assert outcomes(deal, handover) == {record: "faulty"}
    deal.did(*inspect)
    assert outcomes(deal, handover) == {record: "accepted"}


def test_paper_is_accepted_by_whoever_looked_at_it(deal: Delivery) -> None:
    add = ("--location", "三号柜", "--form", "paper", "--medium", "paper_copy")
    papers = [
        deal.json("holding", "add", deal.ready(name), *add)["holding"]
        for name in ("甲.txt", "乙.txt")
    ]
    handover = deal.planned()
    copies = [part for paper in papers for part in ("--copy", paper)]
    deal.did("handover", "freeze", handover, *copies, "--as", deal.qian)
    deal.did("handover", "release", handover, "--as", deal.qian)
    deal.did("handover", "receive", handover, "--as", deal.he)
    inspect = ["handover", "inspect", handover, "--as", deal.he]
    deal.error(*inspect, code=2)
    told = deal.json(*inspect, "--reject", papers[0][-12:])
    assert (told["faulty"], told["left"]) == (1, 1)
    deal.did(*inspect, "--accept-rest", "--accept", papers[0])
    assert set(outcomes(deal, handover).values()) == {"accepted"}


def test_a_file_that_was_changed_or_is_gone_is_faulty(deal: Delivery) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.received(first, second)
    (deal.home / "甲.txt").write_text("改过", encoding="utf-8")
    (deal.home / "乙.txt").unlink()
    told = deal.json("handover", "inspect", handover, "--as", deal.he)
    assert (told["in_order"], told["faulty"]) == (0, 2)


def test_a_difference_of_the_digest_is_not_talked_away(deal: Delivery) -> None:
    record = deal.ready()
    handover = deal.received(record)
    (deal.home / "合同.txt").write_text("改过", encoding="utf-8")
    copy = deal.original(record)
    deal.did("handover", "inspect", handover, "--accept", copy, "--as", deal.he)
    assert outcomes(deal, handover) == {copy: "faulty"}
