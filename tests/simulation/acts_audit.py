"""Audits: opened, sampled, found, answered, set right, reported; and by whom they must not be."""

from __future__ import annotations

from typing import Any

from domain.audit import AuditReportIssued
from domain.values import later
from ledger.audit import conducting
from ledger.audit.conducting import About, Said
from ledger.signing import Proposal, now
from tests.simulation.act import Act, draw, one_of, somebody
from tests.simulation.book import Audit
from tests.simulation.world import World

GRAVE = {"critical", "high"}
POPULATIONS = (
    "events", "records", "holdings", "destructions", "accesses", "grants", "backups",
    "rights_requests", "late_entries",
)  # fmt: skip


def _auditors(world: World) -> list[str]:
    return [n for n, actor in world.people.items() if world.guards.holds(actor, "internal_auditor")]


def opening(world: World) -> Act | None:
    """An internal audit over a span that is over, not too often in a row, by nobody entangled."""
    auditors, dice = _auditors(world), draw(world)
    if not auditors:
        return None
    guards, who = world.guards, somebody(world, *auditors)
    lead = who if dice.random() < 0.5 else somebody(world, *auditors)
    since = later(now(), days=-dice.choice([1, 1, 30, 400]))
    ahead = dice.random() < 0.1
    actor, leads = world.people[who], world.people[lead]
    broken = guards.auditing(actor, since) | guards.auditing(leads, since)
    broken |= {"I-31"} if guards.party(actor) != guards.party(leads) else set()
    broken |= guards.audits_in_a_row(guards.party(leads), leads)
    broken |= {"I-04"} if ahead else set()

    def do() -> Any:
        until = later(now(), days=2) if ahead else None
        said = conducting.open_audit(
            world.ledger, "internal", leads, (since, until), letter="王小明投诉"
        )
        return world.say(who, [said])

    return Act("opens an audit", who, f"led by {lead} since {since}", frozenset(broken), do)


def _an_audit(world: World, *, found: bool = False) -> tuple[str, Audit] | None:
    """Some audit, mostly one that is not reported; `found`: something was found in it."""
    audits = {
        stream: audit for stream, audit in world.book.audits.items() if audit.findings or not found
    }
    open_ones = [stream for stream, audit in audits.items() if not audit.reported]
    if not audits:
        return None
    some = open_ones if open_ones and draw(world).random() < 0.8 else list(audits)
    stream = one_of(world, some)
    return stream, audits[stream]


def _by_an_auditor(world: World, audit: Audit) -> tuple[str, set[str]]:
    """Who says something as an auditor of it, and what is wrong with that."""
    who = somebody(world, *_auditors(world))
    actor, guards = world.people[who], world.guards
    broken = guards.auditing(actor, audit.since)
    return who, broken | ({"I-31"} if guards.party(actor) != audit.party else set())


def sampling(world: World) -> Act | None:
    """A sample is drawn, or one is made up."""
    found, dice = _an_audit(world), draw(world)
    if found is None:
        return None
    stream, audit = found
    who, broken = _by_an_auditor(world, audit)
    broken |= {"I-06"} if audit.reported else set()
    code, size, forged = dice.choice(POPULATIONS), dice.randint(1, 20), dice.random() < 0.2
    broken |= {"I-04"} if forged else set()

    def do() -> Any:
        said = conducting.draw_sample(world.ledger, stream, code, size).proposal
        if forged:
            said = said._replace(fields={**said.fields, "number": audit.samples + 2})
        return world.say(who, [said])

    about = f"{size} of the {code} for {stream}"
    return Act("draws", who, about, frozenset(broken), do, may_fail=frozenset({"UsageError"}))


def raising(world: World) -> Act | None:
    """A finding, for somebody of the audited to set right, with events that show it."""
    found, dice = _an_audit(world), draw(world)
    if found is None:
        return None
    stream, audit = found
    who, broken = _by_an_auditor(world, audit)
    broken |= {"I-06"} if audit.reported else set()
    owner = world.people[somebody(world, "wang", "zhao", "zhou")]
    if world.guards.party(owner) != audit.party or owner in (world.people[who], audit.lead):
        broken |= {"I-07"}
    due = later(now(), days=dice.choice([-3, 10, 10, 30]))[:10]
    broken |= {"I-04"} if due < now()[:10] else set()
    shown = dice.choice(list(world.book.versions))
    version = world.book.versions[shown] + (dice.random() < 0.1)
    broken |= {"I-00"} if version > world.book.versions[shown] else set()
    text = "王小明的合同缺页" if dice.random() < 0.9 else None
    broken |= set() if text else {"I-02"}
    severity = dice.choice(["critical", "high", "medium", "low"])
    about = About("custody", severity, evidence=[f"{shown}/{version}"])

    def do() -> Any:
        said = conducting.raise_finding(
            world.ledger, stream, about, Said(text), owner=owner, due=due
        )
        return world.say(who, [said])

    return Act("finds something in", who, stream, frozenset(broken), do)


