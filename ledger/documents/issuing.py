"""Documents issued from a ledger, and printed again: the same bytes, as long as they can be made.

The twin follows from the ledger as of the entry of the event that the document speaks of, from the
number and the nonce, and from nothing else; the pages follow from the twin. So a document is not
kept: whoever has the ledger and its keystore prints it again. A document about a case that went on
since is replaced by one that says how; one about a closed deal is issued under the routine
engagement.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.document import (
    ISSUERS,
    MAX_A_DAY,
    OF_ONE_EVENT,
    CertificateIssued,
    CertificateSuperseded,
    document_stream,
    number_of,
)
from ledger.documents.container import attach_receipt
from ledger.documents.names import opened
from ledger.documents.pages import TEMPLATE_VERSION, render
from ledger.documents.receipt import make_receipt
from ledger.documents.saying import beside, said_of
from ledger.documents.sources import Source, events_of, find, source_of
from ledger.documents.twin import FORMAT, canonical
from ledger.documents.words import TITLES
from ledger.errors import UsageError
from ledger.schema import CHECKPOINTS
from ledger.signing import Proposal, now
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from ledger.tree import StoredTree
from projections import documents
from projections.documents import Document

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.recorder import Receipt

LOCALE: Final = "zh_en"
_GOES_ON: Final = ("handover_list", "handover_confirmation")
"""Kinds about cases that may go on: a new version of the list, what the seller says it keeps."""
_WENT_ON: Final = "依据事件已有后续 the case went on"
"""Why a document about a case is replaced by one that says how it went on."""
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
    source = find(ledger, kind, subject)
    with ledger.engine.connect() as connection:
        known = documents.about(connection, kind, source.stream)
        standing = [d for d in known if d.superseded_entry is None and _same(d, source)]
    current = [d for d in standing if kind not in _GOES_ON or d.version == source.version]
    if current and anew is None:
        return reprint(ledger, current[-1].number)
    anew = anew or _WENT_ON
    number = _next_number(ledger, kind, source.accepted)
    nonce = secrets.token_hex(32)
    head = Checkpoint.parse(Note.parse(ledger.sign_checkpoint()).text)
    options["engagement"] = options.get("engagement") or _engagement(ledger, source)
    options["role"] = options.get("role") or _role(acting, kind, options["engagement"])
    fields = {
        "kind": kind, "number": number, "source": source.event, "issued_at": source.accepted,
        "checkpoint": head.size, "template_version": TEMPLATE_VERSION, "locale": LOCALE,
    }  # fmt: skip
    twin = _twin(ledger, fields, source, (acting.actor, options["engagement"], nonce))
    pages = render(twin)
    fields |= {"twin": sha256(twin).hexdigest(), "pdf": sha256(pages).hexdigest()}
    stream = document_stream(number)
    said = [Proposal(CertificateIssued, stream, fields, {"nonce": nonce})]
    said += [
        Proposal(CertificateSuperseded, old.document, {"replaced_by": stream}, {"reason": anew})
        for old in standing
        if _party(ledger, old.issuer) == acting.state.party
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
    options["engagement"] = options.get("engagement") or ledger.routine()
    options["role"] = options.get("role") or _role(acting, row.kind, options["engagement"])
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


# -- parts --------------------------------------------------------------------------------------


def _same(document: Document, source: Source) -> bool:
    """Whether a document is about the same: a whole case, or one drill or review."""
    return document.kind not in OF_ONE_EVENT or document.version == source.version


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
    ledger: Ledger, fields: Mapping[str, Any], source: Source, whose: tuple[str, str, str]
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
            {"actor": actor, "keys": sorted(keys), **_named(ledger, kind, actor)}
            for actor, keys in sorted(signers.items())
        ],
        **beside(ledger, kind, source), "said": said_of(ledger, kind, source),
    })  # fmt: skip


def _signers(connection: Connection, origin: str, source: Source) -> dict[str, set[str]]:
    """Everybody who signed one of the events, or is named in it, with the keys used."""
    prefix = f"{origin}/a/"
    found: dict[str, set[str]] = {}
    for placed in events_of(connection, source.stream, source.version):
        for signer in placed.commit.note.signers:
            if signer.name.startswith(prefix):
                actor = signer.name.removeprefix(prefix)
                found.setdefault(actor, set()).add(signer.key_id.hex())
        for name in ("witnesses", "participants"):
            for actor in getattr(placed.event, name, ()):
                found.setdefault(actor, set())
    return found


def _named(ledger: Ledger, kind: str, actor: str) -> dict[str, str | None]:
    """Who an actor is, as far as a document of this kind says so and it can be opened."""
    if kind in _WITHOUT_NAMES:
        return {}
    known = opened(ledger, actor)
    if kind in _WITH_POSITIONS:
        return {"name": known.get("name"), "position": known.get("position")}
    return {"name": known.get("name")}


_WITHOUT_NAMES: Final = ("transfer_notice", "access_review")
"""What strangers read, and what speaks of people who are not parties to it."""
_WITH_POSITIONS: Final = ("handover_list", "handover_confirmation", "closing_report")


def _party(ledger: Ledger, actor: str) -> str:
    """Whom an actor acts for: nobody replaces what another party has issued."""
    return getattr(ledger.state(actor), "party", "")


def _engagement(ledger: Ledger, source: Source) -> str:
    """Under which engagement a document is issued: that of what it is about, while it is open."""
    with ledger.engine.connect() as connection:
        first = next(iter(events_of(connection, source.stream, 1)))
    state = ledger.state(first.event.engagement)
    return first.event.engagement if getattr(state, "open", False) else ledger.routine()


def _role(acting: Acting, kind: str, engagement: str) -> str | None:
    """The first role held in which a document of this kind is issued; None: the rules will say."""
    at = now()
    held = [g.role for g in acting.state.roles if acting.state.holds(g.role, engagement, at)]
    return next((role for role in held if role in ISSUERS[kind]), None)


def _printed(ledger: Ledger, stream: str, number: str, source: Source, pages: bytes) -> Printed:
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
