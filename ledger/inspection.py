"""Everything that `muniment verify` looks at: the log, what stands around it, what is read from it.

The log is verified by `ledger.verification.stored`. So that no answer can be other than the events
say, a full inspection also names objects in the database that are not Muniment's, settings of
another ledger, and every row of the projections that is not what the events make it (promises 1
and 2). With `since` only the log is looked at, and of it only what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa
from msgspec import structs

from ledger import rebuild
from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.schema import engine_for, foreign_objects
from ledger.tlog.note import VerifierKey
from ledger.tree import StoredTree
from ledger.verification.findings import Finding, Report
from ledger.verification.stored import verify_folder


def inspect(
    folder: Folder,
    since: bytes | None = None,
    trust: VerifierKey | None = None,
    *,
    tsa_roots: Sequence[bytes] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify a ledger's folder; arguments and errors as of `verify_folder`."""
    report = verify_folder(folder, since=since, trust=trust, tsa_roots=tsa_roots, progress=progress)
    if folder.replica and not folder.keystore.exists():  # another's ledger comes without its texts
        report = report.without("sealed_missing")
    if since is not None:
        return report
    found = [*_settings(folder, report), *_database(folder, report)]
    if not found:
        return report
    findings = (*report.findings, *found)
    return structs.replace(report, verdict="invalid", findings=findings)


def _settings(folder: Folder, report: Report) -> Iterator[Finding]:
    """That muniment.toml speaks of this ledger."""
    named = folder.settings().get("origin")
    origin = (report.checkpoint or "").partition("\n")[0]
    if origin and named != origin:
        yield _finding("settings_differ", "file", "muniment.toml names another origin")


def _database(folder: Folder, report: Report) -> Iterator[Finding]:
    """That nothing foreign stands in the database, and that its tables follow from its events."""
    engine = engine_for(folder.database, read_only=True)
    try:
        with engine.connect() as connection:
            for name in foreign_objects(connection):
                shown = name if name.isidentifier() and name.isascii() else "an object"
                cause = f"{shown} is not as Muniment makes it"
                yield _finding("schema_changed", "file", cause)
            if report.verdict != "invalid":
                StoredTree(connection)
                for difference in rebuild.check(connection):
                    columns = " ".join(difference.columns)
                    cause = f"table {difference.table}, row {difference.kind} {columns}".rstrip()
                    yield _finding("projection_differs", "column", cause)
    except (MunimentError, sa.exc.DBAPIError, TypeError, ValueError) as error:
        if report.verdict != "invalid":
            cause = f"the tables cannot be read ({type(error).__name__})"
            yield _finding("database_damaged", "file", cause)
    finally:
        engine.dispose()


def _finding(code: str, part: str, cause: str) -> Finding:
    return Finding(code, None, None, part, None, None, cause)  # type: ignore[arg-type]
