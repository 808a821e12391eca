"""What the steps of a handover propose, from the plan to the declaration of what is kept.

As in `ledger.custody`, each function returns the proposals of one commit and judges nothing. What a
list says of its items is in `ledger.handoverlist`, packages are in `ledger.effects`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain.actor import ActorState
from domain.engagement import EngagementState
from domain.handover import (
    MARKETING,
    Excluded,
    HandoverCancelled,
    HandoverConfirmed,
    HandoverListFrozen,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
    HandoverState,
)
from domain.inspection import (
    HandoverDeemedAccepted,
    HandoverDiscrepancyRaised,
    HandoverDiscrepancyResolved,
    HandoverInspected,
)
from domain.replacement import HandoverHandlerReplaced
from domain.residual import HandoverResidualDeclared
from ledger.acts import given, texts
from ledger.application import Ledger
from ledger.custody import listing, parts
from ledger.errors import UsageError
from ledger.facts import LedgerFacts
from ledger.signing import Proposal, new_ids, now


def plan_handover(
    ledger: Ledger,
    engagement: str,
    fields: Mapping[str, Any],
    *,
    to_party: str | None = None,
    sealed: Mapping[str, str] | None = None,
) -> Proposal:
    """移交计划 under a deal and a new id; `fields` as of `domain.handover.HandoverPlanned`.

    The kind of transfer is the deal's, and so is the recipient, if none is named. Raises
    `UsageError` if the engagement is no deal.
    """
    deal = ledger.state(engagement)
    if not isinstance(deal, EngagementState) or not deal.mode:
        msg = "a handover belongs to a deal; nothing was recorded"
        raise UsageError(msg, "muniment engagement open ...")
    whole = {"mode": deal.mode, "to_party": to_party or deal.buyer, **fields}
    return Proposal(HandoverPlanned, new_ids("handover")[0], whole, sealed)


def replace_handler(
    ledger: Ledger, state: HandoverState, handler: str, reason: str, remark: str | None = None
) -> Proposal:
    """经办人更换: `handler` in the place of the one of the own side, who signs it, too.

    Raises `UsageError` for somebody of neither side.
    """
    actor = ledger.state(handler)
    posts = {state.from_party: "seller_handler", state.to_party: "buyer_handler"}
    post = posts.get(actor.party) if isinstance(actor, ActorState) else None
    if post is None:
        msg = "the new handler is of neither side of the handover; nothing was recorded"
        raise UsageError(msg, "muniment handover show HANDOVER; muniment actor list")
    fields = {
        "post": post, "replaced": state.handlers[post], "handler": handler, "reason": reason,
    }  # fmt: skip
    return Proposal(HandoverHandlerReplaced, state.stream, fields, texts(remark=remark))


def freeze_list(
    state: HandoverState,
    items: Sequence[str],
    *,
    lines: str,
    seed: str,
    excluded: Sequence[Excluded] = (),
    marketing: bool = False,
) -> list[Proposal]:
    """移交清单锁定: the next version of the list.

    `lines`: the root over the lines of the list, made from `seed` (32 bytes, hex); `excluded`:
    what is not on it, and why.
    """
    fields = {"list_version": state.list_version + 1, "lines": lines}
    fields |= {"purpose": MARKETING} if marketing else {}
    proposals = listing(HandoverListFrozen, state.stream, items, fields, texts(seed=seed))
    first = proposals[0]
    left_out = {"excluded": list(excluded)} if excluded else {}
    return [first._replace(fields={**first.fields, **left_out}), *proposals[1:]]


def release_handover(
    state: HandoverState,
    released_at: str | None,
    *,
    package: str | None = None,
    off_plan: str | None = None,
    sealed: Mapping[str, str] | None = None,
) -> Proposal:
    """交付 of what the frozen list names; `package`: its digest, where the list has records.

    `off_plan`: why on another day than planned.
    """
    fields = {"root": state.root, "lines": state.lines, "released_at": released_at or now()}
    fields |= given(package=package, off_plan=off_plan)
    return Proposal(HandoverReleased, state.stream, fields, sealed)


def receive_handover(
    state: HandoverState,
    *,
    read: int,
    matched: int,
    root: str | None = None,
    lines: str | None = None,
    received_at: str | None = None,
    package: str | None = None,
    seal: str | None = None,
    off_plan: str | None = None,
    sealed: Mapping[str, str] | None = None,
) -> Proposal:
    """接收: the receipt of the taking party; `root` and `lines` are those of the list it has."""
    fields = {
        "root": root or state.root, "lines": lines or state.lines,
        "received_at": received_at or now(), "read": read, "matched": matched,
    }  # fmt: skip
    fields |= given(package=package, seal=seal, off_plan=off_plan)
    return Proposal(HandoverReceived, state.stream, fields, sealed)


def inspect_items(
    handover: str, items: Sequence[str], digest: str, readable: str, remark: str | None = None
) -> list[Proposal]:
    """验收 of items of which the same is to be said."""
    fields = {"digest": digest, "readable": readable}
    return [
        Proposal(HandoverInspected, handover, {**fields, "items": part}, texts(remark=remark))
        for part in parts(items)
    ]


def item_of(state: HandoverState, given: str) -> str:
    """The item of a list that an id, or the unambiguous end of one, names.

    Raises `UsageError` if there is none, or more than one.
    """
    if given in state.items:
        return given
    found = [item for item in state.items if given and item.endswith(given)]
    if len(found) != 1:
        msg = "no item of the list, or more than one, has this id; nothing was recorded"
        raise UsageError(msg, "muniment handover show HANDOVER")
    return found[0]


def raise_discrepancy(
    state: HandoverState, kind: str, items: Sequence[str], description: str | None
) -> Proposal:
    """移交差异, under the next number."""
    fields = {"number": len(state.discrepancies) + 1, "kind": kind, "items": list(items)}
    return Proposal(HandoverDiscrepancyRaised, state.stream, fields, texts(description=description))


def resolve_discrepancy(
    handover: str, number: int, resolution: str, description: str | None
) -> Proposal:
    """差异处理: for a draft that both handlers sign."""
    fields = {"number": number, "resolution": resolution}
    return Proposal(HandoverDiscrepancyResolved, handover, fields, texts(description=description))


def deem_accepted(state: HandoverState) -> Proposal:
    """视为验收. Raises `UsageError` before there is a receipt."""
    if not state.received_at:
        msg = "nothing was received yet; nothing was recorded"
        raise UsageError(msg, "muniment handover receive HANDOVER")
    return Proposal(HandoverDeemedAccepted, state.stream, {"deadline": state.inspection_ends})


def confirm_handover(state: HandoverState, effective_at: str | None) -> list[Proposal]:
    """移交确认 of every accepted item: for a draft that both handlers and supervisors sign."""
    fields = {
        "root": state.root, "lines": state.lines, "to_party": state.to_party,
        "effective_at": effective_at or now(), "rejected": state.rejected,
        "reservations": state.reservations,
    }  # fmt: skip
    return [
        Proposal(HandoverConfirmed, state.stream, {**fields, "items": part})
        for part in parts(state.to_confirm)
    ]


def declare_residual(
    ledger: Ledger,
    state: HandoverState,
    copies: Sequence[str] | None,
    basis: str,
    retain_until: str,
    remark: str | None = None,
) -> list[Proposal]:
    """留存副本声明 of `copies`, or of everything that the giving party still keeps."""
    if copies is None:
        with ledger.engine.connect() as connection:
            copies = sorted(LedgerFacts(connection).residual(state.stream, state.from_party))
    fields = {"basis": basis, "retain_until": retain_until}
    return [
        Proposal(HandoverResidualDeclared, state.stream, {**fields, "items": part},
                 texts(remark=remark) if number == 0 else None)
        for number, part in enumerate(parts(copies) or [[]])
    ]  # fmt: skip


def cancel_handover(handover: str, reason: str | None) -> Proposal:
    """移交终止."""
    return Proposal(HandoverCancelled, handover, {}, texts(reason=reason))
