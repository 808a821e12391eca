"""What two firms' ledgers disagree on, with the events of both: real deals, and real lies."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from domain.holding import HoldingCreated
from domain.record import RecordCollected
from domain.replica import LedgerBundleImported, LedgerReplicaCompared
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.questions.disagree import LIMITS, Disagreements, disagree
from ledger.cli import muniment
from ledger.evidence import decode_event
from ledger.folder import Folder
from ledger.founding import enrolment
from ledger.privatekey import PrivateKey
from ledger.schema import engine_for
from ledger.signing import Proposal, new_ids, now
from tests.ledger.delivering import Buyer, delivery_at
from tests.ledger.ledgers import Firm, found_firm, passphrase
from tests.ledger.replicas import Fork, acted


@contextmanager
def opened(path: Path) -> Iterator[sa.Connection]:
    engine = engine_for(path / "ledger.db", read_only=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def between(one: Path, other: Path) -> Disagreements:
    with opened(one) as a, opened(other) as b:
        return disagree(a, b)


def codes(found: Disagreements) -> list[str]:
    return [row["code"] for row in found.rows]


class Taken:
    """A deal delivered and confirmed, seen from the buyer's own ledger, as the buyer tells it.

    `seller`, `own`: the ledgers of the two; `honest`: the buyer's after it took over what was sent;
    `records`: handed over, `other`: ready, and never on a list; `early`: a state before the
    confirmation.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seller, self.own, self.honest = (home / name for name in ("ledger", "own", "honest"))
        self.state = home / "state"
        self.records: list[str] = []
        self.other = self.handover = self.founder = self.origin = self.ledger = ""
        self.package = ""
        self.early = self.late = (0, b"")

    def moved(self, home: Path) -> Taken:
        """The same, copied for a test of its own."""
        shutil.copytree(self.home, home)
        found = Taken(home)
        kept = ("records", "other", "handover", "founder", "origin", "ledger", "package", "early",
                "late")  # fmt: skip
        for name in kept:
            setattr(found, name, getattr(self, name))
        return found

    def open(self) -> Ledger:
        """The buyer's own ledger."""
        return Ledger(Folder(self.own), passphrase, writing=True)

    def found(self) -> Disagreements:
        return between(self.seller, self.own)

    def said(
        self, taken: Sequence[str], described: Mapping[str, Any] | None = None, **changes: Any
    ) -> Disagreements:
        """The buyer records an import that says so of these records of the seller's."""
        with self.open() as own:
            acting = own.acting(self.founder)
            size, root = self.late
            fields = {
                "origin": self.origin, "source_ledger": self.ledger, "size": size,
                "root": root.hex(), "handover": self.handover, "records": len(taken),
                "package": self.package, **changes,
            }  # fmt: skip
            imported = own.act(acting, [Proposal(LedgerBundleImported, own.ledger_id, fields)],
                               role="custodian").events[0].id  # fmt: skip
            for record in taken:
                self._continue(own, acting, record, imported, described or {})
        return self.found()

    def _continue(
        self, own: Ledger, acting: Acting, record: str, imported: str, described: Mapping[str, Any]
    ) -> None:
        with closing(Ledger(Folder(self.seller), passphrase)) as ledger:
            first = next(event for _, _, event, _ in ledger.events_of(record))
        assert isinstance(first, RecordCollected)
        (copy,), (new,) = new_ids("holding"), new_ids("record")
        same = {name: getattr(first, name) for name in ("size", "items", "form", "category")}
        own.act(acting, [
            Proposal(HoldingCreated, copy, {
                "custodian": acting.state.party, "form": "electronic_native",
                "medium": "disk_internal", "size": first.size, "items": 1, "encrypted": False,
            }, {"location": "库"}),
            Proposal(RecordCollected, new, {
                "holding": copy, "basis": "pipl_13_2_contract", "notice": "given",
                "method": "handover", "continues": record, "imported": imported,
                **same, **described,
            }, {"title": "合同", "content": "0" * 64}),
        ], role="collector")  # fmt: skip


