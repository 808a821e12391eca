"""Commands, groups and options that speak two languages and take the general options anywhere.

A command module writes `@command(...)`, `@option(...)`, `@argument(...)` and `@pass_call` from
here instead of click's own; help texts are marked `N_("...")` and translated when shown. Whatever
a command returns is its exit code (None: 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from ledger.cli.call import Call
from ledger.cli.columns import pad, width, wrap
from ledger.cli.language import N_, _

_F = TypeVar("_F", bound=Callable[..., Any])

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # generic only in the newest versions
    ParamType = click.ParamType

pass_call = click.make_pass_decorator(Call, ensure=True)
"""Give a command the `Call` as its first argument."""


class _Formatter(click.HelpFormatter):
    """Help pages whose Chinese is wrapped and aligned by its width on the terminal."""

    def write_heading(self, heading: str) -> None:
        """Write what follows, with the colon of the language chosen."""
        super().write_heading(heading)
        if heading and "\u4e00" <= heading[-1] <= "\u9fff":
            self.buffer[-1] = self.buffer[-1].replace(":", "：")

    def write_text(self, text: str) -> None:
        """Write paragraphs, wrapped."""
        indent = " " * self.current_indent
        paragraphs = text.split("\n\n")
        wrapped = ("\n".join(indent + line for line in self._lines(p, 0)) for p in paragraphs)
        self.write("\n\n".join(wrapped) + "\n")

    def _lines(self, text: str, taken: int) -> list[str]:
        return wrap(text, max(self.width - self.current_indent - taken, 20))

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:  # noqa: ANN401
        """Write terms and what they mean, in two columns."""
        rows = list(rows)
        indent = " " * self.current_indent
        column = min(max((width(term) for term, _ in rows), default=0), col_max) + col_spacing
        for term, text in rows:
            lines = self._lines(text, column)
            if width(term) + col_spacing > column:
                self.write(f"{indent}{term}\n")
                term = ""  # noqa: PLW2901  written already
            for line in lines:
                self.write(f"{indent}{pad(term, column)}{line}".rstrip() + "\n")
                term = ""  # noqa: PLW2901


class _Context(click.Context):
    formatter_class = _Formatter


class Option(click.Option):
    """An option whose help is translated when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Spelling and help."""
        shown = copy(self)
        shown.help = _(self.help or "")
        return super(Option, shown).get_help_record(ctx)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:  # noqa: ANN401
    """Put a general option, wherever it stands, into the one `Call`."""
    call = ctx.find_root().ensure_object(Call)
    name = str(param.name)
    if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE and name in vars(call):
        setattr(call, name, value)
    return value


class AnyPath(ParamType):
    """A path; whether it is there is found out by using it."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:  # noqa: ANN401
        """The path that the text names."""
        if not str(value).strip():
            self.fail(_("a path is empty"), param, ctx)
        return Path(value)


def general_options(*, hidden: bool) -> list[click.Parameter]:
    """The options that every command takes; `hidden` where they are not explained again."""

    def add(*names: str, **settings: Any) -> Option:  # noqa: ANN401
        return Option(
            names, expose_value=False, callback=_remember, hidden=hidden, default=None, **settings
        )

    return [
        add("-L", "--ledger", "ledger_folder", type=AnyPath(), metavar="DIR",
            help=N_("The ledger's folder. Else MUNIMENT_LEDGER, else the nearest one above.")),
        add("--as", "as_actor", metavar="ACTOR",
            help=N_("Who acts: an actor's id or a unique part of it. Else MUNIMENT_ACTOR, else the "
                    "actor made by init.")),
        add("--json", "as_json", is_flag=True, help=N_("Print JSON, and errors as JSON too.")),
        add("--lang", "lang", type=click.Choice(["zh", "en"]),
            help=N_("Language of messages. MUNIMENT_LANG goes before it, the locale after it.")),
        add("-q", "--quiet", "quiet", is_flag=True, help=N_("Say nothing but results and errors.")),
        add("-v", "--verbose", "verbose", is_flag=True, help=N_("Say more about what goes on.")),
        add("--passphrase-file", "passphrase_file", metavar="FILE",
            help=N_("File with the acting actor's passphrase. Else MUNIMENT_PASSPHRASE_FILE.")),
        add("--passphrase-command", "passphrase_command", metavar="COMMAND",
            help=N_("Command that prints the acting actor's passphrase.")),
        add("--ledger-passphrase-file", "ledger_passphrase_file", metavar="FILE",
            help=N_("File with the passphrase of the ledger's key and keystore. Else "
                    "MUNIMENT_LEDGER_PASSPHRASE_FILE, else the actor's.")),
        add("--wait", "wait", type=click.FloatRange(0, 86_400), metavar="SECONDS",
            help=N_("How long to wait for another writer to finish; 10 if not given.")),
        add("--confirm-clock", "confirm_clock", is_flag=True,
            help=N_("This machine's clock is right although it has jumped ahead.")),
    ]  # fmt: skip


