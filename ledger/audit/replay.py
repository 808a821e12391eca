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

import domain
import ledger as program
import projections
from domain.policy import Policy
from ledger import VERSION
from ledger.asof import entry_in, stated_time
from ledger.audit import genuine
from ledger.audit.cited import law_of, merged, policy_used
from ledger.audit.compared import differing, is_beginning, of_this_layout
from ledger.audit.edge import tree_of
from ledger.audit.finding import CHAPTERS, Chapter, Finding, Gap, ordered
from ledger.audit.judging import Judging, ReadDifferentlyError
from ledger.audit.kept import ChangedError, Kept, Standing, fits, forget, keeping
from ledger.audit.outcome import Point, Projections, ReadData, Replayed, Tool, Tree
from ledger.audit.scope import Scope
from ledger.audit.scratch import TABLES, Scratch, reading, scratch
from ledger.errors import (
    DataError,
    LockedError,
    MunimentError,
    NoLedgerError,
    NoteError,
    UsageError,
)
from ledger.folder import Folder
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note, VerifierKey
from ledger.verification.findings import Report
from projections.comparison import digest

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ledger.application import Ledger
    from ledger.tlog.merkle import Frontier

_ALWAYS: Final = frozenset({"read_differently"})  # told whatever was asked for

Progress = Callable[[str, int, int], None]
"""`progress(step, done, of)`: steps `verify`, `judge`, `compare` and `check`; in events."""


class Asked(NamedTuple):
    """What is asked of a replay.

    `as_of`: a moment of `ledger.asof`, else the newest entry; `since`: a checkpoint note: what lies
    before it was replayed before; `only`: codes and chapters, else everything; `share`: of
    contents, files and backups that is read, drawn with `seed`; `keep`: the folder to keep the
    replay in; `now`: the time up to which is judged what is overdue, if `as_of` does not say;
    `tsa_roots`: certificates (DER) trusted for time beside the folder's; `places`: folders in
    which backups lie; `by_clock`: `now` is what the clock says, and nobody named it; `anew`:
    is called where what is kept is damaged or was changed, and everything is replayed.
    """

    now: str
    as_of: str | None = None
    since: bytes | None = None
    only: tuple[str, ...] = ()
    share: Fraction = Fraction(0)
    seed: int = 0
    keep: Path | None = None
    tsa_roots: Sequence[bytes] = ()
    places: Sequence[Path] = ()
    by_clock: bool = False
    anew: Callable[[], None] | None = None


def replay(
    place: Folder | Path,
    trust: VerifierKey | None,
    asked: Asked,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
) -> Replayed:
    """Replay a ledger: its folder, or a copy of its database file alone.

    `trust`: the ledger's key as the auditor knows it; only a folder has a pinned one instead.
    `ledger`: this folder's, open, with a keystore that can be opened, to look for files and backups
    where their sealed places say; nothing of it is believed but keys.
    Raises `NoLedgerError` where there is no ledger, `UsageError` for what cannot be asked, such as
    a checkpoint that is none of this ledger, `LockedError` where another replay uses the folder to
    keep it in.
    """
    if trust is None and not isinstance(place, Folder):
        raise UsageError(
            "a copy of a database says nothing about whose it is", "give the key: --trust VKEY"
        )
    with ExitStack() as stack:
        return _Replay(place, trust, asked, progress or _silent, ledger, stack).run()


def _silent(step: str, done: int, of: int) -> None:
    """Nobody is told."""


