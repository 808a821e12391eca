"""What a bundle discloses and what it holds back: fields, files and whole events."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.bundle import Attachment, Bundle, Order, Selection, check
from ledger.bundle.order import canonical_json
from ledger.disclosure import Shown, check_field
from ledger.errors import UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.signing import new_ids
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.proof import TlogProof
from tests.ledger.bundles import EARLIER, LEDGER, SHOWN, evidence, loaded, ordered, written
from tests.ledger.ledgers import collect_files
from tests.ledger.tampering import hand_in

CONTENT = "第0号保洁合同".encode()
SECRET = "trade_secret"


@pytest.fixture
def record(ledger: Ledger, admin: Acting, tmp_path: Path) -> str:
    """A contract, with a copy that was lost in circumstances that are sealed."""
    return collect_files(ledger, admin, tmp_path / "丁家巷")[0].record


def lost(ledger: Ledger, admin: Acting, record: str) -> str:
    """The event of the loss of a record's copy."""
    said = acts.lose_holding(
        copy_of(ledger, record), EARLIER, {"circumstances": "走失", "remark": "雨夜"}
    )
    return ledger.act(admin, [said]).events[0].id


def shown(
    ledger: Ledger, admin: Acting, approver: Acting, record: str, selection: Selection
) -> Bundle:
    order = ordered(ledger, admin, "record", record, selection=selection, approver=approver)
    return written(ledger, admin, order)


def title_of(ledger: Ledger, record: str) -> tuple[str, dict[str, str]]:
    """The event that collected a record, and its sealed fields."""
    position, _, event, _ = ledger.events_of(record)[0]
    fields = ledger.unseal(position, event)
    assert fields is not None
    return event.id, dict(fields)


# -- fields -------------------------------------------------------------------------------------


