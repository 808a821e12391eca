"""The access-review report: what the register of accesses shows about a span (I-16, seed S1 四).

A report is data that anybody recomputes: it depends on the events up to one entry, on the span and
on the terms, and on nothing else, so the same question gives the same bytes. It holds ids, codes,
counts and times, never a name, a reason or a number of a ticket. `Report` says what it has.

Anomalies of accesses, by stable code:

    after_handover         by anybody but its new keeper, after the record had passed
    out_of_hours           outside the hours of a working day of the policy pack's calendar
    bulk_export            so many contents given out to one person in a day
    restricted, held       while the record was restricted, or on hold
    gone                   asked for after it was destroyed, returned or lost
    purpose_mismatch       asked for a purpose that grant or deal does not permit
    sensitive_unlinked     sensitive data, not named by the grant, for a purpose without a customer
    changed_content        what was handed out is not what was recorded

What no ledger can see is named in `Coverage.limits`, so that "no access recorded" says no more than
it may: what is opened outside Muniment, what other ledgers record, where somebody sat.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, to_builtins

from domain.access import AFTER_PASSING, GIVING
from domain.crossing import stays_bound
from domain.policy import Policy
from domain.values import later, moment
from ledger import grantreview, reviewfindings
from ledger.facts import LedgerFacts
from ledger.tree import StoredTree
from projections import access, reviewing
from projections.reviewing import Passing, Seen, Span

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger

Row = dict[str, Any]

_AT_ONCE: Final = 500
_GONE: Final = frozenset({
    "record_is_over", "holding_is_destroyed", "holding_is_returned", "holding_is_lost",
})  # fmt: skip
_MISMATCH: Final = frozenset({
    "grant_does_not_cover_purpose", "outcome_does_not_fit_purpose", "purpose_not_for_another_party",
    "purpose_ended_with_handover", "no_purpose",
})  # fmt: skip
_FOR_A_CUSTOMER: Final = AFTER_PASSING | {"service_delivery", "update", "verification"}
_SENSITIVE: Final = frozenset({"sensitive_pi", "minor_pi", "private_info"})


class Terms(Struct, frozen=True, kw_only=True):
    """What a report is asked with, besides the span.

    `opens`, `shuts`: the hours of a working day, local to the pack's calendar; `bulk`: so many
    contents given out to one person in a day are a bulk export; `sample`: how many accesses are
    drawn; `seed`: what they are drawn by, that of the tree's root if it is empty; `listed`: at most
    so many rows of one kind of anomaly stand in the report, all are counted; `staff`: the actors
    that the firm's own list of people has, None if it was not given.
    """

    opens: int = 8
    shuts: int = 20
    bulk: int = 50
    sample: int = 20
    seed: str = ""
    listed: int = 100
    staff: frozenset[str] | None = None


class Coverage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the report rests on. `recorded`: accesses and refusals; `limits`: what it cannot see.

    `begins`: when the ledger's first entry was accepted, where that is after the span's first
    moment: of what was before, nothing is known; absent elsewhere.
    """

    feeds: tuple[str, ...]
    recorded: int
    none_recorded: bool
    limits: tuple[str, ...]
    begins: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """An access-review report (C.4.4); rows are ids, codes, counts and times.

    `entry`: the last entry that it knows, `root`: the tree's root with it; `grants`: those in
    force at the end of the span, given or ended in it, or over and not revoked, each with `flags`;
    `matrix`: role, category and mode with the number of grants; `counts`: by actor, category,
    sensitivity, purpose, mode and hour band; `anomalies`: by kind, with how many there are and the
    first rows; `anomalous`: how many accesses of the span have at least one; `findings`: what asks
    for a decision, with a proposal; `follow_up`: the review before this one, and what of it still
    stands.
    """

    origin: str
    engagement: str | None
    period_from: str
    period_to: str
    entry: int
    root: str
    policy: str
    method: Row
    coverage: Coverage
    allowed: int
    denied: int
    break_glass: int
    grants: list[Row]
    grant_counts: Row
    matrix: list[Row]
    counts: dict[str, dict[str, Row]]
    denials: list[Row]
    emergencies: list[Row]
    anomalies: list[Row]
    anomalous: int
    sample: list[Row]
    training: list[Row]
    follow_up: Row | None
    findings: list[Row]

    @property
    def data(self) -> bytes:
        """The report's bytes: JSON with sorted keys and nothing but ASCII."""
        return json.dumps(to_builtins(self), sort_keys=True, separators=(",", ":")).encode("ascii")

    @property
    def digest(self) -> str:
        """SHA-256 of `data`, in hex: what a review records."""
        return sha256(self.data).hexdigest()


