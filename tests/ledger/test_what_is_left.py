"""What a certificate names besides what went: other copies, lost ones, and what was handed out."""

from __future__ import annotations

import io
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger import acts
from ledger.cli.certificate import _residual
from ledger.collecting import Collected, Terms, collect
from ledger.documents.view import view
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.handing_out import Asked, access
from ledger.signing import now
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)
from tests.ledger.granting import grant
from tests.ledger.papers import a_twin


def certified(site: Site, *copies: str) -> tuple[str, dict[str, Any]]:
    """A case of these copies from the proposal to the end, and its certificate."""
    case = site.approved(copies)
    site.execute(case)
    site.verify(case)
    site.certify(case)
    said = certificate(site.ledger, case)
    assert said is not None
    return case, said


def rows_of(site: Site, folder: Path) -> list[str]:
    """The records of a table's rows, whose period ended long ago."""
    table = folder / "客户.csv"
    table.write_text("姓名,手机\n张三,13800138000\n李四,13900139000\n王五,13700137000\n", "utf-8")
    about = ("contract", "pipl_13_2_contract", "店主", site.ledger.routine())
    taken = collect(site.ledger, site.wang, [table], Terms(*about, rows=True))
    rows = [one.record for one in taken if isinstance(one, Collected)]
    site.ripen(rows)
    return rows


def corrected(site: Site, record: str, file: Path) -> str:
    """The copy in which a corrected content of a record lies."""
    content = {"content": sha256(file.read_bytes()).hexdigest()}
    copy = site.further(record, {"location": str(file), **content}, size=file.stat().st_size)
    site.ledger.act(site.wang, [acts.correct(
        site.ledger, record, holding=copy, size=file.stat().st_size, items=1,
        reason="content_updated", sealed=content,
    )])  # fmt: skip
    return copy


def test_a_corrected_row_outlives_its_table_and_is_named(site: Site, tmp_path: Path) -> None:
    rows = rows_of(site, tmp_path)
    file = tmp_path / "张三新.txt"
    file.write_text("张三 13800138001", "utf-8")
    new = corrected(site, rows[0], file)
    _, said = certified(site, site.copy(rows[1]))
    assert (said["verdict"], said["remaining"]) == ("partial", [new])
    assert file.exists()


def test_a_further_copy_of_a_row_outlives_its_table_and_is_named(
    site: Site, tmp_path: Path
) -> None:
    rows = rows_of(site, tmp_path)
    paper = site.paper(rows[2])  # said to be made of nothing
    _, said = certified(site, site.copy(rows[0]))
    assert (said["verdict"], said["remaining"]) == ("partial", [paper])
    assert said["residual"][0]["why"] == "not_on_the_list"


@pytest.mark.parametrize("in_vault", [True, False])
def test_an_original_that_was_only_said_to_be_lost_is_named(
    site: Site, tmp_path: Path, in_vault: bool
) -> None:
    """The file lies where it always lay; a word made it `lost`, and no word makes it destroyed."""
    (record,) = (site.ripe_in_vault if in_vault else site.ripe)(tmp_path / "合同")
    file = Path(os.fsdecode(site.place(record).path))
    first = site.copy(record)
    if not in_vault:
        site.backed_up(tmp_path / "备份")
    others = [copy for copy in copies_of(site.ledger, [record]) if copy != first]
    site.ledger.act(site.wang, [acts.lose_holding(first, now(), {"circumstances": "没找到"})])
    _, said = certified(site, *others)
    assert file.exists()
    assert (said["verdict"], said["remaining"]) == ("partial", [first])
    assert said["residual"][0]["why"] == "lost"
    assert any("已遗失" in line and first in line for line in _residual(said))


def test_what_was_handed_out_before_is_counted_and_not_covered(site: Site, tmp_path: Path) -> None:
    """The verdict is of the copies that are known; the count and the claim say what it is not."""
    gone, kept = site.ripe(tmp_path / "合同", 2)
    ledger, zhao = site.ledger, site.person("zhao")
    modes = ["view", "export", "download", "copy", "print"]
    grant(ledger, site.wang, zhao, modes=modes)
    for record, mode in [(gone, mode) for mode in modes] + [(kept, "export")]:
        access(ledger, zhao, record, Asked("service_delivery", mode), io.BytesIO())
    case, said = certified(site, site.copy(gone))
    assert (said["verdict"], said["handed_out"]) == ("destroyed", 4), "looking is not handing out"
    assert "登记的交出次数：4" in said["claim"]["zh"]
    assert "not covered (times on record: 4)" in said["claim"]["en"]
    assert "此前已交出 Handed out before: 4" in list(_residual(said))
    _, other = certified(site, site.copy(kept))
    assert other["handed_out"] == 1
    assert certificate(ledger, case, said["certified_entry"]) == said


def test_the_printed_certificate_shows_how_often_it_was_handed_out() -> None:
    twin = json.loads(a_twin("destruction_certificate"))
    shown = view({**twin, "said": {**twin["said"], "handed_out": 4_321}})
    (counts,) = (one for one in shown["sections"] if one["title"][1] == "Counts")
    titles = [column["title"] for column in counts["columns"]]
    at = titles.index(("此前已交出的次数", "Times handed out before"))
    assert counts["rows"][0][at] == [("zh", "4,321")]
