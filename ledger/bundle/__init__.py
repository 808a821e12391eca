r"""Evidence bundles: what others need to check what a ledger says of something, and nothing more.

A bundle is a BagIt bag (RFC 8493); container and bag are `ledger.offline.bag`'s. This package says
what lies in it (format `muniment-evidence/2`):

    data/00_说明/        what it is, how to check it, evidence list, what it does not claim
    data/10_账本/        scope.json, events.jsonl, places.json, consistency.json, index.json
      entries/          <entry>.entry                   the entry's bytes
      proofs/           <entry>.tlog-proof              the entry is in the ledger
                        <entry>-<index>.tlog-proof      the event is in the commit of its entry
      checkpoints/      <size>.txt                      the states signed by the ledger's key
      tokens/           <n>.note, <n>.tsr               what an authority time-stamped, its answer
      policy/           <digest>.toml                   the pack adopted
    data/20_身份/        keys.json, roles_and_training.json
    data/30_附件/        openings.json, attachments.json, redactions.json, files/<n>.<ext>
    data/40_报告/        chain of custody, timeline, accesses, identity, documents issued
    data/50_互操作/      case.jsonld, prov.json, premis.xml, events.csv
    data/60_环境/        software.json, health.json
    verify/             verify.pyz, verify.html, EXPECTED_OUTPUT.txt
    exporter.note       signed by the exporter over the two manifests; in neither of them

JSON is canonical: sorted keys, no spaces, ASCII, one newline at the end.

    scope.json        {"format", "origin", "ledger", "kind", "id" (not of a period), of a period
                      "from", "to" (times) and "first", "end" (entries), all half open;
                      "checkpoint": the head's size, "streams": own streams, the object's first,
                      "export": the event of this export, "index": that of the index relied on}
    places.json       [{"entry", "index", "event"} …] ascending: one a line of events.jsonl, and
                      those withheld, with "leaf" (RFC 6962 leaf hash, hex) and "reason"
    consistency.json  [{"from", "hashes"} …]: RFC 6962 consistency proofs up to the head
    index.json        {"event", "heads": [{"row", "text", "hashes"} …], "objects": [{"object",
                      "rows"} …]}: see `ledger.offline.complete`
    software.json     {"software", "python", "format": 1, "gaps": what the bundle does not hold}

The parts: `order` what is asked for; `scoping` which streams that is; `gathering` reads them and
what proves their keys; `proving` proves; `indexed` shows rows of an index; `identity`, `shown` the
keys and what is disclosed; `packing` the bag. The cost follows from what is shipped, not from the
ledger's size: rows are read by index, proofs come from tiles.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.ledger import PolicyAdopted
from ledger import VERSION
from ledger.bundle import proving
from ledger.bundle.gathering import Gathered, Shipped, rows, span
from ledger.bundle.identity import keys_file, roles_file
from ledger.bundle.indexed import Indexed, heads_of, objects_of
from ledger.bundle.order import NOT_NEEDED, Attachment, Order, Selection, canonical_json
from ledger.bundle.packing import packed
from ledger.bundle.proving import Cited, Head
from ledger.bundle.scoping import first_event, streams_about
from ledger.bundle.shown import FOLDER as SHOWN
from ledger.bundle.shown import Opened, attached, redactions, withheld
from ledger.errors import UsageError
from ledger.index import Proofs
from ledger.offline.bag import MAX_BYTES
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from ledger.tree import StoredTree

if TYPE_CHECKING:
    from ledger.acting import Acting
    from ledger.application import Ledger

__all__ = ["FORMAT", "NOT_NEEDED", "Attachment", "Bundle", "Order", "Selection", "check", "export"]

FORMAT: Final = "muniment-evidence/2"
_MOST_ATTACHED: Final = MAX_BYTES // 2  # the other half is for what proves it
_LEDGER: Final = proving.FOLDER
_IDENTITY: Final = "data/20_身份"
_SOFTWARE: Final = "data/60_环境/software.json"


class Bundle(NamedTuple):
    """A finished bundle: its files by path inside the bag, and what it covers.

    `own`: events that it is about; `identity`: events that prove the keys; `size`: entries under
    the checkpoint.
    """

    id: str
    files: Mapping[str, bytes]
    own: int
    identity: int
    size: int


def export(ledger: Ledger, acting: Acting, order: Order, *, exported_at: str) -> Bundle:
    """The evidence that was ordered: what was said, and the proofs of that.

    `ledger` is open for writing: a checkpoint over the present state is signed if there is none.
    The event `order.export` is recorded and says what the order says. `exported_at`: a time. The
    same ledger, checkpoint and arguments give the same bytes. Raises `UsageError` for something
    that is not there or cannot be shown, `VerificationError` if the ledger's own evidence does not
    verify: then there is nothing to hand out.
    """
    head = Head.of(ledger.sign_checkpoint())
    with ledger.engine.connect() as connection:
        writing = _Writing(ledger, Gathered(connection, ledger.origin), order, head)
        writing.gather(acting.actor)
        payload = writing.payload()
    gathered = writing.gathered
    payload.update(_told(ledger, payload, order, exported_at))
    files = packed(payload, order, head.checkpoint, exported_at, ledger, acting)
    own = len(gathered.own)
    return Bundle(order.bundle, files, own, len(gathered.events) - own, head.size)


def check(ledger: Ledger, acting: Acting, order: Order) -> None:
    """Raise what `export` would raise for this order, before the export is recorded.

    `order.export` may be empty. The ledger's evidence itself is not verified.
    """
    if order.documents:
        from ledger.documents.pages import require

        require()
    if sum(len(one.data) for one in order.selection.attachments) > _MOST_ATTACHED:
        raise UsageError("what is attached is more than a bundle holds; nothing was exported")
    head = Head(b"", Checkpoint(ledger.origin, *ledger.seen()))
    with ledger.engine.connect() as connection:
        writing = _Writing(ledger, Gathered(connection, ledger.origin), order, head)
        writing.gather(acting.actor)
        writing.shown(writing.withheld())


class _Writing:
    """One bundle on its way: what is gathered, what it is proved by."""

    def __init__(self, ledger: Ledger, gathered: Gathered, order: Order, head: Head) -> None:
        self.gathered = gathered
        self._ledger, self._order, self._head = ledger, order, head
        self._cosigned = proving.cosigned(gathered.connection, head.checkpoint)
        gathered.read([ledger.ledger_id])
        self._index = proving.index_relied_on(self._said_by_ledger(), self._cosigned)
        self._indexed = Indexed()
        self._span = (0, 0)

    def gather(self, exporter: str) -> None:
        """Take what the bundle is about, then what proves the keys."""
        order, gathered, index = self._order, self.gathered, self._index
        if order.kind == "period":
            self._index = None
            self._span = span(gathered.connection, order.begins, order.ends, self._head.size)
            gathered.take_entries(*self._span)
            gathered.prove([exporter, order.bundle])
            return
        first_event(gathered.connection, order.kind, order.object)
        if order.kind == "subject":  # a search, whatever was found: nothing claims to be complete
            self._index = None
        if index is None:
            self._take([], since=0)
            gathered.prove([exporter, order.bundle])
            return
        with Proofs(self._ledger, index.id) as proofs:
            found = objects_of(proofs, order.kind, order.object, self._own_stream())
            known = order.object in found.objects
            self._take(found.streams(order.object), since=index.size if known else 0)
            gathered.prove([exporter, order.bundle])
            if self._index is not None:
                self._indexed = found._replace(heads=heads_of(proofs, gathered, index))

    def _take(self, indexed: Iterable[str], since: int) -> None:
        order, gathered = self._order, self.gathered
        streams = streams_about(
            gathered.connection, order.kind, order.object, indexed=indexed, since=since
        )
        gathered.take(stream for stream in streams if stream != order.bundle)

    def _own_stream(self) -> list[bytes]:
        """The events of the object's own stream that are shown."""
        hidden = dict(self._order.selection.redactions)
        found = self.gathered.read([self._order.object])
        return [one.state for one in found if one.event.id not in hidden]

    def _said_by_ledger(self) -> list[Shipped]:
        ledger = self._ledger.ledger_id
        return [one for one in self.gathered.in_order() if one.event.stream == ledger]

    def payload(self) -> dict[str, bytes]:
        """Everything under data/ that verifiers know."""
        gathered, head = self.gathered, self._head
        nodes = StoredTree(gathered.connection).nodes()
        citing = proving.cited(gathered, self._said_by_ledger(), self._cosigned, head)
        left_out = self.withheld()
        return {
            f"{_LEDGER}/scope.json": canonical_json(self._scope()),
            **proving.events(gathered, left_out),
            **proving.proofs(gathered, head, nodes),
            **proving.states(citing, head),
            f"{_LEDGER}/consistency.json": proving.consistency(gathered, citing, head, nodes),
            **self._index_file(),
            **_packs(gathered),
            f"{_IDENTITY}/keys.json": keys_file(gathered),
            f"{_IDENTITY}/roles_and_training.json": roles_file(gathered),
            **self.shown(left_out),
            _SOFTWARE: canonical_json(self._software(citing)),
        }

    def withheld(self) -> dict[int, str]:
        """Of which events only the leaf hash goes, by position, and why."""
        return withheld(self.gathered, self._order.selection)

    def shown(self, left_out: Mapping[int, str]) -> dict[str, bytes]:
        """What is disclosed, and what is said to be kept back."""
        selection = self._order.selection
        opened = Opened(self._ledger, self.gathered, left_out, selection)
        return {
            f"{SHOWN}/openings.json": opened.file(),
            f"{SHOWN}/redactions.json": redactions(self.gathered, left_out, selection.because),
            **attached(selection.attachments, opened),
        }

    def _scope(self) -> dict[str, Any]:
        order, ledger = self._order, self._ledger
        scope: dict[str, Any] = {
            "format": FORMAT, "origin": ledger.origin, "ledger": ledger.ledger_id,
            "kind": order.kind, "checkpoint": self._head.size, "export": order.export,
        }  # fmt: skip
        if order.kind == "period":
            first, end = self._span
            period = {"from": order.begins, "to": order.ends, "first": first, "end": end}
            return {**scope, **period, "streams": []}
        own = (self.gathered.events[position] for position in sorted(self.gathered.own))
        streams = dict.fromkeys([order.object, *(one.event.stream for one in own)])
        index = {} if self._index is None else {"index": self._index.id}
        return {**scope, **index, "id": order.object, "streams": list(streams)}

    def _index_file(self) -> dict[str, bytes]:
        if self._index is None:
            return {}
        return {f"{_LEDGER}/index.json": self._indexed.file(self._index.id)}

    def _software(self, citing: Cited) -> dict[str, object]:
        """What made the bundle, and what it does not hold."""
        order, head = self._order, self._head
        alone = not citing.checkpoints and len(Note.parse(head.note).signatures) == 1
        gaps = {
            "no_documents": not order.documents,
            "index_partial": not self._indexed.whole,
            "no_index": self._index is None,
            "no_openings": not order.selection.openings,
            "no_permissions": True,
            "no_timestamp": not citing.tokens,
            "no_cosignature": alone,
        }
        return {
            "software": f"muniment/{VERSION}", "python": platform.python_version(), "format": 1,
            "gaps": sorted(gap for gap, missing in gaps.items() if missing),
        }  # fmt: skip


def _packs(gathered: Gathered) -> dict[str, bytes]:
    """The bytes of the packs adopted."""
    events = (one.event for one in gathered.in_order())
    digests = [bytes.fromhex(event.digest) for event in events if isinstance(event, PolicyAdopted)]
    sql = "SELECT digest, data FROM packs WHERE digest IN ({})"
    found = rows(gathered.connection, sql, digests)
    return {f"{_LEDGER}/policy/{digest.hex()}.toml": bytes(data) for digest, data in found}


def _told(
    ledger: Ledger, payload: Mapping[str, bytes], order: Order, exported_at: str
) -> dict[str, bytes]:
    """What people and other tools read, made of the payload and of nothing else."""
    from ledger.bundle.reports import report_files
    from ledger.told import tell

    told = tell(payload, order.bundle, exported_at)
    return report_files(ledger, told, documents=order.documents)
