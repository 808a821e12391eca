"""Evidence handed out: who asked for it, about what, for whom; who agreed; what went.

A bundle has a stream of its own. A request fixes its scope and what is shown in clear; the export
repeats the scope, so that the bundle, in which that event lies, can be held against it. Ids, codes
and digests go as they are. Opened fields and attached contents are somebody's data: they go only
if another person has agreed (I-32), and each is an access to its record as well (I-15). To a
recipient outside the mainland nothing goes without an authority's approval, attached to the same
engagement (I-25). The law asks for that where a foreign court or authority is to get it (PIPL 41,
DSL 36), and for other things of other recipients (PIPL 38 to 40), which are not judged here: the
rule is the stricter one for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import UNSET, UnsetType

from domain.actor import ActorState
from domain.attached import AttachedState
from domain.codes import BundleScope, EvidenceRecipient, Jurisdiction
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.party import PartyState
from domain.values import (
    BundleId,
    Count,
    Digest,
    DocumentId,
    Event,
    PartyId,
    StreamId,
    Time,
)

EXPORTERS: frozenset[str] = frozenset({
    "administrator", "custodian", "archivist", "dpo", "counsel", "seller_handler", "buyer_handler",
    "internal_auditor", "external_auditor", "supervisor",
})  # fmt: skip
"""Who may ask for evidence and export it."""
NOTHING: Final = "d8c5416d5cb05ae5f8e53f8864bc0ac17828ba5c77665ad2fc882077cb081835"
"""The selection that opens, attaches and withholds nothing (`ledger.bundle.order`)."""
APPROVERS: frozenset[str] = frozenset({"dpo", "approver", "counsel", "administrator"})
"""Who may agree that something is shown in clear."""


class _Scope(Event, frozen=True, kw_only=True, tag=False):
    """What a bundle is about: one object, or a span of accepted time (half open).

    `kind` `subject` is a search for a person by whoever processes the data, and `object` the random
    id under which the person stands.
    """

    stream: BundleId
    kind: BundleScope
    object: StreamId | UnsetType = UNSET
    begins: Time | UnsetType = UNSET
    ends: Time | UnsetType = UNSET

    @property
    def names(self) -> tuple[str, ...]:
        """The object: whoever reads its history sees which evidence of it was handed out."""
        return () if self.object is UNSET else (self.object,)

    @property
    def scope(self) -> tuple[str, str, str, str]:
        """Kind, object, begin and end, empty where absent."""
        return (self.kind, self.object or "", self.begins or "", self.ends or "")


class BundleRequested(_Scope, frozen=True, kw_only=True, tag="bundle.requested"):
    """证据包申请: evidence is asked for, for the `purpose` in the envelope.

    `recipient`: who is to get it, `recipient_party` where it is one that the ledger knows;
    `jurisdiction`: where it goes; `approval`: the authority's, attached, for a recipient abroad;
    `opened`, `attached`: how many fields and contents are shown in clear; `withheld`: how many
    events go without their bytes; `selection`: SHA-256 of what exactly (`ledger.bundle`). Sealed:
    `recipient`, `reason`.
    """

    ROLES: ClassVar[frozenset[str]] = EXPORTERS

    recipient: EvidenceRecipient
    recipient_party: PartyId | UnsetType = UNSET
    jurisdiction: Jurisdiction
    approval: DocumentId | UnsetType = UNSET
    opened: Count
    attached: Count
    withheld: Count
    selection: Digest


class BundleApproved(Event, frozen=True, kw_only=True, tag="bundle.approved"):
    """证据包批准: another person agrees to what the request shows in clear."""

    ROLES: ClassVar[frozenset[str]] = APPROVERS

    stream: BundleId
    selection: Digest


class BundleExported(_Scope, frozen=True, kw_only=True, tag="bundle.exported"):
    """证据包导出: the bundle was made, as requested; its digest is the exporter's to sign."""

    ROLES: ClassVar[frozenset[str]] = EXPORTERS

    selection: Digest


class BundleState(State):
    """A request for evidence, who agreed to it, and whether it was exported."""

    by: str
    scope: tuple[str, str, str, str]
    jurisdiction: str
    recipient_party: str
    approval: str
    in_clear: int
    selection: str
    approved: bool = False
    exported: bool = False


@evolves(BundleRequested)
def _requested(_: BundleState | None, event: BundleRequested, __: int, ___: str) -> BundleState:
    return BundleState(
        event.stream, event.version, event.by, event.scope, event.jurisdiction,
        event.recipient_party or "", event.approval or "", event.opened + event.attached,
        event.selection,
    )  # fmt: skip


@evolves(BundleApproved)
def _approved(state: BundleState, _: BundleApproved, __: int, ___: str) -> BundleState:
    state.approved = True
    return state


