"""`muniment consent`: what people agreed to, withdrew, need not be asked for, and who is let be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ledger.cli.agreement import deal_of
from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, TIME, argument, group, option, pass_call
from ledger.cli.declare import subject_of
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import Column, coded, format_option, local, print_rows, several
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from ledger.application import Ledger

_F = TypeVar("_F", bound=Callable[..., Any])
_AT_ONCE: Final = 500
_SUBJECT = argument("subject", metavar="SUBJECT")
_RECIPIENT = option(
    "--recipient", metavar="PARTY", required=True, help=N_("Who gets the person's data.")
)
_CATEGORIES = option(
    "--category", "categories", type=CODE("RecordCategory"), multiple=True,
    help=N_("Which records it covers; repeatable, all if not given."),
)  # fmt: skip
_CHANNEL = option(
    "--channel", type=CODE("RequestChannel"), required=True, help=N_("By which way it came.")
)
_REMARK = option("--remark", metavar="TEXT", help=N_("A remark; sealed."))


def _evidence(function: _F) -> _F:
    """Add `--text` and `--proof`."""
    function = option(
        "--proof", type=PATH, metavar="FILE", help=N_("What shows it; its digest is sealed.")
    )(function)
    return option(
        "--text", type=PATH, metavar="FILE",
        help=N_("What was agreed to; its digest is sealed."),
    )(function)  # fmt: skip


@group("consent", N_("Consents: given, withdrawn, not needed; who is not marketed to."))
def consent() -> None:
    """Nothing by itself."""


def _digests(text: Path | None, proof: Path | None, remark: str | None) -> dict[str, str] | None:
    """What is sealed with a consent."""
    from ledger.acts import texts
    from ledger.cli.files import read_file

    checked_text(remark, "--remark")
    return texts(
        text=read_file(text).digest.hex() if text else None,
        proof=read_file(proof).digest.hex() if proof else None,
        remark=remark,
    )


@consent.command(
    "record",
    help=N_(
        "Record the consents in a list.\n\n"
        "A CSV file with the columns subject, kind (muniment codes ConsentKind), given_at (a day "
        "or a time) and, if known, channel and until (the last day). A day stands for its "
        "beginning; the day on which a notice about the recipient first reached the person stands "
        "for that moment, so record deliveries first. A list with a fault is refused whole. One "
        "that was recorded in part is given again: what is recorded already is left out."
    ),
)
@option("--from", "file", type=PATH, metavar="FILE", required=True, help=N_("The list."))
@_RECIPIENT
@_CATEGORIES
@_evidence
@act_options
@pass_call
def record(
    call: Call,
    *,
    file: Path,
    recipient: str,
    categories: tuple[str, ...],
    text: Path | None,
    proof: Path | None,
    how: How,
) -> None:
    """Record `subject.consent_granted`, one event a line."""
    from ledger.cli.bulk import record_all, tell_all
    from ledger.cli.ids import resolve
    from ledger.consenting import consents
    from ledger.subjectlists import read

    data, sealed = read(file), _digests(text, proof, None)
    with call.writing() as ledger:
        acting = call.acting(ledger)
        made = consents(
            ledger, data, recipient=resolve(ledger, "party", recipient),
            party=acting.state.party, categories=categories, sealed=sealed,
            key=ledger.data_key(deal_of(ledger, how)) if sealed else None,
        )  # fmt: skip
        receipts = record_all(call, ledger, how, acting, made.proposals)
    said = _("{consents} consents recorded, {known} were recorded before")
    tell_all(call, how, receipts, said, consents=len(made.proposals), known=made.known)


@consent.command("grant", help=N_("Record that people have agreed, each to the same."))
@argument("subjects", nargs=-1, required=True, metavar="SUBJECT...")
@option("--kind", type=CODE("ConsentKind"), required=True, help=N_("To what."))
@_RECIPIENT
@_CATEGORIES
@_CHANNEL
@option("--given", "given_at", type=TIME, help=N_("When, if not now."))
@option("--until", type=DAY, help=N_("The last day on which it counts."))
@_evidence
@_REMARK
@act_options
@pass_call
def grant(
    call: Call,
    *,
    subjects: tuple[str, ...],
    kind: str,
    recipient: str,
    categories: tuple[str, ...],
    channel: str,
    given_at: str | None,
    until: str | None,
    text: Path | None,
    proof: Path | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `subject.consent_granted`."""
    from ledger import consenting
    from ledger.cli.ids import resolve

    sealed = _digests(text, proof, remark)
    with call.writing() as ledger:
        party = resolve(ledger, "party", recipient)
        proposals = [
            consenting.grant(
                subject_of(ledger, subject), kind=kind, recipient=party, channel=channel,
                given_at=given_at, categories=categories, until=until, sealed=sealed,
            )
            for subject in subjects
        ]  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), proposals)
    how.tell(call, receipt)


