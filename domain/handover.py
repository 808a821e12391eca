"""Handovers: what is listed passes from one party to another, item by item, under one deal.

planned → list_frozen → released → received → confirmed → residual_declared; cancelled until it is
confirmed. What is handed over is the frozen list (I-21): release and receipt name its root, and a
changed list is a new version of it. Custody passes with the confirmation, which both handlers and
a supervisor of each side sign in one commit over one root (I-23).

An item is a copy (`holding-…`), which itself passes: its custodian changes. Or it is a record
(`record-…`), whose content is delivered in a package: the giving party's copies stay, and are
declared or destroyed (`domain.residual`). Between receipt and confirmation the taking party
inspects every item, or the time agreed for that runs out (`domain.inspection`). Rules never load a
state for a record on a list, which may name 200,000; they ask the source about them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from domain.codes import ExclusionReason, PlanDeviation, SealCondition, TransferMode
from domain.copies import HoldingState
from domain.judging import State, affects, evolves
from domain.listing import Listing, ListState
from domain.values import (
    MAX_LISTED,
    ActorId,
    Count,
    Date,
    Digest,
    Event,
    HandoverId,
    ItemId,
    Ordinal,
    PartyId,
    Time,
    later,
)

Step = Literal[
    "planned", "list_frozen", "released", "received", "confirmed", "residual_declared", "cancelled"
]
Outcome = Literal["", "accepted", "faulty", "again", "rejected", "confirmed"]
HANDLERS: Final = frozenset({"seller_handler", "buyer_handler"})
ItemIds = Annotated[list[ItemId], Meta(min_length=1, max_length=MAX_LISTED)]
MARKETING: Final = "marketing"
"""The purpose, in the envelope of a list, for which people may refuse to be handed over."""


def records_of(items: Iterable[str]) -> list[str]:
    """The items of a list whose content is delivered; the others are copies that pass."""
    return [item for item in items if item.startswith("record-")]


def copies_of(items: Iterable[str]) -> list[str]:
    """The items of a list that pass themselves."""
    return [item for item in items if item.startswith("holding-")]


class Excluded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many records, about how many persons, are not on the list for one reason."""

    reason: ExclusionReason
    records: Count
    subjects: Count


class HandoverStep(Event, frozen=True, kw_only=True, tag=False):
    """What is said about a handover; `AFTER`: the steps after which it may be said."""

    ALONE: ClassVar[bool] = True
    AFTER: ClassVar[frozenset[Step]] = frozenset()

    stream: HandoverId


class HandoverPlanned(Event, frozen=True, kw_only=True, tag="handover.planned"):
    """移交计划: who hands over to whom, and in which days. Sealed: `place`, `method`.

    `inspection_days`: the time agreed for inspection, from the receipt on (Civil Code 620); absent
    in plans of before there were deals.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId
    mode: TransferMode
    from_party: PartyId
    to_party: PartyId
    seller_handler: ActorId
    buyer_handler: ActorId
    first_day: Date
    last_day: Date
    inspection_days: Annotated[int, Meta(ge=1, le=3650)] | UnsetType = UNSET


class HandoverListFrozen(
    HandoverStep, Listing, frozen=True, kw_only=True, tag="handover.list_frozen"
):
    """移交清单锁定: what is handed over, and nothing else.

    `list_version`: 1 for the first list; a higher one replaces the list before it. `lines`: RFC
    6962 root over the lines of the list, in its order. `excluded`, in the first event of a version:
    what is not on the list, and why. Sealed in that event: `seed`, from which the lines are salted.
    A list for marketing says so by `purpose`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"planned", "list_frozen"})

    items: ItemIds
    list_version: Ordinal
    lines: Digest | UnsetType = UNSET
    excluded: Annotated[list[Excluded], Meta(max_length=32)] = []  # noqa: RUF012

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that are bound by the list."""
        return tuple(copies_of(self.items))

    @property
    def names(self) -> tuple[str, ...]:
        """The records whose content is to be delivered."""
        return tuple(records_of(self.items))


class HandoverReleased(HandoverStep, frozen=True, kw_only=True, tag="handover.released"):
    """交付: the giving party has given away what the list with this root names.

    Once more only for a new handler of the taking party, or one with a new key: to whom the package
    is encrypted anew.
    `package`: SHA-256 of the package's tag manifest, where the list has records; `off_plan`: why
    on another day than planned. Sealed: `channel`, `seal_no`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"list_frozen", "released"})

    root: Digest
    lines: Digest | UnsetType = UNSET
    released_at: Time
    package: Digest | UnsetType = UNSET
    off_plan: PlanDeviation | UnsetType = UNSET


