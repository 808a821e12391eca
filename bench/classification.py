"""`classify --auto` on a table of a million rows: what is in it, and the tree over its rows.

The table has 13 columns as a cleaning firm exports them: numbers, names, addresses, a remark in
Chinese of which one in thirty holds a telephone number, days and amounts. Everything is measured
from the file in the page cache to the counts, decoding included; the tree is measured apart. Beside
them, what Python's own `csv` needs to take the same file apart and do nothing with it.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from bench.alone import alone, can_tell
from bench.measuring import Result, Run, Size, folder, interleaved, result, skipped
from ledger import rowtree, sources
from ledger.content import Limits, blocks
from ledger.content.counting import count

_SEED: Final = 20261122
_CUSTOMERS: Final = 1_000
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_HEADINGS: Final = (
    "客户编号", "姓名", "身份证号", "手机号", "地址", "邮箱", "单位", "银行卡号", "出生日期",
    "车牌", "备注", "下单时间", "金额",
)  # fmt: skip
_WORDS: Final = (
    "上门保洁", "预约", "下周二", "客户要求", "带孩子", "请提前", "联系", "玻璃", "厨房", "油烟机",
    "已付", "定金", "有狗",
)  # fmt: skip
_TODAY: Final = "2026-11-22"
_MOST_MEMORY: Final = 200


def contents(size: Size) -> Iterator[Result]:
    """Part 7 of the issue: at least 40 MB/s, at most 200 MB."""
    with folder("classification") as path:
        file = table(path / "客户.csv", size.grown)
        runs: dict[str, Run] = {
            "count": partial(_rate, file, counted),
            "tree": partial(_rate, file, _tree),
            "csv": partial(_rate, file, _taken_apart),
        }
        rates = interleaved(runs, size.rounds)
        peer = ("csv.reader and no more", rates["csv"])
        yield result(
            "P12", f"classify --auto, {size.grown:,} rows", rates["count"], "MB/s", peer=peer,
            least=40,
        )  # fmt: skip
        yield result("P12", "tree over the same rows", rates["tree"], "MB/s", peer=peer)
        what = "most memory of classify --auto"
        if can_tell():
            _, peak = alone("count", file)
            yield result("P12", what, peak, "MB", most=_MOST_MEMORY)
        else:
            yield skipped("P12", what, "this system does not say", f"<= {_MOST_MEMORY} MB")


def table(path: Path, rows: int) -> Path:
    """A table of so many rows, the same ones every time."""
    chosen = random.Random(_SEED)
    customers = [_customer(chosen) for _ in range(_CUSTOMERS)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for number, customer in enumerate(islice(cycle(customers), rows)):
            remark = "".join(chosen.choices(_WORDS, k=chosen.randrange(8)))
            if number % 30 == 0:
                remark += f"电话138{chosen.randrange(10**8):08}"
            day = f"2023-{chosen.randrange(1, 13):02}-{chosen.randrange(1, 29):02} 10:00:00"
            amount = f"{chosen.randrange(10**6) / 100:.2f}"
            writer.writerow((f"C{number:07}", *customer, remark, day, amount))
    return path


def _customer(chosen: random.Random) -> tuple[str, ...]:
    birth = (
        f"{chosen.randrange(1940, 2005)}{chosen.randrange(1, 13):02}{chosen.randrange(1, 29):02}"
    )
    body = f"110105{birth}{chosen.randrange(1000):03}"
    check = sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11
    card = f"622202{chosen.randrange(10**9):09}"
    last = next(str(d) for d in range(10) if _has_luhn(f"{card}{d}"))
    place = "".join(chosen.choices("新华路人民建设解放中山", k=6))
    return (
        "".join(chosen.choices("王李张刘陈杨赵黄", k=3)),
        f"{body}{'10X98765432'[check]}",
        f"139{chosen.randrange(10**8):08}",
        f"北京市朝阳区{place}{chosen.randrange(1, 300)}号 100020",
        f"kehu{chosen.randrange(10**6)}@example.com",
        f"{place}科技有限公司",
        card + last,
        f"{birth[:4]}-{birth[4:6]}-{birth[6:]}",
        f"京A{chosen.randrange(10**5):05}",
    )


def _has_luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(sum(divmod(2 * v, 10)) for v in values[1::2])) % 10 == 0


def _rate(file: Path, work: Callable[[Path], int]) -> float:
    start = time.perf_counter()
    work(file)
    return file.stat().st_size / 1e6 / (time.perf_counter() - start)


def counted(file: Path) -> int:
    """What classification does with a table, but for finding its record; the rows counted."""
    with file.open("rb") as stream:
        counts = count(blocks(stream, file.name, Limits()), _TODAY)
    if {"id_number", "mobile", "bank_card"} - {found.kind for found in counts.found}:
        raise SystemExit("the measured table was not classified as what it is")
    return counts.rows


def _tree(file: Path) -> int:
    return rowtree.series(sources.read(bytes(file))).items


def _taken_apart(file: Path) -> int:
    with file.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _ in csv.reader(stream))
