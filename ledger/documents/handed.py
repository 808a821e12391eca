"""What stands on the pages of a handover list and of a handover confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ledger.documents.cells import (
    Cell,
    Line,
    china,
    figure,
    label_of,
    numbered,
    person,
    stacked,
    value_of,
)
from ledger.documents.layout import Sheet, column, ids_table, register, table
from ledger.documents.wording import paragraphs, text_of
from ledger.documents.words import Words
from ledger.documents.words_deal import (
    BY,
    FIELDS,
    LEGEND,
    LEGEND_TITLE,
    NOTHING_KEPT,
    SIDES,
    TYPED,
    UNITS,
    UNSAID,
)

Twin = Mapping[str, Any]
Section = dict[str, Any]

LANDSCAPE: Final = Sheet(flipped=True, rows=15, lines=3, points=5.6)
_DIGEST_LINE: Final = 22
_BY: Final = {"category": "RecordCategory", "sensitivity": "Sensitivity", "form": "MediumForm"}


def handover_list(twin: Twin, said: Mapping[str, Any], shown: set[str]) -> Iterator[Section]:
    """The list: between whom, what in sum, what not, and every line."""
    shown.update(said)
    yield named_parties(twin)
    names = ("handover", "list_version", "mode", "basis", "window", "inspection_days", "frozen_at",
             "root", "lines", "count", "records", "marketing", "agreements", "ndas",
             "pipias")  # fmt: skip
    yield particulars(("清单", "The list"), twin, said, names)
    yield _handlers(twin, said)
    yield from _replaced(twin, said)
    yield _totals(said)
    yield _excluded(said)
    yield _clause("handover_list", {"count": figure(said["count"])})
    yield _legend(said)
    yield _lines(said)


def handover_confirmation(
    twin: Twin, said: Mapping[str, Any], shown: set[str]
) -> Iterator[Section]:
    """The confirmation: how it went, what did not fit, who signed, what the seller keeps."""
    shown.update(said)
    yield named_parties(twin)
    names = ("handover", "list_version", "mode", "basis", "root", "lines", "count", "records",
             "released_at", "released_off_plan", "received_at", "received_off_plan",
             "package_sent", "package_received", "seal", "read",
             "matched", "inspection_days", "deadline", "deemed_at", "not_inspected", "accepted",
             "rejected", "reservations", "effective_at", "confirmed_at", "tracking", "agreements",
             "ndas", "pipias")  # fmt: skip
    yield particulars(("移交", "The handover"), twin, said, names)
    yield from _replaced(twin, said)
    yield _inspected(said)
    yield _discrepancies(said)
    yield ids_table(("拒收项", "Items rejected"), said.get("rejected_items", ()))
    yield _clause("handover_confirmation", {})
    yield _residual(said)
    yield _signed(twin, said)


# -- parts --------------------------------------------------------------------------------------


def named_parties(twin: Twin) -> Section:
    """The firms, by side."""
    columns = [
        column("当事人", "Party", "24mm"),
        column("名称", "Name"),
        column("统一社会信用代码", "Registration no.", "42mm"),
        column("登记编号", "Id", "38mm"),
    ]
    rows: list[list[Cell]] = []
    for one in twin.get("parties", ()):
        known: list[list[Line]] = [
            [("zh", one[name])] if name in one else [("zh", "—")] for name in ("name", "identifier")
        ]
        side = SIDES[one["side"]]
        rows.append([[("zh", side[0]), ("en", side[1])], *known, [("mono", one["party"])]])
    return {**table(("当事人", "Parties"), columns, rows), "narrow": True}


def particulars(title: Words, twin: Twin, said: Mapping[str, Any], names: Sequence[str]) -> Section:
    """Members that are there, in order, each with its name in both languages."""
    rows: list[tuple[Words, Cell]] = []
    if "engagement_title" in twin:
        rows.append((FIELDS["engagement_title"], [("zh", twin["engagement_title"])]))
    for name in names:
        cell = _cell(twin, said, name)
        if cell:
            rows.append((FIELDS[name], cell))
    for name, text in twin.get("texts", {}).items():
        rows.append((TYPED.get(name, (name, name)), [("zh", text)]))
    return {"type": "fields", "title": title, "rows": [[list(words), cell] for words, cell in rows]}


_ENUMERATED: Final = {
    "released_off_plan": "PlanDeviation", "received_off_plan": "PlanDeviation",
    "mode": "TransferMode", "path": "TransferPath", "seal": "SealCondition",
    "channel": "NoticeChannel", "article": "NoticeKind", "outcome": "EngagementOutcome",
}  # fmt: skip


def _cell(twin: Twin, said: Mapping[str, Any], name: str) -> Cell:
    if name == "basis":
        return [("zh", text) for text in twin.get("basis", ())]
    if name == "window":
        return [("mono", f"{said['first_day']} – {said['last_day']}")]
    if name == "period":
        return [("mono", f"{china(said['period_from'])} – {china(said['period_to'])} (UTC+8)")]
    if name == "addressed":
        return [("mono", figure(said.get("count")))]
    value = said.get(name)
    if name in _ENUMERATED and isinstance(value, str):
        return label_of(_ENUMERATED[name], value)
    if isinstance(value, str) and value.startswith("party-"):
        return firm_of(twin, value)
    return value_of(twin, name, value)


def firm_of(twin: Twin, party: str) -> Cell:
    """A firm by its name, if the document says it, and its id."""
    for one in twin.get("parties", ()):
        if one["party"] == party and "name" in one:
            return [("zh", one["name"]), ("mono", party)]
    return [("mono", party)]


def texts(title: Words, rows: Sequence[Sequence[str]]) -> Section:
    """Paragraphs in both languages."""
    return {"type": "text", "title": title, "rows": [list(row) for row in rows]}


def _clause(name: str, known: Mapping[str, str]) -> Section:
    """What is stated in a document of a kind."""
    (clause,) = text_of(name)["clause"]
    return texts(clause["title"], paragraphs(clause, known))


def _handlers(twin: Twin, said: Mapping[str, Any]) -> Section:
    columns = [
        column("角色", "Role", "46mm"),
        column("人员与密钥", "Person and keys"),
        column("职务", "Position", "46mm"),
    ]
    rows: list[list[Cell]] = [
        [stacked(label_of("Role", role)), person(twin, actor), position_of(twin, actor)]
        for role, actor in sorted(said.get("handlers", {}).items(), reverse=True)
    ]
    return table(("经办人", "Handlers"), columns, rows)


def _replaced(twin: Twin, said: Mapping[str, Any]) -> Iterator[Section]:
    """The handlers who were replaced on the way, if there were any."""
    if "replaced" in said:
        yield replaced_table(twin, said["replaced"])


def replaced_table(twin: Twin, rows: Iterable[Mapping[str, Any]]) -> Section:
    """Who took whose place as a handler, why, and when it was recorded."""
    columns = [
        column("角色", "Role", "34mm"),
        column("原经办人", "Until then"),
        column("新经办人", "From then on"),
        column("原因", "Reason", "34mm"),
        column("入账时间", "Recorded", "34mm"),
    ]
    found: list[list[Cell]] = [
        [
            stacked(label_of("Role", one["post"])), person(twin, one["replaced"]),
            person(twin, one["handler"]), label_of("ReplacementReason", one["reason"]),
            [("mono", china(one["accepted"]))],
        ]
        for one in rows
    ]  # fmt: skip
    return table(("更换的经办人", "Handlers replaced"), columns, found)


def position_of(twin: Twin, actor: str) -> list[Line]:
    """The position of somebody, as the twin has it."""
    signer: Mapping[str, Any] = next((s for s in twin["signers"] if s["actor"] == actor), {})
    return [("zh", signer.get("position") or "—")]


def _totals(said: Mapping[str, Any]) -> Section:
    columns = [
        column("统计", "By", "32mm"),
        column("取值", "Value"),
        column("项数", "Items", "22mm", right=True),
        column("件／行数", "Pieces / rows", "26mm", right=True),
        column("字节", "Bytes", "30mm", right=True),
    ]
    rows: list[list[Cell]] = [
        [
            [("both", *BY[one["by"]])],
            label_of(_BY[one["by"]], one["code"])
            if "code" in one
            else [("both", "混合或未知", "mixed or unknown")],
            *([("mono", figure(one.get(name)))] for name in ("items", "quantity", "bytes")),
        ]
        for one in said.get("totals", ())
    ]
    return table(("合计", "Totals"), columns, rows)


def _excluded(said: Mapping[str, Any]) -> Section:
    columns = [
        column("未列入清单的原因", "Why not on the list"),
        column("资料数", "Records", "28mm", right=True),
        column("涉及人数", "Persons", "28mm", right=True),
    ]
    rows: list[list[Cell]] = [
        [
            label_of("ExclusionReason", one["reason"]), [("mono", figure(one["records"]))],
            [("mono", figure(one["subjects"]))],
        ]
        for one in said.get("excluded", ())
    ]  # fmt: skip
    none: list[list[Cell]] = [[[("both", "无", "nothing")], [("mono", "0")], [("mono", "0")]]]
    return table(("未列入清单", "Excluded"), columns, rows or none)


def _lines(said: Mapping[str, Any]) -> Section:
    """Every line: the fields of order 79, article 24, and room for the buyer's marks."""
    columns = [
        column("序号", "No.", "9mm", right=True),
        column("档号、资料、副本", "Archive no., record, copy", "55mm"),
        column("题名、类别", "Title, category", "35mm"),
        column("形式、数量、字节", "Form, quantity, bytes", "25mm"),
        column("级别、敏感、年度", "Level, sensitivity, years", "27mm"),
        column("应保管、已保管", "Keep until, kept", "25mm"),
        column("依据、同意", "Basis, consent", "29mm"),
        column("内容摘要", "SHA-256", "28mm"),
        *(
            column(zh, en, "5.2mm")
            for zh, en in (("收", "qty"), ("核", "dig"), ("读", "rd"), ("差", "no."), ("签", "sig"))
        ),
    ]
    rows = [_line(one) for one in said.get("items", ())]
    return register(("清单明细", "The lines"), columns, rows, LANDSCAPE)


