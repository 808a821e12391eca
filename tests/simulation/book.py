"""What happened, in plain dicts, read from the bytes of the events alone.

No class, fold or projection of the product is used: an event is what `json.loads` says it is. The
guards are asked of this book (`guards`), and what the product answers is compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Event = dict[str, Any]
THERE = "present"


class Heard(NamedTuple):
    """One event as it was stored."""

    position: int
    entry: int
    accepted: str
    state: bytes


@dataclass
class Actor:
    """A person: for whom, in what function, with which roles and keys (id: condition).

    `ever`: every role that was ever held, each with its last day.
    """

    party: str
    function: str
    roles: list[tuple[str, str | None]] = field(default_factory=list)
    ever: list[tuple[str, str]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)


@dataclass
class Record:
    """A record: who collected or corrected it, what was said of it since.

    `homes`: the copies from which its contents were taken, the present one last, each with the
    position at which that was said; `told`: at which it was last said who is in it; `passed`: when
    it went to another party for good.
    """

    hands: set[str]
    homes: dict[str, int]
    engagement: str
    classified: str = ""
    level: str = ""
    sensitivity: str = ""
    basis: str = ""
    until: dict[str, str] = field(default_factory=dict)
    reviewed: bool = False
    archived: bool = False
    notice_missing: bool = False
    limited: str = ""
    ended: str = ""
    holds: set[str] = field(default_factory=set)
    passed: str = ""
    told: int = 0

    @property
    def holding(self) -> str:
        """Where its present content lies."""
        return list(self.homes)[-1]


@dataclass
class Copy:
    """A copy: whose it is, of what it was made, and what became of it.

    `lent`: the parties that it came from by moves, the first one first.
    """

    custodian: str
    record: str
    made_from: str
    form: str
    encrypted: bool
    condition: str = THERE
    backup: str = ""
    handover: str = ""
    destruction: str = ""
    read: bool = False
    lent: list[str] = field(default_factory=list)
    holds: set[str] = field(default_factory=set)


@dataclass
class Listed:
    """A case with a list: a destruction or a handover.

    `arrived`: when it was received; `heard`: when the buyer last said anything of that; `days`: for
    its inspection; `raised`: about which items what did not fit was, `settled`: which numbers.
    """

    stream: str
    by: str
    items: dict[str, str]
    root: str
    step: str
    ground: str = ""
    appraised: str = ""
    approvals: dict[str, str] = field(default_factory=dict)
    operators: set[str] = field(default_factory=set)
    verified: dict[str, str] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    matched: bool = True
    heard: str = ""
    days: int = 0
    arrived: str = ""
    raised: list[list[str]] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)
    deemed: bool = False
    declared: set[str] = field(default_factory=set)
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether its copies are bound by it."""
        return self.step in ("proposed", "list_frozen", "released", "received")

    @property
    def unsettled(self) -> list[int]:
        """The numbers of what was raised and not settled."""
        return [n for n in range(1, len(self.raised) + 1) if n not in self.settled]


@dataclass
class Request:
    """What a person asked, of whom, and what became of it."""

    by: str
    kind: str
    received: str
    records: list[str]
    identity: str = ""
    decision: str = ""
    fulfilled: bool = False
    closed: bool = False

    @property
    def step(self) -> str:
        """How far it has come."""
        if self.closed or self.fulfilled:
            return "closed" if self.closed else "fulfilled"
        if self.decision:
            return "refused" if self.decision == "refuse" else "decided"
        return "identified" if self.identity == "pass" else "received"


@dataclass
class Found:
    """A finding of an audit: who is to set it right, who did something about it."""

    severity: str
    owner: str
    remedied: set[str] = field(default_factory=set)
    pending: bool = False
    closed: bool = False


@dataclass
class Audit:
    """An audit: of whom, led by whom, since when, and what it came to."""

    party: str
    lead: str
    since: str
    samples: int = 0
    findings: dict[int, Found] = field(default_factory=dict)
    reported: bool = False


