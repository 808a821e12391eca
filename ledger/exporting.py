"""Evidence handed out, from the request to the file: recorded first, and then written.

What is shown in clear is fixed by the request, which seals it as canonical JSON and commits to it
by the digest in `bundle.requested` (`ledger.bundle.order`); another person approves that digest;
the export repeats it, and the bundle in which it lies is held against it. Opened fields of a record
and files attached to it are an access to the record (I-15): it needs a grant for the mode `export`
and is recorded in the commit of the export. Of what is no record's (the name of a party, an actor,
a deal) the approval is all that is asked. A request that shows nothing in clear is recorded with
its export. An export whose file was lost is written again by whoever made it.

The sealed text, sorted by place:

    {"attachments": [[event, path, kind, reason, SHA-256 of the file] …],
     "openings": [[event, path] …], "recipients": [age recipient …],
     "redactions": [[event, reason] …], "because": reason}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from msgspec import UNSET

from domain.access import RecordAccessed
from domain.bundle import BundleApproved, BundleExported, BundleRequested
from domain.codes import ENUMERATIONS
from ledger.acting import Acting
from ledger.acts import given, texts
from ledger.application import Ledger
from ledger.bundle import NOT_NEEDED, Attachment, Bundle, Order, Selection
from ledger.bundle import check as check_order
from ledger.bundle import export as write_bundle
from ledger.custody import check_permitted
from ledger.effects.disclosing import MODE, record_of
from ledger.effects.handing_out import Asked, Target, new_target, permit
from ledger.errors import MunimentError, UsageError
from ledger.offline.bag import MAX_BYTES, write_zip
from ledger.offline.disclosed import CONTENT
from ledger.offline.findings import Flaw
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids, now


class Scope(NamedTuple):
    """What a bundle is about: `object`, or a period's `begins` and `ends`; the rest is empty."""

    kind: str
    object: str = ""
    begins: str = ""
    ends: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """As the events have them."""
        parts = zip(("object", "begins", "ends"), self[1:], strict=True)
        return {"kind": self.kind, **{name: value for name, value in parts if value}}


class File(NamedTuple):
    """A file to go along: of which event, `clear`, `redacted` or `sealed`, its digest.

    `reason`: why it does not go in clear; empty if it does.
    """

    event: str
    kind: str
    digest: str
    reason: str = ""


class Shown(NamedTuple):
    """What a request shows in clear or leaves out, and for whom sealed files are encrypted.

    `because`: why the sealed fields that are not opened are not.
    """

    openings: tuple[tuple[str, str], ...] = ()
    attachments: tuple[File, ...] = ()
    redactions: tuple[tuple[str, str], ...] = ()
    recipients: tuple[str, ...] = ()
    because: str = NOT_NEEDED

    @property
    def selection(self) -> Selection:
        """As the bundle's events commit to it; without the files' bytes."""
        # A clear file is the content that its field names, so the field is opened with it.
        clear = [(one.event, CONTENT) for one in self.attachments if one.kind == "clear"]
        named = self.attachments
        files = [Attachment(one.event, CONTENT, one.kind, b"", "bin", one.reason) for one in named]
        opened = tuple(sorted({*self.openings, *clear}))
        return Selection(opened, tuple(files), tuple(sorted(self.redactions)), self.because)

    def format(self) -> str:
        """The sealed text; see the module."""
        files = sorted([f.event, CONTENT, f.kind, f.reason, f.digest] for f in self.attachments)
        value = {
            "openings": sorted(map(list, self.openings)), "attachments": files,
            "redactions": sorted(map(list, self.redactions)), "recipients": list(self.recipients),
            "because": self.because,
        }  # fmt: skip
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Shown:
        """Inverse of `format`; raises `UsageError` for text of before files had reasons."""
        value = json.loads(text)
        if any(len(row) != len((*File._fields, CONTENT)) for row in value["attachments"]):
            raise UsageError("the files of this request have no reasons; nothing was recorded",
                             "muniment evidence request")  # fmt: skip
        return cls(
            tuple((event, path) for event, path in value["openings"]),
            tuple(File(at, kind, digest, why) for at, _, kind, why, digest in value["attachments"]),
            tuple((event, reason) for event, reason in value["redactions"]),
            tuple(value["recipients"]),
            value["because"],
        )


class Request(NamedTuple):
    """Who asks for what, what for, and who is to get it.

    `purpose`, `recipient`, `jurisdiction`: codes; `party`, `approval`: ids; `name`, `reason`:
    texts, sealed; `role`, `engagement`: in which the actor says so.
    """

    scope: Scope
    shown: Shown
    purpose: str
    recipient: str
    jurisdiction: str = "cn"
    party: str | None = None
    approval: str | None = None
    name: str | None = None
    reason: str | None = None
    role: str | None = None
    engagement: str | None = None

    @property
    def envelope(self) -> dict[str, Any]:
        """The options of `Ledger.build`."""
        return {"role": self.role, "engagement": self.engagement}


