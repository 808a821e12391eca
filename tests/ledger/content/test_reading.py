"""Reading documents: encodings, tables, letters, workbooks, and what parsers are protected from."""

from __future__ import annotations

import email.message
import io
import os
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import docx
import msgspec
import openpyxl
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

import ledger
from ledger.content import Block, Limits, Note, Piece, Rows, Text, blocks, pieces
from ledger.content.blocks import End
from ledger.content.columns import kind_of_heading
from ledger.content.counting import count
from ledger.content.detectors import KINDS
from ledger.content.profile import PROFILES, profile
from ledger.content.reading import kind_of
from ledger.content.text import delimiter_of
from ledger.sources import SourceFault

ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
COMMON = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过"
)
HOUR = Limits()


def read(data: bytes, name: str = "a.txt", limits: Limits = HOUR) -> list[Block]:
    return list(blocks(io.BytesIO(data), name, limits))


def text_of(data: bytes, name: str = "a.txt") -> str:
    return "".join(block.text for block in read(data, name) if isinstance(block, Text))


def rows_of(data: bytes, name: str = "a.csv") -> list[list[str]]:
    return [row for block in read(data, name) if isinstance(block, Rows) for row in block.rows]


def refused(data: bytes, name: str, limits: Limits = HOUR) -> str:
    with pytest.raises(SourceFault) as fault:
        read(data, name, limits)
    return fault.value.cause


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


# -- encodings --------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_common_chinese_comes_back_from_every_encoding(encoding: str) -> None:
    @given(st.lists(st.text(COMMON, min_size=1, max_size=40), min_size=1, max_size=20))
    def check(lines: list[str]) -> None:
        text = "客户 1\n" + "\n".join(lines) + "\n"
        assert text_of(text.encode(encoding)) == text

    check()


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("ascii_first", [0, 262_143, 262_144, 262_145, 600_000])
def test_an_encoding_is_recognised_however_late_it_shows(encoding: str, ascii_first: int) -> None:
    text = "x" * ascii_first + "\n客户资料:张三,上门保洁\n" * 20_000
    assert text_of(text.encode(encoding)) == text


def test_a_text_that_is_utf_8_by_chance_at_first_is_read_on_as_what_it_is() -> None:
    """One character of two bytes may be valid in both; what comes later settles it."""
    raw = ("模\n" + "x" * 300_000 + "\n客户资料\n" * 100).encode("gbk")
    assert raw[:2].decode("utf-8") == "ģ"
    assert text_of(raw) == "ģ\n" + "x" * 300_000 + "\n客户资料\n" * 100


def test_bytes_in_no_encoding_are_refused() -> None:
    assert refused(b"\xff\xff\xfe" * 50, "a.txt") in {"unknown_encoding", "unknown_type"}
    assert refused(("甲" * 200).encode("utf-16") + b"\x00", "a.txt") == "unknown_encoding"


# -- tables -----------------------------------------------------------------------------------

cells = st.text("甲乙丙abc1,;|\t\"'\r\n ", max_size=8)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_comes_back_cell_by_cell_whatever_separates_them(delimiter: str) -> None:
    import csv

    @given(st.lists(st.tuples(cells, cells, cells), max_size=20))
    def check(body: list[tuple[str, str, str]]) -> None:
        file = io.StringIO()
        writer = csv.writer(file, delimiter=delimiter)
        # Most of a customer's table is plain rows; a few may be full of other separators.
        table = [["姓名", "电话", "备注"]] * (5 + 12 * len(body)) + [list(row) for row in body]
        writer.writerows(table)
        assert rows_of(file.getvalue().encode()) == table

    check()


def test_a_cell_may_go_over_lines_and_over_what_is_read_at_once() -> None:
    long = "第一行\r\n" * 60_000
    assert rows_of(f'a,b\n"{long}",2\n'.encode()) == [["a", "b"], [long, "2"]]


def test_a_sign_in_the_cells_does_not_separate_them() -> None:
    assert delimiter_of("a;b;c\n1,5;2,5;3,5\n") == ";"
    assert delimiter_of("姓名\t备注\n甲\t,,,,\n") == "\t"


@pytest.mark.parametrize(
    "table",
    [
        b'"' + b"x" * 1_100_000,
        b"x" * 2_000_000,
        b"," * 20_000 + b"\n",
        b"," * 1_000_000 + b"\n" + b"," * 1_000_000,
        b'"\n"' + b"," * 250_000 + b"\n" + b"," * 250_000,
    ],
)
def test_a_table_that_is_a_trap_is_refused_before_it_fills_the_memory(table: bytes) -> None:
    assert refused(table, "a.csv") == "malformed_table"


