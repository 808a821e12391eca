"""What lies in a bundle, read: scope, checkpoint, and the events with their places.

    data/10_账本/scope.json     what the bundle is about; see below
    data/10_账本/events.jsonl   the bytes of events, one a line
    data/10_账本/places.json    [{"event", "entry", "index"} …], ascending: where each line stands;
                               for an event that is withheld, which has no line, also "leaf": its
                               RFC 6962 leaf hash in hex, and "reason"
    data/10_账本/consistency.json                      see `states`
    data/10_账本/index.json                            see `complete`; only with a scope's "index"
    data/10_账本/checkpoints/<size>.txt                signed checkpoints: that of the scope, others
    data/10_账本/entries/<entry>.entry                 the bytes of an entry
    data/10_账本/proofs/<entry>.tlog-proof             the entry is under the checkpoint
    data/10_账本/proofs/<entry>-<index>.tlog-proof     the event is in the entry's commit
    data/10_账本/tokens/<n>.note, <n>.tsr              see `times`
    data/10_账本/policy/<SHA-256>.toml                 an adopted policy pack
    data/20_身份/   keys.json, roles_and_training.json: see `history`
    data/30_附件/   openings.json, attachments.json, redactions.json, files/…: see `disclosed`

Nothing else lies in these three folders. In 00_说明, 40_报告, 50_互操作 and 60_环境 lies what
people and other programs read; of it only software.json is looked into. Proofs end with the
checkpoint of the scope, or with the commit note, to the byte. Reading proves nothing: see `check`.

scope.json is {"format", "origin", "ledger", "kind", "checkpoint", "streams", "export"}, and "index"
where an index is relied on; "id" (whose stream is the first of `streams`), or for a period "from"
and "to" (accepted times) with "first" and "end" (entries), both half open, and no "index".
`streams`: those that the bundle is about: of all that are in it at least those of other kinds than
`BESIDE`; none for a period. `export`: the event that records this export.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Set, Tuple

from . import notes
from .bag import MAX_FILES, TAG_FILES, VERIFIER
from .events import (
    TIME,
    Event,
    Json,
    is_crowded,
    parse_event,
    parse_file,
    parse_object,
    split_lines,
)
from .findings import ATTACHED, IDENTITY, LEDGER, Findings
from .merkle import leaf_hash

FORMAT = "muniment-evidence/2"
SCOPE, EVENTS, PLACES = (LEDGER + n for n in ("scope.json", "events.jsonl", "places.json"))
CONSISTENCY, INDEX = LEDGER + "consistency.json", LEDGER + "index.json"
CHECKPOINTS, TOKENS, POLICY = (LEDGER + n for n in ("checkpoints/", "tokens/", "policy/"))
KEYS, ROLES = IDENTITY + "keys.json", IDENTITY + "roles_and_training.json"
OPENINGS, ATTACHMENTS = ATTACHED + "openings.json", ATTACHED + "attachments.json"
REDACTIONS, FILES = ATTACHED + "redactions.json", ATTACHED + "files/"
KINDS = ("record", "handover", "subject", "destruction_case", "actor")
PERIOD = "period"
PROVING = ("ledger", "policy", "party", "actor", "engagement", "bundle")
"""The kinds of streams that prove keys, roles, the policy and the export, and may lie in a bundle
that is not about them."""
BESIDE = (*PROVING, "document")
"""Those that may lie in it so: papers too, by which somebody acts for a party."""
REASONS = ("not_needed", "personal_data", "trade_secret", "legal_privilege", "erased")
MAX_CHECKPOINTS = 100

_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
STREAM = re.compile("[a-z_]{3,24}-" + _UUID7)
EVENT_ID = re.compile(STREAM.pattern + "/[1-9][0-9]{0,15}")
HASH = re.compile("[0-9a-f]{64}")
_TIME = re.compile(TIME)
_CHECKPOINT = re.compile(re.escape(CHECKPOINTS) + r"(0|[1-9][0-9]{0,18})\.txt")
_TOKEN = re.compile(re.escape(TOKENS) + r"(0|[1-9][0-9]?)\.(note|tsr)")
_FREE = re.compile(
    r"data/(?:00_说明|40_报告|50_互操作|60_环境)/[^/]{1,80}\.(?:pdf|html|json|jsonld|xml|csv|md|toml)"
)
_VERIFIERS = tuple(VERIFIER + n for n in ("verify.pyz", "verify.html", "EXPECTED_OUTPUT.txt"))
_ALWAYS = ("format", "origin", "ledger", "kind", "checkpoint", "streams", "export")


class Scope(NamedTuple):
    """What scope.json says the bundle is about; empty and 0 where it says nothing."""

    origin: str
    ledger: str
    kind: str
    checkpoint: int
    streams: List[str]
    export: str
    indexed: str
    id: str
    begins: str
    ends: str
    first: int
    end: int

    @property
    def name(self) -> str:
        """The id, or the period as `<from>/<to>`."""
        return self.id or f"{self.begins}/{self.ends}"


class Shipped:
    """An event of the bundle: where it is said to stand, its bytes, and what was found of it.

    `raw`: None if it is withheld, for `reason`; `leaf`: its RFC 6962 leaf hash; `event`: what the
    bytes say, once they were found in the commit; `sound`: whether everything examined so far
    holds; `answer`: what comes of it.
    """

    def __init__(self, place: Dict[str, Any], raw: bytes | None, answer: str) -> None:
        self.claimed: str = place["event"]
        self.entry: int = place["entry"]
        self.index: int = place["index"]
        self.reason: str = place.get("reason", "")
        self.raw = raw
        self.leaf = leaf_hash(raw) if raw is not None else bytes.fromhex(place["leaf"])
        self.read, self.flaw = _read(raw) if raw is not None else (None, "")
        self.event: Event | None = None
        self.sound = False
        self.answer = answer

    @property
    def stream(self) -> str:
        """The stream of the event, as its place has it."""
        return self.claimed.partition("/")[0]

    @property
    def version(self) -> int:
        """The version of the event, as its place has it."""
        return int(self.claimed.partition("/")[2])

    @property
    def proof(self) -> str:
        """The file with the proof that the event is in its commit."""
        return f"{LEDGER}proofs/{self.entry}-{self.index}.tlog-proof"


class State(NamedTuple):
    """A checkpoint of the bundle: its file, what it says, and its signatures."""

    file: str
    head: notes.Head
    note: notes.Note


def _read(raw: bytes) -> Tuple[Event | None, str]:
    """What the bytes of an event say, or the code of what is wrong with them."""
    try:
        fields = parse_object(raw)
    except ValueError:
        return None, "event_not_canonical"
    try:
        return parse_event(fields), ""
    except ValueError:
        return None, "event_malformed"


def kind_of(stream: str) -> str:
    """The kind of thing that an id names."""
    return stream[:-37]


def checkpoint_file(size: int) -> str:
    """The file of the checkpoint of this size."""
    return f"{CHECKPOINTS}{size}.txt"


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
        self.names = sorted(files)
        """The names of all files, sorted by their UTF-8 bytes."""
        self.scope: Scope | None = None
        self.state: State | None = None
        """The checkpoint of the scope."""
        self.checkpoint = b""
        """Its bytes."""
        self.others: List[State] = []
        """Other checkpoints, ascending by size."""
        self.shipped: List[Shipped] = []
        self.attached: List[Any] = []
        """The rows of attachments.json."""
        self._examined: Set[str] = set()

    def read(self) -> None:
        """Read everything that other files are read by, and see that nothing else is there."""
        self.scope = self._scope()
        if self.scope is not None:
            self._read_checkpoints(self.scope)
        self._read_events()
        self._read_attachments()
        self._check_layout()

    def file(self, name: str, code: str = "part_missing") -> bytes | None:
        """A file's bytes; None, and a finding of `code`, if it is missing."""
        data = self.files.get(name)
        if data is None:
            self._findings.add(code, file=name)
        return data

    def json(self, name: str, code: str = "file_malformed", *, texts: bool = False) -> Json:
        """What a canonical JSON file holds; None, and a finding, if it is none."""
        data = self.file(name)
        if data is None:
            return None
        try:
            return parse_file(data, texts=texts)
        except ValueError:
            self._findings.add(code, file=name)
            return None

    # -- scope and checkpoints

    def _scope(self) -> Scope | None:
        value = self.json(SCOPE)
        if value is None:
            return None
        try:
            return _parse_scope(value)
        except ValueError:
            self._findings.add("file_malformed", file=SCOPE)
            return None

    def _read_checkpoints(self, scope: Scope) -> None:
        name = checkpoint_file(scope.checkpoint)
        data = self.file(name)
        state = None if data is None else self._checkpoint(name, scope.checkpoint, scope.origin)
        if data is None or state is None:
            return
        self.state, self.checkpoint = state, data
        matches = [_CHECKPOINT.fullmatch(name) for name in self.names]
        sizes = sorted(int(match[1]) for match in matches if match)
        for size in [size for size in sizes if size != scope.checkpoint][:MAX_CHECKPOINTS]:
            name = checkpoint_file(size)
            self._examined.add(name)
            other = self._checkpoint(name, size, scope.origin)
            if other is not None and not 0 < other.head.size < state.head.size:
                self._findings.add("checkpoint_differs", file=other.file)
            elif other is not None:
                self.others.append(other)

    def _checkpoint(self, name: str, size: int, origin: str) -> State | None:
        try:
            note = notes.parse_note(self.files[name])
            head = notes.parse_head(note.text)
        except ValueError:
            self._findings.add("checkpoint_malformed", file=name)
            return None
        if (head.size, head.origin) != (size, origin):
            self._findings.add("checkpoint_differs", file=name, expected=size, actual=head.size)
        return State(name, head, note)

    # -- events

    def _read_events(self) -> None:
        data, places = self.file(EVENTS), self.json(PLACES)
        if data is None or places is None:
            return
        if not _are_places(places):
            self._findings.add("file_malformed", file=PLACES)
            return
        if is_crowded(data):
            self._findings.add("file_malformed", file=EVENTS)
            return
        shown, actual = sum("leaf" not in place for place in places), data.count(b"\n")
        if actual != shown or data[-1:] not in (b"", b"\n"):
            self._findings.add("events_cut", file=EVENTS, expected=shown, actual=actual)
            return
        rest = iter(split_lines(data))
        self.shipped = [
            Shipped(place, None if "leaf" in place else next(rest), self._answer)
            for place in places
        ]

    # -- the layout

    def _read_attachments(self) -> None:
        rows = self.json(ATTACHMENTS)
        if rows is not None:
            if type(rows) is list and len(rows) <= MAX_FILES and all(map(_is_attached, rows)):
                self.attached = rows
            else:
                self._findings.add("file_malformed", file=ATTACHMENTS)

    def entries(self) -> Set[int]:
        """The entries that have files: those of events, and the neighbours of a period."""
        return {one.entry for one in self.shipped} | set(self.boundary())

    def own(self) -> List[Shipped]:
        """The events that the bundle is about.

        What was recorded of the export itself is not: it is younger than what bears out the rest.
        """
        scope = self.scope
        if scope is None:
            return []
        streams, export = set(scope.streams), scope.export.partition("/")[0]
        return [
            one
            for one in self.shipped
            if one.stream != export
            and (
                scope.first <= one.entry < scope.end
                if scope.kind == PERIOD
                else one.stream in streams
            )
        ]

    def unlisted(self) -> bool:
        """Whether streams are in the bundle that the scope must name and does not."""
        scope = self.scope
        if scope is None or scope.kind == PERIOD:
            return False
        named = set(scope.streams)
        return any(
            kind_of(one.stream) not in BESIDE and one.stream not in named for one in self.shipped
        )

    def boundary(self) -> List[int]:
        """The entries before and after a period, where there are such."""
        scope = self.scope
        if scope is None or scope.kind != PERIOD:
            return []
        return [n for n in (scope.first - 1, scope.end) if 0 <= n < scope.checkpoint]

    def _check_layout(self) -> None:
        """Name the files that lie where nothing of their name does."""
        expected = {SCOPE, EVENTS, PLACES, CONSISTENCY, KEYS, ROLES}
        expected |= {OPENINGS, ATTACHMENTS, REDACTIONS, *TAG_FILES, *_VERIFIERS}
        if self.scope is not None:
            expected.add(checkpoint_file(self.scope.checkpoint))
            expected |= {INDEX} if self.scope.indexed else set()
        expected |= self._examined | {ATTACHED + row["file"] for row in self.attached}
        for entry in self.entries():
            expected |= {entry_file(entry), entry_proof(entry)}
        expected |= {one.proof for one in self.shipped}
        for name in self.names:
            if name not in expected and not self._lies_well(name):
                self._findings.add("file_unlisted", file=name)

    def _lies_well(self, name: str) -> bool:
        if name.startswith(POLICY) or _TOKEN.fullmatch(name) or _FREE.fullmatch(name):
            return True
        if not self.shipped and name.startswith((LEDGER + "entries/", LEDGER + "proofs/")):
            return True  # there are no places to speak of it, which is told
        return self.state is None and name.startswith(CHECKPOINTS)


