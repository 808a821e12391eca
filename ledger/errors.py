"""Every error that Muniment raises on purpose, with its exit code.

    MunimentError                    1   failed; nothing was changed unless the message says so
    ├── UsageError                   2   the call itself is wrong
    ├── DataError                    1   bytes that do not have the form they claim
    │   ├── EncodingError                event bytes outside the canonical profile (`.code`)
    │   ├── NoteError                    a note, key, signature, checkpoint or policy
    │   └── ProofError                   a Merkle proof
    ├── VerificationError            3   what is stored or shown is not what was signed
    ├── IncompleteError              4   done in part: some sources could not be read
    ├── NoLedgerError               10   no ledger here, or parts of it are missing
    │   └── NewerFormatError        10   written by a newer Muniment
    ├── LockedError                 11   another process is writing
    ├── KeyAccessError              12   a key or its passphrase
    ├── RefusedError                13   a rule does not permit the act
    └── ConflictError                1   the ledger moved on since the act was prepared

A message says what happened and what was not done; `remedy` names the next step. Neither ever
holds personal data, a secret or file content. The command line catches the root once.
"""

from __future__ import annotations

from typing import ClassVar


class MunimentError(Exception):
    """Something that a person can act on.

    `message`: what happened and what was not changed. `remedy`: the next command or step, if any.
    Both may be templates with `values` for what differs from case to case (ids, codes, counts), so
    that the command line can say them in another language: `template` and `remedy_template` are
    what it looks up.

    >>> error = UsageError("there is no actor {actor}", "muniment actor list", actor="actor-7")
    >>> error.message, error.template
    ('there is no actor actor-7', 'there is no actor {actor}')
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, template: str, remedy: str = "", **values: object) -> None:
        self.template = template
        self.remedy_template = remedy
        self.values = values
        self.message = template.format(**values) if values else template
        self.remedy = remedy.format(**values) if values else remedy
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        """As it is, wherever it was raised: another process cannot make it from its message."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[MunimentError], args: tuple[object, ...]) -> MunimentError:
    error = kind.__new__(kind)
    error.args = args
    return error


class UsageError(MunimentError):
    """The call is wrong: an unknown id, a malformed date, options that exclude each other."""

    exit_code = 2


class DataError(MunimentError):
    """Bytes that do not have the form they claim to have."""


class EncodingError(DataError):
    """Event bytes outside the canonical profile; `code` is stable and names the first cause."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoteError(DataError):
    """A signed note, key, signature, checkpoint, commit note or policy that is not acceptable."""


class ProofError(DataError):
    """A Merkle proof that does not prove what it claims."""


class VerificationError(MunimentError):
    """What is stored or shown is not what was signed."""

    exit_code = 3


class IncompleteError(MunimentError):
    """Done in part: what was named could not be read, everything else was recorded."""

    exit_code = 4


class NoLedgerError(MunimentError):
    """There is no ledger at the place named, or a part of it is missing."""

    exit_code = 10


class NewerFormatError(NoLedgerError):
    """The ledger was written by a newer Muniment than this one."""


class LockedError(MunimentError):
    """Another process holds the writer's lock."""

    exit_code = 11


class KeyAccessError(MunimentError):
    """A private key cannot be opened: no file, no passphrase, or a wrong one."""

    exit_code = 12


class RefusedError(MunimentError):
    """A rule does not permit the act; `refusals` are the domain's refusals, first cause first."""

    exit_code = 13

    def __init__(
        self,
        template: str,
        remedy: str = "",
        refusals: tuple[object, ...] = (),
        **values: object,
    ) -> None:
        super().__init__(template, remedy, **values)
        self.refusals = refusals


class ConflictError(MunimentError):
    """The ledger moved on since the act was prepared; nothing was recorded, try again."""
