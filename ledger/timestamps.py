r"""Trusted time: time-stamps of an authority over signed states of the ledger (RFC 3161).

What is stamped is the SHA-256 of a checkpoint note with all signatures that it has at that moment;
these bytes and the authority's complete reply are kept together, in the table `anchors`, in the
transaction that records `ledger.timestamp_anchored`. A reply is kept only after it was verified:
granted, over this note, with the nonce asked for, signed by a certificate that leads to a root
which the reader pinned (`ledger.offline.token`).

A request that waits for its reply lies in `trust/timestamps/<nonce>.request`: two lines, an empty
one, and the note.

    muniment-timestamp-request 1
    nonce <16 hex digits, the first from 4 to 7>

>>> request = Request(b"example.com/ledger\n1\nAA==\n", 2**62 + 42)
>>> print(request.format().decode(), end="")
muniment-timestamp-request 1
nonce 400000000000002a
<BLANKLINE>
example.com/ledger
1
AA==
>>> Request.parse(request.format()) == request
True

What goes to the authority is a TimeStampReq of version 1: the imprint, the nonce, and that its
certificate shall come with the reply.

>>> request.query().hex()[:50]
'30430201013031300d060960864801650304020105000420e8'
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import sqlalchemy as sa

from domain.anchor import LedgerTimestampAnchored
from ledger.errors import NoteError, UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.folder import Folder, read_limited, write_atomically
from ledger.offline import token as tokens
from ledger.offline import x509
from ledger.offline.times import Interval, Stamp, interval
from ledger.offline.token import Token, earliest, latest
from ledger.recorder import Receipt, Submission
from ledger.schema import CHECKPOINTS
from ledger.signing import Proposal, sign_all
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.note import MAX_NOTE_BYTES, Note
from projections.view import key_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ledger.acting import Acting
    from ledger.application import Ledger

MOST_WAITING: Final = 100
_HEAD: Final = "muniment-timestamp-request 1"
_WRITTEN: Final = re.compile(rf"{_HEAD}\nnonce ([4-7][0-9a-f]{{15}})\n\n".encode())
_REQUEST: Final = bytes.fromhex("30430201013031300d060960864801650304020105000420")
_NONCE: Final = bytes.fromhex("0208")
_CERTIFICATES: Final = bytes.fromhex("0101ff")
_LIMIT: Final = MAX_NOTE_BYTES + 256
_BASIC: Final = "2.5.29.19"
_IS_CA: Final = bytes.fromhex("0101ff")  # the first field of basicConstraints, in DER
_TOPIC: Final = "ledger.timestamp_anchored"
_FAILURES: Final = {
    0: "bad_algorithm", 2: "bad_request", 5: "bad_data_format", 14: "time_not_available",
    15: "unaccepted_policy",
}  # fmt: skip


class Request(NamedTuple):
    """A checkpoint note that is to be stamped, and the nonce of the question.

    The nonce lies from 2**62 to 2**63 - 1, so that DER takes eight octets for it.
    """

    note: bytes
    nonce: int

    @classmethod
    def over(cls, note: bytes) -> Self:
        """A new question about a note."""
        return cls(note, int.from_bytes(os.urandom(8), "big") >> 2 | 1 << 62)

    @property
    def imprint(self) -> bytes:
        """What is stamped: the SHA-256 of the note."""
        return sha256(self.note).digest()

    def query(self) -> bytes:
        """The TimeStampReq, in DER."""
        nonce = _NONCE + self.nonce.to_bytes(8, "big")
        return _REQUEST + self.imprint + nonce + _CERTIFICATES

    def format(self) -> bytes:
        """The bytes of the file, as the module says."""
        return f"{_HEAD}\nnonce {self.nonce:016x}\n\n".encode("ascii") + self.note

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a file; exact inverse of `format`. Raises `NoteError`."""
        match = _WRITTEN.match(data)
        if match is None:
            raise NoteError("the file is no request for a time-stamp")
        return cls(data[match.end() :], int(match[1], 16))


class Stamped(NamedTuple):
    """A time-stamp as it is stored: what the event says, and where it is recorded.

    `trusted`: a pinned root vouches for it; `accuracy_ms`, `serial`: as the token says.
    """

    position: int
    entry: int
    event: LedgerTimestampAnchored
    accuracy_ms: int
    serial: str
    trusted: bool


