r"""Steps 10 and 11: what is shown beyond events, and what is withheld.

    data/30_附件/openings.json      [{"event", "fields": [{"path", "r", "value", "way"} …]} …],
        sorted by event, then path: sealed fields shown, each with its blinding value (64 hex) and
        the way to the root that the event names (`left:<64 hex>`, `right:…`). The one file whose
        texts may be any
    data/30_附件/attachments.json   [{"event", "file", "kind", "path", "sha256"} …], files numbered
        from 1: `path`, always `content`, names the sealed field with the digest of the content: in
        no other is a digest what somebody signed a file for. `clear`: that field is opened and is
        the file's SHA-256; `redacted`, `sealed`: another version, or the ciphertext, and "reason"
        is a code for why
    data/30_附件/redactions.json    [{"event", "reason", "what"} …] in the order of places: `event`
        for one withheld, with the reason of its place; `fields` for one with a sealed payload

A field's commitment is SHA-256(u8len "muniment/field/v1" ‖ u16len origin ‖ u16len event ‖ u16len
path ‖ r ‖ SHA-256(value)), a leaf of an RFC 6962 tree (`ledger.sealing`). What is shown and
withheld has one digest, which the event of the export names: SHA-256 of the canonical JSON file
{"attachments": [[event, path, kind, reason] …], "openings": [[event, path] …],
"redactions": [[event, reason] …]}, each list sorted, a file in clear with an empty reason,
`redactions` of whole events only.

The stream of the export tells one story, and nothing else: `bundle.requested`, of the scope and the
digest, with how many fields are opened, files attached and whole events withheld; where anything is
opened or attached, `bundle.approved`, of the digest and by another actor than asked; and last
`bundle.exported`, of the scope and the digest.

>>> node = commitment("example.com", "record-…/1", "title", bytes(32), "保洁合同")
>>> folded(leaf_hash(node), ["right:" + "00" * 32]).hex()[:16]
'216f1ae1fb201736'
"""

from __future__ import annotations

from hashlib import sha256
from typing import Dict, List, NamedTuple, Tuple

from .bag import MAX_FILES
from .contents import (
    ATTACHMENTS,
    EVENT_ID,
    HASH,
    OPENINGS,
    PROVING,
    REASONS,
    REDACTIONS,
    Contents,
    Scope,
    Shipped,
)
from .events import Event, Json, format_file
from .findings import ATTACHED, Findings
from .merkle import leaf_hash

MAX_WAY = 12  # a payload has at most 4,096 fields
MAX_LENGTH = 0xFFFF
CONTENT = "content"
"""The sealed field to which a file can be attached."""
NEVER_WITHHELD = PROVING
"""Streams whose events prove keys, roles, what the parties agreed on them, and the export; nothing
of them is withheld."""

_LABEL = b"\x11muniment/field/v1"


class Opening(NamedTuple):
    """One field as openings.json shows it."""

    event: str
    path: str
    r: str
    value: str
    way: List[str]


# -- openings ------------------------------------------------------------------------------------


def parse_openings(value: Json) -> List[Opening]:
    """The fields of openings.json, in order. Raises `ValueError` for another form or order."""
    if type(value) is not list or len(value) > MAX_FILES:
        raise ValueError("not a list of openings")
    found: List[Opening] = []
    for row in value:
        if type(row) is not dict or set(row) != {"event", "fields"}:
            raise ValueError("an opening has other fields")
        event, fields = row["event"], row["fields"]
        if type(event) is not str or EVENT_ID.fullmatch(event) is None:
            raise ValueError("an opening is about no event")
        if type(fields) is not list or not fields:
            raise ValueError("an opening shows nothing")
        found += [_opening(event, field) for field in fields]
    order = [(one.event, one.path.encode("utf-8")) for one in found]
    if not all(this < following for this, following in zip(order, order[1:])):
        raise ValueError("the openings are not sorted")
    if len({row["event"] for row in value}) != len(value):
        raise ValueError("an event is there twice")
    return found


