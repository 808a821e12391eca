"""Verify one evidence bundle from the command line, with nothing but Python.

    python3 -I -S verify.pyz FILE|FOLDER --trust VKEY-FILE [--json] [--lang zh|en]

Exit code: 0 if the bundle is valid, 3 if not, 2 if the call is wrong.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import List

from .check import verify_path
from .notes import MAX_KEY_CHARACTERS


def main(arguments: List[str] | None = None) -> int:
    """Run with `arguments` (the process's own if None); returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="verify.pyz",
        description="Verify an evidence bundle, offline. 离线核验证据包。",
        epilog="Exit code: 0 valid, 3 not valid, 2 wrong call. 退出码:0 有效,3 非有效,2 用法错。",
    )
    parser.add_argument("bundle", metavar="FILE|FOLDER", help="the bundle / 证据包")
    parser.add_argument(
        "--trust",
        metavar="VKEY-FILE",
        required=True,
        help="the ledger's public key, got from elsewhere / 另行取得的账本公钥",
    )
    parser.add_argument("--json", action="store_true", help="JSON for programs / 供程序读取")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language / 语言")
    given = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show every character
            stream.reconfigure(errors="backslashreplace")
    try:
        report = verify_path(Path(given.bundle), _key(Path(given.trust)))
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        sys.stderr.write(f"verify.pyz: {cause}\n")
        return 2
    sys.stdout.write(report.as_json() if given.json else report.as_text(given.lang))
    return report.exit_code


def _key(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_KEY_CHARACTERS + 2).decode("utf-8")


if __name__ == "__main__":
    sys.exit(main())