class Exported(NamedTuple):
    """What was recorded and written: the bundle, and the file's size and SHA-256.

    `receipt`: None if nothing was recorded now; `event`: that which says that it was exported.
    """

    receipt: Receipt | None
    event: str
    bundle: Bundle
    size: int
    digest: str


def request(ledger: Ledger, acting: Acting, asked: Request) -> Receipt:
    """Record `bundle.requested`. Raises `RefusedError` naming the rule."""
    _check(ledger, asked)
    bundle = new_ids("bundle")[0]
    selection = asked.shown.selection._replace(attachments=())
    check_order(ledger, acting, Order(bundle, *asked.scope, "", selection, documents=False))
    return ledger.act(acting, [_requested(bundle, asked)], **asked.envelope)


def approve(
    ledger: Ledger, acting: Acting, bundle: str, *, role: str | None, engagement: str | None
) -> Receipt:
    """Record that another person agrees to what a request shows in clear."""
    found = _found(ledger, bundle)
    said = Proposal(BundleApproved, bundle, {"selection": found.event.selection})
    return ledger.act(acting, [said], role=role, engagement=engagement)


def export(
    ledger: Ledger,
    acting: Acting,
    asked: Request | str,
    files: Mapping[tuple[str, str], Path],
    out: Path | BinaryIO,
    *,
    documents: bool = True,
    grant: str | None = None,
    role: str | None = None,
    engagement: str | None = None,
) -> Exported:
    """Record the export, with the accesses that it is, then write the bundle out.

    `out`: a file that does not exist yet, or an open stream; `asked`: a request that was recorded,
    by its bundle, or one that shows nothing in clear and is recorded now; `files`: the attachments
    by event and kind. What was exported already is written again, with nothing recorded but the
    accesses that it is. Raises `DeniedError` when a rule
    denies an access, with the denial recorded; `UsageError` for what cannot be shown, with nothing
    recorded; `MunimentError` if the file cannot be written: the export stands then.
    """
    with new_target(out) as target:
        if isinstance(asked, Request):
            recorded = _record_now(ledger, acting, asked, documents=documents)
        else:
            terms = _Terms(grant, role, engagement, documents)
            recorded = _record(ledger, acting, asked, files, terms)
        return _write(ledger, acting, *recorded, target)


class _Terms(NamedTuple):
    """Under which grant, in which role and for which engagement; and whether with documents."""

    grant: str | None
    role: str | None
    engagement: str | None
    documents: bool


def _record(
    ledger: Ledger,
    acting: Acting,
    bundle: str,
    files: Mapping[tuple[str, str], Path],
    terms: _Terms,
) -> tuple[Receipt | None, Order]:
    """What was requested is exported, or, if it was before, shown again."""
    found = _found(ledger, bundle)
    selection = _with_files(ledger, found.shown, files)
    order = Order(bundle, *found.scope, found.exported, selection, terms.documents)
    check_order(ledger, acting, order)
    # The accesses go with the export, so all of them are said in a role in which one exports.
    role = acting.role_for(BundleExported, terms.role, terms.engagement or ledger.routine(), now())
    purpose = found.event.purpose or ""
    how = Asked(purpose, MODE, ticket=bundle, role=role, engagement=terms.engagement)
    if found.exported:
        _check_again(ledger, acting, found, how)
    said = _accesses(ledger, acting, selection, how, terms.grant)
    if not found.exported:
        said.append(_exported(found.event))
    receipt = ledger.act(acting, said, **how.envelope) if said else None
    if not found.exported and receipt is not None:
        order = order._replace(export=receipt.events[-1].id)
    return receipt, order


def _record_now(
    ledger: Ledger, acting: Acting, asked: Request, *, documents: bool
) -> tuple[Receipt | None, Order]:
    """What shows nothing in clear is requested and exported in one commit."""
    if asked.shown.openings or asked.shown.attachments:
        raise UsageError(
            "what is shown in clear is requested first, and approved by another person; nothing "
            "was recorded",
            "muniment evidence request",
        )
    _check(ledger, asked)
    said = _requested(new_ids("bundle")[0], asked)
    fields = {**asked.scope.fields, "selection": said.fields["selection"]}
    both = [said, Proposal(BundleExported, said.stream, fields)]
    order = Order(said.stream, *asked.scope, "", asked.shown.selection, documents)
    check_order(ledger, acting, order)
    receipt = ledger.act(acting, both, **asked.envelope)
    return receipt, order._replace(export=receipt.events[-1].id)


