"""Copies in a bucket: an S3 store somewhere else, read and let go. `bucket` puts them there.

    s3://<bucket>/<prefix>/backup-<UUID>/holding-<UUID of the copy>     an object (`ledger.stream`)
    …/manifest.json                                                     as `ledger.effects.manifest`
    …/.muniment                                                         while it is unfinished

Keys and objects are those of a backup in a folder. Where the bucket keeps versions, a location ends
in `?versionId=<id>`: the version that was read back. Whoever overwrites or deletes the key adds to
it; what was recorded is found all the same. While a lock runs, nothing is removed.

Credentials come from where boto3 finds them (environment, profile, role), never from a call, and go
to no host that only an event names: an endpoint that was sealed is followed only where this machine
names it too, in `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or `MUNIMENT_S3_ENDPOINTS` (separated by
commas); else the copy's state is `endpoint_not_named`. Error messages hold the store's error code
and nothing else. What lies in the bucket is ciphertext, lists of ids, and when there was a backup;
whoever runs the store also sees sizes.

>>> parse_location("s3://firm-backups/2026/backup-1/holding-2?versionId=7a")
Location(bucket='firm-backups', key='2026/backup-1/holding-2', version='7a')
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, cast

from ledger.effects.manifest import MARKER, NAME
from ledger.errors import MunimentError, UsageError
from ledger.sources import CHUNK, SourceFault

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


SCHEME: Final = "s3://"
BUCKET: Final = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
KEY: Final = r"[A-Za-z0-9._/-]+"
_LOCATION: Final = re.compile(rf"s3://({BUCKET})/({KEY})(?:\?versionId=([!-~]+))?")
_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed"})
UNVERSIONED: Final = "null"
ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+/?")
_NAMING: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MUNIMENT_S3_ENDPOINTS")


class Location(NamedTuple):
    """Where an object lies; `version` is empty where the bucket keeps none."""

    bucket: str
    key: str
    version: str

    @property
    def what(self) -> dict[str, str]:
        """As boto3 asks for it."""
        named = {"Bucket": self.bucket, "Key": self.key}
        return {**named, "VersionId": self.version} if self.version else named


def parse_location(text: str) -> Location:
    """The parts of a sealed location. Raises `SourceFault` for what is none."""
    found = _LOCATION.fullmatch(text)
    if found is None:
        raise SourceFault("not_a_file_here")
    return Location(found[1], found[2], found[3] or "")


def sealed_endpoint(sealed: Mapping[str, str]) -> str:
    """The endpoint that an event names, empty for none: boto3's own.

    Raises `SourceFault` (`endpoint_not_named`) for one that is none, or that is not one of those
    that the environment names: whoever writes an event does not choose who gets our credentials.
    """
    found = sealed.get("endpoint", "")
    here = [one.strip() for name in _NAMING for one in os.environ.get(name, "").split(",")]
    known = found.rstrip("/") in {one.rstrip("/") for one in here}
    if found and not (ENDPOINT.fullmatch(found) and known):
        raise SourceFault("endpoint_not_named")
    return found


# -- the store ----------------------------------------------------------------------------------


def client_of(endpoint: str | None) -> Any:  # noqa: ANN401  boto3 has no type for it
    """A client of a store, with the credentials that boto3 finds."""
    who = (os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
    return _connected(endpoint or None, *who)


@lru_cache(maxsize=4)
def _connected(endpoint: str | None, *_: str | None) -> Any:  # noqa: ANN401
    """A client, kept: making one takes longer than many a request."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise UsageError(
            "backups in a bucket need boto3, which is not installed; nothing was done",
            "pip install 'muniment[s3]'",
        ) from None
    config = Config(
        connect_timeout=10, read_timeout=60, retries={"total_max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": "path"} if endpoint else {},
    )  # fmt: skip
    session = boto3.session.Session()
    region = session.region_name or "us-east-1"
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=config)


def _code(error: Exception) -> str:
    """What a store says is wrong, as one word: its error code, or the kind of the error."""
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", "")) or type(error).__name__
    return code if re.fullmatch(r"[A-Za-z0-9]{1,64}", code) else "unknown"


@contextmanager
def on_store() -> Iterator[None]:
    """Errors of the store that is written to, told apart from those of the sources."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise MunimentError(
            "the store does not do what is asked ({cause}); nothing of this run was recorded",
            "look at the endpoint, the bucket and the credentials that boto3 finds",
            cause=_code(error),
        ) from None


@contextmanager
def reading() -> Iterator[None]:
    """Errors of a store that is read: a state of the copy."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        cause = "vanished" if _code(error) in _GONE else "not_readable"
        raise SourceFault(cause) from None


