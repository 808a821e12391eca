"""Step 9: whether events are missing: in streams, of the objects by the index, in the period.

    data/10_账本/index.json   {"event": id, "heads": [row …], "objects": [{"object", "rows"} …]}
                             a row: {"row": i, "text", "hashes": [base64 …]}

The index that an event `ledger.index_published` names by its root has, for each object and each
stream of which some event in the entries below `size` names the object, one row: `<object> <stream>
<version> <leaf>`: the stream's last version there, and the RFC 6962 leaf hash of that event in hex.
Rows are sorted by object and stream; the root is that of the RFC 6962 tree over the texts.

`objects`, by id: those that the bundle is about, each with every row of it, one after another, and
the row before and the row after where there are such: so no row is left out. That is the scope's
id; and for a record every copy (`holding`) too, for backups, holds and destructions name copies:
those that the record's own events name in any string, those whose streams are in its rows, and
those whose streams are in the rows of such a copy, until none is new. Each row's stream is in the
bundle up to the row's version, at least; but for other records' in the rows of a copy, which lie in
the same copy.

`heads`, by text: of each stream of an actor, a party, a policy or the ledger that is in the bundle
and was begun below `size`, its own row (`X X <version> <leaf>`): the stream is there up to that
version, so that no end of a key is left out.

Objects and heads may be wanting (a copy with very many rows is not shown): then it is open whether
everything is there. An event that is withheld in a stream which a row names may be any: only its
leaf in a row proves that it is the one, which the last version has.

Of a period the bundle holds every entry with all of its events, and the entries before and after,
which were accepted outside.

None of this says that the index was computed as it must be, or that times never went back between
entries that are not shown: only somebody says so who verified the whole ledger (`trust`).
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Set, Tuple

from . import notes
from .bag import MAX_FILES
from .contents import (
    EVENT_ID,
    HASH,
    INDEX,
    PERIOD,
    STREAM,
    Contents,
    Scope,
    Shipped,
    entry_file,
    kind_of,
)
from .events import Event, Json
from .findings import Findings, Flaw
from .merkle import leaf_hash, verify_inclusion

PUBLISHED = "ledger.index_published"
RECORD, COPY = "record", "holding"
HEADS = ("actor", "party", "policy", "ledger")
"""The kinds of streams from which keys and roles follow."""


class Row(NamedTuple):
    """A row of the index with its proof; `row`: its 0-based number."""

    row: int
    text: str
    hashes: List[bytes]
    object: str
    stream: str
    version: int
    leaf: str

    @property
    def last(self) -> Tuple[str, int, str]:
        """What is said to be the stream's last event."""
        return self.stream, self.version, self.leaf


class Rows(NamedTuple):
    """What index.json holds: the rows of each object by its id, and single rows of streams."""

    objects: Dict[str, List[Row]]
    heads: List[Row]

    def all(self) -> List[Row]:
        """Every row."""
        return [row for rows in (*self.objects.values(), self.heads) for row in rows]


class Index(NamedTuple):
    """What an index proves: that it is of `size` entries, and the entry that published it.

    `rows`: how many are about the scope's id (-1: not shown); `streams`: those of the bundle in
    which it or its copies are named; `whole`: whether every object and head is there; `hidden`:
    whether an event is withheld in such a stream that no row proves to be the one; `headed`:
    whether every head is there, `fitting`: whether those that are there fit.
    """

    size: int
    entry: int
    rows: int
    streams: Set[str]
    whole: bool
    hidden: bool
    headed: bool
    fitting: bool


# -- streams -------------------------------------------------------------------------------------


def check_streams(contents: Contents, findings: Findings) -> None:
    """Every stream from version 1 without gap or repeat; in a period, from any version on."""
    scope = contents.scope
    period = scope is not None and scope.kind == PERIOD
    versions: Dict[str, List[int]] = {}
    for one in contents.shipped:
        if one.event is not None or one.raw is None:
            versions.setdefault(one.stream, []).append(one.version)
    for stream, found in versions.items():
        first = found[0] if period else 1
        for expected, actual in enumerate(found, first):
            if actual != expected:
                findings.add("version_gap", event=stream, expected=expected, actual=actual)
                break
    for stream in scope.streams if scope is not None else ():
        if stream not in versions:
            findings.add("version_gap", event=stream, expected=1)


# -- the index -----------------------------------------------------------------------------------


def parse_index(value: Json, event: str) -> Rows:
    """What index.json holds of this event's index. Raises `ValueError` for another form."""
    if type(value) is not dict or set(value) != {"event", "heads", "objects"}:
        raise ValueError("not rows of an index")
    objects, heads = value["objects"], value["heads"]
    if value["event"] != event or type(objects) is not list or type(heads) is not list:
        raise ValueError("not rows of this index")
    named = [_object(one) for one in objects]
    if len(heads) + sum(len(one["rows"]) for one in named) > MAX_FILES:
        raise ValueError("too many rows")
    found = Rows(
        {one["object"]: _consecutive(one["rows"]) for one in named}, [_row(row) for row in heads]
    )
    if not _ascend([one["object"] for one in named]):
        raise ValueError("the objects are not sorted")
    if not _ascend([row.object for row in found.heads]):
        raise ValueError("the heads are not sorted")
    if not all(row.object == row.stream and kind_of(row.stream) in HEADS for row in found.heads):
        raise ValueError("a head is not a stream's own row")
    return found


