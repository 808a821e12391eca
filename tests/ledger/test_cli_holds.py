"""`muniment hold` at the desk: placed, widened, released by two, shown as it stood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.facts import LedgerFacts
from ledger.scopes import matching
from projections.view import id_of, key_of
from tests.ledger.deals import LONG_AGO, Deal, deal_at
from tests.ledger.ledgers import Firm, add_person


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
    hold = deal.json("hold", "place", "--of-engagement", engagement, "--reason", "audit",
                     "--authority", "审计通知")["hold"]  # fmt: skip
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


# -- over a query, a category, a person ---------------------------------------------------------


ORDER = ("--reason", "investigation", "--authority", "市监局调查函")


def test_a_hold_over_a_query_is_placed_as_the_records_found(deal: Deal) -> None:
    """What comes later is not held: `hold check` shows it, and widening holds it, too."""
    old, other = deal.ready("旧.txt", day=LONG_AGO), deal.collect("未分类.txt")
    made = deal.json("hold", "place", "--query", "level=general_3 category=contract", *ORDER)
    hold = made["hold"]
    (row,) = deal.json("hold", "list")
    assert (row["covered"], row["scope"], row["reason"]) == (1, "query", "investigation")
    shown = deal.json("hold", "show", hold)
    assert [one["object"] for one in shown["covering"]] == [old]
    query = f"category=contract level=general_3 party={deal.seller}"
    assert shown["sealed"][0]["scope"] == query
    assert "contract" not in json.dumps(made), "what was asked for is sealed"
    assert deal.json("hold", "check", hold) == []
    late = deal.ready("新.txt", day=LONG_AGO)
    assert deal.json("why", late, "destroy") == []
    assert deal.json("hold", "check", hold) == [{"record": late, "scope": query}]
    assert late in deal.did("hold", "check", hold, "--lang", "zh")
    deal.did("hold", "place", "--hold", hold, "--query", query)
    assert deal.json("hold", "check", hold) == []
    assert deal.json("why", late, "destroy")[0]["blocking"] == [hold]
    assert "hold_in_force" not in [row["detail"] for row in deal.json("why", other, "destroy")]


def test_a_hold_over_a_category_covers_its_parts(deal: Deal) -> None:
    record = deal.collect()
    deal.did("classify", record, "--category", "communication.sms", "--level", "general_2",
             "--sensitivity", "general_pi")  # fmt: skip
    hold = deal.json("hold", "place", "--category", "communication", *ORDER)["hold"]
    assert [o["object"] for o in deal.json("hold", "show", hold)["covering"]] == [record]
    said = deal.error("hold", "place", "--category", "accounting", *ORDER, code=2)
    assert "nothing" in said["message"]


def test_whoever_keeps_things_holds_what_their_own_party_keeps(deal: Deal) -> None:
    """The buyer's query does not freeze what the seller keeps; the court's does."""
    deal.collect()
    mine = ["hold", "place", "--category", "contract", *ORDER]
    assert deal.run(*mine, "--as", deal.lin).exit_code == 2
    with deal.firm.open() as ledger:
        admin = ledger.acting(deal.founder)
        court = add_person(ledger, admin, deal.buyer, ("court",)).actor
    assert deal.json(*mine, "--as", court)["hold"]


def test_a_query_asks_for_days_states_engagements_and_parties(deal: Deal) -> None:
    old, new = deal.collect("甲.txt"), deal.collect("乙.txt")
    deal.classify(new)
    engagement = deal.json("inventory")[0]["engagement"]

    def held(query: str) -> set[str]:
        hold = deal.json("hold", "place", "--query", query, *ORDER)["hold"]
        return {one["object"] for one in deal.json("hold", "show", hold)["covering"]}

    assert held("state=registered") == {old}
    assert held("state=registered,classified") == {old, new}
    assert held("sensitivity=general_pi") == {new}
    assert held(f"engagement={engagement[-12:]} party={deal.seller[-12:]}") == {old, new}
    assert held("after=2000-01-01 before=2199-01-01") == {old, new}
    for nothing in ("before=2000-01-01", "after=2199-01-01", f"party={deal.buyer}"):
        assert deal.run("hold", "place", "--query", nothing, *ORDER).exit_code == 2


def test_the_days_of_a_query_are_those_of_acceptance(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two records time passes: the day parts them, to the record."""
    first, second = deal.collect("甲.txt"), deal.collect("乙.txt")
    with deal.firm.open() as ledger, ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        days = {facts.accepted_at(e): f"2026-01-{min(e, 28) + 1:02d}T00:00:00.000Z"
                for e in range(ledger.seen()[0])}  # fmt: skip
        real = LedgerFacts.accepted_at
        monkeypatch.setattr(LedgerFacts, "accepted_at", lambda f, e: days[real(f, e)])
        entries = {
            record: connection.exec_driver_sql(
                "SELECT entry FROM events WHERE stream = ? AND version = 1", (key_of(record),)
            ).scalar_one()
            for record in (first, second)
        }
        day = days[real(facts, entries[second])][:10]
        assert list(matching(connection, facts, f"before={day}")) == [first]
        assert list(matching(connection, facts, f"after={day}")) == [second]


