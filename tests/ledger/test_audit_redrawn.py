"""What audits say of the ledger, replayed: a state that never was, a sample that no seed draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from domain.audit import AuditOpened
from ledger.audit import conducting
from ledger.audit.checks import redrawn
from ledger.audit.finding import Finding
from ledger.audit.population import Population, Wanted, populations
from ledger.signing import Proposal
from tests.ledger.auditdesk import LONG_AGO, AuditDesk, audit_desk
from tests.ledger.audited import look, replayed
from tests.ledger.ledgers import Firm

SAMPLES = 40


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    return audit_desk(firm, tmp_path, monkeypatch)


def found(desk: AuditDesk, since: int = 0) -> list[Finding]:
    looked = look(desk.firm.path, redrawn.check, since=since)
    assert looked.gaps == {}
    return looked.findings


def entries(desk: AuditDesk) -> int:
    return int(desk.json("status")["entries"])


def test_an_honest_audit_gives_no_finding(desk: AuditDesk) -> None:
    for n in range(3):
        desk.collect(f"{n}.txt", f"内容 {n}")
    desk.opened()
    for more in (("--of", "records"), ("--of", "events", "--stratified"), ("--of", "records")):
        desk.did("audit", "sample", desk.audit, *more, "--size", "2", "--as", desk.feng)
    desk.did(*desk.report(opinion="unqualified"))
    assert found(desk) == []
    said = replayed(desk.firm.path, only=("consistent",))
    assert not {"audit_root_false", "sample_differs"} & set(said.counts.code)


@pytest.mark.parametrize(
    "false",
    [{"root": "0" * 64}, {"entry": 0}],
    ids=["a root that never was", "the root of another entry"],
)
def test_an_audit_over_a_state_that_this_ledger_never_had(
    desk: AuditDesk, monkeypatch: pytest.MonkeyPatch, false: dict[str, object]
) -> None:
    """No rule asks for the root; an auditor's own client says what it likes."""
    with desk.firm.open() as ledger:
        said = conducting.open_audit(ledger, "external", desk.feng, (_utc(LONG_AGO), None))
        forged = said._replace(fields={**said.fields, **false})
        assert AuditOpened is forged.kind
        monkeypatch.setattr("ledger.recorder.judge_commit", lambda *_: [])
        ledger.act(ledger.acting(desk.feng), [forged])
        entry = ledger.seen()[0] - 1
    (finding,) = found(desk)
    assert (finding.code, finding.severity) == ("audit_root_false", "high")
    assert (finding.entry, finding.detail) == (entry, "opened")
    assert (finding.subject, finding.actual) == (said.stream, forged.fields["root"])
    assert finding.expected != finding.actual
    assert found(desk, since=entry + 1) == [finding], "it stays false, and is told again"
    whole = replayed(desk.firm.path, only=("audit_root_false",))
    assert whole.findings == (finding,)
    assert whole.exit_code == 3


def test_a_report_on_a_state_that_this_ledger_never_had(
    desk: AuditDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.opened()
    monkeypatch.setattr("ledger.audit.issuing.root_at", lambda *_: "f" * 64)
    monkeypatch.setattr("ledger.audit.issuing.replay_of", _read)
    desk.did(*desk.report(opinion="unqualified"))
    (finding,) = found(desk)
    assert (finding.code, finding.detail) == ("audit_root_false", "report_issued")
    assert finding.actual == "f" * 64


@pytest.mark.parametrize(("field", "value", "differs"), [
    ("seed", "f" * 32, {"drawn"}), ("digest", "0" * 64, {"population"}),
    ("count", 6, {"population"}),
])  # fmt: skip
def test_a_sample_that_its_seed_does_not_draw(
    desk: AuditDesk, field: str, value: object, differs: set[str]
) -> None:
    for n in range(4):
        desk.collect(f"{n}.txt", f"内容 {n}")
    desk.opened()
    _draw(desk, {})
    _draw(desk, {field: value})
    _draw(desk, {})
    those = found(desk)
    assert {one.code for one in those} == {"sample_differs"}
    assert {one.detail for one in those} == differs
    assert {one.entry for one in those} == {entries(desk) - 2}
    assert all(one.expected != one.actual for one in those)
    assert those[0].evidence == (f"{desk.audit}/3",)


def test_many_samples_are_drawn_again_in_few_passes(
    desk: AuditDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass over the events for so many populations, however many samples are drawn of each."""
    desk.collect()
    desk.opened()
    _draw(desk, *({"seed": f"{n:032x}"} for n in range(SAMPLES)))
    passes: list[int] = []

    def counting(log: Connection, wanted: Sequence[Wanted]) -> list[Population]:
        passes.append(len(wanted))
        return populations(log, wanted)

    monkeypatch.setattr(redrawn, "populations", counting)
    those = found(desk)
    assert passes == [1], "one population"
    assert len(those) == SAMPLES, "each has a seed that draws others"
    for code in ("records", "holdings", "grants", "acts"):
        desk.run("audit", "sample", desk.audit, "--of", code, "--size", "1", "--as", desk.feng)
    passes.clear()
    monkeypatch.setattr(redrawn, "_AT_ONCE", 2)
    assert len(found(desk)) == SAMPLES
    assert passes == [2, 1], "events, records and holdings; there is no grant, and acts of nobody"


def _draw(desk: AuditDesk, *changes: Mapping[str, object]) -> None:
    """Samples of events, each with what another client wrote into it."""
    with desk.firm.open() as ledger:
        for change in changes:
            drawn = conducting.draw_sample(ledger, desk.audit, "events", 3).proposal
            forged = Proposal(drawn.kind, drawn.stream, {**drawn.fields, **change})
            ledger.act(ledger.acting(desk.feng), [forged])


def _utc(text: str) -> str:
    from ledger.cli.command import TIME

    return str(TIME.convert(text, None, None))


def _read(_: object, data: bytes) -> object:
    from ledger.audit.outcome import read_replayed

    return read_replayed(data)