def _a_finding(world: World, audit: Audit) -> tuple[int, set[str]]:
    """The number of a finding, of one that is none now and then; what is wrong with it."""
    if draw(world).random() < 0.1:
        return len(audit.findings) + 1, {"I-00"}
    number = draw(world).choice(list(audit.findings))
    return number, {"I-06"} if audit.findings[number].closed else set()


def answering(world: World) -> Act | None:
    """The audited answer a finding before the report, or set it right at any time."""
    found, dice = _an_audit(world, found=True), draw(world)
    if found is None:
        return None
    stream, audit = found
    who, guards = somebody(world, "wang", "zhao"), world.guards
    actor = world.people[who]
    number, broken = _a_finding(world, audit)
    broken |= guards.may(actor, "manage")
    broken |= set() if guards.party(actor) == audit.party else {"I-09"}
    remedied, ahead = dice.random() < 0.6, dice.random() < 0.1
    if remedied:
        broken |= {"I-04"} if ahead else set()
    else:
        broken |= {"I-06"} if audit.reported else set()

    def do() -> Any:
        ledger, at = world.ledger, later(now(), days=2) if ahead else None
        said = (
            conducting.remediate(ledger, stream, number, "已补签王小明", at, ())
            if remedied
            else conducting.answer(ledger, stream, number, "accepted", "王小明的已找到")
        )
        return world.say(who, [said])

    name = "sets right" if remedied else "answers"
    return Act(name, who, f"{number} of {stream}", frozenset(broken), do)


def confirming(world: World) -> Act | None:
    """An auditor looks whether what was done works; not whoever did it, or had to."""
    found = _an_audit(world, found=True)
    if found is None:
        return None
    stream, audit = found
    who, broken = _by_an_auditor(world, audit)
    number, wrong = _a_finding(world, audit)
    broken |= wrong
    finding, actor = audit.findings.get(number), world.people[who]
    if finding is not None:
        broken |= set() if finding.pending else {"I-06"}
        broken |= {"I-07"} if actor in finding.remedied or actor == finding.owner else set()
    outcome = draw(world).choice(["effective", "effective", "ineffective"])

    def do() -> Any:
        said = conducting.confirm(world.ledger, stream, number, outcome, "王小明的已看")
        return world.say(who, [said])

    return Act("confirms the cure of", who, f"{number} of {stream}", frozenset(broken), do)


def reporting(world: World) -> Act | None:
    """The lead reports: with the numbers that there are, and an opinion that fits them."""
    found, dice = _an_audit(world), draw(world)
    if found is None:
        return None
    stream, audit = found
    who, broken = _by_an_auditor(world, audit)
    if dice.random() < 0.7 and world.active(audit.lead):
        who = world.names[audit.lead]
        broken = world.guards.auditing(audit.lead, audit.since)
    broken |= {"I-06"} if audit.reported else set()
    broken |= set() if world.people[who] == audit.lead else {"I-31"}
    opinion = dice.choice(["unqualified", "qualified", "adverse", "disclaimer"])
    closed = sum(finding.closed for finding in audit.findings.values())
    hidden = dice.random() < 0.1
    broken |= {"I-06"} if hidden else set()
    grave = any(f.severity in GRAVE and not f.closed for f in audit.findings.values())
    if (opinion == "unqualified" and grave) or (
        opinion in ("qualified", "adverse") and not audit.findings
    ):
        broken |= {"I-31"}
    digests = world.chance.hex(32), world.chance.hex(32)

    def do() -> Any:
        size, root = world.ledger.seen()
        return world.say(who, [Proposal(AuditReportIssued, stream, {
            "report": digests[0], "replay": digests[1], "opinion": opinion, "closed": closed,
            "open": len(audit.findings) - closed + hidden, "checkpoint": size, "root": root.hex(),
        })])  # fmt: skip

    return Act("reports on", who, f"{stream} {opinion}", frozenset(broken), do)
