"""Write the reference pages from the code: commands, events, rules, codes, findings.

`make docs` runs it; a test runs it with `--check` and fails when a page is not what the code says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

from click.testing import CliRunner

from domain import TOPICS, values
from domain.codes import ENUMERATIONS
from domain.judging import RULE_CODES
from domain.policy import Policy, parse_policy
from domain.values import Event
from ledger.audit.catalogue import CODES as FINDINGS
from ledger.audit.catalogue.gaps import GAPS, NOT_ASKED
from ledger.audit.finding import CHAPTERS
from ledger.cli import COMMANDS, muniment
from ledger.cli.refusals import EXPLANATIONS
from ledger.founding import default_pack

ROOT = Path(__file__).parent
NOTE = "<!-- Written by docs/build.py; change the code, then run `make docs`. -->\n"
ENVELOPE = set(Event.__struct_fields__)


def help_of(path: list[str], language: str) -> str:
    """What a command's `--help` prints."""
    environment = {"MUNIMENT_LANG": language, "NO_COLOR": "1"}
    done = CliRunner(env=environment).invoke(muniment, [*path, "--help"], terminal_width=78)
    if done.exit_code:
        raise SystemExit(f"muniment {' '.join(path)} --help ends with {done.exit_code}")
    return done.stdout.rstrip()


def paths() -> Iterator[list[str]]:
    """Every command and subcommand."""
    import click

    context = click.Context(muniment)
    for name in COMMANDS:
        yield [name]
        command = muniment.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ([name, sub] for sub in command.list_commands(context))


def commands(language: str) -> str:
    """The page of all commands in a language."""
    title = {"en": "# Commands", "zh": "# 命令"}[language]
    parts = [NOTE, title, "", "```", help_of([], language), "```"]
    for path in paths():
        parts += ["", f"## muniment {' '.join(path)}", "", "```", help_of(path, language), "```"]
    return "\n".join(parts) + "\n"


FORMS = {hint: name for name, hint in vars(values).items() if get_origin(hint) is Annotated}


def _type(hint: object) -> str:
    if get_origin(hint) is Annotated:
        return f"`{FORMS[hint]}`" if hint in FORMS else _type(get_args(hint)[0])
    if get_origin(hint) is list:
        return f"list of {_type(get_args(hint)[0])}"
    args = get_args(hint)
    named = [name for name, e in ENUMERATIONS.items() if args == tuple(e.codes)]
    if named:
        return f"[{named[0]}](codes.md#{named[0].lower()})"
    if args and all(isinstance(arg, str) for arg in args):
        return " or ".join(f"`{arg}`" for arg in args)
    inner = [_type(arg) for arg in args if getattr(arg, "__name__", "") != "UnsetType"]
    return " or ".join(inner) if inner else getattr(hint, "__name__", str(hint))


def events() -> str:
    """The page of all events."""
    parts = [NOTE, "# Events", "",
             "Every event has the envelope " + ", ".join(f"`{f}`" for f in Event.__struct_fields__)
             + " (`domain/values.py`); below are its own fields. *optional* ones may be absent.",
             ]  # fmt: skip
    for topic, kind in sorted(TOPICS.items()):
        hints = get_type_hints(kind, include_extras=True)
        roles = ", ".join(f"`{r}`" for r in sorted(kind.ROLES)) or "any role held"
        parts += ["", f"## {topic}", "", (kind.__doc__ or "").replace("\n    ", "\n").strip(), "",
                  f"Recorded by: {roles}."]  # fmt: skip
        own = [f for f in kind.__struct_fields__ if f not in ENVELOPE]
        if own:
            parts += ["", "| field | type |", "|---|---|"]
            for field in own:
                optional = "UnsetType" in str(hints[field])
                mark = " *optional*" if optional else ""
                parts.append(f"| `{field}` | {_type(hints[field])}{mark} |")
    return "\n".join(parts) + "\n"


def rules(policy: Policy) -> str:
    """The page of all rules in force, with their basis from the pack."""
    label = f"> {policy.header.label_zh}\n>\n> {policy.header.label_en}"
    parts = [NOTE, "# Rules", "", label, "",
             "A refusal names rule, code and detail. Rules that this version judges:", "",
             "| rule | code | basis |", "|---|---|---|"]  # fmt: skip
    for rule, code in sorted(RULE_CODES.items()):
        basis = policy.rules[rule].basis if rule in policy.rules else ()
        cited = "; ".join(f"{b.statute} {b.article}".strip() for b in basis) or "product design"
        parts.append(f"| {rule} | `{code}` | {cited} |")
    parts += ["", "## Details", "", "| detail | meaning | next step |", "|---|---|---|"]
    for detail, (meaning, remedy) in sorted(EXPLANATIONS.items()):
        parts.append(f"| `{detail}` | {meaning} | {remedy.replace('|', '¦')} |")
    return "\n".join(parts) + "\n"


def codes() -> str:
    """The page of all enumerations."""
    parts = [NOTE, "# Codes", ""]
    for name, enumeration in sorted(ENUMERATIONS.items()):
        parts += [f"## {name}", "", f"{enumeration.title_zh} · {enumeration.title_en}", "",
                  "| code | 中文 | English |", "|---|---|---|"]  # fmt: skip
        parts += [f"| `{c.code}` | {c.zh} | {c.en} |" for c in enumeration.values]
        parts.append("")
    return "\n".join(parts)


def findings() -> str:
    """The page of all that a replay can find, and of what it cannot look at."""
    parts = [NOTE, "# Findings", "", "What `muniment audit replay` finds, by chapter.", ""]
    for chapter in CHAPTERS:
        those = [one for one in FINDINGS.values() if one.chapter == chapter]
        parts += [f"## {chapter}", "", "| code | severity | rule | English | 中文 | remedy |",
                  "|---|---|---|---|---|---|"]  # fmt: skip
        parts += [
            f"| `{one.code}` | {one.severity} | {one.rule} | {one.title.en} | {one.title.zh} "
            f"| {one.remedy.en} |"
            for one in sorted(those)
        ]
        parts.append("")
    parts += ["## Gaps", "", "What could not be looked at. What is *lacking* ends a replay",
              "that finds nothing with exit code 4; what was *not asked* is listed only.", "",
              "| code | kind | English | 中文 |", "|---|---|---|---|"]  # fmt: skip
    for code, said in sorted(GAPS.items()):
        kind = "not asked" if code in NOT_ASKED else "lacking"
        parts.append(f"| `{code}` | {kind} | {said.en} | {said.zh} |")
    return "\n".join(parts) + "\n"


def index() -> str:
    """The first page of the reference."""
    lines = [
        NOTE, "# Reference", "",
        "* [Commands](commands.md) · [命令](commands.zh-CN.md)",
        "* [Events](events.md)", "* [Rules and refusals](rules.md)", "* [Codes](codes.md)",
        "* [Findings of a replay](findings.md)", "* [Files of a ledger](files.md)", "",
    ]  # fmt: skip
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every generated page and its text."""
    reference = ROOT / "reference"
    # A process speaks one language: click keeps the text of `--help` once it was asked for.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        english, chinese = pool.map(commands, ("en", "zh"))
    return {
        reference / "README.md": index(),
        reference / "commands.md": english,
        reference / "commands.zh-CN.md": chinese,
        reference / "events.md": events(),
        reference / "rules.md": rules(parse_policy(default_pack())),
        reference / "codes.md": codes(),
        reference / "findings.md": findings(),
    }


def main() -> int:
    """Write the pages; with `--check` only compare, and name those that differ."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT.parent).as_posix())
            if not check:
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(name)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
