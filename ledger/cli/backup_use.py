"""`muniment backup offsite`, `drill`, `restore`, `due`: where backups lie, what they are for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, TIME, argument, command, option, pass_call
from ledger.cli.effects import (
    INCOMPLETE,
    Standing,
    effect_options,
    failures,
    progress,
    say_failures,
)
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    print_fields,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
)
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from ledger.effects.drilling import Drilled

BACKUP = argument("backup", metavar="BACKUP")
_MISMATCH: Final = 3


@command(
    "offsite",
    N_(
        "Record that a backup lies at another place.\n\n"
        "If another party keeps it, who received it signs too: --with ACTOR:ROLE --draft FILE."
    ),
)
@BACKUP
@option("--place", required=True, metavar="TEXT", help=N_("Where it lies; sealed."))
@option("--custodian", metavar="PARTY", help=N_("The party that keeps it; your own if not given."))
@option("--received-by", metavar="ACTOR", help=N_("Who received it there; you if not given."))
@option("--received-at", type=TIME, help=N_("When it was received, if not now."))
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def offsite(
    call: Call,
    *,
    backup: str,
    place: str,
    custodian: str | None,
    received_by: str | None,
    received_at: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `backup.stored_offsite`."""
    from domain.backup import BackupStoredOffsite
    from ledger.acts import texts
    from ledger.cli.ids import resolve
    from ledger.signing import Proposal, now

    checked_text(place, "--place", required=True)
    checked_text(remark, "--remark")
    with call.writing() as ledger:
        acting, found = call.acting(ledger), resolve(ledger, "backup", backup)
        party, actor = acting.state.party, acting.actor
        fields = {
            "custodian": resolve(ledger, "party", custodian) if custodian else party,
            "received_by": resolve(ledger, "actor", received_by) if received_by else actor,
            "received_at": received_at or how.at or now(),
        }
        sealed = texts(place=place, remark=remark)
        said = Proposal(BackupStoredOffsite, found, fields, sealed)
        receipt = how.record(ledger, acting, [said])
    how.tell(call, receipt, backup=found)


@command(
    "drill",
    N_(
        "Restore everything in a backup's chain into an empty folder, compare, and record it.\n\n"
        "One content at a time lies there in clear, until it was compared; then it is overwritten. "
        "What was destroyed since is left out and named. The exit code is 3 if anything does not "
        "come back as it was recorded."
    ),
)
@BACKUP
@option("--into", type=PATH, required=True, metavar="DIR", help=N_("An empty folder elsewhere."))
@option(
    "--rto", type=click.IntRange(1, 2**31), required=True, metavar="SECONDS",
    help=N_("In how many seconds everything should be back."),
)  # fmt: skip
@option("--scenario", metavar="TEXT", help=N_("What is supposed to have happened; sealed."))
@option(
    "--participant", "participants", multiple=True, metavar="ACTOR",
    help=N_("Who took part besides you; repeatable."),
)  # fmt: skip
@effect_options
@pass_call
def drill(
    call: Call,
    *,
    backup: str,
    into: Path,
    rto: int,
    scenario: str | None,
    participants: tuple[str, ...],
    standing: Standing,
) -> int:
    """Record `backup.restore_drill_performed`."""
    from ledger.cli.ids import resolve
    from ledger.effects.drilling import Terms, drill_report
    from ledger.effects.drilling import drill as run

    checked_text(scenario, "--scenario")
    with call.writing() as ledger:
        found = resolve(ledger, "backup", backup)
        others = [resolve(ledger, "actor", actor) for actor in participants]
        terms = Terms(rto, scenario, others)
        done = run(
            ledger, call.acting(ledger), found, into, terms, progress(call),
            **standing.options(ledger),
        )  # fmt: skip
        report = drill_report(ledger, done.event)
    _print_drill(call, done, report)
    return 0 if done.result == "pass" else _MISMATCH


