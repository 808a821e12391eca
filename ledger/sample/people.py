"""The people of the sample: customers who cannot exist, with numbers that check out.

The check digits agree with the usual textbook examples:

>>> identity_check_digit("11010519491231002")
'X'
>>> luhn_digit("7992739871")
'3'
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from random import Random

FIRM = "晴空样例保洁服务部"
FIRM_MAIL = "office@qingkong.example"
FICTIONAL = "虚构资料，仅供演示 / Fictional, for demonstration only"

SERVICES = (
    ("日常保洁", 120_00),
    ("深度保洁", 480_00),
    ("开荒保洁", 1_260_00),
    ("擦窗", 260_00),
    ("油烟机清洗", 180_00),
    ("地毯清洗", 340_00),
)
"""What the firm sells: name and price in fen."""

_SURNAMES = (*"林何郭罗梁宋唐许韩冯", "欧阳", "上官", "司徒", "令狐", "诸葛", "慕容")
_GIVEN = (
    *("安之", "思远", "清和", "若水", "望舒", "景行", "知秋"),
    *("听雨", "云舟", "予怀", "秉文", "南星", "怀瑾", "𬎆"),
)
"""The last one, U+2C386, is a character in use that GBK does not have."""
_STREETS = ("样例路", "虚构大街", "演示巷", "无名里", "示范街")


@dataclass(frozen=True)
class Customer:
    """One fictional customer of the firm."""

    number: str
    name: str
    identity: str
    phone: str
    address: str
    bank_card: str
    mail: str


@dataclass(frozen=True)
class Order:
    """One order: a service on a day, priced in fen."""

    number: str
    day: datetime.date
    customer: Customer
    service: str
    amount: int


def identity_check_digit(first17: str) -> str:
    """The 18th character of an identity number (GB 11643, ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(c) * 2 ** (17 - i) for i, c in enumerate(first17)) % 11]


def luhn_digit(payload: str) -> str:
    """The last digit of a bank card number (ISO/IEC 7812-1, annex B)."""
    doubled = (int(c) * (2 - i % 2) for i, c in enumerate(reversed(payload)))
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def customers(random: Random, count: int) -> list[Customer]:
    """`count` different customers.

    The identity number's area 999999 is not issued, no mobile number starts with 120, and no bank
    issues cards under 999999.
    """
    names: list[str] = []
    while len(names) < count:
        name = random.choice(_SURNAMES) + random.choice(_GIVEN)
        if name not in names:
            names.append(name)
    return [_customer(random, number, name) for number, name in enumerate(names, start=1)]


def _customer(random: Random, number: int, name: str) -> Customer:
    born = datetime.date(1950, 1, 1) + datetime.timedelta(days=random.randrange(19_000))
    first17 = f"999999{born:%Y%m%d}{random.randrange(1_000):03d}"
    card = f"999999{random.randrange(10**9):09d}"
    return Customer(
        number=f"KH{number:04d}",
        name=name,
        identity=first17 + identity_check_digit(first17),
        phone=f"120{random.randrange(10**8):08d}",
        address=f"虚构市样例区{random.choice(_STREETS)}{random.randrange(1, 300)}号"
        f"{random.randrange(1, 30)}栋{random.randrange(101, 1_800)}室",
        bank_card=card + luhn_digit(card),
        mail=f"kh{number:04d}@customer.example",
    )


def orders(random: Random, people: list[Customer], year: int, count: int) -> list[Order]:
    """`count` orders of `year` in the order of their days."""
    start = datetime.date(year, 1, 1)
    days = sorted(random.randrange(365) for _ in range(count))
    result = []
    for number, day in enumerate(days, start=1):
        service, price = random.choice(SERVICES)
        result.append(
            Order(
                number=f"DD{year}{number:05d}",
                day=start + datetime.timedelta(days=day),
                customer=random.choice(people),
                service=service,
                amount=price * random.randrange(1, 4),
            )
        )
    return result


def yuan(fen: int) -> str:
    """An amount in fen as people write it: `1260.00`."""
    return f"{fen // 100}.{fen % 100:02d}"
