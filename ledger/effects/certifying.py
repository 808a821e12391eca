"""What a certificate of destruction says: every step with who and when, and what is not claimed.

How a case and its copies stand is read from their registers, as of one entry; who took which step,
the keys and what remains from the events of the case. Ids, codes, times and counts, no personal
data of customers. NIST SP 800-88 r1, 4.8 is where most of the fields come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from domain.codes import Language, label
from domain.destruction import (
    DestructionApproved,
    DestructionCertified,
    DestructionExecuted,
    DestructionFailed,
    DestructionProposed,
    DestructionRejected,
    DestructionVerified,
    DisposalAppraised,
)
from domain.values import Event
from ledger.application import Ledger
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from projections import certificates, custody
from projections.certificates import DestructionCase, Tally
from projections.view import key_of

LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
_EVENTS: Final = "SELECT entry, state FROM events WHERE stream = ? ORDER BY version"
_AT_ONCE: Final = 200
_DESCRIBED: Final = ("record", "form", "medium", "size", "items", "custodian")

CLAIM: Final = {
    "zh": "列为已销毁的副本，按“{method}／{technique}”方法执行并核验。",
    "en": "The copies shown as destroyed were destroyed by the method “{method} / {technique}” "
    "and verified.",
}
NOT_CLAIMED: Final = (
    {
        "zh": "本证明只及于所列副本、所列密钥及本账本所存密文；未登记的副本、外部备份、快照及"
        "交与他人的副本不在其内。",
        "en": "This covers the copies listed, the keys listed and the ciphertext kept by this "
        "ledger. Copies that were never registered, backups by others, snapshots and what was "
        "handed to others are not covered.",
    },
    {
        "zh": "覆写及于文件系统当前分配给该文件的数据块；固态盘、写时复制及日志可能另存旧块。",
        "en": "Overwriting reaches the blocks that the file system gave to the file at that time; "
        "solid-state disks, copy-on-write and journals may keep older ones.",
    },
    {
        "zh": "非本机文件的副本，其结果依操作人及核验人的陈述。",
        "en": "For copies that are no files here, the results are what operator and verifier said.",
    },
)
"""What nobody should read into a certificate."""


def certificate(ledger: Ledger, case: str, entry: int | None = None) -> dict[str, Any] | None:
    """Everything that is certified of a case, or can be said of one that is not over yet.

    `entry`: as of that entry, instead of now; None if there was no such case then. `state`: as
    `summaries`; `verdict` and `claim` are None until it is certified. `items`: as
    `projections.certificates.CaseItem.outcome` and `.verified`, in order of their id.
    """
    with ledger.engine.connect() as connection:
        found = certificates.one(connection, case, entry=entry)
        if found is None:
            return None
        facts = LedgerFacts(connection)
        tally = _tally(connection, [found], entry)[case]
        said = _about(found, tally, ledger.policy().thresholds.approvers)
        rows = connection.exec_driver_sql(_EVENTS, (key_of(case),)).all()
        for index, state in rows:
            if entry is None or index <= entry:
                _tell(said, facts.accepted_at(index), decode_event(bytes(state)))
        said["items"] = list(_items(connection, case, entry))
    certified = said["certified"] is not None
    said["claim"] = {lang: _claim(said, lang) for lang in LANGUAGES} if certified else None
    said["not_claimed"] = list(NOT_CLAIMED)
    return said


def summaries(ledger: Ledger, entry: int | None = None) -> Iterator[dict[str, Any]]:
    """Every destruction case in order of its id, read in portions: how far it has come.

    `entry`: as of that entry, instead of now. `state`: proposed, appraised (as may go), approved
    (by enough), executed, verified (every copy on the list), or how it ended: certified, rejected
    or failed (nothing was left on the list). `proposed`: when that was accepted.
    """
    approvers = ledger.policy().thresholds.approvers
    after = None
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        while found := certificates.listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            tallies = _tally(connection, found, entry)
            for case in found:
                said = _about(case, tallies[case.case], approvers)
                yield {**said, **said["counts"], "proposed": facts.accepted_at(case.proposed_entry)}
            after = found[-1].case


def _tally(
    connection: sa.Connection, found: Sequence[DestructionCase], entry: int | None
) -> dict[str, Tally]:
    return certificates.tallies(connection, [case.case for case in found], entry=entry)


def _about(case: DestructionCase, tally: Tally, approvers: int) -> dict[str, Any]:
    """What the register of cases says of one; the steps, keys and copies are still to be told."""
    return {
        "case": case.case, "state": _state(case, tally, approvers), "verdict": case.verdict,
        "ground": case.ground, "method": case.method, "technique": case.technique,
        "root": case.root, "count": case.count, "appraisal": case.appraisal, "proposed": None,
        "appraised": [], "approved": [], "rejected": None, "executed": [], "verified": [],
        "taken_off": [], "certified": None, "keys": [], "remaining": [],
        "remaining_count": case.remaining, "items": [],
        "counts": {
            "listed": case.count, "destroyed": tally.destroyed, "verified": tally.verified,
            "taken_off": case.taken_off,
        },
    }  # fmt: skip


def _state(case: DestructionCase, tally: Tally, approvers: int) -> str:
    for end in ("certified", "failed", "rejected"):
        if end in case.steps:
            return end
    if case.executed_entry is not None:
        return "verified" if tally.verified == case.count - case.taken_off else "executed"
    if case.appraisal != "pass":  # an opinion may have changed since the approvals
        return "proposed"
    return "approved" if case.approvals >= approvers else "appraised"


def _items(connection: sa.Connection, case: str, entry: int | None) -> Iterator[dict[str, Any]]:
    """The copies on the list, what became of each, and what the register of copies says of it."""
    after = None
    while found := certificates.items(connection, case, limit=_AT_ONCE, after=after, entry=entry):
        for item in found:
            copy = custody.one(connection, item.holding, entry=entry)
            yield {
                "holding": item.holding, "outcome": item.outcome, "verified": item.verified,
                "taken_off": item.taken_off_entry is not None,
                **{name: getattr(copy, name, None) for name in _DESCRIBED},
            }  # fmt: skip
        after = found[-1].holding


def _claim(said: dict[str, Any], language: Language) -> str:
    """What was done, by the techniques that were used, or else by the one proposed."""
    used = dict.fromkeys(step["technique"] for step in said["executed"]) or [said["technique"]]
    techniques = (label("DestructionTechnique", code, language) for code in used)
    method = label("DestructionMethodClass", said["method"], language)
    return CLAIM[language].format(method=method, technique=", ".join(techniques))


_REPEATED: Final[dict[type[Event], tuple[str, tuple[str, ...]]]] = {
    DisposalAppraised: ("appraised", ("result",)),
    DestructionApproved: ("approved", ()),
    DestructionExecuted: ("executed", ("technique", "witnesses", "started_at", "ended_at")),
    DestructionVerified: ("verified", ("method",)),
    DestructionFailed: ("taken_off", ("items",)),
}
"""Steps that a case takes more than once, and what is told of them."""


def _tell(said: dict[str, Any], accepted: str, event: Event) -> None:
    step: dict[str, Any] = {
        "by": event.by, "role": event.role, "at": event.at, "accepted": accepted,
        "event": event.id,
    }  # fmt: skip
    if type(event) in _REPEATED:
        name, fields = _REPEATED[type(event)]
        said[name].append({**step, **{field: getattr(event, field) for field in fields}})
        if isinstance(event, DestructionExecuted):
            said["keys"] += event.keys
    elif isinstance(event, DestructionProposed):
        said["proposed"] = said["proposed"] or step
    elif isinstance(event, DestructionRejected):
        said["rejected"] = step
    elif isinstance(event, DestructionCertified):
        said["certified"], said["remaining"] = step, event.remaining
