"""Events whose fields are not what they should be: refused by name, never a crash."""

from __future__ import annotations

import msgspec
import pytest
import sqlalchemy as sa

from ledger import rebuild
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.errors import ConflictError, MunimentError, RefusedError
from ledger.recorder import CustodyRecorder, Submission
from ledger.signing import Proposal
from tests.ledger.ledgers import buyer, dump, sign_events, signed_by, small_act

UUID7 = "019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stream", "draft-x"),
        ("stream", ""),
        ("stream", f"record-{UUID7}"),
        ("stream", UUID7),
        ("stream", "draft-" + "0" * 36),
        ("by", "nobody"),
        ("engagement", "routine"),
        ("engagement", "engagement-" + " " * 36),
        ("salt", "A"),
        ("at", "yesterday"),
        ("at", "2026-02-30T00:00:00.000Z"),
        ("at", "9999-12-31T23:59:59.999Z"),
        ("at", "0000-01-01T00:00:00.000Z"),
        ("at", "0500-01-01T00:00:00.000Z"),
        ("at", "0001-01-01T00:00:00.000Z"),
        ("commit", "zz"),
        ("version", 2),
        ("version", 2**53 - 1),
        ("role", "reviewer"),
        ("authority", "nothing/1"),
        ("sealed", {"key": "k", "root": "r"}),
    ],
)
def test_a_field_that_does_not_have_its_form_is_refused_without_a_crash(
    ledger: Ledger, admin: Acting, field: str, value: object
) -> None:
    events, _ = ledger.build(admin, [small_act()])
    fields = {**msgspec.to_builtins(events[0]), field: value}
    hostile = msgspec.convert(fields, type(events[0]))
    submission = sign_events(ledger, admin, [hostile], {})
    before = dump(ledger.engine)
    with pytest.raises(RefusedError):
        ledger.log.record(submission)
    assert dump(ledger.engine) == before


def test_one_draft_id_under_two_names_is_a_conflict(ledger: Ledger, admin: Acting) -> None:
    """Streams are stored by their UUID alone; two aggregates never share one."""
    party = buyer()
    twin = Proposal(small_act().kind, f"draft-{party.stream[-36:]}", {"commit": "0" * 32})
    before = dump(ledger.engine)
    with pytest.raises((ConflictError, RefusedError)):
        ledger.act(admin, [party, twin])
    assert dump(ledger.engine) == before
    ledger.act(admin, [party])
    with pytest.raises((ConflictError, RefusedError)):
        ledger.act(admin, [twin])
    with ledger.engine.connect() as connection:
        assert rebuild.check(connection) == []


def test_nothing_but_ledger_initialized_opens_a_ledger(ledger: Ledger, admin: Acting) -> None:
    """Entry 0 from a stranger's hand: an empty database, and commits that do not begin one."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with ledger.engine.connect() as source, engine.connect() as target:
        for (sql,) in source.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
        ).all():
            target.exec_driver_sql(sql)
        target.exec_driver_sql(
            "INSERT INTO head VALUES (1, 0, 0, x'00', x'', '0001-01-01T00:00:00.000Z')"
        )
        target.commit()
    recorder = CustodyRecorder(
        engine.execution_options(isolation_level="AUTOCOMMIT"), SystemClock()
    )
    _, submission = signed_by(ledger, admin, [small_act()])
    for attack in (submission, Submission(submission.signed, [])):
        with pytest.raises(MunimentError):
            recorder.record(attack)
    recorder.close()
    engine.dispose()
