"""Fixtures that several modules here ask for."""

from __future__ import annotations

from tests.faults.test_crash import strace  # noqa: F401  fixtures are found by their names
