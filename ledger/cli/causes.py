"""What the machine's parts give as a cause, said in the language chosen.

Findings, parsers of bytes, the system and SQLite say in English why something is as it is; that
text is what stands in JSON. People read it through `in_words`: the templates below are all that is
ever said (tests read the code for it), each translated by the catalogue. A value that is itself a
cause is translated too; ids, digests and numbers stay what they are.

>>> in_words("No such file or directory"), in_words("something rare")
('No such file or directory', 'something rare')
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from ledger.cli.causes_bytes import EVENTS, KEYS, NOTES, TREES
from ledger.cli.language import N_, _, language

_VALUE: Final = re.compile(r"\{(\w+)\}")
_SPOKEN: Final = frozenset({"cause", "what", "names"})
_CODES: Final = re.compile("[a-z][a-z_]*")


def in_words(cause: str) -> str:
    """A cause in the language chosen; what no template fits stays as it is."""
    if language() != "zh":
        return cause
    if cause in _known():
        return _(cause)
    for template, pattern in _patterns():
        if found := pattern.fullmatch(cause):
            values = found.groupdict()
            return _(template).format(**{name: _said(name, values[name]) for name in values})
    return _of_copies(cause)


def _said(name: str, value: str) -> str:
    if name == "names":
        return "、".join(map(in_words, value.split(", ")))
    return in_words(value) if name in _SPOKEN else value


def _of_copies(cause: str) -> str:
    """The code of what is wrong with a file or a copy, as its message says it."""
    if not _CODES.fullmatch(cause):
        return cause
    from ledger.cli.effects import CAUSES

    return _(CAUSES[cause]) if cause in CAUSES else cause


def every() -> tuple[str, ...]:
    """Every cause that can be said, as a template."""
    return (*SYSTEM, *FINDINGS, *KEYS, *NOTES, *TREES, *EVENTS, *FILES)


@cache
def _known() -> frozenset[str]:
    return frozenset(text for text in every() if not _VALUE.search(text))


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The templates with values, those that say most first, so that none hides another."""
    templates = (text for text in every() if _VALUE.search(text))
    ranked = sorted(templates, key=lambda text: len(_VALUE.sub("", text)), reverse=True)
    return tuple((text, _pattern(text)) for text in ranked)


def _pattern(template: str) -> re.Pattern[str]:
    """What the template makes: a value is one word, or anything where it is said in words."""
    parts = _VALUE.split(template)
    for index in range(1, len(parts), 2):
        anything = ".+" if parts[index] in _SPOKEN else r"\S+"
        parts[index] = f"(?P<{parts[index]}>{anything})"
    for index in range(0, len(parts), 2):
        parts[index] = re.escape(parts[index])
    return re.compile("".join(parts))


SYSTEM: Final = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("Directory not empty"),
    N_("Cross-device link"),
    N_("File exists"),
    N_("File too large"),
    N_("No space left on device"),
    N_("Disk quota exceeded"),
    N_("File name too long"),
    N_("Read-only file system"),
    N_("Too many levels of symbolic links"),
    N_("Too many open files"),
    N_("Input/output error"),
    N_("Device or resource busy"),
    N_("Cannot allocate memory"),
    N_("Invalid argument"),
    N_("Illegal seek"),
    N_("Broken pipe"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Network is unreachable"),
    N_("No route to host"),
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
    N_("Cannot assign requested address"),
    N_("Address already in use"),
    N_("timed out"),
    N_("The read operation timed out"),
    N_("it answered too much"),
    N_("it answered too slowly"),
    N_("not a file"),
    N_("not a file name"),
    N_("not a regular file"),
    N_("too large to be a key file"),
    N_("not UTF-8"),
    N_("not base64url"),
    N_("database or disk is full"),
    N_("database is locked"),
    N_("disk I/O error"),
    N_("attempt to write a readonly database"),
    N_("unable to open database file"),
    N_("database disk image is malformed"),
    N_("file is not a database"),
    N_("row {number} missing from index {index}"),
    N_("non-unique entry in index {index}"),
    N_("wrong # of entries in index {index}"),
    N_("NULL value in {column}"),
    N_("ledger.db cannot be read: {name}"),
    N_("the file cannot be read: {name}"),
    N_("ledger.db is damaged"),
    N_("{what} - at `{path}`"),
    N_("{what} - at `key` in `{path}`"),
    N_("Object missing required field `{field}`"),
    N_("Object contains unknown field `{field}`"),
    N_("Object contains unknown field"),
    N_("Expected {wanted}, got {given}"),
    N_("Invalid value"),
    N_("Invalid enum value"),
    N_("Expected {wanted}"),
)
"""What the system, the network, SQLite and msgspec say, in English whatever the language."""

