"""One field shown to a stranger who has the ledger's key: that field, and nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.disclosure import MAX_BYTES, OpeningFile, parse_opening, shown, verify_opening
from ledger.effects.disclosing import disclose
from ledger.effects.handing_out import Asked, DeniedError
from ledger.errors import MunimentError, RefusedError, UsageError, VerificationError
from ledger.sealing import open_payload, opening
from ledger.tlog.note import ED25519, VerifierKey
from tests.ledger.deals import granting
from tests.ledger.ledgers import CHEAP, FOUNDING, add_person, collect_files, passphrase
from tests.ledger.ledgers import buyer as another_firm

SECRETS = ("店主", "合同0.txt")


@pytest.fixture
def clerk(ledger: Ledger, admin: Acting) -> Acting:
    return add_person(ledger, admin, admin.state.party, ["custodian"])


@pytest.fixture
def record(ledger: Ledger, admin: Acting, tmp_path: Path) -> str:
    return collect_files(ledger, admin, tmp_path / "files", 3)[0].record


def permitted(ledger: Ledger, admin: Acting, clerk: Acting, record: str) -> None:
    """The record is classified, and the clerk may export it."""
    from ledger import acts

    ledger.act(admin, [acts.classify(ledger, record, {
        "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
        "profile": "cn_strict",
    })])  # fmt: skip
    said = granting(clerk.actor, record)
    ledger.act(admin, [said._replace(fields={**said.fields, "modes": ["export"]})])


ASKED = Asked("service_delivery", "export", ticket="T-1")


@pytest.fixture
def opened(ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path) -> bytes:
    """An opening of the record's title."""
    permitted(ledger, admin, clerk, record)
    out = tmp_path / "opening.json"
    disclose(ledger, clerk, f"{record}/1", ["title"], ASKED, out)
    return out.read_bytes()


def trusted(ledger: Ledger) -> VerifierKey:
    return ledger.folder.pinned_key()


# -- what the file says, and what it does not -----------------------------------------------------


def test_a_field_is_shown_to_whoever_has_the_ledgers_key(
    ledger: Ledger, record: str, opened: bytes, clerk: Acting
) -> None:
    report = verify_opening(opened, trusted(ledger))
    assert report.valid
    assert (report.event, report.topic) == (f"{record}/1", "record.collected")
    assert [(f.path, f.value) for f in report.fields] == [("title", "合同0.txt")]
    assert [capacity for _name, _key, capacity in report.signers] == ["collector"]
    assert clerk.actor not in opened.decode("utf-8")


def test_nothing_of_the_other_fields_and_of_the_seed_is_in_the_file(
    ledger: Ledger, record: str, opened: bytes
) -> None:
    (event,) = [row for row in ledger.events_of(record) if row[2].version == 1]
    position, _, said, _ = event
    assert said.sealed
    with ledger.engine.connect() as connection:
        ciphertext = connection.exec_driver_sql(
            "SELECT ciphertext FROM sealed WHERE position = ?", (position,)
        ).scalar_one()
    key = ledger.keystore.key(said.sealed.key)
    payload = open_payload(ledger.origin, said.id, said.sealed, bytes(ciphertext), key)
    assert set(payload.fields) == {"title", "source", "content"}
    text = opened.decode("utf-8")
    for hidden in (
        payload.fields["source"], payload.fields["content"], payload.seed.hex(), key.hex(),
        *(opening(ledger.origin, said.id, payload.fields, payload.seed, path).r.hex()
          for path in ("source", "content")),
    ):  # fmt: skip
        assert hidden not in text
        assert json.dumps(hidden)[1:-1] not in text
    assert payload.seed not in opened
    assert "index" not in json.loads(opened)["fields"][0], "how many there are is not said"


def test_several_fields_are_shown_and_sorted(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path
) -> None:
    permitted(ledger, admin, clerk, record)
    out = tmp_path / "o.json"
    disclose(ledger, clerk, f"{record}/1", ["title", "content", "title"], ASKED, out)
    report = verify_opening(out.read_bytes(), trusted(ledger))
    assert report.valid
    assert [field.path for field in report.fields] == ["content", "title"]


