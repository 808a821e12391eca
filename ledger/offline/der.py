r"""DER, the encoding of certificates and time tokens (ITU-T X.690), read strictly.

A value is one octet of tag, a length, and that many octets. Read are only:

    tags      one octet; of the universal class, constructed are SEQUENCE and SET and no other
    lengths   definite, in as few octets as possible, below 2**24
    values    at most `MAX_BYTES` long and `MAX_DEPTH` deep, with nothing after the end

Integers and object identifiers have no superfluous octets, a boolean is 00 or FF, the unused bits
of a bit string are zero, times end in Z. The order of a SET OF is *not* looked at: OpenSSL writes
the certificates of a token as they come (X.690, 11.6 would have them sorted), and nothing here
depends on it. What is wrong raises `ValueError`.

>>> value = read(bytes.fromhex("300a02010506052a8648ce3d"))
>>> fields = Fields(value)
>>> integer(fields.take(INTEGER)), oid(fields.take(OID)), fields.end()
(5, '1.2.840.10045', None)
>>> read(bytes.fromhex("308003020105"))
Traceback (most recent call last):
ValueError: a length is indefinite
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Tuple

MAX_BYTES = 65_536
MAX_DEPTH = 24
MAX_INTEGER_BYTES = 1_025  # a sign and 8,192 bits
MAX_OID_BYTES = 64

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

_CONSTRUCTED = 0x20
_UTC = re.compile("([0-9]{2})([0-9]{10})Z")
_GENERALIZED = re.compile(r"([0-9]{14})(?:\.([0-9]{0,8}[1-9]))?Z")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Value(NamedTuple):
    """One value: its tag, all its bytes, its content, and the values in it if constructed."""

    tag: int
    raw: bytes
    content: bytes
    parts: Tuple[Value, ...]


class Fields:
    """The values inside a constructed one, taken in order: `ValueError` if another one stands."""

    def __init__(self, value: Value, tag: int = SEQUENCE) -> None:
        if value.tag != tag or not tag & _CONSTRUCTED:
            raise ValueError("another value than expected")
        self._parts = value.parts
        self._at = 0

    def take(self, tag: int) -> Value:
        """The next value, which has this tag."""
        value = self.maybe(tag)
        if value is None:
            raise ValueError("a value is missing, or another one stands in its place")
        return value

    def maybe(self, tag: int) -> Value | None:
        """The next value if it has this tag."""
        if self._at == len(self._parts) or self._parts[self._at].tag != tag:
            return None
        self._at += 1
        return self._parts[self._at - 1]

    def any(self) -> Value | None:
        """The next value if there is one."""
        return None if self._at == len(self._parts) else self.maybe(self._parts[self._at].tag)

    def inside(self, tag: int) -> Value | None:
        """The one value that stands inside the next one, an explicit tag, if that is there."""
        outer = self.maybe(tag)
        if outer is None:
            return None
        if len(outer.parts) != 1:
            raise ValueError("an explicit tag holds one value")
        return outer.parts[0]

    def end(self) -> None:
        """Nothing follows."""
        if self._at != len(self._parts):
            raise ValueError("a value follows that does not belong here")


def read(data: bytes) -> Value:
    """The one value that `data` is, with nothing after it."""
    if len(data) > MAX_BYTES:
        raise ValueError("longer than is read")
    value = _value(data, 0, len(data), 0)
    if len(value.raw) != len(data):
        raise ValueError("bytes follow the value")
    return value


def _value(data: bytes, begin: int, limit: int, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise ValueError("deeper than is read")
    if begin + 2 > limit:
        raise ValueError("the value is cut off")
    tag = data[begin]
    _check_tag(tag)
    start, length = _length(data, begin + 1, limit)
    end = start + length
    if end > limit:
        raise ValueError("the value is cut off")
    parts: List[Value] = []
    at = start
    while tag & _CONSTRUCTED and at < end:
        parts.append(_value(data, at, end, depth + 1))
        at += len(parts[-1].raw)
    return Value(tag, data[begin:end], data[start:end], tuple(parts))


def _check_tag(tag: int) -> None:
    number = tag & 0x1F
    if number == 0x1F:
        raise ValueError("a tag has more than one octet")
    if tag < 0x40 and (number == 0 or (number in (16, 17)) != bool(tag & _CONSTRUCTED)):
        raise ValueError("a tag that DER does not have")


def _length(data: bytes, at: int, limit: int) -> Tuple[int, int]:
    """Where the content begins, and how long it is; the length is at `at`, before `limit`."""
    first = data[at]
    if first < 0x80:
        return at + 1, first
    count = first & 0x7F
    if count == 0:
        raise ValueError("a length is indefinite")
    if count > 3 or at + 1 + count > limit:
        raise ValueError("a length is too large, or cut off")
    length = int.from_bytes(data[at + 1 : at + 1 + count], "big")
    if length < 0x80 or data[at + 1] == 0:
        raise ValueError("a length has more octets than it needs")
    return at + 1 + count, length


def integer(value: Value) -> int:
    """An INTEGER of at most 8,192 bits."""
    content = _content(value, INTEGER)
    if not 1 <= len(content) <= MAX_INTEGER_BYTES:
        raise ValueError("an integer is empty or too large")
    if len(content) > 1 and content[0] == (0xFF if content[1] & 0x80 else 0):
        raise ValueError("an integer has more octets than it needs")
    return int.from_bytes(content, "big", signed=True)


def small(value: Value) -> int:
    """An INTEGER from 0 to 2**31 - 1."""
    number = integer(value)
    if not 0 <= number < 2**31:
        raise ValueError("a number is negative or too large")
    return number


def boolean(value: Value) -> bool:
    """A BOOLEAN."""
    content = _content(value, BOOLEAN)
    if content not in (b"\x00", b"\xff"):
        raise ValueError("a boolean is neither 00 nor FF")
    return content == b"\xff"


def octets(value: Value) -> bytes:
    """The bytes of an OCTET STRING."""
    return _content(value, OCTET_STRING)


def bits(value: Value) -> bytes:
    """The bytes of a BIT STRING of whole bytes: a key, a signature."""
    content = _content(value, BIT_STRING)
    if content[:1] != b"\x00":
        raise ValueError("a bit string is not of whole bytes")
    return content[1:]


def flags(value: Value) -> int:
    """A BIT STRING of at most 16 named bits, as an integer: bit 0 is 1, bit 1 is 2."""
    content = _content(value, BIT_STRING)
    if not 1 <= len(content) <= 3 or content[0] > 7 or (len(content) == 1 and content[0]):
        raise ValueError("a bit string is empty, too long or cut off")
    unused, data = content[0], content[1:]
    # X.690, 11.2.2: of named bits the last one is set; so the unused ones are counted right.
    if data and (data[-1] & ((2 << unused) - 1)) != 1 << unused:
        raise ValueError("a bit string has unused bits that are set, or trailing zero bits")
    return sum(1 << at for at in range(len(data) * 8) if data[at >> 3] & (0x80 >> (at & 7)))


def oid(value: Value) -> str:
    """An OBJECT IDENTIFIER, dotted."""
    content = _content(value, OID)
    if not 1 <= len(content) <= MAX_OID_BYTES or content[-1] & 0x80:
        raise ValueError("an object identifier is empty, too long or cut off")
    arcs: List[int] = []
    number = 0
    begins = True
    for octet in content:
        if begins and octet == 0x80:
            raise ValueError("an object identifier has more octets than it needs")
        number = number << 7 | (octet & 0x7F)
        begins = not octet & 0x80
        if begins:
            arcs.append(number)
            number = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in [first, arcs[0] - 40 * first, *arcs[1:]])


def utc_or_generalized(value: Value) -> str:
    """The time of a certificate, as `YYYYMMDDHHMMSS` (RFC 5280, 4.1.2.5: no fractions)."""
    if value.tag == UTC_TIME:
        match = _UTC.fullmatch(_ascii(value.content))
        if match is None:
            raise ValueError("not a UTCTime of DER")
        time = ("19" if match[1] >= "50" else "20") + match[1] + match[2]
        _check_time(time)
        return time
    time, fraction = generalized(value)
    if fraction:
        raise ValueError("a certificate's time has no fraction")
    return time


def generalized(value: Value) -> Tuple[str, str]:
    """A GeneralizedTime: `YYYYMMDDHHMMSS`, and its fraction's digits (at most nine)."""
    match = _GENERALIZED.fullmatch(_ascii(_content(value, GENERALIZED_TIME)))
    if match is None:
        raise ValueError("not a GeneralizedTime of DER")
    _check_time(match[1])
    return match[1], match[2] or ""


def _check_time(time: str) -> None:
    year, month, day = int(time[:4]), int(time[4:6]), int(time[6:8])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1] - (month == 2 and not leap):
        raise ValueError("no such day")
    if int(time[8:10]) > 23 or int(time[10:12]) > 59 or int(time[12:]) > 59:
        raise ValueError("no such time of day")


def _ascii(content: bytes) -> str:
    return content.decode("ascii")


def _content(value: Value, tag: int) -> bytes:
    if value.tag != tag:
        raise ValueError("another value than expected")
    return value.content
