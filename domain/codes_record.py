"""What a record is: its categories, level, sensitivity, customer, states and checks.

The labels of `RecordCategory` name two levels, parent and part: `communication.email` belongs to
`communication`. `domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

RecordCategory = Literal[
    "basic_info",
    "basic_info.contact",
    "basic_info.identity_document",
    "basic_info.preference",
    "transaction",
    "transaction.order",
    "transaction.payment",
    "transaction.after_sales",
    "service",
    "contract",
    "communication",
    "communication.email",
    "communication.sms",
    "communication.call_recording",
    "communication.im",
    "accounting",
    "consent_evidence",
    "feedback",
    "governance",
    "other",
]
MediumForm = Literal[
    "paper", "electronic_native", "digitized", "audio", "video", "database_rows", "physical_medium"
]
DataLevel = Literal["core", "important", "general_4", "general_3", "general_2", "general_1"]
Sensitivity = Literal[
    "sensitive_pi",
    "minor_pi",
    "private_info",
    "general_pi",
    "deidentified",
    "anonymized",
    "business_secret",
    "non_personal",
]
SensitivePiKind = Literal[
    "biometric",
    "religion",
    "specific_identity",
    "medical_health",
    "financial_account",
    "location_track",
    "minor_under_14",
    "id_document_image",
    "id_number_conservative",
    "aggregated",
    "other",
]
ClassificationProfile = Literal["cn_strict", "cn_gbt45574", "gdpr", "custom"]
CustomerType = Literal["individual", "sole_trader", "enterprise", "public_body", "other"]
BusinessArea = Literal[
    "real_estate",
    "automotive",
    "finance",
    "cleaning",
    "retail",
    "e_commerce",
    "healthcare",
    "education",
    "other",
]
CustomerNeed = Literal[
    "home_purchase", "home_rental", "car_purchase", "investment", "service_subscription", "other"
]
Relationship = Literal["potential", "prospect", "closed", "former", "opted_out", "disputed"]
CollectionMethod = Literal[
    "folder_scan", "table_rows", "table_series", "manual", "import", "scan", "handover", "other"
]
CorrectionReason = Literal[
    "recording_error", "content_updated", "supplement", "review_finding", "subject_request", "other"
]
RecordState = Literal[
    "registered",
    "classified",
    "verified",
    "in_use",
    "archived",
    "disposal_due",
    "disposal_approved",
    "destroyed",
    "anonymized",
    "transferred_out",
]
HoldingState = Literal["present", "in_transit", "received", "returned", "destroyed", "lost"]
ReviewCheck = Literal["accuracy", "completeness", "readability", "safety"]
CheckResult = Literal["pass", "fail"]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "RecordCategory": (
        "资料类别",
        "Record category",
        (
            ("basic_info", "基本信息", "Basic information"),
            ("basic_info.contact", "联系方式", "Contact details"),
            ("basic_info.identity_document", "身份证件信息", "Identity document data"),
            ("basic_info.preference", "偏好与需求", "Preferences and needs"),
            ("transaction", "交易记录", "Transaction records"),
            ("transaction.order", "订单信息", "Orders"),
            ("transaction.payment", "支付记录", "Payment records"),
            ("transaction.after_sales", "售后服务记录", "After-sales service records"),
            ("service", "服务记录", "Service records"),
            ("contract", "合同协议", "Contracts and agreements"),
            ("communication", "沟通记录", "Communications"),
            ("communication.email", "电子邮件", "E-mail"),
            ("communication.sms", "短信", "SMS"),
            ("communication.call_recording", "电话录音", "Call recordings"),
            ("communication.im", "即时通信", "Instant messages (WeChat etc.)"),
            ("accounting", "会计资料", "Accounting material"),
            ("consent_evidence", "告知与同意凭证", "Notice/consent evidence"),
            ("feedback", "客户反馈/满意度", "Customer feedback"),
            ("governance", "治理文件", "Governance documents"),
            ("other", "其他", "Other"),
        ),
    ),
    "MediumForm": (
        "载体形式",
        "Form of the record",
        (
            ("paper", "纸质", "Paper"),
            ("electronic_native", "原生电子", "Born-digital"),
            ("digitized", "数字化副本", "Digitised copy of paper"),
            ("audio", "音频", "Audio"),
            ("video", "视频", "Video"),
            ("database_rows", "数据库记录", "Database rows / export"),
            ("physical_medium", "实物介质", "Whole physical medium"),
        ),
    ),
    "DataLevel": (
        "数据级别",
        "Data level",
        (
            ("core", "核心数据", "Core data"),
            ("important", "重要数据", "Important data"),
            ("general_4", "一般数据4级", "General data level 4"),
            ("general_3", "一般数据3级", "General data level 3"),
            ("general_2", "一般数据2级", "General data level 2"),
            ("general_1", "一般数据1级", "General data level 1"),
        ),
    ),
    "Sensitivity": (
        "敏感程度",
        "Sensitivity",
        (
            ("sensitive_pi", "敏感个人信息", "Sensitive personal information"),
            ("minor_pi", "不满十四周岁未成年人个人信息", "PI of a child under 14"),
            ("private_info", "私密信息", "Private information"),
            ("general_pi", "一般个人信息", "General personal information"),
            ("deidentified", "去标识化信息", "De-identified"),
            ("anonymized", "匿名化信息", "Anonymised"),
            ("business_secret", "商业秘密", "Trade secret"),
            ("non_personal", "非个人信息", "Non-personal"),
        ),
    ),
    "SensitivePiKind": (
        "敏感个人信息种类",
        "Kind of sensitive personal information",
        (
            ("biometric", "生物识别信息", "Biometric"),
            ("religion", "宗教信仰信息", "Religious belief"),
            ("specific_identity", "特定身份信息", "Specific identity"),
            ("medical_health", "医疗健康信息", "Medical/health"),
            ("financial_account", "金融账户信息", "Financial account"),
            ("location_track", "行踪轨迹信息", "Location track"),
            ("minor_under_14", "不满十四周岁未成年人信息", "Child under 14"),
            ("id_document_image", "身份证件照片", "Image of identity document"),
            ("id_number_conservative", "身份证号码(从严)", "ID number, conservative profile"),
            ("aggregated", "汇聚后敏感", "Sensitive through aggregation"),
            ("other", "其他敏感个人信息", "Other"),
        ),
    ),
    "ClassificationProfile": (
        "分类口径",
        "Classification profile",
        (
            ("cn_strict", "从严口径", "Strict: PIPL 28 + GB/T 35273-2020 B + seeds"),
            ("cn_gbt45574", "国标45574口径", "GB/T 45574-2025"),
            ("gdpr", "GDPR口径", "GDPR 9/10"),
            ("custom", "自定义", "Custom"),
        ),
    ),
    "CustomerType": (
        "客户类型",
        "Customer type",
        (
            ("individual", "个人客户", "Individual"),
            ("sole_trader", "个体工商户", "Sole trader"),
            ("enterprise", "企业客户", "Enterprise"),
            ("public_body", "机关事业单位", "Public body"),
            ("other", "其他", "Other"),
        ),
    ),
    "BusinessArea": (
        "业务领域",
        "Business area",
        (
            ("real_estate", "房地产", "Real estate"),
            ("automotive", "汽车", "Automotive"),
            ("finance", "金融", "Finance"),
            ("cleaning", "保洁", "Cleaning services"),
            ("retail", "零售", "Retail"),
            ("e_commerce", "电子商务", "E-commerce"),
            ("healthcare", "医疗健康", "Healthcare"),
            ("education", "教育", "Education"),
            ("other", "其他", "Other"),
        ),
    ),
    "CustomerNeed": (
        "客户需求",
        "Customer need",
        (
            ("home_purchase", "购房需求", "Home purchase"),
            ("home_rental", "租房需求", "Home rental"),
            ("car_purchase", "购车需求", "Car purchase"),
            ("investment", "投资需求", "Investment"),
            ("service_subscription", "服务需求", "Service"),
            ("other", "其他", "Other"),
        ),
    ),
    "Relationship": (
        "客户关系",
        "Customer relationship",
        (
            ("potential", "潜在客户", "Lead"),
            ("prospect", "意向客户", "Prospect"),
            ("closed", "成交客户", "Customer (deal closed)"),
            ("former", "历史客户", "Former customer"),
            ("opted_out", "拒绝联系客户", "Opted out"),
            ("disputed", "争议客户", "In dispute"),
        ),
    ),
    "CollectionMethod": (
        "收集方式",
        "Method of collection",
        (
            ("folder_scan", "文件夹采集", "Folder scan"),
            ("table_rows", "表格逐行采集", "Table, row by row"),
            ("table_series", "表格整体采集", "Table, as one series"),
            ("manual", "手工登记", "Entered by hand"),
            ("import", "系统导入", "Import from a system"),
            ("scan", "纸质扫描", "Scan of paper"),
            ("handover", "移交接收", "Received in a handover"),
            ("other", "其他", "Other"),
        ),
    ),
    "CorrectionReason": (
        "更正原因",
        "Reason for a correction",
        (
            ("recording_error", "登记有误", "Recorded wrongly"),
            ("content_updated", "内容更新", "Content updated"),
            ("supplement", "补充资料", "Supplement"),
            ("review_finding", "审核发现问题", "Found in review"),
            ("subject_request", "个人请求更正", "Requested by the individual"),
            ("other", "其他", "Other"),
        ),
    ),
    "RecordState": (
        "资料状态",
        "State of a record",
        (
            ("registered", "已登记", "Registered"),
            ("classified", "已分类", "Classified"),
            ("verified", "已审核", "Verified"),
            ("in_use", "使用中", "In use"),
            ("archived", "已归档", "Archived"),
            ("disposal_due", "到期待处置", "Disposal due"),
            ("disposal_approved", "已批准处置", "Disposal approved"),
            ("destroyed", "已销毁", "Destroyed"),
            ("anonymized", "已匿名化", "Anonymised"),
            ("transferred_out", "已移交", "Transferred out"),
        ),
    ),
    "HoldingState": (
        "副本状态",
        "State of a holding",
        (
            ("present", "在库", "Present"),
            ("in_transit", "移交途中", "In transit"),
            ("received", "已接收", "Received"),
            ("returned", "已返还", "Returned"),
            ("destroyed", "已销毁", "Destroyed"),
            ("lost", "遗失", "Lost"),
        ),
    ),
    "ReviewCheck": (
        "审核项目",
        "Review check",
        (
            ("accuracy", "准确性", "Accuracy"),
            ("completeness", "完整性", "Completeness"),
            ("readability", "可读性", "Readability"),
            ("safety", "安全性", "Safety"),
        ),
    ),
    "CheckResult": (
        "检查结果",
        "Result of a check",
        (
            ("pass", "通过", "Pass"),
            ("fail", "不通过", "Fail"),
        ),
    ),
}
