"""What a witness keeps: its key, the logs that it knows, and the last checkpoint cosigned of each.

    witness.toml              format and the key's name; made last by `init`
    witness.key               the cosigning key under its passphrase (`ledger.keyfile`)
    logs/<hex>/trusted        verifier keys of one log, a line each; <hex>: SHA-256 of its origin
    logs/<hex>/checkpoint     the last checkpoint cosigned: text, the log's lines, our own line
    logs/<hex>/lock           held while a checkpoint is looked at, replaced and answered
    logs/<hex>/refused/       checkpoints that the log signed and that do not continue the last one
    logs/<hex>/forks/         evidence that it signed two histories (`ledger.tlog.fork`)

`checkpoint` is replaced whole, by compare-and-swap under the lock, and is on the disk before a
cosignature leaves. The same file lies a second time in the user's state folder, under the hash of
the witness's verifier key, with a lock of its own: a copy of the folder that is used beside it on
this machine takes the same turn. Where the two differ, the larger counts: a folder put back from an
older copy goes on from where it was. What cannot be noticed: both put back together, and one
key used on two machines. Then only others, who hold the cosignatures, see it.

`refused` and `forks` hold at most `MOST_KEPT` files each; the first ones stay.
"""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from platformdirs import user_state_path

from ledger.errors import (
    MunimentError,
    NoLedgerError,
    NoteError,
    UsageError,
    VerificationError,
)
from ledger.folder import read_limited, sync_folder, write_atomically
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.note import COSIGNATURE, ED25519, Note, VerifierKey

FORMAT: Final = "muniment-witness/1"
MARKER: Final = "witness.toml"
KEY: Final = "witness.key"
MOST_KEPT: Final = 100
MAX_TRUSTED: Final = 16
INDEX: Final = "/index"
"""A key whose name ends so says more than that a checkpoint follows the last: all was verified."""
_LIMIT: Final = 65_536
_LAST: Final = "checkpoint"
_TRUSTED: Final = "trusted"
_LOCK: Final = "lock"


class Cosigned(NamedTuple):
    """The last checkpoint that was cosigned of a log.

    `note`: with the log's signatures and our own; `time`: ours, POSIX seconds.
    """

    note: bytes
    head: Checkpoint
    time: int


def name_of(origin: str) -> str:
    """The name of a log's folder, and of its checkpoint over HTTP: SHA-256 of the origin, in hex.

    >>> name_of("example.com/log")[:16]
    '4d3203c8f35cdf60'
    """
    return sha256(origin.encode("utf-8")).hexdigest()


