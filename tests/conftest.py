"""How property tests run: no deadline on shared machines, and a failure says how to repeat it.

And the ledger that tests of every room may ask for.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import settings

from tests.ledger.ledgers import (  # noqa: F401  fixtures are found by their names
    admin,
    firm,
    firm_template,
    ledger,
    second_person,
    state_home,
)

settings.register_profile("muniment", deadline=None, print_blob=True)
settings.load_profile("muniment")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """A test has one day: what would begin just before midnight begins after it.

    Midnight is that of UTC and of +08:00, where the firms of the tests are: every eighth hour.
    """
    left = -time.time() % (8 * 3600)
    if left < 60:
        time.sleep(left)
