r"""Evidence bundles: what others need to check one record's chain of custody, and nothing more.

A bundle is a BagIt bag (RFC 8493); container and bag are `ledger.offline.bag`'s. This module says
what lies in it (format `muniment-evidence/1`):

    data/00_说明/        README.zh.md, README.en.md, 非主张声明.md
    data/10_账本/        scope.json, events.jsonl, places.json
      entries/          <entry>.entry                   the entry's bytes
      proofs/           <entry>.tlog-proof              the entry is in the ledger
                        <entry>-<index>.tlog-proof      the event is in the commit of its entry
      checkpoints/      <size>.txt                      the state signed by the ledger's key
      policy/           <digest>.toml                   the pack adopted
    data/20_身份/        keys.json
    data/60_环境/        software.json
    verify/             verify.pyz, EXPECTED_OUTPUT.txt
    exporter.note       signed by the exporter over the two manifests; in neither of them

JSON is canonical: sorted keys, no spaces, ASCII, one newline at the end. Events are those in scope
and those that prove the keys: the ledger's own, and for every actor who signed an entry shipped
their own and their party's, and so on until nobody new has signed. Every stream that is touched is
shipped whole. The exporter's note, each line ending with newline:

    <origin>/bundle/<UUID of the bundle, 32 hex digits>
    muniment-evidence 1
    manifest-sha256 <64 hex digits>
    tagmanifest-sha256 <64 hex digits>
    checkpoint <size> <base64 root>
    scope <record id>
    exported <time>
    exporter <key name> <8 hex digits of the key id>

>>> print(
...     exporter_text(
...         Claim(
...             "example.com/ledger",
...             "ledger-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4d",
...             "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4f",
...             "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
...             "2026-11-21T09:30:00.000Z",
...         ),
...         Checkpoint("example.com/ledger", 0, sha256().digest()),
...         ["0" * 64, "f" * 64],
...         "example.com/ledger/a/actor-1",
...         "77c1a2e5",
...     ),
...     end="",
... )
example.com/ledger/bundle/019390a17e307c3a8d5e2f1b6a9c0d4e
muniment-evidence 1
manifest-sha256 0000000000000000000000000000000000000000000000000000000000000000
tagmanifest-sha256 ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
checkpoint 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
scope record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4f
exported 2026-11-21T09:30:00.000Z
exporter example.com/ledger/a/actor-1 77c1a2e5

The cost follows from what is shipped, not from the ledger's size: rows are read by index, proofs
from tiles.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    ActorState,
)
from domain.judging import State, evolve
from domain.ledger import LedgerKeyRotated, LedgerState, PolicyAdopted
from domain.values import Event
from ledger import VERSION
from ledger.bundletexts import NON_CLAIMS, README_EN, README_ZH
from ledger.errors import UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.offline.bag import EXPORTER_NOTE, MANIFEST, TAG_MANIFEST, Bag, make_bag
from ledger.offline.check import check_bundle
from ledger.offline.pack import pyz
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import inclusion_proof, leaf_reader
from ledger.tlog.note import Note, SignatureLine, encode_base64
from ledger.tlog.proof import TlogProof
from ledger.tree import StoredTree
from projections.custody import streams_of
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ledger.acting import Acting
    from ledger.application import Ledger

FORMAT: Final = "muniment-evidence/1"
_TEXTS: Final = "data/00_说明"
_LEDGER: Final = "data/10_账本"
_KEYS: Final = "data/20_身份/keys.json"
_SOFTWARE: Final = "data/60_环境/software.json"
_VERIFIER: Final = "verify/verify.pyz"
_EXPECTED: Final = "verify/EXPECTED_OUTPUT.txt"
_GAPS: Final = ("no_documents", "no_index", "no_openings", "no_permissions", "no_timestamp")
_HANDED_OUT: Final = ("valid", "disputed")
_IN_A_QUERY: Final = 400


class Claim(NamedTuple):
    """What the exporter says a bundle is: of which ledger and record, its own id, exported when."""

    origin: str
    ledger: str
    record: str
    bundle: str
    exported: str


class Bundle(NamedTuple):
    """A finished bundle: its files by path inside the bag, and what it covers.

    `own`: events about the record; `identity`: events that prove the keys; `size`: entries under
    the checkpoint.
    """

    id: str
    files: Mapping[str, bytes]
    own: int
    identity: int
    size: int


class _Shipped(Struct, frozen=True):
    """An event with its place: 1-based position, 0-based entry, 0-based index in the commit."""

    position: int
    entry: int
    index: int
    event: Event
    state: bytes


class _Commit(NamedTuple):
    """An entry as stored, and the leaf hashes of its events (none for a commit of one event)."""

    entry: Entry
    first: int
    data: bytes
    leaves: bytes


def export_record(
    ledger: Ledger, acting: Acting, record: str, *, bundle_id: str, exported_at: str
) -> Bundle:
    """The evidence of one record: what was said about it and its copies, and the proofs of that.

    `ledger` is open for writing: a checkpoint over the present state is signed if there is none.
    `bundle_id`: `bundle-<UUIDv7>`; `exported_at`: a time. The same ledger, checkpoint and arguments
    give the same bytes. Raises `UsageError` for a record that is not there, `VerificationError` if
    the ledger's own evidence does not verify: then there is nothing to hand out.
    """
    claim = Claim(ledger.origin, ledger.ledger_id, record, bundle_id, exported_at)
    with ledger.engine.connect() as connection:
        gathered = _Gathered(connection, ledger.origin)
        own = gathered.take(_positions(connection, record))
        if not own:
            raise UsageError("there is no record {record}", "muniment inventory", record=record)
        gathered.prove([ledger.ledger_id, acting.actor])
        checkpoint = ledger.sign_checkpoint()
        payload = _payload(gathered, claim, own, checkpoint)
    head = _head(checkpoint)
    identity = len(gathered.events) - len(own)
    payload.update(_pages(claim, head, (len(own), identity), acting))
    files = _bagged(payload, b"", claim, head, acting)
    files = _bagged(payload, _expected(ledger, bundle_id, files), claim, head, acting)
    return Bundle(bundle_id, files, len(own), identity, head.size)


def _positions(connection: Connection, record: str) -> list[int]:
    """Which events a bundle is about, by 1-based position: those of the chain of custody.

    Empty if there is no such record. Raises `VerificationError` if a copy that the ledger lists has
    no event left.
    """
    if not record.startswith("record-"):
        return []
    keys = {key_of(stream) for stream in streams_of(connection, record)}
    sql = "SELECT stream, position FROM events WHERE stream IN ({})"
    rows = [(bytes(stream), position) for stream, position in _rows(connection, sql, keys)]
    found = {stream for stream, _ in rows}
    if key_of(record) in found and found != keys:
        raise _not_genuine()
    return sorted(position for _, position in rows)


def _rows(connection: Connection, sql: str, values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query with `IN ({})`, asked for so many values at a time."""
    wanted = sorted(values)
    for start in range(0, len(wanted), _IN_A_QUERY):
        some = wanted[start : start + _IN_A_QUERY]
        asked = sql.replace("{}", ", ".join(["{}"] * len(some)))
        yield from fetch(connection, marked(connection, asked), some)


