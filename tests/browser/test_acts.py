"""How an act of several parties went, as the page in the bundle shows it to a stranger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.codes import label
from ledger.labels import TOPICS
from ledger.offline.bag import write_zip
from tests.browser.reading import needs_chromium, reading
from tests.corpus import Known
from tests.ledger.bundles import evidence
from tests.ledger.crews import gather
from tests.ledger.deals import deal_at
from tests.ledger.ledgers import Firm
from tests.ledger.papers import certified

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium


def test_a_handover_shows_its_course_and_all_four_who_confirmed_it(
    firm: Firm, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = deal_at(firm, tmp_path, monkeypatch)
    handover = deal.handed_over(deal.ready("甲.txt"))
    with firm.open() as ledger:
        bundle = evidence(ledger, ledger.acting(firm.founded.actor), "handover", handover)
        known = Known(ledger.folder.pinned_key().format())
    steps = ("planned", "list_frozen", "released", "received", "inspected", "confirmed")
    four = {
        deal.qian: "seller_handler", deal.he: "buyer_handler", deal.wu: "supervisor",
        deal.ma: "supervisor",
    }  # fmt: skip
    with reading(browser, tmp_path) as reader:
        reader.verified(write_zip(bundle.files, top=bundle.id), known, tmp_path)
        assert reader.text(".verdict h2") == "有效"
        rows = reader.texts("#part-custody .course tbody tr")
        for step, row in zip(steps, rows, strict=True):
            assert TOPICS[f"handover.{step}"][0] in row
            assert "北京 20" in row
        part = reader.page.locator("#part-custody .course tbody tr").last
        title = TOPICS["handover.confirmed"][0]
        confirmed = reader.page.locator(".events tbody tr", has_text=title)
        for place in (part, confirmed.last):
            text = place.inner_text()
            held = place.locator("button.id").evaluate_all("all => all.map(one => one.dataset.id)")
            for actor, role in four.items():
                assert actor in held
                assert f"（{label('Role', role, 'zh')}）" in text
        reader.shoot("handover-zh")
        reader.page.click("#en")
        assert "Course of the handover" in reader.text("#part-custody")


def test_a_destruction_shows_its_course_from_the_proposal_to_the_certificate(
    firm: Firm, browser: Browser, tmp_path: Path
) -> None:
    with gather(firm).open() as site:
        case = certified(site, tmp_path / "过期")
        bundle = evidence(site.ledger, site.wang, "destruction_case", case)
        known = Known(site.ledger.folder.pinned_key().format())
    with reading(browser, tmp_path) as reader:
        reader.verified(write_zip(bundle.files, top=bundle.id), known, tmp_path)
        rows = reader.texts("#part-custody .course tbody tr")
        wanted = (
            "destruction_proposed",
            "disposal_appraised",
            "destruction_approved",
            "destruction_executed",
            "destruction_verified",
            "destruction_certified",
        )
        told = [
            row for step in wanted for row in rows if TOPICS[f"destruction_case.{step}"][0] in row
        ]
        assert len(told) >= len(wanted)
        assert all("（" in row for row in rows), "everybody who signed, with the capacity"
        reader.shoot("destruction-zh")
