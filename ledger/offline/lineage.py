"""Step 4, before everything else: whether the trusted key can stand behind a state at all.

A stranger may have signed very much. So nothing of a bundle is looked into until the checkpoint is
known to be signed by the trusted key, or by one to which it handed over: each rotation of the
ledger's key is an event in a commit that the key before it signed. That costs one signature for
each rotation and one for the checkpoint, whatever the bundle holds. It is no judgement: what may
have ended, or was not permitted, is step 8's to find.
"""

from __future__ import annotations

from typing import Dict, Iterator

from . import notes
from .contents import Contents, Shipped, State, entry_file
from .findings import Findings, Flaw
from .history import enrolled_keys, public_of
from .merkle import verify_inclusion
from .states import Verify, check_signature, first_lines

ROTATED = "ledger.key_rotated"


def stands_behind(
    contents: Contents, state: State, trust: notes.Key, findings: Findings, verify: Verify
) -> bool:
    """Whether the trusted key, or one that follows from it, signed a state; if not, a finding."""
    lines = first_lines(state.note)
    for key in _heirs(contents, trust, verify):
        line = lines.get((key.name, key.key_id))
        if line is None:
            continue
        try:
            check_signature(verify, key.public, line.signature, state.note.text)
        except Flaw:
            findings.add("checkpoint_signature", file=state.file, actual=line.key_id)
            return False
        return True
    findings.add("checkpoint_key_unknown", file=state.file, expected=trust.key_id,
                 actual=state.note.lines[0].key_id)  # fmt: skip
    return False


def _heirs(contents: Contents, trust: notes.Key, verify: Verify) -> Iterator[notes.Key]:
    """The trusted key, then each to which the one before it handed over."""
    handed: Dict[str, Shipped] = {}
    for one in contents.shipped:
        old = one.read.fields.get("old_key") if one.read and one.read.type == ROTATED else None
        if type(old) is str:
            handed.setdefault(old, one)  # a key is replaced once
    key: notes.Key | None = trust
    while key is not None:
        yield key
        known = key.key_id.hex()
        key = _heir(contents, handed.pop(known), key, verify) if known in handed else None


def _heir(contents: Contents, one: Shipped, old: notes.Key, verify: Verify) -> notes.Key | None:
    """The key that an event puts in the place of another, if that one signed its commit."""
    try:
        entry = notes.parse_entry(contents.files.get(entry_file(one.entry), b""))
        check_in_commit(contents, one, entry)
        (new,) = [] if one.read is None else enrolled_keys(one.read)
        public = public_of(new)
        signed = [
            line.signature for line in entry.commit.lines
            if (line.name, line.key_id) == (old.name, old.key_id)
        ]  # fmt: skip
        if not signed or new["kind"] != "ed25519" or new["name"] != old.name:
            return None
        check_signature(verify, old.public, signed[0], entry.commit.text)
    except (Flaw, ValueError):
        return None
    return notes.Key(new["name"], bytes.fromhex(new["id"]), public)


def check_in_commit(contents: Contents, one: Shipped, entry: notes.Entry) -> None:
    """Raise `Flaw` unless an event is in the commit of an entry, by its proof."""
    data = contents.files.get(one.proof)
    if data is None:
        raise Flaw("event_proof_missing")
    try:
        proof = notes.parse_proof(data)
    except ValueError:
        raise Flaw("event_proof_malformed") from None
    commit = entry.commit
    if proof.leaf != one.index or proof.note != entry.note:
        raise Flaw("event_not_in_commit")
    try:
        verify_inclusion(one.index, commit.events, one.leaf, proof.hashes, commit.root)
    except ValueError:
        raise Flaw("event_not_in_commit") from None
