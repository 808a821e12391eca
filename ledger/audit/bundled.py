"""The replay of an evidence bundle: as much of it as the bundle shows, and not a word more.

What `muniment evidence verify` finds is chapter `genuine`; of its ten claims those that it leaves
open are gaps, by claim and reason. A rule asks for what stood before an act, and may ask the whole
ledger: whose key it was, whether a hold was placed, what else is on a list. So acts are judged (by
the code that judges a ledger, on tables made of the bundle's own events) in the first entries of
the ledger as far as all of them are shown, whole and proved. A bundle over a period from the
beginning shows everything; one about a record shows little of what its rules ask for, and its acts
are counted as `not_judged`: `withheld`, `entry_not_whole`, `history_not_shown`. Completeness is
asked only where every entry up to the checkpoint is shown; what was entered late or ahead of its
time, of every event that is.

Nothing is kept: the bundle's events lie in a temporary database while this runs, without any text.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import structs

from domain.policy import Policy, PolicyError, parse_policy
from ledger import VERSION
from ledger.audit.catalogue import entry as meaning
from ledger.audit.catalogue import raised
from ledger.audit.checks import completeness, timeliness
from ledger.audit.cited import law_of, policy_used
from ledger.audit.finding import CHAPTERS, Chapter, Finding, Gap, ordered
from ledger.audit.judging import Judging
from ledger.audit.kept import Kept
from ledger.audit.outcome import Point, Projections, Replayed, Tool
from ledger.audit.replay import chapters_of, tool_digest
from ledger.audit.scope import Scope
from ledger.audit.scratch import TABLES, reading, scratch
from ledger.errors import DataError, MunimentError
from ledger.evidence import decode_event
from ledger.offline.bag import MAX_ZIP_BYTES, Bag, read_folder, read_zip
from ledger.offline.check import check_bundle
from ledger.offline.contents import POLICY, Contents, Shipped, entry_file
from ledger.offline.findings import Findings, Flaw
from ledger.offline.report import HOLDS, UNDECIDED, Report
from ledger.offline.trust import parse_trust
from ledger.schema import COMMITS, EVENTS, METADATA, PACKS, engine_for
from ledger.tlog import ed25519
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import VerifierKey
from projections.comparison import digest
from projections.view import key_of

_ELSEWHERE: Final = frozenset({"permitted"})
"""Claims that this replay answers itself."""
_NOT_OF_A_BUNDLE: Final = frozenset({"entries_unanchored"})
"""Its time-stamps are weighed by the claim `time`."""


class _Shown(NamedTuple):
    """An entry with what the bundle shows of its events, all of it proved, in order."""

    number: int
    data: bytes
    entry: Entry
    events: tuple[Shipped, ...]

    @property
    def whole(self) -> bool:
        """Whether every event of its commit is there."""
        return len(self.events) == self.entry.commit.note.count


def replay_bundle(
    source: Path | bytes,
    trust: VerifierKey,
    *,
    now: str,
    only: Sequence[str] = (),
    cosigners: Sequence[VerifierKey] = (),
    tsa_roots: Sequence[bytes] = (),
) -> Replayed:
    """Replay a bundle: a zip file, its bytes, or the folder that it was unpacked into.

    `trust`: the ledger's key as the reader knows it; `only`: codes and chapters, else everything;
    `cosigners`, `tsa_roots`: as `muniment evidence verify` takes them. Raises `OSError` if there is
    nothing to read, `ValueError` for keys or certificates that are none, `UsageError` for a code
    that is none.
    """
    chapters = chapters_of(only)
    trusted = parse_trust(trust.format(), [key.format() for key in cosigners], tsa_roots)
    try:
        bag = _bag(source)
    except Flaw as flaw:
        found = _said(trust.name, now, "invalid", [raised(flaw.code)], [])
    else:
        report = check_bundle(bag, trusted, ed25519.verify)
        found = _Bundle(bag, report, trust.name, now).replayed()
    return _limited(found, frozenset(only), chapters) if only else found


def _limited(found: Replayed, only: frozenset[str], chapters: Sequence[Chapter]) -> Replayed:
    """What was asked for; that what is false was not asked for is said."""
    findings = [one for one in found.findings if {one.code, one.chapter} & only]
    gaps = [
        gap for gap in found.gaps
        if (gap.part if gap.part in CHAPTERS else "genuine") in chapters
    ]  # fmt: skip
    if "genuine" not in chapters and found.verdict == "invalid":
        false = sum(one.chapter == "genuine" for one in found.findings)
        gaps.insert(0, Gap("permitted", "not_genuine", false))
    rules = {one.rule for one in findings}
    return structs.replace(
        found, findings=tuple(findings), gaps=_sorted(gaps), chapters=tuple(chapters),
        only=tuple(sorted(only)), verdict=found.verdict if "genuine" in chapters else "",
        law={rule: law for rule, law in found.law.items() if rule in rules},
    )  # fmt: skip


def _bag(source: Path | bytes) -> Bag:
    if isinstance(source, bytes):
        return read_zip(source)
    if source.is_dir():
        return read_folder(source)
    with source.open("rb") as file:
        return read_zip(file.read(MAX_ZIP_BYTES + 1))


class _Bundle:
    def __init__(self, bag: Bag, report: Report, origin: str, now: str) -> None:
        self._report, self._origin, self._now = report, origin, now
        self._contents = Contents(bag.files, Findings(), UNDECIDED)
        self._contents.read()
        self._findings = [*_genuine(report)]
        self._gaps = [*_open(report)]
        self._judged = 0
        self._policy: Policy | None = None
        self._projections = Projections(None, "")

    def replayed(self) -> Replayed:
        """Judge what can be judged, and say what cannot."""
        shown = list(self._shown())
        first = _first(shown)
        self._count(shown, first)
        if shown:
            with ExitStack() as stack:
                home = stack.enter_context(tempfile.TemporaryDirectory(prefix="muniment-"))
                database = Path(home) / "ledger.db"
                self._write(database, shown)
                self._look(stack, database, shown, first)
        last = shown[-1] if shown else None
        point = Point(last.number, last.entry.accepted) if last is not None else Point(-1, "")
        return _said(
            self._origin, self._now, self._report.verdict, self._findings, self._gaps,
            point=point, entries=max(self._report.size, 0), events=self._judged,
            checkpoint=self._checkpoint(), policy=self._policy, projections=self._projections,
        )  # fmt: skip

    def _checkpoint(self) -> str:
        report = self._report
        return f"{report.origin}\n{report.size}\n{report.root}\n" if report.size >= 0 else ""

    # -- what is shown

    def _shown(self) -> Iterator[_Shown]:
        """The entries of which something is proved, in order."""
        holds = {row.event for row in self._report.events if row.answer == HOLDS}
        by_entry: dict[int, list[Shipped]] = {}
        for one in self._contents.shipped:
            if one.raw is not None and one.claimed in holds:
                by_entry.setdefault(one.entry, []).append(one)
        for index in sorted(by_entry):
            data = self._contents.files.get(entry_file(index))
            if data is not None:
                events = tuple(sorted(by_entry[index], key=lambda one: one.index))
                try:
                    yield _Shown(index, data, Entry.parse(data), events)
                except DataError:
                    continue

    def _count(self, shown: Sequence[_Shown], first: int) -> None:
        """Why what is not judged is not."""
        reasons: Counter[str] = Counter()
        reasons["withheld"] = sum(one.raw is None for one in self._contents.shipped)
        for one in shown:
            if one.number >= first:
                reason = "history_not_shown" if one.whole else "entry_not_whole"
                reasons[reason] += len(one.events)
        proved = sum(len(one.events) for one in shown)
        reasons["not_proved"] = len(self._contents.shipped) - reasons["withheld"] - proved
        for reason, count in sorted(reasons.items()):
            if count > 0:
                self._gaps.append(Gap("permitted", "not_judged", count, reason))
        if first < max(self._report.size, 1):
            self._gaps.append(Gap("complete", "not_all_shown"))
        self._gaps.append(Gap("consistent", "no_folder"))

    def _write(self, database: Path, shown: Sequence[_Shown]) -> None:
        """The log as far as it is shown; positions are true as far as no entry is missing."""
        engine = engine_for(database)
        try:
            with engine.connect() as connection:
                METADATA.create_all(connection)
                position = 1
                for one in shown:
                    _insert(connection, one, position)
                    position += len(one.events)
                for data in _packs(self._contents.files):
                    pack = {"digest": sha256(data).digest(), "data": data}
                    connection.execute(sa.insert(PACKS), pack)
        finally:
            engine.dispose()

    # -- looking

    def _look(self, stack: ExitStack, database: Path, shown: Sequence[_Shown], first: int) -> None:
        log = stack.enter_context(reading(database))
        own = stack.enter_context(scratch(database))
        kept = Kept(own)
        standing = kept.begin(tool_digest(), 0)
        judging = Judging(own, kept, standing)
        if first:
            for _ in judging.run(first):
                pass
            self._judged = standing.judged
            self._findings += kept.findings(0)
            if standing.unknown:
                self._gaps.append(Gap("permitted", "not_judged", standing.unknown, "unreadable"))
        self._policy = _policy(judging if first else None, self._contents.files)
        if self._policy is None:
            self._gaps.append(Gap("timely", "policy_missing"))
            return
        last = shown[-1]
        scope = Scope(
            log, own.connection, judging.facts, self._policy, last.number, last.entry.accepted,
            self._now, 0, None,
        )  # fmt: skip
        if first and first == self._report.size:
            self._take(completeness.check(scope))
            self._take(
                one
                for one in timeliness.check(scope)
                if isinstance(one, Gap) or one.code not in _NOT_OF_A_BUNDLE
            )
            self._projections = Projections(None, _digest(own.connection))
        else:
            self._take(map(_unplaced(first), timeliness.claims(scope)))

    def _take(self, found: Iterable[Finding | Gap]) -> None:
        for one in found:
            if isinstance(one, Gap):
                self._gaps.append(one)
            else:
                self._findings.append(one)


def _first(shown: Sequence[_Shown]) -> int:
    """How many entries from the first on are shown whole."""
    for number, one in enumerate(shown):
        if one.number != number or not one.whole:
            return number
    return len(shown)


def _insert(connection: sa.Connection, one: _Shown, position: int) -> None:
    raws = [event.raw or b"" for event in one.events]
    leaves = b"".join(map(leaf_hash, raws)) if one.whole and len(raws) > 1 else b""
    commit = {
        "entry": one.number, "first": position, "count": len(raws), "data": one.data,
        "id": bytes.fromhex(one.entry.commit.note.commit_id), "leaves": leaves,
    }  # fmt: skip
    connection.execute(sa.insert(COMMITS), commit)
    for at, raw in enumerate(raws):
        event = decode_event(raw)
        row = {
            "position": position + at, "stream": key_of(event.stream), "version": event.version,
            "topic": type(event).__struct_config__.tag, "entry": one.number, "state": raw,
        }  # fmt: skip
        connection.execute(sa.insert(EVENTS), row)


def _packs(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The policy packs in a bundle whose bytes are what their names say."""
    for name, data in sorted(files.items()):
        if name.startswith(POLICY) and name == f"{POLICY}{sha256(data).hexdigest()}.toml":
            yield data


