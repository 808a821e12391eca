"""A content that a run left in the vault, named by no event, outlives no destruction."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.effects import vaulting
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.errors import MunimentError
from ledger.stream import decrypt
from ledger.sweeping import sweep
from ledger.vault import Vault
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.vaults import objects, store

WORDS = "客户王小明的病历".encode()


def contents(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.txt").write_bytes(WORDS * (number + 1))
    return folder


def taking_in(site: Site, folder: Path) -> list[str]:
    terms = Terms("contract", "pipl_13_2_contract", "店主", site.ledger.routine(), vault="ssd")
    found = collect(site.ledger, site.wang, [folder], terms)
    return [one.record for one in found if isinstance(one, Collected)]


def open_with_any_key(ledger: Ledger) -> list[str]:
    """The files of the vault that some key of the keystore still opens."""
    found = []
    for path in Vault(ledger.folder.path).path.rglob("*"):
        for key in ledger.keystore.present() if path.is_file() else ():
            with suppress(MunimentError), path.open("rb") as file:
                if WORDS in b"".join(decrypt(file, ledger.keystore.key(key))):
                    found.append(path.name)
    return found


def killed_before_its_commit(crew: Crew, folder: Path) -> None:
    """A process that dies when its objects are in the vault and no event names them."""
    child = os.fork()
    if child == 0:
        try:
            with crew.open() as site:
                fatal: Any = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
                site.ledger.commit = fatal  # type: ignore[method-assign]
                taking_in(site, folder)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def destroyed(site: Site, records: list[str]) -> str:
    site.ripen(records)
    case = site.approved(copies_of(site.ledger, records))
    site.execute(case)
    site.verify(case)
    site.certify(case)
    said = certificate(site.ledger, case)
    assert said is not None
    return str(said["verdict"])


def test_what_a_killed_run_left_goes_before_the_record_is_certified_as_destroyed(
    crew: Crew, tmp_path: Path
) -> None:
    folder = contents(tmp_path / "店", 6)
    killed_before_its_commit(crew, folder)
    with crew.open() as site:
        assert len(objects(site.ledger)) == len(open_with_any_key(site.ledger)) == 6
        records = taking_in(site, folder)
        assert len(objects(site.ledger)) == 6, "those of this run, and no others"
        assert destroyed(site, records) == "destroyed"
        assert open_with_any_key(site.ledger) == objects(site.ledger) == []


def test_a_destruction_takes_out_what_no_event_names_by_itself(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        records = taking_in(site, contents(tmp_path / "店", 1))
    killed_before_its_commit(crew, contents(tmp_path / "店2", 3))
    with crew.open() as site:
        assert len(vaulting.check(site.ledger).strays) == 3
        assert destroyed(site, records) == "destroyed"
        assert open_with_any_key(site.ledger) == objects(site.ledger) == []


def test_a_stray_that_comes_after_the_execution_goes_before_it_is_read_back(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        records = taking_in(site, contents(tmp_path / "店", 1))
        site.ripen(records)
        case = site.approved(copies_of(site.ledger, records))
        site.execute(case)
    killed_before_its_commit(crew, contents(tmp_path / "店2", 2))
    with crew.open() as site:
        site.verify(case)
        assert objects(site.ledger) == []


@pytest.mark.parametrize("recorded", [False, True])
def test_an_interrupted_run_keeps_what_is_recorded_and_nothing_else(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    folder = contents(tmp_path / "店", 5)
    with crew.open() as site:
        real = site.ledger.commit

        def interrupted(*given: object, **named: object) -> None:
            if recorded:
                real(*given, **named)  # type: ignore[arg-type]
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(site.ledger, "commit", interrupted)
            with pytest.raises(KeyboardInterrupt):
                taking_in(site, folder)
        kept = 5 if recorded else 0
        assert len(objects(site.ledger)) == len(open_with_any_key(site.ledger)) == kept
        assert len(taking_in(site, folder)) == 5 - kept
        assert vaulting.check(site.ledger, read_data=True) == (5, [], [])


def test_what_an_event_names_is_never_swept_whatever_the_projections_say(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        taking_in(site, contents(tmp_path / "店", 3))
        (stray,) = store(Vault(site.ledger.folder.path), b"x")
        with site.ledger.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE holdings SET encrypted = 0")
        assert vaulting.remove_strays(site.ledger) == 1
        assert len(objects(site.ledger)) == 3
        assert stray not in objects(site.ledger)


def test_a_stray_that_cannot_be_removed_stops_a_destruction(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crew.open() as site:
        records = taking_in(site, contents(tmp_path / "店", 1))
        site.ripen(records)
        case = site.approved(copies_of(site.ledger, records))
        (stray,) = store(Vault(site.ledger.folder.path), b"x")
        path, real = Vault(site.ledger.folder.path).path_of(stray), Path.unlink

        def refused(self: Path, missing_ok: bool = False) -> None:
            if self == path:
                raise PermissionError(1, "Operation not permitted")
            real(self, missing_ok)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refused)
            with pytest.raises(MunimentError, match="cannot be removed"):
                site.execute(case)
        assert len(objects(site.ledger)) == 2
        site.execute(case)
        assert objects(site.ledger) == []


def test_more_than_a_run_can_leave_is_left_alone_until_a_person_says_so(tmp_path: Path) -> None:
    """They may be what a newer state of the ledger names, which somebody put back older."""
    with sa.create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE events (topic, state, stream, version, position)")
        connection.exec_driver_sql("CREATE TABLE holdings (holding, encrypted)")
        vault = Vault(tmp_path)
        for number in range(3):
            path = vault.path_of(f"{number:064x}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        with pytest.raises(MunimentError, match="more than a run can leave"):
            sweep(vault, connection, 2)
        assert len(list(vault.path.rglob("*"))) >= 3
        assert sweep(vault, connection, 3) == 3
