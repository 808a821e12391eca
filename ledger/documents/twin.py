r"""The twin of a document: what it says, as canonical JSON; the pages are only a view of it.

The twin is JSON in UTF-8 as RFC 8785 has it on our profile: keys printable ASCII and sorted, no
spaces, no newline at the end, integers within 2**53 - 1, no floats, no null (absent instead), at
most 16 levels and 64 MiB. Its members:

    format      "muniment-document/1"
    kind        a code of `DocumentKind`          number      such as XH-20261121-0001
    title       {"en","zh"}                       locale      "zh_en"
    ledger      {"id","key","origin"}: `key` is the ledger's verifier key
    engagement  id                                issued_at   accepted time of `source.event`
    issuer      actor id                          nonce       64 hex digits
    template    {"id","version"}
    source      {"event","stream"}: all events of the stream up to that one
    checkpoint  {"root","size"}: entries, and the RFC 6962 root in hex
    signers     for each actor {"actor","keys"} and, if it can be opened, {"name"}
    said        what the events say: codes, ids, counts, times, texts in both languages; the lines
                of a handover list as `ledger.documents.handing` shows them

and, in documents between parties, what is sealed in the ledger and stands in none of its events:

    parties           for each firm {"party","side"} and, if they are known, {"identifier","name"}
    engagement_title  of the deal         basis  what the adopted pack cites for its mode
    texts             what people typed about place and way, by step
    letter            the text of a notice: for each clause {"text","title"}, in both languages

Its SHA-256 is in the event `document.certificate_issued`; the nonce is sealed there, so that a
signer's name cannot be guessed from the digest.

>>> twin = canonical({"number": "XH-20261121-0001", "format": FORMAT, "none": None})
>>> twin
b'{"format":"muniment-document/1","number":"XH-20261121-0001"}'
>>> parse(twin)["number"]
'XH-20261121-0001'
>>> parse(b'{"number": "XH-20261121-0001", "format": "muniment-document/1"}')
Traceback (most recent call last):
ledger.errors.DataError: the twin is not canonical JSON
>>> sm3(b"abc")[:16]
'66c7f0f462eeedd9'
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ledger.errors import DataError

FORMAT: Final = "muniment-document/1"
MAX_BYTES: Final = 64 << 20
MAX_DEPTH: Final = 16
_MAX_INTEGER: Final = 2**53 - 1
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def canonical(value: dict[str, Any]) -> bytes:
    """The bytes of a twin; members that are None are left out. `DataError` off the profile."""
    data = canonical_json(_present(value, MAX_DEPTH))
    if len(data) > MAX_BYTES:
        raise DataError("the document is too large")
    return data


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and no spaces, of a value that lies in the profile."""
    return _ENCODER.encode(value)


def parse(data: bytes) -> dict[str, Any]:
    """What a twin says; exact inverse of `canonical`. `DataError` names what is wrong."""
    if len(data) > MAX_BYTES:
        raise DataError("the twin is too large")
    try:
        value = msgspec.json.decode(data)
        same = isinstance(value, dict) and canonical(value) == data
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise DataError("the twin is not canonical JSON") from None
    if not same:
        raise DataError("the twin is not canonical JSON")
    if value.get("format") != FORMAT:
        raise DataError("the twin has another format")
    return value  # type: ignore[no-any-return]


def _present(value: Any, room: int) -> Any:  # noqa: ANN401  any JSON value
    """A value without members that are None, if it lies in the profile."""
    if not room:
        raise DataError("the twin is not canonical JSON")
    if isinstance(value, dict):
        if not all(isinstance(k, str) and k.isascii() and k.isprintable() for k in value):
            raise DataError("the twin is not canonical JSON")
        return {k: _present(v, room - 1) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_present(item, room - 1) for item in value]
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) <= _MAX_INTEGER:
        return value
    raise DataError("the twin is not canonical JSON")


def sm3(data: bytes) -> str:
    """SM3 (GB/T 32905) of bytes, in hex."""
    from cryptography.hazmat.primitives.hashes import SM3, Hash

    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize().hex()
