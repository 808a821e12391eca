"""Step 12: between which times an entry was provably accepted.

    data/10_账本/tokens/<n>.note   a checkpoint note, the bytes that were stamped; n from 0
    data/10_账本/tokens/<n>.tsr    the authority's reply (RFC 3161, TimeStampResp): see `token`

A state that was stamped is a prefix of the bundle's, or it says nothing. Of the tokens that lead to
a certificate which the reader pinned:

    not after    every entry below the size of the state that was stamped is older than the token
    not before   whoever signed had seen the event `ledger.timestamp_anchored` that names the token
                 by its SHA-256, if the state that the signer had seen covers its entry: what was
                 signed is younger than the token

The narrowest of each are taken. The moment that a token admits reaches from its time less its
accuracy to its time plus accuracy and one second, since its fraction may be cut off.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Sequence, Tuple

from . import notes
from .contents import TOKENS, Contents, Shipped, entry_file
from .events import Event
from .findings import Findings
from .states import States

if TYPE_CHECKING:
    from .token import Token

MAX_TOKENS = 100
ANCHORED = "ledger.timestamp_anchored"


class Stamp(NamedTuple):
    """A token that holds: over a state of `size` entries; `anchored`: the entry that records it.

    `anchored` is -1 where none does. `first`, `last`: the moments between which the token admits
    that it was made, as the ledger writes times.
    """

    size: int
    anchored: int
    token: Token
    first: str
    last: str


class Interval(NamedTuple):
    """The tokens before and after an entry; None where there is none."""

    after: Stamp | None
    before: Stamp | None

    def says(self) -> Dict[str, str]:
        """The times of the tokens, as a report shows them."""
        shown = {"not_before": self.after, "not_after": self.before}
        return {name: stamp.token.gen_time for name, stamp in shown.items() if stamp is not None}


def read_stamps(
    contents: Contents,
    findings: Findings,
    upto: notes.Head,
    states: States,
    recorded: Dict[str, Tuple[int, Event]],
    roots: Sequence[bytes],
) -> Tuple[List[Stamp], bool]:
    """The tokens that hold, and whether every note could be read.

    `upto`: the bundle's state; `recorded`: by the SHA-256 of a token in hex, the entry and the
    event that record it.
    """
    stamps: List[Stamp] = []
    well = True
    for number in range(MAX_TOKENS):
        files = [f"{TOKENS}{number}.{ext}" for ext in ("note", "tsr")]
        if not any(name in contents.files for name in files):
            continue
        data, reply = (contents.file(name) for name in files)
        head = None if data is None else _stamped(findings, upto, files[0], data)
        well = well and head is not None
        if data is None or reply is None or head is None:
            continue
        from .token import earliest, latest, verify_token  # most bundles do without

        prefix = states.cite(head.size, head.root, files[0])
        try:
            token = verify_token(reply, sha256(data).digest(), roots)
        except ValueError as error:
            findings.add(_code(error), file=files[1])
            continue
        anchored = _anchored(findings, files, (data, reply), head, recorded)
        if prefix:
            stamps.append(Stamp(head.size, anchored, token, earliest(token), latest(token)))
    return stamps, well


def _code(error: ValueError) -> str:
    code = str(error)
    return code if code in ("token_differs", "token_signature") else "token_malformed"


def _stamped(findings: Findings, upto: notes.Head, file: str, data: bytes) -> notes.Head | None:
    """The state under a token; None, and a finding, if it is none of this ledger's so far."""
    try:
        head = notes.parse_head(notes.parse_note(data).text)
    except ValueError:
        findings.add("token_malformed", file=file)
        return None
    if head.origin != upto.origin:
        findings.add("checkpoint_foreign", file=file)
        return None
    if head.size > upto.size:
        findings.add("checkpoint_differs", file=file, actual=head.size)
        return None
    return head


def _anchored(
    findings: Findings,
    files: List[str],
    pair: Tuple[bytes, bytes],
    head: notes.Head,
    recorded: Dict[str, Tuple[int, Event]],
) -> int:
    """The entry that records a token for this note; -1, and a finding, if none does."""
    data, reply = pair
    entry, event = recorded.get(sha256(reply).hexdigest(), (-1, None))
    if event is None:
        findings.add("token_not_recorded", file=files[1])
        return -1
    fields, size = event.fields, event.fields.get("size")
    said = (fields.get("imprint"), fields.get("root"))
    same = type(size) is int and size == head.size
    if not same or said != (sha256(data).hexdigest(), head.root.hex()):
        findings.add("token_differs", file=files[1])
        return -1
    return entry


def recorded_tokens(shipped: Sequence[Shipped], ledger: str) -> Dict[str, Tuple[int, Event]]:
    """The first genuine event of the ledger's own stream that records each token, by its digest."""
    found: Dict[str, Tuple[int, Event]] = {}
    for one in shipped:
        if one.event is not None and one.sound and one.event.type == ANCHORED:
            token = one.event.fields.get("token")
            if type(token) is str and one.event.stream == ledger:
                found.setdefault(token, (one.entry, one.event))
    return found


def interval(entry: int, seen: int, stamps: Sequence[Stamp]) -> Interval:
    """The provable interval of an entry whose signers had seen a state of `seen` entries.

    `stamps`: of trusted authorities only; of equal ones the first counts.
    """
    after = before = None
    for stamp in stamps:
        if stamp.size > entry and (before is None or stamp.last < before.last):
            before = stamp
        if 0 <= stamp.anchored < seen and (after is None or stamp.first > after.first):
            after = stamp
    return Interval(after, before)


def check_accepted(findings: Findings, index: int, entry: notes.Entry, within: Interval) -> None:
    """Name an entry whose accepted time lies outside its provable interval."""
    after, before = within
    for bound, outside in (
        (after, after is not None and entry.accepted < after.first),
        (before, before is not None and entry.accepted > before.last),
    ):
        if bound is not None and outside:
            findings.add("accepted_outside_interval", file=entry_file(index),
                         expected=bound.token.gen_time, actual=entry.accepted)  # fmt: skip
