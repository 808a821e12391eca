"""What acts on a person's request propose; as in `ledger.custody`, nothing is judged here.

A request names the person by a subject id. Whoever is known gets the one under which they were
found; of somebody who is not, the id is new and leads nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain.rights import (
    RequesterIdentityVerified,
    RequestState,
    RightsRequestClosed,
    RightsRequestDecided,
    RightsRequestFulfilled,
    RightsRequestReceived,
)
from ledger.acts import texts
from ledger.application import Ledger
from ledger.custody import case_state, parts
from ledger.signing import Proposal, new_ids, now


def receive(
    ledger: Ledger,
    request: str,
    *,
    subject: str | None,
    channel: str,
    received_at: str | None,
    records: Sequence[str],
    sealed: Mapping[str, str] | None = None,
) -> list[Proposal]:
    """收到个人请求, under a new id; `subject` None: nobody knows this person."""
    policy, at = ledger.policy(), received_at or now()
    fields: dict[str, Any] = {
        "request": request, "subject": subject or new_ids("subject")[0], "channel": channel,
        "received_at": at,
        "due_at": policy.calendar.after(at, policy.deadlines.rights_request_working_days),
    }  # fmt: skip
    return _parts_of(new_ids("rights")[0], fields, records, sealed)


def widen(ledger: Ledger, rights: str, records: Sequence[str]) -> list[Proposal]:
    """收到个人请求: the request concerns further records."""
    first = case_state(ledger, RequestState, rights).first
    names = ("request", "subject", "channel", "received_at", "due_at")
    return _parts_of(rights, {name: getattr(first, name) for name in names}, records, None)


def _parts_of(
    rights: str,
    fields: Mapping[str, Any],
    records: Sequence[str],
    sealed: Mapping[str, str] | None,
) -> list[Proposal]:
    return [
        Proposal(
            RightsRequestReceived, rights, {**fields, "records": part}, None if number else sealed
        )
        for number, part in enumerate(parts(records) or [[]])
    ]


def identify(ledger: Ledger, rights: str, method: str, result: str, remark: str | None) -> Proposal:
    """核验身份."""
    case_state(ledger, RequestState, rights)
    fields = {"method": method, "result": result}
    return Proposal(RequesterIdentityVerified, rights, fields, texts(remark=remark))


def decide(
    ledger: Ledger,
    rights: str,
    decision: str,
    *,
    rules: Sequence[str],
    notified_at: str | None,
    reasons: str | None,
) -> Proposal:
    """请求决定, as the person was told."""
    case_state(ledger, RequestState, rights)
    fields = {"decision": decision, "rules": list(rules), "notified_at": notified_at or now()}
    return Proposal(RightsRequestDecided, rights, fields, texts(reasons=reasons))


def fulfil(
    ledger: Ledger,
    rights: str,
    actions: Sequence[str],
    *,
    delivered: str | None,
    remark: str | None,
) -> list[Proposal]:
    """请求完成; `delivered`: SHA-256 (hex) of what was handed over."""
    case_state(ledger, RequestState, rights)
    sealed = texts(delivered=delivered, remark=remark)
    return [
        Proposal(RightsRequestFulfilled, rights, {"actions": part}, None if number else sealed)
        for number, part in enumerate(parts(actions) or [[]])
    ]


def close(ledger: Ledger, rights: str, ending: str, remark: str | None) -> Proposal:
    """请求办结."""
    case_state(ledger, RequestState, rights)
    return Proposal(RightsRequestClosed, rights, {"ending": ending}, texts(remark=remark))
