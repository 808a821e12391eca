"""Stored time-stamps: verified with the ledger, copied, restored, fetched again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.values import later
from ledger import acts, timestamps
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.effects.ledgercopy import copy_ledger
from ledger.effects.ledgerrestore import restore_ledger
from ledger.effects.refetching import refetch
from ledger.errors import (
    VerificationError,
)
from ledger.folder import Folder
from ledger.schema import trigger_names
from ledger.signing import now
from ledger.timestamps import Request
from ledger.tlog.checkpoint import Checkpoint
from ledger.verification.stored import verify_folder
from tests.ledger import tsa
from tests.ledger.ledgers import Firm, collect_files, passphrase
from tests.ledger.stamping import act, rows, stamp, stamped_at, tampered
from tests.ledger.tampering import hand_in, only, places


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[tsa.Authority, tsa.Issued]:
    return tsa.authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamping(authority: tuple[tsa.Authority, tsa.Issued]) -> tsa.Authority:
    return authority[0]


@pytest.fixture(scope="module")
def root(authority: tuple[tsa.Authority, tsa.Issued]) -> tsa.Issued:
    return authority[1]


@pytest.fixture
def admin(ledger: Ledger, firm: Firm) -> Acting:
    return ledger.acting(firm.founded.actor)


# -- verified --------------------------------------------------------------------------------------


@pytest.fixture
def stamped(
    ledger: Ledger, admin: Acting, stamping: tsa.Authority, root: tsa.Issued, firm: Firm
) -> Firm:
    """A ledger with one time-stamp, closed; the authority is pinned."""
    timestamps.trust(Folder(firm.path), root.pem)
    stamp(ledger, admin, stamping, root)
    act(ledger, admin)
    ledger.close()
    return firm


def check(firm: Firm, **options: Any) -> Any:
    return verify_folder(Folder(firm.path), **options)


def position(firm: Firm) -> int:
    sql = "SELECT position FROM events WHERE topic = 'ledger.timestamp_anchored'"
    return int(rows(firm.path, sql)[0][0])


def test_a_stamped_ledger_is_valid(stamped: Firm) -> None:
    assert check(stamped).verdict == "valid"


COLUMNS = {"note": "token_differs", "reply": "token_changed"}


def change_each(firm: Firm, column: str, step: int) -> None:
    (data,) = rows(firm.path, f"SELECT {column} FROM anchors")[0]
    for at in range(0, len(data), step):
        bad = bytearray(data)
        bad[at] ^= 4
        with hand_in(firm.path / "ledger.db") as connection:
            connection.execute(f"UPDATE anchors SET {column} = ?", (bytes(bad),))
        found = only(check(firm))
        assert (found.code, found.position) == (COLUMNS[column], position(firm)), at
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute(f"UPDATE anchors SET {column} = ?", (data,))
    assert check(firm).verdict == "valid"


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_byte_of_a_time_stamp_is_named(stamped: Firm, column: str) -> None:
    change_each(stamped, column, 97)


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS)
def test_every_changed_byte_of_a_time_stamp_is_named(stamped: Firm, column: str) -> None:
    change_each(stamped, column, 1)


def test_a_time_stamp_whose_size_was_changed_is_named(stamped: Firm) -> None:
    with hand_in(stamped.path / "ledger.db") as connection:
        connection.execute("UPDATE anchors SET size = size - 1")
    assert only(check(stamped)).code == "token_differs"


def test_a_time_stamp_that_was_taken_away_is_missed(stamped: Firm) -> None:
    with hand_in(stamped.path / "ledger.db") as connection:
        connection.execute("DELETE FROM anchors")
    report = check(stamped)
    assert (report.verdict, only(report).code) == ("unverifiable", "token_missing")
    assert only(report).position == position(stamped)


def test_a_time_stamp_that_was_put_in_is_named(stamped: Firm, stamping: tsa.Authority) -> None:
    note = rows(stamped.path, "SELECT note FROM anchors")[0][0]
    with hand_in(stamped.path / "ledger.db") as connection:
        connection.execute("INSERT INTO anchors VALUES (9, 3, ?, ?)", (note, stamping.stamp(note)))
    report = check(stamped)
    assert (report.verdict, only(report).code) == ("invalid", "token_not_recorded")


def test_a_time_stamp_of_an_authority_that_is_no_longer_trusted_is_unverifiable(
    stamped: Firm,
) -> None:
    folder = Folder(stamped.path)
    folder.tsa_file.unlink()
    assert check(stamped).verdict == "valid"  # nobody asks what nobody is trusted for
    timestamps.trust(folder, tsa.issue(replace(tsa.ROOT, which=9)).pem)
    report = check(stamped)
    assert (report.verdict, only(report).code) == ("unverifiable", "token_issuer_unknown")


def test_a_damaged_file_of_authorities_stops_verification(stamped: Firm) -> None:
    Folder(stamped.path).tsa_file.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    with pytest.raises(VerificationError, match=r"trust/tsa\.pem"):
        check(stamped)


def test_verification_from_a_checkpoint_knows_the_time_stamps_before_it(
    stamped: Firm, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    with stamped.open() as ledger:
        since = ledger.sign_checkpoint()
        person = ledger.acting(stamped.founded.actor)
        stamp(ledger, person, stamping, root)
        act(ledger, person)
    assert check(stamped, since=since).verdict == "valid"
    with hand_in(stamped.path / "ledger.db") as connection:
        connection.execute("DELETE FROM anchors WHERE id = 2")
    assert only(check(stamped, since=since)).code == "token_missing"


class Wrong(SystemClock):
    """A ledger's clock that somebody set."""

    def __init__(self, hours: int) -> None:
        super().__init__(confirmed=True)
        self._hours = hours

    def __call__(self, previous: str) -> str:
        from datetime import UTC, datetime, timedelta

        moment = datetime.now(UTC) + timedelta(hours=self._hours)
        return max(previous, f"{moment.isoformat(timespec='milliseconds')[:23]}Z")


