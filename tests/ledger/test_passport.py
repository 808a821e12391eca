"""The custody passport: on the buyer's own ledger a history begins with the seller's events."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from domain.holding import HoldingCreated
from domain.record import RecordCollected
from domain.replica import LedgerBundleImported
from ledger import acts
from ledger.application import Ledger
from ledger.effects.following import Link, earlier, follow, followed
from ledger.errors import NoteError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.founding import Founding, found_ledger
from ledger.signing import Proposal, new_ids
from tests.ledger.ledgers import CHEAP, Firm, collect_files, passphrase
from tests.ledger.replicas import (
    Machine,
    key_of,
    machine_fixture,  # noqa: F401  fixtures are found by their names
    made,
)
from tests.ledger.tampering import change, hand_in, value


class Buyer:
    """The buyer with an own ledger, which took one record over from the seller's."""

    def __init__(self, firm: Firm, machine: Machine, home: Path) -> None:
        self.firm, self.machine, self.home = firm, machine, home
        with firm.open() as ledger:
            seller = ledger.acting(firm.founded.actor)
            (found,) = collect_files(ledger, seller, home / "合同")
            self.theirs = found.record
            ledger.act(
                ledger.acting(firm.second), [acts.review(found.record, ["accuracy"], "pass")]
            )
            self.state = ledger.seen()
            self.seller_ledger = ledger.ledger_id
        machine.takes(made(firm, home / "one").folder, key_of(firm))
        machine.passphrase.write_bytes(b"correct horse\n")
        machine.here()
        self.path = home / "own"
        self.founded = found_ledger(
            self.path, Founding("buyer.example/ledger", "买方公司", "林经理"), passphrase, kdf=CHEAP
        )
        self.record = self.taken_over()
        follow(Folder(self.path), machine.path)

    def taken_over(self, **fields: Any) -> str:
        with Ledger(Folder(self.path), passphrase, writing=True) as own:
            acting = own.acting(self.founded.actor)
            size, root = self.state
            imported = Proposal(LedgerBundleImported, own.ledger_id, {
                "origin": self.firm.founded.vkey.partition("+")[0],
                "source_ledger": self.seller_ledger, "size": size, "root": root.hex(),
                "handover": new_ids("handover")[0], "records": 1, **fields,
            })  # fmt: skip
            receipt = own.act(acting, [imported], role="custodian")
            (copy,), (record,) = new_ids("holding"), new_ids("record")
            own.act(acting, [
                Proposal(HoldingCreated, copy, {
                    "custodian": self.founded.party, "form": "electronic_native",
                    "medium": "disk_internal", "size": 4, "items": 1, "encrypted": False,
                }, {"location": "库"}),
                Proposal(RecordCollected, record, {
                    "holding": copy, "category": "contract", "form": "electronic_native",
                    "size": 4, "items": 1, "basis": "pipl_13_2_contract", "notice": "given",
                    "method": "handover", "continues": self.theirs,
                    "imported": receipt.events[0].id,
                }, {"title": "合同", "content": "0" * 64}),
            ], role="collector")  # fmt: skip
            return record

    def history(self, *more: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.machine.json(
            "history", self.record, *more, ledger=self.path
        )
        return rows

    def alone(self) -> str:
        """The history is one's own only; what is said about the rest."""
        result = self.machine.run("history", self.record, "--json", ledger=self.path)
        assert result.exit_code == 0, result.stderr
        assert self.firm.founded.actor not in result.stdout
        return result.stderr


@pytest.fixture
def buyer(firm: Firm, machine: Machine, tmp_path: Path) -> Buyer:
    return Buyer(firm, machine, tmp_path)


def test_the_history_of_what_was_taken_over_begins_with_the_first_collection(buyer: Buyer) -> None:
    rows = buyer.history()
    theirs = [row for row in rows if row["proved"]]
    assert [row["type"] for row in theirs] == [
        "holding.created", "record.collected", "record.verified",
    ]  # fmt: skip
    assert {row["origin"] for row in theirs} == {"jiejing.example/ledger"}
    size, root = buyer.state
    assert [row["proved"] for row in theirs] == [{"entries": size, "root": root.hex()}] * 3
    assert [row["sealed"] for row in theirs] == [None] * 3
    own = rows[len(theirs) :]
    assert [row["type"] for row in own] == ["holding.created", "record.collected"]
    assert {row["origin"] for row in own} == {"buyer.example/ledger"}
    assert own[1]["details"]["continues"] == buyer.theirs
    assert own[1]["sealed"]["title"] == "合同"
    assert "jiejing.example/ledger" in buyer.machine.did("history", buyer.record, ledger=buyer.path)


def test_what_happened_there_later_is_proved_against_the_newest_state(buyer: Buyer) -> None:
    with buyer.firm.open() as ledger:
        seller = ledger.acting(buyer.firm.founded.actor)
        copy = acts.record_state(ledger, buyer.theirs).holdings[0]
        ledger.act(seller, [acts.lose_holding(copy, "2026-01-01T00:00:00.000Z", None)])
        newest = ledger.seen()
    buyer.machine.takes(made(buyer.firm, buyer.home / "two").folder)
    row = [row for row in buyer.history() if row["proved"]][-1]
    assert row["type"] == "holding.lost"
    assert row["proved"] == {"entries": newest[0], "root": newest[1].hex()}


def test_a_replica_that_is_not_here_is_said_plainly(buyer: Buyer) -> None:
    moved = buyer.home / "elsewhere"
    buyer.machine.path.rename(moved)
    assert "cannot be shown" in buyer.alone()
    assert len([row for row in buyer.history("--replica", str(moved)) if row["proved"]]) == 3
    shutil.rmtree(buyer.path / "trust" / "replicas")
    assert "no replica of it" in buyer.alone()


def test_a_replica_of_a_fork_shows_nothing(buyer: Buyer) -> None:
    """Events that were never in the state that was taken over are not the record's history."""
    buyer.record = buyer.taken_over(root="2" * 64)
    assert "never had the state" in buyer.alone()


@pytest.mark.parametrize(("table", "column", "key"), [
    ("events", "state", "position"), ("commits", "data", "entry"),
])  # fmt: skip
def test_an_event_that_was_changed_in_the_replica_is_not_shown(
    buyer: Buyer, table: str, column: str, key: str
) -> None:
    database = buyer.machine.path / "ledger.db"
    with hand_in(database) as connection:
        query = "SELECT position, entry FROM events WHERE topic = 'record.verified'"
        ((position, entry),) = connection.execute(query).fetchall()
    number = position if table == "events" else entry
    with hand_in(database) as connection:
        data = value(connection, f"SELECT {column} FROM {table} WHERE {key} = ?", number)
        changed = data.replace(b'"pass"', b'"fail"') if table == "events" else data
    if changed != data:
        with hand_in(database) as connection:
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, number)
            )
    else:
        change(database, table, column, key, number, -4)
    assert "cannot be shown" in buyer.alone()


