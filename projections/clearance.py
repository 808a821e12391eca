"""Which records may go, as far as the people in them are concerned: for many records at once.

One query a part of at most 200 records says who stands in each, as it is now, and whether each
person was told and has plainly agreed. Only people for whom that is not so are looked at closer:
consents for some categories, withdrawals, the suppression list. `domain.clearing` says what the
reasons mean. Everything is read by index: a part costs its own records and people, however many
others there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from domain.answers import Needs
from domain.clearing import (
    ENOUGH,
    GUARDIAN,
    ON_CONSENT,
    PROVISION,
    SENSITIVE_DATA,
    not_personal,
    within,
)
from domain.values import MAX_LISTED
from projections.custody import records_of
from projections.view import fetch, id_of, key_of, marked


class Standing(NamedTuple):
    """One person in one record: what is missing. `subject` is None where nobody was declared.

    `exempt`: no consent is needed for this record.
    """

    record: bytes
    subject: bytes | None
    exempt: bool
    missing: frozenset[str]


class Counted(NamedTuple):
    """How many people stand in a record: cleared with consent, without needing any, not cleared."""

    granted: int = 0
    exempt: int = 0
    missing: int = 0


def lacking(
    connection: sa.Connection, records: Sequence[str], needs: Needs
) -> dict[str, frozenset[str]]:
    """As `domain.judging.Source.lacking`; any number of records, asked for in parts."""
    found: dict[str, frozenset[str]] = {}
    for part in _parts([key_of(record) for record in records]):
        for record, reasons in _summed(_standings(connection, part, needs)).items():
            found[id_of("record", record)] = reasons
    return found


def lacking_in(connection: sa.Connection, holding: str, needs: Needs) -> dict[str, int]:
    """As `domain.judging.Source.lacking_in`."""
    counted = Counter[str]()
    chain = _chain(connection, key_of(holding))
    for part in _parts(records_of(connection, chain[0])):
        older = _older(connection, part, chain)
        current = [record for record in part if record not in older]
        asked = [(current, None), *(([record], since) for record, since in older.items())]
        for records, since in asked:
            for reasons in _summed(_standings(connection, records, needs, since)).values():
                counted.update(reasons)
    return dict(counted)


def _chain(connection: sa.Connection, holding: bytes) -> list[bytes]:
    """A copy, the one that it was made of, and so on."""
    sql = marked(connection, "SELECT made_from FROM holdings WHERE holding = {}")
    found, above = [holding], fetch(connection, sql, (holding,))
    while above and above[0][0] is not None and bytes(above[0][0]) not in found:
        found.append(bytes(above[0][0]))
        above = fetch(connection, sql, (found[-1],))
    return found


def _older(
    connection: sa.Connection, part: Sequence[bytes], chain: Sequence[bytes]
) -> dict[bytes, int]:
    """The records whose content in a copy is not the latest, and since which position it is there.

    People found since then count, those in the newer content, too: nobody says of which one was
    spoken.
    """
    marks, padded = _marks(part)
    sql = (
        "SELECT c.record, i.collected_position, i.holding, c.position, c.holding "  # noqa: S608  marks only
        "FROM corrections c JOIN inventory i ON i.record = c.record "
        f"WHERE c.record IN ({marks})"
    )
    contents: dict[bytes, dict[int, bytes]] = {}
    for record, collected, first, position, holding in (
        fetch(connection, marked(connection, sql), tuple(padded)) if part else ()
    ):
        lying = contents.setdefault(bytes(record), {collected: bytes(first)})
        lying[position] = bytes(holding)
    since = {record: _since(lying, chain) for record, lying in contents.items()}
    return {record: at for record, at in since.items() if at != max(contents[record])}


def _since(contents: dict[int, bytes], chain: Sequence[bytes]) -> int:
    """The position of the content that a copy has of a record; the first where nobody knows.

    `contents`: in which copy each content lies, by position. Nothing is corrected in a copy that
    others were made of, so they have what it has.
    """
    for copy in chain:
        here = [at for at, holding in contents.items() if holding == copy]
        if here:
            return max(here)
    return min(contents)


def people_in(
    connection: sa.Connection, records: Sequence[str], needs: Needs
) -> dict[str, Counted]:
    """How the people in each record stand; a record in which nobody was declared has none."""
    named = {key_of(record): record for record in records}
    people: dict[bytes, dict[bytes, Standing]] = {}
    for part in _parts(list(named)):
        for standing in _standings(connection, part, needs):
            if standing.subject is not None:
                people.setdefault(standing.record, {})[standing.subject] = standing
    return {named[key]: _counted(inside.values()) for key, inside in people.items()}


def _counted(standings: Iterable[Standing]) -> Counted:
    granted = exempt = missing = 0
    for standing in standings:
        if standing.missing:
            missing += 1
        elif standing.exempt:
            exempt += 1
        else:
            granted += 1
    return Counted(granted, exempt, missing)


def _parts(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for at in range(0, len(keys), MAX_LISTED):
        yield keys[at : at + MAX_LISTED]


def _summed(standings: Iterator[Standing]) -> dict[bytes, frozenset[str]]:
    found: dict[bytes, frozenset[str]] = {}
    for standing in standings:
        if standing.missing:
            found[standing.record] = found.get(standing.record, frozenset()) | standing.missing
    return found


class _Row(NamedTuple):
    """What the one query says of a person in a record; whatever is not asked for is 1."""

    record: bytes
    subject: bytes | None
    sensitivity: str | None
    category: str
    traits: str | None
    minor: int
    on_consent: int
    notified: int
    provision: int
    sensitive: int
    guardian: int
    stands: int
    free: int


def _standings(
    connection: sa.Connection, part: Sequence[bytes], needs: Needs, since: int | None = None
) -> Iterator[Standing]:
    """`since`: the position from which on people found count; that of the content, if not given."""
    notices = _notices(connection, needs) if part and needs.notice != "none" else []
    rows = _ask(connection, part, needs, notices, since) if part else []
    # Nearly all rows are alike but for who it is: each kind of them is judged once.
    plain = {kind: _plainly(_Row(b"", b"", *kind), needs) for kind in {row[2:] for row in rows}}
    short = [row[1] for row in rows if row[1] is not None and plain[row[2:]] is None]
    known = _People(connection, short, needs, notices)
    for row in rows:
        found = plain[row[2:]]
        if found is None or row[1] is None:
            yield _standing(_Row(*row), needs, known)
        else:
            yield Standing(row[0], row[1], found.exempt, found.missing)


def _plainly(row: _Row, needs: Needs) -> Standing | None:
    """How everybody of a kind of rows stands, None if each must be looked at closer."""
    return None if _looks_short(row, needs) else _standing(row, needs, None)


def _standing(row: _Row, needs: Needs, known: _People | None) -> Standing:
    """What is missing for one person in one record; `known`: where a closer look is needed."""
    opted_out, categories = _traits(row)
    missing = {"opted_out"} if needs.marketing and opted_out else set()
    exempt = needs.exempt is not None and within(categories, needs.exempt)
    asked = needs.consent and not exempt
    if not_personal(row.sensitivity, declared=row.subject is not None):
        return Standing(row.record, row.subject, exempt=True, missing=frozenset(missing))
    if row.subject is None:
        missing.add("subjects_unknown")
    elif known is not None and _looks_short(row, needs):
        missing |= _missing(row, categories, needs, known, exempt=exempt)
    return Standing(row.record, row.subject, not asked, frozenset(missing))


def _traits(row: _Row) -> tuple[bool, Sequence[str]]:
    if row.traits is None:
        return False, (row.category,)
    opted_out, *categories = row.traits.split(" ")
    return opted_out == "1", categories


def _child(row: _Row) -> bool:
    return bool(row.minor) or row.sensitivity == "minor_pi"


def _looks_short(row: _Row, needs: Needs) -> bool:
    """Whether a closer look is needed: something is not plainly there."""
    if not (row.notified and row.stands and row.free):
        return True
    if needs.guardian and _child(row):
        return not row.guardian
    delicate = row.sensitivity in SENSITIVE_DATA or _child(row)
    return not row.provision or (delicate and not row.sensitive)


def _missing(
    row: _Row, categories: Sequence[str], needs: Needs, known: _People, *, exempt: bool
) -> set[str]:
    """What is missing for a person, after the closer look."""
    subject, found = row.subject or b"", set[str]()
    if needs.guardian and _child(row):
        found |= known.against(subject, GUARDIAN, categories, "no_guardian_consent")
    elif not exempt:
        if needs.consent:
            found |= known.against(subject, PROVISION, categories, "no_consent")
        delicate = row.sensitivity in SENSITIVE_DATA or _child(row)
        if delicate and needs.sensitive:
            found |= known.against(subject, needs.sensitive, categories, "no_sensitive_consent")
    if subject in known.withdrawn and found - {_EARLY}:
        found = found & {_EARLY} | {"consent_withdrawn"}
    if row.on_consent and subject in known.withdrawn:
        kinds = GUARDIAN if _child(row) else PROVISION
        found |= known.against(subject, kinds, categories, "consent_withdrawn")
    if not row.notified:
        found.add("not_notified")
    return found | known.suppressed(subject)


_EARLY: Final = "consent_before_notice"


class _Consent(NamedTuple):
    kind: str
    categories: tuple[str, ...]
    given_at: str


class _People:
    """What is known of a few people: when told, consents in force, withdrawals, suppressions."""

    def __init__(
        self,
        connection: sa.Connection,
        subjects: Sequence[bytes],
        needs: Needs,
        notices: Sequence[bytes],
    ) -> None:
        self._needs = needs
        self._notices = notices
        self._told: dict[bytes, str] = {}
        self.withdrawn: set[bytes] = set()
        self._consents: dict[bytes, list[_Consent]] = {}
        self._reasons: dict[bytes, set[str]] = {}
        for part in _parts(list(dict.fromkeys(subjects))):
            self._load(connection, part)

    def against(
        self, subject: bytes, kinds: Sequence[str], categories: Sequence[str], absent: str
    ) -> set[str]:
        """Why no consent of these kinds counts for a record of these categories, if none does.

        `absent`: the reason where there is none, informed or not.
        """
        times = [
            consent.given_at
            for consent in self._consents.get(subject, ())
            if consent.kind in kinds and within(categories, consent.categories)
        ]
        if not times:
            return {absent}
        return set() if max(times) >= self._told.get(subject, "") else {_EARLY}

    def suppressed(self, subject: bytes) -> set[str]:
        """Why a person is on no list for marketing; nothing if this is none."""
        if not self._needs.marketing:
            return set()
        reasons = self._reasons.get(subject, set())
        return {"opted_out" if reason == "opted_out" else "suppressed" for reason in reasons}

    def _load(self, connection: sa.Connection, part: Sequence[bytes]) -> None:
        marks, padded = _marks(part)
        recipient = key_of(self._needs.recipient)
        last: dict[bytes, str] = {}
        about = f"WHERE subject IN ({marks}) AND recipient = {{}}"
        sql = f"SELECT subject, withdrawn_at FROM withdrawals {about}"  # noqa: S608  marks only
        for subject, at in fetch(connection, marked(connection, sql), (*padded, recipient)):
            last[bytes(subject)] = max(at, last.get(bytes(subject), ""))
        self.withdrawn |= last.keys()
        sql = f"SELECT subject, kind, categories, given_at, until FROM consents {about}"  # noqa: S608
        for key, kind, scope, given, until in fetch(
            connection, marked(connection, sql), (*padded, recipient)
        ):
            if (until is None or until >= self._needs.day) and given > last.get(bytes(key), ""):
                consent = _Consent(kind, tuple(scope.split()), given)
                self._consents.setdefault(bytes(key), []).append(consent)
        if self._notices:
            sql = _TOLD.replace("s.subject", "t.subject").replace("#", _listed(len(self._notices)))
            sql = f"SELECT t.subject, ({sql}) FROM (SELECT DISTINCT subject FROM deliveries"  # noqa: S608
            sql += f" WHERE subject IN ({marks})) t"
            found = fetch(connection, marked(connection, sql), (*self._notices, *padded))
            self._told |= {bytes(key): at for key, at in found if at is not None}
        if self._needs.marketing:
            sql = f"SELECT subject, reason FROM suppressions WHERE subject IN ({marks})"  # noqa: S608  marks only
            for key, reason in fetch(connection, marked(connection, sql), tuple(padded)):
                self._reasons.setdefault(bytes(key), set()).add(reason)


# -- who keeps what, and who found whom --------------------------------------------------------


def elsewhere(connection: sa.Connection, records: Sequence[str], party: str) -> frozenset[str]:
    """As `domain.judging.Source.elsewhere`."""
    sql = (
        "SELECT i.record FROM inventory i JOIN holdings h ON h.holding = i.holding "
        "WHERE h.custodian = {} AND i.record IN (#)"
    )
    return frozenset(records) - _found(connection, sql, "record", records, party)


def undeclared(connection: sa.Connection, subjects: Sequence[str], party: str) -> frozenset[str]:
    """As `domain.judging.Source.undeclared`."""
    sql = (
        "SELECT DISTINCT s.subject FROM subject_records s JOIN actors a ON a.actor = s.finder "
        "WHERE a.party = {} AND s.subject IN (#)"
    )
    return frozenset(subjects) - _found(connection, sql, "subject", subjects, party)


def _found(
    connection: sa.Connection, sql: str, aggregate: str, ids: Sequence[str], party: str
) -> frozenset[str]:
    found: set[bytes] = set()
    for part in _parts([key_of(identifier) for identifier in ids]):
        marks, padded = _marks(part)
        query = marked(connection, sql.replace("#", marks))
        found.update(bytes(row[0]) for row in fetch(connection, query, (key_of(party), *padded)))
    return frozenset(id_of(aggregate, key) for key in found)


# -- the one query ----------------------------------------------------------------------------

_CONTENT: Final = (
    "COALESCE((SELECT max(c.position) FROM corrections c WHERE c.record = i.record), "
    "i.collected_position)"
)
_TRAITS: Final = (
    "(SELECT t.opted_out || ' ' || t.categories FROM record_traits t WHERE t.record = i.record "
    "ORDER BY t.position DESC LIMIT 1)"
)
_TOLD: Final = """SELECT min(d.delivered_at) FROM deliveries d WHERE d.subject = s.subject
 AND d.notice IN (#) AND d.status <> 'bounced' AND NOT EXISTS (SELECT 1 FROM deliveries l
 WHERE l.subject = d.subject AND l.notice = d.notice AND l.channel = d.channel
 AND l.position > d.position)"""
"""When somebody was first told, by what was last said of each channel; NULL if never."""
_AGREED: Final = """EXISTS (SELECT 1 FROM consents a WHERE a.subject = s.subject
 AND a.recipient = {} AND a.kind IN (#) AND a.categories = ''
 AND (a.until IS NULL OR a.until >= {}) AND NOT EXISTS (SELECT 1 FROM withdrawals w
 WHERE w.subject = a.subject AND w.recipient = a.recipient AND w.withdrawn_at >= a.given_at)"""
_INFORMED: Final = f" AND a.given_at >= COALESCE(({_TOLD}), '')"
_BY_CONSENT: Final = "i.basis IN ({}, {})"
_QUIET: Final = """NOT EXISTS (SELECT 1 FROM withdrawals w
 WHERE w.subject = s.subject AND w.recipient = {})"""
_MINOR: Final = "EXISTS (SELECT 1 FROM minors m WHERE m.subject = s.subject)"
_FREE: Final = "NOT EXISTS (SELECT 1 FROM suppressions p WHERE p.subject = s.subject)"


@lru_cache(maxsize=64)
def _query(shape: tuple[bool, int, int, int, bool, bool], marks: int, content: str) -> str:
    """The statement for what is asked: `shape` is that of `_ask`."""
    noticed, count, provision, sensitive, guardian, marketing = shape
    notices = _listed(count)
    informed = _INFORMED.replace("#", notices) if count else ""
    asked = (
        _MINOR,
        _BY_CONSENT,
        f"({_TOLD.replace('#', notices)}) IS NOT NULL" if count else "0" if noticed else "1",
        *(
            f"{_AGREED.replace('#', _listed(kinds))}{informed})" if kinds else "1"
            for kinds in (provision, sensitive, len(GUARDIAN) if guardian else 0)
        ),
        f"NOT {_BY_CONSENT} OR {_QUIET}",
        _FREE if marketing else "1",
    )
    flags = [f"CASE WHEN {one} THEN 1 ELSE 0 END" if len(one) > 1 else one for one in asked]
    return (
        f"SELECT i.record, s.subject, i.sensitivity, i.category, {_TRAITS}, {', '.join(flags)} "  # noqa: S608  our own texts and marks
        "FROM inventory i LEFT JOIN subject_records s ON s.record = i.record "
        f"AND s.position > {content} WHERE i.record IN ({_listed(marks)})"
    )


def _ask(
    connection: sa.Connection,
    part: Sequence[bytes],
    needs: Needs,
    notices: Sequence[bytes],
    since: int | None,
) -> list[tuple[Any, ...]]:
    """The rows of `_Row`, without the names."""
    provision = PROVISION if needs.consent else ()
    shape = (
        needs.notice != "none", len(notices), len(provision), len(needs.sensitive), needs.guardian,
        needs.marketing,
    )  # fmt: skip
    values: list[object] = [*ON_CONSENT, *notices]
    for kinds in (provision, needs.sensitive, GUARDIAN if needs.guardian else ()):
        if kinds:
            values += [key_of(needs.recipient), *kinds, needs.day, *notices]
    values += [*ON_CONSENT, key_of(needs.recipient)]
    _, padded = _marks(part)
    query = _query(shape, len(padded), _CONTENT if since is None else "{}")
    values += [] if since is None else [since]
    return fetch(connection, marked(connection, query), (*values, *padded))


def _notices(connection: sa.Connection, needs: Needs) -> list[bytes]:
    """The notices of the deal, about the recipient, that say enough."""
    kinds = ENOUGH[needs.notice]
    sql = (
        "SELECT notice FROM notices WHERE engagement = {} AND recipient = {} AND kind IN (#)"
    ).replace("#", _listed(len(kinds)))
    values = (key_of(needs.engagement), key_of(needs.recipient), *kinds)
    return [bytes(row[0]) for row in fetch(connection, marked(connection, sql), values)]


def _listed(count: int) -> str:
    return ", ".join(["{}"] * count)


def _marks(part: Sequence[bytes]) -> tuple[str, Sequence[bytes]]:
    """Marks for a part and the part itself, filled up so that there are few statements."""
    size = 1
    while size < len(part):
        size *= 4
    size = min(size, MAX_LISTED) if len(part) <= MAX_LISTED else len(part)
    return _listed(size), [*part, *([part[0]] * (size - len(part)))]
