"""Bundles for tests: requested and exported by real acts, then written."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from domain.bundle import BundleApproved, BundleExported, BundleRequested
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Bundle, Order, Selection, export
from ledger.signing import Proposal, new_ids, now

EXPORTED = "2100-01-01T00:00:00.000Z"
"""After whatever tests record."""
EARLIER = "2026-11-21T09:30:00.000Z"
LEDGER, IDENTITY, SHOWN = "data/10_账本", "data/20_身份", "data/30_附件"


def ordered(
    ledger: Ledger,
    acting: Acting,
    kind: str,
    object_id: str = "",
    span: tuple[str, str] = ("", ""),
    selection: Selection = Selection(),  # noqa: B008  it never changes
    approver: Acting | None = None,
) -> Order:
    """Record a request, its approval if anybody approves, and the export; return what to write."""
    (stream,) = new_ids("bundle")
    scope: dict[str, Any] = {"kind": kind}
    scope |= {"object": object_id} if object_id else {"begins": span[0], "ends": span[1]}
    asked = {
        "recipient": "court", "jurisdiction": "cn", "opened": len(set(selection.openings)),
        "attached": len(selection.attachments), "withheld": len(selection.redactions),
        "selection": selection.digest(), "purpose": "dispute",
    }  # fmt: skip
    request = Proposal(BundleRequested, stream, {**scope, **asked}, {"reason": "诉讼举证"})
    ledger.act(acting, [request])
    if approver is not None:
        said = {"selection": selection.digest()}
        ledger.act(approver, [Proposal(BundleApproved, stream, said)])
    said = {**scope, "selection": selection.digest()}
    done = ledger.act(acting, [Proposal(BundleExported, stream, said)])
    export_id = done.events[0].id
    return Order(stream, kind, object_id, *span, export_id, selection, documents=False)


def so_far() -> tuple[str, str]:
    """A period in which everything lies that was recorded until now."""
    time.sleep(0.002)  # what was accepted in this very millisecond is before its end
    return "2000-01-01T00:00:00.000Z", now()


def written(ledger: Ledger, acting: Acting, order: Order) -> Bundle:
    """The bundle of an order, always at the same time."""
    return export(ledger, acting, order, exported_at=EXPORTED)


def evidence(ledger: Ledger, acting: Acting, kind: str, object_id: str = "", **rest: Any) -> Bundle:
    """The evidence of something, ordered and written."""
    return written(ledger, acting, ordered(ledger, acting, kind, object_id, **rest))


def loaded(files: Mapping[str, bytes], path: str) -> Any:
    """What a JSON file of the bundle holds."""
    return json.loads(files[path])
