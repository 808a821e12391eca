r"""A report and the pages that are printed from it: JSON in, HTML and PDF out, by nobody's machine.

Two reports are printed here, known by what they hold: a compliance audit report
(`ledger.audit.report.data`) and an access-review report (`ledger.accessreview.Report`). The
bytes are canonical: sorted keys, no spaces, ASCII. The same bytes, the same opened texts and the
same comparison give the same pages, byte for byte; without texts the pages show ids, and "sealed"
where a text is. A page that was printed without the ledger says that it was not compared with it:
whoever changes a report can have it printed, too.

>>> load(b'{"format": "muniment-compliance-report/1"}')
Traceback (most recent call last):
ledger.errors.DataError: this is not a report as Muniment writes it; nothing was written
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from ledger.accessreview import Report as AccessReview
from ledger.audit.report import page as compliance_page
from ledger.audit.report import reviewpage
from ledger.audit.report.consistent import agrees
from ledger.audit.report.data import Compliance, canonical
from ledger.audit.report.details import NO_SENTENCES, Sentences
from ledger.bundle.page import Imprint, Page, as_html, as_pdf, plain
from ledger.errors import DataError

MAX_BYTES: Final = 64 << 20
_NO_ROWS: Final = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    msgspec.MsgspecError,
)  # fmt: skip
_FOOT: Final = (
    "由报告正本（JSON）印出，以正本为准；页眉为正本的 SHA-256。",
    "Printed from the report (JSON), which prevails; its SHA-256 is in the header.",
)
_NOT_COMPARED: Final = (
    (
        "印出时未与账本所载核对：不能据此断定本报告即为签发或登记的那一份。"
        "请以 muniment audit render -L 核对，或与签发事件所载比较；本正本的 SHA-256 为 "
    ),
    (
        "Not compared with what the audit recorded: these pages do not show that this is the "
        "report that was issued. Compare with muniment audit render -L, or with the event; "
        "its SHA-256 is"
    ),
)


class Report(NamedTuple):
    """A report: its `json`, and beside it what the reader's keystore opened.

    `texts`: names by id, sealed texts by `<event id>#<field>`; `compared`: whether the ledger says
    that this is the report which was made from it (else every page says that it does not);
    `sentences`: what stands behind the codes of refusals and gates (`ledger.audit.report.details`).
    """

    json: bytes
    texts: Mapping[str, str] = {}
    compared: bool = False
    sentences: Sentences = NO_SENTENCES

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON in hex: what is signed, and what stands on every page."""
        return sha256(self.json).hexdigest()

    @property
    def html(self) -> bytes:
        """The report as one HTML file without a script. Raises `DataError` as `load`."""
        return as_html(*_laid_out(self))

    def pdf(self) -> bytes:
        """The report as PDF/A. Raises `DataError` as `load`; `UsageError` without extra `pdf`."""
        return as_pdf(*_laid_out(self))


def load(data: bytes) -> Compliance | AccessReview:
    """The report that the bytes are.

    Raises `DataError` for anything but the canonical bytes of one, for one whose numbers do not
    add up, or for more than `MAX_BYTES`.
    """
    if len(data) > MAX_BYTES:
        raise DataError("the file is too large to be a report; nothing was written")
    ours = b'"format":"muniment-compliance-report/1"' in data
    try:
        said: Compliance | AccessReview = (
            msgspec.json.decode(data, type=Compliance)
            if ours
            else msgspec.json.decode(data, type=AccessReview)
        )
        same = canonical(said) == data
        added = agrees(said)
    except _NO_ROWS as error:
        raise not_a_report() from error
    if not same:
        raise not_a_report()
    if not added:
        raise DataError("the numbers of this report do not add up; nothing was written")
    return said


def not_a_report() -> DataError:
    """What is said of bytes that are no report, and of one with rows that none has."""
    return DataError("this is not a report as Muniment writes it; nothing was written")


def _laid_out(report: Report) -> tuple[Page, Imprint]:
    said = load(report.json)
    try:
        if isinstance(said, Compliance):
            page, size, at = (
                compliance_page.page(said, report.texts, report.sentences),
                said.audit.entry,
                said.replay.now,
            )
        else:
            page = reviewpage.page(said, report.texts, report.sentences)
            size, at = said.entry, said.period_to
        sections = page.sections if report.compared else [_alone(report), *page.sections]
        page = page._replace(sections=[_seen(section) for section in sections])
    except _NO_ROWS as error:
        raise not_a_report() from error
    return page, Imprint(report.digest, plain(said.origin), size + 1, at, _FOOT)


def _alone(report: Report) -> dict[str, Any]:
    """What stands first on pages that were printed without the ledger."""
    zh, en = _NOT_COMPARED
    rows = [(f"{zh}{report.digest}。", f"{en} {report.digest}.")]
    return {"type": "text", "title": ("未与账本核对", "Not compared with the ledger"), "rows": rows}


def _seen(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section in which every character of what was typed can be seen, and nothing says none."""
    rows = list(_plainly(section["rows"]))
    if not rows and "columns" in section:
        rows = [[[["both", "无", "none"]], *([[]] * (len(section["columns"]) - 1))]]
    return {**section, "rows": rows}


def _plainly(value: Sequence[Any]) -> Iterator[Any]:
    for one in value:
        yield plain(one) if isinstance(one, str) else list(_plainly(one))
