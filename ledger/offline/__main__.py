"""Verify one evidence bundle from the command line, with nothing but Python.

    python3 -I -S verify.pyz FILE|FOLDER --trust VKEY-FILE [--cosigner VKEYS-FILE]...
        [--tsa-root CERTIFICATE-FILE]... [--json] [--lang zh|en]

A byte order mark and CRLF do no harm in a file of keys.

Exit code: 0 if the bundle is valid, 3 if not, 2 if the call is wrong.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import List

from .check import verify_path
from .trust import MAX_FILE_BYTES, Trust, keys_in, parse_trust


def main(arguments: List[str] | None = None) -> int:
    """Run with `arguments` (the process's own if None); returns the exit code."""
    given = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show every character
            stream.reconfigure(errors="backslashreplace")
    try:
        report = verify_path(Path(given.bundle), _trust(given))
    except (OSError, ValueError) as error:
        # Only what `_trust` says has a name of ours; else it is the bundle that cannot be read.
        said = _WRONG.get(str(error)) or _WRONG["bundle"]
        sys.stderr.write(f"verify.pyz: {said[given.lang == 'zh']}\n")
        return 2
    sys.stdout.write(report.as_json() if given.json else report.as_text(given.lang))
    return report.exit_code


def _parser() -> argparse.ArgumentParser:
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
        help="the ledger's verifier key, got from elsewhere / 另行取得的账本验证公钥",
    )
    parser.add_argument(
        "--cosigner",
        metavar="VKEYS-FILE",
        action="append",
        default=[],
        help="verifier keys of witnesses you trust, one a line / 您信任的见证方验证公钥，每行一个",
    )
    parser.add_argument(
        "--tsa-root",
        metavar="CERTIFICATE-FILE",
        action="append",
        default=[],
        help="certificate of a time-stamp authority you trust / 您信任的时间戳机构的证书",
    )
    parser.add_argument("--json", action="store_true", help="JSON for programs / 供程序读取")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language / 语言")
    return parser


_WRONG = {
    "bundle": ("the bundle cannot be read", "证据包无法读取"),
    "--trust unread": (
        "the file named by --trust cannot be read",
        "--trust 指定的文件无法读取",
    ),
    "--cosigner unread": (
        "a file named by --cosigner cannot be read",
        "--cosigner 指定的文件无法读取",
    ),
    "--tsa-root unread": (
        "a file named by --tsa-root cannot be read",
        "--tsa-root 指定的文件无法读取",
    ),
    "--trust": (
        "the file named by --trust holds no verifier key of a ledger, name+8 digits+base64",
        "--trust 指定的文件中不是账本的验证公钥（名称+8 位数字+base64）",
    ),
    "--cosigner": (
        "a file named by --cosigner holds no verifier key of a cosigner, or one twice",
        "--cosigner 指定的文件中没有见证方的验证公钥，或同一公钥出现两次",
    ),
    "--tsa-root": (
        "a file named by --tsa-root holds no certificate in PEM or DER",
        "--tsa-root 指定的文件中没有 PEM 或 DER 格式的证书",
    ),
}  # fmt: skip


def _trust(given: argparse.Namespace) -> Trust:
    """What the files named hold. Raises `ValueError` with a key of `_WRONG`."""
    option = "--trust"
    try:
        ledger = _bytes(given.trust).decode("utf-8-sig")
        parse_trust(ledger)
        option = "--cosigner"
        files = [_bytes(name).decode("utf-8-sig") for name in given.cosigner]
        cosigners = [key for text in files for key in keys_in(text)]
        parse_trust(ledger, cosigners)
        option = "--tsa-root"
        return parse_trust(ledger, cosigners, [_bytes(name) for name in given.tsa_root])
    except OSError:
        raise ValueError(option + " unread") from None
    except ValueError:
        raise ValueError(option) from None


def _bytes(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


if __name__ == "__main__":
    sys.exit(main())
