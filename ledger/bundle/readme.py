"""README.zh.md, README.en.md and 非主张声明.md: the first pages that a stranger opens.

They name ids, counts, digests and times only, and the fields that this bundle opens nowhere: what
is opened is shown where it is proved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ledger.bundle.eventwords import Words
from ledger.bundle.saying import both
from ledger.documents.cells import china
from ledger.offline.report import CLAIMS
from ledger.told import Told

_HERE: Final = Path(__file__).parent
MEANING: Final[Mapping[str, Words]] = {
    "package_intact": (
        "文件齐全、未变，并有导出人用账本登记的密钥所作的签名",
        "every file is there and unchanged; an exporter whom the ledger knows signed for it",
    ),
    "checkpoint_trusted": (
        "账本的状态由您给出的验证公钥（或由它依次更换来的公钥）签名",
        "the ledger's state is signed by the key you gave, or by one that replaced it",
    ),
    "events_genuine": (
        "每一件事件都由所列签名人签名，并且在账本中",
        "the signers named signed every event, and every event is in the ledger",
    ),
    "keys_current": (
        "您所信任的见证方核算过索引：截至该状态，除本证据包所示外，没有密钥被吊销或报告失密",
        "a cosigner whom you trust recomputed the index: no key's end is left out up to there",
    ),
    "streams_unbroken": (
        "所列的每一串事件从第 1 号起没有缺号、重号或倒序",
        "no series of events shown has a gap, a repeat or another order",
    ),
    "disclosed": (
        "披露的字段和附件，正是签名当时所密封的内容",
        "what is opened or attached is what was sealed when it was signed",
    ),
    "witnessed": (
        "您所信任的见证方见过包含这些事件的账本状态",
        "a cosigner whom you trust saw a state of the ledger with all of these events",
    ),
    "time": (
        "每件事件都早于您所信任的某个时间戳，且没有时间戳与其受理时间相矛盾",
        "every event is older than a time-stamp that you trust, and none contradicts its time",
    ),
    "complete": (
        "您所信任的见证方核算过索引：截至该状态没有别的事件涉及该对象（记录含其副本）",
        "a cosigner whom you trust recomputed the index: nothing else names it, or its copies",
    ),
    "permitted": (
        "总是“无法判断”：核验程序不判断当时是否有权这样做",
        'always "cannot be decided": who was entitled to what is not judged here',
    ),
}
"""What a claim means when it holds, in the order of the verifiers' report."""


def pages(told: Told) -> Iterator[tuple[str, bytes]]:
    """The three pages, by file name."""
    for language, at in (("zh", 0), ("en", 1)):
        text = (_HERE / f"readme.{language}.md").read_text(encoding="utf-8")
        filled = text.format_map(_values(told, at))
        yield f"README.{language}.md", filled.encode("utf-8")
    yield "非主张声明.md", (_HERE / "nonclaims.md").read_bytes()


def _values(told: Told, at: int) -> dict[str, object]:
    own = len(told.own)
    withheld = sum(place.event is None for place in told.places)
    claims = (f"| `{claim}` | {MEANING[claim][at]} |" for claim in CLAIMS)
    about = f"{told.begins} – {told.ends}" if told.kind == "period" else told.object
    exported = f"{china(told.exported)}（UTC+8）" if at == 0 else f"{told.exported} (UTC)"
    return {
        "bundle": told.bundle, "origin": told.origin, "kind": both("BundleScope", told.kind)[at],
        "about": about, "own": own, "identity": len(told.places) - own, "withheld": withheld,
        "size": told.head.size, "root": told.head.root, "exported": exported,
        "tokens": len(told.tokens), "claims": "\n".join(claims),
        "cosigners": len({line.name for state in told.states for line in state.cosigned}),
    }  # fmt: skip
