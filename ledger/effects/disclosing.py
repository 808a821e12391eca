"""Fields of an event disclosed: permitted, recorded as an access, then written to a file.

To show a field is to give out something of a record, so it is an access like any other: it needs a
grant for the mode `export` and a purpose, a refusal goes into the register, and what is recorded
holds the digest of the very file (I-15). The file is `ledger.disclosure`'s. Whoever has it keeps
the text when the ledger has long erased it: an opening counts as a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET

from domain.access import RecordAccessed
from domain.copies import HoldingState, record_in
from domain.values import Event
from ledger.acting import Acting
from ledger.acts import texts
from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.disclosure import OpeningFile, sole_signature, sorted_fields, verify_opening
from ledger.effects.handing_out import Asked, check_out, permit
from ledger.errors import MunimentError, UsageError, VerificationError
from ledger.eventproof import Prover
from ledger.folder import write_atomically
from ledger.recorder import Receipt
from ledger.sealing import Payload, open_payload, opening
from ledger.signing import Proposal

MODE = "export"


class Disclosed(NamedTuple):
    """What was recorded and written: the event whose fields they are, and the file's digest."""

    receipt: Receipt
    event: str
    record: str
    digest: str
    size: int


def disclose(
    ledger: Ledger,
    acting: Acting,
    event_id: str,
    paths: Sequence[str],
    asked: Asked,
    out: Path,
    *,
    grant: str | None = None,
) -> Disclosed:
    """Write an opening of these fields of an event to a new file, and record it first.

    `ledger`: open for writing; a checkpoint over the present state is signed if there is none.
    Raises `DeniedError` when a rule denies it, with the denial recorded; `UsageError` for an event
    or a field that cannot be disclosed, with nothing recorded.
    """
    position, event, raw = _event(ledger, event_id)
    record = record_of(ledger, event.stream)
    if record is None:
        raise UsageError(
            "only fields of a record's own events, or of the copy of one record, are disclosed; "
            "nothing was recorded",
            "muniment history RECORD",
        )
    check_out(ledger, out)
    fields = permit(ledger, acting, record, asked, grant)
    data = _opening_file(ledger, position, event, raw, paths)
    said = Proposal(RecordAccessed, record, fields)
    return hand_over(ledger, acting, said, event.id, data, asked, out)


def hand_over(
    ledger: Ledger,
    acting: Acting,
    said: Proposal,
    event_id: str,
    data: bytes,
    asked: Asked,
    out: Path,
) -> Disclosed:
    """Record an access with the digest of the file that shows it, then write the file.

    `said`: the access as `permit` permitted it; `event_id`: the event of which something is shown.
    Raises `MunimentError` if the file cannot be written: the access stands then.
    """
    digest = sha256(data).hexdigest()
    sealed = texts(content=digest, ticket=asked.ticket, reason=asked.reason)
    receipt = ledger.act(acting, [said._replace(sealed=sealed)], **asked.envelope)
    try:
        write_atomically(out, data)
    except OSError as error:
        raise MunimentError(
            "the content could not be written ({cause}); {event} stands, and no file was made",
            "make room and access it again",
            cause=error.strerror, event=receipt.events[0].id,
        ) from None  # fmt: skip
    return Disclosed(receipt, event_id, said.stream, digest, len(data))


def opening_of(ledger: Ledger, event_id: str, paths: Sequence[str]) -> bytes:
    """The bytes of an opening file, for an act that records the access itself.

    Raises `UsageError` for an event or a field that cannot be disclosed.
    """
    return _opening_file(ledger, *_event(ledger, event_id), paths)


def _event(ledger: Ledger, event_id: str) -> tuple[int, Event, bytes]:
    stream, _, version = event_id.rpartition("/")
    for position, _accepted, event, raw in ledger.events_of(stream) if stream else []:
        if str(event.version) == version:
            return position, event, raw
    raise UsageError("there is no event of this id; nothing was recorded",
                     "muniment history RECORD")  # fmt: skip


def record_of(ledger: Ledger, stream: str) -> str | None:
    """The record that a stream's events are about: itself, or the only one in the copy that it is.

    None for the stream of anything else.
    """
    if stream.startswith("record-"):
        return stream
    with as_judged_now(ledger) as case:
        copy = case.world.state(stream, HoldingState)
        found = record_in(case, copy) if copy is not None else None
    return found.stream if found is not None else None


def _opening_file(
    ledger: Ledger, position: int, event: Event, raw: bytes, paths: Sequence[str]
) -> bytes:
    """The bytes of the file, which verify with the ledger's own key."""
    payload = _payload(ledger, position, event)
    unknown = [path for path in paths if path not in payload.fields]
    if unknown or not paths:
        raise UsageError("the event has no sealed field of this path; nothing was recorded",
                         "muniment show EVENT")  # fmt: skip
    openings = [
        (opening(ledger.origin, event.id, payload.fields, payload.seed, path), len(payload.fields))
        for path in dict.fromkeys(paths)
    ]
    key = ledger.folder.pinned_key()
    checkpoint = sole_signature(ledger.sign_checkpoint(), key)
    with ledger.engine.connect() as connection:
        proof = Prover(connection, checkpoint).prove(event.id)
    data = OpeningFile(
        accepted=proof.entry.accepted,
        event=raw.decode("ascii"),
        event_proof=proof.in_commit.format().decode("utf-8"),
        entry_proof=proof.in_ledger.format().decode("utf-8"),
        fields=tuple(sorted_fields(openings)),
    ).format()
    if not verify_opening(data, key).valid:
        raise VerificationError(
            "the evidence of this ledger does not verify; nothing was recorded", "muniment verify"
        )
    return data


def _payload(ledger: Ledger, position: int, event: Event) -> Payload:
    if not event.sealed:
        raise UsageError("the event has no sealed fields; nothing was recorded")
    if event.sealed.digest is UNSET:
        raise UsageError(
            "the row's digest is sealed under its table's seed, not by itself; nothing was "
            "recorded",
            "muniment access record RECORD",
        )
    with ledger.engine.connect() as connection:
        ciphertext = connection.exec_driver_sql(
            "SELECT ciphertext FROM sealed WHERE position = ?", (position,)
        ).scalar()
    if ciphertext is None or ledger.keystore.state(event.sealed.key) != "present":
        raise UsageError("the event's texts were erased; nothing was recorded")
    key = ledger.keystore.key(event.sealed.key)
    return open_payload(ledger.origin, event.id, event.sealed, bytes(ciphertext), key)
