"""The pages of a handover list: each row beside its own, numbered, none empty, always the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from ledger.documents.pages import render
from ledger.documents.twin import canonical, parse
from ledger.documents.view import view
from tests.ledger.papers import ID, a_twin


def a_list(rows: int, **members: Any) -> bytes:
    """A twin of a list as long as wanted, with titles that do not fit."""
    base = parse(a_twin())
    party = [f"party-{ID.format(n)}" for n in range(2)]
    items = [
        {
            "seq": n + 1, "item": f"record-{ID.format(n)}", "record": f"record-{ID.format(n)}",
            "salt": "0" * 32, "category": "contract", "form": "electronic_native", "quantity": n,
            "unit": "item", "bytes": 10**9 + n, "digest": f"{n:064x}", "original": False,
            "sensitivity": "non_personal", "min_until": "2036-01-31", "kept_months": 21,
            "title": ("二〇二三年度各门店保洁用品采购与领用明细总账 (copy)", "WM " * 30)[n % 2],
            "basis": "pipl_13_2_contract", "level": "general_3",
        }
        for n in range(rows)
    ]  # fmt: skip
    said = {
        "handover": f"handover-{ID.format(9)}", "mode": "merger", "from_party": party[0],
        "to_party": party[1], "handlers": {"seller_handler": f"actor-{ID.format(1)}"},
        "first_day": "2026-11-01", "last_day": "2026-12-31", "inspection_days": 15,
        "agreements": [], "ndas": [], "pipias": [], "frozen_at": base["issued_at"],
        "list_version": 1, "root": "0" * 64, "lines": "0" * 64, "count": rows, "records": rows,
        "marketing": False, "excluded": [], "totals": [], "items": items,
    }  # fmt: skip
    return canonical({**base, "kind": "handover_list", "said": said, **members})


def pages_of(data: bytes, folder: Path) -> list[str]:
    file = folder / "rows.pdf"
    file.write_bytes(data)
    run = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True)
    return run.stdout.decode("utf-8").split("\f")[:-1]


def rows_of(data: bytes, folder: Path) -> list[str]:
    return "\n".join(pages_of(data, folder)).splitlines()


def test_every_row_of_a_long_list_stands_beside_its_own(tmp_path: Path) -> None:
    """A text that is too wide is cut; if it wrapped, all below would stand beside other rows."""
    lines = rows_of(render(a_list(50)), tmp_path)
    for n in range(50):
        (row,) = [line for line in lines if f"record-{ID.format(n)}" in line]
        assert "合同协议" in row
        assert "2036" not in row
        assert f"{n}件" in row.replace(" ", "")
    lines = rows_of(render(a_twin("destruction_list", rows=400)), tmp_path)
    rows = [line for line in lines if "holding-" in line]
    assert len(rows) == 400
    assert all("合同协议" in row and "2026-01-31" in row for row in rows)


def test_pages_are_numbered_and_none_is_empty(tmp_path: Path) -> None:
    for made in (a_list(31), a_twin("destruction_list", rows=400)):
        pages = pages_of(render(made), tmp_path)
        assert len(pages) > 4
        for number, page in enumerate(pages, 1):
            assert f"Page {number} of {len(pages)}" in page
            if re.search("清单明细|清册 +The list", page):
                assert "record-" in page, f"page {number} has a heading and no list"


def test_the_same_twin_of_a_deal_makes_the_same_pages() -> None:
    made = a_list(3)
    assert render(made) == render(made)
    assert render(a_list(4)) != render(made)


def test_a_list_of_nothing_excluded_and_nobody_named_is_laid_out(tmp_path: Path) -> None:
    shown = "\n".join(rows_of(render(a_list(1, signers=[])), tmp_path)).replace(" ", "")
    assert "未列入清单" in shown
    assert "无nothing" in shown
    said = view(parse(a_list(1)))
    assert not any(section["title"][0] == "其他事项" for section in said["sections"])
