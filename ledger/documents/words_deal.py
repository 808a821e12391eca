"""The words of the documents of a deal, as `ledger.documents.words` has those of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.documents.words import Words

SIDES: Final[Mapping[str, Words]] = {
    "seller": ("转让方", "Seller"),
    "buyer": ("受让方", "Buyer"),
    "broker": ("居间方", "Broker"),
}
TYPED: Final[Mapping[str, Words]] = {
    "planned_place": ("计划地点", "Place planned"),
    "planned_method": ("移交方式", "Method"),
    "released_channel": ("交付渠道", "Channel of release"),
    "released_seal_no": ("封签编号（交付）", "Seal no., on release"),
    "received_place": ("接收地点", "Place of receipt"),
    "received_seal_no": ("封签编号（接收）", "Seal no., on receipt"),
}
FIELDS: Final[Mapping[str, Words]] = {
    "engagement_title": ("项目名称", "Deal"),
    "handover": ("移交编号", "Handover"),
    "list_version": ("清单版本", "Version of the list"),
    "mode": ("交易结构", "Structure of the deal"),
    "path": ("法律路径", "Path in law"),
    "basis": ("法律依据", "Legal basis"),
    "window": ("移交期间", "Days of the handover"),
    "inspection_days": ("约定验收期（日）", "Days agreed for inspection"),
    "frozen_at": ("清单锁定时间", "List frozen"),
    "root": ("清单根哈希（各项编号）", "Root over the items"),
    "lines": ("明细根哈希（各项明细）", "Root over the lines"),
    "count": ("清单项数", "Items on the list"),
    "records": ("其中随包交付内容的资料", "Records delivered in a package"),
    "marketing": ("营销用途清单", "A list for marketing"),
    "agreements": ("约定书、协议（登记编号）", "Agreements, as registered"),
    "ndas": ("保密协议", "NDA"),
    "pipias": ("影响评估", "Impact assessment"),
    "released_at": ("交付时间", "Released"),
    "released_off_plan": ("交付不在计划日期内的原因", "Why released on another day than planned"),
    "received_at": ("接收时间", "Received"),
    "received_off_plan": ("接收不在计划日期内的原因", "Why received on another day than planned"),
    "deadline": ("验收期届满", "Inspection ends"),
    "deemed_at": ("视为验收", "Deemed accepted"),
    "package_sent": ("移交包摘要（交付）", "Package digest, sent"),
    "package_received": ("移交包摘要（接收）", "Package digest, received"),
    "seal": ("封签状态", "Condition of the seal"),
    "read": ("接收时核对项数", "Items read on arrival"),
    "matched": ("其中摘要相符", "Of these, digests matched"),
    "not_inspected": ("未逐项验收", "Items not inspected"),
    "accepted": ("接收项数", "Items accepted"),
    "rejected": ("拒收项数", "Items rejected"),
    "reservations": ("保留意见（差异编号）", "Reservations, by number"),
    "effective_at": ("风险与责任转移时间", "Risk and responsibility pass at"),
    "confirmed_at": ("确认入账时间", "Confirmation accepted at"),
    "tracking": ("移交后跟踪日", "Tracking checks due"),
    "notice": ("告知编号", "Notice"),
    "article": ("告知依据", "Article"),
    "recipient": ("接收方", "Recipient"),
    "channel": ("告知途径", "Channel"),
    "addressed": ("告知人数", "Persons addressed"),
    "text_version": ("文本版本", "Version of the text"),
    "from_party": ("转让方", "Seller"),
    "to_party": ("受让方", "Buyer"),
    "broker": ("居间方", "Broker"),
    "opened_at": ("立项时间", "Opened"),
    "closed_at": ("办结时间", "Closed"),
    "outcome": ("结果", "Outcome"),
    "days": ("历时（日）", "Days from opening to closing"),
    "reviewer": ("审查人", "Reviewer"),
    "period": ("审查期间（不含止时）", "Period, without its last moment"),
    "allowed": ("允许访问", "Accesses allowed"),
    "denied": ("拒绝访问", "Accesses denied"),
    "break_glass": ("紧急访问", "Emergency accesses"),
    "anomalous": ("异常访问（按本报告规则）", "Anomalous, by this report's rules"),
    "recorded_anomalies": ("审查人登记的异常数", "Anomalies that the reviewer recorded"),
    "recorded_digest": ("审查人登记的 SHA-256", "SHA-256 that the reviewer recorded"),
    "report_digest": ("审查数据 SHA-256", "SHA-256 of the data reviewed"),
}

LESSONS: Final[tuple[Words, ...]] = (
    ("经验与改进：＿＿＿＿＿＿", "Lessons: ＿＿＿＿＿＿"),
    ("未尽事项及责任人：＿＿＿＿＿＿", "What is left to do, and by whom: ＿＿＿＿＿＿"),
)
UNSAID: Final[Words] = (
    "转让方尚未声明留存副本（I-24）。",
    "The seller has not declared yet what it keeps (I-24).",
)
NOTHING_KEPT: Final[Words] = (
    "转让方声明未留存副本。",
    "The seller declares that it keeps no copy.",
)
UNSEEN: Final[Mapping[str, Words]] = {
    "outside_muniment": (
        "在 Muniment 之外打开的文件不在其内。",
        "What is opened outside Muniment is not seen.",
    ),
    "other_ledgers": (
        "其他账本记录的访问不在其内。",
        "Accesses that other ledgers record are not seen.",
    ),
    "paper_by_statement": (
        "纸质资料的访问以陈述为限。",
        "Access to paper is known by statement only.",
    ),
    "site_not_recorded": (
        "未记录访问地点。",
        "Where somebody sat is not recorded.",
    ),
    "no_staff_list": (
        "未提供人员名册，未与之核对。",
        "No list of staff was given to compare with.",
    ),
}
NONE_RECORDED: Final[Words] = (
    "审查期间未记录任何访问；该结论仅及于上述信息来源。",
    "No access was recorded in the period; that covers the sources named only.",
)
BEFORE_LEDGER: Final[Words] = (
    "账本自 {begins} 起有条目；此前的访问无从得知。",
    "The ledger has entries from {begins} on; of accesses before nothing is known.",
)
NONE_SINCE: Final[Words] = (
    "自 {begins} 起至期间末未记录任何访问；该结论仅及于上述信息来源。",
    "From {begins} to the end of the span no access was recorded; that covers the sources only.",
)

STEPS: Final[Mapping[str, Words]] = {
    "engagement.opened": ("立项", "Deal opened"),
    "engagement.evidence_agreement_signed": ("签署电子数据约定书", "Evidence agreement"),
    "engagement.nda_signed": ("签署保密协议", "NDA signed"),
    "engagement.nda_terminated": ("终止保密协议", "NDA terminated"),
    "engagement.pipia_completed": ("完成影响评估", "Impact assessment"),
    "engagement.consent_exempted": ("载明豁免同意的依据", "Consent exempted"),
    "engagement.credentials_reregistered": ("凭据重新登记", "Credentials registered anew"),
    "engagement.access_reviewed": ("访问审查", "Access reviewed"),
    "engagement.copies_disposed": ("处置所获副本", "Copies disposed of"),
    "engagement.tracking_checked": ("移交后跟踪", "Tracking check"),
    "engagement.closed": ("办结", "Deal closed"),
    "notice.issued": ("发出告知", "Notice issued"),
    "notice.delivered": ("登记送达", "Delivery recorded"),
    "handover.planned": ("移交计划", "Handover planned"),
    "handover.list_frozen": ("锁定清单", "List frozen"),
    "handover.released": ("交付", "Released"),
    "handover.received": ("接收", "Received"),
    "handover.inspected": ("验收", "Inspected"),
    "handover.discrepancy_raised": ("提出差异", "Discrepancy raised"),
    "handover.discrepancy_resolved": ("处理差异", "Discrepancy resolved"),
    "handover.deemed_accepted": ("视为验收", "Deemed accepted"),
    "handover.confirmed": ("移交确认", "Handover confirmed"),
    "handover.residual_declared": ("声明留存副本", "Residual declared"),
    "handover.cancelled": ("移交终止", "Handover cancelled"),
}
STATES: Final[Mapping[str, Words]] = {
    "planned": ("已计划", "planned"),
    "list_frozen": ("清单已锁定", "list frozen"),
    "released": ("已交付", "released"),
    "received": ("已接收", "received"),
    "confirmed": ("已确认", "confirmed"),
    "residual_declared": ("已声明留存", "residual declared"),
    "cancelled": ("已终止", "cancelled"),
}

REVIEWED: Final[Mapping[str, Words]] = {
    "after_handover": ("移交后仍访问", "After the handover"),
    "out_of_hours": ("非工作时间", "Out of hours"),
    "bulk_export": ("批量导出", "Bulk export"),
    "restricted": ("限制处理期间", "While restricted"),
    "held": ("冻结期间", "While on hold"),
    "gone": ("已不存在的资料", "What was gone"),
    "purpose_mismatch": ("目的不符", "Purpose does not fit"),
    "sensitive_unlinked": ("敏感资料无业务关联", "Sensitive, no business link"),
    "changed_content": ("内容与登记不符", "Content changed"),
    "break_glass_unreviewed": ("紧急访问逾期未审查", "Emergency not reviewed in time"),
    "untrained": ("未经培训", "Not trained"),
    "new": ("新增", "New"),
    "ended": ("已撤销", "Ended"),
    "replaced": ("已变更", "Replaced"),
    "expired": ("已到期未撤销", "Over, not revoked"),
    "dormant": ("长期未用", "Dormant"),
    "excessive": ("超出所需", "Excessive"),
    "leaver": ("离职或失权人员", "Leaver"),
    "across": ("跨主体授权", "Across parties"),
    "not_on_staff_list": ("不在人员名册", "Not on the staff list"),
    "all": ("全部授权", "All grants"),
    "in_force": ("有效", "In force"),
    "not_begun": ("未开始", "Not begun"),
    "revoked": ("已撤销", "Revoked"),
    "over": ("已到期", "Over"),
    "high": ("高", "High"),
    "medium": ("中", "Medium"),
    "low": ("低", "Low"),
    "keep": ("保留", "Keep"),
    "reduce": ("缩减", "Reduce"),
    "revoke": ("撤销", "Revoke"),
    "investigate": ("调查", "Investigate"),
    "actor": ("人员", "Person"),
    "category": ("类别", "Category"),
    "sensitivity": ("敏感程度", "Sensitivity"),
    "purpose": ("目的", "Purpose"),
    "mode": ("方式", "Mode"),
    "hours": ("时段", "Hours"),
}
BY: Final[Mapping[str, Words]] = {
    "category": ("类别", "Category"),
    "sensitivity": ("敏感程度", "Sensitivity"),
    "form": ("形式", "Form"),
}
UNITS: Final[Mapping[str, Words]] = {
    "row": ("行", "rows"),
    "sheet": ("页", "sheets"),
    "item": ("件", "items"),
}
LEGEND_TITLE: Final[Words] = ("其他", "Other")
LEGEND: Final[tuple[Words, ...]] = (
    ("（见加密明细）", "in the lines that go encrypted with the package"),
    ("原件、复制件", "original, copy"),
    ("冻结 n、限制", "n holds, processing restricted"),
    ("最长", "at the longest until"),
    ("已保管 n 月", "kept for n months"),
    ("同意／免／缺", "persons: consent granted, exempt, missing"),
    ("行、页、件", "rows, sheets, items"),
    (
        "收、核、读、差、签（受让方填写）",
        "for the buyer: quantity received, digest, readable, discrepancy no., initials",
    ),
)
"""What the lines of a list say in Chinese alone."""
