"""What was delivered on its way into the buyer's hands: refused, received, taken over, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.record import RecordCollected
from domain.replica import LedgerBundleImported
from ledger.application import Ledger
from ledger.effects import delivering, taking
from ledger.effects.packing import Written
from ledger.effects.places import place_of, plain
from ledger.effects.unpacking import check_container, open_package
from ledger.folder import Folder
from ledger.signing import Proposal
from ledger.vault import Vault
from tests.ledger.delivering import Buyer, Delivery, deal_fixture  # noqa: F401  a fixture
from tests.ledger.desk import ROOT
from tests.ledger.ledgers import passphrase
from tests.ledger.parcels import (
    Parcel,
    as_entries,
    entries_of,
    files_of,
    sealed_again,
    with_entries,
)


@pytest.fixture
def buyer(deal: Delivery, monkeypatch: pytest.MonkeyPatch) -> Buyer:
    return Buyer(deal, monkeypatch)


# -- a package that was changed on the way ------------------------------------------------------


def test_a_package_changed_on_the_way_is_not_received_and_nothing_is_recorded(
    deal: Delivery,
) -> None:
    handover, package = deal.sent(deal.ready())
    before, events = files_of(deal.firm.path), deal.events()
    for name, data in files_of(package).items():
        (package / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        said = deal.error("handover", "receive", handover, "--package", str(package), "--as",
                          deal.he, code=3)  # fmt: skip
        assert "the package is not as it was packed" in said["message"], name
        (package / name).write_bytes(data)
    assert deal.events() == events
    assert {n: d for n, d in files_of(deal.firm.path).items() if n.startswith("vault")} == {
        n: d for n, d in before.items() if n.startswith("vault")
    }
    deal.did("handover", "receive", handover, "--package", str(package), "--as", deal.he)


def test_another_package_of_the_same_list_is_not_the_one_released(deal: Delivery) -> None:
    handover, _package = deal.sent(deal.ready())
    other = deal.pack(handover, "other")
    for act in ("receive",):
        said = deal.error("handover", act, handover, "--package", str(other), "--as", deal.he,
                          code=3)  # fmt: skip
        assert "another_package" in said["message"]


def test_the_package_of_an_earlier_list_is_not_released(deal: Delivery) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover, package = deal.packed(first)
    deal.did("handover", "freeze", handover, first, second, "--packaged", "--as", deal.qian)
    said = deal.error("handover", "release", handover, "--package", str(package), "--as",
                      deal.qian, code=3)  # fmt: skip
    assert "another_handover" in said["message"]


def test_a_list_of_records_goes_with_its_package_only(deal: Delivery) -> None:
    handover, package = deal.packed(deal.ready())
    deal.error("handover", "release", handover, "--as", deal.qian, code=2)
    deal.did("handover", "release", handover, "--package", str(package), "--as", deal.qian)
    deal.error("handover", "receive", handover, "--as", deal.he, code=2)


def test_tag_files_written_anew_do_not_help(deal: Delivery) -> None:
    handover, package = deal.sent(deal.ready())
    (package / "bag-info.txt").write_bytes(
        (package / "bag-info.txt").read_bytes().replace(b"Date: 2026", b"Date: 2025")
    )
    sealed_again(package)
    said = deal.error("handover", "receive", handover, "--package", str(package), "--as", deal.he,
                      code=3)  # fmt: skip
    assert "another_package" in said["message"] or "oxum" in said["message"]


def test_nobody_but_the_buyers_handler_opens_it(deal: Delivery) -> None:
    handover, package = deal.sent(deal.ready())
    said = deal.error("handover", "receive", handover, "--package", str(package), "--as", deal.ma,
                      code=12)  # fmt: skip
    assert "encrypted to other keys than yours" in said["message"]
    assert "--as ACTOR" in said["remedy"]


def test_a_folder_that_is_not_there_is_no_package_that_was_changed(deal: Delivery) -> None:
    handover, package = deal.sent(deal.ready())
    missing = str(package.with_name("packagge"))
    for act in ("receive", "inspect", "take"):
        said = deal.error("handover", act, handover, "--package", missing, "--as", deal.he, code=2)
        assert "there is no such folder" in said["message"], act
        assert "packagge" not in str(said)


def test_what_is_wrong_with_a_package_is_said_in_both_languages(deal: Delivery) -> None:
    """Programs read the code, people their own language."""
    handover, package = deal.sent(deal.ready())
    (package / "data" / "items.stream").write_bytes(b"")
    receive = ["handover", "receive", handover, "--package", str(package), "--as", deal.he]
    said = deal.run(*receive, "--lang", "zh")
    assert said.exit_code == 3
    assert "字节总数不符" in said.stderr
    assert "oxum_differs" not in said.stderr
    assert "oxum_differs" in deal.error(*receive, "--lang", "zh", code=3)["message"]


def test_nothing_is_packed_into_a_package_or_into_nowhere(deal: Delivery) -> None:
    handover, package = deal.packed(deal.ready())
    for out, why in ((package / "again", "inside another package"),
                     (package.with_name("no") / "where", "no folder in which")):  # fmt: skip
        said = deal.error("handover", "pack", handover, "--out", str(out), code=2)
        assert why in said["message"]
    assert not package.with_name("no").exists()
    deal.did("handover", "release", handover, "--package", str(package), "--as", deal.qian)


def test_an_older_key_of_the_handler_still_opens_it(deal: Delivery) -> None:
    handover, package = deal.packed(deal.ready())
    deal.did("key", "rotate", "--as", deal.he, "--purpose", "seal")
    deal.did("handover", "release", handover, "--package", str(package), "--as", deal.qian)
    deal.did("handover", "receive", handover, "--package", str(package), "--as", deal.he)


# -- taken on the ledger that both share ---------------------------------------------------------


def take(deal: Delivery, handover: str, package: Path) -> dict[str, object]:
    told: dict[str, object] = deal.json(
        "handover", "take", handover, "--package", str(package), "--as", deal.lin
    )
    return told


def test_nothing_is_taken_before_the_confirmation(deal: Delivery) -> None:
    handover, package = deal.accepted(deal.ready())
    said = deal.error("handover", "take", handover, "--package", str(package), "--as", deal.lin,
                      code=2)  # fmt: skip
    assert "before the handover is confirmed" in said["message"]
    assert list(Vault(deal.firm.path).objects()) == []


def test_what_passed_becomes_a_copy_of_the_buyers_and_once_only(deal: Delivery) -> None:
    records = [deal.ready("甲.txt"), deal.ready("乙.txt")]
    handover, package = deal.delivered(*records)
    told = take(deal, handover, package)
    assert (told["taken"], told["before"], told["faulty"]) == (2, 0, [])
    for record, name in zip(records, ("甲.txt", "乙.txt"), strict=True):
        (copy,) = (c for c in deal.copies(record) if c["custodian"] == deal.buyer)
        assert (copy["encrypted"], copy["there"]) == (True, True)
        with deal.firm.open() as ledger:
            content = b"".join(plain(ledger, place_of(ledger, copy["holding"])))
        assert content == f"{name} 的内容".encode()
    told = take(deal, handover, package)
    assert (told["taken"], told["before"]) == (0, 2)
    deal.did("verify")
    deal.did("vault", "check", "--read-data")


def test_the_buyers_keeper_goes_on_with_what_was_taken(deal: Delivery) -> None:
    record = deal.ready()
    handover, package = deal.delivered(record)
    take(deal, handover, package)
    deal.did("review", record, "--as", deal.he)
    deal.did("archive", record, "--archive-no", "档-1", "--as", deal.lin)


def test_what_was_rejected_is_not_taken(deal: Delivery) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover, package = deal.arrived(first, second)
    deal.did("handover", "inspect", handover, "--package", str(package), "--reject", second, "--as",
             deal.he)  # fmt: skip
    deal.did("handover", "discrepancy", "raise", handover, second, "--kind", "unreadable", "--as",
             deal.he)  # fmt: skip
    deal.jointly(
        "handover", "discrepancy", "resolve", handover, "1", "--resolution", "item_rejected",
        author=deal.qian, others=((deal.he, "buyer_handler"),),
    )  # fmt: skip
    deal.confirm(handover)
    told = take(deal, handover, package)
    assert told["taken"] == 1
    assert {c["custodian"] for c in deal.copies(second)} == {deal.seller}


def test_a_changed_package_is_not_taken_from(deal: Delivery) -> None:
    handover, package = deal.delivered(deal.ready())
    stream = package / "data" / "items.stream"
    raw = stream.read_bytes()
    stream.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    deal.error("handover", "take", handover, "--package", str(package), "--as", deal.lin, code=3)
    assert list(Vault(deal.firm.path).objects()) == []


def test_nothing_is_taken_from_a_package_whose_end_is_not_the_lists(
    deal: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have to come past the digest that was released: here it does."""
    handover, package = deal.delivered(deal.ready("甲.txt"), deal.ready("乙.txt"))
    with deal.firm.open() as ledger:
        (key,) = delivering.seal_keys(ledger, [deal.he])
    made = Parcel(package, key, check_container(package).header, [], Written("", 0, 0))
    first, second = entries_of(made)
    with_entries(made, as_entries([first, {**second, "line": {**second["line"], "title": "x"}}]))
    monkeypatch.setattr(taking, "AT_ONCE", 1)
    monkeypatch.setattr(delivering, "open_delivered", lambda *_: open_package(package, [key]))
    said = deal.error("handover", "take", handover, "--package", str(package), "--as", deal.lin,
                      code=3)  # fmt: skip
    assert "lines_differ" in said["message"]
    assert list(Vault(deal.firm.path).objects()) == []
    assert {c["custodian"] for c in deal.copies(first["line"]["item"])} == {deal.seller}


