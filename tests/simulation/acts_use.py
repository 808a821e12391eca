"""Who may look at what, what is held, and what may not be used."""

from __future__ import annotations

from typing import Any

from domain.values import later
from ledger import custody
from ledger.effects.handing_out import Asked, access
from ledger.signing import new_ids, now
from tests.ledger.deals import accessing
from tests.simulation.act import Act, a_copy, a_record, draw, one_of, somebody
from tests.simulation.acts_records import joined, second
from tests.simulation.book import THERE
from tests.simulation.world import World

PURPOSES = ("service_delivery", "service_delivery", "audit", "dispute")
OPEN = frozenset({"record.access_denied"})


def granting(world: World) -> Act | None:
    """Somebody is let look at a record, or at all contracts, for a while."""
    record, dice = a_record(world), draw(world)
    if not record:
        return None
    guards, book = world.guards, world.book
    who, to = somebody(world, "wang", "zhao"), somebody(world, "kang", "luo", "zhou")
    giver, taker = world.people[who], world.people[to]
    broken = guards.may(giver, "grant")
    broken |= {"I-07"} if giver == taker else set()
    broken |= set() if guards.party(giver) == guards.party(taker) else {"I-13"}
    all_of_them = dice.random() < 0.3
    if not all_of_them and not guards.keeps(giver, record):
        broken |= {"I-09"}
    moment = now()
    ends = later(moment, days=dice.choice([-2, 1, 7, 60, 60]))
    broken |= {"I-04"} if ends < later(moment, days=-1) else set()
    said = custody.grant_access(
        taker, records=[] if all_of_them else [record],
        categories=["contract"] if all_of_them else [], modes=["view"],
        purposes=sorted({"service_delivery", dice.choice(PURPOSES)}),
        begins=later(moment, days=-1), ends=ends, remark="王小明的事",
    )  # fmt: skip
    del book
    return Act("grants", who, f"{to} {record}", frozenset(broken), lambda: world.say(who, [said]))


def revoking(world: World) -> Act | None:
    """A grant is taken back."""
    if not world.book.grants:
        return None
    grant = one_of(world, list(world.book.grants))
    given, guards = world.book.grants[grant], world.guards
    who = somebody(world, "wang", "zhao")
    broken = guards.may(world.people[who], "grant")
    broken |= {"I-06"} if grant in world.book.revoked else set()
    sides = {guards.party(given["by"]), guards.party(given["actor"])}
    broken |= set() if guards.party(world.people[who]) in sides else {"I-09"}

    def do() -> Any:
        return world.say(who, [custody.revoke_access(world.ledger, grant, "role_ended")])

    return Act("revokes", who, grant, frozenset(broken), do)


def looking(world: World) -> Act | None:
    """Somebody looks at a record under a grant, their own or another's, in force or not."""
    copy, dice = a_copy(world), draw(world)
    if not copy or not world.book.inside(copy):
        return None
    record = dice.choice(world.book.inside(copy))
    grants = list(world.book.grants)
    fitting = [g for g in grants if record in world.book.grants[g].get("records", ())]
    if not grants:
        return None
    grant = dice.choice(fitting) if fitting and dice.random() < 0.8 else one_of(world, grants)
    owner = world.names[world.book.grants[grant]["actor"]]
    who = somebody(world, owner)
    purpose = "service_delivery" if dice.random() < 0.7 else dice.choice(PURPOSES)
    said = accessing(copy, record, grant)
    said = said._replace(fields={**said.fields, "purpose": purpose})
    broken = world.guards.accessed(
        world.people[who], record, copy, purpose, "view", grant, now()
    )  # fmt: skip
    about = f"{record} under {grant}"
    return Act("looks at", who, about, frozenset(broken), lambda: world.say(who, [said]))


def handing_out(world: World) -> Act | None:
    """A file is handed out for real; a denial goes into the register."""
    guards, book = world.guards, world.book
    found = [
        r for r, known in book.records.items() if book.copies[known.holding].condition == THERE
    ]
    if not found:
        return None
    record = one_of(world, found)
    copy = book.records[record].holding
    if len(book.inside(copy)) != 1 or not world.readable(copy):
        return None
    who, moment = somebody(world, "kang", "luo", "zhou"), now()
    actor = world.people[who]
    broken = min(
        (guards.accessed(actor, record, copy, "service_delivery", "view", grant, moment)
         for grant in [*book.grants, ""]), key=len,
    )  # fmt: skip
    out = world.home / f"out-{world.chance.hex(6)}.txt"

    def do() -> Any:
        asked = Asked("service_delivery", "view", ticket="T-1")
        try:
            access(world.ledger, world.acting(who), record, asked, out, holding=copy)
        finally:
            out.unlink(missing_ok=True)

    return Act("is handed", who, record, frozenset(broken), do, single=False, leaves=OPEN)


