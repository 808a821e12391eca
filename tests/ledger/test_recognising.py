"""After a restore, what was collected before is not recorded a second time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ledger.collecting import Collected, Outcome, Terms, Unchanged, collect
from ledger.effects.ledgerrestore import Restored
from ledger.effects.recognising import Recognised, recognise
from tests.ledger.copies import Kept, fetch, keep, lose, put_back
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.ledgers import Firm, collect_files

ROWS = "姓名,电话\n" + "".join(f"客户{n},1380000000{n}\n" for n in range(4))


def gather(firm: Firm, folder: Path, **terms: Any) -> list[Outcome]:
    with firm.open() as ledger:
        about = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), **terms)
        return list(collect(ledger, ledger.acting(firm.founded.actor), [folder], about))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them under a name that is no text, and a table."""
    folder = tmp_path / "资料"
    folder.mkdir()
    (folder / "a.txt").write_text("甲", encoding="utf-8")
    with open(os.fsencode(folder) + b"/\xff.txt", "wb") as file:  # noqa: PTH123  bytes
        file.write(b"1")
    (folder / "t.csv").write_text(ROWS, encoding="utf-8")
    return folder


def gone_and_back(firm: Firm, tmp_path: Path) -> tuple[Kept, Restored]:
    with firm.open() as ledger:
        kept = keep(ledger, tmp_path / "盘")
    lose(firm)
    return kept, put_back(kept, firm.path)


@pytest.mark.parametrize("terms", [
    {}, {"rows": True}, {"rows": True, "shared_key": True}, {"vault": "disk_internal"},
])  # fmt: skip
def test_what_was_collected_is_known_again(
    firm: Firm, folder: Path, tmp_path: Path, terms: dict[str, Any]
) -> None:
    first = gather(firm, folder, **terms)
    assert all(isinstance(one, Collected) for one in first)
    _, done = gone_and_back(firm, tmp_path)
    assert done.recognised == Recognised(len(first), 0)
    again = gather(firm, folder, **terms)
    assert sum(one.count for one in again if isinstance(one, Unchanged)) == len(first)
    assert not any(isinstance(one, Collected) for one in again)


def test_a_file_that_changed_since_is_a_new_record_as_ever(
    firm: Firm, folder: Path, tmp_path: Path
) -> None:
    gather(firm, folder)
    gone_and_back(firm, tmp_path)
    (folder / "a.txt").write_text("乙", encoding="utf-8")
    again = gather(firm, folder)
    assert [Path(one.path).name for one in again if isinstance(one, Collected)] == ["a.txt"]


def test_rows_under_one_key_whose_table_is_gone_are_counted_and_not_guessed(
    firm: Firm, folder: Path, tmp_path: Path
) -> None:
    gather(firm, folder, rows=True, shared_key=True)
    (folder / "t.csv").rename(tmp_path / "t.csv")
    _, done = gone_and_back(firm, tmp_path)
    assert done.recognised == Recognised(2, 4)
    (tmp_path / "t.csv").rename(folder / "t.csv")
    with firm.open() as ledger:
        assert recognise(ledger) == Recognised(6, 0)
    assert not any(isinstance(one, Collected) for one in gather(firm, folder, rows=True))


def test_a_table_that_was_replaced_does_not_lend_its_rows(
    firm: Firm, folder: Path, tmp_path: Path
) -> None:
    gather(firm, folder, rows=True, shared_key=True)
    (folder / "t.csv").write_text(ROWS.replace("客户0", "客户9"), encoding="utf-8")
    _, done = gone_and_back(firm, tmp_path)
    assert done.recognised == Recognised(2, 4)


def test_what_is_fetched_is_recognised_too(firm: Firm, folder: Path, tmp_path: Path) -> None:
    with firm.open() as ledger:
        early = keep(ledger, tmp_path / "早")
    first = gather(firm, folder)
    with firm.open() as ledger:
        late = keep(ledger, tmp_path / "晚")
    lose(firm)
    put_back(early._replace(keystore=late.keystore), firm.path)
    done = fetch(firm.path, late.copy)
    assert done.recognised == Recognised(len(first), 0)
    assert not any(isinstance(one, Collected) for one in gather(firm, folder))


def test_what_was_destroyed_is_not_recognised_any_more(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        (record,) = site.ripe(tmp_path / "合同")
        collect_files(site.ledger, site.wang, tmp_path / "其他", 1)
        early = keep(site.ledger, tmp_path / "早")
        case = site.approved([site.copy(record)])
        site.execute(case)
        late = keep(site.ledger, tmp_path / "晚")
    lose(crew.firm)
    done = put_back(late._replace(keystore=early.keystore), crew.firm.path)
    assert done.recognised == Recognised(1, 0)