def _object(one: Json) -> Dict[str, Json]:
    if type(one) is not dict or set(one) != {"object", "rows"}:
        raise ValueError("an object has other fields")
    name, rows = one["object"], one["rows"]
    if type(name) is not str or STREAM.fullmatch(name) is None:
        raise ValueError("an object has no id")
    if type(rows) is not list or not rows:
        raise ValueError("an object has no rows")
    return one


def _consecutive(rows: List[Json]) -> List[Row]:
    found = [_row(row) for row in rows]
    if [row.row for row in found] != list(range(found[0].row, found[0].row + len(found))):
        raise ValueError("the rows do not follow one another")
    if not _ascend([f"{row.object} {row.stream}" for row in found]):
        raise ValueError("the rows are not sorted")
    return found


def _ascend(names: List[str]) -> bool:
    return all(this < following for this, following in zip(names, names[1:]))


def _row(row: Json) -> Row:
    if type(row) is not dict or set(row) != {"row", "text", "hashes"}:
        raise ValueError("a row has other fields")
    number, text, hashes = row["row"], row["text"], row["hashes"]
    if type(number) is not int or number < 0 or type(text) is not str:
        raise ValueError("a row has no number or text")
    if type(hashes) is not list or len(hashes) > notes.MAX_HASHES:
        raise ValueError("a proof is no list of hashes, or is too long")
    if not all(type(one) is str for one in hashes):
        raise ValueError("a hash is no text")
    parts = text.split(" ")
    if len(parts) != 4 or not (STREAM.fullmatch(parts[0]) and HASH.fullmatch(parts[3])):
        raise ValueError("a row's text has another form")
    if EVENT_ID.fullmatch(f"{parts[1]}/{parts[2]}") is None:
        raise ValueError("a row names no event")
    proof = [notes.parse_hash(one) for one in hashes]
    return Row(number, text, proof, parts[0], parts[1], int(parts[2]), parts[3])


def rows_about(rows: List[Row], about: str, count: int) -> List[Row]:
    """The rows of an object, if these and one neighbour on each side are all that is there.

    `count`: how many rows the index has. Raises `Flaw`: rows are left out, or more are shown.
    """
    mine = [row for row in rows if row.object == about]
    before = [row for row in rows if row.object < about]
    after = [row for row in rows if row.object > about]
    if len(before) > 1 or len(after) > 1:
        raise Flaw("index_malformed")
    if (not before and rows[0].row != 0) or (not after and rows[-1].row != count - 1):
        raise Flaw("index_differs")
    return mine


def check_index(contents: Contents, findings: Findings, scope: Scope, ledger: str) -> Index | None:
    """The index of the scope, if its rows are proved; what the bundle lacks of them is a finding.

    None, without a finding, if there is no index to rely on. `ledger`: the ledger's own stream.
    """
    if not scope.indexed or scope.kind == PERIOD:
        return None
    value = contents.json(INDEX, "index_malformed")
    if value is None:
        return None
    shipped = contents.shipped
    try:
        rows = parse_index(value, scope.indexed)
        published = _published(shipped, scope.indexed, ledger)
        about = _proved(rows, published.event)
        wanted = _wanted(scope, shipped, about)
    except ValueError:
        findings.add("index_malformed", file=INDEX)
        return None
    except Flaw as flaw:
        findings.add(flaw.code, file=INDEX)
        return None
    needed = [
        row
        for name, mine in about.items()
        for row in mine
        if name == scope.id or kind_of(row.stream) != RECORD or row.stream == scope.id
    ]
    wrong = _check_rows([*needed, *rows.heads], shipped, findings)
    heads = {
        one.stream for one in shipped if one.entry < published.size and kind_of(one.stream) in HEADS
    }
    headed = heads <= {row.stream for row in rows.heads}
    fitting = wrong.isdisjoint(row.last for row in rows.heads)
    streams = {row.stream for row in needed} & {one.stream for one in shipped}
    mine = about.get(scope.id)
    count = len(mine) if mine is not None else -1
    proved = {(row.stream, row.version) for row in needed}
    hidden = any(
        one.raw is None and one.stream in streams and (one.stream, one.version) not in proved
        for one in shipped
    )
    return Index(
        published.size, published.entry, count, streams, headed and wanted <= set(about), hidden,
        headed, fitting,
    )  # fmt: skip


