"""Every bundle of the corpus, good or broken, gets one answer from all three verifiers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.offline import ed25519 as plain
from ledger.offline.check import verify_path
from ledger.offline.findings import CAUSES
from ledger.offline.report import Report
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from tests import corpus
from tests.corpus import Case
from tests.corpus.__main__ import main as write_corpus
from tests.corpus.attacks import DISPUTED, INVALID, UNVERIFIABLE, VALID
from tests.verifiers.bareprogram import BareProgram, oldest_python
from tests.verifiers.browserscript import BrowserScript, needs_node

NAMES = [case.name for case in corpus.cases()]
ELSEWHERE = {
    "not_a_file", "unreadable", "too_large",
    "key_event_without_key", "key_enrolled_before", "key_not_for_acts", "key_not_in_force",
    "rotation_not_signed", "exporter_key_unfit", "trust_not_of_ledger",
}  # fmt: skip
"""Findings that no bundle of the corpus gets."""
SAMPLE = NAMES[:12] + NAMES[12::9]


def case_of(name: str) -> Case:
    return next(case for case in corpus.cases() if case.name == name)


def shown(case: Case, folder: Path) -> Path:
    path = folder / "evidence.zip"
    path.write_bytes(case.data)
    return path


def says(case: Case, path: Path, *, fast: bool = True) -> Report:
    known = case.known
    trust = parse_trust(known.ledger, known.cosigners, known.roots)
    return verify_path(path, trust, ed25519.verify if fast else plain.verify)


def test_every_attack_has_a_name_of_its_own_and_says_what_was_done() -> None:
    assert len(set(NAMES)) == len(NAMES) > 150
    assert all(case.attack.endswith(".") for case in corpus.cases())
    assert {case.verdict for case in corpus.cases()} == {VALID, INVALID, DISPUTED, UNVERIFIABLE}
    assert all(case.codes or case.verdict == VALID for case in corpus.cases())


def test_nearly_every_finding_that_there_is_is_met() -> None:
    """The rest need a link, a disk that fails or sixty thousand files, or have tests elsewhere."""
    met = {code for case in corpus.cases() for code in case.codes}
    assert set(CAUSES) - met <= ELSEWHERE


@pytest.mark.parametrize("name", NAMES)
def test_python_says_what_is_written_in_the_corpus(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    report = says(case, shown(case, tmp_path))
    found = tuple(sorted({one.code for one in report.findings}))
    assert (report.verdict, found) == (case.verdict, case.codes)
    assert {one.claim: one.answer for one in report.claims} == case.answers
    assert report.exit_code == (0 if case.verdict == VALID else 3)


@pytest.mark.parametrize("name", SAMPLE)
def test_slow_arithmetic_gives_the_same_report(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    path = shown(case, tmp_path)
    assert says(case, path, fast=False) == says(case, path)


# -- the program inside the bundle ----------------------------------------------------------------


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> BareProgram:
    return BareProgram(tmp_path_factory.mktemp("program"))


def bare_python_agrees(name: str, program: BareProgram, folder: Path) -> None:
    case = case_of(name)
    path = shown(case, folder)
    done = program.verify(path, case.known, folder)
    report = says(case, path)
    assert (done.returncode, done.stderr) == (report.exit_code, "")
    assert done.stdout == report.as_json()


@pytest.mark.parametrize("name", SAMPLE[::2])
def test_bare_python_says_the_same(name: str, program: BareProgram, tmp_path: Path) -> None:
    bare_python_agrees(name, program, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_bare_python_says_the_same_of_every_bundle(
    name: str, program: BareProgram, tmp_path: Path
) -> None:
    bare_python_agrees(name, program, tmp_path)


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> BareProgram:
    python = oldest_python()
    if python is None:
        pytest.skip("NOT CHECKED: there is no Python 3.8 on this machine")
    return BareProgram(tmp_path_factory.mktemp("oldest"), python)


@pytest.mark.parametrize("name", SAMPLE[::6])
def test_python_3_8_says_the_same(name: str, oldest: BareProgram, tmp_path: Path) -> None:
    bare_python_agrees(name, oldest, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_python_3_8_says_the_same_of_every_bundle(
    name: str, oldest: BareProgram, tmp_path: Path
) -> None:
    bare_python_agrees(name, oldest, tmp_path)


# -- the page's script ----------------------------------------------------------------------------


@needs_node
@pytest.mark.parametrize("crypto", [True, False], ids=["webcrypto", "arithmetic"])
def test_the_script_of_the_page_says_the_same_to_the_byte(tmp_path: Path, crypto: bool) -> None:
    with BrowserScript(tmp_path) as script:
        for case in corpus.cases() if crypto else map(case_of, SAMPLE):
            known = case.known
            report = says(case, shown(case, tmp_path))
            answer = script.verify(
                case.data, known.ledger, known.cosigners, known.roots, crypto=crypto
            )
            assert answer.json == report.as_json(), case.name
            assert (answer.en, answer.zh) == (report.as_text("en"), report.as_text("zh")), case.name
            assert answer.exit_code == report.exit_code, case.name


# -- the corpus itself ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_corpus_can_be_made_anew_and_every_attack_is_found_again(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {path.name for path in corpus.VECTORS.iterdir()}
