"""What refusals about keys, people, periods and papers mean: the third part of `refusals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_

_AGAIN = N_("correct it and say it again")
_TOGETHER = N_("prepare a draft with --with ACTOR:CAPACITY --draft FILE, have it signed, submit it")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")

KEEPING: Final[Mapping[str, tuple[str, str]]] = {
    # -- vault and copies
    "object_must_be_encrypted": (
        N_("A copy with an encrypted object is an encrypted copy; say so."),
        _VERIFY,
    ),
    "object_is_no_paper": (N_("Paper has no encrypted object."), _VERIFY),
    "encrypted_copy_stays": (
        N_("The copy is encrypted under a key of this ledger and stays with it."),
        N_("hand over a copy in clear, or give access: muniment disclose"),
    ),
    # -- backup: off-site, drill, restore
    "copy_not_encrypted": (N_("A copy in a backup is an encrypted object."), _VERIFY),
    "manifest_missing": (N_("A backup names the digest of its list of copies."), _VERIFY),
    "lock_is_of_a_store": (N_("Only a store in a cloud keeps a lock."), _VERIFY),
    "lock_ended_before_the_backup": (
        N_("The lock would end before the backup was complete."),
        N_("muniment backup create s3://… --lock-until a later day"),
    ),
    "lock_runs_too_long": (
        N_("A lock runs ten years at most: while it does, nothing in it can be destroyed."),
        N_("muniment backup create s3://… --lock-until an earlier day"),
    ),
    "copy_is_locked": (
        N_("The store keeps this copy locked until the day that its backup names."),
        N_("run it again when the lock is over: muniment backup show BACKUP"),
    ),
    "manifest_not_checked": (N_("The list beside the copies is checked, too."), _VERIFY),
    "incremental_needs_base": (
        N_("An incremental backup continues another one."),
        N_("muniment backup create TARGET --kind full"),
    ),
    "backup_is_expired": (N_("Nothing of this backup is left."), N_("muniment backup list")),
    "receiver_of_another_party": (
        N_("Whoever received it acts for the party that keeps it."),
        N_("muniment actor list"),
    ),
    "receiver_must_sign": (
        N_("If another party keeps it, whoever received it signs, too."),
        _TOGETHER,
    ),
    "left_out_does_not_fit": (
        N_("What was destroyed, returned or lost since is left out of a drill, nothing else."),
        _VERIFY,
    ),
    "left_out_without_reason": (
        N_("Only what was destroyed, returned or lost since is left out of a restore."),
        _VERIFY,
    ),
    "copy_was_to_be_destroyed": (
        N_("A certificate says of this copy that it was to be destroyed and was out of reach."),
        N_("destroy it in a new case: muniment destroy propose"),
    ),
    "duration_does_not_fit": (N_("It took as long as its beginning and end say."), _VERIFY),
    "not_in_the_backup": (
        N_("The backup, or what it continues, has no copy of this original."),
        N_("muniment backup show BACKUP"),
    ),
    "reason_must_be_sealed": (N_("Say why it is restored; it is sealed."), _AGAIN),
    # -- key copies and verdicts
    "unknown_key_copy": (
        N_("There is no copy of keys of this id."),
        N_("muniment keystore copies"),
    ),
    "key_copy_is_over": (
        N_("The copy of keys was destroyed."),
        N_("muniment keystore copies"),
    ),
    "key_copy_covers_nothing_certain": (
        N_("A copy of keys covers all up to one of them, or lists them; it must say which."),
        _AGAIN,
    ),
    "key_copy_not_listed_whole": (
        N_("Not all of the keys are listed that the copy is said to have."),
        _VERIFY,
    ),
    "key_copy_cannot_be_cleared": (
        N_("Single keys are shredded in backups of the keystore only."),
        N_("destroy it as a whole: muniment keystore copy-destroyed COPY"),
    ),
    "key_is_not_shredded": (
        N_("The key is not shredded in the keystore, so it stays in its copies."),
        N_("muniment destroy execute CASE"),
    ),
    "key_is_not_in_the_copy": (
        N_("The copy does not have the key, or was cleared of it before."),
        N_("muniment keystore check"),
    ),
    "technique_leaves_the_keys": (
        N_("On this medium that technique does not reach what was written."),
        N_("destroy the medium itself: --technique shred_media, or another one"),
    ),
    "keystore_is_no_copy": (
        N_("This is the keystore itself; its keys are shredded with what they are for."),
        N_("muniment destroy propose"),
    ),
    "nobody_watched": (
        N_("What this program does not overwrite itself, somebody must have seen destroyed."),
        N_("name who watched: --witness ACTOR"),
    ),
    "expires_before_it_was_made": (N_("It would expire before it was made."), _AGAIN),
    "medium_must_be_described": (
        N_("A medium is described by what tells it from others; that is sealed."),
        N_("muniment medium register --serial TEXT"),
    ),
    "medium_is_another": (
        N_("The medium was registered as of another kind, or as another party's."),
        N_("muniment medium list"),
    ),
    "key_copies_left_out": (
        N_("A copy in which a key may still be is left out of the certificate."),
        _VERIFY,
    ),
    # -- people and their requests
    "unknown_request": (
        N_("There is no request of a person with this id."),
        N_("muniment rights list"),
    ),
    "request_is_decided": (
        N_("The request is decided; what the decision stands on does not change any more."),
        N_("muniment rights show REQUEST"),
    ),
    "request_is_closed": (N_("The request is closed."), N_("muniment rights show REQUEST")),
    "part_of_another_request": (
        N_("Further records of a request come with the same person, kind, channel and day."),
        _AGAIN,
    ),
    "due_day_does_not_follow_policy": (
        N_("The day by which to answer is not the one that the policy's working days give."),
        _VERIFY,
    ),
    "identity_not_checked": (
        N_("Nobody has checked who asks."),
        N_("muniment rights identify REQUEST"),
    ),
    "identity_not_verified": (
        N_("Whoever asks could not be identified: refuse, or check again."),
        N_("muniment rights identify REQUEST"),
    ),
    "refusal_needs_reasons": (
        N_("Whoever refuses a request, wholly or in part, gives reasons (PIPL 50)."),
        N_("say it again with --reasons TEXT"),
    ),
    "rules_do_not_fit_decision": (
        N_("A refusal names the rule that stands in the way, and only a refusal does."),
        N_("say it again with --rule RULE; muniment why RECORD destroy names what blocks"),
    ),
    "no_such_rule": (
        N_("A rule that is named is neither a guard nor a retention rule of the pack."),
        _AGAIN,
    ),
    "told_at_another_time": (
        N_("The person was told before the request was received, or is still to be told."),
        _AGAIN,
    ),
    "request_not_decided": (
        N_("The request is not decided yet."),
        N_("muniment rights decide REQUEST"),
    ),
    "request_was_refused": (N_("The request was refused."), N_("muniment rights close REQUEST")),
    "action_is_about_something_else": (
        N_(
            "An act that is named is not on record, or is not about the records of this request "
            "since it was received."
        ),
        N_("muniment history RECORD"),
    ),
    "delivery_not_sealed": (
        N_("What was handed over to the person is named by its digest."),
        N_("say it again with --delivered FILE"),
    ),
    "fulfilled_by_nothing": (
        N_("No act is named that fulfils the request."),
        N_("say it again with --action EVENT"),
    ),
    "record_not_restricted": (
        N_("A record of the request is not restricted."),
        N_("muniment restriction place RECORD"),
    ),
    "record_not_deleted": (
        N_("Something is left of a record of the request."),
        N_(
            "muniment destroy propose RECORD --ground statute_orders_deletion; where it must be "
            "kept: muniment restriction place RECORD, and decide in part"
        ),
    ),
    "earlier_content_left": (
        N_("The record was corrected, and a copy of what it was before is left."),
        N_(
            "muniment where RECORD; muniment destroy propose --holding COPY "
            "--ground statute_orders_deletion"
        ),
    ),
    "ending_does_not_fit": (
        N_("Completed is a request that was refused or fulfilled; withdrawn is one that was not."),
        _AGAIN,
    ),
    # -- periods, holds, anonymisation
    "purpose_has_ended": (
        N_("It was recorded before that the purpose of this record has ended."),
        N_("muniment history RECORD"),
    ),
    "purpose_ends_later": (
        N_("A purpose that ends later has not ended yet."),
        _AGAIN,
    ),
    "new_basis_is_missing": (
        N_("Whose purpose has ended is used again only for a new purpose and on its basis."),
        N_("muniment restriction lift RECORD --basis CODE --purpose TEXT, by two persons"),
    ),
    "basis_is_not_asked_for": (
        N_("A new basis belongs to the end of a purpose; this restriction has another cause."),
        N_("muniment restriction lift RECORD, by two persons"),
    ),
    "hold_without_authority": (
        N_("A hold says, sealed, on whose order it is placed."),
        N_("muniment hold place … --authority TEXT"),
    ),
    "copy_is_anonymized": (
        N_(
            "An anonymous content was made of this copy: nothing is added to it, and no second one "
            "is made, as the two could be put together."
        ),
        N_("muniment history RECORD"),
    ),
    "not_the_collected_copy": (
        N_("What is made anonymous is the copy that content was collected or corrected in."),
        N_("muniment where RECORD"),
    ),
    "already_anonymized": (
        N_("This record has been said before to be an anonymous content."),
        N_("muniment history RECORD"),
    ),
    "content_is_personal": (
        N_(
            "What was made anonymous is a record of its own, collected as not personal and "
            "classified as anonymised."
        ),
        N_("muniment anonymise RECORD"),
    ),
    "content_lies_in_its_source": (
        N_("The anonymous content lies in the very copy that it was made of."),
        N_("muniment anonymise RECORD -o FILE"),
    ),
    "anonymity_test_failed": (
        N_("The test found that persons can be told apart: it is personal data still."),
        N_("drop or generalise more columns: muniment anonymise RECORD"),
    ),
    "groups_too_small": (
        N_("A group is smaller than k, or has one value only of what is sensitive."),
        N_("drop or generalise more columns: muniment anonymise RECORD"),
    ),
    "rows_do_not_add_up": (
        N_("Rows kept and rows suppressed are not the rows of the source."),
        _VERIFY,
    ),
    "anonymity_report_is_missing": (
        N_("An anonymisation is recorded with the report of its test, sealed."),
        _VERIFY,
    ),
    "anonymizing_needs_second_person": (
        N_("Somebody else approves that a content is anonymous."),
        _TOGETHER,
    ),
    "copy_is_not_anonymized": (
        N_("Nothing anonymous was made of this copy, so destroying it is no anonymisation."),
        N_("muniment anonymise RECORD first, or propose another --method"),
    ),
    # -- a ledger that continues another
    "ledger_continues_itself": (
        N_("A ledger that continues another one has an origin and an id of its own."),
        N_("choose another origin: muniment ledger renew --origin NAME"),
    ),
    "lost_range_malformed": (
        N_("What is said to be lost does not lie behind what is left."),
        _VERIFY,
    ),
    # -- classification
    # -- documents
    "already_issued": (
        N_("A document is issued once."),
        N_("muniment document list"),
    ),
    "number_of_another_day_or_kind": (
        N_("The document's number is not one of its kind, or of the day of what it speaks of."),
        N_("issue it again"),
    ),
    "number_of_another_document": (
        N_("The document's number belongs to another stream; so no number is given twice."),
        N_("issue it again"),
    ),
    "number_left_out": (
        N_("The number before this one was never issued; none is left out."),
        N_("issue it again"),
    ),
    "state_was_not_seen": (
        N_("The document names a state of the ledger that its signer had not seen."),
        N_("issue it again"),
    ),
    "nonce_must_be_sealed": (
        N_("Without a sealed nonce, names in the document could be guessed from its digest."),
        _VERIFY,
    ),
    "unknown_source": (
        N_("There is no such event, or it is of another kind than the document speaks of."),
        N_("muniment destroy list"),
    ),
    "not_certified": (
        N_("The case is not certified, so there is nothing to certify on paper."),
        N_("muniment destroy certify CASE"),
    ),
    "unknown_document": (N_("There is no such document."), N_("muniment document list")),
    "document_is_superseded": (
        N_("The document stands no more."),
        N_("muniment document list"),
    ),
    "withdrawal_needs_reason": (
        N_("A document that nothing replaces is withdrawn with a reason."),
        N_("say it again with --reason TEXT"),
    ),
    "not_a_replacement": (
        N_("A document is replaced by one that stands and is about the same."),
        N_("muniment document list"),
    ),
}
