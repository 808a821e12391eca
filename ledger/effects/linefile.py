"""The lines of a handover list as a file of their own: in clear, for whoever asked for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.application import Ledger
from ledger.effects.handing_out import check_out, new_target
from ledger.errors import UsageError
from ledger.handoverlist import Line

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def write_lines(ledger: Ledger, out: Path, made: Iterable[Line], members: Sequence[str]) -> None:
    """Write lines to a new file: `.jsonl` their very bytes, `.csv` a table of their `members`.

    It is there whole, or not at all. Raises `UsageError` for a file that cannot be one, and what
    `made` raises.
    """
    if out.suffix not in (".jsonl", ".csv"):
        raise UsageError("--out names a .jsonl or a .csv file; nothing was written")
    check_out(ledger, out)
    pieces = _as_they_are(made) if out.suffix == ".jsonl" else _table(made, members)
    with new_target(out) as target:
        for piece in pieces:
            target.stream.write(piece)
        target.keep()


def _as_they_are(made: Iterable[Line]) -> Iterator[bytes]:
    return (line.format() + b"\n" for line in made)


def _table(made: Iterable[Line], members: Sequence[str]) -> Iterator[bytes]:
    """CSV with a byte order mark, without which spreadsheets take Chinese for something else."""
    yield "\ufeff".encode() + _row(members)
    for line in made:
        fields = msgspec.to_builtins(line)
        yield _row([_plain(fields.get(member)) for member in members])


def _row(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:  # noqa: ANN401  a member of any kind
    if isinstance(value, str):  # a title that would be computed is text
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={count}" for name, count in value.items())
    return value
