"""What in a text is a telephone number, an identity number, an account: found and checked.

    mobile       1[3-9] and nine digits, with or without +86, 0086, 86; 138-1234-5678, 138 1234 5678
    landline     area code and number with a separator between them: 010-12345678, (0571)8765432
    id_number    18 digits or 17 and X with the check character of MOD 11-2 (GB 11643-1999,
                 ISO 7064), or 15 digits of before 2000; a region that can exist, a day that exists
    uscc         unified social credit code: 18 characters, MOD 31 (GB 32100-2015), a region
    bank_card    13 to 19 digits under a prefix that is issued, with Luhn's check digit (ISO 7812)
    email        local part and a domain with at least one dot
    plate        of a vehicle: 7 characters, or 8 of a new-energy one; 京A·12345, 粤BD12345
    passport     of the People's Republic: E12345678, EA1234567, G12345678, DE/SE/PE and 7 digits

Full-width digits, letters, hyphens and spaces count as the ordinary ones. Nothing is found inside
a longer run of letters and digits, or across a line end. A check digit is no proof: one random
number in ten has Luhn's, so prefixes, regions and days are asked as well, and what is left is a
proposal that a person confirms.

>>> [(hit.kind, hit.value) for hit in find("张三 138-1234-5678,身份证11010519491231002Ｘ")]
[('mobile', '138-1234-5678'), ('id_number', '11010519491231002Ｘ')]
>>> normalise("mobile", "+86 138-1234-5678"), normalise("id_number", "11010519491231002x")
('13812345678', '11010519491231002X')
>>> list(find("订单 20230105123456789012,时间 1700000000000"))
[]

Every scan is bounded: no pattern here looks further than 80 characters from where it stands, so
the time is linear in the text whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

KINDS: Final = (
    "mobile", "landline", "id_number", "uscc", "bank_card", "email", "plate", "passport",
)  # fmt: skip


class Hit(NamedTuple):
    """Something found: `start` and `end` count characters of the text, `value` as it stands."""

    kind: str
    start: int
    end: int
    value: str

    def __repr__(self) -> str:
        """Without the value, which is somebody's."""
        return f"<Hit {self.kind} {self.start}:{self.end}>"


_WIDE: Final = re.compile("[０-９Ｘｘ＠－]|（0")
_NARROW: Final = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys((0x2010, 0x2011, 0x2013, 0x2014), ord("-")),
    **dict.fromkeys((0x3000, 0x00A0), ord(" ")),
}
# How everything but addresses and plates begins: six digits, groups as of telephone numbers, or
# seven digits after one or two letters. It looks for digits first, because they are rare.
_NUMBER: Final = re.compile(
    r"[0-9]{3}(?:(?<![0-9A-Za-z][0-9]{3})(?:[0-9]{3}|[0-9]?(?:[ -]|\) ?)[0-9]{3})|[0-9]{4}(?:"
    r"(?<=[ADEGNPSYadegnpsy][0-9]{7})|(?<=[ADEGNPSYadegnpsy][A-Za-z][0-9]{7})))"
)
_GROUPS: Final = re.compile("[0-9]{3,19}(?:[ -][0-9]{1,13}){0,4}")
_COUNTRY: Final = re.compile(r"(?<![0-9A-Za-z])(?:\(\+?86\)|\+86|0086|86)[ -]?\Z")
_AREA: Final = re.compile(r"0[1-9][0-9]{1,2}\)[ -]?[0-9]{7,8}(?![0-9A-Za-z])")
_CODE: Final = re.compile("[0-9A-Za-z]{9,18}(?![0-9A-Za-z])")
_PLATE: Final = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·•・. -]?"
    "(?:[0-9]{5}[DF]|[A-HJK][0-9A-HJ-NP-Z][0-9]{4}|[0-9A-HJ-NP-Z]{4}[0-9A-HJ-NP-Z学警港澳挂试超领])"
    "(?![0-9A-Za-z])"
)
_PLATE_DIGITS: Final = 3  # of the five or six after the office's letter
_DOMAIN: Final = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])")
_LOCAL: Final = re.compile(r"[A-Za-z0-9._%+'-]{1,64}\Z")

_MOBILE_SHAPES: Final = {(11,), (3, 4, 4), (3, 8), (4, 3, 4), (3, 3, 5), (3, 5, 3), (7, 4)}
_WITH_COUNTRY: Final = {(13,), (15,)}
_ID_SHAPES: Final = {(15,), (18,), (6, 8, 4), (6, 4, 4, 4), (6, 6, 3)}
_BEFORE_X: Final = {(17,): (18,), (6, 8, 3): (6, 8, 4), (6, 4, 4, 3): (6, 4, 4, 4)}
_CARD_SHAPES: Final = {(size,) for size in range(13, 20)} | {
    (4, 4, 4, 1), (4, 4, 4, 2), (4, 4, 4, 4), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3),
    (4, 6, 4), (4, 6, 5), (6, 13),
}  # fmt: skip
_LANDLINE_SHAPES: Final = {(3, 7), (3, 8), (4, 7), (4, 8)}
_SHAPES: Final = frozenset(
    {*_MOBILE_SHAPES, *_WITH_COUNTRY, *_ID_SHAPES, *_BEFORE_X, *_CARD_SHAPES, *_LANDLINE_SHAPES}
)


