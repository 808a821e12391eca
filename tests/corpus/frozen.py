"""Chance and time that are the same every time, for as long as a corpus is made.

Ids, salts, keys, seals and times of a ledger come from here: SHA-256 in counter mode over a seed,
and a clock that ticks once a second from a given moment. Nothing else may run meanwhile.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import keystore, privatekey, signing


class Stream:
    """Bytes from a seed."""

    def __init__(self, seed: str) -> None:
        self._seed, self._block = seed.encode(), 0

    def __call__(self, count: int) -> bytes:
        """So many bytes more."""
        made = b""
        while len(made) < count:
            made += sha256(self._seed + self._block.to_bytes(8)).digest()
            self._block += 1
        return made[:count]


class Clock:
    """The time of a ledger: a second later whenever it is asked."""

    def __init__(self, start: datetime) -> None:
        self.instant = start

    def __call__(self) -> datetime:
        self.instant += timedelta(seconds=1)
        return self.instant

    def posix(self) -> float:
        """The same, without going on, in POSIX seconds."""
        return self.instant.timestamp()


class _Curves:
    """`cryptography`'s elliptic curves, but that ECDSA draws no nonce (RFC 6979)."""

    def __getattr__(self, name: str) -> Any:
        return getattr(ec, name)

    @staticmethod
    def ECDSA(algorithm: Any) -> ec.ECDSA:  # noqa: N802  as it is called there
        return ec.ECDSA(algorithm, deterministic_signing=True)


@contextmanager
def frozen(seed: str, start: datetime) -> Iterator[Clock]:
    """Chance by `seed`, time from `start` (aware) on; yields the clock."""
    stream, clock = Stream(seed), Clock(start)

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return clock().astimezone(tz or UTC)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", stream)
        patch.setattr(random, "_urandom", stream)
        patch.setattr(signing, "datetime", Frozen)
        patch.setattr(time, "time_ns", lambda: int(clock.posix()) * 1_000_000_000)
        patch.setattr(time, "time", clock.posix)
        patch.setattr(privatekey, "ec", _Curves())
        patch.setattr(privatekey.generate, "__defaults__", (stream,))
        for name in ("create", "open"):
            function = vars(keystore.Keystore)[name].__func__
            patch.setattr(function, "__kwdefaults__", {**function.__kwdefaults__,
                          "randomness": stream})  # fmt: skip
        yield clock
