"""One ledger as a program uses it: opened, acted on, read.

Built on `eventsourcing`: `Ledger` is its `Application`, with our own mapper (canonical event
bytes, frozen topics) and recorder (signed, judged commits). An act proposes events, signs them
and records them through `save(*events, commit=...)`; the rules speak inside the recording
transaction, in `ledger.recorder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from eventsourcing.application import Application
from eventsourcing.persistence import (
    EventStore,
    InfrastructureFactory,
    Mapper,
    TrackingRecorder,
)

from domain.actor import ActorState
from domain.judging import State
from domain.keys import KeyState
from domain.ledger import LedgerState
from domain.policy import Policy
from domain.values import Event, Key
from ledger.acting import Acting, Author, Passphrases
from ledger.clock import SystemClock
from ledger.errors import KeyAccessError, NoteError, UsageError, VerificationError
from ledger.evidence import decode_event, unb64url
from ledger.facts import LedgerFacts
from ledger.folder import Folder
from ledger.keyfile import open_key
from ledger.keystore import Keystore, keeper_of
from ledger.migrations import upgrade_earlier
from ledger.privatekey import PrivateKey
from ledger.rebuild import bring_up_to_date
from ledger.recorder import CustodyRecorder, Receipt, Submission
from ledger.schema import CHECKPOINTS, COMMITS, WriterLock, check_format, engine_for
from ledger.sealing import open_sealed
from ledger.seams import CanonicalMapper, LedgerFactory
from ledger.signing import (
    Cosigner,
    Proposal,
    Unsigned,
    commit_note,
    encode_all,
    new_salts,
    now,
    seal_fields,
    sign_all,
)
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import ED25519, Note, VerifierKey
from ledger.tlog.proof import TlogProof
from ledger.tree import StoredTree

_BULK = 64


class Ledger(Application[UUID]):
    """A ledger, open for reading or for writing.

    `passphrases` is asked only when a key is needed. `writing` takes the writer's lock, waiting
    at most `wait` seconds (`LockedError`). Raises `NoLedgerError` or `NewerFormatError` for a
    folder that cannot be opened, `VerificationError` for one that lost entries it is known to
    have had.
    """

    name = "muniment"

    def __init__(
        self,
        folder: Folder,
        passphrases: Passphrases,
        *,
        writing: bool = False,
        wait: float = 10.0,
        clock: SystemClock | None = None,
    ) -> None:
        self._closed = True
        folder.check()
        folder.admit(writing=writing)
        self._closed = False
        self.folder = folder
        self.clock = clock or SystemClock()
        self.writing = writing
        self._passphrases = passphrases
        self._keystore: Keystore | None = None
        self._routine = ""
        self._continues = False  # a pin follows only a state that continues the pins before it
        self._lock = WriterLock(folder.path) if writing else None
        if self._lock is not None:
            self._lock.acquire(wait)
        try:
            self.engine = engine_for(folder.database, read_only=not writing)
            with self.engine.connect() as connection:
                if writing:
                    upgrade_earlier(connection)
                check_format(connection)
                bring_up_to_date(connection, writing=writing)
            super().__init__()
            self._begin()
        except BaseException:
            self.close()
            raise

    # -- the library's seams -----------------------------------------------------------------

    def construct_factory(self, env: Any) -> InfrastructureFactory[TrackingRecorder]:  # noqa: ANN401
        """The factory that hands out this ledger's recorder."""
        factory = LedgerFactory(env)
        factory.recorder = CustodyRecorder(self.engine, self.clock)
        return factory

    def construct_mapper(self) -> Mapper[UUID]:
        """Our own: canonical bytes, frozen topics."""
        return CanonicalMapper()

    def construct_event_store(self) -> EventStore[UUID]:
        """The library's event store over our mapper and recorder."""
        return EventStore(self.mapper, self.recorder)

    @property
    def log(self) -> CustodyRecorder:  # type: ignore[override]
        """The recorder, as what it is."""
        return cast("CustodyRecorder", self.recorder)

    # -- opening and closing -----------------------------------------------------------------

    def _begin(self) -> None:
        with self.engine.connect() as connection:
            tree, facts = StoredTree(connection), LedgerFacts(connection)
            self.origin, self.ledger_id = facts.origin, facts.ledger
            entry_zero = connection.execute(
                sa.select(COMMITS.c.data).where(COMMITS.c.entry == 0)
            ).scalar()
            self._entry_zero = bytes(entry_zero or b"")
            if self.writing and self._entry_zero:
                self._check_identity(facts)
                self.clock.forward_days = facts.policy().limits.clock_forward_days
                self.folder.check_going_on()
                self._check_pins(tree)
                self._continues = True

    def _check_identity(self, facts: LedgerFacts) -> None:
        """Refuse to extend a database that is not the ledger which this folder trusts."""
        pinned = self.folder.pinned_key()
        state = facts.load([self.ledger_id]).get(self.ledger_id)
        keys = [k.key for k in state.keys.values()] if isinstance(state, LedgerState) else []
        known = {k.id for k in keys if k.name == pinned.name and k.purpose == "checkpoint"}
        if self.folder.settings().get("origin") != self.origin or pinned.key_id.hex() not in known:
            raise VerificationError(
                "ledger.db is not the ledger that trust/ledger.vkey and muniment.toml name; "
                "nothing was recorded",
                "muniment verify",
            )

    def _check_pins(self, tree: StoredTree) -> None:
        """Refuse to extend a ledger that has lost entries it is known to have had (promise 4)."""
        for pin in self.folder.pins(self._entry_zero):
            if pin.origin != self.origin:
                continue
            if pin.size > tree.head.entries or tree.root_at(pin.size) != pin.root:
                msg = (
                    "this ledger was last seen with {pinned} entries; the one here has "
                    "{entries} and is not its continuation. Nothing was recorded"
                )
                raise VerificationError(
                    msg,
                    "fetch the missing entries from whoever holds them; muniment verify",
                    pinned=pin.size,
                    entries=tree.head.entries,
                )

    def close(self) -> None:
        """Pin the state reached, and give everything back; closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._continues:
                head = self.log.tree.head
                self.folder.pin(self._entry_zero, Checkpoint(self.origin, head.entries, head.root))
        finally:
            self._give_back()

    def _give_back(self) -> None:
        if self._keystore is not None:
            self._keystore.close()
            self._keystore = None
        if isinstance(recorder := getattr(self, "recorder", None), CustodyRecorder):
            recorder.close()
        if getattr(self, "engine", None) is not None:
            self.engine.dispose()
        if self._lock is not None:
            self._lock.release()

    @property
    def keystore(self) -> Keystore:
        """The keystore, opened when first needed."""
        if self._keystore is None:
            folder = self.folder.keystore
            self._keystore = Keystore.open(folder, self._passphrases(keeper_of(folder)))
        return self._keystore

    # -- reading -----------------------------------------------------------------------------

    def state(self, stream: str) -> State | None:
        """The fold of one stream as recorded now."""
        if self.writing:
            return self.log.state(stream)
        with self.engine.connect() as connection:
            return LedgerFacts(connection).load([stream]).get(stream)

    def policy(self) -> Policy:
        """The adopted policy pack."""
        with self.engine.connect() as connection:
            return LedgerFacts(connection).policy()

    def routine(self) -> str:
        """The standing routine engagement: one a ledger, opened by entry 0."""
        if not self._routine:
            with self.engine.connect() as connection:
                self._routine = LedgerFacts(connection).routine()
        return self._routine

    def events_of(self, stream: str) -> list[tuple[int, str, Event, bytes]]:
        """A stream's events: (position, accepted time, event, its bytes), by version."""
        with self.engine.connect() as connection:
            facts = LedgerFacts(connection)
            rows = connection.exec_driver_sql(
                "SELECT position, entry, state FROM events WHERE stream = ? ORDER BY version",
                (UUID(stream[-36:]).bytes,),
            ).all()
            events = [(p, facts.accepted_at(e), decode_event(s), bytes(s)) for p, e, s in rows]
        return [row for row in events if row[2].stream == stream]

    def unseal(self, position: int, event: Event) -> Mapping[str, str] | None:
        """The sealed fields of an event, or None if it has none or they were erased.

        Raises `KeyAccessError` without the ledger's passphrase, `VerificationError` if the
        ciphertext is not the one that the event names.
        """
        if not event.sealed or not isinstance(event.sealed.digest, str):
            return None
        with self.engine.connect() as connection:
            ciphertext = connection.exec_driver_sql(
                "SELECT ciphertext FROM sealed WHERE position = ?", (position,)
            ).scalar()
        if ciphertext is None or self.keystore.state(event.sealed.key) != "present":
            return None
        key = self.keystore.key(event.sealed.key)
        return open_sealed(self.origin, event.id, event.sealed, bytes(ciphertext), key)

    # -- acting ------------------------------------------------------------------------------

    def acting(self, actor: str) -> Acting:
        """Open an actor's act key.

        Raises `UsageError` for an unknown actor, `KeyAccessError` if the key cannot be opened.
        """
        state = self.state(actor)
        if not isinstance(state, ActorState):
            raise UsageError("there is no actor {actor}", "muniment actor list", actor=actor)
        active = state.active_key("act")
        if active is None:
            msg = "{actor} has no active key"
            raise KeyAccessError(msg, "muniment key enrol", actor=actor)
        key = self.private_key(actor, "act", active.key.id)
        return Acting(actor, key, active.key.id, state)

    def private_key(self, holder: str, purpose: str, key_id: str) -> PrivateKey:
        """Open a private key: an actor's, or the ledger's (`holder` its stream)."""
        uri = self.folder.key_uri(holder, purpose, key_id)
        asked = "ledger" if holder == self.ledger_id else holder
        return open_key(uri, self._passphrases(asked), self.folder.identity)

    def seen(self) -> tuple[int, bytes]:
        """The state that signers have checked: the present head, a continuation of every pin."""
        if self.writing:
            head = self.log.refresh()
        else:
            with self.engine.connect() as connection:
                head = StoredTree(connection).head
        return head.entries, head.root if head.entries else EMPTY_ROOT

    def has_seen(self, size: int, root: bytes) -> bool:
        """Whether this ledger, a continuation of every pin, has had this state."""
        with self.engine.connect() as connection:
            tree = StoredTree(connection)
            self._check_pins(tree)
            return 0 < size <= tree.head.entries and tree.root_at(size) == root

    def key(self, name: str, key_id: str) -> Key | None:
        """The key enrolled under a name and key id (hex), whatever became of it."""
        with self.engine.connect() as connection:
            return LedgerFacts(connection).key(name, key_id)

    def build(
        self,
        acting: Author,
        proposals: Sequence[Proposal],
        *,
        fresh_keys: bool = False,
        engagement: str | None = None,
        role: str | None = None,
        at: str | None = None,
        late_reason: str | None = None,
    ) -> tuple[list[Event], dict[int, bytes]]:
        """Events with their envelopes, and their sealed payloads, ready to be signed.

        `fresh_keys`: seal under data keys that nothing else is sealed under (for drafts).
        """
        engagement = engagement or self.routine()
        moment = at or now()
        versions = self._versions([p.stream for p in proposals])
        salts = new_salts(len(proposals))
        extra: dict[str, Any] = {"late_reason": late_reason} if late_reason else {}
        events: list[Event] = []
        ciphertexts: dict[int, bytes] = {}
        made: dict[str, tuple[str, bytes]] = {}
        for index, proposal in enumerate(proposals):
            known = versions[proposal.stream]
            version = versions[proposal.stream] = known + 1
            fields = {**proposal.fields, **extra}
            if proposal.sealed:
                own = None if proposal.key else made.get(proposal.stream)
                new = 0 if fresh_keys else known
                key = made[proposal.stream] = own or self._key_for(proposal, new)
                fields["sealed"], ciphertexts[index] = seal_fields(
                    self.origin, f"{proposal.stream}/{version}", proposal.sealed, *key
                )
            events.append(
                proposal.kind(
                    stream=proposal.stream,
                    version=version,
                    at=moment,
                    by=acting.actor,
                    role=acting.role_for(proposal.kind, role, engagement, moment),  # type: ignore[arg-type]
                    engagement=engagement,
                    salt=salts[index],
                    **fields,
                )
            )
        return events, ciphertexts

    def _key_for(self, proposal: Proposal, version: int) -> tuple[str, bytes]:
        """The data key, by id and bytes, for a proposal's texts: a new stream gets a new one."""
        if proposal.key is None and version == 0:
            return self.keystore.new_keys(1)[0]
        key_id = proposal.key or self.data_key(proposal.stream)
        return key_id, self.keystore.key(key_id)

    def _versions(self, streams: Sequence[str]) -> dict[str, int]:
        if self.writing:
            return self.log.versions(streams)
        with self.engine.connect() as connection:
            found = LedgerFacts(connection).load(dict.fromkeys(streams))
        return {s: found[s].version if s in found else 0 for s in streams}

    def data_key(self, stream: str) -> str:
        """The data key of a stream: the one its first sealed event used, or a new one."""
        for stored in self.recorder.select_events(UUID(stream[-36:])):
            event = decode_event(stored.state)
            if event.sealed and self.keystore.state(event.sealed.key) == "present":
                return event.sealed.key
        return self.keystore.new_keys(1)[0][0]

    def act(
        self,
        acting: Acting,
        proposals: Sequence[Proposal],
        *,
        possession: Sequence[PrivateKey] = (),
        **options: Any,  # noqa: ANN401  those of `build`
    ) -> Receipt:
        """Build, sign and record events as one commit by one actor.

        `possession`: keys that the events enrol, which sign too. Raises `RefusedError` naming
        the rule; then nothing was recorded.
        """
        events, ciphertexts = self.build(acting, proposals, **options)
        return self.commit(acting, events, ciphertexts, possession=possession)

    def commit(
        self,
        acting: Acting,
        events: Sequence[Event],
        ciphertexts: Mapping[int, bytes],
        *,
        possession: Sequence[PrivateKey] = (),
        tokens: Sequence[tuple[bytes, bytes]] = (),
    ) -> Receipt:
        """Sign events as one actor and record them."""
        unsigned = self.note_over(acting, events, ciphertexts, possession=possession)
        signed = sign_all(unsigned.note, [acting.key, *possession])
        return self.record(
            events, Submission(signed, unsigned.states, unsigned.ciphertexts, tokens)
        )

    def note_over(
        self,
        acting: Author,
        events: Sequence[Event],
        ciphertexts: Mapping[int, bytes],
        *,
        possession: Sequence[PrivateKey] = (),
        cosigners: Sequence[Cosigner] = (),
        until: str | None = None,
    ) -> Unsigned:
        """The commit note over events, naming the actor, the keys enrolled and the cosigners."""
        states = encode_all(events)
        roles = {event.role for event in events}
        if len(roles) != 1:
            msg = "one commit is signed in one role"
            raise UsageError(msg)
        signers = [acting.cosigner(roles.pop()), *cosigners]
        signers += [
            Cosigner(key.name, VerifierKey.of(key.name, ED25519, key.public).key_id, "possession")
            for key in possession
        ]
        return Unsigned(
            commit_note(self.origin, states, self.seen(), signers, until), states, ciphertexts
        )

    def record(self, events: Sequence[Event], submission: Submission) -> Receipt:
        """Hand a signed commit to the recorder, through the library's `save`.

        Large commits go to the same recorder directly: `save` looks at every event by itself.
        """
        if len(events) > _BULK:
            return self.log.record(submission)
        receipts: list[Receipt] = []
        self.save(*events, commit=submission, receipts=receipts)
        return receipts[0]

    # -- checkpoints -------------------------------------------------------------------------

    def last_checkpoint(self) -> bytes | None:
        """The newest signed checkpoint stored; of one state, that with the most cosignatures."""
        with self.engine.connect() as connection:
            return connection.execute(
                sa.select(CHECKPOINTS.c.note).order_by(sa.text("size DESC, id DESC")).limit(1)
            ).scalar()

    def sign_checkpoint(self) -> bytes:
        """A checkpoint over the present state, signed by the ledger's key and stored.

        The stored one is returned if there is one for this state already. A ledger never signs a
        checkpoint that is inconsistent with an earlier one: the head continues every pin.
        """
        checkpoint = Checkpoint(self.origin, *self.seen())
        size = checkpoint.size
        stored = self.last_checkpoint()
        if stored is not None and self._opened(stored) == checkpoint:
            return bytes(stored)
        key = self.private_key(self.ledger_id, "checkpoint", self.checkpoint_key())
        note = Note(checkpoint.format(), (sign_checkpoint(checkpoint, key),)).format()
        self.log.add_checkpoint(size, note)
        return note

    def checkpoint_key(self) -> str:
        """The id, in hex, of the key that signs checkpoints now."""
        return [k.key.id for k in self._checkpoint_keys() if k.active][-1]

    def _checkpoint_keys(self) -> list[KeyState]:
        ledger = self.state(self.ledger_id)
        if not isinstance(ledger, LedgerState):
            msg = "the ledger's own stream is missing"
            raise VerificationError(msg, "muniment verify")
        return [k for k in ledger.keys.values() if k.key.purpose == "checkpoint"]

    def _opened(self, note: bytes) -> Checkpoint | None:
        """What a stored note says, if one of the ledger's keys signed it."""
        keys = [
            VerifierKey.of(k.key.name, ED25519, unb64url(k.key.public))
            for k in self._checkpoint_keys()
        ]
        try:
            return open_checkpoint(bytes(note), keys).checkpoint
        except NoteError:
            return None

    def receipt(self, entry: int) -> bytes:
        """The receipt of an act: its entry's C2SP tlog-proof against the newest checkpoint.

        `entry`: 0-based index. Raises `UsageError` if no checkpoint covers it yet.
        """
        note = self.last_checkpoint()
        head = self._opened(note) if note else None
        if note is None or head is None or head.size <= entry:
            raise UsageError("no checkpoint covers this entry yet", "muniment checkpoint")
        with self.engine.connect() as connection:
            hashes = StoredTree(connection).inclusion(entry, head.size)
        return TlogProof(entry, tuple(hashes), bytes(note)).format()
