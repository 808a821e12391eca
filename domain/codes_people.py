"""Who acts: roles, parties, functions, keys, and why an entry or a key came late or went.

`domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

Role = Literal[
    "administrator",
    "collector",
    "reviewer",
    "seller",
    "buyer",
    "seller_handler",
    "buyer_handler",
    "supervisor",
    "broker",
    "custodian",
    "archivist",
    "dpo",
    "security_officer",
    "approver",
    "destruction_operator",
    "destruction_witness",
    "internal_auditor",
    "external_auditor",
    "examiner",
    "counsel",
    "court",
    "regulator",
    "data_subject",
    "notary",
    "witness_node",
    "tsa",
    "system",
]
PartyKind = Literal[
    "company", "individual_business", "individual", "authority", "platform", "other"
]
ActorFunction = Literal[
    "management",
    "sales",
    "service",
    "finance",
    "archives",
    "it",
    "legal",
    "security",
    "external",
    "other",
]
KeyPurpose = Literal["act", "checkpoint", "cosign", "seal"]
KeyState = Literal["active", "rotated", "revoked", "compromised", "shredded"]
RevocationReason = Literal[
    "rotated", "superseded", "lost", "compromised", "left", "role_ended", "party_closed", "other"
]
LateReason = Literal["offline", "paper_first", "system_outage", "other"]
Jurisdiction = Literal["cn", "cn_hk", "cn_mo", "cn_tw", "eu", "other"]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "Role": (
        "角色",
        "Role",
        (
            ("administrator", "管理员", "Administrator"),
            ("collector", "收集人", "Collector"),
            ("reviewer", "审核人", "Reviewer"),
            ("seller", "转让方/移交方", "Seller, releasing party"),
            ("buyer", "受让方/接收方", "Buyer, receiving party"),
            ("seller_handler", "移交经办人", "Seller handler"),
            ("buyer_handler", "接收经办人", "Buyer handler"),
            ("supervisor", "监交人/监督人", "Handover supervisor"),
            ("broker", "中介/转让平台", "Broker"),
            ("custodian", "保管人", "Custodian"),
            ("archivist", "档案管理员", "Archivist"),
            ("dpo", "个人信息保护负责人", "PI protection officer"),
            ("security_officer", "安全负责人", "Security officer"),
            ("approver", "审批人", "Approver"),
            ("destruction_operator", "销毁操作人", "Destruction operator"),
            ("destruction_witness", "监销人", "Destruction witness"),
            ("internal_auditor", "内部审计", "Internal auditor"),
            ("external_auditor", "外部审计", "External auditor"),
            ("examiner", "鉴定人/取证人员", "Forensic examiner"),
            ("counsel", "法律顾问", "Counsel"),
            ("court", "法院/仲裁", "Court/arbitration"),
            ("regulator", "监管部门", "Regulator"),
            ("data_subject", "个人(信息主体)", "Data subject"),
            ("notary", "公证机构", "Notary"),
            ("witness_node", "见证节点", "Ledger witness"),
            ("tsa", "时间戳机构", "Time-stamp authority"),
            ("system", "系统", "System"),
        ),
    ),
    "PartyKind": (
        "主体类型",
        "Kind of party",
        (
            ("company", "公司", "Company"),
            ("individual_business", "个体工商户", "Individual business"),
            ("individual", "个人", "Individual"),
            ("authority", "机关", "Authority"),
            ("platform", "平台", "Platform"),
            ("other", "其他", "Other"),
        ),
    ),
    "ActorFunction": (
        "职能",
        "Function of an actor",
        (
            ("management", "管理", "Management"),
            ("sales", "销售", "Sales"),
            ("service", "服务", "Service"),
            ("finance", "财务", "Finance"),
            ("archives", "档案", "Archives"),
            ("it", "信息技术", "Information technology"),
            ("legal", "法务", "Legal"),
            ("security", "安全", "Security"),
            ("external", "外部", "External"),
            ("other", "其他", "Other"),
        ),
    ),
    "KeyPurpose": (
        "密钥用途",
        "Purpose of a key",
        (
            ("act", "签署", "Signing acts"),
            ("checkpoint", "检查点", "Signing checkpoints"),
            ("cosign", "副署", "Cosigning"),
            ("seal", "加密", "Sealing"),
        ),
    ),
    "KeyState": (
        "密钥状态",
        "State of a key",
        (
            ("active", "有效", "Active"),
            ("rotated", "已更换", "Rotated"),
            ("revoked", "已撤销", "Revoked"),
            ("compromised", "已失密", "Compromised"),
            ("shredded", "已销毁", "Shredded"),
        ),
    ),
    "RevocationReason": (
        "密钥撤销原因",
        "Reason for revoking a key",
        (
            ("rotated", "例行更换", "Routine rotation"),
            ("superseded", "被新密钥取代", "Superseded by another key"),
            ("lost", "遗失", "Lost"),
            ("compromised", "失密", "Compromised"),
            ("left", "人员离岗", "Person left"),
            ("role_ended", "不再承担该职责", "Duty ended"),
            ("party_closed", "主体终止", "Party ceased"),
            ("other", "其他", "Other"),
        ),
    ),
    "LateReason": (
        "补录原因",
        "Reason for a late entry",
        (
            ("offline", "离线补录", "Recorded offline"),
            ("paper_first", "先纸后录", "On paper first"),
            ("system_outage", "系统故障", "System outage"),
            ("other", "其他", "Other"),
        ),
    ),
    "Jurisdiction": (
        "法域",
        "Jurisdiction",
        (
            ("cn", "中国内地", "Mainland China"),
            ("cn_hk", "中国香港", "Hong Kong, China"),
            ("cn_mo", "中国澳门", "Macao, China"),
            ("cn_tw", "中国台湾", "Taiwan, China"),
            ("eu", "欧盟", "European Union"),
            ("other", "其他", "Other"),
        ),
    ),
}
