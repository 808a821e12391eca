"""One browser for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.reading import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")  # its event loop runs on: asyncio in other tests would fail
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
