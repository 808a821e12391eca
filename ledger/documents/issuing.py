"""Documents issued from a ledger, and printed again: the same bytes, as long as they can be made.

The twin follows from the ledger as of the entry of the event that the document speaks of, from the
number and the nonce, and from nothing else; the pages follow from the twin. So a document is not
kept: whoever has the ledger and its keystore prints it again. `said` holds ids, codes, counts,
digests and times; any other text that somebody typed in stays out (`_plain`), whoever makes it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.backup import RestoreDrillPerformed
from domain.document import (
    MAX_A_DAY,
    CertificateIssued,
    CertificateSuperseded,
    document_stream,
    number_of,
)
from domain.privacy import looks_personal
from ledger.documents.container import attach_receipt
from ledger.documents.pages import TEMPLATE_VERSION, render
from ledger.documents.receipt import make_receipt
from ledger.documents.twin import FORMAT, canonical
from ledger.documents.words import TITLES
from ledger.errors import KeyAccessError, UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.schema import CHECKPOINTS
from ledger.signing import Proposal
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.note import Note
from ledger.tree import StoredTree
from projections import custody, documents, inventory
from projections.documents import Document
from projections.view import fetch, id_of, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from domain.values import Event
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.recorder import Receipt

LOCALE: Final = "zh_en"
_TEXTS: Final = ("claim", "not_claimed")
"""Members of `said` that are texts of the program, not of a person."""
_SEALED: Final = ("scenario",)
"""Members that a person typed in; they stay sealed, even where they look like codes."""
_CODE: Final = re.compile(r"[A-Za-z0-9_.:/+=-]{1,128}")
_UNMADE: Final = "issue it anew: muniment document issue KIND SUBJECT --anew"


class Printed(NamedTuple):
    """A document as a file. `receipt`: of the commit that issued it, None if it was printed again.

    `pages`: how many bytes of `data` are the pages, before proofs and signatures.
    """

    number: str
    document: str
    data: bytes
    pages: int
    receipt: Receipt | None


class _Source(NamedTuple):
    """The event that a document closes with, its entry, and when that was accepted."""

    stream: str
    version: int
    entry: int
    accepted: str

    @property
    def event(self) -> str:
        return f"{self.stream}/{self.version}"


def issue(
    ledger: Ledger,
    acting: Acting,
    kind: str,
    subject: str,
    *,
    anew: str | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Printed:
    """Issue a document about a case or a drill, or print the one that stands.

    `ledger`: open for writing; `subject`: a destruction case, or the event of a drill; `anew`: the
    reason for which the one that stands is replaced. The ledger's state is signed before and after.
    Raises `UsageError` for a case that has not come so far, `RefusedError` where a rule forbids it.
    """
    source = _source(ledger, kind, subject)
    with ledger.engine.connect() as connection:
        known = documents.about(connection, kind, source.stream)
        standing = [d for d in known if d.superseded_entry is None and _same(d, source)]
    if standing and anew is None:
        return reprint(ledger, standing[-1].number)
    number = _next_number(ledger, kind, source.accepted)
    nonce = secrets.token_hex(32)
    head = Checkpoint.parse(Note.parse(ledger.sign_checkpoint()).text)
    engagement = options.get("engagement") or ledger.routine()
    fields = {
        "kind": kind, "number": number, "source": source.event, "issued_at": source.accepted,
        "checkpoint": head.size, "template_version": TEMPLATE_VERSION, "locale": LOCALE,
    }  # fmt: skip
    twin = _twin(ledger, fields, source, (acting.actor, engagement, nonce))
    pages = render(twin)
    fields |= {"twin": sha256(twin).hexdigest(), "pdf": sha256(pages).hexdigest()}
    stream = document_stream(number)
    said = [Proposal(CertificateIssued, stream, fields, {"nonce": nonce})]
    said += [
        Proposal(CertificateSuperseded, old.document, {"replaced_by": stream}, {"reason": anew})
        for old in standing
        if anew
    ]
    receipt = ledger.act(acting, said, **options)
    ledger.sign_checkpoint()
    return _printed(ledger, stream, number, source, pages)._replace(receipt=receipt)


def withdraw(
    ledger: Ledger,
    acting: Acting,
    number: str,
    reason: str,
    **options: Any,  # noqa: ANN401
) -> Receipt:
    """作废: the document stands no more, and nothing replaces it."""
    row = _row(ledger, number)
    said = [Proposal(CertificateSuperseded, row.document, {}, {"reason": reason})]
    return ledger.act(acting, said, **options)


def reprint(ledger: Ledger, number: str) -> Printed:
    """The file of a document that was issued, made again.

    Raises `UsageError` if this version makes other pages or another twin, or if a name in it was
    erased since; `KeyAccessError` without the ledger's passphrase.
    """
    row = _row(ledger, number)
    ((position, _, event, _), *_) = ledger.events_of(row.document)
    sealed = ledger.unseal(position, event)
    if not isinstance(event, CertificateIssued) or sealed is None:
        raise UsageError("the document's nonce was erased; it cannot be made again", _UNMADE)
    source = source_of(ledger, row.subject, row.version)
    fields = {name: getattr(event, name) for name in _OF_THE_EVENT}
    twin = _twin(ledger, fields, source, (event.by, event.engagement, sealed["nonce"]))
    if sha256(twin).hexdigest() != event.twin:
        raise UsageError("this program, or what is left of the names, makes another text", _UNMADE)
    pages = render(twin)
    if sha256(pages).hexdigest() != event.pdf:
        raise UsageError("this program makes other pages of the same text", _UNMADE)
    return _printed(ledger, row.document, number, source, pages)


_OF_THE_EVENT: Final = (
    "kind", "number", "source", "issued_at", "checkpoint", "template_version", "locale",
)  # fmt: skip


def said_of(ledger: Ledger, kind: str, source: str, entry: int) -> dict[str, Any]:
    """What the events up to `source` say, as of its entry: the body of the twin."""
    if kind == "restore_drill_report":
        from ledger.effects.drilling import drill_report

        return dict(_plain(drill_report(ledger, source)))
    from ledger.effects.certifying import certificate

    said = certificate(ledger, source.rpartition("/")[0], entry)
    if said is None:
        raise VerificationError("the case is not in its register", "muniment rebuild --check")
    if kind == "destruction_list":
        listed = [{**_listed(item), **_kept(ledger, item, entry)} for item in said["items"]]
        said = {**{name: said[name] for name in _OF_A_LIST}, "items": listed}
    return dict(_plain(said))


_OF_A_LIST: Final = (
    "case", "ground", "method", "technique", "root", "count", "appraisal", "proposed", "appraised",
    "approved",
)  # fmt: skip


def _listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """What a list says of a copy; what became of it is not the list's."""
    return {name: value for name, value in item.items() if name not in _OUTCOMES}


