"""Evidence: asked for, agreed to by another person, handed out."""

from __future__ import annotations

from typing import Any

from ledger import exporting
from ledger.exporting import Request, Scope, Shown
from ledger.signing import new_ids
from tests.simulation.act import Act, a_record, draw, one_of, somebody
from tests.simulation.world import World

ERASED = frozenset({"UsageError"})
DENIED = frozenset({"record.access_denied"})


def requesting(world: World) -> Act | None:
    """Evidence of a record for a court, with or without its content's digest in clear (I-32)."""
    record, dice = a_record(world), draw(world)
    if not record:
        return None
    who, abroad, none = somebody(world, "kang", "wang", "zhao"), dice.random(), dice.random()
    broken = world.guards.may(world.people[who], "export")
    broken |= {"I-25"} if abroad < 0.1 else set()
    if none < 0.1:
        record = new_ids("record")[0]
        broken |= {"I-00", "UsageError"}
    shown = Shown(openings=((f"{record}/1", "content"),)) if dice.random() < 0.5 else Shown()

    def do() -> Any:
        asked = Request(
            Scope("record", record), shown, "dispute", "court", "eu" if abroad < 0.1 else "cn",
            name="王小明案法院", reason="诉讼",
        )  # fmt: skip
        return exporting.request(world.ledger, world.acting(who), asked)

    about = f"evidence of {record}{' in clear' if shown.openings else ''}"
    return Act("asks for", who, about, frozenset(broken), do, may_fail=ERASED)


def agreeing(world: World) -> Act | None:
    """Another person of the same party agrees, once, before it goes."""
    if not world.book.bundles:
        return None
    bundle = one_of(world, list(world.book.bundles))
    known, guards = world.book.bundles[bundle], world.guards
    who = somebody(world, "zhao", "li", "kang")
    actor = world.people[who]
    broken = guards.may(actor, "agree") | ({"I-07"} if actor == known.by else set())
    broken |= {"I-06"} if known.exported or known.approved else set()
    broken |= {"I-32"} if guards.party(actor) != guards.party(known.by) else set()

    def do() -> Any:
        return exporting.approve(
            world.ledger, world.acting(who), bundle, role=None, engagement=None
        )

    return Act("agrees to", who, bundle, frozenset(broken), do, may_fail=ERASED)


def exporting_it(world: World) -> Act | None:
    """A bundle goes; what shows something is an access besides, which nobody was granted here."""
    going = [stream for stream, known in world.book.bundles.items() if not known.exported]
    if not going:
        return None
    bundle, guards = one_of(world, going), world.guards
    known, who = world.book.bundles[bundle], somebody(world, "kang", "wang", "zhao")
    actor = world.people[who]
    broken = guards.may(actor, "export")
    broken |= {"I-32"} if guards.party(actor) != guards.party(known.by) else set()
    broken |= {"I-15"} if known.in_clear else set()
    broken |= {"I-32"} if known.in_clear and not known.approved else set()
    out = world.home / f"bundle-{world.chance.hex(6)}.zip"

    def do() -> Any:
        try:
            exporting.export(world.ledger, world.acting(who), bundle, {}, out, documents=False)
        finally:
            out.unlink(missing_ok=True)

    return Act(
        "exports", who, bundle, frozenset(broken), do, single=False, leaves=DENIED, may_fail=ERASED
    )
