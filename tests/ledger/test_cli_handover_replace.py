"""`muniment handover replace`: somebody leaves in the middle of a deal, and it goes on."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.documents.container import attached
from ledger.documents.twin import parse
from tests.ledger.ledgers import add_person
from tests.ledger.replicas import (
    Sides,
    sides_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.ledger.sales import (
    Sale,
    sale,  # noqa: F401  fixtures are found by their names
)


class Leaving:
    """A sale in which He, who receives for the buyer, leaves, and Fang is to go on."""

    def __init__(self, at: Sale) -> None:
        self.at = at
        at.open()
        at.papers()
        with at.firm.open() as ledger:
            admin = ledger.acting(at.firm.founded.actor)
            self.fang = add_person(ledger, admin, at.buyer, ("buyer_handler",)).actor
        at.trained(self.fang)

    def agreed(self) -> None:
        """Both handlers, He's successor for the buyer, sign an agreement that names Fang."""
        at = self.at
        document = at.attached("evidence_agreement")
        at.jointly(
            "agreement", "sign", document, "--signer", f"{self.fang}:buyer_handler",
            "--engagement", at.engagement,
            author=at.qian, others=((self.fang, "buyer_handler"),),
        )  # fmt: skip

    def replace(self, handover: str) -> None:
        """The buyer's supervisor and Fang sign."""
        draft = self.at.home / "replace.commit"
        draft.unlink(missing_ok=True)
        self.at.did("handover", "replace", handover, self.fang, "--reason", "left", "--draft",
                    str(draft), "--as", self.at.ma)  # fmt: skip
        self.at.did("sign", str(draft), "--yes", "--as", self.fang)
        self.at.did("submit", str(draft))

    def shown(self, handover: str) -> dict[str, Any]:
        return dict(self.at.json("handover", "show", handover))


@pytest.fixture
def leaving(sale: Sale) -> Leaving:  # noqa: F811  the fixture
    return Leaving(sale)


def test_a_deal_goes_on_when_the_buyers_handler_is_gone(leaving: Leaving) -> None:
    at, fang = leaving.at, leaving.fang
    handover = at.inspected(at.ready())
    signed = at.home / "signed.commit"
    others = [f"{at.he}:buyer_handler", f"{at.wu}:supervisor", f"{at.ma}:supervisor"]
    beside = [part for other in others for part in ("--with", other)]
    at.did("handover", "confirm", handover, *beside, "--draft", str(signed), "--as", at.qian)
    for actor in (at.he, at.wu, at.ma):
        at.did("sign", str(signed), "--yes", "--as", actor)

    at.did("role", "revoke", at.he, "buyer_handler")
    assert "handler_cannot_act" in at.waits("parties")
    draft = str(at.home / "early.commit")
    early = ("handover", "replace", handover, fang, "--reason", "left", "--draft", draft, "--as",
             at.ma)  # fmt: skip
    assert at.error(*early, code=13)["refusals"][0]["detail"] == "key_not_agreed"
    leaving.agreed()
    leaving.replace(handover)
    assert at.gate("parties") == "green"
    assert at.gate("evidence_agreement") == "green"

    # A draft that the one who left has signed counts no more, complete as it is.
    refused = at.error("submit", str(signed), code=13)["refusals"]
    assert {"capacity_not_held", "handler_must_sign"} & {one["detail"] for one in refused}
    told = leaving.shown(handover)
    assert (told["buyer_handler"], told["seller_handler"]) == (fang, at.qian)
    (row,) = told["replaced"]
    assert (row["replaced"], row["handler"], row["reason"]) == (at.he, fang, "left")
    assert "Handler replaced" in at.run("handover", "show", handover).stdout
    before = told["steps"][0]["accepted"]
    assert at.json("handover", "show", handover, "--as-of", before)["buyer_handler"] == at.he

    signers = ((fang, "buyer_handler"), (at.wu, "supervisor"), (at.ma, "supervisor"))
    at.jointly("handover", "confirm", handover, author=at.qian, others=signers)
    assert leaving.shown(handover)["step"] == "confirmed"
    paper = at.home / "confirmation.pdf"
    at.did("document", "issue", "handover_confirmation", handover, "--out", str(paper), "--as",
           at.qian)  # fmt: skip
    (said,) = parse(attached(paper.read_bytes())[0])["said"]["replaced"]
    assert (said["post"], said["replaced"], said["handler"]) == ("buyer_handler", at.he, fang)
    assert at.json("document", "verify", str(paper))["verdict"] == "genuine"
    (report,) = at.json("engagement", "report", at.engagement)["handovers"]
    assert [one["handler"] for one in report["replaced"]] == [fang]
    assert at.json("verify")["verdict"] == "valid"


def test_a_package_for_the_one_who_left_goes_again_to_the_next(leaving: Leaving) -> None:
    """What He's key opens Fang's does not: it is packed and released anew, and the last counts."""
    at, fang = leaving.at, leaving.fang
    handover = at.released(at.ready(), packaged=True)
    leaving.agreed()
    leaving.replace(handover)
    (waiting,) = at.gates()["received"]["waiting"]
    assert "handover release" in waiting["command"]
    package = str(at.home / "again")
    at.did("handover", "pack", handover, "--out", package, "--as", at.qian)
    at.did("handover", "release", handover, "--package", package, "--as", at.qian)
    old = ("handover", "receive", handover, "--package", str(at.package), "--as", fang)
    assert at.run(*old).exit_code == 3
    at.did("handover", "receive", handover, "--package", package, "--as", fang)
    at.did("handover", "inspect", handover, "--package", package, "--as", fang)
    assert at.gate("inspected") == "green"