_OUTCOMES: Final = ("outcome", "verified", "taken_off")


def _kept(ledger: Ledger, item: Mapping[str, Any], entry: int) -> dict[str, Any]:
    """What a list says besides of what is in a copy: category, and until when it is kept.

    Of one record; of several only how many there are.
    """
    with ledger.engine.connect() as connection:
        records = custody.records_of(connection, key_of(item["holding"]))
        if len(records) != 1:
            return {"records": len(records)}
        record = id_of("record", records[0])
        row = inventory.one(connection, record, entry=entry)
    kept = {"category": row.category, "min_until": row.min_until} if row is not None else {}
    return {"record": record, **kept}


def _plain(value: Any, name: str = "") -> Any:  # noqa: ANN401  any JSON value
    """A value without texts that somebody may have typed in, and without what is not there."""
    if name in _TEXTS:
        return value
    if isinstance(value, dict):
        kept = {key: _plain(part, key) for key, part in value.items() if key not in _SEALED}
        return {key: part for key, part in kept.items() if part is not None}
    if isinstance(value, list | tuple):
        return [part for part in map(_plain, value) if part not in (None, {})]
    if isinstance(value, str):
        fits = _CODE.fullmatch(value) and not looks_personal(value)
        return value if fits else None
    return value


# -- parts --------------------------------------------------------------------------------------


def _source(ledger: Ledger, kind: str, subject: str) -> _Source:
    """The event that a document about this closes with."""
    if kind == "restore_drill_report":
        return _drill(ledger, subject)
    from ledger.effects.certifying import certificate

    said = certificate(ledger, subject) or {}
    if kind == "destruction_list":
        steps = said.get("approved") or []
        step = steps[-1] if steps else None
    else:
        step = said.get("certified")
    if step is None:
        msg = "the case has not come so far; there is nothing to issue"
        raise UsageError(msg, "muniment destroy show CASE")
    stream, _, version = step["event"].rpartition("/")
    return source_of(ledger, stream, int(version))


def _drill(ledger: Ledger, subject: str) -> _Source:
    """A drill by the id of its event; by that of a backup, its last drill."""
    backup, _, named = subject.partition("/")
    found = [
        event.version
        for _, _, event, _ in (ledger.events_of(backup) if backup.startswith("backup-") else ())
        if isinstance(event, RestoreDrillPerformed) and named in ("", str(event.version))
    ]
    if not found:
        raise UsageError("there is no restore drill of this id", "muniment backup list")
    return source_of(ledger, backup, found[-1])


def source_of(ledger: Ledger, stream: str, version: int) -> _Source:
    """Where an event stands. Raises `UsageError` if there is none."""
    with ledger.engine.connect() as connection:
        for _, entry, accepted, event, _ in _events(connection, stream, version):
            if event.version == version:
                return _Source(stream, version, entry, accepted)
    raise UsageError("there is no such event", "muniment destroy list")


