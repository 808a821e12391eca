"""What auditors say, and those audited: open, sample, find, answer, set right, confirm, report.

What they come to is listed by `audit_register`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, TIME, argument, command, option, pass_call
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import Column, coded, labelled, note, print_json, print_rows, receipt_fields
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.application import Ledger
    from ledger.audit.conducting import About, Redrawn

AUDIT: Final = argument("audit", metavar="AUDIT")
FINDING: Final = argument("finding", type=click.IntRange(1, 2**31), metavar="FINDING")
_MISMATCH: Final = 3
_EVIDENCE: Final = option(
    "--evidence", multiple=True, metavar="EVENT",
    help=N_("An event that shows it, as RECORD/3; repeatable."),
)  # fmt: skip


@command(
    "open",
    N_(
        "Open an audit of a party over a span of time, and of all entries that there are.\n\n"
        "Whoever audits must be independent: no operational role in the span, not of the audited "
        "party unless it is an internal audit, and no more often in a row than the policy says. "
        "The audited party is the ledger's owner if none is named."
    ),
)
@option("--kind", type=CODE("AuditKind"), default="internal", show_default=True,
        help=N_("Who has it done."))  # fmt: skip
@option("--from", "first", required=True, type=TIME, help=N_("The first moment of the span."))
@option("--to", "--until", "last", type=TIME,
        help=N_("The first moment after the span; now if not given."))  # fmt: skip
@option("--lead", metavar="ACTOR", help=N_("The lead auditor; you if not given."))
@option("--firm", metavar="PARTY", help=N_("The auditing firm; the lead's if not given."))
@option("--party", metavar="PARTY", help=N_("Who is audited."))
@option("--deal", metavar="ENGAGEMENT", help=N_("Only what was done under this deal."))
@option("--letter", metavar="TEXT", help=N_("The letter of engagement; sealed."))
@option("--criteria", metavar="TEXT", help=N_("What is audited against; sealed."))
@act_options
@pass_call
def open_audit(
    call: Call,
    *,
    kind: str,
    first: str,
    last: str | None,
    lead: str | None,
    firm: str | None,
    party: str | None,
    deal: str | None,
    letter: str | None,
    criteria: str | None,
    how: How,
) -> None:
    """Record `audit.opened`."""
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    checked_text(letter, "--letter")
    checked_text(criteria, "--criteria")
    with call.writing() as ledger:
        named = {
            name: resolve(ledger, aggregate, text) if text else None
            for name, aggregate, text in (
                ("org", "party", firm), ("party", "party", party),
                ("engagement", "engagement", deal),
            )
        }  # fmt: skip
        who = resolve(ledger, "actor", lead) if lead else call.actor(ledger)
        proposal = conducting.open_audit(
            ledger, kind, who, (first, last), letter=letter, criteria=criteria, **named
        )
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    told = {name: proposal.fields[name] for name in ("entry", "consecutive")}
    how.tell(call, receipt, audit=proposal.stream, **told)


# -- samples ----------------------------------------------------------------------------------

_LOOK: Final = {
    "records": "muniment history", "holdings": "muniment holding show",
    "handovers": "muniment handover show", "destructions": "muniment destroy show",
    "backups": "muniment backup show", "rights_requests": "muniment rights show",
    "disclosures": "muniment evidence list", "grants": "muniment show",
}  # fmt: skip


def _stratum(code: str) -> str:
    """An event's kind, a record's category or a copy's medium."""
    for show in (labelled, coded("RecordCategory"), coded("BackupMedium")):
        if (shown := show(code)) != code:
            return shown
    return code


_DRAWN: Final = (
    Column("id", N_("drawn")), Column("stratum", N_("kind"), _stratum),
    Column("look", N_("look at it with")),
)  # fmt: skip


