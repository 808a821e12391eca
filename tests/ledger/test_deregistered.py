"""I-03: what is destroyed is not used again, whichever door somebody tries.

注销记录, 防止误用: a record, a file, an object in the vault and a copy in a backup, all destroyed.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from domain.copies import HoldingState
from domain.record import RecordState
from domain.values import later
from ledger import acts, custody
from ledger.effects import backup, vaulting
from ledger.effects.anonymising import anonymise
from ledger.effects.destroying import copies_of
from ledger.effects.disclosing import disclose
from ledger.effects.generalising import Plan
from ledger.effects.handing_out import Asked, access
from ledger.effects.restoring import restore
from ledger.errors import MunimentError
from ledger.signing import now
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.tampering import check

WANTED = Asked("service_delivery", "view")


class Gone(NamedTuple):
    """A record destroyed with its file, its object and its copy in a backup."""

    site: Site
    home: Path
    record: str
    copies: list[str]
    backup: str
    event: str

    @property
    def file(self) -> str:
        return self.copies[0]


def destroyed(site: Site, home: Path) -> Gone:
    gone, _kept = site.ripe_in_vault(home / "合同", 2)
    site.backed_up(home / "备份")
    copies = copies_of(site.ledger, [gone])
    (copied,) = {s.backup for s in map(site.ledger.state, copies)
                 if isinstance(s, HoldingState) and s.backup}  # fmt: skip
    grant = custody.grant_access(
        site.crew.people["luo"], records=[gone], categories=[], modes=["view", "copy"],
        purposes=["service_delivery"], begins=later(now(), days=-1), ends=later(now(), days=9),
    )  # fmt: skip
    site.ledger.act(site.wang, [grant])
    event = site.ledger.events_of(gone)[0][2].id
    case = site.approved(copies)
    site.execute(case)
    site.verify(case)
    site.certify(case)
    state = site.ledger.state(gone)
    assert isinstance(state, RecordState)
    return Gone(site, home, gone, copies, copied, event)


def hand_out(gone: Gone, copy: str | None = None) -> None:
    access(gone.site.ledger, gone.site.person("luo"), gone.record, WANTED, BytesIO(), holding=copy)


def into_the_vault(gone: Gone) -> None:
    made = vaulting.put(gone.site.ledger, gone.site.wang, [gone.file])
    assert [failed.cause for failed in made.failed] == ["holding_not_there"]
    raise MunimentError(made.failed[0].cause)


def into_a_backup(gone: Gone) -> None:
    target = gone.home / "新备份"
    target.mkdir()
    made = backup.create(
        gone.site.ledger, gone.site.wang, gone.copies, target, "full", "disk_external"
    )
    assert made.made == []
    raise MunimentError(made.failed[0].cause)


def out_of_the_backup(gone: Gone) -> None:
    into = gone.home / "恢复"
    into.mkdir()
    made = restore(
        gone.site.ledger, gone.site.wang, gone.backup, gone.copies, into, "找回", "disk_internal"
    )
    assert made.restored == []
    raise MunimentError(made.left_out[0].cause)


def a_row_of_it_anonymised(gone: Gone) -> None:
    target = gone.home / "匿名.csv"
    anonymise(gone.site.ledger, gone.site.wang, gone.file, Plan(), target)


def a_field_of_it_disclosed(gone: Gone) -> None:
    disclose(
        gone.site.ledger, gone.site.person("luo"), gone.event, ["title"], WANTED, gone.home / "字段"
    )


def says(build: Callable[[Gone], list[Any]]) -> Callable[[Gone], None]:
    def say(gone: Gone) -> None:
        gone.site.ledger.act(gone.site.wang, build(gone))

    return say


def a_further_copy(gone: Gone) -> None:
    gone.site.further(gone.record, {"location": "别处"}, made_from=gone.file)


DOORS: Final[dict[str, Callable[[Gone], None]]] = {
    "handed out": hand_out,
    "handed out from the vault": lambda gone: hand_out(gone, gone.copies[1]),
    "put into the vault": into_the_vault,
    "backed up": into_a_backup,
    "restored": out_of_the_backup,
    "anonymised": a_row_of_it_anonymised,
    "disclosed": a_field_of_it_disclosed,
    "copied": a_further_copy,
    "moved": says(lambda gone: [acts.move_holding(
        gone.file, departed_at=now(), arrived_at=now(), sealed={"to": "二楼"})]),
    "given back": says(lambda gone: [acts.return_holding(gone.file, gone.site.wang.state.party)]),
    "archived": says(lambda gone: [acts.archive(gone.record)]),
    "destroyed again": says(lambda gone: custody.propose_destruction(
        [gone.file], "redundant_copy", "clear", "overwrite", None)),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_what_is_destroyed_is_not_used_again(crew: Crew, tmp_path: Path, door: str) -> None:
    with crew.open() as site:
        gone = destroyed(site, tmp_path)
        before = {copy: site.ledger.state(copy) for copy in gone.copies}
        with pytest.raises(MunimentError) as refused:
            DOORS[door](gone)
        print(door, refused.value)
        for copy, state in before.items():
            now_ = site.ledger.state(copy)
            assert isinstance(now_, HoldingState)
            assert isinstance(state, HoldingState)
            assert (now_.condition, now_.version) == ("destroyed", state.version)
        accesses = [e for _, _, e, _ in site.ledger.events_of(gone.record)
                    if type(e).__name__ == "RecordAccessed"]  # fmt: skip
        assert accesses == []
        written = [path for path in tmp_path.rglob("*")
                   if path.is_file() and "第0号保洁合同".encode() in path.read_bytes()]  # fmt: skip
        assert written == []
    assert check(crew.firm).findings == ()
