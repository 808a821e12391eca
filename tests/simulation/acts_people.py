"""People, roles and keys; what is signed with a key that ended, or at a false time."""

from __future__ import annotations

from typing import Any

from domain.values import later
from ledger import acts
from ledger.acting import Acting
from ledger.founding import enrolment
from ledger.privatekey import generate
from ledger.signing import new_ids, now
from tests.ledger.crews import hire
from tests.ledger.ledgers import keep_key, small_act
from tests.simulation.act import Act, able, draw, one_of, somebody
from tests.simulation.world import PEOPLE, World

MOST_PEOPLE = 40
SPARE = ("collector", "reviewer", "approver", "custodian", "counsel", "internal_auditor")
AUDITORS = {"internal_auditor", "external_auditor"}
OPERATIONAL = {
    "collector", "reviewer", "custodian", "archivist", "approver", "destruction_operator",
    "destruction_witness", "seller_handler", "buyer_handler",
}  # fmt: skip
ROTATING = ("zhou", "luo", "kang", "li", "zhao", "bai", "sun", "wang")


def spare(world: World) -> list[str]:
    """The people on whom nothing hangs: their keys may end, their roles may go."""
    return [name for name in world.people if name not in PEOPLE and name != "wang"]


def hiring(world: World) -> Act | None:
    """Somebody new, with keys and a role."""
    if len(world.people) >= MOST_PEOPLE:
        return None
    who, role = somebody(world, "wang"), draw(world).choice(SPARE)
    broken = world.guards.may(world.people[who], "administer")

    def do() -> Any:
        return hire(world.ledger, world.acting(who), world.parties["seller"], "service", [role])

    return Act("hires", who, role, frozenset(broken), do)


def giving_a_role(world: World) -> Act | None:
    """A role more; no auditor works in what is audited."""
    people = spare(world)
    if not people:
        return None
    to, who, role = one_of(world, people), somebody(world, "wang"), draw(world).choice(SPARE)
    actor = world.people[to]
    held = {one for one, _ in world.book.actors[actor].roles}
    broken = world.guards.may(world.people[who], "administer")
    broken |= {"I-06"} if role in held else set()
    if (role in AUDITORS and held & OPERATIONAL) or (role in OPERATIONAL and held & AUDITORS):
        broken |= {"I-07"}
    said = acts.grant_role(actor, role)
    about = f"{role} to {to}"
    return Act("gives the role", who, about, frozenset(broken), lambda: world.say(who, [said]))


def taking_a_role(world: World) -> Act | None:
    """A role taken away."""
    people = spare(world)
    if not people:
        return None
    to, who, role = one_of(world, people), somebody(world, "wang"), draw(world).choice(SPARE)
    actor = world.people[to]
    held = {one for one, _ in world.book.actors[actor].roles}
    if held and draw(world).random() < 0.6:
        role = draw(world).choice(sorted(held))
    broken = world.guards.may(world.people[who], "administer")
    broken |= set() if role in held else {"I-06"}
    said = acts.revoke_role(actor, role, "role_ended")
    about = f"{role} from {to}"
    return Act("takes the role", who, about, frozenset(broken), lambda: world.say(who, [said]))


def changing_keys(world: World) -> Act | None:
    """Somebody replaces the own key, or tries to replace another's."""
    usual = [name for name in (*ROTATING, *spare(world)) if name in able(world)]
    who = draw(world).choice(usual)
    whose = who if draw(world).random() < 0.7 else draw(world).choice(usual)
    actor = world.people[whose]
    broken = world.guards.anything(world.people[who])
    broken |= set() if who == whose else {"I-01"}

    def do() -> Any:
        ledger = world.ledger
        key = generate("ed25519", "act", f"{ledger.origin}/a/{actor}")
        keep_key(ledger, actor, key)
        one = enrolment(key, ledger.seen())
        said = acts.rotate_key(actor, world.active(actor), one, "superseded")
        world.key_of(actor)  # whoever has the old one keeps it
        return world.say(who, [said], possession=[key])

    return Act("changes the key of", who, whose, frozenset(broken), do)


def ending_a_key(world: World) -> Act | None:
    """A key is revoked, or reported as stolen."""
    people = spare(world)
    if not people:
        return None
    whose, dice = one_of(world, people), draw(world)
    actor = world.people[whose]
    mine = [k for k, purpose in world.book.actors[actor].purposes.items() if purpose == "act"]
    key, stolen = dice.choice(mine), dice.random() < 0.4
    who = somebody(world, "wang", whose) if whose in able(world) else somebody(world, "wang")
    broken = world.guards.anything(world.people[who])
    broken |= set() if who in ("wang", whose) else {"I-01"}
    if not stolen and world.book.actors[actor].keys[key] != "active":
        broken |= {"I-06"}
    if stolen:
        since = later(now(), days=-dice.choice([0, 0, 1]))
        said = acts.report_compromise(actor, key, since)
    else:
        said = acts.revoke_key(actor, key, "lost")

    def do() -> Any:
        if world.active(actor):
            world.key_of(actor)
        return world.say(who, [said])

    name = "reports as stolen the key of" if stolen else "revokes the key of"
    return Act(name, who, whose, frozenset(broken), do)


def with_an_ended_key(world: World) -> Act | None:
    """Somebody still has a key that was replaced, revoked or stolen, and signs with it."""
    found = world.ended()
    if not found:
        return None
    actor, key, key_id = draw(world).choice(found)
    broken = world.guards.signs(actor, key_id)

    def do() -> Any:
        state = world.ledger.state(actor)
        return world.ledger.act(Acting(actor, key, key_id, state), [small_act(1)])  # type: ignore[arg-type]

    return Act("signs with an ended key", world.names[actor], key_id, frozenset(broken), do)


def at_a_false_time(world: World) -> Act:
    """A clock of their own: somebody says when it happened, and is far off."""
    who, dice = somebody(world), draw(world)
    minutes = dice.choice([-60, -1, 2, 30, 600, -3_000, -3_000, -100_000])
    reason = "offline" if dice.random() < 0.5 else None
    broken = world.guards.anything(world.people[who])
    if minutes > 5:
        broken |= {"I-04"}
    if minutes < -24 * 60 and reason is None:
        broken |= {"I-04"}
    at = later(now(), days=0, seconds=minutes * 60)
    commit = world.chance.hex(16)

    def do() -> Any:
        said = small_act()._replace(fields={"commit": commit})
        return world.ledger.act(world.acting(who), [said], at=at, late_reason=reason)

    return Act("says", who, f"something {minutes} minutes off", frozenset(broken), do)


def voiding(world: World) -> Act:
    """A draft that others have is voided; again, if it was before."""
    who, dice = somebody(world), draw(world)
    actor = world.people[who]
    drafts = [draft.commit for draft in world.drafts]
    commit = dice.choice(drafts[-5:]) if drafts and dice.random() < 0.5 else world.chance.hex(16)
    if world.book.voided and dice.random() < 0.3:
        commit = dice.choice(sorted(world.book.voided))[0]
    broken = world.guards.anything(actor)
    broken |= {"I-06"} if (commit, actor) in world.book.voided else set()
    stream = new_ids("draft")[0]
    said = small_act()._replace(stream=stream, fields={"commit": commit})
    return Act("voids", who, commit, frozenset(broken), lambda: world.say(who, [said]))
