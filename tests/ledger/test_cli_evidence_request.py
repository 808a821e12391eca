"""`muniment evidence request`, `approve`, `export BUNDLE`: what is shown in clear, and to whom."""

from __future__ import annotations

import errno
import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import UsageError
from ledger.exporting import File, Shown
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm, add_person

COURT = ("--purpose", "dispute", "--recipient", "court", "--name", "某区人民法院",
         "--jurisdiction", "cn")  # fmt: skip
SPAN = ("--from", "2026-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z")


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def record(deal: Deal) -> str:
    """A classified contract that Zhou may export for a dispute."""
    deal.did("role", "grant", deal.zhou, "custodian")
    record = deal.collect()
    deal.classify(record)
    deal.did("access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "export",
             "--purpose", "dispute", *SPAN)  # fmt: skip
    return record


@pytest.fixture
def dpo(deal: Deal) -> str:
    """Somebody else of the firm, who may approve."""
    with deal.firm.open() as ledger:
        admin = ledger.acting(deal.firm.founded.actor)
        return add_person(ledger, admin, deal.seller, ["dpo"]).actor


def asked(deal: Deal, record: str, *more: str) -> str:
    said = deal.json("evidence", "request", "--record", record, *COURT, *more, "--as", deal.zhou)
    return str(said["bundle"])


def exported(deal: Deal, bundle: str, *more: str) -> dict[str, Any]:
    """What lies in the bundle, by name; JSON is read."""
    out = deal.home / "evidence.zip"
    deal.did("evidence", "export", bundle, "--out", str(out), "--without-documents", *more,
             "--as", deal.zhou)  # fmt: skip
    with zipfile.ZipFile(out) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    out.unlink()
    return {name: json.loads(data) if name.endswith(".json") else data
            for name, data in files.items()}  # fmt: skip


def refused(deal: Deal, bundle: str, *more: str, code: int) -> str:
    out = deal.home / "evidence.zip"
    said = deal.error("evidence", "export", bundle, "--out", str(out), "--without-documents", *more,
                      "--as", deal.zhou, code=code)  # fmt: skip
    assert not out.exists()
    return str(said)


SHOWN = "data/30_附件/"


def readable(data: Any) -> str:
    return data.decode("utf-8", "ignore") if isinstance(data, bytes) else str(data)


def test_a_field_goes_when_another_person_has_approved_it(
    deal: Deal, record: str, dpo: str
) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    assert "export_needs_approval" in refused(deal, bundle, code=13)
    told = deal.json("evidence", "approve", bundle, "--yes", "--as", dpo)
    assert told["openings"] == [{"event": f"{record}/1", "field": "title"}]
    files = exported(deal, bundle)
    ((opened,),) = [one["fields"] for one in files[f"{SHOWN}openings.json"]]
    assert (opened["path"], opened["value"]) == ("title", "合同.txt")
    shown = {path for path, data in files.items() if "合同.txt" in readable(data)}
    assert {path.split("/")[1][:2] for path in shown} <= {"00", "30", "40", "50"}, "nowhere else"
    (row,) = deal.json("access", "log", "--record", record)
    assert (row["outcome"], row["mode"], row["purpose"]) == ("allowed", "export", "dispute")


def test_whoever_approves_sees_first_what_goes_to_whom_and_may_decline(
    deal: Deal, record: str, dpo: str
) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title", "--reason", "合同纠纷")
    seen = [
        deal.run("evidence", command, bundle, "--as", dpo, "--lang", "zh")
        for command in ("show", "approve")
    ]
    for told in ("某区人民法院", "合同纠纷", f"{record}/1 title", "争议", record):
        assert all(told in result.stdout for result in seen)
    assert [result.exit_code for result in seen] == [0, 130], "nobody was there to say yes"
    (row,) = deal.json("evidence", "list")
    assert row["approved_entry"] is None


def test_a_request_of_before_files_had_reasons_is_named() -> None:
    shown = Shown(attachments=(File("record-1/1", "redacted", "0" * 64, "not_needed"),))
    assert Shown.parse(shown.format()) == shown
    earlier = json.loads(shown.format())
    earlier["attachments"][0].remove("not_needed")
    with pytest.raises(UsageError, match="have no reasons"):
        Shown.parse(json.dumps(earlier))


def test_a_bundle_goes_to_standard_output(deal: Deal, record: str) -> None:
    done = deal.program("evidence", "export", "--record", record, *COURT, "--out", "-",
                        "--without-documents")  # fmt: skip
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        assert archive.testzip() is None
    assert not (deal.home / "-").exists()


@pytest.mark.parametrize("name", ["长" * 100 + ".zip", " "])
def test_a_name_that_no_file_can_have_is_told_before_anything_is_recorded(
    deal: Deal, record: str, name: str
) -> None:
    result = deal.run("evidence", "export", "--record", record, *COURT, "--out",
                      str(deal.home / name), "--without-documents")  # fmt: skip
    assert result.exit_code in (1, 2)
    assert deal.json("evidence", "list") == []