class _Gathered:
    """The events and entries that go into a bundle, whole streams at a time."""

    def __init__(self, connection: Connection, origin: str) -> None:
        self.connection = connection
        self.events: dict[int, _Shipped] = {}
        self.commits: dict[int, _Commit] = {}
        self._prefix = f"{origin}/a/"
        self._streams: set[bytes] = set()

    def take(self, positions: Iterable[int]) -> list[_Shipped]:
        """Take the events at these positions with the whole of their streams, in order."""
        sql = "SELECT DISTINCT stream FROM events WHERE position IN ({})"
        return self._read({bytes(row[0]) for row in _rows(self.connection, sql, positions)})

    def prove(self, streams: Iterable[str]) -> None:
        """Take these streams, the policy's, and what the keys of all signers follow from."""
        adopted = fetch(self.connection, "SELECT policy FROM policies")
        wanted = {*map(key_of, streams), *(bytes(row[0]) for row in adopted)}
        wanted |= self._leaned_on(self.in_order())
        while wanted := wanted - self._streams:
            wanted = self._leaned_on(self._read(wanted))

    def _read(self, streams: set[bytes]) -> list[_Shipped]:
        """Read streams, and the entries of their events."""
        self._streams |= streams
        sql = "SELECT position, entry, state FROM events WHERE stream IN ({})"
        rows = list(_rows(self.connection, sql, streams))
        missing = {row[1] for row in rows} - self.commits.keys()
        sql = "SELECT entry, first, data, leaves FROM commits WHERE entry IN ({})"
        for entry, first, data, leaves in _rows(self.connection, sql, missing):
            parsed = Entry.parse(bytes(data))
            self.commits[entry] = _Commit(parsed, first, bytes(data), bytes(leaves))
        found = [
            _Shipped(
                position, entry, position - self.commits[entry].first,
                decode_event(bytes(state)), bytes(state),
            )
            for position, entry, state in sorted(rows)
        ]  # fmt: skip
        self.events.update((shipped.position, shipped) for shipped in found)
        return found

    def _leaned_on(self, shipped: Sequence[_Shipped]) -> set[bytes]:
        """The streams from which the keys behind these events follow: signers, their parties."""
        signers = {
            signer.name
            for entry in {one.entry for one in shipped}
            for signer in self.commits[entry].entry.commit.note.signers
        }
        actors = {n.removeprefix(self._prefix) for n in signers if n.startswith(self._prefix)}
        parties = {one.event.party for one in shipped if isinstance(one.event, ActorRegistered)}
        return {key_of(stream) for stream in actors | parties}

    def in_order(self) -> list[_Shipped]:
        """Every event, by position."""
        return [self.events[position] for position in sorted(self.events)]


