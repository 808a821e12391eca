"""What people read in a bundle: nothing that it does not ship, nothing that is not opened."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain import TOPICS
from domain.bundle import BundleExported, BundleRequested
from domain.codes import ENUMERATIONS
from domain.values import Event
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Bundle, Selection, eventwords, wording
from ledger.bundle.chain import custody_chain, timeline
from ledger.bundle.page import MANY, ZONES, Imprint, as_html, as_pdf
from ledger.bundle.readme import MEANING
from ledger.bundle.reports import report_files
from ledger.bundle.steps import signature_commands, verification_steps
from ledger.documents import pages
from ledger.errors import UsageError
from ledger.offline.bag import write_zip
from ledger.offline.report import CLAIMS
from ledger.offline.steps import STEPS
from ledger.signing import Proposal, new_ids
from tests.ledger.bundles import evidence, written
from tests.ledger.ledgers import collect_files
from tests.ledger.proved import checked, cosigned, cosigner
from tests.ledger.reports import (
    HOSTILE,
    WITNESS,
    Case,
    Html,
    case_of,
    pdf_text,
    texts_in,
    told_of,
)
from tests.ledger.sales import check_command
from tests.ledger.test_bundle_times import Stamping

TEXTS, REPORTS = "data/00_说明", "data/40_报告"
READINGS = ("保管链", "时间线", "访问记录", "身份与授权")
PAGES = ("证据目录", "电子数据提取固定说明", "核验步骤", "证据规则对照")
SEALED = ("洁净保洁", "李审核", "店主", "合同0", "丁家巷", "雨夜", "走失")
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1",
    "h2", "p", "span", "code", "table", "thead", "tbody", "tr", "th", "td", "div", "wbr",
}  # fmt: skip


@pytest.fixture
def case(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> Case:
    return case_of(ledger, admin, second_person, tmp_path)


@pytest.fixture
def printed(ledger: Ledger, admin: Acting, case: Case) -> Bundle:
    """The same bundle with its PDF files."""
    return written(ledger, admin, case.order._replace(documents=True))


def said(bundle: Bundle, name: str) -> Any:
    return json.loads(bundle.files[f"{TEXTS}/{name}.json"])


def html(bundle: Bundle, name: str) -> Html:
    return Html(bundle.files[f"{REPORTS}/{name}.html"])


# -- what is there ------------------------------------------------------------------------------


def test_a_bundle_has_its_pages_and_without_documents_no_pdf(case: Case, printed: Bundle) -> None:
    without = {name for name in printed.files if not name.endswith(".pdf")}
    assert without == set(case.bundle.files)
    pdfs = {name for name in printed.files if name.endswith(".pdf")}
    named = {f"{TEXTS}/{name}.pdf" for name in PAGES}
    assert pdfs == named | {f"{REPORTS}/{name}.pdf" for name in READINGS}
    for name in pdfs:
        assert printed.files[name].startswith(b"%PDF-")


def test_the_same_ledger_gives_the_same_pages(
    ledger: Ledger, admin: Acting, case: Case, printed: Bundle
) -> None:
    again = written(ledger, admin, case.order._replace(documents=True))
    assert dict(again.files) == dict(printed.files)


def test_json_is_canonical(case: Case) -> None:
    for name, data in case.bundle.files.items():
        if name.startswith(("data/00", "data/60")) and name.endswith(".json"):
            text = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")) + "\n"
            assert data == text.encode("ascii"), name


def test_pages_without_the_extra_name_it(
    ledger: Ledger, admin: Acting, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages._compiler.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    with pytest.raises(UsageError) as refused:
        report_files(ledger, told_of(case.bundle), documents=True)
    assert "muniment[pdf]" in refused.value.remedy
    assert report_files(ledger, told_of(case.bundle), documents=False)


# -- what is said, and what is not --------------------------------------------------------------


def test_no_name_or_title_stands_in_a_page_unless_it_is_opened(case: Case, printed: Bundle) -> None:
    texts = list(texts_in(case.bundle))
    texts += [pdf_text(data) for name, data in printed.files.items() if name.endswith(".pdf")]
    for text in texts:
        for name in SEALED:
            assert name not in text
            assert json.dumps(name)[1:-1] not in text
    for name in ("保管链", "时间线"):
        assert "〔王管理〕" in html(case.bundle, name).text
        assert "〔王管理〕" in pdf_text(printed.files[f"{REPORTS}/{name}.pdf"])


def test_every_event_in_scope_is_a_link_of_the_chain(case: Case, printed: Bundle) -> None:
    told = told_of(case.bundle)
    chain, paper = (
        html(case.bundle, "保管链").text,
        pdf_text(printed.files[f"{REPORTS}/保管链.pdf"]),
    )
    assert len(told.own) == 4
    for place in told.own:
        digest = f"sha256{place.digest[:12]}" if place.digest else f"leaf{place.leaf[:12]}"
        for text in (chain, paper):
            assert f"{place.entry}-{place.index}" in text
            assert digest in text
    assert case.record in chain
    assert case.record in paper


def test_what_is_withheld_stays_in_its_place_with_its_reason(case: Case) -> None:
    told = told_of(case.bundle)
    (place,) = [place for place in told.places if place.event is None]
    assert (place.id, place.reason, place.topic) == (case.withheld, "trade_secret", "")
    for name in ("保管链", "时间线"):
        assert "本事件内容未披露（商业秘密）" in html(case.bundle, name).text
    assert "Recordreviewed" not in html(case.bundle, "保管链").text


def test_the_timeline_has_every_event_and_what_others_signed(case: Case) -> None:
    told, page = told_of(case.bundle), timeline(told_of(case.bundle))
    (table,) = [s for s in page.sections if s["title"][0] == "时间线"]
    others = len(told.tokens) + sum(len(state.cosigned) for state in told.states)
    assert (len(told.tokens), others) == (2, 3)
    assert len(table["rows"]) == len(told.places) + others
    text = html(case.bundle, "时间线").text
    assert WITNESS in text
    assert "可信时间戳，覆盖前" in text


def test_the_provable_interval_is_the_one_that_the_verifiers_find(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    stamping = Stamping(ledger, admin, tmp_path / "tsa")
    stamping.anchor()
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    stamping.anchor()
    bundle = evidence(ledger, admin, "record", record)
    report = checked(ledger, bundle, roots=stamping.roots)
    found = {row.event: row.says or {} for row in report.events}
    places = told_of(bundle).places
    assert any(place.not_before for place in places)
    for place in places:
        says = found[place.id]
        bounds = says.get("not_before", ""), says.get("not_after", "")
        assert (place.not_before, place.not_after) == bounds


# -- pages that cannot do anything --------------------------------------------------------------


@pytest.mark.parametrize("name", READINGS)
def test_a_page_loads_runs_and_sends_nothing(case: Case, name: str) -> None:
    page = html(case.bundle, name)
    assert set(page.tags) - {"/style"} <= TAGS
    policies = [value for tag, key, value in page.attributes if (tag, key) == ("meta", "content")]
    digest = base64.b64encode(sha256(page.style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy in policies
    keys = {key for _, key, _ in page.attributes}
    assert keys <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    assert "url(" not in page.style
    assert "@import" not in page.style


def in_chromium(file: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """A page opened from disk by a real browser: its document, and what that complained of."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("NOT CHECKED: chromium is not installed")
    run = [
        program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
        "--enable-logging=stderr", "--v=0", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)


