"""What people and other tools read in a bundle, made of what it ships (`ledger.told`).

    data/00_说明/     README.zh.md, README.en.md, 非主张声明.md            `readme`
                     证据目录.json/.pdf                                   `listing`
                     电子数据提取固定说明.json/.pdf                         `extraction`
                     核验步骤.html/.pdf                                    `steps`
                     证据规则对照.json/.pdf                                `courtrules`
    data/40_报告/     保管链.html/.pdf, 时间线.html/.pdf                    `chain`
                     访问记录.html/.pdf, 身份与授权.html/.pdf              `accesses`, `binding`
                     documents that the ledger has issued (.pdf)          `issued`
    data/50_互操作/    case.jsonld, prov.json, premis.xml, events.csv      `ledger.interop`
    data/60_环境/     health.json                                          `health`

JSON is canonical (`ledger.bundle.order`). The PDF files need the extra `pdf`; without documents
they are left out, and only then. The same ledger and payload give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ledger.bundle import health as running
from ledger.bundle import readme
from ledger.bundle.accesses import access_register
from ledger.bundle.binding import identity_binding
from ledger.bundle.chain import custody_chain, timeline
from ledger.bundle.courtrules import court_rules
from ledger.bundle.extraction import extraction
from ledger.bundle.issued import Issued, issued_documents
from ledger.bundle.listing import evidence_list
from ledger.bundle.order import canonical_json
from ledger.bundle.page import Imprint, Page, as_html, as_pdf
from ledger.bundle.steps import verification_steps
from ledger.interop import interop_files
from ledger.told import Told

if TYPE_CHECKING:
    from ledger.application import Ledger

TEXTS: Final = "data/00_说明"
REPORTS: Final = "data/40_报告"


def report_files(ledger: Ledger, told: Told, *, documents: bool = True) -> dict[str, bytes]:
    """The files by path; without `documents` no PDF is among them.

    Raises `UsageError` if documents are wanted and the extra `pdf` is not installed.
    """
    issued = issued_documents(ledger, told) if documents else []
    return files_of(told, running.health(ledger, told), issued, documents=documents)


def files_of(
    told: Told, health: Mapping[str, Any], issued: Sequence[Issued], *, documents: bool
) -> dict[str, bytes]:
    """The files by path, from what the bundle tells and how the ledger has been running."""
    enclosed = {one.file: one.data for one in issued if one.data}
    pages = _pages(told, health, issued)
    files = {f"{TEXTS}/{name}": data for name, data in readme.pages(told)}
    imprint = Imprint(told.bundle, told.origin, told.head.size, told.exported)
    for page, said in pages:
        name = f"{TEXTS}/{page.title[0]}"
        if said is not None:
            files[f"{name}.json"] = canonical_json(said)
        else:  # commands are copied from it, and the first pages point to it
            files[f"{name}.html"] = as_html(page, imprint)
        if documents:
            files[f"{name}.pdf"] = as_pdf(page, imprint)
    for made in (custody_chain, timeline, access_register, identity_binding):
        page = made(told)
        name = f"{REPORTS}/{page.title[0]}"
        files[f"{name}.html"] = as_html(page, imprint)
        if documents:
            files[f"{name}.pdf"] = as_pdf(page, imprint)
    files[running.FILE] = canonical_json(health)
    return {**files, **enclosed, **interop_files(told)}


def _pages(
    told: Told, health: Mapping[str, Any], issued: Sequence[Issued]
) -> list[tuple[Page, dict[str, Any] | None]]:
    """The pages of the first folder, each with what it says as data."""
    return [
        evidence_list(told, issued),
        extraction(told, health),
        (verification_steps(told), None),
        court_rules(told, health),
    ]
