"""Each way to change a stored ledger behind its back, and the finding that names it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import Frontier, leaf_hash
from ledger.tlog.note import SignatureLine, VerifierKey
from tests.ledger.ledgers import Firm, found_firm
from tests.ledger.tampering import (
    COLLECTED,
    LAST,
    REVIEWED,
    change,
    check,
    hand_in,
    only,
    places,
    stream_at,
    value,
)


def test_a_ledger_that_nobody_touched_is_valid(busy: Firm) -> None:
    report = check(busy)
    assert (report.verdict, report.findings) == ("valid", ())
    assert (report.events, report.commits) == (LAST, 7)
    assert report.checkpoint is not None
    assert report.checkpoint.startswith("jiejing.example/ledger\n5\n")


def test_an_event_byte(busy: Firm, database: Path) -> None:
    stream = stream_at(database, COLLECTED)
    change(database, "events", "state", "position", COLLECTED, 100)
    report = check(busy)
    finding = only(report)
    assert places(report) == [("event_changed", COLLECTED, stream, "event")]
    assert (len(finding.expected or ""), finding.expected != finding.actual) == (64, True)
    assert report.verdict == "invalid"


def test_an_event_byte_in_a_commit_of_one(busy: Firm, database: Path) -> None:
    stream = stream_at(database, REVIEWED)
    change(database, "events", "state", "position", REVIEWED, 100)
    assert places(check(busy)) == [("event_changed", REVIEWED, stream, "event")]


def test_a_changed_event_with_a_leaf_hash_to_match(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        state = value(connection, "SELECT state FROM events WHERE position = ?", COLLECTED)
        forged = state.replace(b'"items":1', b'"items":2')
        leaves = value(connection, "SELECT leaves FROM commits WHERE entry = 2")
        leaves = leaves[:32] + leaf_hash(forged) + leaves[64:]
        connection.execute("UPDATE events SET state = ? WHERE position = ?", (forged, COLLECTED))
        connection.execute("UPDATE commits SET leaves = ? WHERE entry = 2", (leaves,))
    report = check(busy)
    assert report.verdict == "invalid"
    # The signed root says that the six are not the six; which of them, nobody kept.
    assert places(report) == [("event_changed", 17, None, "event")]


def test_a_leaf_hash(busy: Firm, database: Path) -> None:
    change(database, "commits", "leaves", "entry", 2, 40)
    report = check(busy)
    assert places(report) == [("column_changed", COLLECTED, None, "column")]
    assert "leaves" in only(report).cause


def test_a_note_byte(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = 3")
        forged = data.replace(b"\nclient muniment/0", b"\nclient muniment/9")
        connection.execute("UPDATE commits SET data = ? WHERE entry = 3", (forged,))
    assert places(check(busy)) == [("signature_invalid", REVIEWED, busy.second, "note")]


def test_a_note_that_is_none_any_more(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("UPDATE commits SET data = substr(data, 1, 200) WHERE entry = 3")
    assert places(check(busy)) == [("note_malformed", REVIEWED, None, "note")]


def postpone(database: Path, entry: int) -> None:
    """An accepted time a millisecond later: covered by no signature, only by the tree."""
    with hand_in(database) as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = ?", entry)
        time = data[9:33]
        later = time[:20] + b"%03d" % ((int(time[20:23]) + 1) % 1000) + b"Z"
        connection.execute(
            "UPDATE commits SET data = ? WHERE entry = ?", (data.replace(time, later), entry)
        )


@pytest.mark.parametrize(("entry", "position"), [(0, 1), (2, 17), (3, REVIEWED), (6, LAST)])
def test_the_accepted_time_of_an_entry(
    busy: Firm, database: Path, entry: int, position: int
) -> None:
    postpone(database, entry)
    found = places(check(busy))
    assert ("entry_changed", position, None, "entry") in found
    assert {code for code, *_ in found} <= {"entry_changed", "clock_regression"}


def test_an_accepted_time_with_head_tree_and_pins_to_match(busy: Firm, database: Path) -> None:
    """Only what people signed to have seen still tells."""
    postpone(database, 3)
    rehash(database)
    for pin in busy.path.glob("trust/pin"):
        pin.unlink()
    found = places(check(busy))
    assert ("entry_changed", REVIEWED, None, "entry") in found


def rehash(database: Path) -> Checkpoint:
    """Make the head fit whatever the entries are now."""
    with hand_in(database) as connection:
        rows = connection.execute('SELECT data, "count" FROM commits ORDER BY entry').fetchall()
        frontier = Frontier()
        frontier.extend([leaf_hash(data) for data, _ in rows])
        accepted = Entry.parse(rows[-1][0]).accepted
        connection.execute(
            "UPDATE head SET entries = ?, events = ?, root = ?, edge = ?, accepted = ?",
            (len(rows), sum(count for _, count in rows), frontier.root(), frontier.to_bytes(),
             accepted),
        )  # fmt: skip
    return Checkpoint("jiejing.example/ledger", len(rows), frontier.root())


def test_a_signature_swapped_for_another_of_the_same_person(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        two, six = (
            value(connection, "SELECT data FROM commits WHERE entry = ?", entry) for entry in (2, 6)
        )
        line = six[six.index("— ".encode()) :]
        forged = two[: two.index("— ".encode())] + line
        connection.execute("UPDATE commits SET data = ? WHERE entry = 2", (forged,))
    assert places(check(busy)) == [("signature_invalid", 17, busy.founded.actor, "note")]


def test_a_signer_relabelled_as_somebody_else(busy: Firm, database: Path) -> None:
    """The other person's name and key id in text and signature line: the text was not signed."""
    with hand_in(database) as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = 3")
        other = value(connection, "SELECT data FROM commits WHERE entry = 6")
        entry, theirs = Entry.parse(data), Entry.parse(other).commit.note.signers[0]
        mine = entry.commit.note.signers[0]
        signature = entry.commit.signatures[0].signature
        forged = data[: data.index(b"\n\n") + 2].replace(mine.name.encode(), theirs.name.encode())
        forged = forged.replace(mine.key_id.hex().encode(), theirs.key_id.hex().encode())
        line = SignatureLine(theirs.name, theirs.key_id, signature).format().encode()
        connection.execute("UPDATE commits SET data = ? WHERE entry = 3", (forged + line,))
    found = places(check(busy))
    assert found[0] == ("signature_invalid", REVIEWED, busy.founded.actor, "note")


