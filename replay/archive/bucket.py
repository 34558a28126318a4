"""What an archive asks of S3, each with retries, and one clear line where it is refused.

A put names what it expects to be there, so that nobody's work is overwritten unseen. boto3 is slow
to import and needed for `s3://` alone: whoever makes a `Bucket` imports this module.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

from replay.archive.errors import ArchiveAway, ArchiveError
from replay.archive.options import S3Options

PART_BYTES: Final = 16 * 1024 * 1024
UPLOADS: Final = 4  # parts under way at once
PIECE_BYTES: Final = 1024 * 1024
PAUSE_S: Final = 0.1
_BROKEN: Final = (HTTPClientError, IncompleteReadError, FlexibleChecksumError)
_ABSENT: Final = ("404", "NoSuchKey", "NotFound")
_TAKEN: Final = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload", *_ABSENT)
T = TypeVar("T")


class Head(NamedTuple):
    """An object as it is now: its ETag changes with its content."""

    tag: str
    size: int


class Bucket:
    """One bucket. Raises `ArchiveAway` where S3 does not answer, or not now; `ArchiveError`."""

    def __init__(self, name: str, options: S3Options) -> None:
        self._name, self._options = name, options
        with told(name):
            self._client = client_of(options, os.getpid())
        self._encrypted: dict[str, str] = {}
        if options.encryption:
            self._encrypted["ServerSideEncryption"] = options.encryption
        if options.kms_key:
            self._encrypted["SSEKMSKeyId"] = options.kms_key

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins so."""
        with told(f"{self._name}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=prefix
            )
            for page in pages:
                yield from (found["Key"] for found in page.get("Contents", ()))

    def head(self, key: str) -> Head | None:
        """None where there is no such object."""
        with told(f"{self._name}/{key}"):
            try:
                found = self._client.head_object(Bucket=self._name, Key=key)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise
        return Head(found["ETag"], found["ContentLength"])

    def get(self, key: str) -> tuple[bytes, str]:
        """An object and its tag."""
        with told(f"{self._name}/{key}"):
            return self._again(lambda: self._get(key))

    def _get(self, key: str) -> tuple[bytes, str]:
        found = self._client.get_object(Bucket=self._name, Key=key)
        with _breaking():
            return found["Body"].read(), found["ETag"]

    def stream(self, key: str, tag: str, take: Callable[[bytes], object]) -> None:
        """Hands over an object piece by piece, if it still has this tag. One that breaks off is
        asked for from there on.
        """
        done = [0]
        with told(f"{self._name}/{key}"):
            self._again(lambda: self._stream(key, tag, take, done))

    def _stream(self, key: str, tag: str, take: Callable[[bytes], object], done: list[int]) -> None:
        from_there = {"Range": f"bytes={done[0]}-"} if done[0] else {}
        found = self._client.get_object(Bucket=self._name, Key=key, IfMatch=tag, **from_there)
        with _breaking():
            for piece in found["Body"].iter_chunks(PIECE_BYTES):
                take(piece)
                done[0] += len(piece)

    def put(self, key: str, data: bytes, expected: str | None) -> str | None:
        """Puts an object in the place of the one with the tag `expected`, or where there is none;
        its new tag. None where something else is there.
        """
        condition = {"IfMatch": expected} if expected else {"IfNoneMatch": "*"}
        with told(f"{self._name}/{key}"), _taken() as taken:
            put = self._client.put_object(
                Bucket=self._name, Key=key, Body=data, **condition, **self._encrypted
            )
        return None if taken else str(put["ETag"])

    def upload(self, key: str, file: Path) -> str | None:
        """Puts a file where there is no object; its tag. None where there is one."""
        size = file.stat().st_size
        if size <= PART_BYTES:
            return self.put(key, file.read_bytes(), None)
        with told(f"{self._name}/{key}"), _taken() as taken:
            tag = self._in_parts(key, file, -(-size // PART_BYTES))
        return None if taken else tag

    def _in_parts(self, key: str, file: Path, count: int) -> str:
        begun = self._client.create_multipart_upload(Bucket=self._name, Key=key, **self._encrypted)
        upload = {"Bucket": self._name, "Key": key, "UploadId": begun["UploadId"]}
        try:
            with ThreadPoolExecutor(UPLOADS, "tape-upload") as pool:
                parts = list(pool.map(lambda at: self._part(upload, file, at), range(count)))
            done = self._client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
            return str(done["ETag"])
        except BaseException:
            with suppress(ClientError, BotoCoreError):  # what went wrong first is told
                self._client.abort_multipart_upload(**upload)
            raise

    def _part(self, upload: dict[str, Any], file: Path, at: int) -> dict[str, Any]:
        with file.open("rb") as handle:
            handle.seek(at * PART_BYTES)
            data = handle.read(PART_BYTES)
        put = self._client.upload_part(**upload, PartNumber=at + 1, Body=data)
        return {"PartNumber": at + 1, "ETag": put["ETag"]}

    def delete(self, key: str, expected: str | None) -> bool:
        """Removes an object, with `expected` the one of this tag alone; False where something else
        is there.
        """
        condition = {"IfMatch": expected} if expected else {}
        with told(f"{self._name}/{key}"), _taken() as taken:
            self._client.delete_object(Bucket=self._name, Key=key, **condition)
        return not taken or taken[0] in _ABSENT

    def _again(self, step: Callable[[], T]) -> T:
        """A body that breaks off is not retried by boto3: asks anew, after pauses that double."""
        for number in range(self._options.attempts - 1):
            try:
                return step()
            except _Broken:
                time.sleep(PAUSE_S * 2**number)
        return step()


@cache
def client_of(options: S3Options, process: int) -> Any:
    """One per process: a forked one must not share its parent's connections. A session of its own,
    for the default one may be used by one thread only.
    """
    limit_s = options.timeout_s
    retries = {"mode": "standard", "total_max_attempts": options.attempts}
    config = Config(retries=retries, connect_timeout=limit_s, read_timeout=limit_s)
    return boto3.Session().client("s3", endpoint_url=options.endpoint_url, config=config)


class _Broken(Exception):
    """A body ended too soon."""


@contextmanager
def _breaking() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise _Broken(str(error)) from error


@contextmanager
def _taken() -> Iterator[list[str]]:
    """Fills the list where a condition did not hold. An upload that is gone was completed: its
    answer was lost, and boto3 asked again. An object that is gone has no tag.
    """
    found: list[str] = []
    try:
        yield found
    except ClientError as error:
        if code_of(error) not in _TAKEN:
            raise
        found.append(code_of(error))


@contextmanager
def told(place: str) -> Iterator[None]:
    """What S3 refuses, and where, in one line."""
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        text = f"s3://{place}: {_line(said.get('Message') or 'refused')} ({code_of(error)})"
        raise (ArchiveAway if status >= 500 or status == 429 else ArchiveError)(text) from None
    except (HTTPClientError, _Broken) as error:
        raise ArchiveAway(f"s3://{place}: {_line(str(error))}") from None
    except (BotoCoreError, ValueError) as error:
        raise ArchiveError(f"s3://{place}: {_line(str(error))}") from None


def code_of(error: ClientError) -> str:
    """S3's own word for what is wrong."""
    return str(error.response["Error"].get("Code", ""))


def _line(text: str) -> str:
    return " ".join(text.split())
