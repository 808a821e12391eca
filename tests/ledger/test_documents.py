"""Documents: the same bytes everywhere, genuine or not, and nobody's name in them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pypdf
import pytest

from ledger.documents import pages
from ledger.documents.checking import check_with_ledger
from ledger.documents.issuing import issue, reprint, withdraw
from ledger.documents.pages import render
from ledger.documents.twin import parse
from ledger.documents.view import view
from ledger.errors import DataError, RefusedError, UsageError
from tests.ledger import papers
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)
from tests.ledger.desk import ROOT
from tests.ledger.papers import a_twin, asked, asked_offline, certificate, certified, twin_of

RENDER = (
    "import sys; from ledger.documents.pages import render; "
    "sys.stdout.buffer.write(render(sys.stdin.buffer.read()))"
)


def text_of(data: bytes, folder: Path) -> str:
    """The text of the pages, as another program reads it."""
    file = folder / "read.pdf"
    file.write_bytes(data)
    run = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True)
    return run.stdout.decode("utf-8")


# -- the same bytes everywhere ------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "86400"},
        {"HOME": "nowhere", "XDG_DATA_HOME": "nowhere", "PYTHONHASHSEED": "7"},
    ],
)
def test_the_same_twin_makes_the_same_bytes_in_every_process(environment: dict[str, str]) -> None:
    twin = a_twin()
    made = subprocess.run(
        [sys.executable, "-c", RENDER], input=twin, capture_output=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    ).stdout  # fmt: skip
    assert made == render(twin) == render(twin)
    assert b"/CreationDate(D:20261121093000Z)" in made, "when it was issued, not when it was made"


def test_whatever_the_twin_says_changes_the_pages() -> None:
    assert render(a_twin(rows=3)) != render(a_twin(rows=2))


def test_a_document_is_printed_again_to_the_byte(site: Site, tmp_path: Path) -> None:
    printed = certificate(site, tmp_path / "合同")
    again = reprint(site.ledger, printed.number)
    assert again.data == printed.data
    assert again.receipt is None
    more = certificate(site, tmp_path / "更多")
    assert more.number != printed.number
    assert reprint(site.ledger, printed.number).data == printed.data, "whatever came since"


# -- PDF/A-3b -----------------------------------------------------------------------------------


def test_the_file_is_built_as_pdf_a_3b_demands(site: Site, tmp_path: Path) -> None:
    """The structure only: no validator can be installed here (veraPDF is in no registry)."""
    printed = certificate(site, tmp_path / "合同")
    reader = pypdf.PdfReader(stream_of(printed.data))
    for data in (printed.data[: printed.pages], printed.data):
        reader = pypdf.PdfReader(stream_of(data), strict=True)
        root: Any = reader.trailer["/Root"]
        xmp = root["/Metadata"].get_object().get_data()
        assert b"<pdfaid:part>3</pdfaid:part>" in xmp
        assert b"<pdfaid:conformance>B</pdfaid:conformance>" in xmp
        (intent,) = root["/OutputIntents"]
        assert intent["/S"] == "/GTS_PDFA1"
        assert intent["/DestOutputProfile"].get_object().get_data()[36:40] == b"acsp"
        relations = [spec.get_object()["/AFRelationship"] for spec in root["/AF"]]
        assert relations == ["/Data", "/Supplement"][: len(relations)]
        assert set(reader.attachments) == {
            f"{printed.number}{end}" for end in (".json", ".proof.json")[: len(relations)]
        }
        assert not {"/OpenAction", "/AA"} & set(root)
        assert b"/JavaScript" not in data
        assert_fonts_are_inside(reader)
    assert twin_of(printed.data) == next(iter(reader.attachments.values()))[0]


def stream_of(data: bytes) -> Any:
    from io import BytesIO

    return BytesIO(data)


def assert_fonts_are_inside(reader: pypdf.PdfReader) -> None:
    names = set()
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            for part in font.get_object()["/DescendantFonts"]:
                descriptor = part.get_object()["/FontDescriptor"].get_object()
                assert {"/FontFile2", "/FontFile3"} & set(descriptor)
                names.add(str(descriptor["/FontName"]).partition("+")[2])
    assert names <= {"MunimentSansSC-Regular", "MunimentSansSC-Bold", "DejaVuSansMono"}


def test_a_character_that_no_font_has_is_an_error_and_never_a_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody_has = "\U000f1234"
    with pytest.raises(DataError, match="glyph"):
        render(a_twin(remark=nobody_has))
    asked: list[bool] = []
    real = pages._compiler

    def asking(system_fonts: bool) -> Any:
        asked.append(system_fonts)
        return real(system_fonts)

    monkeypatch.setattr(pages, "_compiler", asking)
    rare = "䶮"  # of GB 18030, not of GB 2312
    with suppress(DataError):  # where no font of the machine has it either
        assert render(a_twin(remark=rare))
    assert True in asked, "the machine's fonts are asked for what is missing"
    asked.clear()
    render(a_twin())
    assert True not in asked


# -- what stands on the pages -------------------------------------------------------------------


def test_a_certificate_shows_what_people_must_find_on_it(site: Site, tmp_path: Path) -> None:
    printed = certificate(site, tmp_path / "合同")
    shown = text_of(printed.data, tmp_path)
    twin = twin_of(printed.data)
    told = parse(twin)
    root = told["checkpoint"]["root"]
    for words in (
        "销 毁 证 明", "Certificate of Destruction", printed.number, "已销毁", "方法执行并核验",
        told["said"]["case"], told["said"]["items"][0]["holding"], told["ledger"]["origin"],
        sha256(twin).hexdigest(), f"{root[:4]} {root[4:8]}", "不作主张的事项", "签名",
        "单位（盖章）",
        "第 1 页，共", "Page 1 of", "监销人", "muniment document verify", told["engagement"],
    ):  # fmt: skip
        assert words.replace(" ", "") in shown.replace(" ", ""), words
    assert "绝对" not in shown
    assert shown.count(printed.number) >= len(pypdf.PdfReader(stream_of(printed.data)).pages)


def test_what_a_section_does_not_know_is_shown_all_the_same(tmp_path: Path) -> None:
    twin = a_twin(
        later_field="some_code", later_rows=[{"copy": "keycopy-7", "later": True}], later_list=[],
        later_map={"inner": 7}, kind="destruction_list",
    )  # fmt: skip
    shown = text_of(render(twin), tmp_path)
    for words in ("later_field", "some_code", "keycopy-", "later_list", "inner", "later_rows"):
        assert words in shown


def test_a_long_list_repeats_its_header_and_loses_nothing(tmp_path: Path) -> None:
    shown = text_of(render(a_twin(rows=301)), tmp_path)
    for number in range(301):
        assert papers.item(number)["holding"] in shown
        assert papers.item(number)["record"] in shown
    assert shown.count("Copy and record") == -(-301 // 32)
    short = text_of(render(a_twin(rows=60)), tmp_path)
    assert short.count("Copy and record") > 1


@pytest.mark.slow
def test_a_list_of_the_greatest_length_is_laid_out() -> None:
    made = render(a_twin(rows=20_000))
    assert len(pypdf.PdfReader(stream_of(made)).pages) > 20_000 // 32


def test_no_line_of_the_view_is_left_empty() -> None:
    twin = parse(a_twin(kind="destruction_certificate"))
    made = view(twin)
    assert made["title"] == ("销毁证明", "Certificate of Destruction")
    for section in made["sections"]:
        assert section["title"][0]
        assert section["rows"]


# -- nobody's name ------------------------------------------------------------------------------

CUSTOMER, IDENTITY = "欧阳震华", "11010519491231002X"


def test_titles_and_remarks_are_in_no_document(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "资料"
    records = site.ripe(folder, 1)
    secrets = [f"{CUSTOMER} {IDENTITY}", "期满", "可销", "合同0"]
    from ledger import custody

    copy = site.copy(records[0])
    paper = site.further(records[0], {"location": secrets[0]}, made_from=copy, form="paper",
                         medium="paper_copy")  # fmt: skip
    said = custody.propose_destruction([copy], "retention_expired", "clear", "overwrite",
                                       secrets[0])  # fmt: skip
    site.ledger.act(site.wang, said)
    case = said[0].stream
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", secrets[0])])
    for name in ("li", "zhao"):
        site.ledger.act(site.person(name), [custody.approve(site.ledger, case, secrets[0])])
    site.execute(case)
    site.verify(case)
    site.certify(case)
    typed = {text for text in papers.texts(site) if len(text) > 3 and not text.isascii()}
    assert any(CUSTOMER in text for text in typed), "the names are in the ledger"
    names = {"王管理", "某人"}
    for kind in ("destruction_list", "destruction_certificate"):
        data = issue(site.ledger, site.wang, kind, case).data
        shown = text_of(data, tmp_path) + twin_of(data).decode("utf-8")
        assert paper in shown or kind == "destruction_list"
        for text in (typed - names) | {CUSTOMER, IDENTITY, IDENTITY[:14], "合同0"}:
            assert text not in shown
            assert text.encode("utf-8") not in data
            assert text.encode("utf-16-be") not in data


def test_whatever_a_person_typed_stays_out_whoever_puts_it_in(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the readings that documents are made of ever hold a text, it does not get through."""
    from ledger.effects import certifying

    real = certifying.certificate

    def leaky(*arguments: Any) -> Any:
        said = real(*arguments) or {}
        return {**said, "remark": CUSTOMER, "note": "Zhang San", "phone": "13800138000",
                "scenario": "ZhangSan", "deep": [{"why": f"{CUSTOMER}的合同"}]}  # fmt: skip

    case = certified(site, tmp_path / "合同")
    monkeypatch.setattr(certifying, "certificate", leaky)
    twin = twin_of(issue(site.ledger, site.wang, "destruction_certificate", case).data)
    for text in (CUSTOMER, "Zhang", "13800138000", "合同"):
        assert text not in twin.decode("utf-8")


