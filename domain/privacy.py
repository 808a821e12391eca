"""What looks like personal data in a place where only codes may stand (I-02).

Patterns keep free text out of events. This is the second line: a code or reference of the right
shape that nevertheless spells a mobile number, an identity number, a bank card or an e-mail
address is refused. It looks at codes only; digests and ids are fixed-length hexadecimal.

>>> looks_personal("13800138000")
'mobile'
>>> looks_personal("r.11010519491231002x")
'identity_number'
>>> looks_personal("acc.vouchers.30y") is None
True
"""

from __future__ import annotations

import re

_MOBILE = re.compile(r"(?<![0-9])(?:0?86)?1[3-9][0-9]{9}(?![0-9])")
_IDENTITY = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9xX](?![0-9])")
_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_FIRST_IDENTITY = re.compile(rf"(?<![0-9])[1-9][0-9]{{7}}{_DAY}[0-9]{{3}}(?![0-9])")
"""Numbers of the first generation, 15 digits, have no check digit: their date must be one."""
_CARD = re.compile(r"(?<![0-9])[1-9][0-9]{12,18}(?![0-9])")
_EMAIL = re.compile(r"[a-z0-9._+-]+@[a-z0-9-]+\.[a-z]{2,}", re.IGNORECASE)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity_checksum(digits: str) -> str:
    """The 18th character of a resident identity number for its first 17 (GB 11643, MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return "10X98765432"[total % 11]


def luhn(number: str) -> bool:
    """Whether a card number's check digit is right (ISO/IEC 7812-1, annex B)."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (d * 2 - 9 if d > 4 else d * 2 for d in digits[1::2])  # noqa: PLR2004
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def looks_personal(text: str) -> str | None:
    """The kind of personal identifier that `text` contains, or None.

    Returns one of `mobile`, `identity_number`, `bank_card`, `email`.
    """
    if _EMAIL.search(text):
        return "email"
    for match in _IDENTITY.finditer(text):
        number = match.group().upper()
        if identity_checksum(number[:17]) == number[17]:
            return "identity_number"
    if _FIRST_IDENTITY.search(text):
        return "identity_number"
    if _MOBILE.search(text):
        return "mobile"
    if any(luhn(match.group()) for match in _CARD.finditer(text)):
        return "bank_card"
    return None