def holding(world: World) -> Act | None:
    """A hold is placed on a record or a copy, a new one or one that is widened."""
    thing = a_record(world) if draw(world).random() < 0.6 else a_copy(world)
    if not thing:
        return None
    guards, book = world.guards, world.book
    who = somebody(world, "zhao", "kang", "wang")
    actor, old = world.people[who], None
    broken = guards.may(actor, "hold")
    if book.holds and draw(world).random() < 0.2:
        old = one_of(world, list(book.holds))
        broken |= set() if book.holds[old] else {"I-06"}
        broken |= set() if book.held_by[old] == guards.party(actor) else {"I-09"}
    if guards.role(actor, "hold") != "counsel":
        if thing in book.records:
            own = guards.keeps(actor, thing)
        else:
            own = book.copies[thing].custodian == guards.party(actor)
        broken |= set() if own else {"I-09"}
    kind = "records" if thing in book.records else "holdings"
    sealed = None if old else {"authority": "(2026)沪01民初1号 王小明"}
    said = custody.place_hold("litigation", hold=old, sealed=sealed, **{kind: [thing]})  # type: ignore[arg-type]
    return Act("holds", who, thing, frozenset(broken), lambda: world.say(who, said))


def releasing(world: World) -> Act | None:
    """A hold is released, by two."""
    if not world.book.holds:
        return None
    active = [hold for hold, things in world.book.holds.items() if things]
    some = active if active and draw(world).random() < 0.8 else list(world.book.holds)
    hold = one_of(world, some)
    guards, who = world.guards, somebody(world, "zhao", "kang", "wang")
    actor, others = world.people[who], second(world, who)
    broken = guards.may(actor, "hold") | joined(world, who, others)
    if not world.book.holds[hold]:
        broken |= {"I-00", "UsageError"}
    if not guards.second(actor, world.signing(others)):
        broken |= {"I-07"}
    broken |= set() if world.book.held_by[hold] == guards.party(actor) else {"I-09"}
    things = sorted(world.book.holds[hold]) or new_ids("record")

    def do() -> Any:
        said = custody.release_hold(world.ledger, hold, things, "案件已结")
        return world.together(who, said, others)

    return Act("releases", who, hold, frozenset(broken), do)


def restricting(world: World) -> Act | None:
    """A record is restricted, or its purpose ends."""
    record, dice = a_record(world), draw(world)
    if not record:
        return None
    guards, known = world.guards, world.book.records[record]
    who, ends = somebody(world, "zhao", "wang"), dice.random() < 0.3
    actor = world.people[who]
    broken = guards.may(actor, "restrict") | guards.living(actor, record)
    if known.ended if ends else known.limited:
        broken |= {"I-06"}
    said = (
        custody.end_purpose(record, "service_ended", "2026-01-05", "王小明退租")
        if ends
        else custody.restrict(record, "objection", None, "王小明反对")
    )
    name = "ends the purpose of" if ends else "restricts"
    return Act(name, who, record, frozenset(broken), lambda: world.say(who, [said]))


def lifting(world: World) -> Act | None:
    """A restriction is lifted, by two."""
    book, guards = world.book, world.guards
    found = [r for r, known in book.records.items() if known.limited or known.ended]
    if not found:
        return None
    record = one_of(world, found)
    known, who = book.records[record], somebody(world, "zhao", "wang")
    actor, others = world.people[who], second(world, who)
    broken = guards.may(actor, "restrict") | guards.living(actor, record)
    broken |= joined(world, who, others)
    broken |= set() if guards.second(actor, world.signing(others)) else {"I-07"}
    anew = {"basis": "pipl_13_2_contract", "purpose": "新合同"} if not known.limited else {}

    def do() -> Any:
        said = custody.lift_restriction(world.ledger, record, "已核实", **anew)
        return world.together(who, [said], others)

    return Act("lifts the restriction of", who, record, frozenset(broken), do)
