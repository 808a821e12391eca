"""What a certificate of destruction says: every step with who and when, and what is not claimed.

How a case and its copies stand is read from their registers, as of one entry; who took which step,
the keys and what remains from the events of the case. Ids, codes, times and counts, no personal
data of customers. NIST SP 800-88 r1, 4.8 is where most of the fields come from; what is said of
keys and their copies, from its section on cryptographic erase.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec.structs import asdict

from domain.actor import ActorState
from domain.codes import Language, label
from domain.destruction import (
    CaseState,
    DestructionApproved,
    DestructionCertified,
    DestructionExecuted,
    DestructionFailed,
    DestructionProposed,
    DestructionRejected,
    DestructionVerified,
    DisposalAppraised,
)
from domain.disposal import certifiable, keys_left, remaining
from domain.keycopy import IN_PLACE
from domain.values import Event
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from projections import certificates, custody, inventory, keycopies, media
from projections.certificates import DestructionCase, Tally
from projections.contents import handed_out
from projections.keycopies import Fate, KeyCopy
from projections.view import key_of

LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
_EVENTS: Final = "SELECT entry, state FROM events WHERE stream = ? ORDER BY version"
_AT_ONCE: Final = 200
_PLACED: Final = "SELECT position, entry, state FROM events WHERE stream = ? ORDER BY version"
_OF_KEY_COPY: Final = (
    "copy", "kind", "medium", "custodian", "made_at", "through", "listed", "expires_on",
    "technique", "registered_entry", "destroyed_entry",
)  # fmt: skip
_DESCRIBED: Final = ("record", "form", "medium", "size", "items", "custodian")

CLAIM: Final = {
    "zh": "列为已销毁的副本，按“{method}／{technique}”方法执行并核验；此前已交出的内容不在其内"
    "（登记的交出次数：{handed_out}）。",
    "en": "The copies shown as destroyed were destroyed by the method “{method} / {technique}” "
    "and verified. What was handed out before is not covered (times on record: {handed_out}).",
}
ENCRYPTION: Final = {"algorithm": "AES-256-GCM", "key_bits": 256}
"""Of every data key that was shredded, and of what was under it."""
FATES: Final = ("destroyed", "cleared", "medium_keeps", "left")
"""What became of the keys in a copy: gone with all of it; overwritten in it; overwritten where the
medium may keep what was written before; or still there, as far as anybody knows."""
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
KEYSTORE_UNNAMED: Final = {
    "zh": "密钥库所在介质从未登记：无法证明已销毁的密钥不再留存于其中。",
    "en": "The medium of the keystore was never named: it cannot be said that the destroyed keys "
    "are gone from it.",
}
"""What is said besides where keys were shredded and `keystore_medium` is None."""


def certificate(ledger: Ledger, case: str, entry: int | None = None) -> dict[str, Any] | None:
    """Everything that is certified of a case, or can be said of one that is not over yet.

    `entry`: as of that entry, instead of now; None if there was no such case then. As of
    `certified_entry` it is the certificate as it was given, and stays so whatever comes after.
    `state`: as `summaries`. `verdict`: `destroyed` or `partial` once certified; before that, what
    verification comes to so far (`projected_verdict`), while `claim` and `certified` are None.
    `items`: as `projections.certificates.CaseItem.outcome` and `.verified`, in order of their id.
    `key_copies`: every copy of keys that covers one of `keys`, with its fate (`FATES`);
    `keystore_medium`: what the party says that the keystore lies on, None if nobody has said so.
    `residual`: what remains, and why. Texts that are sealed are not among it: `texts`.
    `handed_out`: how many accesses, up to the certificate, gave out the content of a record on the
    list, or an opening of it (`domain.access.GIVING`). What became of it nobody can read
    back; so `verdict` is judged without it, and `claim` says that it is not covered.
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
        said["key_copies"] = list(_key_copies(connection, case, entry))
        said["keystore_medium"] = _keystore_medium(facts, said)
        said["media"] = _media(connection, said, entry)
        said["handed_out"] = _handed_out(connection, said, entry)
        said["residual"] = [
            _remains(connection, facts, said, one, entry) for one in said["remaining"]
        ]
    if said["verdict"] is None:
        said["verdict"] = projected_verdict(ledger, found, tally, entry)
    certified = said["certified"] is not None
    said["claim"] = {lang: _claim(said, lang) for lang in LANGUAGES} if certified else None
    unnamed = said["keys"] and said["keystore_medium"] is None
    said["not_claimed"] = [*NOT_CLAIMED, *([KEYSTORE_UNNAMED] if unnamed else [])]
    return said


def texts(ledger: Ledger, case: str, entry: int | None = None) -> dict[str, dict[str, str]]:
    """The sealed texts of a case by event: `reason`, `opinion`, `place`, `tool`, `residual`, ….

    With those of the media that its copies lay on: `manufacturer`, `model`, `serial`, `label`.
    `entry`: of events up to that entry. What was erased is left out. Raises `KeyAccessError`
    without the ledger's passphrase.
    """
    said = certificate(ledger, case, entry)
    streams = [case, *(one["medium"] for one in said["media"])] if said else []
    rows: list[Any] = []
    with ledger.engine.connect() as connection:
        for stream in streams:
            rows += connection.exec_driver_sql(_PLACED, (key_of(stream),)).all()
    found: dict[str, dict[str, str]] = {}
    for position, index, state in rows:
        event = decode_event(bytes(state))
        if (entry is None or index <= entry) and (sealed := ledger.unseal(position, event)):
            found[event.id] = dict(sealed)
    return found


