"""Between which times an act provably lies is the same wherever it is asked.

`history` and `timestamp show` ask `ledger.timestamps.Times`, `verify` asks `Bounds`, the verifiers
of bundles ask `interval`. Tokens here have accuracies of their own, so that the one with the oldest
time is not always the one that proves the most.
"""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import acts, timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.offline.times import Stamp, interval
from ledger.offline.token import Token, earliest, latest
from ledger.timestamps import Request, Times
from ledger.tlog.commit import Entry
from ledger.verification.anchors import Anchors, Bounds
from ledger.verification.database import StoredSource, connect
from ledger.verification.findings import Findings
from tests.ledger import tsa
from tests.ledger.bundles import evidence
from tests.ledger.ledgers import Firm, collect_files
from tests.ledger.proved import checked
from tests.ledger.stamping import act


def stamp(size: int, anchored: int, second: int, accuracy_ms: int) -> Stamp:
    token = Token(f"2026-01-01T00:00:{second:02}Z", accuracy_ms, True, f"{size:02x}", "1.2.3")
    return Stamp(size, anchored, token, earliest(token), latest(token))


STAMPS = st.lists(
    st.builds(
        stamp, st.integers(1, 8), st.integers(1, 9), st.integers(0, 5),
        st.sampled_from([0, 500, 1000, 2000, 4000]),
    ),
    max_size=8,
)  # fmt: skip


@given(STAMPS, st.integers(0, 9), st.integers(0, 9))
def test_many_entries_get_the_interval_that_one_gets(
    stamps: list[Stamp], entry: int, seen: int
) -> None:
    """Equal bounds included: then the first token in a bundle is the one that is named."""
    in_order = sorted(stamps, key=lambda one: one.size)
    assert Bounds(in_order).of(entry, seen) == interval(entry, seen, in_order)


def stamped(
    ledger: Ledger, admin: Acting, root: tsa.Issued, when: str, accuracy: int, folder: Path
) -> None:
    """A token that is exact to so many seconds."""
    asking = Request.over(timestamps.newest(ledger))
    more = tsa.seq(tsa.number(accuracy)) if accuracy else b""
    content = tsa.tst_info(asking.imprint, when, more=more, nonce=asking.nonce)
    reply = tsa.cms(folder, content, tsa.issue(tsa.SIGNER, root))
    found = timestamps.check(asking, reply, [root.der])
    assert found.accuracy_ms == accuracy * 1000
    timestamps.anchor(ledger, admin, asking, reply, found)


def said_by_verify(path: Path, root: bytes) -> dict[int, dict[str, str]]:
    with closing(connect(path)) as connection:
        source = StoredSource(connection)
        bounds = Anchors(source, Findings(), [root]).bounds
        return {
            index: bounds.of(index, Entry.parse(data).commit.note.seen_size).says()
            for index, data in enumerate(source.entries(0, 10_000))
        }


@pytest.mark.parametrize("seed", range(4))
def test_history_verify_and_bundles_say_the_same_of_random_tokens(
    ledger: Ledger, admin: Acting, firm: Firm, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    print("seed", seed)
    _, root = tsa.authority(tmp_path / "tsa")
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    for number in range(10):
        if chance.random() < 0.4:
            act(ledger, admin)
        elif chance.random() < 0.5:
            ledger.act(ledger.acting(firm.second), [acts.review(record, ["accuracy"], "pass")])
        when = f"202601010000{chance.randrange(30):02}Z"
        stamped(ledger, admin, root, when, chance.choice([0, 1, 4, 9]), tmp_path / f"t{number}")
    verified = said_by_verify(ledger.folder.database, root.der)
    with ledger.engine.connect() as connection:
        times = Times(connection, ledger.ledger_id, [root.der])
        assert {entry: times.of(entry).says() for entry in verified} == verified
    assert any("not_before" in says for says in verified.values())
    report = checked(ledger, evidence(ledger, admin, "record", record), roots=(root.der,))
    own = {row.entry: row.says for row in report.events if row.event.startswith(record)}
    assert len(own) > 1
    for entry, says in own.items():
        shown = {name: says[name] for name in ("not_before", "not_after") if name in says}
        assert shown == verified[entry], entry


def test_an_inexact_token_does_not_hide_an_exact_one_that_is_a_second_younger(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    """The bare time says 10, give or take a minute; the other says 11, and means it."""
    _, root = tsa.authority(tmp_path / "tsa")
    entry = act(ledger, admin)
    stamped(ledger, admin, root, "20260101000010Z", 60, tmp_path / "one")
    stamped(ledger, admin, root, "20260101000011Z", 0, tmp_path / "two")
    with ledger.engine.connect() as connection:
        found = Times(connection, ledger.ledger_id, [root.der]).of(entry)
    assert found.before is not None
    assert found.before.last == "2026-01-01T00:00:12.000Z"
    assert found.says() == {"not_after": "2026-01-01T00:00:11Z"}
