"""Records: collected, reviewed, classified, kept for a period, archived, corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.holding import HoldingCreated
from ledger import acts
from ledger.cli.files import place_of, read_file
from ledger.collecting import Terms, collect
from ledger.signing import Proposal, new_ids
from ledger.sources import form_of
from tests.simulation.act import Act, a_record, draw, nothing, somebody
from tests.simulation.world import World

AXES = {"categories": ["contract"], "sensitive_kinds": [], "profile": "cn_strict"}
LEVELS = ("general_1", "general_2", "general_3", "general_4")
SENSITIVITY = ("non_personal", "business_secret", "general_pi", "private_info")
PERSONAL = {"general_pi", "private_info"}
DAYS = ("2001-01-31", "2001-01-31", "2001-01-31", "2026-01-31")


def collecting(world: World) -> Act:
    """A folder of files, or a table, some with an encrypted copy in the vault."""
    who, dice = somebody(world, "wang", "zhou"), draw(world)
    rows, vault = dice.random() < 0.1, dice.random() < 0.3
    personal = dice.random() < 0.8
    basis = "pipl_13_2_contract" if personal else "not_personal"
    notice = "N-1" if personal and dice.random() < 0.9 else None
    terms = Terms(
        "contract", basis, "店主", world.guards.engagement, notice=notice, rows=rows,
        vault="disk_internal" if vault and not rows else None,
    )  # fmt: skip
    made: list[Path] = []
    count = 1 if dice.random() < 0.7 else dice.randint(2, 3)

    def ready() -> None:
        made.append(world.table_of(4) if rows else world.folder_of("contracts", count))

    def do() -> Any:
        found = list(collect(world.ledger, world.acting(who), made, terms))
        assert all(type(one).__name__ != "Failed" for one in found), found

    return Act(
        "collects", who, "a table" if rows else f"{count} files{' and a vault' * vault}",
        frozenset(world.guards.may(world.people[who], "collect")), do, ready, single=False,
        again=do,
    )  # fmt: skip


def reviewing(world: World) -> Act | None:
    """Somebody looks a record over; not who collected it."""
    record = a_record(world)
    if not record:
        return None
    who, known = somebody(world, "li", "luo"), world.book.records[record]
    actor = world.people[who]
    broken = world.guards.may(actor, "review") | world.guards.living(actor, record)
    broken |= {"I-07"} if actor in known.hands else set()
    result = draw(world).choice(["pass", "pass", "fail"])
    said = acts.review(record, ["accuracy"], result, remark="已核对王小明")
    return Act("reviews", who, record, frozenset(broken), lambda: world.say(who, [said]))


def classifying(world: World) -> Act | None:
    """A record classified, or anew; lower only with an approver."""
    record, dice = a_record(world), draw(world)
    if not record:
        return None
    known, guards = world.book.records[record], world.guards
    who = somebody(world, "wang", "li", "zhao")
    level, kind = dice.choice(LEVELS), dice.choice(SENSITIVITY)
    if known.basis == "not_personal" and dice.random() < 0.7:
        kind = "non_personal"
    axes = {**AXES, "level": level, "sensitivity": kind}
    others = second(world, who)
    broken = guards.may(world.people[who], "classify") | guards.living(world.people[who], record)
    broken |= joined(world, who, others)
    if known.basis == "not_personal" and kind in PERSONAL:
        broken |= {"I-10"}
    lower = known.classified and (
        LEVELS.index(level) < LEVELS.index(known.level)
        or SENSITIVITY.index(kind) < SENSITIVITY.index(known.sensitivity)
    )
    if lower and not guards.second(world.people[who], world.signing(others)):
        broken |= {"I-07"}

    def do() -> Any:
        said = acts.classify(world.ledger, record, axes, "依据客户王小明的合同")
        return world.together(who, [said], others)

    return Act("classifies", who, f"{record} {level} {kind}", frozenset(broken), do)


def correcting(world: World) -> Act | None:
    """Another content: a restricted record's only while the person asks for it (I-33)."""
    record, dice = a_record(world), draw(world)
    if not record:
        return None
    guards, known, book = world.guards, world.book.records[record], world.book
    who, stale = somebody(world, "wang", "zhou"), dice.random() < 0.1
    actor = world.people[who]
    broken = guards.may(actor, "correct") | guards.living(actor, record)
    broken |= {"I-06"} if stale else set()
    asked = any(
        record in one.records and one.kind == "correct" and not one.closed
        and one.decision != "refuse" for one in book.requests.values()
    )  # fmt: skip
    if (known.limited or known.ended) and not asked:
        broken |= {"I-33"}
    made: list[Path] = []
    copy = new_ids("holding")[0]

    def ready() -> None:
        made.append(world.folder_of("corrected", 1) / "合同0.txt")

    def do() -> Any:
        file = read_file(made[0])
        at = {
            "record": record, "custodian": guards.party(actor), "form": form_of(file),
            "medium": "disk_internal", "size": file.size, "items": 1, "encrypted": False,
        }  # fmt: skip
        said = acts.correct(
            world.ledger, record, holding=copy, size=file.size, items=1, reason="subject_request",
            sealed={"content": file.digest.hex(), "remark": "王小明改名"},
        )  # fmt: skip
        if stale:
            said = said._replace(fields={**said.fields, "supersedes": f"{record}/99999"})
        return world.say(who, [Proposal(HoldingCreated, copy, at, place_of(file)), said])

    return Act("corrects", who, record, frozenset(broken), do, ready)


