"""A coverage-guided fuzzer over one parser: `python -m tests.fuzz NAME [--seconds N]`.

What it finds is written to `build/fuzz/` and makes it end with an error. Needs atheris.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ledger.offline"]):
    from tests.fuzz.parsers import PARSERS, dictionary, refuses

OUT = Path(__file__).parents[2] / "build" / "fuzz"


def main() -> None:
    """Fuzz the parser named on the command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("name", choices=PARSERS)
    asked.add_argument("--seconds", type=int, default=60)
    given = asked.parse_args()
    parser = PARSERS[given.name]
    home = OUT / given.name
    for folder in (home / "seeds", home / "found"):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds()):
        (home / "seeds" / str(number)).write_bytes(seed)
    words = home / "words"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in dictionary() if len(word) < 60)
    words.write_text("".join(f'"{word}"\n' for word in quoted))

    def one(data: bytes) -> None:
        refuses(parser, data)

    options = [
        f"-max_total_time={given.seconds}", "-max_len=65536", "-timeout=20",
        f"-artifact_prefix={home / 'found'}/", f"-dict={words}", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(home / "new"), str(home / "seeds")], one)
    (home / "new").mkdir(exist_ok=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
