"""`verify.html` as a file: the same bytes every time, and nothing that a browser could fetch."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.offline import page as packing
from ledger.offline.findings import CAUSES
from ledger.offline.page import SCRIPTS, page, script, style, tables
from ledger.offline.report import CLAIMS, REASONS

BROWSER = Path(packing.__file__).parent / "browser"
MODULES = Path(packing.__file__).parent


def test_the_page_is_the_same_in_every_process() -> None:
    told = "from ledger.offline.page import page; from hashlib import sha256; "
    command = [sys.executable, "-c", told + "print(sha256(page()).hexdigest())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == sha256(page()).hexdigest()


def test_the_policy_lets_run_the_one_script_and_the_one_style_and_nothing_else() -> None:
    text = page().decode("utf-8")
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy"\s+content="([^"]+)">', text)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";") if " " in rule.strip())
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    for name, source in (("script", script()), ("style", style())):
        digest = base64.b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
        assert re.findall(f"<{name}[^>]*>", text) == [f"<{name}>"]
        assert text.partition(f"<{name}>")[2].partition(f"</{name}>")[0] == source
    others = {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert set(rules) - others <= {"img-src", "require-trusted-types-for", "trusted-types"}
    assert rules.get("img-src", "data:") == "data:"
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_nothing_in_the_page_names_another_place() -> None:
    text = page().decode("utf-8")
    assert not re.findall(
        r"""(?i)\b(?:src|href|action|poster|data)\s*=\s*["']?(?:https?:|//)""", text
    )
    assert not re.findall(r"(?i)@import|url\(\s*[\"']?(?!data:|#)", style())
    assert not re.findall(r'(?i)\son[a-z]+\s*=\s*"', text.partition("<script>")[0])
    assert "style=" not in text.partition("<script>")[0]


@pytest.mark.parametrize(
    "word",
    ["fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "importScripts", "eval(",
     "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "import(",
     "localStorage", "sessionStorage", "indexedDB", "document.cookie", "serviceWorker",
     "RTCPeerConnection", "Math.random"],
)  # fmt: skip
def test_the_script_uses_nothing_that_reaches_out_keeps_or_makes_code(word: str) -> None:
    assert word not in script()


def test_every_script_is_in_the_page_once_and_every_module_has_its_twin() -> None:
    assert sorted(SCRIPTS) == sorted(path.stem for path in BROWSER.glob("*.js"))
    # What has no twin: the command line, what packs the two verifiers, and words for the page.
    modules = {path.stem for path in MODULES.glob("*.py")} - {
        "__init__", "__main__", "pack", "page", "steps",
    }  # fmt: skip
    assert modules <= set(SCRIPTS)
    beside = set(SCRIPTS) - modules
    assert beside == {
        "text", "sha256", "sha512", "beforehand", "wording", "custody", "examined", "elements",
        "retold", "shown", "page",
    }  # fmt: skip


def test_codes_claims_and_causes_are_written_in_python_only() -> None:
    told = json.loads(script().partition("\n")[0].removeprefix("const TABLES = ").rstrip(";"))
    assert told == json.loads(json.dumps(tables()))
    assert set(told["causes"]) == set(CAUSES)
    verifier = "\n".join(
        (BROWSER / f"{name}.js").read_text(encoding="utf-8")
        for name in SCRIPTS[: SCRIPTS.index("wording")]
    )
    code = re.sub(r"/\*.*?\*/", "", verifier, flags=re.DOTALL)
    for text in [cause for _, *causes in CAUSES.values() for cause in causes]:
        assert text not in code
    for text in [words for pair in (*CLAIMS.values(), *REASONS.values()) for words in pair]:
        assert text not in code


def test_every_code_that_the_script_names_is_one_of_the_findings() -> None:
    for name in SCRIPTS[: SCRIPTS.index("wording")]:
        source = (BROWSER / f"{name}.js").read_text(encoding="utf-8")
        for code in re.findall(r"(?:findings\.add\(|Flaw\()\s*\"([a-z_]+)\"", source):
            assert code in CAUSES, (name, code)


@pytest.mark.parametrize("bad", ["</script>", "</SCRIPT", "<!--", "</style>", "a\r\nb", "a\0b"])
def test_what_would_end_the_script_early_or_change_its_hash_is_not_packed(bad: str) -> None:
    with pytest.raises(ValueError, match="source of the page"):
        packing._inside(bad)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_strict_and_plain(name: str) -> None:
    source = (BROWSER / f"{name}.js").read_text(encoding="utf-8")
    assert f'const {name} = (() => {{\n  "use strict";\n' in source
    assert "\t" not in source
    assert not re.findall(r"\bvar\b|==[^=]|!=[^=]", _code(source)) or name == "wording"


def _code(source: str) -> str:
    """Without comments, texts and regular expressions, roughly; `===` and `!==` are gone too."""
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", source, flags=re.DOTALL)
    source = re.sub(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|/(?:[^/\\\n]|\\.)+/[a-z]*', "", source)
    return source.replace("!==", "").replace("===", "")