def test_rows_of_nothing_but_separators_are_refused_before_they_are_cells() -> None:
    table = io.BytesIO((b"," * 250_000 + b"\n") * 60)
    tracemalloc.start()
    try:
        with pytest.raises(SourceFault):
            list(blocks(table, "a.csv", HOUR))
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_pieces_number_rows_from_one_with_the_heading_among_them() -> None:
    found = list(pieces(io.BytesIO("姓名,电话\n张三,1\n".encode()), "a.csv"))
    assert found == [
        Piece(sheet="1", row=1, cells=("姓名", "电话")),
        Piece(sheet="1", row=2, cells=("张三", "1")),
    ]
    assert "张三" not in repr(found)


# -- documents --------------------------------------------------------------------------------


def workbook(rows: list[list[object]]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    hidden = book.create_sheet("隐藏")
    hidden.sheet_state = "hidden"
    hidden.append(["邮箱"])
    hidden.append(["a@example.com"])
    book.save(file)
    return file.getvalue()


def test_a_workbook_is_read_sheet_by_sheet_hidden_ones_too() -> None:
    data = workbook([["手机", "金额"], [13812345678, 2.5], [None, None], ["13912345678", 1]])
    found = [block for block in read(data, "a.xlsx") if isinstance(block, Rows)]
    assert [(block.sheet, block.rows) for block in found] == [
        ("1", [["手机", "金额"], ["13812345678", "2.5"], ["13912345678", "1"]]),
        ("2", [["邮箱"], ["a@example.com"]]),
    ]


def test_a_number_that_the_workbook_shortened_is_noted() -> None:
    data = workbook([["身份证号"], [110105194912310021], ["x"]])
    assert Note("numbers_shortened") in read(data, "a.xlsx")


def test_a_word_document_is_read_with_its_tables_headers_and_comments() -> None:
    document, file = docx.Document(), io.BytesIO()
    document.add_paragraph("保洁服务合同")
    document.sections[0].header.paragraphs[0].text = "页眉"
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "联系人", "13812345678"
    document.save(file)
    words = text_of(file.getvalue(), "合同.docx")
    assert all(word in words for word in ("保洁服务合同", "页眉", "联系人", "13812345678"))


def letter(attached: dict[str, bytes], charset: str = "gb18030") -> bytes:
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "报价单"
    message.set_content("电话 13812345678\n", charset=charset)
    for name, data in attached.items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return bytes(message)


def test_a_letter_is_read_with_its_headers_and_attachments() -> None:
    data = letter({"名单.csv": "姓名,邮箱\n甲,c@example.com\n".encode("gbk"),
                   "a.xlsx": workbook([["车牌"], ["京A12345"]])})  # fmt: skip
    found = read(data, "a.eml")
    words = text_of(data, "a.eml")
    assert "报价单" in words
    assert "13812345678" in words
    sheets = [row for block in found if isinstance(block, Rows) for row in block.rows]
    assert ["甲", "c@example.com"] in sheets
    assert ["京A12345"] in sheets
    assert Note("letter") in found


def test_a_broken_attachment_does_not_hide_the_letter() -> None:
    data = letter({"a.pdf": b"%PDF-1.4 broken", "b.zip": b"PK\x03\x04"})
    assert "13812345678" in text_of(data, "a.eml")
    assert read(data, "a.eml").count(Note("attachment_not_read")) == 2


def test_letters_in_letters_are_not_opened_without_end() -> None:
    data = letter({"x.eml": b"From: x\n\nhello"})
    for _ in range(5):
        data = letter({"inner.eml": data})
    assert "13812345678" in text_of(data, "a.eml")


def test_a_box_of_letters_is_read_letter_by_letter() -> None:
    box = b"".join(
        b"From a@example.com Mon Jan  2 10:00:00 2023\n" + letter({}) + b"\n" for _ in range(3)
    )
    assert text_of(box, "a.mbox").count("13812345678") == 3


def test_html_is_read_without_its_tags_and_scripts() -> None:
    message = email.message.EmailMessage()
    message["Subject"] = "x"
    message.set_content("<p>电话 <b>138</b>12345678</p><script>var a='13912345678'</script>",
                        subtype="html")  # fmt: skip
    words = text_of(bytes(message), "a.eml")
    assert "13912345678" not in words
    assert "电话" in words


def pdf(*pages: str, password: str = "") -> bytes:
    """A PDF with a line of text on each page, none where it is empty."""
    writer = pypdf.PdfWriter()
    for words in pages:
        page = writer.add_blank_page(300, 300)
        if words:
            named = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
            font = DictionaryObject({NameObject(k): NameObject(v) for k, v in named.items()})
            fonts = DictionaryObject({NameObject("/F"): font})
            page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
            drawn = DecodedStreamObject()
            drawn.set_data(f"BT /F 12 Tf 20 200 Td ({words}) Tj ET".encode())
            page[NameObject("/Contents")] = writer._add_object(drawn)
    if password:
        writer.encrypt(password)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_pdf_is_read_page_by_page() -> None:
    words = text_of(pdf("call 13812345678", "or a@example.com"), "a.pdf")
    assert "13812345678" in words
    assert "a@example.com" in words


def test_a_pdf_with_scans_among_its_pages_says_so() -> None:
    assert Note("pages_without_text") in read(pdf("call 13812345678", ""), "a.pdf")
    assert refused(pdf("", ""), "a.pdf") == "no_text"


def test_a_pdf_with_a_password_is_named() -> None:
    assert refused(pdf("call 13812345678", password="x"), "a.pdf") == "encrypted_document"


# -- kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"PK\x03\x04", "a.csv", "zip"), (b"%PDF-1.4", "a.docx", "pdf"), (b"a,b", "a.csv", "table"),
        (b"a,b", "a.txt", "text"), (b"a,b", "", "text"), (b"From: a\n\nx", "a.eml", "eml"),
        (b"Received: x\nFrom: a\n\nx", "a.txt", "eml"), (b"<?xml version='1.0'?><a/>", "a", "xml"),
        (b"\x7fELF\x00", "a.csv", "other"), (b"ab\x00\x00cd\x00", "a.txt", "other"),
        ("甲,乙\n".encode("utf-16"), "a.csv", "table"), (b"BM of the firm", "a.txt", "text"),
        (b"MZ-1", "a.txt", "text"),
    ],
)  # fmt: skip
def test_a_kind_follows_from_the_bytes_before_the_name(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name) == kind


