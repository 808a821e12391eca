"""A ledger that lost entries for good goes on under a new origin (DESIGN 5).

Whoever holds a lost entry could show it against a ledger that went on as if it had never been. So
a new ledger is founded, and its first event names the old one: origin, entry 0, the head that is
left, and the entries that are known to be lost. The old folder stays beside it as an archive that
is verified, read and exported from, and never written again (`trust/continued`). Nothing of its
content is taken over: what is still to be managed is collected into the new ledger.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from domain.actor import ActorRegistered
from domain.ledger import Former, LedgerInitialized
from domain.party import PartyRegistered
from domain.values import Event
from ledger.acting import Passphrases
from ledger.application import Ledger
from ledger.effects.keycopying import name_keystore
from ledger.effects.ledgerrestore import BehindLedger, keys_of, without_rollback
from ledger.errors import MunimentError, NoteError, UsageError, VerificationError
from ledger.folder import Folder, write_atomically
from ledger.founding import Founded, Founding, found_ledger
from ledger.inspection import inspect
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint


class Renewed(NamedTuple):
    """A new ledger that continues another: where it lies, its ids, and what it says of the old."""

    folder: Path
    founded: Founded
    former: Former


class Names(NamedTuple):
    """The firm that keeps the new ledger, and who opens it; empty: as in the old one."""

    party: str = ""
    actor: str = ""


def renew(
    old: Folder,
    into: Path,
    origin: str,
    passphrases: Passphrases,
    *,
    names: Names = Names(),  # noqa: B008  immutable
    seen: bytes | None = None,
    keystore_medium: str | None = None,
    **founding: Any,  # noqa: ANN401  those of `found_ledger`
) -> Renewed:
    """Found a ledger in `into` under `origin` that continues `old`, and end `old`.

    `seen`: a checkpoint of the old ledger that somebody holds, over entries that are lost;
    `keystore_medium`: what the new keystore lies on, None to leave that unnamed. Raises
    `UsageError` where nothing is missing, or no names can be had; `VerificationError` if what is
    left of the old ledger does not verify; then nothing is changed.
    """
    _check_left(old)
    with BehindLedger(old, passphrases) as ledger:
        lost = _lost(ledger, seen)
        if lost is None and not old.restored.exists():
            raise UsageError(
                "nothing of this ledger is known to be missing, so it goes on as it is; "
                "nothing was changed",
                "muniment verify; with a checkpoint over lost entries: --seen FILE",
            )
        former = _former(ledger, lost)
        about = _about(ledger, names)
    opening = Founding(origin, former=former, **about)
    founded = found_ledger(into, opening, passphrases, **founding)
    zero = sha256(_entry_zero(Folder(into), passphrases)).hexdigest()
    with suppress(OSError):  # an archive on a medium that is only read
        write_atomically(old.continued, f"{origin}\n{zero}\n".encode("ascii"))
    if keystore_medium is not None:
        with Ledger(Folder(into), passphrases, writing=True) as ledger:
            name_keystore(ledger, ledger.acting(founded.actor), keystore_medium)
            ledger.sign_checkpoint()
    return Renewed(into, founded, former)


def _check_left(old: Folder) -> None:
    """That what is left verifies: the new ledger vouches for no more than that."""
    old.check()
    if old.continued.exists():
        raise UsageError("this ledger was continued already; nothing was changed")
    verdict, wrong = without_rollback(inspect(old))
    if verdict == "invalid":
        raise VerificationError(
            "what is left of the old ledger does not verify ({code}); nothing was changed",
            "muniment verify; restore an older copy that does",
            code=wrong[0].code,
        )


def _lost(ledger: BehindLedger, seen: bytes | None) -> Checkpoint | None:
    """The furthest state that the old ledger is known to have had, beyond its head."""
    states = ledger.pins
    if seen is not None:
        try:
            states.append(open_checkpoint(seen, keys_of(ledger), ledger.origin).checkpoint)
        except NoteError as error:
            raise UsageError(
                "what was seen is no checkpoint of the old ledger: {cause}; nothing was changed",
                cause=error.message,
            ) from None
    furthest = max(states, key=lambda state: state.size, default=None)
    return furthest if furthest is not None and furthest.size > ledger.head.size else None


def _former(ledger: BehindLedger, lost: Checkpoint | None) -> Former:
    head = ledger.head
    known = {} if lost is None else {"lost_to": lost.size - 1, "lost_root": lost.root.hex()}
    return Former(
        origin=ledger.origin,
        ledger=ledger.ledger_id,
        zero=sha256(ledger.zero).hexdigest(),
        size=head.size,
        root=head.root.hex(),
        **known,  # type: ignore[arg-type]
    )


def _about(ledger: BehindLedger, names: Names) -> dict[str, Any]:
    """Who keeps and opens the new ledger: as said, else as in the old one's entry 0."""
    opening: dict[type[Event], tuple[int, Event]] = {}
    first = ledger.events_of(ledger.ledger_id)[0][2]
    assert isinstance(first, LedgerInitialized)
    for stream in (first.owner, first.by):
        position, _accepted, event, _raw = ledger.events_of(stream)[0]
        opening[type(event)] = (position, event)
    party, actor = opening[PartyRegistered], opening[ActorRegistered]
    assert isinstance(party[1], PartyRegistered)
    assert isinstance(actor[1], ActorRegistered)
    return {
        "party": names.party or _name(ledger, *party),
        "actor": names.actor or _name(ledger, *actor),
        "party_kind": party[1].kind,
        "function": actor[1].function,
        "jurisdiction": first.jurisdiction,
    }


def _name(ledger: BehindLedger, position: int, event: Event) -> str:
    try:
        name = (ledger.unseal(position, event) or {}).get("name")
    except MunimentError:
        name = None
    if not name:
        raise UsageError(
            "the names of firm and person cannot be read in the old ledger; nothing was changed",
            "give them with --party and --actor",
        )
    return name


def _entry_zero(folder: Folder, passphrases: Passphrases) -> bytes:
    with BehindLedger(folder, passphrases) as ledger:
        return ledger.zero
