"""PAdES signatures on documents: made with an organisation's own key, and looked at again.

A signature is an incremental update behind the pages and their proofs, so it is no part of the
bytes that are the same everywhere. Who may sign in the organisation's name is for those who trust
its certificate; here is decided only whether a signature fits, and whether anything but signatures
was added (`signatures`). Ed25519 is not understood by the PDF programs that people have, so the key
is P-256 (or RSA) with a certificate, in one PKCS#12 or PEM file.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from ledger.errors import DataError, KeyAccessError, UsageError

if TYPE_CHECKING:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.signers import SimpleSigner

FIELD: Final = "Signature"
MAX_KEY_BYTES: Final = 1 << 20
MAX_ADDED_BYTES: Final = 4 << 20
_STREAM: Final = re.compile(rb">>\s*stream\r?\n")
_ASK: Final = "give the passphrase with --signing-passphrase-file FILE"


def sign(data: bytes, key: bytes, passphrase: Callable[[], bytes]) -> bytes:
    """The file with a PAdES signature (B-B) behind it.

    `key`: a PKCS#12 or PEM file with private key and certificate; `passphrase` is called if the
    key is encrypted. Raises `KeyAccessError` if it cannot be opened, `UsageError` for a key of
    another kind, without a certificate, or if the extra `pdf` is not installed.
    """
    try:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers
    except ImportError:
        raise _missing() from None

    class Signer(signers.PdfSigner):
        """Leaves the catalog's version alone: PDF/A-3 is PDF 1.7, not 2.0."""

        def register_extensions(self, pdf_out: Any, *, md_algorithm: str) -> None:  # noqa: ANN401
            """Nothing to register."""

    signer = _signer(key, passphrase)
    out = BytesIO()
    writer = IncrementalPdfFileWriter(BytesIO(data))
    there = sum(1 for _ in fields.enumerate_sig_fields(writer.prev))
    about = signers.PdfSignatureMetadata(
        field_name=f"{FIELD}{there + 1}", md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
    )  # fmt: skip
    Signer(about, signer).sign_pdf(writer, output=out)
    return out.getvalue()


def _signer(key: bytes, passphrase: Callable[[], bytes]) -> SimpleSigner:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    private, certificates = _opened(key, passphrase)
    if not isinstance(private, RSAPrivateKey) and not (
        isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1)
    ):
        raise UsageError("a document is signed with a P-256 or RSA key", "give another key")
    own = [c for c in certificates if c.public_key() == private.public_key()]
    if not own:
        raise UsageError(
            "the file has no certificate of its key", "put key and certificate into one file"
        )
    return _simple_signer(private, own[0], [c for c in certificates if c is not own[0]])


def _simple_signer(private: Any, own: Any, others: Sequence[Any]) -> SimpleSigner:  # noqa: ANN401
    from asn1crypto.keys import PrivateKeyInfo
    from asn1crypto.x509 import Certificate
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    raw = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([Certificate.load(c.public_bytes(Encoding.DER)) for c in others])
    return SimpleSigner(
        signing_cert=Certificate.load(own.public_bytes(Encoding.DER)),
        signing_key=PrivateKeyInfo.load(raw), cert_registry=store,
    )  # fmt: skip


def _opened(key: bytes, passphrase: Callable[[], bytes]) -> tuple[Any, Sequence[Any]]:
    """Private key and certificates of a file, in the library's own types."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
    from cryptography.x509 import load_pem_x509_certificates

    try:
        if b"-----BEGIN" in key:
            secret = passphrase() if b"ENCRYPTED" in key else None
            certificates = load_pem_x509_certificates(key) if b"CERTIFICATE" in key else []
            return load_pem_private_key(key, secret), certificates
        private, own, others = load_key_and_certificates(key, passphrase())
    except (ValueError, TypeError):
        raise KeyAccessError(
            "the signing key cannot be opened with this passphrase", _ASK
        ) from None
    return private, [*([own] if own else []), *others]


# -- looked at ----------------------------------------------------------------------------------


def signatures(data: bytes, known: int) -> Sequence[Mapping[str, Any]]:
    """The signatures behind the first `known` bytes, if there is nothing else behind them.

    For each: `subject` (the certificate's), `certificate` (its SHA-256), `intact`. Raises
    `DataError`: `signature_broken`, or `appended` for anything but invisible signatures.
    """
    rest = data[known:]
    if len(rest) > MAX_ADDED_BYTES or not _unpacks(rest) or b"/ByteRange" not in rest:
        raise DataError("appended")
    try:
        from pyhanko.pdf_utils.reader import PdfFileReader
    except ImportError:
        raise _missing() from None
    for library in ("pyhanko", "pyhanko_certvalidator"):  # they log what we answer
        logging.getLogger(library).addHandler(logging.NullHandler())
    try:
        reader = PdfFileReader(BytesIO(data))
        found = [_one(signature) for signature in reader.embedded_signatures]
        added_only = _added_only(reader, data, known)
    except DataError:
        raise
    except Exception:  # noqa: BLE001  whatever a hostile update makes of the library
        raise DataError("appended") from None
    if not found or not added_only:
        raise DataError("appended")
    return found


def _one(signature: Any) -> Mapping[str, Any]:  # noqa: ANN401  pyHanko's EmbeddedPdfSignature
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    nobody = ValidationContext(trust_roots=[], allow_fetching=False)
    status = validate_pdf_signature(signature, nobody)
    covers = status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    if not (status.intact and status.valid and covers):
        raise DataError("signature_broken")
    certificate = signature.signer_cert
    return {
        "subject": certificate.subject.human_friendly, "certificate": certificate.sha256.hex(),
        "intact": True,
    }  # fmt: skip


def _added_only(reader: PdfFileReader, data: bytes, known: int) -> bool:
    """Whether everything behind the `known` bytes is signatures that cannot be seen."""
    from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY
    from pyhanko.sign.fields import MDPPerm, enumerate_sig_fields

    for _, _, field in enumerate_sig_fields(reader):
        if any(float(side) for side in field.get_object().get("/Rect", [1])):
            return False
    last = data[:known].count(b"%%EOF") - 1
    result = DEFAULT_DIFF_POLICY.review_file(reader, last, doc_mdp=MDPPerm.FILL_FORMS)
    return hasattr(result, "modification_level")


def _unpacks(rest: bytes) -> bool:
    """Whether no stream of an update grows beyond the limit, so that a parser may have it."""
    if rest.count(b"Decode") > rest.count(b"/Filter"):  # one filter upon another
        return False
    for place in _STREAM.finditer(rest):
        unpacking = zlib.decompressobj()
        try:
            unpacking.decompress(rest[place.end() :], MAX_ADDED_BYTES)
        except zlib.error:
            continue
        if not unpacking.eof:
            return False
    return True


def _missing() -> UsageError:
    from ledger.documents.pages import missing

    return missing()
