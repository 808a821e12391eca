"""What refusals about evidence, indexes and time-stamps mean: the fifth part of `refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_

_AGAIN = N_("correct it and say it again")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")
_REQUEST = N_("muniment evidence request --help")
_SHOW = N_("muniment evidence list")

EVIDENCE: Final[Mapping[str, tuple[str, str]]] = {
    # -- evidence that is handed out
    "already_requested": (N_("A bundle is requested once."), _REQUEST),
    "scope_does_not_fit": (
        N_("Evidence is about one object of the kind named, or about a span of time."), _REQUEST,
    ),
    "period_not_over": (
        N_("Evidence of a period is given when the period is over."), _AGAIN,
    ),
    "selection_does_not_fit": (
        N_("The counts of what is shown and withheld do not fit what was selected."), _VERIFY,
    ),
    "unknown_scope": (N_("There is nothing of this id to give evidence of."), _AGAIN),
    "export_without_purpose": (
        N_("Evidence is handed out for a purpose that is said."),
        N_("say it again with --purpose PURPOSE"),
    ),
    "foreign_recipient_needs_approval": (
        N_("Nothing goes abroad without the approval of the authority (PIPL 41, DSL 36)."),
        N_("muniment document attach --kind foreign_approval FILE; then --approval DOCUMENT"),
    ),
    "foreign_approval_not_in_force": (
        N_("The authority's approval is not in force today."),
        N_("attach the one that is, and name it with --approval DOCUMENT"),
    ),
    "foreign_approval_of_another_matter": (
        N_("The authority's approval was attached to another engagement."),
        N_("name the engagement with --engagement, or attach the approval to this one"),
    ),
    "unknown_request": (N_("Nobody has requested a bundle of this id."), _SHOW),
    "already_approved": (N_("The request was approved already."), _SHOW),
    "already_exported": (N_("The bundle was exported already."), _REQUEST),
    "another_selection": (
        N_("What is to be shown is not what was requested."), _SHOW,
    ),
    "approver_is_requester": (
        N_("Whoever asks for evidence does not approve it."),
        N_("muniment --as OTHER evidence approve BUNDLE"),
    ),
    "approver_of_another_party": (
        N_("The approval comes from the party that hands out."),
        N_("muniment --as OTHER evidence approve BUNDLE"),
    ),
    "exporter_of_another_party": (
        N_("The party that asked for the evidence exports it."), _SHOW,
    ),
    "export_needs_approval": (
        N_("Fields or contents in clear go out only when another person has approved."),
        N_("muniment --as OTHER evidence approve BUNDLE"),
    ),
    # -- the ledger's own
    "indexed_beyond_what_was_seen": (
        N_("The index covers entries that its signer had not seen."), _VERIFY,
    ),
    "already_indexed": (
        N_("There is an index over as many entries already."), N_("muniment index show"),
    ),
    "anchored_beyond_what_was_seen": (
        N_("The time-stamp is over entries that its signer had not seen."), _VERIFY,
    ),
    "already_anchored": (
        N_("This time-stamp is recorded already."), N_("muniment timestamp list"),
    ),
}  # fmt: skip
