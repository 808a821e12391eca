"""The index of everything that events name: what is in it, what it proves, who lies about it."""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.anchor import LedgerIndexPublished
from ledger.errors import EncodingError, MunimentError, UsageError, VerificationError
from ledger.index import Index, Published, computing, kept, names, prove, published
from ledger.index.publishing import publish
from ledger.signing import Proposal
from ledger.tlog.encoding import check as canonical
from ledger.tlog.encoding import encode
from ledger.tlog.merkle import leaf_hash, tree_root, verify_inclusion
from tests.ledger.ledgers import Firm, small_act
from tests.ledger.tampering import act, change, check, hand_in, only, places
from tests.ledger.test_verify import permit_all

U = "019390a1-7e30-7c3a-8d5e-2f1b6a9c0d{:02x}"
RECORD, OTHER, ACTOR = f"record-{U.format(1)}", f"record-{U.format(2)}", f"actor-{U.format(3)}"


# -- what an event names ------------------------------------------------------------------------

ID = re.compile(r"([a-z_]{3,24}-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}"
                r"-[0-9a-f]{12})(?:/[1-9][0-9]{0,15})?")  # fmt: skip


def by_walking(value: object) -> Iterator[str]:
    """The definition, slowly: every string value that is an id, or the id of an event."""
    if isinstance(value, dict):
        for item in value.values():
            yield from by_walking(item)
    elif isinstance(value, list):
        for item in value:
            yield from by_walking(item)
    elif isinstance(value, str) and (found := ID.fullmatch(value)):
        yield found[1]


def named_in(event: dict[str, Any]) -> set[str]:
    return {name.decode() for name in names(encode(event))}


ids = st.sampled_from([RECORD, OTHER, ACTOR, f"{RECORD}/1", f"destruction_case-{U.format(9)}"])
near = st.sampled_from([
    f"{RECORD}/0", f"{RECORD}/", f"{RECORD}/1/2", f" {RECORD}", f"{RECORD} ", RECORD[:-1],
    RECORD + "a", RECORD.upper(), RECORD.replace("-7c", "-4c"), f"re-{U.format(1)}",
    f"{'a' * 25}-{U.format(1)}", f'x:"{RECORD}', f'{RECORD}"', f'"{RECORD}"', f'\\"{RECORD}',
    f'x,"{RECORD}","', f"\\{RECORD}", f'{RECORD}":', "\\", '"', ":", ",", '[":', '":"', "",
])  # fmt: skip
texts = st.one_of(
    ids, near, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
)
values = st.recursive(
    st.one_of(texts, st.integers(-5, 5), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=6))
def test_the_scan_finds_exactly_the_string_values_that_are_ids(event: dict[str, Any]) -> None:
    try:
        raw = encode(event)
        canonical(raw)
    except EncodingError:
        return
    assert {name.decode() for name in names(raw)} == set(by_walking(event))


def test_an_id_is_found_wherever_it_stands() -> None:
    assert named_in({"a": RECORD}) == {RECORD}
    assert named_in({"a": [1, RECORD, ACTOR]}) == {RECORD, ACTOR}
    assert named_in({"a": {"b": [{"c": f"{RECORD}/17"}]}}) == {RECORD}


def test_a_key_is_no_value() -> None:
    assert named_in({RECORD: 1, "a": [{ACTOR: "x"}]}) == set()
    assert named_in({RECORD: RECORD}) == {RECORD}


def test_what_only_holds_an_id_is_none() -> None:
    for text in (f"{RECORD}/0", f"{RECORD}/01", f"x{RECORD}"[:3] + "9", f"{RECORD}x", RECORD[1:3]):
        assert named_in({"a": text}) == set(), text


@pytest.mark.parametrize(
    "hidden",
    [
        RECORD.replace("r", "\\u0072", 1),
        RECORD.replace("-", "\\u002d", 1),
        RECORD.replace("-", "\\u002D"),
        f"{RECORD}\\/1",
        RECORD.replace("e", "\\u0065"),
    ],
)
def test_an_id_written_with_escapes_is_no_canonical_event(hidden: str) -> None:
    """What the scan would not see is not accepted as an event by anybody."""
    raw = f'{{"a":"{hidden}"}}'.encode()
    assert set(by_walking(json.loads(raw))) == {RECORD}
    assert names(raw) == set()
    with pytest.raises(EncodingError) as refused:
        canonical(raw)
    assert refused.value.code == "not_canonical"


