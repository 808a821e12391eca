"""Documents for the tests of documents: issued ones, and what a forger would make of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from ledger.documents import pages
from ledger.documents.checking import check_offline, check_with_ledger
from ledger.documents.container import attach_receipt, attached
from ledger.documents.issuing import Printed, issue
from ledger.documents.twin import canonical, parse
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.commit import Entry, SignedCommit
from ledger.tlog.merkle import inclusion_proof, leaf_hash, leaf_reader, tree_root
from ledger.tlog.note import Note, SignatureLine
from ledger.tlog.proof import TlogProof
from tests.ledger.crews import Site

ID = "019390a1-7e30-7c3a-8d5e-2f1b6a9c{:04x}"


def certified(site: Site, folder: Path, count: int = 1) -> str:
    """A case of a certified destruction."""
    records = site.ripe(folder, count)
    case = site.approved([site.copy(record) for record in records])
    site.execute(case)
    site.verify(case)
    site.certify(case)
    return case


def certificate(site: Site, folder: Path, **options: Any) -> Printed:
    """The certificate of a case of its own."""
    return issue(site.ledger, site.wang, "destruction_certificate", certified(site, folder),
                 **options)  # fmt: skip


def twin_of(data: bytes) -> bytes:
    return attached(data)[0]


def receipt_of(data: bytes) -> bytes:
    return attached(data)[-1]


def drawn(twin: bytes, shown: Mapping[str, Any], attach: bytes | None = None) -> bytes:
    """Pages as this program lays them out, for a view that need not be the twin's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "view", lambda _: dict(shown))
        return pages.render(attach or twin)


def with_receipt(base: bytes, data: bytes) -> bytes:
    """Forged pages with the proofs of the document that they imitate."""
    return attach_receipt(base, parse(twin_of(data))["number"], receipt_of(data))


def altered(twin: bytes, **members: Any) -> bytes:
    """A twin that says something else."""
    return canonical({**parse(twin), **members})


def asked(site: Site, data: bytes) -> tuple[str, tuple[str, ...]]:
    """What the ledger says of a file: verdict and reasons."""
    answer = check_with_ledger(data, site.ledger)
    return answer.verdict, tuple(answer.reasons)


def asked_offline(site: Site, data: bytes) -> tuple[str, tuple[str, ...]]:
    answer = check_offline(data, site.ledger.folder.pinned_key())
    return answer.verdict, tuple(answer.reasons)


# -- twins that no ledger stands behind ---------------------------------------------------------


def item(number: int) -> dict[str, Any]:
    return {
        "holding": f"holding-{ID.format(number)}", "record": f"record-{ID.format(number)}",
        "form": "electronic_native", "medium": "disk_internal", "size": 1234 * number,
        "items": 1, "category": "contract", "min_until": "2026-01-31",
    }  # fmt: skip


def a_twin(kind: str = "destruction_list", rows: int = 3, **said: Any) -> bytes:
    """A twin as long as wanted."""
    case = f"destruction_case-{ID.format(1)}"
    actor = f"actor-{ID.format(1)}"
    step = {"by": actor, "role": "custodian", "accepted": "2026-11-21T01:00:00.000Z",
            "at": "2026-11-21T01:00:00.000Z", "event": f"{case}/1"}  # fmt: skip
    body = {
        "case": case, "ground": "retention_expired", "method": "clear", "technique": "overwrite",
        "root": "0123456789abcdef" * 4, "count": rows, "appraisal": "pass", "proposed": step,
        "items": [item(number) for number in range(rows)], **said,
    }  # fmt: skip
    return canonical({
        "format": "muniment-document/1", "kind": kind, "number": "QC-20261121-0001",
        "title": {"zh": "销毁清册", "en": "Destruction List"}, "locale": "zh_en",
        "ledger": {"id": f"ledger-{ID.format(0)}", "origin": "jiejing.example/ledger", "key": "k"},
        "engagement": f"engagement-{ID.format(0)}", "issued_at": "2026-11-21T09:30:00.000Z",
        "issuer": actor, "nonce": "0" * 64, "template": {"id": kind, "version": 1},
        "source": {"stream": case, "event": f"{case}/4"},
        "checkpoint": {"size": 12345, "root": "fedcba9876543210" * 4},
        "signers": [{"actor": actor, "keys": ["77c1a2e5"], "name": "王建国"}], "said": body,
    })  # fmt: skip


# -- an organisation's signing key --------------------------------------------------------------


def a_certificate(key: Any, name: str = "洁净保洁") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = [True, True, *[False] * 7]
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(7)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.KeyUsage(*usage), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip


def signing_key(passphrase: bytes = b"seal", key: Any = None) -> bytes:
    """A PKCS#12 file with a P-256 key, or another one, and its certificate."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    return pkcs12.serialize_key_and_certificates(
        b"seal", key, a_certificate(key), None, BestAvailableEncryption(passphrase)
    )


def pem_key(key: Any = None, *, certified_by: bool = True) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    raw: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return raw + (a_certificate(key).public_bytes(Encoding.PEM) if certified_by else b"")


# -- a keeper of the ledger who forges ----------------------------------------------------------


def accepted_anew(site: Site, receipt: dict[str, Any], *, forged: bool) -> dict[str, Any]:
    """The same events in a tree of their own, under a checkpoint that the ledger's key signed.

    `forged`: with another signature of the author under the last entry.
    """
    entries = [Entry.parse(row["entry"].encode("utf-8")) for row in receipt["entries"]]
    before = {entry.commit.format(): at for at, entry in enumerate(entries)}
    if forged:
        entries[-1] = _signed_otherwise(entries[-1])
    leaves = [leaf_hash(entry.format()) for entry in entries]
    head = Checkpoint(site.ledger.origin, len(leaves), tree_root(leaves))
    ledger = site.ledger
    key = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
    note = Note(head.format(), (sign_checkpoint(head, key),)).format()

    def of_entry(at: int) -> str:
        path = inclusion_proof(at, len(leaves), leaf_reader(leaves))
        return TlogProof(at, tuple(path), note).format().decode("utf-8")

    def of_event(row: Mapping[str, str]) -> str:
        proof = TlogProof.parse(row["proof"].encode("utf-8"))
        commit = entries[before[proof.checkpoint_note]].commit.format()
        return TlogProof(proof.index, proof.hashes, commit).format().decode("utf-8")

    return {
        **receipt, "checkpoint": note.decode("utf-8"),
        "entries": [{"entry": entry.format().decode("utf-8"), "proof": of_entry(at)}
                    for at, entry in enumerate(entries)],
        "events": [{**row, "proof": of_event(row)} for row in receipt["events"]],
    }  # fmt: skip


def _signed_otherwise(entry: Entry) -> Entry:
    line = entry.commit.signatures[0]
    other = SignatureLine(line.name, line.key_id, line.signature[:32] + bytes(32))
    lines = (other, *entry.commit.signatures[1:])
    return Entry(entry.accepted, SignedCommit(entry.commit.note, lines))


def texts(site: Site) -> Sequence[str]:
    """Everything that a person typed into the ledger, as far as it can be opened."""
    found = []
    with site.ledger.engine.connect() as connection:
        streams = connection.exec_driver_sql("SELECT DISTINCT topic, stream FROM events").all()
    for topic, key in streams:
        digits = key.hex()
        uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        for position, _, event, _ in site.ledger.events_of(f"{topic.split('.')[0]}-{uuid}"):
            found += list((site.ledger.unseal(position, event) or {}).values())
    return found
