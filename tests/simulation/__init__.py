"""A seeded simulation: thousands of acts by many actors, permitted and forbidden, and what is left.

    python -m tests.simulation SEED [--acts N]

    chance     one number decides everything: what is drawn, the clock and its lies
    world      the firms, their people and keys, the folder; opened, closed, lost, put back
    book       what happened, in plain dicts, read from the bytes of the events alone
    guards     which rules an act breaks, asked of the book: the product is not asked
    acts       what somebody tries: half of it is forbidden on purpose
    crash      the same in a process that is killed between two system calls
    checks     what must hold in between and at the end
    run        one run: acts, crashes, restores, checks, the story and the verdict

What is simulated and what is not: `docs/simulation.md`.
"""

from __future__ import annotations
