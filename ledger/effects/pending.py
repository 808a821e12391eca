r"""The journal of an execution under way: what is destroyed, written down before it is touched.

A destruction reaches into the world before it can be recorded, and shreds the keys under which it
was written where the copies lay. The journal survives both: a run that was broken off goes on from
it, and whoever verifies learns from it where to look. It holds paths, so it is sealed:

    pending/<case id>   "muniment-pending 1 " key id "\n", then one line a step:
    line                base64(nonce[12] ‖ AES-256-GCM(data key, nonce, JSON step, AAD)) "\n"
    AAD                 "muniment-pending" NUL case id NUL line number, 0-based, in decimal
    step                {"operator": …, "at": time} · {"item": …} as `Item`
                        · {"holding": …, "step": …, "inode": …}
                        · {"recorded": true}, once the ledger says what was done

The data key is a new one of the keystore; with it the journal ends (`Journal.end`). Each step is on
the disk when the call returns. A last line that is not whole was never acknowledged: it is ignored,
and cut off by the next. Anything else that does not open is damage; nothing is guessed from it.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from ledger.errors import KeyAccessError, MunimentError, UsageError, VerificationError
from ledger.folder import Folder, sync_folder, write_atomically
from ledger.keystore import Keystore

FOLDER: Final = "pending"
_HEADER: Final = b"muniment-pending 1 "
_NONCE_BYTES: Final = 12
_MOST_BYTES: Final = 1 << 28
_MARK_BYTES: Final = 256
"""No line that `mark` writes is longer; a run writes two for each copy."""
_RECORDED: Final[dict[str, Any]] = {"recorded": True}

Step = Literal["", "begun", "destroyed", "failed", "unknown"]


class Item(Struct):
    """One copy as it was found before anything was done, and how far it has come.

    `path`: hex of the bytes, empty for what is no file here; `digest`: as recorded; `there`:
    whether something lay there; `spare`: the name (hex) under which it is unlinked; `inode`: device
    and number of the file that was being overwritten; `step`: the last one taken; `recorded`:
    whether the ledger says so; `cause`: why there is no `path`, if not for being no file here.
    `offsite`, `endpoint`: where it lies in a bucket, instead of a path.
    """

    holding: str
    path: str = ""
    digest: str = ""
    there: bool = False
    spare: str = ""
    inode: tuple[int, int] = (0, 0)
    step: Step = ""
    recorded: bool = False
    cause: str = ""
    offsite: str = ""
    endpoint: str = ""

    @property
    def within_reach(self) -> bool:
        """Whether somebody here knows where it lies, and can look."""
        return bool(self.path or self.offsite)

    @property
    def no_path(self) -> str:
        """Why nobody here knows a path: a stable code."""
        return self.cause or "not_a_file_here"


class Journal:
    """The steps of one case, read back; every further step is appended and flushed."""

    def __init__(self, path: Path, case: str, key_id: str, key: bytes) -> None:
        """Use `begin` or `open_journal`."""
        self._path = path
        self._case = case
        self._cipher = AESGCM(key)
        self._lines = 0
        self._bytes = 0
        self.key_id = key_id
        self.items: dict[str, Item] = {}
        self.operators: list[str] = []
        self.started = ""
        """When the execution under way began, or the last one that is over."""

    @property
    def under_way(self) -> bool:
        """Whether something was done that the ledger does not say yet."""
        return any(item.step and not item.recorded for item in self.items.values())

    @classmethod
    def begin(
        cls,
        folder: Folder,
        keystore: Keystore,
        case: str,
        operator: tuple[str, str],
        items: Iterable[Item],
    ) -> Self:
        """Write down what is to be destroyed; what an earlier journal says of other copies stays.

        `operator`: who begins, and when; of one that is under way the beginning stays.
        On the disk whole when this returns, or not at all. Raises `UsageError`, with nothing
        written, if its steps would not fit.
        """
        path = _path(folder, case)
        before = open_journal(folder, keystore, case)
        if before is None:
            journal = cls(path, case, *keystore.new_keys(1)[0])
        else:
            journal = cls(path, case, before.key_id, keystore.key(before.key_id))
            journal.items, journal.operators = before.items, before.operators
        actor, at = operator
        started = before.started if before is not None and before.under_way else at
        journal.items.update((item.holding, item) for item in items)
        steps: list[Any] = [{"operator": one, "at": started} for one in journal.operators]
        if actor not in journal.operators:
            steps.append({"operator": actor, "at": started})
            journal.operators.append(actor)
        steps += [{"item": item} for item in journal.items.values()]
        data = _HEADER + journal.key_id.encode("ascii") + b"\n"
        data += b"".join(journal._line(number, step) for number, step in enumerate(steps))
        if len(data) + (2 * len(journal.items) + 1) * _MARK_BYTES > _MOST_BYTES:
            msg = "the case has more copies than a journal can hold; nothing was changed"
            raise UsageError(msg, "reject the case, and propose its copies in several cases")
        with _on_disk():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.path)
            write_atomically(path, data)
        journal._lines, journal._bytes, journal.started = len(steps), len(data), started
        return journal

    def mark(self, holding: str, step: Step, inode: tuple[int, int] = (0, 0)) -> None:
        """Append how far a copy has come; durable when this returns."""
        self._append({"holding": holding, "step": step, "inode": inode})

    def mark_recorded(self) -> None:
        """Append that the ledger says it all."""
        self._append(_RECORDED)

    def end(self, keystore: Keystore) -> None:
        """Shred the journal's key and remove the file: nobody needs the places any more."""
        keystore.shred(self.key_id)
        with _on_disk():
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)

    def _append(self, step: dict[str, Any]) -> None:
        line = self._line(self._lines, step)
        with _on_disk():
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, self._bytes)  # what a broken-off write left behind it
                write_whole(descriptor, line, self._bytes)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._lines, self._bytes = self._lines + 1, self._bytes + len(line)
        self._take(step)

    def _line(self, number: int, step: dict[str, Any]) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, msgspec.json.encode(step), self._about(number))
        return b64encode(nonce + sealed) + b"\n"

    def _about(self, number: int) -> bytes:
        return f"muniment-pending\0{self._case}\0{number}".encode("ascii")

    def read(self, data: bytes) -> None:
        """Take in the lines of a journal's file; `VerificationError` for what does not open."""
        end = data.rfind(b"\n") + 1
        _head, *lines = data[:end].splitlines()
        for number, line in enumerate(lines):
            try:
                sealed = b64decode(line, validate=True)
                nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
                plain = self._cipher.decrypt(nonce, rest, self._about(number))
            except (Base64Error, InvalidTag, ValueError):
                raise _damaged() from None
            self._take(msgspec.json.decode(plain))
        self._lines, self._bytes = len(lines), end

    def _take(self, step: dict[str, Any]) -> None:
        if "operator" in step:
            self.operators.append(step["operator"])
            self.started = step["at"]
        elif "item" in step:
            item = msgspec.convert(step["item"], Item)
            self.items[item.holding] = item
        elif "holding" in step:
            item = self.items[step["holding"]]
            item.step, item.recorded = step["step"], False
            if any(step["inode"]):
                item.inode = (step["inode"][0], step["inode"][1])
        else:
            for item in self.items.values():
                item.recorded = bool(item.step)


