"""The proofs in a bundle: of events and entries, of states, of time.

Everything is proved against one checkpoint, the head. Other states that the bundle relies on are
cited, each with the proof that it is a prefix of the head: the newest one that others cosigned,
those that a time-stamp authority signed, and what each signer had seen. The cost follows from what
is shipped: nodes come from tiles, and neighbours share them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.anchor import LedgerIndexPublished, LedgerTimestampAnchored
from ledger.bundle.gathering import Gathered, Shipped
from ledger.bundle.order import canonical_json
from ledger.errors import VerificationError
from ledger.offline.token import Token, earliest, latest, read_info
from ledger.timestamps import reply_of
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import (
    NodeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_reader,
)
from ledger.tlog.note import Note, encode_base64
from ledger.tlog.proof import TlogProof

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

FOLDER: Final = "data/10_账本"
_BY_INDEXER: Final = "/index"
_MOST_TOKENS: Final = 100
_PLAIN_LINES: Final = 5
"""A checkpoint's lines with the ledger's signature alone: three, an empty one, the signature."""
_COSIGNED: Final = (
    "SELECT size, note FROM checkpoints WHERE size <= ? AND instr(note, ?) "
    "AND length(CAST(note AS TEXT)) - length(replace(CAST(note AS TEXT), char(10), '')) > ? "
    "ORDER BY size DESC, id DESC"
)


class Head(NamedTuple):
    """The state that everything is proved against: the note and what it says."""

    note: bytes
    checkpoint: Checkpoint

    @classmethod
    def of(cls, note: bytes) -> Head:
        """A signed checkpoint's."""
        return cls(note, Checkpoint.parse(Note.parse(note).text))

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.checkpoint.size


class Cited(NamedTuple):
    """What a bundle cites besides the head: checkpoints by size, tokens with the notes they are on.

    `tokens`: (note, reply) in order of the files.
    """

    checkpoints: Mapping[int, bytes]
    tokens: Sequence[tuple[bytes, bytes]]


# -- events and entries -----------------------------------------------------------------------


def proofs(gathered: Gathered, head: Head, nodes: NodeReader) -> dict[str, bytes]:
    """The entries, and the two proofs of each event; what lies together is read together."""
    files: dict[str, bytes] = {}
    for entry, commit in sorted(gathered.commits.items()):
        files[f"{FOLDER}/entries/{entry}.entry"] = commit.data
        hashes = inclusion_proof(entry, head.size, nodes)
        proof = TlogProof(entry, tuple(hashes), head.note)
        files[f"{FOLDER}/proofs/{entry}.tlog-proof"] = proof.format()
    for entry, shipped in _by_entry(gathered.in_order()).items():
        commit = gathered.commits[entry]
        signed = commit.entry.commit
        note, read = signed.format(), leaf_reader(list(commit.leaves))
        for one in shipped:
            path = inclusion_proof(one.index, signed.note.count, read)
            proof = TlogProof(one.index, tuple(path), note)
            files[f"{FOLDER}/proofs/{entry}-{one.index}.tlog-proof"] = proof.format()
    return files


def _by_entry(shipped: Iterable[Shipped]) -> dict[int, list[Shipped]]:
    found: dict[int, list[Shipped]] = {}
    for one in shipped:
        found.setdefault(one.entry, []).append(one)
    return found


def events(gathered: Gathered, left_out: Mapping[int, str]) -> dict[str, bytes]:
    """The bytes of the events, and where each of them stands.

    `left_out`: by position, of which only the leaf hash goes, and why.
    """
    shipped = gathered.in_order()
    places: list[dict[str, Any]] = []
    for one in shipped:
        place: dict[str, Any] = {"event": one.event.id, "entry": one.entry, "index": one.index}
        if one.position in left_out:
            place["leaf"] = leaf_hash(one.state).hex()
            place["reason"] = left_out[one.position]
        places.append(place)
    lines = [one.state + b"\n" for one in shipped if one.position not in left_out]
    return {
        f"{FOLDER}/events.jsonl": b"".join(lines),
        f"{FOLDER}/places.json": canonical_json(places),
    }


