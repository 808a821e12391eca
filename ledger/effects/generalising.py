r"""A table made anonymous: columns dropped, values generalised, small groups left out; its test.

Every column that is not dropped, and not named as sensitive, may tell people apart: it counts as a
quasi-identifier, generalised or not. Rows that are alike in all of them are a group; a group
smaller than k (in people, where a dropped column tells them: `ledger.effects.persons`), or with
fewer than l different values of a sensitive column, is suppressed. What is left is written in
order of its values, so that neither row numbers nor order lead back.

    decade    1987-03-02 → 1980s       month      2026-03-02, 20260302 → 2026-03
    year      2026/3/2 → 2026          band:500   1,234.50 → 1000-1499
    district  上海市浦东新区世纪大道1号 → 上海市浦东新区       city   → 上海市

A value that does not fit its rule becomes `*`. There is no rule that hashes: a keyed hash is
restorable by whoever has the key or tries all numbers, so it stays personal data (PIPL 73(4)).

The result is UTF-8 csv with a header and `\n`. `examine` reads its bytes again and believes nothing
of what made them.

>>> plan = Plan(drop=("姓名",), rules={"生日": "decade", "消费": "band:500"}, k=2)
>>> table = [
...     ("姓名", "生日", "消费"),
...     ("甲", "1987-01-02", "520"),
...     ("乙", "1989-11-30", "999.9"),
...     ("丙", "1961-05-05", "20"),
... ]
>>> made = generalise(iter(table), plan)
>>> made.data.decode().splitlines()
['生日,消费', '1980s,500-999', '1980s,500-999']
>>> (made.rows, made.kept, made.suppressed), examine(made.data, plan).flaws
((3, 2, 1), ())
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.content.detectors import find
from ledger.effects.persons import Persons, columns_naming
from ledger.errors import UsageError

LOST: Final = "*"
MOST_BYTES: Final = 256 << 20
"""So much memory different rows may take; a table that stays larger is not general enough."""
MOST_WRITTEN: Final = 256 << 20
"""So many bytes the result may have at most: it is made, and tested, in memory."""
RULES: Final = ("decade", "year", "month", "district", "city", "band")

_A_ROW: Final = 400
_A_SET: Final = 300
"""Bytes for a row's places in tables of rows and groups, and for a set of one value."""

_NEXT: Final = "muniment anonymise --help"
_BAND: Final = re.compile(r"band:([1-9][0-9]{0,11})\Z")
_DAY: Final = re.compile(
    r"\s*([12][0-9]{3})(?:年|(?:[-/.]|年)(0?[1-9]|1[0-2])(?:(?:[-/.]|月)"
    r"(?:(?:0?[1-9]|[12][0-9]|3[01])日?)?(?:[T ][0-9:.Z+ ]*)?)?"
    r"|(0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?\s*\Z"
)
_IN_NAME: Final = r"[^\s省市区县旗路街号弄巷村楼0-9A-Za-z]"
_PLACE: Final = re.compile(
    rf"\s*(?:中国)?(?P<city>(?:{_IN_NAME}{{2,8}}?(?:省|自治区))?(?:{_IN_NAME}{{1,8}}?(?:市|自治州|盟))?)"
    rf"(?P<district>{_IN_NAME}{{1,6}}?(?:(?<![小社园校])区|县|旗|市))?"
)
_NUMBER: Final = re.compile(
    r"\s*[¥￥]?\s*(-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|-?[0-9]{1,15}(?:\.[0-9]+)?)"
    r"\s*(?:元|CNY|RMB)?\s*\Z"
)
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "decade": re.compile(r"[12][0-9]{2}0s"),
    "year": re.compile("[12][0-9]{3}"),
    "month": re.compile("[12][0-9]{3}-(?:0[1-9]|1[0-2])"),
    "band": re.compile("-?[0-9]+--?[0-9]+"),
    "district": re.compile("[^0-9\\s]{2,24}(?:区|县|旗)"),
    "city": re.compile("[^0-9\\s]{2,20}(?:市|自治州|地区|盟)"),
}


class Plan(NamedTuple):
    """What is done with the columns, by their names in the header.

    `drop`: left out; `rules`: generalised; `sensitive`: kept as they are or generalised, and not
    counted as telling people apart; `k`: rows alike, at least; `l`: different values of each
    sensitive column in a group, at least.
    """

    drop: tuple[str, ...] = ()
    rules: Mapping[str, str] = {}
    sensitive: tuple[str, ...] = ()
    k: int = 5
    l: int = 2  # noqa: E741  as the literature calls it

    def kept(self, header: Sequence[str]) -> list[int]:
        """The indexes of the columns that stay. Raises `UsageError` for a column that is not."""
        for name in {*self.drop, *self.rules, *self.sensitive}:
            if header.count(name) != 1:
                raise UsageError(
                    "a column that was named stands in the header not at all, or twice; nothing "
                    "was written", "compare with the first line of the table",
                )  # fmt: skip
        kept = [index for index, name in enumerate(header) if name not in self.drop]
        if not [index for index in kept if header[index] not in self.sensitive]:
            raise UsageError("no column is left by which groups are made", _NEXT)
        return kept


