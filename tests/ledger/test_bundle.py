"""Evidence bundles: what lies in one, that strangers can check it, and what it never holds."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Bundle
from ledger.bundle import export as write_bundle
from ledger.collecting import Collected, Terms, collect
from ledger.errors import NoteError, VerificationError
from ledger.founding import enrolment
from ledger.offline.bag import check_bag, read_zip, write_zip
from ledger.privatekey import generate
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash, verify_inclusion
from ledger.tlog.note import open_note
from ledger.tlog.proof import TlogProof
from projections.custody import copies
from tests.ledger.bundles import EARLIER, EXPORTED, evidence, loaded, ordered, written
from tests.ledger.ledgers import Firm, add_person, buyer, collect_files, keep_key, small_act
from tests.ledger.tampering import hand_in

NAMES = ("洁净保洁", "王管理", "李审核", "店主", "合同1", "号保洁", "丁家巷", "赵客户", "走失")
ENTRIES, PROOFS = "data/10_账本/entries", "data/10_账本/proofs"
SCOPE = "data/10_账本/scope.json"


def export(ledger: Ledger, acting: Acting, record: str) -> Bundle:
    return evidence(ledger, acting, "record", record)


def events_in(bundle: Bundle) -> list[dict[str, Any]]:
    lines = bundle.files["data/10_账本/events.jsonl"].splitlines()
    return [json.loads(line) for line in lines]


def about(bundle: Bundle) -> list[str]:
    """The types of the events in scope, in order."""
    streams = loaded(bundle.files, SCOPE)["streams"]
    return [event["type"] for event in events_in(bundle) if event["stream"] in streams]


def unpacked(bundle: Bundle, folder: Path) -> Path:
    """The bundle as anybody's zip program unpacks it."""
    file = folder / "evidence.zip"
    file.write_bytes(write_zip(bundle.files, top=bundle.id))
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder / bundle.id


def verify_with_pyz(ledger: Ledger, bundle: Path, pyz: Path) -> subprocess.CompletedProcess[str]:
    """The program inside the bundle, with nothing but the standard library and the ledger's key."""
    trust = ledger.folder.trust / "ledger.vkey"
    command = [sys.executable, "-I", "-S", str(pyz), str(bundle), "--trust", str(trust)]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60
    )


