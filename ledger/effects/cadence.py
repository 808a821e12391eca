"""What is overdue of backups, by the intervals of the adopted policy pack (I-19).

A finding names what is late with a stable code, and the day on which it fell due:

    never_backed_up       a content of which no backup has a copy        backup_days
    backup_too_old        the chain that has a copy was last continued   backup_days
    no_offsite_copy       no backup with a copy is stored off-site       offsite_days
    not_verified          a backup was not read again                    backup_verification_days
    verification_failed   its last verification found something wrong    at once
    no_drill              a chain from which nobody practised            restore_drill_days
    drill_failed          its last drill did not bring everything back   at once

A content is one that is there (or was restored of a lost one) and is no paper. A backup counts as
of today when it is made, when another continues it, and when it was read again and passed: where
nothing is new, nothing has to be copied. Counted in days of the pack's calendar, the day that it is
counted from not included: what was backed up on the 1st is overdue from the 9th on, with 7 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from msgspec import Struct

from domain.policy import Policy
from domain.values import later
from ledger.effects.backup import NO_FILES, original_of
from ledger.facts import LedgerFacts
from projections import backups
from projections.backups import Backup
from projections.custody import Copy, listed

_AT_ONCE: Final = 500


class Overdue(Struct, frozen=True):
    """Something that is late: `subject` is a copy (the content in it) or a backup.

    `since`: the day of what it is counted from; `due`: the last day on which it was in time.
    """

    code: str
    subject: str
    since: str
    due: str


def overdue(connection: sa.Connection, policy: Policy, today: str) -> list[Overdue]:
    """What is overdue on a day (YYYY-MM-DD), what has been so for longest first."""
    made, asked = _made(connection), _Asked(policy, today)
    found = [*_of_contents(connection, asked, made), *_of_backups(asked, made)]
    return sorted(found, key=lambda one: (one.due, one.code, one.subject))


def _made(connection: sa.Connection) -> dict[str, Backup]:
    """The backups of which something is left, by id, in order of their making."""
    found: list[Backup] = []
    after = None
    while portion := backups.listed(connection, limit=_AT_ONCE, after=after):
        after = portion[-1].backup
        found += [backup for backup in portion if backup.expired < backup.count]
    return {backup.backup: backup for backup in sorted(found, key=lambda b: b.created_entry)}


class _Asked(Struct, frozen=True):
    """By which pack, and on which of its days, it is asked what is late."""

    policy: Policy
    today: str

    def late(self, code: str, subject: str, since: str, days: int) -> Iterator[Overdue]:
        """What fell due so many days after a time, if that day is over."""
        due = self.policy.calendar.day_of(later(since, days=days))
        if self.today > due:
            yield Overdue(code, subject, self.policy.calendar.day_of(since), due)

    def failed(self, code: str, subject: str, at: str) -> Overdue:
        """What fell due at once."""
        day = self.policy.calendar.day_of(at)
        return Overdue(code, subject, day, day)


# -- contents -----------------------------------------------------------------------------------


def _of_contents(
    connection: sa.Connection, asked: _Asked, made: Mapping[str, Backup]
) -> Iterator[Overdue]:
    fresh, cadence = _fresh(made), asked.policy.cadence
    facts, after = LedgerFacts(connection), None
    while portion := listed(connection, limit=_AT_ONCE, after=after):
        after = portion[-1].holding
        contents = dict(_contents(connection, portion))
        copies = backups.backed_up(connection, list(contents))
        for original, copy in contents.items():
            holding, in_them = copy.holding, copies.get(original, set()) & made.keys()
            if in_them:
                last = max(fresh[backup] for backup in in_them)
                yield from asked.late("backup_too_old", holding, last, cadence.backup_days)
            if any(made[backup].offsite_at for backup in in_them):
                continue
            recorded = _recorded(connection, facts, copy)
            if not in_them:
                code = "never_backed_up"
                yield from asked.late(code, holding, recorded, cadence.backup_days)
            yield from asked.late("no_offsite_copy", holding, recorded, cadence.offsite_days)


def _contents(connection: sa.Connection, portion: Sequence[Copy]) -> Iterator[tuple[str, Copy]]:
    """The contents in some copies: the original of each, and the copy."""
    for copy in portion:
        if copy.there and copy.form != "paper" and copy.medium not in NO_FILES:
            original = original_of(connection, copy)
            if original is not None:
                yield original, copy


def _recorded(connection: sa.Connection, facts: LedgerFacts, copy: Copy) -> str:
    """When a copy was registered, as the ledger accepted it."""
    query = sa.text("SELECT entry FROM events WHERE position = :position")
    entry = connection.execute(query, {"position": copy.created_position}).scalar_one()
    return facts.accepted_at(entry)


def _fresh(made: Mapping[str, Backup]) -> dict[str, str]:
    """The last time that each backup was made, continued, or read again and found in order."""
    found: dict[str, str] = {}
    for backup in reversed(list(made.values())):
        checked = backup.verified_at if backup.result == "pass" else None
        last = max(backup.ended_at, checked or "", found.get(backup.backup, ""))
        found[backup.backup] = last
        if backup.base is not None:
            found[backup.base] = max(last, found.get(backup.base, ""))
    return found


# -- backups ------------------------------------------------------------------------------------


def _of_backups(asked: _Asked, made: Mapping[str, Backup]) -> Iterator[Overdue]:
    cadence = asked.policy.cadence
    for backup in made.values():
        if backup.result == "fail" and backup.verified_at is not None:
            yield asked.failed("verification_failed", backup.backup, backup.verified_at)
        else:
            last = backup.verified_at or backup.ended_at
            days = cadence.backup_verification_days
            yield from asked.late("not_verified", backup.backup, last, days)
    continued = {backup.base for backup in made.values()}
    for head in made.values():
        if head.backup not in continued:
            yield from _of_chain(asked, head, made)


def _of_chain(asked: _Asked, head: Backup, made: Mapping[str, Backup]) -> Iterator[Overdue]:
    """Whether somebody practised to restore a chain, from whichever of its backups."""
    links, following = [head], head.base
    while following is not None and following in made and made[following] not in links:
        links.append(made[following])
        following = links[-1].base
    drilled = [(link.drilled_at, link.drill_result) for link in links if link.drilled_at]
    at, result = max(drilled, default=(None, None))
    if at is not None and result == "fail":
        yield asked.failed("drill_failed", head.backup, at)
    else:
        days = asked.policy.cadence.restore_drill_days
        yield from asked.late("no_drill", head.backup, at or links[-1].ended_at, days)
