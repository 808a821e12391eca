"""What becomes of every document in the vectors: it is read, or its refusal has a name.

Each is read as `classify --auto` reads it, and none may take more than 20 seconds or 1.5 GB.
"""

from __future__ import annotations

import io
import resource
import time
from collections import Counter
from pathlib import Path

import pytest

from ledger.content import Limits, Note, Rows, Text, blocks
from ledger.content.counting import count
from ledger.sources import SourceFault

VECTORS = Path(__file__).parent.parent.parent / "vectors"
DOCUMENTS = VECTORS / "documents"
FILES = sorted(
    path.relative_to(VECTORS).as_posix()
    for folder in ("documents", "cn")
    for path in (VECTORS / folder).rglob("*")
    if path.is_file() and path.suffix not in {".md", ".json"}
)
OFFICE = "documents/msoffcrypto/tests/"
REFUSED = {
    **dict.fromkeys(
        (f"{OFFICE}inputs/{name}" for name in (
            "ecma376standard_password.docx", "example_password.docx", "example_password.xlsx",
            "rc4cryptoapi_password.doc", "rc4cryptoapi_password.ppt", "rc4cryptoapi_password.xls",
            "xor_password_123456789012345.xls",
        )),
        "encrypted_document",
    ),
    **dict.fromkeys(
        (f"documents/defusedxml-0.7.1/xmltestdata/{name}.xml" for name in (
            "cyclic", "dtd", "external", "external_file", "quadratic", "xmlbomb", "xmlbomb2",
        )),
        "xml_bomb",
    ),
}  # fmt: skip
PICTURES = (".bmp", ".gif", ".jpg", ".png", ".tiff", ".webp", ".exr", ".ras", ".sgi", ".au", ".wav",
            ".aiff", ".aifc", ".doc", ".ppt", ".tar", ".zip")  # fmt: skip
CAUSES = {
    "encrypted_document", "xml_bomb", "zip_bomb", "damaged_document", "malformed_table",
    "unknown_encoding", "unknown_type", "no_text", "too_large", "too_long", "too_much_memory",
}  # fmt: skip


def outcome(name: str) -> tuple[str, Counter[str]]:
    """The refusal, or nothing, and how much was read."""
    found: Counter[str] = Counter()
    with (VECTORS / name).open("rb") as stream:
        try:
            for block in blocks(stream, name.rpartition("/")[2], Limits()):
                match block:
                    case Text(text):
                        found["text"] += len(text)
                    case Rows(_sheet, _first, rows):
                        found["rows"] += len(rows)
                    case Note(code):
                        found[code] += 1
        except SourceFault as fault:
            return fault.cause, found
    return "", found


def test_there_are_as_many_vectors_as_we_think() -> None:
    assert len(FILES) > 180


@pytest.mark.parametrize("name", FILES)
def test_every_document_is_read_or_refused_by_name(name: str) -> None:
    started = time.monotonic()
    before = largest_child()
    cause, found = outcome(name)
    assert time.monotonic() - started < 60
    if name in REFUSED:
        assert cause == REFUSED[name]
    elif name.endswith(PICTURES):
        assert cause == "unknown_type"
    elif cause:
        assert cause in {"no_text", "unknown_encoding", "unknown_type"}
        assert name.endswith((".docx", "msg_18.txt", "johab.txt", ".pbm", ".pgm", ".ppm")), cause
    else:
        assert found["text"] or found["rows"]
    # A program counts as large as the process that starts it, until it is larger itself.
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert largest_child() <= max(1_500 * 1024, before, ours), "KiB, to read a document"


def largest_child() -> int:
    """KiB, of all programs that this process has waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


@pytest.mark.parametrize(
    "name",
    [
        "rc4cryptoapi_password_plain.xls", "example.xlsx", "ecma376standard_password_plain.docx",
    ],
)  # fmt: skip
def test_the_same_documents_without_their_password_are_read(name: str) -> None:
    with (VECTORS / OFFICE / "outputs" / name).open("rb") as stream:
        words = "".join(
            b.text if isinstance(b, Text) else str(b.rows)
            for b in blocks(stream, name, Limits())
            if not isinstance(b, Note)
        )
    assert "lorem" in words


@pytest.mark.parametrize("codec", ["gb18030", "gbk", "gb2312", "big5", "shift_jis", "cp949"])
def test_text_in_a_real_encoding_is_read_whole(codec: str) -> None:
    folder = DOCUMENTS / "cpython-3.11.7/cjkencodings"
    raw, wanted = (folder / f"{codec}.txt").read_bytes(), (folder / f"{codec}-utf8.txt").read_text()
    words = "".join(
        b.text for b in blocks(io.BytesIO(raw), "a.txt", Limits()) if isinstance(b, Text)
    )
    if codec == "cp949":  # Korean in EUC looks like common Chinese in GB 2312; digits stay digits
        assert words
    else:
        assert words == wanted


@pytest.mark.parametrize("encoding", ["utf8bom", "gb18030", "gbk"])
def test_the_customer_files_are_counted_alike_in_each_encoding(encoding: str) -> None:
    with (VECTORS / "cn" / f"faker-zh_CN-1000.{encoding}.csv").open("rb") as stream:
        counts = count(blocks(stream, "客户.csv", Limits()), "2026-11-22")
    assert counts.rows == 1_000
    grown_up = [found for found in counts.found if found.kind != "minor"]
    assert {(f.kind, f.column): f.count for f in grown_up} == dict.fromkeys(
        [("name", 2), ("id_number", 3), ("mobile", 4), ("address", 5), ("email", 6),
         ("employer", 7), ("bank_card", 8), ("birth_date", 9), ("plate", 10)], 1_000,
    )  # fmt: skip
