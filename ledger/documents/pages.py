"""The pages of a document: PDF/A-3b made by typst, the same bytes for the same twin everywhere.

Nothing but the twin goes in: no clock, no time zone, no locale, no font of the machine. The fonts
beside this module are named as no other is; only for characters that they do not have are the
machine's fonts asked, and a character that nobody has is an error, never a box. `RENDERER` is what
made the pages; another version of it may make others, so a document is known by the digest of its
pages, not by making them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ledger.documents.twin import parse, sm3
from ledger.documents.view import view
from ledger.errors import DataError, UsageError

if TYPE_CHECKING:
    import typst

TEMPLATE_VERSION: Final = 2
"""Raised whenever the same twin would make other pages."""
_HERE: Final = Path(__file__).parent
_STANDARD: Final = "a-3b"
_NO_GLYPH: Final = "could not be displayed with font"


def render(twin: bytes) -> bytes:
    """The PDF of a twin, with the twin attached as its data.

    Raises `DataError` for a twin that is none, or has characters for which no font is there;
    `UsageError` if the extra `pdf` is not installed.
    """
    said = parse(twin)
    digest = {"sha256": sha256(twin).hexdigest(), "sm3": sm3(twin)}
    inputs = {
        "view": json.dumps(view(said), ensure_ascii=False), "twin": twin.decode("utf-8"),
        "digest": json.dumps(digest), "qr": _qr(f"{said['number']} {digest['sha256']}"),
    }  # fmt: skip
    return _compile("document", inputs, said["issued_at"])


def print_text(shown: Mapping[str, Any], at: str) -> bytes:
    """The PDF of a text that is to be signed on paper (`ledger.documents.templates`).

    `at`: the time that the file says it was made at. Errors as `render`.
    """
    return _compile("text", {"view": json.dumps(shown, ensure_ascii=False)}, at)


def print_report(shown: Mapping[str, Any], at: str) -> bytes:
    """The PDF of a page about evidence (`ledger.bundle.reports`).

    `shown`: `title`, `number`, `origin`, `size`, `flipped`, `sections` as `ledger.documents.layout`
    makes them, `boxes`; `at`: the time that the file says it was made at. Errors as `render`.
    """
    return _compile("report", {"view": json.dumps(shown, ensure_ascii=False)}, at)


def _compile(template: str, inputs: dict[str, str], at: str) -> bytes:
    _compiler(False)  # says what is missing
    from typst import TypstError

    timestamp = int(datetime.fromisoformat(at).timestamp())

    for system_fonts in (False, True):
        try:
            made = _compiler(system_fonts).compile(
                _template(template), format="pdf", pdf_standards=_STANDARD, sys_inputs=inputs,
                timestamp=timestamp,
            )  # fmt: skip
        except TypstError as error:
            if _NO_GLYPH not in error.message:
                raise DataError("the document cannot be laid out") from error
            continue  # a rare character: ask the machine's fonts, if that is still to be done
        assert isinstance(made, bytes)
        return made
    raise DataError(
        "the document cannot be laid out: a character has no glyph in any font",
        "install a font that has it, such as fonts-noto-cjk",
    )


@cache
def _compiler(system_fonts: bool) -> typst.Compiler:  # noqa: FBT001  which of the two there are
    """The compiler, made once: it keeps fonts and template between documents."""
    try:
        import typst
    except ImportError:
        raise missing() from None
    known = typst.Fonts(include_system_fonts=system_fonts, font_paths=[str(_HERE / "fonts")])
    return typst.Compiler(font_paths=known)


@cache
def _template(name: str) -> bytes:
    return b"".join((_HERE / f"{part}.typ").read_bytes() for part in ("layout", name))


def _qr(text: str) -> str:
    """A QR code as SVG."""
    try:
        import segno
    except ImportError:
        raise missing() from None
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=0, xmldecl=False, nl=False, omitsize=True
    )
    return out.getvalue().decode("ascii")


def require() -> None:
    """Raise `UsageError` where the libraries of the extra `pdf` are not installed."""
    if any(find_spec(name) is None for name in ("segno", "typst")):
        raise missing()


def missing() -> UsageError:
    """What is said when the libraries of the extra `pdf` are not installed."""
    return UsageError("documents need the extra pdf", "pip install 'muniment[pdf]'")
