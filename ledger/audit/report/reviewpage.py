"""The page of an access-review report (C.4.4), printed from its JSON and nothing else.

The tables are those of the document `access_review` (`ledger.documents.told`); before them stand
pictures: who may what, when and by whom was accessed, what is due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import to_builtins

from domain.codes import ENUMERATIONS, label
from ledger.accessreview import Report
from ledger.audit.report.charts import (
    Bin,
    Chart,
    Due,
    Standing,
    bars,
    due_dates,
    matrix,
    over_time,
    standing,
)  # fmt: skip
from ledger.audit.report.details import Sentences, detail
from ledger.audit.report.matrices import NO_ROLE, SEVERAL, SEVERAL_WORDS, granted_once
from ledger.bundle.page import Page
from ledger.documents import told
from ledger.documents.cells import Cell, china, stacked
from ledger.documents.layout import column
from ledger.documents.reporting import reviewed
from ledger.documents.words import BOXES, TITLES, Words
from ledger.documents.words_deal import REVIEWED

Section = Mapping[str, Any]

MOST_FINDINGS: Final = 1_000
"""So many findings stand on the pages, the gravest first; the JSON has all of them."""
_HOURS: Final = tuple(f"{hour:02}-{hour + 4:02}" for hour in range(0, 24, 4))
_OUTCOMES: Final[Mapping[str, Words]] = {
    "allowed": ("允许", "allowed"), "break_glass": ("紧急", "emergency"),
    "denied": ("拒绝", "denied"),
}  # fmt: skip


def page(said: Report, texts: Mapping[str, str], sentences: Sentences) -> Page:
    """The page; `texts`: names by id, where the reader's keystore opens them.

    `sentences`: for refusals (`ledger.audit.report.details`).

    Raises `LookupError`, `TypeError` or `ValueError` for rows that no report has.
    """
    rows = to_builtins(said)
    names = [{"actor": actor, "name": name, "keys": []} for actor, name in texts.items()]
    shown = {**rows, **reviewed({**rows, "findings": []})}
    tables = told.access_review({"signers": names}, shown, set())
    first, *more = (one for one in tables if tuple(one["title"]) not in _OTHERWISE)
    sections = [
        first, _state(said), _independence(),
        *(chart.section() for chart in _charts(said, texts)), _found(said, texts), *more,
        _denied(said, texts, sentences), _trained(said, texts),
    ]  # fmt: skip
    return Page(TITLES["access_review"], sections, BOXES["access_review"])


_FINDINGS: Final = ("审查发现", "Findings")
_OTHERWISE: Final = (
    _FINDINGS, ("授权矩阵", "Matrix: role, category, mode"), ("拒绝访问", "Denied"),
    ("培训", "Training"),
)  # fmt: skip
"""Tables of the document that stand here with more rows, or beside their picture."""


def _state(said: Report) -> Section:
    """Of which ledger, up to where, by which policy: what the same report is made from again."""
    rows: list[tuple[Words, Cell]] = [
        (("账本", "Ledger"), [("mono", said.origin)]),
        (("项目", "Deal"), [("mono", said.engagement)] if said.engagement
         else [("both", "全部", "all of them")]),
        (("截至条目", "Up to entry"), [("mono", f"{said.entry:,}")]),
        (("截至该条目的根哈希", "Root with that entry"), [("mono", said.root)]),
        (("制度包", "Policy pack"), [("mono", said.policy)]),
    ]  # fmt: skip
    return {"type": "fields", "title": ("依据", "What it was made from"), "rows": rows}


def _independence() -> Section:
    """Who reviews is known when the review is recorded, and is said by that event (C.4.4)."""
    zh = (
        "审查人及其独立性声明：以 access review 登记后由该事件载明；由审查人在签署栏签署，"
        "审查人不得审查自己的访问。"
    )
    en = (
        "Reviewer and statement of independence: to be recorded with access review, whose event "
        "says who; the reviewer signs below, and reviews no access of their own."
    )
    title = ("审查人与独立性", "Reviewer and independence")
    return {"type": "text", "title": title, "rows": [(zh, en)]}


def _denied(said: Report, texts: Mapping[str, str], sentences: Sentences) -> Section:
    columns = [
        column("人员", "Person"), column("原因", "Reason", "62mm"),
        column("次数", "Times", "18mm", right=True), column("最近", "Last", "26mm"),
    ]  # fmt: skip
    rows = [
        [person(row["actor"], texts),
         stacked(detail("not_permitted", row["rule"] or "", sentences)) or [("zh", "—")],
         [("mono", f"{row['count']:,}")], [("mono", china(row["last"]))]]
        for row in said.denials[:MOST_FINDINGS]
    ]  # fmt: skip
    return plain_table(("拒绝访问", "Denied"), columns, rows)


def _trained(said: Report, texts: Mapping[str, str]) -> Section:
    columns = [column("人员", "Person"), column("缺少的培训", "Training missing", "70mm")]
    rows = [
        [person(row["actor"], texts),
         stacked([("both", *both("TrainingTopic", one)) for one in row["missing"]])
         or [("both", "无", "none")]]
        for row in said.training[:MOST_FINDINGS]
    ]  # fmt: skip
    return plain_table(("培训", "Training"), columns, rows)


def granted(rows: Sequence[Mapping[str, Any]]) -> Counter[tuple[Words, Words]]:
    """Grants by role and mode, and category, as a picture labels them."""
    found: Counter[tuple[Words, Words]] = Counter()
    for row in rows:
        role, mode = _role(row["role"]), both("AccessMode", row["mode"])
        who = f"{role[0]}·{mode[0]}", f"{role[1]}, {mode[1].lower()}"
        found[who, both("RecordCategory", row["category"])] += row["grants"]
    return found


def _role(code: str) -> Words:
    return {SEVERAL: SEVERAL_WORDS, "": NO_ROLE}.get(code) or both("Role", code)


def _charts(said: Report, texts: Mapping[str, str]) -> Iterator[Chart]:
    once = granted(granted_once(said.grants, said.matrix))
    heads = (("角色·方式", "Role, mode"), ("类别", "Category"))
    yield matrix("matrix", ("授权矩阵图", "Who may access what: grants in force"), once, heads)
    hours, actors = said.counts.get("hours", {}), said.counts.get("actor", {})
    yield over_time(
        "hours", ("访问时段", "Accesses by time of day"), tuple(_OUTCOMES.values()),
        [Bin(band, tuple(hours.get(band, {}).get(name, 0) for name in _OUTCOMES))
         for band in _HOURS],
    )  # fmt: skip
    by_actor = sorted(((-sum(counts.values()), actor) for actor, counts in actors.items()))
    yield bars("actors", ("人员访问次数", "Accesses by person"),
               [(called(actor, texts), -count) for count, actor in by_actor],
               ("次数", "Accesses"))  # fmt: skip
    yield due_dates("due", ("决定期限", "Decisions due"), china(said.period_to)[:10],
                    [*_due(said), *_emergencies(said)])  # fmt: skip


def _due(said: Report) -> Iterator[Due]:
    for row in said.findings:
        zh, en = REVIEWED.get(row["kind"], (row["kind"], row["kind"]))
        words = f"{row['number']} {zh}", en
        yield Due(words, row["due"], standing(row["due"], china(said.period_to)[:10]))


def _emergencies(said: Report) -> Iterator[Due]:
    for row in said.emergencies:
        state: Standing = "done" if row["reviewed_at"] else "overdue" if row["late"] else "due"
        words = f"紧急访问 {row['position']}", "emergency"
        yield Due(words, china(row["due"])[:10], state)


def _found(said: Report, texts: Mapping[str, str]) -> Section:
    columns = [
        column("编号", "No.", "11mm"), column("严重程度", "Severity", "18mm"),
        column("情形", "Finding", "29mm"), column("对象", "About"),
        column("次数", "Times", "13mm", right=True), column("建议", "Proposal", "19mm"),
        column("责任人", "Owner"), column("期限", "Due", "20mm"),
    ]  # fmt: skip
    rows = [_finding(row, texts) for row in said.findings[:MOST_FINDINGS]]
    title = _FINDINGS
    if (more := len(said.findings) - len(rows)) > 0:
        title = f"{title[0]}（另有 {more:,} 项见正本）", f"{title[1]} ({more:,} more in the JSON)"
    return plain_table(title, columns, rows)


def _finding(row: Mapping[str, Any], texts: Mapping[str, str]) -> list[Cell]:
    coded = [_reviewed(row[name]) for name in ("severity", "kind", "proposal")]
    owner: Cell = person(row["owner"], texts) if row["owner"] else [("zh", "—")]
    return [
        [("mono", str(row["number"]))], coded[0], coded[1], person(row["subject"], texts),
        [("mono", f"{row['count']:,}")], coded[2], owner, [("mono", row["due"])],
    ]  # fmt: skip


def _reviewed(code: str) -> Cell:
    zh, en = REVIEWED.get(code, (code, code))
    return [("zh", zh), ("en", en)] if zh != en else [("zh", zh)]


# -- said by both reports -------------------------------------------------------------------------


def both(enumeration: str, code: str) -> Words:
    """The label of a code in both languages; the code itself if this program does not know it."""
    if not code:
        return "未分类", "not classified"
    if code not in ENUMERATIONS[enumeration].codes:
        return code, code
    return label(enumeration, code, "zh"), label(enumeration, code, "en")


def called(identity: str, texts: Mapping[str, str]) -> Words:
    """A name for a picture: the one that is opened, else the end of the id, which differs.

    >>> called("actor-01990000-0000-7000-8000-0123456789ab", {})
    ('actor …0123456789ab', 'actor …0123456789ab')
    """
    prefix, _, rest = identity.partition("-")
    name = texts.get(identity) or (f"{prefix} …{rest[-12:]}" if rest else identity or "—")
    return name, name


def person(identity: str, texts: Mapping[str, str]) -> Cell:
    """Who or what an id stands for: the name where it is opened, and the id."""
    name = texts.get(identity)
    return [("zh", name), ("mono", identity)] if name else [("mono", identity)]


def plain_table(
    title: Words, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]
) -> dict[str, Any]:
    """A table of any length, which a page prints cell by cell or as a register."""
    return {"type": "table", "title": title, "columns": columns, "rows": rows, "narrow": True}
