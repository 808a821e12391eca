"""Made anonymous, and examined again: against brute force, and each way of failing by its name."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.effects.generalising import LOST, Plan, checked_rule, examine, general, generalise
from ledger.errors import UsageError

HEADER = ("姓名", "生日", "城区", "消费", "疾病")
STRANGERS = Path(__file__).parent.parent / "vectors" / "cn" / "faker-zh_CN-1000.utf8bom.csv"


def made(rows: Sequence[Sequence[str]], plan: Plan) -> list[list[str]]:
    result = generalise(iter([HEADER, *rows]), plan)
    return list(csv.reader(io.StringIO(result.data.decode("utf-8"))))


# -- against brute force ------------------------------------------------------------------------

cells = st.tuples(
    st.sampled_from(["甲", "乙", "丙"]),
    st.sampled_from(["1987-03-02", "1989-01-01", "1991/5/6", "不详", ""]),
    st.sampled_from(["上海市浦东新区世纪大道1号", "上海市黄浦区人民路2号", "路上"]),
    st.sampled_from(["10", "99.5", "120", "1,000", "-"]),
    st.sampled_from(["感冒", "糖尿病", "高血压"]),
)


@given(st.lists(cells, max_size=40), st.integers(2, 4), st.integers(2, 3), st.booleans())
def test_what_is_left_is_what_brute_force_leaves(
    rows: list[tuple[str, ...]], k: int, fewest: int, sensitive: bool
) -> None:
    plan = Plan(
        drop=("姓名",) if sensitive else ("姓名", "疾病"),
        rules={"生日": "decade", "城区": "district", "消费": "band:100"},
        sensitive=("疾病",) if sensitive else (), k=k, l=fewest,
    )  # fmt: skip
    coarse = [
        (general("decade", birth), general("district", place), general("band:100", spent), ill)
        for _, birth, place, spent, ill in rows
        if any((_, birth, place, spent, ill))
    ]
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    people: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row, (name, *_) in zip(coarse, rows, strict=True):
        alike[row[:3]].append(row)
        people[row[:3]].add(name)
    alike = {group: found for group, found in alike.items() if len(people[group]) >= k}
    left = sorted(
        row if sensitive else row[:3]
        for group in alike.values()
        if len(group) >= k and (not sensitive or len({row[3] for row in group}) >= fewest)
        for row in group
    )
    result = generalise(iter([HEADER, *rows]), plan)
    table = list(csv.reader(io.StringIO(result.data.decode("utf-8"))))
    assert [tuple(row) for row in table[1:]] == left
    assert (result.rows, result.kept) == (len(coarse), len(left))
    found = examine(result.data, plan)
    assert set(found.flaws) <= {"nothing_left", "column_identifies", "group_too_small"}
    assert ("nothing_left" in found.flaws) == (not left)
    if left:
        assert "group_too_small" not in found.flaws
        sizes = [len(g) for g in alike.values() if len(g) >= k
                 and (not sensitive or len({row[3] for row in g}) >= fewest)]  # fmt: skip
        assert (found.smallest, found.groups) == (min(sizes), len(sizes))


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "coarse"),
    [
        ("decade", "1987-03-02", "1980s"), ("decade", " 2001 ", "2000s"), ("decade", "87", LOST),
        ("year", "2026年3月2日", "2026"), ("year", "20260302", "2026"), ("year", "2026", "2026"),
        ("year", "13812345678", LOST), ("year", "110105199003078888", LOST),
        ("month", "2026/3/2 08:30:00", "2026-03"), ("month", "2026-03", "2026-03"),
        ("month", "2026", LOST), ("month", "2026-13-01", LOST), ("month", "", LOST),
        ("band:500", "1,234.50", "1000-1499"), ("band:500", "¥499.99元", "0-499"),
        ("band:500", "-3", "-500--1"), ("band:1", "7", "7-7"), ("band:500", "许多", LOST),
        ("band:500", "1.2.3", LOST), ("band:500", "1e9", LOST), ("band:500", "１２", LOST),
        ("district", "上海市浦东新区世纪大道100号", "上海市浦东新区"),
        ("district", "浙江省杭州市西湖区文三路90号2单元301室", "浙江省杭州市西湖区"),
        ("district", "内蒙古自治区呼和浩特市新城区", "内蒙古自治区呼和浩特市新城区"),
        ("district", "江苏省苏州市昆山市玉山镇", "江苏省苏州市昆山市"),
        ("district", "杭州市文三路西湖小区3号", LOST), ("district", "杭州市", LOST),
        ("district", "张三家", LOST), ("city", "浙江省杭州市西湖区文三路90号", "浙江省杭州市"),
        ("city", "北京市朝阳区", "北京市"), ("city", "西湖区", LOST),
        ("", "  原样 ", "原样"),
    ],
)  # fmt: skip
def test_a_value_becomes_coarser_or_is_lost(rule: str, value: str, coarse: str) -> None:
    assert general(rule, value) == coarse


@pytest.mark.parametrize("rule", ["hash", "sha256", "HMAC:key", "sm3", "mask:4", "tokenise"])
def test_a_hash_is_not_offered_as_anonymous(rule: str) -> None:
    """Ten thousand million numbers are tried in an hour; with a key, in none."""
    with pytest.raises(UsageError, match="not anonymous"):
        checked_rule(rule)


@pytest.mark.parametrize("rule", ["", "band", "band:0", "band:-5", "Decade", "quarter"])
def test_a_rule_that_there_is_not_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="no such rule"):
        checked_rule(rule)


# -- each attack on the result by its name ------------------------------------------------------

PLAN = Plan(drop=("姓名",), rules={"生日": "decade"}, sensitive=("疾病",), k=3, l=2)
GOOD = "生日,疾病\n1980s,感冒\n1980s,感冒\n1980s,糖尿病\n"


def flaws(text: str, plan: Plan = PLAN) -> tuple[str, ...]:
    return examine(text.encode("utf-8"), plan).flaws


def test_a_good_result_passes() -> None:
    assert flaws(GOOD) == ()


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("生日,疾病\n", "nothing_left"),
        ("姓名," + GOOD.replace("\n1", "\n甲,1"), "dropped_column_left"),
        (GOOD.replace("1980s,糖", "1987-03-02,糖"), "not_generalized"),
        (GOOD.replace("糖尿病", "糖尿病 13812345678"), "identifier_found"),
        (GOOD.replace("糖尿病", "zhang@example.com"), "identifier_found"),
        (GOOD.replace("糖尿病", "11010519491231002X"), "identifier_found"),
        (GOOD.replace("糖尿病", "车牌 京A12345"), "identifier_found"),
        ("生日,疾病,13812345678\n" + "1980s,感冒,1\n" * 3, "identifier_found"),
        (GOOD.replace("1980s,糖", "1990s,糖"), "group_too_small"),
        (GOOD.replace("糖尿病", "感冒"), "too_few_values"),
        ("生日,疾病\n1980s,头痛\n1980s,感冒\n1980s,糖尿病\n", "column_identifies"),
        ("生日,疾病\n1980s,糖尿病\n1980s,感冒\n1980s,感冒\n", "order_kept"),
    ],
)
def test_what_is_not_anonymous_is_found(text: str, flaw: str) -> None:
    assert flaw in flaws(text)


# -- tables as people have them -----------------------------------------------------------------


ORDERS = ("姓名", "手机", "城区", "商品", "经手")


def orders(people: int, each: int) -> list[tuple[str, ...]]:
    """Orders of customers in one district, each of whom has several."""
    names = [f"{surname}{given}" for surname in "王李张刘陈" for given in ("小明", "芳", "伟强")]
    return [
        (names[n], f"1380013800{n}", "上海市浦东新区", f"商品{times % 2}", names[-n - 1])
        for n in range(people) for times in range(each)
    ]  # fmt: skip


@pytest.mark.parametrize("dropped", [("姓名", "手机", "经手"), ("手机", "姓名", "经手")])
def test_six_orders_of_one_person_are_one_person(dropped: tuple[str, ...]) -> None:
    plan = Plan(drop=dropped, k=3)
    for people, kept in ((1, 0), (2, 0), (3, 18)):
        assert generalise(iter([ORDERS, *orders(people, 6)]), plan).kept == kept


def test_who_has_no_name_is_not_many_people() -> None:
    rows = [("", "13800138000", "上海市浦东新区", "商品", "")] * 9
    assert generalise(iter([ORDERS, *rows]), Plan(drop=("姓名", "手机", "经手"), k=2)).kept == 0


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        (Plan(drop=("手机", "经手"), sensitive=("姓名",), k=2), True),
        (Plan(drop=("手机", "经手"), k=2), True),
        (Plan(drop=("姓名", "手机"), sensitive=("经手",), k=2), True),  # by its cells
        (Plan(drop=("姓名", "手机"), k=2), True),
        (Plan(drop=("姓名", "手机", "经手"), sensitive=("商品",), k=2), False),
    ],
)
def test_a_table_with_names_in_it_does_not_pass(plan: Plan, found: bool) -> None:
    rows = [*orders(6, 2), *orders(6, 2)]
    result = generalise(iter([ORDERS, *rows]), plan)
    data = result.data if result.kept else "\n".join(
        [",".join(n for n in ORDERS if n not in plan.drop),
         *sorted(",".join(c for n, c in zip(ORDERS, row, strict=True) if n not in plan.drop)
                 for row in rows)]).encode()  # fmt: skip
    assert ("column_names_people" in examine(data, plan).flaws) == found


def test_columns_and_rows_that_do_not_fit_are_refused_without_being_repeated() -> None:
    people = [("张三", "1987", "", "", "")] * 9
    for plan in (
        Plan(drop=("名字",)), Plan(rules={"住址": "city"}), Plan(sensitive=("爱好",)),
        Plan(drop=HEADER[1:], sensitive=("姓名",)),
    ):  # fmt: skip
        with pytest.raises(UsageError) as refused:
            made(people, plan)
        assert "名字" not in str(refused.value)
    with pytest.raises(UsageError, match="data row 2 has more cells"):
        made([people[0], (*people[0], "13812345678")], PLAN)
    with pytest.raises(UsageError, match="not at all, or twice"):
        generalise(iter([("a", "a"), ("1", "2")]), Plan(drop=("a",)))


def test_short_and_empty_rows_are_rows_with_nothing_in_them() -> None:
    rows = [("甲", "1987"), ("乙", "1988"), (), ("", "", "", "", ""), ("丙", "1989", "", "", "")]
    plan = Plan(drop=("姓名",), rules={"生日": "decade"}, k=3)
    assert made(rows, plan)[1:] == [["1980s", "", "", ""]] * 3


def test_a_table_without_anything_gives_nothing() -> None:
    result = generalise(iter([HEADER]), PLAN)
    assert (result.rows, result.kept) == (0, 0)
    assert examine(result.data, PLAN).flaws[0] == "nothing_left"


def test_a_table_that_stays_different_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.effects.generalising.MOST_BYTES", 100_000)
    rows = ((f"人{n}", str(n), "", "", "") for n in range(10_000))
    with pytest.raises(UsageError, match="stays too large"):
        generalise(iter([HEADER, *rows]), Plan(k=2))


@pytest.mark.parametrize("sensitive", [(), tuple(f"列{n}" for n in range(1, 10))])
@pytest.mark.parametrize("cell", ["{}", "客{}"])
def test_many_short_cells_are_counted_by_what_they_take_in_memory(
    monkeypatch: pytest.MonkeyPatch, sensitive: tuple[str, ...], cell: str
) -> None:
    """Ten cells of a few characters: the limit is one of memory, and it holds."""
    limit = 8 << 20
    monkeypatch.setattr("ledger.effects.generalising.MOST_BYTES", limit)
    header = [f"列{n}" for n in range(10)]

    def rows() -> Iterator[list[str]]:
        yield header
        for number in range(1_000_000):
            yield [cell.format(number * 10 + n) for n in range(10)]

    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="stays too large"):
            generalise(rows(), Plan(k=2, sensitive=sensitive))
        assert limit / 8 < tracemalloc.get_traced_memory()[1] < 1.5 * limit
    finally:
        tracemalloc.stop()


def test_as_much_as_is_taken_is_made_and_tested_in_a_few_times_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = 8 << 20
    monkeypatch.setattr("ledger.effects.generalising.MOST_BYTES", limit)
    header = [f"列{n}" for n in range(10)]
    plan = Plan(k=1, l=1, sensitive=tuple(header[1:]))

    def rows() -> Iterator[list[str]]:
        yield header
        for number in range(1800):
            yield [str(number * 10 + n) for n in range(10)]

    tracemalloc.start()
    try:
        result = generalise(rows(), plan)
        examine(result.data, plan)
        assert tracemalloc.get_traced_memory()[1] < 3 * limit
    finally:
        tracemalloc.stop()
    assert result.kept == 1800


def test_a_result_that_does_not_fit_into_memory_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ledger.effects.generalising.MOST_WRITTEN", 100_000)
    fits = generalise(iter([["甲"], *[["一二三"]] * 9_900]), Plan(k=2))
    assert fits.data == "甲\n".encode() + "一二三\n".encode() * 9_900
    with pytest.raises(UsageError, match="too large"):
        generalise(iter([["甲"], *[["一二三"]] * 10_000]), Plan(k=2))


def test_a_thousand_people_that_nobody_here_made_up() -> None:
    """Made by Faker: identifiers go, what is left holds none of them, in no row and no header."""
    with STRANGERS.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file))
    identifying = ("客户编号", "姓名", "身份证号", "手机号", "地址", "邮箱", "银行卡号", "车牌")
    plan = Plan(drop=identifying, rules={"出生日期": "decade"}, sensitive=("单位",), k=20, l=10)
    result = generalise(iter(table), plan)
    assert result.rows == 1000
    assert result.kept > 800
    assert examine(result.data, plan).flaws == ()
    left = result.data.decode("utf-8")
    secrets = [cell for row in table[1:] for name, cell in zip(table[0], row, strict=True)
               if name in identifying and name != "地址"]  # fmt: skip
    assert not [cell for cell in secrets if len(cell) > 4 and cell in left]
    careless = plan._replace(drop=identifying[:2], sensitive=("单位", *identifying[2:]), k=2, l=2)
    found = examine(generalise(iter(table), careless).data, careless).flaws
    assert {"identifier_found", "column_identifies"} <= set(found)
