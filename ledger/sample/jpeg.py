"""A grey baseline JPEG (ITU-T T.81) in JFIF, written with integers only.

The cosine transform runs in fixed point and the Huffman codes are flat (every symbol of a table
has the same length), so that encoder and picture stay short and the bytes are the same everywhere.
"""

from __future__ import annotations

import math
import struct

_FIXED = 12
_COSINE = [
    [
        round(
            (1 << _FIXED)
            * (math.sqrt(0.5) if u == 0 else 1)
            / 2
            * math.cos((2 * x + 1) * u * math.pi / 16)
        )
        for x in range(8)
    ]
    for u in range(8)
]
_ZIGZAG = sorted(
    range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)
)
_QUANTUM = [6 + 4 * (i // 8 + i % 8) for i in range(64)]
_DC_SYMBOLS = bytes(range(12))
_DC_LENGTH = 4
_END, _SIXTEEN_ZEROS = 0x00, 0xF0
_AC_SYMBOLS = bytes(
    [_END, _SIXTEEN_ZEROS] + [run << 4 | size for run in range(16) for size in range(1, 11)]
)
_AC_LENGTH = 8


def jpeg(width: int, height: int, pixels: bytes, comment: str = "") -> bytes:
    """The picture of `width` times `height` grey values, row by row; multiples of 8 only.

    Raises ValueError when the sizes do not fit.
    """
    if width % 8 or height % 8 or len(pixels) != width * height:
        raise ValueError("a picture has whole blocks of 8 by 8 and one grey value a pixel")
    bits: list[str] = []
    last_dc = 0
    for top in range(0, height, 8):
        for left in range(0, width, 8):
            start = top * width + left
            rows = [pixels[start + y * width : start + y * width + 8] for y in range(8)]
            coefficients = _coefficients(rows)
            bits.append(_block(coefficients, last_dc))
            last_dc = coefficients[0]
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    data = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\x00")
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x01" + struct.pack(">HHBB", 150, 150, 0, 0)),
            _segment(0xFE, comment.encode()),
            _segment(0xDB, b"\x00" + bytes(_QUANTUM[i] for i in _ZIGZAG)),
            _segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)),
            _segment(0xC4, b"\x00" + _lengths(_DC_LENGTH, _DC_SYMBOLS) + _DC_SYMBOLS),
            _segment(0xC4, b"\x10" + _lengths(_AC_LENGTH, _AC_SYMBOLS) + _AC_SYMBOLS),
            _segment(0xDA, bytes([1, 1, 0x00, 0, 63, 0])),
            data,
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _lengths(length: int, symbols: bytes) -> bytes:
    """How many codes there are of 1 to 16 bits: all of them have `length`."""
    return bytes(len(symbols) if bits == length else 0 for bits in range(1, 17))


def _coefficients(rows: list[bytes]) -> list[int]:
    """The block's quantised coefficients in zigzag order."""
    first = rows[0][0]
    if all(row == rows[0] for row in rows) and rows[0].count(first) == 8:
        return [_rounded((first - 128) * 8, _QUANTUM[0])] + [0] * 63
    half = [
        [sum(c * (v - 128) for c, v in zip(line, row, strict=True)) for line in _COSINE]
        for row in rows
    ]
    full = [sum(c * half[y][u] for y, c in enumerate(line)) for line in _COSINE for u in range(8)]
    return [_rounded(full[i], _QUANTUM[i] << 2 * _FIXED) for i in _ZIGZAG]


def _rounded(value: int, quantum: int) -> int:
    return (value + quantum // 2) // quantum


def _block(coefficients: list[int], last_dc: int) -> str:
    size, extra = _magnitude(coefficients[0] - last_dc)
    bits = [f"{size:0{_DC_LENGTH}b}", extra]
    run = 0
    for value in coefficients[1:]:
        if value == 0:
            run += 1
            continue
        while run > 15:
            bits.append(_ac_code(_SIXTEEN_ZEROS))
            run -= 16
        size, extra = _magnitude(value)
        bits += [_ac_code(run << 4 | size), extra]
        run = 0
    if run:
        bits.append(_ac_code(_END))
    return "".join(bits)


def _ac_code(symbol: int) -> str:
    return f"{_AC_SYMBOLS.index(symbol):0{_AC_LENGTH}b}"


def _magnitude(value: int) -> tuple[int, str]:
    """How many bits a value takes, and these bits (T.81, F.1.2.1: negative ones less one)."""
    size = abs(value).bit_length()
    return size, f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""
