"""Destruction with real files and a real keystore: what goes, what stays, what is said of it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import acts, custody
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.effects import destroying
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.errors import KeyAccessError, RefusedError, UsageError
from ledger.folder import Folder
from projections.view import key_of
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    lone_fixture,  # noqa: F401
    ordered_hold,
    outcomes,
    results,
    site_fixture,  # noqa: F401
)
from tests.ledger.damaging import damage_key_of
from tests.ledger.ledgers import passphrase
from tests.ledger.tampering import check


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def titles(ledger: Ledger, record: str) -> list[Any]:
    """What can be read of the sealed texts of a record."""
    return [ledger.unseal(position, event) for position, _, event, _ in ledger.events_of(record)]


def stored(database: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql, values).fetchall()


# -- the whole story ----------------------------------------------------------------------------


def test_one_record_goes_with_its_backup_its_keys_and_its_texts(crew: Crew, tmp_path: Path) -> None:
    folder = tmp_path / "合同"
    with crew.open() as site:
        gone, kept = site.ripe(folder, 2)
        site.backed_up(tmp_path / "备份")
        items = copies_of(site.ledger, [gone])
        assert len(items) == 2, "the file and its backup copy"
        paths = [Path(os.fsdecode(place_of(site.ledger, item).path)) for item in items]
        assert all(path.is_file() for path in paths)
        case = site.approved(items)
        done = site.execute(case)
        assert outcomes(done) == dict.fromkeys(items, ("destroyed", "removed"))
        assert not any(path.exists() for path in paths)
        assert done.keys
        assert {site.ledger.keystore.state(key) for key in done.keys} == {"erased"}
        assert done.cleaned
        assert (crew.firm.path / "ledger.db-wal").stat().st_size == 0
        assert not any(titles(site.ledger, gone))
        assert titles(site.ledger, kept)[0]["title"].startswith("合同")
        assert results(site.verify(case)) == dict.fromkeys(items, ("pass", "gone"))
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert (said["verdict"], said["remaining_count"]) == ("destroyed", 0)
        assert said["counts"] == {"listed": 2, "destroyed": 2, "verified": 2, "taken_off": 0}
        assert "绝对" not in str(said)
        assert "方法执行并核验" in said["claim"]["zh"]
        with pytest.raises(RefusedError, match="record_is_over"):
            site.ledger.act(site.wang, [acts.archive(gone)])
    assert len(list(folder.iterdir())) == 1
    report = check(crew.firm)
    assert (report.verdict, report.findings) == ("valid", ())
    assert list((crew.firm.path / "pending").iterdir()) == []


def test_tables_made_anew_are_those_that_grew_with_the_destruction(
    crew: Crew, tmp_path: Path
) -> None:
    from ledger.rebuild import check as compare

    with crew.open() as site:
        case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
        site.execute(case)
        site.verify(case)
        site.certify(case)
        with site.ledger.engine.connect() as connection:
            assert compare(connection) == []


def test_the_content_is_overwritten_before_the_name_goes(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    path = Path(os.fsdecode(site.place(record).path))
    before = path.read_bytes()
    with path.open("rb") as file:
        case = site.approved([site.copy(record)])
        site.execute(case)
        assert not os.path.lexists(path)
        assert file.read() == bytes(len(before))


def test_the_rows_of_a_table_lose_every_key_and_token(site: Site, tmp_path: Path) -> None:
    table = tmp_path / "订单.csv"
    table.write_text("客户,金额\n" + "".join(f"客户{n},{n}\n" for n in range(320)), "utf-8")
    about = ("transaction.order", "pipl_13_2_contract", "店主", site.ledger.routine())
    terms = Terms(*about, rows=True)
    rows = [one.record for one in collect(site.ledger, site.wang, [table], terms)
            if isinstance(one, Collected)]  # fmt: skip
    site.ripen(rows)
    database = site.crew.firm.path / "ledger.db"
    assert stored(database, "SELECT count(*) FROM tokens") == [(320,)]
    done = site.execute(site.approved([site.copy(rows[0])]))
    assert len(done.keys) == 321, "one a row, and the table's"
    assert stored(database, "SELECT count(*) FROM tokens") == [(0,)]
    assert stored(
        database, "SELECT count(*) FROM events JOIN sealed USING (position) "
        "WHERE topic IN ('record.collected', 'holding.created')",
    ) == [(0,)]  # fmt: skip


def test_a_row_that_is_kept_on_paper_too_is_still_found_by_its_token(
    site: Site, tmp_path: Path
) -> None:
    table = tmp_path / "订单.csv"
    table.write_text("客户,金额\n" + "".join(f"客户{n},{n}\n" for n in range(4)), "utf-8")
    about = ("transaction.order", "pipl_13_2_contract", "店主", site.ledger.routine())
    taken = collect(site.ledger, site.wang, [table], Terms(*about, rows=True))
    rows = [one.record for one in taken if isinstance(one, Collected)]
    site.ripen(rows)
    paper = site.printed(rows[0])
    database = site.crew.firm.path / "ledger.db"
    assert stored(database, "SELECT count(*) FROM tokens") == [(4,)]
    site.execute(site.approved([site.copy(rows[0])]))
    assert stored(database, "SELECT lower(hex(stream)) FROM tokens") == [
        (key_of(rows[0]).hex(),)
    ], "the row on paper, and no other"
    site.execute(site.approved([paper]), stated={paper: "destroyed"})
    assert stored(database, "SELECT count(*) FROM tokens") == [(0,)]


def test_a_copy_that_survives_keeps_the_records_key(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    (backup,) = site.backed_up(tmp_path / "备份")
    case = site.approved([backup], ground="redundant_copy")
    done = site.execute(case)
    assert outcomes(done) == {backup: ("destroyed", "removed")}
    assert titles(site.ledger, record)[0] is not None
    assert site.verify(case).results[0].result == "pass"
    site.certify(case)
    said = certificate(site.ledger, case)
    assert said is not None
    assert (said["verdict"], said["remaining"]) == ("partial", [site.copy(record)])


def test_a_key_that_two_cases_have_in_common_goes_with_the_last_copy(
    crew: Crew, tmp_path: Path
) -> None:
    """The collected copy is sealed under its record's key; the backup outlives it by a case."""
    with crew.open() as site:
        (record,) = site.ripe(tmp_path / "合同")
        (backup,) = site.backed_up(tmp_path / "备份")
        site.execute(site.approved([site.copy(record)], ground="redundant_copy"))
        assert titles(site.ledger, record)[0] is not None
        site.execute(site.approved([backup]))
        assert not any(titles(site.ledger, record))
        assert not any(titles(site.ledger, site.copy(record)))
    assert check(crew.firm).findings == ()


