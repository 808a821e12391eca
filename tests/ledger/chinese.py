"""How Chinese is written here: the words that are kept to, and the typography of its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

HAN: Final = "\u4e00-\u9fff"

TERMS: Final = (
    # English, the Chinese for it, what it is not called
    (r"\bentr(?:y|ies)\b", "条目", "账目"),
    (r"\bcheckpoints?\b", "检查点", "校验点"),
    (r"\bcosign", "副署", "联署|共签"),
    (r"\bwitness", "见证方", "见证人"),
    (r"\breplica", "复本", "只读副本"),
    (r"\bsealed\b", "密封", "封存|封装|加密保存|加密内容|加密文本|加密部分|加密字段"),
    (r"\bvault\b", "保管库", "保险库|金库"),
    (r"\bpolicy pack", "制度包", "策略包|政策包"),
    (r"\bverifier keys?\b", "验证公钥", "验证密钥"),
    (r"\bchain of custody\b", "保管链", "监管链|托管链"),
    (r"\bcertificate of destruction\b|\bdestruction certificate", "销毁证明", "销毁证书"),
    (r"\bfindings?\b", "审计发现", "审计结论|查出问题"),
    (r"\bremedia", "整改", "补救"),
    (r"\bpassphrase", "口令", "密码短语"),
    (r"\btime-?stamp", "时间戳", "时间印章"),
    (r"\bconsents?\b", "同意", "许可同意"),
    (r"\bpersonal (?:data|information)\b", "个人信息", "个人数据|个人资料(?!转移)"),
)  # fmt: skip
"""One word for one thing; where the English stands, the last must not."""

NEVER: Final = ("账目", "封存", "策略包", "保险库", "只读副本", "联署", "加密保存",
                "验证密钥", "个人数据", "监管链", "销毁证书")  # fmt: skip
"""Words that no Chinese text of ours uses."""


def strayed(english: str, chinese: str) -> list[str]:
    """The words that stand in a translation instead of the term for what the English names."""
    return [
        found[0]
        for pattern, _term, others in TERMS
        if re.search(pattern, english, re.IGNORECASE) and (found := re.search(others, chinese))
    ]


_FAULTS: Final = (
    (rf"[{HAN}”》」）][,;:?!](?!//)", "a half-width mark after Chinese"),
    (rf"[,;?!] ?[{HAN}“《「（]", "a half-width mark before Chinese"),
    (rf"[{HAN}] ?\(|\([^()]*[{HAN}][^()]*\)", "half-width brackets"),
    (r"（[^（）]*\)|\([^()（）]*）", "brackets of two kinds"),
    (r" [，。；：？！、）」”》]|[，。；：？！、（「“《] (?=\S)", "a space beside a Chinese mark"),
    (rf"[{HAN}] +[{HAN}]", "a space between Chinese characters"),
    (rf"[{HAN}](?:\.\.\.|…(?!…))(?=[{HAN}])", "an ellipsis of one sign inside a sentence"),
    (rf"[{HAN}]\.(?:\s|$)", "a full stop that is not Chinese"),
    (r"[，。；：、]{2}", "two marks in a row"),
    (rf"\d(?:[{HAN}]?)(?:KB|MB|GB)\b", "a unit without a space before it"),
)


def misprinted(text: str) -> Iterator[str]:
    """What is wrong with the typography of one text, code and links left out.

    >>> list(misprinted("账本(副本)已核验。"))
    ['half-width brackets']
    >>> list(misprinted("账本（副本）已核验，见 `a, b`：muniment verify"))
    []
    """
    bare = re.sub(r"`[^`]*`", "x", re.sub(r"\]\([^)]*\)", "]", text))
    for pattern, fault in _FAULTS:
        if re.search(pattern, bare):
            yield fault