def _legend(said: Mapping[str, Any]) -> Section:
    """The English of what stands in the lines in Chinese alone, for want of room."""
    items = said.get("items", ())
    rows: list[tuple[Words, Cell]] = []
    for name, (words, enumeration) in _SHORT.items():
        used = sorted({one[name] for one in items if name in one})
        if used:
            rows.append((words, [line for code in used for line in label_of(enumeration, code)]))
    rows.append((LEGEND_TITLE, [("both", *words) for words in LEGEND]))
    shown = [[list(words), cell] for words, cell in rows]
    return {"type": "fields", "title": ("明细用语", "Terms in the lines"), "rows": shown}


_SHORT: Final[Mapping[str, tuple[Words, str]]] = {
    "form": (("形式", "Form"), "MediumForm"),
    "level": (("级别", "Level"), "DataLevel"),
    "sensitivity": (("敏感程度", "Sensitivity"), "Sensitivity"),
    "basis": (("依据", "Basis"), "LegalBasis"),
}


def _line(one: Mapping[str, Any]) -> list[Cell]:
    title = one.get("title") or ("（见加密明细）" if "leaf" in one else "—")
    copy = one.get("copy") or (one["item"] if one["item"] != one.get("record") else "")
    unit = UNITS.get(one.get("unit", ""), ("", ""))[0]
    digest = one.get("digest", "")
    years = "–".join(str(one[name]) for name in ("first_year", "last_year") if name in one)
    persons = one.get("persons")
    flags = [
        text for text, yes in (
            (f"冻结{one.get('holds')}", one.get("holds")), ("限制", one.get("restricted")),
            ("原件" if one.get("original") else "复制件", "original" in one),
        ) if yes
    ]  # fmt: skip
    agreed = "同意{granted}/免{exempt}/缺{missing}".format(**persons) if persons else ""
    return [
        [("mono", figure(one["seq"])), ("mono", ""), ("mono", "")],
        [("mono", one.get("archive_no", "—")), ("mono", one.get("record", "—")), ("mono", copy)],
        [("zh", title), *_two(one, "category", "RecordCategory")],
        [
            *_one(one, "form", "MediumForm"), ("zh", f"{figure(one.get('quantity'))} {unit}"),
            ("zh", f"{figure(one.get('bytes'))} B"),
        ],
        [*_one(one, "level", "DataLevel"), *_one(one, "sensitivity", "Sensitivity"), ("zh", years)],
        [
            ("zh", one.get("min_until", "—")),
            ("zh", f"最长 {one['max_until']}" if "max_until" in one else ""),
            ("zh", f"已保管 {one['kept_months']} 月" if "kept_months" in one else ""),
        ],
        [*_one(one, "basis", "LegalBasis"), ("zh", agreed), ("zh", " ".join(flags))],
        [("mono", digest[at : at + _DIGEST_LINE]) for at in (0, _DIGEST_LINE, 2 * _DIGEST_LINE)],
        *([[("mono", ""), ("mono", ""), ("mono", "")]] * 5),
    ]  # fmt: skip


