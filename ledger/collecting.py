"""Bulk collection: a folder, or the rows of a table, of any size, in flat memory.

What is found is read, compared with what was collected before, and recorded in commits of at most
1,000 events. "Before" is an HMAC token over path and content under a pepper that lies in the
keystore (`ledger.recognition`); the table of tokens can be erased, events hold none of them
(DESIGN 6). A run that is broken off has recorded whole commits; run again, it records nothing
twice.

With `Terms.vault` a further copy of each file, made whole of it and encrypted under a data key of
its own, lies in the vault before the commit that names it (`ledger.vault`). A file is read once:
the digest recorded for it is that of the very bytes that were encrypted. What is not recorded in
the end (known already, changed while it was read, refused) is taken out of the vault again.
"""

from __future__ import annotations

import gc
import hmac
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from domain.engagement import EngagementOpened
from domain.holding import HoldingCreated
from domain.record import RecordCollected
from domain.values import Event, SealedRef
from ledger import recognition, sources
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import MunimentError, VerificationError
from ledger.evidence import decode_event
from ledger.recorder import Receipt
from ledger.rowtree import Series, series
from ledger.sealing import commitments_root, derived_seed
from ledger.signing import new_ids, new_salts, now, seal_fields
from ledger.sources import Found, SourceFault
from ledger.sweeping import sweep
from ledger.vault import HELD_BYTES, Kept, Storing, Taken, Vault, texts_of
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

MAX_EVENTS = 1_000
ROWS_A_COMMIT = 996  # their leaf hashes and the note just fill two pages; 1,000 would open a third
_QUERY = 500


class Terms(NamedTuple):
    """Under which terms everything in one run is collected.

    Codes as in the enumerations; `notice`: a reference to the notice given, sealed; without it
    and without `exemption` personal data is recorded with the finding `notice_missing`.
    `shared_key`: one data key for all rows of a table, which then cannot be erased one by one.
    `vault`: the `BackupMedium` that the vault lies on, where a copy of each file is to lie in it.
    """

    category: str
    basis: str
    source: str
    engagement: str
    notice: str | None = None
    exemption: str | None = None
    rows: bool = False
    shared_key: bool = False
    medium: str = "disk_internal"
    vault: str | None = None

    @property
    def notice_status(self) -> str:
        """The `NoticeStatus` that these terms amount to (PIPL 17, 18)."""
        if self.basis == "not_personal":
            return "not_applicable"
        if self.notice:
            return "given"
        return "exempt" if self.exemption else "missing"


class Collected(NamedTuple):
    """A record that this run has recorded."""

    record: str
    path: str
    event: str
    position: int


class Unchanged(NamedTuple):
    """Something that an earlier run has recorded, with the same content."""

    path: str
    count: int = 1  # type: ignore[assignment]  # where tuples have a method


class Failed(NamedTuple):
    """Something that could not be taken; `cause` is a stable code."""

    path: str
    cause: str


Outcome = Collected | Unchanged | Failed


def collect(
    ledger: Ledger, acting: Acting, paths: Sequence[str | os.PathLike[str]], terms: Terms
) -> Iterator[Outcome]:
    """Collect everything under `paths`; outcomes come as soon as they are durable.

    Raises `RefusedError` when a rule forbids the act as such; what was recorded before stands.
    """
    gc.freeze()  # else the collector walks all of the program again for every few batches
    try:
        yield from _Run(ledger, acting, terms).collect(paths)
    finally:
        gc.unfreeze()


class _File(NamedTuple):
    found: Found
    token: bytes
    series: Series
    stored: Taken | None

    @property
    def items(self) -> int:
        """How many things it is."""
        return self.series.items


