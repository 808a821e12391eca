"""What was delivered, taken over once the handover is confirmed: into the vault, never in clear.

On the ledger that both firms share, each content that passed becomes a copy of its record that the
buyer keeps. In the buyer's own ledger it becomes a record of it, in a copy in
that ledger's vault: the record names the one that it continues and the event by which the other
ledger's state was imported, and is classified and kept as it was there when the list was frozen,
whatever was said there since. Periods are computed by the
own policy pack: from the rules named there, as far as that pack has them, else from all that apply.

The package is read twice: once to its end, so that nothing is taken out of one that is not the one
confirmed, and once to take. What was taken before is known again, here by the copies there are, in
the own ledger by tokens (as where files are collected), so a run that was broken off is run again.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec import UNSET

from domain.handover import HandoverState, records_of
from domain.holding import HoldingCreated
from domain.policy import Policy
from domain.record import (
    RecordClassified,
    RecordCollected,
    RecordReclassified,
    RecordState,
    RetentionAssigned,
)
from domain.replica import LedgerBundleImported
from domain.retention import Assignment
from ledger.acting import Acting
from ledger.acts import given
from ledger.application import Ledger
from ledger.collecting import pepper
from ledger.effects.following import follow
from ledger.effects.streams import events_of, in_parts
from ledger.effects.unpacking import Item, Package
from ledger.effects.vaulting import remove_strays
from ledger.errors import UsageError
from ledger.handoverlist import Line
from ledger.recognition import LABEL, TOKEN_BYTES
from ledger.recorder import Receipt
from ledger.schema import TOKENS
from ledger.signing import Proposal, new_ids
from ledger.vault import HELD_BYTES, Kept, Storing, Taken, texts_of
from projections.custody import THERE
from projections.tables import holdings, inventory
from projections.view import id_of, key_of

AT_ONCE: Final = 250
"""So many contents one commit takes: three events each, with the import before them."""

_DONE: Final = frozenset({"confirmed", "residual_declared"})
_CONTINUED: Final = b"continues/v1\0"


class Over(NamedTuple):
    """What was taken over: how many contents, how many before, how many cannot be.

    `faulty`: items whose content is not what their lines say, although they passed; `without`: how
    many records got no period, because the own policy pack gives none.
    """

    taken: int
    before: int
    faulty: Sequence[str]
    without: int
    receipts: Sequence[Receipt]


def check_passed(state: HandoverState) -> None:
    """Raise `UsageError` unless the handover is confirmed and something was delivered by it."""
    if state.step not in _DONE:
        raise UsageError(
            "nothing is taken over before the handover is confirmed; nothing was recorded",
            "muniment handover confirm HANDOVER",
        )
    if not records_of(state.items):
        raise UsageError("the handover delivered no content: its copies have passed themselves")


def take_here(
    ledger: Ledger,
    acting: Acting,
    state: HandoverState,
    package: Package,
    medium: str,
    **options: Any,  # noqa: ANN401  role and engagement, those of `Ledger.build`
) -> Over:
    """Put what passed into the vault of the ledger that both firms share, as the buyer's copies.

    `medium`: what the vault lies on. Raises `DamagedPackageError` with nothing recorded,
    `RefusedError`; what was recorded before stands.
    """
    check_passed(state)
    if acting.state.party != state.to_party:
        raise UsageError(
            "only the party that got it takes it over; nothing was recorded", "--as ACTOR"
        )
    _read_through(package)
    passed = _passed(state)
    before = _copies_of(ledger, passed, state.to_party)

    def proposals(batch: Sequence[_Waiting], kept: Sequence[Kept]) -> list[Proposal]:
        return [
            _copy(one, made, acting, medium, {"record": one.line.item})
            for one, made in zip(batch, kept, strict=True)
        ]

    run = _Run(ledger, partial(_record, ledger, acting, options), proposals)
    run.go(package, passed - before)
    return Over(run.taken, len(before), run.faulty, 0, run.receipts)


def take_over(
    ledger: Ledger,
    acting: Acting,
    replica: Ledger,
    state: HandoverState,
    package: Package,
    medium: str,
    **options: Any,  # noqa: ANN401  role and engagement, those of `Ledger.build`
) -> Over:
    """Take what passed by another ledger's handover over into one's own ledger.

    `replica`: of that ledger, open for reading, a continuation of what was pinned; `state`: the
    handover there. Raises as `take_here`.
    """
    check_passed(state)
    _read_through(package)
    passed = _passed(state)
    own = _Own(ledger, acting, replica, state, medium, options)
    before = set(own.known(passed))
    follow(ledger.folder, replica.folder.path)
    run = _Run(ledger, own.record, own.proposals)
    if passed - before:
        own.imported(package.package, len(passed))
    run.go(package, passed - before)
    without = own.assign_periods(passed)
    return Over(run.taken, len(before), run.faulty, without, [*own.receipts, *run.receipts])


def _passed(state: HandoverState) -> set[str]:
    return {item for item in records_of(state.items) if state.items[item] == "confirmed"}


def _read_through(package: Package) -> None:
    """Only who has read a package to its end knows that its items are the list."""
    for _ in package.items():
        pass


# -- contents into the vault ----------------------------------------------------------------------


class _Waiting(NamedTuple):
    """A content that was read, and waits to be recorded; `size` in bytes."""

    line: Line
    taken: Taken
    size: int


class _Run:
    """One reading of a package into the vault."""

    def __init__(self, ledger: Ledger, record: Any, proposals: Any) -> None:  # noqa: ANN401  functions
        self._ledger = ledger
        self._record = record
        self._proposals = proposals
        self._waiting: list[_Waiting] = []
        self.taken = 0
        self.faulty: list[str] = []
        self.receipts: list[Receipt] = []

    def go(self, package: Package, wanted: set[str]) -> None:
        """Take the contents of these items."""
        remove_strays(self._ledger)
        with Storing(self._ledger.folder.path, self._ledger.keystore) as storing:
            for item in package.items():
                if item.line.item in wanted and item.delivered:
                    self._take(package, item, storing)
                    if len(self._waiting) == AT_ONCE or storing.held >= HELD_BYTES:
                        self._keep(storing)
            self._keep(storing)

    def _take(self, package: Package, item: Item, storing: Storing) -> None:
        with package.content(item) as file:
            taken = storing.take(file)
        if taken.content != item.line.digest:
            storing.forget(taken)
            self.faulty.append(item.line.item)
            return
        size = taken.staged.made.size if taken.staged else len(taken.data)
        self._waiting.append(_Waiting(item.line, taken, size))

    def _keep(self, storing: Storing) -> None:
        """Store what waits, and say so in one commit."""
        if not self._waiting:
            return
        kept = storing.keep([one.taken for one in self._waiting])
        proposals = self._proposals(self._waiting, kept)
        last = proposals[-1].stream
        with storing.recording(lambda: self._ledger.state(last) is not None):
            self.receipts.append(self._record(proposals, [one.line.item for one in self._waiting]))
        self.taken += len(self._waiting)
        self._waiting = []


def _record(
    ledger: Ledger,
    acting: Acting,
    options: Mapping[str, Any],
    proposals: Sequence[Proposal],
    _items: Sequence[str],
) -> Receipt:
    return ledger.act(acting, proposals, **options)


def _copy(
    one: _Waiting, made: Kept, acting: Acting, medium: str, more: Mapping[str, Any]
) -> Proposal:
    """A copy in the vault."""
    line = one.line
    form = "digitized" if line.form == "paper" else line.form
    fields = {
        "custodian": acting.state.party, "form": form, "medium": medium, "size": one.size,
        "items": line.quantity, "encrypted": True, "object": made.object, **more,
    }  # fmt: skip
    title = line.title if line.title is not UNSET else line.item
    return Proposal(
        HoldingCreated, new_ids("holding")[0], fields, texts_of(title, one.taken.content),
        made.key[0],
    )  # fmt: skip


def _copies_of(ledger: Ledger, records: set[str], party: str) -> set[str]:
    """Those of these records of which a party keeps an encrypted copy that is there."""
    h, found = holdings.c, set[str]()
    with ledger.engine.connect() as connection:
        for part in in_parts(sorted(records)):
            query = sa.select(h.record).where(
                h.record.in_([key_of(record) for record in part]), h.custodian == key_of(party),
                h.encrypted == 1, h.condition.in_(THERE),
            )  # fmt: skip
            found.update(id_of("record", key) for key in connection.execute(query).scalars())
    return found


# -- records of one's own ledger ------------------------------------------------------------------


class _There(NamedTuple):
    """What the other ledger says of a record."""

    collected: RecordCollected
    classified: RecordClassified | RecordReclassified | None
    periods: Mapping[str, RetentionAssigned]


class _Own:
    """The buyer's own ledger, and what is known of the other one by its replica."""

    def __init__(
        self,
        ledger: Ledger,
        acting: Acting,
        replica: Ledger,
        state: HandoverState,
        medium: str,
        options: Mapping[str, Any],
    ) -> None:
        self._ledger, self._acting, self._options = ledger, acting, options
        self._replica, self._state, self._medium = replica, state, medium
        self._engagement = options.get("engagement") or ledger.routine()
        self._pepper = pepper(ledger, self._engagement, LABEL)
        self._imported = ""
        self.receipts: list[Receipt] = []

    # -- what was taken before

    def known(self, records: Iterator[str] | set[str]) -> dict[str, str]:
        """The records here that continue some there, by these."""
        found: dict[str, str] = {}
        with self._ledger.engine.connect() as connection:
            for part in in_parts(sorted(records)):
                tokens = {self._token(record): record for record in part}
                query = sa.select(TOKENS.c.token, TOKENS.c.stream).where(
                    TOKENS.c.token.in_(list(tokens))
                )
                for token, stream in connection.execute(query):
                    found[tokens[bytes(token)]] = id_of("record", stream)
        return found

    def _token(self, record: str) -> bytes:
        message = _CONTINUED + self._replica.origin.encode() + b"\0" + record.encode()
        return hmac.digest(self._pepper, message, "sha256")[:TOKEN_BYTES]

    def imported(self, package: str, records: int) -> None:
        """Say from which state of the other ledger is taken, unless that was said before."""
        for _position, _accepted, event, _raw in self._ledger.events_of(self._ledger.ledger_id):
            if isinstance(event, LedgerBundleImported) and self._is_of(event, package):
                self._imported = event.id
        if self._imported:
            return
        size, root = self._replica.seen()
        fields = {
            "origin": self._replica.origin, "source_ledger": self._replica.ledger_id,
            "size": size, "root": root.hex(), "package": package,
            "handover": self._state.stream, "records": records,
        }  # fmt: skip
        proposal = Proposal(LedgerBundleImported, self._ledger.ledger_id, fields)
        receipt = self._ledger.act(self._acting, [proposal], **self._options)
        self.receipts.append(receipt)
        self._imported = receipt.events[0].id

    def _is_of(self, event: LedgerBundleImported, package: str) -> bool:
        """Whether an import is of this handover's package, and not of another ledger's."""
        return (event.origin, event.source_ledger, event.handover, event.package) == (
            self._replica.origin, self._replica.ledger_id, self._state.stream, package,
        )  # fmt: skip

    # -- contents

    def proposals(self, batch: Sequence[_Waiting], kept: Sequence[Kept]) -> list[Proposal]:
        """Copy, record and classification of each."""
        there = self._there([one.line.item for one in batch])
        found: list[Proposal] = []
        for one, made, record in zip(batch, kept, new_ids("record", len(batch)), strict=True):
            copy = _copy(one, made, self._acting, self._medium, {})
            told = there[one.line.item]
            found += [copy, self._collected(one, copy, record, told)]
            if told.classified is not None:
                found.append(Proposal(RecordClassified, record, _axes(told.classified)))
        return found

    def _collected(self, one: _Waiting, copy: Proposal, record: str, there: _There) -> Proposal:
        collected = there.collected
        fields = {
            "holding": copy.stream, "category": collected.category, "form": copy.fields["form"],
            "size": one.size, "items": copy.fields["items"], "basis": collected.basis,
            "notice": collected.notice, "method": "handover", "continues": one.line.item,
            "imported": self._imported,
            **given(notice_exemption=collected.notice_exemption or None),
        }  # fmt: skip
        sealed = {
            "title": copy.sealed["name"] if copy.sealed else "",
            "source": f"{self._replica.origin} {self._state.stream}",
            "content": one.taken.content,
        }
        return Proposal(RecordCollected, record, fields, sealed, copy.key)

    def record(self, proposals: Sequence[Proposal], items: Sequence[str]) -> Receipt:
        """Record them with the tokens by which they are known again."""
        events, ciphertexts = self._ledger.build(self._acting, proposals, **self._options)
        records = [p.stream for p in proposals if p.kind is RecordCollected]
        tokens = [
            (self._token(item), key_of(record)) for item, record in zip(items, records, strict=True)
        ]
        return self._ledger.commit(self._acting, events, ciphertexts, tokens=tokens)

    def _there(self, records: Sequence[str]) -> dict[str, _There]:
        """What the other ledger said of some records when the list was frozen, and not since.

        What is said there after they have passed is no longer said of the buyer's records.
        """
        found: dict[str, _There] = {}
        with self._replica.engine.connect() as connection:
            for part in in_parts(records):
                for record, kept in events_of(connection, part, self._state.since).items():
                    collected, classified = None, None
                    periods: dict[str, RetentionAssigned] = {}
                    for one in kept:
                        match one.event:
                            case RecordCollected() as event:
                                collected = event
                            case RecordClassified() | RecordReclassified() as event:
                                classified = event
                            case RetentionAssigned() as event:
                                periods[event.trigger] = event
                    assert collected is not None  # a record begins with it
                    found[record] = _There(collected, classified, periods)
        return found

    # -- how long they are kept

    def assign_periods(self, records: set[str]) -> int:
        """Assign a period to each record that has none yet; how many get none from the pack."""
        policy, without = self._ledger.policy(), 0
        here = self.known(records)
        for part in in_parts(sorted(here)):
            waiting = self._unassigned([here[record] for record in part])
            proposals: list[Proposal] = []
            for record, there in self._there(part).items():
                if here[record] not in waiting:
                    continue
                state = self._ledger.state(here[record])
                assert isinstance(state, RecordState)
                made = [*_periods(policy, state, there.periods)]
                proposals += made
                without += not made
            if proposals:
                options = {**self._options, "role": None}
                self.receipts.append(self._ledger.act(self._acting, proposals, **options))
        return without

    def _unassigned(self, records: Sequence[str]) -> set[str]:
        query = sa.select(inventory.c.record).where(
            inventory.c.record.in_([key_of(record) for record in records]),
            inventory.c.triggers.is_(None),
        )
        with self._ledger.engine.connect() as connection:
            return {id_of("record", key) for key in connection.execute(query).scalars()}


