"""The command line: `muniment`, its commands by name, and the one place where errors end.

Command modules are imported when their command is called: `--help`, `--version` and `completion`
need neither the database nor cryptography. To add a command, write it in a module of this package
with `ledger.cli.command` and name it in `COMMANDS`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click

from ledger.cli.command import Command, Group, Option, root_options
from ledger.cli.language import N_, _, choose, speaking

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("ledger.cli.init:init", N_("Open a new ledger.")),
    "collect": (
        "ledger.cli.collect:collect",
        N_("Take files, or the rows of a table, into custody."),
    ),
    "review": ("ledger.cli.records:review", N_("Record that another person checked records.")),
    "classify": ("ledger.cli.records:classify", N_("Give records their categories and levels.")),
    "retention": ("ledger.cli.retention:retention", N_("How long records are kept.")),
    "archive": ("ledger.cli.records:archive", N_("Put records into the archive.")),
    "correct": ("ledger.cli.records:correct", N_("Record a new state of a record's content.")),
    "holding": ("ledger.cli.holdings:holding", N_("Copies of records: where they are and go.")),
    "digitize": (
        "ledger.cli.restriction:digitize",
        N_("Record that a paper copy was scanned."),
    ),
    "hold": ("ledger.cli.holds:hold", N_("What may not be destroyed: place, release, list.")),
    "restriction": (
        "ledger.cli.restriction:restriction",
        N_("What may be kept and not used: place, lift."),
    ),
    "engagement": (
        "ledger.cli.engagement:engagement",
        N_("Deals: open, the seventeen gates, track, close, report."),
    ),
    "agreement": (
        "ledger.cli.agreement:agreement",
        N_("The parties' agreement on electronic data and signatures."),
    ),
    "nda": ("ledger.cli.agreement:nda", N_("Confidentiality agreements of a deal.")),
    "pipia": ("ledger.cli.agreement:pipia", N_("Impact assessments of a deal.")),
    "training": ("ledger.cli.training:training", N_("Who was trained in what: record, list.")),
    "handover": (
        "ledger.cli.handover:handover",
        N_("Copies pass to another party, signed by both sides."),
    ),
    "access": ("ledger.cli.access:access", N_("Access to content: grants, use, register, review.")),
    "vault": ("ledger.cli.vault:vault", N_("Encrypted copies in the ledger's own folder.")),
    "backup": ("ledger.cli.backup:backup", N_("Backups: make, verify, expire them.")),
    "ledger": (
        "ledger.cli.restore:ledger",
        N_("The ledger by itself: copy, restore, complete, continue, compare it."),
    ),
    "replica": (
        "ledger.cli.replica:replica",
        N_("Another's ledger, to be read: make a copy for others, take one, show it."),
    ),
    "medium": ("ledger.cli.medium:medium", N_("Media that copies lie on: register, list.")),
    "keystore": (
        "ledger.cli.keystore:keystore",
        N_("Copies of the keys: make, list, check, clear, end them."),
    ),
    "anonymise": (
        "ledger.cli.anonymise:anonymise",
        N_("A table without anybody in it, tested, beside the one it was made of."),
    ),
    "destroy": (
        "ledger.cli.destroy:destroy",
        N_("Destruction: propose, approve, execute, verify, certify."),
    ),
    "certificate": (
        "ledger.cli.document:certificate",
        N_("The certificate of a destruction, in both languages."),
    ),
    "document": (
        "ledger.cli.document:document",
        N_("Documents as PDF: issue, print again, list, withdraw, verify."),
    ),
    "subject": (
        "ledger.cli.subject:subject",
        N_("People: found again by an identifier, and what is held about them."),
    ),
    "notice": (
        "ledger.cli.notice:notice",
        N_("People are told of a transfer: issued, delivered, who was not reached."),
    ),
    "consent": (
        "ledger.cli.consent:consent",
        N_("Consents: given, withdrawn, not needed; who is not marketed to."),
    ),
    "rights": (
        "ledger.cli.rights:rights",
        N_("What persons ask about their own data: on the clock, decided, fulfilled."),
    ),
    "disclose": (
        "ledger.cli.disclose:disclose",
        N_("Show single sealed fields of an event to somebody, with their proof."),
    ),
    "row": ("ledger.cli.row:row", N_("Show one row of a series to somebody, with its proof.")),
    "inventory": ("ledger.cli.inventory:inventory", N_("What is held, and how far it has come.")),
    "history": ("ledger.cli.history:history", N_("The chain of custody of one record.")),
    "where": ("ledger.cli.questions:where", N_("Where every copy of a record is.")),
    "who": ("ledger.cli.questions:who", N_("Who keeps a record, may access it, did, was refused.")),
    "why": ("ledger.cli.questions:why", N_("What stands in the way of an act, what unblocks it.")),
    "show": ("ledger.cli.history:show", N_("One event, record, copy, actor or party.")),
    "status": ("ledger.cli.status:status", N_("The ledger at a glance.")),
    "party": ("ledger.cli.people:party", N_("Firms and authorities.")),
    "actor": ("ledger.cli.people:actor", N_("Persons and systems that act.")),
    "role": ("ledger.cli.roles:role", N_("Who may do what.")),
    "key": ("ledger.cli.keys:key", N_("Keys of actors: enrol, rotate, revoke, report.")),
    "sign": ("ledger.cli.drafts:sign", N_("Sign a draft that needs several persons.")),
    "submit": ("ledger.cli.drafts:submit", N_("Record a draft that everybody has signed.")),
    "draft": ("ledger.cli.drafts:draft", N_("Drafts: show, renew, void.")),
    "checkpoint": (
        "ledger.cli.checkpoint:checkpoint",
        N_("Signed states: sign, publish to witnesses, compare."),
    ),
    "witness": (
        "ledger.cli.witness:witness",
        N_("Cosign the checkpoints of ledgers: each only if it continues the last."),
    ),
    "timestamp": (
        "ledger.cli.timestamp:timestamp",
        N_("Trusted time: have signed states stamped by an authority."),
    ),
    "verify": ("ledger.cli.checking:verify", N_("Check everything that the ledger holds.")),
    "audit": (
        "ledger.cli.audit:audit",
        N_("Audits: open, replay, ask, sample, find, follow up and report."),
    ),
    "evidence": (
        "ledger.cli.evidence:evidence",
        N_("Evidence that others can verify: request, approve, export, verify."),
    ),
    "index": (
        "ledger.cli.index:index",
        N_("The index that makes evidence complete: publish, show."),
    ),
    "tiles": (
        "ledger.cli.tiles:tiles",
        N_("The ledger's tree as files for monitors: export, serve."),
    ),
    "rebuild": ("ledger.cli.checking:rebuild", N_("Make the tables anew from the events.")),
    "doctor": ("ledger.cli.checking:doctor", N_("Check the folder, database, keys and clock.")),
    "salvage": (
        "ledger.cli.salvage:salvage",
        N_("Take out everything that can still be proved of a damaged ledger."),
    ),
    "codes": ("ledger.cli.codes:codes", N_("The codes that options take, with their labels.")),
    "demo": ("ledger.cli.demo:demo", N_("Tell the story with a small fictional firm.")),
    "completion": (
        "ledger.cli.completion:completion",
        N_("Print the completion script of a shell."),
    ),
}
"""Every command: where it is written, and what it is for."""


class Root(Group):
    """The root: loads commands when they are called, and ends every call with an exit code."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The general options, explained."""
        return [*root_options(), *click.Group.get_params(self, ctx)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a ledger's life asks for them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(text)) for name, (_m, text) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how to go on."""
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_("What a command does in detail: muniment COMMAND --help"))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete the name of a command without importing it."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=_(text))
            for name, (_m, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  click's own signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002
        **extra: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run one call and leave with its exit code; every error ends here, none as a traceback."""
        del prog_name, complete_var, standalone_mode, windows_expand_args
        arguments = list(sys.argv[1:] if args is None else args)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        with speaking(choose(arguments, os.environ)):
            sys.exit(self._run(arguments, extra))

    def _run(self, arguments: list[str], extra: dict[str, Any]) -> int:
        from ledger.cli.ending import ending

        extra.setdefault("color", False if os.environ.get("NO_COLOR") else None)
        with ending(arguments) as end:
            result = super().main(
                arguments, "muniment", "_MUNIMENT_COMPLETE", standalone_mode=False, **extra
            )
            end.code = result if isinstance(result, int) else 0
            sys.stdout.flush()
        return end.code


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value and not ctx.resilient_parsing:
        from ledger.cli.version import lines

        click.echo("\n".join(lines()))
        ctx.exit()


@click.group(
    "muniment",
    cls=Root,
    help=N_(
        "Keep a signed ledger of who held which customer records, from collection to proven "
        "destruction."
    ),
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    cls=Option,
    help=N_("Print the versions of the program and its formats."),
)
def muniment() -> None:
    """Nothing by itself; `COMMANDS` has what it does."""


def main() -> None:
    """The program `muniment`."""
    muniment.main()


__all__ = ["COMMANDS", "Command", "main", "muniment"]
