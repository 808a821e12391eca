"""What is said about people in a deal: found, told, agreed, withdrawn, let be; see `deal_words`.

`Crowd` is a deal with customers' records in it and the people who stand in them.

>>> crowd = Crowd.open()
>>> record, person = crowd.contract(), crowd.new("subject")
>>> crowd.blocked(record)
['subjects_unknown']
>>> crowd.found(person, record)
>>> crowd.blocked(record)
['not_notified', 'no_consent']
>>> crowd.told(person)
>>> crowd.consented(person)
>>> crowd.blocked(record)
[]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.clearing import against_items
from domain.judging import Case, Refusal, World
from domain.notice import ConsentExempted, NoticeDelivered, NoticeIssued
from domain.subject import ConsentGranted, ConsentWithdrawn, SubjectFound, SubjectSuppressed
from tests.domain.deal_words import Dealing
from tests.domain.worlds import SEALED, START, Said, classify, policy


def find(subject: str, *records: str, **fields: Any) -> Said:
    return Said(SubjectFound, subject, {"records": list(records), **fields})


def consent(subject: str, recipient: str, now: str, **fields: Any) -> Said:
    form = {
        "kind": "separate_provision", "recipient": recipient, "channel": "online", "given_at": now,
    }  # fmt: skip
    return Said(ConsentGranted, subject, {**form, **fields})


def withdraw(subject: str, recipient: str, now: str, **fields: Any) -> Said:
    form = {"recipient": recipient, "withdrawn_at": now, "channel": "telephone"}
    return Said(ConsentWithdrawn, subject, {**form, **fields})


def suppress(subject: str, **fields: Any) -> Said:
    form = {"reason": "opted_out", "since": START[:10], "channel": "telephone"}
    return Said(SubjectSuppressed, subject, {**form, **fields})


def issue(notice: str, recipient: str, **fields: Any) -> Said:
    form = {
        "kind": "art_23", "recipient": recipient, "channel": "sms", "template_version": 1,
        "count": 1, "sealed": SEALED,
    }  # fmt: skip
    return Said(NoticeIssued, notice, {**form, **fields})


def deliver(notice: str, now: str, *subjects: str, **fields: Any) -> Said:
    form = {
        "subjects": list(subjects), "status": "delivered", "channel": "sms", "delivered_at": now,
    }  # fmt: skip
    return Said(NoticeDelivered, notice, {**form, **fields})


def exempt(engagement: str, opinion: str, *categories: str, **fields: Any) -> Said:
    form = {
        "basis": "succession_by_opinion", "statute": "pipl", "opinion": opinion,
        "categories": list(categories),
    }  # fmt: skip
    return Said(ConsentExempted, engagement, {**form, **fields})


class Crowd(Dealing):
    """A deal, customers' records, and the people in them. Chen, the seller's, says it all."""

    def new(self, aggregate: str) -> str:
        """A fresh id."""
        return self.firm.new(aggregate)

    @property
    def now(self) -> str:
        """The present."""
        return self.firm.now

    def contract(self, basis: str = "pipl_13_2_contract", **axes: Any) -> str:
        """A customer's contract that the seller keeps, collected on a basis, classified."""
        record = self.firm.collect(basis=basis)
        self.firm.does(self.firm.wang, "archivist", classify(record, **axes))
        return record

    def says(self, *said: Said, **how: Any) -> list[str]:
        """What would refuse it if Chen said it."""
        return self.judge(self.chen, "dpo", *said, **how)

    def found(self, subject: str, *records: str, **fields: Any) -> None:
        self.does(self.chen, "dpo", find(subject, *records, **fields))

    def issued(self, **fields: Any) -> str:
        """A notice about the buyer."""
        notice = self.new("notice")
        self.does(self.chen, "dpo", issue(notice, fields.pop("recipient", self.buyer), **fields))
        return notice

    def told(self, *subjects: str, **fields: Any) -> None:
        """A notice of the kind reaches them."""
        notice = self.issued(kind=fields.pop("kind", "art_23"))
        self.does(self.chen, "dpo", deliver(notice, self.now, *subjects, **fields))

    def consented(self, subject: str, kind: Any = "separate_provision", **fields: Any) -> None:
        said = consent(subject, fields.pop("recipient", self.buyer), self.now, kind=kind, **fields)
        self.does(self.chen, "dpo", said)

    def withdrew(self, subject: str, recipient: str = "") -> None:
        said = withdraw(subject, recipient or self.buyer, self.now)
        self.does(self.chen, "dpo", said)

    def person(self, record: str, **fields: Any) -> str:
        """Somebody in a record, who was told and has agreed."""
        subject = self.new("subject")
        self.found(subject, record, **fields)
        self.told(subject)
        self.consented(subject)
        return subject

    def opinion(self, **fields: Any) -> str:
        """Counsel's opinion, attached."""
        return self.document("legal_opinion", **fields)

    def exempted(self, *categories: str) -> None:
        """No consent is needed, says Chen together with Zhao, who approves."""
        said = exempt(self.engagement, self.opinion(), *categories)
        self.does(self.chen, "dpo", said, beside=[(self.firm.zhao, "approver")])

    def refused(
        self, items: Sequence[str], *, marketing: bool = False, recipient: str | None = None
    ) -> list[Refusal]:
        """Why items may not go now."""
        statement, _ = self.firm.statement(self.chen, "seller_handler", [])
        case = Case(World(self.firm.book), policy(), statement)
        return list(
            against_items(case, self.engagement, items, marketing=marketing, recipient=recipient)
        )

    def blocked(self, *items: str, **how: Any) -> list[str]:
        """As `refused`: the details alone."""
        return [refusal.detail for refusal in self.refused(items, **how)]
