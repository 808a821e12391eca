"""Destruction of a copy that lies in a bucket: every version goes, and what is locked does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.effects import keycopies
from ledger.effects.backup import create
from ledger.effects.bucket import Bucket
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.errors import RefusedError
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    outcomes,
    results,
    site_fixture,  # noqa: F401
)
from tests.ledger.storing import Store


def backed_up(site: Site, store: Store, folder: Path, bucket: str) -> tuple[list[str], str]:
    """A contract with a copy in a bucket: all of its copies, and the key of the object there."""
    (record,) = site.ripe(folder)
    target = Bucket(f"s3://{bucket}/2026", store.endpoint)
    made = create(site.ledger, site.wang, None, target, "full", "cloud_object")
    assert not made.failed
    items = copies_of(site.ledger, [record])
    (away,) = (item for item in items if place_of(site.ledger, item).offsite)
    return items, f"2026/{made.made[0].backup}/{away}"


def versions_of(store: Store, bucket: str, key: str) -> list[str]:
    return [version for name, version in store.versions(bucket) if name == key]


@pytest.mark.parametrize("kept", ["locked", "loose"])
def test_every_version_of_the_object_goes(
    site: Site, store: Store, tmp_path: Path, kept: str
) -> None:
    """Somebody had put something over it, and deleted that; what was recorded goes all the same."""
    bucket = getattr(store, kept)
    items, key = backed_up(site, store, tmp_path / "合同", bucket)
    if kept == "locked":  # the bucket that keeps versions
        store.client.put_object(Bucket=bucket, Key=key, Body=b"above")
        store.client.delete_object(Bucket=bucket, Key=key)
        assert len(versions_of(store, bucket, key)) == 3
    case = site.approved(items)
    done = site.execute(case)
    assert outcomes(done) == dict.fromkeys(items, ("destroyed", "removed"))
    assert versions_of(store, bucket, key) == []
    assert results(site.verify(case)) == dict.fromkeys(items, ("pass", "gone"))
    site.certify(case)
    assert keycopies.left_of(site.ledger, done.keys) == []


def test_a_version_that_somebody_puts_back_fails_the_verification(
    site: Site, store: Store, tmp_path: Path
) -> None:
    items, key = backed_up(site, store, tmp_path / "合同", store.locked)
    body = store.client.get_object(Bucket=store.locked, Key=key)["Body"].read()
    case = site.approved(items)
    site.execute(case)
    store.client.put_object(Bucket=store.locked, Key=key, Body=body)
    read = results(site.verify(case))
    assert [why for why in read.values() if why != ("pass", "gone")] == [("fail", "still_there")]
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)


def test_a_locked_object_is_no_success(
    site: Site, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, key = backed_up(site, store, tmp_path / "合同", store.locked)
    (version,) = versions_of(store, store.locked, key)
    store.lock(key, version, 600)
    (away,) = (item for item in items if place_of(site.ledger, item).offsite)
    case = site.approved(items)
    others = [place_of(site.ledger, item).path for item in items if item != away]
    with pytest.raises(RefusedError, match="locked until"):
        site.execute(case)
    assert all(map(os.path.lexists, others)), "nothing was touched"
    with monkeypatch.context() as patch:  # the lock is placed after it was asked for
        patch.setattr("ledger.effects.destroying.check_locks", lambda _: None)
        done = outcomes(site.execute(case))
    assert done[away][0] == "failed"
    assert versions_of(store, store.locked, key) == [version]
    assert results(site.verify(case))[away] == ("fail", "still_there")
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)
