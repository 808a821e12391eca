"""What an audit says: its kind, what is sampled, where a finding belongs, how it ends.

`domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

AuditKind = Literal["internal", "external", "ordered"]
AuditPopulation = Literal[
    "events", "acts", "accesses", "emergency_accesses", "grants", "records", "holdings",
    "handovers", "destructions", "backups", "consents", "rights_requests", "disclosures",
    "late_entries",
]  # fmt: skip
AuditChapter = Literal[
    "legal_basis", "notice", "consent", "sensitive_pi", "minors", "processors", "transfer",
    "cross_border", "automated_decisions", "rights_requests", "deletion", "permissions",
    "training", "incidents", "pipia", "retention", "backup", "destruction", "custody", "ledger",
]  # fmt: skip
FindingSeverity = Literal["critical", "high", "medium", "low"]
FindingResponse = Literal["accepted", "disputed"]
RemediationOutcome = Literal["effective", "ineffective"]
AuditOpinion = Literal["unqualified", "qualified", "adverse", "disclaimer"]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "AuditKind": (
        "审计类型",
        "Kind of audit",
        (
            ("internal", "内部审计", "Internal"),
            ("external", "外部审计", "External"),
            ("ordered", "监管要求的审计", "Ordered by an authority"),
        ),
    ),
    "AuditPopulation": (
        "抽样总体",
        "Population of a sample",
        (
            ("events", "全部事件", "All events"),
            ("acts", "某人的行为", "Acts of one actor"),
            ("accesses", "资料访问", "Accesses, denied ones too"),
            ("emergency_accesses", "紧急访问", "Emergency accesses"),
            ("grants", "访问授权", "Grants of access"),
            ("records", "资料", "Records"),
            ("holdings", "副本", "Copies"),
            ("handovers", "移交", "Handovers"),
            ("destructions", "销毁案卷", "Cases of destruction"),
            ("backups", "备份", "Backups"),
            ("consents", "同意及其撤回", "Consents and their withdrawal"),
            ("rights_requests", "个人请求", "Requests of persons"),
            ("disclosures", "证据提供", "Evidence handed out"),
            ("late_entries", "补录事件", "Late entries"),
        ),
    ),
    "AuditChapter": (
        "审计章节",
        "Chapter of an audit",
        (
            ("legal_basis", "合法性基础", "Legal basis"),
            ("notice", "告知", "Notice"),
            ("consent", "同意", "Consent"),
            ("sensitive_pi", "敏感个人信息", "Sensitive personal data"),
            ("minors", "未成年人", "Minors"),
            ("processors", "共同处理、委托与提供", "Joint, entrusted and provided"),
            ("transfer", "合并等情形的转移", "Transfer by merger and the like"),
            ("cross_border", "出境", "Cross-border"),
            ("automated_decisions", "自动化决策", "Automated decisions"),
            ("rights_requests", "个人权利", "Rights of persons"),
            ("deletion", "删除", "Deletion"),
            ("permissions", "权限管理", "Permissions"),
            ("training", "培训", "Training"),
            ("incidents", "应急预案", "Incidents"),
            ("pipia", "影响评估", "Impact assessment"),
            ("retention", "保管期限", "Retention"),
            ("backup", "备份", "Backup"),
            ("destruction", "销毁", "Destruction"),
            ("custody", "保管链", "Chain of custody"),
            ("ledger", "账本", "The ledger itself"),
        ),
    ),
    "FindingSeverity": (
        "审计发现等级",
        "Severity of a finding",
        (
            ("critical", "严重", "Critical"),
            ("high", "高", "High"),
            ("medium", "中", "Medium"),
            ("low", "低", "Low"),
        ),
    ),
    "FindingResponse": (
        "对审计发现的答复",
        "Answer to a finding",
        (
            ("accepted", "认可", "Accepted"),
            ("disputed", "有异议", "Disputed"),
        ),
    ),
    "RemediationOutcome": (
        "整改效果",
        "Effect of a remediation",
        (
            ("effective", "有效", "Effective"),
            ("ineffective", "无效", "Ineffective"),
        ),
    ),
    "AuditOpinion": (
        "审计意见",
        "Opinion of an audit",
        (
            ("unqualified", "无保留意见", "Unqualified"),
            ("qualified", "保留意见", "Qualified"),
            ("adverse", "否定意见", "Adverse"),
            ("disclaimer", "无法表示意见", "Disclaimer"),
        ),
    ),
}
