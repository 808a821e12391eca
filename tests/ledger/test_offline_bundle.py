"""A bundle shown by somebody who may be lying: what they change, and which step finds it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.founding import enrolment
from ledger.offline.bag import Bag, read_folder, read_zip, write_zip
from ledger.offline.check import check_bundle, verify_path
from ledger.offline.events import format_file
from ledger.offline.findings import CAUSES, Flaw
from ledger.offline.trust import parse_trust
from ledger.privatekey import generate
from ledger.tlog import ed25519
from ledger.tlog.note import Note, SignatureLine
from tests.ledger.ledgers import found_firm, keep_key
from tests.ledger.offline_forger import (
    BOOK,
    EVENTS,
    KEYS,
    PLACES,
    SCOPE,
    Case,
    Rogue,
    answers,
    check,
    codes,
    export,
    reasons,
    resealed,
    reviewed,
    trusting,
)
from tests.ledger.signers import signer

MAIN_CLAIMS = ("package_intact", "checkpoint_trusted", "events_genuine", "streams_unbroken")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    home = tmp_path_factory.mktemp("case")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        firm = found_firm(home / "ledger")
        with firm.open() as ledger:
            admin, reviewer = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
            record = reviewed(ledger, admin, reviewer, home / "合同")
            yield export(ledger, admin, record)


@pytest.fixture
def record(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> str:
    return reviewed(ledger, admin, second_person, tmp_path / "合同")


def places(case: Case) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(case.files[PLACES])
    return found


def last_event(case: Case) -> tuple[int, int]:
    """Entry and index of the last event: the review."""
    place = places(case)[-1]
    return int(str(place["entry"])), int(str(place["index"]))


# -- nothing is wrong -----------------------------------------------------------------------------


def test_what_was_exported_is_valid_and_says_what_it_cannot_decide(case: Case) -> None:
    report = check(case.files, case.vkey)
    assert report.verdict == "valid"
    assert report.findings == []
    found = answers(report)
    assert {claim: found.pop(claim) for claim in MAIN_CLAIMS} == dict.fromkeys(MAIN_CLAIMS, "holds")
    assert set(found.values()) == {"undecided"}
    assert {claim: reasons(report, claim) for claim in found} == {
        "keys_current": ["no_index"], "disclosed": ["nothing_disclosed"],
        "witnessed": ["no_cosigner_trusted"], "time": ["no_tsa_trusted"],
        "complete": ["no_index"], "permitted": ["not_judged"],
    }  # fmt: skip
    assert {row.answer for row in report.events} == {"holds"}
    assert len(report.events) == len(places(case))


def test_repacking_and_signing_again_changes_nothing(case: Case) -> None:
    assert check(resealed(case, {}), case.vkey).verdict == "valid"


def test_the_bundle_prints_what_it_says_it_prints(case: Case) -> None:
    expected = case.files["verify/EXPECTED_OUTPUT.txt"].decode("utf-8")
    assert check(case.files, case.vkey).as_text("en") == expected


def test_zip_and_folder_give_the_same_report(case: Case, tmp_path: Path) -> None:
    file, folder = tmp_path / "evidence.zip", tmp_path / "renamed"
    file.write_bytes(write_zip(case.files, case.name))
    for name, data in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    assert read_folder(folder).files == case.files
    report = verify_path(file, trusting(case.vkey), ed25519.verify)
    assert report == verify_path(folder, trusting(case.vkey), ed25519.verify)
    assert report.verdict == "valid"


def test_the_program_inside_needs_nothing_but_python(case: Case, tmp_path: Path) -> None:
    (tmp_path / "verify.pyz").write_bytes(case.files["verify/verify.pyz"])
    (tmp_path / "ledger.vkey").write_text(case.vkey + "\n", encoding="ascii")
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    data = write_zip(case.files, case.name)
    good.write_bytes(data)
    bad.write_bytes(data.replace(b"record.collected", b"record.destroyed"))
    for file, code in ((good, 0), (bad, 3)):
        for flags in ([], ["--json"], ["--lang", "zh"]):
            command = [sys.executable, "-I", "-S", "verify.pyz", file.name]
            command += ["--trust", "ledger.vkey", *flags]
            done = subprocess.run(
                command, cwd=tmp_path, env={}, capture_output=True, check=False, timeout=60
            )
            assert (done.returncode, done.stderr) == (code, b""), flags
            report = verify_path(file, trusting(case.vkey))
            said = report.as_json() if "--json" in flags else report.as_text((flags or ["en"])[-1])
            assert done.stdout.decode("utf-8") == said


# -- the package was changed, and not repacked ----------------------------------------------------


def test_any_changed_file_is_named(case: Case) -> None:
    for name, data in case.files.items():
        report = check({**case.files, name: data + b" "}, case.vkey)
        assert report.verdict == "invalid", name
        assert answers(report)["package_intact"] == "fails"
        assert name in {found.file for found in report.findings}, name


def test_any_missing_file_is_named(case: Case) -> None:
    for name in case.files:
        report = check({n: d for n, d in case.files.items() if n != name}, case.vkey)
        assert report.verdict == "invalid", name
        assert name in {found.file for found in report.findings}, name


def test_an_added_file_is_found_wherever_it_lies(case: Case) -> None:
    for name in ("data/30_文件/合同.pdf", "verify/more.pyz", "notes.txt", f"{BOOK}/x.txt"):
        report = check({**case.files, name: b""}, case.vkey)
        assert "file_unlisted" in codes(report), name
        assert report.verdict == "invalid"


def test_a_manifest_edited_to_match_fails_at_the_exporters_note(case: Case) -> None:
    changed = resealed(case, {"data/00_说明/README.zh.md": "另一份说明\n".encode()})
    report = check({**changed, "exporter.note": case.files["exporter.note"]}, case.vkey)
    assert codes(report) == {"note_differs"}
    assert report.verdict == "invalid"


def test_the_text_of_the_exporters_note_cannot_be_altered(case: Case) -> None:
    note = case.files["exporter.note"]
    for old, new in (
        (b"exported 2026", b"exported 2027"),
        (b"checkpoint ", b"checkpoint 1"),
        (b"muniment-evidence 2", b"muniment-evidence 1"),
        (f"scope record {case.record}".encode(), f"scope record {case.record[:-1]}0".encode()),
    ):
        changed = note.replace(old, new) if note.replace(old, new) != note else note + b"\n"
        report = check({**case.files, "exporter.note": changed}, case.vkey)
        assert codes(report) & {"note_signature", "note_malformed", "note_differs"}, old
        assert report.verdict == "invalid"


def test_a_note_signed_by_a_stranger_under_the_exporters_name_fails(case: Case) -> None:
    parsed = Note.parse(case.files["exporter.note"])
    stranger = signer("stranger.example")
    line = SignatureLine(
        parsed.signatures[0].name, parsed.signatures[0].key_id, stranger.sign(parsed.text)
    )
    forged = Note(parsed.text, (line,)).format()
    assert codes(check({**case.files, "exporter.note": forged}, case.vkey)) == {"note_signature"}


# -- the exporter lies ----------------------------------------------------------------------------


def test_an_event_that_was_left_out_leaves_a_gap(case: Case) -> None:
    """The one record event between others, with its place and proof, as if it had never been."""
    lines, found = case.files[EVENTS].splitlines(keepends=True), places(case)
    at = next(n for n, place in enumerate(found) if str(place["event"]).endswith("/2"))
    entry, index = found[at]["entry"], found[at]["index"]
    changes: dict[str, bytes | None] = {
        EVENTS: b"".join(lines[:at] + lines[at + 1 :]),
        PLACES: format_file(found[:at] + found[at + 1 :]),
        f"{BOOK}/proofs/{entry}-{index}.tlog-proof": None,
    }
    report = check(resealed(case, changes), case.vkey)
    assert "version_gap" in codes(report)
    assert answers(report)["streams_unbroken"] == "fails"


def test_a_line_cut_out_of_the_events_is_found(case: Case) -> None:
    lines = case.files[EVENTS].splitlines(keepends=True)
    report = check(resealed(case, {EVENTS: b"".join(lines[:-1])}), case.vkey)
    assert "events_cut" in codes(report)
    assert report.verdict == "invalid"
    assert answers(report)["events_genuine"] == "undecided"


def test_events_cut_off_in_the_middle_of_a_line_are_found(case: Case) -> None:
    report = check(resealed(case, {EVENTS: case.files[EVENTS][:-20]}), case.vkey)
    assert "events_cut" in codes(report)


def test_events_in_another_order_do_not_fit_their_proofs(case: Case) -> None:
    lines = case.files[EVENTS].splitlines(keepends=True)
    report = check(
        resealed(case, {EVENTS: b"".join([*lines[:-2], lines[-1], lines[-2]])}), case.vkey
    )
    assert "event_not_in_commit" in codes(report)
    assert answers(report)["events_genuine"] == "fails"


def test_events_and_places_in_another_order_are_refused(case: Case) -> None:
    lines, found = case.files[EVENTS].splitlines(keepends=True), places(case)
    changes = {
        EVENTS: b"".join([*lines[:-2], lines[-1], lines[-2]]),
        PLACES: format_file([*found[:-2], found[-1], found[-2]]),
    }
    report = check(resealed(case, changes), case.vkey)
    assert [(found.code, found.file) for found in report.findings] == [("file_malformed", PLACES)]
    assert answers(report)["events_genuine"] == "undecided"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"role":"collector"', b'"role":"custodian"'),
        (b'"at":"2', b'"at":"1'),
        (b'"version":2', b'"version":3'),
        (b'"by":"actor-0', b'"by":"actor-1'),
        (b'"type":"record.collected"', b'"type":"record.corrected"'),
    ],
)
def test_a_changed_byte_of_an_event_does_not_fit_its_proof(
    case: Case, old: bytes, new: bytes
) -> None:
    changed = case.files[EVENTS].replace(old, new)
    assert changed != case.files[EVENTS]
    report = check(resealed(case, {EVENTS: changed}), case.vkey)
    assert "event_not_in_commit" in codes(report)
    assert report.verdict == "invalid"
    told = [row for row in report.events if row.answer == "fails"]
    assert told
    assert not any(row.says for row in told), "what is not genuine is not repeated"


def test_an_event_that_is_not_canonical_is_refused(case: Case) -> None:
    lines = case.files[EVENTS].splitlines()
    spaced = json.dumps(json.loads(lines[-1]), sort_keys=True).encode()
    changed = b"\n".join([*lines[:-1], spaced]) + b"\n"
    assert "event_not_canonical" in codes(check(resealed(case, {EVENTS: changed}), case.vkey))


def test_an_event_under_another_id_is_found(case: Case) -> None:
    found = places(case)
    found[-1]["event"] = str(found[-1]["event"])[:-1] + "7"
    report = check(resealed(case, {PLACES: format_file(found)}), case.vkey)
    assert "derived_differs" in codes(report)


def test_the_proof_of_another_entry_does_not_serve(case: Case) -> None:
    entry, _ = last_event(case)
    other = case.files[f"{BOOK}/proofs/0.tlog-proof"]
    report = check(resealed(case, {f"{BOOK}/proofs/{entry}.tlog-proof": other}), case.vkey)
    assert "entry_proof_differs" in codes(report)
    relabelled = other.replace(b"index 0\n", f"index {entry}\n".encode())
    report = check(resealed(case, {f"{BOOK}/proofs/{entry}.tlog-proof": relabelled}), case.vkey)
    assert "entry_not_in_ledger" in codes(report)
    assert answers(report)["events_genuine"] == "fails"


def test_the_proof_of_another_event_does_not_serve(case: Case) -> None:
    other = case.files[f"{BOOK}/proofs/0-1.tlog-proof"]
    changes = {f"{BOOK}/proofs/0-0.tlog-proof": other.replace(b"index 1\n", b"index 0\n")}
    assert "event_not_in_commit" in codes(check(resealed(case, changes), case.vkey))


def test_a_missing_proof_makes_the_bundle_unverifiable(case: Case) -> None:
    entry, index = last_event(case)
    for name in (f"{entry}-{index}.tlog-proof", f"{entry}.tlog-proof"):
        report = check(resealed(case, {f"{BOOK}/proofs/{name}": None}), case.vkey)
        assert codes(report) & {"event_proof_missing", "entry_missing"}
        assert answers(report)["events_genuine"] == "undecided"
        assert report.verdict in ("unverifiable", "invalid")
        assert report.exit_code == 3


def test_swapped_signatures_fail(case: Case) -> None:
    """The lines of two signers of one commit, each under the other's name."""
    name = f"{BOOK}/entries/0.entry"
    head, _, lines = case.files[name].partition(b"\n\n")
    first, second = (line.rpartition(b" ") for line in lines.splitlines())
    swapped = first[0] + b" " + second[2] + b"\n" + second[0] + b" " + first[2] + b"\n"
    report = check(resealed(case, {name: head + b"\n\n" + swapped}), case.vkey)
    assert "entry_malformed" in codes(report), "key ids stand in the lines"
    assert answers(report)["events_genuine"] == "fails"