def find(text: str) -> Iterator[Hit]:
    """Everything in a text that looks like one of `KINDS` and stands its check.

    In the order of the text within three passes (numbers, addresses, plates); hits do not
    overlap within a pass.
    """
    plain = text
    if not text.isascii() and _WIDE.search(text):
        plain = text.translate(_NARROW)  # as many characters
    for kind, start, end in _numbers(plain):
        yield Hit(kind, start, end, text[start:end])
    if "@" in plain:
        for start, end in _addresses(plain):
            yield Hit("email", start, end, text[start:end])
    if not plain.isascii():
        for found in _PLATE.finditer(plain):
            if sum(map(str.isdigit, found[0])) >= _PLATE_DIGITS:
                start, end = found.span()
                yield Hit("plate", start, end, text[start:end])


def normalise(kind: str, value: str) -> str:
    """The one spelling of a value, however it was written; not checked.

    Lower case for an address; else upper case without separators: a mobile number without its
    country code, an identity number of 15 digits as the one of 18 that replaced it.
    """
    plain = value.translate(_NARROW).strip()
    if kind == "email":
        return plain.lower()
    plain = re.sub(r"[\s()+·•・.-]", "", plain).upper()
    if kind == "mobile":
        return re.sub(r"\A(?:00)?86(?=1[3-9][0-9]{9}\Z)", "", plain)
    if kind == "id_number" and re.fullmatch("[0-9]{15}", plain):
        longer = plain[:6] + "19" + plain[6:]
        return longer + _mod_11_2(longer)
    return plain


def matches(kind: str, value: str) -> bool:
    """Whether a cell is one value of this kind and nothing else."""
    value = value.strip()
    return any(hit.kind == kind and hit.end - hit.start == len(value) for hit in find(value))


def _numbers(text: str) -> Iterator[tuple[str, int, int]]:
    done = 0
    for found in _NUMBER.finditer(text):
        start = found.start()
        if start < done:
            continue
        if not _is_code(text[start - 1 : start]):
            hit = _number(text, start) or _code(text, start)
        else:
            start -= 1 + _is_code(text[start - 2 : start - 1])
            hit = None if _is_code(text[start - 1 : start]) else _code(text, start)
        if hit is not None:
            done = hit[2]
            yield hit


def _is_code(character: str) -> bool:
    """Whether it is a letter or digit of codes; no character at all is not."""
    return character.isascii() and character.isalnum()


def _number(text: str, start: int) -> tuple[str, int, int] | None:
    """The longest number in digit groups that begins here and stands its check."""
    found = _GROUPS.match(text, start)
    if found is None:
        return None
    end = found.end()
    groups = re.split("[ -]", found[0])
    while groups:
        shape = tuple(map(len, groups))
        if shape in _SHAPES:
            kind, after = _by_shape("".join(groups), shape, text[end : end + 2], end)
            if kind is not None:
                return kind, _country(text, start) if kind == "mobile" else start, after
        end -= len(groups.pop()) + 1
    if text[start - 1 : start] == "(" and (found := _AREA.match(text, start)):
        return "landline", start - 1, found.end()
    return None


def _by_shape(digits: str, shape: tuple[int, ...], after: str, end: int) -> tuple[str | None, int]:
    """What a number of these digits in these groups is, and where it ends; `after`: two more."""
    if shape in _BEFORE_X and after[:1] in {"X", "x"} and not _is_code(after[1:]):
        digits, shape, after, end = digits + "X", _BEFORE_X[shape], after[1:], end + 1
    if _is_code(after[:1]):
        return None, end
    kind = None
    if (shape in _MOBILE_SHAPES and is_mobile(digits)) or (
        shape in _WITH_COUNTRY and is_mobile(normalise("mobile", digits))
    ):
        kind = "mobile"
    elif shape in _ID_SHAPES and is_id_number(digits):
        kind = "id_number"
    elif shape == (18,) and is_uscc(digits):
        kind = "uscc"
    elif shape in _CARD_SHAPES and is_bank_card(digits):
        kind = "bank_card"
    elif shape in _LANDLINE_SHAPES and digits[0] == "0" < digits[1]:
        kind = "landline"
    return kind, end


def _country(text: str, start: int) -> int:
    """Where a mobile number begins, with the country code that may stand before it."""
    earliest = max(start - 6, 0)
    before = _COUNTRY.search(text, earliest, start)
    if before:
        return before.start()
    return start - 1 if text[start - 1 : start] == "+" else start


def _code(text: str, start: int) -> tuple[str, int, int] | None:
    """A passport or a credit code that is the whole run of letters and digits from here."""
    found = _CODE.match(text, start)
    if found is None:
        return None
    code = found[0].upper()
    if len(code) == _PASSPORT_LENGTH and _PASSPORT.fullmatch(code):
        return "passport", start, found.end()
    return ("uscc", start, found.end()) if is_uscc(code) else None


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    at, done = text.find("@"), 0
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        local = _LOCAL.search(text[max(done, at - 64) : at]) if domain else None
        name = local[0].lstrip(".'-%") if local else ""
        if domain and name and not name.endswith("."):
            done = domain.end()
            yield at - len(name), done
        at = text.find("@", at + 1)


