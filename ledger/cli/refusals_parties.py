"""What refusals about people in a deal and access across it mean: the fifth part of `refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_

_AGAIN = N_("correct it and say it again")
_TOGETHER = N_("prepare a draft with --with ACTOR:CAPACITY --draft FILE, have it signed, submit it")

PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    # -- B: subjects, notices, consents, clearing
    "subjects_unknown": (
        N_("Nobody has said whose personal data stands in it, as it is now."),
        N_("muniment subject declare RECORD"),
    ),
    "not_notified": (
        N_("A person in it was not reached by a notice of this deal that says enough."),
        N_("muniment notice recipients --engagement ENGAGEMENT"),
    ),
    "no_consent": (
        N_("A person in it has not agreed separately that it goes to this recipient."),
        N_("muniment consent record --from FILE, or leave it out: --skip-blocked"),
    ),
    "no_sensitive_consent": (
        N_("A person in it has not agreed separately to sensitive data."),
        N_("muniment consent record --from FILE, or leave it out: --skip-blocked"),
    ),
    "no_guardian_consent": (
        N_("A person in it is under 14, and no guardian has agreed."),
        N_("muniment consent record --from FILE, or leave it out: --skip-blocked"),
    ),
    "consent_before_notice": (
        N_("A person in it agreed before the notice was delivered; that is no consent (PIPL 14)."),
        N_("ask again: muniment consent record --from FILE, given_at with its time of day"),
    ),
    "consent_withdrawn": (
        N_("A person in it has withdrawn the consent, or objected, and not agreed since."),
        N_("leave it out: --skip-blocked; after the release raise a discrepancy"),
    ),
    "suppressed": (
        N_("A person in it is on the suppression list: it goes on no list for marketing."),
        N_("leave it out: --skip-blocked"),
    ),
    "opted_out": (
        N_("A person in it does not want to be contacted: it goes on no list for marketing."),
        N_("leave it out: --skip-blocked"),
    ),
    "needs_a_deal": (
        N_("It is recorded under a deal, not under the routine engagement."),
        N_("--engagement ENGAGEMENT"),
    ),
    "recipient_is_not_of_the_deal": (
        N_("The recipient is neither buyer nor broker of this deal."),
        N_("muniment engagement show ENGAGEMENT"),
    ),
    "notice_issued_once": (
        N_("A notice is issued once; another one gets an id of its own."),
        N_("muniment notice issue"),
    ),
    "exemption_of_another_deal": (
        N_("An exemption is recorded on its own deal's stream and under it."),
        N_("--engagement ENGAGEMENT"),
    ),
    "notice_without_text": (
        N_("A notice names, sealed, the digest of the text that people are sent."),
        N_("--text FILE"),
    ),
    "unknown_notice": (N_("There is no notice of this id."), N_("muniment notice list")),
    "notice_of_another_deal": (
        N_("The notice was issued under another deal."),
        N_("muniment notice show NOTICE"),
    ),
    "delivered_before_issued": (N_("Nobody was reached by a notice before it was issued."), _AGAIN),
    "announcement_is_told_as_one": (
        N_(
            "What was announced in public reached nobody by itself: status public_announcement and "
            "channel announcement belong together."
        ),
        _AGAIN,
    ),
    "announcement_needs_reason": (
        N_("A public announcement is the fallback, and its reason is given."),
        N_("--reason TEXT"),
    ),
    "unknown_subject": (
        N_("Nobody of this party has said in which record this person stands."),
        N_("muniment subject declare"),
    ),
    "subject_of_another_party": (
        N_(
            "Another party has declared this person, shares no signed deal with this one, and has "
            "handed over no record with the person to it."
        ),
        N_("muniment agreement sign, or the other party declares it"),
    ),
    "recipient_records_no_consent": (
        N_("Nobody records a consent to itself: whoever gives the data away records it."),
        N_("the other party: muniment consent grant"),
    ),
    "no_such_statute": (
        N_("The adopted pack has no statute of this id."),
        N_("--statute ID, one of [statutes] in the policy pack"),
    ),
    "opinion_is_not_attached": (
        N_("Counsel's opinion is not attached to this deal, or does not stand on this day."),
        N_("muniment document attach FILE --kind legal_opinion --engagement ENGAGEMENT"),
    ),
    "exemption_needs_approver": (
        N_("That no consent is needed is said by two persons of the seller."),
        _TOGETHER,
    ),
    "exemption_is_no_consent": (
        N_("An exemption is recorded for a deal, never as somebody's consent."),
        N_("muniment consent exempt"),
    ),
    "consent_ends_before_it_begins": (
        N_("The consent's last day lies before the day on which it was given."),
        _AGAIN,
    ),
    "suppression_begins_later": (N_("Its first day has not begun anywhere."), _AGAIN),
    "already_suppressed": (
        N_("The person is on the suppression list for this reason."),
        N_("muniment consent suppressed"),
    ),
}


CROSSING: Final[Mapping[str, tuple[str, str]]] = {
    # -- F: access under a deal
    "deal_is_over": (
        N_("The deal that the grant stands on is closed."),
        N_("what was received is given back or destroyed; muniment engagement show ENGAGEMENT"),
    ),
    "record_and_its_copy": (
        N_("The list names a record and a copy that it lies in; what it says would go twice."),
        N_("name one of them: the copy passes itself, with --packaged the content is delivered"),
    ),
    "given_without_a_deal": (
        N_(
            "Another party gets a copy from the seller of an open deal between the two; it goes "
            "back freely to where it came from."
        ),
        N_("name the deal with --engagement DEAL; muniment engagement open --mode MODE"),
    ),
    "grant_names_no_basis": (
        N_("A look by the other side of a deal names on what it may see the people (PIPL 6, 23)."),
        N_("muniment access grant --basis CODE; muniment codes LookBasis"),
    ),
    "people_identified": (
        N_("It identifies people: it is not de-identified, or people were found in it."),
        N_("--basis people_cleared, or make it anonymous: muniment anonymise"),
    ),
    "not_on_behalf": (
        N_("Only a broker, or a party entrusted with the work, looks on the seller's behalf."),
        N_("--basis people_cleared"),
    ),
    "purpose_not_for_another_party": (
        N_(
            "The other side of a deal looks for what precedes a handover: due diligence, "
            "inspection, preparation; a broker, or whoever is entrusted, also does the work."
        ),
        N_("muniment access grant --purpose due_diligence --engagement ENGAGEMENT"),
    ),
    "grant_of_another_engagement": (
        N_("A grant to another party's people is used under the deal that it was given under."),
        N_("muniment access record RECORD --engagement ENGAGEMENT"),
    ),
    "grant_ended_with_handover": (
        N_("The record has passed to another party; grants given before are over."),
        N_("whoever keeps it now: muniment access grant"),
    ),
    "purpose_ended_with_handover": (
        N_(
            "The record has passed to another party; whoever gave it away accesses it for what "
            "the law still asks: a duty, a dispute, an audit, a person's request, disposal."
        ),
        N_("somebody else: muniment access grant --purpose legal_duty"),
    ),
}