def test_a_space_before_an_id_is_no_canonical_event() -> None:
    raw = f'{{"a": "{RECORD}"}}'.encode()
    assert names(raw) == set()
    with pytest.raises(EncodingError):
        canonical(raw)


# -- the rows, against the definition -----------------------------------------------------------


def event(stream: str, version: int, *named: str, **fields: object) -> bytes:
    return encode({"names": list(named), "stream": stream, "v": 1, "version": version, **fields})


def by_definition(states: list[bytes]) -> list[str]:
    """Every row, from everything in memory."""
    last: dict[str, tuple[int, bytes]] = {}
    pairs = set()
    for state in states:
        told = json.loads(state)
        if not ID.fullmatch(told["stream"]) or "/" in told["stream"]:
            continue
        last[told["stream"]] = (told["version"], state)
        pairs |= {(name, told["stream"]) for name in by_walking(told)}
    return sorted(
        f"{name} {stream} {last[stream][0]} {leaf_hash(last[stream][1]).hex()}"
        for name, stream in pairs
    )


def rows_of(states: list[bytes]) -> list[str]:
    with Index() as index:
        index.add(states)
        return [text.decode() for texts in index.rows() for text in texts]


def test_one_row_for_each_object_and_stream_with_the_streams_last_event() -> None:
    states = [event(RECORD, 1, ACTOR), event(OTHER, 1, ACTOR, f"{RECORD}/1"), event(RECORD, 2)]
    leaf = {RECORD: leaf_hash(states[2]).hex(), OTHER: leaf_hash(states[1]).hex()}
    assert rows_of(states) == [
        f"{ACTOR} {RECORD} 2 {leaf[RECORD]}",
        f"{ACTOR} {OTHER} 1 {leaf[OTHER]}",
        f"{RECORD} {RECORD} 2 {leaf[RECORD]}",
        f"{RECORD} {OTHER} 1 {leaf[OTHER]}",
        f"{OTHER} {OTHER} 1 {leaf[OTHER]}",
    ]


def test_ids_whose_kinds_begin_alike_stay_in_the_order_of_their_bytes() -> None:
    """`rec`, `rec_x` and `record`: a hyphen sorts before a letter and before `_`."""
    kinds = ["rec", "record", "rec_x", "records", "recorda", "a__", "zzz"]
    streams = [f"{kind}-{U.format(at)}" for kind in kinds for at in (0, 255)]
    states = [event(stream, 1, *streams) for stream in streams]
    assert rows_of(states) == by_definition(states)
    assert len(rows_of(states)) == len(streams) ** 2


def random_states(seed: int, count: int) -> list[bytes]:
    print("seed", seed)
    drawn = random.Random(seed)
    kinds = ("record", "rec", "actor", "destruction_case")
    pool = [f"{kind}-{U.format(at)}" for kind in kinds for at in range(40)]
    versions = dict.fromkeys(pool, 0)
    states = []
    for _ in range(count):
        stream = drawn.choice(pool)
        versions[stream] += 1
        named = drawn.choices(pool, k=drawn.randrange(4))
        states.append(event(stream, versions[stream], *named, salt=str(drawn.random())))
    return states


