"""Backups in a bucket: ciphertext only, found whatever is put over them, kept while a lock runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from domain.backup import BackupExpired
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.replay import Asked, replay
from ledger.effects import offsite
from ledger.effects.backup import Failed, Made, Outcomes, create
from ledger.effects.bucket import Bucket, BucketShelf
from ledger.effects.drilling import Terms, drill
from ledger.effects.expiring import expire, verify
from ledger.effects.manifest import Manifest
from ledger.effects.places import place_of
from ledger.effects.restoring import restore
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.signing import Proposal, now
from ledger.sources import SourceFault
from ledger.verification.stored import verify_folder
from tests.ledger.copying import gather, items, plain, plain_of
from tests.ledger.desk import Desk
from tests.ledger.replayed import audited, modified_client, not_permitted
from tests.ledger.storing import SECRET, Store
from tests.stories.test_scenario_12_identity_number_in_remark import files_with, spellings

Putting = Callable[..., Outcomes]
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


@pytest.fixture
def putting(ledger: Ledger, admin: Acting, sources: Path, store: Store) -> Putting:
    """Two contracts, and how they are backed up into a bucket."""
    gather(ledger, admin, sources, plain(2))

    def run(bucket: str = "", until: str | None = None, **more: object) -> Outcomes:
        target = Bucket(f"s3://{bucket or store.locked}/2026", store.endpoint, until)
        kind = more.pop("kind", "full")
        return create(ledger, admin, None, target, kind, "cloud_object", **more)  # type: ignore[arg-type]

    return run


@pytest.fixture
def made(putting: Putting) -> Made:
    return putting().made[0]


def key_of(made: Made, copy: str) -> str:
    return f"2026/{made.backup}/{copy}"


# -- what is put --------------------------------------------------------------------------------


def test_a_bucket_holds_ciphertexts_and_a_list_and_the_ledger_can_read_them(
    ledger: Ledger, admin: Acting, store: Store, made: Made
) -> None:
    copies = items(ledger, made.backup)
    assert store.names(store.locked) == sorted(
        key_of(made, name) for name in (*copies, "manifest.json")
    )
    assert sorted(plain_of(ledger, copy).decode() for copy in copies) == [
        "第0号合同", "第1号合同",
    ]  # fmt: skip
    listed = store.client.get_object(Bucket=store.locked, Key=key_of(made, "manifest.json"))
    manifest = Manifest.parse(listed["Body"].read())
    assert (manifest.backup, manifest.base) == (made.backup, "")
    for one in manifest.copies:
        data = store.client.get_object(Bucket=store.locked, Key=key_of(made, one.holding))
        body = data["Body"].read()
        assert (sha256(body).hexdigest(), len(body)) == (one.object, one.size)
    found = verify(ledger, admin, made.backup, decrypt=True)
    assert (found.checked, found.matched, found.failed, found.manifest) == (2, 2, [], "")
    assert verify_folder(ledger.folder).verdict == "valid"


def test_the_store_gets_no_plaintext_and_the_ledger_neither_place_nor_credentials(
    ledger: Ledger, store: Store, made: Made
) -> None:
    assert files_with(store.data, spellings("号合同")) == []
    place = place_of(ledger, items(ledger, made.backup)[0])
    assert place.offsite.startswith(f"s3://{store.locked}/2026/{made.backup}/holding-")
    assert place.endpoint == store.endpoint
    hidden = spellings(store.locked) | spellings(store.endpoint) | spellings(SECRET)
    assert files_with(ledger.folder.path, hidden) == []


def test_a_content_of_several_parts_comes_back_whole(
    ledger: Ledger, admin: Acting, sources: Path, store: Store
) -> None:
    large = bytes(range(251)) * 80_000  # 20 MB: three parts
    gather(ledger, admin, sources, {b"large.bin": large})
    target = Bucket(f"s3://{store.loose}", store.endpoint)
    (made,) = create(ledger, admin, None, target, "full", "cloud_object").made
    (copy,) = items(ledger, made.backup)
    assert store.names(store.loose)[0] == f"{made.backup}/{copy}"
    assert plain_of(ledger, copy) == large


def test_an_incremental_backup_continues_one_in_another_place(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, putting: Putting
) -> None:
    (base,) = create(ledger, admin, None, disk, "full", "disk_external").made
    assert putting(kind="incremental").made == []
    gather(ledger, admin, sources, {b"new.txt": "新合同".encode()})
    (made,) = putting(kind="incremental").made
    assert made.copies == 1
    state = ledger.state(made.backup)
    assert state is not None
    assert state.base == base.backup  # type: ignore[attr-defined]


# -- what others do to it -----------------------------------------------------------------------


def test_what_is_put_over_a_copy_or_deletes_it_does_not_hide_what_was_recorded(
    ledger: Ledger, admin: Acting, store: Store, made: Made
) -> None:
    """Ransomware with the store's credentials: the version that was read back is still there."""
    first, second = items(ledger, made.backup)
    store.client.put_object(Bucket=store.locked, Key=key_of(made, first), Body=b"pay me")
    store.client.delete_object(Bucket=store.locked, Key=key_of(made, second))
    assert verify(ledger, admin, made.backup, decrypt=True).matched == 2
    assert plain_of(ledger, second).decode().endswith("号合同")


