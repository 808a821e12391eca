"""Where passphrases come from: a file, a command, the environment's file, a person; never argv.

    the acting actor's   --passphrase-file, --passphrase-command, MUNIMENT_PASSPHRASE_FILE, prompt
    the ledger's         --ledger-passphrase-file, MUNIMENT_LEDGER_PASSPHRASE_FILE, else the same
    a token's PIN        MUNIMENT_TOKEN_PIN_FILE, prompt
    a new key's          --new-passphrase-file, MUNIMENT_NEW_PASSPHRASE_FILE, prompt (twice)

One newline at the end is not part of a passphrase. A file named `-` is standard input. Messages
name the source, never what it holds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ledger.cli.language import N_, _
from ledger.errors import KeyAccessError

LIMIT = 1024
"""As `ledger.keyfile.MAX_PASSPHRASE_BYTES`, which is too slow to import for `--help`."""

_REMEDY = N_("muniment --passphrase-file FILE …, or set MUNIMENT_PASSPHRASE_FILE")
_REMEDY_PIN = N_("set MUNIMENT_TOKEN_PIN_FILE to a file with the PIN")
_REMEDY_NEW = N_("muniment … --new-passphrase-file FILE, or set MUNIMENT_NEW_PASSPHRASE_FILE")


class Sources:
    """The `Passphrases` of one call; each source is read, or asked, at most once."""

    def __init__(
        self, file: str | None = None, command: str | None = None, ledger_file: str | None = None
    ) -> None:
        self._file = file
        self._command = command
        self._ledger_file = ledger_file
        self._known: dict[str, bytes] = {}
        self.founding = False

    def __call__(self, holder: str) -> bytes:
        """The passphrase of a holder's keys; `ledger` for the ledger's, `token` for a PIN.

        Raises `KeyAccessError` if there is none.
        """
        if holder == "token":
            return self._pin()
        return self._ledgers() if holder == "ledger" else self._actors()

    @property
    def unattended(self) -> bool:
        """Whether the ledger's passphrase is there without asking anybody."""
        return self._ledger_source() is not None or self._source() is not None

    def ask_first(self) -> None:
        """Ask now for what would be asked later; nothing if nobody has to type."""
        if self._source() is None:
            self._actors()

    def _source(self) -> str | None:
        return self._file or self._command or os.environ.get("MUNIMENT_PASSPHRASE_FILE")

    def _ledger_source(self) -> str | None:
        return self._ledger_file or os.environ.get("MUNIMENT_LEDGER_PASSPHRASE_FILE")

    def _actors(self) -> bytes:
        if "actor" not in self._known:
            self._known["actor"] = self._find_actors()
        return self._known["actor"]

    def _find_actors(self) -> bytes:
        if self._file:
            return from_file(self._file, "--passphrase-file")
        if self._command:
            return from_command(self._command)
        if named := os.environ.get("MUNIMENT_PASSPHRASE_FILE"):
            return from_file(named, "MUNIMENT_PASSPHRASE_FILE")
        return prompt(_("Passphrase"), _REMEDY, twice=self.founding)

    def _pin(self) -> bytes:
        if "token" not in self._known:
            named = os.environ.get("MUNIMENT_TOKEN_PIN_FILE")
            self._known["token"] = (
                from_file(named, "MUNIMENT_TOKEN_PIN_FILE")
                if named
                else prompt(_("PIN of the token"), _REMEDY_PIN)
            )
        return self._known["token"]

    def _ledgers(self) -> bytes:
        if "ledger" not in self._known:
            if self._ledger_file:
                found = from_file(self._ledger_file, "--ledger-passphrase-file")
            elif named := os.environ.get("MUNIMENT_LEDGER_PASSPHRASE_FILE"):
                found = from_file(named, "MUNIMENT_LEDGER_PASSPHRASE_FILE")
            elif self._source() is None and not self.founding and "actor" in self._known:
                text = _("The ledger's passphrase (Enter: the same)")
                found = prompt(text, _REMEDY, empty=True) or self._actors()
            else:
                found = self._actors()
            self._known["ledger"] = found
        return self._known["ledger"]


def new_passphrase(file: str | None, default: bytes | None = None) -> bytes:
    """The passphrase under which a new key is written; `default` instead of asking."""
    if file:
        return from_file(file, "--new-passphrase-file")
    if named := os.environ.get("MUNIMENT_NEW_PASSPHRASE_FILE"):
        return from_file(named, "MUNIMENT_NEW_PASSPHRASE_FILE")
    if default is not None:
        return default
    return prompt(_("Passphrase of the new key"), _REMEDY_NEW, twice=True)


def from_file(named: str, source: str) -> bytes:
    """What a file holds, up to one newline at its end.

    Raises `KeyAccessError` naming the `source`, not the file.
    """
    try:
        if named == "-":
            raw = sys.stdin.buffer.read(LIMIT + 3)
        else:
            with Path(named).open("rb") as file:
                raw = file.read(LIMIT + 3)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "not a file name"
        raise KeyAccessError(
            "the file that {source} names cannot be read ({cause})",
            "give a file that this user can read",
            source=source,
            cause=cause,
        ) from None
    return _checked(raw, source)


def from_command(command: str) -> bytes:
    """What a command prints. It is run without a shell; raises `KeyAccessError` if it fails."""
    import shlex
    import subprocess

    source = "--passphrase-command"
    try:
        done = subprocess.run(  # noqa: S603  the user's own command, without a shell
            shlex.split(command), stdout=subprocess.PIPE, check=True
        )
    except (OSError, ValueError, IndexError, subprocess.CalledProcessError) as error:
        cause = getattr(error, "strerror", None) or type(error).__name__
        raise KeyAccessError(
            "the command that {source} names failed ({cause})",
            "run it by itself to see why",
            source=source,
            cause=cause,
        ) from None
    return _checked(done.stdout, source)


def prompt(text: str, remedy: str, *, twice: bool = False, empty: bool = False) -> bytes:
    """Ask a person, without echo; `twice`: and again. `empty`: nothing is an answer.

    Raises `KeyAccessError` with the remedy when nobody sits there.
    """
    if not sys.stdin.isatty():
        raise KeyAccessError("a passphrase is needed, and there is nobody to ask for it", remedy)
    given: str = click.prompt(
        text,
        default="" if empty else None,
        show_default=False,
        hide_input=True,
        confirmation_prompt=twice,
        err=True,
    )
    return b"" if empty and not given else _checked(given.encode("utf-8"), _("the prompt"))


def _checked(raw: bytes, source: str) -> bytes:
    if raw.endswith(b"\n"):
        raw = raw[:-1].removesuffix(b"\r")
    if not raw:
        raise KeyAccessError("the passphrase from {source} is empty", source=source)
    if len(raw) > LIMIT:
        raise KeyAccessError(
            "the passphrase from {source} is longer than {limit} bytes", source=source, limit=LIMIT
        )
    return raw
