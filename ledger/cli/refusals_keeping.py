"""What refusals about keys, people, periods and papers mean: the third part of `refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_

_AGAIN = N_("correct it and say it again")
_TOGETHER = N_("prepare a draft with --with ACTOR:CAPACITY --draft FILE, have it signed, submit it")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")

KEEPING: Final[Mapping[str, tuple[str, str]]] = {
    # -- vault and copies
    # -- backup: off-site, drill, restore
    # -- key copies and verdicts
    # -- people and their requests
    # -- periods, holds, anonymisation
    # -- classification
    # -- documents
}
