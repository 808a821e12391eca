"""The compliance report: what an audit's events and a replay come to, by chapter, for a manager."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from defusedxml import ElementTree
from msgspec.structs import replace

from domain.codes import ENUMERATIONS
from domain.values import later
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.conducting import (
    About,
    Said,
    answer,
    confirm,
    draw_sample,
    open_audit,
    raise_finding,
    remediate,
)
from ledger.audit.finding import Finding
from ledger.audit.issuing import prepare
from ledger.audit.outcome import Replayed, read_replayed
from ledger.audit.replay import Asked, replay
from ledger.audit.report import compliance
from ledger.audit.report.compliance import MOST_FOUND, issued, report
from ledger.audit.report.data import Compliance, canonical
from ledger.audit.report.names import texts_of
from ledger.audit.report.page import MOST_DETAILED, MOST_LISTED
from ledger.audit.report.printed import Report, load
from ledger.errors import DataError, EncodingError, UsageError
from ledger.signing import Proposal, now
from tests.ledger.copying import gather, records
from tests.ledger.granting import classified, grant
from tests.ledger.ledgers import Firm, add_person

CONDITION = "抽查三笔访问没有工单<script>alert('甲')</script>\u202e。"
CHAPTERS = ENUMERATIONS["AuditChapter"].codes


class Audited(NamedTuple):
    """A shop's ledger, an audit of it with three findings, and a replay."""

    ledger: Ledger
    auditor: Acting
    audit: str
    replay: bytes

    @property
    def report(self) -> Report:
        return report(self.ledger, self.audit, self.replay, "qualified")

    @property
    def said(self) -> Compliance:
        said = load(self.report.json)
        assert isinstance(said, Compliance)
        return said


