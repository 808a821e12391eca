"""The second line of I-02: what looks like personal data, in published numbers and crafted ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.privacy import identity_checksum, looks_personal, luhn

CN = Path(__file__).parent.parent / "vectors" / "cn"
CASES: list[dict[str, Any]] = json.loads((CN / "id-validator-cases.json").read_text("utf-8"))
VALID = sorted({case["id"] for case in CASES if case["valid"]})


@pytest.mark.parametrize("number", [n for n in VALID if len(n) == 18])
def test_the_check_character_of_published_identity_numbers(number: str) -> None:
    assert identity_checksum(number[:17]) == number[17]


def test_a_wrong_check_character_is_named_in_the_published_cases() -> None:
    (wrong,) = [case["id"] for case in CASES if case["note"] == "验证码不合法"]
    assert identity_checksum(wrong[:17]) != wrong[17]
    assert looks_personal(wrong) != "identity_number"


@pytest.mark.parametrize("number", VALID)
@pytest.mark.parametrize("form", ["{}", "r.{}", "{}.v2", "a-{}-b"])
def test_every_valid_identity_number_is_seen_wherever_it_stands(number: str, form: str) -> None:
    assert looks_personal(form.format(number)) == "identity_number"
    assert looks_personal(form.format(number.lower())) == "identity_number"


# Test numbers that the card schemes publish; UnionPay's with 16 and 19 digits.
CARDS = (
    "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117",
    "3530111333300000", "6200000000000005", "6212345678901232", "6222021234567890128",
)  # fmt: skip


@pytest.mark.parametrize("card", CARDS)
def test_card_numbers_are_seen(card: str) -> None:
    assert luhn(card)
    assert looks_personal(f"card.{card}") == "bank_card"


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_with_one_wrong_digit_is_none(card: str) -> None:
    for at in range(len(card)):
        for digit in set("0123456789") - {card[at]}:
            assert not luhn(card[:at] + digit + card[at + 1 :])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("13800138000", "mobile"), ("8613800138000", "mobile"), ("tel19912345678x", "mobile"),
        ("zhang.san@example.com", "email"), ("Z+1@MAIL.EXAMPLE.CN", "email"),
    ],
)  # fmt: skip
def test_telephones_and_addresses_are_seen(text: str, kind: str) -> None:
    assert looks_personal(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "acc.vouchers.30y", "cn-default-2026", "1.0.0", "0.1.0+build.20261121", "contract-policy",
        "12800138000", "138001380001", "zhang@example", "20261121", "",
    ],
)  # fmt: skip
def test_codes_and_versions_are_no_personal_data(text: str) -> None:
    assert looks_personal(text) is None


@given(st.text("0123456789", min_size=17, max_size=17))
def test_one_check_character_belongs_to_seventeen_digits(digits: str) -> None:
    right = identity_checksum(digits)
    others = set("0123456789X") - {right}
    seen = [looks_personal(f"1{digits[1:]}" + c) == "identity_number" for c in sorted(others)]
    own = identity_checksum(f"1{digits[1:]}")
    assert looks_personal(f"1{digits[1:]}{own}") == "identity_number"
    assert sum(seen) == (1 if own in others else 0)
