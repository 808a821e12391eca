"""Destruction with its effects: files overwritten and removed, data keys shredded, then recorded.

`execute` asks the rules first and touches nothing that they forbid; the writer's lock that an open
ledger holds keeps anything from being placed in between. What is about to go is written into a
journal (`pending`); every copy that is a file here is destroyed (`removing`), and what is not what
was recorded is left alone and counts as unknown. Then the keys go under which nothing else is
sealed, and one commit says it all, which deletes the sealed payloads in the same transaction. Only
then they go from the keystore's backups that the actor's party keeps and that can be reached, with
one commit for each. A run that is broken off anywhere is run again.

Of a copy that is no file here (paper, a tape, a place elsewhere) its operator says what became of
it, and its verifier what is left of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import sqlalchemy as sa

from domain.copies import copies_of_record, over
from domain.destruction import CaseState, DestructionExecuted, DestructionProposed, Executed
from domain.guards import shreddable
from domain.record import RecordState
from ledger import VERSION
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, check_permitted, parts
from ledger.effects import keycopies
from ledger.effects.erasing import key_state, sealed_under
from ledger.effects.pending import Item, Journal, open_journal
from ledger.effects.places import place_of
from ledger.effects.removing import check_locks, remove
from ledger.effects.sharing import Others, check_shared
from ledger.effects.vaulting import remove_strays
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.recorder import Receipt, Submission
from ledger.schema import TOKENS, transaction
from ledger.signing import Proposal, now, sign_all
from ledger.sources import SourceFault
from ledger.subjects import forget
from projections.custody import records_of
from projections.view import id_of, key_of

RESULTS_AN_EVENT: Final = 100
KEYS_AN_EVENT: Final = 150


class Fate(NamedTuple):
    """What became of one copy; `cause`: a stable code that says how that is known."""

    holding: str
    outcome: str
    cause: str


class Execution(NamedTuple):
    """What `execute` did and recorded.

    `keys`: data keys shredded; `unreached`: data keys that should have gone and are not in this
    keystore; `cleaned`: whether the database's log was emptied of what was deleted; `key_copies`:
    the copies of keys that were cleared of them, and those in which one may still be.
    """

    receipt: Receipt
    fates: tuple[Fate, ...]
    keys: tuple[str, ...]
    unreached: tuple[str, ...]
    cleaned: bool
    key_copies: KeyCopies


class KeyCopies(NamedTuple):
    """Copies of keys after an execution: those cleared of the case's keys, and those left."""

    cleared: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class Terms(NamedTuple):
    """What is said of an execution besides its results; `sealed`: `place`, `tool`, `remark`.

    `begun_by`: who began it before the actor, which the journal knows and nobody need say.
    """

    technique: str | None = None
    witnesses: Sequence[str] = ()
    sealed: Mapping[str, str] | None = None
    begun_by: Sequence[str] = ()


def copies_of(ledger: Ledger, records: Iterable[str]) -> list[str]:
    """Every copy of these records that is there, backups included: what a proposal lists."""
    found: dict[str, None] = {}
    with as_judged_now(ledger) as judging:
        for record in records:
            state = judging.world.state(record, RecordState)
            copies = copies_of_record(judging, state) if state is not None else []
            found.update((copy.stream, None) for copy in copies if copy.there)
    return list(found)


def open_items(ledger: Ledger, case: str) -> list[str]:
    """The copies on the list of a case that are neither destroyed nor taken off."""
    state = case_state(ledger, CaseState, case)
    return [i for i, outcome in state.items.items() if _open(state, i, outcome)]


def _open(state: CaseState, item: str, outcome: str) -> bool:
    return outcome != "destroyed" and item not in state.taken_off


