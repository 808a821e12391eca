"""`--as-of`: what the desk would have been told then, asked today."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from domain.values import later
from ledger.application import Ledger
from ledger.asof import moment
from ledger.errors import UsageError, VerificationError
from ledger.facts import LedgerFacts
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm, buyer, small_act

AXES = ("--category", "contract", "--level", "general_3", "--sensitivity", "general_pi")


def worked_on(desk: Desk, seen: Callable[[str], None]) -> str:
    """A record from collection to the archive; `seen` is told of it after every act."""
    record = desk.collect()
    seen(record)
    desk.did("review", record, "--as", desk.reviewer)
    seen(record)
    copy = desk.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                     "--medium", "paper_copy")["holding"]  # fmt: skip
    desk.did("classify", record, *AXES)
    seen(record)
    desk.did("holding", "move", copy, "--departed", "2026-01-01T08:00Z", "--arrived",
             "2026-01-01T09:00Z", "--to", "五号柜")  # fmt: skip
    desk.did("role", "revoke", desk.reviewer, "approver")
    desk.did("party", "register", "--name", "买方公司", "--party-role", "buyer")
    seen(record)
    desk.did("holding", "lost", copy, "--discovered", "2026-02-01T08:00Z")
    desk.did("key", "rotate")
    desk.collect("另.txt", "乙方")
    seen(record)
    return record


def questions(desk: Desk, record: str) -> list[tuple[str, ...]]:
    holding = desk.json("inventory")[0]["holding"]
    return [
        ("inventory",),
        ("inventory", "--category", "contract", "--state", "classified"),
        ("inventory", "--counts"),
        ("history", record),
        ("show", record),
        ("show", f"{record}/1"),
        ("holding", "list"),
        ("holding", "list", "--record", record, "--state", "present"),
        ("holding", "show", holding),
        ("party", "list"),
        ("party", "show", desk.firm.founded.party),
        ("actor", "list"),
        ("actor", "show", desk.reviewer),
        ("role", "list"),
        ("role", "list", desk.reviewer),
        ("key", "list"),
        ("key", "list", "--actor", desk.founder),
        ("status",),
    ]


def test_every_question_is_answered_as_it_was_answered_then(desk: Desk) -> None:
    told: list[tuple[int, Path, dict[tuple[str, ...], str]]] = []

    def seen(record: str) -> None:
        note = desk.home / f"{len(told)}.note"
        note.write_text(desk.did("checkpoint"))
        answers = {q: desk.did(*q, "--json") for q in questions(desk, record)}
        told.append((desk.json("status")["events"], note, answers))

    worked_on(desk, seen)
    assert len({answers["status",] for _, _, answers in told}) == len(told)
    for position, note, answers in told:
        for question, answer in answers.items():
            asked = desk.did(*question, "--json", "--as-of", f"position:{position}")
            assert asked == answer, question
        assert desk.did("status", "--json", "--as-of", f"checkpoint:{note}") == answers["status",]


def test_the_place_of_a_copy_is_the_one_it_had_then(desk: Desk) -> None:
    record = desk.collect()
    copy = desk.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                     "--medium", "paper_copy")["holding"]  # fmt: skip
    then = desk.json("status")["events"]
    desk.did("holding", "move", copy, "--departed", "2026-01-01T08:00Z", "--arrived",
             "2026-01-01T09:00Z", "--to", "五号柜")  # fmt: skip
    assert desk.json("holding", "show", copy)["location"] == "五号柜"
    was = desk.json("holding", "show", copy, "--as-of", f"position:{then}")
    assert was["location"] == "三号柜"


def test_the_state_shown_is_named_on_standard_error_only(desk: Desk) -> None:
    desk.collect()
    result = desk.run("inventory", "--counts", "--as-of", "position:1", "--lang", "en")
    assert "As of entry 0, accepted " in result.stderr
    assert "As of" not in result.stdout
    assert "As of" not in desk.run("status", "-q", "--as-of", "position:1").stderr
    assert "As of" not in desk.run("status").stderr


@pytest.mark.parametrize(
    "question", [["history"], ["show"], ["holding", "show"], ["party", "show"], ["actor", "show"]]
)
def test_what_came_later_was_not_there_yet(desk: Desk, question: list[str]) -> None:
    party = desk.json("party", "register", "--name", "买方公司", "--party-role", "buyer")["party"]
    record = desk.collect()
    holding = desk.json("inventory")[0]["holding"]
    asked = {"holding": holding, "party": party, "actor": desk.reviewer}.get(question[0], record)
    said = desk.error(*question, asked, "--as-of", "position:1", code=2)
    assert "not in the ledger yet" in said["message"]
    desk.did(*question, asked)


# -- which entry is meant ---------------------------------------------------------------------


@pytest.fixture
def accepted(ledger: Ledger, firm: Firm) -> list[str]:
    """The accepted time of every entry of a ledger of a dozen; some entries of several events."""
    acting = ledger.acting(firm.founded.actor)
    for number in range(5):
        ledger.act(acting, [buyer(), buyer(), buyer()])
        ledger.act(acting, [small_act(number)])
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT data FROM commits ORDER BY entry").scalars()
        return [bytes(row)[9:33].decode() for row in rows]


def moved(time: str, milliseconds: int) -> str:
    """A time moved by less than a second."""
    millis = int(time[20:23]) + milliseconds
    return f"{later(time, seconds=millis // 1000)[:20]}{millis % 1000:03d}Z"


def test_a_time_means_the_last_entry_accepted_by_then(ledger: Ledger, accepted: list[str]) -> None:
    times = {time for known in accepted for time in (known, moved(known, 1), moved(known, -1))}
    for time in sorted(times | {later(accepted[-1], days=900)}):
        expected = sum(known <= time for known in accepted) - 1
        if expected < 0:
            with pytest.raises(UsageError, match="no entry yet"):
                moment(ledger, time)
        else:
            found = moment(ledger, time)
            assert (found.entry, found.accepted) == (expected, accepted[expected]), time


def test_a_time_may_have_any_offset_and_any_fraction(ledger: Ledger, accepted: list[str]) -> None:
    utc, entry = accepted[-1], moment(ledger, accepted[-1]).entry
    local = later(utc, hours=8).removesuffix("Z")
    assert moment(ledger, f"{local}+08:00").entry == entry
    assert moment(ledger, f"{local}999999+08:00").entry == entry, "cut, never rounded up"
    assert moment(ledger, utc.lower()).entry == entry
    following = later(utc, seconds=1)[:19]
    assert moment(ledger, f"{following}Z").entry == entry
    earlier = [e for e, known in enumerate(accepted) if known <= f"{utc[:19]}.000Z"]
    if earlier:
        assert moment(ledger, f"{utc[:19]}Z").entry == earlier[-1]


def test_a_position_means_the_whole_entry_that_holds_it(
    ledger: Ledger, accepted: list[str]
) -> None:
    with ledger.engine.connect() as connection:
        commits = connection.exec_driver_sql("SELECT entry, first, count FROM commits").all()
    assert max(count for _, _, count in commits) > 3
    for entry, first, count in commits:
        for position in range(first, first + count):
            found = moment(ledger, f"position:{position}")
            assert found == (entry, accepted[entry], first + count - 1)


def test_the_entry_of_a_time_is_found_without_reading_them_all(
    ledger: Ledger, accepted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    plain = LedgerFacts.accepted_at

    def noted(facts: LedgerFacts, entry: int) -> str:
        read.append(entry)
        return plain(facts, entry)

    monkeypatch.setattr(LedgerFacts, "accepted_at", noted)
    moment(ledger, accepted[3])
    assert len(read) <= len(accepted).bit_length() + 1


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21 09:30:00Z", "20261121T093000Z",
        "2026-02-30T09:30:00Z", "2026-11-21T24:30:00Z", "2026-11-21T09:30:00+25:00",
        "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "2026-11-21T09:30:00.Z",
        "２０２６-11-21T09:30:00Z", "position:", "position:0", "position:-1", "position:+1",
        "position:1.0", "position:99999", "position:9999999999999999999", "position:1 ",
        "entry:1", "checkpoint:", "checkpoint:missing.note", "checkpoint:.", "checkpoint:a\0b",
        "张三",
    ],
)  # fmt: skip
def test_what_names_no_moment_is_a_usage_error_that_repeats_nothing(desk: Desk, text: str) -> None:
    for question in (["inventory"], ["status"], ["key", "list"]):
        said = desk.error(*question, "--as-of", text, code=2)
        assert "张三" not in str(said)
        assert "missing.note" not in str(said)


def test_a_time_before_the_first_entry_is_a_usage_error(desk: Desk) -> None:
    said = desk.error("inventory", "--as-of", "2020-01-01T00:00:00+08:00", code=2)
    assert said["message"] == "the ledger had no entry yet at this time"
    desk.error("inventory", "--as-of", "0001-01-01T00:00:00Z", code=2)
    assert desk.json("status", "--as-of", "9999-12-31T00:00:00Z") == desk.json("status")


# -- checkpoints ------------------------------------------------------------------------------


def test_a_checkpoint_of_another_ledger_is_refused(desk: Desk) -> None:
    for origin in ("xinjia.example/ledger", "jiejing.example/ledger"):
        folder = desk.home / origin.partition(".")[0]
        desk.did("-L", str(folder), "init", "--origin", origin, "--party", "新家", "--actor", "赵")
        note = desk.home / "other.note"
        note.write_text(desk.did("-L", str(folder), "checkpoint"))
        said = desk.error("inventory", "--as-of", f"checkpoint:{note}", code=3)
        assert "not a checkpoint signed by the key of this ledger" in said["message"]


def test_a_checkpoint_with_a_changed_byte_or_none_at_all_is_refused(desk: Desk) -> None:
    desk.collect()
    good = desk.did("checkpoint").encode()
    file = desk.home / "changed.note"
    lines = good.splitlines(keepends=True)
    bad = [
        b"",
        b"\0" * 99,
        good[:-1],
        good + b"x",
        b"\xff" + good,
        good * 9000,
        b"".join(lines[1:]),
    ]
    bad += [bytes([*good[:at], good[at] ^ 1, *good[at + 1 :]]) for at in range(0, len(good), 7)]
    for data in bad:
        file.write_bytes(data)
        with pytest.raises(VerificationError), desk.firm.open(writing=False) as ledger:
            moment(ledger, f"checkpoint:{file}")
    file.write_bytes(good)
    assert desk.json("status", "--as-of", f"checkpoint:{file}") == desk.json("status")


def test_a_checkpoint_over_more_than_the_ledger_has_is_refused(desk: Desk, tmp_path: Path) -> None:
    older = copytree(desk.firm.path, tmp_path / "older")
    desk.collect()
    note = desk.home / "newer.note"
    note.write_text(desk.did("checkpoint"))
    said = desk.error("-L", str(older), "status", "--as-of", f"checkpoint:{note}", code=3)
    assert "the ledger here has 2" in said["message"]


def test_a_checkpoint_of_a_fork_under_the_same_key_is_refused(desk: Desk, tmp_path: Path) -> None:
    fork = copytree(desk.firm.path, tmp_path / "fork")
    desk.did("-L", str(fork), "party", "register", "--name", "甲", "--party-role", "buyer",
             XDG_STATE_HOME=str(tmp_path / "elsewhere"))  # fmt: skip
    note = desk.home / "fork.note"
    note.write_text(
        desk.did("-L", str(fork), "checkpoint", XDG_STATE_HOME=str(tmp_path / "elsewhere"))
    )
    desk.did("party", "register", "--name", "乙", "--party-role", "buyer")
    said = desk.error("party", "list", "--as-of", f"checkpoint:{note}", code=3)
    assert "a state that this ledger never had" in said["message"]


def test_a_checkpoint_under_a_rotated_key_still_names_its_state(desk: Desk) -> None:
    old, new = desk.home / "old.note", desk.home / "new.note"
    old.write_text(desk.did("checkpoint"))
    before = desk.json("status")
    desk.did("key", "rotate", "--of-ledger")
    new.write_text(desk.did("checkpoint"))
    assert desk.json("status", "--as-of", f"checkpoint:{old}") == before
    assert desk.json("status", "--as-of", f"checkpoint:{new}") == desk.json("status")


def test_checkpoints_mean_nothing_where_the_database_is_not_the_trusted_ledger(
    desk: Desk,
) -> None:
    other = desk.home / "other"
    desk.did("-L", str(other), "init", "--origin", "xinjia.example/ledger", "--party", "新家",
             "--actor", "赵")  # fmt: skip
    note = desk.home / "other.note"
    note.write_text(desk.did("-L", str(other), "checkpoint"))
    (desk.firm.path / "ledger.db").write_bytes((other / "ledger.db").read_bytes())
    said = desk.error("status", "--as-of", f"checkpoint:{note}", code=3)
    assert "not the ledger that trust/ledger.vkey names" in said["message"]


def test_a_missing_entry_is_named_and_no_answer_is_made_up(desk: Desk) -> None:
    desk.collect()
    entries = desk.json("status")["entries"]
    with sqlite3.connect(desk.firm.path / "ledger.db") as connection:
        connection.execute("DROP TRIGGER commits_no_delete")
        connection.execute("DELETE FROM commits WHERE entry = ?", (entries // 2,))
    said = desk.error("inventory", "--as-of", "2099-01-01T00:00:00Z", code=3)
    assert said["message"] == f"entry {entries // 2} is missing"
