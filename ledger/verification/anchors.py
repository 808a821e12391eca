"""Trusted time: the stored time-stamps against the events that record them, and what they prove.

Every row of `anchors` is named by one `ledger.timestamp_anchored` of the ledger's own stream, by
the SHA-256 of the reply; note, size, root, time and policy are what the event says. With the
certificates that the reader trusts, every token is verified; and every entry was accepted within
its provable interval (DESIGN 4.4):

    not before   the youngest token that an event records which the signers had seen
    not after    the oldest token over a state that includes the entry

The moment that a token admits reaches from its time less its accuracy to its time plus accuracy and
one second, since its fraction may be cut off (`ledger.offline.token`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import accumulate
from typing import Final, NamedTuple

from domain.anchor import LedgerTimestampAnchored
from ledger.errors import DataError
from ledger.evidence import decode_event
from ledger.offline.times import Interval, Stamp
from ledger.offline.token import earliest, latest, read_info, verify_token
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from ledger.verification.findings import Findings
from ledger.verification.rows import AnchorRow, Source

_TOPIC: Final = b"ledger.timestamp_anchored"


class Recorded(NamedTuple):
    """An event that records a time-stamp, at a position, in an entry (0-based)."""

    position: int
    entry: int
    event: LedgerTimestampAnchored


class Bounds:
    """The provable intervals of entries, from tokens of trusted authorities.

    The same as `ledger.offline.times.interval` gives, for many entries.
    """

    def __init__(self, stamps: Iterable[Stamp]) -> None:
        """`stamps`: of trusted authorities, by size; of equal ones the first counts."""
        ranked = [*enumerate(stamps)]
        self._stamps: Final = [stamp for _, stamp in ranked]
        self._sizes: Final = [stamp.size for _, stamp in ranked]
        self._oldest: Final = [*accumulate(reversed(ranked), _older)][::-1]
        by_entry = sorted(ranked, key=lambda one: one[1].anchored)
        self._anchored: Final = [stamp.anchored for _, stamp in by_entry]
        self._youngest: Final = [*accumulate(by_entry, _younger)]

    def __bool__(self) -> bool:
        """Whether anything is proved of any entry."""
        return bool(self._sizes)

    def covered_before(self, time: str) -> int:
        """How many entries a stamp covers that was surely made before a time."""
        return max((stamp.size for stamp in self._stamps if stamp.last < time), default=0)

    def of(self, entry: int, seen: int) -> Interval:
        """The stamps after and before which an entry (0-based) was signed, as far as is proved.

        `seen`: how many entries its signers had seen.
        """
        recorded = bisect_left(self._anchored, seen)
        after = self._youngest[recorded - 1][1] if recorded else None
        above = bisect_right(self._sizes, entry)
        before = self._oldest[above][1] if above < len(self._sizes) else None
        return Interval(after, before)


Ranked = tuple[int, Stamp]


def _older(one: Ranked, other: Ranked) -> Ranked:
    return min(one, other, key=lambda ranked: (ranked[1].last, ranked[0]))


def _younger(one: Ranked, other: Ranked) -> Ranked:
    if one[1].first == other[1].first:
        return min(one, other)
    return max(one, other, key=lambda ranked: ranked[1].first)


def read_recorded(source: Source) -> Sequence[Recorded]:
    """The events that record time-stamps, as they stand in the ledger's own stream."""
    first = next(source.events(1), None)
    found: list[Recorded] = []
    for row in source.stream(first[1]) if first is not None else ():
        position, _, _, topic, entry, state = row
        if topic == _TOPIC and entry is not None:
            with suppress(DataError):  # a changed event is named where it is met
                event = decode_event(state)
                if isinstance(event, LedgerTimestampAnchored):
                    found.append(Recorded(position, entry, event))
    return found


