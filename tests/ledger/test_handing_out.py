"""Content handed out: only under a grant, only what was recorded, and never without a record."""

from __future__ import annotations

import errno
import io
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessDenied, RecordAccessed
from domain.codes import ENUMERATIONS
from domain.holding import HoldingCreated
from domain.values import later
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.cli.files import place_of, read_file
from ledger.collecting import Collected, Terms, collect
from ledger.effects import handing_out
from ledger.effects.backup import create
from ledger.effects.handing_out import Asked, DeniedError
from ledger.errors import MunimentError, RefusedError, UsageError, VerificationError
from ledger.rebuild import check
from ledger.signing import Proposal, new_ids, now
from ledger.verification.stored import verify_folder
from tests.ledger.copying import gather, move, records
from tests.ledger.granting import CONTENT, Handing, classified, correct, grant, last
from tests.ledger.ledgers import add_person, buyer


def denied(
    ledger: Ledger, record: str, detail: str, handing: Handing, *more: Any, **options: Any
) -> AccessDenied:
    """An access that is denied for this reason, on record, with nothing handed out."""
    out = options.setdefault("out", io.BytesIO())
    with pytest.raises(DeniedError) as refused:
        handing(record, *more, **options)
    assert detail in {r.detail for r in refused.value.refusals}  # type: ignore[attr-defined]
    event, _sealed = last(ledger, record)
    assert isinstance(event, AccessDenied)
    assert refused.value.event == event.id
    assert out.getvalue() == b""
    return event


# -- allowed ------------------------------------------------------------------------------------


def test_under_a_grant_the_content_is_recorded_and_handed_out(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing, tmp_path: Path
) -> None:
    given = grant(ledger, admin, clerk)
    done = handing(record, Asked("service_delivery", "view", "工单 7", "客户来电"))
    assert (done.grant, done.intact, done.size) == (given, True, len(CONTENT))
    assert (tmp_path / "out.txt").read_bytes() == CONTENT
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == 0o600
    event, sealed = last(ledger, record)
    assert isinstance(event, RecordAccessed)
    assert (event.by, event.purpose, event.mode) == (clerk.actor, "service_delivery", "view")
    assert (event.outcome, event.grant, event.intact) == ("allowed", given, True)
    content = sha256(CONTENT).hexdigest()
    assert sealed == {"content": content, "ticket": "工单 7", "reason": "客户来电"}
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []
    with ledger.engine.connect() as connection:
        assert check(connection) == []
    assert verify_folder(ledger.folder).verdict == "valid"


@pytest.mark.parametrize(
    "content", [b"", bytes(range(256)) * 20_000, b"\xff\xfe\x00"], ids=["empty", "huge", "bytes"]
)
@pytest.mark.parametrize("name", ["王 小明.txt".encode(), b"bytes\xff.bin", b"line\nbreak\\x.txt"])
def test_any_content_under_any_name_goes_to_a_stream_whole(
    ledger: Ledger, admin: Acting, clerk: Acting, sources: Path, handing: Handing,
    content: bytes, name: bytes,
) -> None:  # fmt: skip
    gather(ledger, admin, sources, {name: content})
    record = classified(ledger, admin, records(ledger)[0])
    grant(ledger, admin, clerk)
    out = io.BytesIO()
    done = handing(record, out=out)
    assert (out.getvalue(), done.size, done.intact) == (content, len(content), True)


def test_a_grant_of_the_whole_category_covers_its_parts(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing
) -> None:
    part = next(c for c in ENUMERATIONS["RecordCategory"].codes if "." in c)
    classified(ledger, admin, record, part)
    given = grant(ledger, admin, clerk, categories=[part.split(".")[0]])
    assert handing(record).grant == given


def test_the_grant_that_permits_it_is_found_among_those_that_do_not(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing
) -> None:
    grant(ledger, admin, clerk, ends=later(now(), hours=-1))
    fitting = grant(ledger, admin, clerk, categories=[], records=[record])
    grant(ledger, admin, clerk, modes=["print"])
    grant(ledger, admin, clerk, purposes=["audit"])
    assert handing(record).grant == fitting


