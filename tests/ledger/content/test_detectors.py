"""Numbers of people and firms in text: found with their checks, and little else with them."""

from __future__ import annotations

import csv
import json
import random
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import uscc

from ledger.content.detectors import (
    KINDS,
    find,
    has_luhn,
    is_id_number,
    is_uscc,
    matches,
    normalise,
)

ROOT = Path(__file__).parent.parent.parent
CN = ROOT / "vectors" / "cn"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.kind, hit.value) for hit in find(text)]


# -- made here, by other means than the code under test ----------------------------------------

digits = st.text("0123456789", min_size=1, max_size=1)
regions = st.sampled_from(["110105", "440308", "500154", "540232", "620102", "810000", "830000"])
days = st.dates(min_value=date(1920, 1, 1), max_value=date(2025, 12, 31))
mobiles = st.tuples(st.sampled_from("3456789"), st.integers(0, 10**9 - 1)).map(
    lambda parts: f"1{parts[0]}{parts[1]:09}"
)


@st.composite
def id_numbers(draw: st.DrawFn) -> str:
    body = f"{draw(regions)}{draw(days):%Y%m%d}{draw(st.integers(0, 999)):03}"
    remainder = sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11
    return body + "10X98765432"[remainder]


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    body = draw(st.sampled_from(["91", "92", "51", "12", "A1", "Y1", "N1"])) + draw(regions)
    body += draw(st.text(USCC, min_size=9, max_size=9))
    total = sum(USCC.index(c) * 3**i for i, c in enumerate(body)) % 31
    return body + USCC[(31 - total) % 31]


@st.composite
def cards(draw: st.DrawFn) -> str:
    prefix, size = draw(st.sampled_from([("6222", 19), ("4738", 16), ("5412", 16), ("3712", 15)]))
    body = prefix + draw(st.text("0123456789", min_size=size - 5, max_size=size - 5))
    return body + str(luhn.calc_check_digit(body))


VALUES = {
    "mobile": mobiles,
    "id_number": id_numbers(),
    "uscc": credit_codes().filter(lambda code: not code.isdigit()),
    "bank_card": cards().filter(lambda card: not is_id_number(card)),
    "email": st.from_regex(r"[a-z][a-z0-9._]{0,20}[a-z0-9]@[a-z0-9]{1,20}\.(?:com|cn|com\.cn)",
                           fullmatch=True),
    "plate": st.from_regex("[京沪粤苏][A-H][0-9]{5}|粤B[DF][0-9]{5}", fullmatch=True),
    "passport": st.from_regex("[EG][0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|[DSP]E[0-9]{7}", fullmatch=True),
    "landline": st.from_regex("0[1-9][0-9]{1,2}-[1-9][0-9]{7}", fullmatch=True),
}  # fmt: skip
around = st.text("客户电话是请于明天上门保洁，。：、()（）\n\t ", max_size=12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_found_wherever_it_stands_in_a_text(kind: str) -> None:
    @given(value=VALUES[kind], before=around, after=around)
    def check(value: str, before: str, after: str) -> None:
        hits = [hit for hit in find(before + value + after) if hit.kind == kind]
        assert [(hit.start, hit.end, hit.value) for hit in hits] == [
            (len(before), len(before) + len(value), value)
        ]
        assert matches(kind, f" {value}\n")

    check()


@pytest.mark.parametrize("kind", ["id_number", "uscc", "bank_card"])
def test_no_value_is_found_with_another_check_character(kind: str) -> None:
    @given(value=VALUES[kind], other=st.integers(1, 9))
    def check(value: str, other: int) -> None:
        last = str((int(value[-1]) + other) % 10) if value[-1].isdigit() else str(other)
        assert kind not in dict(found(value[:-1] + last))

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_inside_a_longer_run_of_letters_and_digits(kind: str) -> None:
    @given(value=VALUES[kind], extra=st.sampled_from(["7", "77", "k", "Z9", "0" * 30]))
    def check(value: str, extra: str) -> None:
        assert (kind, value) not in found(value + extra)
        if kind not in {"email", "plate"}:
            assert (kind, value) not in found(extra + value)

    check()


# -- other people's answers -------------------------------------------------------------------


def test_identity_numbers_are_judged_as_the_vectors_say() -> None:
    cases = json.loads((CN / "id-validator-cases.json").read_text())
    lenient = [case for case in cases if not case["strict"]]
    assert len(lenient) > 10
    for case in lenient:
        assert is_id_number(case["id"]) == case["valid"], case


def test_credit_codes_and_luhn_are_judged_as_stdnum_judges_them() -> None:
    seed = 20261122
    print("seed", seed)
    random_ = random.Random(seed)
    valid = 0
    for _ in range(20_000):
        code = random_.choice(["91", "92", "51", "12"]) + random_.choice(["110105", "440308"])
        code += "".join(random_.choices(USCC, k=10))
        valid += is_uscc(code)
        assert is_uscc(code) == bool(uscc.is_valid(code)), code
        number = "".join(random_.choices("0123456789", k=random_.randrange(13, 20)))
        assert has_luhn(number) == bool(luhn.is_valid(number)), number
    assert valid > 300


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8-sig"])
def test_every_number_of_a_thousand_invented_customers_is_found(encoding: str) -> None:
    name = {"utf-8-sig": "utf8bom"}.get(encoding, encoding)
    text = (CN / f"faker-zh_CN-1000.{name}.csv").read_bytes().decode(encoding)
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 1_000
    wanted = {"身份证号": "id_number", "手机号": "mobile", "邮箱": "email", "银行卡号": "bank_card",
              "车牌": "plate"}  # fmt: skip
    for row in rows:
        for heading, cell in row.items():
            kinds = [kind for kind, _value in found(cell)]
            assert kinds == ([wanted[heading]] if heading in wanted else []), (heading, cell)


# -- how people write them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "spelling", "plain"),
    [
        ("mobile", "138-1234-5678", "13812345678"),
        ("mobile", "138 1234 5678", "13812345678"),
        ("mobile", "+86 138 1234 5678", "13812345678"),
        ("mobile", "+8613812345678", "13812345678"),
        ("mobile", "008613812345678", "13812345678"),
        ("mobile", "86-13812345678", "13812345678"),
        ("mobile", "(+86)13812345678", "13812345678"),
        ("mobile", "１３８１２３４５６７８", "13812345678"),
        ("mobile", "138－1234－5678", "13812345678"),
        ("id_number", "11010519491231002x", "11010519491231002X"),
        ("id_number", "110105 19491231 002X", "11010519491231002X"),
        ("id_number", "11010519491231002Ｘ", "11010519491231002X"),
        ("id_number", "110105491231002", "11010519491231002X"),
        ("bank_card", "6222 0212 3456 7890 128", "6222021234567890128"),
        ("bank_card", "4738-1624-3574-7083", "4738162435747083"),
        ("email", "Zhang.San@Example.COM", "zhang.san@example.com"),
        ("email", "zhang＠example．com", "zhang@example.com"),
        ("plate", "京A·12345", "京A12345"),
        ("plate", "闽V-34267", "闽V34267"),
        ("plate", "粤BD12345", "粤BD12345"),
        ("plate", "粤Ｂ１２３４５", "粤B12345"),
        ("landline", "010-12345678", "01012345678"),
        ("landline", "（0571）8765432", "05718765432"),
        ("uscc", "91350100m000100y43", "91350100M000100Y43"),
        ("passport", "e12345678", "E12345678"),
    ],
)
def test_every_spelling_is_found_and_has_one_form(kind: str, spelling: str, plain: str) -> None:
    assert (kind, spelling) in found(f"电话：{spelling}。")
    assert normalise(kind, spelling) == plain
    assert normalise(kind, normalise(kind, spelling)) == plain


