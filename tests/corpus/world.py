"""The ledger behind the corpus: a small firm, everything that bundles are about, and its reader.

Founded, two records collected, one reviewed, one destroyed with a certificate, one that changed its
place; an index published; the state cosigned by a witness and by an auditor who computes indexes.
The same every time (`frozen`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from domain.anchor import LedgerTimestampAnchored
from domain.values import timestamp
from ledger import acts, bundle
from ledger.application import Ledger
from ledger.bundle import Attachment, Selection
from ledger.bundle.order import canonical_json
from ledger.collecting import Collected, Terms, collect
from ledger.index.publishing import publish
from ledger.schema import CHECKPOINTS
from ledger.signing import Proposal
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint
from ledger.tlog.note import COSIGNATURE, Note
from tests.corpus import Files, Known
from tests.corpus.authority import POLICY, Authority
from tests.corpus.frozen import Clock, frozen
from tests.corpus.sealing import sealed
from tests.ledger.bundles import ordered, written
from tests.ledger.crews import Site, gather
from tests.ledger.ledgers import found_firm, signed_by
from tests.ledger.signers import ToySigner, signer

START = datetime(2026, 3, 2, 1, 0, 0, tzinfo=UTC)
HOME = "muniment-corpus"
WITNESS, AUDITOR = "witness.example/w1", "auditor.example/index"
AUTHORITY = Authority("tsa.example")
STRIPPED = "verify/"


class World(NamedTuple):
    """An open ledger with what there is to show of it."""

    site: Site
    clock: Clock
    home: Path
    kept: str
    print: str
    destroyed: str
    case: str

    @property
    def ledger(self) -> Ledger:
        return self.site.ledger

    @property
    def vkey(self) -> str:
        return self.ledger.folder.pinned_key().format()


def cosigner(name: str) -> ToySigner:
    return signer(name, COSIGNATURE)


def reader(world: World, *names: str, roots: tuple[bytes, ...] = ()) -> Known:
    """What a reader trusts who knows the ledger and these cosigners."""
    return Known(world.vkey, tuple(cosigner(name).verifier.format() for name in names), roots)


@contextmanager
def opened(seed: str = "muniment corpus 1") -> Iterator[World]:
    """The world, in a folder of its own that goes with it."""
    home = Path(tempfile.gettempdir()) / HOME  # always the same: places are sealed with their paths
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    try:
        with frozen(seed, START) as clock, pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", str(home / "state"))
            patch.setattr(bundle, "_told", lambda *_: {})  # pages for people: nobody verifies them
            with gather(found_firm(home / "ledger")).open() as site:
                yield _told(site, clock, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _told(site: Site, clock: Clock, home: Path) -> World:
    """What happened: the acts, in their order."""
    stamp(site, clock, cosign(site, clock))
    kept, destroyed = site.ripe(home / "合同", 2)
    site.ledger.act(site.person("luo"), [acts.review(kept, ["accuracy"], "pass")])
    print_ = site.printed(kept)
    site.keys_backed_up(home / "盘")
    case = site.approved([site.copy(destroyed)])
    site.execute(case)
    site.verify(case)
    site.certify(case)
    luo = site.person("luo")
    key = luo.key.verifier.key_id.hex()
    site.ledger.act(site.wang, [acts.revoke_key(luo.actor, key, "left")])
    publish(site.ledger, site.wang)
    stamp(site, clock, cosign(site, clock, WITNESS, AUDITOR))
    return World(site, clock, home, kept, print_, destroyed, case)


def cosign(site: Site, clock: Clock, *names: str) -> bytes:
    """Sign the state, and have it cosigned by these; the note."""
    ledger = site.ledger
    note = Note.parse(ledger.sign_checkpoint())
    if not names:
        return note.format()
    head = Checkpoint.parse(note.text)
    time = int(clock().timestamp())
    lines = [cosign_checkpoint(head, cosigner(name), time) for name in names]
    signed = Note(note.text, (*note.signatures, *lines)).format()
    with ledger.engine.begin() as connection:
        connection.execute(sa.insert(CHECKPOINTS).values(size=head.size, note=signed))
    return signed


def stamp(site: Site, clock: Clock, note: bytes) -> None:
    """Have a checkpoint stamped by the authority, and record its token."""
    ledger, moment = site.ledger, clock()
    head = Checkpoint.parse(Note.parse(note).text)
    imprint = sha256(note).digest()
    reply = AUTHORITY.reply(imprint, moment, head.size)
    said = {
        "size": head.size, "root": head.root.hex(), "imprint": imprint.hex(),
        "token": sha256(reply).hexdigest(), "gen_time": timestamp(moment), "policy": POLICY,
    }  # fmt: skip
    proposal = Proposal(LedgerTimestampAnchored, ledger.ledger_id, said)
    events, submission = signed_by(ledger, site.wang, [proposal])
    ledger.record(events, submission._replace(anchors=[(note, reply)]))


def shown_of(world: World, record: str) -> Selection:
    """The title and content of a record in clear, with its file; one event withheld."""
    ledger = world.ledger
    holding = world.site.copy(record)
    data = Path(os.fsdecode(world.site.place(record).path)).read_bytes()
    created, collected = f"{holding}/1", f"{record}/1"
    assert ledger.state(record) is not None
    return Selection(
        openings=((created, "content"), (collected, "title")),
        attachments=(Attachment(created, "content", "clear", data, "txt"),),
        redactions=((f"{world.print}/1", "not_needed"),),
    )


def sourced(world: World, source: str) -> tuple[str, Selection]:
    """A record that came from somebody of this name, and the choice to show the name."""
    folder = world.home / "来件"
    folder.mkdir()
    (folder / "合同.txt").write_text("样本", encoding="utf-8")
    terms = Terms("contract", "pipl_13_2_contract", source, world.ledger.routine())
    (one,) = collect(world.ledger, world.site.wang, [folder], terms)
    assert isinstance(one, Collected)
    return one.record, Selection(openings=((f"{one.record}/1", "source"),))


def exported(world: World, kind: str, about: str = "", **rest: Any) -> Files:
    """A bundle as it is written, its state stamped and cosigned, without what nobody verifies."""
    site, clock = world.site, world.clock
    order = ordered(world.ledger, site.wang, kind, about, **rest)
    stamp(site, clock, cosign(site, clock, WITNESS, AUDITOR))
    cosign(site, clock, WITNESS, AUDITOR)
    made = written(world.ledger, site.wang, order)
    files = {n: d for n, d in made.files.items() if not n.startswith(STRIPPED)}
    software = {"format": 1, "gaps": ["no_permissions"], "python": "3", "software": "muniment"}
    files["data/60_环境/software.json"] = canonical_json(software)
    return sealed(files, site.wang.key)


def span(world: World) -> tuple[str, str]:
    """A period around the last acts."""
    return ("2026-03-02T01:00:30.000Z", "2026-03-02T01:00:50.000Z")
