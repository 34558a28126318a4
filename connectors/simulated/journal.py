"""What the venue must not forget: an append-only file of decisions, fsynced before anybody is told.

One line per decision (all its events, so a crash keeps it whole or not at all):
`<crc32 of the rest, 8 hex digits> <JSON>`. A torn last line is cut off at start: nobody was told of
it. Any other damage is an error; the file is never repaired by guessing.

Lines that come while a write is under way are written and fsynced together, and with them those of
requests that had come by its end.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol
from zlib import crc32

import msgspec

from connectors.durable import sync_folder
from connectors.simulated.errors import VenueError
from pipelines.matching.model import OrderAdded, OrderEnded, OrderTraded, Transferred

log = logging.getLogger("tape.venue")

FILE: Final = "journal.jsonl"
TURNS: Final = 3  # of the event loop, from a request's bytes to its line
Events = list[OrderAdded | OrderTraded | OrderEnded | Transferred]

encode: Final = msgspec.json.Encoder(decimal_format="string", enc_hook=str).encode
"""JSON of what a venue notes: numbers as text (the hook is for `Exact`), equal for equal events."""

_decode = msgspec.json.Decoder(Events).decode


class Journal(Protocol):
    """`append` gives a line's number; `durable` is the number of the last line on disk."""

    durable: int
    on_durable: Callable[[], None]

    def append(self, events: Events) -> int: ...
    async def reached(self, number: int) -> None:
        """Returns when a line is on disk. Raises `VenueError` if it never will be."""
        ...


class MemoryJournal:
    """Forgets everything with the process: for tests and backtests."""

    def __init__(self) -> None:
        self.durable = 0
        self.on_durable: Callable[[], None] = lambda: None

    def append(self, events: Events) -> int:
        self.durable += 1
        return self.durable

    async def reached(self, number: int) -> None:
        pass


class FileJournal:
    """`async with FileJournal(folder)`: one process at a time. Raises `VenueError`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.durable = self._appended = 0
        self.on_durable: Callable[[], None] = lambda: None
        self._file = _open(folder)
        self._pending: list[bytes] = []
        self._work = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._failed: VenueError | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def read(self) -> Iterator[Events]:
        """The decisions of before, oldest first; cuts off a torn end."""
        good = 0
        self._file.seek(0)
        data = self._file.read()
        for number, line in enumerate(data.splitlines(keepends=True), start=1):
            events = _events(line)
            if events is None:
                if good + len(line) < len(data):
                    raise VenueError(
                        f"{self.path} is damaged in line {number}: it is kept as it is"
                    )
                log.warning("%s: the last line was torn by a crash and is cut off", self.path)
                break
            good += len(line)
            yield events
        self._file.truncate(good)
        self._file.seek(good)

    async def __aenter__(self) -> FileJournal:
        self._task = asyncio.create_task(self._write_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._closing = True
        self._work.set()
        await self._task
        self.close()

    def close(self) -> None:
        """Lets go of the file, also of one that was never written to."""
        self._file.close()

    def check(self) -> None:
        """Raises `VenueError` once a write has failed."""
        if self._failed is not None:
            raise self._failed

    def append(self, events: Events) -> int:
        body = encode(events)
        self._pending.append(b"%08x %b\n" % (crc32(body), body))
        self._appended += 1
        self._work.set()
        return self._appended

    async def reached(self, number: int) -> None:
        self.check()
        if number > self.durable:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((number, future))
            await future

    async def _write_all(self) -> None:
        while self._pending or not self._closing:
            await self._work.wait()
            self._work.clear()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            lines, self._pending = self._pending, []
            end = self.durable + len(lines)
            try:
                await asyncio.to_thread(_write, self._file, b"".join(lines))
            except OSError as error:
                self._fail(VenueError(f"cannot write {self.path}: {error.strerror}"))
                return
            self.durable = end
            self._tell()

    def _tell(self) -> None:
        self.on_durable()
        for number, future in self._waiting:
            if number <= self.durable and not future.done():
                future.set_result(None)
        self._waiting = [one for one in self._waiting if one[0] > self.durable]

    def _fail(self, error: VenueError) -> None:
        log.critical("%s", error)
        self._failed = error
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()


def _open(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / FILE).open("a+b", buffering=0)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sync_folder(folder)
    except BlockingIOError:
        handle.close()
        raise VenueError(f"{folder} is used by another venue that runs") from None
    except OSError as error:
        raise VenueError(f"cannot keep state in {folder}: {error.strerror}") from None
    return handle


def _write(handle: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[handle.write(view) :]
    os.fsync(handle.fileno())


def _events(line: bytes) -> Events | None:
    mark, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or mark != b"%08x" % crc32(body):
        return None
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return None
