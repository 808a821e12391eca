"""The page of a compliance audit report (C.4.7), printed from its data and nothing else.

Chinese with English beside it. Names and sealed texts stand where the reader's keystore opens them
(`texts`: by id, and by `<event id>#<field>`); else ids, and "sealed".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from domain.judging import RULE_CODES
from ledger.audit import compliance_words as words
from ledger.audit.catalogue import CODES
from ledger.audit.catalogue_gaps import GAPS
from ledger.audit.chapters import CHAPTERS
from ledger.audit.charts import Bin, Due, bars, due_dates, matrix, over_time, standing
from ledger.audit.compliance_data import ChapterResult, Compliance, Found, Raised, Remedy, Sample
from ledger.audit.finding import SEVERITIES
from ledger.audit.reviewpage import both, called, person, plain_table
from ledger.bundle.page import Page
from ledger.documents.cells import Cell, Line, china, stacked
from ledger.documents.layout import column
from ledger.documents.words import Words
from ledger.labels import TOPICS

Section = Mapping[str, Any]
Texts = Mapping[str, str]

MOST_DETAILED: Final = 100
"""So many findings are printed in full, the gravest first; the table before them has all."""
MOST_LISTED: Final = 2_000
_MOST_NUMBERS: Final = 40
_SEALED: Final[Line] = ("both", "（已密封）", "sealed")


def page(said: Compliance, texts: Texts) -> Page:
    """The page; raises `LookupError` or `ValueError` for codes or days that are none."""
    sections = [
        _summary(said), _order(said, texts), *_scope(said), _criteria(said),
        *_replay(said), _coverage(said), _chapters(said), *_access(said), _copies(said, texts),
        _due(said), *_findings(said, texts), _opinion(said), *words.CLOSING,
    ]  # fmt: skip
    return Page(words.TITLE, sections, words.BOXES)


def _fields(title: Words, rows: Sequence[tuple[str, Cell]]) -> Section:
    return {"type": "fields", "title": title,
            "rows": [[words.FIELDS[name], cell] for name, cell in rows if cell]}  # fmt: skip


def _mono(value: object) -> Cell:
    return [("mono", f"{value:,}" if isinstance(value, int) else str(value))]


def _code(enumeration: str, code: str) -> Cell:
    return [("both", *both(enumeration, code))]


def _counts(severities: Mapping[str, int]) -> Cell:
    """How many of each severity, on one line; a dash for none."""
    there = [(words.SEVERITIES[name], severities[name]) for name in SEVERITIES
             if severities.get(name)]  # fmt: skip
    zh = "，".join(f"{one[0]} {count:,}" for one, count in there)
    en = ", ".join(f"{one[1]} {count:,}" for one, count in there)
    return [("zh", zh), ("en", en)] if there else [("both", "无", "none")]


def _span(first: str, last: str) -> Cell:
    return [("mono", f"{china(first)} – {china(last)}")]


# -- what was ordered -----------------------------------------------------------------------------


def _summary(said: Compliance) -> Section:
    overdue = sum(one.state != "closed" and one.due < said.today for one in said.findings)
    closed = sum(one.state == "closed" for one in said.findings)
    raised = Counter(one.severity for one in said.findings)
    unknown = [both("AuditChapter", one.chapter) for one in said.chapters if not one.known]
    replay = said.replay
    return _fields(("结论摘要", "Summary"), [
        ("opinion", _code("AuditOpinion", said.opinion) if said.opinion
         else [("both", *words.NO_OPINION)]),
        ("verdict", [("both", *words.VERDICTS.get(replay.verdict, words.NOT_ASKED))]),
        ("equal", [("both", *words.EQUAL[replay.equal])]),
        ("found", _counts(replay.severities)), ("raised", _counts(raised)),
        ("closed", _mono(closed)), ("overdue", _mono(overdue)),
        ("unknown", [("zh", "、".join(one[0] for one in unknown)),
                     ("en", ", ".join(one[1] for one in unknown))] if unknown else []),
    ])  # fmt: skip


def _order(said: Compliance, texts: Texts) -> Section:
    order = said.audit
    row: Cell = [("mono", f"{order.consecutive} / {order.most_in_a_row}")]
    return _fields(("委托与独立性", "Engagement and independence"), [
        ("audit", _mono(order.id)), ("kind", _code("AuditKind", order.kind)),
        ("auditor_org", person(order.auditor_org, texts) if order.auditor_org else []),
        ("lead", person(order.lead, texts)), ("scope_party", person(order.scope_party, texts)),
        ("scope_engagement", _mono(order.scope_engagement) if order.scope_engagement else []),
        ("accepted", _mono(china(order.accepted))), ("opened", _mono(order.opened)),
        ("consecutive", [*row, *stacked([("both", *words.INDEPENDENT)])]),
        ("letter", _text(texts, order.opened, "letter")),
        ("criteria", _text(texts, order.opened, "criteria")),
    ])  # fmt: skip


def _text(texts: Texts, event: str, field: str) -> Cell:
    """A sealed text; that it is sealed where nothing of its event was opened."""
    if text := texts.get(f"{event}#{field}"):
        return [("zh", text)]
    return [] if any(key.startswith(f"{event}#") for key in texts) else [_SEALED]


def _scope(said: Compliance) -> Iterator[Section]:
    order, policy = said.audit, said.policy
    yield _fields(("范围", "Scope"), [
        ("period", _span(order.period_from, order.period_to)), ("entry", _mono(order.entry)),
        ("root", _mono(order.root)), ("policy", _mono(f"{policy.pack} {policy.version}")),
        ("policy_digest", _mono(policy.digest)),
    ])  # fmt: skip
    bins = [Bin(one.label, (one.accesses, one.others)) for one in said.acts]
    yield over_time("acts", ("行为随时间", "Acts over time"), words.SERIES, bins).section()
    columns = [
        column("编号", "No.", "11mm"), column("总体", "Population", "30mm"),
        column("总数", "Count", "18mm", right=True), column("抽取", "Drawn", "16mm", right=True),
        column("总体摘要、种子、样本摘要", "Digest of the population, seed, digest of the sample"),
    ]  # fmt: skip
    title = ("抽样（任何人可凭种子重新抽取）", "Samples, which anybody draws again by the seed")
    yield plain_table(title, columns, [_sample(one) for one in said.samples])


def _sample(one: Sample) -> list[Cell]:
    population = stacked(_code("AuditPopulation", one.population))
    if one.stratified:
        population += [("both", "分层", "by kind")]
    keys: Cell = [("mono", one.digest), ("mono", one.seed), ("mono", one.drawn_digest)]
    return [_mono(one.number), population, _mono(one.count), _mono(one.size), keys]


def _criteria(said: Compliance) -> Section:
    columns = [
        column("依据", "Statute"), column("版本", "Version", "24mm"),
        column("施行", "In force", "24mm"), column("条款", "Articles", "40mm"),
        column("规则", "Rules", "34mm"),
    ]  # fmt: skip
    return plain_table(("审计依据", "Criteria"), columns, [
        [
            [("zh", one.zh), ("en", one.en)], _mono(one.version), _mono(one.in_force or "—"),
            [("zh", "、".join(one.articles))], [("mono", " ".join(one.rules))],
        ]
        for one in said.criteria
    ])  # fmt: skip


# -- the replay -----------------------------------------------------------------------------------


def _replay(said: Compliance) -> Iterator[Section]:
    one = said.replay
    yield _fields(("审计回放", "Replay"), [
        ("replay", _mono(one.digest)), ("replayed", _mono(f"{one.entry:,}")),
        ("judged", [("mono", f"{one.events:,}")]),
        ("since", _mono(one.since) if one.since else []),
        ("accepted_last", _mono(china(one.accepted))), ("now", _mono(china(one.now))),
        ("checkpoint", [("mono", line) for line in one.checkpoint.splitlines() if line]
         or [("both", "无", "none")]),
        ("verdict", [("both", *words.VERDICTS.get(one.verdict, words.NOT_ASKED))]),
        ("equal", [("both", *words.EQUAL[one.equal])]),
        ("projections", _mono(one.projections or "—")),
        ("tool", [("mono", one.tool), ("mono", one.tool_digest)]),
        ("only", [("mono", " ".join(one.only))] if one.only else []),
        ("read", _mono(one.read) if one.read else [("both", *words.NOT_READ)]),
    ])  # fmt: skip
    items = [(words.SEVERITIES[name], one.severities.get(name, 0)) for name in SEVERITIES]
    title = ("回放发现（按等级）", "What the replay found, by severity")
    yield bars("severities", title, items).section()
    yield _found(said)
    columns = [column("部分", "Part", "40mm"), column("原因", "Why"),
               column("数量", "Count", "24mm", right=True)]  # fmt: skip
    gaps = [[_mono(gap.part), stacked([("both", *_why(gap.code))]), _mono(gap.count)]
            for gap in one.gaps[:MOST_LISTED]]  # fmt: skip
    yield plain_table(("未能核查的部分", "What could not be looked at"), columns, gaps)


def _found(said: Compliance) -> Section:
    replay = said.replay
    columns = [
        column("等级", "Severity", "16mm"), column("发现", "Finding"),
        column("规则", "Rule", "14mm"), column("事件序号", "Position", "20mm", right=True),
        column("对象", "About", "54mm"), column("到期", "Due", "24mm"),
    ]  # fmt: skip
    title = ("回放发现", "Findings of the replay")
    if (more := replay.total - len(replay.findings)) > 0:
        title = (
            f"{title[0]}（另有 {more:,} 项见回放结果）",
            f"{title[1]} ({more:,} more in its JSON)",
        )
    return plain_table(title, columns, [_found_row(one) for one in replay.findings])


def _found_row(one: Found) -> list[Cell]:
    subject = one.subject or next(iter(one.evidence), "") or "—"
    return [
        stacked([("both", *words.SEVERITIES[one.severity])]),
        [*stacked([("both", *_title(one.code))]), *([("mono", one.detail)] if one.detail else [])],
        _mono(one.rule or "—"), [("mono", "—" if one.position is None else f"{one.position:,}")],
        _mono(subject), _mono(_day(one.due) or "—"),
    ]  # fmt: skip


def _day(due: str) -> str:
    """The day of a deadline, which a replay says as a day or as a time."""
    return china(due)[:10] if due.endswith("Z") else due


def _why(code: str) -> Words:
    known = GAPS.get(code)
    return (known.zh, known.en) if known else (code, code)


def _title(code: str) -> Words:
    known = CODES.get(code)
    return (known.title.zh, known.title.en) if known else (code, code)


def _coverage(said: Compliance) -> Section:
    rows = [words.LIMITS.get(code, (code, code)) for code in said.limits]
    return {"type": "text", "title": ("覆盖范围与局限", "Coverage and limits"), "rows": rows}


# -- chapters -------------------------------------------------------------------------------------


def _chapters(said: Compliance) -> Section:
    columns = [
        column("章节", "Chapter", "36mm"), column("期间内事件", "Events in the period"),
        column("回放发现", "Replay", "30mm"), column("审计发现", "Findings", "22mm"),
        column("规则", "Rules", "30mm"),
    ]  # fmt: skip
    rows = [_chapter(one) for one in said.chapters]
    return plain_table(("分章结果", "Results by chapter"), columns, rows)


def _chapter(one: ChapterResult) -> list[Cell]:
    numbers = " ".join(map(str, one.findings[:_MOST_NUMBERS])) + (
        " …" if len(one.findings) > _MOST_NUMBERS else ""
    )
    return [
        stacked(_code("AuditChapter", one.chapter)), _held(one), _counts(one.found),
        _mono(numbers or "—"), [("mono", " ".join(one.rules) or "—")],
    ]  # fmt: skip


def _held(one: ChapterResult) -> Cell:
    """What the ledger holds about a chapter, or that it cannot be known."""
    if not one.known:
        return stacked([("both", *words.UNKNOWN)])
    lines: list[Line] = []
    if one.records is not None:
        lines += stacked([("both", f"涉及资料 {one.records:,} 项", f"{one.records:,} records")])
    known = CHAPTERS[one.chapter].topics if one.chapter in CHAPTERS else ()
    order = [*(topic for topic in known if topic in one.events),
             *(topic for topic in one.events if topic not in known)]  # fmt: skip
    told = [(TOPICS.get(topic, (topic, topic)), one.events[topic]) for topic in order]
    if told:
        lines += [("zh", "，".join(f"{both_[0]} {count:,}" for both_, count in told)),
                  ("en", ", ".join(f"{both_[1]} {count:,}" for both_, count in told))]  # fmt: skip
    elif known:
        zh = f"期间内无事件；此前 {one.ever:,} 件"
        lines += stacked([("both", zh, f"none in the period; {one.ever:,} before")])
    return lines


# -- charts of the ledger -------------------------------------------------------------------------


def _access(said: Compliance) -> Iterator[Section]:
    one = said.access
    yield _fields(("访问与权限", "Access"), [
        ("allowed", _mono(one.allowed)), ("denied", _mono(one.denied)),
        ("break_glass", _mono(one.break_glass)), ("anomalous", _mono(one.anomalous)),
        ("access_report", _mono(one.report)),
    ])  # fmt: skip
    granted: Counter[tuple[Words, Words]] = Counter()
    for cell in one.matrix:
        role, mode = both("Role", cell.role), both("AccessMode", cell.mode)
        who = f"{role[0]}·{mode[0]}", f"{role[1]}, {mode[1].lower()}"
        granted[who, both("RecordCategory", cell.category)] += cell.grants
    heads = (("角色·方式", "Role, mode"), ("类别", "Category"))
    title = ("授权矩阵", "Grants in force: role and mode by category")
    yield matrix("matrix", title, granted, heads).section()


def _copies(said: Compliance, texts: Texts) -> Section:
    items = []
    for one in said.copies:
        who, on = called(one.custodian, texts), words.medium(one.medium)
        items.append(((f"{on[0]}·{who[0]}", on[1]), one.count))
    title = ("各处副本", "Copies by place and medium")
    return bars("copies", title, items, ("份数", "Copies")).section()


def _due(said: Compliance) -> Section:
    """What the audited have to set right by when, and what the replay found to be due."""
    found = ((_title(one.code), _day(one.due)) for one in said.replay.findings if one.due)
    items = [Due(label, day, standing(day, said.today)) for label, day in found]
    for one in said.findings:
        title = both("AuditChapter", one.chapter)
        label = f"发现 {one.number} {title[0]}", f"finding {one.number}"
        done = one.state == "closed"
        items.append(Due(label, one.due, standing(one.due, said.today, done=done)))
    return due_dates("due", ("期限", "Due dates"), said.today, items).section()


# -- findings -------------------------------------------------------------------------------------


def _findings(said: Compliance, texts: Texts) -> Iterator[Section]:
    order = sorted(said.findings, key=lambda one: (SEVERITIES.index(_weight(one)), one.number))
    columns = [
        column("编号", "No.", "12mm"), column("等级", "Severity", "16mm"),
        column("章节", "Chapter", "34mm"), column("规则", "Rule", "16mm"),
        column("责任人", "Owner"), column("到期", "Due", "22mm"), column("状态", "State", "28mm"),
    ]  # fmt: skip
    title = ("审计发现", "Findings")
    if (more := len(order) - MOST_LISTED) > 0:
        title = f"{title[0]}（另有 {more:,} 项见正本）", f"{title[1]} ({more:,} more in the JSON)"
    rows = [
        [
            _mono(one.number), stacked([("both", *words.SEVERITIES[one.severity])]),
            stacked(_code("AuditChapter", one.chapter)), _mono(_rule(one.rule) or "—"),
            person(one.owner, texts), _mono(one.due), stacked([("both", *_state(said, one))]),
        ]
        for one in order[:MOST_LISTED]
    ]  # fmt: skip
    yield plain_table(title, columns, rows)
    for one in order[:MOST_DETAILED]:
        yield _detail(said, one, texts)


def _rule(code: str) -> str:
    """The number of a rule (`I-NN`) by its stable code; the code where there is no such rule."""
    return next((number for number, name in RULE_CODES.items() if name == code), code)


def _weight(one: Raised) -> Any:  # noqa: ANN401  a severity, or what a stranger wrote for one
    return one.severity


def _state(said: Compliance, one: Raised) -> Words:
    zh, en = words.STATES[one.state]
    if one.state != "closed" and one.due < said.today:
        return f"{zh}，逾期", f"{en}, overdue"
    return zh, en


def _detail(said: Compliance, one: Raised, texts: Texts) -> Section:
    title = _title(one.code) if one.code else both("AuditChapter", one.chapter)
    criterion = " ".join(part for part in (_rule(one.rule), one.code) if part)
    answer = [*_code("FindingResponse", one.response), *_text(texts, one.answered, "answer")]
    heading = f"发现 {one.number}：{title[0]}", f"Finding {one.number}: {title[1]}"
    return _fields(heading, [
        ("severity", [("both", *words.SEVERITIES[one.severity])]),
        ("criterion", [*_code("AuditChapter", one.chapter),
                       *([("mono", criterion)] if criterion else [])]),
        *((field, _text(texts, one.event, field))
          for field in ("condition", "cause", "effect", "recommendation")),
        ("sample", _mono(one.sample) if one.sample else []),
        ("evidence", [("mono", event) for event in one.evidence] or [("both", "无", "none")]),
        ("owner", person(one.owner, texts)), ("due", _mono(one.due)),
        ("response", answer if one.answered else [("both", "尚未答复", "not answered yet")]),
        *(("remedy", _remedy(remedy, texts)) for remedy in one.remedies),
        ("state", [("both", *_state(said, one))]), ("event", _mono(one.event)),
    ])  # fmt: skip


def _remedy(one: Remedy, texts: Texts) -> Cell:
    lines: list[Line] = [
        ("mono", china(one.done_at)), *person(one.by, texts), *_text(texts, one.event, "action"),
        *(("mono", event) for event in one.evidence),
    ]  # fmt: skip
    if one.outcome:
        remark = _text(texts, one.verified, "remark")
        return [*lines, *_code("RemediationOutcome", one.outcome), *person(one.verified_by, texts),
                *remark]  # fmt: skip
    return [*lines, ("both", "尚未核验", "not verified yet")]


def _opinion(said: Compliance) -> Section:
    shown = both("AuditOpinion", said.opinion) if said.opinion else words.NO_OPINION
    return {"type": "text", "title": ("审计意见", "Opinion"), "rows": [shown, words.RESTS_ON]}
