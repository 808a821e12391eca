"""Is everything there that has to be: gates, cadences, periods, verdicts, reviews, registers.

All of it holds now, so every replay tells all of it, wherever it begins; a duty that stands open is
found until it is done. Nothing is judged here that is
judged elsewhere: backups by `ledger.effects.cadence`, gates by `ledger.gates`, grants and training
by `ledger.grantreview`, due records by `ledger.retaining`, all asked of the replay's scratch.
Records are counted by the copy that they came in: a table of a million rows is one finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from domain.values import later
from ledger.audit.catalogue import raised
from ledger.audit.checks import completeness_deals
from ledger.audit.checks.located import located
from ledger.audit.checks.parts import Part, looked
from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.effects.cadence import overdue
from ledger.grantreview import grants, training
from ledger.retaining import due
from projections import access, certificates, keycopies, reviewing
from projections.custody import THERE
from projections.holds import held
from projections.media import media_copies
from projections.reviewing import Span, Staff
from projections.selecting import GONE
from projections.tables import engagements, holdings, inventory, keys
from projections.view import id_of, key_of

_AT_ONCE: Final = 500
_NAMED: Final = 8
_PORTABLE: Final = ("disk_external", "usb_flash", "tape", "optical_archival")
REGISTERS: Final = {
    "access_reviews": "engagement.access_reviewed",
    "backups": "backup.created",
    "restore_drills": "backup.restore_drill_performed",
    "training": "actor.training_completed",
    "key_copies": "key.copy_registered",
    "media": "medium.registered",
    "time_stamps": "ledger.timestamp_anchored",
    "indexes": "ledger.index_published",
}
"""Registers that every firm is expected to have something in, and what is recorded first."""


def check(scope: Scope) -> Iterator[Finding | Gap]:
    """What is missing, as of `scope.entry` and up to `scope.now`."""
    yield from located(scope, looked("complete", _PARTS, scope))


def _today(scope: Scope) -> str:
    return scope.policy.calendar.day_of(scope.now)


def _backups(scope: Scope) -> Iterator[Finding]:
    """I-19, by the intervals of the pack."""
    for one in overdue(scope.scratch, scope.policy, _today(scope)):
        yield raised(one.code, subject=one.subject, since=one.since, due=one.due)


# -- records ----------------------------------------------------------------------------------


def _records(scope: Scope) -> Iterator[Finding]:
    """What every record has to have (I-10, I-11, I-12), by one walk through the inventory."""
    c = inventory.c
    lacks = {
        "unclassified": c.level.is_(None),
        "category_other": sa.and_(c.level.is_not(None), c.category == "other"),
        "notice_missing": c.notice == "missing",
        "retention_missing": sa.and_(c.level.is_not(None), c.triggers.is_(None)),
        "retention_conflict": c.conflict == 1,
    }
    columns = [
        column
        for lacking in lacks.values()
        for column in (
            sa.func.count(sa.case((lacking, 1))),
            sa.func.min(sa.case((lacking, c.record))),
            sa.func.min(sa.case((lacking, c.collected_position))),
        )
    ]
    query = sa.select(c.holding, *columns).where(c.state.not_in(GONE), sa.or_(*lacks.values()))
    for holding, *told in scope.scratch.execute(query.group_by(c.holding).order_by(c.holding)):
        for code, count, record, position in zip(lacks, *[iter(told)] * 3, strict=False):
            if count:
                yield raised(
                    code, position=position, subject=id_of("holding", holding),
                    evidence=(id_of("record", record),), actual=str(count),
                )  # fmt: skip


def _disposals(scope: Scope) -> Iterator[Finding]:
    """Records that were to be gone, or to be looked at, before today, and are not held."""
    yesterday = date.fromordinal(date.fromisoformat(_today(scope)).toordinal() - 1).isoformat()
    count: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], tuple[str, str]] = {}
    after = None
    while found := due(scope.scratch, yesterday, _AT_ONCE, after):
        after = found[-1]["record"]
        kept = _held(scope, found)
        for row in found:
            if kept & {row["record"], row["holding"], row["engagement"]}:
                continue
            gone = row["max_until"] is not None and row["max_until"] <= yesterday
            code = "deletion_overdue" if gone or row["purpose_ended"] else "disposal_due"
            what = (code, row["holding"], row["due"])
            count[what] += 1
            first[what] = min(first.get(what, ("9", "")), (row["since"], row["record"]))
    for (code, holding, action), number in sorted(count.items()):
        since, record = first[code, holding, action]
        yield raised(
            code, subject=holding, detail=action, evidence=(record,), since=since, due=since,
            actual=str(number),
        )  # fmt: skip


def _held(scope: Scope, rows: Sequence[dict[str, Any]]) -> set[str]:
    """What among the records, their copies and engagements an active hold covers."""
    asked = {row[name] for row in rows for name in ("record", "holding", "engagement")}
    by_key = {key_of(one): one for one in asked}
    query = sa.select(held.c.object).where(
        held.c.object.in_(by_key), held.c.released_entry.is_(None)
    )
    return {by_key[key] for key in scope.scratch.execute(query).scalars()}


def _destructions(scope: Scope) -> Iterator[Finding]:
    """Cases that were executed and are not read back, or read back and not certified (I-30)."""
    after = None
    while found := certificates.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].case
        for one in found:
            if one.executed_entry is None or one.certified_entry is not None:
                continue
            unread = one.verified_entry is None or one.verified_entry < one.executed_entry
            step = one.executed_entry if unread else one.verified_entry
            yield raised(
                "destruction_not_verified" if unread else "destruction_not_certified",
                entry=step, subject=one.case, since=scope.facts.accepted_at(step or 0),
            )  # fmt: skip


# -- people -----------------------------------------------------------------------------------


def _reviews(scope: Scope) -> Iterator[Finding]:
    """Engagements in which there is something to review, and nobody did in time (I-16)."""
    cadence, e = scope.policy.cadence, engagements.c
    closed = sa.text("SELECT 1 FROM deals WHERE engagement = :deal AND closed_entry IS NOT NULL")
    for key, kind, position in scope.scratch.execute(
        sa.select(e.engagement, e.kind, e.opened_position).order_by(e.engagement)
    ):
        if scope.scratch.execute(closed, {"deal": key}).first() is not None:
            continue
        engagement, live = id_of("engagement", key), kind == "deal"
        days = cadence.access_review_live_days if live else cadence.access_review_routine_days
        reviewed = access.reviewed_until(scope.scratch, engagement)
        since = reviewed or _accepted_of(scope, position)
        last = scope.policy.calendar.day_of(later(since, days=days))
        if _today(scope) > last and _to_review(scope, key):
            yield raised(
                "access_review_overdue", position=position, subject=engagement, since=since,
                due=last,
            )  # fmt: skip


def _accepted_of(scope: Scope, position: int) -> str:
    entry = scope.scratch.exec_driver_sql(
        "SELECT entry FROM events WHERE position = ?", (position,)
    ).scalar_one()
    return scope.facts.accepted_at(int(entry))


def _to_review(scope: Scope, engagement: bytes) -> bool:
    """Whether anything was accessed or granted under an engagement, ever."""
    return any(
        scope.scratch.exec_driver_sql(
            f"SELECT 1 FROM {table} WHERE engagement = ? LIMIT 1",  # noqa: S608  two names
            (engagement,),
        ).first()
        for table in ("accesses", "grants")
    )


def _people(scope: Scope) -> Iterator[Finding]:
    """Training of whoever accessed, grants and keys of whoever left or whose time is over."""
    span = Span(scope.facts.accepted_at(0), scope.now, 0, scope.entry + 1, scope.entry)
    staff = reviewing.staff(scope.scratch, scope.now[:10], scope.entry)  # as `ActorState.holds`
    for row in training(scope.scratch, scope.policy, staff, span):
        if row["missing"]:
            (last,) = access.listed(scope.scratch, actor=row["actor"], newest=True, limit=1)
            yield raised(
                "untrained", position=last.position, entry=last.entry, subject=row["actor"],
                detail=" ".join(row["missing"]),
            )  # fmt: skip
    days = scope.policy.cadence.access_review_live_days
    for row in grants(scope.scratch, span, staff, days):
        for flag, code in (("leaver", "grant_of_leaver"), ("expired", "grant_not_ended")):
            if flag in row["flags"]:
                yield raised(
                    code, subject=row["grant"], evidence=(row["actor"],),
                    since=row["granted_at"], due=row["ends"],
                )  # fmt: skip
    yield from _leavers(scope, staff)


def _leavers(scope: Scope, staff: dict[str, Staff]) -> Iterator[Finding]:
    for actor, person in staff.items():
        if person.signs and not person.roles:
            query = sa.select(keys.c.id, keys.c.since).where(
                keys.c.holder == actor, keys.c.purpose == "act", keys.c.condition == "active"
            )
            for key, since in scope.scratch.execute(query.order_by(keys.c.since)):
                yield raised(
                    "key_of_leaver", entry=since, subject=actor, detail=key,
                    since=scope.facts.accepted_at(since),
                )  # fmt: skip


# -- keys, media, registers -------------------------------------------------------------------


def _keys(scope: Scope) -> Iterator[Finding]:
    """Copies of keys that are kept too long, or still hold what was shredded (I-29)."""
    today, live, after = _today(scope), False, None
    while found := keycopies.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].copy
        for one in found:
            live = live or (one.there and one.kind == "live")
            if not one.there or one.kind == "live":
                continue
            if one.expires_on is not None and one.expires_on < today:
                yield raised(
                    "key_copy_overdue", entry=one.registered_entry, subject=one.copy,
                    since=one.made_at, due=one.expires_on,
                )  # fmt: skip
            if shredded := keycopies.due(scope.scratch, one.copy, limit=_NAMED):
                yield raised(
                    "key_copy_not_cleared", entry=one.registered_entry, subject=one.copy,
                    evidence=tuple(shredded),
                )  # fmt: skip
    if not live:
        yield raised("keystore_unregistered")


def _media(scope: Scope) -> Iterator[Finding]:
    """Portable media on which copies lie and which nobody registered."""
    h = holdings.c
    known = sa.select(media_copies.c.copy).where(media_copies.c.copy == h.holding)
    query = (
        sa.select(h.medium, sa.func.count(), sa.func.min(h.holding))
        .where(h.condition.in_(THERE), h.medium.in_(_PORTABLE))
        .where(~known.correlate(holdings).exists())
        .group_by(h.medium)
        .order_by(h.medium)
    )
    for medium, count, holding in scope.scratch.execute(query):
        yield raised(
            "medium_unregistered", detail=medium, evidence=(id_of("holding", holding),),
            actual=str(count),
        )  # fmt: skip


def _registers(scope: Scope) -> Iterator[Finding]:
    """Registers in which nothing was ever recorded."""
    found = scope.scratch.exec_driver_sql("SELECT DISTINCT topic FROM events")
    topics = {str(topic) for (topic,) in found}
    for register, topic in REGISTERS.items():
        if topic not in topics:
            yield raised("register_empty", detail=register)


_PARTS: Final[Mapping[str, Part]] = {
    "deals": completeness_deals.check,
    "backups": _backups,
    "records": _records,
    "disposals": _disposals,
    "destructions": _destructions,
    "reviews": _reviews,
    "people": _people,
    "keys": _keys,
    "media": _media,
    "registers": _registers,
}