def test_in_a_bucket_without_versions_a_changed_a_swapped_and_a_missing_copy_are_found(
    ledger: Ledger, admin: Acting, sources: Path, store: Store, putting: Putting
) -> None:
    gather(ledger, admin, sources, {b"3": b"3", b"4": b"4"})
    (made,) = putting(store.loose).made
    one, two, three, four = items(ledger, made.backup)
    bodies = {
        copy: store.client.get_object(Bucket=store.loose, Key=key_of(made, copy))["Body"].read()
        for copy in (one, two, three)
    }
    changed = bodies[one][:-1] + bytes([bodies[one][-1] ^ 1])
    for copy, body in ((one, changed), (two, bodies[three]), (three, bodies[two])):
        store.client.put_object(Bucket=store.loose, Key=key_of(made, copy), Body=body)
    store.client.delete_object(Bucket=store.loose, Key=key_of(made, four))
    found = verify(ledger, admin, made.backup)
    assert found.failed == [
        *(Failed(copy, "changed_since_recorded") for copy in (one, two, three)),
        Failed(four, "vanished"),
    ]  # fmt: skip
    assert (found.checked, found.matched) == (4, 0)


def test_a_list_that_was_changed_is_found(
    ledger: Ledger, admin: Acting, store: Store, putting: Putting
) -> None:
    (made,) = putting(store.loose).made
    key = key_of(made, "manifest.json")
    sound = store.client.get_object(Bucket=store.loose, Key=key)["Body"].read()
    store.client.put_object(
        Bucket=store.loose, Key=key, Body=sound.replace(b'"size":', b'"size": ')
    )
    found = verify(ledger, admin, made.backup)
    assert (found.matched, found.manifest) == (2, "manifest_changed_since_recorded")
    assert found.receipt.events[0].result == "fail"  # type: ignore[attr-defined]
    store.client.delete_object(Bucket=store.loose, Key=key)
    assert verify(ledger, admin, made.backup).manifest == "manifest_vanished"


# -- locks --------------------------------------------------------------------------------------


def test_while_a_lock_runs_nothing_goes_and_the_refusal_says_until_when(
    ledger: Ledger, admin: Acting, store: Store, putting: Putting
) -> None:
    (made,) = putting(until=TOMORROW).made
    before, seen = store.versions(store.locked), ledger.seen()
    with pytest.raises(RefusedError, match=r"I-35 all_copies .copy_is_locked."):
        expire(ledger, admin, made.backup)
    assert (store.versions(store.locked), ledger.seen()) == (before, seen)
    assert all(acts.holding_state(ledger, copy).there for copy in items(ledger, made.backup))
    assert verify(ledger, admin, made.backup, decrypt=True).matched == 2, "its keys are there, too"
    for key, version in before:
        with pytest.raises(store.client.exceptions.ClientError, match="AccessDenied"):
            store.client.delete_object(Bucket=store.locked, Key=key, VersionId=version)


