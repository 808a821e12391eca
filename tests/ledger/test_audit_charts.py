"""Charts: what is counted stands in the picture and in the table; nothing else gets into either."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import date
from math import cos, radians, sin
from typing import Literal

import pytest
from defusedxml import ElementTree

from ledger.audit.report.charts import (
    MOST_BARS,
    MOST_BINS,
    MOST_COLUMNS,
    MOST_DUE,
    MOST_ROWS,
    Bin,
    Chart,
    Due,
    bars,
    due_dates,
    matrix,
    over_time,
)
from ledger.audit.report.drawing import WIDTH, size

TITLE = ("图", "Chart")
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "title", "desc", "text", "rect", "line", "polygon", "circle"}
SAID = {
    "viewBox", "role", "aria-labelledby", "font-family", "id", "x", "y", "width", "height", "fill",
    "stroke", "stroke-width", "font-size", "font-weight", "text-anchor", "transform", "x1", "x2",
    "y1", "y2", "points", "cx", "cy", "r",
}  # fmt: skip
HOSTILE = "</title><script>alert('甲')</script>&\x00\x1b[31m\u202e乙\ud800\ufffe" + "长" * 300


def words(number: int) -> tuple[str, str]:
    return f"项{number}", f"item {number}"


def made(seed: int) -> list[Chart]:
    """One chart of each kind, of anything."""
    draw = random.Random(seed)
    many = draw.randrange(0, 90)
    states: list[Literal["overdue", "due", "done"]] = ["overdue", "due", "done"]
    return [
        bars("b", TITLE, [(words(n), draw.randrange(10**6)) for n in range(many)]),
        over_time("t", TITLE, [("访问", "accesses"), ("其他", "others")],
                  [Bin(f"{n:04}", (draw.randrange(9), draw.randrange(10**5)))
                   for n in range(many)]),
        matrix("m", TITLE, {(words(draw.randrange(60)), words(draw.randrange(30))):
                            draw.randrange(1, 10**6) for _ in range(many * 8)}),
        due_dates("d", TITLE, "2026-11-22",
                  [Due(words(n), f"20{draw.randrange(10, 60)}-0{draw.randrange(1, 10)}-15",
                       draw.choice(states)) for n in range(many)]),
    ]  # fmt: skip


def pictured(chart: Chart) -> str:
    """Every text and title in the pictures of a chart."""
    parts = (ElementTree.fromstring(panel) for panel in chart.panels)
    return "\n".join(text for part in parts for text in part.itertext())


def tabled(chart: Chart) -> Iterator[str]:
    """Every number and day in the table of a chart, but the sums of a matrix's rows."""
    for row in chart.rows:
        if chart.columns[-1]["title"] == ("合计", "Sum"):
            yield from (one.rpartition(" ")[2] for one in row[1][0][1].split("、"))
        else:
            yield from (line[1] for cell in row[1:] for line in cell if line[0] == "mono")


@pytest.mark.parametrize("seed", range(12))
def test_every_number_of_the_table_is_in_the_picture(seed: int) -> None:
    print("seed", seed)
    for chart in made(seed):
        text = re.split(r"[ :\n]", pictured(chart))
        numbers = list(tabled(chart))
        assert bool(numbers) == bool(chart.rows)
        for number in numbers:
            # Where nothing is counted, nothing is drawn.
            assert number in text or number == "0", (seed, number)


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_is_xml_of_shapes_and_words_alone(seed: int) -> None:
    print("seed", seed)
    for chart in made(seed):
        for panel in chart.panels:
            picture = ElementTree.fromstring(panel)
            assert {one.tag.removeprefix(SVG) for one in picture.iter()} <= DRAWN
            assert {name for one in picture.iter() for name in one.attrib} <= SAID
            assert "://" not in panel.replace("http://www.w3.org/2000/svg", "")
            assert "url(" not in panel