# -- states -----------------------------------------------------------------------------------


def index_relied_on(
    ledger: Iterable[Shipped], cosigned: Mapping[int, bytes]
) -> LedgerIndexPublished | None:
    """The newest index that a cosigner who computes indexes has covered; else the newest.

    `ledger`: the events of the ledger's stream.
    """
    certified = max((size for size, note in cosigned.items() if _by_indexer(note)), default=0)
    newest = covered = None
    for one in ledger:
        if isinstance(one.event, LedgerIndexPublished):
            newest = one.event
            covered = newest if one.entry < certified else covered
    return covered or newest


def cited(
    gathered: Gathered, ledger: Iterable[Shipped], cosigned: Mapping[int, bytes], head: Head
) -> Cited:
    """The states that a bundle relies on, of those stored; the own events are gathered.

    The newest cosigned one, and the newest cosigned by whoever computes indexes.
    """
    certified = [size for size, note in cosigned.items() if _by_indexer(note)]
    chosen = {max(sizes) for sizes in (certified, cosigned) if sizes} - {head.size}
    tokens = tuple(_tokens(gathered, ledger, head.size))
    return Cited({size: cosigned[size] for size in sorted(chosen)}, tokens)


def cosigned(connection: Connection, head: Checkpoint) -> dict[int, bytes]:
    """The stored checkpoints that a bundle can cite for others' signatures, by size.

    Up to the head the newest with a line besides the ledger's own, and the newest with one of
    whoever computes indexes, however long ago; of several of one size, the one with the most
    signatures.
    """
    found = dict(_newest(connection, head, b" "))
    found.update(_newest(connection, head, f"{_BY_INDEXER} ".encode()))
    return found


def _newest(connection: Connection, head: Checkpoint, name: bytes) -> list[tuple[int, bytes]]:
    """The newest state with a note that bears a line of others whose name ends in `name`."""
    newest: list[tuple[int, bytes]] = []
    most = 0
    with connection.exec_driver_sql(_COSIGNED, (head.size, name, _PLAIN_LINES)) as rows:
        for size, data in rows:
            if newest and size < newest[0][0]:
                break
            note = bytes(data)
            others = _others(note, head.origin)
            if len(others) > most and any(f"{one} ".endswith(name.decode()) for one in others):
                newest, most = [(size, note)], len(others)
    return newest


def _others(note: bytes, origin: str) -> list[str]:
    """The names on a note beside the ledger's."""
    return [line.name for line in Note.parse(note).signatures if line.name != origin]


def _by_indexer(note: bytes) -> bool:
    return any(line.name.endswith(_BY_INDEXER) for line in Note.parse(note).signatures)


def consistency(gathered: Gathered, citing: Cited, head: Head, nodes: NodeReader) -> bytes:
    """`consistency.json`: that every state cited, and every one seen, is a prefix of the head."""
    sizes = {commit.entry.commit.note.seen_size for commit in gathered.commits.values()}
    sizes.update(citing.checkpoints)
    sizes.update(Head.of(note).size for note, _ in citing.tokens)
    return canonical_json([
        {"from": size, "hashes": list(map(encode_base64, proof))}
        for size in sorted(sizes - {0})
        for proof in [consistency_proof(size, head.size, nodes)]
    ])  # fmt: skip


def states(citing: Cited, head: Head) -> dict[str, bytes]:
    """The checkpoints and tokens by path."""
    files = {
        f"{FOLDER}/checkpoints/{size}.txt": note
        for size, note in {**citing.checkpoints, head.size: head.note}.items()
    }
    for number, (note, reply) in enumerate(citing.tokens):
        files[f"{FOLDER}/tokens/{number}.note"] = note
        files[f"{FOLDER}/tokens/{number}.tsr"] = reply
    return files


