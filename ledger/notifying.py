"""What notices of a transfer propose: issued once, delivered to many; judged elsewhere.

What became of a notice comes as a list of subject ids from whoever sent it (`ledger.subjectlists`).
People of whom the same is said go into one event, at most 200; nothing is recorded of a list that
has a fault. A list that was recorded in part, because it was interrupted, is given again: what is
recorded already is left out, person by person, so that nothing is said twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, get_args

from domain.clearing import ENOUGH, needs_of
from domain.codes import DeliveryStatus, NoticeChannel
from domain.engagement import EngagementState
from domain.notice import NoticeDelivered, NoticeIssued, NoticeState
from domain.values import MAX_LISTED, later
from ledger.acts import texts
from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.errors import UsageError
from ledger.signing import Proposal, new_ids
from ledger.subjectlists import Line, at, is_whole_day, one_of, parse, refuse_strangers, twice
from projections.clearance import undeclared
from projections.notices import last_words, to_tell

NEEDED: Final = ("subject", "status", "delivered_at")
OPTIONAL: Final = ("channel",)
TEMPLATE_VERSION: Final = 1
"""The version of the texts that `document template` makes."""
_PAGE: Final = 1_000


def issue(
    notice: str,
    *,
    kind: str,
    recipient: str,
    channel: str,
    count: int,
    content: str,
    remark: str | None = None,
    template_version: int = TEMPLATE_VERSION,
) -> Proposal:
    """告知发出, under a new id `notice`; `content`: SHA-256 (hex) of the text, sealed."""
    fields = {
        "kind": kind, "recipient": recipient, "channel": channel, "count": count,
        "template_version": template_version,
    }  # fmt: skip
    return Proposal(NoticeIssued, notice, fields, texts(content=content, remark=remark))


def new_notice() -> str:
    """The id of a notice to be issued."""
    return new_ids("notice")[0]


def notice_state(ledger: Ledger, notice: str) -> NoticeState:
    """The state of a notice. Raises `UsageError` if there is none of this id."""
    state = ledger.state(notice)
    if not isinstance(state, NoticeState):
        raise UsageError("there is no notice {notice}", "muniment notice list", notice=notice)
    return state


class Deliveries(NamedTuple):
    """What a list of deliveries comes to: the proposals, how many people, how many known before."""

    proposals: list[Proposal]
    people: int
    known: int


def deliveries(
    ledger: Ledger,
    notice: str,
    data: bytes,
    *,
    party: str,
    reason: str | None = None,
    proof: str | None = None,
) -> Deliveries:
    """告知送达, from a list; `party`: whose people declared those in it.

    `reason`: why it was announced in public; `proof`: SHA-256 (hex) of what shows it; both sealed
    under the notice's key. Raises `UsageError` for a fault in the list, or people not declared.
    """
    first = notice_state(ledger, notice).first
    lines = parse(data, NEEDED, OPTIONAL)
    said = _said(ledger, first, lines)
    twice(lines, [(line.values["subject"], channel) for line, (_, channel, _) in
                  zip(lines, said, strict=True)])  # fmt: skip
    known = _known(ledger, notice, party, lines)
    groups: dict[tuple[str, str, str], list[str]] = {}
    for line, (status, channel, time) in zip(lines, said, strict=True):
        subject = line.values["subject"]
        if known.get((subject, channel)) != (status, time):
            groups.setdefault((status, channel, time), []).append(subject)
    sealed = texts(reason=reason, proof=proof)
    key = ledger.data_key(notice) if sealed else None
    proposals = [
        Proposal(
            NoticeDelivered, notice,
            {"status": status, "channel": channel, "delivered_at": time, "subjects": part},
            sealed, key,
        )
        for (status, channel, time), people in groups.items()
        for part in _parts(people)
    ]  # fmt: skip
    people = sum(map(len, groups.values()))
    return Deliveries(proposals, people, len(lines) - people)


def _said(ledger: Ledger, first: NoticeIssued, lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    """Status, channel and time of each line; a whole day does not begin before the notice."""
    offset = ledger.policy().calendar.utc_offset_minutes
    found = []
    for line in lines:
        status = one_of(line, "status", get_args(DeliveryStatus))
        usual = "announcement" if status == "public_announcement" else first.channel
        channel = one_of(line, "channel", get_args(NoticeChannel), usual)
        time = at(line, "delivered_at", offset)
        if is_whole_day(line, "delivered_at") and time < first.at < later(time, days=1):
            time = first.at
        found.append((status, channel, time))
    return found


def _known(
    ledger: Ledger, notice: str, party: str, lines: Sequence[Line]
) -> dict[tuple[str, str], tuple[str, str]]:
    """What is recorded of the people in a list. Raises `UsageError` for those not declared."""
    people = [line.values["subject"] for line in lines]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    with ledger.engine.connect() as connection:
        refuse_strangers(lines, undeclared(connection, people, party))
        for part in _parts(people):
            found.update(last_words(connection, notice, part))
    return found


def recipients(
    ledger: Ledger, engagement: str, recipient: str | None = None, *, everybody: bool = False
) -> Iterator[str]:
    """The people to be told, by subject id: those in the seller's personal records.

    Of them, those whom no notice of the deal has reached.

    `recipient`: the party that gets the records, the deal's buyer if not given; `everybody`: those
    too whom a notice reached. Nobody, where the mode asks for no notice.
    """
    with as_judged_now(ledger) as case:
        needs = needs_of(case, engagement, recipient)
        deal = case.world.state(engagement, EngagementState)
    if needs is None or deal is None:
        raise UsageError("that is no deal; nothing was read", "muniment engagement list")
    kinds = ENOUGH[needs.notice]
    if not kinds:
        return
    after: str | None = None
    while True:
        with ledger.engine.connect() as connection:
            page = to_tell(
                connection, engagement=engagement, recipient=needs.recipient, kinds=kinds,
                keeper=deal.seller, everybody=everybody, limit=_PAGE, after=after,
            )  # fmt: skip
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]


def asked_kind(ledger: Ledger, engagement: str) -> str:
    """The kind of notice that a deal's mode asks for: `art_22`, `art_23` or `none`."""
    with as_judged_now(ledger) as case:
        needs = needs_of(case, engagement)
    return needs.notice if needs is not None else "none"


def _parts(people: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(people), MAX_LISTED):
        yield list(people[start : start + MAX_LISTED])
