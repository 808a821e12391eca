r"""Canonical event bytes: one JSON text for one event, or no event at all.

An event is a JSON object (RFC 8259) written as RFC 8785 writes it, inside this profile:

    strings and keys   printable ASCII, 0x20 to 0x7E, escaped only where JSON must: \" and \\
    integers           from -(2**53 - 1) to 2**53 - 1
    booleans, lists, objects; members sorted by key, no key twice, no white space
    no floats, no null (what is absent is left out)
    at most 16 KiB (16,384 bytes), at most 8 levels of nesting; the event itself is level 1

Bytes are accepted only if a schema-free `encode(decode(raw)) == raw` holds and every value lies in
the profile; the round trip alone would let 1.0 and 2**53 + 1 pass. Size and depth are checked
before anything is decoded. Sign, hash and verify the stored bytes, never a re-encoded object.

>>> encode({"type": "record.collected", "v": 1, "stream": "record-1"})
b'{"stream":"record-1","type":"record.collected","v":1}'
>>> check(b'{"stream":"record-1","v":1}')
{'stream': 'record-1', 'v': 1}
>>> check(b'{"v":1,"v":2}')
Traceback (most recent call last):
ledger.errors.EncodingError: an object names a key twice

`EncodingError.code` is stable and names the first cause, looked for in this order:

    too_large too_deep not_utf8    before decoding (not_utf8: only when decoding fails)
    invalid_json                   no JSON text by RFC 8259
    float null integer_range not_ascii    the first such value or key that is met
    not_an_object                  the text is no object
    duplicate_key not_canonical    the bytes are not the ones that `encode` writes
    schema                         canonical, but not the event type it claims to be (`accept`)
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import inspect

from ledger.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EVENT_BYTES: Final = 16_384
MAX_DEPTH: Final = 8
MAX_INTEGER: Final = 2**53 - 1
MAX_COMMIT_EVENTS: Final = 10_000

T = TypeVar("T")

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode
_REFUSALS = {
    "too_large": f"an event has at most {MAX_EVENT_BYTES} bytes",
    "too_deep": f"an event nests at most {MAX_DEPTH} levels",
    "not_utf8": "the bytes are not UTF-8",
    "invalid_json": "the bytes are no JSON text",
    "float": "a number has a fraction or an exponent; only integers are allowed",
    "null": "null stands where the field should be left out",
    "integer_range": "an integer is larger than 2**53 - 1, or smaller than its negative",
    "not_ascii": "a string or key holds more than printable ASCII",
    "not_an_object": "an event is a JSON object, and this is none",
    "duplicate_key": "an object names a key twice",
    "not_canonical": "the bytes are not the canonical form of their content",
}

# What msgspec raises on bytes it cannot read; RecursionError when it skips a deep unknown field.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# What msgspec quotes from the bytes in its messages; no error of ours repeats content.
_QUOTED = re.compile(r"(value|unknown field) .*?(?= - at `|$)")

# A string, or the rest of the text after an unclosed quote. Possessive and without an alternative,
# so that a hostile text costs one pass.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def encode(event: msgspec.Struct | Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of one event.

    A mapping is checked against the profile. A Struct is encoded as it is, for speed: its bytes
    become an event only when `accept` takes them (msgspec writes NaN as null and bytes as base64).

    Raises `EncodingError` with the codes of the profile, `TypeError` for a value that has no
    canonical form at all (bytes, tuple, a key that is no string).
    """
    if not isinstance(event, msgspec.Struct):
        event = dict(event)
        _walk(event, MAX_DEPTH)
    raw = _encode(event)
    if len(raw) > MAX_EVENT_BYTES:
        raise _refusal("too_large")
    return raw


