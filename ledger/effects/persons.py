"""Who is in a table, as far as its columns say: what names people, and how many different ones.

A column names people by its heading (`ledger.content.columns`), or by its cells: two to four Han
characters that begin with one of the hundred most common surnames, in most cells and in most of
the different values. Names in free text, rare surnames alone, and names of other peoples under a
heading that says nothing are not found here.

>>> names_people("经手", ["王小明", "李四", "张三丰", "赵六"])
True
>>> names_people("城区", ["上海市黄浦区", "上海市徐汇区"]), names_people("疾病", ["感冒", "高血压"])
(False, False)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ledger.content.columns import kind_of_heading

_SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜"
    "戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文欧诸"
)
_NAME: Final = re.compile(
    rf"(?:[{_SURNAMES}][\u4e00-\u9fff]{{1,3}}|(?:欧阳|司马|上官|诸葛)[\u4e00-\u9fff]{{1,2}})\Z"
)
_PERSON: Final = frozenset({"name", "child", "mobile", "id_number", "passport"})
_NAMING: Final = _PERSON | {
    "landline", "email", "im_account", "bank_card", "bank_account", "plate",
}  # fmt: skip
_MOST: Final = 0.6
_ENOUGH: Final = 3


def names_people(heading: str, cells: Iterable[str], times: Iterable[int] | None = None) -> bool:
    """Whether a column names people; `times`: how often each cell stands in it."""
    if kind_of_heading(heading) in _NAMING:
        return True
    counted: dict[str, int] = {}
    for cell, often in zip(cells, times, strict=True) if times else ((c, 1) for c in cells):
        if cell.strip() and cell != "*":
            counted[cell.strip()] = counted.get(cell.strip(), 0) + often
    names = [cell for cell in counted if _NAME.match(cell)]
    rows = sum(counted[cell] for cell in names)
    return (
        len(names) >= _ENOUGH
        and len(names) >= _MOST * len(counted)
        and rows >= _MOST * sum(counted.values())
    )


class Persons:
    """How many different people each group of rows has, by the columns that are dropped.

    Six orders of one customer are one person. Of several such columns the one that tells the
    fewest apart counts, and who has nothing in it is one person. Counted up to `most` only.
    """

    def __init__(self, header: Sequence[str], dropped: Sequence[str], most: int) -> None:
        self._columns = [
            index for index, name in enumerate(header)
            if name in dropped and kind_of_heading(name) in _PERSON
        ]  # fmt: skip
        self._most = most
        self._seen: dict[tuple[str, ...], list[set[int]]] = {}

    def take(self, group: tuple[str, ...], cells: Sequence[str]) -> None:
        """One row of a group, with all its cells."""
        if not self._columns:
            return
        seen = self._seen.setdefault(group, [set() for _ in self._columns])
        for found, index in zip(seen, self._columns, strict=True):
            if len(found) < self._most:
                found.add(hash("".join(cells[index].split())))

    def few(self) -> set[tuple[str, ...]]:
        """The groups with fewer than `most` different people."""
        return {g for g, seen in self._seen.items() if min(map(len, seen)) < self._most}


def columns_naming(
    names: Sequence[str], rows: Mapping[tuple[str, ...], int], general: Iterable[str]
) -> list[int]:
    """The indexes of the columns that name people; those made `general` hold no names."""
    return [
        index for index, name in enumerate(names)
        if name not in general and names_people(name, (r[index] for r in rows), rows.values())
    ]  # fmt: skip