def _opening(event: str, field: Json) -> Opening:
    if type(field) is not dict or set(field) != {"path", "r", "value", "way"}:
        raise ValueError("an opened field has other fields")
    way = field["way"]
    if type(way) is not list or len(way) > MAX_WAY:
        raise ValueError("the way is no list, or is too long")
    if not all(type(text) is str for text in (field["path"], field["r"], field["value"], *way)):
        raise ValueError("a field is no text")
    if HASH.fullmatch(field["r"]) is None:
        raise ValueError("a blinding value has 32 bytes")
    for step in way:
        side, colon, digest = step.partition(":")
        if side not in ("left", "right") or not colon or HASH.fullmatch(digest) is None:
            raise ValueError("a step of the way is no side and hash")
    return Opening(event, field["path"], field["r"], field["value"], way)


def commitment(origin: str, event: str, path: str, r: bytes, value: str) -> bytes:
    """The blinded commitment to one field, 32 bytes; `r`: 32 bytes. Raises `ValueError`."""
    parts = [_LABEL]
    for text in (origin, event, path):
        data = text.encode("utf-8")
        if len(data) > MAX_LENGTH:
            raise ValueError("a part of a commitment is too long")
        parts += (len(data).to_bytes(2, "big"), data)
    return sha256(b"".join((*parts, r, sha256(value.encode("utf-8")).digest()))).digest()


def folded(node: bytes, way: List[str]) -> bytes:
    """The root to which a way leads from a leaf hash."""
    for step in way:
        side, _, digest = step.partition(":")
        other = bytes.fromhex(digest)
        node = sha256(b"\1" + (other + node if side == "left" else node + other)).digest()
    return node


def _fits(origin: str, event: Event | None, one: Opening) -> bool:
    """Whether an event committed to this field."""
    sealed = event.fields.get("sealed") if event is not None else None
    if type(sealed) is not dict:
        return False
    try:
        leaf = leaf_hash(commitment(origin, one.event, one.path, bytes.fromhex(one.r), one.value))
    except ValueError:
        return False
    return folded(leaf, one.way).hex() == sealed.get("root")