@pytest.fixture(scope="module")
def audited(firm_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    home = tmp_path_factory.mktemp("audited")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        shutil.copytree(firm_template.path, home / "ledger")
        with firm_template._replace(path=home / "ledger").open() as ledger:
            yield _audited(ledger, ledger.acting(firm_template.founded.actor), home)


def _audited(ledger: Ledger, admin: Acting, home: Path) -> Audited:
    (home / "in").mkdir()
    gather(ledger, admin, home / "in", {"合同.txt".encode(): "甲方".encode()})
    contract = classified(ledger, admin, records(ledger)[0])
    clerk = add_person(ledger, admin, admin.state.party, ("counsel",))
    grant(ledger, admin, clerk)
    auditor = add_person(ledger, admin, admin.state.party, ("internal_auditor",))
    span = (ledger.events_of(ledger.ledger_id)[0][1], None)
    opened = open_audit(
        ledger, "internal", auditor.actor, span, letter="委托书", criteria="按附件所列逐项核对"
    )
    ledger.act(auditor, [opened])
    audit, day = opened.stream, later(now(), days=30)[:10]
    ledger.act(auditor, [draw_sample(ledger, audit, "events", 5, seed="07" * 16).proposal])
    for about, said in (
        (
            About("permissions", "high", sample=1, evidence=[f"{contract}/1"]),
            Said(CONDITION, "停机"),
        ),
        (About("notice", "low", code="notice_missing_at_collection"), Said("缺告知")),
        (About("retention", "medium", rule="retention_before_archive"), Said("未定期限")),
    ):
        owner = admin.actor
        ledger.act(auditor, [raise_finding(ledger, audit, about, said, owner=owner, due=day)])
    acted: list[tuple[Acting, Proposal]] = [
        (admin, answer(ledger, audit, 1, "accepted", "同意")),
        (admin, remediate(ledger, audit, 1, "已补录", None, [f"{contract}/1"])),
        (auditor, confirm(ledger, audit, 1, "effective", "已复查")),
        (admin, answer(ledger, audit, 2, "disputed", "当面告知过")),
    ]
    for who, proposal in acted:
        ledger.act(who, [proposal])
    found = replay(ledger.folder, None, Asked(later(now(), hours=1)))
    return Audited(ledger, auditor, audit, found.json())


# -- what it says -------------------------------------------------------------------------------


def test_the_report_says_who_audited_whom_over_what_and_how_often_in_a_row(
    audited: Audited,
) -> None:
    order, said = audited.said.audit, audited.said
    assert (order.id, order.kind, order.lead) == (audited.audit, "internal", audited.auditor.actor)
    assert (order.consecutive, order.most_in_a_row) == (1, 3)
    assert order.auditor_org == ""
    assert said.opinion == "qualified"
    (sample,) = said.samples
    assert (sample.seed, sample.size, len(sample.drawn)) == ("07" * 16, 5, 5)
    assert {"pipl", "audit-measures"} <= {one.statute for one in said.criteria}
    assert all(one.version for one in said.criteria)


def test_the_report_rests_on_one_replay_and_names_its_digest(audited: Audited) -> None:
    replayed, used = read_replayed(audited.replay), audited.said.replay
    assert used.digest == sha256(audited.replay).hexdigest()
    assert (used.equal, used.projections) == (True, replayed.projections.digest)
    assert used.verdict == "valid"
    assert used.tool_digest == replayed.tool.digest
    assert used.checkpoint == replayed.checkpoint
    assert used.total == len(replayed.findings)
    assert used.severities == replayed.counts.severity


def test_every_chapter_is_there_and_one_without_events_cannot_be_known(audited: Audited) -> None:
    chapters = {one.chapter: one for one in audited.said.chapters}
    assert tuple(chapters) == CHAPTERS
    known = {name for name, one in chapters.items() if one.known}
    assert known >= {"legal_basis", "permissions", "custody", "ledger"}
    assert not known & {"minors", "cross_border", "automated_decisions", "pipia", "incidents"}
    assert chapters["legal_basis"].events == {"record.collected": 1}
    assert chapters["permissions"].findings == (1,)
    page = audited.report.html.decode()
    unknown = [one for one in chapters.values() if not one.known]
    assert page.count("No events; cannot be known") == len(unknown)


def test_findings_are_told_with_answer_remediation_and_what_became_of_them(
    audited: Audited,
) -> None:
    first, second, third = audited.said.findings
    assert (first.state, first.severity) == ("closed", "high")
    assert [answer.response for answer in first.answers] == ["accepted"]
    (remedy,) = first.remedies
    assert (remedy.outcome, remedy.verified_by) == ("effective", audited.auditor.actor)
    assert (second.state, second.code) == ("answered", "notice_missing_at_collection")
    assert [answer.response for answer in second.answers] == ["disputed"]
    assert (third.state, third.answers, third.remedies) == ("open", (), ())


def test_the_charts_count_what_the_ledger_has(audited: Audited) -> None:
    said = audited.said
    with audited.ledger.engine.connect() as connection:
        position = connection.exec_driver_sql(
            'SELECT first + "count" - 1 FROM commits WHERE entry = ?', (said.audit.entry,)
        ).scalar_one()
    assert sum(one.accesses + one.others for one in said.acts) == position
    assert sum(one.count for one in said.copies) == 1
    assert [(one.role, one.category, one.mode) for one in said.access.matrix] == [
        ("counsel", "contract", "view")
    ]


def test_a_span_of_years_is_told_in_months_and_one_of_days_in_days() -> None:
    from datetime import date

    marks = compliance._Period._marks  # the parts of a span are nowhere else to be seen
    for first, last, count, label in (
        (date(2024, 1, 31), date(2024, 3, 1), 31, "2024-01-31"),
        (date(2024, 1, 31), date(2024, 9, 1), 31, "2024-01-29"),
        (date(2024, 1, 31), date(2026, 12, 31), 36, "2024-01"),
        (date(1990, 5, 5), date(2026, 1, 1), 37, "1990"),
        (date(2024, 2, 29), date(2024, 2, 29), 1, "2024-02-29"),
    ):
        found = list(marks(first, last))
        assert (len(found), found[0][0]) == (count, label)
        days = [day for _, day in found]
        assert days == sorted(set(days))
        assert days[-1] <= last


# -- the same for everybody ---------------------------------------------------------------------


def test_the_json_is_canonical_and_holds_no_name_and_no_text(audited: Audited) -> None:
    made = audited.report
    assert made.json == audited.report.json
    assert canonical(load(made.json)) == made.json
    plain = made.json.decode("ascii")
    for text in made.texts.values():
        assert json.dumps(text)[1:-1] not in plain
    names = {one.zh for one in audited.said.criteria} | {one.en for one in audited.said.criteria}
    beyond = {text for text in _strings(json.loads(plain)) if not text.isascii()} - names
    assert all(any(text in one.articles for one in audited.said.criteria) for text in beyond)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def test_a_colleague_with_the_json_alone_prints_the_same_pages_with_texts_sealed(
    audited: Audited,
) -> None:
    theirs = Report(audited.report.json)
    assert theirs.html == Report(bytes(audited.report.json)).html
    assert theirs.pdf() == Report(bytes(audited.report.json)).pdf()
    page = theirs.html.decode()
    assert "sealed" in page
    assert "停机" not in page
    seeing = Report(theirs.json, texts_of(audited.ledger, audited.said), compared=True)
    assert seeing.html == audited.report.html
    assert "停机" in seeing.html.decode()


def test_a_report_that_was_changed_is_not_the_one_that_was_issued(
    audited: Audited, firm_template: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(audited.ledger.folder.path, tmp_path / "ledger")
    made = audited.report
    with firm_template._replace(path=tmp_path / "ledger").open() as ledger:
        auditor = ledger.acting(audited.auditor.actor)
        assert issued(ledger, audited.audit, made.digest) is None
        ready = prepare(ledger, audited.audit, audited.replay, "qualified", None)
        assert ready.report.json == made.json
        assert ready.proposal is not None
        ledger.act(auditor, [ready.proposal])
        assert issued(ledger, audited.audit, made.digest) is True
        softer = made.json.replace(b'"opinion":"qualified"', b'"opinion":"unqualified"')
        assert load(softer) != load(made.json), "as canonical as the true one"
        assert issued(ledger, audited.audit, Report(softer).digest) is False
        admin = ledger.acting(audited.said.findings[1].owner)
        after = remediate(ledger, audited.audit, 2, "补发告知", None, [])
        ledger.act(admin, [after])
        assert report(ledger, audited.audit, audited.replay, "qualified").json == made.json


# -- attacks ------------------------------------------------------------------------------------


def test_a_script_in_a_finding_is_text_and_nothing_runs(audited: Audited) -> None:
    page = audited.report.html.decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;甲&#x27;)&lt;/script&gt;\\u202e" in page
    assert "default-src 'none'" in page
    assert not re.search(r"\son\w+=|javascript:|<(img|iframe|object|link|a)\b", page)
    for svg in page.split("<figure>")[1:]:
        ElementTree.fromstring(svg.partition("</figure>")[0])


def test_names_with_control_characters_are_shown_and_break_neither_page(audited: Audited) -> None:
    name = "王\x00\x1b[31m\u202e小\ud800明\n" + "阿" * 400
    texts = dict.fromkeys((audited.auditor.actor, audited.said.audit.scope_party,
                           audited.said.copies[0].custodian), name)  # fmt: skip
    made = Report(audited.report.json, texts)
    page = made.html.decode()
    assert "王\\u0000\\u001b[31m\\u202e小\\ud800明" in page
    assert not re.search("[\x00\x1b\u202e\ud800]", page)
    assert made.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("change", [
    {"opinion": "<b>"}, {"today": "tomorrow"}, {"origin": "\u202e<b>"}, {"limits": ("<b>",)},
])  # fmt: skip
def test_codes_that_are_none_are_shown_as_they_are_or_refused(
    audited: Audited, change: dict[str, object]
) -> None:
    made = Report(canonical(replace(audited.said, **change)))
    try:
        page = made.html.decode()
    except DataError:
        return
    assert "<b>" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("change", [
    lambda data: data + b"\n", lambda data: data.replace(b',"', b', "', 1),
    lambda data: data.replace(b'"acts":[', b'"acts":[{}', 1),
    lambda data: data.replace(b'"equal":true', b'"equal":"yes"'),
    lambda data: data[:-1] + b',"zz":1}', lambda data: data[: len(data) // 2],
])  # fmt: skip
def test_what_is_not_written_as_a_report_is_none(audited: Audited, change: object) -> None:
    with pytest.raises(DataError):
        load(change(audited.report.json))  # type: ignore[operator]


def test_a_replay_of_another_ledger_or_of_too_little_or_that_is_none_makes_no_report(
    audited: Audited,
) -> None:
    whole = read_replayed(audited.replay)
    for wrong in (
        _with(whole, origin="example.org/other"),
        _with(whole, as_of=replace(whole.as_of, entry=audited.said.audit.entry - 1)),
    ):
        with pytest.raises(UsageError):
            report(audited.ledger, audited.audit, wrong.json())
    with pytest.raises(EncodingError):
        report(audited.ledger, audited.audit, audited.replay + b" ")
    with pytest.raises(UsageError):
        report(audited.ledger, audited.ledger.ledger_id, audited.replay)
    with pytest.raises(UsageError):
        issued(audited.ledger, "audit-\u202e", "00" * 32)


def _with(replayed: Replayed, **changed: object) -> Replayed:
    told = {name: getattr(replayed, name) for name in replayed.__struct_fields__}
    return Replayed(**{**told, **changed})


def test_ten_thousand_findings_are_bounded_and_what_is_left_out_is_said(audited: Audited) -> None:
    late = Finding("timely", "late_entry", "note", position=7, rule="I-04", due="2026-01-01")
    whole = _with(read_replayed(audited.replay), findings=(late,) * 10_000)
    made = report(audited.ledger, audited.audit, whole.json())
    said = load(made.json)
    assert isinstance(said, Compliance)
    assert (said.replay.total, len(said.replay.findings)) == (10_000, MOST_FOUND)
    one = replace(said.findings[2], event="audit-x/9")
    many = tuple(replace(one, number=number) for number in range(1, 10_001))
    page = Report(canonical(replace(said, findings=many))).html.decode()
    assert f"({10_000 - MOST_FOUND:,} more in its JSON)" in page
    assert f"({10_000 - MOST_LISTED:,} more in the JSON)" in page
    assert page.count("Finding of the event") + page.count("Event of the finding") == MOST_DETAILED
    assert len(page) < 6_000_000
