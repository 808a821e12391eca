"""One call of the command line: which ledger, who acts, with what passphrases, how to speak.

Filled by the general options (`ledger.cli.command`), which may stand before and after the
subcommand; asked by every command. Environment and defaults are looked at here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.columns import printable
from ledger.cli.passphrases import Sources
from ledger.errors import NoLedgerError, UsageError

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger
    from ledger.folder import Folder

_CONFIG_LIMIT = 65_536


class Call:
    """What was asked besides the command itself."""

    def __init__(self) -> None:
        self.ledger_folder: Path | None = None
        self.as_actor: str | None = None
        self.as_json = False
        self.quiet = False
        self.verbose = False
        self.passphrase_file: str | None = None
        self.passphrase_command: str | None = None
        self.ledger_passphrase_file: str | None = None
        self.wait = 10.0
        self.confirm_clock = False
        self.drafting = False
        self._sources: Sources | None = None

    @property
    def passphrases(self) -> Sources:
        """Where passphrases come from in this call; each source is read once."""
        if self._sources is None:
            self._sources = Sources(
                self.passphrase_file, self.passphrase_command, self.ledger_passphrase_file
            )
        return self._sources

    # -- which ledger ------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The ledger's folder: `-L`, `MUNIMENT_LEDGER`, the nearest parent, the user's config.

        Raises `NoLedgerError` if none of them names one.
        """
        from ledger.folder import find_ledger

        named = self.named_path
        found = named or find_ledger(Path.cwd()) or _configured()
        if found is None:
            raise NoLedgerError(
                "no ledger was named, and there is none in this folder or above it",
                "muniment -L DIR …, or set MUNIMENT_LEDGER; a new one: muniment -L DIR init",
            )
        return found

    @property
    def named_path(self) -> Path | None:
        """The folder that `-L` or `MUNIMENT_LEDGER` names."""
        if self.ledger_folder is not None:
            return self.ledger_folder
        named = os.environ.get("MUNIMENT_LEDGER")
        return Path(named) if named else None

    @property
    def folder(self) -> Folder:
        """The ledger's folder, not opened yet."""
        from ledger.folder import Folder

        path = self.path
        self.tell_more(f"ledger {path}")
        return Folder(path)

    def tell_more(self, text: str) -> None:
        """With `-v`, say on standard error what was found out; for the one who asks, in English."""
        if self.verbose and not self.quiet:
            click.echo(printable(text), err=True)

    # -- opened ------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        """The ledger, opened so that nothing can be changed."""
        from ledger.application import Ledger

        ledger = Ledger(self.folder, self.passphrases)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def writing(self, *, acting: bool = True) -> Iterator[Ledger]:
        """The ledger, opened by its one writer; a replica, to make a draft, is only read.

        A passphrase that must be typed is asked for first (`acting`: the actor's is needed), so
        that nobody waits for the lock while somebody types.
        """
        from ledger.application import Ledger
        from ledger.clock import SystemClock

        folder = self.folder
        folder.check()
        if folder.replica and self.drafting:
            with self.reading() as replica:
                replica.has_seen(*replica.seen())  # a continuation of what was seen before
                yield replica
            return
        context = click.get_current_context(silent=True)
        asked = context.command.params if context is not None else []
        folder.admit(writing=True, drafts=any(one.name == "draft" for one in asked))
        if acting:
            self.passphrases.ask_first()
        clock = SystemClock(confirmed=self.confirm_clock)
        ledger = Ledger(folder, self.passphrases, writing=True, wait=self.wait, clock=clock)
        try:
            yield ledger
        finally:
            ledger.close()

    # -- who acts ----------------------------------------------------------------------------

    def actor(self, ledger: Ledger) -> str:
        """Who acts: `--as`, `MUNIMENT_ACTOR`, or the actor made by `init`.

        On a replica instead of the last: the one actor whose keys are here.
        """
        from ledger.cli.ids import resolve

        named = self.as_actor or os.environ.get("MUNIMENT_ACTOR")
        if named:
            return resolve(ledger, "actor", named)
        return only_actor(ledger) if ledger.folder.replica else founder(ledger)

    def acting(self, ledger: Ledger) -> Acting:
        """The actor of this call with the key that signs."""
        actor = self.actor(ledger)
        self.tell_more(f"actor {actor}")
        return ledger.acting(actor)


def founder(ledger: Ledger) -> str:
    """The actor made by `init`: who says the ledger's first event."""
    return ledger.events_of(ledger.ledger_id)[0][2].by


def only_actor(ledger: Ledger) -> str:
    """The one actor whose key files are in a replica's folder. Raises `UsageError` otherwise."""
    found = ledger.folder.holders()
    if len(found) != 1:
        raise UsageError(
            "{count} actors have keys in this replica; say who acts",
            "muniment --as ACTOR …",
            count=len(found),
        )
    return found[0]


def _configured() -> Path | None:
    """The ledger that the user's own config file names: `ledger = "/path"` in config.toml."""
    import tomllib

    from platformdirs import user_config_path

    file = user_config_path("muniment", appauthor=False) / "config.toml"
    with suppress(OSError):
        raw = file.read_bytes()[: _CONFIG_LIMIT + 1]
        try:
            named = tomllib.loads(raw.decode("utf-8")).get("ledger")
        except ValueError:
            raise UsageError("the file muniment/config.toml is not TOML", "correct it") from None
        if isinstance(named, str) and named:
            return Path(named).expanduser()
    return None
