"""The kill switch's latch: a file in the run folder that halts what it names.

It needs no log and no process that listens. A latch that cannot be read halts everything: an empty
file, bytes that are no latch, a folder that is gone. So a new one is in place before it is on disk:
a crash in between can only leave one that cannot be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from connectors.alone import alone
from connectors.durable import sync_folder
from pipelines.gateway.scopes import HALTED, Scope, States
from schemas.errors import TapeError

NAME: Final = "latch.json"
_Mark = tuple[int, int, int, int]


class LatchBroken(TapeError):
    """The latch file cannot be read or written."""


class Halt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One halt: its scope (None: all), who decided it and why, wall time in nanoseconds UTC."""

    account: str | None
    strategy: str | None
    instrument: str | None
    person: str
    reason: str
    ts_ns: int

    @property
    def scope(self) -> Scope:
        return self.account, self.strategy, self.instrument


_decode: Final = msgspec.json.Decoder(list[Halt]).decode


def latch_path(run_dir: Path) -> Path:
    """Where the latch of a run folder lies."""
    return run_dir / "gateway" / NAME


class Latch:
    """The file as a gateway reads it before every order: one `stat` unless it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[_Mark | None, States | None] = (None, None)

    def states(self) -> States | None:
        """What is halted; None if that cannot be told."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return States() if self._path.parent.is_dir() else None
        except OSError:
            return None
        mark = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        if self._seen[0] != mark:
            self._seen = (mark, _states(self._path))
        return self._seen[1]


def _states(path: Path) -> States | None:
    try:
        return States({halt.scope: HALTED for halt in halts(path)})
    except LatchBroken:
        return None


def halts(path: Path) -> list[Halt]:
    """What the file says; nothing where there is none. Raises `LatchBroken`."""
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise LatchBroken(f"{path} cannot be read: {error}") from None


def hold(path: Path, halt: Halt) -> None:
    """Adds a halt; in force when it returns. One that cannot be read is replaced by a halt of
    everything. Raises `LatchBroken`.
    """

    def change() -> None:
        try:
            kept = [one for one in halts(path) if one.scope != halt.scope]
        except LatchBroken:
            kept = [msgspec.structs.replace(halt, account=None, strategy=None, instrument=None)]
        _write(path, [*kept, halt])

    _exclusively(path, change)


def release(path: Path, scope: Scope) -> None:
    """Ends what is halted for exactly this scope. Raises `LatchBroken`."""

    def change() -> None:
        kept = [one for one in halts(path) if one.scope != scope]
        if kept:
            _write(path, kept)
        else:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    if path.exists():
        _exclusively(path, change)


def _exclusively(path: Path, change: Callable[[], None]) -> None:
    try:
        with alone(path.with_suffix(".lock")):
            change()
    except OSError as error:
        raise LatchBroken(f"{path} cannot be written: {error.strerror}") from None


def _write(path: Path, kept: list[Halt]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(kept))
        file.flush()
        fresh.replace(path)
        os.fsync(file.fileno())
    sync_folder(path.parent)
