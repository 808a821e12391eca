"""What a refusal means, in a sentence, and which command leads on: one entry for every detail.

`detail` is the stable code of a `domain.judging.Refusal`. A test reads the rules and fails when a
detail has no entry here.

>>> explain("verifier_is_collector")[1]
'muniment --as OTHER review RECORD'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cli.language import N_, _, language
from ledger.cli.refusals_audit import AUDIT
from ledger.cli.refusals_cases import CASES
from ledger.cli.refusals_deals import DEALS
from ledger.cli.refusals_evidence import EVIDENCE
from ledger.cli.refusals_keeping import KEEPING

_ROLES = N_("muniment role list ACTOR; an administrator: muniment role grant ACTOR ROLE")
_KEYS = N_("muniment key list --actor ACTOR")
_HISTORY = N_("muniment history RECORD")
_AGAIN = N_("correct it and say it again")
_RENEW = N_("muniment draft renew FILE")
_TOGETHER = N_("prepare a draft with --with ACTOR:CAPACITY --draft FILE, have it signed, submit it")
_VERIFY = N_("muniment verify; then report it, a client should not have sent this")

EXPLANATIONS: Final[Mapping[str, tuple[str, str]]] = {
    # -- things that are not there, or no longer
    "unknown_record": (N_("There is no record of this id."), N_("muniment inventory")),
    "unknown_holding": (N_("There is no copy of this id."), N_("muniment holding list")),
    "unknown_party": (N_("No party of this id is registered."), N_("muniment party list")),
    "unknown_actor": (N_("No actor of this id is registered."), N_("muniment actor list")),
    "unknown_engagement": (
        N_("There is no open engagement of this id."),
        N_("leave --engagement away for everyday custody"),
    ),
    "unknown_key": (N_("The key is not enrolled for this actor."), _KEYS),
    "unknown_policy_pack": (
        N_("The pack that is adopted is not the one that was handed over."), _VERIFY,
    ),
    "holding_of_another_record": (
        N_("The copy belongs to another record."), N_("muniment holding list"),
    ),
    "copy_names_no_record": (N_("A further copy must name its record."), _AGAIN),
    "record_is_over": (N_("The record has ended; nothing more can be done with it."), _HISTORY),
    "holding_is_returned": (N_("The copy was returned; it is no longer here."), _HISTORY),
    "holding_is_destroyed": (N_("The copy was destroyed."), _HISTORY),
    "holding_is_lost": (N_("The copy is lost."), _HISTORY),
    # -- signatures and keys
    "nobody_signs": (N_("Nobody who acts has signed this."), _VERIFY),
    "author_did_not_sign_in_role": (
        N_("Whoever says this has not signed in the role in which it is said."), _ROLES,
    ),
    "key_rotated": (N_("The key was replaced by another one."), _KEYS),
    "key_revoked": (N_("The key was revoked."), _KEYS),
    "key_compromised": (
        N_("The key was reported as compromised; it signs nothing more."),
        N_("an administrator enrols a new key: muniment key enrol --actor ACTOR"),
    ),
    "key_shredded": (N_("The key was destroyed."), _KEYS),
    "key_not_for_acts": (N_("This key is not for signing acts."), _KEYS),
    "possession_not_asked_for": (
        N_("A key proves that it is held only where it is enrolled or replaced."), _VERIFY,
    ),
    "person_signs_twice": (N_("The same person signs twice."), _TOGETHER),
    "key_signs_twice": (N_("The same key signs twice."), _TOGETHER),
    "possession_not_proved": (
        N_("The new key has not proved that somebody holds it."), N_("muniment key enrol"),
    ),
    "administrator_must_enrol": (
        N_("A first key is enrolled by an administrator."), N_("muniment --as ADMINISTRATOR …"),
    ),
    "holder_or_administrator_must_say": (
        N_("Only the key's holder or an administrator can say this."),
        N_("muniment --as ADMINISTRATOR …"),
    ),
    "key_enrolled_before": (
        N_("This key has been enrolled before; a key is enrolled once."), N_("make a new key"),
    ),
    "key_id_used_before": (
        N_("A key of this id has been enrolled before."), N_("make a new key"),
    ),
    "key_kind_not_for_purpose": (
        N_("This kind of key does not serve this purpose."), N_("muniment key enrol --help"),
    ),
    "key_purpose_not_for_actors": (
        N_("Actors do not have keys for this purpose."), N_("muniment key enrol --help"),
    ),
    "key_name_is_not_the_actors": (N_("The key does not bear the actor's name."), _VERIFY),
    "ledger_key_form": (N_("This is not the form of a ledger's key."), _VERIFY),
    "not_the_first_key": (
        N_("The actor has had a key for this purpose already."), N_("muniment key rotate"),
    ),
    "no_key_before": (
        N_("The actor has had no key for this purpose; it is a first key."),
        N_("muniment key enrol"),
    ),
    "old_key_must_sign": (
        N_("The key that is replaced must sign, and only its holder replaces it."),
        N_("muniment --as ACTOR key rotate; if it is lost: muniment key enrol --actor ACTOR"),
    ),
    "old_key_not_active": (N_("The key to be replaced is not active."), _KEYS),
    "key_ended_before": (N_("The key has ended already."), _KEYS),
    "source_custodian_must_sign": (
        N_("Whoever keeps the copy that is copied must sign, too."), _TOGETHER,
    ),
    "receiving_custodian_must_sign": (N_("The new custodian must sign, too."), _TOGETHER),
    "receiving_party_must_sign": (N_("Whoever gets the copy back must sign, too."), _TOGETHER),
    # -- nothing personal in clear
    "code_looks_personal": (N_("A code looks like personal data."), _AGAIN),
    "malformed_field": (N_("A field does not have its form."), _AGAIN),
    "sealed_without_payload": (
        N_("Something is sealed, and its sealed part is not there."), _VERIFY,
    ),
    "content_must_be_sealed": (N_("The content's digest must be sealed."), _VERIFY),
    "location_must_be_sealed": (N_("A copy needs a place, which is sealed."), _AGAIN),
    "name_must_be_sealed": (N_("A name must be given; it is sealed."), _AGAIN),
    "origin_reserved_segment": (
        N_("The origin has the segment 'commit' or 'a', which are reserved."), _AGAIN,
    ),
    # -- times, versions, drafts
    "arrived_before_departed": (N_("It cannot arrive before it departs."), _AGAIN),
    "claimed_time_in_future": (
        N_("The time given lies in the ledger's future."), N_("check --at and the clock"),
    ),
    "rule_failed": (
        N_("What is said fits nothing that was recorded: a rule found no answer to it."), _VERIFY,
    ),
    "accepted_past_all_deadlines": (
        N_("No deadline can be counted from a time after the year 8999."),
        N_("set the clock right and try again"),
    ),
    "not_a_time": (N_("A time names no moment of any calendar."), _AGAIN),
    "not_yet_happened": (N_("It has not happened yet; the ledger records what has."), _AGAIN),
    "suspected_since_in_future": (N_("A suspicion cannot begin in the future."), _AGAIN),
    "late_without_reason": (
        N_("It happened long before it is recorded; say why."), N_("add --late-reason CODE"),
    ),
    "valid_to_before_valid_from": (N_("The last day lies before the first."), _AGAIN),
    "draft_expired": (N_("The draft's time is over."), _RENEW),
    "draft_voided": (N_("The draft was declared void."), N_("prepare a new draft")),
    "draft_voids_itself": (N_("A commit cannot declare itself void."), _VERIFY),
    "until_too_far": (N_("The term of the draft is longer than the policy allows."), _RENEW),
    "draft_already_voided": (N_("The draft is void already."), N_("nothing needs to be done")),
    "own_previous_entry_not_seen": (
        N_("The signer had not seen their own previous entry."), _RENEW,
    ),
    "seen_out_of_range": (N_("The signers saw a state that this ledger never had."), _VERIFY),
    "seen_too_old": (N_("The signers saw a state that is too long ago."), _RENEW),
    "until_is_for_joint_commits": (
        N_("A term is given for what several sign, and only for that."), _RENEW,
    ),
    "version_gap_or_repeat": (
        N_("Something else was recorded about the same thing meanwhile."), N_("try again"),
    ),
    "joint_commit_writes_one_stream": (
        N_("What several persons sign is about one thing at a time."), _TOGETHER,
    ),
    # -- said before
    "already_registered": (N_("This is registered already."), N_("muniment show ID")),
    "already_collected": (N_("This record was collected before."), _HISTORY),
    "already_opened": (N_("This engagement is open already."), N_("muniment status")),
    "already_classified": (N_("The record is classified already."), N_("muniment classify")),
    "already_archived": (N_("The record is in the archive already."), _HISTORY),
    "entry_zero_only_opens": (
        N_("The first entry opens the ledger and does nothing else."), _VERIFY,
    ),
    "entry_zero_opens_one_ledger": (
        N_("The first entry opens one ledger, with one policy pack and one engagement."), _VERIFY,
    ),
    "ledger_already_initialized": (N_("The ledger is open already."), N_("muniment status")),
    "supersedes_not_current": (
        N_("What is replaced is not what stands now: somebody was faster."), _HISTORY,
    ),
    "check_named_twice": (N_("A check is named twice."), _AGAIN),
    "code_named_twice": (N_("A code is named twice."), _AGAIN),
    "role_already_held": (N_("The actor holds this role already."), N_("muniment role list ACTOR")),
    "policy_change_not_supported": (
        N_("This version keeps the policy pack that the ledger began with."),
        N_("muniment status"),
    ),
    # -- who may
    "role_not_held": (N_("The actor does not hold this role."), _ROLES),
    "capacity_not_held": (
        N_("Somebody signs in a role that they do not hold."), _ROLES,
    ),
    "administrator_is_scoped": (
        N_("This concerns the whole ledger; an administrator of one engagement cannot say it."),
        N_("muniment --as ADMINISTRATOR …"),
    ),
    "administrator_exceeds_own_reach": (
        N_("An administrator gives no role wider or longer than the own one."),
        N_("muniment --as ADMINISTRATOR …"),
    ),
    "not_the_administrators_party": (
        N_("Administrators act for their own party and for those that it registered."),
        N_("muniment --as ADMINISTRATOR-OF-THAT-PARTY …"),
    ),
    "role_does_not_permit": (N_("This role does not permit the act."), _ROLES),
    "not_the_actors_party": (
        N_("The copy is kept by another party than the one the actor acts for."),
        N_("muniment --as ACTOR-OF-THAT-PARTY …"),
    ),
    "returned_to_its_keeper": (
        N_("The copy is with this party already; it cannot be returned to it."), _HISTORY,
    ),
    "verifier_is_collector": (
        N_("Whoever collected or last corrected a record does not review it."),
        N_("muniment --as OTHER review RECORD"),
    ),
    "downgrade_needs_second_person": (
        N_("A lower level or sensitivity needs a second person as approver."), _TOGETHER,
    ),
    "broken_enrolment_needs_two_persons": (
        N_("A key after a lost one needs two administrators."), _TOGETHER,
    ),
    "auditor_is_operator": (
        N_("Nobody audits what the same person does."), N_("grant the role to somebody else"),
    ),
    "administrator_cannot_resign_alone": (
        N_("An administrator's role is revoked by another administrator."),
        N_("muniment --as OTHER role revoke ACTOR administrator"),
    ),
    # -- what a record needs
    "exemption_needs_reason": (
        N_("An exemption from notice needs its code, and a code an exemption."),
        N_("muniment codes NoticeExemption"),
    ),
    "notice_does_not_fit_basis": (
        N_("Personal data needs a notice or an exemption; what is not personal needs none."),
        _AGAIN,
    ),
    "personal_data_without_basis": (
        N_("The record was collected as not personal; it cannot be classified as personal."),
        N_("collect it again with its legal basis"),
    ),
    "core_data_not_supported": (
        N_("Core data of the state is not for this program."), N_("ask the competent authority"),
    ),
    "not_classified": (N_("The record is not classified."), N_("muniment classify RECORD")),
    "sensitive_kinds_do_not_fit": (
        N_("Sensitive personal data names its kinds, and nothing else does."),
        N_("add or leave away --kind"),
    ),
    "no_retention": (
        N_("The record has no retention period."), N_("muniment retention assign RECORD"),
    ),
    "not_reviewed": (
        N_("The record has not been reviewed since its content last changed."),
        N_("muniment --as OTHER review RECORD"),
    ),
    "content_does_not_match": (
        N_("The file is not the one that was recorded; it cannot pass."),
        N_("muniment correct RECORD, or review it with --result fail"),
    ),
    # -- retention
    "dates_do_not_follow_rules": (
        N_("The dates are not those that the rules give."), N_("muniment retention assign RECORD"),
    ),
    "action_does_not_follow_rules": (
        N_("What is to be done at the end is not what the rules say."),
        N_("muniment retention assign RECORD"),
    ),
    "duty_rule_left_out": (
        N_("A statute orders a period for this record, and its rule is not named."),
        N_("muniment retention assign RECORD, without --rule"),
    ),
    "retention_for_other_categories": (
        N_("The record was reclassified since its retention period was assigned."),
        N_("muniment retention assign RECORD"),
    ),
    "unknown_retention_rule": (
        N_("No rule of the adopted pack applies, or has this name."),
        N_("muniment retention rules; then name them with --rule"),
    ),
    "rule_named_twice": (N_("A rule is named twice."), _AGAIN),
    "rule_does_not_fit_category": (
        N_("A rule is for other categories of records."), N_("muniment retention rules"),
    ),
    "rule_is_replaced": (
        N_("A rule is replaced by another one that is named."), N_("leave the replaced one away"),
    ),
    "rule_starts_otherwise": (
        N_("A rule's period starts with something else."), N_("muniment retention rules"),
    ),
    "no_such_day": (N_("There is no such day."), _AGAIN),
    **CASES,
    **KEEPING,
    **DEALS,
    **EVIDENCE,
    **AUDIT,
}  # fmt: skip


def refusal_name(detail: str) -> str:
    """A detail as a table has room for: its code, in Chinese its sentence without the stop."""
    return detail if language() == "en" else explain(detail)[0].rstrip("。")


def explain(detail: str) -> tuple[str, str]:
    """The sentence and the next step for a detail, in the language chosen."""
    sentence, remedy = EXPLANATIONS.get(detail, (detail, _HISTORY))
    return _(sentence), _(remedy)
