"""The answer about a bundle: claims, findings, events; as JSON and as text for people.

JSON: `format` (`muniment-evidence-report/2`), `bundle`, `origin`, `kind`, `scope` (the id, or the
period as `<from>/<to>`), `checkpoint` (`size`, `root` in base64), `cosigners` (the names of those
whose cosignature holds), `complete_to`, `keys_current_to` (if `complete`, `keys_current` hold: up
to how many entries), `verdict`,
`claims` (`claim`, `answer`, `reasons`), `findings` (`code`, `step`, `cause`, and where they apply
`file`, `event`, `expected`, `actual`), `findings_omitted`, `events` (`event`, `entry`, `answer`,
`redacted`: the reason, and if genuine so far `accepted`, `type`, `at`, `by`, `role`, and by trusted
time tokens `not_before`, `not_after`), `attachments` if there are any (`file`, `event`, `kind`,
`redacted`: why it does not go in clear). What is not known is left out. `answer`: holds, fails or
undecided. The text depends on nothing but the bundle and what is trusted, so that it can be
compared.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Set, Tuple

from .findings import (
    CAUSES,
    DISPUTED,
    INVALID,
    UNVERIFIABLE,
    Finding,
    Findings,
    weight_of,
)

FORMAT = "muniment-evidence-report/2"
HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
VALID = "valid"

# claim: English, Chinese
CLAIMS: Dict[str, Tuple[str, str]] = {
    "package_intact": (
        "the package is complete, unchanged and signed by its exporter",
        "证据包完整、未改动，并有导出人签名",
    ),
    "checkpoint_trusted": (
        "the ledger's state is signed by the key you trust",
        "账本状态由您信任的验证公钥签名",
    ),
    "events_genuine": (
        "those named signed every event, and each is in the ledger",
        "每一事件都由所列签名人签名，并且在账本中",
    ),
    "keys_current": (
        "no key was revoked or reported up to the size named, but for what is shown",
        "除所示外，至所述条目数为止没有密钥被吊销或报告失密",
    ),
    "streams_unbroken": (
        "no event is missing between the events shown",
        "所列事件之间没有缺失",
    ),
    "disclosed": (
        "what is shown in clear is what was signed for",
        "所披露的字段与附件即当时签名所承诺的内容",
    ),
    "witnessed": (
        "a witness you trust has seen a state of the ledger with all of these events",
        "您信任的见证方看过包含全部这些事件的账本状态",
    ),
    "time": (
        "every event is older than a time-stamp you trust, and none contradicts its accepted time",
        "每一事件都早于您信任的某个时间戳，且没有时间戳与其受理时间相矛盾",
    ),
    "complete": (
        "there are no other events of this scope in the ledger up to the size named",
        "截至所示大小，账本中没有属于该范围的其他事件",
    ),
    "permitted": ("what was done was permitted", "所做的事当时被允许"),
}
# Why a claim cannot be decided although nothing is wrong: English, Chinese.
REASONS: Dict[str, Tuple[str, str]] = {
    "no_events": (
        "there are no events of which this could be said",
        "没有可作此判断的事件",
    ),
    "attachment_unproved": (
        "a file that is redacted or sealed cannot be compared with the original",
        "经遮盖或加密的附件无法与原件比对",
    ),
    "nothing_disclosed": ("nothing is shown in clear", "没有披露任何字段或附件"),
    "no_cosigner_trusted": (
        "you named no witness that you trust",
        "您没有指定所信任的见证方",
    ),
    "not_cosigned": (
        "no witness that you trust has cosigned a state with all of these events",
        "您信任的见证方都没有副署包含全部这些事件的状态",
    ),
    "no_tsa_trusted": (
        "the accepted times are the ledger's word: you named no time-stamp authority",
        "受理时间是账本自己的说法：您没有指定所信任的时间戳机构",
    ),
    "no_token": (
        "the accepted times are the ledger's word: there is no time token",
        "受理时间是账本自己的说法：没有时间戳",
    ),
    "token_issuer_unknown": (
        "the time tokens are not of an authority that you trust",
        "时间戳不是您信任的机构签发的",
    ),
    "interval_open": (
        "not every event is older than a time token",
        "不是每一事件都早于某个时间戳",
    ),
    "no_index": (
        "there is no index of the ledger to show that there are no other events",
        "没有账本索引可以说明没有其他事件",
    ),
    "index_partial": (
        "the bundle does not show the index of every copy and signer",
        "证据包没有出示每一份副本和每一位签名人的索引",
    ),
    "not_certified": (
        "nobody whom you trust has verified the whole ledger for this",
        "没有您信任的人为此核验过整个账本",
    ),
    "search": (
        "this is what a search for the person found; it may have missed something",
        "这是对该个人的检索结果，可能有遗漏",
    ),
    "redacted": (
        "events are withheld; what they are is the exporter's word",
        "有事件被遮盖，它们是什么只有导出人的说法",
    ),
    "not_judged": ("not judged here", "这里不判断"),
    "not_reached": ("could not be examined", "无法检查"),
}

_ANSWERS = {
    HOLDS: ("holds", "成立"),
    FAILS: ("fails", "不成立"),
    UNDECIDED: ("cannot be decided", "无法判断"),
}
_VERDICTS = {
    VALID: ("VALID", "有效"),
    DISPUTED: ("DISPUTED: a signing key was reported as compromised", "有争议：签名密钥被告知失密"),
    UNVERIFIABLE: ("UNVERIFIABLE: something needed is missing", "无法核验：缺少所需内容"),
    INVALID: ("INVALID: something is not what was signed", "无效：有内容与签名不符"),
}
# What is said in place of the verdict if the container could not even be read.
_NO_BUNDLE = (
    "INVALID: this is no evidence bundle, or it was repacked or altered; nothing was examined",
    "无效：这不是证据包，或者已被重新打包、改动；没有检查其中任何内容",
)
_LABELS = (
    ("Bundle", "证据包"),
    ("Ledger", "账本"),
    ("Scope", "范围"),
    ("State", "账本状态"),
    ("Cosigned", "见证"),
    ("Verdict", "总结论"),
)
_STATE = ("{} entries, root {}", "{} 个条目，根 {}")
_EVENTS = ("Events: {}, in the order of the ledger", "事件：{} 件，按账本次序")
_ATTACHED = ("Attachments: {}", "附件：{} 件")
_FINDINGS = ("Findings: {}", "发现的问题：{} 处")
_REDACTED = ("withheld: {}", "遮盖：{}")
_BETWEEN = ("provably {} to {}", "可证明于 {} 至 {}")
_COLON, _COMMA = (": ", "："), (", ", "、")
_WHY = (" ({})", "（{}）")
_UP_TO = (" (up to {} entries)", "（截至 {} 个条目）")
_DETAIL = ((" (expected {}, found {})", "（应为 {}，实为 {}）"), (" (found {})", "（实为 {}）"))


# Which findings speak against a claim.
_STEPS: Dict[str, Tuple[int, ...]] = {
    "package_intact": (1, 2, 3, 10),
    "checkpoint_trusted": (4,),
    "events_genuine": (5, 6, 7, 8),
    "disclosed": (11,),
    "time": (12,),
}
_CODES: Dict[str, Tuple[str, ...]] = {
    "streams_unbroken": ("version_gap", "period_gap"),
    "disclosed": ("selection_differs",),
    "witnessed": ("cosignature_fails",),
    "complete": ("version_gap", "period_gap", "index_differs", "index_malformed"),
}
# These rest on a state that is trusted and on events that are genuine.
_RESTING = ("keys_current", "disclosed", "witnessed", "time", "complete")


class Claim(NamedTuple):
    """One claim: its answer, and the codes of why it does not hold."""

    claim: str
    answer: str
    reasons: List[str]


class EventRow(NamedTuple):
    """One event: where it stands, what is known of it, and whether that holds.

    `says`: the other fields that the report has of it (module docstring).
    """

    event: str
    entry: int
    says: Dict[str, str]
    answer: str


class AttachedRow(NamedTuple):
    """One attached file, `clear`, `redacted` or `sealed`; `reason`: empty if in clear."""

    file: str
    event: str
    kind: str
    reason: str


class Report(NamedTuple):
    """The answer about one bundle; texts are empty and numbers -1 where they are not known."""

    bundle: str
    origin: str
    kind: str
    scope: str
    size: int
    root: str
    cosigners: List[str]
    complete_to: int
    keys_current_to: int
    verdict: str
    claims: List[Claim]
    findings: List[Finding]
    omitted: int
    events: List[EventRow]
    attached: List[AttachedRow]

    @property
    def exit_code(self) -> int:
        """0 if the bundle is valid, else 3."""
        return 0 if self.verdict == VALID else 3

    def as_dict(self) -> Dict[str, Any]:
        """The report as JSON has it (module docstring)."""
        report: Dict[str, Any] = {"format": FORMAT, "verdict": self.verdict}
        for name in ("bundle", "origin", "kind", "scope"):
            if getattr(self, name):
                report[name] = getattr(self, name)
        if self.size >= 0:
            report["checkpoint"] = {"size": self.size, "root": self.root}
        for name in ("complete_to", "keys_current_to"):
            if getattr(self, name) >= 0:
                report[name] = getattr(self, name)
        report["cosigners"] = self.cosigners
        report["claims"] = [claim._asdict() for claim in self.claims]
        report["findings"] = [_finding(finding) for finding in self.findings]
        report["findings_omitted"] = self.omitted
        report["events"] = [
            {"event": row.event, "entry": row.entry, "answer": row.answer, **row.says}
            for row in self.events
        ]
        if self.attached:
            report["attachments"] = [_attached(row) for row in self.attached]
        return report

    def as_json(self) -> str:
        """The report as one JSON text, with its newline."""
        return json.dumps(self.as_dict(), ensure_ascii=False, sort_keys=True, indent=2) + "\n"

    def as_text(self, language: str = "en") -> str:
        """The report for people, in `en` or `zh`."""
        at = 1 if language == "zh" else 0
        state = _STATE[at].format(self.size, self.root) if self.size >= 0 else ""
        scope = f"{self.kind} {self.scope}" if self.scope else ""
        cosigned = ", ".join(self.cosigners) or "-"
        unread = bool(self.findings) and all(found.step == 1 for found in self.findings)
        verdict = (_NO_BUNDLE if unread else _VERDICTS[self.verdict])[at]
        values = (self.bundle, self.origin, scope, state, cosigned, verdict)
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
        if self.attached:
            lines += ["", _ATTACHED[at].format(len(self.attached))]
            lines += [_file(row, at) for row in self.attached]
        return "\n".join(lines) + "\n"

    def _claim(self, claim: Claim, at: int) -> str:
        said: str = CLAIMS[claim.claim][at] + _COLON[at] + _ANSWERS[claim.answer][at]
        text = f"{claim.claim.ljust(18)}  {said}"
        upto = {"complete": self.complete_to, "keys_current": self.keys_current_to}
        if upto.get(claim.claim, -1) >= 0:
            text += _UP_TO[at].format(upto[claim.claim])
        reasons = [REASONS[code][at] if code in REASONS else code for code in claim.reasons]
        return text + (_WHY[at].format(_COMMA[at].join(reasons)) if reasons else "")


def judge(
    findings: Findings, reached: Set[str], open_claims: Dict[str, str]
) -> Tuple[str, List[Claim]]:
    """The verdict and the answer to every claim.

    `reached`: the claims that were examined; `open_claims`: why a claim cannot be decided even if
    nothing is wrong, as a code of `REASONS`, or which finding speaks against it.
    """
    weights = {weight_of(code) for code in findings.codes}
    verdict = next((w for w in (INVALID, UNVERIFIABLE, DISPUTED) if w in weights), VALID)
    claims = {claim: _answer(claim, findings, reached, open_claims) for claim in CLAIMS}
    based = claims["checkpoint_trusted"].answer == HOLDS
    if not based or claims["events_genuine"].answer == FAILS:
        for claim in _RESTING:
            if claims[claim].answer != FAILS:
                claims[claim] = Claim(claim, UNDECIDED, ["not_reached"])
    return verdict, list(claims.values())


def _answer(
    claim: str, findings: Findings, reached: Set[str], open_claims: Dict[str, str]
) -> Claim:
    steps, listed = _STEPS.get(claim, ()), _CODES.get(claim, ())
    codes = [c for c in sorted(findings.codes) if CAUSES[c][0] in steps or c in listed]
    if codes:
        failing = {weight_of(code) for code in codes}
        fails = INVALID in failing or "accepted_outside_interval" in codes
        return Claim(claim, FAILS if fails else UNDECIDED, codes)
    if claim not in reached:
        return Claim(claim, UNDECIDED, ["not_reached"])
    if claim in open_claims:
        reason = open_claims[claim]
        return Claim(claim, FAILS if reason in CAUSES else UNDECIDED, [reason])
    return Claim(claim, HOLDS, [])


def _finding(finding: Finding) -> Dict[str, Any]:
    shown = {name: value for name, value in finding._asdict().items() if value is not None}
    return {**shown, "cause": CAUSES[finding.code][1]}


def _attached(row: AttachedRow) -> Dict[str, str]:
    shown = {"file": row.file, "event": row.event, "kind": row.kind}
    return {**shown, "redacted": row.reason} if row.reason else shown


def _file(row: AttachedRow, at: int) -> str:
    why = _REDACTED[at].format(row.reason) if row.reason else ""
    return "  " + "  ".join(part for part in (row.file, row.kind, row.event, why) if part)


def _described(finding: Finding, at: int) -> str:
    where = finding.event or finding.file or ""
    cause = CAUSES[finding.code][1:][at]
    text = "  ".join(part for part in (f"  {finding.step}. {finding.code}", where) if part)
    text += _COLON[at] + cause
    if finding.expected is not None:
        return text + _DETAIL[0][at].format(finding.expected, finding.actual or "-")
    if finding.actual is not None:
        return text + _DETAIL[1][at].format(finding.actual)
    return text


def _row(row: EventRow, at: int) -> str:
    said = row.says
    parts = [str(row.entry), said.get("accepted", ""), said.get("type", ""), row.event]
    if "by" in said:
        parts.append(said["by"] + _WHY[at].format(said["role"]))
    if "redacted" in said:
        parts.append(_REDACTED[at].format(said["redacted"]))
    if "not_before" in said or "not_after" in said:
        bounds = [said.get(name, "…") for name in ("not_before", "not_after")]
        parts.append(_BETWEEN[at].format(*bounds))
    text = "  ".join(part for part in parts if part)
    return f"  {text}{_COLON[at]}{_ANSWERS[row.answer][at]}"
