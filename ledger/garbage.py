"""Keeps Python's collector of cycles out of the way of work on millions of small objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_before: list[tuple[int, int, int]] = []


@contextmanager
def few_collections() -> Iterator[None]:
    """Keep the collector from going through the whole program again and again.

    What exists is set aside, and what follows is counted in batches and not in single objects.
    As before when the last block of this program has ended, whatever thread it was in.

    >>> was = gc.get_threshold()
    >>> with few_collections(), few_collections():
    ...     gc.get_threshold()[0]
    50000
    >>> gc.get_threshold() == was
    True
    """
    with _lock:
        _before.append(gc.get_threshold())
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        with _lock:
            was = _before.pop()
            if not _before:
                gc.set_threshold(*was)
                gc.unfreeze()