@pytest.mark.parametrize("seed", range(3))
def test_small_portions_come_to_the_same_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is written to disk and merged again, and read in between."""
    states = random_states(seed, 1500)
    for name, value in (("_PAIRS", 50), ("_STREAMS", 20), ("_AT_ONCE", 7), ("_MERGED", 4000)):
        monkeypatch.setattr(computing, name, value)
    with Index() as index:
        for at in range(0, 1500, 500):
            index.add(states[at : at + 500])
            rows = [text.decode() for texts in index.rows() for text in texts]
            assert rows == by_definition(states[: at + 500])
            expected = tree_root([leaf_hash(row.encode()) for row in rows])
            assert index.root() == (expected, len(rows))


def test_a_stream_without_an_id_and_bytes_that_are_no_event_have_no_rows() -> None:
    states = [event("nothing", 1, RECORD), b"{", b"\xff", b"[]", b'{"stream":1,"version":1}',
              event(f"{RECORD}/2", 1, OTHER), event(OTHER, 1)]  # fmt: skip
    assert rows_of(states) == [f"{OTHER} {OTHER} 1 {leaf_hash(states[-1]).hex()}"]


def test_a_stream_member_further_down_is_not_the_events_own() -> None:
    states = [event(RECORD, 1, a={"stream": OTHER, "version": 7})]
    assert [row.split()[:3] for row in rows_of(states)] == [
        [RECORD, RECORD, "1"],
        [OTHER, RECORD, "1"],
    ]


def test_no_room_for_temporary_files_is_said_and_nothing_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("os.pread", full)
    with pytest.raises(MunimentError, match="temporary files"):
        rows_of(random_states(1, 100))
    assert list(tmp_path.iterdir()) == []


def test_without_any_usable_temporary_folder_an_index_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere(*_: object, **__: object) -> object:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", nowhere)
    with pytest.raises(MunimentError, match="temporary files") as told:
        rows_of(random_states(1, 100))
    assert "TMPDIR" in told.value.remedy


# -- published ----------------------------------------------------------------------------------


@dataclass
class Told:
    """A firm with two records, a review, and an index over it."""

    firm: Firm
    index: Published


@pytest.fixture
def told(busy: Firm) -> Told:
    with busy.open() as ledger:
        done = publish(ledger, ledger.acting(busy.founded.actor))
        assert done is not None
        with ledger.engine.connect() as connection:
            (found,) = published(connection)
    assert (found.size, found.root, found.rows) == (done.size, done.root, done.rows)
    assert found.entry == done.receipt.entry == done.size
    return Told(busy, found)


def states_of(firm: Firm, below: int) -> list[bytes]:
    with closing(sqlite3.connect(firm.path / "ledger.db")) as connection:
        sql = "SELECT state FROM events WHERE entry < ? ORDER BY position"
        return [bytes(row[0]) for row in connection.execute(sql, (below,))]


def test_the_published_root_is_that_of_the_definition(told: Told) -> None:
    rows = by_definition(states_of(told.firm, told.index.size))
    assert told.index.rows == len(rows)
    assert told.index.root == tree_root([leaf_hash(row.encode()) for row in rows])


def test_every_object_is_proved_with_its_neighbours(told: Told) -> None:
    rows = by_definition(states_of(told.firm, told.index.size))
    with told.firm.open(writing=False) as ledger:
        for name in sorted({row.split()[0] for row in rows}):
            own = [at for at, row in enumerate(rows) if row.split()[0] == name]
            wanted = range(max(own[0] - 1, 0), min(own[-1] + 2, len(rows)))
            found = prove(ledger, told.index.event, name)
            assert [(one.row, one.text) for one in found] == [(at, rows[at]) for at in wanted]
            for row, text, hashes in found:
                leaf = leaf_hash(text.encode())
                verify_inclusion(row, len(rows), leaf, hashes, told.index.root)


@pytest.mark.parametrize("name", ["aaa-" + U.format(0), "zzz-" + U.format(0), RECORD])
def test_what_nothing_names_is_proved_by_the_gap(told: Told, name: str) -> None:
    rows = by_definition(states_of(told.firm, told.index.size))
    with told.firm.open(writing=False) as ledger:
        found = prove(ledger, told.index.event, name)
    below = sum(row < name for row in rows)
    assert [one.row for one in found] == [at for at in (below - 1, below) if 0 <= at < len(rows)]


def test_an_older_index_is_proved_as_it_was(told: Told) -> None:
    act(told.firm, 3)
    with told.firm.open() as ledger:
        publish(ledger, ledger.acting(told.firm.founded.actor))
        rows = by_definition(states_of(told.firm, told.index.size))
        found = prove(ledger, told.index.event, told.firm.founded.actor)
        assert {one.text for one in found} <= set(rows)
        assert len(found) > 2
    assert check(told.firm).verdict == "valid"
    assert check(told.firm).indexes == 2


def test_only_the_newest_rows_are_kept(told: Told) -> None:
    folder = told.firm.path / "index"
    assert [path.name for path in folder.iterdir()] == [str(told.index.size)]
    act(told.firm)
    with told.firm.open() as ledger:
        publish(ledger, ledger.acting(told.firm.founded.actor))
    assert [path.name for path in folder.iterdir()] == [str(told.index.entry + 2)]


@pytest.mark.parametrize("way", ["gone", "cut", "other", "empty", "flipped"])
def test_kept_rows_that_are_lost_or_changed_are_made_again(told: Told, way: str) -> None:
    place = kept.path_of(told.firm.path, told.index.size)
    raw = place.read_bytes()
    with told.firm.open(writing=False) as ledger:
        expected = prove(ledger, told.index.event, told.firm.founded.actor)
        if way == "gone":
            shutil.rmtree(place.parent)
        elif way == "flipped":
            for at in range(0, len(raw), 101):
                place.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
                again = prove(ledger, told.index.event, told.firm.founded.actor)
                assert again == expected, at
        else:
            place.write_bytes({"cut": raw[:-5], "other": b"x" * len(raw), "empty": b""}[way])
        assert prove(ledger, told.index.event, told.firm.founded.actor) == expected
    if way == "gone":
        assert place.read_bytes() == raw


def test_rows_left_out_of_the_kept_file_are_noticed(told: Told) -> None:
    """A file that points past rows of an object, though every row in it is genuine."""
    place = kept.path_of(told.firm.path, told.index.size)
    raw = bytearray(place.read_bytes())
    actor = told.firm.founded.actor
    with told.firm.open(writing=False) as ledger:
        expected = prove(ledger, told.index.event, actor)
        with place.open("rb") as file, closing(kept.Kept(file)) as rows:
            at = next(at for at in range(rows._count) if rows._object(at) == actor)
            offset = rows._objects + at * kept._OBJECT.size + kept._ID
        raw[offset : offset + 8] = (expected[2].row).to_bytes(8, "big")
        place.write_bytes(raw)
        assert prove(ledger, told.index.event, actor) == expected


def test_an_index_that_is_not_there_has_no_proofs(told: Told) -> None:
    with told.firm.open(writing=False) as ledger, pytest.raises(UsageError):
        prove(ledger, f"{told.firm.founded.ledger}/1", told.firm.founded.actor)


def test_publishing_twice_says_nothing_new(told: Told) -> None:
    with told.firm.open() as ledger:
        acting = ledger.acting(told.firm.founded.actor)
        assert publish(ledger, acting) is None
        ledger.act(acting, [small_act(77)])
        assert publish(ledger, acting) is not None


# -- who lies about it --------------------------------------------------------------------------


def forge(told: Told, monkeypatch: pytest.MonkeyPatch, **fields: object) -> int:
    """A modified recorder takes an index that is not the real one; its position."""
    said = {"size": told.index.entry + 1, "root": told.index.root.hex(), "rows": told.index.rows}
    with told.firm.open() as ledger:
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        proposal = Proposal(LedgerIndexPublished, ledger.ledger_id, {**said, **fields})
        return ledger.act(ledger.acting(told.firm.founded.actor), [proposal]).first


def real(told: Told, size: int) -> tuple[str, int]:
    rows = by_definition(states_of(told.firm, size))
    return tree_root([leaf_hash(row.encode()) for row in rows]).hex(), len(rows)


def lie(told: Told, at: int, row: str | None) -> str:
    """The root of an index of which one row says something else, or is left out."""
    rows = by_definition(states_of(told.firm, told.index.entry + 1))
    rows[at : at + 1] = [row] if row else []
    return tree_root([leaf_hash(text.encode()) for text in rows]).hex()


def test_a_true_index_is_computed_again_and_found_to_be_true(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, rows = real(told, told.index.entry + 1)
    forge(told, monkeypatch, root=root, rows=rows)
    report = check(told.firm)
    assert (report.verdict, report.indexes, report.indexes_left) == ("valid", 2, 0)


@pytest.mark.parametrize("which", ["changed", "left_out", "made_up"])
def test_an_index_that_lies_about_one_row(
    told: Told, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    size = told.index.entry + 1
    root, rows = real(told, size)
    said = by_definition(states_of(told.firm, size))[5]
    changed = {"changed": said[:-1] + ("0" if said[-1] != "0" else "1"), "left_out": None,
               "made_up": f"{said}\n{said}"}[which]  # fmt: skip
    false = lie(told, 5, changed)
    position = forge(told, monkeypatch, root=false, rows=rows)
    finding = only(check(told.firm))
    assert (finding.code, finding.position, finding.part) == ("index_differs", position, "event")
    assert (finding.expected, finding.actual) == (root, false)


def test_an_index_with_a_wrong_number_of_rows(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    root, rows = real(told, told.index.entry + 1)
    position = forge(told, monkeypatch, root=root, rows=rows + 1)
    finding = only(check(told.firm))
    assert (finding.code, finding.position) == ("index_differs", position)
    assert (finding.expected, finding.actual) == (str(rows), str(rows + 1))


def test_an_index_over_entries_that_are_not_there_yet(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = forge(told, monkeypatch, size=told.index.entry + 50)
    codes = {(f.code, f.position) for f in check(told.firm).findings}
    assert codes == {("index_differs", position), ("not_permitted", position)}


def test_an_index_that_covers_its_own_event(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry too many: nobody can know the root over the event that holds it."""
    position = forge(told, monkeypatch, size=told.index.entry + 2)
    assert ("index_differs", position) in {(f.code, f.position) for f in check(told.firm).findings}