def _print_drill(call: Call, done: Drilled, report: dict[str, Any]) -> None:
    if call.as_json:
        print_json({
            **report, "failures": failures(done.failed), "named_left_out": failures(done.left_out),
        })  # fmt: skip
        return
    say_failures(call, done.failed)
    say_failures(call, done.left_out)
    fields = {
        N_("drill"): done.event, N_("restored"): report["restored"],
        N_("as recorded"): report["matched"], N_("not as recorded"): report["mismatched"],
        N_("not readable"): report["failed"], N_("left out"): report["left_out"],
        N_("seconds until all was back (RTO)"): f"{report['rto_actual']} / {report['rto_target']}",
        N_("seconds of work not backed up (RPO)"): report["rpo_actual"],
        N_("result"): coded("CheckResult")(done.result).lower(),
    }  # fmt: skip
    print_fields(fields.items())
    recorded(call, done.receipt)


@command(
    "restore",
    N_(
        "Bring contents back from a backup's chain, as new copies of their originals.\n\n"
        "Without a COPY: everything that it holds. What was destroyed, returned or handed over "
        "since is left out and named. An original that is gone is recorded as lost by muniment "
        "holding lost. The files lie in the folder in clear."
    ),
)
@BACKUP
@argument("copies", nargs=-1, metavar="[COPY]...")
@option("--into", type=PATH, required=True, metavar="DIR", help=N_("The folder they come into."))
@option("--reason", required=True, metavar="TEXT", help=N_("Why; sealed."))
@option(
    "--medium", type=CODE("BackupMedium"), default="disk_internal", show_default=True,
    help=N_("What the folder lies on."),
)  # fmt: skip
@effect_options
@pass_call
def restore(
    call: Call,
    *,
    backup: str,
    copies: tuple[str, ...],
    into: Path,
    reason: str,
    medium: str,
    standing: Standing,
) -> int:
    """Record `backup.restored`; the exit code is 4 when something could not be brought back."""
    from ledger.cli.ids import resolve
    from ledger.effects.restoring import restore as run

    checked_text(reason, "--reason", required=True)
    with call.writing() as ledger:
        found = resolve(ledger, "backup", backup)
        chosen = [resolve(ledger, "holding", copy) for copy in copies] or None
        done = run(
            ledger, call.acting(ledger), found, chosen, into, reason, medium, progress(call),
            **standing.options(ledger),
        )  # fmt: skip
    if call.as_json:
        print_json({
            "restored": [{"holding": new, "made_from": old} for new, old in done.restored],
            "failed": failures(done.failed), "left_out": failures(done.left_out),
            "commits": [receipt_fields(receipt) for receipt in done.receipts],
        })  # fmt: skip
    else:
        say_failures(call, done.failed)
        say_failures(call, done.left_out)
        text = _("{count} contents are back; {left_out} copies were left out")
        click.echo(text.format(count=len(done.restored), left_out=len(done.left_out)))
        for receipt in done.receipts:
            recorded(call, receipt)
    return INCOMPLETE if done.failed else 0


CODES: Final = {
    "never_backed_up": N_("never backed up"),
    "backup_too_old": N_("backed up too long ago"),
    "no_offsite_copy": N_("no copy off-site"),
    "not_verified": N_("not read again"),
    "verification_failed": N_("the last verification failed"),
    "no_drill": N_("no restore drill"),
    "drill_failed": N_("the last drill failed"),
}
KEYS: Final = ("code", "subject", "since", "due")
_COLUMNS: Final = (
    Column("due", N_("was due")),
    Column("code", N_("what is missing"), lambda code: _(CODES[code])),
    Column("subject", N_("of")),
    Column("since", N_("counted from")),
)


@command(
    "due",
    N_(
        "List what is overdue of backups, off-site copies, verifications and restore drills.\n\n"
        "By the intervals of the adopted policy pack; what has been overdue for longest first."
    ),
)
@option("--on", type=DAY, help=N_("As of that day; today if not given."))
@format_option
@pass_call
def due(call: Call, *, on: str | None, style: str | None) -> None:
    """Nothing is recorded; the exit code is 0 whatever is overdue."""
    from ledger.effects.cadence import overdue
    from ledger.signing import now

    with call.reading() as ledger, ledger.engine.connect() as connection:
        policy = ledger.policy()
        found = overdue(connection, policy, on or policy.calendar.day_of(now()))
        print_rows(call, map(asdict, found), _COLUMNS, style, KEYS)
