"""The tables of all projections: one schema, disposable and rebuilt from the events alone.

Ids are 16-byte keys (`projections.view`), sizes bytes, positions 1-based, entries 0-based,
yes/no values 0 and 1. Columns say in `info` what their keys are keys of, so that rows can be shown.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()

# Primary keys of text sort by code point in every database, so that digests can be compared.
_CODE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def _key(name: str, aggregate: str, **options: Any) -> sa.Column[bytes]:  # noqa: ANN401
    options.setdefault("nullable", False)
    return sa.Column(name, sa.LargeBinary(16), info={"aggregate": aggregate}, **options)


def _text(name: str, **options: Any) -> sa.Column[str]:  # noqa: ANN401  Column's own options
    options.setdefault("nullable", False)
    return sa.Column(name, _CODE, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:  # noqa: ANN401  Column's own options
    options.setdefault("nullable", False)
    return sa.Column(name, sa.BigInteger, autoincrement=False, **options)


def _flag(name: str) -> sa.Column[int]:
    return sa.Column(
        name, sa.SmallInteger, nullable=False, server_default=sa.text("0"), info={"flag": True}
    )


inventory = sa.Table(
    "inventory",
    METADATA,
    _key("record", "record", primary_key=True),
    _text("category"),
    _text("form"),
    _number("items"),
    _number("size"),
    _text("basis"),
    _text("notice"),
    _key("engagement", "engagement"),
    _key("holding", "holding"),
    _number("row", nullable=True),
    _number("collected_position"),
    _number("changed_position"),
    _number("changed_entry"),
    _text("state", server_default="registered"),
    _flag("reviewed"),
    _text("level", nullable=True),
    _text("sensitivity", nullable=True),
    _text("min_until", nullable=True),
    _text("max_until", nullable=True),
    _flag("permanent"),
    _text("action", nullable=True),
    _flag("conflict"),
    sqlite_with_rowid=False,
)
"""One row a record. `holding`: the copy it was collected in; `row`: of a table, 1-based."""

inventory_counts = sa.Table(
    "inventory_counts",
    METADATA,
    _text("category", primary_key=True),
    _text("level", primary_key=True),
    _text("sensitivity", primary_key=True),
    _text("state", primary_key=True),
    _number("records"),
    _number("items"),
    _number("size"),
    sqlite_with_rowid=False,
)
"""Running counters of `inventory`; not classified yet is an empty text; no row counts nothing."""

holdings = sa.Table(
    "holdings",
    METADATA,
    _key("holding", "holding", primary_key=True),
    _key("record", "record", nullable=True),
    _key("custodian", "party"),
    _text("form"),
    _text("medium"),
    _number("size"),
    _number("items"),
    _flag("encrypted"),
    _key("made_from", "holding", nullable=True),
    _text("condition", server_default="present"),
    _number("created_position"),
    _number("changed_position"),
    sqlite_with_rowid=False,
)
"""One row a copy. `record` is NULL for the copy in which a record, or a table of them, came."""

sa.Index(
    "holdings_of_record",
    holdings.c.record,
    sqlite_where=holdings.c.record.is_not(None),
    postgresql_where=holdings.c.record.is_not(None),
)

corrections = sa.Table(
    "corrections",
    METADATA,
    _key("record", "record", primary_key=True),
    _number("position", primary_key=True),
    _key("holding", "holding"),
    sqlite_with_rowid=False,
)
"""In which copy a corrected content lies: the only link of a record to a later, unnamed copy."""

parties = sa.Table(
    "parties",
    METADATA,
    _key("party", "party", primary_key=True),
    _text("kind"),
    _text("party_role"),
    _text("jurisdiction"),
    _number("registered_position"),
)

actors = sa.Table(
    "actors",
    METADATA,
    _key("actor", "actor", primary_key=True),
    _key("party", "party"),
    _text("function"),
    _number("registered_position"),
)

roles = sa.Table(
    "roles",
    METADATA,
    _number("granted_position", primary_key=True),
    _number("granted_entry"),
    _key("actor", "actor", index=True),
    _text("role"),
    _key("scope", "engagement", nullable=True),
    _text("valid_from", nullable=True),
    _text("valid_to", nullable=True),
    _number("revoked_position", nullable=True),
    _number("revoked_entry", nullable=True),
)
"""One row a grant; `scope` NULL: for every engagement; the days are inclusive."""

keys = sa.Table(
    "keys",
    METADATA,
    _text("name", primary_key=True),
    _text("id", primary_key=True),
    _text("holder", index=True),
    _text("purpose"),
    _text("kind"),
    _text("public", unique=True),
    _number("since"),
    _number("until", nullable=True),
    _text("condition", server_default="active"),
    _text("suspected_since", nullable=True),
)
"""Every public key ever enrolled. `since`, `until`: the entries that enrolled and ended it."""

voided = sa.Table(
    "voided",
    METADATA,
    sa.Column("commit", sa.LargeBinary(16), primary_key=True),
    _key("voider", "actor", primary_key=True),
    _number("position"),
)
"""Which actor has voided which draft; it counts where that actor is one of the draft's signers."""

engagements = sa.Table(
    "engagements",
    METADATA,
    _key("engagement", "engagement", primary_key=True),
    _text("kind"),
    _text("transfer_mode", nullable=True),
    _number("opened_position"),
)

policies = sa.Table(
    "policies",
    METADATA,
    _key("policy", "policy", primary_key=True),
    _number("position", primary_key=True),
    _text("pack"),
    _text("pack_version"),
    _text("digest"),
    _text("effective_from"),
)
"""Every adoption of a pack; the one with the highest position is in force."""
