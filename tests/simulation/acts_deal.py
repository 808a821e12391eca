"""The deal: a handover from the plan to what stays behind, papers, and consents."""

from __future__ import annotations

from typing import Any

from domain.values import later
from ledger import consenting, deals, handovers
from ledger.handoverlist import SEED_BYTES, lines_root
from ledger.signing import now
from tests.ledger.deals import introduce
from tests.simulation.act import Act, a_copy, draw, somebody
from tests.simulation.acts_records import joined
from tests.simulation.book import THERE, Listed
from tests.simulation.world import World

FINISHED = ("confirmed", "residual_declared", "cancelled")


def introducing(world: World) -> Act | None:
    """Whose records these are is said, and that this person was told of the deal."""
    records = [r for r in world.book.records if not world.book.told(r)]
    if not records:
        return None
    some = records[-5:]
    told = any(record.told for record in world.book.records.values())
    notice = None if told else world.notice
    broken = set[str]()
    if not all(world.guards.keeps(world.people["qian"], record) for record in some):
        broken |= {"I-09"}

    def do() -> Any:
        introduce(world.ledger, world.acting("qian"), world.deal, world.customer, some, notice)

    return Act("says who is in", "qian", f"{len(some)} records", frozenset(broken), do)


def planning(world: World) -> Act | None:
    """A handover is planned."""
    under_way = [h for h in world.book.handovers.values() if h.step not in FINISHED]
    if len(under_way) > 3:
        return None
    who = somebody(world, "qian", side="seller")
    broken = frozenset() if who == "qian" else frozenset({"I-09"})

    def do() -> Any:
        said = handovers.plan_handover(world.ledger, world.deal, {
            "from_party": world.parties["seller"], "seller_handler": world.people["qian"],
            "buyer_handler": world.people["he"], "first_day": "2020-01-01",
            "last_day": "2099-12-31", "inspection_days": 2,
        })  # fmt: skip
        return world.say(who, [said], engagement=world.deal, role="seller_handler")

    return Act("plans a handover", who, "", broken, do)


def a_handover(world: World, *steps: str) -> Listed | None:
    """A handover, mostly one that has come so far."""
    found = list(world.book.handovers.values())
    fitting = [one for one in found if one.step in steps]
    if fitting and draw(world).random() < 0.9:
        return draw(world).choice(fitting)
    return draw(world).choice(found) if found else None


def freezing(world: World) -> Act | None:
    """The list is frozen: ready, introduced, in no other case."""
    handover, dice = a_handover(world, "planned", "planned", "list_frozen"), draw(world)
    if handover is None or not world.book.copies:
        return None
    guards, book = world.guards, world.book
    items = list(dict.fromkeys(a_copy(world) for _ in range(dice.randint(1, 2))))
    fit = [
        c for c, copy in book.copies.items()
        if copy.condition == THERE and not copy.encrypted and not copy.made_from
        and not book.claimed(c) and copy.custodian == world.parties["seller"]
        and not guards.ready([c]) and book.inside(c)
        and all(book.told(r, c) for r in book.inside(c))
    ]  # fmt: skip
    if fit and dice.random() < 0.8:
        items = dice.sample(fit, min(len(fit), 2))
    who = somebody(world, "qian", side="seller")
    broken = _step(world, who, "qian") | guards.present(world.people[who], items)
    if handover.step not in ("planned", "list_frozen"):
        broken |= {"I-21"}
    broken |= _listable(world, handover.stream, items)

    def do() -> Any:
        return _freeze(world, who, handover.stream, items)

    return Act("freezes the list of", who, handover.stream, frozenset(broken), do)


def _step(world: World, who: str, handler: str) -> set[str]:
    """Only the handler takes a step, with a key that was agreed on (I-09, I-23)."""
    del world
    return set() if who == handler else {"I-09", "I-23"}


def _listable(world: World, handover: str, items: list[str]) -> set[str]:
    """Why copies may not be on a list."""
    guards, book = world.guards, world.book
    broken = guards.ready(items)
    for item in items:
        if book.copies[item].encrypted or book.claimed(item) not in ("", handover):
            broken |= {"I-21"}
        inside = book.inside(item)
        alike = {one for record in inside for one in book.all_of(record)} | set(book.family(item))
        beside = {book.claimed(one) for one in alike} - {handover}
        if beside & set(book.handovers):  # one record goes once
            broken |= {"I-21"}
        broken |= {"I-09"} if any(book.records[r].passed for r in inside) else set()
        broken |= set() if inside else {"I-11"}
        broken |= guards.introduced([item])
    return broken


def _freeze(world: World, who: str, handover: str, items: list[str]) -> Any:
    from ledger.effects.listlines import Frozen, lines

    ledger, moment, seed = world.ledger, now(), world.chance.bytes(SEED_BYTES)
    frozen = Frozen(items, seed, moment[:10], ledger.seen()[0], {})
    root = lines_root(line.format() for line in lines(ledger, frozen))
    state: Any = ledger.state(handover)
    said = handovers.freeze_list(state, items, lines=root, seed=seed.hex())
    return world.say(who, said, engagement=world.deal, role="seller_handler", at=moment)


