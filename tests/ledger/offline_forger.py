"""Bundles for tests, and people who forge them.

Whoever shows a bundle can repack it and, holding an act key, sign for it again (`resealed`): then
manifests say nothing, and proofs and signatures must. Somebody who keeps the ledger goes further
and signs a checkpoint over entries of their own making (`Rogue`): then only the people's own keys
stand against them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import export_record
from ledger.evidence import b64url
from ledger.offline.bag import Bag, make_bag
from ledger.offline.check import check_bundle
from ledger.offline.events import format_file, parse_event, parse_object
from ledger.offline.history import History
from ledger.offline.notes import parse_entry
from ledger.offline.report import Report
from ledger.privatekey import PrivateKey, generate
from ledger.schema import COMMITS
from ledger.signing import Cosigner, commit_note, sign_all
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.commit import Entry, SignedCommit
from ledger.tlog.encoding import encode
from ledger.tlog.merkle import EMPTY_ROOT, inclusion_proof, leaf_hash, leaf_reader, tree_root
from ledger.tlog.note import Note, SignatureLine, encode_base64
from ledger.tlog.proof import TlogProof
from tests.ledger.ledgers import collect_files

BUNDLE = "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
EXPORTED = "2026-11-21T09:30:00.000Z"
BOOK = "data/10_账本"
EVENTS, PLACES, SCOPE = f"{BOOK}/events.jsonl", f"{BOOK}/places.json", f"{BOOK}/scope.json"
KEYS = "data/20_身份/keys.json"

Files = dict[str, bytes]


class Case(NamedTuple):
    """A bundle about one record, the reader's key of the ledger, and the exporter's own."""

    files: Files
    vkey: str
    exporter: PrivateKey
    record: str


def export(ledger: Ledger, acting: Acting, record: str) -> Case:
    bundle = export_record(ledger, acting, record, bundle_id=BUNDLE, exported_at=EXPORTED)
    return Case(dict(bundle.files), ledger.folder.pinned_key().format(), acting.key, record)


def reviewed(ledger: Ledger, collector: Acting, reviewer: Acting, folder: Path) -> str:
    """A contract that one person collected and another reviewed."""
    record = collect_files(ledger, collector, folder, 3)[1].record
    ledger.act(reviewer, [acts.review(record, ["accuracy"], "pass")])
    return record


# -- what a reader is told ------------------------------------------------------------------------


def check(files: Mapping[str, bytes], vkey: str) -> Report:
    """What plain Python says; the fast library must say the same."""
    bag = Bag(BUNDLE, dict(files))
    plain = check_bundle(bag, vkey)
    assert check_bundle(bag, vkey, ed25519.verify) == plain
    json.loads(plain.as_json())
    assert plain.as_text("zh").count("\n") == plain.as_text("en").count("\n")
    assert (plain.verdict == "valid") == (plain.exit_code == 0)
    return plain


def codes(report: Report) -> set[str]:
    return {found.code for found in report.findings}


def answers(report: Report) -> dict[str, str]:
    return {claim.claim: claim.answer for claim in report.claims}


def answer_of(report: Report, kind: str) -> set[str]:
    """The answers about the events of one type that are still told."""
    return {row.answer for row in report.events if row.says and row.says["type"] == kind}


# -- by the exporter ------------------------------------------------------------------------------


def resealed(case: Case, changes: Mapping[str, bytes | None]) -> Files:
    """The bundle with files changed (None: removed), repacked and signed for again."""
    files = {n: d for n, d in {**case.files, **changes}.items() if d is not None}
    scope = json.loads(case.files[SCOPE])
    head = Note.parse(case.files[f"{BOOK}/checkpoints/{scope['checkpoint']}.txt"])
    return sealed(files, case.exporter, Checkpoint.parse(head.text), case.record)


def sealed(files: Mapping[str, bytes], key: PrivateKey, head: Checkpoint, record: str) -> Files:
    """A bag of these files, with the exporter's note."""
    payload = {name: data for name, data in files.items() if name.startswith("data/")}
    tags = {name: data for name, data in files.items() if name.startswith("verify/")}
    info = {
        "External-Identifier": BUNDLE, "Bagging-Date": EXPORTED[:10],
        "Bag-Software-Agent": "muniment/0.1.0",
    }  # fmt: skip
    made = make_bag(payload, tags, info)
    digest = {n: sha256(made[f"{n}-sha256.txt"]).hexdigest() for n in ("manifest", "tagmanifest")}
    identity = key.verifier.key_id
    text = (
        f"{key.name.partition('/a/')[0]}/bundle/{BUNDLE[-36:].replace('-', '')}\n"
        "muniment-evidence 1\n"
        f"manifest-sha256 {digest['manifest']}\n"
        f"tagmanifest-sha256 {digest['tagmanifest']}\n"
        f"checkpoint {head.size} {encode_base64(head.root)}\n"
        f"scope {record}\n"
        f"exported {EXPORTED}\n"
        f"exporter {key.name} {identity.hex()}\n"
    ).encode("ascii")
    line = SignatureLine(key.name, identity, key.sign(text))
    return {**made, "exporter.note": Note(text, (line,)).format()}


