"""A replay that was killed goes on where it stood, and ends with the same bytes as any other."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.audit import judging
from ledger.audit import replay as replaying
from ledger.audit.kept import NAME, Kept, keeping
from ledger.audit.scratch import scratch
from ledger.errors import LockedError
from tests.ledger.desk import ROOT
from tests.ledger.ledgers import Firm, small_act
from tests.ledger.replayed import NOW, audited, modified_client, not_permitted
from tests.ledger.tampering import act, busy, busy_template  # noqa: F401  fixtures

ACTS = 12
_PROGRAM = """
import os, signal, sys
from ledger.audit import judging
from ledger.cli import main
judging.BATCH = 1
point, number = sys.argv[1], int(sys.argv[2])
count = 0
kept, project = judging.Judging._keep, judging.project
def strike():
    global count
    count += 1
    if count == number:
        os.kill(os.getpid(), signal.SIGKILL)
def keep(self):
    if point == "before":
        strike()
    kept(self)
    if point == "after":
        strike()
def made(connection, batch):
    project(connection, batch)
    if point == "inside":
        strike()
judging.Judging._keep, judging.project = keep, made
sys.argv = ["muniment", *sys.argv[3:]]
main()
"""


def program(*arguments: str, strike: tuple[str, int] = ("never", 0)) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _PROGRAM, strike[0], str(strike[1]), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@pytest.fixture
def shop(busy: Firm, monkeypatch: pytest.MonkeyPatch) -> Firm:  # noqa: F811
    """A ledger of many entries, one of which was not permitted."""
    act(busy, ACTS)
    with modified_client(monkeypatch), busy.open() as ledger:
        founder = ledger.acting(busy.founded.actor)
        events, ciphertexts = ledger.build(founder, [small_act(1)], at="2031-01-01T00:00:00.000Z")
        ledger.commit(founder, events, ciphertexts)
    act(busy, 2)
    return busy


def command(firm: Firm, keep: Path) -> list[str]:
    return ["-L", str(firm.path), "audit", "replay", "--json", "--now", NOW, "--keep", str(keep)]


@pytest.mark.parametrize(
    "point",
    [
        "after",
        pytest.param("before", marks=pytest.mark.slow),
        pytest.param("inside", marks=pytest.mark.slow),
    ],
)
def test_a_killed_replay_goes_on_and_says_the_same(
    shop: Firm, tmp_path: Path, point: str, request: pytest.FixtureRequest
) -> None:
    seed = request.config.getoption("randomly_seed", 20261122)
    draw = random.Random(f"{seed} {point}")
    print("seed", seed, point)
    whole = audited(shop.path)
    assert not_permitted(whole), "there is something to find"
    keep = tmp_path / "keep"
    for _ in range(1 if point == "after" else 3):
        killed = program(*command(shop, keep), strike=(point, draw.randint(1, ACTS // 2)))
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL
    assert (keep / NAME).stat().st_mode & 0o777 == 0o600
    assert keep.stat().st_mode & 0o777 == 0o700
    assert audited(shop.path, keep=keep).json() == whole.json()
    assert audited(shop.path, keep=keep).json() == whole.json(), "and again, from the end"


@pytest.mark.slow
def test_an_interrupted_replay_goes_on(shop: Firm, tmp_path: Path) -> None:
    """Control-C at any moment, in a real process."""
    keep = tmp_path / "keep"
    for after in (0.2, 0.6, 1.0):
        running = program(*command(shop, keep))
        time.sleep(after)
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert audited(shop.path, keep=keep).json() == audited(shop.path).json()


def test_what_was_judged_is_not_judged_again(
    shop: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = tmp_path / "keep"
    first = audited(shop.path, keep=keep)
    act(shop, 3)
    judged: list[int] = []
    whole = judging.Judging._judge

    def counted(self: judging.Judging, commit: judging.Commit) -> None:
        judged.append(commit.index)
        whole(self, commit)

    monkeypatch.setattr(judging.Judging, "_judge", counted)
    second = audited(shop.path, keep=keep)
    assert judged == [first.entries, first.entries + 1, first.entries + 2]
    assert second.json() == audited(shop.path).json()


def test_since_a_checkpoint_tells_what_is_new_at_the_cost_of_what_is_new(
    shop: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = tmp_path / "keep"
    with shop.open() as ledger:
        checkpoint = ledger.sign_checkpoint()
    before = audited(shop.path, keep=keep)
    act(shop, 2)
    with modified_client(monkeypatch), shop.open() as ledger:
        founder = ledger.acting(shop.founded.actor)
        events, ciphertexts = ledger.build(founder, [small_act(2)], at="2031-01-01T00:00:00.000Z")
        done = ledger.commit(founder, events, ciphertexts)
    kept = audited(shop.path, since=checkpoint, keep=keep)
    without = audited(shop.path, since=checkpoint)
    assert not_permitted(kept) == not_permitted(without)
    assert {position for _, _, position in not_permitted(kept)} == {done.first}
    assert kept.since == before.entries
    assert kept.projections.equal is None, "what lies before is not read again"


def test_a_state_of_another_ledger_or_program_is_made_again(
    shop: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, whole = tmp_path / "keep", audited(shop.path)
    audited(shop.path, keep=keep)
    with scratch(shop.path / "ledger.db", keep / NAME) as own:
        standing = Kept(own).found_here()
        assert standing is not None
        standing.edge = "00" * 32 * standing.entries.bit_count()
        own.connection.exec_driver_sql(
            "UPDATE replay_state SET state = ?", (standing.json(),)
        )  # of entries that are not this log's
        own.connection.exec_driver_sql("DELETE FROM inventory")
    assert audited(shop.path, keep=keep).json() == whole.json()
    (keep / NAME).write_bytes(b"")
    assert audited(shop.path, keep=keep).json() == whole.json()
    monkeypatch.setattr(replaying, "tool_digest", lambda: "another program")
    assert audited(shop.path, keep=keep).findings == whole.findings


def test_an_earlier_state_is_replayed_beside_what_is_kept(shop: Firm, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    newest = audited(shop.path, keep=keep)
    earlier = audited(shop.path, keep=keep, as_of="position:20")
    assert earlier.json() == audited(shop.path, as_of="position:20").json()
    assert audited(shop.path, keep=keep).json() == newest.json()


def test_two_replays_do_not_share_a_folder(tmp_path: Path) -> None:
    with keeping(tmp_path / "keep"), pytest.raises(LockedError), keeping(tmp_path / "keep"):
        pass
    assert (tmp_path / "keep" / NAME).exists()
