"""Whose key could sign which entry: the key history, derived from the identity events of a bundle.

Entries come in order. Keys are those before the entry; what an entry enrols may sign from the next
one on, and what it ends may still sign in it. Entry 0 alone leans on itself. Only events of entries
that were found genuine are taken, and of these only such as:

    enrol a key under its holder's name and its own id, new to the ledger, that signed the commit
    are said by whoever may: a first key by an administrator, a further one by the holder's old
        key, one without it by two administrators; a replacement by the old key; an end by the
        holder or an administrator; roles by an administrator who holds as much
    replace a ledger key under the old key's signature

From the same events follow two files of a bundle, to the byte: `keys.json`, every key as `row` has
it; and `roles_and_training.json`, for each actor in the order in which they were registered:
{"actor", "party", "roles": those held at the end, "training": the events of the actor's training,
"agreements": the events by which the parties of a deal agreed on one of the actor's keys}.

Keys that sign no notes (P-256, ML-DSA-44) prove possession in their enrolment by signatures that
the standard library cannot check; nothing in a bundle of this format is signed with them.
"""

from __future__ import annotations

import base64
from typing import Any, Callable, ClassVar, Dict, List, NamedTuple, Set, Tuple

from . import ed25519
from .events import Event
from .findings import Flaw
from .notes import POSSESSION, Commit, Key, Signer, key_id

_ALGORITHMS = {"ed25519": b"\1", "mldsa44": b"\6", "p256": b"\xffmuniment/seal-p256"}
_PURPOSES = ("act", "checkpoint", "cosign", "seal")
_KEY_FIELDS = ("name", "id", "kind", "purpose", "public")
_ADMINISTRATOR = "administrator"
_AGREEMENT = "engagement.evidence_agreement_signed"
# As text: the months and days of any date compare between them.
_FIRST_DAY, _LAST_DAY = "0000-01-01", "9999-12-31"


class EnrolledKey:
    """A public key and what became of it.

    `since`, `until`: the entries that enrolled and ended it (`until` None while active);
    `events`: the ids of the events about it; `signed`: the entries signed with it in a capacity
    other than possession.
    """

    def __init__(self, holder: str, key: Dict[str, str], public: bytes, entry: int) -> None:
        self.holder = holder
        self.name, self.id = key["name"], key["id"]
        self.kind, self.purpose = key["kind"], key["purpose"]
        self.public = public
        self.since = entry
        self.until: int | None = None
        self.condition = "active"
        self.suspected_since = ""
        self.events: List[str] = []
        self.signed: List[int] = []

    def end(self, condition: str, entry: int) -> None:
        """End the key's validity; the first end stands, a compromise overrides."""
        if self.condition == "active" or condition == "compromised":
            self.condition = condition
            self.until = entry if self.until is None else self.until

    def row(self) -> Dict[str, Any]:
        """The key as `keys.json` shows it."""
        row: Dict[str, Any] = {
            "name": self.name, "id": self.id, "holder": self.holder, "purpose": self.purpose,
            "kind": self.kind, "since": self.since, "condition": self.condition,
            "events": self.events,
        }  # fmt: skip
        if self.until is not None:
            row["until"] = self.until
        if self.suspected_since:
            row["suspected_since"] = self.suspected_since
        return row


class _Grant(NamedTuple):
    role: str
    scope: str | None
    valid_from: str
    valid_to: str


_Grants = Dict[str, Dict[str, List[_Grant]]]
"""By actor and role."""


def enrolled_keys(event: Event) -> List[Dict[str, str]]:
    """The keys that an event enrols, as it writes them; `Flaw` if they have not their form."""
    names = {
        "ledger.initialized": ("checkpoint_key", "seal_key"),
        "ledger.key_rotated": ("key",),
        "actor.key_enrolled": ("key",),
        "actor.key_rotated": ("key",),
    }.get(event.type, ())
    keys = [event.fields.get(name) for name in names]
    for key in keys:
        if type(key) is not dict or not all(type(key.get(f)) is str for f in _KEY_FIELDS):
            raise Flaw("event_malformed")
    return keys  # type: ignore[return-value]