def test_the_seller_cannot_register_copies_as_the_buyers(deal: Delivery) -> None:
    handover, package = deal.delivered(deal.ready())
    deal.error("handover", "take", handover, "--package", str(package), "--as", deal.founder,
               code=2)  # fmt: skip
    assert len(deal.copies(deal.json("inventory")[0]["record"])) == 1


# -- taken over into the buyer's own ledger ------------------------------------------------------


def test_the_buyers_own_ledger_continues_the_chain(deal: Delivery, buyer: Buyer) -> None:
    records = [*deal.rows(), deal.ready("甲.txt")]
    handover, package = deal.delivered(*records)
    buyer.refresh()
    told = buyer.take(handover, package)
    assert (told["taken"], told["before"], told["without_period"]) == (4, 0, 0)
    rows = deal.json("inventory", **buyer.where)
    assert len(rows) == 4
    for row in rows:
        assert (row["state"], row["level"], row["sensitivity"]) == (
            "classified", "general_3", "general_pi",
        )  # fmt: skip
        assert (row["min_until"], row["category"]) == ("2036-01-31", "contract")
        first = deal.json("history", row["record"], **buyer.where)
        collected = next(e for e in first if e["type"] == "record.collected" and
                         e["event"].startswith(row["record"]))  # fmt: skip
        assert collected["fields"]["continues"] in records if "fields" in collected else True
    titles = {row["title"] for row in rows}
    assert "甲.txt" in titles
    deal.did("verify", **buyer.where)
    deal.did("vault", "check", "--read-data", **buyer.where)
    assert buyer.take(handover, package)["taken"] == 0
    assert len(deal.json("inventory", **buyer.where)) == 4