@pytest.mark.parametrize("seed", range(6))
def test_nothing_stands_outside_the_picture_and_it_fits_a_page(seed: int) -> None:
    print("seed", seed)
    for chart in made(seed):
        for panel in chart.panels:
            picture = ElementTree.fromstring(panel)
            wide, high = map(float, picture.get("viewBox").split()[2:])
            assert wide == WIDTH
            assert high <= 1_400, "higher than a page"
            for one in picture.iter():
                assert -1 <= float(one.get("x", 0)) <= wide
                assert -1 <= float(one.get("y", 0)) <= high
                if one.tag == f"{SVG}rect":
                    assert float(one.get("x")) + float(one.get("width")) <= wide + 1
                    assert float(one.get("y")) + float(one.get("height")) <= high + 1


def test_who_listens_hears_a_title_and_what_it_shows() -> None:
    for chart in made(3):
        for panel in chart.panels:
            picture = ElementTree.fromstring(panel)
            assert picture.get("role") == "img"
            told = {one.get("id") for one in picture if one.tag in (f"{SVG}title", f"{SVG}desc")}
            assert set(picture.get("aria-labelledby").split()) == told
    keys = re.findall(r' id="([^"]+)"', "".join(p for chart in made(3) for p in chart.panels))
    assert len(keys) == len(set(keys)), "two pictures of one page have the same id"


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert made(5) == made(5)
    counted = {(words(n % 7), words(n % 5)): n + 1 for n in range(35)}
    backwards = dict(reversed(counted.items()))
    assert matrix("m", TITLE, counted) == matrix("m", TITLE, backwards)


def test_a_hostile_label_is_nothing_but_a_label() -> None:
    label = (HOSTILE, HOSTILE)
    for chart in (
        bars("b", (HOSTILE, HOSTILE), [(label, 3)]),
        matrix("m", TITLE, {(label, label): 7}, (label, label)),
        over_time("t", TITLE, [label], [Bin(HOSTILE[:40], (4,))]),
        due_dates("d", TITLE, "2026-11-22", [Due(label, "2026-12-01", "due")]),
    ):
        for panel in chart.panels:
            picture = ElementTree.fromstring(panel)
            assert {one.tag.removeprefix(SVG) for one in picture.iter()} <= DRAWN
            assert not re.search("[\x00-\x1f\u202e\ud800\ufffe]", panel)
            for text in picture.iter(f"{SVG}text"):
                assert len(text.text) < 60, "a label runs over the picture"


# -- too much -----------------------------------------------------------------------------------


def test_a_hundred_people_and_forty_categories_are_drawn_on_pictures_that_can_be_read() -> None:
    counted = {(words(n), (f"类{m}", f"category {m}")): n + m for n in range(1, 101)
               for m in range(40)}  # fmt: skip
    chart = matrix("m", TITLE, counted)
    assert len(chart.panels) == 6
    assert chart.note == ("", "")
    assert len(chart.rows) == 100
    for panel in chart.panels:
        sizes = {float(size) for size in re.findall(r'font-size="([\d.]+)"', panel)}
        assert min(sizes) >= 12, "smaller than six points on paper"
        assert all(value in panel for value in re.findall(r": ([\d,]+)</title>", panel))


def test_a_hundred_thousand_rows_are_bounded_and_what_is_left_out_is_said() -> None:
    counted = {(words(n), words(n % 100)): 1 + (n < 50) for n in range(100_000)}
    chart = matrix("m", TITLE, counted)
    assert len(chart.rows) == MOST_ROWS
    assert len(chart.panels) <= 9
    assert sum(map(len, chart.panels)) < 2_000_000
    shown = sum(int(row[2][0][1].replace(",", "")) for row in chart.rows)
    missing = sum(counted.values()) - shown
    assert f"{missing:,}" in chart.note[0]
    assert f"{missing:,}" in chart.note[1]
    assert f"{100_000 - MOST_ROWS + 100 - MOST_COLUMNS:,}" in chart.note[1]
    assert {row[0][0][1] for row in chart.rows} >= {f"项{n}" for n in range(50)}, "not the largest"


def test_of_bars_the_least_are_left_out_and_the_order_stays() -> None:
    chart = bars("b", TITLE, [(words(n), n * 10) for n in range(100)])
    assert [row[0][0][1] for row in chart.rows] == [f"项{n}" for n in range(100 - MOST_BARS, 100)]
    assert f"{sum(n * 10 for n in range(100 - MOST_BARS)):,}" in chart.note[1]


