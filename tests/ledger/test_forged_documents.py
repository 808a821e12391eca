"""Documents that somebody changed, made up or cut off: every attack is named for what it is."""

from __future__ import annotations

import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest

from ledger.documents.checking import Checked, check_offline
from ledger.documents.container import MAX_ATTACHED_BYTES, attach_receipt, attached
from ledger.documents.issuing import issue
from ledger.documents.pages import render
from ledger.documents.twin import canonical, canonical_json, parse
from ledger.documents.view import view
from ledger.errors import DataError
from tests.ledger import papers
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    gather,
    site_fixture,  # noqa: F401
)
from tests.ledger.ledgers import found_firm
from tests.ledger.papers import (
    altered,
    asked,
    asked_offline,
    certificate,
    certified,
    twin_of,
    with_receipt,
)


def test_pages_that_show_something_else_over_the_same_twin(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    shown = view(parse(twin_of(data)))
    shown["banner"] = [("结论", "Verdict"), ("部分销毁", "Partly destroyed")]
    forged = with_receipt(papers.drawn(twin_of(data), shown), data)
    assert twin_of(forged) == twin_of(data)
    assert asked(site, forged) == asked_offline(site, forged) == ("forged", ("view_differs",))


def test_one_changed_byte_of_the_pages(site: Site, tmp_path: Path) -> None:
    printed = certificate(site, tmp_path / "合同")
    for at in (700, printed.pages // 2, printed.pages - 40):
        forged = bytearray(printed.data)
        forged[at] ^= 1
        verdict, _ = asked(site, bytes(forged))
        assert verdict in ("forged", "unknown")


def test_the_twin_of_another_case_under_these_pages(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "甲").data
    other = certificate(site, tmp_path / "乙").data
    shown = view(parse(twin_of(data)))
    forged = with_receipt(papers.drawn(twin_of(data), shown, twin_of(other)), other)
    assert asked(site, forged) == asked_offline(site, forged) == ("forged", ("view_differs",))


def test_another_number(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "甲").data
    other = certificate(site, tmp_path / "乙")
    nobody = parse(twin_of(data))["number"][:-4] + "0777"
    for number, reason in ((nobody, "number_not_issued"), (other.number, "twin_differs")):
        twin = altered(twin_of(data), number=number)
        forged = with_receipt(render(twin), data)
        assert asked(site, forged) == ("forged", (reason,))
        assert asked_offline(site, forged)[0] == "forged"
    for number in ("XH-20261399-0001", "XH", "", "XH-00000000-0001"):
        twin = altered(twin_of(data), number=number)
        assert asked(site, render(twin)) == ("forged", ("number_not_issued",))


def test_another_verdict_in_twin_and_pages(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    said = {**parse(twin_of(data))["said"], "verdict": "partial"}
    forged = with_receipt(render(altered(twin_of(data), said=said)), data)
    assert asked(site, forged) == asked_offline(site, forged) == ("forged", ("twin_differs",))


def test_the_document_of_another_ledger(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    with gather(found_firm(tmp_path / "other")).open() as other:
        data = certificate(other, tmp_path / "合同").data
        assert asked(other, data) == ("genuine", ())
    assert asked(site, data) == ("unknown", ("another_ledger",))
    # Its origin is the same here, its key is not: nothing that it proves is of this ledger.
    assert asked_offline(site, data) == ("forged", ("proofs_do_not_hold",))
    ours = altered(twin_of(data), ledger={**parse(twin_of(data))["ledger"],
                                          "id": site.ledger.ledger_id})  # fmt: skip
    assert asked(site, with_receipt(render(ours), data))[0] == "forged"


def test_an_issuer_who_says_what_the_events_do_not(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed program signs a lie; number, digests and proofs are all in order."""
    from ledger.documents import issuing, saying

    case = certified(site, tmp_path / "合同")
    real = saying.said_of
    with monkeypatch.context() as patch:
        patch.setattr(issuing, "said_of", lambda *a: {**real(*a), "remaining_count": 7})
        data = issue(site.ledger, site.wang, "destruction_certificate", case).data
    assert asked(site, data) == ("forged", ("says_otherwise",))


def test_a_file_that_was_cut_off(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    for end in (0, 5, 1000, len(data) // 2, len(data) - 100, len(data) - 6):
        assert asked(site, data[:end])[0] in ("unknown", "forged")
    assert asked(site, data[: len(data) // 2]) == ("unknown", ("unreadable",))


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-", b"PK\3\4", "销毁证明".encode(), b"%PDF-1.7\n%%EOF", b"\0" * 100_000],
    ids=["empty", "a header", "a zip", "text", "no pages", "zeros"],
)
def test_what_is_no_document(site: Site, data: bytes) -> None:
    assert asked(site, data)[0] == "unknown"
    assert asked_offline(site, data)[0] == "unknown"


def test_an_update_behind_the_document(site: Site, tmp_path: Path) -> None:
    """Words laid over the page in an incremental update: what a viewer then shows is not ours."""
    data = certificate(site, tmp_path / "合同").data
    for added in (b"\n%%EOF", b"\n% a remark\n%%EOF", over_the_page(data)):
        assert asked(site, data + added) == ("forged", ("appended",))
    assert asked(site, data + b"\n") == ("genuine", ())


def over_the_page(data: bytes) -> bytes:
    """An update, made by another program, with a note on the first page."""
    from pypdf.annotations import FreeText

    writer = pypdf.PdfWriter(BytesIO(data), incremental=True)
    writer.add_annotation(0, FreeText(text="VOID", rect=(50, 550, 200, 650)))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()[len(data) :]


def test_a_second_twin_in_an_update(site: Site, tmp_path: Path) -> None:
    data = certificate(site, tmp_path / "合同").data
    said = {**parse(twin_of(data))["said"], "verdict": "partial"}
    other = altered(twin_of(data), said=said)
    added = (
        b"\n900 0 obj\n<</Length %d/Type/EmbeddedFile>>\nstream\n%b\nendstream\nendobj\n%%%%EOF"
        % (len(other), other)
    )
    assert asked(site, data + added) == ("forged", ("two_twins",))


def test_an_attachment_that_would_fill_the_memory(site: Site) -> None:
    head = b'{"format":"muniment-document/1","number":"'
    packed = zlib.compress(head + b"0" * (MAX_ATTACHED_BYTES + 1000), 9)
    bomb = (
        b"%%PDF-1.7\n5 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>\nstream\n%b\n"
        b"endstream\nendobj\n%%%%EOF" % (len(packed), packed)
    )
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match="too large"):
        attached(bomb)
    assert asked(site, bomb) == ("unknown", ("unreadable",))
    many = b"%PDF-1.7\n" + b"/EmbeddedFile \n" * 10_000 + b"%%EOF"
    assert asked(site, many) == ("unknown", ("unreadable",))


def test_an_attachment_packed_by_another_program_is_found(site: Site, tmp_path: Path) -> None:
    """Saved anew by a viewer: the data are ours, the pages cannot be known any more."""
    data = certificate(site, tmp_path / "合同").data
    writer = pypdf.PdfWriter(clone_from=BytesIO(data))
    for page in writer.pages:
        page.compress_content_streams()
    out = BytesIO()
    writer.write(out)
    assert asked(site, out.getvalue()) == ("forged", ("view_differs",))


@pytest.mark.parametrize(
    "twin",
    [
        b"{}", b"[]", b'{"format":"muniment-document/1"}', b'{"a":1.5}', b'{"a":null}',
        b'{"a":1,"a":2}', b'{"b":1,"a":2}', b' {"a":1}', b'{"a":9007199254740993}',
        b'{"a":"\\u738b"}', b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", b"\xff",
    ],
)  # fmt: skip
def test_twins_that_are_none(twin: bytes) -> None:
    if twin == b'{"format":"muniment-document/1"}':
        assert parse(twin)
        return
    with pytest.raises(DataError):
        parse(twin)


def test_a_twin_cannot_hold_what_json_has_two_ways_of_writing() -> None:
    for value in (1.5, 2**60, b"", {"Ü": 1}):
        with pytest.raises(DataError):
            canonical({"a": value})


# -- proofs -------------------------------------------------------------------------------------


def test_every_part_of_the_proofs_counts(site: Site, tmp_path: Path) -> None:
    """Each row of the receipt left out, and each text of it changed at several places."""
    data = certificate(site, tmp_path / "合同").data
    receipt = json.loads(papers.receipt_of(data))
    rows = [(name, at) for name in ("entries", "events") for at in range(len(receipt[name]))]
    held = []
    for name, at in rows:
        less = {**receipt, name: receipt[name][:at] + receipt[name][at + 1 :]}
        if proven(site, data, less).verdict == "genuine":
            held.append((name, receipt[name][at]["event"][:40]))
        for member, text in receipt[name][at].items():
            for place in (0, len(text) // 2, len(text) - 2):
                changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
                more = [dict(row) for row in receipt[name]]
                more[at][member] = changed
                assert proven(site, data, {**receipt, name: more}).verdict != "genuine"
    # The events of the case before its last one are evidence, not needed to know the document.
    assert {name for name, _ in held} <= {"events"}


def proven(site: Site, data: bytes, receipt: Any) -> Checked:
    number = parse(twin_of(data))["number"]
    end = data.index(b"%%EOF") + len(b"%%EOF")
    forged = attach_receipt(data[:end], number, canonical_json(receipt))
    return check_offline(forged, site.ledger.folder.pinned_key())


@pytest.mark.parametrize("forged", [False, True])
def test_a_ledger_that_accepts_what_nobody_signed(site: Site, tmp_path: Path, forged: bool) -> None:
    """Who holds the ledger's key can accept anything; the signers' own keys then do not fit."""
    data = certificate(site, tmp_path / "合同").data
    receipt = json.loads(papers.receipt_of(data))
    answer = proven(site, data, papers.accepted_anew(site, receipt, forged=forged))
    assert answer.verdict == ("forged" if forged else "genuine")
    assert list(answer.reasons) == (["proofs_do_not_hold"] if forged else [])


def test_the_proofs_of_another_document(site: Site, tmp_path: Path) -> None:
    first, second = (certificate(site, tmp_path / name) for name in ("甲", "乙"))
    mixed = attach_receipt(first.data[: first.pages], first.number, papers.receipt_of(second.data))
    assert asked_offline(site, mixed) == ("forged", ("number_not_issued",))
