"""A time-stamping authority for tests: certificates, and replies by `openssl ts` and `openssl cms`.

Certificates are made with `cryptography`, so that each of them can be wrong in one way. Good
replies come from `openssl ts -reply`. It refuses to sign with a certificate that is not for time
stamping, so what an attacker would write is signed with `openssl cms -sign` over a TSTInfo that is
put together here.
"""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.offline import der

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

POLICY = "1.3.6.1.4.1.99999.7.1"
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
TSA_USAGE = ("digital_signature", "content_commitment")
CA_USAGE = ("key_cert_sign", "crl_sign")


def openssl() -> str:
    """The program, or a skip that says what is not tested."""
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("openssl is not installed: time tokens are NOT tested (apt install openssl)")
    return found


def run(*arguments: str, given: bytes | None = None) -> bytes:
    """What openssl prints; an error of its own fails the test."""
    done = subprocess.run([openssl(), *arguments], input=given, capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr.decode(errors="replace"))
    return done.stdout


@cache
def key(kind: str, which: int = 0) -> Private:
    """A key of a kind: `rsa2048`, `rsa3072`, `rsa1024`, `p256`, `p384`, `p521`; each kept once."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Wanted:
    """What a certificate shall say; every field is one that an attack changes."""

    name: str
    kind: str = "p256"
    which: int = 0
    ca: bool | None = None
    path_length: int | None = None
    usage: Sequence[str] | None = None
    purposes: Sequence[x509.ObjectIdentifier] | None = None
    purposes_critical: bool = True
    begins: datetime.datetime = NOW - 365 * DAY
    ends: datetime.datetime = NOW + 3650 * DAY
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)
    critical_unknown: bool = False
    serial: int | None = None


ROOT = Wanted("Test Root", "rsa2048", 1, ca=True, usage=CA_USAGE)
MIDDLE = Wanted("Test Intermediate", "p384", 2, ca=True, path_length=0, usage=CA_USAGE)
SIGNER = Wanted(
    "Test Time Stamping", "p256", 3, ca=False, usage=TSA_USAGE, purposes=(TIME_STAMPING,)
)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    private: Private

    @property
    def der(self) -> bytes:
        return der_of(self.certificate)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def private_pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue(wanted: Wanted, by: Issued | None = None) -> Issued:
    """A certificate as wanted, signed by another one or, without, by itself."""
    private = key(wanted.kind, wanted.which)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(private.public_key())
        .serial_number(wanted.serial or x509.random_serial_number())
        .not_valid_before(wanted.begins)
        .not_valid_after(wanted.ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False)
    )
    if wanted.ca is not None:
        constraints = x509.BasicConstraints(ca=wanted.ca, path_length=wanted.path_length)
        builder = builder.add_extension(constraints, critical=True)
    if wanted.usage is not None:
        builder = builder.add_extension(_usage(wanted.usage), critical=True)
    if wanted.purposes is not None:
        purposes = x509.ExtendedKeyUsage(wanted.purposes)
        builder = builder.add_extension(purposes, critical=wanted.purposes_critical)
    if wanted.critical_unknown:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    signing = by.private if by else private
    return Issued(builder.sign(signing, wanted.digest), private)  # type: ignore[arg-type]


def _usage(names: Sequence[str]) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


@dataclass
class Authority:
    """`openssl ts -reply` with a signer, and what it sends along."""

    folder: Path
    signer: Issued
    chain: Sequence[Issued] = ()
    digest: str = "sha256"
    accuracy: str = "secs:1, millisecs:500, microsecs:100"
    certs: bool = False
    ess: str = "sha256"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "signer.pem").write_bytes(self.signer.pem)
        (self.folder / "signer.key").write_bytes(self.signer.private_pem)
        (self.folder / "chain.pem").write_bytes(b"".join(one.pem for one in self.chain))
        (self.folder / "serial").write_text("01\n")
        certs = f"certs = {self.folder}/chain.pem\n" if self.certs else ""
        (self.folder / "openssl.cnf").write_text(
            "[tsa]\ndefault_tsa = this\n[this]\n"
            f"serial = {self.folder}/serial\ncrypto_device = builtin\n"
            f"signer_cert = {self.folder}/signer.pem\nsigner_key = {self.folder}/signer.key\n"
            f"{certs}signer_digest = {self.digest}\ndefault_policy = {POLICY}\n"
            f"digests = sha256, sha384, sha512\naccuracy = {self.accuracy}\n"
            f"ordering = no\ntsa_name = yes\ness_cert_id_chain = no\ness_cert_id_alg = {self.ess}\n"
        )

    def reply(self, request: bytes) -> bytes:
        """The TimeStampResp to a TimeStampReq."""
        asked = self.folder / f"{os.urandom(8).hex()}.tsq"
        asked.write_bytes(request)
        return run(
            "ts", "-reply", "-config", str(self.folder / "openssl.cnf"), "-section", "this",
            "-queryfile", str(asked),
        )  # fmt: skip

    def stamp(self, data: bytes) -> bytes:
        """A reply over the SHA-256 of `data`, with certificates, with a nonce of openssl's."""
        file = self.folder / f"{os.urandom(8).hex()}.data"
        file.write_bytes(data)
        return self.reply(run("ts", "-query", "-data", str(file), "-sha256", "-cert"))


