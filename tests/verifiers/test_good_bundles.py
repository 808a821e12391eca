"""Good bundles: the browser says of them what Python says, to the byte."""

from __future__ import annotations

import pytest

from tests.verifiers.browserscript import BrowserScript
from tests.verifiers.cases import Case, same

KINDS = ("plain", "full", "actor", "period")


@pytest.mark.parametrize("crypto", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_a_good_bundle_is_valid_in_the_browser_with_the_same_report(
    script: BrowserScript, cases: dict[str, Case], name: str, crypto: bool
) -> None:
    case = cases[name]
    report = case.python()
    assert report.verdict == "valid", report.as_text()
    assert same(report, case.script(script, crypto=crypto))
