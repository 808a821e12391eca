"""Issuing an audit's report: on a replay of this very ledger, once, its digest recorded.

The report is made, with all its pages, before anything is recorded, and recorded before a file is
written. If a file cannot be written then, issuing it again writes the same bytes and records
nothing: a report follows from the audit's events, the replay and the ledger up to what the audit
covers.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.audit import AuditFindingRaised, AuditReportIssued
from domain.audit_rules import GRAVE
from domain.judging import RULE_CODES
from ledger.acts import texts
from ledger.audit.conducting import audit_state, root_at
from ledger.audit.finding import CHAPTERS
from ledger.audit.outcome import MAX_BYTES, Replayed, read_replayed
from ledger.audit.replay import Asked, replay
from ledger.audit.report.compliance import issued, report
from ledger.audit.report.details import NO_SENTENCES, Sentences
from ledger.errors import EncodingError, MunimentError, UsageError, VerificationError
from ledger.facts import LedgerFacts
from ledger.folder import read_limited, write_atomically
from ledger.signing import Proposal
from ledger.tlog.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ledger.application import Ledger
    from ledger.audit.finding import Finding
    from ledger.audit.report.printed import Report

NAME: Final = "audit-report"


class Prepared(NamedTuple):
    """A report ready to be issued: `proposal` None if exactly this one was issued before."""

    report: Report
    proposal: Proposal | None
    files: Mapping[str, bytes]


def read_replay(path: Path) -> bytes:
    """The bytes of a file with a replay. Raises `UsageError` if it cannot be read."""
    try:
        return read_limited(path, MAX_BYTES + 1)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None


def replay_of(ledger: Ledger, data: bytes) -> Replayed:
    """The replay in `data`, which must be one of this ledger as it is.

    Raises `VerificationError` if the bytes are no replay, if it is of another ledger, or of another
    history than the one that is stored here.
    """
    replayed = _read(data)
    if replayed.origin != ledger.origin:
        raise _of_another()
    entry = replayed.as_of.entry
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        size = ledger.seen()[0]
        if not 0 <= entry < min(size, replayed.entries) or replayed.entries > size:
            raise _of_another()
        if facts.accepted_at(entry) != replayed.as_of.accepted:
            raise _of_another()
    if replayed.checkpoint:
        try:
            state = Checkpoint.parse(replayed.checkpoint.encode("utf-8"))
        except MunimentError:
            raise _of_another() from None
        if state.size > size or root_at(ledger, state.size) != state.root.hex():
            raise _of_another()
    return replayed


def _read(data: bytes) -> Replayed:
    try:
        return read_replayed(data)
    except EncodingError:
        raise VerificationError(
            "this is not a replay as Muniment writes it; nothing was recorded",
            "muniment audit replay --json",
        ) from None


def _of_another() -> VerificationError:
    return VerificationError(
        "the replay is of another ledger, or of another state of it; nothing was recorded",
        "muniment audit replay --json, and report with that",
    )


def prepare(
    ledger: Ledger,
    audit: str,
    data: bytes,
    opinion: str,
    limitations: str | None,
    sentences: Sentences = NO_SENTENCES,
) -> Prepared:
    """Make the report of an audit on a replay, with its pages; nothing is recorded or written.

    `sentences`: for the pages (`ledger.audit.report.details`). Raises as `replay_of`; `UsageError`
    if another report was issued before, or with other limitations, or if the replay looked at a
    part of the ledger only.
    """
    state = audit_state(ledger, audit)
    replayed = replay_of(ledger, data)
    if replayed.only or replayed.chapters != CHAPTERS or replayed.since:
        raise UsageError(
            "the replay looked at a part only; nothing was recorded",
            "muniment audit replay --json, without --only and without --since",
        )
    if opinion == "unqualified" and (unraised := _unraised(ledger, audit, replayed)):
        raise UsageError(
            "the replay found what no finding of the audit is about, {count} of it critical or "
            "high ({code}); nothing was recorded",
            "muniment audit finding --replay FILE --item N, or another opinion",
            count=len(unraised), code=unraised[0].code,
        )  # fmt: skip
    made = report(ledger, audit, data, opinion, limitations)._replace(sentences=sentences)
    before = issued(ledger, audit, made.digest)
    if before is False or (before and not _limited_so(ledger, audit, limitations)):
        raise UsageError(
            "the audit has issued another report; nothing was recorded",
            "muniment audit show AUDIT; muniment audit open, for the next audit",
        )
    files = {f"{NAME}.json": made.json, f"{NAME}.html": made.html, f"{NAME}.pdf": made.pdf()}
    if before:
        return Prepared(made, None, files)
    _replayed_again(ledger, replayed)
    size = replayed.as_of.entry + 1
    fields = {
        "report": made.digest, "opinion": opinion,
        "replay": sha256(replayed.json()).hexdigest(),
        "open": len(state.findings) - state.closed, "closed": state.closed, "checkpoint": size,
        "root": root_at(ledger, size),
    }  # fmt: skip
    proposal = Proposal(AuditReportIssued, audit, fields, texts(limitations=limitations))
    return Prepared(made, proposal, files)


def _unraised(ledger: Ledger, audit: str, replayed: Replayed) -> list[Finding]:
    """The critical and high findings of a replay of which the audit says nothing."""
    raised = {
        about
        for _, _, event, _ in ledger.events_of(audit)
        if isinstance(event, AuditFindingRaised)
        for about in (event.code, event.rule and RULE_CODES.get(event.rule, event.rule))
        if about
    }
    return [
        one
        for one in replayed.findings
        if one.severity in GRAVE and not {one.code, RULE_CODES.get(one.rule)} & raised
    ]


def _replayed_again(ledger: Ledger, replayed: Replayed) -> None:
    """Whoever wants a good report leaves out of a replay's file what it found: replay once more.

    Whatever of falsehood and of acts not permitted the ledger shows up to the same entry must stand
    in the file. Raises `VerificationError` if something does not.
    """
    last = replayed.as_of.entry
    asked = Asked(replayed.now, only=("genuine", "permitted"))
    known = {_said(one) for one in replayed.findings}
    left_out = [
        one
        for one in replay(ledger.folder, None, asked).findings
        if one.severity != "note" and (one.entry is None or one.entry <= last)
        and _said(one) not in known
    ]  # fmt: skip
    if left_out:
        raise VerificationError(
            "the replay lacks {count} of what this ledger shows, as {code}; nothing was recorded",
            "muniment audit replay --json, and report with that",
            count=len(left_out), code=left_out[0].code,
        )  # fmt: skip


def _said(one: Finding) -> tuple[object, ...]:
    return (one.code, one.entry, one.position, one.rule, one.detail, one.subject)


def _limited_so(ledger: Ledger, audit: str, limitations: str | None) -> bool:
    """Whether the report that was issued says the same of what could not be audited."""
    (said,) = (
        ledger.unseal(position, event) or {}
        for position, _, event, _ in ledger.events_of(audit)
        if isinstance(event, AuditReportIssued)
    )
    return said.get("limitations") == (limitations or None)


def check_target(out: Path, files: Mapping[str, bytes]) -> None:
    """Raise `UsageError` unless the files can be put into a folder, which is made if need be.

    A file that is there already and has the very same bytes is as good as written.
    """
    try:
        for name, content in files.items():
            if (out / name).exists() and not _is(out / name, content):
                raise UsageError(
                    "a file of that name is there already, with other content; nothing was written",
                    "name another folder",
                )
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "the folder cannot be made ({cause}); nothing was recorded", cause=error.strerror
        ) from None


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and read_limited(path, len(content) + 1) == content


def write(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files that are not there yet, each whole or not at all. Raises `OSError`."""
    for name, content in files.items():
        if not ((out / name).exists() and _is(out / name, content)):
            write_atomically(out / name, content)


def put(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a report that was issued. Raises `MunimentError` if one cannot be."""
    try:
        write(out, files)
    except OSError:
        raise MunimentError(
            "the report was issued, and its files could not be written",
            "say the same again with a folder that this user can write to",
        ) from None


def finding_of(data: bytes, number: int) -> Finding:
    """The finding of a replay by its number, from 1 on, in the order in which it tells them."""
    findings = _read(data).findings
    if not 1 <= number <= len(findings):
        raise UsageError("the replay has no finding of this number; it has {count}",
                         "muniment audit replay", count=len(findings))  # fmt: skip
    return findings[number - 1]