def test_a_name_that_belongs_to_another_kind_is_noted() -> None:
    assert Note("name_says_other") in read(workbook([["a"]]), "客户.pdf")
    assert Note("name_says_other") not in read(workbook([["a"]]), "客户.xlsx")


# -- what parsers are protected from ------------------------------------------------------------


def sheet_xml(cells: str) -> bytes:
    return (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
        f'2006/main"><sheetData>{cells}</sheetData></worksheet>'
    ).encode()


def with_sheet(sheet: bytes) -> bytes:
    """A workbook whose first sheet is this XML."""
    source, out = zipfile.ZipFile(io.BytesIO(workbook([["a"]]))), {}
    for member in source.namelist():
        out[member] = sheet if member == "xl/worksheets/sheet1.xml" else source.read(member)
    return zipped(out)


def test_a_cell_in_the_far_corner_does_not_cost_seventeen_thousand_million_cells() -> None:
    far = sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576">'
                    "<v>2</v></c></row>")  # fmt: skip
    assert refused(with_sheet(far), "a.xlsx") in {"too_much_memory", "damaged_document"}


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_a_bomb_inside_a_workbook_is_refused(part: str) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    source = zipfile.ZipFile(io.BytesIO(workbook([["a"]])))
    members = {name: source.read(name) for name in source.namelist()}
    assert refused(zipped({**members, part: bomb}), "a.xlsx") == "xml_bomb"


def test_a_bomb_inside_a_word_document_is_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    assert refused(zipped({"word/document.xml": bomb}), "a.docx") == "xml_bomb"


def test_a_zip_that_grows_a_thousandfold_is_refused_before_it_does() -> None:
    assert refused(zipped({"word/document.xml": bytes(50_000_000)}), "a.docx") == "zip_bomb"


def test_a_zip_with_very_many_members_is_refused() -> None:
    many = {"word/document.xml": b"<a/>"} | {f"m{number}": b"" for number in range(10_001)}
    assert refused(zipped(many, zipfile.ZIP_STORED), "a.docx") == "zip_bomb"


def test_a_zip_that_lies_about_its_sizes_is_not_unpacked_further() -> None:
    honest = zipped({"word/document.xml": b"<a>" + b"x" * 400_000 + b"</a>"})
    lying = honest.replace((400_007).to_bytes(4, "little"), (7).to_bytes(4, "little"))
    assert lying != honest
    assert refused(lying, "a.docx") == "damaged_document"


def test_an_encrypted_zip_is_named() -> None:
    data = bytearray(zipped({"word/document.xml": b"<a/>"}))
    at = data.rindex(b"PK\x01\x02")
    data[6] |= 1
    data[at + 8] |= 1
    assert refused(bytes(data), "a.docx") == "encrypted_document"


def test_a_document_over_the_limit_is_refused() -> None:
    limits = Limits(size=10_000)
    assert refused(b"%PDF-1.4\n" + os.urandom(2_000_000), "a.pdf", limits) == "too_large"


def test_a_parser_that_takes_too_long_is_ended() -> None:
    deep = b"<a>" * 3_000_000
    assert refused(b"<?xml version='1.0'?>" + deep, "a.xml", Limits(seconds=1)) == "too_long"


