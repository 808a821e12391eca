"""Random histories of everything, cases too: holds, backups, handovers, destruction, accesses."""

from __future__ import annotations

import random
from typing import Any

from msgspec import UNSET

from domain.access import AccessDenied, GrantState, against_access
from domain.backup import BackupState
from domain.backup_rules import own_keys
from domain.copies import HoldingState, holdings
from domain.destruction import CaseState
from domain.disposal import keys_left, remaining
from domain.document import (
    CertificateIssued,
    CertificateSuperseded,
    DocumentState,
    document_stream,
    number_of,
)
from domain.engagement import EngagementState
from domain.guards import against_transfer, shreddable
from domain.handover import HandoverState
from domain.hold import HoldState
from domain.keycopy import KeyCopyState, shredded_by
from domain.medium import MediumRegistered
from domain.record import RecordState
from domain.rights import RequestState
from domain.values import SealedRef
from projections.view import Recorded
from tests.domain.words import (
    OBJECT,
    access,
    anonymize,
    appraise,
    approve,
    break_glass,
    cancel,
    certify,
    clear_key_copy,
    close_request,
    confirm,
    decide,
    declare_residual,
    deny,
    destroy_key_copy,
    digitize,
    drill_backup,
    end_purpose,
    execute,
    expire_backup,
    freeze,
    fulfil,
    grant_access,
    identify,
    inspect,
    lift,
    make_backup,
    place_hold,
    plan_handover,
    propose,
    raise_discrepancy,
    receive,
    receive_request,
    register_key_copy,
    reject,
    release,
    release_hold,
    replace_handler,
    restore_backup,
    restrict,
    review_access,
    revoke_grant,
    settle,
    store_offsite,
    take_off,
    verify_backup,
    verify_destruction,
)
from tests.domain.worlds import SEALED, START, Said, classify, collect, create_holding
from tests.projections.auditwork import AuditWalk
from tests.projections.histories import History


