"""The same act in a process that is killed between two system calls.

The process is forked from the simulation and traced (`ptrace`, so Linux only). Only the calls that
change what lies on a disk are counted: between two of them nothing on the disk changes, so that to
be killed before the n-th of them, for every n, is to be killed between any two system calls at all.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from collections.abc import Callable
from typing import Final, NamedTuple

_TRACEME, _CONT, _SYSCALL, _SETOPTIONS, _INFO = 0, 7, 24, 0x4200, 0x420E
_GOOD, _EXITKILL = 1, 0x100000
_ENTRY = 1
_CREATES = os.O_CREAT | os.O_TRUNC
_CHANGING: Final[dict[str, dict[int, str]]] = {
    "x86_64": {
        1: "write", 18: "pwrite64", 20: "writev", 74: "fsync", 75: "fdatasync", 76: "truncate",
        77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 86: "link", 87: "unlink",
        257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat",
        285: "fallocate", 316: "renameat2", 326: "copy_file_range", 40: "sendfile",
    },
    "aarch64": {
        64: "write", 68: "pwrite64", 66: "writev", 82: "fsync", 83: "fdatasync", 45: "truncate",
        46: "ftruncate", 34: "mkdirat", 35: "unlinkat", 37: "linkat", 38: "renameat",
        56: "openat", 47: "fallocate", 276: "renameat2", 285: "copy_file_range", 71: "sendfile",
    },
}  # fmt: skip


class _Entered(ctypes.Structure):
    """`struct ptrace_syscall_info` (linux/ptrace.h), as it is at the entry of a call."""

    _fields_ = (
        ("op", ctypes.c_uint8), ("pad", ctypes.c_uint8 * 3), ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64), ("sp", ctypes.c_uint64), ("nr", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6), ("more", ctypes.c_uint64 * 4),
    )  # fmt: skip


class Struck(NamedTuple):
    """What became of the process: at which call it was killed ("" for one that came to its end).

    `calls`: how many changing calls it had made; `said`: what it told before, line by line.
    """

    call: str
    calls: int
    said: tuple[str, ...]


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long


def _ptrace(request: int, pid: int, address: int = 0, data: object = None) -> None:
    if _LIBC.ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def possible() -> bool:
    """Whether processes can be traced here."""
    if platform.machine() not in _CHANGING:
        return False
    try:
        return struck(lambda say: say("alive"), 10_000).said == ("alive",)
    except OSError:
        return False


def struck(act: Callable[[Callable[[str], None]], None], at: int) -> Struck:
    """Do something in a process that is killed before its `at`-th call (1-based) on a disk.

    `act` is given a function with which it says what happened; what was said was said, whatever
    comes after.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _live(act, reading, writing)
    os.close(writing)
    call, calls = _follow(child, at)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        said = tuple(pipe.read().splitlines())
    failed = [line for line in said if line.startswith("failed ")]
    assert not failed, failed
    return Struck(call, calls, said)


def _live(act: Callable[[Callable[[str], None]], None], reading: int, writing: int) -> None:
    """What the forked process does, and nothing after it."""
    try:
        os.close(reading)
        _ptrace(_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)

        def say(line: str) -> None:
            os.write(writing, f"{line}\n".encode())

        act(say)
    except BaseException as error:  # noqa: BLE001  it is told to whoever forked
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        os.write(writing, f"failed {error!r} at {where.name}:{where.lineno}\n".encode())
    finally:
        os._exit(0)


def _follow(child: int, at: int) -> tuple[str, int]:
    """Let it run from call to call, up to the one."""
    names, info, calls = _CHANGING[platform.machine()], _Entered(), 0
    _, status = os.waitpid(child, 0)
    _ptrace(_SETOPTIONS, child, 0, _GOOD | _EXITKILL)
    passed = 0
    while True:
        _ptrace(_SYSCALL, child, 0, passed)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return "", calls
        passed = 0
        if os.WSTOPSIG(status) != (signal.SIGTRAP | 0x80):
            passed = os.WSTOPSIG(status)
            continue
        _ptrace(_INFO, child, ctypes.sizeof(info), ctypes.addressof(info))
        name = names.get(info.nr) if info.op == _ENTRY else None
        if name is None or (name == "openat" and not info.args[2] & _CREATES):
            continue
        calls += 1
        if calls == at:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return name, calls