def second(world: World, who: str) -> list[tuple[str, str]]:
    """Nobody, an approver, or somebody who says to be one."""
    dice = draw(world).random()
    if dice < 0.4:
        return []
    names = [name for name in ("li", "zhao", "bai") if name != who]
    if dice > 0.9:
        names = ["luo" if who != "luo" else "kang"]
    return [(draw(world).choice(names), "approver")]


def joined(world: World, who: str, others: list[tuple[str, str]]) -> set[str]:
    """Whoever signs besides holds the role that is signed in (I-09)."""
    del who
    held = all(world.guards.holds(world.people[name], role) for name, role in others)
    return set() if held else {"I-09"}


def retaining(world: World) -> Act | None:
    """A period is assigned: one that ended long ago, or one that runs; shorter only by two."""
    record, dice = a_record(world), draw(world)
    if not record:
        return None
    guards, known = world.guards, world.book.records[record]
    who, day, others = somebody(world, "wang", "zhao"), dice.choice(DAYS), []
    actor = world.people[who]
    broken = guards.may(actor, "retain") | guards.living(actor, record)
    old = known.until.get("contract_ended")
    if old and day < "2002" and old > "2026":
        others = second(world, who)
        broken |= joined(world, who, others)
        if not guards.second(actor, world.signing(others)):
            broken |= {"I-07"}

    def do() -> Any:
        said = acts.assign_retention(world.ledger, record, "contract_ended", day)
        return world.together(who, [said], others)

    return Act("assigns a period to", who, f"{record} from {day}", frozenset(broken), do)


def archiving(world: World) -> Act | None:
    """A record goes into the archive when it is ready."""
    record = a_record(world)
    if not record:
        return None
    guards, known = world.guards, world.book.records[record]
    who = somebody(world, "wang")
    actor = world.people[who]
    broken = guards.may(actor, "archive") | guards.living(actor, record)
    broken |= set() if known.classified else {"I-11"}
    broken |= set() if known.until else {"I-12"}
    broken |= set() if known.reviewed else {"I-18"}
    broken |= {"I-06"} if known.archived else set()
    said = acts.archive(record, archive_no="第7号", location="三号柜")
    return Act("archives", who, record, frozenset(broken), lambda: world.say(who, [said]), nothing)
