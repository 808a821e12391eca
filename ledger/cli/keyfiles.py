"""New keys of an actor or of the ledger: written first, removed if their enrolment is refused.

The file is on the disk before the commit that enrols it, so that no enrolled key is ever lost
between the two; a refused act leaves no file behind.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import click

from ledger.cli.call import Call
from ledger.cli.language import _

if TYPE_CHECKING:
    from domain.values import Key
    from ledger.application import Ledger
    from ledger.privatekey import Kind, PrivateKey, Purpose

KINDS: Final[dict[str, str]] = {
    "act": "ed25519", "seal": "p256", "cosign": "ed25519", "checkpoint": "ed25519",
}  # fmt: skip
"""Which kind of key serves which purpose."""


class NewKeys:
    """New keys for `holder`, one for each purpose, as files under `passphrase`.

    Used with `with`: on an exception every file whose key was not enrolled is removed.
    `enrolments`: the public keys as events enrol them; `possession`: those that sign the commit.
    """

    def __init__(
        self, ledger: Ledger, holder: str, purposes: tuple[str, ...], passphrase: bytes
    ) -> None:
        from ledger.founding import enrolment

        self._ledger = ledger
        self._holder = holder
        self._passphrase = passphrase
        own = holder == ledger.ledger_id
        name = ledger.origin if own else f"{ledger.origin}/a/{holder}"
        self._keys = [_made(purpose, name) for purpose in purposes]
        self.enrolments: list[Key] = [enrolment(key, ledger.seen()) for key in self._keys]
        self.files: list[Path] = []

    @property
    def possession(self) -> list[PrivateKey]:
        """The keys that prove by a signature of their own that somebody holds them."""
        return [key for key in self._keys if key.kind == "ed25519"]

    def __enter__(self) -> Self:
        """Write the files."""
        from ledger.folder import key_file_name
        from ledger.keyfile import write_key

        folder = self._ledger.folder.identity
        try:
            for key, enrolled in zip(self._keys, self.enrolments, strict=True):
                file = folder / key_file_name(self._holder, key.purpose, enrolled.id)
                write_key(file, key, self._passphrase)
                self.files.append(file)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the files of keys that were not enrolled."""
        del error, trace
        if kind is not None and not self._enrolled():
            self._remove()

    def _enrolled(self) -> bool:
        """Whether the commit came through although something failed after it."""
        with suppress(Exception):
            state = self._ledger.state(self._holder)
            return any(key.id in getattr(state, "keys", ()) for key in self.enrolments)
        return True  # not known: keep the files

    def _remove(self) -> None:
        for file in self.files:
            file.unlink(missing_ok=True)
        self.files.clear()

    def tell(self, call: Call) -> None:
        """Say which files are new and must be backed up."""
        if call.quiet or call.as_json or not self.files:
            return
        click.echo(_("New key files, to be backed up:"), err=True)
        for file in self.files:
            click.echo(f"  {file}", err=True)


def _made(purpose: str, name: str) -> PrivateKey:
    from ledger.privatekey import generate

    kind: Kind = KINDS[purpose]  # type: ignore[assignment]
    asked: Purpose = purpose  # type: ignore[assignment]
    return generate(kind, asked, name)
