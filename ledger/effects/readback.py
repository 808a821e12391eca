"""Whether a destruction did what it says: files read back, keys and payloads looked for.

Done by somebody else than whoever destroyed (I-07), from the journal of the execution, which alone
still knows where the copies lay. A copy passes if its folder is there and can be read, nothing lies
under its name, every data key that should have gone with it is erased, also in the copies of the
keystore that are said to be cleared and can be read from here, and no payload under one of them is
left. What cannot be looked at is unknown, and its verifier says what is left of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from io import BufferedReader, FileIO
from typing import Any, NamedTuple, cast

from domain.destruction import CaseState, DestructionVerified, Verified
from domain.guards import shreddable
from domain.judging import refuse
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, parts
from ledger.effects import keycopies
from ledger.effects.destroying import finish
from ledger.effects.erasing import key_state, sealed_by_key
from ledger.effects.pending import Item
from ledger.effects.places import digest_of
from ledger.effects.vaulting import remove_strays
from ledger.errors import RefusedError, UsageError
from ledger.recorder import Receipt
from ledger.signing import Proposal
from ledger.sources import CHUNK, SourceFault, cause_of


class Result(NamedTuple):
    """What reading one copy back gave; `cause`: a stable code that says why."""

    holding: str
    result: str
    cause: str


class ReadBack(NamedTuple):
    """What `verify` found and recorded."""

    receipt: Receipt
    results: tuple[Result, ...]


def verify(
    ledger: Ledger,
    acting: Acting,
    case: str,
    *,
    stated: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> ReadBack:
    """Read back every copy that was executed and not taken off, and record what was found.

    `stated`: results for copies that cannot be looked at from here, by holding. Raises
    `RefusedError` for who began the execution, recorded or not; `UsageError` if nothing was
    executed, or a statement is about what can be looked at; then nothing is recorded.
    """
    journal = finish(ledger, case)
    remove_strays(ledger)
    state = case_state(ledger, CaseState, case)
    items = [i for i, done in state.items.items() if done and i not in state.taken_off]
    said = dict(stated or {})
    if not items or not said.keys() <= set(items):
        msg = "nothing of this was executed and is on the list; nothing was recorded"
        raise UsageError(msg, "muniment destroy show CASE")
    if journal is not None and acting.actor in journal.operators:
        refusal = refuse("I-07", "verifier_is_operator", acting.actor)
        raise RefusedError(str(refusal), refusals=(refusal,))
    known = journal.items if journal is not None else {}
    left = _keys_left(ledger, state)
    results = [_result(known.get(item), item, state, left.get(item), said) for item in items]
    blind = {("stated", item) for item in items}
    blind |= {(one.no_path, one.holding) for one in known.values() if not one.within_reach}
    looked = any((result.cause, result.holding) not in blind for result in results)
    fields = {"root": state.root, "method": "read_back" if looked else "visual"}
    found = {r.holding: Verified(holding=r.holding, result=cast("Any", r.result)) for r in results}
    proposals = [
        Proposal(DestructionVerified, case, {**fields, "results": [found[i] for i in part]})
        for part in parts(items)
    ]
    return ReadBack(ledger.act(acting, proposals, **options), tuple(results))


def _result(
    known: Item | None,
    item: str,
    state: CaseState,
    left: tuple[str, str] | None,
    said: Mapping[str, str],
) -> Result:
    """What a copy comes to: the worst of its file, its keys and its payloads."""
    result, cause = look(known) if known is not None and known.within_reach else (
        ("unknown", known.no_path if known is not None else "no_journal")
    )  # fmt: skip
    if item in said:
        if result != "unknown":
            msg = "a statement is about a copy that can be looked at; nothing was recorded"
            raise UsageError(msg, "leave that --stated out")
        result, cause = said[item], "stated"
    if result == "pass" and state.items[item] != "destroyed":
        result, cause = "unknown", "not_destroyed_by_us"
    if left is not None and result != "fail" and (left[0] == "fail" or result == "pass"):
        result, cause = left
    return Result(item, result, cause)


def look(item: Item) -> tuple[str, str]:
    """Whether the file of a copy, or every version of its object, is gone: result and cause."""
    if item.offsite:
        return _look_offsite(item)
    path, name = os.path.split(bytes.fromhex(item.path))
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return "unknown", cause_of(error)
    try:
        found = {_there(folder, one, item) for one in (name, bytes.fromhex(item.spare))}
        worst = next(result for result in _CAUSES if result in found)
        return worst, _CAUSES[worst]
    except OSError as error:
        return "unknown", cause_of(error)
    finally:
        os.close(folder)


def _look_offsite(item: Item) -> tuple[str, str]:
    from ledger.effects.offsite import all_versions, client_of, parse_location, reading

    where = parse_location(item.offsite)
    try:
        with reading():
            found = all_versions(client_of(item.endpoint or None), where.bucket, where.key)
    except SourceFault as fault:
        return "unknown", fault.cause
    result = "fail" if any(key == where.key for key, *_ in found) else "pass"
    return result, _CAUSES[result]


_CAUSES = {"fail": "still_there", "unknown": "something_else_there", "pass": "gone"}
"""Causes by result, the worst first."""


def _there(folder: int, name: bytes, item: Item) -> str:
    """Whether a name is free, holds what should be gone, or something else."""
    try:
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return "pass"
    if item.step != "destroyed" and (seen.st_dev, seen.st_ino) == item.inode:
        return "fail"  # partly overwritten; of a file that is gone, another may have the number
    if not stat.S_ISREG(seen.st_mode):
        return "unknown"
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with BufferedReader(FileIO(os.open(name, flags, dir_fd=folder)), CHUNK) as file:
        return "fail" if digest_of(file) == item.digest else "unknown"


def _keys_left(ledger: Ledger, state: CaseState) -> dict[str, tuple[str, str]]:
    """Result and cause for destroyed copies whose keys or payloads are not all gone."""
    gone = {item for item, outcome in state.items.items() if outcome == "destroyed"}
    with as_judged_now(ledger) as judging:
        due = shreddable(judging, gone)
        used = {item: judging.world.source.keys(item) for item in gone}
    expected = {item: due & (keys.copy | keys.records) for item, keys in used.items()}
    stored = sealed_by_key(ledger, due).keys()
    copied = keycopies.still_in(ledger, due)
    found: dict[str, tuple[str, str]] = {}
    for item, keys in expected.items():
        states = {key_state(ledger, key) for key in keys}
        if "present" in states:
            found[item] = "fail", "key_not_shredded"
        elif keys & copied:
            found[item] = "fail", "key_in_a_copy"
        elif keys & stored:
            found[item] = "fail", "payload_not_deleted"
        elif "unknown" in states:
            found[item] = "unknown", "key_not_here"
    return found
