"""A single file that an act is about: read once, its digest compared or sealed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import MunimentError, UsageError

if TYPE_CHECKING:
    from domain.record import RecordState
    from ledger.application import Ledger
    from ledger.sources import Found


def read_file(path: Path) -> Found:
    """The file at `path`, read whole.

    Raises `MunimentError` with a stable cause; no message holds the file's name or content.
    """
    from ledger.sources import SourceFault, cause_of, read

    try:
        return read(os.fsencode(os.path.abspath(path)))  # noqa: PTH100  bytes, links not resolved
    except ValueError:
        raise UsageError("that is not the name of a file; nothing was recorded") from None
    except (SourceFault, OSError) as fault:
        raise MunimentError(
            "the file could not be read ({cause}); nothing was recorded",
            "name a regular file that this user can read",
            cause=fault.cause if isinstance(fault, SourceFault) else cause_of(fault),
        ) from None


def place_of(found: Found) -> dict[str, str]:
    """What is sealed about where a file lies and what it holds."""
    from ledger.sources import shown

    place = {"location": shown(found.path), "content": found.digest.hex()}
    try:
        found.path.decode("utf-8")
    except UnicodeDecodeError:
        place["location_bytes"] = found.path.hex()
    return place


def content_of(ledger: Ledger, state: RecordState) -> str:
    """The digest of a record's present content, in hex.

    Raises `MunimentError` when it was erased, or when the record is a row of a series.
    """
    for position, _accepted, event, _raw in ledger.events_of(state.stream):
        if event.id == state.content_event:
            sealed = ledger.unseal(position, event)
            if sealed and "content" in sealed:
                return sealed["content"]
    raise MunimentError(
        "there is no digest to compare the file with; nothing was recorded",
        "review it without --file",
    )