@command(
    "sample",
    N_(
        "Draw a sample of what the audit covers, record it, and print what to look at.\n\n"
        "The sample follows from the population, which is a list of ids that the events give, and "
        "a random seed: anybody can draw it again. With --verify a recorded sample is drawn again "
        "and compared, and nothing is recorded; exit code 3 if it is another one."
    ),
)
@AUDIT
@option("--of", "code", type=CODE("AuditPopulation"), help=N_("What to draw from."))
@option("--size", type=click.IntRange(1, 100_000), help=N_("How many to draw."))
@option("--actor", metavar="ACTOR", help=N_("Whose acts, with --of acts."))
@option("--seed", metavar="HEX", help=N_("32 hexadecimal digits; random if not given."))
@option("--stratified", is_flag=True, help=N_("Draw from each kind in proportion."))
@option("--verify", "number", type=click.IntRange(1, 2**31), metavar="NUMBER",
        help=N_("Draw this recorded sample again, and compare."))  # fmt: skip
@act_options
@pass_call
def sample(
    call: Call,
    *,
    audit: str,
    code: str | None,
    size: int | None,
    actor: str | None,
    seed: str | None,
    stratified: bool,
    number: int | None,
    how: How,
) -> int:
    """Record `audit.sample_drawn`; or compare, with an exit code of 3 where it differs."""
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    if number is not None:
        return _verify(call, audit, number, others=code or size or actor or seed or stratified)
    if code is None or size is None:
        raise click.UsageError(_("say with --of and --size what to draw"))
    with call.writing() as ledger:
        named = resolve(ledger, "audit", audit)
        whose = resolve(ledger, "actor", actor) if actor else None
        drawn = conducting.draw_sample(
            ledger, named, code, size, seed=seed, acts_of=whose, stratified=stratified
        )
        receipt = how.record(ledger, call.acting(ledger), [drawn.proposal])
    fields = drawn.proposal.fields
    rows = _to_look_at(code, drawn.drawn, drawn.population.members)
    told = {name: fields[name] for name in ("number", "count", "digest", "seed", "sample_size")}
    if call.as_json:
        recorded = receipt_fields(receipt) if receipt else {"recorded": False}
        print_json({**told, "drawn": rows, **recorded})
        return 0
    how.tell(call, receipt, **told)
    print_rows(call, rows, _DRAWN, None, _KEYS)
    return 0


_KEYS: Final = ("id", "stratum", "look")


def _to_look_at(code: str, drawn: list[str], members: dict[str, str]) -> list[dict[str, str]]:
    look = _LOOK.get(code, "muniment show")
    return [
        {"id": one, "stratum": members.get(one, ""),
         "look": look if look.endswith("list") else f"{look} {one}"}
        for one in drawn
    ]  # fmt: skip


def _verify(call: Call, audit: str, number: int, *, others: object) -> int:
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    if others:
        raise click.UsageError(_("--verify draws what was recorded, and takes nothing else"))
    with call.reading() as ledger:
        found = conducting.redraw(ledger, resolve(ledger, "audit", audit), number)
    _tell_redrawn(call, found)
    return _MISMATCH if found.differs else 0


def _tell_redrawn(call: Call, found: Redrawn) -> None:
    event = found.event
    rows = _to_look_at(event.population, found.drawn, found.population.members)
    if call.as_json:
        print_json({
            "number": event.number, "equal": not found.differs, "differs": list(found.differs),
            "seed": event.seed, "count": len(found.population.members), "drawn": rows,
        })  # fmt: skip
        return
    if not found.differs:
        click.echo(_("the same sample is drawn again"))
    for part in found.differs:
        click.echo(_(_DIFFERS[part]))
    print_rows(call, rows, _DRAWN, None, _KEYS)


_DIFFERS: Final = {
    "population": N_("the population is not the one that was recorded"),
    "drawn": N_("this seed draws another sample than the one that was recorded"),
}


# -- findings ---------------------------------------------------------------------------------