def releasing(world: World) -> Act | None:
    """What the frozen list names is given away, if it is still ready."""
    handover = a_handover(world, "list_frozen")
    if handover is None or not handover.items:
        return None
    who, items = somebody(world, "qian", side="seller"), list(handover.items)
    broken = _step(world, who, "qian") | world.guards.present(world.people[who], items)
    broken |= _listable(world, handover.stream, items)
    broken |= set() if handover.step == "list_frozen" else {"I-21"}

    def do() -> Any:
        state: Any = world.ledger.state(handover.stream)
        said = handovers.release_handover(state, None)
        return world.say(who, [said], engagement=world.deal, role="seller_handler")

    return Act("releases", who, handover.stream, frozenset(broken), do)


def receiving(world: World) -> Act | None:
    """The buyer receives what was released; or another list than that."""
    handover = a_handover(world, "released")
    if handover is None or not handover.items:
        return None
    who, other = somebody(world, "he", side="buyer"), draw(world).random() < 0.1
    broken = _step(world, who, "he") | ({"I-21"} if other else set())
    broken |= set() if handover.step == "released" else {"I-21"}
    count = len(handover.items)

    def do() -> Any:
        state: Any = world.ledger.state(handover.stream)
        root = "0" * 64 if other else None
        said = handovers.receive_handover(state, read=count, matched=count, root=root)
        return world.say(who, [said], engagement=world.deal, role="buyer_handler")

    return Act("receives", who, handover.stream, frozenset(broken), do)


def inspecting(world: World) -> Act | None:
    """The buyer looks at what came."""
    handover = a_handover(world, "received")
    if handover is None or not handover.items:
        return None
    who, items = somebody(world, "he", side="buyer"), list(handover.items)
    items = items[:1] if draw(world).random() < 0.2 else items
    broken = _step(world, who, "he")
    broken |= set() if handover.step == "received" else {"I-21"}

    def do() -> Any:
        said = handovers.inspect_items(handover.stream, items, "match", "yes")
        return world.say(who, said, engagement=world.deal, role="buyer_handler")

    return Act("inspects", who, handover.stream, frozenset(broken), do)


def doubting(world: World) -> Act | None:
    """The buyer says what does not fit; then both agree that it is brought again, or one does."""
    handover, dice = a_handover(world, "received"), draw(world)
    if handover is None or not handover.items:
        return None
    if handover.unsettled:
        return _settling(world, handover)
    who, items = somebody(world, "he", side="buyer"), list(handover.items)
    items = items[:1] if dice.random() < 0.4 else items
    broken = _step(world, who, "he")
    broken |= set() if handover.step == "received" else {"I-21"}

    def do() -> Any:
        state: Any = world.ledger.state(handover.stream)
        said = handovers.raise_discrepancy(state, "unreadable", items, "王小明的档案打不开")
        return world.say(who, [said], engagement=world.deal, role="buyer_handler")

    return Act("doubts", who, handover.stream, frozenset(broken), do)


def _settling(world: World, handover: Listed) -> Act:
    others = [("he", "buyer_handler")] if draw(world).random() < 0.7 else []
    broken = joined(world, "qian", others) if others else {"I-23"}
    broken |= set() if handover.step == "received" else {"I-21"}
    number = handover.unsettled[0]
    said = handovers.resolve_discrepancy(handover.stream, number, "delivered_later", "重发")

    def do() -> Any:
        return world.together("qian", [said], others, engagement=world.deal, role="seller_handler")

    return Act("settles", "qian", f"{handover.stream} {number}", frozenset(broken), do)


def deeming(world: World) -> Act | None:
    """The seller says that the time for inspection ran out."""
    handover = a_handover(world, "received")
    if handover is None or not handover.arrived:
        return None
    who = somebody(world, "qian", side="seller")
    broken = _step(world, who, "qian") | world.guards.deemed(handover, now())

    def do() -> Any:
        state: Any = world.ledger.state(handover.stream)
        said = handovers.deem_accepted(state)
        return world.say(who, [said], engagement=world.deal, role="seller_handler")

    return Act("deems accepted", who, handover.stream, frozenset(broken), do)