_HIDDEN: Final = general_options(hidden=True)
_SHOWN: Final = general_options(hidden=False)


class Command(click.Command):
    """A command that takes the general options, too."""

    context_class = _Context

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the general options."""
        return [*super().get_params(ctx), *_HIDDEN]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what is too much is counted, not repeated: it may be somebody's name."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            ctx.fail(_("{count} arguments too many").format(count=len(rest)))
        return rest

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help, translated."""
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_(self.help or ""))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write where the general options are explained."""
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            if self.epilog:
                formatter.write_text(_(self.epilog))
                formatter.write_paragraph()
            formatter.write_text(
                _("-L DIR, --as ACTOR, --json and the other general options (muniment --help) may "
                  "stand here too.")
            )  # fmt: skip

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence of the help, translated."""
        del limit
        return _(self.help or "").split("\n\n")[0]


class Group(click.Group):
    """A thing with several commands."""

    context_class = _Context
    command_class = Command
    format_help_text = Command.format_help_text
    format_epilog = Command.format_epilog
    get_short_help_str = Command.get_short_help_str

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the general options."""
        return [*super().get_params(ctx), *_HIDDEN]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they were written."""
        del ctx
        return list(self.commands)


def command(name: str, text: str) -> Callable[[Callable[..., Any]], Command]:
    """A command `name` with its help (`N_("...")`; the first paragraph is the short form)."""
    return click.command(name, cls=Command, help=text)


def group(name: str, text: str) -> Callable[[Callable[..., Any]], Group]:
    """A group of commands; add to it with `@<group>.command("name", help=N_("..."))`."""
    return click.group(name, cls=Group, help=text)


class _Number(str):
    """What click calls a kind of number; said in the language chosen, in the midst of a message."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        """The words for it."""
        return format(_(_NUMBERS.get(str(self), str(self))), spec)


_NUMBERS: Final = {
    "integer": N_("whole number"), "integer range": N_("whole number"),
    "float": N_("decimal number"), "float range": N_("decimal number"),
}  # fmt: skip


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    kind = settings.get("type")
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        kind.name = _Number(kind.name)
    return settings


def option(*names: str, **settings: Any) -> Callable[[_F], _F]:  # noqa: ANN401  click's own
    """As `click.option`, with translated help."""
    return click.option(*names, cls=Option, **_named(settings))


def argument(name: str, **settings: Any) -> Callable[[_F], _F]:  # noqa: ANN401  click's own
    """As `click.argument`."""
    return click.argument(name, **_named(settings))


class CodeType(ParamType):
    """A code of an enumeration of `domain.codes`."""

    name = "code"

    def __init__(self, enumeration: str) -> None:
        self.enumeration = enumeration

    def codes(self) -> Sequence[str]:
        """The codes, in the order in which people are shown them."""
        from domain.codes import ENUMERATIONS

        return ENUMERATIONS[self.enumeration].codes

    def convert(self, value: Any, param: Any, ctx: Any) -> str:  # noqa: ANN401
        """The code itself; a usage error names the codes there are, not what was given."""
        if value in self.codes():
            return str(value)
        text = _("not one of the codes {codes} (labels: muniment codes {enumeration})").format(
            codes=", ".join(self.codes()), enumeration=self.enumeration
        )
        return self.fail(text, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands for the value in help."""
        del param, ctx
        return "CODE"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """The codes that begin like this."""
        del ctx, param
        from click.shell_completion import CompletionItem

        return [CompletionItem(code) for code in self.codes() if code.startswith(incomplete)]


class DayType(ParamType):
    """A day, `YYYY-MM-DD`."""

    name = "day"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:  # noqa: ANN401
        """The day as events write it."""
        from datetime import date

        try:
            day = date.fromisoformat(value) if len(value) == len("YYYY-MM-DD") else None
        except ValueError:
            day = None
        if day is None:
            self.fail(_("not a day: YYYY-MM-DD"), param, ctx)
        return str(day.isoformat())

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands for the value in help."""
        del param, ctx
        return "DAY"


class TimeType(ParamType):
    """A moment in RFC 3339; without an offset it is local time."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:  # noqa: ANN401
        """The moment as events write it: UTC, milliseconds."""
        from datetime import datetime

        from domain.values import timestamp

        try:
            found = datetime.fromisoformat(value)
            # years that have four digits in UTC, too
            instant = found.astimezone() if 1900 <= found.year <= 9998 else None  # noqa: PLR2004
        except (ValueError, OverflowError, OSError):
            instant = None
        if instant is None:
            text = _("not a time: 2026-11-21T09:30:00+08:00, or without offset in local time")
            return self.fail(text, param, ctx)
        return timestamp(instant)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands for the value in help."""
        del param, ctx
        return "TIME"


CODE = CodeType
DAY: Final = DayType()
TIME: Final = TimeType()
PATH: Final = AnyPath()


def root_options() -> list[click.Parameter]:
    """The general options as the root command explains them."""
    return list(_SHOWN)