def test_an_emergency_needs_a_reason_and_no_grant(
    ledger: Ledger, record: str, handing: Handing, tmp_path: Path
) -> None:
    seen = ledger.seen()
    with pytest.raises(UsageError):
        handing(record, Asked("break_glass", "view"))
    assert ledger.seen() == seen
    done = handing(record, Asked("break_glass", "view", reason="水管爆裂"))
    event, sealed = last(ledger, record)
    assert isinstance(event, RecordAccessed)
    assert (event.outcome, done.grant, sealed["reason"]) == ("break_glass", None, "水管爆裂")
    assert (tmp_path / "out.txt").read_bytes() == CONTENT


# -- rows of a table ----------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True], ids=["own keys", "one key"])
def test_of_a_table_only_the_row_is_handed_out(
    ledger: Ledger, admin: Acting, clerk: Acting, sources: Path, handing: Handing, shared: bool
) -> None:
    table = sources / "订单.csv"
    table.write_text('姓名,电话\n李四,1\n"王\n五",2\n赵六,3\n', encoding="utf-8")
    terms = Terms(
        "contract", "pipl_13_2_contract", "店主", ledger.routine(), rows=True, shared_key=shared
    )
    taken = [c for c in collect(ledger, admin, [table], terms) if isinstance(c, Collected)]
    record = classified(ledger, admin, taken[1].record)
    grant(ledger, admin, clerk)
    out = io.BytesIO()
    assert handing(record, out=out).intact is True
    assert out.getvalue() == '["王\\n五","2"]'.encode()
    # Another row changes: this one is still what was recorded. This one changes: it is not.
    table.write_text('姓名,电话\n李四,9\n"王\n五",2\n', encoding="utf-8")
    assert handing(record, out=io.BytesIO()).intact is True
    table.write_text("姓名,电话\n李四,1\n王五,2\n", encoding="utf-8")
    assert handing(record, out=io.BytesIO()).intact is False
    table.write_text("姓名,电话\n李四,1\n", encoding="utf-8")
    with pytest.raises(MunimentError, match="row_not_there"):
        handing(record, out=io.BytesIO())


def test_the_table_that_a_corrected_row_came_from_is_not_handed_out_as_the_record(
    ledger: Ledger, admin: Acting, clerk: Acting, sources: Path, handing: Handing
) -> None:
    table = sources / "订单.csv"
    table.write_text("姓名\n李四\n王五\n", encoding="utf-8")
    terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), rows=True)
    taken = [c for c in collect(ledger, admin, [table], terms) if isinstance(c, Collected)]
    record = classified(ledger, admin, taken[0].record)
    grant(ledger, admin, clerk)
    holding = acts.record_state(ledger, record).holdings[0]
    correct(ledger, admin, record, sources / "更正.txt", "李四光".encode())
    out, of_table = io.BytesIO(), io.BytesIO()
    handing(record, out=out)
    assert out.getvalue().decode() == "李四光"
    handing(record, out=of_table, holding=holding)
    assert of_table.getvalue().decode() == '["李四"]', "its row, never the others'"


def test_a_copy_of_another_row_made_from_the_same_table_is_not_handed_out_as_this_one(
    ledger: Ledger, admin: Acting, clerk: Acting, sources: Path, handing: Handing
) -> None:
    table, page = sources / "订单.csv", sources / "王五.txt"
    table.write_text("姓名\n李四\n王五\n", encoding="utf-8")
    page.write_text("王五", encoding="utf-8")
    terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), rows=True)
    mine, theirs = (
        classified(ledger, admin, one.record)
        for one in collect(ledger, admin, [table], terms)
        if isinstance(one, Collected)
    )
    grant(ledger, admin, clerk, categories=[], records=[mine])
    (holding,) = acts.record_state(ledger, theirs).holdings
    fields = {
        "record": theirs, "custodian": admin.state.party, "form": "digitized", "medium": "ssd",
        "size": 6, "items": 1, "encrypted": False, "made_from": holding,
    }  # fmt: skip
    copy = Proposal(HoldingCreated, new_ids("holding")[0], fields, place_of(read_file(page)))
    ledger.act(admin, [copy])
    out = io.BytesIO()
    with pytest.raises(MunimentError):
        handing(mine, holding=copy.stream, out=out)
    assert out.getvalue() == b""


