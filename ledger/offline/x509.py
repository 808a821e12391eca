"""Certificates of time-stamping authorities, and the chain from one to a pinned root (RFC 5280).

Read is X.509 in DER, version 1 or 3. A chain is judged at the time of the token:

    each certificate   valid at that time; signed by the next, whose subject is its issuer, byte by
                       byte; both fields that name its signature algorithm agree; no critical
                       extension but those of `_KNOWN`, and no extension twice
    each issuer        a CA (basicConstraints; a pinned root of version 1 has none), may sign
                       certificates (keyUsage, where it is there), allows so many CAs below it
                       (pathLenConstraint), and is not restricted to other purposes
                       (extendedKeyUsage, where it is there)
    the end            a certificate that is, byte by byte, one that the reader pinned

Name constraints and policy constraints are not processed; certificates in which they are critical
are refused. Revocation is not asked for: a verifier is offline. A chain has at most `MAX_CHAIN`
certificates, of at most `MAX_CERTIFICATES` that come with the token, and at most `MAX_CHECKS`
signatures are tried to find it.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache
from typing import Dict, List, NamedTuple, Sequence, Set, Tuple

from . import der, publickey

MAX_CERTIFICATES = 16
MAX_CHAIN = 8
MAX_CHECKS = 64
MAX_ROOTS = 1_000

_BASIC_CONSTRAINTS = "2.5.29.19"
_KEY_USAGE = "2.5.29.15"
_EXTENDED_KEY_USAGE = "2.5.29.37"
# Those whose meaning is taken into account, or asks nothing of us: names of the subject, and
# policies, of which none is required.
_KNOWN = {_BASIC_CONSTRAINTS, _KEY_USAGE, _EXTENDED_KEY_USAGE, "2.5.29.17", "2.5.29.32"}
_TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
_ANY_PURPOSE = "2.5.29.37.0"
_DIGITAL_SIGNATURE = 1 << 0
_NON_REPUDIATION = 1 << 1
_KEY_CERT_SIGN = 1 << 5
_MAX_PEM_BYTES = 1 << 20
_PEM = re.compile("-----BEGIN CERTIFICATE-----[\r\n]([A-Za-z0-9+/=\r\n]*)-----END CERTIFICATE-----")


class Certificate(NamedTuple):
    """What a certificate says; nothing of it is verified. Times are `YYYYMMDDHHMMSS`."""

    raw: bytes
    signed: bytes
    algorithm: der.Value
    signature: bytes
    serial: int
    issuer: bytes
    subject: bytes
    begins: str
    ends: str
    key: der.Value
    extensions: Dict[str, Tuple[bool, bytes]] | None


def parse_roots(data: bytes) -> Tuple[bytes, ...]:
    """The certificates of a file, as DER: one in DER, or any number in PEM, in their order.

    Raises `ValueError` for a file that holds none, or one that cannot be read. Text between the
    blocks of a PEM file is ignored, blocks of other kinds are too.
    """
    if len(data) > _MAX_PEM_BYTES:
        raise ValueError("the file of certificates is too large")
    if data[:1] == b"\x30":
        found = [data]
    else:
        text = data.decode("latin-1")
        found = [_base64(block) for block in _PEM.findall(text)]
    if not 1 <= len(found) <= MAX_ROOTS:
        raise ValueError("the file holds no certificates, or too many")
    for one in found:
        parse(one)
    return tuple(found)


def pem(certificate: bytes) -> bytes:
    """A certificate (DER) as a block of PEM, which `parse_roots` reads."""
    text = binascii.b2a_base64(certificate, newline=False)
    lines = [text[at : at + 64] + b"\n" for at in range(0, len(text), 64)]
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    return begin + b"".join(lines) + end


def _base64(block: str) -> bytes:
    text = block.replace("\r", "").replace("\n", "")
    data = binascii.a2b_base64(text.encode("ascii"))
    if binascii.b2a_base64(data, newline=False).decode("ascii") != text:
        raise ValueError("not canonical base64")
    return data


@lru_cache(maxsize=256)
def parse(data: bytes) -> Certificate:
    """Read one certificate; `ValueError` for what is none."""
    fields = der.Fields(der.read(data))
    tbs = fields.take(der.SEQUENCE)
    algorithm = fields.take(der.SEQUENCE)
    signature = der.bits(fields.take(der.BIT_STRING))
    fields.end()
    fields = der.Fields(tbs)
    version = _version(fields)
    serial = der.integer(fields.take(der.INTEGER))
    if fields.take(der.SEQUENCE).raw != algorithm.raw:
        raise ValueError("a certificate names two signature algorithms")
    issuer = fields.take(der.SEQUENCE).raw
    begins, ends = _validity(fields.take(der.SEQUENCE))
    subject = fields.take(der.SEQUENCE).raw
    key = fields.take(der.SEQUENCE)
    if version > 1:
        fields.maybe(0x81)
        fields.maybe(0x82)
    extensions = _extensions(fields) if version == 3 else None
    fields.end()
    return Certificate(
        data, tbs.raw, algorithm, signature, serial, issuer, subject, begins, ends, key, extensions
    )


def _version(fields: der.Fields) -> int:
    written = fields.inside(0xA0)
    if written is None:
        return 1
    version = der.small(written) + 1
    if version not in (2, 3):
        raise ValueError("a certificate of another version")
    return version


def _validity(value: der.Value) -> Tuple[str, str]:
    fields = der.Fields(value)
    begins, ends = fields.any(), fields.any()
    fields.end()
    if begins is None or ends is None:
        raise ValueError("a certificate without the time of its validity")
    return der.utc_or_generalized(begins), der.utc_or_generalized(ends)


def _extensions(fields: der.Fields) -> Dict[str, Tuple[bool, bytes]]:
    outer = fields.inside(0xA3)
    found: Dict[str, Tuple[bool, bytes]] = {}
    if outer is None:
        return found
    der.Fields(outer)
    for part in outer.parts:
        one = der.Fields(part)
        identifier = der.oid(one.take(der.OID))
        critical = one.maybe(der.BOOLEAN)
        content = der.octets(one.take(der.OCTET_STRING))
        one.end()
        if identifier in found:
            raise ValueError("a certificate has an extension twice")
        # DER leaves out a default; but many certificates write FALSE, and nothing depends on it.
        found[identifier] = (critical is not None and der.boolean(critical), content)
    return found


# -- judging -------------------------------------------------------------------------------------


def check_signer(certificate: Certificate, at: str) -> None:
    """Raise `ValueError` unless the certificate may sign time tokens at `at` (`YYYYMMDDHHMMSS`).

    RFC 3161, 2.3: extendedKeyUsage is there, critical, and names time stamping and nothing else.
    """
    _check_valid(certificate, at)
    critical, purposes = _purposes(certificate) or (False, [])
    if not critical or purposes != [_TIME_STAMPING]:
        raise ValueError("the certificate is not for time stamping alone")
    usage = _usage(certificate)
    if usage is not None and not usage & (_DIGITAL_SIGNATURE | _NON_REPUDIATION):
        raise ValueError("the certificate is not for signatures")


def leads_to_root(
    signer: Certificate, others: Sequence[bytes], roots: Sequence[bytes], at: str
) -> bool:
    """Whether a chain that is in order at `at` leads from the signer to one of the roots.

    `others`: certificates that may stand between, in any order; what cannot be read is passed
    over. The signer itself may be pinned. It was judged by `check_signer` before.
    """
    pinned = set(roots)
    if signer.raw in pinned:
        return True
    candidates = [one for one in map(_readable, [*roots, *others]) if one is not None]
    # A place in a chain: the certificate, CAs below it, and how many of them count (RFC 5280,
    # 4.2.1.9: self-issued ones do not).
    waiting: List[Tuple[Certificate, int, int]] = [(signer, 0, 0)]
    met: Set[Tuple[bytes, int, int]] = set()
    checks = 0
    while waiting:
        child, depth, counted = waiting.pop(0)
        for issuer in candidates:
            place = (issuer.raw, depth + 1, counted + (issuer.subject != issuer.issuer))
            if issuer.subject != child.issuer or depth + 2 > MAX_CHAIN or place in met:
                continue
            if not _may_issue(issuer, counted, at, pinned=issuer.raw in pinned):
                continue
            checks += 1
            if checks > MAX_CHECKS:
                return False
            if not _issued(issuer.raw, child.raw):
                continue
            if issuer.raw in pinned:
                return True
            met.add(place)
            waiting.append((issuer, *place[1:]))
    return False


def _readable(data: bytes) -> Certificate | None:
    try:
        return parse(data)
    except ValueError:
        return None


def _may_issue(issuer: Certificate, below: int, at: str, *, pinned: bool) -> bool:
    try:
        _check_valid(issuer, at)
        _check_issuer(issuer, below, pinned=pinned)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _issued(issuer: bytes, child: bytes) -> bool:
    below = parse(child)
    try:
        publickey.verify(parse(issuer).key, below.algorithm, below.signature, below.signed)
    except ValueError:
        return False
    return True


def _check_valid(certificate: Certificate, at: str) -> None:
    if not certificate.begins <= at <= certificate.ends:
        raise ValueError("the certificate is not valid at that time")
    extensions = certificate.extensions or {}
    if any(critical and name not in _KNOWN for name, (critical, _) in extensions.items()):
        raise ValueError("a critical extension that is not known")


def _check_issuer(issuer: Certificate, below: int, *, pinned: bool) -> None:
    if issuer.extensions is None and pinned:
        return
    constraints = (issuer.extensions or {}).get(_BASIC_CONSTRAINTS)
    if constraints is None:
        raise ValueError("not the certificate of a CA")
    fields = der.Fields(der.read(constraints[1]))
    is_ca = fields.maybe(der.BOOLEAN)
    longest = fields.maybe(der.INTEGER)
    fields.end()
    if is_ca is None or not der.boolean(is_ca):
        raise ValueError("not the certificate of a CA")
    if longest is not None and der.small(longest) < below:
        raise ValueError("there are more CAs below it than it allows")
    usage = _usage(issuer)
    if usage is not None and not usage & _KEY_CERT_SIGN:
        raise ValueError("the certificate is not for signing certificates")
    purposes = _purposes(issuer)
    if purposes is not None and not {_TIME_STAMPING, _ANY_PURPOSE} & set(purposes[1]):
        raise ValueError("the certificate is for other purposes")


def _usage(certificate: Certificate) -> int | None:
    usage = (certificate.extensions or {}).get(_KEY_USAGE)
    return None if usage is None else der.flags(der.read(usage[1]))


def _purposes(certificate: Certificate) -> Tuple[bool, List[str]] | None:
    """Whether extendedKeyUsage is critical, and what it names; None where it is not there."""
    extension = (certificate.extensions or {}).get(_EXTENDED_KEY_USAGE)
    if extension is None:
        return None
    outer = der.read(extension[1])
    der.Fields(outer)
    return extension[0], [der.oid(part) for part in outer.parts]


def key_identifier(certificate: Certificate) -> bytes | None:
    """The subject key identifier that a certificate gives itself."""
    extension = (certificate.extensions or {}).get("2.5.29.14")
    return None if extension is None else der.octets(der.read(extension[1]))
