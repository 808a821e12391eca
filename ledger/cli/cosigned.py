"""What is cosigned under the policy, as `checkpoint`, `status` and `verify` show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ledger.cli.language import N_, _, plural
from ledger.cli.output import several
from ledger.cli.witness import moment

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.cosigning import Standing
    from ledger.folder import Folder


def fields_of(found: Standing) -> dict[str, Any]:
    """One state as JSON shows it; times in POSIX seconds, names as the policy has them."""
    return {
        "size": found.head.size,
        "root": found.head.root.hex(),
        "quorum": found.quorum.met,
        "reason": found.quorum.reason,
        "cosigned": [{"name": name, "time": time} for name, time in found.cosigned.items()],
        "missing": list(found.missing),
    }


def cosigned_in(
    connection: sa.Connection, folder: Folder, entries: int | None = None
) -> dict[str, Any] | None:
    """The newest signed state and the newest whose quorum is met; None without a policy."""
    from ledger.cosigning import policy_of, shown

    policy = policy_of(folder)
    if policy is None:
        return None
    found = shown(connection, policy, entries)
    return {
        "newest": fields_of(found.newest) if found.newest else None,
        "met": fields_of(found.met) if found.met else None,
    }


def cosigned_of(folder: Folder) -> dict[str, Any] | None:
    """As `cosigned_in`, of a folder that is not open."""
    from ledger.cosigning import policy_of, read_tree

    if policy_of(folder) is None:
        return None
    with read_tree(folder.path) as (connection, _tree):
        return cosigned_in(connection, folder)


def cosigned_rows(found: dict[str, Any] | None) -> list[tuple[str, object]]:
    """What people are shown of it: titles and values; nothing without a policy."""
    if found is None:
        return []
    met, newest = found["met"], found["newest"]
    last = max((one["time"] for one in met["cosigned"]), default=None) if met else None
    return [
        (N_("quorum met over"), met["size"] if met else _("no state")),
        ("  " + N_("cosigned last"), None if last is None else moment(last)),
        (
            "  " + N_("missing on the newest"),
            several(newest["missing"]) or None if newest else None,
        ),
    ]


def show_cosigned(found: dict[str, Any] | None) -> None:
    """Say on lines of their own whether the policy's quorum is met, and by what."""
    from ledger.cli.columns import printable

    if found is None:
        return
    met, newest = found["met"], found["newest"]
    if met is None:
        click.echo(_("No state is cosigned as the policy asks."))
    else:
        text = plural(
            "Cosigned as the policy asks: the state of {size} entry.",
            "Cosigned as the policy asks: the state of {size} entries.",
            met["size"],
        )
        click.echo(text.format(size=met["size"]))
        for one in met["cosigned"]:
            click.echo(printable(f"  {one['name']}  {moment(one['time'])}"))
    if newest is not None and not newest["quorum"]:
        text = _("The newest, of {size} entries, is not: {missing} missing.")
        shown = text.format(size=newest["size"], missing=several(newest["missing"]))
        click.echo(printable(shown))
