"""证据目录: what is handed in, item by item, as article 19 of the evidence rules asks for it.

`证据目录.json`: `{"bundle", "origin", "items": […], "by_hand": […]}`; an item has `no`, `name`,
`kind`, `source`, `proves`, `content`, `form` (original or copy), `extent`, `files`, `digest`
(`sha256`, and `of`: `file`, `manifest_lines` or `nothing`) and `events` (first and last id where it
is made of events). Words are `{"zh", "en"}`. What nobody can know before it is handed in stands in
`by_hand`: carrier, submitter, signature or seal, date, number of sets for the other parties.

An item of several files has the digest of its lines in `manifest-sha256.txt`, so that `grep` and
`sha256sum` find it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from ledger.bundle.chain import pair, table, texts
from ledger.bundle.eventwords import Words
from ledger.bundle.issued import Issued
from ledger.bundle.page import Page, loose
from ledger.bundle.saying import both, counted
from ledger.bundle.wording import say
from ledger.documents.cells import Cell, Line, grouped
from ledger.documents.layout import column
from ledger.documents.words import TITLES
from ledger.offline.bag import manifest
from ledger.told import ATTACHED, IDENTITY, LEDGER, Attached, Told

TITLE: Final = ("证据目录", "List of Evidence")
BY_HAND: Final[tuple[Words, ...]] = (
    ("载体（光盘、U 盘或在线提交）", "carrier"),
    ("提交人", "submitter"),
    ("签名或盖章", "signature or seal"),
    ("提交日期", "date of submission"),
    ("对方当事人副本份数", "sets for the other parties"),
)
_BOXES: Final = (("提交人", "Submitted by"), ("签收人", "Received by"))
_COLUMNS: Final = (
    column("序号", "No.", "10mm", right=True),
    column("名称与种类", "Name and kind", "38mm"),
    column("来源", "Source", "38mm"),
    column("证明对象", "Object of proof", "52mm"),
    column("内容摘要", "Content", "1fr"),
    column("原件／复制件；数量", "Original or copy; extent", "36mm"),
    column("摘要（SHA-256）", "Digest", "36mm"),
)


class Item(NamedTuple):
    """One item; `files`: the paths that it is made of; `events`: first and last, or none."""

    name: Words
    kind: Words
    source: Words
    proves: Words
    content: Words
    form: Words
    files: Sequence[str]
    events: tuple[str, ...] = ()


def evidence_list(told: Told, issued: Sequence[Issued]) -> tuple[Page, dict[str, Any]]:
    """The list as a page and as JSON. `issued`: the documents of the ledger, enclosed or not."""
    files = {**told.files, **{one.file: one.data for one in issued if one.data}}
    items = list(enumerate(_items(told, issued), 1))
    notes = texts(("说明", "Notes"), [say("list.by_hand"), say("list.digests")])
    rows = [_row(number, item, files) for number, item in items]
    page = Page(TITLE, [notes, table(("证据", "Evidence"), _COLUMNS, rows)], _BOXES, flipped=True)
    said = {
        "bundle": told.bundle, "origin": told.origin, "by_hand": list(map(_words, BY_HAND)),
        "items": [_plain(number, item, files) for number, item in items],
    }  # fmt: skip
    return page, said


def _items(told: Told, issued: Sequence[Issued]) -> Iterator[Item]:
    yield _events(told)
    yield _original(told, "proofs", _under(told, f"{LEDGER}/entries/", f"{LEDGER}/proofs/"))
    cosigners = {line.name for state in told.states for line in state.cosigned}
    states = ("checkpoints/", "consistency.json", "index.json")
    yield _original(
        told, "states", _under(told, *(f"{LEDGER}/{name}" for name in states)),
        count=len(told.states), cosigners=len(cosigners),
    )  # fmt: skip
    if told.tokens:
        found = _under(told, f"{LEDGER}/tokens/")
        tokens = _original(told, "tokens", found, count=len(told.tokens))
        yield tokens._replace(source=say("list.tokens_source"))
    found = _under(told, f"{IDENTITY}/", f"{LEDGER}/policy/")
    yield _original(told, "identity", found, keys=len(told.keys), people=len(told.people))
    if any(place.opened for place in told.places):
        yield _openings(told)
    for one in told.attachments:
        yield _attachment(told, one)
    for document in issued:
        yield _issued(told, document)


def _source(told: Told) -> Words:
    return say("list.source", origin=told.origin, size=told.head.size)


def _original(told: Told, part: str, files: Sequence[str], **values: int | str | Words) -> Item:
    """An item taken directly from the ledger, in the words of its part."""
    return Item(
        say(f"list.{part}_name"), say("list.electronic"), _source(told),
        say(f"list.{part}_proves"), say(f"list.{part}_content", **values), say("list.original"),
        files,
    )  # fmt: skip


def _events(told: Told) -> Item:
    own = told.own
    topics = counted(Counter(place.topic for place in own if place.event is not None))
    withheld = sum(place.event is None for place in own)
    files = [f"{LEDGER}/events.jsonl", f"{LEDGER}/places.json"]
    item = _original(told, "events", files, count=len(own), topics=topics, withheld=withheld)
    return item._replace(events=(own[0].id, own[-1].id) if own else ())


def _openings(told: Told) -> Item:
    events = [place.id for place in told.places if place.opened]
    count = sum(len(place.opened) for place in told.places)
    files = [f"{ATTACHED}/openings.json", f"{ATTACHED}/redactions.json"]
    item = _original(told, "openings", files, fields=count, events=len(events))
    return item._replace(events=(events[0], events[-1]))


def _attachment(told: Told, one: Attached) -> Item:
    said = {"event": one.event, "size": f"{one.size:,}"}
    content = say("list.attachment_content", **said)
    if one.reason:
        zh, en = both("RedactionReason", one.reason)
        content = say("list.attachment_withheld", reason=(zh, en.lower()), **said)
    return Item(
        say("list.attachment_name", file=one.file), say("list.documentary"), _source(told),
        say(f"list.{one.kind}_proves"), content, say(f"list.{one.kind}_form"),
        [f"{ATTACHED}/{one.file}"], (one.event,),
    )  # fmt: skip


def _issued(told: Told, one: Issued) -> Item:
    zh, en = TITLES[one.kind]
    why = say(f"list.{one.why}") if one.why else say("list.enclosed")
    content = say("list.issued_content", why=why, pdf=one.pdf)
    return Item(
        (f"{zh} {one.number}", f"{en} {one.number}"), say("list.documentary"), _source(told),
        say("list.issued_proves"), content, say("list.reading"), [one.file], (one.event,),
    )  # fmt: skip


# -- as a page and as data ------------------------------------------------------------------------


def _under(told: Told, *prefixes: str) -> list[str]:
    return sorted(name for name in told.files if name.startswith(prefixes))


def _found(item: Item, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: files[name] for name in item.files if name in files}


def _digest(found: Mapping[str, bytes]) -> str:
    """Of the one file, or of the lines in the manifest; empty for nothing."""
    if not found:
        return ""
    if len(found) == 1:
        (data,) = found.values()
        return sha256(data).hexdigest()
    return sha256(manifest(found)).hexdigest()


def _extent(found: Mapping[str, bytes]) -> Words:
    size = sum(map(len, found.values()))
    return say("list.extent", count=len(found), size=f"{size:,}")


def _row(number: int, item: Item, files: Mapping[str, bytes]) -> list[Cell]:
    found = _found(item, files)
    events: list[Line] = [("mono", loose(one)) for one in item.events]
    digest = [part for line in grouped(_digest(found)) for part in (line[:19], line[20:])]
    return [
        [("mono", str(number))], [*pair(item.name), *pair(item.kind)], pair(item.source),
        pair(item.proves), [*pair(item.content), *events],
        [*pair(item.form), *pair(_extent(found))], [("mono", part) for part in digest],
    ]  # fmt: skip


def _plain(number: int, item: Item, files: Mapping[str, bytes]) -> dict[str, Any]:
    found = _found(item, files)
    of = ("nothing", "file", "manifest_lines")[min(len(found), 2)]
    return {
        "no": number, "name": _words(item.name), "kind": _words(item.kind),
        "source": _words(item.source), "proves": _words(item.proves),
        "content": _words(item.content), "form": _words(item.form),
        "extent": _words(_extent(found)), "events": list(item.events),
        "digest": {"sha256": _digest(found), "of": of},
        "files": list(found) if len(found) == 1 else sorted({_folder(name) for name in found}),
    }  # fmt: skip


def _folder(name: str) -> str:
    """A file of the upper layout by its name, one of many by its folder."""
    folder, _, _ = name.rpartition("/")
    return name if folder.count("/") == 1 else folder + "/"


def _words(words: Words) -> dict[str, str]:
    return {"zh": words[0], "en": words[1]}
