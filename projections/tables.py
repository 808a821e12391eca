"""The tables of all projections: one schema, disposable and rebuilt from the events alone.

Ids are 16-byte keys (`projections.view`), sizes bytes, positions 1-based, entries 0-based,
yes/no values 0 and 1; tables named `..._past` hold what rows were before (`projections.past`).
Columns say in `info` what their keys are keys of, so that rows can be shown.
"""

from __future__ import annotations

import sqlalchemy as sa

from projections.columns import METADATA, flag, key, number, text
from projections.past import past_of

inventory = sa.Table(
    "inventory",
    METADATA,
    key("record", "record", primary_key=True),
    text("category"),
    text("form"),
    number("items"),
    number("size"),
    text("basis"),
    text("notice"),
    key("engagement", "engagement"),
    key("holding", "holding"),
    number("row", nullable=True),
    number("collected_position"),
    number("changed_position"),
    number("changed_entry"),
    text("state", server_default="registered"),
    flag("reviewed"),
    text("level", nullable=True),
    text("sensitivity", nullable=True),
    text("min_until", nullable=True),
    text("max_until", nullable=True),
    flag("permanent"),
    text("action", nullable=True),
    flag("conflict"),
    flag("restricted"),
    text("purpose_ended", nullable=True),
    flag("archived"),
    text("kind", nullable=True),
    text("triggers", nullable=True),
    text("periods", nullable=True),
    flag("withdrawn"),
    sqlite_with_rowid=False,
)
"""One row a record. `holding`: the copy it was collected in; `row`: of a table, 1-based;
`purpose_ended`: the day on which what it was kept for was over, NULL while it is not. For the view
itself: `archived` is whether it is in the archive, or was when all copies went; `kind` a
digest of the classification; `triggers` which rules were assigned by which trigger, and for which
categories; `periods` what each assignment gave; `withdrawn` whether its purpose ended because
somebody withdrew their consent."""

sa.Index("inventory_of_holding", inventory.c.holding)

inventory_past = past_of(
    inventory,
    "category", "items", "size", "changed_position", "state", "reviewed", "level", "sensitivity",
    "min_until", "max_until", "permanent", "action", "conflict", "restricted", "purpose_ended",
)  # fmt: skip

inventory_highest = sa.Table(
    "inventory_highest",
    METADATA,
    number("entry", primary_key=True),
    key("record", "record"),
    sqlite_with_rowid=False,
)
"""The entries that brought a record with a higher id than all before, and that id."""

inventory_counts = sa.Table(
    "inventory_counts",
    METADATA,
    text("category", primary_key=True),
    text("level", primary_key=True),
    text("sensitivity", primary_key=True),
    text("state", primary_key=True),
    number("records"),
    number("items"),
    number("size"),
    number("changed_entry"),
    sqlite_with_rowid=False,
)
"""Running counters of `inventory`; not classified yet is an empty text. None is ever deleted."""

inventory_counts_past = past_of(inventory_counts, "records", "items", "size")

holdings = sa.Table(
    "holdings",
    METADATA,
    key("holding", "holding", primary_key=True),
    key("record", "record", nullable=True),
    key("custodian", "party"),
    text("form"),
    text("medium"),
    number("size"),
    number("items"),
    flag("encrypted"),
    key("made_from", "holding", nullable=True),
    text("condition", server_default="present"),
    number("created_position"),
    number("changed_position"),
    number("changed_entry"),
    sqlite_with_rowid=False,
)
"""One row a copy. `record` is NULL for the copy in which a record, or a table of them, came."""

holdings_past = past_of(holdings, "custodian", "medium", "condition", "changed_position")

holdings_highest = sa.Table(
    "holdings_highest",
    METADATA,
    number("entry", primary_key=True),
    key("holding", "holding"),
    sqlite_with_rowid=False,
)
"""The entries that brought a copy with a higher id than all before, and that id."""

sa.Index(
    "holdings_of_record",
    holdings.c.record,
    sqlite_where=holdings.c.record.is_not(None),
    postgresql_where=holdings.c.record.is_not(None),
)

sa.Index(
    "holdings_made_from",
    holdings.c.made_from,
    sqlite_where=holdings.c.made_from.is_not(None),
    postgresql_where=holdings.c.made_from.is_not(None),
)

corrections = sa.Table(
    "corrections",
    METADATA,
    key("record", "record", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    key("holding", "holding"),
    sqlite_with_rowid=False,
)
"""In which copy a corrected content lies: the only link of a record to a later, unnamed copy."""

sa.Index("corrections_in_copy", corrections.c.holding)

parties = sa.Table(
    "parties",
    METADATA,
    key("party", "party", primary_key=True),
    text("kind"),
    text("party_role"),
    text("jurisdiction"),
    number("registered_position"),
    number("registered_entry"),
)

actors = sa.Table(
    "actors",
    METADATA,
    key("actor", "actor", primary_key=True),
    key("party", "party"),
    text("function"),
    number("registered_position"),
    number("registered_entry"),
)

roles = sa.Table(
    "roles",
    METADATA,
    number("granted_position", primary_key=True),
    number("granted_entry"),
    key("actor", "actor", index=True),
    text("role"),
    key("scope", "engagement", nullable=True),
    text("valid_from", nullable=True),
    text("valid_to", nullable=True),
    number("revoked_position", nullable=True),
    number("revoked_entry", nullable=True),
)
"""One row a grant; `scope` NULL: for every engagement; the days are inclusive."""

keys = sa.Table(
    "keys",
    METADATA,
    text("name", primary_key=True),
    text("id", primary_key=True),
    text("holder", index=True),
    text("purpose"),
    text("kind"),
    text("public", unique=True),
    number("since"),
    number("until", nullable=True),
    text("condition", server_default="active"),
    text("suspected_since", nullable=True),
    number("changed_entry"),
)
"""Every public key ever enrolled. `since`, `until`: the entries that enrolled and ended it."""

keys_past = past_of(keys, "until", "condition", "suspected_since")

voided = sa.Table(
    "voided",
    METADATA,
    sa.Column("commit", sa.LargeBinary(16), primary_key=True),
    key("voider", "actor", primary_key=True),
    number("position"),
)
"""Which actor has voided which draft; it counts where that actor is one of the draft's signers."""

engagements = sa.Table(
    "engagements",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    text("kind"),
    text("transfer_mode", nullable=True),
    number("opened_position"),
)

policies = sa.Table(
    "policies",
    METADATA,
    key("policy", "policy", primary_key=True),
    number("position", primary_key=True),
    text("pack"),
    text("pack_version"),
    text("digest"),
    text("effective_from"),
)
"""Every adoption of a pack; the one with the highest position is in force."""