# -- checks ----------------------------------------------------------------------------------

_PROVINCES: Final = frozenset({
    "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41",
    "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71",
    "81", "82", "83",
})  # fmt: skip
_MUNICIPALITIES: Final = {"11": "02", "12": "02", "31": "02", "50": "03"}
_PASSPORT: Final = re.compile("(?:[EG][0-9]|[DSP]E|E[A-HJ-NP-Z])[0-9]{7}")
_PASSPORT_LENGTH: Final = 9
_USCC: Final = re.compile("[0-9ANY][0-9][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_MOD_11_2: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES: Final = {character: value for value, character in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS: Final = tuple(3**place % 31 for place in range(17))
_OLD_DOMESTIC: Final = {6013, 6033, 6858, 9111, 9558}
_FIRST_YEAR, _LAST_YEAR = 1880, 2049


def _are_digits(text: str, size: int) -> bool:
    return len(text) == size and text.isascii() and text.isdigit()


def is_mobile(digits: str) -> bool:
    """Whether eleven digits are a mobile number of mainland China."""
    return _are_digits(digits, 11) and digits[0] == "1" and digits[1] >= "3"


def is_id_number(text: str) -> bool:
    """Whether a text is a resident identity number: region, day, and check character if it has one.

    Also the number of a foreigner's permanent residence card of 2023, which begins with 9 and
    the province.
    """
    if _are_digits(text, 15):
        return _is_county(text[:6]) and _is_day(f"19{text[6:12]}")
    if len(text) != 18 or not _are_digits(text[:17], 17):
        return False
    region = _is_region(text[:6]) or (text[0] == "9" and text[1:3] in _PROVINCES)
    return region and _is_day(text[6:14]) and _mod_11_2(text[:17]) == text[17].upper()


def is_uscc(text: str) -> bool:
    """Whether a text is a unified social credit code with its check character."""
    if not _USCC.fullmatch(text) or not (text[2:4] in _PROVINCES or text[2:4] == "10"):
        return False
    total = sum(
        _USCC_VALUES[character] * weight
        for character, weight in zip(text[:17], _USCC_WEIGHTS, strict=True)
    )
    return _USCC_ALPHABET[-total % 31] == text[17]


def is_bank_card(digits: str) -> bool:
    """Whether digits are a card number: a prefix and length that are issued, Luhn's check digit."""
    if not 13 <= len(digits) <= 19 or not _are_digits(digits, len(digits)):
        return False
    return _is_issued(digits) and has_luhn(digits)


def has_luhn(digits: str) -> bool:
    """Whether digits end in Luhn's check digit (ISO/IEC 7812-1, annex B)."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(value * 2 - 9 * (value > 4) for value in values[1::2])) % 10 == 0


def _is_issued(digits: str) -> bool:
    """UnionPay, Visa, Mastercard, American Express, JCB, Diners, Discover, older domestic cards.

    Visa's 19 digits look like the order numbers of shops, and its 13 have not been issued for
    decades: they are not sought in free text.
    """
    first, four = digits[:2], int(digits[:4])
    match len(digits):
        case 14:
            return 3000 <= four <= 3059 or first in {"36", "38"}
        case 15:
            return first in {"34", "37"}
        case 16 if 2221 <= four <= 2720:
            return not _is_day(f"20{digits[:6]}")  # a reference that begins with a day: 230105
        case 16 if digits[0] == "4" or 5100 <= four <= 5599 or 3528 <= four <= 3589:
            return True
        case 16 if four == 6011 or first == "65" or 6440 <= four <= 6499:
            return True
    return len(digits) >= 16 and (first == "62" or four in _OLD_DOMESTIC)


def _mod_11_2(digits: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(digits, _MOD_11_2, strict=True))
    return "10X98765432"[total % 11]


def _is_region(code: str) -> bool:
    """Whether six digits can be a region of GB/T 2260, past ones included.

    The table itself changes every year and forgets; its scheme does not: prefectures are 01-70
    and 90 under a province, 01 to 03 under a municipality; the regions of 81 to 83 end in 0000.
    """
    province, prefecture = code[:2], code[2:4]
    if province not in _PROVINCES:
        return False
    if code[2:] == "0000" or province == "71":
        return True
    if province in {"81", "82", "83"}:
        return False
    if province in _MUNICIPALITIES:
        return "01" <= prefecture <= _MUNICIPALITIES[province]
    return "01" <= prefecture <= "70" or prefecture == "90"


def _is_county(code: str) -> bool:
    """Whether it is a region that a person could be registered in; the only check of 15 digits."""
    return _is_region(code) and code[4:6] != "00"


def _is_day(text: str) -> bool:
    """Whether eight digits are a day of the calendar on which somebody living may be born."""
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
