"""`muniment document`: papers that people hand to others; and `muniment certificate`, for one kind.

`verify` needs no passphrase and, with `--key`, no ledger. A document that is there already is
printed again, to the byte, not issued twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.certificate import certificate as print_certificate
from ledger.cli.columns import printable
from ledger.cli.command import PATH, Group, argument, group, option, pass_call
from ledger.cli.destroy_shown import case_of
from ledger.cli.document_attach import attach
from ledger.cli.effects import Standing, effect_options
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    print_fields,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
)
from ledger.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.application import Ledger
    from ledger.documents.checking import Checked
    from ledger.documents.issuing import Printed

FAILED: Final = 3
_AT_ONCE: Final = 500
_KINDS: Final = (
    "destruction_list", "destruction_certificate", "restore_drill_report", "handover_list",
    "handover_confirmation", "transfer_notice", "access_review", "closing_report",
)  # fmt: skip
_TEMPLATES: Final = (
    "evidence_agreement", "nda", "processing_agreement", "authority_letter", "pipia", "art_22",
    "art_23",
)  # fmt: skip
_SUBJECTS: Final[Mapping[str, str]] = {
    "restore_drill_report": "backup",
    "handover_list": "handover",
    "handover_confirmation": "handover",
    "transfer_notice": "notice",
    "access_review": "engagement",
    "closing_report": "engagement",
}
"""What a document of a kind is about, where it is no destruction case."""
_OUT = option(
    "--out", required=True, type=PATH, metavar="FILE",
    help=N_("The PDF file to write; there must be none of this name."),
)  # fmt: skip


@group("document", N_("Documents as PDF: issue, print again, list, withdraw, verify."))
def document() -> None:
    """Nothing by itself."""


document.add_command(attach)


class _OrCase(Group):
    """A group whose first word may be a case: then its certificate is printed as text."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what is no command of the group is a call of `show`."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    "certificate", cls=_OrCase,
    help=N_(
        "The certificate of a destruction: as text, as PDF, checked.\n\n"
        "muniment certificate CASE prints it as text."
    ),
)  # fmt: skip
def certificate() -> None:
    """Nothing by itself."""


certificate.add_command(print_certificate, "show")


