"""Destruction where somebody's word is all there is, and where disks fail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ledger import custody
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.errors import RefusedError, UsageError
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    lone_fixture,  # noqa: F401
    outcomes,
    results,
    site_fixture,  # noqa: F401
)
from tests.ledger.test_destroying import titles

# -- what is stated -----------------------------------------------------------------------------


def test_what_is_no_file_here_is_what_its_operator_and_verifier_say(
    site: Site, tmp_path: Path
) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    paper = site.printed(record)
    case = site.approved(copies_of(site.ledger, [record]))
    done = site.execute(case, stated={paper: "destroyed"})
    assert outcomes(done)[paper] == ("destroyed", "stated")
    assert results(site.verify(case))[paper] == ("unknown", "not_a_file_here")
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)
    assert results(site.verify(case, stated={paper: "pass"}))[paper] == ("pass", "stated")
    site.certify(case)


def test_nothing_is_stated_of_a_file_that_is_here(site: Site, lone: tuple[str, Path]) -> None:
    case, path = lone
    ((item, _),) = site.state(case).items.items()
    with pytest.raises(UsageError, match="a file here"):
        site.execute(case, stated={item: "destroyed"})
    assert path.is_file()
    path.chmod(0o600)
    site.execute(case)
    with pytest.raises(UsageError, match="can be looked at"):
        site.verify(case, stated={item: "pass"})


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_file_that_was_moved_away_is_not_said_to_be_destroyed(
    site: Site, lone: tuple[str, Path], tmp_path: Path, folder_too: bool
) -> None:
    case, path = lone
    ((item, _),) = site.state(case).items.items()
    kept = path.rename(tmp_path / "kept.txt")
    if folder_too:
        path.parent.rmdir()
    with pytest.raises(UsageError, match="is not called destroyed"):
        site.execute(case, stated={item: "destroyed"})
    assert not site.state(case).begun
    assert outcomes(site.execute(case, stated={item: "failed"})) == {item: ("failed", "stated")}
    with pytest.raises(UsageError, match="is not called destroyed"):
        site.execute(case, stated={item: "destroyed"})
    path.parent.mkdir(exist_ok=True)
    kept.rename(path)
    assert outcomes(site.execute(case)) == {item: ("destroyed", "removed")}


def test_paper_of_which_nothing_is_stated_is_unknown_and_may_be_tried_again(
    site: Site, tmp_path: Path
) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    paper = site.printed(record)
    case = site.approved(copies_of(site.ledger, [record]))
    assert outcomes(site.execute(case))[paper] == ("unknown", "not_a_file_here")
    assert titles(site.ledger, record)[0] is not None, "the paper may still be there"
    again = site.execute(case, stated={paper: "destroyed"})
    assert outcomes(again) == {paper: ("destroyed", "stated")}
    assert not any(titles(site.ledger, record))
    assert {r for r, _ in results(site.verify(case, stated={paper: "pass"})).values()} == {"pass"}


# -- disks that fail ----------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, name: str, victim: Path) -> None:
    """Let one system call fail for the file `victim`, wherever it has got to."""
    inode, real = victim.stat().st_ino, getattr(os, name)

    def fail(what: Any, *rest: Any, **options: Any) -> Any:
        status = os.fstat(what) if isinstance(what, int) else os.stat(
            what, dir_fd=options.get("dir_fd", options.get("src_dir_fd")), follow_symlinks=False
        )  # fmt: skip
        if status.st_ino == inode:
            raise OSError(5, "Input/output error")
        return real(what, *rest, **options)

    monkeypatch.setattr(f"os.{name}", fail)


@pytest.mark.parametrize("call", ["unlink", "rename", "pwrite", "fsync"])
def test_a_disk_that_fails_for_one_file_of_three(site: Site, tmp_path: Path, call: str) -> None:
    records = site.ripe(tmp_path / "合同", 3)
    items = copies_of(site.ledger, records)
    victim = Path(os.fsdecode(site.place(records[1]).path))
    case = site.approved(items)
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, call, victim)
        done = site.execute(case)
    assert outcomes(done) == {
        items[0]: ("destroyed", "removed"), items[1]: ("failed", "input_output_error"),
        items[2]: ("destroyed", "removed"),
    }  # fmt: skip
    read = results(site.verify(case))
    assert read[items[1]] == ("fail", "still_there")
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)
    again = site.execute(case)
    assert outcomes(again) == {items[1]: ("destroyed", "removed")}
    assert list((tmp_path / "合同").iterdir()) == []
    assert {result for result, _ in results(site.verify(case)).values()} == {"pass"}
    site.certify(case)


def test_what_failed_is_taken_off_and_the_certificate_is_partial(
    site: Site, tmp_path: Path
) -> None:
    records = site.ripe(tmp_path / "合同", 3)
    items = copies_of(site.ledger, records)
    victim = Path(os.fsdecode(site.place(records[1]).path))
    case = site.approved(items)
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, "unlink", victim)
        site.execute(case)
    site.verify(case)
    site.ledger.act(site.person("chen"), custody.take_off(case, [items[1]], "磁盘故障"))
    site.certify(case)
    said = certificate(site.ledger, case)
    assert said is not None
    assert (said["verdict"], said["counts"]["taken_off"]) == ("partial", 1)
    assert titles(site.ledger, records[1])[0] is not None
