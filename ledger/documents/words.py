"""The words of the documents: titles, headings and notices, Chinese first and English beside it.

Chinese is the authoritative language (Civil Procedure Law 73, evidence rules 17). What follows from
events is not here: codes have their labels in `domain.codes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Words = tuple[str, str]
"""Chinese, English."""

TITLES: Final[Mapping[str, Words]] = {
    "destruction_list": ("销毁清册", "Destruction List"),
    "destruction_certificate": ("销毁证明", "Certificate of Destruction"),
    "restore_drill_report": ("恢复演练报告", "Restore-Drill Report"),
    "handover_list": ("移交清单", "Handover List"),
    "handover_confirmation": ("移交确认书", "Handover Confirmation"),
    "transfer_notice": ("个人信息转移告知书", "Notice of a Transfer of Personal Information"),
    "access_review": ("访问审查报告", "Access-Review Report"),
    "closing_report": ("结项报告", "Closing Report"),
}

NON_CLAIMS: Final[tuple[Words, ...]] = (
    (
        "本文书是账本记录的阅读形式，以附于其中的数据正本（JSON）及账本为准。",
        (
            "This document is a reading of ledger records; the attached data (JSON) and the ledger "
            "prevail."
        ),
    ),
    (
        (
            "账本证明谁以何种密钥作过何种陈述、何时入账、此后未被改动；不证明陈述本身属实，也不证明账本之外"
            "不存在其他副本。"
        ),
        (
            "The ledger proves who stated what under which key, when it was accepted, and that it "
            "was not changed since; not that the statement is true, nor that no other copy exists."
        ),
    ),
    (
        "签名证明密钥的使用；密钥与自然人的对应，以身份登记为限。",
        "A signature proves the use of a key; which person holds it rests on the identity records.",
    ),
)
"""What nobody should read into any document (C.4.6, non-claims)."""

VERIFICATION: Final[tuple[Words, ...]] = (
    (
        "一、运行 muniment document verify 文件.pdf，结论应为“真实”；脱机核验时加 --key 账本公钥。",
        (
            "1. Run muniment document verify FILE.pdf: the verdict must be “genuine”; offline, add "
            "--key with the ledger's public key."
        ),
    ),
    (
        "二、核对页脚的文书编号及 SHA-256、SM3 摘要与附件中数据正本的摘要一致。",
        "2. Compare number, SHA-256 and SM3 in the footer with the digests of the attached data.",
    ),
    (
        "三、向账本保管人或见证方索取同一规模的检查点，逐组朗读核对其根哈希。",
        (
            "3. Ask the ledger's keeper or a witness for the checkpoint of the same size, and read "
            "its root hash aloud, group by group."
        ),
    ),
)

BOXES: Final[Mapping[str, tuple[Words, ...]]] = {
    "destruction_list": (
        ("编制人", "Prepared by"),
        ("鉴定人", "Appraised by"),
        ("审批人", "Approved by"),
        ("审批人", "Approved by"),
    ),
    "destruction_certificate": (
        ("销毁人", "Destroyed by"),
        ("监销人", "Witnessed by"),
        ("核验人", "Verified by"),
        ("出具人", "Issued by"),
    ),
    "restore_drill_report": (
        ("演练人", "Performed by"),
        ("复核人", "Reviewed by"),
        ("参加人", "Participant"),
        ("出具人", "Issued by"),
    ),
    "handover_list": (
        ("移交经办人（转让方）", "Handler of the seller"),
        ("接收经办人（受让方）", "Handler of the buyer"),
        ("监交人（转让方）", "Supervisor of the seller"),
        ("监交人（受让方）", "Supervisor of the buyer"),
    ),
    "handover_confirmation": (
        ("移交经办人（转让方）", "Handler of the seller"),
        ("接收经办人（受让方）", "Handler of the buyer"),
        ("监交人（转让方）", "Supervisor of the seller"),
        ("监交人（受让方）", "Supervisor of the buyer"),
    ),
    "transfer_notice": (
        ("个人信息处理者", "Processor"),
        ("个人信息保护负责人", "Personal information officer"),
        ("签收人（如适用）", "Received by, where signed for"),
        ("监护人（如适用）", "Guardian, where needed"),
    ),
    "access_review": (
        ("审查人", "Reviewed by"),
        ("复核人", "Checked by"),
        ("整改责任人", "Responsible for remedies"),
        ("个人信息保护负责人", "Personal information officer"),
    ),
    "closing_report": (
        ("转让方", "Seller"),
        ("受让方", "Buyer"),
        ("居间方", "Broker"),
        ("出具人", "Issued by"),
    ),
}
SEAL: Final[Words] = ("单位（盖章）", "Company seal")

STEPS: Final[Mapping[str, Words]] = {
    "proposed": ("申请", "Proposed"),
    "appraised": ("鉴定", "Appraised"),
    "approved": ("审批", "Approved"),
    "rejected": ("驳回", "Rejected"),
    "executed": ("执行", "Executed"),
    "verified": ("核验", "Verified"),
    "taken_off": ("移出", "Taken off"),
    "certified": ("出具", "Certified"),
}

FIELDS: Final[Mapping[str, Words]] = {
    "number": ("文书编号", "Document no."),
    "issued_at": ("出具时间", "Issued at"),
    "origin": ("账本", "Ledger"),
    "ledger": ("账本编号", "Ledger id"),
    "engagement": ("项目", "Engagement"),
    "issuer": ("出具人", "Issuer"),
    "template": ("模板", "Template"),
    "source": ("依据事件", "Source events"),
    "case": ("案号", "Case"),
    "backup": ("备份", "Backup"),
    "drill": ("演练", "Drill"),
    "state": ("状态", "State"),
    "ground": ("销毁依据", "Ground"),
    "method": ("销毁方式", "Method"),
    "technique": ("销毁技术", "Technique"),
    "root": ("清册根哈希", "Root of the list"),
    "count": ("清册副本数", "Copies listed"),
    "listed": ("列入清册", "Listed"),
    "destroyed": ("已销毁", "Destroyed"),
    "verified": ("已核验", "Verified"),
    "taken_off": ("移出清册", "Taken off"),
    "remaining_count": ("已知留存", "Known to remain"),
    "appraisal": ("鉴定意见", "Appraisal"),
    "verdict": ("结论", "Verdict"),
    "scenario": ("演练场景", "Scenario"),
    "participants": ("参加人", "Participants"),
    "started_at": ("开始时间", "Started"),
    "ended_at": ("结束时间", "Ended"),
    "accepted": ("入账时间", "Accepted"),
    "at": ("发生时间", "Happened"),
    "by": ("操作人", "By"),
    "role": ("角色", "Role"),
    "event": ("事件", "Event"),
    "result": ("结果", "Result"),
    "rto_target": ("恢复时间目标（秒）", "RTO target (s)"),
    "rto_actual": ("实际恢复时间（秒）", "RTO actual (s)"),
    "rto_seconds": ("实际恢复时间（秒）", "RTO actual (s)"),
    "rpo_target": ("恢复点目标（秒）", "RPO target (s)"),
    "rpo_actual": ("实际恢复点（秒）", "RPO actual (s)"),
    "rpo_seconds": ("实际恢复点（秒）", "RPO actual (s)"),
    "restored": ("已恢复", "Restored"),
    "matched": ("摘要相符", "Digests matched"),
    "mismatched": ("摘要不符", "Digests mismatched"),
    "failed": ("失败", "Failed"),
    "failures": ("失败项", "Failures"),
    "fixes": ("整改", "Fixes"),
    "reapplied": ("重新执行的销毁", "Destructions re-applied"),
    "holding": ("副本", "Copy"),
    "record": ("资料", "Record"),
    "outcome": ("结果", "Outcome"),
    "form": ("形式", "Form"),
    "medium": ("介质", "Medium"),
    "size": ("字节", "Bytes"),
    "items": ("件数", "Items"),
    "custodian": ("保管方", "Custodian"),
    "key": ("密钥", "Key"),
    "keys": ("密钥", "Keys"),
    "category": ("类别", "Category"),
    "min_until": ("最低保管至", "Keep at least until"),
    "level": ("数据级别", "Level"),
    "permanent": ("永久", "Permanent"),
    "kind": ("类型", "Kind"),
    "cause": ("原因", "Cause"),
    "witnesses": ("监销人", "Witnesses"),
    "certified_entry": ("出具时的条目", "Entry of the certificate"),
    "encryption": ("加密", "Encryption"),
    "algorithm": ("算法", "Algorithm"),
    "key_bits": ("密钥位数", "Key length, bits"),
    "key_copies": ("密钥副本", "Copies of keys"),
    "key_copies_count": ("未清除密钥副本数", "Copies of keys left"),
    "key_copies_left": ("未清除的密钥副本", "Copies of keys not cleared"),
    "keystore_medium": ("密钥库所在介质", "Medium of the keystore"),
    "residual": ("留存的副本及原因", "What remains, and why"),
    "handed_out": ("此前已交出的次数", "Times handed out before"),
    "media": ("登记的介质", "Registered media"),
    "why": ("原因", "Why"),
    "kept_until": ("最低保管至", "Kept until"),
    "copy": ("密钥副本", "Copy of keys"),
    "fate": ("去向", "What became of it"),
    "covered": ("涉及密钥", "Keys covered"),
    "cleared": ("已清除", "Cleared"),
    "made_at": ("制作时间", "Made"),
    "through": ("含至密钥", "Through key"),
    "expires_on": ("到期", "Expires"),
    "registered_entry": ("登记条目", "Registered"),
    "destroyed_entry": ("销毁条目", "Destroyed"),
    "chain": ("备份链", "Chain of backups"),
    "copies": ("应恢复副本", "Copies to restore"),
    "left_out": ("不应恢复", "Not to be restored"),
    "rto_met": ("达到恢复时间目标", "RTO met"),
    "position": ("事件序号", "Position"),
    "entry": ("条目", "Entry"),
}
"""Names of members that a table of fields may show; others are shown by their own name."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {"key_copies": ("copy", "kind", "medium", "fate")}
"""What a page has room for of a table with many members; the twin has them all."""
WIDTHS: Final[Mapping[str, str]] = {"copy": "76mm"}

WORDS: Final[Mapping[str, Words]] = {
    "kept_by_another": ("他方保管", "kept by another party"),
    "kept_by_law": ("法定保管期未满", "kept for a period by law"),
    "why.lost": ("已遗失，可能被找到", "lost, and may be found"),
    "not_on_the_list": ("未列入清册", "not on the list"),
    "fate.destroyed": ("已整体销毁", "destroyed as a whole"),
    "fate.cleared": ("已清除相关密钥", "cleared of these keys"),
    "fate.medium_keeps": (
        "已覆写，介质可能另存旧块",
        "overwritten, the medium may keep older blocks",
    ),
    "fate.left": ("未清除", "not cleared"),
}
"""Codes that belong to no enumeration, alone or with the member that holds them."""
