"""Which other copies lie in a file: what is nobody's to destroy but by their own cases.

Rules judge copies, and a removal reaches files. Two copies may be registered in one file, and a
path has many spellings (a link in it, `/./`, `/../`, a second mount). So files are compared as the
system knows them, by device and inode; by their resolved path where a file cannot be looked at; in
a bucket by their key. Nothing that an event claims (size, medium, encryption) narrows the search.

A copy counts that is recorded neither as destroyed nor as returned. It lies where its last place
is. A place that it was moved away from, and any of a lost copy, counts only as long as what is to
go has its very content: else another file is there now.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa

from domain.holding import HoldingCreated, HoldingMoved
from domain.values import Event, topic_of
from ledger.application import Ledger
from ledger.effects.offsite import parse_location
from ledger.effects.pending import Item
from ledger.effects.places import OFFSITE, unshown
from ledger.errors import KeyAccessError, UsageError
from ledger.evidence import decode_event
from ledger.schema import EVENTS, SEALED
from ledger.sealing import open_sealed
from ledger.sources import SourceFault
from ledger.vault import LOCATION, Vault
from projections.custody import THERE
from projections.tables import holdings as copies_table
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Inode = tuple[int, int]

_LOST: Final = "lost"
_PART: Final = 400
_TOPICS: Final = (topic_of(HoldingCreated), topic_of(HoldingMoved))
_Identity = tuple[str | bytes | int, ...]


class _Lying(NamedTuple):
    """One place of a copy. `certain`: whether it lies there by its record, whatever is there."""

    holding: str
    digest: str
    certain: bool


class Others:
    """The places of the copies that are not to go, as they were found when this was made."""

    def __init__(self, ledger: Ledger, leaving: Collection[str]) -> None:
        """`leaving`: the copies that are to go, by holding.

        Goes through every copy there is and unseals where it lies, whatever is said of it: about
        70 us a copy, 7 s for 100,000 of them; the rows of a table are in one. Where the data key
        of a copy's texts is gone or damaged nobody knows its place, and it is passed over. Raises
        `KeyAccessError` without the keystore, `VerificationError` for an altered ciphertext.
        """
        _ = ledger.keystore.size
        self._found: dict[_Identity, list[_Lying]] = {}
        with ledger.engine.connect() as connection:
            for lying, location in _places(ledger, connection, set(leaving)):
                for identity in _identities(location):
                    self._found.setdefault(identity, []).append(lying)

    def in_file(self, path: bytes, digest: str) -> str | None:
        """A copy that lies in the file under a path; `digest`: what that file should hold."""
        return self._first(_identities(path, link=True), digest)

    def in_object(self, location: str, digest: str) -> str | None:
        """A copy that lies under the key of an `s3://` location."""
        return self._first(_identities(location), digest)

    def keep(self, inode: Inode, digest: str) -> bool:
        """Whether another copy lies in a file that was opened: device and number of it."""
        return self._first([("file", *inode)], digest) is not None

    def _first(self, identities: Sequence[_Identity], digest: str) -> str | None:
        found = (lying for identity in identities for lying in self._found.get(identity, ()))
        counting = (o.holding for o in found if o.certain or o.digest in ("", digest))
        return next(counting, None)


def check_shared(others: Others, items: Iterable[Item]) -> None:
    """Raise `UsageError` if a copy that is not to go lies where one of these items does."""
    for item in items:
        if item.offsite:
            found = others.in_object(item.offsite, item.digest)
        else:
            found = others.in_file(bytes.fromhex(item.path), item.digest) if item.path else None
        if found is not None:
            msg = (
                "another copy, {holding}, lies in a file of the list and is not on it; nothing was "
                "changed"
            )
            raise UsageError(msg, "muniment destroy propose --copy …, with both", holding=found)


def _identities(location: bytes | str, *, link: bool = False) -> list[_Identity]:
    """What a path or an `s3://` location is known by; nothing if nothing can be there.

    `link`: a link is itself, and not what it leads to: so is it for whoever removes it.
    """
    if isinstance(location, str):
        with suppress(SourceFault):
            where = parse_location(location)
            return [("away", where.bucket, where.key)]
        return []
    try:
        found = os.lstat(location) if link else os.stat(location)  # noqa: PTH116  bytes
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL is in no path
        return []
    except OSError:
        return [("path", os.path.realpath(location))]
    known: _Identity = ("file", found.st_dev, found.st_ino)
    return [known, ("path", os.path.realpath(location))] if link else [known]


def _places(
    ledger: Ledger, connection: Connection, leaving: Collection[str]
) -> Iterator[tuple[_Lying, bytes | str]]:
    """Every place of every copy that may still be there and is not `leaving`."""
    table = copies_table.c
    asked = sa.select(table.holding, table.condition).where(table.condition.in_((*THERE, _LOST)))
    conditions: dict[bytes, str] = dict(map(tuple, connection.execute(asked)))
    wanted = [key for key in sorted(conditions) if id_of("holding", key) not in leaving]
    for at in range(0, len(wanted), _PART):
        for told in _told(connection, wanted[at : at + _PART]).values():
            lost = conditions[key_of(told[0][0].stream)] == _LOST
            yield from _places_of(ledger, told, lost=lost)


_Told = list[tuple[HoldingCreated | HoldingMoved, bytes | None]]


def _told(connection: Connection, keys: Sequence[bytes]) -> dict[str, _Told]:
    """What was said of where some copies lie, in order, with the ciphertexts that are left."""
    asked = (
        sa.select(EVENTS.c.state, SEALED.c.ciphertext)
        .join_from(EVENTS, SEALED, SEALED.c.position == EVENTS.c.position, isouter=True)
        .where(EVENTS.c.stream.in_(keys), EVENTS.c.topic.in_(_TOPICS))
        .order_by(EVENTS.c.position)
    )
    found: dict[str, _Told] = {}
    for state, ciphertext in connection.execute(asked):
        event = decode_event(bytes(state))
        if isinstance(event, HoldingCreated | HoldingMoved):
            found.setdefault(event.stream, []).append((event, ciphertext))
    return found


def _places_of(ledger: Ledger, told: _Told, *, lost: bool) -> Iterator[tuple[_Lying, bytes | str]]:
    """The places of one copy, the last one marked as certain unless it is lost."""
    created = told[0][0]
    object_ = created.object if isinstance(created, HoldingCreated) and created.object else ""
    digest = ""
    for at, (event, ciphertext) in enumerate(told):
        sealed = _unsealed(ledger, event, ciphertext)
        digest = digest or object_ or sealed.get("content", "")
        where = _location(ledger, event, sealed, object_)
        if where is not None:
            certain = not lost and at == len(told) - 1
            yield _Lying(event.stream, digest, certain), where


def _location(
    ledger: Ledger, event: Event, sealed: Mapping[str, str], object_: str
) -> bytes | str | None:
    """A path (bytes) or an `s3://` location (text); None for what no program reaches."""
    text = sealed.get("to" if isinstance(event, HoldingMoved) else "location", "")
    if text.startswith(OFFSITE):
        return text
    if isinstance(event, HoldingCreated):
        if object_ and text == LOCATION:
            return os.fsencode(Vault(ledger.folder.path).path_of(object_))
        with suppress(KeyError, ValueError):
            return bytes.fromhex(sealed["location_bytes"])
    return unshown(text) if text.startswith("/") else None


def _unsealed(ledger: Ledger, event: Event, ciphertext: bytes | None) -> Mapping[str, str]:
    """The sealed fields of an event, none if nobody can read them any more."""
    if ciphertext is None or not event.sealed:
        return {}
    with suppress(KeyAccessError):
        if ledger.keystore.state(event.sealed.key) == "present":
            key = ledger.keystore.key(event.sealed.key)
            return open_sealed(ledger.origin, event.id, event.sealed, bytes(ciphertext), key)
    return {}
