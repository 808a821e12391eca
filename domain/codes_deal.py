"""What is said about a deal: its end, agreements, assessment, copies got, tracking, training.

`domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

EngagementOutcome = Literal["completed", "failed", "cancelled"]
TransferPath = Literal["none", "succession", "provision", "entrusted", "joint", "disclosure"]
NoticeArticle = Literal["art_22", "art_23"]
AgreedTimeSource = Literal["ledger", "rfc3161", "ledger_and_rfc3161"]
AgreedExtraction = Literal["evidence_bundle", "replica", "notary"]
PipiaConclusion = Literal["acceptable", "acceptable_with_measures", "not_acceptable"]
CopyDisposal = Literal["returned", "destroyed", "none_kept"]
TrackingTopic = Literal["processing", "satisfaction", "security", "rights", "residual"]
TrainingTopic = Literal["handover", "confidentiality", "destruction", "approval", "security"]
TrainingMode = Literal["online", "offline"]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "EngagementOutcome": (
        "项目结果",
        "Outcome of a deal",
        (
            ("completed", "完成", "Completed"),
            ("failed", "未成交", "Failed"),
            ("cancelled", "取消", "Cancelled"),
        ),
    ),
    "TransferPath": (
        "转移的法律路径",
        "Path in law of a transfer",
        (
            ("none", "处理者不变", "The processor stays the same"),
            ("succession", "承继(个保法22条)", "Succession (PIPL 22)"),
            ("provision", "向其他处理者提供(个保法23条)", "Provision to another (PIPL 23)"),
            ("entrusted", "委托处理(个保法21条)", "Entrusted processing (PIPL 21)"),
            ("joint", "共同处理(个保法20条)", "Joint processing (PIPL 20)"),
            ("disclosure", "披露查阅, 不移交", "Disclosure without handover"),
        ),
    ),
    "NoticeArticle": (
        "告知依据",
        "Article of a notice",
        (
            ("art_22", "个保法第22条告知", "Notice under PIPL 22"),
            ("art_23", "个保法第23条告知", "Notice under PIPL 23"),
        ),
    ),
    "AgreedTimeSource": (
        "约定的时间来源",
        "Agreed source of time",
        (
            ("ledger", "账本记录时间", "Time of the ledger"),
            ("rfc3161", "可信时间戳", "Trusted time-stamps (RFC 3161)"),
            ("ledger_and_rfc3161", "账本时间与可信时间戳", "Both: ledger and time-stamps"),
        ),
    ),
    "AgreedExtraction": (
        "约定的提取方式",
        "Agreed way of extraction",
        (
            ("evidence_bundle", "证据包", "Evidence bundle"),
            ("replica", "账本副本", "Replica of the ledger"),
            ("notary", "公证提取", "Extraction before a notary"),
        ),
    ),
    "PipiaConclusion": (
        "影响评估结论",
        "Conclusion of an impact assessment",
        (
            ("acceptable", "可以实施", "Acceptable"),
            ("acceptable_with_measures", "采取措施后可以实施", "Acceptable with measures"),
            ("not_acceptable", "不得实施", "Not acceptable"),
        ),
    ),
    "CopyDisposal": (
        "所获副本的处置",
        "What became of copies got",
        (
            ("returned", "已返还", "Returned"),
            ("destroyed", "已销毁", "Destroyed"),
            ("none_kept", "未留存", "None were kept"),
        ),
    ),
    "TrackingTopic": (
        "移交后跟踪事项",
        "Topic of a tracking check",
        (
            ("processing", "处理情况", "Processing"),
            ("satisfaction", "客户满意度", "Satisfaction of customers"),
            ("security", "安全状况", "Security"),
            ("rights", "个人权利响应", "Requests of individuals"),
            ("residual", "转让方留存副本", "Copies that the seller kept"),
        ),
    ),
    "TrainingTopic": (
        "培训主题",
        "Topic of training",
        (
            ("handover", "资料移交", "Handover"),
            ("confidentiality", "保密", "Confidentiality"),
            ("destruction", "销毁", "Destruction"),
            ("approval", "审批", "Approval"),
            ("security", "信息安全", "Security"),
        ),
    ),
    "TrainingMode": (
        "培训方式",
        "Mode of training",
        (
            ("online", "线上", "Online"),
            ("offline", "线下", "In person"),
        ),
    ),
}
