"""Copies in the vault: made of what was collected before, listed, and looked after.

Every copy made here is one of a copy that is there, whole, and encrypted under a data key of its
own; its object lies in the vault before the commit that names it. `check` reads every object of a
copy that is there; causes that it adds to those of `ledger.effects.places`:

    vanished                its object is not in the vault
    still_there             the copy is recorded as gone, and its object is in the vault
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from os import fsencode
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec import UNSET

from domain.holding import HoldingCreated
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import check_permitted
from ledger.effects.places import Place, content, place_of, plain, read_matches
from ledger.evidence import decode_event
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids
from ledger.sources import SourceFault
from ledger.sweeping import MOST_LEFT, sweep
from ledger.vault import HELD_BYTES, Stored, Storing, Taken, Vault, texts_of
from projections.custody import THERE, Copy, listed, one

MOST: Final = 500
"""So many copies one commit makes."""

DAY: Final = 86_400
_PORTION: Final = 500

Progress = Callable[[int, int], None]
"""`progress(done, total)` after each copy."""


class Failed(NamedTuple):
    """A copy that could not be stored, or is not in order; `cause` is a stable code."""

    holding: str
    cause: str


class Put(NamedTuple):
    """What `put` did; `left_out`: copies that are no files here, where all were asked for."""

    stored: list[str]
    failed: list[Failed]
    receipts: list[Receipt]
    left_out: int = 0


class Object(NamedTuple):
    """A copy that Muniment encrypted, as the events say; `size` is that of the plain bytes.

    `elsewhere`: it belongs to a backup, was restored or moved: its object need not be in the vault.
    """

    holding: str
    object: str
    size: int
    medium: str
    made_from: str | None
    condition: str
    elsewhere: bool

    @property
    def there(self) -> bool:
        """Whether the copy is still there."""
        return self.condition in THERE


_OBJECTS: Final = sa.text(
    "SELECT e.state, h.condition, h.medium, "
    "EXISTS (SELECT 1 FROM backup_copies b WHERE b.holding = h.holding) OR "
    "EXISTS (SELECT 1 FROM restored_copies r WHERE r.holding = h.holding) OR "
    "EXISTS (SELECT 1 FROM events m WHERE m.stream = h.holding AND m.topic = 'holding.moved') "
    "FROM holdings h JOIN events e ON e.stream = h.holding AND e.version = 1 "
    "WHERE h.encrypted = 1 ORDER BY h.holding"
)

_HOW_MANY: Final = sa.text("SELECT count(*) FROM holdings WHERE encrypted = 1")


def encrypted_copies(connection: sa.Connection) -> Iterator[Object]:
    """Every copy with an object, gone ones included, in order of its id; needs no key."""
    for rows in connection.execute(_OBJECTS).partitions(_PORTION):
        for state, condition, medium, elsewhere in rows:
            event = decode_event(bytes(state))
            if isinstance(event, HoldingCreated) and event.object is not UNSET:
                made_from = None if event.made_from is UNSET else event.made_from
                yield Object(
                    event.stream, event.object, event.size, medium, made_from, condition,
                    bool(elsewhere),
                )  # fmt: skip


# -- put --------------------------------------------------------------------------------------


class _Source(NamedTuple):
    copy: Copy
    place: Place


def put(
    ledger: Ledger,
    acting: Acting,
    chosen: Sequence[str] | None,
    medium: str = "disk_internal",
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401  role and engagement, those of `Ledger.build`
) -> Put:
    """Make a copy in the vault of each copy chosen, and record it.

    `chosen`: holdings; None: every copy of the acting party that is there, a file, and not in the
    vault yet. `medium`: what the vault lies on. What is not what was recorded is not stored and
    comes back as `Failed`. Raises `RefusedError` (a rule), `MunimentError` (a disk); what was
    recorded before stands, nothing else stays in the vault.
    """
    done = Put([], [], [])
    wanted = _all(ledger, acting) if chosen is None else list(dict.fromkeys(chosen))
    stored, left_out = _stored_already(ledger), 0
    remove_strays(ledger)
    with Storing(ledger.folder.path, ledger.keystore) as storing:
        run = _Run(ledger, acting, medium, options, storing, done)
        for number, holding in enumerate(wanted, 1):
            try:
                run.take(_source(ledger, acting, holding, stored))
            except SourceFault as fault:
                if chosen is None and fault.cause == "not_a_file_here":
                    left_out += 1
                else:
                    done.failed.append(Failed(holding, fault.cause))
            if progress is not None:
                progress(number, len(wanted))
        run.record()
    return done._replace(left_out=left_out)


class _Run:
    """One call of `put`: what waits to be recorded, and what was."""

    def __init__(
        self,
        ledger: Ledger,
        acting: Acting,
        medium: str,
        options: dict[str, Any],
        storing: Storing,
        done: Put,
    ) -> None:
        self._ledger, self._acting, self._options = ledger, acting, options
        self._medium = medium
        self._storing = storing
        self._done = done
        self._waiting: list[tuple[_Source, Taken]] = []
        self._permitted = False

    def take(self, source: _Source) -> None:
        """Read one copy. Raises `SourceFault` if it cannot be, or is not what was recorded."""
        if not self._permitted:
            provisional = self._proposal(source, "0" * 64, None)
            check_permitted(self._ledger, self._acting, [provisional], **self._options)
            self._permitted = True
        with content(self._ledger, source.place) as file:
            taken = self._storing.take(file)
        if taken.content != source.place.content:
            self._storing.forget(taken)
            raise SourceFault("changed_since_recorded")
        self._waiting.append((source, taken))
        if len(self._waiting) == MOST or self._storing.held >= HELD_BYTES:
            self.record()

    def record(self) -> None:
        """Store what waits, and say so in one commit."""
        if not self._waiting:
            return
        kept = self._storing.keep([taken for _source, taken in self._waiting])
        proposals = [
            self._proposal(source, one.object, one.key[0])
            for (source, _taken), one in zip(self._waiting, kept, strict=True)
        ]
        last = proposals[-1].stream
        with self._storing.recording(lambda: self._ledger.state(last) is not None):
            receipt = self._ledger.act(self._acting, proposals, **self._options)
        self._done.stored.extend(proposal.stream for proposal in proposals)
        self._done.receipts.append(receipt)
        self._waiting = []

    def _proposal(self, source: _Source, name: str, key: str | None) -> Proposal:
        copy, place = source
        fields = {
            "custodian": copy.custodian, "form": copy.form, "medium": self._medium,
            "size": copy.size, "items": copy.items, "encrypted": True, "object": name,
            "made_from": copy.holding, **({"record": copy.record} if copy.record else {}),
        }  # fmt: skip
        sealed = texts_of(place.name, place.content)
        return Proposal(HoldingCreated, new_ids("holding")[0], fields, sealed, key)


def _all(ledger: Ledger, acting: Acting) -> list[str]:
    """Every copy that the acting party keeps and that no program made of another one."""
    found: list[str] = []
    stored, after = _stored_already(ledger), None
    while True:
        with ledger.engine.connect() as connection:
            portion = listed(connection, limit=_PORTION, after=after)
        if not portion:
            return found
        found += [copy.holding for copy in portion if _unfit(copy, acting, stored) is None]
        after = portion[-1].holding


def _source(ledger: Ledger, acting: Acting, holding: str, stored: set[str]) -> _Source:
    with ledger.engine.connect() as connection:
        copy = one(connection, holding)
    if copy is None:
        raise SourceFault("holding_not_there")
    if (cause := _unfit(copy, acting, stored)) is not None:
        raise SourceFault(cause)
    return _Source(copy, place_of(ledger, holding))


def _unfit(copy: Copy, acting: Acting, stored: set[str]) -> str | None:
    """Why no copy of this one can be put into the vault: a stable code, None if it can."""
    if not copy.there:
        return "holding_not_there"
    if copy.custodian != acting.state.party:
        return "kept_by_another"
    if copy.holding in stored:
        return "in_the_vault"
    if copy.made_from is not None and (copy.record is None or copy.encrypted):
        return "not_an_original"
    return None


def _stored_already(ledger: Ledger) -> set[str]:
    """The copies that are in the vault, and those of which a copy is."""
    with ledger.engine.connect() as connection:
        here = [o for o in encrypted_copies(connection) if o.there and not o.elsewhere]
    return {o.holding for o in here} | {o.made_from for o in here if o.made_from is not None}


# -- check ------------------------------------------------------------------------------------


class Checked(NamedTuple):
    """What `check` found: how many objects it looked at, what is not in order, what is stray."""

    checked: int
    failed: list[Failed]
    strays: list[Stored]


def check(ledger: Ledger, *, read_data: bool = False, progress: Progress | None = None) -> Checked:
    """Compare every object of a copy that is there with what was recorded, byte by byte.

    `read_data`: decrypt them too, and compare what is in them. Needs the keystore, which knows
    where the copies lie; changes nothing.
    """
    vault = Vault(ledger.folder.path)
    failed: list[Failed] = []
    known: set[str] = set()
    checked = 0
    with ledger.engine.connect() as connection:
        total = connection.execute(_HOW_MANY).scalar_one()
        for number, copy in enumerate(encrypted_copies(connection), 1):
            known.add(copy.object)
            if not copy.there:
                if vault.path_of(copy.object).exists():
                    failed.append(Failed(copy.holding, "still_there"))
            elif (place := _in_vault(ledger, vault, copy, failed)) is not None:
                checked += 1
                if (cause := _wrong(ledger, place, copy, read_data=read_data)) is not None:
                    failed.append(Failed(copy.holding, cause))
            if progress is not None:
                progress(number, total)
    return Checked(checked, failed, list(vault.strays(known.__contains__)))


def _in_vault(ledger: Ledger, vault: Vault, copy: Object, failed: list[Failed]) -> Place | None:
    """The place of a copy whose object should be in the vault; None if it lies elsewhere."""
    try:
        place = place_of(ledger, copy.holding)
    except SourceFault as fault:
        if not copy.elsewhere:
            failed.append(Failed(copy.holding, fault.cause))
        return None
    return place if place.path == fsencode(vault.path_of(copy.object)) else None


def _wrong(ledger: Ledger, place: Place, copy: Object, *, read_data: bool) -> str | None:
    """What is wrong with an object, None if nothing is."""
    try:
        if not read_matches(place):
            return "changed_since_recorded"
        if not read_data:
            return None
        digest, size = sha256(), 0
        for piece in plain(ledger, place):
            digest.update(piece)
            size += len(piece)
    except SourceFault as fault:
        return fault.cause
    same = digest.hexdigest() == place.content and size == copy.size
    return None if same else "other_content"


def remove_strays(ledger: Ledger, most: int = MOST_LEFT) -> int:
    """Remove what no event names; how many files there were.

    `ledger`: open for writing, so that nobody is putting anything in. Raises `MunimentError` for
    one that cannot be removed, and for more than `most`.
    """
    assert ledger.writing
    with ledger.engine.connect() as connection:
        return sweep(Vault(ledger.folder.path), connection, most)