def _parse_scope(value: Json) -> Scope:
    """The scope that scope.json holds; `ValueError` if it has another form."""
    if type(value) is not dict or value.get("format") != FORMAT:
        raise ValueError("not a scope of this format")
    period = value.get("kind") == PERIOD
    names = {*_ALWAYS, *(("from", "to", "first", "end") if period else ("id",))}
    if set(value) not in ((names,) if period else (names, names | {"index"})):
        raise ValueError("a scope has another field")
    scope = Scope(
        value["origin"], value["ledger"], value["kind"], value["checkpoint"], value["streams"],
        value["export"], value.get("index", ""), value.get("id", ""), value.get("from", ""),
        value.get("to", ""), value.get("first", 0), value.get("end", 0),
    )  # fmt: skip
    if not (_scope_is_named(scope, indexed="index" in value) and _scope_is_bounded(scope)):
        raise ValueError("a field of the scope does not have its form")
    return scope


def _scope_is_named(scope: Scope, *, indexed: bool) -> bool:
    period, streams = scope.kind == PERIOD, scope.streams
    if not (type(scope.origin) is str and (period or scope.kind in KINDS)):
        return False
    if type(streams) is not list or bool(streams) == period:
        return False
    if not all(type(s) is str and STREAM.fullmatch(s) for s in [scope.ledger, *streams]):
        return False
    ids = [scope.export, *([scope.indexed] if indexed else [])]
    if not all(type(i) is str and EVENT_ID.fullmatch(i) for i in ids):
        return False
    if not scope.export.startswith("bundle-"):  # what is about the object does not record it
        return False
    return len(set(streams)) == len(streams) and (
        period
        or (
            type(scope.id) is str
            and STREAM.fullmatch(scope.id) is not None
            and scope.id.startswith(scope.kind + "-")
        )
    )