@command(
    "finding",
    N_(
        "Raise a finding: what is not as it should be, who is to set it right, and by when.\n\n"
        "With --replay and --item the finding of a replay (its JSON) is taken over: code, rule, "
        "chapter, severity and evidence come from there where you say nothing else."
    ),
)
@AUDIT
@option("--chapter", type=CODE("AuditChapter"), help=N_("Where it belongs."))
@option("--severity", type=CODE("FindingSeverity"), help=N_("How grave it is."))
@option(
    "--owner", required=True, metavar="ACTOR", help=N_("Who of the audited is to set it right.")
)
@option("--due", required=True, type=DAY, help=N_("By which day."))
@option("--condition", metavar="TEXT", help=N_("What was found; sealed."))
@option("--cause", metavar="TEXT", help=N_("Why it came about; sealed."))
@option("--effect", metavar="TEXT", help=N_("What follows from it; sealed."))
@option("--recommendation", metavar="TEXT", help=N_("What to do about it; sealed."))
@option("--rule", metavar="RULE", help=N_("The rule that it is against, as I-15 or its code."))
@option("--sample", type=click.IntRange(1, 2**31), metavar="NUMBER",
        help=N_("The sample that it came of."))  # fmt: skip
@_EVIDENCE
@option("--replay", type=PATH, metavar="FILE", help=N_("The JSON of a replay that found it."))
@option("--item", type=click.IntRange(1, 2**31), metavar="NUMBER",
        help=N_("Which of the replay's findings, from 1 on."))  # fmt: skip
@act_options
@pass_call
def finding(
    call: Call,
    /,
    *,
    audit: str,
    owner: str,
    due: str,
    replay: Path | None,
    item: int | None,
    how: How,
    **told: Any,  # noqa: ANN401  the texts and codes of a finding
) -> None:
    """Record `audit.finding_raised`."""
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    if (replay is None) != (item is None):
        raise click.UsageError(_("--replay and --item belong together"))
    names = ("condition", "cause", "effect", "recommendation")
    said = conducting.Said(*(checked_text(told[name], f"--{name}") for name in names))
    with call.writing() as ledger:
        named = resolve(ledger, "audit", audit)
        about, condition = _about(ledger, told, replay, item)
        said = said._replace(condition=said.condition or condition)
        proposal = conducting.raise_finding(
            ledger, named, about, said, owner=resolve(ledger, "actor", owner), due=due
        )
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, finding=proposal.fields["finding"])


def _about(
    ledger: Ledger, told: dict[str, Any], replay: Path | None, item: int | None
) -> tuple[About, str | None]:
    """Where a finding belongs, and what it says if nobody says it otherwise."""
    from domain.judging import RULE_CODES
    from ledger.audit import conducting, issuing
    from ledger.audit.catalogue import entry
    from ledger.audit.report.chapters import chapter_of
    from ledger.cli.language import language

    rule, severity, code, evidence = _rule(told["rule"]), told["severity"], None, told["evidence"]
    if rule is not None and rule not in RULE_CODES.values():
        raise UsageError("there is no such rule", "name one as a finding of a replay does: I-15")
    condition, chapter = None, told["chapter"]
    if replay is not None and item is not None:
        data = issuing.read_replay(replay)
        issuing.replay_of(ledger, data)
        found = issuing.finding_of(data, item)
        code, condition = found.code, getattr(entry(found.code).title, language())
        severity = severity or (None if found.severity == "note" else found.severity)
        rule = rule or _rule(found.rule or None)
        evidence = evidence or conducting.shown_by(ledger, found)
        chapter = chapter or chapter_of(found.rule)
    if severity is None or chapter is None:
        raise click.UsageError(_("say with --chapter where it belongs, with --severity how grave "
                                 "it is"))  # fmt: skip
    about = conducting.About(chapter, severity, rule, code, told["sample"], evidence)
    return about, condition


def _rule(given: str | None) -> str | None:
    """The code of a rule, where a person gave its number."""
    from domain.judging import RULE_CODES

    return RULE_CODES.get(given.upper(), given) if given else None