def test_an_accepted_time_cannot_be_changed(case: Case) -> None:
    entry, _ = last_event(case)
    name = f"{BOOK}/entries/{entry}.entry"
    changed = case.files[name].replace(b"accepted 2", b"accepted 1")
    report = check(resealed(case, {name: changed}), case.vkey)
    assert "entry_not_in_ledger" in codes(report)


@pytest.mark.parametrize(
    "name",
    [
        "data/30_文件/a.txt", "data/20_身份/more.json", "data/30_附件/files/1.pdf", "data/x.json",
        "data/40_报告/sub/x.pdf", "data/40_报告/x.exe", "verify/more.pyz",
        f"{BOOK}/index.json", f"{BOOK}/tokens/x.tsr", f"{BOOK}/checkpoints/x.txt",
        f"{BOOK}/entries/999.entry",
    ],
)  # fmt: skip
def test_a_file_for_which_there_is_no_place_is_found_though_signed_for(
    case: Case, name: str
) -> None:
    report = check(resealed(case, {name: b"x"}), case.vkey)
    assert codes(report) == {"file_unlisted"}
    assert report.verdict == "invalid"


def test_further_reports_for_people_are_the_exporters_business(case: Case) -> None:
    for name in ("data/40_报告/销毁证明.pdf", "data/50_互操作/more.csv"):
        assert check(resealed(case, {name: b"x"}), case.vkey).verdict == "valid"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (KEYS, "derived_differs"),
        ("data/60_环境/software.json", "file_malformed"),
        (SCOPE, "file_malformed"),
        (PLACES, "file_malformed"),
    ],
)
def test_a_file_that_says_something_else_than_the_events_is_found(
    case: Case, name: str, code: str
) -> None:
    for data in (b"[]\n", b"{}\n", b"", b"[1,2]\n", b'{"format":"muniment-evidence/1"}\n', b"\xff"):
        report = check(resealed(case, {name: data}), case.vkey)
        assert code in codes(report), data
        assert report.verdict == "invalid"


