r"""What a replay comes to, and its JSON: the same bytes for the same ledger, arguments and `now`.

Canonical: members sorted, no spaces, one line, with or without the newline that ends it in a file;
its SHA-256, which reports name, is that without.
Findings are in the order of
`ledger.audit.finding.ordered` and hold ids and codes only; `law` says once what stands behind each
rule that a finding names, in the words of the policy pack in force.

>>> made = Replayed(
...     origin="example.org/l",
...     entries=3,
...     events=7,
...     since=0,
...     as_of=Point(2, "2026-11-22T08:00:00.000Z"),
...     now="2026-11-22T09:00:00.000Z",
...     checkpoint="",
...     policy=PolicyUsed("cn-default-2026", "2026.1", "00"),
...     tool=Tool("0.1", "00"),
...     projections=Projections(True, "00"),
...     verdict="valid",
...     findings=(Finding("timely", "late_entry", "note", position=7, entry=2),),
...     gaps=(),
... )
>>> made.json().startswith(b'{"as_of":{"accepted":"2026-11-22T08:00:00.000Z","entry":2},"chapters"')
True
>>> read_replayed(made.json()) == made == read_replayed(made.json() + b"\n")
True
>>> made.counts.code, made.exit_code
({'late_entry': 1}, 0)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Final, Literal

import msgspec
from msgspec import Struct

from ledger.audit.catalogue.gaps import NOT_ASKED
from ledger.audit.finding import CHAPTERS, SEVERITIES, Chapter, Finding, Gap, Severity, counted
from ledger.errors import EncodingError
from ledger.verification.findings import Verdict

FORMAT: Final = "muniment-replay/1"
MAX_BYTES: Final = 256 << 20

FOUND: Final = 3
"""Exit code: something is not as it should be."""
GAPS: Final = 4
"""Exit code: nothing is found, but something should have been readable and was not."""


class Point(Struct, frozen=True):
    """Up to where was replayed: `entry` (0-based) is the last one, accepted at `accepted`."""

    entry: int
    accepted: str


class PolicyUsed(Struct, frozen=True):
    """The pack in force at the last entry: id, version and SHA-256 of its bytes in hex."""

    pack: str
    version: str
    digest: str


class Tool(Struct, frozen=True):
    """What replayed: the version of Muniment, and a SHA-256 over its installed source files."""

    version: str
    digest: str


class Projections(Struct, frozen=True):
    """The tables made from the events alone.

    `equal`: to the live ones; None where there are none to compare with (as of an earlier entry, of
    another layout, a bundle, or not asked for). `digest`: SHA-256 over all of them, equal for two
    ledgers with the same events; empty where they could not be made to the end.
    """

    equal: bool | None
    digest: str


class Law(Struct, frozen=True):
    """One citation behind a rule; `zh`, `en`: the statute's names."""

    statute: str
    version: str
    article: str
    zh: str = ""
    en: str = ""


class ReadData(Struct, frozen=True):
    """How much of contents, files and backups was read: a share such as `1/10`, and the seed."""

    share: str
    seed: int


class Tree(Struct, frozen=True):
    """The tree over all entries that were verified: how many they are, and the root in hex.

    What was judged is proved to be the beginning of it. Empty where no tree could be read.
    """

    size: int = 0
    root: str = ""


class Counts(Struct, frozen=True):
    """How many findings there are of each code, severity and chapter."""

    code: dict[str, int]
    severity: dict[Severity, int]
    chapter: dict[Chapter, int]


class Replayed(Struct, frozen=True, kw_only=True, dict=True):
    """The answer to "what is false, not permitted, missing, late, or cannot be known".

    `entries`: how many the ledger had then; `events`: how many of them were judged; `since`:
    entries below it were replayed before; `checkpoint`: the text of the newest one (it ends with
    one newline), or empty;
    `verdict`: of `ledger.verify`, empty if nothing of chapter `genuine` was asked for;
    `chapters`: those looked at; `only`: the codes and chapters that it was limited to, if any.
    """

    format: Literal["muniment-replay/1"] = FORMAT
    origin: str
    entries: int
    events: int
    since: int
    as_of: Point
    now: str
    checkpoint: str
    policy: PolicyUsed
    tool: Tool
    projections: Projections
    verdict: Verdict | Literal[""]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    chapters: tuple[Chapter, ...] = CHAPTERS
    only: tuple[str, ...] = ()
    read_data: ReadData | None = None
    law: dict[str, tuple[Law, ...]] = {}
    tree: Tree = Tree()

    @cached_property
    def counts(self) -> Counts:
        """What the findings come to, in numbers."""
        severities = Counter(finding.severity for finding in self.findings)
        chapters = Counter(finding.chapter for finding in self.findings)
        return Counts(
            counted(self.findings),
            {severity: severities[severity] for severity in SEVERITIES},
            {chapter: chapters[chapter] for chapter in CHAPTERS},
        )

    @property
    def exit_code(self) -> int:
        """0, or `FOUND` for a finding above `note`, or `GAPS` where only something is lacking.

        Gaps of what was not asked for (`ledger.audit.catalogue.gaps.NOT_ASKED`) do not count.
        """
        if any(finding.severity != "note" for finding in self.findings):
            return FOUND
        return GAPS if any(gap.code not in NOT_ASKED for gap in self.gaps) else 0

    def json(self) -> bytes:
        """Its canonical bytes, which an auditor's report signs the SHA-256 of."""
        said: Mapping[str, object] = {
            **{name: getattr(self, name) for name in self.__struct_fields__},
            "counts": self.counts,
        }
        return msgspec.json.encode(said, order="sorted")


class _Written(Replayed, frozen=True, kw_only=True):
    """`Replayed` with its counts, which follow from its findings."""

    counted_as: Counts = msgspec.field(name="counts")


_DECODER: Final = msgspec.json.Decoder(_Written)


def read_replayed(data: bytes) -> Replayed:
    """The replay that `Replayed.json` wrote.

    One newline may end it. Raises `EncodingError` for anything that it would not have written.
    """
    data = data.removesuffix(b"\n")
    if len(data) > MAX_BYTES:
        raise EncodingError("", "the file is too large to be a replay's result")
    try:
        written = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EncodingError("", "this is not a replay's result") from error
    found = Replayed(**{name: getattr(written, name) for name in Replayed.__struct_fields__})
    if found.json() != data:
        raise EncodingError("", "this is not a replay's result as it is written")
    return found
