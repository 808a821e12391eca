"""What people ask of a ledger: where is it, who may see it, why can't I.

Answers are rows of codes, ids, counts and times; names and places are sealed, and whoever prints
the answer adds them. Nothing here decides anything: `Asking` puts the act as a hypothetical event
before the same rules and guards that judge it when it is recorded, and hands on what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import UNSET, structs, to_builtins

from domain.access import GrantState, RecordAccessed, against_access
from domain.actor import ActorState
from domain.clearing import NOT_PERSONAL, against_items
from domain.codes import ENUMERATIONS, covers
from domain.copies import contents_of, copies_of_record, over
from domain.copies import holdings as copies_of
from domain.destruction import DestructionProposed
from domain.engagement import EngagementState
from domain.gates import against_release
from domain.guards import against_transfer, examples_of, own_copies
from domain.handover import HandoverCancelled, HandoverListFrozen
from domain.judging import Case, Refusal, World, rules_for
from domain.listing import list_root
from domain.record import (
    RecordArchived,
    RecordClassified,
    RecordCollected,
    RecordReclassified,
    RecordState,
)
from domain.values import Event, SealedRef
from ledger.custody import as_judged_now, parts
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from ledger.signing import new_ids, now
from projections import access
from projections.backups import backup_of
from projections.custody import copies
from projections.view import key_of

if TYPE_CHECKING:
    from ledger.application import Ledger

Row = dict[str, Any]

_AT_ONCE: Final = 500
_LAST: Final = 2**63 - 1
_NO_SALT: Final = "A" * 22  # a hypothetical event is never recorded
_SOME_REASON: Final = SealedRef(key=f"key-{UUID(int=0)}", root="0" * 64, digest="0" * 64)
"""A reason in words is whoever proposes' to give; what is asked is what else is in the way."""


# -- why ---------------------------------------------------------------------------------------