class Made(NamedTuple):
    """The anonymous table: its bytes, and how many data rows were read, kept and suppressed."""

    data: bytes
    rows: int
    kept: int
    suppressed: int

    def __repr__(self) -> str:
        """Without content."""
        return f"<Made {self.kept} of {self.rows} rows>"


class Examined(NamedTuple):
    """What the test found: `flaws` as codes, empty if it is passed.

    `smallest`: rows of the smallest group; `values`: the fewest different values of a sensitive
    column in a group (None: there is no sensitive column).
    """

    flaws: tuple[str, ...]
    groups: int
    smallest: int
    values: int | None


def checked_rule(rule: str) -> str:
    """A rule as somebody typed it. Raises `UsageError` for one that there is not."""
    if rule in RULES[:-1] or _BAND.match(rule):
        return rule
    if re.match(r"(?i)hash|hmac|sha|md5|sm3|mask|token|encrypt", rule):
        raise UsageError(
            "a hash, a token or a ciphertext is not anonymous: whoever has the key, or tries all "
            "numbers, finds the person again (PIPL 73). Nothing was written",
            "drop the column",
        )
    raise UsageError("there is no such rule; nothing was written",
                     "decade, year, month, district, city, band:NUMBER")  # fmt: skip


def generalise(table: Iterator[Sequence[str]], plan: Plan) -> Made:
    """Make a table anonymous; the first of its rows is the header.

    Memory follows the rows that differ after generalising. Raises `UsageError` for columns or rows
    that do not fit, and for a table that stays too large.
    """
    header = [name.strip() for name in next(table, ())]
    kept = plan.kept(header)
    names = [header[index] for index in kept]
    rows, count, few = _counted(table, header, kept, plan)
    safe = _suppressed(rows, names, plan, few)
    data = _written(names, safe)
    left = safe.total()
    return Made(data, count, left, count - left)


