"""The script of `verify.html` run by node: what it answers is compared with Python's answer.

One process takes any number of bundles. Where node is missing the tests that need it are skipped,
and say so.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest

from ledger.offline.page import page

NODE = shutil.which("node")
PROGRAM = Path(__file__).with_name("verify.mjs")

needs_node = pytest.mark.skipif(
    NODE is None, reason="NODE IS MISSING: the verifier for browsers was NOT tested here"
)


class Answer(NamedTuple):
    """What the script says of a bundle: the report as JSON, as text, and what the page shows."""

    json: str
    en: str
    zh: str
    exit_code: int
    shown: dict[str, Any]
    milliseconds: float


class Thrown(Exception):  # noqa: N818  it was thrown in another language
    """What the script threw: `name` of its kind, `field` of what the reader gave, if about one."""

    def __init__(self, name: str, message: str, stack: str, field: str) -> None:
        super().__init__(f"{name}: {message}\n{stack}")
        self.name, self.message, self.field = name, message, field


class BrowserScript:
    """The script, loaded in a process of its own. Used as a context."""

    def __init__(self, folder: Path) -> None:
        """`folder`: an existing folder for the page."""
        assert NODE is not None
        file = folder / "verify.html"
        file.write_bytes(page())
        self._process = subprocess.Popen(
            [NODE, "--stack-size=600", str(PROGRAM), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(timeout=60) == 0

    def verify(
        self,
        bundle: bytes | Mapping[str, bytes],
        ledger: str,
        cosigners: Sequence[str] = (),
        roots: Sequence[bytes] = (),
        *,
        crypto: bool = True,
    ) -> Answer:
        """What the script says of a zip, or of the files of a folder.

        `crypto`: whether it finds WebCrypto. Raises `Thrown`.
        """
        given: dict[str, object] = {"crypto": crypto, "trust": _trust(ledger, cosigners, roots)}
        if isinstance(bundle, bytes):
            given["zip"] = _text(bundle)
        else:
            given["folder"] = {name: _text(data) for name, data in bundle.items()}
        answer = self._ask(given)
        return Answer(
            answer["json"], answer["en"], answer["zh"], answer["exit"], answer["shown"],
            answer["took"],
        )  # fmt: skip

    def verify_changed(
        self,
        folder: Mapping[str, bytes],
        changes: Sequence[Mapping[str, bytes | None]],
        ledger: str,
        cosigners: Sequence[str] = (),
        roots: Sequence[bytes] = (),
    ) -> list[str]:
        """The JSON reports about a folder with each of the changes (None: the file is gone)."""
        given = {
            "trust": _trust(ledger, cosigners, roots),
            "folder": {name: _text(data) for name, data in folder.items()},
            "changes": [
                {name: None if data is None else _text(data) for name, data in change.items()}
                for change in changes
            ],
        }
        reports: list[str] = self._ask(given)["reports"]
        return reports

    def call(self, function: str, *arguments: object, crypto: bool = True) -> Any:
        """What a function of JavaScript returns, called where the script's modules are known.

        Its last argument makes bytes of a list of numbers. Raises `Thrown`.
        """
        return self._ask({"call": function, "args": arguments, "crypto": crypto})["value"]

    def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the script ended the process"
        answer: dict[str, Any] = json.loads(line)
        if "thrown" in answer:
            raise Thrown(*answer["thrown"])
        return answer


def _trust(ledger: str, cosigners: Sequence[str], roots: Sequence[bytes]) -> dict[str, object]:
    return {
        "ledger": ledger, "cosigners": list(cosigners), "tsaRoots": [_text(one) for one in roots],
    }  # fmt: skip


@lru_cache(maxsize=512)
def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
