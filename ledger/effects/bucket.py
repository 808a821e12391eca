"""Backups put into a bucket, in the layout of `ledger.effects.offsite`, locked if that is asked.

With a lock, every object is put under retention in COMPLIANCE mode when all of them have been read
back, just before the commit: until that day ends (UTC) the store refuses to remove them, whoever
asks. A run that dies between the two leaves locked objects that nothing names; the marker stays
with them, and the first run after the lock is over removes them.

>>> Bucket("s3://firm-backups/2026/").prefix
'2026'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from domain.backup import LOCK_YEARS, latest_lock
from ledger.effects.manifest import MARKER
from ledger.effects.offsite import (
    BUCKET,
    ENDPOINT,
    KEY,
    SCHEME,
    UNVERSIONED,
    Location,
    all_versions,
    client_of,
    object_digest,
    on_store,
    open_object,
    reading,
)
from ledger.effects.shelf import FOLDER, OURS, Known
from ledger.errors import MunimentError, UsageError, VerificationError
from ledger.signing import now
from ledger.sources import SourceFault

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.stream import Sink

_T = TypeVar("_T")

_PART: Final = 8 << 20
"""A larger object is uploaded in parts of so many bytes; at most 10,000 of them, 78 GiB."""
_TARGET: Final = re.compile(rf"s3://({BUCKET})(?:/({KEY}?))?/?")


class Bucket:
    """A place in a bucket where backups go, as a `ledger.effects.shelf.Target`."""

    def __init__(self, url: str, endpoint: str | None = None, until: str | None = None) -> None:
        found = _TARGET.fullmatch(url)
        if found is None:
            raise UsageError(
                "that is no place in a bucket; nothing was copied",
                "s3://BUCKET/PREFIX, of small letters, digits and . - / _",
            )
        if endpoint is not None and not ENDPOINT.fullmatch(endpoint):
            raise UsageError(
                "that is no endpoint of a store; nothing was copied",
                "https://HOST or https://HOST:PORT; credentials come from the environment",
            )
        self.bucket, self.prefix = found[1], (found[2] or "").strip("/")
        self.endpoint = endpoint
        self.until = until

    @property
    def client(self) -> Any:  # noqa: ANN401
        """boto3's."""
        return client_of(self.endpoint)

    def check(self, _: Ledger) -> None:
        """The bucket answers; with a lock, it has object lock, and the day is to come."""
        client = self.client
        if self.until is not None and self.until < datetime.now(UTC).date().isoformat():
            raise UsageError("the lock would end before today; nothing was copied")
        if self.until is not None and self.until > latest_lock(now()):
            raise UsageError(
                "the lock would run longer than {years} years; nothing was copied",
                "nothing in it can be destroyed before it ends; name an earlier day",
                years=LOCK_YEARS,
            )
        with on_store():
            client.head_bucket(Bucket=self.bucket)
        if self.until is None:
            return
        from botocore.exceptions import ClientError

        try:
            told = client.get_object_lock_configuration(Bucket=self.bucket)
            enabled = told["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
        except (ClientError, KeyError):
            enabled = False
        if not enabled:
            raise UsageError(
                "the bucket has no object lock; nothing was copied",
                "make a bucket with object lock, or leave --lock-until out",
            )

    def check_apart(self, _: set[bytes]) -> None:
        """No record lies in a bucket that we read from."""

    def clean(self, marker: bytes, known: Known) -> int:
        """Remove this ledger's unfinished folders, where no lock keeps them; how many."""
        client, removed = self.client, 0
        start = f"{self.prefix}/" if self.prefix else ""
        with on_store():
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=start, Delimiter="/"
            )
            folders = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        for folder in folders:
            name = folder.removeprefix(start).rstrip("/")
            if FOLDER.fullmatch(name) is None or self._marker_in(folder) != marker:
                continue
            with on_store():
                found = all_versions(client, self.bucket, folder)
            if known(name, sorted({key.removeprefix(folder) for key, _, _ in found})):
                self._drop([one for one in found if one[0] == folder + MARKER])
            elif all(OURS.fullmatch(key.removeprefix(folder)) for key, _, _ in found):
                removed += self._drop(sorted(found, key=lambda one: one[0] == folder + MARKER))
        return removed

    def _marker_in(self, folder: str) -> bytes | None:
        with (
            suppress(SourceFault),
            open_object(f"{SCHEME}{self.bucket}/{folder}{MARKER}", self.endpoint) as file,
        ):
            return file.read(4096)
        return None

    def _drop(self, found: Sequence[tuple[str, str, bool]]) -> bool:
        """Remove versions in this order, up to the first that stays; whether all are gone."""
        with suppress(SourceFault), reading():
            for key, version, _ in found:
                self.client.delete_object(**Location(self.bucket, key, version).what)
            return True
        return False

    def shelf(self, name: str, marker: bytes) -> BucketShelf:
        """A folder in it."""
        return BucketShelf(self, f"{self.prefix}/{name}".lstrip("/"), marker)


