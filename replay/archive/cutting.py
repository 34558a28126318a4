"""Where one file of a partition ends and the next begins: at a multiple of `FILE_OFFSETS`, and
before the first record of a UTC day of log time. Nothing else decides, not who reads when.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from replay.archive.layout import FILE_OFFSETS, day_number, day_of


class Cutter:
    """The file being filled: its first offset, its day (None before its first record) and the
    partition's log time, in milliseconds UTC (-1 before the partition's first record).
    """

    def __init__(self, start: int, log_time_ms: int) -> None:
        self.start, self.log_time_ms = start, log_time_ms
        self._day: int | None = None

    @property
    def limit(self) -> int:
        """The multiple at which it ends at the latest."""
        return (self.start // FILE_OFFSETS + 1) * FILE_OFFSETS

    @property
    def day(self) -> str:
        return day_of(self.log_time_ms)

    def take(self, offsets: Sequence[int], timestamps: Sequence[int], at: int) -> int:
        """Index behind the records that belong to this file, `at` being the first not taken."""
        stop = bisect_left(offsets, self.limit, at)
        if stop == at:
            return at
        if self._day is None:
            self._day = day_number(max(self.log_time_ms, timestamps[at]))
        newest = max(timestamps[at:stop])
        if day_number(newest) > self._day:
            days = map(day_number, timestamps[at:stop])
            stop = at + next(i for i, day in enumerate(days) if day > self._day)
            newest = max(timestamps[at:stop], default=-1)
        self.log_time_ms = max(self.log_time_ms, newest)
        return stop

    def begin(self, start: int) -> None:
        """The next file."""
        self.start, self._day = start, None
