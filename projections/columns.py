"""The kinds of columns that projections have, and the one schema that all their tables are in.

Ids are 16-byte keys (`projections.view`), sizes bytes, positions 1-based, entries 0-based,
yes/no values 0 and 1. Columns say in `info` what their keys are keys of, so that rows can be shown.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()

# Primary keys of text sort by code point in every database, so that digests can be compared.
_CODE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def key(name: str, aggregate: str, **options: Any) -> sa.Column[bytes]:  # noqa: ANN401
    """A key of an aggregate's stream."""
    options.setdefault("nullable", False)
    return sa.Column(name, sa.LargeBinary(16), info={"aggregate": aggregate}, **options)


def text(name: str, **options: Any) -> sa.Column[str]:  # noqa: ANN401  Column's own options
    """A code, a time, a digest: text that sorts by code point."""
    options.setdefault("nullable", False)
    return sa.Column(name, _CODE, **options)


def number(name: str, **options: Any) -> sa.Column[int]:  # noqa: ANN401  Column's own options
    """A count, a position, an entry."""
    options.setdefault("nullable", False)
    return sa.Column(name, sa.BigInteger, autoincrement=False, **options)


def flag(name: str) -> sa.Column[int]:
    """Yes or no, no at first."""
    return sa.Column(
        name, sa.SmallInteger, nullable=False, server_default=sa.text("0"), info={"flag": True}
    )


def step(name: str) -> sa.Column[int]:
    """The entry at which something happened; NULL while it has not."""
    return number(name, nullable=True)
