"""What stands on the pages about a destruction case, and about a restore drill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ledger.documents.cells import (
    CODES,
    Cell,
    Line,
    beside,
    china,
    code,
    figure,
    in_order,
    is_table,
    label_of,
    numbered,
    person,
    stacked,
    value_of,
)
from ledger.documents.layout import column, fields, ids_table, named, table
from ledger.documents.words import FIELDS, STEPS


def certificate(
    twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]
) -> Iterator[dict[str, Any]]:
    """The certificate of a destruction."""
    names = ("case", "ground", "method", "technique", "root", "appraisal")
    yield fields(("基本事项", "Particulars"), named(twin, said, names, shown))
    yield _counts(said, shown)
    yield _steps(twin, said, shown)
    shown |= {"items", "remaining", "remaining_count", "verdict", "state", "count", *_INSIDE}
    columns = [
        column("序号", "No.", "9mm", right=True),
        column("副本与资料编号", "Copy and record", "1fr"),
        column("形式与介质", "Form, medium", "35mm"),
        column("字节／件数", "Bytes / items", "20mm", right=True),
        column("销毁结果", "Outcome", "23mm"),
        column("核验结果", "Read back", "20mm"),
    ]
    items = said.get("items", ())
    rows = [
        [*_item(twin, n, item), _outcome(twin, item), stacked(code(twin, "verified", item))]
        for n, item in numbered(items)
    ]
    yield table(("销毁的副本", "Copies destroyed"), columns, rows)
    yield ids_table(("已知留存的副本", "Copies known to remain"), said.get("remaining", ()))
    if "keys" in said and all(isinstance(key, str) for key in said["keys"]):
        shown.add("keys")
        yield ids_table(("已销毁的数据密钥", "Data keys destroyed"), said["keys"])
        if said["keys"]:
            shown.add("keystore_medium")
            medium = value_of(twin, "keystore_medium", said.get("keystore_medium"))
            rows_of = [("keystore_medium", medium or [_UNNAMED])]
            yield fields(("密钥库", "Keystore"), rows_of)


def destruction_list(
    twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]
) -> Iterator[dict[str, Any]]:
    """The list of a destruction, as approved."""
    names = ("case", "ground", "method", "technique", "root", "count", "appraisal")
    yield fields(("基本事项", "Particulars"), named(twin, said, names, shown))
    yield _steps(twin, said, shown)
    shown.add("items")
    columns = [
        column("序号", "No.", "9mm", right=True),
        column("副本与资料编号", "Copy and record", "1fr"),
        column("形式与介质", "Form, medium", "33mm"),
        column("字节／件数", "Bytes / items", "19mm", right=True),
        column("类别", "Category", "29mm"),
        column("最低保管至", "Keep until", "18mm"),
    ]
    rows = [
        [
            *_item(twin, n, item),
            stacked(code(twin, "category", item)),
            [("mono", item.get("min_until", "—"))],
        ]
        for n, item in numbered(said.get("items", ()))
    ]
    yield table(("清册", "The list"), columns, rows)


def drill(
    twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]
) -> Iterator[dict[str, Any]]:
    """The report of a restore drill."""
    shown |= {"origin", "format", "event", "position", "entry"}  # told above, or the ledger's own
    names = [name for name, value in said.items() if not is_table(value) and name not in shown]
    yield fields(("演练情况", "The drill"), named(twin, said, in_order(names), shown))


def _counts(said: Mapping[str, Any], shown: set[str]) -> dict[str, Any]:
    shown.add("counts")
    counts = {**said.get("counts", {}), "remaining_count": said.get("remaining_count")}
    if "handed_out" in said:
        shown.add("handed_out")
        counts["handed_out"] = said["handed_out"]
    counts = {name: counts[name] for name in in_order(counts)}
    columns = [column(*FIELDS.get(name, (name, name))) for name in counts]
    row: list[Cell] = [[("zh", "—" if n is None else f"{n:,}")] for n in counts.values()]
    return table(("数量", "Counts"), columns, [row])


def _steps(twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]) -> dict[str, Any]:
    """Who did what when, by person: several events of one commit are one step."""
    rows: list[list[Cell]] = []
    told: set[tuple[str, str, str]] = set()
    for name, words in STEPS.items():
        steps = said.get(name) or []
        if not isinstance(steps, list | dict) or (twin["kind"] == "destruction_list"
                                                  and name not in _BEFORE):  # fmt: skip
            continue
        shown.add(name)
        for step in steps if isinstance(steps, list) else [steps]:
            known = (name, step["by"], step["accepted"])
            if known not in told:
                told.add(known)
                rows.append([
                    [("zh", words[0]), ("en", words[1])], [("mono", china(step["accepted"]))],
                    person(twin, step["by"], step.get("role")), _detail(twin, name, step),
                ])  # fmt: skip
    columns = [
        column("步骤", "Step", "20mm"),
        column("入账时间", "Accepted (UTC+8)", "21mm"),
        column("签署人与密钥", "Signer and key", "1fr"),
        column("事项与事件", "What, event", "61mm"),
    ]
    return table(("经过", "Course of the case"), columns, rows)


_UNNAMED: Final = ("both", "从未登记", "never named")
"""Of the keystore's medium, where nobody has told of it."""
_INSIDE: Final = ("certified_entry",)
"""What a certificate tells of the ledger's own doings, and stands in the twin only."""
_BEFORE: Final = ("proposed", "appraised", "approved")
_ENVELOPE: Final = {"by", "role", "at", "accepted", "event", "items"}


def _detail(twin: Mapping[str, Any], name: str, step: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for key in in_order(step):
        value = step[key]
        if key in _ENVELOPE:
            continue
        if key == "witnesses":
            for actor in value:
                lines += [("both", "监销人", "Witness"), *person(twin, actor)]
        elif key == "method" and name == "verified":
            lines += label_of("VerificationMethod", value)
        elif value not in (None, [], ""):
            words = FIELDS.get(key, (key, key))
            shown = value_of(twin, key, value)
            lines += shown if key in CODES else [("both", *words), *shown]
    stream, _, version = step["event"].rpartition("/")
    own = stream == twin["source"]["stream"]
    numbered = ("both", f"第 {version} 号事件", f"Event no. {version}")
    return [*lines, numbered if own else ("mono", step["event"])]


def _item(twin: Mapping[str, Any], number: int, item: Mapping[str, Any]) -> list[Cell]:
    record = item.get("record")
    records = [("both", f"资料 {item['records']:,} 份", "records")] if "records" in item else []
    return [
        [("mono", f"{number:,}")],
        [("mono", item["holding"]), *([("mono", record)] if record else records)],
        beside(*(value_of(twin, name, item.get(name)) for name in ("form", "medium"))),
        [("mono", figure(item.get("size"))), ("mono", figure(item.get("items")))],
    ]


def _outcome(twin: Mapping[str, Any], item: Mapping[str, Any]) -> Cell:
    if item.get("taken_off"):
        return [("zh", "移出，未销毁"), ("en", "Taken off")]
    return stacked(code(twin, "outcome", item))