class CaseWalk(AuditWalk):
    """Everything that a record may go through."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        self.acts += [
            self.restrict, self.end_purpose, self.anonymize, self.anonymize, self.digitize,
            self.grant, self.grant, self.revoke, *[self.access] * 4, self.review_access,
            self.hold, self.hold, *[self.backup] * 3, *[self.copy_keys] * 3, *[self.hand_over] * 14,
            self.declare,
            *[self.ask] * 3, *[self.destroy] * 14, *[self.issue] * 3,
        ]  # fmt: skip

    def restrict(self) -> None:
        if record := self.one(RecordState):
            said = lift(record) if record.restricted else restrict(record.stream)
            self.tries(self.wang, "archivist", said)

    def end_purpose(self) -> None:
        if record := self.one(RecordState):
            self.tries(self.wang, "archivist", end_purpose(record.stream))

    def anonymize(self) -> None:
        new = self.history.new
        copy, record, source = new("holding"), new("record"), self.one(HoldingState)
        content = collect(record, copy, basis="not_personal", notice="not_applicable")
        known = classify(record, sensitivity="anonymized")
        made = create_holding(copy, self.history.party)
        if source is not None and self.tries(self.wang, "collector", made, content, known):
            self.tries(self.wang, "custodian", anonymize(record, source.stream))

    def digitize(self) -> None:
        papers = [copy for copy in self.all(HoldingState) if copy.form == "paper"]
        if not papers:
            return
        paper = self.draw.choice(papers)
        for record in self.all(RecordState):
            if record.lies_in(paper):
                scan = self.history.new("holding")
                made = create_holding(scan, self.history.party, record=record.stream,
                                      made_from=paper.stream)  # fmt: skip
                said = digitize(record.stream, paper.stream, scan)
                self.tries(self.chen, "collector", made, said)

    def issue(self) -> None:
        """The list of an approved case on paper, and another one that takes its place."""
        standing = [one for one in self.all(DocumentState) if not one.superseded]
        cases = [one for one in self.all(CaseState) if len(one.approvals) > 1]
        if not cases:
            return
        case, day = self.draw.choice(cases), self.history.accepted
        number = next(
            named
            for index in range(1, 9999)
            if self.case.world.state(
                document_stream(named := number_of("destruction_list", day, index)), DocumentState
            )
            is None
        )
        new = document_stream(number)
        issued = Said(CertificateIssued, new, {
            "kind": "destruction_list", "number": number, "source": f"{case.stream}/{case.version}",
            "issued_at": day, "checkpoint": 1, "template_version": 1, "locale": "zh_en",
            "twin": "1" * 64, "pdf": "2" * 64, "sealed": SEALED,
        })  # fmt: skip
        self.tries(self.wang, "archivist", issued)
        for old in standing:
            if old.subject == case.stream:
                said = Said(CertificateSuperseded, old.stream, {"replaced_by": new})
                self.tries(self.wang, "archivist", said)

    # -- access

    def grant(self) -> None:
        fields: dict[str, Any] = self.draw.choice([
            {}, {"categories": ["transaction"]}, {"categories": ["contract", "communication"]},
        ])  # fmt: skip
        records = self.some(RecordState, 2)
        who = self.draw.choice([self.chen, self.qian])
        grant = self.history.new("grant")
        self.tries(self.wang, "custodian", grant_access(grant, who, *records, **fields))

    def revoke(self) -> None:
        if grant := self.one(GrantState):
            self.tries(self.wang, "custodian", revoke_grant(grant.stream))

    def access(self) -> None:
        """Under a grant, in an emergency, or not at all: then the refusal is recorded."""
        record = self.one(RecordState)
        if record is None:
            return
        covering = [grant for grant in self.all(GrantState) if grant.covers(record)]
        grant = self.draw.choice(covering) if covering else self.one(GrantState)
        who = self.chen if grant is None or grant.actor == self.chen.actor else self.qian
        copy = record.holdings[-1]
        fields = {} if grant is None else {"grant": grant.stream}
        if self.draw.random() < 0.2:
            said = break_glass(record.stream, copy)
        else:
            said = access(record.stream, copy, intact=self.draw.random() < 0.9, **fields)
        if self.tries(who, "collector", said):
            return
        asked = deny(record.stream, copy, "none", **fields)
        form = {"by": who.actor, "role": "collector", **asked.fields}
        event = self.history.event(asked.kind, record.stream, **form)
        assert isinstance(event, AccessDenied)
        for refusal in against_access(self.case, event):
            self.tries(who, "collector", deny(record.stream, copy, refusal.detail, **fields))
            return

    def review_access(self) -> None:
        (routine,) = [e for e in self.all(EngagementState) if e.kind == "routine"]
        first, last = routine.reviewed_until or START, self.history.accepted
        found = self.history.book.accesses(routine.stream, first, last)
        counts = found.allowed, found.denied, found.break_glass
        said = review_access(routine.stream, first, last, *counts)
        self.tries(self.wu, "supervisor", said)

    # -- persons' requests

    def ask(self) -> None:
        """A request is received, or the next step of one is taken."""
        waiting = [request for request in self.all(RequestState) if not request.closed]
        if not waiting or self.draw.random() < 0.2:
            said = receive_request(
                self.history.new("rights"), *self.some(RecordState, 2),
                request=self.draw.choice(["access", "delete", "restrict"]),
                subject=self.history.new("subject"), received_at=self.history.accepted,
            )  # fmt: skip
        else:
            said = self._answer(self.draw.choice(waiting))
        self.tries(self.wang, "custodian", said)

    def _answer(self, state: RequestState) -> Said:
        stream, first = state.stream, state.first
        if self.draw.random() < 0.15:
            return close_request(stream, self.draw.choice(["completed", "withdrawn"]))
        if state.identity != "pass" and state.decision is None:
            if self.draw.random() < 0.4:
                return receive_request(
                    stream, *self.some(RecordState, 1), request=first.request,
                    subject=first.subject, received_at=first.received_at,
                )  # fmt: skip
            return identify(stream, self.draw.choice(["pass", "pass", "fail"]))
        if state.decision is None:
            decision = self.draw.choice(["fulfil", "partial", "refuse"])
            return decide(stream, decision, notified_at=self.history.accepted)
        if state.fulfilled or state.decision == "refuse":
            return close_request(stream)
        return fulfil(stream, sealed=SEALED)

    # -- holds and backups

    def hold(self) -> None:
        hold = self.one(HoldState)
        if hold is not None and hold.active and self.draw.random() < 0.7:
            covered = sorted(hold.covered)
            freed = self.draw.sample(covered, self.draw.randrange(1, len(covered) + 1))
            self.tries(self.wang, "custodian", release_hold(hold.stream, *freed))
            return
        things = self.some(RecordState, 2)
        things += self.some_copies()[:1]
        things += [self.history.routine] * (self.draw.random() < 0.1)
        new = hold is None or self.draw.random() < 0.7
        stream = self.history.new("hold") if new or hold is None else hold.stream
        self.tries(self.wang, "custodian", place_hold(stream, *things))

    def backup(self) -> None:
        backup = self.one(BackupState)
        if backup is None or self.draw.random() < 0.4:
            self._back_up()
            return
        there = [c.stream for c in holdings(self.case, backup.items) if c.there]
        sort = self.draw.random()
        if sort < 0.4:
            matched = len(there) - (self.draw.random() < 0.3)
            said = verify_backup(backup.stream, len(there), matched)
        elif sort < 0.5:
            said = store_offsite(backup.stream, self.wang)
        elif sort < 0.6:
            said = drill_backup(backup.stream, len(there), left_out=len(backup.items) - len(there))
        elif sort < 0.7 and there:
            original = self.case.world.state(there[0], HoldingState).made_from  # type: ignore[union-attr]
            new = create_holding(
                self.history.new("holding"), self.history.party, made_from=original
            )
            self.tries(self.wang, "custodian", new, restore_backup(backup.stream, new.stream))
            return
        else:
            gone = there[: self.draw.randrange(1, 3)]
            keys = own_keys(self.case, backup, set(gone)) & {
                copy.key for copy in holdings(self.case, gone)
            }
            said = expire_backup(backup.stream, *gone).but(keys=sorted(keys))
        if there:
            self.tries(self.wang, "custodian", said)

    def _back_up(self) -> None:
        new, originals = self.history.new, self.some_copies()
        made = [
            create_holding(new("holding"), self.history.party, made_from=original,
                           medium="disk_external", sealed=self._sealed(), **OBJECT)
            for original in originals
            if self.case.world.state(original, HoldingState).made_from is None  # type: ignore[union-attr]
        ]  # fmt: skip
        copies = [said.stream for said in made]
        if copies and self.tries(self.wang, "custodian", *made):
            backup, some = new("backup"), self.draw.randrange(1, len(copies) + 1)
            for part in filter(None, (copies[:some], copies[some:])):
                self.tries(self.wang, "custodian", make_backup(backup, part, copies))
                self._perhaps_later()

    def _sealed(self) -> SealedRef:
        return SealedRef(key=self.history.new("key"), root="0" * 64, digest="1" * 64)

    # -- copies of keys, and what they lie on

    def copy_keys(self) -> None:
        """Copy the keys there are, clear a copy of what was shredded, let one go, name a disk."""
        there = [state for state in self.all(KeyCopyState) if state.there]
        sort = self.draw.random()
        if not there or sort < 0.3:
            said = self._key_copy()
        elif sort < 0.4:
            said = destroy_key_copy(self.draw.choice(there).stream)
        elif sort < 0.5:
            said = self._medium([state.stream for state in there[:1]])
        else:
            state = self.draw.choice(there)
            named = {key for _, _, e in self.history.book.events for key in shredded_by(e)}
            found = self.history.book.shredded(frozenset(named))
            due = [k for k, s in sorted(found.items())
                   if state.covers(k, s.accepted) and k not in state.cleared]  # fmt: skip
            if not due:
                return
            said = clear_key_copy(state.stream, *due[:200])
        self.tries(self.wang, "custodian", said)

    def _key_copy(self) -> Said:
        copy, at = self.history.new("keycopy"), self.history.accepted
        highest = "key-ffffffff-ffff-7fff-bfff-ffffffffffff"
        said = register_key_copy(copy, self.history.party, highest, made_at=at)
        return said if self.draw.random() < 0.7 else said.but(kind="live", through=UNSET)

    def _medium(self, keys: list[str]) -> Said:
        fields = {"kind": "disk_external", "owner": self.history.party, "sealed": SEALED}
        return Said(MediumRegistered, self.history.new("medium"), {**fields, "key_copies": keys})

    def _perhaps_later(self) -> None:
        if self.draw.random() < 0.5:
            self.history.begin()

    # -- handovers

    def hand_over(self) -> None:
        """Plan one, or take the next step of one that is under way."""
        under_way = [h for h in self.all(HandoverState) if h.running or h.step == "planned"]
        if not under_way or self.draw.random() < 0.1:
            said = plan_handover(self.history.new("handover"), self.qian, self.he)
            self._selling(said)
            return
        handover = self.draw.choice(under_way)
        if self.draw.random() < 0.05:
            self._selling(cancel(handover.stream))
        elif self.draw.random() < 0.06:
            self._replace(handover)
        elif handover.step == "planned" or (
            handover.step == "list_frozen" and self.draw.random() < 0.3
        ):
            self._freeze(handover)
        elif handover.step == "list_frozen":
            self._selling(release(handover.stream, list(handover.items)))
        elif handover.step == "released":
            self._buying(handover, receive(handover.stream, list(handover.items)))
        else:
            self._settle(handover)

    def _selling(self, said: Said) -> bool:
        return self.tries(self.qian, "seller_handler", said, engagement=self.deal)

    def _buying(self, handover: HandoverState, said: Said) -> bool:
        who = self.he if handover.handlers["buyer_handler"] == self.he.actor else self.fang
        return self.tries(who, "buyer_handler", said, engagement=self.deal)

    def _replace(self, handover: HandoverState) -> None:
        """He and Fang take turns; nobody of the seller could put one in."""
        people = [self.he, self.fang]
        old, new = people if handover.handlers["buyer_handler"] == self.he.actor else people[::-1]
        said = replace_handler(handover.stream, "buyer_handler", old, new)
        who = self.ma if self.draw.random() < 0.9 else self.wu
        self.tries(who, "supervisor", said, engagement=self.deal)

    def _freeze(self, handover: HandoverState) -> None:
        copies = [c for c in self.some_copies(most=12) if self._is_ready(c, handover)][:4]
        some_records = self.some(RecordState, self.draw.randrange(3))
        items = [*copies, *some_records] if self.draw.random() < 0.5 else copies
        version, some = handover.list_version + 1, self.draw.randrange(1, 3)
        for part in filter(None, (items[:some], items[some:])):
            if not self._selling(freeze(handover.stream, part, items, list_version=version)):
                return
            self._perhaps_later()

    def _is_ready(self, copy: str, handover: HandoverState) -> bool:
        """Whether a copy may be handed over; an earlier version of the same list may name it."""
        against = against_transfer(self.case, [copy])
        return all(refusal.blocking == (handover.stream,) for refusal in against)

    def _settle(self, handover: HandoverState) -> None:
        """Look at what came, quarrel about it, and confirm what was found good."""
        stream, unseen = handover.stream, [i for i, said in handover.items.items() if not said]
        faulty = [item for item, said in handover.items.items() if said == "faulty"]
        open_ = handover.open_discrepancies
        if unseen and not handover.deemed:
            digest = self.draw.choice(["match", "match", "match", "mismatch"])
            looked = inspect(stream, *unseen[: self.draw.randrange(1, 4)], digest=digest)
            self._buying(handover, looked)
        elif open_:
            resolution = self.draw.choice(["item_rejected", "accepted_as_is", "reserved"])
            self._selling(settle(stream, open_[0], resolution))
        elif faulty:
            number = len(handover.discrepancies) + 1
            self._buying(handover, raise_discrepancy(stream, number, faulty[0]))
        elif whole := handover.to_confirm:
            some = whole[: self.draw.randrange(1, len(whole) + 1)]
            self._confirm(handover, some)

    def _confirm(self, handover: HandoverState, items: list[str]) -> None:
        said = confirm(
            handover.stream, items, self.he, list(handover.items), rejected=handover.rejected,
            reservations=handover.reservations,
        )  # fmt: skip
        self._selling(said)

    def declare(self) -> None:
        """Declare what is left of a confirmed one, before or after what was not kept is gone."""
        done = [h for h in self.all(HandoverState) if h.step in ("confirmed", "residual_declared")]
        if done:
            handover = self.draw.choice(done)
            left = self.history.book.residual(handover.stream, self.history.party)
            self._selling(declare_residual(handover.stream, *sorted(left)[:3]))

    # -- destruction

    def destroy(self) -> None:
        """Propose a case, or take the next step of one that is not over."""
        running = [case for case in self.all(CaseState) if case.running]
        if not running or self.draw.random() < 0.15:
            self._propose()
            return
        case = self.draw.choice(running)
        whole, stream = list(case.items), case.stream
        if self.draw.random() < 0.05:
            self.tries(self.li, "approver", reject(stream))
        elif case.appraisal != "pass":
            result = self.draw.choice(["pass", "pass", "fail"])
            self.tries(self.zhao, "dpo", appraise(stream, whole, result))
        elif len(case.approvals) < 2:
            who = self.draw.choice([self.li, self.zhao])
            self.tries(who, "approver", approve(stream, whole))
        else:
            self._carry_out(case)

    def _propose(self) -> None:
        ground = self.draw.choice([
            "retention_expired", "redundant_copy", "statute_orders_deletion",
        ])  # fmt: skip
        case, copies = self.history.new("destruction_case"), self.some_copies()
        some = self.draw.randrange(1, 3)
        for part in filter(None, (copies[:some], copies[some:])):
            said = propose(case, part, copies, ground=ground, sealed=SEALED)
            if not self.tries(self.wang, "archivist", said):
                return
            self._perhaps_later()

    def _carry_out(self, case: CaseState) -> None:
        """Destroy, look whether it is gone, take off what is not, and certify: what comes next."""
        whole = list(case.items)
        waiting = [i for i in case.kept if case.items[i] != "destroyed"]
        unread = [i for i in case.kept if i not in waiting and case.verified.get(i) != "pass"]
        said: Said
        if waiting and case.begun and self.draw.random() < 0.4:
            said = take_off(case.stream, *waiting[:1])
        elif waiting:
            bad = {item: self.draw.choice(["failed", "unknown", *["destroyed"] * 4])
                   for item in waiting}  # fmt: skip
            gone = {item for item, outcome in {**case.items, **bad}.items()
                    if outcome == "destroyed"}  # fmt: skip
            keys = sorted(shreddable(self.case, gone) - case.keys)
            said = execute(case.stream, whole, waiting, bad, keys=keys[:150])
        elif unread and self.draw.random() < 0.1:
            said = take_off(case.stream, *unread[:1])
        elif unread:
            found = {i: self.draw.choice([*["pass"] * 3, "fail", "unknown"]) for i in unread}
            said = verify_destruction(case.stream, whole, unread, found)
        else:
            left, found_in = remaining(self.case, case.kept), keys_left(self.case, case)
            said = certify(case.stream, whole, len(case.taken_off), left, found_in.copies)
            if found_in.places > len(found_in.copies):
                said = said.but(key_copies_count=found_in.places, verdict="partial")
        who, role = {
            "DestructionVerified": (self.li, "reviewer"),
            "DestructionCertified": (self.wang, "archivist"),
        }.get(said.kind.__name__, (self.chen, "destruction_operator"))
        self.tries(who, role, said)


def random_walk(seed: int, acts: int) -> History:
    """A history of `acts` random acts tried, some of them sharing an entry."""
    draw = random.Random(seed)
    walk = CaseWalk(draw)
    for _ in range(acts):
        if draw.random() < 0.6:
            walk.history.begin()
        draw.choice(walk.acts)()
    return walk.history


def random_history(seed: int, acts: int) -> list[Recorded]:
    """The events of a `random_walk`."""
    return random_walk(seed, acts).recorded