class WitnessFolder:
    """The folder of one witness. `key`: the public side of its key."""

    def __init__(self, path: Path, key: VerifierKey) -> None:
        self.path = path
        self.key = key
        digest = sha256(key.format().encode("utf-8")).hexdigest()
        self._beside = user_state_path("muniment", appauthor=False) / "witness" / digest

    @property
    def certifies(self) -> bool:
        """Whether its key says that everything was verified, and not only what follows what."""
        return self.key.name.endswith(INDEX)

    # -- the logs that it knows ------------------------------------------------------------

    def trusted(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys of a log that is known; none for one that is not."""
        return self._read_keys(self._of(origin) / _TRUSTED)

    def origins(self) -> list[str]:
        """The logs that are known, by name."""
        files = sorted((self.path / "logs").glob(f"*/{_TRUSTED}"))
        return sorted({key.name for file in files for key in self._read_keys(file)})

    def origin_of(self, name: str) -> str | None:
        """The log whose folder has this name (`name_of`); None if it is not known."""
        keys = self._read_keys(self.path / "logs" / name / _TRUSTED)
        return keys[0].name if keys else None

    def trust(self, log: VerifierKey, *, rotated: bool = False) -> None:
        """Pin a log's key; `rotated`: beside the one that is pinned, which is still believed.

        Raises `UsageError` for a key that no log has, that is our own, or of a log whose other key
        is pinned.
        """
        if log.type != ED25519 or not {"commit", "a"}.isdisjoint(log.name.split("/")):
            raise UsageError(
                "that is not the key of a log: one is of type 01 (Ed25519), and its name is no "
                "actor's and no commit's; nothing was pinned",
                "muniment replica show, where the ledger is, prints it",
            )
        if log.public == self.key.public or log.name == self.key.name:
            raise UsageError("the witness's own key and name are no log's; nothing was pinned")
        known = self.trusted(log.name)
        if log in known:
            return
        if known and not rotated:
            raise UsageError(
                "another key of this log is pinned; nothing was changed",
                "ask the log's keeper by telephone or letter; for one that follows it: --rotated",
            )
        if len(known) >= MAX_TRUSTED:
            raise UsageError("of one log at most {most} keys are pinned", most=MAX_TRUSTED)
        folder = self._of(log.name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = "".join(f"{key.format()}\n" for key in (*known, log))
        write_atomically(folder / _TRUSTED, lines.encode("utf-8"))
        sync_folder(folder.parent)

    def _read_keys(self, file: Path) -> tuple[VerifierKey, ...]:
        try:
            lines = read_limited(file, _LIMIT).decode("utf-8").splitlines()
            return tuple(map(VerifierKey.parse, lines))
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError, NoteError):
            raise _damaged(file.relative_to(self.path)) from None

    # -- what was cosigned last ------------------------------------------------------------

    @contextmanager
    def locked(self, origin: str) -> Iterator[None]:
        """Alone with a log: nobody else here looks at what was cosigned of it, or replaces it."""
        with ExitStack() as stack:
            for place in self._places(origin):
                try:
                    self._lock(place.parent, stack)
                except OSError as error:
                    raise _unwritable(error) from None
            yield

    def _lock(self, place: Path, stack: ExitStack) -> None:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in place.glob(f".{_LAST}.*.tmp"):  # of a process that was killed
            left.unlink(missing_ok=True)

    def last(self, origin: str) -> Cosigned | None:
        """What was cosigned last of a log: of the two files, the larger. None if nothing was.

        Raises `VerificationError` for a file that is damaged, or two that exclude each other: then
        nothing more is cosigned of this log.
        """
        found = [self._read(place) for place in self._places(origin)]
        mine, beside = found
        if mine and beside and mine.head.size == beside.head.size:
            if mine.head != beside.head:
                raise VerificationError(
                    "this witness has cosigned two checkpoints of one size that differ; it "
                    "cosigns nothing more of this log",
                    "keep both files as evidence, and begin anew with another key",
                )
            return max(mine, beside, key=lambda one: one.time)
        return max((one for one in found if one), key=lambda one: one.head.size, default=None)

    def behind(self, origin: str) -> bool:
        """Whether the folder was put back from an older copy, so that the other file counts."""
        mine, beside = [self._read(place) for place in self._places(origin)]
        return beside is not None and (mine is None or mine.head.size < beside.head.size)

    def replace(self, origin: str, expected: Cosigned | None, note: bytes) -> None:
        """Put `note` in the place of what was read under the same lock; on the disk on return.

        Raises `VerificationError` if that is not what is there, or what was written does not read
        back, `MunimentError` if it cannot be written: then no cosignature may leave.
        """
        if self.last(origin) != expected:
            raise VerificationError("somebody else replaced what was cosigned last, without lock")
        for place in self._places(origin):
            try:
                write_atomically(place, note)
                if expected is None:  # the folder of a log that was not known before
                    sync_folder(place.parent.parent)
            except OSError as error:
                raise _unwritable(error) from None
        read = [self._read(place) for place in self._places(origin)]
        if any(one is None or one.note != note for one in read):
            raise VerificationError("what was written does not read back; nothing was cosigned")

    def _places(self, origin: str) -> tuple[Path, Path]:
        return self._of(origin) / _LAST, self._beside / name_of(origin) / _LAST

    def _read(self, place: Path) -> Cosigned | None:
        """What a file says, if the log signed it and our own key did; None if there is none."""
        try:
            note = read_limited(place, _LIMIT)
            origin = Checkpoint.parse(Note.parse(note).text).origin
            kept = open_checkpoint(note, [self.key, *self.trusted(origin)])
        except FileNotFoundError:
            return None
        except (OSError, NoteError):
            raise _damaged(place.parent.name[:8]) from None
        if not kept.cosignatures or name_of(origin) != place.parent.name:
            raise _damaged(place.parent.name[:8])
        return Cosigned(note, kept.checkpoint, kept.cosignatures[0].time)

    # -- what does not go with it ----------------------------------------------------------

    def keep(self, origin: str, kind: str, data: bytes) -> str | None:
        """Keep a refused checkpoint or a fork's evidence; its name, None if there are too many.

        `kind`: `refused` or `forks`. What is kept already is not written again.
        """
        folder = self._of(origin) / kind
        name = f"{sha256(data).hexdigest()}.{'note' if kind == 'refused' else 'fork'}"
        with suppress(OSError):  # what is refused stays refused when the disk is full
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (folder / name).exists():
                if len(list(folder.iterdir())) >= MOST_KEPT:
                    return None
                write_atomically(folder / name, data)
            return name
        return None

    def kept(self, origin: str, kind: str) -> Sequence[Path]:
        """The files of `keep`, by name."""
        suffix = "note" if kind == "refused" else "fork"
        return sorted((self._of(origin) / kind).glob(f"[0-9a-f]*.{suffix}"))

    def _of(self, origin: str) -> Path:
        return self.path / "logs" / name_of(origin)


def open_folder(path: Path) -> WitnessFolder:
    """A witness's folder, with the public side of its key as the key file says it.

    Raises `NoLedgerError` where there is none, `KeyAccessError` for a key file that is damaged.
    """
    from ledger.keyfile import read_key_file

    try:
        settings = tomllib.loads(read_limited(path / MARKER, _LIMIT).decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise NoLedgerError(
            "there is no witness in this folder", "muniment witness init FOLDER --name NAME"
        ) from None
    if settings.get("format") != FORMAT:
        raise NoLedgerError("the witness's folder has a format that this Muniment does not know")
    file = read_key_file(f"file:{KEY}", path)
    if file.purpose != "cosign" or file.kind != "ed25519" or file.name != settings.get("name"):
        raise NoLedgerError("witness.key is not the key that witness.toml names")
    return WitnessFolder(path, VerifierKey.of(file.name, COSIGNATURE, file.public))


def _unwritable(error: OSError) -> MunimentError:
    return MunimentError(
        "what is cosigned cannot be written down ({cause}); nothing was cosigned",
        "free some space, or look at the disk; XDG_STATE_HOME must be writable, too",
        cause=os.strerror(error.errno or 0),
    )


def _damaged(what: object) -> VerificationError:
    return VerificationError(
        "a file of the witness is damaged ({what}); nothing is cosigned of this log",
        "put the newest backup of that file back; if there is none, begin anew with another key",
        what=what,
    )
