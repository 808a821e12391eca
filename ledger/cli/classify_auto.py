"""`muniment classify --auto`: proposals from content, which a person confirms or does not."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ledger.cli.call import Call
from ledger.cli.columns import printable, table, wrap
from ledger.cli.command import option
from ledger.cli.effects import CAUSES as _SOURCES
from ledger.cli.effects import INCOMPLETE
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    note,
    print_rows,
    receipt_fields,
    recorded,
    several,
    yes,
)
from ledger.cli.recording import How
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.classifying import Proposed, Unread
    from ledger.content.counting import Found

_A_COMMIT: Final = 1_000

CAUSES: Final[Mapping[str, str]] = {
    **_SOURCES,
    "no_copy_here": N_("no copy of it is there"),
    "empty": N_("is empty"),
    "restricted": N_("is restricted: only stored and protected, and not read"),
    "encrypted_document": N_("opens with a password only"),
    "xml_bomb": N_("declares entities or a document type in its XML, and was not opened"),
    "zip_bomb": N_("would grow too much when unpacked, and was not"),
    "damaged_document": N_("is damaged, or not what it claims to be"),
    "unknown_type": N_("is of a kind that is not read: pictures, sound, doc, ppt, archives"),
    "no_text": N_("has no text in it, as scans and empty documents"),
    "too_large": N_("is larger than what is read"),
    "too_long": N_("takes longer to read than it may"),
    "too_much_memory": N_("takes more memory to read than it may"),
    "needs_ingest_extra": N_(
        "needs programs that are not installed: pip install 'muniment[ingest]'"
    ),
}
"""What each cause of `ledger.content` means to a person, after those of `ledger.effects`."""

NOTES: Final[Mapping[str, str]] = {
    "letter": N_("is e-mail"),
    "name_says_other": N_("its name's ending belongs to another kind of document"),
    "attachment_not_read": N_("an attachment could not be read"),
    "pages_without_text": N_("some pages have no text, as scans"),
    "numbers_shortened": N_("a number of more than 15 digits lost the others in the workbook"),
}

KINDS: Final[Mapping[str, str]] = {
    "name": N_("names"),
    "mobile": N_("mobile numbers"),
    "landline": N_("landline numbers"),
    "email": N_("e-mail addresses"),
    "im_account": N_("messenger accounts"),
    "address": N_("addresses"),
    "id_number": N_("identity numbers"),
    "passport": N_("passport numbers"),
    "uscc": N_("social credit codes of firms"),
    "bank_card": N_("bank cards"),
    "bank_account": N_("accounts"),
    "plate": N_("number plates"),
    "birth_date": N_("dates of birth"),
    "gender": N_("sex"),
    "employer": N_("employers"),
    "ethnicity": N_("ethnic group"),
    "religion": N_("religion"),
    "politics": N_("political status"),
    "orientation": N_("sexual orientation"),
    "status": N_("disability or convictions"),
    "health": N_("health"),
    "biometric": N_("biometric data"),
    "location": N_("locations"),
    "credit": N_("credit history"),
    "minor": N_("people under fourteen"),
    "child": N_("names of children"),
    "message": N_("messages"),
    "preference": N_("preferences"),
    "order": N_("orders"),
    "payment": N_("payments"),
    "after_sales": N_("after-sales service"),
    "service": N_("services"),
    "contract": N_("contracts"),
    "feedback": N_("feedback"),
    "consent": N_("consents"),
    "voucher": N_("accounting vouchers"),
    "letter": N_("e-mail"),
}
"""What each kind of `ledger.content.profile` is called."""

KEYS: Final = (
    "record", "categories", "level", "sensitivity", "sensitive_kinds", "profile", "profile_version",
    "rows", "found", "notes", "lower", "of_table", "cause",
)  # fmt: skip


class Auto(NamedTuple):
    """What the options of `--auto` say; `style`: how proposals are printed."""

    auto: bool
    every: bool
    confirmed: tuple[str, ...]
    unasked: bool
    style: str | None

    def asked(self, records: Sequence[str]) -> bool:
        """Whether to propose. Raises `UsageError` for options that do not go together."""
        if not self.auto:
            if self.every or self.confirmed or self.unasked or self.style:
                raise UsageError("--all, --confirm, --yes and --format go with --auto")
            return False
        if self.every == bool(records):
            raise UsageError("name records or --all; nothing was read")
        if self.confirmed and self.unasked:
            raise UsageError("--confirm and --yes exclude each other; nothing was read")
        return True

    def run(
        self,
        call: Call,
        records: Sequence[str],
        profile: str | None,
        axes: Mapping[str, Any],
        how: How,
    ) -> int:
        """Propose, print, ask, record what was confirmed; the exit code."""
        from ledger.classifying import Proposed, proposals, unclassified
        from ledger.cli.ids import resolve

        with call.reading() as ledger:
            code = profile or ledger.policy().classification.profile
            ids = [resolve(ledger, "record", record) for record in records]
            wanted = {resolve(ledger, "record", record) for record in self.confirmed}
            if not self.every and not wanted <= set(ids):
                raise UsageError("--confirm names a record that is not read; nothing was read")
            chosen_records: Iterable[str] = (
                unclassified(ledger) if self.every else dict.fromkeys(ids)
            )
            proposed: list[Proposed] = []
            unread: list[Unread] = []

            def rows() -> Iterator[dict[str, Any]]:
                for outcome in proposals(ledger, chosen_records, code):
                    if isinstance(outcome, Proposed):
                        proposed.append(outcome)
                    else:
                        unread.append(outcome)
                    yield _row(outcome, code)

            if self._style(call) in (None, "table"):
                for line in _lines(row for row in rows() if "cause" not in row):
                    click.echo(line)
            else:
                print_rows(call, rows(), (), self._style(call), KEYS)
        _say_unread(call, unread)
        chosen = [p for p in proposed if self._confirms(call, p, wanted)]
        if chosen:
            _record(call, how, chosen, code, axes)
        elif proposed:
            note(
                call, _("Nothing is recorded yet. To confirm: --confirm RECORD for each, or --yes.")
            )
        return INCOMPLETE if unread else 0

    def _style(self, call: Call) -> str | None:
        return self.style or ("ndjson" if call.as_json else None)

    def _confirms(self, call: Call, proposed: Proposed, wanted: set[str]) -> bool:
        """Whether the person who calls has confirmed this proposal, or does so now."""
        if self.unasked or self.confirmed:
            return self.unasked or proposed.record in wanted
        if call.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        question = _("Classify {record} so?").format(record=proposed.record)
        return click.confirm(question, default=False, err=True)


def auto_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `Auto`; the command gets them as `auto`."""

    @option("--auto", is_flag=True, help=N_("Propose what their contents say."))
    @option("--all", "every", is_flag=True, help=N_("With --auto: all that are not classified."))
    @option(
        "--confirm",
        "confirmed",
        multiple=True,
        metavar="RECORD",
        help=N_("With --auto: record the proposal for this record; repeatable."),
    )
    @option("--yes", "unasked", is_flag=True, help=N_("With --auto: record all proposals."))
    @format_option
    @wraps(function)
    def with_auto(
        *args: Any,  # noqa: ANN401  what the command takes
        auto: bool,
        every: bool,
        confirmed: tuple[str, ...],
        unasked: bool,
        style: str | None,
        **rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return function(*args, auto=Auto(auto, every, confirmed, unasked, style), **rest)

    return with_auto  # fmt: skip


def _record(
    call: Call, how: How, chosen: Sequence[Proposed], code: str, axes: Mapping[str, Any]
) -> None:
    """Record what was confirmed: ordinary classifications, a thousand a commit."""
    if how.draft is not None and len(chosen) > _A_COMMIT:
        raise UsageError("a draft holds at most 1000 classifications; confirm fewer at once")
    with call.writing() as ledger:
        acting = call.acting(ledger)
        for first in range(0, len(chosen), _A_COMMIT):
            some = chosen[first : first + _A_COMMIT]
            receipt = how.record(ledger, acting, [_proposal(ledger, p, code, axes) for p in some])
            if receipt is not None and call.as_json:
                from ledger.cli.output import print_json

                print_json({"message_type": "recorded", **receipt_fields(receipt)})
            elif receipt is not None:
                recorded(call, receipt)
            else:
                how.tell(call, receipt)


def _proposal(ledger: Ledger, proposed: Proposed, code: str, given: Mapping[str, Any]) -> Any:  # noqa: ANN401
    from ledger.acts import classify
    from ledger.content.profile import profile

    axes = proposed.axes
    fields = {
        "categories": list(axes.categories),
        "level": axes.level,
        "sensitivity": axes.sensitivity,
        "sensitive_kinds": list(axes.sensitive_kinds),
        "profile": code,
        **given,
    }
    return classify(ledger, proposed.record, fields, proposed.rationale(profile(code)))


def _say_unread(call: Call, unread: Sequence[Unread]) -> None:
    for one in () if call.as_json else unread:
        meaning = _(CAUSES.get(one.cause, one.cause))
        click.echo(f"{one.record}: {meaning} ({one.cause})", err=True)


def _row(outcome: Proposed | Unread, code: str) -> dict[str, Any]:
    from ledger.classifying import Unread
    from ledger.content.profile import profile

    if isinstance(outcome, Unread):
        return {"record": outcome.record, "cause": outcome.cause}
    axes, counts = outcome.axes, outcome.counts
    return {
        "record": outcome.record,
        "categories": list(axes.categories),
        "level": axes.level,
        "sensitivity": axes.sensitivity,
        "sensitive_kinds": list(axes.sensitive_kinds),
        "profile": code,
        "profile_version": profile(code).version,
        "rows": counts.rows,
        "found": [_found(found) for found in counts.found],
        "notes": list(counts.notes),
        "lower": outcome.lower,
        "of_table": outcome.of_table,
    }


def _found(found: Found) -> dict[str, Any]:
    where = {"sheet": found.sheet, "column": found.column} if found.column else {}
    return {"kind": found.kind, "count": found.count, **where}


def _reason(found: Mapping[str, Any]) -> str:
    where = ""
    if "column" in found:
        where = " " + _("(column {column})").format(column=found["column"])
    return f"{_(KINDS[found['kind']])} {found['count']}{where}"


def _labels(enumeration: str) -> Callable[[Sequence[str]], str]:
    show = coded(enumeration)
    return lambda codes: several(map(show, codes))


_COLUMNS: Final = (
    Column("record", N_("record")),
    Column("sensitivity", N_("sensitivity"), coded("Sensitivity")),
    Column("level", N_("level"), coded("DataLevel")),
)
_REASONS: Final = (
    Column("categories", N_("category"), _labels("RecordCategory")),
    Column("sensitive_kinds", N_("kinds"), _labels("SensitivePiKind")),
    Column("found", N_("found"), lambda found: several(map(_reason, found))),
    Column("notes", N_("notes"), lambda notes: several(_(NOTES[code]) for code in notes)),
    Column("lower", N_("lower than now"), yes),
)
_WIDTH: Final = 110


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A table of what is proposed, and under each record why, in lines that fit a screen."""
    waiting: deque[dict[str, Any]] = deque()

    def cells() -> Iterator[list[str]]:
        for row in rows:
            waiting.append(row)
            yield [printable(column.show(row[column.key])) for column in _COLUMNS]

    lines = iter(table([_(column.title) for column in _COLUMNS], cells()))
    header = [next(lines, ""), next(lines, "")]
    if waiting:
        yield from header
    for line in lines:
        yield line
        row = waiting.popleft()
        for column in _REASONS:
            if row[column.key]:
                text = f"{_(column.title)}: {printable(column.show(row[column.key]))}"
                yield from (f"    {part}" for part in wrap(text, _WIDTH))
