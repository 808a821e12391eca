"""What a judge does with `verify.html`, in both languages, with good bundles and broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from ledger.offline.bag import read_zip
from ledger.offline.check import verify_path
from ledger.offline.findings import CAUSES
from ledger.offline.report import CLAIMS, Report
from ledger.offline.steps import STEPS
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from tests import corpus
from tests.browser.reading import DESK, TELEPHONE, needs_chromium, reading
from tests.corpus import Case, Known

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium

VERDICTS = {
    "valid": ("Valid", "有效"), "invalid": ("Invalid", "无效"), "disputed": ("Disputed", "有争议"),
    "unverifiable": ("Unverifiable", "无法核验"),
}  # fmt: skip
ANSWERS = {
    "holds": ("Holds", "成立"), "fails": ("Does not hold", "不成立"),
    "undecided": ("Cannot be decided", "无法判断"),
}  # fmt: skip
SHOWN = (
    "record", "destruction_case", "actor", "period", "event_removed", "event_of_another_ledger",
    "file_left_out", "opened_field_with_a_wrong_seed", "exporter_unknown", "token_broken",
    "reader_knows_nobody", "reader_knows_another_key", "zip_with_two_dots", "zip_bomb",
    "zip_a_web_page",
)  # fmt: skip


def case_of(name: str) -> Case:
    return next(case for case in corpus.cases() if case.name == name)


def says(case: Case, folder: Path, data: bytes | None = None) -> Report:
    """What Python says of a case, or of other bytes in its place."""
    path = folder / "evidence.zip"
    path.write_bytes(case.data if data is None else data)
    known = case.known
    trust = parse_trust(known.ledger, known.cosigners, known.roots)
    return verify_path(path, trust, ed25519.verify)


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


@pytest.mark.parametrize(("name", "language"), list(zip(SHOWN, cycle(["zh", "en"]), strict=False)))
def test_the_page_says_what_python_says(
    browser: Browser, tmp_path: Path, name: str, language: str
) -> None:
    page_says_what_python_says(browser, tmp_path, name, language)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "language"), list(zip(SHOWN, cycle(["en", "zh"]), strict=False)))
def test_the_page_says_it_in_the_other_language_too(
    browser: Browser, tmp_path: Path, name: str, language: str
) -> None:
    page_says_what_python_says(browser, tmp_path, name, language)


def page_says_what_python_says(browser: Browser, tmp_path: Path, name: str, language: str) -> None:
    case, at = case_of(name), 1 if language == "zh" else 0
    report = says(case, tmp_path)
    with reading(browser, tmp_path, language) as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert reader.text(".verdict h2") == VERDICTS[report.verdict][at]
        claims = [capital(CLAIMS[one.claim][at]) for one in report.claims]
        assert [capital(t) for t in reader.texts(".claims .claim")] == claims
        answers = [f"{ANSWERS[one.answer][at]}" for one in report.claims]
        assert [text[1:].strip() for text in reader.texts(".claims .badge")] == answers
        causes = [capital(CAUSES[one.code][1:][at]) for one in report.findings[:100]]
        assert [capital(text) for text in reader.texts(".findings .cause")] == causes
        rows = reader.texts(".events tbody tr")
        assert len(rows) == min(len(report.events), 100)
        _, data = reader.saved(".verdict button:has-text('JSON')")
        assert data.decode() == report.as_json()
        reader.shoot(f"{name}-{language}")


def test_every_step_of_the_verifier_is_named_on_the_page(browser: Browser, tmp_path: Path) -> None:
    case = case_of("record")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        steps = reader.texts(".checks li")
        assert len(steps) == len(STEPS) == max(step for step, _, _ in CAUSES.values())
        assert all(STEPS[step][1] in text for step, text in enumerate(steps, 1))
        assert all("✓" in step for step in steps)


# -- who held which copy, what became of it, what is disclosed ------------------------------------


def test_the_chain_of_custody_says_who_held_which_copy_and_what_became_of_it(
    browser: Browser, tmp_path: Path
) -> None:
    case = case_of("destroyed_record")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        turns = reader.texts("#part-custody tbody tr")
        assert "副本建立" in turns[0]
        assert "在库" in turns[0]
        assert "销毁执行" in turns[1]
        assert "已销毁" in turns[1]


def test_the_destruction_certificate_stands_there_with_everybody_who_took_part(
    browser: Browser, tmp_path: Path
) -> None:
    case = case_of("destruction_case")
    with reading(browser, tmp_path, "en") as reader:
        reader.verified(case.data, case.known, tmp_path)
        facts = reader.text("#part-certificate")
        steps = ("Proposed", "Appraised", "Approved", "Executed", "Watched by", "Read back")
        for said in (*steps, "Certified", "1 listed; 1 destroyed, 0 not"):
            assert said in facts, said
        (copy,) = reader.texts("#part-certificate tbody tr")
        assert copy.startswith("holding-")
        assert "Destroyed" in copy


def test_opened_fields_and_files_are_there_and_a_file_is_saved_as_it_is(
    browser: Browser, tmp_path: Path
) -> None:
    case = case_of("record")
    files = read_zip(case.data).files
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert "合同0.txt" in reader.text("#part-opened .opened")
        name, data = reader.saved("#part-opened button:has-text('保存')")
        assert name.startswith("bundle-")
        assert name.endswith("-files-1.txt")
        assert data == files["data/30_附件/files/1.txt"]


def test_a_file_that_was_changed_is_not_offered(browser: Browser, tmp_path: Path) -> None:
    case = case_of("attachment_changed")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert reader.page.locator("#part-opened td button:not(.id)").count() == 0
        assert "未通过核验" in reader.text("#part-opened")


def test_why_a_file_does_not_go_in_clear_is_told(browser: Browser, tmp_path: Path) -> None:
    case = case_of("attachment_redacted_for_another_reason")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert "已遮盖（未与原件比对）" in reader.text("#part-opened")
        assert "理由：个人信息" in reader.text("#part-opened")


def test_a_field_that_does_not_fit_is_not_repeated(browser: Browser, tmp_path: Path) -> None:
    case = case_of("opened_field_with_another_value")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert "另一份合同" not in reader.text("body")


def test_markup_in_an_opened_field_stays_text_and_marks_that_turn_text_round_are_shown(
    browser: Browser, tmp_path: Path
) -> None:
    """The exporter opened it rightly, so it is shown: as what it is."""
    case = case_of("hostile_text")
    assert case.verdict == "valid"
    with reading(browser, tmp_path, "en") as reader:
        reader.verified(case.data, case.known, tmp_path)
        shown = reader.text("#part-opened .outside")
        assert shown == "<img src=x onerror=alert(1)><script>alert(2)</script>U+202Egnp.U+200Bhtml"
        assert reader.page.locator("#result img, #result script, #result iframe").count() == 0
        assert "\u202e" not in reader.page.content()
        reader.page.click("#zh")
        assert "U+202E" in reader.text("#part-opened .outside")
        reader.shoot("hostile-text")


def test_withheld_events_are_named_with_their_reason(browser: Browser, tmp_path: Path) -> None:
    case = case_of("record")
    with reading(browser, tmp_path, "en") as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert "Redacted: Not needed for the purpose" in reader.text(".events")


# -- using it -------------------------------------------------------------------------------------


def test_the_language_changes_and_the_answer_stays(browser: Browser, tmp_path: Path) -> None:
    case = case_of("record")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        events = len(reader.texts(".events tbody tr"))
        reader.page.click("#en")
        assert reader.text(".verdict h2") == "Valid"
        assert reader.page.get_attribute("html", "lang") == "en"
        assert len(reader.texts(".events tbody tr")) == events
        reader.page.click("#zh")
        assert reader.text(".verdict h2") == "有效"


def test_files_can_be_chosen_instead_of_dragged_and_keys_read_from_files(
    browser: Browser, tmp_path: Path
) -> None:
    case = case_of("record")
    file, key, others = (tmp_path / name for name in ("包.zip", "ledger.vkey", "cosigners.txt"))
    file.write_bytes(case.data)
    key.write_text(case.known.ledger + "\n")
    others.write_text("# 联署人\n" + "\n".join(case.known.cosigners) + "\n", encoding="utf-8")
    with reading(browser, tmp_path) as reader:
        reader.page.set_input_files("#ledger-file", key)
        reader.wait_for_value("#ledger")
        reader.page.click("#more > summary")
        reader.page.set_input_files("#cosigners-file", others)
        reader.wait_for_value("#cosigners")
        reader.page.set_input_files("#bundle", file)
        reader.wait()
        assert reader.text(".verdict h2") == "有效"


def test_an_unpacked_bundle_can_be_chosen(browser: Browser, tmp_path: Path) -> None:
    case = case_of("record")
    folder = tmp_path / "解压"
    for name, data in read_zip(case.data).files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with reading(browser, tmp_path) as reader:
        reader.trust(case.known, tmp_path)
        reader.page.set_input_files("#folder", folder)
        reader.wait()
        assert reader.text(".verdict h2") == "有效"


def test_without_a_key_nothing_is_verified_and_the_page_asks_for_it(
    browser: Browser, tmp_path: Path
) -> None:
    case = case_of("record")
    with reading(browser, tmp_path) as reader:
        reader.drop(case.data)
        assert "公钥" in reader.text("#ledger-error")
        assert reader.page.evaluate("document.activeElement.id") == "ledger"
        assert reader.page.is_hidden("#result")


@pytest.mark.parametrize(
    "key",
    ["x", "a+b+c", "jiejing.example/ledger+00000000+AQ==", "\u202e", "<script>alert(1)</script>",
     "example.com/small+5e3c5ea6+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
)  # fmt: skip
def test_what_is_no_key_is_said_beside_the_field(
    browser: Browser, tmp_path: Path, key: str
) -> None:
    """Nonsense, a wrong id, markup, and a key of small order, which signs for everybody."""
    case = case_of("record")
    with reading(browser, tmp_path, "en") as reader:
        reader.trust(Known(key), tmp_path)
        reader.drop(case.data)
        reader.page.wait_for_selector("#ledger-error:not(:empty)")
        assert "not a key that can be used" in reader.text("#ledger-error")
        assert reader.page.get_attribute("#ledger", "aria-invalid") == "true"
        assert reader.page.is_hidden("#result")


def test_a_certificate_that_is_none_is_said_beside_the_field(
    browser: Browser, tmp_path: Path
) -> None:
    case = case_of("record")
    with reading(browser, tmp_path, "en") as reader:
        reader.trust(case.known._replace(roots=(b"no certificate",)), tmp_path)
        reader.drop(case.data)
        reader.page.wait_for_selector("#roots-error:not(:empty)")
        assert reader.page.is_hidden("#result")


def test_a_second_bundle_takes_the_place_of_the_first(browser: Browser, tmp_path: Path) -> None:
    good, bad = case_of("record"), case_of("event_removed")
    with reading(browser, tmp_path) as reader:
        reader.verified(good.data, good.known, tmp_path)
        reader.drop(bad.data)
        reader.page.wait_for_selector(".verdict.invalid")
        assert reader.page.locator(".verdict").count() == 1


def test_everything_can_be_done_from_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    case = case_of("record")
    with reading(browser, tmp_path, "en") as reader:
        reached = []
        for _ in range(12):
            reader.page.keyboard.press("Tab")
            reached.append(reader.page.evaluate("document.activeElement.id"))
        wanted = ["ledger", "ledger-file", "bundle", "folder", "verify"]
        assert [one for one in reached if one in wanted] == wanted
        reader.page.fill("#ledger", case.known.ledger)
        reader.page.set_input_files("#bundle", {
            "name": "evidence.zip", "mimeType": "application/zip", "buffer": case.data,
        })  # fmt: skip
        reader.wait()
        assert reader.page.evaluate("document.activeElement.id") == "result"
        reader.page.focus(".verdict button.id")
        reader.page.keyboard.press("Enter")
        reader.page.focus("#filter")
        reader.page.keyboard.type("collected")
        assert 0 < len(reader.texts(".events tbody tr")) < 10


def test_a_screen_reader_finds_names_for_everything(browser: Browser, tmp_path: Path) -> None:
    """Every field and button has a name, headings do not skip a level, regions are labelled."""
    case = case_of("record")
    with reading(browser, tmp_path) as reader:
        reader.verified(case.data, case.known, tmp_path)
        nameless = reader.page.evaluate("""() => {
          const named = (e) => e.getAttribute("aria-label") || e.textContent.trim()
            || (e.labels && [...e.labels].some((l) => l.textContent.trim()));
          return [...document.querySelectorAll("button, input, textarea, summary, a")]
            .filter((e) => !named(e)).map((e) => e.outerHTML);
        }""")
        assert nameless == []
        levels = reader.page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3')].map((e) => Number(e.tagName[1]))"
        )
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert reader.page.get_attribute("#status", "role") == "status"
        lost = reader.page.evaluate("""[...document.querySelectorAll("[aria-labelledby]")]
          .filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))).length""")
        assert lost == 0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_telephone_shows_everything_without_scrolling_sideways(
    browser: Browser, tmp_path: Path, language: str
) -> None:
    case = case_of("destruction_case")
    with reading(browser, tmp_path, language, TELEPHONE) as reader:
        reader.verified(case.data, case.known, tmp_path)
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE[0]
        reader.shoot(f"telephone-{language}")


def test_the_answer_prints_with_whole_ids_and_without_the_form(
    browser: Browser, tmp_path: Path
) -> None:
    import pypdf

    case = case_of("record")
    bundle = json.loads(read_zip(case.data).files["data/10_账本/scope.json"])["export"][:-2]
    with reading(browser, tmp_path, "en") as reader:
        reader.verified(case.data, case.known, tmp_path)
        paper = tmp_path / "answer.pdf"
        reader.page.pdf(path=paper, format="A4")
        pages = pypdf.PdfReader(paper).pages
        text = "".join(page.extract_text() for page in pages).replace("\n", "")
        assert bundle in text
        assert "What this evidence does not prove" in text
        assert "Drag the zip file here" not in text
        assert len(pages) < 20


def test_the_page_before_anything_was_given(browser: Browser, tmp_path: Path) -> None:
    for language in ("zh", "en"):
        for width in (DESK, TELEPHONE):
            with reading(browser, tmp_path, language, width) as reader:
                reader.shoot(f"start-{language}-{width[0]}")
                assert reader.page.is_hidden("#result")


# -- what was looked at ---------------------------------------------------------------------------


def flipped(data: bytes) -> bytes:
    """One bit of one byte in the middle is another."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


