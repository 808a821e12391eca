"""Bundles for tests, and people who forge them.

Whoever shows a bundle can repack it and, holding an act key, sign for it again (`resealed`): then
manifests say nothing, and proofs and signatures must. Somebody who keeps the ledger goes further
and signs a checkpoint over entries of their own making (`Rogue`): then only the people's own keys
stand against them, and witnesses, time tokens and whoever verified the whole ledger.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import KeyAccessError
from ledger.evidence import b64url
from ledger.offline.bag import Bag, identifier, make_bag
from ledger.offline.check import check_bundle
from ledger.offline.events import format_file, parse_event, parse_object
from ledger.offline.history import History
from ledger.offline.notes import parse_entry
from ledger.offline.report import Report
from ledger.offline.trust import Trust, parse_trust
from ledger.privatekey import PrivateKey, generate
from ledger.schema import COMMITS
from ledger.signing import Cosigner, commit_note, new_ids, sign_all
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint, sign_checkpoint
from ledger.tlog.commit import Entry, SignedCommit
from ledger.tlog.encoding import encode
from ledger.tlog.merkle import (
    EMPTY_ROOT,
    NodeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_reader,
    tree_root,
)
from ledger.tlog.note import (
    COSIGNATURE,
    Note,
    SignatureLine,
    Signer,
    VerifierKey,
    encode_base64,
)
from ledger.tlog.proof import TlogProof
from tests.ledger.bundles import EXPORTED, evidence
from tests.ledger.ledgers import collect_files
from tests.ledger.offline_index import index_file, index_rows

BOOK, SHOWN = "data/10_账本", "data/30_附件"
EVENTS, PLACES, SCOPE = f"{BOOK}/events.jsonl", f"{BOOK}/places.json", f"{BOOK}/scope.json"
CONSISTENCY, INDEX = f"{BOOK}/consistency.json", f"{BOOK}/index.json"
KEYS, ROLES = "data/20_身份/keys.json", "data/20_身份/roles_and_training.json"
OPENINGS, ATTACHMENTS, REDACTIONS = (
    f"{SHOWN}/{name}.json" for name in ("openings", "attachments", "redactions")
)
WHEN = 1_780_000_000
"""When cosigners cosign."""

Files = dict[str, bytes]


class Case(NamedTuple):
    """A bundle, the reader's key of the ledger, the exporter's own key, and what it is about."""

    files: Files
    vkey: str
    exporter: PrivateKey
    record: str

    @property
    def name(self) -> str:
        """The bundle's id."""
        return identifier(Bag("", self.files))


def export(ledger: Ledger, acting: Acting, record: str, kind: str = "record", **rest: Any) -> Case:
    """What Muniment itself writes."""
    bundle = evidence(ledger, acting, kind, record, **rest)
    return Case(dict(bundle.files), ledger.folder.pinned_key().format(), acting.key, record)


def reviewed(ledger: Ledger, collector: Acting, reviewer: Acting, folder: Path) -> str:
    """A contract that one person collected and another reviewed."""
    record = collect_files(ledger, collector, folder, 3)[1].record
    ledger.act(reviewer, [acts.review(record, ["accuracy"], "pass")])
    return record


# -- what a reader is told ------------------------------------------------------------------------


def trusting(vkey: str, cosigners: Iterable[Signer] = (), roots: Iterable[bytes] = ()) -> Trust:
    return parse_trust(vkey, [one.verifier.format() for one in cosigners], roots)


def check(
    files: Mapping[str, bytes],
    vkey: str,
    cosigners: Iterable[Signer] = (),
    roots: Iterable[bytes] = (),
) -> Report:
    """What plain Python says; the fast library must say the same."""
    bag = Bag(identifier(Bag("", dict(files))), dict(files))
    trust = trusting(vkey, cosigners, roots)
    plain = check_bundle(bag, trust)
    assert check_bundle(bag, trust, ed25519.verify) == plain
    json.loads(plain.as_json())
    assert plain.as_text("zh").count("\n") == plain.as_text("en").count("\n")
    assert (plain.verdict == "valid") == (plain.exit_code == 0)
    return plain


def codes(report: Report) -> set[str]:
    return {found.code for found in report.findings}


def answers(report: Report) -> dict[str, str]:
    return {claim.claim: claim.answer for claim in report.claims}


def reasons(report: Report, claim: str) -> list[str]:
    """Why a claim does not hold."""
    return next(one.reasons for one in report.claims if one.claim == claim)