def projected_verdict(
    ledger: Ledger, case: DestructionCase, tally: Tally, entry: int | None = None
) -> str | None:
    """What a case without a certificate comes to, by what was found when it was read back.

    `failed` if a copy was found, or all were taken off the list; else `unknown` if it cannot be
    said of one; else, when every copy passed, what a certificate would say. None while something on
    the list was not read back, and, as of an earlier `entry`, where only a certificate could tell.
    """
    on_list = case.count - case.taken_off
    if "rejected" in case.steps:
        return None
    if tally.failed or "failed" in case.steps:
        return "failed"
    if tally.unknown:
        return "unknown"
    if tally.verified < on_list or entry is not None:
        return None
    state = case_state(ledger, CaseState, case.case)
    with as_judged_now(ledger) as judging:
        return certifiable(state, remaining(judging, state.kept), keys_left(judging, state))


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
                if said["verdict"] is None:
                    said["verdict"] = projected_verdict(ledger, case, tallies[case.case], entry)
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
        "taken_off": [], "certified": None, "certified_entry": case.certified_entry, "keys": [],
        "encryption": ENCRYPTION, "key_copies": [], "key_copies_left": [], "key_copies_count": None,
        "remaining": [],
        "remaining_count": case.remaining, "residual": [], "handed_out": None, "items": [],
        "media": [],
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


def _key_copies(
    connection: sa.Connection, case: str, entry: int | None
) -> Iterator[dict[str, Any]]:
    """The copies of keys that cover some of the case's, and what became of those in each."""
    for copy, fate in keycopies.covering(connection, case, entry=entry):
        yield {
            **{name: getattr(copy, name) for name in _OF_KEY_COPY}, "covered": fate.covered,
            "cleared": fate.cleared, "fate": _fate(copy, fate),
        }  # fmt: skip


def _keystore_medium(facts: LedgerFacts, said: dict[str, Any]) -> str | None:
    """What the keystore lies on by the last word of the case's party (`domain.keycopy`)."""
    proposer = facts.load([said["proposed"]["by"]]).get(said["proposed"]["by"])
    named = [
        copy["medium"] for copy in said["key_copies"]
        if copy["kind"] == "live" and copy["destroyed_entry"] is None
        and isinstance(proposer, ActorState) and copy["custodian"] == proposer.party
    ]  # fmt: skip
    return named[-1] if named else None


def _fate(copy: KeyCopy, fate: Fate) -> str:
    """As `domain.keycopy.left` judges, in a word of `FATES`."""
    if not copy.there:
        return "destroyed"
    overwritten = copy.kind == "live" or fate.cleared == fate.covered
    if overwritten:
        return "cleared" if copy.medium in IN_PLACE else "medium_keeps"
    return "left"


def _handed_out(connection: sa.Connection, said: dict[str, Any], entry: int | None) -> int:
    """How often what lay in the copies on the list was given to somebody, each access once."""
    last = said["certified_entry"] if said["certified_entry"] is not None else entry
    given: set[int] = set()
    for item in said["items"]:
        given |= handed_out(connection, item["holding"], entry=last)
    return len(given)


def _media(
    connection: sa.Connection, said: dict[str, Any], entry: int | None
) -> list[dict[str, Any]]:
    """The registered media that the case's copies, of records and of keys, lie or lay on."""
    named: dict[str | None, None] = {}
    for name, rows in (("holding", said["items"]), ("copy", said["key_copies"])):
        for row in rows:
            row["medium_id"] = media.medium_of(connection, row[name], entry=entry)
            named[row["medium_id"]] = None
    found = (media.one(connection, one, entry=entry) for one in sorted(filter(None, named)))
    return [asdict(one) for one in found if one is not None]


def _remains(
    connection: sa.Connection,
    facts: LedgerFacts,
    said: dict[str, Any],
    holding: str,
    entry: int | None,
) -> dict[str, Any]:
    """A copy that remains, and why: lost, another party's, kept for a period, or not listed."""
    copy = custody.one(connection, holding, entry=entry)
    row: dict[str, Any] = {"holding": holding}
    row |= {name: getattr(copy, name, None) for name in _DESCRIBED}
    record = inventory.one(connection, copy.record, entry=entry) if copy and copy.record else None
    row["kept_until"] = record.min_until if record else None
    row["permanent"] = bool(record and record.permanent)
    proposer = facts.load([said["proposed"]["by"]]).get(said["proposed"]["by"])
    day = facts.policy().calendar.day_of(said["certified"]["accepted"])
    if copy and isinstance(proposer, ActorState) and copy.custodian != proposer.party:
        why = "kept_by_another"
    elif copy and copy.condition == "lost":
        why = "lost"
    elif row["permanent"] or (row["kept_until"] or "") >= day:
        why = "kept_by_law"
    else:
        why = "not_on_the_list"
    return {**row, "why": why}


def _claim(said: dict[str, Any], language: Language) -> str:
    """What was done, by the techniques that were used, or else by the one proposed."""
    used = dict.fromkeys(step["technique"] for step in said["executed"]) or [said["technique"]]
    techniques = (label("DestructionTechnique", code, language) for code in used)
    method = label("DestructionMethodClass", said["method"], language)
    return CLAIM[language].format(
        method=method, technique=", ".join(techniques), handed_out=said["handed_out"]
    )


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
        said["key_copies_left"] = event.key_copies
        said["key_copies_count"] = event.key_copies_count
