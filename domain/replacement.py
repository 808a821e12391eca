"""A handler is replaced: somebody left, cannot act, was given other work, or lost the key.

A handover runs for weeks, and whoever was named in its plan may not see its end. From the
replacement on another person of the same party is the handler of that side; what the one before
has done stands. Two persons of the party say so in one commit: the new handler, who takes it on
with a key that the parties have agreed on, and the one replaced or a supervisor of that side. The
other side has had its say: it signs the agreement that names the new key.

Nobody is replaced once the handover is confirmed: what the new handler would sign is signed. A
draft that was prepared before is stale and is refused (I-04), and the one replaced signs nothing
more (I-09). Where a package was given away for a buyer's handler who is no longer it, and there is
no receipt yet, it may be packed and released once more: it was encrypted to the one who is gone.
For such a package the buyer's handler may be put in the own place (`key_lost`), so that it is
encrypted to the key that they have now; a supervisor of that side signs, too.

Source: 会计档案管理办法 art. 24 (handlers and supervisors of both sides sign), I-07, I-23.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from domain.actor import ActorState
from domain.codes import ReplacementReason
from domain.handover import HANDLERS, HandoverState, HandoverStep, Step
from domain.handover_rules import in_its_order_by_its_side
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.values import ActorId


class HandoverHandlerReplaced(
    HandoverStep, frozen=True, kw_only=True, tag="handover.handler_replaced"
):
    """经办人更换: who handles for one side from here on. Sealed: `remark`.

    `post`: in which role; `replaced`: who did until now; `handler`: who does now, and signs.
    """

    ROLES: ClassVar[frozenset[str]] = HANDLERS | {"supervisor"}
    AFTER: ClassVar[frozenset[Step]] = frozenset({"planned", "list_frozen", "released", "received"})

    post: Literal["seller_handler", "buyer_handler"]
    replaced: ActorId
    handler: ActorId
    reason: ReplacementReason


@evolves(HandoverHandlerReplaced)
def _replaced(
    state: HandoverState, event: HandoverHandlerReplaced, _: int, accepted: str
) -> HandoverState:
    state.handlers[event.post] = event.handler
    state.former.add(event.replaced)
    if event.role == "supervisor":
        state.watching.add(event.by)
    if event.post == "buyer_handler":
        state.heard_at = accepted
        state.readdressed = state.step == "released" and bool(state.records)
    return state


rule(HandoverHandlerReplaced)(in_its_order_by_its_side)


@rule(HandoverHandlerReplaced)
def replaced_within_one_party(case: Case, event: HandoverHandlerReplaced) -> Iterator[Refusal]:
    """Each side names its own handler, somebody of its own, in the place of the one it has (I-09).

    Who has spoken in the handover as a supervisor does not turn into a handler of it (I-07). Who
    only signed beside somebody else's word as a supervisor is not remembered, and may.
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    party = state.from_party if event.post == "seller_handler" else state.to_party
    by, new = (case.world.before(who, ActorState) for who in (event.by, event.handler))
    if by is not None and by.party != party:
        yield refuse("I-09", "not_the_actors_party", party)
    if state.handlers.get(event.post) != event.replaced:
        yield refuse("I-09", "not_the_handler", event.replaced)
    if event.handler == event.replaced:
        yield from _with_another_key(case, state, event)
    if new is None:
        yield refuse("I-09", "unknown_actor", event.handler)
    elif new.party != party:
        yield refuse("I-09", "handler_of_another_party", event.handler)
    if event.handler in state.watching:
        yield refuse("I-07", "handler_was_supervisor", event.handler)
    signed = {(signer.holder, signer.capacity) for signer in case.statement.actors}
    if (event.handler, event.post) not in signed:
        yield refuse("I-23", "handler_must_sign", event.handler)


def _with_another_key(
    case: Case, state: HandoverState, event: HandoverHandlerReplaced
) -> Iterator[Refusal]:
    """Why somebody may not take their own place: only for a package that they cannot open (I-23).

    In every other step the key that is agreed on now signs, and nobody has to be replaced.
    """
    waits = event.post == "buyer_handler" and state.step == "released" and state.records
    if event.reason != "key_lost" or not waits:
        yield refuse("I-06", "handler_is_the_same", event.handler)
    elif not any(
        signer.capacity == "supervisor"
        and (other := case.world.before(signer.holder, ActorState)) is not None
        and other.party == state.to_party
        for signer in case.statement.actors
    ):
        yield refuse("I-23", "supervisor_must_sign", state.to_party)
