"""The journal of an expiry under way: which copies' files are about to go, and which are gone.

    pending/expire-<backup id>   one line a step, ASCII, each on the disk when the call returns:
    <copy id>                    its file is about to be removed
    -<copy id>                   it could not be
    +<copy id>                   it is gone, and so may be its data key

A last line that is not whole was never acknowledged: it is ignored, and cut off by the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ledger.effects.pending import write_whole
from ledger.errors import MunimentError
from ledger.folder import sync_folder


class Begun:
    """The copies whose removal was begun, by the journal of an expiry; open while it runs."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with _on_disk():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(path, flags, 0o600)
            sync_folder(path.parent)
            sync_folder(path.parent.parent)
            with os.fdopen(os.dup(self._descriptor), "rb") as file:
                whole, newline, _torn = file.read().rpartition(b"\n")
        self._bytes = len(whole + newline)
        self.ids: set[str] = set()
        self.gone: set[str] = set()
        for line in whole.decode("ascii", "replace").splitlines():
            if line.startswith("+"):
                self.gone.add(line[1:])
            else:
                (self.ids.discard if line.startswith("-") else self.ids.add)(line.removeprefix("-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def mark(self, holding: str) -> None:
        """Its file is about to be removed. On the disk when this returns."""
        if holding not in self.ids:
            self._append(holding)
            self.ids.add(holding)

    def take_back(self, holding: str) -> None:
        """Its file could not be removed: if it goes later, somebody else removed it."""
        if holding in self.ids:
            self._append(f"-{holding}")
            self.ids.remove(holding)

    def removed(self, copies: Iterable[str]) -> None:
        """Their files are gone, and their keys may go. On the disk when this returns."""
        new = [copy for copy in copies if copy not in self.gone]
        if new:
            self._append("\n".join(f"+{copy}" for copy in new))
            self.gone.update(new)

    def _append(self, line: str) -> None:
        data = f"{line}\n".encode("ascii")
        with _on_disk():
            os.ftruncate(self._descriptor, self._bytes)  # what a broken-off write left behind it
            write_whole(self._descriptor, data, self._bytes)
            os.fsync(self._descriptor)
        self._bytes += len(data)


@contextmanager
def _on_disk() -> Iterator[None]:
    """What the disk of the journal does not take ends the run: nothing is removed unwritten."""
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the journal of the expiry cannot be written ({cause}); it stopped there, and what it "
            "has removed is known",
            "free some space, or look at the disk; then run it again",
            cause=error.strerror,
        ) from None
