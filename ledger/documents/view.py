"""From a twin to what stands on the pages: sections of fields and tables, each text twice.

A pure function of the twin. Whatever the twin says is shown: members that this module knows in
their place, all others under "further particulars" by their own name, so that nothing that was
certified is left off the pages. Lines are (style, text…); styles are `zh`, `en`, `mono`, and `both`
for a text in Chinese with its English behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from domain.codes import ENUMERATIONS, label
from ledger.documents.words import (
    BOXES,
    COLUMNS,
    FIELDS,
    NON_CLAIMS,
    SEAL,
    STEPS,
    TITLES,
    VERIFICATION,
    WIDTHS,
    WORDS,
    Words,
)

Line = tuple[str, ...]
Cell = Sequence[Line]

CODES: Final[Mapping[str, str]] = {
    "verdict": "CertificateVerdict",
    "ground": "DestructionGround",
    "method": "DestructionMethodClass",
    "technique": "DestructionTechnique",
    "appraisal": "CheckResult",
    "result": "CheckResult",
    "role": "Role",
    "form": "MediumForm",
    "medium": "BackupMedium",
    "keystore_medium": "BackupMedium",
    "outcome": "ItemOutcome",
    "verified": "VerificationResult",
    "category": "RecordCategory",
    "level": "DataLevel",
    "kind": "KeyCopyKind",
}
"""Members that hold codes, and of which enumeration."""
_CHINA: Final = timedelta(hours=8)
_TIME: Final = "YYYY-MM-DDTHH:MM:SS.mmmZ"
_GROUP, _GROUPS = 4, 8
_DIGEST: Final = 64


def view(twin: Mapping[str, Any]) -> dict[str, Any]:
    """What the template lays out, but for the digests of the twin itself."""
    kind, said = twin["kind"], twin["said"]
    sections = {
        "destruction_list": _list, "destruction_certificate": _certificate,
        "restore_drill_report": _drill,
    }[kind]  # fmt: skip
    shown: set[str] = {"not_claimed", "claim"}
    made = [_particulars(twin), *sections(twin, said, shown)]
    made += _further(twin, {name: value for name, value in said.items() if name not in shown})
    certifies = kind == "destruction_certificate"
    return {
        "kind": kind, "number": twin["number"], "title": TITLES[kind],
        "banner": _banner(kind, said),
        "statements": _statements(said) if certifies else [],
        "sections": [section for section in made if section["rows"]],
        "nonclaims": [*NON_CLAIMS, *map(_words, said.get("not_claimed", ()))],
        "verification": VERIFICATION, "boxes": BOXES[kind], "seal": SEAL,
        "checkpoint": {
            "size": f"{twin['checkpoint']['size']:,}", "root": grouped(twin["checkpoint"]["root"]),
            "origin": twin["ledger"]["origin"],
        },
    }  # fmt: skip


def grouped(digest: str) -> list[str]:
    """A digest in hex as lines to be read aloud: groups of four digits, eight a line.

    >>> grouped("0123456789abcdef" * 4)[1]
    '0123 4567 89ab cdef 0123 4567 89ab cdef'
    """
    groups = [digest[at : at + _GROUP] for at in range(0, len(digest), _GROUP)]
    return [" ".join(groups[at : at + _GROUPS]) for at in range(0, len(groups), _GROUPS)]


def china(time: str) -> str:
    """A time as people in China read it.

    >>> china("2026-11-21T16:30:05.120Z")
    '2026-11-22 00:30:05'
    """
    local = datetime.fromisoformat(time[:-1]) + _CHINA
    return local.isoformat(sep=" ", timespec="seconds")


# -- sections ---------------------------------------------------------------------------------


def _particulars(twin: Mapping[str, Any]) -> dict[str, Any]:
    issuer, source = twin["issuer"], twin["source"]
    template = twin["template"]
    rows: list[tuple[str, Cell]] = [
        ("number", [("mono", twin["number"])]),
        ("issued_at", [("zh", f"{china(twin['issued_at'])}（北京时间 UTC+8）")]),
        ("origin", [("mono", twin["ledger"]["origin"])]),
        ("ledger", [("mono", twin["ledger"]["id"])]),
        ("engagement", [("mono", twin["engagement"])]),
        ("issuer", _person(twin, issuer)),
        ("source", [("mono", f"{source['stream']}/1 – {source['event'].rpartition('/')[2]}")]),
        ("template", [("mono", f"{template['id']} v{template['version']}")]),
    ]
    return _fields(("文书信息", "Document"), rows)


def _certificate(
    twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]
) -> Iterator[dict[str, Any]]:
    names = ("case", "ground", "method", "technique", "root", "appraisal")
    yield _fields(("基本事项", "Particulars"), _named(twin, said, names, shown))
    yield _counts(said, shown)
    yield _steps(twin, said, shown)
    shown |= {"items", "remaining", "remaining_count", "verdict", "state", "count", *_INSIDE}
    columns = [
        _column("序号", "No.", "9mm", right=True),
        _column("副本与资料编号", "Copy and record", "1fr"),
        _column("形式与介质", "Form, medium", "35mm"),
        _column("字节／件数", "Bytes / items", "20mm", right=True),
        _column("销毁结果", "Outcome", "23mm"),
        _column("核验结果", "Read back", "20mm"),
    ]
    items = said.get("items", ())
    rows = [
        [*_item(twin, n, item), _outcome(twin, item), _stacked(_code(twin, "verified", item))]
        for n, item in _numbered(items)
    ]
    yield _table(("销毁的副本", "Copies destroyed"), columns, rows)
    yield _ids(("已知留存的副本", "Copies known to remain"), said.get("remaining", ()))
    if "keys" in said and all(isinstance(key, str) for key in said["keys"]):
        shown.add("keys")
        yield _ids(("已销毁的数据密钥", "Data keys destroyed"), said["keys"])
        if said["keys"]:
            shown.add("keystore_medium")
            medium = _value(twin, "keystore_medium", said.get("keystore_medium"))
            rows_of = [("keystore_medium", medium or [_UNNAMED])]
            yield _fields(("密钥库", "Keystore"), rows_of)


def _list(
    twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]
) -> Iterator[dict[str, Any]]:
    names = ("case", "ground", "method", "technique", "root", "count", "appraisal")
    yield _fields(("基本事项", "Particulars"), _named(twin, said, names, shown))
    yield _steps(twin, said, shown)
    shown.add("items")
    columns = [
        _column("序号", "No.", "9mm", right=True),
        _column("副本与资料编号", "Copy and record", "1fr"),
        _column("形式与介质", "Form, medium", "33mm"),
        _column("字节／件数", "Bytes / items", "19mm", right=True),
        _column("类别", "Category", "29mm"),
        _column("最低保管至", "Keep until", "18mm"),
    ]
    rows = [
        [
            *_item(twin, n, item),
            _stacked(_code(twin, "category", item)),
            [("mono", item.get("min_until", "—"))],
        ]
        for n, item in _numbered(said.get("items", ()))
    ]
    yield _table(("清册", "The list"), columns, rows)


def _drill(
    twin: Mapping[str, Any], said: Mapping[str, Any], shown: set[str]
) -> Iterator[dict[str, Any]]:
    shown |= {"origin", "format", "event", "position", "entry"}  # told above, or the ledger's own
    names = [name for name, value in said.items() if not _is_table(value) and name not in shown]
    yield _fields(("演练情况", "The drill"), _named(twin, said, _in_order(names), shown))


def _further(twin: Mapping[str, Any], rest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What no section knows, by its own name."""
    plain = {name: value for name, value in rest.items() if not _is_table(value)}
    yield _fields(("其他事项", "Further particulars"), _named(twin, plain, list(plain), set()))
    for name, value in rest.items():
        if _is_table(value):
            keys = COLUMNS.get(name) or _in_order({key for row in value for key in row})
            columns = [_column(*FIELDS.get(k, (k, k)), WIDTHS.get(k, "1fr")) for k in keys]
            rows: list[list[Cell]] = [[_value(twin, k, row.get(k)) for k in keys] for row in value]
            yield {**_table(FIELDS.get(name, (name, name)), columns, rows), "narrow": True}


