"""The order in which a venue received what: market events by their place on the log, requests in
full, each with the venue's time. From it and the market alone every decision follows again.

One JSON array per line in `arrivals.jsonl`. Market events without a consequence are written in
lots; whatever led to a decision is handed to the system before the decision goes to the journal, so
a killed process loses nothing that anybody was told of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from connectors.simulated.errors import VenueError
from connectors.simulated.journal import encode
from pipelines.logic import Position
from pipelines.matching.model import CancelOrder, Fees, Instrument, PlaceOrder, Request, Transfer

FILE: Final = "arrivals.jsonl"
LOT_BYTES: Final = 64 * 1024


class Opened(msgspec.Struct, array_like=True, tag="opened", gc=False):
    """The venue began, with `decisions` in its journal; what rests is unplaced until its depth is
    seen.
    """

    decisions: int
    fees: Fees
    instruments: tuple[Instrument, ...]


class Heard(msgspec.Struct, array_like=True, tag="market", gc=False):
    """A market event, by where it lies on the log."""

    topic: str
    partition: int
    offset: int
    ts_ns: int


class Placed(msgspec.Struct, array_like=True, tag="place", gc=False):
    request: PlaceOrder
    ts_ns: int


class Cancelled(msgspec.Struct, array_like=True, tag="cancel", gc=False):
    request: CancelOrder
    ts_ns: int


class Moved(msgspec.Struct, array_like=True, tag="transfer", gc=False):
    request: Transfer
    ts_ns: int


Arrival = Opened | Heard | Placed | Cancelled | Moved
_decode: Final = msgspec.json.Decoder(Arrival).decode


class Arrivals(Protocol):
    """Where arrivals are noted."""

    def note(self, arrival: Arrival) -> None: ...
    def flush(self) -> None:
        """Returns once the system has them."""
        ...


class NoArrivals:
    """Keeps nothing."""

    def note(self, arrival: Arrival) -> None:
        pass

    def flush(self) -> None:
        pass


class FileArrivals:
    """Appends to the file in a folder; what a crash tore off at its end is cut off first. Raises
    `VenueError`.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._lot = folder / FILE, bytearray()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self.path.open("a+b", buffering=0)
            _cut_torn_end(self._file)
        except OSError as error:
            raise VenueError(f"cannot keep {self.path}: {error.strerror}") from None

    def note(self, arrival: Arrival) -> None:
        self._lot += encode(arrival) + b"\n"
        if len(self._lot) >= LOT_BYTES:
            self.flush()

    def flush(self) -> None:
        lot, self._lot = bytes(self._lot), bytearray()
        try:
            while lot:
                lot = lot[self._file.write(lot) :]
        except OSError as error:
            raise VenueError(f"cannot write {self.path}: {error.strerror}") from None

    def close(self) -> None:
        self.flush()
        self._file.close()


def request_arrived(request: Request, ts_ns: int) -> Arrival:
    """A request as it is noted."""
    if isinstance(request, PlaceOrder):
        return Placed(request, ts_ns)
    return Cancelled(request, ts_ns) if isinstance(request, CancelOrder) else Moved(request, ts_ns)


def heard_at(position: Position, ts_ns: int) -> Heard:
    return Heard(*position, ts_ns)


def arrivals_of(folder: Path) -> Iterator[Arrival]:
    """What a venue noted, in order. Raises `VenueError` for a file that is not one."""
    path = folder / FILE
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _arrival(path, number, line)
    except OSError as error:
        raise VenueError(f"no arrivals in {path}: {error.strerror}") from None


def _arrival(path: Path, number: int, line: bytes) -> Any:
    try:
        return _decode(line)
    except msgspec.DecodeError as error:
        raise VenueError(f"{path} is damaged in line {number}: {error}") from None


def _cut_torn_end(file: IO[bytes]) -> None:
    """The file then ends with a whole line."""
    end = at = file.seek(0, os.SEEK_END)
    while at:
        start = max(0, at - LOT_BYTES)
        file.seek(start)
        found = file.read(at - start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        file.truncate(at)