def answer_of(report: Report, kind: str) -> set[str]:
    """The answers about the events of one type that are still told."""
    return {row.answer for row in report.events if row.says.get("type") == kind}


# -- by the exporter ------------------------------------------------------------------------------


def resealed(case: Case, changes: Mapping[str, bytes | None]) -> Files:
    """The bundle with files changed (None: removed), repacked and signed for again."""
    files = {n: d for n, d in {**case.files, **changes}.items() if d is not None}
    scope = json.loads(case.files[SCOPE])
    head = Note.parse(case.files[f"{BOOK}/checkpoints/{scope['checkpoint']}.txt"])
    return sealed(files, case.exporter, Checkpoint.parse(head.text), scope, case.name)


def sealed(
    files: Mapping[str, bytes], key: PrivateKey, head: Checkpoint, scope: dict[str, Any], name: str
) -> Files:
    """A bag of these files, with the exporter's note."""
    payload = {name: data for name, data in files.items() if name.startswith("data/")}
    tags = {name: data for name, data in files.items() if name.startswith("verify/")}
    info = {
        "External-Identifier": name, "Bagging-Date": EXPORTED[:10],
        "Bag-Software-Agent": "muniment/0.1.0",
    }  # fmt: skip
    made = make_bag(payload, tags, info)
    digest = {n: sha256(made[f"{n}-sha256.txt"]).hexdigest() for n in ("manifest", "tagmanifest")}
    identity = key.verifier.key_id
    about = scope["id"] if "id" in scope else f"{scope['from']}/{scope['to']}"
    text = (
        f"{key.name.partition('/a/')[0]}/bundle/{name[-36:].replace('-', '')}\n"
        "muniment-evidence 2\n"
        f"manifest-sha256 {digest['manifest']}\n"
        f"tagmanifest-sha256 {digest['tagmanifest']}\n"
        f"checkpoint {head.size} {encode_base64(head.root)}\n"
        f"scope {scope['kind']} {about}\n"
        f"exported {EXPORTED}\n"
        f"exporter {key.name} {identity.hex()}\n"
    ).encode("ascii")
    line = SignatureLine(key.name, identity, key.sign(text))
    return {**made, "exporter.note": Note(text, (line,)).format()}


# -- by whoever keeps the ledger ------------------------------------------------------------------


class Shown(NamedTuple):
    """What a rogue's bundle shows beside the whole ledger.

    `withheld`: event id and reason; `openings`: rows of openings.json; `attachments`: rows of
    attachments.json, with `files` by their name; `cosigned`: by size of the state, who cosigned
    it; `stamped`: the notes that were stamped, with their time tokens; `indexed`: whether rows go
    along of the index that the ledger published last; `unindexed`: objects and heads left out.
    """

    withheld: Mapping[str, str] = {}
    openings: Sequence[Mapping[str, Any]] = ()
    attachments: Sequence[Mapping[str, str]] = ()
    files: Mapping[str, bytes] = {}
    cosigned: Mapping[int, Sequence[Signer]] = {}
    stamped: Sequence[tuple[bytes, bytes]] = ()
    indexed: bool = False
    unindexed: Collection[str] = ()


NOTHING = Shown()


