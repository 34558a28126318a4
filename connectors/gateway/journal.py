"""What was sent and heard while the log was away: a local file, on disk before the next byte goes
out, handed to the log at the next start.

An entry is its length, its CRC-32 and the event as it would stand on the log. A torn last entry is
what a crash leaves, and is cut off; anything else that does not fit is refused.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import RawIOBase
from pathlib import Path
from typing import Any
from zlib import crc32

from connectors.durable import sync_folder
from schemas.codec import Codec
from schemas.errors import TapeError

_HEAD = 8


class JournalBroken(TapeError):
    """The journal of a time without the log cannot be read."""


class Journal:
    """One account's file. Every `append` is on disk when it returns."""

    def __init__(self, path: Path, codec: Codec) -> None:
        self._path, self._codec = path, codec

    def append(self, events: Sequence[Any]) -> None:
        """Raises `OSError`, and leaves the entries of before then."""
        entries = b"".join(_entry(self._codec.encode(event)) for event in events)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            whole = file.tell()
            try:
                _write(file, entries)
            except OSError:
                file.truncate(whole)
                raise
        sync_folder(self._path.parent)

    def read(self) -> list[Any]:
        """All events, oldest first; none where there is no file. What is written next follows the
        last of them. Raises `JournalBroken`.
        """
        if not self._path.exists():
            return []
        data, events, at = self._path.read_bytes(), [], 0
        while at + _HEAD <= len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            value = data[at + _HEAD : at + _HEAD + size]
            if len(value) < size:
                break
            if crc32(value) != int.from_bytes(data[at + 4 : at + _HEAD], "big"):
                raise JournalBroken(f"{self._path}: the entry at byte {at} is damaged")
            events.append(self._codec.decode(value))
            at += _HEAD + size
        if at < len(data):
            os.truncate(self._path, at)
        return events

    def clear(self) -> None:
        """After everything in it is committed to the log."""
        self._path.unlink(missing_ok=True)


def _write(file: RawIOBase, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]
    os.fsync(file.fileno())


def _entry(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + crc32(value).to_bytes(4, "big") + value