class HandoverReceived(HandoverStep, frozen=True, kw_only=True, tag="handover.received"):
    """接收: the taking party's own receipt for what the list with this root names.

    `read`: how many items were read again; `matched`: how many of those had their digests;
    `package`: as it arrived; `seal`: in what condition; `off_plan`: why on another day than
    planned. Sealed: `place`, `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"buyer_handler"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"released"})

    root: Digest
    lines: Digest | UnsetType = UNSET
    received_at: Time
    read: Count
    matched: Count
    package: Digest | UnsetType = UNSET
    seal: SealCondition | UnsetType = UNSET
    off_plan: PlanDeviation | UnsetType = UNSET


class HandoverConfirmed(HandoverStep, frozen=True, kw_only=True, tag="handover.confirmed"):
    """移交确认: `items` have passed at `effective_at`; custody and responsibility with them.

    Signed by both handlers and a supervisor of each side. A long list takes several events of the
    one commit. `rejected`: how many items of the list do not pass; `reservations`: numbers of the
    discrepancies that stay open between the parties by agreement.
    """

    ROLES: ClassVar[frozenset[str]] = HANDLERS
    AFTER: ClassVar[frozenset[Step]] = frozenset({"received"})

    items: ItemIds
    root: Digest
    lines: Digest | UnsetType = UNSET
    to_party: PartyId
    effective_at: Time
    rejected: Count = 0
    reservations: Annotated[list[Ordinal], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies whose custodian changes."""
        return tuple(copies_of(self.items))

    @property
    def names(self) -> tuple[str, ...]:
        """The records whose content has been delivered."""
        return tuple(records_of(self.items))


class HandoverCancelled(HandoverStep, frozen=True, kw_only=True, tag="handover.cancelled"):
    """移交终止: nothing passes. Sealed: `reason`.

    Both handlers sign if it was received, unless the buyer fell silent (`HandoverState.silent`).
    """

    ROLES: ClassVar[frozenset[str]] = HANDLERS
    AFTER: ClassVar[frozenset[Step]] = frozenset({"planned", "list_frozen", "released", "received"})


class Discrepancy(Struct):
    """What did not fit on arrival, about which items, and how it was settled (empty: open)."""

    kind: str
    items: tuple[str, ...]
    resolution: str = ""


class HandoverState(ListState):
    """A handover: between whom, how far it has come.

    `items` maps an item to what became of it (`Outcome`; empty: not inspected; `again`: a fault was
    settled by bringing it anew, and it is to be inspected again); `rejected`, `confirmed`: how
    many; `since`, `frozen_at`: the entry that froze the list, and its time; `matched`: whether what
    was read on arrival had its digests; `deemed`: whether the time for inspection ran out;
    `heard_at`: when the taking party last said anything, its receipt included; `kept`: the copies
    that the giving party says it keeps, with the basis and the day; `renewed`: the entry that last
    said something new of them; `readdressed`: whether what was released has a new handler to go to;
    `former`: who was a handler and was replaced; `watching`: who spoke as a supervisor.
    """

    engagement: str = ""
    mode: str = ""
    from_party: str = ""
    to_party: str = ""
    handlers: dict[str, str] = field(default_factory=dict)
    inspection_days: int = 0
    step: Step = "planned"
    list_version: int = 0
    lines: str = ""
    marketing: bool = False
    records: int = 0
    since: int = 0
    package: str = ""
    frozen_at: str = ""
    released_at: str = ""
    received_at: str = ""
    matched: bool = False
    deemed: bool = False
    rejected: int = 0
    confirmed: int = 0
    discrepancies: dict[int, Discrepancy] = field(default_factory=dict)
    heard_at: str = ""
    kept: dict[str, tuple[str, str]] = field(default_factory=dict)
    renewed: int = -1
    readdressed: bool = False
    former: set[str] = field(default_factory=set)
    watching: set[str] = field(default_factory=set)

    @property
    def declared(self) -> frozenset[str]:
        """The copies that the giving party says it keeps."""
        return frozenset(self.kept)

    @property
    def running(self) -> bool:
        """Whether copies are bound by it: from the frozen list to confirmation or cancellation."""
        return self.step in ("list_frozen", "released", "received")

    def accepted(self, item: str) -> bool:
        """Whether an item may be confirmed: found good, or not inspected in the time agreed.

        That time is not for what was brought anew after a fault (`again`).
        """
        outcome = self.items.get(item)
        return outcome == "accepted" or (outcome == "" and self.deemed)

    @property
    def to_confirm(self) -> list[str]:
        """The items that a confirmation names, in the order of the list."""
        return [item for item in self.items if self.accepted(item)]

    @property
    def unsaid(self) -> list[str]:
        """The items that the taking party has never spoken about since they arrived."""
        raised = {item for one in self.discrepancies.values() for item in one.items}
        return [item for item, outcome in self.items.items() if not outcome and item not in raised]

    @property
    def inspection_ends(self) -> str:
        """When the time agreed for inspection is over; that of a list that was received."""
        return later(self.received_at, days=self.inspection_days)

    @property
    def may_be_deemed(self) -> bool:
        """Whether silence can count as acceptance of what nobody spoke about (Civil Code 621).

        Not while something is raised that is about no item, nor where the receipt says that not
        everything matched and nobody has said what.
        """
        if not self.matched and not self.discrepancies and "faulty" not in self.items.values():
            return False
        return all(self.discrepancies[number].items for number in self.open_discrepancies)

    def silent(self, now: str) -> bool:
        """Whether the taking party left its inspection unfinished and fell silent.

        Something is left to be inspected, or inspected again, or to be settled, and since its last
        word was recorded (its receipt, if there was none after it) it was silent for the whole time
        agreed for inspection. Who has accepted or rejected every item is never silent; nor whose
        silence was recorded as acceptance (`deemed`), which binds the giving party, too.
        """
        if self.step != "received" or not self.inspection_days or self.deemed:
            return False
        left = {"", "again", "faulty"}.intersection(self.items.values())
        if not left and not self.open_discrepancies:
            return False
        return now > later(self.heard_at, days=self.inspection_days)

    @property
    def open_discrepancies(self) -> list[int]:
        """The numbers of those not settled."""
        return [number for number, one in self.discrepancies.items() if not one.resolution]

    @property
    def reservations(self) -> list[int]:
        """The numbers of those that the parties leave open between them."""
        return [n for n, one in self.discrepancies.items() if one.resolution == "reserved"]

    def mark(self, items: Iterable[str], outcome: Outcome) -> None:
        """Say what became of items; what is not listed, or was rejected, stays as it is."""
        for item in items:
            if self.items.get(item, "rejected") != "rejected":
                self.items[item] = outcome
                self.rejected += outcome == "rejected"