class Asking:
    """Somebody asks what stands in the way of an act now; every answer is empty if nothing does.

    What is judged is what the act is about. Which roles permit it, and who must sign besides, is
    not asked: the one who asks is often not the one who acts.
    """

    def __init__(self, case: Case, connection: sa.Connection, actor: str, engagement: str) -> None:
        self.case = case
        self._connection = connection
        self._actor = actor
        self._engagement = engagement

    @property
    def connection(self) -> sa.Connection:
        """What is asked by: whoever asks more of the same state needs no other."""
        return self._connection

    def record(self, record: str) -> RecordState:
        """The state of a record that exists."""
        state = self.case.world.state(record, RecordState)
        assert state is not None  # its id was looked up
        return state

    def against_archive(self, record: str) -> list[Refusal]:
        """What stands in the way of archiving."""
        version = self.record(record).version + 1
        return self._judged([self._event(RecordArchived, record, version=version)])

    def against_handover(self, items: Sequence[str], handover: str = "") -> list[Refusal]:
        """What stands in the way of handing over copies; being on `handover`'s list does not."""
        listed: Row = {"items": list(items), "count": len(items), "root": list_root(items)}
        stream = handover or new_ids("handover")[0]
        event = self._event(HandoverListFrozen, stream, list_version=1, **listed)
        found = [*own_copies(self.case, event, items), *against_transfer(self.case, items)]
        return [refusal for refusal in found if refusal.blocking != (stream,)]

    def against_deal(self, items: Sequence[str], engagement: str) -> list[Refusal]:
        """What a deal waits for before copies go to its buyer: its people, and its gates.

        Whose keys were agreed on is not asked: that is about who signs.
        """
        found = list(against_items(self.case, engagement, items))
        deal = self.case.world.state(engagement, EngagementState)
        if deal is None or deal.kind != "deal":
            return found
        records = [
            record
            for copy in copies_of(self.case, items)
            for record in examples_of(self.case, contents_of(self.case, copy))
        ]
        every, personal = (
            {category for one in some for category in one.categories or (one.category,)}
            for some in (records, [r for r in records if r.sensitivity not in NOT_PERSONAL])
        )
        event = self._event(HandoverCancelled, new_ids("handover")[0], engagement=engagement)
        sides = deal.seller, deal.buyer
        return [*found, *against_release(self.case, event, *sides, every, personal)]

    def against_destruction(self, items: Sequence[str], ground: str) -> list[Refusal]:
        """What stands in the way of proposing the destruction of copies."""
        stream = new_ids("destruction_case")[0]
        whole = {"count": len(items), "root": list_root(items), "ground": ground}
        means = {"method": "logical_delete", "technique": "crypto_erase"}
        return self._judged([
            self._event(
                DestructionProposed, stream, version=number, items=part, sealed=_SOME_REASON,
                **whole, **means,
            )
            for number, part in enumerate(parts(items), 1)
        ])  # fmt: skip

    def against_access(self, record: str, purpose: str, mode: str) -> list[Refusal]:
        """What stands in the way of an access by whoever asks.

        Of the copy that would be read first, and by the grant that comes closest.
        """
        state = self.record(record)
        given: list[Any] = [UNSET]
        if purpose != "break_glass":
            wide = with_parents(state.categories)
            found = access.grants_for(self._connection, self._actor, record, wide)
            given = [*reversed(found)] or given
        answers = [
            list(against_access(self.case, self._event(
                RecordAccessed, record, version=state.version + 1, holding=self._at_hand(state),
                mode=mode, purpose=purpose, grant=grant, outcome="allowed",
                engagement=self._given_under(grant),
            )))
            for grant in given
        ]  # fmt: skip
        return min(answers, key=len)

    def _given_under(self, grant: Any) -> str:  # noqa: ANN401  an id or nothing
        """The engagement in which a grant is used: that under which it was given."""
        given = None if grant is UNSET else self.case.world.state(grant, GrantState)
        return self._engagement if given is None else given.engagement

    def _at_hand(self, state: RecordState) -> str:
        """The copy with the present content if it is there and one's own, else another such."""
        own = self.case.world.before(self._actor, ActorState)
        current = state.holdings[-1]
        mine = [
            copy.stream
            for copy in copies_of_record(self.case, state)
            if copy.there and own is not None and copy.custodian == own.party
        ]
        return min(mine, key=lambda copy: (copy != current, copy), default=current)

    def originals(self, record: str) -> list[str]:
        """The copy in which the record's content was collected or last corrected."""
        return [self.record(record).holdings[-1]]

    def all_copies(self, record: str) -> list[str]:
        """The copies of a record that are there; if none is, those that were."""
        found = copies_of_record(self.case, self.record(record))
        there = [copy.stream for copy in found if copy.there]
        return there or [copy.stream for copy in found]

    def count_records(self, items: Sequence[str]) -> int:
        """How many records lie in copies."""
        return sum(contents_of(self.case, copy).records for copy in copies_of(self.case, items))

    def over(self, record: str) -> bool:
        """Whether nothing of the record is left here."""
        return over(self.case, self.record(record))

    def restricted(self, record: str) -> bool:
        """Whether the record's processing is restricted."""
        return self.record(record).restricted is not None

    def _event(self, kind: type[Event], stream: str, *, version: int = 1, **fields: Any) -> Any:  # noqa: ANN401
        return kind(
            stream=stream, version=version, at=self.case.statement.accepted, by=self._actor,
            role="custodian", salt=_NO_SALT, **{"engagement": self._engagement, **fields},
        )  # fmt: skip

    def _judged(self, events: Sequence[Event]) -> list[Refusal]:
        """What the rules of the first event that is not permitted say."""
        case = self.case
        if len(events) > 1:  # what follows is judged by what came before, and then forgotten
            case = structs.replace(case, world=World(case.world.source))
        for event in events:
            found = [refusal for rule in rules_for(type(event)) for refusal in rule(case, event)]
            if found:
                return found
            if event is not events[-1]:
                case.world.advance(event, case.statement.entry, case.statement.accepted)
        return []


@contextmanager
def asking(ledger: Ledger, actor: str) -> Iterator[Asking]:
    """Ask as an actor, of the ledger as it stands now."""
    with ledger.engine.connect() as connection, as_judged_now(ledger) as case:
        yield Asking(case, connection, actor, ledger.routine())


# -- where -------------------------------------------------------------------------------------


def where(connection: sa.Connection, record: str, entry: int | None = None) -> list[Row]:
    """Every copy that holds a record, gone ones included, in order of creation.

    `original`: whether the content was collected or corrected in it; `backup`: the one that it
    belongs to. `entry`: as of that entry, instead of now.
    """
    return [
        {
            **to_builtins(copy),
            "there": copy.there,
            "original": copy.made_from is None and copy.record is None,
            "backup": backup_of(connection, copy.holding, entry=entry),
        }
        for copy in copies(connection, record, entry=entry)
    ]