def _axes(event: RecordClassified | RecordReclassified) -> dict[str, Any]:
    axes = {
        "categories": event.categories, "level": event.level, "sensitivity": event.sensitivity,
        "sensitive_kinds": event.sensitive_kinds, "profile": event.profile,
        "customer_type": event.customer_type, "business_area": event.business_area,
        "need": event.need, "relationship": event.relationship,
    }  # fmt: skip
    return {name: value for name, value in axes.items() if value is not UNSET}


def _periods(
    policy: Policy, state: RecordState, periods: Mapping[str, RetentionAssigned]
) -> Iterator[Proposal]:
    """Each period that was assigned there, as the own pack gives it."""
    for trigger, there in periods.items():
        apply = [rule for rule in policy.retention_for(state.traits)
                 if rule.trigger in (None, trigger)]  # fmt: skip
        named = [name for name in there.rules if name in policy.retention]
        replaced = {name for rule in named for name in policy.retention[rule].instead_of}
        duties = [
            rule.id
            for rule in apply
            if rule.basis == "duty" and rule.id not in named and rule.id not in replaced
        ]
        for names in ([*named, *duties], [rule.id for rule in apply]):
            computed = policy.retention_until(names, state.categories, trigger, there.trigger_date)
            if names and isinstance(computed, Assignment):
                yield _assigned(state.stream, names, there, computed)
                break


def _assigned(
    record: str, names: Sequence[str], there: RetentionAssigned, computed: Assignment
) -> Proposal:
    fields = {
        "rules": names, "trigger": there.trigger, "trigger_date": there.trigger_date,
        "permanent": computed.permanent, "conflict": computed.conflict, "action": computed.action,
        **given(min_until=computed.min_until, max_until=computed.max_until),
    }  # fmt: skip
    return Proposal(RetentionAssigned, record, fields)
