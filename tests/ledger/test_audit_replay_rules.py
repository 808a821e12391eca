"""No rule is only asked of whoever uses our client: replay hears every detail that a rule gives.

The cases are those of the tests of the rules (`tests/domain`): each act that was refused there is
put into a log as a modified client would have recorded it, and the replay has to say of it what
judging said when it was refused, and nothing of what was permitted before. The long suite takes the
first case of every detail; the fast one those of a few modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from domain import commit as judging
from domain.judging import Refusal, Statement, World
from domain.policy import Policy
from domain.values import Event
from ledger.errors import DataError
from tests.domain import books, worlds
from tests.domain.test_rules_named import details
from tests.ledger.replayed import Commit, book_judged

RULES = Path(__file__).parent.parent / "domain"
SAMPLE = ("hold",)
NOT_WRITTEN = {
    "check_named_twice", "malformed_field", "until_is_for_joint_commits", "version_gap_or_repeat",
}  # fmt: skip
"""No event, note or table holds these: decoding and storage refuse them before any rule."""
ELSEWHERE = {
    "backup_check_overdue", "backup_overdue", "drill_overdue", "no_guardian_consent",
    "no_sensitive_consent", "not_trained", "offsite_overdue", "opted_out", "suppressed",
}  # fmt: skip
"""The tests of the rules ask the gates for these, or judge an act under another pack."""
NO_PACK = {"unknown_policy_pack"}
"""Without the pack nothing is judged, and that is said."""


class Case(NamedTuple):
    """An act that was refused, with all that was recorded before it."""

    book: books.Ledger
    commit: Commit
    refusals: Sequence[Refusal]

    @property
    def kinds(self) -> frozenset[tuple[str, str]]:
        return frozenset((one.rule, one.detail) for one in self.refusals)


class Heard:
    """A plugin for pytest that remembers the first case of each detail that is refused.

    Of an opening and of what comes after it, each: what is no opening is not judged further.
    """

    def __init__(self) -> None:
        self.cases: dict[tuple[str, str, bool], Case] = {}

    def judge(
        self, world: World, policy: Policy, statement: Statement, events: Sequence[Event]
    ) -> list[Refusal]:
        found = judging.judge_commit(world, policy, statement, events)
        opens = not world.source.commits if isinstance(world.source, books.Ledger) else False
        new = {(one.rule, one.detail, opens) for one in found} - self.cases.keys()
        if new and isinstance(world.source, books.Ledger) and policy is worlds.policy():
            book = books.Ledger()
            book.commits = list(world.source.commits)
            case = Case(book, (statement, list(events)), found)
            self.cases.update(dict.fromkeys(new, case))
        return found

    def run(self, modules: Sequence[str]) -> list[Case]:
        files = [str(RULES / f"test_rules_{name}.py") for name in modules]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worlds, "judge_commit", self.judge)
            code = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *files])
        assert code == 0, "the tests of the rules fail by themselves"
        return list({id(case): case for case in self.cases.values()}.values())


def first_of(case: Case) -> int:
    """The position of the first event that was refused or stands beside one."""
    return 1 + sum(len(events) for _, events in case.book.commits)


def _replayed(cases: Sequence[Case], home: Path) -> tuple[set[str], list[str]]:
    """The details that replay heard, and what it said otherwise than the judge."""
    heard: set[str] = set()
    wrong: list[str] = []
    for number, case in enumerate(cases):
        try:
            found, standing = book_judged(case.book, home / f"{number}.db", case.commit)
        except (DataError, ValueError, sa.exc.IntegrityError):
            (home / f"{number}.db").unlink(missing_ok=True)
            continue  # no note, event or table can hold it: it is refused before any rule
        if standing.no_policy:  # without the pack nothing is judged, and that is said
            continue
        index = len(case.book.commits)
        kinds = {(one.rule, one.detail) for one in found if one.entry == index}
        before = [one for one in found if one.entry != index]
        # What cannot be folded at all (an event of a stream that nobody began) counts as unknown,
        # from there on: it is the refused commit, and it is found.
        known = standing.unknown_from in (0, first_of(case))
        if not known or before or not case.kinds <= kinds:
            wrong.append(f"{sorted(case.kinds)}: {sorted(kinds)}, {before[:1]}, {standing.unknown}")
        heard.update(detail for _, detail in kinds)
        (home / f"{number}.db").unlink()
    return heard, wrong


def test_what_a_rule_refuses_a_replay_finds(tmp_path: Path) -> None:
    cases = Heard().run(SAMPLE)
    heard, wrong = _replayed(cases, tmp_path)
    assert wrong == []
    assert {"hold_in_force", "release_needs_second_person"} <= heard


@pytest.mark.slow
def test_every_detail_of_every_rule_is_found_by_replay(tmp_path: Path) -> None:
    names = [file.stem.removeprefix("test_rules_") for file in RULES.glob("test_rules_*.py")]
    cases = Heard().run(sorted(set(names) - {"named"}))
    heard, wrong = _replayed(cases, tmp_path)
    assert wrong == []
    assert sorted(details() - heard - NOT_WRITTEN - ELSEWHERE - NO_PACK) == []
    offered = {detail for case in cases for _, detail in case.kinds}
    assert sorted(offered & ELSEWHERE - heard) == [], "an act was refused for it"
    assert sorted(details() - offered) == sorted(ELSEWHERE), "excepted, and heard of an act"
