"""People in records, read off a plain list of events: what `domain.judging.Source` is asked.

Written without the tables and the queries of `projections.clearance`, so that both can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from domain.actor import ActorState
from domain.answers import Needs
from domain.holding import HoldingCreated
from domain.judging import State
from domain.notice import NoticeDelivered, NoticeIssued
from domain.record import RecordClassified, RecordCollected, RecordCorrected, RecordReclassified
from domain.subject import ConsentGranted, ConsentWithdrawn, SubjectFound, SubjectSuppressed
from domain.values import Event

if TYPE_CHECKING:
    from tests.domain.books import Ledger

Told = Sequence[tuple[int, str, Event]]


def found_by(told: Told, states: Mapping[str, State], party: str) -> frozenset[str]:
    """The people whom somebody of a party found in a record."""
    found = set()
    for _, _, event in told:
        if isinstance(event, SubjectFound):
            finder = states[event.by]
            assert isinstance(finder, ActorState)
            found |= {event.stream} if finder.party == party else set()
    return frozenset(found)


def lacking(told: Told, records: Sequence[str], needs: Needs) -> dict[str, frozenset[str]]:
    """The records that may not go, with the reasons."""
    events = [event for _, _, event in told]
    found = {record: frozenset(_reasons(events, record, needs)) for record in records}
    return {record: reasons for record, reasons in found.items() if reasons}


def lacking_in(book: Ledger, holding: str, needs: Needs) -> dict[str, int]:
    """How many records in a copy may not go, by reason: by the contents that the copy has."""
    events = list(book.told())
    here = _copied(events).get(holding, {})
    found = Counter[str]()
    for record in book.inside(holding):
        found.update(set(_reasons(events, record, needs, here.get(record, 0))))
    return dict(found)


def _copied(events: Sequence[Event]) -> dict[str, dict[str, int]]:
    """By copy and record, which event's content lies there; where none says so, the first."""
    lying: dict[str, dict[str, int]] = {}
    for index, event in enumerate(events):
        if isinstance(event, RecordCollected | RecordCorrected):
            lying.setdefault(event.holding, {})[event.stream] = index
        elif isinstance(event, HoldingCreated) and event.made_from is not UNSET:
            lying[event.stream] = dict(lying.get(event.made_from, {}))
    return lying


def _reasons(
    events: Sequence[Event], record: str, needs: Needs, since: int | None = None
) -> Iterator[str]:
    contents = [
        index
        for index, event in enumerate(events)
        if isinstance(event, RecordCollected | RecordCorrected) and event.stream == record
    ]
    axes = [
        event
        for event in events
        if isinstance(event, RecordClassified | RecordReclassified) and event.stream == record
    ]
    if not contents:
        return
    if needs.marketing and axes and axes[-1].relationship == "opted_out":
        yield "opted_out"
    if axes and axes[-1].sensitivity == "anonymized":
        return
    inside = {
        event.stream
        for event in events[contents[-1] if since is None else since :]
        if isinstance(event, SubjectFound) and record in event.records
    }
    if axes and axes[-1].sensitivity == "non_personal" and not inside:
        return
    if not inside:
        yield "subjects_unknown"
    collected = events[contents[0]]
    assert isinstance(collected, RecordCollected)
    categories = axes[-1].categories if axes else [collected.category]
    sensitivity = axes[-1].sensitivity if axes else ""
    for subject in inside:
        yield from _of_person(
            events, subject, list(categories), sensitivity, needs, collected.basis
        )


def _covered(categories: Sequence[str], scope: Sequence[str]) -> bool:
    return not scope or all(
        any(one == wide or one.startswith(wide + ".") for wide in scope) for one in categories
    )


def _of_person(
    events: Sequence[Event],
    subject: str,
    categories: list[str],
    sensitivity: str,
    needs: Needs,
    basis: str,
) -> Iterator[str]:
    own = [event for event in events if event.stream == subject]
    gone = [
        event.withdrawn_at
        for event in own
        if isinstance(event, ConsentWithdrawn) and event.recipient == needs.recipient
    ]
    told = _told(events, subject, needs)
    standing = [
        event
        for event in own
        if isinstance(event, ConsentGranted)
        and event.recipient == needs.recipient
        and (event.until is UNSET or event.until >= needs.day)
        and all(event.given_at > withdrawn for withdrawn in gone)
    ]
    minor = any(isinstance(event, SubjectFound) and event.minor for event in own)
    exempt = needs.exempt is not None and _covered(categories, needs.exempt)
    delicate = minor or sensitivity in ("sensitive_pi", "minor_pi")
    child = minor or sensitivity == "minor_pi"
    missing = set()
    for kinds, absent in _asked(needs, child, delicate, exempt):
        missing |= _against(standing, kinds, categories, told, absent)
    if gone and missing - {"consent_before_notice"}:
        missing = missing & {"consent_before_notice"} | {"consent_withdrawn"}
    if gone and basis in ("pipl_13_1_consent", "gdpr_6_a"):
        kinds = ("guardian",) if child else ("separate_provision",)
        missing |= _against(standing, kinds, categories, told, "consent_withdrawn")
    yield from missing
    if needs.notice != "none" and not told:
        yield "not_notified"
    if needs.marketing:
        for event in own:
            if isinstance(event, ConsentWithdrawn):
                yield "suppressed"
            if isinstance(event, SubjectSuppressed):
                yield "opted_out" if event.reason == "opted_out" else "suppressed"


def _against(
    standing: Sequence[ConsentGranted],
    kinds: Sequence[str],
    categories: Sequence[str],
    told: Sequence[str],
    absent: str,
) -> set[str]:
    """Why none of the consents that stand is one of these kinds, wide enough and informed."""
    times = [
        event.given_at
        for event in standing
        if event.kind in kinds and _covered(categories, event.categories)
    ]
    if not times:
        return {absent}
    return {"consent_before_notice"} if told and max(times) < min(told) else set()


def _asked(
    needs: Needs,
    child: bool,
    delicate: bool,
    exempt: bool,
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Which kinds of consent somebody owes, and what it is called when none is there."""
    if child and needs.guardian:
        yield ("guardian",), "no_guardian_consent"
    elif not exempt:
        if needs.consent:
            yield ("separate_provision",), "no_consent"
        if needs.sensitive and delicate:
            yield needs.sensitive, "no_sensitive_consent"


def _told(events: Sequence[Event], subject: str, needs: Needs) -> list[str]:
    """When notices that say enough reached a person, by the last word on each channel."""
    enough = {"none": (), "art_22": ("art_22", "art_23"), "art_23": ("art_23",)}[needs.notice]
    notices = {
        event.stream
        for event in events
        if isinstance(event, NoticeIssued)
        and event.kind in enough
        and event.engagement == needs.engagement
        and event.recipient == needs.recipient
    }
    last: dict[tuple[str, str], NoticeDelivered] = {}
    for event in events:
        if (
            isinstance(event, NoticeDelivered)
            and event.stream in notices
            and subject in event.subjects
        ):
            last[event.stream, event.channel] = event
    return [event.delivered_at for event in last.values() if event.status != "bounced"]
