"""What a bundle tells, read back from the files that it ships.

The pages for people and the files for other tools say nothing that is not in the bundle itself, so
they are made from its payload and from nothing else: whoever has the bundle can make them again.

`tell(files, bundle, exported)` takes the payload as it is written (`ledger.bundle`: everything
under `data/10_账本`, `data/20_身份` and `data/30_附件`, and `data/60_环境/software.json`) and
gives a `Told`. It reads, it does not verify: the verifiers do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from msgspec import Struct

from domain.anchor import LedgerIndexPublished, LedgerTimestampAnchored
from domain.values import Event
from ledger.evidence import decode_event
from ledger.offline import times
from ledger.offline import token as tsr
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import Note, encode_base64

LEDGER: Final = "data/10_账本"
IDENTITY: Final = "data/20_身份"
ATTACHED: Final = "data/30_附件"
ENVIRONMENT: Final = "data/60_环境"
_TIMED: Final = 72
"""Bytes of a cosignature (0x04): 8 of time, 64 of signature."""


class Signed(NamedTuple):
    """One line of a commit: which key, in which capacity; `actor`: empty for the ledger's own."""

    name: str
    key_id: str
    capacity: str
    actor: str


class Place(Struct, frozen=True, kw_only=True):
    """One event where it stands; `event` is None and `reason` a code where it is withheld.

    `entry`, `index`: 0-based; `leaf`, `digest`: RFC 6962 leaf hash and SHA-256 of its bytes in hex
    (`digest` is empty where it is withheld); `own`: in scope, not only a proof of somebody's key;
    `seen`: entries that the signers had seen; `opened`: the sealed fields that are shown;
    `not_before`, `not_after`: the provable interval by the tokens in the bundle, empty if open.
    """

    id: str
    entry: int
    index: int
    accepted: str
    own: bool
    event: Event | None
    leaf: str
    digest: str
    reason: str
    commit: str
    signers: tuple[Signed, ...]
    seen: int
    opened: Mapping[str, str]
    not_before: str
    not_after: str

    @property
    def topic(self) -> str:
        """Its topic; empty where the event is withheld."""
        return "" if self.event is None else str(self.event.__struct_config__.tag)

    @property
    def stream(self) -> str:
        """The stream, which the id names even of an event withheld."""
        return self.id.rpartition("/")[0]


class Cosigned(NamedTuple):
    """A line under a checkpoint besides the ledger's; `at`: seconds since 1970, -1 if untold."""

    name: str
    key_id: str
    at: int


class State(NamedTuple):
    """A state of the ledger that a checkpoint in the bundle signs; `root` in base64."""

    size: int
    root: str
    signed_by: str
    cosigned: tuple[Cosigned, ...]


class Token(NamedTuple):
    """A time-stamp over a checkpoint of `size` entries, at `gen_time` (UTC, the authority's word).

    `accuracy_ms`: as the token states it, 0 if it does not; `digest`: SHA-256 of the reply;
    `entry`, `event`: where its anchoring is recorded, -1 and empty if the bundle does not show it.
    """

    file: str
    size: int
    gen_time: str
    accuracy_ms: int
    policy: str
    serial: str
    digest: str
    entry: int
    event: str


class Attached(NamedTuple):
    """A file that goes along, as `attachments.json` names it; `size` in bytes.

    `reason`: a code, why it does not go in clear; empty if it does.
    """

    file: str
    event: str
    path: str
    kind: str
    sha256: str
    size: int
    reason: str


class Index(NamedTuple):
    """The published index that the bundle relies on: event, entries, rows in all and shown."""

    event: str
    size: int
    rows: int
    shown: int


