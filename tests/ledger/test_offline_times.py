"""When something was provably accepted: time tokens, and what speaks against them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ledger.offline.events import format_file
from ledger.offline.report import EventRow, Report
from ledger.offline.times import Stamp, interval
from ledger.offline.token import Token, earliest, latest
from ledger.tlog.commit import Entry
from ledger.tlog.note import Note
from tests.corpus.authority import Authority
from tests.ledger.offline_forger import (
    BOOK,
    CONSISTENCY,
    Rogue,
    Shown,
    answers,
    check,
    codes,
    next_review,
    reasons,
)
from tests.ledger.rogues import Estate

AUTHORITY = Authority("tsa.example")
STRANGER = Authority("other-tsa.example")
SECOND = timedelta(seconds=1)


def accepted(rogue: Rogue, entry: int = -1) -> datetime:
    """When the ledger says that it accepted an entry."""
    return datetime.fromisoformat(Entry.parse(rogue.entries[entry]).accepted)


def moment(at: datetime) -> str:
    """As the ledger writes a time."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def shown_at(at: datetime) -> str:
    """As a report writes the time of a token."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Stamped:
    """A token over the present state of a rogue's ledger, and its anchoring event."""

    def __init__(self, rogue: Rogue, at: datetime, by: Authority = AUTHORITY) -> None:
        self.at, self.size = whole(at), len(rogue.entries)
        self.note = rogue.state(self.size)
        self.reply = by.reply(sha256(self.note).digest(), self.at, self.size)
        self.entry = -1

    def fields(self, rogue: Rogue, **changed: Any) -> dict[str, Any]:
        return {
            "size": self.size, "root": Note.parse(self.note).text.split(b"\n")[2].decode(),
            "imprint": sha256(self.note).hexdigest(), "token": sha256(self.reply).hexdigest(),
            "gen_time": moment(self.at), "policy": "1.3.6.1.4.1.99999.7.1", **changed,
        }  # fmt: skip

    def anchor(self, rogue: Rogue, at: datetime | None = None, **changed: Any) -> Stamped:
        """Record it."""
        fields = self.fields(rogue)
        fields["root"] = rogue_root(rogue, self.size)
        event = rogue.of_ledger("ledger.timestamp_anchored", **{**fields, **changed})
        self.entry = rogue.administered(event, at=moment(at) if at else None)
        return self

    @property
    def pair(self) -> tuple[bytes, bytes]:
        return self.note, self.reply


def rogue_root(rogue: Rogue, size: int) -> str:
    from ledger.tlog.merkle import tree_root

    return tree_root(rogue.leaves[:size]).hex()


def read(rogue: Rogue, *stamped: Stamped, roots: tuple[bytes, ...] | None = None) -> Report:
    trusted = (AUTHORITY.root_der,) if roots is None else roots
    shown = Shown(stamped=[one.pair for one in stamped])
    return check(rogue.bundle(shown), rogue.case.vkey, roots=trusted)


def row_of(report: Report, entry: int) -> EventRow:
    return next(row for row in report.events if row.entry == entry)


# -- the interval ---------------------------------------------------------------------------------


def test_a_token_bounds_what_was_there_from_above(estate: Estate) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND).anchor(rogue, accepted(rogue) + 2 * SECOND)
    report = read(rogue, token)
    assert report.verdict == "valid", report.findings
    assert answers(report)["time"] == "holds"
    for row in report.events:
        if row.entry < token.size:
            assert row.says["not_after"] == shown_at(token.at)
        else:
            assert "not_after" not in row.says
        assert "not_before" not in row.says
    assert shown_at(token.at) in report.as_text("en")
    assert shown_at(token.at) in report.as_text("zh")


def test_what_was_signed_by_somebody_who_had_seen_the_anchor_is_younger_than_the_token(
    estate: Estate,
) -> None:
    rogue = estate.rogue
    start = accepted(rogue)
    before = Stamped(rogue, start + SECOND).anchor(rogue, start + 2 * SECOND)
    review = next_review(rogue)
    signed = rogue.said(review, by=[(estate.reviewer, "reviewer")])
    entry = rogue.accept(signed, review, at=moment(start + 4 * SECOND))
    after = Stamped(rogue, start + 5 * SECOND).anchor(rogue, start + 7 * SECOND)
    report = read(rogue, before, after)
    assert report.verdict == "valid", report.findings
    row = row_of(report, entry)
    assert row.says["not_before"] == shown_at(before.at)
    assert row.says["not_after"] == shown_at(after.at)
    assert row_of(report, 2).says["not_after"] == shown_at(before.at), "the oldest counts"
    assert answers(report)["time"] == "holds"


def test_an_anchor_that_the_signer_had_not_seen_proves_nothing_of_the_act(estate: Estate) -> None:
    rogue = estate.rogue
    start = accepted(rogue)
    size = len(rogue.entries)
    token = Stamped(rogue, start + SECOND).anchor(rogue, start + 2 * SECOND)
    review = next_review(rogue)
    for seen, bounded in ((size, False), (size + 1, True)):
        signed = rogue.said(review, by=[(estate.reviewer, "reviewer")], seen=seen)
        entry = rogue.accept(signed, review, at=moment(start + 4 * SECOND))
        report = read(rogue, token)
        assert ("not_before" in row_of(report, entry).says) == bounded
        rogue.take_back()
    assert token.entry == size


