r"""What the reader trusts, got from elsewhere than the bundle: it alone decides who is believed.

    ledger      the ledger's verifier key, of type 01
    cosigners   verifier keys of type 04: witnesses, auditors and parties whose word counts
    tsa_roots   certificates (DER) of the authorities whose time tokens count

A cosigner has one key, and a key one cosigner; none has the ledger's. One whose name ends in
`/index` means by its cosignature that it verified the whole ledger of this size and computed every
index published in it again; any other, that it saw no other ledger of this origin.

>>> trust = parse_trust("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n")
>>> trust.ledger.name, trust.cosigners, trust.tsa_roots
('example.com/foo', (), ())
"""

from __future__ import annotations

from typing import Iterable, List, NamedTuple, Tuple

from .notes import Key, parse_cosigner, parse_vkey
from .x509 import MAX_ROOTS, parse_roots

MAX_COSIGNERS = 100
MAX_FILE_BYTES = 1 << 20
INDEX = "/index"


class Trust(NamedTuple):
    """The keys and certificates that a reader believes (module docstring)."""

    ledger: Key
    cosigners: Tuple[Key, ...] = ()
    tsa_roots: Tuple[bytes, ...] = ()


def parse_trust(ledger: str, cosigners: Iterable[str] = (), roots: Iterable[bytes] = ()) -> Trust:
    """What the texts of verifier keys and the bytes of certificate files (PEM, DER) say.

    White space around a key is left out; files of certificates are as `x509.parse_roots` reads
    them. Raises `ValueError` for what is none, what is there
    twice, and more than there may be.
    """
    key = parse_vkey(ledger.strip())
    keys = tuple(parse_cosigner(text.strip()) for text in cosigners)
    if len(keys) > MAX_COSIGNERS or len({key.public, *(k.public for k in keys)}) <= len(keys):
        raise ValueError("a cosigner's key is the ledger's or another's, or there are too many")
    found = tuple(one for data in roots for one in parse_roots(data))
    if len(found) > MAX_ROOTS:
        raise ValueError("there are too many certificates")
    return Trust(key, keys, found)


def keys_in(text: str) -> List[str]:
    """The verifier keys of a file, one a line; empty lines and those with `#` first are left out.

    Raises `ValueError` for a file that has none, or is too long to be one.
    """
    if len(text) > MAX_FILE_BYTES:
        raise ValueError("the file with verifier keys is too long")
    lines = [line.strip() for line in text.split("\n")]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError("the file holds no verifier key")
    return keys
