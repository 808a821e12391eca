"""Copies of the keystore's keys: found, cleared of what was shredded, looked into, destroyed.

Erasing needs no passphrase, so every backup that can be reached as files is cleared of what a
destruction shreds, and read back. Where a copy lies is sealed in the event that registered it.
`ledger.effects.keycopying` makes them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.keycopy import KeyCopyCleared, KeyCopyDestroyed, KeyCopyRegistered, left
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now, check_permitted, parts
from ledger.effects import removing
from ledger.effects.pending import FOLDER as PENDING
from ledger.effects.places import check_outside, digest_of, drop_cache, unshown
from ledger.errors import KeyAccessError, MunimentError, UsageError
from ledger.folder import sync_folder, write_atomically
from ledger.keystore import KEK_FILE, SLOT_FILE
from ledger.recorder import Receipt
from ledger.signing import Proposal
from ledger.slots import Slots
from ledger.sources import SourceFault, opened
from projections import keycopies
from projections.keycopies import KeyCopy

_AT_ONCE: Final = 500


class Reached(NamedTuple):
    """A backup copy whose files are here, and of the keys asked for those that are gone from it.

    `keys`: those that it covers; `present`: those that are still in it.
    """

    copy: str
    keys: tuple[str, ...]
    present: tuple[str, ...]


# -- looking ----------------------------------------------------------------------------------


def copies(ledger: Ledger, *, entry: int | None = None) -> Iterator[KeyCopy]:
    """Every copy in order of its id, read in portions (`entry`: as of that entry)."""
    after = None
    with ledger.engine.connect() as connection:
        while found := keycopies.listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from found
            after = found[-1].copy


def located(ledger: Ledger, copy: str) -> Path | None:
    """Where a copy was said to lie, if that is a path and its text can still be read.

    Never a place inside the ledger's own folder, whatever somebody typed: there is no copy.
    """
    return _sealed_place(ledger, copy)[0]


def _sealed_place(ledger: Ledger, copy: str) -> tuple[Path | None, str]:
    """The path of a copy, and the SHA-256 of its file if that was sealed."""
    for position, _accepted, event, _raw in ledger.events_of(copy):
        if isinstance(event, KeyCopyRegistered):
            with suppress(KeyAccessError, UsageError):
                sealed = ledger.unseal(position, event) or {}
                path = path_in(sealed)
                if path is not None:
                    check_outside(ledger, path)
                return path, sealed.get("content", "")
            break
    return None, ""


def path_in(sealed: Mapping[str, str]) -> Path | None:
    """The path that the sealed fields of a copy name, None if its place is no path."""
    if "location_bytes" in sealed:
        return Path(os.fsdecode(bytes.fromhex(sealed["location_bytes"])))
    text = sealed.get("location", "")
    return Path(os.fsdecode(unshown(text))) if text.startswith("/") else None


def due(ledger: Ledger, copy: str) -> list[str]:
    """The keys that the ledger says were shredded, and that nobody has said of this copy."""
    found: list[str] = []
    with ledger.engine.connect() as connection:
        while part := keycopies.due(
            connection, copy, limit=_AT_ONCE, after=found[-1] if found else None
        ):
            found += part
    return found


def reach(ledger: Ledger, keys: Mapping[str, Sequence[str]]) -> Iterator[Reached]:
    """The backups among these copies that can be read from here; `keys`: what to look for in each.

    Reads the slots from their device, and changes nothing.
    """
    for copy, wanted in keys.items():
        folder = located(ledger, copy)
        if folder is None or not wanted:
            continue
        with suppress(KeyAccessError), Slots.at(folder, reading=True) as slots:
            present = [key for key in wanted if slots.state(key) == "present"]
            yield Reached(copy, tuple(wanted), tuple(present))


def still_in(ledger: Ledger, keys: Collection[str]) -> set[str]:
    """Of these keys those that lie in a copy which is said to be cleared of them."""
    wanted = {}
    with ledger.engine.connect() as connection:
        for name in keycopies.there(connection):
            if told := keycopies.cleared_of(connection, name, keys):
                wanted[name] = told
    return {key for reached in reach(ledger, wanted) for key in reached.present}


class Checked(NamedTuple):
    """What a look into a copy gave; `state`: `clear`, `holds` or `out_of_reach`.

    `present`: how many keys are in it that should be gone; of one out of reach, as far as told.
    """

    copy: str
    kind: str
    state: str
    present: int


def checked(ledger: Ledger) -> Iterator[Checked]:
    """Every copy that is there, compared with what the ledger says was shredded.

    What was cleared by the word of the ledger is looked for, too.
    """
    for copy in copies(ledger):
        if not copy.there or copy.kind == "live":
            continue
        told = due(ledger, copy.copy)
        with ledger.engine.connect() as connection:
            cleared = keycopies.all_cleared(connection, copy.copy)
        found = list(reach(ledger, {copy.copy: [*told, *cleared]}))
        if not told and not cleared:
            yield Checked(copy.copy, copy.kind, "clear", 0)
        elif found:
            present = len(found[0].present)
            yield Checked(copy.copy, copy.kind, "holds" if present else "clear", present)
        else:
            yield Checked(copy.copy, copy.kind, "out_of_reach", len(told))


# -- clearing ---------------------------------------------------------------------------------


def shred_in(ledger: Ledger, keys: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Overwrite keys in the copies that can be reached; those that read back as gone, by copy.

    `keys`: what to shred in which copy. A copy that is not here, or does not read back, is left
    out, and remains.
    """
    gone: dict[str, list[str]] = {}
    for copy, wanted in keys.items():
        folder = located(ledger, copy)
        if folder is None:
            continue
        with suppress(KeyAccessError, MunimentError), Slots.at(folder) as slots:
            here = [key for key in wanted if slots.state(key) != "unknown"]
            slots.shred(*here)
            gone |= {copy: here} if here else {}
    return gone


