r"""Time tokens (RFC 3161): that an authority saw an imprint at a time.

Kept and read is the complete reply of the authority, a TimeStampResp in DER. In order:

    1  strict DER (`der`): status granted, one SignedData over a TSTInfo of version 1, one signer
    2  the imprint is SHA-256 and is the one asked for
    3  the signed attributes name the content's type once, and its digest, which fits
    4  the certificate that the signed attributes name by its hash (ESSCertID, SHA-1; ESSCertIDv2)
       is there, and it is the one that the signer says
    5  its key signed the attributes
    6  it may sign time tokens at that time (`x509.check_signer`)
    7  a chain leads from it to a root that the reader pinned (`x509.leads_to_root`)

The codes: `token_malformed` (1), `token_differs` (2), `token_signature` (3 to 6). Without the last
step the token holds, but it is not known whose it is: `issuer_known` is false.

Not covered by the signature, and so without weight: the status, certificates that the signed
attributes do not name, unsigned attributes. Not asked: whether a certificate was revoked.

>>> verify_token(b"0\x03\x02\x01\x02", bytes(32), [])
Traceback (most recent call last):
ValueError: token_malformed
>>> token = Token("2026-01-01T00:00:00Z", 1500, True, "01", "1.2.3")
>>> earliest(token), latest(token)
('2025-12-31T23:59:58.500Z', '2026-01-01T00:00:02.500Z')
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Dict, List, NamedTuple, Sequence, Tuple

from . import der, publickey, x509

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_IN_USE = ("2000", "9900")  # years of tokens: before, there were none


class Token(NamedTuple):
    """What an authority said: the time (its fraction cut off), how exact, under which policy.

    `issuer_known`: a chain leads to a pinned root. `serial`: the serial number in hex, at least
    one octet. `policy`: an object identifier.
    """

    gen_time: str
    accuracy_ms: int
    issuer_known: bool
    serial: str
    policy: str


class Info(NamedTuple):
    """What a reply says, before anything of it is verified; `accuracy_ms` is rounded up."""

    policy: str
    algorithm: str
    imprint: bytes
    serial: str
    gen_time: str
    accuracy_ms: int
    nonce: int | None


class _Signed(NamedTuple):
    content: bytes
    info: Info
    certificates: List[bytes]
    digest_algorithm: str
    issuer: bytes | None  # with serial; or the subject key identifier
    serial: int
    key_identifier: bytes | None
    attributes: der.Value
    algorithm: der.Value
    signature: bytes


def verify_token(tsr: bytes, imprint: bytes, roots: Sequence[bytes]) -> Token:
    """Return what the reply says if it holds for this imprint (32 bytes).

    `roots`: certificates (DER) that the reader trusts for time; one that cannot be read vouches
    for nothing. Raises `ValueError` with one of the codes.
    """
    try:
        signed = _parse(tsr)  # step 1
    except ValueError as error:
        raise ValueError("token_malformed") from error
    info = signed.info
    if info.algorithm != publickey.SHA256 or info.imprint != imprint:  # step 2
        raise ValueError("token_differs")
    try:
        signer = _signer(signed, roots)
    except ValueError as error:
        raise ValueError("token_signature") from error
    known = x509.leads_to_root(signer, signed.certificates, roots, info.gen_time)  # step 7
    return Token(_shown(info.gen_time), info.accuracy_ms, known, info.serial, info.policy)


def read_info(tsr: bytes) -> Info:
    """What a reply says, unverified; `gen_time` as in `Token`. Raises `ValueError`."""
    try:
        info = _parse(tsr).info
    except ValueError as error:
        raise ValueError("token_malformed") from error
    return info._replace(gen_time=_shown(info.gen_time))


def read_status(tsr: bytes) -> Tuple[int, int]:
    """The status of a reply (0 granted, 1 with changes, 2 rejected …), and the failure's bits.

    Bits as in RFC 3161, 2.4.2, bit n as 1 << n; -1 where they are not there. Raises `ValueError`.
    """
    try:
        return _status(der.Fields(der.read(tsr)))
    except ValueError as error:
        raise ValueError("token_malformed") from error


def earliest(token: Token) -> str:
    """The first moment that the token admits, `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return _moved(token.gen_time, -token.accuracy_ms)


def latest(token: Token) -> str:
    """The last moment that the token admits; a second more, for the fraction that was cut off."""
    return _moved(token.gen_time, token.accuracy_ms + 1000)


def _moved(time: str, milliseconds: int) -> str:
    moment = datetime.fromisoformat(time[:-1]) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds") + "Z"


def _shown(time: str) -> str:
    date = f"{time[:4]}-{time[4:6]}-{time[6:8]}"
    return f"{date}T{time[8:10]}:{time[10:12]}:{time[12:]}Z"


# -- step 1: reading -----------------------------------------------------------------------------


def _parse(tsr: bytes) -> _Signed:
    fields = der.Fields(der.read(tsr))
    status, _ = _status(fields)
    if status not in (0, 1):
        raise ValueError("the authority did not grant the token")
    token = der.Fields(fields.take(der.SEQUENCE))
    fields.end()
    if der.oid(token.take(der.OID)) != _SIGNED_DATA:
        raise ValueError("not signed data")
    inner = token.inside(0xA0)
    token.end()
    if inner is None:
        raise ValueError("signed data are missing")
    return _signed_data(der.Fields(inner))


def _status(fields: der.Fields) -> Tuple[int, int]:
    info = der.Fields(fields.take(der.SEQUENCE))
    status = der.small(info.take(der.INTEGER))
    info.maybe(der.SEQUENCE)  # words for people
    failure = info.maybe(der.BIT_STRING)
    info.end()
    return status, -1 if failure is None else der.flags(failure)


def _signed_data(fields: der.Fields) -> _Signed:
    if der.small(fields.take(der.INTEGER)) != 3:
        raise ValueError("signed data of another version")
    digests = {publickey.read_digest_algorithm(part) for part in fields.take(der.SET).parts}
    content = _content(der.Fields(fields.take(der.SEQUENCE)))
    certificates = fields.maybe(0xA0)
    fields.maybe(0xA1)  # revocation lists
    signers = fields.take(der.SET)
    fields.end()
    if len(signers.parts) != 1:
        raise ValueError("a token has one signer")
    # Of the kinds that CMS knows, X.509 certificates are the ones that are a SEQUENCE.
    parts = () if certificates is None else certificates.parts
    kept = [part.raw for part in parts if part.tag == der.SEQUENCE]
    if len(parts) > x509.MAX_CERTIFICATES:
        raise ValueError("more certificates than are read")
    signed = _signer_info(der.Fields(signers.parts[0]), content, kept)
    if signed.digest_algorithm not in digests:
        raise ValueError("the signer's digest algorithm is not announced")
    return signed


def _content(fields: der.Fields) -> bytes:
    if der.oid(fields.take(der.OID)) != _TST_INFO:
        raise ValueError("not the content of a time token")
    inner = fields.inside(0xA0)
    fields.end()
    if inner is None:
        raise ValueError("the content is missing")
    return der.octets(inner)


def _signer_info(fields: der.Fields, content: bytes, certificates: List[bytes]) -> _Signed:
    version = der.small(fields.take(der.INTEGER))
    issuer, serial = None, 0
    identifier = fields.maybe(0x80)
    if identifier is None:
        named = der.Fields(fields.take(der.SEQUENCE))
        issuer = named.take(der.SEQUENCE).raw
        serial = der.integer(named.take(der.INTEGER))
        named.end()
    if version != (1 if identifier is None else 3):
        raise ValueError("the signer's version does not fit how it is named")
    digest_algorithm = publickey.read_digest_algorithm(fields.take(der.SEQUENCE))
    attributes = fields.take(0xA0)
    algorithm = fields.take(der.SEQUENCE)
    signature = der.octets(fields.take(der.OCTET_STRING))
    fields.maybe(0xA1)  # unsigned attributes
    fields.end()
    return _Signed(
        content, _info(content), certificates, digest_algorithm, issuer, serial,
        None if identifier is None else identifier.content, attributes, algorithm, signature,
    )  # fmt: skip


def _info(content: bytes) -> Info:
    fields = der.Fields(der.read(content))
    if der.small(fields.take(der.INTEGER)) != 1:
        raise ValueError("a token of another version")
    policy = der.oid(fields.take(der.OID))
    imprint = der.Fields(fields.take(der.SEQUENCE))
    algorithm = publickey.read_digest_algorithm(imprint.take(der.SEQUENCE))
    hashed = der.octets(imprint.take(der.OCTET_STRING))
    imprint.end()
    serial = fields.take(der.INTEGER)
    der.integer(serial)
    time, _ = der.generalized(fields.take(der.GENERALIZED_TIME))
    if not _IN_USE[0] <= time < _IN_USE[1]:
        raise ValueError("not a year of time tokens")
    accuracy = fields.maybe(der.SEQUENCE)
    ordering = fields.maybe(der.BOOLEAN)
    if ordering is not None:
        der.boolean(ordering)
    nonce = fields.maybe(der.INTEGER)
    fields.maybe(0xA0)  # the authority's name
    extensions = fields.maybe(0xA1)
    fields.end()
    if extensions is not None:
        _check_extensions(extensions)
    return Info(
        policy, algorithm, hashed, serial.content.hex(), time, _accuracy(accuracy),
        None if nonce is None else der.integer(nonce),
    )  # fmt: skip


def _check_extensions(extensions: der.Value) -> None:
    for part in extensions.parts:
        fields = der.Fields(part)
        fields.take(der.OID)
        critical = fields.maybe(der.BOOLEAN)
        fields.take(der.OCTET_STRING)
        fields.end()
        if critical is not None and der.boolean(critical):
            raise ValueError("a critical extension that is not known")


def _accuracy(value: der.Value | None) -> int:
    """Milliseconds, rounded up; 0 where the authority says nothing."""
    if value is None:
        return 0
    fields = der.Fields(value)
    seconds = fields.maybe(der.INTEGER)
    milliseconds, microseconds = fields.maybe(0x80), fields.maybe(0x81)
    fields.end()
    whole = 0 if seconds is None else der.small(seconds)
    if whole > 86_400:
        raise ValueError("an accuracy of more than a day")
    return whole * 1000 + _thousandths(milliseconds) + bool(_thousandths(microseconds))


def _thousandths(value: der.Value | None) -> int:
    if value is None:
        return 0
    number = der.small(value._replace(tag=der.INTEGER))
    if not 1 <= number <= 999:
        raise ValueError("not from 1 to 999")
    return number


# -- steps 3 to 6: who signed --------------------------------------------------------------------


def _signer(signed: _Signed, roots: Sequence[bytes]) -> x509.Certificate:
    attributes = _attributes(signed.attributes)
    content_type = der.oid(attributes.get(_CONTENT_TYPE, _NOTHING))  # step 3
    message_digest = der.octets(attributes.get(_MESSAGE_DIGEST, _NOTHING))
    if content_type != _TST_INFO or message_digest != publickey.digest(
        signed.digest_algorithm, signed.content
    ):
        raise ValueError("the signed attributes are of another content")
    raw = _named(attributes, [*signed.certificates, *roots])  # step 4
    signer = x509.parse(raw)
    if signed.key_identifier is not None:
        if x509.key_identifier(signer) != signed.key_identifier:
            raise ValueError("the signer is not whose certificate the attributes name")
    elif (signer.issuer, signer.serial) != (signed.issuer, signed.serial):
        raise ValueError("the signer is not whose certificate the attributes name")
    message = b"\x31" + signed.attributes.raw[1:]  # RFC 5652, 5.4: signed as an explicit SET OF
    publickey.verify(  # step 5
        signer.key, signed.algorithm, signed.signature, message, signed.digest_algorithm
    )
    x509.check_signer(signer, signed.info.gen_time)  # step 6
    return signer


_NOTHING = der.Value(0, b"", b"", ())


def _attributes(value: der.Value) -> Dict[str, der.Value]:
    """Attributes by type; of each there is one, with one value (RFC 5652, 11)."""
    found: Dict[str, der.Value] = {}
    for part in value.parts:
        fields = der.Fields(part)
        identifier = der.oid(fields.take(der.OID))
        values = fields.take(der.SET)
        fields.end()
        if identifier in found or not values.parts:
            raise ValueError("a signed attribute stands twice, or is empty")
        found[identifier] = values.parts[0] if len(values.parts) == 1 else _NOTHING
    return found


def _named(attributes: Dict[str, der.Value], certificates: Sequence[bytes]) -> bytes:
    """The certificate whose hash the signed attributes give; all of them if there are several."""
    tests = [
        _ess_certificate(attributes[name], version)
        for name, version in ((_SIGNING_CERTIFICATE, 1), (_SIGNING_CERTIFICATE_V2, 2))
        if name in attributes
    ]
    for raw in certificates:
        if tests and all(_fits(test, raw) for test in tests):
            return raw
    raise ValueError("the certificate that the signer names is not there")


class _Ess(NamedTuple):
    """An ESSCertID: the hash of a certificate; and its issuer and serial number, or neither."""

    algorithm: str
    hashed: bytes
    issuer: bytes | None
    serial: int


def _ess_certificate(value: der.Value, version: int) -> _Ess:
    """The first of a SigningCertificate: the signer's (RFC 5816; RFC 2634, 5.4)."""
    fields = der.Fields(value)
    all_of_them = fields.take(der.SEQUENCE)
    fields.maybe(der.SEQUENCE)  # policies
    fields.end()
    if not all_of_them.parts:
        raise ValueError("no certificate is named")
    fields = der.Fields(all_of_them.parts[0])
    algorithm = "sha1"
    if version == 2:
        # The default is SHA-256, and left out. AlgorithmIdentifier and IssuerSerial are both a
        # SEQUENCE, but the hash stands between them.
        written = fields.maybe(der.SEQUENCE)
        algorithm = (
            publickey.SHA256 if written is None else publickey.read_digest_algorithm(written)
        )
    hashed = der.octets(fields.take(der.OCTET_STRING))
    issuer_serial = fields.maybe(der.SEQUENCE)
    fields.end()
    if issuer_serial is None:
        return _Ess(algorithm, hashed, None, 0)
    fields = der.Fields(issuer_serial)
    names = fields.take(der.SEQUENCE)
    serial = der.integer(fields.take(der.INTEGER))
    fields.end()
    if len(names.parts) != 1 or names.parts[0].tag != 0xA4 or len(names.parts[0].parts) != 1:
        raise ValueError("an issuer that is not one directory name")
    return _Ess(algorithm, hashed, names.parts[0].parts[0].raw, serial)


def _fits(test: _Ess, raw: bytes) -> bool:
    if test.algorithm == "sha1":
        # A second preimage would be needed to deceive; RFC 5816 leaves these tokens in use.
        hashed = hashlib.sha1(raw).digest()  # noqa: S324
    else:
        hashed = publickey.digest(test.algorithm, raw)
    if hashed != test.hashed:
        return False
    if test.issuer is None:
        return True
    certificate = x509.parse(raw)
    return (certificate.issuer, certificate.serial) == (test.issuer, test.serial)
