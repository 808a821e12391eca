"""Verifier keys as a person gives them: as text, or as the name of a file that holds it.

One way for every option and argument that takes one. In a file there may be a byte order mark, CRLF
ends of lines, empty lines, and lines that begin with `#`. Loads neither database nor projections.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.errors import NoteError, UsageError

if TYPE_CHECKING:
    from ledger.tlog.note import VerifierKey

_MOST: Final = 1 << 20
_SHAPE: Final = re.compile(r"[^+\s]+\+[0-9a-fA-F]{8}\+[A-Za-z0-9+/]+=*")


def ledger_key(given: str, option: str) -> VerifierKey:
    """The one key of a ledger that `option` names. Raises `UsageError` naming the option."""
    found = ledger_keys([given], option)
    if len(found) != 1:
        raise _no_ledger(option)
    return found[0]


def ledger_keys(given: Iterable[str], option: str) -> list[VerifierKey]:
    """The keys of a ledger, each once; a file may hold several, of a ledger that changed its key.

    Raises `UsageError` naming the option, for what is no key of a ledger, too (type 01).
    """
    from ledger.tlog.note import ED25519

    found = _keys(given, option)
    if found is None or any(key.type != ED25519 for key in found):
        raise _no_ledger(option)
    return list(dict.fromkeys(found))


def cosigner_keys(given: Iterable[str], option: str) -> list[VerifierKey]:
    """The keys of cosigners in the order given, also what stands there twice.

    Raises `UsageError` naming the option, for what is no key of a cosigner, too (type 04).
    """
    from ledger.tlog.note import COSIGNATURE

    found = _keys(given, option)
    if found is None or any(key.type != COSIGNATURE for key in found):
        raise no_cosigner(option)
    return found


def _no_ledger(option: str) -> UsageError:
    return UsageError(
        "{option} takes a ledger's verifier key, or a file that holds it",
        "one line, name+8 digits+base64, as muniment replica show prints it where the ledger is",
        option=option,
    )


def no_cosigner(option: str) -> UsageError:
    """What is said of a key that is none of a cosigner, or stands there twice."""
    return UsageError(
        "{option} takes a cosigner's verifier key, or a file with one a line; none of them twice",
        "a line for each, name+8 digits+base64, as witnesses publish them",
        option=option,
    )


def _keys(given: Iterable[str], option: str) -> list[VerifierKey] | None:
    """Every key of every text and file; None if anything among them is no key."""
    from ledger.tlog.note import VerifierKey

    found = []
    for one in given:
        lines = [one.strip()] if _SHAPE.fullmatch(one.strip()) else _lines(one, option)
        try:
            keys = [VerifierKey.parse(line) for line in lines]
        except NoteError:
            return None
        if not keys:
            return None
        found += keys
    return found


def _lines(name: str, option: str) -> list[str]:
    """The lines of a file that hold something; one that is no text has one that is no key."""
    try:
        path = Path(name)
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe may have no end
            return [""]
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise UsageError(
            "{option}: that is no verifier key, and a file of this name cannot be read ({cause})",
            "give the key itself, name+8 digits+base64, or a file that holds it",
            option=option,
            cause=error.strerror,
        ) from None
    except ValueError:
        return [""]
    try:
        text = data.decode("utf-8-sig") if len(data) <= _MOST else "-"
    except UnicodeDecodeError:
        return [""]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
