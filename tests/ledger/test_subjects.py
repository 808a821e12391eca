"""People are found again by what identifies them, and forgotten with the records they stand in."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import acts, recognition
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect, pepper
from ledger.effects.indexing import Looked, index
from ledger.errors import UsageError
from ledger.people import coverage, report
from ledger.schema import foreign_objects, transaction
from ledger.subjects import (
    INDEXED,
    LABEL,
    Identifier,
    Subject,
    find,
    forget,
    identifiers_of,
    places_of,
)
from tests.ledger.ledgers import Firm, dump

ZHANG = "13812345678"
LI = "13987654321"
ZHANG_ID = "11010519491231002X"


def collected(
    ledger: Ledger, admin: Acting, *paths: Path, rows: bool = False, engagement: str | None = None
) -> list[str]:
    """The records collected from these files."""
    terms = Terms(
        "contract", "pipl_13_2_contract", "店主", engagement or ledger.routine(), rows=rows
    )
    return [o.record for o in collect(ledger, admin, paths, terms) if isinstance(o, Collected)]


def text_file(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def table_of(folder: Path, *rows: tuple[str, ...], name: str = "客户.csv") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("姓名", "电话", "备注"), *rows])
    return path


def looked(ledger: Ledger, *records: str, again: bool = False) -> list[Looked]:
    return list(index(ledger, founder(ledger), list(records) or None, again=again))


def founder(ledger: Ledger) -> Acting:
    return ledger.acting(ledger.events_of(ledger.ledger_id)[0][2].by)


def found(ledger: Ledger, given: str) -> list[Subject]:
    return find(ledger, identifiers_of(given)).subjects


def records_of(ledger: Ledger, given: str) -> list[str]:
    return [record for subject in found(ledger, given) for record in subject.records]


def erasable(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    """What the three tables hold."""
    return {name: rows for name, rows in dump(ledger.engine).items() if name.startswith("subject_")}


# -- however it is written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("电话13812345678。", "138-1234-5678"),
        ("+86 138 1234 5678", ZHANG),
        ("１３８１２３４５６７８", "+86 138-1234-5678"),
        ("身份证 11010519491231002x", ZHANG_ID),
        ("130503670401001", "130503196704010016"),
        ("写信到 Zhang.San@EXAMPLE.com", "zhang.san@example.COM"),
        ("卡号 6228 4804 0256 4890 018", "6228480402564890018"),
        ("单位 91350100M000100Y43", "91350100m000100y43"),
        ("车牌 京A·12345", "京A12345"),
    ],
)
def test_a_person_is_found_however_the_identifier_is_written(
    ledger: Ledger, admin: Acting, tmp_path: Path, written: str, asked: str
) -> None:
    (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", f"{written}\n"))
    (outcome,) = looked(ledger, record)
    assert (outcome.outcome, outcome.found) == (INDEXED, 1)
    assert records_of(ledger, asked) == [record]
    assert records_of(ledger, LI) == []


def test_a_name_or_a_number_with_a_typing_error_is_no_identifier() -> None:
    for given in ("张三", "138123456789", "110105194912310021", "", "\n"):
        with pytest.raises(UsageError) as caught:
            identifiers_of(given)
        assert given.strip() == "" or given not in str(caught.value)
    assert "13812345678" not in repr(Identifier("mobile", ZHANG))


def test_the_same_digits_of_another_kind_are_another_token(ledger: Ledger) -> None:
    from ledger.subjects import Tokens

    tokens = Tokens(ledger)
    under = ledger.routine()
    one = tokens.token(under, Identifier("mobile", ZHANG))
    assert one == tokens.token(under, Identifier("mobile", ZHANG))
    assert one != tokens.token(under, Identifier("landline", ZHANG))
    assert len(one) == 16


# -- where ----------------------------------------------------------------------------------------


def test_in_a_series_the_rows_are_told_as_a_spreadsheet_counts_them(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    path = table_of(tmp_path, ("张三", ZHANG, ""), ("李四", LI, ""), ("张三", ZHANG, "再次"))
    (record,) = collected(ledger, admin, path)
    looked(ledger, record)
    ((place,),) = (subject.places for subject in found(ledger, ZHANG))
    assert place == (record, ((1, 2), (1, 4)))


def test_a_row_that_is_a_record_of_its_own_is_found_by_itself(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    rows = [("张三", ZHANG, ""), ("李四", LI, f"介绍人 {ZHANG}"), ("王五", "", "")]
    records = collected(ledger, admin, table_of(tmp_path, *rows), rows=True)
    (outcome,) = looked(ledger)
    assert (outcome.count, outcome.outcome, outcome.found) == (3, INDEXED, 3)
    assert records_of(ledger, ZHANG) == records[:2]
    assert records_of(ledger, LI) == records[1:2]
    assert looked(ledger) == []


def test_one_row_of_a_table_is_looked_through_alone(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    rows = [("张三", ZHANG, ""), ("李四", LI, "")]
    records = collected(ledger, admin, table_of(tmp_path, *rows), rows=True)
    (outcome,) = looked(ledger, records[1])
    assert (outcome.record, outcome.count) == (records[1], 1)
    assert records_of(ledger, ZHANG) == []
    assert records_of(ledger, LI) == [records[1]]


def test_two_identifiers_of_one_row_are_two_subjects(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    """The clerk's number stands in every row: she is not all of her customers."""
    rows = [("张三", ZHANG, LI), ("王五", ZHANG_ID, LI)]
    records = collected(ledger, admin, table_of(tmp_path, *rows), rows=True)
    looked(ledger)
    (zhang,), (wang,), (clerk,) = (found(ledger, one) for one in (ZHANG, ZHANG_ID, LI))
    assert len({zhang.subject, wang.subject, clerk.subject}) == 3
    assert zhang.records == records[:1]
    assert clerk.records == records
    both = find(ledger, identifiers_of(f"{ZHANG}\n{ZHANG_ID}")).subjects
    assert {subject.subject for subject in both} == {zhang.subject, wang.subject}