def _scope_is_bounded(scope: Scope) -> bool:
    if not all(type(n) is int for n in (scope.checkpoint, scope.first, scope.end)):
        return False
    if scope.checkpoint < 1 or not 0 <= scope.first <= scope.end <= scope.checkpoint:
        return False
    if scope.kind != PERIOD:
        return True
    times = (scope.begins, scope.ends)
    if not all(type(t) is str and _TIME.fullmatch(t) for t in times):
        return False
    for time in times:
        notes.check_time(time)
    return scope.begins < scope.ends


def _are_places(places: Json) -> bool:
    if type(places) is not list or not 0 < len(places) <= MAX_FILES:
        return False
    if not all(map(_is_place, places)):
        return False
    order = [(place["entry"], place["index"]) for place in places]
    return all(this < following for this, following in zip(order, order[1:]))


def _is_place(place: Json) -> bool:
    if type(place) is not dict:
        return False
    if set(place) == {"event", "entry", "index", "leaf", "reason"}:
        leaf, reason = place["leaf"], place["reason"]
        if type(leaf) is not str or HASH.fullmatch(leaf) is None or reason not in REASONS:
            return False
    elif set(place) != {"event", "entry", "index"}:
        return False
    event, entry, index = place["event"], place["entry"], place["index"]
    return (
        type(event) is str
        and EVENT_ID.fullmatch(event) is not None
        and type(entry) is int
        and type(index) is int
        and entry >= 0
        and 0 <= index < notes.MAX_COUNT
    )


_ATTACHED_FILE = re.compile(r"files/[1-9][0-9]{0,4}\.[a-z0-9]{1,8}")


def _is_attached(row: Json) -> bool:
    if type(row) is not dict or row.get("kind") not in ("clear", "redacted", "sealed"):
        return False
    why = () if row["kind"] == "clear" else ("reason",)
    return (
        set(row) == {"event", "file", "kind", "path", "sha256", *why}
        and all(type(value) is str for value in row.values())
        and (not why or row["reason"] in REASONS)
        and EVENT_ID.fullmatch(row["event"]) is not None
        and _ATTACHED_FILE.fullmatch(row["file"]) is not None
        and HASH.fullmatch(row["sha256"]) is not None
    )
