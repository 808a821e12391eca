"""One workload in a program of its own, and the most memory it held: `python -m bench.alone`.

    python -m bench.alone FILE grow FOLDER EVENTS     a ledger grown to so many events
    python -m bench.alone FILE store FOLDER SOURCE    files collected into a vault
    python -m bench.alone FILE count TABLE            a table classified
    python -m bench.alone FILE handover STEP FOLDER   one step of a handover
    python -m bench.alone FILE muniment ARGUMENT…     a call of the command line

Writes `{"peak": bytes, "result": …}` to FILE. The kernel's own mark for this program's memory is
read (`VmHWM`): what `getrusage` says of a new program begins with the memory of the one that
started it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from bench.measuring import HERE, folder

_STATUS: Final = Path("/proc/self/status")


def can_tell() -> bool:
    """Whether this system keeps the mark."""
    return _STATUS.exists()


def alone(*arguments: str | Path) -> tuple[Any, float]:
    """Run a workload; returns its result, and the most memory it held in MB (10^6 bytes)."""
    with folder("alone") as path:
        file = path / "told"
        command = [sys.executable, "-m", "bench.alone", file, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=HERE.parent)
        told = json.loads(file.read_text())
    return told["result"], told["peak"] / 1e6


def _peak() -> int:
    """The most memory that this program held, in bytes; 0 where nobody knows."""
    if not can_tell():
        return 0
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _peak_of_processes() -> int:
    """The most that any process held which this program started, or this one before it did."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _run(workload: str, arguments: list[str]) -> Any:  # noqa: ANN401  whatever JSON can say
    if workload == "grow":
        from bench.growth import grow

        return grow(Path(arguments[0]), int(arguments[1]))._asdict()
    if workload == "store":
        from bench.vault import store

        return store(Path(arguments[0]), Path(arguments[1]))
    if workload == "count":
        from bench.classification import counted

        return counted(Path(arguments[0]))
    if workload == "handover":
        from bench.handover import step

        return step(arguments[0], Path(arguments[1]))
    from ledger.cli import main

    sys.argv = ["muniment", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    return None


def main() -> None:
    """Run what the command line names."""
    file, workload, *arguments = sys.argv[1:]
    result = _run(workload, arguments)
    peak = max(_peak(), _peak_of_processes())
    Path(file).write_text(json.dumps({"peak": peak, "result": result}, default=os.fspath))


if __name__ == "__main__":
    main()