def _signing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a PAdES signature; the command gets them as `signing`."""

    @option(
        "--signing-key", type=PATH, metavar="FILE",
        help=N_("Sign the PDF with this P-256 or RSA key: PKCS#12, or PEM, with its certificate."),
    )  # fmt: skip
    @option(
        "--signing-passphrase-file", metavar="FILE",
        help=N_("File with the passphrase of the signing key; asked for if not given."),
    )  # fmt: skip
    @wraps(function)
    def with_signing(
        *args: Any,  # noqa: ANN401  what the command takes
        signing_key: Path | None,
        signing_passphrase_file: str | None,
        **rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        signing = (signing_key, signing_passphrase_file)
        return function(*args, signing=signing, **rest)

    return with_signing


Signing = tuple["Path | None", "str | None"]


@document.command(
    "issue",
    help=N_(
        "Issue a document and write it to a file.\n\n"
        "SUBJECT is what it is about: a destruction case, a handover, a notice, an engagement; for "
        "a drill or a review also its event, else the last one is meant. The number, the data and "
        "the pages are recorded by their digests. A document that stands is printed again; one "
        "about a handover that went on since is replaced."
    ),
)
@argument("kind", type=click.Choice(_KINDS), metavar="KIND")
@argument("subject", metavar="SUBJECT")
@_OUT
@option("--anew", metavar="REASON", help=N_("Replace the one that stands, for this reason."))
@_signing_options
@effect_options
@pass_call
def issue(
    call: Call,
    *,
    kind: str,
    subject: str,
    out: Path,
    anew: str | None,
    signing: Signing,
    standing: Standing,
) -> None:
    """Record `document.certificate_issued`, unless it was issued before."""
    _issue(call, (kind, subject), out, anew, signing, standing)


@certificate.command(
    "pdf",
    help=N_(
        "Issue the certificate of a case as PDF, or print it again.\n\n"
        "As muniment document issue destruction_certificate CASE."
    ),
)
@argument("case", metavar="CASE")
@_OUT
@option("--anew", metavar="REASON", help=N_("Replace the one that stands, for this reason."))
@_signing_options
@effect_options
@pass_call
def certificate_pdf(
    call: Call,
    *,
    case: str,
    out: Path,
    anew: str | None,
    signing: Signing,
    standing: Standing,
) -> None:
    """Record `document.certificate_issued`, unless it was issued before."""
    _issue(call, ("destruction_certificate", case), out, anew, signing, standing)


def _issue(
    call: Call,
    what: tuple[str, str],
    out: Path,
    anew: str | None,
    signing: Signing,
    standing: Standing,
) -> None:
    from ledger.cli.ids import resolve
    from ledger.documents.issuing import issue as run

    _check_free(out)
    kind, subject = what
    with call.writing() as ledger:
        if kind not in _SUBJECTS:
            subject = case_of(ledger, subject)
        elif "/" not in subject:
            subject = resolve(ledger, _SUBJECTS[kind], subject)
        printed = run(
            ledger, call.acting(ledger), kind, subject, anew=anew, **standing.options(ledger)
        )
    _write(call, printed, out, signing)


@document.command("pdf", help=N_("Print a document again: the same bytes as when it was issued."))
@argument("number", metavar="NUMBER")
@_OUT
@_signing_options
@pass_call
def pdf(call: Call, *, number: str, out: Path, signing: Signing) -> None:
    """Make the file anew from the ledger."""
    from ledger.documents.issuing import reprint

    _check_free(out)
    with call.reading() as ledger:
        printed = reprint(ledger, number)
    _write(call, printed, out, signing)


@document.command(
    "template",
    help=N_(
        "Write the text of an agreement, letter, assessment or notice, filled from the ledger.\n\n"
        "A PDF in Chinese with English, to be completed and signed on paper; then record it with "
        "muniment document attach. For art_22 and art_23, --text writes what people are sent. "
        "Nothing is recorded."
    ),
)
@argument("kind", type=click.Choice(_TEMPLATES), metavar="KIND")
@option("--engagement", required=True, metavar="ID", help=N_("The deal."))
@option(
    "--party", metavar="PARTY",
    help=N_("Whom it is about: the buyer if not given; of authority_letter, the seller."),
)  # fmt: skip
@option("--text", "plain", is_flag=True, help=N_("Plain text instead of a PDF."))
@_OUT
@pass_call
def template(
    call: Call, *, kind: str, engagement: str, party: str | None, plain: bool, out: Path
) -> None:
    """Fill a text; the same ledger gives the same bytes."""
    from hashlib import sha256

    from ledger.cli.ids import resolve
    from ledger.documents.templates import Asked, draft, fill
    from ledger.folder import write_atomically

    _check_free(out)
    with call.reading() as ledger:
        deal = resolve(ledger, "engagement", engagement)
        asked = Asked(kind, deal, resolve(ledger, "party", party) if party else None)
        data = fill(ledger, asked).plain().encode("utf-8") if plain else draft(ledger, asked)
    _check_free(out)
    write_atomically(out, data)
    said = {"kind": kind, "engagement": deal, "sha256": sha256(data).hexdigest()}
    if call.as_json:
        print_json({**said, "bytes": len(data)})
    else:
        click.echo(_("Written. It is a draft until it is completed, signed and attached."))


def _write(call: Call, printed: Printed, out: Path, signing: Signing) -> None:
    """Write the file whole or not at all, and say what it is."""
    from hashlib import sha256

    from ledger.folder import write_atomically

    data = printed.data if signing[0] is None else _signed(printed.data, signing)
    _check_free(out)
    write_atomically(out, data)
    line: dict[str, Any] = {
        "number": printed.number, "document": printed.document, "bytes": len(data),
        "sha256": sha256(data).hexdigest(), "signed": signing[0] is not None,
    }  # fmt: skip
    if call.as_json:
        receipt = receipt_fields(printed.receipt) if printed.receipt else {"events": []}
        print_json({**line, **receipt})
        return
    print_fields([
        (N_("number"), printed.number), (N_("bytes"), len(data)),
        (N_("SHA-256 of the file"), line["sha256"]),
    ])  # fmt: skip
    if printed.receipt is not None:
        recorded(call, printed.receipt)


def _signed(data: bytes, signing: Signing) -> bytes:
    from ledger.cli.passphrases import from_file, prompt
    from ledger.documents.pades import MAX_KEY_BYTES, sign
    from ledger.folder import read_limited

    path, file = signing
    assert path is not None
    try:
        key = read_limited(path, MAX_KEY_BYTES)
    except OSError as error:
        raise _unreadable(error) from None

    def passphrase() -> bytes:
        if file:
            return from_file(file, "--signing-passphrase-file")
        remedy = N_("muniment … --signing-passphrase-file FILE")
        return prompt(_("Passphrase of the signing key"), remedy)

    return sign(data, key, passphrase)


def _check_free(out: Path) -> None:
    if os.path.lexists(out):
        raise UsageError(
            "there is a file of this name already; nothing was written",
            "name another file with --out",
        )
    if not out.parent.is_dir():
        raise UsageError(
            "the folder for the file is not there; nothing was written", "make the folder first"
        )


def _unreadable(error: OSError) -> UsageError:
    return UsageError("the file cannot be read ({cause})", cause=error.strerror)


# -- the register -------------------------------------------------------------------------------

KEYS: Final = (
    "number", "kind", "source", "issued_at", "document", "twin", "pdf", "checkpoint",
    "template_version", "issuer", "issued_entry", "superseded_entry", "replaced_by",
)  # fmt: skip
_STATES: Final[Mapping[str, str]] = {
    "stands": N_("stands"),
    "superseded": N_("superseded"),
    "withdrawn": N_("withdrawn"),
}
_COLUMNS: Final = (
    Column("number", N_("number")),
    Column("kind", N_("kind"), coded("DocumentKind")),
    Column("source", N_("about")),
    Column("issued_at", N_("issued"), local),
    Column("state", N_("state"), lambda state: _(_STATES[state])),
)


@document.command("list", help=N_("List the documents, those that stand no more included."))
@as_of_option
@format_option
@pass_call
def list_documents(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every document, in order of its id: by day, then by kind and number."""
    with call.reading() as ledger:
        print_rows(call, _rows(ledger, entry_of(call, ledger, as_of)), _COLUMNS, style, KEYS)


