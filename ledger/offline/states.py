"""Steps 4 and 5, of states: the checkpoints of a bundle, who signed them, and that they are one.

    data/10_账本/consistency.json   [{"from": size, "hashes": [base64 …]} …], ascending: the
        RFC 6962 consistency proof from each size to the checkpoint's. Exactly one for every
        smaller size, but 0, of which something in the bundle speaks: another checkpoint, the note
        under a time token, and the state that the signers of an entry had seen.

So every state that somebody signed, cosigned, had stamped or had seen is a prefix of the one state
that the whole bundle is proved against. A cosignature (C2SP tlog-cosignature, 0x04) is looked into
only if the reader trusts the cosigner.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Set, Tuple

from . import notes
from .contents import CONSISTENCY, Contents, State
from .events import Json
from .findings import Findings, Flaw
from .history import History
from .merkle import EMPTY_ROOT, verify_consistency
from .trust import INDEX, Trust

Verify = Callable[[bytes, bytes, bytes], None]
"""Returns if a signature (64 bytes) by a public key (32) covers a message; raises otherwise."""


def check_signature(verify: Verify, public: bytes, signature: bytes, message: bytes) -> None:
    """Raise `Flaw` (`signature_fails`) unless `verify` returns."""
    try:
        verify(public, signature, message)
    except Exception:  # noqa: BLE001  whatever a backend raises, it has not verified
        raise Flaw("signature_fails") from None


def parse_consistency(value: Json, size: int) -> Dict[int, List[bytes]]:
    """The proofs of consistency.json by their first size; `size`: to which all of them lead.

    Raises `ValueError` for another form or order.
    """
    proofs: Dict[int, List[bytes]] = {}
    last = 0
    if type(value) is not list:
        raise ValueError("not a list of proofs")
    for row in value:
        if type(row) is not dict or set(row) != {"from", "hashes"}:
            raise ValueError("a proof has other fields")
        old, hashes = row["from"], row["hashes"]
        if type(old) is not int or not last < old < size:
            raise ValueError("the proofs do not ascend")
        if type(hashes) is not list or len(hashes) > notes.MAX_HASHES + 1:
            raise ValueError("a proof is no list of hashes, or is too long")
        if not all(type(text) is str for text in hashes):
            raise ValueError("a hash is no text")
        proofs[old] = [notes.parse_hash(text) for text in hashes]
        last = old
    return proofs


class States:
    """Which states are prefixes of the checkpoint's; what speaks of each."""

    def __init__(self, contents: Contents, head: notes.Head, findings: Findings) -> None:
        self._head, self._findings = head, findings
        self._proofs: Dict[int, List[bytes]] = {}
        self._known: Dict[Tuple[int, bytes], str] = {
            (0, EMPTY_ROOT): "",
            (head.size, head.root): "",
        }
        self._cited: Set[int] = set()
        value = contents.json(CONSISTENCY)
        if value is not None:
            try:
                self._proofs = parse_consistency(value, head.size)
            except ValueError:
                findings.add("consistency_malformed", file=CONSISTENCY)

    def cite(self, size: int, root: bytes, file: str) -> bool:
        """Whether a state of which `file` speaks is proved a prefix; if not, that is a finding.

        `size` is not above the checkpoint's.
        """
        self._cited.add(size)
        if (size, root) not in self._known:
            self._known[size, root] = self._prove(size, root)
        code = self._known[size, root]
        if code == "consistency_missing":
            self._findings.add(code, file=CONSISTENCY, expected=size)
        elif code:
            self._findings.add(code, file=file, actual=root)
        return not code

    def _prove(self, size: int, root: bytes) -> str:
        """Empty, or the code of what is wrong."""
        head = self._head
        if size in (0, head.size):
            return "state_not_prefix"  # another root than the one that is known
        if size not in self._proofs:
            return "consistency_missing"
        try:
            verify_consistency(size, head.size, root, head.root, self._proofs[size])
        except ValueError:
            return "state_not_prefix"
        return ""

    def check_uncited(self) -> None:
        """Name the proofs of which nothing speaks."""
        for size in self._proofs:
            if size not in self._cited:
                self._findings.add("consistency_malformed", file=CONSISTENCY, actual=size)


