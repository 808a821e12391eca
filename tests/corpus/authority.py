"""A time-stamp authority whose answers are the same every time (RFC 3161, ECDSA, RFC 6979).

Just enough DER and CMS to write a TimeStampResp; the tests of `timestamp` ask `openssl ts`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.3.6.1.4.1.57264.9"
_SIGNED_DATA, _TST = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_SHA256, _ECDSA = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"
_BEGINS, _ENDS = datetime(2025, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER value."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    made = b""
    for number in (40 * first + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        made += bytes(reversed(groups))
    return tlv(0x06, made)


def integer(number: int) -> bytes:
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def _set(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def _octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def _secret(word: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(sha256(word.encode()).digest()) >> 1
    return ec.derive_private_key(number, ec.SECP256R1())


class Authority:
    """An authority of a name: its root, and a certificate for time stamps under it."""

    def __init__(self, name: str) -> None:
        self._key = _secret(f"{name} stamps")
        root_key, root_name = _secret(f"{name} root"), _name(f"{name} root")
        self.root = _certificate(root_name, root_key, root_name, root_key, 1, ca=True)
        self._certificate = _certificate(_name(name), self._key, root_name, root_key, 2, ca=False)

    @property
    def root_der(self) -> bytes:
        """What the reader pins."""
        return self.root.public_bytes(Encoding.DER)

    def reply(self, imprint: bytes, at: datetime, serial: int, policy: str = POLICY) -> bytes:
        """A TimeStampResp over an imprint (SHA-256, 32 bytes) at a whole second."""
        hashed = sequence(sequence(oid(_SHA256)), _octets(imprint))
        stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()
        accuracy = sequence(integer(1))
        info = sequence(
            integer(1), oid(policy), hashed, integer(serial), tlv(0x18, stamp), accuracy
        )
        raw = self._certificate.public_bytes(Encoding.DER)
        named = sequence(sequence(sequence(_octets(sha256(raw).digest()))))
        attributes = _set(
            sequence(oid(_CONTENT_TYPE), _set(oid(_TST))),
            sequence(oid(_DIGEST), _set(_octets(sha256(info).digest()))),
            sequence(oid(_SIGNING_CERTIFICATE), _set(named)),
        )
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature = self._key.sign(attributes, algorithm)
        who = sequence(self._certificate.issuer.public_bytes(), integer(2))
        signer = sequence(
            integer(1), who, sequence(oid(_SHA256)), b"\xa0" + attributes[1:],
            sequence(oid(_ECDSA)), _octets(signature),
        )  # fmt: skip
        content = sequence(oid(_TST), tlv(0xA0, _octets(info)))
        signed = sequence(
            integer(3), _set(sequence(oid(_SHA256))), content, tlv(0xA0, raw), _set(signer)
        )
        token = sequence(oid(_SIGNED_DATA), tlv(0xA0, signed))
        return sequence(sequence(integer(0)), token)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    serial: int,
    *,
    ca: bool,
) -> x509.Certificate:
    public = key.public_key()
    identity = sha256(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).digest()
    builder = (
        x509.CertificateBuilder(issuer, subject, public, serial, _BEGINS, _ENDS)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(identity[:20]), critical=False)
    )
    if not ca:
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(stamping, critical=True)
    return builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