# -- asking --------------------------------------------------------------------------------------


def newest(ledger: Ledger, *, sign: bool = True) -> bytes:
    """The note to be stamped: over the present state, signed now, with all signatures it has.

    `sign`: False for the newest that is stored. Raises `UsageError` if there is none.
    """
    if sign:
        ledger.sign_checkpoint()
    size, note = CHECKPOINTS.c.size, CHECKPOINTS.c.note
    query = sa.select(note).order_by(size.desc(), CHECKPOINTS.c.id.desc()).limit(1)
    with ledger.engine.connect() as connection:
        found = connection.execute(query).scalar()
    if found is None:
        raise UsageError("no checkpoint was signed yet", "muniment checkpoint")
    return bytes(found)


def _waiting(folder: Folder) -> Path:
    return folder.trust / "timestamps"


def keep(folder: Folder, request: Request) -> None:
    """Remember what was asked until the reply comes. Raises `UsageError` if too many wait."""
    place = _waiting(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if len(list(place.glob("*.request"))) >= MOST_WAITING:
        raise UsageError(
            "{count} requests for a time-stamp wait for their reply; nothing was changed",
            "add the replies, or remove old files from trust/timestamps",
            count=MOST_WAITING,
        )
    write_atomically(place / f"{request.nonce:016x}.request", request.format())


def asked(folder: Folder, reply: bytes) -> Request:
    """The request that a reply answers, by its nonce.

    Raises `UsageError` for a file that is no reply, `VerificationError` for a reply to no request
    of this folder.
    """
    try:
        tokens.read_status(reply)
    except ValueError:
        raise UsageError(
            "that file is no time-stamp reply as RFC 3161 has it; nothing was recorded",
            "name the file that the authority sent back (often .tsr)",
        ) from None
    nonce = _said(reply).nonce
    if nonce is not None and 1 << 62 <= nonce < 1 << 63:
        with suppress(FileNotFoundError):
            path = _waiting(folder) / f"{nonce:016x}.request"
            return Request.parse(read_limited(path, _LIMIT))
    raise VerificationError(
        "that time-stamp answers no request that waits here; nothing was recorded",
        "ask for one: muniment timestamp request",
    )


def forget(folder: Folder, request: Request) -> None:
    """The reply to a request is recorded: it does not wait any more."""
    (_waiting(folder) / f"{request.nonce:016x}.request").unlink(missing_ok=True)


# -- what came back ------------------------------------------------------------------------------


def require(roots: Sequence[bytes]) -> Sequence[bytes]:
    """The roots, if there are any. Raises `UsageError`."""
    if not roots:
        raise UsageError(
            "no time-stamping authority is trusted yet; nothing was recorded",
            "muniment timestamp trust FILE, with the root certificate that the authority publishes",
        )
    return roots


def check(request: Request, reply: bytes, roots: Sequence[bytes]) -> Token:
    """What a reply to a request says, if it holds and one of `roots` (DER) vouches for it.

    Raises `VerificationError` naming what is wrong; `UsageError` without a root.
    """
    require(roots)
    if _said(reply).nonce != request.nonce:
        raise VerificationError(
            "the time-stamp's nonce is not the one that was asked with; nothing was recorded",
            "ask again; it may be an old reply that somebody put in",
        )
    try:
        found = tokens.verify_token(reply, request.imprint, roots)
    except ValueError as error:
        raise _unacceptable(str(error), str(error.__cause__)) from None
    if not found.issuer_known:
        raise VerificationError(
            "no root certificate that you trust vouches for who signed the time-stamp; nothing was "
            "recorded",
            "muniment timestamp trust FILE, or --tsa-root FILE, with this authority's root",
        )
    return found


def _said(reply: bytes) -> tokens.Info:
    try:
        status, failure = tokens.read_status(reply)
    except ValueError:
        status, failure = 0, -1
    if status > 1:
        causes = [name for bit, name in _FAILURES.items() if failure > 0 and failure >> bit & 1]
        raise VerificationError(
            "the authority refused to stamp (status {status}, {causes}); nothing was recorded",
            "ask it, or another one",
            status=status,
            causes=", ".join(causes) or "unstated",
        )
    try:
        return tokens.read_info(reply)
    except ValueError:
        raise _unacceptable("token_malformed") from None


def _unacceptable(code: str, cause: str = "") -> VerificationError:
    if cause == "the certificate is not valid at that time":
        return VerificationError(
            "the certificate that signed the time-stamp had expired, or was not valid yet, at the "
            "time that it states; nothing was recorded",
            "ask the authority for a reply under a certificate that is valid, or ask another one",
        )
    if code == "token_differs":
        return VerificationError(
            "the time-stamp is over something else than what was asked about; nothing was recorded",
            "ask again",
        )
    if code == "token_signature":
        return VerificationError(
            "the time-stamp's signature, or the certificate that signed it, does not hold; nothing "
            "was recorded",
            "ask another authority",
        )
    return VerificationError(
        "that is no time-stamp reply as RFC 3161 has it; nothing was recorded", "ask again"
    )


def recorded(connection: Connection, ledger: str, reply: bytes) -> str | None:
    """The event that records this very reply already, byte for byte; None if there is none."""
    token = sha256(reply).hexdigest()
    listed = Times(connection, ledger, ()).recorded()
    return next((event.id for event in listed if event.token == token), None)


def anchor(
    ledger: Ledger,
    acting: Acting,
    request: Request,
    reply: bytes,
    found: Token,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Receipt:
    """Record and keep a time-stamp that `check` let pass, both in one transaction.

    Raises `RefusedError` where the actor may not, or where it is recorded already.
    """
    state = Checkpoint.parse(Note.parse(request.note).text)
    fields = {
        "size": state.size, "root": state.root.hex(), "imprint": request.imprint.hex(),
        "token": sha256(reply).hexdigest(), "gen_time": f"{found.gen_time[:-1]}.000Z",
        "policy": found.policy,
    }  # fmt: skip
    proposal = Proposal(LedgerTimestampAnchored, ledger.ledger_id, fields)
    events, _ = ledger.build(acting, [proposal], **options)
    unsigned = ledger.note_over(acting, events, {})
    signed = sign_all(unsigned.note, [acting.key])
    stamps = [(request.note, reply)]
    return ledger.record(events, Submission(signed, unsigned.states, anchors=stamps))


# -- whom the reader trusts ----------------------------------------------------------------------


def read_roots(data: bytes) -> tuple[bytes, ...]:
    """The certificates of a file (PEM or DER), as DER. Raises `UsageError`."""
    try:
        return x509.parse_roots(data)
    except ValueError:
        raise UsageError("that file holds no certificate that can be read") from None


def is_authority(certificate: bytes) -> bool:
    """Whether a certificate (DER) is one of a CA, or of version 1, which does not say.

    One that is not vouches for no other: pinned, it is believed for what it signed itself alone.
    """
    extensions = x509.parse(certificate).extensions
    return extensions is None or extensions.get(_BASIC, (False, b""))[1][2:5] == _IS_CA


def trust(folder: Folder, data: bytes) -> tuple[bytes, ...]:
    """Pin the certificates of a file (PEM or DER); those that were not pinned before.

    Raises `UsageError` for a file that holds none.
    """
    given = read_roots(data)
    known = folder.tsa_roots()
    new = tuple(one for one in dict.fromkeys(given) if one not in known)
    if new:
        write_atomically(folder.tsa_file, b"".join(map(x509.pem, (*known, *new))))
    return new


# -- what is proved ------------------------------------------------------------------------------


class Times:
    """The time-stamps of a ledger as they are stored, and what they prove to who trusts `roots`.

    Tokens are verified when they are needed, each once. The intervals are those of the verifiers of
    bundles, by the same function.
    """

    def __init__(self, connection: Connection, ledger: str, roots: Sequence[bytes]) -> None:
        self._connection = connection
        self._roots = roots
        self._tokens: dict[str, Token | None] = {}
        rows = connection.exec_driver_sql(
            "SELECT position, entry, state FROM events WHERE stream = ? AND topic = ? "
            "ORDER BY position",
            (key_of(ledger), _TOPIC),
        )
        self._recorded: list[tuple[int, int, LedgerTimestampAnchored]] = []
        for position, entry, state in rows:
            event = decode_event(bytes(state))
            if isinstance(event, LedgerTimestampAnchored):
                self._recorded.append((position, entry, event))
        self._by_time = sorted(self._recorded, key=lambda one: one[2].gen_time)

    def of(self, entry: int) -> Interval:
        """The provable interval of an entry (0-based) that is recorded."""
        if not self._recorded or not self._roots:
            return Interval(None, None)
        data = self._connection.exec_driver_sql(
            "SELECT data FROM commits WHERE entry = ?", (entry,)
        ).scalar_one()
        seen = Entry.parse(bytes(data)).commit.note.seen_size
        near = {*self._above(entry), *self._below(seen)}
        # Of equal ones the first in a bundle counts, and there they lie in this order.
        stamps = sorted(near, key=lambda pair: (pair[0].size, pair[1]))
        return interval(entry, seen, [stamp for stamp, _ in stamps])

    def _above(self, entry: int) -> Iterator[tuple[Stamp, str]]:
        """The stamps over the entry of which one is the oldest, with their tokens' digests.

        In order of the times that the events name: a token is no older than its time, so that none
        is looked at that cannot be older than one that was found.
        """
        last = ""
        for _, at, event in self._by_time:
            if last and event.gen_time > last:
                return
            if event.size > entry and (stamp := self._stamp(at, event)) is not None:
                last = min(last or stamp.last, stamp.last)
                yield stamp, event.token

    def _below(self, seen: int) -> Iterator[tuple[Stamp, str]]:
        """The stamps recorded below `seen` of which one is the youngest, as `_above`."""
        first = ""
        for _, at, event in reversed(self._by_time):
            if event.gen_time < first:
                return
            if at < seen and (stamp := self._stamp(at, event)) is not None:
                first = max(first, stamp.first)
                yield stamp, event.token

    def _stamp(self, entry: int, event: LedgerTimestampAnchored) -> Stamp | None:
        """What an event in an entry records, if a trusted authority vouches for it."""
        token = self._token(event)
        if token is None or not token.issuer_known:
            return None
        return Stamp(event.size, entry, token, earliest(token), latest(token))

    def recorded(self) -> list[LedgerTimestampAnchored]:
        """The events that record a time-stamp, in order; no token is looked at."""
        return [event for _position, _entry, event in self._recorded]

    def listed(self) -> list[Stamped]:
        """Every time-stamp that is recorded, in order."""
        return [self._listed(*one) for one in self._recorded]

    def _listed(self, position: int, entry: int, event: LedgerTimestampAnchored) -> Stamped:
        found = self._token(event)
        if found is None:
            return Stamped(position, entry, event, 0, "", trusted=False)
        return Stamped(
            position, entry, event, found.accuracy_ms, found.serial, trusted=found.issuer_known
        )

    def _token(self, event: LedgerTimestampAnchored) -> Token | None:
        """The token that an event records, if it is kept and holds."""
        if event.token not in self._tokens:
            rows = self._connection.exec_driver_sql(
                "SELECT reply FROM anchors WHERE size = ?", (event.size,)
            )
            kept = (bytes(row[0]) for row in rows)
            reply = next((one for one in kept if sha256(one).hexdigest() == event.token), None)
            self._tokens[event.token] = None
            if reply is not None:
                with suppress(ValueError):
                    self._tokens[event.token] = tokens.verify_token(
                        reply, bytes.fromhex(event.imprint), self._roots
                    )
        return self._tokens[event.token]


def reply_of(connection: Connection, event: LedgerTimestampAnchored) -> tuple[bytes, bytes]:
    """The stamped note and the reply of a recorded time-stamp. Raises `VerificationError`."""
    rows = connection.exec_driver_sql(
        "SELECT note, reply FROM anchors WHERE size = ?", (event.size,)
    )
    for note, reply in rows:
        if sha256(bytes(reply)).hexdigest() == event.token:
            return bytes(note), bytes(reply)
    raise VerificationError("the time-stamp is not kept here any more", "muniment verify")
