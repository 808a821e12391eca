"""The gates of a deal ask for who really takes over, and say what nobody could check."""

from __future__ import annotations

import pytest

from tests.ledger.ledgers import add_person
from tests.ledger.sales import (
    Sale,
    later,
    sale,  # noqa: F401  fixtures are found by their names
)


def secret(sale: Sale, party: str, person: str, *more: str) -> None:  # noqa: F811
    """A confidentiality agreement between the seller and a party."""
    document = sale.attached("nda")
    sale.jointly(
        "nda", "sign", document, "--disclosing", sale.seller, "--receiving", party, "--from",
        "2026-01-01", "--survival-days", "730", "--engagement", sale.engagement, *more,
        author=sale.qian, others=((person, "buyer_handler"),),
    )  # fmt: skip


def test_where_the_broker_is_entrusted_the_gates_ask_for_the_broker(sale: Sale) -> None:  # noqa: F811
    """The buyer gets nothing on this path, and none of its people or papers is waited for."""
    sale.ready()
    sale.open("entrusted", "--broker", sale.broker)
    gates = sale.gates()
    ids = {code: [w["ids"] for w in gates[code]["waiting"]] for code in ("nda", "legal_path")}
    assert ids == {"nda": [[sale.seller, sale.broker]], "legal_path": [[sale.seller, sale.broker]]}
    asked = [id_ for waiting in gates["parties"]["waiting"] for id_ in waiting["ids"]]
    assert sale.broker in asked
    assert sale.buyer not in asked

    with sale.firm.open() as ledger:
        admin = ledger.acting(sale.firm.founded.actor)
        rui = add_person(ledger, admin, sale.broker, ("supervisor",)).actor
    sale.did("role", "grant", sale.gao, "buyer_handler")
    document = sale.attached("evidence_agreement")
    named = ((sale.qian, "seller_handler"), (sale.gao, "buyer_handler"), (sale.wu, "supervisor"),
             (rui, "supervisor"), (sale.he, "buyer_handler"))  # fmt: skip
    signers = [part for who, role in named for part in ("--signer", f"{who}:{role}")]
    sale.jointly("agreement", "sign", document, *signers, "--engagement", sale.engagement,
                 author=sale.qian, others=((sale.he, "buyer_handler"),))  # fmt: skip
    assert sale.gate("evidence_agreement") == "green"
    secret(sale, sale.broker, sale.gao, "--category", "transaction")
    assert sale.waits("nda") == ["nda_does_not_cover"], "what is entrusted is covered, too"
    secret(sale, sale.broker, sale.gao)
    assert sale.gate("nda") == "green"
    sale.attached("processing_agreement", "--party", sale.seller, "--party", sale.broker,
                  by=sale.gao)  # fmt: skip
    assert sale.gate("legal_path") == "green"


def test_after_entrusting_the_seller_declares_nothing(sale: Sale) -> None:  # noqa: F811
    """It never gave its records up (PIPL 21), and closing asks for no declaration either."""
    record = sale.ready()
    sale.open("entrusted")
    sale.letters()
    sale.trained(sale.qian, sale.he)
    sale.agree()
    sale.keep_secret()
    sale.attached("processing_agreement", "--party", sale.seller, "--party", sale.buyer, by=sale.he)
    sale.handed_over(record, packaged=True)
    assert sale.waits("residual") == ["copies_not_disposed"]


def picture(sale: Sale) -> str:  # noqa: F811
    """A record whose content is a picture: no program says whether it can be used."""
    file = sale.home / "照片.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    sale.did("collect", str(file), "--category", "contract", "--basis", "pipl_13_2_contract",
             "--source", "张三", "--notice", "N-1")  # fmt: skip
    record = str(sale.json("inventory")[-1]["record"])
    sale.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "non_personal")  # fmt: skip
    sale.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-01-31")
    sale.did("review", record, "--as", sale.reviewer)
    return record


@pytest.mark.parametrize("silent", [True, False])
def test_gate_12_says_how_many_items_nobody_could_check(
    sale: Sale,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    *,
    silent: bool,
) -> None:
    records = [sale.ready("合同.txt"), picture(sale)]
    sale.open()
    sale.papers()
    handover = sale.received(*records)
    assert "unchecked" not in sale.gates()["inspected"], "it is still to come"
    if silent:
        later(monkeypatch, 16)
        sale.did("handover", "deem", handover, "--as", sale.qian)
    else:
        sale.did("handover", "inspect", handover, "--as", sale.he)
    gate = sale.gates()["inspected"]
    assert (gate["state"], gate.get("unchecked", 0)) == ("green", 2 if silent else 1)
    shown = sale.run("engagement", "status", sale.engagement).stdout
    assert f"nobody could check: {2 if silent else 1}" in shown