class History:
    """The keys of a ledger and its actors, advanced entry by entry."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._keys: Dict[Tuple[str, str], EnrolledKey] = {}
        self._holders: Dict[str, List[EnrolledKey]] = {}
        self._held: Dict[Tuple[str, str], EnrolledKey] = {}
        self._purposes: Dict[bytes, str] = {}
        self._parties: Dict[str, str] = {}
        self._supplied: Set[Tuple[str, str]] = set()
        self._roles: _Grants = {}
        self._administering = _Administering(self._roles)
        self._successors: List[Tuple[EnrolledKey, EnrolledKey]] = []
        self.ledger = ""
        """The ledger's own stream, once entry 0 is folded."""
        self.policies: List[str] = []
        """The digests of the policy packs adopted, in hex."""

    # -- what was derived

    def find(self, name: str, identity: bytes) -> EnrolledKey | None:
        """The key enrolled under a name and key id (4 bytes), whatever became of it."""
        return self._keys.get((name, identity.hex()))

    def enrolled(self) -> List[EnrolledKey]:
        """Every key, by holder, in the order in which holders first appear."""
        return [key for keys in self._holders.values() for key in keys]

    def ledger_keys(self) -> List[EnrolledKey]:
        """The ledger's checkpoint keys, in the order in which they were enrolled."""
        return [key for key in self._holders.get(self.ledger, []) if key.purpose == "checkpoint"]

    def purpose_of(self, public: bytes) -> str:
        """For what a public key was enrolled; empty if it was not."""
        return self._purposes.get(public, "")

    def actors(self, events: List[Event]) -> List[Dict[str, Any]]:
        """The rows of `roles_and_training.json`; `events`: the genuine ones, in order."""
        training: Dict[str, List[str]] = {}
        agreed: Dict[str, List[str]] = {}
        for event in events:
            if event.type == "actor.training_completed":
                training.setdefault(event.stream, []).append(event.id)
            elif event.type == _AGREEMENT:
                for actor in self._agreeing(event):
                    agreed.setdefault(actor, []).append(event.id)
        return [
            {
                "actor": actor, "party": party,
                "roles": sorted(self._roles.get(actor, ())),
                "training": training.get(actor, []), "agreements": agreed.get(actor, []),
            }
            for actor, party in self._parties.items()
        ]  # fmt: skip

    def _agreeing(self, event: Event) -> Set[str]:
        """The actors of whose keys an agreement names one."""
        named = event.fields.get("signers")
        found: Set[str] = set()
        for one in named if type(named) is list else ():
            if type(one) is dict:
                actor, key = one.get("actor"), one.get("key")
                if type(actor) is str and type(key) is str and (actor, key) in self._held:
                    found.add(actor)
        return found

    def reached_from(self, trust: Key) -> Dict[Tuple[str, bytes], bytes]:
        """The public keys, by name and key id, of `trust` and what follows it by rotations."""
        reached = {(trust.name, trust.key_id): trust.public}
        for old, new in self._successors:
            if reached.get((old.name, bytes.fromhex(old.id))) == old.public:
                reached[new.name, bytes.fromhex(new.id)] = new.public
        return reached

    # -- step 7: who could sign

    def signer(
        self, entry: int, signer: Signer, enrolling: Dict[Tuple[str, str], Dict[str, str]]
    ) -> bytes:
        """The public key of a signer line that could sign this entry.

        `enrolling`: the keys that events of the entry's commit enrol. Raises `Flaw`.
        """
        acting = signer.capacity != POSSESSION
        mine = enrolling.get((signer.name, signer.key_id.hex()))
        key = self.find(signer.name, signer.key_id)
        if key is None and mine is not None and (not acting or entry == 0):
            return public_of(mine)
        if key is None:
            raise Flaw("key_unknown" if mine is None else "key_not_yet_enrolled")
        if key.until is not None:
            raise Flaw("key_ended_before")
        if key.kind != "ed25519" or (acting and key.purpose != "act"):
            raise Flaw("key_not_for_acts")
        return key.public

    def signed(self, entry: int, commit: Commit) -> None:
        """Remember what the keys of a commit signed."""
        for signer in commit.signers:
            key = self.find(signer.name, signer.key_id)
            if key is not None and signer.capacity != POSSESSION:
                key.signed.append(entry)

    # -- step 8: what an entry changes

    def fold(
        self, entry: int, accepted: str, commit: Commit, events: List[Event]
    ) -> List[Tuple[int, Flaw]]:
        """Advance by the events of one entry; returns those not taken, by index, with the flaw."""
        refused: List[Tuple[int, Flaw]] = []
        if entry == 0:
            for event in events:  # entry 0 leans on the roles that it leaves behind
                if event.type == "actor.role_granted":
                    self._grant(event)
        before = _Before(self._origin, self._administering, commit, accepted, entry)
        changes: List[Event] = []  # of roles, which hold from the next entry on
        for at, event in enumerate(events):
            fold = self._folds.get(event.type)
            try:
                if fold is not None:
                    fold(self, before, event)
                    changes.append(event)
            except Flaw as flaw:
                refused.append((at, flaw))
        for event in changes:
            if event.type == "actor.role_granted" and entry:
                self._grant(event)
            elif event.type == "actor.role_revoked":
                self._revoke(event)
        return refused

    def _initialized(self, before: _Before, event: Event) -> None:
        if before.entry != 0 or event.version != 1 or event.fields.get("origin") != self._origin:
            raise Flaw("enrolment_invalid")
        self.ledger = event.stream
        for key in enrolled_keys(event):
            self._enrol(before, event, key, self._origin)

    def _ledger_rotated(self, before: _Before, event: Event) -> None:
        (key,) = enrolled_keys(event)
        old = self._of(event, "old_key")
        if not before.administrators() or event.role != _ADMINISTRATOR:
            raise Flaw("key_act_not_permitted")
        if old.until is not None or (old.name, old.id) not in before.signers:
            raise Flaw("rotation_not_signed")
        if key["kind"] != "ed25519" or {key["purpose"], old.purpose} != {"checkpoint"}:
            raise Flaw("enrolment_invalid")
        new = self._enrol(before, event, key, self._origin)
        old.end("rotated", before.entry)
        old.events.append(event.id)
        self._successors.append((old, new))

    def _registered(self, before: _Before, event: Event) -> None:
        before.check_role(event)
        self._holders.setdefault(event.stream, [])
        self._parties.setdefault(event.stream, str(event.fields.get("party")))

    def _enrolled(self, before: _Before, event: Event) -> None:
        (key,) = enrolled_keys(event)
        had = (event.stream, key["purpose"]) in self._supplied
        permitted = {
            "first": not had and bool(before.administrators()),
            "continuous": had and event.by == event.stream,
            "broken": had and len(before.administrators()) > 1,
        }
        if not permitted.get(str(event.fields.get("continuity")), False):
            raise Flaw("key_act_not_permitted")
        self._enrol(before, event, key, self._origin + "/a/" + event.stream)

    def _rotated(self, before: _Before, event: Event) -> None:
        (key,) = enrolled_keys(event)
        old = self._of(event, "old_key")
        own = [s for s in before.acting if s.name == old.name]
        if old.purpose == "act":
            own = [s for s in own if s.key_id.hex() == old.id]
        if event.by != event.stream or old.until is not None or not own:
            raise Flaw("rotation_not_signed")
        if key["purpose"] != old.purpose:
            raise Flaw("enrolment_invalid")
        self._enrol(before, event, key, old.name)
        old.end("rotated", before.entry)
        old.events.append(event.id)

    def _ended(self, before: _Before, event: Event) -> None:
        key = self._of(event, "key")
        if event.by != event.stream:
            before.check_role(event)
        if event.type == "actor.key_revoked":
            key.end("revoked", before.entry)
        else:
            since = event.fields.get("suspected_since")
            if type(since) is not str:
                raise Flaw("event_malformed")
            key.end("compromised", before.entry)
            key.suspected_since = min(key.suspected_since or since, since)
        key.events.append(event.id)

    def _role_granted(self, before: _Before, event: Event) -> None:
        before.check_grant(event, _grant_of(event))

    def _role_revoked(self, before: _Before, event: Event) -> None:
        before.check_role(event)

    def _adopted(self, _: _Before, event: Event) -> None:
        self.policies.append(str(event.fields.get("digest")))

    def _grant(self, event: Event) -> None:
        grant = _grant_of(event)
        self._roles.setdefault(event.stream, {}).setdefault(grant.role, []).append(grant)

    def _revoke(self, event: Event) -> None:
        revoked = event.fields.get("revoked")
        if type(revoked) is str:
            self._roles.get(event.stream, {}).pop(revoked, None)

    def _of(self, event: Event, field: str) -> EnrolledKey:
        value = event.fields.get(field)
        key = self._held.get((event.stream, value)) if type(value) is str else None
        if key is None:
            raise Flaw("key_event_without_key")
        return key

    def _enrol(self, before: _Before, event: Event, key: Dict[str, str], name: str) -> EnrolledKey:
        public = public_of(key)
        if key["name"] != name or key["purpose"] not in _PURPOSES:
            raise Flaw("enrolment_invalid")
        if (name, key["id"]) in self._keys or public in self._purposes:
            raise Flaw("key_enrolled_before")
        if key["kind"] == "ed25519" and (name, key["id"]) not in before.signers:
            raise Flaw("enrolment_invalid")
        enrolled = EnrolledKey(event.stream, key, public, before.entry)
        enrolled.events.append(event.id)
        self._keys[name, key["id"]] = enrolled
        self._purposes[public] = key["purpose"]
        self._holders.setdefault(event.stream, []).append(enrolled)
        self._held[event.stream, key["id"]] = enrolled
        self._supplied.add((event.stream, key["purpose"]))
        return enrolled

    _folds: ClassVar[Dict[str, Callable[[History, _Before, Event], None]]] = {
        "ledger.initialized": _initialized,
        "ledger.key_rotated": _ledger_rotated,
        "policy.adopted": _adopted,
        "actor.registered": _registered,
        "actor.key_enrolled": _enrolled,
        "actor.key_rotated": _rotated,
        "actor.key_revoked": _ended,
        "actor.key_compromised": _ended,
        "actor.role_granted": _role_granted,
        "actor.role_revoked": _role_revoked,
    }