class BucketShelf:
    """A folder in a bucket, as a `ledger.effects.shelf.Shelf`."""

    def __init__(self, bucket: Bucket, folder: str, marker: bytes) -> None:
        self._bucket = bucket
        self._folder = folder
        self._marker = marker
        self._versions: dict[str, str] = {}

    def begin(self) -> None:
        """Put the marker."""
        self.put(MARKER, lambda sink: sink.write(self._marker))

    def put(self, name: str, write: Callable[[Sink], _T]) -> _T:
        """Upload an object."""
        upload = _Upload(self._bucket, f"{self._folder}/{name}")
        try:
            done = write(upload)
            self._versions[name] = upload.finish()
        except BaseException:
            upload.abort()
            raise
        return done

    def digest(self, name: str) -> str:
        """Download it again."""
        try:
            return object_digest(self.place(name)["location"], self._bucket.endpoint)
        except SourceFault as fault:
            raise MunimentError(
                "what was put into the store cannot be read back ({cause}); nothing of this run "
                "was recorded",
                "look at the store",
                cause=fault.cause,
            ) from None

    def remove(self, name: str) -> None:
        """Delete what was put."""
        with on_store():
            self._bucket.client.delete_object(**self._location(name).what)
        del self._versions[name]

    def place(self, name: str) -> dict[str, str]:
        """The location with its version, and the endpoint."""
        where = f"{SCHEME}{self._bucket.bucket}/{self._folder}"
        version = self._versions.get(name)
        if name:
            where += f"/{name}" + (f"?versionId={version}" if version else "")
        return {"location": where} | (
            {"endpoint": self._bucket.endpoint} if self._bucket.endpoint else {}
        )

    def finish(self) -> None:
        """Lock everything but the marker, and see that the store says so."""
        if self._bucket.until is None:
            return
        until = datetime.fromisoformat(f"{self._bucket.until}T23:59:59+00:00")
        client = self._bucket.client
        for name in self._versions.keys() - {MARKER}:
            what = self._location(name).what
            with on_store():
                client.put_object_retention(
                    **what, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
                )
                told = client.get_object_retention(**what)["Retention"]
            if told.get("Mode") != "COMPLIANCE" or told.get("RetainUntilDate") < until:
                raise VerificationError(
                    "the store does not keep the lock that it was asked for; nothing of this "
                    "backup was recorded",
                    "look at the store",
                )

    def recorded(self) -> None:
        """Take the marker away."""
        self._drop([MARKER])

    def undo(self) -> None:
        """Delete everything that was put; what is locked stays, with the marker."""
        self._drop([*sorted(self._versions.keys() - {MARKER}), MARKER])

    def _drop(self, names: Sequence[str]) -> None:
        with suppress(SourceFault), reading():
            for name in names:
                if name in self._versions:
                    self._bucket.client.delete_object(**self._location(name).what)

    def _location(self, name: str) -> Location:
        return Location(self._bucket.bucket, f"{self._folder}/{name}", self._versions[name])


class _Upload:
    """What takes the bytes of one object: in one request, or in parts if they are many."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._client = bucket.client
        self._what = {"Bucket": bucket.bucket, "Key": key}
        self._waiting = bytearray()
        self._id = ""
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes, /) -> None:
        self._waiting += data
        while len(self._waiting) >= _PART:
            part = bytes(self._waiting[:_PART])
            del self._waiting[:_PART]
            self._send(part)

    def finish(self) -> str:
        """Send the rest; the version that it became, empty where the bucket keeps none."""
        with on_store():
            if not self._id:
                told = self._client.put_object(**self._what, Body=bytes(self._waiting))
                return _version_in(told)
        if self._waiting:
            self._send(bytes(self._waiting))
        with on_store():
            told = self._client.complete_multipart_upload(
                **self._what, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )
        return _version_in(told)

    def abort(self) -> None:
        """Let go of the parts that were sent."""
        if self._id:
            with suppress(SourceFault), reading():
                self._client.abort_multipart_upload(**self._what, UploadId=self._id)

    def _send(self, data: bytes) -> None:
        with on_store():
            if not self._id:
                self._id = self._client.create_multipart_upload(**self._what)["UploadId"]
            number = len(self._parts) + 1
            told = self._client.upload_part(
                **self._what, UploadId=self._id, PartNumber=number, Body=data
            )
        self._parts.append({"PartNumber": number, "ETag": told["ETag"]})


def _version_in(told: dict[str, Any]) -> str:
    version = str(told.get("VersionId") or "")
    return "" if version == UNVERSIONED else version