class Rogue:
    """A ledger whose keeper writes entries as they please, and signs the state over them."""

    def __init__(self, ledger: Ledger, case: Case) -> None:
        self.origin, self.case = ledger.origin, case
        self.key = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
        self.ledger_id = ledger.ledger_id
        self.scope: dict[str, Any] = json.loads(case.files[SCOPE])
        self.name = case.name
        """Under which name the bundle goes: the stream of its export, as it was recorded last."""
        self.entries: list[bytes] = []
        self.events: list[list[bytes]] = []
        with ledger.engine.connect() as connection:
            for row in connection.execute(sa.select(COMMITS).order_by(COMMITS.c.entry)):
                found = connection.exec_driver_sql(
                    "SELECT state FROM events WHERE entry = ? ORDER BY position", (row.entry,)
                )
                self.entries.append(bytes(row.data))
                self.events.append([bytes(state) for (state,) in found])
        self.approver = self._somebody_else(ledger)

    def _somebody_else(self, ledger: Ledger) -> PrivateKey:
        """The key of the first who registered, has a key and is not the exporter, if anybody."""
        exporter = self.case.exporter.name.rpartition("/")[2]
        for event in self.all_events():
            if event["type"] == "actor.registered" and event["stream"] != exporter:
                with suppress(KeyAccessError):
                    return ledger.acting(event["stream"]).key
        return self.case.exporter

    @property
    def leaves(self) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.entries]

    @property
    def root(self) -> bytes:
        return tree_root(self.leaves)

    def all_events(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for commit in self.events for raw in commit]

    def last(self, kind: str) -> dict[str, Any]:
        """The last event of a type, as a model to write another one after."""
        return [event for event in self.all_events() if event["type"] == kind][-1]

    def said(
        self, *events: Mapping[str, Any], by: Sequence[tuple[PrivateKey, str]], seen: int = -1
    ) -> SignedCommit:
        """A commit of these events, signed as their authors wish, who had seen a state."""
        states = [encode(event) for event in events]
        signers = [Cosigner(key.name, key.verifier.key_id, capacity) for key, capacity in by]
        size = len(self.entries) if seen < 0 else seen
        state = (size, tree_root(self.leaves[:size])) if size else (0, EMPTY_ROOT)
        return sign_all(commit_note(self.origin, states, state, signers), [key for key, _ in by])

    def accept(
        self, signed: SignedCommit, *events: Mapping[str, Any], at: str | None = None
    ) -> int:
        """Write an entry, accepted when the last one was or `at`; returns its index."""
        accepted = at or Entry.parse(self.entries[-1]).accepted
        self.entries.append(Entry(accepted, signed).format())
        self.events.append([encode(event) for event in events])
        return len(self.entries) - 1

    def administered(self, event: Mapping[str, Any], at: str | None = None, seen: int = -1) -> int:
        """An entry with one event by the exporter as administrator."""
        key = self.case.exporter
        actor = key.name.rpartition("/")[2]
        by = {**event, "by": actor, "role": "administrator"}
        return self.accept(self.said(by, by=[(key, "administrator")], seen=seen), by, at=at)

    def of_ledger(self, kind: str, **fields: Any) -> dict[str, Any]:
        """One more event of the ledger's own stream."""
        return next_of(self, self.ledger_id, type=kind, **fields)

    def record_export(
        self, shown: Shown = NOTHING, *, approved: bool = True, **said: object
    ) -> None:
        """Record an export of the present scope, in one entry as its events would say it.

        Asked for, agreed to by somebody else if anything is in clear and it is `approved`, done.
        `said`: what the request says otherwise.
        """
        (stream,) = new_ids("bundle")
        selection = selection_of(shown)
        scope = {**self._as_recorded(), "selection": selection}
        counts = {
            "opened": sum(len(row["fields"]) for row in shown.openings),
            "attached": len(shown.attachments), "withheld": len(shown.withheld),
        }  # fmt: skip
        told = [{"type": "bundle.requested", **scope, **counts, **said}]
        if approved and (counts["opened"] or counts["attached"]):
            by = {"by": self.approver.name.rpartition("/")[2], "role": "approver"}
            told.append({"type": "bundle.approved", "selection": selection, **by})
        told.append({"type": "bundle.exported", **scope})
        self.recorded(stream, *told)

    def _as_recorded(self) -> dict[str, Any]:
        """The present scope, as events about the export say it."""
        scope = self.scope
        if scope["kind"] == "period":
            return {"kind": "period", "begins": scope["from"], "ends": scope["to"]}
        return {"kind": scope["kind"], "object": scope["id"]}

    def recorded(self, stream: str, *told: Mapping[str, Any]) -> None:
        """The events of an export, in one entry: by the exporter, unless they say by whom else."""
        events = []
        for version, fields in enumerate(told, len(self.told(stream)) + 1):
            model = next_of(self, stream, by=self.case.exporter.name.rpartition("/")[2])
            events.append({**model, "role": "administrator", **fields, "version": version})
        keys = {key.name.rpartition("/")[2]: key for key in (self.case.exporter, self.approver)}
        by = dict.fromkeys((event["by"], event["role"]) for event in events)
        signed = self.said(*events, by=[(keys[actor], role) for actor, role in by])
        self.accept(signed, *events)
        self.scope["export"] = f"{stream}/{events[-1]['version']}"
        self.name = stream

    def told(self, stream: str) -> list[dict[str, Any]]:
        """The events of a stream."""
        return [event for event in self.all_events() if event["stream"] == stream]

    def take_back(self) -> None:
        """Undo the last entry."""
        del self.entries[-1], self.events[-1]

    # -- states

    def state(self, size: int, cosigners: Sequence[Signer] = ()) -> bytes:
        """A checkpoint signed by the ledger's key, cosigned."""
        head = Checkpoint(self.origin, size, tree_root(self.leaves[:size]))
        lines = [sign_checkpoint(head, self.key)]
        lines += [cosign_checkpoint(head, one, WHEN) for one in cosigners]
        return Note(head.format(), tuple(lines)).format()

    # -- the index

    def index_rows(self, size: int) -> list[str]:
        """Every row of the index over the entries below `size`, in order."""
        return index_rows(raw for commit in self.events[:size] for raw in commit)

    def publish_index(self, rows: Sequence[str] | None = None) -> int:
        """Publish the index of the present state, or whatever rows; returns the event's entry."""
        size = len(self.entries)
        texts = self.index_rows(size) if rows is None else list(rows)
        root = tree_root([leaf_hash(text.encode()) for text in texts])
        self._published = texts
        event = self.of_ledger(
            "ledger.index_published", size=size, root=root.hex(), rows=len(texts)
        )
        self.scope["index"] = f"{self.ledger_id}/{event['version']}"
        return self.administered(event)

    def index_file(self, around: int = 1, without: Collection[str] = ()) -> bytes:
        """What a bundle shows of the index published last; see `tests.ledger.offline_index`."""
        events = [raw for commit in self.events for raw in commit]
        return index_file(self._published, self.scope, events, around, without)

    # -- the bundle

    def bundle(
        self,
        shown: Shown = NOTHING,
        changes: Mapping[str, bytes | None] = {},
        *,
        recorded: bool = False,
    ) -> Files:
        """Everything in the ledger, with all proofs, under a checkpoint signed by its key.

        `changes`: files to change (None: to remove) before it is sealed; `recorded`: whether the
        export was recorded before.
        """
        if not recorded and shown[:4] != NOTHING[:4]:
            self.record_export(shown)
        size = len(self.entries)
        read = leaf_reader(self.leaves)
        note = self.state(size, shown.cosigned.get(size, ()))
        files = {n: d for n, d in self.case.files.items() if not n.startswith((BOOK, SHOWN))}
        files |= {n: d for n, d in self.case.files.items() if n.startswith(f"{BOOK}/policy/")}
        files |= self._states(shown, note, read)
        files |= self._events(shown, note, read)
        files[SCOPE] = format_file({**self.scope, "checkpoint": size, "streams": self._streams()})
        files |= self._identity()
        if shown.indexed:
            files[INDEX] = self.index_file(without=shown.unindexed)
        files[OPENINGS] = format_file(list(shown.openings))
        files[ATTACHMENTS] = format_file(list(shown.attachments))
        files |= {f"{SHOWN}/{name}": data for name, data in shown.files.items()}
        files = {n: d for n, d in {**files, **changes}.items() if d is not None}
        head = Checkpoint.parse(Note.parse(note).text)
        return sealed(files, self.case.exporter, head, self.scope, self.name)

    def _streams(self) -> list[str]:
        """Those of the scope, and every other one of which it is needed to say that it is in it."""
        if self.scope["kind"] == "period":
            return []
        export = self.scope["export"].partition("/")[0]
        proving = ("ledger", "policy", "party", "actor", "engagement")
        streams = [str(event["stream"]) for event in self.all_events()]
        other = [s for s in streams if s.partition("-")[0] not in proving and s != export]
        return list(dict.fromkeys([*self.scope["streams"], *other]))

    def period(self, first: int, end: int, changes: Mapping[str, bytes | None]) -> Files:
        """As `bundle`, about the entries `first` to `end` - 1 (what proves the keys goes along)."""
        accepted = [Entry.parse(entry).accepted for entry in self.entries]
        begins = accepted[first] if first else "2000-01-01T00:00:00.000Z"
        self.scope = {
            **{n: v for n, v in self.scope.items() if n not in ("id", "index")},
            "kind": "period", "streams": [], "first": first, "end": end, "from": begins,
            "to": accepted[end] if end < len(accepted) else "9999-01-01T00:00:00.000Z",
        }  # fmt: skip
        self.record_export()
        return self.bundle(changes=changes)

    def _states(self, shown: Shown, note: bytes, read: NodeReader) -> Files:
        size = len(self.entries)
        files = {f"{BOOK}/checkpoints/{size}.txt": note}
        cited = {parse_entry(entry).commit.seen_size for entry in self.entries}
        for other, cosigners in shown.cosigned.items():
            files.setdefault(f"{BOOK}/checkpoints/{other}.txt", self.state(other, cosigners))
            cited.add(other)
        for number, (stamped, reply) in enumerate(shown.stamped):
            files[f"{BOOK}/tokens/{number}.note"] = stamped
            files[f"{BOOK}/tokens/{number}.tsr"] = reply
            cited.add(Checkpoint.parse(Note.parse(stamped).text).size)
        files[CONSISTENCY] = format_file([
            {"from": old, "hashes": list(map(encode_base64, consistency_proof(old, size, read)))}
            for old in sorted(cited)
            if 0 < old < size
        ])  # fmt: skip
        return files

    def _events(self, shown: Shown, note: bytes, read: NodeReader) -> Files:
        files: Files = {}
        places: list[dict[str, Any]] = []
        lines: list[bytes] = []
        redactions: list[dict[str, str]] = []
        for index, (entry, states) in enumerate(zip(self.entries, self.events, strict=True)):
            proof = TlogProof(index, tuple(inclusion_proof(index, len(self.entries), read)), note)
            files[f"{BOOK}/entries/{index}.entry"] = entry
            files[f"{BOOK}/proofs/{index}.tlog-proof"] = proof.format()
            inside = leaf_reader([leaf_hash(state) for state in states])
            commit = Entry.parse(entry).commit.format()
            for at, state in enumerate(states):
                event = json.loads(state)
                name = f"{event['stream']}/{event['version']}"
                place = {"event": name, "entry": index, "index": at}
                if name in shown.withheld:
                    reason = shown.withheld[name]
                    place |= {"leaf": leaf_hash(state).hex(), "reason": reason}
                    redactions.append({"event": name, "reason": reason, "what": "event"})
                else:
                    lines.append(state + b"\n")
                    if "sealed" in event:
                        said = {"event": name, "reason": "not_needed", "what": "fields"}
                        redactions.append(said)
                places.append(place)
                path = tuple(inclusion_proof(at, len(states), inside))
                proof = TlogProof(at, path, commit)
                files[f"{BOOK}/proofs/{index}-{at}.tlog-proof"] = proof.format()
        files[PLACES], files[EVENTS] = format_file(places), b"".join(lines)
        files[REDACTIONS] = format_file(redactions)
        return files

    def _identity(self) -> Files:
        """The key history that these entries claim, so that nothing else gives them away."""
        history = History(self.origin)
        genuine = []
        for index, (data, states) in enumerate(zip(self.entries, self.events, strict=True)):
            entry = parse_entry(data)
            events = [parse_event(parse_object(state)) for state in states]
            history.fold(index, entry.accepted, entry.commit, events)
            genuine += events
        keys = [key.row() for key in history.enrolled()]
        return {KEYS: format_file(keys), ROLES: format_file(history.actors(genuine))}