def _policy(judging: Judging | None, files: Mapping[str, bytes]) -> Policy | None:
    """The pack in force; where no entry 0 is shown, the only one that the bundle holds."""
    try:
        if judging is not None:
            return judging.facts.policy()
        packs = list(_packs(files))
        return parse_policy(packs[0]) if len(packs) == 1 else None
    except (MunimentError, PolicyError):
        return None


def _unplaced(first: int) -> Callable[[Finding], Finding]:
    """Takes away positions that nobody can know: beyond the first entry that is not whole."""

    def unplaced(one: Finding) -> Finding:
        known = one.entry is not None and one.entry < first
        return one if known else structs.replace(one, position=None)

    return unplaced


def _digest(connection: sa.Connection) -> str:
    return sha256(msgspec.json.encode(digest(connection, TABLES), order="sorted")).hexdigest()


# -- what the offline verifier says -------------------------------------------------------------


def _genuine(report: Report) -> Iterator[Finding]:
    for one in report.findings:
        known = meaning(one.code)
        yield Finding(
            known.chapter, one.code, known.severity, rule=known.rule, detail=one.file or "",
            evidence=(one.event,) if one.event else (), expected=str(one.expected or ""),
            actual=str(one.actual or ""), cause=f"step {one.step}",
        )  # fmt: skip
    if report.omitted:
        yield raised("more_findings", actual=str(report.omitted))


