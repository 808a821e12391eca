"""The sentences of the pages in a bundle: data, in `wording.toml`, Chinese and English of each.

A sentence has a name, `[page.name]` with `zh` and `en`, and may have places to fill, the same in
both. A value that is a pair of words goes into each language by its own.

>>> say("chain.entries", size=30)
('前 30 个条目，根：', 'the first 30 entries, root:')
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ledger.bundle.eventwords import Words


def say(name: str, /, **values: int | str | Words) -> Words:
    """A sentence by its name, filled in. Raises `KeyError` for one that is not there."""
    page, _, part = name.partition(".")
    text = sentences()[page][part]
    filled = (
        text[language].format_map(
            {key: value[at] if isinstance(value, tuple) else value for key, value in values.items()}
        )
        for at, language in enumerate(("zh", "en"))
    )
    zh, en = filled
    return zh, en


@cache
def sentences() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Every sentence, by page and name."""
    with (Path(__file__).parent / "wording.toml").open("rb") as file:
        return tomllib.load(file)
