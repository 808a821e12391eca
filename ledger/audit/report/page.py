"""The page of a compliance audit report (C.4.7), printed from its data and nothing else.

Chinese with English beside it. Names and sealed texts stand where the reader's keystore opens them
(`texts`: by id, and by `<event id>#<field>`); else ids, and "sealed".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from domain.judging import RULE_CODES
from ledger.audit.finding import SEVERITIES
from ledger.audit.report import words
from ledger.audit.report.chapters import CHAPTERS
from ledger.audit.report.charts import Bin, bars, over_time
from ledger.audit.report.data import (
    Answer,
    ChapterResult,
    Compliance,
    Criterion,
    Previous,
    Raised,
    Remedy,
    Sample,
    limitations_of,
)
from ledger.audit.report.details import Sentences, article
from ledger.audit.report.found import (
    access,
    basis,
    copies,
    counts,
    found_table,
    gaps_table,
    title_of,
    when_due,
)
from ledger.audit.report.reviewpage import both, person, plain_table
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
_SEALED: Final[Line] = ("both", *words.SEALED)


def page(said: Compliance, texts: Texts, sentences: Sentences) -> Page:
    """The page; raises `LookupError` or `ValueError` for codes or days that are none.

    `sentences`: for refusals and gates (`ledger.audit.report.details`).
    """
    sections = [
        _summary(said, texts), _order(said, texts), *_scope(said), *_criteria(said),
        *_replay(said, sentences), _coverage(said, texts), _chapters(said),
        *access(said), copies(said, texts), when_due(said), _previous(said, texts),
        *_findings(said, texts), _opinion(said), *words.CLOSING,
    ]  # fmt: skip
    return Page(words.TITLE, sections, words.BOXES)


def _fields(title: Words, rows: Sequence[tuple[str, Cell]]) -> Section:
    return {"type": "fields", "title": title,
            "rows": [[words.FIELDS[name], cell] for name, cell in rows if cell]}  # fmt: skip


def _mono(value: object) -> Cell:
    return [("mono", f"{value:,}" if isinstance(value, int) else str(value))]


def _code(enumeration: str, code: str) -> Cell:
    return [("both", *both(enumeration, code))]


def _span(first: str, last: str) -> Cell:
    return [("mono", f"{china(first)} – {china(last)}")]


# -- what was ordered -----------------------------------------------------------------------------


def _summary(said: Compliance, texts: Texts) -> Section:
    left = [one for one in said.findings if one.state != "closed"]
    overdue = sum(one.due < said.today for one in left)
    raised = Counter(one.severity for one in said.findings)
    unknown = [both("AuditChapter", one.chapter) for one in said.chapters if not one.known]
    replay = said.replay
    return _fields(("结论摘要", "Summary"), [
        ("opinion", _code("AuditOpinion", said.opinion) if said.opinion
         else [("both", *words.NO_OPINION)]),
        ("basis", basis(said)),
        ("limitations", _limitations(said, texts)),
        ("verdict", [("both", *words.VERDICTS.get(replay.verdict, words.NOT_ASKED))]),
        ("equal", [("both", *words.EQUAL[replay.equal])]),
        ("found", counts(replay.severities)), ("raised", counts(raised)),
        ("still_open", counts(Counter(one.severity for one in left))),
        ("closed", _mono(len(said.findings) - len(left))), ("overdue", _mono(overdue)),
        ("previous", [*_mono(len(said.previous)),
                      *(counts(Counter(o.severity for o in said.previous))
                        if said.previous else [])]),
        ("unknown", [("zh", "、".join(one[0] for one in unknown)),
                     ("en", ", ".join(one[1] for one in unknown))] if unknown else []),
    ])  # fmt: skip


def _limitations(said: Compliance, texts: Texts) -> Cell:
    """What the auditors say that they could not audit; that it is sealed, and where."""
    if not said.limitations:
        return []
    if text := texts.get(limitations_of(said.audit.id)):
        return [("zh", text)]
    return [_SEALED, ("both", *words.SEALED_LIMITS), ("mono", said.audit.id)]


def _order(said: Compliance, texts: Texts) -> Section:
    order = said.audit
    row: Cell = [("mono", f"{order.consecutive} / {order.most_in_a_row}")]
    return _fields(("审计业务约定与独立性", "Engagement and independence"), [
        ("audit", _mono(order.id)), ("kind", _code("AuditKind", order.kind)),
        ("auditor_org", person(order.auditor_org, texts) if order.auditor_org else []),
        ("lead", person(order.lead, texts)), ("scope_party", person(order.scope_party, texts)),
        ("scope_engagement", _mono(order.scope_engagement) if order.scope_engagement else []),
        ("accepted", _mono(china(order.accepted))), ("opened", _mono(order.opened)),
        ("consecutive", [*row, *stacked([("both", *words.INDEPENDENT)]),
                         *stacked([("both", *words.TO_CONFIRM)])]),
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
        ("period", _span(order.period_from, order.period_to)),
        ("begins", _begins(said)), ("entry", _mono(order.entry)),
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


def _begins(said: Compliance) -> Cell:
    """Where the ledger begins within the period: of what was before it nothing is known."""
    if said.begins <= said.audit.period_from:
        return []
    return [*_mono(china(said.begins)), *stacked([("both", *words.BEFORE_LEDGER)])]


def _sample(one: Sample) -> list[Cell]:
    population = stacked(_code("AuditPopulation", one.population))
    if one.stratified:
        population += [("both", "分层", "by kind")]
    keys: Cell = [("mono", one.digest), ("mono", one.seed), ("mono", one.drawn_digest)]
    return [_mono(one.number), population, _mono(one.count), _mono(one.size), keys]


def _criteria(said: Compliance) -> Iterator[Section]:
    """Statutes and standards; below them, under their own head, what is neither."""
    for title, those in (
        (("审计依据", "Criteria"), [one for one in said.criteria if one.kind != "practice"]),
        (("行业惯例与产品设计（非法律）", "Practice and design, which are no law"),
         [one for one in said.criteria if one.kind == "practice"]),
    ):  # fmt: skip
        columns = [
            column("依据", "Source"), column("版本", "Version", "24mm"),
            column("施行", "In force", "24mm"), column("条款", "Articles", "44mm"),
            column("规则", "Rules", "34mm"),
        ]  # fmt: skip
        yield plain_table(title, columns, [_criterion(one) for one in those])


def _criterion(one: Criterion) -> list[Cell]:
    articles = [article(code) for code in one.articles]
    english = [en for zh, en in articles if zh != en]
    cell: list[Line] = [("zh", "、".join(zh for zh, _ in articles))]
    if english:
        cell.append(("en", ", ".join(english)))
    return [
        [("zh", one.zh), ("en", one.en)], _mono(one.version), _mono(one.in_force or "—"),
        cell, [("mono", " ".join(one.rules))],
    ]  # fmt: skip


# -- the replay -----------------------------------------------------------------------------------


def _replay(said: Compliance, sentences: Sentences) -> Iterator[Section]:
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
    title = ("回放发现（按严重程度）", "What the replay found, by severity")
    yield bars("severities", title, items).section()
    yield found_table(said, sentences)
    yield gaps_table(one.gaps[:MOST_LISTED])


def _coverage(said: Compliance, texts: Texts) -> Section:
    rows = [words.LIMITS.get(code, (code, code)) for code in said.limits]
    if said.limitations:
        text = texts.get(limitations_of(said.audit.id))
        zh, en = words.SEALED_LIMITS
        sealed = f"{words.SEALED[0]}{zh}{said.audit.id}", f"{words.SEALED[1]}: {en} {said.audit.id}"
        rows = [(f"审计组陈述 Stated by the auditors：{text}", "") if text else sealed, *rows]
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
        stacked(_code("AuditChapter", one.chapter)), _held(one), counts(one.found),
        _mono(numbers or "—"), [("mono", " ".join(one.rules) or "—")],
    ]  # fmt: skip


def _held(one: ChapterResult) -> Cell:
    """What the ledger holds about a chapter, or that it cannot be known.

    Where something was found, something is known, if no more than that nothing was recorded.
    """
    if not (one.known or one.found or one.findings):
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
    elif known or not lines:
        zh, en = words.NONE_IN_PERIOD
        if one.ever:
            zh, en = f"{zh}；其他时间 {one.ever:,} 件", f"{en}; {one.ever:,} at other times"
        lines += stacked([("both", zh, en)])
    return lines


# -- what earlier audits left ---------------------------------------------------------------------


def _previous(said: Compliance, texts: Texts) -> Section:
    columns = [
        column("审计", "Audit", "38mm"), column("编号", "No.", "10mm"),
        column("严重程度", "Severity", "16mm"), column("章节", "Chapter", "36mm"),
        column("责任人", "Owner"), column("到期", "Due", "20mm"), column("状态", "State", "22mm"),
    ]  # fmt: skip
    zh, en = words.AS_OF_COVERED
    title = (f"此前审计的后续（{zh.rstrip('。')}）",
             f"Follow-up of earlier audits: {en.rstrip('.').lower()}")  # fmt: skip
    rows = [_earlier(said, one, texts) for one in said.previous[:MOST_LISTED]]
    return plain_table(title, columns, rows)


def _earlier(said: Compliance, one: Previous, texts: Texts) -> list[Cell]:
    condition = _text(texts, one.event, "condition")
    return [
        [*_mono(one.audit), ("mono", china(one.opened)[:10])], _mono(one.number),
        stacked([("both", *words.SEVERITIES[one.severity])]),
        [*stacked(_code("AuditChapter", one.chapter)), *condition],
        person(one.owner, texts), _mono(one.due), stacked([("both", *_state(said, one))]),
    ]  # fmt: skip


# -- findings -------------------------------------------------------------------------------------


def _findings(said: Compliance, texts: Texts) -> Iterator[Section]:
    order = sorted(said.findings, key=lambda one: (SEVERITIES.index(_weight(one)), one.number))
    columns = [
        column("编号", "No.", "12mm"), column("严重程度", "Severity", "18mm"),
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


def _state(said: Compliance, one: Raised | Previous) -> Words:
    zh, en = words.STATES[one.state]
    if one.state != "closed" and one.due < said.today:
        return f"{zh}，逾期", f"{en}, overdue"
    return zh, en


def _detail(said: Compliance, one: Raised, texts: Texts) -> Section:
    title = title_of(one.code) if one.code else both("AuditChapter", one.chapter)
    criterion = [*_code("AuditChapter", one.chapter), *([("both", *title)] if one.code else []),
                 *(_mono(_rule(one.rule)) if one.rule else [])]  # fmt: skip
    answers = [_answer(answer, texts) for answer in one.answers]
    heading = f"发现 {one.number}：{title[0]}", f"Finding {one.number}: {title[1]}"
    return _fields(heading, [
        ("severity", [("both", *words.SEVERITIES[one.severity])]),
        ("criterion", criterion),
        *((field, _text(texts, one.event, field))
          for field in ("condition", "cause", "effect", "recommendation")),
        ("sample", _mono(one.sample) if one.sample else []),
        ("evidence", [("mono", event) for event in one.evidence] or [("both", "无", "none")]),
        ("owner", person(one.owner, texts)), ("due", _mono(one.due)),
        ("response", answers[0] if answers else [("both", "尚未答复", "not answered yet")]),
        *(("answer", answer) for answer in answers[1:]),
        *(("remedy", _remedy(remedy, texts)) for remedy in one.remedies),
        ("state", [("both", *_state(said, one))]), ("event", _mono(one.event)),
    ])  # fmt: skip


def _answer(one: Answer, texts: Texts) -> Cell:
    """What was answered, when and by whom; named where it was not the owner."""
    other: list[Line] = [] if one.owner else [("both", *words.NOT_OWNER)]
    return [*_code("FindingResponse", one.response), ("mono", china(one.accepted)),
            *person(one.by, texts), *other, *_text(texts, one.event, "answer")]  # fmt: skip


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
