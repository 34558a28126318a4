"""At most so many in any window of time: the venue's limits on connections and on messages."""

from __future__ import annotations

from collections import deque


class RateLimit:
    """A sliding window, exact: never more than `count` taken in any `window_s` seconds.

    A token bucket of the same size would allow nearly twice as many across a window's edge.
    """

    def __init__(self, count: int, window_s: float) -> None:
        self._window_s = window_s
        self._taken_s: deque[float] = deque(maxlen=count)

    def wait_s(self, now_s: float) -> float:
        """How long from now until one more may be taken; 0.0 if it may be now."""
        if len(self._taken_s) < (self._taken_s.maxlen or 0):
            return 0.0
        return max(0.0, self._taken_s[0] + self._window_s - now_s)

    def take(self, now_s: float) -> None:
        """Count one at `now_s`; the caller has waited."""
        assert self.wait_s(now_s) <= 0.0, "taken before its time"
        self._taken_s.append(now_s)
