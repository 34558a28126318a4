"""Lines that say the same again and again: how many pass, and what is kept of them.

The same is what one place in the code says (logger, level, and of warnings the text before the
figures are put in). In a window the first few pass; how many were left out says the next that does,
or, where none comes, whatever is said next.
Nothing from CRITICAL on is ever left out, and errors are counted whether they pass or not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

WINDOW_S: Final = 10.0
PASS: Final = 5
GROUPS_MAX: Final = 200
Group = tuple[str, int, str]


@dataclass
class _Window:
    began_s: float
    passed: int = 0
    left_out: int = 0
    last: logging.LogRecord | None = None  # of those left out


@dataclass
class _Kept:
    count: int
    first_ts: float
    last_ts: float
    last: str


def _group(record: logging.LogRecord) -> Group:
    """A warning's text before the figures are put in, where it says anything; else all of it."""
    text = str(record.msg)
    bare = not text.replace("%s", "").strip(" :;")
    if bare or record.levelno < logging.WARNING:
        text = record.getMessage()
    return record.name, record.levelno, text


class Repeats(logging.Filter):
    """A filter of a handler. `counted` is told the level of every line."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s, self._lock = monotonic_s, Lock()
        self._windows: dict[Group, _Window] = {}
        self._kept: dict[Group, _Kept] = {}
        self.counted: Callable[[str], None] = lambda _: None

    def filter(self, record: logging.LogRecord) -> bool:
        self.counted(record.levelname)
        group = _group(record)
        with self._lock:
            if record.levelno >= logging.WARNING:
                self._keep(group, record)
            return record.levelno >= logging.CRITICAL or self._passes(group, record)

    def _passes(self, group: Group, record: logging.LogRecord) -> bool:
        now_s, window = self._monotonic_s(), self._windows.get(group)
        if window is None or now_s - window.began_s >= WINDOW_S:
            record.left_out = window.left_out if window else 0
            if len(self._windows) >= GROUPS_MAX:
                self._windows.clear()
            self._windows[group] = window = _Window(now_s)
        window.passed += 1
        if window.passed > PASS:
            window.left_out, window.last = window.left_out + 1, record
        return window.passed <= PASS

    def overdue(self, *, all_of_them: bool = False) -> list[logging.LogRecord]:
        """Lines that tell how many were left out, of windows that are over; each once. The line is
        the last that was left out, which counts for itself.
        """
        now_s, found = self._monotonic_s(), []
        with self._lock:
            for group, window in list(self._windows.items()):
                over = all_of_them or now_s - window.began_s >= WINDOW_S
                if over and window.last is not None:
                    window.last.left_out = window.left_out - 1
                    found.append(window.last)
                    del self._windows[group]
        return found

    def _keep(self, group: Group, record: logging.LogRecord) -> None:
        said = record.getMessage()
        kept = self._kept.get(group)
        if kept is None:
            if len(self._kept) >= GROUPS_MAX:
                oldest = min(self._kept, key=lambda one: self._kept[one].last_ts)
                del self._kept[oldest]
            self._kept[group] = _Kept(1, record.created, record.created, said)
            return
        kept.count, kept.last_ts, kept.last = kept.count + 1, record.created, said

    def rows(self) -> list[dict[str, Any]]:
        """What was said from WARNING on, grouped, the newest first; times in seconds since 1970."""
        with self._lock:
            found = [(group, _Kept(**vars(kept))) for group, kept in self._kept.items()]
        found.sort(key=lambda one: -one[1].last_ts)
        return [
            {"logger": name, "level": logging.getLevelName(level), **vars(kept)}
            for (name, level, _), kept in found
        ]
