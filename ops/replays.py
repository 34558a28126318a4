"""Verdicts of `tape replay`, kept in the run folder: a replay writes nothing to the log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = "replays.jsonl"
TAIL_BYTES: Final = 65_536


class Replayed(NamedTuple):
    """One shard's verdict: when it was found (Unix time), over how many epochs, what differs."""

    at_ms: int
    shard: str
    equal: bool
    epochs: int
    detail: str


def note(run_dir: Path, found: Replayed) -> None:
    """One line more; several processes may write at once."""
    run_dir.mkdir(parents=True, exist_ok=True)
    line = json.dumps(found).encode() + b"\n"
    file = os.open(run_dir / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


class Noted:
    """What was noted last, oldest first; the file is read when it was changed."""

    def __init__(self, run_dir: Path) -> None:
        self._file, self._read_at, self._found = run_dir / FILE, -1, list[Replayed]()

    def __call__(self) -> list[Replayed]:
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._read_at:
                self._read_at, self._found = changed, list(filter(None, self._lines()))
        except OSError:
            self._read_at, self._found = -1, []
        return self._found

    def _lines(self) -> list[Replayed | None]:
        with self._file.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL_BYTES, 0))
            lines = file.read().splitlines()
        return [replayed(line) for line in (lines[1:] if size > TAIL_BYTES else lines)]


def replayed(line: bytes) -> Replayed | None:
    """None for a line that is none."""
    try:
        at_ms, shard, equal, epochs, detail = json.loads(line)
        return Replayed(int(at_ms), str(shard), bool(equal), int(epochs), str(detail))
    except (ValueError, TypeError):
        return None