def _rows(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    from projections.documents import listed

    after = None
    with ledger.engine.connect() as connection:
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            for row in found:
                gone = "superseded" if row.replaced_by else "withdrawn"
                state = "stands" if row.superseded_entry is None else gone
                yield {**asdict(row), "source": row.source, "state": state}
            after = found[-1].document


@document.command("withdraw", help=N_("Withdraw a document that nothing replaces."))
@argument("number", metavar="NUMBER")
@option("--reason", required=True, metavar="TEXT", help=N_("Why; it is kept sealed."))
@effect_options
@pass_call
def withdraw(call: Call, *, number: str, reason: str, standing: Standing) -> None:
    """Record `document.certificate_superseded`."""
    from ledger.documents.issuing import withdraw as run

    with call.writing() as ledger:
        acting = call.acting(ledger)
        receipt = run(ledger, acting, number, reason, **standing.options(ledger))
    if call.as_json:
        print_json({"number": number, **receipt_fields(receipt)})
    else:
        recorded(call, receipt)


# -- verification -------------------------------------------------------------------------------

VERDICTS: Final[Mapping[str, str]] = {
    "genuine": N_("genuine: this is what was issued, and it stands"),
    "superseded": N_("superseded: this was issued, and stands no more"),
    "forged": N_("forged: this is not what was issued"),
    "unknown": N_("unknown: what was given does not suffice to tell"),
}
_OFFLINE: Final = N_(
    "genuine: this is what was issued; whether it stands today is known to its ledger only"
)
REASONS: Final[Mapping[str, str]] = {
    "unreadable": N_("the file is no PDF, was cut off, or is larger than any document"),
    "no_twin": N_("the file holds no data of a document"),
    "two_twins": N_("the file holds the data of two documents"),
    "another_ledger": N_("the document is of another ledger"),
    "number_not_issued": N_("no document of this number was issued"),
    "no_receipt": N_("the file holds no proofs"),
    "proofs_do_not_hold": N_("the proofs in the file do not hold"),
    "twin_differs": N_("the data in the file are not those that were issued"),
    "view_differs": N_("the pages are not those that were issued"),
    "appended": N_("something was added behind the pages"),
    "signature_broken": N_("a PDF signature does not fit"),
    "says_otherwise": N_("the ledger says something else than the document"),
    "list_frozen_anew": N_("the list of the handover was frozen anew since"),
    "not_compared_with_the_ledger": N_(
        "what it says was not compared with the ledger: part of that is sealed, and no passphrase "
        "was given"
    ),
    "superseded": N_("another document replaces it"),
    "withdrawn": N_("it was withdrawn"),
}
_VERIFY: Final = N_(
    "Tell a genuine document from a forged and a superseded one.\n\n"
    "Asks the ledger; with --key, only the proofs inside the file and the ledger's public key as "
    "you have it. Needs no passphrase. Exit code 0: genuine; 3: anything else."
)


def _verify_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = pass_call(function)
    function = option(
        "--key", metavar="VKEY",
        help=N_("The ledger's verifier key, or a file that holds it; not from the document."),
    )(function)  # fmt: skip
    return argument("file", type=PATH, metavar="FILE")(function)


@document.command("verify", help=_VERIFY)
@_verify_options
def verify(call: Call, *, file: Path, key: str | None) -> int:
    """Check; the exit code is the verdict."""
    return _verify(call, file, key)


@certificate.command("verify", help=_VERIFY)
@_verify_options
def certificate_verify(call: Call, *, file: Path, key: str | None) -> int:
    """As `document verify`."""
    return _verify(call, file, key)


def _verify(call: Call, file: Path, key: str | None) -> int:
    from ledger.cli.verifierkeys import ledger_key
    from ledger.documents.checking import check_offline, check_with_ledger
    from ledger.documents.container import MAX_FILE_BYTES
    from ledger.folder import read_limited

    trusted = ledger_key(key, "--key") if key is not None else None
    try:
        data = read_limited(file, MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unreadable(error) from None
    if trusted is not None:
        answer = check_offline(data, trusted)
    else:
        with call.reading() as ledger:
            answer = check_with_ledger(data, ledger)
    _say(call, answer)
    return 0 if answer.verdict == "genuine" else FAILED


def _say(call: Call, answer: Checked) -> None:
    if call.as_json:
        print_json(answer._asdict())
        return
    genuine_offline = answer.offline and answer.verdict == "genuine"
    click.echo(_(_OFFLINE if genuine_offline else VERDICTS[answer.verdict]))
    for reason in answer.reasons:
        click.echo(f"  {_(REASONS[reason])} ({reason})")
    print_fields([
        (N_("number"), answer.number),
        (N_("kind"), answer.kind and coded("DocumentKind")(answer.kind)),
        (N_("issued"), answer.issued_at and local(answer.issued_at)),
        (N_("SHA-256 of the data"), answer.twin), (N_("replaced by"), answer.replaced_by),
    ])  # fmt: skip
    for signature in answer.signatures:
        text = _("signed, and unchanged since: {subject}; certificate {certificate}")
        click.echo(printable(text.format(**signature)))
