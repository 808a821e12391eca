"""From what a person types to a full id: a whole id, or any part of one that is unique.

UUIDv7 ids made within a second share their first digits, so a part from the end does as well as
one from the beginning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger

LEAST = 4
"""How many digits a part of an id has at least."""

_FULL = re.compile(
    r"([a-z_]{3,24})-([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
)
_DIGITS = 32
AGGREGATES = (
    "record", "holding", "actor", "party", "engagement", "policy", "grant", "backup", "hold",
    "handover", "destruction_case", "rights", "subject", "keycopy",
    "notice", "audit",
)  # fmt: skip
"""What has a table of its own to look an id up in."""
_LISTINGS = {
    "record": "muniment inventory",
    "grant": "muniment access grants",
    "destruction_case": "muniment destroy list",
    "subject": "muniment subject find",
    "bundle": "muniment evidence list",
    "keycopy": "muniment keystore copies",
    "document": "muniment engagement show ENGAGEMENT",
}


def resolve(ledger: Ledger, aggregate: str, text: str) -> str:
    """The id of the one `aggregate` that `text` means.

    `text`: a whole id, with or without its `record-`, or at least four digits that stand together
    in one id only. Raises `UsageError` if there is none, several, or `text` is no part of an id.
    """
    found = [] if _other_kind(aggregate, text) else _matches(ledger, aggregate, text)
    if len(found) == 1:
        return found[0]
    listing = _LISTINGS.get(aggregate, f"muniment {aggregate} list")
    if not found:
        another = _other_kind(aggregate, text)
        if another is not None:
            raise UsageError(
                "that is the id of something else ({another}), not of what is asked for "
                "({aggregate}); nothing was changed",
                listing,
                another=another,
                aggregate=aggregate,
            )
        raise UsageError(
            "there is no {aggregate} of this id; nothing was changed", listing, aggregate=aggregate
        )
    raise UsageError(
        "several ids of kind {aggregate} have these digits; nothing was changed",
        "give more digits, from the beginning or from the end",
        aggregate=aggregate,
    )


def _other_kind(aggregate: str, text: str) -> str | None:
    """The kind that an id, or a part of one, says itself, if it is another one."""
    from ledger.cli.labels import KINDS

    kind, dash, _rest = text.partition("-")
    return kind if dash and kind in KINDS and kind != aggregate else None


def is_whole(aggregate: str, text: str) -> bool:
    """Whether a text is a whole id of this kind, whether there is such a thing or not."""
    found = _FULL.fullmatch(text)
    return found is not None and found[1] == aggregate


def resolve_any(ledger: Ledger, text: str) -> str:
    """As `resolve`, for an id of any kind; one that says its kind is looked up only there."""
    kind = text.partition("-")[0]
    if kind in AGGREGATES:
        return resolve(ledger, kind, text)
    if _FULL.fullmatch(text) and ledger.state(text) is not None:
        return text
    digits = _digits(text)
    found = [i for aggregate in AGGREGATES for i in _matches(ledger, aggregate, digits)]
    if len(found) != 1:
        raise UsageError(
            "this is not the id, or a unique part of the id, of anything in this ledger",
            "muniment inventory, muniment history RECORD",
        )
    return found[0]


def _digits(text: str) -> str:
    digits = text.lower().replace("-", "")
    if not LEAST <= len(digits) <= _DIGITS or not re.fullmatch(r"[0-9a-f]+", digits):
        raise UsageError(
            "not an id: it is a kind and a UUID, or at least {least} digits of the UUID",
            "muniment inventory; muniment party, actor and holding have a list, too",
            least=LEAST,
        )
    return digits


def _matches(ledger: Ledger, aggregate: str, text: str) -> list[str]:
    """At most two ids that `text` may mean; those that begin with it go before all others."""
    import sqlalchemy as sa

    from projections.view import id_of

    digits = _digits(text.removeprefix(f"{aggregate}-"))
    columns = _columns(aggregate)
    first = bytes.fromhex(digits.ljust(_DIGITS, "0"))
    last = bytes.fromhex(digits.ljust(_DIGITS, "f"))
    begins = [(column, column.between(first, last)) for column in columns]
    holds = [(column, sa.func.hex(column).contains(digits.upper())) for column in columns]
    with ledger.engine.connect() as connection:
        for conditions in (begins, holds):
            found: set[str] = set()
            for column, condition in conditions:
                query = sa.select(column).where(condition).distinct().limit(2)
                found |= {id_of(aggregate, key) for key in connection.execute(query).scalars()}
            if found:
                return sorted(found)[:2]
    return []


def _columns(aggregate: str) -> tuple[sa.ColumnElement[bytes], ...]:
    """Where ids of this kind stand. Of persons: in the erasable index, and in what events said."""
    from ledger.schema import SUBJECT_TOKENS
    from projections import persons
    from projections import rights as requests

    if aggregate == "subject":
        return (
            SUBJECT_TOKENS.c.subject, persons.subject_records.c.subject,
            persons.deliveries.c.subject, persons.consents.c.subject,
            persons.suppressions.c.subject, requests.requests.c.subject,
        )  # fmt: skip
    return (_column(aggregate),)


def _column(aggregate: str) -> sa.ColumnElement[bytes]:
    from projections import (
        access,
        agreements,
        audits,
        backups,
        bundles,
        certificates,
        handovers,
        holds,
        keycopies,
        media,
        persons,
        tables,
    )
    from projections import rights as requests

    names = {
        "record": tables.inventory.c.record,
        "notice": persons.notices.c.notice,
        "document": agreements.attached_documents.c.document,
        "holding": tables.holdings.c.holding,
        "actor": tables.actors.c.actor,
        "party": tables.parties.c.party,
        "engagement": tables.engagements.c.engagement,
        "policy": tables.policies.c.policy,
        "grant": access.grants.c.grant,
        "backup": backups.backups.c.backup,
        "bundle": bundles.bundles.c.bundle,
        "hold": holds.holds.c.hold,
        "handover": handovers.handovers.c.handover,
        "destruction_case": certificates.cases.c.case,
        "rights": requests.requests.c.rights,
        "keycopy": keycopies.key_copies.c.copy,
        "medium": media.media.c.medium,
        "audit": audits.audits.c.audit,
    }
    return names[aggregate]
