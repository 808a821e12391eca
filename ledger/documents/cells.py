"""Cells of the pages: what a twin's values look like, as lines of text in both languages.

Lines are (style, text…); styles are `zh`, `en`, `mono`, and `both` for a text in Chinese with its
English behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from domain.codes import ENUMERATIONS, label
from ledger.documents.words import FIELDS, WORDS, Words

Line = tuple[str, ...]
Cell = Sequence[Line]

CODES: Final[Mapping[str, str]] = {
    "verdict": "CertificateVerdict",
    "ground": "DestructionGround",
    "method": "DestructionMethodClass",
    "technique": "DestructionTechnique",
    "appraisal": "CheckResult",
    "result": "CheckResult",
    "role": "Role",
    "form": "MediumForm",
    "medium": "BackupMedium",
    "keystore_medium": "BackupMedium",
    "outcome": "ItemOutcome",
    "verified": "VerificationResult",
    "category": "RecordCategory",
    "level": "DataLevel",
    "kind": "KeyCopyKind",
}
"""Members that hold codes, and of which enumeration."""
_CHINA: Final = timedelta(hours=8)
_TIME: Final = "YYYY-MM-DDTHH:MM:SS.mmmZ"
_GROUP, _GROUPS = 4, 8
_DIGEST: Final = 64


def grouped(digest: str) -> list[str]:
    """A digest in hex as lines to be read aloud: groups of four digits, eight a line.

    >>> grouped("0123456789abcdef" * 4)[1]
    '0123 4567 89ab cdef 0123 4567 89ab cdef'
    """
    groups = [digest[at : at + _GROUP] for at in range(0, len(digest), _GROUP)]
    return [" ".join(groups[at : at + _GROUPS]) for at in range(0, len(groups), _GROUPS)]


def china(time: str) -> str:
    """A time as people in China read it.

    >>> china("2026-11-21T16:30:05.120Z")
    '2026-11-22 00:30:05'
    """
    local = datetime.fromisoformat(time[:-1]) + _CHINA
    return local.isoformat(sep=" ", timespec="seconds")


def in_order(names: Iterable[str]) -> list[str]:
    """Members in the order in which people are told them; the twin has them sorted."""
    order = list(FIELDS)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def is_table(value: object) -> bool:
    """Whether a value is rows with members."""
    return isinstance(value, list) and any(value) and all(isinstance(v, dict) for v in value)


def words_of(text: Mapping[str, str]) -> Words:
    """A text of the program, in both languages."""
    return text.get("zh", ""), text.get("en", "")


def person(twin: Mapping[str, Any], actor: str, role: str | None = None) -> list[Line]:
    """Who somebody is: name if the twin has it, role, id, and the keys used."""
    signer: Mapping[str, Any] = next((s for s in twin["signers"] if s["actor"] == actor), {})
    lines: list[Line] = [("zh", signer["name"])] if "name" in signer else []
    if role:
        lines += label_of("Role", role)
    keys = signer.get("keys", ())
    return [*lines, ("mono", actor), *([("mono", f"密钥 key {', '.join(keys)}")] if keys else [])]


def beside(*cells: Cell) -> list[Line]:
    """Labels of several codes: their Chinese on one line, their English on the next."""
    labels = [line for cell in cells for line in cell if line[0] == "both"]
    return (
        [
            (
                style,
                "、".join(label[at] for label in labels)
                if at == 1
                else ", ".join(label[at] for label in labels),
            )
            for at, style in ((1, "zh"), (2, "en"))
        ]
        if labels
        else [("zh", "—")]
    )


def stacked(cell: Cell) -> list[Line]:
    """The English of labels under their Chinese."""
    return [
        part for line in cell
        for part in ([("zh", line[1]), ("en", line[2])] if line[0] == "both" else [line])
    ]  # fmt: skip


def figure(value: object) -> str:
    """A number with its thousands apart; a dash if there is none."""
    return f"{value:,}" if isinstance(value, int) else "—"


def numbered(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows with their numbers, from 1."""
    return enumerate(items, 1)


def code(twin: Mapping[str, Any], name: str, item: Mapping[str, Any]) -> list[Line]:
    """A member of a row; a dash if it is absent."""
    return value_of(twin, name, item.get(name)) or [("zh", "—")]


def value_of(twin: Mapping[str, Any], name: str, value: Any) -> list[Line]:  # noqa: ANN401  any JSON value
    """A value as lines."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [("both", "是", "yes") if value else ("both", "否", "no")]
    if isinstance(value, int):
        return [("mono", f"{value:,}")]
    if isinstance(value, str):
        return _text(twin, name, value)
    if isinstance(value, list):
        return [line for one in value for line in value_of(twin, name, one)] or [
            ("both", "无", "none")
        ]
    lines: list[Line] = []
    if set(value) == {"zh", "en"}:
        return [("zh", value["zh"]), ("en", value["en"])]
    for key, part in value.items():
        words = FIELDS.get(key, (key, key))
        lines += [("both", *words), *value_of(twin, key, part)]
    return lines


def _text(twin: Mapping[str, Any], name: str, value: str) -> list[Line]:
    words = WORDS.get(f"{name}.{value}") or WORDS.get(value)
    if words is not None:
        return [("both", *words)]
    enumeration = CODES.get(name)
    if enumeration and value in ENUMERATIONS[enumeration].codes:
        return label_of(enumeration, value)
    if value.startswith("actor-"):
        return person(twin, value)
    if len(value) == len(_TIME) and value[10:11] == "T" and value.endswith("Z"):
        return [("mono", china(value))]
    if len(value) == _DIGEST and not set(value) - set("0123456789abcdef"):
        return [("mono", line) for line in grouped(value)]
    return [("mono" if value.isascii() else "zh", value)]


def label_of(enumeration: str, code: str) -> list[Line]:
    """The label of a code; the code itself if this program does not know it."""
    return [("both", said_in(enumeration, code, 0), said_in(enumeration, code, 1))]


def said_in(enumeration: str, code: str, language: int) -> str:
    """A label in one language: 0 for Chinese, 1 for English."""
    if code not in ENUMERATIONS[enumeration].codes:
        return code
    return label(enumeration, code, "en" if language else "zh")
