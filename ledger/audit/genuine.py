"""Chapter `genuine`: what `ledger.verify` finds, as findings of a replay, one for one.

A folder is verified as `muniment verify` verifies it (`ledger.inspection`), save for the tables of
projections, which the replay makes and compares itself; a copy of the database file alone against
the key that the auditor trusts, without what only a folder has: pins, cosigners, settings. What is
found beyond the last position replayed is left for another replay, so that the answer is about one
state of a ledger that goes on being written to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import structs

from ledger.audit.catalogue import entry
from ledger.audit.finding import Finding
from ledger.audit.scratch import reading
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.schema import foreign_objects
from ledger.tlog.note import VerifierKey
from ledger.verification import findings as found
from ledger.verification.database import UNREADABLE, StoredSource, connect, damaged
from ledger.verification.rows import DamagedError
from ledger.verify import verify

FALSE_EVENT: Final = frozenset({"event_changed", "event_malformed", "event_missing"})
"""Findings about one event whose bytes are not those that were signed, or no event at all."""
FALSE_ENTRY: Final = frozenset(
    {"entry_changed", "entry_malformed", "note_malformed", "origin_foreign", "signature_invalid"}
)
"""Findings about an entry whose note was not said by those whom it names."""


def verified(
    place: Folder | Path,
    trust: VerifierKey | None,
    since: bytes | None,
    tsa_roots: Sequence[bytes],
    progress: Callable[[int], None] | None,
) -> found.Report:
    """Verify a ledger's folder, or a copy of its database alone; `trust` is needed for the copy.

    Arguments and errors as of `ledger.inspection.inspect`.
    """
    if isinstance(place, Folder):
        return inspect(place, since, trust, tsa_roots=tsa_roots, tables=False, progress=progress)
    assert trust is not None
    try:
        report = _copy(place, trust, since, tsa_roots, progress)
    except (DamagedError, *UNREADABLE) as error:
        damage = error if isinstance(error, DamagedError) else damaged(error)
        cause = damage.message.replace("ledger.db", "the file")  # whatever its name is
        findings = found.Findings()
        findings.add(damage.code, "file", cause=cause)
        return found.Report(findings.verdict, 0, 0, None, findings.sorted())
    return report.without("cosigner_unknown")


def _copy(
    database: Path,
    trust: VerifierKey,
    since: bytes | None,
    tsa_roots: Sequence[bytes],
    progress: Callable[[int], None] | None,
) -> found.Report:
    causes: list[str] = []
    with closing(connect(database)) as connection:
        source = StoredSource(connection)
        source.check_format()
        report = verify(source, trust, since=since, tsa_roots=tsa_roots, progress=progress)
        if since is None:
            source.damage(causes.append)
    named = {finding.cause for finding in report.findings}
    more = [_of_file("database_damaged", c) for c in dict.fromkeys(causes) if c not in named]
    if not more:
        with reading(database) as log:
            more = [
                _of_file("schema_changed", f"{_shown(name)} is not as Muniment makes it")
                for name in foreign_objects(log)
            ]
    if not more:
        return report
    return structs.replace(report, verdict="invalid", findings=(*report.findings, *more))


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else "an object"


def _of_file(code: str, cause: str) -> found.Finding:
    return found.Finding(code, None, None, "file", None, None, cause)


def up_to(report: found.Report, position: int, *, newest: bool = False) -> found.Report:
    """The report without what is found beyond a position, and its verdict without it.

    `newest`: it is the last one, so that entries which the head names and which are not there are
    missing from this state.
    """
    left = tuple(
        one
        for one in report.findings
        if (one.position or 0) <= position or (newest and one.code == "entry_missing")
    )
    if len(left) == len(report.findings):
        return report
    codes = (one.code for one in left if one.code != "more_findings")
    ranks = (found.ORDER.index(found.VERDICTS.get(code, "invalid")) for code in codes)
    verdict = found.ORDER[max(ranks, default=0)]
    return structs.replace(report, verdict=verdict, findings=left)


def doubts(report: found.Report) -> str:
    """A digest over what was found false; empty if nothing was."""
    if report.verdict != "invalid":
        return ""
    those = sorted({(one.code, one.position or 0, one.part) for one in report.findings})
    return sha256(repr(those).encode("ascii", "backslashreplace")).hexdigest()


def false_at(report: found.Report, codes: Collection[str]) -> frozenset[int]:
    """The positions at which one of these codes was found."""
    return frozenset(
        one.position for one in report.findings if one.code in codes and one.position is not None
    )


def findings_of(report: found.Report) -> Iterator[Finding]:
    """Every finding of a report, in the words of a replay."""
    for one in report.findings:
        known = entry(one.code)
        yield Finding(
            known.chapter if one.code != "not_permitted" else "genuine", one.code, known.severity,
            position=one.position, rule=known.rule, detail=one.part, subject=one.stream or "",
            expected=one.expected or "", actual=one.actual or "", cause=one.cause,
        )  # fmt: skip
