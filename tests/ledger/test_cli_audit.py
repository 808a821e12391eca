"""`muniment audit` at the desk: opened, sampled, found, answered, set right, reported."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from domain.audit import AuditOpened, AuditReportIssued, AuditSampleDrawn
from ledger.audit import conducting
from ledger.audit.population import population
from ledger.audit.report.chapters import chapter_of
from ledger.signing import now
from tests.ledger.auditdesk import DUE, LONG_AGO, AuditDesk, audit_desk
from tests.ledger.ledgers import Firm


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    return audit_desk(firm, tmp_path, monkeypatch)


# -- opened ---------------------------------------------------------------------------------------


def test_an_audit_covers_all_that_there_is(desk: AuditDesk) -> None:
    desk.collect()
    head = desk.json("status")
    audit = desk.opened("--criteria", "个人信息保护合规审计管理办法")
    shown = desk.shown()
    assert (shown["entry"], shown["root"]) == (head["entries"] - 1, head["root"])
    assert (shown["org"], shown["lead"], shown["party"]) == (desk.org, desk.feng, desk.party)
    assert (shown["consecutive"], shown["opinion"], shown["findings"]) == (1, None, [])
    assert shown["sealed"][0]["letter"] == "约定书 2026-07"
    assert shown["sealed"][0]["criteria"] == "个人信息保护合规审计管理办法"
    (row,) = desk.json("audit", "list")
    assert (row["audit"], row["kind"], row["open"]) == (audit, "external", 0)


def test_an_internal_audit_audits_ones_own_house(desk: AuditDesk) -> None:
    said = desk.json("audit", "open", "--from", LONG_AGO, "--as", desk.tang)
    shown = desk.json("audit", "show", said["audit"])
    assert (shown["kind"], shown["org"], shown["party"]) == ("internal", None, desk.party)


def test_the_fourth_audit_in_a_row_is_refused_whoever_of_the_firm_leads_it(
    desk: AuditDesk,
) -> None:
    for who in (desk.feng, desk.gu, desk.feng):
        desk.opened(who=who)
    assert [row["consecutive"] for row in desk.json("audit", "list")] == [1, 2, 3]
    again = ("audit", "open", "--kind", "external", "--from", LONG_AGO, "--as")
    assert desk.details(*again, desk.gu) == {"auditor_in_a_row"}
    desk.opened(who=desk.shi)
    assert desk.details(*again, desk.feng) == {"auditor_in_a_row"}, "nothing was reported yet"


def test_a_custodian_opens_no_audit_and_an_auditor_with_a_role_none_either(
    desk: AuditDesk,
) -> None:
    opening = ("audit", "open", "--from", LONG_AGO)
    assert "role_does_not_permit" in desk.details(*opening)
    desk.did("role", "grant", desk.tang, "security_officer")
    assert "auditor_was_operator" in desk.details(*opening, "--as", desk.tang)


def test_an_audit_that_was_opened_is_told_as_of_any_moment(desk: AuditDesk) -> None:
    desk.opened()
    position = desk.json("status")["events"]
    desk.found()
    earlier = desk.json("audit", "show", desk.audit, "--as-of", f"position:{position}")
    assert (earlier["findings"], len(desk.shown()["findings"])) == ([], 1)
    assert desk.json("audit", "list", "--as-of", f"position:{position}")[0]["open"] == 0
    assert desk.json("audit", "list", "--as-of", f"position:{position - 1}") == []
    desk.error("audit", "show", desk.audit, "--as-of", f"position:{position - 1}", code=2)


# -- samples --------------------------------------------------------------------------------------


def test_a_sample_is_drawn_recorded_and_drawn_again(desk: AuditDesk) -> None:
    records = {desk.collect(f"{n}.txt", f"内容 {n}") for n in range(5)}
    desk.opened()
    said = desk.json("audit", "sample", desk.audit, "--of", "records", "--size", "2", "--as",
                     desk.feng)  # fmt: skip
    drawn = [one["id"] for one in said["drawn"]]
    assert said["count"] == 5
    assert len(drawn) == 2
    assert set(drawn) <= records
    assert said["drawn"][0]["look"] == f"muniment history {drawn[0]}"
    assert said["drawn"][0]["stratum"] == "contract"
    again = desk.json("audit", "sample", desk.audit, "--verify", "1")
    assert (again["equal"], [one["id"] for one in again["drawn"]]) == (True, drawn)
    (sample,) = desk.shown()["samples"]
    assert (sample["drawn"], sample["seed"]) == (sorted(drawn), said["seed"])
    text = desk.did("audit", "sample", desk.audit, "--verify", "1", "--lang", "en")
    assert "the same sample is drawn again" in text


def test_a_seed_of_ones_own_gives_the_same_sample_to_everybody(desk: AuditDesk) -> None:
    for n in range(4):
        desk.collect(f"{n}.txt", f"内容 {n}")
    desk.opened()
    draws = [
        desk.json("audit", "sample", desk.audit, "--of", "events", "--size", "6", "--seed",
                  "0" * 31 + "7", *more, "--as", desk.feng)
        for more in ((), (), ("--stratified",))
    ]  # fmt: skip
    assert draws[0]["drawn"] == draws[1]["drawn"]
    assert {one["stratum"] for one in draws[2]["drawn"]} >= {"record.collected"}
    assert [one["number"] for one in draws] == [1, 2, 3]
    for number in ("1", "2", "3"):
        assert desk.json("audit", "sample", desk.audit, "--verify", number)["equal"]


def test_the_acts_of_one_person_are_theirs(desk: AuditDesk) -> None:
    desk.collect()
    desk.opened()
    said = desk.json("audit", "sample", desk.audit, "--of", "acts", "--actor", desk.founder,
                     "--size", "500", "--as", desk.feng)  # fmt: skip
    assert said["sample_size"] == said["count"] == len(said["drawn"])
    with desk.firm.open(writing=False) as ledger:
        events = {one["id"]: ledger.events_of(one["id"].split("/")[0]) for one in said["drawn"]}
    assert all(any(e.id == name and e.by == desk.founder for _, _, e, _ in rows)
               for name, rows in events.items())  # fmt: skip


def test_nothing_is_drawn_of_what_is_not_there(desk: AuditDesk) -> None:
    desk.opened()
    before = desk.json("status")["entries"]
    said = desk.error("audit", "sample", desk.audit, "--of", "handovers", "--size", "1", "--as",
                      desk.feng, code=2)  # fmt: skip
    assert "nothing was drawn" in said["message"]
    desk.error("audit", "sample", desk.audit, "--of", "events", "--size", "1", "--seed", "XY",
               "--as", desk.feng, code=2)  # fmt: skip
    desk.error("audit", "sample", desk.audit, "--size", "1", code=2)
    desk.error("audit", "sample", desk.audit, "--verify", "9", code=2)
    desk.error("audit", "sample", desk.audit, "--verify", "1", "--size", "3", code=2)
    assert desk.json("status")["entries"] == before


@pytest.mark.parametrize(("field", "value", "differs"), [
    ("seed", "f" * 32, {"drawn"}), ("digest", "0" * 64, {"population"}),
    ("count", 6, {"population"}), ("drawn_digest", "0" * 64, {"drawn"}),
    ("population", "records", {"population", "drawn"}),
])  # fmt: skip
def test_a_sample_with_a_changed_seed_or_population_is_not_drawn_again(
    desk: AuditDesk, field: str, value: object, differs: set[str]
) -> None:
    """An auditor with another client records a sample that no seed draws: anybody sees it."""
    for n in range(4):
        desk.collect(f"{n}.txt", f"内容 {n}")
    desk.opened()
    with desk.firm.open() as ledger:
        acting = ledger.acting(desk.feng)
        drawn = conducting.draw_sample(ledger, desk.audit, "events", 3)
        forged = drawn.proposal._replace(fields={**drawn.proposal.fields, field: value})
        if field == "drawn_digest":
            forged = forged._replace(fields={**forged.fields, "sample_size": 3, "drawn": []})
            ledger.build(acting, [forged])  # three are listed, and a rule would refuse it
            forged = forged._replace(fields={**forged.fields, "count": 400, "sample_size": 300})
            differs = {"population", "drawn"}
        ledger.act(acting, [forged])
        found = conducting.redraw(ledger, desk.audit, 1)
    assert set(found.differs) == differs
    result = desk.run("audit", "sample", desk.audit, "--verify", "1", "--lang", "en")
    assert result.exit_code == 3
    assert "recorded" in result.stdout


def test_an_audit_of_a_span_draws_from_that_span_only(desk: AuditDesk) -> None:
    desk.collect("a.txt", "早")
    middle = desk.json("status")["accepted"]
    late = desk.collect("b.txt", "晚")
    desk.opened("--to", middle)
    with desk.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        order = conducting.order_of(ledger, desk.audit)
        assert order.period_to == middle
        events = population(connection, order, "events")
        assert not any(one.startswith(late) for one in events.members)
        assert late not in population(connection, order, "records").members
        with pytest.raises(KeyError):
            population(connection, order, "planets")


# -- findings -------------------------------------------------------------------------------------


def test_a_finding_is_answered_set_right_and_confirmed(desk: AuditDesk) -> None:
    record = desk.collect()
    desk.opened()
    number = desk.found("--rule", "I-15", "--evidence", f"{record}/1", "--cause", "没有复核")
    desk.did("audit", "answer", desk.audit, "1", "--response", "accepted", "--text", "同意整改",
             "--as", desk.zhao)  # fmt: skip
    desk.remedied(number, "--evidence", f"{record}/1")
    (finding,) = desk.shown()["findings"]
    assert (finding["state"], finding["rule"]) == ("remedied", "access_needs_grant_and_purpose")
    assert "已整改，待核验" in desk.did("audit", "show", desk.audit, "--lang", "zh")
    desk.did("audit", "confirm", desk.audit, "1", "--outcome", "ineffective", "--as", desk.gu)
    desk.remedied(number)
    desk.did("audit", "confirm", desk.audit, "1", "--outcome", "effective", "--remark", "已复查",
             "--as", desk.gu)  # fmt: skip
    shown = desk.shown()
    assert (shown["findings"][0]["state"], shown["open"]) == ("closed", 0)
    texts = [text for one in shown["sealed"] for text in one.values()]
    assert {"授权到期后仍未撤销", "没有复核", "同意整改", "已撤销授权", "已复查"} <= set(texts)
    assert "授权到期后仍未撤销" in desk.did("audit", "show", desk.audit)
    assert "授权到期后仍未撤销" not in desk.did("history", record, "--json")


def test_those_audited_raise_no_finding_and_the_auditors_set_nothing_right(
    desk: AuditDesk,
) -> None:
    desk.opened()
    raising = ("audit", "finding", desk.audit, "--chapter", "backup", "--severity", "low",
               "--owner", desk.zhao, "--due", DUE, "--condition", "x")  # fmt: skip
    assert "role_does_not_permit" in desk.details(*raising)
    assert "auditor_of_another_party" in desk.details(*raising, "--as", desk.shi)
    desk.found()
    acts = ("audit", "remediate", desk.audit, "1", "--action", "x", "--as", desk.feng)
    assert "role_does_not_permit" in desk.details(*acts)
    desk.remedied(1)
    confirming = ("audit", "confirm", desk.audit, "1", "--outcome", "effective", "--as")
    assert "role_does_not_permit" in desk.details(*confirming, desk.zhao)


def test_whoever_did_it_does_not_confirm_it(desk: AuditDesk) -> None:
    """Zhao changes sides: no longer protection officer, internal auditor instead."""
    said = desk.json("audit", "open", "--from", LONG_AGO, "--as", desk.tang)
    desk.audit = said["audit"]
    desk.did("audit", "finding", desk.audit, "--chapter", "backup", "--severity", "low", "--owner",
             desk.founder, "--due", DUE, "--condition", "x", "--as", desk.tang)  # fmt: skip
    desk.remedied(1)
    desk.did("role", "revoke", desk.zhao, "dpo")
    desk.did("role", "grant", desk.zhao, "internal_auditor")
    confirming = ("audit", "confirm", desk.audit, "1", "--outcome", "effective", "--as")
    assert {"verifier_remediated", "auditor_was_operator"} == desk.details(*confirming, desk.zhao)
    desk.did(*confirming, desk.tang)


def test_a_finding_says_what_it_found(desk: AuditDesk) -> None:
    desk.opened()
    asked = ("audit", "finding", desk.audit, "--chapter", "backup", "--owner", desk.zhao,
             "--due", DUE, "--as", desk.feng)  # fmt: skip
    assert desk.details(*asked, "--severity", "low") == {"text_must_be_sealed"}
    desk.error(*asked, "--condition", "x", code=2)
    without = [*asked[:3], *asked[5:], "--severity", "low", "--condition", "x"]
    desk.error(*without, code=2)
    desk.error(*asked, "--condition", "x", "--replay", "nowhere.json", code=2)
    desk.error(*asked, "--replay", "nowhere.json", "--item", "1", code=2)


def test_open_findings_are_listed_by_their_day_and_overdue_ones_are_told(
    desk: AuditDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.opened()
    with desk.firm.open(writing=False) as ledger:
        today = ledger.policy().calendar.day_of(now())  # where the firm is, not in London
    later = desk.found(severity="low")
    soon = desk.found(due=today)
    result = desk.run("audit", "due", "--json")
    assert result.exit_code == 0, "the day is not over"
    assert [row["finding"] for row in json.loads(result.stdout)] == [soon, later]
    assert [row["finding"] for row in desk.json("audit", "due", "--until", today)] == [soon]
    monkeypatch.setattr("ledger.signing.now", lambda: "2030-01-01T00:00:00.000Z")
    result = desk.run("audit", "due", "--json")
    assert result.exit_code == 1
    assert [row["overdue"] for row in json.loads(result.stdout)] == [True, False]
    assert desk.json("audit", "list")[0]["overdue"] == 1
    assert desk.json("status")["findings"]["audit_finding_overdue"] == 1
    desk.remedied(soon)
    desk.did("audit", "confirm", desk.audit, str(soon), "--outcome", "effective", "--as",
             desk.feng)  # fmt: skip
    assert desk.run("audit", "due").exit_code == 0
    assert "audit_finding_overdue" not in desk.json("status")["findings"]


def test_a_finding_is_taken_over_from_a_replay(desk: AuditDesk) -> None:
    record = desk.collect()
    desk.opened()
    replay = json.loads(desk.replayed().read_text("utf-8"))
    number, found = next(
        (n, one) for n, one in enumerate(replay["findings"], 1) if one["severity"] != "note"
    )
    desk.did("audit", "finding", desk.audit, "--owner", desk.zhao, "--due", DUE, "--replay",
             str(desk.home / "replay.json"), "--item", str(number), "--as", desk.feng)  # fmt: skip
    (finding,) = desk.shown()["findings"]
    assert (finding["code"], finding["severity"]) == (found["code"], found["severity"])
    assert finding["chapter"] == chapter_of(found.get("rule", ""))
    assert record
    desk.error("audit", "finding", desk.audit, "--chapter", "backup", "--owner", desk.zhao,
               "--due", DUE, "--replay", str(desk.home / "replay.json"), "--item", "9999",
               "--as", desk.feng, code=2)  # fmt: skip


# -- the report -----------------------------------------------------------------------------------


def test_a_report_is_issued_and_its_digest_recorded(desk: AuditDesk) -> None:
    desk.collect()
    desk.opened()
    desk.found()
    said = desk.json(*desk.report("--limitations", "没有查看纸质档案"))
    files = {Path(name).name: Path(name).read_bytes() for name in said["files"]}
    assert set(files) == {"audit-report.json", "audit-report.html", "audit-report.pdf"}
    assert sha256(files["audit-report.json"]).hexdigest() == said["report"]
    assert files["audit-report.pdf"].startswith(b"%PDF")
    shown = desk.shown()
    assert (shown["report"], shown["opinion"]) == (said["report"], "qualified")
    with desk.firm.open(writing=False) as ledger:
        event = ledger.events_of(desk.audit)[-1][2]
        assert isinstance(event, AuditReportIssued)
        assert event.root == conducting.root_at(ledger, event.checkpoint)
    assert event.replay == sha256((desk.home / "replay.json").read_bytes()).hexdigest()
    assert (event.open, event.closed) == (1, 0)
    assert not [one for one in (desk.home / "report").iterdir() if one.name.startswith(".")]


def test_the_same_report_is_written_again_and_another_one_is_refused(desk: AuditDesk) -> None:
    desk.opened()
    desk.found()
    arguments = desk.report()
    first = desk.json(*arguments)
    entries = desk.json("status")["entries"]
    assert desk.json(*arguments)["recorded"] is False, "the very same files are there"
    (desk.home / "report" / "audit-report.html").write_bytes(b"<html>another</html>")
    assert "other content" in desk.error(*arguments, code=2)["message"]
    assert (desk.home / "report" / "audit-report.html").read_bytes() == b"<html>another</html>"
    desk.did("audit", "render", str(desk.home / "report" / "audit-report.json"), "--out",
             str(desk.home / "once"))  # fmt: skip
    (desk.home / "report" / "audit-report.html").write_bytes(
        (desk.home / "once" / "audit-report.html").read_bytes()
    )
    arguments[arguments.index("--out") + 1] = str(desk.home / "again")
    second = desk.json(*arguments)
    assert (second["recorded"], second["report"]) == (False, first["report"])
    for name in ("json", "html", "pdf"):
        copies = [desk.home / folder / f"audit-report.{name}" for folder in ("report", "again")]
        assert copies[0].read_bytes() == copies[1].read_bytes(), name
    desk.error(*desk.report(opinion="adverse", out="third"), code=2)
    assert desk.json("status")["entries"] == entries


def test_after_the_report_nothing_is_found_but_what_was_found_is_set_right(
    desk: AuditDesk,
) -> None:
    desk.opened()
    number = desk.found()
    desk.did(*desk.report())
    late = ("audit", "finding", desk.audit, "--chapter", "backup", "--severity", "low", "--owner",
            desk.zhao, "--due", DUE, "--condition", "x", "--as", desk.feng)  # fmt: skip
    assert desk.details(*late) == {"audit_is_reported"}
    sampling = ("audit", "sample", desk.audit, "--of", "events", "--size", "1", "--as", desk.feng)
    assert desk.details(*sampling) == {"audit_is_reported"}
    desk.remedied(number)
    desk.did("audit", "confirm", desk.audit, "1", "--outcome", "effective", "--as", desk.gu)
    assert desk.shown()["open"] == 0


def test_only_the_lead_reports_and_the_opinion_fits(desk: AuditDesk) -> None:
    desk.opened()
    desk.found()
    by_deputy = desk.report()
    by_deputy[by_deputy.index(desk.feng)] = desk.gu
    assert desk.details(*by_deputy) == {"report_is_the_leads"}
    assert desk.details(*desk.report(opinion="unqualified")) == {"opinion_does_not_fit_findings"}
    assert not list((desk.home / "report").glob("*")), "nothing is written before it is recorded"


def test_a_report_rests_on_a_replay_of_this_very_ledger(desk: AuditDesk) -> None:
    """Another ledger's, another state's, an older one's, a part's, an edited one's: refused."""
    desk.opened()
    desk.found()
    arguments = desk.report()
    file = desk.home / "replay.json"
    good = json.loads(file.read_bytes())
    entries = desk.json("status")["entries"]

    def heard(**changed: object) -> str:
        told = {**good, **changed}
        file.write_bytes(json.dumps(told, sort_keys=True, separators=(",", ":"),
                                    ensure_ascii=False).encode())  # fmt: skip
        result = desk.run(*arguments, "--json")
        assert result.exit_code not in (0, 1), changed
        assert not list((desk.home / "report").glob("*"))
        return str(json.loads(result.stderr.splitlines()[-1])["message"])

    another = heard(origin="other.example/ledger")
    assert "another ledger" in another
    as_of = good["as_of"]
    assert heard(as_of={**as_of, "accepted": "2020-01-01T00:00:00.000Z"}) == another
    assert heard(entries=good["entries"] + 5) == another
    forked = f"{good['origin']}\n1\n{'A' * 43}=\n"
    assert heard(checkpoint=forked) == another
    assert "a part only" in heard(only=["late_entry"])
    assert heard(format="muniment-replay/2")
    assert heard(counts={})
    with desk.firm.open(writing=False) as ledger:
        order = ledger.events_of(desk.audit)[0][2]
        assert isinstance(order, AuditOpened)
        with ledger.engine.connect() as connection:
            from ledger.facts import LedgerFacts

            accepted = LedgerFacts(connection).accepted_at(order.entry - 1)
    assert heard(as_of={"accepted": accepted, "entry": order.entry - 1})
    assert desk.json("status")["entries"] == entries