def test_keys_told_in_other_words_than_the_events_say_are_found(case: Case) -> None:
    for old, new in ((b'"active"', b'"revoked"'), (b'"since":0', b'"since":1')):
        changed = case.files[KEYS].replace(old, new, 1)
        assert changed != case.files[KEYS]
        assert codes(check(resealed(case, {KEYS: changed}), case.vkey)) == {"derived_differs"}


def test_a_scope_that_names_a_stream_that_is_not_there_is_found(case: Case) -> None:
    scope = json.loads(case.files[SCOPE])
    scope["streams"].append("record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e")
    report = check(resealed(case, {SCOPE: format_file(scope)}), case.vkey)
    assert codes(report) == {"version_gap"}


def test_a_policy_pack_that_was_not_adopted_is_found(case: Case) -> None:
    (name,) = (n for n in case.files if n.startswith(f"{BOOK}/policy/"))
    assert "policy_differs" in codes(check(resealed(case, {name: b"x"}), case.vkey))
    other = f"{BOOK}/policy/{'0' * 64}.toml"
    assert "policy_differs" in codes(check(resealed(case, {other: b"x"}), case.vkey))
    report = check(resealed(case, {name: None}), case.vkey)
    assert (codes(report), report.verdict) == ({"policy_missing"}, "unverifiable")