def test_a_package_for_a_lost_key_goes_again_to_the_same_handler(sale: Sale) -> None:  # noqa: F811
    """He's seal key is another one now: his supervisor says so with him, and it is packed anew."""
    at = sale
    at.open()
    at.papers()
    handover = at.released(at.ready(), packaged=True)
    at.did("key", "rotate", "--purpose", "seal", "--as", at.he)
    draft, package = str(at.home / "lost.commit"), str(at.home / "again")
    at.did("handover", "replace", handover, at.he, "--reason", "key_lost", "--with",
           f"{at.ma}:supervisor", "--draft", draft, "--as", at.he)  # fmt: skip
    at.did("sign", draft, "--yes", "--as", at.ma)
    at.did("submit", draft)
    at.did("handover", "pack", handover, "--out", package, "--as", at.qian)
    at.did("handover", "release", handover, "--package", package, "--as", at.qian)
    old = ("handover", "receive", handover, "--package", str(at.package), "--as", at.he)
    assert at.run(*old).exit_code == 3
    at.did("handover", "receive", handover, "--package", package, "--as", at.he)
    told = at.json("handover", "show", handover)
    assert (told["step"], told["buyer_handler"]) == ("received", at.he)
    assert [one["reason"] for one in told["replaced"]] == ["key_lost"]
    assert at.json("verify")["verdict"] == "valid"


def test_what_was_received_before_is_opened_with_the_keys_that_lie_here(leaving: Leaving) -> None:
    at, fang = leaving.at, leaving.fang
    handover = at.received(at.ready(), packaged=True)
    leaving.agreed()
    leaving.replace(handover)
    assert leaving.shown(handover)["step"] == "received"
    at.did("handover", "inspect", handover, "--package", str(at.package), "--as", fang)
    assert at.gate("inspected") == "green"


def test_a_replacement_is_of_one_of_the_two_sides_and_signed_by_two(leaving: Leaving) -> None:
    at = leaving.at
    handover = at.planned()
    draft = ("--draft", str(at.home / "x.commit"))
    said = at.error("handover", "replace", handover, at.gao, "--reason", "left", *draft, "--as",
                    at.ma, code=2)  # fmt: skip
    assert "of neither side" in said["message"]
    alone = at.error("handover", "replace", handover, leaving.fang, "--reason", "left", "--as",
                     at.ma, code=2)  # fmt: skip
    assert "--draft" in alone["message"] or "--draft" in alone["remedy"]


def test_the_buyer_puts_another_handler_in_from_its_own_machine(sides: Sides) -> None:
    """Ma drafts and Fang signs on the replica; the seller, who agreed on the key, records it."""
    at, machine = sides, sides.machine
    with at.firm.open() as ledger:
        admin = ledger.acting(at.firm.founded.actor)
        qian = add_person(ledger, admin, at.firm.founded.party, ("seller_handler",)).actor
    ma, fang = at.registered("supervisor"), at.registered("buyer_handler")
    for actor in (at.he, ma, fang):
        at.enrolled(actor)
    under = ("--engagement", at.json(
        "engagement", "open", "--mode", "merger", "--seller", at.firm.founded.party, "--buyer",
        at.buyer, "--title", "合并",
    )["engagement"])  # fmt: skip
    handover = at.json("handover", "plan", "--buyer-handler", at.he, "--first-day", "2020-01-01",
                       "--last-day", "2099-12-31", *under, "--as", qian)["handover"]  # fmt: skip
    paper = at.home / "约定书.txt"
    paper.write_text("约定", "utf-8")
    document = at.json("document", "attach", str(paper), "--kind", "evidence_agreement", *under,
                       "--as", qian)["document"]  # fmt: skip
    named = ((qian, "seller_handler"), (at.he, "buyer_handler"), (ma, "supervisor"),
             (fang, "buyer_handler"))  # fmt: skip
    signers = [part for who, role in named for part in ("--signer", f"{who}:{role}")]
    agreed, draft = str(at.home / "agreed.commit"), str(at.home / "replace.commit")
    at.did("agreement", "sign", document, *signers, *under, "--with", f"{at.he}:buyer_handler",
           "--draft", agreed, "--as", qian)  # fmt: skip
    at.refresh()
    machine.did("sign", agreed, "--yes", "--as", at.he)
    at.did("submit", agreed)
    at.refresh()

    machine.did("handover", "replace", handover, fang, "--reason", "reassigned", "--draft", draft,
                "--as", ma)  # fmt: skip
    machine.did("sign", draft, "--yes", "--as", fang)
    at.did("submit", draft)
    at.refresh()
    for told in (at.json("handover", "show", handover), machine.json("handover", "show", handover)):
        assert (told["buyer_handler"], len(told["replaced"])) == (fang, 1)
    assert at.json("verify")["verdict"] == "valid"