class _Run:
    """One call of `collect`: its terms, its pepper, the batch being gathered."""

    def __init__(self, ledger: Ledger, acting: Acting, terms: Terms) -> None:
        self._ledger = ledger
        self._acting = acting
        self._terms = terms
        self._pepper = pepper(ledger, terms.engagement, recognition.LABEL)
        self._storing: Storing | None = None
        if terms.vault is not None:
            with ledger.engine.connect() as connection:
                sweep(Vault(ledger.folder.path), connection)
            self._storing = Storing(ledger.folder.path, ledger.keystore)
        self._events_a_file = 2 if self._storing is None else 3
        self._common: dict[str, Any] = {
            "by": acting.actor,
            "role": acting.role_for(RecordCollected, None, terms.engagement, now()),
            "engagement": terms.engagement,
        }
        self._about: dict[str, Any] = {
            "category": terms.category,
            "basis": terms.basis,
            "notice": terms.notice_status,
            **({"notice_exemption": terms.exemption} if terms.notice_status == "exempt" else {}),
        }

    def collect(self, paths: Sequence[str | os.PathLike[str]]) -> Iterator[Outcome]:
        try:
            yield from self._collect(paths)
        finally:
            if self._storing is not None:
                self._storing.close()

    def _collect(self, paths: Sequence[str | os.PathLike[str]]) -> Iterator[Outcome]:
        batch: list[_File] = []
        for step in sources.walk(paths, os.fsencode(self._ledger.folder.path.resolve())):
            if not isinstance(step, bytes):
                yield Failed(sources.shown(step[0]), step[1])
                continue
            as_rows = self._terms.rows and sources.is_table(step)
            if as_rows:
                yield from self._files(batch)
                batch = []
            try:
                found, stored = self._read(step)
                if as_rows:
                    yield from self._rows(found, stored)
                    continue
                token = recognition.file_token(self._pepper, found.path, found.digest)
                batch.append(_File(found, token, series(found), stored))
            except SourceFault as fault:
                yield Failed(sources.shown(step), fault.cause)
            held = self._storing.held if self._storing is not None else 0
            if (len(batch) + 1) * self._events_a_file > MAX_EVENTS or held >= HELD_BYTES:
                yield from self._files(batch)
                batch = []
        yield from self._files(batch)

    def _read(self, path: bytes) -> tuple[Found, Taken | None]:
        if self._storing is None:
            return sources.read(path), None
        return self._storing.read(path)

    def _known(self, tokens: Sequence[bytes]) -> set[bytes]:
        known: set[bytes] = set()
        for start in range(0, len(tokens), _QUERY):
            known |= _tokens_among(self._ledger.log.writer, tokens[start : start + _QUERY])
        return known

    # -- whole files -------------------------------------------------------------------------

    def _files(self, batch: list[_File]) -> Iterator[Outcome]:
        """Record a batch of files: a holding and a record each, under one new data key each."""
        known = self._known([file.token for file in batch])
        yield from (Unchanged(sources.shown(f.found.path)) for f in batch if f.token in known)
        fresh = list({f.token: f for f in batch if f.token not in known}.values())
        if not fresh:
            if self._storing is not None:
                self._storing.leave()
            return
        keys = self._ledger.keystore.new_keys(len(fresh))
        holdings, records = new_ids("holding", len(fresh)), new_ids("record", len(fresh))
        salts, moment = new_salts(self._events_a_file * len(fresh)), now()
        events: list[Event] = []
        ciphertexts: dict[int, bytes] = {}
        copies = self._copies(fresh, holdings, moment, salts)
        for file, key, holding, record in zip(fresh, keys, holdings, records, strict=True):
            said = [*self._file(file, key, holding, record, moment, salts), *next(copies)]
            for event, ciphertext in said:
                ciphertexts[len(events)] = ciphertext
                events.append(event)
        tokens = [(f.token, key_of(r)) for f, r in zip(fresh, records, strict=True)]
        receipt = self._commit(events, ciphertexts, tokens)
        for number, (file, record) in enumerate(zip(fresh, records, strict=True)):
            position = receipt.first + self._events_a_file * number + 1
            yield Collected(record, sources.shown(file.found.path), f"{record}/1", position)

    def _copies(
        self, files: Sequence[_File], holdings: Sequence[str], moment: str, salts: list[str]
    ) -> Iterator[list[tuple[Event, bytes]]]:
        """The event, if any, of each file's copy in the vault; the contents are there by then."""
        if self._storing is None:
            yield from ([] for _ in files)
            return
        made = self._storing.keep([file.stored for file in files if file.stored is not None])
        ids = new_ids("holding", len(files))
        for file, source, one, copy in zip(files, holdings, made, ids, strict=True):
            yield [self._copy(file.found, file.items, source, one, copy, moment, salts.pop())]

    def _copy(
        self,
        found: Found,
        items: int,
        source: str,
        made: Kept,
        copy: str,
        moment: str,
        salt: str,
    ) -> tuple[Event, bytes]:
        sealed, ciphertext = self._seal(
            copy, texts_of(sources.name_of(found.path), found.digest.hex()), made.key
        )
        return HoldingCreated(
            stream=copy, version=1, at=moment, salt=salt, sealed=sealed, made_from=source,
            form=sources.form_of(found), size=found.size, items=items, encrypted=True,  # type: ignore[arg-type]
            custodian=self._acting.state.party, medium=self._terms.vault,  # type: ignore[arg-type]
            object=made.object, **self._common,
        ), ciphertext  # fmt: skip

    def _file(
        self,
        file: _File,
        key: tuple[str, bytes],
        holding: str,
        record: str,
        moment: str,
        salts: list[str],
    ) -> Iterator[tuple[Event, bytes]]:
        form, size = sources.form_of(file.found), file.found.size
        envelope = {**self._common, "version": 1, "at": moment}
        sealed, ciphertext = self._seal(holding, _place(file.found), key)
        yield (
            HoldingCreated(
                stream=holding, salt=salts.pop(), sealed=sealed, form=form, size=size,  # type: ignore[arg-type]
                custodian=self._acting.state.party, medium=self._terms.medium,  # type: ignore[arg-type]
                items=file.items, encrypted=False, **envelope,
            ),
            ciphertext,
        )  # fmt: skip
        sealed, ciphertext = self._seal(
            record, {**self._texts(file.found), **file.series.sealed}, key
        )
        yield (
            RecordCollected(
                stream=record, salt=salts.pop(), sealed=sealed, form=form, size=size,  # type: ignore[arg-type]
                holding=holding, items=file.items, method="folder_scan", **envelope, **self._about,
            ),
            ciphertext,
        )  # fmt: skip

    def _texts(self, found: Found) -> dict[str, str]:
        texts = {
            "title": sources.name_of(found.path),
            "source": self._terms.source,
            "content": found.digest.hex(),
        }
        return {**texts, "notice": self._terms.notice} if self._terms.notice else texts

    def _seal(
        self, stream: str, fields: Mapping[str, str], key: tuple[str, bytes]
    ) -> tuple[SealedRef, bytes]:
        return seal_fields(self._ledger.origin, f"{stream}/1", fields, *key)

    # -- rows of a table ---------------------------------------------------------------------

    def _rows(self, found: Found, stored: Taken | None) -> Iterator[Outcome]:
        """Record each data row as a record of its own; the table is the copy they all lie in."""
        table = _Table(self._ledger, self._pepper, found, stored)
        batch: list[tuple[int, list[str]]] = []
        path = sources.shown(found.path)
        try:
            number = 0
            for number, cells in sources.rows(found):
                batch.append((number, cells))
                if len(batch) == ROWS_A_COMMIT:
                    yield from self._row_batch(table, batch)
                    batch = []
            yield from self._row_batch(table, batch, last=True)
            if number == 0:
                yield Failed(path, "no_rows")
        except SourceFault as fault:
            yield Failed(path, fault.cause)
        if table.registered and (copy := list(self._table_copy(table, now()))):
            self._commit([event for event, _ in copy], dict(enumerate(c for _, c in copy)), [])
        if self._storing is not None:
            self._storing.leave()

    def _row_batch(
        self, table: _Table, batch: list[tuple[int, list[str]]], *, last: bool = False
    ) -> Iterator[Outcome]:
        rows = [table.row(number, cells) for number, cells in batch]
        known = self._known([row.token for row in rows])
        if known:
            yield Unchanged(table.path, len(known))
            rows = [row for row in rows if row.token not in known]
        if not rows:
            return
        moment = now()
        events: list[Event] = []
        ciphertexts: dict[int, bytes] = {}
        if not table.registered:
            event, ciphertexts[0] = self._table(table, moment)
            events.append(event)
        before = len(events)
        records = new_ids("record", len(rows))
        keys = [] if self._terms.shared_key else self._ledger.keystore.new_keys(len(rows))
        collected = partial(
            RecordCollected, version=1, at=moment, holding=table.holding, form="database_rows",
            size=table.row_size, items=1, method="table_rows", **self._common, **self._about,
        )  # fmt: skip
        for at, (row, record, salt) in enumerate(
            zip(rows, records, new_salts(len(rows)), strict=True)
        ):
            if self._terms.shared_key:
                sealed = table.committed(self._ledger.origin, record, row.content)
            else:
                title = f"{table.name} #{row.number} {row.first}"
                fields = {"title": title, "content": row.content}
                sealed, ciphertexts[len(events)] = self._seal(record, fields, keys[at])
            events.append(collected(stream=record, salt=salt, sealed=sealed, row=row.number))
        for copy, ciphertext in self._table_copy(table, moment) if last else ():
            ciphertexts[len(events)] = ciphertext
            events.append(copy)
        tokens = [(row.token, key_of(r)) for row, r in zip(rows, records, strict=True)]
        receipt = self._commit(events, ciphertexts, tokens)
        table.registered = True
        for position, record in enumerate(records, receipt.first + before):
            yield Collected(record, table.path, f"{record}/1", position)

    def _table(self, table: _Table, moment: str) -> tuple[Event, bytes]:
        found, table.items = table.found, _rows_in(table.found)
        fields = {**_place(found), **self._texts(found), "seed": table.seed.hex()}
        sealed, ciphertext = self._seal(table.holding, fields, table.key)
        event = HoldingCreated(
            stream=table.holding, version=1, at=moment, salt=new_salts(1)[0], sealed=sealed,
            custodian=self._acting.state.party, form="database_rows", size=found.size,
            medium=self._terms.medium, items=table.items, encrypted=False, **self._common,  # type: ignore[arg-type]
        )  # fmt: skip
        return event, ciphertext

    def _table_copy(self, table: _Table, moment: str) -> Iterator[tuple[Event, bytes]]:
        """The table's copy in the vault, once; after its rows, which it holds as well (I-35)."""
        if self._storing is not None and table.stored is not None:
            (made,) = self._storing.keep([table.stored])
            table.stored = None
            copy, salt = new_ids("holding")[0], new_salts(1)[0]
            yield self._copy(table.found, table.items, table.holding, made, copy, moment, salt)

    def _commit(
        self,
        events: Sequence[Event],
        ciphertexts: Mapping[int, bytes],
        tokens: Sequence[tuple[bytes, bytes]],
    ) -> Receipt:
        if self._storing is None:
            return self._ledger.commit(self._acting, events, ciphertexts, tokens=tokens)
        with self._storing.recording(lambda: self._ledger.state(events[-1].stream) is not None):
            return self._ledger.commit(self._acting, events, ciphertexts, tokens=tokens)


