"""`muniment destroy`: cases of destruction, from the proposal to the certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, argument, group, option, pass_call
from ledger.cli.destroy_shown import case_of, list_cases, show
from ledger.cli.effects import INCOMPLETE, Standing, effect_options, progress
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import coded, note, print_json, receipt_fields, recorded
from ledger.cli.recording import How, act_options
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.effects.pending import Item
    from ledger.recorder import Receipt
    from ledger.signing import Proposal

_CASE = argument("case", metavar="CASE")
_LAST_DIGITS: Final = 8
_NOT_GONE: Final = 3


@group("destroy", N_("Destruction: propose, approve, execute, verify and certify it."))
def destroy() -> None:
    """Nothing by itself."""


# -- before it --------------------------------------------------------------------------------


@destroy.command(
    "propose",
    help=N_(
        "Propose to destroy every copy of records, or single copies.\n\n"
        "Of a record all copies that are there go on the list, backups included. Nothing is "
        "destroyed yet."
    ),
)
@argument("records", nargs=-1, metavar="[RECORD]...")
@option("--copy", "copies", multiple=True, metavar="COPY", help=N_("A single copy; repeatable."))
@option("--ground", type=CODE("DestructionGround"), required=True, help=N_("Why they may go."))
@option(
    "--method", type=CODE("DestructionMethodClass"), default="clear", show_default=True,
    help=N_("The class of the method."),
)  # fmt: skip
@option(
    "--technique", type=CODE("DestructionTechnique"), default="overwrite", show_default=True,
    help=N_("The technique."),
)  # fmt: skip
@option("--reason", metavar="TEXT", help=N_("Why, in words; sealed."))
@option("--dry-run", is_flag=True, help=N_("Only show the list, and what stands in the way."))
@act_options
@pass_call
def propose(
    call: Call,
    *,
    records: tuple[str, ...],
    copies: tuple[str, ...],
    ground: str,
    method: str,
    technique: str,
    reason: str | None,
    dry_run: bool,
    how: How,
) -> None:
    """Record `destruction_case.destruction_proposed`."""
    from ledger.custody import check_permitted, propose_destruction

    checked_text(reason, "--reason")
    with call.writing() as ledger:
        items = _named(ledger, records, copies)
        proposals = propose_destruction(items, ground, method, technique, reason)
        acting = call.acting(ledger)
        if dry_run:
            _print_list(call, items, str(proposals[0].fields["root"]))
            standing = Standing(how.in_role, how.engagement)
            check_permitted(ledger, acting, proposals, **standing.options(ledger))
            note(call, _("Nothing stands in the way; nothing was recorded."))
            return
        receipt = how.record(ledger, acting, proposals)
    how.tell(call, receipt, case=proposals[0].stream)


def _named(ledger: Ledger, records: Sequence[str], copies: Sequence[str]) -> list[str]:
    """The copies to be listed, each once: those named, then all that are there of records."""
    from ledger.cli.ids import resolve
    from ledger.effects.destroying import copies_of

    found = [resolve(ledger, "holding", copy) for copy in copies]
    found += copies_of(ledger, [resolve(ledger, "record", record) for record in records])
    if not found:
        raise UsageError("no copy that is there was named; nothing was changed", "muniment where")
    return list(dict.fromkeys(found))


def _print_list(call: Call, items: Sequence[str], root: str) -> None:
    if call.as_json:
        print_json({"items": list(items), "count": len(items), "root": root})
        return
    for item in items:
        click.echo(item)
    click.echo(_("{count} copies, root {root}").format(count=len(items), root=root))


def _act(call: Call, how: How, proposals: Sequence[Proposal], ledger: Ledger) -> None:
    receipt = how.record(ledger, call.acting(ledger), proposals)
    how.tell(call, receipt)


@destroy.command("appraise", help=N_("Record the opinion on whether the list of a case may go."))
@_CASE
@option(
    "--result", type=CODE("CheckResult"), default="pass", show_default=True,
    help=N_("Whether it may go."),
)  # fmt: skip
@option("--opinion", metavar="TEXT", help=N_("The opinion; sealed."))
@act_options
@pass_call
def appraise(call: Call, *, case: str, result: str, opinion: str | None, how: How) -> None:
    """Record `destruction_case.disposal_appraised`."""
    from ledger.custody import appraise as propose

    checked_text(opinion, "--opinion")
    with call.writing() as ledger:
        _act(call, how, [propose(ledger, case_of(ledger, case), result, opinion)], ledger)


@destroy.command(
    "approve",
    help=N_(
        "Approve the destruction of exactly the copies listed now.\n\n"
        "Persons of different functions approve, none of them the proposer; see the list with "
        "muniment destroy show CASE."
    ),
)
@_CASE
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@act_options
@pass_call
def approve(call: Call, *, case: str, remark: str | None, how: How) -> None:
    """Record `destruction_case.destruction_approved`."""
    from ledger.custody import approve as propose

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        _act(call, how, [propose(ledger, case_of(ledger, case), remark)], ledger)


@destroy.command("reject", help=N_("Reject a case: nothing of it is destroyed."))
@_CASE
@option("--reason", metavar="TEXT", help=N_("Why; sealed."))
@act_options
@pass_call
def reject(call: Call, *, case: str, reason: str | None, how: How) -> None:
    """Record `destruction_case.destruction_rejected`."""
    from ledger.custody import reject as propose
    from ledger.effects.destroying import end, finish

    checked_text(reason, "--reason")
    with call.writing() as ledger:
        found = case_of(ledger, case)
        finish(ledger, found)
        _act(call, how, [propose(found, reason)], ledger)
        end(ledger, found)


# -- execution and verification ---------------------------------------------------------------


@destroy.command(
    "execute",
    help=N_(
        "Destroy the copies of an approved case, and record what became of each.\n\n"
        "Files are overwritten and removed, the data keys of what is gone are shredded, in the "
        "keystore and in every backup of it that can be reached. This cannot be undone: the list "
        "is shown and the end of the case's id is asked for. A file that is not what was recorded "
        "is left alone. If it is broken off, run it again."
    ),
)
@_CASE
@option("--technique", type=CODE("DestructionTechnique"), help=N_("If not as proposed."))
@option(
    "--witness", "witnesses", multiple=True, metavar="ACTOR", help=N_("Who watched; repeatable.")
)
@option(
    "--stated", multiple=True, metavar="COPY=OUTCOME",
    help=N_("What became of a copy that is no file here: destroyed, failed or unknown."),
)  # fmt: skip
@option("--place", metavar="TEXT", help=N_("Where it was done; sealed."))
@option("--tool", metavar="TEXT", help=N_("With what tool; sealed."))
@option("--yes", is_flag=True, help=N_("Do not ask; say why with --reason."))
@option("--reason", metavar="TEXT", help=N_("Why nobody is asked; sealed."))
@option("--dry-run", is_flag=True, help=N_("Only show the list, and what stands in the way."))
@effect_options
@pass_call
def execute(
    call: Call,
    /,
    *,
    case: str,
    witnesses: tuple[str, ...],
    stated: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    standing: Standing,
    **said: str | None,
) -> int:
    """Record `destruction_case.destruction_executed`; the exit code is 4 if a copy is not gone."""
    from ledger.acts import texts
    from ledger.cli.ids import resolve
    from ledger.effects.destroying import Terms, rehearse
    from ledger.effects.destroying import execute as run

    for name in ("place", "tool", "reason"):
        checked_text(said[name], f"--{name}")
    if yes and not said["reason"]:
        raise click.UsageError(_("--yes needs --reason"))
    if not yes and not dry_run:
        _confirm(call, case)
    sealed = texts(place=said["place"], tool=said["tool"], remark=said["reason"])
    with call.writing() as ledger:
        found, acting = case_of(ledger, case), call.acting(ledger)
        watching = [resolve(ledger, "actor", witness) for witness in witnesses]
        terms = Terms(said["technique"], watching, sealed)
        outcomes = _statements(ledger, stated, "ItemOutcome")
        options = standing.options(ledger)
        if dry_run:
            _rehearsed(call, rehearse(ledger, acting, found, terms, stated=outcomes, **options))
            return 0
        done = run(
            ledger, acting, found, terms, stated=outcomes, progress=progress(call), **options
        )
    rows = [fate._asdict() for fate in done.fates]
    if not done.cleaned:
        note(call, _("The database's log could not be emptied: close other programs that read "
                     "this ledger, then run muniment destroy execute again."))  # fmt: skip
    if done.unreached:
        text = _("{count} data keys are not in this keystore and could not be shredded.")
        note(call, text.format(count=len(done.unreached)))
    copies = {"cleared": list(done.key_copies.cleared), "left": list(done.key_copies.left)}
    if done.key_copies.left:
        text = _(
            "{count} copies of keys may still hold one of these: a certificate says partial "
            "until they are cleared or destroyed; see muniment keystore copies."
        )
        note(call, text.format(count=len(done.key_copies.left)))
    _done(
        call, rows, done.receipt, keys=list(done.keys), unreached=list(done.unreached),
        key_copies=copies,
    )  # fmt: skip
    return 0 if all(fate.outcome == "destroyed" for fate in done.fates) else INCOMPLETE


def _confirm(call: Call, case: str) -> None:
    """Show what is to go, and ask for the last digits of the case's id."""
    from ledger.effects.certifying import certificate

    with call.reading() as ledger:
        found = case_of(ledger, case)
        said = certificate(ledger, found) or {}
    for item in said["items"]:
        if item["outcome"] != "destroyed" and not item["taken_off"]:
            click.echo(f"{item['holding']}  {coded('MediumForm')(item['form'])}  "
                       f"{coded('BackupMedium')(item['medium'])}", err=True)  # fmt: skip
    click.echo(_("The copies above are destroyed now. This cannot be undone."), err=True)
    digits = found[-_LAST_DIGITS:]
    typed = click.prompt(
        _("To go on, type the last {count} digits of the case's id").format(count=_LAST_DIGITS),
        err=True,
    )
    if typed.strip().lower() != digits:
        raise UsageError("these are not the digits of the case; nothing was changed")