def _head(note: bytes) -> Checkpoint:
    return Checkpoint.parse(Note.parse(note).text)


def _json(value: object) -> bytes:
    """Canonical: sorted keys, no spaces, ASCII, one newline at the end."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode("ascii")


# -- what lies in it --------------------------------------------------------------------------


def _payload(
    gathered: _Gathered, claim: Claim, own: Sequence[_Shipped], checkpoint: bytes
) -> dict[str, bytes]:
    """Everything under data/ but the pages for people."""
    shipped = gathered.in_order()
    head = _head(checkpoint)
    streams = dict.fromkeys([claim.record, *(one.event.stream for one in own)])
    scope = {
        "format": FORMAT, "origin": claim.origin, "ledger": claim.ledger, "record": claim.record,
        "checkpoint": head.size, "streams": list(streams),
    }  # fmt: skip
    places = [{"event": s.event.id, "entry": s.entry, "index": s.index} for s in shipped]
    return {
        f"{_LEDGER}/scope.json": _json(scope),
        f"{_LEDGER}/events.jsonl": b"".join(one.state + b"\n" for one in shipped),
        f"{_LEDGER}/places.json": _json(places),
        f"{_LEDGER}/checkpoints/{head.size}.txt": checkpoint,
        _KEYS: _json(_key_history(gathered)),
        _SOFTWARE: _json(_software(checkpoint)),
        **_proofs(gathered, head.size, checkpoint),
        **_packs(gathered),
    }


def _proofs(gathered: _Gathered, size: int, checkpoint: bytes) -> dict[str, bytes]:
    """The entries, and the two proofs of each event; what lies together is read together."""
    files: dict[str, bytes] = {}
    nodes = StoredTree(gathered.connection).nodes()
    for entry, commit in sorted(gathered.commits.items()):
        files[f"{_LEDGER}/entries/{entry}.entry"] = commit.data
        hashes = inclusion_proof(entry, size, nodes)
        proof = TlogProof(entry, tuple(hashes), checkpoint)
        files[f"{_LEDGER}/proofs/{entry}.tlog-proof"] = proof.format()
    for entry, shipped in _by_entry(gathered.in_order()).items():
        commit = gathered.commits[entry]
        signed = commit.entry.commit
        leaves = [commit.leaves[at : at + 32] for at in range(0, len(commit.leaves), 32)]
        read = leaf_reader(leaves)
        for one in shipped:
            path = inclusion_proof(one.index, signed.note.count, read)
            proof = TlogProof(one.index, tuple(path), signed.format())
            files[f"{_LEDGER}/proofs/{entry}-{one.index}.tlog-proof"] = proof.format()
    return files


def _by_entry(shipped: Iterable[_Shipped]) -> dict[int, list[_Shipped]]:
    found: dict[int, list[_Shipped]] = {}
    for one in shipped:
        found.setdefault(one.entry, []).append(one)
    return found


def _packs(gathered: _Gathered) -> dict[str, bytes]:
    """The bytes of the packs adopted."""
    events = (one.event for one in gathered.in_order())
    digests = [bytes.fromhex(event.digest) for event in events if isinstance(event, PolicyAdopted)]
    sql = "SELECT digest, data FROM packs WHERE digest IN ({})"
    rows = _rows(gathered.connection, sql, digests)
    return {f"{_LEDGER}/policy/{digest.hex()}.toml": bytes(data) for digest, data in rows}


def _key_history(gathered: _Gathered) -> list[dict[str, Any]]:
    """Every key that the events shipped enrol; holders and keys as they first appear."""
    states: dict[str, State] = {}
    events: dict[tuple[str, str], list[str]] = {}
    for one in gathered.in_order():
        named = _keys_named(one.event)
        if named or isinstance(one.event, ActorRegistered):
            stream = one.event.stream
            accepted = gathered.commits[one.entry].entry.accepted
            states[stream] = evolve(states.get(stream), one.event, one.entry, accepted)
            for key in named:
                events.setdefault((stream, key), []).append(one.event.id)
    return [
        {
            "name": key.key.name, "id": identity, "holder": stream, "purpose": key.key.purpose,
            "kind": key.key.kind, "since": key.since, "condition": key.condition,
            **({} if key.until is None else {"until": key.until}),
            **({"suspected_since": key.suspected_since} if key.suspected_since else {}),
            "events": events[stream, identity],
        }
        for stream, state in states.items()
        if isinstance(state, ActorState | LedgerState)
        for identity, key in state.keys.items()
    ]  # fmt: skip


def _keys_named(event: Event) -> list[str]:
    """The ids of the keys whose history an event is part of."""
    named = [key.id for key in getattr(event, "enrolled_keys", ())]
    if isinstance(event, ActorKeyRotated | LedgerKeyRotated):
        named.append(event.old_key)
    elif isinstance(event, ActorKeyRevoked | ActorKeyCompromised):
        named.append(event.key)
    return named


def _software(checkpoint: bytes) -> dict[str, object]:
    """What made the bundle, and what it does not hold."""
    alone = len(Note.parse(checkpoint).signatures) == 1
    gaps = [*_GAPS, *(["no_cosignature"] if alone else [])]
    return {
        "software": f"muniment/{VERSION}", "python": platform.python_version(), "format": 1,
        "gaps": sorted(gaps),
    }  # fmt: skip


def _pages(
    claim: Claim, head: Checkpoint, counts: tuple[int, int], acting: Acting
) -> dict[str, bytes]:
    """The pages for people."""
    values = {
        "bundle": claim.bundle, "origin": claim.origin, "record": claim.record, "own": counts[0],
        "identity": counts[1], "size": head.size, "root": encode_base64(head.root),
        "exported": claim.exported, "exporter": f"{acting.key.name} {acting.key_id.hex()}",
    }  # fmt: skip
    return {
        f"{_TEXTS}/README.zh.md": README_ZH.format(**values).encode("utf-8"),
        f"{_TEXTS}/README.en.md": README_EN.format(**values).encode("utf-8"),
        f"{_TEXTS}/非主张声明.md": NON_CLAIMS.encode("utf-8"),
    }


# -- the bag and the exporter's word ----------------------------------------------------------


def exporter_text(
    claim: Claim, head: Checkpoint, manifests: Sequence[str], name: str, key_id: str
) -> str:
    """The text that the exporter signs (module docstring).

    `manifests`: SHA-256 of the payload's and of the tags' manifest; `key_id`: 8 hex digits.
    """
    return (
        f"{claim.origin}/bundle/{key_of(claim.bundle).hex()}\n"
        "muniment-evidence 1\n"
        f"manifest-sha256 {manifests[0]}\n"
        f"tagmanifest-sha256 {manifests[1]}\n"
        f"checkpoint {head.size} {encode_base64(head.root)}\n"
        f"scope {claim.record}\n"
        f"exported {claim.exported}\n"
        f"exporter {name} {key_id}\n"
    )


def _bagged(
    payload: Mapping[str, bytes],
    expected: bytes,
    claim: Claim,
    head: Checkpoint,
    acting: Acting,
) -> dict[str, bytes]:
    """The whole bag, with the exporter's signature."""
    info = {
        "External-Identifier": claim.bundle,
        "Bagging-Date": claim.exported[:10],
        "Bag-Software-Agent": f"muniment/{VERSION}",
    }
    files = make_bag(payload, {_VERIFIER: pyz(), _EXPECTED: expected}, info)
    manifests = [sha256(files[name]).hexdigest() for name in (MANIFEST, TAG_MANIFEST)]
    key = acting.key
    identity = key.verifier.key_id
    text = exporter_text(claim, head, manifests, key.name, identity.hex()).encode("ascii")
    line = SignatureLine(key.name, identity, key.sign(text))
    return {**files, EXPORTER_NOTE: Note(text, (line,)).format()}


def _expected(ledger: Ledger, bundle: str, files: Mapping[str, bytes]) -> bytes:
    """What the verifier prints about these files, in English, when given the ledger's key.

    It names no digest of the bag, so it may lie in the bag. Raises `VerificationError` if the
    verifier does not find the evidence genuine; disputed evidence is evidence all the same.
    """
    trust = ledger.folder.pinned_key().format()
    report = check_bundle(Bag(bundle, dict(files)), trust, ed25519.verify)
    if report.verdict not in _HANDED_OUT:
        raise _not_genuine()
    return report.as_text("en").encode("utf-8")


def _not_genuine() -> VerificationError:
    return VerificationError(
        "the evidence of this ledger does not verify; nothing was exported", "muniment verify"
    )
