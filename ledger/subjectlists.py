r"""Lists of people by subject id, as CSV: what was delivered to whom, who agreed to what.

UTF-8 (a byte order mark may stand before it), comma, one header line that names each column once,
one line a person and statement, no empty lines. Values are codes, ids, days and times: nothing is
quoted and nothing spans lines. A day stands for its beginning, a time without an offset for local
time, both as the policy's calendar counts (`calendar.utc_offset_minutes`); what is delivered on the
day of its issue, or agreed to on that of its delivery, comes after it.

    notice deliver    subject, status, delivered_at [, channel]
    consent record    subject, kind, given_at [, channel] [, until]

At most 16 MiB and 200,000 lines, in a regular file or on standard input (`-`): a pipe is not waited
for by its name. A fault names the line (the header is line 1) and the column and
never the value: a list in which somebody's number stands in place of an id must not end in a log.

>>> subject = "subject-019390a1-7e30-7c3a-8d5e-00000000dada"
>>> text = f"subject,status,delivered_at\n{subject},bounced,2026-11-20\n"
>>> (row,) = parse(text.encode(), ("subject", "status", "delivered_at"), ("channel",))
>>> row.line, row.values["status"], row.values.get("channel")
(2, 'bounced', None)
>>> at(row, "delivered_at", 480)
'2026-11-19T16:00:00.000Z'
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, NamedTuple

from domain.values import timestamp
from ledger.errors import UsageError
from ledger.folder import read_limited

MAX_BYTES: Final = 16 << 20
MAX_LINES: Final = 200_000
MAX_VALUE: Final = 64
_SUBJECT = re.compile(
    r"subject-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_DAY_LENGTH: Final = 10


class Line(NamedTuple):
    """One statement: the number of its line, and its values by column; empty ones are left out."""

    line: int
    values: dict[str, str]


def read(path: Path) -> bytes:
    """The bytes of a list: of a regular file, or of standard input for `-`.

    Raises `UsageError`, at once for a pipe that is named; no message holds the file's name.
    """
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            data = read_limited(path, MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            "the list cannot be read ({cause}); nothing was recorded",
            "name a regular file, or give the list on standard input: --from -",
            cause=getattr(error, "strerror", None) or "not a file",
        ) from None
    if len(data) > MAX_BYTES:
        raise UsageError(
            "the list is over {most} bytes; nothing was recorded",
            "cut it into several",
            most=MAX_BYTES,
        )
    return data


def parse(data: bytes, needed: Sequence[str], optional: Sequence[str]) -> list[Line]:
    """The lines of a list, each with a subject id in the form of one.

    Raises `UsageError` naming line and column of the first fault, never a value.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            "line {line} of the list is not UTF-8; nothing was recorded", line=line
        ) from None
    if (at := text.find("\0")) >= 0:
        raise UsageError(
            "line {line} of the list has a NUL byte, which no text has; nothing was recorded",
            line=_number(text, at),
        )
    if (at := text.find('"')) >= 0:
        raise UsageError(
            "line {line} of the list has a quotation mark; codes, ids and times need none. Nothing "
            "was recorded",
            line=_number(text, at),
        )
    lines = csv.reader(io.StringIO(text.replace("\r\n", "\n"), newline=""), strict=True)
    header = next(lines, [])
    if (
        set(header) - {*needed, *optional}
        or set(needed) - set(header)
        or len(set(header)) != len(header)
    ):
        raise UsageError(
            "the first line of the list names its columns: {needed}; optional: {optional}. "
            "Nothing was recorded",
            needed=", ".join(needed),
            optional=", ".join(optional) or "-",
        )
    return [_line(number, header, cells, needed) for number, cells in enumerate(lines, 2)]


def _number(text: str, at: int) -> int:
    """The number of the line in which a character stands."""
    return text.count("\n", 0, at) + 1


def _line(number: int, header: Sequence[str], cells: Sequence[str], needed: Sequence[str]) -> Line:
    if number > MAX_LINES + 1:
        raise UsageError(
            "the list has more than {most} lines; nothing was recorded",
            "cut it into several",
            most=MAX_LINES,
        )
    if len(cells) != len(header):
        raise UsageError(
            "line {line} of the list has not as many values as there are columns; nothing was "
            "recorded",
            line=number,
        )
    values = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    for name in needed:
        if name not in values:
            raise UsageError(
                "line {line} of the list has nothing in column {column}; nothing was recorded",
                line=number,
                column=name,
            )
    for name, value in values.items():
        if len(value) > MAX_VALUE:
            raise UsageError(
                "line {line} of the list is too long in column {column}; nothing was recorded",
                line=number,
                column=name,
            )
    if not _SUBJECT.fullmatch(values["subject"]):
        raise UsageError(
            "line {line} of the list has no subject id in column subject; what stands there is not "
            "repeated. Nothing was recorded",
            "muniment subject find --identifier-file FILE",
            line=number,
        )
    return Line(number, values)


def one_of(line: Line, column: str, codes: Sequence[str], otherwise: str | None = None) -> str:
    """The code in a column, or the one for lists without it. Raises `UsageError`."""
    value = line.values.get(column, otherwise)
    if value is None or value not in codes:
        raise UsageError(
            "line {line} of the list has none of the codes in column {column}: {codes}; nothing "
            "was recorded",
            line=line.line,
            column=column,
            codes=", ".join(codes),
        )
    return value


def at(line: Line, column: str, offset_minutes: int) -> str:
    """The time in a column as events write it. Raises `UsageError`."""
    value = line.values[column]
    try:
        if not _TIME.fullmatch(value):
            raise ValueError  # noqa: TRY301  caught here
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
        return timestamp(instant)
    except (ValueError, OverflowError):
        raise UsageError(
            "line {line} of the list has no day or time in column {column}; nothing was recorded",
            "2026-11-20 or 2026-11-20T09:30:00+08:00",
            line=line.line,
            column=column,
        ) from None


def twice(lines: Sequence[Line], what: Sequence[tuple[str, ...]]) -> None:
    """Raise `UsageError` if two lines say the same; `what`: what each says, in their order."""
    first: dict[tuple[str, ...], int] = {}
    for line, said in zip(lines, what, strict=True):
        if said in first:
            raise UsageError(
                "line {line} of the list says what line {before} says; nothing was recorded",
                line=line.line,
                before=first[said],
            )
        first[said] = line.line


def is_whole_day(line: Line, column: str) -> bool:
    """Whether only the day is given."""
    return len(line.values[column]) == _DAY_LENGTH


def day(line: Line, column: str) -> str | None:
    """The day in a column, None if there is none. Raises `UsageError`."""
    value = line.values.get(column)
    if value is None:
        return None
    try:
        if len(value) != _DAY_LENGTH or not _TIME.fullmatch(value):
            raise ValueError  # noqa: TRY301  caught here
        datetime.fromisoformat(value)
    except ValueError:
        raise UsageError(
            "line {line} of the list has no day in column {column}; nothing was recorded",
            "2026-11-20",
            line=line.line,
            column=column,
        ) from None
    return value


def refuse_strangers(lines: Sequence[Line], strangers: frozenset[str]) -> None:
    """Raise `UsageError` naming the first lines whose people nobody has declared."""
    found = [line.line for line in lines if line.values["subject"] in strangers]
    if found:
        raise UsageError(
            "people whom nobody has declared stand in the list {count} times, first in line "
            "{line}; nothing was recorded",
            "muniment subject declare",
            count=len(found),
            line=found[0],
        )