def _statements(ledger: Ledger, given: Sequence[str], enumeration: str) -> dict[str, str]:
    """What is stated of copies, from `COPY=CODE`."""
    from ledger.cli.ids import resolve

    found: dict[str, str] = {}
    for text in given:
        copy, _equals, code = text.partition("=")
        if code not in CODE(enumeration).codes():
            raise UsageError(
                "--stated takes COPY=CODE; nothing was changed",
                "the codes: muniment codes {enumeration}",
                enumeration=enumeration,
            )
        found[resolve(ledger, "holding", copy)] = code
    return found


def _rehearsed(call: Call, items: Sequence[Item]) -> None:
    rows = [
        {"holding": item.holding, "file": bool(item.path), "there": item.there} for item in items
    ]
    if call.as_json:
        print_json({"items": rows})
        return
    for row in rows:
        text = _("a file here") if row["there"] else _("no file here")
        click.echo(f"{row['holding']}  {text}")
    note(call, _("Nothing stands in the way; nothing was recorded."))


def _done(call: Call, rows: Sequence[Mapping[str, str]], receipt: Receipt, **more: Any) -> None:  # noqa: ANN401
    """Print what became of each copy, and what was recorded."""
    if call.as_json:
        print_json({"items": list(rows), **more, **receipt_fields(receipt)})
        return
    for row in rows:
        holding, result, cause = row.values()
        shown = coded("ItemOutcome" if "outcome" in row else "VerificationResult")(result)
        click.echo(f"{holding}  {shown}  {_(CAUSES.get(cause, cause))}")
    recorded(call, receipt)