def test_a_signer_relabelled_as_nobody(busy: Firm, database: Path) -> None:
    """An unknown key alone would be unverifiable; that the entry was changed is known too."""
    with hand_in(database) as connection:
        data = value(connection, "SELECT data FROM commits WHERE entry = 3")
        key_id = Entry.parse(data).commit.note.signers[0].key_id
        other = bytes([key_id[0] ^ 1]) + key_id[1:]
        line = Entry.parse(data).commit.signatures[0]
        forged = data[: data.index(b"\n\n") + 2].replace(
            key_id.hex().encode(), other.hex().encode()
        )
        forged += SignatureLine(line.name, other, line.signature).format().encode()
        connection.execute("UPDATE commits SET data = ? WHERE entry = 3", (forged,))
    report = check(busy)
    assert report.verdict == "invalid"
    assert {("key_unknown", REVIEWED, busy.second, "key"),
            ("entry_changed", REVIEWED, None, "entry")} <= set(places(report))  # fmt: skip


def delete_tail(database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("DELETE FROM commits WHERE entry >= 5")
        connection.execute("DELETE FROM events WHERE position >= 26")
    rehash(database)
    with hand_in(database) as connection:
        for (holder,) in connection.execute("SELECT holder FROM signers").fetchall():
            at = (
                3
                if value(connection, "SELECT stream FROM events WHERE position = 12") == holder
                else 4
            )
            connection.execute("UPDATE signers SET entry = ? WHERE holder = ?", (at, holder))


def test_a_deleted_tail_with_the_head_rewound_is_noticed_by_the_pin(
    busy: Firm, database: Path
) -> None:
    delete_tail(database)
    report = check(busy)
    assert places(report) == [("rolled_back", None, None, "head")]
    assert (only(report).expected, only(report).actual) == ("7", "5")


def test_a_deleted_tail_that_nobody_else_has_seen(busy: Firm, database: Path) -> None:
    """Without a pin a prefix of a ledger is a ledger: that is what pins are for."""
    delete_tail(database)
    (busy.path / "trust" / "pin").unlink()
    assert check(busy).verdict == "valid"


def test_a_deleted_tail_below_a_stored_checkpoint(busy: Firm, database: Path) -> None:
    (busy.path / "trust" / "pin").unlink()
    with hand_in(database) as connection:
        connection.execute("DELETE FROM commits WHERE entry >= 4")
        connection.execute("DELETE FROM events WHERE position >= 24")
        connection.execute("DELETE FROM sealed WHERE position >= 24")
    rehash(database)
    assert "rolled_back" in {code for code, *_ in places(check(busy))}


def test_a_deleted_tail_alone(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("DELETE FROM commits WHERE entry = 6")
        connection.execute("DELETE FROM events WHERE position = 27")
    assert ("entry_missing", LAST, None, "entry") in places(check(busy))


def test_a_deleted_event(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("DELETE FROM events WHERE position = ?", (COLLECTED + 1,))
    report = check(busy)
    assert places(report) == [("event_missing", COLLECTED + 1, None, "event")]


def test_a_deleted_entry_with_its_events(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("DELETE FROM commits WHERE entry = 3")
        connection.execute("DELETE FROM events WHERE position = ?", (REVIEWED,))
    found = places(check(busy))
    assert found[0] == ("entry_missing", REVIEWED, None, "entry")


def test_two_events_that_changed_places(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        for old, new in ((18, 99), (20, 18), (99, 20)):
            connection.execute("UPDATE events SET position = ? WHERE position = ?", (new, old))
    found = places(check(busy))
    assert [(code, position) for code, position, *_ in found] == [
        ("event_changed", 18),
        ("event_changed", 20),
    ]


def test_two_entries_that_changed_places(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        for old, new in ((5, 99), (6, 5), (99, 6)):
            connection.execute("UPDATE commits SET entry = ? WHERE entry = ?", (new, old))
    report = check(busy)
    assert report.verdict == "invalid"
    assert {26, 27} <= {finding.position for finding in report.findings}


def test_a_forged_event_after_the_last(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute(
            "INSERT INTO events SELECT 28, randomblob(16), version, topic, 7, state FROM events "
            "WHERE position = 27"
        )
    assert [place[:2] for place in places(check(busy))] == [("event_unknown", 28)]


def test_a_forged_event_before_the_first(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute(
            "INSERT INTO events SELECT -5, randomblob(16), version, topic, 0, state FROM events "
            "WHERE position = 27"
        )
    assert [place[:2] for place in places(check(busy))] == [("event_unknown", -5)]


def test_a_forged_commit_of_an_outsider(busy: Firm, database: Path) -> None:
    """A whole entry with its own events, tree and head, signed with a key that nobody enrolled."""
    from ledger.privatekey import generate
    from ledger.signing import Cosigner, commit_note, sign_all

    with closing(sqlite3.connect(database)) as connection:
        seen = value(connection, "SELECT root FROM head")
        state = value(connection, "SELECT state FROM events WHERE position = 27")
        accepted = value(connection, "SELECT accepted FROM head")
    forged = state.replace(b'"version":1', b'"version":2')
    key = generate("ed25519", "act", f"jiejing.example/ledger/a/{busy.founded.actor}")
    note = commit_note("jiejing.example/ledger", [forged], (7, seen),
                       [Cosigner(key.name, key.verifier.key_id, "administrator")])  # fmt: skip
    data = Entry(accepted, sign_all(note, [key])).format()
    with hand_in(database) as connection:
        connection.execute(
            "INSERT INTO events SELECT 28, stream, 2, topic, 7, ? FROM events WHERE position = 27",
            (forged,),
        )
        connection.execute(
            "INSERT INTO commits VALUES (7, 28, 1, ?, ?, x'')",
            (bytes.fromhex(note.commit_id), data),
        )
    rehash(database)
    report = check(busy)
    assert ("key_unknown", 28, busy.founded.actor, "key") in places(report)
    assert report.verdict in ("unverifiable", "invalid")


@pytest.mark.parametrize(
    ("column", "new"),
    [("stream", b"\1" * 16), ("version", 7), ("topic", "record.archived"), ("entry", 3)],
)
def test_a_column_of_an_event(
    busy: Firm, database: Path, column: str, new: bytes | str | int
) -> None:
    stream = stream_at(database, COLLECTED)
    with hand_in(database) as connection:
        connection.execute(f"UPDATE events SET {column} = ? WHERE position = ?", (new, COLLECTED))
    report = check(busy)
    assert ("column_changed", COLLECTED, stream, "column") in places(report)
    assert f"column {column} " in report.findings[0].cause


@pytest.mark.parametrize(("column", "new"), [("first", 3), ("count", 2), ("id", b"\1" * 16)])
def test_a_column_of_an_entry(busy: Firm, database: Path, column: str, new: bytes | int) -> None:
    with hand_in(database) as connection:
        connection.execute(f'UPDATE commits SET "{column}" = ? WHERE entry = 3', (new,))
    report = check(busy)
    assert places(report) == [("column_changed", REVIEWED, None, "column")]


def test_a_dropped_trigger_alone_changes_nothing(busy: Firm, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.commit()
    assert check(busy).verdict == "valid"


@pytest.mark.parametrize("at", range(0, 190, 19))
def test_a_checkpoint_byte(busy: Firm, database: Path, at: int) -> None:
    change(database, "checkpoints", "note", "id", 2, at)
    report = check(busy)
    assert places(report) == [("checkpoint_changed", 24, None, "checkpoint")]
    assert "checkpoint 2 at size 5" in only(report).cause


def test_a_checkpoint_of_a_stranger(busy: Firm, database: Path) -> None:
    from ledger.privatekey import generate
    from ledger.tlog.checkpoint import sign_checkpoint
    from ledger.tlog.note import Note

    with closing(sqlite3.connect(database)) as connection:
        root = value(connection, "SELECT root FROM head")
    checkpoint = Checkpoint("jiejing.example/ledger", 7, root)
    key = generate("ed25519", "checkpoint", checkpoint.origin)
    note = Note(checkpoint.format(), (sign_checkpoint(checkpoint, key),)).format()
    with hand_in(database) as connection:
        connection.execute("INSERT INTO checkpoints VALUES (3, 7, ?)", (note,))
    assert places(check(busy)) == [("checkpoint_changed", LAST, None, "checkpoint")]


def test_a_sealed_byte(busy: Firm, database: Path) -> None:
    change(database, "sealed", "ciphertext", "position", COLLECTED, 30)
    stream = stream_at(database, COLLECTED)
    assert places(check(busy)) == [("sealed_changed", COLLECTED, stream, "sealed")]


def test_a_sealed_payload_that_is_gone_is_unverifiable(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("DELETE FROM sealed WHERE position = ?", (COLLECTED,))
    report = check(busy)
    assert places(report) == [
        ("sealed_missing", COLLECTED, stream_at(database, COLLECTED), "sealed")
    ]
    assert report.verdict == "unverifiable"


def test_a_sealed_payload_that_no_event_names(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("INSERT INTO sealed VALUES (?, x'00')", (REVIEWED,))
        connection.execute("INSERT INTO sealed VALUES (99, x'00')")
    assert [place[:2] for place in places(check(busy))] == [
        ("sealed_unknown", REVIEWED),
        ("sealed_unknown", 99),
    ]


@pytest.mark.parametrize(
    ("column", "sql"),
    [
        ("entries", "entries = 6"),
        ("events", "events = 26"),
        ("root", "root = zeroblob(32)"),
        ("edge", "edge = zeroblob(96)"),
        ("accepted", "accepted = '2020-01-01T00:00:00.000Z'"),
    ],
)
def test_the_head(busy: Firm, database: Path, column: str, sql: str) -> None:
    with hand_in(database) as connection:
        connection.execute(f"UPDATE head SET {sql}")
    report = check(busy)
    assert places(report) == [("head_changed", None, None, "head")]
    assert column in only(report).cause or column == "entries"


def test_the_head_gone(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("DELETE FROM head")
    assert places(check(busy)) == [("head_missing", None, None, "head")]


def test_an_adopted_pack(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        connection.execute("UPDATE packs SET data = CAST(data || x'0a' AS BLOB)")
    assert places(check(busy)) == [("policy_changed", 10, stream_at(database, 10), "policy")]


def test_the_last_entry_of_a_signer(busy: Firm, database: Path) -> None:
    with hand_in(database) as connection:
        identity = bytes.fromhex(busy.second[-36:].replace("-", ""))
        connection.execute("UPDATE signers SET entry = 2 WHERE holder = ?", (identity,))
    assert places(check(busy)) == [("column_changed", 26, busy.second, "column")]


def test_the_trusted_key_of_another_ledger(busy: Firm) -> None:
    from ledger.privatekey import generate

    key = generate("ed25519", "checkpoint", "jiejing.example/ledger")
    report = check(busy, trust=VerifierKey.of(key.name, 1, key.public))
    assert ("ledger_key_untrusted", 1, None, "key") in places(report)


def test_a_whole_history_signed_anew_is_noticed_by_the_pin(busy: Firm, state_home: Path) -> None:
    """Another ledger under the same name: its own keys, its own people."""
    trust = (busy.path / "trust" / "ledger.vkey").read_bytes()
    pin = (busy.path / "trust" / "pin").read_bytes()
    other = found_firm(state_home / "other")
    shutil.copy(other.path / "ledger.db", busy.path / "ledger.db")
    assert (busy.path / "trust" / "ledger.vkey").read_bytes() == trust
    assert (busy.path / "trust" / "pin").read_bytes() == pin
    codes = {code for code, *_ in places(check(busy))}
    assert {"ledger_key_untrusted", "rolled_back"} <= codes