# -- the reader's key -----------------------------------------------------------------------------


def test_the_key_of_another_ledger_trusts_nothing_of_this_one(case: Case) -> None:
    other = signer("other.example/ledger").verifier.format()
    report = check(case.files, other)
    assert codes(report) == {"checkpoint_foreign"}
    assert report.verdict == "invalid"
    assert answers(report)["checkpoint_trusted"] == "fails"
    assert not any(row.answer == "holds" for row in report.events)


def test_another_key_under_the_ledgers_name_is_not_the_ledgers(case: Case) -> None:
    origin = case.vkey.partition("+")[0]
    report = check(case.files, signer(origin).verifier.format())
    assert codes(report) == {"checkpoint_key_unknown"}
    assert report.verdict == "unverifiable"
    assert {row.answer for row in report.events} == {"undecided"}


@pytest.mark.parametrize("text", ["", "x", "a+b+c", "example.com+00000000+AQ=="])
def test_what_is_no_key_is_a_wrong_call(case: Case, text: str) -> None:
    with pytest.raises(ValueError, match=r"verifier key|public key|point"):
        parse_trust(text)


def rotated(ledger: Ledger, admin: Acting) -> None:
    old = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
    key = generate("ed25519", "checkpoint", ledger.origin)
    keep_key(ledger, ledger.ledger_id, key)
    proposal = acts.rotate_ledger_key(ledger, enrolment(key, ledger.seen()))
    ledger.act(admin, [proposal], possession=[old, key])


