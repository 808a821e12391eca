"""Whether a report is the one that a ledger knows: what it issued, or what its events give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accessreview import Report as AccessReview
from ledger.accessreview import Terms, access_report
from ledger.audit.report.compliance import issued
from ledger.audit.report.data import Compliance
from ledger.audit.report.printed import not_a_report

if TYPE_CHECKING:
    from ledger.application import Ledger


def compared(ledger: Ledger, said: Compliance | AccessReview, digest: str) -> bool | None:
    """Whether the report is the ledger's; None where that cannot be told.

    A compliance report is compared with what the audit recorded, None before it has issued one. An
    access review is made again from the events with the same terms; None if it was made with a list
    of staff, which the ledger does not have, under another policy than the one in force, or as of
    an entry that the ledger does not have. `digest`: SHA-256 of the report, in hex. Raises
    `UsageError` for an audit that is none, `DataError` for terms that no report has.
    """
    if isinstance(said, Compliance):
        return issued(ledger, said.audit.id, digest)
    try:
        if said.method["staff_list"] is not None or said.policy != _policy(ledger):
            return None
        opens, shuts = said.method["hours"]
        terms = Terms(
            opens=int(opens), shuts=int(shuts), bulk=int(said.method["bulk"]),
            sample=int(said.method["sample"]), seed=str(said.method["seed"]),
        )  # fmt: skip
        if not 0 <= said.entry < ledger.seen()[0]:
            return None
        span = (said.period_from, said.period_to)
        made = access_report(ledger, span, said.engagement, terms=terms, entry=said.entry)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise not_a_report() from error
    return made.digest == digest


def _policy(ledger: Ledger) -> str:
    header = ledger.policy().header
    return f"{header.id} {header.version}"
