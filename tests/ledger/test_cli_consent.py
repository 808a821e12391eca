"""`muniment consent` at the desk: given from a list, withdrawn, not needed; who is let be."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.custody import as_judged_now
from ledger.signing import now as this_moment
from tests.ledger.ledgers import Firm
from tests.ledger.telling import LI, ZHANG, Telling, telling_at, today

DAY = "2026-11-01"


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Telling:
    desk = telling_at(firm, tmp_path, monkeypatch)
    desk.record = desk.contract(ZHANG, LI)  # type: ignore[attr-defined]
    desk.did("subject", "declare", "--all")
    return desk


def blocked(desk: Telling, **how: Any) -> list[str]:
    """Why the contract may not go now."""
    from domain.clearing import against_items

    with desk.firm.open(writing=False) as ledger, as_judged_now(ledger) as case:
        record = desk.record  # type: ignore[attr-defined]
        return [r.detail for r in against_items(case, desk.engagement, [record], **how)]


def told(desk: Telling) -> None:
    people = [desk.person(ZHANG), desk.person(LI)]
    desk.delivered(desk.issued(), *([who, "delivered", today()] for who in people))


def test_consents_from_a_list_clear_a_record(desk: Telling) -> None:
    assert blocked(desk) == ["not_notified", "no_consent"]
    told(desk)
    zhang, li, given = desk.person(ZHANG), desk.person(LI), this_moment()
    said = desk.consented([zhang, "separate_provision", given])
    assert (said["consents"], said["known"]) == (1, 0)
    assert blocked(desk) == ["no_consent"]
    rows = [[zhang, "separate_provision", given, "", ""], [li, "separate_provision", given,
            "letter", "2099-12-31"]]  # fmt: skip
    again = desk.consented(*rows, header="subject,kind,given_at,channel,until")
    assert (again["consents"], again["known"]) == (1, 1)
    assert blocked(desk) == []
    found = desk.json("consent", "list", "--recipient", desk.buyer)
    assert [(one["subject"], one["channel"], one["until"]) for one in found] == [
        (zhang, "online", None), (li, "letter", "2099-12-31"),
    ]  # fmt: skip
    assert found[0]["given_at"] == given


def test_a_list_of_consents_of_before_the_notice_clears_nothing(desk: Telling) -> None:
    """The answers were collected weeks ago, before anybody was told who gets the contract."""
    rows = [[desk.person(who), "separate_provision", DAY] for who in (ZHANG, LI)]
    desk.consented(*rows)
    told(desk)
    assert blocked(desk) == ["consent_before_notice"]
    (first, _) = desk.json("consent", "list", "--recipient", desk.buyer)
    assert first["given_at"] == "2026-10-31T16:00:00.000Z", "a day stands for its beginning"
    desk.consented(*([who, kind, this_moment()] for who, kind, _ in rows))
    assert blocked(desk) == []


def day_of(desk: Telling, notice: str) -> str:
    """The local day on which a notice was issued."""
    with desk.firm.open(writing=False) as ledger:
        issued = desk.json("notice", "show", notice)["issued_at"]
        return ledger.policy().calendar.day_of(issued)


def test_who_was_told_and_agreed_on_one_day_agreed_after_being_told(desk: Telling) -> None:
    """Both lists name the day alone; the ordinary course is told first, then asked."""
    zhang, li, notice = desk.person(ZHANG), desk.person(LI), desk.issued()
    day = day_of(desk, notice)
    rows = [[who, "separate_provision", day] for who in (zhang, li)]
    early = desk.consented(rows[0])  # before the delivery is on record, it is the day's beginning
    desk.delivered(notice, [zhang, "delivered", day], [li, "bounced", day])
    assert blocked(desk) == ["not_notified", "no_consent", "consent_before_notice"]
    said = desk.consented(*rows)
    assert (early["consents"], said["consents"], said["known"]) == (1, 2, 0)
    (delivered,) = desk.json("notice", "show", notice, "--status", "delivered")["deliveries"]
    _, mine, hers = desk.json("consent", "list", "--recipient", desk.buyer)
    assert mine["given_at"] == delivered["delivered_at"]
    assert hers["given_at"] < mine["given_at"], "what came back told nobody"
    assert blocked(desk) == ["not_notified"]
    desk.delivered(notice, [li, "delivered", day])
    assert blocked(desk) == ["consent_before_notice"]
    said = desk.consented(*rows)
    assert (said["consents"], said["known"]) == (1, 1)
    assert blocked(desk) == []
    desk.did("consent", "withdraw", zhang, "--recipient", desk.buyer, "--channel", "telephone")
    desk.consented(*rows)
    assert blocked(desk) == ["consent_withdrawn"], "later that day"


def test_a_notice_about_somebody_else_or_of_another_day_moves_no_consent(desk: Telling) -> None:
    zhang, notice = desk.person(ZHANG), desk.issued()
    day = day_of(desk, notice)
    desk.delivered(notice, [zhang, "delivered", day])
    desk.consented([zhang, "separate_provision", DAY])
    assert desk.json("consent", "list")[0]["given_at"] == "2026-10-31T16:00:00.000Z"
    other = desk.listed("subject,kind,given_at", [zhang, "separate_provision", day])
    desk.did("consent", "record", "--from", other, "--recipient", desk.broker)
    (one,) = desk.json("consent", "list", "--recipient", desk.broker)
    assert one["given_at"].endswith("T16:00:00.000Z"), "the beginning of that day"


def test_what_they_agreed_to_is_sealed_by_its_digest(desk: Telling) -> None:
    text = desk.home / "同意书.txt"
    text.write_text("本人同意", encoding="utf-8")
    more = ("--text", str(text), "--engagement", desk.engagement)
    desk.consented([desk.person(ZHANG), "separate_provision", DAY], more=more)
    shown = desk.json("show", f"{desk.person(ZHANG)}/2")
    assert shown["sealed"] == {"text": sha256("本人同意".encode()).hexdigest()}
    file = desk.listed("subject,kind,given_at", [desk.person(LI), "guardian", DAY])
    without = ("--from", file, "--recipient", desk.buyer, "--text", str(text))
    assert desk.run("consent", "record", *without).exit_code == 2


@pytest.mark.parametrize("kind", ["exempt_recorded", "consent", "13666666666"])
def test_a_list_of_something_else_is_refused_whole(desk: Telling, kind: str) -> None:
    rows = [[desk.person(ZHANG), "separate_provision", DAY], [desk.person(LI), kind, DAY]]
    file = desk.listed("subject,kind,given_at", *rows)
    before = desk.events()
    said = desk.error("consent", "record", "--from", file, "--recipient", desk.buyer, code=2)
    assert "line 3" in said["message"]
    assert "13666666666" not in said["message"]
    assert desk.events() == before


def test_a_list_in_which_a_rule_is_broken_is_refused_whole(desk: Telling) -> None:
    rows = [
        [desk.person(ZHANG), "separate_provision", DAY, ""],
        [desk.person(LI), "separate_provision", DAY, "2026-10-01"],
    ]
    file = desk.listed("subject,kind,given_at,until", *rows)
    before = desk.events()
    said = desk.error("consent", "record", "--from", file, "--recipient", desk.buyer, code=13)
    assert said["refusals"][0]["detail"] == "consent_ends_before_it_begins"
    assert desk.events() == before


def test_whoever_withdraws_keeps_the_record_back_and_is_let_be(desk: Telling) -> None:
    told(desk)
    zhang, li = desk.person(ZHANG), desk.person(LI)
    desk.did(
        "consent", "grant", zhang, li, "--kind", "separate_provision", "--recipient", desk.buyer,
        "--channel", "in_person",
    )  # fmt: skip
    assert blocked(desk) == []
    position = desk.events()
    desk.did("consent", "withdraw", zhang, "--recipient", desk.buyer, "--channel", "telephone")
    assert blocked(desk) == ["consent_withdrawn"]
    (row,) = desk.json("consent", "list", "--subject", zhang)
    assert row["withdrawn_at"] is not None
    (then,) = desk.json("consent", "list", "--subject", zhang, "--as-of", f"position:{position}")
    assert then["withdrawn_at"] is None
    (listed,) = desk.json("consent", "suppressed")
    assert (listed["subject"], listed["reason"]) == (zhang, "withdrawn")
    assert desk.json("consent", "suppressed", "--as-of", f"position:{position}") == []


def test_whoever_opts_out_goes_on_no_list_for_marketing(desk: Telling) -> None:
    told(desk)
    zhang, li = desk.person(ZHANG), desk.person(LI)
    desk.consented(*([who, "separate_provision", this_moment()] for who in (zhang, li)))
    assert blocked(desk, marketing=True) == []
    desk.did("consent", "suppress", li, "--reason", "opted_out", "--channel", "telephone")
    assert blocked(desk, marketing=True) == ["opted_out"]
    assert blocked(desk) == []


def test_an_exemption_is_signed_by_an_approver_and_frees_of_consent(desk: Telling) -> None:
    told(desk)
    opinion = desk.attached("legal_opinion")
    asked = (
        "consent", "exempt", "--basis", "succession_by_opinion", "--statute", "pipl", "--opinion",
        opinion, "--category", "contract", "--engagement", desk.engagement,
    )  # fmt: skip
    said = desk.error(*asked, "--as", desk.qian, code=13)
    assert said["refusals"][0]["detail"] == "exemption_needs_approver"
    desk.jointly(*asked, author=desk.qian, others=((desk.reviewer, "approver"),))
    assert blocked(desk) == []
    (found,) = desk.json("consent", "exemptions", "--engagement", desk.engagement)
    assert (found["basis"], found["categories"], found["opinion"]) == (
        "succession_by_opinion", ["contract"], opinion,
    )  # fmt: skip


# -- in several commits -------------------------------------------------------------------------


def test_a_long_list_is_cut_into_commits_by_events_and_by_what_they_name() -> None:
    from domain.subject import SubjectFound
    from ledger.cli import bulk
    from ledger.signing import Proposal

    def sizes(count: int, records: int) -> list[int]:
        one = Proposal(SubjectFound, "subject-…", {"records": ["record-…"] * records})
        return [len(part) for part in bulk.portions([one] * count)]

    assert sizes(0, 1) == []
    assert sizes(25_000, 1) == [10_000, 10_000, 5_000]
    assert sizes(1_000, 199) == [500, 500]


def test_an_interrupted_list_is_given_again_and_nothing_is_said_twice(
    desk: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.cli import bulk
    from ledger.cli.recording import How

    people = [desk.person(ZHANG), desk.person(LI)]
    kinds = ("separate_provision", "separate_sensitive", "general")
    rows = [[who, kind, DAY] for who in people for kind in kinds]
    file = desk.listed("subject,kind,given_at", *rows)
    asked = ("consent", "record", "--from", file, "--recipient", desk.buyer)
    monkeypatch.setattr(bulk, "MAX_EVENTS", 2)
    record, calls = How.record, list[int]()

    def interrupted(self: How, *args: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return record(self, *args)

    before = desk.events()
    with monkeypatch.context() as patch:
        patch.setattr(How, "record", interrupted)
        assert desk.run(*asked).exit_code != 0
    assert desk.events() == before + 2
    result = desk.run(*asked, "--json")
    assert '"consents": 4, "known": 2' in result.stdout
    assert "2 of 4 events recorded" in result.stderr
    assert desk.events() == before + 6
    draft = ("--draft", str(desk.home / "x.commit"), "--with", f"{desk.reviewer}:approver")
    desk.listed("subject,kind,given_at", *([who, "guardian", DAY] for who in people))
    monkeypatch.setattr(bulk, "MAX_EVENTS", 1)
    assert desk.run(*asked, *draft).exit_code == 2
    assert desk.events() == before + 6