# -- by whoever keeps the ledger ------------------------------------------------------------------


class Rogue:
    """A ledger whose keeper writes entries as they please, and signs the state over them."""

    def __init__(self, ledger: Ledger, case: Case) -> None:
        self.origin, self.case = ledger.origin, case
        self.key = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
        self.entries: list[bytes] = []
        self.events: list[list[bytes]] = []
        with ledger.engine.connect() as connection:
            for row in connection.execute(sa.select(COMMITS).order_by(COMMITS.c.entry)):
                found = connection.exec_driver_sql(
                    "SELECT state FROM events WHERE entry = ? ORDER BY position", (row.entry,)
                )
                self.entries.append(bytes(row.data))
                self.events.append([bytes(state) for (state,) in found])

    @property
    def root(self) -> bytes:
        return tree_root([leaf_hash(entry) for entry in self.entries])

    def last(self, kind: str) -> dict[str, Any]:
        """The last event of a type, as a model to write another one after."""
        events = [json.loads(raw) for commit in self.events for raw in commit]
        return dict([event for event in events if event["type"] == kind][-1])

    def said(
        self, *events: Mapping[str, Any], by: Sequence[tuple[PrivateKey, str]]
    ) -> SignedCommit:
        """A commit of these events, signed as their authors wish."""
        states = [encode(event) for event in events]
        signers = [Cosigner(key.name, key.verifier.key_id, capacity) for key, capacity in by]
        seen = (len(self.entries), self.root) if self.entries else (0, EMPTY_ROOT)
        return sign_all(commit_note(self.origin, states, seen, signers), [key for key, _ in by])

    def accept(
        self, signed: SignedCommit, *events: Mapping[str, Any], at: str | None = None
    ) -> int:
        """Write an entry, accepted when the last one was or `at`; returns its index."""
        accepted = at or Entry.parse(self.entries[-1]).accepted
        self.entries.append(Entry(accepted, signed).format())
        self.events.append([encode(event) for event in events])
        return len(self.entries) - 1

    def bundle(self) -> Files:
        """Everything in the ledger, with all proofs, under a checkpoint signed by its key."""
        leaves = [leaf_hash(entry) for entry in self.entries]
        head = Checkpoint(self.origin, len(leaves), tree_root(leaves))
        note = Note(head.format(), (sign_checkpoint(head, self.key),)).format()
        scope = json.loads(self.case.files[SCOPE])
        files = {n: d for n, d in self.case.files.items() if not n.startswith(f"{BOOK}/")}
        files |= {n: d for n, d in self.case.files.items() if n.startswith(f"{BOOK}/policy/")}
        files[SCOPE] = format_file({**scope, "checkpoint": head.size})
        files[f"{BOOK}/checkpoints/{head.size}.txt"] = note
        places, read = [], leaf_reader(leaves)
        for index, (entry, states) in enumerate(zip(self.entries, self.events, strict=True)):
            proof = TlogProof(index, tuple(inclusion_proof(index, head.size, read)), note)
            files[f"{BOOK}/entries/{index}.entry"] = entry
            files[f"{BOOK}/proofs/{index}.tlog-proof"] = proof.format()
            inside = leaf_reader([leaf_hash(state) for state in states])
            commit = Entry.parse(entry).commit.format()
            for at, state in enumerate(states):
                event = json.loads(state)
                name = f"{event['stream']}/{event['version']}"
                places.append({"event": name, "entry": index, "index": at})
                path = tuple(inclusion_proof(at, len(states), inside))
                proof = TlogProof(at, path, commit)
                files[f"{BOOK}/proofs/{index}-{at}.tlog-proof"] = proof.format()
        files[PLACES] = format_file(places)
        files[EVENTS] = b"".join(state + b"\n" for states in self.events for state in states)
        files[KEYS] = self._keys()
        return sealed(files, self.case.exporter, head, scope["record"])

    def _keys(self) -> bytes:
        """The key history that these entries claim, so that nothing else gives them away."""
        history = History(self.origin)
        for index, (data, states) in enumerate(zip(self.entries, self.events, strict=True)):
            entry = parse_entry(data)
            events = [parse_event(parse_object(state)) for state in states]
            history.fold(index, entry.accepted, entry.commit, events)
        return format_file([key.row() for key in history.enrolled()])


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


def next_of(rogue: Rogue, actor: str, **fields: Any) -> dict[str, Any]:
    """One more event of an actor's stream, said by its administrator."""
    events = [json.loads(raw) for commit in rogue.events for raw in commit]
    version = 1 + sum(event["stream"] == actor for event in events)
    model = rogue.last("actor.registered")
    kept = ("at", "by", "engagement", "role", "salt", "v")
    return {
        **{name: model[name] for name in kept}, "stream": actor, "version": version,
        **fields,
    }  # fmt: skip