def test_what_a_signer_saw_counts_only_if_it_is_proved(estate: Estate) -> None:
    """The state that the signer saw would hold the anchor, but the proof of that is kept back."""
    rogue = estate.rogue
    start = accepted(rogue)
    token = Stamped(rogue, start + SECOND).anchor(rogue, start + 2 * SECOND)
    review = next_review(rogue)
    signed = rogue.said(review, by=[(estate.reviewer, "reviewer")])
    entry = rogue.accept(signed, review, at=moment(start + 4 * SECOND))
    shown = Shown(stamped=[token.pair])
    files = rogue.bundle(shown)
    rows = json.loads(files[CONSISTENCY])
    rows = [row for row in rows if row["from"] != entry]
    files = rogue.bundle(shown, {CONSISTENCY: format_file(rows)})
    report = check(files, rogue.case.vkey, roots=(AUTHORITY.root_der,))
    assert codes(report) == {"consistency_missing"}
    assert "not_before" not in row_of(report, entry).says
    assert report.verdict == "unverifiable"


def test_of_several_tokens_the_narrowest_count() -> None:
    def stamp(size: int, anchored: int, time: str, accuracy: int = 0) -> Stamp:
        token = Token(time, accuracy, True, "01", "1.2")
        return Stamp(size, anchored, token, earliest(token), latest(token))

    late = stamp(10, 4, "2026-01-02T00:00:00Z")
    early = stamp(10, 3, "2026-01-01T00:00:00Z")
    vague = stamp(8, 2, "2025-12-31T23:59:59Z", 5000)
    stamps = [late, early, vague, stamp(5, -1, "2026-01-01T00:00:00Z")]
    assert interval(7, 5, stamps) == (late, early)
    assert interval(9, 4, stamps) == (early, early)
    assert interval(9, 3, stamps)[0] == vague
    assert interval(7, 2, stamps)[0] is None
    assert interval(10, 0, stamps) == (None, None)


def test_an_accepted_time_that_the_tokens_rule_out_is_disputed(estate: Estate) -> None:
    rogue = estate.rogue
    start = accepted(rogue)
    for at in (start - timedelta(days=1), whole(start) - 3 * SECOND):
        size = len(rogue.entries)
        token = Stamped(rogue, at).anchor(rogue)
        report = read(rogue, token)
        assert codes(report) == {"accepted_outside_interval"}
        assert report.verdict == "disputed"
        assert answers(report)["time"] == "fails"
        assert answers(report)["events_genuine"] == "holds"
        assert report.findings[-1].expected == shown_at(token.at)
        assert report.findings[-1].actual == moment(accepted(rogue, size - 1))
        rogue.take_back()
    # The authority is exact to a second, and cuts off what is less.
    token = Stamped(rogue, whole(start) - SECOND + timedelta(milliseconds=1)).anchor(rogue)
    assert read(rogue, token).verdict == "valid"


def test_an_act_backdated_behind_a_token_that_its_signer_had_seen_is_disputed(
    estate: Estate,
) -> None:
    rogue = estate.rogue
    start = accepted(rogue)
    token = Stamped(rogue, start + timedelta(days=30)).anchor(rogue, start + 2 * SECOND)
    review = next_review(rogue)
    signed = rogue.said(review, by=[(estate.reviewer, "reviewer")])
    entry = rogue.accept(signed, review, at=moment(start + 4 * SECOND))
    report = read(rogue, token)
    assert codes(report) == {"accepted_outside_interval"}
    told = {found.file for found in report.findings}
    assert told == {f"{BOOK}/entries/{entry}.entry"}


# -- what is open ---------------------------------------------------------------------------------


def test_what_cannot_be_said_of_time_is_said_with_its_reason(estate: Estate) -> None:
    rogue = estate.rogue
    assert reasons(read(rogue), "time") == ["no_token"]
    token = Stamped(rogue, accepted(rogue) + SECOND).anchor(rogue, accepted(rogue) + 2 * SECOND)
    assert reasons(read(rogue, token, roots=()), "time") == ["no_tsa_trusted"]
    unknown = read(rogue, token, roots=(STRANGER.root_der,))
    assert reasons(unknown, "time") == ["token_issuer_unknown"]
    assert not any("not_after" in row.says for row in unknown.events)
    assert unknown.verdict == "valid"
    review = next_review(rogue)
    rogue.accept(
        rogue.said(review, by=[(estate.reviewer, "reviewer")]), review,
        at=moment(accepted(rogue) + SECOND),
    )  # fmt: skip
    assert reasons(read(rogue, token), "time") == ["interval_open"]


def test_a_token_of_an_authority_that_is_not_trusted_moves_nothing(estate: Estate) -> None:
    """Or else whoever exports would choose the time."""
    rogue = estate.rogue
    false = Stamped(rogue, accepted(rogue) - timedelta(days=99), STRANGER).anchor(rogue)
    report = read(rogue, false)
    assert report.verdict == "valid"
    assert reasons(report, "time") == ["token_issuer_unknown"]


