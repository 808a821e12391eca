"""Verification of an embedded ledger: its database, its pins, and what SQLite says of the file.

Beside the rows, SQLite's own `integrity_check` goes over the whole file (a part of its own for
whoever has several processes). It names what the rows do not show: damaged indexes, freelist and
projections, columns of a wrong type. It also makes the index on (stream, version) one that can be
believed to hold the rows of `events` and no others, which gap-free versions are read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial

from msgspec import structs

from ledger.cosigning import known_cosigners
from ledger.errors import VerificationError
from ledger.folder import Folder
from ledger.parallel import Executor, Pending, serial
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import VerifierKey
from ledger.verification.database import (
    UNREADABLE,
    StoredSource,
    connect,
    damaged,
    integrity,
    reopened,
)
from ledger.verification.findings import Finding, Findings, Report
from ledger.verification.rows import DamagedError
from ledger.verify import verify


def verify_folder(
    folder: Folder,
    since: bytes | None = None,
    trust: VerifierKey | None = None,
    *,
    cosigners: Iterable[VerifierKey] = (),
    tsa_roots: Sequence[bytes] = (),
    progress: Callable[[int], None] | None = None,
    executor: Executor | None = None,
) -> Report:
    """Verify an embedded ledger, against its own pins and the key that it trusts.

    `trust`: the ledger's key as the reader knows it; otherwise the one pinned in the folder.
    `since`: a checkpoint note to begin after; then SQLite's check of the whole file is left out.
    `tsa_roots`: certificates (DER) of time-stamping authorities, beside those pinned in the folder.
    `executor`: where parts of it are done; None: here.
    `cosigners`: beside those that the folder's policies ever named; where it never had one, nobody
    is asked about cosignatures, and lines of cosigners that are not known are no finding. Raises
    `NoLedgerError` if the database or the pinned key is missing, `NewerFormatError` for a format
    that this version does not know, `NoteError` if `since` is not acceptable.
    """
    trust = trust or folder.pinned_key()
    executor = executor or serial()
    findings = Findings()
    known = [*cosigners, *known_cosigners(folder)]
    roots = (*folder.tsa_roots(), *tsa_roots)
    try:
        with closing(connect(folder.database)) as connection:
            source = StoredSource(connection)
            source.check_format()
            pins, unreadable = _pins(folder, next(iter(source.entries(0, 1)), b""))
            checked = executor.submit(integrity, folder.database) if since is None else None
            report = verify(
                source,
                trust,
                pins=pins,
                since=since,
                cosigners=known,
                tsa_roots=roots,
                progress=progress,
                executor=executor,
                reopen=partial(reopened, folder.database) if executor.width > 1 else None,
            )
            report = report if known else report.without("cosigner_unknown")
            return _joined(report, checked, unreadable)
    except (DamagedError, *UNREADABLE) as error:
        damage = error if isinstance(error, DamagedError) else damaged(error)
        findings.add(damage.code, "file", cause=damage.message)
        return Report(findings.verdict, 0, 0, None, findings.sorted())


def _pins(folder: Folder, entry_zero: bytes) -> tuple[list[Checkpoint], list[Finding]]:
    """The states seen before, and a finding if one of them cannot be read."""
    try:
        return folder.pins(entry_zero), []
    except VerificationError as error:
        cause = error.message
        return [], [Finding("pin_unreadable", None, None, "file", None, None, cause)]


def _joined(
    report: Report, checked: Pending[Sequence[str]] | None, others: Sequence[Finding]
) -> Report:
    """The report with what SQLite found, and with what lies beside the database."""
    causes = checked.result() if checked else ()
    if not causes and not others:
        return report
    known = {finding.cause for finding in report.findings}
    damage = (
        Finding("database_damaged", None, None, "file", None, None, cause)
        for cause in dict.fromkeys(causes)
        if cause not in known
    )
    found = (*report.findings, *others, *damage)
    return structs.replace(report, verdict="invalid", findings=found)
