"""A bundle replayed: what it shows is judged, what it does not show is said to be unknown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from domain.values import later
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.bundled import replay_bundle
from ledger.audit.finding import Finding
from ledger.audit.outcome import Replayed, read_replayed
from ledger.bundle import Bundle, Selection
from ledger.cli import muniment
from ledger.errors import UsageError
from ledger.folder import Folder
from ledger.offline.bag import write_zip
from ledger.signing import now
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import ED25519, VerifierKey
from tests.ledger.audited import replayed
from tests.ledger.bundles import evidence, so_far
from tests.ledger.ledgers import Firm, collect_files, small_act


@pytest.fixture
def record(ledger: Ledger, admin: Acting, tmp_path: Path) -> str:
    return collect_files(ledger, admin, tmp_path / "资料", 2)[0].record


def packed(bundle: Bundle) -> bytes:
    return write_zip(bundle.files, top=bundle.id)


def of(firm: Firm, data: bytes, only: Sequence[str] = ()) -> Replayed:
    found = replay_bundle(data, Folder(firm.path).pinned_key(), now=now(), only=only)
    assert read_replayed(found.json()) == found
    return found


def those(found: Replayed, code: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.code == code]


def unjudged(found: Replayed) -> dict[str, int]:
    return {gap.subject: gap.count for gap in found.gaps if gap.code == "not_judged"}


def gaps(found: Replayed) -> set[tuple[str, str]]:
    return {(gap.part, gap.code) for gap in found.gaps}


def test_a_bundle_over_everything_so_far_is_judged_as_the_ledger_is(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    found = of(firm, packed(evidence(ledger, admin, "period", span=so_far())))
    assert found.events == ledger.log.tree.head.events, "the export itself is in it, too"
    assert unjudged(found) == {}
    assert not those(found, "not_permitted")
    assert those(found, "unclassified")[0].actual == "1"
    assert found.policy.pack == "cn-default-2026"
    assert Checkpoint.parse(found.checkpoint.encode()).size == found.entries
    assert gaps(found) >= {("consistent", "no_folder")}
    assert not gaps(found) & {("complete", "not_all_shown")}


def test_of_a_bundle_only_what_is_asked_for_is_told(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    data = packed(evidence(ledger, admin, "period", span=so_far()))
    whole = of(firm, data)
    some = of(firm, data, only=("complete", "late_entry"))
    assert some.chapters == ("complete", "timely")
    assert (some.only, some.verdict) == (("complete", "late_entry"), "")
    expected = [one for one in whole.findings
                if one.chapter == "complete" or one.code == "late_entry"]  # fmt: skip
    assert list(some.findings) == expected != []
    assert {gap.part for gap in some.gaps} <= {"complete", "timely"}
    assert some.law.keys() == {one.rule for one in expected if one.rule}
    with pytest.raises(UsageError, match="no chapter"):
        of(firm, data, only=("nonsense",))


def test_of_a_false_bundle_it_is_said_even_if_that_is_not_asked_for(firm: Firm) -> None:
    found = of(firm, b"nothing of the kind", only=("complete",))
    assert (found.findings, gaps(found)) == ((), {("permitted", "not_genuine")})
    assert found.exit_code == 4


def test_what_a_bundle_cannot_answer_is_refused_and_not_passed_over(
    ledger: Ledger, admin: Acting, firm: Firm, record: str, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.zip"
    file.write_bytes(packed(evidence(ledger, admin, "record", record)))
    key = str(firm.path / "trust" / "ledger.vkey")
    asked = ["audit", "replay", str(file), "--trust", key, "--lang", "en"]
    run = CliRunner()
    assert run.invoke(muniment, [*asked, "--only", "genuine"]).exit_code == 4, "no index is shown"
    note = tmp_path / "checkpoint.txt"
    note.write_bytes(ledger.sign_checkpoint())
    for more in (
        ["--as-of", "position:1"], ["--keep", str(tmp_path / "keep")], ["--since", str(note)],
        ["--read-data"], ["--backups", str(tmp_path)], ["--with-keys"],
    ):  # fmt: skip
        told = run.invoke(muniment, [*asked, *more])
        assert told.exit_code == 2, more
        assert more[0] in told.stderr, "the option is named"
    assert run.invoke(muniment, [*asked, "--only", "nonsense"]).exit_code == 2
    assert not (tmp_path / "keep").exists()


@pytest.mark.slow
def test_a_bundle_over_everything_gives_the_tables_of_the_ledger(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    found = of(firm, packed(evidence(ledger, admin, "period", span=so_far())))
    same = replayed(firm.path, only=("permitted", "consistent"))
    assert found.projections.digest == same.projections.digest != ""
    assert (same.projections.equal, same.events) == (True, found.events)


@pytest.mark.slow
def test_what_happened_between_the_period_and_the_export_is_not_shown(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    span, events = so_far(), ledger.log.tree.head.events
    ledger.act(admin, [small_act(1)])
    found = of(firm, packed(evidence(ledger, admin, "period", span=span)))
    assert found.events == events
    assert unjudged(found) == {"history_not_shown": 2}
    assert ("complete", "not_all_shown") in gaps(found)
    assert not those(found, "unclassified"), "nobody knows what is missing"


def test_a_bundle_about_a_record_says_nothing_about_permission(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    found = of(firm, packed(evidence(ledger, admin, "record", record)))
    assert found.events == 0
    assert sum(unjudged(found).values()) > 0
    assert ("complete", "not_all_shown") in gaps(found)
    assert found.findings == ()
    assert found.verdict == "valid"
    assert found.exit_code == 4


def test_a_forbidden_act_in_a_bundle_is_found(
    ledger: Ledger, admin: Acting, firm: Firm, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ledger.recorder.judge_commit", lambda *_: [])
        ledger.act(admin, [small_act(1)], at=later(now(), days=-3))
    found = of(firm, packed(evidence(ledger, admin, "period", span=so_far())))
    (finding,) = those(found, "not_permitted")
    assert (finding.rule, finding.detail) == ("I-04", "late_without_reason")
    assert those(found, "late_unexplained")[0].position == finding.position


def test_what_a_bundle_leaves_out_is_not_judged_and_what_is_late_in_it_has_no_position(
    ledger: Ledger, admin: Acting, firm: Firm, tmp_path: Path, record: str
) -> None:
    begin = now()
    ledger.act(admin, [small_act(1)], at=later(now(), days=-3), late_reason="paper_first")
    found = of(firm, packed(evidence(ledger, admin, "period", span=(begin, so_far()[1]))))
    assert found.events == 0
    late = those(found, "late_entry")
    assert [one.position for one in late] == [None]
    assert late[0].evidence[0].startswith("draft-")


def test_a_bundle_with_a_changed_byte_is_not_judged_beyond_what_is_proved(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    bundle = evidence(ledger, admin, "period", span=so_far())
    name = "data/10_账本/events.jsonl"
    lines = bundle.files[name].split(b"\n")
    lines[3] = lines[3].replace(b'"v":1', b'"v":2')
    files = {**bundle.files, name: b"\n".join(lines)}
    found = of(firm, write_zip(files, top=bundle.id))
    assert found.verdict == "invalid"
    assert found.events == 0, "entry 0 is not whole, and everything rests on it"
    assert those(found, "digest_differs")[0].severity == "critical"


def test_what_is_no_bundle_is_one_finding(firm: Firm) -> None:
    found = of(firm, b"nothing of the kind")
    assert [one.code for one in found.findings] == ["not_a_zip"]
    assert (found.verdict, found.exit_code) == ("invalid", 3)


@pytest.mark.slow
def test_a_bundle_of_another_ledger_is_believed_in_nothing(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    other = VerifierKey.of("other.example/ledger", ED25519, bytes.fromhex(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    ))  # fmt: skip
    data = packed(evidence(ledger, admin, "period", span=so_far()))
    found = replay_bundle(data, other, now=now())
    assert found.events == 0
    assert those(found, "checkpoint_foreign")


def test_withheld_events_are_counted_and_stop_the_judging(
    ledger: Ledger, admin: Acting, second_person: Acting, firm: Firm, record: str
) -> None:
    withheld = Selection(redactions=((f"{record}/1", "trade_secret"),))
    bundle = evidence(
        ledger, admin, "period", span=so_far(), selection=withheld, approver=second_person
    )
    found = of(firm, packed(bundle))
    assert unjudged(found)["withheld"] == 1
    assert 0 < found.events < ledger.log.tree.head.events
    assert unjudged(found)["entry_not_whole"] > 0
    assert ("complete", "not_all_shown") in gaps(found)
