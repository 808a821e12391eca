"""Keys over time: who could sign what at which position (DESIGN 4.6).

Validity is judged by ledger position, never by a time that the same key signed.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from domain.values import Key

KeyCondition = Literal["active", "rotated", "revoked", "compromised"]


class KeyState(Struct):
    """One enrolled public key and what became of it.

    `since`, `until`: indices of the entries that enrolled and ended it (`until` None while
    active); the key may sign the entries between them. `suspected_since`: for a compromised key,
    the time from which somebody else may have used it.
    """

    key: Key
    since: int
    enrolled_at: str
    condition: KeyCondition = "active"
    until: int | None = None
    ended_at: str | None = None
    suspected_since: str | None = None

    @classmethod
    def enrolled(cls, key: Key, entry: int, accepted: str) -> KeyState:
        """A key as it is right after its enrolment."""
        return cls(key, entry, accepted)

    @property
    def active(self) -> bool:
        """Whether the key may sign now."""
        return self.condition == "active"

    def end(self, condition: KeyCondition, entry: int, accepted: str) -> None:
        """End the key's validity at an entry; the first end stands, a compromise overrides."""
        if self.active or condition == "compromised":
            self.condition = condition
            self.until = entry if self.until is None else self.until
            self.ended_at = accepted if self.ended_at is None else self.ended_at
