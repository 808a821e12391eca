"""Codes of a handover: what is left off a list, how it arrived, what became of a discrepancy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ExclusionReason = Literal[
    "subjects_unknown",
    "not_notified",
    "no_consent",
    "no_sensitive_consent",
    "no_guardian_consent",
    "consent_before_notice",
    "consent_withdrawn",
    "suppressed",
    "opted_out",
    "not_ready",
    "restricted",
    "on_hold",
    "in_another_case",
    "retained_by_seller",
    "out_of_scope",
]
SealCondition = Literal["intact", "broken", "none"]
DigestCheck = Literal["match", "mismatch", "unchecked"]
UsabilityCheck = Literal["yes", "no", "unchecked"]
DiscrepancyResolution = Literal[
    "delivered_later", "corrected", "explained", "accepted_as_is", "item_rejected", "reserved"
]
ResidualBasis = Literal["retention_duty", "legal_claim", "law_requires"]
ReplacementReason = Literal["left", "unable", "reassigned", "key_lost"]
PlanDeviation = Literal["agreed", "giver_late", "taker_late", "carrier_late", "gates_open"]

TABLES: Mapping[str, tuple[str, str, tuple[tuple[str, str, str], ...]]] = {
    "ExclusionReason": (
        "不列入移交清单的原因",
        "Reason for leaving a record off a handover list",
        (
            ("subjects_unknown", "未查明个人信息主体", "Persons not found out"),
            ("not_notified", "未告知", "Not notified"),
            ("no_consent", "未取得单独同意", "No separate consent"),
            ("no_sensitive_consent", "未取得敏感信息单独同意", "No consent for sensitive data"),
            ("no_guardian_consent", "未取得监护人同意", "No guardian's consent"),
            ("consent_before_notice", "同意早于告知", "Consent of before the notice"),
            ("consent_withdrawn", "已撤回同意", "Consent withdrawn"),
            ("suppressed", "列入不再联系名单", "Suppressed"),
            ("opted_out", "已拒绝营销", "Opted out of marketing"),
            ("not_ready", "未分类、未定期限或未告知", "Not classified, no period or no notice"),
            ("restricted", "限制处理", "Restricted"),
            ("on_hold", "冻结", "On hold"),
            ("in_another_case", "在其他移交或销毁中", "In another case"),
            ("retained_by_seller", "依法由转让方保管", "To be kept by the seller"),
            ("out_of_scope", "不属于转让范围", "Out of scope"),
        ),
    ),
    "SealCondition": (
        "封签状态",
        "Condition of the seal",
        (
            ("intact", "完好", "Intact"),
            ("broken", "破损", "Broken"),
            ("none", "无封签", "No seal"),
        ),
    ),
    "DigestCheck": (
        "校验值核对",
        "Check of the digest",
        (
            ("match", "相符", "Match"),
            ("mismatch", "不符", "Mismatch"),
            ("unchecked", "未核对", "Not checked"),
        ),
    ),
    "UsabilityCheck": (
        "可读性检查",
        "Check of usability",
        (
            ("yes", "可读", "Readable"),
            ("no", "不可读", "Not readable"),
            ("unchecked", "未检查", "Not checked"),
        ),
    ),
    "DiscrepancyResolution": (
        "差异处理结果",
        "Resolution of a discrepancy",
        (
            ("delivered_later", "补交", "Delivered later"),
            ("corrected", "更正", "Corrected"),
            ("explained", "说明", "Explained"),
            ("accepted_as_is", "按现状接收", "Accepted as it is"),
            ("item_rejected", "拒收该项", "Item rejected"),
            ("reserved", "保留意见", "Reserved"),
        ),
    ),
    "ResidualBasis": (
        "转让方留存副本的依据",
        "Basis on which the seller keeps copies",
        (
            ("retention_duty", "法定保管义务", "Duty to keep"),
            ("legal_claim", "诉讼或请求权", "Legal claim"),
            ("law_requires", "其他法律要求", "Required by other law"),
        ),
    ),
    "ReplacementReason": (
        "更换经办人的原因",
        "Reason for replacing a handler",
        (
            ("left", "离职或免职", "Left or was dismissed"),
            ("unable", "不能履职", "Cannot act"),
            ("reassigned", "工作调整", "Has other work"),
            ("key_lost", "密钥遗失或失密", "Key lost or compromised"),
        ),
    ),
    "PlanDeviation": (
        "不在计划日期内的原因",
        "Reason for another day than planned",
        (
            ("agreed", "双方另行商定", "Agreed by both sides"),
            ("giver_late", "转让方原因", "On the giving side"),
            ("taker_late", "受让方原因", "On the taking side"),
            ("carrier_late", "运送原因", "On the way"),
            ("gates_open", "前置条件未齐", "Gates were not open"),
        ),
    ),
}
