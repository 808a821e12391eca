"""The folder of an embedded ledger: what lies where, and the pins that notice a rollback.

    muniment.toml   format and origin; made last by `init`, so a folder without it is no ledger
    ledger.db       the log and the projections (SQLite, WAL)
    vault/          encrypted contents (`ledger.vault`)
    keystore/       wrapped data keys, erasable; never inside ledger.db or its backups
    identity/       key files: `<holder>.<purpose>.<key id>.key`
    trust/          ledger.vkey (the pinned ledger key), pin (the last state seen here), restored
                    (put together from a copy; goes when what was missing is back), continued (the
                    new origin under which a ledger that lost entries goes on elsewhere), replica
                    (the signed note of the copy of another's ledger that lies here, read-only),
                    replicas/ (where replicas of other ledgers lie: `ledger.effects.replica`),
                    tsa.pem (authorities trusted for time), timestamps/ (requests that wait for a
                    reply: `ledger.timestamps`), policy and cosigners (who must cosign, and who
                    ever had to: `ledger.cosigning`)
    ledger.lock     held by the one process that writes

A second pin lies outside the folder, in the user's state folder under the hash of entry 0, so
that a folder put back from an older copy is noticed too. A pin is the three lines of a checkpoint
without a signature. A rollback of the folder and both pins together is visible only to others who
hold checkpoints.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from platformdirs import user_state_path

from ledger.errors import NoLedgerError, NoteError, UsageError, VerificationError
from ledger.offline import x509
from ledger.schema import EARLIER, FORMAT
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import VerifierKey

MARKER = "muniment.toml"
_LIMIT = 65_536
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class Folder:
    """Paths and small files of one ledger; opening it reads and changes nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "ledger.db"
        self.keystore = path / "keystore"
        self.identity = path / "identity"
        self.trust = path / "trust"

    @property
    def exists(self) -> bool:
        """Whether `init` has finished here."""
        return (self.path / MARKER).is_file()

    def check(self) -> None:
        """Refuse a folder that is no ledger, or lacks a part that nothing can replace.

        Raises `NoLedgerError` naming what is missing.
        """
        if not self.exists:
            msg = "there is no ledger in {path}"
            raise NoLedgerError(
                msg,
                "muniment -L DIR init, or name another folder with -L",
                path=self.path,
            )
        for part in (self.database, self.trust / "ledger.vkey"):
            if not part.is_file():
                msg = "the ledger lacks {part}"
                raise NoLedgerError(
                    msg,
                    "restore it from a backup; see docs/reference/files.md",
                    part=part.relative_to(self.path),
                )

    def settings(self) -> dict[str, object]:
        """What muniment.toml says.

        Raises `NoLedgerError` if it cannot be read or is of another format.
        """
        try:
            raw = (self.path / MARKER).read_bytes()[: _LIMIT + 1]
            settings = tomllib.loads(raw.decode("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            msg = "{file} cannot be read: {kind}"
            raise NoLedgerError(
                msg,
                "restore it from a backup",
                file=MARKER,
                kind=type(error).__name__,
            ) from error
        written = settings.get("format")
        if written not in (FORMAT, *EARLIER):
            raise NoLedgerError(
                "the ledger's folder has format {written}, which this Muniment does not know: it "
                "knows those up to {known}",
                "install the Muniment version that wrote it",
                written=repr(written)[:32],
                known=FORMAT,
            )
        return settings

    def write_settings(self, origin: str, *, replica: bool = False) -> None:
        """Write muniment.toml: from now on this is a ledger, or a replica of another's."""
        made, held = ("replica take", "replica = true\n") if replica else ("init", "")
        text = (
            f"# Muniment: an audit and custody ledger. Made by `muniment {made}`.\n"
            f'format = "{FORMAT}"\norigin = "{origin}"\n{held}\n'
            '# Keys that lie elsewhere, by key id: "77c1a2e5" = "file:/media/token/my.key"\n'
            "[keys]\n"
        )
        write_atomically(self.path / MARKER, text.encode("utf-8"))

    def key_uri(self, holder: str, purpose: str, key_id: str) -> str:
        """The URI of a private key: muniment.toml's, else the file in `identity/`."""
        keys = self.settings().get("keys")
        if isinstance(keys, dict) and isinstance(uri := keys.get(key_id), str):
            return uri
        return f"file:{key_file_name(holder, purpose, key_id)}"

    def holders(self) -> list[str]:
        """The actors whose key files are in `identity/`, in order."""
        names = (path.name.partition(".")[0] for path in self.identity.glob("actor-*.key"))
        return sorted(set(names))

    def pinned_key(self) -> VerifierKey:
        """The ledger key that this folder trusts.

        Raises `NoLedgerError` if the file is missing or is no verifier key.
        """
        try:
            text = (self.trust / "ledger.vkey").read_bytes()[:_LIMIT].decode("ascii")
            return VerifierKey.parse(text.removesuffix("\n"))
        except (OSError, UnicodeDecodeError, NoteError) as error:
            msg = "trust/ledger.vkey is missing or is no verifier key"
            raise NoLedgerError(msg, "restore it from a backup or from another party") from error

    @property
    def tsa_file(self) -> Path:
        """The certificates (PEM) of the time-stamping authorities that this folder trusts."""
        return self.trust / "tsa.pem"

    def tsa_roots(self) -> tuple[bytes, ...]:
        """The certificates (DER) of those authorities; none where nobody pinned one.

        Raises `VerificationError` for a file that is there but cannot be read.
        """
        if not self.tsa_file.exists():
            return ()
        try:
            return x509.parse_roots(read_limited(self.tsa_file, 1 << 20))
        except (OSError, ValueError) as error:
            raise VerificationError(
                "trust/tsa.pem is there but holds no certificates that can be read",
                "remove it, and name the authorities again: muniment timestamp trust FILE",
            ) from error

    def pins(self, entry_zero: bytes) -> list[Checkpoint]:
        """The states that this ledger is known to have had: here and outside.

        Raises `VerificationError` for a pin that is there but cannot be read: it may be the one
        that would show a rollback.
        """
        pins = []
        for path in self._pin_files(entry_zero):
            try:
                with path.open("rb") as file:
                    pins.append(Checkpoint.parse(file.read(_LIMIT)))
            except FileNotFoundError:
                continue
            except (OSError, NoteError) as error:
                raise VerificationError(
                    "a pin of this ledger is there but cannot be read: {place}",
                    "muniment verify; if the ledger is what it should be, remove that file",
                    place="trust/pin" if path.parent == self.trust else f"pins/{path.name}",
                ) from error
        return pins

    @property
    def taken(self) -> Path:
        """There in a replica: the signed note of the copy that was taken last."""
        return self.trust / "replica"

    @property
    def replica(self) -> bool:
        """Whether another's ledger lies here, to be read and never written.

        muniment.toml says so, and so does the note beside the pinned key: a changed muniment.toml
        alone makes no replica writable.
        """
        return self.taken.exists() or self.settings().get("replica") is True

    def admit(self, *, writing: bool, drafts: bool = False) -> None:
        """Refuse a format that is not known (as `settings`), and to write a replica.

        `drafts`: what is asked for could be made as a draft. Raises `UsageError`.
        """
        self.settings()
        if writing and self.replica and drafts:
            raise UsageError(
                "this is a replica of another's ledger: it is read, and never written. Nothing "
                "was recorded",
                "make a draft with --draft FILE, and give it to whoever keeps the ledger",
            )
        if writing and self.replica:
            raise UsageError(
                "this is a replica of another's ledger: it is read, and never written. Nothing "
                "was recorded",
                "only whoever keeps the ledger can do this: ask there",
            )

    @property
    def restored(self) -> Path:
        """There while this folder, put together from a copy, may lack what was recorded since."""
        return self.trust / "restored"

    @property
    def continued(self) -> Path:
        """There where a ledger ended because entries were lost: says who continues it."""
        return self.trust / "continued"

    def check_going_on(self) -> None:
        """Refuse to extend a ledger that may lack entries, or that another one continues.

        Raises `VerificationError`.
        """
        if self.continued.exists():
            raise VerificationError(
                "this ledger lost entries and goes on under a new origin; it is only read now. "
                "Nothing was recorded",
                "the file trust/continued names the new origin",
            )
        if self.restored.exists():
            raise VerificationError(
                "this folder was put together from a copy, and what was recorded after the copy "
                "may be missing. Nothing was recorded",
                "muniment ledger refetch --from OTHER, with whoever holds the missing entries; "
                "if nobody does: muniment ledger renew",
            )

    def pin(self, entry_zero: bytes, checkpoint: Checkpoint) -> None:
        """Remember a state as seen; a place that cannot be written is left out."""
        for path in self._pin_files(entry_zero):
            with suppress(OSError):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomically(path, checkpoint.format(), durable=False)

    def pin_here(self, checkpoint: Checkpoint) -> None:
        """Remember a state inside the folder only, durably: it was put together at this state."""
        write_atomically(self.trust / "pin", checkpoint.format())

    def _pin_files(self, entry_zero: bytes) -> tuple[Path, Path]:
        name = sha256(entry_zero).hexdigest()
        return self.trust / "pin", user_state_path("muniment", appauthor=False) / "pins" / name


def key_file_name(holder: str, purpose: str, key_id: str) -> str:
    """The name of a key file in `identity/`."""
    if not _KEY_ID.fullmatch(key_id):
        msg = "a key id is eight hexadecimal digits"
        raise ValueError(msg)
    return f"{holder}.{purpose}.{key_id}.key"


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file whole or not at all; `durable`: on disk when this returns."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_ledger(start: Path) -> Path | None:
    """The nearest folder at or above `start` that is a ledger."""
    for folder in (start, *start.parents):
        if (folder / MARKER).is_file():
            return folder
    return None


def read_limited(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a regular file.

    Pipes and devices are refused: they may have no end, or no beginning. Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a file")
        chunks, left = [], limit
        while left > 0 and (chunk := os.read(descriptor, left)):
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)