@command(
    "answer", N_("Record what the audited answer to a finding: that they accept or dispute it.")
)
@AUDIT
@FINDING
@option("--response", required=True, type=CODE("FindingResponse"), help=N_("What the answer is."))
@option("--text", required=True, metavar="TEXT", help=N_("The answer; sealed."))
@act_options
@pass_call
def answer(call: Call, *, audit: str, finding: int, response: str, text: str, how: How) -> None:
    """Record `audit.finding_answered`."""
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    checked_text(text, "--text", required=True)
    with call.writing() as ledger:
        named = resolve(ledger, "audit", audit)
        proposal = conducting.answer(ledger, named, finding, response, text)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@command(
    "remediate",
    N_(
        "Record what was done about a finding; the auditors confirm whether it works.\n\n"
        "Whoever is audited says this, after the report, too."
    ),
)
@AUDIT
@FINDING
@option("--action", required=True, metavar="TEXT", help=N_("What was done; sealed."))
@option("--done", "done_at", type=TIME, help=N_("When it was done, if not now."))
@_EVIDENCE
@act_options
@pass_call
def remediate(
    call: Call,
    *,
    audit: str,
    finding: int,
    action: str,
    done_at: str | None,
    evidence: tuple[str, ...],
    how: How,
) -> None:
    """Record `audit.remediation_recorded`."""
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    checked_text(action, "--action", required=True)
    with call.writing() as ledger:
        named = resolve(ledger, "audit", audit)
        proposal = conducting.remediate(ledger, named, finding, action, done_at, evidence)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@command(
    "confirm",
    N_("Record whether a remediation works: an effective one closes its finding."),
)
@AUDIT
@FINDING
@option("--outcome", required=True, type=CODE("RemediationOutcome"), help=N_("Whether it works."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def confirm(
    call: Call, *, audit: str, finding: int, outcome: str, remark: str | None, how: How
) -> None:
    """Record `audit.remediation_verified`."""
    from ledger.audit import conducting
    from ledger.cli.ids import resolve

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        named = resolve(ledger, "audit", audit)
        proposal = conducting.confirm(ledger, named, finding, outcome, remark)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


# -- the report -------------------------------------------------------------------------------


@command(
    "report",
    N_(
        "Issue the report of an audit: as JSON, whose SHA-256 is recorded, as HTML and as PDF.\n\n"
        "It rests on a replay of this ledger (muniment audit replay --json > FILE). The lead "
        "signs it; afterwards only remediation is recorded. Said again, it writes the same files "
        "and records nothing."
    ),
)
@AUDIT
@option("--replay", required=True, type=PATH, metavar="FILE", help=N_("The JSON of the replay."))
@option("--opinion", required=True, type=CODE("AuditOpinion"), help=N_("What it comes to."))
@option(
    "--out", required=True, type=PATH, metavar="DIR", help=N_("The folder that gets the files.")
)
@option("--limitations", metavar="TEXT", help=N_("What could not be audited; sealed."))
@act_options
@pass_call
def report(
    call: Call,
    *,
    audit: str,
    replay: Path,
    opinion: str,
    out: Path,
    limitations: str | None,
    how: How,
) -> None:
    """Record `audit.report_issued`, then write the files."""
    from ledger.audit import issuing
    from ledger.cli.ids import resolve
    from ledger.cli.sentences import sentences

    checked_text(limitations, "--limitations")
    data = issuing.read_replay(replay)
    with call.writing() as ledger:
        named = resolve(ledger, "audit", audit)
        made = issuing.prepare(ledger, named, data, opinion, limitations, sentences())
        issuing.check_target(out, made.files)
        receipt = None
        if made.proposal is not None:
            receipt = how.record(ledger, call.acting(ledger), [made.proposal])
        issuing.put(out, made.files)
    files = [str(out / name) for name in made.files]
    if call.as_json:
        recorded = receipt_fields(receipt) if receipt else {"recorded": False}
        print_json({"report": made.report.digest, "files": files, **recorded})
        return
    if made.proposal is None:
        note(call, _("This report was issued before; its files are as they were issued."))
    else:
        how.tell(call, receipt, report=made.report.digest)
    for file in files:
        click.echo(file)


ACTS: Final = (open_audit, sample, finding, answer, remediate, confirm, report)