# -- denied -------------------------------------------------------------------------------------


def test_without_a_grant_it_is_refused_and_the_refusal_is_on_record(
    ledger: Ledger, clerk: Acting, record: str, handing: Handing, tmp_path: Path
) -> None:
    event = denied(ledger, record, "no_grant", handing)
    assert (event.by, event.purpose, event.rule) == (clerk.actor, "service_delivery", "no_grant")
    with pytest.raises(DeniedError):
        handing(record)
    assert not (tmp_path / "out.txt").exists()
    assert verify_folder(ledger.folder).verdict == "valid"


@pytest.mark.parametrize(
    ("terms", "detail"),
    [
        ({"ends": later(now(), hours=-1)}, "grant_not_in_force"),
        ({"begins": later(now(), hours=1)}, "grant_not_in_force"),
        ({"modes": ["print"]}, "grant_does_not_cover_mode"),
        ({"purposes": ["audit"]}, "grant_does_not_cover_purpose"),
        ({"categories": ["accounting"]}, "no_grant"),
    ],
)
def test_a_grant_that_does_not_cover_it_is_no_grant(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing,
    terms: dict[str, Any], detail: str,
) -> None:  # fmt: skip
    given = grant(ledger, admin, clerk, **terms)
    denied(ledger, record, detail, handing)
    if detail == "no_grant":
        denied(ledger, record, "grant_does_not_cover_record", handing, grant=given)


def test_a_revoked_grant_and_somebody_elses_are_none(
    ledger: Ledger, admin: Acting, second_person: Acting, clerk: Acting, record: str,
    handing: Handing,
) -> None:  # fmt: skip
    mine, theirs = grant(ledger, admin, clerk), grant(ledger, admin, second_person)
    ledger.act(admin, [custody.revoke_access(ledger, mine, "role_ended")])
    denied(ledger, record, "no_grant", handing)
    denied(ledger, record, "grant_is_revoked", handing, grant=mine)
    denied(ledger, record, "grant_of_another", handing, grant=theirs)
    with pytest.raises(UsageError):
        handing(record, grant=new_ids("grant")[0])


def test_what_is_restricted_is_for_nothing_but_what_the_law_still_asks(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing
) -> None:
    grant(ledger, admin, clerk, purposes=["service_delivery", "dispute"])
    ledger.act(admin, [custody.restrict(record, "objection", None, None)])
    denied(ledger, record, "record_is_restricted", handing)
    denied(ledger, record, "record_is_restricted", handing,
           Asked("break_glass", "view", reason="急"))  # fmt: skip
    assert handing(record, Asked("dispute", "view")).intact is True


def test_what_is_not_classified_is_for_its_collector_alone(
    ledger: Ledger, admin: Acting, second_person: Acting, clerk: Acting, sources: Path,
    handing: Handing,
) -> None:  # fmt: skip
    gather(ledger, admin, sources, {b"a.txt": b"a"})
    (record,) = records(ledger)
    for person, by in ((clerk, admin), (admin, second_person)):
        grant(ledger, by, person)
    denied(ledger, record, "not_classified", handing)
    assert handing(record, by=admin).intact is True


def test_the_buyers_people_get_nothing_of_the_sellers(
    ledger: Ledger, admin: Acting, record: str, handing: Handing
) -> None:
    other = buyer()
    ledger.act(admin, [other])
    stranger = add_person(ledger, admin, other.stream, ("buyer_handler",))
    with pytest.raises(RefusedError, match="grantee_of_another_party"):
        grant(ledger, admin, stranger)
    denied(ledger, record, "not_the_actors_party", handing, by=stranger)
    denied(ledger, record, "not_the_actors_party", handing,
           Asked("break_glass", "view", reason="急"), by=stranger)  # fmt: skip


