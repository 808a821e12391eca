"""Bundles that both verifiers are shown: of every kind, with everything that a bundle can hold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ledger import acts, timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Attachment, Bundle, Selection
from ledger.folder import Folder
from ledger.founding import found_ledger
from ledger.index.publishing import publish
from ledger.offline.bag import Bag, identifier
from ledger.offline.check import check_bundle
from ledger.offline.report import Report
from ledger.offline.trust import parse_trust
from ledger.privatekey import PrivateKey
from ledger.signing import now
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint
from ledger.tlog.note import COSIGNATURE, Note
from tests.corpus import Files
from tests.corpus.sealing import sealed
from tests.ledger import tsa
from tests.ledger.bundles import EARLIER, ordered, written
from tests.ledger.ledgers import (
    CHEAP,
    FOUNDING,
    Firm,
    collect_files,
    passphrase,
    small_act,
)
from tests.ledger.signers import signer
from tests.verifiers.browserscript import Answer, BrowserScript

CONTENT = "第0号保洁合同".encode()
INDEXER = signer("auditor.example/index", COSIGNATURE)
WITNESS = signer("broker.example/witness", COSIGNATURE)
BESIDE = ("verify/", "data/00_说明/", "data/40_报告/", "data/50_互操作/")
"""What no verifier looks into: it is covered by the manifests, and every byte of it alike."""
BEGINNING = "2000-01-01T00:00:00.000Z"


class Case(NamedTuple):
    """A bundle and what its reader trusts: the ledger's key, cosigners, roots of time stamps."""

    files: Mapping[str, bytes]
    ledger: str
    cosigners: tuple[str, ...] = ()
    roots: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """The bundle's id."""
        return identifier(Bag("", dict(self.files)))

    def python(self, files: Mapping[str, bytes] | None = None, name: str = "") -> Report:
        """What Python says of these files, as they lie in a folder, or in a zip with a name."""
        trust = parse_trust(self.ledger, self.cosigners, self.roots)
        given = self.files if files is None else files
        return check_bundle(Bag(name, dict(given)), trust, ed25519.verify)

    def script(
        self,
        script: BrowserScript,
        files: Mapping[str, bytes] | None = None,
        *,
        crypto: bool = True,
    ) -> Answer:
        """What the browser's script says of them."""
        given = self.files if files is None else files
        return script.verify(given, self.ledger, self.cosigners, self.roots, crypto=crypto)


def same(report: Report, answer: Answer) -> bool:
    """Whether both say the same, to the byte."""
    found = (answer.json, answer.en, answer.zh, answer.exit_code)
    return found == (
        report.as_json(), report.as_text("en"), report.as_text("zh"), report.exit_code,
    )  # fmt: skip


def cosigned(ledger: Ledger) -> None:
    """The present state, signed by the ledger, an indexer and a witness."""
    note = Note.parse(ledger.sign_checkpoint())
    head = Checkpoint.parse(note.text)
    lines = [cosign_checkpoint(head, one, int(time.time())) for one in (INDEXER, WITNESS)]
    stored = Note(note.text, (*note.signatures, *lines)).format()
    ledger.log.add_checkpoint(head.size, stored)


def anchored(ledger: Ledger, acting: Acting, authority: tsa.Authority, root: bytes) -> None:
    """The present state, stamped by an authority, and the token recorded."""
    request = timestamps.Request.over(timestamps.newest(ledger))
    reply = authority.reply(request.query())
    found = timestamps.check(request, reply, [root])
    timestamps.anchor(ledger, acting, request, reply, found)


class Small(NamedTuple):
    """The smallest honest bundle, and who exported it."""

    case: Case
    exporter: PrivateKey

    def resealed(self, files: Mapping[str, bytes]) -> Files:
        """Files packed and signed again by the exporter."""
        return sealed(files, self.exporter, self.case.files)


def smallest(folder: Path) -> Small:
    """What a new ledger proves of its founder, without the programs and the pages for people."""
    founded = found_ledger(folder, FOUNDING, passphrase, kdf=CHEAP)
    with Ledger(Folder(folder), passphrase, writing=True) as ledger:
        founder = ledger.acting(founded.actor)
        bundle = written(ledger, founder, ordered(ledger, founder, "actor", founded.actor))
        key = ledger.folder.pinned_key().format()
    kept = {name: data for name, data in bundle.files.items() if not name.startswith(BESIDE)}
    return Small(Case(sealed(kept, founder.key), key), founder.key)


def everything(firm: Firm, folder: Path) -> dict[str, Case]:
    """Of one ledger: a record with all that can be shown, withheld, stamped and cosigned; its
    period; one of the people; and the record again with nothing but its events."""
    authority, root = tsa.authority(folder / "tsa")
    with firm.open() as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        record = collect_files(ledger, admin, folder / "丁家巷")[0].record
        plain = written(ledger, admin, ordered(ledger, admin, "record", record))
        anchored(ledger, admin, authority, root.der)
        (holding,) = ledger.state(record).holdings  # type: ignore[union-attr]
        said = acts.lose_holding(holding, EARLIER, {"circumstances": "走失\n🐱", "remark": "雨夜"})
        lost = ledger.act(admin, [said]).events[0].id
        review = ledger.act(second, [acts.review(record, ["accuracy"], "pass")]).events[0].id
        anchored(ledger, admin, authority, root.der)
        publish(ledger, admin)
        cosigned(ledger)
        ledger.act(admin, [small_act(1)])
        content = _content_event(ledger, (record, holding))
        selection = Selection(
            openings=((lost, "circumstances"), (content, "content")),
            attachments=(
                Attachment(content, "content", "clear", CONTENT, "txt"),
                Attachment(content, "content", "redacted", "第█号".encode(), "txt", "trade_secret"),
            ),
            redactions=((review, "trade_secret"),),
        )
        key = ledger.folder.pinned_key().format()
        trusted = (INDEXER.verifier.format(), WITNESS.verifier.format())

        def case(bundle: Bundle) -> Case:
            return Case(dict(bundle.files), key, trusted, (root.der,))

        def of(kind: str, *rest: Any, **options: Any) -> Case:
            return case(written(ledger, admin, ordered(ledger, admin, kind, *rest, **options)))

        return {
            "plain": Case(dict(plain.files), key),
            "full": of("record", record, selection=selection, approver=second),
            "actor": of("actor", second.actor),
            "period": of("period", span=(BEGINNING, now())),
        }


def _content_event(ledger: Ledger, streams: tuple[str, ...]) -> str:
    """The event with the digest of the content, sealed."""
    for stream in streams:
        for position, _, event, _ in ledger.events_of(stream):
            if (ledger.unseal(position, event) or {}).get("content"):
                return event.id
    raise AssertionError("no event names the content")
