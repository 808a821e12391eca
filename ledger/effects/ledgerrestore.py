"""A ledger's folder put together from a copy, and kept from going on while entries are missing.

`restore_ledger` takes a copy (`ledgercopy`), with keystore and identity from wherever they were
kept, verifies all of it, destroys again what it says was destroyed (`reapplying`), and only then
gives the folder its name. The folder may lack what was recorded after the copy, and others may have
seen it: while `trust/restored` lies in it, it is read and not written. That file goes when the
missing entries are back (`refetching`), or was never needed: the pin of this machine says that
there was nothing later, or whoever restores says so. A pin that lies ahead refuses in any case
(promise 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from domain.ledger import LedgerState
from ledger.acting import Passphrases
from ledger.application import Ledger
from ledger.effects import ledgercopy
from ledger.effects.ledgercopy import CHECKPOINT, Manifest, check_signed, copy_file, take_file
from ledger.effects.reapplying import Reapplied, reapply
from ledger.effects.recognising import Recognised, recognise
from ledger.errors import UsageError, VerificationError
from ledger.evidence import data_key, unb64url
from ledger.facts import LedgerFacts
from ledger.folder import Folder, sync_folder, write_atomically
from ledger.inspection import inspect
from ledger.keystore import KEK_FILE, SLOT_FILE
from ledger.migrations import upgrade_earlier
from ledger.rebuild import bring_up_to_date, is_up_to_date
from ledger.schema import check_format, engine_for, foreign_objects
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import ED25519, VerifierKey
from ledger.verification.findings import ORDER, VERDICTS, Finding, Report, Verdict
from ledger.verification.stored import verify_folder

_KEY_FILE: Final = re.compile(r"([a-z]+-[0-9a-f-]{36})\.[a-z]+\.[0-9a-f]{8}\.key")


class Missing(NamedTuple):
    """Entries that this ledger had: indexes `first` to `last`, as a pin under `root` knows."""

    first: int
    last: int
    root: bytes


class Restored(NamedTuple):
    """A folder that was put together.

    `verdict`: of all that is in it, whatever was recorded later; `vkey`: the ledger's key that
    everything was verified with; `known`: whether this machine had a pin of this ledger;
    `missing`: what that pin says is missing, None if nothing; `waiting`: whether acts are refused
    until what may be missing was fetched; `reapplied`, `recognised`: None without a keystore.
    """

    folder: Path
    manifest: Manifest
    verdict: Verdict
    vkey: str
    known: bool
    missing: Missing | None
    waiting: bool
    reapplied: Reapplied | None
    recognised: Recognised | None


class BehindLedger(Ledger):
    """A ledger open for writing although pins lie ahead of it: to be completed, not to act on.

    It leaves no pin: those that know more stay.
    """

    def __init__(self, folder: Folder, passphrases: Passphrases, **options: Any) -> None:  # noqa: ANN401
        super().__init__(folder, passphrases, writing=True, **options)

    def _begin(self) -> None:
        self.writing = False  # what else would be checked is just what is missing
        super()._begin()
        self.writing = True
        with self.engine.connect() as connection:
            self._check_identity(LedgerFacts(connection))

    @property
    def head(self) -> Checkpoint:
        """The state that it stands at."""
        head = self.log.refresh()
        return Checkpoint(self.origin, head.entries, head.root)

    @property
    def pins(self) -> list[Checkpoint]:
        """The states that it is known to have had, here and outside."""
        found = self.folder.pins(self._entry_zero)
        return [pin for pin in found if pin.origin == self.origin]

    @property
    def zero(self) -> bytes:
        """The bytes of entry 0."""
        return self._entry_zero

    @property
    def missing(self) -> Missing | None:
        """What the pins say is missing, None if nothing."""
        furthest = max(self.pins, key=lambda pin: pin.size, default=None)
        size = self.head.size
        if furthest is None or furthest.size <= size:
            return None
        return Missing(size, furthest.size - 1, furthest.root)

    def go_on(self) -> None:
        """Let acts follow: nothing is missing that anybody here knows of.

        Raises `VerificationError` if a pin says otherwise.
        """
        self._check_pins(self.log.tree)
        self.folder.restored.unlink(missing_ok=True)
        sync_folder(self.folder.trust)
        self._continues = True


def restore_ledger(
    copy: Path,
    into: Path,
    passphrases: Passphrases,
    *,
    keystore: Path | None = None,
    identity: Path | None = None,
    trust: VerifierKey | None = None,
    complete: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Restored:
    """Put a ledger's folder together in `into`, new or empty, from a copy and what was kept apart.

    `trust`: the ledger's key as the reader knows it, else the one in the copy, which the reader
    then compares; `complete`: whoever restores says that nothing was recorded after the copy.
    `passphrases` are asked for only with a keystore. Raises `VerificationError` for a copy that is
    not what was copied, `UsageError` for parts that do not belong to it; then nothing is changed.
    """
    note, manifest = ledgercopy.read_manifest(copy)
    with ledgercopy.made_whole(into) as part:
        folder = _laid_out(part, copy, manifest, keystore, identity)
        if trust is not None:
            write_atomically(folder.trust / "ledger.vkey", f"{trust.format()}\n".encode("ascii"))
        vkey = folder.pinned_key()
        verdict = verified(folder, note, vkey, progress)
        write_atomically(folder.restored, manifest.checkpoint.format())
        with BehindLedger(folder, passphrases) as ledger:
            if ledger.head != manifest.checkpoint:
                raise VerificationError("copy.note names another state than the copy's")
            _check_belonging(ledger, keystore is not None)
            reapplied = reapply(ledger) if keystore is not None else None
            recognised = recognise(ledger) if keystore is not None else None
            known, missing = bool(ledger.pins), ledger.missing
            same = any(pin == ledger.head for pin in ledger.pins)
            waiting = missing is not None or not (complete or same)
            if not waiting:
                folder.restored.unlink()
        folder.pin_here(manifest.checkpoint)
    return Restored(
        into, manifest, verdict, vkey.format(), known, missing, waiting, reapplied, recognised
    )


def _laid_out(
    part: Path, copy: Path, manifest: Manifest, keystore: Path | None, identity: Path | None
) -> Folder:
    """Every file in its place; those of the copy are the ones that its note lists."""
    folder = Folder(part)
    for place in (folder.trust, folder.identity):
        place.mkdir(mode=0o700)
    for listed in manifest.files:
        take_file(copy, listed, part / listed.name)
    (part / CHECKPOINT).unlink()
    if keystore is not None:
        folder.keystore.mkdir(mode=0o700)
        for name in (KEK_FILE, SLOT_FILE):
            _brought(keystore / name, folder.keystore / name)
    if identity is not None:
        for path in sorted(identity.iterdir()):
            if _KEY_FILE.fullmatch(path.name):
                _brought(path, folder.identity / path.name)
    return folder


def _brought(source: Path, target: Path) -> None:
    try:
        copy_file(source, target)
    except OSError as error:
        raise UsageError(
            "{name} cannot be read where it was kept ({cause}); nothing was changed",
            "name the folder that holds it",
            name=source.name,
            cause=error.strerror,
        ) from None


def verified(
    folder: Folder, note: bytes, trust: VerifierKey, progress: Callable[[int], None] | None
) -> Verdict:
    """The verdict over a copy laid out in `folder`; that a pin lies ahead is not the copy's fault.

    The database is a stranger's until its log is verified with the trusted key and the ledger's
    own key is seen to have signed the list of the copy: before that it is only read.
    """
    engine = engine_for(folder.database, read_only=True)
    try:
        with engine.connect() as connection:
            _check_own(connection)
            current = is_up_to_date(connection)
            look = inspect if current else verify_folder
            verdict, wrong = without_rollback(look(folder, trust=trust, progress=progress))
            if verdict == "invalid":
                raise _not_whole(wrong)
            check_signed(note, _checkpoint_keys(LedgerFacts(connection)))
    except sa.exc.DatabaseError:
        raise VerificationError(
            "ledger.db in the copy cannot be read; nothing was changed", "take another copy"
        ) from None
    finally:
        engine.dispose()
    if not current:
        _bring_up_to_date(folder)
        verdict, wrong = without_rollback(inspect(folder, trust=trust, progress=progress))
        if verdict == "invalid":
            raise _not_whole(wrong)
    return verdict


def _check_own(connection: sa.Connection) -> None:
    """Refuse a trigger, a view or a table of somebody else's: it would act on what is written."""
    if foreign_objects(connection):
        raise VerificationError(
            "the database in the copy holds what Muniment does not make: triggers, views or "
            "tables of somebody else's; nothing was changed",
            "take another copy; somebody has opened this one for changes",
        )


