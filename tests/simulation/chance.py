"""One number decides everything: what is drawn at random, what the clock shows, and when it lies.

The product draws from `os.urandom` and `secrets`, and reads the time through `ledger.signing`,
`ledger.keystore` and `ledger.clock`. While a run lasts these read from here. Every act starts its
own streams, from the number of the run and its own: what an act draws does not depend on how much
was drawn before it, so a process that was killed in the middle disturbs nothing after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from random import Random
from types import FunctionType, SimpleNamespace
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import ec

START = int(datetime(2026, 11, 2, 1, 0, tzinfo=UTC).timestamp() * 1000)
REAL_RANDOMNESS = os.urandom


class Clock:
    """The clock of the simulated machine: the time that it is, and the time that it shows."""

    def __init__(self) -> None:
        self.time = START  # Unix milliseconds
        self.lie = 0  # so much later, in milliseconds, is what it shows

    @property
    def shown(self) -> int:
        """What the clock says."""
        return self.time + self.lie

    def now(self, _zone: tzinfo | None = None) -> datetime:
        """As `datetime.now`."""
        return datetime.fromtimestamp(self.shown / 1000, UTC)

    def time_ns(self) -> int:
        """As `time.time_ns`."""
        return self.shown * 1_000_000

    def monotonic(self) -> float:
        """As `time.monotonic`: this clock never lies."""
        return self.time / 1000

    def sleep(self, seconds: float) -> None:
        """Whoever waits lets time pass."""
        self.time += max(1, round(seconds * 1000))


class Chance:
    """What is drawn in a run; `draw` for the simulation itself, `bytes` for the product."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = Clock()
        self.draw = Random(f"{seed}/draw")
        self._bytes = Random(f"{seed}/bytes")

    def begin(self, act: int) -> None:
        """From here on everything drawn belongs to this act."""
        self.draw = Random(f"{self.seed}/{act}/draw")
        self._bytes = Random(f"{self.seed}/{act}/bytes")

    def anew(self, act: int) -> None:
        """What a process drew that was killed is not drawn again."""
        self._bytes = Random(f"{self.seed}/{act}/again")

    def bytes(self, count: int) -> bytes:
        """As `os.urandom`."""
        return self._bytes.randbytes(count)

    def below(self, limit: int) -> int:
        """As `secrets.randbelow`."""
        return self._bytes.randrange(limit)

    def hex(self, count: int = 32) -> str:
        """As `secrets.token_hex`."""
        return self.bytes(count).hex()


class _Deterministic(ec.ECDSA):
    """ECDSA with nonces from key and message (RFC 6979): OpenSSL draws its own otherwise."""

    def __init__(self, algorithm: Any) -> None:
        super().__init__(algorithm, deterministic_signing=True)


@contextmanager
def reigning(chance: Chance) -> Iterator[None]:
    """Let this chance and its clock be those of the product."""
    times = SimpleNamespace(
        time_ns=chance.clock.time_ns, monotonic=chance.clock.monotonic, sleep=chance.clock.sleep,
        time=lambda: chance.clock.shown / 1000,
    )  # fmt: skip
    with ExitStack() as stack:
        for name, value in (
            ("os.urandom", chance.bytes),
            ("secrets.randbelow", chance.below),
            ("secrets.token_hex", chance.hex),
            # In the product's view alone: cryptography remembers the class that it meets first.
            ("ledger.privatekey.ec", SimpleNamespace(**{**vars(ec), "ECDSA": _Deterministic})),
            ("ledger.signing.datetime", chance.clock),
            ("ledger.signing.time", times),
            ("ledger.keystore.time", times),
            ("ledger.clock.time", times),
        ):
            stack.enter_context(mock.patch(name, value))
        for function in _drawing_by_default():
            stack.enter_context(_given(function, chance))
        yield


def _drawing_by_default() -> Iterator[FunctionType]:
    """The functions that took `os.urandom` as a default when they were defined."""
    seen: set[int] = set()
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] != "ledger":
            continue
        found = list(vars(module).values())
        found += [part for one in found if isinstance(one, type) for part in vars(one).values()]
        for part in found:
            function = getattr(part, "__func__", part)
            if isinstance(function, FunctionType) and id(function) not in seen:
                seen.add(id(function))
                given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
                if REAL_RANDOMNESS in given:
                    yield function


@contextmanager
def _given(function: FunctionType, chance: Chance) -> Iterator[None]:
    """A function whose default is what is drawn here."""

    def ours(value: object) -> object:
        return chance.bytes if value is REAL_RANDOMNESS else value

    plain, named = function.__defaults__, function.__kwdefaults__
    function.__defaults__ = tuple(map(ours, plain)) if plain else plain
    function.__kwdefaults__ = {k: ours(v) for k, v in named.items()} if named else named
    try:
        yield
    finally:
        function.__defaults__, function.__kwdefaults__ = plain, named
