"""What a report's pages say to a manager: limitations, follow-up, answers, and words for codes."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.policy import Policy
from ledger.accessreview import access_report
from ledger.audit.catalogue import CODES
from ledger.audit.finding import Finding, Gap
from ledger.audit.outcome import Replayed, read_replayed
from ledger.audit.report.compliance import report
from ledger.audit.report.data import Compliance, canonical
from ledger.audit.report.details import ARTICLES, article, detail
from ledger.audit.report.matrices import granted_once
from ledger.audit.report.printed import Report, load
from ledger.cli.gates_shown import GATES
from ledger.cli.refusals import EXPLANATIONS
from ledger.cli.sentences import sentences
from ledger.errors import DataError
from ledger.signing import now
from tests.ledger.auditdesk import DUE, AuditDesk, audit_desk
from tests.ledger.ledgers import Firm

UNSEEN = "没有查看纸质档案，仓库封存"


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    return audit_desk(firm, tmp_path, monkeypatch)


def said_in(desk: AuditDesk, out: str = "report") -> Compliance:
    said = load((desk.home / out / "audit-report.json").read_bytes())
    assert isinstance(said, Compliance)
    return said


def page_of(desk: AuditDesk, out: str = "report", name: str = "audit-report.html") -> str:
    return (desk.home / out / name).read_text("utf-8")


def other_than(data: bytes, **changed: Any) -> bytes:
    """A replay that says something else."""
    whole = read_replayed(data)
    told = {name: getattr(whole, name) for name in whole.__struct_fields__}
    return Replayed(**{**told, **changed}).json()


def of_replay(desk: AuditDesk, **changed: Any) -> Report:
    """A report on a replay that found something else."""
    data = other_than(desk.replayed().read_bytes(), **changed)
    with desk.firm.open(writing=False) as ledger:
        return report(ledger, desk.audit, data, "qualified")._replace(sentences=sentences())


# -- limitations ----------------------------------------------------------------------------------


def test_what_could_not_be_audited_stands_in_the_report_or_that_it_is_sealed(
    desk: AuditDesk,
) -> None:
    desk.opened()
    desk.found()
    desk.did(*desk.report("--limitations", UNSEEN))
    assert page_of(desk).count(UNSEEN) == 2, "in the summary and beside the limits"
    data = desk.home / "report" / "audit-report.json"
    assert json.loads(data.read_bytes())["limitations"] == "sealed"
    assert UNSEEN.encode() not in data.read_bytes()
    desk.did("audit", "render", str(data), "--out", str(desk.home / "seeing"))
    assert page_of(desk, "seeing") == page_of(desk), "with the keystore it is the same page"
    desk.did("audit", "render", str(data), "--out", str(desk.home / "blind"), MUNIMENT_LEDGER=None)
    blind = page_of(desk, "blind")
    assert UNSEEN not in blind
    assert "The auditors state limitations, sealed" in blind


def test_other_limitations_are_another_report(desk: AuditDesk) -> None:
    desk.opened()
    desk.found()
    arguments = desk.report("--limitations", UNSEEN)
    desk.did(*arguments)
    assert desk.json(*arguments)["recorded"] is False
    for other in (["--limitations", "没有局限"], []):
        changed = [*arguments[:-4], *other, *arguments[-2:]]
        assert "another report" in desk.error(*changed, code=2)["message"]
    assert page_of(desk).count(UNSEEN) == 2


# -- the replay -----------------------------------------------------------------------------------


def test_a_replay_since_an_earlier_entry_is_no_basis(desk: AuditDesk) -> None:
    desk.collect()
    desk.opened()
    desk.found()
    arguments = desk.report()
    file = desk.home / "replay.json"
    file.write_bytes(other_than(file.read_bytes(), since=3))
    said = desk.error(*arguments, code=2)
    assert "a part only" in said["message"]
    assert "--since" in said["remedy"]
    assert not (desk.home / "report").exists()


def test_a_replay_with_a_newline_at_its_end_is_the_same_replay(desk: AuditDesk) -> None:
    desk.opened()
    desk.found()
    arguments = desk.report()
    file = desk.home / "replay.json"
    bare = file.read_bytes()
    first = desk.json(*arguments)
    file.write_bytes(bare + b"\n")
    assert desk.json(*arguments)["report"] == first["report"]
    assert said_in(desk).replay.digest == sha256(bare).hexdigest()


# -- follow-up and answers ------------------------------------------------------------------------


def test_the_next_audit_follows_up_what_the_last_one_left_open(desk: AuditDesk) -> None:
    first = desk.opened()
    for severity in ("high", "low", "medium"):
        desk.found(severity=severity)
    for number, outcome in (("2", "effective"), ("3", "ineffective")):
        desk.remedied(int(number))
        desk.did("audit", "confirm", first, number, "--outcome", outcome, "--as", desk.gu)
    desk.did(*desk.report())
    desk.opened()
    desk.found()
    desk.did(*desk.report(out="second"))
    said = said_in(desk, "second")
    assert [(one.audit, one.number, one.state) for one in said.previous] == [
        (first, 1, "open"), (first, 3, "ineffective"),
    ]  # fmt: skip
    page = page_of(desk, "second")
    assert "Follow-up of earlier audits" in page
    assert "Left open by earlier audits" in page
    assert page.count(first) >= 2
    assert "Not effective" in page
    assert "授权到期后仍未撤销" in page.partition("Follow-up of earlier audits")[2]


def test_every_answer_is_told_with_when_and_by_whom(desk: AuditDesk) -> None:
    desk.opened()
    desk.found()
    for who, response, text in ((desk.founder, "disputed", "并未到期"),
                                (desk.zhao, "accepted", "同意整改")):  # fmt: skip
        desk.did("audit", "answer", desk.audit, "1", "--response", response, "--text", text,
                 "--as", who)  # fmt: skip
    desk.did(*desk.report())
    (finding,) = said_in(desk).findings
    assert [(one.by, one.owner) for one in finding.answers] == [
        (desk.founder, False), (desk.zhao, True),
    ]  # fmt: skip
    page = page_of(desk)
    before, text, after = page.partition("并未到期")
    assert text
    assert "由责任人以外的人员答复" in before
    assert "同意整改" in after
    assert "由责任人以外的人员答复" not in after


def test_the_summary_says_what_is_open_overdue_and_what_the_opinion_rests_on(
    desk: AuditDesk,
) -> None:
    desk.opened()
    desk.found(severity="critical")
    number = desk.found(severity="low")
    desk.remedied(number)
    desk.did("audit", "confirm", desk.audit, str(number), "--outcome", "effective", "--as",
             desk.gu)  # fmt: skip
    desk.did(*desk.report(opinion="adverse"))
    summary = page_of(desk).partition("Summary")[2].partition("</section>")[0]
    rested = summary.partition("Findings it rests on")[2].partition("</tr>")[0]
    assert "finding 1 (critical)" in rested
    assert "finding 2" not in rested
    left = summary.partition("Open, by severity")[2].partition("</tr>")[0]
    assert "Critical 1" in left
    assert "Low" not in left


# -- chapters and criteria ------------------------------------------------------------------------


def test_a_chapter_in_which_something_was_found_is_never_called_unknowable(
    desk: AuditDesk,
) -> None:
    desk.opened()
    desk.json("audit", "finding", desk.audit, "--chapter", "automated_decisions", "--severity",
              "low", "--owner", desk.zhao, "--due", DUE, "--condition", "x", "--as",
              desk.feng)  # fmt: skip
    untrained = Finding("complete", "untrained", "medium", rule="I-08", detail="security")
    made = of_replay(desk, findings=(untrained,))
    said = load(made.json)
    assert isinstance(said, Compliance)
    known = {one.chapter: one.known for one in said.chapters}
    assert known["training"]
    assert known["automated_decisions"]
    assert not known["minors"]
    table = made.html.decode().partition("Results by chapter")[2].partition("</table>")[0]
    rows = {name: row for row in table.split("<tr>") for name in ("Training", "Automated", "Minors")
            if name in row}  # fmt: skip
    for name in ("Training", "Automated"):
        assert "cannot be known" not in rows[name], name
        assert "No events recorded in the period" in rows[name], name
    assert "cannot be known" in rows["Minors"]


def test_every_article_of_the_pack_has_words_in_both_languages(desk: AuditDesk) -> None:
    policy: Policy
    with desk.firm.open(writing=False) as ledger:
        policy = ledger.policy()
    cited = {one.article for rule in policy.rules.values() for one in rule.basis}
    worded = {one for one in cited if not re.fullmatch(r"[\d.,()–-]+", one)}
    assert worded <= ARTICLES.keys()
    for one in worded:
        zh, en = article(one)
        assert not zh.isascii(), one
        assert en.isascii(), one


def test_practice_and_design_are_no_statutes(desk: AuditDesk) -> None:
    desk.opened()
    page = of_replay(desk).html.decode()
    law, _, practice = page.partition("Practice and design, which are no law")
    assert "Design of this product" not in law
    assert "Design of this product" in practice
    assert "审计机构轮换" in law
    assert "须由律师确认" in law
    assert "审计业务约定书" in law
    assert "委托书" not in page


# -- words for codes ------------------------------------------------------------------------------

_SNAKE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def test_no_bare_code_stands_in_a_page(desk: AuditDesk) -> None:
    """Whatever refusals, gates, registers and parts a replay tells of, people read words."""
    desk.opened()
    desk.found("--rule", "I-15")
    desk.did(
        "audit", "finding", desk.audit, "--owner", desk.zhao, "--due", DUE, "--replay",
        str(desk.replayed()), "--item", "1", "--severity", "low", "--as", desk.feng,
    )  # fmt: skip
    found = [
        *(Finding("permitted", "not_permitted", "high", position=3, rule="I-15", detail=one)
          for one in sorted(EXPLANATIONS)[:15]),
        *(Finding("complete", "gate_red", "note", entry=2, rule="I-23", detail=one)
          for one in GATES),
        Finding("complete", "gate_bypassed", "high", rule="I-23", detail="backup: no_drill"),
        Finding("complete", "untrained", "medium", rule="I-08", detail="confidentiality security"),
        Finding("complete", "register_empty", "note", detail="key_copies"),
        Finding("timely", "late_unexplained", "low", rule="I-04", detail="paper_first"),
    ]  # fmt: skip
    gaps = [Gap(part, "not_checked") for part in ("genuine", "backups", "file")]
    page = of_replay(desk, findings=tuple(found), gaps=tuple(gaps)).html.decode()
    words = re.sub(r"<code.*?</code>|<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert set(_SNAKE.findall(words)) <= {"report_issued"}, "said where a page is checked"
    assert "confidentiality security" not in words
    mono = set(re.findall(r"<code[^>]*>([^<]*)</code>", page))
    assert not {code for code in mono if code in GATES or code in EXPLANATIONS or code in CODES}
    assert not [code for code in mono if _SNAKE.fullmatch(code)]


def test_every_refusal_and_gate_has_a_sentence_in_both_languages() -> None:
    known = sentences()
    for code in EXPLANATIONS:
        ((_, zh, en),) = detail("not_permitted", code, known)
        assert zh, code
        assert code not in en, code
    for code in GATES:
        ((_, zh, en),) = detail("gate_red", code, known)
        assert (zh.isascii(), en.isascii()) == (False, True), code


def test_equal_findings_are_one_row_with_their_number_and_details(desk: AuditDesk) -> None:
    desk.opened()
    red = tuple(Finding("complete", "gate_red", "note", entry=7, rule="I-23", subject="deal",
                        detail=one) for one in list(GATES)[:12])  # fmt: skip
    page = of_replay(desk, findings=red).html.decode()
    table = page.partition("Findings of the replay")[2].partition("</table>")[0]
    (row,) = table.split("<tr>")[2:]
    assert '<code class="k">12</code>' in row
    assert "list frozen" in row
    assert "条目 entry 7" in row


# -- a report without its ledger ------------------------------------------------------------------


def test_a_changed_report_says_on_its_pages_that_nobody_compared_it(desk: AuditDesk) -> None:
    desk.opened()
    desk.found()
    desk.did(*desk.report())
    data = (desk.home / "report" / "audit-report.json").read_bytes()
    softer = desk.home / "softer.json"
    softer.write_bytes(data.replace(b'"opinion":"qualified"', b'"opinion":"unqualified"'))
    desk.did("audit", "render", str(softer), "--out", str(desk.home / "x"), MUNIMENT_LEDGER=None)
    page = page_of(desk, "x", "softer.html")
    assert "Not compared with the ledger" in page
    assert page.count(sha256(softer.read_bytes()).hexdigest()) >= 2
    assert "Not compared with the ledger" not in page_of(desk)
    desk.error("audit", "render", str(softer), "--out", str(desk.home / "y"), code=3)


def test_an_access_review_whose_numbers_do_not_add_up_is_no_report(desk: AuditDesk) -> None:
    desk.did("audit", "review", "--out", str(desk.home / "r"))
    file = desk.home / "r" / "access-review.json"
    said = load(file.read_bytes())
    for wrong in ({"denied": 3}, {"allowed": 1}, {"anomalous": 4},
                  {"denials": [{"actor": "a", "rule": "x", "count": 2, "last": ""}]},
                  {"grant_counts": {"all": 9}}):  # fmt: skip
        with pytest.raises(DataError, match="add up"):
            load(canonical(replace(said, **wrong)))
    other = desk.home / "other.json"
    other.write_bytes(canonical(replace(said, root="00" * 32)))
    desk.error("audit", "render", str(other), "--out", str(desk.home / "s"), code=3)


def test_a_compliance_report_whose_numbers_do_not_add_up_is_no_report(desk: AuditDesk) -> None:
    desk.opened()
    said = load(of_replay(desk).json)
    assert isinstance(said, Compliance)
    for wrong in (replace(said.replay, total=said.replay.total + 1),
                  replace(said.replay, severities={"note": said.replay.total + 1})):  # fmt: skip
        with pytest.raises(DataError, match="add up"):
            load(canonical(replace(said, replay=wrong)))


# -- before the ledger ----------------------------------------------------------------------------


def test_of_time_before_the_ledger_no_page_says_that_nothing_was_accessed(desk: AuditDesk) -> None:
    with desk.firm.open(writing=False) as ledger:
        begins = ledger.events_of(ledger.ledger_id)[0][1]
        before = access_report(ledger, ("2020-01-01T00:00:00.000Z", "2020-02-01T00:00:00.000Z"))
        across = access_report(ledger, ("2020-01-01T00:00:00.000Z", now()))
        since = access_report(ledger, (begins, now()))
    assert (before.coverage.begins, since.coverage.begins) == (begins, "")
    assert b'"begins"' not in since.data, "the bytes of what was recorded before stay the same"
    none = "No access was recorded in the period"
    assert none in Report(since.data).html.decode()
    span = ("--from", "2020-01-01T00:00:00+08:00", "--until", "2020-02-01T00:00:00+08:00")
    text = desk.did("access", "report", *span, "--lang", "en")
    assert "no access is recorded" not in text
    assert "the ledger was not there yet" in text
    for made in (before, across):
        page = Report(made.data).html.decode()
        assert none not in page
        assert "of accesses before nothing is known" in page
    assert "no access was recorded" in Report(across.data).html.decode()
    assert "no access was recorded" not in Report(before.data).html.decode()
    assert "to be recorded with access review" in Report(since.data).html.decode()


def test_an_audit_of_time_before_the_ledger_says_where_the_ledger_begins(desk: AuditDesk) -> None:
    desk.opened()
    page = of_replay(desk).html.decode()
    assert "of that part of the period nothing is known" in page


def test_one_grant_of_somebody_with_three_roles_is_one_grant() -> None:
    grants = [{"condition": "in_force", "categories": ["contract"], "modes": ["view"]}]
    matrix = [{"role": role, "category": "contract", "mode": "view", "grants": 1}
              for role in ("counsel", "custodian", "dpo")]  # fmt: skip
    (cell,) = granted_once(grants, matrix)
    assert (cell["role"], cell["grants"]) == ("several", 1)
    (cell,) = granted_once(grants, matrix[:1])
    assert (cell["role"], cell["grants"]) == ("counsel", 1)