def selection_of(shown: Shown) -> str:
    """The digest of what is shown and withheld, written down anew."""
    chosen = {
        "attachments": sorted(
            [r["event"], r["path"], r["kind"], r.get("reason", "")] for r in shown.attachments
        ),
        "openings": sorted([r["event"], f["path"]] for r in shown.openings for f in r["fields"]),
        "redactions": sorted(map(list, shown.withheld.items())),
    }
    text = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("ascii") + b"\n").hexdigest()


class Alias:
    """Somebody's key under another name, cosigning."""

    def __init__(self, name: str, private: PrivateKey) -> None:
        self._private = private
        self.verifier = VerifierKey.of(name, COSIGNATURE, private.public)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


# -- what the keeper of a ledger might write ------------------------------------------------------


def key_for(rogue: Rogue, actor: str) -> PrivateKey:
    """A key of somebody's choosing under an actor's name."""
    return generate("ed25519", "act", f"{rogue.origin}/a/{actor}")


def as_enrolled(key: PrivateKey) -> dict[str, Any]:
    return {
        "name": key.name, "id": key.verifier.key_id.hex(), "kind": "ed25519", "purpose": "act",
        "public": b64url(key.public),
    }  # fmt: skip


def next_review(rogue: Rogue) -> dict[str, Any]:
    """One more review of the record, in the words of the last one."""
    event = rogue.last("record.verified")
    return {**event, "version": event["version"] + 1}


def next_of(rogue: Rogue, stream: str, **fields: Any) -> dict[str, Any]:
    """One more event of a stream, said by the administrator."""
    version = 1 + sum(event["stream"] == stream for event in rogue.all_events())
    model = rogue.last("actor.registered")
    kept = ("at", "by", "engagement", "role", "salt", "v")
    return {
        **{name: model[name] for name in kept}, "stream": stream, "version": version,
        **fields,
    }  # fmt: skip
