"""At most so many in any window of time: the venue's limits on connections and on requests."""

from __future__ import annotations

from collections import deque
from math import inf


class RateLimit:
    """A sliding window, exact: never more than `count` taken in any `window_s` seconds.

    A token bucket of the same size would allow nearly twice as many across a window's edge.
    """

    def __init__(self, count: int, window_s: float) -> None:
        self._window_s = window_s
        self._taken_s: deque[float] = deque(maxlen=count)
        self._paused_s = -inf

    def wait_s(self, now_s: float) -> float:
        """How long from now until one more may be taken; 0.0 if it may be now."""
        free_s = self._paused_s
        if len(self._taken_s) == self._taken_s.maxlen:
            free_s = max(free_s, self._taken_s[0] + self._window_s)
        return max(0.0, free_s - now_s)

    def pause(self, until_s: float) -> None:
        """Let none be taken before; of several pauses the longest counts."""
        self._paused_s = max(self._paused_s, until_s)

    def take(self, now_s: float) -> None:
        """Count one at `now_s`; the caller has waited."""
        assert self.wait_s(now_s) <= 0.0, "taken before its time"
        self._taken_s.append(now_s)
