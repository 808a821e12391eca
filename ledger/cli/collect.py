"""`muniment collect`: files, folders and tables into custody."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import CODE, PATH, argument, command, option, pass_call
from ledger.cli.language import N_, _, plural

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.collecting import Outcome

INCOMPLETE = 4

CAUSES = {
    "vanished": N_("is not there"),
    "not_readable": N_("may not be read"),
    "link": N_("is a link; name its target to collect that"),
    "not_a_regular_file": N_("is no regular file"),
    "changed_while_read": N_("changed while it was being read"),
    "input_output_error": N_("cannot be read from its disk"),
    "unknown_encoding": N_("is in an encoding that is not known"),
    "no_rows": N_("has no rows"),
    "malformed_table": N_("is no table that can be taken apart"),
}
"""What each cause of `ledger.sources` means to a person."""


@command(
    "collect",
    N_(
        "Take files, or the rows of a table, into custody.\n\n"
        "Folders are walked; links and special files in them are named, not followed. A csv or tsv "
        "file is one record with its number of rows (a series), or with --rows one record a row. "
        "What was collected before, with the same content in the same place, is not recorded "
        "again. With --vault an encrypted copy of each new file is put into the ledger's vault."
    ),
)
@argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@option("--category", required=True, type=CODE("RecordCategory"), help=N_("What it is."))
@option(
    "--basis", required=True, type=CODE("LegalBasis"),
    help=N_("On which legal basis it is processed (PIPL 13)."),
)  # fmt: skip
@option("--source", required=True, metavar="TEXT", help=N_("Whose statement it rests on; sealed."))
@option("--engagement", metavar="ID", help=N_("The engagement; else the routine one."))
@option("--notice", metavar="REF", help=N_("Reference to the notice given (PIPL 17); sealed."))
@option(
    "--notice-exempt", type=CODE("NoticeExemption"),
    help=N_("Why no notice was given (PIPL 18)."),
)  # fmt: skip
@option("--rows", "rows", flag_value=True, default=False, help=N_("Each row is a record."))
@option("--series", "rows", flag_value=False, help=N_("A table is one record; the default."))
@option(
    "--shared-key", is_flag=True,
    help=N_("With --rows: one data key for the table. Faster; a row cannot be erased by itself."),
)  # fmt: skip
@option(
    "--medium", type=CODE("BackupMedium"), default="disk_internal",
    help=N_("What the files lie on; disk_internal if not given."),
)  # fmt: skip
@option("--vault", is_flag=True, help=N_("Put an encrypted copy of each file into the vault."))
@option(
    "--vault-medium", type=CODE("BackupMedium"), default="disk_internal",
    help=N_("What the vault lies on; disk_internal if not given."),
)  # fmt: skip
@pass_call
def collect(
    call: Call,
    paths: tuple[Path, ...],
    *,
    category: str,
    basis: str,
    source: str,
    engagement: str | None,
    notice: str | None,
    notice_exempt: str | None,
    rows: bool,
    shared_key: bool,
    medium: str,
    vault: bool,
    vault_medium: str,
) -> int:
    """Collect; the exit code is 4 when something could not be taken."""
    from ledger.cli.ids import resolve
    from ledger.cli.init import checked_text
    from ledger.collecting import Terms
    from ledger.collecting import collect as run

    checked_text(source, "--source")
    checked_text(notice, "--notice")
    if not source.strip():
        raise click.UsageError(_("--source is empty"))
    if notice and notice_exempt:
        raise click.UsageError(_("--notice and --notice-exempt exclude each other"))
    if shared_key and not rows:
        raise click.UsageError(_("--shared-key goes with --rows"))
    with call.writing() as ledger:
        terms = Terms(
            category=category,
            basis=basis,
            source=source,
            engagement=resolve(ledger, "engagement", engagement)
            if engagement
            else ledger.routine(),
            notice=notice,
            exemption=notice_exempt,
            rows=rows,
            shared_key=shared_key,
            medium=medium,
            vault=vault_medium if vault else None,
        )
        if terms.notice_status == "missing" and not call.quiet:
            _say(
                _(
                    "warning: personal data without notice or exemption is recorded with the "
                    "finding notice_missing, which blocks a handover (I-10)"
                )
            )
        report = _Report(call)
        for outcome in run(ledger, call.acting(ledger), paths, terms):
            report.take(outcome)
    return report.close()


class _Report:
    """Counts outcomes and says them as they come."""

    def __init__(self, call: Call) -> None:
        self._json = call.as_json
        self._verbose = call.verbose
        self._progress = sys.stderr.isatty() and not call.quiet and not call.as_json
        self.recorded = self.unchanged = self.failed = 0
        self._first = self._last = 0

    def take(self, outcome: Outcome) -> None:
        """One outcome, durable already."""
        from ledger.collecting import Collected, Unchanged

        if isinstance(outcome, Collected):
            self.recorded += 1
            self._first = self._first or outcome.position
            self._last = outcome.position
            self._record(outcome)
        elif isinstance(outcome, Unchanged):
            self.unchanged += outcome.count
            if self._verbose and not self._json:
                click.echo(f"{printable(outcome.path)}: {_('unchanged')}")
        else:
            self.failed += 1
            self._failure(outcome.path, outcome.cause)
        if self._progress and (self.recorded + self.unchanged) % 500 == 0:
            click.echo(f"\r{self.recorded + self.unchanged} …", nl=False, err=True)

    def _record(self, outcome: Any) -> None:  # noqa: ANN401  a Collected
        if self._json:
            _json({"message_type": "record", **outcome._asdict()})
        elif self._verbose:
            click.echo(f"{outcome.position}  {outcome.event}  {printable(outcome.path)}")

    def _failure(self, path: str, cause: str) -> None:
        if self._json:
            _json({"message_type": "failed", "path": path, "cause": cause})
        else:
            _say(f"{printable(path)}: {_(CAUSES[cause])} ({cause}); {_('not recorded')}")

    def close(self) -> int:
        """Say the sum; the exit code."""
        if self._progress:
            click.echo("\r\x1b[K", nl=False, err=True)
        counts = {"recorded": self.recorded, "unchanged": self.unchanged, "failed": self.failed}
        if self._json:
            _json({"message_type": "summary", **counts})
        else:
            click.echo(
                _("recorded {recorded}, unchanged {unchanged}, failed {failed}").format(**counts)
            )
            if self.recorded:
                text = plural("event at position {first}", "events up to position {last}",
                              self.recorded)  # fmt: skip
                click.echo(text.format(first=self._first, last=self._last))
        return INCOMPLETE if self.failed else 0


def _json(line: dict[str, object]) -> None:
    click.echo(msgspec.json.encode(line))


def _say(text: str) -> None:
    click.echo(text, err=True)
