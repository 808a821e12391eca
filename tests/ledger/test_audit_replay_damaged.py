"""Whatever is wrong with a database, a replay ends with an answer: findings, gaps, never a fault.

And what it says is fair: nobody is accused of what only the damage makes look forbidden.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from domain.values import later
from ledger.audit.outcome import Replayed, read_replayed
from ledger.audit.replay import Asked, replay
from ledger.cli import muniment
from ledger.errors import NoLedgerError, UsageError
from ledger.folder import Folder
from ledger.signing import now
from tests.ledger.audited import replayed
from tests.ledger.desk import Desk
from tests.ledger.hurting import Hurt, blots, cuts, hurt, hurts, put
from tests.ledger.ledgers import Firm
from tests.ledger.replayed import NOW, audited, not_permitted
from tests.ledger.sales import Sale
from tests.ledger.tampering import act, busy, busy_template, hand_in, value  # noqa: F401  fixtures


def codes(found: Replayed) -> set[str]:
    return {one.code for one in found.findings}


def gaps(found: Replayed) -> set[str]:
    return {gap.code for gap in found.gaps}


def sql(firm: Firm, *statements: str) -> None:
    """What a keeper does who puts the triggers back."""
    with hand_in(firm.path / "ledger.db") as connection:
        for statement in statements:
            connection.execute(statement)


def run(firm: Firm, *arguments: str) -> Result:
    return CliRunner().invoke(muniment, ["-L", str(firm.path), "audit", "replay", *arguments])


UNVOUCHED = ("tokens", "subject_tokens", "subject_places", "subject_coverage")
"""Rows that are erased with people: no event says what is in them (`test_people_vouched`)."""


# -- any damage ---------------------------------------------------------------------------------


def looked(firm: Firm, name: object, *, copy: bool = False) -> Replayed:
    """A replay of what is left: an answer that can be written and read again."""
    database = firm.path / "ledger.db"
    if copy:
        found = replay(database, Folder(firm.path).pinned_key(), Asked(NOW))
    else:
        found = audited(firm.path)
    assert read_replayed(found.json()) == found, name
    return found


def is_told(found: Replayed) -> bool:
    """Whether anything but missing duties was found."""
    return any(
        one.severity != "note" and one.chapter in ("genuine", "permitted", "consistent")
        for one in found.findings
    )


def drawing(request: pytest.FixtureRequest) -> random.Random:
    seed = request.config.getoption("randomly_seed", 20261122)
    print("seed", seed)
    return random.Random(f"{seed} {request.node.name}")


@pytest.mark.parametrize(
    "count", [pytest.param(1000, marks=pytest.mark.slow, id="many"), pytest.param(12, id="some")]
)
def test_any_value_in_any_column_is_found(
    busy: Firm,  # noqa: F811
    count: int,
    request: pytest.FixtureRequest,
) -> None:
    """NULL, nothing, another type, noise: in one row or in all, with the triggers put back."""
    draw, database = drawing(request), busy.path / "ledger.db"
    good, whole = database.read_bytes(), audited(busy.path).json()
    everywhere = [one for one in hurts(database) if one.table not in UNVOUCHED]
    assert len(everywhere) > 1000
    done = 0
    for one in draw.sample(everywhere, len(everywhere)):
        put(database, good)
        if hurt(database, one, draw):
            found = looked(busy, one, copy=bool(done % 2))
            assert is_told(found) or found.json() == whole, one
            done += 1
        if done == count:
            return


@pytest.mark.parametrize(
    "column",
    ["events.state", "events.stream", "events.topic", "commits.data", "head.edge", "head.entries",
     "checkpoints.note", "sealed.ciphertext", "signers.holder", "inventory.holding",
     "commits.leaves", "commits.count"],
)  # fmt: skip
def test_a_missing_value_is_found(busy: Firm, column: str) -> None:  # noqa: F811
    table, _, name = column.partition(".")
    assert hurt(busy.path / "ledger.db", Hurt(table, name, None, "null"), random.Random(1))
    assert is_told(looked(busy, column))


def test_a_file_that_is_not_whole_is_found_with_a_result(busy: Firm) -> None:  # noqa: F811
    database, whole = busy.path / "ledger.db", audited(busy.path)
    for name, data in cuts(database.read_bytes()):
        put(database, data)
        for copy in (False, True):
            found = looked(busy, name, copy=copy)
            assert is_told(found), name
            if name not in ("last 1 cut off", "last 5000 cut off"):  # the last page is there
                assert "database_damaged" in codes(found), name
            assert found.exit_code == 3, name
            assert gaps(found) - gaps(whole), f"what could not be judged: {name}"


@pytest.mark.parametrize(
    "count", [pytest.param(200, marks=pytest.mark.slow, id="many"), pytest.param(6, id="some")]
)
def test_a_blot_is_found_or_changes_no_answer(
    busy: Firm,  # noqa: F811
    count: int,
    request: pytest.FixtureRequest,
) -> None:
    database = busy.path / "ledger.db"
    good, whole = database.read_bytes(), audited(busy.path).json()
    for name, data in blots(good, drawing(request), count):
        put(database, data)
        found = looked(busy, name)
        assert is_told(found) or found.json() == whole, name


def test_the_command_ends_with_3_and_a_result(busy: Firm) -> None:  # noqa: F811
    database = busy.path / "ledger.db"
    database.write_bytes(bytes(4096) + database.read_bytes()[4096:])
    told = run(busy, "--json", "--now", NOW)
    assert told.exit_code == 3, told.output
    assert "database_damaged" in codes(read_replayed(told.stdout_bytes))


def test_a_file_that_is_no_ledger_is_not_called_one(busy: Firm, tmp_path: Path) -> None:  # noqa: F811
    other = tmp_path / "notes.txt"
    other.write_text("no database", "utf-8")
    key = Folder(busy.path).pinned_key()
    found = replay(other, key, Asked(NOW))
    assert codes(found) == {"database_damaged"}
    assert "ledger.db" not in found.json().decode()
    with pytest.raises(NoLedgerError, match="no gone"):
        replay(tmp_path / "gone.db", key, Asked(NOW))


# -- the head -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", ["entries = 40", "entries = 3", "events = 4", "entries = 1 << 40", "entries = 0",
             "edge = x''", "root = x'00'"]
)  # fmt: skip
def test_a_false_head_hides_no_entry(busy: Firm, said: str) -> None:  # noqa: F811
    whole = audited(busy.path)
    sql(busy, f"UPDATE head SET {said}")
    found = audited(busy.path)
    assert codes(found) & {"head_changed", "entry_missing"}
    assert (found.entries, found.events) == (whole.entries, whole.events), "all were judged"
    assert not not_permitted(found)


def test_what_comes_after_a_far_entry_is_not_waited_for(busy: Firm) -> None:  # noqa: F811
    """An entry moved out to where no replay would ever come by counting."""
    sql(busy, "UPDATE commits SET entry = 1 << 60 WHERE entry = (SELECT max(entry) FROM commits)")
    assert is_told(audited(busy.path))


# -- what a copy alone cannot tell ---------------------------------------------------------------


def test_a_ledger_without_any_signed_state_says_so(busy: Firm) -> None:  # noqa: F811
    with busy.open() as ledger:
        ledger.sign_checkpoint()
    assert "no_signed_state" not in codes(audited(busy.path))
    sql(busy, "DELETE FROM checkpoints")
    found = audited(busy.path)
    (one,) = [one for one in found.findings if one.code == "no_signed_state"]
    assert (one.severity, one.position, one.entry) == ("note", 1, 0)
    assert one.actual == str(found.entries)


def test_rows_that_no_event_vouches_for_are_said_to_be_so(busy: Firm) -> None:  # noqa: F811
    (gap,) = [gap for gap in audited(busy.path).gaps if gap.code == "not_vouched"]
    assert gap.subject == "tokens"
    assert "may be recorded twice" in run(busy, "--lang", "en", "--only", "consistent").stdout


# -- nobody is accused of damage ------------------------------------------------------------------


def test_an_act_is_not_accused_because_what_it_rests_on_was_damaged(sale: Sale) -> None:
    """The paper that a non-disclosure agreement names is in another stream than its own."""
    sale.open()
    document = sale.keep_secret()
    with hand_in(sale.firm.path / "ledger.db") as connection:
        attached = value(
            connection, "SELECT position FROM events WHERE topic = 'document.attached' "
            "AND instr(state, ?) > 0", document.encode(),
        )  # fmt: skip
        connection.execute(
            "UPDATE events SET state = CAST(replace(state, '\"nda\"', '\"ndb\"') AS BLOB) "
            "WHERE position = ?", (attached,)
        )  # fmt: skip
    found = audited(sale.firm.path)
    assert ("event_changed", attached) in {(one.code, one.position) for one in found.findings}
    assert not not_permitted(found), "the agreement was permitted when it was signed"
    assert {"not_judged", "refusal_uncertain"} <= gaps(found)
    (doubt,) = [gap.subject for gap in found.gaps if gap.code == "refusal_uncertain"]
    assert int(doubt.removeprefix("position:")) > attached


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.slow, id="every"), pytest.param(5, id="some")]
)
def test_no_changed_event_makes_another_act_look_forbidden(
    busy: Firm,  # noqa: F811
    step: int,
    request: pytest.FixtureRequest,
) -> None:
    draw, database = drawing(request), busy.path / "ledger.db"
    good = database.read_bytes()
    for position in range(1, audited(busy.path).events + 1, step):
        put(database, good)
        with hand_in(database) as connection:
            query = "SELECT state FROM events WHERE position = ?"
            state = bytearray(value(connection, query, position))
            state[draw.randrange(len(state))] ^= 1
            connection.execute(
                "UPDATE events SET state = ? WHERE position = ?", (bytes(state), position)
            )
        found = audited(busy.path)
        assert is_told(found), position
        assert not not_permitted(found), position


# -- what is asked for -----------------------------------------------------------------------------


def test_as_of_a_time_judges_what_was_overdue_by_then(desk: Desk) -> None:
    desk.collect()
    later_on = later(now(), days=20)
    known = replayed(desk.firm.path, 30, as_of=later_on)
    assert known.now == later_on
    assert "never_backed_up" in codes(known)
    early = replayed(desk.firm.path, 30, as_of=later(now(), days=2))
    assert "never_backed_up" not in codes(early)
    last = replayed(desk.firm.path, 30, as_of="position:5")
    assert last.now == last.as_of.accepted, "a position has the time of its entry"


def test_a_time_that_has_not_come_yet_is_not_asked_for(desk: Desk) -> None:
    with pytest.raises(UsageError, match="not come yet"):
        replayed(desk.firm.path, 0, as_of=later(now(), days=2))
    told = run(desk.firm, "--as-of", "2999-01-01T00:00:00Z")
    assert told.exit_code == 2
    assert "--as-of" in told.output


def test_now_is_not_before_the_last_entry(desk: Desk) -> None:
    told = run(desk.firm, "--now", "2020-01-01T00:00:00Z")
    assert told.exit_code == 2, told.output
    assert "--now" in told.output
    assert run(desk.firm, "--only", "permitted").exit_code == 0


def test_a_file_that_is_there_is_not_written_over(desk: Desk) -> None:
    secret = desk.home / "passphrase"
    secret.write_text("correct horse", "utf-8")
    told = run(desk.firm, "--out", str(secret))
    assert told.exit_code == 2
    assert secret.read_text("utf-8") == "correct horse"
    assert "ledger" not in told.stdout, "before anything was replayed"


@pytest.mark.parametrize("text", ["", "no note", "another"])
def test_since_a_file_that_is_no_checkpoint_is_a_usage_error(desk: Desk, text: str) -> None:
    file = desk.home / "wrong.txt"
    with desk.firm.open() as ledger:
        good = ledger.sign_checkpoint()
    file.write_bytes(good.replace(b"ledger", b"legder") if text == "another" else text.encode())
    told = run(desk.firm, "--since", str(file), "--lang", "en")
    assert told.exit_code == 2, told.output
    assert "--since" in told.output
    assert "muniment checkpoint" in told.output


def test_a_file_is_no_folder_to_keep_a_replay_in(desk: Desk) -> None:
    file = desk.home / "file"
    file.write_bytes(b"")
    for keep in (file, file / "inside"):
        told = run(desk.firm, "--keep", str(keep), "--lang", "en")
        assert told.exit_code == 2, told.output
        assert "--keep names a file" in told.output


def test_since_a_checkpoint_every_standing_duty_is_told_again(desk: Desk) -> None:
    """What somebody did untrained before the checkpoint is still a duty that was missed."""
    desk.collect()
    with desk.firm.open() as ledger:
        since = ledger.sign_checkpoint()
    act(desk.firm, 1)
    whole, more = replayed(desk.firm.path, 30), replayed(desk.firm.path, 30, since=since)
    standing = [one for one in whole.findings if one.chapter in ("complete", "consistent")]
    again = [one for one in more.findings if one.chapter in ("complete", "consistent")]
    assert again == standing
    assert "never_backed_up" in codes(more)