def test_a_real_browser_shows_a_page_and_keeps_to_its_policy(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    data = case.bundle.files[f"{REPORTS}/保管链.html"]
    file.write_bytes(data)
    shown = in_chromium(file, tmp_path / "profile")
    assert case.record in shown.stdout
    assert "Content Security Policy" not in shown.stderr
    file.write_bytes(data.replace(b"<style>", b"<style>body{color:red}"))
    assert "Content Security Policy" in in_chromium(file, tmp_path / "profile").stderr


def test_a_hostile_text_is_shown_and_does_nothing(case: Case, printed: Bundle) -> None:
    page = html(case.bundle, "保管链")
    assert "script" not in page.tags
    assert HOSTILE[:30].split("</")[0] in page.text
    assert "\\u202etxt.exe\\u0007" in page.text
    raw = case.bundle.files[f"{REPORTS}/保管链.html"].decode("utf-8")
    assert "\u202e" not in raw
    assert "\x07" not in raw
    assert "W" * 300 in pdf_text(printed.files[f"{REPORTS}/保管链.pdf"])


def test_nothing_runs_off_the_paper(printed: Bundle, tmp_path: Path) -> None:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("NOT CHECKED: pdftotext (poppler-utils) is not installed")
    for name, data in printed.files.items():
        if not name.endswith(".pdf"):
            continue
        (tmp_path / "page.pdf").write_bytes(data)
        run = [program, "-bbox", str(tmp_path / "page.pdf"), "-"]
        found = subprocess.run(run, capture_output=True, check=True).stdout.decode("utf-8")
        for page in found.split("<page ")[1:]:
            width = float(re.search(r'width="([0-9.]+)"', page)[1])  # type: ignore[index]
            edges = [float(edge) for edge in re.findall(r'xMax="([0-9.]+)"', page)]
            assert max(edges) <= width - 18 * 72 / 25.4 + 2, name


def test_a_table_of_many_rows_is_whole_in_the_page_and_short_on_paper(case: Case) -> None:
    told = told_of(case.bundle)
    many = (told.own * MANY)[: MANY + 1]
    told = msgspec.structs.replace(told, places=many)
    imprint = Imprint(told.bundle, told.origin, told.head.size, told.exported)
    page = custody_chain(told)
    text = Html(as_html(page, imprint)).text
    assert text.count("受理accepted") == MANY + 1
    assert f"超过{MANY}行" in text
    paper = pdf_text(as_pdf(page, imprint))
    assert str(MANY + 1) in paper
    assert "编号对照" in paper


# -- 证据目录, 提取固定说明, 证据规则对照 --------------------------------------------------------


def test_every_digest_of_the_list_is_found_again(case: Case) -> None:
    files, manifest = case.bundle.files, case.bundle.files["manifest-sha256.txt"].decode("utf-8")
    items = said(case.bundle, "证据目录")["items"]
    assert [item["no"] for item in items] == list(range(1, len(items) + 1))
    kinds = set()
    for item in items:
        digest, of = item["digest"]["sha256"], item["digest"]["of"]
        kinds.add(of)
        if of == "file":
            assert sha256(files[item["files"][0]]).hexdigest() == digest
        else:
            lines = [
                line + "\n" for line in manifest.splitlines()
                if any(line[66:].startswith(name) for name in item["files"])
            ]  # fmt: skip
            assert sha256("".join(lines).encode("utf-8")).hexdigest() == digest
        assert item["name"]["zh"]
        assert item["proves"]["zh"]
    assert kinds == {"file", "manifest_lines"}


def test_what_nobody_can_know_is_left_for_the_hand(case: Case, printed: Bundle) -> None:
    names = [words["zh"] for words in said(case.bundle, "证据目录")["by_hand"]]
    assert "签名或盖章" in names
    rows = {row["code"]: row["said"] for row in said(case.bundle, "电子数据提取固定说明")["rows"]}
    for code in ("where", "observers", "recording"):
        assert rows[code][0]["zh"].startswith("软件不记录")
    assert "签名或盖章" in pdf_text(printed.files[f"{TEXTS}/电子数据提取固定说明.pdf"])


def test_the_statement_names_who_took_it_with_what_authority(
    case: Case, admin: Acting, second_person: Acting
) -> None:
    rows = {row["code"]: row["said"] for row in said(case.bundle, "电子数据提取固定说明")["rows"]}
    who = " ".join(words["zh"] for words in rows["who"])
    assert admin.actor in who
    assert admin.key_id.hex() in who
    authority = " ".join(words["zh"] for words in rows["authority"])
    assert f"{case.bundle.id}/1" in authority
    assert f"{case.bundle.id}/2" in authority
    assert "争议取证" in authority
    assert "人民法院" in authority


def test_the_command_named_is_the_one_that_recorded_the_export(
    ledger: Ledger, admin: Acting, case: Case
) -> None:
    """A request of its own, or one recorded by the export itself."""

    def run(bundle: Bundle) -> list[str]:
        rows = {row["code"]: row["said"] for row in said(bundle, "电子数据提取固定说明")["rows"]}
        return [words["en"] for words in rows["command"]]

    _, how, command = run(case.bundle)
    assert (how, command) == (
        "requested before; exported with:",
        f"muniment evidence export {case.bundle.id} --out FILE",
    )
    record, (stream,) = case.record, new_ids("bundle")
    scope = {"kind": "record", "object": record, "selection": Selection().digest()}
    asked = {
        "recipient": "court", "jurisdiction": "cn", "opened": 0, "attached": 0, "withheld": 0,
        "purpose": "dispute",
    }  # fmt: skip
    at_once = [
        Proposal(BundleRequested, stream, {**scope, **asked}),
        Proposal(BundleExported, stream, scope),
    ]
    done = ledger.act(admin, at_once)
    order = case.order._replace(bundle=stream, export=done.events[-1].id, selection=Selection())
    _, how, command = run(written(ledger, admin, order))
    assert how == "request and export were recorded together, by one command:"
    assert command == (
        f"muniment evidence export --record {record} --purpose dispute --recipient court "
        "--jurisdiction cn --out FILE"
    )
    check_command(command)


def test_nothing_is_promised_that_no_command_can_do_and_disputes_are_not_denied(
    case: Case,
) -> None:
    names = ("电子数据提取固定说明", "证据规则对照")
    texts = " ".join(json.dumps(said(case.bundle, name), ensure_ascii=False) for name in names)
    for never in ("逐字节相同", "byte by byte", "源代码公开", "source is public", "未发现不符"):
        assert never not in texts, never
    assert "存在争议的，核验报告逐项列明" in texts


def test_the_factors_are_answered_with_this_bundles_figures(case: Case) -> None:
    told = told_of(case.bundle)
    rows = {row["rule"]: row for row in said(case.bundle, "证据规则对照")["rows"]}
    factors = [f"93.{number}" for number in range(1, 8)]
    assert list(rows) == [*factors, *(f"94.{number}" for number in range(1, 6)), "94.last"]

    def found(rule: str) -> str:
        return " ".join(words["en"] for words in rows[rule]["found"])

    assert f"events shown: {len(told.places)}; recorded late: 0" in found("93.2")
    assert f"cosigners: 1 ({WITNESS})" in found("93.3")
    assert rows["93.3"]["lacks"] == []
    assert rows["93.4"]["lacks"][0]["en"] == "events withheld, with reasons: 1"
    bounded = sum(bool(place.not_after) for place in told.own)
    assert f"time-stamps: 2; events in scope with an upper bound: {bounded}" in found("93.7")
    assert WITNESS in found("94.2")
    assert "no agreement" in rows["94.5"]["lacks"][0]["en"]


def test_a_bundle_without_witness_or_token_says_what_it_lacks(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    bundle = evidence(ledger, admin, "record", record)
    rows = {row["rule"]: row for row in said(bundle, "证据规则对照")["rows"]}
    assert [words["zh"] for words in rows["93.3"]["lacks"]] == ["无见证方副署"]
    assert [words["zh"] for words in rows["93.7"]["lacks"]] == ["无可信时间戳"]
    assert "本证据包不含能界定各件事件时间的可信时间戳" in html(bundle, "保管链").text


def test_the_health_of_the_ledger_is_told(ledger: Ledger, case: Case) -> None:
    told = json.loads(case.bundle.files["data/60_环境/health.json"])
    assert told["anchors"] == 2
    assert told["ledger"]["entries"] == told_of(case.bundle).head.size
    assert told["checkpoints"]["last"] == told["ledger"]["entries"]
    assert told["clock"] == {"source": "system_clock", "synchronised": "not_recorded"}
    assert told["shown"]["steps_back"] == 0
    assert (told["restored"], told["continued"], told["under_way"]) == (False, False, 0)
    assert re.fullmatch("[0-9a-f]{64}", told["software"]["code"])


def unpacked(ledger: Ledger, bundle: Bundle, work: Path) -> Path:
    """The folder of a bundle, unpacked in a work folder as the page asks for it."""
    folder = work / bundle.id
    for name, data in bundle.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (work / "ledger.vkey").write_text(ledger.folder.pinned_key().format() + "\n")
    return folder


def typed(command: str, work: Path) -> subprocess.CompletedProcess[str]:
    """A command as a reader types it in the work folder, with the tools of this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", command], cwd=work, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_commands_for_openssl_hold_for_this_bundle_and_for_no_other(
    ledger: Ledger, case: Case, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("NOT CHECKED: openssl is not installed")
    work = tmp_path / "work"
    folder = unpacked(ledger, case.bundle, work)
    commands = signature_commands(told_of(case.bundle))
    run = typed(commands, work)
    assert run.returncode == 0, run.stderr
    assert "Verified Successfully" in run.stdout
    size = told_of(case.bundle).head.size
    checkpoint = folder / f"data/10_账本/checkpoints/{size}.txt"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(f"\n{size}\n".encode(), b"\n99\n"))
    assert typed(commands, work).returncode != 0


def commands_of(bundle: Bundle) -> list[str]:
    """The commands of the page, in its order, as they stand there."""
    tables = [one for one in verification_steps(told_of(bundle)).sections if one["type"] == "table"]
    cells = [
        row[1]
        for one in tables
        for row in one["rows"]
        if one["columns"][1]["title"][1] == "Command"
    ]
    return ["\n".join(line[1] for line in cell) for cell in cells]


TOOLS = ("openssl", "bagit.py", "case_validate", "muniment", "sha256sum")


def test_whoever_types_the_page_from_top_to_bottom_still_has_a_bundle_that_verifies(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    """Every command succeeds where the page says it is typed; none spoils the bundle."""
    stamping = Stamping(ledger, admin, tmp_path / "tsa")
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    stamping.anchor()
    witness = cosigner(WITNESS)
    cosigned(ledger, witness)
    bundle = evidence(ledger, admin, "record", record)
    work = tmp_path / "工作"
    work.mkdir()
    (work / f"{bundle.id}.zip").write_bytes(write_zip(bundle.files, top=bundle.id))
    (work / "ledger.vkey").write_text(ledger.folder.pinned_key().format() + "\n")
    (work / "witness.vkey").write_text(witness.verifier.format() + "\n")
    (root,) = stamping.roots
    (work / "root.pem").write_text(ssl.DER_cert_to_PEM_cert(root))
    commands = commands_of(bundle)
    assert len(commands) == 11
    environment = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    missing = {tool for tool in TOOLS if shutil.which(tool, path=environment) is None}
    for command in commands:
        if not any(tool in command.split() for tool in missing):
            run = typed(command, work)
            assert run.returncode == 0, f"{command}\n{run.stdout[-800:]}\n{run.stderr[-800:]}"
    for command in commands[2:6]:  # the programs once more, after everything else was typed
        run = typed(command, work)
        assert run.returncode == 0, run.stdout
    assert not missing, f"NOT TYPED: {sorted(missing)} are not installed"


def test_the_page_has_the_numbered_steps_of_the_verifiers(case: Case) -> None:
    shown = Html(case.bundle.files[f"{TEXTS}/核验步骤.html"]).text
    for step, (en, zh) in STEPS.items():
        assert "".join(f"{step}{zh}{en}".split()) in shown


def test_nothing_points_to_a_file_that_is_not_there(case: Case, printed: Bundle) -> None:
    for bundle in (case.bundle, printed):
        for language in ("zh", "en"):
            text = bundle.files[f"{TEXTS}/README.{language}.md"].decode("utf-8")
            named = re.findall(r"`((?:data|verify)/[^`]*\.(?:html|pdf|json|md|txt|pyz))`", text)
            optional = {"data/10_账本/index.json"}
            assert f"{TEXTS}/核验步骤.html" in named
            assert {name for name in named if name not in bundle.files} <= optional
            assert "核验步骤.pdf" not in text


def test_every_page_says_that_its_times_and_those_of_the_data_are_the_same(
    case: Case, printed: Bundle
) -> None:
    said = "".join(ZONES[0].split())
    for name, data in printed.files.items():
        if name.startswith((TEXTS, REPORTS)) and name.endswith(".pdf"):
            assert said in pdf_text(data), name
        elif name.endswith(".html") and not name.startswith("verify"):
            assert said in Html(data).text, name


def test_a_command_on_paper_can_be_copied(printed: Bundle) -> None:
    text = pdf_text(printed.files[f"{TEXTS}/核验步骤.pdf"])
    assert "\u200b" not in text.partition("七、")[0]
    assert "--trustledger.vkey" in text


# -- the words ----------------------------------------------------------------------------------


def test_the_first_page_explains_every_claim_of_the_verifiers(case: Case) -> None:
    assert list(MEANING) == list(CLAIMS)
    for language in ("zh", "en"):
        text = case.bundle.files[f"{TEXTS}/README.{language}.md"].decode("utf-8")
        for claim in CLAIMS:
            assert f"| `{claim}` |" in text
        for told in ("--cosigner", "--tsa-root", "verify.html", "openssl", "bagit", case.record):
            assert told in text
        assert "{" not in text
    nonclaims = case.bundle.files[f"{TEXTS}/非主张声明.md"].decode("utf-8")
    for number in range(1, 11):
        assert nonclaims.count(f"\n{number}. ") == 2


def test_every_field_of_every_event_has_its_words() -> None:
    envelope = set(Event.__struct_fields__)
    names = {
        name for kind in TOPICS.values() for name in kind.__struct_fields__ if name not in envelope
    }  # fmt: skip
    assert names <= set(eventwords.FIELDS)
    assert {name.removesuffix("[]") for name in eventwords.FIELDS} <= names
    prefixes = {"_".join(topic.split(".")[0].split("_")) for topic in TOPICS}
    assert prefixes - {"key"} <= set(eventwords.THINGS)


def sentences() -> Iterator[tuple[str, str, str]]:
    for page, parts in wording.sentences().items():
        for name, text in parts.items():
            yield f"{page}.{name}", text["zh"], text["en"]


def test_every_sentence_has_both_languages_and_the_same_places_to_fill() -> None:
    for name, zh, en in sentences():
        assert sorted(re.findall(r"{\w+}", zh)) == sorted(re.findall(r"{\w+}", en)), name
        assert zh != en, name
        assert not re.search("[\u4e00-\u9fff]", en), name


def test_every_sentence_is_said_somewhere() -> None:
    folder = Path(wording.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    parts = re.compile("_(?:name|proves|content|form)$")
    for name, _, _ in sentences():
        page, _, last = name.partition(".")
        rule = re.sub("^asked_(9[34])", r"\1.", last)
        ways = (name, last, parts.sub("", last), rule if page == "rules" else name)
        assert any(f'"{way}"' in code for way in ways), name


def test_every_code_of_the_evidence_enumerations_is_said_in_both_languages() -> None:
    for name in ("BundleScope", "EvidenceRecipient", "RedactionReason"):
        for code in ENUMERATIONS[name].values:
            assert code.zh
            assert code.en
