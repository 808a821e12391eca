"""`muniment where`, `who`, `why`: where every copy is, who may see it, what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.command import CODE, argument, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    led,
    local,
    named,
    named_list,
    note,
    print_rows,
    several,
    yes,
)

if TYPE_CHECKING:
    from domain.judging import Refusal
    from ledger.cli.reading import Reader
    from ledger.questions import Asking, Row

_RECORD = argument("record", metavar="RECORD")

# -- where -------------------------------------------------------------------------------------

WHERE_KEYS: Final = (
    "holding", "condition", "there", "location", "custodian", "custodian_name", "form", "medium",
    "size", "items", "encrypted", "original", "made_from", "backup", "created_position",
    "changed_position",
)  # fmt: skip
_WHERE: Final = (
    Column("holding", N_("copy")),
    Column("condition", N_("state"), coded("HoldingState")),
    Column("location", N_("place")),
    Column("keeper", N_("custodian")),
    Column("form", N_("form"), coded("MediumForm")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("original", N_("original"), yes),
    Column("made_from", N_("made from")),
    Column("backup", N_("backup")),
)


@command(
    "where",
    N_(
        "Where every copy of a record is, who keeps it, and what became of it.\n\n"
        "Places are sealed; they are shown when the ledger's passphrase is given by a file or "
        "command."
    ),
)
@_RECORD
@as_of_option
@format_option
@pass_call
def where(call: Call, *, record: str, as_of: str | None, style: str | None) -> None:
    """Every copy, in order of creation."""
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from ledger.questions import where as answer

    with call.reading() as ledger:
        found = resolve(ledger, "record", record)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            rows = answer(connection, found, entry)
        if not rows:
            raise not_yet("record")
        shown = list(_placed(Reader(call, ledger), rows, entry))
    print_rows(call, shown, _WHERE, style, WHERE_KEYS)
    if not call.passphrases.unattended and style is None and not call.as_json:
        note(call, _("Places are sealed; --ledger-passphrase-file FILE shows them."))


def _placed(reader: Reader, rows: Sequence[Row], entry: int | None) -> Iterator[Row]:
    """The copies with their last known place and their keeper's name."""
    places: dict[str, str] = {}
    for placed in reader.of_streams([row["holding"] for row in rows]):
        sealed = placed.sealed or {}
        if (entry is None or placed.entry <= entry) and (
            place := sealed.get("to") or sealed.get("location")
        ):
            places[placed.event.stream] = place
    for row in rows:
        name = reader.name_of(row["custodian"])
        keeper = name or row["custodian"]
        place = places.get(row["holding"])
        yield {**row, "location": place, "custodian_name": name, "keeper": keeper}


# -- who ---------------------------------------------------------------------------------------

WHO_KEYS: Final = (
    "kind", "party", "actor", "name", "copies", "grant", "giver", "condition", "holding", "modes",
    "purposes", "begins", "ends", "at", "revoked_at", "used", "last_used", "rule", "reason",
    "intact", "position",
)  # fmt: skip
KINDS: Final = {
    "keeps": N_("keeps a copy"),
    "may": N_("may access"),
    "might": N_("could access"),
    "allowed": N_("accessed"),
    "break_glass": N_("accessed in an emergency"),
    "denied": N_("was refused"),
}
CONDITIONS: Final = {
    "in_force": N_("in force"),
    "not_begun": N_("not begun"),
    "over": N_("over"),
    "revoked": N_("revoked"),
}


def _shown_kind(kind: str) -> str:
    return _(KINDS[kind])


def _shown_condition(condition: str) -> str:
    return _(CONDITIONS[condition])


_WHO: Final = (
    Column("how", N_("what"), _shown_kind),
    Column("whom", N_("who")),
    Column("modes", N_("how"), lambda codes: several(map(coded("AccessMode"), codes))),
    Column("purposes", N_("for"), lambda codes: several(map(coded("AccessPurpose"), codes))),
    Column("at", N_("when"), local),
    Column("begins", N_("from"), local),
    Column("ends", N_("to"), local),
    Column("condition", N_("grant"), _shown_condition),
    Column("used", N_("used"), right=True),
    Column("because", N_("why")),
)


@command(
    "who",
    N_(
        "Who keeps a record, who may access it, who did, when and why, and who was refused.\n\n"
        "Names and reasons are sealed; they are shown when the ledger's passphrase is given by a "
        "file or command."
    ),
)
@_RECORD
@as_of_option
@format_option
@pass_call
def who(call: Call, *, record: str, as_of: str | None, style: str | None) -> None:
    """Keepers, grants, then accesses in order of position."""
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from ledger.questions import where as copies
    from ledger.questions import who as answer

    with call.reading() as ledger:
        found = resolve(ledger, "record", record)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            if not copies(connection, found, entry):
                raise not_yet("record")
        rows = list(_named(Reader(call, ledger), answer(ledger, found, entry)))
    print_rows(call, rows, _WHO, style, WHO_KEYS)