def test_a_replica_under_another_key_is_not_followed(buyer: Buyer) -> None:
    place = buyer.path / "trust" / "replicas" / buyer.seller_ledger
    link = Link.parse(place.read_bytes())
    other = Folder(buyer.path).pinned_key().format()
    place.write_bytes(link._replace(key=other).format())
    assert "another key" in buyer.alone()
    place.write_bytes(b"x")
    assert "is damaged" in buyer.alone()


def test_only_a_replica_is_followed(buyer: Buyer) -> None:
    with pytest.raises(UsageError, match="no replica"):
        follow(Folder(buyer.path), buyer.firm.path)
    assert followed(Folder(buyer.path), "ledger-../../x") is None


def test_what_was_first_collected_here_has_no_past_elsewhere(firm: Firm, tmp_path: Path) -> None:
    with firm.open() as ledger:
        (found,) = collect_files(ledger, ledger.acting(firm.founded.actor), tmp_path / "合同")
        assert earlier(ledger, found.record) is None


@pytest.mark.parametrize("data", [
    b"", b"muniment-replica 1\n", b"muniment-replica 2\npath /x\nkey y\n",
    b"muniment-replica 1\npath /x\nkey y", b"muniment-replica 1\npath /%78\nkey y\n",
    b"muniment-replica 1\npath /x\nkey y\n\n", "muniment-replica 1\npath /卖\nkey y\n".encode(),
])  # fmt: skip
def test_a_link_is_read_as_it_is_written_and_not_otherwise(data: bytes) -> None:
    with pytest.raises(NoteError):
        Link.parse(data)


def test_a_path_of_any_letters_is_linked(tmp_path: Path) -> None:
    for name in ("卖方 一", "a%b", "new\nline", "é\u3000"):
        link = Link(tmp_path / name, "example.com/x+00000000+AA")
        assert Link.parse(link.format()) == link


def test_an_import_that_is_missing_is_said(buyer: Buyer) -> None:
    with Ledger(Folder(buyer.path), passphrase) as own:
        assert earlier(own, buyer.record) is not None
    with hand_in(buyer.path / "ledger.db") as connection:
        connection.execute("DELETE FROM events WHERE topic = 'ledger.bundle_imported'")
    with (
        Ledger(Folder(buyer.path), passphrase) as own,
        pytest.raises(VerificationError, match="is missing"),
    ):
        earlier(own, buyer.record)
