"""One workload in a program of its own, for strace: `python -m bench.child WORKLOAD TIMES`.

Prints `{"rate": per second}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Final

from bench import ours, peers

WORKLOADS: Final[Mapping[str, Callable[[int], float]]] = {
    "classify": ours.classifying,
    "register": ours.registering,
    "reopen": ours.reopening,
    "chain": lambda times: peers.chain(times, 1),
    "rows": lambda times: peers.chain(times, 1, signed=False),
    "auditchain": lambda times: peers.auditchain(times, 1),
    "eventsourcing": lambda times: peers.eventsourcing(times, 1),
}

if __name__ == "__main__":
    print(json.dumps({"rate": WORKLOADS[sys.argv[1]](int(sys.argv[2]))}))
