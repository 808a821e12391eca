"""What an evidence bundle says to a reader who has never seen one, in Chinese and in English.

A judge, a lawyer or an auditor opens these pages first. They name ids, counts, digests and times
only: names, titles and file names stay sealed in the ledger.
"""

from __future__ import annotations

from typing import Final

README_ZH: Final = """\
# 一份资料的保管证据

本证据包来自一个"保管账本"。它说明:关于**一份资料**,谁、以什么身份、说过什么,账本何时受理;
以及怎样检查这些记录自受理以来一个字节都没有变过。

它不含资料本身,也不含姓名、题名或文件名;除账本自己的名称外,也不含单位名称。人和物只用编号表示,
编号对应谁、对应什么,由出示证据的一方另行证明。

| 项目 | 内容 |
|---|---|
| 证据包编号 | {bundle} |
| 账本 | {origin} |
| 资料编号 | {record} |
| 关于该资料及其副本的事件 | {own} 件 |
| 证明签名人密钥的事件 | {identity} 件 |
| 涵盖到 | 账本的前 {size} 个条目 |
| 账本此时的根 | `{root}` |
| 导出时间(协调世界时,导出人自述) | {exported} |
| 导出人的签名密钥 | `{exporter}` |

几个词的意思:**事件**是某人签了名的一次陈述(例如"收集了这份资料");**条目**是账本受理一次或一批事件的
记录,写有受理时间和签名;**根**是由全部条目算出的一串字符,任何一个条目变了,它就变;**检查点**是账本
对根的签名。

## 怎样核验

**第一步:取得账本的公钥。** 公钥是一行文字,以 `{origin}+` 开头。请**不要**从本证据包里取,也不要只听
出示证据一方的说法,应从合同附件、监管备案、法院存档或对方当事人处取得,存成文件 `ledger.vkey`。
伪造证据包的人同样能伪造一把包内的公钥;这一步因此不能省。

**第二步:运行核验程序。** 任何装有 Python 3.8 或更新版本的电脑都可以,不需要联网,不需要安装别的软件。
从压缩包中取出 `verify/verify.pyz`,执行:

    python3 -I -S verify.pyz 证据包.zip --trust ledger.vkey

Windows 上把 `python3` 换成 `py`。已解压的,把 `证据包.zip` 换成文件夹 `{bundle}`。
加上 `--lang zh`,回答以中文显示。装有 Muniment 的,也可以执行
`muniment evidence verify 证据包.zip --trust ledger.vkey`,两者的回答应当相同。
包内的程序来自出示方;有疑虑时,请使用自己另外取得的同一程序。

**第三步:对照结果。** 程序打印的内容(不加 `--lang zh` 时)应与 `verify/EXPECTED_OUTPUT.txt` 一致。
只看这个文件不算核验。

不用我们的程序,也可以检查文件自打包后有没有变过(但这不说明打包之前是否真实):在文件夹里执行
`sha256sum -c manifest-sha256.txt` 和 `sha256sum -c tagmanifest-sha256.txt`,或用任何 BagIt 工具
(例如 `bagit.py --validate 文件夹`)。

## 回答是什么意思

每一项都回答"成立""不成立"或"无法判断",并附理由。

| 项目 | "成立"时的意思 |
|---|---|
| package_intact | 文件齐全、未变,并有导出人用账本登记的密钥所作的签名 |
| checkpoint_trusted | 账本的状态由您给出的公钥(或由它依次更换来的公钥)签名 |
| events_genuine | 每一件事件都由所列签名人签名,并且在账本中 |
| streams_unbroken | 所列的每一串事件从第 1 号起没有缺号、重号或倒序 |
| complete | 本版本总是"无法判断":此后或别处可能还有别的事件 |
| time | 本版本总是"无法判断":受理时间是账本自己的说法,没有第三方时间戳 |
| permitted | 本版本总是"无法判断":这里不判断当时是否有权这样做 |

总结论:`valid` 有效(前四项都成立);`disputed` 有争议(签名密钥后来被报失密);
`unverifiable` 缺少核验所需的内容;`invalid` 无效(至少一处与签名不符)。
程序的退出码:有效为 0,否则为 3,用法不对为 2。

## 里面有什么

| 位置 | 内容 |
|---|---|
| `data/00_说明/` | 本说明;非主张声明(**请一并阅读**:账本不能证明什么) |
| `data/10_账本/events.jsonl` | 事件原文,每行一件:`type` 种类,`at` 自称的时间,`by` 谁,`role` 身份 |
| `data/10_账本/places.json` | 每件事件在账本的第几个条目、条目中的第几件(都从 0 数起) |
| `data/10_账本/entries/` | 账本条目:受理时间和签名人的签名 |
| `data/10_账本/proofs/` | 数学证明:事件在条目中,条目在账本中(C2SP tlog-proof 格式) |
| `data/10_账本/checkpoints/` | 账本签名的状态 |
| `data/10_账本/policy/` | 当时采用的制度 |
| `data/10_账本/scope.json` | 本证据包声称涵盖的范围 |
| `data/20_身份/keys.json` | 签名密钥的来历:何时登记、何时终止、为何终止 |
| `data/60_环境/software.json` | 制作软件;本证据包**没有**的内容(gaps) |
| `exporter.note` | 导出人对全部文件摘要的签名 |
| `verify/` | 核验程序和预期输出 |
"""