FINDINGS: Final = (
    N_("a column holds another type than its table declares"),
    N_("a column of events holds another type than its table declares"),
    N_("{names} is not as Muniment makes it"),
    N_("an object"),
    N_("muniment.toml names another origin"),
    N_("table {table} has other columns or indexes than Muniment makes"),
    N_("table {table}, row {what}"),
    N_("missing"),
    N_("extra"),
    N_("unreadable"),
    N_("changed {names}"),
    N_("the tables cannot be read ({name})"),
    N_("there is no row for entry {entry}"),
    N_("no entry covers this row"),
    N_("no entry has this index"),
    N_("signed, but no event: {cause}"),
    N_("there is no row at this position"),
    N_("the bytes are not those that were signed"),
    N_("the commit's events do not have the root that was signed"),
    N_("column {column} does not say what the signed bytes say"),
    N_("column {column} is not what the entries come to"),
    N_("column entry does not name its entry"),
    N_("the entry that it names does not cover it"),
    N_("table signers does not name the holder's last entry"),
    N_("the event's author is not among the commit's signers in its role"),
    N_("not the ciphertext that was signed"),
    N_("no event names this ciphertext"),
    N_("the ciphertext is not stored, and no event says that it was erased"),
    N_("the ciphertext is stored, and an event says that its key was shredded"),
    N_("{rule} {code} ({detail})"),
    N_("{what}; uncertain: an event of what it names fits no table"),
    N_("what was judged is not what was verified"),
    N_("the version before it is not in the stream"),
    N_("the version before it is not in the stream, or comes later"),
    N_("accepted before the entry that it follows"),
    N_("signed for another ledger"),
    N_("the old ledger key did not sign"),
    N_("nobody proved to hold the key being enrolled"),
    N_("the public key of another signer of the same commit"),
    N_("no event enrols this key; what it signed from here on was not checked"),
    N_("the key acts in the commit that enrols it"),
    N_("the key was enrolled for another purpose"),
    N_("the key had been replaced before entry {entry}"),
    N_("the key had been revoked before entry {entry}"),
    N_("the key had been reported as compromised before entry {entry}"),
    N_("revoked by entry {entry} after it had signed {what}"),
    N_("{count} entries"),
    N_("entries"),
    N_(
        "reported by entry {entry} as compromised since {since}: what it signed before entry "
        "{begun}, which was not read again, is disputed"
    ),
    N_(
        "entry {signed} was signed with a key that entry {entry} reports as compromised since "
        "{since}; no trusted time-stamp proves it older"
    ),
    N_("the signers say that they saw a size that the ledger did not have"),
    N_("the signers say that they saw a state that this ledger never had"),
    N_("an event says that a state was stamped that this ledger never had"),
    N_("entries up to the head are missing"),
    N_("there are entries beyond the head"),
    N_("the head is not one row"),
    N_("there are not as many events before the pinned checkpoint as there were"),
    N_("there are not as many entries before the pinned checkpoint as there were"),
    N_("entry {entry} is not in the tree of the pinned checkpoint"),
    N_("{what} not the one that was seen by others"),
    N_("entry {entry} is"),
    N_("one of entries {first} to {last} is"),
    N_("the state pinned at {size} entries is not of this tree"),
    N_("a state of {size} entries was seen before; later entries are missing"),
    N_("checkpoint {number} at size {size} is of another tree"),
    N_("checkpoint {number} at size {size}: {cause}"),
    N_("no such size was reached"),
    N_("it is of size {size}"),
    N_("it bears a signature by a key that is not known"),
    N_("the ledger's key in force has not signed it"),
    N_("at size {size}: a cosignature by a key that is not known here"),
    N_("the trusted key never was this ledger's"),
    N_("a tree of this size has no such full tile"),
    N_("the tile is not stored"),
    N_("{tile} is missing"),
    N_("{tile}, hash {index}"),
    N_("the adopted pack is not kept"),
    N_("not the pack that was adopted"),
    N_("it covers entries that follow it"),
    N_("it has another number of rows"),
    N_("the events in entries 0 to {last} come to another root"),
    N_("no event records time-stamp {digest}"),
    N_("trusted time-stamps prove another time than the ledger's clock gave"),
    N_("the stamped note, or the token, is not as the event says"),
    N_("no trusted certificate leads to who signed the token"),
    N_("the token does not hold"),
    N_("the token is not the one that the event records"),
    N_("the token that the event records is not kept"),
    N_("an entry is missing or malformed"),
    N_("of {code}"),
    N_("step {step}"),
    N_("acts signed in the window: {count}"),
    N_("events: {count}"),
    N_("entries beyond the newest checkpoint"),
    N_("entries after the last time-stamp"),
)
"""What `muniment verify` and an audit's replay say of a finding."""

FILES: Final = (
    N_("ledger.db does not say which format it has"),
    N_("ledger.db has format {found}, this Muniment knows {known}"),
    N_("install the Muniment version that wrote it"),
    N_("it is no database"),
    N_("copy.note names another state than the copy's"),
    N_("{lacking} sealed texts of missing entries are not in it"),
)
"""What is wrong with files around the ledger."""
