"""The sample's files are what their names say: readers that others wrote open every one of them."""

from __future__ import annotations

import csv
import datetime
import email
import email.message
import email.policy
import hashlib
import io
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import openpyxl
import pypdf
import pytest
from PIL import Image, ImageStat

from ledger.errors import UsageError
from ledger.sample import write_sample
from ledger.sample.jpeg import jpeg
from ledger.sample.pdf import LINES_PER_PAGE, pdf
from ledger.sample.people import identity_check_digit, luhn_digit

SEED = 20260101
LABELS = ("虚构", "fictional", "Fictional")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "客户资料"
    write_sample(folder, SEED)
    return folder


def files(folder: Path, suffix: str) -> Iterator[Path]:
    found = sorted(folder.rglob(f"*{suffix}"))
    assert found
    return iter(found)


def digests(paths: list[Path], folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def test_a_small_firm_keeps_some_sixty_files_of_eight_kinds_in_chinese_folders(
    folder: Path,
) -> None:
    every = [path for path in folder.rglob("*") if path.is_file()]
    assert 55 <= len(every) <= 65
    assert {path.suffix for path in every} == {
        *(".csv", ".docx", ".eml", ".jpg", ".pdf", ".txt", ".wav", ".xlsx")
    }
    assert {"合同", "订单", "通话录音", "身份证扫描"} <= {path.name for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_customers(
    folder: Path, tmp_path: Path
) -> None:
    first = digests([path for path in folder.rglob("*") if path.is_file()], folder)
    again = digests(write_sample(tmp_path / "again", SEED), tmp_path / "again")
    other = digests(write_sample(tmp_path / "other", SEED + 1), tmp_path / "other")
    assert again == first
    assert other.keys() != first.keys()


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_sample(tmp_path, SEED)
    assert list(tmp_path.iterdir()) == [mine]


def test_word_reads_the_contracts(folder: Path) -> None:
    for path in files(folder, ".docx"):
        contract = docx.Document(str(path))
        assert "虚构资料" in contract.paragraphs[1].text
        assert contract.core_properties.title == "保洁服务合同"
        assert contract.tables[0].cell(0, 0).text == "服务项目"
        assert any(path.stem.split("_")[-1] in line.text for line in contract.paragraphs)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None


def test_excel_reads_the_workbooks_with_dates_as_dates(folder: Path) -> None:
    people = openpyxl.load_workbook(folder / "客户名单.xlsx")["客户名单"]
    assert people.max_row == 42
    assert "虚构资料" in people["A1"].value
    orders = openpyxl.load_workbook(folder / "订单" / "订单汇总.xlsx")["订单汇总"]
    assert orders.max_row == 842
    assert isinstance(orders["B3"].value, datetime.datetime)
    assert orders["E3"].value > 0


def test_the_fictional_numbers_check_out_but_are_not_issued(folder: Path) -> None:
    people = openpyxl.load_workbook(folder / "客户名单.xlsx")["客户名单"]
    for _, _, identity, phone, _, card, mail in people.iter_rows(min_row=3, values_only=True):
        assert identity_check_digit(identity[:17]) == identity[17]
        assert luhn_digit(card[:-1]) == card[-1]
        assert identity.startswith("999999")
        assert card.startswith("999999")
        assert phone.startswith("120")
        assert len(phone) == 11
        assert mail.endswith(".example")


def test_pdf_text_comes_out_in_chinese(folder: Path) -> None:
    for path in files(folder, ".pdf"):
        reader = pypdf.PdfReader(path, strict=True)
        text = "".join(page.extract_text() for page in reader.pages)
        assert "虚构资料，仅供演示 / Fictional" in text
        assert reader.metadata is not None
        assert str(reader.metadata.title) in text


def test_a_long_pdf_has_pages_and_keeps_brackets_and_backslashes() -> None:
    lines = [f"第{number}行 (a\\b) 结束" for number in range(LINES_PER_PAGE + 5)]
    reader = pypdf.PdfReader(io.BytesIO(pdf("长文", lines, "20240101")), strict=True)
    assert len(reader.pages) == 2
    text = "".join(page.extract_text() for page in reader.pages)
    assert f"第{LINES_PER_PAGE + 4}行 (a\\b) 结束" in text
    with pytest.raises(ValueError, match="U\\+FFFF"):
        pdf("𬎆", [], "20240101")


def test_tables_are_in_the_encodings_that_old_and_new_programmes_wrote(folder: Path) -> None:
    old = (folder / "订单" / "订单_2023.csv").read_bytes()
    new = (folder / "订单" / "订单_2024.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        old.decode("utf-8")
    assert new.startswith(b"\xef\xbb\xbf")
    for data, charset, count in ((old, "gb18030", 480), (new, "utf-8-sig", 360)):
        rows = list(csv.DictReader(io.StringIO(data.decode(charset), newline="")))
        assert len(rows) == count
        assert {row["备注"] for row in rows} == {"虚构"}
        assert all(row["客户姓名"] and None not in row for row in rows)


def test_the_gb18030_table_holds_a_name_that_gbk_cannot_write(tmp_path: Path) -> None:
    write_sample(tmp_path / "rare", 1)
    data = (tmp_path / "rare" / "订单" / "订单_2023.csv").read_bytes()
    assert "𬎆" in data.decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        data.decode("gbk")


def test_mail_readers_see_chinese_headers_text_and_the_attached_receipt(folder: Path) -> None:
    charsets = set()
    for path in files(folder, ".eml"):
        raw = path.read_bytes()
        assert raw.split(b"\r\n\r\n")[0].isascii()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, email.message.EmailMessage)
        assert message["Subject"].startswith("关于订单")
        assert not message.defects
        body = message.get_body()
        assert body is not None
        charsets.add(body.get_content_charset())
        assert "虚构资料" in body.get_content()
        (receipt,) = message.iter_attachments()
        assert str(receipt.get_filename()).startswith("收据_")
        assert pypdf.PdfReader(io.BytesIO(receipt.get_content())).pages
    assert charsets == {"utf-8", "gb18030"}


def test_recorded_calls_last_a_second_and_are_not_silent(folder: Path) -> None:
    for path in files(folder, ".wav"):
        with wave.open(str(path)) as sound:
            assert (sound.getframerate(), sound.getnchannels()) == (8_000, 1)
            assert sound.getnframes() == 8_000
            assert len(set(sound.readframes(8_000))) > 50


def test_scans_are_pictures_of_a_card(folder: Path) -> None:
    for path in files(folder, ".jpg"):
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "L", (480, 304))
            assert b"fictional" in picture.info["comment"]
            assert ImageStat.Stat(picture).stddev[0] > 20


def test_the_jpeg_encoder_keeps_the_picture() -> None:
    wanted = bytes((x * 3 + y * 2) % 256 if x < 40 else 200 for y in range(64) for x in range(64))
    with Image.open(io.BytesIO(jpeg(64, 64, wanted))) as picture:
        got = picture.tobytes()
    error = sum(abs(a - b) for a, b in zip(wanted, got, strict=True)) / len(wanted)
    assert error < 4
    with pytest.raises(ValueError, match="whole blocks"):
        jpeg(60, 64, bytes(60 * 64))


def test_chats_say_that_they_are_fictional(folder: Path) -> None:
    for path in files(folder, ".txt"):
        raw = path.read_bytes()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("gb18030")
        assert any(label in text for label in LABELS)