CAUSES: Final[Mapping[str, str]] = {
    "removed": N_("overwritten and removed"),
    "stated": N_("as stated"),
    "not_a_file_here": N_("no file here"),
    "endpoint_not_named": N_(
        "lies in a store that this machine does not name: set MUNIMENT_S3_ENDPOINTS"
    ),
    "no_journal": N_("nobody knows any more where it lay"),
    "vanished": N_("was not there"),
    "not_readable": N_("cannot be read"),
    "link": N_("is a link"),
    "not_a_regular_file": N_("is no regular file"),
    "hard_linked": N_("has further names"),
    "of_another_copy": N_("is another copy's file too"),
    "changed_since_recorded": N_("is not what was recorded"),
    "changed_while_read": N_("was changed meanwhile"),
    "input_output_error": N_("the disk refused"),
    "gone": N_("is gone, and its keys are"),
    "still_there": N_("is still there"),
    "something_else_there": N_("something else lies there"),
    "not_destroyed_by_us": N_("was not destroyed by this case"),
    "key_not_shredded": N_("a data key is still there"),
    "key_in_a_copy": N_("a data key is in a copy that is said to be cleared"),
    "payload_not_deleted": N_("a sealed text is still there"),
    "key_not_here": N_("a data key is not in this keystore"),
}
"""What each cause means to a person."""