def test_of_time_the_oldest_is_left_out() -> None:
    bins = [Bin(str(1900 + n), (n,)) for n in range(MOST_BINS + 20)]
    chart = over_time("t", TITLE, [("甲", "a")], bins)
    assert chart.rows[0][0] == [("mono", "1920")]
    assert "20" in chart.note[0]


def test_of_due_dates_what_is_done_is_left_out_first() -> None:
    done = [Due(words(n), "2026-01-01", "done") for n in range(MOST_DUE)]
    late = [Due(words(900 + n), "2026-02-01", "overdue") for n in range(9)]
    chart = due_dates("d", TITLE, "2026-11-22", [*done, *late])
    assert sum("逾期" in row[2][0][1] for row in chart.rows) == 9
    assert len(chart.rows) == MOST_DUE
    assert "9" in chart.note[0]


def test_what_is_overdue_stands_before_today_and_the_rest_behind() -> None:
    chart = due_dates("d", TITLE, "2026-11-22", [
        Due(("晚", "late"), "2020-02-29", "overdue"), Due(("早", "early"), "2099-12-31", "due"),
    ])  # fmt: skip
    picture = ElementTree.fromstring(chart.panels[0])
    today = max(float(one.get("x1")) for one in picture.iter(f"{SVG}line")
                if one.get("stroke-width") == "2")  # fmt: skip
    late, early = picture.iter(f"{SVG}polygon")
    assert float(late.get("points").split(",")[0]) < today
    assert today < float(early.get("points").split(",")[0])
    assert {"2020-02-29", "2099-12-31"} <= set(picture.itertext()), "the day itself is written"


def test_a_day_in_the_far_future_does_not_stretch_the_axis() -> None:
    near = Due(("近", "near"), "2026-12-22", "due")
    alone, beside = (
        due_dates("d", TITLE, "2026-11-22", items).panels[0]
        for items in ([near], [near, Due(("远", "far"), "9999-12-31", "due")])
    )
    assert "beyond the axis" not in alone.partition("</desc>")[2]
    assert "beyond the axis" in beside.partition("</desc>")[2]
    ticks = [date.fromisoformat(one) for one in re.findall(r">(\d{4}-\d\d-\d\d)</text>", beside)]
    assert max(one for one in ticks if one.year < 9999) < date(2028, 6, 1)
    assert len(list(ElementTree.fromstring(beside).iter(f"{SVG}circle"))) == 1


def test_the_heads_of_a_matrix_are_whole_where_there_is_room_and_stay_in_the_picture() -> None:
    heads = [
        ("股权转让协议及附件", "share transfer agreements"),
        ("保洁合同", "cleaning contracts"),
    ]
    counted = {(words(1), head): 1 for head in heads}
    picture = ElementTree.fromstring(matrix("m", TITLE, counted).panels[0])
    shown = {one.text for one in picture.iter(f"{SVG}text")}
    assert {f"{zh} {en}" for zh, en in heads} <= shown
    counted = {(words(1), (f"很长的类别名称之{n}" * 3, "long")): 1 for n in range(20)}
    for panel in matrix("m", TITLE, counted).panels:
        for one in ElementTree.fromstring(panel).iter(f"{SVG}text"):
            if (turned := one.get("transform")) is not None:
                x, y = float(one.get("x")), float(one.get("y"))
                assert x + size(one.text, 13) * cos(radians(58)) <= WIDTH, turned
                assert y - size(one.text, 13) * sin(radians(58)) >= -6, turned


@pytest.mark.parametrize("chart", [
    bars("b", TITLE, []), matrix("m", TITLE, {}), due_dates("d", TITLE, "2026-11-22", []),
    over_time("t", TITLE, [("甲", "a")], []),
])  # fmt: skip
def test_nothing_is_a_chart_too(chart: Chart) -> None:
    assert chart.rows == ()
    assert len(chart.panels) == 1
    ElementTree.fromstring(chart.panels[0])
