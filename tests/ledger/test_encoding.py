"""Event bytes: one form, or a refusal that names its cause."""

from __future__ import annotations

import json
import sys
import time
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import EncodingError
from ledger.tlog import encoding
from ledger.tlog.encoding import MAX_DEPTH, MAX_EVENT_BYTES, MAX_INTEGER, accept, check, encode

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Code = Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\Z")]


class Colour(Enum):
    RED = "red"


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: str
    parts: list[Count] = []


class Collected(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    tag="record.collected",
    forbid_unknown_fields=True,
):
    v: Count
    stream: str
    category: Code = "contract"
    urgent: bool | msgspec.UnsetType = msgspec.UNSET
    colour: Colour | msgspec.UnsetType = msgspec.UNSET
    basis: Literal["contract", "consent"] | msgspec.UnsetType = msgspec.UNSET
    sealed: Sealed | msgspec.UnsetType = msgspec.UNSET


class Lost(msgspec.Struct, frozen=True, tag_field="type", tag="holding.lost"):
    v: Count


DECODER: msgspec.json.Decoder[Collected | Lost] = msgspec.json.Decoder(Collected | Lost)
EVENT = Collected(
    v=1, stream="record-1", urgent=True, colour=Colour.RED, sealed=Sealed(digest="ab", parts=[1])
)
RAW = (
    b'{"category":"contract","colour":"red","sealed":{"digest":"ab","parts":[1]},'
    b'"stream":"record-1","type":"record.collected","urgent":true,"v":1}'
)


def code_of(raw: bytes) -> str:
    """Name what `check` says; accepted bytes must be canonical by the oracle too."""
    try:
        value = check(raw)
    except EncodingError as error:
        return error.code
    assert encode(value) == raw == rfc8785.dumps(value)
    return "accepted"


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


# Writing


def test_an_event_is_written_sorted_and_without_white_space() -> None:
    assert encode(EVENT) == RAW
    assert encode({"b": [True, {}], "a": 'say "\\"'}) == b'{"a":"say \\"\\\\\\"","b":[true,{}]}'


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1.5, "float"),
        (float("nan"), "float"),
        (1.0, "float"),
        (None, "null"),
        (MAX_INTEGER + 1, "integer_range"),
        (-MAX_INTEGER - 1, "integer_range"),
        (10**400, "integer_range"),
        ("张三", "not_ascii"),
        ("tab\t", "not_ascii"),
        ("\x7f", "not_ascii"),
        ({"é": 1}, "not_ascii"),
        ({"a\n": 1}, "not_ascii"),
        ([[[[[[[[]]]]]]]], "too_deep"),
        ("x" * MAX_EVENT_BYTES, "too_large"),
    ],
)
def test_a_value_outside_the_profile_is_never_written(value: object, code: str) -> None:
    with pytest.raises(EncodingError) as refused:
        encode({"list": [{"field": value}] if code != "too_deep" else value})
    assert refused.value.code == code


@pytest.mark.parametrize("value", [b"bytes", (1, 2), {1: "a"}, {"a": object()}, {1, 2}])
def test_a_value_without_canonical_form_is_a_programmers_error(value: object) -> None:
    with pytest.raises(TypeError):
        encode({"field": value})


# Limits, before decoding


def test_events_up_to_16_kib_are_accepted_and_no_byte_more() -> None:
    raw = b'{"a":"' + b"x" * (MAX_EVENT_BYTES - 8) + b'"}'
    assert len(raw) == MAX_EVENT_BYTES
    assert code_of(raw) == "accepted"
    assert code_of(raw.replace(b"x", b"xx", 1)) == "too_large"


def test_eight_levels_are_accepted_and_the_ninth_is_not() -> None:
    assert code_of(nested(MAX_DEPTH)) == "accepted"
    assert code_of(nested(MAX_DEPTH + 1)) == "too_deep"


def test_brackets_inside_strings_are_no_levels() -> None:
    assert code_of(b'{"a":"[[[[[[[[[[{{{{{{{{{{","b":"\\"[[[[[[[[[[[["}') == "accepted"


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b"[" * 16_000,
        b'{"a":' * 3_000,
        b'{"v":1,"x":' + b"[" * 8_000 + b"]" * 8_000 + b"}",
    ],
    ids=["too large", "arrays", "objects", "unknown field"],
)
def test_a_deep_nest_neither_recurses_nor_crashes(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = msgspec.json.Decoder(Lost)  # skips unknown fields, and msgspec skips recursively
    with pytest.raises(EncodingError, match="at most"):
        accept(raw, lost)
    monkeypatch.setattr(encoding, "_decode", lambda _: pytest.fail("decoded before the limits"))
    with pytest.raises(EncodingError) as refused:
        check(raw)
    assert refused.value.code == ("too_large" if len(raw) > MAX_EVENT_BYTES else "too_deep")


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b"[\\", b'"\\'])
def test_looking_for_depth_takes_one_pass_over_hostile_quotes(unit: bytes) -> None:
    raw = (b"[" * 9 + b'"' + unit * MAX_EVENT_BYTES)[:MAX_EVENT_BYTES]
    started = time.process_time()
    assert code_of(raw) in {"too_deep", "invalid_json"}
    assert time.process_time() - started < 1