def test_what_the_seller_says_after_it_has_passed_is_not_said_of_the_buyers_records(
    deal: Delivery, buyer: Buyer
) -> None:
    """It goes on classifying and reckoning its own copy, which it keeps for a while."""
    record = deal.ready("甲.txt")
    handover, package = deal.delivered(record)
    deal.did("classify", record, "--category", "contract", "--level", "general_4",
             "--sensitivity", "general_pi")  # fmt: skip
    deal.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-03-15")
    (theirs,) = deal.json("inventory")
    assert (theirs["level"], theirs["min_until"]) == ("general_4", "2036-03-15")
    buyer.refresh()
    assert buyer.take(handover, package)["without_period"] == 0
    (own,) = deal.json("inventory", **buyer.where)
    assert (own["level"], own["min_until"]) == ("general_3", "2036-01-31")


@pytest.mark.parametrize("other", ["origin", "source_ledger", "package", "none"])
def test_an_import_that_names_another_ledger_or_package_is_not_this_one(
    deal: Delivery, buyer: Buyer, other: str
) -> None:
    """Handovers of two ledgers may bear one id; what came from one is not said to be the other."""
    handover, package = deal.delivered(deal.ready())
    buyer.refresh()
    with Ledger(Folder(buyer.replica), passphrase) as replica:
        fields: dict[str, Any] = {
            "origin": replica.origin, "source_ledger": replica.ledger_id, "size": 3,
            "root": "0" * 64, "handover": handover, "records": 1,
            "package": check_container(package).package,
        }  # fmt: skip
    wrong = {
        "origin": "other.example/ledger", "package": "1" * 64,
        "source_ledger": "ledger-019390a1-7e30-7c3a-8d5e-00000000000a",
    }  # fmt: skip
    fields |= {name: value for name, value in wrong.items() if name == other}
    with buyer.open() as ledger:
        said = Proposal(LedgerBundleImported, ledger.ledger_id, fields)
        earlier = ledger.act(ledger.acting(buyer.founder), [said]).events[0].id
    assert buyer.take(handover, package)["taken"] == 1
    (row,) = deal.json("inventory", **buyer.where)
    with buyer.open() as ledger:
        events = [event for _, _, event, _ in ledger.events_of(row["record"])]
    (collected,) = (event for event in events if isinstance(event, RecordCollected))
    assert (collected.imported == earlier) == (other == "none")


