"""One copy that is a file here, destroyed: overwritten, renamed at random, unlinked, flushed.

Only the very file that was recorded: regular, no link, with one name, and still of the recorded
content. Everything happens under the descriptor of its folder, so that nobody moves another one
beneath the path meanwhile. What overwriting reaches: the blocks that the file system gives out for
this file now. A disk that writes elsewhere (SSD, copy-on-write, snapshots) may keep older ones.

Outcomes and causes: `destroyed` (`removed`); `unknown`, nothing touched (`vanished`,
`not_readable`, `link`, `not_a_regular_file`, `hard_linked`, `changed_since_recorded`,
`changed_while_read`, `of_another_copy`); `failed` (`input_output_error`, `not_readable`): it was
tried.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedReader, FileIO

from ledger.effects.pending import Item, Journal, write_whole
from ledger.effects.places import digest_of
from ledger.effects.sharing import Others
from ledger.errors import RefusedError
from ledger.sources import CHUNK, SourceFault, cause_of


def remove(journal: Journal, item: Item, others: Others) -> tuple[str, str]:
    """Destroy the file of an item; outcome and cause. Where a run was broken off, go on from there.

    The journal says that it was begun before the first byte is overwritten. Of what lies in a
    bucket every version is deleted: nobody overwrites there. `others`: where the copies lie that
    are not to go.
    """
    if item.offsite:
        return _remove_offsite(journal, item)
    folder_path, name = os.path.split(bytes.fromhex(item.path))
    try:
        folder = os.open(folder_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return "unknown", cause_of(error)
    try:
        return "destroyed", _remove_in(folder, name, journal, item, others)
    except SourceFault as fault:
        return "unknown", fault.cause
    except OSError as error:
        return "failed", cause_of(error)
    finally:
        os.close(folder)


def _remove_offsite(journal: Journal, item: Item) -> tuple[str, str]:
    from ledger.effects.offsite import remove_object

    def about_to() -> None:
        journal.mark(item.holding, "begun")

    try:
        remove_object(item.offsite, item.endpoint or None, item.digest, about_to)
    except SourceFault as fault:
        begun = item.step == "begun" and not item.recorded
        if fault.cause == "vanished" and begun:
            return "destroyed", "removed"
        return ("failed" if begun else "unknown"), fault.cause
    except OSError as error:  # a lock runs, or the store does not do it
        return "failed", cause_of(error)
    return "destroyed", "removed"


def _remove_in(folder: int, name: bytes, journal: Journal, item: Item, others: Others) -> str:
    """Remove the file `name` of an open folder.

    Raises `SourceFault` for what is not the file that was recorded, `OSError` for what could not
    be done.
    """
    spare = bytes.fromhex(item.spare)
    if item.inode == _inode(folder, spare):  # it was renamed, and then something failed
        os.unlink(spare, dir_fd=folder)
        os.fsync(folder)
        return "removed"
    if item.step == "begun" and not item.recorded and _inode(folder, name) is None:
        os.fsync(folder)
        return "removed"
    file = _open_regular(folder, name)
    try:
        found = os.fstat(file)
        inode = (found.st_dev, found.st_ino)
        if item.inode != inode:  # else its zeros are our own
            _check_content(file, item.digest)
        if others.keep(inode, item.digest):  # the very file, whatever led to it
            raise SourceFault("of_another_copy")
        journal.mark(item.holding, "begun", inode)
        overwrite(file, found.st_size)
        if not os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), found):
            raise SourceFault("changed_while_read")
    finally:
        os.close(file)
    os.rename(name, spare, src_dir_fd=folder, dst_dir_fd=folder)
    os.unlink(spare, dir_fd=folder)
    os.fsync(folder)
    return "removed"


def _inode(folder: int, name: bytes) -> tuple[int, int] | None:
    """Device and number of what lies under a name, None if nothing does."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _open_regular(folder: int, name: bytes) -> int:
    """A file opened to be overwritten: regular, no link, and with this name only."""
    try:
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        raise SourceFault("vanished") from None
    if not stat.S_ISREG(seen.st_mode):
        raise SourceFault("link" if stat.S_ISLNK(seen.st_mode) else "not_a_regular_file")
    if seen.st_nlink != 1:
        raise SourceFault("hard_linked")
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(name, flags, dir_fd=folder)
    opened = os.fstat(file)
    if not os.path.samestat(seen, opened) or opened.st_nlink != 1:
        os.close(file)
        raise SourceFault("changed_while_read")
    return file


def _check_content(file: int, digest: str) -> None:
    with BufferedReader(FileIO(file, closefd=False), CHUNK) as reader:
        if digest_of(reader) != digest:
            raise SourceFault("changed_since_recorded")


def overwrite(file: int, size: int) -> None:
    """Zeros over the whole content of an open file, on the device when this returns."""
    zeros = bytes(CHUNK)
    for offset in range(0, size, CHUNK):
        write_whole(file, zeros[: min(CHUNK, size - offset)], offset)
    os.fsync(file)


def is_zero(file: int, size: int) -> bool:
    """Whether the first `size` bytes read back as zeros, piece by piece."""
    at = 0
    while at < size:
        piece = os.pread(file, min(CHUNK, size - at), at)
        if not piece or piece.count(0) != len(piece):
            return False
        at += len(piece)
    return True


def check_locks(offsite: Iterable[tuple[str, str]]) -> None:
    """Raise `RefusedError` while the store keeps any of these objects (location, endpoint) locked.

    What lies nowhere off-site has no location.
    """
    away = [(location, endpoint) for location, endpoint in offsite if location]
    if not away:
        return
    from ledger.effects.offsite import locked_until

    found: list[str] = []
    for location, endpoint in away:
        with suppress(SourceFault):  # what cannot be looked at now is reported when its turn comes
            found.append(locked_until(location, endpoint or None) or "")
    if until := max(found, default=""):
        raise RefusedError(
            "the store keeps these copies locked until {until}; nothing was removed, and nothing "
            "was recorded",
            "run it again when the lock is over",
            until=until,
        )
