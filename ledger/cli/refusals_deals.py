"""What refusals about a deal between two firms mean: the fourth part of `refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_
from ledger.cli.refusals_parties import CROSSING, PEOPLE

_AGAIN = N_("correct it and say it again")
_TOGETHER = N_("prepare a draft with --with ACTOR:CAPACITY --draft FILE, have it signed, submit it")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")
_DEAL = N_("muniment engagement status ENGAGEMENT")
_TAKE = N_("muniment handover take HANDOVER --package DIR --replica DIR")

_ENGAGEMENT: Final[Mapping[str, tuple[str, str]]] = {
    # -- engagement, agreements, assessment, training, gates, closing
    "routine_comes_with_entry_zero": (
        N_("A ledger has one routine engagement, opened with the ledger itself."),
        _VERIFY,
    ),
    "routine_is_no_deal": (
        N_("The routine engagement has no parties and no transfer mode."),
        _VERIFY,
    ),
    "title_must_be_sealed": (
        N_("A deal has a title; it is sealed."),
        N_("say it again with --title TEXT"),
    ),
    "mode_is_no_deal": (
        N_("The adopted policy pack opens no deal for this transfer mode."),
        N_("muniment codes TransferMode; a ledger with a policy pack before 1.2.0 opens no deal"),
    ),
    "deal_needs_seller_and_buyer": (
        N_("A deal has a seller and a buyer."),
        N_("say it again with --seller PARTY --buyer PARTY"),
    ),
    "one_party_on_two_sides": (
        N_("Seller, buyer and broker are different parties."),
        N_("muniment party list"),
    ),
    "deal_under_another_deal": (
        N_("A deal is opened under everyday custody, not under another deal."),
        N_("leave --engagement away"),
    ),
    "already_attached": (N_("A document is attached once."), _AGAIN),
    "content_must_be_sealed": (N_("A document without its digest proves nothing."), _VERIFY),
    "party_named_twice": (N_("A party is named twice."), _AGAIN),
    "not_a_party_to_the_deal": (
        N_("Whoever says this acts for no party to the deal."),
        N_("muniment engagement show ENGAGEMENT"),
    ),
    "not_a_deal": (
        N_("This is the engagement of everyday custody, or none."),
        N_("muniment engagement list"),
    ),
    "under_another_engagement": (
        N_("What is said about a deal stands under that deal."),
        N_("say it again with --engagement ENGAGEMENT"),
    ),
    "document_of_another_kind": (
        N_("The document is attached as one of another kind."),
        N_("muniment document attach FILE --kind KIND"),
    ),
    "document_of_another_deal": (
        N_("The document is attached to another engagement."),
        N_("attach it with --engagement ENGAGEMENT"),
    ),
    "document_of_other_parties": (
        N_("The document was signed by other parties than those it would bind."),
        N_("attach the one that they signed"),
    ),
    "document_used_before": (
        N_("Something else stands on this document already."),
        N_("attach the new document"),
    ),
    "signer_is_not_named": (
        N_("Whoever signs the agreement is named in it, with the role and the key used."),
        N_("say it again with --signer ACTOR:ROLE"),
    ),
    "agreed_key_is_not_active": (
        N_("A key that is named is no active signing key of that person."),
        N_("muniment key list --actor ACTOR"),
    ),
    "signer_of_another_party": (
        N_("Somebody is named for a side that they do not act for."),
        N_("muniment actor list"),
    ),
    "nda_with_oneself": (N_("A party discloses to another one, not to itself."), _AGAIN),
    "nda_of_another_party": (
        N_("The agreement is between two parties to the deal."),
        N_("muniment engagement show ENGAGEMENT"),
    ),
    "party_must_sign": (N_("Somebody of each of the two parties signs, in one commit."), _TOGETHER),
    "unknown_nda": (N_("Under this deal no such agreement was signed."), N_("muniment nda list")),
    "not_a_party_to_the_nda": (
        N_("The agreement is ended by one of its two parties."),
        N_("muniment nda list"),
    ),
    "nda_ended_before": (
        N_("The agreement was ended for that day, or for an earlier one."),
        N_("muniment nda list"),
    ),
    "nda_ends_too_late": (
        N_("Whoever ends an agreement ends it within a year."),
        N_("say it again with an earlier --on DAY"),
    ),
    "processor_must_sign": (
        N_("Whoever is to process the data signs that the agreement binds it."),
        N_("that party attaches it, or signs beside: --with ACTOR:CAPACITY --draft FILE"),
    ),
    "deal_was_closed": (N_("The deal is closed; nothing more is said under it."), _DEAL),
    "seller_ends_the_deal": (
        N_("The party that hands over ends the deal."),
        N_("somebody of the seller says it"),
    ),
    "seller_assesses": (
        N_("The party that hands over assesses what that means for the people concerned."),
        N_("somebody of the seller says it"),
    ),
    "report_not_kept_long_enough": (
        N_("The report of an assessment is kept for three years at least."),
        N_("say it again with a later --retain-until DAY"),
    ),
    "examined_by_oneself": (N_("Nobody certifies the own training."), N_("another person says it")),
    "key_not_agreed": (
        N_("The evidence agreement does not name this key for this role."),
        N_(
            "both handlers sign one that does: muniment agreement sign DOCUMENT --signer ACTOR:ROLE"
        ),
    ),
    "no_nda_in_force": (
        N_("No agreement is in force by which the one party may disclose to the other."),
        N_("muniment nda sign DOCUMENT"),
    ),
    "nda_does_not_cover": (
        N_("No agreement in force covers this category of records."),
        N_("muniment nda sign DOCUMENT --category CATEGORY"),
    ),
    "no_pipia": (
        N_("The impact on the people concerned was not assessed for this category."),
        N_("muniment pipia record DOCUMENT"),
    ),
    "pipia_not_acceptable": (
        N_("The last impact assessment says that this may not be done."),
        N_("take measures, assess again: muniment pipia record DOCUMENT"),
    ),
    "no_processing_agreement": (
        N_("No processing agreement stands that both parties have signed."),
        N_("muniment document attach FILE --kind processing_agreement --party PARTY --party PARTY"),
    ),
    "not_trained": (
        N_("By the adopted policy pack, only who was trained does this."),
        N_("muniment training record ACTOR --topic CODE; muniment codes TrainingTopic"),
    ),
    "backup_overdue": (
        N_("By the adopted policy pack, copies are backed up first."),
        N_("muniment backup create TARGET"),
    ),
    "offsite_overdue": (
        N_("By the adopted policy pack, a backup lies at another place first."),
        N_("muniment backup offsite BACKUP"),
    ),
    "backup_check_overdue": (
        N_("By the adopted policy pack, a backup is checked first."),
        N_("muniment backup verify BACKUP"),
    ),
    "drill_overdue": (
        N_("By the adopted policy pack, a restore is practised first."),
        N_("muniment backup drill BACKUP"),
    ),
    "party_got_nothing": (
        N_("Copies are got by the buyer or the broker of the deal."),
        N_("muniment engagement show ENGAGEMENT"),
    ),
    "certificate_must_be_sealed": (
        N_("What was returned or destroyed has a receipt or a certificate."),
        N_("--certificate TEXT; on a replica --certificate-file FILE"),
    ),
    "copy_is_still_there": (
        N_("The party still keeps these copies, and nothing gave them away for good."),
        N_("return it: muniment holding return COPY; or destroy it: muniment destroy propose COPY"),
    ),
    "no_check_is_due": (N_("On this day no check falls due after a confirmed handover."), _DEAL),
    "tracked_before": (N_("The check that was due on this day was made."), _DEAL),
    "checked_before_due": (N_("A check is made on the day it falls due, or later."), _AGAIN),
    "deal_asks_for_no_new_keys": (N_("Only the sale of a firm itself asks for new keys."), _DEAL),
    "not_of_the_firm_sold": (
        N_("New keys are for the people of the firm that is sold."),
        N_("muniment actor list"),
    ),
    "key_is_older_than_the_deal": (
        N_("The person has no key, or still one from before the deal was opened."),
        N_("muniment key rotate; muniment key rotate --purpose seal"),
    ),
    "handover_is_open": (
        N_("A handover of the deal is neither confirmed nor cancelled."),
        N_("muniment handover list"),
    ),
    "nothing_was_confirmed": (
        N_("Nothing was handed over, so the deal is not completed."),
        N_("muniment engagement close ENGAGEMENT --outcome failed"),
    ),
    "residual_not_declared": (
        N_("The seller has not declared every copy that it keeps of what was delivered."),
        N_("muniment handover residual HANDOVER"),
    ),
    "tracking_not_done": (
        N_("A check that falls due after the handover was not made."),
        N_("muniment engagement track ENGAGEMENT --due DAY"),
    ),
    "credentials_not_reregistered": (
        N_("Somebody who keeps keys or copies still signs as before the firm was sold."),
        N_("muniment engagement rekey ENGAGEMENT --actor ACTOR"),
    ),
    "copies_not_disposed": (
        N_("The party has not said what became of what it got last."),
        N_("muniment engagement dispose ENGAGEMENT --party PARTY"),
    ),
}


_HANDOVER: Final[Mapping[str, tuple[str, str]]] = {
    # -- C: handovers, inspection, discrepancies, residual copies
    "handover_needs_a_deal": (
        N_("What passes to another party passes under a deal."),
        N_("muniment engagement open; then say it again with --engagement ENGAGEMENT"),
    ),
    "parties_of_another_deal": (
        N_("A handover goes from the deal's seller to its buyer."),
        N_("muniment engagement show ENGAGEMENT"),
    ),
    "mode_of_another_deal": (N_("The kind of transfer is that of the deal."), _VERIFY),
    "mode_hands_nothing_over": (
        N_("In this kind of transfer nothing is handed over: nobody new keeps the records."),
        _DEAL,
    ),
    "custody_does_not_pass": (
        N_("What is given here comes back; contents are delivered, and no copy passes."),
        N_("muniment handover freeze HANDOVER RECORD... --packaged"),
    ),
    "handover_of_another_deal": (
        N_("Every step of a handover stands under the deal of its plan."),
        N_("say it again without --engagement"),
    ),
    "not_of_either_side": (
        N_("Whoever says this acts for neither side."),
        N_("muniment handover show HANDOVER"),
    ),
    "handover_is_residual_declared": (
        N_("The handover is over, and what the seller keeps is declared."),
        N_("muniment handover show HANDOVER"),
    ),
    "no_time_for_inspection": (
        N_("A plan says in how many days it is inspected."),
        N_("say it again with --inspection-days N"),
    ),
    "lines_are_missing": (N_("A list names the root of its lines."), _VERIFY),
    "lines_without_seed": (
        N_("The first part of a list seals the seed from which its lines are salted."),
        _VERIFY,
    ),
    "exclusions_come_first": (
        N_("What a list leaves out is said in its first part."),
        _VERIFY,
    ),
    "no_copy_kept": (
        N_("The seller keeps no copy of the record that is there."),
        N_("muniment where RECORD; then freeze the list anew without it"),
    ),
    "copy_of_unknown_origin": (
        N_("The copy names a record of which its keeper keeps nothing, and was handed nothing."),
        N_("muniment history RECORD; whoever keeps the record hands it over"),
    ),
    "record_has_passed": (
        N_("The record was handed over to another party and has not come back."),
        N_("muniment history RECORD; then freeze the list anew without it"),
    ),
    "record_is_in_a_handover": (
        N_("The record, or a copy in which it lies, is on another list that is not over."),
        N_("muniment handover show HANDOVER"),
    ),
    "record_was_corrected": (
        N_("The content of a listed record was corrected after the list was frozen."),
        N_("muniment handover freeze HANDOVER RECORD...: a new version of the list"),
    ),
    "records_need_a_package": (
        N_("The list has records; their contents go in a package."),
        N_("muniment handover pack HANDOVER --out DIR; then release it with --package DIR"),
    ),
    "package_without_records": (
        N_("The list has copies only; nothing of it goes in a package."),
        N_("say it again without --package"),
    ),
    "another_package_was_seen": (
        N_("What arrived is not the package that was released."),
        N_("have the seller send the package again"),
    ),
    "item_not_inspected": (
        N_("An item was not inspected, and the time for it is not over."),
        N_("muniment handover inspect HANDOVER"),
    ),
    "fault_is_not_settled": (
        N_("An item was found faulty, and that is not settled."),
        N_("muniment handover discrepancy raise HANDOVER ITEM...; both handlers settle it"),
    ),
    "not_an_open_item": (
        N_("The confirmation names what is not waiting for it."),
        N_("muniment handover show HANDOVER"),
    ),
    "discrepancies_are_open": (
        N_("A discrepancy is not settled."),
        N_("muniment handover discrepancy resolve HANDOVER NUMBER, by both handlers"),
    ),
    "not_on_the_list": (N_("The item is not on the list."), N_("muniment handover show HANDOVER")),
    "item_was_rejected": (
        N_("The item was rejected by both handlers; it does not pass."),
        N_("muniment handover discrepancy list HANDOVER"),
    ),
    "number_is_not_the_next": (
        N_("Discrepancies are numbered one after the other."),
        N_("muniment handover discrepancy list HANDOVER; then say it again"),
    ),
    "too_many_discrepancies": (
        N_("A handover has 1,000 discrepancies at most."),
        N_("name several items in one, or cancel: muniment handover cancel HANDOVER"),
    ),
    "too_many_reservations": (
        N_("A confirmation names 200 reservations at most."),
        N_("settle this one otherwise: muniment handover discrepancy resolve HANDOVER NUMBER"),
    ),
    "before_the_step_before": (
        N_("The time given lies before the step before it."),
        N_("muniment handover show HANDOVER; then say it again"),
    ),
    "discrepancy_of_no_item": (
        N_("A discrepancy of this kind is about items of the list."),
        N_("muniment handover discrepancy raise HANDOVER ITEM..."),
    ),
    "unknown_discrepancy": (
        N_("There is no discrepancy of this number."),
        N_("muniment handover discrepancy list HANDOVER"),
    ),
    "discrepancy_is_settled": (
        N_("The discrepancy was settled before."),
        N_("muniment handover discrepancy list HANDOVER"),
    ),
    "another_deadline": (
        N_("The time for inspection runs from the receipt, as many days as planned."),
        _VERIFY,
    ),
    "time_for_inspection_runs": (
        N_("The time for inspection is not over."),
        N_("muniment handover show HANDOVER; wait"),
    ),
    "already_deemed_accepted": (
        N_("It was recorded before that the time ran out."),
        N_("muniment handover show HANDOVER"),
    ),
    "something_was_raised": (
        N_("Something was found wrong in time; it is not deemed accepted."),
        N_("muniment handover discrepancy list HANDOVER"),
    ),
    "nothing_is_left_unsaid": (
        N_("The buyer has spoken about every item; silence accepts none."),
        N_("muniment handover show HANDOVER"),
    ),
    "handler_is_the_same": (
        N_("The new handler is the one that there is."),
        N_("muniment handover show HANDOVER"),
    ),
    "handler_was_supervisor": (
        N_("Who has supervised a handover does not become a handler of it."),
        N_("name somebody else: muniment handover replace HANDOVER ACTOR"),
    ),
    "supervisor_was_handler": (
        N_("Who handles a handover, or has handled it, does not supervise it."),
        N_("let another supervisor of that side sign: muniment actor list"),
    ),
    "kept_until_a_day_gone_by": (
        N_("What is kept is kept until a day to come; else it is destroyed."),
        N_("say it again with --retain-until DAY, or muniment destroy propose RECORD"),
    ),
    "residual_said_before": (
        N_("The declaration says nothing that was not declared before."),
        N_("muniment handover show HANDOVER; a later one names another copy, basis or day"),
    ),
    "not_a_copy_of_it": (
        N_("The seller does not keep this copy, or it holds nothing that was handed over."),
        N_("muniment handover residual HANDOVER without naming copies"),
    ),
    "copy_is_not_declared": (
        N_("The seller still keeps a copy that is not declared."),
        N_("declare it too, or muniment destroy propose RECORD"),
    ),
}

_DELIVERY: Final[Mapping[str, tuple[str, str]]] = {
    # -- D: lines, packages
}

_LEDGERS: Final[Mapping[str, tuple[str, str]]] = {
    # -- E: replicas, comparison, imports
    "unknown_ledger": (N_("It is said on the ledger's own stream."), _VERIFY),
    "ledger_imports_itself": (
        N_("What is taken over comes from another ledger."),
        N_("inside one ledger, custody passes with the confirmation: muniment handover confirm"),
    ),
    "comparison_does_not_fit": (
        N_("The result of a comparison is what sizes and roots say."),
        N_("muniment ledger compare A B --record"),
    ),
    "divergence_does_not_fit": (
        N_("A fork, and only a fork, has a first entry that differs, which both have."),
        N_("muniment ledger compare A B --record"),
    ),
    "compared_beyond_the_ledger": (
        N_("Nobody has seen more entries of this ledger than there are."),
        N_("muniment ledger compare A B --record"),
    ),
    "continues_needs_an_import": (
        N_("A record that continues one of another ledger names the event that took it over."),
        _TAKE,
    ),
    "continued_by_a_handover": (
        N_("What continues a record of another ledger came by a handover."),
        _TAKE,
    ),
    "record_continues_itself": (N_("A record continues one of another ledger."), _VERIFY),
    "unknown_import": (
        N_("No event of your party says that this was taken over from another ledger."),
        _TAKE,
    ),
}


_PAPERS: Final[Mapping[str, tuple[str, str]]] = {
    # -- G: documents issued about a deal
    "record_has_not_passed": (
        N_("Nothing is taken over before the handover is confirmed."),
        N_("muniment handover confirm HANDOVER"),
    ),
    "handover_not_confirmed": (
        N_("The handover was not confirmed by both sides."),
        N_("muniment handover confirm HANDOVER"),
    ),
    "not_the_notice": (
        N_("A notice is printed as it was issued, not as it was delivered."),
        _VERIFY,
    ),
    "nothing_was_reviewed": (
        N_("Nobody has reviewed the accesses of this engagement."),
        N_("muniment access review --engagement ENGAGEMENT"),
    ),
    "engagement_is_open": (
        N_("The deal is not closed."),
        N_("muniment engagement close ENGAGEMENT --outcome OUTCOME"),
    ),
}

DEALS: Final[Mapping[str, tuple[str, str]]] = {
    **_ENGAGEMENT,
    **PEOPLE,
    **_HANDOVER,
    **_DELIVERY,
    **_LEDGERS,
    **CROSSING,
    **_PAPERS,
}
