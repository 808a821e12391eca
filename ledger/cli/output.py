"""What a command prints: results on standard output, everything else on standard error.

Results are tables, JSON, JSON lines or CSV, whose keys and codes are never translated; only the
table has labels, local times and the language chosen. Rows are dictionaries of plain values.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from ledger.cli.call import Call
from ledger.cli.columns import printable, table
from ledger.cli.command import option
from ledger.cli.language import N_, _, language

if TYPE_CHECKING:
    from domain.values import Event
    from ledger.recorder import Receipt

_F = TypeVar("_F", bound=Callable[..., Any])
Row = Mapping[str, Any]

FORMATS: Final = ("table", "json", "ndjson", "csv")


class Column(NamedTuple):
    """A column of the table for people: the row's key, the title, and how a value is shown."""

    key: str
    title: str
    show: Callable[[Any], str] = str
    right: bool = False


def format_option(function: _F) -> _F:
    """Add `--format`; the command gets `style`, None if it was not given."""
    return option(
        "--format",
        "style",
        type=click.Choice(FORMATS),
        help=N_("How rows are printed; --json is the same as --format json."),
    )(function)


def print_rows(
    call: Call,
    rows: Iterable[Row],
    columns: Sequence[Column],
    style: str | None,
    keys: Sequence[str],
) -> None:
    """Print rows as asked, as they come.

    `keys`: what a row has for machines, in order; what only the table shows is left out.
    """
    chosen = style or ("json" if call.as_json else "table")
    if chosen == "table":
        for line in _table_lines(rows, columns):
            click.echo(line)
    elif chosen == "csv":
        _print_csv(rows, keys)
    else:
        plain = ({key: row.get(key) for key in keys} for row in rows)
        for line in map(dumps, plain) if chosen == "ndjson" else _json_array(plain):
            click.echo(line)


def _table_lines(rows: Iterable[Row], columns: Sequence[Column]) -> Iterable[str]:
    cells = ([_cell(row.get(column.key), column.show) for column in columns] for row in rows)
    right = frozenset(index for index, column in enumerate(columns) if column.right)
    return table([_(column.title) for column in columns], cells, right)


def _cell(value: Any, show: Callable[[Any], str]) -> str:  # noqa: ANN401
    return "" if value is None else printable(show(value))


def _print_csv(rows: Iterable[Row], keys: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(keys)
    for row in rows:
        writer.writerow([_plain(row.get(key)) for key in keys])


def _plain(value: Any) -> Any:  # noqa: ANN401
    return dumps(value) if isinstance(value, dict | list | tuple) else value


def _json_array(rows: Iterable[Row]) -> Iterator[str]:
    """One array, a row a line, without holding more than a row."""
    before = "["
    for row in rows:
        yield before + dumps(row)
        before = ","
    yield "]" if before == "," else "[]"


def dumps(value: Any) -> str:  # noqa: ANN401
    """JSON on one line; not only ASCII where standard output can take it."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    text = json.dumps(value, ensure_ascii=encoding != "utf8")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a name that is not UTF-8
        return json.dumps(value)
    return text


def print_json(value: Any) -> None:  # noqa: ANN401
    """Print one JSON value on one line."""
    click.echo(dumps(value))


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Print titles and values for people, a line each, values aligned; None is left out."""
    from ledger.cli.columns import pad, width

    shown = [(_title(title), printable(str(value))) for title, value in fields if value is not None]
    column = max((width(title) for title, _value in shown), default=0)
    for title, value in shown:
        click.echo(f"{pad(title, column)}  {value}".rstrip())


def _title(title: str) -> str:
    """A title translated; spaces before it stay."""
    text = title.lstrip()
    return " " * (len(title) - len(text)) + _(text)


def note(call: Call, text: str) -> None:
    """Say something on standard error, unless `-q`."""
    if not call.quiet:
        click.echo(printable(text), err=True)


# -- what was recorded ------------------------------------------------------------------------


def recorded(call: Call, receipt: Receipt, **ids: str | int) -> None:
    """Print what a commit recorded: every event's id and position, and the ids made by it."""
    if call.as_json:
        print_json({**ids, **receipt_fields(receipt)})
        return
    for name, value in ids.items():
        click.echo(told(name, value))
    for line in _table_lines(_events(receipt), _RECORDED):
        click.echo(line)
    if receipt.repeated:
        note(call, _("This was recorded before, at entry {entry}.").format(entry=receipt.entry))


TOLD: Final = (
    N_("actor"), N_("act_key"), N_("audit"), N_("backup"), N_("before"), N_("bytes"), N_("case"),
    N_("consecutive"), N_("copies"), N_("copy"), N_("cosign_key"), N_("count"), N_("digest"),
    N_("document"), N_("engagement"), N_("entry"), N_("faulty"), N_("finding"), N_("grant"),
    N_("handover"), N_("hold"), N_("holding"), N_("in_order"), N_("inspected"), N_("items"),
    N_("key"), N_("left"), N_("lines"), N_("matched"), N_("medium"), N_("notice"), N_("number"),
    N_("package"), N_("party"), N_("read"), N_("record"), N_("records"), N_("report"),
    N_("rights"), N_("root"), N_("sample_size"), N_("seal_key"), N_("seed"), N_("subject"),
    N_("taken"), N_("without_period"),
)  # fmt: skip
"""What acts make or count, as their JSON names it; named here for the catalogue."""


def told(name: str, value: object) -> str:
    """What an act made or counted, by its name in the language chosen."""
    return f"{_(name)} {value}"


def receipt_fields(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON shows it."""
    return {
        "entry": receipt.entry,
        "accepted": receipt.accepted,
        "repeated": receipt.repeated,
        "events": list(_events(receipt)),
    }


def _events(receipt: Receipt) -> Iterator[Row]:
    for position, event in enumerate(receipt.events, receipt.first):
        yield {"event": event.id, "position": position, "type": topic(event)}


def topic(event: Event) -> str:
    """The frozen topic of an event."""
    return str(event.__struct_config__.tag)


# -- how values are shown to people -----------------------------------------------------------


def local(time: str) -> str:
    """A time of an event in local time, to the second."""
    from domain.values import moment

    return moment(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def coded(enumeration: str) -> Callable[[str], str]:
    """Shows a code by its label in the language chosen."""

    def show(code: str) -> str:
        from domain.codes import label

        try:
            return label(enumeration, code, language())
        except KeyError:
            return code

    return show


def labelled(code: str) -> str:
    """The label of an event's topic in the language chosen."""
    from ledger.cli.labels import topic_label

    return topic_label(code, language())


def yes(value: object) -> str:
    """Yes or nothing."""
    return _("yes") if value else ""


def named(name: str, value: object) -> str:
    """A name and its value, with the colon of the language chosen."""
    return _("{name}: {value}").format(name=name, value=value)


def led(mark: str, text: str) -> str:
    """A text after its mark (`Error:`); the Chinese colon has its own space."""
    mark = _(mark)
    return mark + ("" if mark.endswith("：") else " ") + text


def named_list(name: str) -> str:
    """The name of what follows on further lines, with its colon."""
    return named(name, "").rstrip()


def listed(words: Iterable[str]) -> str:
    """Words of the language chosen, on one line with its commas."""
    found = ""
    for word in words:
        found = _("{some}, {more}").format(some=found, more=word) if found else word
    return found


def several(values: Iterable[str]) -> str:
    """Values on one line."""
    return _(", ").join(values)


_RECORDED: Final = (
    Column("position", N_("position"), right=True),
    Column("type", N_("recorded"), labelled),
    Column("event", N_("event")),
)
