"""A reader before the page: Chromium without a screen, `verify.html` from disk, nothing else.

Whatever the page asks the network for, whatever its policy blocks and whatever it throws is kept,
and a test that ends with any of it fails.
"""

from __future__ import annotations

import base64
import importlib.util
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.offline.page import page as verify_html
from tests.corpus import Known

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK, TELEPHONE = (1200, 900), (390, 844)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or importlib.util.find_spec("playwright") is None,
    reason="CHROMIUM OR PLAYWRIGHT IS MISSING: verify.html was NOT opened in a browser here "
    "(apt-get install chromium; pip install -e .[dev])",
)

_LISTEN = """
window.blocked = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.blocked.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
_DROP = """
([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  const target = document.getElementById("drop");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true,
                                               dataTransfer: carried }));
  }
}
"""


class Reader:
    """One page of one reader."""

    def __init__(self, page: Page, file: Path, language: str) -> None:
        self.page, self.language = page, language
        self.asked: list[str] = []
        self.troubles: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("console", lambda message: self.troubles.append(message.text))
        page.add_init_script(_LISTEN)
        page.goto(file.as_uri())
        self._file = file.as_uri()

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def check(self) -> None:
        """Nothing left the machine, nothing was blocked, nothing went wrong."""
        assert self.asked == [self._file], "the page asked for something"
        assert self.page.evaluate("window.blocked") == [], "the policy blocked something"
        assert self.troubles == []

    # -- what the reader does

    def trust(self, known: Known, folder: Path) -> None:
        """Give the keys and certificates."""
        self.page.fill("#ledger", known.ledger)
        if known.cosigners or known.roots:
            self.page.click("#more > summary")
        if known.cosigners:
            self.page.fill("#cosigners", "\n".join(known.cosigners))
        files = []
        for number, root in enumerate(known.roots):
            path = folder / f"root{number}.crt"
            path.write_bytes(root)
            files.append(path)
        if files:
            self.page.set_input_files("#roots", files)

    def drop(self, data: bytes, name: str = "evidence.zip") -> None:
        """Drag a file onto the page."""
        self.page.evaluate(_DROP, [name, base64.b64encode(data).decode("ascii")])

    def wait(self, seconds: float = 60) -> None:
        """Wait for the result."""
        self.page.wait_for_selector("#result:not([hidden])", timeout=1000 * seconds)

    def verified(self, data: bytes, known: Known, folder: Path) -> None:
        """Give what is trusted, drag a bundle in, wait."""
        self.trust(known, folder)
        self.drop(data)
        self.wait()

    def wait_for_value(self, selector: str) -> None:
        """Wait until a field holds something."""
        for _ in range(200):  # asked from here: the page's policy lets nobody evaluate text in it
            if self.page.input_value(selector):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{selector} stays empty")

    # -- what the reader sees

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector).strip()

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def saved(self, selector: str) -> tuple[str, bytes]:
        """What a button saves: its name and its bytes."""
        with self.page.expect_download() as waiting:
            self.page.click(selector)
        download: Download = waiting.value
        path = download.path()
        self.asked = [url for url in self.asked if not url.startswith("blob:")]
        return download.suggested_filename, Path(path).read_bytes()

    def shoot(self, name: str, *, whole: bool = True) -> None:
        """Keep a screenshot as build output."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser process."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield browser
        browser.close()


@contextmanager
def reading(
    browser: Browser, folder: Path, language: str = "zh", size: Sequence[int] = DESK
) -> Iterator[Reader]:
    """A reader who opens the page, in a language and a size of window."""
    file = folder / "verify.html"
    file.write_bytes(verify_html())
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale={"zh": "zh-CN", "en": "en-GB"}[language],
        accept_downloads=True,
    )
    try:
        reader = Reader(context.new_page(), file, language)
        yield reader
        reader.check()
    finally:
        context.close()
