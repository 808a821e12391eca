"""Write the tamper gallery: every attack of gallery.toml done, and what Muniment says to it.

`make docs` runs it; a test runs it with `--check` and fails when a page is not what is said. Names
after that choose cases.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT.parent))  # the attacks are the tests' own

from tests.ledger import gallery  # noqa: E402  needs the line above
from tests.ledger.tampering import hand_in  # noqa: E402

PAGES = {"en": ROOT / "tamper-gallery.md", "zh": ROOT / "tamper-gallery.zh-CN.md"}
NOTE = "<!-- Written by docs/gallery.py from docs/gallery.toml; run `make docs`. -->\n"
WORDS = {
    "en": {
        "title": "# Tamper gallery",
        "other": "[中文](tamper-gallery.zh-CN.md)",
        "begin": (
            "What can be done to a ledger behind its back, and what Muniment says to it. Every "
            "attack below was done to a real ledger and every answer is what the command printed; "
            "a test does all of it again.\n\nThe ledger is a small firm's: three contracts "
            "collected in one commit and reviewed by a second person. SQL is run with all rights, "
            "the triggers dropped before and put back after it. `kept.vkey` and `kept.note` are "
            "the ledger's verifier key and a checkpoint that an outsider keeps. What differs from "
            "run to run is masked: ‹id›, ‹digest›, ‹key id›, ‹root›, ‹time›, ‹number›.\n\nWhat "
            "is left of a ledger that was really damaged, and can still be proved: "
            "`muniment salvage`."
        ),
        "attack": "The attack",
        "line": "What catches it",
        "cost": "What it costs to hide it",
    },
    "zh": {
        "title": "# 篡改画廊",
        "other": "[English](tamper-gallery.md)",
        "begin": (
            "背着账本能对它做什么，Muniment 又怎么说。下面每次攻击都真实地施加在一本账本上，每个"
            "回答都是命令打印的原文；有一项测试会全部重做。\n\n账本属于一家小公司：三份合同在一次"
            "提交里采集，由第二个人复核。SQL 以全部权限运行，事先删除触发器，事后恢复。`kept.vkey`"
            "和 `kept.note` 是外人保存的验证公钥和检查点。每次运行都不同的内容已遮盖：‹id›、"
            "‹digest›、‹key id›、‹root›、‹time›、‹number›。\n\n真的损坏了的账本里还能证明的内容："
            "`muniment salvage`。"
        ),
        "attack": "攻击",
        "line": "由什么发现",
        "cost": "掩盖的代价",
    },
}


def cases() -> list[dict[str, Any]]:
    """What gallery.toml lists."""
    listed: list[dict[str, Any]] = tomllib.loads(
        (ROOT / "gallery.toml").read_text(encoding="utf-8")
    )["case"]
    return listed


def sections(chosen: Collection[str] = ()) -> dict[str, dict[str, str]]:
    """By language and name, the sections of the cases chosen (all, if none are)."""
    found: dict[str, dict[str, str]] = {language: {} for language in PAGES}
    with tempfile.TemporaryDirectory() as folder:
        scenes: dict[str, gallery.Scene] = {}
        stages = {"busy": gallery.stage, "tiled": gallery.stage_tiled}
        for case in cases():
            if chosen and case["name"] not in chosen:
                continue
            kind = case.get("scene", "busy")
            if kind not in scenes:
                home = Path(folder) / kind
                home.mkdir()
                scenes[kind] = stages[kind](home)
            scene = gallery.copied(scenes[kind], Path(folder) / case["name"])
            for language, text in _sections_of(case, scene).items():
                found[language][case["name"]] = text
    return found


def _sections_of(case: dict[str, Any], scene: gallery.Scene) -> dict[str, str]:
    """Do one attack and ask; its section in each language."""
    parts = {language: [f"## {case['title'][language]}", case["told"][language]]
             for language in PAGES}  # fmt: skip
    for step in case["step"]:
        for language in PAGES:
            if command := step.get("run"):
                shown = f"{command} | grep -A1 ✗" if command == "muniment doctor" else command
                output = scene.run(command, language)
                parts[language].append(f"```text\n$ {shown}\n{output}\n```")
            else:
                code = step.get("sql") or step["shown"]
                parts[language].append(f"```{'sql' if 'sql' in step else 'text'}\n{code}\n```")
        _do(step, scene)
    for language, words in WORDS.items():
        for name in ("line", "cost"):
            sign = "：" if language == "zh" else ": "
            parts[language].append(f"**{words[name]}**{sign}{case[name][language]}")
    return {language: "\n\n".join(texts) + "\n" for language, texts in parts.items()}


def _do(step: dict[str, Any], scene: gallery.Scene) -> None:
    if sql := step.get("sql"):
        with hand_in(scene.database) as connection:
            for statement in sql.split(";\n"):
                connection.execute(statement)
    elif (name := step.get("do", "")).startswith("sql:"):
        import sqlite3

        with closing(sqlite3.connect(scene.database)) as connection:
            connection.execute(name.removeprefix("sql:"))
    elif name:
        gallery.ATTACKS[name](scene)


def pages() -> dict[Path, str]:
    """Both pages and their texts."""
    return {
        PAGES[language]: "\n".join([
            NOTE, words["title"], "", words["other"], "", words["begin"], "",
            *texts.values(),
        ])
        for (language, words), texts in zip(WORDS.items(), sections().values(), strict=True)
    }  # fmt: skip


def stale(chosen: Collection[str] = ()) -> list[str]:
    """The cases (all, if none are chosen) that a page does not show as they are now."""
    written = {language: path.read_text(encoding="utf-8") for language, path in PAGES.items()}
    return sorted({
        name
        for language, texts in sections(chosen).items()
        for name, text in texts.items()
        if text not in written[language]
    })  # fmt: skip


def main() -> int:
    """Write the pages; with `--check` only compare (the cases that are named), and name those."""
    if sys.argv[1:2] == ["--check"]:
        found = stale(sys.argv[2:])
        print(*found, sep="\n")
        return 1 if found else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