NO_BUNDLE: dict[str, Callable[[bytes], bytes]] = {
    "an empty file": lambda data: b"",
    "random bytes": lambda data: Random(6).randbytes(4096),
    "a flipped byte": flipped,
    "a trailing byte": lambda data: data + b"\0",
    "half of a file": lambda data: data[: len(data) // 2],
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("what", NO_BUNDLE)
def test_what_is_no_bundle_is_called_so_and_no_step_after_the_first_passes(
    browser: Browser, tmp_path: Path, what: str, language: str
) -> None:
    case = case_of("record")
    data = NO_BUNDLE[what](case.data)
    report = says(case, tmp_path, data)
    assert {finding.step for finding in report.findings} == {1}
    words, unexamined = {
        "zh": ("这不是证据包", "未检查"), "en": ("This is no evidence bundle", "not examined"),
    }[language]  # fmt: skip
    with reading(browser, tmp_path, language) as reader:
        reader.verified(data, case.known, tmp_path)
        assert words in reader.text(".verdict .plain-words")
        first, *later = reader.texts(".checks li")
        assert "✗" in first
        assert len(later) == len(STEPS) - 1
        assert all(step.endswith(unexamined) and "✓" not in step for step in later)
    assert (words if language == "zh" else words[0].lower() + words[1:]) in report.as_text(language)


def steps_of(browser: Browser, folder: Path, name: str) -> list[str]:
    """What the page says came of each step: the sign and the words."""
    case = case_of(name)
    with reading(browser, folder) as reader:
        reader.verified(case.data, case.known, folder)
        return ["".join(text.split()) for text in reader.texts(".checks .badge")]


@pytest.mark.parametrize(
    ("name", "looked_at"),
    [
        ("reader_knows_another_ledger", {1: "✓", 2: "✓", 4: "✗"}),
        ("checkpoint_oversized", {1: "✓", 2: "✓", 4: "✗"}),
        ("scope_left_out", {1: "✓", 2: "✗"}),
        ("places_not_json", {1: "✓", 2: "✓", 4: "✓", 10: "✗"}),
    ],
)
def test_after_what_ends_the_run_nothing_more_is_said_to_have_passed(
    browser: Browser, tmp_path: Path, name: str, looked_at: dict[int, str]
) -> None:
    for step, said in enumerate(steps_of(browser, tmp_path, name), 1):
        if step in looked_at:
            assert said.startswith(looked_at[step]), step
        else:
            assert said == "–未检查", step


def test_what_rests_on_a_checkpoint_that_is_not_trusted_does_not_count(
    browser: Browser, tmp_path: Path
) -> None:
    first, second, *later = steps_of(browser, tmp_path, "reader_knows_another_key")
    assert (first, second) == ("✓通过", "✓通过")
    assert not [said for said in later if said.startswith("✓")]


def test_an_exporters_note_that_is_not_there_was_not_examined(
    browser: Browser, tmp_path: Path
) -> None:
    assert steps_of(browser, tmp_path, "note_left_out")[2] == "–未检查"


def test_events_of_an_entry_that_is_not_in_the_ledger_were_not_examined(
    browser: Browser, tmp_path: Path
) -> None:
    steps = steps_of(browser, tmp_path, "entry_left_out")
    assert steps[4].startswith("✗")
    assert steps[5:8] == ["–部分事件未检查"] * 3