def _one(one: Mapping[str, Any], name: str, enumeration: str) -> list[Line]:
    """The Chinese of a code, which is what an archivist reads down a column."""
    return [("zh", label_of(enumeration, one[name])[0][1])] if name in one else [("zh", "—")]


def _two(one: Mapping[str, Any], name: str, enumeration: str) -> list[Line]:
    return stacked(label_of(enumeration, one[name])) if name in one else [("zh", "—")]


def _inspected(said: Mapping[str, Any]) -> Section:
    columns = [
        column("校验值核对", "Check of the digest"),
        column("可读性检查", "Check of usability"),
        column("项数", "Items", "28mm", right=True),
    ]
    rows: list[list[Cell]] = [
        [
            label_of("DigestCheck", one["digest"]), label_of("UsabilityCheck", one["readable"]),
            [("mono", figure(one["count"]))],
        ]
        for one in said.get("inspected", ())
    ]  # fmt: skip
    return table(("逐项验收（最后结论）", "Inspection, last words"), columns, rows)


def _discrepancies(said: Mapping[str, Any]) -> Section:
    columns = [
        column("编号", "No.", "14mm", right=True),
        column("差异类型", "Kind"),
        column("涉及项数", "Items", "26mm", right=True),
        column("处理结果", "Resolution"),
    ]
    rows: list[list[Cell]] = [
        [
            [("mono", str(one["number"]))], label_of("DiscrepancyKind", one["kind"]),
            [("mono", figure(one["count"]))],
            label_of("DiscrepancyResolution", one["resolution"]) if "resolution" in one
            else [("both", "未处理", "open")],
        ]
        for one in said.get("discrepancies", ())
    ]  # fmt: skip
    none: list[list[Cell]] = [[[("mono", "—")], [("both", "无差异", "none")], [("mono", "0")], []]]
    return table(("差异及处理", "Discrepancies and their resolution"), columns, rows or none)


