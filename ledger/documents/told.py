"""What stands on the pages of a notice, an access review and a closing report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ledger.documents.cells import Cell, china, figure, label_of, stacked, value_of
from ledger.documents.handed import (
    Section,
    Twin,
    firm_of,
    named_parties,
    particulars,
    replaced_table,
    residual_table,
    texts,
)
from ledger.documents.layout import column, table
from ledger.documents.words import Words
from ledger.documents.words_deal import (
    BEFORE_LEDGER,
    LESSONS,
    NONE_RECORDED,
    NONE_SINCE,
    REVIEWED,
    STATES,
    STEPS,
    UNSEEN,
)

_AXES: Final = {
    "category": "RecordCategory", "sensitivity": "Sensitivity", "purpose": "AccessPurpose",
    "mode": "AccessMode",
}  # fmt: skip


def transfer_notice(twin: Twin, said: Mapping[str, Any], shown: set[str]) -> Iterator[Section]:
    """The text as it is sent, and how it was issued."""
    shown.update(said)
    for section in twin.get("letter", ()):
        yield texts(section["title"], section["text"])
    names = ("notice", "article", "mode", "from_party", "recipient", "channel", "addressed",
             "text_version")  # fmt: skip
    yield particulars(("告知登记", "How it was issued"), twin, said, names)


def access_review(twin: Twin, said: Mapping[str, Any], shown: set[str]) -> Iterator[Section]:
    """Who accessed what, who may, what is unusual, what is to be decided."""
    shown.update(said)
    names = ("reviewer", "period", "allowed", "denied", "break_glass", "anomalous",
             "recorded_anomalies", "report_digest", "recorded_digest")  # fmt: skip
    yield particulars(("审查范围", "What was reviewed"), twin, said, names)
    yield _coverage(said)
    yield _findings(twin, said)
    yield _counts(("异常", "Anomalies"), said.get("anomalies", ()), "kind")
    yield _table(twin, ("异常访问", "Anomalous accesses"), said.get("anomalous_accesses", ()), (
        ("kind", "异常", "Anomaly", "28mm"), ("accepted", "时间", "Accepted", "20mm"),
        ("actor", "人员", "Person", "1fr"), ("record", "资料", "Record", "1fr"),
        ("mode", "方式", "Mode", "16mm"), ("purpose", "目的", "Purpose", "22mm"),
    ))  # fmt: skip
    yield _table(twin, ("紧急访问", "Emergency accesses"), said.get("emergencies", ()), (
        ("accepted", "时间", "Accepted", "22mm"), ("actor", "人员", "Person", "1fr"),
        ("record", "资料", "Record", "1fr"), ("due", "审查期限", "Review due", "22mm"),
        ("late", "逾期", "Late", "16mm"),
    ))  # fmt: skip
    yield _table(twin, ("拒绝访问", "Denied"), said.get("denials", ()), (
        ("actor", "人员", "Person", "1fr"), ("rule", "原因", "Reason", "56mm"),
        ("count", "次数", "Times", "18mm"), ("last", "最近", "Last", "24mm"),
    ))  # fmt: skip
    yield _axes(twin, said)
    yield _counts(("授权统计", "Grants, counted"), said.get("grant_counts", ()), "flag")
    yield _table(twin, ("有标记的授权", "Flagged grants"), said.get("grants", ()), (
        ("grant", "授权", "Grant", "1fr"), ("actor", "人员", "Person", "1fr"),
        ("condition", "状态", "State", "18mm"), ("flags", "情形", "Flags", "34mm"),
    ))  # fmt: skip
    yield _table(twin, ("授权矩阵", "Matrix: role, category, mode"), said.get("matrix", ()), (
        ("role", "角色", "Role", "1fr"), ("category", "类别", "Category", "1fr"),
        ("mode", "方式", "Mode", "34mm"), ("grants", "授权数", "Grants", "20mm"),
    ))  # fmt: skip
    yield _table(twin, ("抽样（逐笔追溯至工单）", "Sample, to be traced"), said.get("sample", ()), (
        ("position", "序号", "Position", "18mm"), ("accepted", "时间", "Accepted", "22mm"),
        ("actor", "人员", "Person", "1fr"), ("record", "资料", "Record", "1fr"),
        ("purpose", "目的", "Purpose", "26mm"),
    ))  # fmt: skip
    yield _table(twin, ("培训", "Training"), said.get("training", ()), (
        ("actor", "人员", "Person", "1fr"), ("missing", "缺少的培训", "Missing", "60mm"),
    ))  # fmt: skip
    yield _follow_up(said)


def closing_report(twin: Twin, said: Mapping[str, Any], shown: set[str]) -> Iterator[Section]:
    """A deal from its opening to its closing."""
    shown.update(said)
    yield named_parties(twin)
    names = ("outcome", "mode", "path", "basis", "opened_at", "closed_at", "days")
    yield particulars(("项目", "The deal"), twin, said, names)
    yield _steps(said)
    yield _handovers(said)
    if "replaced" in said:
        yield replaced_table(twin, said["replaced"])
    yield residual_table(("转让方留存副本", "What the seller keeps"), said.get("residual", ()))
    yield _tracking(said)
    yield _disposals(twin, said)
    yield texts(("总结", "Lessons"), LESSONS)


# -- access review ------------------------------------------------------------------------------


def _coverage(said: Mapping[str, Any]) -> Section:
    coverage, method = said.get("coverage", {}), said.get("method", {})
    opens, shuts = [*method.get("hours", (0, 0))][:2]
    recorded, bulk = figure(coverage.get("recorded")), method.get("bulk")
    dormant, sample = method.get("dormant_days"), method.get("sample")
    source = (
        f"信息来源：账本访问登记，共 {recorded} 笔。工时 {opens}–{shuts} 时；批量 {bulk} 笔起。",
        f"Source: the register of accesses, {recorded} in all; hours {opens}–{shuts}; bulk {bulk}.",
    )  # fmt: skip
    drawn = (
        f"休眠 {dormant} 日；抽样 {sample} 笔，种子 {method.get('seed')}。",
        f"Dormant after {dormant} days; a sample of {sample}, drawn by the seed above.",
    )
    rows: list[Words] = [source, drawn]
    if begins := coverage.get("begins"):
        rows += _since(china(begins), none=bool(coverage.get("none_recorded"))
                       and begins < said["period_to"])  # fmt: skip
    elif coverage.get("none_recorded"):
        rows.append(NONE_RECORDED)
    rows += [UNSEEN.get(code, (code, code)) for code in coverage.get("limits", ())]
    return texts(("方法与局限", "Method and limits"), rows)


def _since(begins: str, *, none: bool) -> Iterator[Words]:
    """What is said of a span that begins before the ledger; `none`: recorded since it began."""
    for zh, en in (BEFORE_LEDGER, *([NONE_SINCE] if none else ())):
        yield zh.format(begins=begins), en.format(begins=begins)


def _findings(twin: Twin, said: Mapping[str, Any]) -> Section:
    none: list[list[Cell]] = [[[], [], [("both", "无", "none")], [], [], [], []]]
    made = _table(twin, ("审查发现", "Findings"), said.get("findings", ()), (
        ("number", "编号", "No.", "10mm"), ("severity", "程度", "Weight", "14mm"),
        ("kind", "情形", "Finding", "36mm"), ("subject", "对象", "About", "1fr"),
        ("count", "次数", "Times", "13mm"), ("proposal", "建议", "Proposal", "21mm"),
        ("due", "期限", "Due", "21mm"),
    ))  # fmt: skip
    return {**made, "rows": made["rows"] or none}


def _counts(title: Words, rows: Sequence[Mapping[str, Any]], name: str) -> Section:
    columns = [column("情形", "What"), column("数量", "Count", "30mm", right=True)]
    return table(title, columns, [
        [[("both", *REVIEWED.get(one[name], (one[name], one[name])))],
         [("mono", figure(one["count"]))]]
        for one in rows
    ])  # fmt: skip


def _axes(twin: Twin, said: Mapping[str, Any]) -> Section:
    columns = [
        column("统计", "By", "28mm"),
        column("取值", "Value"),
        column("允许", "Allowed", "20mm", right=True),
        column("拒绝", "Denied", "20mm", right=True),
        column("紧急", "Emergency", "22mm", right=True),
    ]
    rows: list[list[Cell]] = []
    for one in said.get("access_counts", ()):
        axis, value = one["axis"], one.get("value")
        if value is None:
            cell: Cell = [("both", "未分类", "not classified")]
        elif axis in _AXES:
            cell = label_of(_AXES[axis], value)
        else:
            cell = value_of(twin, axis, value)
        counts = [[("mono", figure(one.get(name, 0)))] for name in ("allowed", "denied",
                                                                  "break_glass")]  # fmt: skip
        rows.append([[("both", *REVIEWED.get(axis, (axis, axis)))], cell, *counts])
    return table(("访问次数", "Accesses, counted"), columns, rows)


def _follow_up(said: Mapping[str, Any]) -> Section:
    title = ("上次审查的跟进", "Follow-up of the last review")
    last = said.get("follow_up")
    if last is None:
        return texts(title, [("此前没有审查。", "There was no review before.")])
    left = len(last.get("still_open", ()))
    span = f"{china(last['period_from'])} – {china(last['period_to'])}"
    flagged = last["flagged_grants"]
    zh = f"上次审查期间 {span}；当时有 {flagged} 项授权须决定，其中 {left} 项仍未处理。"
    en = f"Last period {span}; {flagged} grants were to be decided then, {left} of them still are."
    return texts(title, [(zh, en)])


def _table(
    twin: Twin,
    title: Words,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[tuple[str, str, str, str]],
) -> Section:
    heads = [column(zh, en, width) for _, zh, en, width in columns]
    cells = [[_cell(twin, name, one.get(name)) for name, *_ in columns] for one in rows]
    return {**table(title, heads, cells), "narrow": True}


_CODED: Final = {
    "mode": "AccessMode", "purpose": "AccessPurpose", "role": "Role",
    "category": "RecordCategory", "sensitivity": "Sensitivity", "outcome": "AccessOutcome",
    "missing": "TrainingTopic",
}  # fmt: skip


def _cell(twin: Twin, name: str, value: Any) -> Cell:  # noqa: ANN401  any JSON value
    if isinstance(value, list):
        return [line for one in value for line in _cell(twin, name, one)] or [("zh", "—")]
    if value in (None, ""):
        return [("zh", "—")]
    if isinstance(value, str) and name in _CODED:
        return stacked(label_of(_CODED[name], value))
    if isinstance(value, str) and value in REVIEWED and name != "actor":
        return stacked([("both", *REVIEWED[value])])
    return value_of(twin, "", value)


# -- closing ------------------------------------------------------------------------------------


def _steps(said: Mapping[str, Any]) -> Section:
    columns = [
        column("步骤", "Step"),
        column("次数", "Times", "16mm", right=True),
        column("首次", "First", "30mm"),
        column("最近", "Last", "30mm"),
        column("距立项（日）", "Days after opening", "28mm", right=True),
    ]
    return table(("进程", "The ladder, with dates"), columns, [
        [
            [("both", *STEPS.get(one["topic"], (one["topic"], one["topic"])))],
            [("mono", figure(one["times"]))], [("mono", china(one["first"]))],
            [("mono", china(one["last"]))], [("mono", figure(one["days"]))],
        ]
        for one in said.get("steps", ())
    ])  # fmt: skip


def _handovers(said: Mapping[str, Any]) -> Section:
    columns = [
        column("移交", "Handover"),
        column("状态", "State", "20mm"),
        column("项数", "Items", "16mm", right=True),
        column("确认", "Confirmed", "18mm", right=True),
        column("拒收", "Rejected", "16mm", right=True),
        column("未列入", "Excluded", "17mm", right=True),
        column("差异／保留", "Discrepancies / reserved", "24mm", right=True),
        column("万分率", "Per 10,000", "17mm", right=True),
    ]
    rows: list[list[Cell]] = [
        [
            [("mono", one["handover"])],
            stacked([("both", *STATES.get(one["step"], (one["step"], one["step"])))]),
            *([("mono", figure(one.get(name)))] for name in ("items", "confirmed", "rejected",
                                                             "excluded")),
            [("mono", f"{figure(one['discrepancies'])} / {figure(one['reserved'])}")],
            [("mono", figure(one.get("rate")))],
        ]
        for one in said.get("handovers", ())
    ]  # fmt: skip
    return {**table(("移交与差异率", "Handovers and discrepancies"), columns, rows), "narrow": True}


def _tracking(said: Mapping[str, Any]) -> Section:
    columns = [
        column("到期日", "Due", "24mm"),
        column("完成时间", "Done", "34mm"),
        column("内容", "Topics"),
        column("发现", "Findings", "18mm", right=True),
        column("逾期", "Late", "18mm"),
    ]
    return table(("移交后跟踪", "Tracking checks"), columns, [
        [
            [("mono", one["due"])], [("mono", china(one["done_at"]))],
            [line for topic in one["topics"] for line in label_of("TrackingTopic", topic)],
            [("mono", figure(one["findings"]))], value_of({}, "late", one["late"]),
        ]
        for one in said.get("tracking", ())
    ])  # fmt: skip


def _disposals(twin: Twin, said: Mapping[str, Any]) -> Section:
    columns = [
        column("当事人", "Party"),
        column("处置方式", "How", "50mm"),
        column("份数", "Copies", "20mm", right=True),
        column("时间", "When", "34mm"),
    ]
    return {**table(("所获副本的处置", "What became of copies got"), columns, [
        [
            firm_of(twin, one["party"]), label_of("CopyDisposal", one["how"]),
            [("mono", figure(one["count"]))], [("mono", china(one["disposed_at"]))],
        ]
        for one in said.get("disposals", ())
    ]), "narrow": True}  # fmt: skip