def only_subject(deal: Deal) -> str:
    """The subject of the one identifier that was found so far."""
    with deal.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        query = "SELECT subject FROM subject_tokens"
        return id_of("subject", connection.exec_driver_sql(query).scalar_one())


def test_a_hold_over_a_person_covers_what_is_held_about_them(deal: Deal) -> None:
    one = deal.collect("甲.txt", "王芳 13812345678")
    deal.did("subject", "index", "--all")
    subject = only_subject(deal)
    made = deal.json("hold", "place", "--subject", subject, *ORDER)
    assert (made["never_indexed"], made["stale"], made["unreadable"]) == (0, 0, 0)
    (row,) = deal.json("hold", "list")
    assert (row["scope"], row["covered"]) == ("subject", 1)
    assert deal.json("hold", "show", made["hold"])["covering"][0]["object"] == one
    assert deal.json("hold", "check", made["hold"]) == []
    other = deal.collect("乙.txt", "再来 13812345678")
    deal.did("subject", "index", "--all")
    assert [row["record"] for row in deal.json("hold", "check", made["hold"])] == [other]


def test_a_hold_over_a_person_says_how_much_was_not_searched_for_them(deal: Deal) -> None:
    """Placed all the same, and never silently: what nobody looked through may be about them."""
    deal.collect("甲.txt", "王芳 13812345678")
    deal.did("subject", "index", "--all")
    subject = only_subject(deal)
    broken = deal.collect("坏.pdf", "%PDF-1.7 nothing")
    assert deal.run("subject", "index", broken).exit_code == 4
    missed = [deal.collect("乙.txt", "也是 13812345678"), deal.collect("丙.txt", "王芳")]
    place = ["hold", "place", "--subject", subject, *ORDER]
    run = deal.run(*place, "--json")
    assert run.exit_code == 4, run.stderr
    made = json.loads(run.stdout)
    assert (made["never_indexed"], made["stale"], made["unreadable"]) == (2, 0, 1)
    assert deal.json("hold", "show", made["hold"])["state"] == "active"
    run = deal.run(*place, "--lang", "en")
    assert (run.exit_code, "3 records were not searched" in run.stderr) == (4, True)
    assert "2 never looked through" in run.stderr
    run = deal.run("hold", "check", made["hold"], "--lang", "en")
    assert (run.exit_code, "Everything that fits" in run.stderr) == (4, False)
    deal.did("subject", "index", *missed)
    run = deal.run("hold", "check", made["hold"], "--json")
    assert [row["record"] for row in json.loads(run.stdout)] == missed[:1]


def test_nobody_found_where_nobody_looked_is_said_so(deal: Deal) -> None:
    deal.collect("甲.txt", "王芳 13812345678")
    subject = "subject-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    said = deal.error("hold", "place", "--subject", subject, *ORDER, code=2)
    assert "1 records were not searched" in said["message"]
    assert deal.json("hold", "list") == []


def test_a_long_list_is_one_hold_of_many_events(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join(f"客户{n},{n}" for n in range(450))
    Path("客户.csv").write_text(f"name,n\n{lines}\n", encoding="utf-8")
    deal.did("collect", "客户.csv", "--rows", "--category", "contract", "--basis",
             "pipl_13_2_contract", "--source", "店主", "--notice", "N-2")  # fmt: skip
    made = deal.json("hold", "place", "--category", "contract", *ORDER)
    assert [event["type"] for event in made["events"]] == ["hold.legal_hold_placed"] * 3
    assert deal.json("hold", "list")[0]["covered"] == 450
    monkeypatch.setattr("ledger.cli.holds._A_COMMIT", 2)
    split = deal.json("hold", "place", "--category", "contract", *ORDER)
    assert len(split["events"]) == 1, "the last of two commits"
    assert {row["covered"] for row in deal.json("hold", "list")} == {450}


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
        ["place", "--record", "RECORD", "--reason", "audit"],
        ["place", "--record", "RECORD", "--reason", "audit", "--authority", " "],
        ["place", "--query", "category=contract", "--category", "contract", *ORDER],
        ["place", "--query", "category=contract", "--record", "RECORD", *ORDER],
        ["place", "--subject", "张三", *ORDER],
        ["place", "--subject", "subject-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e", *ORDER],
        *(
            ["place", "--query", query, *ORDER]
            for query in (
                "",
                " ",
                "contract",
                "category=",
                "category=nonsense",
                "category=contract;drop",
                "name=张三",
                "level>=general_1",
                "category=contract category=contract",
                "after=yesterday",
                "after=2026-01-01,2026-02-01",
                "party=ffffffff",
                "state=gone",
                "category=contract,",
                "before=2026-02-30",
            )
        ),
        ["check", "ffffffff"],
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
