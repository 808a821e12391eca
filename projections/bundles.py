"""The register of evidence: what was requested for whom, who approved, what went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from domain.bundle import BundleApproved, BundleExported, BundleRequested
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import Change, both, past_of, standing
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored, stored_key

bundles = sa.Table(
    "bundles",
    METADATA,
    key("bundle", "bundle", primary_key=True),
    text("kind"),
    sa.Column("object", sa.LargeBinary(16), nullable=True),
    text("aggregate"),
    text("begins", nullable=True),
    text("ends", nullable=True),
    text("purpose"),
    text("recipient"),
    key("recipient_party", "party", nullable=True),
    text("jurisdiction"),
    key("approval", "document", nullable=True),
    number("opened"),
    number("attached"),
    number("withheld"),
    key("requester", "actor"),
    key("approver", "actor", nullable=True),
    number("requested_entry"),
    step("approved_entry"),
    step("exported_entry"),
    number("changed_entry"),
)
"""One row a request. `object`, `aggregate`: the id that the scope names, in two parts."""

bundles_past = past_of(bundles, "approver", "approved_entry", "exported_entry")

_REQUEST = Prepared(
    ("bundle", "kind", "object", "aggregate", "begins", "ends", "purpose", "recipient",
     "recipient_party", "jurisdiction", "approval", "opened", "attached", "withheld", "requester",
     "requested_entry", "changed_entry"),
    lambda insert: insert(bundles).on_conflict_do_nothing(),
)  # fmt: skip
_APPROVE = Change(bundles, "approved_entry", "approver")
_EXPORT = Change(bundles, "exported_entry")


class Bundles:
    """The view behind `muniment evidence list`."""

    name: str = "bundles"
    tables: tuple[sa.Table, ...] = (bundles, bundles_past)
    kinds: frozenset[type[Event]] = frozenset({BundleRequested, BundleApproved, BundleExported})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Request, approve and export, in order."""
        for _, entry, _accepted, event in batch:
            stream = key_of(event.stream)
            if isinstance(event, BundleRequested):
                _REQUEST.run(connection, [(
                    stream, event.kind, stored_key(event.object),
                    "" if not event.object else event.object[:-37],
                    stored(event.begins), stored(event.ends), event.purpose or "",
                    event.recipient, stored_key(event.recipient_party), event.jurisdiction,
                    stored_key(event.approval), event.opened, event.attached, event.withheld,
                    key_of(event.by), entry, entry,
                )])  # fmt: skip
            elif isinstance(event, BundleApproved):
                _APPROVE.run(connection, entry, [(stream, entry, key_of(event.by))])
            elif isinstance(event, BundleExported):
                _EXPORT.run(connection, entry, [(stream, entry)])


class Bundle(Struct, frozen=True, kw_only=True):
    """A request for evidence and what became of it.

    `object`: the id that the scope names, empty for a period; `opened`, `attached`, `withheld`:
    how many fields and contents are shown in clear, how many events go without their bytes;
    `approved_entry`, `exported_entry`: None while it is not.
    """

    bundle: str
    kind: str
    object: str
    begins: str | None
    ends: str | None
    purpose: str
    recipient: str
    recipient_party: str | None
    jurisdiction: str
    approval: str | None
    opened: int
    attached: int
    withheld: int
    requester: str
    approver: str | None
    requested_entry: int
    approved_entry: int | None
    exported_entry: int | None
    changed_entry: int


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Bundle]:
    """At most `limit` requests in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _BUNDLES[entry is not None].order_by(bundles.c.bundle).limit(limit)
    if after is not None:
        query = query.where(bundles.c.bundle > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, bundle: str, *, entry: int | None = None) -> Bundle | None:
    """One request, or None if nobody made it (`entry`: by that entry)."""
    query = _BUNDLES[entry is not None].where(bundles.c.bundle == key_of(bundle))
    return next(iter(_read(connection, query, entry)), None)


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Bundle]:
    found = []
    for row in connection.execute(query, {"as_of": entry}):
        fields = readable(bundles, row)
        named, aggregate = fields.pop("object"), fields.pop("aggregate")
        object_ = id_of(aggregate, bytes.fromhex(named)) if named else ""
        found.append(Bundle(object=object_, **fields))
    return found


_BUNDLES = both(lambda then: standing(bundles, then=then).rows)
