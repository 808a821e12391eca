"""What a certificate of destruction says: every step with who and when, and what is not claimed.

Read from the events of the case and the register of copies, nothing else: ids, codes, times and
counts, no personal data of customers. NIST SP 800-88 r1, 4.8 is where most of the fields come from.
"""

from __future__ import annotations

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
from projections import certificates
from projections.custody import one
from projections.view import id_of, key_of

LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
_EVENTS: Final = "SELECT entry, state FROM events WHERE stream = ? ORDER BY version"

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

    `entry`: as of that entry, instead of now; None if there was no such case then. `state`:
    proposed, appraised, approved (by enough), executed, verified, certified or rejected;
    `verdict` and `claim` are None until it is certified.
    """
    said: dict[str, Any] = {
        "case": case, "state": "proposed", "verdict": None, "ground": None, "method": None,
        "technique": None, "root": None, "count": 0, "proposed": None, "appraised": [],
        "approved": [], "rejected": None, "executed": [], "verified": [], "taken_off": [],
        "certified": None, "keys": [], "remaining": [], "remaining_count": None, "items": {},
    }  # fmt: skip
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        rows = connection.exec_driver_sql(_EVENTS, (key_of(case),)).all()
        for index, state in rows:
            if entry is None or index <= entry:
                _tell(said, facts.accepted_at(index), decode_event(bytes(state)))
        if said["proposed"] is None:
            return None
        for item in said["items"].values():
            _describe(connection, item)
    said["items"] = list(said["items"].values())
    kept = [item for item in said["items"] if not item["taken_off"]]
    said["counts"] = {
        "listed": said["count"],
        "destroyed": sum(item["outcome"] == "destroyed" for item in kept),
        "verified": sum(item["verified"] == "pass" for item in kept),
        "taken_off": len(said["items"]) - len(kept),
    }
    said["state"] = _state(said, kept, ledger.policy().thresholds.approvers)
    certified = said["certified"] is not None
    said["claim"] = {lang: _claim(said, lang) for lang in LANGUAGES} if certified else None
    said["not_claimed"] = list(NOT_CLAIMED)
    return said


def cases(ledger: Ledger) -> list[str]:
    """Every destruction case, in order of its proposal."""
    table = certificates.cases.c
    with ledger.engine.connect() as connection:
        query = sa.select(table.case).order_by(table.proposed_entry)
        return [id_of("destruction_case", key) for key in connection.execute(query).scalars()]


def _state(said: dict[str, Any], kept: list[dict[str, Any]], approvers: int) -> str:
    for step in ("certified", "rejected"):
        if said[step] is not None:
            return step
    if said["executed"]:
        done = kept and all(item["verified"] == "pass" for item in kept)
        return "verified" if done else "executed"
    if len(said["approved"]) >= approvers:
        return "approved"
    return "appraised" if said["appraised"] else "proposed"


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
        _tell_items(said, event)
    elif isinstance(event, DestructionProposed):
        for name in ("ground", "method", "technique", "root", "count"):
            said[name] = getattr(event, name)
        said["proposed"] = said["proposed"] or step
        said["items"].update((holding, _listed(holding)) for holding in event.items)
    elif isinstance(event, DestructionRejected):
        said["rejected"] = step
    elif isinstance(event, DestructionCertified):
        said["certified"], said["verdict"] = step, event.verdict
        said["remaining"], said["remaining_count"] = event.remaining, event.remaining_count


def _tell_items(said: dict[str, Any], event: Event) -> None:
    items = said["items"]
    if isinstance(event, DestructionExecuted):
        said["keys"] += event.keys
        for done in event.results:
            items[done.holding].update(outcome=done.outcome, verified=None)
    elif isinstance(event, DestructionVerified):
        for read in event.results:
            items[read.holding]["verified"] = read.result
    elif isinstance(event, DestructionFailed):
        for holding in event.items:
            items[holding]["taken_off"] = True


def _listed(holding: str) -> dict[str, Any]:
    return {"holding": holding, "outcome": None, "verified": None, "taken_off": False}


def _describe(connection: sa.Connection, item: dict[str, Any]) -> None:
    """What the register says of a copy."""
    copy = one(connection, item["holding"])
    for name in ("record", "form", "medium", "size", "items", "custodian"):
        item[name] = getattr(copy, name, None)