@evolves(HandoverPlanned)
def _planned(_: None, event: HandoverPlanned, __: int, ___: str) -> HandoverState:
    return HandoverState(
        event.stream, event.version, engagement=event.engagement, mode=event.mode,
        from_party=event.from_party, to_party=event.to_party,
        handlers={"seller_handler": event.seller_handler, "buyer_handler": event.buyer_handler},
        inspection_days=event.inspection_days or 0,
    )  # fmt: skip


@evolves(HandoverListFrozen)
def _frozen(
    state: HandoverState, event: HandoverListFrozen, entry: int, accepted: str
) -> HandoverState:
    if event.list_version != state.list_version:
        state.items, state.records, state.list_version = {}, 0, event.list_version
        state.lines, state.since, state.frozen_at = event.lines or "", entry, accepted
        state.marketing = event.purpose == MARKETING
    state.listed(event)
    state.records += len(event.names)
    state.step = "list_frozen"
    return state


@evolves(HandoverReleased)
def _released(state: HandoverState, event: HandoverReleased, _: int, __: str) -> HandoverState:
    state.step, state.released_at, state.readdressed = "released", event.released_at, False
    state.package = event.package or ""
    return state


@evolves(HandoverReceived)
def _received(
    state: HandoverState, event: HandoverReceived, _: int, accepted: str
) -> HandoverState:
    state.step, state.received_at, state.heard_at = "received", event.received_at, accepted
    state.matched = event.matched == event.read
    return state


@evolves(HandoverConfirmed)
def _confirmed(state: HandoverState, event: HandoverConfirmed, _: int, __: str) -> HandoverState:
    state.items.update(dict.fromkeys(event.items, "confirmed"))
    state.confirmed += len(event.items)
    if state.confirmed + state.rejected >= state.count:
        state.step = "confirmed"
    return state


@evolves(HandoverCancelled)
def _cancelled(state: HandoverState, _: HandoverCancelled, __: int, ___: str) -> HandoverState:
    state.step = "cancelled"
    return state


@affects(HandoverListFrozen)
def _listed(state: State, event: HandoverListFrozen) -> None:
    if isinstance(state, HoldingState):
        state.handover = event.stream


@affects(HandoverConfirmed)
def _passed(state: State, event: HandoverConfirmed) -> None:
    if isinstance(state, HoldingState):
        state.custodian = event.to_party
        state.lent_by.clear()