class _Replay:
    def __init__(
        self,
        place: Folder | Path,
        trust: VerifierKey | None,
        asked: Asked,
        progress: Progress,
        ledger: Ledger | None,
        stack: ExitStack,
    ) -> None:
        self._place, self._trust, self._asked, self._progress = place, trust, asked, progress
        self._folder = place if isinstance(place, Folder) else None
        self._database = place.database if isinstance(place, Folder) else place
        self._chapters = chapters_of(asked.only)
        self._ledger, self._stack = ledger, stack
        self._findings: list[Finding] = []
        self._gaps: list[Gap] = []
        self._end, self._position, self._events = 0, 2**63, 0  # until the head was read
        self._now = asked.now

    def run(self) -> Replayed:
        asked = self._asked
        self._since = _size_of(asked.since) if asked.since is not None else 0
        try:
            self._log = self._stack.enter_context(reading(self._database))  # step 1
            self._tree = tree_of(self._log)
            last, self._position = entry_in(self._log, asked.as_of, self._tree)
        except (sa.exc.DBAPIError, NoLedgerError, DataError, LookupError, TypeError, ValueError):
            if not self._database.is_file():
                raise
            return self._said(self._verify(0), self._unread(1))
        self._end = last + 1
        if self._since > self._end:
            raise UsageError("the checkpoint covers more entries than are to be replayed")
        report = self._verify(self._tree.head.events)  # step 2
        self._now = self._up_to()
        outcome = self._looked(report) if self._chapters != ("genuine",) else None  # steps 3 to 5
        return self._said(report, outcome)

    def _up_to(self) -> str:
        """The time up to which is judged what is overdue."""
        asked, newest = self._asked, _accepted(self._log, self._tree.head.entries - 1)
        if asked.as_of is not None:
            time = stated_time(asked.as_of) or _accepted(self._log, self._end - 1)
            if time > max(asked.now, newest) and not self._damaged:
                raise UsageError(
                    "--as-of names a time that has not come yet",
                    "leave it out for the present; --now judges what will be overdue by a time",
                )
            return time
        if asked.now < newest and not self._damaged:
            if asked.by_clock:
                return newest
            raise UsageError(
                "--now names a time before the ledger's last entry",
                "--as-of judges the ledger as it stood then",
            )
        return asked.now

    # Step 2

    def _verify(self, events: int) -> Report:
        try:
            report = genuine.verified(
                self._place, self._trust, self._asked.since, self._asked.tsa_roots,
                lambda done: self._progress("verify", done, events),
            )  # fmt: skip
        except NoteError:
            if self._asked.since is None:
                raise
            raise _no_checkpoint() from None
        report = genuine.up_to(report, self._position, newest=self._asked.as_of is None)
        self._damaged = report.verdict not in ("valid", "valid-but-since-revoked")
        if "genuine" in self._chapters:
            self._findings += genuine.findings_of(report)
        elif report.verdict == "invalid":
            self._gaps.append(Gap("permitted", "not_genuine", len(report.findings)))
        return report

    # Steps 3 to 5

    def _looked(self, report: Report) -> _Made:
        """What comes of judging; what is damaged may end it anywhere, and that is said."""
        try:
            return self._replay(report)
        except (UsageError, LockedError):
            raise
        except (sa.exc.DBAPIError, MunimentError, LookupError, TypeError, ValueError,
                AttributeError, ArithmeticError):  # fmt: skip
            if not self._damaged:
                raise
            return self._unread(1)

    def _replay(self, report: Report) -> _Made:
        own, kept, standing = self._begun(genuine.doubts(report))
        try:
            judging = Judging(
                own, kept, standing,
                accused=genuine.false_at(report, genuine.FALSE_EVENT),
                doubted=genuine.false_at(report, genuine.FALSE_ENTRY),
                verified_from=None if self._damaged else self._since,
            )  # fmt: skip
            for events in judging.run(self._end):
                self._progress("judge", events, self._position)
            self._prove(own, judging.frontier, report)
        except ReadDifferentlyError as error:
            return self._differs(error.entry, error.position)
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

    def _prove(self, own: Scratch, frontier: Frontier, report: Report) -> None:
        """That the entries judged are the first ones of the tree that was verified.

        Raises `ReadDifferentlyError` if they are not.
        """
        if is_beginning(frontier, own.connection, report):
            return
        if not self._damaged:
            raise ReadDifferentlyError(self._end - 1, self._position)
        self._gaps.append(Gap("permitted", "read_not_proved"))

    def _differs(self, entry: int, position: int) -> _Made:
        """Nothing else is said of a ledger that is one thing to verify and another to judge."""
        from ledger.audit.catalogue import raised

        self._findings.append(raised(
            "read_differently", entry=entry, position=position,
            cause="what was judged is not what was verified",
        ))  # fmt: skip
        return self._unread(position)

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
        except (sa.exc.DBAPIError, NoLedgerError, ChangedError):
            if self._asked.anew is not None:
                self._asked.anew()
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
        for first in standing.doubtful:
            self._gaps.append(Gap("permitted", "refusal_uncertain", subject=f"position:{first}"))

    def _compared(self, own: Scratch) -> Projections:
        """Step 4. With a checkpoint to begin from, what lies before it is not read again."""
        if "consistent" not in self._chapters:
            return Projections(None, "")
        if self._since:
            self._gaps.append(Gap("consistent", "tables_not_asked"))
            return Projections(None, "")
        self._progress("compare", 0, self._position)
        made = digest(own.connection, TABLES)
        whole = sha256(msgspec.json.encode(made, order="sorted")).hexdigest()
        if self._end != self._tree.head.entries:
            return Projections(None, whole)
        try:
            if not of_this_layout(self._log):
                self._gaps.append(Gap("consistent", "tables_of_another_version"))
                return Projections(None, whole)
            if digest(self._log, TABLES) == made:
                return Projections(True, whole)
        except (sa.exc.DBAPIError, TypeError, ValueError):
            pass
        self._findings += differing(self._log, own.connection)
        return Projections(False, whole)

    def _check(self, own: Scratch, judging: Judging, policy: Policy) -> None:
        """Step 5."""
        scope = Scope(
            self._log, own.connection, judging.facts, policy, self._end - 1,
            _accepted(self._log, self._end - 1), self._now, self._since, self._folder,
        )  # fmt: skip
        asked = self._asked
        if "complete" in self._chapters:
            from ledger.audit.checks import completeness

            self._take("complete", completeness.check(scope))
        if "timely" in self._chapters:
            from ledger.audit.checks import timeliness

            self._take("timely", timeliness.check(scope))
        if "consistent" in self._chapters:
            from ledger.audit.checks import redrawn, stored

            self._take("consistent", redrawn.check(scope))
            told = partial(self._progress, "check")
            self._take("consistent", stored.check(
                scope, asked.share, asked.seed, told, places=asked.places, ledger=self._ledger
            ))  # fmt: skip

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
        asked = self._asked
        only = frozenset(asked.only)
        findings = ordered(
            one
            for one in self._findings
            if not only or one.code in only | _ALWAYS or one.chapter in only
        )
        verdict = report.verdict if "genuine" in self._chapters else ""
        if any(one.code in _ALWAYS for one in findings):
            verdict = "invalid"
        policy = made.policy if made is not None else None
        accepted = _accepted(self._log, self._end - 1) if self._end else ""
        checkpoint = (report.checkpoint or "").split("\n\n")[0]
        return Replayed(
            origin=self._origin(), entries=self._end, since=self._since,
            events=self._events,
            as_of=Point(max(self._end - 1, 0), accepted),
            now=self._now,
            checkpoint=f"{checkpoint.rstrip()}\n" if checkpoint else "",
            policy=policy_used(policy), tool=Tool(VERSION, tool_digest()),
            projections=made.projections if made is not None else Projections(None, ""),
            verdict=verdict, tree=Tree(report.size, report.root),
            findings=tuple(findings), gaps=merged(self._gaps), chapters=self._chapters,
            only=tuple(sorted(only)),
            read_data=ReadData(str(asked.share), asked.seed) if asked.share else None,
            law=law_of(policy, findings),
        )  # fmt: skip

    def _origin(self) -> str:
        if self._trust is not None:
            return self._trust.name
        assert self._folder is not None
        return self._folder.pinned_key().name


