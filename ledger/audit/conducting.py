"""The acts of an audit, one function each: what is said, about which audit, sealed or not.

Each returns the proposals of one commit, as `ledger.acts` does. Nothing here judges: whoever may
not audit, or has audited too often in a row, is refused where it is recorded.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.actor import ActorState
from domain.audit import (
    AuditFindingAnswered,
    AuditFindingRaised,
    AuditOpened,
    AuditRemediationRecorded,
    AuditRemediationVerified,
    AuditSampleDrawn,
    AuditState,
)
from domain.audit_rules import in_a_row
from domain.judging import World
from domain.listing import list_root
from domain.values import MAX_LISTED
from ledger.acts import given, texts
from ledger.audit.population import Population, population
from ledger.audit.sampling import draw, draw_stratified
from ledger.errors import UsageError
from ledger.facts import LedgerFacts
from ledger.signing import Proposal, new_ids, now
from ledger.tree import StoredTree

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.audit.finding import Finding

_EVENT: Final = re.compile(r"[a-z_]{3,24}-[0-9a-f-]{36}/[1-9][0-9]{0,15}\Z")
_MOST_EVIDENCE: Final = 64


def audit_state(ledger: Ledger, audit: str) -> AuditState:
    """The state of an audit. Raises `UsageError` if there is none of this id."""
    state = ledger.state(audit)
    if not isinstance(state, AuditState):
        raise UsageError("there is no such audit; nothing was changed", "muniment audit list")
    return state


def order_of(ledger: Ledger, audit: str) -> AuditOpened:
    """The event that opened an audit. Raises `UsageError` if there is none of this id."""
    audit_state(ledger, audit)
    event = ledger.events_of(audit)[0][2]
    assert isinstance(event, AuditOpened)
    return event


def open_audit(
    ledger: Ledger,
    kind: str,
    lead: str,
    span: tuple[str, str | None],
    *,
    org: str | None = None,
    party: str | None = None,
    engagement: str | None = None,
    letter: str | None = None,
    criteria: str | None = None,
) -> Proposal:
    """审计启动 over all entries that there are; `span`: its first moment, and its end or None: now.

    The auditing firm is the lead's party, the audited party the ledger's owner, unless others are
    named; an internal audit audits the lead's own party.
    """
    size, root = ledger.seen()
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        state = facts.load([lead]).get(lead)
        own = state.party if isinstance(state, ActorState) else ""
        internal = kind == "internal"
        firm = None if internal else org or own
        audited = party or (own if internal else _owner(ledger))
        count = in_a_row(World(facts), audited, kind, firm or "", lead)
    fields = {
        "kind": kind, "lead": lead, "scope_party": audited, "period_from": span[0],
        "period_to": span[1] or now(), "entry": size - 1, "root": root.hex(), "consecutive": count,
        **given(auditor_org=firm, scope_engagement=engagement),
    }  # fmt: skip
    sealed = texts(letter=letter, criteria=criteria)
    return Proposal(AuditOpened, new_ids("audit")[0], fields, sealed)


def _owner(ledger: Ledger) -> str:
    """The party that the ledger was opened for."""
    return str(getattr(ledger.events_of(ledger.ledger_id)[0][2], "owner", ""))


# -- samples --------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """A sample: the event's fields, and what was drawn with its strata."""

    proposal: Proposal
    drawn: list[str]
    population: Population


def draw_sample(
    ledger: Ledger,
    audit: str,
    code: str,
    size: int,
    *,
    seed: str | None = None,
    acts_of: str | None = None,
    stratified: bool = False,
) -> Drawn:
    """抽样 of at most `size` from a population of `ledger.audit.population`; random without `seed`.

    Raises `UsageError` if there is nothing to draw from, or the seed is none.
    """
    state, order = audit_state(ledger, audit), order_of(ledger, audit)
    seed = seed or secrets.token_hex(16)
    with ledger.engine.connect() as connection:
        found = population(connection, order, code, acts_of)
    if not found.members:
        raise UsageError("there is nothing of that kind in the audit's span; nothing was drawn")
    drawn = _draw(found, seed, size, stratified=stratified)
    fields = {
        "number": state.samples + 1, "population": code, "count": len(found.members),
        "digest": found.digest, "seed": seed, "sample_size": len(drawn),
        "drawn_digest": list_root(drawn), "drawn": drawn if len(drawn) <= MAX_LISTED else [],
        **given(acts_of=acts_of, stratified=stratified or None),
    }  # fmt: skip
    return Drawn(Proposal(AuditSampleDrawn, audit, fields), drawn, found)