def test_two_indexes_of_one_size_are_not_both_true(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = forge(told, monkeypatch, size=told.index.size, root="0" * 64)
    report = check(told.firm)
    assert {(f.code, f.position) for f in report.findings} == {
        ("index_differs", position),
        ("not_permitted", position),
    }
    assert report.indexes == 2


def test_an_index_is_found_out_even_if_its_first_false_one_is_followed_by_a_true_one(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = forge(told, monkeypatch, root="1" * 64)
    with told.firm.open() as ledger:
        ledger.act(ledger.acting(told.firm.founded.actor), [small_act(5)])
        publish(ledger, ledger.acting(told.firm.founded.actor))
    report = check(told.firm)
    assert places(report) == [("index_differs", position, told.firm.founded.ledger, "event")]
    assert report.indexes == 3


def test_nobody_proves_rows_of_a_false_index(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    position = forge(told, monkeypatch, root="1" * 64)
    with told.firm.open(writing=False) as ledger:
        with ledger.engine.connect() as connection:
            false = next(one for one in published(connection) if one.position == position)
        with pytest.raises(VerificationError):
            prove(ledger, false.event, told.firm.founded.actor)


def test_a_changed_event_makes_the_index_over_it_differ_too(told: Told) -> None:
    change(told.firm.path / "ledger.db", "events", "state", "position", 18, 100)
    found = {(f.code, f.position) for f in check(told.firm).findings}
    assert {("event_changed", 18), ("index_differs", told.index.position)} <= found


def test_from_a_checkpoint_on_an_index_is_counted_and_not_computed(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told.firm.open() as ledger:
        note = ledger.sign_checkpoint()
    forge(told, monkeypatch, root="1" * 64)
    report = check(told.firm, since=note)
    assert (report.verdict, report.indexes, report.indexes_left) == ("valid", 0, 1)
    assert check(told.firm).verdict == "invalid"


def test_a_damaged_column_is_no_crash(told: Told) -> None:
    with hand_in(told.firm.path / "ledger.db") as connection:
        connection.execute("UPDATE events SET entry = NULL WHERE position = 18")
    assert "column_changed" in {f.code for f in check(told.firm).findings}


def test_the_rules_refuse_what_they_can_judge(told: Told) -> None:
    with told.firm.open() as ledger:
        acting = ledger.acting(told.firm.founded.actor)
        for size in (told.index.size, told.index.entry + 2):
            fields = {"size": size, "root": "1" * 64, "rows": 1}
            with pytest.raises(MunimentError, match="I-06"):
                ledger.act(acting, [Proposal(LedgerIndexPublished, ledger.ledger_id, fields)])
