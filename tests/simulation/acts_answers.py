"""What people ask of their own data: heard, identified, decided, fulfilled, closed."""

from __future__ import annotations

from typing import Any

from ledger import requests
from ledger.signing import now
from tests.simulation.act import Act, a_record, draw, one_of, somebody
from tests.simulation.book import Request
from tests.simulation.world import World

REASON = "retention_blocks_destruction"


def asking(world: World) -> Act | None:
    """A customer asks for something."""
    record, who = a_record(world), somebody(world, "zhao", "wang", "zhou", "qian")
    if not record:
        return None
    kind = draw(world).choice(["access", "access", "restrict", "delete", "correct"])
    broken = world.guards.may(world.people[who], "hear")
    if not world.guards.keeps(world.people[who], record):
        broken |= {"I-09"}

    def do() -> Any:
        said = requests.receive(
            world.ledger, kind, subject=world.customer, channel="telephone", received_at=None,
            records=[record], sealed={"requester": "王小明"},
        )  # fmt: skip
        return world.say(who, said)

    return Act("hears a request about", who, f"{record} {kind}", frozenset(broken), do)


def _a_request(world: World, *steps: str) -> tuple[str, Request] | None:
    """Some request, mostly one that has come so far."""
    found = world.book.requests
    if not found:
        return None
    fitting = [rights for rights, request in found.items() if request.step in steps]
    some = fitting if fitting and draw(world).random() < 0.8 else list(found)
    rights = one_of(world, some)
    return rights, found[rights]


def _open(world: World, actor: str, request: Request) -> set[str]:
    """A request that is closed stays so (I-06); others' are others' business (I-09)."""
    same = world.guards.party(actor) == world.guards.party(request.by)
    return ({"I-06"} if request.closed else set()) | (set() if same else {"I-09"})


def identifying(world: World) -> Act | None:
    """Who asks is who they say to be, or is not."""
    found = _a_request(world, "received")
    if found is None:
        return None
    rights, request = found
    who = somebody(world, "zhao", "wang")
    actor = world.people[who]
    broken = world.guards.may(actor, "identify") | _open(world, actor, request)
    broken |= {"I-06"} if request.decision else set()
    result = draw(world).choice(["pass", "pass", "pass", "fail"])

    def do() -> Any:
        said = requests.identify(world.ledger, rights, "document_seen", result, "身份证已核")
        return world.say(who, [said])

    return Act("identifies who asks in", who, f"{rights} {result}", frozenset(broken), do)


def deciding(world: World) -> Act | None:
    """A decision: nobody gets another's data, and whoever refuses says why."""
    found, dice = _a_request(world, "identified"), draw(world)
    if found is None:
        return None
    rights, request = found
    who = somebody(world, "zhao", "wang", "kang")
    actor = world.people[who]
    decision = dice.choice(["fulfil", "fulfil", "partial", "refuse"])
    refuses = decision != "fulfil"
    rules = [REASON] if refuses != (dice.random() < 0.1) else []
    reasons = "王小明的合同未到期" if refuses and dice.random() < 0.9 else None
    broken = world.guards.may(actor, "decide") | _open(world, actor, request)
    broken |= {"I-06"} if request.decision else set()
    if request.identity != "pass" and (not request.identity or decision != "refuse"):
        broken |= {"I-38"}
    if refuses and not reasons:
        broken |= {"I-38"}
    if refuses != bool(rules) and request.identity == "pass":
        broken |= {"I-38"}

    def do() -> Any:
        said = requests.decide(
            world.ledger, rights, decision, rules=rules, reasons=reasons,
            notified_at=max(now(), request.received),
        )  # fmt: skip
        return world.say(who, [said])

    return Act("decides", who, f"{rights} {decision}", frozenset(broken), do)


def fulfilling(world: World) -> Act | None:
    """What was decided is done: handed over, restricted, or gone."""
    found = _a_request(world, "decided")
    if found is None:
        return None
    rights, request = found
    who, guards = somebody(world, "zhao", "wang"), world.guards
    actor = world.people[who]
    delivered = "ab" * 32 if draw(world).random() < 0.8 else None
    broken = guards.may(actor, "answer") | _open(world, actor, request)
    broken |= {"I-38"} if request.decision in ("", "refuse") else set()
    broken |= {"I-38"} if not (delivered or (request.fulfilled and _told(request))) else set()
    for record in request.records:
        known = world.book.records[record]
        restricted = bool(known.limited or known.ended)
        enough = {
            "access": True,
            "correct": True,
            "restrict": restricted,
            "delete": restricted and request.decision == "partial",
        }[request.kind]
        broken |= set() if enough or world.book.over(record) else {"I-38"}

    def do() -> Any:
        said = requests.fulfil(world.ledger, rights, [], delivered=delivered, remark=None)
        return world.say(who, said)

    return Act("fulfils", who, f"{rights} {request.kind}", frozenset(broken), do)


def _told(request: Request) -> bool:
    return request.kind == "access"


def closing(world: World) -> Act | None:
    """A request that was answered is completed; one that was not can only be withdrawn."""
    found = _a_request(world, "fulfilled", "refused")
    if found is None:
        return None
    rights, request = found
    who, guards = somebody(world, "zhao", "wang"), world.guards
    actor = world.people[who]
    ending = draw(world).choice(["completed", "completed", "withdrawn"])
    answered = request.fulfilled or request.decision == "refuse"
    broken = guards.may(actor, "answer") | _open(world, actor, request)
    broken |= set() if answered == (ending == "completed") else {"I-38"}

    def do() -> Any:
        return world.say(who, [requests.close(world.ledger, rights, ending, "王小明已告知")])

    return Act("closes", who, f"{rights} {ending}", frozenset(broken), do)
