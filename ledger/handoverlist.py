r"""The lines of a handover list: what each item is, in one spelling, and their root.

A list names items by their ids alone; what stands behind an id is its *line*: one canonical JSON
object (keys sorted, no spaces, UTF-8 as given, no newline, at most 64 KiB). Members that nobody
knows are absent:

    seq, item                  its place on the list, from 1; `record-…` or `holding-…`
    record, copy, archive_no   the record in it (a table of records has none), the copy, 档号
    title, category, form      题名, RecordCategory, MediumForm
    quantity, unit, bytes      how many of what: `row`, `sheet` (paper) or `item`; size of content
    first_year, last_year      起止年度: of the days from which its periods of retention run
    original, level            原件; DataLevel
    sensitivity, sensitive_kinds, customer_type, business_area, need, relationship
    rules, min_until, max_until, kept_months, basis      应保管期限, 已保管期限, LegalBasis
    persons                    {granted, exempt, missing}: consents of the people in it, counted
    encrypted, medium, location    of the copy that passes; not said of content in a package
    digest                     SHA-256 of the content, hex
    holds, restricted          how many holds are on it; whether its processing is restricted
    salt                       16 bytes, hex: else a line could be guessed from its hash

    salt    HMAC-SHA-256(seed, "muniment/handover-line/v1" ‖ 0x00 ‖ item), its first 16 bytes
    lines   RFC 6962 tree over the lines as leaf data, in the order of the items

The fields are those of the Measures for the Administration of Accounting Archives (order 79),
article 24, and those that a buyer of customer records asks for besides. The seed (32 bytes, random)
is new for every version of a list and sealed with it; the root stands in the event, so both sides
mean the same lines, and one line can be shown without the others.

>>> seed = bytes(32)
>>> item = "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
>>> line = Line(seq=1, item=item, title="保洁合同", quantity=1, unit="item", salt=salt(seed, item))
>>> print(line.format().decode()[:95])
{"item":"record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e","quantity":1,"salt":"77f004c5f90ce231350a
>>> parse_line(line.format()) == line
True
>>> lines_root([line.format()])[:16]
'eb81cf7ca945b9df'

Source: 会计档案管理办法 (财政部、国家档案局令第79号) art. 24; RFC 6962 section 2.1.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from domain.codes import (
    BackupMedium,
    BusinessArea,
    CustomerNeed,
    CustomerType,
    DataLevel,
    LegalBasis,
    MediumForm,
    RecordCategory,
    Relationship,
    SensitivePiKind,
    Sensitivity,
)
from ledger.errors import EncodingError
from ledger.tlog.merkle import Frontier

LABEL: Final = b"muniment/handover-line/v1"
SEED_BYTES: Final = 32
MAX_LINE_BYTES: Final = 1 << 16
_SALT_DIGITS: Final = 32
_SALTED: Final = LABEL + b"\0"
_BATCH: Final = 4_096
_ITEM: Final = re.compile(
    r"(?:record|holding)-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_SALT: Final = re.compile(f"[0-9a-f]{{{_SALT_DIGITS}}}")
_DIGEST: Final = re.compile("[0-9a-f]{64}")


class Persons(Struct, frozen=True, forbid_unknown_fields=True):
    """How many of the people in an item agreed, need not, and are missing."""

    granted: int = 0
    exempt: int = 0
    missing: int = 0


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line as the module says; its representation shows no text."""

    seq: int
    item: str
    salt: str
    record: str | UnsetType = UNSET
    copy: str | UnsetType = UNSET
    archive_no: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    category: RecordCategory | UnsetType = UNSET
    form: MediumForm | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    unit: Literal["row", "sheet", "item"] | UnsetType = UNSET
    size: int | UnsetType = field(default=UNSET, name="bytes")
    first_year: int | UnsetType = UNSET
    last_year: int | UnsetType = UNSET
    original: bool | UnsetType = UNSET
    level: DataLevel | UnsetType = UNSET
    sensitivity: Sensitivity | UnsetType = UNSET
    sensitive_kinds: tuple[SensitivePiKind, ...] | UnsetType = UNSET
    customer_type: CustomerType | UnsetType = UNSET
    business_area: BusinessArea | UnsetType = UNSET
    need: CustomerNeed | UnsetType = UNSET
    relationship: Relationship | UnsetType = UNSET
    rules: tuple[str, ...] | UnsetType = UNSET
    min_until: str | UnsetType = UNSET
    max_until: str | UnsetType = UNSET
    kept_months: int | UnsetType = UNSET
    basis: LegalBasis | UnsetType = UNSET
    persons: Persons | UnsetType = UNSET
    encrypted: bool | UnsetType = UNSET
    medium: BackupMedium | UnsetType = UNSET
    location: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    holds: int | UnsetType = UNSET
    restricted: bool | UnsetType = UNSET

    def format(self) -> bytes:
        """The line's bytes. Raises `EncodingError`: longer than a line can be."""
        raw = _encoder.encode(self)
        if len(raw) > MAX_LINE_BYTES:
            raise EncodingError("too_large", f"a line of a list is over {MAX_LINE_BYTES} bytes")
        return raw

    def __repr__(self) -> str:
        """Without what it says."""
        return f"<Line {self.seq} {self.item}>"


_encoder: Final = msgspec.json.Encoder(order="sorted")
_decoder: Final = msgspec.json.Decoder(Line)


def salt(seed: bytes, item: str) -> str:
    """What blinds an item's line; `seed`: 32 bytes, of this version of the list."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    return hmac.digest(seed, _SALTED + item.encode("ascii"), "sha256").hex()[:_SALT_DIGITS]


def parse_line(raw: bytes) -> Line:
    """Read a line; exact inverse of `Line.format`. Raises `EncodingError`, and shows nothing."""
    if len(raw) > MAX_LINE_BYTES:
        raise EncodingError("too_large", f"a line of a list is over {MAX_LINE_BYTES} bytes")
    try:
        line = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise EncodingError("not_a_line", "the bytes are no line of a list") from None
    wellformed = (
        _ITEM.fullmatch(line.item)
        and _SALT.fullmatch(line.salt)
        and (line.digest is UNSET or _DIGEST.fullmatch(line.digest))
        and line.seq > 0
    )
    if not wellformed or _encoder.encode(line) != raw:
        raise EncodingError("not_canonical", "the bytes are a line of a list in another spelling")
    return line


def lines_root(lines: Iterable[bytes]) -> str:
    """The root over lines in their order, hex; reads them once, in flat memory."""
    edge = Frontier()
    leaves: Iterator[bytes] = (sha256(b"\0" + line).digest() for line in lines)
    while batch := list(islice(leaves, _BATCH)):
        edge.extend(batch)
    return edge.root().hex()
