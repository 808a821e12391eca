r"""A report and the pages that are printed from it: JSON in, HTML and PDF out, by nobody's machine.

Two reports are printed here, known by what they hold: a compliance audit report
(`ledger.audit.compliance_data`) and an access-review report (`ledger.accessreview.Report`). The
bytes are canonical: sorted keys, no spaces, ASCII. The same bytes and the same opened texts give
the same pages, byte for byte; without texts the pages show ids, and "sealed" where a text is.

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
from ledger.audit import compliance_page, reviewpage
from ledger.audit.compliance_data import Compliance, canonical
from ledger.bundle.page import Imprint, Page, as_html, as_pdf, plain
from ledger.errors import DataError

MAX_BYTES: Final = 64 << 20
_FOOT: Final = (
    "由报告正本（JSON）印出，以正本为准；页眉为正本的 SHA-256。",
    "Printed from the report (JSON), which prevails; its SHA-256 is in the header.",
)


class Report(NamedTuple):
    """A report: its `json`, and beside it what the reader's keystore opened.

    `texts`: names by id, sealed texts by `<event id>#<field>`.
    """

    json: bytes
    texts: Mapping[str, str] = {}

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

    Raises `DataError` for anything but the canonical bytes of one, or for more than `MAX_BYTES`.
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
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise not_a_report() from error
    if not same:
        raise not_a_report()
    return said


def not_a_report() -> DataError:
    """What is said of bytes that are no report, and of one with rows that none has."""
    return DataError("this is not a report as Muniment writes it; nothing was written")


def _laid_out(report: Report) -> tuple[Page, Imprint]:
    said = load(report.json)
    try:
        if isinstance(said, Compliance):
            page, size, at = (
                compliance_page.page(said, report.texts),
                said.audit.entry,
                said.replay.now,
            )
        else:
            page, size, at = reviewpage.page(said, report.texts), said.entry, said.period_to
        page = page._replace(sections=[_seen(section) for section in page.sections])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise not_a_report() from error
    return page, Imprint(report.digest, plain(said.origin), size + 1, at, _FOOT)


def _seen(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section in which every character of what was typed can be seen, and nothing says none."""
    rows = list(_plainly(section["rows"]))
    if not rows and "columns" in section:
        rows = [[[["both", "无", "none"]], *([[]] * (len(section["columns"]) - 1))]]
    return {**section, "rows": rows}


def _plainly(value: Sequence[Any]) -> Iterator[Any]:
    for one in value:
        yield plain(one) if isinstance(one, str) else list(_plainly(one))