class _Table:
    """A table whose rows are being collected: its holding, its data key, its series seed."""

    def __init__(self, ledger: Ledger, pepper: bytes, found: Found, stored: Taken | None) -> None:
        self.found = found
        self.stored = stored
        self.path = sources.shown(found.path)
        self.name = sources.name_of(found.path)
        self.holding = new_ids("holding")[0]
        self.key = ledger.keystore.new_keys(1)[0]
        self.seed = os.urandom(32)
        self.registered = False
        self.items = self.row_size = 0
        self._tokens = recognition.RowTokens(pepper, found.path)

    def row(self, number: int, cells: list[str]) -> _Row:
        """A row as it is looked up and collected."""
        digest = sha256(sources.row_content(cells))
        token = self._tokens.token(number, digest.digest())
        return _Row(number, cells[0][:200], digest.hexdigest(), token)

    def committed(self, origin: str, record: str, content: str) -> SealedRef:
        """A row's commitment under the seed that its table's payload holds."""
        event_id = f"{record}/1"
        seed = derived_seed(self.seed, event_id)
        root = commitments_root(origin, event_id, {"content": content}, seed)
        return SealedRef(key=self.key[0], root=root.hex())


class _Row(Struct, frozen=True):
    """A data row: its number, its first cell, its content's digest in hex, its token."""

    number: int
    first: str
    content: str
    token: bytes


