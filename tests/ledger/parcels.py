"""Packages made for the purpose: items of all kinds, a buyer's key, and how one is spoiled."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pytest

from domain.listing import list_root
from ledger.effects import packing
from ledger.effects.packing import Header, Packed, Written, write_package
from ledger.effects.unpacking import DamagedPackageError, Item, open_package
from ledger.evidence import key_id_of
from ledger.handoverlist import Line, lines_root, salt
from ledger.privatekey import PrivateKey, generate
from ledger.signing import new_ids

SECRET = "保洁合同：每周三次，门钥匙在三号柜".encode()
BIG = os.urandom(70_000)
SEED = bytes(range(32))


def seal_key() -> PrivateKey:
    return generate("p256", "seal", "jiejing.example/ledger/a/actor-1")


def key_id(key: PrivateKey) -> str:
    return key_id_of(key.kind, key.name, key.public)


class Parcel(NamedTuple):
    """A package that was packed, whose key opens it, and what must be in it."""

    folder: Path
    key: PrivateKey
    header: Header
    contents: list[bytes | None]
    written: Written

    def read(self) -> list[tuple[Item, bytes | None]]:
        """Everything in it, read to the end."""
        package = open_package(self.folder, [self.key])
        found: list[tuple[Item, bytes | None]] = []
        for item in package.items():
            if not item.delivered:
                found.append((item, None))
                continue
            with package.content(item) as file:
                found.append((item, file.read()))
        return found

    def finding(self) -> str:
        """What is said of a package that must be refused."""
        with pytest.raises(DamagedPackageError) as caught:
            self.read()
        return caught.value.finding


def made_lines(contents: Sequence[bytes | None]) -> list[Line]:
    """A line for each content; None: a copy that itself passes."""
    records = iter(new_ids("record", len(contents)))
    copies = iter(new_ids("holding", len(contents)))
    made = []
    for seq, content in enumerate(contents, 1):
        item = next(copies) if content is None else next(records)
        digest = sha256(content or b"").hexdigest()
        made.append(Line(seq=seq, item=item, salt=salt(SEED, item), title=f"合同{seq}.txt",
                         digest=digest, quantity=1, unit="item"))  # fmt: skip
    return made


def header_of(lines: Sequence[Line]) -> Header:
    return Header(
        handover=new_ids("handover")[0], origin="jiejing.example/ledger",
        list=list_root([line.item for line in lines]),
        lines=lines_root(line.format() for line in lines), count=len(lines), recipients=(),
    )  # fmt: skip


def opening(content: bytes) -> Callable[[], AbstractContextManager[BinaryIO]]:
    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        yield io.BytesIO(content)

    return opened


def packed(lines: Sequence[Line], contents: Sequence[bytes | None]) -> list[Packed]:
    return [
        Packed(line.format(), line.item, str(line.digest), None if c is None else opening(c))
        for line, c in zip(lines, contents, strict=True)
    ]


def parcel(folder: Path, contents: Sequence[bytes | None] = (SECRET, b"", BIG, None)) -> Parcel:
    key, lines = seal_key(), made_lines(contents)
    header = header_of(lines)
    written = write_package(folder, header, {key_id(key): key.public}, packed(lines, contents))
    return Parcel(folder, key, header, list(contents), written)


# -- spoiling, and covering it up ----------------------------------------------------------------


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sealed_again(folder: Path) -> None:
    """Write all tag files anew over what lies there: what anybody can do who changed a file."""
    files = files_of(folder)
    payload = {name: data for name, data in files.items() if name.startswith("data/")}
    oxum = f"{sum(map(len, payload.values()))}.{len(payload)}"
    handover = json.loads(payload[packing.HEADER])["handover"] if packing.HEADER in payload else ""
    digests = {name: sha256(data).hexdigest() for name, data in payload.items()}
    (folder / packing.MANIFEST).write_bytes(packing.manifest(digests))
    (folder / packing.INFO).write_bytes(packing.bag_info(handover, "2026-11-21", oxum))
    tags = {
        name: sha256((folder / name).read_bytes()).hexdigest()
        for name in (packing.BAGIT, packing.INFO, packing.MANIFEST)
    }
    (folder / packing.TAG_MANIFEST).write_bytes(packing.manifest(tags))


def entries_of(made: Parcel) -> list[dict[str, Any]]:
    """The entries of items.stream, opened with the buyer's key."""
    from ledger.effects.unpacking import _package_key, check_container
    from ledger.stream import decrypt

    key = _package_key(check_container(made.folder).header, [made.key])
    with (made.folder / packing.ITEMS).open("rb") as file:
        plain = b"".join(decrypt(file, key))
    return [json.loads(line) for line in plain.splitlines()]


def with_entries(made: Parcel, raw: bytes) -> None:
    """Put other entries in, as the seller could: under the very key, with all tag files right."""
    from ledger.effects.unpacking import _package_key, check_container
    from ledger.stream import encrypt

    key = _package_key(check_container(made.folder).header, [made.key])
    sink = io.BytesIO()
    encrypt(io.BytesIO(raw), sink, key)
    (made.folder / packing.ITEMS).write_bytes(sink.getvalue())
    sealed_again(made.folder)


def as_entries(entries: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(
        json.dumps(e, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        for e in entries
    )


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
