"""What stands behind a finding's code, in words: which gate, which register, why it was refused.

A detail is a stable code. Sentences for refusals and gates are the programs' own (`Sentences`,
handed in by whoever prints: they belong to the layer that speaks to people); the others stand here.
What nobody has words for is shown as a code, and called one.

>>> detail("register_empty", "key_copies", {})
[('both', '密钥副本登记', 'register of key copies')]
>>> detail("gate_red", "list_frozen", {"gate.list_frozen": ("清单锁定", "list frozen")})
[('both', '清单锁定', 'list frozen')]
>>> detail("copy_changed", "new_kind", {})
[('both', '代码 new_kind', 'code new_kind')]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from domain.codes import ENUMERATIONS, label
from ledger.documents.cells import Line
from ledger.documents.words import Words

Sentences = Mapping[str, Words]
"""By the detail of a refusal, by `gate.<code>` and by `waiting.<code>`: Chinese and English."""
NO_SENTENCES: Final[Sentences] = MappingProxyType({})

_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "late_entry": ("LateReason",), "late_unexplained": ("LateReason",),
    "claimed_in_future": ("LateReason",), "untrained": ("TrainingTopic",),
    "deletion_overdue": ("DisposalAction",), "disposal_due": ("DisposalAction",),
    "medium_unregistered": ("MediumForm", "BackupMedium"),
    "copies_not_returned": ("EngagementOutcome",), "object_still_there": ("HoldingState",),
    "execution_unfinished": ("DestructionMethodClass",),
}  # fmt: skip
"""The enumerations that the details of a code are of."""
_OWN: Final[Mapping[str, Words]] = {
    "access_reviews": ("访问审查登记", "register of access reviews"),
    "backups": ("备份登记", "register of backups"),
    "restore_drills": ("恢复演练登记", "register of restore drills"),
    "training": ("培训登记", "register of training"),
    "key_copies": ("密钥副本登记", "register of key copies"),
    "media": ("介质登记", "register of media"),
    "time_stamps": ("可信时间戳", "time-stamps"),
    "indexes": ("索引发布登记", "register of published indexes"),
    "manifest": ("备份清单", "manifest of the backup"),
    "backup": ("备份", "backup"),
    "offsite": ("异地副本", "off-site copy"),
    "missing": ("缺失", "missing"),
    "damaged": ("损坏", "damaged"),
    "opened": ("审计启动所称的根哈希", "the root said at the opening"),
    "report_issued": ("审计报告所称的根哈希", "the root said with the report"),
    "population": ("总体", "population"),
    "drawn": ("抽取的样本", "what was drawn"),
    "identity": ("身份密钥文件夹", "folder of identity keys"),
    "keystore": ("密钥库", "keystore"),
    "vault": ("保管库", "vault"),
    "destroyed": ("密钥已销毁", "key destroyed"),
    "unknown": ("不明", "not known"),
}
PARTS: Final[Mapping[str, Words]] = {
    "genuine": ("真实性", "Genuine"),
    "permitted": ("是否被允许", "Permitted"),
    "complete": ("完整性", "Complete"),
    "timely": ("及时性", "Timely"),
    "consistent": ("一致性", "Consistent"),
    "backups": ("备份", "Backups"),
    "backup": ("备份副本", "Copies in backups"),
    "offsite": ("异地副本", "Off-site copies"),
    "file": ("登记所在位置的文件", "Files where they are registered"),
    "files": ("登记所在位置的文件", "Files where they are registered"),
    "paper": ("纸质", "Paper"),
    "medium": ("介质", "Media"),
    "vault": ("保管库", "Vault"),
    "keystore": ("密钥库", "Keystore"),
    "object": ("存储服务", "Store of objects"),
    "package_intact": ("证据包完整", "Bundle intact"),
    "checkpoint_trusted": ("检查点可信", "Checkpoint trusted"),
    "events_genuine": ("事件真实", "Events genuine"),
    "keys_current": ("密钥有效", "Keys in force"),
    "streams_unbroken": ("事件流连续", "Streams unbroken"),
    "disclosed": ("披露内容", "What is disclosed"),
    "witnessed": ("见证", "Witnessed"),
    "time": ("时间", "Time"),
    "approvals": ("审批", "Approvals"),
    "claims": ("所称时间", "Times claimed"),
    "clock": ("时钟", "Clock"),
    "compromised_keys": ("失密密钥", "Compromised keys"),
    "deals": ("转让项目", "Deals"),
    "destructions": ("销毁", "Destructions"),
    "disposals": ("到期处置", "Disposals"),
    "emergencies": ("紧急访问", "Emergency access"),
    "inspections": ("移交检验", "Inspections"),
    "keys": ("密钥", "Keys"),
    "media": ("介质", "Media"),
    "people": ("人员", "People"),
    "records": ("资料", "Records"),
    "registers": ("登记册", "Registers"),
    "requests": ("个人请求", "Requests of persons"),
    "reviews": ("访问审查", "Access reviews"),
    "anonymous": ("匿名化内容", "Anonymous contents"),
    "tokens": ("检索标记", "tokens"),
    "subject_tokens": ("个人的检索标记", "tokens of persons"),
    "subject_places": ("个人所在的资料", "places of persons"),
}
"""The parts of a replay that something could not be looked at in, those of bundles included."""
ARTICLES: Final[Mapping[str, Words]] = {
    "rotation": ("审计机构轮换", "rotation"),
    "deadlines": ("报告时限", "deadlines"),
    "response period": ("响应期限", "response period"),
    "annex": ("附表", "annex"),
    "all copies": ("所有副本", "all copies"),
    "access control": ("访问控制", "access control"),
    "chain of custody": ("保管链", "chain of custody"),
    "disposal hold": ("处置冻结", "disposal hold"),
    "监销": ("监销", "supervised destruction"),
    "时间记录": ("时间记录", "recording of times"),
    "冻结不等于可用": ("冻结不等于可用", "a hold gives no use"),
    "双人审批": ("双人审批", "approval by two"),
    "只增不改": ("只增不改", "append only"),
    "所有路径复核": ("所有路径复核", "every path checked"),
    "核验后出证": ("核验后出证", "certified after verification"),
    "股权转让换钥": ("股权转让换钥", "new keys after a share deal"),
    "项目范围": ("项目范围", "scope of the deal"),
    "保密协议": ("保密协议", "confidentiality agreement"),
    "分类分级": ("分类分级", "classification and grading"),
    "培训考核": ("培训考核", "training and examination"),
    "备份恢复": ("备份恢复", "backup and restore"),
    "定期审查访问记录": ("定期审查访问记录", "regular review of accesses"),
    "审核": ("审核", "review"),
    "注销记录": ("注销记录", "record of cancellation"),
    "留存副本": ("留存副本", "copies retained"),
    "移交清单": ("移交清单", "handover list"),
    "移交确认书": ("移交确认书", "handover confirmation"),
    "访问控制": ("访问控制", "access control"),
}
"""What a policy pack cites where a source has no numbered articles."""
_NUMBER: Final = re.compile(r"[0-9][0-9.,()–-]*\Z")


def detail(code: str, told: str, sentences: Sentences) -> list[Line]:
    """A detail of a finding as lines; nothing for none."""
    return [("both", *words) for words in _said(code, told, sentences)] if told else []


def _said(code: str, told: str, sentences: Sentences) -> Iterator[Words]:
    gate, colon, waiting = told.partition(": ")
    if colon and f"gate.{gate}" in sentences:
        zh, en = _one("", waiting, sentences)
        first = sentences[f"gate.{gate}"]
        yield f"{first[0]}：{zh}", f"{first[1]}: {en}"
        return
    for part in told.split() if code in _OF else [told]:
        yield _one(code, part, sentences)


def _one(code: str, part: str, sentences: Sentences) -> Words:
    for name in _OF.get(code, ()):
        if part in ENUMERATIONS[name].codes:
            return label(name, part, "zh"), label(name, part, "en")
    if code == "gate_red" and f"gate.{part}" in sentences:
        return sentences[f"gate.{part}"]
    if code in ("", "not_permitted", "gate_bypassed") or part not in _OWN:
        for key in (f"waiting.{part}", part):
            if key in sentences:
                return sentences[key]
    return _OWN.get(part, (f"代码 {part}", f"code {part}"))


def part_of(code: str) -> Words:
    """The name of a part of a replay; of one that has none its code, called one.

    >>> part_of("files"), part_of("new_part")
    (('登记所在位置的文件', 'Files where they are registered'), ('代码 new_part', 'code new_part'))
    """
    return PARTS.get(code, (f"代码 {code}", f"code {code}"))


def article(code: str) -> Words:
    """An article of a statute: its number, or its words in both languages.

    >>> article("51(4)"), article("rotation"), article("II.7")
    (('51(4)', '51(4)'), ('审计机构轮换', 'rotation'), ('II.7', 'II.7'))
    """
    return (code, code) if _NUMBER.match(code) else ARTICLES.get(code, (code, code))