def test_what_is_gone_is_not_handed_out_and_asking_is_on_record(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing
) -> None:
    grant(ledger, admin, clerk)
    (holding,) = acts.record_state(ledger, record).holdings
    ledger.act(admin, [acts.lose_holding(holding, now(), None)])
    denied(ledger, record, "holding_is_lost", handing)


def test_a_copy_of_another_record_is_not_handed_out_as_this_one(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, sources: Path, handing: Handing
) -> None:
    grant(ledger, admin, clerk, categories=[], records=[record])
    (other,) = gather(ledger, admin, sources, {b"b.txt": b"secret"})
    out = io.BytesIO()
    with pytest.raises(DeniedError, match="holding_of_another_record"):
        handing(record, holding=other, out=out)
    assert out.getvalue() == b""


def test_unknown_things_are_named_and_nothing_is_recorded(
    ledger: Ledger, record: str, handing: Handing
) -> None:
    seen = ledger.seen()
    for wrong in ({}, {"holding": new_ids("holding")[0]}):
        with pytest.raises(UsageError):
            handing(new_ids("record")[0] if not wrong else record, **wrong)
    assert ledger.seen() == seen


# -- files that are not what they were ----------------------------------------------------------


def file_of(sources: Path) -> Path:
    return sources / "王小明 合同.txt"


def test_a_file_changed_since_is_handed_out_and_recorded_as_not_intact(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, sources: Path, handing: Handing
) -> None:
    grant(ledger, admin, clerk)
    file_of(sources).write_bytes(b"changed")
    out = io.BytesIO()
    assert handing(record, out=out).intact is False
    event, sealed = last(ledger, record)
    assert isinstance(event, RecordAccessed)
    assert (event.intact, out.getvalue()) == (False, b"changed")
    assert sealed["content"] == sha256(b"changed").hexdigest()


