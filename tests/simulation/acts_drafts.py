"""Drafts that several sign: complete or not, stale, voided, late, and submitted twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.values import later
from ledger import custody, drafts
from ledger.drafts import Draft
from ledger.signing import Proposal, now
from tests.simulation.act import Act, draw, one_of, somebody
from tests.simulation.world import World

SEEN_DAYS = 7
SKEW_SECONDS = 300


@dataclass
class Open:
    """A draft in somebody's hands: over which version of what, by whom, who signed with what."""

    draft: Draft
    commit: str
    stream: str
    version: int
    signers: list[tuple[str, str]]  # actor, key id
    until: str
    made: str
    unseen: int  # the first entry that its signers had not seen
    judged: Callable[[], set[str]]
    recorded: bool = False


def _release(world: World) -> tuple[str, str, Callable[[], list[Proposal]]] | None:
    holds = [hold for hold, things in world.book.holds.items() if things]
    if not holds:
        return None
    hold = one_of(world, holds)
    who = somebody(world, "zhao", side="seller")
    if not world.guards.role(world.people[who], "hold"):
        return None
    things = sorted(world.book.holds[hold])
    return who, hold, lambda: custody.release_hold(world.ledger, hold, things, "案件已结")


def drafting(world: World) -> Act | None:
    """Somebody drafts the release of a hold; an approver signs it, or does not."""
    found = _release(world)
    if found is None:
        return None
    who, stream, said = found
    approver = draw(world).choice([n for n in ("li", "bai", "zhao") if n != who])
    signs = draw(world).random() < 0.85

    def do() -> Any:
        ledger, book = world.ledger, world.book
        one, other = world.acting(who), world.acting(approver)
        events, ciphertexts = ledger.build(one, said(), fresh_keys=True)
        draft = drafts.make_draft(ledger, one, events, ciphertexts, [(other.actor, "approver")])
        if signs:
            draft = drafts.add_signature(draft, other.key)
        note = draft.commit_note
        things = set(book.holds[stream])

        def judged() -> set[str]:
            broken = world.guards.may(one.actor, "hold")
            broken |= set() if things <= world.book.holds[stream] else {"I-28", "I-00"}
            same = world.book.held_by[stream] == world.guards.party(one.actor)
            return broken | (set() if same else {"I-09"})

        keys = [(a.actor, a.key_id.hex()) for a in (one, other)]
        assert note.until is not None
        world.drafts.append(Open(
            draft, note.commit_id, stream, book.versions[stream], keys, note.until, now(),
            note.seen_size, judged,
        ))  # fmt: skip
        del world.drafts[:-12]

    return Act("drafts the release of", who, stream, frozenset(), do, single=False)


def submitting(world: World) -> Act | None:
    """A draft is submitted: in time or not, whole or not, for the second time or not."""
    if not world.drafts:
        return None
    one = draw(world).choice(world.drafts)
    broken: set[str] = set()
    if not one.recorded:
        broken = _wrong(world, one)

    def do() -> Any:
        receipt = drafts.submit(world.ledger, one.draft)
        assert receipt.repeated == one.recorded
        one.recorded = True

    twice = " for the second time" if one.recorded else ""
    return Act("submits", "wang", f"{one.stream}{twice}", frozenset(broken), do)


def _wrong(world: World, one: Open) -> set[str]:
    """What is wrong with a draft now."""
    broken, moment = one.judged(), now()
    if one.draft.missing():
        broken |= {"UsageError"}
    if world.book.versions[one.stream] != one.version:
        broken |= {"ConflictError", "I-04"}
    if any((one.commit, actor) in world.book.voided for actor, _ in one.signers):
        broken |= {"I-06"}
    for actor, key in one.signers:
        broken |= world.guards.signs(actor, key)
    if one.until < moment or later(moment, days=0, seconds=SKEW_SECONDS) < one.made:
        broken |= {"I-04"}
    unseen = next((h.accepted for h in world.book.known if h.entry == one.unseen), moment)
    if later(unseen, days=SEEN_DAYS) < moment:
        broken |= {"I-04"}
    return broken
