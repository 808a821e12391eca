"""`muniment audit replay`: everything that a ledger's stored bytes can tell, judged again."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, TIME, ParamType, argument, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.audit.outcome import Replayed
    from ledger.audit.replay import Asked, Progress
    from ledger.audit.several import Task
    from ledger.errors import MunimentError
    from ledger.folder import Folder
    from ledger.tlog.note import VerifierKey

_CHECKPOINT: Final = 1 << 20
_SHARE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,6}))?%?", re.ASCII)
_STEPS: Final = {
    "verify": N_("verifying"),
    "project": N_("reading what came before"),
    "judge": N_("judging"),
    "compare": N_("comparing tables"),
    "check": N_("checking contents"),
}


class ShareType(ParamType):
    """A share in per cent, such as `10%`."""

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> Fraction:  # noqa: ANN401
        """The share as a fraction of one."""
        if isinstance(value, Fraction):
            return value
        found = _SHARE.fullmatch(str(value))
        share = Fraction(f"{found[1]}.{found[2] or 0}") / 100 if found else Fraction(-1)
        if not 0 < share <= 1:
            self.fail(_("not a share: a number above 0% and up to 100%"), param, ctx)
        return share

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands for the value in help."""
        del param, ctx
        return "N%"


@command(
    "replay",
    N_(
        "Judge everything again: what is false, not permitted, missing, late or unknown.\n\n"
        "PATH is a ledger's folder, a read-only copy of its ledger.db, or an evidence bundle; the "
        "ledger of -L if it is not given. Every stored byte is verified, every act is judged with "
        "the rules and the policy in force when it was recorded, the tables are made anew from the "
        "events and compared, and what is overdue or missing is named. Changes nothing and needs "
        "no passphrase.\n\n"
        "Several ledgers are told one after the other, with --json as an array; what cannot be "
        "opened stands there as an error.\n\n"
        "Exit code 0: nothing found above a note; 3: something found; 4: nothing found, but what "
        "should be readable is not. What was not asked for, or takes a key, is listed and does "
        "not count. Of several ledgers the gravest: 3, then 4."
    ),
)
@argument("paths", type=PATH, nargs=-1, metavar="[PATH]...")
@option(
    "--trust", metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it, for several ledgers theirs; else "
            "the folder's trust/ledger.vkey."),
)  # fmt: skip
@option(
    "--as-of", metavar="MOMENT",
    help=N_("As it stood then, and what was overdue then: a time such as "
            "2026-11-21T09:30:00+08:00, position:NUMBER or checkpoint:FILE."),
)  # fmt: skip
@option(
    "--since", type=PATH, metavar="FILE",
    help=N_("A checkpoint that was replayed before: of what is false, not permitted or late, only "
            "what is new is told; what is missing or inconsistent is told in full."),
)  # fmt: skip
@option(
    "--only", multiple=True, metavar="CODE",
    help=N_("A code, or a chapter: genuine, permitted, complete, timely, consistent. May be "
            "repeated."),
)  # fmt: skip
@option(
    "--read-data", "share", type=ShareType(), is_flag=False, flag_value="100%", metavar="[=N%]",
    help=N_("Read contents, files and backups, too, or a share of them drawn with --seed."),
)  # fmt: skip
@option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, metavar="NUMBER",
    help=N_("What the share is drawn with; 0 if not given."),
)  # fmt: skip
@option(
    "--backups", "places", type=PATH, multiple=True, metavar="DIR",
    help=N_("A folder in which backups lie: they are compared, without any key. May be repeated."),
)  # fmt: skip
@option(
    "--with-keys", is_flag=True,
    help=N_("Also look for files and backups where their sealed places say; takes the ledger's "
            "passphrase."),
)  # fmt: skip
@option(
    "--keep", type=PATH, metavar="DIR",
    help=N_("Keep the replay in this folder: it goes on where it was interrupted, and next time "
            "where it ended."),
)  # fmt: skip
@option(
    "--now", type=TIME, metavar="TIME",
    help=N_("Judge what is overdue up to this time, not before the last entry; else up to now, or "
            "the time of --as-of."),
)  # fmt: skip
@option(
    "--tsa-root", "roots", type=PATH, multiple=True, metavar="FILE",
    help=N_("A root certificate to trust for time, beside those pinned. May be repeated."),
)  # fmt: skip
@option(
    "--jobs", type=int, default=1, metavar="N",
    help=N_("How many of several ledgers are replayed at once, each in a process of its own."),
)  # fmt: skip
@option("--out", type=PATH, metavar="FILE",
        help=N_("Write the result as JSON to this new file, too."))  # fmt: skip
