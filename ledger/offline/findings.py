"""What is wrong with a bundle: findings with stable codes, in the verifier's two languages.

A finding holds its code, the step that met it, ids, digests, numbers and names of the fixed
layout: never text of the bundle. Anything else is shown as its SHA-256. How it weighs:

    invalid        something is not what was signed, or is not there any more
    disputed       signed with a key in the time for which it was reported as compromised, or said
                   to be accepted when a time token shows that it was not
    unverifiable   something needed is not in the bundle

>>> one = finding("digest_differs", file="data/00_王某.txt", expected="ab" * 4)
>>> one.step, one.expected, one.weight
(2, 'abababab', 'invalid')
>>> one.file
'sha256:fb563d73136c27cbf7d54a9538894fb990eca9b498eae0686539bcbe96393492'
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Dict, Iterable, List, NamedTuple, Set, Tuple

INVALID = "invalid"
DISPUTED = "disputed"
UNVERIFIABLE = "unverifiable"
MAX_FINDINGS = 1000

# The folders of the payload and what is read in them.
README = "data/00_说明/"
LEDGER = "data/10_账本/"
IDENTITY = "data/20_身份/"
ATTACHED = "data/30_附件/"
ENVIRONMENT = "data/60_环境/"

_WEIGHED = {
    "key_compromised": DISPUTED,
    "accepted_outside_interval": DISPUTED,
    "consistency_missing": UNVERIFIABLE,
    "token_not_recorded": UNVERIFIABLE,
    "key_unknown": UNVERIFIABLE,
    "checkpoint_key_unknown": UNVERIFIABLE,
    "exporter_key_unknown": UNVERIFIABLE,
    "part_missing": UNVERIFIABLE,
    "entry_missing": UNVERIFIABLE,
    "event_proof_missing": UNVERIFIABLE,
    "policy_missing": UNVERIFIABLE,
}

# code: step, English, Chinese
CAUSES: Dict[str, Tuple[int, str, str]] = {
    "not_a_zip": (1, "the file is no zip, and no folder", "该文件不是 zip，也不是文件夹"),
    "zip_not_canonical": (
        1,
        "the zip is not as it was exported; if it was only repacked, unpack it, verify the folder",
        "zip 与导出时不同：被压缩、重新打包或改动；如只是重新打包，请解压后核验文件夹",
    ),
    "name_unsafe": (
        1,
        "a file name could lead out of the folder, or is not in the one permitted form",
        "文件名可能指向文件夹之外，或不合规定形式",
    ),
    "name_twice": (1, "two files of the zip have one name", "zip 中有两个同名文件"),
    "top_folder": (1, "the files are not all in one folder", "文件不在同一个顶层文件夹内"),
    "not_a_file": (
        1,
        "the folder holds a link or a device, or a file changed while it was read",
        "文件夹中有链接或设备文件，或文件在读取时被改动",
    ),
    "unreadable": (1, "the system cannot read a file", "系统无法读取某个文件"),
    "too_large": (
        1,
        "more than 50,000 files or 256 MiB",
        "超过 50,000 个文件或 256 MiB",
    ),
    "bagit_malformed": (2, "not the declaration of a BagIt 1.0 bag", "不是 BagIt 1.0 的声明"),
    "bag_info_malformed": (
        2,
        "bag-info.txt does not have its four lines, or they name no bundle",
        "bag-info.txt 不是规定的四行，或未写证据包编号",
    ),
    "bag_renamed": (
        2,
        "the top folder does not bear the bundle's name",
        "顶层文件夹的名称不是证据包编号",
    ),
    "oxum_differs": (2, "not so many bytes and files", "字节数或文件数不符"),
    "manifest_malformed": (2, "a manifest is not as it is written", "清单格式不符"),
    "part_missing": (2, "the bundle was made without this file", "证据包制作时就没有该文件"),
    "file_missing": (2, "the file is missing", "缺少该文件"),
    "file_unlisted": (
        2,
        "the file is in no manifest, or in no place",
        "该文件不在清单或规定位置",
    ),
    "digest_differs": (2, "the file was changed", "该文件被改动"),
    "note_malformed": (
        3,
        "the exporter's note is not as it is written",
        "导出人声明格式不符",
    ),
    "note_differs": (
        3,
        "the exporter signed for another bundle, checkpoint, scope or manifest",
        "导出人签的是另一个证据包、检查点、范围或清单",
    ),
    "note_signature": (3, "the exporter's signature fails", "导出人的签名不成立"),
    "exporter_key_unknown": (
        3,
        "the bundle does not show whose key the exporter's is",
        "证据包未说明导出人密钥属于谁",
    ),
    "exporter_key_unfit": (
        3,
        "the exporter's key had ended, or is for another purpose",
        "导出人的密钥已失效，或用途不符",
    ),
    "checkpoint_malformed": (4, "the checkpoint is not as it is written", "检查点格式不符"),
    "checkpoint_differs": (
        4,
        "the checkpoint is not the one that the bundle speaks of",
        "检查点与证据包所述不一致",
    ),
    "checkpoint_foreign": (
        4,
        "the checkpoint is of another ledger than the trusted key",
        "检查点属于另一账本，与您给出的验证公钥不符",
    ),
    "checkpoint_key_unknown": (
        4,
        "neither the trusted key nor one that follows from it signed the checkpoint",
        "检查点既不是由您给出的验证公钥签名，也不是由它依次更换来的验证公钥签名",
    ),
    "checkpoint_signature": (4, "the ledger's signature fails", "账本的签名不成立"),
    "trust_not_of_ledger": (
        4,
        "the trusted key never was this ledger's",
        "您给出的验证公钥从来不是这个账本的",
    ),
    "key_not_in_force": (
        4,
        "signed with a ledger key that was not in force at this size",
        "签名所用的账本密钥此时不在有效期",
    ),
    "cosignature_fails": (
        4,
        "the signature of a cosigner whom you trust fails",
        "您信任的见证方的签名不成立",
    ),
    "state_not_prefix": (
        5,
        "a state that was signed or seen is not proved to lie before the checkpoint: a fork",
        "不能证明某个被签名或看过的状态在检查点之前：账本分叉",
    ),
    "consistency_missing": (
        5,
        "the proof is missing that an earlier state lies before the ledger's state",
        "缺少较早状态在账本状态之前的证明",
    ),
    "consistency_malformed": (
        5,
        "the proofs between states are not as they are written, or of states not spoken of",
        "状态之间的证明格式不符，或针对无人提及的状态",
    ),
    "entry_missing": (5, "the entry, or its proof, is missing", "缺少该条目或其证明"),
    "entry_malformed": (5, "the entry is not as it is written", "条目格式不符"),
    "entry_foreign": (5, "the entry is of another ledger", "条目属于另一账本"),
    "entry_proof_malformed": (
        5,
        "the proof of the entry is not as it is written",
        "条目证明格式不符",
    ),
    "entry_proof_differs": (
        5,
        "the proof is of another entry, or against another checkpoint",
        "证明针对的是另一条目或另一检查点",
    ),
    "entry_not_in_ledger": (
        5,
        "the proof does not place the entry under the checkpoint",
        "证明不能说明该条目在检查点之下",
    ),
    "clock_regression": (
        5,
        "accepted before an entry that it follows",
        "受理时间早于在前的条目",
    ),
    "seen_out_of_range": (
        5,
        "the signers say that they saw a state that the ledger could not have had",
        "签名人自称看过账本当时不可能有的状态",
    ),
    "seen_contradicts": (
        5,
        "two signers saw different states of one size: the ledger was forked",
        "两位签名人看到同一大小的不同状态：账本曾分叉",
    ),
    "event_not_canonical": (
        6,
        "the event is outside the canonical profile",
        "事件字节不合规范形式",
    ),
    "event_malformed": (6, "the event has not the fields of an event", "事件字段不符"),
    "event_proof_malformed": (
        6,
        "the proof of the event is not as it is written",
        "事件证明格式不符",
    ),
    "event_proof_missing": (6, "the proof of the event is missing", "缺少该事件的证明"),
    "event_not_in_commit": (
        6,
        "the proof does not place the event in the commit that was signed",
        "证明不能说明该事件在所签的提交之内",
    ),
    "author_did_not_sign": (
        6,
        "whoever says it did not sign in that role",
        "陈述人没有以该身份签名",
    ),
    "signature_fails": (7, "a signature on the commit fails", "提交上的签名不成立"),
    "key_unknown": (
        7,
        "the bundle does not show whose key signed",
        "证据包未说明签名密钥属于谁",
    ),
    "key_not_yet_enrolled": (
        7,
        "the key was enrolled by this or a later entry",
        "签名时该密钥尚未登记",
    ),
    "key_ended_before": (7, "the key had ended before the entry", "签名时该密钥已失效"),
    "key_not_for_acts": (7, "the key is for another purpose", "该密钥用途不符"),
    "key_signs_twice": (
        7,
        "two signers of one commit have one key",
        "同一提交的两位签名人使用同一密钥",
    ),
    "enrolment_invalid": (
        8,
        "nobody proved to hold the key, or its name, id or form is not its own",
        "无人证明持有该密钥，或其名称、编号、形式不符",
    ),
    "key_enrolled_before": (8, "the key was enrolled before", "该密钥此前已登记"),
    "rotation_not_signed": (8, "the old key did not sign", "更换密钥时旧密钥没有签名"),
    "key_act_not_permitted": (
        8,
        "whoever says it may not enrol or end this key",
        "陈述人无权登记或终止该密钥",
    ),
    "key_event_without_key": (
        8,
        "the event is about a key that is not there",
        "事件所述的密钥不存在",
    ),
    "key_compromised": (
        8,
        "signed in the time for which the key was reported as compromised",
        "签名于该密钥被告知失密的期间",
    ),
    "version_gap": (
        9,
        "events of the stream are missing, repeated or out of order",
        "该事件流有缺失、重复或次序不符",
    ),
    "index_malformed": (9, "the index is not as it is written", "索引格式不符"),
    "index_differs": (
        9,
        "these are not the rows of the published index, or other events than are here",
        "这些行不属于所发布的索引，或所指事件与此处不同",
    ),
    "period_gap": (
        9,
        "not every entry and event of the period is here, or one is not of the period",
        "期间内的条目或事件不全，或有不属于该期间的条目",
    ),
    "policy_missing": (10, "the adopted policy pack is missing", "缺少所发布的制度文件"),
    "policy_differs": (10, "not a policy pack that was adopted", "不是所发布的制度文件"),
    "file_malformed": (10, "the file is not as it is written", "该文件格式不符"),
    "events_cut": (
        10,
        "there are not as many events as places, or the last one was cut off",
        "事件数与位置数不符，或最后一件被截断",
    ),
    "derived_differs": (
        10,
        "the file does not say what follows from the events",
        "该文件所述与事件推出的不一致",
    ),
    "redactions_differ": (
        10,
        "what is said to be withheld is not what is withheld, or may not be withheld",
        "所列遮盖内容与实际不符，或不得遮盖",
    ),
    "selection_differs": (
        10,
        "the scope, or what is shown and withheld, is not what the export was recorded with",
        "范围或披露、遮盖的内容与导出记录不符",
    ),
    "opening_malformed": (
        11,
        "the opened fields are not as they are written",
        "披露字段的格式不符",
    ),
    "opening_differs": (
        11,
        "the event committed to another text, or under another path",
        "该事件承诺的是另一文本或另一字段",
    ),
    "attachment_missing": (11, "the attached file is missing", "缺少该附件"),
    "attachment_differs": (
        11,
        "the attached file is not the one that is named, or that the event committed to",
        "附件不是所列文件，或不是事件所承诺的内容",
    ),
    "token_malformed": (
        12,
        "the time token, or the note it is over, is not as it is written",
        "时间戳令牌或其所盖声明格式不符",
    ),
    "token_differs": (
        12,
        "the time token is over another note, or the ledger recorded it for another",
        "时间戳针对另一声明，或账本记录的是另一声明",
    ),
    "token_signature": (12, "the signature of the time token fails", "时间戳令牌的签名不成立"),
    "token_not_recorded": (
        12,
        "no event here records the time token",
        "没有事件记录该时间戳令牌",
    ),
    "accepted_outside_interval": (
        12,
        "the ledger says that it accepted this at a time which the time tokens rule out",
        "账本所称受理时间与时间戳所证明的区间矛盾",
    ),
}

_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_FILE = re.compile(
    r"(?:bagit|bag-info|manifest-sha256|tagmanifest-sha256)\.txt|exporter\.note"
    r"|verify/(?:verify\.pyz|verify\.html|EXPECTED_OUTPUT\.txt)"
    r"|data/00_说明/(?:README\.zh\.md|README\.en\.md|非主张声明\.md"
    r"|(?:证据目录|电子数据提取固定说明|证据规则对照)\.(?:json|pdf)|核验步骤\.(?:html|pdf))"
    r"|data/10_账本/(?:(?:scope|places|consistency|index)\.json|events\.jsonl"
    r"|entries/[0-9]{1,19}\.entry|proofs/[0-9]{1,19}(?:-[0-9]{1,5})?\.tlog-proof"
    r"|checkpoints/[0-9]{1,19}\.txt|tokens/[0-9]{1,2}\.(?:note|tsr)|policy/[0-9a-f]{64}\.toml)"
    r"|data/20_身份/(?:keys|roles_and_training)\.json"
    r"|data/30_附件/(?:(?:openings|attachments|redactions)\.json|files/[0-9]{1,5}\.[a-z0-9]{1,8})"
    r"|data/40_报告/(?:保管链|时间线|访问记录|身份与授权)\.(?:html|pdf)"
    r"|data/50_互操作/(?:case\.jsonld|prov\.json|premis\.xml|events\.csv)"
    r"|data/60_环境/(?:software|health)\.json"
)
_EVENT = re.compile("[a-z_]{3,24}-" + _UUID + "(?:/[1-9][0-9]{0,15})?")
_PLAIN = re.compile(
    f"(?:{_HEX}{{8}}){{1,8}}|[0-9]{{1,19}}|[0-9]{{1,12}}\\.[0-9]{{1,6}}"
    f"|(?:[a-z_]{{3,24}}-)?{_UUID}(?:/[0-9]{{1,16}})?"
    "|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\\.[0-9]{3})?Z"
)


class Finding(NamedTuple):
    """One thing wrong; its cause in words stands in `CAUSES`."""

    code: str
    step: int
    file: str | None
    event: str | None
    expected: str | None
    actual: str | None

    @property
    def weight(self) -> str:
        """How it weighs: invalid, disputed or unverifiable."""
        return weight_of(self.code)


class Flaw(Exception):  # noqa: N818  it becomes a finding, whoever reads it
    """What a parser or a check met; `code` is a finding's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Findings:
    """Collects findings: each once, `MAX_FINDINGS` of them; `omitted` says how many more.

    `codes`: those of every finding, the omitted included.
    """

    def __init__(self) -> None:
        self._found: Dict[Finding, None] = {}
        self.codes: Set[str] = set()
        self.omitted = 0

    def add(
        self,
        code: str,
        *,
        file: str | None = None,
        event: str | None = None,
        expected: object = None,
        actual: object = None,
    ) -> None:
        """One more finding."""
        self.take([finding(code, file=file, event=event, expected=expected, actual=actual)])

    def take(self, findings: Iterable[Finding]) -> None:
        """More findings."""
        for one in findings:
            self.codes.add(one.code)
            if one in self._found:
                continue
            if len(self._found) < MAX_FINDINGS:
                self._found[one] = None
            else:
                self.omitted += 1

    def sorted(self) -> List[Finding]:
        """What is kept, by step, and as it was found."""
        return sorted(self._found, key=lambda one: one.step)


def weight_of(code: str) -> str:
    """How a finding of a code weighs: invalid, disputed or unverifiable."""
    return _WEIGHED.get(code, INVALID)


def finding(
    code: str,
    *,
    file: str | None = None,
    event: str | None = None,
    expected: object = None,
    actual: object = None,
) -> Finding:
    """A finding of a code of `CAUSES`; bytes are shown in hex, what is not plain as its hash."""
    return Finding(
        code,
        CAUSES[code][0],
        _shown(file, _FILE),
        _shown(event, _EVENT),
        _shown(expected, _PLAIN),
        _shown(actual, _PLAIN),
    )


def _shown(value: object, plain: re.Pattern[str]) -> str | None:
    if value is None:
        return None
    text = value.hex() if isinstance(value, bytes) else str(value)
    if plain.fullmatch(text):
        return text
    return "sha256:" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
