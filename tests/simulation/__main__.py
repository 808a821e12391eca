"""One run, told: `python -m tests.simulation SEED [--acts N] [--home FOLDER] [--story]`.

Prints what was tried act by act with `--story`, then the counts and the verdict. A broken promise
ends it with status 1, the number of the act and the last acts before it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.simulation import crash
from tests.simulation.checks import BrokenPromiseError
from tests.simulation.run import USUAL, Run


def main() -> int:
    """Run one seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seed", type=int)
    parser.add_argument("--acts", type=int, default=1_000)
    parser.add_argument("--home", type=Path, help="a new folder that is kept")
    parser.add_argument("--story", action="store_true", help="tell every act")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="simulation-"))
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    rates = USUAL
    if not crash.possible():
        print("processes may not be traced here: nothing is killed, and this is another run")
        rates = USUAL._replace(crashed=0.0)
    run = Run(asked.seed, home.resolve(), print if asked.story else None, rates=rates)
    try:
        ended = run.go(asked.acts)
    except BrokenPromiseError as error:
        if not isinstance(error.__cause__, BrokenPromiseError):
            traceback.print_exception(error.__cause__)
        print(error)
        print(f"what was left lies in {home}")
        return 1
    seconds = time.monotonic() - began
    for name, count in sorted(ended.counts.items()):
        print(f"{count:7} {name}")
    print(f"seed {ended.seed}: {ended.acts} acts in {seconds:.1f} s, {ended.verdict}")
    print(f"digest {ended.digest}")
    if asked.home is None:
        shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
