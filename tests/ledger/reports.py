"""A bundle with something of everything, and its reports as people see them."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from pypdf import PdfReader

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Attachment, Bundle, Order, Selection
from ledger.told import Told, tell
from tests.ledger.bundles import EARLIER, EXPORTED, ordered, written
from tests.ledger.ledgers import collect_files
from tests.ledger.proved import cosigned, cosigner
from tests.ledger.test_bundle_times import Stamping

WITNESS = "witness.example/notary"
HOSTILE = '<script>alert("x")</script>=1+1\u202etxt.exe\x07' + "W" * 300
"""A text that would run, turn the line around, ring, and run off the page."""


class Case(NamedTuple):
    """A record of which one event is withheld, texts are opened, a file goes along, and times."""

    bundle: Bundle
    order: Order
    record: str
    withheld: str
    hostile: str


def case_of(ledger: Ledger, admin: Acting, approver: Acting, folder: Path) -> Case:
    """Anchored, witnessed, and exported without documents."""
    stamping = Stamping(ledger, admin, folder / "tsa")
    stamping.anchor()
    record = collect_files(ledger, admin, folder / "丁家巷")[0].record
    (holding,) = ledger.state(record).holdings  # type: ignore[union-attr]
    ledger.act(approver, [acts.review(record, ["accuracy"], "pass")])
    said = {"circumstances": HOSTILE, "remark": "雨夜"}
    lost = ledger.act(admin, [acts.lose_holding(holding, EARLIER, said)]).events[0].id
    stamping.anchor()
    cosigned(ledger, cosigner(WITNESS))
    attached = Attachment(f"{record}/1", "content", "clear", "第0号保洁合同".encode(), "txt")
    withheld = f"{record}/2"
    selection = Selection(
        openings=(
            (lost, "circumstances"), (f"{record}/1", "content"), (f"{admin.actor}/1", "name"),
        ),
        attachments=(attached,), redactions=((withheld, "trade_secret"),),
    )  # fmt: skip
    order = ordered(ledger, admin, "record", record, selection=selection, approver=approver)
    return Case(written(ledger, admin, order), order, record, withheld, lost)


def told_of(bundle: Bundle) -> Told:
    """What a bundle tells, read back from it."""
    data = ("data/10_账本/", "data/20_身份/", "data/30_附件/", "data/60_环境/software.json")
    payload = {name: file for name, file in bundle.files.items() if name.startswith(data)}
    return tell(payload, bundle.id, EXPORTED)


def pdf_text(data: bytes) -> str:
    """The words of a PDF, without spaces and line ends."""
    pages = PdfReader(BytesIO(data)).pages
    return "".join("".join(page.extract_text().split()) for page in pages)


class Html(HTMLParser):
    """The tags, their attributes and the text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.style = ""
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style":
            self.style += data
            self.tags.append("/style")
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join("".join(self.words).split())


def texts_in(bundle: Bundle) -> Iterator[str]:
    """Every text that people or other tools read in a bundle, PDF files apart."""
    for name, data in bundle.files.items():
        if name.startswith(("data/00", "data/40", "data/50", "data/60")) and ".pdf" not in name:
            yield data.decode("utf-8-sig")
