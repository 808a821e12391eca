"""Random deals beside everyday custody: what parties sign, assess, attach, check and end.

One deal (a merger) is open from the beginning, with keys agreed, an agreement and an assessment, so
that handovers can be tried under it; it is never closed. Others come and go.
"""

from __future__ import annotations

import random

from domain.actor import ActorKeyEnrolled, ActorState
from domain.bundle import BundleState
from domain.engagement import EngagementState
from domain.judging import Case, Signer
from domain.record import RecordState
from domain.values import later
from domain.workdays import Calendar
from tests.domain.deal_words import (
    agree,
    assess,
    attach,
    close,
    dispose,
    end_nda,
    open_deal,
    rekey,
    sign_nda,
    track,
    train,
)
from tests.domain.estates import CUSTOMER
from tests.domain.evidence_words import approve, export, request
from tests.domain.people_words import (
    consent,
    deliver,
    exempt,
    find,
    issue,
    suppress,
    withdraw,
)
from tests.domain.worlds import SEALED, START, Person, Said
from tests.projections.walks import RecordWalk, standing

KINDS = ("evidence_agreement", "nda", "pipia", "legal_opinion")
MODES = ("merger", "equity_transfer", "equity_transfer", "due_diligence")


class DealWalk(RecordWalk):
    """What happens around a deal."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        self.history.begin()
        people = (self.qian, self.he, self.wu, self.ma, self.zhao, self.fang)
        for number, who in enumerate(people, start=900):
            self._key(who, number)
        self.deal = self._opened("merger")
        for kind in KINDS[:3]:
            self._attached(self.deal, kind)
        for step in (self._agree, self._sign, self._assess):
            step(self.deal, categories=False)
        self.introduced: set[str] = set()
        self.others = [self.history.new("subject") for _ in range(2)]
        self.notice = self.history.new("notice")
        told = issue(self.notice, self.buyer, kind="art_22")
        self._says(self.deal, told)
        self.acts += [
            *[self.agree_to_it] * 2, self.exempt, self.open_deal, *[self.attach] * 2, self.agree,
            self.sign, self.end, self.assess, self.train, self.dispose, self.track,
            *[self.rekey] * 2, self.close, *[self.ask_for_evidence] * 2, self.hand_evidence_out,
        ]  # fmt: skip

    def case_for(self, said: Said) -> Case:
        """Under a deal, only those sign whose keys were agreed."""
        if said.stream.partition("-")[0] not in ("handover", "engagement"):
            return self.case
        return standing(
            self.history, *(Signer("", who.key.id, role, who.actor) for who, role in self.agreed)
        )

    @property
    def agreed(self) -> list[tuple[Person, str]]:
        """Whose keys the agreements name, with the roles in which they sign."""
        return [
            (self.qian, "seller_handler"), (self.he, "buyer_handler"), (self.wu, "supervisor"),
            (self.ma, "supervisor"), (self.zhao, "approver"), (self.fang, "buyer_handler"),
        ]  # fmt: skip

    def _key(self, who: Person, number: int) -> None:
        """Enrol a key with which somebody signs from now on."""
        who.keys.append(self.history.key(who.actor, number))
        self.history.add(ActorKeyEnrolled, who.actor, key=who.key, continuity="first")

    def _opened(self, mode: str) -> str:
        engagement = self.history.new("engagement")
        said = open_deal(engagement, self.history.party, self.buyer, transfer_mode=mode)
        self.tries(self.wang, "administrator", said)
        return engagement

    def _attached(self, engagement: str, kind: str) -> str:
        document = self.history.new("document")
        said = attach(document, kind, self.history.party, self.buyer)
        self.tries(self.qian, "seller_handler", said, engagement=engagement)
        return document

    def _says(self, engagement: str, said: Said) -> None:
        self.tries(self.qian, "seller_handler", said, engagement=engagement)

    def _some_deal(self) -> EngagementState | None:
        """A deal that is open; the first one as often as all others."""
        others = [e.stream for e in self.all(EngagementState) if e.kind == "deal" and e.open]
        found = self.history.book.states[self.draw.choice([self.deal, *others])]
        return found if isinstance(found, EngagementState) else None

    def _paper(self, engagement: str, kind: str) -> str | None:
        """A document of a kind that was attached to a deal, nothing stands on it yet."""
        state = self.history.book.states[engagement]
        assert isinstance(state, EngagementState)
        papers = [d for d, of in state.attached.items() if of == kind and d not in state.documents]
        return self.draw.choice(papers) if papers else None

    # -- who is told and agrees

    def ready(self) -> None:
        """As before a deal; and nearly always it is known, and told, whom the record is about."""
        super().ready()
        if self.draw.random() < 0.9:
            self.introduce()

    def introduce(self) -> None:
        """Say that a customer stands in every record, and tell the customer of the first deal."""
        for record in self.all(RecordState):
            if record.stream not in self.introduced:
                self.introduced.add(record.stream)
                self._says(self.deal, find(CUSTOMER, record.stream))
        if self.draw.random() < 0.3:
            self._says(self.deal, deliver(self.notice, self.history.accepted, CUSTOMER))

    def agree_to_it(self) -> None:
        """Another customer consents, withdraws, or refuses to be approached."""
        other, now = self.draw.choice(self.others), self.history.accepted
        said = self.draw.choice([
            consent(other, self.buyer, now), withdraw(other, self.buyer, now), suppress(other),
        ])  # fmt: skip
        records = self.some(RecordState, 2)
        if records and self.draw.random() < 0.3:
            said = find(other, *records)
        self._says(self.deal, said)

    def exempt(self) -> None:
        deal = self._some_deal()
        if deal is not None and (paper := self._paper(deal.stream, "legal_opinion")):
            self._says(deal.stream, exempt(deal.stream, paper, "contract"))

    # -- what is signed

    def open_deal(self) -> None:
        self._opened(self.draw.choice(MODES))

    def attach(self) -> None:
        if deal := self._some_deal():
            self._attached(deal.stream, self.draw.choice(KINDS))

    def agree(self) -> None:
        if deal := self._some_deal():
            self._agree(deal.stream)

    def _agree(self, engagement: str, *, categories: bool = True) -> None:
        if paper := self._paper(engagement, "evidence_agreement"):
            self._says(engagement, agree(engagement, paper, self.agreed))

    def sign(self) -> None:
        if deal := self._some_deal():
            self._sign(deal.stream)

    def _some_categories(self, *, categories: bool) -> list[str]:
        codes = ["contract", "transaction", "communication"]
        return self.draw.sample(codes, self.draw.randrange(3)) if categories else []

    def _sign(self, engagement: str, *, categories: bool = True) -> None:
        if paper := self._paper(engagement, "nda"):
            fields = {"categories": self._some_categories(categories=categories)}
            said = sign_nda(engagement, paper, self.history.party, self.buyer, **fields)
            self._says(engagement, said)

    def end(self) -> None:
        """End one of several agreements; the first deal keeps its first one."""
        deal = self._some_deal()
        if deal is not None and len(deal.ndas) > 1:
            paper = self.draw.choice(list(deal.ndas)[1:])
            self._says(deal.stream, end_nda(deal.stream, paper, "2026-12-01"))

    def assess(self) -> None:
        deal = self._some_deal()
        if deal is not None and deal.stream != self.deal:
            self._assess(deal.stream)

    def _assess(self, engagement: str, *, categories: bool = True) -> None:
        if paper := self._paper(engagement, "pipia"):
            fields = {"categories": self._some_categories(categories=categories)}
            self._says(engagement, assess(engagement, paper, **fields))

    def train(self) -> None:
        who = self.draw.choice([self.qian, self.he, self.li])
        score = self.draw.choice([40, 80])
        said = train(who, self.draw.choice(["handover", "approval"]), score=score)
        self.tries(self.wang, "administrator", said)

    # -- what is said while it ends

    def dispose(self) -> None:
        if deal := self._some_deal():
            how = self.draw.choice(["returned", "destroyed"])
            said = dispose(deal.stream, self.buyer, self.history.accepted, how=how, sealed=SEALED)
            self.tries(self.he, "buyer_handler", said, engagement=deal.stream)

    def track(self) -> None:
        """Make a check that fell due; half a year passes if none has."""
        handed = self.history.book.handovers_of(self.deal)
        due = sorted(
            {Calendar().day_of(later(h.confirmed, days=30)) for h in handed if h.confirmed}
        )
        for day in due:
            said = track(self.deal, day, f"{day}T23:59:59.000Z")
            if self.draw.random() < 0.5:
                self._says(self.deal, said)

    def rekey(self) -> None:
        """In a deal about the firm itself, for somebody whose key is new."""
        deals = [e for e in self.all(EngagementState) if e.mode == "equity_transfer" and e.open]
        people = [
            Person(state.stream, state.party)
            for state in self.all(ActorState)
            if state.active_key("act") is not None
        ]
        if deals and people:
            deal = self.draw.choice(deals)
            said = rekey(deal.stream, self.draw.choice(people))
            self.tries(self.wang, "administrator", said, engagement=deal.stream)

    def close(self) -> None:
        deal = self._some_deal()
        if deal is not None and deal.stream != self.deal:
            outcome = self.draw.choice(["completed", "failed", "cancelled"])
            self._says(deal.stream, close(deal.stream, outcome))

    # -- evidence that is handed out

    def ask_for_evidence(self) -> None:
        """Of a record or a span, with or without something in clear."""
        bundle, record = self.history.new("bundle"), self.one(RecordState)
        if record is None or self.draw.random() < 0.2:
            scope = {"kind": "period", "begins": START, "ends": self.history.accepted}
        else:
            scope = {"object_": record.stream}
        said = request(bundle, opened=self.draw.randrange(2), **scope)
        self.tries(self.wang, "custodian", said, purpose="dispute")

    def hand_evidence_out(self) -> None:
        """Approved by another first, more often than not."""
        asked = self.one(BundleState)
        if asked is None:
            return
        if self.draw.random() < 0.7:
            self.tries(self.zhao, "approver", approve(asked.stream, asked.selection))
        kind, object_, begins, ends = asked.scope
        scope = {"kind": kind, "object": object_, "begins": begins, "ends": ends}
        told = {name: value for name, value in scope.items() if value}
        self.tries(self.wang, "custodian", export(asked.stream, asked.selection, **told))