def confirming(world: World) -> Act | None:
    """Both handlers and both supervisors sign; or one of them is missing."""
    handover, dice = a_handover(world, "received"), draw(world)
    received = [one for one in world.book.handovers.values() if one.step == "received"]
    seen_whole = [one for one in received if set(one.items.values()) == {"seen"}]
    if seen_whole and dice.random() < 0.8:
        handover = dice.choice(seen_whole)
    if handover is None or not handover.items:
        return None
    others = [("he", "buyer_handler"), ("wu", "supervisor"), ("ma", "supervisor")]
    missing = dice.random() < 0.5
    if missing:
        others.remove(dice.choice(others))
    items = list(handover.items)
    broken = {"I-23"} if missing else set()
    broken |= joined(world, "qian", others)
    broken |= set() if handover.step == "received" else {"I-21", "I-23", "I-09"}
    good = {"seen", ""} if handover.deemed else {"seen"}
    seen = [item for item in items if handover.items[item] in good]
    broken |= {"I-23"} if handover.unsettled else set()
    if len(seen) < len(items):
        broken |= {"I-23", "I-21"}
    if any(world.book.copies[item].condition != THERE for item in seen):
        broken |= {"I-03"}
    broken |= _listable(world, handover.stream, seen)

    def do() -> Any:
        state: Any = world.ledger.state(handover.stream)
        said = handovers.confirm_handover(state, None)
        if not said or not seen:
            said = [_as_if(world, state, items)]
        return world.together("qian", said, others, engagement=world.deal, role="seller_handler")

    return Act("confirms", "qian", f"{handover.stream} {len(others)}", frozenset(broken), do)


def _as_if(world: World, state: Any, items: list[str]) -> Any:
    """What a modified client says: everything passes."""
    from domain.handover import HandoverConfirmed
    from ledger.signing import Proposal

    fields = {
        "root": state.root, "lines": state.lines, "to_party": world.parties["buyer"],
        "effective_at": now(), "rejected": 0, "reservations": [], "items": items,
    }  # fmt: skip
    return Proposal(HandoverConfirmed, state.stream, fields)


def cancelling(world: World) -> Act | None:
    """A handover is called off; what was received, by both, unless the buyer fell silent."""
    handover = a_handover(world, "planned", "list_frozen", "released", "received")
    if handover is None:
        return None
    who = somebody(world, "qian", "he")
    broken = set() if who in ("qian", "he") else {"I-09", "I-23"}
    broken |= {"I-21"} if handover.step in FINISHED else set()
    if handover.step == "received" and not (who == "qian" and world.guards.silent(handover, now())):
        broken |= {"I-23"}
    role = "seller_handler" if world.side(who) == "seller" else "buyer_handler"
    said = handovers.cancel_handover(handover.stream, "改日")

    def do() -> Any:
        return world.say(who, [said], engagement=world.deal, role=role)

    return Act("calls off", who, handover.stream, frozenset(broken), do)


def declaring(world: World) -> Act | None:
    """What the seller still keeps of what was handed over is said, whole (I-24)."""
    handover, dice = a_handover(world, "confirmed", "residual_declared"), draw(world)
    if handover is None:
        return None
    who, book = somebody(world, "qian"), world.book
    told = [record for item in handover.items for record in book.inside(item)]
    left = [
        copy for copy in dict.fromkeys(copy for record in told for copy in book.all_of(record))
        if book.copies[copy].condition == THERE
        and book.copies[copy].custodian == world.parties["seller"]
    ]  # fmt: skip
    said = list(left)
    if left and dice.random() < 0.3:
        said.remove(dice.choice(left))
    if book.copies and dice.random() < 0.1:
        said.append(a_copy(world))
    until = later(now(), days=dice.choice([-2, 30, 400, 400]))[:10]
    broken = _step(world, who, "qian")
    broken |= set() if handover.step in ("confirmed", "residual_declared") else {"I-21"}
    if set(left) - set(said) - handover.declared or set(said) - set(left):
        broken |= {"I-24"}
    broken |= {"I-06"} if len(set(said)) != len(said) else set()
    broken |= {"I-24"} if said and until < now()[:10] else set()
    if handover.step == "residual_declared" and all(handover.kept.get(c) == until for c in said):
        broken |= {"I-24"}  # nothing new is said

    def do() -> Any:
        state: Any = world.ledger.state(handover.stream)
        proposals = handovers.declare_residual(
            world.ledger, state, said, "retention_duty", until, "王小明的底稿"
        )
        return world.say(who, proposals, engagement=world.deal, role="seller_handler")

    about = f"{len(said)} copies left of {handover.stream}"
    return Act("declares", who, about, frozenset(broken), do)


def attaching(world: World) -> Act:
    """A paper is attached to the deal."""
    who = somebody(world, "qian", "he", "wang")
    broken = world.guards.may(world.people[who], "document")
    said = deals.attach_document(
        "legal_opinion", world.chance.hex(32), 9, "application.pdf", title="王小明案意见"
    )
    about = said.stream
    return Act("attaches", who, about, frozenset(broken), lambda: world.say(who, [said]))


def agreeing(world: World) -> Act | None:
    """The customer agrees to be told by the buyer."""
    if not any(record.told for record in world.book.records.values()):
        return None
    who = somebody(world, "qian", "wang", "zhao", side="seller")
    broken = set() if world.holds_one(
        world.people[who], "collector", "custodian", "dpo", "seller_handler"
    ) else {"I-09"}  # fmt: skip
    said = consenting.grant(
        world.customer, kind="separate_provision", recipient=world.parties["buyer"],
        channel="telephone", sealed={"remark": "王小明同意"},
    )  # fmt: skip
    about = "that the customer agrees"
    return Act("records", who, about, frozenset(broken), lambda: world.say(who, [said]))