def test_no_client_says_that_a_locked_copy_is_gone(
    ledger: Ledger, admin: Acting, putting: Putting, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = putting(until=TOMORROW).made
    said = [Proposal(BackupExpired, made.backup, {"items": items(ledger, made.backup)})]
    with modified_client(monkeypatch):
        done = ledger.act(admin, said)
    heard = not_permitted(audited(ledger.folder))
    assert set(heard) == {("I-35", "copy_is_locked", done.first)}


def test_a_lock_that_was_left_away_is_found_by_asking_the_store(
    ledger: Ledger, putting: Putting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that says that it locked, and did not: the events are in order, the store is not."""
    asked = Asked(now=now(), only=("lock_missing",), by_clock=True)
    (made,) = putting(until=TOMORROW).made
    assert replay(ledger.folder, None, asked, ledger=ledger).findings == ()
    with monkeypatch.context() as patch:
        patch.setattr(BucketShelf, "finish", lambda _: None)
        (loose,) = putting(until=TOMORROW).made
    found = replay(ledger.folder, None, asked, ledger=ledger).findings
    assert {one.subject for one in found} == set(items(ledger, loose.backup))
    assert {one.expected for one in found} == {f"{TOMORROW}T23:59:59Z"}
    assert made.backup not in {part for one in found for part in one.evidence}


def test_one_locked_copy_keeps_all_of_its_backup(
    ledger: Ledger, admin: Acting, store: Store, made: Made
) -> None:
    _, second = items(ledger, made.backup)
    place = offsite.parse_location(place_of(ledger, second).offsite)
    store.lock(place.key, place.version, 3600)
    before = store.versions(store.locked)
    with pytest.raises(RefusedError, match="locked until"):
        expire(ledger, admin, made.backup)
    assert store.versions(store.locked) == before


def test_when_the_lock_is_over_every_version_and_every_marker_goes(
    ledger: Ledger, admin: Acting, store: Store, made: Made
) -> None:
    first, second = items(ledger, made.backup)
    place = offsite.parse_location(place_of(ledger, first).offsite)
    store.client.put_object(Bucket=store.locked, Key=place.key, Body=b"another version")
    store.client.delete_object(Bucket=store.locked, Key=key_of(made, second))
    over = time.monotonic() + 7
    store.lock(place.key, place.version, 6)
    with pytest.raises(RefusedError, match="locked until"):
        expire(ledger, admin, made.backup)
    time.sleep(max(over - time.monotonic(), 0))
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed, len(done.keys)) == ([first, second], [], 2)
    assert store.versions(store.locked) == []
    assert verify_folder(ledger.folder).verdict == "valid"


def test_in_a_bucket_without_versions_an_expiry_leaves_nothing_and_takes_nothing_that_is_not_ours(
    ledger: Ledger, admin: Acting, store: Store, putting: Putting
) -> None:
    (made,) = putting(store.loose).made
    first, second = items(ledger, made.backup)
    store.client.put_object(Bucket=store.loose, Key=key_of(made, first), Body=b"something else")
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed) == ([second], [Failed(first, "changed_since_recorded")])
    assert store.names(store.loose) == [key_of(made, n) for n in (first, "manifest.json")]
    (other,) = putting(store.loose).made
    assert len(expire(ledger, admin, other.backup).gone) == 2
    assert not any(other.backup in name for name in store.names(store.loose))


def test_a_marker_that_was_left_beside_the_list_goes_with_it_and_nothing_else_does(
    ledger: Ledger, admin: Acting, store: Store, putting: Putting
) -> None:
    """As in a folder: the run that made it ended between its commit and its last step."""
    (clean, beside) = (putting(store.loose).made[0] for _ in range(2))
    for made in (clean, beside):
        store.client.put_object(Bucket=store.loose, Key=key_of(made, ".muniment"), Body=b"marker")
    store.client.put_object(Bucket=store.loose, Key=key_of(beside, "notes.txt"), Body=b"theirs")
    for made in (clean, beside):
        assert expire(ledger, admin, made.backup).failed == []
    assert store.names(store.loose) == [
        key_of(beside, name) for name in (".muniment", "manifest.json", "notes.txt")
    ]


def test_a_lock_that_comes_in_between_leaves_the_copy_on_record(
    ledger: Ledger, admin: Acting, store: Store, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = items(ledger, made.backup)
    place = offsite.parse_location(place_of(ledger, first).offsite)
    store.lock(place.key, place.version, 3600)
    monkeypatch.setattr(offsite, "locked_until", lambda *_: None)
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed) == ([second], [Failed(first, "not_readable")])
    assert acts.holding_state(ledger, first).there
    assert plain_of(ledger, first)


def test_a_bucket_without_lock_is_not_taken_for_one(
    ledger: Ledger, store: Store, putting: Putting
) -> None:
    seen = ledger.seen()
    with pytest.raises(UsageError, match="no object lock"):
        putting(store.loose, until=TOMORROW)
    with pytest.raises(UsageError, match="before today"):
        putting(until="2001-01-01")
    with pytest.raises(UsageError, match="longer than 10 years"):
        putting(until="9999-12-31")
    assert store.names(store.loose) == store.names(store.locked) == []
    assert ledger.seen() == seen


# -- what goes wrong ----------------------------------------------------------------------------


def test_a_run_that_ends_early_leaves_nothing(
    ledger: Ledger, store: Store, putting: Putting
) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    seen = ledger.seen()
    with pytest.raises(KeyboardInterrupt):
        putting(progress=interrupt)
    assert store.versions(store.locked) == []
    assert ledger.seen() == seen


def test_what_a_killed_run_left_is_removed_by_the_next_and_nothing_else(
    store: Store, putting: Putting, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = putting().made
    before = store.versions(store.locked)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BucketShelf, "undo", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            putting(progress=interrupt)
    left = {key for key, _ in store.versions(store.locked)} - {key for key, _ in before}
    assert len(left) == 3, "the marker and two contents"
    done = putting()
    assert done.removed == 1
    now = {key for key, _ in store.versions(store.locked)}
    assert not left & now
    assert {key for key, _ in before} <= now
    assert f"2026/{kept.backup}/manifest.json" in now


def test_a_store_that_does_not_answer_or_does_not_know_us_is_named_by_its_code_only(
    ledger: Ledger, admin: Acting, store: Store, putting: Putting, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = ledger.seen()
    nowhere = Bucket("s3://no-such-bucket-here", store.endpoint)
    with pytest.raises(MunimentError, match="404") as refused:
        create(ledger, admin, None, nowhere, "full", "cloud_object")
    assert "no-such-bucket" not in refused.value.message
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    with pytest.raises(MunimentError, match=r"403|InvalidAccessKeyId") as refused:
        putting()
    assert "somebody-else" not in refused.value.message
    assert ledger.seen() == seen


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("s3://", None), ("s3://UPPER/x", None), ("s3://bucket/客户", None),
        ("s3://bucket/a?versionId=1", None), ("s3://bucket", "https://me:secret@store.example"),
        ("s3://bucket", "store.example"), ("s3://bucket", "https://store.example/?x=1"),
    ],
)  # fmt: skip
def test_what_is_no_place_in_a_bucket_is_refused(url: str, endpoint: str | None) -> None:
    with pytest.raises(UsageError) as refused:
        Bucket(url, endpoint)
    assert "secret" not in refused.value.message


NAMING = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MUNIMENT_S3_ENDPOINTS")


@pytest.mark.parametrize("variable", NAMING)
def test_an_endpoint_that_was_sealed_is_followed_where_this_machine_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in NAMING:
        monkeypatch.delenv(name, raising=False)
    sealed = {"endpoint": "https://store.example:8333"}
    assert offsite.sealed_endpoint({"location": "s3://firm/x"}) == ""
    with pytest.raises(SourceFault, match="endpoint_not_named"):
        offsite.sealed_endpoint(sealed)
    monkeypatch.setenv(variable, "https://store.example:8333/")
    assert offsite.sealed_endpoint(sealed) == "https://store.example:8333"
    for wrong in ("https://store.example", "http://store.example:8333", "https://x.example"):
        with pytest.raises(SourceFault, match="endpoint_not_named"):
            offsite.sealed_endpoint({"endpoint": wrong})


@pytest.mark.parametrize("wrong", ["https://me:secret@store.example", "file:///etc", "a b", ","])
def test_what_is_no_endpoint_is_not_followed_even_if_it_is_named(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("MUNIMENT_S3_ENDPOINTS", wrong)
    with pytest.raises(SourceFault, match="endpoint_not_named"):
        offsite.sealed_endpoint({"endpoint": wrong})


def test_a_host_that_only_an_event_names_gets_no_request(
    ledger: Ledger, admin: Acting, made: Made, store: Store, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A request is signed with our key id, so a host of somebody's choice is not asked."""
    copies = items(ledger, made.backup)
    monkeypatch.delenv("MUNIMENT_S3_ENDPOINTS")
    asked: list[str | None] = []
    monkeypatch.setattr(offsite, "client_of", asked.append)
    (tmp_path / "空").mkdir()
    with pytest.raises(MunimentError, match="none of the backup's copies can be read"):
        verify(ledger, admin, made.backup)
    done = drill(ledger, admin, made.backup, tmp_path / "空", Terms(600))
    assert done.failed == [Failed(copy, "endpoint_not_named") for copy in copies]
    expired = expire(ledger, admin, made.backup)
    assert (expired.receipt, expired.failed) == (None, done.failed)
    assert asked == []
    assert len(store.names(store.locked)) == 3


# -- what it is for -----------------------------------------------------------------------------


def test_a_drill_and_a_restore_bring_it_back_from_the_bucket(
    ledger: Ledger, admin: Acting, made: Made, tmp_path: Path
) -> None:
    empty = tmp_path / "演练"
    empty.mkdir()
    done = drill(ledger, admin, made.backup, empty, Terms(600))
    assert (done.result, done.failed) == ("pass", [])
    assert list(empty.iterdir()) == []
    back = restore(ledger, admin, made.backup, None, empty, "硬盘坏了", "ssd")
    assert len(back.restored) == 2
    assert {plain_of(ledger, new).decode() for new, _ in back.restored} == {
        "第0号合同", "第1号合同",
    }  # fmt: skip


def test_at_the_desk(desk: Desk, store: Store) -> None:
    folder = desk.home / "客户资料"
    folder.mkdir()
    (folder / "甲.txt").write_text("甲 合同", encoding="utf-8")
    desk.did(
        "collect", str(folder), "--category", "contract", "--basis", "pipl_13_2_contract",
        "--source", "店主", "--notice", "N-1",
    )  # fmt: skip
    where = f"s3://{store.locked}/门店"
    desk.error("backup", "create", where, "--endpoint", store.endpoint, code=2)
    done = desk.json(
        "backup", "create", where.replace("门店", "shop"), "--endpoint", store.endpoint,
        "--lock-until", TOMORROW,
    )  # fmt: skip
    (made,) = done["backups"]
    assert desk.json("backup", "show", made["backup"])["location"] == made["place"]
    assert desk.json("backup", "show", made["backup"])["locked_until"] == TOMORROW
    said = desk.error("backup", "expire", made["backup"], code=13)
    assert [one["detail"] for one in said["refusals"]] == ["copy_is_locked"]
    assert desk.json("backup", "verify", made["backup"], "--read-data")["matched"] == 1