def test_a_folder_that_cannot_be_made_keeps_the_report_from_being_issued(
    desk: AuditDesk,
) -> None:
    desk.opened()
    desk.found()
    (desk.home / "report").write_text("a file, not a folder")
    before = desk.json("status")["entries"]
    desk.error(*desk.report(), code=2)
    assert desk.json("status")["entries"] == before
    assert desk.shown()["report"] is None


def test_a_disk_that_fails_after_the_report_was_issued_loses_nothing(
    desk: AuditDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.opened()
    desk.found()
    arguments = desk.report()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ledger.audit.issuing.write_atomically", full)
        said = desk.error(*arguments, code=1)
    assert "was issued" in said["message"]
    assert desk.shown()["report"] is not None
    again = desk.json(*arguments)
    assert again["recorded"] is False
    assert again["report"] == desk.shown()["report"]


def test_every_sample_of_an_audit_stands_in_its_events(desk: AuditDesk) -> None:
    desk.opened()
    desk.did("audit", "sample", desk.audit, "--of", "events", "--size", "2", "--as", desk.feng)
    with desk.firm.open(writing=False) as ledger:
        events = [event for _, _, event, _ in ledger.events_of(desk.audit)]
    assert [type(event) for event in events] == [AuditOpened, AuditSampleDrawn]
