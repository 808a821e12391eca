r"""What a bundle shows beyond events: opened fields, attached files, and what is left out.

    openings.json     [{"event", "fields": [{"path", "r", "value", "way"} …]} …], by event and path;
                      fields as in `ledger.disclosure`; characters beyond ASCII as \uXXXX
    attachments.json  [{"event", "file", "kind", "path", "sha256"} …], by number of the file:
                      `path` names the sealed field with the digest of the content. `clear`: that
                      field is opened, and is the file's digest; `redacted`, `sealed`: `sha256` is
                      the file's own, and "reason" says why the content does not go in clear
    redactions.json   [{"event", "reason", "what"} …] in order of places: `event` for one of which
                      only the leaf hash is there, `fields` for one with a sealed payload
    files/<n>.<ext>   the attached files, from 1

A field is opened from the sealed payload, so it is the text that the event committed to, or nothing
is exported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, to_builtins

from domain.codes import ENUMERATIONS
from ledger.bundle.gathering import Gathered, Shipped, not_genuine, rows
from ledger.bundle.order import Attachment, Selection, canonical_json
from ledger.disclosure import Shown, sorted_fields
from ledger.errors import UsageError
from ledger.offline.disclosed import CONTENT, NEVER_WITHHELD
from ledger.sealing import Payload, open_payload, opening

if TYPE_CHECKING:
    from ledger.application import Ledger

FOLDER: Final = "data/30_附件"
_EXTENSION: Final = re.compile("[a-z0-9]{1,8}")
_ATTACHED: Final = ("clear", "redacted", "sealed")


def withheld(gathered: Gathered, selection: Selection) -> dict[int, str]:
    """Of which events only the leaf hash goes, by position, and why.

    Raises `UsageError` for an event that is not about the bundle's object, or stands where keys,
    roles, the policy, a deal or the export itself are proved; and for a reason that is no code.
    """
    own = {gathered.events[position].event.id: position for position in gathered.own}
    _check_reasons({*dict(selection.redactions).values(), selection.because})
    for event_id, _ in selection.redactions:
        if event_id not in own or event_id.partition("-")[0] in NEVER_WITHHELD:
            raise UsageError(
                "event {event} cannot be withheld: it is not one that this evidence is about, or "
                "it proves keys, roles or the export; nothing was exported",
                event=event_id,
            )  # fmt: skip
    left_out = {own[event_id]: reason for event_id, reason in selection.redactions}
    if len(left_out) < len(selection.redactions):
        raise UsageError("an event is withheld for one reason; nothing was exported")
    return left_out


def _check_reasons(reasons: Iterable[str]) -> None:
    if not set(reasons) <= set(ENUMERATIONS["RedactionReason"].codes):
        raise UsageError("there is no such reason to withhold; nothing was exported")


class Opened:
    """The fields that a selection opens: by event id, as the file has them."""

    def __init__(
        self, ledger: Ledger, gathered: Gathered, left_out: Mapping[int, str], selection: Selection
    ) -> None:
        """Raises `UsageError` for what is not in the bundle, or was erased."""
        self._known = {
            one.event.id: one for one in gathered.in_order() if one.position not in left_out
        }
        wanted: dict[str, list[str]] = {}
        for event_id, path in sorted(set(selection.openings)):
            wanted.setdefault(event_id, []).append(path)
        found = [self.sealed(event_id) for event_id in wanted]
        ciphertexts = _ciphertexts(gathered, found)
        self.fields: dict[str, Sequence[Shown]] = {
            one.event.id: _opened(ledger, one, ciphertexts, wanted[one.event.id]) for one in found
        }

    def sealed(self, event_id: str) -> Shipped:
        """An event that is shown and has sealed fields. Raises `UsageError`."""
        one = self._known.get(event_id)
        if one is None or not one.event.sealed:
            raise UsageError(
                "event {event} is not in this evidence or has no sealed fields, so nothing of it "
                "is shown; nothing was exported",
                "muniment show EVENT",
                event=event_id,
            )  # fmt: skip
        return one

    def value(self, event_id: str, path: str) -> str | None:
        """The text of a field that is opened."""
        fields = self.fields.get(event_id, ())
        return next((field.value for field in fields if field.path == path), None)

    def file(self) -> bytes:
        """`openings.json`."""
        return canonical_json([
            {"event": event_id, "fields": to_builtins(list(fields))}
            for event_id, fields in sorted(self.fields.items())
        ])  # fmt: skip


def _ciphertexts(gathered: Gathered, shipped: Sequence[Shipped]) -> dict[int, bytes]:
    sql = "SELECT position, ciphertext FROM sealed WHERE position IN ({})"
    found = rows(gathered.connection, sql, (one.position for one in shipped))
    return {position: bytes(ciphertext) for position, ciphertext in found}


def _opened(
    ledger: Ledger, one: Shipped, ciphertexts: Mapping[int, bytes], paths: Sequence[str]
) -> Sequence[Shown]:
    payload = _payload(ledger, one, ciphertexts.get(one.position))
    if payload is None or not payload.fields.keys() >= set(paths):
        raise UsageError(
            "event {event} has no such sealed field, or its texts were erased; nothing was "
            "exported",
            "muniment show EVENT",
            event=one.event.id,
        )  # fmt: skip
    fields, seed = payload.fields, payload.seed
    openings = (opening(ledger.origin, one.event.id, fields, seed, path) for path in paths)
    return sorted_fields((shown, len(fields)) for shown in openings)


def _payload(ledger: Ledger, one: Shipped, ciphertext: bytes | None) -> Payload | None:
    sealed = one.event.sealed
    if not sealed or sealed.digest is UNSET or ciphertext is None:
        return None
    if ledger.keystore.state(sealed.key) != "present":
        return None
    key = ledger.keystore.key(sealed.key)
    return open_payload(ledger.origin, one.event.id, sealed, ciphertext, key)


def attached(attachments: Sequence[Attachment], opened: Opened) -> dict[str, bytes]:
    """`attachments.json` and the files, by path inside the bag.

    Raises `UsageError` for one that the bundle cannot hold, `VerificationError` for a content that
    is not the one its field names.
    """
    files: dict[str, bytes] = {}
    listed: list[dict[str, Any]] = []
    for number, one in enumerate(sorted(attachments, key=_by_place), 1):
        if _EXTENSION.fullmatch(one.ext) is None or one.kind not in _ATTACHED:
            raise UsageError("an attachment has an extension or kind that no bundle holds")
        if one.path != CONTENT:
            raise UsageError("a file is attached to the field of a content and to no other")
        _check_reason(one)
        opened.sealed(one.event)
        digest = sha256(one.data).hexdigest()
        if one.kind == "clear" and opened.value(one.event, one.path) != digest:
            raise not_genuine()
        name = f"files/{number}.{one.ext}"
        files[f"{FOLDER}/{name}"] = one.data
        why = {"reason": one.reason} if one.reason else {}
        listed.append({"event": one.event, "file": name, "kind": one.kind, "path": one.path,
                       "sha256": digest, **why})  # fmt: skip
    return {f"{FOLDER}/attachments.json": canonical_json(listed), **files}


def _check_reason(one: Attachment) -> None:
    """What goes in clear needs no reason; what does not needs one that there is."""
    if one.kind != "clear":
        _check_reasons({one.reason})
    elif one.reason:
        raise UsageError("a file in clear is not withheld for a reason; nothing was exported")


def _by_place(one: Attachment) -> tuple[str, str, str, bytes]:
    return one.event, one.path, one.kind, sha256(one.data).digest()


def redactions(gathered: Gathered, left_out: Mapping[int, str], because: str) -> bytes:
    """`redactions.json`. `because`: why fields are kept back that were not erased."""
    shipped = gathered.in_order()
    sealed = [one for one in shipped if one.event.sealed and one.position not in left_out]
    there = _still_there(gathered, sealed)
    found = []
    for one in shipped:
        if one.position in left_out:
            found.append((one, left_out[one.position], "event"))
        elif one.event.sealed:
            gone = one.event.sealed.digest is not UNSET and one.position not in there
            found.append((one, "erased" if gone else because, "fields"))
    return canonical_json(
        [{"event": one.event.id, "reason": reason, "what": what} for one, reason, what in found]
    )


def _still_there(gathered: Gathered, shipped: Sequence[Shipped]) -> set[int]:
    sql = "SELECT position FROM sealed WHERE position IN ({})"
    return {row[0] for row in rows(gathered.connection, sql, (one.position for one in shipped))}
