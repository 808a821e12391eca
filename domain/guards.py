"""What stands in the way: one guard for every destructive path, one for every use.

Every path that destroys (proposal, approval, execution of a destruction, expiry of a backup) asks
`against_destruction`; every path that gives a record to somebody asks the guards of use. They are
asked again where the act is executed, inside the recording transaction, so that a hold placed
between approval and execution still stops it (I-28).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from domain.actor import ActorState
from domain.answers import Contents
from domain.copies import (
    HoldingState,
    claimed,
    contents_of,
    copies_of_content,
    holdings,
    holds_on,
    kept_besides,
    kept_by,
    record_in,
)
from domain.judging import Case, Refusal, refuse
from domain.record import RecordState
from domain.values import Event

STATUTE_ORDERS: Final = "statute_orders_deletion"


def own_copies(case: Case, event: Event, streams: Sequence[str]) -> Iterator[Refusal]:
    """The copies named exist, are there, are named once, and are kept by the author's party."""
    actor = case.world.before(event.by, ActorState)
    found = {copy.stream: copy for copy in holdings(case, streams)}
    if len(set(streams)) != len(streams):
        yield refuse("I-06", "item_named_twice", event.stream)
    for stream in dict.fromkeys(streams):
        copy = found.get(stream)
        if copy is None:
            yield refuse("I-00", "unknown_holding", stream)
        elif not copy.there:
            yield refuse("I-03", f"holding_is_{copy.condition}", stream)
        elif actor is not None and actor.party != copy.custodian:
            yield refuse("I-09", "not_the_actors_party", copy.custodian)


def watched_by_others(
    case: Case, event: Event, witnesses: Sequence[str], operators: Sequence[str] = ()
) -> Iterator[Refusal]:
    """Whoever watches is not who did it, is named once, and is a witness by role (I-07, I-09).

    `operators`: who did it, if not the author alone.
    """
    for operator in operators or (event.by,):
        if operator in witnesses:
            yield refuse("I-07", "operator_is_witness", operator)
    for witness in witnesses:
        actor = case.world.before(witness, ActorState)
        if witnesses.count(witness) != 1:
            yield refuse("I-07", "person_signs_twice", witness)
        if actor is None or not actor.holds(
            "destruction_witness", event.engagement, case.statement.accepted
        ):
            yield refuse("I-09", "role_not_held", witness)


def against_destruction(
    case: Case, streams: Iterable[str], doomed: set[str], ground: str
) -> Iterator[Refusal]:
    """Why copies may not be destroyed: holds, a handover under way, retention, paper originals.

    `doomed`: every copy that goes together with them; a record that survives in another copy which
    the same party keeps is not destroyed, so its retention does not stand in the way. Statutes
    that order deletion (`ground`) break retention, never a hold.
    """
    for copy in holdings(case, streams):
        if found := holds_on(case, copy):
            yield refuse("I-28", "hold_in_force", *found)
        if claimed(case, copy, copy.handover) is not None:
            yield refuse("I-21", "copy_is_in_a_case", str(copy.handover))
        left = kept_besides(case, copy, doomed)
        if ground == STATUTE_ORDERS:
            continue
        if not left:
            yield from _still_kept(case, copy)
        elif copy.form == "paper" and not _printed(case, copy):
            yield from _original_needed(case, copy, left)


def _still_kept(case: Case, copy: HoldingState) -> Iterator[Refusal]:
    """The retention of what would be gone with a copy (I-26)."""
    contents = contents_of(case, copy)
    if _minimum_runs(case, contents):
        yield refuse("I-26", "minimum_period_runs", copy.stream)
    for record in examples_of(case, contents):
        if not record.retained:
            # Whose purpose has ended goes where no duty keeps it; that needs a classification.
            if record.ended is None or record.classification is None:
                yield refuse("I-26", "no_period_assigned", record.stream)
        elif record.retained_categories != frozenset(record.categories):
            yield refuse("I-26", "period_of_other_categories", record.stream)
        named = {name for period in record.periods.values() for name in period.rules}
        named |= {n for name in named for n in case.policy.retention[name].instead_of}
        for duty in case.policy.retention_for(record.traits):
            if duty.basis == "duty" and duty.minimum is not None and duty.id not in named:
                yield refuse("I-26", "period_has_not_begun", record.stream, duty.id)
        if record.level == "important":
            yield refuse("I-26", "important_data_needs_a_plan", record.stream)


def _minimum_runs(case: Case, contents: Contents) -> bool:
    """Whether any minimum still runs today, its last day included."""
    today = case.day
    ends = [contents.min_until, *(r.min_until for r in examples_of(case, contents))]
    permanent = contents.permanent or any(r.permanent for r in examples_of(case, contents))
    return permanent or any(end is not None and today <= end for end in ends)


def _printed(case: Case, paper: HoldingState) -> bool:
    """Whether a paper was made of something that is no paper."""
    source = case.world.state(paper.made_from, HoldingState) if paper.made_from else None
    return source is not None and source.form != "paper"


