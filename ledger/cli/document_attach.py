"""`muniment document attach`: a paper that was signed elsewhere, by its digest."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from typing import Final

from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, argument, command, option, pass_call
from ledger.cli.init import checked_text
from ledger.cli.language import N_
from ledger.cli.recording import How, act_options

_CODE: Final = re.compile("[a-z][a-z0-9_.-]{0,63}")
_UNKNOWN: Final = "application.octet-stream"


def media_type_of(file: Path) -> str:
    """The media type that a file's name says, as a code: a full stop for the slash.

    >>> media_type_of(Path("保密协议.pdf")), media_type_of(Path("扫描"))
    ('application.pdf', 'application.octet-stream')
    """
    named, encoding = mimetypes.guess_type(file.name, strict=True)
    code = (named or "").replace("/", ".").lower()
    return code if encoding is None and _CODE.fullmatch(code) else _UNKNOWN


@command(
    "attach",
    N_(
        "Register a document that was signed on paper or elsewhere: an agreement, a letter of "
        "authority, a legal opinion, an assessment.\n\n"
        "Its SHA-256 and title are sealed; the file itself stays where it is. With --engagement "
        "it belongs to that deal."
    ),
)
@argument("file", type=PATH, metavar="FILE")
@option("--kind", type=CODE("DocumentKind"), required=True, help=N_("What it is."))
@option("--title", metavar="TEXT", help=N_("What it is called; sealed."))
@option(
    "--party", "parties", metavar="PARTY", multiple=True,
    help=N_("Who signed or sealed it; repeatable."),
)  # fmt: skip
@option("--from", "begins_on", type=DAY, help=N_("The first day on which it holds."))
@option("--to", "ends_on", type=DAY, help=N_("The last day on which it holds."))
@act_options
@pass_call
def attach(
    call: Call,
    *,
    file: Path,
    kind: str,
    title: str | None,
    parties: tuple[str, ...],
    begins_on: str | None,
    ends_on: str | None,
    how: How,
) -> None:
    """Record `document.attached`."""
    from ledger.cli.ids import resolve
    from ledger.deals import attach_document, read_document

    checked_text(title, "--title")
    digest, size = read_document(file)
    with call.writing() as ledger:
        proposal = attach_document(
            kind, digest, size, media_type_of(file), title=title, begins_on=begins_on,
            ends_on=ends_on, parties=[resolve(ledger, "party", party) for party in parties],
        )  # fmt: skip
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    how.tell(call, receipt, document=proposal.stream)