def test_content_is_the_same_to_the_byte(deal: Delivery, buyer: Buyer) -> None:
    big = deal.collect("大.txt", "乙" * 60_000)
    deal.classify(big)
    deal.did("retention", "assign", big, "--trigger", "contract_ended", "--date", "2026-01-31")
    deal.introduce(big)
    handover, package = deal.delivered(big)
    buyer.refresh()
    buyer.take(handover, package)
    (row,) = deal.json("inventory", **buyer.where)
    with buyer.open() as ledger:
        content = b"".join(plain(ledger, place_of(ledger, row["holding"])))
    assert content == (deal.home / "大.txt").read_bytes()


def test_an_old_replica_does_not_say_that_it_is_confirmed(deal: Delivery, buyer: Buyer) -> None:
    handover, package = deal.accepted(deal.ready())
    buyer.refresh()
    deal.confirm(handover)
    said = deal.error("handover", "take", handover, "--package", str(package), "--replica",
                      str(buyer.replica), code=2, **buyer.where)  # fmt: skip
    assert "before the handover is confirmed" in said["message"]
    buyer.refresh()
    assert buyer.take(handover, package)["taken"] == 1


def test_a_ledger_that_is_no_replica_is_not_taken_from(deal: Delivery, buyer: Buyer) -> None:
    handover, package = deal.delivered(deal.ready())
    deal.error("handover", "take", handover, "--package", str(package), "--replica",
               str(deal.firm.path), code=2, **buyer.where)  # fmt: skip
    assert deal.json("inventory", **buyer.where) == []


_KILLED = """
import os, sys
from ledger.effects import taking
point, after, *rest = sys.argv[1:]
taking.AT_ONCE = 2
where = {"recorded": taking._Run, "stored": taking._Own, "imported": taking._Own}[point]
name = {"recorded": "_keep", "stored": "record", "imported": "imported"}[point]
real, count = getattr(where, name), [0]
def killed(*arguments):
    count[0] += 1
    if point == "stored" and count[0] == int(after):
        os.kill(os.getpid(), 9)
    found = real(*arguments)
    if count[0] == int(after):
        os.kill(os.getpid(), 9)
    return found
setattr(where, name, killed)
from ledger.cli import main
sys.argv = ["muniment", *rest]
main()
"""


@pytest.mark.parametrize(
    ("point", "after", "there"),
    [
        ("imported", 1, 0),
        ("stored", 1, 0),
        ("recorded", 1, 2),
        ("stored", 2, 2),
        ("recorded", 2, 4),
    ],
)
def test_a_run_that_was_killed_is_run_again_and_takes_nothing_twice(
    deal: Delivery, buyer: Buyer, point: str, after: int, there: int
) -> None:
    records = [deal.ready(f"{n}.txt") for n in range(5)]
    handover, package = deal.delivered(*records)
    buyer.refresh()
    environment = {**os.environ, **deal.environment, **buyer.where, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, point, str(after), "handover", "take", handover,
         "--package", str(package), "--replica", str(buyer.replica)],
        env={k: str(v) for k, v in environment.items()}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    assert len(deal.json("inventory", **buyer.where)) == there
    told = buyer.take(handover, package)
    assert (told["taken"], told["before"], told["without_period"]) == (5 - there, there, 0)
    rows = deal.json("inventory", **buyer.where)
    assert len(rows) == 5
    assert all(row["min_until"] == "2036-01-31" for row in rows)
    with buyer.open() as ledger:
        imports = [e for _, _, e, _ in ledger.events_of(ledger.ledger_id)
                   if type(e).__name__ == "LedgerBundleImported"]  # fmt: skip
    assert len(imports) == 1
    assert len(list(Vault(buyer.path).objects())) == 5
    assert list(Vault(buyer.path).strays(lambda _: True)) == []
    deal.did("verify", **buyer.where)
