"""Where one file of a partition ends and the next begins: at a multiple of `FILE_OFFSETS`, and
before the first record of a UTC day of log time. Nothing else decides, not who reads when.

A record without a time (`TIMELESS_MS` or less: what a process says of itself before its first
input, see `connectors.epochs.records.record_stamp`) begins no day: it lies in that of the first
record after it that has one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from replay.archive.layout import FILE_OFFSETS, day_number, day_of

TIMELESS_MS: Final = 1


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
        day = self._begun(timestamps[at:stop])
        newest = max(timestamps[at:stop])
        if day_number(newest) > day:
            days = map(day_number, timestamps[at:stop])
            stop = at + next(i for i, number in enumerate(days) if number > day)
            newest = max(timestamps[at:stop], default=-1)
        self.log_time_ms = max(self.log_time_ms, newest)
        return stop

    def _begun(self, timestamps: Sequence[int]) -> int:
        """The file's day, which begins with its first record that has a time."""
        if self._day is None:
            if self.has_time:
                reached = max(self.log_time_ms, timestamps[0])
            else:
                reached = next((stamp for stamp in timestamps if stamp > TIMELESS_MS), 0)
            self._day = day_number(reached) if reached else None
        return self._day or 0

    @property
    def has_time(self) -> bool:
        """Whether the partition has reached any time at all."""
        return self.log_time_ms > TIMELESS_MS

    def begin(self, start: int) -> None:
        """The next file."""
        self.start, self._day = start, None
