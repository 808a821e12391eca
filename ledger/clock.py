"""The ledger's time, from this machine's clock, with its doubts spoken."""

from __future__ import annotations

import time
from collections.abc import Callable

from domain.values import later
from ledger.errors import MunimentError
from ledger.signing import now
from ledger.tree import START

_WAIT_FOR_CLOCK = 5.0


class SystemClock:
    """The ledger's time: never before the previous entry's (DESIGN 4.3).

    Waits up to five seconds for a clock that is slightly behind; refuses one that is further
    behind, and one that has jumped ahead more than the policy allows unless `confirmed`.
    """

    def __init__(self, forward_days: int = 31, *, confirmed: bool = False) -> None:
        self.forward_days = forward_days
        self.confirmed = confirmed
        self.now: Callable[[], str] = now

    def __call__(self, previous: str) -> str:
        """The accepted time of the next entry."""
        deadline = time.monotonic() + _WAIT_FOR_CLOCK
        while (current := self.now()) < previous:
            far = later(current, seconds=int(_WAIT_FOR_CLOCK) + 1) < previous
            if far or time.monotonic() > deadline:
                msg = (
                    "this machine's clock says {current}, the ledger's last entry was accepted "
                    "at {previous}; nothing was recorded"
                )
                raise MunimentError(
                    msg,
                    "set the clock right and try again",
                    current=current,
                    previous=previous,
                )
            time.sleep(0.01)
        jumped = previous != START.accepted and current > later(previous, days=self.forward_days)
        if jumped and not self.confirmed:
            msg = (
                "this machine's clock says {current}, more than {days} days after "
                "the ledger's last entry ({previous}); nothing was recorded"
            )
            raise MunimentError(
                msg,
                "if the clock is right, say so: --confirm-clock",
                current=current,
                days=self.forward_days,
                previous=previous,
            )
        return current
