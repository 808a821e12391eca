"""A deal between two firms, told in the trade's words: who signs what before a handover, and after.

`Dealing` is the deal by which 洁净保洁 (the seller, whose ledger it is) hands customers' records to
another firm. Chen hands over, Sun takes over, Li and Wu supervise; `signed` does all that comes
before a list: agreement, confidentiality, assessment.

>>> deal = Dealing.open()
>>> deal.judge(deal.chen, "seller_handler", deal.nda(), beside=[(deal.sun, "buyer_handler")])
['unknown_document']
>>> deal.signed().state.ndas_between(deal.seller, deal.buyer, deal.firm.now[:10])[0].categories
()
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from domain.agreements import (
    AgreedKey,
    EvidenceAgreementSigned,
    NdaSigned,
    NdaTerminated,
    PipiaCompleted,
)
from domain.attached import DocumentAttached
from domain.closing import (
    CopiesDisposed,
    CredentialsReregistered,
    EngagementClosed,
    TrackingChecked,
)
from domain.engagement import EngagementOpened, EngagementState
from domain.judging import Refusal
from domain.training import TrainingCompleted
from tests.domain.worlds import SEALED, START, Firm, Person, Said

Signers = Sequence[tuple[Person, str]]


def open_deal(engagement: str, seller: str, buyer: str, **fields: Any) -> Said:
    form = {
        "kind": "deal", "transfer_mode": "asset_or_store_transfer", "seller": seller,
        "buyer": buyer, "sealed": SEALED,
    }  # fmt: skip
    return Said(EngagementOpened, engagement, {**form, **fields})


def attach(document: str, kind: Any, *parties: str, **fields: Any) -> Said:
    form = {
        "kind": kind, "size": 2048, "media_type": "application.pdf", "parties": list(parties),
        "sealed": SEALED,
    }  # fmt: skip
    return Said(DocumentAttached, document, {**form, **fields})


def agree(engagement: str, document: str, signers: Signers, **fields: Any) -> Said:
    """The parties name whose key signs in which role."""
    form = {
        "document": document,
        "signers": [AgreedKey(p.actor, role, p.key.id) for p, role in signers],  # type: ignore[arg-type]
        "hash_alg": "sha256", "sig_alg": "ed25519", "time_source": "ledger",
        "extraction": "evidence_bundle",
    }  # fmt: skip
    return Said(EvidenceAgreementSigned, engagement, {**form, **fields})


def sign_nda(
    engagement: str, document: str, disclosing: str, receiving: str, **fields: Any
) -> Said:
    form = {
        "document": document, "disclosing_party": disclosing, "receiving_party": receiving,
        "categories": [], "begins_on": START[:10], "survival_days": 730,
    }  # fmt: skip
    return Said(NdaSigned, engagement, {**form, **fields})


def end_nda(engagement: str, document: str, day: str) -> Said:
    return Said(NdaTerminated, engagement, {"document": document, "terminated_on": day})


def assess(engagement: str, document: str, **fields: Any) -> Said:
    form = {
        "document": document, "categories": [], "conclusion": "acceptable",
        "retain_until": "2030-12-31",
    }  # fmt: skip
    return Said(PipiaCompleted, engagement, {**form, **fields})


def train(person: Person, topic: Any = "handover", **fields: Any) -> Said:
    form = {
        "topic": topic, "mode": "offline", "on": START[:10], "score": 80, "pass_mark": 60,
        "valid_to": "2027-11-20",
    }  # fmt: skip
    return Said(TrainingCompleted, person.actor, {**form, **fields})


def dispose(engagement: str, party: str, now: str, **fields: Any) -> Said:
    form = {
        "party": party, "how": "destroyed", "count": 1, "disposed_at": now, "sealed": SEALED,
    }  # fmt: skip
    return Said(CopiesDisposed, engagement, {**form, **fields})


def track(engagement: str, due: str, now: str, **fields: Any) -> Said:
    form = {"due": due, "done_at": now, "topics": ["processing", "security"], "findings": 0}
    return Said(TrackingChecked, engagement, {**form, **fields})


def rekey(engagement: str, *people: Person) -> Said:
    return Said(CredentialsReregistered, engagement, {"actors": [p.actor for p in people]})


def close(engagement: str, outcome: Any = "completed") -> Said:
    return Said(EngagementClosed, engagement, {"outcome": outcome})


class Dealing:
    """A deal, its two firms and their people; what is judged stands under the deal."""

    def __init__(self, firm: Firm, buyer: str, broker: str = "") -> None:
        self.firm = firm
        self.seller, self.buyer, self.broker = firm.party, buyer, broker
        self.engagement = firm.new("engagement")
        self.chen = firm.hire("seller_handler", "dpo", "custodian")
        self.sun = firm.hire("buyer_handler", "dpo", "custodian", party=buyer)
        self.wu = firm.hire("supervisor", party=buyer)
        self.li = firm.hire("supervisor")

    @classmethod
    def open(cls, mode: Any = "asset_or_store_transfer", *, broker: bool = False) -> Self:
        """A deal that was just opened."""
        return cls.of(Firm.open(), mode, broker=broker)

    @classmethod
    def of(cls, firm: Firm, mode: Any = "asset_or_store_transfer", *, broker: bool = False) -> Self:
        """As `open`, of a firm that is there."""
        deal = cls(firm, firm.another_firm(), firm.another_firm() if broker else "")
        more = {"broker": deal.broker} if broker else {}
        said = open_deal(deal.engagement, deal.seller, deal.buyer, transfer_mode=mode, **more)
        firm.does(firm.wang, "administrator", said)
        return deal

    @property
    def state(self) -> EngagementState:
        """The deal as recorded now."""
        state = self.firm.book.states[self.engagement]
        assert isinstance(state, EngagementState)
        return state

    @property
    def handlers(self) -> list[tuple[Person, str]]:
        """Those who hand over and take over."""
        return [(self.chen, "seller_handler"), (self.sun, "buyer_handler")]

    @property
    def everybody(self) -> list[tuple[Person, str]]:
        """Both handlers and a supervisor of each side, with the roles in which they sign."""
        return [*self.handlers, (self.li, "supervisor"), (self.wu, "supervisor")]

    def judge(self, who: Person, role: Any, *said: Said, **how: Any) -> list[str]:
        """As `Firm.judge`, under the deal."""
        return self.firm.judge(who, role, *said, **{"engagement": self.engagement, **how})

    def refusals(self, who: Person, role: Any, *said: Said, **how: Any) -> list[Refusal]:
        """As `Firm.refusals`, under the deal."""
        return self.firm.refusals(who, role, *said, **{"engagement": self.engagement, **how})

    def does(self, who: Person, role: Any, *said: Said, **how: Any) -> None:
        """As `Firm.does`, under the deal."""
        self.firm.does(who, role, *said, **{"engagement": self.engagement, **how})

    def document(self, kind: Any, *parties: str, **fields: Any) -> str:
        """A document of the deal; signed by these parties (none: on paper by nobody)."""
        document = self.firm.new("document")
        self.does(self.chen, "seller_handler", attach(document, kind, *parties, **fields))
        return document

    def nda(self, document: str = "", **fields: Any) -> Said:
        """The seller discloses to the buyer."""
        document = document or self.firm.new("document")
        return sign_nda(self.engagement, document, self.seller, self.buyer, **fields)

    def agreement(self, document: str = "", signers: Signers = (), **fields: Any) -> Said:
        """Everybody's keys are named."""
        document = document or self.document("evidence_agreement")
        return agree(self.engagement, document, signers or self.everybody, **fields)

    def agreed(self, signers: Signers = ()) -> None:
        """Both handlers sign the evidence agreement."""
        said = self.agreement(signers=signers)
        self.does(self.chen, "seller_handler", said, beside=[(self.sun, "buyer_handler")])

    def confidential(self, **fields: Any) -> str:
        """Both sign a non-disclosure agreement; which document it is."""
        document = self.document("nda")
        beside = [(self.sun, "buyer_handler")]
        self.does(self.chen, "seller_handler", self.nda(document, **fields), beside=beside)
        return document

    def assessed(self, **fields: Any) -> str:
        """The seller completes an impact assessment; which document it is."""
        document = self.document("pipia")
        self.does(self.chen, "dpo", assess(self.engagement, document, **fields))
        return document

    def signed(self) -> Self:
        """All that comes before a list."""
        self.agreed()
        self.confidential()
        self.assessed()
        return self