@pass_call
def replay(
    call: Call,
    /,
    *,
    paths: tuple[Path, ...],
    trust: str | None,
    as_of: str | None,
    since: Path | None,
    only: tuple[str, ...],
    share: Fraction | None,
    seed: int,
    places: tuple[Path, ...],
    with_keys: bool,
    keep: Path | None,
    now: str | None,
    roots: tuple[Path, ...],
    jobs: int,
    out: Path | None,
) -> int:
    """Replay; the exit code is what was found."""
    from ledger import signing
    from ledger.audit.replay import Asked
    from ledger.audit.several import Task
    from ledger.cli.verifierkeys import ledger_key, ledger_keys
    from ledger.timestamps import read_roots

    if as_of is not None and now is not None:
        raise UsageError("--now and --as-of exclude each other", "--as-of says which time it is")
    if out is not None and os.path.lexists(out):
        raise UsageError(
            "a file of that name is there already; nothing was written", "name another file"
        )
    several = len(paths) > 1
    if several and (since or keep or places or with_keys):
        raise UsageError(
            "--since, --keep, --backups and --with-keys are about one ledger", "name one PATH"
        )
    asked = Asked(
        now or signing.now(), as_of, _read(since) if since is not None else None, only,
        share or Fraction(0), seed, keep,
        [one for file in roots for one in read_roots(_read(file))], places, now is None,
        None if call.quiet else _anew,
    )  # fmt: skip
    if several:
        keys = tuple(ledger_keys([trust], "--trust")) if trust else ()
        return _each(call, [Task(path, keys, asked) for path in paths], jobs, out)
    key = [ledger_key(trust, "--trust")] if trust else []
    found = _one(call, paths[0] if paths else None, key, asked, with_keys=with_keys)
    _tell(call, [found], found.json(), out)
    return found.exit_code


def _one(
    call: Call, path: Path | None, keys: list[VerifierKey], asked: Asked, *, with_keys: bool
) -> Replayed:
    """The replay of one place, told while it runs."""
    from ledger.audit.several import place_at, replay_at
    from ledger.folder import Folder

    place = call.folder if path is None else place_at(path)
    told = _progress(call)
    if not with_keys:
        found = replay_at(place, keys, asked, told)
    elif isinstance(place, Folder):
        with _opened(call, place) as ledger:
            found = replay_at(place, keys, asked, told, ledger)
    else:
        raise UsageError("--with-keys takes a ledger's folder: only there is a keystore")
    if told is not None:
        click.echo("\r\x1b[K", nl=False, err=True)
    return found


@contextmanager
def _opened(call: Call, folder: Folder) -> Iterator[Ledger]:
    """The ledger for reading, its keystore opened before anything else takes time."""
    from ledger.application import Ledger

    ledger = Ledger(folder, call.passphrases)
    try:
        _ = ledger.keystore.size
        yield ledger
    finally:
        ledger.close()


def _each(call: Call, tasks: list[Task], jobs: int, out: Path | None) -> int:
    """Several ledgers, one after the other as they are named."""
    from ledger.audit.several import check_asked, gravest, outcomes, place_at
    from ledger.cli.ending import error_fields
    from ledger.errors import MunimentError

    for task in tasks:
        check_asked(place_at(task.path), task.asked)
    found = list(outcomes(tasks, jobs))
    said = b",".join(
        json.dumps(error_fields(one)).encode() if isinstance(one, MunimentError) else one.json()
        for one in found
    )
    _tell(call, found, b"[" + said + b"]", out, [task.path for task in tasks])
    return gravest(found)


def _tell(
    call: Call,
    found: Sequence[Replayed | MunimentError],
    said: bytes,
    out: Path | None,
    paths: Sequence[Path] = (),
) -> None:
    """Print what was found, and write it: the same bytes, a line each."""
    from ledger.cli.audit_told import show
    from ledger.cli.columns import printable
    from ledger.cli.ending import report
    from ledger.errors import MunimentError

    if out is not None:
        _write(out, said + b"\n")
    if call.as_json:
        click.echo(said)
        return
    for number, one in enumerate(found):
        if paths:
            click.echo(("\n" if number else "") + f"== {printable(str(paths[number]))}")
        if isinstance(one, MunimentError):
            report(one, machine=False)
        else:
            show(one)


def _read(path: Path) -> bytes:
    from ledger.folder import read_limited

    try:
        return read_limited(path, _CHECKPOINT)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None


def _write(path: Path, data: bytes) -> None:
    from ledger.folder import write_atomically

    try:
        write_atomically(path, data)
    except OSError as error:
        raise UsageError("the file cannot be written ({cause})", cause=error.strerror) from None


def _anew() -> None:
    click.echo(_(
        "what --keep holds is damaged, or not as a replay has left it: everything is replayed anew"
    ), err=True)  # fmt: skip


# -- how far it has come ----------------------------------------------------------------------


def _progress(call: Call) -> Progress | None:
    """Says how far it has come, where somebody is looking or asks with -v."""
    if call.quiet or call.as_json or not (sys.stderr.isatty() or call.verbose):
        return None
    return _Told(sys.stderr.isatty(), time.monotonic)


class _Told:
    """A line that is written over, with events a second and what is left."""

    def __init__(self, over: bool, clock: Callable[[], float]) -> None:  # noqa: FBT001
        self._over, self._clock = over, clock
        self._step, self._began, self._first, self._last = "", 0.0, 0, 0.0

    def __call__(self, step: str, done: int, of: int) -> None:
        """Say it, at most five times a second where it is written over, else every ten seconds."""
        now = self._clock()
        if step != self._step:
            self._step, self._began, self._first, self._last = step, now, done, 0.0
        elif now - self._last < (0.2 if self._over else 10.0):
            return
        self._last = now
        text = f"{_(_STEPS[step])} {done:,}" + (f"/{of:,}" if of else "")
        rate = (done - self._first) / (now - self._began) if now > self._began else 0.0
        if rate and of > done:
            text += _(", {rate} events a second, {seconds} s left").format(
                rate=f"{rate:,.0f}", seconds=f"{(of - done) / rate:,.0f}"
            )
        click.echo(f"\r\x1b[K{text} …" if self._over else text, nl=not self._over, err=True)