def first_lines(note: notes.Note) -> Dict[Tuple[str, bytes], notes.Line]:
    """The first line of each key, by name and key id, in the order of the note.

    Further lines of a key are not looked into, as Go's `note.Open` has it: a key signs a note once,
    and so nobody makes a verifier look into one key's line a hundred times.
    """
    found: Dict[Tuple[str, bytes], notes.Line] = {}
    for line in note.lines:
        found.setdefault((line.name, line.key_id), line)
    return found


class Held(NamedTuple):
    """A trusted cosigner's key, and the size of the largest state under its good cosignature."""

    key: notes.Key
    size: int


class Signatures:
    """Step 4: who signed the checkpoints."""

    def __init__(self, findings: Findings, trust: Trust, history: History, verify: Verify) -> None:
        self._findings, self._trust = findings, trust
        self._history, self._verify = history, verify
        self._held: Dict[notes.Key, int] = {}

    def check(self, state: State, *, prefix: bool) -> None:
        """Check the ledger's signature and the trusted cosigners'.

        `prefix`: whether the state is the bundle's, or proved to be a prefix of it.
        """
        self._check_ledger(state)
        lines = first_lines(state.note)
        for key in self._trust.cosigners:
            line = lines.get((key.name, key.key_id))
            if line is not None and self._cosigned(state, line, key) and prefix:
                self._held[key] = max(self._held.get(key, 0), state.head.size)

    def _check_ledger(self, state: State) -> None:
        size, trust = state.head.size, self._trust.ledger
        reached = self._history.reached_from(trust)
        lines = [line for known, line in first_lines(state.note).items() if known in reached]
        if not lines:
            self._findings.add("checkpoint_key_unknown", file=state.file, expected=trust.key_id,
                     actual=state.note.lines[0].key_id)  # fmt: skip
        for line in lines:
            public = reached[line.name, line.key_id]
            try:
                check_signature(self._verify, public, line.signature, state.note.text)
            except Flaw:
                self._findings.add("checkpoint_signature", file=state.file, actual=line.key_id)
                break  # the others would make it no better, and may be many
        keys = [self._history.find(line.name, line.key_id) for line in lines]
        in_force = any(
            key is None or (key.since < size and (key.until is None or size <= key.until))
            for key in keys
        )
        if lines and not in_force:
            self._findings.add("key_not_in_force", file=state.file, actual=lines[0].key_id)

    def _cosigned(self, state: State, line: notes.Line, key: notes.Key) -> bool:
        """Whether a cosignature holds; if not, that is a finding."""
        try:
            message, signature = notes.parse_cosignature(line, state.note.text)
            check_signature(self._verify, key.public, signature, message)
        except (ValueError, Flaw):
            self._findings.add("cosignature_fails", file=state.file, actual=line.key_id)
            return False
        return True

    def witnesses(self) -> List[Held]:
        """The trusted cosigners whose cosignatures hold, as the reader lists them.

        The ledger is no witness of itself, nor is a key that it knows for another purpose.
        """
        return [
            Held(key, self._held[key])
            for key in self._trust.cosigners
            if key in self._held
            and key.public != self._trust.ledger.public
            and self._history.purpose_of(key.public) in ("", "cosign")
        ]

    def certified(self) -> int:
        """The largest size of which somebody of trust says to have verified the whole ledger.

        0 if there is none. The key is one that nobody in the bundle has.
        """
        sizes = [
            held.size
            for held in self.witnesses()
            if held.key.name.endswith(INDEX) and not self._history.purpose_of(held.key.public)
        ]
        return max(sizes, default=0)
