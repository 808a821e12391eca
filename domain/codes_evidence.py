"""What is said about evidence that is handed out: its scope, recipient, and what was withheld.

`domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

BundleScope = Literal["record", "handover", "subject", "destruction_case", "actor", "period"]
EvidenceRecipient = Literal[
    "court", "arbitration", "authority", "notary", "appraiser", "counsel", "auditor",
    "counterparty", "data_subject", "internal",
]  # fmt: skip
RedactionReason = Literal[
    "not_needed", "personal_data", "trade_secret", "legal_privilege", "erased"
]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "BundleScope": (
        "证据范围",
        "Scope of evidence",
        (
            ("record", "资料", "Record"),
            ("handover", "移交", "Handover"),
            ("subject", "个人", "Person"),
            ("destruction_case", "销毁案卷", "Destruction"),
            ("actor", "人员", "Actor"),
            ("period", "期间", "Period"),
        ),
    ),
    "EvidenceRecipient": (
        "证据接收方",
        "Recipient of evidence",
        (
            ("court", "人民法院", "Court"),
            ("arbitration", "仲裁机构", "Arbitration"),
            ("authority", "主管机关", "Authority"),
            ("notary", "公证机构", "Notary"),
            ("appraiser", "鉴定机构", "Appraiser"),
            ("counsel", "律师", "Counsel"),
            ("auditor", "审计人员", "Auditor"),
            ("counterparty", "对方当事人", "The other party"),
            ("data_subject", "个人信息主体", "The person concerned"),
            ("internal", "内部", "Internal"),
        ),
    ),
    "RedactionReason": (
        "遮盖理由",
        "Reason for withholding",
        (
            ("not_needed", "与目的无关", "Not needed for the purpose"),
            ("personal_data", "个人信息", "Personal data"),
            ("trade_secret", "商业秘密", "Trade secret"),
            ("legal_privilege", "法律职业秘密", "Legal privilege"),
            ("erased", "已删除", "Erased"),
        ),
    ),
}
