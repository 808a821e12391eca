"""Collecting from what is broken, strange or moving: what can be taken is, the rest is named."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger import sources
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Failed, Outcome, Terms, Unchanged, collect
from ledger.sources import SourceFault
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import Firm

CN = Path(__file__).parent.parent / "vectors" / "cn"
Run = Callable[..., list[Outcome]]


@pytest.fixture
def run(ledger: Ledger, admin: Acting) -> Run:
    """Collects paths and returns the outcomes."""

    def collecting(*paths: Path | bytes, **terms: Any) -> list[Outcome]:
        form = {"category": "contract", "basis": "pipl_13_2_contract", "source": "店主", **terms}
        agreed = Terms(engagement=ledger.routine(), **form)
        return list(collect(ledger, admin, [os.fsdecode(p) for p in paths], agreed))

    return collecting


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder that is collected; two good contracts lie in it."""
    folder = tmp_path / "客户资料"
    folder.mkdir()
    for name in ("甲.txt", "乙.txt"):
        (folder / name).write_text(f"{name}: 保洁合同", encoding="utf-8")
    return folder


def named(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """What failed, by its file name."""
    return {o.path.rpartition("/")[2]: o.cause for o in outcomes if isinstance(o, Failed)}


def taken(outcomes: Sequence[Outcome]) -> list[str]:
    return [o.path.rpartition("/")[2] for o in outcomes if isinstance(o, Collected)]


GOOD = ["乙.txt", "甲.txt"]


# -- files that cannot be read ------------------------------------------------------------------


def test_what_may_not_be_read_is_named_and_the_rest_is_taken(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = source / "密.txt"
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0)
    if os.geteuid() == 0:  # root reads whatever its mode says
        forbid(monkeypatch, {os.fsencode(secret)})
    outcomes = run(source)
    assert named(outcomes) == {"密.txt": "not_readable"}
    assert sorted(taken(outcomes)) == sorted(GOOD)


def forbid(monkeypatch: pytest.MonkeyPatch, paths: set[bytes]) -> None:
    """Let the system answer EACCES for some paths, as it does to those who are not root."""
    real = os.open

    def guarded(path: Any, *args: Any, **more: Any) -> int:
        if path in paths:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", guarded)


def test_a_folder_that_may_not_be_entered_is_named(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = source / "锁"
    locked.mkdir()
    real = os.listdir

    def guarded(path: Any) -> list[Any]:
        if path == os.fsencode(locked):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", guarded)
    assert named(run(source)) == {"锁": "not_readable"}


def test_what_vanishes_between_finding_and_reading_is_named(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sources.read

    def late(path: bytes) -> sources.Found:
        if path.endswith("乙.txt".encode()):
            Path(os.fsdecode(path)).unlink()
        return real(path)

    monkeypatch.setattr(sources, "read", late)
    outcomes = run(source)
    assert (named(outcomes), taken(outcomes)) == ({"乙.txt": "vanished"}, ["甲.txt"])


def test_a_path_that_is_not_there_is_named(run: Run, source: Path) -> None:
    outcomes = run(source / "丙.txt", source)
    assert (named(outcomes), taken(outcomes)) == ({"丙.txt": "vanished"}, GOOD)


def changing(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[Path], None]) -> None:
    """Do something to a file after its first chunk was read."""
    real = sources.opened
    seen: Counter[bytes] = Counter()

    class Moving:
        def __init__(self, file: Any, path: bytes) -> None:
            self.file, self.path = file, path

        def read(self, size: int = -1) -> bytes:
            chunk: bytes = self.file.read(size)
            if self.path.endswith(name.encode()) and not seen[self.path]:
                seen[self.path] += 1
                act(Path(os.fsdecode(self.path)))
            return chunk

        def __getattr__(self, attribute: str) -> Any:
            return getattr(self.file, attribute)

    @contextmanager
    def opened(path: bytes) -> Iterator[Any]:
        with real(path) as file:
            yield Moving(file, path)

    monkeypatch.setattr(sources, "opened", opened)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite(path: Path) -> None:
    """The same size, other bytes."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def shorten(path: Path) -> None:
    os.truncate(path, 1)


@pytest.mark.parametrize("act", [grow, overwrite, shorten])
def test_what_changes_while_it_is_read_is_not_taken(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]
) -> None:
    changing(monkeypatch, "乙.txt", act)
    outcomes = run(source)
    assert (named(outcomes), taken(outcomes)) == ({"乙.txt": "changed_while_read"}, ["甲.txt"])


def test_a_disk_that_fails_in_the_middle_is_named(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(5, "Input/output error")

    changing(monkeypatch, "乙.txt", fail)
    outcomes = run(source)
    assert (named(outcomes), taken(outcomes)) == ({"乙.txt": "input_output_error"}, ["甲.txt"])


# -- strange files ------------------------------------------------------------------------------


def test_links_pipes_sockets_and_devices_are_named_and_not_waited_for(
    run: Run, source: Path
) -> None:
    (source / "link").symlink_to(source / "甲.txt")
    (source / "folder").symlink_to(source)
    (source / "nowhere").symlink_to(source / "not there")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(source)  # a socket's name is at most 107 bytes long
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        outcomes = run(source, Path("/dev/null"))
    assert named(outcomes) == {
        "link": "link", "folder": "link", "nowhere": "link", "pipe": "not_a_regular_file",
        "socket": "not_a_regular_file", "null": "not_a_regular_file",
    }  # fmt: skip
    assert taken(outcomes) == GOOD


def test_a_device_in_the_folder_is_named(run: Run, source: Path) -> None:
    try:
        os.mknod(source / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    assert named(run(source)) == {"device": "not_a_regular_file"}


def test_a_link_that_was_asked_for_by_name_is_followed(run: Run, source: Path) -> None:
    link = source.parent / "link"
    link.symlink_to(source)
    assert taken(run(link)) == GOOD


def test_a_link_that_takes_a_files_place_is_not_followed(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sources.read

    def swap(path: bytes) -> sources.Found:
        if path.endswith("乙.txt".encode()):
            link = Path(os.fsdecode(path))
            link.unlink()
            link.symlink_to(source / "甲.txt")
        return real(path)

    monkeypatch.setattr(sources, "read", swap)
    assert named(run(source)) == {"乙.txt": "link"}


def test_an_empty_file_is_a_record_of_no_bytes(run: Run, source: Path, ledger: Ledger) -> None:
    (source / "空.txt").touch()
    (source / "空.csv").touch()
    outcomes = [o for o in run(source) if isinstance(o, Collected) and "空" in o.path]
    for one in outcomes:
        ((_, _, event, _),) = ledger.events_of(one.record)
        assert event.size == 0  # type: ignore[attr-defined]
    assert len(outcomes) == 2


def test_a_large_sparse_file_is_read_to_its_end(run: Run, source: Path, ledger: Ledger) -> None:
    size = 64 << 20
    with (source / "大.bin").open("wb") as file:
        file.truncate(size)
    (one,) = [o for o in run(source) if isinstance(o, Collected) and o.path.endswith("大.bin")]
    ((_, _, event, _),) = ledger.events_of(one.record)
    fields = ledger.unseal(one.position, event)
    assert fields is not None
    assert fields["content"] == sha256(bytes(size)).hexdigest()


ODD_NAMES = [
    b"line\nbreak.txt", b"tab\tbell\x07.txt", b"\xff\xfe not utf-8.txt",
    "客户\u202e资料.txt".encode(), b"-rf", b" ", b"a" * 251 + b".txt", b"%s{0}\\",
    ("名" * 83 + ".doc").encode(), b"'; DROP TABLE events;--", b"\xe5\xae\xa2\xe6\x88.txt",
]  # fmt: skip


def test_files_with_odd_names_are_taken_and_their_names_read_back(
    run: Run, tmp_path: Path, ledger: Ledger
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ODD_NAMES:
        (folder / os.fsdecode(name)).write_bytes(name)
    outcomes = run(folder)
    assert named(outcomes) == {}
    assert len(outcomes) == len(ODD_NAMES)
    for one in outcomes:
        assert isinstance(one, Collected)
        assert one.path.isprintable()
        ((_, _, event, _),) = ledger.events_of(one.record)
        holding = event.holding  # type: ignore[attr-defined]
        ((position, _, copy, _),) = ledger.events_of(holding)
        place = ledger.unseal(position, copy)
        assert place is not None
        if "location_bytes" in place:
            assert bytes.fromhex(place["location_bytes"]).rpartition(b"/")[2] in ODD_NAMES
    assert verify_folder(ledger.folder).verdict == "valid"


def test_folders_deep_in_each_other_are_walked(run: Run, source: Path) -> None:
    """Deeper than Python's calls may be."""
    here = os.open(source, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("丙.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    outcomes = run(source)
    assert sorted(taken(outcomes)) == sorted([*GOOD, "丙.txt"])
    subprocess.run(["rm", "-rf", str(source)], check=True)  # pytest's own way out is too short


def test_the_ledgers_own_folder_is_not_collected(run: Run, firm: Firm, source: Path) -> None:
    assert taken(run(firm.path.parent)) == GOOD
    assert run(firm.path) == []


def test_the_same_file_named_twice_is_taken_once(run: Run, source: Path) -> None:
    assert taken(run(source, source / "甲.txt", source / "." / "乙.txt")) == GOOD


# -- many files ---------------------------------------------------------------------------------


def test_of_ten_thousand_files_three_cannot_be_read(
    run: Run, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records 9,997, names the three; run again, it records nothing twice."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number:05d}.txt").write_bytes(b"%d" % number)
    bad = {f"{number:05d}.txt" for number in (7, 4_999, 9_999)}
    with monkeypatch.context() as patch:
        forbid(patch, {os.fsencode(folder / name) for name in bad})
        outcomes = run(folder)
        events = ledger.recorder.max_notification_id()
        again = run(folder)
    assert named(outcomes) == dict.fromkeys(bad, "not_readable")
    assert len(taken(outcomes)) == 9_997
    assert named(again) == dict.fromkeys(bad, "not_readable")
    assert taken(again) == []
    assert sum(o.count for o in again if isinstance(o, Unchanged)) == 9_997
    assert ledger.recorder.max_notification_id() == events
    assert sorted(taken(run(folder))) == sorted(bad), "what was not readable is taken up later"


# -- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf8bom", "gb18030", "gbk"])
def test_a_thousand_chinese_customers_in_every_encoding(
    run: Run, tmp_path: Path, ledger: Ledger, encoding: str
) -> None:
    table = tmp_path / "客户.csv"
    shutil.copy(CN / f"faker-zh_CN-1000.{encoding}.csv", table)
    outcomes = run(table, rows=True)
    assert Counter(map(type, outcomes)) == {Collected: 1000}
    first = outcomes[0]
    assert isinstance(first, Collected)
    (_, _, event, _) = ledger.events_of(first.record)[0]
    fields = ledger.unseal(first.position, event)
    assert fields is not None
    assert fields["title"] == "客户.csv #1 C00001"
    assert Counter(map(type, run(table, rows=True))) == {Unchanged: 2}
    assert len(taken(run(table))) == 1, "and the table itself as one series"


def test_the_same_row_is_the_same_content_in_every_encoding(tmp_path: Path) -> None:
    contents = set()
    for encoding in ("utf8bom", "gb18030", "gbk"):
        table = tmp_path / f"{encoding}.csv"
        shutil.copy(CN / f"faker-zh_CN-1000.{encoding}.csv", table)
        found = sources.read(os.fsencode(table))
        cells = [sources.row_content(row) for _, row in sources.rows(found)]
        contents.add(sha256(b"\n".join(cells)).digest())
    assert len(contents) == 1


BROKEN = {
    "an open quotation": b'id,name\n1,"a\n2,b\n',
    "text after a quotation": b'id,name\n1,"a"b\n',
    "a cell of two megabytes": b"id,name\n1," + b"x" * (2 << 20) + b"\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_table_that_cannot_be_taken_apart_is_taken_whole_or_refused_whole(
    run: Run, tmp_path: Path, ledger: Ledger, content: bytes
) -> None:
    table = tmp_path / "表.csv"
    table.write_bytes(b"id,name\n" + b"1,x\n" * 2500 + content)
    before = ledger.seen()
    assert named(run(table, rows=True)) == {"表.csv": "malformed_table"}
    assert ledger.seen() == before, "no row of a broken table was recorded"
    assert taken(run(table)) == ["表.csv"]


def test_bytes_of_no_known_encoding_are_a_file_and_no_table(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "表.csv"
    table.write_bytes(b"id,name\n1,\xff\xff\xff\n")
    assert sources.read(os.fsencode(table)).encoding is None
    assert named(run(table, rows=True)) == {"表.csv": "unknown_encoding"}
    assert taken(run(table)) == ["表.csv"]


def test_zero_bytes_in_a_table_are_cells_like_others(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "表.csv"
    table.write_bytes(b"id,name\n1,a\x00b\n")
    assert len(taken(run(table, rows=True))) == 1


def test_a_table_with_nothing_but_a_header_is_named(run: Run, tmp_path: Path) -> None:
    for content in (b"", b"id,name\n", b"id,name\n\n\n"):
        table = tmp_path / "表.csv"
        table.write_bytes(content)
        assert named(run(table, rows=True)) == {"表.csv": "no_rows"}


def test_a_table_that_changes_in_the_middle_is_named_and_taken_up_later(
    run: Run, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "表.csv"
    rows = b"".join(b"%d,%s\n" % (n, b"x" * 1000) for n in range(3000))
    table.write_bytes(b"id,name\n" + rows)
    real, passes = sources.rows, Counter[str]()

    def moving(found: sources.Found) -> Any:
        passes["all"] += 1
        own = passes["all"]
        for number, cells in real(found):
            if own == 1 and number == 1500:
                with table.open("r+b") as file:
                    file.seek(-10, os.SEEK_END)
                    file.write(b"y")
            yield number, cells

    with monkeypatch.context() as patch:
        patch.setattr(sources, "rows", moving)
        outcomes = run(table, rows=True)
    assert named(outcomes) == {"表.csv": "changed_while_read"}
    again = run(table, rows=True)
    known = sum(o.count for o in again if isinstance(o, Unchanged))
    assert known == len(taken(outcomes))
    assert known + len(taken(again)) == 3000
    assert verify_folder(ledger.folder).verdict == "valid"


def test_rows_of_a_table_that_is_not_the_one_that_was_read_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "表.csv"
    table.write_bytes(b"id\n1\n")
    found = sources.read(os.fsencode(table))
    table.write_bytes(b"id\n2\n")
    with pytest.raises(SourceFault, match="changed_while_read"):
        list(sources.rows(found))


MEASURE = """
import gc, resource, sys
from pathlib import Path
from ledger.application import Ledger
from ledger.collecting import Terms, collect
from ledger.folder import Folder
with Ledger(Folder(Path(sys.argv[1])), lambda _: b"correct horse", writing=True) as ledger:
    terms = Terms("contract", "pipl_13_2_contract", "x", ledger.routine(), rows=True)
    acting = ledger.acting(sys.argv[2])
    peaks, count = [], 0
    for outcome in collect(ledger, acting, [sys.argv[3]], terms):
        count += 1
        if count in (30_000, 300_000):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(count, *peaks)
"""


@pytest.mark.slow
def test_memory_stays_flat_over_three_hundred_thousand_rows(firm: Firm, tmp_path: Path) -> None:
    table = tmp_path / "表.csv"
    with table.open("w", encoding="utf-8") as file:
        file.write("编号,姓名\n")
        file.writelines(f"{number},客户{number}\n" for number in range(300_000))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(firm.path), firm.founded.actor, str(table)],
        stdout=subprocess.PIPE, check=True, encoding="utf-8",
        cwd=Path(__file__).parent.parent.parent, env=os.environ,
    )  # fmt: skip
    count, early, late = map(int, done.stdout.split())
    assert count == 300_000
    assert late - early < 48 * 1024, f"{early} kB after 30,000 rows, {late} kB after 300,000"
