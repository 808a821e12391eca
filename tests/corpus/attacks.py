"""What is done to a good bundle, one attack at a time, and what every verifier must find.

Whoever shows a bundle changes it (`tampering`), or knows something else than its reader should
(`readers`). `lies` has what an exporter does who signs for it again, `containers` the files that
are no bundle at all, and `forged` the ledgers whose keeper lies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.bundle.order import canonical_json
from ledger.privatekey import PrivateKey, generate
from ledger.tlog.note import Note, SignatureLine
from tests.corpus import Files
from tests.corpus.sealing import (
    BOOK,
    EVENTS,
    PLACES,
    changed,
    left_out,
    sealed,
)

OPENINGS = "data/30_附件/openings.json"
ATTACHED = "data/30_附件/attachments.json"
INDEX = f"{BOOK}/index.json"
KEYS = "data/20_身份/keys.json"
ROLES = "data/20_身份/roles_and_training.json"
SOFTWARE = "data/60_环境/software.json"
VALID, INVALID, DISPUTED, UNVERIFIABLE = "valid", "invalid", "disputed", "unverifiable"

Change = Mapping[str, bytes | None]


class Attack(NamedTuple):
    """One attack: the broken bundle, and what must be found, among other things perhaps."""

    name: str
    says: str
    base: str
    broken: bytes | Files
    verdict: str
    codes: Sequence[str] = ()
    trust: str = "reader"


class Bench(NamedTuple):
    """What attacks are made from: good bundles, one of another ledger, and the exporter's key."""

    good: Mapping[str, Files]
    other: Files
    key: PrivateKey

    @property
    def record(self) -> Files:
        """The good bundle that most attacks begin with."""
        return self.good["record"]


class Shop:
    """Makes attacks on one good bundle, with or without its exporter."""

    def __init__(self, bench: Bench, base: str) -> None:
        self.files, self._key, self._base = bench.good[base], bench.key, base

    def found(self, name: str, says: str, change: Change, *codes: str, **rest: str) -> Attack:
        """The bundle with files changed, as it then lies there."""
        broken = changed(self.files, change)
        return Attack(name, says, self._base, broken, rest.get("verdict", INVALID), codes)

    def lie(self, name: str, says: str, change: Change, *codes: str, **rest: str) -> Attack:
        """The same, packed and signed for again by the exporter."""
        broken = sealed(changed(self.files, change), self._key, self.files)
        return Attack(name, says, self._base, broken, rest.get("verdict", INVALID), codes)

    def json(self, path: str) -> Any:
        return json.loads(self.files[path])

    def edited(self, path: str, edit: Callable[[Any], Any]) -> dict[str, bytes | None]:
        """A change of what a JSON file says; `edit` changes the value, or returns another."""
        value = self.json(path)
        other = edit(value)
        return {path: canonical_json(value if other is None else other)}

    @property
    def lines(self) -> list[bytes]:
        return self.files[EVENTS].splitlines(keepends=True)

    def shown(self) -> list[dict[str, Any]]:
        """The places that have a line, in order."""
        return [place for place in self.json(PLACES) if "leaf" not in place]

    def without(self, event: str) -> dict[str, bytes | None]:
        """A change: one event gone, as if it had never been."""
        return left_out(self.files, event)


# -- whoever shows it -----------------------------------------------------------------------------


def tampering(bench: Bench) -> Iterator[Attack]:
    """Files changed, left out, added, renamed and swapped; nobody signs again."""
    shop = Shop(bench, "record")
    files, other = shop.files, bench.other
    proof, second = (f"{BOOK}/proofs/{n}.tlog-proof" for n in (0, shop.shown()[-1]["entry"]))
    yield shop.found(
        "byte_changed_in_an_event", "One digit of an event is another one.",
        {EVENTS: files[EVENTS].replace(b'"version":1', b'"version":2', 1)},
        "digest_differs", "event_not_in_commit",
    )  # fmt: skip
    yield shop.found("file_left_out", "A proof is missing.", {proof: None}, "file_missing")
    yield shop.found(
        "file_added", "A file that nobody listed lies in the payload.",
        {"data/30_附件/files/9.pdf": b"%PDF"}, "file_unlisted",
    )  # fmt: skip
    yield shop.found(
        "file_renamed", "A proof has another name.",
        {proof: None, f"{BOOK}/proofs/999.tlog-proof": files[proof]},
        "file_missing", "file_unlisted",
    )  # fmt: skip
    yield shop.found(
        "files_swapped", "Two proofs have changed their names.",
        {proof: files[second], second: files[proof]},
        "digest_differs", "entry_proof_differs",
    )  # fmt: skip
    yield shop.found(
        "entry_of_another_ledger", "The first entry is that of another ledger.",
        {f"{BOOK}/entries/0.entry": other[f"{BOOK}/entries/0.entry"]},
        "digest_differs", "entry_not_in_ledger",
    )  # fmt: skip
    yield shop.found(
        "note_of_another_bundle", "The exporter's note is that of another bundle.",
        {"exporter.note": bench.good["actor"]["exporter.note"]}, "note_differs",
    )  # fmt: skip
    yield shop.found(
        "note_left_out", "The exporter's note is missing.", {"exporter.note": None}, "file_missing"
    )
    yield from _bag(shop)