def _open(report: Report) -> Iterator[Gap]:
    """The claims that the bundle leaves open, by the first reason that does."""
    for claim in report.claims:
        if claim.answer == UNDECIDED and claim.claim not in _ELSEWHERE:
            yield Gap(claim.claim, claim.reasons[0] if claim.reasons else "not_reached")


# -- the answer ---------------------------------------------------------------------------------


def _said(
    origin: str,
    now: str,
    verdict: str,
    findings: Sequence[Finding],
    gaps: Sequence[Gap],
    *,
    point: Point = Point(-1, ""),  # noqa: B008  it never changes
    entries: int = 0,
    events: int = 0,
    checkpoint: str = "",
    policy: Policy | None = None,
    projections: Projections = Projections(None, ""),  # noqa: B008  as above
) -> Replayed:
    return Replayed(
        origin=origin, entries=entries, events=events, since=0, as_of=point, now=now,
        checkpoint=checkpoint, policy=policy_used(policy), tool=Tool(VERSION, tool_digest()),
        projections=projections, verdict=verdict,  # type: ignore[arg-type]
        findings=tuple(ordered(findings)), gaps=_sorted(gaps), law=law_of(policy, findings),
    )  # fmt: skip


def _sorted(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    return tuple(sorted(gaps, key=lambda gap: (gap.part, gap.code, gap.subject)))
