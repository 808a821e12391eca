"""`muniment completion`: the script that a shell sources to complete commands and options."""

from __future__ import annotations

import click

from ledger.cli.command import argument, command
from ledger.cli.language import N_


@command(
    "completion",
    N_(
        "Print the completion script of a shell.\n\n"
        'bash: eval "$(muniment completion bash)"; zsh the same; fish: muniment completion fish | '
        "source"
    ),
)
@argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script of `shell`."""
    from click.shell_completion import ShellComplete, get_completion_class

    from ledger.cli import muniment

    kind = get_completion_class(shell)
    assert kind is not None
    maker = kind(muniment, {}, "muniment", "_MUNIMENT_COMPLETE")
    # The base's method: bash's own starts a bash only to look at its version.
    click.echo(ShellComplete.source(maker))
