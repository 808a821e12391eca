"""Parts of a compliance report's page: what the replay found, in groups, and the charts beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ledger.audit.catalogue import CODES
from ledger.audit.catalogue.gaps import GAPS
from ledger.audit.finding import SEVERITIES
from ledger.audit.report import words
from ledger.audit.report.charts import Due, bars, due_dates, matrix, standing
from ledger.audit.report.data import Compliance, Found, Missing
from ledger.audit.report.details import Sentences, detail, part_of
from ledger.audit.report.reviewpage import both, called, granted, plain_table
from ledger.documents.cells import Cell, Line, china, stacked
from ledger.documents.layout import column
from ledger.documents.words import Words

Section = Mapping[str, Any]

MOST_DETAILS: Final = 20
"""So many details of equal findings are named; all are counted."""
_NAMED: Final = 3
_BASIS: Final = 8
_GRAVE: Final = ("critical", "high", "medium")


def counts(severities: Mapping[str, int]) -> Cell:
    """How many of each severity, on one line; "none" for none."""
    there = [(words.SEVERITIES[name], severities[name]) for name in SEVERITIES
             if severities.get(name)]  # fmt: skip
    zh = "，".join(f"{one[0]} {count:,}" for one, count in there)
    en = ", ".join(f"{one[1]} {count:,}" for one, count in there)
    return [("zh", zh), ("en", en)] if there else [("both", "无", "none")]


def title_of(code: str) -> Words:
    """What a finding of this code is called; the code where this program does not know it."""
    known = CODES.get(code)
    return (known.title.zh, known.title.en) if known else (code, code)


def basis(said: Compliance) -> Cell:
    """The findings that an opinion with a reservation rests on, the gravest first."""
    if said.opinion not in ("qualified", "adverse"):
        return []
    lines: list[Line] = []
    order = sorted((one for one in said.findings if one.state != "closed"),
                   key=lambda one: (SEVERITIES.index(one.severity), one.number))  # fmt: skip
    for one in order[:_BASIS]:
        severity = words.SEVERITIES[one.severity]
        title = title_of(one.code) if one.code else both("AuditChapter", one.chapter)
        lines.append(("both", f"审计发现 {one.number}（{severity[0]}）：{title[0]}",
                      f"finding {one.number} ({severity[1].lower()}): {title[1]}"))  # fmt: skip
    if (more := len(order) - _BASIS) > 0:
        lines.append(("both", f"另有审计发现 {more:,} 项", f"{more:,} more findings"))
    replayed = Counter((one.severity, one.code) for one in said.replay.findings
                       if one.severity in _GRAVE)  # fmt: skip
    for (severity_, code), count in list(replayed.items())[:_BASIS]:
        severity, title = words.SEVERITIES[severity_], title_of(code)
        lines.append(("both", f"回放（{severity[0]}）：{title[0]}，{count:,} 项",
                      f"replay ({severity[1].lower()}): {title[1]}, {count:,}"))  # fmt: skip
    return stacked(lines) or [("both", "无", "none")]


# -- what the replay found ------------------------------------------------------------------------


def grouped(findings: Sequence[Found]) -> list[list[Found]]:
    """Findings of one severity, code and rule together, in their order."""
    found: dict[tuple[str, str, str], list[Found]] = {}
    for one in findings:
        found.setdefault((one.severity, one.code, one.rule), []).append(one)
    return list(found.values())


def found_table(said: Compliance, sentences: Sentences) -> Section:
    """The findings of the replay, equal ones as one row with their number and details."""
    replay = said.replay
    columns = [
        column("严重程度", "Severity", "16mm"), column("发现", "Finding"),
        column("次数", "Times", "11mm", right=True), column("规则", "Rule", "11mm"),
        column("事件序号、条目", "Position, entry", "23mm"), column("对象", "About", "36mm"),
        column("到期", "Due", "20mm"),
    ]  # fmt: skip
    title = ("回放发现", "Findings of the replay")
    if (more := replay.total - len(replay.findings)) > 0:
        title = (
            f"{title[0]}（另有 {more:,} 项见回放结果）",
            f"{title[1]} ({more:,} more in its JSON)",
        )
    rows = [_found_row(those, sentences) for those in grouped(replay.findings)]
    return plain_table(title, columns, rows)


def _found_row(those: Sequence[Found], sentences: Sentences) -> list[Cell]:
    first = those[0]
    return [
        stacked([("both", *words.SEVERITIES[first.severity])]),
        [*stacked([("both", *title_of(first.code))]), *_details(those, sentences)],
        [("mono", f"{len(those):,}")], [("mono", first.rule or "—")],
        _some([where for one in those if (where := _where(one))]),
        _some([one.subject or next(iter(one.evidence), "") for one in those]),
        _some(sorted(day for one in those if (day := day_of(one.due)))),
    ]  # fmt: skip


def _details(those: Sequence[Found], sentences: Sentences) -> list[Line]:
    """The details of equal findings, each once, with how many there are of it."""
    told = Counter(one.detail for one in those if one.detail)
    lines: list[Line] = []
    for text, count in list(told.items())[:MOST_DETAILS]:
        for _, zh, en in detail(those[0].code, text, sentences):
            times = f"（{count:,} 次）" if count > 1 else ""
            lines.append(("both", f"{zh}{times}", f"{en} ({count:,})" if count > 1 else en))
    if (more := len(told) - MOST_DETAILS) > 0:
        lines.append(("both", f"另有 {more:,} 种", f"{more:,} more kinds"))
    return lines


def _where(one: Found) -> str:
    if one.position is not None:
        return f"{one.position:,}"
    return "" if one.entry is None else f"条目 entry {one.entry:,}"


def _some(values: Sequence[str]) -> Cell:
    """The first of some values, each once; that there are more, if so."""
    there = list(dict.fromkeys(value for value in values if value))
    lines: list[Line] = [("mono", value) for value in there[:_NAMED]]
    if (more := len(there) - _NAMED) > 0:
        lines.append(("both", f"另 {more:,} 项", f"{more:,} more"))
    return lines or [("mono", "—")]


def gaps_table(gaps: Sequence[Missing]) -> Section:
    """What the replay could not look at."""
    columns = [column("部分", "Part", "40mm"), column("原因", "Why"),
               column("数量", "Count", "24mm", right=True)]  # fmt: skip
    rows: list[list[Cell]] = [
        [stacked([("both", *part_of(gap.part))]), stacked([("both", *_why(gap.code))]),
         [("mono", f"{gap.count:,}")]]
        for gap in gaps
    ]  # fmt: skip
    return plain_table(("未能核查的部分", "What could not be looked at"), columns, rows)


def _why(code: str) -> Words:
    known = GAPS.get(code)
    return (known.zh, known.en) if known else (code, code)


def day_of(due: str) -> str:
    """The day of a deadline, which a replay says as a day or as a time."""
    return china(due)[:10] if due.endswith("Z") else due


# -- charts of the ledger -------------------------------------------------------------------------


def access(said: Compliance) -> Iterator[Section]:
    """How much was accessed, and who may."""
    one = said.access
    rows: list[tuple[str, Cell]] = [
        ("allowed", _figure(one.allowed)), ("denied", _figure(one.denied)),
        ("break_glass", _figure(one.break_glass)), ("anomalous", _figure(one.anomalous)),
        ("access_report", [("mono", one.report)]),
    ]  # fmt: skip
    yield {"type": "fields", "title": ("访问与权限", "Access"),
           "rows": [[words.FIELDS[name], cell] for name, cell in rows]}  # fmt: skip
    told = [{"role": o.role, "category": o.category, "mode": o.mode, "grants": o.grants}
            for o in one.matrix]  # fmt: skip
    heads = (("角色·方式", "Role, mode"), ("类别", "Category"))
    title = ("授权矩阵", "Grants in force: role and mode by category")
    yield matrix("matrix", title, granted(told), heads).section()


def _figure(value: int) -> Cell:
    return [("mono", f"{value:,}")]


def copies(said: Compliance, texts: Mapping[str, str]) -> Section:
    """How many copies are where."""
    items = []
    for one in said.copies:
        who, on = called(one.custodian, texts), words.medium(one.medium)
        items.append(((f"{on[0]}·{who[0]}", on[1]), one.count))
    title = ("各处副本", "Copies by place and medium")
    return bars("copies", title, items, ("份数", "Copies")).section()


def when_due(said: Compliance) -> Section:
    """What the audited have to set right by when, and what the replay found to be due."""
    found = Counter((title_of(one.code), day_of(one.due)) for one in said.replay.findings
                    if one.due)  # fmt: skip
    items = []
    for (title, day), count in found.items():
        label = (f"{title[0]} ×{count}", f"{title[1]} ×{count}") if count > 1 else title
        items.append(Due(label, day, standing(day, said.today)))
    for earlier in said.previous:
        label = f"此前审计 {earlier.audit[-6:]} 发现 {earlier.number}", "earlier finding"
        items.append(Due(label, earlier.due, standing(earlier.due, said.today)))
    for one in said.findings:
        title = both("AuditChapter", one.chapter)
        label = f"发现 {one.number} {title[0]}", f"finding {one.number}"
        done = one.state == "closed"
        items.append(Due(label, one.due, standing(one.due, said.today, done=done)))
    return due_dates("due", ("期限", "Due dates"), said.today, items).section()
