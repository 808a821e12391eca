"""What lies in a bundle, read: scope, checkpoint, and the events with their places.

    data/10_账本/scope.json     {"format", "origin", "ledger", "record", "checkpoint", "streams"}
    data/10_账本/events.jsonl   the bytes of events, one a line
    data/10_账本/places.json    [{"event", "entry", "index"} …]: where each line stands, ascending
    data/10_账本/checkpoints/<size>.txt                the signed checkpoint, `size` as in the scope
    data/10_账本/entries/<entry>.entry                 the bytes of an entry
    data/10_账本/proofs/<entry>.tlog-proof             the entry is under the checkpoint
    data/10_账本/proofs/<entry>-<index>.tlog-proof     the event is in the entry's commit
    data/10_账本/policy/<SHA-256>.toml                 an adopted policy pack

Nothing else lies in `data/10_账本/`. Proofs end with the checkpoint, or with the commit note, to
the byte. Reading proves nothing: see `check`.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple

from . import notes
from .events import Event, parse_file, split_lines
from .findings import LEDGER, Findings

FORMAT = "muniment-evidence/1"
SCOPE, EVENTS, PLACES = (LEDGER + n for n in ("scope.json", "events.jsonl", "places.json"))
POLICY = LEDGER + "policy/"

_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_STREAM = re.compile("[a-z_]{3,24}-" + _UUID7)
_EVENT_ID = re.compile(_STREAM.pattern + "/[1-9][0-9]{0,15}")


class Scope(NamedTuple):
    """What scope.json says the bundle is about."""

    origin: str
    ledger: str
    record: str
    checkpoint: int
    streams: List[str]


class Shipped:
    """An event of the bundle: where it is said to stand, its bytes, and what was found of it.

    `event`: what the bytes say, once they were found in the commit; `sound`: whether everything
    examined so far holds; `answer`: what comes of it.
    """

    def __init__(self, claimed: str, entry: int, index: int, raw: bytes, answer: str) -> None:
        self.claimed, self.entry, self.index, self.raw = claimed, entry, index, raw
        self.event: Event | None = None
        self.sound = False
        self.answer = answer

    @property
    def proof(self) -> str:
        """The file with the proof that the event is in its commit."""
        return f"{LEDGER}proofs/{self.entry}-{self.index}.tlog-proof"


def checkpoint_file(size: int) -> str:
    """The file of the checkpoint of this size."""
    return f"{LEDGER}checkpoints/{size}.txt"


def entry_file(entry: int) -> str:
    """The file of an entry."""
    return f"{LEDGER}entries/{entry}.entry"


def entry_proof(entry: int) -> str:
    """The file with the proof that an entry is in the ledger."""
    return f"{LEDGER}proofs/{entry}.tlog-proof"


class Contents:
    """The files of a bundle, and what could be read of them; what could not is a finding."""

    def __init__(self, files: Dict[str, bytes], findings: Findings, answer: str) -> None:
        """`answer`: what holds of every event until it was examined."""
        self.files, self._findings, self._answer = files, findings, answer
        self.scope: Scope | None = None
        self.head: notes.Head | None = None
        self.checkpoint = b""
        """The bytes of the checkpoint whose head is `head`."""
        self.shipped: List[Shipped] = []

    def read(self) -> None:
        """Read everything."""
        self.scope = self._scope()
        if self.scope is not None:
            self._read_checkpoint(self.scope)
        self._read_events()

    def file(self, name: str, code: str = "part_missing") -> bytes | None:
        """A file's bytes; None, and a finding of `code`, if it is missing."""
        data = self.files.get(name)
        if data is None:
            self._findings.add(code, file=name)
        return data

    def json(self, name: str) -> Any:  # noqa: ANN401  any JSON value
        """What a canonical JSON file holds; None, and a finding, if it is none."""
        data = self.file(name)
        if data is None:
            return None
        try:
            return parse_file(data)
        except ValueError:
            self._findings.add("file_malformed", file=name)
            return None

    def _scope(self) -> Scope | None:
        value = self.json(SCOPE)
        if value is None:
            return None
        names = {"format", *Scope._fields}
        if type(value) is dict and set(value) == names and value["format"] == FORMAT:
            scope = Scope(*(value[name] for name in Scope._fields))
            streams = scope.streams if type(scope.streams) is list else [None]
            ids = [scope.ledger, scope.record, *streams]
            if (
                type(scope.origin) is str
                and type(scope.checkpoint) is int
                and scope.checkpoint > 0
                and all(type(i) is str and _STREAM.fullmatch(i) for i in ids)
                and len(set(streams)) == len(streams) > 0
            ):
                return scope
        self._findings.add("file_malformed", file=SCOPE)
        return None

    def _read_checkpoint(self, scope: Scope) -> None:
        name = checkpoint_file(scope.checkpoint)
        data = self.file(name)
        if data is None:
            return
        try:
            head = notes.parse_head(notes.parse_note(data).text)
        except ValueError:
            self._findings.add("checkpoint_malformed", file=name)
            return
        if (head.size, head.origin) != (scope.checkpoint, scope.origin):
            self._findings.add(
                "checkpoint_differs", file=name, expected=scope.checkpoint, actual=head.size
            )
        self.head, self.checkpoint = head, data

    def _read_events(self) -> None:
        data, places = self.file(EVENTS), self.json(PLACES)
        if data is None or places is None:
            return
        if type(places) is not list or not places or not all(map(_is_place, places)):
            self._findings.add("file_malformed", file=PLACES)
            return
        order = [(place["entry"], place["index"]) for place in places]
        if not all(this < following for this, following in zip(order, order[1:])):
            self._findings.add("file_malformed", file=PLACES)
            return
        try:
            lines = split_lines(data)
        except ValueError:
            lines = []
        if len(lines) != len(places):
            self._findings.add(
                "events_cut", file=EVENTS, expected=len(places), actual=data.count(b"\n")
            )
            return
        self.shipped = [
            Shipped(place["event"], place["entry"], place["index"], line, self._answer)
            for place, line in zip(places, lines)
        ]
        self._unasked()

    def _unasked(self) -> None:
        """Files of the ledger's folder that no place speaks of."""
        expected = {SCOPE, EVENTS, PLACES}
        if self.scope is not None:
            expected.add(checkpoint_file(self.scope.checkpoint))
        for one in self.shipped:
            expected |= {entry_file(one.entry), entry_proof(one.entry), one.proof}
        for name in self.files:
            if name.startswith(LEDGER) and name not in expected and not name.startswith(POLICY):
                self._findings.add("file_unlisted", file=name)


def _is_place(place: Any) -> bool:  # noqa: ANN401  any JSON value
    if type(place) is not dict or set(place) != {"event", "entry", "index"}:
        return False
    event, entry, index = place["event"], place["entry"], place["index"]
    return (
        type(event) is str
        and _EVENT_ID.fullmatch(event) is not None
        and type(entry) is int
        and type(index) is int
        and entry >= 0
        and 0 <= index < notes.MAX_COUNT
    )
