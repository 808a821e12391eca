"""What refusals about audits mean: the sixth part of `refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_

_SHOW = N_("muniment audit show AUDIT")
_LIST = N_("muniment audit list")
_OPEN = N_("muniment audit open --help")
_AGAIN = N_("correct it and say it again")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")
_ANOTHER = N_("let another auditor do it: muniment --as AUDITOR …")

AUDIT: Final[Mapping[str, tuple[str, str]]] = {
    # -- who audits
    "audit_already_opened": (N_("An audit is opened once."), _LIST),
    "audited_beyond_what_was_seen": (
        N_("The audit covers entries that its signer had not seen."), _VERIFY,
    ),
    "entries_of_the_period_left_out": (
        N_("Entries of the period are left out of the audit."),
        N_("open it up to the last entry: muniment audit open"),
    ),
    "auditor_org_does_not_fit": (
        N_("An internal audit has no auditing firm; any other audit has one."), _OPEN,
    ),
    "auditor_is_the_audited": (
        N_("Nobody audits a matter in which the own firm is a side."),
        N_("have a firm audit that has no part in it"),
    ),
    "lead_of_another_party": (
        N_("The lead auditor does not act for whoever audits."), _OPEN,
    ),
    "lead_is_no_auditor": (
        N_("The lead does not hold the auditor's role that this kind of audit asks for."),
        N_("muniment role list ACTOR"),
    ),
    "auditor_role_does_not_fit": (
        N_("Internal auditors do internal audits, external auditors all others."), _ANOTHER,
    ),
    "auditor_of_another_party": (
        N_("Whoever says this does not act for the auditors of this audit."), _ANOTHER,
    ),
    "auditor_was_operator": (
        N_("Whoever audits held an operational role in the audited period: nobody audits the own "
           "work."),
        _ANOTHER,
    ),
    "audits_in_a_row_miscounted": (
        N_("The number of audits in a row is not the one that the ledger gives."), _VERIFY,
    ),
    "auditor_in_a_row": (
        N_("The same firm or lead has audited this party as often in a row as the policy permits."),
        N_("have another firm, or for an internal audit another lead, audit it"),
    ),
    # -- what an audit says
    "unknown_audit": (N_("There is no audit of this id."), _LIST),
    "audit_is_reported": (
        N_("The report was issued: only remediation may be recorded and confirmed now."),
        N_("open the next audit: muniment audit open"),
    ),
    "number_gap_or_repeat": (
        N_("Samples and findings are numbered without gaps, each once."), _AGAIN,
    ),
    "population_does_not_fit": (
        N_("An actor is named with the population of one actor's acts, and with no other."),
        N_("muniment audit sample --help"),
    ),
    "sample_exceeds_population": (
        N_("The sample is larger than what it is drawn from."), _AGAIN,
    ),
    "drawn_do_not_fit": (
        N_("What is listed as drawn has another size, order or digest than is said."), _VERIFY,
    ),
    "unknown_sample": (N_("The audit has no sample of this number."), _SHOW),
    "owner_is_not_of_the_audited": (
        N_("A finding is for somebody of the audited party to set right."),
        N_("muniment actor list; then --owner ACTOR"),
    ),
    "owner_is_the_auditor": (
        N_("Auditors do not set right what they find."), N_("name another one with --owner ACTOR"),
    ),
    "due_day_is_past": (
        N_("The day by which a finding is to be set right has passed already."),
        N_("name a later one with --due DAY"),
    ),
    "unknown_evidence": (N_("There is no event of this id to stand as evidence."), _AGAIN),
    "text_must_be_sealed": (
        N_("What was found, answered or done has to be said."), _AGAIN,
    ),
    # -- what becomes of a finding
    "unknown_finding": (N_("The audit has no finding of this number."), _SHOW),
    "finding_is_closed": (N_("The finding was set right already."), _SHOW),
    "answer_of_another_party": (
        N_("The audited party answers findings and sets them right."),
        N_("muniment --as ACTOR-OF-THAT-PARTY …"),
    ),
    "nothing_to_verify": (
        N_("Nothing was recorded as done about this finding since it was last looked at."),
        N_("muniment audit remediate AUDIT FINDING"),
    ),
    "verifier_remediated": (
        N_("Whoever had to set a finding right does not confirm that it was."), _ANOTHER,
    ),
    # -- the report
    "report_is_the_leads": (N_("The lead auditor signs the report."), _SHOW),
    "reported_beyond_what_was_seen": (
        N_("The report rests on entries that its signer had not seen."), _VERIFY,
    ),
    "replay_covers_less": (
        N_("The replay does not reach the last entry that the audit covers."),
        N_("muniment audit replay, and report with that"),
    ),
    "counts_are_not_the_findings": (
        N_("The counts of findings are not those of the audit."), _SHOW,
    ),
    "opinion_does_not_fit_findings": (
        N_("With a grave finding open no opinion is unqualified; without any finding none is "
           "qualified or adverse."),
        N_("name another one with --opinion CODE"),
    ),
}  # fmt: skip
