"""What somebody could make a verifier do for them: nothing that takes minutes, or gigabytes."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest

from ledger.offline.bag import Bag
from ledger.offline.check import check_bundle
from ledger.offline.events import MAX_FILE_BYTES, MAX_NESTED, parse_event, parse_file
from ledger.offline.history import History
from ledger.offline.notes import parse_entry
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from tests.ledger.offline_forger import (
    EVENTS,
    OPENINGS,
    PLACES,
    Rogue,
    answers,
    check,
    codes,
    next_of,
    next_review,
)
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer

GRANTS, SECONDS = 50_000, 10.0


# -- the history of roles -------------------------------------------------------------------------


def founded(rogue: Rogue) -> History:
    """The keys and roles as they are."""
    history = History(rogue.origin)
    for index, (data, states) in enumerate(zip(rogue.entries, rogue.events, strict=True)):
        entry = parse_entry(data)
        history.fold(
            index, entry.accepted, entry.commit, [parse_event(json.loads(raw)) for raw in states]
        )
    return history


@pytest.mark.parametrize(("entries", "scope"), [(2, None), (500, None), (2, "engagement-x")])
def test_very_many_grants_to_one_person_cost_seconds(
    estate: Estate, entries: int, scope: str | None
) -> None:
    """Those of another engagement too, which have to be looked at and give nothing."""
    rogue = estate.rogue
    history = founded(rogue)
    last = parse_entry(rogue.entries[-1])
    actor = rogue.last("actor.registered")["stream"]
    model = next_of(rogue, actor, type="actor.role_granted", granted="administrator")
    said: dict[str, Any] = {**model, **({"scope": scope} if scope else {})}
    each, index = GRANTS // entries, len(rogue.entries)
    start = time.process_time()
    for number in range(entries):
        events = [parse_event({**said, "version": number * each + at + 1}) for at in range(each)]
        assert not history.fold(index + number, last.accepted, last.commit, events)
    assert time.process_time() - start < SECONDS
    rows = history.actors([])
    assert "administrator" in next(row["roles"] for row in rows if row["actor"] == actor)


def test_a_role_given_or_taken_holds_from_the_next_entry_on(estate: Estate) -> None:
    rogue = estate.rogue
    history, last = founded(rogue), parse_entry(rogue.entries[-1])
    admin = rogue.case.exporter.name.rpartition("/")[2]
    other = next(row["actor"] for row in history.actors([]) if row["actor"] != admin)

    def event(kind: str, by: str, **fields: str) -> Any:
        model = next_of(rogue, other, type=f"actor.role_{kind}", **fields)
        return parse_event({**model, "by": by, "role": "administrator"})

    give = event("granted", admin, granted="administrator")
    use = event("granted", other, granted="reviewer")
    take = event("revoked", admin, revoked="administrator")
    index = len(rogue.entries)

    def refused(*events: Any) -> list[int]:
        nonlocal index
        index += 1
        return [at for at, _ in history.fold(index, last.accepted, last.commit, list(events))]

    assert refused(give, use) == [1]
    assert refused(use, take, use) == []
    assert refused(use) == [0]
    assert refused(give, take, use) == [2]
    assert refused(use) == [0], "given and taken in one entry"
    assert refused(event("revoked", admin, revoked=["x"]), take, give) == []  # type: ignore[arg-type]
    assert refused(use) == []


# -- signatures -----------------------------------------------------------------------------------


def test_a_stranger_makes_nobody_verify_signatures(estate: Estate) -> None:
    """A ledger of the same name, under a key that the reader does not know."""
    rogue, asked = estate.rogue, []

    def counted(public: bytes, signature: bytes, message: bytes) -> None:
        asked.append(public)
        ed25519.verify(public, signature, message)

    for _ in range(3):
        review = next_review(rogue)
        rogue.accept(rogue.said(review, by=[(estate.reviewer, "reviewer")]), review)
    rogue.record_export()
    files = rogue.bundle()
    stranger = parse_trust(signer(rogue.origin).verifier.format())
    report = check_bundle(Bag(rogue.name, files), stranger, counted)
    assert not asked
    assert codes(report) == {"checkpoint_key_unknown"}
    assert set(answers(report).values()) == {"undecided"}
    assert (report.verdict, report.exit_code) == ("unverifiable", 3)
    assert {row.answer for row in report.events} == {"undecided"}
    assert not any(row.says for row in report.events)
    check_bundle(Bag(rogue.name, files), parse_trust(rogue.case.vkey), counted)
    assert asked


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * MAX_NESTED + b"[]]\n",
        b"[" + b"{}," * MAX_NESTED + b"{}]\n",
        b"[" + b"1," * (MAX_FILE_BYTES // 2) + b"1]\n",
    ],
    ids=["lists", "objects", "numbers"],
)
def test_a_file_of_very_many_values_is_refused_before_it_is_decoded(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too long"):
            parse_file(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_files_that_would_fill_the_memory_are_findings(estate: Estate) -> None:
    rogue = estate.rogue
    crowd = b"[" + b"[]," * MAX_NESTED + b"[]]\n"
    for name, code in ((OPENINGS, "opening_malformed"), (PLACES, "file_malformed"),
                       (EVENTS, "file_malformed")):  # fmt: skip
        report = check(rogue.bundle(changes={name: crowd}), rogue.case.vkey)
        assert code in codes(report), name
        assert report.verdict == "invalid"
    lines = check(rogue.bundle(changes={EVENTS: b"\n" * (20 << 20)}), rogue.case.vkey)
    assert "events_cut" in codes(lines)