@destroy.command(
    "verify",
    help=N_(
        "Read back whether everything executed is gone, and record it.\n\n"
        "By somebody else than whoever destroyed. Files, data keys and sealed texts are looked "
        "for; of a copy that is no file here, say what is left of it with --stated."
    ),
)
@_CASE
@option(
    "--stated", multiple=True, metavar="COPY=RESULT",
    help=N_("The result for a copy that is no file here: pass, fail or unknown."),
)  # fmt: skip
@effect_options
@pass_call
def verify(call: Call, *, case: str, stated: tuple[str, ...], standing: Standing) -> int:
    """Record `destruction_case.destruction_verified`.

    The exit code is 3 when a copy is still there, 4 when that of one cannot be said.
    """
    from ledger.effects.readback import verify as run

    with call.writing() as ledger:
        found = run(
            ledger, call.acting(ledger), case_of(ledger, case),
            stated=_statements(ledger, stated, "VerificationResult"), **standing.options(ledger),
        )  # fmt: skip
    _done(call, [result._asdict() for result in found.results], found.receipt)
    results = {result.result for result in found.results}
    return _NOT_GONE if "fail" in results else INCOMPLETE if "unknown" in results else 0


# -- after it ---------------------------------------------------------------------------------


@destroy.command(
    "fail",
    help=N_(
        "Take copies off the list that were not destroyed.\n\n"
        "They stay what they are, and the certificate says so."
    ),
)
@_CASE
@argument("copies", nargs=-1, required=True, metavar="COPY...")
@option("--cause", metavar="TEXT", help=N_("Why it failed; sealed."))
@act_options
@pass_call
def fail(call: Call, *, case: str, copies: tuple[str, ...], cause: str | None, how: How) -> None:
    """Record `destruction_case.destruction_failed`."""
    from ledger.cli.ids import resolve
    from ledger.custody import take_off
    from ledger.effects.destroying import finish

    checked_text(cause, "--cause")
    with call.writing() as ledger:
        found = case_of(ledger, case)
        finish(ledger, found)
        items = list(dict.fromkeys(resolve(ledger, "holding", copy) for copy in copies))
        _act(call, how, take_off(found, items, cause), ledger)


@destroy.command(
    "certify",
    help=N_(
        "Certify a case: every copy on its list is destroyed and verified, or taken off.\n\n"
        "What is known to remain is counted and named, copies of keys included: the verdict is "
        "partial unless nothing does. Print it with muniment certificate CASE."
    ),
)
@_CASE
@option("--residual", metavar="TEXT", help=N_("What is known of copies out of reach; sealed."))
@option("--destination", metavar="TEXT", help=N_("Where the media went afterwards; sealed."))
@option("--environment", metavar="TEXT", help=N_("What was done for the environment; sealed."))
@act_options
@pass_call
def certify(call: Call, /, *, case: str, how: How, **said: str | None) -> None:
    """Record `destruction_case.destruction_certified`."""
    from ledger.custody import certify as propose
    from ledger.effects.destroying import end, finish

    for name, text in said.items():
        checked_text(text, f"--{name}")
    with call.writing() as ledger:
        found = case_of(ledger, case)
        finish(ledger, found)
        _act(call, how, [propose(ledger, found, **said)], ledger)
        end(ledger, found)


destroy.add_command(list_cases)
destroy.add_command(show)
