"""What the ledger says was destroyed, destroyed again where a restore has brought it back (I-20).

An older keystore holds keys that were shredded since it was copied, an older database the texts
sealed under them, an older vault the objects. The events say which: whatever a recorded execution
or expiry names as shredded or destroyed is gone through, and what is there is removed. Everything
here may be done as often as one likes, and a run that is broken off is run again. Restrictions and
holds need nothing: they are events, and come back with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import sqlalchemy as sa

from domain.backup import BackupExpired
from domain.destruction import DestructionExecuted
from domain.holding import HoldingCreated
from domain.keycopy import SHREDDING, shredded_by
from domain.values import Event, topic_of
from ledger.application import Ledger
from ledger.effects.erasing import sealed_under
from ledger.evidence import data_key, decode_event
from ledger.folder import sync_folder
from ledger.keystore import SLOT_FILE
from ledger.schema import SEALED, transaction
from ledger.slots import Slots
from ledger.vault import Vault
from projections.keycopies import all_shredded
from projections.tables import holdings
from projections.view import key_of

_PART: Final = 500
_T = TypeVar("_T")
SAYING: Final = tuple(topic_of(kind) for kind in SHREDDING)
"""The kinds of events that say which keys were shredded, and which copies destroyed."""


class Reapplied(NamedTuple):
    """What was done again, and what was found done.

    `shredded`: keys that were here and are not any more; `erased`: keys that were erased already;
    `elsewhere`: keys that this keystore never had; `payloads`, `objects`: sealed texts and vault
    objects removed. `keystore`: whether there is one at all: without it no key was looked for.
    """

    shredded: int
    erased: int
    elsewhere: int
    payloads: int
    objects: int
    keystore: bool


def reapply(ledger: Ledger) -> Reapplied:
    """Destroy again what the ledger says was destroyed; `ledger`: open for writing.

    Needs no passphrase. Raises `KeyAccessError` for a damaged keystore; what was done before an
    error stands.
    """
    with ledger.engine.connect() as connection:
        keys, copies = _destroyed(connection)
        there = (ledger.folder.keystore / SLOT_FILE).exists()
        states = Counter(_shred(ledger.folder.keystore, keys) if there else ["unknown"] * len(keys))
        objects = _remove_objects(connection, Vault(ledger.folder.path), keys, copies)
    payloads = _delete_texts(ledger, keys)
    return Reapplied(
        states["present"], states["erased"], states["unknown"], payloads, objects, there
    )


def come_back(connection: sa.Connection, keystore: Path) -> int:
    """How many data keys are in a keystore that were shredded by the register; nothing is changed.

    Goes through the keys that were shredded, not through the log. Raises `KeyAccessError` if the
    keystore is missing or damaged.
    """
    with Slots.at(keystore, reading=True) as slots:
        return sum(slots.state(key) == "present" for key in all_shredded(connection))


def missing_keys(connection: sa.Connection, keystore: Path) -> int:
    """How many data keys that stored texts are sealed under are gone without having been shredded.

    Goes through every stored text. Raises `KeyAccessError` if the keystore is missing or damaged.
    """
    sql = "SELECT e.state FROM sealed AS s JOIN events AS e ON e.position = s.position"
    named = {data_key(bytes(row[0])) for row in connection.exec_driver_sql(sql)} - {None}
    with Slots.at(keystore, reading=True) as slots:
        named.difference_update(slots.present())
    return len(named.difference(all_shredded(connection))) if named else 0


def destroyed_keys(connection: sa.Connection) -> set[str]:
    """The data keys that events say were shredded."""
    return _destroyed(connection)[0]


def _shred(keystore: Path, keys: set[str]) -> list[str]:
    """Shred those of the keys that are here; what the state of each was."""
    with Slots.at(keystore) as slots:
        states = {key: slots.state(key) for key in sorted(keys)}
        for part in _parts([key for key, state in states.items() if state == "present"]):
            slots.shred(*part)
    return list(states.values())


def _destroyed(connection: sa.Connection) -> tuple[set[str], set[str]]:
    """The data keys that events say were shredded, and the copies that they say are destroyed."""
    keys: set[str] = set()
    copies: set[str] = set()
    for event in _events(connection, SAYING):
        keys.update(shredded_by(event))
        if isinstance(event, DestructionExecuted):
            copies.update(one.holding for one in event.results if one.outcome == "destroyed")
        elif isinstance(event, BackupExpired):
            copies.update(event.items)
    return keys, copies


def _events(connection: sa.Connection, topics: Iterable[str]) -> Iterator[Event]:
    """Every event of some kinds, in order: one walk through the log."""
    chosen = tuple(topics)
    marks = ", ".join("?" * len(chosen))
    query = f"SELECT state FROM events WHERE topic IN ({marks}) ORDER BY position"  # noqa: S608
    for (state,) in connection.exec_driver_sql(query, chosen):
        yield decode_event(bytes(state))


def _delete_texts(ledger: Ledger, keys: set[str]) -> int:
    """Delete the sealed texts under shredded keys, and what the database's log holds of them."""
    positions = sealed_under(ledger, keys)
    connection = ledger.log.writer
    with transaction(connection):
        for part in _parts(positions):
            connection.execute(sa.delete(SEALED).where(SEALED.c.position.in_(part)))
    if positions and connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(positions)


def _remove_objects(
    connection: sa.Connection, vault: Vault, keys: set[str], copies: set[str]
) -> int:
    """Remove the vault objects of copies that are destroyed, or whose content nobody can read.

    Not an object that a further copy names which is there, and whose key is not shredded.
    """
    if not keys and not copies:
        return 0
    wanted: dict[str, None] = {}
    kept: set[str] = set()
    gone = _gone(connection)
    for event in _events(connection, ("holding.created",)):
        if not isinstance(event, HoldingCreated) or not isinstance(event.object, str):
            continue
        sealed_in = event.sealed.key if event.sealed else ""
        if event.stream in copies or sealed_in in keys:
            wanted[event.object] = None
        if sealed_in not in keys and key_of(event.stream) not in gone:
            kept.add(event.object)
    paths = [vault.path_of(object_) for object_ in wanted if object_ not in kept]
    there = [path for path in paths if path.is_file()]
    for path in there:
        path.unlink()
        sync_folder(path.parent)
    return len(there)


def _gone(connection: sa.Connection) -> set[bytes]:
    """The keys of the copies recorded as destroyed or returned; a lost one may be found."""
    is_gone = holdings.c.condition.in_(("destroyed", "returned"))
    return set(connection.execute(sa.select(holdings.c.holding).where(is_gone)).scalars())


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for at in range(0, len(items), _PART):
        yield items[at : at + _PART]
