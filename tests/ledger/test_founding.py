"""A new ledger: whole or not at all, and never in the place of another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import founding, migrations, rebuild
from ledger.application import Ledger
from ledger.errors import KeyAccessError, MunimentError, UsageError
from ledger.folder import MARKER, Folder, sync_folder
from ledger.founding import FIRST_ROLES, Founded, Founding, default_pack, found_ledger
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.note import VerifierKey
from tests.ledger.ledgers import CHEAP, FOUNDING, ORIGIN, passphrase, small_act

pytestmark = pytest.mark.usefixtures("state_home")


def found(path: Path, what: Founding = FOUNDING, **options: Any) -> Founded:
    return found_ledger(path, what, passphrase, kdf=CHEAP, **options)


def listing(path: Path) -> dict[str, bytes]:
    """Everything below a folder; the pins outside the ledger are no part of it."""
    return {
        str(p.relative_to(path)): p.read_bytes() if p.is_file() else b""
        for p in sorted(path.rglob("*"))
        if "state" not in p.relative_to(path).parts
    }


def works(path: Path, founded: Founded) -> None:
    with Ledger(Folder(path), passphrase, writing=True) as ledger:
        assert ledger.seen()[0] == 1
        ledger.act(ledger.acting(founded.actor), [small_act()])
        with ledger.engine.connect() as connection:
            assert rebuild.check(connection) == []


def test_a_new_ledger_holds_what_its_founding_says(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger"
    founded = found(path)
    with Ledger(Folder(path), passphrase) as ledger:
        assert (ledger.origin, ledger.ledger_id) == (ORIGIN, founded.ledger)
        assert ledger.routine() == founded.engagement
        actor = ledger.state(founded.actor)
        assert sorted(g.role for g in actor.roles) == sorted(FIRST_ROLES)  # type: ignore[union-attr]
        vkey = VerifierKey.parse((path / "trust" / "ledger.vkey").read_text().strip())
        assert vkey.format() == founded.vkey
        checkpoint = open_checkpoint(ledger.last_checkpoint() or b"", [vkey]).checkpoint
        assert (checkpoint.size, checkpoint.root) == ledger.seen()
        assert {ledger.unseal(p, e)["name"] for s in (founded.party, founded.actor)  # type: ignore[index]
                for p, _, e, _ in ledger.events_of(s)[:1]} == {"洁净保洁", "王管理"}  # fmt: skip
    works(path, founded)


def test_only_the_owner_can_look_into_the_folder(tmp_path: Path) -> None:
    found(tmp_path / "ledger")
    for path in [tmp_path / "ledger", *(tmp_path / "ledger").rglob("*")]:
        private = path.is_dir() or path.parent.name in ("identity", "keystore")
        assert not (private and path.stat().st_mode & 0o077), path


def test_two_foundings_share_nothing(tmp_path: Path) -> None:
    assert not set(found(tmp_path / "a")) & set(found(tmp_path / "b"))


@pytest.mark.parametrize(
    "part", ["muniment.toml", "ledger.db", "keystore", "identity", "trust", "trust -> nowhere"]
)
def test_a_folder_with_a_part_of_a_ledger_is_refused_unchanged(tmp_path: Path, part: str) -> None:
    name, _, target = part.partition(" -> ")
    if target:
        (tmp_path / "ledger").mkdir()
        (tmp_path / "ledger" / name).symlink_to(target)
    else:
        (tmp_path / "ledger" / name).mkdir(parents=True)
    before = listing(tmp_path)
    with pytest.raises(MunimentError, match="nothing was changed"):
        found(tmp_path / "ledger")
    assert listing(tmp_path) == before


def test_an_existing_ledger_is_refused_unchanged(tmp_path: Path) -> None:
    founded = found(tmp_path / "ledger")
    before = listing(tmp_path)
    with pytest.raises(MunimentError, match="nothing was changed"):
        found(tmp_path / "ledger")
    assert listing(tmp_path) == before
    works(tmp_path / "ledger", founded)


@pytest.mark.parametrize("below", ["", "below", "below/deeper"])
def test_a_file_in_the_way_is_refused_unchanged(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MunimentError, match="nothing was changed"):
        found(tmp_path / "file" / below)
    assert listing(tmp_path) == {"file": b"mine"}


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "notes.txt").write_text("mine")
    founded = found(tmp_path / "ledger")
    assert (tmp_path / "ledger" / "notes.txt").read_text() == "mine"
    works(tmp_path / "ledger", founded)


@pytest.mark.parametrize(
    "origin",
    ["", "UPPER.example", "a b", "x/commit/y", "x/a", "x\ny", "例.example", "x//y", "a" * 9**4],
)
def test_a_malformed_origin_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(UsageError):
        found(tmp_path / "ledger", FOUNDING._replace(origin=origin))
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("pack", [b"\xff", b"[policy]", b"x" * 300_000, default_pack()[:-40]])
def test_a_malformed_pack_is_refused(tmp_path: Path, pack: bytes) -> None:
    with pytest.raises(UsageError):
        found(tmp_path / "ledger", pack=pack)
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(
    "change", [{"party_kind": "gang"}, {"function": "x"}, {"jurisdiction": "zz"}, {"actor": ""},
               {"party": "half a pair \ud800"}]
)  # fmt: skip
def test_codes_and_names_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(MunimentError):
        found(tmp_path / "ledger", FOUNDING._replace(**change))
    assert listing(tmp_path) == {}


# -- failing midway -----------------------------------------------------------------------------


def nth_call(number: int, real: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """Does what `real` does, and fails once it has been called `number` times."""
    count = [0]

    def call(*args: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] == number:
            raise error
        return real(*args, **options)

    return call


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("ledger.founding.write_key", 4),
        ("ledger.founding.Keystore.create", 1),
        ("ledger.founding.upgrade", 1),
        ("ledger.tree.StoredTree.advance", 1),
        ("ledger.application.Ledger.sign_checkpoint", 1),
        ("ledger.folder.Folder.write_settings", 1),
        ("ledger.founding.write_atomically", 1),
        *(("pathlib.Path.rename", number) for number in (1, 2, 5)),
        ("ledger.founding.sync_folder", 1),
    ],
)
def test_a_founding_that_fails_midway_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, number: int, error: BaseException
) -> None:
    import pkgutil

    module, name = place.rsplit(".", 1)
    real = getattr(pkgutil.resolve_name(module), name)
    path = tmp_path / "new" / "ledger"
    with monkeypatch.context() as patch:
        patch.setattr(place, nth_call(number, real, error))
        with pytest.raises(type(error) if error is not FULL else MunimentError) as caught:
            found(path)
    if error is FULL:
        assert "No space left" in str(caught.value)
        assert "nothing was changed" in str(caught.value)
    assert listing(tmp_path) == {}
    works(path, found(path))


def test_a_founding_in_a_folder_with_files_leaves_them_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "notes.txt").write_text("mine")
    before = listing(tmp_path)
    monkeypatch.setattr("ledger.founding.sync_folder", nth_call(1, sync_folder, FULL))
    with pytest.raises(MunimentError):
        found(tmp_path / "ledger")
    assert listing(tmp_path) == before


def test_without_a_passphrase_nothing_is_made(tmp_path: Path) -> None:
    def none(holder: str) -> bytes:
        raise KeyAccessError("no passphrase")

    with pytest.raises(KeyAccessError):
        found_ledger(tmp_path / "ledger", FOUNDING, none, kdf=CHEAP)
    assert listing(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    if os.access(tmp_path / "closed", os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(MunimentError, match="nothing was changed"):
        found(tmp_path / "closed" / "ledger")


def test_of_two_foundings_at_once_one_wins_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked and found nothing there; the later must not mix its parts in."""
    path, barrier, alembic = tmp_path / "ledger", threading.Barrier(2), threading.Lock()
    real, upgrade, names = founding._move, migrations.upgrade, iter(("one", "two"))
    outcomes: list[Founded | BaseException] = []

    def meet(*args: Any) -> None:
        barrier.wait(30)
        real(*args)

    def migrate(connection: Any) -> None:
        with alembic:  # two processes have one each
            upgrade(connection)

    monkeypatch.setattr(founding, "_move", meet)
    monkeypatch.setattr(founding, "upgrade", migrate)
    monkeypatch.setattr(os, "getpid", lambda: next(names, "three"))

    def run() -> None:
        try:
            outcomes.append(found(path))
        except BaseException as error:  # noqa: BLE001  shown by the test's thread
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [one for one in outcomes if isinstance(one, Founded)]
    assert len(winners) == 1, outcomes
    assert [type(one) for one in outcomes if one is not winners[0]] == [MunimentError]
    assert (path / MARKER).exists()
    works(path, winners[0])