def _draw(found: Population, seed: str, size: int, *, stratified: bool) -> list[str]:
    return draw_stratified(found.strata, seed, size) if stratified else draw(found.ids, seed, size)


class Redrawn(NamedTuple):
    """A recorded sample drawn again: what came of it, and the fields that it does not agree with.

    `differs`: `population` (count or digest), `drawn` (size, digest or ids).
    """

    event: AuditSampleDrawn
    drawn: list[str]
    population: Population
    differs: tuple[str, ...]


def redraw(ledger: Ledger, audit: str, number: int) -> Redrawn:
    """Draw a recorded sample again from the events, and compare. Raises `UsageError` if none is."""
    order = order_of(ledger, audit)
    events = [event for _, _, event, _ in ledger.events_of(audit)]
    samples = [one for one in events if isinstance(one, AuditSampleDrawn) and one.number == number]
    if not samples:
        raise UsageError("the audit has no sample of this number", "muniment audit show AUDIT")
    with ledger.engine.connect() as connection:
        return compare(samples[0], population(
            connection, order, samples[0].population, samples[0].acts_of or None
        ))  # fmt: skip


def compare(event: AuditSampleDrawn, found: Population) -> Redrawn:
    """A recorded sample against what its seed draws from a population."""
    size, stratified = event.sample_size, event.stratified is True
    drawn = _draw(found, event.seed, size, stratified=stratified)
    same = {
        "population": (event.count, event.digest) == (len(found.members), found.digest),
        "drawn": (size, event.drawn_digest) == (len(drawn), list_root(drawn))
        and event.drawn in ([], drawn),
    }
    return Redrawn(event, drawn, found, tuple(part for part, equal in same.items() if not equal))


# -- findings -------------------------------------------------------------------------------------


class Said(NamedTuple):
    """What a finding says, sealed: condition, cause, effect, recommendation."""

    condition: str | None = None
    cause: str | None = None
    effect: str | None = None
    recommendation: str | None = None


class About(NamedTuple):
    """Where a finding belongs and what shows it."""

    chapter: str
    severity: str
    rule: str | None = None
    code: str | None = None
    sample: int | None = None
    evidence: Sequence[str] = ()


def raise_finding(
    ledger: Ledger, audit: str, about: About, said: Said, *, owner: str, due: str
) -> Proposal:
    """审计发现, for `owner` to set right by the day `due`."""
    state = audit_state(ledger, audit)
    fields = {
        "finding": len(state.findings) + 1, "chapter": about.chapter, "severity": about.severity,
        "evidence": list(dict.fromkeys(about.evidence)), "owner": owner, "due": due,
        **given(rule=about.rule, code=about.code, sample=about.sample),
    }  # fmt: skip
    return Proposal(AuditFindingRaised, audit, fields, texts(**said._asdict()))


def shown_by(ledger: Ledger, finding: Finding) -> list[str]:
    """The events that show what a replay found: those that it names, else the one at its position.

    At most as many as a finding of an audit holds.
    """
    named = [one for one in finding.evidence if _EVENT.match(one)]
    if not named and finding.position is not None:
        with ledger.engine.connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT state FROM events WHERE position = ?", (finding.position,)
            ).scalar()
        if found is not None:
            from ledger.evidence import decode_event

            named = [decode_event(bytes(found)).id]
    return list(dict.fromkeys(named))[:_MOST_EVIDENCE]


def answer(ledger: Ledger, audit: str, finding: int, response: str, text: str) -> Proposal:
    """管理层答复."""
    audit_state(ledger, audit)
    fields = {"finding": finding, "response": response}
    return Proposal(AuditFindingAnswered, audit, fields, texts(answer=text))


def remediate(
    ledger: Ledger, audit: str, finding: int, action: str, done_at: str | None,
    evidence: Sequence[str],
) -> Proposal:  # fmt: skip
    """整改; `done_at`: now if not given."""
    audit_state(ledger, audit)
    fields = {"finding": finding, "done_at": done_at or now(),
              "evidence": list(dict.fromkeys(evidence))}  # fmt: skip
    return Proposal(AuditRemediationRecorded, audit, fields, texts(action=action))


def confirm(ledger: Ledger, audit: str, finding: int, outcome: str, remark: str | None) -> Proposal:
    """整改核验."""
    audit_state(ledger, audit)
    fields = {"finding": finding, "outcome": outcome}
    return Proposal(AuditRemediationVerified, audit, fields, texts(remark=remark))


def root_at(ledger: Ledger, size: int) -> str:
    """The root over the first `size` entries, in hex."""
    with ledger.engine.connect() as connection:
        return StoredTree(connection).root_at(size).hex()
