r"""The bag and the exporter's word on it: a signed note over the two manifests, in neither of them.

Each line of its text ends with newline; `scope` says `<kind> <id>`, or `period <from>/<to>`:

    <origin>/bundle/<UUID of the bundle, 32 hex digits>
    muniment-evidence 2
    manifest-sha256 <64 hex digits>
    tagmanifest-sha256 <64 hex digits>
    checkpoint <size> <base64 root>
    scope <kind> <id>
    exported <time>
    exporter <key name> <8 hex digits of the key id>

>>> order = Order(
...     "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
...     "record",
...     "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4f",
...     "",
...     "",
...     "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e/2",
... )
>>> head = Checkpoint("example.com/ledger", 0, sha256().digest())
>>> name, key_id = "example.com/ledger/a/actor-1", "77c1a2e5"
>>> at = "2026-11-21T09:30:00.000Z"
>>> print(exporter_text(order, head, at, ["0" * 64, "f" * 64], name, key_id), end="")
example.com/ledger/bundle/019390a17e307c3a8d5e2f1b6a9c0d4e
muniment-evidence 2
manifest-sha256 0000000000000000000000000000000000000000000000000000000000000000
tagmanifest-sha256 ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
checkpoint 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
scope record record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4f
exported 2026-11-21T09:30:00.000Z
exporter example.com/ledger/a/actor-1 77c1a2e5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ledger import VERSION
from ledger.bundle.gathering import not_genuine
from ledger.bundle.order import Order
from ledger.errors import UsageError
from ledger.offline.bag import EXPORTER_NOTE, MANIFEST, TAG_MANIFEST, Bag, make_bag
from ledger.offline.check import check_bundle
from ledger.offline.findings import Flaw
from ledger.offline.pack import pyz
from ledger.offline.page import page
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note, SignatureLine, encode_base64
from projections.view import key_of

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger

_PROGRAM: Final = "verify/verify.pyz"
_PAGE: Final = "verify/verify.html"
_EXPECTED: Final = "verify/EXPECTED_OUTPUT.txt"
_HANDED_OUT: Final = ("valid", "disputed")


def exporter_text(
    order: Order, head: Checkpoint, at: str, manifests: Sequence[str], name: str, key_id: str
) -> str:
    """The text that the exporter signs (module docstring).

    `at`: when it was exported; `manifests`: SHA-256 of the payload's and of the tags' manifest;
    `name`, `key_id` (8 hex digits): of the exporter's key.
    """
    return (
        f"{head.origin}/bundle/{key_of(order.bundle).hex()}\n"
        "muniment-evidence 2\n"
        f"manifest-sha256 {manifests[0]}\n"
        f"tagmanifest-sha256 {manifests[1]}\n"
        f"checkpoint {head.size} {encode_base64(head.root)}\n"
        f"scope {order.kind} {order.object or f'{order.begins}/{order.ends}'}\n"
        f"exported {at}\n"
        f"exporter {name} {key_id}\n"
    )


def packed(
    payload: Mapping[str, bytes],
    order: Order,
    head: Checkpoint,
    exported_at: str,
    ledger: Ledger,
    acting: Acting,
) -> dict[str, bytes]:
    """Every file of the bag: payload, verifiers, what they answer, manifests, signature.

    What the verifier prints names no digest of the bag, so it may lie in it. Raises
    `VerificationError` if it does not find the evidence genuine (disputed evidence is evidence all
    the same), `UsageError` for more than a bag holds.
    """
    files = _bagged(payload, b"", order, head, exported_at, acting)
    trust = parse_trust(ledger.folder.pinned_key().format())
    report = check_bundle(Bag(order.bundle, dict(files)), trust, ed25519.verify)
    if report.verdict not in _HANDED_OUT:
        raise not_genuine()
    expected = report.as_text("en").encode("utf-8")
    return _bagged(payload, expected, order, head, exported_at, acting)


def _bagged(
    payload: Mapping[str, bytes],
    expected: bytes,
    order: Order,
    head: Checkpoint,
    exported_at: str,
    acting: Acting,
) -> dict[str, bytes]:
    """The whole bag, with the exporter's signature."""
    info = {
        "External-Identifier": order.bundle,
        "Bagging-Date": exported_at[:10],
        "Bag-Software-Agent": f"muniment/{VERSION}",
    }
    tags = {_PROGRAM: pyz(), _PAGE: page(), _EXPECTED: expected}
    try:
        files = make_bag(payload, tags, info)
    except Flaw as flaw:
        raise UsageError("the bundle cannot hold this ({code})", code=flaw.code) from None
    manifests = [sha256(files[name]).hexdigest() for name in (MANIFEST, TAG_MANIFEST)]
    key = acting.key
    identity = key.verifier.key_id
    text = exporter_text(order, head, exported_at, manifests, key.name, identity.hex())
    signed = text.encode("ascii")
    line = SignatureLine(key.name, identity, key.sign(signed))
    return {**files, EXPORTER_NOTE: Note(signed, (line,)).format()}
