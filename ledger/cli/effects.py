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
    "endpoint_not_named": N_(
        "lies in a store that this machine does not name: set MUNIMENT_S3_ENDPOINTS"
    ),
    "changed_since_recorded": N_("is not what was recorded"),
    "of_another_copy": N_("is another copy's file too"),
    "not_in_the_backup": N_("lies outside the backup's folder"),
    "holding_not_there": N_("is no longer there"),
    "kept_by_another": N_("is kept by another party"),
    "not_an_original": N_("is itself a copy"),
    "in_the_vault": N_("is in the vault already, or a copy of it is"),
    "still_there": N_("is recorded as gone, and its object is in the vault"),
    "other_content": N_("holds another content"),
    "row_not_there": N_("no longer has this row"),
    "copy_is_destroyed": N_("was destroyed itself"),
    "copy_is_lost": N_("was lost itself"),
    "copy_is_returned": N_("was returned itself"),
    "original_is_destroyed": N_("is of what was destroyed since"),
    "content_was_destroyed": N_("is of what was destroyed since, in another copy"),
    "copy_was_to_be_destroyed": N_("was to be destroyed itself, and was out of reach"),
    "original_is_returned": N_("is of what was returned since"),
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