class _Made(NamedTuple):
    policy: Policy | None
    projections: Projections


def chapters_of(only: Sequence[str]) -> tuple[Chapter, ...]:
    """The chapters that can give these codes and chapters, all for none.

    Raises `UsageError` for what is neither.
    """
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
                "the codes and chapters stand in docs/reference/findings.md",
            )
    return tuple(chapter for chapter in CHAPTERS if chapter in wanted)


def _size_of(note: bytes) -> int:
    try:
        return Checkpoint.parse(Note.parse(note).text).size
    except NoteError:
        raise _no_checkpoint() from None


def _no_checkpoint() -> UsageError:
    return UsageError(
        "--since names no checkpoint that the key of this ledger signed",
        "muniment checkpoint makes one; a file of another ledger says nothing about this one",
    )


def _accepted(log: Connection, entry: int) -> str:
    try:
        data = log.exec_driver_sql(
            "SELECT substr(data, 10, 24) FROM commits WHERE entry = ?", (entry,)
        ).scalar()
    except sa.exc.DBAPIError:
        return ""
    return data.decode("ascii", "replace") if isinstance(data, bytes) else ""


def _policy(judging: Judging) -> Policy | None:
    try:
        return None if judging.standing.no_policy else judging.facts.policy()
    except (MunimentError, ValueError, sa.exc.DBAPIError):
        return None


@cache
def tool_digest() -> str:
    """A SHA-256 over the source files of the three packages, as they are installed."""
    state = sha256()
    for package in (domain, program, projections):
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            name = f"{package.__name__}/{file.relative_to(folder).as_posix()}"
            state.update(f"{name} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return state.hexdigest()