class Told(Struct, frozen=True, kw_only=True):
    """What one bundle tells (module docstring).

    `begins`, `ends`, `first`, `end`: of a period, else empty and -1; `states`: ascending, the last
    is the head; `redactions`: event id, reason, `event` or `fields`; `keys`, `people`: the rows of
    keys.json and roles_and_training.json; `gaps`: codes, of software.json; `shown`: the bytes of
    every event that is not withheld, by id; `files`: the payload.
    """

    origin: str
    ledger: str
    bundle: str
    exported: str
    export: str
    kind: str
    object: str
    begins: str
    ends: str
    first: int
    end: int
    streams: tuple[str, ...]
    states: tuple[State, ...]
    places: tuple[Place, ...]
    tokens: tuple[Token, ...]
    attachments: tuple[Attached, ...]
    redactions: tuple[tuple[str, str, str], ...]
    keys: tuple[Mapping[str, Any], ...]
    people: tuple[Mapping[str, Any], ...]
    index: Index | None
    gaps: tuple[str, ...]
    shown: Mapping[str, bytes]
    files: Mapping[str, bytes]

    @property
    def head(self) -> State:
        """The state that everything in the bundle is proved against."""
        return self.states[-1]

    @property
    def own(self) -> tuple[Place, ...]:
        """The events in scope, in order."""
        return tuple(place for place in self.places if place.own)

    def of(self, topic: str) -> tuple[Place, ...]:
        """The events with this topic, in order."""
        return tuple(place for place in self.places if place.topic == topic)

    def raw(self, event: str) -> bytes:
        """The bytes of an event that is shown. Raises `KeyError` for another."""
        return self.shown[event]

    def place(self, event: str) -> Place | None:
        """The event with this id."""
        return next((place for place in self.places if place.id == event), None)

    def holder(self, key_id: str, name: str) -> str:
        """Whose key it is: the stream of the actor or the ledger; empty if nobody's here."""
        rows = (row for row in self.keys if (row["id"], row["name"]) == (key_id, name))
        return str(next(rows, {"holder": ""})["holder"])


def tell(files: Mapping[str, bytes], bundle: str, exported: str) -> Told:
    """Read what the payload of a bundle tells.

    `bundle`: `bundle-<UUIDv7>`; `exported`: a time. Raises `KeyError` for a file of the layout that
    is not there, and the errors of what is read: the payload is one that was just written.
    """
    scope = json.loads(files[f"{LEDGER}/scope.json"])
    places = _Places(files, scope)
    tokens = tuple(_tokens(files, places.shipped))
    return Told(
        origin=scope["origin"], ledger=scope["ledger"], bundle=bundle, exported=exported,
        export=scope["export"], kind=scope["kind"], object=scope.get("id", ""),
        begins=scope.get("from", ""), ends=scope.get("to", ""),
        first=scope.get("first", -1), end=scope.get("end", -1), streams=tuple(scope["streams"]),
        states=tuple(_states(files, scope["origin"])),
        places=tuple(places.told(tokens)), tokens=tokens,
        attachments=tuple(_attached(files)), redactions=tuple(_redactions(files)),
        keys=tuple(_rows(files, f"{IDENTITY}/keys.json")),
        people=tuple(_rows(files, f"{IDENTITY}/roles_and_training.json")),
        index=_index(files, places.shipped),
        gaps=tuple(json.loads(files[f"{ENVIRONMENT}/software.json"])["gaps"]),
        shown=places.raw, files=files,
    )  # fmt: skip


def _rows(files: Mapping[str, bytes], name: str) -> list[dict[str, Any]]:
    """The rows of a file; of one that is not there, none."""
    return list(json.loads(files.get(name, b"[]")))


# -- events --------------------------------------------------------------------------------------


class _Places:
    """The events where they stand, before anything is known of the time at which they did."""

    def __init__(self, files: Mapping[str, bytes], scope: Mapping[str, Any]) -> None:
        self._files, self._scope = files, scope
        self._rows = _rows(files, f"{LEDGER}/places.json")
        self._entries: dict[int, Entry] = {}
        lines = files[f"{LEDGER}/events.jsonl"].split(b"\n")[:-1]
        shown = [row["event"] for row in self._rows if "leaf" not in row]
        self.raw = dict(zip(shown, lines, strict=True))
        self._opened = {
            row["event"]: {field["path"]: field["value"] for field in row["fields"]}
            for row in _rows(files, f"{ATTACHED}/openings.json")
        }
        events = {name: decode_event(raw) for name, raw in self.raw.items()}
        self.shipped = [(row["entry"], events.get(row["event"])) for row in self._rows]

    def told(self, tokens: Iterable[Token]) -> Iterator[Place]:
        """Every event, with the interval that the tokens give it."""
        stamps = [_stamp(token) for token in tokens]
        for row, (_, event) in zip(self._rows, self.shipped, strict=True):
            yield self._place(row, event, stamps)

    def _place(
        self, row: Mapping[str, Any], event: Event | None, stamps: list[times.Stamp]
    ) -> Place:
        entry = self._entry(row["entry"])
        note, raw = entry.commit.note, self.raw.get(row["event"])
        before, after = _between(row["entry"], note.seen_size, stamps)
        prefix = f"{note.origin}/a/"
        return Place(
            id=row["event"], entry=row["entry"], index=row["index"], accepted=entry.accepted,
            own=self._own(row), event=event,
            leaf=row["leaf"] if raw is None else leaf_hash(raw).hex(),
            digest="" if raw is None else sha256(raw).hexdigest(),
            reason=row.get("reason", ""), commit=note.commit_id,
            signers=tuple(
                Signed(s.name, s.key_id.hex(), s.capacity,
                       s.name[len(prefix):] if s.name.startswith(prefix) else "")
                for s in note.signers
            ),
            seen=note.seen_size, opened=self._opened.get(row["event"], {}),
            not_before=before, not_after=after,
        )  # fmt: skip

    def _own(self, row: Mapping[str, Any]) -> bool:
        if self._scope["kind"] == "period":
            return bool(self._scope["first"] <= row["entry"] < self._scope["end"])
        stream = row["event"].rpartition("/")[0]
        exported = self._scope["export"].rpartition("/")[0]  # younger than all that is told of
        return stream != exported and stream in self._scope["streams"]

    def _entry(self, entry: int) -> Entry:
        if entry not in self._entries:
            self._entries[entry] = Entry.parse(self._files[f"{LEDGER}/entries/{entry}.entry"])
        return self._entries[entry]