def test_a_reader_that_keeps_the_log_from_being_emptied_is_told_of(
    site: Site, lone: tuple[str, Path]
) -> None:
    case, _ = lone
    site.ledger.log.writer.exec_driver_sql("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(site.crew.firm.path / "ledger.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sealed").fetchone()
        assert not site.execute(case).cleaned
    assert (site.crew.firm.path / "ledger.db-wal").stat().st_size > 0
    with pytest.raises(UsageError, match="no copy on the list is left"):
        site.execute(case)
    assert (site.crew.firm.path / "ledger.db-wal").stat().st_size == 0


def test_a_case_that_is_not_certified_claims_nothing(site: Site, lone: tuple[str, Path]) -> None:
    case, _ = lone
    site.execute(case)
    site.verify(case)
    said = certificate(site.ledger, case)
    assert said is not None
    assert (said["state"], said["certified"], said["claim"]) == ("verified", None, None)
    assert said["verdict"] == "destroyed", "what the certificate will say, if nothing changes"


# -- what is not touched ------------------------------------------------------------------------


def untouched(site: Site, case: str, folder: Path, rule: str, **options: Any) -> None:
    """The execution is refused, and nothing at all has changed."""
    before, seen = contents(folder), site.ledger.seen()
    with pytest.raises(RefusedError, match=rule):
        site.execute(case, **options)
    assert contents(folder) == before
    assert site.ledger.seen() == seen
    assert not (site.crew.firm.path / "pending" / case).exists()


def test_a_hold_placed_between_the_second_approval_and_the_execution(
    site: Site, tmp_path: Path
) -> None:
    records = site.ripe(tmp_path / "合同", 3)
    case = site.approved(copies_of(site.ledger, records))
    site.ledger.act(site.wang, ordered_hold(records[1]))
    untouched(site, case, tmp_path / "合同", "I-28 hold_blocks_destruction")


def test_one_approval_is_not_enough(site: Site, tmp_path: Path) -> None:
    case = site.proposed(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", None)])
    site.ledger.act(site.person("li"), [custody.approve(site.ledger, case, None)])
    untouched(site, case, tmp_path / "合同", "not_approved")


def test_whoever_is_no_operator(site: Site, tmp_path: Path) -> None:
    case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
    untouched(site, case, tmp_path / "合同", "role_does_not_permit", by="luo")


def test_a_witness_who_is_none(site: Site, tmp_path: Path) -> None:
    case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
    terms = destroying.Terms(None, [site.crew.people["luo"]])
    untouched(site, case, tmp_path / "合同", "role_not_held", terms=terms)


def test_a_case_is_executed_once(site: Site, tmp_path: Path) -> None:
    case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
    site.execute(case)
    seen = site.ledger.seen()
    with pytest.raises(UsageError, match="no copy on the list is left"):
        site.execute(case)
    assert site.ledger.seen() == seen


def test_another_partys_operator(site: Site, tmp_path: Path) -> None:
    from tests.ledger.crews import hire
    from tests.ledger.ledgers import buyer

    party = buyer()
    site.ledger.act(site.wang, [party])
    stranger = hire(site.ledger, site.wang, party.stream, "it", ["destruction_operator"])
    site.crew.people["stranger"] = stranger  # type: ignore[index]
    case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
    try:
        untouched(site, case, tmp_path / "合同", "not_the_actors_party", by="stranger")
    finally:
        del site.crew.people["stranger"]  # type: ignore[attr-defined]


def left_alone(site: Site, case: str, cause: str, path: Path) -> None:
    """The copy counts as unknown for this cause, and what lies there still does."""
    before = path.read_bytes() if path.is_file() else None
    ((outcome, why),) = outcomes(site.execute(case)).values()
    assert (outcome, why) == ("unknown", cause)
    assert (path.read_bytes() if path.is_file() else None) == before
    ((result, _),) = results(site.verify(case)).values()
    assert result != "pass"
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)


def test_a_file_changed_since_it_was_recorded(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    path.write_text("今年的合同", encoding="utf-8")
    left_alone(site, case, "changed_since_recorded", path)


def test_a_file_with_a_second_name(site: Site, lone: tuple[str, Path], tmp_path: Path) -> None:
    case, path = lone
    os.link(path, tmp_path / "另一名")
    left_alone(site, case, "hard_linked", path)
    assert (tmp_path / "另一名").read_bytes() == path.read_bytes() != b""


def test_a_link_to_the_very_file(site: Site, lone: tuple[str, Path], tmp_path: Path) -> None:
    case, path = lone
    path.rename(tmp_path / "别处")
    path.symlink_to(tmp_path / "别处")
    left_alone(site, case, "link", path)
    assert path.is_symlink()


def test_a_folder_in_the_place_of_the_file(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    path.unlink()
    path.mkdir()
    left_alone(site, case, "not_a_regular_file", path)
    assert path.is_dir()


def test_a_pipe_in_the_place_of_the_file(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    path.unlink()
    os.mkfifo(path)
    left_alone(site, case, "not_a_regular_file", path)


def test_a_file_that_somebody_else_removed(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    path.unlink()
    left_alone(site, case, "vanished", path)


def test_a_folder_that_is_gone(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    path.unlink()
    path.parent.rmdir()
    left_alone(site, case, "vanished", path)


def test_a_folder_that_cannot_be_read(
    site: Site, lone: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, path = lone
    real = os.open

    def denied(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if name == os.fsencode(path.parent):
            raise PermissionError(13, "Permission denied", name)
        return real(name, flags, *rest, **options)

    monkeypatch.setattr("os.open", denied)
    left_alone(site, case, "not_readable", path)
    assert path.is_file()


def test_a_file_in_which_another_copy_lies_too(site: Site, tmp_path: Path) -> None:
    """The same file was registered as a copy of another record, which nobody asked about."""
    gone, other = site.ripe(tmp_path / "合同", 2)
    place = site.place(gone)
    size = Path(os.fsdecode(place.path)).stat().st_size
    location = {"location": os.fsdecode(place.path), "content": place.digest}
    shared = site.further(other, location, size=size)
    case = site.approved([site.copy(gone)])
    with pytest.raises(UsageError, match=shared):
        site.execute(case)
    assert os.path.lexists(place.path)


def test_one_damaged_key_stops_nothing_but_its_own_copy(site: Site, tmp_path: Path) -> None:
    records = site.ripe(tmp_path / "合同", 3)
    items = copies_of(site.ledger, records)
    path = Path(os.fsdecode(site.place(records[1]).path))
    case = site.approved(items)
    damage_key_of(site.ledger, items[1])
    assert outcomes(site.execute(case)) == {
        items[0]: ("destroyed", "removed"), items[1]: ("unknown", "key_not_here"),
        items[2]: ("destroyed", "removed"),
    }  # fmt: skip
    assert path.is_file()
    assert results(site.verify(case))[items[1]] == ("unknown", "key_not_here")


def test_a_wrong_passphrase_is_no_damaged_key(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
    asked = {"ledger": b"another"}
    folder = Folder(crew.firm.path)
    with Ledger(folder, lambda who: asked.get(who) or passphrase(who), writing=True) as ledger:
        seen, chen = ledger.seen(), ledger.acting(crew.people["chen"])
        with pytest.raises(KeyAccessError, match="passphrase"):
            destroying.execute(ledger, chen, case, destroying.Terms())
        assert ledger.seen() == seen
    assert len(list((tmp_path / "合同").iterdir())) == 1