class _Administering:
    """Of what actors are administrators on a day: each grant is looked at once a day at most."""

    def __init__(self, roles: _Grants) -> None:
        self._roles = roles
        self._known: Dict[str, Tuple[str, List[_Grant], int, Dict[str | None, str]]] = {}

    def of(self, actor: str, day: str) -> Dict[str | None, str]:
        """By engagement (None: everything), the last day of the grant that lasts longest."""
        grants = self._roles.get(actor, {}).get(_ADMINISTRATOR, [])
        known, of, seen, until = self._known.get(actor, ("", grants, 0, {}))
        if known != day or of is not grants:
            seen, until = 0, {}
        for grant in grants[seen:]:
            if grant.valid_from <= day <= grant.valid_to:
                until[grant.scope] = max(until.get(grant.scope, ""), grant.valid_to)
        self._known[actor] = (day, grants, len(grants), until)
        return until


class _Before:
    """What held before an entry, and who signed it."""

    def __init__(
        self, origin: str, roles: _Administering, commit: Commit, accepted: str, entry: int
    ) -> None:
        self._prefix = origin + "/a/"
        self._roles = roles
        self._day = accepted[:10]
        self.entry = entry
        self.signers = {(signer.name, signer.key_id.hex()) for signer in commit.signers}
        self.acting = [signer for signer in commit.signers if signer.capacity != POSSESSION]

    def administrators(self) -> List[str]:
        """The actors who signed as administrators of everything, and are."""
        names = {s.name for s in self.acting if s.capacity == _ADMINISTRATOR}
        actors = [n[len(self._prefix) :] for n in names if n.startswith(self._prefix)]
        return [actor for actor in actors if None in self._roles.of(actor, self._day)]

    def check_role(self, event: Event) -> None:
        """Raise `Flaw` unless an event is said by an administrator of its engagement."""
        held, engagement = self._roles.of(event.by, self._day), event.fields.get("engagement")
        fits = None in held or (type(engagement) is str and engagement in held)
        if event.role != _ADMINISTRATOR or not fits:
            raise Flaw("key_act_not_permitted")

    def check_grant(self, event: Event, new: _Grant) -> None:
        """Raise `Flaw` unless a role is given by an administrator who holds as much."""
        self.check_role(event)
        held = self._roles.of(event.by, self._day)
        lasting = [held[scope] for scope in (None, new.scope) if scope in held]
        if not lasting or (new.role == _ADMINISTRATOR and max(lasting) < new.valid_to):
            raise Flaw("key_act_not_permitted")


def _grant_of(event: Event) -> _Grant:
    fields = event.fields
    scope = fields.get("scope")
    return _Grant(
        str(fields.get("granted")),
        None if scope is None else str(scope),
        str(fields.get("valid_from", _FIRST_DAY)),
        str(fields.get("valid_to", _LAST_DAY)),
    )


def public_of(key: Dict[str, str]) -> bytes:
    """The bytes of a public key that fits its id; `Flaw` otherwise."""
    text, prefix = key["public"], _ALGORITHMS.get(key["kind"])
    try:
        public = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if key["kind"] == "ed25519":
            ed25519.check_public_key(public)
    except ValueError:
        raise Flaw("enrolment_invalid") from None
    canonical = base64.urlsafe_b64encode(public).rstrip(b"=").decode("ascii") == text
    if prefix is None or not canonical or key_id(key["name"], public, prefix).hex() != key["id"]:
        raise Flaw("enrolment_invalid")
    return public
