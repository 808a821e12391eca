"""The gates of what is to be handed over: ready, cleared with the persons in it, backed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from domain.answers import Needs
from domain.clearing import REASONS, needs_of
from domain.gates import against_no_backup
from ledger.effects.backup import NO_FILES
from ledger.gates.deal import Deal, portions
from ledger.gates.verdict import MOST_NAMED, Found, Waiting, as_waiting, waiting
from projections import backups
from projections.consents import objectors
from projections.custody import THERE, records_of
from projections.tables import corrections, holdings, inventory
from projections.view import id_of, key_of

_AT_ONCE: Final = 500
_FOR_LACKING: Final = 200


class _Tally:
    """How many there are of each kind, and the first few of them."""

    def __init__(self) -> None:
        self.count: dict[str, int] = {}
        self.named: dict[str, list[str]] = {}

    def add(self, detail: str, item: str, number: int = 1) -> None:
        self.count[detail] = self.count.get(detail, 0) + number
        named = self.named.setdefault(detail, [])
        if len(named) < MOST_NAMED:
            named.append(item)

    def waiting(self, commands: Mapping[str, str]) -> Iterator[Waiting]:
        for detail, command in commands.items():
            if detail in self.count:
                ids = self.named[detail]
                said = command.replace("ITEM", ids[0])
                yield waiting(detail, ids, said, count=self.count[detail])


# -- 5 ----------------------------------------------------------------------------------------

_READY: Final = {
    "not_classified": "muniment classify ITEM --category CODE --level CODE --sensitivity CODE",
    "no_retention": "muniment retention assign ITEM --trigger CODE --date DAY",
    "retention_conflict": "muniment retention conflicts",
    "not_reviewed": "muniment --as OTHER review ITEM",
}


def ready(deal: Deal) -> Found | None:
    """Classified, with periods that do not contradict each other, and reviewed."""
    scope = deal.scope
    if scope.basis == "passed":
        return Found([], deal.taken("confirmed"))
    if not scope.records and not scope.copies:
        if not deal.hands_over:
            return None
        return Found([waiting("nothing_to_hand_over", (), "muniment collect FILE")])
    tally = _Tally()
    for record, level, triggers, conflict, reviewed in _rows(deal):
        if level is None:
            tally.add("not_classified", record)
        if triggers is None:
            tally.add("no_retention", record)
        if conflict:
            tally.add("retention_conflict", record)
        if not reviewed:
            tally.add("not_reviewed", record)
    return Found(list(tally.waiting(_READY)), deal.taken("list_frozen"))


def _rows(deal: Deal) -> Iterator[tuple[str, str | None, str | None, bool, bool]]:
    c = inventory.c
    query = sa.select(c.record, c.level, c.triggers, c.conflict, c.reviewed)
    keys = [key_of(record) for record in deal.scope.records]
    for copy in deal.scope.copies:
        keys += records_of(deal.connection, key_of(copy))
    for at in range(0, len(keys), _AT_ONCE):
        these = query.where(c.record.in_(keys[at : at + _AT_ONCE])).order_by(c.record)
        for record, level, triggers, conflict, reviewed in deal.connection.execute(these):
            found = id_of("record", record)
            yield found, level, triggers or None, bool(conflict), bool(reviewed)


# -- 7 ----------------------------------------------------------------------------------------


def cleared(deal: Deal) -> Found | None:
    """Everybody in it was told, and agreed where that is asked for, or nothing was to be asked."""
    needs = needs_of(deal.case, deal.id)
    if needs is None or needs.nothing or not deal.hands_over:
        return None  # nothing goes; that of a look is asked of each grant
    if not deal.personal:
        return None
    if deal.scope.basis == "passed":
        return Found([], deal.taken("confirmed"))
    tally = _Tally()
    for part in portions(deal.scope.records, _FOR_LACKING):
        for record, reasons in sorted(deal.facts.lacking(part, needs).items()):
            for reason in reasons:
                tally.add(reason, record)
    for copy in deal.scope.copies:
        for reason, number in deal.facts.lacking_in(copy, needs).items():
            tally.add(reason, copy, number)
    missing = [*tally.waiting(_clearing(deal, needs)), *_objections(deal, needs)]
    return Found(missing, deal.taken("list_frozen"))


def _objections(deal: Deal, needs: Needs) -> Iterator[Waiting]:
    """Who objected where the law asks for no consent (PIPL 22).

    It stops what was collected on consent (PIPL 15), which is said besides, and nothing else; that
    somebody answers the request (PIPL 44) before people's data go is what is waited for.
    """
    if needs.consent:
        return  # there it blocks what they stand in
    inside = set(deal.scope.records)
    for copy in deal.scope.copies:
        inside |= {id_of("record", key) for key in records_of(deal.connection, key_of(copy))}
    found = objectors(deal.connection, needs.recipient)
    if people := dict.fromkeys(subject for subject, record in found if record in inside):
        command = f"muniment consent list --recipient {needs.recipient}"
        yield waiting("people_objected", people, command)


def _clearing(deal: Deal, needs: Needs) -> dict[str, str]:
    under = f"--engagement {deal.id}"
    consent = f"muniment consent record --from FILE --recipient {needs.recipient} {under}"
    told = f"muniment notice issue --channel CODE --text FILE {under}"
    commands = dict.fromkeys(REASONS, consent)
    commands["subjects_unknown"] = f"muniment subject declare ITEM {under}"
    commands["not_notified"] = f"{told}; muniment notice deliver NOTICE --from FILE"
    without = _without(deal)
    return commands | dict.fromkeys(("consent_withdrawn", "suppressed", "opted_out"), without)


def _without(deal: Deal) -> str:
    """How the list goes on without somebody who does not want to be on it."""
    for one in deal.handovers:
        if one.step in ("released", "received"):
            return f"muniment handover discrepancy raise {one.stream} ITEM --kind excess_data"
        if one.step in ("planned", "list_frozen"):
            return f"muniment handover freeze {one.stream} --all --skip-blocked"
    return f"muniment handover plan --engagement {deal.id}"


# -- 8 ----------------------------------------------------------------------------------------

_SAFE: Final = {
    "never_backed_up": "muniment backup create TARGET --medium CODE",
    "no_offsite_copy": "muniment backup offsite BACKUP --place TEXT",
    "no_drill": "muniment backup drill BACKUP --into DIR --rto SECONDS",
}
_SAME: Final = {
    "offsite_overdue": "no_offsite_copy",
    "drill_overdue": "no_drill",
}
_BY_PARTY: Final = {
    "backup_overdue": "muniment backup create TARGET --medium CODE",
    "offsite_overdue": "muniment backup offsite BACKUP --place TEXT",
    "backup_check_overdue": "muniment backup verify BACKUP",
    "drill_overdue": "muniment backup drill BACKUP --into DIR --rto SECONDS",
}


def backed_up(deal: Deal) -> Found | None:
    """Every content has a backup, one of them off-site, and somebody practised to restore it.

    As it stood when a list was released, where one was; else as it stands now.
    """
    tally, seen = _Tally(), set[bytes]()  # many records lie in one table
    for items, released in _lists(deal):
        for part in portions(items, _AT_ONCE):
            files = [key for key in _files(deal, part) if key not in seen]
            seen.update(files)
            for original, details in _lacking(deal, files, released):
                for detail in details:
                    tally.add(detail, original)
    if not seen:
        return None
    found = list(tally.waiting(_SAFE))
    said = {one.detail for one in found}
    if deal.scope.basis != "passed" and "never_backed_up" not in said:
        refusals = against_no_backup(deal.case, deal.state.seller)
        others = (r for r in refusals if _SAME.get(r.detail) not in said)
        found += as_waiting(others, lambda refusal: _BY_PARTY[refusal.detail])
    return Found(found, deal.taken("released"))


def _lists(deal: Deal) -> Iterator[tuple[Sequence[str], int | None]]:
    """What is to be handed over or was, with the entry at which it was released."""
    if deal.scope.basis in ("collected", "kept"):
        yield deal.scope.records, None
        return
    for one in deal.handovers:
        items = [item for item, outcome in one.items.items() if outcome != "rejected"]
        yield items, deal.entry_of(one.stream, "released")


def _files(deal: Deal, items: Sequence[str]) -> list[bytes]:
    """The copies on a part of a list, and those that its records were last put into.

    Without paper, of which no program makes a backup.
    """
    records = [key_of(item) for item in items if item.startswith("record-")]
    c, corrected, h = inventory.c, corrections.c, holdings.c
    collected = sa.select(c.record, c.holding).where(c.record.in_(records))
    later = sa.select(corrected.record, corrected.holding).where(corrected.record.in_(records))
    last = {
        row.record: row.holding
        for query in (collected, later.order_by(corrected.position))
        for row in deal.connection.execute(query)
    }
    copies = {key_of(item) for item in items if item.startswith("holding-")}
    query = sa.select(h.holding).where(h.holding.in_({*copies, *last.values()}))
    query = query.where(h.form != "paper", h.medium.not_in(sorted(NO_FILES)))
    return list(deal.connection.execute(query.order_by(h.holding)).scalars())


def _lacking(
    deal: Deal, originals: Sequence[bytes], entry: int | None
) -> Iterator[tuple[str, list[str]]]:
    """What is missing of the protection of at most 1,000 contents, as of an entry or now."""
    b, h = backups.backup_copies.c, holdings.c
    query = sa.select(h.made_from, b.backup).join(holdings, h.holding == b.holding)
    query = query.where(h.made_from.in_(originals))
    if entry is None:
        query = query.where(b.expired_entry.is_(None), h.condition.in_(THERE))
    else:
        there = sa.or_(b.expired_entry.is_(None), b.expired_entry > entry)
        query = query.where(b.created_entry <= entry, there)
    copied: dict[bytes, set[str]] = {}
    for original, backup in deal.connection.execute(query):
        copied.setdefault(original, set()).add(id_of("backup", backup))
    for original in originals:
        made = [_backup(deal, backup, entry) for backup in copied.get(original, ())]
        if not made:
            yield id_of("holding", original), ["never_backed_up"]
            continue
        missing = {
            "no_offsite_copy": not any(backup.offsite for backup in made),
            "no_drill": not any(backup.drilled for backup in made),
        }
        yield id_of("holding", original), [detail for detail, is_so in missing.items() if is_so]


class _Backup(NamedTuple):
    """Whether a backup lies off-site too, and whether its chain was restored in a drill."""

    offsite: bool
    drilled: bool


def _backup(deal: Deal, backup: str, entry: int | None) -> _Backup:
    def find() -> _Backup:
        row = backups.one(deal.connection, backup, entry=entry)
        links = backups.chain(deal.connection, backup)
        chain = [backups.one(deal.connection, link, entry=entry) for link in links]
        drilled = any(link is not None and link.drill_result == "pass" for link in chain)
        return _Backup(row is not None and row.offsite_at is not None, drilled)

    return deal.case.world.once(("backup of a gate", backup, entry), find)