def _named(reader: Reader, rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with names and, of accesses, the sealed reason or ticket."""
    from ledger.cli.refusals import explain

    positions = [row["position"] for row in rows if "position" in row]
    sealed = {placed.position: placed.sealed or {} for placed in reader.placed(positions)}
    for row in rows:
        identity = row.get("actor") or row["party"]
        name = reader.name_of(identity)
        texts: Mapping[str, str] = sealed.get(row.get("position", 0), {})
        reason = texts.get("reason") or texts.get("ticket")
        rule = row.get("rule")
        because = explain(rule)[0] if rule else reason
        how = "might" if row.get("condition") not in (None, "in_force") else row["kind"]
        told = {"name": name, "whom": name or identity, "reason": reason}
        yield {**row, **told, "because": because, "how": how}


# -- why ---------------------------------------------------------------------------------------

ACTS: Final = ("access", "marketing", "archive", "handover", "destroy")


class _About(NamedTuple):
    """What is asked about: a record and how it would be used, handed over or destroyed."""

    record: str
    purpose: str
    mode: str
    copies: Sequence[str]
    ground: str
    engagement: str | None

    def against(self, act: str, asked: Asking) -> list[Refusal]:
        """What stands in the way of one of `ACTS`."""
        if act == "archive":
            return asked.against_archive(self.record)
        if act == "handover":
            copies = self.copies or asked.originals(self.record)
            found = asked.against_handover(copies)
            return found + (asked.against_deal(copies, self.engagement) if self.engagement else [])
        if act == "destroy":
            copies = self.copies or asked.all_copies(self.record)
            return asked.against_destruction(copies, self.ground)
        purpose = "marketing" if act == "marketing" else self.purpose
        return asked.against_access(self.record, purpose, self.mode)


WHY_KEYS: Final = ("act", "rule", "code", "detail", "blocking", "sentence", "remedy")


@command(
    "why",
    N_(
        "Why a record cannot be accessed, archived, handed over or destroyed, and what would "
        "unblock it.\n\n"
        "Asks the rules that judge the act itself, as if it were done now by whoever asks (--as). "
        "Roles and further signatures are not asked about. The exit code is 0 also when something "
        "is in the way."
    ),
)
@_RECORD
@argument("act", metavar="[ACT]", required=False, type=click.Choice(ACTS))
@option(
    "--purpose",
    type=CODE("AccessPurpose"),
    default="service_delivery",
    show_default=True,
    help=N_("Of an access: its purpose."),
)
@option(
    "--mode",
    type=CODE("AccessMode"),
    default="view",
    show_default=True,
    help=N_("Of an access: its mode."),
)
@option(
    "--copy", "copies", multiple=True, metavar="COPY",
    help=N_("Of a handover or a destruction: which copies; repeatable."),
)  # fmt: skip
@option(
    "--ground",
    type=CODE("DestructionGround"),
    default="retention_expired",
    show_default=True,
    help=N_("Of a destruction: on which ground."),
)
@option(
    "--engagement", metavar="DEAL",
    help=N_("Of a handover: under which deal; its people and its gates are asked about, too."),
)  # fmt: skip
@format_option
@pass_call
def why(
    call: Call,
    *,
    record: str,
    act: str | None,
    purpose: str,
    mode: str,
    copies: tuple[str, ...],
    ground: str,
    engagement: str | None,
    style: str | None,
) -> None:
    """What stands in the way of each act, or of one."""
    from ledger.cli.ids import resolve
    from ledger.questions import asking

    with call.reading() as ledger:
        found = resolve(ledger, "record", record)
        exact = [resolve(ledger, "holding", copy) for copy in copies]
        with asking(ledger, call.actor(ledger)) as asked:
            deal = resolve(ledger, "engagement", engagement) if engagement else None
            about = _About(found, purpose, mode, exact, ground, deal)
            answers = {name: about.against(name, asked) for name in ([act] if act else ACTS)}
    if (style or ("json" if call.as_json else "table")) == "table":
        _print_answers(answers)
        return
    rows = (row for name, refusals in answers.items() for row in blocked_rows(name, refusals))
    print_rows(call, rows, (), style, WHY_KEYS)


def blocked_rows(act: str, refusals: Sequence[Refusal]) -> Iterator[Row]:
    """What stands in the way, for machines: never translated."""
    from ledger.cli.refusals import EXPLANATIONS

    for refusal in refusals:
        sentence, remedy = EXPLANATIONS.get(refusal.detail, (refusal.detail, ""))
        yield {
            "act": act, "rule": refusal.rule, "code": refusal.code, "detail": refusal.detail,
            "blocking": list(refusal.blocking), "sentence": sentence, "remedy": remedy,
        }  # fmt: skip


ACT_TITLES: Final = {
    "access": N_("access"),
    "marketing": N_("access for marketing"),
    "archive": N_("archive"),
    "handover": N_("hand over"),
    "destroy": N_("destroy"),
}


def _print_answers(answers: Mapping[str, Sequence[Refusal]]) -> None:
    from ledger.cli.refusals import explain

    for act, refusals in answers.items():
        title = _(ACT_TITLES[act])
        if not refusals:
            click.echo(named(title, _("nothing stands in the way")))
            continue
        click.echo(named_list(title))
        for said, detail in dict.fromkeys((str(one), one.detail) for one in refusals):
            sentence, remedy = explain(detail)
            click.echo(f"  {said}\n    {sentence}\n    {led(N_('Next:'), remedy)}")
