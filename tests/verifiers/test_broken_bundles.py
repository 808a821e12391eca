"""Broken bundles: whatever was done to one, the browser finds what Python finds, and never crashes.

What the right finding is for which attack, other tests say; here is compared, over more damage than
anybody can name.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ledger.offline.bag import write_zip
from ledger.offline.check import verify_path
from ledger.offline.findings import Flaw
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from tests.verifiers.browserscript import BrowserScript
from tests.verifiers.cases import Case, same

Files = dict[str, bytes]
READ = ("data/10_账本/", "data/20_身份/", "data/30_附件/")
STRAY = ("data/10_账本/x", "data/99/é.txt", "data/30_附件/files/7.txt", "data/00_说明/名.pdf",
         "\U0001f600", "\uffff", "data/10_账本/tokens/07.tsr", "data/10_账本/policy/x/y.toml",
         "data/10_账本/checkpoints/9223372036854775808.txt", "verify/x.exe")  # fmt: skip
PIECES = (b"0", b"9", b'"', b"\\", b"\\u0041", b"{}", b"[", b"-", b"1.0", b"1e5", b"null", b"true",
          b"\n", b" ", b"\xff", b"\xef\xbb\xbf", b"9007199254740993", b"\xe2\x80\xa8", b"\\u00e9",
          b"\\ud800", b"9223372036854775807", b"18446744073709551616", b"\r\n", b"")  # fmt: skip


def light(case: Case) -> Files:
    """The files that are looked into, without the large ones that are only hashed."""
    looked = (*READ, "data/60_环境/")
    return {n: d for n, d in case.files.items() if n.startswith(looked) or "/" not in n}


def drawn(draw: random.Random, files: Files) -> Files:
    """The files with some damage somewhere."""
    changed = dict(files)
    names = sorted(files)
    weights = [6 if name.startswith(READ) else 1 for name in names]
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        (name,) = draw.choices(names, weights)
        if name in changed:
            damage = draw.choice(DAMAGES)
            damage(draw, changed, name)
    if draw.randrange(8) == 0 and changed:
        changed[draw.choice(STRAY)] = changed[draw.choice(sorted(changed))]
    return changed


def _flip(draw: random.Random, files: Files, name: str) -> None:
    data = bytearray(files[name] or b"\0")
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    files[name] = bytes(data)


def _piece(draw: random.Random, files: Files, name: str) -> None:
    data = bytearray(files[name])
    at = draw.randrange(len(data) + 1)
    data[at : at + draw.randrange(4)] = draw.choice(PIECES)
    files[name] = bytes(data)


def _digit(draw: random.Random, files: Files, name: str) -> None:
    data = bytearray(files[name])
    places = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
    if places:
        data[draw.choice(places)] = 48 + draw.randrange(10)
        files[name] = bytes(data)


def _remove(draw: random.Random, files: Files, name: str) -> None:
    del files[name]


def _swap(draw: random.Random, files: Files, name: str) -> None:
    files[name] = files[draw.choice(sorted(files))]


def _rename(draw: random.Random, files: Files, name: str) -> None:
    files[draw.choice(STRAY)] = files.pop(name)


def _repeat(draw: random.Random, files: Files, name: str) -> None:
    data = files[name]
    at = draw.randrange(len(data) + 1)
    end = min(len(data), at + draw.randrange(1, 200))
    files[name] = data[:at] + data[at:end] * draw.choice([0, 2, 3]) + data[end:]


def _lines(draw: random.Random, files: Files, name: str) -> None:
    lines = files[name].split(b"\n")
    draw.shuffle(lines)
    files[name] = b"\n".join(lines)


def _rows(draw: random.Random, files: Files, name: str) -> None:
    """Change a canonical JSON file, and write it canonically again."""
    if not name.endswith(".json"):
        return
    try:
        value = json.loads(files[name])
    except ValueError:
        return
    _change(draw, value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    files[name] = (text + "\n").encode("ascii")


def _change(draw: random.Random, value: object) -> None:
    while isinstance(value, (dict, list)) and value:
        key = draw.choice(sorted(value)) if isinstance(value, dict) else draw.randrange(len(value))
        inner = value[key]
        if isinstance(inner, (dict, list)) and inner and draw.randrange(4):
            value = inner
            continue
        kind = draw.randrange(5)
        if kind == 0:
            del value[key]
        elif kind == 1 and isinstance(value, list):
            value.insert(0, value[-1])
        else:
            value[key] = _other(draw, inner)
        return


def _other(draw: random.Random, value: object) -> object:
    if isinstance(value, int) and draw.randrange(2):
        return value + draw.choice([-1, 1, 2**53])
    if isinstance(value, str) and value and draw.randrange(2):
        at = draw.randrange(len(value))
        return value[:at] + draw.choice("0a/\n保\U0001f600'") + value[at + 1 :]
    return draw.choice([0, 1, -1, True, None, "", [], {}, [value], {"a": value}, str(value)])


DAMAGES: list[Callable[[random.Random, Files, str], None]] = [
    _flip, _flip, _piece, _digit, _remove, _swap, _rename, _repeat, _lines, _rows, _rows, _rows,
]  # fmt: skip


def compared(script: BrowserScript, case: Case, files: Mapping[str, bytes], what: object) -> str:
    """The verdict of both."""
    report = case.python(files)
    answer = case.script(script, files)
    assert same(report, answer), (what, report.as_json(), answer.json)
    return report.verdict


@pytest.mark.parametrize("name", ["full", "period", "plain"])
def test_any_damage_has_the_same_findings(
    script: BrowserScript, cases: dict[str, Case], name: str
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw, case = random.Random(seed), cases[name]
    files = light(case)
    verdicts = {compared(script, case, drawn(draw, files), (seed, number)) for number in range(150)}
    assert "invalid" in verdicts


def test_every_file_removed_emptied_or_replaced_by_its_neighbour(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    case = cases["full"]
    files = light(case)
    names = sorted(files)
    for at, name in enumerate(names):
        without = {other: data for other, data in files.items() if other != name}
        compared(script, case, without, ("removed", name))
        compared(script, case, {**files, name: b""}, ("emptied", name))
        neighbour = files[names[at - 1]]
        compared(script, case, {**files, name: neighbour}, ("replaced", name))


def test_every_file_with_one_byte_changed(script: BrowserScript, cases: dict[str, Case]) -> None:
    """The file that is only hashed, and each that is read, at one place."""
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw, case = random.Random(seed), cases["full"]
    files = dict(case.files)
    whole = case.python()
    assert whole.verdict == "valid"
    for name in sorted(files):
        data = bytearray(files[name])
        if data:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            changed = {**files, name: bytes(data)}
            assert compared(script, case, changed, (seed, name)) == "invalid", name


# -- the container --------------------------------------------------------------------------------


def zips(case: Case, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Containers that are not what was exported."""
    files = {n: d for n, d in light(case).items() if len(d) < 300}
    good = write_zip(files, case.name)
    yield "good", good
    yield "empty", b""
    yield "no zip", b"%PDF-1.7"
    yield "nothing but the end", good[-22:]
    yield "something before", b"\0" + good
    yield "something behind", good + b"\0"
    yield "cut", good[: len(good) // 2]
    yield "twice", good + good
    yield "no top folder", write_zip(files)
    yield "two folders", write_zip({f"{n[0]}/{n}": d for n, d in files.items()})
    yield "another folder", write_zip(files, "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e")
    one = write_zip({"a": b"x"}, "b")
    for at in range(len(one)):
        for byte in (0, 1, 0x50, 0xFF):
            yield f"byte {at}", one[:at] + bytes([byte]) + one[at + 1 :]
    for name in (
        "b/../a",
        "/a",
        "b//a",
        "b/a\\b",
        "b/./a",
        "b/e\u0301",
        "b/a:b",
        "b/\x01",
        "b/%41",
    ):
        yield f"name {name!r}", renamed(name)
    yield "one name twice", write_zip({"b/x": b"1", "b/y": b"2"}).replace(b"b/y", b"b/x")
    huge = bytearray(one)
    huge[18:22] = huge[22:26] = struct.pack("<I", 0xFFFFFFFF)
    yield "a size that is not there", bytes(huge)
    for number in range(150):
        changed = bytearray(good)
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        yield f"flip {number}", bytes(changed)


def renamed(name: str) -> bytes:
    """A zip whose writer did not look at the name."""
    encoded = name.encode("utf-8")
    stand_in = b"x" * len(encoded)
    return write_zip({stand_in.decode(): b""}).replace(stand_in, encoded)


def test_a_container_is_taken_or_refused_alike(
    script: BrowserScript, cases: dict[str, Case], tmp_path: Path
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    case, file = cases["plain"], tmp_path / "evidence.zip"
    trust = parse_trust(case.ledger)
    codes = set()
    for what, data in zips(case, random.Random(seed)):
        file.write_bytes(data)
        report = verify_path(file, trust, ed25519.verify)
        answer = script.verify(data, case.ledger)
        assert same(report, answer), (what, report.as_json(), answer.json)
        codes |= {finding.code for finding in report.findings if finding.step == 1}
    assert codes == {"not_a_zip", "zip_not_canonical", "name_unsafe", "name_twice", "top_folder"}


@pytest.mark.parametrize(
    "names", [["a", "a/b"], ["../a"], ["a//b"], ["a\\b"], ["e\u0301"], ["x" * 513], ["a\x00"]]
)
def test_a_folder_with_unsafe_names_is_refused(
    script: BrowserScript, cases: dict[str, Case], names: list[str]
) -> None:
    answer = script.verify(dict.fromkeys(names, b""), cases["plain"].ledger)
    (finding,) = json.loads(answer.json)["findings"]
    assert (finding["code"], answer.exit_code) == ("name_unsafe", 3)
    with pytest.raises(Flaw, match="name_unsafe"):
        write_zip(dict.fromkeys(names, b""))


def test_more_files_than_a_bundle_has_are_refused(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    files = {f"data/{number}": b"" for number in range(50_001)}
    answer = script.verify(files, cases["plain"].ledger)
    assert [one["code"] for one in json.loads(answer.json)["findings"]] == ["too_large"]
