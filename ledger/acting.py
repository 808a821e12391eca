"""Who acts, with which opened key, and where passphrases come from."""

from __future__ import annotations

from typing import Protocol

from domain.actor import ActorState
from domain.values import Event
from ledger.privatekey import PrivateKey
from ledger.signing import Cosigner


class Passphrases(Protocol):
    """Gives the passphrase of a holder's keys: an actor id, or `ledger`."""

    def __call__(self, holder: str) -> bytes:
        """The passphrase; raises `KeyAccessError` if there is none."""


class Author:
    """In whose name a draft is made: an actor, the key that is to sign it, the roles held now."""

    def __init__(self, actor: str, key_name: str, key_id: str, state: ActorState) -> None:
        self.actor = actor
        self.key_name = key_name
        self.key_id = bytes.fromhex(key_id)
        self.state = state

    def role_for(self, kind: type[Event], asked: str | None, engagement: str, at: str) -> str:
        """The role in which this actor records an event of `kind`.

        Falls back on a role that the rules will refuse by name, if no held role permits it.
        """
        if asked is not None:
            return asked
        held = [g.role for g in self.state.roles if self.state.holds(g.role, engagement, at)]
        fitting = [role for role in held if not kind.ROLES or role in kind.ROLES]
        return (fitting or held or ["system"])[0]

    def cosigner(self, capacity: str) -> Cosigner:
        """The signer line of this actor."""
        return Cosigner(self.key_name, self.key_id, capacity)


class Acting(Author):
    """Somebody who acts: an actor with an opened key, and the roles held now."""

    def __init__(self, actor: str, key: PrivateKey, key_id: str, state: ActorState) -> None:
        super().__init__(actor, key.name, key_id, state)
        self.key = key
