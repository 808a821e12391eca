"""`muniment demo`: the story so far, told with ordinary commands on a fictional firm's files."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.errors import MunimentError

SEED = 20261121
_VERIFY_FAILED = 3


@command(
    "demo",
    N_(
        "Tell the story with a small fictional firm.\n\n"
        "Makes a ledger and some 60 files in a temporary folder, collects, reviews and classifies "
        "them, shows inventory and chain of custody, then forges one byte of a copy and verifies "
        "it. Every step is an ordinary command, printed before it is run."
    ),
)
@option("--keep", type=PATH, metavar="DIR", help=N_("Work in this new folder and leave it there."))
@option("--files-only", type=PATH, metavar="DIR", help=N_("Only write the firm's files to DIR."))
@pass_call
def demo(call: Call, keep: Path | None, files_only: Path | None) -> None:
    """Tell the story, or only write its files."""
    from ledger.sample import write_sample

    if files_only is not None:
        written = write_sample(files_only, SEED)
        if not call.quiet:
            click.echo(_("{count} files written").format(count=len(written)))
        return
    if keep is not None:
        if os.path.lexists(keep):
            raise MunimentError("the folder exists; nothing was changed", "choose a new one")
        keep.mkdir(parents=True)
        _Story(keep).tell()
        return
    with tempfile.TemporaryDirectory(prefix="muniment-demo-") as folder:
        _Story(Path(folder)).tell()


class _Story:
    """One telling: where it happens, and the environment in which its commands run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("MUNIMENT_") or name == "MUNIMENT_LANG"
        }
        # The demo's pins stay with the demo.
        self._environment |= {
            "XDG_STATE_HOME": str(folder / "state"),
            "MUNIMENT_PASSPHRASE_FILE": "owner.txt",
            "MUNIMENT_LEDGER_PASSPHRASE_FILE": "owner.txt",
        }
        for name in ("owner", "reviewer"):
            secret = folder / f"{name}.txt"
            secret.touch(mode=0o600)
            secret.write_text(f"only for the demo, {name}\n", encoding="ascii")

    def tell(self) -> None:
        """The story, from an empty folder to the forged byte."""
        self._say(_("A cleaning firm is to be sold. Its owner opens a ledger."))
        self._run("demo", "--files-only", "records")
        self._run(
            "init", "--origin", "jiejing.example/ledger", "--party", "洁净保洁有限公司（虚构）",
            "--actor", "王芳",
        )  # fmt: skip
        self._say(_("Every customer file is collected where it lies."))
        self._run(
            "collect", "records", "--category", "service", "--basis", "pipl_13_2_contract",
            "--source", "王芳", "--notice", "2026-01 客户告知书",
        )  # fmt: skip
        self._say(_("Nobody reviews what they collected: a second person, with an own key."))
        self._run(
            "actor", "register", "--name", "李静", "--role", "reviewer", "--role", "approver",
            "--function", "service", "--new-passphrase-file", "reviewer.txt",
        )  # fmt: skip
        records, contract = self._records()
        reviewer = self._reviewer()
        self._run(
            "--as", reviewer, "--passphrase-file", "reviewer.txt", "review", *records,
            "--check", "completeness", "--check", "readability", shown=6, lines=6,
        )  # fmt: skip
        self._say(_("The collector classifies."))
        self._run(
            "classify", *records, "--category", "service", "--level", "general_3",
            "--sensitivity", "general_pi", shown=2, lines=6,
        )  # fmt: skip
        self._say(_("What is held, and the chain of custody of one record:"))
        self._run("inventory", lines=14)
        self._run("history", contract)
        self._say(_("The state is signed, and everything is checked."))
        self._run("checkpoint")
        self._run("verify")
        self._forge()

    def _forge(self) -> None:
        self._say(_("Somebody with full rights over the database changes one byte of a copy."))
        shutil.copytree(self._folder / "ledger", self._folder / "forged")
        where = flip_one_byte(self._folder / "forged" / "ledger.db")
        click.echo(_("(one bit of event {position} flipped)").format(position=where))
        code = self._run("verify", ledger="forged", expect=_VERIFY_FAILED)
        self._say(_("verify left with exit code {code}: the forgery is found and named.").format(
            code=code))  # fmt: skip

    def _records(self) -> tuple[list[str], str]:
        """Every record, and the one whose chain is shown."""
        rows = json.loads(self._capture("inventory", "--format", "json"))
        records = [str(row["record"]) for row in rows]
        return records, records[0]

    def _reviewer(self) -> str:
        actors = json.loads(self._capture("actor", "list", "--format", "json"))
        return str(next(row["actor"] for row in actors if "reviewer" in row["roles"]))

    def _command(self, arguments: tuple[str, ...], ledger: str) -> list[str]:
        return [sys.executable, "-m", "ledger.cli", "-L", ledger, *arguments]

    def _capture(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603  our own command
            self._command(arguments, "ledger"), cwd=self._folder, env=self._environment,
            stdout=subprocess.PIPE, check=True, encoding="utf-8",
        )  # fmt: skip
        return done.stdout

    def _run(
        self,
        *arguments: str,
        ledger: str = "ledger",
        expect: int = 0,
        shown: int = 99,
        lines: int = 40,
    ) -> int:
        """Print a command, run it, print what it says; `shown` arguments, `lines` of output."""
        words = [shlex.quote(word) for word in arguments[:shown]]
        rest = " …" if len(arguments) > shown else ""
        click.secho(f"$ muniment -L {ledger} {' '.join(words)}{rest}", bold=True)
        done = subprocess.run(  # noqa: S603  our own command
            self._command(arguments, ledger), cwd=self._folder, env=self._environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="utf-8",
        )  # fmt: skip
        output = done.stdout.splitlines()
        for line in output[:lines]:
            click.echo(line)
        if len(output) > lines:
            click.echo(_("… {count} more lines").format(count=len(output) - lines))
        click.echo()
        if done.returncode != expect:
            raise MunimentError(
                "the step before left with exit code {code}, not {expected}",
                code=done.returncode,
                expected=expect,
            )
        return done.returncode

    def _say(self, text: str) -> None:
        click.secho(text, fg="cyan")


def flip_one_byte(database: Path) -> int:
    """Flip one bit in the middle of the last record's event; its position."""
    with closing(sqlite3.connect(database)) as connection, connection:
        position, state = connection.execute(
            "SELECT position, state FROM events WHERE topic = 'record.collected'"
            " ORDER BY position DESC LIMIT 1"
        ).fetchone()
        at = state.index(b'"size":') + len(b'"size":')
        forged = state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET state = ? WHERE position = ?", (forged, position))
    return int(position)