# -- tokens that do not hold ----------------------------------------------------------------------


def test_a_token_for_another_checkpoint_is_found(estate: Estate) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND).anchor(rogue, accepted(rogue) + 2 * SECOND)
    other = Stamped(rogue, accepted(rogue) + SECOND)
    swapped = Shown(stamped=[(other.note, token.reply)])
    report = check(rogue.bundle(swapped), rogue.case.vkey, roots=(AUTHORITY.root_der,))
    assert codes(report) == {"token_differs"}
    assert answers(report)["time"] == "fails"
    assert report.verdict == "invalid"


def test_a_token_that_no_event_records_is_not_relied_on(estate: Estate) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND)
    report = read(rogue, token)
    assert codes(report) == {"token_not_recorded"}
    assert report.verdict == "unverifiable"
    assert answers(report)["time"] == "undecided"


@pytest.mark.parametrize(
    "changed",
    [{"imprint": "0" * 64}, {"size": 1}, {"root": "0" * 64}, {"size": True}, {"imprint": 1}],
)
def test_an_anchor_that_says_something_else_than_the_note_is_found(
    estate: Estate, changed: dict[str, Any]
) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND)
    token.anchor(rogue, accepted(rogue) + 2 * SECOND, **changed)
    report = read(rogue, token)
    assert codes(report) == {"token_differs"}


def test_an_anchor_on_another_stream_is_none(estate: Estate) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND)
    event = rogue.of_ledger("ledger.timestamp_anchored", **token.fields(rogue))
    other = rogue.ledger_id[:-12] + "0" * 12
    rogue.administered({**event, "stream": other, "version": 1})
    assert "token_not_recorded" in codes(read(rogue, token))


def test_a_changed_token_is_found(estate: Estate) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND).anchor(rogue, accepted(rogue) + 2 * SECOND)
    reply = token.reply
    signature = reply[:-1] + bytes([reply[-1] ^ 1])
    for data, code in (
        (signature, "token_signature"),
        (reply[:-1], "token_malformed"),
        (reply + b"\0", "token_malformed"),
        (b"", "token_malformed"),
        (b"0\x03\x02\x01\x02", "token_malformed"),
        (b"0\x80" * 40_000, "token_malformed"),
    ):
        shown = Shown(stamped=[(token.note, data)])
        report = check(rogue.bundle(shown), rogue.case.vkey, roots=(AUTHORITY.root_der,))
        assert codes(report) == {code}, code
        assert answers(report)["time"] == "fails"
        assert report.verdict == "invalid"


def test_a_note_that_was_stamped_is_a_state_of_this_ledger_so_far(estate: Estate) -> None:
    rogue = estate.rogue
    size = len(rogue.entries)
    honest = rogue.entries[0]
    rogue.entries[0] = rogue.entries[1]
    fork = Stamped(rogue, accepted(rogue) + SECOND)
    rogue.entries[0] = honest
    fork.anchor(rogue, accepted(rogue) + 2 * SECOND, root=_root_in(fork.note))
    report = read(rogue, fork)
    assert codes(report) == {"state_not_prefix"}
    assert not any("not_after" in row.says for row in report.events), "a fork proves no time"
    assert fork.size == size
    last = rogue.entries[-1]
    rogue.entries[-1] = rogue.entries[1]
    same = Stamped(rogue, accepted(rogue) + 3 * SECOND)
    rogue.entries[-1] = last
    assert same.size == len(rogue.entries), "the very size of the bundle's state"
    assert codes(read(rogue, same)) == {"state_not_prefix", "token_not_recorded"}


def _root_in(note: bytes) -> str:
    import base64

    return base64.b64decode(Note.parse(note).text.split(b"\n")[2]).hex()


def test_tokens_and_their_notes_come_in_pairs_and_in_form(estate: Estate) -> None:
    rogue = estate.rogue
    token = Stamped(rogue, accepted(rogue) + SECOND).anchor(rogue, accepted(rogue) + 2 * SECOND)
    note, reply = f"{BOOK}/tokens/0.note", f"{BOOK}/tokens/0.tsr"
    shown = Shown(stamped=[token.pair])
    roots = (AUTHORITY.root_der,)
    later = rogue.state(len(rogue.entries)).replace(
        f"\n{len(rogue.entries)}\n".encode(), f"\n{len(rogue.entries) + 9}\n".encode()
    )
    for changes, found in (
        ({note: None}, "part_missing"),
        ({reply: None}, "part_missing"),
        ({note: b"x"}, "token_malformed"),
        ({note: token.note.replace(b"ledger\n", b"other\n")}, "checkpoint_foreign"),
        ({note: later}, "checkpoint_differs"),
        ({f"{BOOK}/tokens/100.note": token.note}, "file_unlisted"),
        ({f"{BOOK}/tokens/01.note": token.note}, "file_unlisted"),
    ):
        files = rogue.bundle(shown, changes)
        report = check(files, rogue.case.vkey, roots=roots)
        assert codes(report) == {found}, changes
        assert report.verdict != "valid"
