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
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, command, option, pass_call
from ledger.cli.language import N_, _, language
from ledger.errors import MunimentError, UsageError

SEED = 20261121
_VERIFY_FAILED = 3
_SOME_LEFT = 4
_NOT_PERMITTED = 13


@command(
    "demo",
    N_(
        "Tell the story with a small fictional firm.\n\n"
        "Makes a ledger and some 60 files in a temporary folder: collected, reviewed, classified, "
        "accessed under a grant and refused without one, backed up, one destroyed with two "
        "approvals, verified and certified; a deal signed, people told, and what is cleared handed "
        "over; the evidence of one record checked by a program of its own; one byte of a copy "
        "forged and found. Every step is an ordinary command, printed before it is run."
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
    if find_spec("pypdfium2") is None:  # the firm's receipts are PDF, and its buyer inspects them
        raise UsageError("what opens documents is not installed; nothing was recorded",
                         "pip install 'muniment[ingest]'")  # fmt: skip
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
        self._deal: tuple[str, ...] = ()
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")
        }
        # The demo's pins stay with the demo; the commands speak as the one who tells of them.
        self._environment |= {
            "MUNIMENT_LANG": language(),
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
        self._handed_over(contract)
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

    def _handed_over(self, contract: str) -> None:
        """A deal: papers signed, people told, what is cleared handed over, confirmed by four."""
        self._say(_("The buyer comes: another firm, with a handler and a supervisor of its own."))
        self._run(
            "party", "register", "--name", "清源物业有限公司（虚构）", "--party-role", "buyer",
            lines=3,
        )  # fmt: skip
        parties = {str(row["party_role"]): str(row["party"]) for row in self._rows("party", "list")}
        seller, buyer = parties["custodian"], parties["buyer"]
        self._register("buyer", "management", "buyer_handler", "custodian", party=buyer)
        self._register("overseer", "legal", "supervisor", party=buyer)
        self._say(_("They merge. The law asks for notices; the ledger shows what is missing."))
        self._run(
            "engagement", "open", "--mode", "merger", "--seller", seller, "--buyer", buyer,
            "--title", "洁净并入清源（虚构）", lines=3,
        )  # fmt: skip
        deal = str(self._rows("engagement", "list")[0]["engagement"])
        self._deal = ("--engagement", deal)
        self._run("engagement", "status", deal, lines=12)
        self._signed(seller, buyer)
        self._told(contract)
        self._confirmed()
        self._run("engagement", "status", deal, lines=60)

    def _signed(self, seller: str, buyer: str) -> None:
        """The papers: whose keys count, what stays secret, what it means for the people."""
        self._say(_("Whose keys count, what stays secret, what it means for the people: signed."))
        papers = {}
        for kind in ("evidence_agreement", "nda", "pipia", "authority_letter"):
            (self._folder / f"{kind}.txt").write_text(f"{kind}, fictional\n", encoding="utf-8")
            attach = ("document", "attach", f"{kind}.txt", "--kind", kind)
            signed = (*attach, "--party", seller, "--party", buyer, *self._deal)
            papers[kind] = self._answer(*signed)["document"]
        named = (("owner", "seller_handler"), ("buyer", "buyer_handler"),
                 ("reviewer", "supervisor"), ("overseer", "supervisor"))  # fmt: skip
        signers = [w for n, role in named for w in ("--signer", f"{self._actors[n]}:{role}")]
        sign = ("agreement", "sign", papers["evidence_agreement"], *signers)
        self._jointly((*sign, "--in-role", "seller_handler"), named[1:2])
        nda = ("nda", "sign", papers["nda"], "--disclosing", seller, "--receiving", buyer)
        when = ("--from", "2026-01-01", "--survival-days", "1095", "--in-role", "seller_handler")
        self._jointly((*nda, *when), named[1:2])
        self._run(
            "pipia", "record", papers["pipia"], "--conclusion", "acceptable", "--retain-until",
            "2036-12-31", "--in-role", "seller_handler", *self._deal, lines=3,
        )  # fmt: skip

    def _told(self, contract: str) -> None:
        """Who stands in which record; each is told, and one cannot be reached."""
        self._say(_("Who stands in which record? What no program reads, a person looks at."))
        self._run("subject", "index", "--all", lines=4, expect=_SOME_LEFT)
        self._run("subject", "declare", "--all", *self._deal, lines=3, expect=_SOME_LEFT)
        self._run("subject", "declare", contract, "--new", *self._deal, lines=3)
        self._say(_("Each of them is told to whom the records go. One cannot be reached."))
        (self._folder / "notice.txt").write_text("告知书（虚构）\n", encoding="utf-8")
        issue = ("notice", "issue", "--kind", "art_22", "--channel", "sms", "--text", "notice.txt")
        notice = self._answer(*issue, "--in-role", "custodian", *self._deal)["notice"]
        people = [str(row["subject"]) for row in self._rows("notice", "recipients", *self._deal)]
        at = now()
        lines = [f"{one},{'bounced' if one == people[0] else 'delivered'},{at}" for one in people]
        text = "\n".join(["subject,status,delivered_at", *lines, ""])
        (self._folder / "delivered.csv").write_text(text, encoding="ascii")
        self._run("notice", "deliver", notice, "--from", "delivered.csv", *self._deal, lines=3)

    def _confirmed(self) -> None:
        """What is cleared is delivered, looked at, and confirmed by four persons."""
        self._run(
            "handover", "plan", "--buyer-handler", self._actors["buyer"], "--first-day",
            "2026-01-01", "--last-day", "2036-12-31", *self._deal, lines=3,
        )  # fmt: skip
        handover = str(self._rows("handover", "list")[0]["handover"])
        self._say(_("The list is frozen: what is cleared, and nothing else."))
        freeze = ("handover", "freeze", handover, "--all", "--packaged", "--skip-blocked")
        self._run(*freeze, *self._deal, lines=12)
        self._run("handover", "lines", handover, lines=12)
        self._say(_("It is packed for the buyer's key, delivered, and looked at item by item."))
        self._run("handover", "pack", handover, "--out", "package", lines=4)
        package = (handover, "--package", "package", *self._deal)
        self._run("handover", "release", *package, lines=3)
        self._run("handover", "receive", *package, by="buyer", lines=4)
        self._run("handover", "inspect", *package, by="buyer", lines=4)
        self._say(_("Both handlers and a supervisor of each side sign one confirmation."))
        others = (("buyer", "buyer_handler"), ("reviewer", "supervisor"),
                  ("overseer", "supervisor"))  # fmt: skip
        self._jointly(("handover", "confirm", handover), others)
        self._say(_("The seller says what it keeps, and the buyer takes over what is its own."))
        keeps = ("--basis", "retention_duty", "--retain-until", "2036-01-31", "--in-role",
                 "seller_handler")  # fmt: skip
        self._run("handover", "residual", handover, *keeps, *self._deal, lines=3)
        self._run("handover", "take", *package, by="buyer", lines=4)

    def _jointly(self, act: tuple[str, ...], others: Sequence[tuple[str, str]]) -> None:
        """An act that several persons sign, by a draft."""
        draft = f"{act[0]}.commit"
        beside = [w for name, role in others for w in ("--with", f"{self._actors[name]}:{role}")]
        self._run(*act, *beside, *self._deal, "--draft", draft, shown=4, lines=3)
        for name, _role in others:
            self._run("sign", draft, "--yes", by=name, lines=3)
        self._run("submit", draft, lines=3)

    def _proved(self, record: str) -> None:
        self._say(_("The evidence of one record, as one file, for somebody who has no Muniment."))
        court = ("--purpose", "dispute", "--recipient", "court", "--jurisdiction", "cn",
                 "--without-documents")  # fmt: skip
        self._run("evidence", "export", "--record", record, *court, "--out", "evidence.zip")
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

    def _answer(self, *arguments: str) -> dict[str, str]:
        """Run a command for what it answers."""
        self._tell(f"muniment -L ledger {shlex.join(arguments)}")
        done = subprocess.run(  # noqa: S603  our own command
            self._command((*arguments, "--json"), "ledger"), cwd=self._folder,
            env=self._environment, stdout=subprocess.PIPE, check=True, encoding="utf-8",
        )  # fmt: skip
        answer: dict[str, str] = json.loads(done.stdout)
        return answer

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


def now() -> str:
    """This moment to the millisecond: cut to the second it would lie before what was just done."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


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
