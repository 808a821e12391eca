"""What a deal waits for because of the people in its records: as its gates and `why` say it."""

from __future__ import annotations

from tests.ledger.sales import Sale
from tests.ledger.test_gates import declared, told


def test_why_says_what_a_deal_waits_for_before_a_record_goes(sale: Sale) -> None:
    sale.open()
    record = sale.ready(sensitivity="general_pi")

    def heard() -> set[str]:
        asked = ("why", record, "handover", "--engagement", sale.engagement)
        return {row["detail"] for row in sale.json(*asked)}

    assert sale.json("why", record, "handover") == []
    assert heard() == {"subjects_unknown", "no_nda_in_force", "no_pipia"}
    subject = declared(sale, record)
    told(sale, subject)
    assert heard() == {"no_consent", "no_nda_in_force", "no_pipia"}
    sale.papers()
    sale.assess()
    consent = ("--recipient", sale.buyer, "--engagement", sale.engagement, "--channel", "online")
    sale.did("consent", "grant", subject, "--kind", "separate_provision", *consent)
    assert heard() == set()


def test_gate_7_of_a_succession_says_how_many_people_objected(sale: Sale) -> None:
    """PIPL 22 asks for no consent: an objection stops nothing, and is not passed over."""
    sale.open("merger")
    record, other = sale.ready(sensitivity="general_pi"), sale.ready("乙.txt")
    subject = declared(sale, record)
    told(sale, subject)
    under = ("--recipient", sale.buyer, "--engagement", sale.engagement, "--channel", "online")
    sale.did("consent", "withdraw", subject, *under)
    (waiting,) = sale.gates()["notices"]["waiting"]
    assert (waiting["detail"], waiting["count"]) == ("people_objected", 1)
    assert waiting["ids"] == [subject]
    sale.papers()
    sale.assess()
    handover = sale.planned()
    sale.did("handover", "freeze", handover, other, "--as", sale.qian)
    assert sale.gate("notices") == "not_needed", "nobody who objected stands in what goes"
    sale.did("handover", "freeze", handover, record, "--as", sale.qian)
    assert sale.waits("notices") == ["people_objected"]
    sale.did("handover", "release", handover, "--as", sale.qian)
    sale.did("consent", "grant", subject, "--kind", "separate_provision", *under)
    assert sale.gate("notices") == "green"
