"""How the catalogue of findings is written: a table for each chapter, a row for each code.

What a finding means for a court is said once for several codes, by a word of `MEANS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ledger.audit.finding import Chapter, Severity


class Both(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str

    def said(self, language: str) -> str:
        """In `zh`, or else in English."""
        return self.zh if language.startswith("zh") else self.en


Basis = tuple[tuple[str, str], ...]
"""Statutes, by their ids in the policy packs, and articles."""


class Entry(NamedTuple):
    """One code: `means` is what it comes to before a court."""

    code: str
    chapter: Chapter
    severity: Severity
    rule: str
    title: Both
    remedy: Both
    means: Both
    basis: Basis


MEANS: Final[Mapping[str, Both]] = {
    "content": Both(
        "what is shown is not what was signed: it proves nothing by itself (evidence rules 90, 93)",
        "所示内容并非当时所签：单凭它不能证明任何事实（证据规定第九十条、第九十三条）",
    ),
    "gap": Both(
        "something that was recorded is not there: what is left is not known to be complete",
        "曾经记录的内容不在：不能认为其余部分完整",
    ),
    "author": Both(
        "who said it is not proved: the signature does not bind anybody (ESL 13)",
        "是谁所言未获证明：该签名对任何人不生约束力（电子签名法第十三条）",
    ),
    "disputed": Both(
        "stays as evidence, but its signer may contest it; corroborate it with other evidence",
        "仍可作证据，但签名人可以提出异议；应以其他证据补强",
    ),
    "time": Both(
        "when it was done rests on the ledger's word, or is contradicted (evidence rules 93)",
        "何时所为仅凭账本自述，或已有相反证明（证据规定第九十三条）",
    ),
    "environment": Both(
        "bears on whether the system was whole and in order (evidence rules 93, items 1 to 3)",
        "关系到系统是否完整、正常运行（证据规定第九十三条第一至三项）",
    ),
    "unknown": Both(
        "cannot be decided from what is here: get what is missing before relying on it",
        "据现有内容无法判断：取得所缺部分之后方可依赖",
    ),
    "forbidden": Both(
        "the act is on record and genuine, and was not permitted when it was done",
        "该行为记录在案且真实，但当时不被允许",
    ),
    "duty": Both(
        "a duty that can be shown to be missed: the processor has to prove the absence of fault "
        "(PIPL 69)",
        "可以证明义务未履行：由个人信息处理者证明自己没有过错（个人信息保护法第六十九条）",
    ),
    "custody": Both(
        "the chain of custody has a break here: say what happened to the copy, and who knows it",
        "保管链在此断开：须说明该副本的去向及知情人",
    ),
    "plain": Both(
        "no fault: something that a reader should know",
        "并非过失：阅读者应当知道的情况",
    ),
}

Row = tuple[Severity, str, str, str, str, str, str]
"""Severity, rule, word of `MEANS`; title in English and Chinese; remedy in English and Chinese."""


class Table(NamedTuple):
    """The codes of one chapter; `basis`: what stands behind those without a rule."""

    chapter: Chapter
    basis: Basis
    rows: Mapping[str, Row]

    def entries(self) -> Iterator[Entry]:
        """Each row as an `Entry`."""
        for code, (severity, rule, means, title, title_zh, remedy, remedy_zh) in self.rows.items():
            yield Entry(
                code, self.chapter, severity, rule, Both(title, title_zh), Both(remedy, remedy_zh),
                MEANS[means], () if rule else self.basis,
            )  # fmt: skip