def _events(
    connection: Connection, stream: str, version: int
) -> Iterator[tuple[int, int, str, Event, Entry]]:
    """The events of a stream up to a version: position, entry, accepted, event, its entry."""
    sql = (
        "SELECT e.position, e.entry, e.state, c.data FROM events e JOIN commits c "
        "ON c.entry = e.entry WHERE e.stream = {} ORDER BY e.version"
    )
    rows = fetch(connection, marked(connection, sql), (key_of(stream),))
    for position, index, state, data in rows[:version]:
        entry = Entry.parse(bytes(data))
        yield position, index, entry.accepted, decode_event(bytes(state)), entry


def _same(document: Document, source: _Source) -> bool:
    """Whether a document is about the same: a whole case, or one drill."""
    return document.kind != "restore_drill_report" or document.version == source.version


def _next_number(ledger: Ledger, kind: str, issued_at: str) -> str:
    first = number_of(kind, issued_at, 1)
    with ledger.engine.connect() as connection:
        last = documents.last_of_day(connection, first)
    number = int(last[-4:]) + 1 if last else 1
    if number > MAX_A_DAY:
        raise UsageError("the numbers of that day are used up", "muniment document list")
    return number_of(kind, issued_at, number)


def _row(ledger: Ledger, number: str) -> Document:
    with ledger.engine.connect() as connection:
        row = documents.numbered(connection, number)
    if row is None:
        msg = "there is no document of this number; nothing was changed"
        raise UsageError(msg, "muniment document list")
    return row


def _twin(
    ledger: Ledger, fields: Mapping[str, Any], source: _Source, whose: tuple[str, str, str]
) -> bytes:
    issuer, engagement, nonce = whose
    kind, size = fields["kind"], fields["checkpoint"]
    with ledger.engine.connect() as connection:
        root = StoredTree(connection).root_at(size)
        signers = _signers(connection, ledger.origin, source)
    signers.setdefault(issuer, set())
    return canonical({
        "format": FORMAT, "kind": kind, "number": fields["number"],
        "title": dict(zip(("zh", "en"), TITLES[kind], strict=True)), "locale": fields["locale"],
        "ledger": {
            "id": ledger.ledger_id, "origin": ledger.origin,
            "key": ledger.folder.pinned_key().format(),
        },
        "engagement": engagement, "issued_at": fields["issued_at"], "issuer": issuer,
        "nonce": nonce, "template": {"id": kind, "version": fields["template_version"]},
        "source": {"stream": source.stream, "event": source.event},
        "checkpoint": {"size": size, "root": root.hex()},
        "signers": [
            {"actor": actor, "keys": sorted(keys), "name": _name(ledger, actor)}
            for actor, keys in sorted(signers.items())
        ],
        "said": said_of(ledger, kind, source.event, source.entry),
    })  # fmt: skip


def _signers(connection: Connection, origin: str, source: _Source) -> dict[str, set[str]]:
    """Everybody who signed one of the events, or is named in it, with the keys used."""
    prefix = f"{origin}/a/"
    found: dict[str, set[str]] = {}
    for _, _, _, event, entry in _events(connection, source.stream, source.version):
        for signer in entry.commit.note.signers:
            if signer.name.startswith(prefix):
                actor = signer.name.removeprefix(prefix)
                found.setdefault(actor, set()).add(signer.key_id.hex())
        for name in ("witnesses", "participants"):
            for actor in getattr(event, name, ()):
                found.setdefault(actor, set())
    return found


def _name(ledger: Ledger, actor: str) -> str | None:
    """The sealed name with which an actor was registered, if it can be opened."""
    try:
        for position, _, event, _ in ledger.events_of(actor)[:1]:
            return (ledger.unseal(position, event) or {}).get("name")
    except KeyAccessError:
        return None
    return None


def _printed(ledger: Ledger, stream: str, number: str, source: _Source, pages: bytes) -> Printed:
    """The pages with the proofs behind them, under the first checkpoint that covers the issue."""
    issued = source_of(ledger, stream, 1).entry
    note = _checkpoint_over(ledger, issued)
    with ledger.engine.connect() as connection:
        receipt = make_receipt(
            connection, (ledger.ledger_id, ledger.origin), note,
            {source.stream: source.version, stream: 1},
        )  # fmt: skip
    return Printed(number, stream, attach_receipt(pages, number, receipt), len(pages), None)


def _checkpoint_over(ledger: Ledger, entry: int) -> bytes:
    """The first signed checkpoint that covers an entry."""
    import sqlalchemy as sa

    query = sa.select(CHECKPOINTS.c.note).where(CHECKPOINTS.c.size > entry)
    with ledger.engine.connect() as connection:
        note = connection.execute(query.order_by(CHECKPOINTS.c.id).limit(1)).scalar()
    if note is None:
        if ledger.writing:
            return ledger.sign_checkpoint()
        raise UsageError("no checkpoint covers this document yet", "muniment checkpoint")
    return bytes(note)