@evolves(BundleExported)
def _exported(state: BundleState, _: BundleExported, __: int, ___: str) -> BundleState:
    state.exported = True
    return state


@rule(BundleRequested)
def scope_is_one(case: Case, event: BundleRequested) -> Iterator[Refusal]:
    """One object that the ledger knows, of the kind named; or a span of time (I-32)."""
    if event.version != 1:
        yield refuse("I-06", "already_requested", event.stream)
    spans = event.begins is not UNSET, event.ends is not UNSET
    if event.kind == "period":
        if event.object is not UNSET or spans != (True, True):
            yield refuse("I-32", "scope_does_not_fit", event.stream)
        elif (event.begins or "") >= (event.ends or ""):
            yield refuse("I-04", "ended_before_started", event.stream)
        elif (event.ends or "") > case.statement.accepted:
            yield refuse("I-04", "period_not_over", event.stream)
    elif event.object is UNSET or any(spans) or not event.object.startswith(f"{event.kind}-"):
        yield refuse("I-32", "scope_does_not_fit", event.stream)
    elif case.world.state(event.object, State) is None:
        yield refuse("I-00", "unknown_scope", event.object)


@rule(BundleRequested)
def minimised(case: Case, event: BundleRequested) -> Iterator[Refusal]:
    """Evidence is asked for with a purpose, for somebody (I-32; PIPL 6)."""
    if event.purpose is UNSET:
        yield refuse("I-32", "export_without_purpose", event.stream)
    nothing = not (event.opened or event.attached or event.withheld)
    if nothing != (event.selection == NOTHING):
        yield refuse("I-32", "selection_does_not_fit", event.stream)
    if event.recipient_party is not UNSET and not isinstance(
        case.world.state(event.recipient_party, PartyState), PartyState
    ):
        yield refuse("I-09", "unknown_party", event.recipient_party)


@rule(BundleRequested)
def approved_abroad(case: Case, event: BundleRequested) -> Iterator[Refusal]:
    """Nothing goes to a recipient abroad without the authority's approval (I-25)."""
    party = event.recipient_party or ""
    yield from _abroad(case, event, event.jurisdiction, party, event.approval or "")


def _abroad(
    case: Case, event: Event, jurisdiction: str, party: str, approval: str
) -> Iterator[Refusal]:
    recipient = case.world.state(party, PartyState) if party else None
    if jurisdiction == "cn" and (recipient is None or recipient.jurisdiction == "cn"):
        return
    document = case.world.state(approval, AttachedState) if approval else None
    if document is None or document.kind != "foreign_approval":
        yield refuse("I-25", "foreign_recipient_needs_approval", event.stream)
    elif not document.stands(case.day):
        yield refuse("I-25", "foreign_approval_not_in_force", approval)
    elif document.engagement != event.engagement:
        yield refuse("I-25", "foreign_approval_of_another_matter", approval)


@rule(BundleApproved)
def approved_by_another(case: Case, event: BundleApproved) -> Iterator[Refusal]:
    """What was requested, by somebody else, and before it went (I-32, I-07)."""
    state = case.world.state(event.stream, BundleState)
    if state is None:
        yield refuse("I-00", "unknown_request", event.stream)
        return
    if state.exported:
        yield refuse("I-06", "already_exported", event.stream)
    elif state.approved:
        yield refuse("I-06", "already_approved", event.stream)
    if event.selection != state.selection:
        yield refuse("I-32", "another_selection", event.stream)
    if event.by == state.by:
        yield refuse("I-07", "approver_is_requester", event.by)
    asked, asking = (case.world.before(a, ActorState) for a in (event.by, state.by))
    if asked is not None and asking is not None and asked.party != asking.party:
        yield refuse("I-32", "approver_of_another_party", event.by)


@rule(BundleExported)
def exported_as_requested(case: Case, event: BundleExported) -> Iterator[Refusal]:
    """The scope and selection requested, once, and approved where data goes in clear (I-32)."""
    state = case.world.state(event.stream, BundleState)
    if state is None:
        yield refuse("I-00", "unknown_request", event.stream)
        return
    if state.exported:
        yield refuse("I-06", "already_exported", event.stream)
    if (event.scope, event.selection) != (state.scope, state.selection):
        yield refuse("I-32", "another_selection", event.stream)
    if state.in_clear and not state.approved:
        yield refuse("I-32", "export_needs_approval", event.stream)
    exporter, asking = (case.world.before(a, ActorState) for a in (event.by, state.by))
    if exporter is not None and asking is not None and exporter.party != asking.party:
        yield refuse("I-32", "exporter_of_another_party", event.by)
    yield from _abroad(case, event, state.jurisdiction, state.recipient_party, state.approval)
