"""What acts share whose effect comes at once: copying, handing out, removing.

Nobody signs them later, so they have no `--draft` and no `--with`; and they happen now, so they
have no `--at`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ledger.cli.call import Call
from ledger.cli.collect import CAUSES as _SOURCES
from ledger.cli.command import CODE, option
from ledger.cli.language import N_, _

if TYPE_CHECKING:
    from ledger.application import Ledger

INCOMPLETE: Final = 4

CAUSES: Final[Mapping[str, str]] = {
    "key_not_here": N_("a data key is not in this keystore"),
    **_SOURCES,
    "erased": N_("has lost the texts that say where it lies"),
    "not_a_file_here": N_("is no file that lies here"),
    "changed_since_recorded": N_("is not what was recorded"),
    "holding_not_there": N_("is no longer there"),
    "kept_by_another": N_("is kept by another party"),
    "not_an_original": N_("is itself a copy"),
    "other_content": N_("holds another content"),
    "row_not_there": N_("no longer has this row"),
}
"""What each cause means to a person."""


class Standing(NamedTuple):
    """In which role, and for which engagement, somebody acts."""

    in_role: str | None
    engagement: str | None

    def options(self, ledger: Ledger) -> dict[str, str | None]:
        """As the functions of `ledger` take them."""
        from ledger.cli.ids import resolve

        engagement = resolve(ledger, "engagement", self.engagement) if self.engagement else None
        return {"role": self.in_role, "engagement": engagement}


def effect_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `Standing`; the command gets them as `standing`."""

    @option("--in-role", type=CODE("Role"), help=N_("The role in which you act, of those held."))
    @option("--engagement", metavar="ID", help=N_("The engagement; the routine one if not given."))
    @wraps(function)
    def with_standing(
        *args: Any,  # noqa: ANN401  what the command takes
        in_role: str | None,
        engagement: str | None,
        **rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return function(*args, standing=Standing(in_role, engagement), **rest)

    return with_standing


def say_failures(call: Call, failed: Iterable[tuple[str, str]]) -> None:
    """Name on standard error what could not be done with which copy, and why."""
    if call.as_json:
        return
    for holding, cause in failed:
        click.echo(f"{holding}: {_(CAUSES.get(cause, cause))} ({cause})", err=True)


def failures(failed: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The same for machines."""
    return [{"holding": holding, "cause": cause} for holding, cause in failed]


def progress(call: Call) -> Callable[[int, int], None] | None:
    """Shows how far it has come, where somebody is watching."""
    if call.quiet or call.as_json or not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        end = "\r\x1b[K" if done == total else f"\r{done}/{total} …"
        click.echo(end, nl=False, err=True)

    return show
