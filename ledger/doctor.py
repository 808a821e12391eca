"""What can be wrong around a ledger without a single byte of the log being wrong."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from msgspec import Struct, structs

from ledger.databasefile import disguised
from ledger.effects import expiring, pending
from ledger.effects.reapplying import come_back, missing_keys
from ledger.effects.vaulting import DAY, encrypted_copies
from ledger.effects.vouching import Compared, Differing, Unreadable, Unvouched, compared
from ledger.errors import KeyAccessError, MunimentError
from ledger.folder import Folder
from ledger.keystore import SLOT_FILE
from ledger.schema import WriterLock, check_format, engine_for, foreign_objects, trigger_names
from ledger.signing import now
from ledger.stream import object_size
from ledger.tree import StoredTree
from ledger.vault import Vault
from projections import keycopies

_PRIVATE = stat.S_IRWXG | stat.S_IRWXO
_NAMED = 5


class Check(Struct, frozen=True):
    """One thing looked at: `text` is a template for `values`; `remedy` says what to do."""

    code: str
    state: Literal["ok", "warning", "failed"]
    text: str
    values: dict[str, Any] = {}
    remedy: str = ""


def examine(folder: Folder) -> Iterator[Check]:
    """Look at everything that can be looked at without a passphrase; nothing is changed.

    Raises `NoLedgerError` where there is no ledger at all.
    """
    folder.check()
    folder.settings()
    yield Check("folder", "ok", "the folder is complete")
    yield from _permissions(folder)
    yield from _keys(folder)
    yield from _database(folder)
    yield from _pending(folder)
    yield _lock(folder)


def _failed(code: str, error: MunimentError) -> Check:
    """What an error says, as a check: its templates with its values as text."""
    values = {name: str(value) for name, value in error.values.items()}
    return Check(code, "failed", error.template, values, error.remedy_template)


def _permissions(folder: Folder) -> Iterator[Check]:
    exposed = [
        path.relative_to(folder.path).as_posix()
        for part in (folder.identity, folder.keystore, Vault(folder.path).path)
        if part.is_dir()
        for path in (part, *part.iterdir())
        if path.stat().st_mode & _PRIVATE
    ]
    if exposed:
        yield Check(
            "permissions",
            "failed",
            "others on this machine may read {paths}",
            {"paths": ", ".join(exposed)},
            "chmod -R go-rwx on these folders",
        )
    else:
        yield Check("permissions", "ok", "keys are readable by their owner only")


def _keys(folder: Folder) -> Iterator[Check]:
    try:
        key = folder.pinned_key()
    except MunimentError as error:
        yield _failed("trust", error)
    else:
        yield Check("trust", "ok", "the pinned ledger key is {vkey}", {"vkey": key.format()})
    if folder.replica:
        yield Check("replica", "ok", "a replica of another's ledger: read, never written")
    for name in ("kek.json", "slots") if not folder.replica else ():
        if not (folder.keystore / name).is_file():
            yield Check(
                "keystore",
                "failed",
                "keystore/{name} is missing: sealed texts cannot be read",
                {"name": name},
                "restore it from a backup; see docs/reference/files.md",
            )


def _database(folder: Folder) -> Iterator[Check]:
    engine = engine_for(folder.database, read_only=True)
    try:
        with engine.connect() as connection:
            if names := disguised(connection.exec_driver_sql):
                yield _foreign(names)
                return
            check_format(connection)
            yield _triggers(connection)
            yield _integrity(connection)
            yield from _head(folder, connection)
            yield from _come_back(folder, connection)
            if not folder.replica:  # where the originals lie is looked after where they lie
                yield from _keystore_medium(connection)
                yield from _vault(folder, connection)
                yield from _people(connection)
    except MunimentError as error:
        yield structs.replace(_failed("database", error), remedy="muniment verify")
    except sa.exc.DatabaseError:
        yield Check("database", "failed", "ledger.db is damaged", {}, "muniment verify")
    finally:
        engine.dispose()


def _triggers(connection: sa.Connection) -> Check:
    found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    missing = sorted(trigger_names() - {row[0] for row in found})
    if foreign := foreign_objects(connection):
        return _foreign(foreign)
    if missing:
        return Check(
            "triggers",
            "failed",
            "triggers that refuse changes are missing: {names}",
            {"names": ", ".join(missing)},
            "somebody has opened the database for changes: muniment verify",
        )
    return Check("triggers", "ok", "triggers refuse changes of the log")


def _foreign(names: Sequence[str]) -> Check:
    return Check(
        "triggers",
        "failed",
        "something in the database is not as Muniment makes it: {names}",
        {"names": ", ".join(names)},
        "somebody has opened the database for changes: muniment verify",
    )


def _integrity(connection: sa.Connection) -> Check:
    answer = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    if answer != "ok":
        return Check("integrity", "failed", "the database is damaged", {}, "muniment verify")
    return Check("integrity", "ok", "the database is whole")


def _head(folder: Folder, connection: sa.Connection) -> Iterator[Check]:
    tree = StoredTree(connection)
    head, present = tree.head, now()
    values = {"entries": head.entries, "events": head.events, "accepted": head.accepted}
    yield Check("head", "ok", "{events} events in {entries} entries, last at {accepted}", values)
    if present < head.accepted:
        yield Check(
            "clock",
            "failed",
            "this machine's clock says {present}, before the last entry",
            {"present": present},
            "set the clock right; until then nothing can be recorded",
        )
    zero = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = 0").scalar()
    for pin in folder.pins(bytes(zero or b"")):
        if pin.size > head.entries or tree.root_at(pin.size) != pin.root:
            yield Check(
                "pin",
                "failed",
                "this ledger was last seen with {size} entries and is not its continuation",
                {"size": pin.size},
                "fetch the missing entries from whoever holds them",
            )
    others = connection.exec_driver_sql("SELECT max(size) FROM checkpoints").scalar()
    if not others or others < head.entries:
        yield Check(
            "checkpoint",
            "warning",
            "{entries} entries are not covered by a signed checkpoint",
            {"entries": head.entries - (others or 0)},
            "muniment checkpoint, and give it to somebody else",
        )


def _people(connection: sa.Connection) -> Iterator[Check]:
    """Rows by which people are found again against what events vouch for; said only if wrong."""
    differing: list[str] = []
    for one in _compared(connection):
        if isinstance(one, Differing):
            differing.append(one.record)
        elif isinstance(one, Unvouched):
            yield Check(
                "people",
                "warning",
                "{count} records count as looked through for people, and no event says so",
                {"count": one.count},
                "muniment subject index --all --again",
            )
        elif isinstance(one, Unreadable):
            yield Check(
                "people",
                "ok",
                "people were looked for in {count} records, whose content cannot be read here now: "
                "{cause}",
                {"count": one.count, "cause": one.cause},
            )
        else:
            yield Check(
                "people",
                "warning",
                "people were looked for in {count} records, and cannot be found again here",
                {"count": one.count},
                "muniment subject index --all",
            )
    if differing:
        yield Check(
            "people",
            "failed",
            "rows by which people are found again are not those events vouch for: {names}",
            {"names": ", ".join(differing[:_NAMED])},
            "muniment subject index RECORD --again; muniment audit replay",
        )


def _compared(connection: sa.Connection) -> list[Compared]:
    """What `compared` says, as of one moment: somebody may be indexing while this is read."""
    connection.exec_driver_sql("BEGIN")
    try:
        return list(compared(connection, connection))
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _vault(folder: Folder, connection: sa.Connection) -> Iterator[Check]:
    """What lies in the vault against what events name; what is in the objects is not looked at."""
    vault = Vault(folder.path)
    wrong: dict[str, list[str]] = {"missing": [], "damaged": [], "left": []}
    known: set[str] = set()
    for copy in encrypted_copies(connection):
        known.add(copy.object)
        try:
            size = vault.path_of(copy.object).stat().st_size
        except OSError:
            if copy.there and not copy.elsewhere:
                wrong["missing"].append(copy.holding)
            continue
        if not copy.there:
            wrong["left"].append(copy.holding)
        elif size != object_size(copy.size):
            wrong["damaged"].append(copy.holding)
    yield from _objects_wrong(wrong)
    old = [s for s in vault.strays(known.__contains__) if s.changed < time.time() - DAY]
    if old:
        yield Check(
            "vault",
            "warning",
            "{count} files in the vault are named by no event: runs that were broken off",
            {"count": len(old)},
            "muniment vault check --remove-strays",
        )
    elif not any(wrong.values()):
        yield Check("vault", "ok", "{count} encrypted copies are known", {"count": len(known)})


def _objects_wrong(wrong: dict[str, list[str]]) -> Iterator[Check]:
    if found := wrong["missing"]:
        yield Check(
            "vault", "failed", "the vault lacks the objects of {count} copies: {copies}",
            _named(found), "muniment vault check; restore them from a backup",
        )  # fmt: skip
    if found := wrong["damaged"]:
        yield Check(
            "vault", "failed", "the objects of {count} copies in the vault are damaged: {copies}",
            _named(found), "muniment vault check; restore them from a backup",
        )  # fmt: skip
    if found := wrong["left"]:
        yield Check(
            "vault", "failed",
            "{count} copies are recorded as gone, and their objects are in the vault: {copies}",
            _named(found), "where it was destroyed: muniment destroy verify CASE, then execute "
            "again",
        )  # fmt: skip


def _named(copies: Sequence[str]) -> dict[str, Any]:
    more = [*copies[:_NAMED], *["…"][: len(copies) > _NAMED]]
    return {"count": len(copies), "copies": ", ".join(more)}


def _come_back(folder: Folder, connection: sa.Connection) -> Iterator[Check]:
    """What a folder that was put back may lack, or have too much of."""
    if folder.continued.exists():
        yield Check(
            "restored", "warning", "entries were lost; the ledger goes on under a new origin", {},
            "trust/continued names it; this folder is only read",
        )  # fmt: skip
    elif folder.restored.exists():
        yield Check(
            "restored", "warning", "put together from a copy; what followed may be missing", {},
            "muniment ledger refetch --from OTHER",
        )  # fmt: skip
    if not (folder.keystore / SLOT_FILE).is_file():
        return
    try:
        keys = come_back(connection, folder.keystore)
        missing = missing_keys(connection, folder.keystore)
    except KeyAccessError as error:
        yield _failed("keystore", error)
        return
    if keys:
        yield Check(
            "destroyed", "failed", "{keys} data keys are here that were destroyed: an older "
            "keystore was put back", {"keys": keys}, "muniment ledger reapply",
        )  # fmt: skip
    if missing:
        yield Check(
            "keys", "failed", "{keys} data keys are gone that no event says were shredded: the "
            "keystore is damaged or an older one was put back", {"keys": missing},
            "bring them back from a copy of the keystore: muniment keystore list",
        )  # fmt: skip


def _keystore_medium(connection: sa.Connection) -> Iterator[Check]:
    """Whether somebody has said what the keystore lies on."""
    copies = (keycopies.one(connection, name) for name in keycopies.there(connection))
    if not any(copy is not None and copy.kind == "live" for copy in copies):
        yield Check(
            "keystore_medium", "warning",
            "nobody has named what the keystore lies on: certificates say partial", {},
            "muniment keystore register --kind live --medium CODE --place TEXT",
        )  # fmt: skip


def _pending(folder: Folder) -> Iterator[Check]:
    """Acts that reached into the world and were broken off before they were recorded."""
    cases, backups = pending.left_open(folder), expiring.left_open(folder)
    for case in cases:
        yield Check(
            "pending",
            "warning",
            "the execution of {case} was begun, and is not recorded to its end",
            {"case": case},
            f"muniment destroy execute {case}",
        )
    for backup in backups:
        yield Check(
            "pending",
            "warning",
            "the expiry of {backup} was begun, and is not recorded to its end",
            {"backup": backup},
            f"muniment backup expire {backup}",
        )
    if not cases and not backups:
        yield Check("pending", "ok", "nothing that was begun is left unrecorded")


def _lock(folder: Folder) -> Check:
    lock = WriterLock(folder.path)
    try:
        lock.acquire(0)
    except MunimentError:
        return Check("lock", "warning", "another process is writing at this moment")
    lock.release()
    return Check("lock", "ok", "nobody is writing")