README_EN: Final = """\
# Evidence of the custody of one record

This bundle comes from a custody ledger. It shows, about **one record**, who said what in which
capacity and when the ledger accepted it; and how to check that not one byte of this has changed
since.

It holds neither the record itself nor any name, title or file name, except for the ledger's own
name: people, firms and things appear as ids only. Whom or what an id stands for is for the party
that presents this evidence to show.

| | |
|---|---|
| Bundle | {bundle} |
| Ledger | {origin} |
| Record | {record} |
| Events about the record and its copies | {own} |
| Events that prove the signers' keys | {identity} |
| Covers | the first {size} entries of the ledger |
| The ledger's root at that point | `{root}` |
| Exported (UTC, as the exporter says) | {exported} |
| The exporter's signing key | `{exporter}` |

A few words: an **event** is one signed statement of somebody's ("this record was collected"); an
**entry** is how the ledger took in one or several events, with the time and the signatures; the
**root** is computed from all entries, and changes if any of them does; a **checkpoint** is the
ledger's signature on the root.

## How to check it

**First: get the ledger's public key.** It is one line of text that begins with `{origin}+`. Do
**not** take it from this bundle, nor on the word of the presenting party alone: take it from an
annex to the contract, a filing with an authority, the court's file or the other party, and save it
as `ledger.vkey`. Whoever could forge a bundle could also forge a key inside it, so this step cannot
be left out.

**Second: run the verifier.** Any computer with Python 3.8 or newer will do, without a network and
without installing anything. Take `verify/verify.pyz` out of the zip file and run:

    python3 -I -S verify.pyz BUNDLE.zip --trust ledger.vkey

On Windows, write `py` in place of `python3`. If the bundle is unpacked already, name the folder
`{bundle}` in place of `BUNDLE.zip`. Where Muniment is installed,
`muniment evidence verify BUNDLE.zip --trust ledger.vkey` must give the same answers. The program
in here comes from the presenting party; in doubt, use a copy that you got elsewhere.

**Third: compare.** What it prints should be what `verify/EXPECTED_OUTPUT.txt` says. Reading that
file alone verifies nothing.

Without our program you can still check that no file has changed since it was packed (which does
not say that it was genuine before): in the folder, run `sha256sum -c manifest-sha256.txt` and
`sha256sum -c tagmanifest-sha256.txt`, or any BagIt tool (such as `bagit.py --validate FOLDER`).

## What the answers mean

Each claim is answered with "holds", "fails" or "cannot be decided", with reasons.

| claim | what "holds" means |
|---|---|
| package_intact | every file is there and unchanged; an exporter the ledger knows signed for it |
| checkpoint_trusted | the ledger's state is signed by the key you gave or one that replaced it |
| events_genuine | the signers named signed every event, and every event is in the ledger |
| streams_unbroken | no series of events shown here has a gap, a repeat or another order |
| complete | "cannot be decided" in this version: there may be events later, or elsewhere |
| time | "cannot be decided" in this version: accepted times are the ledger's word alone |
| permitted | "cannot be decided" in this version: who was entitled to what is not judged |

The verdict: `valid` (the first four hold); `disputed` (a signing key was later reported as
compromised); `unverifiable` (something that is needed is missing); `invalid` (something is not what
was signed). Exit code: 0 if valid, 3 if not, 2 for a wrong call.

## What is inside

| where | what |
|---|---|
| `data/00_说明/` | this page; the non-claims (**please read**: what a ledger cannot prove) |
| `data/10_账本/events.jsonl` | the events, one a line: `type` what, `at` when (claimed), `by` who |
| `data/10_账本/places.json` | the entry of the ledger and the place in it, both counted from 0 |
| `data/10_账本/entries/` | the ledger's entries: when accepted, and who signed |
| `data/10_账本/proofs/` | proofs: event in entry, entry in ledger (C2SP tlog-proof) |
| `data/10_账本/checkpoints/` | the ledger's signed state |
| `data/10_账本/policy/` | the policy in force |
| `data/10_账本/scope.json` | what this bundle claims to cover |
| `data/20_身份/keys.json` | the signing keys: enrolled when, ended when and why |
| `data/60_环境/software.json` | what made this bundle, and what it does **not** hold (gaps) |
| `exporter.note` | the exporter's signature over the digests of all files |
| `verify/` | the verifier, and what it should print |
"""

NON_CLAIMS: Final = """\
# 非主张声明 / What this evidence does not claim

## 中文

账本和本证据包**不**证明:

1. 所记载的内容属实。它证明谁说过什么、何时被受理、此后未变,不证明说的是真话。
2. 没有别的副本存在。未登记的复印、拍照、转发,账本看不到。
3. 是某个人(而不只是某把密钥)做了这件事。密钥与人的对应,以身份证明材料所及为限。
4. 线下的行为(搬运、移交、销毁)确实发生。它所及以有关各方的陈述和所附影像为限。
5. 时间准确。"发生时间"是当事人自述,"受理时间"是账本自述;本证据包没有第三方时间戳。
6. 记录完整。本证据包只涵盖所列事件串,到所列账本状态为止;之后可能还有事件。
7. 所做的事当时被允许。本证据包不含权限判断。

本证据包不是法律意见。

## English

The ledger and this bundle do **not** prove:

1. that what was recorded is true: they prove who said what, when it was accepted, and that it has
   not changed since;
2. that no other copy exists: a ledger does not see copies, photographs or messages that nobody
   recorded;
3. that a person, and not merely a key, acted, beyond what the proof of identity shows;
4. that a physical act (a move, a handover, a destruction) happened, beyond the statements and the
   media attached;
5. that the times are right: "at" is the word of whoever acted, "accepted" that of the ledger; this
   bundle holds no third party's time stamp;
6. that nothing is left out: this bundle covers the series of events that it lists, up to the state
   of the ledger that it names; there may be later ones;
7. that what was done was permitted: this bundle does not judge that.

This bundle is not legal advice.
"""
