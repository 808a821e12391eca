"""Copies of the keystore's keys made: backups of the slot file, keys put into escrow.

A copy is registered before a byte of it is written, so that there is never one that the ledger does
not know of. A backup is a folder `<target>/<id of the copy>/` with the two files of a keystore
(`ledger.keystore`), with slots up to the last key that its event names; `muniment restore` takes it
as it is.

An escrow is one age file (C2SP age, v1), to as many recipients as one likes. Inside, as ASCII text:

    muniment-keys/v1
    <origin of the ledger>
    <id of a data key> <base64 of its 32 bytes>      one line a key, in order of their ids

With a data key anybody opens the objects of that key as `ledger.stream` says, and its sealed texts
as `ledger.sealing` says, without this program.

>>> print(escrow_text("clean.example/ledger", [("key-019390a1-…", bytes(32))]).decode(), end="")
muniment-keys/v1
clean.example/ledger
key-019390a1-… AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.keycopy import KeyCopyDestroyed, KeyCopyRegistered
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import parts
from ledger.effects.keycopies import files_in, overwrite, path_in
from ledger.effects.ledgercopy import NOTE
from ledger.effects.manifest import NAME as MANIFEST
from ledger.effects.places import check_outside, drop_cache, place_fields
from ledger.effects.reapplying import come_back, destroyed_keys
from ledger.errors import KeyAccessError, MunimentError, RefusedError, UsageError
from ledger.facts import LedgerFacts
from ledger.folder import sync_folder, write_atomically
from ledger.keystore import KEK_FILE, SLOT_FILE
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids, now
from ledger.slots import Slots

HEADER: Final = "muniment-keys/v1"
_BACKUP: Final = re.compile(r"backup-[0-9a-f]{8}-[0-9a-f]{4}-")


class Made(NamedTuple):
    """A copy that was made: its id, where it lies, how many keys are in it."""

    copy: str
    path: Path
    keys: int
    receipt: Receipt


def backup(
    ledger: Ledger,
    acting: Acting,
    target: Path,
    medium: str,
    *,
    expires_on: str | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Made:
    """Copy the keystore into a folder of its own in `target`, and read it back.

    Raises `RefusedError` and `UsageError` with nothing done; `MunimentError` if the copy cannot be
    written or does not read back: then what was written is overwritten, and the ledger says so.
    """
    _check_nothing_came_back(ledger)
    target = Path(os.path.abspath(target))  # noqa: PTH100  not resolved: the name that was given
    if not target.is_dir():
        raise UsageError(
            "the folder for the copy is not there; nothing was copied",
            "make the folder, or mount the disk that it is on",
        )
    check_outside(ledger, target)
    check_apart(target)
    copy, key = new_ids("keycopy")[0], ledger.keystore.new_keys(1)[0][0]
    folder = target / copy
    fields = _fields(acting, "backup", medium, expires_on) | {"through": key}
    said = [_registering(copy, fields, folder, "", None, key)]
    receipt = _registered(ledger, acting, said, key, options)
    try:
        count = _write_backup(ledger, folder, key)
    except BaseException as error:
        _take_back(ledger, acting, copy, files_in(folder), options)
        with suppress(OSError):
            folder.rmdir()
        if isinstance(error, OSError):
            raise MunimentError(
                "the copy of the keystore cannot be written ({cause})", cause=error.strerror
            ) from None
        raise
    return Made(copy, folder, count, receipt)


def check_apart(folder: Path) -> None:
    """Refuse a folder in which backups of contents or of the ledger lie, or that lies in one.

    Who finds one of them must not find the keys beside it. Raises `UsageError`.
    """
    here = folder.resolve()
    with suppress(OSError):  # what cannot be listed holds nothing that is known
        names = {one.name for one in (*here.iterdir(), *here.parent.iterdir()) if one.is_file()}
        kept = [one for one in here.iterdir() if _BACKUP.match(one.name) or (one / NOTE).is_file()]
        if kept or names & {NOTE, MANIFEST}:
            raise UsageError(
                "backups of contents or of the ledger lie there; keys are kept apart from them; "
                "nothing was copied",
                "name a folder on another disk",
            )


def _write_backup(ledger: Ledger, folder: Path, through: str) -> int:
    folder.mkdir(mode=0o700)
    write_atomically(folder / KEK_FILE, (ledger.folder.keystore / KEK_FILE).read_bytes())
    part = folder / f"{SLOT_FILE}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, 0o600), "wb") as sink:
        count, digest = ledger.keystore.copy_to(sink, through)
        sink.flush()
        os.fsync(sink.fileno())
    _check(part, digest)
    part.rename(folder / SLOT_FILE)
    sync_folder(folder)
    sync_folder(folder.parent)
    with Slots.at(folder) as written:
        if written.last != through:
            raise MunimentError("the copy does not read back as it was written")
    return count


def _check(path: Path, digest: str) -> None:
    """Raise `MunimentError` if a file, read from its device, is not what was written."""
    found = sha256()
    with path.open("rb") as file:
        drop_cache(file.fileno())
        while piece := file.read(1 << 20):
            found.update(piece)
    if found.hexdigest() != digest:
        raise MunimentError("the copy does not read back as it was written")


def _check_nothing_came_back(ledger: Ledger) -> None:
    """Raise `MunimentError` if the keystore has keys that were destroyed: none are copied again."""
    with ledger.engine.connect() as connection:
        count = come_back(connection, ledger.folder.keystore)
    if count:
        raise MunimentError(
            "{count} data keys that were destroyed are in the keystore again: an older one was put "
            "back; nothing was copied",
            "muniment ledger reapply",
            count=count,
        )


def _take_back(
    ledger: Ledger, acting: Acting, copy: str, files: Sequence[Path], options: Mapping[str, Any]
) -> None:
    """Remove what there is of a copy that did not come about; what cannot be stays registered.

    `files`: written by this very call, so they are its own whatever is in them.
    """
    with suppress(OSError, RefusedError):
        for path in files:
            overwrite(path)
        said = Proposal(KeyCopyDestroyed, copy, {"technique": "overwrite"})
        ledger.act(acting, [said], **options)


def escrow(
    ledger: Ledger,
    acting: Acting,
    path: Path,
    recipients: Sequence[str],
    keys: Sequence[str] | None,
    medium: str,
    *,
    kind: str = "escrow",
    custodian: str | None = None,
    expires_on: str | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Made:
    """Write data keys into an age file that only `recipients` (`age1…`) can open.

    `keys`: their ids, None for every key that is there; `custodian`: the party that will keep the
    file, the actor's own if not given. Raises `UsageError` and `RefusedError` with nothing done
    (for single keys also of a restricted record), `KeyAccessError` for a key that is not there.

    Whoever can open the file reads content without a grant of access: none is asked for, one
    person alone records it, and a file of every key is for the recovery of the ledger, so
    restricted records are in it. What is done with it, this program neither sees nor records.
    """
    encrypt = age_to(recipients)
    _check_nothing_came_back(ledger)
    path = _new_file(ledger, path)
    keystore, copy = ledger.keystore, new_ids("keycopy")[0]
    named = sorted(set(keys)) if keys is not None else list(keystore.present())
    if not named:
        raise UsageError("there is no key to be written; nothing was written")
    text = escrow_text(ledger.origin, ((key, keystore.key(key)) for key in named))
    own = keystore.new_keys(1)[0][0]
    fields = _fields(acting, kind, medium, expires_on)
    fields["custodian"] = custodian or fields["custodian"]
    told: list[dict[str, Any]] = [{"keys": p, "count": len(named)} for p in parts(named)]
    if keys is None:
        told = [{"through": named[-1]}]
    data = encrypt(text)
    digest = sha256(data).hexdigest()
    proposals = [
        _registering(copy, {**fields, **covered}, path, digest, recipients, own, at=at)
        for at, covered in enumerate(told)
    ]
    receipt = _registered(ledger, acting, proposals, own, options)
    try:
        write_atomically(path, data)
        _check(path, digest)
    except BaseException as error:
        _take_back(ledger, acting, copy, [path] if path.is_file() else [], options)
        if isinstance(error, OSError):
            raise MunimentError(
                "the file of keys cannot be written ({cause})", cause=error.strerror
            ) from None
        raise
    return Made(copy, path, len(named), receipt)


def _registered(
    ledger: Ledger,
    acting: Acting,
    proposals: Sequence[Proposal],
    key: str,
    options: Mapping[str, Any],
) -> Receipt:
    """Record the copy; if that is refused, the new `key` of its texts goes again."""
    try:
        return ledger.act(acting, proposals, **options)
    except RefusedError:
        ledger.keystore.shred(key)
        raise


def _new_file(ledger: Ledger, path: Path) -> Path:
    """The absolute path of a file that is to be made. Raises `UsageError` where it cannot be."""
    path = Path(os.path.abspath(path))  # noqa: PTH100  as in `backup`
    check_outside(ledger, path)
    if os.path.lexists(path) or not path.parent.is_dir():
        raise UsageError(
            "there is a file of this name, or no folder for it; nothing was written",
            "name a new file in a folder that is there",
        )
    return path


def escrow_text(origin: str, keys: Iterable[tuple[str, bytes]]) -> bytes:
    """What is inside an escrow: ids and keys as the module's docstring says."""
    lines = [HEADER, origin]
    lines += [f"{key_id} {b64encode(key).decode('ascii')}" for key_id, key in keys]
    return "".join(f"{line}\n" for line in lines).encode()


