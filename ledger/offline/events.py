r"""Canonical event bytes (`muniment-event-v1`) and canonical JSON files, read.

An event is a JSON object of at most 16 KiB and 8 levels: strings and keys in printable ASCII,
integers within 2**53 - 1, booleans, lists, objects with sorted keys; no floats, no null, no white
space. Bytes are accepted only if encoding what they hold gives them back, and every value lies in
the profile. JSON files of a bundle have the same profile, and one newline at the end; one of them
holds texts, whose characters beyond printable ASCII are written `\uXXXX`, in lower case.

>>> parse_object(b'{"stream":"record-1","v":1}')
{'stream': 'record-1', 'v': 1}
>>> parse_object(b'{"v":1,"v":2}')
Traceback (most recent call last):
ValueError: the bytes are not the canonical form of their content
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, NamedTuple

Json = Any
"""Any JSON value."""

MAX_EVENT_BYTES = 16_384
MAX_FILE_BYTES = 16 << 20
MAX_NESTED = 1 << 20
"""So many brackets and braces may open in a file: decoded, each costs far more than its byte."""
MAX_DEPTH = 8
MAX_INTEGER = 2**53 - 1
_MAX_DIGITS = len(str(-MAX_INTEGER))

_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = (
    "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
)
_FORMS = {
    "type": re.compile(r"[a-z_]{1,32}\.[a-z_]{1,48}"),
    "stream": re.compile("[a-z_]{3,24}-" + _UUID7),
    "at": re.compile(TIME),
    "by": re.compile("actor-" + _UUID7),
    "role": re.compile("[a-z_]{1,32}"),
}
_CONTROL = re.compile(rb"[^ -~]")


class Event(NamedTuple):
    """An event whose envelope has its form; `fields`: everything that it says."""

    type: str
    stream: str
    version: int
    at: str
    by: str
    role: str
    fields: Dict[str, Any]

    @property
    def id(self) -> str:
        """`<stream>/<version>`."""
        return f"{self.stream}/{self.version}"


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("an integer is too large")
    return int(digits)


def _refuse(_: str) -> None:
    raise ValueError("a number is no integer")


_decode = json.JSONDecoder(
    parse_int=_integer, parse_float=_refuse, parse_constant=_refuse
).decode  # fmt: skip
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def parse_canonical(raw: bytes, *, texts: bool = False) -> Json:
    """The value that canonical JSON bytes hold; `ValueError` outside the profile.

    `texts`: whether values may be any text that has a UTF-8 form.
    """
    if _CONTROL.search(raw):
        raise ValueError("a byte is not printable ASCII")
    text = raw.decode("ascii")
    try:
        value = _decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _walk(value, MAX_DEPTH, texts=texts)
    if _encode(value) != text:
        raise ValueError("the bytes are not the canonical form of their content")
    return value


def _walk(value: Json, room: int, *, texts: bool) -> None:
    kind = type(value)
    if kind is str:
        if texts:
            value.encode("utf-8")  # half a surrogate pair has no such form
        elif not (value.isascii() and value.isprintable()):
            raise ValueError("a string holds more than printable ASCII")
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ValueError("an integer is too large")
    elif kind is dict or kind is list:
        if not room:
            raise ValueError("nested too deeply")
        if kind is dict:
            for key in value:
                _walk(key, 0, texts=False)
            value = value.values()
        for item in value:
            _walk(item, room - 1, texts=texts)
    elif kind is not bool:
        raise ValueError("null stands where the field should be left out")


def parse_object(raw: bytes) -> Dict[str, Any]:
    """The object that an event's bytes hold; `ValueError` outside the profile."""
    if len(raw) > MAX_EVENT_BYTES:
        raise ValueError("an event has at most 16,384 bytes")
    value = parse_canonical(raw)
    if type(value) is not dict:
        raise ValueError("an event is a JSON object")
    return value


def parse_event(raw: Dict[str, Any]) -> Event:
    """The event that an object is; `ValueError` if its envelope has another form.

    What its type adds is the rules' business and not looked into here.
    """
    for name, form in _FORMS.items():
        value = raw.get(name)
        if type(value) is not str or form.fullmatch(value) is None:
            raise ValueError("a field of the envelope does not have its form")
    version = raw.get("version")
    if type(version) is not int or version < 1:
        raise ValueError("a version is not counted from 1")
    return Event(
        raw["type"], raw["stream"], version, raw["at"], raw["by"], raw["role"], raw
    )  # fmt: skip


def parse_file(data: bytes, *, texts: bool = False) -> Json:
    """The value of a canonical JSON file: one line; `ValueError` for other bytes."""
    if data[-1:] != b"\n" or len(data) > MAX_FILE_BYTES or is_crowded(data):
        raise ValueError("the file does not end with a newline, or is too long")
    return parse_canonical(data[:-1], texts=texts)


def is_crowded(data: bytes) -> bool:
    """Whether more lists and objects may open in a file than are decoded, its texts aside."""
    return data.count(b"[") + data.count(b"{") > MAX_NESTED


def format_file(value: Json) -> bytes:
    """The canonical JSON file of a value; exact inverse of `parse_file`."""
    return (_encode(value) + "\n").encode("ascii")


def split_lines(data: bytes) -> List[bytes]:
    """The lines of a file that ends with newline; `ValueError` if it does not."""
    lines = data.split(b"\n")
    if lines.pop():
        raise ValueError("the last line does not end with a newline")
    return lines
