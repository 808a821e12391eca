"""What could not be looked at, in both languages: the codes of gaps.

Those of a bundle's claims are the reasons of `ledger.offline.report`. A gap is of one of two kinds:

    not asked   it takes something that the auditor did not give (a key, a place, `--read-data`, a
                trusted authority), is of another state than the one asked for, or lies where no
                program reaches: it is listed, and that is all (`NOT_ASKED`)
    lacking     it should have been readable and was not: unreadable, damaged, or missing from what
                was handed over; where nothing is found, a replay ends with exit code 4 (all others)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.audit.catalogue.text import Both
from ledger.offline.report import REASONS

_OWN: Final[Mapping[str, Both]] = {
    "not_genuine": Both("verification found false bytes, which are not listed here",
                        "核验发现不真实的内容，此处未列出"),
    "not_judged": Both("events could not be judged: they, or what they rest on, are not known",
                       "有事件无法判断：事件本身或其所依据的内容不明"),
    "uncertain_from": Both("from here on, what was permitted may rest on what is not known",
                           "自此处起，是否被允许可能取决于不明的内容"),
    "refusal_uncertain": Both(
        "a rule does not allow it by what is known; what is not known may have allowed it",
        "据已知内容，规则不允许此行为；不明的内容可能曾允许它"),
    "not_vouched": Both(
        "no event vouches for the rows by which what was collected is recognised: it may be "
        "recorded twice",
        "用以识别已收集资料的各行没有任何事件可以印证：同一资料可能被重复登记"),
    "unreadable_from": Both("from here on, the database cannot be read",
                            "自此处起，数据库无法读取"),
    "read_not_proved": Both(
        "in a ledger with false bytes, what was judged is not proved to be what was verified",
        "账本含有不真实的内容，无法证明所判断的即所核验的"),
    "not_checked": Both("this could not be looked at: too much of the ledger is damaged",
                        "无法检查：账本受损过多"),
    "tables_not_compared": Both("the tables were not compared: not every event is known",
                                "未比对各表：并非每一事件都已知"),
    "tables_of_another_version": Both("the tables were made by another version of Muniment",
                                      "各表由另一版本的软件生成"),
    "tables_not_asked": Both(
        "the tables were not compared: with --since, what came before is not read again",
        "未比对各表：使用 --since 时不重读此前的内容"),
    "policy_missing": Both("the policy pack that the ledger adopted is missing",
                           "缺少账本所采用的制度包"),
    "no_folder": Both("there is no ledger's folder here: vault, keys and files cannot be looked at",
                      "此处没有账本文件夹：无法检查保管库、密钥和文件"),
    "stored_is_newer": Both("what lies in the folder is of a later state than the one replayed",
                            "文件夹中的内容属于比所回放状态更晚的状态"),
    "contents_not_read": Both("contents were not read: presence and sizes alone were compared",
                              "未读取内容：仅比对了是否存在和大小"),
    "needs_key": Both("where these copies lie is sealed, and the keystore was not opened",
                      "副本位置已密封，而密钥库未打开"),
    "not_examined": Both("anonymous contents could not be read, or their plan is not known",
                         "匿名化内容无法读取，或不知其处理方案"),
    "key_not_here": Both("the keystore lacks the keys that say where these copies lie",
                         "密钥库中没有说明副本位置的密钥"),
    "out_of_reach": Both("these copies lie where no program here reaches",
                         "副本所在之处程序无法到达"),
    "not_listed": Both("not every file that lies there can be seen", "其中的文件无法全部列出"),
    "place_unreadable": Both("the folder of backups cannot be read", "备份文件夹无法读取"),
    "not_read": Both("what lies off-site was not fetched", "异地内容未取回读取"),
    "not_fetched": Both("what lies off-site could not be fetched", "异地内容无法取回"),
    "endpoint_not_named": Both("the store is not one that this machine names",
                               "本机未登记该存储服务"),
    "not_all_shown": Both("the bundle does not show every entry up to its checkpoint",
                          "证据包没有出示截至检查点的全部条目"),
}  # fmt: skip

GAPS: Final[Mapping[str, Both]] = MappingProxyType(
    {**{code: Both(*texts) for code, texts in REASONS.items()}, **_OWN}
)
"""Every code of a gap that a replay of a ledger or of a bundle can give."""
NOT_ASKED: Final = frozenset({
    "contents_not_read", "endpoint_not_named", "needs_key", "no_cosigner_trusted", "no_events",
    "no_folder", "no_tsa_trusted", "not_certified", "not_examined", "not_read", "not_vouched",
    "nothing_disclosed", "out_of_reach", "stored_is_newer", "tables_not_asked",
})  # fmt: skip
"""The gaps that take what was not given or asked for: they are listed, and lead to no exit code."""
WHY: Final[Mapping[str, Both]] = MappingProxyType({
    "withheld": Both("withheld from the bundle", "证据包中已遮盖"),
    "entry_not_whole": Both("other events of the same entry are not shown",
                            "同一条目的其他事件未出示"),
    "history_not_shown": Both("what came before is not all shown", "此前的内容没有全部出示"),
    "not_proved": Both("not proved to be in the ledger", "未证明在账本中"),
    "unreadable": Both("cannot be read", "无法读取"),
})  # fmt: skip
"""Why events of a bundle were not judged: what stands in `subject` of such a gap."""
