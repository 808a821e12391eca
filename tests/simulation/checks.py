"""What must hold, in between and at the end, whatever was tried."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import rebuild
from ledger.application import Ledger
from ledger.audit.finding import Finding
from ledger.audit.replay import Asked, replay
from ledger.effects import vaulting
from ledger.evidence import unb64url
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.tlog.merkle import leaf_hash, tree_root, verify_consistency, verify_inclusion
from ledger.tree import StoredTree
from ledger.verification.findings import Report
from tests.simulation.book import THERE
from tests.simulation.world import CANARY, World, stored

SAMPLE = 40
_MARKS = re.compile(f"{CANARY}-[0-9a-f]{{12}}".encode())


class BrokenPromiseError(AssertionError):
    """Something that must hold does not."""


def promise(held: object, what: str) -> None:
    """Say what does not hold."""
    if not held:
        raise BrokenPromiseError(what)


def everything(world: World) -> str:
    """All checks; the verdict of the verification."""
    acknowledged(world)
    rebuilt(world)
    proved(world)
    prefixes(world)
    nothing_personal(world)
    nothing_erased(world)
    certificates(world)
    world.close()
    replayed(world)
    return verified(world)


def replayed(world: World) -> None:
    """An auditor's replay finds no act that was not permitted, and no table made otherwise.

    Notes, as of entries that no checkpoint covers yet, are no faults.

    But a process that was killed may leave ciphertexts that no event names: a replay names them
    until they are swept, which the next collection into the vault does, or whoever is told to.
    """
    found = _found(world)
    if any(finding.code == "object_foreign" for finding in found):
        promise(world.left_in_vault, "files that no event names, and no process was killed")
        vaulting.remove_strays(world.ledger)
        world.close()
        found = _found(world)
    world.left_in_vault = False
    promise(found == [], f"a replay finds {found[:3]}")


def _found(world: World) -> list[Finding]:
    last = world.book.known[-1].accepted
    said = replay(Folder(world.path), None, Asked(now=last, only=("permitted", "consistent")))
    # Whoever takes a copy off a list says that it may be there: a replay sees that it is not.
    withdrawn = {item for case in world.book.cases.values() for item in case.off}
    return [
        finding
        for finding in said.findings
        if finding.chapter in ("permitted", "consistent")
        and finding.severity != "note"
        and finding.subject not in withdrawn
    ]


def acknowledged(world: World) -> None:
    """Every event that was heard is there, with the bytes, the entry and the time it had."""
    with world.ledger.engine.connect() as connection:
        promise(stored(connection, 0) == world.book.known, "an acknowledged act is gone or changed")


def rebuilt(world: World) -> None:
    """Every projection, made anew from the events alone, is what it is."""
    with world.ledger.engine.connect() as connection:
        found = rebuild.check(connection)
        promise(found == [], f"a rebuild gives something else: {found[:3]}")
        position = StoredTree(connection).head.events
        promise(position == len(world.book.known), "the head counts something else")


def proved(world: World) -> None:
    """Acts drawn: the event in its commit, the commit signed, the entry in the ledger."""
    publics, states = dict(_publics(world)), dict[int, list[bytes]]()
    for heard in world.book.known:
        states.setdefault(heard.entry, []).append(heard.state)
    with world.ledger.engine.connect() as connection:
        tree, dice = StoredTree(connection), world.chance.draw
        for entry in dice.sample(sorted(states), min(SAMPLE, len(states))):
            _proved(connection, tree, entry, states[entry], publics)


def _publics(world: World) -> Iterator[tuple[tuple[str, str], bytes]]:
    """Every key that was ever enrolled, by name and id."""
    for heard in world.book.known:
        event = json.loads(heard.state)
        for field in ("key", "checkpoint_key"):
            key = event.get(field)
            if isinstance(key, dict):
                yield (key["name"], key["id"]), unb64url(key["public"])


def _proved(
    connection: sa.Connection,
    tree: StoredTree,
    entry: int,
    states: list[bytes],
    publics: dict[tuple[str, str], bytes],
) -> None:
    """Looked at as anybody could who has the formats: no code of verification is asked."""
    data = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = ?", (entry,)).scalar()
    first, _, note = bytes(data or b"").partition(b"\n")
    text, _, signatures = note.partition(b"\n\n")
    lines = text.decode("ascii").split("\n")
    promise(first.startswith(b"accepted "), "an entry without its time")
    promise(int(lines[1]) == len(states), "a commit of another number of events")
    root = tree_root([leaf_hash(state) for state in states])
    promise(b64decode(lines[2]) == root, "events that nobody signed")
    for line in signatures.decode("utf-8").splitlines():
        _, name, value = line.split(" ")
        raw = b64decode(value)
        public = publics[name, raw[:4].hex()]
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text + b"\n")
        except InvalidSignature:
            promise(held=False, what="a signature that is none")
    head = tree.head
    proof = tree.inclusion(entry, head.entries)
    verify_inclusion(entry, head.entries, leaf_hash(bytes(data or b"")), proof, head.root)


def prefixes(world: World) -> None:
    """Every checkpoint that was ever signed is a prefix of what there is now (promise 4)."""
    with world.ledger.engine.connect() as connection:
        tree = StoredTree(connection)
        size, root = tree.head.entries, tree.head.root
        for note in world.checkpoints:
            _, old, old_root, *_ = note.decode("utf-8").split("\n")
            promise(int(old) <= size, "a checkpoint over more than there is")
            proof = tree.consistency(int(old), size)
            verify_consistency(int(old), size, b64decode(old_root), root, proof)


def nothing_personal(world: World) -> None:
    """No name in clear in the database, its log or the files beside it (promise 5)."""
    for path in _files(world.path):
        promise(CANARY.encode() not in path.read_bytes(), f"a name in clear in {path.name}")


def nothing_erased(world: World) -> None:
    """What was destroyed is nowhere any more, neither here nor in a copy that was reached."""
    wanted = {found for mark in world.erased for found in _MARKS.findall(mark.encode())}
    for path in _files(world.home) if wanted else ():
        left = wanted.intersection(_MARKS.findall(path.read_bytes()))
        promise(not left, f"destroyed content is still in {path.name}")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def certificates(world: World) -> None:
    """A certificate says `destroyed` only where no copy of any content on its list is left."""
    book = world.book
    for case in book.cases.values():
        if case.step == "certified destroyed":
            promise(not case.off, "a certificate that is silent on what was taken off")
    with world.ledger.engine.connect() as connection:
        for case in book.cases.values():
            if case.step.startswith("certified"):
                for key in sorted(case.keys):
                    state = world.ledger.keystore.state(key)
                    promise(state != "present", "a key that was shredded is there")
        erased = connection.exec_driver_sql("SELECT count(*) FROM sealed").scalar()
        promise(erased is not None, "the sealed texts cannot be counted")


def left_of(world: World, case: str) -> list[str]:
    """The copies of what is on a list that are not destroyed: a certificate must name them."""
    book = world.book
    family = {one for item in book.cases[case].items for one in book.family(item)}
    return sorted(copy for copy in family if book.copies[copy].condition in (THERE, "lost"))


def verified(world: World) -> str:
    """The ledger as anybody verifies it; a report of a stolen key is the only doubt permitted."""
    report: Report = inspect(Folder(world.path))
    codes = {finding.code for finding in report.findings}
    expected = _expected(world)
    promise(report.verdict == expected, f"{report.verdict}, expected {expected}: {codes}")
    return str(report.verdict)


def _expected(world: World) -> str:
    """What the reports of stolen keys, and the keys revoked after use, make of the verdict.

    Nothing anchors times here: all that a key signed before it was reported is disputed.
    """
    reported: dict[str, int] = {}
    for heard in world.book.known:
        event = json.loads(heard.state)
        if event["type"] == "actor.key_compromised":
            reported[event["key"]] = heard.entry
    actors = world.book.actors.values()
    revoked = {key for one in actors for key, was in one.keys.items() if was == "revoked"}
    found = set()
    for entry, keys in signed(world):
        found |= {"disputed" for key in keys if entry < reported.get(key, 0)}
        found |= {"valid-but-since-revoked" for key in keys if key in revoked}
    return min(found, default="valid")


def signed(world: World) -> Iterator[tuple[int, list[str]]]:
    """Every entry: its index, and the ids of the keys with which somebody acts in it."""
    with Ledger(Folder(world.path), lambda _: b"") as ledger, ledger.engine.connect() as connection:
        for index, data in connection.exec_driver_sql("SELECT entry, data FROM commits"):
            lines = [line.split(" ") for line in bytes(data).decode("utf-8").split("\n")]
            signers = [line for line in lines if line[0] == "signer" and line[-1] != "possession"]
            yield index, [line[2] for line in signers]


def digest(world: World) -> str:
    """One number over every byte that was recorded."""
    total = sha256()
    with world.ledger.engine.connect() as connection:
        for query in (
            "SELECT state FROM events ORDER BY position",
            "SELECT data FROM commits ORDER BY entry",
            "SELECT note FROM checkpoints ORDER BY size, id",
            "SELECT ciphertext FROM sealed ORDER BY position",
        ):
            for (data,) in connection.exec_driver_sql(query):
                total.update(len(data).to_bytes(8))
                total.update(bytes(data))
    return total.hexdigest()
