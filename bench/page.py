"""What a reader waits for: `verify.html` in Chromium, 10,000 events of one period.

From the file being chosen until the answer stands on the page: reading the zip, every check, the
tables. Once with the events in ten commits, and once each in a commit of its own with a signature.
"""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import ours
from bench.measuring import Result, Size, folder, result, skipped
from domain.bundle import BundleExported, BundleRequested
from domain.ledger import DraftVoided
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Order, Selection, export
from ledger.folder import Folder
from ledger.founding import Founding, found_ledger
from ledger.offline.bag import write_zip
from ledger.offline.page import page
from ledger.signing import Proposal, new_ids, now

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVENTS: Final = 10_000
_BEGINS: Final = "2000-01-01T00:00:00.000Z"
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def shown(_: Size) -> Iterator[Result]:
    """10,000 events on the page."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    for commit, words in ((1_000, "in ten commits"), (1, "each signed")):
        measure = f"verify.html shows {EVENTS:,} events, {words}"
        if chromium is None or importlib.util.find_spec("playwright") is None:
            yield skipped("P7", measure, "chromium or playwright missing", "<= 5 s")
            continue
        with folder("page") as path:
            key = _bundle(path, commit)
            (path / "verify.html").write_bytes(page())
            took = min(_waited(path, key, chromium) for _ in range(3))
        yield result("P7", measure, took, "s", most=5)


def _bundle(path: Path, commit: int) -> str:
    """Write `path/evidence.zip`; returns the ledger's key."""
    founding = Founding("bench.example/ledger", "洁净保洁", "王管理")
    founded = found_ledger(path / "ledger", founding, ours.passphrase, kdf=ours.CHEAP)
    with Ledger(Folder(path / "ledger"), ours.passphrase, writing=True) as ledger:
        acting = ledger.acting(founded.actor)
        for _ in range(EVENTS // commit):
            ledger.act(acting, [_smallest(stream) for stream in new_ids("draft", commit)])
        order = _ordered(ledger, acting)
        bundle = export(ledger, acting, order, exported_at=now())
        key = ledger.folder.pinned_key().format()
    (path / "evidence.zip").write_bytes(write_zip(dict(bundle.files), top=bundle.id))
    return key


def _smallest(stream: str) -> Proposal:
    return Proposal(DraftVoided, stream, {"commit": stream[-12:].rjust(32, "0")})


def _ordered(ledger: Ledger, acting: Acting) -> Order:
    selection, (stream,), ends = Selection(), new_ids("bundle"), now()
    scope = {
        "kind": "period", "begins": _BEGINS, "ends": ends, "selection": selection.digest(),
    }  # fmt: skip
    asked = {
        "recipient": "court", "jurisdiction": "cn", "purpose": "dispute", "opened": 0,
        "attached": 0, "withheld": 0,
    }  # fmt: skip
    done = ledger.act(acting, [
        Proposal(BundleRequested, stream, {**scope, **asked}, {"reason": "诉讼举证"}),
        Proposal(BundleExported, stream, scope),
    ])  # fmt: skip
    return Order(stream, "period", "", _BEGINS, ends, done.events[-1].id, documents=False)


def _waited(path: Path, key: str, chromium: str) -> float:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            return _verified(browser, path, key)
        finally:
            browser.close()


def _verified(browser: Browser, path: Path, key: str) -> float:
    opened = browser.new_page()
    opened.goto((path / "verify.html").as_uri())
    opened.fill("#ledger", key)
    start = time.perf_counter()
    opened.set_input_files("#bundle", path / "evidence.zip")
    opened.wait_for_selector("#result:not([hidden]) .events tbody tr", timeout=300_000)
    took = time.perf_counter() - start
    if opened.locator(".verdict.valid").count() != 1:
        raise SystemExit("the measured bundle does not verify")
    return took