def test_two_numbers_side_by_side_are_two() -> None:
    assert found("13812345678 13912345678、13712345678/13612345678") == [
        ("mobile", "13812345678"), ("mobile", "13912345678"), ("mobile", "13712345678"),
        ("mobile", "13612345678"),
    ]  # fmt: skip
    assert found("2023-01-05 13812345678") == [("mobile", "13812345678")]


def test_nothing_is_found_across_a_line_end() -> None:
    assert found("138\n12345678") == found("a@\nb.com") == []


# -- what is no such number ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "1700000000", "1700000000000", "1700000000000000", "2023-01-05 10:11:12.123456",
        "20230105101112", "20230105101112345", "订单202301051011123456", "NO.2023010512345678901",
        "9787111407010", "6901234567892", "192.168.100.200", "255.255.255.255",
        "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e",
        "¥12,345,678.90", "3.14159265358979", "12345678901", "10086", "400-800-8820",
        "@all", "user@localhost", "a@b", "新A", "京城12345", "v1.2.3-45678", "18:30-20:30",
        "E1234567", "FE1234567", "GB18030-2022", "ISO8601", "0000000000000000", "1" * 40,
    ],
)  # fmt: skip
def test_order_numbers_times_and_references_are_nobody(text: str) -> None:
    assert found(f"见 {text} 号") == found(text) == []


def test_few_random_references_are_taken_for_somebody() -> None:
    """Of 40,000 order numbers as shops make them, those taken for a person's number are counted."""
    seed = 7
    print("seed", seed)
    random_ = random.Random(seed)
    taken: Counter[str] = Counter()
    for _ in range(10_000):
        year, month = random_.randrange(18, 27), random_.randrange(1, 13)
        day = f"20{year}{month:02}{random_.randrange(1, 29):02}"
        for number in (
            f"{day}{random_.randrange(10**8):08}", f"{day[2:]}{random_.randrange(10**10):010}",
            f"DD{day}{random_.randrange(10**6):06}", f"{random_.randrange(10**17, 10**18)}",
        ):  # fmt: skip
            taken.update(kind for kind, _value in found(number))
    assert sum(taken.values()) <= 200, taken  # half of one per cent


@pytest.mark.parametrize(
    "hostile",
    [
        "1" * 300_000, "1 " * 150_000, "123 456 7890 " * 20_000, "@" * 300_000, "a@" * 150_000,
        "a" * 300_000 + "@", "a." * 150_000 + "@b.c", "x@" + "a." * 150_000, "-" * 300_000,
        "deadbeef0123" * 25_000, "１２３ 汉" * 60_000, "京A" * 150_000, "86 " * 100_000,
        "(010)" * 60_000, "E1234567" * 40_000,
    ],
    ids=range(15),
)  # fmt: skip
def test_a_hostile_text_takes_no_longer_than_its_length(hostile: str) -> None:
    started = time.process_time()
    Counter(hit.kind for hit in find(hostile))
    assert time.process_time() - started < 3


def test_a_hit_does_not_say_its_value_unasked() -> None:
    (hit,) = find("13812345678")
    assert "138" not in repr(hit)