# Traps of the round trip


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"v":1.0}', "float"),
        (b'{"v":1e2}', "float"),
        (b'{"v":9007199254740992}', "integer_range"),
        (b'{"v":9007199254740993}', "integer_range"),
        (b'{"v":-9007199254740992}', "integer_range"),
        (b'{"v":' + b"9" * 5000 + b"}", "integer_range"),
        (b'{"v":1E400}', "float"),
        (b'{"v":-0}', "not_canonical"),
        (b'{"v":01}', "invalid_json"),
        (b'{"v":NaN}', "invalid_json"),
        (b'{"v":-Infinity}', "invalid_json"),
        (b'{"v":null}', "null"),
        (b'{"v":1,"v":1}', "duplicate_key"),
        (b'{"v":1,"\\u0076":1}', "duplicate_key"),
        (b'{"w":1,"v":1}', "not_canonical"),
        (b'{"v": 1}', "not_canonical"),
        (b'{"v":1}\n', "not_canonical"),
        (b'{"v":1}{"v":1}', "invalid_json"),
        (b'\xef\xbb\xbf{"v":1}', "invalid_json"),
        (b'{"v":"\\/"}', "not_canonical"),
        (b'{"v":"\\u0041"}', "not_canonical"),
        (b'{"v":"\\u000a"}', "not_ascii"),
        (b'{"v":"\\n"}', "not_ascii"),
        (b'{"v":"\n"}', "invalid_json"),
        (b'{"v":"\x7f"}', "not_ascii"),
        (b'{"v":"\\ud800"}', "not_ascii"),
        ('{"v":"é"}'.encode(), "not_ascii"),
        ('{"v":"é"}'.encode("latin-1"), "not_utf8"),
        (b"", "invalid_json"),
        (b"[]", "not_an_object"),
        (b"{}", "accepted"),
        (b'{"":{"":[]}}', "accepted"),
        (b'{"v":9007199254740991,"w":-9007199254740991}', "accepted"),
        (b'{"v":"\\"\\\\ ~"}', "accepted"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_each_way_around_the_round_trip_is_closed(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
scalars = texts | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=5).filter(lambda value: depth_of(value) <= 8)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(objects)
def test_the_encoding_is_that_of_rfc_8785(value: dict[str, Any]) -> None:
    raw = encode(value)
    assert raw == rfc8785.dumps(value)
    assert check(raw) == value


@given(objects, st.sampled_from([{"indent": 1}, {"separators": (", ", ":")}, {}]))
def test_no_other_bytes_mean_the_same_event(value: dict[str, Any], form: dict[str, Any]) -> None:
    raw = json.dumps(value, **form).encode()
    if raw != rfc8785.dumps(value):
        assert code_of(raw) == "not_canonical"


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_any_bytes_are_refused_or_canonical(raw: bytes) -> None:
    code_of(raw)


@given(objects, st.integers(0), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_another_canonical_event(
    value: dict[str, Any], at: int, byte: int
) -> None:
    raw = bytearray(rfc8785.dumps(value))
    raw[at % len(raw)] = byte
    code_of(bytes(raw))


# The typed path


def test_the_typed_path_returns_the_event() -> None:
    assert accept(RAW, DECODER) == EVENT
    assert encode(accept(RAW, DECODER)) == RAW


def test_the_typed_path_does_not_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "check", lambda _: pytest.fail("went the long way"))
    assert accept(RAW, DECODER) == EVENT


def test_escaped_quotes_and_backslashes_go_the_long_way_and_arrive() -> None:
    event = Collected(v=1, stream='a "quoted" \\ word')
    assert accept(encode(event), DECODER) == event


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b'"v":1', b'"v":1.0'), "float"),
        ((b'"v":1', b'"v":null'), "null"),
        ((b'"v":1', b'"v":9007199254740992'), "integer_range"),
        ((b'"v":1', b'"v":1,"v":1'), "duplicate_key"),
        ((b'"v":1', b'"v": 1'), "not_canonical"),
        ((b'"v":1', b'"v":'), "invalid_json"),
        ((b"record-1", b"\xe5\xbc\xa0"), "not_ascii"),
        ((b"record-1", b"\x7f"), "not_ascii"),
        ((b"record-1", b"\\u0007"), "not_ascii"),
        ((b"record-1", b"\xff"), "not_utf8"),
        ((b"record-1", b"x" * MAX_EVENT_BYTES), "too_large"),
        ((b"[1]", b"[[[[[[[[]]]]]]]]"), "too_deep"),
        ((b'"v":1', b'"v":"1"'), "schema"),
        ((b'"v":1', b'"v":-1'), "schema"),
        ((b'"v":1', b'"v":1,"w":1'), "schema"),
        ((b',"v":1', b""), "schema"),
        ((b'"category":"contract",', b""), "schema"),  # a default counts as written
        ((b'"colour":"red"', b'"colour":"blue"'), "schema"),
        ((b'"category":"contract"', b'"category":"Contract 7"'), "schema"),
        ((b"record.collected", b"record.forged"), "schema"),
    ],
    ids=str,
)
def test_the_typed_path_names_what_is_wrong(change: tuple[bytes, bytes], code: str) -> None:
    raw = RAW.replace(*change, 1)
    assert raw != RAW
    with pytest.raises(EncodingError) as refused:
        accept(raw, DECODER)
    assert refused.value.code == code