class Disclosed:
    """What a bundle shows and withholds, checked."""

    def __init__(self, contents: Contents, findings: Findings, origin: str) -> None:
        self._contents, self._findings, self._origin = contents, findings, origin
        self._events = {one.claimed: one for one in contents.shipped}
        self.openings: List[Opening] = []
        """The fields that are shown, whether or not they are what was committed to."""
        self._proved: Dict[Tuple[str, str], str] = {}

    def check(self) -> None:
        """Steps 11 and 10: openings, attachments, redactions."""
        value = self._contents.json(OPENINGS, "opening_malformed", texts=True)
        if value is not None:
            try:
                self.openings = parse_openings(value)
            except ValueError:
                self._findings.add("opening_malformed", file=OPENINGS)
        for one in self.openings:
            shipped = self._events.get(one.event)
            if _fits(self._origin, shipped.event if shipped else None, one):
                self._proved[one.event, one.path] = one.value
            else:
                self._findings.add("opening_differs", event=one.event)
        self._check_attachments()
        self._check_redactions()

    def _check_attachments(self) -> None:
        """Step 11: the files are those named, and those that events committed to."""
        rows = self._contents.attached
        numbers = [int(row["file"][6:].partition(".")[0]) for row in rows]
        if numbers != list(range(1, len(rows) + 1)):
            self._findings.add("file_malformed", file=ATTACHMENTS)
        for row in rows:
            name = ATTACHED + row["file"]
            data = self._contents.files.get(name)
            if data is None:
                self._findings.add("attachment_missing", file=name)
                continue
            actual = sha256(data).hexdigest()
            if actual != row["sha256"]:
                self._findings.add(
                    "attachment_differs", file=name, expected=row["sha256"], actual=actual
                )
            elif not self._belongs(row):
                self._findings.add("attachment_differs", file=name, event=row["event"])

    def _belongs(self, row: Dict[str, str]) -> bool:
        """Whether an attachment is of an event that is shown, and as it committed to it."""
        shipped = self._events.get(row["event"])
        if shipped is None or shipped.event is None or "sealed" not in shipped.event.fields:
            return False
        if row["path"] != CONTENT:
            return False
        proved = self._proved.get((row["event"], row["path"]))
        return row["kind"] != "clear" or proved == row["sha256"]

    def _check_redactions(self) -> None:
        """Step 10: redactions.json says what is withheld, and that may be withheld."""
        for one in self._contents.shipped:
            if one.raw is None and one.claimed.partition("-")[0] in NEVER_WITHHELD:
                self._findings.add("redactions_differ", event=one.claimed)
        rows = self._contents.json(REDACTIONS)
        if rows is None:
            return
        if type(rows) is not list or not all(map(_is_redaction, rows)):
            self._findings.add("file_malformed", file=REDACTIONS)
            return
        expected = [_withheld(one) for one in self._contents.shipped]
        wanted = [(event, what) for event, what in expected if what]
        reasons = {one.claimed: one.reason for one in self._contents.shipped if one.raw is None}
        if [(row["event"], row["what"]) for row in rows] != wanted or not all(
            row["what"] == "fields" or row["reason"] == reasons[row["event"]] for row in rows
        ):
            self._findings.add("redactions_differ", file=REDACTIONS)

    def selection(self) -> str:
        """The digest, in hex, of what is shown and withheld (module docstring)."""
        withheld = [[one.claimed, one.reason] for one in self._contents.shipped if one.raw is None]
        rows = self._contents.attached
        shown = {
            "attachments": sorted(
                [row["event"], row["path"], row["kind"], row.get("reason", "")] for row in rows
            ),
            "openings": sorted([one.event, one.path] for one in self.openings),
            "redactions": sorted(withheld),
        }
        return sha256(format_file(shown)).hexdigest()

    def is_as_recorded(self, scope: Scope, bundle: str) -> bool:
        """Step 10: whether the export's stream, which gives the bundle its name, tells of this.

        Everything in it must be genuine so far (module docstring). `bundle`: the name of the bag.
        """
        stream = scope.export.partition("/")[0]
        told = [one for one in self._contents.shipped if one.stream == stream]
        events = [one.event for one in told if one.sound and one.event is not None]
        if bundle != stream or len(events) < max(2, len(told)) or told[-1].claimed != scope.export:
            return False
        request, *approvals, export = events
        types = ["bundle.requested", *["bundle.approved"] * len(approvals), "bundle.exported"]
        selection = self.selection()
        said = {"kind": scope.kind, "object": scope.id, "begins": scope.begins,
                "ends": scope.ends, "selection": selection}  # fmt: skip
        counts = self._counts()
        return (
            [event.type for event in events] == types
            and all(e.fields.get(n, "") == said[n] for e in (request, export) for n in said)
            and all(event.fields.get("selection") == selection for event in approvals)
            and all(_is_count(request.fields.get(n), counts[n]) for n in counts)
            and (
                not counts["opened"] + counts["attached"]
                or any(event.by != request.by for event in approvals)
            )
        )

    def _counts(self) -> Dict[str, int]:
        return {
            "opened": len(self.openings),
            "attached": len(self._contents.attached),
            "withheld": sum(one.raw is None for one in self._contents.shipped),
        }


def _is_count(value: Json, count: int) -> bool:
    return type(value) is int and value == count


def _withheld(one: Shipped) -> Tuple[str, str]:
    """What of an event is withheld: `event`, `fields` or nothing."""
    if one.raw is None:
        return one.claimed, "event"
    return one.claimed, "fields" if one.read and "sealed" in one.read.fields else ""


def _is_redaction(row: Json) -> bool:
    return (
        type(row) is dict
        and set(row) == {"event", "reason", "what"}
        and type(row["event"]) is str
        and row["reason"] in REASONS
        and row["what"] in ("event", "fields")
    )