def test_without_a_grant_nothing_of_a_record_is_shown(deal: Deal, dpo: str) -> None:
    deal.did("role", "grant", deal.zhou, "custodian")
    record = deal.collect()
    deal.classify(record)
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    assert "I-15" in refused(deal, bundle, code=13)
    (row,) = deal.json("access", "log", "--record", record)
    assert row["outcome"] == "denied"
    (listed,) = deal.json("evidence", "list")
    assert (listed["approved_entry"] is None, listed["exported_entry"]) == (False, None)


def test_whoever_asked_does_not_approve(deal: Deal, record: str) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    said = deal.error("evidence", "approve", bundle, "--yes", "--as", deal.zhou, code=13)
    assert "role_does_not_permit" in str(said) or "approver_is_requester" in str(said)


def test_a_content_is_attached_that_is_the_one_recorded(deal: Deal, record: str, dpo: str) -> None:
    holding = deal.original(record)
    file = deal.home / "合同.txt"
    wrong = deal.home / "other.pdf"
    wrong.write_bytes(b"another")
    event = f"{holding}/1"
    deal.error("evidence", "request", "--record", record, *COURT, "--attach", f"{event}={wrong}",
               "--as", deal.zhou, code=2)  # fmt: skip
    for why in ("", ":whim", ":erased"):
        deal.error("evidence", "request", "--record", record, *COURT, "--attach-redacted",
                   f"{event}{why}={wrong}", "--as", deal.zhou, code=2)  # fmt: skip
    deal.error("evidence", "request", "--record", record, *COURT, "--attach",
               f"{event}:trade_secret={file}", "--as", deal.zhou, code=2)  # fmt: skip
    bundle = asked(deal, record, "--attach", f"{event}={file}",
                   "--attach-redacted", f"{event}:trade_secret={wrong}")  # fmt: skip
    asked_for = deal.json("evidence", "show", bundle)["attachments"]
    assert [(one["kind"], one["reason"]) for one in asked_for] == [
        ("clear", None), ("redacted", "trade_secret"),
    ]  # fmt: skip
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    refused(deal, bundle, code=2)
    refused(deal, bundle, "--attach", f"{event}={wrong}", "--attach-redacted", f"{event}={file}",
            code=2)  # fmt: skip
    refused(deal, bundle, "--attach", f"{event}={file}", "--attach-redacted",
            f"{event}:personal_data={wrong}", code=2)  # fmt: skip
    files = exported(deal, bundle, "--attach", f"{event}={file}",
                     "--attach-redacted", f"{event}={wrong}")  # fmt: skip
    rows = files[f"{SHOWN}attachments.json"]
    assert [(row["kind"], row.get("reason")) for row in rows] == [
        ("clear", None), ("redacted", "trade_secret"),
    ]  # fmt: skip
    assert files[SHOWN + rows[0]["file"]] == file.read_bytes()
    assert rows[1]["sha256"] == sha256(b"another").hexdigest()


def test_a_sealed_file_opens_for_its_recipient_alone(deal: Deal, record: str, dpo: str) -> None:
    import pyrage

    judge = pyrage.x25519.Identity.generate()
    holding = deal.original(record)
    file = deal.home / "合同.txt"
    attach = ("--attach-sealed", f"{holding}/1={file}")
    bundle = asked(deal, record, "--attach-sealed", f"{holding}/1:personal_data={file}",
                   "--to", str(judge.to_public()))  # fmt: skip
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    files = exported(deal, bundle, *attach)
    (row,) = files[f"{SHOWN}attachments.json"]
    sealed = files[SHOWN + row["file"]]
    assert file.read_bytes() not in sealed
    assert pyrage.decrypt(sealed, [judge]) == file.read_bytes()
    assert files[f"{SHOWN}openings.json"] == []


def test_an_event_is_withheld_with_its_reason_and_its_proof_stays(deal: Deal, record: str) -> None:
    bundle = asked(deal, record, "--withhold", f"{record}/2=trade_secret")
    files = exported(deal, bundle)
    withheld = [row for row in files["data/10_账本/places.json"] if "leaf" in row]
    assert [(row["event"], row["reason"]) for row in withheld] == [(f"{record}/2", "trade_secret")]
    assert f"{record}/2" not in files["data/10_账本/events.jsonl"].decode().splitlines()
    rows = files[f"{SHOWN}redactions.json"]
    assert {"event": f"{record}/2", "reason": "trade_secret", "what": "event"} in rows


def test_what_proves_keys_is_not_withheld(deal: Deal, record: str) -> None:
    before = len(deal.json("evidence", "list"))
    out = deal.home / "evidence.zip"
    deal.error("evidence", "export", "--record", record, *COURT, "--withhold",
               f"{deal.zhou}/1=personal_data", "--out", str(out), code=2)  # fmt: skip
    assert not out.exists()
    assert len(deal.json("evidence", "list")) == before, "nothing was recorded"