def test_the_same_person_in_two_records_is_one_subject_with_a_random_id(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    records = collected(
        ledger, admin, text_file(tmp_path, "甲.txt", ZHANG),
        text_file(tmp_path, "乙.txt", f"+86{ZHANG}"),
    )  # fmt: skip
    looked(ledger)
    (subject,) = found(ledger, ZHANG)
    assert subject.records == sorted(records)
    assert subject.subject.startswith("subject-")


# -- again, corrected, unreadable -----------------------------------------------------------------


def test_a_person_keeps_the_subject_when_a_record_is_looked_through_again(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", ZHANG))
    looked(ledger, record)
    before = erasable(ledger)
    assert looked(ledger, record)[0].found == 0, "nothing to do"
    assert erasable(ledger) == before
    looked(ledger, record, again=True)
    assert erasable(ledger)["subject_tokens"] == before["subject_tokens"]


def test_after_a_correction_the_new_content_counts_and_the_old_is_forgotten(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", ZHANG))
    looked(ledger)
    path = text_file(tmp_path, "更正.txt", LI)
    correct(ledger, admin, record, path)
    assert told(ledger)["stale"] == 1
    assert [o.record for o in looked(ledger)] == [record]
    assert records_of(ledger, ZHANG) == []
    assert records_of(ledger, LI) == [record]
    assert told(ledger)["stale"] == 0


def correct(ledger: Ledger, admin: Acting, record: str, path: Path) -> None:
    """The record's content is now what lies in a file."""
    from hashlib import sha256

    from domain.holding import HoldingCreated
    from domain.record import RecordCorrected
    from ledger.signing import Proposal, new_ids
    from tests.domain.worlds import correct as corrected

    digest = sha256(path.read_bytes()).hexdigest()
    copy = new_ids("holding")[0]
    fields = {
        "custodian": admin.state.party, "form": "electronic_native", "medium": "disk_internal",
        "size": path.stat().st_size, "items": 1, "encrypted": False,
    }  # fmt: skip
    made = Proposal(HoldingCreated, copy, fields, {"location": str(path), "content": digest})
    state = acts.record_state(ledger, record)
    said = corrected(state, copy)
    fields = {name: value for name, value in said.fields.items() if name != "sealed"}
    ledger.act(admin, [made], role="custodian")
    ledger.act(
        admin, [Proposal(RecordCorrected, record, fields, {"content": digest})], role="custodian"
    )


def changed(path: Path) -> None:
    path.write_text("别的内容 13900001111", encoding="utf-8")


def removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(("spoil", "cause"), [(changed, "changed_since_recorded"),
                                              (removed, "vanished")])  # fmt: skip
@pytest.mark.parametrize("rows", [True, False])
def test_what_is_not_what_was_recorded_is_not_relied_on_and_named(
    ledger: Ledger, admin: Acting, tmp_path: Path, spoil: Callable[[Path], None], cause: str,
    rows: bool,
) -> None:  # fmt: skip
    path = table_of(tmp_path, ("张三", ZHANG, ""))
    (record,) = collected(ledger, admin, path, rows=rows)
    if spoil is changed:
        looked(ledger)
    spoil(path)
    (outcome,) = looked(ledger, record, again=True)
    assert outcome.outcome == cause
    assert records_of(ledger, ZHANG) == []
    assert records_of(ledger, "13900001111") == []
    assert told(ledger)["failed"] == {cause: 1}
    assert erasable(ledger)["subject_tokens"] == []


@pytest.mark.parametrize("rows", [True, False])
def test_what_was_found_stands_while_the_content_is_away(
    ledger: Ledger, admin: Acting, tmp_path: Path, rows: bool
) -> None:
    """A disk that is not mounted for a moment costs nobody the answer what is held about them."""
    path = table_of(tmp_path, ("张三", ZHANG, ""))
    (record,) = collected(ledger, admin, path, rows=rows)
    looked(ledger)
    before, away = erasable(ledger), path.rename(tmp_path / "别处.csv")
    (outcome,) = looked(ledger, record, again=True)
    assert outcome.outcome == "vanished"
    assert erasable(ledger) == before
    assert records_of(ledger, ZHANG) == [record]
    away.rename(path)
    (outcome,) = looked(ledger, record, again=True)
    assert (outcome.outcome, outcome.found) == (INDEXED, 1)


def test_what_was_found_in_an_older_content_does_not_stand_for_the_new_one(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", ZHANG))
    looked(ledger)
    path = text_file(tmp_path, "更正.txt", LI)
    correct(ledger, admin, record, path)
    path.unlink()
    (outcome,) = looked(ledger, record)
    assert outcome.outcome != INDEXED
    assert records_of(ledger, ZHANG) == []
    assert erasable(ledger)["subject_tokens"] == []


def test_a_picture_is_named_as_what_cannot_be_read(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    path = tmp_path / "身份证.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (record,) = collected(ledger, admin, path)
    assert [o.outcome for o in looked(ledger, record)] == ["unknown_type"]
    assert told(ledger) == {
        "records": 1, "indexed": 0, "stale": 0, "never": 0, "failed": {"unknown_type": 1},
        "engagements": 1,
    }  # fmt: skip


def told(ledger: Ledger) -> dict[str, object]:
    with ledger.engine.connect() as connection:
        return coverage(connection)


# -- forgotten ------------------------------------------------------------------------------------


def test_a_destroyed_record_takes_everybody_along_who_stands_in_no_other(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    one, two = collected(
        ledger, admin, text_file(tmp_path, "甲.txt", f"{ZHANG}\n{LI}"),
        text_file(tmp_path, "乙.txt", ZHANG),
    )  # fmt: skip
    looked(ledger)
    (zhang,), (li,) = found(ledger, ZHANG), found(ledger, LI)
    with transaction(ledger.log.writer):
        forget(ledger.log.writer, [one])
        forget(ledger.log.writer, [one])  # as often as asked
    assert found(ledger, LI) == []
    ((place,),) = (subject.places for subject in found(ledger, ZHANG))
    assert place.record == two
    with ledger.engine.connect() as connection:
        assert places_of(connection, li.subject) == ()
        assert places_of(connection, zhang.subject) == (place,)
    with transaction(ledger.log.writer):
        forget(ledger.log.writer, [one, two])
    assert not any(erasable(ledger).values())


def test_nothing_of_what_was_forgotten_is_left_in_the_files_of_the_database(
    firm: Firm, tmp_path: Path
) -> None:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", ZHANG))
        looked(ledger)
        ((token, subject),) = erasable(ledger)["subject_tokens"]
        assert isinstance(token, bytes)
        assert isinstance(subject, bytes)
        with transaction(ledger.log.writer):
            forget(ledger.log.writer, [record])
        ledger.log.writer.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
        paths = [path for path in firm.path.rglob("*") if path.is_file()]
        data = b"".join(path.read_bytes() for path in paths)
    assert record.encode() in data, "the files were really read"
    for gone in (token, subject, subject.hex().encode(), ZHANG.encode()):
        assert gone not in data


def test_without_the_engagements_key_nobody_can_be_found_and_it_is_said(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", ZHANG))
    looked(ledger)
    (_, _, opened, _) = ledger.events_of(ledger.routine())[0]
    assert opened.sealed
    ledger.keystore.shred(opened.sealed.key)
    search = find(ledger, identifiers_of(ZHANG))
    assert (search.subjects, search.unreached) == ([], [ledger.routine()])
    assert [o.outcome for o in looked(ledger, record, again=True)] == ["no_pepper"]


# -- what stands where ----------------------------------------------------------------------------


def test_identifiers_and_tokens_stand_nowhere_but_in_three_erasable_tables(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    collected(ledger, admin, table_of(tmp_path, ("张三", ZHANG, ZHANG_ID)), rows=True)
    looked(ledger)
    tables = dump(ledger.engine)
    tokens = [row[0] for row in tables["subject_tokens"]]
    subjects = [row[1] for row in tables["subject_tokens"]]
    assert len(tokens) == 2
    for name, rows in tables.items():
        data = repr(rows)
        assert ZHANG not in data
        assert ZHANG_ID not in data
        if not name.startswith("subject_"):
            assert not any(repr(token) in data for token in (*tokens, *subjects)), name
    with ledger.engine.connect() as connection:
        assert foreign_objects(connection) == []
    peppers = {pepper(ledger, ledger.routine(), label) for label in (LABEL, recognition.LABEL)}
    assert len(peppers) == 2, "collecting has a pepper of its own"


def test_what_is_asked_of_tokens_is_found_by_index(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        for sql in (
            "SELECT subject FROM subject_tokens WHERE token IN (x'00', x'01')",
            "SELECT record FROM subject_places NATURAL JOIN subject_tokens WHERE subject = x'00'",
            "SELECT token FROM subject_places WHERE record = x'00'",
            "DELETE FROM subject_coverage WHERE record = x'00'",
        ):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
            assert not any("SCAN" in str(row) for row in plan), sql


def test_a_ledger_of_the_format_before_is_brought_up_to_date(firm: Firm, tmp_path: Path) -> None:
    """The tables are added, and nothing that was recorded changes."""
    with firm.open() as ledger:
        before = dump(ledger.engine)
    with sqlite3.connect(firm.path / "ledger.db") as raw:
        for table in ("subject_tokens", "subject_places", "subject_coverage"):
            raw.execute(f"DROP TABLE {table}")
        raw.execute("DROP TABLE anchors")
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
    raw.close()
    marker = firm.path / "muniment.toml"
    marker.write_text(marker.read_text().replace('format = "0003"', 'format = "0001"'))
    with pytest.raises(Exception, match="earlier"):
        firm.open(writing=False)
    with firm.open() as ledger:
        assert dump(ledger.engine) == before
        admin = ledger.acting(firm.founded.actor)
        (record,) = collected(ledger, admin, text_file(tmp_path, "甲.txt", ZHANG))
        looked(ledger, record)
        assert records_of(ledger, ZHANG) == [record]


# -- bulk -----------------------------------------------------------------------------------------


def many(count: int) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        yield (f"客户{number}", f"138{number:08d}", "")


def test_a_table_of_many_rows_is_looked_through_in_flat_memory(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    import tracemalloc

    records = collected(ledger, admin, table_of(tmp_path, *many(12_000)), rows=True)
    tracemalloc.start()
    try:
        peaks = []
        for _ in index(ledger, founder(ledger)):
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert len(peaks) == 6
    assert max(peaks) < 24 << 20
    assert records_of(ledger, "13800011999") == [records[11_999]]


# -- the report -----------------------------------------------------------------------------------


def test_a_report_says_what_is_held_who_had_it_and_what_it_does_not_cover(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    one, _ = collected(
        ledger, admin, text_file(tmp_path, "甲.txt", ZHANG), text_file(tmp_path, "乙.txt", LI)
    )
    looked(ledger, one)
    (subject,) = found(ledger, ZHANG)
    said = report(ledger, [subject.subject], subject.places)
    (record,) = said["records"]
    assert record["record"] == one
    assert record["categories"] == ["contract"]
    assert record["custody"] == [admin.state.party]
    assert [copy["condition"] for copy in record["copies"]] == ["present"]
    assert record["basis"] == "pipl_13_2_contract"
    assert said["coverage"]["never"] == 1
    assert said["coverage"]["indexed"] == 1
