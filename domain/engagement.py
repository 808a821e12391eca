"""Engagements: one deal each, and the standing `routine` engagement of everyday custody.

A deal names how records change hands (`transfer_mode`) and between whom, because that decides the
law (PIPL 20 to 23): the policy pack's `[transfer]` table says which path a mode takes. What the
parties sign, assess and check is recorded on the engagement's own stream (`domain.agreements`,
`domain.closing`) and folded into the one `EngagementState` here, which actors, handovers and
accesses ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType, field

from domain.codes import TransferMode, covers
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.party import PartyState
from domain.values import EngagementId, Event, PartyId


class EngagementOpened(Event, frozen=True, kw_only=True, tag="engagement.opened"):
    """转让项目立项: work under which custody acts are done.

    `kind`: `routine` (one a ledger, opened by entry 0) or `deal`; a deal names its
    `transfer_mode`, `seller` and `buyer`, and its `broker` if there is one. Sealed: `title`,
    `dates`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: EngagementId
    kind: Literal["routine", "deal"]
    transfer_mode: TransferMode | UnsetType = UNSET
    seller: PartyId | UnsetType = UNSET
    buyer: PartyId | UnsetType = UNSET
    broker: PartyId | UnsetType = UNSET


class Nda(Struct, frozen=True, kw_only=True):
    """A signed non-disclosure agreement. `categories`: empty means all; days are inclusive.

    `ends_on`: its last day, None without end; `terminated_on`: the first day on which it no longer
    stands. Secrecy survives its end by `survival_days`; giving anything more does not.
    """

    document: str
    disclosing_party: str
    receiving_party: str
    categories: tuple[str, ...]
    begins_on: str
    ends_on: str | None
    survival_days: int
    terminated_on: str | None = None

    def in_force(self, day: str) -> bool:
        """Whether something may be given under it on a day."""
        return (
            self.begins_on <= day
            and (self.ends_on is None or day <= self.ends_on)
            and (self.terminated_on is None or day < self.terminated_on)
        )

    def covers(self, category: str) -> bool:
        """Whether it speaks of records of a category."""
        return not self.categories or any(covers(own, category) for own in self.categories)


class Pipia(Struct, frozen=True, kw_only=True):
    """A completed impact assessment (PIPL 55, 56). `categories`: empty means all."""

    document: str
    categories: tuple[str, ...]
    conclusion: str
    retain_until: str

    @property
    def acceptable(self) -> bool:
        """Whether what was assessed may be done, if with measures."""
        return self.conclusion != "not_acceptable"

    def covers(self, category: str) -> bool:
        """Whether it assessed records of a category."""
        return not self.categories or any(covers(own, category) for own in self.categories)


class Agreement(Struct, frozen=True):
    """An agreement on paper: whom it binds, from its first to its last day."""

    parties: frozenset[str]
    begins_on: str
    ends_on: str

    def binds(self, parties: set[str], day: str) -> bool:
        """Whether it binds all of these parties on a day."""
        return parties <= self.parties and self.begins_on <= day <= self.ends_on


class Disposal(Struct, frozen=True, kw_only=True):
    """What a party says became of the copies that it had got, and until when that is said."""

    how: str
    count: int
    disposed_at: str
    accepted: str


