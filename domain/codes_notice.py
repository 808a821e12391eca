"""How people are told of a transfer, what they answer, and why a consent is not needed.

`domain.codes` builds the registry from `TABLES`; import the types from there.
"""

from __future__ import annotations

from typing import Final, Literal

NoticeKind = Literal["art_22", "art_23"]
NoticeChannel = Literal[
    "sms", "telephone", "email", "app_message", "letter", "in_person", "announcement"
]
DeliveryStatus = Literal["delivered", "bounced", "public_announcement"]
SuppressionReason = Literal["opted_out", "withdrawn", "deceased"]
ExemptionBasis = Literal[
    "pipl_13_2_contract", "pipl_13_3_legal_duty", "succession_by_opinion", "other_statute"
]

TABLES: Final[dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]]] = {
    "NoticeKind": (
        "转移告知类型",
        "Kind of notice of a transfer",
        (
            ("art_22", "第二十二条告知(合并、分立等)", "PIPL 22: merger, division and the like"),
            ("art_23", "第二十三条告知(对外提供)", "PIPL 23: provision to another processor"),
        ),
    ),
    "NoticeChannel": (
        "告知途径",
        "Channel of a notice",
        (
            ("sms", "短信", "Text message"),
            ("telephone", "电话", "Telephone"),
            ("email", "电子邮件", "E-mail"),
            ("app_message", "即时通信或应用内消息", "Instant or in-app message"),
            ("letter", "信函", "Letter"),
            ("in_person", "当面", "In person"),
            ("announcement", "公告", "Public announcement"),
        ),
    ),
    "DeliveryStatus": (
        "送达情况",
        "What became of a notice",
        (
            ("delivered", "已送达", "Delivered"),
            ("bounced", "未送达", "Bounced"),
            ("public_announcement", "公告送达", "By public announcement"),
        ),
    ),
    "SuppressionReason": (
        "禁止营销原因",
        "Why somebody is not marketed to",
        (
            ("opted_out", "本人拒绝", "Opted out"),
            ("withdrawn", "撤回同意", "Consent withdrawn"),
            ("deceased", "已故", "Deceased"),
        ),
    ),
    "ExemptionBasis": (
        "不需取得同意的依据",
        "Why no consent is needed",
        (
            ("pipl_13_2_contract", "订立、履行合同所必需", "Needed for a contract, PIPL 13(1)(2)"),
            ("pipl_13_3_legal_duty", "履行法定义务", "Legal duty, PIPL 13(1)(3)"),
            (
                "succession_by_opinion",
                "视同承继(法律意见)",
                "As a succession, by counsel's opinion",
            ),
            ("other_statute", "其他法律规定", "Another statute"),
        ),
    ),
}