def _place(found: Found) -> dict[str, str]:
    place = {"location": sources.shown(found.path), "content": found.digest.hex()}
    try:
        found.path.decode("utf-8")
    except UnicodeDecodeError:
        return {**place, "location_bytes": found.path.hex()}
    return place


def _rows_in(found: Found) -> int:
    """How many data rows a table has: read whole, so that a broken one is refused whole.

    Raises `SourceFault`.
    """
    return sum(1 for _ in sources.rows(found))


def _tokens_among(connection: Connection, tokens: Sequence[bytes]) -> set[bytes]:
    """Those of `tokens` whose record still lies in the copy in which it was collected."""
    marks = ", ".join(["{}"] * len(tokens))
    query = (
        "SELECT token FROM tokens JOIN inventory ON inventory.record = tokens.stream "  # noqa: S608
        "JOIN holdings ON holdings.holding = inventory.holding "
        f"WHERE token IN ({marks}) AND holdings.condition NOT IN ('lost', 'returned', 'destroyed')"
    )
    return {bytes(row[0]) for row in fetch(connection, marked(connection, query), tuple(tokens))}


def pepper(ledger: Ledger, engagement: str, label: bytes) -> bytes:
    """The engagement's pepper for one use, by its label, derived from its data key.

    It ends when that key is destroyed. Raises `VerificationError`, `KeyAccessError`.
    """
    stored = ledger.recorder.select_events(UUID(engagement[-36:]), lte=1)
    event = decode_event(stored[0].state) if stored else None
    if not isinstance(event, EngagementOpened) or not event.sealed:
        msg = "the engagement has no data key to recognise records by"
        raise VerificationError(msg, "muniment verify")
    try:
        key = ledger.keystore.key(event.sealed.key)
    except MunimentError as error:
        raise type(error)(error.message, "restore the keystore; muniment doctor") from error
    return hmac.digest(key, label, "sha256")
