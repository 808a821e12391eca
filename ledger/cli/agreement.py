"""`muniment agreement`, `muniment nda`, `muniment pipia`: what is signed before anything passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, argument, group, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import Column, coded, format_option, local, print_rows, several
from ledger.cli.recording import How, act_options

if TYPE_CHECKING:
    from ledger.application import Ledger

_DOCUMENT = argument("document", metavar="DOCUMENT")
_CATEGORIES = option(
    "--category", "categories", type=CODE("RecordCategory"), multiple=True,
    help=N_("Which records it covers; repeatable, all if not given."),
)  # fmt: skip
_MOST_DAYS: Final = 366 * 100


def deal_of(ledger: Ledger, how: How) -> str:
    """The deal that `--engagement` names. Raises a usage error if it is not given."""
    from ledger.cli.ids import resolve

    if how.engagement is None:
        raise click.UsageError(_("name the deal with --engagement"))
    return resolve(ledger, "engagement", how.engagement)


# -- the agreement on electronic data and signatures ------------------------------------------


@group("agreement", N_("The parties' agreement on electronic data and signatures."))
def agreement() -> None:
    """Nothing by itself."""


@agreement.command(
    "sign",
    help=N_(
        "Record that both parties signed the agreement on electronic data and signatures.\n\n"
        "It names who signs for whom, with which key; only they act in a handover, and only with "
        "these keys. A handler of each side signs (--with, --draft). Who gets a new key needs a "
        "new agreement."
    ),
)
@_DOCUMENT
@option(
    "--signer", "signers", metavar="ACTOR:ROLE", multiple=True, required=True,
    help=N_("Whose present key is agreed on, and in which role; repeatable."),
)  # fmt: skip
@option(
    "--time-source", type=CODE("AgreedTimeSource"), default="ledger", show_default=True,
    help=N_("Whose clock counts."),
)  # fmt: skip
@option(
    "--extraction", type=CODE("AgreedExtraction"), default="evidence_bundle", show_default=True,
    help=N_("How electronic data is taken out as evidence."),
)  # fmt: skip
@act_options
@pass_call
def sign(
    call: Call,
    *,
    document: str,
    signers: tuple[str, ...],
    time_source: str,
    extraction: str,
    how: How,
) -> None:
    """Record `engagement.evidence_agreement_signed`."""
    from ledger.cli.ids import resolve
    from ledger.deals import sign_agreement

    with call.writing() as ledger:
        deal = deal_of(ledger, how)
        proposal = sign_agreement(
            ledger, deal, resolve(ledger, "document", document), _pairs(ledger, signers),
            time_source=time_source, extraction=extraction,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


def _pairs(ledger: Ledger, given: tuple[str, ...]) -> list[tuple[str, str]]:
    from ledger.cli.ids import resolve

    pairs = []
    for text in given:
        actor, _colon, role = text.partition(":")
        if role not in CODE("Role").codes():
            raise click.UsageError(_("--signer takes ACTOR:ROLE (muniment codes Role)"))
        pairs.append((resolve(ledger, "actor", actor), role))
    return pairs


KEY_KEYS: Final = ("actor", "role", "key", "state", "document", "since")
_KEYS: Final = (
    Column("actor", N_("actor")),
    Column("role", N_("role"), coded("Role")),
    Column("key", N_("key")),
    Column("state", N_("state"), coded("KeyState")),
    Column("since", N_("signed"), local),
    Column("document", N_("document")),
)


@agreement.command("show", help=N_("Show whose keys are agreed on, in which roles, since when."))
@option("--engagement", metavar="ID", required=True, help=N_("The deal."))
@as_of_option
@format_option
@pass_call
def show(call: Call, *, engagement: str, as_of: str | None, style: str | None) -> None:
    """Every key that an agreement of the deal names, by actor."""
    from ledger.cli.ids import resolve
    from ledger.dealfile import agreed_keys

    with call.reading() as ledger:
        found = resolve(ledger, "engagement", engagement)
        rows = agreed_keys(ledger, found, entry_of(call, ledger, as_of))
        print_rows(call, rows, _KEYS, style, KEY_KEYS)


# -- confidentiality --------------------------------------------------------------------------


@group("nda", N_("Confidentiality agreements between the parties of a deal."))
def nda() -> None:
    """Nothing by itself."""


@nda.command(
    "sign",
    help=N_(
        "Record that a confidentiality agreement was signed.\n\n"
        "Somebody of each party signs (--with, --draft). Without one that is in force nothing is "
        "released, and nobody of the other party looks at anything."
    ),
)
@_DOCUMENT
@option("--disclosing", metavar="PARTY", required=True, help=N_("Who discloses."))
@option("--receiving", metavar="PARTY", required=True, help=N_("Who keeps it secret."))
@_CATEGORIES
@option("--from", "begins_on", type=DAY, required=True, help=N_("The first day on which it holds."))
@option("--to", "ends_on", type=DAY, help=N_("The last day on which it holds."))
@option(
    "--survival-days", type=click.IntRange(0, _MOST_DAYS), required=True, metavar="NUMBER",
    help=N_("For how many days after its end the secret is still to be kept."),
)  # fmt: skip
@act_options
@pass_call
def sign_nda(
    call: Call,
    *,
    document: str,
    disclosing: str,
    receiving: str,
    categories: tuple[str, ...],
    begins_on: str,
    ends_on: str | None,
    survival_days: int,
    how: How,
) -> None:
    """Record `engagement.nda_signed`."""
    from ledger.cli.ids import resolve
    from ledger.deals import sign_nda as propose

    with call.writing() as ledger:
        proposal = propose(
            deal_of(ledger, how), resolve(ledger, "document", document),
            resolve(ledger, "party", disclosing), resolve(ledger, "party", receiving),
            categories=categories, begins_on=begins_on, ends_on=ends_on,
            survival_days=survival_days,
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


@nda.command("terminate", help=N_("Record that a confidentiality agreement was ended."))
@_DOCUMENT
@option("--on", "day", type=DAY, required=True, help=N_("The first day on which it does not hold."))
@act_options
@pass_call
def terminate(call: Call, *, document: str, day: str, how: How) -> None:
    """Record `engagement.nda_terminated`."""
    from ledger.cli.ids import resolve
    from ledger.deals import terminate_nda

    with call.writing() as ledger:
        deal = deal_of(ledger, how)
        proposal = terminate_nda(deal, resolve(ledger, "document", document), day)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)


def categories_shown(codes: list[str]) -> str:
    """Categories by their labels; none named is all."""
    return several(map(coded("RecordCategory"), codes)) or _("all")


CONDITIONS: Final = {
    "pending": N_("to come"),
    "in_force": N_("in force"),
    "surviving": N_("ended; the secret is still to be kept"),
    "expired": N_("over"),
}
"""How a confidentiality agreement stands on a day."""
NDA_KEYS: Final = (
    "document", "disclosing_party", "receiving_party", "categories", "begins_on", "ends_on",
    "survival_days", "terminated_on", "condition", "signed_at", "engagement",
)  # fmt: skip
_NDAS: Final = (
    Column("document", N_("document")),
    Column("disclosing_party", N_("discloses")),
    Column("receiving_party", N_("keeps secret")),
    Column("categories", N_("categories"), categories_shown),
    Column("begins_on", N_("from")),
    Column("ends_on", N_("to")),
    Column("terminated_on", N_("ended on")),
    Column("survival_days", N_("days of secrecy after the end"), right=True),
    Column("condition", N_("state"), lambda code: _(CONDITIONS[code])),
)


@nda.command("list", help=N_("List the confidentiality agreements of a deal, ended ones too."))
@option("--engagement", metavar="ID", required=True, help=N_("The deal."))
@as_of_option
@format_option
@pass_call
def list_ndas(call: Call, *, engagement: str, as_of: str | None, style: str | None) -> None:
    """Every agreement, by document."""
    from ledger.cli.ids import resolve
    from ledger.dealfile import ndas

    with call.reading() as ledger:
        found = resolve(ledger, "engagement", engagement)
        rows = ndas(ledger, found, entry_of(call, ledger, as_of))
        print_rows(call, rows, _NDAS, style, NDA_KEYS)


# -- impact assessment ------------------------------------------------------------------------


@group("pipia", N_("Impact assessments of a transfer (PIPL 55, 56)."))
def pipia() -> None:
    """Nothing by itself."""


@pipia.command(
    "record",
    help=N_(
        "Record that the seller assessed what the transfer means for the persons.\n\n"
        "The report is attached before (muniment document attach FILE --kind pipia) and kept for "
        "three years at least."
    ),
)
@_DOCUMENT
@_CATEGORIES
@option(
    "--conclusion", type=CODE("PipiaConclusion"), required=True, help=N_("What was found."),
)  # fmt: skip
@option("--retain-until", type=DAY, required=True, help=N_("Until when the report is kept."))
@act_options
@pass_call
def record(
    call: Call,
    *,
    document: str,
    categories: tuple[str, ...],
    conclusion: str,
    retain_until: str,
    how: How,
) -> None:
    """Record `engagement.pipia_completed`."""
    from ledger.cli.ids import resolve
    from ledger.deals import record_pipia

    with call.writing() as ledger:
        deal = deal_of(ledger, how)
        found = resolve(ledger, "document", document)
        proposal = record_pipia(deal, found, categories, conclusion, retain_until)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt)