def test_a_field_of_a_copy_with_one_record_is_shown(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path
) -> None:
    permitted(ledger, admin, clerk, record)
    state: Any = ledger.state(record)
    out = tmp_path / "o.json"
    done = disclose(ledger, clerk, f"{state.holdings[0]}/1", ["location"], ASKED, out)
    assert done.record == record
    assert verify_opening(out.read_bytes(), trusted(ledger)).valid


def test_the_opening_stays_valid_after_the_ledger_has_grown(
    ledger: Ledger, admin: Acting, opened: bytes
) -> None:
    for _ in range(3):
        ledger.act(admin, [another_firm()])
    ledger.sign_checkpoint()
    assert verify_opening(opened, trusted(ledger)).valid


@pytest.mark.parametrize("size", range(1, 20))
def test_the_way_leads_from_every_field_of_a_payload_to_its_root(size: int) -> None:
    from ledger.disclosure import check_field
    from ledger.sealing import commitments_root

    fields = {f"path{number:02d}": str(number) for number in range(size)}
    root = commitments_root("example.com", "record-1/1", fields, bytes(32))
    for path in fields:
        one = shown(opening("example.com", "record-1/1", fields, bytes(32), path), size)
        check_field("example.com", "record-1/1", root, one)
        with pytest.raises(VerificationError):
            check_field("example.com", "record-1/2", root, one)


# -- an access like any other ---------------------------------------------------------------------


def test_a_disclosure_is_an_access_with_the_digest_of_the_file(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path
) -> None:
    permitted(ledger, admin, clerk, record)
    out = tmp_path / "o.json"
    done = disclose(ledger, clerk, f"{record}/1", ["title"], ASKED, out)
    position, _, event, _ = ledger.events_of(record)[-1]
    assert (event.by, event.purpose, event.mode) == (  # type: ignore[attr-defined]
        clerk.actor, "service_delivery", "export",
    )  # fmt: skip
    sealed = ledger.unseal(position, event)
    assert sealed == {"content": sha256(out.read_bytes()).hexdigest(), "ticket": "T-1"}
    assert done.digest == sealed["content"]


def test_without_a_grant_for_export_nothing_is_disclosed_and_the_refusal_is_on_record(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path
) -> None:
    permitted(ledger, admin, clerk, record)
    out = tmp_path / "o.json"
    with pytest.raises(DeniedError) as caught:
        disclose(ledger, clerk, f"{record}/1", ["title"], ASKED._replace(purpose="marketing"), out)
    assert caught.value.event == ledger.events_of(record)[-1][2].id
    assert not out.exists()
    with pytest.raises(RefusedError):
        disclose(ledger, admin, f"{record}/1", ["title"], ASKED, out)


def test_what_cannot_be_disclosed_is_said_and_not_recorded(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path
) -> None:
    permitted(ledger, admin, clerk, record)
    before = ledger.seen()
    for event, paths, out in (
        (f"{record}/1", ["nothing"], "o.json"),
        (f"{record}/99", ["title"], "o.json"),
        (f"{record}/2", ["title"], "o.json"),
        (f"{admin.state.party}/1", ["name"], "o.json"),
        ("nonsense", ["title"], "o.json"),
        (f"{record}/1", ["title"], "nowhere/o.json"),
    ):
        with pytest.raises(UsageError):
            disclose(ledger, clerk, event, paths, ASKED, tmp_path / out)
    (tmp_path / "there").write_text("x")
    with pytest.raises(UsageError):
        disclose(ledger, clerk, f"{record}/1", ["title"], ASKED, tmp_path / "there")
    with pytest.raises(UsageError):
        disclose(ledger, clerk, f"{record}/1", ["title"], ASKED, ledger.folder.path / "o.json")
    assert ledger.seen() == before


def test_a_row_under_its_tables_seed_is_not_disclosed_alone(
    ledger: Ledger, admin: Acting, clerk: Acting, tmp_path: Path
) -> None:
    table = tmp_path / "客户.csv"
    table.write_text("姓名\n张三\n", encoding="utf-8")
    terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(), rows=True,
                  shared_key=True)  # fmt: skip
    (found,) = [o for o in collect(ledger, admin, [table], terms) if isinstance(o, Collected)]
    permitted(ledger, admin, clerk, found.record)
    with pytest.raises(UsageError, match="under its table's seed"):
        disclose(ledger, clerk, f"{found.record}/1", ["content"], ASKED, tmp_path / "o.json")