def check(raw: bytes) -> dict[str, Any]:
    """Decode event bytes of any type if they are canonical: the acceptance rule of this module.

    Guarantees `encode(check(raw)) == raw`. Raises `EncodingError`; its `code` names the cause.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise _refusal("too_large")
    if _deeper_than(raw, MAX_DEPTH):
        raise _refusal("too_deep")
    try:
        event = _decode(raw)
    except _UNREADABLE:
        raise _unreadable(raw) from None
    _walk(event, MAX_DEPTH)
    if not isinstance(event, dict):
        raise _refusal("not_an_object")
    if _encode(event) != raw:
        raise _not_canonical(raw)
    return event


def accept(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode event bytes into their type if `check` would accept them and the type fits exactly.

    The fast path needs no walk: when every type the decoder knows is a string, a bounded integer,
    a boolean or a container of such, equal bytes after a typed round trip are canonical, and what
    types cannot say about strings is settled by three looks at the bytes. Anything else goes the
    long way through `check`, with the same answer.

    Raises `EncodingError`: the code of `check`, or `schema` when the bytes are canonical but hold
    another type, another field or another form of a value than the decoder's type would write.
    """
    if (
        len(raw) <= MAX_EVENT_BYTES
        and raw.isascii()
        and b"\x7f" not in raw
        and b"\\" not in raw  # an escape may hide a control character; raw ones JSON refuses
        and _is_closed(decoder)
    ):
        try:
            event = decoder.decode(raw)
        except _UNREADABLE:
            pass  # the cause is named below
        else:
            if _encode(event) == raw:
                return event
    check(raw)
    try:
        event = decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise EncodingError("schema", _QUOTED.sub(r"\1", str(error))) from None
    if _encode(event) != raw:
        raise EncodingError("schema", "a field is unknown to its type, or written though absent")
    return event


@lru_cache(maxsize=512)  # a decoder is made once, for a module or a topic, and never changes
def _is_closed(decoder: msgspec.json.Decoder[Any]) -> bool:
    """Tell whether the decoder's type can hold nothing that lies outside the profile.

    Strings excepted: those are judged by their bytes.
    """
    kind = inspect.type_info(decoder.type)
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return all(
        isinstance(member, inspect.StructType) and not member.array_like and _fits(member, 1)
        for member in members
    )


def _fits(kind: inspect.Type, depth: int) -> bool:
    """Tell whether all values of a type lie in the profile when they stand at this depth."""
    match kind:
        case inspect.StrType() | inspect.BoolType():
            return True
        case inspect.IntType(ge=int() as low, le=int() as high):
            return low >= -MAX_INTEGER and high <= MAX_INTEGER
        case inspect.LiteralType(values=values):
            return all(_is_plain(value) for value in values)
        case inspect.EnumType(cls=cls):
            return all(_is_plain(member.value) for member in cls)
        case inspect.UnionType(types=types):
            return all(_fits(member, depth) for member in types)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return depth <= MAX_DEPTH and _fits(item, depth + 1)
        case inspect.StructType(tag=(None | str()), fields=fields):
            return depth <= MAX_DEPTH and all(_fits(field.type, depth + 1) for field in fields)
        case _:
            return False


def _is_plain(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and abs(value) <= MAX_INTEGER)


def _walk(value: Any, room: int) -> None:  # noqa: ANN401 - whatever was decoded or given
    """Raise the first departure from the profile; `room` is how many levels may still open."""
    kind = type(value)  # exact types: a subclass may encode as something else
    if kind is str:
        _check_string(value)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _refusal("integer_range")
    elif kind is dict or kind is list:
        if not room:
            raise _refusal("too_deep")
        if kind is dict:
            for key in value:
                _check_string(key)
            value = value.values()
        for item in value:
            _walk(item, room - 1)
    elif kind is float:
        raise _refusal("float")
    elif value is None:
        raise _refusal("null")
    elif kind is not bool:
        raise TypeError(f"{kind.__name__} has no canonical form")


def _check_string(text: str) -> None:
    if type(text) is not str:
        raise TypeError(f"{type(text).__name__} is no key")
    if not (text.isascii() and text.isprintable()):
        raise _refusal("not_ascii")


def _refusal(code: str) -> EncodingError:
    return EncodingError(code, _REFUSALS[code])


def _deeper_than(raw: bytes, limit: int) -> bool:
    """Tell whether more than `limit` brackets are open at once, without decoding."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", raw).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def _unreadable(raw: bytes) -> EncodingError:
    """Name why msgspec could not decode: not all of it is bad JSON."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _refusal("not_utf8")
    causes: list[str] = []

    def integer(digits: str) -> None:
        if len(digits) > len(str(-MAX_INTEGER)):
            causes.append("integer_range")

    try:
        json.loads(
            text,
            parse_int=integer,
            parse_float=lambda _: causes.append("float"),
            parse_constant=_refuse_constant,
        )
    except ValueError:
        return _refusal("invalid_json")
    # JSON, so a number beyond what msgspec can hold, or else an escaped lone surrogate
    return _refusal(causes[0] if causes else "not_ascii")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _not_canonical(raw: bytes) -> EncodingError:
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated |= len({key for key, _ in pairs}) < len(pairs)

    json.loads(raw, object_pairs_hook=members)
    if repeated:
        return _refusal("duplicate_key")
    return _refusal("not_canonical")
