"""What is done with a record: access, backup, hold, restriction, retention, destruction.

`domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

AccessPurpose = Literal[
    "service_delivery",
    "handover_prep",
    "inspection",
    "verification",
    "update",
    "rights_request",
    "audit",
    "dispute",
    "legal_duty",
    "backup_restore",
    "incident",
    "analysis",
    "marketing",
    "disposal",
    "due_diligence",
    "break_glass",
]
AccessMode = Literal[
    "view", "copy", "print", "download", "export", "edit", "query", "physical_handling", "decrypt"
]
LookBasis = Literal["nobody_identified", "people_cleared", "on_behalf"]
AccessOutcome = Literal["allowed", "denied", "break_glass"]
BackupMedium = Literal[
    "disk_internal",
    "disk_external",
    "ssd",
    "usb_flash",
    "tape",
    "optical_archival",
    "nas",
    "cloud_object",
    "microfilm",
    "paper_copy",
]
BackupKind = Literal["full", "incremental", "differential", "snapshot", "offsite", "offline"]
HoldReason = Literal[
    "litigation",
    "anticipated_dispute",
    "investigation",
    "audit",
    "unsettled_claim",
    "rights_request",
    "evidence_preservation",
    "incident",
]
RestrictReason = Literal[
    "statutory_retention",
    "technically_hard",
    "objection",
    "accuracy_disputed",
    "pending_consent",
    "consent_withdrawn",
]
PurposeEnd = Literal[
    "purpose_achieved",
    "purpose_impossible",
    "not_needed",
    "service_ended",
    "period_over",
    "consent_withdrawn",
    "unlawful",
    "other_statute",
]
HoldScope = Literal["ids", "subject", "engagement", "query"]
AnonymizationTechnique = Literal["drop_columns", "generalize", "suppress_rows", "sort_rows"]
RetentionTrigger = Literal[
    "created",
    "collected",
    "fiscal_year_end",
    "transaction_completed",
    "contract_ended",
    "relationship_ended",
    "last_interaction",
    "consent_withdrawn",
    "purpose_achieved",
    "handover_confirmed",
    "case_closed",
]
DisposalAction = Literal[
    "retain_permanently", "review", "destroy", "anonymize", "transfer", "return"
]
DestructionMethodClass = Literal["clear", "purge", "destroy", "logical_delete", "anonymize"]
DestructionTechnique = Literal[
    "overwrite",
    "block_erase",
    "crypto_erase",
    "secure_erase_cmd",
    "degauss",
    "shred_media",
    "disintegrate",
    "incinerate",
    "melt",
    "paper_shred",
    "paper_pulp",
    "factory_reset",
    "db_delete_vacuum",
    "cloud_delete",
    "return_to_owner",
]

DestructionGround = Literal[
    "retention_expired", "purpose_achieved", "statute_orders_deletion", "redundant_copy", "other"
]
ItemOutcome = Literal["destroyed", "failed", "unknown"]
VerificationMethod = Literal["read_back", "sample", "device_log", "visual"]
VerificationResult = Literal["pass", "fail", "unknown"]
CertificateVerdict = Literal["destroyed", "partial", "failed", "unknown"]
KeyCopyKind = Literal["live", "backup", "escrow", "export"]
SerialSource = Literal["label", "device", "bridge", "document"]
ReplicaComparison = Literal["agree", "ahead", "behind", "fork"]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "AccessPurpose": (
        "访问目的",
        "Purpose of access",
        (
            ("service_delivery", "履约服务", "Deliver service"),
            ("handover_prep", "移交准备", "Handover preparation"),
            ("inspection", "验收核对", "Acceptance inspection"),
            ("verification", "完整性核验", "Fixity verification"),
            ("update", "更新更正", "Update/correct"),
            ("rights_request", "响应个人请求", "Rights request"),
            ("audit", "审计", "Audit"),
            ("dispute", "争议取证", "Dispute evidence"),
            ("legal_duty", "法定义务", "Legal duty"),
            ("backup_restore", "备份恢复", "Backup/restore"),
            ("incident", "事件处置", "Incident response"),
            ("analysis", "统计分析", "Analysis"),
            ("marketing", "营销", "Marketing"),
            ("disposal", "销毁处置", "Disposal"),
            ("due_diligence", "尽职调查", "Due diligence"),
            ("break_glass", "紧急访问", "Emergency access"),
        ),
    ),
    "LookBasis": (
        "对方查阅依据",
        "Basis of a look by the other side",
        (
            ("nobody_identified", "不能识别个人", "Nobody can be identified"),
            ("people_cleared", "已告知并同意或豁免", "People told and agreed, or exempt"),
            ("on_behalf", "受托处理", "On the keeper's behalf, PIPL 21"),
        ),
    ),
    "AccessMode": (
        "访问方式",
        "Mode of access",
        (
            ("view", "查看", "View"),
            ("copy", "复制", "Copy"),
            ("print", "打印", "Print"),
            ("download", "下载", "Download"),
            ("export", "导出", "Export"),
            ("edit", "修改", "Edit"),
            ("query", "查询", "Query"),
            ("physical_handling", "实物接触", "Physical handling"),
            ("decrypt", "解密", "Decrypt"),
        ),
    ),
    "AccessOutcome": (
        "访问结果",
        "Outcome of access",
        (
            ("allowed", "允许", "Allowed"),
            ("denied", "拒绝", "Denied"),
            ("break_glass", "紧急放行", "Break-glass"),
        ),
    ),
    "BackupMedium": (
        "备份介质",
        "Backup medium",
        (
            ("disk_internal", "服务器磁盘", "Server disk"),
            ("disk_external", "移动硬盘", "External disk"),
            ("ssd", "固态硬盘", "SSD"),
            ("usb_flash", "U盘", "USB flash"),
            ("tape", "磁带", "Tape"),
            ("optical_archival", "档案级光盘", "Archival optical disc"),
            ("nas", "NAS", "NAS"),
            ("cloud_object", "云对象存储", "Cloud object storage"),
            ("microfilm", "缩微胶片", "Microfilm"),
            ("paper_copy", "纸质副本", "Paper copy"),
        ),
    ),
    "BackupKind": (
        "备份类型",
        "Kind of backup",
        (
            ("full", "全量", "Full"),
            ("incremental", "增量", "Incremental"),
            ("differential", "差异", "Differential"),
            ("snapshot", "快照", "Snapshot"),
            ("offsite", "异地", "Off-site copy"),
            ("offline", "离线", "Offline/air-gapped copy"),
        ),
    ),
    "HoldReason": (
        "冻结原因",
        "Reason for a legal hold",
        (
            ("litigation", "诉讼/仲裁", "Litigation"),
            ("anticipated_dispute", "可预见争议", "Anticipated dispute"),
            ("investigation", "监管调查", "Investigation"),
            ("audit", "审计进行中", "Audit open"),
            ("unsettled_claim", "未结清债权债务", "Unsettled claim"),
            ("rights_request", "个人请求处理中", "Open rights request"),
            ("evidence_preservation", "证据保全", "Court preservation order"),
            ("incident", "安全事件", "Incident"),
        ),
    ),
    "RestrictReason": (
        "限制处理原因",
        "Reason for restricting processing",
        (
            ("statutory_retention", "法定保存期未届满", "Statutory retention running"),
            ("technically_hard", "删除技术上难以实现", "Deletion technically hard"),
            ("objection", "个人拒绝/限制", "Objection"),
            ("accuracy_disputed", "准确性争议", "Accuracy disputed"),
            ("pending_consent", "等待同意", "Consent pending"),
            ("consent_withdrawn", "已撤回同意", "Consent withdrawn"),
        ),
    ),
    "RetentionTrigger": (
        "保管期限起算点",
        "Start of the retention period",
        (
            ("created", "形成之日", "Creation"),
            ("collected", "收集之日", "Collection"),
            ("fiscal_year_end", "会计年度终了后第一日", "Day after fiscal year end"),
            ("transaction_completed", "交易完成之日", "Transaction completed"),
            ("contract_ended", "合同履行完毕/终止", "Contract ended"),
            ("relationship_ended", "业务关系结束", "Relationship ended"),
            ("last_interaction", "最后一次互动", "Last interaction"),
            ("consent_withdrawn", "撤回同意", "Consent withdrawn"),
            ("purpose_achieved", "目的实现", "Purpose achieved"),
            ("handover_confirmed", "移交确认", "Handover confirmed"),
            ("case_closed", "案件办结", "Case closed"),
        ),
    ),
    "PurposeEnd": (
        "目的终止原因",
        "How a purpose ended",
        (
            ("purpose_achieved", "目的已实现", "Purpose achieved"),
            ("purpose_impossible", "目的无法实现", "Purpose cannot be achieved"),
            ("not_needed", "为实现目的不再必要", "No longer needed for the purpose"),
            ("service_ended", "停止提供产品或者服务", "Product or service no longer provided"),
            ("period_over", "保存期限已届满", "Storage period over"),
            ("consent_withdrawn", "个人撤回同意", "Consent withdrawn"),
            ("unlawful", "处理违法或者违反约定", "Processed against law or agreement"),
            ("other_statute", "法律、行政法规规定的其他情形", "Another case that a statute names"),
        ),
    ),
    "HoldScope": (
        "冻结范围",
        "What a hold was placed on",
        (
            ("ids", "逐一列明", "Things named one by one"),
            ("subject", "某个人的资料", "What is held about a person"),
            ("engagement", "整个项目", "A whole engagement"),
            ("query", "查询所得", "What a query found"),
        ),
    ),
    "AnonymizationTechnique": (
        "匿名化技术",
        "Anonymisation technique",
        (
            ("drop_columns", "删除标识列", "Identifying columns dropped"),
            ("generalize", "泛化", "Values generalised"),
            ("suppress_rows", "抑制小组", "Rows of small groups suppressed"),
            ("sort_rows", "按值重排", "Rows put in order of their values"),
        ),
    ),
    "DisposalAction": (
        "处置动作",
        "Disposal action",
        (
            ("retain_permanently", "永久保存", "Retain permanently"),
            ("review", "到期鉴定", "Review"),
            ("destroy", "销毁", "Destroy"),
            ("anonymize", "匿名化", "Anonymise"),
            ("transfer", "移交", "Transfer"),
            ("return", "返还", "Return"),
        ),
    ),
    "DestructionMethodClass": (
        "销毁方式(类)",
        "Class of destruction method",
        (
            ("clear", "清除 Clear", "Clear"),
            ("purge", "净化 Purge", "Purge"),
            ("destroy", "物理销毁 Destroy", "Destroy"),
            ("logical_delete", "逻辑删除", "Logical delete"),
            ("anonymize", "匿名化", "Anonymisation"),
        ),
    ),
    "DestructionTechnique": (
        "销毁技术",
        "Destruction technique",
        (
            ("overwrite", "覆写擦除", "Overwrite"),
            ("block_erase", "块擦除", "Block erase"),
            ("crypto_erase", "密码擦除", "Cryptographic erase"),
            ("secure_erase_cmd", "安全擦除指令", "Device sanitize command"),
            ("degauss", "消磁", "Degauss"),
            ("shred_media", "介质粉碎", "Shred medium"),
            ("disintegrate", "粉末化", "Disintegrate"),
            ("incinerate", "焚烧", "Incinerate"),
            ("melt", "熔毁", "Melt"),
            ("paper_shred", "碎纸", "Paper shredding"),
            ("paper_pulp", "化浆", "Pulping"),
            ("factory_reset", "恢复出厂", "Factory reset"),
            ("db_delete_vacuum", "数据库删除并回收", "DB delete + vacuum"),
            ("cloud_delete", "云端删除", "Provider deletion"),
            ("return_to_owner", "返还", "Return to owner"),
        ),
    ),
    "DestructionGround": (
        "销毁依据",
        "Ground for destruction",
        (
            ("retention_expired", "保管期限届满", "Retention period over"),
            ("purpose_achieved", "目的已实现", "Purpose achieved"),
            ("statute_orders_deletion", "法律要求删除", "A statute orders deletion"),
            ("redundant_copy", "多余副本", "Redundant copy"),
            ("other", "其他", "Other"),
        ),
    ),
    "ItemOutcome": (
        "逐件执行结果",
        "Outcome for one item",
        (
            ("destroyed", "已销毁", "Destroyed"),
            ("failed", "失败", "Failed"),
            ("unknown", "不明", "Unknown"),
        ),
    ),
    "VerificationMethod": (
        "核验方法",
        "Method of verification",
        (
            ("read_back", "全部回读", "Read back, every item"),
            ("sample", "抽样回读", "Read back, a sample"),
            ("device_log", "设备日志", "Device log"),
            ("visual", "目视检查", "Visual inspection"),
        ),
    ),
    "VerificationResult": (
        "核验结果",
        "Result of verification",
        (
            ("pass", "通过", "Pass"),
            ("fail", "未通过", "Fail"),
            ("unknown", "无法核验", "Cannot be verified"),
        ),
    ),
    "CertificateVerdict": (
        "销毁结论",
        "Verdict of a certificate",
        (
            ("destroyed", "已销毁", "Destroyed"),
            ("partial", "部分销毁", "Partly destroyed"),
            ("failed", "未通过核验", "Did not pass verification"),
            ("unknown", "无法核验", "Cannot be verified"),
        ),
    ),
    "KeyCopyKind": (
        "密钥副本种类",
        "Kind of key copy",
        (
            ("live", "在用密钥库", "Keystore in use"),
            ("backup", "密钥库备份", "Backup of the keystore"),
            ("escrow", "密钥托管", "Escrow"),
            ("export", "随件移交的密钥", "Export"),
        ),
    ),
    "SerialSource": (
        "序列号来源",
        "How a serial number was read",
        (
            ("label", "铭牌", "From the label"),
            ("device", "设备自报", "From the device itself (SMART)"),
            ("bridge", "转接盒所报", "From a dock or bridge, not the drive"),
            ("document", "采购单据", "From purchase papers"),
        ),
    ),
    "ReplicaComparison": (
        "账本比对结果",
        "How two copies of a ledger stand to each other",
        (
            ("agree", "一致", "They agree"),
            ("ahead", "领先", "The first is ahead"),
            ("behind", "落后", "The first is behind"),
            ("fork", "分叉", "They fork"),
        ),
    ),
}
