"""One executor for work that falls into independent parts: here, in processes, later elsewhere.

A part is a pure function of plain values: a function that a new program can import, arguments and
a result that `pickle` takes. So a range of a ledger is examined, or a whole ledger rebuilt, by the
same function wherever it runs, and the answer cannot depend on where.

>>> from operator import neg
>>> list(in_order(serial(), neg, [1, 2, 3]))
[-1, -2, -3]

An executor is anything with `submit` and a `width`; a cluster's is meant to fit, and none was tried
yet. Processes are started anew ("spawn") and share nothing with this one. When this
one ends, however it ends, they end: each holds one end of a pipe whose other end is here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from ledger.errors import MunimentError, UsageError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_T = TypeVar("_T")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)

MOST: Final = 256
"""More processes than this are a mistake."""


class Pending(Protocol[_R_co]):
    """A part that was handed in."""

    def result(self) -> _R_co:
        """What the function returned; raises what it raised, or that nobody can tell."""


class Executor(Protocol):
    """Where parts are worked on; `width`: how many at once."""

    width: int

    def submit(self, function: Callable[..., _R], /, *arguments: object) -> Pending[_R]:
        """Hand in `function(*arguments)`."""


def in_order(executor: Executor, function: Callable[[_T], _R], tasks: Iterable[_T]) -> Iterator[_R]:
    """The results of `function` over tasks, in the order of the tasks.

    At most twice the executor's width are handed in and not yet taken, so that memory stays flat
    however many there are. Raises what the function raises.
    """
    waiting: deque[Pending[_R]] = deque()
    for task in tasks:
        waiting.append(executor.submit(function, task))
        if len(waiting) >= 2 * executor.width:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class _Later(Pending[_R_co]):
    """A part that is worked on when its result is asked for."""

    def __init__(self, work: Callable[[], _R_co]) -> None:
        self._work = work

    def result(self) -> _R_co:
        return self._work()


class _Serial:
    width = 1

    def submit(self, function: Callable[..., _R], /, *arguments: object) -> Pending[_R]:
        return _Later(partial(function, *arguments))


def serial() -> Executor:
    """Everything here, one after the other, each part when its result is asked for."""
    return _Serial()


class _Guarded(Pending[_R_co]):
    """A part in a process, which may end before it has an answer."""

    def __init__(self, future: Pending[_R_co]) -> None:
        self._future = future

    def result(self) -> _R_co:
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise _ended() from error


class _Processes:
    def __init__(self, pool: ProcessPoolExecutor, width: int) -> None:
        self._pool = pool
        self.width = width

    def submit(self, function: Callable[..., _R], /, *arguments: object) -> Pending[_R]:
        try:
            return _Guarded(self._pool.submit(function, *arguments))
        except BrokenProcessPool as error:
            raise _ended() from error


def _ended() -> MunimentError:
    return MunimentError(
        "a process that did a part of the work ended without an answer; nothing was changed",
        "run it again with --jobs 1",
    )


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """So many processes, for as long as the block lasts.

    They are gone when it ends: at once if it ends by an exception (Ctrl-C too), else when their
    work is done. A process that is killed is a `MunimentError`, not a wait.
    """
    context = multiprocessing.get_context("spawn")
    held, leash = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _begin, (held,))
    try:
        with _deaf(), _without_main():
            for _ in range(count):  # a process begins with a part that nobody is free for
                pool.submit(os.getpid)
        yield _Processes(pool, count)
    except BaseException:
        leash.close()  # every process ends now, whatever it is doing
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        leash.close()
        held.close()


@contextmanager
def _deaf() -> Iterator[None]:
    """Programs started meanwhile never hear Ctrl-C, from their first moment: it is for this one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Programs started meanwhile do not run this one's main module again.

    Parts are imported by name, and to import all that a command line or a bench needs would cost
    each process more than most parts do.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def jobs(count: int) -> Iterator[Executor]:
    """`serial()` for one, else so many processes. Raises `UsageError` for a count that is none."""
    if not 1 <= count <= MOST:
        raise UsageError("the number of jobs is from 1 to {most}", most=MOST)
    if count == 1:
        yield serial()
        return
    with processes(count) as executor:
        yield executor


def cores() -> int:
    """How many processes this one may use at once."""
    with suppress(AttributeError):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(held: Connection) -> None:
    """In a new process: end when the one that started it does, or lets go."""

    def watch() -> None:
        with suppress(EOFError, OSError):
            held.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
