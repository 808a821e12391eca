"""What consents propose: given (one by one or from a list), withdrawn, not needed, left alone.

A list of consents is recorded whole or, where it has a fault, not at all. One that was recorded in
part, because it was interrupted, is given again: a consent of the same person, kind, recipient and
time is there already and is left out.

A whole day on which a notice about the recipient first reached the person stands for that moment:
who was told and agreed on one day agreed to what it says (PIPL 14). A withdrawal after it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args

from domain.codes import ConsentKind, RequestChannel
from domain.notice import ConsentExempted
from domain.subject import ConsentGranted, ConsentWithdrawn, SubjectSuppressed
from domain.values import MAX_LISTED, later
from ledger.acts import given, texts
from ledger.application import Ledger
from ledger.signing import Proposal, now
from ledger.subjectlists import (
    Line,
    at,
    day,
    is_whole_day,
    one_of,
    parse,
    refuse_strangers,
    twice,
)
from projections.clearance import undeclared
from projections.consents import known
from projections.notices import first_told

NEEDED: Final = ("subject", "kind", "given_at")
OPTIONAL: Final = ("channel", "until")
USUAL_CHANNEL: Final = "online"
KINDS: Final = tuple(kind for kind in get_args(ConsentKind) if kind != "exempt_recorded")


def grant(
    subject: str,
    *,
    kind: str,
    recipient: str,
    channel: str,
    given_at: str | None = None,
    categories: Sequence[str] = (),
    until: str | None = None,
    sealed: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Proposal:
    """取得同意; `sealed`: `text`, `proof` (SHA-256, hex), `remark`; `key`: to seal them under."""
    fields: dict[str, Any] = {
        "kind": kind, "recipient": recipient, "channel": channel, "given_at": given_at or now(),
        "categories": list(categories), **given(until=until),
    }  # fmt: skip
    return Proposal(ConsentGranted, subject, fields, sealed, key)


def withdraw(
    subject: str, *, recipient: str, channel: str, withdrawn_at: str | None, remark: str | None
) -> Proposal:
    """撤回同意, or an objection."""
    fields = {"recipient": recipient, "channel": channel, "withdrawn_at": withdrawn_at or now()}
    return Proposal(ConsentWithdrawn, subject, fields, texts(remark=remark))


def suppress(
    subject: str, *, reason: str, since: str, channel: str, remark: str | None
) -> Proposal:
    """列入禁止营销名单."""
    fields = {"reason": reason, "since": since, "channel": channel}
    return Proposal(SubjectSuppressed, subject, fields, texts(remark=remark))


def exempt(
    engagement: str,
    *,
    basis: str,
    statute: str,
    opinion: str,
    categories: Sequence[str],
    remark: str | None,
) -> Proposal:
    """不需取得同意的依据: an approver of the seller signs too."""
    fields = {
        "basis": basis, "statute": statute, "opinion": opinion, "categories": list(categories),
    }  # fmt: skip
    return Proposal(ConsentExempted, engagement, fields, texts(remark=remark))


class Consents(NamedTuple):
    """What a list of consents comes to: the proposals, and how many lines were recorded before."""

    proposals: list[Proposal]
    known: int


def consents(
    ledger: Ledger,
    data: bytes,
    *,
    recipient: str,
    party: str,
    categories: Sequence[str] = (),
    sealed: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Consents:
    """取得同意, from a list; `party`: whose people declared those in it.

    `categories`: what all of them agreed to; `sealed`, `key`: the same text for all, and the data
    key of the deal. Raises `UsageError` for a fault in the list, or people not declared.
    """
    lines = parse(data, NEEDED, OPTIONAL)
    said = _said(ledger, recipient, lines)
    twice(lines, said)
    there = _known(ledger, recipient, party, lines)
    proposals = [
        grant(
            subject, kind=kind, recipient=recipient, given_at=time, categories=categories,
            channel=one_of(line, "channel", get_args(RequestChannel), USUAL_CHANNEL),
            until=day(line, "until"), sealed=sealed, key=key,
        )
        for line, (subject, kind, time) in zip(lines, said, strict=True)
        if (subject, kind, time) not in there
    ]  # fmt: skip
    return Consents(proposals, len(lines) - len(proposals))


def _said(ledger: Ledger, recipient: str, lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    """Who agreed to what and when; on the day of the notice, not before it."""
    offset = ledger.policy().calendar.utc_offset_minutes
    whole = [line.values["subject"] for line in lines if is_whole_day(line, "given_at")]
    told: dict[str, list[str]] = {}
    with ledger.engine.connect() as connection:
        for part in _parts(list(dict.fromkeys(whole))):
            told.update(first_told(connection, recipient, part))
    found = []
    for line in lines:
        subject, kind = line.values["subject"], one_of(line, "kind", KINDS)
        time = at(line, "given_at", offset)
        if is_whole_day(line, "given_at"):
            end = later(time, days=1)
            time = min((one for one in told.get(subject, ()) if time < one < end), default=time)
        found.append((subject, kind, time))
    return found


def _known(
    ledger: Ledger, recipient: str, party: str, lines: Sequence[Line]
) -> set[tuple[str, ...]]:
    people = [line.values["subject"] for line in lines]
    found: set[tuple[str, ...]] = set()
    with ledger.engine.connect() as connection:
        refuse_strangers(lines, undeclared(connection, people, party))
        for part in _parts(list(dict.fromkeys(people))):
            found |= known(connection, recipient, part)
    return found


def _parts(people: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(people), MAX_LISTED):
        yield list(people[start : start + MAX_LISTED])