def test_a_parser_that_takes_too_much_memory_is_ended() -> None:
    limits = Limits(memory=220 << 20)
    wide = b"<?xml version='1.0'?><a>" + b"<b c='1'/>" * 8_000_000
    assert refused(wide, "a.xml", limits) in {"too_much_memory", "damaged_document"}


def test_more_text_than_the_limit_is_refused() -> None:
    long = b"<?xml version='1.0'?><a>" + b"x" * 200_000 + b"</a>"
    assert refused(long, "a.xml", Limits(text=100_000)) == "too_large"


def test_the_process_that_parses_sees_no_environment_no_name_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked by what is run in its place, with the same limits set."""
    monkeypatch.setenv("MUNIMENT_PASSPHRASE_FILE", "/secret")
    seen: list[dict[str, object]] = []
    real = subprocess.Popen

    def popen(arguments: list[str], **options: object) -> subprocess.Popen[bytes]:
        seen.append({"arguments": arguments, **options})
        return real(arguments, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "Popen", popen)
    assert read(workbook([["a"]]), "张三的工资.xlsx")
    (options,) = seen
    assert "张三" not in str(options)
    environment = options["env"]
    assert isinstance(environment, dict)
    assert set(environment) == {"PYTHONPATH", "LC_ALL", "PYTHONDONTWRITEBYTECODE"}
    code = (
        "from ledger.content import child; from ledger.content.blocks import Limits; import sys;"
        "child._limit(Limits());\n"
        f"with open({str(tmp_path / 'x')!r}, 'w') as file: file.write('clear text')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False,
        env={"PYTHONPATH": str(Path(ledger.__file__).parent.parent)},
    )  # fmt: skip
    assert done.returncode != 0
    assert (tmp_path / "x").read_bytes() == b""


def test_a_process_that_says_what_is_no_block_is_a_damaged_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ledger.content import sandbox

    def rogue(said: bytes) -> str:
        monkeypatch.setattr(
            sandbox, "_start",
            lambda _kind, _limits: subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({said!r})"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            ),
        )  # fmt: skip
        return refused(b"%PDF-1.4", "a.pdf")

    end = msgspec.msgpack.encode(End("xml_bomb"))
    assert rogue(len(end).to_bytes(4) + end) == "xml_bomb"
    for said in (b"", b"\xff\xff\xff\xff", b"\0\0\0\x02\xc1\xc1", b"\0\0\0\x05ab"):
        assert rogue(said) == "damaged_document"


# -- the data that decides ----------------------------------------------------------------------


def test_every_kind_that_can_be_found_has_a_meaning_in_every_profile() -> None:
    kinds = set(KINDS) | {"minor", "letter"}
    for code in PROFILES:
        assert kinds <= set(profile(code).kinds)
        assert profile(code).code == code
        assert not profile(code).counsel
    assert len({frozenset(profile(code).kinds) for code in PROFILES}) == 1


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("姓 名", "name"), ("客户姓名", "name"), ("手机号码(必填)", "mobile"), ("E-Mail", "email"),
        ("ID Card", "id_number"), ("开户银行账号", "bank_account"), ("学生姓名", "child"),
        ("过敏史", "health"), ("备注", "remark"), ("Phone_Number", "mobile"), ("房号", ""),
        ("", ""), ("column", ""), ("nameplate", ""),
    ],
)  # fmt: skip
def test_a_heading_names_a_kind(heading: str, kind: str) -> None:
    assert kind_of_heading(heading) == kind


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("手机\n138****5678\n139****1234\n", {("mobile", 2)}),
        ("联系方式\n13812345678\na@b.com\n微信 abc\n", {("mobile", 3), ("email", 1)}),
        ("x\n13812345678\n13912345678\n\n \n", {("mobile", 2)}),
        ("x\n13812345678\n13912345678\n13712345678\n无\n", {("mobile", 4)}),
        ("x\n13812345678\n无\n无\n", {("mobile", 1)}),
        ("备注\n电话13812345678和13912345678\n无\n", {("mobile", 2)}),
        ("学员,生日\n甲,2020-01-02\n乙,1990-01-02\n", {("birth_date", 2), ("minor", 1)}),
        ("孩子姓名\n甲\n", {("child", 1)}),
    ],
)
def test_what_a_column_holds_is_counted(table: str, found: set[tuple[str, int]]) -> None:
    counts = count(read(table.encode(), "a.csv"), "2026-11-22")
    assert {(f.kind, f.count) for f in counts.found} == found


def test_a_column_is_read_beyond_the_sample() -> None:
    table = "编号,备注\n" + "1,无\n" * 9_999 + "1,13812345678\n"
    counts = count(read(table.encode(), "a.csv"), "2026-11-22")
    assert counts.rows == 10_000
    assert [(f.kind, f.count, f.column) for f in counts.found] == [("mobile", 1, 2)]