def test_only_the_fields_that_were_selected_are_opened(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    selection = Selection(openings=((event, "circumstances"),))
    bundle = shown(ledger, admin, second_person, record, selection)
    (opened,) = loaded(bundle.files, f"{SHOWN}/openings.json")
    (field,) = opened["fields"]
    assert (opened["event"], field["path"], field["value"]) == (event, "circumstances", "走失")
    everything = b"".join(bundle.files.values())
    assert "雨夜".encode() not in everything
    assert json.dumps("雨夜").encode() not in everything


def test_an_opened_field_is_the_one_that_the_event_committed_to(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event, fields = title_of(ledger, record)
    selection = Selection(openings=tuple((event, path) for path in sorted(fields, reverse=True)))
    bundle = shown(ledger, admin, second_person, record, selection)
    (opened,) = loaded(bundle.files, f"{SHOWN}/openings.json")
    assert [field["path"] for field in opened["fields"]] == sorted(fields)
    lines = bundle.files[f"{LEDGER}/events.jsonl"].splitlines()
    (said,) = [e for e in map(decode_event, lines) if e.id == event]
    assert said.sealed
    for field in opened["fields"]:
        one = Shown(field["path"], field["r"], field["value"], tuple(field["way"]))
        check_field(ledger.origin, event, bytes.fromhex(said.sealed.root), one)
        other = Shown(one.path, one.r, one.value + "。", one.way)
        with pytest.raises(VerificationError):
            check_field(ledger.origin, event, bytes.fromhex(said.sealed.root), other)


def test_a_field_that_is_asked_for_twice_is_opened_once(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    twice = ((event, "remark"), (event, "circumstances"), (event, "remark"))
    bundle = shown(ledger, admin, second_person, record, Selection(openings=twice))
    (opened,) = loaded(bundle.files, f"{SHOWN}/openings.json")
    assert [field["path"] for field in opened["fields"]] == ["circumstances", "remark"]
    assert Selection(openings=twice).digest() == Selection(openings=twice[:2]).digest()


def test_texts_stand_in_the_file_as_plain_ascii(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    selection = Selection(openings=((event, "circumstances"),))
    data = shown(ledger, admin, second_person, record, selection).files[f"{SHOWN}/openings.json"]
    assert data.isascii()
    assert b'"value":"\\u8d70\\u5931"' in data
    assert canonical_json(json.loads(data)) == data


@pytest.mark.parametrize("path", ["title", "", "circumstances ", "走失"])
def test_a_field_that_is_not_there_is_not_opened(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, path: str
) -> None:
    event = lost(ledger, admin, record)
    with pytest.raises(UsageError, match="no such sealed field"):
        shown(ledger, admin, second_person, record, Selection(openings=((event, path),)))


def test_an_event_that_the_evidence_is_not_about_is_not_opened(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, tmp_path: Path
) -> None:
    other = collect_files(ledger, admin, tmp_path / "别的")[0].record
    event, fields = title_of(ledger, other)
    selection = Selection(openings=((event, min(fields)),))
    with pytest.raises(UsageError, match="not in this evidence"):
        shown(ledger, admin, second_person, record, selection)


def test_the_name_behind_a_key_may_be_opened_too(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    selection = Selection(openings=((f"{admin.actor}/1", "name"),))
    bundle = shown(ledger, admin, second_person, record, selection)
    (opened,) = loaded(bundle.files, f"{SHOWN}/openings.json")
    assert opened["fields"][0]["value"] == "王管理"


def test_what_was_erased_is_not_opened_and_is_said_to_be_erased(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    with hand_in(ledger.folder.database) as connection:
        sql = "DELETE FROM sealed WHERE position = (SELECT max(position) FROM events)"
        assert connection.execute(sql).rowcount == 1
    bundle = evidence(ledger, admin, "record", record)
    rows = {row["event"]: row for row in loaded(bundle.files, f"{SHOWN}/redactions.json")}
    assert rows[event] == {"event": event, "reason": "erased", "what": "fields"}
    assert rows[f"{record}/1"]["reason"] == "not_needed"
    with pytest.raises(UsageError, match="erased"):
        shown(ledger, admin, second_person, record,
              Selection(openings=((event, "circumstances"),)))  # fmt: skip


# -- files --------------------------------------------------------------------------------------


def content_event(ledger: Ledger, record: str) -> str:
    """The event with the digest of the content, sealed."""
    for stream in (record, *ledger.state(record).holdings):  # type: ignore[union-attr]
        for position, _, event, _ in ledger.events_of(stream):
            if (ledger.unseal(position, event) or {}).get("content"):
                return event.id
    raise AssertionError("no event names the content")


def test_the_content_goes_along_with_the_field_that_names_it(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = content_event(ledger, record)
    attachment = Attachment(event, "content", "clear", CONTENT, "txt")
    selection = Selection(openings=((event, "content"),), attachments=(attachment,))
    bundle = shown(ledger, admin, second_person, record, selection)
    (row,) = loaded(bundle.files, f"{SHOWN}/attachments.json")
    assert row == {
        "event": event, "file": "files/1.txt", "kind": "clear", "path": "content",
        "sha256": sha256(CONTENT).hexdigest(),
    }  # fmt: skip
    assert bundle.files[f"{SHOWN}/files/1.txt"] == CONTENT


def test_another_content_does_not_go_as_the_one_that_was_recorded(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = content_event(ledger, record)
    attachment = Attachment(event, "content", "clear", CONTENT + b"!", "txt")
    for openings in (((event, "content"),), ()):
        selection = Selection(openings=openings, attachments=(attachment,))
        with pytest.raises(VerificationError, match="nothing was exported"):
            shown(ledger, admin, second_person, record, selection)


def test_redacted_and_sealed_versions_are_numbered_in_an_order_of_their_own(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = content_event(ledger, record)
    files = [Attachment(event, "content", "sealed", b"\0" * 40, "age", "legal_privilege"),
             Attachment(event, "content", "redacted", "第█号".encode(), "txt",
                        "trade_secret")]  # fmt: skip
    numbered = []
    for order in (files, files[::-1]):
        bundle = shown(ledger, admin, second_person, record, Selection(attachments=tuple(order)))
        rows = loaded(bundle.files, f"{SHOWN}/attachments.json")
        numbered.append([(row["file"], row["kind"], row["reason"]) for row in rows])
    first = ("files/1.txt", "redacted", "trade_secret")
    assert numbered == [[first, ("files/2.age", "sealed", "legal_privilege")]] * 2


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("redacted", ""), ("sealed", ""), ("redacted", "whim"), ("clear", "erased")],
)
def test_what_does_not_go_in_clear_has_a_reason_and_nothing_else_has(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, kind: str, reason: str
) -> None:
    event = content_event(ledger, record)
    attachment = Attachment(event, "content", kind, CONTENT, "txt", reason)
    selection = Selection(openings=((event, "content"),), attachments=(attachment,))
    with pytest.raises(UsageError, match="reason"):
        shown(ledger, admin, second_person, record, selection)


def test_a_file_is_attached_to_the_field_of_a_content_and_to_no_other(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    (holding,) = ledger.state(record).holdings  # type: ignore[union-attr]
    forged = b"a contract that nobody signed"
    said = {"circumstances": sha256(forged).hexdigest()}
    lost = ledger.act(admin, [acts.lose_holding(holding, "2026-03-02T01:00:00.000Z", said)])
    event = lost.events[0].id
    attachment = Attachment(event, "circumstances", "clear", forged, "txt")
    selection = Selection(openings=((event, "circumstances"),), attachments=(attachment,))
    with pytest.raises(UsageError, match="to no other"):
        shown(ledger, admin, second_person, record, selection)


@pytest.mark.parametrize("ext", ["", "tar.gz", "TXT", "../x", "txt/", "ninechars"])
def test_an_extension_that_could_be_a_path_is_refused(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, ext: str
) -> None:
    attachment = Attachment(content_event(ledger, record), "content", "redacted", b"x", ext, SECRET)
    with pytest.raises(UsageError, match="extension"):
        shown(ledger, admin, second_person, record, Selection(attachments=(attachment,)))


def test_a_file_of_an_event_that_is_not_shown_is_refused(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str, tmp_path: Path
) -> None:
    other = collect_files(ledger, admin, tmp_path / "别的")[0].record
    event = content_event(ledger, other)
    attachment = Attachment(event, "content", "redacted", b"x", "txt", SECRET)
    with pytest.raises(UsageError, match="not in this evidence"):
        shown(ledger, admin, second_person, record, Selection(attachments=(attachment,)))


# -- whole events -------------------------------------------------------------------------------


def test_a_withheld_event_leaves_its_place_and_its_proof_and_not_a_byte_more(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    raw = ledger.events_of(event.partition("/")[0])[1][3]
    plain = evidence(ledger, admin, "record", record)
    bundle = evidence(
        ledger, admin, "record", record, selection=Selection(redactions=((event, "trade_secret"),))
    )
    places = loaded(bundle.files, f"{LEDGER}/places.json")
    (place,) = [place for place in places if place["event"] == event]
    assert (place["leaf"], place["reason"]) == (leaf_hash(raw).hex(), "trade_secret")
    lines = bundle.files[f"{LEDGER}/events.jsonl"].splitlines()
    assert raw in plain.files[f"{LEDGER}/events.jsonl"].splitlines()
    assert raw not in lines
    assert len(lines) == len(places) - 1
    assert event not in b"".join(lines).decode()
    salt = json.loads(raw)["salt"].encode()
    assert salt not in b"".join(bundle.files.values())
    name = f"{LEDGER}/proofs/{place['entry']}-{place['index']}.tlog-proof"
    assert TlogProof.parse(bundle.files[name]).index == place["index"]
    rows = loaded(bundle.files, f"{SHOWN}/redactions.json")
    assert {"event": event, "reason": "trade_secret", "what": "event"} in rows


def test_redactions_follow_the_order_of_places_and_miss_no_sealed_field(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    holding = event.partition("/")[0]
    selection = Selection(
        redactions=((f"{holding}/1", "personal_data"),), because="legal_privilege"
    )
    bundle = evidence(ledger, admin, "record", record, selection=selection)
    lines = bundle.files[f"{LEDGER}/events.jsonl"].splitlines()
    sealed = {e.id for e in map(decode_event, lines) if e.sealed}
    rows = loaded(bundle.files, f"{SHOWN}/redactions.json")
    order = [place["event"] for place in loaded(bundle.files, f"{LEDGER}/places.json")]
    wanted = [name for name in order if name in sealed or name == f"{holding}/1"]
    assert [row["event"] for row in rows] == wanted
    reasons = {row["event"]: (row["reason"], row["what"]) for row in rows}
    assert reasons[event] == ("legal_privilege", "fields")
    assert reasons[f"{holding}/1"] == ("personal_data", "event")


def test_nothing_of_a_withheld_event_is_opened(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    event = lost(ledger, admin, record)
    selection = Selection(openings=((event, "circumstances"),), redactions=((event, "not_needed"),))
    with pytest.raises(UsageError, match="not in this evidence"):
        shown(ledger, admin, second_person, record, selection)


@pytest.mark.parametrize("kind", ["actor", "ledger", "bundle", "other"])
def test_what_proves_keys_or_the_export_is_never_withheld(
    ledger: Ledger, admin: Acting, record: str, kind: str, tmp_path: Path
) -> None:
    other = collect_files(ledger, admin, tmp_path / "别的")[0].record
    earlier = evidence(ledger, admin, "actor", admin.actor).id
    streams = {"actor": admin.actor, "ledger": ledger.ledger_id, "bundle": earlier, "other": other}
    selection = Selection(redactions=((f"{streams[kind]}/1", "not_needed"),))
    order = ordered(ledger, admin, "actor", admin.actor, selection=selection)
    if kind == "other":
        order = order._replace(kind="record", object=record)
    with pytest.raises(UsageError, match="cannot be withheld"):
        written(ledger, admin, order)


def test_an_event_is_withheld_for_one_reason(ledger: Ledger, admin: Acting, record: str) -> None:
    event = lost(ledger, admin, record)
    selection = Selection(redactions=((event, "not_needed"), (event, "personal_data")))
    with pytest.raises(UsageError, match="one reason"):
        evidence(ledger, admin, "record", record, selection=selection)


@pytest.mark.parametrize("where", ["redactions", "because"])
def test_a_reason_is_one_of_the_five(
    ledger: Ledger, admin: Acting, record: str, where: str
) -> None:
    event = lost(ledger, admin, record)
    selection = Selection(redactions=((event, "because"),))
    if where == "because":
        selection = Selection(because="because")
    with pytest.raises(UsageError, match="no such reason"):
        evidence(ledger, admin, "record", record, selection=selection)


def test_an_order_is_checked_before_anything_is_recorded(
    ledger: Ledger, admin: Acting, record: str, tmp_path: Path
) -> None:
    other = collect_files(ledger, admin, tmp_path / "别的")[0].record
    event, fields = title_of(ledger, record)
    (bundle,) = new_ids("bundle")
    order = Order(bundle, "record", record, "", "", "")
    good = Selection(openings=((event, min(fields)),), redactions=((f"{copy_of(ledger, record)}/1",
                                                                    "not_needed"),))  # fmt: skip
    bad = [
        Selection(openings=((event, "no such"),)),
        Selection(openings=((f"{other}/1", min(fields)),)),
        Selection(redactions=((f"{other}/1", "not_needed"),)),
        Selection(
            attachments=(Attachment(f"{other}/1", "content", "redacted", b"x", "txt", SECRET),)
        ),
    ]
    entries = ledger.seen()
    check(ledger, admin, order._replace(selection=good))
    for selection in bad:
        with pytest.raises(UsageError):
            check(ledger, admin, order._replace(selection=selection))
    content = content_event(ledger, record)
    forged = (Attachment(content, "content", "clear", b"forged", "txt"),)
    selection = Selection(openings=((content, "content"),), attachments=forged)
    with pytest.raises(VerificationError):
        check(ledger, admin, order._replace(selection=selection))
    with pytest.raises(UsageError, match="there is no actor"):
        check(ledger, admin, order._replace(kind="actor"))
    assert ledger.seen() == entries


def copy_of(ledger: Ledger, record: str) -> str:
    (holding,) = ledger.state(record).holdings  # type: ignore[union-attr]
    return str(holding)


# -- the digest ---------------------------------------------------------------------------------


def test_the_digest_of_a_selection_is_that_of_its_sorted_lists() -> None:
    first, second = ("record-1/1", "title"), ("record-1/1", "person")
    file = Attachment("record-1/1", "content", "clear", b"x", "txt")
    one = Selection((first, second), (file,), (("record-1/2", "erased"),))
    other = Selection((second, first), (file._replace(data=b"y"),), one.redactions)
    assert one.digest() == other.digest() == sha256(one.canonical()).hexdigest()
    assert one.canonical() == (
        b'{"attachments":[["record-1/1","content","clear",""]],'
        b'"openings":[["record-1/1","person"],["record-1/1","title"]],'
        b'"redactions":[["record-1/2","erased"]]}\n'
    )
    changed = {
        one._replace(openings=(first,)).digest(),
        one._replace(attachments=()).digest(),
        one._replace(redactions=(("record-1/2", "not_needed"),)).digest(),
        one._replace(attachments=(file._replace(kind="sealed"),)).digest(),
        one._replace(attachments=(file._replace(kind="sealed", reason=SECRET),)).digest(),
    }
    assert len({one.digest(), *changed}) == 6
    assert one._replace(because="erased").digest() == one.digest()


def test_no_content_is_in_what_is_printed_of_an_attachment() -> None:
    assert "x1x" not in repr(Attachment("record-1/1", "content", "clear", b"x1x", "txt"))