# -- attacks --------------------------------------------------------------------------------------


def altered(data: bytes, **changed: Any) -> bytes:
    """The file with other members, in its canonical form."""
    found = parse_opening(data)
    return msgspec.structs.replace(found, **changed).format()


def with_field(data: bytes, **changed: Any) -> bytes:
    (field,) = parse_opening(data).fields
    return altered(data, fields=(msgspec.structs.replace(field, **changed),))


def refused(data: bytes, key: VerifierKey) -> bool:
    """Whether nothing in a file is believed: it is refused, or every field is invalid."""
    try:
        report = verify_opening(data, key)
    except VerificationError:
        return True
    return not any(field.valid for field in report.fields)


FIELD_ATTACKS: dict[str, Callable[[bytes], bytes]] = {
    "another value": lambda d: with_field(d, value="合同1.txt"),
    "the same text spelled otherwise": lambda d: with_field(d, value="合同0.txt "),
    "another path": lambda d: with_field(d, path="source"),
    "another r": lambda d: with_field(d, r="00" * 32),
    "r in capitals": lambda d: with_field(d, r=parse_opening(d).fields[0].r.upper()),
    "no way": lambda d: with_field(d, way=()),
    "a longer way": lambda d: with_field(
        d, way=(*parse_opening(d).fields[0].way, "left:" + "00" * 32)
    ),
    "the other side": lambda d: with_field(
        d, way=tuple(s.replace("left", "x").replace("right", "left").replace("x", "right")
                     for s in parse_opening(d).fields[0].way),
    ),
    "a way without end": lambda d: with_field(d, way=("left:" + "00" * 32,) * 13),
    "a side that is none": lambda d: with_field(d, way=("up:" + "00" * 32,)),
    "a lone surrogate": lambda d: d.replace("合同0".encode(), b"\\ud800"),
}  # fmt: skip


@pytest.mark.parametrize("attack", FIELD_ATTACKS.values(), ids=FIELD_ATTACKS.keys())
def test_a_field_that_the_event_did_not_commit_to_is_invalid(
    ledger: Ledger, opened: bytes, attack: Callable[[bytes], bytes]
) -> None:
    bad = attack(opened)
    assert bad != opened
    assert refused(bad, trusted(ledger))


def test_a_way_that_begins_further_up_leads_nowhere(ledger: Ledger, opened: bytes) -> None:
    """An inner node must not be passed off as a commitment."""
    (field,) = parse_opening(opened).fields
    assert len(field.way) == 1, "the last of three"
    inner = field.way[0].partition(":")[2]
    for way in ((), (f"right:{inner}",), (f"left:{inner}", f"left:{inner}")):
        assert refused(with_field(opened, way=way), trusted(ledger))


@pytest.fixture
def other(ledger: Ledger, admin: Acting, clerk: Acting, tmp_path: Path, opened: bytes) -> bytes:
    """An opening of the title of another record of the same ledger."""
    record = collect_files(ledger, admin, tmp_path / "more", 1)[0].record
    permitted(ledger, admin, clerk, record)
    out = tmp_path / "other.json"
    disclose(ledger, clerk, f"{record}/1", ["title"], ASKED, out)
    return out.read_bytes()


@pytest.mark.parametrize(
    "members",
    [
        ["event"], ["event_proof"], ["entry_proof"], ["accepted"], ["fields"],
        ["event", "event_proof"], ["event_proof", "entry_proof"], ["event", "fields"],
        ["accepted", "entry_proof"], ["event", "event_proof", "accepted"],
    ],
    ids="+".join,
)  # fmt: skip
def test_parts_of_two_genuine_files_do_not_make_a_third(
    ledger: Ledger, opened: bytes, other: bytes, members: list[str]
) -> None:
    assert verify_opening(other, trusted(ledger)).valid
    parts = parse_opening(other)
    mixed = altered(opened, **{name: getattr(parts, name) for name in members})
    assert mixed not in (opened, other)
    assert refused(mixed, trusted(ledger))