@consent.command(
    "withdraw",
    help=N_(
        "Record that a person withdraws, or objects before agreeing.\n\n"
        "It ends every consent for this recipient that was given before, and puts the person on "
        "the suppression list for marketing."
    ),
)
@_SUBJECT
@_RECIPIENT
@_CHANNEL
@option("--withdrawn", "withdrawn_at", type=TIME, help=N_("When, if not now."))
@_REMARK
@act_options
@pass_call
def withdraw(
    call: Call,
    *,
    subject: str,
    recipient: str,
    channel: str,
    withdrawn_at: str | None,
    remark: str | None,
    how: How,
) -> None:
    """Record `subject.consent_withdrawn`."""
    from ledger import consenting
    from ledger.cli.ids import resolve

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        proposal = consenting.withdraw(
            subject_of(ledger, subject), recipient=resolve(ledger, "party", recipient),
            channel=channel, withdrawn_at=withdrawn_at, remark=remark,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@consent.command(
    "exempt",
    help=N_(
        "Record why no consent is needed under a deal, for which categories.\n\n"
        "It rests on a statute of the adopted pack and on counsel's opinion, attached before; an "
        "approver of the seller signs too: --with ACTOR:approver --draft FILE. It frees of "
        "consent, never of notice, and not of a guardian's consent."
    ),
)
@option("--basis", type=CODE("ExemptionBasis"), required=True, help=N_("Why."))
@option("--statute", metavar="ID", required=True, help=N_("The statute, as the pack names it."))
@option("--opinion", metavar="DOCUMENT", required=True, help=N_("Counsel's opinion, attached."))
@_CATEGORIES
@_REMARK
@act_options
@pass_call
def exempt(
    call: Call,
    *,
    basis: str,
    statute: str,
    opinion: str,
    categories: tuple[str, ...],
    remark: str | None,
    how: How,
) -> None:
    """Record `engagement.consent_exempted`."""
    from ledger import consenting
    from ledger.cli.ids import resolve

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        proposal = consenting.exempt(
            deal_of(ledger, how), basis=basis, statute=statute,
            opinion=resolve(ledger, "document", opinion), categories=categories, remark=remark,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@consent.command("suppress", help=N_("Put a person on the suppression list for marketing."))
@_SUBJECT
@option("--reason", type=CODE("SuppressionReason"), required=True, help=N_("Why."))
@option("--since", type=DAY, help=N_("From which day on; today if not given."))
@_CHANNEL
@_REMARK
@act_options
@pass_call
def suppress(
    call: Call,
    *,
    subject: str,
    reason: str,
    since: str | None,
    channel: str,
    remark: str | None,
    how: How,
) -> None:
    """Record `subject.suppressed`."""
    from ledger import consenting
    from ledger.signing import now

    checked_text(remark, "--remark")
    with call.writing() as ledger:
        proposal = consenting.suppress(
            subject_of(ledger, subject), reason=reason,
            since=since or ledger.policy().calendar.day_of(now()), channel=channel, remark=remark,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


# -- looking ----------------------------------------------------------------------------------


KEYS: Final = (
    "subject", "recipient", "kind", "categories", "channel", "given_at", "until", "withdrawn_at",
    "entry",
)  # fmt: skip
_COLUMNS: Final = (
    Column("subject", N_("person")),
    Column("kind", N_("kind"), coded("ConsentKind")),
    Column("categories", N_("categories"), several),
    Column("given_at", N_("given"), local),
    Column("until", N_("until")),
    Column("withdrawn_at", N_("withdrawn"), local),
    Column("recipient", N_("recipient")),
)


@consent.command("list", help=N_("List the consents, withdrawn ones included, as they came."))
@option("--subject", metavar="SUBJECT", help=N_("Only those of this person."))
@option("--recipient", metavar="PARTY", help=N_("Only those for this recipient."))
@as_of_option
@format_option
@pass_call
def list_consents(
    call: Call, *, subject: str | None, recipient: str | None, as_of: str | None, style: str | None
) -> None:
    """Every consent, in the order in which they were recorded."""
    from ledger.cli.ids import resolve
    from projections.consents import listed

    with call.reading() as ledger:
        who = subject_of(ledger, subject) if subject else None
        party = resolve(ledger, "party", recipient) if recipient else None
        entry = entry_of(call, ledger, as_of)

        def page(connection: Any, after: Any) -> list[Any]:  # noqa: ANN401
            return listed(
                connection, subject=who, recipient=party, limit=_AT_ONCE, after=after, entry=entry
            )

        rows = _paged(ledger, page, lambda one: one.position)
        print_rows(call, rows, _COLUMNS, style, KEYS)


SUPPRESSED_KEYS: Final = ("subject", "reason", "since", "channel", "entry")
_SUPPRESSED: Final = (
    Column("subject", N_("person")),
    Column("reason", N_("reason"), coded("SuppressionReason")),
    Column("since", N_("since")),
    Column("channel", N_("channel"), coded("RequestChannel")),
)


@consent.command("suppressed", help=N_("List who goes on no list for marketing, and why."))
@as_of_option
@format_option
@pass_call
def suppressed(call: Call, *, as_of: str | None, style: str | None) -> None:
    """The suppression list, by subject id."""
    from projections.consents import suppressed as listed

    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)

        def page(connection: Any, after: Any) -> list[Any]:  # noqa: ANN401
            return listed(connection, limit=_AT_ONCE, after=after, entry=entry)

        rows = _paged(ledger, page, lambda one: (one.subject, one.position))
        print_rows(call, rows, _SUPPRESSED, style, SUPPRESSED_KEYS)


EXEMPTION_KEYS: Final = ("engagement", "basis", "statute", "opinion", "categories", "author",
                         "entry")  # fmt: skip
_EXEMPTIONS: Final = (
    Column("basis", N_("basis"), coded("ExemptionBasis")),
    Column("statute", N_("statute")),
    Column("categories", N_("categories"), several),
    Column("opinion", N_("opinion")),
    Column("author", N_("author")),
)


@consent.command("exemptions", help=N_("List why no consent is needed under a deal."))
@option("--engagement", metavar="ID", required=True, help=N_("The deal."))
@as_of_option
@format_option
@pass_call
def exemptions(call: Call, *, engagement: str, as_of: str | None, style: str | None) -> None:
    """The exemptions of a deal, in order."""
    from msgspec import structs

    from ledger.cli.ids import resolve
    from projections.consents import exemptions_of

    with call.reading() as ledger, ledger.engine.connect() as connection:
        deal = resolve(ledger, "engagement", engagement)
        found = exemptions_of(connection, deal, entry=entry_of(call, ledger, as_of))
        rows = map(structs.asdict, found)
        print_rows(call, rows, _EXEMPTIONS, style, EXEMPTION_KEYS)


def _paged(
    ledger: Ledger, page: Callable[[Any, Any], list[Any]], last: Callable[[Any], Any]
) -> Iterator[dict[str, Any]]:
    """The rows of a register, a page at a time."""
    from msgspec import structs

    after = None
    with ledger.engine.connect() as connection:
        while found := page(connection, after):
            yield from map(structs.asdict, found)
            after = last(found[-1])
