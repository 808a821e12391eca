"""A report in a real browser: it shows its pictures, asks for nothing, and runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.audit.report.charts import Bin, Due, bars, due_dates, matrix, over_time
from ledger.audit.report.reviewpage import plain_table
from ledger.bundle.page import Imprint, Page, as_html
from ledger.documents.layout import column
from tests.browser.reading import DESK, TELEPHONE, Reader, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium

HOSTILE = "<script>window.ran = 1</script><img src=x onerror='window.ran=1'>"


def report() -> bytes:
    """A page with a chart of each kind, whose labels somebody typed in bad faith."""
    label = (HOSTILE, HOSTILE)
    charts = [
        bars("b", ("副本", "Copies"), [(label, 7), (("总部", "head office"), 48_120)]),
        over_time(
            "t", ("行为", "Acts"), [label], [Bin(f"2026-{n:02}", (n,)) for n in range(1, 13)]
        ),
        matrix(
            "m", ("矩阵", "Matrix"), {(label, (f"类{n}", f"kind {n}")): n for n in range(1, 21)}
        ),
        due_dates("d", ("期限", "Due"), "2026-11-22", [Due(label, "2026-10-01", "overdue")]),
    ]
    columns = [column(f"列{n}", f"column {n}", "20mm") for n in range(5)]
    rows = [[[("mono", "0123456789abcdef" * 4)]] * 5, [[("mono", "2026-11-22 08:00:00")]] * 5]
    wide = plain_table(("宽表", "A wide table"), columns, rows)
    page = Page(("报告", "Report"), [*(one.section() for one in charts), wide])
    return as_html(page, Imprint("0" * 64, "example.org/l", 3, "2026-11-22T08:00:00.000Z"))


@pytest.mark.parametrize("size", [DESK, TELEPHONE])
def test_a_report_shows_its_pictures_and_runs_nothing(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(report())
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    try:
        reader = Reader(context.new_page(), file, "zh")
        reader.check()
        page = reader.page
        assert page.evaluate("window.ran") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        boxes = [one.bounding_box() for one in page.locator("figure svg").all()]
        assert len(boxes) == 4
        assert all(box and box["width"] >= 600 and box["height"] > 50 for box in boxes)
        assert [one.get_attribute("role") for one in page.locator("svg").all()] == ["img"] * 4
        named = page.get_by_role("img", name="矩阵 Matrix")
        assert named.count() == 1, "somebody who listens does not hear what the picture is"
        assert page.locator("text=48,120").count() == 3, "the picture, its title, the table"
        reader.shoot(f"report-{size[0]}")
    finally:
        context.close()