@contextmanager
def _on_disk() -> Iterator[None]:
    """What the disk of the journal does not take ends the run: nothing is done unwritten."""
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the journal of the execution cannot be written ({cause}); the execution stopped there",
            "free some space, or look at the disk; then run it again",
            cause=error.strerror,
        ) from None


def write_whole(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of it at an offset; the system may take it in parts."""
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def open_journal(folder: Folder, keystore: Keystore, case: str) -> Journal | None:
    """The journal of a case, None if there is none, or if its key was shredded with its end.

    Raises `VerificationError` for one that is damaged or too long, `KeyAccessError` if its key
    is not here.
    """
    path = _path(folder, case)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise VerificationError(
            "the journal of an execution is longer than any that was written; nothing was done",
            "restore the file pending/CASE from a backup; nothing was cut off",
        )
    head, newline, _rest = data.partition(b"\n")
    if not head.startswith(_HEADER) or not newline:
        raise _damaged()
    key_id = head.removeprefix(_HEADER).decode("ascii", "replace")
    if keystore.state(key_id) == "erased":
        return None
    try:
        journal = Journal(path, case, key_id, keystore.key(key_id))
    except KeyAccessError as error:
        raise KeyAccessError(error.message, "restore the keystore; muniment doctor") from error
    journal.read(data)
    return journal


def left_open(folder: Folder) -> list[str]:
    """The cases whose journal does not end with what the ledger says; needs no key.

    No other line is as short as the one that says so.
    """
    longest = len(b64encode(bytes(_NONCE_BYTES + len(msgspec.json.encode(_RECORDED)) + 16)))
    found: list[str] = []
    for path in sorted((folder.path / FOLDER).glob("destruction_case-*")):
        if not path.is_file():
            continue
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 2 * _MARK_BYTES))
            *_whole, last, _rest = [b"", *file.read().split(b"\n")]
            if len(last) != longest:
                found.append(path.name)
    return found


def _path(folder: Folder, case: str) -> Path:
    return folder.path / FOLDER / case


def _damaged() -> VerificationError:
    return VerificationError(
        "the journal of an execution is damaged; nothing was done",
        "restore the file pending/CASE from a backup; without it, what is gone by now is unknown",
    )
