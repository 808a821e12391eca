"""How a call ends: every error becomes a message, a next step and an exit code, here and only here.

    0 ok · 1 failed or declined · 2 usage · 3 verification failed · 4 incomplete · 10 no ledger
    11 locked · 12 key or passphrase · 13 not permitted by a rule · 130 interrupted

With `--json` the last line on standard error is
`{"message_type":"error","code":N,"message":…,"remedy":…,"refusals":[…]}`, always in English.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from ledger.cli.causes import in_words
from ledger.cli.labels import kind_label
from ledger.cli.language import N_, _
from ledger.cli.output import led, named
from ledger.errors import LockedError, MunimentError, VerificationError

INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


class End:
    """The exit code of the call; 1 until something else is known."""

    code = 1


@contextmanager
def ending(arguments: Sequence[str]) -> Iterator[End]:
    """Turn whatever ends the block into an exit code, having said why on standard error."""
    end, machine = End(), _asked("--json", "", arguments)
    try:
        yield end
    except click.ClickException as error:
        end.code = _usage(error, machine=machine)
    except click.Abort as error:
        end.code = 1 if isinstance(error.__cause__, EOFError) else INTERRUPTED
        click.echo(_("Interrupted."), err=True)
    except KeyboardInterrupt:
        end.code = INTERRUPTED
        click.echo(_("Interrupted."), err=True)
    except MunimentError as error:
        end.code = report(error, machine=machine)
    except BrokenPipeError:
        _be_quiet()
    except Exception as error:  # noqa: BLE001  the last line of defence: no traceback for people
        if _asked("--verbose", "v", arguments):
            click.echo("".join(traceback.format_tb(error.__traceback__)), err=True)
        end.code = report(understood(error), machine=machine)


def _asked(long: str, short: str, arguments: Sequence[str]) -> bool:
    """Whether a flag was given: known before the arguments are parsed, and if they cannot be."""
    options = list(arguments)
    if "--" in options:
        options = options[: options.index("--")]
    return long in options or bool(short and f"-{short}" in options)


def _be_quiet() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, also at the program's end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.ClickException, *, machine: bool) -> int:
    if machine:
        _print_json(_json_fields(error.exit_code, error.format_message(), "", []))
    else:
        error.show()
    return error.exit_code


def report(error: MunimentError, *, machine: bool) -> int:
    """Say what happened, what was not done and what to do next; the exit code."""
    refusals = getattr(error, "refusals", ())
    means = [_explained(refusal) for refusal in refusals]
    if machine:
        _print_json(error_fields(error))
        return error.exit_code
    text = led(N_("Error:"), said(error))
    click.echo(text.replace(_("Error:"), click.style(_("Error:"), fg="red"), 1), err=True)
    for sentence, remedy in dict.fromkeys(means) or [("", _filled(error.remedy_template, error))]:
        for line in (sentence, led(N_("Next:"), remedy) if remedy else ""):
            if line:
                click.echo(f"  {line}", err=True)
    return error.exit_code


def _explained(refusal: object) -> tuple[str, str]:
    from ledger.cli.refusals import explain

    return explain(str(getattr(refusal, "detail", "")))


def said(error: MunimentError) -> str:
    """The message of an error in the language chosen, fit for a terminal."""
    from ledger.cli.columns import printable

    refusals = getattr(error, "refusals", ())
    if refusals:
        text = _("not permitted, nothing was recorded")
        if getattr(error, "event", None):
            text = _("not permitted; the refusal was recorded")
        return printable(named(text, _("; ").join(dict.fromkeys(map(str, refusals)))))
    return printable(_filled(error.template, error))


def _filled(template: str, error: MunimentError) -> str:
    # What is said about a key file is said of a part of it, too (`ledger.keyfile`).
    prefix = "{uri}: " if template.startswith("{uri}: ") else ""
    bare = template.removeprefix(prefix)
    text = prefix + _(bare)
    if text == template and not error.values:  # a parser's, filled where it was raised
        return in_words(template)
    values = dict(error.values)
    if "finding" in values:  # a stable code; in English it stays what it is
        values["finding"] = _(str(values["finding"]))
    if "cause" in values:
        values["cause"] = in_words(str(values["cause"]))
    for name in ("aggregate", "another"):
        if name in values:
            values[name] = kind_label(str(values[name]))
    return text.format(**values) if values else text


def _fields(refusal: object) -> dict[str, object]:
    names = ("rule", "code", "detail", "blocking")
    fields = {name: getattr(refusal, name, "") for name in names}
    count = getattr(refusal, "count", 0)  # of a long list, where not all is named
    return {**fields, "count": count} if count else fields


def error_fields(error: MunimentError) -> dict[str, object]:
    """An error as it stands in JSON: in the language chosen, with its exit code and remedy."""
    refusals = getattr(error, "refusals", ())
    remedy = error.remedy or next((_explained(refusal)[1] for refusal in refusals), "")
    fields = [_fields(refusal) for refusal in refusals]
    return _json_fields(error.exit_code, said(error), remedy, fields)


def _json_fields(
    code: int, message: str, remedy: str, refusals: list[dict[str, object]]
) -> dict[str, object]:
    return {
        "message_type": "error", "code": code, "message": message, "remedy": remedy,
        "refusals": refusals,
    }  # fmt: skip


def _print_json(fields: dict[str, object]) -> None:
    import json

    click.echo(json.dumps(fields), err=True)


def understood(error: Exception) -> MunimentError:
    """What the system, the database or a fault of ours says, as an error that a person can use.

    Never with the text of the original: it may quote what was being written.
    """
    if isinstance(error, OSError):
        return _of_system(error)
    original = getattr(error, "orig", error)
    if type(original).__module__ == "sqlite3":
        return _of_database(str(original))
    place = traceback.extract_tb(error.__traceback__)[-1]
    return MunimentError(
        "an unexpected fault, {kind} at {place}; nothing more was done",
        "please report it with these words; muniment verify says whether the ledger is sound",
        kind=type(error).__name__,
        place=f"{Path(place.filename).name}:{place.lineno}",
    )


def _of_system(error: OSError) -> MunimentError:
    name = Path(os.fsdecode(error.filename)).name if isinstance(error.filename, str | bytes) else ""
    if error.errno in _FULL:
        text = "the disk is full; nothing was recorded"
        return MunimentError(text, "make room and try again")
    if error.errno in _DENIED and name in _PARTS:
        text = "the system denies access to the ledger's {part}; nothing was recorded"
        return MunimentError(text, "check the owner and the mode of the folder", part=name)
    text = "the system refused ({cause}); nothing more was done"
    cause = error.strerror or type(error).__name__
    return MunimentError(text, "check the disk and the rights on the folder", cause=cause)


_PARTS = (
    "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock", "keystore", "slots", "identity",
    "trust", "muniment.toml", "ledger.vkey",
)  # fmt: skip


def _of_database(text: str) -> MunimentError:
    """What SQLite means; its words are matched because Python gives codes only from 3.11 on."""
    if "locked" in text or "busy" in text:
        return LockedError(
            "another program keeps the ledger's database locked; nothing was recorded",
            "close what has ledger.db open and try again",
        )
    if "full" in text:
        return MunimentError("the disk is full; nothing was recorded", "make room and try again")
    if "readonly" in text or "unable to open" in text:
        return MunimentError(
            "the system denies access to the ledger's {part}; nothing was recorded",
            "check the owner and the mode of the folder",
            part="ledger.db",
        )
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return VerificationError(
            "ledger.db is damaged; nothing was recorded", "muniment verify; restore from a backup"
        )
    if "no such table" in text or "no such column" in text:
        return VerificationError(
            "ledger.db lacks a table or a column; nothing was recorded",
            "muniment rebuild; if that does not help, restore from a backup",
        )
    return MunimentError(
        "the database refused the statement; nothing was recorded",
        "muniment verify; muniment doctor",
    )