@pytest.mark.parametrize("more", [
    ("--open", "{record}/1:nothing"), ("--open", "{record}/99:title"), ("--open", "title"),
    ("--withhold", "{record}/2=because"), ("--withhold", "{record}/2"),
    ("--withhold", "{record}/2=erased", "--withhold", "{record}/2=not_needed"),
    ("--attach", "{record}/2=nowhere"), ("--from", "2026-01-01"), ("--purpose", "curiosity"),
    ("--handover", "ffffffff"), ("--because", "erased"), ("--because", "why"),
    ("--withhold", "record-nonsense/1=trade_secret"),
])  # fmt: skip
def test_what_is_not_there_cannot_be_asked_for(
    deal: Deal, record: str, more: tuple[str, ...]
) -> None:
    asked = [part.format(record=record) for part in more]
    deal.error("evidence", "request", "--record", record, *COURT, *asked, "--as", deal.zhou, code=2)
    assert deal.json("evidence", "list") == []


@pytest.mark.parametrize("missing", ["--purpose", "--recipient", "--jurisdiction"])
def test_evidence_goes_for_a_purpose_and_to_somebody(deal: Deal, record: str, missing: str) -> None:
    given = {"--purpose": "dispute", "--recipient": "court", "--jurisdiction": "cn"}
    del given[missing]
    words = [word for pair in given.items() for word in pair]
    said = deal.error("evidence", "request", "--record", record, *words, code=2)
    assert missing in str(said)


def test_the_register_says_what_went_to_whom(deal: Deal, record: str, dpo: str) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    exported(deal, bundle)
    (row,) = deal.json("evidence", "list")
    assert (row["bundle"], row["kind"], row["object"]) == (bundle, "record", record)
    assert (row["recipient"], row["jurisdiction"], row["purpose"]) == ("court", "cn", "dispute")
    assert (row["opened"], row["attached"], row["withheld"]) == (1, 0, 0)
    assert (row["requester"], row["approver"]) == (deal.zhou, dpo)
    assert row["requested_entry"] < row["approved_entry"] < row["exported_entry"]
    assert "某区人民法院".encode() not in (deal.firm.path / "ledger.db").read_bytes()
    history = deal.json("history", record)
    assert "bundle.exported" in str(history), "the record's history says that it went"


def test_a_file_that_was_lost_is_written_again_and_each_time_is_an_access(
    deal: Deal, record: str, dpo: str
) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    first, again = exported(deal, bundle), exported(deal, bundle)
    assert first["data/10_账本/scope.json"]["export"] == again["data/10_账本/scope.json"]["export"]
    assert first[f"{SHOWN}openings.json"] == again[f"{SHOWN}openings.json"]
    assert len(deal.json("access", "log", "--record", record)) == 2
    (row,) = deal.json("evidence", "list")
    assert row["exported_entry"] is not None


def test_nobody_else_writes_a_bundle_again(deal: Deal, record: str) -> None:
    bundle = asked(deal, record)
    exported(deal, bundle)
    out = deal.home / "again.zip"
    said = deal.error("evidence", "export", bundle, "--out", str(out), code=2)
    assert "whoever exported it" in said["message"]
    assert not out.exists()


def test_what_was_exported_is_not_written_again_when_the_grant_has_gone(
    deal: Deal, record: str, dpo: str
) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    exported(deal, bundle)
    (grant,) = deal.json("access", "grants")
    deal.did("access", "revoke", grant["grant"], "--reason", "role_ended")
    assert "I-15" in refused(deal, bundle, code=13)


def test_a_disk_that_is_full_costs_no_approval(
    deal: Deal, record: str, dpo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = asked(deal, record, "--open", f"{record}/1:title")
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.effects.handing_out.Target.keep", full)
        assert "No space left" in refused(deal, bundle, code=1)
    assert exported(deal, bundle)[f"{SHOWN}openings.json"]


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_the_pdf_libraries_nothing_is_recorded(
    deal: Deal, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.documents.pages.find_spec", lambda _name: None)
    out = deal.home / "evidence.zip"
    said = deal.error("evidence", "export", "--record", record, *COURT, "--out", str(out), code=2)
    assert "muniment[pdf]" in str(said)
    assert (deal.json("evidence", "list"), out.exists()) == ([], False)


def test_a_copy_of_several_records_is_not_shown_as_one(deal: Deal, dpo: str) -> None:
    """What lies in it is other people's too: each record is asked for by itself."""
    deal.did("role", "grant", deal.zhou, "custodian")
    table = deal.home / "客户.csv"
    table.write_text("姓名,电话\n张三,13800138000\n李四,13900139000\n", encoding="utf-8")
    deal.did("collect", str(table), "--rows", "--category", "basic_info", "--basis",
             "pipl_13_2_contract", "--source", "门店", "--notice", "N-1")  # fmt: skip
    record = deal.json("inventory")[-1]["record"]
    deal.classify(record)
    deal.did("access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "export",
             "--purpose", "dispute", *SPAN)  # fmt: skip
    event = f"{deal.original(record)}/1"
    bundle = asked(deal, record, "--attach", f"{event}={table}")
    deal.did("evidence", "approve", bundle, "--yes", "--as", dpo)
    said = refused(deal, bundle, "--attach", f"{event}={table}", code=2)
    assert "several records" in said