def age_to(recipients: Sequence[str]) -> Callable[[bytes], bytes]:
    """A function that encrypts to all age recipients. Raises `UsageError`."""
    try:
        import pyrage
    except ImportError:
        raise UsageError(
            "age files need the library pyrage; nothing was written", "pip install 'muniment[age]'"
        ) from None
    try:
        known = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    except (pyrage.RecipientError, UnicodeEncodeError):
        raise UsageError(
            "a recipient is none: it begins with age1; nothing was written",
            "the recipient's own: age-keygen -y KEYFILE",
        ) from None
    if not known:
        raise UsageError("an encrypted file needs a recipient; nothing was written", "--to age1…")
    return lambda text: pyrage.encrypt(text, known)


def _fields(acting: Acting, kind: str, medium: str, expires_on: str | None) -> dict[str, Any]:
    fields = {
        "kind": kind, "medium": medium, "custodian": acting.state.party, "made_at": now(),
    }  # fmt: skip
    return fields | ({"expires_on": expires_on} if expires_on else {})


def _registering(
    copy: str,
    fields: Mapping[str, Any],
    path: Path,
    digest: str,
    recipients: Sequence[str] | None,
    key: str,
    *,
    at: int = 0,
) -> Proposal:
    """`digest`: of a file that is one piece; by it the file is known again when it is to go."""
    sealed = place_fields(os.fsencode(path), digest)
    if not digest:
        del sealed["content"]
    if recipients:
        sealed["recipients"] = " ".join(recipients)
    return Proposal(KeyCopyRegistered, copy, fields, None if at else sealed, None if at else key)