@dataclass
class Evidence:
    """A bundle: who asked for it, and whether something in it is shown in clear."""

    by: str
    in_clear: bool
    approved: bool = False
    exported: bool = False


class Book:
    """Everything that was recorded so far."""

    def __init__(self) -> None:
        self.parties: dict[str, str] = {}
        self.actors: dict[str, Actor] = {}
        self.records: dict[str, Record] = {}
        self.copies: dict[str, Copy] = {}
        self.roots: dict[str, str] = {}  # the copy in which what lies in a copy was collected
        self.families: dict[str, list[str]] = {}  # every copy of a content, by its root
        self.lying: dict[str, list[str]] = {}  # the records collected in a copy
        self.cases: dict[str, Listed] = {}
        self.handovers: dict[str, Listed] = {}
        self.holds: dict[str, set[str]] = {}
        self.held_by: dict[str, str] = {}
        self.grants: dict[str, Event] = {}
        self.revoked: set[str] = set()
        self.backups: dict[str, list[str]] = {}
        self.key_copies: dict[str, str] = {}
        self.voided: set[tuple[str, str]] = set()
        self.requests: dict[str, Request] = {}
        self.audits: dict[str, Audit] = {}
        self.bundles: dict[str, Evidence] = {}
        self.versions: dict[str, int] = {}
        self.known: list[Heard] = []
        self.counts: dict[str, int] = {}

    # -- reading

    def take(self, heard: Heard) -> Event:
        """One more event, the next."""
        event: Event = json.loads(heard.state)
        assert heard.position == len(self.known) + 1, "a gap in the positions"
        assert event["version"] == self.versions.get(event["stream"], 0) + 1, "a gap in a stream"
        if self.known:
            assert (heard.entry, heard.accepted) >= self.known[-1][1:3], "the time went back"
        self.known.append(heard)
        self.versions[event["stream"]] = event["version"]
        self.counts[event["type"]] = self.counts.get(event["type"], 0) + 1
        aggregate, _, what = event["type"].partition(".")
        reading = getattr(self, f"_{aggregate}_{what}", None)
        if reading is not None:
            reading(event["stream"], event, heard.accepted)
        return event

    def _party_registered(self, stream: str, event: Event, _: str) -> None:
        self.parties[stream] = event["by"]

    def _actor_registered(self, stream: str, event: Event, _: str) -> None:
        self.actors[stream] = Actor(event["party"], event.get("function", ""))

    def _actor_key_enrolled(self, stream: str, event: Event, _: str) -> None:
        self.actors[stream].keys[event["key"]["id"]] = "active"
        self.actors[stream].purposes[event["key"]["id"]] = event["key"]["purpose"]

    def _actor_key_rotated(self, stream: str, event: Event, _: str) -> None:
        self.actors[stream].keys[event["old_key"]] = "rotated"
        self._actor_key_enrolled(stream, event, _)

    def _actor_key_revoked(self, stream: str, event: Event, _: str) -> None:
        self.actors[stream].keys[event["key"]] = "revoked"

    def _actor_key_compromised(self, stream: str, event: Event, _: str) -> None:
        self.actors[stream].keys[event["key"]] = "compromised"

    def _actor_role_granted(self, stream: str, event: Event, _: str) -> None:
        self.actors[stream].roles.append((event["granted"], event.get("scope")))
        self.actors[stream].ever.append((event["granted"], "9999-12-31"))

    def _actor_role_revoked(self, stream: str, event: Event, at: str) -> None:
        actor, role = self.actors[stream], event["revoked"]
        actor.roles = [one for one in actor.roles if one[0] != role]
        actor.ever = [
            (one, min(last, at[:10]) if one == role else last) for one, last in actor.ever
        ]

    def _holding_created(self, stream: str, event: Event, _: str) -> None:
        self.copies[stream] = Copy(
            event["custodian"], event.get("record", ""), event.get("made_from", ""),
            event["form"], "object" in event,
        )  # fmt: skip
        made_from = event.get("made_from", "")
        first = self.roots[stream] = self.roots[made_from] if made_from else stream
        self.families.setdefault(first, []).append(stream)

    def _holding_moved(self, stream: str, event: Event, _: str) -> None:
        copy, to = self.copies[stream], event.get("custodian", "")
        if to in copy.lent:
            del copy.lent[copy.lent.index(to) :]
        elif to and to != copy.custodian:
            copy.lent.append(copy.custodian)
        copy.custodian = to or copy.custodian

    def _holding_lost(self, stream: str, _: Event, __: str) -> None:
        self.copies[stream].condition = "lost"

    def _record_collected(self, stream: str, event: Event, _: str) -> None:
        self.records[stream] = Record(
            {event["by"]}, {event["holding"]: len(self.known)}, event["engagement"],
            basis=event["basis"], notice_missing=event["notice"] == "missing",
        )  # fmt: skip
        self.lying.setdefault(event["holding"], []).append(stream)

    def _record_corrected(self, stream: str, event: Event, _: str) -> None:
        record = self.records[stream]
        record.hands.add(event["by"])
        record.homes[event["holding"]] = len(self.known)
        record.reviewed = record.archived = False

    def _record_classified(self, stream: str, event: Event, _: str) -> None:
        record = self.records[stream]
        record.classified = f"{stream}/{event['version']}"
        record.level, record.sensitivity = event["level"], event["sensitivity"]

    _record_reclassified = _record_classified

    def _record_verified(self, stream: str, event: Event, _: str) -> None:
        self.records[stream].reviewed = event["result"] == "pass"

    def _record_archived(self, stream: str, _: Event, __: str) -> None:
        self.records[stream].archived = True

    def _record_retention_assigned(self, stream: str, event: Event, _: str) -> None:
        self.records[stream].until[event["trigger"]] = event.get("min_until", "")

    def _record_processing_restricted(self, stream: str, event: Event, _: str) -> None:
        self.records[stream].limited = f"{stream}/{event['version']}"

    def _record_purpose_ended(self, stream: str, event: Event, _: str) -> None:
        self.records[stream].ended = f"{stream}/{event['version']}"

    def _record_restriction_lifted(self, stream: str, event: Event, _: str) -> None:
        record = self.records[stream]
        if event["restricted"] == record.ended:
            record.ended = ""
        else:
            record.limited = ""

    def _hold_legal_hold_placed(self, stream: str, event: Event, _: str) -> None:
        things = [*event.get("records", []), *event.get("holdings", []),
                  *event.get("engagements", [])]  # fmt: skip
        self.holds.setdefault(stream, set()).update(things)
        self.held_by.setdefault(stream, self.actors[event["by"]].party)
        for thing in self._held(things):
            thing.holds.add(stream)

    def _hold_legal_hold_released(self, stream: str, event: Event, _: str) -> None:
        self.holds[stream] -= set(event["objects"])
        for thing in self._held(event["objects"]):
            thing.holds.discard(stream)

    def _held(self, things: list[str]) -> Iterator[Record | Copy]:
        for thing in things:
            found = self.records.get(thing) or self.copies.get(thing)
            if found is not None:
                yield found

    def _grant_access_granted(self, stream: str, event: Event, at: str) -> None:
        self.grants[stream] = {**event, "given": at}

    def _grant_access_revoked(self, stream: str, _: Event, __: str) -> None:
        self.revoked.add(stream)

    def _backup_created(self, stream: str, event: Event, _: str) -> None:
        self.backups.setdefault(stream, []).extend(event["items"])
        for item in event["items"]:
            self.copies[item].backup = stream
            self.copies[item].read = True

    def _backup_restored(self, _: str, event: Event, __: str) -> None:
        for item in event["items"]:
            self.copies[item].read = True

    def _backup_expired(self, _: str, event: Event, __: str) -> None:
        for item in event["items"]:
            self.copies[item].condition = "destroyed"

    def _key_copy_registered(self, stream: str, event: Event, _: str) -> None:
        self.key_copies[stream] = event["kind"]

    def _destruction_case_destruction_proposed(self, stream: str, event: Event, _: str) -> None:
        items = dict.fromkeys(event["items"], "")
        self.cases[stream] = Listed(
            stream, event["by"], items, event["root"], "proposed", event["ground"]
        )
        for item in items:
            self.copies[item].destruction = stream

    def _destruction_case_disposal_appraised(self, stream: str, event: Event, _: str) -> None:
        self.cases[stream].appraised = event["result"]

    def _destruction_case_destruction_approved(self, stream: str, event: Event, at: str) -> None:
        self.cases[stream].approvals[event["by"]] = at

    def _destruction_case_destruction_rejected(self, stream: str, _: Event, __: str) -> None:
        self.cases[stream].step = "rejected"

    def _destruction_case_destruction_executed(self, stream: str, event: Event, _: str) -> None:
        case = self.cases[stream]
        case.operators.update((event["by"], *event.get("begun_by", ())))
        case.keys.update(event.get("keys", []))
        for result in event["results"]:
            case.items[result["holding"]] = result["outcome"]
            case.verified.pop(result["holding"], None)
            if result["outcome"] == "destroyed":
                self.copies[result["holding"]].condition = "destroyed"

    def _destruction_case_destruction_verified(self, stream: str, event: Event, _: str) -> None:
        for result in event["results"]:
            self.cases[stream].verified[result["holding"]] = result["result"]
            if result["result"] == "fail":
                self.cases[stream].items[result["holding"]] = "failed"
                self.copies[result["holding"]].condition = THERE

    def _destruction_case_destruction_failed(self, stream: str, event: Event, _: str) -> None:
        case = self.cases[stream]
        case.off.update(event["items"])
        for item in event["items"]:
            if case.items[item] == "destroyed":
                case.items[item] = "unknown"
                self.copies[item].condition = THERE
        if case.off >= set(case.items):
            case.step = "failed"

    def _destruction_case_destruction_certified(self, stream: str, event: Event, _: str) -> None:
        self.cases[stream].step = f"certified {event['verdict']}"

    def _handover_planned(self, stream: str, event: Event, _: str) -> None:
        days = event["inspection_days"]
        self.handovers[stream] = Listed(stream, event["by"], {}, "", "planned", days=days)

    def _handover_list_frozen(self, stream: str, event: Event, _: str) -> None:
        handover = self.handovers[stream]
        handover.items = dict.fromkeys(event["items"], "")
        handover.root, handover.step = event["root"], "list_frozen"
        for item in event["items"]:
            self.copies[item].handover = stream

    def _handover_released(self, stream: str, _: Event, __: str) -> None:
        self.handovers[stream].step = "released"

    def _handover_received(self, stream: str, event: Event, at: str) -> None:
        self.handovers[stream].step, self.handovers[stream].heard = "received", at
        self.handovers[stream].matched = event["read"] == event["matched"]
        self.handovers[stream].arrived = event["received_at"]

    def _handover_inspected(self, stream: str, event: Event, at: str) -> None:
        self.handovers[stream].heard = at
        for item in event["items"]:
            self.handovers[stream].items[item] = "seen"

    def _handover_discrepancy_raised(self, stream: str, event: Event, at: str) -> None:
        self.handovers[stream].heard = at
        self.handovers[stream].raised.append(event["items"])

    def _handover_discrepancy_resolved(self, stream: str, event: Event, at: str) -> None:
        """By bringing it again, as everything is settled here."""
        handover = self.handovers[stream]
        handover.heard = at
        handover.settled.add(event["number"])
        handover.items.update(dict.fromkeys(handover.raised[event["number"] - 1], "again"))

    def _handover_deemed_accepted(self, stream: str, _: Event, __: str) -> None:
        self.handovers[stream].deemed = True

    def _handover_confirmed(self, stream: str, event: Event, at: str) -> None:
        self.handovers[stream].step = "confirmed"
        for item in event["items"]:
            self.copies[item].custodian = event["to_party"]
            self.copies[item].lent.clear()
            for record in self.inside(item):
                self.records[record].passed = at

    def _handover_residual_declared(self, stream: str, event: Event, _: str) -> None:
        self.handovers[stream].step = "residual_declared"
        self.handovers[stream].declared.update(event.get("items", []))
        kept = dict.fromkeys(event.get("items", []), event["retain_until"])
        self.handovers[stream].kept.update(kept)

    def _handover_cancelled(self, stream: str, _: Event, __: str) -> None:
        self.handovers[stream].step = "cancelled"

    def _subject_found(self, _: str, event: Event, __: str) -> None:
        for record in event["records"]:
            self.records[record].told = len(self.known)

    def _draft_voided(self, _: str, event: Event, __: str) -> None:
        self.voided.add((event["commit"], event["by"]))

    def _rights_request_received(self, stream: str, event: Event, _: str) -> None:
        self.requests[stream] = Request(
            event["by"], event["request"], event["received_at"], event["records"]
        )

    def _rights_requester_identity_verified(self, stream: str, event: Event, _: str) -> None:
        self.requests[stream].identity = event["result"]

    def _rights_request_decided(self, stream: str, event: Event, _: str) -> None:
        self.requests[stream].decision = event["decision"]

    def _rights_request_fulfilled(self, stream: str, _: Event, __: str) -> None:
        self.requests[stream].fulfilled = True

    def _rights_request_closed(self, stream: str, _: Event, __: str) -> None:
        self.requests[stream].closed = True

    def _audit_opened(self, stream: str, event: Event, _: str) -> None:
        self.audits[stream] = Audit(event["scope_party"], event["lead"], event["period_from"])

    def _audit_sample_drawn(self, stream: str, _: Event, __: str) -> None:
        self.audits[stream].samples += 1

    def _audit_finding_raised(self, stream: str, event: Event, _: str) -> None:
        self.audits[stream].findings[event["finding"]] = Found(event["severity"], event["owner"])

    def _audit_remediation_recorded(self, stream: str, event: Event, _: str) -> None:
        finding = self.audits[stream].findings[event["finding"]]
        finding.remedied.add(event["by"])
        finding.pending = True

    def _audit_remediation_verified(self, stream: str, event: Event, _: str) -> None:
        finding = self.audits[stream].findings[event["finding"]]
        finding.pending, finding.closed = False, event["outcome"] == "effective"

    def _audit_report_issued(self, stream: str, _: Event, __: str) -> None:
        self.audits[stream].reported = True

    def _bundle_requested(self, stream: str, event: Event, _: str) -> None:
        self.bundles[stream] = Evidence(event["by"], event["opened"] + event["attached"] > 0)

    def _bundle_approved(self, stream: str, _: Event, __: str) -> None:
        self.bundles[stream].approved = True

    def _bundle_exported(self, stream: str, _: Event, __: str) -> None:
        self.bundles[stream].exported = True

    # -- what follows from it

    def inside(self, copy: str) -> list[str]:
        """The records in a copy."""
        if self.copies[copy].record:
            return [self.copies[copy].record]
        return self.lying.get(self.roots[copy], [])

    def family(self, copy: str) -> list[str]:
        """Every copy of the same content, those that are gone included."""
        return self.families[self.roots[copy]]

    def all_of(self, record: str) -> list[str]:
        """Every copy of a record, of what it was before its corrections, too."""
        return [copy for home in self.records[record].homes for copy in self.family(home)]

    def told(self, record: str, copy: str = "") -> bool:
        """Whether it was said who is in a record since it was what it is, now or in a copy."""
        known = self.records[record]
        return known.told > known.homes[self.roots[copy] if copy else known.holding]

    def over(self, record: str) -> bool:
        """Whether nothing of a record is left."""
        return all(self.copies[copy].condition == "destroyed" for copy in self.all_of(record))

    def claimed(self, copy: str) -> str:
        """The running case that has a copy in its hands, if any."""
        for cases, stream in (
            (self.cases, self.copies[copy].destruction),
            (self.handovers, self.copies[copy].handover),
        ):
            if stream and cases[stream].running and copy in cases[stream].items:
                return stream
        return ""
