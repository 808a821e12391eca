"""Everything that `muniment verify` looks at: the log, what stands around it, what is read from it.

The log is verified by `ledger.verification.stored`. So that no answer can be other than the events
say, a full inspection also names objects in the database that are not Muniment's, settings of
another ledger, and every row of the projections that is not what the events make it (promises 1
and 2). With `since` only the log is looked at, and of it only what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from msgspec import structs

from ledger import rebuild
from ledger.databasefile import disguised
from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.parallel import Executor
from ledger.schema import engine_for, foreign_objects, reshaped_tables
from ledger.tlog.note import VerifierKey
from ledger.tree import StoredTree
from ledger.verification.findings import Finding, Report
from ledger.verification.rows import ReshapedError
from ledger.verification.stored import verify_folder


def inspect(
    folder: Folder,
    since: bytes | None = None,
    trust: VerifierKey | None = None,
    *,
    tsa_roots: Sequence[bytes] = (),
    tables: bool = True,
    progress: Callable[[int], None] | None = None,
    executor: Executor | None = None,
) -> Report:
    """Verify a ledger's folder; arguments and errors as of `verify_folder`.

    `tables`: False leaves out the projections, for whoever makes and compares them anyway.
    """
    early = None
    if executor is not None and executor.width > 1 and since is None:
        early = executor.submit(_database, folder.database, tables)
    report = verify_folder(
        folder, since=since, trust=trust, tsa_roots=tsa_roots, progress=progress, executor=executor
    )
    if folder.replica and not folder.keystore.exists():  # another's ledger comes without its texts
        report = report.without("sealed_missing")
    if since is not None:
        return report
    sound = report.verdict != "invalid"
    looked = early.result() if early else _database(folder.database, tables and sound)
    found = [*_settings(folder, report), *looked.schema, *(looked.tables if sound else ())]
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


class _Looked(NamedTuple):
    """What was found of objects in a database, and of its tables, or in reading either."""

    schema: list[Finding]
    tables: list[Finding]


def _database(database: Path, tables: bool) -> _Looked:  # noqa: FBT001  also run elsewhere
    """That nothing foreign stands in the database, and that its tables follow from its events."""
    found = _Looked([], [])
    engine = engine_for(database, read_only=True)
    try:
        with engine.connect() as connection:
            if names := disguised(connection.exec_driver_sql):
                found.schema.extend(map(_reshaped, names))
                return found
            for name in foreign_objects(connection):
                found.schema.append(_reshaped(name))
            if tables and rebuild.is_up_to_date(connection):
                for name in reshaped_tables(connection):
                    cause = f"table {name} has other columns or indexes than Muniment makes"
                    found.schema.append(_finding("schema_changed", "file", cause))
            if tables:
                StoredTree(connection)
                for difference in rebuild.check(connection):
                    columns = " ".join(difference.columns)
                    cause = f"table {difference.table}, row {difference.kind} {columns}".rstrip()
                    found.tables.append(_finding("projection_differs", "column", cause))
    except (MunimentError, sa.exc.DBAPIError, TypeError, ValueError) as error:
        cause = f"the tables cannot be read ({type(error).__name__})"
        found.tables.append(_finding("database_damaged", "file", cause))
    finally:
        engine.dispose()
    return found


def _reshaped(name: str) -> Finding:
    return _finding("schema_changed", "file", ReshapedError([name]).message)


def _finding(code: str, part: str, cause: str) -> Finding:
    return Finding(code, None, None, part, None, None, cause)  # type: ignore[arg-type]