def name_keystore(ledger: Ledger, acting: Acting, medium: str) -> tuple[str, Receipt]:
    """Tell what the keystore of this ledger itself lies on (`live`); id and receipt."""
    place = {"location": ledger.folder.keystore.name}
    return register(ledger, acting, {"kind": "live", "medium": medium}, place)


def register(
    ledger: Ledger,
    acting: Acting,
    fields: Mapping[str, Any],
    sealed: Mapping[str, str],
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> tuple[str, Receipt]:
    """Tell of a copy that was made without this program; id and receipt.

    `fields` as of `KeyCopyRegistered`; `sealed`: `location`. What is not said is taken to be the
    worst: it was made when the ledger began (`made_at`), and has every key there is (`through`); a
    slot file that can be read from here says itself what is in it. Raises `UsageError` for a place
    inside the ledger's folder, and for what its slot file contradicts.
    """
    copy = new_ids("keycopy")[0]
    with ledger.engine.connect() as connection:
        began = LedgerFacts(connection).accepted_at(0)
    about = {"made_at": began, "custodian": acting.state.party, **fields}
    listed = about.pop("keys", None)
    place = path_in(sealed) if about["kind"] != "live" else None
    if place is not None:
        check_outside(ledger, place)
    if about["kind"] == "backup" and place is not None:
        about = _looked_into(ledger, place, about)
    if about["kind"] != "live" and not listed and "through" not in about:
        about["through"] = ledger.keystore.last
    told = [{"keys": part, "count": len(listed)} for part in parts(listed)] if listed else [{}]
    proposals = [
        Proposal(KeyCopyRegistered, copy, {**about, **more}, None if at else dict(sealed))
        for at, more in enumerate(told)
    ]
    return copy, ledger.act(acting, proposals, **options)


def _looked_into(ledger: Ledger, place: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a backup, with `through` from its slot file, if that can be read here.

    Raises `UsageError` if the file has later keys than was said, or a key that was shredded before
    the time at which it is said to have been made: it would count as not having it.
    """
    try:
        slots = Slots.at(place, reading=True)
    except KeyAccessError:
        return dict(about)
    with slots, ledger.engine.connect() as connection:
        last, there = slots.last, destroyed_keys(connection)
        there = {key for key in there if slots.state(key) == "present"}
        shredded = LedgerFacts(connection).shredded(frozenset(there))
    if last > about.get("through", last):
        raise UsageError(
            "the copy has later keys than was said; nothing was recorded",
            "leave --through out: its slot file says what is in it",
        )
    if any(one.accepted < about["made_at"] for one in shredded.values()):
        raise UsageError(
            "the copy holds a key that was destroyed before the time at which it is said to have "
            "been made; nothing was recorded",
            "leave --made-at out, or say when it was really made",
        )
    return {"through": last, **about} if last else dict(about)
