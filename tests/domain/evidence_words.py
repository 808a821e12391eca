"""Evidence handed out, told in the trade's words: who asks for what, who agrees, what goes."""

from __future__ import annotations

from typing import Any

from domain.anchor import LedgerIndexPublished, LedgerTimestampAnchored
from domain.bundle import NOTHING, BundleApproved, BundleExported, BundleRequested
from tests.domain.worlds import START, Said

SELECTION = "5" * 64
"""Something is shown or withheld; `NOTHING` else."""


def request(bundle: str, object_: str | None = None, **fields: Any) -> Said:
    """Evidence of one object, or with `kind="period"` of a span, for a court at home."""
    form: dict[str, Any] = {
        "recipient": "court", "jurisdiction": "cn", "opened": 0, "attached": 0, "withheld": 0,
        "selection": None,
    }  # fmt: skip
    if object_ is not None:
        form |= {"kind": object_[:-37], "object": object_}
    form |= fields
    if form["selection"] is None:
        shown = form["opened"] or form["attached"] or form["withheld"]
        form["selection"] = SELECTION if shown else NOTHING
    return Said(BundleRequested, bundle, form)


def approve(bundle: str, selection: str = SELECTION) -> Said:
    return Said(BundleApproved, bundle, {"selection": selection})


def export(
    bundle: str, selection: str = SELECTION, object_: str | None = None, **fields: Any
) -> Said:
    form: dict[str, Any] = {"selection": selection}
    if object_ is not None:
        form |= {"kind": object_[:-37], "object": object_}
    return Said(BundleExported, bundle, {**form, **fields})


def index(ledger: str, **fields: Any) -> Said:
    return Said(LedgerIndexPublished, ledger, {"size": 1, "root": "1" * 64, "rows": 9, **fields})


def anchor(ledger: str, **fields: Any) -> Said:
    form = {
        "size": 1, "root": "1" * 64, "imprint": "2" * 64, "token": "3" * 64, "gen_time": START,
        "policy": "1.3.6.1.4.1.57264.2",
    }  # fmt: skip
    return Said(LedgerTimestampAnchored, ledger, {**form, **fields})