@pytest.fixture(scope="module")
def template(firm_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """The deal, done once; never opened again, only copied."""
    home = tmp_path_factory.mktemp("sold")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        shutil.copytree(firm_template.path, home / "ledger")
        (home / "desk").mkdir()
        firm = firm_template._replace(path=home / "ledger")
        deal = delivery_at(firm, home / "desk", patch)
        taken = Taken(home)
        taken.records, taken.other = [deal.ready("甲.txt")], deal.ready("乙.txt")
        buyer = Buyer(deal, patch)
        taken.handover, package = deal.accepted(*taken.records)
        taken.founder, taken.origin = buyer.founder, firm.founded.vkey.partition("+")[0]
        with firm.open(writing=False) as ledger:
            taken.early, taken.ledger = ledger.seen(), ledger.ledger_id
        deal.confirm(taken.handover)
        taken.package = str(deal.shown(taken.handover)["package"])
        with firm.open(writing=False) as ledger:
            taken.late = ledger.seen()
        shutil.copytree(buyer.path, taken.own)
        buyer.refresh()
        buyer.take(taken.handover, package)
        shutil.copytree(buyer.path, taken.honest)
    return taken


@pytest.fixture
def taken(template: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Taken:
    found = template.moved(tmp_path / "sold")
    monkeypatch.setenv("XDG_STATE_HOME", str(found.state))
    return found


def test_an_honest_deal_is_told_alike_by_both(taken: Taken) -> None:
    found = between(taken.seller, taken.honest)
    assert (found.relation, found.imports, found.rows) == ("two_ledgers", 1, [])
    assert found.limits == LIMITS
    back = between(taken.honest, taken.seller)
    assert (back.imports, back.rows) == (1, [])


def test_a_record_described_otherwise_is_named_with_both_events(taken: Taken) -> None:
    found = taken.said(taken.records, described={"size": 7, "category": "communication"})
    assert codes(found) == ["category", "size"]
    row = found.rows[1]
    assert (row["about"], row["b"]) == (taken.records[0], 7)
    assert row["a_events"] == [f"{taken.records[0]}/1"]
    assert row["b_events"][0].startswith("record-")
    assert row["b_events"] != row["a_events"]
    mirrored = between(taken.own, taken.seller).rows[1]
    assert (mirrored["a"], mirrored["b_events"]) == (7, row["a_events"])


def test_what_passed_and_was_not_taken_over_is_named(taken: Taken) -> None:
    found = taken.said([])
    assert codes(found) == ["not_taken_over"]
    assert found.rows[0]["about"] == taken.records[0]
    assert found.rows[0]["a_events"][0].startswith("handover-")


def test_what_was_taken_over_and_never_handed_over_is_named(taken: Taken) -> None:
    found = taken.said([*taken.records, taken.other])
    assert codes(found) == ["record_not_handed_over"]
    assert found.rows[0]["about"] == taken.other


def test_a_record_taken_over_twice_is_counted_once(taken: Taken) -> None:
    found = taken.said([*taken.records, *taken.records])
    assert codes(found) == ["taken_over_twice"]
    assert len(found.rows[0]["b_events"]) == 2


def test_a_count_that_is_not_what_continues(taken: Taken) -> None:
    assert codes(taken.said(taken.records, records=5)) == ["records_counted"]


def test_another_package_than_the_one_released(taken: Taken) -> None:
    found = taken.said(taken.records, package="1" * 64)
    assert codes(found) == ["package"]
    assert found.rows[0]["a"] != found.rows[0]["b"] == "1" * 64


def test_a_state_that_the_seller_never_had_ends_the_comparison(taken: Taken) -> None:
    assert codes(taken.said(taken.records, root="2" * 64)) == ["state_unknown"]


def test_a_state_beyond_the_sellers_copy_is_not_known_there(taken: Taken) -> None:
    assert codes(taken.said(taken.records, size=taken.late[0] + 9)) == ["state_unknown"]


def test_a_handover_that_is_not_there(taken: Taken) -> None:
    found = taken.said(taken.records, handover=new_ids("handover")[0])
    assert codes(found) == ["handover_unknown"]


def test_what_was_taken_over_before_it_was_confirmed(taken: Taken) -> None:
    size, root = taken.early
    found = taken.said(taken.records, size=size, root=root.hex())
    assert codes(found) == ["not_confirmed", "record_not_handed_over"]
    assert found.rows[0]["a"] == "received"


def test_a_key_reported_in_one_ledger_and_trusted_in_the_other(taken: Taken) -> None:
    """Somebody who acts in both with one key reports its loss to one of the two only."""
    secret = bytes(31) + b"\7"
    sides = []
    for path in (taken.seller, taken.own):
        with Ledger(Folder(path), passphrase, writing=True) as ledger:
            actor = founder_of(ledger)
            acting = ledger.acting(actor)
            name = f"{ledger.origin}/a/{actor}"
            key = enrolment(PrivateKey("p256", "seal", name, secret), ledger.seen())
            ledger.act(acting, [acts.enrol_key(ledger, actor, key)])
            sides.append((actor, key.id))
    assert taken.found().rows == []
    with Ledger(Folder(taken.own), passphrase, writing=True) as own:
        actor, key_id = sides[1]
        report = acts.report_compromise(actor, key_id, "2026-01-01T00:00:00.000Z")
        said = own.act(own.acting(actor), [report]).events[0].id
    (row,) = taken.found().rows
    assert (row["code"], row["a"], row["b"]) == ("key_condition", "active", "compromised")
    assert row["b_events"] == [said]
    assert row["a_events"][0].startswith(sides[0][0])


def founder_of(ledger: Ledger) -> str:
    with ledger.engine.connect() as connection:
        state = connection.exec_driver_sql("SELECT state FROM events WHERE position = 1").scalar()
    assert state is not None
    return decode_event(bytes(state)).by


def test_a_fork_that_one_of_them_recorded_is_told(taken: Taken) -> None:
    with taken.open() as own:
        acting = own.acting(taken.founder)
        own.act(acting, [Proposal(LedgerReplicaCompared, own.ledger_id, {
            "origin": taken.origin, "size": 9, "root": "1" * 64,
            "other_size": 9, "other_root": "2" * 64, "result": "fork", "diverged_at": 5,
        })])  # fmt: skip
    found = taken.found()
    assert codes(found) == ["fork_recorded"]
    assert (found.rows[0]["b"], found.rows[0]["a_events"]) == (5, [])


def test_two_ledgers_that_never_dealt_have_nothing_in_common(taken: Taken) -> None:
    """Nothing was compared; that must not read as if they agreed."""
    found = taken.found()
    assert (found.relation, found.imports, found.keys, found.rows) == ("unrelated", 0, 0, [])
    said = at_the_desk("audit", "disagree", str(taken.seller), str(taken.own))
    assert said.exit_code == 3
    assert "nothing in common" in said.stdout
    assert "differently" not in said.stdout


def test_two_ledgers_under_one_origin_are_told(firm: Firm, tmp_path: Path) -> None:
    """Founded apart under the same name: one of them is not what it says."""
    other = found_firm(tmp_path / "other")
    found = between(firm.path, other.path)
    (row,) = found.rows
    assert (row["code"], row["about"]) == ("same_origin", found.a["origin"])
    assert row["a"] != row["b"]
    assert row["a_events"][0].startswith("ledger-")
    assert row["a_events"] != row["b_events"]


# -- two copies of one ledger -------------------------------------------------------------------


def test_two_copies_agree_or_one_is_ahead(firm: Firm, tmp_path: Path) -> None:
    fork = Fork(firm, tmp_path)
    assert between(firm.path, fork.firm.path).relation == "agree"
    acted(firm)
    found = between(firm.path, fork.firm.path)
    assert (found.relation, found.rows) == ("ahead", [])
    assert between(fork.firm.path, firm.path).relation == "behind"
    said = at_the_desk("audit", "disagree", str(fork.firm.path), str(firm.path))
    assert (said.exit_code, "B has 1 entry more than A" in said.stdout) == (0, True)
    equal = at_the_desk("audit", "disagree", str(firm.path), str(firm.path))
    assert (equal.exit_code, "and equal" in equal.stdout) == (0, True)


def test_of_a_fork_each_history_is_named_by_its_events(firm: Firm, tmp_path: Path) -> None:
    fork = Fork(firm, tmp_path)
    acted(firm)
    fork.acted(2)
    found = between(firm.path, fork.firm.path)
    assert found.relation == "fork"
    assert len(found.rows) == 2
    first, second = found.rows
    assert first["code"] == "other_history"
    assert first["a_events"] != first["b_events"]
    assert (second["a_events"], second["a"]) == ([], None)
    assert all(event.startswith("draft-") for event in second["b_events"])
    assert first["b"] < now()


# -- at the desk --------------------------------------------------------------------------------


def at_the_desk(*arguments: str) -> Any:
    return CliRunner().invoke(muniment, list(arguments))


def test_at_the_desk_the_exit_code_says_whether_they_disagree(taken: Taken) -> None:
    here = str(taken.seller)
    alike = at_the_desk("audit", "disagree", here, str(taken.honest))
    assert (alike.exit_code, "differently" in alike.stdout) == (0, True)
    taken.said([], records=3)
    asked = at_the_desk("audit", "disagree", here, str(taken.own))
    assert asked.exit_code == 3
    assert "another number of records" in asked.stdout
    assert taken.handover in asked.stdout
    as_json = at_the_desk("audit", "disagree", here, str(taken.own), "--json")
    assert '"records_counted"' in as_json.stdout
    chinese = at_the_desk("--lang", "zh", "audit", "disagree", here, str(taken.own))
    assert taken.handover in chinese.stdout


def test_a_ledger_that_does_not_verify_is_not_compared(taken: Taken) -> None:
    with closing(sqlite3.connect(taken.own / "ledger.db")) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute(
            "UPDATE events SET state = CAST(replace(state, 'company', 'concern') AS BLOB)"
        )
        connection.commit()
    said = at_the_desk("audit", "disagree", str(taken.seller), str(taken.own))
    assert said.exit_code == 3
    assert "does not verify" in said.stderr
