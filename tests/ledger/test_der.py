"""DER as certificates and tokens are written in it: read strictly, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.offline import der
from tests.ledger import tsa


def value(text: str) -> der.Value:
    return der.read(bytes.fromhex(text))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "cut off"),
        ("02", "cut off"),
        ("0201", "cut off"),
        ("020105ff", "bytes follow"),
        ("0281 0105", "more octets than it needs"),
        ("0282 000105", "more octets than it needs"),
        ("0480", "indefinite"),
        ("3080 020105 0000", "indefinite"),
        ("0485 0000000001ff", "too large"),
        ("0484 ffffffff", "too large"),
        ("0483 ffffff", "cut off"),
        ("1f8101 00", "more than one octet"),
        ("0000", "does not have"),
        ("2400", "does not have"),
        ("2802 0500", "does not have"),
        ("1000", "does not have"),
        ("1100", "does not have"),
        ("3003 0202 05", "cut off"),
        ("3002 0201 05", "cut off"),
    ],
)
def test_what_is_not_der_is_not_read(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        value(written)


@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, 255, 256, -128, -129, 2**64, -(2**63)])
def test_integers_are_read_as_they_are_written(number: int) -> None:
    assert der.integer(der.read(tsa.number(number))) == number


@pytest.mark.parametrize("written", ["0200", "0202 0001", "0202 ff80", "0203 000080"])
def test_an_integer_without_octets_or_with_too_many_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="an integer"):
        der.integer(value(written))


def test_an_integer_of_more_than_8192_bits_is_refused() -> None:
    assert der.integer(der.read(tsa.number(2**8192 - 1))) == 2**8192 - 1
    with pytest.raises(ValueError, match="too large"):
        der.integer(der.read(tsa.number(2**8200)))


@pytest.mark.parametrize(
    "dotted", ["1.2.840.113549", "2.5.29.15", "0.9.2342", "2.999.3", "2.25.340282366920938463463"]
)
def test_object_identifiers_are_read_as_they_are_written(dotted: str) -> None:
    assert der.oid(der.read(tsa.dotted(dotted))) == dotted


@pytest.mark.parametrize("written", ["0600", "0602 8001", "0602 2a80", "0603 2a8001"])
def test_an_object_identifier_that_is_cut_off_or_padded_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="object identifier"):
        der.oid(value(written))


def test_a_boolean_is_00_or_ff() -> None:
    assert (der.boolean(value("0101ff")), der.boolean(value("010100"))) == (True, False)
    for written in ("010101", "0100", "0102ffff"):
        with pytest.raises(ValueError, match="boolean"):
            der.boolean(value(written))


@pytest.mark.parametrize(
    "written", ["0300", "030108", "030101", "03020004", "0302 0303", "030400ffff80"]
)
def test_named_bits_are_counted_right(written: str) -> None:
    assert der.flags(value("030205a0")) == 0b101
    assert der.flags(value("0303070080")) == 1 << 8
    with pytest.raises(ValueError, match="bit string"):
        der.flags(value(written))


@pytest.mark.parametrize(
    "time",
    [
        "20260101000000", "20260101000000.0Z", "20260101000000.50Z", "20260101000000,5Z",
        "202601010000Z", "20260101000000+0000", "20260230000000Z", "20261301000000Z",
        "20250229000000Z", "20260101240000Z", "20260101006000Z", "20260101000060Z",
        "2026010100000aZ", "20260101000000.1234567890Z", "20260101000000Z\n",
        "２0260101000000Z", "19000229000000Z",
    ],
)  # fmt: skip
def test_a_time_that_der_does_not_have_is_refused(time: str) -> None:
    with pytest.raises(ValueError):
        der.generalized(der.read(tsa.tlv(0x18, time.encode())))


def test_times_are_read() -> None:
    assert der.generalized(der.read(tsa.tlv(0x18, b"20240229235959.125Z"))) == (
        "20240229235959", "125",
    )  # fmt: skip
    assert der.utc_or_generalized(der.read(tsa.tlv(0x17, b"491231235959Z"))) == "20491231235959"
    assert der.utc_or_generalized(der.read(tsa.tlv(0x17, b"500101000000Z"))) == "19500101000000"


def test_what_is_nested_too_deeply_is_not_followed() -> None:
    deep = b""
    for _ in range(der.MAX_DEPTH + 1):
        deep = tsa.seq(deep)
    der.read(deep)
    with pytest.raises(ValueError, match="deeper"):
        der.read(tsa.seq(deep))


def test_no_nesting_exhausts_the_stack() -> None:
    deep = b""
    while len(deep) < 60_000:
        deep = tsa.seq(deep)
    with pytest.raises(ValueError, match="deeper"):
        der.read(deep)


def test_what_is_too_large_is_not_read() -> None:
    der.read(tsa.tlv(4, bytes(der.MAX_BYTES - 5)))
    with pytest.raises(ValueError, match="longer"):
        der.read(tsa.tlv(4, bytes(der.MAX_BYTES)))


def test_thirty_thousand_values_are_read_in_a_moment() -> None:
    import time

    data = tsa.seq(b"\x05\x00" * 30_000)
    before = time.process_time()
    assert len(der.read(data).parts) == 30_000
    assert time.process_time() - before < 2


values = st.recursive(
    st.builds(tsa.tlv, st.sampled_from([1, 2, 3, 4, 6, 0x80, 0x9E]), st.binary(max_size=300)),
    lambda inner: st.builds(
        lambda tag, parts: tsa.tlv(tag, *parts),
        st.sampled_from([0x30, 0x31, 0xA0, 0x7E]), st.lists(inner, max_size=5),
    ),
    max_leaves=30,
)  # fmt: skip


def written(one: der.Value) -> bytes:
    """A value written again from what was read of it."""
    return tsa.tlv(one.tag, *map(written, one.parts)) if one.tag & 0x20 else one.raw


@given(values)
def test_what_is_der_is_read_whole(data: bytes) -> None:
    assert written(der.read(data)) == data


@given(st.binary(max_size=60))
def test_there_is_one_way_to_write_what_is_read(data: bytes) -> None:
    """Whatever bytes are read give the same bytes when written again."""
    try:
        one = der.read(data)
    except ValueError:
        return
    assert written(one) == data
