"""What a replay comes to, as people read it: by chapter and severity, with law and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.causes import in_words
from ledger.cli.checking import VERDICTS
from ledger.cli.columns import printable
from ledger.cli.labels import PARTS as LEDGER_PARTS
from ledger.cli.labels import part_label
from ledger.cli.language import N_, _, language, plural
from ledger.cli.output import coded, listed, local, named, print_fields

if TYPE_CHECKING:
    from ledger.audit.finding import Finding, Gap
    from ledger.audit.outcome import Law, Replayed

_MOST: Final = 10
_MOST_EVIDENCE: Final = 4

CHAPTER_NAMES: Final = {
    "genuine": N_("genuine: what is not as it was signed"),
    "permitted": N_("permitted: what a rule did not allow when it was recorded"),
    "complete": N_("complete: what has to be there and is not"),
    "timely": N_("timely: what is late, or at a time that cannot be"),
    "consistent": N_("consistent: tables, contents and files that are not as the events say"),
}
_ACTUAL: Final = {"compromise_window": N_("reported")}
"""What is compared, by code, where it has a name of its own."""
NOTE: Final = N_("note")
"""The name of what is no finding by law; the others are named as findings of audits are."""


def show(found: Replayed) -> None:
    """Print the whole result; a code's first findings, and how many more there are."""
    _show_head(found)
    for chapter, those in groupby(_by_chapter(found), attrgetter("chapter")):
        click.echo("")
        click.echo(_(CHAPTER_NAMES[chapter]))
        for same in _alike(list(those)):
            _show_code(same, found.law)
    if found.gaps:
        click.echo("")
        click.echo(_("What could not be looked at:"))
        for gap in found.gaps:
            click.echo(f"  {_gap(gap)}")
    click.echo("")
    click.echo(_summary(found))


def _show_head(found: Replayed) -> None:
    compared = {True: N_("as the events make them"), False: N_("not as the events make them"),
                None: N_("not compared")}[found.projections.equal]  # fmt: skip
    print_fields(
        [
            (N_("ledger"), found.origin),
            (N_("entries"), f"{found.entries:,}"),
            (N_("events judged"), f"{found.events:,}"),
            (N_("replayed before"), f"{found.since:,}" if found.since else None),
            (N_("as of"), local(found.as_of.accepted) if found.as_of.accepted else None),
            (N_("due up to"), local(found.now) if found.now else None),
            (N_("policy"), f"{found.policy.pack} {found.policy.version}".strip() or None),
            (N_("bytes"), _(VERDICTS[found.verdict]) if found.verdict else None),
            (N_("tables"), _(compared)),
            (N_("digest of tables"), found.projections.digest or None),
        ]
    )


def _by_chapter(found: Replayed) -> list[Finding]:
    from ledger.audit.finding import CHAPTERS

    return sorted(found.findings, key=lambda finding: CHAPTERS.index(finding.chapter))


def _alike(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Those of one severity, code, rule and detail together; the gravest first."""
    kinds: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        detail = one.detail if one.code == "not_permitted" else ""
        kinds.setdefault((one.severity, one.code, one.rule, detail), []).append(one)
    yield from kinds.values()


def _show_code(those: Sequence[Finding], law: Mapping[str, Sequence[Law]]) -> None:
    from ledger.audit.catalogue import entry

    first, chosen = those[0], language()
    known = entry(first.code)
    rule = f" {first.rule}" if first.rule else ""
    detail = f" ({first.detail})" if first.code == "not_permitted" else ""
    severity = _severity(first.severity)
    code = f"{first.code}{rule}{detail}"
    click.echo(f"  [{severity}] {named(code, known.title.said(chosen))}")
    cited = ""
    for article in map(_citation, law.get(first.rule, ())):
        cited = _("{some}; {more}").format(some=cited, more=article) if cited else article
    if cited:
        click.echo(f"      {named(_('basis in law'), printable(cited))}")
    for one in those[:_MOST]:
        if place := _place(one):
            click.echo(f"      {printable(place)}")
    if len(those) > _MOST:
        more = len(those) - _MOST
        text = plural("… and {count} more; --json lists it", "… and {count} more; --json lists all",
                      more)  # fmt: skip
        click.echo(f"      {text.format(count=more)}")
    click.echo(f"      {named(_('remedy'), known.remedy.said(chosen))}")


def _severity(code: str) -> str:
    return _(NOTE) if code == "note" else coded("FindingSeverity")(code).lower()


def _citation(law: Law) -> str:
    name = law.zh if language() == "zh" else law.en
    return f"{name or law.statute} {law.article} ({law.version})"


def _place(finding: Finding) -> str:
    """Where it is and what shows it, in a line."""
    parts = []
    if finding.position is not None:
        parts.append(_("position {position}").format(position=finding.position))
    elif finding.entry is not None:
        parts.append(_("entry {entry}").format(entry=finding.entry))
    if finding.subject:
        parts.append(finding.subject)
    if finding.detail and finding.code != "not_permitted":
        parts.append(_detail(finding))
    evidence = [one for one in finding.evidence if one != finding.subject]
    if evidence:
        parts.append(" ".join(evidence[:_MOST_EVIDENCE]))
    actual = _ACTUAL.get(finding.code, N_("actual"))
    for name, value in (
        (N_("since"), finding.since), (N_("due"), finding.due),
        (N_("expected"), finding.expected), (actual, finding.actual),
    ):  # fmt: skip
        if value:
            parts.append(f"{_(name)} {value}")
    return listed(parts) or in_words(finding.cause)


def _detail(finding: Finding) -> str:
    """The code behind a finding's code, in words where they are Chinese."""
    from ledger.audit.report.details import detail
    from ledger.cli.sentences import sentences

    if language() != "zh":
        return finding.detail
    if finding.detail in LEDGER_PARTS:
        return part_label(finding.detail, "zh")
    return "；".join(str(line[1]) for line in detail(finding.code, finding.detail, sentences()))


def _gap(gap: Gap) -> str:
    from ledger.audit.catalogue import gap_said
    from ledger.audit.catalogue.gaps import WHY
    from ledger.audit.report.details import PARTS

    chosen = language()
    if gap.subject in WHY:
        subject = gap_said(gap.subject).said(chosen)
    else:
        subject = listed(_part(one) if one in PARTS else one for one in gap.subject.split())
    said = gap_said(gap.code).said(chosen)
    if gap.count != 1:
        said = _("{text} ({counts})").format(text=said, counts=f"{gap.count:,}")
    return named(_part(gap.part), named(said, printable(subject)) if subject else said)


def _part(code: str) -> str:
    from ledger.audit.report.details import part_of

    return part_of(code)[0 if language() == "zh" else 1]


def _summary(found: Replayed) -> str:
    severities = found.counts.severity
    counts = listed(f"{_severity(name)} {count:,}" for name, count in severities.items() if count)
    total = len(found.findings)
    text = plural("{count} finding", "{count} findings", total).format(count=f"{total:,}")
    if counts:
        text = _("{text} ({counts})").format(text=text, counts=counts)
    if found.gaps:
        text += _("; {count} not looked at").format(count=len(found.gaps))
    return text