def _written(names: Sequence[str], rows: Counter[_Row]) -> bytes:
    """The table as csv. Raises `UsageError` if it has more than `MOST_WRITTEN` bytes."""
    data = io.BytesIO()
    text = io.TextIOWrapper(data, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in sorted(rows):
        before = data.tell()
        writer.writerow(row)
        if data.tell() + (data.tell() - before) * (rows[row] - 1) > MOST_WRITTEN:
            raise UsageError("the anonymous table is too large; nothing was written",
                             "collect the table in parts")  # fmt: skip
        writer.writerows(itertools.repeat(row, rows[row] - 1))
    return data.getvalue()


def _memory(row: _Row, plan: Plan) -> int:
    """What a row that no other is like takes in memory: its cells, and its share of the groups.

    Short cells are mostly overhead: ten of three characters take about 600 bytes.
    """
    return sys.getsizeof(row) + sum(map(sys.getsizeof, row)) + _A_ROW + _A_SET * len(plan.sensitive)


_Row = tuple[str, ...]


def _counted(
    table: Iterator[Sequence[str]], header: Sequence[str], kept: Sequence[int], plan: Plan
) -> tuple[Counter[_Row], int, set[_Row]]:
    """How often each general row stands there, how many rows there are, groups of too few."""
    apart = [at for at, index in enumerate(kept) if header[index] not in plan.sensitive]
    persons = Persons(header, plan.drop, plan.k)
    rules = [plan.rules.get(header[index], "") for index in kept]
    columns = list(zip(kept, rules, strict=True))
    rows: Counter[_Row] = Counter()
    count = size = 0
    for number, cells in enumerate(table, 1):
        if not any(cells):
            continue
        if any(cells[len(header) :]):
            msg = "data row {row} has more cells than the header; nothing was written"
            raise UsageError(msg, "correct the table", row=number)
        count += 1
        whole = [*cells, *[""] * (len(header) - len(cells))]
        row = tuple(general(rule, whole[index]) for index, rule in columns)
        rows[row] += 1
        persons.take(tuple(row[at] for at in apart), whole)
        if rows[row] == 1:
            size += _memory(row, plan)
            if size > MOST_BYTES:
                raise UsageError("the table stays too large: too few rows become alike",
                                 "drop or generalise more columns")  # fmt: skip
    return rows, count, persons.few()


def general(rule: str, value: str) -> str:
    """A value by a rule, `*` if it does not fit; without a rule as it stands.

    >>> [general("month", text) for text in ("2026年3月2日", "20260302", "2026-03-02 08:30", "3/2")]
    ['2026-03', '2026-03', '2026-03', '*']
    >>> (
    ...     general("district", "浙江省杭州市西湖区文三路90号"),
    ...     general("district", "杭州市文三路西湖小区"),
    ... )
    ('浙江省杭州市西湖区', '*')
    """
    if not rule:
        return value.strip()
    if rule.startswith("band:"):
        return _band(int(rule[5:]), value)
    if rule in ("district", "city"):
        return _place(rule, value)
    found = _DAY.match(value)
    if found is None:
        return LOST
    year, month = found[1], found[2] or found[3]
    if rule == "month":
        return f"{year}-{int(month):02d}" if month else LOST
    return year if rule == "year" else f"{year[:3]}0s"


def _band(width: int, value: str) -> str:
    found = _NUMBER.match(value)
    if found is None:
        return LOST
    low = int((Decimal(found[1].replace(",", "")) / width).to_integral_value("ROUND_FLOOR")) * width
    return f"{low}-{low + width - 1}"


def _place(rule: str, value: str) -> str:
    found = _PLACE.match(value)
    part = found and found[rule]
    if not found or not part:
        return LOST
    return part if rule == "city" else f"{found['city']}{part}"


def _groups(
    rows: Iterable[tuple[_Row, int]], names: Sequence[str], plan: Plan
) -> dict[_Row, tuple[int, list[set[str]]]]:
    """The rows by what could tell people apart: how many, and the values of sensitive columns."""
    apart = [index for index, name in enumerate(names) if name not in plan.sensitive]
    hidden = [index for index, name in enumerate(names) if name in plan.sensitive]
    found: dict[_Row, tuple[int, list[set[str]]]] = {}
    for row, times in rows:
        group = tuple(row[index] for index in apart)
        count, values = found.get(group, (0, [set() for _ in hidden]))
        for seen, index in zip(values, hidden, strict=True):
            seen.add(row[index])
        found[group] = count + times, values
    return found


def _suppressed(
    rows: Counter[_Row], names: Sequence[str], plan: Plan, few: set[_Row]
) -> Counter[_Row]:
    """The rows of the groups that are large and different enough."""
    groups = _groups(rows.items(), names, plan)
    safe = {
        group
        for group, (count, values) in groups.items()
        if group not in few and count >= plan.k and all(len(seen) >= plan.l for seen in values)
    }
    apart = [index for index, name in enumerate(names) if name not in plan.sensitive]
    return Counter({
        row: times for row, times in rows.items() if tuple(row[index] for index in apart) in safe
    })  # fmt: skip


# -- the test ---------------------------------------------------------------------------------


def examine(data: bytes, plan: Plan) -> Examined:
    """Whether what was written is anonymous, read anew from its bytes.

    nothing_left          no row
    dropped_column_left   a column that was to be dropped stands in the header
    not_generalized       a value that is not what its rule gives, nor `*`
    identifier_found      something stands the check of a telephone, identity or passport
                          number, a bank card, an e-mail address, a plate, a credit code
    group_too_small       fewer than k rows are alike
    too_few_values        fewer than l values of a sensitive column in a group
    column_names_people   a column that is kept as it is has the heading, or the cells, of names or
                          of numbers that belong to one person
    column_identifies     most rows have a sensitive value that nobody else has
    order_kept            the rows are not in order of their values
    """
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    reader = csv.reader(text, strict=True)
    names = next(reader, [])
    rows: Counter[_Row] = Counter()
    in_order = True
    before: _Row = ()
    for row in map(tuple, reader):
        in_order, before = in_order and before <= row, row
        rows[row] += 1
    groups = _groups(rows.items(), names, plan)
    values = [len(seen) for _, found in groups.values() for seen in found]
    smallest = min((count for count, _ in groups.values()), default=0)
    hidden = [index for index, name in enumerate(names) if name in plan.sensitive]
    cells = {*names, *(cell for row in rows for cell in row)}
    found = {
        "nothing_left": not rows,
        "dropped_column_left": not set(plan.drop).isdisjoint(names),
        "not_generalized": any(_not_general(names, row, plan) for row in rows),
        "identifier_found": any(any(True for _ in find(cell)) for cell in cells),
        "group_too_small": smallest < plan.k,
        "too_few_values": any(count < plan.l for count in values),
        "column_identifies": any(_tells(rows, index) for index in hidden),
        "column_names_people": bool(columns_naming(names, rows, plan.rules)),
        "order_kept": not in_order,
    }
    flaws = tuple(code for code, holds in found.items() if holds)
    return Examined(flaws, len(groups), smallest, min(values, default=None))


def _not_general(names: Sequence[str], row: _Row, plan: Plan) -> bool:
    """Whether a value is not what the rule of its column gives."""
    for name, value in zip(names, row, strict=True):
        form = _FORMS.get(plan.rules.get(name, "").partition(":")[0])
        if form is not None and value != LOST and not form.fullmatch(value):
            return True
    return False


def _tells(rows: Counter[_Row], index: int) -> bool:
    """Whether more than half of the rows have a value, in this column, that no other row has."""
    often: Counter[str] = Counter()
    for row, times in rows.items():
        often[row[index]] += times
    return 2 * sum(1 for times in often.values() if times == 1) > rows.total()
