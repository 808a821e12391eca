"""The words of the compliance audit report, Chinese first and English beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.codes import ENUMERATIONS, label
from ledger.documents.words import Words
from ledger.documents.words_deal import UNSEEN

TITLE: Final[Words] = ("合规审计报告", "Compliance Audit Report")
BOXES: Final[tuple[Words, ...]] = (
    ("审计组长", "Lead auditor"),
    ("审计机构（盖章）", "Auditing firm"),
    ("被审计单位负责人", "Management of the audited"),
    ("个人信息保护负责人", "Personal information officer"),
)
FIELDS: Final[Mapping[str, Words]] = {
    "opinion": ("审计意见", "Opinion"),
    "verdict": ("账本核验结论", "Ledger verified"),
    "equal": ("重建与现用数据", "Rebuilt and live tables"),
    "found": ("回放发现", "Found by the replay"),
    "raised": ("审计发现", "Findings raised"),
    "closed": ("已关闭", "Closed"),
    "overdue": ("逾期未关闭", "Overdue"),
    "basis": ("意见所依据的发现", "Findings it rests on"),
    "still_open": ("未关闭（按严重程度）", "Open, by severity"),
    "previous": ("此前审计未关闭的发现", "Left open by earlier audits"),
    "limitations": ("审计局限", "Limitations stated"),
    "unknown": ("无从判断的章节", "Chapters that cannot be known"),
    "audit": ("审计编号", "Audit"),
    "kind": ("审计类型", "Kind"),
    "auditor_org": ("审计机构", "Auditing firm"),
    "lead": ("审计组长", "Lead auditor"),
    "scope_party": ("被审计单位", "Audited party"),
    "scope_engagement": ("限于项目", "Limited to the deal"),
    "accepted": ("启动时间", "Opened"),
    "opened": ("启动事件", "Event of the opening"),
    "consecutive": ("连续次数与独立性", "In a row, independence"),
    "letter": ("审计业务约定书", "Engagement letter"),
    "criteria": ("审计标准", "Criteria agreed on"),
    "period": ("审计期间", "Period"),
    "begins": ("账本自何时起有条目", "The ledger has entries from"),
    "entry": ("截至条目", "Up to entry"),
    "root": ("截至该条目的根哈希", "Root with that entry"),
    "policy": ("制度包", "Policy pack"),
    "policy_digest": ("制度包摘要", "Digest of the pack"),
    "replay": ("回放结果摘要", "SHA-256 of the replay"),
    "replayed": ("回放至条目", "Replayed up to entry"),
    "judged": ("回放事件数", "Events judged"),
    "since": ("此前已回放至条目", "Replayed before, up to entry"),
    "accepted_last": ("末条目入账时间", "Last entry accepted"),
    "now": ("以此时判断逾期", "Overdue as of"),
    "checkpoint": ("检查点", "Checkpoint"),
    "projections": ("重建数据摘要", "Digest of the rebuilt tables"),
    "tool": ("程序版本与摘要", "Program: version, digest"),
    "only": ("仅限", "Limited to"),
    "read": ("读取内容的份额", "Share of contents read"),
    "allowed": ("允许", "Allowed"),
    "denied": ("拒绝", "Denied"),
    "break_glass": ("紧急", "Emergencies"),
    "anomalous": ("异常访问", "Anomalous"),
    "access_report": ("访问审查报告摘要", "SHA-256 of the access-review report"),
    "severity": ("严重程度", "Severity"),
    "criterion": ("标准", "Criterion"),
    "condition": ("现状", "Condition"),
    "cause": ("原因", "Cause"),
    "effect": ("影响", "Effect"),
    "recommendation": ("建议", "Recommendation"),
    "sample": ("来自抽样", "From sample"),
    "evidence": ("证据事件", "Evidence"),
    "owner": ("责任人", "Owner"),
    "due": ("到期日", "Due"),
    "response": ("管理层答复", "Management response"),
    "answer": ("其后的答复", "A later response"),
    "remedy": ("整改", "Remediation"),
    "state": ("状态", "State"),
    "event": ("发现事件", "Event of the finding"),
}
SEVERITIES: Final[Mapping[str, Words]] = {
    "critical": ("严重", "Critical"),
    "high": ("高", "High"),
    "medium": ("中", "Medium"),
    "low": ("低", "Low"),
    "note": ("提示", "Note"),
}
STATES: Final[Mapping[str, Words]] = {  # of findings, as `projections.audits.STATES`
    "open": ("待答复", "Open"),
    "answered": ("已答复", "Answered"),
    "remedied": ("已整改，待核验", "Set right, not confirmed"),
    "ineffective": ("整改无效", "Not effective"),
    "closed": ("已关闭", "Closed"),
}
VERDICTS: Final[Mapping[str, Words]] = {
    "valid": ("有效", "Valid"),
    "invalid": ("无效", "Invalid"),
    "unverifiable": ("无法核验", "Unverifiable"),
    "disputed": ("有争议", "Disputed"),
    "valid-but-since-revoked": ("有效，密钥其后吊销", "Valid, keys revoked since"),
}
NOT_ASKED: Final[Words] = ("未核验", "Not asked for")
EQUAL: Final[Mapping[Any, Words]] = {
    True: ("一致", "Equal"),
    False: ("不一致", "Not equal"),
    None: ("未比较", "Not compared"),
}
NOT_READ: Final[Words] = ("未读取内容、文件和备份", "Contents, files and backups were not read")
NO_OPINION: Final[Words] = ("尚未发表意见", "No opinion is given yet")
UNKNOWN: Final[Words] = ("无事件，无从判断", "No events; cannot be known")
NONE_IN_PERIOD: Final[Words] = ("期间内无事件记录", "No events recorded in the period")
SEALED: Final[Words] = ("（已密封）", "sealed")
SEALED_LIMITS: Final[Words] = (
    "审计组已另行陈述审计局限，文本密封于签发事件；muniment audit show 凭密钥库可读：",
    (
        "The auditors state limitations, sealed in the event of the report; with the keystore, "
        "muniment audit show reads them:"
    ),
)
NOT_OWNER: Final[Words] = ("由责任人以外的人员答复", "Answered by somebody other than the owner")
BEFORE_LEDGER: Final[Words] = (
    "此前没有账本，期间内此前的行为无从得知。",
    "Before, there was no ledger: of that part of the period nothing is known.",
)
TO_CONFIRM: Final[Words] = (
    "须由律师确认：办法称“不得连续三次以上”，“以上”是否包括本数，有待确认；制度包取三次。",
    (
        "To be confirmed by counsel: the measures bar “three times or more” in a row, which may "
        "include the third; the policy pack lets three."
    ),
)
AS_OF_COVERED: Final[Words] = (
    "截至本次审计所涵盖的末条目的状态。",
    "As they stood with the last entry that this audit covers.",
)
SERIES: Final[tuple[Words, ...]] = (("访问", "Accesses"), ("其他事件", "Other events"))
INDEPENDENT: Final[Words] = (
    "同一审计机构或审计组长连续审计该对象的次数，与制度允许的次数；启动时已核对其在审计范围内无业务角色（I-31）。",
    (
        "Audits in a row of this object by the same firm or lead, and how many the policy lets; "
        "that they hold no operational role in scope was checked at the opening (I-31)."
    ),
)
RESTS_ON: Final[Words] = (
    (
        "意见以账本所载事件、上述回放及抽样为依据，以“覆盖范围与局限”所列为限；"
        "由审计组长以密钥签署本报告正本的 SHA-256。"
    ),
    (
        "The opinion rests on the events of the ledger, the replay and the samples above, within "
        "the limits stated; the lead signs the SHA-256 of this report's JSON with a key."
    ),
)
LIMITS: Final[Mapping[str, Words]] = {
    "outside_muniment": (
        "未接入账本的系统及在 Muniment 之外进行的处理，不在审计范围内。",
        "Systems that do not feed the ledger, and what is done outside Muniment, are not covered.",
    ),
    "other_ledgers": (
        "其他账本记录的行为不在其内。",
        "What other ledgers record is not covered.",
    ),
    "paper_by_statement": UNSEEN["paper_by_statement"],
    "statements_not_truth": (
        "账本证明谁在何时作过何种陈述，不证明陈述本身属实。",
        "The ledger proves who stated what and when, not that the statement is true.",
    ),
    "key_not_person": (
        "签名证明密钥的使用；密钥与自然人的对应，以身份登记为限。",
        "A signature proves the use of a key; which person holds it rests on the identity records.",
    ),
    "copies_unknown": (
        "不证明账本之外不存在其他副本。",
        "It is not proved that no other copy exists outside the ledger.",
    ),
}
CLOSING: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "type": "text",
        "title": ("分发与保密", "Distribution and secrecy"),
        "rows": [
            (
                (
                    "本报告供被审计单位、审计机构及有权监管的机关使用；"
                    "审计中知悉的个人信息、商业秘密须予保密，未经同意不得向他人提供。"
                ),
                (
                    "For the audited party, the auditors and the competent authorities. Personal "
                    "data and business secrets learnt in the audit are kept secret; nothing is "
                    "given to others without consent."
                ),
            ),
            (
                (
                    "核对：对正本（JSON）计算 SHA-256，"
                    "应与页眉及签发事件（audit.report_issued）所载一致；"
                    "muniment audit render 可由正本重新印出本页。"
                ),
                (
                    "To check: the SHA-256 of the JSON is the one in the header and in the event "
                    "audit.report_issued; muniment audit render prints these pages again."
                ),
            ),
        ],
    },
)


def medium(code: str) -> Words:
    """The label of what a copy is on, whatever kind of medium it is."""
    for name in ("BackupMedium", "MediumForm"):
        if code in ENUMERATIONS[name].codes:
            return label(name, code, "zh"), label(name, code, "en")
    return code, code
