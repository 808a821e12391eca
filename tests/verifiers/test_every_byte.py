"""Every byte of a small bundle, and every file of it: the right finding, in all three verifiers.

Python and the script of the page, always; the program alone, which takes a process each, for a
sample. As the files lie there, where the manifests tell; what of it is signed for again by the
exporter, is `test_every_byte_signed_again`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.offline.bag import EXPORTER_NOTE, MANIFEST, TAG_MANIFEST, write_zip
from ledger.offline.findings import Finding, finding
from ledger.offline.report import Report
from tests.verifiers.bareprogram import BareProgram
from tests.verifiers.browserscript import BrowserScript
from tests.verifiers.cases import Case, Small

BATCH = 200
SHARES = 8


class Damage(NamedTuple):
    """One thing done to a bundle: what, the files that are then other (None: gone), and what at
    least must be found, as (code, file)."""

    what: str
    change: Mapping[str, bytes | None]
    wanted: frozenset[tuple[str, str]]

    def made(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The files with it."""
        return {n: data for n, data in {**files, **self.change}.items() if data is not None}


def seeded() -> random.Random:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    return random.Random(seed)


# -- what is done ---------------------------------------------------------------------------------


def every_byte(files: Mapping[str, bytes]) -> list[tuple[str, int]]:
    """Every byte, by file and place."""
    return [(name, at) for name, data in sorted(files.items()) for at in range(len(data))]


def byte_changed(files: Mapping[str, bytes], name: str, at: int, draw: random.Random) -> Damage:
    data = bytearray(files[name])
    data[at] ^= draw.randrange(1, 256)
    return changed(f"byte {at} of {name}", name, bytes(data))


def changed(what: str, name: str, data: bytes) -> Damage:
    """A file with another content: the manifest tells; of what is in no manifest, the note."""
    found = ("digest_differs", name)
    if name == EXPORTER_NOTE:
        found = ("", name)
    elif name == TAG_MANIFEST:
        found = ("note_differs", EXPORTER_NOTE)
    return Damage(what, {name: data}, frozenset({found}))


def every_file(files: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> Iterator[Damage]:
    """Every file gone, renamed, doubled, exchanged with its neighbour, and another ledger's."""
    names = sorted(files)
    for at, name in enumerate(names):
        data, beside = files[name], _beside(name)
        gone, strange = ("file_missing", name), ("file_unlisted", beside)
        yield Damage(f"{name} removed", {name: None}, frozenset({gone}))
        yield Damage(f"{name} renamed", {name: None, beside: data}, frozenset({gone, strange}))
        yield Damage(f"{name} doubled", {beside: data}, frozenset({strange}))
        other = names[at - 1]
        if files[other] != data:
            one, two = changed("", name, files[other]), changed("", other, data)
            both = {**one.change, **two.change}
            yield Damage(f"{name} and {other} exchanged", both, _both(one, two))
        if theirs.get(name, data) != data:
            yield changed(f"{name} of another ledger", name, theirs[name])


def _beside(name: str) -> str:
    stem, dot, end = name.rpartition(".")
    return f"{stem}9{dot}{end}"


def _both(one: Damage, two: Damage) -> frozenset[tuple[str, str]]:
    """What must be found of two changes: where a manifest is not one, the note over it tells."""
    if {MANIFEST, TAG_MANIFEST}.isdisjoint({*one.change, *two.change}):
        return one.wanted | two.wanted
    return frozenset({("", EXPORTER_NOTE)})


# -- what is said of it ---------------------------------------------------------------------------


def judged(script: BrowserScript, case: Case, damages: Sequence[Damage]) -> Iterator[Report]:
    """The report about each damage; that of the script is the same, to the byte."""
    for at in range(0, len(damages), BATCH):
        batch = damages[at : at + BATCH]
        changes = [damage.change for damage in batch]
        answers = script.verify_changed(
            case.files, changes, case.ledger, case.cosigners, case.roots
        )
        for damage, answer in zip(batch, answers, strict=True):
            report = case.python(damage.made(case.files))
            assert answer == report.as_json(), damage.what
            yield report


def found_right(script: BrowserScript, small: Small, damages: Sequence[Damage]) -> None:
    for damage, report in zip(damages, judged(script, small.case, damages), strict=True):
        assert report.verdict in ("invalid", "unverifiable"), damage.what
        missed = [want for want in damage.wanted if not _named(want, report.findings)]
        assert missed == [], (damage.what, report.findings)


def _named(want: tuple[str, str], findings: Sequence[Finding]) -> bool:
    code, name = want
    shown = finding("file_missing", file=name).file  # a name that no bundle has is not repeated
    return any(one.file == shown and code in ("", one.code) for one in findings)


# -- as the files lie there -----------------------------------------------------------------------


def test_the_small_bundle_is_valid_and_small(script: BrowserScript, small: Small) -> None:
    (report,) = judged(script, small.case, [Damage("nothing", {}, frozenset())])
    assert report.verdict == "valid", report.as_text()
    assert sum(map(len, small.case.files.values())) < 100_000


def test_a_changed_byte_is_found_where_it_is(script: BrowserScript, small: Small) -> None:
    draw, files = seeded(), small.case.files
    drawn = draw.sample(every_byte(files), 250)
    drawn += [(name, draw.randrange(len(data))) for name, data in sorted(files.items())]
    found_right(script, small, [byte_changed(files, *one, draw) for one in drawn])


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_changed_byte_is_found_where_it_is(
    script: BrowserScript, small: Small, share: int
) -> None:
    draw, files = seeded(), small.case.files
    mine = every_byte(files)[share::SHARES]
    found_right(script, small, [byte_changed(files, *one, draw) for one in mine])


def test_every_file_removed_renamed_doubled_exchanged_or_of_another_ledger_is_found(
    script: BrowserScript, small: Small, foreign: Small
) -> None:
    damages = list(every_file(small.case.files, foreign.case.files))
    assert len(damages) > 4 * len(small.case.files)
    found_right(script, small, damages)


def test_the_digest_of_a_changed_file_is_told(small: Small) -> None:
    name = "data/10_账本/events.jsonl"
    data = small.case.files[name]
    report = small.case.python({**small.case.files, name: data + b"\n"})
    (told,) = [one for one in report.findings if one.code == "digest_differs"]
    digests = sha256(data).hexdigest(), sha256(data + b"\n").hexdigest()
    assert (told.file, told.expected, told.actual) == (name, *digests)


def test_the_program_alone_says_the_same(
    small: Small, foreign: Small, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    draw, files = seeded(), small.case.files
    program = BareProgram(tmp_path_factory.mktemp("program"))
    drawn = draw.sample(every_byte(files), 12)
    damages = [byte_changed(files, *one, draw) for one in drawn]
    damages += draw.sample(list(every_file(files, foreign.case.files)), 8)
    path = tmp_path / "evidence.zip"
    for damage in damages:
        made = damage.made(files)
        path.write_bytes(write_zip(made, small.case.name))
        done = program.verify(path, small.case, tmp_path)
        report = small.case.python(made, small.case.name)
        assert (done.returncode, done.stderr) == (3, ""), damage.what
        assert done.stdout == report.as_json(), damage.what