@pytest.mark.parametrize("how", ["missing", "link", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_not_handed_out_and_nothing_is_recorded(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, sources: Path, handing: Handing,
    how: str, tmp_path: Path,
) -> None:  # fmt: skip
    grant(ledger, admin, clerk)
    file, seen = file_of(sources), ledger.seen()
    file.rename(sources / "aside")
    if how == "link":
        file.symlink_to(sources / "aside")
    elif how == "folder":
        file.mkdir()
    elif how == "pipe":
        os.mkfifo(file)
    with pytest.raises(MunimentError) as failed:
        handing(record)
    assert file.name not in str(failed.value)
    assert ledger.seen() == seen
    assert not (tmp_path / "out.txt").exists()


def test_where_the_original_is_gone_a_sound_copy_of_the_same_content_serves_and_says_so(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, sources: Path, disk: Path,
    handing: Handing,
) -> None:  # fmt: skip
    grant(ledger, admin, clerk)
    (made,) = create(ledger, admin, None, disk, "full", "disk_external").made
    (original,) = acts.record_state(ledger, record).holdings
    file_of(sources).unlink()
    out = io.BytesIO()
    done = handing(record, out=out)
    assert done.passed_over == [(original, "vanished")]
    assert (done.holding, done.intact) == (made.receipt.events[0].stream, True)
    assert out.getvalue() == CONTENT
    ledger.act(admin, [move(original, "三号柜")])
    assert handing(record, out=io.BytesIO()).passed_over == [(original, "not_a_file_here")]


def test_an_older_content_is_handed_out_only_when_it_is_named(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, sources: Path, handing: Handing
) -> None:
    grant(ledger, admin, clerk)
    (older,) = acts.record_state(ledger, record).holdings
    correct(ledger, admin, record, sources / "更正.txt", b"corrected")
    (sources / "更正.txt").unlink()
    with pytest.raises(MunimentError, match="vanished"):
        handing(record, out=io.BytesIO())
    out = io.BytesIO()
    handing(record, out=out, holding=older)
    assert out.getvalue() == CONTENT


class Meddler(io.BytesIO):
    """A stream whose first byte makes somebody write to the source."""

    def __init__(self, file: Path, content: bytes) -> None:
        super().__init__()
        self._file, self._content = file, content

    def write(self, data: Any) -> int:
        self._file.write_bytes(self._content)
        return super().write(data)


def test_a_file_that_changes_after_it_was_recorded_ends_in_an_error(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, sources: Path, tmp_path: Path,
    handing: Handing, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    grant(ledger, admin, clerk)
    with pytest.raises(VerificationError, match="changed after"):
        handing(record, out=Meddler(file_of(sources), b"x" * len(CONTENT)))
    file_of(sources).write_bytes(CONTENT)
    real = Ledger.act

    def act(self: Ledger, *args: Any, **more: Any) -> Any:
        receipt = real(self, *args, **more)
        file_of(sources).write_bytes(b"y" * len(CONTENT))
        return receipt

    monkeypatch.setattr(Ledger, "act", act)
    with pytest.raises(VerificationError, match="changed after"):
        handing(record)
    assert list(tmp_path.glob("out*")) == []
    assert list(tmp_path.glob(".*.tmp")) == []


# -- where it goes ------------------------------------------------------------------------------


def test_where_it_cannot_go_nothing_is_recorded_and_nothing_overwritten(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path, handing: Handing
) -> None:
    grant(ledger, admin, clerk)
    seen = ledger.seen()
    (tmp_path / "there.txt").write_bytes(b"mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    wrong = [
        tmp_path / "there.txt", tmp_path / "dangling", tmp_path / "no folder" / "out",
        tmp_path / "there.txt" / "out", ledger.folder.path / "out.txt", tmp_path,
    ]  # fmt: skip
    for out in wrong:
        with pytest.raises(MunimentError) as failed:
            handing(record, out=out)
        assert str(out) not in str(failed.value)
    assert ledger.seen() == seen
    assert (tmp_path / "there.txt").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["fsync", "rename"])
def test_a_disk_that_fails_at_the_end_leaves_no_file_and_the_error_names_the_event(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path, handing: Handing,
    name: str,
) -> None:  # fmt: skip
    grant(ledger, admin, clerk)
    with pytest.MonkeyPatch.context() as patch:
        real = getattr(os, name)

        def fail(*args: Any, **more: Any) -> Any:
            if any(tmp_path.glob(".*.tmp")) and isinstance(last(ledger, record)[0], RecordAccessed):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **more)

        patch.setattr(os, name, fail)
        with pytest.raises(MunimentError) as failed:
            handing(record)
    event, _sealed = last(ledger, record)
    assert isinstance(event, RecordAccessed)
    assert event.id in str(failed.value)
    assert list(tmp_path.glob(".*.tmp")) == []
    assert not (tmp_path / "out.txt").exists()


def test_a_stream_that_takes_nothing_ends_in_an_error_that_names_the_event(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, handing: Handing
) -> None:
    grant(ledger, admin, clerk)
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(MunimentError) as failed:
        handing(record, out=full)
    assert last(ledger, record)[0].id in str(failed.value)


def test_nothing_is_handed_out_that_could_not_be_recorded(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path, handing: Handing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    grant(ledger, admin, clerk)

    def fail(*_args: Any, **_more: Any) -> Any:
        raise MunimentError("the database cannot be written")

    monkeypatch.setattr(Ledger, "act", fail)
    poured: list[object] = []
    monkeypatch.setattr(handing_out, "_pour", poured.append)
    with pytest.raises(MunimentError, match="cannot be written"):
        handing(record)
    assert poured == []
    assert list(tmp_path.glob(".*.tmp")) == []
    assert not (tmp_path / "out.txt").exists()
