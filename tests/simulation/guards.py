"""Which rules an act breaks, asked of the book: written anew, and the product is not asked.

Each guard gives the codes of the rules that an act would break if it were done now, empty if it is
permitted. What the product then says must agree: a permitted act passes, a forbidden one is refused
under one of these codes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.simulation.book import THERE, Book, Listed

STILL_PERMITTED = {"legal_duty", "dispute", "audit", "rights_request"}
APPROVAL_DAYS = 30
ROLES: dict[str, set[str]] = {
    "collect": {"collector"},
    "correct": {"collector", "custodian"},
    "review": {"reviewer"},
    "classify": {"archivist", "collector", "custodian", "dpo", "reviewer"},
    "retain": {"archivist", "custodian", "dpo"},
    "archive": {"archivist"},
    "hold": {"archivist", "counsel", "custodian", "dpo", "internal_auditor"},
    "restrict": {"archivist", "custodian", "dpo"},
    "grant": {"administrator", "approver", "custodian", "dpo"},
    "copy": {"archivist", "collector", "custodian", "destruction_operator"},
    "back up": {"archivist", "collector", "custodian"},
    "propose": {"archivist", "custodian", "dpo"},
    "appraise": {"archivist", "counsel", "dpo", "reviewer"},
    "approve": {"approver"},
    "execute": {"destruction_operator"},
    "verify": {"destruction_witness", "dpo", "internal_auditor", "reviewer", "supervisor"},
    "certify": {"archivist", "custodian", "dpo"},
    "administer": {"administrator"},
    "sell": {"seller_handler"},
    "buy": {"buyer_handler"},
    "document": {"administrator", "archivist", "broker", "buyer_handler", "counsel", "custodian",
                 "dpo", "seller_handler"},
    "answer": {"custodian", "dpo"},
    "hear": {"buyer_handler", "collector", "custodian", "dpo", "seller_handler"},
    "identify": {"collector", "custodian", "dpo"},
    "decide": {"counsel", "custodian", "dpo"},
    "export": {"administrator", "archivist", "buyer_handler", "counsel", "custodian", "dpo",
               "external_auditor", "internal_auditor", "seller_handler", "supervisor"},
    "agree": {"administrator", "approver", "counsel", "dpo"},
    "audit": {"external_auditor", "internal_auditor"},
    "manage": {"administrator", "approver", "archivist", "counsel", "custodian", "dpo",
               "security_officer"},
}  # fmt: skip
AUDITS_IN_A_ROW = 3
ENTANGLED = {
    "administrator", "approver", "archivist", "broker", "buyer", "buyer_handler", "collector",
    "custodian", "destruction_operator", "destruction_witness", "dpo", "reviewer",
    "security_officer", "seller", "seller_handler", "supervisor",
}  # fmt: skip


class Guards:
    """The questions; every answer is a set of rule codes."""

    def __init__(self, book: Book, engagement: str, taker: str = "") -> None:
        self.book = book
        self.engagement = engagement  # the standing one
        self.taker = taker  # the party to which everything goes

    # -- who

    def role(self, actor: str, work: str, engagement: str | None = None) -> str:
        """The role in which somebody does a work, or "" if no held role permits it."""
        held = [
            role for role, scope in self.book.actors[actor].roles if scope in (None, engagement)
        ]
        return next((role for role in held if role in ROLES[work]), "")

    def may(self, actor: str, work: str) -> set[str]:
        """Only who holds a role that the work takes (I-09)."""
        return set() if self.role(actor, work) else {"I-09"}

    def anything(self, actor: str) -> set[str]:
        """Who has no role says nothing at all (I-09)."""
        return set() if self.book.actors[actor].roles else {"I-09"}

    def holds(self, actor: str, role: str) -> bool:
        """Whether somebody has a role."""
        return any(role == one for one, _ in self.book.actors[actor].roles)

    def signs(self, actor: str, key: str) -> set[str]:
        """A key that was reported never signs again (I-05), nor one that ended otherwise (I-01)."""
        condition = self.book.actors[actor].keys.get(key, "unknown")
        return {"active": set[str](), "compromised": {"I-05"}}.get(condition, {"I-01"})

    def party(self, actor: str) -> str:
        """For whom somebody acts."""
        return self.book.actors[actor].party

    def second(self, author: str, others: Collection[tuple[str, str]]) -> bool:
        """Whether another person of the author's party signs as approver."""
        return any(
            role == "approver" and who != author and self.party(who) == self.party(author)
            and self.holds(who, "approver")
            for who, role in others
        )  # fmt: skip

    # -- records

    def keeps(self, actor: str, record: str) -> bool:
        """Whether somebody's party keeps, or kept to the end, a copy of a record."""
        found = self.book.all_of(record)
        return any(self.book.copies[copy].custodian == self.party(actor) for copy in found)

    def living(self, actor: str, record: str) -> set[str]:
        """Nothing is done with what is over (I-03), or with what is others' (I-09)."""
        broken = {"I-03"} if self.book.over(record) else set()
        return broken if self.keeps(actor, record) else broken | {"I-09"}

    def present(self, actor: str, copies: Sequence[str]) -> set[str]:
        """One's own copies that are there (I-03, I-09), each once (I-06)."""
        broken = set() if len(set(copies)) == len(copies) else {"I-06"}
        for copy in copies:
            known = self.book.copies[copy]
            broken |= set() if known.condition == THERE else {"I-03"}
            broken |= set() if known.custodian == self.party(actor) else {"I-09"}
        return broken

    def ready(self, copies: Sequence[str]) -> set[str]:
        """What goes to another party is classified, kept by a rule, told of, not restricted."""
        broken: set[str] = set()
        for record in self._inside(copies):
            known = self.book.records[record]
            broken |= set() if known.classified else {"I-11"}
            broken |= set() if known.until else {"I-12"}
            broken |= {"I-10"} if known.notice_missing else set()
            broken |= {"I-33"} if known.limited or known.ended else set()
        return broken

    def introduced(self, copies: Sequence[str]) -> set[str]:
        """Whoever stands in what goes to the other side was told of the deal."""
        about_people = (
            (record, copy)
            for copy in copies
            for record in self.book.inside(copy)
            if self.book.records[record].sensitivity not in ("non_personal", "business_secret")
        )
        return set() if all(self.book.told(*one) for one in about_people) else {"I-14"}

    def _inside(self, copies: Sequence[str]) -> list[str]:
        return [record for copy in copies for record in self.book.inside(copy)]

    def came_from(self, copy: str, party: str) -> bool:
        """Whether a copy was lent by a party, or made of what is, or first was, that party's."""
        known = self.book.copies[copy]
        sources = [known.made_from] if known.made_from else []
        if not sources and known.record:
            sources = list(self.book.records[known.record].homes)
        owners = {([*self.book.copies[s].lent, self.book.copies[s].custodian])[0] for s in sources}
        return party in known.lent or party in owners

    # -- destruction

    def held(self, copies: Sequence[str]) -> set[str]:
        """A hold, on whatever, stops everything that destroys (I-28)."""
        for copy in copies:
            things = [copy, self.book.roots[copy], *self._inside([copy]), self.engagement]
            things += [self.book.records[record].engagement for record in self._inside([copy])]
            if any(covered & set(things) for covered in self.book.holds.values()):
                return {"I-28"}
        return set()

    def left(self, copy: str, doomed: Collection[str]) -> list[str]:
        """The copies of the same content that its keeper still has when the doomed are gone."""
        keeper = self.book.copies[copy].custodian
        return [
            one for one in self.book.family(copy)
            if one not in doomed and self.book.copies[one].condition == THERE
            and self.book.copies[one].custodian == keeper and self._certain(one)
        ]  # fmt: skip

    def _certain(self, copy: str) -> bool:
        case = self.book.copies[copy].destruction
        if not case:
            return True
        return self.book.cases[case].items.get(copy) not in ("unknown", "destroyed")

    def destroyable(
        self, copies: Sequence[str], doomed: Collection[str], ground: str, today: str
    ) -> set[str]:
        """No hold (I-28), no handover (I-21), no minimum that still runs (I-26)."""
        broken = self.held(copies)
        for copy in copies:
            if self.book.claimed(copy) in self.book.handovers:
                broken |= {"I-21"}
            if ground != "statute_orders_deletion" and not self.left(copy, doomed):
                broken |= self._kept(copy, today)
        return broken

    def _kept(self, copy: str, today: str) -> set[str]:
        for record in self.book.inside(copy):
            known = self.book.records[record]
            if not known.until and not (known.ended and known.classified):
                return {"I-26"}
            if any(end and today <= end for end in known.until.values()):
                return {"I-26"}
        return set()

    def proposed(self, actor: str, copies: Sequence[str], ground: str, today: str) -> set[str]:
        """Somebody's own copies, in no other case, that nothing keeps."""
        broken = self.may(actor, "propose") | self.present(actor, copies)
        if any(self._in_another(copy, "") for copy in copies):
            broken |= {"I-21"}
        return broken | self.destroyable(copies, set(copies), ground, today)

    def _in_another(self, copy: str, case: str) -> bool:
        other = self.book.claimed(copy)
        return other in self.book.cases and other != case

    def running(self, actor: str, case: Listed) -> set[str]:
        """A case that is over is over (I-06); it concerns its own party (I-09)."""
        broken = set() if case.running else {"I-06"}
        return broken if self.party(case.by) == self.party(actor) else broken | {"I-09"}

    def appraised(self, actor: str, case: Listed) -> set[str]:
        """Not by the proposer (I-07), not after the execution (I-06)."""
        broken = self.may(actor, "appraise") | self.running(actor, case)
        broken |= {"I-06"} if case.operators else set()
        return broken | ({"I-07"} if actor == case.by else set())

    def in_force(self, case: Listed, now: str) -> list[str]:
        """Who approved, and not too long ago."""
        return [who for who, at in case.approvals.items() if now <= days_later(at, APPROVAL_DAYS)]

    def approved(self, actor: str, case: Listed, now: str) -> set[str]:
        """After an appraisal, by two persons of two functions, neither of them the proposer."""
        broken = self.may(actor, "approve") | self.running(actor, case)
        broken |= set() if case.appraised == "pass" else {"I-27"}
        before = self.in_force(case, now)
        if actor == case.by or actor in before:
            broken |= {"I-07"}
        functions = {self.book.actors[one].function for one in before}
        if before and functions == {self.book.actors[actor].function}:
            broken |= {"I-27"}
        kept = [item for item in case.items if item not in case.off]
        return broken | self.destroyable(kept, kept, case.ground, now[:10])

    def executed(self, actor: str, case: Listed, witnesses: Sequence[str], now: str) -> set[str]:
        """Enough approvals in force, watched by others, and nothing in the way now."""
        broken = self.may(actor, "execute") | self.running(actor, case)
        approvals = self.in_force(case, now)
        functions = {self.book.actors[one].function for one in approvals}
        if case.appraised != "pass" or len(approvals) < 2 or len(functions) < 2:
            broken |= {"I-27"}
        if actor in witnesses:
            broken |= {"I-07"}
        if not all(self.holds(one, "destruction_witness") for one in witnesses):
            broken |= {"I-09"}
        named = [i for i, fate in case.items.items() if fate != "destroyed" and i not in case.off]
        kept = [item for item in case.items if item not in case.off]
        broken |= self.present(actor, named)
        return broken | self.destroyable(named, kept, case.ground, now[:10])

    def verified(self, actor: str, case: Listed) -> set[str]:
        """Not by who destroyed (I-07)."""
        broken = self.may(actor, "verify") | self.running(actor, case)
        return broken | ({"I-07"} if actor in case.operators else set())

    def certified(self, actor: str, case: Listed) -> set[str]:
        """Only with a pass for each (I-30)."""
        broken = self.may(actor, "certify") | self.running(actor, case)
        kept = [item for item in case.items if item not in case.off]
        whole = all(
            case.items[item] == "destroyed" and case.verified.get(item) == "pass" for item in kept
        )
        return broken if whole and kept else broken | {"I-30"}

    def expired(self, actor: str, backup: str, today: str) -> set[str]:
        """Copies in a backup go where nothing keeps them and they are not the last."""
        copies = [c for c in self.book.backups[backup] if self.book.copies[c].condition == THERE]
        broken = self.may(actor, "copy") | self.present(actor, copies)
        broken |= self.destroyable(copies, copies, "redundant_copy", today)
        for copy in copies:
            if self.book.claimed(copy):
                broken |= {"I-21"}
            left = [self.book.copies[one] for one in self.left(copy, copies)]
            if not any(not one.made_from or one.read for one in left):
                broken |= {"I-26"}
        return broken

    # -- handovers

    @staticmethod
    def silent(handover: Listed, now: str) -> bool:
        """Whether the buyer left something to look at or settle for a whole time of inspection.

        Never once silence was accepted for good.
        """
        left = set(handover.items.values()) - {"seen"} or handover.unsettled
        waited = now > days_later(handover.heard, handover.days)
        return bool(left) and waited and not handover.deemed

    @staticmethod
    def deemed(handover: Listed, now: str) -> set[str]:
        """Silence accepts what nobody spoke about, once, when the time is over (I-40)."""
        if handover.step != "received":
            return {"I-21", "I-40"}
        raised = {item for items in handover.raised for item in items}
        unsaid = {item for item, said in handover.items.items() if not said} - raised
        late = now > days_later(handover.arrived, handover.days)
        broken = {"I-06"} if handover.deemed else set()
        return broken if late and unsaid else broken | {"I-40"}

    # -- audits

    def auditing(self, actor: str, since: str) -> set[str]:
        """Only an internal auditor who did none of the work since then audits it (I-31)."""
        broken = self.may(actor, "audit")
        broken |= set() if self.holds(actor, "internal_auditor") else {"I-31"}
        ever = self.book.actors[actor].ever
        worked = any(role in ENTANGLED and last >= since[:10] for role, last in ever)
        return broken | ({"I-31"} if worked else set())

    def audits_in_a_row(self, party: str, lead: str) -> set[str]:
        """Nobody leads too many audits of a party in a row; those never reported break none."""
        count = 1
        for audit in reversed(self.book.audits.values()):
            if audit.party == party and audit.lead == lead:
                count += 1
            elif audit.party == party and audit.reported:
                break
        return {"I-31"} if count > AUDITS_IN_A_ROW else set()

    # -- access

    def accessed(
        self, actor: str, record: str, copy: str, purpose: str, mode: str, grant: str, now: str
    ) -> set[str]:
        """Under a grant that covers person, record, mode, purpose and time (I-15)."""
        known, holding = self.book.records[record], self.book.copies[copy]
        broken = {"I-03"} if self.book.over(record) or holding.condition != THERE else set()
        broken |= self.anything(actor)
        if not known.classified and actor not in known.hands:
            broken |= {"I-11"}
        if (known.limited or known.ended) and purpose not in STILL_PERMITTED:
            broken |= {"I-33"}
        given = self.book.grants.get(grant)
        own = given is not None and given["actor"] == actor
        keeper = self.party(given["by"] if own and given is not None else actor)
        if holding.custodian != keeper:
            broken |= {"I-09"}
        if given is None or not own or grant in self.book.revoked:
            return broken | {"I-15"}
        if known.passed and self.party(given["by"]) != self.taker:
            late = given["given"] > known.passed and purpose in STILL_PERMITTED
            broken |= set() if late else {"I-15"}
        covered = record in given.get("records", ()) or "contract" in given.get("categories", ())
        within = given["begins"] <= now <= given["ends"]
        if not (covered and within and mode in given["modes"] and purpose in given["purposes"]):
            broken |= {"I-15"}
        return broken


def days_later(time: str, days: int) -> str:
    """The same time of day, so many days on."""
    from datetime import datetime, timedelta

    moved = datetime.fromisoformat(time) + timedelta(days=days)
    return f"{moved:%Y-%m-%dT%H:%M:%S}.{moved.microsecond // 1000:03d}Z"
