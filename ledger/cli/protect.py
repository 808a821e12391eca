"""`muniment keystore protect`: what opens the keystore, a passphrase or a token."""

from __future__ import annotations

import click

from ledger.cli.call import Call
from ledger.cli.command import command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import print_json


@command(
    "protect",
    N_(
        "Put the keystore under another passphrase, or under a PKCS#11 token.\n\n"
        "Under a token, nobody opens the keystore without the token and its PIN; the driver is "
        "named by MUNIMENT_PKCS11_MODULE, the PIN comes from MUNIMENT_TOKEN_PIN_FILE or is asked "
        "for. Copies of the keystore made before still open as they did: destroy them, and record "
        "it."
    ),
)
@option("--token", metavar="URI", help=N_("The key on the token: pkcs11:token=LABEL;object=LABEL."))
@option("--create", is_flag=True, help=N_("Make that key on the token first."))
@option(
    "--new-passphrase-file", metavar="FILE",
    help=N_("File with the keystore's new passphrase. Else MUNIMENT_NEW_PASSPHRASE_FILE."),
)  # fmt: skip
@pass_call
def protect(
    call: Call, *, token: str | None, create: bool, new_passphrase_file: str | None
) -> None:
    """Replace `kek.json`; nothing else changes."""
    from ledger.cli.passphrases import new_passphrase
    from ledger.keyfile import STANDARD_COST, protect_anew
    from ledger.keystore import KEK_FILE, keeper_of
    from ledger.token import TokenKey

    if (create and not token) or (new_passphrase_file and token):
        raise click.UsageError(_("--create goes with --token, --new-passphrase-file without it"))
    key = TokenKey.parse(token) if token else None
    with call.writing() as ledger:
        folder = ledger.folder.keystore
        old = call.passphrases(keeper_of(folder))
        if key is None:
            new = new_passphrase(new_passphrase_file)
        else:
            new = call.passphrases("token")
            if create:
                key.create(new)
        protect_anew(folder / KEK_FILE, old, new, key or STANDARD_COST)
    if call.as_json:
        print_json({"protected_by": key.uri if key else "passphrase"})
    else:
        click.echo(_("The keystore opens with the token from now on.") if key else
                   _("The keystore opens with the new passphrase from now on."))  # fmt: skip