def test_the_digest_of_a_twin_does_not_betray_a_name(site: Site, tmp_path: Path) -> None:
    """Two documents with one content differ in a nonce that only the keystore opens."""
    case = certified(site, tmp_path / "合同")
    first = issue(site.ledger, site.wang, "destruction_certificate", case)
    second = issue(site.ledger, site.wang, "destruction_certificate", case, anew="换发")
    twins = [parse(twin_of(printed.data)) for printed in (first, second)]
    assert twins[0]["nonce"] != twins[1]["nonce"]
    states = [row[3] for row in site.ledger.events_of(first.document)]
    assert all(twins[0]["nonce"].encode() not in state for state in states)


# -- genuine, superseded ------------------------------------------------------------------------


def test_a_genuine_document_is_genuine_with_and_without_the_ledger(
    site: Site, tmp_path: Path
) -> None:
    data = certificate(site, tmp_path / "合同").data
    assert asked(site, data) == ("genuine", ())
    assert asked_offline(site, data) == ("genuine", ())


def test_the_bare_pages_are_genuine_by_the_ledger_and_unproven_without(
    site: Site, tmp_path: Path
) -> None:
    printed = certificate(site, tmp_path / "合同")
    bare = printed.data[: printed.pages]
    assert asked(site, bare) == ("genuine", ())
    assert asked_offline(site, bare) == ("unknown", ("no_receipt",))