def _bring_up_to_date(folder: Folder) -> None:
    """Migrate an earlier format, and make the projections anew."""
    engine = engine_for(folder.database)
    try:
        with engine.connect() as connection:
            upgrade_earlier(connection)
            check_format(connection)
            bring_up_to_date(connection, writing=True)
    finally:
        engine.dispose()


def without_rollback(report: Report) -> tuple[Verdict, list[Finding]]:
    """Verdict and findings of a report if no later state were known than the one that is there."""
    left = [finding for finding in report.findings if finding.code != "rolled_back"]
    if len(left) == len(report.findings):
        return report.verdict, left
    ranks = (ORDER.index(VERDICTS.get(finding.code, "invalid")) for finding in left)
    return ORDER[max(ranks, default=0)], left


def _not_whole(findings: Sequence[Finding]) -> VerificationError:
    return VerificationError(
        "the copy does not verify ({code}: {cause}); nothing was changed",
        "take another copy, and compare the ledger's key with the one that you know",
        code=findings[0].code,
        cause=findings[0].cause,
    )


def keys_of(ledger: Ledger) -> list[VerifierKey]:
    """The ledger's own keys for checkpoints, as its verified events have them."""
    with ledger.engine.connect() as connection:
        return _checkpoint_keys(LedgerFacts(connection))


def _checkpoint_keys(facts: LedgerFacts) -> list[VerifierKey]:
    state = facts.load([facts.ledger]).get(facts.ledger)
    keys = state.keys.values() if isinstance(state, LedgerState) else ()
    return [
        VerifierKey.of(k.key.name, ED25519, unb64url(k.key.public))
        for k in keys
        if k.key.purpose == "checkpoint"
    ]


def _check_belonging(ledger: Ledger, keystore: bool) -> None:  # noqa: FBT001
    """That keystore and key files are this ledger's: others would be of no use, and seem to be."""
    for path in ledger.folder.identity.iterdir():
        holder = path.name.partition(".")[0]
        if holder.startswith("ledger-") and holder != ledger.ledger_id:
            raise UsageError(
                "the key files are those of another ledger; nothing was changed",
                "name the folder with this ledger's identity",
            )
    if keystore and all(ledger.keystore.state(key) == "unknown" for key in _first_keys(ledger)):
        raise UsageError(
            "the keystore is another ledger's: it has none of the first keys; nothing was changed",
            "name the folder with this ledger's keystore",
        )


def _first_keys(ledger: Ledger) -> list[str]:
    """The data keys that entry 0 sealed its texts under."""
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT state FROM events WHERE entry = 0").all()
    return [key for (state,) in rows if (key := data_key(bytes(state))) is not None]