def rehearse(
    ledger: Ledger,
    acting: Acting,
    case: str,
    terms: Terms,
    *,
    stated: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> list[Item]:
    """The open copies as they are found now, if everything permits their destruction.

    Raises as `execute` does before anything is touched; changes nothing.
    """
    return _rehearsed(ledger, acting, case, terms, stated or {}, options)[0]


def _rehearsed(
    ledger: Ledger,
    acting: Acting,
    case: str,
    terms: Terms,
    stated: Mapping[str, str],
    options: Mapping[str, Any],
) -> tuple[list[Item], Others]:
    """The open copies, and where all others lie."""
    state = case_state(ledger, CaseState, case)
    journal = open_journal(ledger.folder, ledger.keystore, case)
    found = open_items(ledger, case)
    if not found:
        _clean_up(ledger, state, journal)
        msg = "no copy on the list is left to be destroyed; nothing was changed"
        raise UsageError(msg, "muniment destroy verify CASE")
    items = [_found(ledger, item, journal) for item in found]
    _check_stated(items, stated)
    if journal is None or not journal.under_way:  # what was begun is gone on with all the same
        check_locks((item.offsite, item.endpoint) for item in items)
    keys, _ = _keys(ledger, case, {i for i in state.items if i not in state.taken_off})
    all_gone = dict.fromkeys(found, "destroyed")
    terms = _begun_before(terms, journal, acting)
    proposals = _proposals(ledger, state, terms, now(), all_gone, keys)
    check_permitted(ledger, acting, proposals, **options)
    others = Others(ledger, {item for item in state.items if item not in state.taken_off})
    check_shared(others, items)
    return items, others


def execute(
    ledger: Ledger,
    acting: Acting,
    case: str,
    terms: Terms,
    *,
    stated: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> Execution:
    """Destroy the open copies of an approved case, and record what became of each.

    `ledger`: open for writing; `stated`: outcomes of copies that are no files here, by holding.
    Run again after a crash, it goes on. Raises `RefusedError` when a rule does not permit it now,
    `UsageError` when there is nothing to do or a statement is about a file that is here; then
    nothing was touched. Whatever is raised later leaves a journal to go on from.
    """
    if not open_items(ledger, case) and (late := _clear_late(ledger, acting, case, options)):
        return late
    # What a crash leaves, and the next run makes of it, after each step:
    # 1 rules, locks and shared files are asked     nothing was touched
    # 2 the journal is begun                        it names the files; all of them are there
    # 3 each copy: marked, overwritten, unlinked    some are gone; the journal says which, go on
    # 4 the keys are shredded in the keystore       all is gone, nothing recorded; shred again
    # 5 one commit says it, its payloads go with it the execution stands
    # 6 tokens go, the log is emptied, the journal  the same is done again: here, by verify, by end
    #   says that it is recorded
    # 7 backups of the keystore are cleared, one    those that are not count as left; the next run
    #   commit each                                 clears them (`_clear_late`)
    remove_strays(ledger)  # what no event names is on no list, and no certificate may follow it
    items, others = _rehearsed(ledger, acting, case, terms, stated or {}, options)
    if any(item.within_reach for item in items):  # by nothing else than this program
        terms = terms._replace(sealed={"tool": f"muniment/{VERSION}", **(terms.sealed or {})})
    state = case_state(ledger, CaseState, case)
    keystore, began = ledger.keystore, now()
    journal = Journal.begin(ledger.folder, keystore, case, (acting.actor, began), items)
    terms = _begun_before(terms, journal, acting)
    fates = []
    for done, item in enumerate(items, 1):
        fates.append(_destroy(journal, item, (stated or {}).get(item.holding), others))
        if progress is not None:
            progress(done, len(items))
    outcomes = {fate.holding: fate.outcome for fate in fates}
    gone = {i for i, o in {**state.items, **outcomes}.items() if o == "destroyed"}
    started = journal.started
    if not _approved_at(ledger, acting, state, terms, started, outcomes, options):
        started = began
    keys, unreached = _keys(ledger, case, gone)
    keystore.shred(*keys)
    proposals = _proposals(ledger, state, terms, started, outcomes, keys)
    receipt = _record(ledger, acting, proposals, sealed_under(ledger, keys), options)
    cleaned = _clean_up(ledger, case_state(ledger, CaseState, case), journal)
    key_copies = _clear_copies(ledger, acting, case, keys, options)
    return Execution(receipt, tuple(fates), tuple(keys), tuple(unreached), cleaned, key_copies)


def _clear_copies(
    ledger: Ledger,
    acting: Acting,
    case: str,
    keys: Sequence[str],
    options: Mapping[str, Any],
) -> KeyCopies:
    """Clear the copies within reach, and find those in which one of the case's keys may be."""
    gone_from = keycopies.clear_reached(ledger, acting, keys, **options)
    left = keycopies.left_of(ledger, case_state(ledger, CaseState, case).keys)
    return KeyCopies(tuple(gone_from), tuple(left))


def _clear_late(
    ledger: Ledger, acting: Acting, case: str, options: Mapping[str, Any]
) -> Execution | None:
    """Clear the copies that the execution did not reach, or was broken off before it told of."""
    state = case_state(ledger, CaseState, case)
    if not state.running or not state.keys:
        return None
    gone, receipts = keycopies.clear(ledger, acting, only=state.keys, **options)
    if not receipts:
        return None
    cleaned = _clean_up(ledger, state, open_journal(ledger.folder, ledger.keystore, case))
    left = keycopies.left_of(ledger, state.keys)
    return Execution(receipts[-1], (), (), (), cleaned, KeyCopies(tuple(gone), tuple(left)))


# -- before anything is touched ---------------------------------------------------------------


def _found(ledger: Ledger, holding: str, journal: Journal | None) -> Item:
    """A copy as it is found; where an execution was broken off, as it was found then."""
    before = journal.items.get(holding) if journal is not None else None
    if before is not None and journal is not None and journal.under_way and not before.recorded:
        return before
    try:
        place = place_of(ledger, holding)
        there = bool(place.offsite) or os.path.lexists(place.path)
        item = Item(holding, place.path.hex(), place.digest, there)
        item.offsite, item.endpoint = place.offsite, place.endpoint
    except SourceFault as fault:
        if before is None or not before.within_reach:
            return Item(holding, cause=fault.cause if fault.cause in _NAMED else "")
        # Its texts went with its keys, and then it was found to be there still.
        there = bool(before.offsite) or os.path.lexists(bytes.fromhex(before.path))
        item = Item(holding, before.path, before.digest, there)
        item.offsite, item.endpoint = before.offsite, before.endpoint
    if before is not None and before.path == item.path:  # what was begun then is gone on with
        item.spare, item.inode = before.spare, before.inode
    item.spare = item.spare or (b".muniment-" + os.urandom(8).hex().encode("ascii")).hex()
    return item


def _begun_before(terms: Terms, journal: Journal | None, acting: Acting) -> Terms:
    """With those others who began: none of them reads back what they may have destroyed (I-07)."""
    operators = journal.operators if journal is not None else []
    return terms._replace(begun_by=[one for one in operators if one != acting.actor])


def _check_stated(items: Sequence[Item], stated: Mapping[str, str]) -> None:
    """Nobody says of a file that is here what became of it: that is found out."""
    known = {item.holding: item for item in items}
    for holding in stated:
        if holding not in known:
            msg = "a statement is about a copy that is not open in this case; nothing was changed"
            raise UsageError(msg, "muniment destroy show CASE")
        if known[holding].path and os.path.lexists(bytes.fromhex(known[holding].path)):
            msg = "a statement is about a copy that is a file here; nothing was changed"
            raise UsageError(msg, "leave that --stated out: the file is destroyed by this program")
        moved = known[holding].within_reach and not any(known[holding].inode)
        if moved and stated[holding] == "destroyed":  # nobody saw it go; it may lie elsewhere
            raise UsageError(
                "a copy whose place is known, and which is not there, is not called destroyed; "
                "nothing was changed",
                "put the file back, or record what is true: muniment holding lost COPY",
            )


# -- one copy ---------------------------------------------------------------------------------


def _destroy(journal: Journal, item: Item, stated: str | None, others: Others) -> Fate:
    if item.step == "destroyed" and not item.recorded:
        return Fate(item.holding, "destroyed", "removed" if item.within_reach else "stated")
    here = item.within_reach
    outcome, cause = remove(journal, item, others) if here else ("unknown", item.no_path)
    if stated is not None and cause in _STATED:
        outcome, cause = stated, "stated"
    journal.mark(item.holding, cast("Any", outcome))
    return Fate(item.holding, outcome, cause)


_NAMED: Final = frozenset({"key_not_here", "endpoint_not_named"})
"""Why nobody knows where to look, where that can be mended here."""
_STATED: Final = frozenset({"not_a_file_here", "key_not_here", "vanished", "not_readable"})
"""Of what is unknown for these causes, its operator says what became of it."""


# -- keys and payloads ------------------------------------------------------------------------


def _keys(ledger: Ledger, case: str, gone: set[str]) -> tuple[list[str], list[str]]:
    """The keys to shred that no earlier event names, and those that are not in the keystore."""
    with as_judged_now(ledger) as judging:
        wanted = shreddable(judging, gone)
    wanted -= set(shredded_in(ledger, case))
    here = {key for key in wanted if key_state(ledger, key) != "unknown"}
    return sorted(here), sorted(wanted - here)


def shredded_in(ledger: Ledger, case: str) -> list[str]:
    """The data keys that the events of a case name as shredded, in order."""
    events = (event for _position, _accepted, event, _raw in ledger.events_of(case))
    return [key for e in events if isinstance(e, DestructionExecuted) for key in e.keys]


# -- recording --------------------------------------------------------------------------------


def _proposals(
    ledger: Ledger,
    state: CaseState,
    terms: Terms,
    started: str,
    outcomes: Mapping[str, str],
    keys: Sequence[str],
) -> list[Proposal]:
    """Results in parts, then keys in parts: one commit."""
    common = {
        "root": state.root,
        "technique": terms.technique or _proposed(ledger, state.stream).technique,
        "witnesses": list(terms.witnesses),
        "started_at": started,
        "ended_at": max(now(), started),
    } | ({"begun_by": list(terms.begun_by)} if terms.begun_by else {})
    results = [Executed(holding=h, outcome=cast("Any", o)) for h, o in outcomes.items()]
    fields: list[dict[str, Any]] = [
        {"results": results[at : at + RESULTS_AN_EVENT]}
        for at in range(0, len(results), RESULTS_AN_EVENT)
    ]
    fields += [
        {"keys": list(keys[at : at + KEYS_AN_EVENT])} for at in range(0, len(keys), KEYS_AN_EVENT)
    ]
    if len(keys) and len(results) <= RESULTS_AN_EVENT and len(keys) <= KEYS_AN_EVENT:
        fields = [{**fields[0], **fields[1]}]
    return [
        Proposal(DestructionExecuted, state.stream, {**common, **own}, None if at else terms.sealed)
        for at, own in enumerate(fields)
    ]


def _approved_at(
    ledger: Ledger,
    acting: Acting,
    state: CaseState,
    terms: Terms,
    started: str,
    outcomes: Mapping[str, str],
    options: Mapping[str, Any],
) -> bool:
    """Whether the approvals in force now sufficed when a run that was broken off had started."""
    said = _proposals(ledger, state, terms._replace(sealed=None), started, outcomes, ())
    try:
        check_permitted(ledger, acting, said, **options)
    except RefusedError as error:
        late = ("started_before_approval" in str(refusal) for refusal in error.refusals)
        if not any(late):
            raise
        return False
    return True


def _proposed(ledger: Ledger, case: str) -> DestructionProposed:
    """The first event of a case."""
    for _position, _accepted, event, _raw in ledger.events_of(case):
        if isinstance(event, DestructionProposed):
            return event
    raise MunimentError("the case has no proposal", "muniment verify")


def _record(
    ledger: Ledger,
    acting: Acting,
    proposals: Sequence[Proposal],
    erased: Sequence[int],
    options: Mapping[str, Any],
) -> Receipt:
    events, ciphertexts = ledger.build(acting, proposals, **options)
    unsigned = ledger.note_over(acting, events, ciphertexts)
    signed = sign_all(unsigned.note, [acting.key])
    submission = Submission(signed, unsigned.states, unsigned.ciphertexts, erased=erased)
    return ledger.log.record(submission)


# -- after it ---------------------------------------------------------------------------------


def _clean_up(ledger: Ledger, state: CaseState, journal: Journal | None) -> bool:
    """What follows from a recorded execution, as often as asked: tokens, the log, the journal.

    Whether nothing that was deleted is left in the database's write-ahead log.
    """
    try:
        cleaned = _clean_database(ledger, _records_over(ledger, state))
    except sa.exc.DBAPIError:  # a full or failing disk; the journal stays open, and asks again
        return False
    if journal is not None and journal.under_way:
        journal.mark_recorded()
    return cleaned


def _clean_database(ledger: Ledger, over_now: Sequence[str]) -> bool:
    """Delete what finds records that are over, and empty the log; whether that was possible."""
    connection = ledger.log.writer
    with transaction(connection):
        for part in parts(over_now):
            of_these = TOKENS.c.stream.in_(list(map(key_of, part)))
            connection.execute(sa.delete(TOKENS).where(of_these))
        forget(connection, over_now)
    if connection.dialect.name != "sqlite":
        return True
    return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()


def _records_over(ledger: Ledger, state: CaseState) -> list[str]:
    """The records in the destroyed copies of a case of which nothing is left anywhere here."""
    gone = [item for item, outcome in state.items.items() if outcome == "destroyed"]
    with ledger.engine.connect() as connection:
        keys = {key for item in gone for key in records_of(connection, key_of(item))}
    streams = sorted(id_of("record", key) for key in keys)
    with as_judged_now(ledger) as judging:
        judging.world.preload(streams)
        states = (judging.world.state(stream, RecordState) for stream in streams)
        return [found.stream for found in states if found is not None and over(judging, found)]


def finish(ledger: Ledger, case: str) -> Journal | None:
    """The journal of a case under which no execution is under way.

    What was recorded just before a crash is cleaned up after. Raises `UsageError` if something was
    done that is not recorded: it must be, before anything else is said of the case.
    """
    journal = open_journal(ledger.folder, ledger.keystore, case)
    if journal is None or not journal.under_way:
        return journal
    state = case_state(ledger, CaseState, case)
    for item in journal.items.values():
        if item.step and not item.recorded and state.items.get(item.holding) != item.step:
            msg = "an execution of this case was broken off; nothing was changed"
            raise UsageError(msg, "finish it first: muniment destroy execute CASE")
    _clean_up(ledger, state, journal)
    return journal


def end(ledger: Ledger, case: str) -> None:
    """Forget the places of a case that is over, and shred the key that they were under."""
    state = case_state(ledger, CaseState, case)
    journal = open_journal(ledger.folder, ledger.keystore, case)
    if state.ended and journal is not None:
        journal.end(ledger.keystore)