def test_the_same_title_of_another_event_is_not_this_events(
    ledger: Ledger, opened: bytes, other: bytes
) -> None:
    """Both records have a file of this name: their commitments differ all the same."""
    mine, theirs = parse_opening(opened).fields[0], parse_opening(other).fields[0]
    assert (mine.path, mine.value) == (theirs.path, theirs.value)
    assert refused(altered(opened, fields=(theirs,)), trusted(ledger))


def test_another_ledgers_key_trusts_nothing_of_it(
    ledger: Ledger, opened: bytes, tmp_path: Path, state_home: Path
) -> None:
    from ledger.folder import Folder
    from ledger.founding import found_ledger

    found_ledger(tmp_path / "other ledger", FOUNDING, passphrase, kdf=CHEAP)
    with Ledger(Folder(tmp_path / "other ledger"), passphrase) as theirs:
        key = trusted(theirs)
    assert key.name == trusted(ledger).name, "an impostor under the same name"
    assert refused(opened, key)
    renamed = VerifierKey.of("else.example/ledger", ED25519, trusted(ledger).public)
    assert refused(opened, renamed)


def test_every_changed_byte_is_refused_or_invalid(ledger: Ledger, opened: bytes) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    key = trusted(ledger)
    for at in draw.sample(range(len(opened)), 500):
        for new in {draw.randrange(256), opened[at] ^ 1 << draw.randrange(8)} - {opened[at]}:
            bad = opened[:at] + bytes([new]) + opened[at + 1 :]
            assert refused(bad, key), f"byte {at} as {new} is believed"


@pytest.mark.parametrize(
    "bad",
    [
        lambda d: b"",
        lambda d: d[:-1],
        lambda d: d + b"\n",
        lambda d: b" " + d,
        lambda d: d.replace(b'"fields"', b'"felder"'),
        lambda d: d.replace(b"opening/1", b"opening/2"),
        lambda d: altered(d, fields=()),
        lambda d: altered(d, fields=parse_opening(d).fields * 2),
        lambda d: d.replace("合".encode(), b"\\u5408"),
        lambda d: b"[" * 100_000,
        lambda d: b" " * (MAX_BYTES + 1),
        lambda d: altered(d, entry_proof=parse_opening(d).entry_proof.replace(
            "tlog-proof@v1\n", "tlog-proof@v1\nextra AAAA\n")),
        lambda d: altered(d, entry_proof=parse_opening(d).entry_proof
                          + "— stranger.example AAAAAAAAAAAA\n"),
        lambda d: altered(d, event=parse_opening(d).event.replace('"v":1', '"v":1 ')),
    ],
)  # fmt: skip
def test_what_is_not_an_opening_file_is_refused(
    ledger: Ledger, opened: bytes, bad: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(VerificationError):
        verify_opening(bad(opened), trusted(ledger))


def test_reading_is_the_inverse_of_writing(opened: bytes) -> None:
    found = parse_opening(opened)
    assert isinstance(found, OpeningFile)
    assert found.format() == opened
    for secret in SECRETS:
        assert secret not in repr(found)
        assert secret not in repr(found.fields)


def test_nothing_is_left_half_written_when_the_disk_is_full(
    ledger: Ledger, admin: Acting, clerk: Acting, record: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    permitted(ledger, admin, clerk, record)
    monkeypatch.setattr("os.fsync", _full)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(MunimentError, match="stands, and no file was made"):
        disclose(ledger, clerk, f"{record}/1", ["title"], ASKED, folder / "o.json")
    assert list(folder.iterdir()) == []


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_the_verifier_needs_neither_database_nor_application() -> None:
    """A stranger has cryptography and msgspec, and no ledger."""
    import subprocess
    import sys

    code = (
        "import sys, ledger.disclosure\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in "
        "('sqlalchemy', 'eventsourcing', 'click', 'projections', 'alembic')]\n"
        "bad += [m for m in sys.modules if m in ('ledger.application', 'ledger.keystore')]\n"
        "sys.exit(repr(bad) if bad else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
