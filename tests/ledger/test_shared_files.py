"""Two copies in one file, whatever is said of them: what is held does not go with what is not.

Of each pair of records one is on hold, by a court's order, and the other's period ended long ago.
Somebody who may register copies says of the held one's file that a copy of the other lies there.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain.backup import BackupCreated
from domain.holding import HoldingLost
from domain.listing import list_root
from ledger.acts import holding_state
from ledger.effects.backup import Failed
from ledger.effects.destroying import Fate, copies_of
from ledger.effects.expiring import expire
from ledger.effects.pending import Journal
from ledger.effects.places import place_of
from ledger.effects.reapplying import reapply
from ledger.errors import UsageError
from ledger.signing import Proposal, new_ids, now
from tests.ledger.copying import move
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    ordered_hold,
    site_fixture,  # noqa: F401
)


class Pair(NamedTuple):
    """A record on hold, one whose period is over, and a file of the held one, and whose copy."""

    held: str
    over: str
    path: Path
    digest: str
    copy: str


def in_vault(site: Site, record: str) -> str:
    """The copy of a record that is in the vault."""
    copies = copies_of(site.ledger, [record])
    (found,) = (copy for copy in copies if holding_state(site.ledger, copy).object)
    return found


def pair(site: Site, tmp_path: Path, *, vault: bool = False) -> Pair:
    ripe = site.ripe_in_vault if vault else site.ripe
    (held,) = ripe(tmp_path / "甲")
    (over,) = ripe(tmp_path / "乙")
    site.ledger.act(site.person("zhao"), ordered_hold(held))
    place = place_of(site.ledger, in_vault(site, held) if vault else site.copy(held))
    return Pair(held, over, Path(os.fsdecode(place.path)), place.digest, place.holding)


def claimed(site: Site, both: Pair, location: str, size: int | None = None) -> str:
    """A copy of what is over, said to lie somewhere."""
    sealed = {"location": location, "content": both.digest}
    about = {"size": size or both.path.stat().st_size, "made_from": site.copy(both.over)}
    return site.further(both.over, sealed, **about)


def refused(site: Site, both: Pair, copy: str) -> None:
    """A case over this copy stops before anything is touched, and names the held one."""
    before, case = both.path.read_bytes(), site.approved([copy])
    with pytest.raises(UsageError) as stopped:
        site.execute(case)
    assert stopped.value.values["holding"] == both.copy
    assert both.path.read_bytes() == before
    assert site.state(case).items == {copy: ""}


def lost(copy: str) -> Proposal:
    sealed = {"last_seen": "店里", "circumstances": "搬家"}
    return Proposal(HoldingLost, copy, {"discovered_at": now()}, sealed)


# -- destroy ------------------------------------------------------------------------------------


def test_a_linked_folder_on_the_way_is_another_spelling(site: Site, tmp_path: Path) -> None:
    both = pair(site, tmp_path)
    (tmp_path / "近路").symlink_to(both.path.parent)
    refused(site, both, claimed(site, both, str(tmp_path / "近路" / both.path.name)))


@pytest.mark.parametrize("way", ["./", "../甲/", "/"])
def test_a_detour_is_another_spelling(site: Site, tmp_path: Path, way: str) -> None:
    both = pair(site, tmp_path)
    refused(site, both, claimed(site, both, f"{both.path.parent}/{way}{both.path.name}"))


def test_a_size_that_is_not_true_hides_nothing(site: Site, tmp_path: Path) -> None:
    both = pair(site, tmp_path)
    refused(site, both, claimed(site, both, str(both.path), 12345))


def test_a_lost_copy_may_be_found_in_its_file(site: Site, tmp_path: Path) -> None:
    """Nobody loses a held copy on paper and then destroys its file."""
    both = pair(site, tmp_path)
    site.ledger.act(site.wang, [lost(both.copy)])
    refused(site, both, claimed(site, both, f"{both.path.parent}/./{both.path.name}"))


def test_a_copy_moved_on_paper_still_has_its_content_there(site: Site, tmp_path: Path) -> None:
    both = pair(site, tmp_path)
    site.ledger.act(site.wang, [move(both.copy, "保险柜")])
    refused(site, both, claimed(site, both, str(both.path)))


def test_what_lies_where_another_copy_was_once_may_go(site: Site, tmp_path: Path) -> None:
    """A name is used again: the held copy has moved on, and another content is there now."""
    both = pair(site, tmp_path)
    site.ledger.act(site.wang, [move(both.copy, str(tmp_path / "丙.txt"))])
    both.path.rename(tmp_path / "丙.txt")
    both.path.write_text("另一份合同", encoding="utf-8")
    digest = sha256(both.path.read_bytes()).hexdigest()
    copy = claimed(site, both._replace(digest=digest), str(both.path))
    assert site.execute(site.approved([copy])).fates == (Fate(copy, "destroyed", "removed"),)
    assert not both.path.exists()


def test_a_path_that_is_bent_after_it_was_checked(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is the file that was opened, not what its path led to a moment ago."""
    both = pair(site, tmp_path)
    way, other = tmp_path / "近路", tmp_path / "别处"
    other.mkdir()
    (other / both.path.name).write_bytes(both.path.read_bytes())
    way.symlink_to(other)
    case = site.approved([copy := claimed(site, both, str(way / both.path.name))])

    def bend(*args: Any) -> Journal:
        way.unlink()
        way.symlink_to(both.path.parent)
        return begin(*args)

    begin = Journal.begin
    monkeypatch.setattr(Journal, "begin", bend)
    before = both.path.read_bytes()
    assert site.execute(case).fates == (Fate(copy, "unknown", "of_another_copy"),)
    assert both.path.read_bytes() == before