def _bag(shop: Shop) -> Iterator[Attack]:
    files = shop.files
    info = files["bag-info.txt"]
    listed = files["manifest-sha256.txt"].splitlines(keepends=True)
    note = files["exporter.note"]
    yield shop.found(
        "manifest_line_left_out", "A file is in no manifest.",
        {"manifest-sha256.txt": b"".join(listed[1:])}, "file_unlisted", "note_differs",
    )  # fmt: skip
    yield shop.found(
        "manifest_out_of_order", "The manifest is not sorted.",
        {"manifest-sha256.txt": b"".join(reversed(listed))}, "manifest_malformed",
    )  # fmt: skip
    yield shop.found(
        "bag_info_lies", "The bag's count of bytes is another.",
        {"bag-info.txt": info.replace(b"Payload-Oxum: 1", b"Payload-Oxum: 2")}, "oxum_differs",
    )  # fmt: skip
    yield shop.found(
        "bag_info_malformed", "The bag has a label that no bundle has.",
        {"bag-info.txt": info + b"Contact-Name: x\n"}, "bag_info_malformed",
    )  # fmt: skip
    yield shop.found(
        "bag_renamed", "The bag bears the name of another bundle.",
        {"bag-info.txt": info.replace(b"bundle-0", b"bundle-1")}, "bag_renamed",
    )  # fmt: skip
    yield shop.found(
        "bag_declares_another_version", "The bag says that it is of version 0.97.",
        {"bagit.txt": files["bagit.txt"].replace(b"1.0", b"0.97")}, "bagit_malformed",
    )  # fmt: skip
    yield shop.found(
        "note_by_a_stranger", "A stranger signed the exporter's note under the exporter's name.",
        {"exporter.note": _signed_again(note)}, "note_signature",
    )  # fmt: skip
    yield shop.found(
        "note_with_a_second_signature", "A second line stands under the exporter's note.",
        {"exporter.note": note + note.splitlines(keepends=True)[-1]}, "note_malformed",
    )  # fmt: skip
    yield shop.found(
        "note_oversized", "The exporter's note is longer than a note can be.",
        {"exporter.note": b"a" * (1 << 20) + note}, "note_malformed",
    )  # fmt: skip


def _signed_again(note: bytes) -> bytes:
    parsed = Note.parse(note)
    line = parsed.signatures[0]
    stranger = generate("ed25519", "act", line.name, lambda size: b"\7" * size)
    forged = SignatureLine(line.name, line.key_id, stranger.sign(parsed.text))
    return Note(parsed.text, (forged,)).format()


# -- what the reader knows ------------------------------------------------------------------------


def readers(bench: Bench) -> Iterator[Attack]:
    """The good bundle, in the hands of readers who know less, or something else."""
    for trust, says, verdict, codes in (
        ("nobody", "The reader knows no cosigner and no authority.", VALID, ()),
        ("witness", "The reader knows the witness, but nobody who computes indexes.", VALID, ()),
        ("own_index", "The reader takes the ledger's own key for an auditor's.", VALID, ()),
        ("other_authority", "The reader trusts another time-stamp authority.", VALID, ()),
        ("another_key", "The reader knows another key under the ledger's name.", UNVERIFIABLE,
         ("checkpoint_key_unknown",)),
        ("another_ledger", "The reader has another ledger in mind.", INVALID,
         ("checkpoint_foreign",)),
    ):  # fmt: skip
        name = f"reader_knows_{trust}"
        yield Attack(name, says, "record", bench.record, verdict, codes, trust)
