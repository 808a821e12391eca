"""A broker prepares the sale and works on the records for the seller (PIPL 21, 59).

Nobody is told and nobody is asked, because nobody else decides. What there must be is an agreement;
and at the end the copies go back or are destroyed, whatever was confirmed before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stories.dealings import (
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
    number,
)


class Brokered(NamedTuple):
    """A deal with a broker: Rui keeps for it and looks on, the others destroy by the book."""

    dealing: Dealing
    rui: str
    money: str
    law: str
    operator: str
    reader: str

    def destroyed(self, copies: Sequence[str]) -> None:
        """The broker's own copies, proposed, approved by two, destroyed and read back."""
        desk = self.dealing
        named = [part for copy in copies for part in ("--copy", copy)]
        case = desk.json("destroy", "propose", *named, "--ground", "statute_orders_deletion",
                         "--reason", "个保法21条: 委托终止", "--as", self.rui,
                         "--confirm-clock")["case"]  # fmt: skip
        desk.did("destroy", "appraise", case, "--opinion", "可以销毁", "--as", self.law)
        for approver in (self.money, self.law):
            desk.did("destroy", "approve", case, "--as", approver)
        desk.did("destroy", "execute", case, "--yes", "--reason", "委托终止", "--as", self.operator)
        desk.did("destroy", "verify", case, "--as", self.reader)


@pytest.fixture
def brokered(dealing: Dealing) -> Brokered:
    """A broker's people are ready; agreed is who signs, and that it is kept secret."""
    dealing.customer_list(3)
    dealing.did("role", "grant", dealing.gao, "buyer_handler")
    rui = dealing.registered(dealing.broker, "supervisor", "custodian")
    dealing.open("entrusted", "--broker", dealing.broker)
    dealing.agree_with((dealing.gao, "buyer_handler"), (rui, "supervisor"))
    dealing.keep_secret_from(dealing.broker, dealing.gao, "buyer_handler")
    return Brokered(dealing, rui, *(
        dealing.registered(dealing.broker, *roles, function=function)
        for function, *roles in (
            ("finance", "approver"), ("legal", "approver", "dpo"), ("it", "destruction_operator"),
            ("service", "reviewer"),
        )
    ))  # fmt: skip


def test_a_broker_gets_nothing_without_an_agreement_and_gives_everything_back(
    brokered: Brokered,
) -> None:
    desk, broker, gao = brokered.dealing, brokered.dealing.broker, brokered.dealing.gao
    handover = desk.planned_for(broker, gao)
    desk.freeze_again(handover)
    assert len(desk.items(handover)) == 3
    assert desk.gate("notices") == "not_needed"
    package = desk.pack(handover)
    release = ("handover", "release", handover, "--package", str(package), "--as", desk.qian)
    assert details(desk.error(*release, code=13)) == {"no_pipia", "no_processing_agreement"}
    desk.assess()
    desk.attached("processing_agreement", "--party", desk.seller)
    assert details(desk.error(*release, code=13)) == {"no_processing_agreement"}
    desk.attached("processing_agreement", "--party", desk.seller, "--party", broker, by=gao)
    desk.did(*release)

    arrived = ("--package", str(package), "--as", gao)
    desk.did("handover", "receive", handover, *arrived)
    desk.did("handover", "inspect", handover, *arrived)
    signers = ((gao, "buyer_handler"), (desk.wu, "supervisor"), (brokered.rui, "supervisor"))
    desk.jointly("handover", "confirm", handover, author=desk.qian, others=signers)
    taken = desk.json("handover", "take", handover, "--package", str(package), "--as",
                      brokered.rui)  # fmt: skip
    assert taken["taken"] == 3

    # The seller stays who decides: it declares nothing, and the broker keeps nothing.
    desk.track()
    assert desk.not_closed() == {"copy_is_still_there", "copies_not_disposed"}
    none = ("engagement", "dispose", desk.engagement, "--party", broker, "--how", "none_kept",
            "--count", "0", "--as", gao, "--confirm-clock")  # fmt: skip
    assert details(desk.error(*none, code=13)) == {"copy_is_still_there"}
    rows = [copy for p in desk.customers for copy in desk.json("where", p.record)]
    first, *rest = [row["holding"] for row in rows if row["custodian"] == broker]
    desk.jointly("holding", "return", first, "--to", desk.seller, "--engagement", desk.engagement,
                 author=brokered.rui, others=((desk.founder, "custodian"),))  # fmt: skip
    assert details(desk.error(*none, code=13)) == {"copy_is_still_there"}
    brokered.destroyed(rest)
    assert desk.not_closed() == {"copies_not_disposed"}
    desk.dispose(broker, gao, count=3)
    desk.close()
    assert desk.reported()["outcome"] == "completed"
    for person in desk.customers:
        copies = desk.json("where", person.record)
        assert {copy["custodian"] for copy in copies if copy["condition"] == "present"} == {
            desk.seller
        }
    last = desk.customers[-1].record
    desk.did("access", "grant", "--actor", desk.wu, "--record", last, "--mode", "view", "--purpose",
             "service_delivery", "--from", "2026-01-01T00:00:00Z", "--until",
             "2099-12-31T00:00:00Z", "--confirm-clock")  # fmt: skip
    desk.did("access", "record", last, "--purpose", "service_delivery", "--out", "own.csv", "--as",
             desk.wu)  # fmt: skip
    assert number(2) in Path("own.csv").read_text("utf-8"), "what the broker destroyed was its own"
    desk.sound()


def test_what_there_is_one_of_stays_the_sellers(brokered: Brokered) -> None:
    """Custody never passes on this path: a copy is delivered, and the one that there is stays."""
    desk, broker, gao = brokered.dealing, brokered.dealing.broker, brokered.dealing.gao
    record = desk.contract(desk.customers[0])
    handover = desk.planned_for(broker, gao)
    said = desk.error("handover", "freeze", handover, record, "--as", desk.qian, code=13)
    assert details(said) == {"custody_does_not_pass"}
    desk.freeze_again(handover, record)
    assert desk.items(handover) == {record}
