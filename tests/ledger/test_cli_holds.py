"""`muniment hold` at the desk: placed, widened, released by two, shown as it stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.deals import LONG_AGO, Deal, deal_at
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def place(deal: Deal, record: str) -> str:
    return str(deal.json(
        "hold", "place", "--record", record, "--reason", "litigation", "--authority",
        "(2026)沪01民初12号", "--remark", "请勿销毁",
    )["hold"])  # fmt: skip


def test_a_hold_is_placed_listed_and_shown_with_its_authority(deal: Deal) -> None:
    record = deal.collect()
    hold = place(deal, record)
    (row,) = deal.json("hold", "list")
    assert (row["hold"], row["state"], row["covered"]) == (hold, "active", 1)
    shown = deal.json("hold", "show", hold[-12:])
    assert shown["covering"][0]["object"] == record
    assert shown["sealed"][0]["authority"] == "(2026)沪01民初12号"
    assert "诉讼" in deal.did("hold", "show", hold, "--lang", "zh")
    assert "litigation" in deal.did("hold", "list", "--lang", "en").lower()


def test_the_authority_stays_sealed_without_the_passphrase(deal: Deal) -> None:
    hold = place(deal, deal.collect())
    said = deal.did("hold", "show", hold, MUNIMENT_PASSPHRASE_FILE=None)
    assert "民初" not in said
    assert hold in said


def test_a_hold_blocks_destruction_and_why_names_it(deal: Deal) -> None:
    record = deal.ready(day=LONG_AGO)
    assert deal.json("why", record, "destroy") == []
    hold = place(deal, record)
    (blocked,) = deal.json("why", record, "destroy")
    assert (blocked["rule"], blocked["detail"]) == ("I-28", "hold_in_force")
    assert blocked["blocking"] == [hold]


def test_a_hold_is_widened_and_keeps_its_reason(deal: Deal) -> None:
    first, second = deal.collect("甲.txt"), deal.collect("乙.txt")
    hold = place(deal, first)
    assert deal.json("hold", "place", "--hold", hold, "--record", second)["hold"] == hold
    (row,) = deal.json("hold", "list")
    assert (row["covered"], row["reason"]) == (2, "litigation")


def test_a_hold_on_the_engagement_covers_what_was_collected_under_it(deal: Deal) -> None:
    record = deal.ready(day=LONG_AGO)
    engagement = deal.json("inventory")[0]["engagement"]
    hold = deal.json("hold", "place", "--of-engagement", engagement, "--reason", "audit")["hold"]
    assert deal.json("why", record, "destroy")[0]["blocking"] == [hold]


def test_a_hold_is_released_by_two_persons_only(deal: Deal) -> None:
    record = deal.ready(day=LONG_AGO)
    hold = place(deal, record)
    said = deal.error("hold", "release", hold, code=13)
    assert said["refusals"][0]["detail"] == "release_needs_second_person"
    deal.jointly("hold", "release", hold, "--reason", "已和解", author=deal.founder,
                 others=[(deal.reviewer, "approver")])  # fmt: skip
    assert deal.json("hold", "list")[0]["state"] == "released"
    assert deal.json("hold", "list", "--state", "active") == []
    assert deal.json("why", record, "destroy") == []
    assert deal.run("hold", "release", hold).exit_code == 2
    deal.error("hold", "place", "--hold", hold, "--record", record, code=13)


def test_a_part_of_a_hold_is_released(deal: Deal) -> None:
    first, second = deal.collect("甲.txt"), deal.collect("乙.txt")
    hold = place(deal, first)
    deal.did("hold", "place", "--hold", hold, "--record", second)
    deal.jointly("hold", "release", hold, "--record", first, author=deal.founder,
                 others=[(deal.reviewer, "approver")])  # fmt: skip
    (row,) = deal.json("hold", "list")
    assert (row["state"], row["covered"], row["objects"]) == ("active", 1, 2)
    covering = {one["object"]: one["released_at"] for one in deal.json("hold", "show", hold)[
        "covering"]}  # fmt: skip
    assert covering[second] is None
    assert covering[first] is not None


def test_holds_are_shown_as_they_stood(deal: Deal) -> None:
    record = deal.collect()
    before = deal.json("status")["events"]
    hold = place(deal, record)
    placed = deal.json("status")["events"]
    deal.jointly("hold", "release", hold, author=deal.founder,
                 others=[(deal.reviewer, "approver")])  # fmt: skip
    assert deal.json("hold", "list", "--as-of", f"position:{before}") == []
    (row,) = deal.json("hold", "list", "--as-of", f"position:{placed}")
    assert (row["state"], row["released_at"]) == ("active", None)
    assert deal.run("hold", "show", hold, "--as-of", f"position:{before}").exit_code == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["place", "--reason", "litigation"],
        ["place", "--record", "ffffffff", "--reason", "litigation"],
        ["place", "--record", "RECORD"],
        ["place", "--record", "RECORD", "--reason", "nonsense"],
        ["place", "--record", "RECORD", "--reason", "audit", "--authority", "a\nb"],
        ["place", "--holding", "RECORD", "--reason", "audit"],
        ["place", "--hold", "ffffffff", "--record", "RECORD"],
        ["release", "ffffffff"],
        ["release", "张三"],
        ["show", "ffffffff"],
        ["list", "--state", "nonsense"],
        ["list", "--as-of", "yesterday"],
    ],
)
def test_bad_input_is_a_usage_error_and_records_nothing(deal: Deal, wrong: list[str]) -> None:
    record = deal.collect()
    entries = deal.json("status")["entries"]
    for lang in ("zh", "en"):
        arguments = [record if part == "RECORD" else part for part in wrong]
        result = deal.run("hold", *arguments, "--lang", lang)
        assert result.exit_code == 2, (result.stdout, result.stderr)
        assert "张三" not in result.stderr
    assert deal.json("status")["entries"] == entries
