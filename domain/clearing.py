"""Whether the people in what is to be handed over were told, agreed, and did not refuse (I-14).

The transfer mode decides what is needed: the adopted pack's `[transfer.MODE]` says which notice,
whether a separate consent, one for sensitive data, and a guardian's. What is listed is judged by
its records: each that holds personal data is cleared only if somebody has said who stands in it
and every one of them has what is needed. A list for marketing leaves out, besides, whoever is on
the suppression list or is classified as opted out (I-42). Reasons:

    subjects_unknown      nobody was declared in it, as it is now
    not_notified          a person was not reached by a notice of this deal about this recipient
    no_consent            a separate consent to the provision is missing, over, or of less scope
    no_sensitive_consent  the one that sensitive data needs is
    no_guardian_consent   a guardian's is, for a person under 14 or data of one
    consent_before_notice what there is was given before the notice that it rests on was delivered
    consent_withdrawn     a person withdrew, or objected, and has not agreed since
    suppressed            for marketing: a person is on the suppression list
    opted_out             for marketing: a person opted out, or the customer is classified so

A consent is that of somebody who knew (PIPL 14): where the mode asks for a notice, a consent counts
if it was given at or after the first delivery that stands of such a notice of this deal about this
recipient, as both are dated, whenever they were recorded. It is put on record all the same: it may
be what somebody agreed to, and counts for nothing here.

Whoever objects where the mode asks for no consent (PIPL 22), or where counsel freed of it, stops
what was collected on consent alone (`ON_CONSENT`): that consent is over (PIPL 15, 47), until the
person, or a child's guardian, agrees, informed, to the provision of what is in the record. What
another basis of article 13 carries goes to the successor, who answers the objection as the person's
request (PIPL 44).

Nothing here looks at each record: the projection answers for a part of the list at once
(`domain.judging.Source.lacking`), as it was before the commit being judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, cast

from msgspec.structs import replace

from domain.answers import Needs
from domain.codes import TransferMode, covers
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, refuse
from domain.transfer import Transfer
from domain.values import MAX_LISTED

REASONS: Final = (
    "subjects_unknown", "not_notified", "no_consent", "no_sensitive_consent",
    "no_guardian_consent", "consent_before_notice", "consent_withdrawn", "suppressed", "opted_out",
)  # fmt: skip
"""Why a record is not cleared, in the order in which people are told."""

PROVISION: Final = ("separate_provision",)
"""The kinds of consent that agree to the provision to another processor (PIPL 23)."""
SENSITIVE: Final = ("separate_sensitive", "written")
"""The kinds that agree to the processing of sensitive data (PIPL 29)."""
GUARDIAN: Final = ("guardian",)
"""A guardian's stands for every consent of a person under 14 (PIPL 31)."""

ON_CONSENT: Final = ("pipl_13_1_consent", "gdpr_6_a")
"""The bases of collection that end with the person's consent."""

ENOUGH: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "art_22": ("art_22", "art_23"),
    "art_23": ("art_23",),
}
"""Which kinds of notice count where one is needed: that of article 23 says more."""

NOT_PERSONAL: Final = frozenset({"non_personal", "anonymized"})
"""The sensitivities of records in which nobody stands."""
SENSITIVE_DATA: Final = frozenset({"sensitive_pi", "minor_pi"})

_SHOWN: Final = 8


def not_personal(sensitivity: str | None, *, declared: bool) -> bool:
    """Whether nobody stands in a record: as classified, and nobody was declared in it.

    A label does not take away the people who were found: only what was made anonymous has none.
    """
    return sensitivity in NOT_PERSONAL and not (declared and sensitivity != "anonymized")


def within(categories: Sequence[str], scope: Sequence[str]) -> bool:
    """Whether a scope of categories (none named: all) takes in every one of `categories`.

    >>> within(["communication.sms"], ["communication"]), within(["contract", "order"], ["order"])
    (True, False)
    >>> within(["contract"], [])
    True
    """
    return not scope or all(any(covers(named, one) for named in scope) for one in categories)


def needs_of(
    case: Case, engagement: str, recipient: str | None = None, path: Transfer | None = None
) -> Needs | None:
    """What the people in a record need before it goes under a deal; None if it is no deal.

    `recipient`: the party it goes to, the deal's buyer if not given; `path`: what is asked for, if
    not what the pack asks for in the deal's mode. The day is that of the commit being judged.
    """
    deal = case.world.state(engagement, EngagementState)
    if deal is None or deal.kind != "deal":
        return None
    path = path or case.policy.transfer.get(cast("TransferMode", deal.mode))
    if path is None:
        return None
    return Needs(
        engagement=engagement,
        recipient=recipient or deal.buyer,
        day=case.day,
        notice=path.notice,
        consent=path.consent,
        sensitive=SENSITIVE if path.sensitive else (),
        guardian=path.guardian,
        exempt=_exempt(deal.exempted),
    )


def _exempt(exempted: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """The categories of several exemptions together."""
    if not exempted:
        return None
    if any(not categories for categories in exempted):
        return ()
    return tuple(sorted({category for categories in exempted for category in categories}))


def against_items(
    case: Case,
    engagement: str,
    items: Sequence[str],
    *,
    marketing: bool = False,
    recipient: str | None = None,
    path: Transfer | None = None,
) -> Iterator[Refusal]:
    """Why items of a list may not go: one refusal a reason, with the first few of them.

    `items`: ids of records and copies, any number; of a copy, everything that lies in it counts.
    `recipient`, `path`: as of `needs_of`.
    """
    found = needs_of(case, engagement, recipient, path)
    if found is None:
        yield refuse("I-09", "needs_a_deal", engagement)
        return
    needs = replace(found, marketing=True) if marketing else found
    if needs.nothing:
        return
    blocking: dict[str, list[str]] = {}
    for item, reasons in reasons_of(case, items, needs):
        for reason in reasons:
            named = blocking.setdefault(reason, [])
            if len(named) < _SHOWN:
                named.append(item)
    for reason in REASONS:
        if reason in blocking:
            yield _REFUSALS[reason](*blocking[reason])


def reasons_of(
    case: Case, items: Sequence[str], needs: Needs
) -> Iterator[tuple[str, Iterable[str]]]:
    """Each record or copy that lacks something, with the reasons."""
    world = case.world
    records = [item for item in items if item.startswith("record-")]
    for at in range(0, len(records), MAX_LISTED):
        yield from world.source.lacking(records[at : at + MAX_LISTED], needs).items()
    for item in items:
        if item.startswith("holding-"):
            inside = partial(world.source.lacking_in, item, needs)
            yield item, world.once((inside.func, inside.args), inside)


_REFUSALS: Final = {
    "subjects_unknown": lambda *ids: refuse("I-14", "subjects_unknown", *ids),
    "not_notified": lambda *ids: refuse("I-14", "not_notified", *ids),
    "no_consent": lambda *ids: refuse("I-14", "no_consent", *ids),
    "no_sensitive_consent": lambda *ids: refuse("I-14", "no_sensitive_consent", *ids),
    "no_guardian_consent": lambda *ids: refuse("I-14", "no_guardian_consent", *ids),
    "consent_before_notice": lambda *ids: refuse("I-14", "consent_before_notice", *ids),
    "consent_withdrawn": lambda *ids: refuse("I-14", "consent_withdrawn", *ids),
    "suppressed": lambda *ids: refuse("I-42", "suppressed", *ids),
    "opted_out": lambda *ids: refuse("I-42", "opted_out", *ids),
}  # fmt: skip
