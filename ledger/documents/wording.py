r"""Texts that people sign or are sent, as data: TOML files in `texts/`, for a lawyer to change.

    version = 1
    title = [zh, en]
    sides = ["seller" | "buyer" | "broker" | "party", …]   who signs; none: it is sent, not signed
    [[clause]]
    title = [zh, en]
    text = [[zh, en], …]                                    paragraphs with {placeholders}
    table = "signers" | "persons" | "inventory"             optional, made from the ledger

What the ledger does not know is left to be written in by hand: `{blank}` is a line. A placeholder
that no filling has is an error.

>>> written("甲方：{seller}，联系方式：{blank}。", {"seller": "洁净保洁"})
'甲方：洁净保洁，联系方式：＿＿＿＿＿＿。'
>>> written("{buyer}", {})
Traceback (most recent call last):
ValueError: no filling has {buyer}
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

BLANK: Final = "＿＿＿＿＿＿"
_TEXTS: Final = Path(__file__).parent / "texts"
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


@cache
def text_of(name: str) -> dict[str, Any]:
    """One text as the file has it."""
    return tomllib.loads((_TEXTS / f"{name}.toml").read_text("utf-8"))


def paragraphs(clause: Mapping[str, Any], known: Mapping[str, str]) -> list[tuple[str, str]]:
    """The paragraphs of a clause, filled, each in Chinese and English."""
    return [(written(zh, known), written(en, known)) for zh, en in clause["text"]]


def written(text: str, known: Mapping[str, str]) -> str:
    """A text with its placeholders filled. Raises `ValueError` for one that nobody knows."""

    def filling(place: re.Match[str]) -> str:
        if place[1] == "blank":
            return BLANK
        if place[1] not in known:
            raise ValueError(f"no filling has {place[0]}")
        return known[place[1]]

    return _PLACE.sub(filling, text).replace("□ ", "□\N{NO-BREAK SPACE}")