def access_report(
    ledger: Ledger,
    span: tuple[str, str],
    engagement: str | None = None,
    *,
    terms: Terms | None = None,
    entry: int | None = None,
) -> Report:
    """The report on a span of accepted time, from its first moment up to, and without, its last.

    `engagement`: accesses under it, and those under any other to what has passed under it; None:
    all of them. `entry`: of the ledger as of it, else as it is. Reads every access of the span
    once; holds counts and the rows that it prints.
    """
    with ledger.engine.connect() as connection:
        tree = StoredTree(connection)
        last = tree.head.entries - 1 if entry is None else entry
        facts = LedgerFacts(connection)
        begin, end = (_first_entry(facts, time, last) for time in span)
        within = Span(*span, begin, end, last)
        work = _Work(connection, ledger.policy(), within, engagement, terms or Terms())
        root = tree.root_at(last + 1).hex()
        return work.report(ledger.origin, root)


def _first_entry(facts: LedgerFacts, first: str, last: int) -> int:
    """The first entry accepted at a time or later, found by halving: times never decrease."""
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        if facts.accepted_at(middle) < first:
            low = middle + 1
        else:
            high = middle
    return low


class _Work:
    """What one report gathers on its way through the register."""

    def __init__(
        self,
        connection: sa.Connection,
        policy: Policy,
        span: Span,
        engagement: str | None,
        terms: Terms,
    ) -> None:
        self._connection = connection
        self._policy = policy
        self._span = span
        self._engagement = engagement
        self._terms = terms
        self._bound = stays_bound(policy)
        self._staff = reviewing.staff(connection, span.last[:10], span.entry)
        self._passings = reviewing.passings(connection, span)
        self._hours: dict[str, tuple[str, bool]] = {}
        self._outcomes: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._denials: dict[tuple[str, str], Row] = {}
        self._emergencies: list[Row] = []
        self._kinds: dict[str, list[Row]] = {}
        self._whose: dict[str, Counter[str]] = {}
        self._anomalous: set[int] = set()
        self._given: dict[tuple[str, str], list[int]] = {}
        self._sampled: list[Seen] = []
        self._eligible = 0
        self._dormant_days = policy.cadence.access_review_live_days

    # -- going through the register

    def _go_through(self, draw: random.Random) -> None:
        for row in reviewing.seen(self._connection, self._span):
            passing = self._passed_before(row)
            own = self._engagement in (None, row.engagement)
            if own:
                self._count(row)
                for kind in self._anomalies(row):
                    self._flag(kind, row, own=True)
                self._draw(row, draw)
            if passing is not None and (own or passing.engagement == self._engagement):
                self._flag("after_handover", row, own=own)
        self._bulk()

    def _passed_before(self, row: Seen) -> Passing | None:
        """The handover that had made a record another party's when somebody accessed it."""
        before = [
            passing
            for passing in self._passings.get(row.record, ())
            if passing.entry < row.entry and passing.mode not in self._bound
        ]
        return before[-1] if before and before[-1].to_party != row.party else None

    def _count(self, row: Seen) -> None:
        self._outcomes[row.outcome] += 1
        band, _ = self._hour(row.accepted)
        for axis, value in (
            ("actor", row.actor), ("category", row.category or ""),
            ("sensitivity", row.sensitivity or ""), ("purpose", row.purpose),
            ("mode", row.mode), ("hours", band),
        ):  # fmt: skip
            self._counts[axis, value, row.outcome] += 1
        if row.outcome == "denied":
            self._deny(row)
        elif row.outcome == "break_glass":
            self._emergencies.append(_emergency(row))
        if row.outcome != "denied" and row.mode in GIVING:
            day = self._policy.calendar.day_of(row.accepted)
            self._given.setdefault((row.actor, day), []).append(row.position)

    def _deny(self, row: Seen) -> None:
        new = {"actor": row.actor, "rule": row.rule, "count": 0, "first": row.accepted}
        denial = self._denials.setdefault((row.actor, row.rule or ""), new)
        denial["count"] += 1
        denial["last"] = row.accepted

    def _anomalies(self, row: Seen) -> Iterator[str]:
        """The kinds of what is unusual about one access, but for what concerns several."""
        if not self._hour(row.accepted)[1]:
            yield "out_of_hours"
        if row.rule in _GONE:
            yield "gone"
        if row.rule in _MISMATCH:
            yield "purpose_mismatch"
        if row.restricted or row.rule == "record_is_restricted":
            yield "restricted"
        if row.intact == 0:
            yield "changed_content"
        if row.outcome == "denied":
            return
        if row.held:
            yield "held"
        linked = row.named or row.purpose in _FOR_A_CUSTOMER or row.purpose == "break_glass"
        if row.sensitivity in _SENSITIVE and not linked:
            yield "sensitive_unlinked"

    def _flag(self, kind: str, row: Seen, *, own: bool) -> None:
        self._whose.setdefault(kind, Counter())[row.actor] += 1
        if own:
            self._anomalous.add(row.position)
        rows = self._kinds.setdefault(kind, [])
        if len(rows) < self._terms.listed:
            rows.append(_shown(row))

    def _bulk(self) -> None:
        for (actor, day), positions in sorted(self._given.items()):
            if len(positions) < self._terms.bulk:
                continue
            self._whose.setdefault("bulk_export", Counter())[actor] += 1
            self._anomalous.update(positions)
            rows = self._kinds.setdefault("bulk_export", [])
            if len(rows) < self._terms.listed:
                span = {"first_position": positions[0], "last_position": positions[-1]}
                rows.append({"actor": actor, "day": day, "count": len(positions), **span})

    def _draw(self, row: Seen, draw: random.Random) -> None:
        """A sample of what was handed out, in which every one is as likely (reservoir)."""
        if row.outcome == "denied":
            return
        self._eligible += 1
        if len(self._sampled) < self._terms.sample:
            self._sampled.append(row)
        elif (place := draw.randrange(self._eligible)) < self._terms.sample:
            self._sampled[place] = row

    def _hour(self, accepted: str) -> tuple[str, bool]:
        """The hour band `HH-HH` of a time, local to the calendar, and whether it was working."""
        minute = accepted[:16]
        if minute not in self._hours:
            calendar = self._policy.calendar
            local = moment(accepted) + timedelta(minutes=calendar.utc_offset_minutes)
            start = local.hour - local.hour % 4
            open_ = self._terms.opens <= local.hour < self._terms.shuts
            worked = open_ and calendar.worked(local.date())
            self._hours[minute] = (f"{start:02}-{start + 4:02}", worked)
        return self._hours[minute]

    # -- what is put together afterwards

    def report(self, origin: str, root: str) -> Report:
        """Go through the register and put everything together."""
        seed = self._terms.seed or sha256(f"{root} {self._span.first}".encode()).hexdigest()
        self._go_through(random.Random(seed))  # noqa: S311  anybody draws the same sample again
        grants = self._grants(self._span)
        training = grantreview.training(self._connection, self._policy, self._staff, self._span)
        self._say_who_reviewed()
        found = reviewfindings.Found(grants, self._whose, self._emergencies, training)
        findings = reviewfindings.findings(found, self._policy, self._span.last)
        return Report(
            origin=origin, engagement=self._engagement, period_from=self._span.first,
            period_to=self._span.last, entry=self._span.entry, root=root,
            policy=f"{self._policy.header.id} {self._policy.header.version}",
            method={
                "hours": [self._terms.opens, self._terms.shuts], "bulk": self._terms.bulk,
                "dormant_days": self._dormant_days, "sample": self._terms.sample, "seed": seed,
                "utc_offset_minutes": self._policy.calendar.utc_offset_minutes,
                "staff_list": None if self._terms.staff is None else len(self._terms.staff),
            },
            coverage=self._coverage(),
            allowed=self._outcomes["allowed"], denied=self._outcomes["denied"],
            break_glass=self._outcomes["break_glass"],
            grants=grants, grant_counts=dict(sorted(_flags(grants).items())),
            matrix=grantreview.matrix(grants, self._staff),
            counts=self._counted(),
            denials=sorted(self._denials.values(), key=lambda d: (-d["count"], d["actor"])),
            emergencies=self._emergencies, anomalies=self._kinds_shown(),
            anomalous=len(self._anomalous), sample=[_shown(row) for row in self._sampled],
            training=training, follow_up=self._follow_up(), findings=findings,
        )  # fmt: skip

    def _grants(self, span: Span) -> list[Row]:
        """The grants that a report of a span is about, those of the engagement if it is of one."""
        found = grantreview.grants(
            self._connection, span, self._staff, self._dormant_days, self._terms.staff
        )
        return [row for row in found if self._engagement in (None, row["engagement"])]

    def _say_who_reviewed(self) -> None:
        """Of each emergency: in which review it was, and whether that came in time."""
        facts = LedgerFacts(self._connection)
        hours = self._policy.deadlines.break_glass_review_hours
        for emergency in self._emergencies:
            at = emergency["accepted"]
            inside = [
                facts.accepted_at(review.entry)
                for review in self._reviews()
                if review.engagement == emergency["engagement"]
                and review.period_from <= at < review.period_to
            ]
            emergency["reviewed_at"] = min(inside, default=None)
            due = later(at, hours=hours)
            emergency["due"] = due
            emergency["late"] = (min(inside, default=None) or self._now(facts)) > due

    def _now(self, facts: LedgerFacts) -> str:
        """When the last entry that the report knows was accepted."""
        return facts.accepted_at(self._span.entry)

    def _reviews(self) -> list[access.Review]:
        """Every review that the report knows, in order."""
        found: list[access.Review] = []
        after = None
        while portion := access.reviewed(
            self._connection, limit=_AT_ONCE, after=after, entry=self._span.entry
        ):
            found += portion
            after = portion[-1].position
        return found

    def _follow_up(self) -> Row | None:
        """The last review before the span's end, and which of its grants still ask for something.

        What was flagged then is flagged again by the same rules, over the same span and as of the
        entry before that review.
        """
        earlier = [
            review
            for review in self._reviews()
            if self._engagement in (None, review.engagement) and review.period_to <= self._span.last
        ]
        if not earlier:
            return None
        last = earlier[-1]
        facts, known = LedgerFacts(self._connection), last.entry - 1
        begin, end = (_first_entry(facts, t, known) for t in (last.period_from, last.period_to))
        then = self._grants(Span(last.period_from, last.period_to, begin, end, known))
        flagged = {row["grant"] for row in then if reviewfindings.asking(row["flags"])}
        open_ = [
            {"grant": row["grant"], "flags": asked}
            for row in self._grants(self._span)
            if row["grant"] in flagged
            and row["condition"] != "revoked"
            and (asked := reviewfindings.asking(row["flags"]))
        ]
        return {
            "position": last.position, "reviewer": last.reviewer, "period_from": last.period_from,
            "period_to": last.period_to, "anomalies": last.anomalies,
            "flagged_grants": len(flagged), "still_open": open_,
        }  # fmt: skip

    def _coverage(self) -> Coverage:
        recorded = self._outcomes.total()
        begins = LedgerFacts(self._connection).accepted_at(0)
        limits = ["outside_muniment", "other_ledgers", "paper_by_statement", "site_not_recorded"]
        if self._terms.staff is None:
            limits.append("no_staff_list")
        return Coverage(
            feeds=("record.accessed", "record.access_denied"), recorded=recorded,
            none_recorded=recorded == 0, limits=tuple(limits),
            begins=begins if begins > self._span.first else "",
        )  # fmt: skip

    def _counted(self) -> dict[str, dict[str, Row]]:
        """Axis, value and outcome with its count, each in order."""
        found: dict[str, dict[str, Row]] = {}
        for (axis, value, outcome), count in sorted(self._counts.items()):
            found.setdefault(axis, {}).setdefault(value, {})[outcome] = count
        return found

    def _kinds_shown(self) -> list[Row]:
        return [
            {"kind": kind, "count": self._whose[kind].total(), "rows": rows}
            for kind, rows in sorted(self._kinds.items())
        ]


def _flags(grants: Sequence[Row]) -> Counter[str]:
    counted = Counter(flag for row in grants for flag in (row["condition"], *row["flags"]))
    counted["all"] = len(grants)
    return counted


def _emergency(row: Seen) -> Row:
    """An emergency access; its reason is sealed, and there: no emergency is permitted without."""
    return {**_shown(row), "reason": "sealed"}


def _shown(row: Seen) -> Row:
    return {
        "position": row.position, "accepted": row.accepted, "actor": row.actor,
        "record": row.record, "grant": row.grant, "engagement": row.engagement,
        "mode": row.mode, "purpose": row.purpose, "outcome": row.outcome, "rule": row.rule,
        "category": row.category, "sensitivity": row.sensitivity,
    }  # fmt: skip