def test_an_act_that_was_accepted_after_a_token_over_it_is_disputed(
    firm: Firm, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    """The ledger's clock was ahead by three hours."""
    with firm.open(clock=Wrong(3)) as ledger:
        person = ledger.acting(firm.founded.actor)
        entry = act(ledger, person)
        stamp(ledger, person, stamping, root)
    report = check(firm, tsa_roots=[root.der])
    (first,) = rows(firm.path, f"SELECT first FROM commits WHERE entry = {entry}")[0]
    assert places(report) == [("accepted_outside_interval", first, None, "entry")]
    assert report.verdict == "disputed"
    assert check(firm).verdict == "valid"  # without trust in an authority nothing is proved


def test_an_act_that_was_accepted_before_a_token_its_signer_had_seen_is_disputed(
    firm: Firm, root: tsa.Issued, tmp_path: Path
) -> None:
    """The ledger's clock was behind: it said 2026, and the token is of 2031."""
    with firm.open() as ledger:
        person = ledger.acting(firm.founded.actor)
        receipt = stamped_at(ledger, person, root, "20310101000000Z", tmp_path)
        act(ledger, person)
    report = check(firm, tsa_roots=[root.der])
    assert [(f.code, f.position) for f in report.findings] == [
        ("accepted_outside_interval", receipt.first + 1)
    ]


def test_what_a_stamp_from_before_the_suspicion_covers_is_not_disputed(
    firm: Firm, stamping: tsa.Authority, root: tsa.Issued, tmp_path: Path
) -> None:
    """A thief of the key cannot have signed what was there before it could be stolen."""
    with firm.open() as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        one, other = collect_files(ledger, admin, tmp_path / "合同", 2)
        covered = ledger.act(second, [acts.review(one.record, ["accuracy"], "pass")])
        stamp(ledger, admin, stamping, root)
        later_on = ledger.act(second, [acts.review(other.record, ["accuracy"], "pass")])
        since = ledger.sign_checkpoint()
    with firm.open(clock=Wrong(2)) as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        suspected = later(now(), hours=1)
        ledger.act(admin, [acts.report_compromise(second.actor, second.key_id.hex(), suspected)])

    def disputed(**options: Any) -> list[int]:
        report = check(firm, **options)
        return [one.position for one in report.findings if one.code == "key_compromised"]

    assert disputed(tsa_roots=[root.der]) == [later_on.first]
    assert disputed() == [covered.first, later_on.first]
    (enrolled,) = rows(
        firm.path, "SELECT position FROM events WHERE topic = 'actor.key_compromised'"
    )[0]
    assert disputed(tsa_roots=[root.der], since=since) == [enrolled]


@contextmanager
def modified(ledger: Ledger) -> Iterator[None]:
    """A ledger whose keeper took the check of time-stamps out of the program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(ledger.log), "_check_anchors", lambda *_, **__: None)
        yield


def test_a_stamped_state_that_this_ledger_never_had_is_named(
    firm: Firm, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    with firm.open() as ledger, modified(ledger):
        forked = Checkpoint(ledger.origin, ledger.seen()[0], bytes(32)).format()
        asking = Request.over(forked + b"\n" + timestamps.newest(ledger).partition(b"\n\n")[2])
        person = ledger.acting(firm.founded.actor)
        receipt = tampered(ledger, person, asking, stamping.reply(asking.query()), {})
        act(ledger, person)
    found = only(check(firm, tsa_roots=[root.der]))
    assert (found.code, found.position) == ("stamped_false", receipt.first)


def test_a_recorded_token_that_does_not_hold_is_named(
    firm: Firm, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    """Its digest is what the event says, and its signature was never the authority's."""
    with firm.open() as ledger, modified(ledger):
        asking = Request.over(timestamps.newest(ledger))
        reply = bytearray(stamping.reply(asking.query()))
        reply[-5] ^= 1
        person = ledger.acting(firm.founded.actor)
        receipt = tampered(ledger, person, asking, bytes(reply), {})
    found = only(check(firm, tsa_roots=[root.der]))
    assert (found.code, found.position) == ("token_signature", receipt.first)


def test_an_event_whose_token_says_something_else_is_named(
    firm: Firm, stamping: tsa.Authority
) -> None:
    with firm.open() as ledger, modified(ledger):
        asking = Request.over(timestamps.newest(ledger))
        reply = stamping.reply(asking.query())
        said = {"gen_time": "2020-01-01T00:00:00.000Z"}
        receipt = tampered(ledger, ledger.acting(firm.founded.actor), asking, reply, said)
    found = only(check(firm))
    assert (found.code, found.position) == ("token_differs", receipt.first)


def test_accuracy_and_the_fraction_widen_the_interval(
    firm: Firm, root: tsa.Issued, tmp_path: Path
) -> None:
    """A token of half a minute ago with an accuracy of a minute proves nothing wrong."""
    from datetime import UTC, datetime, timedelta

    then = (datetime.now(UTC) - timedelta(seconds=30)).strftime("%Y%m%d%H%M%SZ")
    for seconds, verdict in ((60, "valid"), (5, "disputed")):
        with firm.open() as ledger:
            person = ledger.acting(firm.founded.actor)
            act(ledger, person)
            asking = Request.over(timestamps.newest(ledger))
            accuracy = tsa.seq(tsa.number(seconds))
            content = tsa.tst_info(asking.imprint, then, more=accuracy, nonce=asking.nonce)
            reply = tsa.cms(tmp_path, content, tsa.issue(tsa.SIGNER, root))
            found = timestamps.check(asking, reply, [root.der])
            timestamps.anchor(ledger, person, asking, reply, found)
        assert check(firm, tsa_roots=[root.der]).verdict == verdict


# -- kept, copied, brought up to date --------------------------------------------------------------


def test_the_table_refuses_changes_and_doctor_knows_its_triggers() -> None:
    assert {"anchors_no_update", "anchors_no_delete"} <= trigger_names()


def test_a_copy_holds_the_time_stamps_and_a_restored_folder_too(
    stamped: Firm, tmp_path: Path, root: tsa.Issued
) -> None:
    with stamped.open() as ledger:
        copy_ledger(ledger, tmp_path / "copy")
    before = rows(stamped.path, "SELECT * FROM anchors")
    assert rows(tmp_path / "copy", "SELECT * FROM anchors") == before
    restore_ledger(tmp_path / "copy", tmp_path / "back", passphrase)
    assert rows(tmp_path / "back", "SELECT * FROM anchors") == before
    report = verify_folder(Folder(tmp_path / "back"), tsa_roots=[root.der])
    assert report.verdict == "valid"


def test_entries_that_are_fetched_again_bring_their_time_stamps(
    firm: Firm, tmp_path: Path, stamping: tsa.Authority, root: tsa.Issued
) -> None:
    with firm.open() as ledger:
        copy_ledger(ledger, tmp_path / "old")
        person = ledger.acting(firm.founded.actor)
        act(ledger, person)
        stamp(ledger, person, stamping, root)
    identity, keystore = firm.path / "identity", firm.path / "keystore"
    restore_ledger(
        tmp_path / "old", tmp_path / "back", passphrase, identity=identity, keystore=keystore
    )
    refetch(Folder(tmp_path / "back"), passphrase, firm.path)
    sql = "SELECT size, note, reply FROM anchors"
    assert rows(tmp_path / "back", sql) == rows(firm.path, sql)
    report = verify_folder(Folder(tmp_path / "back"), tsa_roots=[root.der])
    assert report.verdict == "valid"


def test_a_ledger_of_the_format_before_is_read_and_brought_up_to_date(firm: Firm) -> None:
    with closing(sqlite3.connect(firm.path / "ledger.db")) as connection:
        connection.execute("DROP TABLE anchors")
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
        connection.commit()
    marker = firm.path / "muniment.toml"
    marker.write_text(marker.read_text().replace('format = "0003"', 'format = "0002"'))
    assert check(firm).verdict == "valid"
    with firm.open() as ledger:
        ledger.seen()
    names = rows(firm.path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    assert trigger_names() <= {name for (name,) in names}
    assert check(firm).verdict == "valid"