# -- who ---------------------------------------------------------------------------------------


def who(ledger: Ledger, record: str, entry: int | None = None) -> list[Row]:
    """Who keeps copies of a record, who may or might access it, who did and who was refused.

    One row a keeper (`kind` keeps), a grant that covers it (may) and an access (allowed,
    break_glass, denied), in this order; `condition` of a grant: in_force, not_begun, over or
    revoked. `entry`: as of that entry, instead of now.
    """
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        moment = now() if entry is None else facts.accepted_at(entry)
        keepers = _keepers(where(connection, record, entry))
        seen = [_seen(row) for row in _accesses(connection, record, entry)]
        may = [_grant(facts, grant, seen, moment) for grant in _covering(connection, record, entry)]
    return [*keepers, *may, *seen]


def _keepers(found: Sequence[Row]) -> list[Row]:
    counts: dict[str, int] = {}
    for copy in found:
        if copy["there"]:
            counts[copy["custodian"]] = counts.get(copy["custodian"], 0) + 1
    return [{"kind": "keeps", "party": party, "copies": n} for party, n in counts.items()]


def _accesses(
    connection: sa.Connection, record: str, entry: int | None
) -> Iterator[access.Accessed]:
    after = None
    while found := access.listed(
        connection, record=record, limit=_AT_ONCE, after=after, entry=entry
    ):
        yield from found
        after = found[-1].position


def _seen(row: access.Accessed) -> Row:
    return {
        "kind": row.outcome, "actor": row.actor, "at": row.accepted, "holding": row.holding,
        "modes": [row.mode], "purposes": [row.purpose] if row.purpose else [],
        "grant": row.grant, "rule": row.rule, "intact": row.intact, "position": row.position,
    }  # fmt: skip


def _categories(connection: sa.Connection, record: str, entry: int | None) -> Sequence[str]:
    """The categories that a record has, or had at an entry."""
    rows = connection.exec_driver_sql(
        "SELECT state FROM events WHERE stream = ? AND entry <= ? ORDER BY version DESC",
        (key_of(record), _LAST if entry is None else entry),
    )
    for (state,) in rows:
        event = decode_event(bytes(state))
        if isinstance(event, RecordClassified | RecordReclassified):
            return event.categories
        if isinstance(event, RecordCollected):
            return [event.category]
    return []


def with_parents(categories: Sequence[str]) -> list[str]:
    """The categories that cover one of these: they themselves, and what they are parts of.

    >>> with_parents(["communication.sms"])
    ['communication', 'communication.sms']
    """
    return [
        code
        for code in ENUMERATIONS["RecordCategory"].codes
        if any(covers(code, category) for category in categories)
    ]


def _covering(connection: sa.Connection, record: str, entry: int | None) -> Iterator[access.Grant]:
    """The grants, of anybody, that name a record or cover a category of it."""
    wide = with_parents(_categories(connection, record, entry))
    after = None
    while found := access.granted(
        connection, record=record, categories=wide, limit=_AT_ONCE, after=after, entry=entry
    ):
        yield from found
        after = found[-1].grant


def _grant(facts: LedgerFacts, grant: access.Grant, seen: Sequence[Row], moment: str) -> Row:
    ended = grant.revoked_entry
    uses = [row for row in seen if row["grant"] == grant.grant and row["kind"] == "allowed"]
    return {
        "kind": "may", "actor": grant.actor, "grant": grant.grant, "giver": grant.giver,
        "condition": _condition(grant, moment), "modes": list(grant.modes),
        "purposes": list(grant.purposes), "begins": grant.begins, "ends": grant.ends,
        "at": facts.accepted_at(grant.granted_entry),
        "revoked_at": None if ended is None else facts.accepted_at(ended),
        "used": len(uses), "last_used": uses[-1]["at"] if uses else None,
    }  # fmt: skip


def _condition(grant: access.Grant, moment: str) -> str:
    if grant.revoked_entry is not None:
        return "revoked"
    if moment < grant.begins:
        return "not_begun"
    return "in_force" if moment <= grant.ends else "over"
