"""The answer about a bundle: claims, findings, events; as JSON and as text for people.

JSON: `format` (`muniment-evidence-report/1`), `bundle`, `origin`, `scope`, `checkpoint` (`size`,
`root` in base64), `verdict`, `claims` (`claim`, `answer`, `reasons`), `findings` (`code`, `step`,
`cause`, and where they apply `file`, `event`, `expected`, `actual`), `findings_omitted`, `events`
(`event`, `entry`, `answer`, and if genuine so far `accepted`, `type`, `at`, `by`, `role`). What is
not known is left out. `answer`: holds, fails or undecided. The text depends on nothing but the
bundle and the key, so that it can be compared.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Set, Tuple

from .findings import CAUSES, DISPUTED, INVALID, UNVERIFIABLE, Finding, Findings

FORMAT = "muniment-evidence-report/1"
HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
VALID = "valid"

# claim: English, Chinese
CLAIMS: Dict[str, Tuple[str, str]] = {
    "package_intact": (
        "the package is complete, unchanged and signed by its exporter",
        "证据包完整、未改动,并有导出人签名",
    ),
    "checkpoint_trusted": (
        "the ledger's state is signed by the key you trust",
        "账本状态由您信任的公钥签名",
    ),
    "events_genuine": (
        "those named signed every event, and each is in the ledger",
        "每一事件都由所列签名人签名,并且在账本中",
    ),
    "streams_unbroken": (
        "no event is missing between the events shown",
        "所列事件之间没有缺失",
    ),
    "complete": ("there are no other or later events", "没有其他或此后的事件"),
    "time": ("the accepted times are true", "受理时间属实"),
    "permitted": ("what was done was permitted", "所做的事当时被允许"),
}
# Why a claim is never decided in this version: code, English, Chinese.
UNDECIDABLE: Dict[str, Tuple[str, str, str]] = {
    "complete": (
        "no_index",
        "this version has no provable index; later events may exist",
        "本版本没有可证明的索引,此后可能还有事件",
    ),
    "time": (
        "ledgers_word",
        "they are the ledger's word; there is no time stamp",
        "这是账本自己的说法,没有第三方时间戳",
    ),
    "permitted": ("not_judged", "not judged here", "这里不判断"),
}
_NOT_REACHED = ("not_reached", "could not be examined", "无法检查")

_ANSWERS = {
    HOLDS: ("holds", "成立"),
    FAILS: ("fails", "不成立"),
    UNDECIDED: ("cannot be decided", "无法判断"),
}
_VERDICTS = {
    VALID: ("VALID", "有效"),
    DISPUTED: ("DISPUTED: a signing key was reported as compromised", "有争议:签名密钥被告知失密"),
    UNVERIFIABLE: ("UNVERIFIABLE: something needed is missing", "无法核验:缺少所需内容"),
    INVALID: ("INVALID: something is not what was signed", "无效:有内容与签名不符"),
}
_LABELS = (
    ("Bundle", "证据包"),
    ("Ledger", "账本"),
    ("Scope", "范围"),
    ("State", "账本状态"),
    ("Verdict", "总结论"),
)
_STATE = ("{} entries, root {}", "{} 个条目,根 {}")
_EVENTS = ("Events: {}, in the order of the ledger", "事件:{} 件,按账本次序")
_FINDINGS = ("Findings: {}", "发现的问题:{} 处")
_DETAIL = ((" (expected {}, found {})", "(应为 {},实为 {})"), (" (found {})", "(实为 {})"))


_STEPS = {
    "package_intact": (1, 2, 3, 10),
    "checkpoint_trusted": (4,),
    "events_genuine": (5, 6, 7, 8),
    "streams_unbroken": (9,),
}


class Claim(NamedTuple):
    """One claim: its answer, and the codes of why it does not hold."""

    claim: str
    answer: str
    reasons: List[str]


class EventRow(NamedTuple):
    """One event: where it stands, what it says (None: not genuine), and whether that holds."""

    event: str
    entry: int
    says: Dict[str, str] | None
    answer: str


class Report(NamedTuple):
    """The answer about one bundle; ids are empty and `size` is -1 where they are not known."""

    bundle: str
    origin: str
    scope: str
    size: int
    root: str
    verdict: str
    claims: List[Claim]
    findings: List[Finding]
    omitted: int
    events: List[EventRow]

    @property
    def exit_code(self) -> int:
        """0 if the bundle is valid, else 3."""
        return 0 if self.verdict == VALID else 3

    def as_dict(self) -> Dict[str, Any]:
        """The report as JSON has it (module docstring)."""
        report: Dict[str, Any] = {"format": FORMAT, "verdict": self.verdict}
        for name in ("bundle", "origin", "scope"):
            if getattr(self, name):
                report[name] = getattr(self, name)
        if self.size >= 0:
            report["checkpoint"] = {"size": self.size, "root": self.root}
        report["claims"] = [claim._asdict() for claim in self.claims]
        report["findings"] = [_finding(finding) for finding in self.findings]
        report["findings_omitted"] = self.omitted
        report["events"] = [
            {"event": row.event, "entry": row.entry, "answer": row.answer, **(row.says or {})}
            for row in self.events
        ]
        return report

    def as_json(self) -> str:
        """The report as one JSON text, with its newline."""
        return json.dumps(self.as_dict(), ensure_ascii=False, sort_keys=True, indent=2) + "\n"

    def as_text(self, language: str = "en") -> str:
        """The report for people, in `en` or `zh`."""
        at = 1 if language == "zh" else 0
        state = _STATE[at].format(self.size, self.root) if self.size >= 0 else ""
        values = (self.bundle, self.origin, self.scope, state, _VERDICTS[self.verdict][at])
        pad = 9 if at == 0 else 0
        lines = [
            "{}  {}".format(label[at].ljust(pad), value or "?")
            for label, value in zip(_LABELS, values)
        ]
        lines.append("")
        lines += [self._claim(claim, at) for claim in self.claims]
        if self.findings:
            lines += ["", _FINDINGS[at].format(len(self.findings) + self.omitted)]
            lines += [_described(finding, at) for finding in self.findings]
        lines += ["", _EVENTS[at].format(len(self.events))]
        lines += [_row(row, at) for row in self.events]
        return "\n".join(lines) + "\n"

    def _claim(self, claim: Claim, at: int) -> str:
        text = f"{claim.claim.ljust(18)}  {CLAIMS[claim.claim][at]}: {_ANSWERS[claim.answer][at]}"
        known = {code: (english, chinese) for code, english, chinese in UNDECIDABLE.values()}
        known[_NOT_REACHED[0]] = _NOT_REACHED[1:]
        reasons = [known[code][at] if code in known else code for code in claim.reasons]
        return text + (" ({})".format(", ".join(reasons)) if reasons else "")


def judge(findings: Findings, reached: Set[str]) -> Tuple[str, List[Claim]]:
    """The verdict and the answer to every claim; `reached`: the claims that were examined."""
    weights = findings.weights()
    verdict = next((w for w in (INVALID, UNVERIFIABLE, DISPUTED) if w in weights), VALID)
    return verdict, [_answer(claim, findings, reached) for claim in CLAIMS]


def _answer(claim: str, findings: Findings, reached: Set[str]) -> Claim:
    if claim in UNDECIDABLE:
        return Claim(claim, UNDECIDED, [UNDECIDABLE[claim][0]])
    weights = findings.weights(_STEPS[claim])
    codes = sorted({one.code for one in findings.sorted() if one.step in _STEPS[claim]})
    if weights:
        return Claim(claim, FAILS if INVALID in weights else UNDECIDED, codes)
    if claim not in reached:
        return Claim(claim, UNDECIDED, [_NOT_REACHED[0]])
    return Claim(claim, HOLDS, [])


def _finding(finding: Finding) -> Dict[str, Any]:
    shown = {name: value for name, value in finding._asdict().items() if value is not None}
    return {**shown, "cause": CAUSES[finding.code][1]}


def _described(finding: Finding, at: int) -> str:
    where = finding.event or finding.file or ""
    cause = CAUSES[finding.code][1 + at]
    text = "  ".join(part for part in (f"  {finding.step}. {finding.code}", where) if part)
    text += f": {cause}"
    if finding.expected is not None:
        return text + _DETAIL[0][at].format(finding.expected, finding.actual or "-")
    if finding.actual is not None:
        return text + _DETAIL[1][at].format(finding.actual)
    return text


def _row(row: EventRow, at: int) -> str:
    said = row.says or {}
    parts = [str(row.entry), said.get("accepted", ""), said.get("type", ""), row.event]
    if said:
        parts.append("{} ({})".format(said["by"], said["role"]))
    return "  {}: {}".format("  ".join(part for part in parts if part), _ANSWERS[row.answer][at])