def authority(
    folder: Path, *, kind: str = "p256", digest: str = "sha256"
) -> tuple[Authority, Issued]:
    """An authority whose certificate a root issued, and that root."""
    root = issue(ROOT)
    return Authority(folder, issue(replace(SIGNER, kind=kind), root), digest=digest), root


def weakly(wanted: Wanted, by: Issued) -> Issued:
    """A certificate as wanted, signed with SHA-1 by an RSA key: `cryptography` makes none."""
    good = issue(wanted, by)
    parts = der.read(good.der).parts
    weak = seq(dotted("1.2.840.113549.1.1.5"), b"\x05\x00")
    tbs = seq(*(weak if one.raw == parts[1].raw else one.raw for one in parts[0].parts))
    with tempfile.NamedTemporaryFile() as file:
        file.write(by.private_pem)
        file.flush()
        signature = run("dgst", "-sha1", "-sign", file.name, given=tbs)
    raw = seq(tbs, weak, tlv(3, b"\x00", signature))
    return Issued(x509.load_der_x509_certificate(raw), good.private)


# -- DER, written ---------------------------------------------------------------------------------


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def seq(*contents: bytes) -> bytes:
    return tlv(0x30, *contents)


def number(value: int) -> bytes:
    size = (~value if value < 0 else value).bit_length() // 8 + 1
    return tlv(2, value.to_bytes(size, "big", signed=True))


def dotted(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    content = b""
    for arc in [40 * first + second, *rest]:
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(0x80 | arc & 0x7F)
        content += bytes(reversed(octets))
    return tlv(6, content)


SHA256 = seq(dotted("2.16.840.1.101.3.4.2.1"), b"\x05\x00")
SHA1 = seq(dotted("1.3.14.3.2.26"), b"\x05\x00")


def tst_info(
    imprint: bytes, time: str = "20260101000000Z", *, algorithm: bytes = SHA256, more: bytes = b"",
    version: int = 1, nonce: int | None = None,
) -> bytes:  # fmt: skip
    """A TSTInfo; `more` stands where accuracy and ordering would."""
    return seq(
        number(version), dotted(POLICY), seq(algorithm, tlv(4, imprint)), number(5),
        tlv(0x18, time.encode()), more, b"" if nonce is None else number(nonce),
    )  # fmt: skip


def cms(
    folder: Path, content: bytes, signer: Issued, chain: Sequence[Issued] = (), *,
    digest: str = "sha256", cades: bool = True, options: Sequence[str] = (),
) -> bytes:  # fmt: skip
    """A TimeStampResp around what `openssl cms -sign` makes of a TSTInfo."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / os.urandom(8).hex()
    files = {".in": content, ".pem": signer.pem, ".key": signer.private_pem}
    for suffix, data in files.items():
        Path(f"{name}{suffix}").write_bytes(data)
    Path(f"{name}.chain").write_bytes(b"".join(one.pem for one in chain))
    arguments = [
        "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-outform", "DER",
        "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-md", digest,
        "-in", f"{name}.in", "-signer", f"{name}.pem", "-inkey", f"{name}.key",
        *(["-certfile", f"{name}.chain"] if chain else []), *(["-cades"] if cades else []),
        *options,
    ]  # fmt: skip
    return seq(seq(number(0)), run(*arguments))


def imprint_of(data: bytes) -> bytes:
    return sha256(data).digest()