def _residual(said: Mapping[str, Any]) -> Section:
    title = ("转让方留存副本", "What the seller keeps")
    if "residual" not in said:
        return texts(title, [UNSAID])
    kept = [one for one in said["residual"] if one["copies"]]
    return residual_table(title, kept) if kept else texts(title, [NOTHING_KEPT])


def residual_table(title: Words, rows: Sequence[Mapping[str, Any]]) -> Section:
    """Copies that stay, by basis and day."""
    columns = [
        column("依据", "Basis"),
        column("保管至（到期销毁）", "Until, then destroyed", "44mm"),
        column("副本数", "Copies", "28mm", right=True),
    ]
    return table(title, columns, [
        [label_of("ResidualBasis", one["basis"]), [("mono", one["retain_until"])],
         [("mono", figure(one["copies"]))]]
        for one in rows
    ])  # fmt: skip


def _signed(twin: Twin, said: Mapping[str, Any]) -> Section:
    columns = [
        column("以何身份", "Capacity", "38mm"),
        column("签署人与密钥", "Signer and key"),
        column("职务", "Position", "34mm"),
        column("代表", "For", "46mm"),
    ]
    rows: list[list[Cell]] = [
        [
            stacked(label_of("Role", one["capacity"])), _signer(twin, one),
            position_of(twin, one["actor"]), firm_of(twin, one.get("party", "—")),
        ]
        for _, one in numbered(said.get("signed", ()))
    ]  # fmt: skip
    title = ("电子签署（对同一清单根哈希）", "Electronic signatures over the one root")
    return {**table(title, columns, rows), "narrow": True}


def _signer(twin: Twin, one: Mapping[str, Any]) -> list[Line]:
    known: Mapping[str, Any] = next((s for s in twin["signers"] if s["actor"] == one["actor"]), {})
    name: list[Line] = [("zh", known["name"])] if "name" in known else []
    return [
        *name, ("mono", one["actor"]), ("mono", f"密钥 key {one['key']}"),
        ("mono", china(one["accepted"])),
    ]  # fmt: skip
