"""What the scanner saw: a drawn identity card, plainly marked as fictional.

No text but digits and a few Latin letters: the standard library has no font.
"""

from __future__ import annotations

import math
from random import Random

from ledger.sample.jpeg import jpeg
from ledger.sample.people import Customer

WIDTH, HEIGHT = 480, 304
_DESK, _CARD, _INK, _PALE, _SKIN = 250, 228, 40, 150, 190

# Five by seven dots, one number a row, the highest bit on the left.
_LETTERS = {
    "A": (14, 17, 17, 31, 17, 17, 17),
    "C": (14, 17, 16, 16, 16, 17, 14),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "N": (17, 25, 21, 19, 17, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "X": (17, 17, 10, 4, 10, 17, 17),
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
}


class _Page:
    """Grey values that rectangles, circles and letters are painted on."""

    def __init__(self) -> None:
        self.rows = [bytearray([_DESK]) * WIDTH for _ in range(HEIGHT)]

    def box(self, left: int, top: int, width: int, height: int, grey: int) -> None:
        for row in self.rows[top : top + height]:
            row[left : left + width] = bytes([grey]) * width

    def disc(self, x: int, y: int, radius: int, grey: int) -> None:
        for dy in range(-radius, radius + 1):
            half = math.isqrt(radius * radius - dy * dy)
            self.box(x - half, y + dy, 2 * half + 1, 1, grey)

    def text(self, left: int, top: int, letters: str, scale: int, grey: int) -> None:
        for number, letter in enumerate(letters):
            for y, dots in enumerate(_LETTERS[letter]):
                for x in range(5):
                    if dots >> 4 - x & 1:
                        place = left + (number * 6 + x) * scale
                        self.box(place, top + y * scale, scale, scale, grey)


def identity_card(random: Random, customer: Customer) -> bytes:
    """A JPEG of 480 by 304 grey pixels: the front of `customer`'s card, slightly askew."""
    page = _Page()
    page.box(24, 20, 424, 264, _PALE)
    page.box(26, 22, 420, 260, _CARD)
    for line in range(4):
        page.box(48, 48 + line * 32, 36, 12, _PALE)
        page.box(96, 48 + line * 32, random.randrange(60, 180), 12, _INK)
    page.box(312, 44, 112, 140, _SKIN)
    page.disc(368, 96, 30, _PALE)
    page.disc(368, 190, 50, _PALE)
    page.box(312, 184, 112, 60, _CARD)
    page.text(48, 186, "FICTIONAL", 4, _PALE)
    page.text(360, 206, customer.number, 2, _PALE)
    page.text(48, 240, customer.identity, 3, _INK)
    shear = random.randrange(-8, 9)
    pixels = b"".join(_shifted(row, shear * y // HEIGHT) for y, row in enumerate(page.rows))
    return jpeg(WIDTH, HEIGHT, pixels, f"fictional identity card of {customer.number}")


def _shifted(row: bytearray, by: int) -> bytes:
    """The row moved sideways; what comes in from the edge is the desk."""
    if by >= 0:
        return bytes([_DESK]) * by + bytes(row[: WIDTH - by])
    return bytes(row[-by:]) + bytes([_DESK]) * -by