def test_a_field_that_its_type_leaves_out_is_no_event() -> None:
    with pytest.raises(EncodingError) as refused:
        accept(b'{"more":1,"type":"holding.lost","v":1}', DECODER)  # Lost ignores unknown fields
    assert refused.value.code == "schema"


@pytest.mark.parametrize(
    "change",
    [
        (b"record.collected", b"Zhang San 13800000000 - at `$.x"),
        (b'"red"', b'"Zhang San 13800000000"'),
        (b'"v":1', b'"v":1,"Zhang San 13800000000":1'),
        (b'"v":1', b'"v":"Zhang San 13800000000"'),
        (b'"contract"', b'"Zhang San 13800000000"'),
    ],
    ids=["tag", "enum", "field", "type", "pattern"],
)
def test_a_refusal_repeats_nothing_of_the_content(change: tuple[bytes, bytes]) -> None:
    raw = RAW.replace(*change, 1)
    raw = encode(json.loads(raw))
    with pytest.raises(EncodingError) as refused:
        accept(raw, DECODER)
    assert refused.value.code == "schema"
    assert "Zhang" not in refused.value.message
    assert "138" not in refused.value.message


class Open(msgspec.Struct, frozen=True):
    v: Any


class Floating(msgspec.Struct, frozen=True):
    v: float


class Unbounded(msgspec.Struct, frozen=True):
    v: int


class HalfBounded(msgspec.Struct, frozen=True):
    v: Annotated[int, msgspec.Meta(ge=0)]


class TooWide(msgspec.Struct, frozen=True):
    v: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER + 1)]


class Nullable(msgspec.Struct, frozen=True):
    v: str | None


class Raw(msgspec.Struct, frozen=True):
    v: msgspec.Raw


class BigChoice(msgspec.Struct, frozen=True):
    v: Literal[9007199254740993]


class Endless(msgspec.Struct, frozen=True):
    v: list[Endless]


class Chain(msgspec.Struct, frozen=True):
    v: Chain | msgspec.UnsetType = msgspec.UNSET


@pytest.mark.parametrize(
    ("kind", "raw", "code"),
    [
        (Open, b'{"v":1.5}', "float"),
        (Open, b'{"v":[null]}', "null"),
        (Floating, b'{"v":1.5}', "float"),
        (Unbounded, b'{"v":9007199254740993}', "integer_range"),
        (HalfBounded, b'{"v":9007199254740993}', "integer_range"),
        (TooWide, b'{"v":9007199254740992}', "integer_range"),
        (Nullable, b'{"v":null}', "null"),
        (Raw, b'{"v":{"b":1,"a":2}}', "not_canonical"),
        (BigChoice, b'{"v":9007199254740993}', "integer_range"),
        (Endless, b'{"v":[{"v":[{"v":[{"v":[{"v":[]}]}]}]}]}', "too_deep"),
        (Chain, b'{"v":' * 8 + b"{}" + b"}" * 8, "too_deep"),
        (list[str], b'["a"]', "not_an_object"),
        (str, b'"a"', "not_an_object"),
    ],
    ids=str,
)
def test_a_type_that_is_wider_than_the_profile_lets_nothing_through(
    kind: Any, raw: bytes, code: str
) -> None:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
    assert msgspec.json.Encoder(order="sorted").encode(decoder.decode(raw)) == raw
    with pytest.raises(EncodingError) as refused:
        accept(raw, decoder)
    assert refused.value.code == code


@given(objects, st.integers(0), st.binary(min_size=1, max_size=3))
def test_the_typed_path_accepts_nothing_that_check_refuses(
    extra: dict[str, Any], at: int, patch: bytes
) -> None:
    event = Collected(v=len(extra), stream=next(iter(extra), ""), sealed=Sealed(digest="x"))
    raw = encode(event)
    at %= len(raw)
    for claim in (raw, raw[:at] + patch + raw[at + 1 :], raw[:at] + patch + raw[at:]):
        try:
            accepted = accept(claim, DECODER)
        except EncodingError:
            continue
        assert encode(check(claim)) == claim == encode(accepted)


def test_the_interpreters_limit_on_digits_does_not_matter() -> None:
    limit = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(0)
        assert code_of(b'{"v":' + b"9" * 16_000 + b"}") == "integer_range"
    finally:
        sys.set_int_max_str_digits(limit)
