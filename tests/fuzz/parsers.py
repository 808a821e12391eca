"""The parsers that read what strangers hand over, with inputs that each of them takes.

A parser refuses by `ValueError` or `Flaw` and by nothing else, in a time that grows with the input.
Where the inverse is known, what was parsed is written back to the byte.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from ledger.offline import (
    bag,
    complete,
    der,
    disclosed,
    events,
    history,
    notes,
    states,
    token,
    trust,
    x509,
)
from ledger.offline.findings import Flaw
from tests import corpus

SECONDS = 5.0
"""No input of a few kilobytes takes longer, on the slowest machine."""
_SIZE = 1 << 40

Parse = Callable[[bytes], object]
Write = Callable[[Any], bytes]


class Parser(NamedTuple):
    """One parser: what it reads, its inverse if there is one, and which files it takes."""

    parse: Parse
    write: Write | None
    seeds: Callable[[], Sequence[bytes]]


def refuses(parser: Parser, data: bytes) -> bool:
    """Whether a parser refuses these bytes; what it takes must be written back as it was."""
    start = time.process_time()
    try:
        value = parser.parse(data)
    except (ValueError, Flaw):
        return True
    finally:
        assert time.process_time() - start < SECONDS, "a parser that can be made to hang"
    if parser.write is not None:
        assert parser.write(value) == data, "what was read is not what was written"
    return False


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Some changes of the kind that break parsers: bits, cuts, repeats, numbers, nesting."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        at = draw.randrange(len(changed) + 1)
        end = min(len(changed), at + draw.choice((1, 1, 2, 4, 32, 1024)))
        kind = draw.randrange(7)
        if kind == 0 and changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del changed[at:end]
        elif kind == 2:
            changed[at:at] = changed[at:end] * draw.choice((1, 2, 50))
        elif kind == 3:
            changed[at:at] = draw.choice(ODD)
        elif kind == 4:
            changed[at:end] = draw.choice(ODD)
        elif kind == 5:
            changed[at:end] = bytes(draw.randrange(256) for _ in range(end - at))
        else:
            other = draw.randrange(len(changed) + 1)
            changed[at:at] = changed[other : other + 64]
    return bytes(changed[: 1 << 20])


ODD = (
    b"\n", b"\n\n", b"\0", b"\xff", b"\xc0\x80", "\ud800".encode("utf-8", "surrogatepass"),
    "\u202e".encode(), b"-0", b"1e9", b"1.0", b"9" * 25, b"0x10", b"NaN", b"null", b"true",
    b"[" * 600, b'{"":' * 600, b'"\\ud800"', b"\\u0000", b"\xe2\x80\x94 a AAAA\n", b"\r\n", b"=",
    b"+", b"/../", b"PK\3\4", b"PK\5\6", b"\x30\x80", b"\x84\xff\xff\xff\xff", b"\x1f" * 40,
)  # fmt: skip


# -- the table ----------------------------------------------------------------------------------


@cache
def _files() -> tuple[tuple[str, bytes], ...]:
    """Files of the good bundles by path, each content once."""
    found: dict[bytes, str] = {}
    for case in corpus.good():
        for path, data in bag.read_zip(case.data).files.items():
            found.setdefault(data, path)
    return tuple((path, data) for data, path in found.items())


def _named(part: str, limit: int = 12) -> Callable[[], Sequence[bytes]]:
    return lambda: [data for path, data in _files() if part in path][:limit]


def _lines(part: str, limit: int = 30) -> Callable[[], Sequence[bytes]]:
    return lambda: [line for data in _named(part)() for line in data.splitlines()][:limit]


def _keys(*, cosigners: bool) -> Callable[[], Sequence[bytes]]:
    def seeds() -> Sequence[bytes]:
        known = corpus.trusts().values()
        texts = [t for one in known for t in (one.cosigners if cosigners else [one.ledger])]
        return [text.encode() for text in dict.fromkeys(texts)]

    return seeds


def _json(parse: Callable[[Any], object]) -> Parse:
    """A parser of a JSON file's value: of its bytes."""
    return lambda data: parse(events.parse_file(data, texts=True))


def _enrolled(data: bytes) -> object:
    return history.enrolled_keys(events.parse_event(events.parse_object(data)))


def _cosigned(data: bytes) -> object:
    note = notes.parse_note(data)
    return [notes.parse_cosignature(line, note.text) for line in note.lines[1:]]


def _token(data: bytes) -> object:
    info = token.read_info(data)
    return token.verify_token(data, info.imprint, corpus.trusts()["reader"].roots)


def _index(data: bytes) -> object:
    value = events.parse_file(data)
    event = value.get("event") if type(value) is dict else ""
    return complete.parse_index(value, event if type(event) is str else "")


def _zipped(value: bag.Bag) -> bytes:
    return bag.write_zip(value.files, value.name)


def _text(parse: Callable[[str], object]) -> Parse:
    return lambda data: parse(data.decode("utf-8"))


PARSERS: dict[str, Parser] = {
    "zip": Parser(bag.read_zip, _zipped, lambda: [case.data for case in corpus.good()][:2]),
    "vkey": Parser(_text(notes.parse_vkey), None, _keys(cosigners=False)),
    "cosigner": Parser(_text(notes.parse_cosigner), None, _keys(cosigners=True)),
    "keys": Parser(_text(trust.keys_in), None, _keys(cosigners=True)),
    "note": Parser(notes.parse_note, None, _named("checkpoints/")),
    "cosignatures": Parser(_cosigned, None, _named("checkpoints/")),
    "exporter": Parser(notes.parse_exporter, None, _named("exporter.note")),
    "entry": Parser(notes.parse_entry, None, _named("entries/")),
    "proof": Parser(notes.parse_proof, None, _named("proofs/")),
    "event": Parser(events.parse_object, None, _lines("events.jsonl")),
    "enrolment": Parser(_enrolled, None, _lines("events.jsonl", 60)),
    "json": Parser(events.parse_file, events.format_file, _named("10_账本/places.json")),
    "openings": Parser(_json(disclosed.parse_openings), None, _named("openings.json")),
    "consistency": Parser(
        _json(lambda value: states.parse_consistency(value, _SIZE)), None,
        _named("consistency.json"),
    ),
    "index": Parser(_index, None, _named("10_账本/index.json")),
    "der": Parser(der.read, None, _named(".tsr")),
    "token": Parser(_token, None, _named(".tsr")),
    "certificates": Parser(
        x509.parse_roots, None, lambda: [r for one in corpus.trusts().values() for r in one.roots]
    ),
}  # fmt: skip


def dictionary() -> list[bytes]:
    """Words that parsers look for, for a fuzzer to use."""
    words = {key for _, data in _files() if data[:1] in b"[{" for key in _words(data)}
    return sorted({*ODD, *(word.encode() for word in words)})


def _words(data: bytes) -> set[str]:
    try:
        value = json.loads(data)
    except ValueError:
        return set()
    first = value[0] if isinstance(value, list) and value else value
    return set(first) if isinstance(first, dict) else set()
