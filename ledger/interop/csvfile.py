r"""events.csv: every event of a bundle as one line, for spreadsheets.

RFC 4180 in UTF-8 with a byte order mark (without it, spreadsheets take Chinese for something else):
a header, CRLF, quotes where they are needed. A cell that a spreadsheet would take for a formula is
given an apostrophe before it, which is not part of the data.

>>> safe("=HYPERLINK(1)"), safe("-1"), safe("张三")
("'=HYPERLINK(1)", "'-1", '张三')
"""

from __future__ import annotations

import csv
import io
import json
from typing import Final

from ledger.labels import TOPICS
from ledger.told import Place, Told

COLUMNS: Final = (
    "number", "entry", "index", "accepted", "at", "not_before", "not_after", "event", "type",
    "type_zh", "type_en", "by", "role", "signers", "in_scope", "withheld", "sha256", "leaf",
    "opened", "said",
)  # fmt: skip
"""`number`: from 1, in the order of the ledger; `opened`: fields shown, JSON; `said`: the event."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def events_csv(told: Told) -> bytes:
    """The bytes of the file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for number, place in enumerate(told.places, 1):
        writer.writerow([safe(cell) for cell in _row(number, place, told)])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def safe(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{cell}" if cell.lstrip(" \u00a0\u3000").startswith(_FORMULA) else cell


def _row(number: int, place: Place, told: Told) -> list[str]:
    event = place.event
    zh, en = TOPICS.get(place.topic, (place.topic, place.topic))
    signers = " ".join(f"{s.actor or s.name}:{s.capacity}" for s in place.signers)
    opened = json.dumps(dict(place.opened), ensure_ascii=False, sort_keys=True)
    return [
        str(number), str(place.entry), str(place.index), place.accepted,
        "" if event is None else event.at, place.not_before, place.not_after, place.id,
        place.topic, zh, en, "" if event is None else event.by,
        "" if event is None else event.role, signers, "yes" if place.own else "no", place.reason,
        place.digest, place.leaf, opened if place.opened else "",
        "" if event is None else told.raw(place.id).decode("ascii"),
    ]  # fmt: skip
