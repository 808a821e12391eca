"""What stands beside a report's JSON on its pages: names and sealed texts, where they are opened.

The JSON of a report has ids and codes alone. Whoever has the ledger and its passphrase reads names
and texts on the pages; everybody else reads ids, and "sealed".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from domain.audit import AuditReportIssued
from ledger.accessreview import Report as AccessReview
from ledger.audit.report.data import Compliance
from ledger.audit.report.printed import not_a_report
from ledger.bundle.saying import ID
from ledger.documents.names import opened
from ledger.errors import KeyAccessError, UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger


def texts_of(ledger: Ledger, said: Compliance | AccessReview) -> Mapping[str, str]:
    """Names by id and sealed texts by `<event id>#<field>`; empty without the passphrase.

    Raises `UsageError` for a report of another ledger, `DataError` for rows that no report has.
    """
    if said.origin != ledger.origin:
        raise UsageError("this report is of another ledger; nothing was written")
    try:
        people = _audited(said) if isinstance(said, Compliance) else _accessing(said)
        known = sorted({one for one in people if ID.fullmatch(one)})
    except (AttributeError, LookupError, TypeError) as error:
        raise not_a_report() from error
    found: dict[str, str] = {}
    try:
        if isinstance(said, Compliance) and ID.fullmatch(said.audit.id):
            for audit in dict.fromkeys((said.audit.id, *(o.audit for o in said.previous))):
                found |= dict(_sealed(ledger, audit, own=audit == said.audit.id))
    except KeyAccessError:
        return {}
    for identity in known:
        if name := opened(ledger, identity).get("name"):
            found[identity] = name
    return found


def _sealed(ledger: Ledger, audit: str, *, own: bool) -> Iterator[tuple[str, str]]:
    """The sealed texts of an audit; of what it could not look at only for its `own` report."""
    if not ID.fullmatch(audit):
        return
    for position, _, event, _ in ledger.events_of(audit):
        for field, text in (ledger.unseal(position, event) or {}).items():
            yield f"{event.id}#{field}", text
            if own and isinstance(event, AuditReportIssued):
                yield f"{event.stream}#{field}", text


def _audited(said: Compliance) -> Iterator[str]:
    """The ids of whoever the pages of a compliance report call by name."""
    order = said.audit
    yield from (order.lead, order.auditor_org, order.scope_party)
    yield from (one.custodian for one in said.copies)
    yield from (one.owner for one in said.previous)
    for one in said.findings:
        yield one.owner
        yield from (answer.by for answer in one.answers)
        for remedy in one.remedies:
            yield from (remedy.by, remedy.verified_by)


def _accessing(said: AccessReview) -> Iterator[str]:
    """The ids of the people that an access review names."""
    yield from said.counts.get("actor", {})
    for row in (*said.grants, *said.training):
        yield row["actor"]
    for one in said.findings:
        if one["subject"].startswith("actor-"):
            yield one["subject"]
        yield one["owner"] or ""
