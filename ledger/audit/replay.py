"""The auditor's replay: everything that can be told from a ledger's stored bytes, in one answer.

1. the log is opened in one read transaction, and the last entry to replay is found
2. it is verified: `ledger.verify` (chapter `genuine`)
3. its events are projected into a scratch database and every act is judged with the rules and the
   policy in force at its position, by the functions that recorded it (`permitted`)
4. the tables made so are compared with the live ones (`consistent`)
5. what is missing, late or not as the events say is asked of the tables made so, of the log and of
   what lies beside it (`complete`, `timely`, `consistent`)

Nothing is written but the scratch database. Verification comes first whatever is asked for: whether
false bytes were permitted is no question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import structs

import domain
import ledger
import projections
from domain.policy import Policy
from ledger import VERSION
from ledger.asof import entry_in
from ledger.audit import genuine
from ledger.audit.finding import CHAPTERS, Chapter, Finding, Gap, ordered
from ledger.audit.judging import Judging
from ledger.audit.kept import Kept, Standing, fits, forget, keeping
from ledger.audit.outcome import (
    Law,
    Point,
    PolicyUsed,
    Projections,
    ReadData,
    Replayed,
    Tool,
)
from ledger.audit.scope import Scope
from ledger.audit.scratch import TABLES, Scratch, reading, scratch
from ledger.errors import MunimentError, NoLedgerError, UsageError
from ledger.folder import Folder
from ledger.rebuild import LAYOUT
from ledger.schema import has_earlier_format
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note, VerifierKey
from ledger.tree import StoredTree
from ledger.verification.findings import Report
from projections.comparison import differences, digest

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_DIFFERENCES: Final = 20

Progress = Callable[[str, int, int], None]
"""`progress(step, done, of)`: steps `verify`, `judge`, `compare` and `check`; in events."""


class Asked(NamedTuple):
    """What is asked of a replay.

    `as_of`: a moment of `ledger.asof`, else the newest entry; `since`: a checkpoint note: what lies
    before it was replayed before; `only`: codes and chapters, else everything; `share`: of
    contents, files and backups that is read, drawn with `seed`; `keep`: the folder to keep the
    replay in; `now`: the time up to which is judged what is overdue, if `as_of` does not say;
    `tsa_roots`: certificates (DER) trusted for time beside the folder's.
    """

    now: str
    as_of: str | None = None
    since: bytes | None = None
    only: tuple[str, ...] = ()
    share: Fraction = Fraction(0)
    seed: int = 0
    keep: Path | None = None
    tsa_roots: Sequence[bytes] = ()


def replay(
    place: Folder | Path,
    trust: VerifierKey | None,
    asked: Asked,
    progress: Progress | None = None,
) -> Replayed:
    """Replay a ledger: its folder, or a copy of its database file alone.

    `trust`: the ledger's key as the auditor knows it; only a folder has a pinned one instead.
    Raises `NoLedgerError` where there is no ledger, `UsageError` for what cannot be asked,
    `NoteError` for a checkpoint that is none of this ledger, `LockedError` where another replay
    uses the folder to keep it in.
    """
    if trust is None and not isinstance(place, Folder):
        raise UsageError(
            "a copy of a database says nothing about whose it is", "give the key: --trust VKEY"
        )
    with ExitStack() as stack:
        return _Replay(place, trust, asked, progress or _silent, stack).run()


def _silent(step: str, done: int, of: int) -> None:
    """Nobody is told."""


class _Replay:
    def __init__(
        self,
        place: Folder | Path,
        trust: VerifierKey | None,
        asked: Asked,
        progress: Progress,
        stack: ExitStack,
    ) -> None:
        self._place, self._trust, self._asked, self._progress = place, trust, asked, progress
        self._folder = place if isinstance(place, Folder) else None
        self._database = place.database if isinstance(place, Folder) else place
        self._chapters = _chapters(asked.only)
        self._stack = stack
        self._findings: list[Finding] = []
        self._gaps: list[Gap] = []
        self._end, self._position, self._events = 0, 2**63, 0  # until the head was read

    def run(self) -> Replayed:
        asked = self._asked
        self._log = self._stack.enter_context(reading(self._database))  # step 1
        self._since = _size_of(asked.since) if asked.since is not None else 0
        try:
            self._tree = StoredTree(self._log)
            last, self._position = entry_in(self._log, asked.as_of)
        except (sa.exc.DBAPIError, NoLedgerError):
            return self._said(self._verify(0), self._unread(1))
        self._end = last + 1
        if self._since > self._end:
            raise UsageError("the checkpoint covers more entries than are to be replayed")
        report = self._verify(self._tree.head.events)  # step 2
        outcome = self._replay(report) if self._chapters != ("genuine",) else None  # steps 3 to 5
        return self._said(report, outcome)

    # Step 2

    def _verify(self, events: int) -> Report:
        report = genuine.verified(
            self._place, self._trust, self._asked.since, self._asked.tsa_roots,
            lambda done: self._progress("verify", done, events),
        )  # fmt: skip
        report = genuine.up_to(report, self._position)
        self._damaged = report.verdict not in ("valid", "valid-but-since-revoked")
        if "genuine" in self._chapters:
            self._findings += genuine.findings_of(report)
        elif report.verdict == "invalid":
            self._gaps.append(Gap("permitted", "not_genuine", len(report.findings)))
        return report

    # Steps 3 to 5

    def _replay(self, report: Report) -> _Made:
        own, kept, standing = self._begun(genuine.doubts(report))
        try:
            judging = Judging(
                own, kept, standing,
                accused=genuine.false_at(report, genuine.FALSE_EVENT),
                doubted=genuine.false_at(report, genuine.FALSE_ENTRY),
                columns_hold=not self._damaged and not self._since,
            )  # fmt: skip
            for events in judging.run(self._end):
                self._progress("judge", events, self._position)
        except sa.exc.DBAPIError:
            self._judged(kept, standing)
            return self._unread(standing.events + 1)
        self._judged(kept, standing)
        policy = _policy(judging)
        made = _Made(policy, Projections(None, ""))
        if not standing.unmade and not standing.hidden:
            made = made._replace(projections=self._compared(own))
        elif "consistent" in self._chapters:
            self._gaps.append(Gap("consistent", "tables_not_compared"))
        if policy is not None:
            self._check(own, judging, policy)
        else:
            self._gaps.append(Gap("permitted", "policy_missing"))
            self._unchecked()
        return made

    def _unread(self, position: int) -> _Made:
        """What is said where the database cannot be read from a position on."""
        self._gaps.append(Gap("permitted", "unreadable_from", subject=f"position:{position}"))
        self._unchecked()
        return _Made(None, Projections(None, ""))

    def _unchecked(self) -> None:
        those = [one for one in self._chapters if one in ("complete", "timely", "consistent")]
        self._gaps += [Gap(chapter, "not_checked") for chapter in those]

    def _begun(self, doubts: str) -> tuple[Scratch, Kept, Standing]:
        """The scratch database: one that is kept and fits, or a new one."""
        asked, tool = self._asked, tool_digest()
        own, found = self._kept() if asked.keep is not None else (None, None)
        if own is not None and found is not None and found.doubts == doubts:
            since = self._since or None
            if fits(found, tool, self._tree, self._end, since):
                return own, Kept(own), found
            if fits(found, tool, self._tree, found.entries, since):
                own = None  # it stands further on than is asked for, and stays
        own = own or self._stack.enter_context(scratch(self._database))
        kept = Kept(own)
        judging = "permitted" in self._chapters or asked.keep is not None
        if self._since:
            self._progress("project", 0, self._position)
        standing = kept.begin(tool, self._since if judging else self._end)
        standing.doubts = doubts
        return own, kept, standing

    def _kept(self) -> tuple[Scratch, Standing | None]:
        """The scratch database of the folder to keep it in, made anew if it cannot be read."""
        assert self._asked.keep is not None
        file = self._stack.enter_context(keeping(self._asked.keep))
        try:
            own = self._stack.enter_context(scratch(self._database, file))
            return own, Kept(own).found_here()
        except (sa.exc.DBAPIError, NoLedgerError):
            forget(file)
            return self._stack.enter_context(scratch(self._database, file)), None

    def _judged(self, kept: Kept, standing: Standing) -> None:
        """What chapter `permitted` comes to."""
        self._events = standing.judged
        if "permitted" not in self._chapters:
            return
        found = kept.findings(self._since)
        entries = {finding.entry for finding in found}
        firsts = {finding.position for finding in found}
        self._findings = [
            one
            for one in self._findings
            if one.code != "not_permitted" or not (one.entry in entries or one.position in firsts)
        ]
        self._findings += found
        if standing.unknown:
            self._gaps.append(Gap("permitted", "not_judged", standing.unknown))
            where = f"position:{standing.unknown_from}"
            self._gaps.append(Gap("permitted", "uncertain_from", subject=where))

    def _compared(self, own: Scratch) -> Projections:
        """Step 4. With a checkpoint to begin from, what lies before it is not read again."""
        if "consistent" not in self._chapters or self._since:
            return Projections(None, "")
        self._progress("compare", 0, self._position)
        made = digest(own.connection, TABLES)
        whole = sha256(msgspec.json.encode(made, order="sorted")).hexdigest()
        if self._end != self._tree.head.entries:
            return Projections(None, whole)
        try:
            if not _of_this_layout(self._log):
                self._gaps.append(Gap("consistent", "tables_of_another_version"))
                return Projections(None, whole)
            if digest(self._log, TABLES) == made:
                return Projections(True, whole)
        except (sa.exc.DBAPIError, TypeError, ValueError):
            pass
        self._findings += _differing(self._log, own.connection)
        return Projections(False, whole)

    def _check(self, own: Scratch, judging: Judging, policy: Policy) -> None:
        """Step 5."""
        now = _accepted(self._log, self._end - 1) if self._asked.as_of else self._asked.now
        scope = Scope(
            self._log, own.connection, judging.facts, policy, self._end - 1,
            _accepted(self._log, self._end - 1), now, self._since, self._folder,
        )  # fmt: skip
        asked = self._asked
        if "complete" in self._chapters:
            from ledger.audit import completeness

            self._take("complete", completeness.check(scope))
        if "timely" in self._chapters:
            from ledger.audit import timeliness

            self._take("timely", timeliness.check(scope))
        if "consistent" in self._chapters:
            from ledger.audit import stored

            told = partial(self._progress, "check")
            self._take("consistent", stored.check(scope, asked.share, asked.seed, told))

    def _take(self, chapter: Chapter, found: Iterator[Finding | Gap]) -> None:
        """All that a check finds; what is damaged ends the check, and it is said."""
        try:
            for one in found:
                if isinstance(one, Gap):
                    self._gaps.append(one)
                else:
                    self._findings.append(one)
        except (sa.exc.DBAPIError, MunimentError, LookupError, TypeError, ValueError):
            if not self._damaged:
                raise
            self._gaps.append(Gap(chapter, "not_checked"))

    def _said(self, report: Report, made: _Made | None) -> Replayed:
        asked, log = self._asked, self._log
        only = frozenset(asked.only)
        findings = ordered(
            one for one in self._findings if not only or one.code in only or one.chapter in only
        )
        policy = made.policy if made is not None else None
        accepted = _accepted(log, self._end - 1)
        checkpoint = (report.checkpoint or "").split("\n\n")[0]
        return Replayed(
            origin=self._origin(), entries=self._end, since=self._since,
            events=self._events,
            as_of=Point(max(self._end - 1, 0), accepted),
            now=accepted if asked.as_of is not None else asked.now,
            checkpoint=f"{checkpoint}\n" if checkpoint else "",
            policy=_used(policy), tool=Tool(VERSION, tool_digest()),
            projections=made.projections if made is not None else Projections(None, ""),
            verdict=report.verdict if "genuine" in self._chapters else "",
            findings=tuple(findings), gaps=_gaps(self._gaps), chapters=self._chapters,
            only=tuple(sorted(only)),
            read_data=ReadData(str(asked.share), asked.seed) if asked.share else None,
            law=_law(policy, findings),
        )  # fmt: skip

    def _origin(self) -> str:
        if self._trust is not None:
            return self._trust.name
        assert self._folder is not None
        return self._folder.pinned_key().name


class _Made(NamedTuple):
    policy: Policy | None
    projections: Projections


def _chapters(only: Sequence[str]) -> tuple[Chapter, ...]:
    """The chapters that can give what is asked for."""
    from ledger.audit.catalogue import CODES

    if not only:
        return CHAPTERS
    wanted: set[str] = set()
    for one in only:
        if one in CHAPTERS:
            wanted.add(one)
        elif one == "not_permitted":
            wanted.add("permitted")
        elif one in CODES:
            wanted.add(CODES[one].chapter)
        else:
            raise UsageError(
                "no finding and no chapter is called like that",
                "the codes and chapters stand in docs/reference/codes.md",
            )
    return tuple(chapter for chapter in CHAPTERS if chapter in wanted)


def _size_of(note: bytes) -> int:
    return Checkpoint.parse(Note.parse(note).text).size


def _accepted(log: Connection, entry: int) -> str:
    try:
        data = log.exec_driver_sql(
            "SELECT substr(data, 10, 24) FROM commits WHERE entry = ?", (entry,)
        ).scalar()
    except sa.exc.DBAPIError:
        return ""
    return "" if data is None else bytes(data).decode("ascii", "replace")


def _of_this_layout(log: Connection) -> bool:
    layout = log.exec_driver_sql("PRAGMA user_version").scalar()
    return bool(layout == LAYOUT) and not has_earlier_format(log)


def _differing(log: Connection, own: Connection) -> Iterator[Finding]:
    """The first differing rows of each table."""
    from ledger.audit.catalogue import raised

    for one in differences(log, own, TABLES, limit=_DIFFERENCES):
        yield raised(
            "projection_differs", detail=str(one.table), subject=one.key, actual=one.kind,
            cause=f"table {one.table}, row {one.kind} {' '.join(one.columns)}".rstrip(),
        )  # fmt: skip


def _policy(judging: Judging) -> Policy | None:
    try:
        return None if judging.standing.no_policy else judging.facts.policy()
    except (MunimentError, ValueError, sa.exc.DBAPIError):
        return None


def _used(policy: Policy | None) -> PolicyUsed:
    if policy is None:
        return PolicyUsed("", "", "")
    return PolicyUsed(policy.header.id, policy.header.version, policy.digest)


def _law(policy: Policy | None, findings: Sequence[Finding]) -> dict[str, tuple[Law, ...]]:
    """What stands behind each rule that a finding names, in the words of the pack."""
    if policy is None:
        return {}
    rules = sorted({finding.rule for finding in findings if finding.rule in policy.rules})
    return {rule: tuple(_cited(policy, rule)) for rule in rules}


def _cited(policy: Policy, rule: str) -> Iterator[Law]:
    for one in policy.rules[rule].basis:
        statute = policy.statutes[one.statute]
        yield Law(one.statute, one.version, one.article, statute.zh, statute.en)


def _gaps(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Equal ones together, in order."""
    counts: dict[Gap, int] = {}
    for gap in gaps:
        key = structs.replace(gap, count=0)
        counts[key] = counts.get(key, 0) + gap.count
    merged = (structs.replace(gap, count=count) for gap, count in counts.items())
    return tuple(sorted(merged, key=lambda gap: (gap.part, gap.code, gap.subject)))


@cache
def tool_digest() -> str:
    """A SHA-256 over the source files of the three packages, as they are installed."""
    state = sha256()
    for package in (domain, ledger, projections):
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            name = f"{package.__name__}/{file.relative_to(folder).as_posix()}"
            state.update(f"{name} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return state.hexdigest()
