"""`muniment audit review` and `audit render`: reports as files that people look at.

A report is its JSON; HTML and PDF are printed from it. `render` prints them again for whoever has
the JSON alone, and with `-L` for whoever has the ledger: then what its keystore opens stands in the
pages, and a report that is not the one that was issued is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.cli.access_report import span_of, terms_of, terms_options
from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import PATH, TIME, argument, command, option, pass_call
from ledger.cli.language import N_
from ledger.cli.output import print_fields, print_json
from ledger.errors import MunimentError, UsageError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.audit.report.printed import Report

_OUT: Final = option(
    "--out", required=True, type=PATH, metavar="DIR", help=N_("The folder that gets the files.")
)


@command(
    "review",
    N_(
        "Write the access-review report of a span as PDF, as HTML with charts and as JSON.\n\n"
        "The JSON is that of `access report`, and its SHA-256 the one that `access review` "
        "records; the pages are printed from it. Names stand in the pages where your keystore "
        "opens them, never in the JSON. Nothing is recorded."
    ),
)
@option("--engagement", metavar="ID", help=N_("Only accesses under this deal."))
@option("--from", "first", type=TIME, help=N_("The first moment; that of the last review's end."))
@option("--until", "--to", "last", type=TIME,
        help=N_("The first moment after the span; now if not given."))  # fmt: skip
@_OUT
@terms_options
@as_of_option
@pass_call
def review(
    call: Call,
    *,
    engagement: str | None,
    first: str | None,
    last: str | None,
    out: Path,
    bulk: int,
    sample: int,
    seed: str,
    staff: Path | None,
    as_of: str | None,
) -> None:
    """Write `access-review.json`, `.html` and `.pdf`."""
    from ledger.accessreview import access_report
    from ledger.audit.report.names import texts_of
    from ledger.audit.report.printed import Report
    from ledger.cli.ids import resolve
    from ledger.cli.sentences import sentences

    with call.reading() as ledger:
        under = resolve(ledger, "engagement", engagement) if engagement else None
        entry = entry_of(call, ledger, as_of)
        span = span_of(ledger, under, first, last)
        terms = terms_of(ledger, bulk, sample, seed, staff)
        found = access_report(ledger, span, under, terms=terms, entry=entry)
        report = Report(found.data, texts_of(ledger, found), compared=True, sentences=sentences())
    write_report(call, out, report, {
        "access-review.json": report.json, "access-review.html": report.html,
        "access-review.pdf": report.pdf(),
    })  # fmt: skip


@command(
    "render",
    N_(
        "Print a report again from its JSON: the same bytes give the same pages.\n\n"
        "REPORT is a JSON that `audit report` or `audit review` wrote. Without a ledger the pages "
        "show ids, that texts are sealed, and that nobody has compared the report with the ledger. "
        "With -L they show what your keystore opens, and a report that is not the one the audit "
        "issued, or not the one that the ledger gives, is refused."
    ),
)
@argument("report", type=PATH, metavar="REPORT")
@_OUT
@pass_call
def render(call: Call, report: Path, *, out: Path) -> None:
    """Print a report's pages."""
    from ledger.audit.report.comparing import compared
    from ledger.audit.report.names import texts_of
    from ledger.audit.report.printed import MAX_BYTES, Report, load
    from ledger.cli.sentences import sentences
    from ledger.folder import read_limited

    try:
        data = read_limited(report, MAX_BYTES + 2)
    except (OSError, ValueError):
        raise UsageError("the report cannot be read; nothing was written") from None
    data = data.removesuffix(b"\n")  # as `access report --json` ends its line
    said = load(data)
    texts: Mapping[str, str] = {}
    known: bool | None = None
    if call.named_path is not None:
        with call.reading() as ledger:
            texts = texts_of(ledger, said)
            known = compared(ledger, said, Report(data).digest)
    if known is False:
        raise VerificationError(
            "this is not the report that the ledger knows; nothing was written",
            "muniment audit show AUDIT; muniment access report",
        )
    printed = Report(data, texts, compared=known is True, sentences=sentences())
    write_report(call, out, printed, {f"{report.stem}.html": printed.html,
                                      f"{report.stem}.pdf": printed.pdf()})  # fmt: skip


def write_report(call: Call, out: Path, report: Report, files: Mapping[str, bytes]) -> None:
    """Put finished files into a folder, each whole or not at all, and say where they are.

    Raises `UsageError`, before anything is written, if one of them is there already with other
    bytes.
    """
    from ledger.audit.issuing import check_target, write

    check_target(out, files)
    try:
        write(out, files)
    except OSError:
        raise MunimentError(
            "the files could not be written", "name a folder that this user can write to"
        ) from None
    paths = [str(out / name) for name in files]
    if call.as_json:
        print_json({"files": paths, "report": report.digest})
    else:
        print_fields([*((N_("Written"), path) for path in paths),
                      (N_("SHA-256 of the report"), report.digest)])  # fmt: skip
