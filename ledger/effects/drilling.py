r"""Restore drills: everything in a backup's chain brought back elsewhere, compared, and measured.

Every copy is decrypted into a file of an empty folder, read again from its device, compared by its
digest, overwritten and removed again, before the next one is: at most one content lies in clear at
a time. Overwriting reaches what `ledger.effects.removing` says. A drill that was killed leaves the
file that it was at; the next one into the same folder overwrites it. Measured are

    RTO   the seconds from the beginning until the last copy was there
    RPO   the seconds from when the oldest content was recorded that the chain has no copy of, until
          the drill began: so much would be lost; 0 if there is no such content

The event holds counts; `drill_report` is the whole of it as one JSON object, for people and for the
document made of it:

    {"accepted": time, "backup": id, "by": actor, "chain": [ids, the newest first], "copies": n,
     "ended_at": time, "entry": n, "event": id, "failed": n, "format": "muniment/drill-report/v1",
     "left_out": n, "matched": n, "mismatched": n, "origin": text, "participants": [actors],
     "position": n, "restored": n, "result": "pass" or "fail", "role": code, "rpo_actual": seconds,
     "rto_actual": seconds, "rto_met": true or false, "rto_target": seconds, "started_at": time}

and `scenario`, a text, if it was said and is not erased. Printed with sorted keys, without spaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.backup import RestoreDrillPerformed
from domain.backup_rules import seconds_between
from domain.copies import HoldingState
from ledger.acting import Acting
from ledger.acts import texts
from ledger.application import Ledger
from ledger.custody import check_permitted
from ledger.effects.backup import NO_FILES, Failed, Progress, uncovered
from ledger.effects.places import place_of
from ledger.effects.restoring import Chain, bring_back, chain_of, check_empty
from ledger.effects.shelf import FolderShelf, FolderTarget, known_to, marker_of
from ledger.errors import UsageError
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids, now
from ledger.sources import SourceFault
from projections import backups

FORMAT: Final = "muniment/drill-report/v1"


class Drilled(NamedTuple):
    """What `drill` recorded: `failed` copies did not come back as recorded, `left_out` may not."""

    receipt: Receipt
    event: str
    result: str
    failed: list[Failed]
    left_out: list[Failed]


class Terms(NamedTuple):
    """What is asked of a drill: `rto` in seconds; who took part, and what was supposed to be."""

    rto: int
    scenario: str | None = None
    participants: Sequence[str] = ()


def drill(
    ledger: Ledger,
    acting: Acting,
    backup: str,
    into: Path,
    terms: Terms,
    progress: Progress | None = None,
    *,
    role: str | None = None,
    engagement: str | None = None,
) -> Drilled:
    """Restore every copy of a backup's chain into an empty folder, compare, and record the result.

    Raises `UsageError` for a folder that is not there, not empty or the ledger's own, and for a
    chain of which nothing may be restored; `RefusedError` if a rule does not permit it.
    """
    target = FolderTarget(into)
    target.check(ledger)
    target.clean(marker_of(ledger), known_to(ledger))
    check_empty(target.path)
    found = chain_of(ledger, backup)
    if not found.copies:
        raise UsageError("nothing of this backup may be restored; nothing was done")
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    provisional = _fields(found, [], 0, terms, (now(), now()), 0)
    said = Proposal(RestoreDrillPerformed, backup, provisional)
    check_permitted(ledger, acting, [said], **options)
    shelf = target.shelf(new_ids("drill")[0], marker_of(ledger))
    try:
        shelf.begin()
        started = now()
        failed, unread = _restored(ledger, shelf, found.copies, progress)
        span = (started, max(now(), started))
        rpo = _rpo(ledger, acting, backup, started)
        fields = _fields(found, failed, unread, terms, span, rpo)
        said = Proposal(RestoreDrillPerformed, backup, fields, texts(scenario=terms.scenario))
        receipt = ledger.act(acting, [said], **options)
    except BaseException:
        shelf.undo()
        raise
    shelf.undo()
    event = receipt.events[0].id
    return Drilled(receipt, event, str(fields["result"]), failed, found.left_out)


def _restored(
    ledger: Ledger,
    shelf: FolderShelf,
    copies: Sequence[HoldingState],
    progress: Progress | None,
) -> tuple[list[Failed], int]:
    """Restore and compare; what is wrong with which copy, and how many could not be read at all."""
    failed: list[Failed] = []
    unread = 0
    for done, copy in enumerate(copies, 1):
        try:
            if bring_back(ledger, shelf, copy, copy.stream) is None:
                failed.append(Failed(copy.stream, "changed_since_recorded"))
            else:
                shelf.remove(copy.stream)
        except SourceFault as fault:
            failed.append(Failed(copy.stream, fault.cause))
            unread += 1
        if progress is not None:
            progress(done, len(copies))
    return failed, unread


def _fields(
    found: Chain,
    failed: Sequence[Failed],
    unread: int,
    terms: Terms,
    span: tuple[str, str],
    rpo: int,
) -> dict[str, Any]:
    restored = len(found.copies) - unread
    mismatched = len(failed) - unread
    return {
        "started_at": span[0], "ended_at": span[1], "rto_target": terms.rto,
        "rto_actual": seconds_between(*span), "rpo_actual": rpo, "restored": restored,
        "matched": restored - mismatched, "mismatched": mismatched, "failed": unread,
        "left_out": len(found.left_out), "participants": list(terms.participants),
        "result": "fail" if failed else "pass",
    }  # fmt: skip


def _rpo(ledger: Ledger, acting: Acting, backup: str, started: str) -> int:
    """Seconds since the oldest content was recorded that is a file here and not in the chain."""
    with ledger.engine.connect() as connection:
        links = backups.chain(connection, backup)
    oldest = started
    for copy, original in uncovered(ledger, acting.state.party, links):
        if copy.form == "paper" or copy.medium in NO_FILES:
            continue
        try:
            place_of(ledger, copy.holding)
        except SourceFault as fault:
            if fault.cause == "not_a_file_here":
                continue
        oldest = min(oldest, ledger.events_of(original)[0][1])
    return seconds_between(oldest, started)


def drill_report(ledger: Ledger, event: str) -> dict[str, Any]:
    """The report of a drill by the id of its event, as the module's docstring lays it out.

    Raises `UsageError` if there is no such drill.
    """
    backup, _, version = event.partition("/")
    rows = ledger.events_of(backup) if backup.startswith("backup-") else []
    row = next((r for r in rows if str(r[2].version) == version), None)
    if row is None or not isinstance(row[2], RestoreDrillPerformed):
        raise UsageError("there is no restore drill of this id", "muniment backup list")
    position, accepted, said = row[0], row[1], row[2]
    with ledger.engine.connect() as connection:
        links = backups.chain(connection, backup)
        entry = connection.exec_driver_sql(
            "SELECT entry FROM events WHERE position = ?", (position,)
        ).scalar()
    report: dict[str, Any] = {
        name: getattr(said, name)
        for name in (
            "started_at", "ended_at", "rto_target", "rto_actual", "rpo_actual", "restored",
            "matched", "mismatched", "failed", "left_out", "result", "participants", "by", "role",
        )
    }  # fmt: skip
    report |= {
        "format": FORMAT, "origin": ledger.origin, "event": event, "backup": backup,
        "chain": links, "copies": said.restored + said.failed + said.left_out,
        "rto_met": said.rto_actual <= said.rto_target, "accepted": accepted,
        "position": position, "entry": entry,
    }  # fmt: skip
    if scenario := (ledger.unseal(position, said) or {}).get("scenario"):
        report["scenario"] = scenario
    return report
