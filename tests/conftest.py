"""How property tests run: no deadline on shared machines, and a failure says how to repeat it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("muniment", deadline=None, print_blob=True)
settings.load_profile("muniment")
