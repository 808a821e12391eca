"""`muniment destroy list` and `show`: cases as they stand, or stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import argument, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    print_fields,
    print_json,
    print_rows,
)

if TYPE_CHECKING:
    from ledger.application import Ledger

_CASE = argument("case", metavar="CASE")


def case_of(ledger: Ledger, text: str) -> str:
    """The id of the case that a text means."""
    from ledger.cli.ids import resolve

    return resolve(ledger, "destruction_case", text)


STATES: Final = {
    "proposed": N_("proposed"),
    "appraised": N_("appraised"),
    "approved": N_("approved"),
    "executed": N_("executed"),
    "verified": N_("verified"),
    "certified": N_("certified"),
    "failed": N_("failed"),
    "rejected": N_("rejected"),
}
_STEPS: Final = {
    **{step: title for step, title in STATES.items() if step not in ("failed", "certified")},
    "taken_off": N_("taken off"),
    "certified": STATES["certified"],
}
"""What is told of a case by who did it and when; it fails when the last copy is taken off."""


def _state(code: str) -> str:
    return _(STATES[code])


KEYS: Final = (
    "case", "state", "verdict", "ground", "count", "destroyed", "verified", "taken_off", "proposed",
)  # fmt: skip
_COLUMNS: Final = (
    Column("case", N_("case")),
    Column("state", N_("state"), _state),
    Column("verdict", N_("verdict"), coded("CertificateVerdict")),
    Column("ground", N_("ground"), coded("DestructionGround")),
    Column("count", N_("copies"), right=True),
    Column("destroyed", N_("destroyed"), right=True),
    Column("proposed", N_("proposed"), local),
)
_ITEM_COLUMNS: Final = (
    Column("holding", N_("copy")),
    Column("form", N_("form"), coded("MediumForm")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("outcome", N_("outcome"), coded("ItemOutcome")),
    Column("verified", N_("read back"), coded("VerificationResult")),
)


FATES: Final = {
    "destroyed": N_("destroyed"),
    "cleared": N_("cleared"),
    "medium_keeps": N_("overwritten; the medium may keep it"),
    "left": N_("not cleared"),
}


def _fate(code: str) -> str:
    return _(FATES[code])


_KEY_COPY_COLUMNS: Final = (
    Column("copy", N_("copy of keys")),
    Column("kind", N_("kind"), coded("KeyCopyKind")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("fate", N_("the case's keys"), _fate),
)


@command("list", N_("List the cases, those that are over included."))
@option("--state", type=click.Choice(list(STATES)), help=N_("Only cases in this state."))
@as_of_option
@format_option
@pass_call
def list_cases(call: Call, *, state: str | None, as_of: str | None, style: str | None) -> None:
    """Every case, in order of its id."""
    from ledger.effects.certifying import summaries

    with call.reading() as ledger:
        rows = summaries(ledger, entry_of(call, ledger, as_of))
        chosen = (row for row in rows if state in (None, row["state"]))
        print_rows(call, chosen, _COLUMNS, style, KEYS)


@command("show", N_("Show one case: its list, who said what, what became of it."))
@_CASE
@as_of_option
@pass_call
def show(call: Call, *, case: str, as_of: str | None) -> None:
    """One case as it stands now, or stood then, with what is sealed in it."""
    from ledger.cli.reading import Reader
    from ledger.effects.certifying import certificate

    with call.reading() as ledger:
        found = case_of(ledger, case)
        entry = entry_of(call, ledger, as_of)
        said = certificate(ledger, found, entry)
        if said is None:
            raise not_yet("destruction_case")
        placed = Reader(call, ledger).of_streams([found])
    texts = [
        {"event": p.event.id, **p.sealed}
        for p in placed
        if p.sealed and (entry is None or p.entry <= entry)
    ]
    if call.as_json:
        print_json({**said, "sealed": texts})
        return
    row = {**said, **said["counts"], "proposed": said["proposed"]["accepted"]}
    print_fields((c.title, c.show(row[c.key])) for c in _COLUMNS if row[c.key] is not None)
    opinion = said["appraisal"] and coded("CheckResult")(said["appraisal"])
    print_fields([(N_("appraisal"), opinion), (N_("root"), said["root"])])
    for step, title in _STEPS.items():
        for one in _steps(said[step]):
            click.echo(f"{_(title)}  {local(one['accepted'])}  {one['by']}  {one['event']}")
    print_rows(call, said["items"], _ITEM_COLUMNS, "table", ())
    if said["key_copies"]:
        print_rows(call, said["key_copies"], _KEY_COPY_COLUMNS, "table", ())
    for text in texts:
        for path, value in text.items():
            if path != "event":
                click.echo(printable(f"{text['event']}  {path}: {value}"))


def _steps(said: Any) -> list[dict[str, Any]]:  # noqa: ANN401  none, one or several
    return said if isinstance(said, list) else [said] if said else []