@pytest.fixture
def record(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> str:
    """One of three contracts collected together, reviewed by the second person."""
    collected = collect_files(ledger, admin, tmp_path / "丁家巷", 3)[1]
    ledger.act(second_person, [acts.review(collected.record, ["accuracy"], "pass")])
    return collected.record


def copy_of(ledger: Ledger, record: str) -> str:
    with ledger.engine.connect() as connection:
        return copies(connection, record)[0].holding


# -- what lies in it ----------------------------------------------------------------------------


def test_a_bundle_holds_the_records_chain_of_custody_and_no_other_records(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    bundle = export(ledger, admin, record)
    assert sorted(about(bundle)) == ["holding.created", "record.collected", "record.verified"]
    assert {e["stream"] for e in events_in(bundle) if e["type"].startswith("record.")} == {record}
    assert bundle.own == 3
    assert bundle.own + bundle.identity == len(events_in(bundle))


def test_a_copy_that_moved_is_part_of_the_evidence(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    before = export(ledger, admin, record)
    ledger.act(
        admin, [acts.lose_holding(copy_of(ledger, record), EARLIER, {"circumstances": "走失"})]
    )
    after = export(ledger, admin, record)
    assert "holding.lost" not in about(before)
    assert "holding.lost" in about(after)


def test_who_else_was_given_evidence_of_it_is_part_of_the_evidence(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    first = export(ledger, admin, record)
    second = export(ledger, admin, record)
    assert second.own == first.own + 2
    streams = loaded(second.files, SCOPE)["streams"]
    assert first.id in streams


def test_its_own_export_is_proved_in_a_bundle_and_is_not_what_it_is_about(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    bundle = export(ledger, admin, record)
    scope = loaded(bundle.files, SCOPE)
    assert scope["export"] == f"{bundle.id}/2"
    assert bundle.id not in scope["streams"]
    own = [event["type"] for event in events_in(bundle) if event["stream"] == bundle.id]
    assert own == ["bundle.requested", "bundle.exported"]


def test_every_event_is_proved_by_other_peoples_formats_alone(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    bundle = export(ledger, admin, record)
    files = bundle.files
    lines = files["data/10_账本/events.jsonl"].splitlines()
    places = loaded(bundle.files, "data/10_账本/places.json")
    assert len(lines) == len(places) > 3
    for line, place in zip(lines, places, strict=True):
        event = json.loads(line)
        assert place["event"] == f"{event['stream']}/{event['version']}"
        entry = files[f"{ENTRIES}/{place['entry']}.entry"]
        in_ledger = TlogProof.parse(files[f"{PROOFS}/{place['entry']}.tlog-proof"])
        head = open_checkpoint(in_ledger.checkpoint_note, [ledger.folder.pinned_key()]).checkpoint
        leaf = leaf_hash(entry)
        verify_inclusion(in_ledger.index, head.size, leaf, list(in_ledger.hashes), head.root)
        name = f"{PROOFS}/{place['entry']}-{place['index']}.tlog-proof"
        in_commit = TlogProof.parse(files[name])
        commit = Entry.parse(entry).commit
        assert in_commit.checkpoint_note == commit.format()
        hashes = list(in_commit.hashes)
        note = commit.note
        verify_inclusion(place["index"], note.count, leaf_hash(line), hashes, note.root)


def test_whoever_signed_is_known_down_to_the_first_entry(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    shipped = {event["stream"] for event in events_in(export(ledger, admin, record))}
    with ledger.engine.connect() as connection:
        policy = connection.exec_driver_sql("SELECT count(*) FROM policies").scalar_one()
    assert {ledger.ledger_id, admin.actor, second_person.actor, admin.state.party} <= shipped
    assert sum(stream.startswith("policy-") for stream in shipped) == policy == 1


def test_who_did_not_sign_is_not_in_it(ledger: Ledger, admin: Acting, record: str) -> None:
    before = export(ledger, admin, record)
    ledger.act(admin, [buyer()])
    ledger.act(admin, [small_act(7)])
    after = export(ledger, admin, record)
    assert after.size == before.size + 4
    again = [one for one in events_in(after) if one["stream"] != after.id]
    assert again == events_in(before)


def test_an_exporter_who_signed_nothing_else_is_known_too(
    ledger: Ledger, admin: Acting, firm: Firm, tmp_path: Path
) -> None:
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
    clerk = add_person(ledger, admin, firm.founded.party, ["custodian"])
    bundle = written(ledger, clerk, ordered(ledger, clerk, "record", record))
    assert clerk.actor in {event["stream"] for event in events_in(bundle)}
    opened = open_note(bundle.files["exporter.note"], [clerk.key.verifier])
    assert f"scope record {record}\n".encode() in opened.text
    with pytest.raises(NoteError):
        open_note(bundle.files["exporter.note"], [admin.key.verifier])


def test_streams_are_shipped_whole(ledger: Ledger, admin: Acting, record: str) -> None:
    versions: dict[str, list[int]] = {}
    for event in events_in(export(ledger, admin, record)):
        versions.setdefault(event["stream"], []).append(event["version"])
    assert all(found == [*range(1, len(found) + 1)] for found in versions.values())


def test_the_key_history_is_the_ledgers_own(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    ledger.act(admin, [acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")])
    listed = loaded(export(ledger, admin, record).files, "data/20_身份/keys.json")
    fields = ("name", "id", "holder", "purpose", "kind", "since", "until", "condition")
    found = [tuple(key.get(field) for field in fields) for key in listed]
    with ledger.engine.connect() as connection:
        columns = ", ".join(f'"{field}"' for field in fields)
        query = f"SELECT {columns} FROM keys ORDER BY name, id"
        assert sorted(found) == [tuple(row) for row in connection.exec_driver_sql(query)]
    revoked = next(key for key in listed if key["condition"] == "revoked")
    assert [event.partition("/")[0] for event in revoked["events"]] == [second_person.actor] * 2


def test_the_policy_pack_is_the_one_adopted(ledger: Ledger, admin: Acting, record: str) -> None:
    files = export(ledger, admin, record).files
    (name,) = [name for name in files if name.startswith("data/10_账本/policy/")]
    assert Path(name).name == f"{sha256(files[name]).hexdigest()}.toml"


# -- the checkpoint, and the same bytes twice ---------------------------------------------------


def test_a_checkpoint_is_signed_if_none_covers_the_present_state(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    before = ledger.last_checkpoint()
    bundle = export(ledger, admin, record)
    note = ledger.last_checkpoint()
    assert note != before
    assert bundle.files[f"data/10_账本/checkpoints/{bundle.size}.txt"] == note
    ledger.act(admin, [small_act()])
    assert export(ledger, admin, record).size == bundle.size + 3


def test_the_same_export_gives_the_same_bytes(ledger: Ledger, admin: Acting, record: str) -> None:
    order = ordered(ledger, admin, "record", record)
    first, second = (written(ledger, admin, order) for _ in range(2))
    assert write_zip(first.files, top=first.id) == write_zip(second.files, top=second.id)


def test_another_moment_or_export_gives_another_note(
    ledger: Ledger, admin: Acting, firm: Firm, record: str
) -> None:
    clerk = add_person(ledger, admin, firm.founded.party, ["custodian"])
    notes = {
        write_bundle(ledger, who, order, exported_at=at).files["exporter.note"]
        for who in (admin, clerk)
        for order in [ordered(ledger, who, "record", record)]
        for at in (EXPORTED, "2100-01-01T00:00:00.001Z")
    }
    assert len(notes) == 4


# -- strangers check it -------------------------------------------------------------------------


def test_the_program_inside_the_bundle_verifies_it(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path
) -> None:
    bundle = export(ledger, admin, record)
    folder = unpacked(bundle, tmp_path)
    pyz = folder / "verify" / "verify.pyz"
    for shown in (folder, tmp_path / "evidence.zip"):
        done = verify_with_pyz(ledger, shown, pyz)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (folder / "verify" / "EXPECTED_OUTPUT.txt").read_text("utf-8")


def test_the_program_inside_refuses_another_ledgers_key(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, tmp_path: Path
) -> None:
    folder = unpacked(export(ledger, admin, record), tmp_path)
    trust = ledger.folder.trust / "ledger.vkey"
    trust.write_text(second_person.key.verifier.format() + "\n")
    done = verify_with_pyz(ledger, folder, folder / "verify" / "verify.pyz")
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("path", ["data/10_账本/events.jsonl", "data/20_身份/keys.json",
                                  "data/00_说明/README.zh.md", "bag-info.txt"])  # fmt: skip
def test_a_changed_byte_fails_with_the_program_inside(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path, path: str
) -> None:
    folder = unpacked(export(ledger, admin, record), tmp_path)
    data = (folder / path).read_bytes()
    (folder / path).write_bytes(data.replace(b"1", b"2", 1))
    assert verify_with_pyz(ledger, folder, folder / "verify" / "verify.pyz").returncode == 3


def test_the_library_of_congress_validates_the_bag(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path
) -> None:
    bagit = pytest.importorskip("bagit", reason="bagit is not installed: pip install -e .[dev]")
    folder = unpacked(export(ledger, admin, record), tmp_path)
    assert bagit.Bag(str(folder)).validate()
    (folder / "data/10_账本/scope.json").write_bytes(b"{}\n")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(folder)).validate()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum here")
@pytest.mark.parametrize("manifest", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_sha256sum_reads_the_manifests(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path, manifest: str
) -> None:
    folder = unpacked(export(ledger, admin, record), tmp_path)
    command = ["sha256sum", "--check", "--strict", "--quiet", manifest]
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0
    file = folder / (folder / manifest).read_text("utf-8").splitlines()[0].partition("  ")[2]
    file.write_bytes(file.read_bytes() + b"\n")
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode != 0


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip here")
def test_unzip_finds_no_fault_with_the_zip(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path
) -> None:
    unpacked(export(ledger, admin, record), tmp_path)
    command = ["unzip", "-t", str(tmp_path / "evidence.zip")]
    done = subprocess.run(command, check=False, capture_output=True)
    assert (done.returncode, b"No errors detected" in done.stdout) == (0, True)


def test_the_zip_is_the_one_that_a_bag_has(ledger: Ledger, admin: Acting, record: str) -> None:
    bundle = export(ledger, admin, record)
    bag = read_zip(write_zip(bundle.files, top=bundle.id))
    assert (bag.name, check_bag(bag)) == (bundle.id, [])


# -- keys that change ---------------------------------------------------------------------------


def verdict(ledger: Ledger, bundle: Bundle, tmp_path: Path) -> tuple[int, str]:
    folder = unpacked(bundle, tmp_path)
    done = verify_with_pyz(ledger, folder, folder / "verify" / "verify.pyz")
    assert done.stdout == (folder / "verify" / "EXPECTED_OUTPUT.txt").read_text("utf-8")
    return done.returncode, done.stdout


def test_after_the_ledgers_key_was_replaced_the_first_one_still_verifies(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path
) -> None:
    first = ledger.folder.pinned_key()
    old = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
    key = generate("ed25519", "checkpoint", ledger.origin)
    keep_key(ledger, ledger.ledger_id, key)
    proposal = acts.rotate_ledger_key(ledger, enrolment(key, ledger.seen()))
    ledger.act(admin, [proposal], possession=[old, key])
    bundle = export(ledger, admin, record)
    assert ledger.folder.pinned_key() == first
    assert verdict(ledger, bundle, tmp_path)[0] == 0


def test_a_signer_who_left_has_signed_what_was_signed(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, tmp_path: Path
) -> None:
    ledger.act(admin, [acts.revoke_key(second_person.actor, second_person.key_id.hex(), "left")])
    assert verdict(ledger, export(ledger, admin, record), tmp_path)[0] == 0


def test_a_compromised_signer_makes_the_evidence_disputed_and_it_is_exported_all_the_same(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, tmp_path: Path
) -> None:
    report = acts.report_compromise(
        second_person.actor, second_person.key_id.hex(), "2026-01-01T00:00:00.000Z"
    )
    ledger.act(admin, [report])
    code, said = verdict(ledger, export(ledger, admin, record), tmp_path)
    assert code == 3
    assert "DISPUTED" in said


# -- tables, large commits, sizes ---------------------------------------------------------------


def rows_of(ledger: Ledger, acting: Acting, folder: Path, count: int) -> list[Collected]:
    """A table of so many people, collected row by row."""
    folder.mkdir()
    lines = ["姓名,电话", *(f"赵客户{number},1390000{number:04d}" for number in range(count))]
    (folder / "赵客户.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    terms = Terms("transaction.order", "pipl_13_2_contract", "店主", ledger.routine(), rows=True)
    found = [one for one in collect(ledger, acting, [folder], terms) if isinstance(one, Collected)]
    assert len(found) == count
    return found


def test_a_row_of_a_table_comes_with_the_copy_of_the_table_and_no_other_row(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    rows = rows_of(ledger, admin, tmp_path / "丁家巷", 5)
    bundle = export(ledger, admin, rows[3].record)
    assert sorted(about(bundle)) == ["holding.created", "record.collected"]
    assert verdict(ledger, bundle, tmp_path)[0] == 0
    everything = b"".join(bundle.files.values())
    others = [row.record for row in rows if row != rows[3]]
    assert [record for record in others if record.encode() in everything] == []


def test_a_record_of_a_commit_with_hundreds_costs_no_more_than_its_path(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    rows = rows_of(ledger, admin, tmp_path / "丁家巷", 1_100)
    bundle = export(ledger, admin, rows[700].record)
    proofs = [TlogProof.parse(data) for name, data in bundle.files.items()
              if re.fullmatch(rf"{PROOFS}/[0-9]+-[0-9]+\.tlog-proof", name)]  # fmt: skip
    assert max(proof.head.size for proof in proofs) > 900
    assert max(len(proof.hashes) for proof in proofs) <= 10
    assert len(events_in(bundle)) == len(proofs) < 30
    assert verdict(ledger, bundle, tmp_path)[0] == 0


def test_an_event_more_is_proved_in_less_than_3_kilobytes(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    # In a ledger of a million entries its proof is longer by 18 hashes, or 810 bytes: below 4 kB.
    before = export(ledger, admin, record)
    for _ in range(10):
        ledger.act(second_person, [acts.review(record, ["accuracy"], "pass")])
    after = export(ledger, admin, record)
    assert (_proof_bytes(after) - _proof_bytes(before)) / (after.own - before.own) < 3_100


def _proof_bytes(bundle: Bundle) -> int:
    """What the proofs cost in the zip, without the pages for people."""
    proved = {name: data for name, data in bundle.files.items() if name.startswith("data/10_")}
    return len(write_zip(proved, top=bundle.id))


def test_an_export_looks_things_up_and_never_goes_through_a_table(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    order = ordered(ledger, admin, "record", record)
    asked: list[str] = []
    sa.event.listen(
        ledger.engine, "checkout",
        lambda raw, *_: raw.set_trace_callback(asked.append),
    )  # fmt: skip
    written(ledger, admin, order)
    asked = [sql for sql in asked if sql.upper().startswith("SELECT")]
    assert len(asked) > 10
    plans = {
        row[3]
        for sql in asked
        for row in sqlite3.connect(ledger.folder.database).execute(f"EXPLAIN QUERY PLAN {sql}")
    }
    scans = {plan.split()[1] for plan in plans if plan.startswith("SCAN")}
    # A row, one each adoption and backup, the newest checkpoints: nothing grows with what is kept.
    assert scans <= {"head", "policies", "checkpoints", "backups", "restored_copies"}


# -- what it never holds, and what is refused ---------------------------------------------------


def test_no_name_title_or_file_name_is_anywhere_in_a_bundle(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path
) -> None:
    ledger.act(
        admin, [acts.lose_holding(copy_of(ledger, record), EARLIER, {"circumstances": "走失"})]
    )
    content = sha256("第1号保洁合同".encode()).hexdigest()
    for at, wanted in enumerate((record, rows_of(ledger, admin, tmp_path / "表", 3)[0].record)):
        everything = b"".join(export(ledger, admin, wanted).files.values())
        assert [name for name in NAMES if name.encode() in everything] == []
        assert [n for n in NAMES if json.dumps(n).strip('"').encode() in everything] == []
        assert content.encode() not in everything, at


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE events SET state = replace(state, ':\"2', ':\"1') WHERE position = {event}",
        "UPDATE commits SET data = replace(data, 'accepted 2', 'accepted 1') WHERE entry = {entry}",
        "UPDATE commits SET data = replace(data, 'collector', 'reviewer') WHERE entry = {entry}",
        "UPDATE packs SET data = data || ' '",
        "DELETE FROM events WHERE entry = {entry} AND position <> {event}",
    ],
)
def test_a_ledger_whose_evidence_was_changed_hands_out_none(
    ledger: Ledger, admin: Acting, tmp_path: Path, forgery: str
) -> None:
    record = collect_files(ledger, admin, tmp_path / "丁家巷")[0]
    entry = ledger.seen()[0] - 1
    order = ordered(ledger, admin, "record", record.record)
    written(ledger, admin, order)
    with hand_in(ledger.folder.database) as connection:
        sql = forgery.format(event=record.position, entry=entry)
        assert connection.execute(_as_bytes(sql)).rowcount == 1
    with pytest.raises(VerificationError, match="nothing was exported"):
        written(ledger, admin, order)


def _as_bytes(sql: str) -> str:
    """`replace` and `||` make text of a column's bytes, which it must not become."""
    return re.sub(r"= (replace\(.*?\)|data \|\| ' ')(?= WHERE|$)", r"= CAST(\1 AS BLOB)", sql)
