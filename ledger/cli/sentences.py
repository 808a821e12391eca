"""The sentences for refusals and gates in both languages, for pages that are printed in both."""

from __future__ import annotations

import gettext

from ledger.audit.report.details import Sentences
from ledger.cli.gates_shown import GATES, WAITING
from ledger.cli.language import DOMAIN, FOLDER
from ledger.cli.refusals import EXPLANATIONS


def sentences() -> Sentences:
    """By detail, by `gate.<code>` and by `waiting.<code>`: Chinese and English."""
    chinese = gettext.translation(DOMAIN, FOLDER, ["zh"], fallback=True).gettext
    english = {
        **{code: said for code, (said, _) in EXPLANATIONS.items()},
        **{f"gate.{code}": said for code, said in GATES.items()},
        **{f"waiting.{code}": said for code, said in WAITING.items()},
    }
    return {code: (chinese(said).rstrip("。"), said.rstrip(".")) for code, said in english.items()}
