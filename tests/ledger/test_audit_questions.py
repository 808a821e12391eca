"""An auditor asks: who could reach it, what did nobody use, what changed, what came in late.

Each is asked of real acts, and again of what the ledger was when they were done: a copy of the
database taken then, with its projections made anew, gives the answer that the whole ledger gives
as of that entry.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from msgspec import to_builtins

from domain.access import AccessDenied, RecordAccessed
from domain.actor import ActorKeyCompromised
from domain.values import later
from ledger import acts, custody, drafts, rebuild, timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.questions.changes import CHANGES, changed, changes, prefix_proof
from ledger.audit.questions.late import late
from ledger.audit.questions.reach import LIMITS, reach
from ledger.audit.questions.reported import reported_keys
from ledger.audit.questions.span import span_of
from ledger.audit.questions.unused import unused
from ledger.errors import UsageError, VerificationError
from ledger.folder import Folder
from ledger.schema import engine_for
from ledger.signing import Proposal, now
from ledger.timestamps import Times
from projections.view import id_of
from tests.ledger import tsa
from tests.ledger.bundles import ordered
from tests.ledger.crews import (  # noqa: F401  fixtures are found by their names
    AXES,
    Crew,
    Site,
    crew_template_fixture,
    ordered_hold,
)
from tests.ledger.desk import Desk
from tests.ledger.ledgers import add_person, buyer, collect_files, small_act
from tests.ledger.stamping import stamped_at

LONG_AGO, FAR = "2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"
TITLE = "保洁合同"


class Story(NamedTuple):
    """What happened to one record, by whom, and the states in between."""

    crew: Crew
    record: str
    copy: str
    clerk: str
    named: str  # a grant that names the record
    wide: str  # one that covers its category, revoked later
    idle: str  # one of something else
    granted: int  # the entry of `wide`
    revoked: int
    states: list[tuple[int, Path]]


@pytest.fixture(scope="module")
def story(crew_template: Crew, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One record's story; its ledger is only read afterwards."""
    home = tmp_path_factory.mktemp("asked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        path = home / "ledger"
        shutil.copytree(crew_template.firm.path, path)
        crew = crew_template._replace(firm=crew_template.firm._replace(path=path))
        with crew.open() as site:
            yield told(site, crew, home)


def told(site: Site, crew: Crew, home: Path) -> Story:
    ledger, wang = site.ledger, site.wang
    states: list[tuple[int, Path]] = []

    def kept() -> None:
        """A copy of the database as it is now, its projections made anew."""
        entries = ledger.seen()[0]
        target = home / f"state-{entries}.db"
        with (
            closing(sqlite3.connect(crew.firm.path / "ledger.db")) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        with closing_engine(target) as then:
            rebuild.rebuild(then)
        states.append((entries - 1, target))

    clerk = add_person(ledger, wang, wang.state.party, ("counsel",))
    record, other = site.ripe_in_vault(home / "合同", 2)
    site.backed_up(made(home / "disk"))
    copy = site.copy(record)
    kept()
    named = granting(clerk.actor, records=[record], modes=["view", "print"])
    wide = granting(clerk.actor, categories=["contract"], modes=["view"])
    idle = granting(crew.people["luo"], records=[other], modes=["view"])
    ledger.act(wang, [named])
    granted = ledger.act(wang, [wide]).entry
    ledger.act(wang, [idle])
    kept()
    ledger.act(clerk, [seen(record, copy, named.stream)])
    ledger.act(clerk, [refused(record, copy, named.stream)])
    site.keys_backed_up(made(home / "keys"))
    kept()
    revoked = ledger.act(wang, [custody.revoke_access(ledger, wide.stream, "role_ended")]).entry
    ordered(ledger, site.person("zhao"), "record", record)
    kept()
    ledger.act(wang, [acts.grant_role(clerk.actor, "supervisor")])
    hold = ordered_hold(other)
    ledger.act(wang, hold)
    ledger.act(wang, [acts.lose_holding(copy, now(), None)])
    kept()
    stolen = site.person("luo").state.active_key("act")
    assert stolen is not None
    ledger.act(wang, [Proposal(ActorKeyCompromised, crew.people["luo"], {
        "key": stolen.key.id, "suspected_since": later(now(), days=-1),
    })])  # fmt: skip
    ledger.act(wang, [small_act(5)], at=later(now(), days=-9), late_reason="offline")
    kept()
    return Story(crew, record, copy, clerk.actor, named.stream, wide.stream, idle.stream, granted,
                 revoked, states)  # fmt: skip


@contextmanager
def closing_engine(database: Path) -> Iterator[sa.Connection]:
    engine = engine_for(database)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def granting(actor: str, **terms: Any) -> Proposal:
    usual = {
        "records": [], "categories": [], "purposes": ["service_delivery"], "begins": LONG_AGO,
        "ends": FAR,
    }  # fmt: skip
    return custody.grant_access(actor, **{**usual, **terms})


def seen(record: str, copy: str, grant: str) -> Proposal:
    return Proposal(RecordAccessed, record, {
        "holding": copy, "mode": "view", "purpose": "service_delivery", "grant": grant,
        "outcome": "allowed", "intact": True,
    }, {"ticket": "T-17"})  # fmt: skip


def refused(record: str, copy: str, grant: str) -> Proposal:
    return Proposal(AccessDenied, record, {
        "holding": copy, "mode": "export", "purpose": "service_delivery", "grant": grant,
        "rule": "grant_does_not_cover_mode",
    })  # fmt: skip


@contextmanager
def reading(story: Story) -> Iterator[sa.Connection]:
    engine = engine_for(story.crew.firm.path / "ledger.db", read_only=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(connection: sa.Connection, story: Story, *kinds: str, **more: Any) -> list[dict[str, Any]]:
    found = reach(connection, more.pop("about", story.record), LONG_AGO, FAR, **more).rows
    return [row for row in found if not kinds or row["kind"] in kinds]


# -- who had or could have had access -----------------------------------------------------------


def test_whoever_accessed_or_tried_is_named_with_the_event(story: Story) -> None:
    with reading(story) as connection:
        accessed, denied = rows(connection, story, "accessed", "denied")
    assert (accessed["actor"], accessed["via"]) == (story.clerk, story.named)
    assert accessed["from"] == accessed["until"]
    assert accessed["evidence"][0].startswith(f"{story.record}/")
    assert (denied["actor"], denied["why"]) == (story.clerk, "grant_does_not_cover_mode")


def test_a_grant_counts_from_its_beginning_to_its_revocation(story: Story) -> None:
    with reading(story) as connection:
        may = {row["via"]: row for row in rows(connection, story, "may")}
        times = [connection.exec_driver_sql(
            "SELECT substr(data, 10, 24) FROM commits WHERE entry = ?", (entry,)
        ).scalar_one().decode() for entry in (story.granted, story.revoked)]  # fmt: skip
    assert set(may) == {story.named, story.wide}, "what is granted of something else is not said"
    assert (may[story.wide]["from"], may[story.wide]["until"]) == tuple(times)
    assert may[story.wide]["why"] == "grant_revoked"
    assert len(may[story.wide]["evidence"]) == 2
    assert may[story.named]["until"] == FAR
    assert (may[story.named]["used"], may[story.wide]["used"]) == (1, 0)
    assert may[story.named]["by"] == story.crew.firm.founded.actor


def test_before_the_grant_and_after_its_revocation_nobody_may(story: Story) -> None:
    with reading(story) as connection:
        every = rows(connection, story, "may")
        begins = min(row["from"] for row in every)
        ends = next(row["until"] for row in every if row["via"] == story.wide)
        before = reach(connection, story.record, LONG_AGO, begins).rows
        after = reach(connection, story.record, ends, FAR).rows
    assert not [row for row in before if row["kind"] == "may"]
    assert [row["via"] for row in after if row["kind"] == "may"] == [story.named]


def test_keepers_their_people_copies_of_keys_and_evidence_are_named(story: Story) -> None:
    party = story.crew.firm.founded.party
    with reading(story) as connection:
        found = rows(connection, story)
    keeps = [row for row in found if row["kind"] == "keeps"]
    assert {row["party"] for row in keeps} == {party}
    lost = [row for row in keeps if row["holding"] == story.copy]
    assert lost
    assert all(row["until"] is not None for row in lost), "what is lost is kept no longer"
    holders = {row["actor"] for row in found if row["kind"] == "keyholder"}
    assert holders == {story.crew.firm.founded.actor}
    assert {row["why"] for row in found if row["kind"] == "keycopy"} >= {"backup_copy"}
    (shown,) = (row for row in found if row["kind"] == "evidence")
    assert (shown["why"], shown["until"]) == ("court", None)
    assert shown["evidence"][0].startswith("bundle-")


def test_of_a_copy_only_what_concerns_this_copy(story: Story) -> None:
    with reading(story) as connection:
        found = rows(connection, story, "keeps", about=story.copy)
        elsewhere = rows(connection, story, "keeps")
    assert {row["holding"] for row in found} == {story.copy}
    assert len(elsewhere) >= len(found)


def test_of_a_deal_what_was_granted_and_accessed_under_it(story: Story) -> None:
    with reading(story) as connection:
        engagement = rows_of(connection, "SELECT DISTINCT engagement FROM grants")[0][0]
        found = rows(connection, story, about=id_of("engagement", engagement))
    assert {row["via"] for row in found if row["kind"] == "may"} == {
        story.named,
        story.wide,
        story.idle,
    }
    assert sum(row["kind"] == "accessed" for row in found) == 1


def rows_of(connection: sa.Connection, sql: str) -> Sequence[Any]:
    return connection.exec_driver_sql(sql).all()


# -- as of then ---------------------------------------------------------------------------------

Asked = Callable[[sa.Connection, Story, int | None], Any]
QUESTIONS: dict[str, Asked] = {
    "record": lambda c, s, e: reach(c, s.record, LONG_AGO, FAR, entry=e).rows,
    "copy": lambda c, s, e: reach(c, s.copy, LONG_AGO, FAR, entry=e).rows,
    "unused": lambda c, s, e: unused(c, span_of(c, LONG_AGO, FAR, e)),
    "late": lambda c, s, e: late(c, span_of(c, LONG_AGO, FAR, e), least_seconds=0),
    "reported": lambda c, s, e: to_builtins(reported_keys(c, Times(c, "ledger-" + s.record[7:], []),
                                                          entry=e)),
}  # fmt: skip


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_what_came_later_changes_no_answer_as_of_then(story: Story, question: str) -> None:
    """A copy taken then, its projections made anew, against the whole ledger as of that entry."""
    ask = QUESTIONS[question]
    answers = []
    for entry, database in story.states:
        with closing_engine(database) as then:
            fresh = ask(then, story, None)
        with reading(story) as connection:
            assert ask(connection, story, entry) == fresh, (question, entry)
        answers.append(fresh)
    assert len({repr(answer) for answer in answers}) > 1


def test_an_answer_is_the_same_whenever_it_is_asked(story: Story) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    with reading(story) as connection:
        last = rows_of(connection, "SELECT entries FROM head")[0][0] - 1
        for _ in range(5):
            entry = dice.randrange(story.granted, last + 1)
            first = reach(connection, story.record, LONG_AGO, FAR, entry=entry)
            assert first == reach(connection, story.record, LONG_AGO, FAR, entry=entry)


# -- permissions that nobody used ---------------------------------------------------------------


def test_what_nobody_used_is_named_with_its_last_use(story: Story) -> None:
    with reading(story) as connection:
        found = unused(connection, span_of(connection, LONG_AGO, FAR))
        later_on = unused(connection, span_of(connection, now(), FAR))
    grants = {row["id"] for row in found if row["kind"] == "grant"}
    assert grants == {story.wide, story.idle}
    modes = [(row["id"], row["what"]) for row in found if row["kind"] == "grant_mode"]
    assert modes == [(story.named, "print")]
    idle = {(row["actor"], row["what"]) for row in found if row["kind"] == "role"}
    assert (story.crew.people["luo"], "reviewer") in idle
    assert (story.crew.firm.founded.actor, "administrator") not in idle
    unsigned = {row["actor"] for row in found if row["kind"] == "key"}
    assert story.clerk not in unsigned
    assert story.crew.people["luo"] in unsigned
    founder = story.crew.firm.founded.actor
    since_then = {(row["kind"], row["actor"], row["what"]) for row in later_on}
    assert ("role", founder, "administrator") in since_then, "used, but not in this span"
    assert founder in {row["actor"] for row in later_on if row["kind"] == "key"}
    (named,) = (row for row in later_on if row["id"] == story.named)
    assert named["last_use"] is not None
    assert named["last_use"] < now()


# -- what changed -------------------------------------------------------------------------------


def test_what_changed_between_two_states_begins_with_a_proof(story: Story) -> None:
    with reading(story) as connection:
        last = rows_of(connection, "SELECT entries FROM head")[0][0]
        found = changes(connection, story.granted, last)
        nothing = changes(connection, last, last)
        objects = list(changed(connection, story.granted, last))
        assert list(changed(connection, last, last)) == []
    assert found.events == sum(found.by_type.values())
    assert (found.entries, nothing.entries, nothing.counts) == (last - story.granted, 0, {})
    assert found.proof
    told_of = {(row["aggregate"], row["change"], row["id"]) for row in objects}
    assert ("grant", "added", story.wide) in told_of
    assert ("grant", "ended", story.wide) in told_of
    assert ("holding", "ended", story.copy) in told_of
    assert ("role", "added", f"{story.clerk} supervisor") in told_of
    assert found.counts["hold"]["added"] == 1
    assert found.before["root"] != found.after["root"]
    assert all(row["events"] and row["first_position"] <= row["last_position"] for row in objects)
    begin, end = found.before["events"], found.after["events"]
    assert all(begin < row["first_position"] and row["last_position"] <= end for row in objects)


def test_changes_are_counted_as_they_are_listed(story: Story) -> None:
    """Counted by the database, listed one by one: between any two states the same."""
    with reading(story) as connection:
        last = rows_of(connection, "SELECT entries FROM head")[0][0]
        for old, new in ((0, last), (0, story.granted), (story.granted, last), (last - 2, last)):
            objects = list(changed(connection, old, new))
            counts: dict[str, dict[str, int]] = {}
            for row in objects:
                of = counts.setdefault(row["aggregate"], {"added": 0, "changed": 0, "ended": 0})
                of[row["change"]] += 1
            assert changes(connection, old, new).counts == counts
            places = [
                (row["aggregate"], CHANGES.index(row["change"]), row["id"]) for row in objects
            ]
            assert places == sorted(set(places))


def test_changes_are_as_of_the_second_state_whatever_came_later(story: Story) -> None:
    (first, _), *others = story.states
    for entry, database in others:
        with closing_engine(database) as then:
            fresh = changes(then, first + 1, entry + 1)
            objects = list(changed(then, first + 1, entry + 1))
        with reading(story) as connection:
            assert changes(connection, first + 1, entry + 1) == fresh
            assert list(changed(connection, first + 1, entry + 1)) == objects


def test_states_of_a_fork_are_refused(story: Story) -> None:
    with reading(story) as connection:
        last = rows_of(connection, "SELECT entries FROM head")[0][0]
        with pytest.raises(VerificationError, match="forks between"):
            prefix_proof(connection, 5, last, old_root=bytes(32))
        with pytest.raises(UsageError, match="earlier than the first"):
            changes(connection, last, 5)
        with pytest.raises(UsageError, match="earlier than the first"):
            changed(connection, last, 5)


# -- late ---------------------------------------------------------------------------------------


def test_what_was_entered_late_is_told_with_its_reason_and_law(
    ledger: Ledger, admin: Acting
) -> None:
    long_before = later(now(), days=-9)
    ledger.act(admin, [small_act(1)])
    ledger.act(admin, [small_act(2)], at=long_before, late_reason="offline")
    with ledger.engine.connect() as connection:
        span = span_of(connection, LONG_AGO, FAR)
        (found,) = late(connection, span)
        assert late(connection, span_of(connection, LONG_AGO, long_before)) == []
        everything = late(connection, span, least_seconds=9 * 86_400 - 5)
        by = found["late_seconds"]
        asked = {least: late(connection, span, least_seconds=least)
                 for least in (by, by + 1, 10**14)}  # fmt: skip
        said_before = late(connection, span, least_seconds=0)
    assert everything == [found]
    assert asked == {by: [found], by + 1: [], 10**14: []}
    assert found in said_before
    assert all(row["claimed"] < row["accepted"] for row in said_before)
    assert (found["reason"], found["claimed"], found["rule"]) == ("offline", long_before, "I-04")
    assert 9 * 86_400 - 5 <= found["late_seconds"] <= 9 * 86_400 + 60
    assert found["law"]
    assert found["law"][0]["statute"]


def test_gathering_signatures_is_no_lateness(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (found,) = collect_files(ledger, admin, tmp_path / "files")
    ledger.act(admin, [acts.classify(ledger, found.record, AXES, "常规合同")])
    lower = acts.classify(ledger, found.record, {**AXES, "level": "general_1"}, "降级")
    events, texts = ledger.build(admin, [lower], at=later(now(), days=-3))
    draft = drafts.make_draft(ledger, admin, events, texts, [(second_person.actor, "approver")])
    drafts.submit(ledger, drafts.add_signature(draft, second_person.key))
    with ledger.engine.connect() as connection:
        span = span_of(connection, LONG_AGO, FAR)
        assert late(connection, span) == []
        (row,) = late(connection, span, least_seconds=86_400)
    assert row["event"] == events[0].id


# -- keys that were reported --------------------------------------------------------------------


def test_acts_under_a_reported_key_are_disputed_unless_stamped_before(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tsa")
    _stamping, root = tsa.authority(folder)
    early = ledger.act(second_person, [small_act(1)]).entry
    stamped_at(ledger, admin, root, "20260102030405Z", folder)
    lost = ledger.act(second_person, [small_act(2)]).entry
    stamped_at(ledger, admin, root, "20260702030405Z", folder)  # covers `lost`, and too late
    key = second_person.state.active_key("act")
    assert key is not None
    since = "2026-06-01T00:00:00.000Z"
    ledger.act(admin, [Proposal(ActorKeyCompromised, second_person.actor, {
        "key": key.key.id, "suspected_since": since,
    })])  # fmt: skip
    with ledger.engine.connect() as connection:
        (found,) = reported_keys(connection, Times(connection, ledger.ledger_id, [root.der]))
        (alone,) = reported_keys(connection, Times(connection, ledger.ledger_id, []))
        before = reported_keys(connection, Times(connection, ledger.ledger_id, []), entry=lost)
    standing = {act["entry"]: act["standing"] for act in found.acts}
    assert (standing[early], standing[lost]) == ("valid", "disputed")
    assert all(act["anchored_before"] for act in found.acts if act["entry"] <= lost)
    assert {act["standing"] for act in alone.acts} == {"disputed"}
    assert (found.holder, found.suspected_since) == (second_person.actor, since)
    assert before == []
    assert timestamps.Times is Times


# -- at the desk --------------------------------------------------------------------------------


@pytest.fixture
def asked(desk: Desk) -> str:
    record = desk.collect(text="甲方: 王小明")
    desk.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    desk.did("access", "grant", "--actor", desk.reviewer, "--record", record, "--mode", "view",
             "--purpose", "service_delivery", "--from", "2020-01-01T00:00:00Z", "--until",
             "2099-01-01T00:00:00Z")  # fmt: skip
    return record


def test_the_questions_are_answered_in_both_languages_and_as_json(desk: Desk, asked: str) -> None:
    page = desk.did("audit", "access", asked)
    for words in ("was permitted to", "could by position", "李审核", "kept a copy"):
        assert words in page
    chinese = desk.did("--lang", "zh", "audit", "access", asked)
    assert "李审核" in chinese
    found = desk.json("audit", "access", asked)
    assert (found["object"], found["limits"]) == (asked, list(LIMITS))
    assert TITLE not in str(found)
    assert "李审核" not in str(found), "machines get ids"
    again = desk.json("audit", "access", asked, "--until", found["period_to"])
    assert again["rows"] == found["rows"]
    idle = desk.json("audit", "unused")
    assert asked not in str(idle)
    assert {row["kind"] for row in idle} >= {"grant", "role"}
    assert desk.json("audit", "late") == []
    assert desk.json("audit", "reported-keys") == []
    between = desk.json("audit", "changes", "position:1")
    assert between["by_type"]["record.collected"] == 1
    assert "consistency" not in desk.did("audit", "changes", "position:1", "--objects")
    assert "prefix of the second" in desk.did("audit", "changes", "position:1")


def test_a_checkpoint_of_another_history_is_refused(desk: Desk, asked: str, tmp_path: Path) -> None:
    assert asked
    note = tmp_path / "head.note"
    note.write_text(desk.did("checkpoint"))
    assert desk.json("audit", "changes", f"checkpoint:{note}")["entries"] == 0
    other = tmp_path / "other.note"
    other.write_text(note.read_text().replace("jiejing", "jiejinq"))
    desk.error("audit", "changes", f"checkpoint:{other}", code=3)


def test_what_cannot_be_asked_is_said(desk: Desk, asked: str) -> None:
    assert desk.run("audit", "access", "no-such").exit_code == 2
    assert desk.run("audit", "late", "--by", "many").exit_code == 2
    assert desk.run("audit", "access", asked, "--from", FAR, "--until", LONG_AGO).exit_code == 2


def test_a_person_of_another_firm_is_named_with_it(ledger: Ledger, admin: Acting) -> None:
    """Whose people they are is part of the answer."""
    proposal = buyer()
    ledger.act(admin, [proposal])
    stranger = add_person(ledger, admin, proposal.stream, ("buyer_handler",))
    with ledger.engine.connect() as connection:
        found = unused(connection, span_of(connection, LONG_AGO, FAR))
    assert stranger.actor in {row["actor"] for row in found}


# -- by index -----------------------------------------------------------------------------------


def test_questions_about_one_record_walk_no_table(story: Story) -> None:
    """No SCAN of anything that grows with the ledger; grants and copies of keys are few."""
    statements: list[tuple[str, Any]] = []
    engine = engine_for(story.crew.firm.path / "ledger.db", read_only=True)

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        statements.append((statement, values))

    sa.event.listen(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        reach(connection, story.record, LONG_AGO, FAR)
    plans = []
    with closing(sqlite3.connect(story.crew.firm.path / "ledger.db")) as plain:
        for statement, values in statements:
            found = plain.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans += [(row[3], statement) for row in found]
    engine.dispose()
    few = ("grants", "key_copies", "bundles", "roles", "head", "CONSTANT", "(", "actors", "backups")
    walked = [
        (plan, statement) for plan, statement in plans
        if plan.startswith("SCAN") and not plan.removeprefix("SCAN ").startswith(few)
    ]  # fmt: skip
    assert walked == []
    assert len(statements) < 120
    assert Folder(story.crew.firm.path).exists
