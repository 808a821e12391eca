"""The same act in a process that is killed between two system calls.

The process is forked from the simulation and traced (`ptrace`, so Linux only). Only the calls that
change what lies on a disk are counted: between two of them nothing on the disk changes, so that to
be killed before the n-th of them, for every n, is to be killed between any two system calls at all.
A filter (`seccomp`) stops the process at these alone; at every call it would take thrice as long.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

_TRACEME, _CONT, _SETOPTIONS, _INFO = 0, 7, 0x4200, 0x420E
_OPTIONS = 0x02 | 0x04 | 0x08 | 0x80 | 0x100000  # forks, vforks, clones, seccomp, kill at exit
_FILTERED = 3  # what `ptrace_syscall_info.op` is where a filter stopped a call
_STOPPED = signal.SIGTRAP | 7 << 8  # PTRACE_EVENT_SECCOMP
_ALL = 0x40000000  # __WALL: threads, too
_CREATES = os.O_CREAT | os.O_TRUNC
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_TRACE, _ALLOW = 0x7FF00000, 0x7FFF0000  # SECCOMP_RET_…
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
    """`struct ptrace_syscall_info` (linux/ptrace.h), as it is where a filter stopped a call."""

    _fields_ = (
        ("op", ctypes.c_uint8), ("pad", ctypes.c_uint8 * 3), ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64), ("sp", ctypes.c_uint64), ("nr", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6), ("more", ctypes.c_uint64 * 4),
    )  # fmt: skip


class _Program(ctypes.Structure):
    """`struct sock_fprog` (linux/filter.h)."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter() -> bytes:
    """Instructions of BPF (linux/bpf_common.h): the changing calls are traced, others go on."""
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06  # LD|W|ABS, JMP|JEQ, JMP|JSET, RET|K
    calls = _CHANGING[platform.machine()]
    opening = [number for number, name in calls.items() if name == "openat"]
    plain = [number for number in calls if number not in opening]
    lines = [(load, 0, 0, 0)]  # seccomp_data.nr
    lines += [(equal, len(plain) - place + 2, 0, nr) for place, nr in enumerate(plain)]
    lines += [(equal, 0, 3, opening[0]), (load, 0, 0, 32), (any_bit, 0, 1, _CREATES)]  # args[2]
    lines += [(give, 0, 0, _TRACE), (give, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


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
_LIBC.prctl.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 4]


def _ptrace(request: int, pid: int, address: int = 0, data: object = None) -> None:
    if _LIBC.ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _stop_at_changes() -> None:
    """From here on this process is stopped before each call that changes a disk."""
    code = _filter()
    program = _Program(len(code) // 8, code)
    for option, *given in (
        (_NO_NEW_PRIVILEGES, 1, None, None, None),
        (_SET_SECCOMP, _FILTER, ctypes.addressof(program), None, None),
    ):
        if _LIBC.prctl(option, *given) < 0:
            raise OSError(ctypes.get_errno(), "prctl")


def possible() -> bool:
    """Whether processes can be traced here."""
    if platform.machine() not in _CHANGING:
        return False
    try:
        return struck(lambda say: say("alive"), 10_000).said == ("alive",)
    except (OSError, AssertionError):
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
        _stop_at_changes()

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
    os.waitpid(child, 0)
    _ptrace(_SETOPTIONS, child, 0, _OPTIONS)
    _ptrace(_CONT, child)
    while True:
        stopped, status = os.waitpid(-1, _ALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if stopped == child:
                return "", calls
            continue
        if status >> 8 == _STOPPED:
            _ptrace(_INFO, stopped, ctypes.sizeof(info), ctypes.addressof(info))
            assert info.op == _FILTERED
            calls += 1
            if calls == at:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return names[info.nr], calls
        passed = os.WSTOPSIG(status)
        passed = 0 if passed in (signal.SIGTRAP, signal.SIGSTOP) else passed
        _ptrace(_CONT, stopped, 0, passed)
