"""核验步骤: how a stranger checks a bundle: with the page, the program, or other people's tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.bundle.chain import table, texts
from ledger.bundle.eventwords import Words
from ledger.bundle.page import Page
from ledger.bundle.readme import MEANING
from ledger.bundle.wording import say
from ledger.documents.cells import Cell, Line
from ledger.documents.layout import column
from ledger.offline.report import CLAIMS
from ledger.offline.steps import STEPS
from ledger.told import LEDGER, Told

TITLE: Final = ("核验步骤", "Steps of Verification")
_Step = tuple[str, str]
"""A sentence by its name, and the command, several lines of it where it is long."""


def verification_steps(told: Told) -> Page:
    """The steps as a page, with this bundle's own file names.

    Every command is for one folder, which holds the zip, `ledger.vkey` and what else the reader
    trusts; none writes into the unpacked bundle.
    """
    bundle = told.bundle
    prepared = [say("steps.trust"), say("steps.where", bundle=bundle)]
    browser = [say("steps.browser", bundle=bundle), say("steps.doubt")]
    sections = [
        texts(("一、准备", "1. What you trust yourself"), prepared),
        _commands(("二、解压", "2. Unpack"), _unpacking(bundle), bundle),
        texts(("三、用浏览器核验", "3. In a browser"), browser),
        _commands(("四、用程序核验", "4. With the program"), _program(bundle), bundle),
        _commands(("五、不用本软件核验", "5. Without this software"), _others(told), bundle),
        texts(("六、用 Go 自行编程核验", "6. With Go"), [say("steps.go")]),
        _numbered(),
        _answers(),
    ]
    return Page(TITLE, sections)


def _commands(title: Words, steps: list[_Step], bundle: str) -> Mapping[str, Any]:
    columns = [column("核对什么", "What", "46mm"), column("命令（在工作文件夹中）", "Command")]
    rows: list[list[Cell]] = []
    for name, command in steps:
        zh, en = say(f"steps.{name}", bundle=bundle)
        lines: list[Line] = [("mono", line) for line in command.split("\n")]
        rows.append([[("zh", zh), ("en", en)], lines])
    return {**table(title, columns, rows), "narrow": False}


def _unpacking(bundle: str) -> list[_Step]:
    return [
        ("unpack", f"python3 -m zipfile -e {bundle}.zip ."),
        ("copy", f"cp {bundle}/verify/verify.pyz ."),
    ]


def _program(bundle: str) -> list[_Step]:
    run = "python3 -I -S verify.pyz"
    key = "--trust ledger.vkey"
    more = f"{key} --cosigner witness.vkey \\\n  --tsa-root root.pem"
    return [
        ("all", f"{run} {bundle}.zip \\\n  {key}"),
        ("more", f"{run} {bundle}.zip \\\n  {more}"),
        ("installed", f"muniment evidence verify \\\n  {bundle}.zip {key}"),
        ("folder", f"{run} {bundle} \\\n  {key}"),
    ]


def _others(told: Told) -> list[_Step]:
    bundle = told.bundle
    manifests = "manifest-sha256.txt tagmanifest-sha256.txt"
    stamps = (
        f"for N in {bundle}/{LEDGER}/tokens/*.note; do\n"
        '  openssl ts -verify -in "${N%.note}.tsr" -data "$N" \\\n'
        "    -CAfile root.pem\ndone"
    )
    return [
        ("unchanged", f"(cd {bundle} &&\n  sha256sum -c {manifests})"),
        ("bagit", f"bagit.py --validate {bundle}"),
        ("signature", signature_commands(told)),
        *([("tokens", stamps)] if told.tokens else []),
        ("exchange", f"case_validate \\\n  {bundle}/data/50_互操作/case.jsonld"),
    ]


def signature_commands(told: Told) -> str:
    """How a shell and openssl check the ledger's signature on the checkpoint, from ledger.vkey.

    Typed beside the unpacked bundle, where `checkpoint`, `key.der`, `text` and `signature` stay.
    The key is wrapped as RFC 8410 has it; of the signature line the key id's 4 bytes go.
    """
    wrapped = "".join(f"\\{byte:03o}" for byte in _ED25519)
    return (
        f"cp {told.bundle}/{LEDGER}/checkpoints/{told.head.size}.txt checkpoint\n"
        f"(printf '{wrapped}';\n"
        "  cut -d+ -f3- ledger.vkey | base64 -d | tail -c 32) > key.der\n"
        "head -n 3 checkpoint > text\n"
        f"grep '^— {told.origin} ' checkpoint | head -n 1 |\n"
        "  awk '{print $3}' | base64 -d | tail -c 64 > signature\n"
        "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der \\\n"
        "  -rawin -in text -sigfile signature"
    )


_ED25519: Final = bytes.fromhex("302a300506032b6570032100")


def _numbered() -> Mapping[str, Any]:
    columns = [
        column("步骤", "Step", "14mm", right=True),
        column("核验程序检查什么", "What is checked"),
    ]
    rows: list[list[Cell]] = [
        [[("mono", str(step))], [("zh", zh), ("en", en)]] for step, (en, zh) in STEPS.items()
    ]
    title = ("七、回答中的步骤编号", "7. The numbers of steps in the answers")
    return {**table(title, columns, rows), "narrow": False}


def _answers() -> Mapping[str, Any]:
    columns = [
        column("项目", "Claim", "44mm"),
        column("“成立”时的意思", "What it means if it holds"),
    ]
    rows: list[list[Cell]] = [
        [
            [("zh", CLAIMS[claim][1]), ("mono", claim)],
            [("zh", MEANING[claim][0]), ("en", MEANING[claim][1])],
        ]
        for claim in CLAIMS
    ]
    return table(("八、看懂回答", "8. What the answers mean"), columns, rows)