class Anchors:
    """The time-stamps of a ledger, checked against events and, where there are any, roots."""

    def __init__(self, source: Source, findings: Findings, roots: Sequence[bytes]) -> None:
        self._findings = findings
        self._roots = roots
        self._waiting = {one.event.token: one for one in read_recorded(source)}
        self._by_entry: dict[int, list[Recorded]] = {}
        for one in self._waiting.values():
            if one.event.size <= one.entry:  # else it was not permitted, and named where it is met
                self._by_entry.setdefault(one.entry, []).append(one)
        self._unnamed: list[AnchorRow] = []
        stamps: list[tuple[Stamp, str]] = []
        for row in source.anchors():
            named = self._waiting.pop(sha256(row[3]).hexdigest(), None)
            if named is None:
                self._unnamed.append(row)
            elif self._agrees(row, named):
                stamps.extend((stamp, named.event.token) for stamp in self._verified(row, named))
        # Of equal ones the first in a bundle counts, and there they lie in this order.
        stamps.sort(key=lambda pair: (pair[0].size, pair[1]))
        self.bounds = Bounds(stamp for stamp, _ in stamps)

    def recorded_in(self, entry: int) -> Sequence[Recorded]:
        """The events of an entry (0-based) that say which state of the ledger was stamped."""
        return self._by_entry.get(entry, ())

    def _agrees(self, row: AnchorRow, one: Recorded) -> bool:
        """Whether a row is what its event says."""
        _, size, note, reply = row
        said: tuple[object, ...] = ()
        with suppress(DataError, ValueError):
            head = Checkpoint.parse(Note.parse(note).text)
            info = read_info(reply)
            said = (head.size, head.root.hex(), f"{info.gen_time[:-1]}.000Z", info.policy)
        event = one.event
        imprint = sha256(note).hexdigest()
        expected = (event.size, event.root, event.gen_time, event.policy)
        if said == expected and (size, imprint) == (event.size, event.imprint):
            return True
        self._add("token_differs", one, event.imprint, imprint,
                  "the stamped note, or the token, is not as the event says")  # fmt: skip
        return False

    def _verified(self, row: AnchorRow, one: Recorded) -> Iterator[Stamp]:
        if not self._roots:
            return
        event = one.event
        try:
            token = verify_token(row[3], bytes.fromhex(event.imprint), self._roots)
        except ValueError as error:
            self._add(str(error), one, None, event.token, "the token does not hold")
            return
        if token.issuer_known:
            yield Stamp(event.size, one.entry, token, earliest(token), latest(token))
        else:
            self._add("token_issuer_unknown", one, None, event.token,
                      "no trusted certificate leads to who signed the token")  # fmt: skip

    def settle(self, first: int) -> None:
        """Report tokens that no event records, and the other way round.

        `first`: the position from which on events were verified; of earlier ones, what was there
        is trusted to be as it was found.
        """
        lost = list(self._waiting.values())
        for row in self._unnamed:
            imprint = sha256(row[2]).hexdigest()
            one = next((w for w in lost if (w.event.size, w.event.imprint) == (row[1], imprint)),
                       None)  # fmt: skip
            if one is None:
                self._findings.add(
                    "token_not_recorded", "token", actual=sha256(row[3]).digest(),
                    cause=f"no event records time-stamp {row[0]}",
                )  # fmt: skip
            else:
                lost.remove(one)
                self._add("token_changed", one, one.event.token, sha256(row[3]).hexdigest(),
                          "the token is not the one that the event records")  # fmt: skip
        for one in lost:
            if one.position >= first:
                self._add("token_missing", one, one.event.token, None,
                          "the token that the event records is not kept")  # fmt: skip

    def check(self, entry: int, seen: int, accepted: str, position: int) -> None:
        """Report an entry that was accepted outside its provable interval."""
        after, before = self.bounds.of(entry, seen)
        for stamp, outside in (
            (after, after is not None and accepted < after.first),
            (before, before is not None and accepted > before.last),
        ):
            if stamp is not None and outside:
                self._findings.add(
                    "accepted_outside_interval", "entry", position=position,
                    expected=f"{stamp.token.gen_time[:-1]}.000Z", actual=accepted,
                    cause="trusted time-stamps prove another time than the ledger's clock gave",
                )  # fmt: skip

    def _add(self, code: str, one: Recorded, expected: object, actual: object, cause: str) -> None:
        self._findings.add(
            code, "token", position=one.position, stream=one.event.stream, expected=expected,
            actual=actual, cause=cause,
        )  # fmt: skip
