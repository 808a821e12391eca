"""Whether a document is genuine: by the ledger that issued it, or offline by the proofs inside.

The steps, each of which names what it does not find:

1. the file is a PDF within limits, not cut off (`unreadable`), with exactly one twin (`no_twin`,
   `two_twins`)
2. the document is of this ledger, or of the one whose key was given (`another_ledger`)
3. an event issued a document of this number and kind (`number_not_issued`; offline: `no_receipt`,
   `proofs_do_not_hold`, `number_not_issued`)
4. the twin is the one that was issued (`twin_differs`), and says what the event that it closes
   with says in clear; the lines of a list have the root that was signed (`says_otherwise`)
5. the file begins with the pages that were issued (`view_differs`)
6. behind them are the receipt and signatures, and nothing else (`appended`, `signature_broken`)
7. with the ledger: the events still say what the twin says (`says_otherwise`), and the document
   stands (`superseded`, `withdrawn`); offline nobody can know whether it does. Where the ledger's
   part is sealed, and no passphrase was given, steps 1 to 6 decide, and the answer says so
   (`not_compared_with_the_ledger`). A handover list stands until it is replaced, but of a list
   that was frozen anew the answer says that, too (`list_frozen_anew`)

Verdicts: `genuine`; `superseded`; `forged` if anything was altered or made up; `unknown` if what
was given does not suffice to tell. Pages are compared by the digest that the issuer signed: no
renderer is needed, so a document can still be checked when nobody can make its pages any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from domain.document import CertificateIssued, CertificateSuperseded, document_stream
from domain.handover import HandoverState
from ledger.documents.container import attach_receipt, attached, check_size, ends
from ledger.documents.matching import contradicts
from ledger.documents.receipt import FORMAT as RECEIPT
from ledger.documents.receipt import check_receipt
from ledger.documents.twin import FORMAT, parse
from ledger.errors import DataError, KeyAccessError, MunimentError, VerificationError

if TYPE_CHECKING:
    from domain.values import Event
    from ledger.application import Ledger
    from ledger.tlog.note import VerifierKey

Verdict = Literal["genuine", "superseded", "forged", "unknown"]
_TWIN: Final = f'"format":"{FORMAT}"'.encode("ascii")
_RECEIPT: Final = f'"format":"{RECEIPT}"'.encode("ascii")
_TEXTS: Final = ("claim", "not_claimed")


class Checked(NamedTuple):
    """The answer about one file.

    `reasons`: codes of the module's docstring; `replaced_by`: the number of the
    document that stands instead; `signatures`: what was found of PDF signatures; `offline`:
    whether it was judged without the ledger.
    """

    verdict: Verdict
    reasons: Sequence[str]
    number: str | None = None
    kind: str | None = None
    twin: str | None = None
    issued_at: str | None = None
    replaced_by: str | None = None
    signatures: Sequence[Mapping[str, Any]] = ()
    offline: bool = False


class _Wrong(Exception):  # noqa: N818  no error: an answer
    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict: Verdict = verdict
        self.reason = reason


class _File(NamedTuple):
    data: bytes
    raw: bytes
    twin: Mapping[str, Any]
    receipts: Sequence[bytes]


class _Issue(NamedTuple):
    event: CertificateIssued
    about: Sequence[Event]
    superseded: bool = False
    replaced_by: str | None = None


def check_with_ledger(data: bytes, ledger: Ledger) -> Checked:
    """Whether this ledger issued the document, and whether it stands. Needs no passphrase."""
    return _checked(data, lambda file: _issued_here(file, ledger), ledger)


def check_offline(data: bytes, key: VerifierKey) -> Checked:
    """Whether the ledger with this verifier key issued the document, by the proofs inside."""
    return _checked(data, lambda file: _issued_by(file, key), None)


def _checked(data: bytes, issued: Any, ledger: Ledger | None) -> Checked:  # noqa: ANN401
    known: dict[str, Any] = {"offline": ledger is None}
    besides: tuple[str, ...] = ()
    try:
        file = _read(data)  # step 1
        known |= {
            name: str(file.twin[name]) for name in ("number", "kind", "issued_at")
            if isinstance(file.twin.get(name), str)
        }  # fmt: skip
        known["twin"] = sha256(file.raw).hexdigest()
        issue: _Issue = issued(file)  # steps 2 and 3
        _same_twin(file, known["twin"], issue)  # step 4
        end = _pages(data, issue.event)  # step 5
        known["signatures"] = _behind(file, end, issue.event.number)  # step 6
        if ledger is not None and not _still_said(file, ledger, issue.event):  # step 7
            besides = ("not_compared_with_the_ledger",)
        if ledger is not None and _frozen_anew(file, ledger, issue.event):
            besides = (*besides, "list_frozen_anew")
    except _Wrong as wrong:
        return Checked(wrong.verdict, (wrong.reason,), **known)
    if issue.superseded:
        reason = "superseded" if issue.replaced_by else "withdrawn"
        reasons = (reason, *besides)
        return Checked("superseded", reasons, replaced_by=issue.replaced_by, **known)
    return Checked("genuine", besides, **known)


# -- the steps ----------------------------------------------------------------------------------


def _read(data: bytes) -> _File:
    """Step 1. What has no number or names no ledger is no twin."""
    try:
        check_size(data)
        found = attached(data)
    except DataError:
        raise _Wrong("unknown", "unreadable") from None
    twins = list(dict.fromkeys(one for one in found if _TWIN in one))
    if not twins:
        raise _Wrong("unknown", "no_twin")
    try:
        twin = parse(twins[0])
    except DataError:
        raise _Wrong("forged", "twin_differs") from None
    if not isinstance(twin.get("number"), str) or not isinstance(twin.get("ledger"), dict):
        raise _Wrong("unknown", "no_twin")
    if len(twins) > 1:
        raise _Wrong("forged", "two_twins")
    return _File(data, twins[0], twin, [one for one in found if _RECEIPT in one])


def _issued_here(file: _File, ledger: Ledger) -> _Issue:
    """Steps 2 and 3 with the ledger."""
    if file.twin["ledger"].get("id") != ledger.ledger_id:
        raise _Wrong("unknown", "another_ledger")
    events = [row[2] for row in ledger.events_of(_stream(file))]
    issue = _issue_of(events, file)
    about = [row[2] for row in ledger.events_of(issue.event.source.rpartition("/")[0])]
    issue = issue._replace(about=_upto(about, issue.event))
    for event in events[1:]:
        if isinstance(event, CertificateSuperseded):
            new = event.replaced_by
            number = _number_of(ledger, new) if isinstance(new, str) else None
            return issue._replace(superseded=True, replaced_by=number)
    return issue


def _issued_by(file: _File, key: VerifierKey) -> _Issue:
    """Steps 2 and 3 by the receipt."""
    if file.twin["ledger"].get("origin") != key.name:
        raise _Wrong("unknown", "another_ledger")
    if len(file.receipts) != 1:
        raise _Wrong("unknown", "no_receipt")
    try:
        proven = check_receipt(file.receipts[0], key)
    except VerificationError:
        raise _Wrong("forged", "proofs_do_not_hold") from None
    event = proven.events.get(f"{_stream(file)}/1")
    issue = _issue_of([event] if event else [], file)
    if proven.accepted.get(issue.event.source) != issue.event.issued_at:
        raise _Wrong("forged", "proofs_do_not_hold")
    return issue._replace(about=_upto(proven.events.values(), issue.event))


def _upto(events: Iterable[Event], event: CertificateIssued) -> list[Event]:
    """The events of the stream that a document is about, up to its source."""
    stream, _, version = event.source.rpartition("/")
    return [one for one in events if one.stream == stream and one.version <= int(version)]


def _stream(file: _File) -> str:
    try:
        return document_stream(file.twin["number"])
    except (ValueError, IndexError, OverflowError):
        raise _Wrong("forged", "number_not_issued") from None


def _issue_of(events: Sequence[Event], file: _File) -> _Issue:
    first = events[0] if events else None
    if not isinstance(first, CertificateIssued) or first.number != file.twin["number"]:
        raise _Wrong("forged", "number_not_issued")
    return _Issue(first, ())


def _number_of(ledger: Ledger, document: str) -> str | None:
    for row in ledger.events_of(document)[:1]:
        if isinstance(row[2], CertificateIssued):
            return row[2].number
    return None


def _same_twin(file: _File, digest: str, issue: _Issue) -> None:
    """Step 4."""
    event = issue.event
    if digest != event.twin or file.twin["kind"] != event.kind:
        raise _Wrong("forged", "twin_differs")
    if contradicts(event.kind, file.twin.get("said"), issue.about):
        raise _Wrong("forged", "says_otherwise")


def _frozen_anew(file: _File, ledger: Ledger, event: CertificateIssued) -> bool:
    """Whether the list of a handover is another one by now."""
    state = ledger.state(event.source.rpartition("/")[0])
    return (
        event.kind == "handover_list"
        and isinstance(state, HandoverState)
        and state.list_version != file.twin["said"].get("list_version")
    )


def _pages(data: bytes, event: CertificateIssued) -> int:
    """Step 5: where the pages that were issued end."""
    for end in ends(data):
        if sha256(memoryview(data)[:end]).hexdigest() == event.pdf:
            return end
    raise _Wrong("forged", "view_differs")


def _behind(file: _File, end: int, number: str) -> Sequence[Mapping[str, Any]]:
    """Step 6: what follows the pages."""
    base, known = file.data[:end], end
    if file.receipts:
        whole = attach_receipt(base, number, file.receipts[0])
        if file.data.startswith(whole):
            known = len(whole)
    rest = file.data[known:]
    if not rest.strip():
        return ()
    from ledger.documents.pades import signatures

    try:
        return signatures(file.data, known)
    except DataError as error:
        raise _Wrong("forged", error.template) from None


def _still_said(file: _File, ledger: Ledger, event: CertificateIssued) -> bool:
    """Step 7: what the twin says is what the ledger says as of that entry; whether it was compared.

    Only members that the twin has: a newer program may tell more, and in other words.
    """
    from ledger.documents.saying import said_of
    from ledger.documents.sources import source_of

    stream, _, version = event.source.rpartition("/")
    try:
        source = source_of(ledger, stream, int(version))
        said = said_of(ledger, event.kind, source)
    except KeyAccessError:
        return False  # part of it is sealed, and nobody has given the passphrase
    except MunimentError:
        raise _Wrong("forged", "says_otherwise") from None
    told = file.twin.get("said")
    if not isinstance(told, dict) or any(
        told[name] != said.get(name) for name in told if name not in _TEXTS
    ):
        raise _Wrong("forged", "says_otherwise")
    if source.accepted != event.issued_at or file.twin.get("issued_at") != event.issued_at:
        raise _Wrong("forged", "says_otherwise")
    return True