def test_a_rotated_ledger_key_is_followed_from_the_first_one_and_not_backwards(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    before = export(ledger, admin, record)
    rotated(ledger, admin)
    rotated(ledger, admin)
    after = export(ledger, admin, record)
    assert check(after.files, after.vkey).verdict == "valid"
    newest = [row for row in json.loads(after.files[KEYS]) if row["purpose"] == "checkpoint"][-1]
    current = ledger.private_key(ledger.ledger_id, "checkpoint", newest["id"]).verifier.format()
    assert check(after.files, current).verdict == "valid"
    report = check(before.files, current)
    assert codes(report) == {"checkpoint_key_unknown"}
    assert answers(report)["checkpoint_trusted"] == "undecided"


def test_a_replaced_ledger_key_signs_no_later_state(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    old = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
    rotated(ledger, admin)
    rogue = Rogue(ledger, export(ledger, admin, record))
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "valid"
    rogue.key = old
    # An overlap of one entry: the state that holds the rotation may still be signed by the old key.
    assert check(rogue.bundle(), rogue.case.vkey).verdict == "invalid"


# -- every byte -----------------------------------------------------------------------------------


def test_no_flipped_byte_of_the_zip_leaves_it_valid(case: Case) -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    data = write_zip(case.files, case.name)
    trusted = read_zip(data)
    assert check_bundle(trusted, trusting(case.vkey), ed25519.verify).verdict == "valid"
    for _ in range(150):
        at, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
        assert not survives(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :], case.vkey), at


def survives(data: bytes, vkey: str) -> bool:
    try:
        return check_bundle(read_zip(data), trusting(vkey), ed25519.verify).verdict == "valid"
    except Flaw:
        return False


def test_no_flipped_byte_survives_a_repacked_bundle_but_in_what_nobody_proves(case: Case) -> None:
    """With the exporter's help: every byte of the evidence is held by proofs and signatures."""
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    names = [n for n in case.files if n.startswith((BOOK, KEYS))]
    for _ in range(150):
        name = draw.choice(names)
        data = bytearray(case.files[name])
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        try:
            files = resealed(case, {name: bytes(data)})
        except ValueError:
            continue
        report = check_bundle(Bag(case.name, files), trusting(case.vkey), ed25519.verify)
        assert report.verdict != "valid", (name, bytes(data))


def test_every_finding_has_a_cause_in_both_languages_and_a_step() -> None:
    for code, (step, english, chinese) in CAUSES.items():
        assert 1 <= step <= 12, code
        assert english.isascii()
        assert not chinese.isascii()