def _in_order(names: Iterable[str]) -> list[str]:
    """Members in the order in which people are told them; the twin has them sorted."""
    order = list(FIELDS)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def _is_table(value: object) -> bool:
    return isinstance(value, list) and any(value) and all(isinstance(v, dict) for v in value)


def _counts(said: Mapping[str, Any], shown: set[str]) -> dict[str, Any]:
    shown.add("counts")
    counts = {**said.get("counts", {}), "remaining_count": said.get("remaining_count")}
    if "handed_out" in said:
        shown.add("handed_out")
        counts["handed_out"] = said["handed_out"]
    counts = {name: counts[name] for name in _in_order(counts)}
    columns = [_column(*FIELDS.get(name, (name, name))) for name in counts]
    row: list[Cell] = [[("zh", "—" if n is None else f"{n:,}")] for n in counts.values()]
    return _table(("数量", "Counts"), columns, [row])


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
                    _person(twin, step["by"], step.get("role")), _detail(twin, name, step),
                ])  # fmt: skip
    columns = [
        _column("步骤", "Step", "20mm"),
        _column("入账时间", "Accepted (UTC+8)", "21mm"),
        _column("签署人与密钥", "Signer and key", "1fr"),
        _column("事项与事件", "What, event", "61mm"),
    ]
    return _table(("经过", "Course of the case"), columns, rows)


