"""Engagements: one deal each, and the standing `routine` engagement of everyday custody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import UNSET, UnsetType, field

from domain.codes import TransferMode
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.values import EngagementId, Event


class EngagementOpened(Event, frozen=True, kw_only=True, tag="engagement.opened"):
    """转让项目立项: work under which custody acts are done.

    `kind`: `routine` (one a ledger, opened by entry 0) or `deal`; a deal names its
    `transfer_mode`, because the deal's structure decides the law (PIPL 21 to 23).
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: EngagementId
    kind: Literal["routine", "deal"]
    transfer_mode: TransferMode | UnsetType = UNSET


class EngagementState(State):
    """An engagement; `open` while acts may name it; `holds`: active ones on all of it."""

    kind: str
    open: bool = True
    holds: set[str] = field(default_factory=set)
    reviewed_until: str = ""


@evolves(EngagementOpened)
def _opened(_: None, event: EngagementOpened, __: int, ___: str) -> EngagementState:
    return EngagementState(event.stream, event.version, event.kind)


@rule(EngagementOpened)
def opened_once(case: Case, event: EngagementOpened) -> Iterator[Refusal]:
    """The routine engagement comes with entry 0; deals come with their own gates, later."""
    if event.version != 1:
        yield refuse("I-06", "already_opened", event.stream)
    if event.kind != "routine" or case.statement.entry != 0:
        yield refuse("I-09", "deals_not_supported", event.stream)
    if event.transfer_mode is not UNSET:
        yield refuse("I-09", "routine_has_no_transfer_mode", event.stream)
