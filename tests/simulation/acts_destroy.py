"""Destruction, from the proposal to the certificate; and copies that are lost."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ledger import acts, custody
from ledger.effects import destroying, readback
from ledger.effects.destroying import Terms
from ledger.errors import UsageError
from ledger.signing import now
from tests.simulation.act import Act, a_copy, draw, somebody
from tests.simulation.book import THERE, Listed
from tests.simulation.world import World


def proposing(world: World) -> Act | None:
    """Every copy of a content is to go, or one of them."""
    first = a_copy(world)
    if not first:
        return None
    book, dice = world.book, draw(world)
    family = [copy for copy in book.family(first) if book.copies[copy].condition == THERE]
    items = family if family and dice.random() < 0.8 else [first]
    who = somebody(world, "wang", "zhao")
    broken = world.guards.proposed(world.people[who], items, "retention_expired", now()[:10])
    said = custody.propose_destruction(items, "retention_expired", "clear", "overwrite", "期满")
    about = f"the destruction of {len(items)} copies, {items[0]}"
    return Act("proposes", who, about, frozenset(broken), lambda: world.say(who, said))


def a_case(world: World, *steps: str) -> Listed | None:
    """A case, mostly one that is under way."""
    cases = list(world.book.cases.values())
    running = [case for case in cases if case.running and _at(case) in steps]
    if running and draw(world).random() < 0.85:
        return draw(world).choice(running[-6:])
    return draw(world).choice(cases[-12:]) if cases else None


def _at(case: Listed) -> str:
    if case.operators:
        passed = all(case.verified.get(item) == "pass" for item in case.items)
        return "verified" if passed else "executed"
    if len(case.approvals) > 1:
        return "approved"
    return "appraised" if case.appraised == "pass" else "proposed"


def appraising(world: World) -> Act | None:
    """An opinion on a list, by somebody else."""
    case = a_case(world, "proposed")
    if case is None:
        return None
    who = somebody(world, "zhao", "luo", "kang")
    broken = world.guards.appraised(world.people[who], case)
    result = "pass" if draw(world).random() < 0.9 else "fail"

    def do() -> Any:
        return world.say(who, [custody.appraise(world.ledger, case.stream, result, "可销")])

    return Act("appraises", who, case.stream, frozenset(broken), do)


def approving(world: World) -> Act | None:
    """An approval, by one of two different persons."""
    case = a_case(world, "appraised")
    if case is None:
        return None
    who = somebody(world, "li", "zhao", "bai")
    broken = world.guards.approved(world.people[who], case, now())

    def do() -> Any:
        return world.say(who, [custody.approve(world.ledger, case.stream, None)])

    return Act("approves", who, case.stream, frozenset(broken), do)


def rejecting(world: World) -> Act | None:
    """A list is rejected."""
    case = a_case(world, "proposed", "appraised")
    if case is None:
        return None
    who, guards = somebody(world, "li", "zhao"), world.guards
    broken = guards.may(world.people[who], "approve") | guards.running(world.people[who], case)
    broken |= {"I-06"} if case.operators else set()
    said = custody.reject(case.stream, "再等")
    return Act("rejects", who, case.stream, frozenset(broken), lambda: world.say(who, [said]))


def executing(world: World) -> Act | None:
    """The files and keys of an approved list go for real."""
    case = a_case(world, "approved")
    if case is None:
        return None
    return execution(world, case, somebody(world, "chen"), draw(world).random() < 0.8)


def execution(world: World, case: Listed, who: str, watched: bool) -> Act:
    """The execution of a case, also to take one up that was broken off."""
    witness = world.people["sun" if watched else who]
    broken = world.guards.executed(world.people[who], case, [witness], now())
    still = [i for i, fate in case.items.items() if fate != "destroyed" and i not in case.off]

    def ready() -> None:
        world.doomed = world.texts_of(still)

    def do() -> Any:
        ledger, acting = world.ledger, world.acting(who)
        return destroying.execute(ledger, acting, case.stream, Terms(None, [witness]))

    def again() -> Any:
        """A name that went before its folder was flushed: the operator saw it go."""
        ledger, acting = world.ledger, world.acting(who)
        terms = Terms(None, [witness])
        with suppress(UsageError):
            done = destroying.execute(ledger, acting, case.stream, terms)
            gone = {f.holding: "destroyed" for f in done.fates if f.cause == "vanished"}
            if gone:
                destroying.execute(ledger, acting, case.stream, terms, stated=gone)

    if broken or not still:
        broken |= {"UsageError"}  # nothing is open in it
    return Act(
        "executes", who, case.stream, frozenset(broken), do, ready, single=False, again=again
    )


def reading_back(world: World) -> Act | None:
    """Somebody else looks whether it is gone."""
    case = a_case(world, "executed")
    if case is None or not case.operators:
        return None
    who = somebody(world, "luo", "sun", "zhao")
    broken = world.guards.verified(world.people[who], case)
    if all(i in case.off for i in case.items if case.items[i]):
        broken |= {"I-30", "UsageError"}

    def do() -> Any:
        return readback.verify(world.ledger, world.acting(who), case.stream)

    return Act("reads back", who, case.stream, frozenset(broken), do, single=False, again=do)


def taking_off(world: World) -> Act | None:
    """What did not pass is taken off the list."""
    case = a_case(world, "executed", "approved")
    if case is None or not case.items:
        return None
    item, who = draw(world).choice(list(case.items)), somebody(world, "wang", "chen")
    if case.items[item] == "destroyed":  # it would be said to be there, and is not
        return None
    actor = world.people[who]
    broken = (
        set()
        if world.holds_one(actor, "archivist", "custodian", "destruction_operator")
        else {"I-09"}
    )
    broken |= world.guards.running(actor, case)
    if case.verified.get(item) == "pass" or item in case.off:
        broken |= {"I-30"}
    said = custody.take_off(case.stream, [item], "找不到")
    return Act("takes off", who, item, frozenset(broken), lambda: world.say(who, said))


def certifying(world: World) -> Act | None:
    """The certificate, once every copy passed."""
    case = a_case(world, "verified")
    if case is None:
        return None
    who = somebody(world, "wang", "zhao")
    broken = world.guards.certified(world.people[who], case)

    def do() -> Any:
        ledger = world.ledger
        if case.operators:
            destroying.finish(ledger, case.stream)
        world.say(who, [custody.certify(ledger, case.stream, None)])
        destroying.end(ledger, case.stream)

    def again() -> Any:
        if world.book.cases[case.stream].running:
            do()
        else:
            destroying.end(world.ledger, case.stream)

    return Act("certifies", who, case.stream, frozenset(broken), do, single=False, again=again)


def losing(world: World) -> Act | None:
    """A file is lost: it is not there any more."""
    copy = a_copy(world)
    if not copy or world.book.copies[copy].encrypted:
        return None
    who = somebody(world, "wang")
    actor = world.people[who]
    broken = world.guards.may(actor, "copy") | world.guards.present(actor, [copy])
    said = acts.lose_holding(copy, now(), {"circumstances": "搬家"})

    def ready() -> None:
        path = world.path_of(copy)
        if not broken and path is not None:
            path.unlink(missing_ok=True)

    return Act("loses", who, copy, frozenset(broken), lambda: world.say(who, [said]), ready)