def _between(entry: int, seen: int, stamps: list[times.Stamp]) -> tuple[str, str]:
    """The times of the tokens before and after an entry; empty where there is none."""
    said = times.interval(entry, seen, stamps).says()
    return said.get("not_before", ""), said.get("not_after", "")


def _stamp(token: Token) -> times.Stamp:
    """A token as the verifiers reckon with it, as if its authority were trusted."""
    read = tsr.Token(token.gen_time, token.accuracy_ms, True, token.serial, token.policy)
    return times.Stamp(token.size, token.entry, read, tsr.earliest(read), tsr.latest(read))


# -- states and tokens ---------------------------------------------------------------------------


def _states(files: Mapping[str, bytes], origin: str) -> Iterator[State]:
    prefix = f"{LEDGER}/checkpoints/"
    found = (Note.parse(data) for name, data in files.items() if name.startswith(prefix))
    for note, head in sorted(
        ((note, Checkpoint.parse(note.text)) for note in found), key=lambda pair: pair[1].size
    ):
        own = [line for line in note.signatures if line.name == origin]
        others = [line for line in note.signatures if line.name != origin]
        yield State(
            head.size, encode_base64(head.root), own[0].key_id.hex() if own else "",
            tuple(Cosigned(line.name, line.key_id.hex(), _said_at(line.signature))
                  for line in others),
        )  # fmt: skip


def _said_at(signature: bytes) -> int:
    """The time of a cosignature, in seconds since 1970; -1 for a line of another kind."""
    return int.from_bytes(signature[:8], "big") if len(signature) == _TIMED else -1


def _tokens(
    files: Mapping[str, bytes], shipped: Iterable[tuple[int, Event | None]]
) -> Iterator[Token]:
    """The tokens by their numbers, each with the event that anchored it."""
    anchored = {
        event.token: (entry, event)
        for entry, event in shipped
        if isinstance(event, LedgerTimestampAnchored)
    }
    number = 0
    while (reply := files.get(f"{LEDGER}/tokens/{number}.tsr")) is not None:
        note = files[f"{LEDGER}/tokens/{number}.note"]
        read = tsr.read_info(reply)
        digest = sha256(reply).hexdigest()
        entry, event = anchored.get(digest, (-1, None))
        yield Token(
            f"{number}.tsr", Checkpoint.parse(Note.parse(note).text).size, read.gen_time,
            read.accuracy_ms, read.policy, read.serial, digest, entry,
            "" if event is None else event.id,
        )  # fmt: skip
        number += 1


# -- what goes along -----------------------------------------------------------------------------


def _attached(files: Mapping[str, bytes]) -> Iterator[Attached]:
    for row in _rows(files, f"{ATTACHED}/attachments.json"):
        size = len(files[f"{ATTACHED}/{row['file']}"])
        yield Attached(
            row["file"], row["event"], row["path"], row["kind"], row["sha256"], size,
            row.get("reason", ""),
        )  # fmt: skip


def _redactions(files: Mapping[str, bytes]) -> Iterator[tuple[str, str, str]]:
    for row in _rows(files, f"{ATTACHED}/redactions.json"):
        yield row["event"], row["reason"], row["what"]


def _index(files: Mapping[str, bytes], shipped: Iterable[tuple[int, Event | None]]) -> Index | None:
    data = files.get(f"{LEDGER}/index.json")
    if data is None:
        return None
    said = json.loads(data)
    shown = len(said["heads"]) + sum(len(one["rows"]) for one in said["objects"])
    for _, event in shipped:
        if isinstance(event, LedgerIndexPublished) and event.id == said["event"]:
            return Index(event.id, event.size, event.rows, shown)
    return Index(said["event"], -1, -1, shown)
