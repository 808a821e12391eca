"""Parties: the firms and authorities that keep, hand over, receive or examine records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from msgspec import UNSET, field

from domain.codes import Jurisdiction, PartyKind, Role
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.values import Event, PartyId


class PartyRegistered(Event, frozen=True, kw_only=True, tag="party.registered"):
    """主体登记: a firm or authority. Sealed: `name`, `identifier` (统一社会信用代码)."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: PartyId
    kind: PartyKind
    party_role: Role
    jurisdiction: Jurisdiction


class PartyState(State):
    """A registered party.

    `registered_by`: the actor who brought it in; `audits`: those about it, in order of opening.
    """

    kind: str
    party_role: str
    registered_by: str
    jurisdiction: str
    audits: list[str] = field(default_factory=list)


@evolves(PartyRegistered)
def _registered(_: None, event: PartyRegistered, __: int, ___: str) -> PartyState:
    return PartyState(
        event.stream, event.version, event.kind, event.party_role, event.by, event.jurisdiction
    )


@rule(PartyRegistered)
def registered_once(_: Case, event: PartyRegistered) -> Iterator[Refusal]:
    """One registration a party, with its name sealed."""
    if event.version != 1:
        yield refuse("I-06", "already_registered", event.stream)
    if event.sealed is UNSET:
        yield refuse("I-02", "name_must_be_sealed", event.stream)