# -- time -------------------------------------------------------------------------------------


def _tokens(
    gathered: Gathered, ledger: Iterable[Shipped], head: int
) -> Iterator[tuple[bytes, bytes]]:
    """The tokens that bound the time of a bundle's own events, by size of the state they are on.

    Of each authority (by its policy) the oldest over a state with the entry, and the youngest that
    the signers had seen recorded: who is trusted is the reader's to say.
    """
    anchors = [one for one in ledger if isinstance(one.event, LedgerTimestampAnchored)]
    moments = _moments(gathered.connection) if anchors else {}
    kept = [one for one in anchors if _said(one).token in moments and _said(one).size <= head]

    def age(one: Shipped) -> _Age:
        said = _said(one)
        return _Age(*moments[said.token], said.size, said.token)

    own = {gathered.events[position].entry for position in gathered.own}
    seen = {gathered.commits[entry].entry.commit.note.seen_size for entry in own}
    wanted: set[str] = set()
    for policy in {_said(one).policy for one in anchors}:
        known = [one for one in kept if _said(one).policy == policy]
        above = sorted(known, key=lambda one: _said(one).size, reverse=True)
        oldest = list(accumulate(map(age, above), _Age.older))[::-1]
        sizes = [_said(one).size for one in reversed(above)]
        recorded = [one.entry for one in known]
        youngest = list(accumulate(map(age, known), _Age.younger))
        for at in {bisect_right(sizes, entry) for entry in own} - {len(sizes)}:
            wanted.add(oldest[at].token)
        for at in {bisect_left(recorded, size) for size in seen} - {0}:
            wanted.add(youngest[at - 1].token)
    yield from _stored(gathered.connection, [_said(one) for one in anchors], wanted)


def _said(one: Shipped) -> LedgerTimestampAnchored:
    assert isinstance(one.event, LedgerTimestampAnchored)  # as it was chosen
    return one.event


class _Age(NamedTuple):
    """The moments between which a token admits that it was made; of equals the first file counts.

    As `ledger.offline.times.interval` chooses among the tokens that are shipped.
    """

    first: str
    last: str
    size: int
    token: str

    def older(self, other: _Age) -> _Age:
        return min(self, other, key=lambda age: (age.last, age.size, age.token))

    def younger(self, other: _Age) -> _Age:
        if self.first == other.first:
            return min(self, other, key=lambda age: (age.size, age.token))
        return max(self, other, key=lambda age: age.first)


def _moments(connection: Connection) -> dict[str, tuple[str, str]]:
    """The first and the last moment that each kept token admits, by its digest."""
    found = {}
    for (reply,) in connection.exec_driver_sql("SELECT reply FROM anchors"):
        with suppress(ValueError):
            info = read_info(bytes(reply))
            token = Token(info.gen_time, info.accuracy_ms, False, info.serial, info.policy)
            found[sha256(bytes(reply)).hexdigest()] = (earliest(token), latest(token))
    return found


def _stored(
    connection: Connection, anchors: Sequence[LedgerTimestampAnchored], wanted: set[str]
) -> Iterator[tuple[bytes, bytes]]:
    """Note and reply of each token wanted, as they are stored, by size of the state.

    Of more than a bundle holds, some that lie evenly between: bounds become wider, none is false.
    """
    chosen = sorted(
        (anchor for anchor in anchors if anchor.token in wanted),
        key=lambda anchor: (anchor.size, anchor.token),
    )
    if len(chosen) > _MOST_TOKENS:
        steps = [at * (len(chosen) - 1) // (_MOST_TOKENS - 1) for at in range(_MOST_TOKENS)]
        chosen = [chosen[at] for at in steps]
    for anchor in chosen:
        with suppress(VerificationError):  # lost with the ledger's database, but not its entries
            yield reply_of(connection, anchor)