# -- the request --------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A request as it was recorded. `exported`, `exporter`: the event of its export, and by whom.

    Both are empty before it. `name`, `reason`: as they were sealed.
    """

    event: BundleRequested
    shown: Shown
    exported: str
    exporter: str
    name: str | None
    reason: str | None

    @property
    def scope(self) -> Scope:
        return Scope(*self.event.scope)


def requested(ledger: Ledger, bundle: str) -> Request:
    """A request as it was recorded. Raises `UsageError` if there is none of this id, or no more."""
    found = _found(ledger, bundle)
    event = found.event
    return Request(
        found.scope, found.shown, event.purpose or "", event.recipient, event.jurisdiction,
        event.recipient_party or None, event.approval or None, found.name, found.reason,
        event.role, event.engagement,
    )  # fmt: skip


def _found(ledger: Ledger, bundle: str) -> _Found:
    request: BundleRequested | None = None
    sealed_texts: Mapping[str, str] = {}
    exported = exporter = ""
    for position, _accepted, event, _raw in ledger.events_of(bundle):
        if isinstance(event, BundleRequested):
            sealed = ledger.unseal(position, event) if event.sealed else {}
            if sealed is None:
                raise UsageError("the request's texts were erased; nothing was recorded",
                                 "muniment evidence request")  # fmt: skip
            request, sealed_texts = event, sealed
        elif isinstance(event, BundleExported):
            exported, exporter = event.id, event.by
    if request is None:
        raise UsageError("nobody has requested a bundle of this id; nothing was recorded",
                         "muniment evidence list")  # fmt: skip
    shown = Shown.parse(sealed_texts["selection"]) if "selection" in sealed_texts else Shown()
    said = sealed_texts.get("recipient"), sealed_texts.get("reason")
    return _Found(request, shown, exported, exporter, *said)


def _requested(bundle: str, asked: Request) -> Proposal:
    selection = asked.shown.selection
    fields = {
        **asked.scope.fields, "purpose": asked.purpose, "recipient": asked.recipient,
        "jurisdiction": asked.jurisdiction, "opened": len(selection.openings),
        "attached": len(selection.attachments), "withheld": len(selection.redactions),
        "selection": selection.digest(),
        **given(recipient_party=asked.party, approval=asked.approval),
    }  # fmt: skip
    # Nothing shown is nothing to seal: a plain export needs no data key, nor the keystore opened.
    shown = asked.shown.format() if asked.shown != Shown() else None
    sealed = texts(recipient=asked.name, reason=asked.reason, selection=shown)
    return Proposal(BundleRequested, bundle, fields, sealed)


def _exported(event: BundleRequested) -> Proposal:
    fields = {**Scope(*event.scope).fields, "selection": event.selection}
    return Proposal(BundleExported, event.stream, fields)


def _check(ledger: Ledger, asked: Request) -> None:
    """Every field that is to be opened is there, and no event is named twice to be withheld."""
    shown = asked.shown
    codes = set(ENUMERATIONS["RedactionReason"].codes)
    withheld = [event for event, _ in shown.redactions]
    reasons = {*(reason for _, reason in shown.redactions), shown.because}
    reasons |= {one.reason for one in shown.attachments if one.reason}
    # What an event says is never erased; what it sealed may be, and that is found by itself.
    if not reasons <= codes - {"erased"}:
        raise UsageError("there is no such reason to withhold; nothing was recorded")
    if len(set(withheld)) < len(withheld):
        raise UsageError("an event is withheld for one reason; nothing was recorded")
    for event_id, path in shown.selection.openings:
        if path not in _fields_of(ledger, event_id):
            raise UsageError(
                "event {event} has no sealed field of this path, or its texts were erased; "
                "nothing was recorded",
                "muniment show EVENT",
                event=event_id,
            )
    for one in shown.attachments:
        _check_file(ledger, one)
    if any(one.kind == "sealed" for one in shown.attachments):
        from ledger.effects.keycopying import age_to

        age_to(shown.recipients)


def _fields_of(ledger: Ledger, event_id: str) -> Mapping[str, str]:
    stream, _, version = event_id.rpartition("/")
    for position, _accepted, event, _raw in ledger.events_of(stream) if stream else ():
        if str(event.version) == version and event.sealed:
            return ledger.unseal(position, event) or {}
    return {}


def _check_file(ledger: Ledger, one: File) -> None:
    """What is shown as the content is the content; a redacted version is of one that there is."""
    if (one.kind == "clear") == bool(one.reason):
        raise UsageError("what is redacted or sealed needs a reason, what is in clear has none; "
                         "nothing was recorded", "name it as EVENT:REASON=FILE")  # fmt: skip
    recorded = _fields_of(ledger, one.event).get(CONTENT)
    if recorded is None:
        raise UsageError("event {event} names no content to attach; nothing was recorded",
                         "muniment show EVENT", event=one.event)  # fmt: skip
    if (recorded == one.digest) == (one.kind == "redacted"):
        message = (
            "the file given as redacted is the content itself; nothing was recorded"
            if one.kind == "redacted"
            else "the file is not the content that event {event} names; nothing was recorded"
        )
        raise UsageError(message, event=one.event)


# -- the export ---------------------------------------------------------------------------------


def _with_files(
    ledger: Ledger, shown: Shown, files: Mapping[tuple[str, str], Path]
) -> Selection:  # fmt: skip
    """The selection with the bytes of its attachments, which are those requested."""
    wanted = {(one.event, one.kind): one for one in shown.attachments}
    if wanted.keys() != files.keys():
        raise UsageError("the files attached are those that were requested; nothing was recorded",
                         "muniment evidence list")  # fmt: skip
    found = []
    for place, one in sorted(wanted.items()):
        data = _read(files[place])
        if sha256(data).hexdigest() != one.digest:
            raise UsageError("a file is not the one that was requested; nothing was recorded",
                             "muniment evidence request")  # fmt: skip
        _check_file(ledger, one)
        extension = _extension(files[place])
        if one.kind == "sealed":
            from ledger.effects.keycopying import age_to

            data, extension = age_to(shown.recipients)(data), "age"
        found.append(Attachment(one.event, CONTENT, one.kind, data, extension, one.reason))
    return shown.selection._replace(attachments=tuple(found))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None
    if len(data) > MAX_BYTES:
        raise UsageError("the file is larger than a bundle may be; nothing was recorded")
    return data


def digest_of(path: Path) -> str:
    """The SHA-256 of a file that is to be attached, in hex. Raises `UsageError`."""
    return sha256(_read(path)).hexdigest()


def _extension(path: Path) -> str:
    suffix = path.suffix[1:].lower()
    return suffix if suffix.isascii() and suffix.isalnum() and len(suffix) <= 8 else "bin"  # noqa: PLR2004  the layout's


def _accesses(
    ledger: Ledger, acting: Acting, selection: Selection, how: Asked, grant: str | None
) -> list[Proposal]:
    """One access to each record of which something is shown, as permitted now."""
    events = [event for event, _ in selection.openings]
    events += [one.event for one in selection.attachments]
    records: dict[str, None] = {}
    for stream in dict.fromkeys(event_id.rpartition("/")[0] for event_id in events):
        record = record_of(ledger, stream)
        if record is not None:
            records[record] = None
        elif stream.startswith("holding-"):
            raise UsageError("a copy of several records is not shown as one; nothing was recorded",
                             "muniment evidence request --record RECORD")  # fmt: skip
    sealed = texts(content=selection.digest(), ticket=how.ticket)
    return [
        Proposal(RecordAccessed, record, permit(ledger, acting, record, how, grant), sealed)
        for record in records
    ]


def _check_again(ledger: Ledger, acting: Acting, found: _Found, how: Asked) -> None:
    """What was exported is written again by whoever exported it, while it may still be asked for.

    Raises `RefusedError` where a request like this one is not permitted any more.
    """
    if acting.actor != found.exporter:
        raise UsageError("a bundle is written again by whoever exported it; nothing was recorded",
                         "muniment evidence list")  # fmt: skip
    event = found.event
    said = {name: getattr(event, name) for name in _REQUESTED}
    fields = {name: value for name, value in said.items() if value is not UNSET}
    check_permitted(
        ledger, acting, [Proposal(BundleRequested, new_ids("bundle")[0], fields)], **how.envelope
    )


_REQUESTED: Final = (
    "kind", "object", "begins", "ends", "purpose", "recipient", "recipient_party", "jurisdiction",
    "approval", "opened", "attached", "withheld", "selection",
)  # fmt: skip


def _write(
    ledger: Ledger, acting: Acting, receipt: Receipt | None, order: Order, target: Target
) -> Exported:
    bundle = write_bundle(ledger, acting, order, exported_at=now())
    try:
        data = write_zip(dict(bundle.files), top=bundle.id)
        target.stream.write(data)
        target.keep()
    except (Flaw, OSError) as error:
        raise MunimentError(
            "no file was written ({cause}); that it was exported, {event}, stands",
            "muniment evidence export {bundle} --out FILE",
            cause=error.strerror if isinstance(error, OSError) else error.code,
            event=order.export, bundle=order.bundle,
        ) from None  # fmt: skip
    return Exported(receipt, order.export, bundle, len(data), sha256(data).hexdigest())
