"""What the verifiers look at, step by step, in words for people: the steps of `check`.

The page lists them with what came of each, 核验步骤 lists them beside the commands, and every
finding names its step by number; so the numbers and the words stand here only.

>>> list(STEPS) == list(range(1, 13))
True
"""

from __future__ import annotations

from typing import Dict, Tuple

# step: English, Chinese
STEPS: Dict[int, Tuple[str, str]] = {
    1: (
        "Container: a canonical zip or a clean folder, within limits",
        "容器：规范的 zip 或干净的文件夹，不超过限额",
    ),
    2: (
        "Manifests complete in both directions, every digest as listed",
        "清单双向完整，每个文件的摘要相符",
    ),
    3: (
        "The exporter's note: over these manifests, this scope and state, signed by the exporter",
        "导出人声明：针对这些清单、这个范围和账本状态，由导出人签名",
    ),
    4: (
        "Checkpoints: signed by the key that you trust or one that follows from it; cosignatures",
        "检查点：由您信任的验证公钥（或由其更换而来的公钥）签名；副署",
    ),
    5: (
        "Entries: canonical, of this ledger, under the checkpoint, which continues older states",
        "条目：格式规范，属于该账本并在检查点之下；旧状态是新状态的前缀",
    ),
    6: (
        "Events: canonical, in the commit that was signed, and signed by whoever says it",
        "事件：格式规范，在所签的提交之内，陈述人确有签名",
    ),
    7: (
        "Signatures: everybody named signed with a key then in force, and nobody else did",
        "签名：每位具名者都用当时有效的密钥签名，没有多余的签名",
    ),
    8: (
        "Key history: enrolled, replaced, ended, compromised",
        "密钥历史：登记、更换、终止、失密",
    ),
    9: (
        "Streams: from version 1 without gap or repeat, in order; the index; the period",
        "事件流：从第 1 版起无缺失、无重复、次序不乱；索引；期间",
    ),
    10: (
        "Other files: scope, keys, people, policy and redactions say what follows from the events",
        "其余文件：范围、密钥表、人员、制度、遮盖清单与事件推出的一致",
    ),
    11: (
        "Disclosed fields and attachments: what the events committed to",
        "公开的字段和附件：与事件的承诺一致",
    ),
    12: (
        "Trusted time: tokens are good, accepted times lie in the provable interval",
        "可信时间：时间戳有效，受理时间在可证明区间之内",
    ),
}