class _Body(RawIOBase):
    """The body of a response as a raw stream."""

    def __init__(self, body: Any) -> None:  # noqa: ANN401  botocore's
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer with what comes."""
        target = memoryview(buffer).cast("B")
        with reading():
            data = self._body.read(len(target))
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


@contextmanager
def open_object(location: str, endpoint: str | None = None) -> Iterator[BinaryIO]:
    """The bytes of an object, to be read once from beginning to end.

    `location`: as sealed. Raises `SourceFault`, also while it is read: `vanished`, `not_readable`.
    """
    where = parse_location(location)
    with reading():
        body = client_of(endpoint).get_object(**where.what)["Body"]
    with BufferedReader(_Body(body), CHUNK) as file:
        yield cast("BinaryIO", file)


def object_digest(location: str, endpoint: str | None = None) -> str:
    """The SHA-256 (hex) of an object. Raises `SourceFault`."""
    digest = sha256()
    with open_object(location, endpoint) as file:
        while data := file.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()


def beside(location: str, name: str) -> str:
    """The location of another object in the same folder, whatever version of it there is."""
    where = parse_location(location)
    return f"{SCHEME}{where.bucket}/{where.key.rpartition('/')[0]}/{name}"


# -- letting go ---------------------------------------------------------------------------------


def locked_until(location: str, endpoint: str | None) -> str | None:
    """Until when the store keeps an object, as `YYYY-MM-DDTHH:MM:SSZ`, None if it does not.

    The longest retention of any version counts; `9999-12-31T23:59:59Z` under a legal hold. Raises
    `SourceFault`.
    """
    where, client = parse_location(location), client_of(endpoint)
    found: list[str] = []
    with reading():
        for version, marks in _versions(client, where):
            if marks:  # a delete marker is no content, and has no retention
                continue
            told = client.head_object(**Location(where.bucket, where.key, version).what)
            until = told.get("ObjectLockRetainUntilDate")
            if until is not None and until > datetime.now(UTC):
                found.append(until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            if told.get("ObjectLockLegalHoldStatus") == "ON":
                found.append("9999-12-31T23:59:59Z")
    return max(found, default=None)


def remove_object(
    location: str, endpoint: str | None, digest: str, about_to: Callable[[], None]
) -> None:
    """Remove every version of an object, and its delete markers; the one recorded last.

    Only where that one is what was recorded (`digest`). `about_to` is called when nothing stands in
    the way. Raises `SourceFault` (`vanished` where no version is there), `OSError` if the store
    does not remove it.
    """
    where, client = parse_location(location), client_of(endpoint)
    with reading():
        versions = _versions(client, where)
    if not versions:
        raise SourceFault("vanished")
    if object_digest(location, endpoint) != digest:
        raise SourceFault("changed_since_recorded")
    about_to()
    last = where.version or UNVERSIONED
    try:
        with reading():
            for version, _ in sorted(versions, key=lambda one: one[0] == last):
                client.delete_object(**Location(where.bucket, where.key, version).what)
            left = _versions(client, where)
    except SourceFault:
        raise PermissionError from None
    if left:
        raise PermissionError


def remove_rest(location: str, endpoint: str | None) -> None:
    """Remove the list beside a copy that is gone, and a marker, if no other copy is left there.

    What cannot be removed stays: it is a list of ids.
    """
    where, client = parse_location(beside(location, NAME)), client_of(endpoint)
    with suppress(SourceFault), reading():
        folder = f"{where.key.rpartition('/')[0]}/"
        found = all_versions(client, where.bucket, folder)
        ours = {where.key, f"{folder}{MARKER}"}
        if any(key not in ours for key, _, _ in found):
            return
        for key, version, _ in sorted(found, key=lambda one: one[0] != where.key):
            client.delete_object(**Location(where.bucket, key, version).what)


def _versions(client: Any, where: Location) -> list[tuple[str, bool]]:  # noqa: ANN401
    """The versions of a key: their ids, and whether each is a delete marker."""
    found = all_versions(client, where.bucket, where.key)
    return [(version, marks) for key, version, marks in found if key == where.key]


def all_versions(
    client: Any,  # noqa: ANN401
    bucket: str,
    prefix: str,
) -> list[tuple[str, str, bool]]:
    """Everything under a prefix, versions and delete markers: key, version id, which of the two."""
    found = []
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for kind in ("Versions", "DeleteMarkers"):
            found += [
                (one["Key"], one["VersionId"], kind == "DeleteMarkers")
                for one in page.get(kind, [])
            ]
    return found
