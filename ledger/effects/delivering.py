"""A handover's package on both ends: packed of what the list names, opened by whom it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from domain.actor import ActorState
from domain.handover import HandoverState, records_of
from ledger.application import Ledger
from ledger.effects.listlines import Frozen, checked_lines, frozen_list
from ledger.effects.manycontents import Contents
from ledger.effects.packing import (
    FaultyContentsError,
    Header,
    Packed,
    Written,
    check_new,
    write_package,
)
from ledger.effects.places import check_outside
from ledger.effects.unpacking import (
    Meant,
    Package,
    check_container,
    open_package,
)
from ledger.errors import KeyAccessError, UsageError, VerificationError
from ledger.evidence import unb64url
from ledger.privatekey import PrivateKey

NAMED_AT_MOST = 5


def pack(ledger: Ledger, state: HandoverState, out: Path) -> Written:
    """Write the package of a handover's list to a folder, encrypted to the buyer's handler.

    Raises `UsageError` for a place that cannot be one or a handler without a seal key,
    `VerificationError` if a content or a line is not what the list says; nothing is kept then.
    """
    check_outside(ledger, out)
    check_new(out)
    frozen = frozen_list(ledger, state.stream)
    header = Header(
        handover=state.stream, origin=ledger.origin, list=frozen.root, lines=frozen.lines,
        count=len(frozen.items), recipients=(),
    )  # fmt: skip
    recipients = _recipients(ledger, state.handlers["buyer_handler"])
    try:
        return write_package(out, header, recipients, _packed(ledger, frozen))
    except FaultyContentsError as error:
        raise faulty(error.faults) from None


def _packed(ledger: Ledger, frozen: Frozen) -> Iterator[Packed]:
    """The items of a list with what opens their contents."""
    contents = Contents(ledger).of(records_of(frozen.items))
    for line in checked_lines(ledger, frozen):
        opened = next(contents) if line.item.startswith("record-") else None
        digest = line.digest if isinstance(line.digest, str) else ""
        yield Packed(line.format(), line.item, digest, opened)


def _recipients(ledger: Ledger, handler: str) -> dict[str, bytes]:
    """The active seal keys of the buyer's handler, by key id."""
    state = ledger.state(handler)
    keys = state.keys.values() if isinstance(state, ActorState) else ()
    found = {
        key.key.id: unb64url(key.key.public)
        for key in keys
        if key.active and key.key.purpose == "seal"
    }
    if not found:
        raise UsageError(
            "{actor} has no active key to encrypt to; nothing was packed",
            "muniment key enrol --actor ACTOR --purpose seal",
            actor=handler,
        )
    return found


def faulty(faults: Sequence[tuple[str, str]]) -> VerificationError:
    """What is said of items that are missing or changed: (item, stable cause) pairs."""
    named = [f"{item} ({cause})" for item, cause in faults[:NAMED_AT_MOST]]
    return VerificationError(
        "{count} items on the list are missing or are not what was recorded: {items}; "
        "nothing was done",
        "bring them back, or record what changed: muniment correct RECORD; then freeze the list "
        "anew",
        count=len(faults),
        items=", ".join([*named, *(["…"] if len(faults) > NAMED_AT_MOST else [])]),
    )


# -- the other end -------------------------------------------------------------------------------


def meant_by(ledger: Ledger, state: HandoverState) -> Meant:
    """Which package is the one of a handover's list, and once it was released, that very one."""
    return Meant(state.stream, ledger.origin, state.root, state.lines, state.package)


def package_digest(ledger: Ledger, state: HandoverState, folder: Path) -> str:
    """The digest of a package whose container is in order and which is the list's.

    As far as that is known without the recipient's key, and whether or not another one was released
    before. Raises `DamagedPackageError`.
    """
    checked = check_container(folder)
    Meant(state.stream, ledger.origin, state.root, state.lines, "").check(checked)
    return checked.package


def open_delivered(
    ledger: Ledger, state: HandoverState, folder: Path, actors: Sequence[str]
) -> Package:
    """A package as its recipient gets it: checked, of this list, the one released, and opened.

    `actors`: whose seal keys are tried. Raises as `open_package`, and `KeyAccessError` if none of
    them has a key here.
    """
    return open_package(folder, seal_keys(ledger, actors), meant_by(ledger, state))


def seal_keys(ledger: Ledger, actors: Sequence[str]) -> list[PrivateKey]:
    """The seal keys of some people that lie here, replaced ones too: a package may be older.

    Raises `KeyAccessError` if there is none.
    """
    found: list[PrivateKey] = []
    error = KeyAccessError(
        "there is no key here that opens packages; nothing was recorded",
        "act as the buyer's handler, on the machine with the keys: --as ACTOR",
    )
    for actor in dict.fromkeys(actors):
        state = ledger.state(actor)
        for key in state.keys.values() if isinstance(state, ActorState) else ():
            if key.key.purpose == "seal":
                try:
                    found.append(ledger.private_key(actor, "seal", key.key.id))
                except KeyAccessError as why:
                    error = why
    if not found:
        raise error
    return found
