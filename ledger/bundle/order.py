r"""What an evidence bundle is ordered to hold: its scope, and what of it is shown.

The order repeats what the events `bundle.requested` and `bundle.exported` say and adds what no
event may hold: the bytes of attachments. Its digest is the one that those events name: SHA-256 of
the canonical JSON (sorted keys, no spaces, ASCII, one newline at the end) of what is shown, each
list sorted.

>>> nothing = Selection()
>>> nothing.canonical()
b'{"attachments":[],"openings":[],"redactions":[]}\n'
>>> Selection(openings=(("record-…/1", "title"),)).digest()[:16]
'8755d1217408c55b'
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final, NamedTuple

NOT_NEEDED: Final = "not_needed"
"""The reason that is meant if no other is given."""
KINDS: Final = ("record", "handover", "subject", "destruction_case", "actor", "period")
"""What evidence can be about; all but a period name one object by its id."""


class Attachment(NamedTuple):
    """A file that goes along. `path`: the sealed field of `event` with its content's digest.

    `kind`: `clear`: `data` is the content; `redacted`: a version of it; `sealed`: its ciphertext.
    `ext`: the file name's extension without the dot, [a-z0-9]{1,8}. `reason`: a code of
    `RedactionReason`, why it does not go in clear; empty if it does.
    """

    event: str
    path: str
    kind: str
    data: bytes
    ext: str
    reason: str = ""

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"<Attachment of {self.event}, {len(self.data)} bytes>"


class Selection(NamedTuple):
    """What is shown, and what is left out.

    `openings`: event id and path of each sealed field that is disclosed; `redactions`: event id
    and reason of each event of which nothing but its leaf hash is shipped; `because`: why sealed
    fields that are not opened are not (`erased`, where they are, is found without being told).
    """

    openings: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    redactions: tuple[tuple[str, str], ...] = ()
    because: str = NOT_NEEDED

    def canonical(self) -> bytes:
        """The file of which `digest` is the SHA-256; see the module."""
        shown = {
            "openings": sorted(map(list, set(self.openings))),
            "attachments": sorted([a.event, a.path, a.kind, a.reason] for a in self.attachments),
            "redactions": sorted(map(list, self.redactions)),
        }
        return canonical_json(shown)

    def digest(self) -> str:
        """64 hex digits, as the events about the bundle name it."""
        return sha256(self.canonical()).hexdigest()


class Order(NamedTuple):
    """One bundle to be written.

    `bundle`: `bundle-<UUIDv7>`; `kind`: one of `KINDS`; `object`: the id of what it is about, empty
    for a period; `begins`, `ends`: a period's times, half open, empty otherwise; `export`: the id
    of the event `bundle.exported`, which is recorded already; `documents`: whether PDF files are
    written.
    """

    bundle: str
    kind: str
    object: str
    begins: str
    ends: str
    export: str
    selection: Selection = Selection()
    documents: bool = True


def canonical_json(value: object) -> bytes:
    r"""Sorted keys, no spaces, ASCII (other characters as \uXXXX), one newline at the end."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode("ascii")