class EngagementState(State):
    """An engagement; `open` while acts may name it; `holds`: active ones on all of it.

    `reviews`: the versions at which its accesses were reviewed.

    Of a deal: `mode`, the parties (`broker` empty if there is none), `opened_entry` and
    `opened_at` (accepted), `outcome` (empty while open), `agreed`: (actor, role, key id) that the
    evidence agreement names, `ndas` and `pipias` by document in the order in which they were
    signed, `disposals` by party (the last one), `tracked`: the due days that were checked,
    `rekeyed`: actors with a key of after the opening, `documents`: those that were signed here,
    `processing`: its processing agreements; `exempted`: of each exemption from consent, the
    categories (none: all).
    """

    kind: str
    open: bool = True
    holds: set[str] = field(default_factory=set)
    reviewed_until: str = ""
    reviews: set[int] = field(default_factory=set)
    mode: str = ""
    seller: str = ""
    buyer: str = ""
    broker: str = ""
    opened_entry: int = 0
    opened_at: str = ""
    outcome: str = ""
    agreed: set[tuple[str, str, str]] = field(default_factory=set)
    ndas: dict[str, Nda] = field(default_factory=dict)
    pipias: dict[str, Pipia] = field(default_factory=dict)
    disposals: dict[str, Disposal] = field(default_factory=dict)
    tracked: set[str] = field(default_factory=set)
    rekeyed: set[str] = field(default_factory=set)
    attached: dict[str, str] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    processing: list[Agreement] = field(default_factory=list)
    exempted: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def parties(self) -> frozenset[str]:
        """Who is a party to the deal; empty for the routine engagement."""
        return frozenset({self.seller, self.buyer, self.broker} - {""})

    @property
    def receiving(self) -> frozenset[str]:
        """Who may get copies under the deal: the buyer and the broker."""
        return frozenset({self.buyer, self.broker} - {""})

    def ndas_between(self, disclosing: str, receiving: str, day: str) -> list[Nda]:
        """The agreements under which one party may give something to another on a day."""
        return [
            nda
            for nda in self.ndas.values()
            if (nda.disclosing_party, nda.receiving_party) == (disclosing, receiving)
            and nda.in_force(day)
        ]

    def assessed(self, category: str) -> Pipia | None:
        """The latest impact assessment that speaks of records of a category."""
        found = [pipia for pipia in self.pipias.values() if pipia.covers(category)]
        return found[-1] if found else None


@evolves(EngagementOpened)
def _opened(_: None, event: EngagementOpened, entry: int, accepted: str) -> EngagementState:
    named = {
        name: value
        for name in ("seller", "buyer", "broker")
        if (value := getattr(event, name)) is not UNSET
    }
    return EngagementState(
        event.stream, event.version, event.kind,
        mode="" if event.transfer_mode is UNSET else event.transfer_mode,
        opened_entry=entry, opened_at=accepted, **named,
    )  # fmt: skip


@rule(EngagementOpened)
def opened_once(case: Case, event: EngagementOpened) -> Iterator[Refusal]:
    """The routine engagement comes with entry 0 and bears nothing of a deal (I-06, I-09)."""
    if event.version != 1:
        yield refuse("I-06", "already_opened", event.stream)
    if (event.kind == "routine") != (case.statement.entry == 0):
        yield refuse("I-09", "routine_comes_with_entry_zero", event.stream)
    said = (event.transfer_mode, event.seller, event.buyer, event.broker)
    if event.kind == "routine" and any(value is not UNSET for value in said):
        yield refuse("I-09", "routine_is_no_deal", event.stream)


@rule(EngagementOpened)
def opened_as_a_deal(case: Case, event: EngagementOpened) -> Iterator[Refusal]:
    """A deal has a mode that the pack knows a path for, a seller, a buyer, a title (I-09, I-02)."""
    if event.kind != "deal":
        return
    if event.sealed is UNSET:
        yield refuse("I-02", "title_must_be_sealed", event.stream)
    if event.transfer_mode is UNSET or event.transfer_mode not in case.policy.transfer:
        yield refuse("I-09", "mode_is_no_deal", event.stream)
    if event.seller is UNSET or event.buyer is UNSET:
        yield refuse("I-09", "deal_needs_seller_and_buyer", event.stream)
    parties = [p for p in (event.seller, event.buyer, event.broker) if p is not UNSET]
    for party in parties:
        if case.world.state(party, PartyState) is None:
            yield refuse("I-09", "unknown_party", party)
        if parties.count(party) != 1:
            yield refuse("I-07", "one_party_on_two_sides", party)
    under = case.world.before(event.engagement, EngagementState)
    if under is not None and under.kind != "routine":
        yield refuse("I-09", "deal_under_another_deal", event.engagement)
