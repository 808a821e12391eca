"""`events.csv`, as a spreadsheet reads it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.evidence import decode_event
from ledger.interop.csvfile import COLUMNS, safe
from tests.interop.exports import Exports
from tests.ledger.reports import HOSTILE


@pytest.fixture
def exports(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> Exports:
    return Exports(ledger, admin, second_person, tmp_path)


def rows_of(exports: Exports) -> list[dict[str, str]]:
    text = exports.data("events.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_event_is_a_line_and_every_event_comes_back(exports: Exports) -> None:
    data, rows = exports.data("events.csv"), rows_of(exports)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == len(rows) + 1
    assert tuple(rows[0]) == COLUMNS
    assert [row["event"] for row in rows] == [place.id for place in exports.told.places]
    for row, place in zip(rows, exports.told.places, strict=True):
        if place.event is not None:
            assert decode_event(row["said"].encode("ascii")) == place.event
            assert row["sha256"] == place.digest


def test_what_is_withheld_is_a_line_with_its_reason(exports: Exports) -> None:
    (row,) = [row for row in rows_of(exports) if row["withheld"]]
    assert (row["event"], row["withheld"]) == (exports.case.withheld, "trade_secret")
    assert (row["said"], row["type"], row["at"], row["by"], row["sha256"]) == ("",) * 5
    assert row["leaf"]


def test_opened_fields_are_json_in_one_cell(exports: Exports) -> None:
    (row,) = [row for row in rows_of(exports) if row["event"] == exports.case.hostile]
    assert json.loads(row["opened"]) == {"circumstances": HOSTILE}


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u3000=1", "\n=1", "＝1", "－1"],
)
def test_no_cell_is_taken_for_a_formula(cell: str) -> None:
    assert safe(cell) == "'" + cell


def test_no_line_of_a_bundle_begins_a_formula(exports: Exports) -> None:
    for row in rows_of(exports):
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))
