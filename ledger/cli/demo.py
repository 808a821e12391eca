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
from ledger.cli.language import N_, _, language
from ledger.errors import MunimentError

SEED = 20261121
_VERIFY_FAILED = 3
_NOT_PERMITTED = 13


@command(
    "demo",
    N_(
        "Tell the story with a small fictional firm.\n\n"
        "Makes a ledger and some 60 files in a temporary folder: collected, reviewed, classified, "
        "accessed under a grant and refused without one, backed up, one destroyed with two "
        "approvals, verified and certified, the others handed over to a buyer; the evidence of one "
        "record is checked by a program of its own; one byte of a copy is forged and found. Every "
        "step is an ordinary command, printed before it is run."
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


_PEOPLE = {
    "owner": "王芳", "reviewer": "李静", "finance": "赵敏", "buyer": "陈刚", "overseer": "孙丽",
}  # fmt: skip
"""Who is in the story; each has an own key under an own passphrase."""


class _Story:
    """One telling: where it happens, who is in it, and how its commands are run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._actors: dict[str, str] = {}
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
        for name in _PEOPLE:
            secret = folder / f"{name}.txt"
            secret.touch(mode=0o600)
            secret.write_text(f"only for the demo, {name}\n", encoding="ascii")

    def tell(self) -> None:
        """The story, from an empty folder to the forged byte."""
        records = self._collected()
        contract, old = records[0], records[-1]
        self._accessed(contract)
        self._backed_up()
        self._destroyed(old)
        self._handed_over(records[:-1])
        self._say(_("What is held, and the chain of custody of one record:"))
        self._run("inventory", lines=12)
        self._run("history", contract, lines=40)
        self._proved(contract)
        self._say(_("The state is signed, and everything is checked."))
        self._run("checkpoint")
        self._run("verify")
        self._forge()

    # -- the chapters ------------------------------------------------------------------------

    def _collected(self) -> list[str]:
        """A ledger, people, some 60 files collected, reviewed and classified; the records."""
        self._say(_("A cleaning firm is to be sold. Its owner opens a ledger."))
        self._run("demo", "--files-only", "records")
        self._run(
            "init", "--origin", "jiejing.example/ledger", "--party", "洁净保洁有限公司（虚构）",
            "--actor", _PEOPLE["owner"],
        )  # fmt: skip
        self._actors["owner"] = str(self._rows("actor", "list")[0]["actor"])
        self._say(_("Every customer file is collected where it lies."))
        self._run(
            "collect", "records", "--category", "service", "--basis", "pipl_13_2_contract",
            "--source", _PEOPLE["owner"], "--notice", "2026-01 客户告知书", lines=8,
        )  # fmt: skip
        self._say(_("Nobody reviews what they collected: other persons, with keys of their own."))
        self._register("reviewer", "service", "reviewer", "approver", "supervisor")
        self._register("finance", "finance", "approver")
        for role in ("seller_handler", "destruction_operator"):
            self._run("role", "grant", self._actors["owner"], role, lines=3)
        records = [str(row["record"]) for row in self._rows("inventory")]
        self._run(
            "review", *records, "--check", "completeness", "--check", "readability",
            by="reviewer", shown=2, lines=3,
        )  # fmt: skip
        self._say(_("The collector classifies, and says how long each is kept."))
        self._run(
            "classify", *records, "--category", "service", "--level", "general_3",
            "--sensitivity", "general_pi", shown=2, lines=3,
        )  # fmt: skip
        assign = ("retention", "assign", "--trigger", "transaction_completed", "--date")
        self._run(*assign, "2026-01-31", *records[:-1], shown=7, lines=3)
        self._run(*assign, "2019-06-30", records[-1])
        return records

    def _register(self, name: str, function: str, *roles: str, party: str | None = None) -> None:
        known = {row["actor"] for row in self._rows("actor", "list")}
        self._run(
            "actor", "register", "--name", _PEOPLE[name], "--function", function,
            *(word for role in roles for word in ("--role", role)),
            *(("--party", party) if party else ()), "--new-passphrase-file", f"{name}.txt", lines=3,
        )  # fmt: skip
        new = {row["actor"] for row in self._rows("actor", "list")} - known
        self._actors[name] = str(new.pop())

    def _accessed(self, record: str) -> None:
        self._say(_("The reviewer wants to read a contract, without a grant: refused, and noted."))
        read = ("access", "record", record, "--purpose", "audit", "--out")
        self._run(*read, "before.bin", by="reviewer", expect=_NOT_PERMITTED)
        self._say(_("With a grant the content is handed out, and that is recorded first."))
        self._run(
            "access", "grant", "--actor", self._actors["reviewer"], "--record", record,
            "--mode", "view", "--purpose", "audit",
            "--from", "2026-01-01T00:00:00Z", "--until", "2030-12-31T23:59:59Z", lines=3,
        )  # fmt: skip
        self._run(*read, "read.bin", by="reviewer", lines=3)
        self._run("access", "log")

    def _backed_up(self) -> None:
        self._say(_("Everything is backed up to another folder, and every byte is read back."))
        (self._folder / "backups").mkdir()
        self._run("backup", "create", "backups", "--medium", "disk_external", lines=4)
        backup = str(self._rows("backup", "list")[0]["backup"])
        self._run("backup", "verify", backup, by="reviewer", lines=4)

    def _destroyed(self, record: str) -> None:
        self._say(_("One record is past its time. What would be destroyed, and what forbids it?"))
        self._run("where", record)
        self._run("why", record, "destroy")
        self._run("destroy", "propose", record, "--ground", "retention_expired", lines=6)
        case = str(self._rows("destroy", "list")[0]["case"])
        self._say(_("An opinion, and two approvals by persons of different functions."))
        self._run("destroy", "appraise", case, by="reviewer", lines=3)
        for approver in ("reviewer", "finance"):
            self._run("destroy", "approve", case, by=approver, lines=3)
        self._say(_("Files and backups are overwritten and removed, the data key is shredded."))
        self._run("destroy", "execute", case, "--yes", "--reason", "demo", lines=8)
        self._say(_("Another person reads back, and only then there is a certificate."))
        self._run("destroy", "verify", case, by="reviewer", lines=6)
        self._run("destroy", "certify", case, lines=3)
        self._run("certificate", case, lines=60)

    def _handed_over(self, records: list[str]) -> None:
        self._say(_("The buyer comes: another firm, with a handler and a supervisor of its own."))
        self._run(
            "party", "register", "--name", "清源物业有限公司（虚构）", "--party-role", "buyer",
            lines=3,
        )  # fmt: skip
        rows = self._rows("party", "list")
        buyer = str(next(row["party"] for row in rows if row["party_role"] == "buyer"))
        self._register("buyer", "management", "buyer_handler", "custodian", party=buyer)
        self._register("overseer", "legal", "supervisor", party=buyer)
        self._run(
            "handover", "plan", "--to", buyer, "--buyer-handler", self._actors["buyer"],
            "--mode", "asset_or_store_transfer", "--first-day", "2026-11-01",
            "--last-day", "2026-12-31", lines=3,
        )  # fmt: skip
        handover = str(self._rows("handover", "list")[0]["handover"])
        self._say(_("The list is frozen; what is handed over is this list and nothing else."))
        self._run("handover", "freeze", handover, *records, shown=4, lines=6)
        self._run("handover", "release", handover, lines=3)
        self._run("handover", "receive", handover, by="buyer", lines=4)
        self._say(_("Both handlers and a supervisor of each side sign one confirmation."))
        others = (("buyer", "buyer_handler"), ("reviewer", "supervisor"),
                  ("overseer", "supervisor"))  # fmt: skip
        self._run(
            "handover", "confirm", handover, "--draft", "confirm.commit",
            *(w for name, role in others for w in ("--with", f"{self._actors[name]}:{role}")),
            lines=3,
        )  # fmt: skip
        for name, _role in others:
            self._run("sign", "confirm.commit", "--yes", by=name, lines=3)
        self._run("submit", "confirm.commit", lines=3)
        self._run("handover", "list")

    def _proved(self, record: str) -> None:
        self._say(_("The evidence of one record, as one file, for somebody who has no Muniment."))
        self._run("evidence", "export", "--record", record, "--out", "evidence.zip")
        self._tell("python3 -m zipfile -e evidence.zip .")
        shutil.unpack_archive(self._folder / "evidence.zip", self._folder)
        (verifier,) = self._folder.glob("bundle-*/verify/verify.pyz")
        program = str(verifier.relative_to(self._folder))
        arguments = ["evidence.zip", "--trust", "ledger/trust/ledger.vkey", "--lang", language()]
        self._tell(f"python3 {program} {' '.join(arguments)}")
        self._show([sys.executable, "-I", "-S", program, *arguments], 0, 40)

    def _forge(self) -> None:
        self._say(_("Somebody with full rights over the database changes one byte of a copy."))
        shutil.copytree(self._folder / "ledger", self._folder / "forged")
        where = flip_one_byte(self._folder / "forged" / "ledger.db")
        click.echo(_("(one bit of event {position} flipped)").format(position=where))
        code = self._run("verify", ledger="forged", expect=_VERIFY_FAILED)
        self._say(_("verify left with exit code {code}: the forgery is found and named.").format(
            code=code))  # fmt: skip

    # -- commands ----------------------------------------------------------------------------

    def _rows(self, *arguments: str) -> list[dict[str, object]]:
        """What a list says."""
        done = subprocess.run(  # noqa: S603  our own command
            self._command((*arguments, "--format", "json"), "ledger"), cwd=self._folder,
            env=self._environment, stdout=subprocess.PIPE, check=True, encoding="utf-8",
        )  # fmt: skip
        rows: list[dict[str, object]] = json.loads(done.stdout)
        return rows

    def _command(self, arguments: tuple[str, ...], ledger: str) -> list[str]:
        return [sys.executable, "-m", "ledger.cli", "-L", ledger, *arguments]

    def _run(
        self,
        *arguments: str,
        by: str = "owner",
        ledger: str = "ledger",
        expect: int = 0,
        shown: int = 99,
        lines: int = 40,
    ) -> int:
        """Print a command, run it, print what it says; `shown` arguments, `lines` of output."""
        who = () if by == "owner" else (
            "--as", self._actors[by], "--passphrase-file", f"{by}.txt",
        )  # fmt: skip
        words = [shlex.quote(word) for word in (*who, *arguments[:shown])]
        rest = " …" if len(arguments) > shown else ""
        self._tell(f"muniment -L {ledger} {' '.join(words)}{rest}")
        return self._show(self._command((*who, *arguments), ledger), expect, lines)

    def _tell(self, command: str) -> None:
        click.secho(f"$ {command}", bold=True)

    def _show(self, command: list[str], expect: int, lines: int) -> int:
        """Run a program and print what it says; its exit code must be the one expected."""
        done = subprocess.run(  # noqa: S603  our own command
            command, cwd=self._folder, env=self._environment,
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