def test_a_superseded_certificate_is_named_with_the_one_that_stands(
    site: Site, tmp_path: Path
) -> None:
    case = certified(site, tmp_path / "合同")
    old = issue(site.ledger, site.wang, "destruction_certificate", case)
    assert issue(site.ledger, site.wang, "destruction_certificate", case).number == old.number
    new = issue(site.ledger, site.wang, "destruction_certificate", case, anew="页面有误")
    answer = check_with_ledger(old.data, site.ledger)
    assert (answer.verdict, answer.replaced_by) == ("superseded", new.number)
    assert asked(site, new.data) == ("genuine", ())
    assert reprint(site.ledger, old.number).data == old.data
    withdraw(site.ledger, site.wang, new.number, "案件重开")
    assert asked(site, new.data) == ("superseded", ("withdrawn",))
    with pytest.raises(RefusedError):
        withdraw(site.ledger, site.wang, new.number, "再次")


def test_a_document_is_issued_of_what_has_come_so_far_only(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    case = site.proposed([site.copy(record)])
    for kind in ("destruction_list", "destruction_certificate"):
        with pytest.raises(UsageError, match="nothing to issue"):
            issue(site.ledger, site.wang, kind, case)
    with pytest.raises(UsageError, match="no document of this number"):
        reprint(site.ledger, "XH-20261121-0001")


def test_documents_are_events_like_all_others(crew: Crew, tmp_path: Path) -> None:
    """Verified, projected again from the events alone, and as they stood before."""
    from ledger.inspection import inspect
    from ledger.rebuild import check
    from projections.documents import listed

    with crew.open() as site:
        case = certified(site, tmp_path / "合同")
        old = issue(site.ledger, site.wang, "destruction_certificate", case)
        assert old.receipt is not None
        issue(site.ledger, site.wang, "destruction_certificate", case, anew="换发")
        with site.ledger.engine.connect() as connection:
            then = listed(connection, limit=9, entry=old.receipt.entry)
            now = listed(connection, limit=9)
            assert [row.superseded_entry for row in then] == [None]
            assert [bool(row.replaced_by) for row in now] == [True, False]
            assert check(connection) == []
        assert inspect(site.ledger.folder).verdict == "valid"