def clear(
    ledger: Ledger,
    acting: Acting,
    named: Sequence[str] | None = None,
    *,
    only: Collection[str] | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> tuple[dict[str, list[str]], list[Receipt]]:
    """Shred in copies what the ledger says was shredded, and record it, one commit a copy.

    `named`: the copies, None for every backup that the actor's party keeps; `only`: of no other
    keys than these. What was cleared by copy, and the receipts (none: there was nothing to do, or
    no copy was here). Raises `RefusedError` before anything is touched.
    """
    party = acting.state.party
    wanted: dict[str, list[str]] = {}
    for copy in copies(ledger):
        meant = copy.custodian == party if named is None else copy.copy in named
        if meant and copy.there and copy.kind == "backup":
            keys = [key for key in due(ledger, copy.copy) if only is None or key in only]
            wanted |= {copy.copy: keys} if keys else {}
    here = {reached.copy: wanted[reached.copy] for reached in reach(ledger, wanted)}
    if here:
        check_permitted(ledger, acting, _clearing(here), **options)
    gone: dict[str, list[str]] = {}
    receipts: list[Receipt] = []
    for name, keys in here.items():
        done = shred_in(ledger, {name: keys})
        gone |= done
        receipts += [ledger.act(acting, _clearing(done), **options)] if done else []
    return gone, receipts


def clear_reached(
    ledger: Ledger,
    acting: Acting,
    keys: Collection[str],
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> list[str]:
    """Clear what can be cleared of keys that were just shredded; the copies that were.

    Never raises what the ledger refuses or a medium does: the shredding is recorded, and whatever
    is not cleared counts as left (`left_of`).
    """
    with ledger.engine.connect() as connection:
        there = sorted(keycopies.there(connection))
    found: list[str] = []
    for copy in there if keys else ():
        with suppress(MunimentError):
            if _kept_by(ledger, copy) == acting.state.party:
                found += clear(ledger, acting, [copy], only=keys, **options)[0]
    return found


def _kept_by(ledger: Ledger, copy: str) -> str:
    with ledger.engine.connect() as connection:
        row = keycopies.one(connection, copy)
    return row.custodian if row is not None else ""


def _clearing(gone: Mapping[str, Sequence[str]]) -> list[Proposal]:
    return [
        Proposal(KeyCopyCleared, copy, {"keys": part})
        for copy, keys in gone.items()
        for part in parts(keys)
    ]


def left_of(ledger: Ledger, keys: Collection[str]) -> list[str]:
    """The copies in which one of these keys may still be, as the rules see them now."""
    with as_judged_now(ledger) as judging:
        return left(judging, keys)


# -- destroying -------------------------------------------------------------------------------


def destroy(
    ledger: Ledger,
    acting: Acting,
    copy: str,
    technique: str,
    *,
    witnesses: Sequence[str] = (),
    remark: str | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> tuple[bool, Receipt]:
    """Record that a copy is gone as a whole; whether its files were here and were removed by us.

    Nobody says of a file that is here what became of it, nor of one that is not here that it was
    overwritten: that is done now, or it is not told (`UsageError`). Only files that are proved to
    be the copy's own are touched (`own_files`). Before the first byte goes the journal
    `pending/<copy>` names them, so that a run that was broken off is gone on with.
    """
    fields = {"technique": technique, "witnesses": list(witnesses)}
    said = Proposal(KeyCopyDestroyed, copy, fields, {"remark": remark} if remark else None)
    check_permitted(ledger, acting, [said], **options)
    journal = ledger.folder.path / PENDING / copy
    begun = journal.read_text("ascii").split() if journal.exists() else None
    found = own_files(ledger, copy, begun or ())
    if technique != "overwrite" and found:
        raise UsageError(
            "the copy is still there; nothing was changed",
            "destroy it first, or let it be overwritten: --technique overwrite",
        )
    if technique == "overwrite" and not found and begun is None:
        raise UsageError(
            "no file that is surely of this copy is here; nothing was recorded",
            "connect its medium and run it again; or say how it was destroyed, and who watched: "
            "--technique shred_media --witness ACTOR",
        )
    if found:
        _remove_all(journal, found)
    receipt = ledger.act(acting, [said], **options)
    journal.unlink(missing_ok=True)
    return bool(found) or begun is not None, receipt


def _remove_all(journal: Path, found: Sequence[Path]) -> None:
    journal.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomically(journal, "".join(f"{_inode(path)}\n" for path in found).encode("ascii"))
    try:
        for path in found:
            overwrite(path)
    except OSError as error:
        raise MunimentError(
            "a file of the copy cannot be overwritten ({cause}); nothing was recorded",
            "run it again, or destroy its medium",
            cause=error.strerror,
        ) from None
    if found[0].name in _NAMES:
        with suppress(OSError):  # something else lies in it
            found[0].parent.rmdir()


def own_files(ledger: Ledger, copy: str, begun: Collection[str] = ()) -> list[Path]:
    """The files of a copy that are here, and are proved to be its own; a typed place proves none.

    A folder: it has the name that `keycopying.backup` gives it, or its slot file ends with the
    very key that the event names. A file: its SHA-256 was sealed when it was made. Whatever was
    begun with (`begun`: their numbers) is the copy's own, too.
    """
    with ledger.engine.connect() as connection:
        row = keycopies.one(connection, copy)
    place, content = _sealed_place(ledger, copy)
    if row is None or row.kind == "live" or place is None or place.is_symlink():
        return []
    if row.kind != "backup":
        here = [place] if _is_regular(place) else []
        return [p for p in here if _inode(p) in begun or (content and _digest(p) == content)]
    here = files_in(place)
    if any(_is_keystore(ledger, path) for path in here):
        return []
    if place.name == copy or (row.through and _last(place) == row.through):
        return here
    return [path for path in here if _inode(path) in begun]


_NAMES: Final = (SLOT_FILE, f"{SLOT_FILE}.part", KEK_FILE)


def files_in(folder: Path) -> list[Path]:
    """The files of a keystore that lie in a folder, the slots first."""
    return [path for name in _NAMES if _is_regular(path := folder / name)]


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_keystore(ledger: Ledger, path: Path) -> bool:
    """Whether it is a file of the keystore in use, under whatever name."""
    own = files_in(ledger.folder.keystore)
    return any(path.samefile(other) for other in own)


def _last(folder: Path) -> str:
    """The last key of the slot file in a folder, empty if there is no sound one."""
    with suppress(KeyAccessError), Slots.at(folder, reading=True) as slots:
        return slots.last
    return ""


def _inode(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}"


def _digest(path: Path) -> str:
    try:
        with opened(os.fsencode(path)) as file:
            return digest_of(file)
    except SourceFault:
        return ""


def overwrite(path: Path) -> None:
    """Zeros over a whole file, on the device, read back; then it goes. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        removing.overwrite(descriptor, size)
        drop_cache(descriptor)
        if not removing.is_zero(descriptor, size):
            raise OSError(5, "does not read back")
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)