def _original_needed(
    case: Case, paper: HoldingState, left: Sequence[HoldingState]
) -> Iterator[Refusal]:
    """A paper that no original outlives: digitised, reviewed, and no minimum runs (I-36)."""
    if any(copy.form == "paper" and copy.made_from is None for copy in left):
        return
    record = record_in(case, paper)
    digital = record.digitized.get(paper.stream) if isinstance(record, RecordState) else None
    if not isinstance(record, RecordState) or digital is None:
        yield refuse("I-36", "original_not_digitised", paper.stream)
    elif digital in record.unreviewed or not record.reviewed:
        yield refuse("I-36", "digital_copy_not_reviewed", digital)
    elif digital not in {copy.stream for copy in left}:
        yield refuse("I-36", "original_not_digitised", paper.stream)
    elif _minimum_runs(case, contents_of(case, paper)):
        yield refuse("I-36", "original_may_be_asked_for", paper.stream)


def shreddable(case: Case, gone: set[str]) -> frozenset[str]:
    """The data keys that only the copies `gone`, and what is gone with them, are under.

    A record's own keys go with the last copy of its content, corrected content elsewhere included.
    """
    found: set[str] = set()
    streams: set[str] = set()
    for copy in holdings(case, sorted(gone)):
        used = case.world.source.keys(copy.stream)
        found |= used.copy | used.records
        streams |= used.streams
    case.world.preload(streams)
    over = frozenset(other for stream in streams for other in _over_with(case, stream, gone))
    return frozenset(found) - case.world.source.keys_elsewhere(frozenset(found), over)


def _over_with(case: Case, stream: str, gone: set[str]) -> set[str]:
    """What is over with the copies `gone`: such a copy, or a record of which nothing else is there.

    With a record go those of its copies that were destroyed before.
    """
    record = case.world.state(stream, RecordState)
    if record is None:
        return {stream}
    copies = copies_of_content(case, record)
    if any(copy.there and copy.stream not in gone for copy in copies):
        return set()
    return {stream, *(copy.stream for copy in copies if copy.condition == "destroyed")}


def against_shredding(case: Case, keys: Sequence[str], gone: set[str]) -> Iterator[Refusal]:
    """Why data keys may not be shredded: they are not only those of what is gone (I-29)."""
    if not keys:
        return
    named = ("shreddable", frozenset(gone))
    permitted = case.world.once(named, lambda: shreddable(case, gone))
    for key in keys:
        if key not in permitted or keys.count(key) != 1:
            yield refuse("I-29", "key_of_something_else", key)


def against_transfer(case: Case, streams: Iterable[str]) -> Iterator[Refusal]:
    """Why copies may not be handed over.

    They hold nothing (I-11) or something that is not their keeper's (I-09), are not ready for
    others, or are in another case (I-21). What was
    encrypted here stays: whoever destroyed it elsewhere could not reach object and key (I-21).
    """
    for copy in holdings(case, streams):
        if copy.object:
            yield refuse("I-21", "encrypted_copy_stays", copy.stream)
        for stream in (copy.handover, copy.destruction):
            if claimed(case, copy, stream) is not None:
                yield refuse("I-21", "copy_is_in_a_case", str(stream))
        if not contents_of(case, copy).records:
            yield refuse("I-11", "copy_holds_no_record", copy.stream)
        elif _is_strange(case, copy):
            yield refuse("I-09", "copy_of_unknown_origin", copy.stream)
        yield from against_sharing(case, copy)


def _is_strange(case: Case, copy: HoldingState) -> bool:
    """Whether a copy names a record of which its keeper never kept the content for itself.

    Anybody may register a copy that was made of nothing, and name any record in it.
    """
    record = case.world.state(copy.record, RecordState) if copy.record is not None else None
    bound = case.policy.stays_bound
    return record is not None and not kept_by(case, record, copy.custodian, bound)


def against_sharing(case: Case, copy: HoldingState) -> Iterator[Refusal]:
    """Why a copy may not go to another party, whichever way: what is in it is not ready for it.

    Classified (I-11), with a retention period (I-12), with notice or exemption (I-10), and not
    restricted (I-33).
    """
    for record in examples_of(case, contents_of(case, copy)):
        yield from not_ready(record)


def not_ready(record: RecordState) -> Iterator[Refusal]:
    """Why a record may not go to another party, as `against_sharing` says."""
    if record.classification is None:
        yield refuse("I-11", "not_classified", record.stream)
    if not record.retained:
        yield refuse("I-12", "no_retention", record.stream)
    elif record.retained_categories != frozenset(record.categories):
        yield refuse("I-12", "retention_for_other_categories", record.stream)
    if record.notice_missing:
        yield refuse("I-10", "notice_missing", record.stream)
    if record.restricted is not None:
        yield refuse("I-33", "record_is_restricted", record.stream)


def examples_of(case: Case, contents: Contents) -> list[RecordState]:
    """The records by which the contents of a copy are judged."""
    case.world.preload(contents.examples)
    found = (case.world.state(stream, RecordState) for stream in contents.examples)
    return [record for record in found if record is not None]