def _wanted(scope: Scope, shipped: List[Shipped], about: Dict[str, List[Row]]) -> Set[str]:
    """The objects of the scope, as far as the rows that are there tell.

    `about`: the rows of each object. Raises `Flaw` if others are among them.
    """
    found = [scope.id]
    if scope.kind == RECORD:
        for one in shipped:
            if one.stream == scope.id and one.read is not None:
                found += sorted(copies_named(one.read.fields))
    wanted: Set[str] = set()
    while found:
        name = found.pop()
        if name not in wanted:
            wanted.add(name)
            rows = about.get(name, []) if scope.kind == RECORD else []
            found += [row.stream for row in rows if kind_of(row.stream) == COPY]
    if not wanted.issuperset(about):
        raise Flaw("index_malformed")
    return wanted


def copies_named(value: Json) -> Set[str]:
    """The ids of copies that any string in a value is, or of whose events it is the id.

    Keys aside: so an index is computed.
    """
    found: Set[str] = set()
    rest = [value]
    while rest:
        one = rest.pop()
        if type(one) is dict:
            rest += one.values()
        elif type(one) is list:
            rest += one
        elif type(one) is str and one.startswith(COPY + "-"):
            name = one.partition("/")[0]
            if STREAM.fullmatch(name) and (name == one or EVENT_ID.fullmatch(one)):
                found.add(name)
    return found


class _Published(NamedTuple):
    event: Event
    entry: int
    size: int


def _published(shipped: List[Shipped], event: str, ledger: str) -> _Published:
    """The genuine event that published the index. Raises `Flaw`."""
    for one in shipped:
        if one.claimed == event and one.event is not None and one.sound:
            size = one.event.fields.get("size")
            if one.event.type != PUBLISHED or one.event.stream != ledger:
                break
            if type(size) is not int or not 0 < size <= one.entry:
                break
            return _Published(one.event, one.entry, size)
    raise Flaw("index_differs")


def _proved(rows: Rows, event: Event) -> Dict[str, List[Row]]:
    """The rows about each object, all rows being proved under the root of the event."""
    count, root = event.fields.get("rows"), event.fields.get("root")
    if type(count) is not int or type(root) is not str or HASH.fullmatch(root) is None:
        raise Flaw("index_differs")
    for row in rows.all():
        leaf = leaf_hash(row.text.encode("ascii"))
        try:
            verify_inclusion(row.row, count, leaf, row.hashes, bytes.fromhex(root))
        except ValueError:
            raise Flaw("index_differs") from None
    return {name: rows_about(mine, name, count) for name, mine in rows.objects.items()}


def _check_rows(
    rows: List[Row], shipped: List[Shipped], findings: Findings
) -> Set[Tuple[str, int, str]]:
    """Name the rows of which the bundle does not hold the events, a stream's end but once.

    Returns what they say is last.
    """
    places = {(one.stream, one.version): one for one in shipped}
    held: Dict[str, int] = {}
    wrong: Set[Tuple[str, int, str]] = set()
    for stream, version, leaf in dict.fromkeys(row.last for row in rows):
        if stream not in held:
            upto = 0
            while (stream, upto + 1) in places:
                upto += 1
            held[stream] = upto
        name, one = f"{stream}/{version}", places.get((stream, version))
        if one is not None and held[stream] >= version - 1 and one.leaf.hex() == leaf:
            continue
        wrong.add((stream, version, leaf))
        if held[stream] < version - 1:
            findings.add("index_differs", event=f"{stream}/{held[stream] + 1}")
        elif one is None:
            findings.add("index_differs", event=name, expected=leaf)
        else:
            findings.add("index_differs", event=name, expected=leaf, actual=one.leaf)
    return wrong


# -- the period ----------------------------------------------------------------------------------


def check_period(
    contents: Contents, findings: Findings, scope: Scope, entries: Dict[int, notes.Entry]
) -> None:
    """Every entry of the period whole, accepted in it; those before and after, outside.

    `entries`: those that are in the ledger; what is wrong with others was told.
    """
    shown: Dict[int, int] = {}
    for one in contents.shipped:
        shown[one.entry] = shown.get(one.entry, 0) + 1
    for index in range(scope.first, scope.end):
        entry = entries.get(index)
        if entry is None:
            if index not in shown:
                findings.add("period_gap", file=entry_file(index))
                break  # one of perhaps very many
            continue
        if entry.commit.events != shown.get(index, 0):
            findings.add("period_gap", file=entry_file(index), expected=entry.commit.events,
                         actual=shown.get(index, 0))  # fmt: skip
        if not scope.begins <= entry.accepted < scope.ends:
            findings.add("period_gap", file=entry_file(index), actual=entry.accepted)
    before, after = entries.get(scope.first - 1), entries.get(scope.end)
    if before is not None and before.accepted >= scope.begins:
        findings.add("period_gap", file=entry_file(scope.first - 1), actual=before.accepted)
    if after is not None and after.accepted < scope.ends:
        findings.add("period_gap", file=entry_file(scope.end), actual=after.accepted)