_UNNAMED: Final = ("both", "从未登记", "never named")
"""Of the keystore's medium, where nobody has told of it."""
_INSIDE: Final = ("certified_entry",)
"""What a certificate tells of the ledger's own doings, and stands in the twin only."""
_BEFORE: Final = ("proposed", "appraised", "approved")
_ENVELOPE: Final = {"by", "role", "at", "accepted", "event", "items"}


def _detail(twin: Mapping[str, Any], name: str, step: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for key in _in_order(step):
        value = step[key]
        if key in _ENVELOPE:
            continue
        if key == "witnesses":
            for actor in value:
                lines += [("both", "监销人", "Witness"), *_person(twin, actor)]
        elif key == "method" and name == "verified":
            lines += _label("VerificationMethod", value)
        elif value not in (None, [], ""):
            words = FIELDS.get(key, (key, key))
            shown = _value(twin, key, value)
            lines += shown if key in CODES else [("both", *words), *shown]
    stream, _, version = step["event"].rpartition("/")
    own = stream == twin["source"]["stream"]
    numbered = ("both", f"第 {version} 号事件", f"Event no. {version}")
    return [*lines, numbered if own else ("mono", step["event"])]


# -- cells ------------------------------------------------------------------------------------


_BANNERS: Final = {
    "destruction_certificate": ("verdict", "CertificateVerdict"),
    "restore_drill_report": ("result", "CheckResult"),
}


def _banner(kind: str, said: Mapping[str, Any]) -> list[Words] | None:
    """What a document comes to, in the one word that everybody looks for first."""
    name, enumeration = _BANNERS.get(kind, ("", ""))
    code = said.get(name)
    if not isinstance(code, str):
        return None
    return [FIELDS["verdict"], (_in(enumeration, code, 0), _in(enumeration, code, 1))]


def _statements(said: Mapping[str, Any]) -> list[Words]:
    claim = said.get("claim")
    return [_words(claim)] if isinstance(claim, dict) else []


def _words(text: Mapping[str, str]) -> Words:
    return text.get("zh", ""), text.get("en", "")


def _person(twin: Mapping[str, Any], actor: str, role: str | None = None) -> list[Line]:
    signer: Mapping[str, Any] = next((s for s in twin["signers"] if s["actor"] == actor), {})
    lines: list[Line] = [("zh", signer["name"])] if "name" in signer else []
    if role:
        lines += _label("Role", role)
    keys = signer.get("keys", ())
    return [*lines, ("mono", actor), *([("mono", f"密钥 key {', '.join(keys)}")] if keys else [])]


def _item(twin: Mapping[str, Any], number: int, item: Mapping[str, Any]) -> list[Cell]:
    record = item.get("record")
    records = [("both", f"资料 {item['records']:,} 份", "records")] if "records" in item else []
    return [
        [("mono", f"{number:,}")],
        [("mono", item["holding"]), *([("mono", record)] if record else records)],
        _beside(_value(twin, "form", item.get("form")), _value(twin, "medium", item.get("medium"))),
        [("mono", _number(item.get("size"))), ("mono", _number(item.get("items")))],
    ]


def _beside(*cells: Cell) -> list[Line]:
    """Labels of several codes: their Chinese on one line, their English on the next."""
    labels = [line for cell in cells for line in cell if line[0] == "both"]
    return (
        [
            (
                style,
                "、".join(label[at] for label in labels)
                if at == 1
                else ", ".join(label[at] for label in labels),
            )
            for at, style in ((1, "zh"), (2, "en"))
        ]
        if labels
        else [("zh", "—")]
    )


def _outcome(twin: Mapping[str, Any], item: Mapping[str, Any]) -> Cell:
    if item.get("taken_off"):
        return [("zh", "移出，未销毁"), ("en", "Taken off")]
    return _stacked(_code(twin, "outcome", item))


def _stacked(cell: Cell) -> list[Line]:
    """The English of labels under their Chinese."""
    return [
        part for line in cell
        for part in ([("zh", line[1]), ("en", line[2])] if line[0] == "both" else [line])
    ]  # fmt: skip


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "—"


def _numbered(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return enumerate(items, 1)


def _code(twin: Mapping[str, Any], name: str, item: Mapping[str, Any]) -> list[Line]:
    return _value(twin, name, item.get(name)) or [("zh", "—")]


def _value(twin: Mapping[str, Any], name: str, value: Any) -> list[Line]:  # noqa: ANN401  any JSON value
    """A value as lines."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [("both", "是", "yes") if value else ("both", "否", "no")]
    if isinstance(value, int):
        return [("mono", f"{value:,}")]
    if isinstance(value, str):
        return _text(twin, name, value)
    if isinstance(value, list):
        return [line for one in value for line in _value(twin, name, one)] or [
            ("both", "无", "none")
        ]
    lines: list[Line] = []
    if set(value) == {"zh", "en"}:
        return [("zh", value["zh"]), ("en", value["en"])]
    for key, part in value.items():
        words = FIELDS.get(key, (key, key))
        lines += [("both", *words), *_value(twin, key, part)]
    return lines


def _text(twin: Mapping[str, Any], name: str, value: str) -> list[Line]:
    words = WORDS.get(f"{name}.{value}") or WORDS.get(value)
    if words is not None:
        return [("both", *words)]
    enumeration = CODES.get(name)
    if enumeration and value in ENUMERATIONS[enumeration].codes:
        return _label(enumeration, value)
    if value.startswith("actor-"):
        return _person(twin, value)
    if len(value) == len(_TIME) and value[10:11] == "T" and value.endswith("Z"):
        return [("mono", china(value))]
    if len(value) == _DIGEST and not set(value) - set("0123456789abcdef"):
        return [("mono", line) for line in grouped(value)]
    return [("mono" if value.isascii() else "zh", value)]


def _label(enumeration: str, code: str) -> list[Line]:
    return [("both", _in(enumeration, code, 0), _in(enumeration, code, 1))]


def _in(enumeration: str, code: str, language: int) -> str:
    if code not in ENUMERATIONS[enumeration].codes:
        return code
    return label(enumeration, code, "en" if language else "zh")


# -- what the template lays out ---------------------------------------------------------------


def _named(
    twin: Mapping[str, Any], said: Mapping[str, Any], names: Iterable[str], shown: set[str]
) -> list[tuple[str, list[Line]]]:
    shown.update(names := list(names))
    found = ((name, _value(twin, name, said.get(name))) for name in names)
    return [(name, lines) for name, lines in found if lines]


def _fields(title: Words, rows: Sequence[tuple[str, Cell]]) -> dict[str, Any]:
    told = [[FIELDS.get(name, (name, name)), lines] for name, lines in rows]
    return {"type": "fields", "title": title, "rows": told}


def _column(zh: str, en: str, width: str = "1fr", *, right: bool = False) -> dict[str, Any]:
    return {"title": (zh, en), "width": width, "right": right}


def _table(
    title: Words, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]
) -> dict[str, Any]:
    if len(rows) > _MANY:
        return _long_table(title, columns, rows)
    return {"type": "table", "title": title, "columns": columns, "rows": rows, "narrow": False}


_MANY: Final = 300
_ROWS_A_PAGE: Final = 32
_LINES_A_ROW: Final = 2


def _long_table(
    title: Words, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]
) -> dict[str, Any]:
    """A table of many rows: a page is one text a column, each row two lines of it.

    Laid out cell by cell, ten thousand rows would take minutes and gigabytes.
    """
    pages = []
    for start in range(0, len(rows), _ROWS_A_PAGE):
        part = rows[start : start + _ROWS_A_PAGE]
        pages.append(["\n".join(_two_lines(row[at], column) for row in part)
                      for at, column in enumerate(columns)])  # fmt: skip
    sans = [any(line[0] == "zh" for line in rows[0][at]) for at in range(len(columns))]
    wide = [{**column, "mono": not is_sans} for column, is_sans in zip(columns, sans, strict=True)]
    return {"type": "pages", "title": title, "columns": wide, "rows": pages}


def _two_lines(cell: Cell, column: Mapping[str, Any]) -> str:
    """A cell as exactly two lines, each short enough not to wrap."""
    width = column["width"]
    room = _POINTS_A_MM * float(width[:-2]) / _POINTS if width.endswith("mm") else _MAX_CHARACTERS
    texts = [text for line in cell for text in line[1:]][:_LINES_A_ROW]
    texts += [""] * (_LINES_A_ROW - len(texts))
    return "\n".join(_cut(text, room) for text in texts)


_POINTS, _POINTS_A_MM, _MAX_CHARACTERS = 6.2, 2.7, 60.0
_WIDE, _NARROW = 1.0, 0.53


def _cut(text: str, room: float) -> str:
    """A text of at most `room` ems; what is longer ends in an ellipsis."""
    if len(text) <= room:
        return text
    taken = 0.0
    for at, character in enumerate(text):
        taken += _NARROW if character.isascii() else _WIDE
        if taken > room:
            return text[: at - 1] + "…"
    return text


def _ids(title: Words, ids: Sequence[str]) -> dict[str, Any]:
    """Ids, in two columns where there are several."""
    cells: list[Cell] = [[("mono", one)] for one in ids]
    columns = [_column("编号", "Id", "1fr")] * min(len(cells), 2)
    if len(cells) > 1 and len(cells) % 2:
        cells.append([])
    step = max(len(columns), 1)
    return _table(title, columns, [cells[at : at + step] for at in range(0, len(cells), step)])
