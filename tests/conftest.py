"""How property tests run: no deadline on shared machines, and a failure says how to repeat it.

And the ledger that tests of every room may ask for.
"""

from __future__ import annotations

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
