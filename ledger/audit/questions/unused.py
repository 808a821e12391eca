"""Which permissions nobody used in a span: grants, modes of grants, roles and keys.

Listed is what was in force in any part of the span. A grant was used by an access that it permitted
(`access.uses`), a role by an act in that capacity, a key by a signature over an act. `last_use` is
the last time before the span's end, None if there was none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ledger.audit.questions.signed import signed
from ledger.audit.questions.span import Row, Times, events_at, ids_at, overlaps
from projections import access, people, reviewing
from projections.reviewing import Use
from projections.tables import actors, keys, roles
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from projections.reviewing import Span

KINDS: Final = ("grant", "grant_mode", "role", "key")
_AT_ONCE: Final = 500
_Uses = dict[tuple[str, str], int]


def unused(connection: sa.Connection, span: Span) -> list[Row]:
    """What was in force in a span and not used in it, by kind, then by when it began.

    Reads every commit note up to the span's end once, and every access in the index of grants.
    """
    found = [*_grants(connection, span), *_roles_and_keys(connection, span)]
    found.sort(key=lambda row: (KINDS.index(row["kind"]), row["since"], row["id"], row["what"]))
    return found


def _grants(connection: sa.Connection, span: Span) -> Iterator[Row]:
    times = Times(connection)
    within = reviewing.uses(connection, span)
    until = reviewing.uses(connection, span._replace(entry=min(span.entry, span.end - 1)))
    after = None
    while found := access.granted(connection, limit=_AT_ONCE, after=after, entry=span.entry):
        for grant in found:
            begins = max(grant.begins, times.at(grant.granted_entry))
            ends = min(filter(None, (grant.ends, times.of(grant.revoked_entry))))
            if begins >= ends or not overlaps(span, begins, ends):
                continue
            use = until.get(grant.grant, Use(0, None, frozenset()))
            used = within.get(grant.grant, use).uses
            usual = {
                "id": grant.grant, "actor": grant.actor, "by": grant.giver, "since": begins,
                "until": ends, "last_use": use.last,
                "evidence": events_at(connection, grant.grant, grant.granted_entry),
            }  # fmt: skip
            if not used:
                yield {"kind": "grant", "what": " ".join(grant.modes), **usual}
                continue
            modes = _modes(connection, span, grant.grant)
            for mode in sorted(set(grant.modes) - modes):
                yield {"kind": "grant_mode", "what": mode, **usual}
        after = found[-1].grant


def _modes(connection: sa.Connection, span: Span, grant: str) -> set[str]:
    """The modes in which a grant was used in the span."""
    a = access.accesses.c
    query = sa.select(a.mode).distinct().where(*span.accessed)
    query = query.where(a.grant == key_of(grant), a.outcome == "allowed")
    return set(connection.execute(query).scalars())


def _roles_and_keys(connection: sa.Connection, span: Span) -> Iterator[Row]:
    capacities: _Uses = {}
    signers: _Uses = {}
    for one in signed(connection, 0, min(span.entry, span.end - 1)):
        capacities[one.name, one.capacity] = one.entry
        signers[one.name, one.key_id] = one.entry
    yield from _roles(connection, span, capacities)
    yield from _keys(connection, span, signers)


def _roles(connection: sa.Connection, span: Span, used: _Uses) -> Iterator[Row]:
    """Roles in force whose holder did not act in them; `what`: the role."""
    times = Times(connection)
    r = roles.c
    query = (
        sa.select(r.granted_position, r.granted_entry, r.actor, r.role, r.scope, r.valid_from,
                  r.valid_to, r.revoked_entry)
        .join(actors, actors.c.actor == r.actor)
        .where(r.granted_entry <= span.entry)
    )  # fmt: skip
    names = {name.rpartition("/")[2]: name for name, _ in used}
    for at, entry, key, role, scope, first, last, revoked in connection.execute(query):
        actor = id_of("actor", key)
        over = revoked if revoked is not None and revoked <= span.entry else None
        since = max(times.at(entry), f"{first}T00:00:00.000Z" if first else "")
        ends = [times.of(over), f"{last}T23:59:59.999Z" if last else None]
        until = min((end for end in ends if end), default=None)
        use = used.get((names.get(actor, ""), role))
        if not overlaps(span, since, until) or (use is not None and use >= span.begin):
            continue
        (event,) = ids_at(connection, [at])
        yield {
            "kind": "role", "what": role, "id": id_of("engagement", scope) if scope else "",
            "actor": actor, "by": None, "since": since, "until": until, "last_use": times.of(use),
            "evidence": [event],
        }  # fmt: skip


def _keys(connection: sa.Connection, span: Span, used: _Uses) -> Iterator[Row]:
    """Keys for acting that could sign and did not; `what`: the key's id."""
    times = Times(connection)
    for key in people.listed(connection, keys, entry=span.entry):
        if key["purpose"] != "act":
            continue
        since, until = times.at(key["since"]), times.of(key["until"])
        use = used.get((key["name"], key["id"]))
        if not overlaps(span, since, until) or (use is not None and use >= span.begin):
            continue
        yield {
            "kind": "key", "what": key["id"], "id": key["id"], "actor": key["holder"], "by": None,
            "since": since, "until": until, "last_use": times.of(use),
            "evidence": events_at(connection, key["holder"], key["since"]),
        }  # fmt: skip
