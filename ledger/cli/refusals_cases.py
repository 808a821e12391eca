"""What refusals about access, copies and cases mean: the second half of `ledger.cli.refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_

_AGAIN = N_("correct it and say it again")
_TOGETHER = N_("prepare a draft with --with ACTOR:CAPACITY --draft FILE, have it signed, submit it")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")

CASES: Final[Mapping[str, tuple[str, str]]] = {
    # -- access
    "already_granted": (N_("A grant of this id was given before."), N_("muniment access grants")),
    "grants_to_self": (
        N_("Nobody grants access to themselves."),
        N_("muniment --as OTHER access grant"),
    ),
    "grantee_of_another_party": (
        N_("Another party's people get access from the seller of a deal that is open to both."),
        N_("muniment access grant --engagement ENGAGEMENT"),
    ),
    "grant_covers_nothing": (
        N_("A grant names records or categories."),
        N_("muniment access grant --record RECORD, or --category CODE"),
    ),
    "break_glass_is_not_granted": (
        N_("Emergency access is not granted beforehand; it gives its reason and waits for review."),
        N_("muniment access record RECORD --purpose break_glass --reason TEXT"),
    ),
    "unknown_grant": (N_("There is no grant of this id."), N_("muniment access grants")),
    "grant_is_revoked": (N_("The grant was revoked."), N_("muniment access grants")),
    "no_purpose": (N_("An access says its purpose."), N_("add --purpose CODE")),
    "no_grant": (
        N_("Nobody accesses a record without a grant that covers it."),
        N_("somebody else: muniment access grant --actor ACTOR --record RECORD"),
    ),
    "grant_of_another": (
        N_("The grant was given to somebody else."),
        N_("muniment access grants --actor ACTOR"),
    ),
    "grant_not_in_force": (
        N_("The grant's time has not begun or is over."),
        N_("somebody else: muniment access grant"),
    ),
    "grant_does_not_cover_record": (
        N_("The grant does not cover this record."),
        N_("somebody else: muniment access grant --record RECORD"),
    ),
    "grant_does_not_cover_mode": (
        N_("The grant does not cover this way of access."),
        N_("somebody else: muniment access grant --mode CODE"),
    ),
    "grant_does_not_cover_purpose": (
        N_("The grant does not cover this purpose."),
        N_("somebody else: muniment access grant --purpose CODE"),
    ),
    "outcome_does_not_fit_purpose": (N_("Only an emergency access is recorded as one."), _VERIFY),
    "break_glass_needs_reason": (N_("An emergency access says why."), N_("add --reason TEXT")),
    "nothing_denies_this": (
        N_("Nothing denies this access; a refusal cannot be recorded."),
        _VERIFY,
    ),
    "review_of_another_engagement": (
        N_("A review is recorded under the engagement that it is about."),
        _AGAIN,
    ),
    "period_leaves_a_gap": (
        N_("There are accesses before this period that nobody has reviewed."),
        N_("begin where the last review ended: muniment access log"),
    ),
    "period_is_not_over": (
        N_("The period reviewed has to be over, and its end after its beginning."),
        _AGAIN,
    ),
    "reviewer_is_reviewed": (
        N_("Whoever accessed something in the period does not review it."),
        N_("muniment --as OTHER access review"),
    ),
    "counts_are_not_the_registers": (
        N_("The counts are not those of the register of accesses."),
        N_("muniment access log"),
    ),
    "record_is_restricted": (
        N_("The record is restricted: only storage, protection and what the law asks."),
        N_("muniment why RECORD; muniment restriction lift RECORD, by two persons"),
    ),
    "already_restricted": (N_("The record is restricted already."), N_("muniment why RECORD")),
    "lifting_needs_second_person": (
        N_("Lifting a restriction takes a second person as approver."),
        _TOGETHER,
    ),
    "shortening_needs_second_person": (
        N_("Shortening a period that was assigned takes a second person as approver."),
        _TOGETHER,
    ),
    # -- lists and cases
    "item_named_twice": (N_("Something is named twice."), _AGAIN),
    "case_writes_one_stream": (N_("What is decided about a case is recorded by itself."), _VERIFY),
    "copy_is_in_a_case": (
        N_("The copy is in a handover or a destruction that is not over."),
        N_("muniment why RECORD"),
    ),
    "holding_was_copied": (
        N_("The copy has been copied already; nothing more is collected in it."),
        N_("collect it as a new copy"),
    ),
    "copy_of_a_copy": (
        N_("A whole copy is made of an original."),
        N_("name the original: muniment where RECORD"),
    ),
    "list_is_whole": (N_("The list is complete; nothing is added to it."), N_("make a new list")),
    "list_not_whole": (N_("The list is not complete."), N_("record its missing parts first")),
    "list_too_long": (N_("A list names at most 20,000 copies."), N_("make several lists")),
    "list_is_longer_than_said": (N_("The list has more items than it says."), _VERIFY),
    "part_of_another_list": (N_("The part does not belong to this list."), _VERIFY),
    "root_is_not_the_lists": (N_("The root is not the one of the items listed."), _VERIFY),
    "another_list_was_seen": (
        N_("The list that was seen is not the one that stands."),
        N_("look at the present list and say it again"),
    ),
    "list_version_gap": (N_("A new list follows the one before it by one."), _VERIFY),
    "not_an_open_item": (
        N_("The copy is not on the list, or is settled already."),
        N_("muniment destroy show CASE; muniment handover show HANDOVER"),
    ),
    "counts_do_not_fit": (N_("The counts do not fit what is there."), _AGAIN),
    "ended_before_started": (N_("It cannot end before it begins."), _AGAIN),
    # -- backup
    "unknown_backup": (N_("There is no backup of this id."), N_("muniment backup list")),
    "not_a_copy_of_the_backup": (
        N_("The copy does not belong to this backup."),
        N_("muniment backup show BACKUP"),
    ),
    "not_a_new_copy": (N_("A backup lists copies made for it."), _VERIFY),
    "copy_on_another_medium": (N_("A copy lies on another medium than its backup."), _VERIFY),
    "result_does_not_fit_counts": (N_("The result does not fit the counts."), _AGAIN),
    "last_copy_needs_a_case": (
        N_("This is the last copy; it goes through a destruction case only."),
        N_("muniment destroy propose RECORD"),
    ),
    # -- what is handed over
    "already_planned": (N_("This handover was planned before."), N_("muniment handover list")),
    "handover_to_oneself": (N_("A handover is between two parties."), _AGAIN),
    "handler_of_both_sides": (N_("Nobody handles both sides."), N_("name another handler")),
    "handler_of_another_party": (
        N_("The handler does not act for this side."),
        N_("muniment actor list"),
    ),
    "not_the_handler": (
        N_("Only the handler of this side says this."),
        N_("muniment --as HANDLER …"),
    ),
    "unknown_handover": (N_("There is no handover of this id."), N_("muniment handover list")),
    "handover_is_planned": (
        N_("The handover has no frozen list yet."),
        N_("muniment handover freeze HANDOVER RECORD..."),
    ),
    "handover_is_list_frozen": (
        N_("The list is frozen, and nothing has been released yet."),
        N_("muniment handover release HANDOVER"),
    ),
    "handover_is_released": (
        N_("The handover has been released."),
        N_("muniment handover receive HANDOVER"),
    ),
    "handover_is_received": (
        N_("The handover has been received."),
        N_("muniment handover inspect HANDOVER; then muniment handover confirm HANDOVER"),
    ),
    "handover_is_confirmed": (
        N_("The handover is confirmed and over."),
        N_("muniment handover show HANDOVER"),
    ),
    "handover_is_cancelled": (N_("The handover was cancelled."), N_("muniment handover plan")),
    "receipt_did_not_match": (
        N_("What was received is not what was on the list, and nobody has said what."),
        N_("muniment handover discrepancy raise HANDOVER ITEM..."),
    ),
    "list_not_confirmed_whole": (N_("One commit confirms all that was accepted."), _VERIFY),
    "another_recipient": (N_("Custody passes to the party that the plan names."), _VERIFY),
    "handler_must_sign": (N_("Both handlers sign this."), _TOGETHER),
    "supervisor_must_sign": (N_("A supervisor of that side signs with the handler."), _TOGETHER),
    "copy_holds_no_record": (N_("No record was collected in this copy."), N_("muniment collect")),
    "notice_missing": (
        N_("The persons concerned were not told; the record cannot be handed over."),
        N_("collect it again with --notice or --exemption"),
    ),
    # -- holds
    "hold_in_force": (
        N_("A hold covers it: nothing of it is destroyed."),
        N_("muniment hold list; muniment hold release HOLD, by two persons"),
    ),
    "unknown_hold": (N_("There is no active hold of this id."), N_("muniment hold list")),
    "hold_is_released": (N_("The hold was released."), N_("muniment hold place")),
    "hold_covers_nothing": (N_("A hold covers something."), _AGAIN),
    "hold_does_not_cover": (N_("The hold does not cover this."), N_("muniment hold show HOLD")),
    "release_needs_second_person": (
        N_("Releasing a hold takes a second person as approver."),
        _TOGETHER,
    ),
    # -- destruction
    "unknown_case": (N_("There is no destruction case of this id."), N_("muniment destroy list")),
    "case_is_rejected": (N_("The case was rejected."), N_("muniment destroy propose")),
    "case_is_certified": (N_("The case is certified and over."), N_("muniment certificate CASE")),
    "already_executed": (N_("It has been executed already."), N_("muniment destroy verify CASE")),
    "not_appraised": (
        N_("The list has not been appraised, or the appraisal was against it."),
        N_("muniment destroy appraise CASE"),
    ),
    "approver_is_proposer": (
        N_("Whoever proposed a destruction does not approve it."),
        N_("muniment --as OTHER destroy approve CASE"),
    ),
    "approver_approves_twice": (
        N_("The same person has approved already."),
        N_("muniment --as OTHER destroy approve CASE"),
    ),
    "approvers_of_one_function": (
        N_("The approvers are of one function; another function must agree."),
        N_("somebody of another function: muniment destroy approve CASE"),
    ),
    "not_approved": (
        N_("Not enough persons have approved."),
        N_("muniment --as APPROVER destroy approve CASE"),
    ),
    "approval_expired": (
        N_("An approval is too old."),
        N_("muniment --as APPROVER destroy approve CASE"),
    ),
    "operator_is_witness": (
        N_("Whoever destroys does not witness it."),
        N_("name another witness"),
    ),
    "nothing_was_done": (N_("Nothing was executed."), _VERIFY),
    "verifier_is_operator": (
        N_("Whoever destroyed does not verify it."),
        N_("muniment --as OTHER destroy verify CASE"),
    ),
    "key_of_something_else": (N_("A key is used for something that is not destroyed."), _VERIFY),
    "not_executed": (N_("The copy has not been executed."), N_("muniment destroy execute CASE")),
    "pass_of_what_was_not_destroyed": (
        N_("What was not destroyed cannot pass."),
        N_("muniment destroy show CASE"),
    ),
    "not_a_failed_item": (
        N_("The copy passed, or was taken off the list before."),
        N_("muniment destroy show CASE"),
    ),
    "item_did_not_pass": (
        N_("Not every copy on the list is destroyed and verified; there is no certificate."),
        N_("muniment destroy execute, verify, or take off: muniment destroy fail CASE COPY"),
    ),
    "nothing_was_destroyed": (
        N_("Nothing was destroyed; there is nothing to certify."),
        N_("muniment destroy reject CASE"),
    ),
    "remaining_copies_left_out": (
        N_("The statement leaves out copies that are still there."),
        N_("muniment destroy certify CASE"),
    ),
    "verdict_does_not_fit": (
        N_("The verdict does not fit what remains."),
        N_("muniment destroy certify CASE"),
    ),
    "minimum_period_runs": (
        N_("The period for which it must be kept is not over."),
        N_("muniment why RECORD; muniment retention due"),
    ),
    "no_period_assigned": (
        N_("No retention period was assigned, so nobody knows whether it may go."),
        N_("muniment retention assign RECORD"),
    ),
    "period_of_other_categories": (
        N_("The record was reclassified since its period was assigned."),
        N_("muniment retention assign RECORD"),
    ),
    "period_has_not_begun": (
        N_("A statutory period of this record has not begun."),
        N_("muniment retention assign RECORD --trigger CODE"),
    ),
    "important_data_needs_a_plan": (
        N_("Important data is destroyed by a plan only, which this version does not have."),
        N_("ask the competent authority"),
    ),
    "case_is_failed": (
        N_("Nothing is left on the list of the case; it has failed."),
        N_("muniment destroy propose"),
    ),
    "appraiser_is_proposer": (
        N_("Whoever proposed a destruction does not appraise it."),
        N_("muniment --as OTHER destroy appraise CASE"),
    ),
    "statute_needs_reason": (
        N_("Deletion that a statute orders names the order."),
        N_("add --reason TEXT"),
    ),
    "started_before_approval": (N_("It was begun before it was approved."), _VERIFY),
    # -- paper originals
    "original_is_not_paper": (N_("Only paper is digitised."), N_("muniment where RECORD")),
    "not_made_from_the_original": (
        N_("The digital copy was not made from this paper."),
        N_("muniment holding add RECORD --file FILE --made-from COPY"),
    ),
    "original_not_digitised": (
        N_("The paper original has no digital copy that stays."),
        N_("muniment digitize RECORD"),
    ),
    "digital_copy_not_reviewed": (
        N_("Nobody else has reviewed the digital copy yet."),
        N_("muniment --as OTHER review RECORD"),
    ),
    "original_may_be_asked_for": (
        N_("While a statutory period runs, the paper original may be asked for."),
        N_("muniment why RECORD"),
    ),
}  # fmt: skip