def test_an_object_of_the_vault_under_a_false_size(site: Site, tmp_path: Path) -> None:
    both = pair(site, tmp_path, vault=True)
    about = {"object": both.digest, "encrypted": True, "size": 99999}
    sealed = {"location": "vault", "content": "ab" * 32}
    made_from = site.copy(both.over)
    refused(site, both, site.further(both.over, sealed, made_from=made_from, **about))


def test_an_object_of_the_vault_said_to_be_a_plain_file(site: Site, tmp_path: Path) -> None:
    both = pair(site, tmp_path, vault=True)
    refused(site, both, claimed(site, both, f"{both.path.parent}/./{both.path.name}"))


# -- expire -------------------------------------------------------------------------------------


def backup_of(site: Site, both: Pair, location: str, folder: Path) -> tuple[str, str]:
    """A backup of what is over, said to have its one copy at a place; the backup and the copy."""
    backup = new_ids("backup")[0]
    about = {"object": both.digest, "encrypted": True, "size": 7, "medium": "disk_external"}
    copy = site.further(
        both.over, {"location": location.format(backup=backup), "content": both.digest},
        made_from=site.copy(both.over), **about,
    )  # fmt: skip
    when = now()
    said = {
        "kind": "full", "medium": "disk_external", "items": [copy], "count": 1,
        "root": list_root([copy]), "started_at": when, "ended_at": when, "manifest": "0" * 64,
    }  # fmt: skip
    site.ledger.act(site.wang, [Proposal(BackupCreated, backup, said, {"location": str(folder)})])
    return backup, copy


def stays(site: Site, both: Pair, backup: str, failed: Failed) -> None:
    before = both.path.read_bytes()
    done = expire(site.ledger, site.wang, backup)
    assert (done.receipt, done.gone, done.failed) == (None, [], [failed])
    assert both.path.read_bytes() == before


def test_an_expiry_removes_nothing_outside_its_backup(site: Site, tmp_path: Path) -> None:
    both = pair(site, tmp_path)
    backup, copy = backup_of(site, both, str(both.path), tmp_path)
    stays(site, both, backup, Failed(copy, "not_in_the_backup"))


def test_an_expiry_asks_whose_file_it_is(site: Site, tmp_path: Path) -> None:
    """Named as a copy of the backup is, and reached through a link: it is the held one's."""
    both = pair(site, tmp_path)
    backup, copy = backup_of(site, both, str(tmp_path), tmp_path)
    held = tmp_path / "甲" / copy
    both.path.rename(held)
    moves = [(both.copy, held), (copy, tmp_path / backup / copy)]
    site.ledger.act(site.wang, [move(one, str(to)) for one, to in moves])
    (tmp_path / backup).symlink_to(tmp_path / "甲")
    stays(site, both._replace(path=held), backup, Failed(copy, "of_another_copy"))


def test_an_expiry_removes_no_other_key_of_a_bucket(site: Site, tmp_path: Path) -> None:
    """It stops before the store is asked for anything: there is none here."""
    both = pair(site, tmp_path)
    where = f"s3://firm-backups/{new_ids('backup')[0]}/{new_ids('holding')[0]}"
    backup, copy = backup_of(site, both, where, tmp_path)
    stays(site, both, backup, Failed(copy, "not_in_the_backup"))


# -- reapply ------------------------------------------------------------------------------------


def test_an_object_that_is_still_named_stays_when_destruction_is_applied_again(
    site: Site, tmp_path: Path
) -> None:
    """A copy of what is over names the held object, lies in a cupboard and is destroyed there."""
    both = pair(site, tmp_path, vault=True)
    about = {"object": both.digest, "encrypted": True, "made_from": site.copy(both.over)}
    copy = site.further(both.over, {"location": "三号柜", "content": "ab" * 32}, **about)
    site.execute(site.approved([copy]), stated={copy: "destroyed"})
    before = both.path.read_bytes()
    assert reapply(site.ledger).objects == 0
    assert both.path.read_bytes() == before


def test_an_object_that_only_destroyed_copies_name_goes_again(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe_in_vault(tmp_path / "甲")
    place = place_of(site.ledger, in_vault(site, record))
    path = Path(os.fsdecode(place.path))
    before = path.read_bytes()
    site.execute(site.approved(copies_of(site.ledger, [record])))
    assert not path.exists()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(before)
    assert reapply(site.ledger).objects == 1
    assert not path.exists()
