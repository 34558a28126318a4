"""`tape replay --speed`: the pace as a person asks for it; `step` waits for a key or a line."""

from __future__ import annotations

import sys
import termios
import tty
from collections.abc import Callable
from typing import Final, TextIO

from replay.pace import STEP, Pace, Paced, at_once, factor, log_time
from replay.times import text_of
from schemas.events import EpochCommitted

QUITS: Final = frozenset({"", "q", "Q", "\x03", "\x04"})


def pace_of(speed: str) -> Callable[[], Pace]:
    """What makes the pace of each shard. Raises `BadSpeed`."""
    number = factor(speed)
    if number is not None:
        return lambda: Paced(number)
    return Stepped if speed == STEP else lambda: at_once


class Stepped:
    """One epoch per key at a terminal, per line elsewhere; q or the end of input ends the run."""

    def __init__(self, keys: TextIO | None = None, tell: TextIO | None = None) -> None:
        self._keys, self._tell = keys or sys.stdin, tell or sys.stderr

    def __call__(self, epoch: EpochCommitted) -> bool:
        at_ms, count = log_time(epoch), sum(read.count for read in epoch.inputs)
        when = f", {text_of(at_ms)}" if at_ms >= 0 else ""
        line = f"epoch {epoch.sequence}{when}: {count} records, {epoch.output_count} outputs"
        print(line, file=self._tell, flush=True)
        return self._pressed() not in QUITS

    def _pressed(self) -> str:
        """The key, or the line without its end but " " for an empty one; nothing at the end."""
        if self._keys.isatty():
            return _key(self._keys)
        line = self._keys.readline()
        return (line.strip() or " ") if line else ""


def _key(terminal: TextIO) -> str:
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # what was typed ahead counts
        return terminal.read(1)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
